"""Variants: the sequences of whole journeys, and how many took each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, evolve, field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.sequences import (
    Hashes,
    expand_spans,
    group_exactly,
    hash_sequences,
    order_sequences,
    verify_hashes,
)
from journeymap.analysis.row_fields import Count, N, PathKey, Share
from journeymap.analysis.table.coding import Codes, code_type, rank_names
from journeymap.analysis.table.part import Ints, Part, Scope
from journeymap.exceptions import ElementError
from journeymap.model.rules import of_type

__all__ = ["Variant", "Variants", "VariantsAnswer"]

_AT_ONCE = 1 << 19  # sequences whose names are looked up together
_PENDING = 4_000_000  # codes kept before equal sequences are joined


@frozen
class Variant:
    """One sequence of elements from the first interaction to the last.

    Attributes:
        path: The names at the level asked for.
        count: How many journeys took it.
        customers: How many customers did.
        share: Their share of all journeys.
        n: How many journeys there are.
    """

    path: PathKey
    count: Count
    customers: Count
    share: Share
    n: N


@frozen(eq=False, repr=False)
class VariantsAnswer(Answer[Variant]):
    """The sequences of a log, the most frequent first.

    Attributes:
        distinct: How many different sequences there are in all.
    """

    Row = Variant
    distinct: int = field(default=0, kw_only=True)

    def notes(self) -> list[str]:
        """Write how many there are.

        Returns:
            One sentence.
        """
        return [f"{self.distinct:,} distinct journeys"]


@frozen(eq=False)
class _Piece:
    """Sequences of some journeys: a hash of each, what each counts, and the codes, end to end."""

    hashes: Hashes
    counts: Ints
    customers: Ints
    codes: Codes
    offsets: Ints


@frozen(eq=False)
class Sequences:
    """Sequences as they were measured, piece by piece; equal ones are joined when it pays."""

    names: tuple[str | None, ...]
    pieces: tuple[_Piece, ...]


@frozen
class Variants:
    """Count whole sequences of elements, and how many journeys took each.

    Attributes:
        by: The level at which interactions are read.
        top: How many of the most frequent are kept (None: all).
        collapse: Whether immediate repeats are folded into one.

    Raises:
        ElementError: ``top`` is no whole number.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["x", "x", "x"],
    ...                       "at": [0, 60, 5]}, Columns(at_unit="s"))
    >>> [(v.path, v.count) for v in log.ask(Variants(collapse=True))]
    [(('x',), 2)]
    """

    by: str = field(default="touchpoint", validator=of_type(str))
    top: int | None = field(default=None)
    collapse: bool = field(default=False, validator=of_type(bool), kw_only=True)

    @top.validator
    def _check(self, attribute: Attribute[int | None], value: int | None) -> None:
        if value is not None and (type(value) is not int or value < 0):
            raise ElementError("Variants", "top", value, "a whole number or None is expected")

    def measure(self, part: Part) -> Sequences:
        """Find the sequences of a part."""
        names, codes, offsets, owners = self._sequences(part)
        hashes = hash_sequences(codes, offsets, names)
        ones = np.ones(len(hashes), dtype=np.int64)
        customers = ones if part.single else _first_of_customer(hashes, owners)
        return Sequences(names, (_Piece(hashes, ones, customers, codes, offsets),))

    def _sequences(self, part: Part) -> tuple[tuple[str | None, ...], Any, Ints, Ints]:
        """Find names, codes, where each journey's begin, and the customer of each."""
        read = part.read(self.by)
        codes, offsets = read.codes, read.offsets
        owners: Ints = part.owners if read.rows is None else read.customer[offsets[:-1]]
        if self.collapse and len(codes):
            fresh = read.first.copy()
            fresh[1:] |= codes[1:] != codes[:-1]
            offsets = np.append(0, np.cumsum(fresh))[offsets]
            codes = codes[fresh]
        return read.names, codes, offsets, owners

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count"):
            return None
        names, codes, offsets, owners = self._sequences(part)
        path = list(row["path"])
        if not set(path) <= set(names):
            return owners[:0]
        wanted = np.array([names.index(name) for name in path], dtype=np.int64)
        alike = np.flatnonzero(np.diff(offsets) == len(path))
        places = offsets[alike][:, None] + np.arange(len(path))
        found: Ints = owners[alike[(codes[places] == wanted).all(axis=1)]]
        return found

    def merge(self, one: Sequences, other: Sequences) -> Sequences:
        """Put sequences side by side; join equal ones when there are many."""
        names = one.names
        if one.names != other.names:
            names = tuple(dict.fromkeys(one.names + other.names))
            one, other = _recoded(one, names), _recoded(other, names)
        pieces = one.pieces + other.pieces
        sizes = [len(piece.codes) for piece in pieces]
        enough = max(_PENDING, 3 * max(sizes))  # so that what is joined is not joined again soon
        if len(sizes) > 1 and sum(sizes) > enough:
            pieces = (_joined(pieces).piece(),)
        return Sequences(names, pieces)

    def answer(self, measured: Sequences, scope: Scope) -> VariantsAnswer:
        """Order the sequences, the most frequent first, equal ones by their names."""
        found = _joined(measured.pieces)
        total = int(found.counts.sum())
        names = [name or "" for name in measured.names]
        kept = _ordered(found, _most(found.counts, self.top), names)[: self.top]
        counts = found.counts[kept]
        frame = pl.DataFrame(
            {
                "path": _paths(found, kept, names),
                "count": counts,
                "customers": found.customers[kept],
                "share": counts / max(total, 1),
                "n": np.full(len(kept), total),
            },
            schema=VariantsAnswer.schema(),
        )
        return VariantsAnswer(frame, distinct=len(found.counts))


