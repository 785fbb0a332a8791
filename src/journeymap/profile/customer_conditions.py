"""Conditions asked of a customer, as they are known at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never

from attrs import field, frozen

from journeymap.interactions import Consent, Trait
from journeymap.model import (
    Absence,
    At,
    Between,
    Condition,
    Consented,
    Count,
    HasTrait,
    Sequence,
    Wait,
)
from journeymap.model.conditions import SimpleCondition, leaves, plain_text, verdict
from journeymap.profile.rules import ProfileRules
from journeymap.tracking.state import State

__all__ = ["Facts", "count_contacts", "holds"]


@frozen
class Facts:
    """A customer's traits and consents that count, at a time.

    Attributes:
        traits: The values of traits as texts, by name.
        consents: Whether purposes are allowed, by name.
    """

    traits: Mapping[str, str] = field(factory=dict)
    consents: Mapping[str, bool] = field(factory=dict)

    @classmethod
    def of(cls, given: Iterable[Trait | Consent], rules: ProfileRules, now: datetime) -> Facts:
        """Choose the facts that count, of those that sources had given by a time."""
        known = [one for one in given if one.at.astimezone(UTC) <= now]
        traits = rules.choose_traits(one for one in known if isinstance(one, Trait))
        consents = rules.latest_consents(one for one in known if isinstance(one, Consent))
        return cls({one.name: plain_text(one.value) for one in traits},
                   {one.purpose: one.given for one in consents})  # fmt: skip


def holds(state: State, condition: Condition, now: datetime, facts: Facts = Facts()) -> bool:
    """Judge a condition of a customer at a time, by what is known of them last.

    Names and emotions are the last ones known, outcome and process those of the last interaction,
    ``stage`` and ``phase`` the position's, ``product`` any that the customer has, ``value`` the sum
    of all; counts, waits and absences are counted from ``now``. A consent or a trait that is not
    known does not hold.
    """
    return bool(verdict(condition, [_leaf(state, leaf, now, facts) for leaf in leaves(condition)]))


def _leaf(state: State, leaf: SimpleCondition, now: datetime, facts: Facts) -> bool:
    match leaf:
        case At():
            return any(name in leaf.values for name in _names(state, leaf.what))
        case Between():
            return _between(state, leaf)
        case Count():
            times = state.times(leaf.touchpoint)
            near = [at for at in times if leaf.within is None or now - at <= leaf.within]
            return len(near) >= leaf.at_least
        case Wait():
            since = state.times(leaf.since)
            return bool(since) and now - since[-1] >= leaf.at_least
        case Absence():
            return _absent(state, leaf, now)
        case Consented():
            return facts.consents.get(leaf.purpose, False)
        case Sequence():  # an offer asks for none
            return False
        case HasTrait():
            return facts.traits.get(leaf.name) in leaf.values
        case _:
            assert_never(leaf)


def _absent(state: State, leaf: Absence, now: datetime) -> bool:
    begun, ended = state.times(leaf.after), state.times(leaf.touchpoint)
    if not begun or (ended and ended[-1] >= begun[-1]):
        return False
    return now - begun[-1] > leaf.within


def _names(state: State, what: str) -> Iterable[str | None]:
    here = state.position
    if what == "product":
        return state.products
    if what == "outcome":
        return (state.outcome,)
    if what == "process":
        return (state.process,)
    return (getattr(here, what, None),)


def _between(state: State, leaf: Between) -> bool:
    number: Decimal | float | None
    if leaf.what == "value":
        number = next((one.amount for one in state.value if one.currency == leaf.currency), None)
    elif leaf.what in ("emotion", "emotion_after"):
        number = state.position.emotion if state.position else None
    else:
        score = state.scores.get(leaf.what)
        number = score.value if score is not None else None
    if number is None:
        return False
    number = number if isinstance(number, Decimal) else Decimal(repr(number))
    low = leaf.at_least is None or number >= Decimal(repr(leaf.at_least))
    return low and (leaf.at_most is None or number <= Decimal(repr(leaf.at_most)))


def count_contacts(state: State, touchpoints: Iterable[str], since: datetime) -> int:
    """Return how often a customer was at some touchpoints after a time."""
    return sum(at > since for name in set(touchpoints) for at in state.times(name))
