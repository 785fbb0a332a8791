"""Values made of what was checked before, or is checked in one look, at the price of tuples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import fields

from journeymap.interactions.interaction import Interaction, sorted_pairs
from journeymap.interactions.values import Identity, Money, Score
from journeymap.model.rules import is_plain_name, is_repeated_name

__all__ = [
    "add_value",
    "build_identity",
    "build_interaction",
    "make_interaction",
]

_new = object.__new__
# The setters of the slots: an attribute of a frozen value cannot be set by its name.
(_customer, _touchpoint, _at, _id, _source, _channel, _department, _process, _product, _outcome,
 _emotion, _emotion_after, _score, _value, _duration, _cost, _referred_by, _extra) = (
    getattr(Interaction, one.name).__set__ for one in fields(Interaction)
)  # fmt: skip
_namespace, _name = (getattr(Identity, one.name).__set__ for one in fields(Identity))


def build_identity(namespace: str, value: str) -> Identity:
    """Make an identity of texts from outside.

    Args:
        namespace: The namespace.
        value: The value.

    Returns:
        The identity: the same as ``Identity`` makes of them.

    Raises:
        InteractionError: A text is none that an identity may have.
    """
    if not (is_repeated_name(namespace) and is_plain_name(value)):
        return Identity(namespace, value)
    made = _new(Identity)
    _namespace(made, namespace)
    _name(made, value)
    return made


def build_interaction(
    customer: str, touchpoint: str, at: datetime, names: Mapping[str, Any],
    score: Score | None = None, value: Money | None = None, duration: timedelta | None = None,
    referred_by: str | Identity | None = None, extra: Iterable[tuple[str, Any]] = (),
) -> Interaction:  # fmt: skip
    """Make an interaction of what comes from outside.

    Args:
        customer: The customer's name.
        touchpoint: The touchpoint.
        at: When it happened.
        names: Its id, source, channel, department, process, product, outcome, emotions and cost,
            where they are known.
        score: An answer to a survey question.
        value: The value.
        duration: How long it took.
        referred_by: Who recommended the company.
        extra: Anything else.

    Returns:
        The interaction: the same as ``Interaction`` makes of them.

    Raises:
        InteractionError: Something is none that an interaction may have.
    """
    get = names.get
    id_, emotion, emotion_after, cost = get("id"), get("emotion"), get("emotion_after"), get("cost")
    texts = (get("source"), get("channel"), get("department"), get("process"), get("product"),
             get("outcome"))  # fmt: skip
    plain = (
        is_plain_name(customer) and is_repeated_name(touchpoint) and at.utcoffset() is not None
        and (id_ is None or is_plain_name(id_)) and cost is None
        and (emotion is None or (type(emotion) is float and -1 <= emotion <= 1))
        and emotion_after is None and duration is None and referred_by is None
    )  # fmt: skip
    for name in texts if plain else ():
        if name is not None and not is_repeated_name(name):
            plain = False
    if plain:
        return make_interaction(
            customer, touchpoint, at, id_, *texts, emotion, None, score, value, None, None, None,
            sorted_pairs(extra) if extra else (),
        )  # fmt: skip
    source, channel, department, process, product, outcome = texts
    return Interaction(
        customer, touchpoint, at, id=id_, source=source, channel=channel, department=department,
        process=process, product=product, outcome=outcome, emotion=emotion,
        emotion_after=emotion_after, cost=cost, score=score, value=value, duration=duration,
        referred_by=referred_by, extra=extra,
    )  # fmt: skip


def make_interaction(
    customer: str, touchpoint: str, at: datetime, id: str | None, source: str | None,  # noqa: A002
    channel: str | None, department: str | None, process: str | None, product: str | None,
    outcome: str | None, emotion: float | None, emotion_after: float | None, score: Score | None,
    value: Money | None, duration: timedelta | None, cost: float | None,
    referred_by: str | Identity | None, extra: tuple[tuple[str, Any], ...],
) -> Interaction:  # fmt: skip
    """Make an interaction of values that were checked already; nothing is checked again.

    Args:
        customer: The customer's name.
        touchpoint: The touchpoint.
        at: When it happened, with its zone.
        id: By which, with the source, a duplicate is recognised.
        source: The system that recorded it.
        channel: The channel.
        department: The department that took it.
        process: The process it was part of.
        product: The product or service it was about.
        outcome: What came of it.
        emotion: The emotion during it.
        emotion_after: The emotion after it.
        score: An answer to a survey question.
        value: Its value.
        duration: How long it took.
        cost: What it cost the company.
        referred_by: Who recommended the company.
        extra: Anything else, ordered by name.

    Returns:
        The interaction: the same as ``Interaction`` makes of these values.
    """
    made = _new(Interaction)
    _customer(made, customer)
    _touchpoint(made, touchpoint)
    _at(made, at)
    _id(made, id)
    _source(made, source)
    _channel(made, channel)
    _department(made, department)
    _process(made, process)
    _product(made, product)
    _outcome(made, outcome)
    _emotion(made, emotion)
    _emotion_after(made, emotion_after)
    _score(made, score)
    _value(made, value)
    _duration(made, duration)
    _cost(made, cost)
    _referred_by(made, referred_by)
    _extra(made, extra)
    return made


def add_value(one: Interaction, value: Money) -> Interaction:
    """Make the same interaction with an amount; both were checked already.

    Args:
        one: The interaction.
        value: The amount.

    Returns:
        The interaction with the amount.
    """
    return make_interaction(
        one.customer, one.touchpoint, one.at, one.id, one.source, one.channel, one.department,
        one.process, one.product, one.outcome, one.emotion, one.emotion_after, one.score, value,
        one.duration, one.cost, one.referred_by, one.extra,
    )  # fmt: skip
