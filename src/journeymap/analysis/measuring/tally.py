"""Sums by cell, where a cell is one name or a pair of names: what most questions measure."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.counts import mark_changes
from journeymap.analysis.measuring.quantiles import Floats, Ints, Spread, spread_lengths
from journeymap.analysis.table.number_order import group_stretches

__all__ = [
    "Tally",
    "add_lengths",
    "count_customers",
    "sum_cells_exactly",
    "sum_exactly",
    "tally_cells",
    "tally_customers",
]

Sums: TypeAlias = "dict[str, Ints]"

_MAX_DENSE = 1 << 20  # cells counted in a plain array, 8 MB; more are counted by key


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
        """Sum two tallies."""
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
        """Compute the mean length of time of each cell, over the lengths in ``count``."""
        seconds = (self.sums["high"] * 2.0**20 + self.sums["low"]) / 1e6
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.sums[count] > 0, seconds / self.sums[count], np.nan)

    def digits(self) -> list[Ints]:
        """Split each cell into its codes, one array per axis."""
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


def tally_cells(
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
    if len(names) ** axes <= _MAX_DENSE:
        counts = np.bincount(cells, minlength=1)
        keys, places = np.flatnonzero(counts), cells
    else:
        lookup, places, counts = np.unique(cells, return_inverse=True, return_counts=True)
        keys = lookup

    def added(spots: Ints, weights: Ints) -> Ints:
        found = sum_cells_exactly(spots, weights, len(counts))
        return found if lookup is not None else found[keys]

    total = counts if lookup is not None else counts[keys]
    made = {name: total if w is None else added(places, w) for name, w in columns.items()}
    nothing = np.zeros(0, dtype=np.int64)
    found = Tally(names, axes, keys, made, spread_lengths(nothing, nothing))
    return found if lengths is None else add_lengths(found, *lengths)


def add_lengths(made: Tally, cells: Ints, micros: Ints) -> Tally:
    """Add the sums and the spread of lengths of time to a tally."""
    size = int(made.keys[-1]) + 1 if len(made.keys) else 1
    if size > _MAX_DENSE:
        cells_ = np.searchsorted(made.keys, cells)
        places, size = np.arange(len(made.keys)), len(made.keys)
    else:
        cells_, places = cells.astype(np.int64, copy=False), made.keys
    high = sum_cells_exactly(cells_, micros >> 20, size)[places]
    low = sum_cells_exactly(cells_, micros & 0xFFFFF, size)[places]
    sums = {**made.sums, "high": high, "low": low}
    return Tally(made.names, made.axes, made.keys, sums, spread_lengths(cells, micros))


def sum_exactly(micros: Ints) -> int:
    """Sum microseconds without overflow: whole seconds and the rest apart."""
    whole = micros // 1_000_000
    return int(whole.sum()) * 1_000_000 + int((micros - whole * 1_000_000).sum())


def sum_cells_exactly(cells: Ints, weights: Ints, size: int) -> Ints:
    """Sum by cell: as floats, which is fastest, where none can reach 2^53."""
    largest = max(int(weights.max()), -int(weights.min())) if len(weights) else 0
    if largest * len(weights) < 2**53:
        return np.bincount(cells, weights, minlength=size).astype(np.int64)
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, cells, weights)
    return found


def count_customers(made: Tally, cells: Ints, who: Ints) -> Ints:
    """Count the customers of each cell of a tally, given as numbers."""
    if (who[1:] < who[:-1]).any():
        order = np.argsort(who, kind="stable")
        cells, who = cells[order], who[order]
    return _count_people(made, cells, np.append(np.flatnonzero(mark_changes((who,))), len(who)))


def tally_customers(names: tuple[str | None, ...], axes: int, cells: Ints, people: Ints) -> Tally:
    """Count cells and their customers at once.

    ``people`` are the places where each customer's cells begin, and the number of cells.
    """
    size = len(names) ** axes
    if size > 8 * len(cells):
        made = tally_cells(names, axes, cells, {"count": None})
        made.sums["customers"] = _count_people(made, cells, people)
        return made
    counts, customers = _count_distinct(cells, size, people)
    keys = np.flatnonzero(counts)
    nothing = np.zeros(0, dtype=np.int64)
    sums = {"count": counts[keys], "customers": customers[keys]}
    return Tally(names, axes, keys, sums, spread_lengths(nothing, nothing))


def _count_people(made: Tally, cells: Ints, people: Ints) -> Ints:
    size = int(made.keys[-1]) + 1 if len(made.keys) else 1
    if size > 8 * len(cells) + 1024:
        places = np.searchsorted(made.keys, cells)
        return _count_distinct(places, len(made.keys), people)[1]
    return _count_distinct(cells, size, people)[1][made.keys]


def _count_distinct(cells: Ints, size: int, people: Ints) -> tuple[Ints, Ints]:
    """Count rows by cell, and the customers among them; in most logs few come again."""
    grouped, begins = group_stretches(cells, size, people)
    same = grouped[1:] == grouped[:-1]
    inner = begins[1:-1]
    same[inner[(inner > 0) & (inner < len(grouped))] - 1] = False
    counts = np.diff(begins).astype(np.int64)
    repeats = np.searchsorted(np.flatnonzero(same) + 1, begins)
    return counts, counts - np.diff(repeats)


def _aligned(one: Tally, other: Tally) -> tuple[Tally, Tally]:
    if one.names == other.names:
        return one, other
    names = tuple(dict.fromkeys(one.names + other.names))
    return one._recoded(names), other._recoded(names)
