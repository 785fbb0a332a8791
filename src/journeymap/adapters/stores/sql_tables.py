"""The tables of a store and the statements on them, in SQL that every database understands.

Statements name their parameters (``:customer``): nothing from outside is ever part of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from journeymap.adapters.checkpoints import Checkpoint
from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import Letter, LetterStatus, StoredEvidence, StoredState
from journeymap.adapters.store_counts import StoreCounts
from journeymap.adapters.stores.sql_database import Database, SqlTable
from journeymap.adapters.stores.sql_journal import SqlJournal

__all__ = ["PREFIX", "TABLES", "UPGRADES", "VERSION", "SqlTransaction"]

VERSION = 6
PREFIX = "journeymap_"
"""How the names of tables and indexes begin; a store may have another beginning."""
_KEY = 7237894  # of the lock that writers of evidence take, and recorders share
_FEW = 300  # of keys and of marks in one query: well below that, too
_SECOND = (
    "CREATE TABLE journeymap_said (number BIGINT PRIMARY KEY, customer VARCHAR(512) NOT NULL,"
    " batch VARCHAR(512), said TEXT NOT NULL)",
    "CREATE INDEX journeymap_said_of ON journeymap_said (customer)",
)
_THIRD = (
    "ALTER TABLE journeymap_aside ADD COLUMN due BIGINT",
    "CREATE INDEX journeymap_aside_due ON journeymap_aside (due)",
    "ALTER TABLE journeymap_outbox ADD COLUMN kind VARCHAR(64) NOT NULL DEFAULT ''",
    "ALTER TABLE journeymap_outbox ADD COLUMN moment VARCHAR(512) NOT NULL DEFAULT ''",
    "ALTER TABLE journeymap_outbox ADD COLUMN action TEXT",
    "ALTER TABLE journeymap_outbox ADD COLUMN tried BIGINT",
    "CREATE TABLE journeymap_gone (mark VARCHAR(64) PRIMARY KEY, until BIGINT NOT NULL)",
)
_FOURTH = (
    "CREATE TABLE journeymap_checkpoints (customer VARCHAR(512) NOT NULL, at BIGINT NOT NULL,"
    " map VARCHAR(64) NOT NULL, lap INTEGER NOT NULL, state TEXT NOT NULL,"
    " PRIMARY KEY (customer, at, map))",
    "CREATE INDEX journeymap_times ON journeymap_journal (customer, at, number)",
)
_FIFTH = (
    "CREATE TABLE journeymap_archive (customer VARCHAR(512) NOT NULL, number BIGINT NOT NULL,"
    " last BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,"
    " interactions INTEGER NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (customer, number))",
    "CREATE TABLE journeymap_archive_keys (dedupe VARCHAR(1024) PRIMARY KEY,"
    " customer VARCHAR(512) NOT NULL)",
)
_SIXTH = (
    "ALTER TABLE journeymap_outbox ADD COLUMN posted BIGINT",
    "UPDATE journeymap_outbox SET posted = next WHERE status = 'waiting'",
)
UPGRADES = {1: _SECOND, 2: _THIRD, 3: _FOURTH, 4: _FIFTH, 5: _SIXTH}
"""The statements that turn a store of a version into one of the next."""
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
    *_THIRD,
    *_FOURTH,
    *_FIFTH,
    *_SIXTH,
)

_STATE = "customer, version, map, due, state"
_LETTER = (
    "id, customer, signal, status, attempts, next, reason, kind, moment, coalesce(action, ''),"
    " tried, posted"
)
_ASIDE = "customer, dedupe, arrived, reason, interaction, due"
_EVIDENCE = "number, customer, batch, said"

_COUNTS = "SELECT " + ", ".join(
    f"(SELECT {what} FROM journeymap_{where})"
    for what, where in (
        ("count(*)", "journal"),
        ("coalesce(sum(interactions), 0)", "archive"),
        ("count(*)", "states"),
        ("count(*)", "states WHERE due <= :now"),
        ("count(*)", "outbox WHERE status = 'waiting'"),
        ("min(coalesce(posted, tried, next))", "outbox WHERE status = 'waiting'"),
        ("count(*)", "outbox WHERE status = 'dead'"),
        ("count(*)", "aside"),
        ("count(*)", "said"),
    )
)


class SqlSetAside(SqlTable):
    """The interactions that were set aside, in SQL."""

    def add(self, entries: Iterable[SetAsideEntry]) -> None:
        """Keep interactions with their reasons."""
        rows = [{"customer": a.customer, "dedupe": a.key, "arrived": a.arrived, "reason": a.reason,
                 "interaction": a.text, "due": a.due} for a in entries]  # fmt: skip
        self.write(f"INSERT INTO journeymap_aside ({_ASIDE}) VALUES (:customer, :dedupe, :arrived,"
                    " :reason, :interaction, :due)", rows)  # fmt: skip

    def remove(self, keys: Sequence[str]) -> None:
        """Remove those with these keys."""
        self.write("DELETE FROM journeymap_aside WHERE dedupe = :key",
                    [{"key": key} for key in keys])  # fmt: skip

    def find(self, key: str) -> SetAsideEntry | None:
        """Read the one with a key."""
        select = f"SELECT {_ASIDE} FROM journeymap_aside WHERE dedupe = :key"
        return next((SetAsideEntry(*row) for row in self.db.rows(select, {"key": key})), None)

    def list_due(self, now: int, limit: int) -> list[SetAsideEntry]:
        """Read those that may be recorded now."""
        select = f"SELECT {_ASIDE} FROM journeymap_aside WHERE due <= :now ORDER BY due, customer"
        rows = self.db.rows(f"{select} LIMIT {int(limit)}", {"now": now})
        return [SetAsideEntry(*row) for row in rows]

    def read(self, customer: str | None = None) -> list[SetAsideEntry]:
        """Read what was set aside, of one customer or of all."""
        where = "" if customer is None else " WHERE customer = :customer"
        select = f"SELECT {_ASIDE} FROM journeymap_aside{where} ORDER BY arrived, customer"
        values = {} if customer is None else {"customer": customer}
        return [SetAsideEntry(*row) for row in self.db.rows(select, values)]

    def move(self, old: str, new: str) -> None:
        """Put everything of one customer to another."""
        self.write("UPDATE journeymap_aside SET customer = :new WHERE customer = :old",
                    [{"old": old, "new": new}])  # fmt: skip

    def delete(self, customers: Sequence[str]) -> None:
        """Remove everything of some customers."""
        self.delete_rows("journeymap_aside", customers)


class SqlStates(SqlTable):
    """The states in SQL."""

    def lock_versions(self, customers: Sequence[str], *, share: bool = False) -> dict[str, int]:
        """Read the versions, their rows held until the transaction ends."""
        with_, where = "", ""
        # In one statement, whose rows may be older than the lock: then the work is done again.
        if share and self.db.lock and self.db.advisory and self.db.retried:
            with_ = f"WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({_KEY})) "
            where = "(SELECT count(*) FROM held) = 1 AND "
        elif share:
            SqlMeta(self.db).share()
        select = f"{with_}SELECT customer, version FROM journeymap_states WHERE {where}"
        select += "customer IN ({})"
        if self.db.lock:
            select += " ORDER BY customer" + self.db.lock
        return {row[0]: row[1] for row in self.among(select, sorted(customers))}

    def read(self, customers: Sequence[str]) -> dict[str, StoredState]:
        """Read the states of some customers."""
        select = f"SELECT {_STATE} FROM journeymap_states WHERE customer IN ({{}})"
        return {row[0]: StoredState(*row) for row in self.among(select, customers)}

    def insert(self, states: Iterable[StoredState]) -> None:
        """Write states of customers who have none."""
        self.write(f"INSERT INTO journeymap_states ({_STATE}) VALUES (:customer, :version, :map,"
                    " :due, :state)", [_state_row(one) for one in states])  # fmt: skip

    def update(self, states: Iterable[StoredState]) -> None:
        """Write states over those that are there."""
        self.write("UPDATE journeymap_states SET version = :version, map = :map, due = :due,"
                    " state = :state WHERE customer = :customer",
                    [_state_row(one) for one in states])  # fmt: skip

    def list_due(self, now: int, limit: int) -> list[str]:
        """List customers with a timer that is due, the earliest first."""
        select = "SELECT customer FROM journeymap_states WHERE due <= :now ORDER BY due, customer"
        return [row[0] for row in self.db.rows(f"{select} LIMIT {int(limit)}", {"now": now})]

    def list_customers(self, after: str, limit: int) -> list[str]:
        """List the customers in the order of their names, after a name."""
        select = "SELECT customer FROM journeymap_states WHERE customer > :after ORDER BY customer"
        return [row[0] for row in self.db.rows(f"{select} LIMIT {int(limit)}", {"after": after})]

    def delete(self, customers: Sequence[str]) -> None:
        """Remove the states of some customers."""
        self.delete_rows("journeymap_states", customers)


class SqlCheckpoints(SqlTable):
    """The checkpoints in SQL."""

    def add(self, rows: Iterable[Checkpoint]) -> None:
        """Write checkpoints, over those of the same customer, time and map."""
        values = [{"customer": c.customer, "at": c.at, "map": c.map, "lap": c.lap,
                   "state": c.text} for c in rows]  # fmt: skip
        same = [{name: row[name] for name in ("customer", "at", "map")} for row in values]
        self.write("DELETE FROM journeymap_checkpoints WHERE customer = :customer AND at = :at"
                    " AND map = :map", same)  # fmt: skip
        self.write("INSERT INTO journeymap_checkpoints (customer, at, map, lap, state) VALUES"
                    " (:customer, :at, :map, :lap, :state)", values)  # fmt: skip

    def find_before(self, customer: str, at: int, map: str) -> Checkpoint | None:  # noqa: A002
        """Read the last checkpoint before a time."""
        select = (
            "SELECT customer, at, map, lap, state FROM journeymap_checkpoints"
            " WHERE customer = :customer AND at < :at AND map = :map ORDER BY at DESC LIMIT 1"
        )
        rows = self.db.rows(select, {"customer": customer, "at": at, "map": map})
        return next((Checkpoint(*row) for row in rows), None)

    def drop(self, customer: str, since: int, until: int, map: str) -> None:  # noqa: A002
        """Remove the checkpoints from a time on: up to another, or of another map all."""
        values = {"customer": customer, "since": since, "until": until, "map": map}
        self.write("DELETE FROM journeymap_checkpoints WHERE customer = :customer"
                    " AND at >= :since AND (at <= :until OR map <> :map)", [values])  # fmt: skip

    def add_laps(self, customer: str, after: int, laps: int) -> None:
        """Count laps in the checkpoints after a time."""
        values = {"customer": customer, "after": after, "laps": laps}
        self.write("UPDATE journeymap_checkpoints SET lap = lap + :laps"
                    " WHERE customer = :customer AND at > :after", [values])  # fmt: skip

    def delete(self, customers: Sequence[str]) -> None:
        """Remove all checkpoints of some customers."""
        self.delete_rows("journeymap_checkpoints", customers)


class SqlOutbox(SqlTable):
    """The outbox in SQL."""

    def post(self, letters: Iterable[Letter]) -> None:
        """Put letters into the outbox; one whose id is there already is left as it is."""
        given = {letter.id: letter for letter in letters}
        there = self.read(list(given))
        new = [_letter_row(one) for one in given.values() if one.id not in there]
        self.write("INSERT INTO journeymap_outbox (id, customer, signal, status, attempts, next,"
                    " reason, kind, moment, action, tried, posted) VALUES (:id, :customer, :signal,"
                    " :status, :attempts, :next, :reason, :kind, :moment, :action, :tried,"
                    " :posted)", new)  # fmt: skip

    def read(self, ids: Sequence[str]) -> dict[str, Letter]:
        """Read the letters with these ids."""
        select = f"SELECT {_LETTER} FROM journeymap_outbox WHERE id IN ({{}})"
        if self.db.lock:  # what is read to be changed is held
            select += " ORDER BY id" + self.db.lock
        return {row[0]: Letter(*row) for row in self.among(select, ids)}

    def claim_waiting(
        self, now: int, limit: int, names: Sequence[str] | None = None
    ) -> list[Letter]:
        """Read waiting letters whose time has come, held so that no other process takes them."""
        values: dict[str, Any] = {"now": now}
        named = ""
        if names is not None:
            given, among = _named(names)
            values |= given
            named = f" AND (kind = '' OR {among})"
        select = (f"SELECT {_LETTER} FROM journeymap_outbox WHERE status = 'waiting'"
                  f" AND next <= :now{named} ORDER BY next, id LIMIT {int(limit)}")  # fmt: skip
        lock = f"{self.db.lock} SKIP LOCKED" if self.db.lock and self.db.advisory else self.db.lock
        return [Letter(*row) for row in self.db.rows(select + lock, values)]

    def count_unclaimed(self, names: Sequence[str]) -> int:
        """Count the waiting letters that have none of some names."""
        values, among = _named(names)
        select = f"SELECT count(*) FROM journeymap_outbox WHERE status = 'waiting' AND NOT {among}"
        return int(self.db.rows(select, values)[0][0])

    def prune(self, before: int) -> int:
        """Remove letters that were taken or withdrawn before a time."""
        which = "status IN ('done', 'withdrawn') AND next < :before"
        values = {"before": before}
        count = self.db.rows(f"SELECT count(*) FROM journeymap_outbox WHERE {which}", values)
        self.write(f"DELETE FROM journeymap_outbox WHERE {which}", [values])
        return int(count[0][0])

    def settle(self, letters: Iterable[Letter]) -> None:
        """Write letters over those with the same ids."""
        self.write("UPDATE journeymap_outbox SET status = :status, attempts = :attempts,"
                    " next = :next, reason = :reason, signal = :signal, customer = :customer,"
                    " kind = :kind, moment = :moment, action = :action, tried = :tried,"
                    " posted = :posted"
                    " WHERE id = :id", [_letter_row(one) for one in letters])  # fmt: skip

    def select(
        self, *, customer: str | None = None, status: LetterStatus | None = None
    ) -> list[Letter]:
        """Read letters of one customer, of one status, or both."""
        values = {"customer": customer, "status": status}
        given = {name: value for name, value in values.items() if value is not None}
        where = " AND ".join(f"{name} = :{name}" for name in given) or "1 = 1"
        query = f"SELECT {_LETTER} FROM journeymap_outbox WHERE {where} ORDER BY next, id"
        return [Letter(*row) for row in self.db.rows(query, given)]

    def move(self, old: str, new: str) -> None:
        """Put all letters of one customer to another."""
        self.write("UPDATE journeymap_outbox SET customer = :new WHERE customer = :old",
                    [{"old": old, "new": new}])  # fmt: skip

    def delete(self, customers: Sequence[str]) -> None:
        """Remove all letters of some customers."""
        self.delete_rows("journeymap_outbox", customers)


class SqlEvidence(SqlTable):
    """The evidence in SQL."""

    def add(self, rows: Iterable[StoredEvidence]) -> None:
        """Write new evidence."""
        self.write(f"INSERT INTO journeymap_said ({_EVIDENCE}) VALUES (:number, :customer, :batch,"
                    " :said)", [_evidence_row(one) for one in rows])  # fmt: skip

    def read_after(self, number: int, limit: int) -> list[StoredEvidence]:
        """Read evidence after a number, in order."""
        select = f"SELECT {_EVIDENCE} FROM journeymap_said WHERE number > :after ORDER BY number"
        rows = self.db.rows(f"{select} LIMIT {int(limit)}", {"after": number})
        return [StoredEvidence(*row) for row in rows]

    def read_customer(self, customer: str) -> list[StoredEvidence]:
        """Read the evidence about one customer, in order."""
        select = (
            f"SELECT {_EVIDENCE} FROM journeymap_said WHERE customer = :customer ORDER BY number"
        )
        return [StoredEvidence(*row) for row in self.db.rows(select, {"customer": customer})]

    def replace(self, rows: Iterable[StoredEvidence]) -> None:
        """Write evidence over that with the same numbers."""
        self.write("UPDATE journeymap_said SET customer = :customer, batch = :batch, said = :said"
                    " WHERE number = :number", [_evidence_row(one) for one in rows])  # fmt: skip

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove the evidence with these numbers."""
        rows = [{"number": number} for number in numbers]
        self.write("DELETE FROM journeymap_said WHERE number = :number", rows)

    def delete(self, customers: Sequence[str]) -> None:
        """Remove all evidence about some customers."""
        self.delete_rows("journeymap_said", customers)


