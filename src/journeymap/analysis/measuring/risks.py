"""Risks of journeys that have come equally far, compared: tests, ratios, and selection.

Each row is a journey after one of its interactions; an outcome comes later, or does not. Where a
fact is new, the journey is compared with those that have come as far, are followed for about as
long from there on, and do not know it. For the
test, whatever these come to know later; for the ratio, had they never come to know it: those that
do count no more, and others count for them (weights by the inverse of the probability of not being
censored, Robins and Finkelstein 2000). Ratios of risks are those of a Poisson regression with an
intercept for each cell of journeys that are alike; errors are those of independent customers (the
modified Poisson regression of Zou 2004), and estimates are finite also where an outcome never or
always follows (Firth 1993).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from attrs import frozen
from scipy import sparse
from scipy.special import stdtr, stdtrit

from journeymap.analysis.table.part import Flags, Ints

__all__ = ["RiskRatio", "Risks", "critical_chance"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

_STEPS = 50
_CLOSE = 1e-8
_BLOCK = 16  # candidates that are tested at a time
_LARGEST = 12.0  # a logarithm of a ratio beyond which an estimate is not followed
_MOST_WEIGHT = 20.0  # for how many a journey counts at most
_TINY = 1e-300


@frozen
class RiskRatio:
    """The effect of one candidate: a ratio of risks, its interval, and its score test's chance."""

    ratio: float
    low: float
    high: float
    chance: float


def critical_chance(step: int, tested: int, level: float) -> float:
    """Compute the chance that the best of some candidates must stay below.

    By Benjamini and Yekutieli (2001), who ask nothing of how the tests depend on one another.

    >>> round(critical_chance(1, 100, 0.05), 6)
    9.6e-05
    """
    harmonic = float((1 / np.arange(1, tested + 1)).sum())
    return step * level / (tested * harmonic)


def _sums(number: Ints) -> Any:
    """Make the matrix that sums rows by a number."""
    rows = np.arange(len(number))
    shape = (int(number.max()) + 1 if len(number) else 1, len(number))
    return sparse.csr_matrix((np.ones(len(number)), (number, rows)), shape=shape)


