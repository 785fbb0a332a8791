"""What a reviewer broke once: forgetting, withdrawals, time and zones at their edges."""

from __future__ import annotations

import asyncio
import threading
import time as clock_time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import journeymap as jm
from journeymap import (
    Absence,
    All,
    At,
    Count,
    Interaction,
    InteractionError,
    JourneyMap,
    JourneyMapError,
    Live,
    Moment,
    Not,
    Signal,
    Stage,
    StateError,
    StoreError,
    Touchpoint,
    Tracker,
    Withdrawn,
)
from journeymap.adapters.stores import SqlStore
from journeymap.analysis import Log, Positions
from journeymap.exceptions import ElementError
from journeymap.live import AsyncLive
from tests.factories import DAY, HOUR, SHOP, T0
from tests.factories import happened as at

PARIS = ZoneInfo("Europe/Paris")
MAX = datetime.max.replace(tzinfo=UTC)


def told(signals: list[Signal]) -> list[str]:
    return [f"not {s.signal.kind}" if isinstance(s, Withdrawn) else s.kind for s in signals]


def test_what_was_forgotten_does_not_come_back(shared: str) -> None:
    now = [T0]
    clock = lambda: now[0]  # noqa: E731
    with Live(SHOP, shared, clock=clock) as one, Live(SHOP, shared, clock=clock) as other:
        one.record(at("delivery", 0, outcome="failed"))
        other.forget("ada")
        now[0] += DAY
        other.record(at("order", 5))
        here = one.position("ada")
        assert here is not None
        assert here.stage == "choose"
        one.record(at("call", 6))
        state = one.state("ada")
        assert state is not None
        assert state.count == 2


def test_many_are_due_at_the_same_moment() -> None:
    with Live(SHOP) as live:
        live.record_many([at("call", 0, f"c{n}", outcome="failed") for n in range(1100)])
        assert live.advance(T0 + 4 * HOUR) == ()
        assert len(live.advance(T0 + 4 * HOUR + timedelta(seconds=1))) == 1100


def test_time_has_an_end() -> None:
    tracker = Tracker(SHOP)
    state, _ = tracker.fold(None, at("order", 0))
    state, signals = tracker.advance(state, MAX)
    assert told(list(signals)) == ["went dormant"]
    with Live(SHOP) as live:
        live.record(at("order", 0))
        here = live.position("ada", as_of=MAX)
        assert here is not None
        assert here.dormant
        state, _ = tracker.fold(None, Interaction("ada", "order", MAX))
        tracker.fold(state, Interaction("ada", "delivery", MAX))
        begin = datetime(1, 1, 1, tzinfo=UTC)
        state, _ = tracker.fold(None, Interaction("ada", "order", begin))
        assert tracker.advance(state, begin + HOUR)[0].position is not None
        early = datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
        for call in (
            lambda: tracker.fold(None, Interaction("ada", "order", early)),
            lambda: live.record(Interaction("ada", "order", early)),
            lambda: live.position("ada", early),
            lambda: live.advance(early),
        ):
            with pytest.raises(InteractionError, match="outside the years 1 to 9999"):
                call()


FLOW = JourneyMap("flow", stages=[Stage("use", "own")], touchpoints=[Touchpoint("t", "use")])


def taken(hours: float, department: str) -> Interaction:
    return Interaction("ada", "t", T0 + hours * HOUR, department=department, id=str(hours))


def test_what_comes_true_again_is_sent_again() -> None:
    with Live(FLOW, outgoing=["handoff"]) as live:
        sent: list[str] = []

        def act(signal: Signal) -> None:
            sent.append(str(signal))

        live.record_many([taken(0, "A"), taken(2, "B")])
        live.deliver(act)
        live.record(taken(1, "C"))
        live.deliver(act)
        assert sent == [
            "ada was handed from 'A' to 'B'",
            "ada was handed from 'A' to 'C'",
            "not after all: ada was handed from 'A' to 'B'",
            "ada was handed from 'C' to 'B'",
        ]
        sent.clear()
        live.record(taken(1.5, "A"))
        live.deliver(act)
        assert sent == [
            "ada was handed back from 'C' to 'A'",
            "not after all: ada was handed from 'C' to 'B'",
            "ada was handed from 'A' to 'B'",
        ]


def test_a_withdrawal_is_not_overtaken() -> None:
    with Live(SHOP, clock=lambda: T0 + 9 * DAY) as live:
        live.record(at("delivery", 0))
        live.advance(T0 + 8 * DAY)
        sent: list[Signal] = []

        def fails(signal: Signal) -> None:
            raise ConnectionError

        assert live.deliver(fails).failed == 1
        live.record(at("first_use", 24))
        for days in range(10, 20):
            live.deliver(sent.append, T0 + days * DAY)
        assert told(sent) == ["not moment reached"]  # perhaps it had arrived before it failed


