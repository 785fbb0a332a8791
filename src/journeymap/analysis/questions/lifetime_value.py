"""Lifetime value: who still buys, how much more they will buy, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from attrs import Attribute, evolve, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency
from journeymap.analysis.measuring.fitted_purchases import (
    MIN_REPEATERS,
    FittedPurchases,
    FittedSpend,
    Purchasers,
    bound_value,
    choose_segments,
)
from journeymap.analysis.measuring.purchase_days import PurchaseDays, last_day
from journeymap.analysis.measuring.purchase_models import MODELS
from journeymap.analysis.measuring.referrals import Recommended
from journeymap.analysis.row_fields import Amount, Count, Field, Mean, N
from journeymap.analysis.table.exact_amounts import AmountSums
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, require_times
from journeymap.exceptions import ElementError
from journeymap.model import BuyingModel
from journeymap.model.rules import maybe_length, of_type, one_of, positive_duration

__all__ = ["Holdout", "LifetimeValue", "LifetimeValueAnswer", "LifetimeValueRow", "SegmentEffect"]

_DAY = timedelta(days=1)
_MAX_WEEKS = 120  # that repeat purchases are counted up to: of more, every second, third …
_WEEK = 7.0
_ExpectedBound: TypeAlias = Annotated[float, Field("bound", of="expected")]
_AliveBound: TypeAlias = Annotated[float, Field("bound", of="alive")]
_ValueBound: TypeAlias = Annotated[float, Field("bound", of="value")]


@frozen
class LifetimeValueRow:
    """All customers, or those of a segment.

    Attributes:
        n: How many customers have purchased.
        repeaters: How many of them on more than one day.
        purchases: On how many days they have purchased again, all together.
        alive: The share of customers who are expected to purchase still (None: no model).
        alive_low: Lower bound of its 95 % interval, parameters being uncertain.
        alive_high: Upper bound of it.
        expected: The purchases that are expected of a customer within the horizon.
        low: Lower bound of its 95 % interval.
        high: Upper bound of it.
        spend: The mean amount that is expected of a purchase (None: no model of spend).
        value: What a customer is expected to be worth within the horizon: purchases, spend and
            margin, discounted.
        value_low: Lower bound of its 95 % interval.
        value_high: Upper bound of it.
        total: The value of all of them.
    """

    n: N
    repeaters: Count
    purchases: Amount
    alive: Annotated[float, Field("share", of="n")] | None
    alive_low: _AliveBound | None
    alive_high: _AliveBound | None
    expected: Mean | None
    low: _ExpectedBound | None
    high: _ExpectedBound | None
    spend: Mean | None
    value: Mean | None
    value_low: _ValueBound | None
    value_high: _ValueBound | None
    total: Amount | None


@frozen
class SegmentEffect:
    """The customers of a segment beside those of the largest one, in one model.

    Attributes:
        segment: The segment.
        n: How many customers are of it.
        rate: How often they buy while they do, as a multiple of the largest segment's rate.
        rate_low: Lower bound of its 95 % interval (None: the data give none).
        rate_high: Upper bound of it.
        leaving: How much they are given to leaving, as a multiple: of the mean chance to leave at a
            purchase (BG/NBD), or of the mean rate of leaving (Pareto/NBD).
        leaving_low: Lower bound of its 95 % interval.
        leaving_high: Upper bound of it.
    """

    segment: str
    n: int
    rate: float
    rate_low: float | None
    rate_high: float | None
    leaving: float
    leaving_low: float | None
    leaving_high: float | None


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
        intervals: Their 95 % intervals, and those of the model of spend; a bound that the data do
            not give is infinite, or zero.
        log_likelihood: The greatest likelihood.
        spend_parameters: Those of the model of spend.
        holdout: How well the model predicts what was held out (None: nothing was).
        effects: The segments by the covariate, the largest first (empty: there is none).
        weekly: Weeks since the first purchase of all, with the repeat purchases up to each, and
            those that the model expects (empty: no model).
        note: Why there is no model, or what is uncertain about it.
        customer_values: The frame of ``per_customer()``.
        model: The model with its parameters, to be asked of any customer (None: there is none, or
            it is not BG/NBD of a touchpoint, or it has a covariate).
    """

    Row = LifetimeValueRow
    parameters: dict[str, float] = field(factory=dict, kw_only=True)
    intervals: dict[str, tuple[float, float]] = field(factory=dict, kw_only=True)
    log_likelihood: Amount | None = field(default=None, kw_only=True)
    spend_parameters: dict[str, float] = field(factory=dict, kw_only=True)
    holdout: Holdout | None = field(default=None, kw_only=True)
    effects: tuple[SegmentEffect, ...] = field(default=(), kw_only=True)
    weekly: tuple[tuple[int, int, float], ...] = field(default=(), kw_only=True)
    note: str = field(default="", kw_only=True)
    customer_values: pl.DataFrame = field(factory=pl.DataFrame, kw_only=True, repr=False)
    model: BuyingModel | None = field(default=None, kw_only=True)

    def per_customer(self) -> pl.DataFrame:
        """Give what the model expects of each customer.

        Returns:
            A frame: customer, frequency (days with repeat purchases), recency and T (weeks from the
            first purchase to the last, and to the end), segment (by the covariate), alive (a
            probability), expected (purchases within the horizon) with low and high (the 95 %
            interval of what is expected, parameters being uncertain; what comes varies more),
            spend, value, and referral (the value of the customers whom they won by recommending,
            where the log knows that; of those who have purchased themselves).
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
        found += [
            f"{one.segment} beside {self.effects[0].segment}: {one.rate:.2g} times the rate of "
            f"purchases{_write_bounds(one.rate_low, one.rate_high)}, {one.leaving:.2g} times as "
            f"given to leaving{_write_bounds(one.leaving_low, one.leaving_high)}"
            for one in self.effects[1:]
        ]
        if self.holdout is not None:
            held = self.holdout
            found.append(
                f"held out: {held.expected:,.0f} purchases expected, {held.purchases:,} made"
            )
        return found


@frozen(eq=False)
class _Measured:
    """Customers who have purchased: days as whole numbers, and the amounts of repeat days."""

    names: tuple[str, ...]
    columns: tuple[Ints, ...]  # frequency, first day, last day, later days
    amount: AmountSums
    paid: Ints  # on how many repeat days an amount is known
    nothing: Flags  # whether amounts are known, the first day's among them, and brought nothing
    days: Ints  # the later purchase days of all, up to the end
    currencies: frozenset[str] = frozenset()
    recommended: Recommended | None = None  # who recommended whom, where that is recorded
    segments: tuple[str | None, ...] = ()  # the value of the covariate at the first purchase


def _share(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ElementError("LifetimeValue", attribute.name, value, "a number from 0 up is expected")


@frozen
class LifetimeValue:
    """Find what customers will buy and be worth, from what they bought.

    A customer's purchases on one day are one. The model of purchases is BG/NBD (Fader, Hardie and
    Lee 2005) or Pareto/NBD (Schmittlein, Morrison and Colombo 1987), that of spend gamma-gamma
    (Fader and Hardie 2005). Parameters are of the greatest likelihood; intervals are what it leaves
    open (the profile), or, of many thousand distinct histories, what its curvature does.

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
        covariate: A level or column; customers are of the segment that their first purchase is of,
            and segments may differ in how often they buy and how soon they leave, all else being
            of one model (Fader and Hardie 2007). Those with few repeat buyers are taken together.

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
    covariate: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )

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
            none = _Measured((), (nothing,) * 4, days.amount, nothing, nothing.astype(bool),
                             nothing, days.currencies)  # fmt: skip
            return evolve(none, recommended=_recommended(part))
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
        amount = days.amount.select(repeat).sums_by(place[repeat], size)
        paid = np.bincount(place[repeat & days.known], minlength=size)
        whole = days.amount.select(early).sums_by(place[early], size).floats
        empty = (np.bincount(place[early & days.known], minlength=size) > 0) & (whole <= 0)
        last = first.copy()
        np.maximum.at(last, place[early], day[early])
        columns = (frequency, first, last, later)
        repeated = ~new & known[place]
        segments: tuple[str | None, ...] = ()
        if self.covariate is not None:
            of_each = days.first_names(part, self.purchase, self.by, self.covariate)
            segments = tuple(one for one, kept in zip(of_each, known, strict=True) if kept)
        return _Measured(
            days.names(part, owner[starts][known]),
            tuple(column[known].astype(np.int64) for column in columns),
            amount.select(known), paid[known], empty[known], day[repeated], days.currencies,
            _recommended(part), segments,
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
            one.amount.join(other.amount),
            np.concatenate([one.paid, other.paid]),
            np.concatenate([one.nothing, other.nothing]),
            np.concatenate([one.days, other.days]),
            one.currencies | other.currencies,
            one.recommended.merge(other.recommended)
            if one.recommended and other.recommended
            else one.recommended or other.recommended,
            one.segments + other.segments,
        )

    def answer(self, measured: _Measured, scope: Scope) -> LifetimeValueAnswer:
        """Fit the model, and ask it of every customer."""
        return self._answer(measured, scope, brief=False)

    def answer_briefly(self, measured: _Measured, scope: Scope) -> LifetimeValueAnswer:
        """Answer without intervals: for one of many samples of customers.

        Args:
            measured: What was measured.
            scope: The log.

        Returns:
            The answer, without intervals, and without what is judged by a holdout.
        """
        return self._answer(measured, scope, brief=True)

    def _answer(self, measured: _Measured, scope: Scope, *, brief: bool) -> LifetimeValueAnswer:
        currency = choose_currency("LifetimeValue", self.currency, measured.currencies)
        given = pl.Series("customer", measured.names, pl.String)
        order = given.arg_sort().to_numpy()
        names = given.gather(pl.Series(order, dtype=pl.UInt32))
        frequency, first, last, later = (column[order] for column in measured.columns)
        amount = measured.amount.select(order).floats
        given_segments = (
            tuple(measured.segments[place] for place in order) if measured.segments else ()
        )
        chosen = choose_segments(given_segments, frequency)
        seen = Purchasers(
            names, frequency, first, last, later, amount, measured.paid[order],
            measured.nothing[order], chosen.codes, chosen.segments, self._cut(scope),
        )  # fmt: skip
        cut = "purchases before the view begins are not seen" if scope.since is not None else ""
        found = _Answering(self, seen, measured, brief=brief).answer()
        values = _with_referrals(found.customer_values, measured)
        if given_segments:
            values = values.with_columns(segment=pl.Series(chosen.own, dtype=pl.String))
        note = "; ".join(one for one in (found.note, cut, chosen.note) if one)
        model = None
        plain = self.model == "bg-nbd" and self.by == "touchpoint" and self.covariate is None
        if plain and found.parameters:
            model = BuyingModel(
                self.purchase, found.parameters, found.spend_parameters, horizon=self.horizon,
                margin=self.margin, discount=self.discount, currency=currency, zone=scope.zone,
            )  # fmt: skip
        return evolve(found, note=note, customer_values=values, model=model)


