"""Segments of customers in one model of repeat buying, after Fader and Hardie (2007).

Every segment but the first multiplies the scale of the rate of purchases, and the parameters of
leaving, by factors of its own. All of them have the other parameters together, so that a small
segment needs no model to itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from journeymap.analysis.measuring.likelihood import Floats
from journeymap.analysis.measuring.purchase_models import Histories, PurchaseModel

__all__ = ["SegmentedModel"]


@frozen(eq=False)
class SegmentedModel:
    """A model of repeat buying with factors for segments; of one segment it is the plain model.

    Attributes:
        model: The model.
        segments: The segments; the first is the one that others are compared with.
        names: The parameters, with those of segments after those of all.
    """

    model: PurchaseModel
    segments: tuple[str, ...]
    names: tuple[str, ...] = field(init=False)
    _moved: tuple[int, ...] = field(init=False)

    @names.default
    def _all_names(self) -> tuple[str, ...]:
        more = [f"{name} of {segment}" for segment in self.segments[1:]
                for name in self.model.segmented]  # fmt: skip
        return (*self.model.names, *more)

    @_moved.default
    def _moved_places(self) -> tuple[int, ...]:
        return tuple(self.model.names.index(name) for name in self.model.segmented)

    def start(self, age: float) -> Floats:
        """Give parameters to begin with, for customers of a mean age in weeks."""
        found = np.ones(len(self.names))
        found[self.model.names.index("alpha")] = max(age, 1.0) / 4
        return found

    def values_of(self, values: Floats, segment: int) -> Floats:
        """Give the plain model's parameters of a segment."""
        size, width = len(self.model.names), len(self._moved)
        found = values[:size].copy()
        if segment:
            begin = size + (segment - 1) * width
            found[list(self._moved)] *= values[begin : begin + width]
        return found

    def log_likelihood(self, values: Floats, seen: Histories) -> tuple[Floats, Floats | None]:
        """Compute the log-likelihood of each history, and its gradient (None: not known)."""
        if len(self.segments) == 1:
            return self.model.log_likelihood(values, seen)
        found = np.empty(len(seen.x))
        gradient: Floats | None = np.zeros((len(self.names), len(seen.x)))
        size, width = len(self.model.names), len(self._moved)
        for segment, rows, own in self._parts(seen):
            mine = self.values_of(values, segment)
            found[rows], slopes = self.model.log_likelihood(mine, own)
            if slopes is None or gradient is None:
                gradient = None
                continue
            factors = mine / values[:size]
            gradient[:size, rows] = slopes * factors[:, None]
            for number, place in enumerate(self._moved if segment else ()):
                row = size + (segment - 1) * width + number
                gradient[row, rows] = slopes[place] * values[place]
        return found, gradient

    def alive(self, values: Floats, seen: Histories) -> Floats:
        """Compute the probability that a customer with each history still buys."""
        found = np.empty(len(seen.x))
        for segment, rows, own in self._parts(seen):
            found[rows] = self.model.alive(self.values_of(values, segment), own)
        return found

    def expected(self, values: Floats, seen: Histories, t: float) -> Floats:
        """Compute the purchases of a customer with each history in a time from now on."""
        found = np.empty(len(seen.x))
        for segment, rows, own in self._parts(seen):
            found[rows] = self.model.expected(self.values_of(values, segment), own, t)
        return found

    def rate_of(self, values: Floats, segment: int) -> float:
        """Compute how often those of a segment buy while they do, beside the first segment."""
        place = self.model.names.index("alpha")
        return float(values[place] / self.values_of(values, segment)[place])

    def leaving_of(self, values: Floats, segment: int) -> float:
        """Compute how much those of a segment are given to leaving, beside the first segment."""
        whole, own = self.values_of(values, 0), self.values_of(values, segment)
        return float(self.model.leaving(own) / self.model.leaving(whole))

    def _parts(self, seen: Histories) -> list[tuple[int, Any, Histories]]:
        """Give each segment with the places of its histories, and these."""
        if len(self.segments) == 1 or seen.segment is None:
            return [(0, slice(None), seen)]
        return [(segment, rows, own) for segment, (rows, own) in enumerate(seen.by_segment)]
