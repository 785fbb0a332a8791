"""States and trackers as values: pickled and copied, they are equal and go on alike."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Interaction, Tracker
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
