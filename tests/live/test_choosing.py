"""Offers chosen by several workers at once: contact limits hold."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from journeymap import (
    ContactLimit,
    ElementError,
    HasTrait,
    Identity,
    IdentityRules,
    Live,
    Namespace,
    NextBest,
    Offer,
    Record,
    Touchpoint,
)
from journeymap.live import AsyncLive
from tests.factories import DAY, HOUR, SHOP, T0
from tests.factories import happened as at

OFFERING = SHOP.add(
    Touchpoint("offer_made", "use"),
    Offer("router", touchpoint="offer_made", propensity=0.5, limits=[ContactLimit(1, DAY)]),
)
BEST = NextBest(OFFERING)


def test_two_workers_keep_one_limit(shared: str) -> None:
    now = [T0 + DAY]
    with (
        Live(OFFERING, shared, clock=lambda: now[0]) as one,
        Live(OFFERING, shared, clock=lambda: now[0]) as other,
    ):
        one.record_many([at("order", 0, f"c{n}") for n in range(5)])
        chosen: list[str] = []
        gate = threading.Barrier(8)

        def work(live: Live) -> None:
            gate.wait()
            for n in range(5):
                choice = live.choose(BEST, f"c{n}", channel="web")
                if choice.best is not None:
                    chosen.append(f"c{n}")

        threads = [threading.Thread(target=work, args=(live,)) for live in (one, other) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(chosen) == [f"c{n}" for n in range(5)]
        for n in range(5):
            contact = one.history(f"c{n}")[-1]
            assert (contact.touchpoint, contact.source, contact.channel) == (
                "offer_made", "journeymap", "web",
            )  # fmt: skip
        lost = one.choose(BEST, "c0").candidates[0].lost
        assert lost.startswith("contact limit")
        now[0] += DAY + timedelta(seconds=1)
        assert one.choose(BEST, "c0").best is not None


def test_a_choice_under_a_former_id(store: str) -> None:
    rules = IdentityRules([Namespace("user"), Namespace("phone")])
    user, phone = Identity("user", "ada"), Identity("phone", "555")
    with Live(OFFERING, store, identities=rules, clock=lambda: T0 + DAY) as live:
        first = at("order", 0, "x")
        live.take([Record([user], first.at, "shop", interaction=first)])
        second = at("order", 1, "y")
        live.take([Record([phone], second.at, "shop", interaction=second)])
        identities = live.identities
        assert identities is not None
        former = str(identities.customer(phone))
        live.take([Record([user, phone], T0, "crm")])
        choice = live.choose(BEST, former)
        assert choice.customer != former
        assert len(live.history(former)) == 3


def test_nobody_and_nothing(store: str) -> None:
    with Live(OFFERING, store) as live:
        with pytest.raises(ElementError, match="there is no such customer"):
            live.choose(BEST, "ada")
        with pytest.raises(ElementError, match="NextBest"):
            live.choose("best", "ada")  # type: ignore[arg-type]
        live.record(at("order", 0))
        silent = NextBest(SHOP.add(Offer("call", propensity=0.5)))
        choice = live.choose(silent, "ada")
        assert choice.best is not None
        assert len(live.history("ada")) == 1

    async def work() -> None:
        async with AsyncLive(Live(OFFERING)) as live:
            await live.record(at("order", 0))
            assert (await live.choose(BEST, "ada")).best is not None

    asyncio.run(work())


ASKING = SHOP.add(
    Offer("router", propensity=0.5, value=9, purpose="marketing"),
    Offer("gift", propensity=0.5, eligible=[HasTrait("segment", ["gold", "silver"])]),
)
"""Offers that ask for a consent, and for a trait."""


def test_live_chooses_by_what_sources_gave(store: str) -> None:
    with Live(ASKING, store, identities=IdentityRules(), clock=lambda: T0 + DAY) as live:
        order = at("order", 0, "?")
        [receipt] = live.take([
            Record([Identity("u", "u17")], T0, "crm", interaction=order,
                   traits={"segment": "gold"}, consents={"marketing": True}),
        ])  # fmt: skip
        best = NextBest(ASKING)
        assert live.choose(best, receipt.customer).best == ASKING.offers["router"]
        live.take(
            [Record([Identity("u", "u17")], T0 + DAY / 24, "crm", consents={"marketing": False})]
        )
        choice = live.choose(best, receipt.customer)
        assert choice.best == ASKING.offers["gift"]
        why = {one.offer: one.lost for one in choice.candidates}
        assert why["router"] == "the customer refused 'marketing'"


def test_contacts_and_what_was_too_early_are_counted(store: str) -> None:
    now = [T0]
    offering = SHOP.add(Offer("o", propensity=0.5, touchpoint="call"))
    with Live(offering, store, clock=lambda: now[0]) as live:
        live.record(at("order", 1))
        assert live.stats().recorded == 0
        now[0] += 2 * HOUR
        live.advance()
        assert (live.stats().interactions, live.stats().recorded) == (1, 1)
        assert live.choose(NextBest(offering), "ada").best is not None
        assert (live.stats().interactions, live.stats().recorded) == (2, 2)
