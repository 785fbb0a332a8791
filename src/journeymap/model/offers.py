"""Offers and actions as data: to whom they may be made, and what they are worth.

Which one is the best for a customer is a matter of weighing them; see `NextBest`.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b
from typing import Any

from attrs import Attribute, field, frozen

from journeymap.exceptions import ElementError
from journeymap.model.conditions import (
    Condition,
    Consented,
    HasTrait,
    Sequence,
    is_condition,
    leaves,
)
from journeymap.model.durations import duration_text
from journeymap.model.elements import Named
from journeymap.model.rules import (
    as_length,
    as_tuple,
    each,
    finite,
    of_type,
    optional_identifier,
    positive_duration,
    text,
    to_number,
)

__all__ = ["ASSIGNED_ID", "ContactLimit", "Offer", "Weight", "held_out"]


def _share(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not 0 <= value <= 1:
        name = type(instance).__name__
        raise ElementError(name, attribute.name, value, "a share lies between 0 and 1")


def _not_negative(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    finite(instance, attribute, value)
    if value < 0:
        raise ElementError(type(instance).__name__, attribute.name, value, "at least 0")


def _asks_customers(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require conditions that customers can fulfil, as they are known at a time."""
    is_condition(instance, attribute, value)
    for one in value if isinstance(value, tuple) else (value,):
        for leaf in leaves(one):
            if isinstance(leaf, Sequence):
                message = "a sequence is asked of interactions, in a moment or a log"
                raise ElementError(type(instance).__name__, attribute.name, str(leaf), message)


@frozen
class Weight:
    """A factor by which an offer gains (above 1) or loses (below 1) where a condition holds.

    Attributes:
        when: The condition.
        factor: The factor.

    Raises:
        ElementError: A field has a value that it may not have.
    """

    when: Condition = field(validator=_asks_customers)
    factor: float = field(converter=to_number, validator=_not_negative)


@frozen
class ContactLimit:
    """A bound on how often a customer is met with offers.

    Attributes:
        at_most: How often, from 0 to 999.
        within: In what time.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> print(ContactLimit(2, timedelta(days=7)))
    at most 2 contacts within 7 days
    """

    at_most: int = field(validator=of_type(int))
    within: timedelta = field(converter=as_length, validator=positive_duration)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.at_most, bool) or not 0 <= self.at_most < 1000:
            raise ElementError("ContactLimit", "at_most", self.at_most, "a number from 0 to 999")

    def __str__(self) -> str:
        return f"at most {self.at_most} contacts within {duration_text(self.within)}"


def _conditions(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value:
        _asks_customers(instance, attribute, value)


@frozen
class Offer(Named):
    """Something that can be offered to a customer, or done for them.

    Attributes:
        action: What should be done.
        owner: The department that does it.
        touchpoint: Where it is made.
        leads_to: The touchpoint that it should lead to.
        eligible: Conditions that must all hold of the customer.
        propensity: The probability that it is taken (None: that of ``leads_to`` coming next).
        value: Its value if it is taken.
        lever: A factor that the business adds.
        weights: Factors for the customer's situation.
        limits: How often a customer is met with it at most.
        hold_out: The share of customers who never are, so that its lift can be measured.
        purpose: The purpose to which the customer must have consented (None: it needs none).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> Offer("router", touchpoint="offer_made", value=30).name
    'Router'
    """

    action: str = field(default="", validator=text, kw_only=True)
    owner: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    touchpoint: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    leads_to: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    eligible: tuple[Condition, ...] = field(
        default=(), converter=as_tuple, validator=_conditions, kw_only=True
    )
    propensity: float | None = field(
        default=None, converter=to_number, validator=_share, kw_only=True
    )
    value: float = field(default=1.0, converter=to_number, validator=_not_negative, kw_only=True)
    lever: float = field(default=1.0, converter=to_number, validator=_not_negative, kw_only=True)
    weights: tuple[Weight, ...] = field(
        default=(), converter=as_tuple, validator=each(Weight), kw_only=True
    )
    limits: tuple[ContactLimit, ...] = field(
        default=(), converter=as_tuple, validator=each(ContactLimit), kw_only=True
    )
    hold_out: float = field(default=0.0, converter=to_number, validator=_share, kw_only=True)
    purpose: str | None = field(default=None, validator=optional_identifier, kw_only=True)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that is asked about a customer: who is eligible, and what weighs."""
        return (*self.eligible, *(weight.when for weight in self.weights))

    @property
    def asks_facts(self) -> bool:
        """Check whether it asks for the customer's consents or traits."""
        asked = (leaf for one in self.conditions for leaf in leaves(one))
        return self.purpose is not None or any(
            isinstance(leaf, (Consented, HasTrait)) for leaf in asked
        )

    @limits.validator
    def _check(self, attribute: Attribute[Any], value: tuple[ContactLimit, ...]) -> None:
        if value and self.touchpoint is None:
            message = "contacts are counted at its touchpoint: name one"
            raise ElementError("Offer", "limits", value, message)


ASSIGNED_ID = "assigned_id"
"""The level of a log that holds, of merged customers, the id by which hold-outs are decided."""


def held_out(offer: Offer, customer: str) -> bool:
    """Check whether a customer is one of those who never get an offer: always the same ones.

    The customer's name and the offer's id decide, by a hash, and nothing else. Of a customer whose
    id has changed, the name is that under which they were first recorded.

    >>> half = Offer("router", hold_out=0.5)
    >>> [held_out(half, name) for name in ("ada", "ben", "cyd", "dan")]
    [False, True, True, False]
    """
    digest = blake2b(f"{offer.id}\x1f{customer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < offer.hold_out * 2**64
