"""Recording in the application's own transaction: with its rows, or not at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from journeymap import (
    AsyncLive,
    ElementError,
    Identity,
    IdentityRules,
    Live,
    Namespace,
    Receipt,
    Record,
    StoreError,
)
from journeymap.adapters.stores import SqlStore
from journeymap.live.states import States
from tests.factories import DAY, SHOP, T0
from tests.factories import happened as at


@pytest.fixture
def engine(shared: str) -> Iterator[Any]:
    made = create_engine(shared)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY)"))
    yield made
    made.dispose()


@pytest.fixture
def live(engine: Any) -> Iterator[Live]:
    store = SqlStore(engine)
    with Live(SHOP, store) as made:
        yield made


def orders(engine: Any) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM orders")).scalar_one())


def test_both_are_written_or_neither(engine: Any, live: Live) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (1)"))
        [receipt] = live.record_within(connection, [at("order", 1)])
        assert receipt.position is not None
        [again] = live.record_within(connection, [at("order", 1)])
        assert again.duplicate
        live.record_within(connection, [at("delivery", 2)])
    assert (orders(engine), len(live.history("ada"))) == (1, 2)
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("INSERT INTO orders VALUES (2)"))
        live.record_within(connection, [at("call", 3), at("order", 3, "ben")])
        transaction.rollback()
    assert (orders(engine), len(live.history("ada")), live.position("ben")) == (1, 2, None)
    state = live.state("ada")
    assert state is not None
    assert (state.count, state.position and state.position.touchpoint) == (2, "delivery")
    live.record(at("call", 4))  # what was rolled back is not remembered
    assert [one.touchpoint for one in live.history("ada")] == ["order", "delivery", "call"]


def test_a_session_joins_too(engine: Any, live: Live) -> None:
    with Session(engine) as session:
        session.execute(text("INSERT INTO orders VALUES (7)"))
        live.record_within(session.connection(), [at("order", 1)])
        session.commit()
    assert (orders(engine), len(live.history("ada"))) == (1, 1)


def test_what_fails_leaves_the_application_its_transaction(
    engine: Any, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (1)"))
        with monkeypatch.context() as patched:
            patched.setattr(States, "write", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                live.record_within(connection, [at("order", 1)])
        with monkeypatch.context() as patched:
            patched.setattr(
                States,
                "write",
                lambda self, tx, *_: tx.db.write("INSERT INTO none VALUES (1)", [{}]),
            )
            with pytest.raises(StoreError, match="none"):
                live.record_within(connection, [at("order", 1)])
        connection.execute(text("INSERT INTO orders VALUES (2)"))
    assert (orders(engine), live.history("ada")) == (2, ())


def test_customers_known_by_identities(engine: Any) -> None:
    with Live(SHOP, SqlStore(engine), identities=IdentityRules()) as live:
        one = at("order", 1, "?")
        [receipt] = live.take([Record([Identity("u", "u17")], T0, "s", interaction=one)])
        with engine.begin() as connection:
            [other] = live.record_within(connection, [at("call", 2, receipt.customer)])
        assert other.customer == receipt.customer
        assert len(live.history(receipt.customer)) == 2


def test_another_database_is_refused(engine: Any, live: Live, tmp_path: Any) -> None:
    other = create_engine(f"sqlite:///{tmp_path}/other.db")
    with other.begin() as connection, pytest.raises(ElementError, match="a connection to"):
        live.record_within(connection, [at("order", 1)])
    other.dispose()
    with pytest.raises(ElementError, match="a Connection of SQLAlchemy"):
        live.record_within(object(), [at("order", 1)])
    with Live(SHOP) as alone, pytest.raises(ElementError, match="SqlStore joins"):
        alone.record_within(object(), [at("order", 1)])


def test_asyncio_joins(engine: Any) -> None:
    async def work() -> int:
        async with AsyncLive(Live(SHOP, SqlStore(engine))) as live:
            with engine.connect() as connection, connection.begin():
                await live.record_within(connection, [at("order", 1)])
            return len(await live.history("ada"))

    if engine.dialect.name == "postgresql":
        assert asyncio.run(work()) == 1


def test_a_store_in_the_applications_database_forgets(engine: Any, live: Live) -> None:
    live.record_many([at("order", n, name) for n, name in enumerate(["lovelace", "ben"])])
    live.forget("lovelace")
    live.scrub()
    assert live.history("lovelace") == ()
    if engine.dialect.name == "sqlite":
        assert b"lovelace" not in Path(engine.url.database).read_bytes()


@pytest.fixture
def postgres_live(database: str) -> Iterator[tuple[Any, Live]]:
    engine = create_engine(database)
    with Live(SHOP, SqlStore(engine)) as made:
        yield engine, made
    engine.dispose()


def test_others_do_not_wait_for_a_joined_transaction(postgres_live: tuple[Any, Live]) -> None:
    """Who records the same customer waits for it; who records another one, a moment at most."""
    engine, live = postgres_live
    live.record_many([at("order", 0, name) for name in ("ada", "ben", "cyd")])
    over: dict[str, float] = {}

    def record(name: str) -> None:
        live.record(at("call", 2, name))
        over[name] = time.monotonic()

    threads = [threading.Thread(target=record, args=(name,)) for name in ("ada", "cyd")]
    with engine.begin() as connection:
        live.record_within(connection, [at("call", 1)])
        for thread in threads:
            thread.start()
            time.sleep(0.3)
        live.record(at("call", 3, "ben"))  # by this very thread, which the others wait for
        threads[1].join(20)
        assert "cyd" in over
        assert "ada" not in over
        ended = time.monotonic()
    threads[0].join(20)
    assert over["ada"] >= ended
    assert {len(live.history(name)) for name in ("ada", "ben", "cyd")} == {2, 3}


def test_tasks_may_record_while_one_joins(database: str) -> None:
    engine = create_engine(database)

    async def work() -> None:
        async with AsyncLive(Live(SHOP, SqlStore(engine))) as live:
            await live.record(at("order", 0))
            with engine.begin() as connection:
                await live.record_within(connection, [at("call", 1)])
                waiting = asyncio.ensure_future(live.record(at("call", 2)))
                await asyncio.sleep(0.3)
                await asyncio.wait_for(live.record_within(connection, [at("call", 3)]), 20)
                assert not waiting.done()
            await asyncio.wait_for(waiting, 20)
            assert len(await live.history("ada")) == 4

    asyncio.run(work())
    engine.dispose()


def test_a_reader_does_not_wait_for_ever(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who learns waits for this transaction, and this thread for the one who learns."""
    monkeypatch.setattr("journeymap.live.resolution._TURN", 0.5)
    engine, rules = create_engine(database), IdentityRules([Namespace("user")])
    with Live(SHOP, SqlStore(engine), identities=rules) as live:

        def take(name: str) -> tuple[Receipt, ...]:
            return live.take([Record([Identity("user", name)], T0, "crm",
                                     interaction=at("order", 0, name))])  # fmt: skip

        [receipt] = take("user-1")
        other = threading.Thread(target=take, args=("user-2",))
        with engine.begin() as connection:
            live.record_within(connection, [at("call", 1, receipt.customer)])
            other.start()
            time.sleep(0.3)
            for call in (
                lambda: live.position(receipt.customer),
                lambda: live.record(at("call", 3, "another")),
                lambda: take("user-3"),
            ):
                with pytest.raises(StoreError, match="waits for what a transaction of") as no:
                    call()
                assert no.value.passing
        other.join(20)
        assert live.position(receipt.customer) is not None
    engine.dispose()


