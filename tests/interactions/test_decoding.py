"""JSON read and written by the extra ``fast``, and without it: the same values and bytes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap.interactions import Interaction, codec
from journeymap.testing import interactions
from journeymap.tracking import Tracker
from tests.factories import HOUR, JOURNEY, T0

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(text: str, how: Any) -> str:
    try:
        value = how(text)
    except (ValueError, RecursionError) as error:
        return "RecursionError" if isinstance(error, RecursionError) else "ValueError"
    return f"{type(value).__name__} {value!r}"


def without_msgspec(text: str) -> Any:
    with mock.patch.object(codec, "_fast_decoder", return_value=None):
        return codec.decoded(text)


@settings(max_examples=500)
@given(
    VALUES.map(json.dumps)
    | VALUES.map(codec.encoded)
    | st.text(max_size=12)
    | st.from_regex(r'[-0-9.eE\[\]{}",:a\\u ]{1,12}')
)
def test_it_is_what_the_standard_library_reads(text: str) -> None:
    assert read(text, codec.decoded) == read(text, json.loads) == read(text, without_msgspec)


def without_fast_encoder(write: Any, value: Any) -> str:
    with mock.patch.object(codec, "_fast_encoder", return_value=None):
        return str(write(value))


@settings(max_examples=500)
@given(st.floats(allow_nan=False, allow_infinity=False), st.text(), st.integers())
def test_what_is_written_is_what_the_standard_library_writes(
    number: float, text: str, whole: int
) -> None:
    """Also where a text has halves of characters, and a number is very small or large."""
    data = {"a": [number, whole, None, True], text: {"b": (text, -number)}}
    expected = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    assert codec.encoded(data) == codec.encoded(data, (number, None)) == expected
    strange = {"a": Text(text), "b": Number(number)}
    assert codec.encoded(strange, (number,)) == json.dumps(
        {"a": text, "b": number}, ensure_ascii=False, separators=(",", ":")
    )


class Text(str):
    __slots__ = ()


class Number(float):
    __slots__ = ()


@given(st.lists(interactions(), min_size=1, max_size=8), st.sampled_from([None, HOUR]))
def test_interactions_and_states_are_written_alike(
    given_: list[Interaction], horizon: timedelta | None
) -> None:
    tracker = Tracker(JOURNEY, horizon)
    state, _ = tracker.follow(None, [evolve(one, customer="c") for one in given_])
    assert tracker.to_json(state) == without_fast_encoder(tracker.to_json, state)
    for one in given_:
        text = codec.interaction_text(one)
        assert text == without_fast_encoder(codec.interaction_text, one)


@pytest.mark.parametrize("number", [5e-05, 1e-07, 0.0001, -1e-05, 0.0, -0.0, 1.0, 0.24])
def test_small_numbers_in_interactions(number: float) -> None:
    one = Interaction("ada", "a", T0, emotion=number, emotion_after=-number, cost=abs(number))
    text = codec.interaction_text(one)
    assert text == without_fast_encoder(codec.interaction_text, one)
    assert codec.read_interaction(codec.decoded(text)) == one


def test_a_deep_one_is_refused_by_both() -> None:
    text = "[" * 100_000
    assert read(text, codec.decoded) == read(text, json.loads) == "RecursionError"
