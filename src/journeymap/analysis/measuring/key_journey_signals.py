"""Signals of key journeys: completed, given up, and where they depart from their plan."""

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
    pick,
    truths,
    whole_numbers,
)
from journeymap.analysis.measuring.matched_occurrences import MatchedOccurrences, list_places
from journeymap.analysis.measuring.occurrences import (
    DORMANT,
    OPEN,
    OUT_OF_TIME,
    STARTED_AGAIN,
    Occurrences,
    find_occurrences,
    mark_failed,
)
from journeymap.analysis.table.part import Ints
from journeymap.model import KeyJourney, Plan
from journeymap.model.deviations import DEVIATION_KINDS
from journeymap.model.instants import micros_in
from journeymap.model.matching import element_and_department

__all__ = ["find_key_journeys"]

_WHYS = ("started again", "out of time", "dormant")
_RANKS = np.array([4, 2, 0, 4])
"""Where what ends an occurrence comes: a new start, its time, silence; its end (−1)."""
_LAST = 2**62


def find_key_journeys(followed: FollowedPart) -> Iterator[SignalBatch]:
    """Find the signals of all key journeys of the map."""
    spans = followed.map.key_journeys.elements
    for place, span in enumerate(spans):
        found = find_occurrences(followed.part, span)
        if len(found.begin):
            # Those that are open are looked at in the order in which they began.
            order = found.begin * len(spans) + place
            yield from _Followed(followed, span, found, order).signals()


@frozen(eq=False)
class _Followed:
    """The occurrences of one key journey, and the order in which they are looked at."""

    followed: FollowedPart
    span: KeyJourney
    found: Occurrences
    order: Ints

    def signals(self) -> Iterator[SignalBatch]:
        """Find its signals."""
        yield from self._inside()
        yield self._late()
        closed = np.flatnonzero(self.found.state != OPEN)
        for why in (-1, STARTED_AGAIN, OUT_OF_TIME, DORMANT):
            chosen = closed[self.found.why[closed] == why]
            if len(chosen):
                yield from self._closing(chosen, why)

    def _inside(self) -> Iterator[SignalBatch]:
        """Find what no later interaction can heal: what failed, and what no step expects."""
        followed, begin = self.followed, self.found.begin
        part = followed.part
        lengths = self.found.last - begin + 1
        rows = list_places(begin, lengths)
        which = np.repeat(np.arange(len(begin)), lengths)
        marks = {"failed": mark_failed(part)[rows]}
        plan = Plan.of(self.span)
        if plan is not None:
            stray = [name not in plan.expected for name in part.names("touchpoint")]
            marks["ad hoc"] = np.array(stray, dtype=bool)[part.touchpoints[rows]]
        for then, (kind, marked) in enumerate(marks.items()):
            mine, some = rows[marked], which[marked]
            if not len(mine):
                continue
            yield SignalBatch("deviation", mine, part.at[mine], followed.tie[mine], 4, {
                **self._named(some),
                "deviation": kind,
                "element": followed.touchpoints(mine),
                "department": followed.names("department", followed.department[mine]),
                "place": whole_numbers(mine - begin[some]),
            }, order=self.order[some], then=np.full(len(mine), then))  # fmt: skip

    def _late(self) -> SignalBatch:
        """Find the occurrences that take longer than they should."""
        followed, found = self.followed, self.found
        late = np.zeros(0, dtype=np.int64)
        limit = found.begin[:0]
        if self.span.within is not None:
            limit = followed.part.at[found.begin] + micros_in(self.span.within)
            late = np.flatnonzero(limit < found.over)
            limit = limit[late]
        rows = followed.last_until(found.begin[late], limit)
        element, department = element_and_department(followed.map, self.span, None)
        return SignalBatch("deviation", rows, limit, followed.tie[rows], 2, {
            **self._named(late), "deviation": "late", "element": element, "department": department,
        }, later=True, order=self.order[late])  # fmt: skip

    def _closing(self, chosen: Ints, why: int) -> Iterator[SignalBatch]:
        """Find the signals with which some occurrences ended, all for one reason."""
        followed, found = self.followed, self.found.select(chosen)
        part = followed.part
        later = why in (OUT_OF_TIME, DORMANT)
        rows = found.last + 1 if why == STARTED_AGAIN else found.last
        at = found.over if later else part.at[rows]
        tie, rank, order = followed.tie[rows], int(_RANKS[why]), self.order[chosen]
        [(which, kind, step, row, _)] = [
            *MatchedOccurrences.of(part, Plan.of(self.span), found).deviations()
        ] or [(chosen[:0],) * 5]
        cells = self._deviating(found, which, kind, step, row)
        keep = cells.pop("kept").to_numpy()
        cells = {name: one.filter(pl.Series(keep)) if isinstance(one, pl.Series) else one
                 for name, one in {**self._named(chosen[which]), **cells}.items()}  # fmt: skip
        then = 2 + np.arange(len(which))[keep]
        which = which[keep]
        yield SignalBatch("deviation", rows[which], at[which], tie[which], rank, cells,
                          later=later, order=order[which], then=then)  # fmt: skip
        final = {
            "succeeded": truths(~mark_failed(part)[rows]) if why < 0 else None,
            "why": None if why < 0 else _WHYS[why],
        }
        kind_ = "key journey completed" if why < 0 else "key journey given up"
        yield SignalBatch(kind_, rows, at, tie, rank, {**self._named(chosen), **final},
                          later=later, order=order, then=np.full(len(rows), _LAST))  # fmt: skip

    def _deviating(
        self, found: Occurrences, which: Ints, kind: Ints, step: Ints, row: Ints
    ) -> dict[str, Any]:
        """Describe deviations that are known at the end; ``kept`` are those not known before."""
        followed = self.followed
        known = np.maximum(row, 0)
        element = followed.touchpoints(known)
        department = followed.names("department", followed.department[known])
        gone = np.flatnonzero(row < 0)
        for one in distinct(step[gone]).tolist():
            here = pl.Series(gone[step[gone] == one])
            name, owner = element_and_department(followed.map, self.span, one - 1)
            element[here], department[here] = name, owner
        plan = Plan.of(self.span)
        expected = list(plan.expected) if plan is not None else []
        seen = (kind == DEVIATION_KINDS.index("ad hoc")) & ~element.is_in(expected).to_numpy()
        return {
            "kept": truths(~seen),
            "deviation": pick(DEVIATION_KINDS, kind),
            "step": whole_numbers(np.where(step > 0, step, -1)),
            "element": element,
            "department": department,
            "place": whole_numbers(np.where(row >= 0, row - found.begin[which], -1)),
        }

    def _named(self, which: Ints) -> dict[str, Any]:
        """Name the key journey, and when each occurrence began."""
        followed, begin = self.followed, self.found.begin[which]
        return {
            "journey": self.span.id,
            "begun": instants(followed.part.at[begin]),
            "begun_tie": whole_numbers(followed.tie[begin]),
        }
