"""The fold: where each customer stands, and what each interaction makes true."""

from journeymap.tracking.explaining import ExplainedCondition, Explanation
from journeymap.tracking.signals import (
    CameBack,
    Deviated,
    Handoff,
    KeyJourneyCompleted,
    KeyJourneyGivenUp,
    LapStarted,
    MetricMetAgain,
    MetricMissed,
    MomentOverdue,
    MomentReached,
    Signal,
    StageEntered,
    TooLate,
    WentDormant,
    Withdrawn,
)
from journeymap.tracking.state import OpenKeyJourney, Position, ProductPosition, State, Timer
from journeymap.tracking.tracker import Tracker

__all__ = [
    "CameBack",
    "Deviated",
    "ExplainedCondition",
    "Explanation",
    "Handoff",
    "KeyJourneyCompleted",
    "KeyJourneyGivenUp",
    "LapStarted",
    "MetricMetAgain",
    "MetricMissed",
    "MomentOverdue",
    "MomentReached",
    "OpenKeyJourney",
    "Position",
    "ProductPosition",
    "Signal",
    "StageEntered",
    "State",
    "Timer",
    "TooLate",
    "Tracker",
    "WentDormant",
    "Withdrawn",
]
