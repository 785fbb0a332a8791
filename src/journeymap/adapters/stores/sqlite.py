"""A store in one SQLite file, or in memory: the embedded default."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from journeymap.adapters.store import JournalEntry, Transaction
from journeymap.adapters.stores.forks import call_at_fork, hold_all
from journeymap.adapters.stores.sql_database import Values
from journeymap.adapters.stores.sql_tables import TABLES, UPGRADES, VERSION, SqlTransaction
from journeymap.adapters.stores.unclosed import warn_unclosed
from journeymap.exceptions import StoreError, UnknownName

__all__ = ["SETTINGS", "SqliteStore", "sqlite_store"]

T = TypeVar("T")
SETTINGS = (
    "secure_delete = ON",  # what is removed is overwritten
    "synchronous = FULL",  # a commit outlives the power going off
    "cache_size = -65536",  # 64 MB
    "wal_autocheckpoint = 8000",  # 32 MB: fewer and longer writes into the file
)
MAX_READERS = 8
"""Threads that read at once, each with a connection of its own; others wait for them."""
_PATIENCE = 10.0  # seconds
_READER_CACHE = "PRAGMA cache_size = -8192"  # 8 MB: there may be as many as MAX_READERS
_MEMORY = ":memory:"
_ABANDONED: list[sqlite3.Connection] = []  # closing them would undo what another process writes
_OURS = 0x6A6D6170  # marks a file as ours in its header
_PASSING = ("locked", "busy", "full", "i/o", "readonly", "read-only", "unable to open")


class SqliteConnection:
    """A connection, as the statements need it."""

    __slots__ = ("advisory", "appended", "connection", "lock", "retried", "rewritten")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = ""  # a writer has the whole file to itself
        self.advisory = self.retried = False
        self.appended: JournalEntry | None = None
        self.rewritten = False

    def rows(self, statement: str, values: Values) -> Sequence[Sequence[Any]]:
        return self.connection.execute(statement, dict(values)).fetchall()

    def write(self, statement: str, many: Sequence[Values]) -> None:
        self.connection.executemany(statement, many)

    def hold(self, key: int) -> None:
        """See `Database.hold`: whoever writes is alone."""

    def size(self) -> int:
        pages, page = (
            self.connection.execute(f"PRAGMA {what}").fetchone()[0]
            for what in ("page_count", "page_size")
        )
        return int(pages * page)


def sqlite_store(address: str) -> SqliteStore:
    """Open the store at an address.

    Args:
        address: ``memory`` or ``sqlite:///file.db``.

    Returns:
        The store.

    Raises:
        UnknownName: The address is neither.
        StoreError: The file cannot be opened.
    """
    if address in ("memory", "sqlite://", "sqlite:///:memory:"):
        return SqliteStore(":memory:")
    if not address.startswith("sqlite:///"):
        raise UnknownName("store", address, ("sqlite:///…",))
    return SqliteStore(address.removeprefix("sqlite:///"))


class SqliteStore:
    """Keeps everything in one file, written ahead (WAL) and safe against the power going off.

    One connection writes; readers have connections of their own, and wait for no writer. A forked
    process opens its own connections.
    """

    __slots__ = (
        "__weakref__", "_closed", "_connection", "_file", "_held", "_idle", "_patience", "_reading",
        "_turn", "address",
    )  # fmt: skip

    def __init__(self, path: str | os.PathLike[str], *, patience: float = _PATIENCE) -> None:
        """Open a file.

        Args:
            path: The file; ``:memory:`` keeps everything in memory alone.
            patience: How many seconds to wait for another process that is writing.

        Raises:
            StoreError: The file cannot be opened, or is something else's.
        """
        self.address = f"sqlite:///{os.fspath(path)}"
        self._file = _MEMORY if path == _MEMORY else os.path.abspath(path)
        self._patience = patience
        self._closed: bool = True  # until it could be opened
        self._begin_anew()
        self._connection: sqlite3.Connection | None = self._opened()
        self._closed = False
        call_at_fork(self._after_fork, before=self._before_fork, parent=self._let_go)

    def _begin_anew(self) -> None:
        self._turn = threading.RLock()
        self._reading = threading.BoundedSemaphore(MAX_READERS)
        self._held = 0
        self._idle: list[sqlite3.Connection] = []
        self._connection = None

    def _before_fork(self) -> None:
        """Wait until no thread is within SQLite, whose locks a forked process could not free."""
        self._turn.acquire()
        self._held = hold_all(self._reading, MAX_READERS)

    def _let_go(self) -> None:
        if self._held:
            self._reading.release(self._held)
        self._turn.release()

    def _after_fork(self) -> None:
        """Leave the file to the process that opened it; memory is each process's own.

        SQLite would take the connections of the other process for this one's, and their locks with
        them: they are closed here, where nothing is under way in them.
        """
        inherited, idle = self._connection, self._idle
        self._begin_anew()
        if self._file == _MEMORY:
            self._connection = inherited
            return
        for connection in (*idle, *([] if inherited is None else [inherited])):
            if connection.in_transaction:  # this very thread was writing when it forked
                _ABANDONED.append(connection)
                self._closed = True
            else:
                connection.close()

    def _writer(self) -> sqlite3.Connection:
        if self._connection is None:
            self._check_open()
            self._connection = self._opened()
        return self._connection

    def _reader(self) -> sqlite3.Connection:
        self._check_open()
        connection = self._connected()
        connection.execute(_READER_CACHE)
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(self.address, "this store is closed")

    def run(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.run`; one thread and one process write at a time."""
        with self._turn:
            return self._done(self._writer(), "BEGIN IMMEDIATE", work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.read`; writers do not hold it up."""
        if self._file == _MEMORY:
            with self._turn:
                return self._done(self._writer(), "BEGIN", work)
        with self._reading:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._reader()
            try:
                return self._done(connection, "BEGIN", work)
            finally:
                self._idle.append(connection)
                if self._closed:
                    self._close_idle()

    def _done(
        self, connection: sqlite3.Connection, begin: str, work: Callable[[Transaction], T]
    ) -> T:
        within = connection.in_transaction
        try:
            try:
                connection.execute(begin)
                done = work(SqlTransaction(SqliteConnection(connection)))
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._wrong(error) from error
        except BaseException:  # also one that a signal raises when the lock was just given
            if not within:
                _back(connection)
            raise
        return done

    @property
    def scrub_blocks(self) -> bool:
        """See `Store.scrub_blocks`; what is removed is overwritten at once."""
        return False

    def scrub(self) -> None:
        """See `Store.scrub`: the log written ahead is emptied into the file."""
        with self._turn:
            try:
                busy = self._writer().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise self._wrong(error) from error
        if busy:
            message = (
                "what was removed is still in the log written ahead, because another process is "
                "reading; scrub again when it is done"
            )
            raise StoreError(self.address, message, passing=True)

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):  # another thread took the last
            while self._idle:
                self._idle.pop().close()

    def __del__(self) -> None:
        if not self._closed:
            address = self.address
            self.close()
            warn_unclosed(self, address)

    def _opened(self) -> sqlite3.Connection:
        """Open the connection that writes, and make the tables if they are missing."""
        self._examine()
        connection = self._connected()
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self._wrong(error) from error
        except StoreError:
            connection.close()
            raise
        return connection

    def _connected(self) -> sqlite3.Connection:
        connection = None
        try:
            connection = sqlite3.connect(
                self._file, timeout=self._patience, isolation_level=None, check_same_thread=False
            )
            for setting in SETTINGS:
                connection.execute(f"PRAGMA {setting}")
        except ValueError as error:
            raise StoreError(self.address, f"this file cannot be opened: {error}") from None
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise self._wrong(error) from error
        return connection

    def _examine(self) -> None:
        """Refuse a file that is no database before anything could be written to it."""
        place = Path(self._file)
        try:
            if self._file == _MEMORY or not place.exists() or not place.stat().st_size:
                return
            with place.open("rb") as file:
                mark = file.read(16)
        except (OSError, ValueError) as error:
            raise StoreError(self.address, f"this file cannot be opened: {error}") from None
        if mark != b"SQLite format 3\x00":
            raise StoreError(self.address, "this file is no SQLite database; it is left alone")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")  # so that what is read belongs together
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        mark = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("COMMIT")
        if mark != _OURS and (tables or mark):
            message = "this SQLite database is something else's; it is left alone"
            raise StoreError(self.address, message)
        if mark == _OURS and version != VERSION and version not in UPGRADES:
            message = f"a store of version {version}; this journeymap knows version {VERSION}"
            raise StoreError(self.address, message)
        connection.execute("PRAGMA journal_mode = WAL")
        if mark == _OURS and version == VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        while version in UPGRADES:
            for statement in UPGRADES[version]:
                connection.execute(statement)
            version += 1
            connection.execute(f"PRAGMA user_version = {version}")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")

    def _wrong(self, error: sqlite3.Error) -> StoreError:
        text = str(error).lower()
        passing = any(word in text for word in _PASSING)
        message = f"{error}; nothing was written" + (
            "" if passing else " and the file is left alone"
        )
        return StoreError(self.address, message, passing=passing)


def _back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
