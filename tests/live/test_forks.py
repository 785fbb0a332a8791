"""Processes that fork: what is acknowledged there is written, and nothing is shared by accident."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from journeymap import Identity, IdentityRules, Live, Namespace, Record
from journeymap.adapters.store import Transaction
from journeymap.adapters.stores import SqliteStore, SqlStore, forks
from journeymap.live import AsyncLive
from tests.factories import SHOP
from tests.factories import happened as at

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
RULES = IdentityRules([Namespace("user")])


def forked(work: Callable[[], None]) -> int:
    """Do work in a process forked off; its number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        os._exit(1)
    os._exit(0)


def ended(child: int, seconds: float = 60) -> int:
    """Wait for a process, and kill it if it hangs; its exit code."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -9


@pytest.mark.parametrize("parent", ["closes", "goes on", "is in the middle"])
def test_what_a_forked_process_records_is_written(shared: str, parent: str) -> None:
    live = Live(SHOP, shared)
    live.record(at("order", 0, "before"))
    assert live.position("before") is not None  # a reader is open, too
    entered = threading.Event()

    def hold() -> None:
        def work(tx: object) -> None:
            entered.set()
            time.sleep(0.5)

        live.store.run(work)

    holding = threading.Thread(target=hold)
    if parent == "is in the middle":  # a lock is held, a transaction is open
        holding.start()
        entered.wait(30)

    def work() -> None:
        time.sleep(0.3)
        for number in range(100):
            assert live.record(at("order", number, f"c{number}")).position is not None
        assert live.position("before") is not None
        live.close()

    child = forked(work)
    if parent == "closes":
        live.close()
    else:
        live.record(at("order", 1, "after"))
    if holding.ident is not None:
        holding.join()
    assert ended(child) == 0
    if parent != "closes":
        live.record(at("order", 2, "after"))
        live.close()
    with Live(SHOP, shared) as again:
        there = again.store.read(lambda tx: tx.states.list_customers("", 1000))
        assert len(there) == (101 if parent == "closes" else 102)
        assert len(again.history("after")) == (0 if parent == "closes" else 2)


def test_identities_are_learned_in_a_forked_process(shared: str) -> None:
    live = Live(SHOP, shared, identities=RULES)

    def record(name: str, hour: float) -> Record:
        happened = at("order", hour, name)
        return Record([Identity("user", name)], happened.at, "shop", interaction=happened)

    live.take([record("ada", 0)])

    def work() -> None:
        live.take([record("ben", 1), record("ada", 2)])

    holding = live._resolution
    assert holding is not None
    with holding._turn:  # as another thread might
        child = forked(work)
        assert ended(child) == 0
    live.take([record("cyd", 3)])
    identities = live.identities
    assert identities is not None
    assert len(identities) == 3
    ada = identities.customer(Identity("user", "ada"))
    assert ada is not None
    assert len(live.history(ada)) == 2
    live.close()


def test_awaited_calls_work_in_a_forked_process(shared: str) -> None:
    closed = Live(SHOP, shared)
    closed.close()
    live = AsyncLive(Live(SHOP, shared))

    async def one(name: str) -> None:
        await asyncio.wait_for(live.record(at("order", 0, name)), 20)

    async def end() -> None:
        await live.close()

    asyncio.run(one("before"))
    child = forked(lambda: asyncio.run(one("child")))
    assert ended(child) == 0
    asyncio.run(one("after"))
    there = live.store.read(lambda tx: tx.states.list_customers("", 10))
    assert sorted(there) == ["after", "before", "child"]
    asyncio.run(end())


def test_memory_is_each_process_s_own(tmp_path: Path) -> None:
    with Live(SHOP) as live:
        child = forked(lambda: print(live.record_many([at("order", n) for n in range(5)])))
        assert ended(child) == 0
        assert live.position("ada") is None


def test_readers_do_not_wait_for_a_writer(shared: str) -> None:
    """While a long transaction goes on in one thread, another one reads what was written before."""
    with Live(SHOP, shared) as live:
        live.record(at("order", 0))
        entered, go = threading.Event(), threading.Event()

        def work(tx: object) -> None:
            entered.set()
            go.wait(30)

        writing = threading.Thread(target=lambda: live.store.run(work))
        writing.start()
        entered.wait(30)
        try:
            begun = time.monotonic()
            assert live.position("ada") is not None
            assert len(live.history("ada")) == 1
            assert time.monotonic() - begun < 5
            assert not go.is_set()
        finally:
            go.set()
            writing.join()


def test_a_fork_waits_for_who_writes_by_sqlalchemy(tmp_path: Path) -> None:
    """A store of SQLAlchemy's on SQLite, in which another thread is writing when it forks."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.db")
    inside = threading.Event()

    def slow(tx: Transaction) -> None:
        tx.meta.set("slow", "yes")
        inside.set()
        time.sleep(0.4)

    def record(name: str) -> None:
        for number in range(20):
            live.record(at("order", number, name))

    with Live(SHOP, store) as live:
        live.record(at("order", 0, "before"))
        thread = threading.Thread(target=store.run, args=(slow,))
        thread.start()
        inside.wait(10)
        children = [forked(lambda n=n: record(f"child {n}")) for n in range(3)]  # type: ignore[misc]
        thread.join(10)
        record("parent")
        assert [ended(child) for child in children] == [0, 0, 0]
        names = ["parent", *(f"child {n}" for n in range(3))]
        assert [len(live.history(name)) for name in names] == [20] * 4
    store.close()


@pytest.mark.parametrize("kind", [SqliteStore, SqlStore])
def test_a_fork_waits_once_for_all_who_are_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[SqliteStore | SqlStore]
) -> None:
    """However many threads are within SQLite, a fork waits as long as for one of them."""
    monkeypatch.setattr(forks, "PATIENCE", 0.5)
    path = f"{tmp_path}/a.db"
    store = SqliteStore(path) if kind is SqliteStore else SqlStore(f"sqlite:///{path}")
    inside, go = threading.Barrier(6), threading.Event()

    def busy(tx: Transaction) -> None:
        inside.wait(20)
        go.wait(20)

    threads = [threading.Thread(target=store.read, args=(busy,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    inside.wait(20)
    begin = time.monotonic()
    child = forked(lambda: None)
    waited = time.monotonic() - begin
    go.set()
    for thread in threads:
        thread.join()
    assert ended(child) == 0
    assert 0.5 <= waited < 1.5
    store.close()
