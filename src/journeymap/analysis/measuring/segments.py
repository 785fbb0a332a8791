"""Segments: journeys or interactions that share a value, a condition, or a subset."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.part_conditions import mark_matching
from journeymap.analysis.measuring.splitting import (
    Key,
    SegmentCodes,
    split_part,
)
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.analysis.where import Where, check_names
from journeymap.model import Condition

__all__ = ["OTHER", "REST", "Attribute", "Named", "SegmentSplitter", "attribute_of"]

Attribute: TypeAlias = Literal["first", "last", "mode", "each"]
Subset: TypeAlias = Condition | Where
Named: TypeAlias = tuple[tuple[str, Subset], ...]
OTHER = "(other)"
"""The segment of those that are too small to be shown alone."""
REST = "(rest)"
"""The segment of what is in none of those that were named."""


def attribute_of(question: Any) -> Attribute:
    """Find how a question is split by default: by journeys, or each interaction by itself."""
    found: Attribute = getattr(question, "default_attribute", "first")
    return found


@frozen
class SegmentSplitter:
    """Splits by a level, or by subsets with names.

    Attributes:
        by: The level, or the subsets.
        attribute: Which of a journey's values it belongs to, or whether each interaction counts by
            its own. Of subsets, a journey belongs to the one that is named first among those in
            which it has an interaction.
        rest: The name of what is in none of the subsets.
        shown: The segments that are shown alone (None: all).
    """

    by: str | Named
    attribute: Attribute
    rest: str = REST
    shown: frozenset[str] | None = None

    def codes(self, part: Part) -> SegmentCodes:
        """Find the segment of each journey or interaction of a part."""
        if isinstance(self.by, str):
            names = part.names(self.by)
            codes = self._codes_at_level(part, self.by)
        else:
            names = (self.rest, *(name for name, _ in self.by))
            codes = self._codes_of_subsets(part, self.by)
        keys: tuple[Key, ...] = names
        if self.shown is not None:
            shown = [name for name in names if name is None or name in self.shown]
            places = {name: place for place, name in enumerate(shown)}
            keys = (*shown, OTHER)
            codes = np.array([places.get(name, len(shown)) for name in names])[codes]
        if len(set(keys)) < len(keys):  # a name of the log is one of ours
            first = {key: place for place, key in reversed(list(enumerate(keys)))}
            codes = np.array([first[key] for key in keys])[codes]
        return SegmentCodes(codes, keys, self.attribute == "each")

    def _codes_at_level(self, part: Part, by: str) -> Ints:
        if self.attribute == "each":
            return part.codes(by).astype(np.int64)
        read = part.read(by)
        found = np.zeros(part.journeys, dtype=np.int64)
        if self.attribute == "mode":
            cells = read.journey * len(read.names) + read.codes
            unique, begun, counts = np.unique(cells, return_index=True, return_counts=True)
            order = np.lexsort((begun, -counts, unique // len(read.names)))
            journey = (unique // len(read.names))[order]
            most = order[np.append(True, journey[1:] != journey[:-1])[: len(order)]]
            found[unique[most] // len(read.names)] = unique[most] % len(read.names)
            return found
        rows = read.offsets[:-1] if self.attribute == "first" else read.offsets[1:] - 1
        if read.rows is None:
            return read.codes[rows].astype(np.int64)
        found[read.journey[rows]] = read.codes[rows]
        return found

    def _codes_of_subsets(self, part: Part, named: Named) -> Ints:
        codes = np.zeros(len(part), dtype=np.int64)
        if self.attribute != "each":
            codes = np.zeros(part.journeys, dtype=np.int64)
        for place, (_, subset) in enumerate(named, 1):
            marked: Flags | Ints = _mark(part, subset)
            if self.attribute != "each":
                marked = distinct(part.journey[marked])
            mine = np.zeros(len(codes), dtype=bool)
            mine[marked] = True
            codes[mine & (codes == 0)] = place
        return codes

    def view(self, key: Key) -> SegmentView:
        """Make the view that shows one segment alone."""
        return SegmentView(self, key)


@frozen
class SegmentView:
    """A view of one segment."""

    splitter: SegmentSplitter
    key: Key

    def apply(self, part: Part) -> Part:
        """Show the segment alone."""
        found = (sub for key, sub in split_part(self.splitter, part) if key == self.key)
        return next(found, part.between(0, 0))

    def without_bounds(self) -> SegmentView:
        """Return the view unchanged: it has no bounds in time."""
        return self


def _mark(part: Part, subset: Subset) -> Flags:
    if isinstance(subset, Condition):
        check_names(part, subset)
        return mark_matching(part, subset)
    marked = subset.mark(part)
    return np.ones(len(part), dtype=bool) if marked is None else marked
