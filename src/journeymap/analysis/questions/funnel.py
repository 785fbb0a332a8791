"""Funnels: how far customers get along steps, in order, at once, or in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import Tally, tally_cells
from journeymap.analysis.questions.transitions import wait_columns
from journeymap.analysis.row_fields import (
    Bound,
    Count,
    Error,
    Field,
    Key,
    N,
    NumberKey,
    Seconds,
    Share,
)
from journeymap.analysis.table.part import Ints, Part, Reading, Scope, code_of
from journeymap.exceptions import ElementError
from journeymap.model.instants import MICROSECOND
from journeymap.model.rules import as_tuple, identifier, of_type, one_of

__all__ = ["Funnel", "FunnelAnswer", "FunnelStep"]

_NEVER = np.iinfo(np.int64).max
# What is reached at a step: the row it was reached with, and the row its attempt began with.
Reached = tuple[Ints, Ints]


@frozen
class FunnelStep:
    """One step of a funnel.

    Attributes:
        step: The step, from 1.
        element: Its name; in an unordered funnel, how many of the steps.
        count: How many customers, or attempts, reached it.
        customers: How many customers did.
        share: Their share of those that reached the first step.
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many reached the first step.
        share_previous: The share of those that reached the step before.
        wait_mean: Mean time since the first step, in seconds (None at the first).
        wait_median: Median of it, in seconds.
        wait_p90: Time that nine of ten do not exceed, in seconds.
    """

    step: NumberKey
    element: Key
    count: Count
    customers: Count
    share: Share
    low: Bound
    high: Bound
    n: N
    share_previous: Annotated[float, Field("share")]
    wait_mean: Seconds | None
    wait_median: Seconds | None
    wait_p90: Seconds | None


@frozen(eq=False, repr=False)
class FunnelAnswer(Answer[FunnelStep]):
    """The steps of a funnel, in order.

    Attributes:
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
    """

    Row = FunnelStep
    quantile_error: Error = field(default=0.0, kw_only=True)


@frozen
class Funnel:
    """Count how many reach each of some steps.

    Attributes:
        steps: The elements, from the first step to the last.
        order: ``sequential`` (other interactions may lie between), ``strict`` (each step is the
            very next interaction) or ``any`` (the k-th row: those who did at least k).
        within: The most time from the first step of an attempt (None: any).
        count: ``customers`` (each once, at their best attempt) or ``completions`` (each attempt;
            it begins with the first step and is given up when that comes again; unordered, it
            begins with any step and is given up when its time has passed).
        by: The level of the steps' names.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["visit", "buy", "visit"],
    ...                       "at": [0, 60, 5]}, Columns(at_unit="s"))
    >>> [(s.element, s.count, s.share) for s in log.ask(Funnel(["visit", "buy"]))]
    [('visit', 2, 1.0), ('buy', 1, 0.5)]
    """

    steps: tuple[str, ...] = field(
        converter=as_tuple, validator=validators.deep_iterable(identifier)
    )
    order: Literal["sequential", "strict", "any"] = field(
        default="sequential", validator=one_of("sequential", "strict", "any"), kw_only=True
    )
    within: timedelta | None = field(
        default=None, validator=validators.optional(of_type(timedelta)), kw_only=True
    )
    count: Literal["customers", "completions"] = field(
        default="customers", validator=one_of("customers", "completions"), kw_only=True
    )
    by: str = field(default="touchpoint", kw_only=True)

    @steps.validator
    def _check(self, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
        if not value:
            raise ElementError("Funnel", "steps", value, "a funnel has at least one step")
        if self.order == "any" and len(set(value)) < len(value):
            raise ElementError("Funnel", "steps", value, "in any order each step is named once")

    def measure(self, part: Part) -> Tally:
        """Find who reached each step, and when."""
        read = part.read(self.by)
        codes = [code_of(read.names, self.by, step) for step in self.steps]
        if self.order != "strict":
            read = _only(read, codes)
        limit = _NEVER if self.within is None else self.within // MICROSECOND
        each = self.count == "completions"
        if self.order == "strict":
            reached = _strict(read, codes, limit)
        elif self.order == "sequential":
            reached = _sequential(read, codes, limit, latest=each)
        elif each:
            reached = _sets(read, codes, limit)
        else:
            reached = _unordered(read, codes, limit)
        return self._tallied(read, reached)

    def merge(self, one: Tally, other: Tally) -> Tally:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: Tally, scope: Scope) -> FunnelAnswer:
        """Return shares of the first step and of the step before."""
        numbers = np.arange(1, len(self.steps) + 1)
        spots = np.searchsorted(measured.keys, numbers)
        held = np.append(measured.keys, -1)[spots] == numbers

        def of(column: Any) -> Any:
            return np.where(held, np.append(column, 0)[spots], 0)

        counts = of(measured.sums["count"])
        first, before = int(counts[0]), np.append(counts[0], counts[:-1])
        bounds = [wilson_interval(int(count), first) for count in counts]
        several = [f"{number} of {len(self.steps)}" for number in numbers]
        columns: dict[str, Any] = {
            "step": numbers,
            "element": several if self.order == "any" else list(self.steps),
            "count": counts,
            "customers": of(measured.sums["customers"]),
            "share": counts / max(first, 1),
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
            "n": np.full(len(counts), first),
            "share_previous": counts / np.maximum(before, 1),
        }
        waits = wait_columns(measured, "count", measured.keys > 1)
        for name, column in waits.items():
            columns[name] = np.where(held, np.append(column, np.nan)[spots], np.nan)
        frame = pl.DataFrame(columns, schema=FunnelAnswer.schema(), nan_to_null=True)
        return FunnelAnswer(frame, quantile_error=0.0 if measured.spread.exact else BOUND)

    def _tallied(self, read: Reading, reached: list[Reached]) -> Tally:
        each = self.count == "completions"
        cells, waits, people, people_cells = [], [], [], []
        for number, (rows, starts) in enumerate(reached, 1):
            owners = read.customer[rows]
            once, firsts = np.unique(starts if each else owners, return_index=True)
            cells.append(np.full(len(once), number))
            waits.append((read.at[rows] - read.at[starts])[firsts])
            someone = np.unique(owners)
            people.append(someone)
            people_cells.append(np.full(len(someone), number))
        names = (None, *(str(number) for number in range(1, len(reached) + 1)))
        where = np.concatenate(cells)
        made = tally_cells(names, 1, where, {"count": None}, (where, np.concatenate(waits)))
        there = np.bincount(np.concatenate(people_cells), minlength=len(names))
        made.sums["customers"] = there[made.keys]
        return made


def _only(read: Reading, codes: list[int]) -> Reading:
    """Keep the interactions at the steps alone."""
    wanted = np.zeros(len(read.names), dtype=bool)
    wanted[codes] = True
    rows = np.flatnonzero(wanted[read.codes])
    journey = read.journey[rows]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = journey[1:] != journey[:-1]
    places = rows if read.rows is None else read.rows[rows]
    return Reading(read.names, read.codes[rows], read.at[rows], first, read.part, places)


def _begins(read: Reading) -> Ints:
    """For each row the row that begins its journey."""
    rows = np.arange(len(read.codes))
    begun: Ints = np.maximum.accumulate(np.where(read.first, rows, 0))
    return begun


def _sequential(read: Reading, codes: list[int], limit: int, *, latest: bool) -> list[Reached]:
    """Carry, for each row, the latest start whose attempt has come so far.

    The latest start is the best one, because it leaves the most time. ``latest`` demands that no
    later first step lies between: each first step begins an attempt of its own.
    """
    rows = np.arange(len(read.codes))
    begins = _begins(read)
    start = np.where(read.codes == codes[0], rows, -1)
    newest = np.append(-1, np.maximum.accumulate(start))[:-1]
    reached = [(rows[start >= 0], start[start >= 0])]
    for code in codes[1:]:
        carried = np.append(-1, np.maximum.accumulate(start))[:-1]
        good = (read.codes == code) & (carried >= begins)
        good &= read.at - read.at[carried] <= limit
        if latest:
            good &= carried == newest
        start = np.where(good, carried, -1)
        reached.append((rows[good], carried[good]))
    return reached


def _strict(read: Reading, codes: list[int], limit: int) -> list[Reached]:
    """Return rows from which the steps follow each other with nothing between."""
    starts = np.flatnonzero(read.codes == codes[0])
    reached = [(starts, starts)]
    for further, code in enumerate(codes[1:], 1):
        starts = starts[starts + further < len(read.codes)]
        rows = starts + further
        good = (read.codes[rows] == code) & (read.journey[rows] == read.journey[starts])
        good &= read.at[rows] - read.at[starts] <= limit
        starts = starts[good]
        reached.append((starts + further, starts))
    return reached


def _following(read: Reading, codes: list[int]) -> Ints:
    """For each row, the rows at which each step comes next in its journey, the soonest first."""
    size = len(read.codes)
    found = np.empty((size, len(codes)), dtype=np.int64)
    ends = np.append(read.offsets[1:], size)
    end = ends[np.cumsum(read.first) - 1] if size else ends[:0]
    for column, code in enumerate(codes):
        rows = np.where(read.codes == code, np.arange(size), size)
        soonest = np.minimum.accumulate(rows[::-1])[::-1]
        found[:, column] = np.where(soonest < end, soonest, size)
    return np.sort(found, axis=1)


def _unordered(read: Reading, codes: list[int], limit: int) -> list[Reached]:
    following = _following(read, codes)
    rows = np.arange(len(read.codes))
    at = np.append(read.at, _NEVER)
    reached = []
    for column in range(len(codes)):
        target = following[:, column]
        good = target < len(rows)
        good[good] = at[target[good]] - read.at[good] <= limit
        reached.append((target[good], rows[good]))
    return reached


def _sets(read: Reading, codes: list[int], limit: int) -> list[Reached]:
    """Follow attempts one after another: each journey's open attempt, all journeys at once."""
    size = len(read.codes)
    following = _following(read, codes)
    ends = read.offsets[1:]
    journey = np.cumsum(read.first) - 1
    found: list[list[Reached]] = [[] for _ in codes]
    begin = read.offsets[:-1]
    while len(begin):
        done = np.ones(len(begin), dtype=bool)
        for column in range(len(codes)):
            target = following[begin, column]
            done &= target < size
            done[done] = read.at[target[done]] - read.at[begin[done]] <= limit
            found[column].append((target[done], begin[done]))
        after = np.where(done, following[begin, -1] + 1, begin + 1)
        end = ends[journey[begin]]
        waiting = ~done & (after < end)
        while waiting.any():  # given up: pass over what still lies within its time
            late = read.at[np.minimum(after, size - 1)] - read.at[begin] > limit
            waiting &= (after < end) & ~late
            after[waiting] += 1
        begin = after[after < end]
    return [
        (
            np.concatenate([rows for rows, _ in pieces] or [np.zeros(0, dtype=np.int64)]),
            np.concatenate([starts for _, starts in pieces] or [np.zeros(0, dtype=np.int64)]),
        )
        for pieces in found
    ]
