"""The next step, learned from a log."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from functools import cache
from itertools import groupby
from typing import Any, Literal

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import distinct, rank_distinct
from journeymap.analysis.measuring.recent_steps import (
    MOST_PERIODS,
    PERIODS,
    Learned,
    check_half_life,
    check_memory,
    choose_memory,
    total_steps,
    weigh_steps,
)
from journeymap.analysis.measuring.tally import sum_cells_exactly
from journeymap.analysis.row_fields import Count, Key, N, PathKey, Seconds, Share
from journeymap.analysis.table.part import Ints, Part, Reading, Scope, require_times
from journeymap.model import NextSteps
from journeymap.model.durations import span_text
from journeymap.model.instants import MICROSECOND, micros_in
from journeymap.model.next_steps import END, START, wait_class
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


@frozen(eq=False, repr=False)
class NextStepAnswer(Answer[NextStepRow]):
    """The steps that followed each path, the shortest paths first.

    Attributes:
        table: A table that predicts the next step.
        half_life: The time in which a journey loses half of its weight (None: all weigh alike).
    """

    Row = NextStepRow
    table: NextSteps = field(kw_only=True)
    half_life: timedelta | None = field(default=None, kw_only=True)

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
    """Followers of each path, and the waits from each element to the next, by class."""

    steps: Learned
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

    def measure(self, part: Part) -> _Measured:
        """Count the steps that follow each path in a part, by the period a journey began in."""
        read = part.read(self.by)
        codes, place, waits = _stretched(read)
        periods = self._periods(read)
        names = [START, *map(str, read.names[1:]), END]
        learned: Learned = {}
        targets = np.flatnonzero(place > 0)
        context = np.zeros(len(codes), dtype=np.int64)  # the number of what came before
        # To choose, it must be known when journeys began.
        most = max(1, self.memory) if self.half_life == "chosen" else self.memory
        for length in range(most + 1):
            if length:  # one element further back, where the journey reaches so far
                targets = targets[place[targets] >= length]
                pairs = context[targets] * len(names) + codes[targets - length]
                context[targets] = rank_distinct(pairs)
            grams = context[targets] * len(names) + codes[targets]
            if periods is not None:
                grams = grams * self._period_count(part.scope) + periods[targets]
            which = rank_distinct(grams)
            counts = np.bincount(which)
            micros = waits[targets]  # in two parts, of which no sum overflows
            high, low = (
                sum_cells_exactly(which, part_, len(counts))
                for part_ in (micros >> 20, micros & 0xFFFFF)
            )
            example = np.zeros(len(counts), dtype=np.int64)
            example[which[::-1]] = targets[::-1]  # of several rows the first
            for row, count, above, rest in zip(
                example.tolist(), counts.tolist(), high.tolist(), low.tolist(), strict=True
            ):
                last = tuple(names[code] for code in codes[row - length : row].tolist())
                name = names[codes[row]]
                timed = part.scope.timed and name != END and bool(last) and last[-1] != START
                found = (count, count, (above << 20) + rest) if timed else (count, 0, 0)
                period = 0 if periods is None else int(periods[row])
                learned.setdefault((period, last), {})[name] = found
        spread = _spread_waits(read, names) if part.scope.timed else {}
        return _Measured(learned, spread)

    def _periods(self, read: Reading) -> Ints | None:
        """Find the period in which the journey of each stretched interaction began."""
        if self.half_life is None or not len(read.codes):
            return None
        scope = read.part.scope
        require_times(scope, "NextStep(half_life=…)")
        begun = read.at[read.offsets[:-1]] - scope.first
        period = begun * self._period_count(scope) // (scope.last - scope.first + 1)
        return np.repeat(period, np.diff(read.offsets) + 2)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum two measurements."""
        steps = {last: dict(followers) for last, followers in one.steps.items()}
        for last, followers in other.steps.items():
            mine = steps.setdefault(last, {})
            for name, sums in followers.items():
                a, b, c = mine.get(name, (0, 0, 0))
                mine[name] = (a + sums[0], b + sums[1], c + sums[2])
        waits = {pair: dict(counts) for pair, counts in one.waits.items()}
        for pair, counts in other.waits.items():
            spread = waits.setdefault(pair, {})
            for number, count in counts.items():
                spread[number] = spread.get(number, 0) + count
        return _Measured(steps, waits)

    def answer(self, measured: _Measured, scope: Scope) -> NextStepAnswer:
        """Make the table, and its rows."""
        memory, half_life = self.memory, self._half_life_in_periods(scope)
        if self.half_life == "chosen":
            memory, half_life = choose_memory(measured.steps, self.memory)
        learned = {  # in one order, whatever order the parts came in
            key: dict(sorted(measured.steps[key].items())) for key in sorted(measured.steps)
        }
        steps = total_steps(learned)
        steps = {path: followers for path, followers in steps.items() if len(path) <= memory}
        weights = None
        if half_life is not None:
            weighed = weigh_steps(learned, half_life)
            weights = {path: weighed[path] for path in steps}
        waits: dict[str, dict[str, dict[int, int]]] = {}
        for (last, name), classes in sorted(measured.waits.items()):
            waits.setdefault(last, {})[name] = dict(sorted(classes.items()))
        table = NextSteps(self.by, memory, steps, weights=weights, waits=waits)
        rows = []
        for path, followers in steps.items():
            n = sum(count for count, _, _ in followers.values())
            for name, (count, timed, micros) in followers.items():
                wait = micros / timed / 1e6 if timed else None
                rows.append((path, name, count, count / n, n, wait))
        rows.sort(key=lambda row: (len(row[0]), row[0], -row[2], row[1]))
        frame = _framed(rows)
        known = self.half_life if isinstance(self.half_life, timedelta) else None
        if self.half_life == "chosen" and half_life is not None:
            known = half_life * self._period_length(scope) * MICROSECOND
        return NextStepAnswer(frame, table=table, half_life=known)

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


