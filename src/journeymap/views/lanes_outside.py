"""Lanes outside the loop: moves that skip stages or turn back, each beside the way it goes.

Nothing runs through the halves, where the words are: a lane leaves its stage outward, follows the
loop at a distance of its own, and changes sides where the loop crosses itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import attrgetter

from attrs import frozen

from journeymap.views.lemniscate import Curve
from journeymap.views.scene import Point

__all__ = ["SideLane", "SideMove", "lay_lanes"]

_GAP = 3.0
_EASE = 0.22  # how far along the loop, as an angle, a lane takes to reach its distance
_NEAR = 0.10  # angles by which lanes of one distance are kept apart
_FINE = 200  # points of a lane all round the loop


@frozen
class SideMove:
    """A move from stage to stage beside the loop.

    Attributes:
        key: What it is of.
        start: The angle of its source.
        end: The angle of its target, as the lane runs: less than the start where it turns back.
        width: How wide it is drawn.
    """

    key: tuple[str, str]
    start: float
    end: float
    width: float

    @property
    def span(self) -> tuple[float, float]:
        """The angles between which it runs, the lower first."""
        return min(self.start, self.end), max(self.start, self.end)


@frozen
class SideLane:
    """A move with the distance from the middle of the track at which it runs.

    Attributes:
        move: The move.
        distance: The distance.
    """

    move: SideMove
    distance: float

    @property
    def edge(self) -> float:
        """How far out it reaches."""
        return self.distance + self.move.width / 2

    def passes(self, angle: float) -> bool:
        """Check whether it runs by an angle of the loop."""
        low, high = self.move.span
        turns = (angle - math.tau, angle, angle + math.tau)
        return any(low - 1e-9 <= one <= high + 1e-9 for one in turns)

    def points(self, curve: Curve, node: float) -> tuple[Point, ...]:
        """Give the line, from the edge of the source's node to that of the target's."""
        start, end = self.move.start, self.move.end
        steps = max(8, int(abs(end - start) / math.tau * _FINE))
        ease = min(_EASE, abs(end - start) / 2)
        found = []
        for step in range(steps + 1):
            angle = start + (end - start) * step / steps
            near = min(abs(angle - start), abs(angle - end)) / ease
            rise = math.sin(min(near, 1.0) * math.pi / 2)
            found.append(_beside(curve, angle, node + (self.distance - node) * rise))
        return tuple(found)


def lay_lanes(moves: Iterable[SideMove], inner: float) -> tuple[SideLane, ...]:
    """Lay moves side by side: the first nearest to the loop, none upon another.

    Args:
        moves: The moves.
        inner: The distance from the middle of the track at which lanes begin.

    Returns:
        The lanes, in the order of the moves.
    """
    laid: list[SideLane] = []
    for move in moves:
        rivals = sorted(
            (lane for lane in laid if _meet(move, lane.move)), key=attrgetter("distance")
        )
        distance = inner + move.width / 2
        for rival in rivals:
            room = (move.width + rival.move.width) / 2 + _GAP
            if abs(rival.distance - distance) < room:
                distance = rival.distance + room
        laid.append(SideLane(move, distance))
    return tuple(laid)


def _meet(one: SideMove, other: SideMove) -> bool:
    low, high = one.span
    for turn in (-math.tau, 0.0, math.tau):
        begin, end = (angle + turn for angle in other.span)
        if begin < high + _NEAR and low - _NEAR < end:
            return True
    return False


def _beside(curve: Curve, angle: float, distance: float) -> Point:
    """Find the point so far outside the loop at an angle; at the crossing, none is outside."""
    x, y = curve.at(angle)
    (ax, ay), (bx, by) = curve.at(angle - 0.01), curve.at(angle + 0.01)
    length = math.hypot(bx - ax, by - ay) or 1.0
    side = math.tanh(3.2 * math.cos(angle))
    return x + (by - ay) / length * distance * side, y - (bx - ax) / length * distance * side
