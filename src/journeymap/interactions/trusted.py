"""Values made of what was checked before, or is checked in one look, at the price of tuples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import fields

from journeymap.interactions.interaction import Interaction
from journeymap.interactions.records import Record
from journeymap.interactions.values import Identity, Money, Score

__all__ = ["add_value", "make_interaction", "read_identity", "read_interaction", "read_record"]

_new = object.__new__
# The setters of the slots: an attribute of a frozen value cannot be set by its name.
(_customer, _touchpoint, _at, _id, _source, _channel, _department, _process, _product, _outcome,
 _emotion, _emotion_after, _score, _value, _duration, _cost, _referred_by, _extra) = (
    getattr(Interaction, one.name).__set__ for one in fields(Interaction)
)  # fmt: skip
_namespace, _name = (getattr(Identity, one.name).__set__ for one in fields(Identity))
_of_record = tuple(getattr(Record, one.name).__set__ for one in fields(Record))
_MOST_LETTERS = 125
"""Letters of a name that fit into what a store keeps, whatever they are."""


def _is_plain(name: str) -> bool:
    """Check in one look whether a name is one that anything may have; False: look closer."""
    return (
        type(name) is str and 0 < len(name) <= _MOST_LETTERS and name.isprintable()
        and not name.isspace() and name[0] != "("
    )  # fmt: skip


_MOST_KEPT = 4096
_passed: set[str] = set()  # names that passed; of places and systems, never of people


def _is_plain_again(name: str) -> bool:
    """Check a name as `_is_plain` does, where the same few come again and again."""
    if type(name) is str and name in _passed:
        return True
    if not _is_plain(name):
        return False
    if len(_passed) >= _MOST_KEPT:
        _passed.clear()
    _passed.add(name)
    return True


def read_identity(namespace: str, value: str) -> Identity:
    """Make an identity of texts from outside.

    Args:
        namespace: The namespace.
        value: The value.

    Returns:
        The identity: the same as ``Identity`` makes of them.

    Raises:
        InteractionError: A text is none that an identity may have.
    """
    if not (_is_plain_again(namespace) and _is_plain(value)):
        return Identity(namespace, value)
    made = _new(Identity)
    _namespace(made, namespace)
    _name(made, value)
    return made


def read_interaction(
    customer: str, touchpoint: str, at: datetime, id: str | None, source: str,  # noqa: A002
    names: Mapping[str, str | None],
) -> Interaction:  # fmt: skip
    """Make an interaction of texts from outside, and a time with its zone.

    Args:
        customer: The customer's name.
        touchpoint: The touchpoint.
        at: When it happened, with its zone.
        id: By which, with the source, a duplicate is recognised.
        source: The system that recorded it.
        names: The channel, department, process, product and outcome, where they are known.

    Returns:
        The interaction: the same as ``Interaction`` makes of them.

    Raises:
        InteractionError: A text is none that an interaction may have.
    """
    plain = _is_plain(customer) and _is_plain_again(touchpoint) and _is_plain_again(source)
    if plain and (id is None or _is_plain(id)):
        for name in names.values():
            if name is not None and not _is_plain_again(name):
                break
        else:
            get = names.get
            return make_interaction(
                customer, touchpoint, at, id, source, get("channel"), get("department"),
                get("process"), get("product"), get("outcome"), None, None, None, None, None, None,
                None, (),
            )  # fmt: skip
    return Interaction(
        customer, touchpoint, at, id=id, source=source, channel=names.get("channel"),
        department=names.get("department"), process=names.get("process"),
        product=names.get("product"), outcome=names.get("outcome"),
    )  # fmt: skip


def read_record(
    identities: list[Identity], at: datetime, source: str, id: str | None,  # noqa: A002
    interaction: Interaction | None, row: int,
) -> Record:  # fmt: skip
    """Make a record without traits and consents, of texts from outside.

    Args:
        identities: The identities, at least one.
        at: When it happened, with its zone.
        source: The source.
        id: The source's id of it.
        interaction: What happened.
        row: Its place in the source, from 1.

    Returns:
        The record: the same as ``Record`` makes of them.

    Raises:
        InteractionError: A text is none that a record may have.
    """
    if len(identities) != 1 or not _is_plain_again(source) or not (id is None or _is_plain(id)):
        return Record(identities, at, source, id=id, interaction=interaction, row=row)
    made = _new(Record)
    values = (tuple(identities), at, source, id, interaction, (), (), row)
    for put, value in zip(_of_record, values, strict=True):
        put(made, value)
    return made


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
