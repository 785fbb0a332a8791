"""The names that a map knows, by which a strict `Live` judges what it is given."""

from __future__ import annotations

from journeymap.exceptions import UnknownName
from journeymap.interactions import Interaction
from journeymap.model import At, Condition, Frequency, JourneyMap, ShareOf
from journeymap.model.conditions import all_leaves

__all__ = ["MapNames"]

_OUTCOMES = ("succeeded", "failed", "abandoned")


class MapNames:
    """Finds names in interactions that the map does not know."""

    def __init__(self, journey: JourneyMap) -> None:
        self._map = journey
        asked: list[Condition] = [moment.when for moment in journey.moments.values()]
        asked += [condition for offer in journey.offers.values() for condition in offer.conditions]
        for metric in journey.metrics.values():
            match metric.measure:
                case ShareOf() as measure:
                    asked += [measure.holds, *measure.among]
                case Frequency() as measure:
                    asked += measure.where
                case _:
                    pass
        own = (
            value for condition in asked for leaf in all_leaves(condition)
            if isinstance(leaf, At) and leaf.what == "outcome" for value in leaf.values
        )  # fmt: skip
        self._outcomes = tuple(dict.fromkeys((*_OUTCOMES, *own)))

    def knows_touchpoint(self, name: str) -> bool:
        """Check whether the map has a touchpoint, under its id or a name it is recorded as."""
        return self._map.recorded_names.resolve(name) in self._map.touchpoints

    def explain_unknown(self, one: Interaction) -> str:
        """Name what the map does not know of an interaction; empty if it knows everything.

        A map without any channels leaves them open.
        """
        if not self.knows_touchpoint(one.touchpoint):
            return str(UnknownName("touchpoint", one.touchpoint, tuple(self._map.touchpoints)))
        channels = tuple(self._map.channels)
        if one.channel is not None and channels and one.channel not in channels:
            return str(UnknownName("channel", one.channel, channels))
        if one.outcome is not None and one.outcome not in self._outcomes:
            return str(UnknownName("outcome", one.outcome, self._outcomes))
        return ""
