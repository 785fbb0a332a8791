"""Means and quantiles of what customers have several of: how much surer they seem than they are.

The values of one customer are alike. The design effect (Kish 1965) is the number of values of one
customer that are worth one of another; all sums are whole numbers, so that parts add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Ints

__all__ = ["ClusteredLevels", "ClusteredSums", "square_sum", "whole_sum"]

_CLASSES = 128  # two for each doubling of a length: more than there are
_SAFE = 1 << 62


@frozen
class ClusteredSums:
    """How values are spread over customers.

    Attributes:
        customers: The customers who have values.
        units: The squares of how many each has, summed.
        mixed: The products of how many each has and what they sum to, summed.
        squares: The squares of what they sum to, summed.
    """

    customers: int = 0
    units: int = 0
    mixed: int = 0
    squares: int = 0

    @classmethod
    def of(cls, customer: Ints, values: Any) -> ClusteredSums:
        """Sum values, each with its customer."""
        people, place = np.unique(customer, return_inverse=True)
        many = np.bincount(place, minlength=len(people))
        if not len(people):
            return cls()
        numbers = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        largest = max(map(abs, (int(numbers.min()), int(numbers.max()))))
        if largest * int(many.max()) ** 2 >= _SAFE:
            numbers = numbers.astype(object)
        sums = np.zeros(len(people), dtype=numbers.dtype)
        np.add.at(sums, place, numbers)
        return cls(
            len(people), int((many * many).sum()), whole_sum(many * sums), square_sum(sums)
        )  # fmt: skip

    def merge(self, other: ClusteredSums) -> ClusteredSums:
        """Sum those of two parts."""
        return ClusteredSums(
            self.customers + other.customers, self.units + other.units, self.mixed + other.mixed,
            self.squares + other.squares,
        )  # fmt: skip

    def effect(self, n: int, total: int, squares: int) -> float:
        """Compute how many times the variance of a mean is that of independent values.

        Args:
            n: How many values there are.
            total: Their sum.
            squares: The sum of their squares.
        """
        people, independent = self.customers, n * squares - total * total
        if self.units <= n or people < 2 or independent <= 0:
            return 1.0
        spread = n * n * self.squares - 2 * n * total * self.mixed + total * total * self.units
        return max(1.0, spread * (n - 1) * people / (n * n * independent * (people - 1)))


def whole_sum(values: Any) -> int:
    """Sum whole numbers exactly."""
    if values.dtype == object:
        return sum(map(int, values.tolist()))
    whole = values >> 24
    return (int(whole.sum()) << 24) + int((values - (whole << 24)).sum())


def square_sum(values: Any) -> int:
    """Sum squares exactly: in halves of 25 bits, four thousand at a time."""
    size = np.abs(values)
    if len(size) and int(size.max()) >= 1 << 50:
        return sum(one * one for one in map(int, size.tolist()))
    size = size.astype(np.int64)
    high, low = size >> 25, size & ((1 << 25) - 1)
    begins = np.arange(0, len(size), 4096)
    if not len(begins):
        return 0
    parts = (high * high, high * low, low * low)
    a, b, c = (sum(map(int, np.add.reduceat(part, begins).tolist())) for part in parts)
    return (a << 50) + (b << 26) + c


@frozen
class ClusteredLevels:
    """How many lengths customers have below each of some lengths, and how that is spread.

    Attributes:
        sums: How they are spread over customers at all.
        below: How many lengths lie below each.
        mixed: The products of how many each customer has, and has below, summed.
        squares: The squares of how many each has below, summed.
    """

    sums: ClusteredSums
    below: tuple[int, ...] = (0,) * _CLASSES
    mixed: tuple[int, ...] = (0,) * _CLASSES
    squares: tuple[int, ...] = (0,) * _CLASSES

    @classmethod
    def of(cls, customer: Ints, lengths: Ints) -> ClusteredLevels:
        """Count lengths, each with its customer."""
        people, place = np.unique(customer, return_inverse=True)
        level = np.zeros(len(lengths), dtype=np.int64)
        some = lengths > 0
        level[some] = 1 + np.floor(2 * np.log2(lengths[some])).astype(np.int64)
        size = len(people) * _CLASSES
        cells = np.bincount(place * _CLASSES + level, minlength=size).reshape(-1, _CLASSES)
        below = np.cumsum(cells, axis=1)
        many = below[:, -1:] if len(people) else below[:, :1]
        rows = (below.sum(axis=0), (many * below).sum(axis=0), (below * below).sum(axis=0))
        return cls(
            ClusteredSums(len(people), int((many * many).sum())),
            *(tuple(row.tolist()) for row in rows),
        )  # fmt: skip

    def merge(self, other: ClusteredLevels) -> ClusteredLevels:
        """Sum those of two parts."""
        return ClusteredLevels(self.sums.merge(other.sums), *(
            tuple(a + b for a, b in zip(getattr(self, name), getattr(other, name), strict=True))
            for name in ("below", "mixed", "squares")
        ))  # fmt: skip

    def effect(self, n: int, share: float) -> float:
        """Compute the design effect of a share of lengths, at the level where it is nearest."""
        people, units = self.sums.customers, self.sums.units
        levels = [place for place, count in enumerate(self.below) if 0 < count < n]
        if units <= n or people < 2 or not levels:
            return 1.0
        best = min(levels, key=lambda place: abs(self.below[place] / n - share))
        part = self.below[best] / n
        spread = self.squares[best] - 2 * part * self.mixed[best] + part * part * units
        return max(1.0, spread * people / ((people - 1) * n * part * (1 - part)))
