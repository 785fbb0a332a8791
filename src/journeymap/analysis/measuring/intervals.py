"""Intervals of shares, differences and means, taking what was recorded as a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import stdtrit

__all__ = [
    "NORMAL_QUANTILE",
    "join_intervals",
    "mean_interval",
    "newcombe_interval",
    "nps_interval",
    "wilson_bounds",
    "wilson_interval",
]

NORMAL_QUANTILE = 1.959963984540054
"""The normal quantile that leaves 2.5 % on either side."""


def wilson_bounds(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Compute Wilson's bounds (1927) of a share of n, for a quantile of the normal or Student's."""
    z2 = quantile * quantile
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = quantile / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # They hold the share, whatever rounding does.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share (Wilson 1927); the whole range of nothing.

    >>> [round(bound, 3) for bound in wilson_interval(5, 10)]
    [0.237, 0.763]
    """
    if n == 0:
        return 0.0, 1.0
    return wilson_bounds(hits / n, n, NORMAL_QUANTILE)


def newcombe_interval(hits: int, n: int, others: int, m: int) -> tuple[float, float]:
    """Compute the 95 % interval of a difference of shares, hits / n − others / m.

    Of separate groups: Wilson's intervals combined (Newcombe 1998, method 10).

    >>> [round(bound, 4) for bound in newcombe_interval(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    return join_intervals(hits / n, wilson_interval(hits, n), others / m,
                          wilson_interval(others, m))  # fmt: skip


def join_intervals(
    one: float, bounds: tuple[float, float], other: float, others: tuple[float, float]
) -> tuple[float, float]:
    """Compute the interval of a difference from those of both numbers (Newcombe 1998)."""
    down = math.hypot(one - bounds[0], others[1] - other)
    up = math.hypot(bounds[1] - one, other - others[0])
    return one - other - down, one - other + up


def nps_interval(promoters: float, detractors: float, n: float) -> tuple[float, float]:
    """Compute the 95 % interval of a Net Promoter Score, in points.

    Adjusted Wald, with three answers added in the proportion 1 : 2 : 1 (Rocks 2016). The score
    itself is always within: of a few answers, those that are added would leave it outside.

    >>> [round(bound, 1) for bound in nps_interval(50, 20, 100)]
    [14.1, 44.2]
    """
    size = n + 3
    up, down = (promoters + 0.75) / size, (detractors + 0.75) / size
    half = NORMAL_QUANTILE * math.sqrt((up + down - (up - down) ** 2) / size)
    score = 100 * (promoters - detractors) / n
    low, high = 100 * (up - down - half), 100 * (up - down + half)
    return max(-100.0, min(low, score)), min(100.0, max(high, score))


def mean_interval(
    values: list[float], weights: Sequence[float], scale: tuple[float, float]
) -> tuple[float, float] | tuple[None, None]:
    """Compute Student's 95 % interval of a mean of weighted answers, within their scale.

    There is none where all answers are equal: how they spread is not known.

    >>> [round(bound, 2) for bound in mean_interval([1.0, 2.0, 3.0], [1, 1, 1], (1.0, 7.0))]
    [1.0, 4.48]
    >>> mean_interval([3.0], [2], (1.0, 7.0))
    (None, None)
    """
    n = sum(weights)
    if n < 2 or len(set(values)) < 2:
        return None, None
    mean = math.fsum(v * w for v, w in zip(values, weights, strict=True)) / n
    squares = math.fsum(w * (v - mean) ** 2 for v, w in zip(values, weights, strict=True))
    half = float(stdtrit(n - 1, 0.975)) * math.sqrt(squares / (n - 1) / n)
    return max(scale[0], mean - half), min(scale[1], mean + half)
