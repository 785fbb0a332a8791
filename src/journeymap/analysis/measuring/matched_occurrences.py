"""Occurrences of a key journey matched with its plan: all that departs from it, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.occurrences import COMPLETED, OPEN, Occurrences, mark_failed
from journeymap.analysis.measuring.sequences import expand_spans, group_sequences
from journeymap.analysis.table.part import Ints, Part
from journeymap.model import Match, Plan
from journeymap.model.deviations import DEVIATION_KINDS

__all__ = ["Events", "MatchedOccurrences", "join_events", "late_events", "list_places"]

Events: TypeAlias = tuple[Ints, Ints, Ints, Ints, Ints]
"""Which occurrence, kind, step from 1 (0: none), row (−1: none), and microseconds too late."""


@frozen(eq=False)
class MatchedOccurrences:
    """The occurrences of a part and the match of each distinct sequence of touchpoints."""

    plan: Plan | None
    found: Occurrences
    which: Ints
    matches: tuple[Match, ...]

    @classmethod
    def of(cls, part: Part, plan: Plan | None, found: Occurrences) -> MatchedOccurrences:
        """Match each distinct sequence once."""
        lengths = found.last - found.begin + 1
        if plan is None or not len(lengths):
            return cls(None, found, np.zeros(len(lengths), dtype=np.int64), ())
        names = part.names("touchpoint")
        codes = part.touchpoints[expand_spans(found.begin, lengths)]
        offsets = np.append(0, np.cumsum(lengths))
        which, models = group_sequences(codes, offsets, names)
        sequences = [codes[offsets[m] : offsets[m + 1]].tolist() for m in models.tolist()]
        matches = [plan.match(tuple(str(names[code]) for code in one)) for one in sequences]
        return cls(plan, found, which, tuple(matches))

    @property
    def cost(self) -> int:
        """The number of deviations of all that is over."""
        costs = np.array([match.cost for match in self.matches], dtype=np.int64)
        return int(costs[self.which][self.found.state != OPEN].sum()) if len(costs) else 0

    def passed(self, steps: int) -> list[int]:
        """Count the occurrences in which each step of the plan was taken, in order or not.

        Without a plan, count those that began, and those that were completed.
        """
        if not steps:
            return [len(self.which), int((self.found.state == COMPLETED).sum())]
        taken = [0] * steps
        counts = np.bincount(self.which, minlength=len(self.matches)).tolist()
        for match, count in zip(self.matches, counts, strict=False):
            strayed = (d.step for d in match.deviations if d.kind == "out of order")
            for step in {*match.steps, *strayed} - {None}:
                taken[step] += count  # type: ignore[index]
        return taken

    def deviations(self) -> Iterator[Events]:
        """List the deviations of occurrences that are over; open ones may still be healed."""
        if not self.matches:
            return
        flat = [
            (DEVIATION_KINDS.index(d.kind), _or_none(d.step), _or_none(d.place))
            for match in self.matches
            for d in match.deviations
        ]
        sizes = np.array([len(match.deviations) for match in self.matches])
        kind, step, place = np.array(flat, dtype=np.int64).reshape(-1, 3).T
        starts = np.cumsum(sizes) - sizes
        over = np.flatnonzero(self.found.state != OPEN)
        mine = self.which[over]
        spots = list_places(starts[mine], sizes[mine])
        which = np.repeat(over, sizes[mine])
        place = place[spots]
        row = np.where(place >= 0, self.found.begin[which] + place, -1)
        yield which, kind[spots], step[spots] + 1, row, np.zeros(len(which), dtype=np.int64)

    def failures(self, part: Part) -> Events:
        """List the interactions that failed or were abandoned, with their steps."""
        lengths = self.found.last - self.found.begin + 1
        rows = list_places(self.found.begin, lengths)
        which = np.repeat(np.arange(len(lengths)), lengths)
        bad = mark_failed(part)[rows]
        rows, which = rows[bad], which[bad]
        step = np.zeros(len(rows), dtype=np.int64)
        if self.matches:
            steps = [1 + _or_none(step) for match in self.matches for step in match.steps]
            sizes = np.array([len(match.steps) for match in self.matches])
            starts = (np.cumsum(sizes) - sizes)[self.which]
            place = rows - self.found.begin[which]
            step = np.array(steps, dtype=np.int64)[starts[which] + place]
        kind = np.full(len(rows), DEVIATION_KINDS.index("failed"))
        return which, kind, step, rows, np.zeros(len(rows), dtype=np.int64)


def _or_none(place: int | None) -> int:
    """Convert a place to a number that an array can hold: −1 for none."""
    return -1 if place is None else place


def list_places(begins: Ints, lengths: Ints) -> Ints:
    """List the places of some stretches, of which some may be empty."""
    some = lengths > 0
    return expand_spans(begins[some], lengths[some])


def late_events(lost: Ints) -> Events:
    """List the occurrences that are too late, by how many microseconds each is (0: in time)."""
    which = np.flatnonzero(lost)
    none = np.zeros(len(which), dtype=np.int64)
    return which, np.full(len(which), DEVIATION_KINDS.index("late")), none, none - 1, lost[which]


def join_events(events: list[Events]) -> Events:
    """Put events together."""
    which, kind, step, row, lost = (np.concatenate(column) for column in zip(*events, strict=True))
    return which, kind, step, row, lost
