"""JSON read by the extra ``fast``, and without it: the same values, the same refusals."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap.interactions import codec

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


def test_a_deep_one_is_refused_by_both() -> None:
    text = "[" * 100_000
    assert read(text, codec.decoded) == read(text, json.loads) == "RecursionError"
