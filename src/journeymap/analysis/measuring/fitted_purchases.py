"""Fitted purchases: a model of repeat buying, fitted to customers and asked about them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.analysis.measuring.intervals import NORMAL_QUANTILE
from journeymap.analysis.measuring.likelihood import MAX_LOG, Fit, Floats, bound_number, fit
from journeymap.analysis.measuring.purchase_models import (
    GammaGamma,
    Histories,
    PurchaseModel,
    find_cells,
)
from journeymap.analysis.measuring.segmented_purchases import SegmentedModel
from journeymap.analysis.table.part import Flags, Ints
from journeymap.model.buying import YEAR_WEEKS, discount_edges

__all__ = [
    "MIN_REPEATERS",
    "FittedPurchases",
    "FittedSpend",
    "Purchasers",
    "bound_value",
    "choose_segments",
]

MIN_REPEATERS = 5
"""Repeat buyers below which no model is fitted: four parameters need more than a few."""
MAX_SEGMENTS = 12
_OTHERS, _NONE = "(others)", "(none)"
_WEEK = 7.0
_MANY = 20_000  # distinct histories from where on some of them say where to begin


@frozen(eq=False)
class Purchasers:
    """The customers in the order of their names, with what is known of each.

    Days are numbers; ``amount`` is what repeat purchases brought, ``paid`` on how many days of them
    it is known, ``nothing`` whether all that is known brought nothing, and ``segment`` a place in
    ``segments``.
    """

    names: pl.Series
    frequency: Ints
    first: Ints
    last: Ints
    later: Ints
    amount: Floats
    paid: Ints
    nothing: Flags
    segment: Ints
    segments: tuple[str, ...]
    cut: int

    @property
    def recency(self) -> Floats:
        """Weeks from the first purchase to the last."""
        found: Floats = (self.last - self.first) / _WEEK
        return found

    @property
    def age(self) -> Floats:
        """Weeks from the first purchase to the end."""
        found: Floats = (self.cut - self.first) / _WEEK
        return found


@frozen(eq=False)
class ChosenSegments:
    """The segments that a model distinguishes.

    Attributes:
        segments: Their names, the largest first.
        codes: The place of each customer's among them.
        own: The name of each customer's own segment.
        note: Which are too small for the model, and with which they are counted ("": none is).
    """

    segments: tuple[str, ...]
    codes: Ints
    own: tuple[str, ...] = ()
    note: str = ""


def choose_segments(values: tuple[str | None, ...], frequency: Ints) -> ChosenSegments:
    """Choose the segments that a model distinguishes: the largest first, small ones together.

    Args:
        values: The value of each customer.
        frequency: Their repeat purchases.

    Returns:
        The segments.
    """
    if not values:
        return ChosenSegments(("",), np.zeros(len(frequency), dtype=np.int64))
    met = {value for value in values if value is not None}
    none, others = _free(_NONE, met), _free(_OTHERS, met)
    own = tuple(none if value is None else value for value in values)
    repeated = [name for name, count in zip(own, frequency.tolist(), strict=True) if count]
    many, repeaters = Counter(own), Counter(repeated)
    large = [name for name in many if repeaters[name] >= MIN_REPEATERS]
    kept = sorted(large, key=lambda name: (-many[name], name))[:MAX_SEGMENTS]
    small = sorted(set(many) - set(kept))
    rest, note = 0, ""
    if small:
        together = sum(repeaters[name] for name in small) >= MIN_REPEATERS or not kept
        rest, kept = (len(kept), [*kept, others]) if together else (0, kept)
        words = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        note = f"too few repeat buyers of their own in {words}: counted with {kept[rest]}"
    places = {name: place for place, name in enumerate(kept)}
    codes = np.array([places.get(name, rest) for name in own], dtype=np.int64)
    return ChosenSegments(tuple(kept), codes, own, note)


def _free(name: str, taken: set[str]) -> str:
    """Find a name that no segment has."""
    while name in taken:
        name += "′"
    return name


class FittedPurchases:
    """A model fitted to customers' purchases, and what it expects within a time."""

    def __init__(self, seen: Purchasers, model: PurchaseModel, weeks: float) -> None:
        """Fit the model.

        Args:
            seen: The customers.
            model: The model.
            weeks: The time within which purchases are expected.
        """
        self._seen, self._weeks = seen, weeks
        self.model = SegmentedModel(model, seen.segments)
        days = seen.last - seen.first
        spots, count, self._whose = find_cells(seen.frequency, days, seen.first, seen.segment)
        self.histories = Histories(
            seen.frequency[spots].astype(float), seen.recency[spots], seen.age[spots],
            count.astype(float), seen.segment[spots],
        )  # fmt: skip
        self.found = self._fit()
        self._alive = self.model.alive(self.found.values, self.histories)
        self._expected = self.model.expected(self.found.values, self.histories, weeks)

    def _fit(self) -> Fit:
        start, seen = self.model.start(float(np.mean(self._seen.age))), self.histories
        if len(seen.x) > _MANY:
            every = slice(None, None, len(seen.x) // (_MANY // 4))
            some = Histories(seen.x[every], seen.t_x[every], seen.T[every], seen.count[every],
                             seen.segment[every])  # fmt: skip
            near = fit(lambda values: self.model.log_likelihood(values, some), some.count, start)
            start = near.values if near.settled else start
        return fit(lambda values: self.model.log_likelihood(values, seen), seen.count, start)

    @property
    def determined(self) -> bool:
        """True if the data determine what the model expects."""
        return bool(np.isfinite(self._alive).all() and np.isfinite(self._expected).all())

    @property
    def alive(self) -> Floats:
        """The probability that each customer still buys."""
        found: Floats = self._alive[self._whose]
        return found

    @property
    def expected(self) -> Floats:
        """The purchases of each customer within the time."""
        found: Floats = self._expected[self._whose]
        return found

    def bounds_of_each(self) -> tuple[Floats, Floats]:
        """Compute the 95 % intervals of the purchases that are expected of each customer.

        A bound that the data do not give is NaN.
        """

        def asked(values: Floats) -> Floats:
            expected = self.model.expected(values, self.histories, self._weeks)
            return np.maximum(expected, 1e-300)  # of who has left for sure, no logarithm

        half = NORMAL_QUANTILE * self.found.spread(asked)
        ratio = np.where(half < MAX_LOG, np.exp(np.minimum(half, MAX_LOG)), np.nan)[self._whose]
        return self.expected / ratio, self.expected * ratio

    def mean_alive(self, values: Floats) -> float:
        """Compute the share of customers who still buy, by parameters."""
        numbers = self.model.alive(values, self.histories)
        return float(numbers @ self.histories.count / self.histories.count.sum())

    def mean_expected(self, values: Floats, weights: Floats | None = None) -> float:
        """Compute the mean purchases within the time by parameters; ``weights``: of histories."""
        numbers = self.model.expected(values, self.histories, self._weeks)
        weights = self.histories.count if weights is None else weights
        return float(numbers @ weights / weights.sum())

    def sum_up(self, numbers: Floats) -> Any:
        """Sum numbers of customers for each distinct history."""
        found: Any = np.bincount(self._whose, weights=numbers, minlength=len(self._alive))
        return found

    def discounted(self, discount: float) -> Floats:
        """Compute each customer's purchases within the time, later ones counting less.

        Args:
            discount: How much less those count that are made a year later, as a share.
        """
        if not discount:
            return self.expected
        edges = np.array(discount_edges(self._weeks))
        sums = [np.zeros(len(self._alive))]
        sums += [self.model.expected(self.found.values, self.histories, float(t))
                 for t in edges[1:]]  # fmt: skip
        weights = (1 - discount) ** ((edges[1:] + edges[:-1]) / 2 / YEAR_WEEKS)
        total: Floats = np.diff(np.stack(sums), axis=0).T @ weights
        found: Floats = total[self._whose]
        return found

    def expected_later(self, weeks: float) -> Floats:
        """Compute the purchases of each customer within another time."""
        each = self.model.expected(self.found.values, self.histories, weeks)
        found: Floats = each[self._whose]
        return found

    def expected_by(self, end: int) -> float:
        """Compute the repeat purchases of all customers up to a day, from their first on."""
        total, seen = 0.0, self._seen
        for segment in range(len(seen.segments)):
            firsts, many = np.unique(seen.first[seen.segment == segment], return_counts=True)
            values = self.model.values_of(self.found.values, segment)
            begun = firsts < end
            anew = self.model.model.expected_anew(values, (end - firsts[begun]) / _WEEK)
            total += float(anew @ many[begun])
        return total


class FittedSpend:
    """The gamma-gamma model fitted to those whose repeat purchases have amounts above zero.

    Amounts are measured by their mean, so that the unit of the currency does not matter.
    """

    def __init__(self, seen: Purchasers) -> None:
        """Fit the model, if there are enough customers: see ``note``."""
        self.note, self.model = "", GammaGamma()
        self.spend: Floats | None = None
        self._unit = 1.0
        there = np.flatnonzero((seen.paid > 0) & (seen.amount > 0))
        if len(there) < MIN_REPEATERS:
            self.note = (
                f"{len(there)} customers have repeat purchases with amounts: no model of spend"
            )
            return
        x, mean = seen.paid.astype(float), np.zeros(len(seen.names))
        mean[there] = seen.amount[there] / x[there]
        self._unit = float(np.mean(mean[there]))
        mean /= self._unit
        spots, count, _ = find_cells(seen.paid[there], seen.amount[there])
        some = there[spots]
        start = np.array([2.0, 2.0, 1.0])
        self.found = fit(lambda values: self.model.log_likelihood(values, x[some], mean[some]),
                         count.astype(float), start)  # fmt: skip
        if not self.found.settled or self.found.values[1] <= 1:
            self.note = "the amounts do not determine a model of spend"
            return
        self._x, self._mean, self._nothing = x, mean, seen.nothing
        self.spend = self._expected(self.found.values) * self._unit

    def _expected(self, values: Floats) -> Floats:
        """Compute the spend of each customer; whose amounts are known and brought nothing, none."""
        found = self.model.expected(values, self._x, self._mean)
        return np.where(self._nothing, 0.0, found)

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name; v in the unit of the amounts."""
        return dict(zip(self.model.names, (self.found.values * self._units).tolist(), strict=True))

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Compute the 95 % intervals of the parameters, by name."""
        return {
            name: (low * unit, high * unit)
            for name, (low, high), unit in zip(
                self.model.names, self.found.bounds(), self._units.tolist(), strict=True
            )
        }

    @property
    def _units(self) -> Floats:
        return np.array([1.0, 1.0, self._unit])

    def mean_spend(self, values: Floats, weights: Floats) -> float:
        """Compute the mean spend by parameters, in their unit; ``weights``: of customers."""
        if values[1] <= 1:
            return np.inf  # there is no mean
        return float(self._expected(values) @ weights / weights.sum())


def bound_value(
    bought: FittedPurchases, spent: FittedSpend, spend: Floats, value: float
) -> tuple[float, float]:
    """Compute the 95 % interval of the mean value, both models being uncertain.

    Args:
        bought: The model of purchases.
        spent: The model of spend.
        spend: The spend that it expects of each customer.
        value: The mean value.
    """
    weights, each = bought.sum_up(spend), bought.expected
    alike = bought.mean_expected(bought.found.values, weights) * spent.mean_spend(
        spent.found.values, each
    )

    def number(values: list[Floats]) -> float:
        purchases = bought.mean_expected(values[0], weights)
        return value * purchases * spent.mean_spend(values[1], each) / alike

    return bound_number([bought.found, spent.found], number)
