"""What crosses a cluster: plain data, arrays, frames, attrs classes; nothing that runs."""

from __future__ import annotations

import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Identity, Interaction, Money
from journeymap.engines.wire import WireError, pack, unpack
from journeymap.interactions.checkpoint import OpenCheckpoint

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.tuples(st.integers(), st.text()), inner)
        | st.frozensets(st.integers() | st.text())
    ),
)


@given(plain)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    assert unpack(pack(value)) == value
    assert pack(unpack(pack(value))) == pack(value)


@frozen(eq=False)
class Found:
    names: tuple[str, ...]
    _counts: Any
    later: list[int] = field(factory=list, init=False)


def test_arrays_frames_and_classes() -> None:
    sent = Found(("a",), np.arange(3, dtype=np.uint8))
    back = unpack(pack({"x": [sent, Counter("abca"), pl.DataFrame({"a": [1]}), np.int64(4)]}))
    one, counter, frame, number = back["x"]
    assert (type(one), one.names, one._counts.tolist()) == (Found, ("a",), [0, 1, 2])
    assert one._counts.dtype == np.uint8
    assert (type(counter), counter["a"]) == (Counter, 2)
    assert (frame.to_dicts(), number) == ([{"a": 1}], 4)


def test_times_amounts_and_values_of_ours() -> None:
    call = Interaction(
        "ada", "call", datetime(2026, 3, 1, 9, tzinfo=UTC), value=Money(Decimal("9.90"), "EUR"),
        duration=timedelta(minutes=3), referred_by=Identity("mail", "b"), extra={"order": "7"},
    )  # fmt: skip
    open_ = OpenCheckpoint("claim", call.at, 0, (("call", None),))
    assert unpack(pack([call, open_])) == [call, open_]
    assert type(unpack(pack(open_))) is OpenCheckpoint


def test_what_cannot_be_sent_is_named() -> None:
    with pytest.raises(WireError, match=r"a builtins\.object cannot be sent"):
        pack([object()])
    with pytest.raises(WireError, match="MaskedArray"):
        pack(np.ma.masked_array([1, 2], [True, False]))
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        pack(np.array([object()]))


@pytest.mark.parametrize("name", [["os", "system"], ["nowhere", "X"], ["builtins", "eval"]])
def test_only_attrs_classes_are_made(name: list[str]) -> None:
    head = b'{"is": "object", "class": ["%s", "%s"], "of": []}' % tuple(n.encode() for n in name)
    data = struct.pack("<2q", len(head), 0) + head
    with pytest.raises(WireError, match=name[1]):
        unpack(data)