class SqlTombstones(SqlTable):
    """The marks of what was removed, in SQL."""

    def find(self, marks: Sequence[str]) -> dict[str, int]:
        """Look marks up."""
        select = "SELECT mark, until FROM journeymap_gone WHERE mark IN ({})"
        return {row[0]: row[1] for row in self.among(select, marks)}

    def set(self, marks: Mapping[str, int]) -> None:
        """Write marks, over those that are there."""
        self.remove(list(marks))
        self.write("INSERT INTO journeymap_gone (mark, until) VALUES (:mark, :until)",
                    [{"mark": mark, "until": until} for mark, until in marks.items()])  # fmt: skip

    def remove(self, marks: Sequence[str]) -> None:
        """Remove marks."""
        rows = [{"mark": mark} for mark in marks]
        self.write("DELETE FROM journeymap_gone WHERE mark = :mark", rows)


class SqlMeta(SqlTable):
    """Facts about the store, in SQL."""

    def read(self) -> dict[str, str]:
        """Read all facts by name."""
        rows = self.db.rows("SELECT name, note FROM journeymap_notes", {})
        return {row[0]: row[1] for row in rows}

    def set(self, name: str, text: str) -> None:
        """Write a fact."""
        known = name in self.read()
        self.write("UPDATE journeymap_notes SET note = :note WHERE name = :name" if known else
                    "INSERT INTO journeymap_notes (name, note) VALUES (:name, :note)",
                    [{"name": name, "note": text}])  # fmt: skip

    def lock(self) -> None:
        """Hold the one row that every writer of evidence asks for."""
        if self.db.lock:
            select = f"SELECT note FROM journeymap_notes WHERE name = :name{self.db.lock}"
            self.db.rows(select, {"name": "version"})
            if self.db.advisory:
                self.db.hold(_KEY)

    def share(self) -> None:
        """Hold up writers of evidence, without holding up one another."""
        if self.db.lock and self.db.advisory:
            self.db.rows("SELECT pg_advisory_xact_lock_shared(:key)", {"key": _KEY})
        else:
            self.lock()