def test_withdrawn_while_it_is_handed_out() -> None:
    with Live(SHOP, clock=lambda: T0 + 9 * DAY) as live:
        live.record(at("delivery", 0))
        live.advance(T0 + 8 * DAY)
        sent: list[Signal] = []

        def slow(signal: Signal) -> None:
            sent.append(signal)
            if not isinstance(signal, Withdrawn):
                live.record(at("first_use", 24))

        live.deliver(slow)
        live.deliver(slow, T0 + 30 * DAY)
        assert told(sent) == ["moment reached", "not moment reached"]


def test_two_that_are_reached_at_once_are_two() -> None:
    used = All((At("touchpoint", ("delivery",)), Not(Absence("first_use", "delivery", 7 * DAY))))
    journey = SHOP.replace(Moment("unused", used, action="thank"))
    sent: list[tuple[bool, datetime]] = []
    with Live(journey) as live:

        def act(signal: Signal) -> None:
            sent.append((isinstance(signal, Withdrawn), signal.at))

        live.record_many([at("delivery", 0), at("delivery", 10), at("first_use", 20)])
        live.record(at("first_use", 5))
        live.deliver(act)
        assert sorted(sent) == [(False, T0 + 5 * HOUR), (False, T0 + 20 * HOUR)]


def test_clocks_that_are_set_back() -> None:
    """02:30 before and 02:15 after: fifteen minutes back on the wall, forty-five on."""
    first = datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=PARIS)
    second = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=PARIS)
    last = datetime(2026, 10, 25, 12, tzinfo=UTC)
    for order in ([last, first, second], [last, second, first]):
        with Live(SHOP, clock=lambda: last) as live:
            given = [Interaction("ada", "call", when, id=str(when)) for when in order]
            live.record(given[0])
            live.record_many(given[1:])
            state = live.state("ada")
            assert state is not None
            assert (state.count, state.position and state.position.at) == (3, last)
            assert live.position("ada", as_of=first) is not None


def test_positions_do_not_depend_on_the_zone() -> None:
    winter = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
    journey = JourneyMap("j", dormant_after=122 * DAY, stages=[Stage("use", "own")],
                         touchpoints=[Touchpoint("t", "use")])  # fmt: skip
    log = Log.from_interactions([Interaction("ada", "t", winter)], map=journey)
    as_of = winter + 122 * DAY - timedelta(minutes=30)
    for zone in (UTC, PARIS):
        assert [row.dormant for row in log.ask(Positions(as_of.astimezone(zone)))] == [False]


def test_a_horizon_holds_whenever_time_passes() -> None:
    tracker = Tracker(SHOP, 98 * HOUR)
    state, _ = tracker.fold(None, at("call", 0, outcome="failed"))
    state, _ = tracker.advance(state, T0 + 10 * HOUR)
    state, _ = tracker.fold(state, at("call", 100))
    state, signals = tracker.fold(state, at("call", 3))
    assert state.count == 3
    assert "too late" not in told(list(signals))


def test_a_state_belongs_to_its_map() -> None:
    state, _ = Tracker(SHOP).fold(None, at("order", 0))
    state, signals = Tracker(SHOP).fold(state, at("order", 1))
    assert signals == ()
    with pytest.raises(StateError, match="a state along the map 'shop', which is another"):
        Tracker(FLOW).fold(state, at("order", 2))


@pytest.mark.parametrize(
    "extra",
    [
        {"a": 10**30}, {"a": "\ud800"}, {"a": object()}, {"a": float("nan")},
        {"a": {1: 2}}, {"\ud800": 1},
    ],
    ids=["number", "text", "object", "nan", "key", "surrogate"],
)  # fmt: skip
def test_what_a_journal_cannot_keep_is_refused(extra: Any) -> None:
    with Live(SHOP) as live:
        with pytest.raises(InteractionError, match="so it must be what JSON can hold"):
            live.record(Interaction("ada", "order", T0, extra=extra))
        deep: list[Any] = []
        deep.append(deep)
        with pytest.raises(InteractionError, match="so it must be what JSON can hold"):
            live.record(Interaction("ada", "order", T0, extra={"deep": deep}))
        assert live.history("ada") == ()
        live.record(Interaction("ada", "order", T0, extra={"a": [1, {"b": "ü"}, None, 0.5, True]}))
        assert len(live.history("ada")) == 1


