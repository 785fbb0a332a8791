"""Key journeys that customers are on after some of their interactions."""

from __future__ import annotations

import numpy as np

from journeymap.analysis.measuring.followed_part import FollowedPart, cut_up, read_times
from journeymap.analysis.measuring.occurrences import COMPLETED, find_occurrences
from journeymap.analysis.measuring.sequences import expand_spans
from journeymap.analysis.table.part import Ints
from journeymap.interactions.checkpoint import OpenCheckpoint

__all__ = ["find_open"]


def find_open(followed: FollowedPart, last: Ints) -> list[tuple[OpenCheckpoint, ...]]:
    """Find the key journeys that are open after some interactions, one of each journey.

    They come in the order in which they began.
    """
    part = followed.part
    begins = part.offsets[:-1][part.journey[last]]
    found: list[tuple[int, int, int, OpenCheckpoint]] = []
    for place, span in enumerate(followed.map.key_journeys.elements):
        mine = find_occurrences(part, span)
        if not len(mine.begin):
            continue
        order = np.argsort(mine.begin, kind="stable")
        begin = mine.begin[order]
        until = (mine.last - (mine.state == COMPLETED))[order]
        spot = np.searchsorted(begin, last, side="right") - 1
        there = np.flatnonzero((spot >= 0) & (begin[spot] >= begins) & (until[spot] >= last))
        rows = begin[spot[there]]
        lengths = last[there] - rows + 1
        inside = expand_spans(rows, lengths)
        touchpoints = followed.touchpoints(inside).to_list()
        departments = followed.names("department", followed.department[inside]).to_list()
        paths = cut_up(list(zip(touchpoints, departments, strict=True)), lengths)
        columns = (rows.tolist(), there.tolist(), read_times(part.at[rows]),
                   followed.tie[rows].tolist(), paths)  # fmt: skip
        for row, journey, begun, tie, path in zip(*columns, strict=True):
            found.append((row, place, journey, OpenCheckpoint(span.id, begun, tie, path)))
    opened: list[tuple[OpenCheckpoint, ...]] = [()] * len(last)
    for _, _, journey, one in sorted(found, key=lambda each: each[:2]):
        opened[journey] = (*opened[journey], one)
    return opened
