"""The first answers one wants of a log, in one pass: what the report shows."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from attrs import evolve, field, frozen

from journeymap.adapters.registry import views
from journeymap.analysis.answers import Answer
from journeymap.analysis.askable import AnyQuestion
from journeymap.analysis.failing_steps import FailingStep, find_failing_steps
from journeymap.analysis.log import Log
from journeymap.analysis.measuring.periods import PERIODS, Period
from journeymap.analysis.questions.deviations import Deviations, DeviationsAnswer
from journeymap.analysis.questions.dwell import Dwell, DwellAnswer
from journeymap.analysis.questions.effort_and_cost import EffortAndCost, EffortAndCostAnswer
from journeymap.analysis.questions.funnel import Funnel, FunnelAnswer, FunnelTarget
from journeymap.analysis.questions.handoffs import Handoffs, HandoffsAnswer
from journeymap.analysis.questions.key_journeys import KeyJourneys, KeyJourneysAnswer
from journeymap.analysis.questions.lifecycle import Lifecycle, LifecycleAnswer
from journeymap.analysis.questions.loops import Loops, LoopsAnswer
from journeymap.analysis.questions.paths import Paths, PathsAnswer
from journeymap.analysis.questions.recommendation import Recommendation, RecommendationAnswer
from journeymap.analysis.questions.retention import Retention, RetentionAnswer
from journeymap.analysis.questions.revenue import Revenue, RevenueAnswer
from journeymap.analysis.questions.satisfaction import Satisfaction, SatisfactionAnswer
from journeymap.analysis.questions.scorecard import Scorecard, ScorecardAnswer
from journeymap.analysis.questions.transitions import Transitions, TransitionsAnswer
from journeymap.analysis.questions.variants import Variants, VariantsAnswer
from journeymap.analysis.slices import Slice, choose_period, make_slices
from journeymap.analysis.table.encoding import apply_map
from journeymap.exceptions import ElementError, MissingExtra, UnknownName
from journeymap.model import JourneyMap, Phase

__all__ = ["Overview"]

_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}  # about, of a period
_MANY_PERIODS, _MANY_NAMES = 400, 1000


@frozen(eq=False, repr=False)
class Overview:
    """The first answers that anyone wants of a log, against its map.

    A notebook shows it as the page that `report` makes, in a frame of its own.

    Attributes:
        map: The map, or a sketch of the log.
        customers: How many customers there are.
        interactions: How many interactions.
        first: When the first was (None: the log is empty, or has no times).
        last: When the last was.
        rejected: How many rows were set aside, by reason.
        unmapped: Touchpoints that the map does not know.
        stages: Transitions between stages.
        touchpoints: Transitions between touchpoints.
        loops: Laps, re-entry and leaks.
        dwell: Stays in stages (None: the log has no times).
        variants: The most frequent journeys.
        funnel: From the stages of buy to the first of own.
        handoffs: Handoffs between departments.
        dropped: How many values were left out of interactions that were kept, by reason.
        scorecard: The metrics, processes and key journeys with a target (None: there are none, or
            the log has no times).
        recommendation: Who wins customers by recommending (None: the log does not know).
        failing: Touchpoints that are errors by their name, and what leads to them.
        paths: The first steps of journeys (None: they were not asked for).
        drafted: Whether the map is a sketch: its stages, halves and silence are guessed.
        every: The length of the periods (None: the log is too short for any, or has no times).
        periods: The scorecard period by period (None: no metrics, or no periods).
        lifecycle: New, returning and dormant customers by period (None: no periods).
        retention: Who came back, by the period of the first interaction (None: no periods).
        revenue: What was earned at each touchpoint (None: the log has no amounts).
        key_journeys: The key journeys (None: the map has none).
        deviations: Where they depart from their plans (None: the map has none).
        effort: Effort and cost by touchpoint (None: the log has no times).
        satisfaction: Answers and emotions by touchpoint (None: the log has neither).
        by: The level of the segments (None: there are none).
        slices: The answers of each segment and period.
        asked: The answers to further questions.
        naming: The places of those among them whose rows name customers.
        currencies: The currencies of the log's amounts, the main one first.
        partial: Whether this is about a part of a log, which `where` shows.
    """

    map: JourneyMap
    customers: int
    interactions: int
    first: datetime | None
    last: datetime | None
    rejected: Counter[str]
    unmapped: dict[str, int]
    stages: TransitionsAnswer
    touchpoints: TransitionsAnswer
    loops: LoopsAnswer
    dwell: DwellAnswer | None
    variants: VariantsAnswer
    funnel: FunnelAnswer | None
    handoffs: HandoffsAnswer | None
    dropped: Counter[str] = field(factory=Counter)
    scorecard: ScorecardAnswer | None = None
    recommendation: RecommendationAnswer | None = None
    failing: tuple[FailingStep, ...] = ()
    drafted: bool = False
    paths: PathsAnswer | None = None
    every: Period | None = field(default=None, kw_only=True)
    periods: ScorecardAnswer | None = field(default=None, kw_only=True)
    lifecycle: LifecycleAnswer | None = field(default=None, kw_only=True)
    retention: RetentionAnswer | None = field(default=None, kw_only=True)
    revenue: RevenueAnswer | None = field(default=None, kw_only=True)
    key_journeys: KeyJourneysAnswer | None = field(default=None, kw_only=True)
    deviations: DeviationsAnswer | None = field(default=None, kw_only=True)
    effort: EffortAndCostAnswer | None = field(default=None, kw_only=True)
    satisfaction: SatisfactionAnswer | None = field(default=None, kw_only=True)
    by: str | None = field(default=None, kw_only=True)
    slices: tuple[Slice, ...] = field(default=(), kw_only=True)
    asked: tuple[Answer[Any], ...] = field(default=(), kw_only=True)
    naming: tuple[int, ...] = field(default=(), kw_only=True)
    currencies: tuple[str, ...] = field(default=(), kw_only=True)
    partial: bool = field(default=False, kw_only=True)

    @classmethod
    def of(
        cls,
        log: Log,
        *,
        by: str | None = None,
        every: Period | None = None,
        sliced: bool = False,
        asked: Iterable[AnyQuestion[Any]] = (),
    ) -> Overview:
        """Ask a log; one read without a map is shown on its own sketch.

        Args:
            log: The log.
            by: A level by which readers may choose segments (None: they may not); none that names
                customers.
            every: The length of the periods (None: by the length of the log).
            sliced: Whether readers may choose periods; with ``by`` they always may.
            asked: Further questions, such as `Drivers` or `Compare`.

        Returns:
            The answers.

        Raises:
            ElementError: There is no such period, or the level names customers.
            UnknownName: The log has no such level.
        """
        if every is not None and every not in PERIODS:
            raise ElementError("Overview", "every", every, f"one of {', '.join(PERIODS)}")
        customers = frozenset(log.customer_ids if asked or by is not None else ())
        if by is not None:
            _check_segments(log, by, customers)
        drafted = log.map is None
        if drafted:
            log = evolve(log, table=apply_map(log.table, log.sketch()))
        assert log.map is not None  # noqa: S101  # it was just given one
        funnel = _to_purchase(log.map)
        every = every or choose_period(log.first, log.last) if log.scope.timed else None
        answers = tuple(log.ask(one) for one in asked)
        return cls(
            map=log.map,
            customers=log.customers,
            interactions=log.interactions,
            first=log.first,
            last=log.last,
            rejected=log.rejected.reasons,
            dropped=log.dropped.reasons,
            unmapped=log.unmapped,
            failing=find_failing_steps(next(iter(log.parts(None)))),
            drafted=drafted,
            every=every,
            by=by,
            slices=_slices(log, by, every, funnel) if by is not None or sliced else (),
            asked=answers,
            naming=tuple(n for n, one in enumerate(answers) if _names_any(one, customers)),
            currencies=_currencies(log),
            partial=log.interactions < len(log.table),
            **_ask_some(log, _on_journeys(log, funnel)),
            **_ask_some(log, _by_period(log, every)),
            **_ask_some(log, _on_worth_and_plans(log)),
        )

    def __repr__(self) -> str:
        return (
            f"<Overview of {self.interactions:,} interactions of {self.customers:,} customers "
            f"along {self.map.id!r}>"
        )

    def _repr_html_(self) -> str | None:
        try:
            page = views["report"](self)
        except (MissingExtra, UnknownName):  # a notebook shows it in words, then
            return None
        # A frame has styles of its own, and what a page may not do, a notebook need not fear.
        return (
            f'<iframe srcdoc="{html.escape(page)}" sandbox="" title="Report" '
            'style="width:100%;height:44rem;border:1px solid #ccc"></iframe>'
        )


def _ask_some(log: Log, asked: dict[str, Any]) -> dict[str, Any]:
    """Ask the questions that suit a log, in one pass; None: it does not suit."""
    some = [name for name, one in asked.items() if one is not None]
    answers = log.ask(*(asked[name] for name in some)) if some else ()
    given = (answers,) if len(some) == 1 else answers
    return {**dict.fromkeys(asked), **dict(zip(some, given, strict=True))}


def _on_journeys(log: Log, funnel: Funnel | None) -> dict[str, Any]:
    """List the questions on journeys, handoffs and metrics; None: they do not suit the log."""
    assert log.map is not None  # noqa: S101  # it was given one
    timed, currency = log.scope.timed, _main_currency(log)
    referred = timed and "referred_by" in log.levels
    return {
        "stages": Transitions("stage"),
        "touchpoints": Transitions("touchpoint"),
        "loops": Loops(),
        "dwell": Dwell("stage") if timed else None,
        "variants": Variants("touchpoint", top=8, collapse=True),
        "paths": Paths(),
        "funnel": funnel,
        "handoffs": Handoffs(currency=currency) if "department" in log.levels else None,
        "scorecard": Scorecard() if timed and Scorecard.suits(log.map) else None,
        "recommendation": Recommendation(currency=currency) if referred else None,
    }


def _by_period(log: Log, every: Period | None) -> dict[str, Any]:
    """List the questions that are asked period by period."""
    if every is None:
        return {}
    assert log.map is not None  # noqa: S101  # it was given one
    scored = Scorecard(every) if Scorecard.suits(log.map) else None
    return {"periods": scored, "lifecycle": Lifecycle(every), "retention": _retention(log, every)}


def _retention(log: Log, every: Period) -> Retention | None:
    """Ask who came back, unless there are too many periods for that to be read."""
    return Retention(every=every) if _MANY_PERIODS * _DAYS[every] >= _days(log) else None


def _slices(
    log: Log, by: str | None, every: Period | None, funnel: Funnel | None
) -> tuple[Slice, ...]:
    """Ask what readers may choose; cohorts of each segment, if there are periods."""
    asked = None if every is None or by is None else _retention(log, every)
    return make_slices(log, by, every, funnel, asked)


def _days(log: Log) -> int:
    return 0 if log.first is None or log.last is None else (log.last - log.first).days


def _on_worth_and_plans(log: Log) -> dict[str, Any]:
    """List the questions on what things are worth, cost and feel like, and how plans are kept."""
    assert log.map is not None  # noqa: S101  # it was given one
    numbers, planned = log.table.numbers, bool(log.map.key_journeys)
    currency = _main_currency(log)
    rated = any(name in numbers for name in ("score", "emotion", "emotion_after"))
    return {
        "revenue": Revenue(currency=currency) if currency else None,
        "key_journeys": KeyJourneys() if planned else None,
        "deviations": Deviations(currency=currency) if planned else None,
        "effort": EffortAndCost() if log.scope.timed else None,
        "satisfaction": Satisfaction() if rated else None,
    }


def _names_any(answer: Answer[Any], customers: frozenset[str]) -> bool:
    """Check whether a cell of an answer is a customer's name."""
    for column in answer.frame.get_columns():
        if column.dtype == pl.List(pl.String):
            column = column.explode()
        if column.dtype == pl.String and not customers.isdisjoint(column.drop_nulls().unique()):
            return True
    return False