def _framed(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Make the frame of an answer of rows in the order of the lengths of their paths."""
    schema = NextStepAnswer.schema()
    cells: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    if not cells:
        return pl.DataFrame(schema=schema)
    paths = []
    for length, some in groupby(cells[0], key=len):
        alike = list(some)
        flat = [name for path in alike for name in path]
        if length:  # all at once, which is many times faster than list by list
            named = pl.Series("path", flat, dtype=pl.String)
            paths.append(named.reshape((-1, length)).arr.to_list())
        else:
            paths.append(pl.Series("path", [[]] * len(alike), dtype=pl.List(pl.String)))
    names = list(schema)
    others = [pl.Series(name, cell, dtype=schema[name])
              for name, cell in zip(names[1:], cells[1:], strict=True)]  # fmt: skip
    return pl.DataFrame([pl.concat(paths).alias(names[0]), *others])


def _spread_waits(read: Reading, names: list[str]) -> dict[tuple[str, str], dict[int, int]]:
    """Count the waits between consecutive interactions, by class."""
    to = np.flatnonzero(~read.first)
    waits = read.at[to] - read.at[to - 1]
    classes = np.searchsorted(_class_begins(), waits, side="right")
    pairs = (read.codes[to - 1].astype(np.int64) * len(names) + read.codes[to]) * 256 + classes
    found: dict[tuple[str, str], dict[int, int]] = {}
    keys, counts = distinct(pairs), np.bincount(rank_distinct(pairs))
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        pair, number = divmod(key, 256)
        last, name = divmod(pair, len(names))
        found.setdefault((names[last], names[name]), {})[number] = count
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


def _stretched(read: Reading) -> tuple[Ints, Ints, Ints]:
    """Put a mark before and after each journey; codes, places in the journey, and waits."""
    offsets = read.offsets
    journeys = len(offsets) - 1 if len(read.codes) else 0
    size = len(read.codes) + 2 * journeys
    codes, place, waits = (np.zeros(size, dtype=np.int64) for _ in range(3))
    if not journeys:
        return codes, place, waits
    begins = offsets[:-1] + 2 * np.arange(journeys)
    ends = offsets[1:] + 2 * np.arange(journeys) + 1
    inside = np.ones(size, dtype=bool)
    inside[begins] = inside[ends] = False
    codes[inside] = read.codes
    codes[ends] = len(read.names)
    place = np.arange(size) - np.repeat(begins, np.diff(offsets) + 2)
    if read.part.scope.timed:
        waits[inside] = np.where(read.first, 0, np.diff(read.at, prepend=0))
    return codes, place, waits
