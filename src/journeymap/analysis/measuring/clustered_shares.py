"""Shares of units of which a customer has several: those of one customer are alike."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from journeymap.analysis.measuring.clustered_errors import find_size
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.intervals import (
    wilson_bounds,
    wilson_interval,
)

__all__ = ["find_independent", "share_interval"]


def share_interval(hits: int, n: int, clusters: Clusters) -> tuple[float, float]:
    """Compute the 95 % interval of a share by the spread between customers.

    Wilson's (1927), of as many independent units as would give as small an error (Kish 1965), with
    Student's quantile, as the spread is estimated from the customers; where
    each customer has one unit, that is Wilson's of all of them. Of a single customer the units are
    all that there is to go by.
    """
    if clusters.units <= n or not n or clusters.customers < 2:
        return wilson_interval(hits, n)
    quantile = float(stdtrit(clusters.customers - 1, 0.975))
    return wilson_bounds(hits / n, find_independent(hits, n, clusters), quantile)


def find_independent(hits: int, n: int, clusters: Clusters) -> float:
    """Find how many independent units would give as sure a share, of several customers."""
    share, people = hits / n, clusters.customers
    spread = clusters.squares - 2 * share * clusters.mixed + share * share * clusters.units
    error = math.sqrt(max(spread, 0.0) * people / (people - 1)) / n
    if not error and 0 < hits < n:  # where customers do not differ at all
        return float(n)
    return find_size(share, n, error, clusters.units)
