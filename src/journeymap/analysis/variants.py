"""Whole journeys: which sequences there are, and how many took each."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, evolve, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.coding import Codes, code_type
from journeymap.analysis.part import Ints, Part, Scope
from journeymap.exceptions import ElementError

__all__ = ["Variant", "Variants", "VariantsAnswer"]

_PENDING = 4_000_000  # codes kept before equal sequences are joined
_ODD = 0x9E37_79B9_7F4A_7C15
Hashes = Any  # arrays of 64-bit hashes, which wrap


@frozen
class Variant:
    """One sequence of elements from the first interaction to the last.

    ``path`` holds names at the level asked for; ``count`` is how many journeys took it,
    ``customers`` how many customers did; ``share`` is out of all journeys, ``n``.
    """

    path: tuple[str, ...]
    count: int
    customers: int
    share: float
    n: int


@frozen(eq=False, repr=False)
class VariantsAnswer(Answer[Variant]):
    """The sequences of a log, the most frequent first; ``distinct`` counts them all."""

    Row = Variant
    distinct: int = field(default=0, kw_only=True)

    def notes(self) -> list[str]:
        """How many there are, when not all are shown."""
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
class Paths:
    """Sequences as they were measured, piece by piece; equal ones are joined when it pays."""

    names: tuple[str | None, ...]
    pieces: tuple[_Piece, ...]


@frozen
class Variants:
    """Whole sequences of elements, read at ``by``, and how many journeys took each.

    ``top`` keeps the most frequent (None: all); ``collapse`` folds immediate repeats into one.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["x", "x", "x"],
    ...                       "at": [0, 60, 5]}, Columns(at_unit="s"))
    >>> [(v.path, v.count) for v in log.ask(Variants(collapse=True))]
    [(('x',), 2)]
    """

    by: str = "touchpoint"
    top: int | None = field(default=20)
    collapse: bool = field(default=False, validator=validators.instance_of(bool), kw_only=True)

    @top.validator
    def _check(self, attribute: Attribute[int | None], value: int | None) -> None:
        if value is not None and (type(value) is not int or value < 0):
            raise ElementError("Variants", "top", value, "a whole number or None is expected")

    def measure(self, part: Part) -> Paths:
        """The distinct sequences of a part."""
        read = part.read(self.by)
        codes, offsets = read.codes, read.offsets
        owners = part.owners if read.rows is None else read.customer[offsets[:-1]]
        if self.collapse and len(codes):
            fresh = read.first.copy()
            fresh[1:] |= codes[1:] != codes[:-1]
            offsets = np.append(0, np.cumsum(fresh))[offsets]
            codes = codes[fresh]
        hashes = _hashed(codes, offsets, read.names)
        ones = np.ones(len(hashes), dtype=np.int64)
        customers = _first_of_customer(hashes, owners)
        return Paths(read.names, (_Piece(hashes, ones, customers, codes, offsets),))

    def merge(self, one: Paths, other: Paths) -> Paths:
        """Put side by side; join equal sequences when there are many."""
        names = one.names
        if one.names != other.names:
            names = tuple(dict.fromkeys(one.names + other.names))
            one, other = _recoded(one, names), _recoded(other, names)
        pieces = one.pieces + other.pieces
        if sum(len(piece.codes) for piece in pieces) > _PENDING:
            pieces = (_joined(pieces).piece(),)
        return Paths(names, pieces)

    def answer(self, measured: Paths, scope: Scope) -> VariantsAnswer:
        """The most frequent first; equal ones in the order of their names."""
        found = _joined(measured.pieces)
        total = int(found.counts.sum())
        order = np.argsort(-found.counts, kind="stable")
        if self.top is not None and self.top < len(order):
            least = found.counts[order[self.top - 1]] if self.top else np.inf
            order = order[found.counts[order] >= least]
        listed = [(-int(found.counts[i]), _path(measured.names, found, int(i)), int(i))
                  for i in order]  # fmt: skip
        kept = sorted(listed)[: self.top]
        counts = np.array([-count for count, _, _ in kept], dtype=np.int64)
        frame = pl.DataFrame(
            {
                "path": [list(path) for _, path, _ in kept],
                "count": counts,
                "customers": [int(found.customers[i]) for _, _, i in kept],
                "share": counts / max(total, 1),
                "n": np.full(len(kept), total),
            },
            schema=VariantsAnswer.schema(),
        )
        return VariantsAnswer(frame, distinct=len(found.counts))


def _path(names: tuple[str | None, ...], found: _Groups, place: int) -> tuple[str, ...]:
    begin = int(found.begins[place])
    codes = found.codes[begin : begin + int(found.lengths[place])]
    return tuple(str(names[code]) for code in codes.tolist())


def _recoded(paths: Paths, names: tuple[str | None, ...]) -> Paths:
    place = {name: code for code, name in enumerate(names)}
    table = np.array([place[name] for name in paths.names], dtype=code_type(len(names)))
    return Paths(names, tuple(evolve(piece, codes=table[piece.codes]) for piece in paths.pieces))


def _hashed(codes: Any, offsets: Ints, names: tuple[str | None, ...]) -> Hashes:
    """A 64-bit hash of each sequence: a polynomial in hashes of the names, so that it means the
    same in every part. Equal hashes are compared name by name before they count as equal."""
    digests = [blake2b((name or "").encode(), digest_size=8).digest() for name in names]
    values = np.frombuffer(b"".join(digests), dtype="<u8")
    powers, inverses = _powers(1 << len(codes).bit_length())  # few lengths, so often kept
    starts = offsets[:-1]
    if not len(starts):
        return np.zeros(0, dtype=np.uint64)
    terms = values.take(codes, mode="clip")
    terms *= powers[: len(codes)]
    return np.add.reduceat(terms, starts) * inverses[starts]


@lru_cache(maxsize=4)
def _powers(length: int) -> tuple[Hashes, Hashes]:
    """Powers of an odd number and of its inverse modulo 2^64."""
    made = []
    for factor in (_ODD, pow(_ODD, -1, 2**64)):
        grown = np.full(length, factor, dtype=np.uint64)
        grown[0] = 1
        made.append(np.multiply.accumulate(grown))
    return made[0], made[1]


def _first_of_customer(hashes: Hashes, owners: Ints) -> Ints:
    """1 where a customer takes a sequence for the first time, 0 where it takes it again."""
    fresh = np.ones(len(owners), dtype=np.int64)
    if len(owners) and (owners[1:] == owners[:-1]).any():
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
        """The distinct sequences alone."""
        codes = self.codes[_spans(self.begins, self.lengths)]
        offsets = np.append(0, np.cumsum(self.lengths))
        return _Piece(self.hashes, self.counts, self.customers, codes, offsets)


def _joined(pieces: tuple[_Piece, ...]) -> _Groups:
    """Sum what equal sequences count."""
    hashes = np.concatenate([piece.hashes for piece in pieces])
    codes = np.concatenate([piece.codes for piece in pieces])
    lengths = np.concatenate([np.diff(piece.offsets) for piece in pieces])
    begins = np.append(0, np.cumsum(lengths))[:-1]
    order = np.argsort(hashes)
    ordered = hashes[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(fresh) - 1
    keep = order[fresh]
    if not _verified(codes, begins, lengths, keep[group]):
        group, keep = _exactly(codes, begins, lengths)
    return _Groups(
        codes,
        begins[keep],
        lengths[keep],
        hashes[keep],
        _summed(group, [piece.counts for piece in pieces], len(keep)),
        _summed(group, [piece.customers for piece in pieces], len(keep)),
    )


def _summed(group: Ints, columns: list[Ints], size: int) -> Ints:
    return np.bincount(group, np.concatenate(columns), minlength=size).astype(np.int64)


def _spans(begins: Ints, lengths: Ints) -> Ints:
    """The places of all the codes of some sequences."""
    steps = np.ones(int(lengths.sum()), dtype=np.int64)
    if not len(steps):
        return steps
    ends = np.cumsum(lengths)[:-1]
    steps[0] = begins[0]
    steps[ends] = begins[1:] - (begins[:-1] + lengths[:-1]) + 1
    spots: Ints = np.cumsum(steps)
    return spots


def _verified(codes: Codes, begins: Ints, lengths: Ints, model: Ints) -> bool:
    """Whether every sequence is, name by name, the one its hash says."""
    others = np.flatnonzero(model != np.arange(len(model)))
    if not np.array_equal(lengths[others], lengths[model[others]]):
        return False
    mine = _spans(begins[others], lengths[others])
    theirs = _spans(begins[model[others]], lengths[others])
    return bool(np.array_equal(codes[mine], codes[theirs]))


def _exactly(codes: Codes, begins: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """The groups found without a hash, for the day that two hashes collide."""
    met: dict[bytes, int] = {}
    firsts: list[int] = []
    group = np.empty(len(begins), dtype=np.int64)
    for place, (begin, length) in enumerate(zip(begins.tolist(), lengths.tolist(), strict=True)):
        key = codes[begin : begin + length].tobytes()
        if key not in met:
            met[key] = len(firsts)
            firsts.append(place)
        group[place] = met[key]
    return group, np.array(firsts, dtype=np.int64)
