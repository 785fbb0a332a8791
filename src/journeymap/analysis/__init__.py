"""Questions asked of recorded interactions."""

from journeymap.exceptions import require

require("analysis", "numpy", "polars")

# ruff: noqa: E402  # what follows needs the extra
from journeymap.analysis.answers import Answer
from journeymap.analysis.columns import Columns
from journeymap.analysis.compare import Compare, CompareAnswer, Difference
from journeymap.analysis.deviations import Deviation, Deviations, DeviationsAnswer
from journeymap.analysis.dwell import Dwell, DwellAnswer, Stay
from journeymap.analysis.funnel import Funnel, FunnelAnswer, FunnelStep
from journeymap.analysis.handoffs import Handoff, Handoffs, HandoffsAnswer
from journeymap.analysis.intake import Rejected, Rejection
from journeymap.analysis.key_journeys import KeyJourneys, KeyJourneysAnswer, Walked
from journeymap.analysis.lifecycle import Lifecycle, LifecycleAnswer, LifecyclePeriod
from journeymap.analysis.lift import Lift, LiftAnswer, Lifted
from journeymap.analysis.log import Log
from journeymap.analysis.loops import Loops, LoopsAnswer, StageLeak
from journeymap.analysis.next_step import Followed, NextStep, NextStepAnswer
from journeymap.analysis.overview import Overview
from journeymap.analysis.part import Part, Reading, Scope
from journeymap.analysis.paths import Paths, PathsAnswer, PathStep
from journeymap.analysis.question import Question
from journeymap.analysis.retention import Retained, Retention, RetentionAnswer
from journeymap.analysis.satisfaction import Satisfaction, SatisfactionAnswer, Satisfied
from journeymap.analysis.standing import Positions, PositionsAnswer, Stands
from journeymap.analysis.subsets import Where
from journeymap.analysis.transitions import Transition, Transitions, TransitionsAnswer
from journeymap.analysis.variants import Variant, Variants, VariantsAnswer

__all__ = [
    "Answer",
    "Columns",
    "Compare",
    "CompareAnswer",
    "Deviation",
    "Deviations",
    "DeviationsAnswer",
    "Difference",
    "Dwell",
    "DwellAnswer",
    "Followed",
    "Funnel",
    "FunnelAnswer",
    "FunnelStep",
    "Handoff",
    "Handoffs",
    "HandoffsAnswer",
    "KeyJourneys",
    "KeyJourneysAnswer",
    "Lifecycle",
    "LifecycleAnswer",
    "LifecyclePeriod",
    "Lift",
    "LiftAnswer",
    "Lifted",
    "Log",
    "Loops",
    "LoopsAnswer",
    "NextStep",
    "NextStepAnswer",
    "Overview",
    "Part",
    "PathStep",
    "Paths",
    "PathsAnswer",
    "Positions",
    "PositionsAnswer",
    "Question",
    "Reading",
    "Rejected",
    "Rejection",
    "Retained",
    "Retention",
    "RetentionAnswer",
    "Satisfaction",
    "SatisfactionAnswer",
    "Satisfied",
    "Scope",
    "StageLeak",
    "Stands",
    "Stay",
    "Transition",
    "Transitions",
    "TransitionsAnswer",
    "Variant",
    "Variants",
    "VariantsAnswer",
    "Walked",
    "Where",
]
