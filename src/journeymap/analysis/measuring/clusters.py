"""Values of which a customer has several: how they are spread over customers.

The values of one customer are alike. The design effect (Kish 1965) is the number of values of one
customer that are worth one of another; all sums are whole numbers, so that parts add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import astuple, frozen

from journeymap.analysis.table.part import Ints

__all__ = ["Clusters", "square_sum", "whole_sum"]

_SAFE = 1 << 62


@frozen
class Clusters:
    """How values are spread over customers, in whole numbers that add up.

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
    def of(cls, customer: Ints, values: Any) -> Clusters:
        """Sum values, each with its customer; of truths, those that hold are counted."""
        if not len(customer):
            return cls()
        people, place = np.unique(customer, return_inverse=True)
        many = np.bincount(place, minlength=len(people))
        numbers = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        if numbers.dtype == bool:
            sums: Any = np.bincount(place[numbers], minlength=len(people))
        else:
            sums = _sum_by_place(numbers, place, many)
        return cls(
            len(people), int((many * many).sum()), whole_sum(many * sums), square_sum(sums)
        )  # fmt: skip

    def merge(self, other: Clusters) -> Clusters:
        """Sum those of two parts."""
        mine: Any = astuple(self)
        return Clusters(*(a + b for a, b in zip(mine, astuple(other), strict=True)))

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


def _sum_by_place(values: Any, place: Ints, many: Ints) -> Any:
    """Sum values by customer; as Python's own numbers, where the products could overflow."""
    largest = max(map(abs, (int(values.min()), int(values.max()))))
    if largest * int(many.max()) ** 2 >= _SAFE:
        values = values.astype(object)
    sums = np.zeros(len(many), dtype=values.dtype)
    np.add.at(sums, place, values)
    return sums


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
