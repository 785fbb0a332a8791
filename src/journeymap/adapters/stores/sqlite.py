"""A store in one SQLite file, or in memory: the embedded default."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from journeymap.adapters.store import Transaction
from journeymap.adapters.stores.sql_tables import TABLES, UPGRADES, VERSION, SqlTransaction, Values
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
_OURS = 0x6A6D6170  # marks a file as ours in its header
_PASSING = ("locked", "busy", "full", "i/o", "readonly", "read-only", "unable to open")


class SqliteConnection:
    """A connection, as the statements need it."""

    __slots__ = ("connection", "lock")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = ""  # a writer has the whole file to itself

    def rows(self, statement: str, values: Values) -> Sequence[Sequence[Any]]:
        return self.connection.execute(statement, dict(values)).fetchall()

    def write(self, statement: str, many: Sequence[Values]) -> None:
        self.connection.executemany(statement, many)


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
    """Keeps everything in one file, written ahead (WAL) and safe against the power going off."""

    __slots__ = ("_closed", "_connection", "_path", "_patience", "_turn")

    def __init__(self, path: str | os.PathLike[str], *, patience: float = 10.0) -> None:
        """Open a file.

        Args:
            path: The file; ``:memory:`` keeps everything in memory alone.
            patience: How many seconds to wait for another process that is writing.

        Raises:
            StoreError: The file cannot be opened, or is something else's.
        """
        self._path = os.fspath(path)
        self._patience = patience
        self._turn = threading.RLock()
        self._closed = True  # until it could be opened
        self._connection = self._opened()
        self._closed = False

    @property
    def address(self) -> str:
        """The file."""
        return f"sqlite:///{self._path}"

    def run(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.run`; one thread and one process write at a time."""
        return self._done("BEGIN IMMEDIATE", work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.read`; writers do not hold it up."""
        return self._done("BEGIN", work)

    def _done(self, begin: str, work: Callable[[Transaction], T]) -> T:
        with self._turn:
            try:
                self._connection.execute(begin)
            except sqlite3.Error as error:
                raise self._wrong(error) from error
            try:
                done = work(SqlTransaction(SqliteConnection(self._connection)))
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._back()
                raise self._wrong(error) from error
            except BaseException:
                self._back()
                raise
            return done

    def scrub(self) -> None:
        """See `Store.scrub`: the log written ahead is emptied into the file."""
        with self._turn:
            try:
                busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
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
            self._connection.close()

    def __del__(self) -> None:
        if not self._closed:
            address = self.address
            self.close()
            warn_unclosed(self, address)

    def _opened(self) -> sqlite3.Connection:
        self._examine()
        connection = None
        try:
            connection = sqlite3.connect(
                self._path, timeout=self._patience, isolation_level=None, check_same_thread=False
            )
            for setting in SETTINGS:
                connection.execute(f"PRAGMA {setting}")
            self._prepare(connection)
        except ValueError as error:
            raise StoreError(self.address, f"this file cannot be opened: {error}") from None
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise self._wrong(error) from error
        except StoreError:
            if connection is not None:
                connection.close()
            raise
        return connection

    def _examine(self) -> None:
        """Refuse a file that is no database before anything could be written to it."""
        place = Path(self._path)
        try:
            if self._path == ":memory:" or not place.exists() or not place.stat().st_size:
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

    def _back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _wrong(self, error: sqlite3.Error) -> StoreError:
        text = str(error).lower()
        passing = any(word in text for word in _PASSING)
        message = f"{error}; nothing was written" + (
            "" if passing else " and the file is left alone"
        )
        return StoreError(self.address, message, passing=passing)
