"""`Live` and `AsyncLive` side by side: the same calls, and a store that is closed."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from journeymap import (
    AsyncLive,
    ElementError,
    IdentityRules,
    JourneyMap,
    Live,
    Namespace,
    StoreError,
    UnknownName,
)
from journeymap.adapters.store import Store
from journeymap.adapters.stores import SqliteStore, SqlStore
from journeymap.analysis import Columns, Log
from journeymap.live import open_store
from tests.factories import DAY, SHOP, T0, happened


def offered(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_async_live_offers_all_that_live_does() -> None:
    assert offered(Live) <= offered(AsyncLive)


@pytest.mark.parametrize("name", sorted(offered(Live) - {"map", "store", "identities"}))
def test_a_call_takes_the_same_arguments(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (Live, AsyncLive))
    assert list(ours.parameters) == list(theirs.parameters)
    for parameter in ours.parameters.values():
        other = theirs.parameters[parameter.name]
        assert (parameter.kind, parameter.default) == (other.kind, other.default)


def let_go(hold: Callable[[], object], patience: float = 0) -> list[str]:
    """What is warned of when something is made and let go of."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        held = hold()
        del held
        gc.collect()
        until = time.monotonic() + patience
        while not caught and time.monotonic() < until:  # a thread lets go when it ends
            time.sleep(0.05)
            gc.collect()
    return [f"{one.category.__name__}: {one.message}" for one in caught]


def test_a_live_that_nobody_closed_warns_once(store: str) -> None:
    [warning] = let_go(lambda: Live(SHOP, store))
    assert warning.startswith("ResourceWarning: the store ")
    assert warning.endswith("was not closed: use it in a `with` block, or call close()")


def test_an_async_live_that_nobody_closed_warns_once(tmp_path: Path) -> None:
    async def hold() -> None:
        live = AsyncLive(Live(SHOP, tmp_path / "live.db"))
        await live.position("ada")

    [warning] = let_go(lambda: asyncio.run(hold()), patience=30)
    assert warning.startswith("ResourceWarning: the store ")


@pytest.mark.parametrize("closed", ["once", "twice", "with"])
def test_what_was_closed_does_not_warn(store: str, closed: str) -> None:
    def hold() -> None:
        live = Live(SHOP, store)
        if closed == "with":
            with live:
                live.position("ada")
            return
        live.close()
        if closed == "twice":
            live.close()

    assert let_go(hold) == []


@pytest.mark.parametrize("call", ["read", "run"])
def test_a_store_closed_while_it_is_used_leaves_nothing_open(shared: str, call: str) -> None:
    another = shared.replace("live.db", "another.db")

    def hold() -> None:
        for store in (open_store(shared), SqlStore(another)):
            used, close = threading.Event(), threading.Event()

            def work(
                _: object, used: threading.Event = used, close: threading.Event = close
            ) -> None:
                used.set()
                close.wait(10)

            thread = threading.Thread(target=getattr(store, call), args=(work,))
            thread.start()
            used.wait(10)
            closing = threading.Thread(target=store.close)
            closing.start()  # SQLite waits for a writer
            closing.join(0.1)
            close.set()
            thread.join(10)
            closing.join(10)

    assert let_go(hold) == []


@pytest.mark.parametrize("call", ["read", "run", "scrub"])
def test_a_closed_store_is_not_opened_by_using_it(shared: str, call: str) -> None:
    another = shared.replace("live.db", "another.db")

    def hold() -> None:
        for store in (open_store(shared), SqlStore(another)):
            store.close()
            with pytest.raises(StoreError, match="this store is closed"):
                store.scrub() if call == "scrub" else getattr(store, call)(lambda tx: None)

    assert let_go(hold) == []


@pytest.mark.parametrize("kind", [SqliteStore, SqlStore])
def test_a_store_that_cannot_be_opened_leaves_nothing_open(
    kind: Callable[[str], Store], tmp_path: Path
) -> None:
    address = f"{tmp_path}/no/live.db"

    def hold() -> None:
        with pytest.raises(StoreError):
            kind(address if kind is SqliteStore else f"sqlite:///{address}")

    assert let_go(hold) == []


