"""New, returning, resurrecting and dormant customers, period by period."""

from __future__ import annotations

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import Counts, counts_of, once
from journeymap.analysis.measuring.periods import PERIODS, STARTS, Calendars, Every, Starts
from journeymap.analysis.table.part import Part, Scope
from journeymap.model.rules import one_of

__all__ = ["Lifecycle", "LifecycleAnswer", "LifecyclePeriod"]

_NEW, _RETURNING, _RESURRECTING, _DORMANT = range(4)


@frozen
class LifecyclePeriod:
    """The customers of one period.

    ``period`` is its first day; ``customers`` were active in it: ``new`` ones for the first time
    ever, ``returning`` ones as in the period before, ``resurrecting`` ones after a pause;
    ``dormant`` ones were active in the period before and not in this one.
    """

    period: str
    customers: int
    new: int
    returning: int
    resurrecting: int
    dormant: int


@frozen(eq=False, repr=False)
class LifecycleAnswer(Answer[LifecyclePeriod]):
    """Every period of the log, from the first to the last."""

    Row = LifecyclePeriod


@frozen
class Lifecycle:
    """Who is new, who returns, who comes back after a pause and who has gone, ``every`` period.

    Periods are of the calendar in the log's zone; weeks begin on ``week_starts``. A bound in time
    that ``where`` sets chooses periods and does not make anyone new: what came before still
    counts as having been there.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "b", "a"], "touchpoint": ["x"] * 3,
    ...                       "at": [0, 0, 86_400]}, Columns(at_unit="s"))
    >>> [(p.period, p.new, p.returning, p.dormant) for p in log.ask(Lifecycle("day"))]
    [('1970-01-01', 2, 0, 0), ('1970-01-02', 0, 1, 1)]
    """

    every: Every = field(default="month", validator=one_of(*PERIODS))
    week_starts: Starts = field(default="monday", validator=one_of(*STARTS), kw_only=True)

    def measure(self, part: Part) -> Counts:
        """Count customers by period and by what they are in it."""
        periods = Calendars(self.every, self.week_starts, part.scope.zone)
        who, when = once(part.ever.customer.astype(np.int64), periods.number(part.ever.at))
        same = np.zeros(len(who) + 1, dtype=bool)
        same[1:-1] = who[1:] == who[:-1]
        follows = same[:-1].copy()
        follows[1:] &= when[1:] == when[:-1] + 1
        what = np.where(~same[:-1], _NEW, np.where(follows, _RETURNING, _RESURRECTING))
        gone = np.ones(len(who), dtype=bool)
        gone[:-1] = ~(same[1:-1] & (when[1:] == when[:-1] + 1))
        kinds = np.concatenate([what, np.full(int(gone.sum()), _DORMANT)])
        return counts_of((), (np.concatenate([when, when[gone] + 1]), kinds))

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Add up."""
        return one.merge(other)

    def answer(self, measured: Counts, scope: Scope) -> LifecycleAnswer:
        """Every period of the log, also those in which nothing happened."""
        periods = Calendars(self.every, self.week_starts, scope.zone)
        span = periods.span(scope)
        periods.few("Lifecycle", scope, len(span))
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
