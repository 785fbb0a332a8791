"""Whole journeys: which sequences there are, and how many took each."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.part import Ints, Part, Scope
from journeymap.exceptions import ElementError

__all__ = ["Variant", "Variants", "VariantsAnswer"]

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
    """The sequences of a log, the most frequent first; ``distinct`` is how many there are in all."""

    Row = Variant
    distinct: int = field(default=0, kw_only=True)

    def notes(self) -> list[str]:
        """How many there are, when not all are shown."""
        return [f"{self.distinct:,} distinct journeys"]


@frozen(eq=False)
class Paths:
    """Distinct sequences: a hash of each, their counts, and the codes of all, end to end."""

    names: tuple[str | None, ...]
    hashes: Hashes
    counts: Ints
    customers: Ints
    codes: Ints
    offsets: Ints


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
    collapse: bool = field(
        default=False, validator=validators.instance_of(bool), kw_only=True
    )

    @top.validator
    def _check(self, attribute: Attribute[int | None], value: int | None) -> None:
        if value is not None and (type(value) is not int or value < 0):
            raise ElementError("Variants", "top", value, "a whole number or None is expected")

    def measure(self, part: Part) -> Paths:
        """The distinct sequences of a part."""
        read = part.read(self.by)
        codes, first, journey = read.codes, read.first, read.journey
        if self.collapse and len(codes):
            fresh = first.copy()
            fresh[1:] |= codes[1:] != codes[:-1]
            codes, first, journey = codes[fresh], first[fresh], journey[fresh]
        starts = np.flatnonzero(first)
        offsets = np.append(starts, len(codes))
        hashes = _hashed(codes, offsets, read.names)
        owners = part.owners[journey[starts]]
        flat = codes.astype(np.int64)
        ones = np.ones(len(starts), dtype=np.int64)
        return _grouped(read.names, hashes, ones, flat, offsets, owners)

    def merge(self, one: Paths, other: Paths) -> Paths:
        """Join equal sequences."""
        names, codes = one.names, [one.codes, other.codes]
        if one.names != other.names:
            names = tuple(dict.fromkeys(one.names + other.names))
            codes = [_table(part.names, names)[part.codes] for part in (one, other)]
        lengths = np.concatenate([np.diff(one.offsets), np.diff(other.offsets)])
        return _joined(
            names,
            np.concatenate([one.hashes, other.hashes]),
            np.concatenate([one.counts, other.counts]),
            np.concatenate([one.customers, other.customers]),
            np.concatenate(codes),
            np.append(0, np.cumsum(lengths)),
        )

    def answer(self, measured: Paths, scope: Scope) -> VariantsAnswer:
        """The most frequent first; equal ones in the order of their names."""
        total = int(measured.counts.sum())
        order = np.argsort(-measured.counts, kind="stable")
        if self.top is not None and self.top < len(order):
            least = measured.counts[order[self.top - 1]] if self.top else np.inf
            order = order[measured.counts[order] >= least]
        found = [(-int(measured.counts[i]), _path(measured, int(i)), int(i)) for i in order]
        kept = sorted(found)[: self.top]
        counts = np.array([-count for count, _, _ in kept], dtype=np.int64)
        frame = pl.DataFrame(
            {
                "path": [list(path) for _, path, _ in kept],
                "count": counts,
                "customers": [int(measured.customers[i]) for _, _, i in kept],
                "share": counts / max(total, 1),
                "n": np.full(len(kept), total),
            },
            schema=VariantsAnswer.schema(),
        )
        return VariantsAnswer(frame, distinct=len(measured.counts))


def _path(measured: Paths, place: int) -> tuple[str, ...]:
    codes = measured.codes[measured.offsets[place] : measured.offsets[place + 1]]
    return tuple(str(measured.names[code]) for code in codes.tolist())


def _table(names: tuple[str | None, ...], onto: tuple[str | None, ...]) -> Ints:
    place = {name: code for code, name in enumerate(onto)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _hashed(codes: Any, offsets: Ints, names: tuple[str | None, ...]) -> Hashes:
    """A 64-bit hash of each sequence: a polynomial in hashes of the names, so that it means the
    same in every part. Equal hashes are compared name by name before they count as equal."""
    digests = [blake2b((name or "").encode(), digest_size=8).digest() for name in names]
    values = np.frombuffer(b"".join(digests), dtype="<u8")
    powers, inverses = _powers(len(codes))
    terms = values[codes] * powers
    sums = np.append(np.uint64(0), np.cumsum(terms))
    starts = offsets[:-1]
    return (sums[offsets[1:]] - sums[starts]) * inverses[starts]


_cached: list[Any] = [np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64)]


def _powers(length: int) -> tuple[Hashes, Hashes]:
    """Powers of an odd number and of its inverse modulo 2^64, kept from part to part."""
    if len(_cached[0]) < length:
        size = max(length, 1 << 17)
        for place, factor in enumerate((_ODD, pow(_ODD, -1, 2**64))):
            grown = np.full(size, factor, dtype=np.uint64)
            grown[0] = 1
            _cached[place] = np.multiply.accumulate(grown)
    return _cached[0][:length], _cached[1][:length]


def _grouped(
    names: tuple[str | None, ...],
    hashes: Hashes,
    counts: Ints,
    codes: Ints,
    offsets: Ints,
    owners: Ints,
) -> Paths:
    """Distinct sequences of one part, their journeys and customers counted."""
    several = len(np.unique(owners)) < len(owners)
    if not several:
        return _joined(names, hashes, counts, counts, codes, offsets)
    # A customer with several journeys counts once for each sequence.
    order = np.lexsort((owners, hashes))
    fresh = np.ones(len(order), dtype=np.int64)
    same = (hashes[order][1:] == hashes[order][:-1]) & (owners[order][1:] == owners[order][:-1])
    fresh[1:][same] = 0
    customers = np.zeros(len(order), dtype=np.int64)
    customers[order] = fresh
    return _joined(names, hashes, counts, customers, codes, offsets)


def _joined(
    names: tuple[str | None, ...],
    hashes: Hashes,
    counts: Ints,
    customers: Ints,
    codes: Ints,
    offsets: Ints,
) -> Paths:
    """Sum what equal sequences count."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(fresh) - 1
    keep = order[fresh]
    if not _verified(codes, offsets, keep, group):
        group, keep = _exactly(codes, offsets)
    size = len(keep)
    lengths = np.diff(offsets)[keep]
    ends = np.append(0, np.cumsum(lengths))
    places = np.arange(ends[-1]) + np.repeat(offsets[keep] - ends[:-1], lengths)
    return Paths(
        names,
        hashes[keep],
        np.bincount(group, counts, minlength=size).astype(np.int64),
        np.bincount(group, customers, minlength=size).astype(np.int64),
        codes[places],
        ends,
    )


def _verified(codes: Ints, offsets: Ints, keep: Ints, group: Ints) -> bool:
    """Whether every sequence is, name by name, the one its hash says."""
    lengths, model = np.diff(offsets), keep[group]
    if not np.array_equal(lengths, lengths[model]):
        return False
    shift = np.repeat(offsets[:-1][model] - offsets[:-1], lengths)
    return bool(np.array_equal(codes, codes[np.arange(len(codes)) + shift]))


def _exactly(codes: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """The groups found without a hash, for the day that two hashes collide."""
    met: dict[bytes, int] = {}
    firsts: list[int] = []
    group = np.empty(len(offsets) - 1, dtype=np.int64)
    for place in range(len(offsets) - 1):
        key = codes[offsets[place] : offsets[place + 1]].tobytes()
        if key not in met:
            met[key] = len(firsts)
            firsts.append(place)
        group[place] = met[key]
    return group, np.array(firsts, dtype=np.int64)
