"""The next step, learned from a log."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from functools import cache, cached_property
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import distinct, rank_distinct
from journeymap.analysis.measuring.path_counts import PathCounts, count_paths
from journeymap.analysis.measuring.recent_steps import (
    MOST_PERIODS,
    PERIODS,
    Learned,
    check_half_life,
    check_memory,
    choose_memory,
    weigh_steps,
)
from journeymap.analysis.measuring.tally import sum_cells_exactly
from journeymap.analysis.row_fields import Count, Key, N, PathKey, Seconds, Share
from journeymap.analysis.table.part import Ints, Part, Reading, Scope, require_times
from journeymap.model import NextSteps
from journeymap.model.durations import span_text
from journeymap.model.instants import MICROSECOND, micros_in
from journeymap.model.next_steps import wait_class
from journeymap.model.rules import chosen_or_length, of_type

__all__ = ["NextStep", "NextStepAnswer", "NextStepRow"]


@frozen
class NextStepRow:
    """An element that followed a path of elements.

    Attributes:
        path: The elements before; empty for anything, ``(start)`` for the beginning.
        element: The element that followed.
        count: How often it did.
        share: Its share of all that followed the path.
        n: How often the path was followed by anything.
        wait_mean: Mean wait, in seconds (None where it is not known).
    """

    path: PathKey
    element: Key
    count: Count
    share: Share
    n: N
    wait_mean: Seconds | None


@frozen(eq=False)
class _Table:
    """Holds what the table is made of when it is first asked for."""

    by: str
    levels: list[PathCounts]
    weights: dict[tuple[str, ...], dict[str, float]] | None
    waits: dict[tuple[str, str], dict[int, int]]
    timed: bool

    @cached_property
    def made(self) -> NextSteps:
        """The table, in one order, whatever order the parts came in."""
        contexts: dict[tuple[str, ...], dict[str, tuple[int, int, int]]] = {}
        for level in self.levels:
            for _, path, name, sums in level.iterate(timed=self.timed):
                contexts.setdefault(path, {})[name] = sums
        weights = None
        if self.weights is not None:
            weights = {path: self.weights[path] for path in contexts}
        waits: dict[str, dict[str, dict[int, int]]] = {}
        for (last, name), classes in sorted(self.waits.items()):
            waits.setdefault(last, {})[name] = dict(sorted(classes.items()))
        return NextSteps(self.by, len(self.levels) - 1, contexts, weights=weights, waits=waits)

    def __eq__(self, other: object) -> bool:
        return self.made == other.made if isinstance(other, _Table) else NotImplemented


@frozen(eq=False, repr=False)
class NextStepAnswer(Answer[NextStepRow]):
    """The steps that followed each path, the shortest paths first.

    Attributes:
        half_life: The time in which a journey loses half of its weight (None: all weigh alike).
    """

    Row = NextStepRow
    _learned: _Table = field(kw_only=True)
    half_life: timedelta | None = field(default=None, kw_only=True)

    @property
    def table(self) -> NextSteps:
        """The table that predicts the next step."""
        return self._learned.made

    def notes(self) -> list[str]:
        """Write how much later journeys weigh.

        Returns:
            The sentences.
        """
        if self.half_life is None:
            return []
        length = span_text(self.half_life.total_seconds())
        return [f"a journey that began {length} before the latest weighs half as much"]


@frozen(eq=False)
class _Measured:
    """Holds what followed each path, and the waits from each element to the next, by class."""

    steps: PathCounts
    waits: dict[tuple[str, str], dict[int, int]]


@frozen
class NextStep:
    """Learn which step follows which.

    The answer holds a ``table`` that predicts: for a trail of elements, or for a state of the
    tracker with ``state.likely_next(table)``. It is a plain value, and travels as JSON to where
    no log is.

    With ``half_life="chosen"``, the memory and the half-life are those that predict the latest
    fifth of the journeys best, after learning from those before: a shorter memory, and no
    forgetting, unless more is better by more than noise.

    Attributes:
        by: The level at which interactions are read.
        memory: How many elements back are remembered, at most, from 0 to 8.
        half_life: The time in which a journey loses half of its weight, ``chosen``, or None for
            journeys that all weigh alike.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": ["a", "a", "b", "b"], "touchpoint": ["x", "y", "x", "y"],
    ...                       "at": [0, 60, 0, 30]}, Columns(at_unit="s"))
    >>> [best] = log.ask(NextStep()).table.after(["x"], top=1)
    >>> best.element, best.wait, best.n
    ('y', 45.0, 2)
    """

    by: str = field(default="touchpoint", validator=of_type(str))
    memory: int = field(default=3, validator=check_memory)
    half_life: timedelta | Literal["chosen"] | None = field(
        default=None, converter=chosen_or_length, validator=check_half_life, kw_only=True
    )

    rows_in_a_part: ClassVar[int] = 1 << 20

    def measure(self, part: Part) -> _Measured:
        """Count the steps that follow each path in a part, by the period a journey began in."""
        read = part.read(self.by)
        # To choose, it must be known when journeys began.
        longest = max(1, self.memory) if self.half_life == "chosen" else self.memory
        steps = count_paths(read, longest, self._periods(read))
        return _Measured(steps, _spread_waits(read) if part.scope.timed else {})

    def _periods(self, read: Reading) -> Ints | None:
        """Find the period in which each journey began."""
        if self.half_life is None or not len(read.codes):
            return None
        scope = read.part.scope
        require_times(scope, "NextStep(half_life=…)")
        begun = read.at[read.offsets[:-1]] - scope.first
        period: Ints = begun * self._period_count(scope) // (scope.last - scope.first + 1)
        return period

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum two measurements."""
        waits = {pair: dict(counts) for pair, counts in one.waits.items()}
        for pair, counts in other.waits.items():
            spread = waits.setdefault(pair, {})
            for number, count in counts.items():
                spread[number] = spread.get(number, 0) + count
        return _Measured(one.steps.merge(other.steps), waits)

    def answer(self, measured: _Measured, scope: Scope) -> NextStepAnswer:
        """Make the table, and its rows."""
        memory, half_life = self.memory, self._half_life_in_periods(scope)
        learned: Learned = {}
        if self.half_life is not None:
            learned = measured.steps.learned(timed=scope.timed)
        if self.half_life == "chosen":
            memory, half_life = choose_memory(learned, self.memory)
        steps = measured.steps.over_periods()
        levels = [steps.of_length(length) for length in range(memory + 1)]
        weights = None if half_life is None else weigh_steps(learned, half_life)
        table = _Table(self.by, levels, weights, measured.waits, scope.timed)
        known = self.half_life if isinstance(self.half_life, timedelta) else None
        if self.half_life == "chosen" and half_life is not None:
            known = half_life * self._period_length(scope) * MICROSECOND
        return NextStepAnswer(_framed(levels, scope), learned=table, half_life=known)

    def _half_life_in_periods(self, scope: Scope) -> float | None:
        if self.half_life is None or self.half_life == "chosen":
            return None
        return self.half_life / MICROSECOND / self._period_length(scope)

    def _period_count(self, scope: Scope) -> int:
        """Divide the span of the log so finely that several periods make a half-life."""
        if self.half_life is None or self.half_life == "chosen":
            return PERIODS
        length = self.half_life
        finely = 8 * (scope.last - scope.first + 1) // max(1, micros_in(length))
        return int(min(MOST_PERIODS, max(PERIODS, finely)))

    def _period_length(self, scope: Scope) -> float:
        return (scope.last - scope.first + 1) / self._period_count(scope)