def test_a_live_that_cannot_be_made_closes_the_store_it_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **more: object) -> None:
        raise StoreError("here", "the map could not be kept")

    monkeypatch.setattr("journeymap.live.live.States", fail)

    def hold() -> None:
        with pytest.raises(StoreError, match="could not be kept"):
            Live(JourneyMap("a"), tmp_path / "live.db")

    assert let_go(hold) == []
    store = SqliteStore(tmp_path / "other.db")
    with pytest.raises(StoreError, match="could not be kept"):
        Live(JourneyMap("a"), store)
    assert store.read(lambda tx: tx.states.list_customers("", 1)) == []  # still open
    store.close()


def test_time_passes_in_slices_for_asyncio(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from journeymap.live import recording

    monkeypatch.setattr(recording, "BATCH", 3)
    monkeypatch.setattr("journeymap.live.live.BATCH", 3)
    now = [T0]

    async def work() -> tuple[list[int], dict[str | None, int], tuple[str, ...]]:
        async with AsyncLive(Live(SHOP, store, clock=lambda: now[0])) as live:
            await live.record_many(happened("delivery", 0, f"c{n}") for n in range(7))
            now[0] = T0 + 30 * DAY
            sizes = [len({s.customer for s in some}) async for some in live.advance_in_slices()]
            assert (await live.dry_run(SHOP)).differing == 0
            return sizes, await live.stage_counts(), await live.customers("use")

    sizes, counts, names = asyncio.run(work())
    assert sizes == [3, 3, 1]
    assert counts == {"choose": 0, "use": 7}
    assert len(names) == 7


def test_a_log_is_read_from_an_address(shared: str) -> None:
    with Live(SHOP, shared) as live:
        live.record(happened("order", 0))
        whole = Log.from_store(live.store, map=SHOP)
    again = Log.from_store(shared, map=SHOP)
    assert again.interactions == whole.interactions == 1
    assert again.map == SHOP
    with pytest.raises(UnknownName):
        Log.from_store("sqlte:///a.db")
    with pytest.raises(StoreError, match="no such file"):
        Log.from_store("sqlite:///none.db")


def test_a_closed_one_says_so() -> None:
    async def work() -> list[str]:
        async with AsyncLive(Live(SHOP)) as live:
            await live.close()
        await live.close()
        said = []
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: live.record(happened("order", 0)), lambda: live.state("ada"), live.advance,
            lambda: live.retract(None, "1"),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(StoreError, match="this store is closed") as error:
                await call()
            said.append(error.value.store)
        return said

    assert set(asyncio.run(work())) == {"sqlite:///:memory:"}


def test_what_no_store_could_hold_is_refused_alike(store: str) -> None:
    with Live(SHOP, store) as live:
        for source, name in (("\ud800", "x"), ("x", "\0"), ("x", 3)):
            with pytest.raises(ElementError):
                live.retract(source, name)  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="an address, an engine of SQLAlchemy"):
        Live(SHOP, None)  # type: ignore[arg-type]


def test_links_are_evidence() -> None:
    rules = IdentityRules([Namespace("user")])
    asked = pytest.raises(ElementError, match="Evidence with a weight")
    with Live(SHOP, identities=rules) as live, asked:
        live.link(["x"], threshold=0.5, batch="b")  # type: ignore[list-item]
    with pytest.raises(ElementError, match="an Interaction is expected"):
        Log.from_interactions([1])  # type: ignore[list-item]


def test_nested_extras_have_one_name_in_every_log() -> None:
    one = happened("order", 0, extra={"a": {"b": [1, None]}})
    with Live(SHOP) as live:
        live.record(one)
        logs = [Log.from_store(live.store), Log.from_interactions([one])]
    frame = {"customer": ["ada"], "touchpoint": ["order"], "at": [0], "a": [{"b": [1, None]}]}
    logs.append(Log.from_frame(frame, Columns(at_unit="s", extra=("a",))))
    assert {log.to_polars()["a"][0] for log in logs} == {'{"b": [1, null]}'}
