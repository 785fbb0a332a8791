"""Shares of units of which a customer has several: those of one customer are alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import astuple, frozen
from scipy.special import stdtrit

from journeymap.analysis.measuring.clustered_errors import find_size
from journeymap.analysis.measuring.intervals import (
    wilson_bounds,
    wilson_interval,
)
from journeymap.analysis.table.part import Flags, Ints

__all__ = ["Clusters", "share_interval"]


@frozen
class Clusters:
    """How units and hits are spread over customers, in whole numbers that add up.

    Attributes:
        customers: The customers who have units.
        units: The squares of their units, summed.
        mixed: The products of their units and hits, summed.
        hits: The squares of their hits, summed.
    """

    customers: int = 0
    units: int = 0
    mixed: int = 0
    hits: int = 0

    @classmethod
    def of(cls, customer: Ints, hit: Flags) -> Clusters:
        """Count units, each with its customer and whether it is a hit."""
        people, place = np.unique(customer, return_inverse=True)
        n = np.bincount(place, minlength=len(people))
        k = np.bincount(place[hit], minlength=len(people))
        return cls(len(people), int((n * n).sum()), int((n * k).sum()), int((k * k).sum()))

    def merge(self, other: Clusters) -> Clusters:
        """Sum those of two parts."""
        mine: Any = astuple(self)
        return Clusters(*(a + b for a, b in zip(mine, astuple(other), strict=True)))


def share_interval(hits: int, n: int, clusters: Clusters) -> tuple[float, float]:
    """Compute the 95 % interval of a share by the spread between customers.

    Wilson's (1927), of as many independent units as would give as small an error (Kish 1965), with
    Student's quantile, as the spread is estimated from the customers; where
    each customer has one unit, that is Wilson's of all of them. Of a single customer the units are
    all that there is to go by.
    """
    if clusters.units <= n or not n or clusters.customers < 2:
        return wilson_interval(hits, n)
    share, people = hits / n, clusters.customers
    spread = clusters.hits - 2 * share * clusters.mixed + share * share * clusters.units
    error = math.sqrt(max(spread, 0.0) * people / (people - 1)) / n
    size = float(n)  # where customers do not differ at all
    if error or not 0 < hits < n:
        size = find_size(share, n, error, clusters.units)
    return wilson_bounds(share, size, float(stdtrit(people - 1, 0.975)))
