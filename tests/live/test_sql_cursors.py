"""Tables that others write while they are read: late commits, and UUIDs as cursors and keys."""

from __future__ import annotations

import itertools
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import ElementError, IdentityRules, Live, SourceError
from journeymap.adapters.mapping import Pick, RecordRule, columns_mapping
from journeymap.adapters.sources import SqlSource
from tests.factories import SHOP

MAPPING = columns_mapping(
    "crm", at="at", identities={"user": "user_id"},
    rule=RecordRule(Pick(["$.at"]), {"user": Pick(["$.user_id"])}, Pick(["$.touchpoint"]),
                    id=Pick(["$.id"])),
)  # fmt: skip
MADE = (
    "CREATE TABLE calls (id {uuid} PRIMARY KEY, written {time}, number BIGINT, at {time},"
    " touchpoint TEXT, user_id TEXT)"
)
T0 = datetime(2026, 3, 1, tzinfo=UTC)


def uuid(number: int) -> UUID:
    return UUID(int=(number << 96) + (7 << 76))


class Calls:
    """A table of calls in a database."""

    def __init__(self, url: str) -> None:
        from sqlalchemy import create_engine

        self.url, self.engine = url, create_engine(url)
        self.real = url.startswith("postgresql")
        self.run(MADE.format(uuid="UUID" if self.real else "TEXT",
                             time="TIMESTAMPTZ" if self.real else "TEXT"))  # fmt: skip

    def run(self, statement: str, **values: Any) -> None:
        from sqlalchemy import text

        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def call(self, number: int) -> None:
        at: Any = T0 + timedelta(minutes=number)
        self.run(
            "INSERT INTO calls VALUES (:id, :written, :number, :at, 'call', 'u17')",
            id=uuid(number) if self.real else str(uuid(number)), number=number,
            written=at if self.real else at.isoformat(), at=at if self.real else at.isoformat(),
        )  # fmt: skip


@pytest.fixture
def calls(shared: str, tmp_path: Path) -> Any:
    url = shared if shared.startswith("postgresql") else f"sqlite:///{tmp_path}/calls.db"
    made = Calls(url)
    yield made
    made.engine.dispose()


def read(source: SqlSource, cursor: str | None) -> tuple[list[Any], str | None]:
    records: list[Any] = []
    for batch in source.read(cursor):
        assert not batch.rejected
        records += batch.records
        cursor = batch.cursor
    return records, cursor


@pytest.mark.parametrize("timed", [True, False])
def test_what_is_committed_late_is_read(calls: Calls, timed: bool) -> None:
    timed &= calls.real  # SQLite has no times of its own
    cursor, lag = ("written", timedelta(minutes=10)) if timed else ("number", 10)
    source = SqlSource(calls.url, "calls", MAPPING, cursor=cursor, key="id", lag=lag)
    without = SqlSource(calls.url, "calls", MAPPING, cursor=cursor, key="id")
    for number in (20, 21, 25):
        calls.call(number)
    first, place = read(source, None)
    assert [one.id for one in first] == [str(uuid(n)) for n in (20, 21, 25)]
    for number in (19, 22, 26):  # two of them began earlier
        calls.call(number)
    assert [one.id for one in read(without, place)[0]] == [str(uuid(26))]
    second, place = read(source, place)
    assert [one.id for one in second] == [str(uuid(n)) for n in (19, 20, 21, 22, 25, 26)]
    with Live(SHOP, identities=IdentityRules()) as live:
        receipts = live.take([*first, *second])
        assert sum(one.duplicate for one in receipts) == 3
        assert live.stats().interactions == 6
    assert len(read(source, place)[0]) == 6  # those of the last ten


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3)), max_size=12),
    st.integers(1, 5),
)  # fmt: skip
def test_no_row_is_passed_over_however_short_the_runs_are(
    rows: list[tuple[int, int]], runs: list[tuple[int, int]], batch: int
) -> None:
    """A worker may take a batch or two and stop; what is committed within the lag is met."""
    with TemporaryDirectory() as folder:
        calls = Calls(f"sqlite:///{folder}/calls.db")
        source = SqlSource(calls.url, "calls", MAPPING, cursor="number", key="id", batch=batch,
                           lag=10)  # fmt: skip
        begun = list(itertools.accumulate(step for step, _ in rows))
        ends = sorted((at + late, place) for place, (at, (_, late))
                      in enumerate(zip(begun, rows, strict=True)))  # fmt: skip
        met: set[str] = set()
        cursor, now = None, 0

        def commit(until: int) -> None:
            while ends and ends[0][0] <= until:
                _, place = ends.pop(0)
                calls.run("INSERT INTO calls VALUES (:id, '', :number, :at, 'call', 'u17')",
                          id=str(place), number=begun[place], at=T0.isoformat())  # fmt: skip

        def take(most: int, cursor: str | None) -> tuple[str | None, int]:
            found = 0
            for one in itertools.islice(source.read(cursor), most):
                met.update(str(record.id) for record in one.records)
                cursor, found = one.cursor, found + 1
            return cursor, found

        for pause, most in runs:
            now += pause
            commit(now)
            cursor, _ = take(most, cursor)
        commit(10**6)
        for _ in range(2 * len(rows) + 2):  # a batch a run: it comes to the end
            cursor, _ = take(1, cursor)
        cursor, _ = take(10**6, cursor)
        take(10**6, cursor)
        assert met == {str(place) for place in range(len(rows))}
        calls.engine.dispose()


