"""The journal in SQL: its rows, and the archive, whose old entries are packed into blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from journeymap.adapters.store import JournalEntry
from journeymap.adapters.stores.journal_blocks import MAX_ENTRIES, make_blocks, unpack_entries
from journeymap.adapters.stores.sql_database import SqlTable

__all__ = ["SqlJournal"]

_ENTRY = "customer, number, dedupe, at, arrived, interaction"
_ROWS = f"SELECT 0 AS packed, {_ENTRY} FROM journeymap_journal"
_BLOCKS = (
    "SELECT 1 AS packed, customer, number, CAST(NULL AS VARCHAR(1024)) AS dedupe, since AS at,"
    " until AS arrived, entries AS interaction FROM journeymap_archive"
)
_PAGE = 2  # blocks that are read at once


class SqlJournal(SqlTable):
    """The journal in SQL."""

    def find_keys(self, keys: Sequence[str]) -> dict[str, bool]:
        """Look keys up, in one query."""
        select = (
            "SELECT dedupe, 0 FROM journeymap_aside WHERE dedupe IN ({0})"
            " UNION ALL SELECT dedupe, 1 FROM journeymap_journal WHERE dedupe IN ({0})"
            " UNION ALL SELECT dedupe, 1 FROM journeymap_archive_keys WHERE dedupe IN ({0})"
        )
        return {row[0]: bool(row[1]) for row in self.among(select, keys)}

    def append(self, entries: Iterable[JournalEntry]) -> None:
        """Write interactions."""
        given = list(entries)
        rows = [{"customer": e.customer, "number": e.number, "dedupe": e.key, "at": e.at,
                 "arrived": e.arrived, "interaction": e.text} for e in given]  # fmt: skip
        if given and not self.db.rewritten:
            self.db.appended = given[-1]
        self.write(f"INSERT INTO journeymap_journal ({_ENTRY}) VALUES (:customer, :number,"
                   " :dedupe, :at, :arrived, :interaction)", rows)  # fmt: skip

    def find(self, key: str) -> JournalEntry | None:
        """Read the interaction with a key."""
        select = (
            f"SELECT {_ENTRY} FROM journeymap_journal WHERE dedupe = :key"
            " UNION ALL SELECT customer, -1, dedupe, 0, 0, ''"
            " FROM journeymap_archive_keys WHERE dedupe = :key"
        )
        for row in self.db.rows(select, {"key": key}):
            if row[1] >= 0:
                return JournalEntry(*row)
            return next((one for one in self.history(row[0]) if one.key == key), None)
        return None

    def history(self, customer: str, after: int = 0) -> list[JournalEntry]:
        """Read a customer's interactions in the order of their arrival."""
        select = (
            f"{_ROWS} WHERE customer = :customer AND number > :after"
            f" UNION ALL {_BLOCKS} WHERE customer = :customer AND last > :after"
        )
        found = _entries(self.db.rows(select, {"customer": customer, "after": after}))
        return sorted((one for one in found if one.number > after), key=lambda one: one.number)

    def list_from(self, customer: str, at: int, number: int, limit: int) -> list[JournalEntry]:
        """Read a customer's interactions in the order in which they happened."""
        rows = (
            f"{_ROWS} WHERE customer = :customer AND at >= :at"
            f" AND (at > :at OR number > :number) ORDER BY at, number LIMIT {int(limit)}"
        )
        blocks = (
            f"{_BLOCKS} WHERE customer = :customer AND until >= :at ORDER BY since, number"
            f" LIMIT {_PAGE}"
        )
        values = {"customer": customer, "at": at, "number": number}
        select = f"SELECT * FROM ({rows}) AS mine UNION ALL SELECT * FROM ({blocks}) AS packed"
        found = self.db.rows(select, values)
        held = _entries(found)
        packed = [row for row in found if row[0]]
        skipped = 0
        while len(packed) == _PAGE:  # there may be more blocks: what is before them is complete
            edge = max(row[4] for row in packed)
            if sum((at, number) < (one.at, one.number) and one.at < edge for one in held) >= limit:
                break
            skipped += _PAGE
            packed = list(self.db.rows(f"{blocks} OFFSET {skipped}", values))
            held += _entries(packed)
        later = [one for one in held if (one.at, one.number) > (at, number)]
        return sorted(later, key=lambda one: (one.at, one.number))[:limit]

    def archive(self, customers: Sequence[str], before: int) -> int:
        """Pack the interactions of some customers that happened before a time."""
        select = (
            "SELECT DISTINCT customer FROM journeymap_journal"
            " WHERE customer IN ({}) AND at < :before"
        )
        names = [row[0] for row in self.among(select, customers, {"before": before})]
        return sum(self._archive_customer(name, before) for name in names)

    def _archive_customer(self, customer: str, before: int) -> int:
        values = {"customer": customer, "before": before}
        which = "customer = :customer AND at < :before"
        rows = self.db.rows(f"SELECT {_ENTRY} FROM journeymap_journal WHERE {which}", values)
        entries = [JournalEntry(*row) for row in rows]
        keys = [{"dedupe": e.key, "customer": customer} for e in entries if e.key is not None]
        self.write(f"DELETE FROM journeymap_journal WHERE {which}", [values])
        entries += self._take_small_blocks(customer)
        made = [{"customer": b.customer, "number": b.number, "last": b.last, "since": b.since,
                 "until": b.until, "count": b.count, "entries": b.text}
                for b in make_blocks(entries)]  # fmt: skip
        self.write("INSERT INTO journeymap_archive (customer, number, last, since, until,"
                   " interactions, entries) VALUES (:customer, :number, :last, :since, :until,"
                   " :count, :entries)", made)  # fmt: skip
        self.write("INSERT INTO journeymap_archive_keys (dedupe, customer)"
                   " VALUES (:dedupe, :customer)", keys)  # fmt: skip
        return len(rows)

    def _take_small_blocks(self, customer: str) -> list[JournalEntry]:
        """Take blocks out of the archive that are not half full; their entries."""
        select = (
            "SELECT number, entries FROM journeymap_archive"
            " WHERE customer = :customer AND interactions < :half"
        )
        found = self.db.rows(select, {"customer": customer, "half": max(2, MAX_ENTRIES // 2)})
        small = [{"customer": customer, "number": number} for number, _ in found]
        self.write("DELETE FROM journeymap_archive WHERE customer = :customer AND number = :number",
                   small)  # fmt: skip
        return [one for _, text in found for one in unpack_entries(customer, text)]

    def delete(self, customers: Sequence[str]) -> None:
        """Remove all interactions of some customers."""
        self.db.appended, self.db.rewritten = None, True
        self.delete_rows("journeymap_journal", customers)
        select = "SELECT customer, entries FROM journeymap_archive WHERE customer IN ({})"
        packed = [one for row in self.among(select, customers) for one in unpack_entries(*row)]
        if packed:
            keys = [{"key": one.key} for one in packed if one.key is not None]
            self.write("DELETE FROM journeymap_archive_keys WHERE dedupe = :key", keys)
            self.delete_rows("journeymap_archive", customers)


def _entries(rows: Iterable[Sequence[Any]]) -> list[JournalEntry]:
    """Make the entries of rows and of blocks."""
    found: list[JournalEntry] = []
    for packed, *row in rows:
        found += unpack_entries(row[0], row[5]) if packed else [JournalEntry(*row)]
    return found
