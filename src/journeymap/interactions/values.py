"""The values an interaction carries: scores with their scale, money with its currency."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import field, frozen

from journeymap.exceptions import ElementError, InteractionError, UnknownName
from journeymap.model.rules import finite, identifier, repeated_name, to_number
from journeymap.model.scores import SCORE_KINDS, show_number

__all__ = ["HIDDEN", "SCALES", "Identity", "Money", "Score", "name_of", "read_amount"]

SCALES: dict[str, tuple[float, float]] = {
    name: (kind.low, kind.high) for name, kind in SCORE_KINDS.items()
}
"""The usual scale of each kind of score: lowest and highest answer."""


class _Hidden:
    """Stands where a personal value is not shown."""

    def __repr__(self) -> str:
        return "(hidden)"


HIDDEN = _Hidden()
"""What is shown in place of a personal value."""


@frozen
class Score:
    """An answer to a survey question, with the scale it was asked on.

    Attributes:
        kind: ``nps``, ``csat``, ``ces``, or another kind that is given its scale.
        value: The answer.
        low: The lowest answer of the scale (left out: the usual one of the kind).
        high: The highest answer of the scale (left out: the usual one of the kind).

    Raises:
        UnknownName: The kind has no usual scale, and none is given.
        InteractionError: The answer lies outside the scale.

    >>> Score("nps", 9)
    Score(kind='nps', value=9.0, low=0.0, high=10.0)
    """

    kind: str = field(validator=repeated_name)
    value: float = field(converter=to_number, validator=finite)
    low: float = field(converter=to_number, validator=finite)
    high: float = field(converter=to_number, validator=finite)

    @low.default
    def _usual_low(self) -> float:
        return _usual_scale(self.kind)[0]

    @high.default
    def _usual_high(self) -> float:
        return _usual_scale(self.kind)[1]

    def __attrs_post_init__(self) -> None:
        if not self.low < self.high:
            raise InteractionError("Score", "high", self.high, "must lie above 'low'")
        if not self.low <= self.value <= self.high:
            message = (
                f"{self.kind} lies between {show_number(self.low)} and {show_number(self.high)}"
            )
            raise InteractionError("Score", "value", self.value, message)


def _usual_scale(kind: str) -> tuple[float, float]:
    if kind not in SCALES:
        raise UnknownName("kind of score with a usual scale", str(kind), tuple(SCALES))
    return SCALES[kind]


MAX_AMOUNT = 9 * 10**11
"""The largest amount, 900 billion: sums of a log's amounts then fit 64 bits of ten-thousandths."""


def read_amount(value: Any) -> Decimal:
    """Read an amount; raise InteractionError for what is none, or too large."""
    if isinstance(value, float):
        value = repr(value)  # the number a person sees, not its binary neighbour
    try:
        made = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise InteractionError("Money", "amount", value, "an amount is a number") from None
    if not made.is_finite() or not -MAX_AMOUNT < made < MAX_AMOUNT:
        raise InteractionError("Money", "amount", value, "an amount lies below 900 billion")
    return made


@frozen
class Money:
    """An amount in a currency. Amounts of different currencies are never added together.

    Attributes:
        amount: The amount, below 900 billion.
        currency: The currency, such as ``EUR``.

    Raises:
        InteractionError: The amount is no number, or two currencies are added.

    >>> Money(10, "EUR") + Money("2.50", "EUR")
    Money(amount=Decimal('12.50'), currency='EUR')
    >>> Money(10, "EUR") + Money(10, "USD")
    Traceback (most recent call last):
    ...
    journeymap.exceptions.InteractionError: Money.currency: EUR and USD are not added (got 'USD')
    """

    amount: Decimal = field(converter=read_amount)
    currency: str = field(validator=repeated_name)

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        if other.currency != self.currency:
            message = f"{self.currency} and {other.currency} are not added"
            raise InteractionError("Money", "currency", other.currency, message)
        return Money(self.amount + other.amount, self.currency)


def _hidden(instance: Any, attribute: Any, value: Any) -> None:
    """As an identifier, with an error that does not show what may be an address of a person."""
    try:
        identifier(instance, attribute, value)
    except ElementError as error:
        raise InteractionError("Identity", "value", HIDDEN, error.message) from None


@frozen(order=True)
class Identity:
    """A namespace and a value, by which a source knows a customer.

    The value is personal: it is not shown by ``repr``, nor in errors.

    Attributes:
        namespace: The namespace, such as ``email``.
        value: The value.

    >>> Identity("email", "ada@example.org")
    Identity(namespace='email', value=(hidden))
    >>> Identity("email", "ada@example.org").value
    'ada@example.org'
    """

    namespace: str = field(validator=repeated_name)
    value: str = field(validator=_hidden, repr=lambda _: repr(HIDDEN))


def name_of(named: str | Identity | None) -> str | None:
    """Name a customer in one text: by the id, or by the value of an identity, as records do."""
    return named.value if isinstance(named, Identity) else named
