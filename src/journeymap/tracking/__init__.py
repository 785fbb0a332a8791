"""The fold: where each customer stands, and what each interaction makes true."""

from journeymap.tracking.customer import Customer, OpenMoment, Recorded
from journeymap.tracking.offers import Candidate, Choice, NextBest
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
    "Candidate",
    "Choice",
    "Customer",
    "Deviated",
    "Going",
    "Handoff",
    "KeyJourneyCompleted",
    "KeyJourneyGivenUp",
    "LapStarted",
    "MomentOverdue",
    "MomentReached",
    "NextBest",
    "OpenMoment",
    "OwnPosition",
    "Position",
    "Recorded",
    "Signal",
    "StageEntered",
    "State",
    "Timer",
    "TooLate",
    "Tracker",
    "WentDormant",
    "Withdrawn",
]
