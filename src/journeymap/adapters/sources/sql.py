"""Sources that are databases: a table or a query, read in the order of a cursor column."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve, field, frozen

from journeymap.adapters.mapping.applying import AppliedMapping, row_text
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.source import Batch, Claim, RejectedRow
from journeymap.adapters.sources.row_source import ALL, BatchBuilder, Row, RowSource
from journeymap.exceptions import ElementError, SourceError, require

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["SqlSource", "duckdb_source"]

_BATCH = 1000  # rows: enough for speed, few enough to be read again after a failure


def _is_lag(instance: object, attribute: object, value: Any) -> None:
    none = timedelta(0) if isinstance(value, timedelta) else 0
    fits = isinstance(value, (timedelta, int, float)) and not isinstance(value, bool)
    if value is not None and (not fits or not value >= none or value == math.inf):
        message = "a length of time or a finite number is expected, not below 0"
        raise ElementError("SqlSource", "lag", value, message)


@frozen
class SqlSource:
    """A table, or a query, of any database that SQLAlchemy speaks to; needs the extra ``sql``.

    Rows without a cursor are set aside. A password in the URL is not shown.

    Attributes:
        url: The database's URL.
        table: The name of a table (``schema.name``), or a ``SELECT``.
        mapping: The mapping of the rows.
        cursor: A column that grows, a number, a time or a UUID: rows come in its order.
        key: A column that distinguishes rows of one cursor value; without one, rows of an equal
            value that are written later are not met again.
        batch: How many rows a batch holds; more where rows share a cursor value.
        lag: How far before the cursor reading begins again once it came to an end, a length of time
            or a number (None: it does not). What was committed late, with an earlier value, is read
            then; what was read before comes once more, and is recognised by its id.

    Raises:
        SourceError: The database cannot be read, or the lag does not fit the cursor column.
        ElementError: The lag is below zero, or no length of time and no number.
    """

    url: str = field(repr=False)
    table: str
    mapping: PayloadMapping = field(repr=lambda mapping: repr(mapping.id))
    cursor: str = field(kw_only=True)
    key: str | None = field(default=None, kw_only=True)
    batch: int = field(default=_BATCH, kw_only=True, repr=False)
    lag: timedelta | float | None = field(default=None, kw_only=True, validator=_is_lag)

    @property
    def name(self) -> str:
        """The source that the mapping names."""
        return self.mapping.source

    @property
    def claims(self) -> frozenset[Claim]:
        """The abilities of the source."""
        return ALL

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """See `Source.read`."""
        require("sql", "sqlalchemy")
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

        file = self.url.partition(":///")[2].partition("?")[0]
        if self.url.startswith("sqlite") and file and not os.path.exists(file):
            raise SourceError(self._where, "there is no such file")
        begun = _Begun(None, 0, 0) if cursor is None else self._begun(cursor)
        try:
            engine = create_engine(self.url)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            message = f"it cannot be opened ({type(error).__name__}); is the URL right?"
            raise SourceError(self._where, message) from None
        try:
            yield from self._batches(engine, begun)
        except SQLAlchemyError as error:
            message = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            raise SourceError(self._where, message) from None
        finally:
            engine.dispose()

    @property
    def _where(self) -> str:
        kind, _, rest = self.url.partition("://")
        return f"{kind}://{rest.rpartition('@')[2].partition('?')[0]}"

    def _batches(self, engine: Engine, begun: _Begun) -> Iterator[Batch]:
        filling = BatchBuilder(AppliedMapping(self.mapping))
        after, done, top = begun.after, begun.done, begun.top
        if self.lag is not None and not begun.under_way:
            if after:
                after = [self._before(_least(after[0], top), self.lag)]
            top = self._find_top(engine)
        last, met = begun.after, begun.under_way  # whether a row with a cursor was read
        lost = self._count_lost(engine)  # more of them than before are read again, all of them
        more = begun.lost is not None and lost > begun.lost
        for values, row in self._rows(engine, after, lost=more, under_way=begun.under_way):
            # Rows without a cursor stay together; without a key, rows of one cursor do, too.
            parted = values is not None and (
                self.key is not None or _folded(values) != _folded(last or [])
            )
            if filling.rows >= self.batch and parted:
                done += filling.rows
                way = self.lag is not None and met
                reached = top if met else begun.top  # only rows with a cursor lead from one to it
                yield filling.batch(_cursor_text(_Begun(last or [], done, lost, reached, way)))
            line = done + filling.rows + 1
            if values is None:
                lacking = next(name for name in self._keys if row[name] is None)
                filling.add(RejectedRow(line, f"no {lacking}", row_text(row)))
            else:
                filling.add((line, row))
                last, met = values, True
        if filling.rows:
            done += filling.rows
            yield filling.batch(_cursor_text(_Begun(last or [], done, lost, top)))
        elif begun.under_way:  # what was left of it went away: read from where it may be late
            yield from self._batches(engine, evolve(begun, lost=lost, under_way=False))

    def _find_top(self, engine: Engine) -> Any:
        """Find how far the rows reach as reading begins: what comes meanwhile may be late, too."""
        from sqlalchemy import column, select

        one: Any = column(self.cursor)
        query = select(one).select_from(self._source).where(one.is_not(None))
        with engine.connect() as connection:
            found = connection.execute(query.order_by(one.desc()).limit(1)).scalar()
        if found is not None and self.lag is not None:
            self._before(found, self.lag)  # whether the lag fits is told at once
        return found

    @property
    def _keys(self) -> list[str]:
        return [self.cursor] if self.key is None else [self.cursor, self.key]

    @property
    def _source(self) -> Any:
        """The table, or the query as a table."""
        from sqlalchemy import column, text
        from sqlalchemy import table as bare

        if _QUERY.match(self.table):
            written = self.table.strip().rstrip(";").replace(":", r"\:")
            columns: list[Any] = [column(name) for name in self._keys]
            return text(written).columns(*columns).subquery("journeymap_rows")
        schema, _, name = self.table.rpartition(".")
        return bare(name, schema=schema or None)

    def _is_lost(self) -> Any:
        """Write the condition that a row has no cursor, or no key."""
        from sqlalchemy import column, or_

        return or_(*(column(name).is_(None) for name in self._keys))

    def _count_lost(self, engine: Engine) -> int:
        from sqlalchemy import func, select

        query = select(func.count()).select_from(self._source).where(self._is_lost())
        with engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _rows(
        self, engine: Engine, after: list[Any] | None, *, lost: bool, under_way: bool
    ) -> Iterator[tuple[list[Any] | None, dict[str, Any]]]:
        from sqlalchemy import and_, column, or_, select, text

        keys = self._keys
        columns: list[Any] = [column(name) for name in keys]
        chosen = select(text("*")).select_from(self._source)
        there = and_(*(one.is_not(None) for one in columns))
        queries = [chosen.where(self._is_lost())] if lost or after is None else []
        if after:
            back = self.lag is not None and not under_way
            more = columns[0] >= after[0] if back else columns[0] > after[0]
            if len(after) > 1:
                more = or_(more, and_(columns[0] == after[0], columns[1] > after[1]))
            there = and_(there, more)
        queries.append(chosen.where(there).order_by(*columns))
        with engine.connect().execution_options(stream_results=True, yield_per=1000) as connection:
            for query in queries:
                found = connection.execute(query)
                names = list(found.keys())
                missing = next((key for key in keys if key not in names), None)
                if missing is not None:
                    message = f"there is no column {missing!r} in {self.table!r}"
                    raise SourceError(self._where, message)
                unique = len(set(names)) == len(names)
                rows = (dict(zip(names, one, strict=True)) for one in found)
                for row in rows if unique else map(dict, found.mappings()):
                    values = [row[key] for key in keys]
                    yield (None if None in values else values), row

    def _before(self, value: Any, lag: timedelta | float) -> Any:
        """Go back from a value of the cursor column by the lag."""
        try:
            if isinstance(lag, timedelta) and isinstance(value, datetime):
                return value - lag
            if isinstance(lag, timedelta) and isinstance(value, date):
                return value - timedelta(days=math.ceil(lag / timedelta(days=1)))
        except OverflowError:
            return (
                value.min.replace(tzinfo=value.tzinfo) if isinstance(value, datetime) else date.min
            )
        if not isinstance(lag, timedelta) and isinstance(value, Decimal):
            return value - Decimal(str(lag))
        if not isinstance(lag, timedelta) and isinstance(value, int):
            return value - math.ceil(lag)
        if not isinstance(lag, timedelta) and isinstance(value, float):
            return value - lag
        message = f"a lag of {lag!r} does not fit a cursor such as {value!r}"
        raise SourceError(self._where, message)

    def _begun(self, cursor: str) -> _Begun:
        try:
            data = json.loads(cursor)
            rows, lost = int(data["rows"]), data.get("lost")
            lost = None if lost is None else int(lost)
            after = data["after"]
            values = None if after is None else [_value(one) for one in after]
            top = _value(data.get("top"))
            way = bool(data.get("under_way", False)) and bool(values)
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
            raise SourceError(self._where, "this is no cursor of such a source") from None
        if values and len(values) != 1 + (self.key is not None):
            raise SourceError(self._where, "this cursor was made with another ``key``")
        return _Begun(values, rows, lost, top, way)


@frozen
class _Begun:
    """How far reading has come.

    Attributes:
        after: The values of the cursor columns that were read last (None: none).
        done: How many rows were read.
        lost: How many of them had no cursor (None: not known).
        top: How far the rows reached when reading began.
        under_way: Whether it has not come to an end yet.
    """

    after: list[Any] | None
    done: int
    lost: int | None
    top: Any = None
    under_way: bool = False


def _least(one: Any, other: Any) -> Any:
    return one if other is None or type(other) is not type(one) else min(one, other)


_QUERY = re.compile(r"\s*(--[^\n]*\n\s*)*\(?\s*(select|with)\b", re.IGNORECASE)


def _folded(values: Sequence[Any]) -> list[Any]:
    """Fold a value as a database may compare it: without case."""
    return [one.casefold() if isinstance(one, str) else one for one in values]


def _cursor_text(begun: _Begun) -> str:
    after = None if begun.after is None else [_plain(one) for one in begun.after]
    data: dict[str, Any] = {"after": after, "rows": begun.done, "lost": begun.lost}
    if begun.top is not None:
        data["top"] = _plain(begun.top)
    if begun.under_way:
        data["under_way"] = True
    return json.dumps(data)


def _plain(value: Any) -> Any:
    """Write a value of a cursor column as JSON, with its type."""
    if isinstance(value, datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    if isinstance(value, UUID):
        return ["uuid", str(value)]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ["bytes", bytes(value).hex()]
    if isinstance(value, (str, int, float)):
        return value
    message = f"a cursor is a number, a text, a time or a UUID, not {type(value).__name__}"
    raise SourceError("the cursor column", message)


def _value(data: Any) -> Any:
    if not isinstance(data, list):
        return data
    read: dict[str, Callable[[str], Any]] = {
        "datetime": datetime.fromisoformat, "date": date.fromisoformat, "decimal": Decimal,
        "uuid": UUID, "bytes": bytes.fromhex,
    }  # fmt: skip
    kind, text = data
    return read[kind](text)


def duckdb_source(path: str, query: str, mapping: PayloadMapping) -> RowSource:
    """Make a source of the result of a DuckDB query; needs the package ``duckdb``.

    Rows are read as they come, without being held in memory; resuming needs an ``ORDER BY``.

    Args:
        path: A database file, or ``:memory:`` for a query that names files itself.
        query: The query.
        mapping: The mapping of the rows.

    Returns:
        The source.
    """
    require("duckdb", "duckdb")

    def rows() -> Iterator[Row | RejectedRow]:
        import duckdb

        try:
            with duckdb.connect(path, read_only=path != ":memory:") as connection:
                answer = connection.execute(query)
                names = [one[0] for one in answer.description or ()]
                place = 0
                while found := answer.fetchmany(_BATCH):
                    for one in found:
                        place += 1
                        yield place, dict(zip(names, map(_time_text, one), strict=True))
        except duckdb.Error as error:
            raise SourceError(path, str(error).split("\n")[0]) from None

    return RowSource(path, rows, mapping)


def _time_text(value: Any) -> Any:
    """Convert a time of day to text; anything else stays unchanged."""
    return value.isoformat() if isinstance(value, time) else value
