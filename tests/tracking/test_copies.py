"""States and trackers as values: pickled and copied, they are equal and go on alike."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    Interaction,
    JourneyMap,
    Moment,
    Stage,
    Touchpoint,
    Tracker,
)
from journeymap.testing import interactions
from tests.factories import JOURNEY, SHOP
from tests.factories import happened as at

COPIES: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *(
        lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol))  # noqa: S301
        for protocol in (2, pickle.HIGHEST_PROTOCOL)
    ),
]


@pytest.mark.parametrize("copied", COPIES)
def test_copies_are_equal_values(copied: Callable[[Any], Any]) -> None:
    tracker = Tracker(SHOP, remember=5)
    state, _ = tracker.follow(None, [at("order", 0), at("delivery", 1, product="box")])
    for value in (tracker, state, SHOP, state.fold_state, state.position):
        assert copied(value) == value
    assert copied(tracker) != Tracker(SHOP)
    more = at("call", 2, outcome="failed")
    assert copied(tracker).fold(copied(state), more) == tracker.fold(state, more)
    assert tracker.to_json(copied(state)) == tracker.to_json(state)


@settings(max_examples=40)
@given(st.lists(interactions(touchpoints=("a", "b", "c"), customers=("ada",)), min_size=1))
def test_any_state_is_pickled(given_: list[Interaction]) -> None:
    state, _ = Tracker(JOURNEY).follow(None, given_)
    assert pickle.loads(pickle.dumps(state)) == state  # noqa: S301


SLEEPY = JourneyMap(
    "sleepy",
    dormant_after=timedelta(days=2),
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    touchpoints=[Touchpoint("order", "choose"), Touchpoint("open", "use")],
    moments=[Moment("silent", Absence("open", "order", timedelta(days=3)))],
)


@given(
    st.lists(st.tuples(st.sampled_from(["order", "open"]), st.integers(0, 12)), min_size=1),
    st.integers(0, 14), st.sampled_from([0, 1, 2, 3, None]), st.sampled_from([1, 2, None]),
)  # fmt: skip
def test_a_state_written_and_read_goes_on_alike(
    given_: list[tuple[str, int]], now: int, horizon: int | None, remember: int | None
) -> None:
    """Also where things happen at the very time when a timer fires, and in any order."""
    length = None if horizon is None else timedelta(days=horizon)
    tracker = Tracker(SLEEPY, horizon=length, remember=remember)
    one = read = None
    for number, (touchpoint, day) in enumerate(given_):
        happened = at(touchpoint, 24 * day, id=str(number))
        one, signals = tracker.fold(one, happened)
        read, others = tracker.fold(read, happened)
        assert signals == others
        read = tracker.from_json(tracker.to_json(read))
        assert read == one
    assert one is not None
    assert read is not None
    then = at("order", 24 * now).at
    assert tracker.advance(one, then) == tracker.advance(read, then)
