"""How often each combination of whole numbers came: a count that parts add up to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import frozen

from journeymap.analysis.table.number_order import sort_numbers
from journeymap.analysis.table.part import Flags, Ints

__all__ = [
    "Counts",
    "count_combinations",
    "deduplicate_pairs",
    "distinct",
    "mark_changes",
    "rank_distinct",
]

_MAX_DENSE = 1 << 20  # cells counted in a plain array, 8 MB; more are counted by key


@frozen(eq=False)
class Counts:
    """Combinations, one array per place in them, each once and in order, and how often they came.

    When the first place is a code, ``names`` are what it stands for.
    """

    names: tuple[str | None, ...]
    keys: tuple[Ints, ...]
    count: Ints

    def merge(self, other: Counts) -> Counts:
        """Sum two counts."""
        names = self.names
        mine, theirs = self.keys, other.keys
        if names != other.names:
            names = tuple(dict.fromkeys(self.names + other.names))
            mine, theirs = _recoded(self, names), _recoded(other, names)
        keys = tuple(np.concatenate(pair) for pair in zip(mine, theirs, strict=True))
        return count_combinations(names, keys, np.concatenate([self.count, other.count]))


def distinct(numbers: Any) -> Ints:
    """List the distinct whole numbers of some, in order: where they are dense, without a sort."""
    low, high = _bounds(numbers)
    if high - low > 4 * len(numbers) + 1024:
        ordered = np.sort(numbers)
        found: Ints = ordered[np.append(True, ordered[1:] != ordered[:-1])]
        return found
    there = np.zeros(high - low + 1, dtype=bool)
    there[numbers.astype(np.int64) - low] = True
    return np.flatnonzero(there) + low


def rank_distinct(numbers: Ints) -> Ints:
    """Give each of some whole numbers its place among the distinct ones, from 0."""
    numbers = numbers.astype(np.int64, copy=False)
    low, high = _bounds(numbers)
    if high - low > 4 * len(numbers) + 1024:
        _, places = np.unique(numbers, return_inverse=True)
        return places
    there = np.zeros(high - low + 1, dtype=np.int64)
    there[numbers - low] = 1
    found: Ints = (np.cumsum(there) - 1)[numbers - low]
    return found


def _bounds(numbers: Any) -> tuple[int, int]:
    return (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, -1)


def count_combinations(
    names: tuple[str | None, ...], keys: tuple[Ints, ...], weights: Ints | None = None
) -> Counts:
    """Count combinations, each row by its weight (None: once)."""
    lows = [int(key.min()) if len(key) else 0 for key in keys]
    highs = [int(key.max()) if len(key) else 0 for key in keys]
    sizes = [high - low + 1 for low, high in zip(lows, highs, strict=True)]
    cells = math.prod(sizes)
    if weights is None and cells <= _MAX_DENSE:
        found = np.bincount(_packed(keys, lows, sizes), minlength=1)
        dense = np.flatnonzero(found)
        return Counts(names, _unpacked(dense, lows, sizes), found[dense].astype(np.int64))
    packed = _packed(keys, lows, sizes) if cells < 2**63 else None
    if packed is not None and weights is None:
        packed = sort_numbers(packed)
        begins = np.flatnonzero(mark_changes((packed,)))
        count = np.diff(np.append(begins, len(packed)))
        return Counts(names, _unpacked(packed[begins], lows, sizes), count)
    order = np.lexsort(keys[::-1]) if packed is None else np.argsort(packed)
    rows = tuple(key[order].astype(np.int64) for key in keys)
    begins = np.flatnonzero(mark_changes(rows))
    weighed = np.ones(len(order), dtype=np.int64) if weights is None else weights[order]
    count = np.add.reduceat(weighed, begins) if len(begins) else weighed[:0]
    return Counts(names, tuple(key[begins] for key in rows), count.astype(np.int64))


def deduplicate_pairs(who: Ints, what: Ints) -> tuple[Ints, Ints]:
    """Keep each pair of numbers once, in order."""
    if not len(who):
        return who, what
    lows = [int(who.min()), int(what.min())]
    sizes = [int(who.max()) - lows[0] + 1, int(what.max()) - lows[1] + 1]
    packed = _packed((who, what), lows, sizes)
    if (packed[1:] < packed[:-1]).any():
        packed = sort_numbers(packed)
    first, second = _unpacked(packed[mark_changes((packed,))], lows, sizes)
    return first, second


def mark_changes(ordered: tuple[Ints, ...]) -> Flags:
    """Mark the rows that differ from the one before."""
    fresh = np.ones(len(ordered[0]), dtype=bool)
    if len(fresh) > 1:
        fresh[1:] = False
        for key in ordered:
            fresh[1:] |= key[1:] != key[:-1]
    return fresh


def _packed(keys: tuple[Ints, ...], lows: list[int], sizes: list[int]) -> Ints:
    """Return each combination as one number that is ordered as they are."""
    packed = np.zeros(len(keys[0]), dtype=np.int64)
    for key, low, size in zip(keys, lows, sizes, strict=True):
        packed *= size
        packed += key
        packed -= low
    return packed


def _unpacked(packed: Ints, lows: list[int], sizes: list[int]) -> tuple[Ints, ...]:
    found: list[Ints] = []
    for low, size in zip(lows[::-1], sizes[::-1], strict=True):
        found.append(packed % size + low)
        packed = packed // size
    return tuple(found[::-1])


def _recoded(counts: Counts, names: tuple[str | None, ...]) -> tuple[Ints, ...]:
    place = {name: code for code, name in enumerate(names)}
    table = np.array([place[name] for name in counts.names], dtype=np.int64)
    return (table[counts.keys[0]], *counts.keys[1:])
