"""Maximum likelihood: parameters above zero, with intervals by the profile of the likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen
from scipy.optimize import minimize

from journeymap.analysis.measuring.intervals import NORMAL_QUANTILE

__all__ = ["MAX_LOG", "Fit", "bound_number", "fit"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Likelihood: TypeAlias = "Callable[[Floats], tuple[Floats, Floats | None]]"
Loss: TypeAlias = "Callable[[Floats], tuple[float, Floats | None]]"

MAX_LOG = 12.0
"""Parameters lie between exp(-12) and exp(12): beyond, the data do not determine them."""
MAX_PROFILED = 5000
"""Distinct observations up to which intervals are profiled: of more, the curvature is as good."""
_DROP = NORMAL_QUANTILE**2 / 2  # of the log-likelihood, to the bounds of a 95 % interval
_WIDE = 0.6  # a standard error of a logarithm: the data say little
_FAR = (3.0, 6.0, 12.0)  # standard errors within which a bound is looked for
_SAME = 0.01  # of a logarithm
_NEAR = 0.01  # of the log-likelihood, within which a bound is found
_STEP = 1e-4  # of logarithms, in differences


@frozen(eq=False)
class Fit:
    """Parameters by maximum likelihood, and how the likelihood falls around them.

    Attributes:
        values: The parameters.
        log_likelihood: The greatest log-likelihood.
        covariance: The covariance of the logarithms, by the curvature.
        settled: Whether the data determine every parameter; one that they do not lies at a limit.
        loss: Minus the log-likelihood by the logarithms, with its gradient (None: not known).
        profiled: Whether there are few enough observations for intervals by the profile.
    """

    values: Floats
    log_likelihood: float
    covariance: Floats
    settled: bool
    loss: Loss
    profiled: bool

    def bounds(self) -> list[tuple[float, float]]:
        """Compute 95 % intervals of the parameters; one may lie at infinity, or at nothing."""
        return [self.bounds_of(lambda values, place=place: float(values[place]))  # type: ignore[misc]
                for place in range(len(self.values))]  # fmt: skip

    def bounds_of(self, number: Callable[[Floats], float]) -> tuple[float, float]:
        """Compute the 95 % interval of a positive number that depends on the parameters."""
        return bound_number([self], lambda values: number(values[0]))

    def spread(self, numbers: Callable[[Floats], Floats]) -> Floats:
        """Compute the standard errors of the logarithms of numbers, by the curvature."""
        slopes = np.stack([
            (np.log(up) - np.log(down)) / (2 * _STEP)
            for up, down in _moved(numbers, np.log(self.values))
        ])  # fmt: skip
        found: Floats = np.sqrt(np.einsum("in,ij,jn->n", slopes, self.covariance, slopes))
        return found


def _moved(number: Callable[[Floats], Any], logs: Floats) -> list[tuple[Any, Any]]:
    """Give a number with each parameter a little greater, and a little less."""
    found = []
    for place in range(len(logs)):
        ends = []
        for step in (_STEP, -_STEP):
            moved = logs.copy()
            moved[place] += step
            ends.append(number(np.exp(moved)))
        found.append((ends[0], ends[1]))
    return found


def bound_number(
    fits: Sequence[Fit], number: Callable[[list[Floats]], float]
) -> tuple[float, float]:
    """Compute the 95 % interval of a positive number that depends on fits of separate data.

    It is the range of the number among parameters whose likelihood is not too low: the profile of
    the likelihood. Of many observations, or where that does not settle, the curvature is used.

    Args:
        fits: The fits.
        number: The number by their parameters.
    """
    sizes = np.cumsum([len(fit.values) for fit in fits])[:-1]
    best = np.log(np.concatenate([fit.values for fit in fits]))

    def of(values: Floats) -> float:
        return math.log(number(np.split(values, sizes)))

    slopes = np.array([(up - down) / (2 * _STEP) for up, down in _moved(of, best)])
    covariance = np.zeros((len(best), len(best)))
    place = 0
    for one in fits:
        end = place + len(one.values)
        covariance[place:end, place:end] = one.covariance
        place = end
    half = float(np.sqrt(slopes @ covariance @ slopes))
    middle = of(np.exp(best))
    found = []
    for sign in (-1.0, 1.0):
        bound: float | None = None
        if half > 0 and all(one.profiled for one in fits):
            away = sign * NORMAL_QUANTILE * (covariance @ slopes) / half
            bound = _profile(fits, best, covariance, away, of, sign)
        found.append(middle + sign * NORMAL_QUANTILE * half if bound is None else bound)
    low, high = found
    # So far away, the data say nothing.
    return (
        math.exp(low) if middle - low < MAX_LOG else 0.0,
        math.exp(high) if high - middle < MAX_LOG else math.inf,
    )


def _profile(
    fits: Sequence[Fit], best: Floats, covariance: Floats, away: Floats,
    of: Callable[[Floats], float], sign: float,
) -> float | None:  # fmt: skip
    """Find how far a logarithm goes within the region of the likelihood (None: not settled)."""
    sizes = np.cumsum([len(fit.values) for fit in fits])[:-1]
    top = [fit.loss(logs)[0] for fit, logs in zip(fits, np.split(best, sizes), strict=True)]

    def room(logs: Floats) -> float:
        parts = zip(fits, np.split(logs, sizes), top, strict=True)
        return _DROP - sum(fit.loss(own)[0] - lowest for fit, own, lowest in parts)

    def room_slopes(logs: Floats) -> Floats:
        found = []
        for fit, own in zip(fits, np.split(logs, sizes), strict=True):
            gradient = fit.loss(own)[1]
            if gradient is None:
                ends = _moved(lambda values, fit=fit: fit.loss(np.log(values))[0], own)  # type: ignore[misc]
                gradient = np.array([(up - down) / (2 * _STEP) for up, down in ends])
            found.append(-gradient)
        return np.concatenate(found)

    def slopes(logs: Floats) -> Floats:
        return np.array([-sign * (up - down) / (2 * _STEP) for up, down in _moved(of, logs)])

    # Along the axes of the curvature, the region is nearly a ball.
    axes = np.linalg.cholesky(covariance)

    def at(steps: Floats) -> Floats:
        return np.clip(best + axes @ steps, -MAX_LOG, MAX_LOG)

    number: float | None = None
    for far in _FAR:
        try:
            found = minimize(
                lambda steps: -sign * of(np.exp(at(steps))), np.linalg.solve(axes, away),
                jac=lambda steps: slopes(at(steps)) @ axes, method="SLSQP",
                bounds=[(-far, far)] * len(best),
                constraints=[{"type": "ineq", "fun": lambda steps: room(at(steps)),
                              "jac": lambda steps: room_slopes(at(steps)) @ axes}],
                options={"maxiter": 25, "ftol": 1e-6},
            )  # fmt: skip
        except ValueError:  # a logarithm of nothing: beyond what the formulas bear
            return None
        logs = at(found.x)
        limit = _DROP if found.success else _NEAR
        if not np.isfinite(logs).all() or not -_NEAR < room(logs) < limit:
            return None
        before, number = number, of(np.exp(logs))
        if (np.abs(found.x) < far - 0.01).all():
            return number
        if before is not None and abs(number - before) < _SAME:
            return number  # a parameter goes on without end, and the number no longer follows it
    return sign * math.inf


def fit(likelihood: Likelihood, count: Floats, start: Floats) -> Fit:
    """Find the parameters of the greatest likelihood, all above zero.

    Args:
        likelihood: The log-likelihood of each observation by the parameters, with its gradient.
        count: How often each was made.
        start: Where to begin.

    Returns:
        The fit.
    """
    total = float(count.sum())

    def loss(logs: Floats) -> tuple[float, Floats | None]:
        values = np.exp(logs)
        found, gradient = likelihood(values)
        worth = -float(found @ count)
        if not np.isfinite(worth):
            worth = 1e10 * total
        return worth, None if gradient is None else -(gradient @ count) * values

    def mean_loss(logs: Floats) -> Any:
        worth, gradient = loss(logs)
        return worth / total if gradient is None else (worth / total, gradient / total)

    exact = likelihood(start)[1] is not None
    bounds = [(-MAX_LOG, MAX_LOG)] * len(start)
    best = minimize(mean_loss, np.log(start), jac=exact, method="L-BFGS-B", bounds=bounds,
                    options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9})  # fmt: skip
    logs: Floats = best.x
    covariance = _covariance(lambda at: loss(at)[0], logs)
    settled = bool((np.abs(logs) < MAX_LOG - 0.5).all() and np.isfinite(covariance).all())
    # Without a gradient, a profile along a ridge costs minutes.
    short = settled and (exact or bool((np.diag(covariance) < _WIDE**2).all()))
    return Fit(np.exp(logs), -float(best.fun) * total, covariance, settled, loss,
               short and len(count) <= MAX_PROFILED)  # fmt: skip


def _covariance(loss: Callable[[Floats], float], logs: Floats) -> Floats:
    """Compute the covariance from the curvature of the likelihood; NaN where it is flat."""
    size = len(logs)
    curves = np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            bend = 0.0
            for one in (-_STEP, _STEP):
                for other in (-_STEP, _STEP):
                    moved = logs.copy()
                    moved[i] += one
                    moved[j] += other
                    bend += np.sign(one * other) * loss(moved)
            curves[i, j] = curves[j, i] = bend / (4 * _STEP * _STEP)
    try:
        found: Any = np.linalg.inv(curves)
    except np.linalg.LinAlgError:
        return np.full((size, size), np.nan)
    certain = bool((np.linalg.eigvalsh(curves) > 0).all())
    covariance: Floats = found if certain else np.full((size, size), np.nan)
    return covariance
