"""The first answers one wants of a log, in one pass: what the report shows."""

from __future__ import annotations

import html
from collections import Counter
from datetime import datetime

import numpy as np
from attrs import evolve, field, frozen

from journeymap.adapters.registry import views
from journeymap.analysis.failing_steps import FailingStep, find_failing_steps
from journeymap.analysis.log import Log
from journeymap.analysis.questions.dwell import Dwell, DwellAnswer
from journeymap.analysis.questions.funnel import Funnel, FunnelAnswer, FunnelTarget
from journeymap.analysis.questions.handoffs import Handoffs, HandoffsAnswer
from journeymap.analysis.questions.loops import Loops, LoopsAnswer
from journeymap.analysis.questions.paths import Paths, PathsAnswer
from journeymap.analysis.questions.recommendation import Recommendation, RecommendationAnswer
from journeymap.analysis.questions.scorecard import Scorecard, ScorecardAnswer
from journeymap.analysis.questions.transitions import Transitions, TransitionsAnswer
from journeymap.analysis.questions.variants import Variants, VariantsAnswer
from journeymap.analysis.table.encoding import apply_map
from journeymap.exceptions import MissingExtra, UnknownName
from journeymap.model import JourneyMap, Phase

__all__ = ["Overview"]


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

    @classmethod
    def of(cls, log: Log) -> Overview:
        """Ask a log; one read without a map is shown on its own sketch.

        Args:
            log: The log.

        Returns:
            The answers.
        """
        drafted = log.map is None
        if drafted:
            log = evolve(log, table=apply_map(log.table, log.sketch()))
        assert log.map is not None  # noqa: S101  # it was just given one
        dwell = (Dwell("stage"),) if log.scope.timed else ()
        stages, touchpoints, loops, variants, paths, *stays = log.ask(
            Transitions("stage"),
            Transitions("touchpoint"),
            Loops(),
            Variants("touchpoint", top=8, collapse=True),
            Paths(),
            *dwell,
        )
        steps = _to_purchase(log.map)
        handed = "department" in log.levels
        return cls(
            log.map,
            log.customers,
            log.interactions,
            log.first,
            log.last,
            log.rejected.reasons,
            log.unmapped,
            stages,
            touchpoints,
            loops,
            stays[0] if stays else None,
            variants,
            log.ask(Funnel(steps, by="stage")) if steps else None,
            log.ask(Handoffs(currency=_main_currency(log))) if handed else None,
            log.dropped.reasons,
            log.ask(Scorecard()) if log.scope.timed and Scorecard.suits(log.map) else None,
            log.ask(Recommendation(currency=_main_currency(log)))
            if log.scope.timed and "referred_by" in log.levels
            else None,
            find_failing_steps(next(iter(log.parts(None)))),
            drafted,
            paths,
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


def _to_purchase(journey: JourneyMap) -> tuple[FunnelTarget, ...]:
    """List the steps of a funnel to a purchase: the stages of buy, and the first of own."""
    buy, own = journey.loop.half(Phase.BUY), journey.loop.half(Phase.OWN)
    stages = (*buy, *own[:1])
    edges = (stages[0], stages[-1]) if stages else ()
    return tuple(
        FunnelTarget(stage.id, optional=stage.optional and stage not in edges) for stage in stages
    )


def _main_currency(log: Log) -> str | None:
    """Find the currency of most interactions that have a value."""
    if "currency" not in log.levels:
        return None
    [part] = log.parts(None)
    counts = np.bincount(part.codes("currency"), minlength=2)
    counts[0] = 0
    name = part.names("currency")[int(counts.argmax())]
    return name if counts.any() else None
