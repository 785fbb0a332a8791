"""Conditions asked of recorded interactions: of which does each hold?

The same conditions as a map's moments of truth; the tracker asks them of one interaction at a
time, and finds the same.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from journeymap.analysis.table.checking import SCALE
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.exceptions import AnswerError
from journeymap.model import Absence, All, AnyOf, At, Between, Condition, Count, Not, Wait

__all__ = ["mark_matching"]

_MICRO = timedelta(microseconds=1)


def mark_matching(part: Part, condition: Condition) -> Flags:
    """Marks the interactions of which a condition holds; what is not known yet does not."""
    return _judge(part, condition)[0]


def _judge(part: Part, condition: Condition) -> tuple[Flags, Flags]:
    """Where it holds, and where it does not; it may not be known yet."""
    if isinstance(condition, Not):
        yes, no = _judge(part, condition.condition)
        return no, yes
    if isinstance(condition, (All, AnyOf)):
        every, none = zip(*(_judge(part, inner) for inner in condition.conditions), strict=True)
        if isinstance(condition, All):
            return np.logical_and.reduce(every), np.logical_or.reduce(none)
        return np.logical_or.reduce(every), np.logical_and.reduce(none)
    if isinstance(condition, Absence):
        return _absent(part, condition)
    if isinstance(condition, At):
        yes = _named(part, condition.what, condition.values)
    elif isinstance(condition, Between):
        yes = _between(part, condition)
    elif isinstance(condition, Count):
        yes = _counted(part, condition)
    else:
        yes = _waited(part, condition)
    return yes, ~yes


def _named(part: Part, level: str, values: tuple[str, ...]) -> Flags:
    codes = part.codes(level)
    chosen = np.array([name in values for name in part.names(level)], dtype=bool)
    return chosen[codes]


def _between(part: Part, leaf: Between) -> Flags:
    role = "score" if leaf.what in ("nps", "csat", "ces") else leaf.what
    numbers = part.number(role)
    if numbers is None:
        if not len(part):
            return np.zeros(0, dtype=bool)
        message = f"this log knows no {role} of its interactions; name its column with Columns"
        raise AnswerError(f"where({leaf})", message)
    found: Flags = numbers != np.iinfo(numbers.dtype).min
    # To the ten-thousandth, as decimals: 0.07 is seven hundredths, and not its binary neighbour.
    if leaf.at_least is not None:
        found &= numbers >= int(_scaled(leaf.at_least).to_integral_value(ROUND_CEILING))
    if leaf.at_most is not None:
        found &= numbers <= int(_scaled(leaf.at_most).to_integral_value(ROUND_FLOOR))
    if role == "value":
        found &= _named(part, "currency", (str(leaf.currency),))
    elif role == "score":
        found &= _named(part, "score_kind", (leaf.what,))
    return found


def _scaled(bound: float) -> Decimal:
    most = 9 * 10**17
    return max(Decimal(-most), min(Decimal(most), Decimal(repr(bound)) * SCALE))


def _at(part: Part, touchpoint: str) -> Ints:
    """The rows at a touchpoint."""
    found: Ints = np.flatnonzero(_named(part, "touchpoint", (touchpoint,)))
    return found


def _counted(part: Part, leaf: Count) -> Flags:
    rows = _at(part, leaf.touchpoint)
    # The row at which the count was begun, for each interaction: so many back, itself included.
    place = np.searchsorted(rows, np.arange(len(part)), side="right") - leaf.at_least
    return _since(part, rows, place, at_most=leaf.within)


def _waited(part: Part, leaf: Wait) -> Flags:
    rows = _at(part, leaf.since)
    place = np.searchsorted(rows, np.arange(len(part)), side="left") - 1
    return _since(part, rows, place, at_least=leaf.at_least)


def _since(
    part: Part, rows: Ints, place: Ints, *,
    at_most: timedelta | None = None, at_least: timedelta | None = None,
) -> Flags:  # fmt: skip
    """Whether some row lies in the same journey, and near or far enough in time."""
    found: Flags = place >= 0
    row = rows[np.maximum(place, 0)] if len(rows) else np.zeros(len(part), dtype=np.int64)
    found &= row >= part.offsets[:-1][part.journey]
    gap = part.at - part.at[row]
    if at_most is not None:
        found &= gap <= at_most // _MICRO
    if at_least is not None:
        found &= gap >= at_least // _MICRO
    return found


def _absent(part: Part, leaf: Absence) -> tuple[Flags, Flags]:
    """Of what began it: nothing came in time, or something did; of all else it does not hold."""
    yes = np.zeros(len(part), dtype=bool)
    no = np.ones(len(part), dtype=bool)
    begun, rows = _at(part, leaf.after), _at(part, leaf.touchpoint)
    limit = leaf.within // _MICRO
    place = np.searchsorted(rows, begun, side="right")
    following = np.append(rows, len(part))[place]
    ends = part.offsets[1:][part.journey[begun]]
    came = following < ends
    came[came] = part.at[following[came]] - part.at[begun[came]] <= limit
    yes[begun] = ~came & (part.scope.end - part.at[begun] > limit)
    no[begun] = came
    return yes, no