@frozen(eq=False)
class Risks:
    """Journeys after their interactions, and whether an outcome came later.

    Attributes:
        outcome: 1 where the outcome came later, else 0.
        stratum: How far a row's journey has come, as a number that grows.
        customer: The customer, as a number.
        fresh: Marks the first row of each journey; the others follow it.
        followed: For how long a row's journey is followed from there on, as the number of a class:
            only those that could come to the outcome for as long are compared.
    """

    outcome: Floats
    stratum: Ints
    customer: Ints
    fresh: Flags
    followed: Ints

    @property
    def freedom(self) -> float:
        """The degrees of freedom of intervals and tests: the customers with an outcome but one."""
        return max(1.0, float(len(np.unique(self.customer[self.outcome > 0]))) - 1)

    def effect(self, columns: Any, chosen: list[int], place: int) -> RiskRatio:
        """Estimate the ratio of one of the chosen candidates, with a 95 % interval.

        Of the rows at which it is new or never comes, among journeys that are alike in the others.
        """
        others = columns[:, [one for one in chosen if one != place]]
        known = columns[:, [place]]
        new, weight = (one[:, 0] for one in self._newly(known, instead=True))
        rows = np.flatnonzero(weight > 0)
        fit = _OneFact(self.outcome[rows], weight[rows], self._alike(others)[rows], new[rows])
        beta = fit.estimate()
        error = fit.standard_error(beta, self.customer[rows])
        half = float(stdtrit(self.freedom, 0.975)) * error
        [chance] = self.test(known, others)
        return RiskRatio(float(np.exp(beta)), float(np.exp(beta - half)),
                         float(np.exp(beta + half)), float(chance))  # fmt: skip

    def test(self, columns: Any, chosen: Any, among: Flags | None = None) -> Floats:
        """Compute the chance of each candidate, were it without effect; among some rows, or all.

        Score tests among journeys that have come as far and are alike in the chosen candidates (as
        Mantel and Haenszel 1959), whatever they come to know later; the variance is the larger
        of that between customers and the model's.
        """
        cell = self._alike(chosen)
        cells, people = _sums(cell), _sums(self.customer)
        found = np.ones(columns.shape[1])
        for begin in range(0, columns.shape[1], _BLOCK):
            new, weight = self._newly(columns[:, begin : begin + _BLOCK], instead=False)
            if among is not None:
                new, weight = new * among[:, None], weight * among[:, None]
            had = weight * self.outcome[:, None]
            number = np.maximum(cells @ weight, _TINY)
            means = weight * ((cells @ had) / number)[cell]
            centred = weight * (new - ((cells @ new) / number)[cell])
            score = centred * (had - means)
            between = np.square(people @ score).sum(axis=0)
            error = np.sqrt(np.maximum(between, (np.square(centred) * means).sum(axis=0)))
            some = error > 1e-9
            ratio = np.divide(score.sum(axis=0), error, out=np.zeros(len(error)), where=some)
            found[begin : begin + _BLOCK] = 2 * stdtr(self.freedom, -np.abs(ratio))
        return found

    def _alike(self, chosen: Any) -> Ints:
        """Give a number to rows that are as far, followed as long and alike in those chosen."""
        bits = chosen.astype(np.int64) @ (1 << np.arange(chosen.shape[1]))
        classes = int(self.followed.max(initial=0)) + 1
        alike = (self.stratum * classes + self.followed) * (1 << chosen.shape[1]) + bits
        _, number = np.unique(alike, return_inverse=True)
        return number

    def _newly(self, known: Any, *, instead: bool) -> tuple[Floats, Floats]:
        """Mark where each fact is new, and weigh the rows at which it is new or not known.

        With ``instead``, rows without a fact that never comes count for those where it does.
        """
        first = np.flatnonzero(self.fresh)
        before = np.zeros(known.shape, dtype=bool)
        before[1:] = known[:-1] & ~self.fresh[1:, None]
        new = (known & ~before).astype(np.float64)
        if not instead:
            return new, (~before).astype(np.float64)
        journey = np.cumsum(self.fresh) - 1
        never = ~np.maximum.reduceat(known, first, axis=0)[journey]
        # How probable it is, of those without the fact, that it comes at each step.
        steps = _sums(self.stratum)
        comes = (steps @ new) / np.maximum(steps @ (~before).astype(np.float64), 1.0)
        staying = np.cumsum(np.log1p(-np.minimum(comes, 0.95)), axis=0)
        last = self.stratum[np.append(first[1:], len(self.fresh)) - 1][journey]
        for_ = np.exp(np.minimum(staying[self.stratum] - staying[last], np.log(_MOST_WEIGHT)))
        return new, new + never * for_


@frozen(eq=False)
class _OneFact:
    """A Poisson regression on one fact, with an intercept for each cell of rows that are alike."""

    outcome: Floats
    weight: Floats
    cell: Ints
    new: Floats

    def _parts(self, beta: float) -> tuple[Floats, Floats, float]:
        """Compute the means, the fact less its mean in a cell, and the information."""
        cells = int(self.cell.max()) + 1
        risk = self.weight * np.exp(beta * self.new)
        had = np.bincount(self.cell, self.weight * self.outcome, cells)
        level = had / np.maximum(np.bincount(self.cell, risk, cells), _TINY)
        means = level[self.cell] * risk
        total = np.maximum(np.bincount(self.cell, means, cells), _TINY)
        share = np.bincount(self.cell, means * self.new, cells) / total
        centred = self.new - share[self.cell]
        return means, centred, float((np.square(centred) * means).sum())

    def estimate(self) -> float:
        """Estimate the logarithm of the ratio; half an outcome is added to either side (Firth)."""
        beta = 0.0
        for _ in range(_STEPS):
            means, centred, information = self._parts(beta)
            if information < 1e-9:
                break
            score = float((centred * (self.weight * self.outcome - means)).sum())
            # The derivative of half the logarithm of the information.
            third = float((centred**3 * means).sum())
            step = (score + third / information / 2) / information
            beta = float(np.clip(beta + np.clip(step, -1, 1), -_LARGEST, _LARGEST))
            if abs(step) < _CLOSE:
                break
        return beta

    def standard_error(self, beta: float, customer: Ints) -> float:
        """Compute the standard error, of customers that are independent."""
        means, centred, information = self._parts(beta)
        if information < 1e-9:
            return _LARGEST
        score = np.bincount(customer, centred * (self.weight * self.outcome - means))
        between = float(np.square(score).sum()) / information**2
        return float(np.sqrt(max(between, 1 / information)))
