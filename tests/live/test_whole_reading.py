"""A store is read as it was at one time, whatever is recorded, merged or forgotten meanwhile."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from journeymap import (
    IdentityRules,
    Interaction,
    JourneyMapError,
    Live,
    Namespace,
    Record,
    StoreError,
)
from journeymap.adapters.sources import store_journal
from journeymap.analysis import Log
from tests.factories import DAY, HOUR, SHOP, T0, happened, ids


def test_a_log_is_read_as_the_store_was_at_one_time(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers who are merged, and one who is forgotten, while it is read: all or nothing."""
    monkeypatch.setattr(store_journal, "_PAGE", 1)
    rules = IdentityRules([Namespace("u"), Namespace("e")])
    monkeypatch.setattr(store_journal, "_interaction", made := _Interrupted())
    with Live(SHOP, store, identities=rules) as live:
        taken = [_visit(n, f"u{n}") for n in range(1, 7)]
        live.take(taken)
        if store != "memory":  # there, whoever records waits
            made.then = lambda: live.take([_visit(9, f"u{n} e1") for n in (1, 6)])
        log = Log.from_store(live.store)
        assert (log.interactions, log.customers) == (6, 6)
        made.then = None
        log = Log.from_store(live.store)
        assert (log.interactions, log.customers) == ((6, 6) if store == "memory" else (8, 5))


class _Interrupted:
    """Reads interactions; as the second is read, something else is done."""

    def __init__(self) -> None:
        self.then: Any = None
        self.read, self.number = store_journal._interaction, 0

    def __call__(self, *given: Any) -> Interaction:
        self.number += 1
        if self.number == 2 and self.then is not None:
            self.then()
        return self.read(*given)


def _visit(number: int, words: str) -> Record:
    at = T0 + number * HOUR
    happened = Interaction("?", "call", at, source="s", id=f"{number}{words}")
    return Record(ids(words), at, "s", interaction=happened)


def test_a_page_of_customers_is_read_as_of_one_time(shared: str) -> None:
    with Live(SHOP, shared) as live, Live(SHOP, shared) as other:
        live.record_many([happened("call", 1, f"c{n}") for n in range(3)])

        def work(tx: Any) -> tuple[list[str], list[str]]:
            names = tx.states.list_customers("", 10)
            with suppress(StoreError):  # the file is to be scrubbed again
                other.forget("c1")
            return names, list(tx.states.read(names))

        names, read = live.store.read(work)
        assert sorted(names) == sorted(read) == ["c0", "c1", "c2"]
        assert list(live.customers()) == ["c0", "c2"]


def test_what_is_committed_late_is_read_the_next_time(shared: str) -> None:
    """The time of recording is that of its beginning; a reader comes before it is committed."""
    now = [T0 + 3 * DAY]
    with Live(SHOP, shared, clock=lambda: now[0]) as live:
        live.record(happened("call", 1, "ada"))  # begun before the reader came
        polled = now[0] + timedelta(seconds=5)
        assert Log.from_store(live.store, since=polled).interactions == 1
        assert Log.from_store(live.store, since=polled, lag="0 seconds").interactions == 0
        with pytest.raises(JourneyMapError, match="lag"):
            Log.from_store(live.store, since=polled, lag="yesterday")
