"""The interface of all logs, wherever their interactions lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, Self, TypeAlias, TypeVar, overload

import numpy as np
import polars as pl
from attrs import evolve, frozen

from journeymap.analysis.answers import mark_answer
from journeymap.analysis.found_checkpoints import FindCheckpoints
from journeymap.analysis.grouping import Per, Sessions
from journeymap.analysis.log_description import CountLevels, LogDescription
from journeymap.analysis.log_tables import InteractionTable, JourneyTable
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.moments_in_time import GivenLengths, GivenTime, GivenTimes
from journeymap.analysis.question import PreparedQuestion, Question, prepare_question
from journeymap.analysis.table.columns import Columns
from journeymap.analysis.table.part import LogView, Part, Scope
from journeymap.analysis.where import LEVELS, Elements, Names, Where, choose_subset
from journeymap.exceptions import AnswerError, ColumnsError, UnknownName
from journeymap.interactions.checkpoint import CheckpointRules, CustomerCheckpoint
from journeymap.model import Condition, JourneyMap
from journeymap.model.instants import instant

__all__ = ["Askable", "LogSize", "make_scope"]

A_co = TypeVar("A_co", covariant=True)


class ComposedQuestion(Protocol[A_co]):
    """A question that asks others of the log, or of views of it."""

    def ask_log(self, log: Askable) -> A_co:
        """Ask the log; the answer."""
        ...


A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
AnyQuestion: TypeAlias = Question[A] | ComposedQuestion[A] | PreparedQuestion[A]


@frozen
class LogSize:
    """How much there is of a log; times are microseconds since 1970 (0 where there is nothing)."""

    customers: int
    journeys: int
    interactions: int
    first: int = 0
    last: int = 0

    def merge(self, other: LogSize) -> LogSize:
        """Sum the sizes of two pieces of a log."""
        if not self.interactions or not other.interactions:
            return self if self.interactions else other
        return LogSize(
            self.customers + other.customers,
            self.journeys + other.journeys,
            self.interactions + other.interactions,
            min(self.first, other.first),
            max(self.last, other.last),
        )


@frozen
class _Count:
    """How much of a log a view shows."""

    def measure(self, part: Part) -> LogSize:
        if not len(part):
            return LogSize(0, 0, 0)
        people = len(distinct(part.owners))
        first = last = 0
        if part.scope.timed:  # the interactions of a journey are in order of time
            first = int(part.at[part.offsets[:-1]].min())
            last = int(part.at[part.offsets[1:] - 1].max())
        return LogSize(people, part.journeys, len(part), first, last)

    def merge(self, one: LogSize, other: LogSize) -> LogSize:
        return one.merge(other)

    def answer(self, measured: LogSize, scope: Scope) -> LogSize:
        return measured


@frozen
class _Touchpoints:
    """How many interactions each touchpoint has."""

    def measure(self, part: Part) -> dict[str, int]:
        names = part.names("touchpoint")
        counts = np.bincount(part.touchpoints, minlength=len(names)).tolist()
        return {str(name): n for name, n in zip(names, counts, strict=True) if n}

    def merge(self, one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}

    def answer(self, measured: dict[str, int], scope: Scope) -> dict[str, int]:
        return measured


class Askable(ABC):
    """Recorded interactions that answer questions: in memory, in files, or on a cluster.

    ``log.ask(question)`` answers; ``log.where``, ``log.per`` and ``log.sessions`` give views:
    logs of their own that copy nothing.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def map(self) -> JourneyMap | None:
        """The map that interactions are read by."""

    @property
    @abstractmethod
    def levels(self) -> tuple[str, ...]:
        """The values that ``by=`` can have for this log."""

    @property
    @abstractmethod
    def _whole_scope(self) -> tuple[Scope, LogSize]:
        """The scope and the size of the log without its views."""

    @property
    @abstractmethod
    def _scope_and_size(self) -> tuple[Scope, LogSize]:
        """The scope and the size as the views show them, found once."""

    @property
    @abstractmethod
    def _views(self) -> tuple[LogView, ...]:
        """How the log is looked at."""

    @abstractmethod
    def _with_view(self, view: LogView) -> Self:
        """Add a view to the log."""

    @abstractmethod
    def _measure(self, questions: tuple[Question[Any], ...], scope: Scope) -> list[Any]:
        """Measure questions over all parts, and merge."""

    @property
    def scope(self) -> Scope:
        """The facts that every question may know: the map, first and last time, zone, bounds."""
        return self._scope_and_size[0]

    @property
    def customers(self) -> int:
        """How many customers have at least one interaction."""
        return self._scope_and_size[1].customers

    @property
    def journeys(self) -> int:
        """How many journeys; the same as customers unless the log was split."""
        return self._scope_and_size[1].journeys

    @property
    def interactions(self) -> int:
        """How many interactions there are."""
        return self._scope_and_size[1].interactions

    @property
    def first(self) -> datetime | None:
        """When the first interaction was; None for an empty log, and for one without times."""
        return instant(self.scope.first) if self.interactions and self.scope.timed else None

    @property
    def last(self) -> datetime | None:
        """When the last interaction was; None for an empty log, and for one without times."""
        return instant(self.scope.last) if self.interactions and self.scope.timed else None

    @property
    def unmapped(self) -> dict[str, int]:
        """Touchpoints that the map does not know, and how many interactions each has."""
        journey = self.map
        if journey is None:
            return {}
        found = self.ask(_Touchpoints())
        return {name: n for name, n in sorted(found.items()) if name not in journey.touchpoints}

    @overload
    def ask(self, question: AnyQuestion[A], /) -> A: ...
    @overload
    def ask(self, one: AnyQuestion[A], two: AnyQuestion[B], /) -> tuple[A, B]: ...
    @overload
    def ask(
        self, one: AnyQuestion[A], two: AnyQuestion[B], three: AnyQuestion[C], /
    ) -> tuple[A, B, C]: ...
    @overload
    def ask(self, *questions: AnyQuestion[Any]) -> Any: ...
    def ask(self, *questions: AnyQuestion[Any]) -> Any:
        """Answer one question, or several from one pass over the log.

        Args:
            *questions: The questions.

        Returns:
            The answer of one question; a tuple of the answers of several.

        Raises:
            AnswerError: Something is no question, or cannot be asked of this log.
        """
        for question in questions:
            if isinstance(question, type) or not (
                any(hasattr(question, name) for name in ("measure", "ask_log", "prepared"))
            ):
                raise AnswerError(
                    "ask", f"a question such as Variants() is expected, not {question!r}"
                )
        scope = self.scope
        prepared: list[Any] = [prepare_question(question, self) for question in questions]
        plain = tuple(question for question in prepared if not hasattr(question, "ask_log"))
        measured = iter(self._measure(plain, scope) if plain else ())
        answers = tuple(
            question.ask_log(self)
            if hasattr(question, "ask_log")
            else question.answer(next(measured), scope)
            for question in prepared
        )
        answers = tuple(
            mark_answer(answer, self, question, timed=scope.timed)
            for answer, question in zip(answers, questions, strict=True)
        )
        return answers[0] if len(answers) == 1 else answers

    def where(
        self,
        subset: Where | Condition | None = None, /, *,
        since: GivenTime = None, until: GivenTime = None,
        started: GivenTimes = None, ended: GivenTimes = None, lasted: GivenLengths = None,
        customer: Names = None, touchpoint: Names = None, stage: Names = None, phase: Names = None,
        channel: Names = None, department: Names = None, process: Names = None,
        product: Names = None, outcome: Names = None, source: Names = None,
        columns: Mapping[str, Names] | None = None,
        contain: Elements = None, start: Elements = None, end: Elements = None,
        avoid: Elements = None,
        by: str = "touchpoint", **others: Names,
    ) -> Self:  # fmt: skip
        """Select interactions, by a `Where` or by its fields: one name or several.

        Args:
            subset: A `Where`, or a condition that must hold of the interaction.
            since: The earliest time, or day.
            until: The time, or day, before which interactions lie.
            started: The times, or days, between which a journey starts.
            ended: The times, or days, between which it ends.
            lasted: How long it lasts, at least and at most.
            customer: Customers.
            touchpoint: Touchpoints.
            stage: Stages.
            phase: Phases.
            channel: Channels.
            department: Departments.
            process: Processes.
            product: Products.
            outcome: Outcomes.
            source: Sources.
            columns: Names by any other column.
            contain: Elements, conditions or sequences that a journey must all contain.
            start: Elements of which a journey starts with one.
            end: Elements of which a journey ends with one.
            avoid: Elements of which a journey has none.
            by: The level of these elements.
            **others: Names by any other column, such as ``platform="web"``.

        Returns:
            A view of the log.

        Raises:
            ColumnsError: A `Where` and its fields were given together, or something else.
            UnknownName: When the log is asked: it has no such column, or a name is mistyped.
        """
        words = Where(
            since=since, until=until, started=started, ended=ended, lasted=lasted,
            customer=customer, touchpoint=touchpoint, stage=stage, phase=phase, channel=channel,
            department=department, process=process, product=product, outcome=outcome,
            source=source, columns=_joined(columns, others), contain=contain, start=start,
            end=end, avoid=avoid, by=by,
        )  # fmt: skip
        return self._with_view(words if subset is None else choose_subset(subset, words))

    def per(self, level: str) -> Self:
        """Split each customer's interactions into one journey per name at a level.

        Per product, per order.

        Interactions without a name at that level are passed over.

        Args:
            level: The level.

        Returns:
            A view of the log.

        Raises:
            UnknownName: The log has no such level.
        """
        if level not in (*self.levels, *LEVELS):
            raise UnknownName("level", level, self.levels)
        return self._with_view(Per(level))

    def sessions(self, gap: str | timedelta) -> Self:
        """Split journeys where nothing happens for longer than a gap.

        Args:
            gap: The longest pause within a session.

        Returns:
            A view of the log.

        Raises:
            ElementError: The gap is no length of time.

        >>> from journeymap.analysis import Columns, Log
        >>> log = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x"] * 3,
        ...                       "at": [0, 60, 9000]}, Columns(at_unit="s"))
        >>> log.sessions("30 min").journeys
        2
        """
        return self._with_view(Sessions(gap))

    def __len__(self) -> int:
        return self.interactions

    def __bool__(self) -> bool:
        return True  # a log without interactions is one, too

    def checkpoints(
        self, rules: CheckpointRules, as_of: datetime | None = None
    ) -> Iterator[CustomerCheckpoint]:  # fmt: skip
        """Find the last checkpoint of each customer, for a tracker to go on from.

        Args:
            rules: Which checkpoints the tracker can go on from.
            as_of: The time up to which customers are followed (None: the end of the log).

        Yields:
            What is known of a customer at the checkpoint, and the interactions since.

        Raises:
            AnswerError: The log has no map, or no times; or the time has no zone.
        """
        for found in self._measure_each(FindCheckpoints(rules, as_of), self.scope):
            yield from found

    def _measure_each(self, question: Question[Any], scope: Scope) -> Iterator[Any]:
        """Measure a question part by part; what is given together are all parts."""
        yield from self._measure((question,), scope)

    def to_polars(self) -> pl.DataFrame:
        """Make a frame with one row for each interaction, levels read by the map.

        Returns:
            ``customer``, ``at`` (UTC), every level there is, and the numbers there are:
            ``duration`` in seconds, ``emotion``, ``emotion_after``, ``score``, ``value``. A column
            of your own with one of these names is called ``…_name``.
        """
        return self.ask(InteractionTable(self.levels))

    def journey_table(self) -> pl.DataFrame:
        """Make a frame with one row for each journey.

        Returns:
            ``customer``, ``start`` and ``end`` (UTC), ``length`` in seconds, ``interactions``,
            ``first_touchpoint``, ``last_touchpoint``; with a map ``stages`` (how many it met),
            ``last_stage`` and ``dormant``; and a column of amounts for each currency.
        """
        return self.ask(JourneyTable())

    def describe(self) -> LogDescription:
        """Count what there is, at a glance.

        Returns:
            The counts and ranges.
        """
        levels = self.ask(CountLevels(self.levels))
        return LogDescription(
            self.customers, self.journeys, self.interactions, self.first, self.last, levels,
            self.unmapped,
        )  # fmt: skip

    def through(self, view: LogView) -> Self:
        """Look at the log through a view of your own.

        Args:
            view: The view.

        Returns:
            The view of the log.
        """
        return self._with_view(view)

    def _measure_size(self) -> tuple[Scope, LogSize]:
        """Find scope and size as the views show them."""
        scope, counted = self._whole_scope
        if not self._views:
            return scope, counted
        scope = narrow_scope(scope, self._views)
        [seen] = self._measure((_Count(),), scope)
        found = evolve(
            scope, first=seen.first, last=seen.last, interactions=seen.interactions,
            recorded=scope.last, opened=scope.first,
        )  # fmt: skip
        return found, seen


def _joined(columns: Any, others: Mapping[str, Names]) -> Any:
    """Join the columns that are given in two ways; what is no mapping is left to `Where`."""
    if not others:
        return columns or ()
    if not isinstance(columns, Mapping | None):
        return columns
    twice = sorted(others.keys() & (columns or {}).keys())
    if twice:
        raise ColumnsError(f"{twice[0]!r} is given twice, in columns= and as a word")
    return {**(columns or {}), **others}


def make_scope(journey: JourneyMap | None, columns: Columns, size: LogSize) -> Scope:
    """Make the scope of a log that engines have read."""
    return Scope(
        journey, size.first, size.last, columns.ranges, columns.zone,
        interactions=size.interactions, timed=columns.at is not None,
    )  # fmt: skip


def narrow_scope(scope: Scope, views: tuple[LogView, ...]) -> Scope:
    """Narrow a scope to the bounds in time that views set."""
    for view in views:
        if isinstance(view, Where):
            since, until = view.bounds(scope.zone)
            if since is not None and (scope.since is None or since > scope.since):
                scope = evolve(scope, since=since)
            if until is not None and (scope.until is None or until < scope.until):
                scope = evolve(scope, until=until)
    return scope
