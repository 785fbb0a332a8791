"""A log whose customers are called otherwise, as when several turn out to be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from attrs import evolve

from journeymap.analysis.table.ordering import offsets_of, ordering
from journeymap.exceptions import AnswerError

if TYPE_CHECKING:
    from journeymap.analysis.log import Log

__all__ = ["renamed"]


def renamed(log: Log, name: Callable[[str], str | None]) -> Log:
    """The log with each customer under the name that ``name`` answers (None: as it was)."""
    if log._views:
        message = "customers are renamed in the whole log, not in a part that where() shows"
        raise AnswerError("known_as", message)
    codes: dict[str, int] = {}
    names = [name(old) or old for old in log._ids.to_list()]
    strange = next((one for one in names if not isinstance(one, str)), None)
    if strange is not None:
        raise AnswerError("known_as", f"a customer's name is a text, not {strange!r}")
    owner = np.array([codes.setdefault(one, len(codes)) for one in names], dtype=np.uint32)
    ids = pl.Series(log._ids.name, list(codes), dtype=pl.String)
    owners = np.repeat(owner, np.diff(log._offsets))
    order = ordering(owners, log._at)

    def ordered(column: Any) -> Any:
        return column if column is None or order is None else column[order]

    changed: Log = evolve(
        log,
        ids=ids,
        offsets=offsets_of(ordered(owners)),
        at=ordered(log._at),
        touchpoints=ordered(log._touchpoints),
        levels={k: evolve(v, codes=ordered(v.codes)) for k, v in log._levels.items()},
        numbers={k: ordered(v) for k, v in log._numbers.items()},
    )
    return changed
