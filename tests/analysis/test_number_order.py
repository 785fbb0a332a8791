"""Numbers put in order by counting are those that comparing puts in order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap.analysis.table import number_order
from journeymap.analysis.table.number_order import (
    group_by_code,
    group_stretches,
    order_numbers,
    sort_numbers,
)
from journeymap.analysis.table.ordering import order_rows

columns = st.integers(1, 60).flatmap(
    lambda size: st.lists(
        st.sampled_from([0, 1, 7, 1 << 17, 1 << 18, (1 << 31) - 1, 1 << 45, (1 << 53) - 1]).flatmap(
            lambda most: st.lists(st.integers(0, most), min_size=size, max_size=size)
        ),
        min_size=1,
        max_size=3,
    )
)


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_order, "_FEW", 1)


@given(columns)
def test_orders_are_those_of_comparison(given_: list[list[int]]) -> None:
    numbers = [np.array(one, dtype=np.int64) for one in given_]
    assert order_numbers(*numbers).tolist() == np.lexsort(numbers[::-1]).tolist()
    assert sort_numbers(numbers[0].copy()).tolist() == sorted(given_[0])
    if max(given_[0]) < 1 << 32:
        small = np.array(given_[0], dtype=np.uint32)
        assert sort_numbers(small.copy()).tolist() == sorted(given_[0])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=60))
def test_groups_keep_their_order(given_: list[tuple[int, int]]) -> None:
    codes = np.array([code for code, _ in given_])
    found, begins = group_by_code(codes, 12, np.arange(len(codes)))
    groups = [found[a:b].tolist() for a, b in pairwise(begins)]
    assert groups == [[n for n, code in enumerate(codes) if code == one] for one in range(12)]
    lengths = [length for _, length in given_]
    whole = np.repeat(codes, lengths)
    bounds = np.append(0, np.cumsum(lengths))
    stretch = np.repeat(np.arange(len(lengths)), lengths)
    found, begins = group_stretches(whole, 12, bounds)
    groups = [found[a:b].tolist() for a, b in pairwise(begins)]
    assert groups == [stretch[whole == one].tolist() for one in range(12)]


times = st.sampled_from([1, 1000, 1_000_000]).flatmap(
    lambda unit: st.integers(-(10**9), 10**9).map(lambda number: number * unit)
)


@given(st.lists(st.tuples(st.integers(0, 5), times), min_size=2, max_size=40), st.booleans())
def test_rows_are_ordered_by_customer_time_and_arrival(
    given_: list[tuple[int, int]], by_time: bool
) -> None:
    rows = sorted(given_, key=lambda row: row[1]) if by_time else given_
    journeys, at = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    expected = sorted(range(len(rows)), key=lambda n: rows[n])
    found = order_rows(journeys, at)
    assert (list(range(len(rows))) if found is None else found.tolist()) == expected
