"""Retention: cohorts of customers by period, and how many of each return later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import (
    Counts,
    count_combinations,
    deduplicate_pairs,
    distinct,
    mark_changes,
)
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.analysis.measuring.periods import (
    LENGTHS,
    WEEK_STARTS,
    CalendarPeriods,
    WeekStart,
    read_every,
)
from journeymap.analysis.row_fields import Bound, Count, Flag, Key, N, NumberKey, Share
from journeymap.analysis.table.part import Ints, Part, Scope, code_of, require_times
from journeymap.exceptions import ElementError
from journeymap.model.rules import of_type, one_of

__all__ = ["Retention", "RetentionAnswer", "RetentionRow"]

_text = validators.optional(of_type(str))


def _every(instance: object, attribute: Attribute[str], value: str) -> None:
    try:
        read_every(value)
    except ValueError as error:
        raise ElementError("Retention", "every", value, str(error)) from None


@frozen
class RetentionRow:
    """One cohort, some periods on.

    Attributes:
        cohort: The first day of the period in which its customers started, in ISO 8601; of hours,
            the time.
        period: How many periods later, from 0, the cohort's own.
        customers: How many customers came back in it (``cumulative``: in it or any later period).
        share: Their share of the cohort.
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many customers the cohort has.
        complete: Whether the period was over for all of them when the log ended.
    """

    cohort: Key
    period: NumberKey
    customers: Count
    share: Share
    low: Bound
    high: Bound
    n: N
    complete: Flag


@frozen(eq=False, repr=False)
class RetentionAnswer(Answer[RetentionRow]):
    """Cohort by cohort, each as far as the log reaches; those without customers are left out."""

    Row = RetentionRow

    def table(self) -> list[list[int]]:
        """Arrange the customers who came back as a triangle.

        Returns:
            A list for each cohort, with a number for each period.
        """
        rows: dict[str, list[int]] = {}
        for cohort, customers in self.frame.select("cohort", "customers").iter_rows():
            rows.setdefault(cohort, []).append(customers)
        return list(rows.values())


@frozen
class Retention:
    """Count how many of those who started in a period came back in each later one.

    A customer comes back at the start or after it, never before. Periods are those of the calendar
    in the log's zone; of several units, they count from the log's first. Rolling ones count from
    each customer's own start: the first 24 hours, the next. In a view that begins later than the
    log, periods that begin before it are left out.

    Attributes:
        start: The element that starts a customer (None: any interaction).
        back: The element that counts as coming back (None: any interaction).
        every: The length of a period: ``hour``, ``day``, ``week``, ``month``, ``quarter`` or
            ``year``, or several, such as ``2 weeks``.
        kind: ``recurring`` (came back in that very period) or ``cumulative`` (in that period or
            any later one).
        cohorts: Whether a customer is in the cohort of the ``first`` start ever alone, or of
            ``each`` period with a start.
        rolling: Whether periods count from each start, and not by the calendar: hours, days and
            weeks.
        periods: How many periods each cohort is followed at most (None: all).
        week_starts: The day on which weeks begin.
        by: The level of ``start`` and ``back``.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "b", "a"], "touchpoint": ["x"] * 3,
    ...                       "at": [0, 0, 86_400]}, Columns(at_unit="s"))
    >>> log.ask(Retention(every="day")).table()
    [[2, 1]]
    """

    start: str | None = field(default=None, validator=_text)
    back: str | None = field(default=None, validator=_text)
    every: str = field(default="month", validator=_every)
    kind: Literal["recurring", "cumulative"] = field(
        default="recurring", validator=one_of("recurring", "cumulative")
    )
    cohorts: Literal["each", "first"] = field(
        default="first", validator=one_of("each", "first"), kw_only=True
    )
    rolling: bool = field(default=False, validator=of_type(bool), kw_only=True)
    periods: int | None = field(default=None, kw_only=True)
    week_starts: WeekStart = field(default="monday", validator=one_of(*WEEK_STARTS), kw_only=True)
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)

    @periods.validator
    def _check(self, attribute: Attribute[int | None], value: int | None) -> None:
        if value is not None and (type(value) is not int or value < 1):
            raise ElementError("Retention", "periods", value, "a whole number above 0 is expected")

    @rolling.validator
    def _check_rolling(self, attribute: Attribute[bool], value: bool) -> None:
        if value and read_every(self.every)[1] not in LENGTHS:
            message = "rolling periods are hours, days or weeks, each of one length"
            raise ElementError("Retention", "every", self.every, message)

    def measure(self, part: Part) -> Counts:
        """Count customers by cohort and by how many periods later they came back.

        Every customer of a cohort is counted at −1 too: that is the size of the cohort.
        """
        cohort, entry, later, _ = self._returns(part)
        keys = (
            np.concatenate([cohort, cohort[entry]]),
            np.concatenate([np.full(len(cohort), -1), later]),
        )
        return count_combinations((), keys)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        cohort, entry, later, who = self._returns(part)
        numbered = _Numbered.of(self, part.scope)
        labels = [one for one in distinct(cohort).tolist() if numbered.label(one) == row["cohort"]]
        mine = np.isin(cohort, labels)
        if number == "n":
            return who[mine]
        if number != "customers":
            return None
        at = later >= row["period"] if self.kind == "cumulative" else later == row["period"]
        back: Ints = who[entry[mine[entry] & at]]
        return back

    def _returns(self, part: Part) -> tuple[Ints, Ints, Ints, Ints]:
        """List starts by cohort, which of them came back, how much later, and whose they are."""
        require_times(part.scope, "Retention")
        numbered = _Numbered.of(self, part.scope)
        who, cohort, begun, begun_tie = self._starts(part, numbered)
        back_who, back_at, back_tie = self._times(part, self.back)
        begins = np.searchsorted(back_who, who)
        sizes = np.searchsorted(back_who, who, side="right") - begins
        entry = np.repeat(np.arange(len(who)), sizes)
        places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        spots = np.repeat(begins, sizes) + places
        returned = back_at[spots]
        after = returned > begun[entry]
        after |= (returned == begun[entry]) & (back_tie[spots] >= begun_tie[entry])
        entry, returned = entry[after], returned[after]
        later = numbered.later(returned, cohort[entry], begun[entry])
        if self.kind == "cumulative":  # who returns in a period counts for all before it
            longest = np.full(len(who), -1, dtype=np.int64)
            np.maximum.at(longest, entry, later)
            entry = np.flatnonzero(longest >= 0)
            later = longest[entry]
        else:
            entry, later = deduplicate_pairs(entry, later)
        return cohort, entry, later, who

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: Counts, scope: Scope) -> RetentionAnswer:
        """List every cohort and every period that the log reaches."""
        numbered = _Numbered.of(self, scope)
        size = numbered.size(scope)
        wide = min(size, self.periods or size)
        numbered.periods.check_size("Retention", scope, size * wide)
        cohort, later = measured.keys
        inside = (cohort >= 0) & (cohort < size)
        if self.kind == "recurring":
            inside &= later < wide
        else:
            later = np.minimum(later, wide - 1)
        table = np.zeros((size, wide + 1), dtype=np.int64)  # the last column is the place −1
        np.add.at(table, (cohort[inside], later[inside]), measured.count[inside])
        sizes, back = table[:, -1], table[:, :-1]
        if self.kind == "cumulative":
            back = back[:, ::-1].cumsum(axis=1)[:, ::-1]
        rows = [
            (numbered.label(row), column, int(back[row, column]),
             *_share(int(back[row, column]), int(sizes[row])), int(sizes[row]),
             numbered.is_over(row, column, scope))
            for row in np.flatnonzero(sizes).tolist() for column in range(min(size - row, wide))
            if numbered.is_seen(row, column, scope)
        ]  # fmt: skip
        schema = RetentionAnswer.schema()
        return RetentionAnswer(pl.DataFrame(rows, schema=schema, orient="row"))

    def _starts(self, part: Part, numbered: _Numbered) -> tuple[Ints, Ints, Ints, Ints]:
        """List customer, cohort, time and tie of each first start, or the first in each period."""
        who, at, tie = self._times(part.unbounded if self.cohorts == "first" else part, self.start)
        cohort = numbered.cohort(at)
        kept = np.ones(len(who), dtype=bool)
        kept[1:] = who[1:] != who[:-1]
        if part.scope.until is not None:  # who starts later is not known yet
            kept &= at < part.scope.until
        if self.cohorts == "each":
            kept[1:] |= cohort[1:] != cohort[:-1]
        return who[kept], cohort[kept], at[kept], tie[kept]

    def _times(self, part: Part, name: str | None) -> tuple[Ints, Ints, Ints]:
        """List customer and time of each interaction of a name, and its place among those of both.

        At one time, what came first is before what came second.
        """
        who, at = part.customer.astype(np.int64), part.at
        mine = np.ones(len(who), dtype=bool)
        if name is not None:
            mine = part.codes(self.by) == code_of(part.names(self.by), self.by, name)
        same = who[1:] == who[:-1]
        if not ((who[1:] > who[:-1]) | (same & (at[1:] >= at[:-1]))).all():
            order = np.lexsort((at, who))
            who, at, mine = who[order], at[order], mine[order]
        fresh = mark_changes((who, at))[: len(who)]
        tie = np.arange(len(who)) - np.maximum.accumulate(np.where(fresh, np.arange(len(who)), 0))
        return who[mine], at[mine], tie[mine]


@frozen
class _Numbered:
    """The periods of a question in a log: of the calendar, or rolling, of one or several units."""

    periods: CalendarPeriods
    count: int
    first: int
    length: int | None

    @classmethod
    def of(cls, question: Retention, scope: Scope) -> _Numbered:
        count, unit = read_every(question.every)
        periods = CalendarPeriods(unit, question.week_starts, scope.zone)  # type: ignore[arg-type]
        span = periods.span(scope)
        length = LENGTHS[unit] * count if question.rolling else None
        return cls(periods, count, span.start, length)

    def size(self, scope: Scope) -> int:
        """Count the periods that the log reaches."""
        return -(-len(self.periods.span(scope)) // self.count)

    def cohort(self, at: Ints) -> Ints:
        """Return the number of the period of each time, from 0 at the log's first."""
        return (self.periods.number(at) - self.first) // self.count

    def later(self, returned: Ints, cohort: Ints, begun: Ints) -> Ints:
        """Return how many periods after its start each return came."""
        if self.length is not None:
            return (returned - begun) // self.length
        return self.cohort(returned) - cohort

    def label(self, cohort: int) -> str:
        """Name a cohort."""
        return self.periods.label(self.first + cohort * self.count)

    def is_seen(self, cohort: int, later: int, scope: Scope) -> bool:
        """Check whether a period begins in the view, so that no return in it is left out."""
        if scope.since is None or scope.since <= scope.begin:
            return True
        begun = cohort if self.length is not None else cohort + later
        try:
            begin = self.periods.begin(self.first + begun * self.count)
        except (OverflowError, ValueError):
            return False
        return begin + later * (self.length or 0) >= scope.since

    def is_over(self, cohort: int, later: int, scope: Scope) -> bool:
        """Check whether a period was over for a whole cohort when the log ended."""
        end = scope.end + 1 if scope.until is None else scope.until
        ended = cohort + 1 if self.length is not None else cohort + later + 1
        try:
            over = self.periods.begin(self.first + ended * self.count)
        except (OverflowError, ValueError):
            return False
        return over + (later + 1) * (self.length or 0) <= end


def _share(hits: int, n: int) -> tuple[float, float, float]:
    low, high = wilson_interval(hits, n)
    return hits / n, low, high
