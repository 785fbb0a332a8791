"""The interaction: one customer at one touchpoint at one time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import InteractionError
from journeymap.interactions.values import Identity, Money, Score
from journeymap.model.rules import (
    identifier,
    maybe_length,
    of_type,
    optional_identifier,
    optional_repeated_name,
    repeated_name,
)

__all__ = [
    "MAX_COST",
    "MAX_KEY_BYTES",
    "MAX_NAME_BYTES",
    "TOO_LONG_KEY",
    "TOO_LONG_NAME",
    "Interaction",
    "aware_time",
]

MAX_NAME_BYTES = 500
"""Bytes of a customer's name, in UTF-8: a store looks it up in an index, which has a limit."""
MAX_KEY_BYTES = 1000
"""Bytes of a source and an id together, by which duplicates are looked up."""


MAX_DURATION = timedelta(seconds=3e9)
"""The longest duration, some 95 years: a longer one is in another unit."""
MAX_COST = 1_000_000_000
"""The highest cost of one interaction: a higher one is in another unit."""
TOO_LONG_NAME = f"a store keeps at most {MAX_NAME_BYTES} bytes of it"
"""The fault of a customer's name that is too long."""
TOO_LONG_KEY = f"a store keeps at most {MAX_KEY_BYTES} bytes of it, with the source"
"""The fault of an id that is too long."""


def _customer(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    identifier(instance, attribute, value)
    if len(value) > MAX_NAME_BYTES // 4 and len(value.encode()) > MAX_NAME_BYTES:
        raise InteractionError("Interaction", "customer", f"{value[:40]}…", TOO_LONG_NAME)


def _id(instance: Interaction, attribute: Attribute[Any], value: Any) -> None:
    optional_identifier(instance, attribute, value)
    if value is None:
        return
    source = instance.source if isinstance(instance.source, str) else ""
    if len(value) + len(source) < MAX_KEY_BYTES // 4:
        return
    if len(value.encode()) + len(source.encode()) + 1 > MAX_KEY_BYTES:
        raise InteractionError("Interaction", "id", f"{value[:40]}…", TOO_LONG_KEY)


def aware_time(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validate a time with its zone."""
    name = type(instance).__name__
    if not isinstance(value, datetime):
        raise InteractionError(name, attribute.name, value, "a datetime is expected")
    if value.tzinfo is None or value.utcoffset() is None:
        message = "a time without a zone is a guess; name it, as with tzinfo=UTC"
        raise InteractionError(name, attribute.name, value, message)


def _feeling(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 <= value <= 1:
        message = "an emotion lies between -1 (bad) and +1 (good)"
        raise InteractionError("Interaction", attribute.name, value, message)


def _cost(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_COST:
        message = f"a cost from 0 to {MAX_COST:,} is expected"
        raise InteractionError("Interaction", attribute.name, value, message)


def _length(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    of_type(timedelta)(instance, attribute, value)
    if not timedelta(0) <= value <= MAX_DURATION:
        message = "a length of time from 0 to 3 billion seconds is expected"
        raise InteractionError("Interaction", "duration", value, message)


def _recommender(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, Identity):
        _customer(instance, attribute, value)


def _named(instance: Any, attribute: Attribute[Any], value: tuple[tuple[Any, Any], ...]) -> None:
    for name, _ in value:
        if not isinstance(name, str):
            raise InteractionError("Interaction", "extra", name, "its names are texts")


def sorted_pairs(
    given: Mapping[str, Any] | Iterable[tuple[str, Any]],
) -> tuple[tuple[str, Any], ...]:
    """List pairs of name and value in the order of their names, each name once."""
    return tuple(sorted(dict(given).items(), key=lambda pair: str(pair[0])))


@frozen
class Interaction:
    """One customer at one touchpoint at one time, and the outcome.

    Attributes:
        customer: The customer's name.
        touchpoint: The touchpoint.
        at: When it happened, with its zone.
        id: By which, with the source, a duplicate is recognised.
        source: The system that recorded it.
        channel: The channel (None: the touchpoint's, where it has just one).
        department: The department that took it (None: the touchpoint's).
        process: The process it was part of (None: the touchpoint's).
        product: The product or service it was about.
        outcome: ``succeeded``, ``failed``, ``abandoned``, or a name of the map's own.
        emotion: The customer's emotion during it, from −1 (bad) to +1 (good).
        emotion_after: The customer's emotion after it.
        score: An answer to a survey question.
        value: Its value.
        duration: How long it took.
        cost: What it cost the company, in its own currency (None: as the map has it).
        referred_by: The customer who recommended the company to this one: an id that they ever
            had, or an identity by which a source knows them.
        extra: Anything else, as pairs of name and value (a mapping is taken too).

    Raises:
        InteractionError: A field has a value that it may not have.

    >>> from datetime import UTC
    >>> Interaction("customer-7", "order_placed", datetime(2026, 3, 1, tzinfo=UTC)).touchpoint
    'order_placed'
    >>> Interaction("customer-7", "order_placed", datetime(2026, 3, 1))
    Traceback (most recent call last):
    ...
    journeymap.exceptions.InteractionError: Interaction.at: a time without a zone is a guess; ...
    """

    customer: str = field(validator=_customer)
    touchpoint: str = field(validator=repeated_name)
    at: datetime = field(validator=aware_time)
    id: str | None = field(default=None, validator=_id, kw_only=True)
    source: str | None = field(default=None, validator=optional_repeated_name, kw_only=True)
    channel: str | None = field(default=None, validator=optional_repeated_name, kw_only=True)
    department: str | None = field(default=None, validator=optional_repeated_name, kw_only=True)
    process: str | None = field(default=None, validator=optional_repeated_name, kw_only=True)
    product: str | None = field(default=None, validator=optional_repeated_name, kw_only=True)
    outcome: str | None = field(default=None, validator=optional_repeated_name, kw_only=True)
    emotion: float | None = field(default=None, validator=_feeling, kw_only=True)
    emotion_after: float | None = field(default=None, validator=_feeling, kw_only=True)
    score: Score | None = field(
        default=None, validator=validators.optional(of_type(Score)), kw_only=True
    )
    value: Money | None = field(
        default=None, validator=validators.optional(of_type(Money)), kw_only=True
    )
    duration: timedelta | None = field(
        default=None, converter=maybe_length, validator=validators.optional(_length), kw_only=True
    )
    cost: float | None = field(default=None, validator=_cost, kw_only=True)
    referred_by: str | Identity | None = field(default=None, validator=_recommender, kw_only=True)
    extra: tuple[tuple[str, Any], ...] = field(
        default=(), converter=sorted_pairs, validator=_named, kw_only=True
    )
