"""A store in PostgreSQL, or in any database that SQLAlchemy speaks to."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from journeymap.adapters.store import JournalEntry, Transaction
from journeymap.adapters.stores.forks import call_at_fork, hold_all
from journeymap.adapters.stores.sql_database import Values
from journeymap.adapters.stores.sql_tables import (
    PREFIX,
    TABLES,
    UPGRADES,
    VERSION,
    SqlTransaction,
)
from journeymap.adapters.stores.unclosed import warn_unclosed
from journeymap.exceptions import ElementError, StoreError, require

if TYPE_CHECKING:
    from sqlalchemy import TextClause
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.engine import Transaction as Transacted

__all__ = ["SqlStore"]

T = TypeVar("T")
_PREFIX = re.compile("[a-z][a-z0-9_]{0,39}")
_SCRUBBED = ("states", "checkpoints", "journal", "archive", "archive_keys", "outbox",
             "aside", "said")  # fmt: skip
_NAMES = (*_SCRUBBED, "gone", "notes")
_LOCK_PATIENCE = "1s"
_SLOTS = 64  # connections of SQLite in use at once
_IN_LINE, _HOLDS = "200ms", 30  # how long to wait for a lock at a time, and how often
_NOT_AVAILABLE = "55P03"
_TRIES = 12  # with growing pauses, about 10 s: many writers at one customer


class SqlConnection:
    """A connection, as the statements need it."""

    __slots__ = ("_prefix", "advisory", "appended", "connection", "lock", "retried",
                 "rewritten")  # fmt: skip

    def __init__(
        self, connection: Connection, prefix: str, lock: str = " FOR UPDATE", *,
        retried: bool = True,
    ) -> None:  # fmt: skip
        self.retried = retried
        self.appended: JournalEntry | None = None
        self.rewritten = False
        self.connection = connection
        self._prefix = prefix
        self.lock = "" if connection.dialect.name == "sqlite" else lock
        self.advisory = connection.dialect.name == "postgresql"

    def rows(self, statement: str, values: Values) -> Sequence[Sequence[Any]]:
        found = self.connection.execute(self._text(statement), dict(values))
        return [tuple(row) for row in found]

    def write(self, statement: str, many: Sequence[Values]) -> None:
        self.connection.execute(self._text(statement), [dict(values) for values in many])

    def hold(self, key: int) -> None:
        """Take a lock that others share; whoever shares it for long holds up no one else.

        Who waits in line lets no later one pass: so it is for a moment only, again and again.
        """
        from sqlalchemy.exc import OperationalError

        if self.rows("SELECT pg_try_advisory_xact_lock(:key)", {"key": key})[0][0]:
            return
        [[before]] = self.rows("SELECT current_setting('lock_timeout')", {})
        setting = "SELECT set_config('lock_timeout', :time, true)"
        for turn in range(1, _HOLDS + 1):
            try:
                with self.connection.begin_nested():
                    self.rows(setting, {"time": _IN_LINE})
                    self.rows("SELECT pg_advisory_xact_lock(:key)", {"key": key})
                    self.rows(setting, {"time": before})
                return
            except OperationalError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state != _NOT_AVAILABLE or turn == _HOLDS:
                    raise
            time.sleep(random.uniform(0.5, 1))  # noqa: S311  # others pass meanwhile

    def size(self) -> int:
        if not self.advisory:
            return 0
        select = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE oid = ANY(ARRAY["
        tables = ", ".join(f"'{self._prefix}{table}'::regclass" for table in _SCRUBBED)
        return int(self.connection.execute(_text(f"{select}{tables}])")).scalar_one())

    def make(self, statement: str) -> None:
        """Run a statement that makes or changes tables."""
        self.connection.execute(self._text(statement))

    def _text(self, statement: str) -> TextClause:
        return _text(statement.replace(PREFIX, self._prefix))


@lru_cache(maxsize=1000)
def _text(statement: str) -> TextClause:
    from sqlalchemy import text

    return text(statement)


_STILL_READ = (
    "what was removed is still in the files, because another process is reading or writing (a "
    "backup?); scrub again when it is done"
)


class SqlStore:
    """Keeps everything in a database that SQLAlchemy speaks to; needs the extra ``sql``.

    Tables named ``journeymap_…`` are made when they are missing. Processes that record the same
    customer at once wait for one another; one that lost is done again.
    """

    __slots__ = ("__weakref__", "_closed", "_engine", "_held", "_owned", "_prefix", "_slots",
                 "_snapshots", "_table")  # fmt: skip

    def __init__(
        self, url: str | Engine, *, prefix: str = PREFIX, connections: int = 15,
        patience: float = 30.0,
    ) -> None:  # fmt: skip
        """Open a database.

        Args:
            url: Its SQLAlchemy URL; or an engine, which stays its owner's: its pool is as it was
                made, and closing the store leaves it open.
            prefix: How the names of the tables begin: one store for each in one database.
            connections: How many connections are open at most.
            patience: How many seconds a call waits for a connection.

        Raises:
            MissingExtra: SQLAlchemy is not installed.
            StoreError: The database cannot be opened, or its tables are something else's.
            ElementError: It is no address and no engine (an asynchronous one is none), or the
                prefix is none that a table's name may begin with.
        """
        self._closed = True  # until it could be opened
        self._slots, self._held = threading.BoundedSemaphore(_SLOTS), 0
        require("sql", "sqlalchemy")
        from sqlalchemy import Engine
        from sqlalchemy.exc import SQLAlchemyError

        given: object = url
        if not isinstance(given, str | Engine):
            message = "an address, or an engine of sqlalchemy.create_engine, is expected"
            raise ElementError("SqlStore", "url", given, message)
        if not _PREFIX.fullmatch(str(prefix)):
            message = "lower-case letters, digits and _ are expected, up to 40, a letter first"
            raise ElementError("SqlStore", "prefix", prefix, message)
        self._prefix, self._owned, self._snapshots = prefix, isinstance(url, str), False
        self._engine = _engine(url, connections, patience) if isinstance(url, str) else url
        try:
            with self._engine.begin() as connection:
                self._prepare(connection)
                self._snapshots = _sees_a_snapshot(connection) != ""
                self._table = self._find_table(connection)
        except SQLAlchemyError as error:
            self.close()
            raise self._wrong(error) from error
        except BaseException:
            self.close()
            raise
        self._closed = False
        call_at_fork(self._begin_anew, before=self._before_fork, parent=self._let_go)

    @property
    def address(self) -> str:
        """The URL without its password, and without options, which may hold one."""
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    def run(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.run`."""
        from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

        for turn in range(1, _TRIES + 1):
            committing, db = False, None
            try:
                with self._connected() as connection, self._begin(connection) as transaction:
                    _begin_writing(connection)
                    db = SqlConnection(connection, self._prefix)
                    done = work(SqlTransaction(db))
                    committing = True
                    _commit(connection, transaction)
                    return done
            except (IntegrityError, DBAPIError) as error:
                entry = db.appended if committing and db is not None else None
                if entry is not None and self._in_doubt(error):
                    if self._holds(entry, error):
                        return done
                elif not _lost(error):
                    raise self._wrong(error, committing=committing) from error
                if turn == _TRIES:
                    raise self._wrong(error) from error
            except SQLAlchemyError as error:
                raise self._wrong(error) from error
            time.sleep(random.uniform(0, 0.005 * 2**turn))  # noqa: S311  # to get out of step
        raise AssertionError

    def _begin(self, connection: Connection) -> Transacted:
        """Begin a transaction that sees what others committed while it waited for them."""
        if self._snapshots:
            connection.execution_options(isolation_level="READ COMMITTED")
        return connection.begin()

    def _holds(self, entry: JournalEntry, cause: Exception) -> bool:
        """Check whether a transaction that broke off at its end was committed.

        It was if its last journal entry is there, also under another number. The database may be
        committing it still: whoever records shares a lock, and is waited for.
        """
        from sqlalchemy.exc import SQLAlchemyError

        for turn in range(1, _TRIES + 1):
            try:
                with self._connected() as connection:
                    tx = SqlTransaction(SqlConnection(connection, self._prefix))
                    tx.meta.lock()
                    past = tx.journal.history(entry.customer)
                    if any(evolve(one, number=entry.number) == entry for one in past):
                        return True
                    found = None if entry.key is None else tx.journal.find(entry.key)
                    if found is not None and found.arrived == entry.arrived:
                        return True
                    if past or entry.number == 1:
                        return False
                    break  # the customer was merged or forgotten meanwhile: no one knows
            except SQLAlchemyError:
                time.sleep(random.uniform(0, 0.005 * 2**turn))  # noqa: S311
        raise self._wrong(cause, committing=True) from cause

    def _in_doubt(self, error: Exception) -> bool:
        """Check whether a COMMIT that failed may have been carried out: the connection was lost."""
        if self._engine.dialect.name == "sqlite":
            return False  # it is in this process: what failed was not done
        state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
        lost = bool(getattr(error, "connection_invalidated", False))
        return lost or not state or state[:2] in ("08", "57")

    def run_within(self, connection: object, work: Callable[[Transaction], T]) -> T:
        """See `JoiningStore.run_within`; what fails is rolled back to where it began.

        Args:
            connection: A SQLAlchemy connection to the same database; of a session, that is
                ``session.connection()``.
            work: What to do.

        Returns:
            What the work returned.

        Raises:
            StoreError: The database failed; nothing of the work was written.
            ElementError: It is no such connection.
        """
        from sqlalchemy.engine import Connection as Known
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(connection, Known):
            message = "a Connection of SQLAlchemy is expected, such as session.connection()"
            raise ElementError("SqlStore", "connection", connection, message)
        if connection.engine.url != self._engine.url:
            shown = connection.engine.url.set(query={}).render_as_string(hide_password=True)
            message = f"a connection to {self.address} is expected, with the same options"
            raise ElementError("SqlStore", "connection", shown, message)
        try:
            self._check_joined(connection)
            _begin_writing(connection)
            with connection.begin_nested():
                mine = SqlConnection(connection, self._prefix, retried=False)
                return work(SqlTransaction(mine))
        except SQLAlchemyError as error:
            raise self._wrong(error) from error

    def _check_joined(self, connection: Connection) -> None:
        """Raise ElementError where a connection commits by itself, or sees other tables."""
        if _commits_by_itself(connection):
            message = "it commits every statement by itself (AUTOCOMMIT): there is nothing to join"
            raise ElementError("SqlStore", "connection", connection, message)
        level = _sees_a_snapshot(connection)
        if level:
            message = (
                f"it sees the database as it was when its transaction began ({level}), not who was "
                "merged or forgotten since: READ COMMITTED is expected"
            )
            raise ElementError("SqlStore", "connection", connection, message)
        if connection.engine is self._engine:
            return
        found = self._find_table(connection)
        if found != self._table:  # they may have been made anew meanwhile
            with self._engine.connect() as mine:
                self._table = self._find_table(mine)
        if found != self._table:
            message = f"its schema has other tables {self._prefix}… than the store's"
            raise ElementError("SqlStore", "connection", connection, message)

    def _find_table(self, connection: Connection) -> object:
        """Find which of the tables of one name, in several schemas, a connection sees."""
        if connection.dialect.name != "postgresql":
            return None
        select = f"SELECT to_regclass('{self._prefix}notes')::oid"
        return connection.execute(_text(select)).scalar_one()

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.read`."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._connected() as connection:
                if self._engine.dialect.name == "postgresql":  # all as it was at one time
                    connection.execution_options(isolation_level="REPEATABLE READ")
                elif self._engine.dialect.name == "sqlite" and _keeps_wal(connection):
                    _begin(connection, "BEGIN")
                return work(SqlTransaction(SqlConnection(connection, self._prefix, "")))
        except SQLAlchemyError as error:
            raise self._wrong(error) from error

    @property
    def scrub_blocks(self) -> bool:
        """See `Store.scrub_blocks`; the tables are written anew, and locked meanwhile."""
        return self._engine.dialect.name in ("postgresql", "sqlite")

    def scrub(self) -> None:
        """See `Store.scrub`."""
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        if not self.scrub_blocks:
            return
        try:
            with self._connected() as connection:
                at_once = connection.execution_options(isolation_level="AUTOCOMMIT")
                if self._engine.dialect.name == "sqlite":
                    at_once.execute(text("VACUUM"))
                    if at_once.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one():
                        raise StoreError(self.address, _STILL_READ, passing=True)
                    return
                self._check_owner(at_once)
                # Whoever records waits behind this lock, so it is not waited for long.
                at_once.execute(text(f"SET lock_timeout = '{_LOCK_PATIENCE}'"))
                try:
                    for table in _SCRUBBED:
                        at_once.execute(text(f"VACUUM FULL {self._prefix}{table}"))
                finally:
                    at_once.execute(text("RESET lock_timeout"))
        except SQLAlchemyError as error:
            if getattr(getattr(error, "orig", None), "sqlstate", None) == "55P03":
                raise StoreError(self.address, _STILL_READ, passing=True) from error
            raise self._wrong(error) from error

    def _check_owner(self, connection: Connection) -> None:
        """Raise StoreError where this role may not rewrite the tables: PostgreSQL only warns."""
        from sqlalchemy import text

        owned = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY("
        tables = ", ".join(f"'{self._prefix}{table}'::regclass" for table in _SCRUBBED)
        if not connection.execute(text(f"{owned}ARRAY[{tables}])")).scalar_one():
            message = (
                "what was removed is still in the files: the tables belong to another role, which "
                "alone can rewrite them"
            )
            raise StoreError(self.address, message)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Lend a connection; one that comes back after the store was closed is closed, too."""
        self._check_open()
        pool = self._engine.pool
        try:
            with self._in_use(), self._engine.connect() as connection:
                yield connection
        finally:
            if self._closed and self._owned:
                pool.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(self.address, "this store is closed")

    def close(self) -> None:
        """Close the connections; those in use are closed where they are given back."""
        self._closed = True
        if self._owned:
            self._engine.dispose()

    def _in_use(self) -> AbstractContextManager[Any]:
        """Count a connection of SQLite as in use; a server takes care of its own."""
        return self._slots if self._engine.dialect.name == "sqlite" else nullcontext()

    def _before_fork(self) -> None:
        """Wait until no thread is within SQLite, whose locks a forked process could not free."""
        if self._engine.dialect.name == "sqlite":
            self._held = hold_all(self._slots, _SLOTS)

    def _let_go(self) -> None:
        if self._held:
            self._slots.release(self._held)
        self._held = 0

    def _begin_anew(self) -> None:
        """Leave the connections to the process that opened them, and open others.

        Those of SQLite are closed: it would take them for this process's own, with their locks.
        """
        self._slots, self._held = threading.BoundedSemaphore(_SLOTS), 0
        self._engine.dispose(close=self._engine.dialect.name == "sqlite")

    def __del__(self) -> None:
        if not self._closed:
            address = self.address
            self.close()
            warn_unclosed(self, address)

    def _prepare(self, connection: Connection) -> None:
        from sqlalchemy import inspect, text

        if connection.dialect.name == "postgresql":  # processes that begin at once take turns
            connection.execute(text("SELECT pg_advisory_xact_lock(7237893)"))
        mine = self._prefix
        if connection.dialect.name != "sqlite" and _commits_by_itself(connection):
            message = (
                "its engine commits every statement by itself (AUTOCOMMIT), so that half of some "
                "work may be kept; make it without that isolation level"
            )
            raise StoreError(self.address, message)
        if connection.get_execution_options().get("schema_translate_map"):
            message = (
                "its engine translates schemas (schema_translate_map), and the statements of a "
                "store name none: give each tenant a prefix, or a search_path in its URL"
            )
            raise StoreError(self.address, message)
        tables = {f"{mine}{name}" for name in _NAMES}
        names = tables & set(inspect(connection).get_table_names())
        db = SqlConnection(connection, mine)
        tx = SqlTransaction(db)
        version = tx.meta.read().get("version") if f"{mine}notes" in names else None
        if version == str(VERSION):
            return
        if connection.dialect.name == "sqlite":  # all tables or none, and processes take turns
            _begin_writing(connection)
            names = tables & set(inspect(connection).get_table_names())
        if not names:
            for statement in TABLES:
                db.make(statement)
            tx.meta.set("version", str(VERSION))
            return
        version = tx.meta.read().get("version") if f"{mine}notes" in names else None
        while version is not None and version.isdigit() and int(version) in UPGRADES:
            for statement in UPGRADES[int(version)]:
                db.make(statement)
            version = str(int(version) + 1)
            tx.meta.set("version", version)
        if version is None:
            taken = ", ".join(sorted(names))
            message = f"its tables {taken} are something else's; they are left alone"
            raise StoreError(self.address, message)
        if version != str(VERSION):
            message = f"a store of version {version}; this journeymap knows version {VERSION}"
            raise StoreError(self.address, message)

    def _wrong(self, error: Exception, *, committing: bool = False) -> StoreError:
        from sqlalchemy.exc import TimeoutError as NoConnection

        cause = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        lost = bool(getattr(error, "connection_invalidated", False))
        state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
        passing = lost or type(error).__name__ in ("OperationalError", "IntegrityError")
        passing = passing or isinstance(error, NoConnection)  # the pool is exhausted
        passing = passing and not state.startswith("54")  # more than the database can hold
        written = (
            "whether it was written is not known: record it again, with its id"
            if committing and self._in_doubt(error) else "nothing was written"
        )  # fmt: skip
        return StoreError(self.address, f"{cause}; {written}", passing=passing)


def _commits_by_itself(connection: Connection) -> bool:
    """Check whether statements are committed at once."""
    if connection.dialect.name == "sqlite":  # whose driver does not know
        usual = getattr(connection.dialect, "_on_connect_isolation_level", None)
        return connection.get_execution_options().get("isolation_level", usual) == "AUTOCOMMIT"
    driver = connection.connection.driver_connection
    level = str(connection.get_isolation_level()).upper()
    return level == "AUTOCOMMIT" or getattr(driver, "autocommit", False) is True


def _sees_a_snapshot(connection: Connection) -> str:
    """Name the isolation level with which all statements see one moment; empty for others."""
    if connection.dialect.name != "postgresql":
        return ""
    level = str(connection.get_isolation_level()).upper()
    return level if level in ("REPEATABLE READ", "SERIALIZABLE") else ""


def _commit(connection: Connection, transaction: Transacted) -> None:
    """Commit; where that fails, close the connection, whose transaction may be open still."""
    try:
        transaction.commit()
    except BaseException:
        connection.invalidate()
        raise


def _begin_writing(connection: Connection) -> None:
    """Let SQLite have one writer from here on, whose driver begins at the first change only."""
    if connection.dialect.name == "sqlite":
        _begin(connection, "BEGIN IMMEDIATE")


def _begin(connection: Connection, statement: str) -> None:
    """Begin a transaction of SQLite, unless one is under way."""
    if not connection.in_transaction():  # where an application begins them itself, it does so here
        connection.exec_driver_sql("SELECT 1")
    driver = connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        connection.exec_driver_sql(statement)


def _keeps_wal(connection: Connection) -> bool:
    """Check whether a reader of a file holds up no writer, however long it reads."""
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    return str(mode).lower() == "wal"


def _engine(url: str, connections: int, patience: float) -> Engine:
    from sqlalchemy import QueuePool, create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return create_engine(url, pool_pre_ping=True, poolclass=QueuePool, pool_size=connections,
                             max_overflow=0, pool_timeout=patience,
                             hide_parameters=True)  # fmt: skip  # errors show no customers
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        message = f"this store cannot be opened ({type(error).__name__}); is its URL right?"
        raise StoreError(_address(url), message) from None


def _lost(error: Exception) -> bool:
    """Check whether another process was in the way: doing the work again may succeed."""
    from sqlalchemy.exc import IntegrityError

    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, IntegrityError) or state in ("40001", "40P01")


def _address(url: str) -> str:
    kind, _, rest = url.partition("://")
    where = rest.rpartition("@")[2].partition("?")[0]
    return f"{kind}://{where}"