def _recommended(part: Part) -> Recommended | None:
    return Recommended.of(part) if part.records("referred_by") else None


def _with_referrals(values: pl.DataFrame, measured: _Measured) -> pl.DataFrame:
    """Add to each customer the value of those whom they won by recommending."""
    if measured.recommended is None:
        return values.with_columns(pl.lit(None, dtype=pl.Float64).alias("referral"))
    links = pl.DataFrame(
        list(measured.recommended.links()), schema={"won": pl.String, "customer": pl.String},
        orient="row",
    )  # fmt: skip
    won = links.join(values.select(pl.col("customer").alias("won"), "value"), on="won")
    sums = won.group_by("customer").agg(referral=pl.col("value").sum())
    found = values.join(sums, on="customer", how="left", maintain_order="left")
    known = pl.col("value").is_not_null()
    return found.with_columns(
        pl.when(known).then(pl.col("referral").fill_null(0.0)).alias("referral")
    )


class _Answering:
    """The steps from purchase days to an answer."""

    def __init__(
        self, question: LifetimeValue, seen: Purchasers, measured: _Measured, *, brief: bool
    ) -> None:
        self._question, self._seen, self._measured = question, seen, measured
        self._brief = brief

    def answer(self) -> LifetimeValueAnswer:
        """Fit, and put the answer together."""
        seen = self._seen
        facts: dict[str, Any] = {
            "customer": seen.names, "frequency": seen.frequency, "recency": seen.recency,
            "T": seen.age, "segment": None if self._question.covariate is None else [
                seen.segments[place] for place in seen.segment.tolist()
            ],
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
        elif repeaters < MIN_REPEATERS:
            note = f"{repeaters} customers have purchased again: too few to fit a model"
        else:
            with np.errstate(all="ignore"):  # where a likelihood is nothing, its logarithm is -inf
                note, more = self._ask(row, facts)
        schema = LifetimeValueAnswer.schema()
        rows = [{name: row.get(name) for name in schema}] if row["n"] else []
        facts = {name: facts.get(name) for name in _OF_CUSTOMERS}
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
        question, seen = self._question, self._seen
        bought = FittedPurchases(seen, MODELS[question.model], question.horizon / (7 * _DAY))
        if not bought.determined:
            return "the data do not determine the model of purchases", {}
        found, names = bought.found, bought.model.names
        row["alive"] = bought.mean_alive(found.values)
        row["expected"] = bought.mean_expected(found.values)
        facts["alive"], facts["expected"] = bought.alive, bought.expected
        more: dict[str, Any] = {
            "parameters": dict(zip(names, found.values.tolist(), strict=True)),
            "log_likelihood": found.log_likelihood,
        }
        if self._brief:
            return self._spend(row, facts, more, bought) if question.spend else "", more
        more |= {
            "holdout": self._judge(bought), "weekly": tuple(self._weekly(bought)),
            "effects": tuple(_effects(bought, seen)),
        }  # fmt: skip
        note = "the data leave a parameter open, so that there are no intervals"
        if found.settled:
            note = ""
            row["low"], row["high"] = _finite(found.bounds_of(bought.mean_expected))
            if row["low"] is None and row["high"] is None:
                note = "the data say too little for an interval of what is expected"
            low, high = found.bounds_of(bought.mean_alive)
            row["alive_low"], row["alive_high"] = low or None, min(high, 1.0)
            facts["low"], facts["high"] = (
                pl.Series(bounds).fill_nan(None) for bounds in bought.bounds_of_each()
            )
            more["intervals"] = dict(zip(names, found.bounds(), strict=True))
        spent = self._spend(row, facts, more, bought) if question.spend else ""
        return "; ".join(one for one in (note, spent) if one), more

    def _spend(
        self, row: dict[str, Any], facts: dict[str, Any], more: dict[str, Any],
        bought: FittedPurchases,
    ) -> str:  # fmt: skip
        """Fit the model of spend, and value customers; return why that cannot be done."""
        spent, question = FittedSpend(self._seen), self._question
        if spent.spend is None:
            return spent.note
        more["spend_parameters"] = spent.parameters
        facts["spend"] = spent.spend
        row["spend"] = float(spent.spend.mean())
        facts["value"] = bought.discounted(question.discount) * spent.spend * question.margin
        row["value"], row["total"] = float(facts["value"].mean()), float(facts["value"].sum())
        if bought.found.settled and not self._brief:
            more["intervals"] |= spent.intervals()
            if row["value"] > 0:
                bounds = bound_value(bought, spent, spent.spend, row["value"])
                row["value_low"], row["value_high"] = _finite(bounds)
        return ""

    def _weekly(self, bought: FittedPurchases) -> Iterator[tuple[int, int, float]]:
        """Give the repeat purchases up to each week, beside what the model expects."""
        seen, days = self._seen, np.sort(self._measured.days)
        begin, held = int(seen.first.min()), self._question.holdout
        weeks = (seen.cut - begin + (held // _DAY if held else 0)) // 7
        shown = {*range(1, weeks + 1, max(1, -(-weeks // _MAX_WEEKS))), weeks} - {0}
        for week in sorted(shown):
            end = begin + 7 * week
            yield week, int(np.searchsorted(days, end, side="right")), bought.expected_by(end)

    def _judge(self, bought: FittedPurchases) -> Holdout | None:
        """Compare what was held out with what the model expects of it."""
        if self._question.holdout is None:
            return None
        seen, days = self._seen, self._question.holdout // _DAY
        predicted = bought.expected_later(days / _WEEK)
        errors = predicted - seen.later
        shares = []
        for week in range(1, days // 7 + 1):
            end = seen.cut + 7 * week
            done = int((self._measured.days <= end).sum())
            shares += [abs(bought.expected_by(end) - done) / done] if done else []
        return Holdout(
            days / _WEEK, int(seen.later.sum()), float(predicted.sum()),
            float(np.abs(errors).mean()), float(np.sqrt((errors**2).mean())),
            float(np.mean(shares)) if shares else None,
        )  # fmt: skip


def _write_bounds(low: float | None, high: float | None) -> str:
    """Write an interval; nothing if it is not known."""
    if low is None and high is None:
        return ""
    if low is None:
        return f" (up to {high:.2g})"
    return f" (from {low:.2g})" if high is None else f" ({low:.2g}–{high:.2g})"


def _finite(bounds: tuple[float, float]) -> tuple[float | None, float | None]:
    """Leave out bounds that the data do not give."""
    low, high = bounds
    return low if low > 0 else None, high if high < math.inf else None


def _effects(bought: FittedPurchases, seen: Purchasers) -> Iterator[SegmentEffect]:
    """Give the effects of the segments, beside the first."""
    model, found = bought.model, bought.found
    for place, name in enumerate(seen.segments):
        if len(seen.segments) == 1:
            return
        rates = partial(model.rate_of, segment=place)
        leavings = partial(model.leaving_of, segment=place)
        rate, leaving = rates(found.values), leavings(found.values)
        rate_bounds: tuple[float | None, float | None] = (None, None) if place else (1.0, 1.0)
        leaving_bounds = rate_bounds
        if place and found.settled:
            rate_bounds = _finite(found.bounds_of(rates))
            leaving_bounds = _finite(found.bounds_of(leavings))
        yield SegmentEffect(name, int((seen.segment == place).sum()),
                            rate, *rate_bounds, leaving, *leaving_bounds)  # fmt: skip


_OF_CUSTOMERS = {
    "customer": pl.String, "frequency": pl.Int64, "recency": pl.Float64, "T": pl.Float64,
    "segment": pl.String, "alive": pl.Float64, "expected": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "spend": pl.Float64, "value": pl.Float64,
}  # fmt: skip
