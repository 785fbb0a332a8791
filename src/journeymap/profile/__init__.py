"""One customer: the single view, its traits, consents and purposes, the next best action."""

from journeymap.profile.customer import Customer, OpenMoment, Recorded
from journeymap.profile.front_line import FrontLine, MomentService, Waiting
from journeymap.profile.next_best import Candidate, Choice, NextBest
from journeymap.profile.rules import ProfileRules, Purpose, TraitRule

__all__ = [
    "Candidate",
    "Choice",
    "Customer",
    "FrontLine",
    "MomentService",
    "NextBest",
    "OpenMoment",
    "ProfileRules",
    "Purpose",
    "Recorded",
    "TraitRule",
    "Waiting",
]