@frozen
class SqlTransaction:
    """A `Transaction` in SQL: one object for each table."""

    db: Database

    @property
    def journal(self) -> SqlJournal:
        """The interactions that were recorded."""
        return SqlJournal(self.db)

    @property
    def set_aside(self) -> SqlSetAside:
        """The interactions that were set aside."""
        return SqlSetAside(self.db)

    @property
    def states(self) -> SqlStates:
        """The states of the customers."""
        return SqlStates(self.db)

    @property
    def checkpoints(self) -> SqlCheckpoints:
        """States of the past."""
        return SqlCheckpoints(self.db)

    @property
    def outbox(self) -> SqlOutbox:
        """The letters."""
        return SqlOutbox(self.db)

    @property
    def evidence(self) -> SqlEvidence:
        """The evidence of who is who."""
        return SqlEvidence(self.db)

    @property
    def meta(self) -> SqlMeta:
        """Facts about the store itself."""
        return SqlMeta(self.db)

    @property
    def tombstones(self) -> SqlTombstones:
        """The marks of what was removed for good."""
        return SqlTombstones(self.db)

    def look_up(
        self, keys: Sequence[str], marks: Sequence[str]
    ) -> tuple[dict[str, bool], dict[str, int]]:
        """Look keys and marks up, so many of each in one query."""
        recorded: dict[str, bool] = {}
        until: dict[str, int] = {}
        for begin in range(0, max(len(keys), len(marks)), _FEW):
            some = {f"k{n}": key for n, key in enumerate(keys[begin : begin + _FEW])}
            others = {f"m{n}": mark for n, mark in enumerate(marks[begin : begin + _FEW])}
            parts = [
                f"SELECT {kind}, {column}, {what} FROM {table} WHERE {column} IN ({among})"
                for kind, column, what, table, given in (
                    (0, "dedupe", "0", "journeymap_aside", some),
                    (1, "dedupe", "0", "journeymap_journal", some),
                    (1, "dedupe", "0", "journeymap_archive_keys", some),
                    (2, "mark", "until", "journeymap_gone", others),
                )
                if (among := ", ".join(f":{name}" for name in given))
            ]
            for kind, name, time in self.db.rows(" UNION ALL ".join(parts), {**some, **others}):
                if kind == 2:
                    until[name] = time
                else:
                    recorded[name] = recorded.get(name, False) or bool(kind)
        return recorded, until

    def count(self, now: int) -> StoreCounts:
        """Count what the store holds, in one query."""
        counts: Any = (*self.db.rows(_COUNTS, {"now": now})[0], self.db.size())
        return StoreCounts(*counts)


def _state_row(one: StoredState) -> dict[str, Any]:
    return {"customer": one.customer, "version": one.version, "map": one.map, "due": one.due,
            "state": one.text}  # fmt: skip


def _letter_row(one: Letter) -> dict[str, Any]:
    return {"id": one.id, "customer": one.customer, "signal": one.text, "status": one.status,
            "attempts": one.attempts, "next": one.next, "reason": one.reason, "kind": one.kind,
            "moment": one.moment, "action": one.action, "tried": one.tried,
            "posted": one.posted}  # fmt: skip


def _named(names: Sequence[str]) -> tuple[dict[str, str], str]:
    """Make the condition that a letter has one of some names, and its values."""
    values = {f"name{n}": name for n, name in enumerate(names)}
    listed = ", ".join(f":{name}" for name in values)
    columns = ("kind", "moment", "coalesce(action, '')")
    condition = " OR ".join(f"{column} IN ({listed})" for column in columns)
    return values, f"({condition})" if values else "(1 = 0)"


def _evidence_row(one: StoredEvidence) -> dict[str, Any]:
    return {"number": one.number, "customer": one.customer, "batch": one.batch, "said": one.text}
