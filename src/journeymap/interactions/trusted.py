"""Interactions made of values that were checked before, at the price of tuples."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from attrs import fields

from journeymap.interactions.interaction import Interaction
from journeymap.interactions.values import Identity, Money, Score

__all__ = ["add_value", "make_interaction"]

_new = object.__new__
# The setters of the slots: an attribute of a frozen value cannot be set by its name.
(_customer, _touchpoint, _at, _id, _source, _channel, _department, _process, _product, _outcome,
 _emotion, _emotion_after, _score, _value, _duration, _cost, _referred_by, _extra) = (
    getattr(Interaction, one.name).__set__ for one in fields(Interaction)
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
