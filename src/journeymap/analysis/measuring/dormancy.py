"""Where a customer was silent for longer than the map allows."""

from __future__ import annotations

import numpy as np

from journeymap.analysis.grouping import Per, Sessions
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.model.instants import MICROSECOND, micros_in

__all__ = ["NEVER", "find_dormancies", "mark_ends", "mark_last", "stage_codes"]

NEVER = np.iinfo(np.int64).max


def stage_codes(part: Part) -> Ints:
    """Find the stage in which each interaction leaves its customer, as a code.

    It is that of the last interaction with a stage; 0 before the first.
    """
    codes = part.codes("stage").astype(np.int64)
    begins = part.offsets[:-1][part.journey]
    seen = np.maximum.accumulate(np.where(codes > 0, np.arange(len(part)), -1))
    return np.where(seen >= begins, codes[seen], 0)


def mark_ends(part: Part) -> Flags:
    """Mark the interactions with which the map lets a journey end."""
    ends = part.scope.map.tables.ends if part.scope.map else frozenset()
    known = np.array([name in ends for name in part.names("touchpoint")], dtype=bool)
    found: Flags = known[part.touchpoints]
    return found


def mark_last(part: Part) -> Flags:
    """Mark the interactions after which nothing comes of a journey, or of a customer's sessions.

    Sessions are cut out of one journey: what ends the silence after one is the next one.
    """
    whose = part.journey
    if part.sees(Sessions) and not part.sees(Per):
        whose = part.customer
    return np.append(whose[1:] != whose[:-1], True)[: len(part)]


def find_dormancies(
    part: Part, until: int | None = None, *, at_ends: bool = False
) -> tuple[Flags, Ints]:  # fmt: skip
    """Mark the interactions after which the customer went dormant; also the silence allowed there.

    The silence after a journey's last interaction reaches up to the end of the log, also in a view
    of some of it (one with an end, up to that), or to ``until``, in microseconds since 1970. In a
    log without times no one is known to be dormant, nor after an interaction with which a journey
    may end, unless ``at_ends``: such a silence gives up what is open, too.
    """
    journey = part.scope.map
    limits = journey.tables.dormant_after if journey else (None,)
    cut = (None if limit is None else micros_in(limit * MICROSECOND) for limit in limits)
    allowed = np.array([NEVER if limit is None else limit for limit in cut], dtype=np.int64)
    if not len(part):
        return np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64)
    position = stage_codes(part)
    limit = allowed[position]
    if not at_ends:
        limit = np.where(mark_ends(part), NEVER, limit)
    if not part.scope.timed:
        return np.zeros(len(part), dtype=bool), limit
    final = mark_last(part)
    end = part.scope.seen_until if until is None else until
    over = np.where(final, end, np.append(part.at[1:], 0))
    return (over - part.at >= limit) & (position > 0), limit
