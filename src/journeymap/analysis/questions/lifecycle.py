"""New, returning, resurrecting and dormant customers, period by period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import (
    Counts,
    count_combinations,
    deduplicate_pairs,
    distinct,
)
from journeymap.analysis.measuring.periods import (
    PERIODS,
    WEEK_STARTS,
    CalendarPeriods,
    Period,
    WeekStart,
)
from journeymap.analysis.row_fields import Count, Key
from journeymap.analysis.table.part import Ints, Part, Scope, require_times
from journeymap.model.rules import one_of

__all__ = ["Lifecycle", "LifecycleAnswer", "LifecyclePeriod"]

_NEW, _RETURNING, _RESURRECTING, _DORMANT = range(4)


@frozen
class LifecyclePeriod:
    """The customers of one period.

    Attributes:
        period: Its first day, in ISO 8601.
        customers: How many were active in it.
        new: How many of them for the first time ever.
        returning: How many were active in the period before, too.
        resurrecting: How many were active earlier, but not in the period before.
        dormant: How many were active in the period before and not in this one.
    """

    period: Key
    customers: Count
    new: Count
    returning: Count
    resurrecting: Count
    dormant: Count


@frozen(eq=False, repr=False)
class LifecycleAnswer(Answer[LifecyclePeriod]):
    """Every period of the log, from the first to the last."""

    Row = LifecyclePeriod


@frozen
class Lifecycle:
    """Count new, returning, resurrecting and dormant customers, period by period.

    Periods are those of the calendar in the log's zone. A bound in time that ``where`` sets
    chooses periods and does not make anyone new: earlier interactions still count.

    Attributes:
        every: The length of a period.
        week_starts: The day on which weeks begin.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "b", "a"], "touchpoint": ["x"] * 3,
    ...                       "at": [0, 0, 86_400]}, Columns(at_unit="s"))
    >>> [(p.period, p.new, p.returning, p.dormant) for p in log.ask(Lifecycle("day"))]
    [('1970-01-01', 2, 0, 0), ('1970-01-02', 0, 1, 1)]
    """

    every: Period = field(default="month", validator=one_of(*PERIODS))
    week_starts: WeekStart = field(default="monday", validator=one_of(*WEEK_STARTS), kw_only=True)

    def measure(self, part: Part) -> Counts:
        """Count customers by period and by their part in it."""
        _, when, kinds = self._parts_of(part)
        return count_combinations((), (when, kinds))

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        wanted = {"new": (_NEW,), "returning": (_RETURNING,), "resurrecting": (_RESURRECTING,),
                  "dormant": (_DORMANT,),
                  "customers": (_NEW, _RETURNING, _RESURRECTING)}.get(number)  # fmt: skip
        if wanted is None:
            return None
        who, when, kinds = self._parts_of(part)
        periods = CalendarPeriods(self.every, self.week_starts, part.scope.zone)
        mine = [number for number in distinct(when).tolist()
                if periods.start(number).isoformat() == row["period"]]  # fmt: skip
        return who[np.isin(when, mine) & np.isin(kinds, wanted)]

    def _parts_of(self, part: Part) -> tuple[Ints, Ints, Ints]:
        """List customers, periods, and their part in each; dormant ones in the one after."""
        require_times(part.scope, "Lifecycle")
        periods = CalendarPeriods(self.every, self.week_starts, part.scope.zone)
        who, when = deduplicate_pairs(
            part.unbounded.customer.astype(np.int64), periods.number(part.unbounded.at)
        )
        same = np.zeros(len(who) + 1, dtype=bool)
        same[1:-1] = who[1:] == who[:-1]
        follows = same[:-1].copy()
        follows[1:] &= when[1:] == when[:-1] + 1
        what = np.where(~same[:-1], _NEW, np.where(follows, _RETURNING, _RESURRECTING))
        gone = np.ones(len(who), dtype=bool)
        gone[:-1] = ~(same[1:-1] & (when[1:] == when[:-1] + 1))
        kinds = np.concatenate([what, np.full(int(gone.sum()), _DORMANT)])
        return (
            np.concatenate([who, who[gone]]), np.concatenate([when, when[gone] + 1]), kinds
        )  # fmt: skip

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: Counts, scope: Scope) -> LifecycleAnswer:
        """List every period of the log, also those in which nothing happened."""
        periods = CalendarPeriods(self.every, self.week_starts, scope.zone)
        span = periods.span(scope)
        periods.check_size("Lifecycle", scope, len(span))
        table = np.zeros((len(span), 4), dtype=np.int64)
        when, kinds = measured.keys
        inside = (when >= span.start) & (when < span.stop)
        table[when[inside] - span.start, kinds[inside]] = measured.count[inside]
        columns = {
            "period": [periods.start(number).isoformat() for number in span],
            "customers": table[:, :_DORMANT].sum(axis=1),
            "new": table[:, _NEW],
            "returning": table[:, _RETURNING],
            "resurrecting": table[:, _RESURRECTING],
            "dormant": table[:, _DORMANT],
        }
        return LifecycleAnswer(pl.DataFrame(columns, schema=LifecycleAnswer.schema()))
