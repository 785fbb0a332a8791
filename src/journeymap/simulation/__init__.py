"""Simulation: seeded customers walking a map, with a known truth, for demos and tests."""

from journeymap.simulation.broadband import BOTTLENECK, broadband, broadband_customers
from journeymap.simulation.walking import Effect, Simulation, Walk

__all__ = ["BOTTLENECK", "Effect", "Simulation", "Walk", "broadband", "broadband_customers"]
