"""Signals of metrics: those that are missed, and those that are met again.

A verdict that is not sure changes nothing; a metric without an interval is met again only when it
is a margin better than its target. So a value close to the target gives no signal after signal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from journeymap.adapters.store import Transaction
from journeymap.exceptions import ElementError
from journeymap.live.outbox import letters_for, post_letters
from journeymap.model.instants import micros
from journeymap.tracking import MetricMetAgain, MetricMissed, Signal

__all__ = ["MetricReading", "check_margin", "latest_readings", "write_metric_signals"]

_MISSED = "missed metrics"  # a fact of a store


class MetricReading(Protocol):
    """A metric with its verdict, as a row of a scorecard has it; see `Scorecard`."""

    @property
    def metric(self) -> str:
        """The metric's id."""
        ...

    @property
    def of(self) -> str:
        """The element that it belongs to."""
        ...

    @property
    def departments(self) -> Sequence[str]:
        """The departments that share it."""
        ...

    @property
    def complete(self) -> bool | None:
        """Check whether its period is over (None: it is of no period)."""
        ...

    @property
    def value(self) -> float | None:
        """The value, in ``unit``."""
        ...

    @property
    def n(self) -> int:
        """How much it is taken over."""
        ...

    @property
    def low(self) -> float | None:
        """The lower bound of its interval (None: it has none)."""
        ...

    @property
    def unit(self) -> str:
        """The unit of value and target."""
        ...

    @property
    def target(self) -> float | None:
        """The value that it should reach."""
        ...

    @property
    def verdict(self) -> str | None:
        """``met``, ``missed`` or ``not sure``."""
        ...


def check_margin(margin: object) -> float:
    """Require a share of a target, from 0 to below 1."""
    if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 <= margin < 1:
        message = "a share of the target is expected, from 0 to below 1"
        raise ElementError("Live", "margin", margin, message)
    return float(margin)


def latest_readings(readings: Iterable[MetricReading]) -> dict[str, MetricReading]:
    """Take the last reading of each metric whose period is over, or its only one."""
    every: dict[str, list[MetricReading]] = {}
    for one in readings:
        if not all(hasattr(one, name) for name in ("metric", "verdict", "target", "complete")):
            message = "the rows of a scorecard are expected: log.ask(Scorecard(last='30 days'))"
            raise ElementError("Live", "scorecard", one, message)
        every.setdefault(one.metric, []).append(one)
    over = {
        name: [one for one in mine if one.complete is not False or len(mine) == 1]
        for name, mine in every.items()
    }
    return {name: mine[-1] for name, mine in over.items() if mine}


def write_metric_signals(
    tx: Transaction, readings: dict[str, MetricReading], now: datetime, margin: float,
    outgoing: frozenset[str],
) -> tuple[Signal, ...]:  # fmt: skip
    """Find what changed since the last readings, keep it, and post the letters."""
    tx.meta.lock()
    missed: dict[str, str] = json.loads(tx.meta.read().get(_MISSED) or "{}")
    found: list[Signal] = []
    for name, one in readings.items():
        value, target, since = one.value, one.target, missed.get(name)
        if value is None or target is None:
            continue
        facts = (name, one.of, tuple(one.departments), float(value), float(target), one.unit, one.n)
        if one.verdict == "missed" and since is None:
            found.append(MetricMissed("", now, len(found), *facts))
            missed[name] = now.isoformat()
        elif one.verdict == "met" and since is not None and _is_clear(one, value, target, margin):
            begun = datetime.fromisoformat(since)
            found.append(MetricMetAgain("", now, len(found), *facts, begun))
            del missed[name]
    if found:
        tx.meta.set(_MISSED, json.dumps(missed, ensure_ascii=False))
        post_letters(tx, letters_for(found, outgoing, micros(now)))
    return tuple(found)


def _is_clear(one: MetricReading, value: float, target: float, margin: float) -> bool:
    """Check whether a metric is surely met: an interval is margin enough."""
    return one.low is not None or abs(value - target) >= margin * abs(target)
