"""The scorecard of a live store: a moving window, and signals of what is missed and met again."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    AsyncLive,
    At,
    ElementError,
    Frequency,
    Interaction,
    Live,
    Metric,
    MetricMetAgain,
    MetricMissed,
    Of,
    ShareOf,
)
from journeymap.analysis import Log, Scorecard
from journeymap.testing import interactions
from journeymap.tracking.codec import read_signal, signal_text
from tests.analysis.test_scorecard import MEASURED
from tests.factories import DAY, HOUR, SHOP, T0, arrived, happened

FAILED = Metric("failures", Of("touchpoint", "call"), target=0.5, direction="down",
                measure=ShareOf(At("outcome", ["failed"])), departments=[])  # fmt: skip
CALLS = Metric("calls", Of("touchpoint", "call"), measure=Frequency(per="day"), target=10)
WATCHED = SHOP.add(FAILED, CALLS)


class Clock:
    now = T0 + DAY

    def __call__(self) -> datetime:
        return self.now


def calls(day: int, failed: int, fine: int) -> list[Interaction]:
    outcomes = ["failed"] * failed + ["succeeded"] * fine
    return [happened("call", 24 * day + n / 100, outcome=one) for n, one in enumerate(outcomes)]


def card(live: Live, now: datetime) -> Any:
    log = Log.from_store(live.store, map=live.map)
    return log.ask(Scorecard(last="1 day", as_of=now))


def test_what_is_missed_is_emitted_once_and_so_is_what_is_met_again(store: str) -> None:
    clock = Clock()
    taken: list[Any] = []
    with Live(WATCHED, store, clock=clock) as live:
        live.record_many(calls(0, 40, 2))
        [missed] = live.check_metrics(card(live, clock.now))
        assert isinstance(missed, MetricMissed)
        assert (missed.metric, missed.of, missed.n, missed.at) == (
            "failures", "touchpoint call", 42, clock.now)  # fmt: skip
        assert str(missed) == "metric 'failures' is missed: 0.9524, target 0.5 (n 42)"
        assert live.check_metrics(card(live, clock.now)) == ()
        live.deliver({"metric missed": taken.append})
        assert taken == [missed]

        clock.now += DAY
        live.record_many(calls(1, 5, 6))  # not sure: neither missed nor met
        assert card(live, clock.now)[0].verdict == "not sure"
        assert live.check_metrics(card(live, clock.now)) == ()
        clock.now += DAY
        live.record_many(calls(2, 1, 40))
        [met] = live.check_metrics(card(live, clock.now))
        assert isinstance(met, MetricMetAgain)
        assert (met.metric, met.missed) == ("failures", missed.at)
        assert live.check_metrics(card(live, clock.now)) == ()
        live.deliver({"metric met again": taken.append})
        assert taken == [missed, met]
        assert [read_signal(signal_text(one)) for one in taken] == taken
        row = card(live, clock.now)[0]
        assert (row.before, row.complete) == (5 / 11, True)
        assert card(live, T0 + DAY)[0].before is None  # there is no day before the first


def test_a_count_close_to_its_target_gives_no_signal_after_signal() -> None:
    clock = Clock()
    with Live(WATCHED, clock=clock) as live:
        live.record(happened("order", 0))
        found = []
        for day, count in enumerate([9, 10, 9, 10, 11]):
            clock.now = T0 + (day + 1) * DAY
            live.record_many(calls(day, 0, count))
            signals = live.check_metrics(card(live, clock.now), margin=0.1)
            found += [(day, one.kind) for one in signals if one.metric == "calls"]  # type: ignore[attr-defined]
        assert found == [(0, "metric missed"), (4, "metric met again")]


def test_several_who_check_at_once_emit_it_once(shared: str) -> None:
    with Live(WATCHED, shared, clock=Clock()) as first:
        first.record_many(calls(0, 40, 2))
        readings = card(first, Clock.now)
        found: list[Any] = []

        def check() -> None:
            with Live(WATCHED, shared, clock=Clock()) as live:
                found.extend(live.check_metrics(readings))

        threads = [threading.Thread(target=check) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 1
        assert first.stats().waiting == 40 + 1  # forty moments


def test_it_is_awaited_too() -> None:
    async def check() -> int:
        async with AsyncLive(Live(WATCHED, clock=Clock())) as live:
            await live.record_many(calls(0, 40, 2))
            return len(await live.check_metrics(card(live.live, Clock.now)))

    assert asyncio.run(check()) == 1


def test_of_several_periods_the_last_complete_one_counts() -> None:
    with Live(WATCHED, clock=Clock()) as live:
        live.record_many([*calls(0, 40, 2), *calls(1, 0, 1)])
        log = Log.from_store(live.store, map=live.map)
        [signal] = live.check_metrics(log.ask(Scorecard("day", metric="failures")))
        assert signal.n == 42  # type: ignore[attr-defined]


def test_what_is_no_scorecard_is_refused() -> None:
    with Live(WATCHED) as live:
        with pytest.raises(ElementError, match="rows of a scorecard"):
            live.check_metrics([5])  # type: ignore[list-item]
        for margin in (-0.1, 1, True, "5 %"):
            with pytest.raises(ElementError, match="share of the target"):
                live.check_metrics([], margin=margin)  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="not both"):
        Scorecard("day", last="1 day")
    with pytest.raises(ElementError, match="moving window"):
        Scorecard(as_of="2026-03-01")
    with pytest.raises(ElementError, match="above zero"):
        Scorecard(last=timedelta(0))


many = st.lists(st.tuples(interactions(customers=("ada", "ben", "cyd")), st.integers(0, 1)),
                min_size=1, max_size=30)  # fmt: skip


@settings(max_examples=60)
@given(many, st.randoms(use_true_random=False))
def test_a_live_store_measures_what_the_log_measures(
    drawn: list[tuple[Interaction, int]], dice: Any
) -> None:
    sent = arrived(drawn, dice)
    first = {one.id: one for one in reversed(sent)}  # sent again, it is a duplicate
    log = Log.from_interactions([one for one in sent if one is first[one.id]], map=MEASURED)
    end = max(one.at for one in sent)
    with Live(MEASURED, clock=lambda: end + HOUR) as live:
        live.record_many(sent)
        stored = Log.from_store(live.store, map=MEASURED)
        for question in (Scorecard(), Scorecard(last="100 h"), Scorecard(last="2 days", as_of=end)):
            assert stored.ask(question) == log.ask(question)


@settings(max_examples=100)
@given(st.lists(interactions(), min_size=1, max_size=40))
def test_a_window_of_a_day_is_that_day(sent: list[Interaction]) -> None:
    log = Log.from_interactions(sent, map=MEASURED)
    days = [row for row in log.ask(Scorecard("day")) if row.complete]
    for row in days[-3:]:
        day = datetime.fromisoformat(f"{row.period}T00:00+00:00")
        asked = Scorecard(last="1 day", as_of=day + DAY, metric=row.metric)
        [window] = log.ask(asked)
        facts = [(one.value, one.n, one.low, one.high) for one in (row, window)]
        assert facts[0] == facts[1]
        if window.complete:
            assert window.verdict == row.verdict
        assert window.period == f"{row.period}T00:00+00:00"


def test_of_what_nothing_is_known_nothing_is_missed() -> None:
    clock = Clock()
    with Live(WATCHED, clock=clock) as live:
        assert live.check_metrics(card(live, clock.now)) == ()
        live.record_many(calls(0, 0, 3))
        later = T0 + 90 * DAY
        rows = Log.from_store(live.store, map=WATCHED).ask(Scorecard(last="30 days", as_of=later))
        assert [(row.complete, row.verdict) for row in rows] == [(False, None)] * 2
        assert live.check_metrics(rows) == ()
        young = Log.from_store(live.store, map=WATCHED).ask(Scorecard(last="30 days"))
        assert [row.complete for row in young] == [False, False]
        live.record_many([happened("call", 1 + n / 100, outcome="failed") for n in range(90)])
        [signal] = live.check_metrics(
            Log.from_store(live.store, map=WATCHED).ask(Scorecard(last="30 days"))
        )
        assert signal.kind == "metric missed"  # a share is known of a store that is young