def test_an_engine_that_commits_by_itself_is_refused(database: str) -> None:
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with pytest.raises(StoreError, match="AUTOCOMMIT"):
        SqlStore(engine)
    engine.dispose()


def test_names_that_begin_alike_are_other_tables(shared: str) -> None:
    engine = create_engine(shared)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE shop_orders (number INTEGER)"))
    for prefix in ("shop_eu_", "shop_"):
        with Live(SHOP, SqlStore(engine, prefix=prefix)) as live:
            live.record(at("order", 0))
            assert len(live.history("ada")) == 1
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE till_states (number INTEGER)"))
    with pytest.raises(StoreError, match="till_states are something else's"):
        SqlStore(engine, prefix="till_")
    engine.dispose()


@pytest.mark.parametrize("what", ["archive", "forget"])
def test_others_are_recorded_while_something_waits_for_an_open_transaction(
    database: str, what: str
) -> None:
    """Archiving needs the journal to itself for a moment, and waits out of everybody's way."""
    engine = create_engine(database)
    with Live(SHOP, SqlStore(engine)) as live, Live(SHOP, database) as other:
        other.record_many([at("order", n, f"c{n}") for n in range(20)])
        work = {
            "archive": lambda: other.archive(T0 + 30 * DAY),
            "forget": lambda: other.forget("c1"),
        }
        with engine.begin() as connection:
            live.record_within(connection, [at("order", 1)])
            waiting = threading.Thread(target=work[what])
            waiting.start()
            time.sleep(0.1)
            took = []
            for n in range(20):
                begun = time.monotonic()
                live.record(at("call", n, "ben"))
                took.append(time.monotonic() - begun)
                time.sleep(0.05)
            assert waiting.is_alive()
        waiting.join(30)
        assert not waiting.is_alive()
        assert max(took) < 1
        assert other.stats().interactions == 20 + 1 + 20 - (what == "forget")
        assert other.stats().customers == 20 + 2 - (what == "forget")
    engine.dispose()


