"""Live, on every kind of store: recorded once, told at once, kept until it is carried out."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    At,
    Count,
    Interaction,
    Live,
    Moment,
    MomentReached,
    Signal,
    Touchpoint,
    Tracker,
    UnknownName,
    Withdrawn,
)
from journeymap.exceptions import ElementError
from journeymap.live import AsyncLive
from journeymap.testing import interactions
from tests.factories import DAY, HOUR, JOURNEY, SHOP, T0, arrived, folded
from tests.factories import happened as at


def kinds(told: tuple[Signal, ...]) -> list[str]:
    return [signal.kind for signal in told]


def test_a_day_in_the_life(store: str) -> None:
    with Live(SHOP, store) as live:
        assert live.position("ada") is None
        receipt = live.record(at("order", 0))
        assert receipt.position is not None
        assert receipt.position.stage == "choose"
        assert kinds(receipt.signals) == ["stage entered"]
        again = live.record(at("order", 0))
        assert again.duplicate
        assert again.position == receipt.position
        assert not again.signals
        first, second, other = live.record_many(
            [at("delivery", 24), at("delivery", 24), at("call", 25, "ben", outcome="failed")]
        )
        assert (first.duplicate, second.duplicate, other.duplicate) == (False, True, False)
        assert kinds(other.signals) == ["stage entered", "moment reached"]
        told = live.advance(T0 + 9 * DAY)
        assert kinds(told) == ["moment overdue", "moment reached"]
        assert live.advance(T0 + 9 * DAY) == ()
        yesterday = live.position("ada", T0 + HOUR)
        assert yesterday is not None
        assert yesterday.stage == "choose"
        assert live.position("ada", T0 - HOUR) is None
        assert [one.touchpoint for one in live.history("ada")] == ["order", "delivery"]
    if store != "memory":
        with Live(SHOP, store) as live:  # another process, later
            here = live.position("ada")
            assert here is not None
            assert (here.stage, here.touchpoint) == ("use", "delivery")
            late = live.record(at("first_use", 48))
            [gone] = [signal for signal in late.signals if isinstance(signal, Withdrawn)]
            assert isinstance(gone.signal, MomentReached)
            assert live.deliver({}).unclaimed == 2


def test_actions_take_what_waits_at_least_once(store: str) -> None:
    with Live(SHOP, store) as live:
        live.record_many([at("call", n, f"c{n}", outcome="failed") for n in range(3)])
        live.record(at("call", 9, "dan", outcome="abandoned"))  # asks for no action
        taken: list[str] = []
        assert live.deliver({"unused": lambda signal: None}, T0 + DAY).unclaimed == 3

        def sorry(signal: Signal) -> None:
            if signal.customer == "c1":
                raise ConnectionError("the line is down")
            taken.append(signal.id)

        now = T0 + DAY
        done = live.deliver({"Say sorry": sorry, "moment overdue": sorry}, now)
        assert (done.done, done.failed, done.dead, done.unclaimed) == (2, 1, 0, 0)
        assert len(set(taken)) == 2
        assert live.deliver(sorry, now).failed == 0  # not yet
        for turn in range(1, 9):
            done = live.deliver(sorry, now + turn * DAY)
        assert (done.done, done.failed) == (0, 0)
        [dead] = live.dead_letters()
        assert dead.signal.customer == "c1"
        assert dead.reason == "ConnectionError: the line is down"
        assert (dead.attempts, dead.first, dead.last) == (8, now, now + 7 * DAY)
        assert live.requeue([dead]) == 1
        assert live.requeue() == 0
        assert live.deliver(lambda signal: taken.append(signal.id)).done == 1


def test_what_was_taken_back_is_not_carried_out(store: str) -> None:
    with Live(SHOP, store) as live:
        live.record(at("delivery", 0))
        live.advance(T0 + 8 * DAY)
        live.record(at("first_use", 24))
        taken: list[str] = []
        live.deliver(lambda signal: taken.append(signal.kind))
        assert taken == []
        live.record(at("delivery", 0, "ben"))
        live.advance(T0 + 8 * DAY)
        live.deliver(lambda signal: taken.append(signal.kind))
        live.record(at("first_use", 24, "ben"))
        live.deliver(lambda signal: taken.append(signal.kind))
        assert taken == ["moment reached", "withdrawn"]


def test_forget_and_export(store: str, tmp_path: Path) -> None:
    now = [T0 + 50 * HOUR]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        live.record_many([at("call", n, "ada-lovelace", outcome="failed") for n in range(40)])
        live.record(at("order", 0, "ben"))
        live.record(at("order", 24 * 365_000, "ada-lovelace"))
        told = live.export("ada-lovelace")
        assert len(told["interactions"]) == 40
        assert len(told["outbox"]) > 0
        assert len(told["set_aside"]) == 1
        assert told["state"]["customer"] == "ada-lovelace"
        live.forget("ada-lovelace")
        assert live.position("ada-lovelace") is None
        assert live.export("ada-lovelace") == {
            "customer": "ada-lovelace", "state": None, "interactions": [], "outbox": [],
            "set_aside": [], "evidence": [],
        }  # fmt: skip
        assert live.position("ben") is not None
        for file in tmp_path.iterdir():
            assert b"lovelace" not in file.read_bytes(), file
        again = live.record(at("call", 3, "ada-lovelace"))
        assert again.set_aside == "its customer was forgotten after it happened"
        assert live.set_aside() == ()
        now[0] += 60 * HOUR
        assert live.record(at("order", 99, "ada-lovelace")).position is not None


def test_forgotten_in_the_files_of_postgresql(database: str) -> None:
    from sqlalchemy import create_engine, text

    with Live(SHOP, database) as live:
        live.record_many([at("call", n, "ada-lovelace", outcome="failed") for n in range(40)])
        live.forget("ada-lovelace")
        live.scrub()
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        folder = Path(connection.execute(text("SHOW data_directory")).scalar_one())
        names = [
            connection.execute(text(f"SELECT pg_relation_filepath('journeymap_{t}')")).scalar_one()
            for t in ("states", "journal", "outbox", "aside")
        ]
    engine.dispose()
    for name in names:
        assert b"lovelace" not in (folder / name).read_bytes(), name


def test_the_future_is_set_aside() -> None:
    now = [T0]
    with Live(SHOP, clock=lambda: now[0], tolerance=HOUR) as live:
        assert live.record(at("order", 1)).set_aside is None
        receipt = live.record(at("delivery", 2))
        assert receipt.set_aside is not None
        assert (
            "it lies in the future: at 2026-03-02T11:00:00+00:00, recorded at" in receipt.set_aside
        )
        [(one, reason)] = live.set_aside()
        assert (one.touchpoint, reason) == ("delivery", receipt.set_aside)
        now[0] += 2 * HOUR
        assert live.record(at("delivery", 2)).set_aside is None
        with pytest.raises(ElementError, match="tolerance"):
            Live(SHOP, tolerance=-HOUR)
        with pytest.raises(UnknownName, match="did you mean 'lap started'"):
            Live(SHOP, outgoing=["lap start"])
        with pytest.raises(UnknownName, match="there is no store 'memry'; did you mean 'memory'"):
            Live(SHOP, "memry")


def test_a_new_version_of_the_map(shared: str) -> None:
    with Live(SHOP, shared) as live:
        live.record_many([at("order", 0), at("delivery", 2), at("order", 1, "ben")])
        live.record(at("call", 9, "cyd"))
        live.advance(T0 + DAY)
    newer = SHOP.replace(Touchpoint("order", "use")).add(Moment("busy", Count("call", 2)))
    with Live(newer, shared) as live:
        ben = live.position("ben")  # told again when it is asked for
        assert ben is not None
        assert ben.stage == "use"
        done = live.rebuild()
        assert [str(change) for change in done.changes] == [
            "touchpoint 'order': stage changed from 'choose' to 'use'",
            "moment 'busy' was added",
        ]
        assert (done.customers, done.moved) == (3, 1)
        assert [(one.customer, one.before) for one in done.examples] == [("ben", ("choose", 1))]
        assert live.rebuild().customers == 0
        assert kinds(live.record(at("call", 10, "cyd")).signals) == ["moment reached"]


@settings(max_examples=150)
@given(
    st.lists(st.tuples(interactions(touchpoints=("a", "b", "c")), st.integers(0, 2)), max_size=25),
    st.randoms(use_true_random=False),
)
def test_live_with_a_store_is_the_fold(drawn: list[tuple[Interaction, int]], dice: Any) -> None:
    """Any order of arrival, any batches, timers in between: the journal makes it right."""
    journey = JOURNEY.add(
        Moment("m", At("outcome", ("failed",)), owner="sales", deadline=5 * HOUR, action="x"),
        Moment("n", Absence("a", "b", 9 * HOUR), action="y"),
    )
    sent = arrived(drawn, dice)
    as_of = datetime(2026, 3, 1, tzinfo=UTC) + 600 * HOUR
    with Live(journey, clock=lambda: as_of) as live:
        held: dict[str, Counter[Signal]] = defaultdict(Counter)
        actions: Counter[str] = Counter()

        def take(told: tuple[Signal, ...]) -> None:
            for signal in told:
                if isinstance(signal, Withdrawn):
                    held[signal.customer][signal.signal] -= 1
                else:
                    held[signal.customer][signal] += 1

        def act(signal: Signal) -> None:
            told = signal.signal if isinstance(signal, Withdrawn) else signal
            actions[told.id] += -1 if isinstance(signal, Withdrawn) else 1

        while sent:
            size = dice.randrange(1, 6)
            batch, sent = sent[:size], sent[size:]
            for receipt in live.record_many(batch):
                take(receipt.signals)
            if dice.random() < 0.3:
                take(live.advance(datetime(2026, 3, 1, tzinfo=UTC) + HOUR * dice.randrange(0, 450)))
            if dice.random() < 0.3:
                live.deliver(act)
        take(live.advance(as_of))
        live.deliver(act)
        everything = [one for name in held for one in live.history(name)]
        states, expected = folded(Tracker(journey, None), everything, as_of)
        assert {name: +counted for name, counted in held.items()} == expected
        for name, state in states.items():
            mine = live.state(name)
            assert mine is not None
            assert mine.fold_state == evolve_clock(mine.fold_state, state.fold_state)
        asked = Counter(
            signal.id
            for mine in expected.values()
            for signal in mine.elements()
            if signal.kind == "moment overdue"
            or (isinstance(signal, MomentReached) and signal.action)
        )
        assert +actions == asked


def evolve_clock(mine: Any, other: Any) -> Any:
    """Two standings, compared by where the customer stands: stages are each map's own objects."""
    assert (mine.stage and mine.stage.id) == (other.stage and other.stage.id)
    products = {name: state._replace(stage=None) for name, state in mine.products}
    assert products == {name: state._replace(stage=None) for name, state in other.products}
    return other._replace(stage=mine.stage, products=mine.products)