@pytest.mark.parametrize("key", ["id", None])
def test_rows_without_a_cursor_or_taken_away_hold_up_no_reading(
    key: str | None, tmp_path: Path
) -> None:
    calls = Calls(f"sqlite:///{tmp_path}/calls.db")
    source = SqlSource(calls.url, "calls", MAPPING, cursor="number", key=key, batch=2, lag=2)
    insert = "INSERT INTO calls VALUES (:id, '', :number, :at, 'call', 'u17')"

    def add(name: str, number: int | None) -> None:
        calls.run(insert, id=name, number=number, at=T0.isoformat())

    for number in range(1, 8):
        add(str(number), number)
    begun = [one.cursor for one in itertools.islice(source.read(), 2)][-1]
    calls.run("DELETE FROM calls WHERE number > 4")
    add("late", 3)
    assert "late" in {one.id for one in read(source, begun)[0]}
    _, cursor = read(source, begun)
    for number in range(5):  # more of them than before are read again, all of them
        add(f"lost {number}", None)
    for _ in range(4):
        batches = list(itertools.islice(source.read(cursor), 1))
        cursor = batches[0].cursor if batches else cursor
    add("9", 9)
    met = [str(one.id) for batch in source.read(cursor) for one in batch.records]
    assert "9" in met
    calls.engine.dispose()


def test_a_lag_that_does_not_fit_is_refused_at_once(tmp_path: Path) -> None:
    calls = Calls(f"sqlite:///{tmp_path}/calls.db")
    calls.call(1)
    for lag in (timedelta(minutes=1), 5):
        source = SqlSource(calls.url, "calls", MAPPING, cursor="written", lag=lag)
        with pytest.raises(SourceError, match="does not fit a cursor"):
            list(source.read())
    calls.engine.dispose()


def test_uuids_are_cursors_and_keys(calls: Calls) -> None:
    source = SqlSource(calls.url, "calls", MAPPING, cursor="id", batch=2)
    for number in range(1, 6):
        calls.call(number)
    batches = list(source.read())
    assert [batch.rows for batch in batches] == [2, 2, 1]
    assert sum(batch.rows for batch in source.read(batches[0].cursor)) == 3
    calls.call(9)
    records, place = read(source, batches[-1].cursor)
    assert [one.id for one in records] == [str(uuid(9))]
    assert str(uuid(9)) in json.dumps(place)
    with pytest.raises(SourceError, match="does not fit a cursor"):
        list(SqlSource(calls.url, "calls", MAPPING, cursor="id", lag=3).read(place))


def test_a_lag_is_a_length_of_time_or_a_number() -> None:
    for wrong in (-1, timedelta(-1), "3", True, float("nan"), float("inf")):
        with pytest.raises(ElementError, match="lag"):
            SqlSource("sqlite://", "t", MAPPING, cursor="c", lag=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "values", "lag"),
    [
        ("DATE", [date(2026, 3, 1), date(2026, 3, 1)], timedelta(hours=6)),
        ("BIGINT", [5, 5], 0),
        ("BIGINT", [2**60 + 1, 2**60 + 1], 10.0),
        ("TIMESTAMP", [datetime(2026, 3, 1), datetime(2026, 3, 1)], timedelta(0)),
    ],
)
def test_whoever_comes_at_the_very_cursor_is_read(
    database: str, kind: str, values: list[Any], lag: Any
) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(database)
    source = SqlSource(database, "t", MAPPING, cursor="c", key="id", lag=lag)
    insert = text("INSERT INTO t VALUES (:c, :id, '2026-03-01T00:00Z', 'call', 'u17')")
    place = None
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE t (c {kind}, id TEXT, at TEXT, touchpoint TEXT,"
                                " user_id TEXT)"))  # fmt: skip
    for number, value in enumerate(values):
        with engine.begin() as connection:
            connection.execute(insert, {"c": value, "id": f"i{number}"})
        records, place = read(source, place)
        assert f"i{number}" in {one.id for one in records}
    engine.dispose()


def test_rows_without_a_cursor_that_come_later_are_set_aside(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rows.db"
    connection = sqlite3.connect(tmp_path / "rows.db")
    connection.execute("CREATE TABLE rows (c, k, at, u, tp)")

    def insert(cursor: int | None, key: str | None) -> None:
        row = (cursor, key, "2026-03-01T00:00Z", "1", "call")
        connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", row)
        connection.commit()

    mapping = columns_mapping("s", at="at", identities={"u": "u"}, touchpoint="tp")
    source = SqlSource(url, "rows", mapping, cursor="c", key="k")

    def read(cursor: str | None) -> tuple[int, list[str], str | None]:
        records, reasons = 0, []
        for batch in source.read(cursor):
            records += len(batch.records)
            reasons += [one.reason for one in batch.rejected]
            cursor = batch.cursor
        return records, reasons, cursor

    insert(1, "a")
    insert(None, "b")
    records, reasons, cursor = read(None)
    assert (records, reasons) == (1, ["no c"])
    assert read(cursor)[:2] == (0, [])
    insert(2, "c")
    insert(None, "d")
    insert(3, None)
    records, reasons, cursor = read(cursor)
    assert (records, sorted(reasons)) == (1, ["no c", "no c", "no k"])
    assert read(cursor)[:2] == (0, [])
    connection.close()
