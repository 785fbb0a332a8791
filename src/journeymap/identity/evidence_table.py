"""All evidence that was learned, found by its values: most of it packed in columns.

A piece of evidence as an object of its own costs some 400 bytes; as a row, 60. Evidence that was
learned in bulk stays packed until something asks for it: then the group that it is connected
with is unpacked, and from then on its pieces are objects.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TypeAlias, TypeVar

from journeymap.identity.entries import EvidenceEntry, Value
from journeymap.identity.evidence_columns import EvidenceColumns

__all__ = ["EvidenceTable", "Key", "key_of"]

_first = attrgetter("first")
_END = -1
K = TypeVar("K")
Key: TypeAlias = tuple[tuple[Value, ...], str, str | None]


class EvidenceTable:
    """Pieces of evidence by their values, and by their contents."""

    def __init__(self) -> None:
        self._by_value: dict[Value, list[EvidenceEntry]] = {}
        self._by_key: dict[Key, list[EvidenceEntry]] = {}
        # Packed rows: the places of a value in their columns form a chain, the latest first.
        self._packed = EvidenceColumns()
        self._before = array("i")  # for each place, the one before it in its chain
        self._latest = array("i")  # for each value, the place where its chain begins
        self._unpacked = bytearray()  # for each row, whether it is an entry now

    def __len__(self) -> int:
        unpacked = sum(map(len, self._by_key.values()))
        return unpacked + len(self._packed) - self._unpacked.count(1)

    def __iter__(self) -> Iterator[EvidenceEntry]:
        packed = [row for row, unpacked in enumerate(self._unpacked) if not unpacked]
        for entries in list(self._by_key.values()):  # asking meanwhile may unpack rows
            yield from list(entries)
        for row in packed:
            yield self._packed.entry(row)

    @property
    def values(self) -> Iterator[Value]:
        """All values of which there is evidence; some more than once."""
        yield from self._by_value
        yield from (value for value, place in enumerate(self._latest) if place != _END)

    def has(self, value: Value) -> bool:
        """Check whether there is evidence of a value."""
        return value in self._by_value or self.is_packed(value)

    def is_packed(self, value: Value) -> bool:
        """Check whether some evidence of a value may be packed."""
        return value < len(self._latest) and self._latest[value] != _END

    def of_value(self, value: Value, shared: Collection[Value]) -> Sequence[EvidenceEntry]:
        """List the evidence of a value; what shared values have in common connects nothing."""
        if self.is_packed(value):
            self.unpack([value], shared)
        return self._by_value.get(value, ())

    def connected(
        self, seeds: Iterable[Value], shared: Collection[Value]
    ) -> Iterable[EvidenceEntry]:
        """Collect all evidence connected with some values, by values that are not shared."""
        waiting = [value for value in seeds if value not in shared]
        reached = set(waiting)
        found: dict[int, EvidenceEntry] = {}
        while waiting:
            for entry in self.of_value(waiting.pop(), shared):
                if id(entry) in found:
                    continue
                found[id(entry)] = entry
                more = [v for v in entry.values if v not in reached and v not in shared]
                reached.update(more)
                waiting += more
        return found.values()

    def of_key(self, key: Key) -> Sequence[EvidenceEntry]:
        """List the evidence of equal contents, by its time; none of it is packed."""
        return self._by_key.get(key, ())

    def add(self, entry: EvidenceEntry) -> None:
        """Add a piece."""
        for value in entry.values:
            self._by_value.setdefault(value, []).append(entry)
        insort(self._by_key.setdefault(key_of(entry), []), entry, key=_first)

    def remove(self, entry: EvidenceEntry) -> None:
        """Remove a piece."""
        for value in entry.values:
            _remove(self._by_value, value, entry)
        _remove(self._by_key, key_of(entry), entry)

    def pack(self, columns: EvidenceColumns) -> None:
        """Add many pieces as rows; needs numpy."""
        from journeymap.identity.evidence_groups import chain_places

        first = len(self._packed.values)
        self._packed.extend(columns)
        self._unpacked.extend(bytes(len(columns)))
        highest = max(columns.values, default=_END)
        self._latest.extend([_END] * (highest + 1 - len(self._latest)))
        self._before.extend(chain_places(columns.values, first, self._latest))

    def unpack(self, values: Iterable[Value], shared: Collection[Value]) -> None:
        """Make entries of all rows that are connected with some values."""
        waiting = [value for value in values if self.is_packed(value)]
        while waiting:
            value = waiting.pop()
            place, self._latest[value] = self._latest[value], _END
            while place != _END:
                row = bisect_right(self._packed.ends, place) - 1
                place = self._before[place]
                if self._unpacked[row]:
                    continue
                self._unpacked[row] = True
                entry = self._packed.entry(row)
                self.add(entry)
                waiting += [v for v in entry.values if v not in shared and self.is_packed(v)]


def key_of(entry: EvidenceEntry) -> Key:
    """Give the contents of a piece: its values and where it is from."""
    return entry.values, entry.source, entry.batch


def _remove(lists: dict[K, list[EvidenceEntry]], key: K, entry: EvidenceEntry) -> None:
    lists[key] = [one for one in lists[key] if one is not entry]
    if not lists[key]:
        del lists[key]
