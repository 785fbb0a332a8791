"""Conditions asked of a customer, as they are known at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from journeymap.model import Absence, At, Between, Condition, Count, Wait
from journeymap.model.conditions import leaves, verdict
from journeymap.tracking.state import State

__all__ = ["contacts", "holds"]


def holds(state: State, condition: Condition, now: datetime) -> bool:
    """Whether a condition holds of a customer at a time: of what is known of them last.

    Names and feelings are the last ones known, outcome and process those of the last interaction,
    ``stage`` and ``phase`` the position's, ``product``
    any that the customer has, ``value`` the sum of all; counts, waits and absences are told from
    ``now``.
    """
    return bool(verdict(condition, [_leaf(state, leaf, now) for leaf in leaves(condition)]))


def _leaf(state: State, leaf: At | Between | Count | Wait | Absence, now: datetime) -> bool:
    if isinstance(leaf, At):
        return any(name in leaf.values for name in _names(state, leaf.what))
    if isinstance(leaf, Between):
        return _between(state, leaf)
    if isinstance(leaf, Count):
        times = state.times(leaf.touchpoint)
        near = [at for at in times if leaf.within is None or now - at <= leaf.within]
        return len(near) >= leaf.at_least
    if isinstance(leaf, Wait):
        since = state.times(leaf.since)
        return bool(since) and now - since[-1] >= leaf.at_least
    begun, came = state.times(leaf.after), state.times(leaf.touchpoint)
    if not begun or (came and came[-1] >= begun[-1]):
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


def contacts(state: State, touchpoints: Iterable[str], since: datetime) -> int:
    """How often a customer was at some touchpoints after a time."""
    return sum(at > since for name in set(touchpoints) for at in state.times(name))
