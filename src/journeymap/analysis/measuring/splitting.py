"""Splitting a part of a log into segments or periods, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Ints, LogView, Part

__all__ = ["Key", "SegmentCodes", "SegmentSize", "Splitter", "measure_sizes", "split_part"]

Key: TypeAlias = str | int | None
"""A segment by its name, or a period by its number."""


@frozen(eq=False)
class SegmentCodes:
    """Which segment each journey, or each interaction, belongs to.

    Attributes:
        codes: A place in the keys for each.
        keys: The segments.
        each: Whether interactions are meant.
    """

    codes: Ints
    keys: tuple[Key, ...]
    each: bool

    def order(self) -> tuple[Ints, Ints]:
        """Sort by segment; the places in that order, and their codes."""
        small = len(self.keys) < np.iinfo(np.int16).max  # codes of two bytes are sorted fastest
        codes: Any = self.codes.astype(np.int16 if small else np.int64)
        order = np.argsort(codes, kind="stable")
        return order, codes[order]


class Splitter(Protocol):
    """A way to split a part into segments."""

    def codes(self, part: Part) -> SegmentCodes:
        """Find the segment of each journey or interaction of a part."""
        ...

    def view(self, key: Any) -> LogView:
        """Make the view that shows one segment alone."""
        ...


@frozen
class SegmentSize:
    """How much a segment holds; times are microseconds since 1970."""

    journeys: int
    interactions: int
    first: int
    last: int

    def merge(self, other: SegmentSize) -> SegmentSize:
        """Sum two sizes."""
        return SegmentSize(
            self.journeys + other.journeys, self.interactions + other.interactions,
            min(self.first, other.first), max(self.last, other.last),
        )  # fmt: skip


def split_part(splitter: Splitter, part: Part) -> Iterator[tuple[Key, Part]]:
    """Split a part; give each segment as a part of its own."""
    found = splitter.codes(part)
    order, codes = found.order()
    if found.each:
        journey = part.journey[order]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (codes[1:] != codes[:-1]) | (journey[1:] != journey[:-1])
        begins = np.flatnonzero(fresh)
        codes, rows, offsets = codes[begins], order, np.append(begins, len(order))
        owners = part.owners[journey[begins]]
    else:
        lengths = np.diff(part.offsets)[order]
        offsets = np.append(0, np.cumsum(lengths))
        begun = part.offsets[:-1][order] - offsets[:-1]
        rows = np.repeat(begun, lengths) + np.arange(offsets[-1])
        owners = part.owners[order]
    chosen = part.select_rows(rows, offsets, owners)
    edges = _edges(codes)
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        key = found.keys[codes[begin]]
        yield key, chosen.between(begin, end).marked_seen(part, splitter.view(key))


def measure_sizes(splitter: Splitter, part: Part) -> Iterator[tuple[Key, SegmentSize]]:
    """Measure how much each segment of a part holds."""
    found = splitter.codes(part)
    order, codes = found.order()
    edges = _edges(codes)
    begins = edges[:-1]
    if not len(begins):
        return
    counts = np.diff(edges)
    timed = part.scope.timed
    if found.each:
        journey = part.journey[order]
        fresh = np.ones(len(order), dtype=np.int64)
        fresh[1:] = (codes[1:] != codes[:-1]) | (journey[1:] != journey[:-1])
        journeys, interactions = np.add.reduceat(fresh, begins), counts
        first = last = part.at[order] if timed else order * 0
    else:
        journeys, interactions = counts, np.add.reduceat(np.diff(part.offsets)[order], begins)
        first = part.at[part.offsets[:-1]][order] if timed else order * 0
        last = part.at[part.offsets[1:] - 1][order] if timed else first
    columns = (journeys, interactions, np.minimum.reduceat(first, begins),
               np.maximum.reduceat(last, begins))  # fmt: skip
    sizes = zip(*(column.tolist() for column in columns), strict=True)
    for place, size in zip(begins.tolist(), sizes, strict=True):
        yield found.keys[codes[place]], SegmentSize(*size)


def _edges(codes: Ints) -> Ints:
    """Find where each code begins among sorted ones, and their number."""
    begins = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])
    return np.append(begins, len(codes))