def _most(counts: Ints, top: int | None) -> Ints:
    """Find the places of the largest counts, and of those that tie with the last of them."""
    if top is None or top >= len(counts):
        return np.arange(len(counts))
    several = np.flatnonzero(counts > 1)  # most sequences of a large log come once
    if len(several) < top or not top:
        return np.arange(len(counts)) if top else several[:0]
    kept = counts[several]
    most: Ints = several[kept >= np.partition(kept, len(kept) - top)[-top]]
    return most


def _ordered(found: _Groups, chosen: Ints, names: list[str]) -> Ints:
    """Sort the chosen sequences, the most frequent first, equal ones by their names."""
    order = order_sequences(
        found.codes, found.begins[chosen], found.lengths[chosen], rank_names(names),
        found.counts[chosen],
    )  # fmt: skip
    return chosen[order]


def _paths(found: _Groups, kept: Ints, names: list[str]) -> pl.Series:
    """Make the names of each sequence a column of lists, some at a time: there may be millions."""
    made = [pl.Series("path", [], dtype=pl.List(pl.String))]
    kind = pl.Enum(names)
    for begin in range(0, len(kept), _AT_ONCE):
        some = kept[begin : begin + _AT_ONCE]
        spots = expand_spans(found.begins[some], found.lengths[some])
        which = np.repeat(np.arange(len(some), dtype=np.uint32), found.lengths[some])
        steps = pl.Series(found.codes[spots].astype(np.uint32)).cat.to(kind)
        frame = pl.DataFrame({"which": which, "path": steps})
        lists = frame.group_by("which", maintain_order=True).agg("path")["path"]
        made.append(lists.cast(pl.List(pl.String)))
    return pl.concat(made, rechunk=False)


def _recoded(paths: Sequences, names: tuple[str | None, ...]) -> Sequences:
    place = {name: code for code, name in enumerate(names)}
    table = np.array([place[name] for name in paths.names], dtype=code_type(len(names)))
    return Sequences(
        names, tuple(evolve(piece, codes=table[piece.codes]) for piece in paths.pieces)
    )


def _first_of_customer(hashes: Hashes, owners: Ints) -> Ints:
    """1 where a customer takes a sequence for the first time, 0 where it takes it again."""
    fresh = np.ones(len(owners), dtype=np.int64)
    order = np.lexsort((hashes, owners))
    h, o = hashes[order], owners[order]
    fresh[order[1:][(h[1:] == h[:-1]) & (o[1:] == o[:-1])]] = 0
    return fresh


@frozen(eq=False)
class _Groups:
    """The distinct ones of some sequences: a first of each, and what all of a kind count."""

    codes: Codes
    begins: Ints
    lengths: Ints
    hashes: Hashes
    counts: Ints
    customers: Ints

    def piece(self) -> _Piece:
        """Keep the distinct sequences alone, in the order they lie in, without an index."""
        inside = np.zeros(len(self.codes) + 1, dtype=np.int8)
        inside[self.begins] += 1
        inside[self.begins + self.lengths] -= 1
        codes = self.codes[np.cumsum(inside[:-1], dtype=np.int8).view(bool)]
        order = np.argsort(self.begins)
        offsets = np.append(0, np.cumsum(self.lengths[order]))
        counts = self.counts[order]
        shared = self.customers is self.counts
        customers = counts if shared else self.customers[order]
        return _Piece(self.hashes[order], counts, customers, codes, offsets)


def _joined(pieces: tuple[_Piece, ...]) -> _Groups:
    """Join equal sequences and sum their counts."""
    hashes = np.concatenate([piece.hashes for piece in pieces])
    codes = np.concatenate([piece.codes for piece in pieces])
    lengths = np.concatenate([np.diff(piece.offsets) for piece in pieces])
    begins = np.append(0, np.cumsum(lengths))[:-1]
    order = np.argsort(hashes)
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = hashes[order[1:]] != hashes[order[:-1]]
    starts = np.flatnonzero(fresh)
    repeated = ~fresh
    models = order[starts[np.cumsum(fresh)[repeated] - 1]]
    if not verify_hashes(codes, begins, lengths, order[repeated], models):
        order, starts = group_exactly(codes, begins, lengths)
    keep = order[starts]
    counts = _summed([piece.counts for piece in pieces], order, starts)
    customers = counts  # the same column where nobody has several journeys
    if any(piece.customers is not piece.counts for piece in pieces):
        customers = _summed([piece.customers for piece in pieces], order, starts)
    return _Groups(codes, begins[keep], lengths[keep], hashes[keep], counts, customers)


def _summed(columns: list[Ints], order: Ints, starts: Ints) -> Ints:
    """Sum each run of equal sequences, the sequences being in order."""
    counts = np.concatenate(columns)
    return np.add.reduceat(counts[order], starts) if len(starts) else counts
