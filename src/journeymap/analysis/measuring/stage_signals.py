"""Signals of stages, laps, handoffs and silence: where each customer was, and who had them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from journeymap.analysis.measuring.dormancy import find_dormancies, stage_codes
from journeymap.analysis.measuring.followed_part import (
    FollowedPart,
    SignalBatch,
    pick,
    truths,
    whole_numbers,
)
from journeymap.model import Move

__all__ = ["find_handoffs", "find_silences", "find_stages"]


def find_stages(followed: FollowedPart) -> Iterator[SignalBatch]:
    """Find where stages were entered, and laps begun."""
    part, tie = followed.part, followed.tie
    now = stage_codes(part)
    before = np.append(0, now[:-1])
    before[part.offsets[:-1]] = 0
    rows = np.flatnonzero(now != before)
    source, target = before[rows], now[rows]
    moves = followed.map.tables.move
    words = tuple(dict.fromkeys(move.value for move in Move))
    # From nowhere it is forward, whatever the table says.
    meant = np.array([[words.index(move.value) for move in row] for row in moves])
    meant[0] = words.index(Move.FORWARD.value)
    move = meant[source, target]
    yield SignalBatch("stage entered", rows, part.at[rows], tie[rows], 1, {
        "stage": followed.names("stage", target),
        "source": followed.names("stage", source),
        "move": pick(words, move),
    })  # fmt: skip
    fresh = rows[move == words.index(Move.NEW_LAP.value)]
    count = np.zeros(len(part) + 1, dtype=np.int64)
    count[fresh + 1] = 1
    begun = np.cumsum(count)
    lap = 1 + begun[fresh + 1] - begun[part.offsets[:-1][part.journey[fresh]]]
    yield SignalBatch(
        "lap started", fresh, part.at[fresh], tie[fresh], 2, {"lap": whole_numbers(lap)}
    )


def find_handoffs(followed: FollowedPart) -> Iterator[SignalBatch]:
    """Find where another department took the customer than the one before."""
    part = followed.part
    taken = np.flatnonzero(followed.department)
    code, journey = followed.department[taken], part.journey[taken]
    place = 1 + np.flatnonzero((code[1:] != code[:-1]) & (journey[1:] == journey[:-1]))
    rows, source, target = taken[place], code[place - 1], code[place]
    handed_by = np.append(0, source[:-1])  # who handed off last, if anyone did in this journey
    mine = part.journey[rows]
    handed_by[1:][mine[1:] != mine[:-1]] = 0
    yield SignalBatch("handoff", rows, part.at[rows], followed.tie[rows], 3, {
        "source": followed.names("department", source),
        "target": followed.names("department", target),
        "back": truths(target == handed_by),
    })  # fmt: skip


def find_silences(followed: FollowedPart) -> Iterator[SignalBatch]:
    """Find where customers went dormant, and came back."""
    part, tie = followed.part, followed.tie
    dormant, allowed = find_dormancies(part)
    rows = np.flatnonzero(dormant)
    stage = followed.names("stage", stage_codes(part)[rows])
    at = part.at[rows] + allowed[rows]
    yield SignalBatch("went dormant", rows, at, tie[rows], 1, {"stage": stage}, later=True)
    returning = rows + 1 < followed.stop[rows]
    back = rows[returning] + 1
    yield SignalBatch(
        "came back", back, part.at[back], tie[back], 0, {"stage": stage.filter(returning)}
    )
