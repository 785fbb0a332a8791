"""How often each combination of whole numbers came: a count that parts add up to."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from journeymap.analysis.part import Flags, Ints

__all__ = ["Counts", "counts_of", "fresh_rows"]


@frozen(eq=False)
class Counts:
    """Combinations, one array per place in them, each once and in order, and how often they came.

    When the first place is a code, ``names`` are what it stands for.
    """

    names: tuple[str | None, ...]
    keys: tuple[Ints, ...]
    count: Ints

    def merge(self, other: Counts) -> Counts:
        """What two counts hold together."""
        names = self.names
        mine, theirs = self.keys, other.keys
        if names != other.names:
            names = tuple(dict.fromkeys(self.names + other.names))
            mine, theirs = _recoded(self, names), _recoded(other, names)
        keys = tuple(np.concatenate(pair) for pair in zip(mine, theirs, strict=True))
        return counts_of(names, keys, np.concatenate([self.count, other.count]))


def counts_of(
    names: tuple[str | None, ...], keys: tuple[Ints, ...], weights: Ints | None = None
) -> Counts:
    """Count combinations, each row by its weight (None: once)."""
    order = np.lexsort(keys[::-1])
    ordered = tuple(key[order].astype(np.int64) for key in keys)
    begins = np.flatnonzero(fresh_rows(ordered))
    if weights is None:
        count = np.diff(np.append(begins, len(order)))
    else:
        count = np.add.reduceat(weights[order], begins) if len(begins) else weights[:0]
    return Counts(names, tuple(key[begins] for key in ordered), count.astype(np.int64))


def fresh_rows(ordered: tuple[Ints, ...]) -> Flags:
    """Marks the rows that differ from the one before."""
    fresh = np.ones(len(ordered[0]), dtype=bool)
    if len(fresh) > 1:
        fresh[1:] = False
        for key in ordered:
            fresh[1:] |= key[1:] != key[:-1]
    return fresh


def _recoded(counts: Counts, names: tuple[str | None, ...]) -> tuple[Ints, ...]:
    place = {name: code for code, name in enumerate(names)}
    table = np.array([place[name] for name in counts.names], dtype=np.int64)
    return (table[counts.keys[0]], *counts.keys[1:])
