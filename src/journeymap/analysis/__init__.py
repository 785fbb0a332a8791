"""Analysis: logs of recorded interactions, and the questions to ask of them."""

from journeymap.exceptions import require

require("analysis", "numpy", "polars")

# ruff: noqa: E402  # what follows needs the extra
from journeymap.analysis.answers import Answer
from journeymap.analysis.log import Log
from journeymap.analysis.log_description import LogDescription
from journeymap.analysis.overview import Overview
from journeymap.analysis.question import Question
from journeymap.analysis.questions.attribution import (
    Attribution,
    AttributionAnswer,
    AttributionRow,
)
from journeymap.analysis.questions.breakdown import Breakdown, BreakdownAnswer, Segment
from journeymap.analysis.questions.compare import Compare, CompareAnswer, Difference
from journeymap.analysis.questions.deviations import Deviation, Deviations, DeviationsAnswer
from journeymap.analysis.questions.distribution import (
    Distribution,
    DistributionAnswer,
    DistributionBin,
)
from journeymap.analysis.questions.drivers import Driver, Drivers, DriversAnswer
from journeymap.analysis.questions.dwell import Dwell, DwellAnswer, DwellRow
from journeymap.analysis.questions.effort_and_cost import (
    ChannelMove,
    EffortAndCost,
    EffortAndCostAnswer,
    EffortAndCostRow,
)
from journeymap.analysis.questions.found_signals import SignalRow, Signals, SignalsAnswer
from journeymap.analysis.questions.funnel import Funnel, FunnelAnswer, FunnelStep, FunnelTarget
from journeymap.analysis.questions.handoffs import HandoffRow, Handoffs, HandoffsAnswer
from journeymap.analysis.questions.investments import (
    InvestmentRow,
    Investments,
    InvestmentsAnswer,
)
from journeymap.analysis.questions.key_journeys import KeyJourneyRow, KeyJourneys, KeyJourneysAnswer
from journeymap.analysis.questions.lifecycle import Lifecycle, LifecycleAnswer, LifecyclePeriod
from journeymap.analysis.questions.lifetime_value import (
    Holdout,
    LifetimeValue,
    LifetimeValueAnswer,
    LifetimeValueRow,
    SegmentEffect,
)
from journeymap.analysis.questions.lift import Lift, LiftAnswer, LiftRow
from journeymap.analysis.questions.loops import Loops, LoopsAnswer, StageLeak
from journeymap.analysis.questions.next_step import NextStep, NextStepAnswer, NextStepRow
from journeymap.analysis.questions.paths import Paths, PathsAnswer, PathStep
from journeymap.analysis.questions.positions import PositionRow, Positions, PositionsAnswer
from journeymap.analysis.questions.recommendation import (
    Acquired,
    Before,
    Recommendation,
    RecommendationAnswer,
    Recommender,
)
from journeymap.analysis.questions.remaining_time import (
    RemainingTime,
    RemainingTimeAnswer,
    RemainingTimeRow,
)
from journeymap.analysis.questions.retention import Retention, RetentionAnswer, RetentionRow
from journeymap.analysis.questions.revenue import Revenue, RevenueAnswer, RevenueRow
from journeymap.analysis.questions.rfm import Rfm, RfmAnswer, RfmCell
from journeymap.analysis.questions.satisfaction import (
    Satisfaction,
    SatisfactionAnswer,
    SatisfactionRow,
)
from journeymap.analysis.questions.scorecard import (
    NeedMet,
    Scorecard,
    ScorecardAnswer,
    ScorecardRow,
)
from journeymap.analysis.questions.transitions import Transition, Transitions, TransitionsAnswer
from journeymap.analysis.questions.trend import Trend, TrendAnswer, TrendPeriod
from journeymap.analysis.questions.variants import Variant, Variants, VariantsAnswer
from journeymap.analysis.table.checking import Dropped, Rejected, Rejection
from journeymap.analysis.table.columns import Columns
from journeymap.analysis.table.part import Part, Reading, Scope
from journeymap.analysis.where import Where

__all__ = [
    "Acquired",
    "Answer",
    "Attribution",
    "AttributionAnswer",
    "AttributionRow",
    "Before",
    "Breakdown",
    "BreakdownAnswer",
    "ChannelMove",
    "Columns",
    "Compare",
    "CompareAnswer",
    "Deviation",
    "Deviations",
    "DeviationsAnswer",
    "Difference",
    "Distribution",
    "DistributionAnswer",
    "DistributionBin",
    "Driver",
    "Drivers",
    "DriversAnswer",
    "Dropped",
    "Dwell",
    "DwellAnswer",
    "DwellRow",
    "EffortAndCost",
    "EffortAndCostAnswer",
    "EffortAndCostRow",
    "Funnel",
    "FunnelAnswer",
    "FunnelStep",
    "FunnelTarget",
    "HandoffRow",
    "Handoffs",
    "HandoffsAnswer",
    "Holdout",
    "InvestmentRow",
    "Investments",
    "InvestmentsAnswer",
    "KeyJourneyRow",
    "KeyJourneys",
    "KeyJourneysAnswer",
    "Lifecycle",
    "LifecycleAnswer",
    "LifecyclePeriod",
    "LifetimeValue",
    "LifetimeValueAnswer",
    "LifetimeValueRow",
    "Lift",
    "LiftAnswer",
    "LiftRow",
    "Log",
    "LogDescription",
    "Loops",
    "LoopsAnswer",
    "NeedMet",
    "NextStep",
    "NextStepAnswer",
    "NextStepRow",
    "Overview",
    "Part",
    "PathStep",
    "Paths",
    "PathsAnswer",
    "PositionRow",
    "Positions",
    "PositionsAnswer",
    "Question",
    "Reading",
    "Recommendation",
    "RecommendationAnswer",
    "Recommender",
    "Rejected",
    "Rejection",
    "RemainingTime",
    "RemainingTimeAnswer",
    "RemainingTimeRow",
    "Retention",
    "RetentionAnswer",
    "RetentionRow",
    "Revenue",
    "RevenueAnswer",
    "RevenueRow",
    "Rfm",
    "RfmAnswer",
    "RfmCell",
    "Satisfaction",
    "SatisfactionAnswer",
    "SatisfactionRow",
    "Scope",
    "Scorecard",
    "ScorecardAnswer",
    "ScorecardRow",
    "Segment",
    "SegmentEffect",
    "SignalRow",
    "Signals",
    "SignalsAnswer",
    "StageLeak",
    "Transition",
    "Transitions",
    "TransitionsAnswer",
    "Trend",
    "TrendAnswer",
    "TrendPeriod",
    "Variant",
    "Variants",
    "VariantsAnswer",
    "Where",
]