def test_names_too_long_for_a_database(store: str) -> None:
    with Live(SHOP, store) as live:
        for name in ("x" * 501, "日" * 200):
            with pytest.raises(InteractionError, match="a store keeps at most 500 bytes"):
                live.record(Interaction(name, "order", T0))
        with pytest.raises(InteractionError, match="a store keeps at most 1000 bytes"):
            live.record(Interaction("ada", "order", T0, id="日" * 500))
        live.record(Interaction("日" * 166, "order", T0, source="x" * 400, id="y" * 500))


def test_a_new_map_begins_where_time_was_for_everybody(tmp_path: Path) -> None:
    now = T0 + 400 * DAY
    with Live(SHOP, tmp_path / "live.db", clock=lambda: now) as live:
        live.record_many([at("delivery", 0), at("delivery", 0, "ben"), at("call", 24 * 300, "ben")])
        live.advance(now)
    newer = SHOP.replace(Moment("unused", Absence("first_use", "delivery", 9 * DAY), action="x"))
    with Live(newer, tmp_path / "live.db", clock=lambda: now) as live:
        live.rebuild()
        assert live.advance(now) == ()
        sent: list[Signal] = []
        live.deliver(sent.append)
        sent.clear()
        live.record(at("first_use", 24))  # the new moment was never sent: nothing to take back
        live.deliver(sent.append)
        assert sent == []


def test_a_lease_is_held_and_is_no_try(tmp_path: Path) -> None:
    with Live(SHOP, tmp_path / "live.db", clock=lambda: T0 + DAY) as live:
        live.record(at("call", 0, outcome="failed"))
        sent: list[str] = []

        def act(signal: Signal) -> None:
            sent.append(signal.id)

        def dies(signal: Signal) -> None:
            raise KeyboardInterrupt

        for days in range(1, 10):
            with pytest.raises(KeyboardInterrupt):
                live.deliver(dies, T0 + days * DAY)
            # Another process, meanwhile: what is in hand is not handed out a second time.
            with Live(SHOP, tmp_path / "live.db") as other:
                assert other.deliver(act, T0 + days * DAY).done == 0
        assert live.deliver(no_line, T0 + 20 * DAY).failed == 1
        done = live.deliver(act, T0 + 21 * DAY)
        assert (done.done, len(sent), live.dead_letters()) == (1, 1, ())


def no_line(signal: Signal) -> None:
    raise OSError("no line")


def test_back_off_grows() -> None:
    with Live(SHOP, clock=lambda: T0) as live:
        live.record(at("call", 0, outcome="failed"))
        tries = []
        for second in range(0, 500, 5):
            if live.deliver(no_line, T0 + timedelta(seconds=second)).failed:
                tries.append(second)
        assert tries == [0, 10, 40, 130, 400]


def test_the_future_is_set_aside_once(store: str) -> None:
    now = [T0]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        early = at("order", 9)
        first, second = live.record_many([early, early])
        assert first.set_aside
        assert second.set_aside
        live.record(early)
        assert len(live.set_aside()) == 1
        now[0] += DAY
        assert live.record(early).set_aside is None
        assert live.set_aside() == ()


