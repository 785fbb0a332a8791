"""The fold: where each customer stands, and what each interaction makes true."""

from journeymap.tracking.signals import (
    CameBack,
    Deviated,
    Handoff,
    KeyJourneyCompleted,
    KeyJourneyGivenUp,
    LapStarted,
    MomentOverdue,
    MomentReached,
    Signal,
    StageEntered,
    TooLate,
    WentDormant,
    Withdrawn,
)
from journeymap.tracking.state import Going, OwnPosition, Position, State, Timer
from journeymap.tracking.tracker import Tracker

__all__ = [
    "CameBack",
    "Deviated",
    "Going",
    "Handoff",
    "KeyJourneyCompleted",
    "KeyJourneyGivenUp",
    "LapStarted",
    "MomentOverdue",
    "MomentReached",
    "OwnPosition",
    "Position",
    "Signal",
    "StageEntered",
    "State",
    "Timer",
    "TooLate",
    "Tracker",
    "WentDormant",
    "Withdrawn",
]
