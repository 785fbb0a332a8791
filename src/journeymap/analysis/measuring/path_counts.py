"""How often each element followed the elements before it, counted in columns.

Only the longest paths are counted. What followed a shorter path is the sum of what followed the
longer ones that end with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.counts import rank_distinct
from journeymap.analysis.measuring.recent_steps import Learned
from journeymap.analysis.measuring.tally import sum_cells_exactly
from journeymap.analysis.table.part import Flags, Ints, Reading
from journeymap.model.next_steps import END, START

__all__ = ["PathCounts", "count_paths"]

Cells: TypeAlias = "np.ndarray[Any, np.dtype[np.int32]]"
_LOW = (1 << 20) - 1
_FULL = 1 << 62  # numbers up to here are held by an array


@frozen(eq=False)
class PathCounts:
    """The steps that followed paths of one length, or shorter ones where a journey began.

    Attributes:
        names: The elements, in order; a cell holds their places.
        cells: A row for each step: the period in which journeys began, the elements before, the
            nearest last, and the element that followed. ``len(names)`` stands for no element.
        count: How often each came.
        high: The waits until it, in units of 2**20 microseconds.
        low: What remains of the waits, in microseconds.
    """

    names: tuple[str, ...]
    cells: Cells
    count: Ints
    high: Ints
    low: Ints

    def __len__(self) -> int:
        return len(self.count)

    @property
    def length(self) -> int:
        """How many elements the paths have."""
        return int(self.cells.shape[1]) - 2

    def merge(self, other: PathCounts) -> PathCounts:
        """Sum two counts."""
        names = self.names
        if other.names != names:
            names = tuple(sorted({*names, *other.names}))
        both = PathCounts(
            names,
            np.concatenate([_renamed(one, names) for one in (self, other)]),
            *(np.concatenate([getattr(one, column) for one in (self, other)])
              for column in ("count", "high", "low")),
        )  # fmt: skip
        return both._grouped()

    def of_length(self, length: int) -> PathCounts:
        """Sum what followed the paths of a length."""
        begin = 1 + self.length - length
        there: Flags = self.cells[:, begin] != len(self.names)
        if not length:
            there = np.ones(len(self), dtype=bool)
        cells = np.column_stack([self.cells[there, 0], self.cells[there, begin:]])
        columns = (self.count[there], self.high[there], self.low[there])
        return PathCounts(self.names, cells, *columns)._grouped()

    def over_periods(self) -> PathCounts:
        """Sum over the periods."""
        if not self.cells[:, 0].any():
            return self
        cells = self.cells.copy()
        cells[:, 0] = 0
        return PathCounts(self.names, cells, self.count, self.high, self.low)._grouped()

    def mark_timed(self, *, timed: bool) -> Flags:
        """Mark the steps until which a wait is known; none in a log without times."""
        if not self.length or not timed:
            return np.zeros(len(self), dtype=bool)
        start, end = (_place(self.names, name) for name in (START, END))
        found: Flags = (self.cells[:, -2] != start) & (self.cells[:, -1] != end)
        return found

    def number_paths(self) -> Ints:
        """Give each step the number of its path, in the order of their names."""
        return _ranked(self.cells[:, 1:-1], len(self.names) + 1)

    def iterate(
        self, *, timed: bool
    ) -> Iterator[tuple[int, tuple[str, ...], str, tuple[int, int, int]]]:
        """Yield each step: the period, the path, the element, and how often, timed, and the waits.

        Args:
            timed: Whether the log has times.

        Yields:
            One for each row, in order.
        """
        names = self.names
        known = self.mark_timed(timed=timed)
        sums = (self.count, np.where(known, self.count, 0), self.high, self.low)
        columns = (self.cells.tolist(), *(column.tolist() for column in sums))
        for (period, *path, name), count, waits, high, low in zip(*columns, strict=True):
            micros = (high << 20) + low if waits else 0
            yield period, tuple([names[n] for n in path]), names[name], (count, waits, micros)

    def learned(self, *, timed: bool) -> Learned:
        """Make what followed each path, by the period, up to the longest."""
        found: Learned = {}
        for length in range(self.length + 1):
            for period, path, name, sums in self.of_length(length).iterate(timed=timed):
                found.setdefault((period, path), {})[name] = sums
        return dict(sorted(found.items()))

    def _grouped(self) -> PathCounts:
        """Sum equal rows, and put them in order."""
        if not len(self):
            return self
        which = _ranked(self.cells, max(int(self.cells[:, 0].max()), len(self.names)) + 1)
        size = int(which.max()) + 1
        example = np.zeros(size, dtype=np.int64)
        example[which] = np.arange(len(which))
        sums = (sum_cells_exactly(which, column, size)
                for column in (self.count, self.high, self.low))  # fmt: skip
        return PathCounts(self.names, self.cells[example], *sums)


def count_paths(read: Reading, longest: int, periods: Ints | None) -> PathCounts:
    """Count what followed the paths of a length, or shorter ones where a journey began.

    Args:
        read: The interactions of a part, by one level.
        longest: How many elements a path has, at most.
        periods: The period in which each journey began (None: that does not matter).
    """
    names = tuple(sorted({START, END, *map(str, read.names[1:])}))
    if not len(read.codes):
        nothing = np.zeros(0, dtype=np.int64)
        return PathCounts(
            names, np.zeros((0, longest + 2), dtype=np.int32), nothing, nothing, nothing
        )
    numbers = {name: number for number, name in enumerate(names)}
    lookup = np.array([0, *(numbers[str(name)] for name in read.names[1:])], dtype=np.int32)
    inner, lengths = lookup[read.codes], np.diff(read.offsets)
    ends = read.offsets[1:]
    place = np.arange(len(inner)) - np.repeat(read.offsets[:-1], lengths)
    place = np.concatenate([np.minimum(place, longest), np.minimum(lengths, longest)])
    columns = []
    if periods is not None:
        columns.append(np.concatenate([np.repeat(periods, lengths), periods]).astype(np.int32))
    for back in range(longest, 0, -1):
        before = np.empty(len(place), dtype=np.int32)
        before[back : len(inner)] = inner[:-back]
        before[len(inner) :] = inner[np.maximum(ends - back, 0)]
        before[place < back] = len(names)
        before[place == back - 1] = numbers[START]
        columns.append(before)
    columns.append(np.concatenate([inner, np.full(len(ends), numbers[END], dtype=np.int32)]))
    return _summed(read, names, columns, longest)


def _summed(
    read: Reading, names: tuple[str, ...], columns: list[Cells], longest: int
) -> PathCounts:
    """Sum the steps that are alike, with their waits."""
    base = len(names) + 1
    which = _packed(columns, [int(c.max()) + 1 if c.max() >= base else base for c in columns])
    count = np.bincount(which)
    example = np.zeros(len(count), dtype=np.int64)
    example[which] = np.arange(len(which))
    cells = np.zeros((len(count), longest + 2), dtype=np.int32)
    for place, column in enumerate(reversed(columns), 1):
        cells[:, -place] = column[example]
    high = low = np.zeros(len(count), dtype=np.int64)
    if read.part.scope.timed:
        inside = which[: len(read.codes)]
        waits = np.where(read.first, 0, np.diff(read.at, prepend=0))
        high, low = (sum_cells_exactly(inside, part, len(count))
                     for part in (waits >> 20, waits & _LOW))  # fmt: skip
    return PathCounts(names, cells, count, high, low)


def _ranked(cells: Cells, base: int) -> Ints:
    """Give each row its place among the distinct ones, in their order."""
    if not cells.shape[1]:
        return np.zeros(len(cells), dtype=np.int64)
    return _packed([cells[:, n] for n in range(cells.shape[1])], [base] * cells.shape[1])


def _packed(columns: list[Cells], bases: list[int]) -> Ints:
    """Give each row of some columns its place among the distinct ones, in their order."""
    key = columns[0].astype(np.int64)
    size = bases[0]
    for column, base in zip(columns[1:], bases[1:], strict=True):
        if size > _FULL // base:
            key = rank_distinct(key)
            size = len(key)
        key = key * base + column
        size *= base
    return rank_distinct(key)


def _renamed(one: PathCounts, names: tuple[str, ...]) -> Cells:
    """Give the cells by the places of other names."""
    if one.names == names:
        return one.cells
    numbers = {name: number for number, name in enumerate(names)}
    lookup = np.array([*(numbers[name] for name in one.names), len(names)], dtype=np.int32)
    return np.column_stack([one.cells[:, :1], lookup[one.cells[:, 1:]]])


def _place(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else -1
