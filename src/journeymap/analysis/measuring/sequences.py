"""Sequences of codes, end to end in one array: hashed, compared, grouped."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from journeymap.analysis.table.coding import Codes
from journeymap.analysis.table.part import Flags, Ints

__all__ = [
    "Hashes",
    "expand_spans",
    "group_exactly",
    "group_sequences",
    "hash_sequences",
    "order_sequences",
    "verify_hashes",
]

_ODD = 0x9E37_79B9_7F4A_7C15
Hashes = Any  # arrays of 64-bit hashes, which wrap


def hash_sequences(codes: Any, offsets: Ints, names: tuple[str | None, ...]) -> Hashes:
    """Hash each sequence to 64 bits: a polynomial in hashes of the names.

    So a hash means the same in every part. Equal hashes are compared name by name before they count
    as equal.
    """
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


def expand_spans(begins: Ints, lengths: Ints) -> Ints:
    """List the places of all codes of some sequences."""
    steps = np.ones(int(lengths.sum()), dtype=np.int64)
    if not len(steps):
        return steps
    ends = np.cumsum(lengths)[:-1]
    steps[0] = begins[0]
    steps[ends] = begins[1:] - (begins[:-1] + lengths[:-1]) + 1
    spots: Ints = np.cumsum(steps)
    return spots


def verify_hashes(codes: Codes, begins: Ints, lengths: Ints, others: Ints, models: Ints) -> bool:
    """Check that sequences with equal hashes are equal name by name."""
    if not np.array_equal(lengths[others], lengths[models]):
        return False
    mine = expand_spans(begins[others], lengths[others])
    theirs = expand_spans(begins[models], lengths[models])
    return bool(np.array_equal(codes[mine], codes[theirs]))


def group_exactly(codes: Codes, begins: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Sort equal sequences side by side without a hash; also where each run starts."""
    met: dict[bytes, int] = {}
    group = [
        met.setdefault(codes[begin : begin + length].tobytes(), len(met))
        for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True)
    ]
    order = np.argsort(np.array(group, dtype=np.int64), kind="stable")
    starts = np.flatnonzero(np.diff(np.array(group)[order], prepend=-1))
    return order, starts


def group_sequences(codes: Any, offsets: Ints, names: tuple[str | None, ...]) -> tuple[Ints, Ints]:
    """Find the distinct sequences: which one each is, and an example of every distinct one."""
    begins, lengths = offsets[:-1], np.diff(offsets)
    _, models, which = np.unique(
        hash_sequences(codes, offsets, names), return_index=True, return_inverse=True
    )
    if not verify_hashes(codes, begins, lengths, np.arange(len(begins)), models[which]):
        order, starts = group_exactly(codes, begins, lengths)
        models = order[starts]
        which = np.empty(len(order), dtype=np.int64)
        which[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    return which, models


def order_sequences(
    codes: Codes, begins: Ints, lengths: Ints, ranks: Ints, counts: Ints
) -> Ints:  # fmt: skip
    """Order distinct sequences, the most frequent first, equal ones as their names compare.

    Some elements at a time, as the digits of one number; a sequence that differs from all
    others by then is compared no further.

    Args:
        codes: The codes of all sequences.
        begins: Where each begins.
        lengths: How many codes it has.
        ranks: The place of each code's name among the names in their order.
        counts: How often each came.

    Returns:
        Their places, in order.
    """
    order = np.argsort(-counts, kind="stable")
    group = _runs(counts[order])
    bits = len(ranks).bit_length()
    tied = np.flatnonzero(_shared(group))
    first = 0
    while len(tied):
        which = order[tied]
        word = np.zeros(len(tied), dtype=np.int64)
        for step in range(first, first + 62 // bits):
            there = lengths[which] > step
            digit = np.zeros(len(tied), dtype=np.int64)
            digit[there] = ranks[codes[begins[which[there]] + step]] + 1
            word = (word << bits) | digit
        sorted_ = np.lexsort((word, group[tied]))
        order[tied], word = which[sorted_], word[sorted_]
        runs = _runs(group[tied], word)
        group[tied] = tied[runs]
        first += 62 // bits
        tied = tied[_shared(runs) & (lengths[order[tied]] > first)]
    return order


def _runs(*columns: Ints) -> Ints:
    """Give each row the place where the run of rows that are equal to it begins."""
    size = len(columns[0])
    fresh = np.ones(size, dtype=bool)
    fresh[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.maximum.accumulate(np.where(fresh, np.arange(size), 0))


def _shared(runs: Ints) -> Flags:
    """Mark the rows whose run has several, by the places where runs begin."""
    alike = np.append(False, runs[1:] == runs[:-1])
    found: Flags = alike | np.append(alike[1:], False)
    return found[: len(runs)]
