"""What stores do when something goes wrong: a clear error, nothing half-written, and on again."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import create_engine, text

from journeymap import (
    Identity,
    IdentityRules,
    Interaction,
    Live,
    Record,
    StateError,
    StoreError,
)
from journeymap.adapters.store import StoredState, Transaction
from journeymap.adapters.stores import SqliteStore, SqlStore
from journeymap.adapters.stores.sql_tables import TABLES
from journeymap.adapters.stores.sqlalchemy import SqlConnection
from journeymap.analysis import Log, Transitions, Variants
from journeymap.exceptions import ElementError, UnknownName
from tests.factories import DAY, SHOP, T0, happened


def order(number: int) -> Interaction:
    return Interaction("ada", "order", T0, id=str(number), source="web")


def goes_on(live: Live, number: int) -> None:
    """Nothing of what failed was written, and recording works again."""
    assert len(live.history("ada")) == number
    assert not live.record(order(number)).duplicate
    assert len(live.history("ada")) == number + 1
    state = live.state("ada")
    assert state is not None
    assert state.count == number + 1


def test_a_full_disk(tmp_path: Path) -> None:
    with Live(SHOP, SqliteStore(tmp_path / "live.db")) as live:
        live.record(order(0))
        connection = sqlite_of(live)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full; nothing was written") as caught:
            live.record_many([order(n) for n in range(1, 999)])
        assert caught.value.passing
        connection.execute("PRAGMA max_page_count = 100000")
        goes_on(live, 1)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with Live(SHOP, SqliteStore(tmp_path / "live.db")) as live:
        live.record(order(0))
        sqlite_of(live).execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="readonly database; nothing was written") as caught:
            live.record(order(1))
        assert caught.value.passing
        sqlite_of(live).execute("PRAGMA query_only = OFF")
        goes_on(live, 1)
    with pytest.raises(StoreError, match="unable to open database file"):
        Live(SHOP, f"sqlite:///{tmp_path}/no/such/folder/live.db")


def test_a_locked_file(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Live(SHOP, SqliteStore(path, patience=0.05)) as live:
        live.record(order(0))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked; nothing was written") as caught:
            live.record(order(1))
        assert caught.value.passing
        other.execute("ROLLBACK")
        goes_on(live, 1)
        other.execute("BEGIN")
        other.execute("SELECT * FROM journeymap_states").fetchall()
        with pytest.raises(StoreError, match="another process is reading; scrub again"):
            live.forget("ada")
        other.close()
        live.store.scrub()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (b"customer,touchpoint\n" * 99, "this file is no SQLite database; it is left alone"),
        ("CREATE TABLE mine (x)", "this SQLite database is something else's; it is left alone"),
        ("PRAGMA user_version = 99", "a store of version 99; this journeymap knows version 6"),
        ("PRAGMA user_version = 0", "a store of version 0; this journeymap knows version 6"),
    ],
)
def test_a_file_of_something_else_is_left_alone(
    found: bytes | str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "there.db"
    if isinstance(found, bytes):
        path.write_bytes(found)
    else:
        if "user_version" in found:
            Live(SHOP, f"sqlite:///{path}").close()
        connection = sqlite3.connect(path)
        connection.execute(found)
        connection.commit()
        connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=told) as caught:
        Live(SHOP, f"sqlite:///{path}")
    assert caught.value.store == f"sqlite:///{path}"
    assert not caught.value.passing
    assert path.read_bytes() == before


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Live(SHOP, f"sqlite:///{path}") as live:
        live.record_many([order(n) for n in range(500)])
    data = bytearray(path.read_bytes())
    for place in range(4096, len(data), 4096):
        data[place : place + 64] = b"\xff" * 64
    path.write_bytes(data)
    with (
        pytest.raises(StoreError, match="malformed; nothing was written"),
        Live(SHOP, f"sqlite:///{path}") as live,
    ):
        live.record(order(501))


def test_a_state_that_nobody_wrote(tmp_path: Path) -> None:
    with Live(SHOP, f"sqlite:///{tmp_path}/live.db") as live:
        live.record(order(0))

        def spoil(tx: Transaction) -> None:
            mark = tx.states.read(["ada"])["ada"].map
            tx.states.update([StoredState("ada", 7, mark, None, '{"v": 99}')])

        live.store.run(spoil)
        with pytest.raises(StateError, match="a state of version 99; this journeymap knows 1"):
            live.record(order(1))
        assert len(live.history("ada")) == 1


def test_a_lost_connection(database: str) -> None:
    with Live(SHOP, database) as live:
        live.record(order(0))

        def lose(tx: Transaction) -> None:
            tx.journal.append([])
            tx.db.rows("SELECT pg_terminate_backend(pg_backend_pid())", {})  # type: ignore[attr-defined]

        with pytest.raises(StoreError, match="nothing was written") as caught:
            live.store.run(lose)
        assert caught.value.passing
        goes_on(live, 1)


def test_a_database_of_something_else_is_left_alone(database: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE journeymap_states (mine TEXT)"))
    with pytest.raises(StoreError, match="something else's; they are left alone"):
        Live(SHOP, database)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE journeymap_states"))
    Live(SHOP, database).close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE journeymap_notes SET note = '99' WHERE name = 'version'"))
    with pytest.raises(StoreError, match="a store of version 99"):
        Live(SHOP, database)
    engine.dispose()


def test_addresses() -> None:
    with pytest.raises(StoreError) as caught:
        SqlStore("postgresql+psycopg://ada:secret@localhost:1/none")
    assert "secret" not in str(caught.value)
    assert caught.value.passing
    with pytest.raises(StoreError, match="this store cannot be opened"):
        SqlStore("nothing://like/this")
    with pytest.raises(UnknownName, match="there is no store 'sqlite\\+"):
        Live(SHOP, "sqlite+pysqlite:///x.db")
    with Live(SHOP, "sqlite:///:memory:") as live:
        assert repr(live) == "<Live along 'shop', kept in sqlite:///:memory:>"


def sqlite_of(live: Live) -> sqlite3.Connection:
    store = live.store
    assert isinstance(store, SqliteStore)
    return store._writer()


def test_a_store_of_the_first_version_is_made_one_of_this(shared: str) -> None:
    """It gets a table more; what it holds stays, and customers may be known by identities."""
    from sqlalchemy import create_engine, text

    with Live(SHOP, shared) as live:
        live.record(happened("order", 1))
    engine = create_engine(shared)
    with engine.begin() as connection:
        for table in ("said", "gone", "checkpoints", "archive", "archive_keys"):
            connection.execute(text(f"DROP TABLE journeymap_{table}"))
        connection.execute(text("DROP INDEX journeymap_times"))
        connection.execute(text("DROP INDEX journeymap_aside_due"))
        connection.execute(text("ALTER TABLE journeymap_aside DROP COLUMN due"))
        for column in ("kind", "moment", "action", "tried", "posted"):
            connection.execute(text(f"ALTER TABLE journeymap_outbox DROP COLUMN {column}"))
        if shared.startswith("sqlite"):
            connection.execute(text("PRAGMA user_version = 1"))
        else:
            connection.execute(
                text("UPDATE journeymap_notes SET note = '1' WHERE name = 'version'")
            )
    engine.dispose()
    for _ in range(2):
        with Live(SHOP, shared, identities=IdentityRules()) as live:
            assert len(live.history("ada")) == 1
            record = Record([Identity("u", "1")], T0, "s", interaction=happened("order", 2))
            [receipt] = live.take([record])
            assert receipt.position is not None
            assert live.archive(T0 + DAY) in (2, 0)


def test_a_scrub_that_could_not_be_says_so(database: str) -> None:
    """A role that may write the tables and does not own them: PostgreSQL skips them silently."""
    from sqlalchemy import create_engine, text

    with Live(SHOP, database) as live:
        live.record(happened("order", 1))
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS worker"))
        connection.execute(text("CREATE ROLE worker LOGIN"))
        grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO worker"
        connection.execute(text(grant))
    engine.dispose()
    with Live(SHOP, database.replace("postgres@", "worker@")) as live:
        live.forget("ada")
        assert live.history("ada") == ()
        with pytest.raises(StoreError, match="still in the files: the tables belong to another"):
            live.scrub()
    with Live(SHOP, database) as live:
        live.scrub()
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DROP OWNED BY worker"))
        connection.execute(text("DROP ROLE worker"))
    engine.dispose()


def test_forgetting_and_scrubbing_hold_up_no_one_for_long(database: str) -> None:
    """A backup reads all tables for hours: to forget does not wait, and to scrub gives up."""
    from sqlalchemy import create_engine, text

    engine = create_engine(database)
    with Live(SHOP, database) as live:
        live.record_many([happened("order", n, f"c{n}") for n in range(3)])
        with engine.connect() as backup:
            backup.execute(text("SELECT count(*) FROM journeymap_states, journeymap_journal"))
            begun = time.monotonic()
            live.forget("c1")
            live.record(happened("call", 5, "c2"))
            scrubbing = threading.Thread(target=lambda: _raises_passing(live))
            scrubbing.start()
            live.record(happened("call", 6, "c2"))
            scrubbing.join()
            assert time.monotonic() - begun < 5
        live.scrub()
        assert live.history("c1") == ()
    engine.dispose()


def _raises_passing(live: Live) -> None:
    with pytest.raises(StoreError, match="scrub again when it is done") as caught:
        live.scrub()
    assert caught.value.passing


def test_readers_keep_few_states(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from journeymap.live import states

    monkeypatch.setattr(states, "MAX_CACHED", 10)
    with Live(SHOP, store) as live:
        live.record_many([happened("order", n, f"c{n:02}") for n in range(50)])
        for n in range(50):
            live.position(f"c{n:02}")
        live.position("c41")
        live.position("c00")
        assert list(live._states._cache) == [*[f"c{n}" for n in (42, 43, 44, 45, 46, 47, 48, 49)],
                                             "c41", "c00"]  # fmt: skip


def test_two_applications_in_one_database(database: str) -> None:
    from sqlalchemy import create_engine, inspect

    with Live(SHOP, SqlStore(database, prefix="one_")) as one:
        one.record(happened("order", 1))
        with Live(SHOP, SqlStore(database, prefix="other_", connections=2)) as other:
            assert other.position("ada") is None
            other.record(happened("call", 2, outcome="failed"))
            assert [s.touchpoint for s in one.history("ada")] == ["order"]
            other.forget("ada")
        assert len(one.history("ada")) == 1
    engine = create_engine(database)
    names = inspect(engine).get_table_names()
    engine.dispose()
    assert len([name for name in names if name.startswith("one_")]) == 10
    assert not [name for name in names if name.startswith("journeymap_")]
    for wrong in ("", "One_", "1_", "a; drop table x", "x" * 41):
        with pytest.raises(ElementError, match="prefix"):
            SqlStore(database, prefix=wrong)


def test_an_engine_of_the_application(database: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(database, pool_size=2)
    for _ in range(2):
        with Live(SHOP, SqlStore(engine)) as live:
            live.record(happened("order", 1))
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM journeymap_journal")).scalar_one()
    assert count == 1
    engine.dispose()


def test_a_large_pool_is_used_whole(database: str) -> None:
    """As many connections of a server at once as the pool has."""
    many = 70
    store, together = SqlStore(database, connections=many), threading.Barrier(many)
    threads = [threading.Thread(target=store.read, args=(lambda tx: together.wait(20),))
               for _ in range(many)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert not together.broken


def test_an_exhausted_pool_passes(database: str) -> None:
    store = SqlStore(database, connections=1, patience=0.2)
    entered, go = threading.Event(), threading.Event()

    def work(tx: object) -> None:
        entered.set()
        go.wait(20)

    holding = threading.Thread(target=lambda: store.run(work))
    with Live(SHOP, store) as live:
        holding.start()
        entered.wait(20)
        with pytest.raises(StoreError) as raised:
            live.record(happened("order", 1))
        go.set()
        holding.join()
        assert raised.value.passing
        assert live.record(happened("order", 1)).position is not None


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("id_", ["1", None])
def test_what_died_in_a_commit_is_written_once(
    database: str, monkeypatch: pytest.MonkeyPatch, written: bool, id_: str | None
) -> None:
    """Whether it was written is looked up; if it was not, it is written now."""
    died = _dying(monkeypatch, written=written)
    with Live(SHOP, database) as live:
        for hour in (1, 2):  # of someone new, and of someone who is known
            one = evolve(happened("delivery", hour), id=id_ and f"{hour}", emotion=0.1 * hour)
            died.append(1)
            receipt = live.record(one)
            assert not died
            assert not receipt.duplicate
            assert receipt.position == live.position("ada")
            assert (receipt.signals == ()) == (hour == 2)
            assert len(live.history("ada")) == hour
        assert live.record(at_once := happened("call", 3)).position is not None
        assert live.history("ada")[-1] == at_once


def test_what_died_in_a_commit_with_the_database_may_be_written(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.engine import Engine
    from sqlalchemy.exc import OperationalError

    died = _dying(monkeypatch, written=True)

    def away(self: Engine) -> Any:
        raise OperationalError("connect", {}, Exception("nobody answers"))

    with Live(SHOP, database) as live:
        connect, begun = Engine.connect, Engine.connect

        def once(self: Engine) -> Any:
            monkeypatch.setattr(Engine, "connect", away)
            return begun(self)

        monkeypatch.setattr("journeymap.adapters.stores.sqlalchemy._TRIES", 3)
        monkeypatch.setattr(Engine, "connect", once)
        died.append(1)
        with pytest.raises(StoreError, match="whether it was written is not known") as raised:
            live.record(happened("order", 1))
        monkeypatch.setattr(Engine, "connect", connect)
        assert raised.value.passing
        assert live.record(happened("order", 1)).duplicate


def test_a_correction_that_died_in_a_commit_is_not_taken_for_done(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it writes is mostly what was there before, which proves nothing."""
    died = _dying(monkeypatch, written=False)
    with Live(SHOP, database) as live:
        live.record_many(happened("order", n) for n in range(3))
        died.append(1)
        with pytest.raises(StoreError, match="whether it was written is not known"):
            live.retract("web", "ada-order-2")
        assert len(live.history("ada")) == 3
        died.extend([1] * 20)
        with pytest.raises(StoreError, match="nothing was written") as raised:
            live.record(happened("call", 9))
        assert raised.value.passing


