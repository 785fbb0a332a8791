"""Models of repeat buying: how often customers buy, whether they still do, and what they spend.

Times are in weeks. ``x`` is the number of days with repeat purchases, ``t_x`` the time from the
first purchase to the last, ``T`` the time from the first to the end. Everything is computed in
logarithms, and hypergeometric functions by Euler's transformation, so that many purchases overflow
nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
from attrs import frozen
from scipy.special import digamma, expit, gammaln, hyp2f1

from journeymap.analysis.measuring.likelihood import Floats

__all__ = [
    "MODELS",
    "BgNbd",
    "Distinct",
    "GammaGamma",
    "Histories",
    "ParetoNbd",
    "PurchaseModel",
    "find_cells",
]

_ALIKE = 100.0  # from where on chances to leave lie so close together that a few points do
_NEAR = 1e-7  # as close to 1 as an exponent may come


def find_cells(*numbers: Any) -> tuple[Any, Any, Any]:
    """Find distinct combinations: an example of each, how often it is there, and whose."""
    order = np.lexsort(numbers[::-1])
    fresh = np.append(True, np.any([n[order][1:] != n[order][:-1] for n in numbers], axis=0))
    begins = np.flatnonzero(fresh[: len(order)])
    whose = np.empty(len(order), dtype=np.int64)
    whose[order] = np.cumsum(fresh[: len(order)]) - 1
    return order[begins], np.diff(np.append(begins, len(order))), whose


@frozen(eq=False)
class Distinct:
    """Distinct numbers, or pairs of numbers, and which of them each history has."""

    x: Floats
    y: Floats
    whose: Any

    @classmethod
    def of(cls, x: Floats, y: Floats) -> Distinct:
        """Find the distinct pairs of numbers."""
        spots, _, whose = find_cells(x, y)
        return cls(x[spots], y[spots], whose)


@frozen(eq=False)
class Histories:
    """Distinct purchase histories, how many customers have each, and their segment, by number.

    What depends on a part of a history alone is computed once for each that is distinct: there are
    far fewer, and functions such as the hypergeometric one are slow.
    """

    x: Floats
    t_x: Floats
    T: Floats
    count: Floats
    segment: Any = None

    @cached_property
    def purchases(self) -> Distinct:
        """The distinct numbers of purchases."""
        return Distinct.of(self.x, np.zeros(len(self.x)))

    @cached_property
    def until_last(self) -> Distinct:
        """The distinct pairs of purchases and the time of the last."""
        return Distinct.of(self.x, self.t_x)

    @cached_property
    def until_end(self) -> Distinct:
        """The distinct pairs of purchases and the time of the end."""
        return Distinct.of(self.x, self.T)

    @cached_property
    def by_segment(self) -> list[tuple[Any, Histories]]:
        """The places and the histories of each segment."""
        found = []
        for segment in range(int(self.segment.max(initial=-1)) + 1):
            rows = np.flatnonzero(self.segment == segment)
            own = Histories(self.x[rows], self.t_x[rows], self.T[rows], self.count[rows])
            found.append((rows, own))
        return found


class PurchaseModel(Protocol):
    """A model of repeat buying, by its parameters; ``segmented``: those that segments multiply."""

    names: tuple[str, ...]
    segmented: tuple[str, ...]

    def leaving(self, values: Floats) -> float:
        """Compute how much customers are given to leaving, on average."""
        ...

    def log_likelihood(self, values: Floats, seen: Histories) -> tuple[Floats, Floats | None]:
        """Compute the log-likelihood of each history, and its gradient (None: not known)."""
        ...

    def alive(self, values: Floats, seen: Histories) -> Floats:
        """Compute the probability that a customer with each history still buys."""
        ...

    def expected(self, values: Floats, seen: Histories, t: float) -> Floats:
        """Compute the purchases of a customer with each history in a time from now on."""
        ...

    def expected_anew(self, values: Floats, t: Floats) -> Floats:
        """Compute the repeat purchases of a new customer in a time after the first."""
        ...


class BgNbd:
    """The beta-geometric / NBD model (Fader, Hardie and Lee 2005, Marketing Science 24)."""

    names: tuple[str, ...] = ("r", "alpha", "a", "b")
    segmented: tuple[str, ...] = ("alpha", "a", "b")

    def leaving(self, values: Floats) -> float:
        """Compute the mean chance to leave at a purchase."""
        _, _, a, b = values
        return float(a / (a + b))

    def log_likelihood(self, values: Floats, seen: Histories) -> tuple[Floats, Floats | None]:
        """Compute the log-likelihood of each history, and its gradient."""
        r, alpha, a, b = values
        x, some, n, whose = seen.x, seen.x > 0, seen.purchases.x, seen.purchases.whose
        last = np.maximum(b + x - 1, 1e-300)
        log_end, log_last = np.log(alpha + seen.T), np.log(alpha + seen.t_x)
        stays = -(r + x) * log_end
        leaves = np.where(some, np.log(a) - np.log(last) - (r + x) * log_last, -np.inf)
        both = np.logaddexp(stays, leaves)
        by_number = (
            gammaln(r + n) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + n) - gammaln(b) - gammaln(a + b + n)
        )  # fmt: skip
        p, q = np.exp(stays - both), np.exp(leaves - both)
        buying = digamma(r + n) - digamma(r) + np.log(alpha)
        whole = digamma(a + b) - digamma(a + b + n)
        staying = whole + digamma(b + n) - digamma(b)
        gradient = np.stack([
            buying[whose] - p * log_end - q * log_last,
            r / alpha - (r + x) * (p / (alpha + seen.T) + q / (alpha + seen.t_x)),
            whole[whose] + q / a,
            staying[whose] - np.where(some, q / last, 0),
        ])  # fmt: skip
        return by_number[whose] + both, gradient

    def alive(self, values: Floats, seen: Histories) -> Floats:
        """Compute the probability that a customer with each history still buys."""
        r, alpha, a, b = values
        x, some = seen.x, seen.x > 0
        odds = (
            np.log(a) - np.log(np.maximum(b + x - 1, 1e-300))
            + (r + x) * (np.log(alpha + seen.T) - np.log(alpha + seen.t_x))
        )  # fmt: skip
        found: Floats = np.where(some, expit(-odds), 1.0)
        return found

    def expected(self, values: Floats, seen: Histories, t: float) -> Floats:
        """Compute the purchases of a customer with each history in a time from now on."""
        r, alpha, a, b = values
        end = seen.until_end
        lasting = _lasting(r + end.x, alpha + end.y, a, b + end.x, np.full(len(end.x), t))
        found: Floats = lasting[end.whose] * self.alive(values, seen)
        return found

    def expected_anew(self, values: Floats, t: Floats) -> Floats:
        """Compute the repeat purchases of a new customer in a time after the first."""
        r, alpha, a, b = values
        nothing = np.zeros(len(t))
        return _lasting(r + nothing, alpha + nothing, a, b + nothing, t)


def _lasting(shape: Floats, scale: Floats, a: float, b: Floats, t: Floats) -> Floats:
    """Compute the purchases in a time of those who still buy.

    ``shape`` and ``scale`` are of the rate, ``a`` and ``b`` of the chance to leave at a purchase.
    """
    if a > _ALIKE:  # all leave with nearly the same chance: its mean, and some points around it
        mean = a / (a + b)
        spread = np.sqrt(mean * (1 - mean) / (a + b + 1))
        points, weights = np.polynomial.hermite_e.hermegauss(9)
        chance = np.clip(mean + spread * points[:, None], 1e-12, 1)
        each = -np.expm1(shape * (np.log(scale) - np.log(scale + chance * t))) / chance
        alike: Floats = weights @ each / weights.sum()
        return alike
    a, whole = _off_one(a), a + b
    whole = np.where(np.abs(whole - 1) < _NEAR, 1 + _NEAR, whole)
    z = t / (scale + t)
    rest = np.exp((a - 1) * np.log1p(-z)) * hyp2f1(whole - 1 - shape, a - 1, whole - 1, z)
    found: Floats = (whole - 1) / (a - 1) * (1 - rest)
    return found


class ParetoNbd:
    """The Pareto / NBD model (Schmittlein, Morrison and Colombo 1987, Management Science 33)."""

    names: tuple[str, ...] = ("r", "alpha", "s", "beta")
    segmented: tuple[str, ...] = ("alpha", "beta")

    def leaving(self, values: Floats) -> float:
        """Compute the mean rate of leaving, a week."""
        _, _, s, beta = values
        return float(s / beta)

    def log_likelihood(self, values: Floats, seen: Histories) -> tuple[Floats, Floats | None]:
        """Compute the log-likelihood of each history; its gradient is not known."""
        r, alpha, s, beta = values
        stays, leaves = self._lives(values, seen)
        n, whose = seen.purchases.x, seen.purchases.whose
        by_number = gammaln(r + n) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        found: Floats = by_number[whose] + np.logaddexp(stays, leaves)
        return found, None

    def alive(self, values: Floats, seen: Histories) -> Floats:
        """Compute the probability that a customer with each history still buys."""
        stays, leaves = self._lives(values, seen)
        found: Floats = expit(stays - leaves)
        return found

    def expected(self, values: Floats, seen: Histories, t: float) -> Floats:
        """Compute the purchases of a customer with each history in a time from now on."""
        r, alpha, s, beta = values
        s = _off_one(s)
        lasting = -np.expm1((s - 1) * np.log1p(-t / (beta + seen.T + t))) / (s - 1)
        rate = (r + seen.x) * (beta + seen.T) / (alpha + seen.T)
        found: Floats = self.alive(values, seen) * rate * lasting
        return found

    def expected_anew(self, values: Floats, t: Floats) -> Floats:
        """Compute the repeat purchases of a new customer in a time after the first."""
        r, alpha, s, beta = values
        s = _off_one(s)
        found: Floats = (
            r * beta / (alpha * (s - 1)) * -np.expm1((s - 1) * np.log(beta / (beta + t)))
        )
        return found

    def _lives(self, values: Floats, seen: Histories) -> tuple[Floats, Floats]:
        """Compute the logarithms of what a customer contributes who stays, and who has left."""
        r, alpha, s, beta = values
        x, last, end = seen.x, seen.until_last, seen.until_end
        stays = (-(r + end.x) * np.log(alpha + end.y) - s * np.log(beta + end.y))[end.whose]
        until = self._leaving(values, last.x, last.y)[last.whose]
        now = self._leaving(values, end.x, end.y)[end.whose]
        with np.errstate(divide="ignore"):
            gone = until + np.log(-np.expm1(np.minimum(now - until, 0)))
        return stays, np.log(s) - np.log(r + s + x) + gone

    def _leaving(self, values: Floats, x: Floats, y: Floats) -> Floats:
        r, alpha, s, beta = values
        if alpha >= beta:
            inner = hyp2f1(1, r + x, r + s + x + 1, (alpha - beta) / (alpha + y))
            found: Floats = np.log(inner) - (r + x) * np.log(alpha + y) - s * np.log(beta + y)
            return found
        inner = hyp2f1(1, s + 1, r + s + x + 1, (beta - alpha) / (beta + y))
        found = np.log(inner) + (1 - r - x) * np.log(alpha + y) - (s + 1) * np.log(beta + y)
        return found


class GammaGamma:
    """The gamma-gamma model of spend (Fader and Hardie 2005; 2013, note 025)."""

    names: tuple[str, ...] = ("p", "q", "v")

    def log_likelihood(
        self, values: Floats, x: Floats, mean: Floats
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Compute the log-likelihood of each mean of so many purchases, and its gradient."""
        p, q, v = values
        log_sum = np.log(x * mean + v)
        found = (
            gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
            + (p * x - 1) * np.log(mean) + p * x * np.log(x) - (p * x + q) * log_sum
        )  # fmt: skip
        gradient = np.stack([
            x * (digamma(p * x + q) - digamma(p * x) + np.log(mean) + np.log(x) - log_sum),
            digamma(p * x + q) - digamma(q) + np.log(v) - log_sum,
            q / v - (p * x + q) / (x * mean + v),
        ])  # fmt: skip
        return found, gradient

    def expected(self, values: Floats, x: Floats, mean: Floats) -> Floats:
        """Compute the mean spend of a customer's next purchases, by the mean of those so far."""
        p, q, v = values
        found: Floats = p * (v + x * mean) / np.maximum(p * x + q - 1, _NEAR)
        return found


MODELS: dict[str, PurchaseModel] = {"bg-nbd": BgNbd(), "pareto-nbd": ParetoNbd()}


def _off_one(value: float) -> float:
    """Move a parameter that is 1, where formulas divide by nothing, aside a little."""
    return value if abs(value - 1) > _NEAR else 1 + _NEAR
