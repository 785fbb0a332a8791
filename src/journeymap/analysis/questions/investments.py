"""Investments: what departments put into stages, beside the metrics of these stages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import polars as pl
from attrs import frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.moments_in_time import begin_of
from journeymap.analysis.questions.scorecard import Scorecard, ScorecardRow
from journeymap.analysis.row_fields import Amount, Count, Field, Key, Text
from journeymap.exceptions import AnswerError
from journeymap.model import Investment, JourneyMap, Metric
from journeymap.model.instants import MICROSECOND, instant

if TYPE_CHECKING:
    from journeymap.analysis.askable import Askable

__all__ = ["InvestmentRow", "Investments", "InvestmentsAnswer"]

_Rows: TypeAlias = dict[str, ScorecardRow]
_ChangeBound: TypeAlias = Annotated[float, Field("bound", of="change")]
_LEAST_HOURS = 24
_FEW = 30  # fewer than this on a side are no ground to judge on


@frozen
class InvestmentRow:
    """An investment beside one metric of a stage that it goes into.

    Attributes:
        department: The department that invests.
        what: The investment.
        stage: The stage.
        metric: A metric of the stage, or of a touchpoint in it (None: it has none).
        kind: The kind of investment.
        amount: Its cost a year (None: not known).
        since: The day since which it works, ISO 8601 (None: not known).
        days: How many days before it and from it on are compared, in whole hours (None: one side
            has none).
        before: The metric's value in so many days until that day (None: there is none).
        n_before: What that is taken over.
        after: Its value in as many days from that day on; where none is known, of the whole log.
        n_after: What that is taken over.
        change: The value after less the one before.
        change_low: Lower bound of its 95 % interval.
        change_high: Upper bound of it.
        unit: The unit of the values.
        note: What cannot be concluded, and why.
    """

    department: Key
    what: Key
    stage: Key
    metric: Key | None
    kind: Text
    amount: Amount | None
    since: Text | None
    days: Amount | None
    before: Amount | None
    n_before: Count
    after: Amount | None
    n_after: Count
    change: Amount | None
    change_low: _ChangeBound | None
    change_high: _ChangeBound | None
    unit: Text
    note: Text | None


@frozen(eq=False, repr=False)
class InvestmentsAnswer(Answer[InvestmentRow]):
    """Department by department, in the order of the map."""

    Row = InvestmentRow

    def notes(self) -> list[str]:
        """Write what a comparison of before and after cannot show.

        Returns:
            One sentence.
        """
        if not len(self):
            return []
        return [
            "as many days before as after are compared, and differ by more than the investment: "
            "this shows no cause"
        ]


@frozen
class Investments:
    """List what each department invests in each stage, beside the stage's metrics.

    With the day since which an investment works (`Investment.since`), the metrics before that day
    and from it on; journeys are cut there. Both sides are of as many days: in a longer time more
    customers come back, more is bought, and longer waits are met. The bounds of the change combine
    the intervals of both sides (Newcombe, 1998, "Interval estimation for the difference between
    independent proportions"); the same customers on both sides make them wider than need be.

    >>> from datetime import date, timedelta
    >>> from journeymap import (Department, Frequency, Investment, JourneyMap, Metric, Of, Stage,
    ...                         Touchpoint)
    >>> from journeymap.analysis import Columns, Log
    >>> school = Investment("training", "school", stages=["use"], since=date(1970, 1, 3))
    >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
    ...     departments=[Department("support", invests=[school])],
    ...     touchpoints=[Touchpoint("call", "use", department="support")],
    ...     metrics=[Metric("calls", Of("stage", "use"), measure=Frequency(per="day"))])
    >>> log = Log.from_frame({"customer": list("abc"), "touchpoint": ["call"] * 3,
    ...     "at": [0, 86_400, 3 * 86_400]}, Columns(at_unit="s"), map=shop)
    >>> [(row.what, row.metric, row.n_before, row.n_after) for row in log.ask(Investments())]
    [('school', 'calls', 1, 1)]
    """

    def ask_log(self, log: Askable) -> InvestmentsAnswer:
        """Ask for the scorecard before and after each investment."""
        journey = log.map
        if journey is None:
            raise AnswerError("Investments", "investments are the map's: read the log with map=…")
        whole = _by_metric(log.ask(Scorecard()))
        sides: dict[date, tuple[_Rows, _Rows]] = {}
        rows = []
        for department in journey.departments.values():
            for invested in department.invests:
                since = invested.since
                length = None if since is None else _length_compared(log, since)
                if since is not None and since not in sides:
                    sides[since] = _both_sides(log, since, length)
                for stage, metric in _watched(journey, invested):
                    found = (None, whole) if since is None else sides[since]
                    rows.append({
                        "department": department.id, "what": invested.what, "stage": stage,
                        "metric": None if metric is None else metric.id, "kind": invested.kind,
                        "amount": invested.amount,
                        "since": None if since is None else since.isoformat(),
                        "days": None if length is None else length / timedelta(days=1),
                        **_compare(metric, found[0], found[1],
                                   short=since is not None and _is_short(log, since)),
                    })  # fmt: skip
        return InvestmentsAnswer(pl.DataFrame(rows, schema=InvestmentsAnswer.schema()))


def _length_compared(log: Askable, since: date) -> timedelta | None:
    """Find how long there is something on both sides of a day, in whole hours."""
    if log.first is None or log.last is None:
        return None
    begin = instant(begin_of(since, log.scope.zone))
    sides = (begin - log.first, log.last - begin + MICROSECOND)
    hours = min(-(-side // timedelta(hours=1)) for side in sides)
    return timedelta(hours=max(hours, _LEAST_HOURS)) if hours > 0 else None


def _is_short(log: Askable, since: date) -> bool:
    """Check whether there is less than a day on one side."""
    begin = instant(begin_of(since, log.scope.zone))
    day = timedelta(hours=_LEAST_HOURS)
    return log.first is None or log.last is None or min(begin - log.first, log.last - begin) < day


def _both_sides(log: Askable, since: date, length: timedelta | None) -> tuple[_Rows, _Rows]:
    """Ask for the metrics of so long before a day and from it on."""
    if length is None:
        before, after = log.where(until=since), log.where(since=since)
    else:
        begin = instant(begin_of(since, log.scope.zone))
        before = log.where(since=begin - length, until=begin)
        after = log.where(since=begin, until=begin + length)
    return _by_metric(before.ask(Scorecard())), _by_metric(after.ask(Scorecard()))


def _by_metric(answer: Any) -> _Rows:
    return {row.metric: row for row in answer}


def _watched(journey: JourneyMap, invested: Investment) -> Iterator[tuple[str, Metric | None]]:
    """Give the stages that an investment goes into, each with its metrics."""
    for stage in invested.stages or tuple(journey.stages):
        points = {point.id for point in journey.touchpoints.values() if point.stage == stage}
        found = [
            metric for metric in journey.metrics.values()
            if (metric.of.kind, metric.of.id) == ("stage", stage)
            or (metric.of.kind == "touchpoint" and metric.of.id in points)
        ]  # fmt: skip
        yield from ((stage, metric) for metric in found or (None,))


def _compare(
    metric: Metric | None, before: _Rows | None, after: _Rows, *, short: bool
) -> dict[str, Any]:
    """Put the values of a metric before and after side by side."""
    cells: dict[str, Any] = dict.fromkeys(
        ("before", "after", "change", "change_low", "change_high")
    )  # fmt: skip
    cells |= {"n_before": 0, "n_after": 0, "unit": "", "note": None}
    if metric is None:
        return cells | {"note": "the stage has no metric"}
    now = after[metric.id]
    cells |= {"after": now.value, "n_after": now.n, "unit": metric.unit, "note": now.note}
    if before is None:
        return cells | {
            "note": now.note or "the map names no day since which it works (Investment.since)"
        }
    then = before[metric.id]
    cells |= {"before": then.value, "n_before": then.n}
    if then.value is None or now.value is None:
        return cells | {"note": now.note or then.note or "on one side there is nothing"}
    cells["change"] = now.value - then.value
    bounds = (now.low, now.high, then.low, then.high)
    if short or min(now.n, then.n) < _FEW or None in bounds:
        why = "too few, too short a time, or sums, to tell a change from chance"
        return cells | {"note": now.note or why}
    low, high, low_then, high_then = (float(one or 0) for one in bounds)
    down = math.hypot(now.value - low, high_then - then.value)
    up = math.hypot(high - now.value, then.value - low_then)
    change = now.value - then.value
    return cells | {"change_low": change - down, "change_high": change + up}
