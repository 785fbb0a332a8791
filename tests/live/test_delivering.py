"""Actions under the conditions of production: slow, failing, many at once, stopped half-way."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Between, ElementError, Live, Moment, MomentReached, Signal
from journeymap.live import AsyncLive, Handler, delivering
from journeymap.model.instants import EPOCH
from journeymap.tracking import codec
from tests.factories import DAY, HOUR, SHOP, T0
from tests.factories import happened as at

SECOND = timedelta(seconds=1)


def failed(live: Live, number: int, customer: str | None = None) -> None:
    """Let so many letters wait: of one customer each, or all of one."""
    live.record_many(
        [at("call", n / 100, customer or f"c{n:05}", outcome="failed") for n in range(number)]
    )


def waiting(live: Live) -> list[Any]:
    return live.store.read(lambda tx: tx.outbox.select(status="waiting"))


@pytest.mark.parametrize("parallel", [1, 3])
def test_every_letter_has_a_lease_of_its_own(
    shared: str, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    """A drain that takes much longer than a lease: no letter goes to two workers."""
    monkeypatch.setattr(delivering, "LEASE", timedelta(seconds=0.6))
    calls: Counter[str] = Counter()

    def slow(signal: Signal) -> None:
        time.sleep(0.15)
        calls[signal.id] += 1

    with Live(SHOP, shared) as one, Live(SHOP, shared) as other:
        failed(one, 12)
        done = []
        work = [
            threading.Thread(
                target=lambda live=live: done.append(live.deliver(slow, parallel=parallel))
            )
            for live in (one, other)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert set(calls.values()) == {1}
        assert sum(one.done for one in done) == len(calls) == 12


def test_a_lease_is_renewed_while_an_action_works(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LEASE", timedelta(seconds=0.6))
    calls: list[str] = []
    entered = threading.Event()

    def slow(signal: Signal) -> None:
        calls.append(signal.id)
        entered.set()
        time.sleep(2)

    with Live(SHOP, shared) as one, Live(SHOP, shared) as other:
        failed(one, 1)
        results = []
        working = threading.Thread(target=lambda: results.append(one.deliver(slow)))
        working.start()
        entered.wait(20)
        while working.is_alive():
            assert other.deliver(slow).done == 0
            time.sleep(0.1)
        working.join()
        assert (results[0].done, len(calls)) == (1, 1)


def test_pauses_begin_with_the_answer(store: str) -> None:
    now = [T0 + DAY]

    def times_out(signal: Signal) -> None:
        now[0] += 60 * SECOND
        raise TimeoutError("no answer")

    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 1)
        assert live.deliver(times_out).failed == 1
        assert live.deliver(times_out).failed == 0
        now[0] += 9 * SECOND
        assert live.deliver(times_out).failed == 0
        now[0] += SECOND
        assert live.deliver(times_out).failed == 1


class Strange(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("a \x00 b"), "ValueError: a \\x00 b"),
        (ValueError("a \udc80 b"), "ValueError: a \\udc80 b"),
        (ValueError("é" * 5000), "ValueError: " + "é" * 988),
        (Strange(), "Strange"),
    ],
)
def test_no_reason_stops_delivery(store: str, error: BaseException, reason: str) -> None:
    def raises(signal: Signal) -> None:
        if signal.customer == "c00000":
            raise error

    with Live(SHOP, store) as live:
        failed(live, 3)
        done = live.deliver(raises)
        assert (done.done, done.failed) == (2, 1)
        assert [one.reason for one in waiting(live)] == [reason]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_process_that_is_to_end_ends(store: str, error: type[BaseException]) -> None:
    """As from the handler of SIGTERM: what is in hand is free when its lease ends."""

    def ends(signal: Signal) -> None:
        raise error

    now = [T0 + DAY]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 1)
        with pytest.raises(error):
            live.deliver({"failed": ends})
        assert live.deliver({"failed": print}).done == 0
        now[0] += delivering.LEASE
        assert live.deliver({"failed": print}).done == 1


@pytest.mark.parametrize("result", [b"\x00", object(), ["x"], iter(())])
def test_nothing_returned_stops_delivery(store: str, result: object) -> None:
    with Live(SHOP, store) as live:
        failed(live, 1)
        assert live.deliver(lambda signal: result).done == 1


def test_retries_are_the_handler_s_own(store: str) -> None:
    now = [T0 + DAY]

    def down(signal: Signal) -> None:
        raise ConnectionError("down")

    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 1)
        patient = Handler(
            down, attempts=100, first_pause=SECOND, longest_pause=HOUR, total=6 * HOUR,
            break_after=None,
        )  # fmt: skip
        tries = []
        while not live.dead_letters():
            done = live.deliver({"failed": patient})
            if done.failed or done.dead:
                tries.append(now[0])
            due = min((one.next for one in waiting(live)), default=0)
            now[0] = max(now[0], EPOCH + timedelta(microseconds=due))
        pauses = [(b - a) // SECOND for a, b in pairwise(tries)]
        assert pauses == [1, 3, 9, 27, 81, 243, 729, 2187, *[3600] * 5]
        [dead] = live.dead_letters()
        assert dead.attempts == len(tries) == 14
        assert dead.first == T0 + DAY
        assert dead.last - dead.first <= 6 * HOUR
        assert isinstance(dead.signal, MomentReached)
        assert live.requeue() == 1
        assert live.deliver({"failed": print}).done == 1


def test_a_receiver_that_is_down_is_spared(store: str) -> None:
    now, up = [T0 + DAY], [False]
    calls: list[datetime] = []

    def webhook(signal: Signal) -> None:
        calls.append(now[0])
        if not up[0]:
            raise ConnectionError("down")

    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 40)
        handler = Handler(
            webhook, attempts=1000, first_pause=SECOND, longest_pause=10 * 60 * SECOND
        )
        done = live.deliver({"failed": handler, "unused": print})
        assert (done.failed, done.broken, len(calls)) == (5, ("failed",), 5)
        for _ in range(3 * 60 * 60 // 5):  # three hours, looked after every five seconds
            now[0] += 5 * SECOND
            live.deliver({"failed": handler, "unused": print})
        assert len(calls) < 40  # and not forty times that
        up[0] = True
        now[0] += 10 * 60 * SECOND
        done = live.deliver({"failed": handler})
        assert done.broken == ()
        now[0] += 10 * 60 * SECOND
        live.deliver({"failed": handler})
        assert waiting(live) == []


def test_the_others_go_on_while_one_is_down(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0 + 9 * DAY) as live:
        failed(live, 8)
        live.record(at("delivery", 0, "x"))
        live.advance()
        calls: list[str] = []

        def down(signal: Signal) -> None:
            raise ConnectionError

        done = live.deliver({"failed": down, "unused": lambda s: calls.append(s.customer)})
        assert calls == ["x"]
        assert done.failed == 5


def test_order_is_kept_where_it_is_asked(shared: str) -> None:
    now = [T0 + DAY]
    calls: list[tuple[str, datetime]] = []
    bad = [True]

    def letters(signal: Signal) -> None:
        calls.append((signal.customer, signal.at))
        if signal.customer == "ada" and bad[0]:
            raise ConnectionError

    handler = Handler(letters, in_order=True)
    with Live(SHOP, shared, clock=lambda: now[0]) as live:
        failed(live, 3, "ada")
        failed(live, 2, "ben")
        first = live.deliver({"failed": handler}, parallel=3)
        assert (first.done, first.failed) == (2, 1)
        assert Counter(name for name, _ in calls) == {"ben": 2, "ada": 1}
        bad[0] = False
        assert live.deliver({"failed": handler}).done == 0  # its pause is not over
        now[0] += 10 * SECOND
        assert live.deliver({"failed": handler}, parallel=3).done == 3
        for name in ("ada", "ben"):
            mine = [when for who, when in calls if who == name]
            assert mine == sorted(mine)


def test_letters_without_an_action_are_not_read_again(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Live(SHOP, store, clock=lambda: T0 + 9 * DAY) as live:
        failed(live, 300)
        live.record(at("delivery", 0, "x"))
        live.advance()
        read: list[str] = []
        plain = codec.read_signal

        def counted(text: str) -> Signal:
            read.append(text)
            return plain(text)

        monkeypatch.setattr(delivering, "read_signal", counted)
        done = live.deliver({"unused": lambda signal: None})
        assert (done.done, done.unclaimed) == (1, 600)  # each is overdue, too
        assert len(read) <= 2


def test_many_at_once(shared: str) -> None:
    together = threading.Barrier(5, timeout=20)

    def meets(signal: Signal) -> None:
        together.wait()

    with Live(SHOP, shared) as live:
        failed(live, 10)
        assert live.deliver(meets, parallel=5).done == 10
        with pytest.raises(ElementError, match="parallel"):
            live.deliver(meets, parallel=0)


def test_an_error_of_the_store_ends_all_hands(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Live(SHOP, shared) as live:
        failed(live, 6)

        def dies(signal: Signal) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            live.deliver(dies, parallel=3)


def test_an_action_that_takes_too_long_has_failed(store: str) -> None:
    def hangs(signal: Signal) -> None:
        time.sleep(5 if signal.customer == "c00000" else 0)

    with Live(SHOP, store) as live:
        failed(live, 2)
        begun = time.monotonic()
        done = live.deliver(Handler(hangs, timeout=timedelta(seconds=0.2)))
        assert time.monotonic() - begun < 4
        assert (done.done, done.failed) == (1, 1)
        assert [one.reason for one in waiting(live)] == ["TimeoutError: it took longer than 0.2 s"]


def test_letters_that_were_taken_are_pruned(store: str) -> None:
    now = [T0 + DAY]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 3)

        def one_of_them(signal: Signal) -> None:
            if signal.customer == "c00000":
                raise ConnectionError

        live.deliver({"failed": Handler(one_of_them, attempts=1)})
        assert live.prune(now[0]) == 0
        assert live.prune(now[0] + SECOND) == 2
        assert len(live.dead_letters()) == 1
        assert live.prune(now[0] + DAY) == 0


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"timeout": timedelta(0)}, {"break_after": 1.5}, {"in_order": 1}]
)
def test_handlers_check_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ElementError):
        Handler(print, **wrong)
    with pytest.raises(ElementError, match="callable"):
        Handler("print")  # type: ignore[arg-type]
    with Live(SHOP) as live, pytest.raises(ElementError, match="text of its action"):
        live.deliver({5: print})  # type: ignore[dict-item]
    with Live(SHOP) as live, pytest.raises(ElementError, match="callable"):
        live.deliver({"failed": "print"})  # type: ignore[dict-item]


# -- in an event loop


def test_awaited_actions_run_side_by_side(shared: str) -> None:
    running, most = [0], [0]

    async def webhook(signal: Signal) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.1)
        running[0] -= 1

    async def work() -> None:
        async with AsyncLive(Live(SHOP, shared)) as live:
            failed(live.live, 20)
            done = await live.deliver(webhook, parallel=10)
            assert done.done == 20

    asyncio.run(work())
    assert most[0] >= 5


def test_any_awaitable_is_awaited(store: str) -> None:
    class Later:
        def __await__(self) -> Any:
            return asyncio.sleep(0, "done").__await__()

    async def work() -> None:
        async with AsyncLive(Live(SHOP, store)) as live:
            failed(live.live, 3)
            loop = asyncio.get_running_loop()

            def act(signal: Signal) -> Awaitable[Any]:
                if signal.customer == "c00000":
                    return Later()
                if signal.customer == "c00001":
                    return asyncio.sleep(0)
                future = loop.create_future()
                loop.call_soon_threadsafe(future.set_result, None)
                return future

            assert (await live.deliver(act)).done == 3

    asyncio.run(work())


def test_context_variables_are_passed_on(store: str) -> None:
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")
    seen: list[str] = []

    async def later(signal: Signal) -> None:
        seen.append(tenant.get())

    async def work() -> None:
        async with AsyncLive(Live(SHOP, store)) as live:
            failed(live.live, 4)
            tenant.set("acme")
            await live.deliver({"failed": later}, parallel=2)
            failed(live.live, 5)
            await live.deliver(lambda signal: seen.append(tenant.get()), parallel=2)

    asyncio.run(work())
    assert set(seen) == {"acme"}
    assert len(seen) == 5


@pytest.mark.parametrize("how", ["close", "cancel", "time-out"])
def test_it_ends_while_an_action_runs(shared: str, how: str) -> None:
    cancelled: list[str] = []

    async def forever(signal: Signal) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(signal.id)
            raise

    async def work() -> None:
        live = AsyncLive(Live(SHOP, shared), patience=timedelta(seconds=0.3))
        failed(live.live, 3)
        task = asyncio.ensure_future(live.deliver(forever, parallel=2))
        while len([one for one in waiting(live.live) if one.reason]) < 2:
            await asyncio.sleep(0.02)
        if how == "cancel":
            task.cancel()
        if how == "time-out":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(task, 0.1)
        await live.close()
        if how == "close":
            assert (await task).done == 0

    begun = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - begun < 10
    assert len(cancelled) == 2
    with Live(SHOP, shared) as live:  # what was in hand is free at once
        assert [one.reason for one in waiting(live)] == [""] * 3
        assert live.deliver(lambda signal: None).done == 3


def test_closing_waits_for_what_is_almost_done(shared: str) -> None:
    async def soon(signal: Signal) -> None:
        await asyncio.sleep(0.3)

    async def work() -> None:
        live = AsyncLive(Live(SHOP, shared))
        failed(live.live, 3)
        task = asyncio.ensure_future(live.deliver(soon))
        await asyncio.sleep(0.1)
        await live.close()
        assert (await task).done == 1

    asyncio.run(work())
    with Live(SHOP, shared) as live:
        assert len(waiting(live)) == 2


def test_a_blocking_action_does_not_hold_up_the_end(shared: str) -> None:
    go = threading.Event()

    async def work() -> None:
        live = AsyncLive(Live(SHOP, shared), patience=timedelta(seconds=0.2))
        failed(live.live, 1)
        task = asyncio.ensure_future(live.deliver(lambda signal: go.wait(30)))
        await asyncio.sleep(0.2)
        await live.close()
        task.cancel()

    begun = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - begun < 10
    go.set()


def test_an_awaited_action_has_a_time_out(store: str) -> None:
    async def slow(signal: Signal) -> None:
        await asyncio.sleep(30)

    async def work() -> None:
        async with AsyncLive(Live(SHOP, store)) as live:
            failed(live.live, 1)
            done = await live.deliver(Handler(slow, timeout=timedelta(seconds=0.2)))
            assert done.failed == 1
            assert await live.dead_letters() == ()
            assert await live.requeue() == 0
            assert await live.prune(T0) == 0

    begun = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - begun < 10


@settings(max_examples=150)
@given(st.lists(st.sampled_from(["true", "false", "deliver", "fail", "requeue"]), max_size=14))
def test_a_receiver_ends_with_what_is_true(steps: list[str]) -> None:
    """A signal comes and goes, and letters go out in between: what was told holds, or is withdrawn.

    A receiver that fails may have acted, or not.
    """
    held, told, surely = False, Counter[str](), True

    def take(signal: Any) -> None:
        told[signal.kind] += 1

    def fail(signal: Any) -> None:
        nonlocal surely
        told[signal.kind] += 1
        surely = False
        raise ValueError("it acted, and then something was wrong")

    with Live(SHOP, clock=lambda: T0 + 9 * DAY) as live:
        live.record(at("delivery", 0))
        live.advance()
        for number, step in enumerate([*steps, "deliver", "requeue", "deliver"]):
            if step == "false" and not held:
                live.record(at("first_use", 1, id=f"{number}"))
                held, key = True, f"{number}"
            elif step == "true" and held:
                live.retract("web", key)
                held = False
            elif step == "deliver":
                live.deliver(take)
            elif step == "fail":
                live.deliver(Handler(fail, attempts=1, break_after=None))
            elif step == "requeue":
                live.requeue()
        if surely:  # nothing is told twice, and the last word is true
            balance = told["moment reached"] - told["withdrawn"]
            assert balance == (0 if held else 1)
        elif held:  # told at least once, and withdrawn after it
            assert not told["moment reached"] or told["withdrawn"]
        assert live.stats().waiting == 0


def test_one_letter_is_let_wait_again() -> None:
    def fail(signal: Any) -> None:
        raise ValueError("no")

    with Live(SHOP, clock=lambda: T0) as live:
        failed(live, 2)
        live.deliver(Handler(fail, attempts=1, break_after=None))
        one, other = live.dead_letters()
        assert live.requeue(one.id) == 1
        assert live.requeue(other) == 1
        assert live.dead_letters() == ()


BOTH = SHOP.add(Moment("angry", Between("emotion", at_most=-0.5), action="Say sorry"))


@pytest.mark.parametrize("parallel", [1, 4])
def test_order_is_kept_within_one_interaction(store: str, parallel: int) -> None:
    """Two moments of one call, of which the first waits for its retry: the second waits, too."""
    now = [T0 + DAY]
    taken: list[str] = []

    def once_down(signal: Signal) -> None:
        assert isinstance(signal, MomentReached)
        taken.append(signal.moment)
        if len(taken) == 1:
            raise OSError("down")

    handler = Handler(once_down, in_order=True)
    with Live(BOTH, store, clock=lambda: now[0]) as live:
        live.record(at("call", 1, outcome="failed", emotion=-1))
        assert len(waiting(live)) == 2
        assert live.deliver(handler, parallel=parallel).failed == 1
        assert len(taken) == 1
        now[0] += DAY
        assert live.deliver(handler, parallel=parallel).done == 2
        assert taken == [taken[0], taken[0], taken[2]]


def test_letters_behind_one_that_waits_are_read_once(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(text: str) -> Signal:
        read.append(text)
        return codec.read_signal(text)

    def down(_: Signal) -> None:
        raise OSError("down")

    with Live(SHOP, store, clock=lambda: T0 + DAY) as live:
        failed(live, 60, "ada")
        failed(live, 5)
        monkeypatch.setattr(delivering, "read_signal", counted)
        assert live.deliver(Handler(down, in_order=True, break_after=None)).failed == 6
        assert len(read) < 4 * 65


def test_calls_under_way_as_an_action_breaks_count_as_one(store: str) -> None:
    """The action is spared for a minute, not for all that failed beside one another."""
    together = threading.Barrier(20)
    now = [T0 + DAY]

    def down(_: Signal) -> None:
        together.wait()
        raise OSError("down")

    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 20)
        assert live.deliver(down, parallel=20).failed == 20
        now[0] += timedelta(minutes=2)
        assert live.deliver(lambda signal: None).done == 20


def test_who_waits_longest_is_known_through_retries(store: str) -> None:
    now = [T0 + 10 * DAY]

    def down(_: Signal) -> None:
        raise OSError("down")

    with Live(SHOP, store, clock=lambda: now[0]) as live:
        failed(live, 1)
        since = live.stats().oldest
        assert since is not None
        for _ in range(3):
            live.deliver(down)
            assert live.stats().oldest == since
            now[0] += HOUR
