"""Where moments keep a customer busy: something is awaited, or cooling down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from journeymap.analysis.measuring.followed_part import FollowedPart
from journeymap.analysis.measuring.moment_conditions import find_awaiting
from journeymap.analysis.measuring.moment_signals import (
    NEVER,
    answering_rows,
    due_times,
    find_reached,
    split_apart,
)
from journeymap.analysis.table.part import Flags, Ints
from journeymap.model.instants import micros_in

__all__ = ["mark_busy"]

Spans = tuple[Ints, Ints]


def mark_busy(followed: FollowedPart, last: Ints) -> Flags:
    """Mark the interactions after which a moment waits for something, or may do so.

    For an absence, for its owner, or until it may be reached again. After some interactions, one
    of each journey, it is known when the owner should have acted; after others not.
    """
    steps = np.zeros(len(followed.part) + 1, dtype=np.int64)
    for begin, end in (*_pending(followed), *_awaited(followed, last)):
        some = begin <= end
        np.add.at(steps, begin[some], 1)
        np.add.at(steps, end[some] + 1, -1)
    return np.cumsum(steps[:-1]) > 0


def _pending(followed: FollowedPart) -> Iterator[Spans]:
    """Find from where to where moments wait for an absence."""
    for moment in followed.map.moments.elements:
        part, rows, _ = split_apart(followed.part, moment.per)
        for waits in find_awaiting(part, moment):
            begin = rows[waits.rows]
            over = followed.last_until(begin, waits.at)
            decided = waits.by >= 0
            over[decided] = rows[waits.by[decided]] - 1
            yield begin, over


def _awaited(followed: FollowedPart, last: Ints) -> Iterator[Spans]:
    """Find from where to where owners of moments are awaited, and moments cool down."""
    for moment, mine in find_reached(followed):
        if moment.cool_down is not None:
            until = mine.at + micros_in(moment.cool_down)
            yield mine.rows, followed.last_until(mine.rows, until)
        if moment.deadline is None:
            continue
        rows = mine.rows
        answered = np.minimum(answering_rows(followed, moment, rows), followed.stop[rows]) - 1
        asked = np.flatnonzero(answered >= last[followed.part.journey[rows]])
        due = due_times(followed, moment, mine.at[asked])
        over = followed.last_until(rows[asked], np.where(due < NEVER, due, mine.at[asked]))
        answered[asked] = np.where(due < NEVER, np.minimum(answered[asked], over), -1)
        yield rows, answered
