"""The model of repeat buying with its parameters: learned from a log, asked of any customer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from attrs import field, frozen

from journeymap.exceptions import ElementError, StateError
from journeymap.model.local_times import is_zone

__all__ = ["YEAR_WEEKS", "BuyingModel", "Worth", "discount_edges"]

_STEPS, _MOST_STEPS = 12, 240  # in which purchases are discounted: of a year, and in all
YEAR_WEEKS = 365.25 / 7

_ALIKE = 1e3  # of ``a`` above it, all leave with nearly the same chance
_SMALL = 0.05  # of the third parameter of the series, below which it nears a pole
_MOST_TERMS = 1_000_000
_NAMES, _SPEND = ("r", "alpha", "a", "b"), ("p", "q", "v")


def discount_edges(weeks: float) -> list[float]:
    """List the edges of the parts of a horizon in which purchases are discounted, in weeks.

    Args:
        weeks: The horizon.

    Returns:
        From 0 to the horizon: twelfths of it, or months where it is longer than a year.
    """
    steps = min(_MOST_STEPS, max(_STEPS, math.ceil(_STEPS * weeks / YEAR_WEEKS)))
    return [weeks * place / steps for place in range(steps + 1)]


@frozen
class Worth:
    """The expectations of a customer, from what they bought.

    Attributes:
        alive: The probability that they still buy.
        expected: The purchases within the horizon.
        spend: The expected amount of one (None: there is no model of spend).
        value: Their product with the margin.
    """

    alive: float
    expected: float
    spend: float | None
    value: float | None


@frozen
class BuyingModel:
    """BG/NBD with its parameters, and gamma-gamma for spend (see `LifetimeValue`).

    Attributes:
        purchase: The touchpoint that is a purchase.
        parameters: Those of BG/NBD: r, alpha, a and b, of time in weeks.
        spend: Those of gamma-gamma: p, q and v (empty: there is no model of spend).
        horizon: The time within which purchases are expected.
        margin: What of an amount is earned, as a share.
        discount: What of an amount is lost by its coming a year later, as a share.
        currency: The currency of spend (None: the customer's only one).
        zone: The zone of days: purchases on one day are one.

    Raises:
        ElementError: A parameter is missing, or not above zero.
        StateError: A text is no such model.

    >>> fitted = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    >>> model = BuyingModel("order", fitted, horizon=timedelta(weeks=39))
    >>> days = [date(2026, 1, 1), date(2026, 1, 12), date(2026, 7, 31)]
    >>> found = model.worth_of(days, today=date(2026, 9, 29))
    >>> round(found.alive, 2), round(found.expected, 2)
    (0.72, 1.23)
    """

    purchase: str
    parameters: Mapping[str, float] = field()
    spend: Mapping[str, float] = field(factory=dict)
    horizon: timedelta = field(default=timedelta(days=365), kw_only=True)
    margin: float = field(default=1.0, kw_only=True)
    discount: float = field(default=0.0, kw_only=True)
    currency: str | None = field(default=None, kw_only=True)
    zone: str = field(default="UTC", kw_only=True)

    @parameters.validator
    def _check_parameters(self, attribute: Any, value: Mapping[str, float]) -> None:
        _check(value, _NAMES, "parameters")

    @spend.validator
    def _check_spend(self, attribute: Any, value: Mapping[str, float]) -> None:
        if value:
            _check(value, _SPEND, "spend")

    @discount.validator
    def _check_discount(self, attribute: Any, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            message = "a share from 0 to 1 is expected"
            raise ElementError("BuyingModel", "discount", value, message)

    def worth_of(
        self, days: Sequence[date], *, today: date, amounts: Sequence[float] = (),
        first: float | None = None,
    ) -> Worth | None:  # fmt: skip
        """Compute what is expected of a customer from a day on.

        Args:
            days: The days on which they purchased; a day counts once.
            today: The day.
            amounts: What they paid on each of the days after the first of which that is known, in
                order.
            first: What they paid on the first day (None: not known).

        Returns:
            What is expected; None of who has not purchased by then.
        """
        known = sorted({day for day in days if day <= today})
        if not known:
            return None
        x = len(known) - 1
        recency, age = ((one - known[0]).days / 7 for one in (known[-1], today))
        alive = self._alive(x, recency, age)
        weeks = self.horizon / timedelta(weeks=1)
        expected = alive * self._lasting(x, age, weeks)
        spend = self._spend(x, list(amounts), first) if self.spend else None
        value = None
        if spend is not None:
            counted = alive * self._discounted(x, age, weeks) if self.discount else expected
            value = counted * spend * self.margin
        return Worth(alive, expected, spend, value)

    def _alive(self, x: int, recency: float, age: float) -> float:
        r, alpha, a, b = (self.parameters[name] for name in _NAMES)
        if not x:
            return 1.0
        last = max(b + x - 1, 1e-300)
        odds = math.log(a / last) + (r + x) * math.log((alpha + age) / (alpha + recency))
        return 1 / (1 + math.exp(odds)) if odds < 700 else 0.0

    def _discounted(self, x: int, age: float, weeks: float) -> float:
        """Compute the purchases of who still buys, later ones counting less."""
        edges = discount_edges(weeks)
        sums = [0.0, *(self._lasting(x, age, end) for end in edges[1:])]
        return math.fsum(
            (sums[place + 1] - sums[place])
            * (1 - self.discount) ** ((edges[place] + edges[place + 1]) / 2 / YEAR_WEEKS)
            for place in range(len(edges) - 1)
        )

    def _lasting(self, x: int, age: float, t: float) -> float:
        """Compute the purchases of who still buys (equation 10 of Fader, Hardie and Lee 2005)."""
        r, alpha, a, b = (self.parameters[name] for name in _NAMES)
        shape, scale = r + x, alpha + age
        b += x
        if a > _ALIKE:
            chance = a / (a + b)
            return -math.expm1(-shape * math.log1p(chance * t / scale)) / chance
        if abs(a - 1) < 1e-6:
            a = 1 + 1e-6
        c, z = a + b - 1, t / (scale + t)
        if c < _SMALL:
            return (c - _times_series(shape, b, c, z)) / (a - 1)
        rest = math.exp(_log_series(shape, b, c, z))
        return c / (a - 1) * (1 - rest)

    def _spend(self, x: int, amounts: list[float], first: float | None) -> float:
        p, q, v = (self.spend[name] for name in _SPEND)
        count = min(x, len(amounts))
        total = sum(amounts[:count])
        if (count or first is not None) and total + (first or 0) <= 0:
            return 0.0  # what is known of them brought nothing
        return p * (v + max(total, 0.0)) / max(p * count + q - 1, 1e-9)

    def to_json(self) -> str:
        """Write the model as one line of JSON.

        Returns:
            The text.
        """
        return json.dumps({
            "purchase": self.purchase, "parameters": dict(self.parameters),
            "spend": dict(self.spend), "horizon": self.horizon.total_seconds(),
            "margin": self.margin, "discount": self.discount, "currency": self.currency,
            "zone": self.zone,
        })  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> BuyingModel:
        """Read a model.

        Args:
            text: What ``to_json`` wrote.

        Returns:
            The model.

        Raises:
            StateError: The text is no such model.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if not is_zone(data["zone"]):
                raise ValueError("an unknown zone")
            return cls(
                str(data["purchase"]), data["parameters"], data["spend"],
                horizon=timedelta(seconds=data["horizon"]), margin=float(data["margin"]),
                discount=float(data.get("discount", 0.0)), currency=data["currency"],
                zone=data["zone"],
            )  # fmt: skip
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, ElementError):
            raise StateError("this is not a model of repeat buying") from None