def _check_segments(log: Log, level: str, customers: frozenset[str]) -> None:
    """Refuse a level whose values are customers' names, or as many as there are customers."""
    [part] = log.parts(None)
    names = [name for name in part.names(level) if name is not None]
    known = sum(str(name) in customers for name in names)
    many = len(names) > _MANY_NAMES and 2 * len(names) > len(customers)
    if level == "referred_by" or known > len(names) // 2 or many:
        message = "its values name customers: choose a level of segments"
        raise ElementError("Overview", "by", level, message)


def _currencies(log: Log) -> tuple[str, ...]:
    """List the currencies of a log's amounts, the most frequent first."""
    if "currency" not in log.levels:
        return ()
    [part] = log.parts(None)
    counts = np.bincount(part.codes("currency"), minlength=1)
    named = [(int(count), str(name)) for count, name in zip(counts, part.names("currency"),
             strict=False) if count and name is not None]  # fmt: skip
    return tuple(name for _, name in sorted(named, key=lambda one: (-one[0], one[1])))


def _to_purchase(journey: JourneyMap) -> Funnel | None:
    """Make the funnel to a purchase: the stages of buy, and the first of own."""
    buy, own = journey.loop.half(Phase.BUY), journey.loop.half(Phase.OWN)
    stages = (*buy, *own[:1])
    if not stages:
        return None
    edges = (stages[0], stages[-1])
    steps = tuple(
        FunnelTarget(stage.id, optional=stage.optional and stage not in edges) for stage in stages
    )
    return Funnel(steps, by="stage")


def _main_currency(log: Log) -> str | None:
    """Find the currency of most interactions that have a value."""
    return next(iter(_currencies(log)), None)
