"""A store in PostgreSQL, or in any database that SQLAlchemy speaks to."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from journeymap.adapters.store import Transaction
from journeymap.adapters.stores.forks import call_at_fork
from journeymap.adapters.stores.sql_tables import TABLES, UPGRADES, VERSION, SqlTransaction, Values
from journeymap.adapters.stores.unclosed import warn_unclosed
from journeymap.exceptions import StoreError, require

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["SqlStore"]

T = TypeVar("T")
_SCRUBBED = ("states", "journal", "outbox", "aside", "said")
_TRIES = 12  # with growing pauses, about 10 s: many writers at one customer


class SqlConnection:
    """A connection, as the statements need it."""

    __slots__ = ("advisory", "connection", "lock")

    def __init__(self, connection: Connection, lock: str = " FOR UPDATE") -> None:
        self.connection = connection
        self.lock = lock
        self.advisory = connection.dialect.name == "postgresql"

    def rows(self, statement: str, values: Values) -> Sequence[Sequence[Any]]:
        from sqlalchemy import text

        return [tuple(row) for row in self.connection.execute(text(statement), dict(values))]

    def write(self, statement: str, many: Sequence[Values]) -> None:
        from sqlalchemy import text

        self.connection.execute(text(statement), [dict(values) for values in many])


class SqlStore:
    """Keeps everything in a database that SQLAlchemy speaks to; needs the extra ``sql``.

    Tables named ``journeymap_…`` are made when they are missing. Processes that record the same
    customer at once wait for one another; one that lost is done again.
    """

    __slots__ = ("__weakref__", "_closed", "_engine")

    def __init__(self, url: str) -> None:
        """Open a database.

        Args:
            url: Its SQLAlchemy URL.

        Raises:
            MissingExtra: SQLAlchemy is not installed.
            StoreError: The database cannot be opened, or its tables are something else's.
        """
        self._closed = True  # until it could be opened
        require("sql", "sqlalchemy")
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

        try:
            self._engine: Engine = create_engine(url, pool_pre_ping=True)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            message = f"this store cannot be opened ({type(error).__name__}); is its URL right?"
            raise StoreError(_address(url), message) from None
        try:
            with self._engine.begin() as connection:
                self._prepare(connection)
        except SQLAlchemyError as error:
            self.close()
            raise self._wrong(error) from error
        except StoreError:
            self.close()
            raise
        self._closed = False
        call_at_fork(self._begin_anew)

    @property
    def address(self) -> str:
        """The URL without its password, and without options, which may hold one."""
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    def run(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.run`."""
        from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

        for turn in range(1, _TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    return work(SqlTransaction(SqlConnection(connection)))
            except (IntegrityError, DBAPIError) as error:
                if turn == _TRIES or not _lost(error):
                    raise self._wrong(error) from error
            except SQLAlchemyError as error:
                raise self._wrong(error) from error
            time.sleep(random.uniform(0, 0.005 * 2**turn))  # noqa: S311  # to get out of step
        raise AssertionError

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See `Store.read`."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                return work(SqlTransaction(SqlConnection(connection, "")))
        except SQLAlchemyError as error:
            raise self._wrong(error) from error

    def scrub(self) -> None:
        """See `Store.scrub`."""
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        if self._engine.dialect.name != "postgresql":
            return
        try:
            with self._engine.connect() as connection:
                at_once = connection.execution_options(isolation_level="AUTOCOMMIT")
                self._check_owner(at_once)
                for table in _SCRUBBED:
                    at_once.execute(text(f"VACUUM FULL journeymap_{table}"))
        except SQLAlchemyError as error:
            raise self._wrong(error) from error

    def _check_owner(self, connection: Connection) -> None:
        """Raise StoreError where this role may not rewrite the tables: PostgreSQL only warns."""
        from sqlalchemy import text

        owned = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY("
        tables = ", ".join(f"'journeymap_{table}'::regclass" for table in _SCRUBBED)
        if not connection.execute(text(f"{owned}ARRAY[{tables}])")).scalar_one():
            message = (
                "what was removed is still in the files: the tables belong to another role, which "
                "alone can rewrite them"
            )
            raise StoreError(self.address, message)

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        self._engine.dispose()

    def _begin_anew(self) -> None:
        """Leave the connections to the process that opened them, and open others."""
        self._engine.dispose(close=False)

    def __del__(self) -> None:
        if not self._closed:
            address = self.address
            self.close()
            warn_unclosed(self, address)

    def _prepare(self, connection: Connection) -> None:
        from sqlalchemy import inspect, text

        if connection.dialect.name == "postgresql":  # processes that begin at once take turns
            connection.execute(text("SELECT pg_advisory_xact_lock(7237893)"))
        names = {n for n in inspect(connection).get_table_names() if n.startswith("journeymap_")}
        tx = SqlTransaction(SqlConnection(connection))
        if not names:
            for statement in TABLES:
                connection.execute(text(statement))
            tx.meta.set("version", str(VERSION))
            return
        version = tx.meta.read().get("version") if "journeymap_notes" in names else None
        while version is not None and version.isdigit() and int(version) in UPGRADES:
            for statement in UPGRADES[int(version)]:
                connection.execute(text(statement))
            version = str(int(version) + 1)
            tx.meta.set("version", version)
        if version is None:
            message = "its tables called journeymap_… are something else's; they are left alone"
            raise StoreError(self.address, message)
        if version != str(VERSION):
            message = f"a store of version {version}; this journeymap knows version {VERSION}"
            raise StoreError(self.address, message)

    def _wrong(self, error: Exception) -> StoreError:
        cause = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        lost = bool(getattr(error, "connection_invalidated", False))
        state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
        passing = lost or type(error).__name__ in ("OperationalError", "IntegrityError")
        passing = passing and not state.startswith("54")  # more than the database can hold
        return StoreError(self.address, f"{cause}; nothing was written", passing=passing)


def _lost(error: Exception) -> bool:
    """Check whether another process was in the way: doing the work again may succeed."""
    from sqlalchemy.exc import IntegrityError

    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, IntegrityError) or state in ("40001", "40P01")


def _address(url: str) -> str:
    kind, _, rest = url.partition("://")
    where = rest.rpartition("@")[2].partition("?")[0]
    return f"{kind}://{where}"
