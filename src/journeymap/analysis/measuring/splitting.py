"""Splitting a part of a log into segments or periods, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Ints, Part

__all__ = ["Key", "Split", "Splitter", "best_type", "split_interactions", "split_journeys"]

Key: TypeAlias = str | int | None
"""A segment by its name, or a period by its number."""


@frozen(eq=False)
class Split:
    """A part in the order of its segments.

    Attributes:
        part: The interactions, those of a segment together; of each, journey by journey.
        keys: The segments.
        begins: Where the journeys of each segment begin, and their number.
    """

    part: Part
    keys: tuple[Key, ...]
    begins: Ints

    def __iter__(self) -> Iterator[tuple[Key, Part]]:
        """Give each segment as a part of its own."""
        for place, key in enumerate(self.keys):
            yield key, self.part.between(int(self.begins[place]), int(self.begins[place + 1]))

    @property
    def rows(self) -> Ints:
        """Where the interactions of each segment begin, and their number."""
        return self.part.offsets[self.begins]


class Splitter(Protocol):
    """A way to split a part into segments."""

    def split(self, part: Part) -> Split:
        """Split a part; what belongs to no segment is left out."""
        ...

    def view(self, key: Any) -> Any:
        """Make the view that shows one segment alone."""
        ...


def split_journeys(part: Part, codes: Ints, keys: tuple[Key, ...]) -> Split:
    """Split journeys by a code for each, a place in the keys; below 0: in no segment."""
    order = np.argsort(codes.astype(best_type(len(keys))), kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]
    lengths = np.diff(part.offsets)[order]
    offsets = np.append(0, np.cumsum(lengths))
    rows = np.repeat(part.offsets[:-1][order] - offsets[:-1], lengths) + np.arange(offsets[-1])
    chosen = part.select_rows(rows, offsets, part.owners[order])
    return _cut(chosen, codes[order], keys)


def split_interactions(part: Part, codes: Ints, keys: tuple[Key, ...]) -> Split:
    """Split interactions by a code for each, as `split_journeys`; journeys may be cut."""
    rows = np.argsort(codes.astype(best_type(len(keys))), kind="stable")
    rows = rows[np.searchsorted(codes[rows], 0) :]
    mine, journey = codes[rows], part.journey[rows]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (mine[1:] != mine[:-1]) | (journey[1:] != journey[:-1])
    begins = np.flatnonzero(fresh)
    chosen = part.select_rows(rows, np.append(begins, len(rows)), part.owners[journey[begins]])
    return _cut(chosen, mine[begins], keys)


def best_type(size: int) -> Any:
    """Choose the smallest type of codes: those of two bytes are sorted fastest."""
    return np.int16 if size < np.iinfo(np.int16).max else np.int64


def _cut(part: Part, codes: Ints, keys: tuple[Key, ...]) -> Split:
    begins = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])
    found = tuple(keys[code] for code in codes[begins].tolist())
    return Split(part, found, np.append(begins, len(codes)))
