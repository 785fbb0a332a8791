"""The time that remains, learned from a log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import numpy as np
import polars as pl
from attrs import evolve, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.recent_steps import check_half_life, check_memory
from journeymap.analysis.measuring.remaining import (
    NO_NEXT,
    Predictors,
    Sampled,
    Situations,
)
from journeymap.analysis.measuring.resampling import hash_customers, keep_lowest
from journeymap.analysis.measuring.sequences import expand_spans
from journeymap.analysis.row_fields import Key, N, Seconds, Share
from journeymap.analysis.table.part import Ints, Part, Scope, code_of, require_times
from journeymap.model import RemainingTimes
from journeymap.model.durations import span_text
from journeymap.model.instants import MICROSECOND
from journeymap.model.rules import chosen_or_length, of_type

__all__ = ["RemainingTime", "RemainingTimeAnswer", "RemainingTimeRow"]

MAX_CUSTOMERS = 20_000
"""Customers that are learned from; of more, those whose hashed names are lowest."""
ANYTHING = "(any)"
"""The row for whatever element it was."""


@frozen
class RemainingTimeRow:
    """An element, and how long journeys went on from it.

    Attributes:
        element: The element; ``(any)`` for whatever it was.
        n: How many interactions at it were learned from.
        share: The share of them that more followed, or the element that is asked for.
        median: The median time until then, in seconds: of two in the middle, the shorter (None:
            nothing followed).
        low: The time before which it came in one of ten.
        high: The time before which it came in nine of ten.
    """

    element: Key
    n: N
    share: Share
    median: Seconds | None
    low: Seconds | None
    high: Seconds | None


@frozen(eq=False, repr=False)
class RemainingTimeAnswer(Answer[RemainingTimeRow]):
    """The elements, those from which it takes longest first.

    Attributes:
        table: A table that predicts the remaining time.
        half_life: The time in which a journey loses half of its weight (None: all weigh alike).
        sampled: Whether customers were left out, because there are too many.
    """

    Row = RemainingTimeRow
    table: RemainingTimes = field(kw_only=True)
    half_life: timedelta | None = field(default=None, kw_only=True)
    sampled: bool = field(default=False, kw_only=True)

    def notes(self) -> list[str]:
        """Write what the table predicts by.

        Returns:
            The sentences.
        """
        memory = self.table.memory
        facts = ["the last element"] if memory == 1 else [f"up to {memory} elements"]
        facts += ["the weekday"] if self.table.weekdays else []
        facts += ["the time since the journey began"] if self.table.elapsed else []
        found = [f"predicted by {', '.join(facts)}"]
        if self.half_life is not None:
            length = span_text(self.half_life.total_seconds())
            found.append(f"a journey that began {length} before the latest weighs half as much")
        if self.sampled:
            found.append(f"learned from {MAX_CUSTOMERS:,} customers")
        return found


@frozen(eq=False)
class _Measured:
    """The journeys of the customers whose hashed names are lowest, in order of the hashes."""

    names: tuple[str, ...]
    hashes: Any
    sizes: Ints
    codes: Ints
    at: Ints
    weekday: Ints
    sampled: bool


@frozen
class RemainingTime:
    """Learn how long journeys go on, or how long it takes until an element comes.

    The answer holds a ``table`` that predicts from what is known of a journey: its latest elements,
    the weekday, the time since it began, and how long nothing has come. It is a plain value, and
    travels as JSON. A journey ends with its last interaction; one that may go on counts as ended,
    so choose journeys that are over (``log.where(until=…)``, or cases of a process).

    With ``half_life="chosen"``, the facts that predict are chosen, too: those by which the medians
    of earlier journeys foretell the latest fifth best, the fewest that are not worse than the best
    by more than noise (see `measuring.remaining`).

    Attributes:
        to: The element that is waited for (None: the last one of the journey).
        by: The level at which interactions are read.
        memory: How many elements back are remembered, at most, from 0 to 8.
        half_life: The time in which a journey loses half of its weight, ``chosen``, or None for
            journeys that all weigh alike.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": ["a", "a", "b", "b"], "touchpoint": ["x", "y", "x", "y"],
    ...                       "at": [0, 60, 0, 30]}, Columns(at_unit="s"))
    >>> table = log.ask(RemainingTime()).table
    >>> found = table.after(["x"])
    >>> found.n, found.low, found.high
    (4, 30.0, 60.0)
    """

    to: str | None = field(default=None, validator=validators.optional(of_type(str)))
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)
    memory: int = field(default=8, validator=check_memory, kw_only=True)
    half_life: timedelta | Literal["chosen"] | None = field(
        default="chosen", converter=chosen_or_length, validator=check_half_life, kw_only=True
    )

    def measure(self, part: Part) -> _Measured:
        """Keep the journeys of some customers of a part."""
        require_times(part.scope, "RemainingTime")
        read = part.read(self.by)
        if self.to is not None and part.scope.interactions:
            code_of(read.names, self.by, self.to)
        names = tuple(map(str, read.names[1:]))
        if not len(read.codes):
            none = np.zeros(0, dtype=np.int64)
            hashes = np.zeros(0, dtype=np.uint64)
            return _Measured(names, hashes, none, none, none, none, sampled=False)
        hashes = hash_customers(part)[read.journey[read.offsets[:-1]]]
        weekday = _weekdays(read.at, part.scope.zone)
        whole = _Measured(names, hashes, np.diff(read.offsets), read.codes.astype(np.int64) - 1,
                          read.at, weekday, sampled=False)  # fmt: skip
        return _lowest(whole)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Keep the customers whose hashed names are lowest of two measurements."""
        names = tuple(sorted({*one.names, *other.names}))
        codes = [_recode(mine, names) for mine in (one, other)]
        both = _Measured(
            names, np.concatenate([one.hashes, other.hashes]),
            np.concatenate([one.sizes, other.sizes]), np.concatenate(codes),
            np.concatenate([one.at, other.at]), np.concatenate([one.weekday, other.weekday]),
            sampled=one.sampled or other.sampled,
        )  # fmt: skip
        return _lowest(both)

    def answer(self, measured: _Measured, scope: Scope) -> RemainingTimeAnswer:
        """Choose the facts, and learn from them."""
        sample = self._sample(measured)
        situations = Situations.of(sample, max(1, self.memory))
        if self.half_life == "chosen":
            facts = situations.choose(self.memory)
        else:
            half_life = None if self.half_life is None else self.half_life / MICROSECOND
            facts = Predictors(self.memory, weekdays=False, elapsed=False, half_life=half_life)
        table = RemainingTimes(
            self.by, self.to, facts.memory, zone=scope.zone, weekdays=facts.weekdays,
            elapsed=facts.elapsed, situations=situations.learn(facts),
        )  # fmt: skip
        each = Predictors(1, weekdays=False, elapsed=False, half_life=facts.half_life)
        known = evolve(table, memory=1, weekdays=False, elapsed=False,
                       situations=situations.learn(each, least=0.0))  # fmt: skip
        rows = []
        for path in sorted(path for path, _, _ in known.situations):
            if (found := known.after(path)) is not None:
                rows.append((path[-1] if path else ANYTHING, found.n, found.probability,
                             found.median, found.low, found.high))  # fmt: skip
        rows.sort(key=lambda row: (-(row[3] or 0.0), row[0]))
        return RemainingTimeAnswer(
            pl.DataFrame(rows, schema=RemainingTimeAnswer.schema(), orient="row"), table=table,
            half_life=None if facts.half_life is None else facts.half_life * MICROSECOND,
            sampled=measured.sampled,
        )  # fmt: skip

    def _sample(self, measured: _Measured) -> Sampled:
        """Compute how long it took from each interaction on."""
        offsets = np.append(0, np.cumsum(measured.sizes))
        begins, ends = offsets[:-1], offsets[1:] - 1
        journey = np.repeat(np.arange(len(begins)), measured.sizes)
        rows = np.arange(len(measured.codes))
        if self.to is None:
            target = ends[journey]
        else:
            goal = measured.names.index(self.to) if self.to in measured.names else -1
            marked = np.flatnonzero(measured.codes == goal)
            spot = np.searchsorted(marked, rows, side="right")
            target = np.append(marked, -1)[spot]
        there = (target > rows) & (target <= ends[journey])
        left = np.where(there, measured.at[target] - measured.at, -1) if len(rows) else rows
        pause = np.append(np.diff(measured.at), 0)[: len(rows)]
        pause[ends] = NO_NEXT
        return Sampled(measured.names, offsets, measured.codes, measured.at, measured.weekday,
                       measured.at[begins][journey], left, pause)  # fmt: skip


def _recode(measured: _Measured, names: tuple[str, ...]) -> Ints:
    """Change the codes of elements to their places in other names."""
    table = np.array([names.index(name) for name in measured.names], dtype=np.int64)
    return table[measured.codes] if len(measured.codes) else measured.codes


def _lowest(measured: _Measured) -> _Measured:
    """Keep the journeys of as many customers as are learned from, in order of their hashes."""
    kept, left_out = keep_lowest(measured.hashes, MAX_CUSTOMERS)
    sizes = measured.sizes[kept]
    begins = np.append(0, np.cumsum(measured.sizes))[kept]
    rows = expand_spans(begins, sizes)
    return _Measured(
        measured.names, measured.hashes[kept], sizes, measured.codes[rows], measured.at[rows],
        measured.weekday[rows], sampled=measured.sampled or left_out,
    )  # fmt: skip


def _weekdays(at: Ints, zone: str) -> Ints:
    """Find the weekday of each time in a zone; 1 is Monday."""
    times = pl.Series(at, dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    return times.dt.weekday().to_numpy().astype(np.int64)
