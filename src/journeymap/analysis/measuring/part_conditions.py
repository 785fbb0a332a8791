"""Conditions asked of a whole part of a log at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, assert_never

import numpy as np

from journeymap.analysis.measuring.sequence_steps import mark_completing
from journeymap.analysis.table.exact_amounts import split_bound
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.exceptions import AnswerError
from journeymap.model import (
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
    Wait,
)
from journeymap.model.instants import micros_in
from journeymap.model.scores import SCORE_KINDS, plain_kind

__all__ = [
    "find_following",
    "mark_beginning",
    "mark_counted",
    "mark_matching",
    "mark_named",
    "rows_at",
]


def mark_matching(part: Part, condition: Condition) -> Flags:
    """Mark the interactions of which a condition holds; an open one does not hold yet."""
    return _judge(part, condition)[0]


def mark_beginning(part: Part, condition: Condition) -> Flags:
    """Mark the journeys that begin with an interaction of which a condition holds.

    A sequence begins with the journey, and may be completed later.
    """
    if isinstance(condition, Not):
        return ~mark_beginning(part, condition.condition)
    if isinstance(condition, All | AnyOf):
        several = [mark_beginning(part, inner) for inner in condition.conditions]
        join = np.logical_and if isinstance(condition, All) else np.logical_or
        joined: Flags = join.reduce(several)
        return joined
    first = np.zeros(len(part), dtype=bool)
    first[part.offsets[:-1]] = True
    if isinstance(condition, Sequence):
        yes, _ = _complete(part, condition, begin=first)
    else:
        yes = first & mark_matching(part, condition)
    found = np.zeros(part.journeys, dtype=bool)
    found[part.journey[yes]] = True
    return found


def _complete(
    part: Part, sequence: Sequence, begin: Flags | None = None
) -> tuple[Flags, Flags]:  # fmt: skip
    points = [mark_matching(part, point) for point in sequence.points]
    gaps = [
        mark_matching(part, AnyOf(gap)) if gap else None for gap in sequence.gaps
    ]  # fmt: skip
    return mark_completing(part, sequence, points, gaps, begin)


def _judge(part: Part, condition: Condition) -> tuple[Flags, Flags]:
    """Mark where a condition holds and where it does not; it may be open where it looks ahead."""
    match condition:
        case Not():
            yes, no = _judge(part, condition.condition)
            return no, yes
        case All() | AnyOf():
            every, none = zip(*(_judge(part, inner) for inner in condition.conditions), strict=True)
            if isinstance(condition, All):
                return np.logical_and.reduce(every), np.logical_or.reduce(none)
            return np.logical_or.reduce(every), np.logical_and.reduce(none)
        case Absence():
            return _absent(part, condition)
        case Sequence():
            return _complete(part, condition)
        case At():
            yes = mark_named(part, condition.what, condition.values)
        case Between():
            yes = _between(part, condition)
        case HasTrait():
            yes = mark_named(part, condition.name, condition.values)
        case Consented():
            message = "a log knows no consents: they are asked of customers, in offers"
            raise AnswerError(f"where({condition})", message)
        case Count():
            yes = mark_counted(part, condition)
        case Wait():
            yes = _waited(part, condition)
        case _:
            assert_never(condition)
    return yes, ~yes


def mark_named(part: Part, level: str, values: tuple[str, ...]) -> Flags:
    """Mark the interactions that have one of some names at a level."""
    codes = part.codes(level)
    chosen = np.array([name in values for name in part.names(level)], dtype=bool)
    return chosen[codes]


def _between(part: Part, leaf: Between) -> Flags:
    role = "score" if leaf.what in SCORE_KINDS else leaf.what
    numbers = part.number(role)
    if numbers is None:
        if not len(part):
            return np.zeros(0, dtype=bool)
        message = f"this log knows no {role} of its interactions; name its column with Columns"
        raise AnswerError(f"where({leaf})", message)
    found: Flags = numbers != np.iinfo(numbers.dtype).min
    left = part.number("value_fraction") if role == "value" else None
    left = np.zeros(len(numbers), dtype=np.int64) if left is None else left
    # As decimals, exactly: 0.07 is seven hundredths, and not its binary neighbour.
    if leaf.at_least is not None:
        whole, rest = split_bound(leaf.at_least, least=True)
        found &= (numbers > whole) | ((numbers == whole) & (left >= rest))
    if leaf.at_most is not None:
        whole, rest = split_bound(leaf.at_most)
        found &= (numbers < whole) | ((numbers == whole) & (left <= rest))
    if role == "value":
        found &= mark_named(part, "currency", (str(leaf.currency),))
    elif role == "score":
        kinds = part.names("score_kind")
        same = tuple(one for one in kinds if one is not None and plain_kind(one) == leaf.what)
        found &= mark_named(part, "score_kind", same)
    return found


def rows_at(part: Part, touchpoint: str) -> Ints:
    """Find the interactions at a touchpoint."""
    found: Ints = np.flatnonzero(mark_named(part, "touchpoint", (touchpoint,)))
    return found


def mark_counted(part: Part, leaf: Count, *, before: bool = False) -> Flags:
    """Mark where a count is reached, each interaction included; or was so before each."""
    rows = rows_at(part, leaf.touchpoint)
    # The row at which the count was begun, for each interaction: so many back.
    side: Literal["left", "right"] = "left" if before else "right"
    place = np.searchsorted(rows, np.arange(len(part)), side=side) - leaf.at_least
    return _since(part, rows, place, at_most=leaf.within)


def _waited(part: Part, leaf: Wait) -> Flags:
    rows = rows_at(part, leaf.since)
    place = np.searchsorted(rows, np.arange(len(part)), side="left") - 1
    return _since(part, rows, place, at_least=leaf.at_least)


def _since(
    part: Part, rows: Ints, place: Ints, *,
    at_most: timedelta | None = None, at_least: timedelta | None = None,
) -> Flags:  # fmt: skip
    """Check whether a row lies in the same journey, and near or far enough in time."""
    found: Flags = place >= 0
    row = rows[np.maximum(place, 0)] if len(rows) else np.zeros(len(part), dtype=np.int64)
    found &= row >= part.offsets[:-1][part.journey]
    if at_most is not None:
        found &= part.at - part.at[row] <= micros_in(at_most)
    if at_least is not None:
        found &= part.at - part.at[row] >= micros_in(at_least)
    return found


def _absent(part: Part, leaf: Absence) -> tuple[Flags, Flags]:
    """Of what began it: nothing came in time, or something did; of all else it does not hold."""
    yes = np.zeros(len(part), dtype=bool)
    no = np.ones(len(part), dtype=bool)
    begun = rows_at(part, leaf.after)
    in_time = find_following(part, begun, leaf) >= 0
    waited = part.scope.seen_until - part.at[begun] > micros_in(leaf.within)
    yes[begun] = ~in_time & waited
    no[begun] = in_time
    return yes, no


def find_following(part: Part, begun: Ints, leaf: Absence) -> Ints:
    """Find what ends the absence after some interactions in time (−1: nothing does)."""
    rows = rows_at(part, leaf.touchpoint)
    following = np.append(rows, len(part))[np.searchsorted(rows, begun, side="right")]
    in_time = following < part.offsets[1:][part.journey[begun]]
    row = following[in_time]
    in_time[in_time] = part.at[row] - part.at[begun[in_time]] <= micros_in(leaf.within)
    return np.where(in_time, following, -1)