def test_a_busy_file_is_no_doubt(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Live(SHOP, SqlStore(f"sqlite:///{path}?timeout=0.1")) as live:
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM journeymap_states").fetchall()
        with pytest.raises(StoreError, match="database is locked; nothing was written"):
            live.record(happened("order", 1))
        reader.close()
        assert not live.record(happened("order", 1)).duplicate
        assert len(live.history("ada")) == 1


def test_a_file_with_a_log_is_read_as_of_one_time(tmp_path: Path) -> None:
    """Where a reader holds up no writer (WAL), as in a file of `SqliteStore`."""
    path = tmp_path / "live.db"
    sqlite3.connect(path).execute("PRAGMA journal_mode = WAL").connection.close()
    with Live(SHOP, SqlStore(f"sqlite:///{path}")) as live:
        live.record(happened("order", 1))

        def work(tx: Transaction) -> tuple[int, int]:
            before = len(tx.journal.history("ada"))
            live.record(happened("call", 2))
            return before, len(tx.journal.history("ada"))

        assert live.store.read(work) == (1, 1)
        assert len(live.history("ada")) == 2


@pytest.mark.parametrize("upgraded", [False, True])
def test_tables_are_made_at_once_or_not_at_all(
    upgraded: bool, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the process is killed meanwhile: the next one makes them."""
    if upgraded:
        SqlStore(shared).close()
        engine = create_engine(shared)
        with engine.begin() as connection:
            for statement in (
                "DROP TABLE journeymap_archive",
                "DROP TABLE journeymap_archive_keys",
                "ALTER TABLE journeymap_outbox DROP COLUMN posted",
                "UPDATE journeymap_notes SET note = '4' WHERE name = 'version'",
            ):
                connection.execute(text(statement))
        engine.dispose()
    made, left = SqlConnection.make, [3]

    def make(self: SqlConnection, statement: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        made(self, statement)

    with monkeypatch.context() as patch:
        patch.setattr(SqlConnection, "make", make)
        with pytest.raises(KeyboardInterrupt):
            SqlStore(shared)
    with Live(SHOP, SqlStore(shared)) as live:
        assert live.record(happened("order", 1)).position is not None


def _dying(monkeypatch: pytest.MonkeyPatch, *, written: bool) -> list[int]:
    """Let as many commits break off as the list holds."""
    from sqlalchemy.engine import RootTransaction
    from sqlalchemy.exc import OperationalError

    plain = RootTransaction.commit
    wanted: list[int] = []

    def dies(self: RootTransaction) -> None:
        if not wanted:
            plain(self)
            return
        wanted.pop()
        if written:
            plain(self)
        else:
            self.rollback()
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(RootTransaction, "commit", dies)
    return wanted


def test_statistics(store: str) -> None:
    now = [T0 + DAY]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        live.record_many([happened("order", n, f"c{n}") for n in range(3)])
        live.record(happened("order", 0, "c0"))
        live.record(happened("order", 24 * 30))
        live.record(happened("call", 5, "c1", outcome="failed"))
        stats = live.stats()
        assert (stats.interactions, stats.customers, stats.set_aside) == (4, 3, 1)
        assert (stats.recorded, stats.duplicates, stats.put_aside) == (4, 1, 1)
        assert (stats.waiting, stats.dead, stats.timers_due) == (1, 0, 1)
        assert stats.oldest is not None
        assert abs(stats.oldest - now[0]) < timedelta(seconds=1)
        assert stats.size > 10_000
        live.advance()
        live.deliver(lambda signal: None)
        assert (live.stats().waiting, live.stats().oldest, live.stats().timers_due) == (0, None, 0)


def test_a_log_of_a_store(store: str) -> None:
    now = [T0 + 3 * DAY]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        assert Log.from_store(live.store).interactions == 0
        given = [happened("call", n, f"c{n % 7}", outcome="failed") for n in range(50)]
        live.record_many(given[:30])
        now[0] += DAY
        live.record_many(given[30:])
        log = Log.from_store(live.store, map=SHOP)
        want = Log.from_interactions(given, map=SHOP)
        questions = (Transitions(), Variants())
        assert log.ask(*questions) == want.ask(*questions)
        assert log.customers == 7
        later = Log.from_store(live.store, since=now[0])
        assert later.interactions == 20


def test_the_tables_are_documented() -> None:
    """Each table with its columns, as a database administrator finds them."""
    rows = re.findall(
        r"^\| `(journeymap_\w+)` \| [^|]* \| ([^|]*) \|",
        (Path(__file__).parents[2] / "docs/operating.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    documented = {table: set(re.findall(r"`(\w+)`", columns)) for table, columns in rows}
    made: dict[str, set[str]] = {}
    for statement in TABLES:
        if found := re.match(r"CREATE TABLE (\w+) \((.*)\)$", statement):
            columns = re.sub(r", PRIMARY KEY \(.*?\)", "", found[2]).split(", ")
            made[found[1]] = {one.split()[0] for one in columns}
        elif found := re.match(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", statement):
            made[found[1]].add(found[2])
    assert documented == made


def test_a_record_takes_few_statements(database: str) -> None:
    """At most four for one interaction of a customer who was seen before."""
    from sqlalchemy import create_engine, event

    engine = create_engine(database)
    statements: list[str] = []
    with Live(SHOP, SqlStore(engine)) as live:
        live.record(happened("order", 1))
        event.listen(
            engine, "before_cursor_execute", lambda *given: statements.append(str(given[2]))
        )
        live.record(happened("order", 2))
        assert len(statements) == 4, statements
        statements.clear()
        live.record_many(happened("order", 3, f"c{n}") for n in range(100))
        assert len(statements) == 4, statements
    engine.dispose()
