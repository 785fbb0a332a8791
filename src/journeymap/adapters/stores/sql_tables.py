"""The tables of a store and what is asked of them, in SQL that every database understands.

Statements name their parameters (``:customer``): nothing from outside is ever part of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from journeymap.adapters.store import Aside, Entry, Kept, Letter, Said

__all__ = ["TABLES", "UPGRADES", "VERSION", "Database", "SqlTransaction"]

VERSION = 2
_CHUNK = 400
_SECOND = (
    "CREATE TABLE journeymap_said (number BIGINT PRIMARY KEY, customer VARCHAR(512) NOT NULL,"
    " batch VARCHAR(512), said TEXT NOT NULL)",
    "CREATE INDEX journeymap_said_of ON journeymap_said (customer)",
)
UPGRADES = {1: _SECOND}
"""What makes a store of a version one of the next."""
TABLES = (
    "CREATE TABLE journeymap_notes (name VARCHAR(64) PRIMARY KEY, note TEXT NOT NULL)",
    "CREATE TABLE journeymap_states (customer VARCHAR(512) PRIMARY KEY, version BIGINT NOT NULL,"
    " map VARCHAR(64) NOT NULL, due BIGINT, state TEXT NOT NULL)",
    "CREATE INDEX journeymap_due ON journeymap_states (due)",
    "CREATE TABLE journeymap_journal (customer VARCHAR(512) NOT NULL, number BIGINT NOT NULL,"
    " dedupe VARCHAR(1024) UNIQUE, at BIGINT NOT NULL, arrived BIGINT NOT NULL,"
    " interaction TEXT NOT NULL, PRIMARY KEY (customer, number))",
    "CREATE TABLE journeymap_outbox (id VARCHAR(64) PRIMARY KEY, customer VARCHAR(512) NOT NULL,"
    " signal TEXT NOT NULL, status VARCHAR(16) NOT NULL, attempts INTEGER NOT NULL,"
    " next BIGINT NOT NULL, reason TEXT NOT NULL)",
    "CREATE INDEX journeymap_waiting ON journeymap_outbox (status, next)",
    "CREATE INDEX journeymap_letters ON journeymap_outbox (customer)",
    "CREATE TABLE journeymap_aside (customer VARCHAR(512) NOT NULL, dedupe VARCHAR(1024),"
    " arrived BIGINT NOT NULL, reason TEXT NOT NULL, interaction TEXT NOT NULL)",
    "CREATE INDEX journeymap_asides ON journeymap_aside (customer)",
    "CREATE INDEX journeymap_aside_keys ON journeymap_aside (dedupe)",
    *_SECOND,
)

_STATE = "customer, version, map, due, state"
_ENTRY = "customer, number, dedupe, at, arrived, interaction"
_LETTER = "id, customer, signal, status, attempts, next, reason"
_ASIDE = "customer, dedupe, arrived, reason, interaction"
_SAID = "number, customer, batch, said"
_HOLDERS = (
    "journeymap_states", "journeymap_journal", "journeymap_outbox", "journeymap_aside",
    "journeymap_said",
)  # fmt: skip

Values = Mapping[str, Any]


class Database(Protocol):
    """A connection within a transaction, as the statements need it."""

    lock: str
    """What makes a SELECT hold its rows until the end (nothing, where one alone may write)."""

    def rows(self, statement: str, values: Values) -> Sequence[Sequence[Any]]:
        """The rows of a query."""
        ...

    def write(self, statement: str, many: Sequence[Values]) -> None:
        """Write rows."""
        ...


@frozen
class SqlTransaction:
    """What `Transaction` promises, in SQL."""

    db: Database

    def known(self, keys: Sequence[str]) -> dict[str, bool]:
        """Which keys there are, in one query."""
        select = (
            "SELECT dedupe, 0 FROM journeymap_aside WHERE dedupe IN ({0})"
            " UNION ALL SELECT dedupe, 1 FROM journeymap_journal WHERE dedupe IN ({0})"
        )
        return {row[0]: bool(row[1]) for row in self._among(select, keys)}

    def versions(self, customers: Sequence[str]) -> dict[str, int]:
        """The versions kept, their rows held."""
        select = "SELECT customer, version FROM journeymap_states WHERE customer IN ({})"
        if self.db.lock:
            select += " ORDER BY customer" + self.db.lock
        return {row[0]: row[1] for row in self._among(select, sorted(customers))}

    def states(self, customers: Sequence[str]) -> dict[str, Kept]:
        """The states kept."""
        select = f"SELECT {_STATE} FROM journeymap_states WHERE customer IN ({{}})"
        return {row[0]: Kept(*row) for row in self._among(select, customers)}

    def insert(self, states: Iterable[Kept]) -> None:
        """Write new states."""
        self._write(f"INSERT INTO journeymap_states ({_STATE}) VALUES (:customer, :version, :map,"
                    " :due, :state)", [_kept(one) for one in states])  # fmt: skip

    def put(self, states: Iterable[Kept]) -> None:
        """Write states over those that are there."""
        self._write("UPDATE journeymap_states SET version = :version, map = :map, due = :due,"
                    " state = :state WHERE customer = :customer",
                    [_kept(one) for one in states])  # fmt: skip

    def append(self, entries: Iterable[Entry]) -> None:
        """Write journal rows."""
        rows = [{"customer": e.customer, "number": e.number, "dedupe": e.key, "at": e.at,
                 "arrived": e.arrived, "interaction": e.text} for e in entries]  # fmt: skip
        self._write(f"INSERT INTO journeymap_journal ({_ENTRY}) VALUES (:customer, :number,"
                    " :dedupe, :at, :arrived, :interaction)", rows)  # fmt: skip

    def history(self, customer: str) -> list[Entry]:
        """A customer's journal."""
        select = (
            f"SELECT {_ENTRY} FROM journeymap_journal WHERE customer = :customer ORDER BY number"
        )
        return [Entry(*row) for row in self.db.rows(select, {"customer": customer})]

    def due(self, now: int, limit: int) -> list[str]:
        """Customers of whom something is due."""
        select = "SELECT customer FROM journeymap_states WHERE due <= :now ORDER BY due, customer"
        return [row[0] for row in self.db.rows(f"{select} LIMIT {int(limit)}", {"now": now})]

    def customers(self, after: str, limit: int) -> list[str]:
        """Customers by name."""
        select = "SELECT customer FROM journeymap_states WHERE customer > :after ORDER BY customer"
        return [row[0] for row in self.db.rows(f"{select} LIMIT {int(limit)}", {"after": after})]

    def post(self, letters: Iterable[Letter]) -> None:
        """New letters alone."""
        given = {letter.id: letter for letter in letters}
        there = self.letters(list(given))
        self._write(f"INSERT INTO journeymap_outbox ({_LETTER}) VALUES (:id, :customer, :signal,"
                    " :status, :attempts, :next, :reason)",
                    [_row(one) for one in given.values() if one.id not in there])  # fmt: skip

    def letters(self, ids: Sequence[str]) -> dict[str, Letter]:
        """Letters by id."""
        select = f"SELECT {_LETTER} FROM journeymap_outbox WHERE id IN ({{}})"
        return {row[0]: Letter(*row) for row in self._among(select, ids)}

    def waiting(self, now: int, limit: int) -> list[Letter]:
        """Letters that wait, held, so that no other process takes them too."""
        select = (f"SELECT {_LETTER} FROM journeymap_outbox WHERE status = 'waiting'"
                  f" AND next <= :now ORDER BY next, id LIMIT {int(limit)}")  # fmt: skip
        return [Letter(*row) for row in self.db.rows(select + self.db.lock, {"now": now})]

    def mark(self, letters: Iterable[Letter]) -> None:
        """What became of letters."""
        self._write("UPDATE journeymap_outbox SET status = :status, attempts = :attempts,"
                    " next = :next, reason = :reason, signal = :signal, customer = :customer"
                    " WHERE id = :id", [_row(one) for one in letters])  # fmt: skip

    def dead(self) -> list[Letter]:
        """Letters given up."""
        select = f"SELECT {_LETTER} FROM journeymap_outbox WHERE status = 'dead' ORDER BY next, id"
        return [Letter(*row) for row in self.db.rows(select, {})]

    def set_aside(self, asides: Iterable[Aside]) -> None:
        """Rows with their reasons."""
        rows = [{"customer": a.customer, "dedupe": a.key, "arrived": a.arrived, "reason": a.reason,
                 "interaction": a.text} for a in asides]  # fmt: skip
        self._write(f"INSERT INTO journeymap_aside ({_ASIDE}) VALUES (:customer, :dedupe, :arrived,"
                    " :reason, :interaction)", rows)  # fmt: skip

    def readmit(self, keys: Sequence[str]) -> None:
        """No row of these keys."""
        self._write("DELETE FROM journeymap_aside WHERE dedupe = :key",
                    [{"key": key} for key in keys])  # fmt: skip

    def asides(self, customer: str | None) -> list[Aside]:
        """What was set aside."""
        where = "" if customer is None else " WHERE customer = :customer"
        select = f"SELECT {_ASIDE} FROM journeymap_aside{where} ORDER BY arrived, customer"
        values = {} if customer is None else {"customer": customer}
        return [Aside(*row) for row in self.db.rows(select, values)]

    def outbox(self, customer: str) -> list[Letter]:
        """All letters about a customer."""
        select = f"SELECT {_LETTER} FROM journeymap_outbox WHERE customer = :customer ORDER BY id"
        return [Letter(*row) for row in self.db.rows(select, {"customer": customer})]

    def release(self, customers: Sequence[str]) -> None:
        """No journal and no state of these."""
        rows = [{"customer": customer} for customer in customers]
        for table in ("journeymap_states", "journeymap_journal"):
            self._write(f"DELETE FROM {table} WHERE customer = :customer", rows)

    def rename(self, old: str, new: str) -> None:
        """Rows of one customer put to another."""
        names = [{"old": old, "new": new}]
        for table in ("journeymap_outbox", "journeymap_aside"):
            self._write(f"UPDATE {table} SET customer = :new WHERE customer = :old", names)

    def alone(self) -> None:
        """Hold the one row that everybody asks for here."""
        if self.db.lock:
            name = {"name": "version"}
            self.db.rows(
                f"SELECT note FROM journeymap_notes WHERE name = :name{self.db.lock}", name
            )

    def said(self, after: int, limit: int) -> list[Said]:
        """What was said after a number."""
        select = f"SELECT {_SAID} FROM journeymap_said WHERE number > :after ORDER BY number"
        rows = self.db.rows(f"{select} LIMIT {int(limit)}", {"after": after})
        return [Said(*row) for row in rows]

    def said_of(self, customer: str) -> list[Said]:
        """What was said about a customer."""
        select = f"SELECT {_SAID} FROM journeymap_said WHERE customer = :customer ORDER BY number"
        return [Said(*row) for row in self.db.rows(select, {"customer": customer})]

    def say(self, rows: Iterable[Said]) -> None:
        """New rows."""
        told = [{"number": s.number, "customer": s.customer, "batch": s.batch, "said": s.text}
                for s in rows]  # fmt: skip
        self._write(f"INSERT INTO journeymap_said ({_SAID}) VALUES (:number, :customer, :batch,"
                    " :said)", told)  # fmt: skip

    def resay(self, rows: Iterable[Said]) -> None:
        """Rows in place of others."""
        told = [{"number": s.number, "customer": s.customer, "batch": s.batch, "said": s.text}
                for s in rows]  # fmt: skip
        self._write("UPDATE journeymap_said SET customer = :customer, batch = :batch, said = :said"
                    " WHERE number = :number", told)  # fmt: skip

    def unsay(self, numbers: Sequence[int]) -> None:
        """No rows of these numbers."""
        rows = [{"number": number} for number in numbers]
        self._write("DELETE FROM journeymap_said WHERE number = :number", rows)

    def notes(self) -> dict[str, str]:
        """What is kept about the store itself."""
        return {
            row[0]: row[1] for row in self.db.rows("SELECT name, note FROM journeymap_notes", {})
        }

    def note(self, name: str, text: str) -> None:
        """Keep something about the store itself."""
        row = {"name": name, "note": text}
        known = name in self.notes()
        self._write("UPDATE journeymap_notes SET note = :note WHERE name = :name" if known else
                    "INSERT INTO journeymap_notes (name, note) VALUES (:name, :note)",
                    [row])  # fmt: skip

    def forget(self, customer: str) -> None:
        """Every row about a customer."""
        for table in _HOLDERS:
            self._write(f"DELETE FROM {table} WHERE customer = :customer", [{"customer": customer}])

    def _among(self, select: str, values: Sequence[str]) -> Iterator[Sequence[Any]]:
        for begin in range(0, len(values), _CHUNK):
            some = {f"v{n}": value for n, value in enumerate(values[begin : begin + _CHUNK])}
            yield from self.db.rows(select.format(", ".join(f":{name}" for name in some)), some)

    def _write(self, statement: str, rows: Sequence[Values]) -> None:
        if rows:
            self.db.write(statement, rows)


def _kept(one: Kept) -> dict[str, Any]:
    return {"customer": one.customer, "version": one.version, "map": one.map, "due": one.due,
            "state": one.text}  # fmt: skip


def _row(letter: Letter) -> dict[str, Any]:
    return {"id": letter.id, "customer": letter.customer, "signal": letter.text,
            "status": letter.status, "attempts": letter.attempts, "next": letter.next,
            "reason": letter.reason}  # fmt: skip
