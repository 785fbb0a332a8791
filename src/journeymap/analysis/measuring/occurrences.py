"""The occurrences of a key journey: from its start to its end, or to where it was given up."""

from __future__ import annotations

import numpy as np
from attrs import fields, frozen

from journeymap.analysis.measuring.dormancy import NEVER, find_dormancies
from journeymap.analysis.table.part import Flags, Ints, Part, Scope
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.model import KeyJourney
from journeymap.model.instants import micros_in
from journeymap.model.matching import may_start_again

__all__ = [
    "COMPLETED",
    "DORMANT",
    "GIVEN_UP",
    "OPEN",
    "OUT_OF_TIME",
    "STARTED_AGAIN",
    "Occurrences",
    "choose_key_journeys",
    "find_occurrences",
    "first_after",
    "mark_failed",
]

OPEN, COMPLETED, GIVEN_UP = 0, 1, 2
STARTED_AGAIN, OUT_OF_TIME, DORMANT = 0, 1, 2


@frozen(eq=False)
class Occurrences:
    """Each one's first and last interaction as rows of the part, how it ended and when.

    ``over`` is the time of the end touchpoint, or at which it was given up; for one that is still
    open it is the end of the log. In a log without times nothing is given up for its time. ``why``
    it was given up is −1 for one that was not.
    """

    begin: Ints
    last: Ints
    state: Ints
    over: Ints
    why: Ints

    def select(self, places: Ints | Flags) -> Occurrences:
        """Select some of them."""
        return Occurrences(*(getattr(self, one.name)[places] for one in fields(Occurrences)))


def choose_key_journeys(scope: Scope, wanted: str | None, question: str) -> tuple[KeyJourney, ...]:
    """Choose the key journeys of a map, or one; none of an empty log without a map."""
    journey = scope.map
    if journey is None and not scope.interactions:
        return ()
    if journey is None:
        raise AnswerError(question, "key journeys are the map's: read the log with map=…")
    if wanted is None:
        return journey.key_journeys.elements
    if wanted not in journey.key_journeys:
        raise UnknownName("key journey", wanted, tuple(journey.key_journeys))
    return (journey.key_journeys[wanted],)


def find_occurrences(part: Part, span: KeyJourney) -> Occurrences:
    """Find all occurrences of a key journey in a part."""
    names = part.names("touchpoint")
    starts = part.touchpoints == names.index(span.start)
    ends = part.touchpoints == names.index(span.end)
    size = len(part)
    journey_end = np.repeat(part.offsets[1:], np.diff(part.offsets))
    restarts = may_start_again(span)
    silent, allowed = find_dormancies(part, at_ends=True)
    at = part.at if part.scope.timed else np.zeros(len(part), dtype=np.int64)
    next_start, next_end, next_silent = (_next(flags) for flags in (starts, ends, silent))
    found: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
    if restarts:  # what begins depends on what is over: one after the other, all journeys at once
        begin = next_start[part.offsets[:-1]]
        begin = begin[begin < part.offsets[1:]]
    else:  # every start begins one, whatever it gives up
        begin = np.flatnonzero(starts)
    while len(begin):
        stop = journey_end[begin]
        limit = _limit(span, at[begin], part.scope)
        end, restart = next_end[begin + 1], np.where(restarts, size, next_start[begin + 1])
        quiet, late = next_silent[begin], first_after(part, begin, stop, limit)
        # The first of these to come decides; at the same interaction, the end.
        done = (end < stop) & (end <= restart) & (end <= quiet) & (end < late)
        renewed = ~done & (restart < stop) & (restart <= quiet) & (restart < late)
        silence = (quiet < stop) & (quiet < late)
        asleep = np.full(len(begin), NEVER)
        asleep[silence] = at[quiet[silence]] + allowed[quiet[silence]]
        timed = np.where(silence, limit < asleep, (late < stop) | (part.scope.seen_until > limit))
        timed &= ~done & ~renewed
        dormant = ~done & ~renewed & ~timed & silence
        state = np.where(done, COMPLETED, np.where(renewed | timed | dormant, GIVEN_UP, OPEN))
        final = np.where(done, end, np.where(renewed, restart - 1, stop - 1))
        final = np.where(
            timed & ~silence, late - 1, np.where((timed | dormant) & silence, quiet, final)
        )
        over = np.full(len(begin), part.scope.seen_until)
        over[done], over[renewed] = at[end[done]], at[restart[renewed]]
        over[timed], over[dormant] = limit[timed], asleep[dormant]
        why = np.select([renewed, timed, dormant], [STARTED_AGAIN, OUT_OF_TIME, DORMANT], -1)
        found.append((begin, final, state, over, why))
        if not restarts:
            break
        following = next_start[np.where(done | dormant | timed, final + 1, restart)]
        following = np.where(state == OPEN, size, following)
        begin = following[following < stop]
    nothing = np.zeros(0, dtype=np.int64)
    columns = [np.concatenate([nothing, *pieces]) for pieces in zip(*found, strict=True)]
    return Occurrences(*(columns or [nothing] * 5))


def _next(flags: Flags) -> Ints:
    """For each row, and for the places beyond, the first marked row from there on."""
    size = len(flags)
    rows = np.where(flags, np.arange(size), size)
    soonest = np.minimum.accumulate(rows[::-1])[::-1]
    return np.append(soonest, [size, size])


def _limit(span: KeyJourney, begun: Ints, scope: Scope) -> Ints:
    if span.given_up_after is None or not scope.timed:
        return np.full(len(begun), NEVER)
    return begun + micros_in(span.given_up_after)


def first_after(part: Part, begin: Ints, stop: Ints, limit: Ints) -> Ints:
    """Find the first interaction of each journey after a time, or where the journey stops."""
    if not len(limit) or int(limit.min()) == NEVER:
        return stop.copy()
    low, high = begin.copy(), stop.copy()
    while (low < high).any():  # a binary search in all journeys at once
        middle = (low + high) // 2
        early = (low < high) & (part.at[np.minimum(middle, len(part) - 1)] <= limit)
        low = np.where(early, middle + 1, low)
        high = np.where((low <= high) & ~early, np.minimum(high, middle), high)
    return low


def mark_failed(part: Part) -> Flags:
    """Return which interactions failed or were abandoned."""
    if not part.knows("outcome"):
        return np.zeros(len(part), dtype=bool)
    bad = np.array([name in ("failed", "abandoned") for name in part.names("outcome")])
    return bad[part.codes("outcome")]
