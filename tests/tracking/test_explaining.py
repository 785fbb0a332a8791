"""Explanations of moments: each condition with what was found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
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
    Interaction,
    Moment,
    Money,
    Not,
    Score,
    StateError,
    Tracker,
    UnknownName,
    Wait,
)
from journeymap.tracking import MomentReached
from tests.factories import DAY, HOUR, MAP, SHOP, T0, at

CONDITIONS: list[Condition] = [
    At("outcome", ["failed"]), At("stage", ["buy"]), At("channel", ["web"]),
    Between("emotion", at_most=-0.5), Between("value", at_least=5, currency="EUR"),
    Between("nps", at_most=6), Count("a", 2, within=20 * HOUR), Wait("b", 4 * HOUR),
    Absence("c", "a", 9 * HOUR),
]  # fmt: skip
HAPPENINGS = st.lists(
    st.builds(
        lambda name, hour, failed, emotion, value, nps, product: at(
            name, hour, outcome="failed" if failed else "succeeded", emotion=emotion,
            value=None if value is None else Money(value, "EUR"), product=product,
            score=None if nps is None else Score("nps", nps, 0, 10),
        ),
        st.sampled_from("abc"), st.integers(0, 50), st.booleans(),
        st.sampled_from([None, -0.9, 0.4]), st.sampled_from([None, 3, 9]),
        st.sampled_from([None, 3, 9]), st.sampled_from([None, "p", "q"]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=300)
@given(
    HAPPENINGS,
    st.recursive(
        st.sampled_from(CONDITIONS),
        lambda inner: st.builds(All, st.lists(inner, min_size=1, max_size=2))
        | st.builds(AnyOf, st.lists(inner, min_size=1, max_size=2)) | st.builds(Not, inner),
        max_leaves=4,
    ),
    st.sampled_from([None, "product"]),
    st.sampled_from([None, 8 * HOUR]),
)  # fmt: skip
def test_it_is_what_the_fold_did(
    sent: list[Interaction], when: Condition, per: str | None, cool_down: Any
) -> None:
    tracker = Tracker(MAP.add(Moment("m", when, per=per, cool_down=cool_down)))
    state = None
    for one in sorted(sent, key=lambda one: one.at):
        state, signals = tracker.fold(state, one)
        explained = tracker.explain(state, "m")
        reached = [s for s in signals if isinstance(s, MomentReached) and s.at == one.at]
        assert explained.reached is bool(reached)
        assert (explained.at, explained.touchpoint) == (one.at, one.touchpoint)
        if not explained.reached and isinstance(when, (At, Between, Count, Wait)):
            [condition] = explained.conditions
            assert not condition.holds or explained.notes
        if explained.reached and isinstance(when, (At, Between, Count, Wait)):
            assert explained.conditions[0].holds
        assert str(explained).startswith("ada ")


def test_each_condition_says_what_it_found() -> None:
    when = All([
        At("outcome", ["failed"]), At("channel", ["web"]), Between("emotion", at_most=-0.5),
        Between("value", at_least=5, currency="EUR"), Count("a", 3), Wait("b", 4 * HOUR),
        Between("nps", at_most=6),
    ])  # fmt: skip
    tracker = Tracker(MAP.add(Moment("m", when)))
    sent = [at("a", 0), at("b", 1), at("a", 3, outcome="failed", emotion=-0.2)]
    state, _ = tracker.follow(None, sent)
    explained = tracker.explain(state, "m")
    assert [(one.holds, one.found) for one in explained.conditions] == [
        (True, "it is 'failed'"), (True, "it is 'web'"), (False, "it is -0.2"),
        (False, "it has no value"), (False, "2 times, this one counted"), (False, "2 h after"),
        (False, "it has no nps"),
    ]  # fmt: skip


def test_what_is_awaited_and_what_cools_down() -> None:
    tracker = Tracker(SHOP)
    state, _ = tracker.fold(None, at("delivery", 0))
    explained = tracker.explain(state, "unused")
    assert [one.holds for one in explained.conditions] == [None]
    assert explained.notes == (
        "it waits since 2026-03-02T09:00:00+00:00, until 2026-03-09T09:00:00+00:00",
    )
    cool = Tracker(SHOP.add(Moment("bad", At("outcome", ["failed"]), cool_down=5 * HOUR)))
    state, _ = cool.follow(None, [at("call", 0, outcome="failed"), at("call", 1, outcome="failed")])
    assert cool.explain(state, "bad").notes == (
        "it was reached a short while before: not again until 2026-03-02T14:00:00+00:00",
    )
    completed = Tracker(SHOP.add(Moment("often", Count("call", 2))))
    state, _ = completed.follow(None, [at("call", n) for n in range(3)])
    assert "already" in completed.explain(state, "often").notes[0]


def test_what_cannot_be_explained() -> None:
    state, _ = Tracker(SHOP).fold(None, at("call", 0))
    with pytest.raises(UnknownName, match="failed"):
        Tracker(SHOP).explain(state, "faild")
    with pytest.raises(StateError, match="another"):
        Tracker(MAP).explain(state, "failed")
    bare = Tracker(SHOP, timedelta(0))
    state, _ = bare.fold(None, at("call", 0))
    with pytest.raises(StateError, match="horizon"):
        bare.explain(state, "failed")


@given(
    st.lists(st.tuples(st.sampled_from(["order", "delivery", "first_use", "call"]),
                       st.integers(0, 20)), min_size=1, max_size=6),
    st.integers(0, 30), st.booleans(),
)  # fmt: skip
def test_what_time_brought_is_explained(
    given_: list[tuple[str, int]], passed: int, either: bool
) -> None:
    """What the fold says of the time since the last interaction, the explanation says, too."""
    absent = Absence("first_use", "delivery", 7 * DAY)
    when = AnyOf([Count("call", 2), absent]) if either else absent
    tracker = Tracker(SHOP.replace(Moment("unused", when)), None)
    days = sorted(given_, key=lambda pair: pair[1])
    state: Any = None
    last: tuple[Any, ...] = ()
    for number, (touchpoint, day) in enumerate(days):
        state, last = tracker.fold(state, at(touchpoint, 24 * day, id=str(number)))
    assert state is not None
    begun = state.clock
    state, since = tracker.advance(state, begun + passed * DAY)
    reached = [s for s in (*last, *since) if s.kind == "moment reached" and s.moment == "unused"]
    explained = tracker.explain(state, "unused")
    here = [s for s in reached if s.at >= begun]
    assert explained.reached is bool(here)
    for one in explained.conditions:
        if one.condition == str(absent) and not either:
            assert one.holds or not here
            asked = [name for name, _ in days].count("delivery")
            waits = asked == 1 and days[-1][0] == "delivery" and passed <= 7
            assert (one.holds is None) or not waits


def test_a_moment_that_held_before_is_explained_as_such() -> None:
    either = AnyOf([Count("call", 2), Count("order", 2)])
    tracker = Tracker(SHOP.add(Moment("often", either)), None)
    state, _ = tracker.follow(None, [at("call", n, id=str(n)) for n in range(3)])
    explained = tracker.explain(state, "often")
    assert not explained.reached
    assert "already" in explained.notes[0]


def test_what_is_awaited_of_one_thing_is_not_explained_by_another() -> None:
    """The kettle was never used; the toaster was."""
    unused = Moment("unused", Absence("first_use", after="delivery", within=7 * DAY), per="product")
    tracker = Tracker(SHOP.replace(unused))
    state, _ = tracker.follow(None, [
        at("delivery", 0, product="kettle"), at("delivery", 72, product="toaster"),
        at("first_use", 120, product="toaster"),
    ])  # fmt: skip
    state, _ = tracker.advance(state, T0 + 8 * DAY)
    found = str(tracker.explain(state, "unused"))
    assert "did not reach" in found
    assert "as time passed" not in found
