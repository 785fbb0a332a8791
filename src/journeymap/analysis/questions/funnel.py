"""Funnels: how far customers get along steps, in order, at once, or in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from attrs import Attribute, field, fields, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import Tally, add_lengths, tally_cells
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
    Text,
)
from journeymap.analysis.table.part import Flags, Ints, Part, Reading, Scope, code_of, require_times
from journeymap.exceptions import ElementError
from journeymap.model.instants import micros, micros_in
from journeymap.model.rules import (
    as_tuple,
    identifier,
    maybe_length,
    of_type,
    one_of,
    positive_duration,
)

__all__ = ["Funnel", "FunnelAnswer", "FunnelStep", "FunnelTarget"]

_NEVER = np.iinfo(np.int64).max
# What is reached at a step: the row it was reached with, and the row its attempt began with.
Reached = tuple[Ints, Ints]


@frozen
class FunnelStep:
    """One step of a funnel.

    Attributes:
        step: The step, from 1.
        element: Its name; in an unordered funnel, how many of the steps.
        count: How many journeys, or attempts, reached it.
        customers: How many customers did.
        share: Their share of those that reached the first step (None: no one did).
        low: Lower bound of its 95 % interval (Wilson 1927), by the spread between customers.
        high: Upper bound of it.
        n: How many reached the first step.
        share_previous: The share of those that reached the step before that is not optional.
        wait_mean: Mean time since the first step, in seconds (None at the first); of several first
            steps, since the last one, or the first one, as ``waits_from`` of the answer has it.
        wait_median: Median of it, in seconds.
        wait_p90: Time that nine of ten do not exceed, in seconds.
        open: How many stopped here and may still go on: their time was not over when the log ended.
    """

    step: NumberKey
    element: Key
    count: Count
    customers: Count
    share: Share | None
    low: Bound | None
    high: Bound | None
    n: N
    share_previous: Annotated[float, Field("share")] | None
    wait_mean: Seconds | None
    wait_median: Seconds | None
    wait_p90: Seconds | None
    open: Count


@frozen(eq=False, repr=False)
class FunnelAnswer(Answer[FunnelStep]):
    """The steps of a funnel, in order.

    Attributes:
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
        waits_from: Whether waits run from the ``last`` of repeated first steps, or the ``first``.
    """

    Row = FunnelStep
    quantile_error: Error = field(default=0.0, kw_only=True)
    waits_from: Text = field(default="last", kw_only=True)

    @property
    def unfinished(self) -> bool:
        """True if some may still go on within their time."""
        return bool(self.frame["open"].sum())

    def notes(self) -> list[str]:
        """Name what a wait is measured from.

        Returns:
            One line.
        """
        named = f"waits run from the {self.waits_from} of repeated first steps"
        return [named] if self.timed else []


def _elements(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else as_tuple(given)


@frozen
class FunnelTarget:
    """A step of a funnel that asks for more than an element.

    Attributes:
        elements: The elements, each of which will do.
        optional: Whether the next step may be reached without it.
        within: The most time from the step before (None: any).
        without: Elements that must not come between the step before and this one.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> FunnelTarget(["call", "chat"], without=["mail"]).elements
    ('call', 'chat')
    """

    elements: tuple[str, ...] = field(
        converter=_elements, validator=validators.deep_iterable(identifier)
    )
    optional: bool = field(default=False, validator=of_type(bool), kw_only=True)
    within: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )
    without: tuple[str, ...] = field(
        default=(), converter=_elements, validator=validators.deep_iterable(identifier),
        kw_only=True,
    )  # fmt: skip

    @elements.validator
    def _check(self, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
        if not value:
            raise ElementError("FunnelTarget", "elements", value, "one element is needed at least")

    @property
    def name(self) -> str:
        """The elements, joined."""
        return " / ".join(self.elements)

    @property
    def is_plain(self) -> bool:
        """True if it asks for nothing but its elements."""
        return not self.optional and self.within is None and not self.without


def _targets(given: Iterable[Any]) -> tuple[FunnelTarget, ...]:
    found = as_tuple(given)
    return tuple(one if isinstance(one, FunnelTarget) else FunnelTarget(one) for one in found)


def _entered(instance: object, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    bounds = value if isinstance(value, tuple) and len(value) == 2 else (0,)
    for one in bounds:
        if one is not None and (not isinstance(one, datetime) or one.tzinfo is None):
            message = "two times with a zone are expected, from and until (None: any)"
            raise ElementError("Funnel", attribute.name, value, message)


@frozen
class Funnel:
    """Count how many reach each of some steps.

    Attributes:
        steps: The elements, from the first step to the last; several of which each will do, as a
            list, or a `FunnelTarget`.
        order: ``sequential`` (other interactions may lie between), ``strict`` (each step is the
            very next interaction) or ``any`` (the k-th row: those who did at least k).
        within: The most time from the first step of an attempt (None: any).
        count: ``customers`` (each journey once, at its best attempt: after ``sessions`` or ``per``,
            those) or ``completions`` (each attempt; it begins with the first step and is given up
            when that comes again; unordered, it begins with any step and is given up when its time
            has passed).
        entered: The times from and until which the first step counts (None: any); later steps may
            come after it, within their time.
        waits_from: Whether waits run from the ``last`` of repeated first steps, from which an
            attempt is counted, or from the ``first`` of the journey.
        by: The level of the steps' names.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["visit", "buy", "visit"],
    ...                       "at": [0, 60, 5]}, Columns(at_unit="s"))
    >>> [(s.element, s.count, s.share) for s in log.ask(Funnel(["visit", "buy"]))]
    [('visit', 2, 1.0), ('buy', 1, 0.5)]
    """

    steps: tuple[FunnelTarget, ...] = field(converter=_targets)
    order: Literal["sequential", "strict", "any"] = field(
        default="sequential", validator=one_of("sequential", "strict", "any"), kw_only=True
    )
    within: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(of_type(timedelta)),
        kw_only=True,
    )
    count: Literal["customers", "completions"] = field(
        default="customers", validator=one_of("customers", "completions"), kw_only=True
    )
    entered: tuple[datetime | None, datetime | None] | None = field(
        default=None, validator=_entered, kw_only=True
    )
    waits_from: Literal["last", "first"] = field(
        default="last", validator=one_of("last", "first"), kw_only=True
    )
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)

    @steps.validator
    def _check(self, attribute: Attribute[Any], value: tuple[FunnelTarget, ...]) -> None:
        if not value:
            raise ElementError("Funnel", "steps", value, "a funnel has at least one step")
        if not value[0].is_plain:
            message = "the first step is neither optional nor after another"
            raise ElementError("Funnel", "steps", value[0], message)
        named = [element for step in value for element in step.elements]
        if self.order == "any" and len(set(named)) < len(named):
            raise ElementError("Funnel", "steps", value, "in any order each step is named once")
        special = next((step for step in value if not step.is_plain), None)
        if self.order != "sequential" and special is not None:
            message = "what a step asks for beside its elements needs order='sequential'"
            raise ElementError("Funnel", "steps", special, message)

    def measure(self, part: Part) -> Tally:
        """Find who reached each step, and when."""
        read, reached = self._reach(part)
        return self._tallied(read, reached, self._limit)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count"):
            return None
        read, reached = self._reach(part)
        rows, _ = reached[row["step"] - 1]
        found: Ints = read.customer[rows]
        return found

    @property
    def _limit(self) -> int:
        return _NEVER if self.within is None else micros_in(self.within)

    def _reach(self, part: Part) -> tuple[Reading, list[Reached]]:
        """Find the interactions with which each step was reached."""
        read, limit = part.read(self.by), self._limit
        self._require_times(part.scope)
        each = self.count == "completions"
        if self.order != "strict":
            named = {name for step in self.steps for name in (*step.elements, *step.without)}
            read = _only(read, [code_of(read.names, self.by, name) for name in sorted(named)])
        matches = [self._rows(read, step.elements) for step in self.steps]
        there = self._enters(read)
        enters = matches[0] & there
        if self.order == "strict":
            reached = _strict(read, matches, enters, limit)
        elif self.order == "sequential":
            reached = self._sequential(read, matches, enters, limit)
        elif each:
            reached = _sets(read, matches, limit)
        else:
            reached = _unordered(read, matches, limit)
        if self.order == "any":
            reached = [(rows[there[starts]], starts[there[starts]]) for rows, starts in reached]
        return read, reached

    def _rows(self, read: Reading, names: tuple[str, ...]) -> Flags:
        """Mark the interactions at some elements."""
        wanted = np.zeros(len(read.names), dtype=bool)
        for name in names:
            wanted[code_of(read.names, self.by, name)] = True
        wanted[0] = False
        return wanted[read.codes]

    def _require_times(self, scope: Scope) -> None:
        """Refuse a log without times where a time is asked of an attempt."""
        if self.within is not None or any(step.within is not None for step in self.steps):
            require_times(scope, "Funnel(within=…)")
        if self.entered is not None:
            require_times(scope, "Funnel(entered=…)")

    def _enters(self, read: Reading) -> Flags:
        """Mark the interactions that are at a time at which a first step counts."""
        since, until = self.entered or (None, None)
        found = np.ones(len(read.codes), dtype=bool)
        if since is not None:
            found &= read.at >= micros(since)
        if until is not None:
            found &= read.at < micros(until)
        return found

    def _sequential(
        self, read: Reading, matches: list[Flags], enters: Flags, limit: int
    ) -> list[Reached]:
        """Carry, for each row, the latest start whose attempt has come so far.

        The latest start is the best one, because it leaves the most time, and so is the latest row
        of the step before. A later first step begins an attempt of its own, where each counts.
        """
        rows = np.arange(len(read.codes))
        begins = _begins(read)
        starts = [np.where(enters, rows, -1)]
        hits = [starts[0]]
        for place, step in enumerate(self.steps[1:], 1):
            before = [place - 1]
            while self.steps[before[-1]].optional:
                before.append(before[-1] - 1)
            last = _latest([hits[one] for one in before])
            start = _latest([starts[one] for one in before])
            good = matches[place] & (last >= begins)
            if limit != _NEVER:
                good &= _in_time(read, start, rows, limit)
            if step.within is not None:
                good &= _in_time(read, last, rows, micros_in(step.within))
            if step.without:
                good &= _latest([np.where(self._rows(read, step.without), rows, -1)]) <= last
            if self.count == "completions":
                good &= start == _latest([np.where(matches[0], rows, -1)])
            starts.append(np.where(good, start, -1))
            hits.append(np.where(good, rows, -1))
        met = [np.flatnonzero(one >= 0) for one in hits]
        return [(there, start[there]) for there, start in zip(met, starts, strict=True)]

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
        first = int(counts[0])
        required = [place for place, step in enumerate(self.steps) if not step.optional]
        before = [counts[max([one for one in required if one < place], default=0)]
                  for place in range(len(counts))]  # fmt: skip
        spread = [of(measured.sums[f"clusters_{one.name}"]) for one in fields(Clusters)]
        people, units, mixed, hits = ([int(one) for one in column] for column in spread)
        bounds = [  # a part in which no one came to a step has no sums of it, but of the first
            share_interval(int(count), first, Clusters(people[0], units[0], *both))
            for count, *both in zip(counts, mixed, hits, strict=True)
        ]
        nothing = np.full(len(counts), np.nan)  # of no one, there is no share
        several = [f"{number} of {len(self.steps)}" for number in numbers]
        columns: dict[str, Any] = {
            "step": numbers,
            "element": several if self.order == "any" else [step.name for step in self.steps],
            "count": counts,
            "customers": of(measured.sums["customers"]),
            "share": counts / first if first else nothing,
            "low": [low for low, _ in bounds] if first else nothing,
            "high": [high for _, high in bounds] if first else nothing,
            "n": np.full(len(counts), first),
            "share_previous": np.divide(
                counts, before, out=nothing.copy(), where=np.array(before) > 0
            ),
        }
        waits = wait_columns(measured, "count", measured.keys > 1, on=scope.timed)
        for name, column in waits.items():
            columns[name] = np.where(held, np.append(column, np.nan)[spots], np.nan)
        columns["open"] = of(measured.sums["open"])
        frame = pl.DataFrame(columns, schema=FunnelAnswer.schema(), nan_to_null=True)
        error = 0.0 if measured.spread.exact else BOUND
        return FunnelAnswer(frame, quantile_error=error, waits_from=self.waits_from)

    def _tallied(self, read: Reading, reached: list[Reached], limit: int) -> Tally:
        each = self.count == "completions"
        cells, waits, people, people_cells = [], [], [], []
        begun = self._begun(read, reached[0])
        single = read.part.single and not each  # then a journey is a customer
        clusters: list[Clusters] = []
        begun_by: tuple[Ints, Ints] | None = (
            None  # the units of the first step, and their customers
        )
        for number, (rows, starts) in enumerate(reached, 1):
            once, firsts = _first_of_each(starts if each else read.journey[rows])
            if begun_by is None:
                begun_by = once, read.customer[rows[firsts]]
            clusters.append(
                Clusters(len(begun_by[0]), len(begun_by[0]), len(once), len(once)) if single
                else Clusters.of(begun_by[1], np.isin(begun_by[0], once))
            )  # fmt: skip
            cells.append(np.full(len(once), number))
            since = starts[firsts] if begun is None else begun[read.journey[rows[firsts]]]
            if read.part.scope.timed:
                waits.append(read.at[rows[firsts]] - read.at[since])
            someone = once if single else distinct(read.customer[rows])
            people.append(someone)
            people_cells.append(np.full(len(someone), number))
        names = (None, *(str(number) for number in range(1, len(reached) + 1)))
        where = np.concatenate(cells)
        made = tally_cells(names, 1, where, {"count": None})
        if waits:
            made = add_lengths(made, where, np.concatenate(waits))
        there = np.bincount(np.concatenate(people_cells), minlength=len(names))
        made.sums["customers"] = there[made.keys]
        made.sums["open"] = np.append(0, self._open(read, reached, limit))[made.keys]
        for one in fields(Clusters):
            spread = [0, *(getattr(cluster, one.name) for cluster in clusters)]
            made.sums[f"clusters_{one.name}"] = np.array(spread)[made.keys]
        return made

    def _begun(self, read: Reading, first: Reached) -> Ints | None:
        """Find the first row of the first step in each journey, where waits run from there."""
        if self.waits_from == "last":
            return None
        rows = first[0][::-1]
        begun = np.zeros(read.part.journeys, dtype=np.int64)
        begun[read.journey[rows]] = rows
        return begun

    def _open(self, read: Reading, reached: list[Reached], limit: int) -> Ints:
        """Count, by step, what went no further and whose time was not over when the log ended."""
        each, end = self.count == "completions", read.part.scope.seen_until
        found = np.zeros(len(reached), dtype=np.int64)
        if limit == _NEVER and all(step.within is None for step in self.steps):
            return found
        further = np.zeros(0, dtype=np.int64)
        for place in range(len(reached) - 1, -1, -1):
            rows, starts = reached[place]
            units = starts if each else read.journey[rows]
            order = np.argsort(units, kind="stable")  # attempts may lie within each other
            rows, starts, units = rows[order], starts[order], units[order]
            last = np.append(units[1:] != units[:-1], True)[: len(units)]
            rows, starts, units = rows[last], starts[last], units[last]
            if place + 1 < len(reached):
                stopped = ~np.isin(units, further)
                own = self.steps[place + 1].within
                left = limit if own is None else min(limit, micros_in(own))
                if left != _NEVER:
                    inside = (end - read.at[starts] < limit) & (end - read.at[rows] < left)
                    if self.order == "strict":
                        inside &= read.last[rows]
                    found[place] = int((stopped & inside).sum())
            further = np.union1d(further, units)
        return found


def _first_of_each(units: Ints) -> tuple[Ints, Ints]:
    """List distinct units in order, and the place at which each comes first."""
    if not (units[1:] >= units[:-1]).all():
        once, firsts = np.unique(units, return_index=True)
        return once, firsts
    firsts = np.flatnonzero(np.append(True, units[1:] != units[:-1])[: len(units)])
    return units[firsts], firsts


def _latest(columns: list[Ints]) -> Ints:
    """Carry the latest number of some columns to the rows after it; -1 where there is none yet."""
    found = np.full(len(columns[0]), -1)
    rows = columns[0] if len(columns) == 1 else np.maximum.reduce(columns)
    np.maximum.accumulate(rows[:-1], out=found[1:])
    return found


def _only(read: Reading, codes: list[int]) -> Reading:
    """Keep the interactions at the steps alone."""
    wanted = np.zeros(len(read.names), dtype=bool)
    wanted[codes] = True
    rows = np.flatnonzero(wanted[read.codes])
    journey = read.journey[rows]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = journey[1:] != journey[:-1]
    places = rows if read.rows is None else read.rows[rows]
    return Reading(read.names, read.codes[rows], first, read.part, places)


def _in_time(read: Reading, since: Ints, rows: Ints, limit: int) -> Flags:
    """Mark the rows that come no later than a limit after others; all, where there is none."""
    if limit == _NEVER:
        return np.ones(len(rows), dtype=bool)
    near: Flags = read.at[rows] - read.at[since] <= limit
    return near


def _begins(read: Reading) -> Ints:
    """For each row the row that begins its journey."""
    rows = np.arange(len(read.codes))
    begun: Ints = np.maximum.accumulate(np.where(read.first, rows, 0))
    return begun


def _strict(read: Reading, matches: list[Flags], enters: Flags, limit: int) -> list[Reached]:
    """Return rows from which the steps follow each other with nothing between."""
    starts = np.flatnonzero(enters)
    reached = [(starts, starts)]
    for further, match in enumerate(matches[1:], 1):
        starts = starts[starts + further < len(read.codes)]
        rows = starts + further
        good = match[rows] & (read.journey[rows] == read.journey[starts])
        good &= _in_time(read, starts, rows, limit)
        starts = starts[good]
        reached.append((starts + further, starts))
    return reached


def _following(read: Reading, matches: list[Flags]) -> Ints:
    """For each row, the rows at which each step comes next in its journey, the soonest first."""
    size = len(read.codes)
    found = np.empty((size, len(matches)), dtype=np.int64)
    ends = np.append(read.offsets[1:], size)
    end = ends[np.cumsum(read.first) - 1] if size else ends[:0]
    for column, match in enumerate(matches):
        rows = np.where(match, np.arange(size), size)
        soonest = np.minimum.accumulate(rows[::-1])[::-1]
        found[:, column] = np.where(soonest < end, soonest, size)
    return np.sort(found, axis=1)


def _unordered(read: Reading, matches: list[Flags], limit: int) -> list[Reached]:
    following = _following(read, matches)
    rows = np.arange(len(read.codes))
    reached = []
    for column in range(len(matches)):
        target = following[:, column]
        good = target < len(rows)
        good[good] = _in_time(read, rows[good], target[good], limit)
        reached.append((target[good], rows[good]))
    return reached


def _sets(read: Reading, matches: list[Flags], limit: int) -> list[Reached]:
    """Follow attempts one after another: each journey's open attempt, all journeys at once."""
    size = len(read.codes)
    following = _following(read, matches)
    ends = read.offsets[1:]
    journey = np.cumsum(read.first) - 1
    found: list[list[Reached]] = [[] for _ in matches]
    begin = read.offsets[:-1]
    while len(begin):
        done = np.ones(len(begin), dtype=bool)
        for column in range(len(matches)):
            target = following[begin, column]
            done &= target < size
            done[done] = _in_time(read, begin[done], target[done], limit)
            found[column].append((target[done], begin[done]))
        after = np.where(done, following[begin, -1] + 1, begin + 1)
        end = ends[journey[begin]]
        waiting = ~done & (after < end)
        while waiting.any():  # given up: pass over what still lies within its time
            waiting &= (after < end) & _in_time(read, begin, np.minimum(after, size - 1), limit)
            after[waiting] += 1
        begin = after[after < end]
    return [
        (
            np.concatenate([rows for rows, _ in pieces] or [np.zeros(0, dtype=np.int64)]),
            np.concatenate([starts for _, starts in pieces] or [np.zeros(0, dtype=np.int64)]),
        )
        for pieces in found
    ]
