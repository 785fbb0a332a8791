"""The infinity loop as a curve, and where the stages lie on it."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left

from attrs import frozen

from journeymap.views.scene import Point

__all__ = ["Curve", "Spot", "spots"]

_SAMPLES = 2400
_LOBE = {"buy": (math.pi / 2, 3 * math.pi / 2), "own": (3 * math.pi / 2, 5 * math.pi / 2)}


@frozen
class Spot:
    """A place on the curve: the point, the angle there, and the outward direction."""

    angle: float
    x: float
    y: float
    out_x: float
    out_y: float


@frozen
class Curve:
    """A lemniscate of Bernoulli, stretched: buy is its left lobe, own its right one.

    It is walked from the crossing over the top of the left lobe, back through the crossing, over
    the top of the right lobe and home.
    """

    x: float
    y: float
    half_width: float
    height: float

    def at(self, angle: float) -> Point:
        """Find the point at an angle; the crossing is at π/2 and 3π/2."""
        sine, cosine = math.sin(angle), math.cos(angle)
        scale = 1 / (1 + sine * sine)
        rise = self.height * math.sqrt(2)  # the lobes of Bernoulli's curve are flat
        return self.x + self.half_width * cosine * scale, self.y + rise * sine * cosine * scale

    def between(self, start: float, end: float) -> tuple[Point, ...]:
        """Return points from one angle on to another, close enough to look smooth."""
        steps = max(2, int(abs(end - start) / math.tau * 160))
        return tuple(self.at(start + (end - start) * i / steps) for i in range(steps + 1))

    def spot(self, angle: float, lobe: str) -> Spot:
        """Find the place at an angle, and which way is out of its lobe."""
        x, y = self.at(angle)
        before, after = self.at(angle - 0.01), self.at(angle + 0.01)
        along_x, along_y = after[0] - before[0], after[1] - before[1]
        length = math.hypot(along_x, along_y) or 1.0
        out_x, out_y = along_y / length, -along_x / length
        middle = self.x + (-0.55 if lobe == "buy" else 0.55) * self.half_width
        if (x - middle) * out_x + (y - self.y) * out_y < 0:
            out_x, out_y = -out_x, -out_y
        return Spot(angle, x, y, out_x, out_y)


def spots(curve: Curve, lobe: str, number: int) -> list[Spot]:
    """So many places along one lobe, evenly by length, clear of the crossing."""
    start, end = _LOBE[lobe]
    angles = [start + (end - start) * i / _SAMPLES for i in range(_SAMPLES + 1)]
    points = [curve.at(angle) for angle in angles]
    lengths = [0.0]
    for a, b in itertools.pairwise(points):
        lengths.append(lengths[-1] + math.dist(a, b))
    clear = 0.14 * lengths[-1]
    room = lengths[-1] - 2 * clear
    gap = room / max(number - 1, 1)
    wanted = [lengths[-1] / 2] if number == 1 else [clear + gap * i for i in range(number)]
    return [curve.spot(angles[bisect_left(lengths, reach)], lobe) for reach in wanted]
