"""Blocks of an archive: many old journal entries of one customer, packed into one text."""

from __future__ import annotations

import json
import zlib
from base64 import b85decode, b85encode
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from journeymap.adapters.store import JournalEntry

__all__ = ["MAX_ENTRIES", "Block", "make_blocks", "unpack_entries"]

MAX_ENTRIES = 256
"""Entries in one block: a late interaction unpacks one or two."""


@frozen
class Block:
    """Entries that are close in time.

    Attributes:
        customer: The customer's name.
        number: The first of their places in the order of arrival.
        last: The last of them.
        since: The time of the earliest.
        until: The time of the latest.
        count: How many they are.
        text: The entries, packed.
    """

    customer: str
    number: int
    last: int
    since: int
    until: int
    count: int
    text: str


def make_blocks(entries: Iterable[JournalEntry]) -> Iterator[Block]:
    """Pack entries of one customer, those that are close in time together."""
    by_time = sorted(entries, key=lambda one: (one.at, one.number))
    for begin in range(0, len(by_time), MAX_ENTRIES):
        some = by_time[begin : begin + MAX_ENTRIES]
        numbers = [one.number for one in some]
        yield Block(some[0].customer, min(numbers), max(numbers), some[0].at, some[-1].at,
                    len(some), _pack(some))  # fmt: skip


def unpack_entries(customer: str, text: str) -> list[JournalEntry]:
    """Read the entries of a block."""
    rows = json.loads(zlib.decompress(b85decode(text)))
    return [JournalEntry(customer, *row) for row in rows]


def _pack(entries: Sequence[JournalEntry]) -> str:
    rows = [(one.number, one.key, one.at, one.arrived, one.text) for one in entries]
    data = json.dumps(rows, separators=(",", ":")).encode()
    return b85encode(zlib.compress(data, 6)).decode()