def test_many_at_once(shared: str) -> None:
    """Several threads record the same customers: nothing is lost, nothing told twice."""
    everything = [at("call", n, f"c{n % 3}", outcome="failed") for n in range(60)]
    told: list[Signal] = []
    wrong: list[BaseException] = []

    def run(turn: int) -> None:
        try:
            with Live(SHOP, shared) as live:
                mine = [one for n, one in enumerate(everything) if n % 4 in (turn, (turn + 1) % 4)]
                for one in mine:
                    told.extend(live.record(one).signals)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    counted = Counter(
        (type(s), s.customer, s.at, s.tie, isinstance(s, Withdrawn) and s.signal.kind)
        for s in told
        if s.kind == "moment reached"
    )
    assert len(counted) == 60
    assert set(counted.values()) == {1}
    with Live(SHOP, shared) as live:
        for name in ("c0", "c1", "c2"):
            history = live.history(name)
            assert len(history) == 20
            state = live.state(name)
            assert state is not None
            assert state.count == 20


def test_asyncio_is_not_blocked(tmp_path: Path) -> None:
    async def served() -> tuple[int, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        async with AsyncLive(Live(SHOP, f"sqlite:///{tmp_path}/a.db")) as live:
            ticking = asyncio.create_task(tick())
            receipts = [await live.record(at("call", n)) for n in range(50)]  # each in its turn
            ticking.cancel()
            assert await live.position("ada") == receipts[-1].position
            await live.advance(T0 + DAY)
            state = await live.state("ada")
            assert state is not None
            assert len(await live.history("ada")) == state.count == 50
            await live.record_many([at("call", 51, outcome="failed")])
            assert (await live.deliver(lambda signal: None)).done == 1
            assert len((await live.export("ada"))["interactions"]) == 51
            await live.forget("ada")
            return ticks, state.count

    ticks, _ = asyncio.run(served())
    assert ticks > 50
