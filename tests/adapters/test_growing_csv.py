"""A CSV file whose last line is still being written when it is read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from journeymap import IdentityRules, JourneyMap, Live, Stage, Touchpoint
from journeymap.adapters.mapping import loads_mapping
from journeymap.adapters.sources import SqlSource, csv_source

TILL = loads_mapping("""
id = "till"
[[records]]
touchpoint = "$.what"
at = "$.at"
id = "$.id"
value = "$.sum"
currency = "EUR"
identities = { user = "$.who" }
""")
SHOP = JourneyMap("s", stages=[Stage("buy", "buy")], touchpoints=[Touchpoint("order", "buy")])
HEAD = "id,at,who,what,sum\n"
ROWS = [f"{n},2026-03-01T1{n}:00:00Z,ada,order,1{n}50.00\n" for n in range(4)]
WHOLE = HEAD + "".join(ROWS)


def live() -> Live:
    return Live(SHOP, identities=IdentityRules(), clock=lambda: datetime(2026, 3, 2, tzinfo=UTC))


def feed(store: Live, file: Path, cursor: str | None) -> tuple[str | None, list[str], int]:
    """Read on; where it came to, what was set aside, and how many were recorded."""
    reasons, recorded = [], 0
    for batch in csv_source(file, TILL).read(cursor):
        recorded += sum(not one.duplicate for one in store.take(batch.records))
        reasons += [row.reason for row in batch.rejected]
        cursor = batch.cursor
    return cursor, reasons, recorded


@pytest.mark.parametrize("cut", range(len(HEAD + ROWS[0]), len(WHOLE) + 1))
def test_what_was_being_written_is_read_on(tmp_path: Path, cut: int) -> None:
    """Nothing blocks, nothing is missed, and a row that was cut short is told."""
    file = tmp_path / "till.csv"
    file.write_text(WHOLE[:cut])
    with live() as store:
        cursor, _, _ = feed(store, file, None)
        file.write_text(WHOLE)
        _, reasons, _ = feed(store, file, cursor)
        [customer] = store.customers()
        found = {one.id: one.value for one in store.history(customer)}
        assert set(found) >= {"0", "1", "2", "3"}
        right = {str(n): Decimal(f"1{n}50.00") for n in range(4)}
        if {n: value and value.amount for n, value in found.items() if n in right} != right:
            assert any("still being written" in reason for reason in reasons)
        assert feed(store, file, None)[2] == 0


def test_a_file_without_a_last_end_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "till.csv"
    file.write_text(WHOLE.rstrip("\n"))
    with live() as store:
        cursor, reasons, recorded = feed(store, file, None)
        assert (recorded, reasons) == (4, [])
        assert feed(store, file, cursor) == (cursor, [], 0)
        file.write_text(WHOLE)
        assert feed(store, file, cursor) == (cursor, [], 0)
        file.write_text(WHOLE + "9,2026-03-01T20:00:00Z,ada,order,3\n")
        assert feed(store, file, cursor)[1:] == ([], 1)


def test_a_batch_without_a_cursor_forgets_no_lag(tmp_path: Path) -> None:
    """A row that is committed late is read, though only rows without a cursor came before."""
    import sqlite3

    file = tmp_path / "till.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE t (id TEXT, at TEXT, who TEXT, what TEXT, sum TEXT, c REAL)")
    made.close()

    def commit(name: str, place: float | None) -> None:
        with sqlite3.connect(file) as made:
            row = (name, "2026-03-01T00:00:00Z", "ada", "order", "1", place)
            made.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", row)
        made.close()

    source = SqlSource(f"sqlite:///{file}", "t", TILL, cursor="c", batch=1, lag=5)
    found: set[str | None] = set()
    cursor: str | None = None

    def read(most: int) -> None:
        nonlocal cursor
        for number, batch in enumerate(source.read(cursor), 1):
            found.update(one.interaction.id for one in batch.records if one.interaction)
            cursor = batch.cursor
            if number == most:
                return

    commit("1", 9)
    commit("2", 10)
    read(1)
    commit("3", 6)
    commit("4", 14)
    read(99)
    commit("5", None)
    read(1)
    for _ in range(3):
        read(99)
    assert found == {"1", "2", "3", "4"}
