"""The scorecard: what the metrics of a map are worth, beside their targets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from attrs import evolve, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.metric_units import Hits, Lengths, Sums, find_units
from journeymap.analysis.measuring.metric_values import (
    Rated,
    Summed,
    Value,
    Worth,
    evaluate,
    merge_worth,
    sum_units,
)
from journeymap.analysis.measuring.periods import (
    PERIODS,
    WEEK_STARTS,
    CalendarPeriods,
    MovingWindow,
    Period,
    WeekStart,
)
from journeymap.analysis.measuring.quantiles import Spread, spread_lengths
from journeymap.analysis.moments_in_time import TimeOrDay, as_time, begin_of, check_time
from journeymap.analysis.row_fields import Amount, Field, Flag, Key, Mean, N, Names, Text
from journeymap.analysis.table.part import Ints, Part, Scope, require_times
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from journeymap.model import (
    AmountOf,
    Dormancy,
    Frequency,
    JourneyMap,
    Metric,
    Of,
    TimeBetween,
    TimeIn,
)
from journeymap.model.instants import micros_in
from journeymap.model.rules import maybe_length, of_type, one_of, positive_duration

__all__ = ["NeedMet", "Scorecard", "ScorecardAnswer", "ScorecardRow"]

Verdict = Literal["met", "missed", "not sure"]
_ValueBound: TypeAlias = Annotated[float, Field("bound", of="value")]
_ChangeBound: TypeAlias = Annotated[float, Field("bound", of="change")]
_WHOLE = np.iinfo(np.int64).min
_WINDOWS = (-1, 0)  # the moving window, and the one before
_AWAITED = "of what began in the window, more may come still"
_KNOWN = 0.95  # of what may come at any time: the share of which it is known after a while
_NOTHING = Value(None, 0)


@frozen
class ScorecardRow:
    """A metric in one period.

    Attributes:
        metric: The metric's id; of a target of the map, ``process …`` or ``key_journey …``.
        of: The element that it belongs to, such as ``stage order``.
        departments: The departments that share it.
        period: The first day of the period, or the beginning of the window, ISO 8601 (None: all of
            the log).
        complete: Whether the log covers all of the period (None: it is no period); of dormancy, and
            as much time after it as silence takes; of what may come at any time (waits, stays,
            retention, another purchase), as much as nineteen of twenty took, for nine tenths of it.
        value: The value, in ``unit`` (None: nothing was counted).
        n: How many answers, waits, interactions, journeys or customers it is taken over.
        low: Lower bound of its 95 % interval (None: it has none).
        high: Upper bound of it.
        unit: The unit of values and target.
        target: The value that it should reach (None: it has none).
        verdict: ``met``, ``missed``, or ``not sure`` where the interval spans the target or there
            are too few for one (None: there is no target, or no value).
        before: The value of the period before (None: there is none).
        change: The value less the one before.
        change_low: Lower bound of the 95 % interval of the change.
        change_high: Upper bound of it.
        note: Why there is no value.
    """

    metric: Key
    of: Text
    departments: Names
    period: Key | None
    complete: Flag | None
    value: Mean | None
    n: N
    low: _ValueBound | None
    high: _ValueBound | None
    unit: Text
    target: Amount | None
    verdict: Text | None
    before: Amount | None
    change: Amount | None
    change_low: _ChangeBound | None
    change_high: _ChangeBound | None
    note: Text | None


@frozen
class NeedMet:
    """A need of the map, and whether its metrics show it to be met.

    Attributes:
        need: The need's id.
        of: The stage or persona that has it, such as ``stage order``.
        words: The need in the customer's words.
        verdict: ``met`` if all its metrics meet their targets, ``missed`` if one misses it, ``not
            sure`` otherwise (None: none of them has a verdict).
        metrics: The metrics that it is judged by.
    """

    need: str
    of: str
    words: str
    verdict: Verdict | None
    metrics: tuple[str, ...]


@frozen(eq=False, repr=False)
class ScorecardAnswer(Answer[ScorecardRow]):
    """Metric by metric, in the order of the map; each with its periods.

    Attributes:
        needs: The needs of the map's stages and personas, by the last complete period.
    """

    Row = ScorecardRow
    needs: tuple[NeedMet, ...] = field(default=(), kw_only=True)

    def notes(self) -> list[str]:
        """Write how many targets are met in the last complete period, or in the whole log.

        Returns:
            At most one sentence.
        """
        counts = dict(_last(self.frame)["verdict"].drop_nulls().value_counts().rows())
        if not counts:
            return []
        parts = [f"{counts[one]} {one}" for one in ("met", "missed", "not sure") if one in counts]
        return [f"of {sum(counts.values())} targets: {', '.join(parts)}"]

    def field_in(self, row: dict[str, Any], name: str) -> Field:
        """Find out what a field is, in one row: a sum is no mean, and is not compared.

        Args:
            row: The row as a dictionary.
            name: The name of the field.

        Returns:
            The kind of the field.
        """
        if name == "value" and row["low"] is None and row["high"] is None:
            return Field("amount")
        return super().field_in(row, name)

    def _columns(self) -> list[str]:
        first = ("metric", "period", "complete", "value", "unit", "target", "verdict", "n", "low",
                 "high", "change")  # fmt: skip
        return [*first, *(name for name in super()._columns() if name not in first)]


@frozen
class Scorecard:
    """Measure every metric of the map, for all departments that share it.

    Processes and key journeys with a target are measured, too: by their median time. Answers,
    waits and interactions count in the period in which they are or begin; a journey or customer
    counts in each period in which something of it is counted, by what happens in that period.
    What is not over has no length yet, and is not counted: the latest times are too short.

    Attributes:
        every: The length of a period (None: the whole log at once).
        last: The length of a moving window instead, such as ``30 days``: what happened in it,
            beside what happened in the window before.
        as_of: Where the window ends (None: with the log); a day, where it begins. What began in
            the window is followed to the end of the log, as it is in periods.
        metric: One metric (None: all).
        week_starts: The first day of a week.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap import JourneyMap, Metric, Of, Rating, Stage, Touchpoint
    >>> from journeymap.analysis import Columns, Log
    >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
    ...     touchpoints=[Touchpoint("call", "use")],
    ...     metrics=[Metric("nps", Of("stage", "use"), target=20, measure=Rating("nps"))])
    >>> log = Log.from_frame({"customer": list("abc"), "touchpoint": ["call"] * 3,
    ...     "at": [1, 2, 3], "answer": [10, 9, 3]},
    ...     Columns(at_unit="s", score="answer", score_kind="nps"), map=shop)
    >>> [(row.metric, round(row.value, 1), row.n, row.verdict) for row in log.ask(Scorecard())]
    [('nps', 33.3, 3, 'not sure')]
    """

    every: Period | None = field(default=None, validator=validators.optional(one_of(*PERIODS)))
    last: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )
    as_of: TimeOrDay | None = field(
        default=None, converter=as_time, validator=check_time, kw_only=True
    )
    metric: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )
    week_starts: WeekStart = field(default="monday", validator=one_of(*WEEK_STARTS), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.last is not None and self.every is not None:
            message = "either periods or a moving window, not both"
            raise ElementError("Scorecard", "last", self.last, message)
        if self.as_of is not None and self.last is None:
            message = "it is where a moving window ends: last='30 days'"
            raise ElementError("Scorecard", "as_of", self.as_of, message)

    @staticmethod
    def suits(journey: JourneyMap) -> bool:
        """Check whether a map has anything to measure: metrics, or targets.

        Args:
            journey: The map.

        Returns:
            Whether it has.
        """
        return any(True for _ in _all_metrics(journey))

    def measure(self, part: Part) -> dict[str, Any]:
        """Sum what each metric counts, by period; where nothing can be counted, a text is why."""
        metrics = self._metrics(part.scope)
        if metrics:
            require_times(part.scope, "Scorecard")
        return {name: self._sum(part, metric) for name, metric in metrics.items()}

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of whom something is counted in a row, as the part numbers them."""
        metric, calendar = self._metrics(part.scope)[row["metric"]], self._calendar(part.scope)
        try:
            units = find_units(part, metric, settled=calendar is None)
        except (AnswerError, UnknownName):  # there is nothing to count, and a note
            return np.zeros(0, dtype=np.int64)
        at, owner = units.at, units.owner
        if isinstance(units, Sums) and len(units.of_unit):
            at = units.of_at
        if isinstance(units, Hits) and units.counts is not None:
            at, owner = at[units.counts], owner[units.counts]
        if calendar is None:
            return owner
        period = calendar.number(at)
        numbers = [one for one in distinct(period).tolist() if calendar.label(one) == row["period"]]
        return owner[np.isin(period, numbers)]

    def merge(self, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """Sum two measurements."""
        return {name: _merge(one[name], other[name]) for name in one}

    def answer(self, measured: dict[str, Any], scope: Scope) -> ScorecardAnswer:
        """Evaluate every metric in every period."""
        rows: list[dict[str, Any]] = []
        for name, metric in self._metrics(scope).items():
            rows += self._rows(name, metric, measured[name], scope)
        frame = pl.DataFrame(rows, schema=ScorecardAnswer.schema())
        needs = () if scope.map is None else tuple(_judge_needs(scope.map, frame))
        return ScorecardAnswer(frame, needs=needs)

    def _metrics(self, scope: Scope) -> dict[str, Metric]:
        if scope.map is None:
            if not scope.interactions:
                return {}
            raise AnswerError("Scorecard", "metrics are the map's: read the log with map=…")
        found: dict[str, Metric] = {}
        for metric in _all_metrics(scope.map):
            found.setdefault(metric.id, metric)  # a metric of the map, before a target's
        if self.metric is None:
            return found
        if self.metric not in found:
            raise UnknownName("metric", self.metric, tuple(found))
        return {self.metric: found[self.metric]}

    def _sum(self, part: Part, metric: Metric) -> _Sum | str:
        if not len(part):
            return _Sum({}, _NO_DELAYS)
        try:
            units = find_units(part, metric, settled=self._calendar(part.scope) is None)
        except (AnswerError, UnknownName) as error:
            return error.message if isinstance(error, AnswerError) else str(error)
        period = self._period(units.at, part.scope)
        of_period = self._period(units.of_at, part.scope) if isinstance(units, Sums) else None
        found = sum_units(units, period, of_period)
        if self.last is not None:
            found = {number: worth for number, worth in found.items() if number in _WINDOWS}
        delays = units.delay if isinstance(units, Lengths | Hits) else None
        if delays is None:
            return _Sum(found, _NO_DELAYS)
        return _Sum(found, spread_lengths(np.zeros(len(delays), dtype=np.int64), delays))

    def _period(self, at: Ints, scope: Scope) -> Ints:
        calendar = self._calendar(scope)
        if calendar is None:
            return np.full(len(at), _WHOLE)
        found = calendar.number(at)
        return found if self.last is None else np.clip(found, _WINDOWS[0] - 1, _WINDOWS[-1] + 1)

    def _calendar(self, scope: Scope) -> CalendarPeriods | MovingWindow | None:
        if self.every is not None:
            return CalendarPeriods(self.every, self.week_starts, scope.zone)
        if self.last is None:
            return None
        end = scope.seen_until + 1 if self.as_of is None else begin_of(self.as_of, scope.zone)
        return MovingWindow(micros_in(self.last), end, scope.zone)

    def _rows(
        self, name: str, metric: Metric, measured: Any, scope: Scope
    ) -> Iterator[dict[str, Any]]:
        assert scope.map is not None  # noqa: S101  # there is a metric
        same = {
            "metric": name, "of": f"{metric.of.kind} {metric.of.id}",
            "departments": list(scope.map.departments_of(metric)), "unit": metric.unit,
            "target": metric.target,
        }  # fmt: skip
        known = isinstance(measured, _Sum)
        worth: dict[int, Worth] = measured.worth if known else {}
        patience = measured.patience if known else 0
        note = measured if isinstance(measured, str) else None
        note = note or _note(metric, worth)
        before: Value | None = None
        for number, cells in self._periods(worth, scope):
            if cells["complete"] and not self._silence_is_over(metric, number, scope):
                cells |= {"complete": False}
            waited_for = cells["complete"] is not None and self._is_awaited(number, patience, scope)
            if waited_for:
                cells |= {"complete": False}
            value = self._value(metric, worth.get(number), number, scope) if known else _NOTHING
            # What adds up is not over before its period is.
            open_ = waited_for or (cells["complete"] is False and (
                _is_total(metric) or isinstance(metric.measure, Dormancy)
                or _is_exact(metric)
            )) or self._is_short(metric, number, scope)  # fmt: skip
            if self.last is not None and number < _WINDOWS[-1]:  # it is what is before
                before = None if open_ else value
                continue
            yield {
                **same, **cells, **_cells(value),
                "note": note or (_AWAITED if waited_for and self.last is not None else None),
                "verdict": None if open_ else _verdict(metric, value),
                **_change(value, None if open_ else before),
            }  # fmt: skip
            before = None if open_ else value

    def _silence_is_over(self, metric: Metric, number: int, scope: Scope) -> bool:
        """Check whether the log goes on for as long after a period as silence takes."""
        if not isinstance(metric.measure, Dormancy) or scope.map is None:
            return True
        calendar = self._calendar(scope)
        longest = max((one for one in scope.map.tables.dormant_after if one is not None), default=0)
        if calendar is None:
            return True
        return bool(calendar.begin(number + 1) + longest <= scope.seen_until + 1)

    def _is_awaited(self, number: int, patience: int, scope: Scope) -> bool:
        """Check whether what began in a period may come still, for more than a tenth of it."""
        calendar = self._calendar(scope)
        if not patience or calendar is None:
            return False
        begin, end = calendar.begin(number), calendar.begin(number + 1)
        return bool(end - (end - begin) // 10 + patience > scope.seen_until + 1)

    def _periods(
        self, worth: dict[int, Worth], scope: Scope
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        calendar = self._calendar(scope)
        if calendar is None:
            yield _WHOLE, {"period": None, "complete": None}
            return
        if isinstance(calendar, MovingWindow):
            first = scope.begin if scope.since is None else max(scope.begin, scope.since)
            for number in _WINDOWS:
                if number < 0 and calendar.begin(number + 1) <= first:  # nothing is known of it
                    continue
                known = bool(scope.interactions) and scope.end >= calendar.begin(number)
                whole = known and calendar.begin(number) >= first
                yield number, {"period": calendar.label(number), "complete": whole}
            return
        span = calendar.span(evolve(scope, last=max(scope.last, scope.end)))
        numbers = range(
            min([*worth, *span[:1]], default=0), max([*worth, *span[-1:]], default=-1) + 1
        )
        calendar.check_size("Scorecard", scope, len(numbers))
        end = scope.end + 1 if scope.until is None else scope.until
        for number in numbers:
            begin = calendar.begin(number)
            whole = scope.since is None or begin >= scope.since
            seen = whole and calendar.is_seen_from(number, scope.begin)
            complete = seen and calendar.begin(number + 1) <= end
            yield number, {"period": calendar.label(number), "complete": complete}

    def _value(self, metric: Metric, worth: Worth | None, number: int, scope: Scope) -> Value:
        measure = metric.measure
        if isinstance(measure, Frequency) and measure.per in ("day", "week", "month"):
            return self._rate(measure, worth, number, scope)
        if worth is None:
            return Value(0.0, 0) if _is_total(metric) else _NOTHING
        statistic = "mean"
        if isinstance(measure, TimeBetween | TimeIn):
            statistic = measure.statistic
        if isinstance(measure, AmountOf):
            statistic = "total" if measure.per == "total" else "amount"
        return _scaled(evaluate(worth, statistic, scope.scales), metric.scale)

    def _rate(
        self, measure: Frequency, worth: Worth | None, number: int, scope: Scope
    ) -> Value:  # fmt: skip
        """Give the count for each day, week or month of the period; ``n`` is the count."""
        count = worth.n if isinstance(worth, Summed) else 0
        lasted = self._count_units(measure, number, scope)
        return Value(None if lasted < _LEAST else count / lasted, count)

    def _count_units(self, measure: Frequency, number: int, scope: Scope) -> float:
        """Count the days, weeks or months that are seen of a period."""
        begin = scope.begin if scope.since is None else max(scope.since, scope.begin)
        end = scope.seen_until + 1
        calendar = self._calendar(scope)
        whole = False
        if calendar is not None:
            edges = calendar.begin(number), calendar.begin(number + 1)
            whole = self.every is not None and edges[0] >= begin and edges[1] <= end
            begin, end = max(begin, edges[0]), edges[1] if self.last else min(end, edges[1])
        days = max(end - begin, 0) / 86_400e6
        if whole:  # a day is one, also when clocks change
            days = float(round(days))
            if measure.per == "month" and self.every in _MONTHS:
                return _MONTHS[self.every]
        return days / {"day": 1.0, "week": 7.0, "month": 365.2425 / 12}[str(measure.per)]

    def _is_short(self, metric: Metric, number: int, scope: Scope) -> bool:
        """Check whether a period is shorter than the time for which something is counted."""
        measure = metric.measure
        if isinstance(measure, Frequency) and _is_exact(metric):
            return self._count_units(measure, number, scope) < 1 - _NEARLY
        return False


def _last(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the last complete period of each metric."""
    complete = frame.filter(pl.col("complete").fill_null(value=True))
    return complete.group_by("metric", maintain_order=True).last()


def _judge_needs(journey: JourneyMap, frame: pl.DataFrame) -> Iterator[NeedMet]:
    """Judge each need by the verdicts of its metrics."""
    last = _last(frame)
    verdicts: dict[str, Any] = dict(zip(last["metric"], last["verdict"], strict=True))
    for kind, elements in (("stage", journey.stages), ("persona", journey.personas)):
        for element in elements.values():
            for need in element.needs:
                found = [verdicts.get(name) for name in need.metrics]
                known = {one for one in found if one is not None}
                verdict: Verdict | None = None
                if known:
                    all_met = known == {"met"} and None not in found
                    verdict = "missed" if "missed" in known else "met" if all_met else "not sure"
                yield NeedMet(need.id, f"{kind} {element.id}", need.words, verdict, need.metrics)


def _all_metrics(journey: JourneyMap) -> Iterator[Metric]:
    """Give the metrics of a map, and those that targets of processes and key journeys stand for."""
    yield from journey.metrics.values()
    for process in journey.processes.values():
        if process.target is not None:
            yield _timed("process", process.id, process.target.total_seconds(),
                         working_time=process.calendar is not None)  # fmt: skip
    for span in journey.key_journeys.values():
        if span.within is not None:
            yield _timed("key_journey", span.id, span.within.total_seconds(), working_time=False)


def _timed(kind: Any, name: str, target: float, *, working_time: bool) -> Metric:
    unit, size = next(
        (unit, size) for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
        if target >= size or unit == "s"
    )  # fmt: skip
    return Metric(f"{kind} {name}", Of(kind, name), kind="time", unit=unit, direction="down",
                  target=target / size, measure=TimeIn(working_time=working_time))  # fmt: skip


@frozen(eq=False)
class _Sum:
    """The sums of a metric by period; and how long after its time each unit was known."""

    worth: dict[int, Worth]
    delays: Spread

    @property
    def patience(self) -> int:
        """The time in which nineteen of twenty were known, in microseconds; 0 where all are."""
        [found] = self.delays.quantiles(np.zeros(1, dtype=np.int64), (_KNOWN,))
        return 0 if np.isnan(found[0]) else int(found[0] * 1e6)


_MONTHS = {"month": 1.0, "quarter": 3.0, "year": 12.0}
_LEAST = 0.2  # of a day, week or month: of less no rate is known
_NEARLY = 0.1  # of a month: a window of 28 days is as long as one
_NO_DELAYS = spread_lengths(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def _merge(one: Any, other: Any) -> Any:
    if isinstance(one, str) or isinstance(other, str):
        return one if isinstance(one, str) else other
    made = {**one.worth, **other.worth}
    for period in one.worth.keys() & other.worth.keys():
        made[period] = merge_worth(one.worth[period], other.worth[period])
    return _Sum(made, one.delays.merge(other.delays))


def _scaled(value: Value, scale: float) -> Value:
    if scale == 1:
        return value
    numbers = (value.value, value.low, value.high)
    found, low, high = (None if one is None else one * scale for one in numbers)
    return Value(found, value.n, low, high)


def _cells(value: Value) -> dict[str, Any]:
    return {"value": value.value, "n": value.n, "low": value.low, "high": value.high}


def _verdict(metric: Metric, value: Value) -> Verdict | None:
    """Judge a value by its interval; a sum, which has none, by itself."""
    if metric.target is None or value.value is None:
        return None
    if isinstance(metric.measure, AmountOf) and metric.measure.what == "cost" and not value.value:
        return "not sure"  # nothing was spent, or nothing noted
    low, high = value.low, value.high
    if _is_exact(metric):
        low = high = value.value
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    if metric.direction == "down":
        low, high, target = -high, -low, -metric.target
    else:
        target = metric.target
    if low >= target:
        return "met"
    return "missed" if high < target else "not sure"


def _is_exact(metric: Metric) -> bool:
    """Check whether a metric is a count or a sum, and no estimate."""
    measure = metric.measure
    if isinstance(measure, Frequency):
        return measure.per in ("day", "week", "month")
    return isinstance(measure, AmountOf) and measure.per == "total"


def _is_total(metric: Metric) -> bool:
    return isinstance(metric.measure, AmountOf) and metric.measure.per == "total"


def _note(metric: Metric, worth: dict[int, Worth]) -> str | None:
    """Write what a reader must know of a value, if there is anything."""
    scales = sorted({kind for one in worth.values() if isinstance(one, Rated)
                     for kind in one.others})  # fmt: skip
    if scales:
        return f"answers on other scales are not counted: {', '.join(scales)}"
    spent = any(isinstance(one, Summed) and one.total for one in worth.values())
    if isinstance(metric.measure, AmountOf) and metric.measure.what == "cost" and not spent:
        return "there are no amounts below zero"
    return None


def _change(value: Value, before: Value | None) -> dict[str, Any]:
    """Compare with the period before; the interval joins theirs (MOVER, Zou and Donner 2008)."""
    found: dict[str, Any] = dict.fromkeys(("before", "change", "change_low", "change_high"))
    if before is None or before.value is None:
        return found
    found["before"] = before.value
    if value.value is None:
        return found
    change = found["change"] = value.value - before.value
    bounds = (value.low, value.high, before.low, before.high)
    if None in bounds:
        return found
    low, high, low_before, high_before = (float(one or 0) for one in bounds)
    down = math.hypot(value.value - low, high_before - before.value)
    up = math.hypot(high - value.value, before.value - low_before)
    return found | {"change_low": change - down, "change_high": change + up}
