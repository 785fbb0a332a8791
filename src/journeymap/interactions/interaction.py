"""What happened: one customer at one touchpoint at one time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import InteractionError
from journeymap.interactions.values import Money, Score
from journeymap.model.rules import identifier

__all__ = ["Interaction", "aware_time"]

_name = validators.optional(identifier)


def aware_time(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validator: a time with its zone."""
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


def _pairs(given: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(dict(given).items(), key=lambda pair: str(pair[0])))


@frozen
class Interaction:
    """One customer at one touchpoint at one time, and what came of it.

    ``at`` is aware. ``outcome`` is ``succeeded``, ``failed``, ``abandoned`` or a name of the
    map's own; ``emotion`` (during) and ``emotion_after`` lie between −1 and +1; ``value`` is
    what it was worth; ``id`` and ``source`` together recognise a duplicate. Department, process
    and channel may be left open where the map knows them. ``extra`` keeps anything else
    as pairs of name and value (a mapping is taken too).

    >>> from datetime import UTC
    >>> Interaction("customer-7", "order_placed", datetime(2026, 3, 1, tzinfo=UTC)).touchpoint
    'order_placed'
    >>> Interaction("customer-7", "order_placed", datetime(2026, 3, 1))
    Traceback (most recent call last):
    ...
    journeymap.exceptions.InteractionError: Interaction.at: a time without a zone is a guess; ...
    """

    customer: str = field(validator=identifier)
    touchpoint: str = field(validator=identifier)
    at: datetime = field(validator=aware_time)
    id: str | None = field(default=None, validator=_name, kw_only=True)
    source: str | None = field(default=None, validator=_name, kw_only=True)
    channel: str | None = field(default=None, validator=_name, kw_only=True)
    department: str | None = field(default=None, validator=_name, kw_only=True)
    process: str | None = field(default=None, validator=_name, kw_only=True)
    product: str | None = field(default=None, validator=_name, kw_only=True)
    outcome: str | None = field(default=None, validator=_name, kw_only=True)
    emotion: float | None = field(default=None, validator=_feeling, kw_only=True)
    emotion_after: float | None = field(default=None, validator=_feeling, kw_only=True)
    score: Score | None = field(
        default=None, validator=validators.optional(validators.instance_of(Score)), kw_only=True
    )
    value: Money | None = field(
        default=None, validator=validators.optional(validators.instance_of(Money)), kw_only=True
    )
    duration: timedelta | None = field(
        default=None, validator=validators.optional(validators.instance_of(timedelta)), kw_only=True
    )
    extra: tuple[tuple[str, Any], ...] = field(default=(), converter=_pairs, kw_only=True)
