"""Clocks that are wrong: nothing is told before its time, and what came too early comes back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from journeymap import (
    Identity,
    IdentityRules,
    Interaction,
    Live,
    MomentReached,
    Namespace,
    Record,
    Tracker,
)
from tests.factories import DAY, HOUR, SHOP, T0, folded
from tests.factories import happened as at

EPOCHS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1601, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, 5, tzinfo=UTC),
]
RULES = IdentityRules([Namespace("user")])


def test_time_does_not_run_ahead_of_the_clock(shared: str) -> None:
    now = [T0 + HOUR]
    with Live(SHOP, shared, clock=lambda: now[0]) as live:
        live.record(at("delivery", 0))
        assert live.advance(T0 + 10 * DAY) == ()
        live.rebuild()
    newer = SHOP.replace(SHOP.touchpoints["call"]).remove(SHOP.moments["noted"])
    with Live(newer, shared, clock=lambda: now[0]) as live:
        live.rebuild()
        now[0] = T0 + 9 * DAY
        assert [s.kind for s in live.advance()] == ["moment reached"]
        assert live.advance(now[0] + HOUR) == ()


def test_within_the_tolerance_time_may_run_ahead(store: str) -> None:
    now = [T0 + 7 * DAY]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        live.record(at("delivery", 0))
        assert live.advance() == ()
        [told] = live.advance(now[0] + timedelta(minutes=1))
        assert isinstance(told, MomentReached)


@pytest.mark.parametrize("then", EPOCHS)
def test_a_clock_that_was_never_set(store: str, then: datetime) -> None:
    with Live(SHOP, store, identities=RULES, clock=lambda: T0 + DAY) as live:
        one = Interaction("ada", "order", then, id="1")
        receipt, good = live.record_many([one, at("order", 1)])
        assert receipt.set_aside is not None
        assert "a clock stands that was never set" in receipt.set_aside
        assert good.set_aside is None
        [taken] = live.take([Record([Identity("user", "eve")], T0, "crm", interaction=one)])
        assert taken.set_aside is not None or taken.duplicate
        assert [reason for _, reason in live.set_aside()] == [receipt.set_aside]
        assert live.advance() == ()
        assert len(live.set_aside()) == 1
        early = Interaction("ada", "order", datetime(1970, 1, 2, tzinfo=UTC))
        assert live.record(early).set_aside is None


@pytest.mark.parametrize("given", ["an id", None])
def test_what_was_too_early_comes_back_by_itself(store: str, given: str | None) -> None:
    now = [T0]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        early = Interaction("ada", "call", T0 + 2 * DAY, outcome="failed", id=given)
        for _ in range(3):
            assert live.record(early).set_aside is not None
        assert len(live.set_aside()) == 1
        assert live.advance() == ()
        now[0] = T0 + 2 * DAY
        told = live.advance()
        assert [s.kind for s in told] == ["stage entered", "moment reached"]
        assert live.set_aside() == ()
        assert live.record(early).duplicate
        assert len(live.history("ada")) == 1
        assert [one.status for one in live.store.read(lambda tx: tx.outbox.select())] == ["waiting"]


@pytest.mark.parametrize("given", ["an id", None])
def test_what_was_too_early_and_is_recorded_again(store: str, given: str | None) -> None:
    now = [T0]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        early = Interaction("ada", "call", T0 + 2 * DAY, id=given)
        assert live.record(early).set_aside is not None
        now[0] = T0 + 2 * DAY
        assert live.record(early).set_aside is None
        assert live.set_aside() == ()
        assert live.advance() == ()
        assert live.record(early).duplicate
        assert len(live.history("ada")) == 1


def test_two_alike_without_an_id_are_two(store: str) -> None:
    """But for those that were set aside, nothing is taken for a repetition that has no id."""
    with Live(SHOP, store) as live:
        one = Interaction("ada", "call", T0)
        assert [r.duplicate for r in live.record_many([one, one])] == [False, False]
        assert not live.record(one).duplicate
        assert len(live.history("ada")) == 3


def test_what_was_too_early_follows_its_customer(store: str) -> None:
    """Two turn out to be one while the interaction waits: it comes back to both in one."""
    rules = IdentityRules([Namespace("user"), Namespace("phone")])
    user, phone = Identity("user", "ada"), Identity("phone", "555")
    now = [T0]
    with Live(SHOP, store, identities=rules, clock=lambda: now[0]) as live:
        first = at("order", -1, "x")
        live.take([Record([user], first.at, "shop", interaction=first)])
        early = Interaction("?", "call", T0 + DAY, source="shop")
        [receipt] = live.take([Record([phone], T0, "shop", interaction=early)])
        assert receipt.set_aside is not None
        live.take([Record([user, phone], T0, "crm")])
        now[0] = T0 + 2 * DAY
        live.advance()
        identities = live.identities
        assert identities is not None
        ada = str(identities.customer(user))
        assert [one.touchpoint for one in live.history(ada)] == ["order", "call"]
        [again] = live.take([Record([phone], T0, "shop", interaction=early)])
        assert again.duplicate


def test_many_come_back(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from journeymap.live import live as live_module
    from journeymap.live import recording

    monkeypatch.setattr(recording, "BATCH", 7)
    monkeypatch.setattr(live_module, "BATCH", 7)
    now = [T0]
    with Live(SHOP, shared, clock=lambda: now[0]) as live:
        live.record_many([at("delivery", 24 + n, f"c{n % 5}") for n in range(30)])
        assert len(live.set_aside()) == 30
        now[0] = T0 + 9 * DAY
        told = live.advance()
        sent = [at("delivery", 24 + n, f"c{n % 5}") for n in range(30)]
        _, expected = folded(Tracker(SHOP, None), sent, now[0])
        assert Counter(told) == sum(expected.values(), Counter())
        assert [one.at for one in told] == sorted(one.at for one in told)
        assert sum(len(live.history(f"c{n}")) for n in range(5)) == 30


def test_a_process_that_allows_for_less_keeps_what_another_set_aside(shared: str) -> None:
    now = [T0]
    clock = lambda: now[0]  # noqa: E731
    with Live(SHOP, shared, clock=clock) as one:
        one.record(Interaction("ada", "call", T0 + timedelta(minutes=10), id="1"))
    with Live(SHOP, shared, clock=clock, tolerance=timedelta(0)) as other:
        now[0] += timedelta(minutes=7)
        other.advance()
        assert len(other.set_aside()) == 1
        now[0] += timedelta(minutes=3)
        other.advance()
        assert other.set_aside() == ()
        assert len(other.history("ada")) == 1
