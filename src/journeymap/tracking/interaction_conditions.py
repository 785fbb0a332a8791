"""Conditions compiled to be asked of one interaction after another.

What the map alone decides (the touchpoint, its stage) is decided once, for each touchpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TypeAlias, assert_never

from journeymap.interactions import Interaction
from journeymap.model import JourneyMap, Moment
from journeymap.model.conditions import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Consented,
    Count,
    HasTrait,
    Not,
    Sequence,
    SimpleCondition,
    Wait,
    all_leaves,
    leaves,
    plain_text,
)
from journeymap.model.moments import FIELDS_APART
from journeymap.tracking.fold_state import FAR, LONG_AGO, Seen, Test
from journeymap.tracking.followed_sequences import FollowedSequence, name_sequence

__all__ = [
    "about_of",
    "compile_condition",
    "compile_leaf",
    "follow_apart",
    "follow_sequences",
    "keep_apart",
    "remember_apart",
    "remembered_times",
    "seen_apart",
    "times_apart",
]

MAX_KEPT_APART = 256
"""Products, orders … whose times are remembered at one touchpoint: those seen last."""

Fixed: TypeAlias = Mapping[str, str | None]
"""What the map says of a touchpoint: its stage, phase, department, process and channel."""


def compile_condition(condition: Condition, fixed: Fixed) -> Test | bool:
    """Compile a condition to a test of interactions at one touchpoint, or to its answer there.

    An absence counts as not holding: it is tested apart, by what can look ahead.
    """
    match condition:
        case Not():
            inner = compile_condition(condition.condition, fixed)
            if isinstance(inner, bool):
                return not inner
            return lambda one, at, seen: not inner(one, at, seen)
        case All() | AnyOf():
            decides = isinstance(condition, AnyOf)
            parts = [compile_condition(part, fixed) for part in condition.conditions]
            if decides in parts:
                return decides
            tests = [part for part in parts if not isinstance(part, bool)]
            if not tests:
                return not decides
            return tests[0] if len(tests) == 1 else _join(tests, decides)
        case _:
            return compile_leaf(condition, fixed)


def _join(tests: list[Test], decides: bool) -> Test:
    def test(one: Interaction, at: datetime, seen: Seen) -> bool:
        for part in tests:
            if part(one, at, seen) is decides:
                return decides
        return not decides

    return test


def compile_leaf(leaf: SimpleCondition, fixed: Fixed) -> Test | bool:
    """Compile a simple condition to a test of interactions at one touchpoint, or to its answer."""
    match leaf:
        case At():
            return _at(leaf, fixed)
        case Between():
            return _between(leaf)
        case Count():
            return _count(leaf, here=fixed["touchpoint"] == leaf.touchpoint)
        case Wait():
            return _wait(leaf)
        case Sequence():
            return _sequence(leaf, fixed).completion
        case Absence() | Consented() | HasTrait():  # of facts no moment asks
            return False
        case _:
            assert_never(leaf)


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

        def test_value(one: Interaction, at: datetime, seen: Seen) -> bool:
            value = one.value
            return (
                value is not None and value.currency == currency and (least <= value.amount <= most)
            )

        return test_value
    if leaf.what in ("emotion", "emotion_after"):
        read = attrgetter(leaf.what)

        def test_emotion(one: Interaction, at: datetime, seen: Seen) -> bool:
            value = read(one)
            return value is not None and low <= value <= high

        return test_emotion
    kind = leaf.what

    def test_score(one: Interaction, at: datetime, seen: Seen) -> bool:
        score = one.score
        return score is not None and score.kind == kind and low <= score.value <= high

    return test_score


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


def _sequence(leaf: Sequence, fixed: Fixed) -> FollowedSequence:
    return FollowedSequence(
        leaf,
        tuple(compile_condition(point, fixed) for point in leaf.points),
        tuple(
            compile_condition(AnyOf(gap), fixed) if gap else False for gap in leaf.gaps[:-1]
        ),
    )  # fmt: skip


def follow_sequences(
    journey: JourneyMap, fixed: Fixed
) -> tuple[tuple[FollowedSequence, Moment | None], ...]:
    """Find the sequences that interactions at one touchpoint advance or interrupt.

    Each comes with the moment that keeps products, orders … apart, or None.
    """
    found: dict[tuple[str, str | None], tuple[FollowedSequence, Moment | None]] = {}
    for moment in journey.moments.values():
        for leaf in leaves(moment.when):
            if isinstance(leaf, Sequence):
                made = _sequence(leaf, fixed)
                if made.is_moved:
                    apart = None if moment.per is None else moment
                    found.setdefault((made.name, moment.per), (made, apart))
    return tuple(found.values())


def follow_apart(
    seen: Seen, before: Seen, sequence: FollowedSequence, moment: Moment, one: Interaction,
    at: datetime, fixed: Fixed,
) -> Seen:  # fmt: skip
    """Follow a sequence for the product, order … that an interaction is about."""
    per = str(moment.per)
    steps = sequence.advance(one, at, seen_apart(before, moment, one, fixed))
    return _put_apart(seen, sequence.name, per, about_of(one, per, fixed), steps)


def keep_apart(test: Test | bool, moment: Moment, fixed: Fixed) -> Test | bool:
    """Let a test look back only to interactions about the same product, order … as this one."""
    looks_back = any(True for _ in _names_seen(moment.when))
    if moment.per is None or isinstance(test, bool) or not looks_back:
        return test

    def apart(one: Interaction, at: datetime, seen: Seen) -> bool:
        return test(one, at, seen_apart(seen, moment, one, fixed))

    return apart


def seen_apart(seen: Seen, moment: Moment, one: Interaction, fixed: Fixed) -> Seen:
    """Give the times that a moment looks back to, of the same product, order … alone."""
    per = str(moment.per)
    about = about_of(one, per, fixed)
    names = _names_seen(moment.when)
    mine = {name: seen.get(name_apart(name, per, about), ()) for name in names}
    return {name: times for name, times in mine.items() if times}


def about_of(one: Interaction, per: str, fixed: Fixed) -> str:
    """Find the product, order … that an interaction is about; empty for none.

    Where its department, process or channel was not recorded, it is the touchpoint's.
    """
    if per in FIELDS_APART:
        return getattr(one, per) or fixed.get(per) or ""
    value = dict(one.extra).get(per)
    return "" if value is None else plain_text(value)


def name_apart(touchpoint: str, per: str, about: str) -> str:
    """Name what is remembered of a touchpoint for one product, order …."""
    return f"{touchpoint}\x1f{per}\x1f{about}"


def remember_apart(
    seen: Seen, touchpoint: str, per: str, count: int, one: Interaction, at: datetime, fixed: Fixed
) -> Seen:  # fmt: skip
    """Remember a time at a touchpoint, for the product, order … that the interaction is about."""
    about = about_of(one, per, fixed)
    times = seen.get(name_apart(touchpoint, per, about), ())
    return _put_apart(seen, touchpoint, per, about, (*times, at)[-count:])


def _put_apart(seen: Seen, what: str, per: str, about: str, times: tuple[datetime, ...]) -> Seen:
    """Keep the times of one product, order …, and forget those of which is too many."""
    name = name_apart(what, per, about)
    if not times:
        return {other: kept for other, kept in seen.items() if other != name}
    kept = {**seen, name: times}
    if name not in seen:
        begin = name_apart(what, per, "")
        mine = [other for other in kept if other.startswith(begin)]
        if len(mine) > MAX_KEPT_APART:
            del kept[min(mine, key=lambda other: (_latest(kept[other]), other))]
    return kept


def _latest(times: tuple[datetime, ...]) -> datetime:
    return max((at for at in times if at < FAR), default=LONG_AGO)


def _names_seen(condition: Condition) -> list[str]:
    """List the names under which is kept what a condition looks back to."""
    names = [name for name, _ in _look_back(condition)]
    sequences = (leaf for leaf in leaves(condition) if isinstance(leaf, Sequence))
    return names + [name_sequence(one) for one in sequences]


def _look_back(condition: Condition) -> Iterator[tuple[str, int]]:
    """Give the touchpoints that a condition looks back to, and to how many times."""
    for leaf in all_leaves(condition):
        match leaf:
            case Count():
                yield leaf.touchpoint, leaf.at_least
            case Wait():
                yield leaf.since, 1
            case At() | Between() | Absence() | Consented() | HasTrait() | Sequence():
                pass
            case _:
                assert_never(leaf)


def times_apart(journey: JourneyMap) -> dict[str, dict[str, int]]:
    """Count the last times to remember of each touchpoint for each product, order …."""
    found: dict[str, dict[str, int]] = {}
    for moment in journey.moments.values():
        for name, count in _look_back(moment.when) if moment.per is not None else ():
            mine = found.setdefault(name, {})
            mine[str(moment.per)] = max(mine.get(str(moment.per), 0), count)
    return found


def remembered_times(journey: JourneyMap) -> dict[str, int]:
    """Count the last times that must be remembered of each touchpoint.

    Moments and offers look back to them, and contact limits count them.
    """
    found: dict[str, int] = {}

    def need(name: str, count: int) -> None:
        found[name] = max(found.get(name, 0), count)

    offers = journey.offers.values()
    of_offers = [condition for offer in offers for condition in offer.conditions]
    of_moments = [moment.when for moment in journey.moments.values() if moment.per is None]
    for condition in (*of_moments, *of_offers):
        for name, count in _look_back(condition):
            need(name, count)
    for condition in of_offers:  # a moment waits for an absence; an offer looks back on one
        for leaf in leaves(condition):
            if isinstance(leaf, Absence):
                need(leaf.after, 1)
                need(leaf.touchpoint, 1)
    for offer in offers:
        if offer.touchpoint is not None:
            for limit in (*offer.limits, *journey.contact_limits):
                need(offer.touchpoint, limit.at_most)
    return {name: count for name, count in found.items() if count}
