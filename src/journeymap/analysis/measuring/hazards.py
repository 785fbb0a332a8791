"""Risks at the same point of journeys, compared: regression, score tests, and selection.

Each row is a journey at one of its interactions; the outcome comes next or does not. Rows of one
stratum have come equally far. The model is a Poisson regression with an intercept for each
stratum, so that effects are ratios of risks; errors are those of independent customers (the
modified Poisson regression of Zou 2004), and estimates are finite also where an outcome never
or always follows (Firth 1993).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from attrs import field, frozen
from scipy import sparse
from scipy.special import stdtr, stdtrit

from journeymap.analysis.table.part import Ints

__all__ = ["RiskRatio", "Risks", "critical_chance"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

_STEPS = 50
_CLOSE = 1e-8
_BLOCK = 32  # candidates that are tested at a time
_LARGEST = 12.0  # a logarithm of a ratio beyond which an estimate is not followed


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


@frozen(eq=False)
class Risks:
    """Journeys at their interactions, with what came next.

    Attributes:
        followed: 1 where the outcome came next, else 0.
        weight: How many interactions a row stands for.
        stratum: How far a row's journey has come, as a number.
        customer: The customer, as a number.
    """

    followed: Floats
    weight: Floats
    stratum: Ints
    customer: Ints
    _strata: Any = field(init=False)
    _people: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, number in (("_strata", self.stratum), ("_people", self.customer)):
            rows = np.arange(len(number))
            shape = (int(number.max()) + 1 if len(number) else 1, len(number))
            made = sparse.csr_matrix((np.ones(len(number)), (number, rows)), shape=shape)
            object.__setattr__(self, name, made)

    @property
    def freedom(self) -> float:
        """The degrees of freedom of intervals and tests: the outcomes but one."""
        return max(1.0, float(self.followed.sum()) - 1)

    def fit(self, chosen: Floats, begin: Floats | None = None) -> Floats:
        """Estimate the logarithms of the ratios of some candidates together, each 0 or 1.

        Rows that are alike are taken together: there are few kinds of them.
        """
        beta = np.zeros(chosen.shape[1]) if begin is None else begin
        if not len(beta):
            return beta
        bits = 1 << np.arange(len(beta))
        kind = self.stratum * (1 << len(beta)) + chosen.astype(np.int64) @ bits
        weight = np.bincount(kind, self.weight).astype(np.float64)
        followed = np.bincount(kind, self.weight * self.followed).astype(np.float64)
        there = np.flatnonzero(weight)
        stratum, pattern = np.divmod(there, 1 << len(beta))
        few = Risks(followed[there] / weight[there], weight[there], stratum, np.zeros_like(stratum))
        return few._fit((pattern[:, None] & bits > 0).astype(np.float64), beta)

    def _fit(self, chosen: Floats, beta: Floats) -> Floats:
        for _ in range(_STEPS):
            means, centred, inverse = self._state(chosen, beta)
            total = np.maximum(self._strata @ means, 1e-300)
            leverage = means * ((centred @ inverse) * centred).sum(axis=1)
            leverage += means / total[self.stratum]
            gradient = centred.T @ (self.weight * self.followed + leverage / 2)
            gradient -= centred.T @ self._means(chosen, beta, extra=leverage / 2)
            step = np.clip(inverse @ gradient, -1.0, 1.0)
            beta = np.clip(beta + step, -_LARGEST, _LARGEST)
            if float(np.abs(step).max()) < _CLOSE:
                break
        return beta

    def effects(self, chosen: Floats, beta: Floats) -> list[RiskRatio]:
        """Compute the ratios, with 95 % intervals, and the chance of each beside the others."""
        if not len(beta):
            return []
        means, centred, inverse = self._state(chosen, beta)
        scores = self._people @ (centred * (self.weight * self.followed - means)[:, None])
        count = scores.shape[0]
        variance = inverse @ (scores.T @ scores) @ inverse * count / max(1, count - 1)
        error = np.sqrt(np.maximum(np.diag(variance), np.diag(inverse)))
        half = float(stdtrit(self.freedom, 0.975)) * error
        found = []
        for place, (b, h) in enumerate(zip(beta.tolist(), half.tolist(), strict=True)):
            others = np.delete(chosen, place, axis=1)
            refitted = self.fit(others, np.delete(beta, place))
            [chance] = self.test(chosen[:, [place]], others, refitted)
            found.append(RiskRatio(np.exp(b), np.exp(b - h), np.exp(b + h), float(chance)))
        return found

    def test(self, columns: Any, chosen: Floats, beta: Floats) -> Floats:
        """Compute the chance of each candidate, were it without effect, beside those chosen.

        Score tests; the variance is the larger of that between customers and the model's.
        """
        means, centred, inverse = self._state(chosen, beta)
        rest = self.weight * self.followed - means
        found = np.ones(columns.shape[1])
        for begin in range(0, columns.shape[1], _BLOCK):
            block = np.asarray(columns[:, begin : begin + _BLOCK], dtype=np.float64)
            block = block - self._centre(block, means)
            if len(beta):
                block = block - centred @ (inverse @ (centred.T @ (block * means[:, None])))
            score = block.T @ rest
            between = np.square(self._people @ (block * rest[:, None])).sum(axis=0)
            modelled = np.square(block).T @ means
            error = np.sqrt(np.maximum(between, modelled))
            some = error > 1e-9
            ratio = np.divide(score, error, out=np.zeros(len(score)), where=some)
            found[begin : begin + _BLOCK] = 2 * stdtr(self.freedom, -np.abs(ratio))
        return found

    def _means(self, chosen: Floats, beta: Floats, extra: Floats | None = None) -> Floats:
        """Compute the expected outcomes of rows; each stratum has as many as it had."""
        risk = self.weight * np.exp(np.clip(chosen @ beta, -30, 30))
        had = self.weight * self.followed + (0 if extra is None else extra)
        level = (self._strata @ had) / np.maximum(self._strata @ risk, 1e-300)
        found: Floats = level[self.stratum] * risk
        return found

    def _centre(self, columns: Floats, means: Floats) -> Floats:
        total = np.maximum(self._strata @ means, 1e-300)
        mean = (self._strata @ (columns * means[:, None])) / total[:, None]
        found: Floats = mean[self.stratum]
        return found

    def _state(self, chosen: Floats, beta: Floats) -> tuple[Floats, Floats, Floats]:
        means = self._means(chosen, beta)
        centred = chosen - self._centre(chosen, means)
        information = centred.T @ (centred * means[:, None])
        inverse = information
        if len(beta):
            inverse = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=np.float64)
        return means, centred, inverse