def _framed(levels: list[PathCounts], scope: Scope) -> pl.DataFrame:
    """Make the frame of an answer, of the steps that followed paths of each length."""
    return pl.concat([_framed_level(level, timed=scope.timed) for level in levels])


def _framed_level(level: PathCounts, *, timed: bool) -> pl.DataFrame:
    """Make the rows of paths of one length: in the order of the paths, the most frequent first."""
    schema = NextStepAnswer.schema()
    path = level.number_paths()
    n = sum_cells_exactly(path, level.count, int(path.max()) + 1)[path] if len(path) else path
    known = level.mark_timed(timed=timed)
    waits = (level.high * 2.0**20 + level.low) / level.count / 1e6
    order = np.lexsort((level.cells[:, -1], -level.count, path))
    names, cells = pl.Series(level.names, dtype=pl.String), level.cells[order]
    before = cells[:, 1:-1]
    if level.length:
        flat = names.gather(before.reshape(-1).astype(np.uint32))
        paths = flat.reshape((-1, level.length)).arr.to_list()
    else:
        paths = pl.Series([[]] * len(cells), dtype=pl.List(pl.String))
    columns = {
        "path": paths,
        "element": names.gather(cells[:, -1].astype(np.uint32)),
        "count": level.count[order],
        "share": (level.count / n)[order],
        "n": n[order],
        "wait_mean": np.where(known, waits, np.nan)[order],
    }
    return pl.DataFrame(columns, schema=schema, nan_to_null=True)


def _spread_waits(read: Reading) -> dict[tuple[str, str], dict[int, int]]:
    """Count the waits between consecutive interactions, by class."""
    names = list(map(str, read.names))
    to = np.flatnonzero(~read.first)
    classes = _classes(read.at[to] - read.at[to - 1])
    pairs = (read.codes[to - 1].astype(np.int64) * len(names) + read.codes[to]) * 256 + classes
    found: dict[tuple[str, str], dict[int, int]] = {}
    keys, counts = distinct(pairs), np.bincount(rank_distinct(pairs))
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        pair, number = divmod(key, 256)
        last, name = divmod(pair, len(names))
        found.setdefault((names[last], names[name]), {})[number] = count
    return found


def _classes(waits: Ints) -> Ints:
    """Find the class of each wait (see `wait_class`): by its power of two, and its half."""
    begins = _class_begins()
    if len(waits) and int(waits.max()) >= 2**53:  # a float does not hold it
        return np.searchsorted(begins, waits, side="right")
    power = np.frexp(waits.astype(np.float64))[1].astype(np.int64)
    lower = np.maximum(2 * power - 1, 0)
    found: Ints = lower + (waits >= begins[lower])
    return found


@cache
def _class_begins() -> Ints:
    """List the shortest wait of each class from 1 on (see `wait_class`)."""
    longest = 2**62
    found = [
        bisect_left(range(longest), number, key=wait_class)
        for number in range(1, wait_class(longest))
    ]
    return np.array(found, dtype=np.int64)
