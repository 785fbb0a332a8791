"""Simulation: seeded customers walking a map, with a known truth, for demos and tests."""

from journeymap.simulation.broadband import BOTTLENECK, broadband, broadband_customers
from journeymap.simulation.influences import Campaign, Friends, Habit
from journeymap.simulation.planted import (
    COSTS,
    EXTRAS,
    FRIENDS,
    QUESTIONS,
    UPGRADES,
    planted_broadband,
)
from journeymap.simulation.walking import Effect, Simulation, Walk

__all__ = [
    "BOTTLENECK",
    "COSTS",
    "EXTRAS",
    "FRIENDS",
    "QUESTIONS",
    "UPGRADES",
    "Campaign",
    "Effect",
    "Friends",
    "Habit",
    "Simulation",
    "Walk",
    "broadband",
    "broadband_customers",
    "planted_broadband",
]