def _check(values: Mapping[str, float], names: tuple[str, ...], field_: str) -> None:
    for name in names:
        value: Any = values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e300:
            message = f"{name!r} is expected, above zero"
            raise ElementError("BuyingModel", field_, value, message)


def _times_series(shape: float, b: float, c: float, z: float) -> float:
    """Compute c times (1 − z)^shape times the series 2F1(shape, b; c; z), for c above −1.

    From the series with c + 1 and c + 2, by Gauss's relation (DLMF 15.5.18): the series itself has
    a pole at 0, but its product with c has none.
    """
    one, two = (math.exp(_log_series(shape, b, c + more, z)) for more in (1, 2))
    above = (c + 1) * (c - (2 * (c + 1) - shape - b - 1) * z) * one
    above += (c + 1 - shape) * (c + 1 - b) * z * two
    return above / ((c + 1) * (1 - z))


def _log_series(shape: float, b: float, c: float, z: float) -> float:
    """Compute the logarithm of (1 − z)^shape times Gauss's series 2F1(shape, b; c; z).

    All terms are above zero; each is kept as a logarithm, so that none is too large or too small.
    """
    term = total = shape * math.log1p(-z)
    for n in range(_MOST_TERMS):
        ratio = (shape + n) * (b + n) / ((c + n) * (n + 1)) * z
        term += math.log(ratio)
        high, low = max(total, term), min(total, term)
        total = high + math.log1p(math.exp(low - high))
        if ratio < 1 and term - math.log1p(-ratio) < total - 34:
            break
    return total
