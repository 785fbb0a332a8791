"""Signals that raise at any time, in whatever a caller is doing: nothing is doubled or held."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from journeymap import IdentityRules, Interaction, Live
from journeymap.adapters.stores import SqlStore
from journeymap.adapters.stores.sqlite import SqliteStore
from tests.factories import DAY, MAP, T0


class SoftTimeLimit(Exception):  # as of a task queue
    """What a signal raises."""


class HardLimit(BaseException):
    """What a signal raises that is to end a thread."""


def happened(who: str) -> Interaction:
    return Interaction(who, "a", T0)  # without an id: it would not be recognised


@pytest.mark.parametrize("identities", [None, IdentityRules()])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [SoftTimeLimit, HardLimit])
def test_what_was_committed_is_not_written_again(
    store: str, kind: type[BaseException], when: str, identities: IdentityRules | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The thread that writes for several is interrupted, before the commit or after it."""
    queued, turn = threading.Event(), [0]
    raised: list[str] = []

    def interrupted(run: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, work: Callable[..., Any]) -> Any:
            if threading.current_thread().name.startswith("caller"):
                turn[0] += 1
            if turn[0] == 1 and not queued.is_set():
                queued.wait(10)  # so that the others come together
            if turn[0] != 2:
                return run(self, work)
            turn[0] = 3
            raised.append(threading.current_thread().name)
            if when == "after":
                run(self, work)
            raise kind

        return wrapped

    outcomes: dict[str, Any] = {}

    def call(live: Live, who: str) -> None:
        try:
            outcomes[who] = live.record(happened(who)).duplicate
        except BaseException as error:  # whatever it is, it is looked at
            outcomes[who] = type(error)

    with Live(MAP, store, clock=lambda: T0 + DAY, identities=identities) as live:
        for one in (SqliteStore, SqlStore):
            monkeypatch.setattr(one, "run", interrupted(one.run))
        threads = [threading.Thread(target=call, args=(live, f"caller {n}"), name=f"caller {n}")
                   for n in range(5)]  # fmt: skip
        threads[0].start()
        time.sleep(0.1)
        for thread in threads[1:]:
            thread.start()
        time.sleep(0.2)
        queued.set()
        for thread in threads:
            thread.join(20)
        assert len(outcomes) == 5
        [leader] = raised
        assert outcomes.pop(leader) is kind
        assert set(outcomes.values()) == {False}
        counts = {who: len(live.history(who)) for who in outcomes}
        assert set(counts.values()) == {1}
        assert len(live.history(leader)) == (1 if when == "after" or kind is SoftTimeLimit else 0)
        assert live.record(happened("later")).duplicate is False


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals with a timer")
def test_an_interrupt_while_another_writes_leaves_nothing_locked(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    hold = ("import sqlite3, sys, time\n"
            "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "c.execute('BEGIN IMMEDIATE')\nprint(1, flush=True)\ntime.sleep(0.8)\n"
            "c.execute('COMMIT')\n")  # fmt: skip

    def limit(*_: object) -> None:
        raise SoftTimeLimit

    with Live(MAP, f"sqlite:///{path}", clock=lambda: T0 + DAY) as live:
        live.record(happened("ada"))
        other = subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE)
        assert other.stdout is not None
        other.stdout.readline()
        other.stdout.close()
        before = signal.signal(signal.SIGALRM, limit)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(SoftTimeLimit):
                live.record(happened("ben"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        other.wait()
        live.record(happened("cyd"))
        with closing(sqlite3.connect(path, timeout=2)) as connection:
            connection.execute("BEGIN IMMEDIATE")
        assert len(live.history("cyd")) == 1


def test_errors_show_no_customers(postgres: str, database: str) -> None:
    from sqlalchemy import create_engine, text

    from journeymap.exceptions import StoreError

    with Live(MAP, database, clock=lambda: T0 + DAY) as live:
        engine = create_engine(database)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE journeymap_journal ADD CONSTRAINT none"
                                    " CHECK (customer <> 'eve@example.org')"))  # fmt: skip
        with pytest.raises(StoreError) as found:
            live.record(happened("eve@example.org"))
        shown, cause = str(found.value), found.value.__cause__
        while cause is not None:
            shown, cause = shown + str(cause).split("DETAIL")[0], cause.__cause__
        assert "eve@" not in shown
        engine.dispose()
