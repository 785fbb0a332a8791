"""Many callers at once: written together, each durable when it returns, each with its own error."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from journeymap import Interaction, Live, Receipt, StoreError
from journeymap.live import AsyncLive
from journeymap.live.group_commit import GroupCommit
from tests.factories import SHOP, T0
from tests.factories import happened as at


def together(number: int, work: Callable[[int], object]) -> list[BaseException]:
    """Do work in so many threads that begin at once; what they raised."""
    gate, raised = threading.Barrier(number), []

    def run(turn: int) -> None:
        gate.wait()
        try:
            work(turn)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(turn,)) for turn in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return raised


def counted(live: Live, monkeypatch: pytest.MonkeyPatch, pause: float = 0.0) -> list[int]:
    """Count the interactions of each transaction."""
    sizes: list[int] = []
    plain = live._group._write

    def write(given: tuple[Interaction, ...]) -> tuple[Receipt, ...]:
        sizes.append(len(given))
        time.sleep(pause)
        return plain(given)

    monkeypatch.setattr(live._group, "_write", write)
    return sizes


def test_callers_at_once_share_transactions(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Live(SHOP, shared) as live:
        sizes = counted(live, monkeypatch, 0.01)
        receipts: Counter[str] = Counter()

        def work(turn: int) -> None:
            for n in range(10):
                receipt = live.record(at("order", n, f"c{turn}"))
                assert not receipt.duplicate
                assert receipt.customer == f"c{turn}"
                assert len(live.history(f"c{turn}")) == n + 1  # durable when it returns
                receipts[receipt.customer] += 1

        assert together(20, work) == []
        assert set(receipts.values()) == {10}
        assert sum(sizes) == 200
        assert len(sizes) < 100


def test_one_alone_waits_for_nobody(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Live(SHOP, store) as live:
        sizes = counted(live, monkeypatch)
        for n in range(5):
            live.record(at("order", n))
        live.record_many([at("call", n) for n in range(3)])
        assert live.record_many([]) == ()
        assert sizes == [1, 1, 1, 1, 1, 3, 0]


def test_the_same_interaction_from_many(shared: str) -> None:
    with Live(SHOP, shared) as live:
        receipts: list[Receipt] = []
        assert together(12, lambda turn: receipts.append(live.record(at("order", 0)))) == []
        assert sum(not one.duplicate for one in receipts) == 1
        assert len(live.history("ada")) == 1


def test_an_error_is_its_own_caller_s(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Live(SHOP, store) as live:
        plain = live._group._write

        def write(given: tuple[Interaction, ...]) -> tuple[Receipt, ...]:
            time.sleep(0.02)
            if any(one.customer == "bad" for one in given):
                raise StoreError("here", "too much for this store")
            return plain(given)

        monkeypatch.setattr(live._group, "_write", write)
        raised = together(
            8, lambda turn: live.record(at("order", turn, "bad" if turn == 3 else "ada"))
        )
        assert [str(error) for error in raised] == ["here: too much for this store"]
        assert len(live.history("ada")) == 7


def test_who_is_interrupted_leaves_nobody_waiting() -> None:
    calls: list[int] = []

    def write(given: tuple[Any, ...]) -> tuple[Any, ...]:
        calls.append(len(given))
        time.sleep(0.05)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return given

    group = GroupCommit(write)
    raised = together(6, lambda turn: group.record((turn,)))  # type: ignore[arg-type]
    assert [type(error) for error in raised] == [KeyboardInterrupt]
    assert group.record((7,)) == (7,)  # type: ignore[arg-type,comparison-overlap]


def test_tasks_at_once_share_transactions(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        live = AsyncLive(Live(SHOP, shared))
        sizes = counted(live.live, monkeypatch)
        given = [at("order", n, f"c{n}") for n in range(100)]
        receipts = await asyncio.gather(*(live.record(one) for one in given))
        assert [one.customer for one in receipts] == [one.customer for one in given]
        assert len(sizes) <= 4
        slow = asyncio.ensure_future(live.record(at("call", 9, "c1")))
        await asyncio.sleep(0)
        slow.cancel()
        last = asyncio.ensure_future(live.record(at("call", 9, "c2")))
        await asyncio.sleep(0)
        await live.close()
        assert (await last).customer == "c2"
        with Live(SHOP, shared) as other:
            assert len(other.history("c1")) == 2

    asyncio.run(work())


def test_an_error_of_a_task_is_its_own(store: str) -> None:
    async def work() -> None:
        async with AsyncLive(Live(SHOP, store)) as live:
            results = await asyncio.gather(
                live.record(at("order", 1)),
                live.record("no interaction"),  # type: ignore[arg-type]
                live.record(Interaction("ben", "order", T0)),
                return_exceptions=True,
            )
            assert [type(one).__name__ for one in results] == ["Receipt", "ElementError", "Receipt"]

    asyncio.run(work())


def test_long_work_goes_on_beside_recording_and_reading(shared: str) -> None:
    """While time passes for many customers, others are recorded and asked for."""
    entered, go = threading.Event(), threading.Event()

    async def work() -> None:
        live = AsyncLive(Live(SHOP, shared, clock=lambda: T0))
        await live.record(at("order", -1))
        plain = live.live.advance

        def slow(now: Any = None) -> Any:
            entered.set()
            go.wait(30)
            return plain(now)

        live.live.advance = slow  # type: ignore[method-assign]
        advancing = asyncio.ensure_future(live.advance())
        while not entered.is_set():
            await asyncio.sleep(0.01)
        begun = time.monotonic()
        await live.record(at("call", -0.5))
        assert (await live.position("ada")) is not None
        assert time.monotonic() - begun < 10
        go.set()
        await advancing
        await live.close()

    asyncio.run(work())


def test_a_waiter_who_is_interrupted_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As from the handler of a signal, in the main thread, while another one writes."""
    entered, go = threading.Event(), threading.Event()

    def write(given: tuple[Any, ...]) -> tuple[Any, ...]:
        entered.set()
        go.wait(20)
        return given

    group = GroupCommit(write)
    first = threading.Thread(target=lambda: group.record(("a",)))  # type: ignore[arg-type]
    first.start()
    entered.wait(20)

    class Interrupted:
        def acquire(self, timeout: float = -1) -> bool:
            if group._waiting:
                go.set()
                first.join(20)
                raise KeyboardInterrupt
            return True

        def release(self) -> None:
            return

    with monkeypatch.context() as changed:
        changed.setattr("journeymap.live.group_commit.threading", SimpleNamespace(Lock=Interrupted))
        with pytest.raises(KeyboardInterrupt):
            group.record(("b",))  # type: ignore[arg-type]
    assert group.record(("c",)) == ("c",)  # type: ignore[arg-type,comparison-overlap]


