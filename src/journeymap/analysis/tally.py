"""Sums by cell, where a cell is one name or a pair of names: what most questions measure."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.spread import Floats, Ints, Spread, spread_of

__all__ = ["Tally", "customers_of", "tally"]

Sums: TypeAlias = "dict[str, Ints]"

_DENSE = 1 << 20


@frozen(eq=False)
class Tally:
    """Whole-number sums by cell, which add up exactly in any order.

    A cell of ``keys`` is a code, or source code × number of names + target code; ``sums`` holds
    a number for each cell by name; lengths of time are in ``spread`` and, summed, in ``high``
    and ``low`` (multiples of 2^20 microseconds and the rest, so that no sum can overflow).
    """

    names: tuple[str | None, ...]
    axes: int
    keys: Ints
    sums: Sums
    spread: Spread

    def merge(self, other: Tally) -> Tally:
        """What two tallies hold together."""
        one, two = _aligned(self, other)
        spread = one.spread.merge(two.spread)
        if np.array_equal(one.keys, two.keys):
            added = {name: one.sums[name] + two.sums[name] for name in one.sums}
            return Tally(one.names, one.axes, one.keys, added, spread)
        keys, places = np.unique(np.concatenate([one.keys, two.keys]), return_inverse=True)
        added = {}
        for name in one.sums:
            added[name] = np.zeros(len(keys), dtype=np.int64)
            np.add.at(added[name], places, np.concatenate([one.sums[name], two.sums[name]]))
        return Tally(one.names, one.axes, keys, added, spread)

    def mean_seconds(self, count: str) -> Floats:
        """The mean length of time of each cell, over the lengths counted by ``count``."""
        seconds = (self.sums["high"] * 2.0**20 + self.sums["low"]) / 1e6
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.sums[count] > 0, seconds / self.sums[count], np.nan)

    def digits(self) -> list[Ints]:
        """The codes of each cell, one array per axis."""
        size = len(self.names)
        return [self.keys // size, self.keys % size] if self.axes == 2 else [self.keys]

    def _recoded(self, names: tuple[str | None, ...]) -> Tally:
        place = {name: code for code, name in enumerate(names)}
        table = np.array([place[name] for name in self.names], dtype=np.int64)

        def moved(keys: Ints) -> Ints:
            size = len(self.names)
            if self.axes == 1:
                return table[keys]
            return table[keys // size] * len(names) + table[keys % size]

        keys = moved(self.keys)
        order = np.argsort(keys)
        sums_ = {name: column[order] for name, column in self.sums.items()}
        spread = self.spread.recoded(moved)
        return Tally(names, self.axes, keys[order], sums_, spread)


def tally(
    names: tuple[str | None, ...],
    axes: int,
    cells: Ints,
    columns: dict[str, Ints | None],
    lengths: tuple[Ints, Ints] | None = None,
) -> Tally:
    """Count cells, and sum each column by cell (None: count the rows).

    ``lengths`` are (cells, microseconds): their sums and spread are kept too; their cells must
    be among ``cells``.
    """
    lookup: Ints | None = None
    if len(names) ** axes <= _DENSE:
        counted = np.bincount(cells, minlength=1)
        keys, places = np.flatnonzero(counted), cells
    else:
        lookup, places, counted = np.unique(cells, return_inverse=True, return_counts=True)
        keys = lookup

    def added(spots: Ints, weights: Ints) -> Ints:
        """Exact sums: as floats, which is fastest, where none can reach 2^53; else as they are."""
        largest = max(int(weights.max()), -int(weights.min())) if len(weights) else 0
        if largest * len(weights) < 2**53:
            found = np.bincount(spots, weights, minlength=len(counted)).astype(np.int64)
        else:
            found = np.zeros(len(counted), dtype=np.int64)
            np.add.at(found, spots, weights)
        return found if lookup is not None else found[keys]

    total = counted if lookup is not None else counted[keys]
    made = {name: total if w is None else added(places, w) for name, w in columns.items()}
    if lengths is None:
        nothing = np.zeros(0, dtype=np.int64)
        return Tally(names, axes, keys, made, spread_of(nothing, nothing))
    where, micros = lengths
    spots = where if lookup is None else np.searchsorted(lookup, where)
    made["high"], made["low"] = added(spots, micros >> 20), added(spots, micros & 0xFFFFF)
    return Tally(names, axes, keys, made, spread_of(where, micros))


def customers_of(made: Tally, cells: Ints, who: Ints) -> Ints:
    """How many customers each cell of a tally has; ``who`` are numbers of customers.

    Each pair of cell and customer is packed into one integer and sorted, which is the fastest
    way to see it once.
    """
    if not len(who):
        return np.zeros(len(made.keys), dtype=np.int64)
    base, most = int(who.min()), int(who.max())
    bits = (most - base).bit_length()
    small = bits + int(made.keys[-1]).bit_length() <= 32 and most < 2**32
    kind: Any = np.uint32 if small else np.int64  # half as wide is twice as fast
    pairs: Any = cells.astype(kind)
    pairs <<= kind(bits)
    pairs += who.astype(kind, copy=False)
    pairs -= kind(base)
    pairs.sort()
    fresh = np.ones(len(pairs), dtype=np.int32)
    np.not_equal(pairs[1:], pairs[:-1], out=fresh[1:], casting="unsafe")
    begins = np.searchsorted(pairs, made.keys.astype(kind) << kind(bits))
    # A cell without customers would begin where the next one does, and reduceat would count it.
    counted: Ints = np.add.reduceat(np.append(fresh, 0), begins)
    return np.where(np.diff(np.append(begins, len(pairs))) > 0, counted, 0)


def _aligned(one: Tally, other: Tally) -> tuple[Tally, Tally]:
    if one.names == other.names:
        return one, other
    names = tuple(dict.fromkeys(one.names + other.names))
    return one._recoded(names), other._recoded(names)
