"""Signals of moments of truth: reached, answered by their owner, and overdue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.followed_part import (
    FollowedPart,
    SignalBatch,
    instants,
    whole_numbers,
)
from journeymap.analysis.measuring.moment_conditions import find_awaiting, mark_reaching
from journeymap.analysis.table.checking import LEVELS
from journeymap.analysis.table.encoding import carried_name
from journeymap.analysis.table.part import Ints, Part
from journeymap.model import Moment
from journeymap.model.conditions import needs_score
from journeymap.model.instants import LAST_MICROS, instant, micros, micros_in
from journeymap.model.moments import FIELDS_APART

__all__ = [
    "NEVER",
    "Reached",
    "answering_rows",
    "due_times",
    "find_moments",
    "find_reached",
    "split_apart",
]

_RESOLVED, _TESTED, _BEGUN, _CONFIRMED = 5, 6, 7, 3
"""Where a moment comes: an absence that ended, a test, one that waits for nothing; time."""
_COLUMNS = frozenset((*LEVELS, "touchpoint", "stage", "phase", "score_kind", "currency"))
NEVER = 2**62


@frozen(eq=False)
class Reached:
    """How often a moment was reached, in columns.

    ``rows`` is the interaction at which it was, or the last one before, and ``later`` whether time
    reached it; ``begun`` the interaction that began it; ``order`` its place among all of its rank;
    ``about`` the code of its product, order ….
    """

    rows: Ints
    later: Ints
    at: Ints
    rank: Ints
    order: Ints
    begun: Ints
    about: Ints

    def select(self, places: Any) -> Reached:
        """Select some of them."""
        return Reached(self.rows[places], self.later[places], self.at[places], self.rank[places],
                        self.order[places], self.begun[places], self.about[places])  # fmt: skip

    def sorted_places(self) -> Ints:
        """List their places in the order in which they were reached."""
        return np.lexsort((self.order, self.rank, self.at * self.later, self.later, self.rows))


def find_moments(followed: FollowedPart) -> Iterator[SignalBatch]:
    """Find the signals of all moments of the map."""
    yield from _emit(followed, find_reached(followed))


def find_reached(followed: FollowedPart) -> list[tuple[Moment, Reached]]:
    """Find where each moment of the map is reached."""
    moments = followed.map.moments.elements
    found = []
    for place, moment in enumerate(moments):
        mine = _reach(followed, moment, place, len(moments))
        if moment.cool_down is not None:
            mine = _cool_down(followed, mine, micros_in(moment.cool_down))
        found.append((moment, mine))
    return found


def _reach(followed: FollowedPart, moment: Moment, place: int, count: int) -> Reached:
    """Find where a moment is reached, whatever it was before."""
    part, rows, about = split_apart(followed.part, moment.per)
    at = followed.part.at
    here = rows[np.flatnonzero(mark_reaching(part, moment))]
    some = [(here, here, at[here], np.full(len(here), _TESTED), here)]
    for waits in find_awaiting(part, moment):
        by, begun = waits.by, rows[waits.rows]
        timed = waits.reached & (by < 0) & (waits.at < followed.until)
        rank = np.where(by == waits.rows, _BEGUN, _RESOLVED)
        step = waits.reached & (by >= 0)
        resolved = rows[by[step]]
        some.append((resolved, begun[step], at[resolved], rank[step], begun[step]))
        last = followed.last_until(begun[timed], waits.at[timed])
        some.append((last, begun[timed], waits.at[timed], np.full(len(last), _CONFIRMED),
                     begun[timed]))  # fmt: skip
    reached, began, times, ranks, order = (
        np.concatenate(column) for column in zip(*some, strict=True)
    )
    # Those that are pending come in the order in which they began; tests in that of the map.
    tested = np.isin(ranks, (_TESTED, _BEGUN))
    order = np.where(tested, needs_score(moment.when) * (ranks == _TESTED), order) * count + place
    return Reached(reached, (ranks == _CONFIRMED).astype(np.int64), times, ranks, order, began,
                    about[began])  # fmt: skip


def split_apart(part: Part, per: str | None) -> tuple[Part, Ints, Ints]:
    """Put what is about one product, order … of a customer together, as a journey of its own.

    Also the place of each interaction in the part as it was, and the code of what it is about.
    """
    rows = np.arange(len(part))
    level = None if per is None else _level_of(part, per)
    if level is None or not len(part):
        return part, rows, np.zeros(len(part), dtype=np.int64)
    about = part.codes(level).astype(np.int64)
    order = np.lexsort((rows, about, part.journey))
    journey, mine = part.journey[order], about[order]
    begins = np.append(True, (journey[1:] != journey[:-1]) | (mine[1:] != mine[:-1]))
    starts = np.flatnonzero(begins)
    offsets = np.append(starts, len(part))
    return part.select_rows(order, offsets, part.owners[journey[starts]]), order, about


def _level_of(part: Part, per: str) -> str | None:
    """Find the level at which a log has what a moment keeps apart (None: it does not)."""
    if per in FIELDS_APART:
        return per if part.knows(per) else None
    carried = [name for name in part.recorded_levels if name not in _COLUMNS]
    return max((name for name in carried if carried_name(name) == per), default=None)


def _cool_down(followed: FollowedPart, found: Reached, length: int) -> Reached:
    """Keep those that are not reached again too soon, by each product, order …."""
    until: dict[tuple[int, int], int] = {}
    kept = []
    journeys, times, about = followed.part.journey[found.rows], found.at, found.about
    for place in found.sorted_places().tolist():
        key = (int(journeys[place]), int(about[place]))
        at = int(times[place])
        if until.get(key, at) <= at:
            until[key] = at + length
            kept.append(place)
    return found.select(np.array(kept, dtype=np.int64))


def _emit(
    followed: FollowedPart, found: list[tuple[Moment, Reached]]
) -> Iterator[SignalBatch]:  # fmt: skip
    """Make the signals of what was reached, and of what was not answered in time."""
    part, tie = followed.part, followed.tie
    numbers = _number(found)
    for (moment, mine), number in zip(found, numbers, strict=True):
        if not len(mine.rows):
            continue
        due = due_times(followed, moment, mine.at)
        answered = _answered(followed, moment, mine)
        mark = {
            "moment": moment.id,
            "owner": moment.owner,
            "begun": instants(part.at[mine.begun]),
            "begun_tie": whole_numbers(tie[mine.begun]),
            "about": _about(part, moment, mine.about),
        }
        cells = {
            **mark,
            "touchpoint": followed.touchpoints(mine.begun),
            "action": moment.action,
            "due": _maybe_instants(due),
            "answered": _maybe_instants(answered),
        }
        # One that time has reached keeps the tie of the interaction that began it.
        ties = np.where(mine.later == 1, tie[mine.begun], tie[mine.rows])
        for rank in distinct(mine.rank).tolist():
            chosen = np.flatnonzero(mine.rank == rank)
            yield SignalBatch(
                "moment reached", mine.rows[chosen], mine.at[chosen], ties[chosen], rank,
                _chosen(cells, chosen), later=rank == _CONFIRMED, order=mine.order[chosen],
            )  # fmt: skip
        over = np.flatnonzero((due < followed.until) & (answered > due))
        late = due[over]
        yield SignalBatch(
            "moment overdue", followed.last_until(mine.rows[over], late), late, ties[over], 4,
            _chosen({**mark, "reached": instants(mine.at)}, over), later=True, order=number[over],
        )  # fmt: skip


def _number(found: list[tuple[Moment, Reached]]) -> list[Ints]:
    """Count up all that was reached in its order, which is that of the deadlines of one time."""
    if not found:
        return []
    each = [mine for _, mine in found]
    together = Reached(*(
        np.concatenate([getattr(mine, name) for mine in each])
        for name in ("rows", "later", "at", "rank", "order", "begun", "about")
    ))  # fmt: skip
    places = together.sorted_places()
    numbers = np.empty(len(places), dtype=np.int64)
    numbers[places] = np.arange(len(places))
    return np.split(numbers, np.cumsum([len(mine.rows) for mine in each])[:-1])


def due_times(followed: FollowedPart, moment: Moment, at: Ints) -> Ints:
    """Find when the owner should have acted: in working time, where the owner has a calendar."""
    if moment.deadline is None:
        return np.full(len(at), NEVER)
    departments, calendars = followed.map.departments, followed.map.calendars
    owner = moment.owner
    name = departments[owner].calendar if owner is not None and owner in departments else None
    if name is None:
        due = at + micros_in(moment.deadline)
        return np.where(due < LAST_MICROS, due, NEVER)
    times, which = np.unique(at, return_inverse=True)
    ahead = [calendars[name].ahead(instant(one), moment.deadline) for one in times.tolist()]
    found = np.array([NEVER if one is None else micros(one) for one in ahead], dtype=np.int64)
    return found[which]


def _answered(followed: FollowedPart, moment: Moment, mine: Reached) -> Ints:
    """Find when the owner met the customer after a moment."""
    found = np.full(len(mine.rows), NEVER)
    following = answering_rows(followed, moment, mine.rows)
    some = following < followed.stop[mine.rows]
    found[some] = followed.part.at[following[some]]
    return found


def answering_rows(followed: FollowedPart, moment: Moment, rows: Ints) -> Ints:
    """Find the next interaction after some that the owner of a moment took.

    Where there is none it is the end of the journey, or one beyond.
    """
    part, size = followed.part, len(followed.part)
    names = part.names("department") if part.knows("department") else ()
    if moment.owner is None or moment.owner not in names:
        return np.full(len(rows), size)
    there = np.flatnonzero(followed.department == names.index(moment.owner))
    return np.append(there, size)[np.searchsorted(there, rows, side="right")]


def _about(part: Part, moment: Moment, codes: Ints) -> pl.Series | None:
    if moment.per is None:
        return None
    level = _level_of(part, moment.per)
    names = (None,) if level is None else part.names(level)
    return pl.Series([name or "" for name in names]).gather(codes.astype(np.uint32))


def _maybe_instants(times: Ints) -> pl.Series:
    return instants(np.minimum(times, LAST_MICROS)).set(pl.Series(times > LAST_MICROS), None)


def _chosen(cells: dict[str, Any], places: Ints) -> dict[str, Any]:
    return {name: one.gather(places.astype(np.uint32)) if isinstance(one, pl.Series) else one
            for name, one in cells.items()}  # fmt: skip
