"""Sums by cell, where a cell is one name or a pair of names: what most questions measure."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.spread import Floats, Ints, Spread, spread_of

__all__ = ["Tally", "distinct", "sums", "tally"]

Sums: TypeAlias = "dict[str, Ints]"

_DENSE = 1 << 20


@frozen(eq=False)
class Tally:
    """Whole-number sums by cell, which add up exactly in any order.

    A cell of ``keys`` is a code, or source code × number of names + target code; ``sums`` holds
    a number for each cell by name; lengths of time are in ``spread`` and, summed, in ``seconds``
    and ``micros`` (apart, so that no sum can overflow).
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
        seconds = self.sums["seconds"] + self.sums["micros"] / 1e6
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
        spread = self.spread.recoded(moved(self.spread.cells))
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
    size = len(names) ** axes
    if size <= _DENSE:
        keys, places = np.flatnonzero(np.bincount(cells, minlength=1)), cells
        lookup: Ints | None = None
    else:
        keys, places = np.unique(cells, return_inverse=True)
        lookup = keys
    made: Sums = {}
    for name, weights in columns.items():
        made[name] = sums(places, weights, keys if lookup is None else None)
    if lengths is None:
        nothing = np.zeros(0, dtype=np.int64)
        return Tally(names, axes, keys, made, spread_of(nothing, nothing))
    where, micros = lengths
    spots = where if lookup is None else np.searchsorted(lookup, where)
    whole = micros // 1_000_000
    for name, column in (("seconds", whole), ("micros", micros - whole * 1_000_000)):
        made[name] = sums(spots, column, keys if lookup is None else None, len(keys))
    return Tally(names, axes, keys, made, spread_of(where, micros))


def sums(places: Ints, weights: Ints | None, keys: Ints | None, size: int = 0) -> Ints:
    """The sum of weights (or the count) at each place; at ``keys`` alone when they are given.

    The weights of a part are whole and their sum lies below 2^53, so floating sums are exact.
    """
    length = int(keys[-1]) + 1 if keys is not None and len(keys) else size
    found = np.bincount(places, weights, minlength=length)
    made = found.astype(np.int64)
    return made[keys] if keys is not None else made


def distinct(cells: Ints, who: Ints, many: int) -> tuple[Ints, Ints]:
    """Each pair of cell and customer once; ``many`` bounds the customers' numbers."""
    pairs = np.sort(cells * many + who)
    fresh = np.ones(len(pairs), dtype=bool)
    fresh[1:] = pairs[1:] != pairs[:-1]
    kept = pairs[fresh]
    return kept // many, kept % many


def _aligned(one: Tally, other: Tally) -> tuple[Tally, Tally]:
    if one.names == other.names:
        return one, other
    names = tuple(dict.fromkeys(one.names + other.names))
    return one._recoded(names), other._recoded(names)