def test_reading_does_not_wait_for_writing(tmp_path: Path) -> None:
    import sqlite3

    from journeymap.adapters.stores import SqliteStore

    with Live(SHOP, SqliteStore(tmp_path / "live.db", patience=0.05)) as live:
        live.record(at("order", 0))
        other = sqlite3.connect(tmp_path / "live.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert live.position("ada") is not None
        assert len(live.history("ada")) == 1
        assert live.export("ada")["state"]
        other.close()


def test_many_that_come_late_together() -> None:
    with Live(SHOP, clock=lambda: T0 + 9000 * HOUR) as live:
        live.record(at("order", 9000))
        begun = clock_time.perf_counter()
        receipts = live.record_many([at("call", n) for n in range(3000, 0, -1)])
        assert clock_time.perf_counter() - begun < 20  # retold once, and not once for each
        assert receipts[0].signals
        assert not receipts[1].signals
        state = live.state("ada")
        assert state is not None
        assert state.count == 3001


def test_actions_may_be_coroutines(tmp_path: Path) -> None:
    async def served() -> None:
        async with AsyncLive(Live(SHOP, tmp_path / "live.db")) as live:
            await live.record(at("call", 0, outcome="failed"))
            sent = []

            async def act(signal: Signal) -> None:
                await asyncio.sleep(0.2)
                sent.append(signal.id)

            delivering = asyncio.create_task(live.deliver({"failed": act}))
            await asyncio.sleep(0.05)
            begun = clock_time.perf_counter()
            await live.record(at("call", 1))
            assert clock_time.perf_counter() - begun < 0.15
            assert (await delivering).done == 1
            assert len(sent) == 1
            assert await live.dead_letters() == ()
            assert await live.set_aside() == ()
            assert (await live.rebuild()).customers == 0

    asyncio.run(served())

    async def act(signal: Signal) -> None:
        raise AssertionError

    with Live(SHOP) as live:
        live.record(at("call", 0, outcome="failed"))
        action: Any = act
        assert live.deliver(action).failed == 1


def test_recording_and_advancing_at_once(shared: str) -> None:
    with Live(SHOP, shared) as live:
        live.record_many([at("call", 0, f"c{n}", outcome="failed") for n in range(40)])
    found: list[Signal] = []

    def advance() -> None:
        with Live(SHOP, shared) as live:
            for hours in range(1, 40):
                found.extend(live.advance(T0 + hours * HOUR))

    threads = [threading.Thread(target=advance) for _ in range(3)]
    for thread in threads:
        thread.start()
    with Live(SHOP, shared) as live:
        for n in range(40):
            found.extend(live.record(at("order", 2, f"c{n}")).signals)
    for thread in threads:
        thread.join()
    overdue = [s.customer for s in found if s.kind == "moment overdue"]
    gone = [s.customer for s in found if isinstance(s, Withdrawn)]
    assert len(overdue) - len(gone) == len(set(overdue)) == 40


def test_errors_are_ours(tmp_path: Path) -> None:
    anything: Any = Live
    naive = datetime(2026, 3, 2)
    with Live(SHOP, clock=lambda: naive) as timeless, Live(SHOP) as opened:
        live: Any = opened
        for call in (
            lambda: live.position("ada", naive),
            lambda: live.position("\ud800"),
            lambda: live.position(7),
            lambda: live.forget("\ud800"),
            lambda: live.advance(naive),
            lambda: live.advance("2026"),
            lambda: live.deliver(print, naive),
            lambda: live.record({"customer": "ada"}),
            lambda: anything("shop"),
            lambda: anything(SHOP, tolerance=5),
            lambda: timeless.record(at("order", 0)),
            lambda: Live(SHOP, "sqlite:///"),
            lambda: Live(SHOP, f"sqlite:///{tmp_path}"),
            lambda: Live(SHOP, "sqlite:///a\0b"),
            lambda: Live(SHOP, "postgresql+psycopg://h:abc/x"),
        ):
            with pytest.raises(JourneyMapError):
                call()
        for url in (
            "postgresq://user:p@ss@host/db?password=sekret",
            "postgresql+psycopg://u:pss%40@h:1/d",
        ):
            with pytest.raises(StoreError) as caught:
                SqlStore(url)
            assert "ss@" not in str(caught.value)
            assert "sekret" not in str(caught.value)
        long = JourneyMap("j", touchpoints=[Touchpoint("a"), Touchpoint("b")], key_journeys=[
            jm.KeyJourney("k", "a", "b", within=timedelta(days=3_000_000))])  # fmt: skip
        state, _ = Tracker(long).fold(None, Interaction("ada", "a", T0))
        assert state.key_journeys[0].due is not None
        assert state.timers


def test_bad_texts_of_states(tmp_path: Path) -> None:
    tracker = Tracker(SHOP.add(Moment("busy", Count("call", 2), owner=None, deadline=HOUR)))
    state, _ = tracker.follow(None, [
        at("delivery", 0, product="fibre", value=jm.Money(1, "EUR")),
        at("call", 1, outcome="failed", score=jm.Score("nps", 3)),
    ])  # fmt: skip
    import json

    good = json.loads(tracker.to_json(state))
    assert tracker.from_json(json.dumps(good)) == state
    wrong: list[Any] = [None, "x", 7, [], {}, "2026-03-01T00:00:00", "9999-12-31T23:59:59-10:00",
                        [[1]], {"EUR": "x"}, [["a"]], True]  # fmt: skip

    def spoiled(data: Any, path: tuple[Any, ...]) -> Any:
        for key in data if isinstance(data, dict) else range(len(data)):
            before = data[key]
            for value in wrong:
                data[key] = value
                yield (*path, key)
            data[key] = before
            if isinstance(before, (dict, list)):
                yield from spoiled(before, (*path, key))

    count = 0
    for path in spoiled(good, ()):
        count += 1
        try:
            tracker.from_json(json.dumps(good))
        except StateError:
            pass
        except Exception as error:
            pytest.fail(f"{path}: {error!r}")
    assert count > 300
    for text in ("", "[]", "null", "[" * 100_000):
        with pytest.raises(StateError):
            tracker.from_json(text)


def test_negative_tolerance() -> None:
    with pytest.raises(ElementError, match="a length of time is expected"):
        Live(SHOP, tolerance=-HOUR)
