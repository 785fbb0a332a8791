"""Paths: where journeys are at their first, second, third step, and where they go then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import mark_changes
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import Tally, add_lengths, tally_customers
from journeymap.analysis.questions.transitions import END, wait_columns
from journeymap.analysis.row_fields import Count, Error, Key, N, NumberKey, Seconds, Share
from journeymap.analysis.table.part import Ints, Part, Reading, Scope, code_of
from journeymap.exceptions import ElementError
from journeymap.model.rules import of_type

__all__ = ["PathStep", "Paths", "PathsAnswer"]

_name: Any = validators.optional(of_type(str))
_MAX_STEPS = 1000


@frozen
class PathStep:
    """A move from one element at one step of the journeys.

    Attributes:
        step: The step of the source, from 1.
        source: The element at that step.
        target: The element at the next step, or ``(end)``.
        count: How many journeys went there.
        customers: How many customers did.
        share: Their share of the journeys that were at the source at that step.
        n: How many those were.
        wait_mean: Mean wait, in seconds (None where the target is ``(end)``).
        wait_median: Median wait, in seconds.
        wait_p90: Wait that nine of ten do not exceed, in seconds.
    """

    step: NumberKey
    source: Key
    target: Key
    count: Count
    customers: Count
    share: Share
    n: N
    wait_mean: Seconds | None
    wait_median: Seconds | None
    wait_p90: Seconds | None


@frozen(eq=False, repr=False)
class PathsAnswer(Answer[PathStep]):
    """The moves step by step, the most frequent first.

    Attributes:
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
    """

    Row = PathStep
    quantile_error: Error = field(default=0.0, kw_only=True)


@frozen
class Paths:
    """Follow the first steps of every journey, position by position.

    Attributes:
        by: The level at which interactions are read.
        steps: How many steps are followed, from 2 to 1,000.
        start: The element where paths begin, when a journey first comes to it; journeys that
            never do are left out (None: where journeys begin).
        end: The element where paths end, when a journey first comes to it after that; then the
            last steps before it are followed (None: they end anywhere).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x", "y", "x"],
    ...                       "at": [0, 60, 90]}, Columns(at_unit="s"))
    >>> [(p.step, p.source, p.target, p.wait_mean) for p in log.ask(Paths())]
    [(1, 'x', 'y', 60.0), (2, 'y', 'x', 30.0), (3, 'x', '(end)', None)]
    """

    by: str = field(default="touchpoint", validator=of_type(str))
    steps: int = field(default=5)
    start: str | None = field(default=None, validator=_name, kw_only=True)
    end: str | None = field(default=None, validator=_name, kw_only=True)

    @steps.validator
    def _check(self, attribute: Attribute[int], value: int) -> None:
        if type(value) is not int or not 2 <= value <= _MAX_STEPS:
            message = f"a whole number from 2 up is expected, up to {_MAX_STEPS:,}"
            raise ElementError("Paths", "steps", value, message)

    def measure(self, part: Part) -> tuple[Tally, ...]:
        """Count pairs at each step."""
        read = part.read(self.by)
        size = len(read.names)
        codes = read.codes.astype(np.int64)
        begin, stop = self._spans(read)
        made = []
        for _ in range(self.steps - 1):
            there = begin < stop
            begin, stop = begin[there], stop[there]
            goes = begin + 1 < stop
            cells = codes[begin] * size
            cells[goes] += codes[begin[goes] + 1]
            people = np.append(np.flatnonzero(mark_changes((read.customer[begin],))), len(begin))
            tallied = tally_customers(read.names, 2, cells, people)
            if part.scope.timed:
                waits = read.at[begin[goes] + 1] - read.at[begin[goes]]
                tallied = add_lengths(tallied, cells[goes], waits)
            made.append(tallied)
            begin = begin + 1
        return tuple(made)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count"):
            return None
        read = part.read(self.by)
        names = [END, *map(str, read.names[1:])]
        begin, stop = self._spans(read)
        begin = begin + (row["step"] - 1)
        begin, stop = begin[begin < stop], stop[begin < stop]
        codes = np.append(read.codes.astype(np.int64), 0)
        goes = np.where(begin + 1 < stop, codes[begin + 1], 0)
        known = row["source"] in names and row["target"] in names
        mine = (codes[begin] == names.index(row["source"])) if known else begin < 0
        if known:
            mine &= goes == names.index(row["target"])
        found: Ints = read.customer[begin[mine]]
        return found

    def merge(self, one: tuple[Tally, ...], other: tuple[Tally, ...]) -> tuple[Tally, ...]:
        """Sum two measurements step by step."""
        return tuple(a.merge(b) for a, b in zip(one, other, strict=True))

    def answer(self, measured: tuple[Tally, ...], scope: Scope) -> PathsAnswer:
        """Return shares of those that were there, and waits."""
        steps = [_columns_of(step, one, scope.timed) for step, one in enumerate(measured, 1)]
        frame = pl.DataFrame(
            [  # column by column: for a few rows, a mapping starts threads
                pl.Series(
                    name, np.concatenate([one[name] for one in steps]), kind, nan_to_null=True
                )
                for name, kind in PathsAnswer.schema().items()
            ]
        ).sort("step", "count", "source", "target", descending=[False, True, False, False])
        exact = all(tallied.spread.exact for tallied in measured)
        return PathsAnswer(frame, quantile_error=0.0 if exact else BOUND)

    def _spans(self, read: Reading) -> tuple[Ints, Ints]:
        """Return where the path of each journey begins and stops, among the interactions read."""
        begin, stop = read.offsets[:-1], read.offsets[1:]
        if self.start is not None:
            begin = self._next(read, self.start)[begin]
            there = begin < stop
            begin, stop = begin[there], stop[there]
        if self.end is not None:
            last = self._next(read, self.end)[begin]
            there = last < stop
            begin, stop = begin[there], last[there] + 1
            begin = np.maximum(begin, stop - self.steps)
        return begin, stop

    def _next(self, read: Reading, name: str) -> Ints:
        """For each interaction the next one, itself included, of a name."""
        size = len(read.codes)
        mine = read.codes == code_of(read.names, self.by, name)
        rows = np.where(mine, np.arange(size), size)
        return np.append(np.minimum.accumulate(rows[::-1])[::-1], size)


def _columns_of(step: int, tallied: Tally, timed: bool) -> dict[str, Any]:
    sources, targets = tallied.digits()
    names = np.array([END, *map(str, tallied.names[1:])], dtype=object)
    counts = tallied.sums["count"]
    totals = np.bincount(sources, counts, minlength=len(names)).astype(np.int64)
    return {
        "step": np.full(len(counts), step),
        "source": names[sources],
        "target": names[targets],
        "count": counts,
        "customers": tallied.sums["customers"],
        "share": counts / np.maximum(totals[sources], 1),
        "n": totals[sources],
        **wait_columns(tallied, "count", targets > 0, on=timed),
    }
