"""Any question over time: for each day, week, month, quarter or year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs import evolve, field, frozen

from journeymap.analysis.measuring.periods import (
    WEEK_STARTS,
    CalendarPeriods,
    Period,
    WeekStart,
)
from journeymap.analysis.measuring.segments import attribute_of
from journeymap.analysis.measuring.splitting import (
    Key,
    SegmentCodes,
    split_part,
)
from journeymap.analysis.question import Question, check_question
from journeymap.analysis.questions.revenue import Revenue
from journeymap.analysis.row_fields import Flag
from journeymap.analysis.row_fields import Key as KeyField
from journeymap.analysis.split_answer import SplitAnswer, join_answers
from journeymap.analysis.splitting_questions import prepare_split
from journeymap.analysis.table.part import Part, Scope, require_times
from journeymap.analysis.where import Where
from journeymap.model.instants import instant
from journeymap.model.rules import one_of

if TYPE_CHECKING:
    from journeymap.analysis.askable import Askable

__all__ = ["Trend", "TrendAnswer", "TrendPeriod"]

_EVERY = ("hour", "day", "week", "month", "quarter", "year")


@frozen
class TrendPeriod:
    """The cells that name a period.

    Attributes:
        period: Its first day, an hour by its local time, in ISO 8601.
        complete: Whether the log covers all of it: the period in progress is not; nor is one of a
            funnel in which some may still go on within their time.
    """

    period: KeyField
    complete: Flag


@frozen(eq=False, repr=False)
class TrendAnswer(SplitAnswer):
    """The periods in order, each with the question's rows; one without any has a row of nothing."""

    Row = TrendPeriod

    def notes(self) -> list[str]:
        """Write which periods are not complete, and where amounts count.

        Returns:
            The sentences.
        """
        asked = self.question
        first = asked is not None and isinstance(asked.question, Revenue) and (
            (asked.attribute or attribute_of(asked.question)) == "first"
        )  # fmt: skip
        money = ["amounts count in the period in which their journey began, not when they were "
                 "paid: that is attribute='each'"] if first else []  # fmt: skip
        found = self.frame.filter(~self.frame[self.frame.columns[1]])
        names = list(dict.fromkeys(found[self.frame.columns[0]].to_list())) if len(found) else []
        return [*([f"not complete: {', '.join(names)}"] if names else []), *money]


@frozen
class Trend:
    """Ask any question for each period, in one pass.

    A journey counts in the period in which it began, with all that followed: one that began lately
    has had less time. Of `Satisfaction`, each interaction counts in its own period.

    Attributes:
        question: The question; a `Breakdown` may be one.
        every: The length of a period: ``hour``, ``day``, ``week``, ``month``, ``quarter`` or
            ``year``, in the log's zone.
        week_starts: The first day of a week, ``monday`` or ``sunday``.
        attribute: ``first``: journeys by when they began; ``each``: each interaction in its own
            period, where journeys are cut (None: the question's own way).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Funnel, Log
    >>> day = 24 * 3600
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["cart", "buy", "cart"],
    ...                       "at": [0, day, 2 * day + 1]}, Columns(at_unit="s"))
    >>> answer = log.ask(Trend(Funnel(["cart", "buy"]), every="day"))
    >>> [(row.period, row.complete, row.count) for row in answer if row.step == 1]
    [('1970-01-01', True, 1), ('1970-01-03', False, 1)]
    """

    question: Any = field()
    every: Period | Literal["hour"] = field(default="month", validator=one_of(*_EVERY))
    week_starts: WeekStart = field(default="monday", validator=one_of(*WEEK_STARTS), kw_only=True)
    attribute: Literal["first", "each"] | None = field(
        default=None, validator=attrs.validators.optional(one_of("first", "each")), kw_only=True
    )

    @question.validator
    def _check_question(self, attribute: Any, value: Any) -> None:
        check_question("Trend", value)

    def prepared(self, log: Askable) -> Question[TrendAnswer]:
        """Make the question that is measured."""
        require_times(log.scope, "Trend")
        return prepare_split(self, log)

    def splitting(self, question: Question[Any]) -> Periods:
        """Make what splits a part for a question."""
        each = (self.attribute or attribute_of(question)) == "each"
        return Periods(self.every, self.week_starts, each)


