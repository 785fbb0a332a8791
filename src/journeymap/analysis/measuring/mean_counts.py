"""How often something comes to one of many, by how long each has been followed.

Who has only just come has had no time for it: in a plain mean over all it seems to come seldom.
At each age, those to whom it comes are counted among those who are followed for so long, and the
shares are summed (the mean cumulative function of Nelson 1988).
"""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen
from scipy.special import stdtrit

from journeymap.analysis.table.part import Ints

__all__ = ["MeanCount", "count_for_each"]

_SHARE = 10  # of as many, one at least is followed to the age up to which it is counted


@frozen
class MeanCount:
    """How often something comes to one of many, up to an age.

    Attributes:
        mean: How often.
        low: Lower bound of its 95 % interval (None: there are not two).
        high: Upper bound of it.
        within: The age, in microseconds.
    """

    mean: float
    low: float | None
    high: float | None
    within: int


def count_for_each(
    followed: Ints, owner: Ints, age: Ints, since: Ints | None = None
) -> MeanCount | None:  # fmt: skip
    """Estimate how often something comes to one of many, up to an age that a tenth reach.

    The interval is on the logarithm, by the spread between those followed (Lawless and Nadeau
    1995); of what never came, it is Poisson's.

    Args:
        followed: How long each was followed.
        owner: To whom it came, as a place among them.
        age: At which age, not above that to which they were followed.
        since: From which age on each was followed (None: from the beginning).

    Returns:
        The estimate; None of no one, or where there is an age at which no one was followed.
    """
    size = len(followed)
    if not size:
        return None
    ordered = np.sort(followed)
    least = max(min(2, size), math.ceil(size / _SHARE))
    within = int(ordered[size - least])
    entered = np.sort(followed * 0 if since is None else since)
    left = np.append(0, ordered[ordered < within] + 1)
    if (np.searchsorted(entered, left, "right") <= np.searchsorted(ordered, left)).any():
        return None
    there = age <= within
    at, place = np.unique(age[there], return_inverse=True)
    # Who is followed at that age.
    risk = np.searchsorted(entered, at, "right") - np.searchsorted(ordered, at)
    times = np.bincount(place, minlength=len(at))
    mean = math.fsum((times / risk).tolist())
    if size < 2 or not within:  # in no time, there is nothing to estimate
        return MeanCount(mean, None, None, within)
    if not mean:
        return MeanCount(0.0, 0.0, -math.log(0.025) / least, within)
    sums = np.append(0.0, np.cumsum(times / risk**2))
    expected = sums[np.searchsorted(at, followed, "right")]
    if since is not None:
        expected = expected - sums[np.searchsorted(at, since)]
    own = np.bincount(owner[there], 1 / risk[place], minlength=size) - expected
    error = math.sqrt(math.fsum((own**2).tolist()) * size / (size - 1))
    ratio = math.exp(min(float(stdtrit(size - 1, 0.975)) * error / mean, 700.0))
    return MeanCount(mean, mean / ratio, mean * ratio, within)
