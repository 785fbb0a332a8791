"""Retention: cohorts of customers by period, and how many of each return later."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import Counts, count_combinations, deduplicate_pairs
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.analysis.measuring.periods import (
    PERIODS,
    WEEK_STARTS,
    CalendarPeriods,
    Period,
    WeekStart,
)
from journeymap.analysis.row_fields import Bound, Count, Key, N, NumberKey, Share
from journeymap.analysis.table.part import Ints, Part, Scope, code_of
from journeymap.exceptions import ElementError
from journeymap.model.rules import of_type, one_of

__all__ = ["Retention", "RetentionAnswer", "RetentionRow"]

_text = validators.optional(of_type(str))


@frozen
class RetentionRow:
    """One cohort, some periods on.

    Attributes:
        cohort: The first day of the period in which its customers started, in ISO 8601.
        period: How many periods later, from 0, the cohort's own.
        customers: How many customers came back in it (``cumulative``: in it or any later period).
        share: Their share of the cohort (None: the cohort is empty).
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many customers the cohort has.
    """

    cohort: Key
    period: NumberKey
    customers: Count
    share: Share | None
    low: Bound | None
    high: Bound | None
    n: N


@frozen(eq=False, repr=False)
class RetentionAnswer(Answer[RetentionRow]):
    """Cohort by cohort, each as far as the log reaches."""

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

    Periods are those of the calendar in the log's zone.

    Attributes:
        start: The element that starts a customer (None: any interaction).
        back: The element that counts as coming back (None: any interaction).
        every: The length of a period.
        kind: ``recurring`` (came back in that very period) or ``cumulative`` (in that period or
            any later one).
        cohorts: Whether a customer is in the cohort of ``each`` period with a start, or of the
            ``first`` start ever alone.
        periods: How many periods each cohort is followed at most (None: all).
        week_starts: The day on which weeks begin.
        by: The level of ``start`` and ``back``.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "b", "a"], "touchpoint": ["x"] * 3,
    ...                       "at": [0, 0, 86_400]}, Columns(at_unit="s"))
    >>> log.ask(Retention(every="day")).table()
    [[2, 1], [1]]
    """

    start: str | None = field(default=None, validator=_text)
    back: str | None = field(default=None, validator=_text)
    every: Period = field(default="month", validator=one_of(*PERIODS))
    kind: Literal["recurring", "cumulative"] = field(
        default="recurring", validator=one_of("recurring", "cumulative")
    )
    cohorts: Literal["each", "first"] = field(
        default="each", validator=one_of("each", "first"), kw_only=True
    )
    periods: int | None = field(default=None, kw_only=True)
    week_starts: WeekStart = field(default="monday", validator=one_of(*WEEK_STARTS), kw_only=True)
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)

    @periods.validator
    def _check(self, attribute: Attribute[int | None], value: int | None) -> None:
        if value is not None and (type(value) is not int or value < 1):
            raise ElementError("Retention", "periods", value, "a whole number above 0 is expected")

    def measure(self, part: Part) -> Counts:
        """Count customers by cohort and by how many periods later they came back.

        Every customer of a cohort is counted at −1 too: that is the size of the cohort.
        """
        first = self.cohorts == "first"
        begun = self._periods(part.unbounded if first else part, self.start)
        returned = self._periods(part, self.back)
        who, cohort = begun
        if first:
            kept = np.ones(len(who), dtype=bool)
            kept[1:] = who[1:] != who[:-1]
            who, cohort = who[kept], cohort[kept]
        begins = np.searchsorted(returned[0], who)
        ends = np.searchsorted(returned[0], who, side="right")
        if self.kind == "cumulative":  # who returns in a period counts for all before it
            held = ends > begins
            later = np.append(returned[1], 0)[ends - 1][held] - cohort[held]
            cohorts = cohort[held]
        else:
            sizes = ends - begins
            places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            later = returned[1][np.repeat(begins, sizes) + places] - np.repeat(cohort, sizes)
            cohorts = np.repeat(cohort, sizes)
        after = later >= 0
        keys = (
            np.concatenate([cohort, cohorts[after]]),
            np.concatenate([np.full(len(cohort), -1), later[after]]),
        )
        return count_combinations((), keys)

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: Counts, scope: Scope) -> RetentionAnswer:
        """List every cohort and every period that the log reaches."""
        periods = CalendarPeriods(self.every, self.week_starts, scope.zone)
        span = periods.span(scope)
        size = len(span)
        wide = min(size, self.periods or size)
        periods.check_size("Retention", scope, size * wide)
        cohort, later = measured.keys
        inside = (cohort >= span.start) & (cohort < span.stop)
        if self.kind == "recurring":
            inside &= later < wide
        else:
            later = np.minimum(later, wide - 1)
        table = np.zeros((size, wide + 1), dtype=np.int64)  # the last column is the place −1
        np.add.at(table, (cohort[inside] - span.start, later[inside]), measured.count[inside])
        sizes, back = table[:, -1], table[:, :-1]
        if self.kind == "cumulative":
            back = back[:, ::-1].cumsum(axis=1)[:, ::-1]
        rows = [
            (periods.start(span.start + row).isoformat(), column, int(back[row, column]),
             *_share(int(back[row, column]), int(sizes[row])), int(sizes[row]))
            for row in range(size) for column in range(min(size - row, wide))
        ]  # fmt: skip
        schema = RetentionAnswer.schema()
        return RetentionAnswer(pl.DataFrame(rows, schema=schema, orient="row"))

    def _periods(self, part: Part, name: str | None) -> tuple[Ints, Ints]:
        """List customer and period of each interaction of a name, each pair once."""
        periods = CalendarPeriods(self.every, self.week_starts, part.scope.zone)
        who, at = part.customer.astype(np.int64), part.at
        if name is not None:
            mine = part.codes(self.by) == code_of(part.names(self.by), self.by, name)
            who, at = who[mine], at[mine]
        number = periods.number(at)
        return deduplicate_pairs(who, number)


def _share(hits: int, n: int) -> tuple[float | None, float | None, float | None]:
    return (hits / n, *wilson_interval(hits, n)) if n else (None, None, None)
