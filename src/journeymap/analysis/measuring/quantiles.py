"""How lengths of time spread within each cell of a table: a mergeable sketch of quantiles.

Up to 100,000 lengths are kept as they are, and their quantiles are exact. Beyond that each goes
into one of 128 buckets per doubling, so that a quantile is within 1/256 (0.4 %) of the exact one:
the log-linear histogram of DDSketch with its linear mapping (Masson, Rim, Lee 2019). Whether a
sketch is exact depends on the number of lengths alone, so merging in any order gives one answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.table.number_order import sort_numbers

__all__ = ["BOUND", "Spread", "spread_lengths"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

BOUND = 1 / 256
"""How far, relatively, a quantile of more than 100,000 lengths may be from the exact one."""

MAX_EXACT = 100_000
"""Values kept as they are, 800 kB of them; more are counted in buckets."""
_DROP = 45  # bits of the mantissa dropped: 52 - 7, hence 128 buckets per doubling
_FIRST = (1023 << 7) - 1  # the bucket of one microsecond becomes 1; zero has bucket 0
_BUCKET_BITS = 14  # bits of a bucket's number: more than there are doublings of a microsecond
_MASK = (1 << _BUCKET_BITS) - 1


_PENDING = 1 << 24  # bucket numbers kept unsorted before they are counted together


@frozen(eq=False)
class Spread:
    """Lengths of time in microseconds by cell.

    While ``exact``, the pieces are (cell, microseconds) pairs of arrays; afterwards they are
    (key, count) pairs, a key being a cell and a bucket packed together. Pieces are only counted
    together when there are many of them or when quantiles are asked for.
    """

    pieces: tuple[tuple[Ints, Ints | None], ...]
    total: int
    exact: bool

    def merge(self, other: Spread) -> Spread:
        """Merge two spreads."""
        total = self.total + other.total
        if total <= MAX_EXACT:
            return Spread(self.pieces + other.pieces, total, exact=True)
        joined = Spread(self._coarse().pieces + other._coarse().pieces, total, exact=False)
        sizes = [len(keys) for keys, _ in joined.pieces]
        if len(sizes) > 1 and sum(sizes) > max(_PENDING, 2 * max(sizes)):
            return Spread((joined._counted(),), total, exact=False)
        return joined

    def recoded(self, table: Callable[[Ints], Ints]) -> Spread:
        """Rename the cells by a function."""
        if self.exact:
            return Spread(tuple((table(c), v) for c, v in self.pieces), self.total, exact=True)
        moved = tuple(
            (
                (table(keys.astype(np.int64) >> _BUCKET_BITS) << _BUCKET_BITS) | (keys & _MASK),
                counts,
            )
            for keys, counts in self.pieces
        )
        return Spread(moved, self.total, exact=False)

    def quantiles(self, cells: Ints, shares: tuple[float, ...]) -> list[Floats]:
        """Compute quantiles in seconds for some cells; NaN where a cell is empty."""
        held, ends, seconds = self._ordered(cells)
        begin, end = held
        before = begin if ends is None else np.append(0, ends)[begin]
        number = (end if ends is None else np.append(0, ends)[end]) - before
        some = number > 0
        made = []
        for share in shares:
            place = (number[some] - 1) * share  # within the cell, so that no other cell matters
            floor = np.floor(place)
            low = (before[some] + floor).astype(np.int64)
            high = (before[some] + np.ceil(place)).astype(np.int64)
            if ends is not None:
                low, high = (np.searchsorted(ends, spot, side="right") for spot in (low, high))
            found = np.full(len(cells), np.nan)
            found[some] = seconds(low) + (seconds(high) - seconds(low)) * (place - floor)
            made.append(found)
        return made

    def _ordered(
        self, cells: Ints
    ) -> tuple[tuple[Ints, Ints], Ints | None, Callable[[Ints], Floats]]:
        """Sort all lengths by cell.

        Where each cell begins and ends, how many lengths there are up to each place (None: one at
        each), and a function that gives the lengths at some places, in seconds.
        """
        if self.exact:
            nothing = np.zeros(0, dtype=np.int64)
            held = np.concatenate([nothing, *(cells for cells, _ in self.pieces)])
            values = np.concatenate([nothing, *(v for _, v in self.pieces if v is not None)])
            held, values = _sorted(held, values)
            spots = np.searchsorted(held, cells), np.searchsorted(held, cells, side="right")
            return spots, None, lambda places: values[places] / 1e6
        ends: Ints | None = None
        if all(counts is None for _, counts in self.pieces):
            keys = sort_numbers(np.concatenate([keys for keys, _ in self.pieces]))
        else:
            keys, counts = self._counted()
            assert counts is not None  # noqa: S101  # counting has just made them
            ends = np.cumsum(counts)
        known = cells < 1 << (32 - _BUCKET_BITS) if keys.dtype == np.uint32 else cells >= 0
        wide = np.where(known, cells, 0).astype(np.int64)  # whatever width the cells have
        edges = (wide << _BUCKET_BITS).astype(keys.dtype)
        last = edges | keys.dtype.type(_MASK)
        begin = np.searchsorted(keys, edges)
        end = np.where(known, np.searchsorted(keys, last, side="right"), begin)
        return (begin, end), ends, lambda places: _middles(keys[places] & keys.dtype.type(_MASK))

    def _coarse(self) -> Spread:
        if not self.exact:
            return self
        pieces = tuple(
            (_packed(cells, values), None) for cells, values in self.pieces if values is not None
        )
        return Spread(pieces, self.total, exact=False)

    def _counted(self) -> tuple[Ints, Ints | None]:
        """Return every key once, in order, with its count."""
        runs = [(keys, counts) for keys, counts in self.pieces if counts is not None]
        fresh = [keys for keys, counts in self.pieces if counts is None]
        if fresh:
            keys = sort_numbers(np.concatenate(fresh))
            starts = _starts(keys)
            runs.append((keys[starts].astype(np.int64), np.diff(np.append(starts, len(keys)))))
        keys = np.concatenate([keys for keys, _ in runs])
        counts = np.concatenate([counts for _, counts in runs])
        order = np.argsort(keys, kind="stable")  # which runs in order are merged by, and fast
        ordered = keys[order]
        starts = _starts(ordered)
        return ordered[starts], np.add.reduceat(counts[order], starts)


def spread_lengths(cells: Ints, values: Ints) -> Spread:
    """Make the spread of lengths of time, in microseconds, each in its cell."""
    exact = Spread(((cells, values),), len(values), exact=True)
    return exact if len(values) <= MAX_EXACT else exact._coarse()


def _sorted(cells: Ints, values: Ints) -> tuple[Ints, Ints]:
    """Cells and values in order: packed into one integer where they fit, which sorts fastest."""
    bits = int(values.max()).bit_length() if len(values) else 0
    if bits + (int(cells.max()).bit_length() if len(cells) else 0) > 63:
        order = np.lexsort((values, cells))
        return cells[order], values[order]
    keys = (cells.astype(np.int64) << bits) | values
    keys.sort()
    return keys >> bits, keys & ((1 << bits) - 1)


def _packed(cells: Ints, values: Ints) -> Ints:
    """Cell and bucket as one key, in 32 bits where it fits: half as wide sorts twice as fast."""
    small = len(cells) == 0 or int(cells.max()) < 1 << (32 - _BUCKET_BITS)
    kind: Any = np.uint32 if small else np.int64
    keys: Any = cells.astype(kind)
    keys <<= kind(_BUCKET_BITS)
    buckets = values.astype(np.float64).view(np.int64)
    buckets >>= _DROP
    buckets -= _FIRST
    np.maximum(buckets, 0, out=buckets)  # zero has the bits of a very small number
    keys |= buckets.astype(kind)
    packed: Ints = keys
    return packed


def _middles(buckets: Ints) -> Floats:
    edges = (np.stack([buckets, buckets + 1]).astype(np.int64) + _FIRST) << _DROP
    middle: Floats = edges.view(np.float64).mean(axis=0) / 1e6
    return np.where(buckets == 0, 0.0, middle)


def _starts(ordered: Ints) -> Ints:
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(fresh)
