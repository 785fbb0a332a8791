"""How lengths of time spread within each cell of a table: a mergeable sketch of quantiles.

Up to 100,000 lengths are kept as they are, and their quantiles are exact. Beyond that each goes
into one of 128 buckets per doubling, so that a quantile is within 1/256 (0.4 %) of the exact one:
the log-linear histogram of DDSketch with its linear mapping (Masson, Rim, Lee 2019). Whether a
sketch is exact depends on the number of lengths alone, so merging in any order gives one answer.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

__all__ = ["BOUND", "Spread", "spread_of"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

BOUND = 1 / 256
"""How far, relatively, a quantile of more than 100,000 lengths may be from the exact one."""

_EXACT = 100_000
_DROP = 45  # bits of the mantissa dropped: 52 - 7, hence 128 buckets per doubling
_FIRST = (1023 << 7) - 1  # the bucket of one microsecond becomes 1; zero has bucket 0
_WIDE = 14


@frozen(eq=False)
class Spread:
    """Lengths of time in microseconds by cell: ``counts`` of ``values`` in ``cells``.

    ``exact`` says whether values are the lengths themselves or the numbers of their buckets.
    """

    cells: Ints
    values: Ints
    counts: Ints
    total: int
    exact: bool

    def merge(self, other: Spread) -> Spread:
        """What two spreads hold together."""
        total = self.total + other.total
        exact = total <= _EXACT
        one, two = (self, other) if exact else (self._coarse(), other._coarse())
        joined = Spread(
            np.concatenate([one.cells, two.cells]),
            np.concatenate([one.values, two.values]),
            np.concatenate([one.counts, two.counts]),
            total,
            exact,
        )
        return joined if exact else joined._compact()

    def recoded(self, cells: Ints) -> Spread:
        """The same lengths in other cells."""
        return Spread(cells, self.values, self.counts, self.total, self.exact)

    def quantiles(self, cells: Ints, shares: tuple[float, ...]) -> list[Floats]:
        """Quantiles in seconds for each of the cells asked for; NaN where a cell holds nothing."""
        order = np.lexsort((self.values, self.cells))
        held, counts = self.cells[order], self.counts[order]
        seconds = self._seconds()[order]
        ends = np.cumsum(counts)
        begin, end = np.searchsorted(held, cells), np.searchsorted(held, cells, side="right")
        before = np.append(0, ends)[begin]
        number = np.append(0, ends)[end] - before
        made = []
        for share in shares:
            place = before + np.maximum(number - 1, 0) * share
            low = np.searchsorted(ends, np.floor(place), side="right")
            high = np.searchsorted(ends, np.ceil(place), side="right")
            found = np.full(len(cells), np.nan)
            some = number > 0
            a, b = seconds[low[some]], seconds[high[some]]
            found[some] = a + (b - a) * (place - np.floor(place))[some]
            made.append(found)
        return made

    def _seconds(self) -> Floats:
        if self.exact:
            return self.values / 1e6
        edges = (np.stack([self.values, self.values + 1]) + _FIRST) << _DROP
        middle = edges.view(np.float64).mean(axis=0) / 1e6
        return np.where(self.values == 0, 0.0, middle)

    def _coarse(self) -> Spread:
        if not self.exact:
            return self
        buckets = _buckets(self.values)
        return Spread(self.cells, buckets, self.counts, self.total, exact=False)._compact()

    def _compact(self) -> Spread:
        keys = (self.cells << _WIDE) | self.values
        order = np.argsort(keys)
        ordered = keys[order]
        starts = _starts(ordered)
        counts = np.add.reduceat(self.counts[order], starts) if len(keys) else self.counts
        kept = ordered[starts]
        return Spread(kept >> _WIDE, kept & ((1 << _WIDE) - 1), counts, self.total, exact=False)


def spread_of(cells: Ints, values: Ints) -> Spread:
    """The spread of some lengths (microseconds, not negative), each in its cell."""
    total = len(values)
    if total <= _EXACT:
        return Spread(cells, values, np.ones(total, dtype=np.int64), total, exact=True)
    keys = np.sort((cells << _WIDE) | _buckets(values))
    starts = _starts(keys)
    counts = np.diff(np.append(starts, total))
    kept = keys[starts]
    return Spread(kept >> _WIDE, kept & ((1 << _WIDE) - 1), counts, total, exact=False)


def _buckets(values: Ints) -> Ints:
    bits: Ints = values.astype(np.float64).view(np.int64) >> _DROP
    return np.maximum(bits - _FIRST, 0)


def _starts(ordered: Ints) -> Ints:
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(fresh)