@frozen
class Periods:
    """Splits by period, and puts the answers together."""

    every: Period | Literal["hour"]
    week_starts: WeekStart
    each: bool

    def _calendar(self, scope: Scope) -> CalendarPeriods:
        return CalendarPeriods(self.every, self.week_starts, scope.zone)

    def codes(self, part: Part) -> SegmentCodes:
        """Find the period of each journey or interaction of a part."""
        begun = part.at if self.each else part.at[part.offsets[:-1]]
        numbers = self._calendar(part.scope).number(begun)
        first = int(numbers.min()) if len(numbers) else 0
        last = int(numbers.max()) if len(numbers) else -1
        return SegmentCodes(numbers - first, tuple(range(first, last + 1)), self.each)

    def view(self, key: Any) -> Any:
        """Make the view that shows one period alone."""
        return PeriodView(self, key)

    def show(self, journeys: Mapping[Key, int]) -> Periods:
        """Return this: every period is shown."""
        return self

    def within(self, number: int) -> Periods:
        """Return this: there are no periods within periods."""
        return self

    def shown_as(self, key: Key) -> Key:
        """Return the period itself."""
        return key

    def order(self, keys: set[Key], scope: Scope) -> list[Key]:
        """List all periods from the first to the end of the log."""
        calendar = self._calendar(scope)
        span = calendar.span(evolve(scope, last=max(scope.last, scope.end)))
        there = [key for key in keys if isinstance(key, int)]
        begin, end = min([*there, *span[:1]], default=0), max([*there, *span[-1:]], default=-1)
        calendar.check_size("Trend", scope, end + 1 - begin)
        return list(range(begin, end + 1))

    def _cells(self, key: Any, scope: Scope) -> dict[str, Any]:
        """Name a period, and find whether the log covers it."""
        calendar = self._calendar(scope)
        end = scope.end + 1 if scope.until is None else scope.until
        since = calendar.begin(key) if scope.since is None else scope.since
        seen = calendar.begin(key) >= since and calendar.is_seen_from(key, scope.begin)
        complete = seen and calendar.end(key) <= end
        return {"period": calendar.label(key), "complete": complete}

    def narrow(self, key: Any, scope: Scope) -> Scope:
        """Narrow the bounds to those of a period, where each interaction counts in its own."""
        if not self.each:
            return scope
        since, until = self.bounds(key, scope)
        return evolve(scope, since=since, until=until)

    def bounds(self, key: Any, scope: Scope) -> tuple[int, int]:
        """Find the bounds of a period, within those of the scope."""
        calendar = self._calendar(scope)
        since, until = calendar.begin(key), calendar.end(key)
        return (
            since if scope.since is None else max(since, scope.since),
            until if scope.until is None else min(until, scope.until),
        )

    def answer(self, parts: dict[Key, Any], nothing: Any, scope: Scope) -> TrendAnswer:
        """Put the answers of the periods together."""
        named = [(self._cells(key, scope), part, self.view(key)) for key, part in parts.items()]
        for cells, part, _ in named:
            if _is_unfinished(part):
                cells["complete"] = False
        made: TrendAnswer = join_answers(
            TrendAnswer, named, nothing, ("period", "complete"), gaps=True
        )
        return made


def _is_unfinished(answer: Any) -> bool:
    """Check whether something in an answer, or in those of its segments, may still go on."""
    within = getattr(answer, "answers", None)
    if isinstance(within, Mapping):
        return any(map(_is_unfinished, within.values()))
    return bool(getattr(answer, "unfinished", False))


@frozen
class PeriodView:
    """A view of what belongs to one period."""

    periods: Periods
    key: int

    def apply(self, part: Part) -> Part:
        """Show the period alone."""
        if self.periods.each:
            since, until = self.periods.bounds(self.key, part.scope)
            return Where(since=instant(since), until=instant(until)).apply(part)
        found = (sub for key, sub in split_part(self.periods, part) if key == self.key)
        return next(found, part.between(0, 0))

    def without_bounds(self) -> Any:
        """Return the view without its bounds; of journeys, the view unchanged."""
        return Where() if self.periods.each else self