def test_an_error_that_passes_is_everyone_s_at_once() -> None:
    calls: list[int] = []

    def write(given: tuple[Any, ...]) -> tuple[Any, ...]:
        calls.append(len(given))
        time.sleep(0.1)
        raise StoreError("here", "the file is locked", passing=True)

    group = GroupCommit(write)
    raised = together(10, lambda turn: group.record((turn,)))  # type: ignore[arg-type]
    assert [type(error) for error in raised] == [StoreError] * 10
    assert len(calls) <= 3


def test_who_records_after_the_end_is_told(store: str) -> None:
    async def work() -> None:
        live = AsyncLive(Live(SHOP, store))
        await live.record(at("order", 1))
        await live.close()
        with pytest.raises(StoreError, match="this store is closed"):
            await asyncio.wait_for(live.record(at("order", 2)), 10)

    asyncio.run(work())


def test_who_waits_for_long_writes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One writes, and waits for what another transaction holds: the others go on."""
    monkeypatch.setattr("journeymap.live.group_commit._PATIENCE", 0.1)
    entered, go = threading.Event(), threading.Event()

    def write(given: tuple[Any, ...]) -> tuple[Any, ...]:
        if "held" in given:
            entered.set()
            go.wait(20)
        return given

    group = GroupCommit(write, concurrent=True)
    first = threading.Thread(target=lambda: group.record(("held",)))  # type: ignore[arg-type]
    first.start()
    entered.wait(20)
    written: list[Any] = []
    together(5, lambda turn: written.append(group.record((turn,))))  # type: ignore[arg-type]
    assert sorted(written) == [(turn,) for turn in range(5)]
    assert first.is_alive()
    go.set()
    first.join(20)
    assert group.record(("later",)) == ("later",)  # type: ignore[arg-type,comparison-overlap]