def test_what_commits_by_itself_is_not_joined(shared: str) -> None:
    """Else rows of the application's would be taken back with it, or kept without it."""
    made = create_engine(shared)
    alone = made.execution_options(isolation_level="AUTOCOMMIT")
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY)"))
    with Live(SHOP, SqlStore(made)) as live:
        with alone.connect() as connection:
            connection.execute(text("INSERT INTO orders VALUES (1)"))
            with pytest.raises(ElementError, match="AUTOCOMMIT"):
                live.record_within(connection, [at("order", 1)])
            connection.execute(text("INSERT INTO orders VALUES (2)"))
        assert (orders(made), len(live.history("ada"))) == (2, 0)
    made.dispose()


def test_the_tables_of_another_schema_are_not_written(shared: str) -> None:
    if not shared.startswith("postgresql"):
        pytest.skip("SQLite has no schemas")
    one = create_engine(shared)
    two = create_engine(shared, connect_args={"options": "-csearch_path=shop"})
    with one.begin() as connection:
        connection.execute(text("CREATE SCHEMA shop"))
    with Live(SHOP, SqlStore(one)) as first, Live(SHOP, SqlStore(two)) as second:
        with one.begin() as connection, pytest.raises(ElementError, match="other tables"):
            second.record_within(connection, [at("order", 1)])
        three = create_engine(shared, connect_args={"options": "-csearch_path=shop"})
        with three.begin() as own:
            second.record_within(own, [at("order", 1)])
        three.dispose()
        assert (len(first.history("ada")), len(second.history("ada"))) == (0, 1)
    one.dispose()
    two.dispose()


def test_an_application_that_begins_its_transactions_is_joined(tmp_path: Path) -> None:
    """As SQLAlchemy's own pages show it for SQLite: the driver is told to begin none."""
    from sqlalchemy import event

    made = create_engine(f"sqlite:///{tmp_path / 'a.db'}")

    @event.listens_for(made, "connect")
    def _plain(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(made, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    with made.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY)"))
    with Live(SHOP, SqlStore(made)) as live:
        with made.connect() as connection:
            live.record_within(connection, [at("order", 1)])
            connection.rollback()
        with made.begin() as connection:
            connection.execute(text("INSERT INTO orders VALUES (1)"))
            live.record_within(connection, [at("order", 2)])
        assert (orders(made), len(live.history("ada"))) == (1, 1)
    made.dispose()
