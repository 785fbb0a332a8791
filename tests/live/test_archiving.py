"""Archived journals: old interactions take less room, and no answer changes."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Identity,
    IdentityRules,
    Interaction,
    InteractionError,
    Live,
    Namespace,
    Record,
)
from journeymap.analysis import Log
from journeymap.model import Count, Moment
from journeymap.testing import check_store
from tests.factories import DAY, HOUR, SHOP, T0
from tests.factories import happened as at

RULES = IdentityRules([Namespace("user"), Namespace("phone")])
NOW = T0 + 30 * DAY
STRICTER = SHOP.add(Moment("busy", Count("call", 2), action="Listen"))
WHO = [Identity("user", "a"), Identity("user", "b"), Identity("phone", "1"), Identity("phone", "2")]


def sent(number: int, customer: str = "ada") -> list[Interaction]:
    names = ("order", "delivery", "first_use", "call")
    return [at(names[n % 4], n, customer, department="sales") for n in range(number)]


def test_old_interactions_are_packed_and_read_as_before(store: str) -> None:
    given = sent(600)
    done: list[int] = []
    with Live(SHOP, store, clock=lambda: NOW) as live:
        live.record_many([*given, *sent(3, "ben")])
        history, exported = live.history("ada"), live.export("ada")
        stands = [live.position("ada", T0 + n * HOUR) for n in (0, 10.5, 300, 600)]
        assert live.archive(T0 + 500 * HOUR, done.append) == 503
        assert live.archive(T0 + 500 * HOUR) == 0
        stats = live.stats()
        assert (stats.interactions, stats.archived, done) == (603, 503, [2])
        assert live.history("ada") == history
        assert live.export("ada") == exported
        assert [live.position("ada", T0 + n * HOUR) for n in (0, 10.5, 300, 600)] == stands
        assert all(one.duplicate for one in live.record_many(given))
        assert Log.from_store(live.store).interactions == 603
        late = at("call", 0.5, outcome="failed")
        assert live.record(late).signals
        assert late in live.history("ada")
        assert live.archive(T0 + 500 * HOUR) == 1
        assert live.retract("web", str(late.id)).signals
        assert sorted(live.history("ada"), key=lambda one: one.at) == given
        live.forget("ada")
        stats = live.stats()
        assert (live.history("ada"), stats.interactions, stats.archived) == ((), 3, 3)
        with pytest.raises(InteractionError, match="before"):
            live.archive(datetime(2026, 1, 1))


def test_nothing_of_the_forgotten_is_left_in_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Live(SHOP, f"sqlite:///{path}", clock=lambda: NOW) as live:
        live.record_many([*sent(50), *sent(50, "ben")])
        live.archive(NOW)
        live.forget("ada")
        rows = live.store.read(lambda tx: tx.journal.find_keys([f"web\x1f{sent(1)[0].id}"]))
        assert rows == {}
    with sqlite3.connect(path) as connection:
        count = "SELECT count(*) FROM journeymap_{} WHERE customer = 'ada'"
        for table in ("archive", "archive_keys", "journal"):
            assert connection.execute(count.format(table)).fetchone() == (0,)
    connection.close()


def test_an_archive_takes_less_room(tmp_path: Path) -> None:
    sizes = []
    for name in ("plain", "archived"):
        path = tmp_path / f"{name}.db"
        with Live(SHOP, f"sqlite:///{path}", clock=lambda: T0 + 3000 * HOUR) as live:
            live.record_many(sent(3000))
            if name == "archived":
                live.archive(T0 + 3000 * HOUR)
        with sqlite3.connect(path) as connection:
            connection.execute("VACUUM")
        connection.close()
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0] / 2


def test_a_worker_that_archives_stands_in_nobodys_way(shared: str) -> None:
    with Live(SHOP, shared, clock=lambda: NOW) as one, Live(SHOP, shared, clock=lambda: NOW) as two:
        one.record_many(sent(100))
        two.archive(NOW)
        assert one.record(at("call", 50.5)).position == two.position("ada")
        assert one.record(sent(1)[0]).duplicate
        assert one.history("ada") == two.history("ada")


class _Twins:
    """Two stores that are told the same; one of them archives at times."""

    def __init__(self, dice: Any, identities: IdentityRules | None) -> None:
        self.dice, self.rules = dice, identities
        self.now = T0
        self.plain, self.packed = (
            Live(SHOP, identities=identities, clock=lambda: self.now) for _ in range(2)
        )
        self.sent: list[Interaction] = []
        self.numbers = itertools.count()

    def both(self, what: Any) -> Any:
        first, second = what(self.plain), what(self.packed)
        assert first == second
        return first

    def record(self) -> None:
        self.now += timedelta(hours=self.dice.randrange(30))
        some = [self._happened() for _ in range(self.dice.choice([1, 2, 9]))]
        self.sent += some
        if self.rules is None:
            self.both(lambda live: live.record_many(some))
            return
        named = [Record([Identity("user", one.customer)], one.at, "shop", interaction=one)
                 for one in some]  # fmt: skip
        self.both(lambda live: live.take(named))

    def _happened(self) -> Interaction:
        return Interaction(
            self.dice.choice("ab"), self.dice.choice(["order", "delivery", "first_use", "call"]),
            self.now - timedelta(minutes=self.dice.choice([0, 0, 0, 7, 700, 9000])),
            source="web", id=f"{next(self.numbers)}",
            product=self.dice.choice([None, "kettle", "toaster"]),
            outcome=self.dice.choice([None, "failed"]),
        )  # fmt: skip

    def archive(self) -> None:
        self.packed.archive(self.now - timedelta(hours=self.dice.choice([0, 20, 200])))

    def disturb(self) -> None:
        kind = self.dice.randrange(6)
        if kind == 0:
            self.both(lambda live: live.advance(self.now))
        elif kind == 1 and self.sent:
            one = self.dice.choice(self.sent)
            self.sent.remove(one)
            self.both(lambda live: live.retract("web", one.id))
        elif kind == 2 and self.sent:
            one = evolve(self.dice.choice(self.sent), touchpoint="call")
            self.both(lambda live: live.correct(one))
        elif kind == 3 and self.rules is not None:
            pair = self.dice.sample(WHO, 2)
            self.both(lambda live: live.take([Record(pair, self.now, "crm")]))
        elif kind == 4:
            self.both(Live.rebuild)
        elif kind == 5 and self.sent:
            self.both(lambda live: live.record_many(self.sent[-3:]) if not self.rules else None)

    def compare(self) -> None:
        for name in self.both(lambda live: list(live.customers())):
            then = self.now - timedelta(hours=self.dice.randrange(100))
            self.both(partial(_known_of, name=name, then=then))
        self.both(lambda live: live.dry_run(STRICTER))
        self.both(lambda live: live.store.read(lambda tx: tx.outbox.select()))


def _known_of(live: Live, name: str, then: datetime) -> Any:
    return live.export(name), live.state(name), live.position(name, then)


@settings(max_examples=60)
@given(st.integers(1, 25), st.booleans(), st.sampled_from([2, 5, 256]),
       st.randoms(use_true_random=False))  # fmt: skip
def test_archiving_changes_no_answer(steps: int, known: bool, size: int, dice: Any) -> None:
    """Late ones, merges, corrections, rebuilding: with an archive as without."""
    with (
        mock.patch("journeymap.adapters.stores.sql_journal.MAX_ENTRIES", size),
        mock.patch("journeymap.adapters.stores.journal_blocks.MAX_ENTRIES", size),
        mock.patch("journeymap.live.late.SPACING", 4),
    ):
        twins = _Twins(dice, RULES if known else None)
        with twins.plain, twins.packed:
            for _ in range(steps):
                twins.record()
                if dice.random() < 0.4:
                    twins.archive()
                if dice.random() < 0.4:
                    twins.disturb()
            twins.compare()


def test_check_store_tries_the_archive() -> None:
    """A journal that forgets what it packs is found."""
    from journeymap.adapters.stores import sql_journal
    from journeymap.adapters.stores.sqlite import SqliteStore

    with (
        mock.patch.object(sql_journal, "make_blocks", return_value=()),
        pytest.raises(AssertionError, match="the journal differs"),
    ):
        check_store(
            lambda: SqliteStore(":memory:"),
            lambda: None,
            claims=frozenset(),
            pieces=("journal",),
            examples=500,
        )


def test_many_small_blocks_are_read_in_order() -> None:
    from journeymap.adapters.stores.sqlite import SqliteStore

    with (
        mock.patch("journeymap.adapters.stores.sql_journal.MAX_ENTRIES", 2),
        mock.patch("journeymap.adapters.stores.journal_blocks.MAX_ENTRIES", 2),
    ):
        check_store(
            lambda: SqliteStore(":memory:"), lambda: None, claims=frozenset(), pieces=("journal",)
        )


def test_corrections_and_archiving_at_once(shared: str) -> None:
    """Both rewrite a customer's journal; nothing is lost, doubled, or stuck for ever."""
    given = sent(30)
    with Live(SHOP, shared, clock=lambda: NOW) as live:
        live.record_many(given)
        stop, failed = threading.Event(), []

        def again(work: Any) -> None:
            try:
                while not stop.is_set():
                    work()
            except BaseException as error:
                failed.append(error)

        changed = evolve(given[5], touchpoint="order")
        works = [lambda: live.archive(NOW), lambda: live.correct(changed),
                 lambda: live.correct(evolve(given[6], touchpoint="order"))]  # fmt: skip
        threads = [threading.Thread(target=again, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        stop.set()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(live.history("ada")) == 30
        assert live.archive(NOW) >= 0
        assert live.stats().archived == 30
        live.forget("ada")
        assert live.stats().interactions == 0


def test_small_blocks_are_packed_together(store: str) -> None:
    with Live(SHOP, store, clock=lambda: NOW) as live:
        live.record_many(sent(512))
        live.archive(NOW)
        for n in range(20):
            live.record(at("call", 3 + n / 100))
            live.archive(NOW)
        rows = live.store.read(lambda tx: tx.db.rows(  # type: ignore[attr-defined]
            "SELECT interactions FROM journeymap_archive", {}))  # fmt: skip
        assert len(rows) <= 4
        assert sum(row[0] for row in rows) == 532
