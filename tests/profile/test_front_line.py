"""The front line: who waits for whom, and how fast moments of truth are answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from journeymap import (
    Absence,
    At,
    Department,
    ElementError,
    Interaction,
    JourneyMap,
    KeyJourney,
    Moment,
    NextBest,
    Offer,
    Stage,
    Touchpoint,
)
from journeymap.analysis import Log, Signals
from journeymap.exceptions import AnswerError
from journeymap.profile import FrontLine
from journeymap.testing import interactions
from journeymap.tracking import MomentOverdue, MomentReached, Tracker
from tests.factories import DAY, HOUR, T0, at

SHOP = JourneyMap(
    "shop",
    dormant_after=90 * DAY,
    departments=[Department("support"), Department("care"), Department("sales")],
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    touchpoints=[Touchpoint("a", "choose"), Touchpoint("b", "use", department="care"),
                 Touchpoint("c", "use"), Touchpoint("d", "use")],
    moments=[
        Moment("failed", At("outcome", ("failed",)), owner="support", action="Say sorry",
               deadline=30 * HOUR),
        Moment("unused", Absence("c", "a", 2 * DAY), owner="care", action="Call", deadline=DAY,
               per="product"),
        Moment("noted", At("outcome", ("abandoned",)), owner="sales"),
    ],
    key_journeys=[KeyJourney("trial", "a", "d", within=3 * DAY, owner="sales")],
    offers=[Offer("router", propensity=0.5, value=30), Offer("case", propensity=0.1, value=5)],
)  # fmt: skip


def line(*happened: Interaction, hours: float) -> FrontLine:
    return FrontLine.of(SHOP, [happened], T0 + hours * HOUR)


def test_a_moment_waits_until_its_owner_answers() -> None:
    call = at("b", 0, outcome="failed")
    assert [one.late for one in line(call, hours=1).waiting] == [False]
    assert [one.late for one in line(call, hours=30).waiting] == [False]
    [late] = line(call, hours=31).waiting
    assert (late.name, late.owner, late.action, late.late) == (
        "failed", "support", "Say sorry", True)  # fmt: skip
    answered = line(call, at("b", 5, department="support"), hours=31)
    assert answered.waiting == ()
    [failed, _] = answered.moments
    assert (failed.reached, failed.in_time, failed.median) == (1, 1, 5 * HOUR)
    too_late = line(call, at("b", 40, department="support"), hours=50).moments[0]
    assert (too_late.in_time, too_late.late, too_late.missed) == (0, 1, 0)


def test_who_reaches_a_moment_does_not_answer_it() -> None:
    [failed, _] = line(at("b", 0, outcome="failed", department="support"), hours=1).moments
    assert (failed.reached, failed.open) == (1, 1)


def test_an_absence_is_kept_apart_by_product() -> None:
    found = line(at("a", 0, product="tv"), at("a", 1, product="tea"), at("c", 9, product="tea"),
                 hours=49)  # fmt: skip
    assert [(one.name, one.about) for one in found.waiting] == [("unused", "tv")]


def test_a_key_journey_that_takes_too_long() -> None:
    found = line(at("a", 0), at("c", 1), hours=80)
    [stuck] = [one for one in found.waiting if one.why == "key journey"]
    assert (stuck.name, stuck.owner, stuck.late) == ("trial", "sales", True)
    assert stuck.since == T0
    assert "“D”" in stuck.action
    assert line(at("a", 0), at("c", 1), at("d", 2), hours=80).waiting == ()


def test_what_comes_later_does_not_count() -> None:
    call, answer = at("b", 0, outcome="failed"), at("b", 5, department="support")
    assert len(line(call, answer, hours=4).waiting) == 1


def test_the_next_best_offer_comes_with_its_reason() -> None:
    call = at("b", 0, outcome="failed")
    [one] = FrontLine.of(SHOP, [[call]], T0 + HOUR, NextBest(SHOP)).waiting
    assert one.offer == "router"
    assert one.reason == "worth 15 weighed by how likely it is taken; next comes case with 0.5"


def test_the_order_is_that_of_urgency() -> None:
    histories = [
        [Interaction(name, "b", T0 + hour * HOUR, outcome="failed")]
        for name, hour in (("late", 0), ("later", 4), ("soon", 6), ("then", 8))
    ]
    found = FrontLine.of(SHOP, histories, T0 + 35 * HOUR).waiting
    assert [one.customer for one in found] == ["soon", "then", "later", "late"]


def test_a_time_has_a_zone_and_no_history_may_be_empty() -> None:
    with pytest.raises(ElementError, match="with a zone"):
        FrontLine.of(SHOP, [], datetime(2026, 3, 1))
    seen: list[int] = []
    found = FrontLine.of(SHOP, [[], [at("a", 0)], [at("a", 99)]], T0 + HOUR, progress=seen.append)
    assert (found.customers, seen) == (1, [1])
    assert repr(found).endswith("10:00 UTC: 0 waits of 1 customers, 0 of them late>")


def test_the_order_of_arrival_and_second_copies_do_not_matter() -> None:
    call, answer = at("b", 5, outcome="failed", id="1"), at("b", 3, department="support", id="2")
    found = FrontLine.of(SHOP, [[call, answer, call]], T0 + 6 * HOUR)
    assert (found.moments[0].reached, found.moments[0].open) == (1, 1)
    assert found == FrontLine.of(SHOP, [[answer, call]], T0 + 6 * HOUR)


def test_owners_are_those_of_the_map() -> None:
    assert [one.owner for one in line(at("c", 0), hours=1).moments] == ["support", "care"]
    unowned = SHOP.replace(KeyJourney("trial", "a", "b", within=3 * DAY))
    waits = FrontLine.of(unowned, [[at("a", 0), at("c", 1)]], T0 + 80 * HOUR).waiting
    [stuck] = [one for one in waits if one.why == "key journey"]
    assert stuck.owner == "care"  # as the tracker has it: who takes the end


def test_offers_of_equal_priority() -> None:
    equal = SHOP.replace(Offer("case", propensity=0.5, value=30))
    [one] = FrontLine.of(
        equal, [[at("b", 0, outcome="failed")]], T0 + HOUR, NextBest(equal)
    ).waiting
    assert one.reason.endswith("next comes case with 15")


@pytest.mark.parametrize("orders", [(5, 5.0), (True, "true"), ("x", "x"), (2.5, "2.5")])
def test_extras_are_the_same_in_a_log(orders: tuple[Any, Any]) -> None:
    journey = SHOP.replace(Moment("unused", Absence("c", "a", 2 * DAY), owner="care", action="Call",
                                  deadline=DAY, per="order"))  # fmt: skip
    happened = [at("a", 0, extra={"order": orders[0]}), at("c", 1, extra={"order": orders[1]})]
    [history] = Log.from_interactions(happened).histories()
    now = T0 + 60 * HOUR
    assert FrontLine.of(journey, [history], now) == FrontLine.of(journey, [happened], now)


def test_extras_keep_their_names() -> None:
    extra = {"source": "s", "extra.source": "x", "extra.foo": "y", "foo": "z", "extra.extra.a": "q"}
    [history] = Log.from_interactions([at("a", 0, extra=extra)]).histories()
    assert dict(history[0].extra) == extra


@given(st.lists(interactions(), max_size=25), st.integers(0, 600))
def test_it_is_what_the_tracker_signals(happened: list[Interaction], hours: int) -> None:
    now = T0 + hours * HOUR
    log = Log.from_interactions(happened, map=SHOP)
    found = FrontLine.of(SHOP, log.histories(), now)
    at_once = log.ask(Signals(FrontLine.SIGNALS, as_of=now))
    offers = NextBest(SHOP)
    if happened:
        assert found == FrontLine.of_signals(SHOP, at_once, log.histories)
        one_by_one = FrontLine.of(SHOP, log.histories(), now, offers)
        assert one_by_one == FrontLine.of_signals(SHOP, at_once, log.histories, offers)
    ordered = sorted(happened, key=lambda one: (one.customer, one.at))
    signals = []
    for _, theirs in groupby(ordered, key=lambda one: one.customer):
        known = [one for one in theirs if one.at <= now]
        if known:
            tracker = Tracker(SHOP, horizon=timedelta(0))
            state, told = tracker.follow(None, known)
            signals += [*told, *tracker.advance(state, now)[1]]
    for served in found.moments:
        mine = [one for one in signals if getattr(one, "moment", None) == served.moment]
        reached = [one for one in mine if isinstance(one, MomentReached)]
        overdue = [one for one in mine if isinstance(one, MomentOverdue)]
        assert served.reached == len(reached)
        assert served.late + served.missed == len(overdue)
        assert served.reached == served.in_time + served.late + served.missed + served.open
        unanswered = [one for one in found.waiting if one.name == served.moment]
        assert len(unanswered) == served.missed + served.open


def test_a_log_gives_back_what_it_was_given() -> None:
    given_ = [at("a", 0, product="tv", extra={"order": "7", "source": "shop"}), at("c", 1)]
    [history] = Log.from_interactions(given_).histories()
    assert list(history) == given_


def test_the_histories_of_some() -> None:
    given_ = [evolve(at("a", n, product="tv" if n % 2 else None), customer=f"c{n % 5}")
              for n in range(40)]  # fmt: skip
    log = Log.from_interactions(given_)
    every = {mine[0].customer: mine for mine in log.histories()}
    some = list(log.histories(["c3", "none", "c1"]))
    assert sorted(some, key=lambda mine: mine[0].customer) == [every["c1"], every["c3"]]
    assert list(log.histories([])) == []


def test_signals_that_are_not_all_are_refused() -> None:
    log = Log.from_interactions([at("a", 0)], map=SHOP)
    with pytest.raises(ElementError, match="the answer to Signals"):
        FrontLine.of_signals(SHOP, log.ask(Signals("handoff")), log.histories)
    with pytest.raises(AnswerError, match="names of customers"):
        list(log.histories("ada"))
    for wrong in (3, [3], ["ada", None]):
        with pytest.raises(AnswerError, match="names of customers"):
            list(log.histories(wrong))  # type: ignore[arg-type]


def test_those_of_whom_nothing_is_kept_do_not_wait() -> None:
    log = Log.from_interactions([at("a", 0), at("b", 1, outcome="failed")], map=SHOP)
    signals = log.ask(Signals(FrontLine.SIGNALS, as_of=T0 + 9 * DAY))
    known = FrontLine.of_signals(SHOP, signals, log.histories, NextBest(SHOP))
    assert [one.why for one in known.waiting].count("key journey") == 1
    gone = FrontLine.of_signals(SHOP, signals, lambda names: [[] for _ in names], NextBest(SHOP))
    assert {one.why for one in gone.waiting} == {"moment"}
    assert list(log.histories(["\ud800", "elsewhere"])) == []
