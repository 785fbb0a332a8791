"""Conditions made ready to be asked of one interaction after another.

What the map alone decides (the touchpoint, its stage) is decided once, for each touchpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TypeAlias

from journeymap.interactions import Interaction
from journeymap.model import JourneyMap
from journeymap.model.conditions import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Count,
    Not,
    Wait,
    leaves,
)

__all__ = ["Seen", "Test", "judge", "looked_back", "simple"]

Seen: TypeAlias = Mapping[str, tuple[datetime, ...]]
"""When the customer was last at the touchpoints that conditions look back to."""
Test: TypeAlias = Callable[[Interaction, datetime, Seen], bool]
Fixed: TypeAlias = Mapping[str, str | None]
"""What the map says of a touchpoint: its stage, phase, department, process and channel."""


def judge(condition: Condition, fixed: Fixed) -> Test | bool:
    """A condition without absences as a test of interactions at one touchpoint, or its answer."""
    if isinstance(condition, Not):
        inner = judge(condition.condition, fixed)
        if isinstance(inner, bool):
            return not inner
        return lambda one, at, seen: not inner(one, at, seen)
    if isinstance(condition, (All, AnyOf)):
        decides = isinstance(condition, AnyOf)
        parts = [judge(inner, fixed) for inner in condition.conditions]
        if decides in parts:
            return decides
        tests = [part for part in parts if not isinstance(part, bool)]
        if not tests:
            return not decides
        return tests[0] if len(tests) == 1 else _joined(tests, decides)
    return simple(condition, fixed)


def _joined(tests: list[Test], decides: bool) -> Test:
    def test(one: Interaction, at: datetime, seen: Seen) -> bool:
        for part in tests:
            if part(one, at, seen) is decides:
                return decides
        return not decides

    return test


def simple(leaf: At | Between | Count | Wait | Absence, fixed: Fixed) -> Test | bool:
    """A simple condition as a test of interactions at one touchpoint, or its answer.

    An absence is False: whoever can look ahead asks for it apart.
    """
    if isinstance(leaf, At):
        return _at(leaf, fixed)
    if isinstance(leaf, Between):
        return _between(leaf)
    if isinstance(leaf, Count):
        return _count(leaf, here=fixed["touchpoint"] == leaf.touchpoint)
    if isinstance(leaf, Wait):
        return _wait(leaf)
    return False


def _at(leaf: At, fixed: Fixed) -> Test | bool:
    values = frozenset(leaf.values)
    if leaf.what in ("touchpoint", "stage", "phase"):
        return fixed[leaf.what] in values
    read = attrgetter(leaf.what)
    designed = fixed.get(leaf.what)

    def test(one: Interaction, at: datetime, seen: Seen) -> bool:
        return (read(one) or designed) in values

    return test


def _between(leaf: Between) -> Test:
    low = leaf.at_least if leaf.at_least is not None else float("-inf")
    high = leaf.at_most if leaf.at_most is not None else float("inf")
    if leaf.what == "value":
        currency = leaf.currency
        least, most = Decimal(repr(low)), Decimal(repr(high))  # the numbers that were written

        def worth(one: Interaction, at: datetime, seen: Seen) -> bool:
            value = one.value
            return (
                value is not None and value.currency == currency and (least <= value.amount <= most)
            )

        return worth
    if leaf.what in ("emotion", "emotion_after"):
        read = attrgetter(leaf.what)

        def felt(one: Interaction, at: datetime, seen: Seen) -> bool:
            value = read(one)
            return value is not None and low <= value <= high

        return felt
    kind = leaf.what

    def scored(one: Interaction, at: datetime, seen: Seen) -> bool:
        score = one.score
        return score is not None and score.kind == kind and low <= score.value <= high

    return scored


def _count(leaf: Count, *, here: bool) -> Test | bool:
    needed, within, name = leaf.at_least - here, leaf.within, leaf.touchpoint
    if not needed:
        return True

    def test(one: Interaction, at: datetime, seen: Seen) -> bool:
        times = seen.get(name, ())
        if len(times) < needed:
            return False
        return within is None or at - times[-needed] <= within

    return test


def _wait(leaf: Wait) -> Test:
    name, least = leaf.since, leaf.at_least

    def test(one: Interaction, at: datetime, seen: Seen) -> bool:
        times = seen.get(name)
        return bool(times) and at - times[-1] >= least  # type: ignore[index]

    return test


def looked_back(journey: JourneyMap) -> dict[str, int]:
    """How many of its last times must be remembered of each touchpoint: for what moments and
    offers ask, and for contact limits."""
    found: dict[str, int] = {}

    def need(name: str, count: int) -> None:
        found[name] = max(found.get(name, 0), count)

    offers = journey.offers.values()
    asked = [condition for offer in offers for condition in offer.conditions]
    for condition in (*(moment.when for moment in journey.moments.values()), *asked):
        for leaf in leaves(condition):
            if isinstance(leaf, Count):
                need(leaf.touchpoint, leaf.at_least)
            elif isinstance(leaf, Wait):
                need(leaf.since, 1)
    for condition in asked:  # a moment waits for an absence; of an offer it is asked afterwards
        for leaf in leaves(condition):
            if isinstance(leaf, Absence):
                need(leaf.after, 1)
                need(leaf.touchpoint, 1)
    for offer in offers:
        if offer.touchpoint is not None:
            for limit in (*offer.limits, *journey.contact_limits):
                need(offer.touchpoint, limit.at_most)
    return {name: count for name, count in found.items() if count}
