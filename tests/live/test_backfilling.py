"""A store that was filled from a log is as if everything had been recorded."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from journeymap import AsyncLive, Live, StateError
from journeymap.analysis import Log
from journeymap.engines import ParquetLog
from journeymap.live import Backfilled, backfilling
from journeymap.simulation import broadband, broadband_customers
from journeymap.tracking import State, Tracker
from tests.factories import DAY, HOUR, MAP, T0, at

JOURNEY = broadband()
PAST = sorted(broadband_customers(60), key=lambda one: one.at)
END = PAST[-1].at
LATER = END + timedelta(days=90)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "_BATCH", 7)


def stated(live: Live, names: list[str]) -> dict[str, State | None]:
    """The states at the end of the log; those without a timer keep the time of their last."""
    tracker = Tracker(JOURNEY, timedelta(minutes=15), remember=32)
    return {
        name: None if (state := live.state(name)) is None else tracker.advance(state, END)[0]
        for name in names
    }


def test_what_is_taken_in_is_as_if_recorded(store: str) -> None:
    log = Log.from_interactions(PAST, map=JOURNEY)
    past = [one for history in log.histories() for one in history]
    names = log.customer_ids.to_list()
    now = [END]
    with (
        Live(JOURNEY, store, clock=lambda: now[0]) as live,
        Live(JOURNEY, "memory", clock=lambda: now[0]) as other,
    ):
        done = live.backfill(log)
        assert (done.customers, done.interactions, done.left) == (len(names), len(past), 0)
        other.record_many(sorted(past, key=lambda one: one.at))
        other.advance()
        assert stated(live, names) == stated(other, names)
        assert all(live.history(name) == other.history(name) for name in names)
        sent: list[object] = []
        live.deliver(sent.append)
        assert sent == []  # nothing of the past is handed out
        other.deliver(lambda signal: None)
        now[0] = LATER
        fresh = [evolve(one, at=END + n * HOUR, id=f"new {n}") for n, one in enumerate(past[:90])]
        told = [each.record_many(fresh) for each in (live, other)]
        assert [one.signals for one in told[0]] == [one.signals for one in told[1]]
        due = [sorted(each.advance(), key=lambda one: one.key) for each in (live, other)]
        assert due[0] == due[1]
        assert len(due[0]) > 30
        again = live.backfill(log)
        assert (again.customers, again.known) == (0, len(names))
    with Live(JOURNEY, store, clock=lambda: now[0]) as live:
        assert live.rebuild().moved == 0


def test_work_that_was_interrupted_goes_on(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.from_interactions(PAST, map=JOURNEY)

    def stop(done: int) -> None:
        if done >= 14:
            raise KeyboardInterrupt

    with Live(JOURNEY, store, clock=lambda: END) as live:
        with pytest.raises(KeyboardInterrupt):
            live.backfill(log, stop)
        assert live.stats().customers == 14
        done = live.backfill(log)
        assert (done.customers, done.known) == (log.customers - 14, 14)
        assert live.stats().interactions == log.interactions


def test_who_cannot_be_taken_in_is_named(store: str) -> None:
    """Known, forgotten, or with an interaction that is set aside."""
    given = [
        evolve(at("a", n), customer=name) for name in ("ada", "ben", "cyd", "dan") for n in range(3)
    ]
    given.append(evolve(at("b", 90 * 24), customer="cyd"))
    log = Log.from_interactions(given, map=MAP)
    with Live(MAP, store, clock=lambda: T0 + 5 * DAY) as live:
        live.record(at("a", 0))
        live.record(evolve(at("a", 0), customer="ben"))
        live.forget("ben")
        done = live.backfill(log)
        assert (done.customers, done.interactions, done.known, done.left) == (1, 3, 1, 2)
        assert [name for name, _ in done.examples] == ["ben", "cyd"]
        assert "forgotten" in done.examples[0][1]
        assert "future" in done.examples[1][1]
        assert len(live.history("ada")) == 1
        assert live.state("ben") is live.state("cyd") is None


def test_other_maps_are_refused(store: str) -> None:
    with Live(MAP, store, clock=lambda: T0 + DAY) as live:
        with pytest.raises(StateError, match="another"):
            live.backfill(Log.from_interactions([at("a", 0)], map=JOURNEY))
        with pytest.raises(StateError, match="map="):
            live.backfill(Log.from_interactions([at("a", 0)]))
        assert live.stats().customers == 0


def test_a_large_log_beside_other_work(tmp_path: Path) -> None:
    log = Log.from_interactions(PAST, map=JOURNEY)
    log.to_polars().write_parquet(tmp_path / "log.parquet")
    large = ParquetLog.read(tmp_path / "log.parquet", map=JOURNEY)

    async def fill() -> Backfilled:
        async with AsyncLive(Live(JOURNEY, "memory", clock=lambda: LATER)) as live:
            return await live.backfill(large)

    done = asyncio.run(fill())
    assert (done.customers, done.interactions) == (log.customers, log.interactions)
