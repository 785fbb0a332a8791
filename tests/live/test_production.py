"""Conditions that a service meets: crash loops, several loops, other maps, stale snapshots."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from journeymap import (
    AsyncLive,
    Identity,
    IdentityRules,
    Interaction,
    JourneyMap,
    Live,
    Namespace,
    NextBest,
    Record,
    Stage,
    Touchpoint,
)
from journeymap.adapters.stores import SqlStore
from journeymap.exceptions import ElementError, StoreError
from journeymap.model import ContactLimit, Offer
from tests.factories import DAY, HOUR, SHOP, T0, at, happened


def test_a_letter_that_ends_its_process_is_given_up_in_the_end(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0 + DAY) as live:
        live.record(at("call", 0, outcome="failed"))

        def ends(signal: Any) -> None:
            raise SystemExit(1)

        for day in range(1, 25):
            with pytest.raises(SystemExit):
                live.deliver(ends, T0 + day * DAY)
        assert live.deliver(ends, T0 + 30 * DAY).dead == 1
        [dead] = live.dead_letters()
        assert "24 times to processes that never answered" in dead.reason


def test_a_loop_that_ended_holds_up_no_other(tmp_path: Path) -> None:
    import sqlite3

    live = AsyncLive(Live(SHOP, tmp_path / "live.db", clock=lambda: T0))
    lock = sqlite3.connect(tmp_path / "live.db")
    lock.execute("BEGIN IMMEDIATE")  # another process writes
    loop = asyncio.new_event_loop()
    with pytest.raises(TimeoutError):
        loop.run_until_complete(asyncio.wait_for(live.record(happened("call", 0, "ann")), 0.2))
    loop.close()
    lock.rollback()
    lock.close()

    async def go_on() -> None:
        receipt = await asyncio.wait_for(live.record(happened("call", 0, "ben")), 30)
        assert receipt.customer == "ben"
        await live.close()

    asyncio.run(go_on())


def test_several_loops_share_one_store(tmp_path: Path) -> None:
    live = AsyncLive(Live(SHOP, tmp_path / "live.db", clock=lambda: T0 + DAY))
    recorded: Counter[int] = Counter()

    def run(number: int) -> None:
        async def record() -> None:
            for one in range(40):
                await live.record(happened("call", one / 100, f"c{number}"))
                recorded[number] += 1

        asyncio.run(record())

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert dict(recorded) == {0: 40, 1: 40, 2: 40}
    asyncio.run(live.close())


def test_offers_that_look_further_back_than_the_map_are_refused() -> None:
    base = JourneyMap(
        "m", stages=[Stage("use", "own")],
        touchpoints=[Touchpoint("call", "use"), Touchpoint("mail", "use")],
    )  # fmt: skip

    def limited(most: int) -> JourneyMap:
        limits = [ContactLimit(most, "30 days")]
        return base.add(Offer("up", propensity=0.3, value=10, touchpoint="mail", limits=limits))

    now = [T0]
    for known, asked in ((base, 1), (limited(1), 3)):
        with Live(known, clock=lambda: now[0]) as live:
            live.record(Interaction("ada", "call", T0))
            with pytest.raises(ElementError, match=r"look back to \d times") as found:
                live.choose(NextBest(limited(asked)), "ada")
            assert found.value.value == "mail"
    with Live(limited(3), clock=lambda: now[0]) as live:
        live.record(Interaction("ada", "call", T0))
        made = 0
        for _ in range(6):
            now[0] += HOUR
            made += live.choose(NextBest(limited(1)), "ada").best is not None
        assert made == 1


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_no_transaction_looks_at_a_merge_from_before_it(database: str, level: str) -> None:
    from sqlalchemy import create_engine, text

    rules = IdentityRules([Namespace("u"), Namespace("p")])
    app = create_engine(database, isolation_level=level)
    user, phone = Identity("u", "ada"), Identity("p", "555")
    late = Interaction("?", "call", T0, id="1", source="s")
    with Live(SHOP, SqlStore(app), identities=rules, clock=lambda: T0) as live:
        live.take([Record([phone], T0 - 5 * HOUR, "crm"), Record([user], T0 - HOUR, "crm")])
        with app.begin() as connection:
            connection.execute(text("SELECT 1 FROM journeymap_notes"))  # its snapshot begins
            with Live(SHOP, database, identities=rules, clock=lambda: T0) as other:
                assert other.identities is not None
                before = other.identities.customer(user)
                other.take([Record([user, phone], T0, "crm")])
            assert before is not None
            mine = Interaction(before, "call", T0, id="1", source="s")
            if level == "READ COMMITTED":
                live.record_within(connection, [mine])
            else:
                with pytest.raises(ElementError, match="READ COMMITTED is expected"):
                    live.record_within(connection, [mine])
        if level != "READ COMMITTED":
            live.take([Record([user], T0, "s", interaction=late)])
        assert live.identities is not None
        known = live.identities.customer(user)
        assert known is not None
        assert len(live.history(known)) == 1
        assert list(live.customers()) == [known]
    app.dispose()


def test_schemas_are_not_translated(database: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(database)
    tenant = engine.execution_options(schema_translate_map={None: "t1"})
    with pytest.raises(StoreError, match="schema_translate_map"):
        SqlStore(tenant)
    engine.dispose()
