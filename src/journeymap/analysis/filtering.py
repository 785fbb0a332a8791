"""The part of a log that matches: a log of its own, in the same order and coding."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from attrs import evolve

from journeymap.exceptions import ColumnsError

if TYPE_CHECKING:
    from journeymap.analysis.log import Log

__all__ = ["filtered"]


def filtered(
    log: Log,
    levels: dict[str, str | Iterable[str]],
    customer: str | Iterable[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> Log:
    """Keep the interactions that match every condition."""
    whole = log._part(0, log.journeys)
    keep = np.ones(log.interactions, dtype=bool)
    for level, wanted in levels.items():
        chosen = set(_names(level, wanted))
        named = np.array([name in chosen for name in whole.names(level)], dtype=bool)
        keep &= named[whole.codes(level)]
    if customer is not None:
        ids = _names("customer", customer)
        mine = log.customer_ids.is_in(pl.Series(ids, dtype=pl.String).implode()).to_numpy()
        keep &= mine[log._owners][whole.journey]
    if since is not None:
        keep &= log._at >= _micros("since", since)
    if until is not None:
        keep &= log._at < _micros("until", until)
    return _taken(log, np.flatnonzero(keep), whole.journey)


def _names(level: str, wanted: str | Iterable[str]) -> list[str]:
    given: Any = wanted
    several = isinstance(given, Iterable) and not isinstance(given, str)
    names: list[Any] = list(given) if several else [given]
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise ColumnsError(f"{level}: a name or several are expected, not {wrong!r}")
    return names


def _micros(name: str, moment: datetime) -> int:
    if not isinstance(moment, datetime):
        raise ColumnsError(f"{name}: a datetime is expected, not {moment!r}")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ColumnsError(f"{name}: a time without a zone is a guess; name it")
    epoch = datetime.fromtimestamp(0, tz=moment.tzinfo)
    return (moment - epoch) // timedelta(microseconds=1)


def _taken(log: Log, rows: Any, journey: Any) -> Log:
    kept, begins = np.unique(journey[rows], return_index=True)
    people, owners = np.unique(log._owners[kept], return_inverse=True)
    at = log._at[rows]
    first, last = (int(at.min()), int(at.max())) if len(at) else (0, 0)
    levels = {
        name: level if level.codes is None else evolve(level, codes=level.codes[rows])
        for name, level in log._levels.items()
    }
    changed: Log = evolve(
        log,
        scope=evolve(log.scope, first=first, last=last),
        customer_ids=log.customer_ids.gather(people),
        owners=owners.astype(np.uint32),
        offsets=np.append(begins, len(rows)).astype(np.int64),
        at=at,
        touchpoints=log._touchpoints[rows],
        levels=levels,
        numbers={role: column[rows] for role, column in log._numbers.items()},
    )
    return changed
