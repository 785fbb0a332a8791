"""Names that the map does not know: followed and counted, or set aside where it is strict."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from journeymap import (
    Channel,
    ContactLimit,
    ElementError,
    Identity,
    IdentityRules,
    Live,
    Moment,
    NextBest,
    Offer,
    Record,
)
from journeymap.model import At, Frequency, Metric, Of, ShareOf
from tests.factories import SHOP, T0
from tests.factories import happened as at

MAP = SHOP.replace(
    evolve(SHOP.touchpoints["call"], recorded_as=["phone *"]),
    Moment("noted", At("outcome", ("left",))),
).add(Channel("web"), Channel("phone"))


def test_a_strict_live_sets_aside_and_names_the_nearest(store: str) -> None:
    with Live(MAP, store, strict=True) as live:
        given = [
            at("ordr", 1), at("order", 2, channel="wab"), at("order", 3, outcome="fialed"),
            at("order", 4, channel="web", outcome="left"), at("phone 7", 5), at("call", 6),
        ]  # fmt: skip
        receipts = live.record_many(given)
        assert [one.set_aside for one in receipts[3:]] == [None] * 3
        for receipt, words in zip(receipts, ["'order'", "'web'", "'failed'"], strict=False):
            assert receipt.set_aside is not None
            assert f"did you mean {words}" in receipt.set_aside
        assert len(live.set_aside()) == 3
        live.record_many(given)
        assert len(live.set_aside()) == 3
        assert live.stats().unknown == 0
        with pytest.raises(ElementError, match="ordr"):
            live.correct(evolve(given[3], touchpoint="ordr"))
    with Live(MAP, store) as live:  # what was set aside is recorded when it comes again
        assert live.record(given[0]).position is not None


def test_what_is_early_and_unknown_stays_set_aside(store: str) -> None:
    now = [T0]
    with Live(MAP, store, strict=True, clock=lambda: now[0]) as live:
        live.record(at("unheard_of", 50))
        now[0] += timedelta(days=9)
        assert live.advance() == ()
        [(one, reason)] = live.set_aside()
        assert (one.touchpoint, "there is no touchpoint" in reason) == ("unheard_of", True)
        assert live.advance() == ()


def test_a_contact_is_never_lost() -> None:
    offer = Offer("o", propensity=1, touchpoint="call", limits=[ContactLimit(1, timedelta(10))])
    offering = MAP.add(offer)
    with Live(offering, strict=True, clock=lambda: T0 + timedelta(days=1)) as live:
        live.record(at("order", 1))
        with pytest.raises(ElementError, match="sms"):
            live.choose(NextBest(offering), "ada", channel="sms")
        assert live.choose(NextBest(offering), "ada", channel="web").best == offer
        assert live.choose(NextBest(offering), "ada", channel="web").best is None


def test_otherwise_it_is_followed_and_counted(store: str) -> None:
    with Live(MAP, store, identities=IdentityRules(), clock=lambda: T0 + timedelta(9)) as live:
        records = [
            Record([Identity("u", "u17")], T0, "s", interaction=at(name, n, "?"))
            for n, name in enumerate(["ordr", "order", "phone 7", "ordr"])
        ]
        receipts = live.take(records)
        assert not [one.set_aside for one in receipts if one.set_aside]
        assert live.stats().unknown == 2
        live.take(records)
        assert live.stats().unknown == 2
        live.record(at("nowhere", 6))
        assert live.stats().unknown == 3


def test_a_map_without_channels_leaves_them_open() -> None:
    with Live(SHOP, strict=True) as live:
        assert live.record(at("order", 1, channel="anything")).set_aside is None


def test_what_a_metric_asks_is_known() -> None:
    """Else a strict Live would set aside what the metric counts."""
    left = ShareOf(At("outcome", ("left",)), among=[At("outcome", ("left", "won"))])
    often = Frequency(where=[At("outcome", ("again",))])
    metrics = [Metric("lost", Of("touchpoint", "call"), unit="%", measure=left),
               Metric("again", Of("touchpoint", "call"), unit="", measure=often)]  # fmt: skip
    with Live(SHOP.add(*metrics), strict=True) as live:
        for number, outcome in enumerate(("left", "won", "again")):
            assert live.record(at("call", number, outcome=outcome)).set_aside is None
        assert live.record(at("call", 9, outcome="wno")).set_aside is not None
