"""A database as the statements of a store need it, and what all its tables share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from attrs import frozen

from journeymap.adapters.store import JournalEntry

__all__ = ["Database", "SqlTable", "Values"]

Values = Mapping[str, Any]
"""The values of a statement's parameters, by name."""
_CHUNK = 400  # values in one IN (…): well below the 999 parameters that old SQLites allow


class Database(Protocol):
    """A connection within a transaction, as the statements need it.

    Attributes:
        lock: What makes a SELECT hold its rows until the end (empty where only one may write).
        advisory: Whether the database has locks of its own, as PostgreSQL does, that are no rows.
        retried: Whether the work is done again when another process was in the way.
        appended: The new journal entry that was written last: if it is there, a transaction that
            broke off while it was committed was written.
        rewritten: Whether entries were removed: then those that are written may be old ones.
    """

    lock: str
    advisory: bool
    retried: bool
    appended: JournalEntry | None
    rewritten: bool

    def rows(self, statement: str, values: Values) -> Sequence[Sequence[Any]]:
        """Run a query and give its rows."""
        ...

    def write(self, statement: str, many: Sequence[Values]) -> None:
        """Run a statement once for each row of values."""
        ...

    def hold(self, key: int) -> None:
        """Take a lock of the database until the transaction ends; there is one if `advisory`."""
        ...

    def size(self) -> int:
        """Measure the bytes that the tables take; 0 where that is not known."""
        ...


@frozen
class SqlTable:
    """The statements that all tables share."""

    db: Database

    def among(
        self, select: str, values: Sequence[str], others: Values = MappingProxyType({})
    ) -> Iterator[Sequence[Any]]:
        """Run a query on many values, so many at a time; its one IN list is filled in."""
        for begin in range(0, len(values), _CHUNK):
            some = {f"v{n}": value for n, value in enumerate(values[begin : begin + _CHUNK])}
            query = select.format(", ".join(f":{name}" for name in some))
            yield from self.db.rows(query, {**some, **others})

    def write(self, statement: str, rows: Sequence[Values]) -> None:
        """Run a statement once for each row, if there is any."""
        if rows:
            self.db.write(statement, rows)

    def delete_rows(self, table: str, customers: Sequence[str]) -> None:
        """Remove the rows of some customers."""
        rows = [{"customer": customer} for customer in customers]
        self.write(f"DELETE FROM {table} WHERE customer = :customer", rows)
