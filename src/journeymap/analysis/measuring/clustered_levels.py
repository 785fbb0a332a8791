"""Quantiles of lengths of which a customer has several: how much surer they seem than they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Ints

__all__ = ["ClusteredLevels"]

_CLASSES = 128  # two for each doubling of a length: more than there are
_AT_ONCE = 4096  # customers


@frozen
class ClusteredLevels:
    """How many lengths customers have below each of some lengths, and how that is spread.

    Attributes:
        customers: The customers who have any.
        units: The squares of how many each has, summed.
        below: How many lengths lie below each.
        mixed: The products of how many each customer has, and has below, summed.
        squares: The squares of how many each has below, summed.
    """

    customers: int = 0
    units: int = 0
    below: tuple[int, ...] = (0,) * _CLASSES
    mixed: tuple[int, ...] = (0,) * _CLASSES
    squares: tuple[int, ...] = (0,) * _CLASSES

    @classmethod
    def of(cls, customer: Ints, lengths: Ints) -> ClusteredLevels:
        """Count lengths, each with its customer."""
        people, place = np.unique(customer, return_inverse=True)
        many = np.bincount(place, minlength=len(people))
        level = np.zeros(len(lengths), dtype=np.int64)
        some = lengths > 0
        level[some] = 1 + np.floor(2 * np.log2(lengths[some])).astype(np.int64)
        single = many[place] == 1
        once = np.cumsum(np.bincount(level[single], minlength=_CLASSES))
        found = np.array([once, once, once])  # 1 of 1, or 0 of 1, also as products and squares
        for below in _count_below(place[~single], level[~single]):
            all_, squares = below[:, -1:], below * below
            found += np.array([part.sum(axis=0) for part in (below, all_ * below, squares)])
        return cls(len(people), int((many * many).sum()), *(tuple(row) for row in found.tolist()))

    def merge(self, other: ClusteredLevels) -> ClusteredLevels:
        """Sum those of two parts."""
        return ClusteredLevels(
            self.customers + other.customers, self.units + other.units, *(
                tuple(a + b for a, b in zip(getattr(self, name), getattr(other, name), strict=True))
                for name in ("below", "mixed", "squares")
            ),
        )  # fmt: skip

    def effect(self, n: int, share: float) -> float:
        """Compute the design effect of a share of lengths, at the level where it is nearest."""
        people, units = self.customers, self.units
        levels = [place for place, count in enumerate(self.below) if 0 < count < n]
        if units <= n or people < 2 or not levels:
            return 1.0
        best = min(levels, key=lambda place: abs(self.below[place] / n - share))
        part = self.below[best] / n
        spread = self.squares[best] - 2 * part * self.mixed[best] + part * part * units
        return max(1.0, spread * people / ((people - 1) * n * part * (1 - part)))


def _count_below(place: Ints, level: Ints) -> Iterator[Ints]:
    """Count how many lengths each customer has up to each level, some customers at a time."""
    order = np.argsort(place, kind="stable")
    place, level = place[order], level[order]
    rank = np.cumsum(np.diff(place, prepend=place[:1]) != 0)
    for first in range(0, int(rank[-1]) + 1 if len(rank) else 0, _AT_ONCE):
        begin, end = np.searchsorted(rank, (first, first + _AT_ONCE))
        cells = (rank[begin:end] - first) * _CLASSES + level[begin:end]
        size = (int(rank[end - 1]) - first + 1) * _CLASSES
        yield np.cumsum(np.bincount(cells, minlength=size).reshape(-1, _CLASSES), axis=1)
