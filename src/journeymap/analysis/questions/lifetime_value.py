"""Lifetime value: who still buys, how much more they will buy, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from attrs import Attribute, evolve, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency
from journeymap.analysis.measuring.purchase_days import PurchaseDays, last_day
from journeymap.analysis.measuring.purchase_models import (
    MODELS,
    Fit,
    Floats,
    GammaGamma,
    Histories,
    fit,
)
from journeymap.analysis.measuring.referrals import find_parents, find_referrers
from journeymap.analysis.row_fields import Amount, Count, Field, Mean, N
from journeymap.analysis.table.exact_amounts import SCALE
from journeymap.analysis.table.part import Ints, Part, Scope, require_times
from journeymap.exceptions import ElementError
from journeymap.model import BuyingModel
from journeymap.model.rules import maybe_length, of_type, one_of, positive_duration

__all__ = ["Holdout", "LifetimeValue", "LifetimeValueAnswer", "LifetimeValueRow"]

_DAY = timedelta(days=1)
_WEEK = 7.0
_YEAR_WEEKS = 365.25 / 7
_ExpectedBound: TypeAlias = Annotated[float, Field("bound", of="expected")]
_MIN_REPEATERS = 5
"""Repeat buyers below which no model is fitted: four parameters need more than a few."""


@frozen
class LifetimeValueRow:
    """All customers, or those of a segment.

    Attributes:
        n: How many customers have purchased.
        repeaters: How many of them on more than one day.
        purchases: On how many days they have purchased again, all together.
        alive: The share of customers who are expected to purchase still (None: no model).
        expected: The purchases that are expected of a customer within the horizon.
        low: Lower bound of its 95 % interval, parameters being uncertain.
        high: Upper bound of it.
        spend: The mean amount that is expected of a purchase (None: no model of spend).
        value: What a customer is expected to be worth within the horizon: purchases, spend and
            margin, discounted.
        total: The value of all of them.
    """

    n: N
    repeaters: Count
    purchases: Amount
    alive: Annotated[float, Field("share", of="n")] | None
    expected: Mean | None
    low: _ExpectedBound | None
    high: _ExpectedBound | None
    spend: Mean | None
    value: Mean | None
    total: Amount | None


@frozen
class Holdout:
    """A model that was fitted to the earlier part, beside what the later part brought.

    Attributes:
        weeks: How long the later part is.
        purchases: The purchases of customers of the earlier part on later days.
        expected: The purchases that were expected of them.
        mae: The mean absolute error of a customer's purchases.
        rmse: The root of the mean squared error.
        weekly_error: The mean error of all repeat purchases up to each week of the later part, as
            a share of them (None: there are none).
    """

    weeks: float
    purchases: int
    expected: float
    mae: float
    rmse: float
    weekly_error: float | None


@frozen(eq=False, repr=False)
class LifetimeValueAnswer(Answer[LifetimeValueRow]):
    """One row of all customers; the model, and what it expects of each customer.

    Attributes:
        parameters: The parameters of the model of purchases, of times in weeks (empty: no model).
        intervals: Their 95 % intervals.
        log_likelihood: The greatest likelihood.
        spend_parameters: Those of the model of spend.
        holdout: How well the model predicts what was held out (None: nothing was).
        note: Why there is no model, or what is uncertain about it.
        customer_values: The frame of ``per_customer()``.
        model: The model with its parameters, to be asked of any customer (None: there is none, or
            it is not BG/NBD of a touchpoint).
    """

    Row = LifetimeValueRow
    parameters: dict[str, float] = field(factory=dict, kw_only=True)
    intervals: dict[str, tuple[float, float]] = field(factory=dict, kw_only=True)
    log_likelihood: float | None = field(default=None, kw_only=True)
    spend_parameters: dict[str, float] = field(factory=dict, kw_only=True)
    holdout: Holdout | None = field(default=None, kw_only=True)
    note: str = field(default="", kw_only=True)
    customer_values: pl.DataFrame = field(factory=pl.DataFrame, kw_only=True, repr=False)
    model: BuyingModel | None = field(default=None, kw_only=True)

    def per_customer(self) -> pl.DataFrame:
        """Give what the model expects of each customer.

        Returns:
            A frame: customer, frequency (days with repeat purchases), recency and T (weeks from the
            first purchase to the last, and to the end), alive (a probability), expected (purchases
            within the horizon), spend, value, and referral (the value of the customers whom they
            won by recommending, where the log knows that; of those who have purchased themselves).
        """
        return self.customer_values

    def notes(self) -> list[str]:
        """Write the parameters, and what is uncertain.

        Returns:
            The sentences.
        """
        found = [self.note] if self.note else []
        if self.parameters:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in self.parameters.items())
            found.append(f"{shown} (weeks); log-likelihood {self.log_likelihood:.1f}")
        if self.holdout is not None:
            held = self.holdout
            found.append(
                f"held out: {held.expected:,.0f} purchases expected, {held.purchases:,} made"
            )
        return found


@frozen(eq=False)
class _Measured:
    """Customers who have purchased: days as whole numbers, amounts in ten-thousandths."""

    names: tuple[str, ...]
    columns: tuple[Ints, ...]  # frequency, first day, last day, later days, amount of repeat days
    days: Ints  # the later purchase days of all, up to the end
    first: Ints  # the first days of those customers
    currencies: frozenset[str] = frozenset()
    referrers: tuple[str | None, ...] = ()  # who recommended each, where that is recorded


def _share(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ElementError("LifetimeValue", attribute.name, value, "a number from 0 up is expected")


@frozen
class LifetimeValue:
    """Find what customers will buy and be worth, from what they bought.

    A customer's purchases on one day are one. The model of purchases is BG/NBD (Fader, Hardie and
    Lee 2005) or Pareto/NBD (Schmittlein, Morrison and Colombo 1987), that of spend gamma-gamma
    (Fader and Hardie 2005); parameters are of the greatest likelihood, intervals come of its
    curvature.

    Attributes:
        purchase: The element that is a purchase.
        model: ``bg-nbd`` or ``pareto-nbd``.
        spend: ``gamma-gamma``, or None: the log's amounts are not used.
        horizon: The time within which purchases are expected, from the end of the log on, or of
            what the model is fitted to.
        margin: What of an amount is earned, as a share.
        discount: What of an amount is lost by its coming a year later, as a share.
        holdout: How much of the end of the log is held out: the model is fitted to what is before,
            and judged by what is held out (None: nothing).
        currency: The currency that counts, when the log holds several.
        by: The level of the element.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> orders = [(who, who + day) for who in range(40)
    ...           for day in (0, 9, 12, 40, 55, 80, 120)[: 1 + who * who % 7]]
    >>> log = Log.from_frame({"customer": [str(who) for who, _ in orders],
    ...     "touchpoint": ["order"] * len(orders), "at": [86_400 * day for _, day in orders]},
    ...     Columns(at_unit="s"))
    >>> fit = log.ask(LifetimeValue("order"))
    >>> fit[0].n, fit[0].repeaters, sorted(fit.parameters)
    (40, 34, ['a', 'alpha', 'b', 'r'])
    """

    purchase: str = field(validator=of_type(str))
    model: Literal["bg-nbd", "pareto-nbd"] = field(default="bg-nbd", validator=one_of(*MODELS))
    spend: Literal["gamma-gamma"] | None = field(
        default=None, validator=validators.optional(one_of("gamma-gamma")), kw_only=True
    )
    horizon: timedelta = field(
        default=timedelta(days=365), converter=maybe_length, validator=positive_duration,
        kw_only=True,
    )  # fmt: skip
    margin: float = field(default=1.0, validator=_share, kw_only=True)
    discount: float = field(default=0.0, validator=_share, kw_only=True)
    holdout: timedelta | None = field(
        default=None, converter=maybe_length, validator=validators.optional(positive_duration),
        kw_only=True,
    )  # fmt: skip
    currency: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.holdout is not None and self.holdout < _DAY:
            raise ElementError(
                "LifetimeValue", "holdout", self.holdout, "a day or more is expected"
            )
        if self.discount >= 1:
            message = "a share from 0 to below 1 is expected"
            raise ElementError("LifetimeValue", "discount", self.discount, message)

    def measure(self, part: Part) -> _Measured:
        """Find the days on which each customer purchased, and the amounts."""
        require_times(part.scope, "LifetimeValue")
        paid = self.spend is not None
        days = PurchaseDays.of(part, self.purchase, self.by, self.currency, paid=paid)
        if not len(days.day):
            nothing = np.zeros(0, dtype=np.int64)
            return _Measured((), (nothing,) * 5, nothing, nothing, days.currencies)
        return self._summarise(part, days)

    def _summarise(self, part: Part, days: PurchaseDays) -> _Measured:
        """Sum up the purchase days of each customer, before and after the cut."""
        owner, day, new = days.owner, days.day, days.fresh
        cut = self._cut(part.scope)
        starts = np.flatnonzero(new)
        place = np.cumsum(new) - 1
        first = day[starts]
        known = first <= cut
        early = day <= cut
        repeat = early & ~new
        size = len(starts)
        frequency = np.bincount(place[repeat], minlength=size)
        later = np.bincount(place[~early], minlength=size)
        amount = np.zeros(size, dtype=np.int64)
        np.add.at(amount, place[repeat], days.amount[repeat])
        last = first.copy()
        np.maximum.at(last, place[early], day[early])
        columns = (frequency, first, last, later, amount)
        repeated = ~new & known[place]
        referrers: tuple[str | None, ...] = ()
        if part.records("referred_by"):
            found = find_referrers(part)
            referrers = tuple(found.get(one) for one in owner[starts][known].tolist())
        return _Measured(
            days.names(part, owner[starts][known]),
            tuple(column[known].astype(np.int64) for column in columns),
            day[repeated], first[known], days.currencies, referrers,
        )  # fmt: skip

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers who purchased, or did so again, as the part numbers them."""
        days = PurchaseDays.of(part, self.purchase, self.by, self.currency, paid=False)
        early = days.day <= self._cut(part.scope)
        return days.owner[early & ~days.fresh] if number == "repeaters" else days.owner[early]

    def _cut(self, scope: Scope) -> int:
        """Return the last day to which the model is fitted, as a number."""
        end = last_day(scope)
        return end if self.holdout is None else end - self.holdout // _DAY

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Put the customers of two parts side by side."""
        return _Measured(
            one.names + other.names,
            tuple(np.concatenate(pair) for pair in zip(one.columns, other.columns, strict=True)),
            np.concatenate([one.days, other.days]),
            np.concatenate([one.first, other.first]),
            one.currencies | other.currencies,
            one.referrers + other.referrers,
        )

    def answer(self, measured: _Measured, scope: Scope) -> LifetimeValueAnswer:
        """Fit the model, and ask it of every customer."""
        currency = choose_currency("LifetimeValue", self.currency, measured.currencies)
        given = pl.Series("customer", measured.names, pl.String)
        order = given.arg_sort().to_numpy()
        names = given.gather(pl.Series(order, dtype=pl.UInt32))
        frequency, first, last, later, amount = (column[order] for column in measured.columns)
        seen = _Customers(names, frequency, first, last, later, amount, self._cut(scope))
        cut = "purchases before the view begins are not seen" if scope.since is not None else ""
        found = _Answering(self, seen, measured).answer()
        values = _with_referrals(found.customer_values, measured)
        note = "; ".join(one for one in (found.note, cut) if one)
        model = None
        if self.model == "bg-nbd" and self.by == "touchpoint" and found.parameters:
            model = BuyingModel(
                self.purchase, found.parameters, found.spend_parameters, horizon=self.horizon,
                margin=self.margin, currency=currency, zone=scope.zone,
            )  # fmt: skip
        return evolve(found, note=note, customer_values=values, model=model)


def _with_referrals(values: pl.DataFrame, measured: _Measured) -> pl.DataFrame:
    """Add to each customer the value of those whom they won by recommending."""
    if not measured.referrers:
        return values.with_columns(pl.lit(None, dtype=pl.Float64).alias("referral"))
    parent, _, _ = find_parents(measured.names, measured.referrers, measured.columns[1])
    recommenders = [None if place < 0 else measured.names[place] for place in parent.tolist()]
    links = pl.DataFrame(
        {"won": measured.names, "customer": recommenders},
        schema={"won": pl.String, "customer": pl.String},
    )
    won = links.join(values.select(pl.col("customer").alias("won"), "value"), on="won")
    sums = won.group_by("customer").agg(referral=pl.col("value").sum())
    found = values.join(sums, on="customer", how="left", maintain_order="left")
    known = pl.col("value").is_not_null()
    return found.with_columns(
        pl.when(known).then(pl.col("referral").fill_null(0.0)).alias("referral")
    )


@frozen(eq=False)
class _Customers:
    """The customers in the order of their names, with what is known of each."""

    names: pl.Series
    frequency: Ints
    first: Ints
    last: Ints
    later: Ints
    amount: Ints
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

    def cells(self, *numbers: Ints) -> tuple[Ints, Ints, Ints]:
        """Find distinct combinations: an example of each, how often it is there, and whose."""
        order = np.lexsort(numbers[::-1])
        fresh = np.append(True, np.any([n[order][1:] != n[order][:-1] for n in numbers], axis=0))
        begins = np.flatnonzero(fresh[: len(order)])
        whose = np.empty(len(order), dtype=np.int64)
        whose[order] = np.cumsum(fresh[: len(order)]) - 1
        return order[begins], np.diff(np.append(begins, len(order))), whose


class _Answering:
    """The steps from purchase days to an answer."""

    def __init__(self, question: LifetimeValue, seen: _Customers, measured: _Measured) -> None:
        self._question, self._seen, self._measured = question, seen, measured
        self._model = MODELS[question.model]
        self._weeks = question.horizon / (7 * _DAY)

    def answer(self) -> LifetimeValueAnswer:
        """Fit, and put the answer together."""
        seen = self._seen
        facts: dict[str, Any] = {
            "customer": seen.names, "frequency": seen.frequency, "recency": seen.recency,
            "T": seen.age,
        }  # fmt: skip
        repeaters = int((seen.frequency > 0).sum())
        row: dict[str, Any] = {
            "n": len(seen.names), "repeaters": repeaters, "purchases": float(seen.frequency.sum()),
        }  # fmt: skip
        note = ""
        more: dict[str, Any] = {}
        if not len(seen.names):
            note = "no one has purchased" + (
                " before what is held out" if self._question.holdout else ""
            )
        elif repeaters < _MIN_REPEATERS:
            note = f"{repeaters} customers have purchased again: too few to fit a model"
        else:
            with np.errstate(all="ignore"):  # where a likelihood is nothing, its logarithm is -inf
                note, more = self._ask(row, facts)
        schema = LifetimeValueAnswer.schema()
        rows = [{name: row.get(name) for name in schema}] if row["n"] else []
        facts = {**dict.fromkeys(_OF_CUSTOMERS), **facts}
        return LifetimeValueAnswer(
            pl.DataFrame(rows, schema=schema), note=note,
            customer_values=pl.DataFrame({
                name: pl.Series(name, [None] * row["n"] if cells is None else cells, kind)
                for (name, kind), cells in zip(_OF_CUSTOMERS.items(), facts.values(), strict=True)
            }),
            **more,
        )  # fmt: skip

    def _ask(self, row: dict[str, Any], facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Fit the models and ask them; fill in the row and the columns of customers."""
        seen, model = self._seen, self._model
        spots, count, whose = seen.cells(seen.frequency, seen.last - seen.first, seen.first)
        histories = Histories(
            seen.frequency[spots].astype(float), seen.recency[spots], seen.age[spots],
            count.astype(float),
        )  # fmt: skip
        found = fit(lambda values: model.log_likelihood(values, histories), histories.count,
                    np.array([1.0, max(float(np.mean(seen.age)), 1.0) / 4, 1.0, 1.0]))  # fmt: skip
        alive = model.alive(found.values, histories)
        expected = model.expected(found.values, histories, self._weeks)
        if not (np.isfinite(alive).all() and np.isfinite(expected).all()):
            return "the data do not determine the model of purchases", {}
        total = float(count.sum())

        def mean(values: Floats) -> float:
            numbers = model.expected(values, histories, self._weeks)
            return float(numbers @ histories.count) / total

        row["alive"] = float(alive @ histories.count) / total
        row["expected"] = mean(found.values)
        facts["alive"], facts["expected"] = alive[whose], expected[whose]
        more: dict[str, Any] = {
            "parameters": dict(zip(model.names, found.values.tolist(), strict=True)),
            "log_likelihood": found.log_likelihood,
            "holdout": self._judge(found, histories, whose),
        }
        note = "the data leave a parameter open, so that there are no intervals"
        if found.settled:
            note = ""
            row["low"], row["high"] = found.bounds_of(mean)
            low, high = (bound.tolist() for bound in found.bounds())
            more["intervals"] = dict(
                zip(model.names, zip(low, high, strict=True), strict=True)
            )  # fmt: skip
        spent = self._spend(row, facts, more) if self._question.spend else ""
        if facts.get("spend") is not None:
            worth = self._discounted(found, histories)[whose] * facts["spend"]
            facts["value"] = worth * self._question.margin
            row["value"], row["total"] = float(facts["value"].mean()), float(facts["value"].sum())
        return "; ".join(one for one in (note, spent) if one), more

    def _discounted(self, found: Fit, histories: Histories) -> Floats:
        """Compute the purchases within the horizon, later ones counting less."""
        keep = 1 - self._question.discount
        if keep == 1:
            return self._model.expected(found.values, histories, self._weeks)
        edges = np.linspace(0, self._weeks, _STEPS + 1)
        sums = [np.zeros(len(histories.x))]
        sums += [self._model.expected(found.values, histories, float(t)) for t in edges[1:]]
        middles = (edges[1:] + edges[:-1]) / 2
        weights = keep ** (middles / _YEAR_WEEKS)
        total: Floats = np.diff(np.stack(sums), axis=0).T @ weights
        return total

    def _spend(
        self, row: dict[str, Any], facts: dict[str, Any], more: dict[str, Any]
    ) -> str:  # fmt: skip
        """Fit the model of spend to those whose repeat purchases have amounts above zero."""
        seen, model = self._seen, GammaGamma()
        there = np.flatnonzero((seen.frequency > 0) & (seen.amount > 0))
        if len(there) < _MIN_REPEATERS:
            return f"{len(there)} customers have repeat purchases with amounts: no model of spend"
        x, mean = seen.frequency.astype(float), np.zeros(len(seen.names))
        mean[there] = seen.amount[there] / SCALE / x[there]
        spots, count, _ = seen.cells(seen.frequency[there], seen.amount[there])
        some = there[spots]
        start = np.array([2.0, 2.0, float(np.mean(mean[there]))])
        found = fit(lambda values: model.log_likelihood(values, x[some], mean[some]),
                    count.astype(float), start)  # fmt: skip
        if not found.settled or found.values[1] <= 1:
            return "the amounts do not determine a model of spend"
        more["spend_parameters"] = dict(zip(model.names, found.values.tolist(), strict=True))
        x[mean == 0] = 0  # of amounts that are not known, nothing is
        facts["spend"] = model.expected(found.values, x, mean)
        row["spend"] = float(facts["spend"].mean())
        return ""

    def _judge(self, found: Fit, histories: Histories, whose: Ints) -> Holdout | None:
        """Compare what was held out with what the model expects of it."""
        if self._question.holdout is None:
            return None
        seen, days = self._seen, self._question.holdout // _DAY
        predicted = self._model.expected(found.values, histories, days / _WEEK)[whose]
        errors = predicted - seen.later
        firsts, many = np.unique(self._measured.first, return_counts=True)
        shares = []
        for week in range(1, days // 7 + 1):
            end = seen.cut + 7 * week
            done = int((self._measured.days <= end).sum())
            anew = self._model.expected_anew(found.values, (end - firsts) / _WEEK)
            shares += [abs(float(anew @ many) - done) / done] if done else []
        return Holdout(
            days / _WEEK, int(seen.later.sum()), float(predicted.sum()),
            float(np.abs(errors).mean()), float(np.sqrt((errors**2).mean())),
            float(np.mean(shares)) if shares else None,
        )  # fmt: skip


_STEPS = 12  # parts of the horizon in which purchases are discounted
_OF_CUSTOMERS = {
    "customer": pl.String, "frequency": pl.Int64, "recency": pl.Float64, "T": pl.Float64,
    "alive": pl.Float64, "expected": pl.Float64, "spend": pl.Float64, "value": pl.Float64,
}  # fmt: skip
