"""Moments of one product or order at a time, and moments that cool down."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Count,
    ElementError,
    Interaction,
    JourneyMap,
    Moment,
    Not,
    Tracker,
    Wait,
    dumps,
    loads,
)
from journeymap.tracking import MomentOverdue, MomentReached, Signal
from journeymap.tracking.codec import read_signal, signal_text
from journeymap.tracking.interaction_conditions import MAX_KEPT_APART
from journeymap.tracking.moments import MAX_COOLING
from tests.factories import DAY, HOUR, MAP, SHOP, T0, at


def reached(signals: Any) -> list[MomentReached]:
    return [one for one in signals if isinstance(one, MomentReached)]


def walked(journey: JourneyMap, sent: list[Interaction], hours: float) -> tuple[Signal, ...]:
    tracker = Tracker(journey)
    if not sent:
        return ()
    state, signals = tracker.follow(None, sent)
    state, more = tracker.advance(state, T0 + hours * HOUR)
    assert tracker.from_json(tracker.to_json(state)) == state
    return (*signals, *more)


def test_the_kettle_was_used_and_the_toaster_was_not() -> None:
    unused = Moment("unused", Absence("first_use", "delivery", 7 * DAY), per="product")
    journey = SHOP.replace(unused)
    sent = [
        at("delivery", 0, product="kettle"),
        at("delivery", 1, product="toaster"),
        at("first_use", 2, product="kettle"),
    ]
    [signal] = reached(walked(journey, sent, 24 * 30))
    assert (signal.about, signal.at) == ("toaster", T0 + HOUR + 7 * DAY)
    plain = SHOP.replace(evolve(unused, per=None))
    assert reached(walked(plain, sent, 24 * 30)) == []  # any use will do


def test_ten_angry_messages_are_one_ticket() -> None:
    angry = Moment("angry", Between("emotion", at_most=-0.5), action="Call", cool_down=4 * HOUR)
    journey = SHOP.add(angry)
    sent = [at("call", n / 10, emotion=-0.9, id=str(n)) for n in range(10)]
    sent += [at("call", 3.99, emotion=-0.9), at("call", 4, emotion=-0.9)]
    assert [one.at for one in reached(walked(journey, sent, 9))] == [T0, T0 + 4 * HOUR]


def test_a_ticket_for_each_order() -> None:
    failed = Moment("bad", At("outcome", ["failed"]), per="order", cool_down=DAY, deadline=HOUR)
    sent = [
        at("call", n, outcome="failed", extra={"order": order}, id=str(n))
        for n, order in enumerate(["A1", "A2", "A1", "A2", None, None, 7])
    ]
    signals = walked(MAP.add(failed), sent, 30)
    assert [one.about for one in reached(signals)] == ["A1", "A2", "", "7"]
    overdue = [one for one in signals if isinstance(one, MomentOverdue)]
    assert [one.about for one in overdue] == ["A1", "A2", "", "7"]


def test_ids_stay_what_they_were() -> None:
    plain = MomentReached("ada", T0, 0, "m", "call", None, "", None, T0, 0)
    assert plain.id == "0f2780bba8328cecf90306ae7d5aef3c"  # as it was before "about"
    assert evolve(plain, about="x").id != plain.id
    assert read_signal(signal_text(plain).replace(',"about":null', "")) == plain
    assert read_signal(signal_text(evolve(plain, about="x"))).id == evolve(plain, about="x").id


def test_documents_and_bad_values() -> None:
    moment = Moment("m", At("outcome", ["failed"]), per="order", cool_down=4 * HOUR)
    journey = SHOP.add(moment)
    assert "cool_down: 4 h" in dumps(journey, format="yaml")
    assert loads(dumps(journey, format="yaml"), format="yaml").moments["m"] == moment
    with pytest.raises(ElementError, match="cool_down"):
        evolve(moment, cool_down=timedelta(0))
    with pytest.raises(ElementError, match="per"):
        evolve(moment, per=" ")


def test_what_is_kept_is_bounded() -> None:
    journey = MAP.add(
        Moment("twice", Count("a", 2), per="order"),
        Moment("bad", At("outcome", ["failed"]), per="order", cool_down=900 * DAY),
    )
    sent = [at("a", n, id=str(n), outcome="failed", extra={"order": f"o{n}"}) for n in range(600)]
    state, signals = Tracker(journey).follow(None, sent)
    assert len(reached(signals)) == 600
    slow = state.fold_state.slow
    assert len(slow.cooling) == MAX_COOLING
    assert len(slow.seen) == MAX_KEPT_APART
    _, signals = Tracker(journey).fold(state, at("a", 601, extra={"order": "o599"}))
    assert [one.moment for one in reached(signals)] == ["twice"]


CONDITIONS: list[Condition] = [
    Absence("c", "a", 9 * HOUR),
    AnyOf([Absence("c", "a", 9 * HOUR), Absence("b", "a", 5 * HOUR)]),
    All([Absence("c", "a", 9 * HOUR), Count("b", 1)]),
    Count("a", 2, within=20 * HOUR),
    AnyOf([Count("a", 3), At("outcome", ["failed"])]),
    All([Wait("b", 4 * HOUR), Not(Count("c", 2))]),
]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(0, 60), st.sampled_from(["p", "q", None]),
        st.booleans(),
    ),
    max_size=20,
)  # fmt: skip


def happenings(drawn: list[tuple[str, int, str | None, bool]], per: str) -> list[Interaction]:
    made = [
        at(name, hour, id=str(n), outcome="failed" if failed else None,
           **({"product": about} if per == "product" else {"extra": {"order": about}}))
        for n, (name, hour, about, failed) in enumerate(drawn)
    ]  # fmt: skip
    return sorted(made, key=lambda one: one.at)


@settings(max_examples=200)
@given(HAPPENINGS, st.sampled_from(CONDITIONS), st.sampled_from(["product", "order"]))
def test_kept_apart_is_as_if_each_were_alone(drawn: Any, when: Condition, per: str) -> None:
    sent = happenings(drawn, per)
    found = reached(walked(MAP.add(Moment("m", when, per=per)), sent, 100))
    alone: Counter[Any] = Counter()
    for about in {one.product if per == "product" else dict(one.extra)["order"] for one in sent}:
        mine = [
            one for one in sent
            if (one.product if per == "product" else dict(one.extra)["order"]) == about
        ]  # fmt: skip
        signals = walked(MAP.add(Moment("m", when)), mine, 100)
        alone.update((one.at, one.touchpoint, about or "") for one in reached(signals))
    assert Counter((one.at, one.touchpoint, one.about) for one in found) == alone


@settings(max_examples=200)
@given(HAPPENINGS, st.sampled_from(CONDITIONS), st.integers(1, 40), st.booleans())
def test_a_moment_that_cools_down_drops_what_comes_too_soon(
    drawn: Any, when: Condition, hours: int, apart: bool
) -> None:
    sent = happenings(drawn, "product")
    per = "product" if apart else None
    every = reached(walked(MAP.add(Moment("m", when, per=per)), sent, 200))
    kept: list[MomentReached] = []
    for one in every:
        before = [k for k in kept if k.about == one.about]
        if not before or one.at - before[-1].at >= hours * HOUR:
            kept.append(one)
    cooling = MAP.add(Moment("m", when, per=per, cool_down=hours * HOUR))
    assert reached(walked(cooling, sent, 200)) == kept
