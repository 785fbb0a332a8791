"""Sequences of conditions, followed through all journeys of a part at once.

Of the runs of a sequence that have come as far, only the latest is followed: what interrupts one
interrupts them all, and the latest has the most time left.
"""

from __future__ import annotations

from collections.abc import Sequence as Several

import numpy as np

from journeymap.analysis.table.part import Flags, Ints, Part, require_times
from journeymap.model import Sequence
from journeymap.model.instants import micros_in

__all__ = ["mark_completing"]


def mark_completing(
    part: Part, sequence: Sequence, points: Several[Flags], gaps: Several[Flags | None],
    begin: Flags | None = None,
) -> tuple[Flags, Flags]:  # fmt: skip
    """Mark the interactions that complete a sequence, and those that do not.

    Args:
        part: The part.
        sequence: The sequence.
        points: Where each of its points holds.
        gaps: Where something holds that must not come before each point, or after the last (None:
            there is nothing of the kind).
        begin: Where it may begin (None: anywhere).

    Returns:
        The two marks; neither is set where what must not come may still come in time.
    """
    size, rows = len(part), np.arange(len(part))
    floor = part.offsets[:-1][part.journey] if size else np.zeros(0, dtype=np.int64)
    here = points[0].copy()
    if sequence.occurrence != "any":
        here &= _extreme(part, here, first=sequence.occurrence == "first")
    if begin is not None:
        here &= begin
    if gaps[0] is not None:
        here &= _before(gaps[0]) < floor
    begun = np.where(here, rows, -1)
    for point, gap in zip(points[1:], gaps[1:-1], strict=True):
        run = _before(here)
        alive = run >= floor
        if sequence.consecutive:
            alive &= run == rows - 1
        if gap is not None:
            alive &= run >= _before(gap)
        here = point & alive
        begun = np.where(here, begun[np.maximum(run, 0)], -1)
    if sequence.within is not None:
        require_times(part.scope, f"within of a sequence ({sequence})")
        late = part.at - part.at[np.maximum(begun, 0)] > micros_in(sequence.within)
        here &= ~late
    return _unbroken(part, sequence, here, begun, gaps[-1])


def _unbroken(
    part: Part, sequence: Sequence, here: Flags, begun: Ints, gap: Flags | None
) -> tuple[Flags, Flags]:
    """Judge what must not come after the last point."""
    if gap is None:
        return here, ~here
    following = _behind(gap)
    broken = following < part.offsets[1:][part.journey]
    open_ = np.zeros(len(part), dtype=bool)
    if sequence.within is not None:
        limit = part.at[np.maximum(begun, 0)] + micros_in(sequence.within)
        in_time = part.at[np.minimum(following, len(part) - 1)] <= limit
        broken &= in_time
        open_ = here & ~broken & (part.scope.seen_until <= limit)
    yes: Flags = here & ~broken & ~open_
    return yes, ~yes & ~open_


def _before(flags: Flags) -> Ints:
    """For each row, the last marked row before it, or -1."""
    rows = np.where(flags, np.arange(len(flags)), -1)
    latest = np.maximum.accumulate(rows) if len(rows) else rows
    return np.concatenate([np.full(min(1, len(rows)), -1), latest[:-1]])


def _behind(flags: Flags) -> Ints:
    """For each row, the first marked row after it, or the number of rows."""
    size = len(flags)
    rows = np.where(flags, np.arange(size), size)
    soonest = np.minimum.accumulate(rows[::-1])[::-1] if size else rows
    return np.append(soonest[1:], [size])[:size]


def _extreme(part: Part, flags: Flags, *, first: bool) -> Flags:
    """Mark the first or the last marked row of each journey."""
    found = np.zeros(len(part), dtype=bool)
    rows = np.flatnonzero(flags)
    journeys = part.journey[rows]
    if first:
        _, places = np.unique(journeys, return_index=True)
    else:
        _, places = np.unique(journeys[::-1], return_index=True)
        places = len(rows) - 1 - places
    found[rows[places]] = True
    return found
