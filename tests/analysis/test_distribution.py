"""Distributions: every number lies in one bin, and quantiles are those of the numbers."""

from __future__ import annotations

import statistics
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.analysis import Breakdown, Columns, Distribution, Log
from journeymap.exceptions import ElementError, UnknownName
from tests.analysis import plain
from tests.analysis.test_scorecard import happened
from tests.factories import JOURNEY


def numbers(given: list[Interaction], of: str) -> list[float]:
    found: list[float] = []
    for mine in plain.journeys(given).values():
        if of == "interactions":
            found.append(len(mine))
        elif of == "length":
            found.append((mine[-1].at - mine[0].at).total_seconds())
        elif of == "value":
            euros = [one.value.amount for one in mine if one.value and one.value.currency == "EUR"]
            found += [float(sum(euros))] if euros else []
        else:
            for before, after in pairwise(mine):
                ended = before.at + (before.duration or timedelta(0))
                found.append(max((after.at - ended).total_seconds(), 0.0))
    return found


@settings(max_examples=120)
@given(happened, st.sampled_from(["wait", "length", "interactions", "value"]))
def test_a_histogram_of_all_numbers(given: list[Interaction], of: Any) -> None:
    log = Log.from_interactions(given, map=JOURNEY)
    answer = log.ask(Distribution(of, currency="EUR" if of == "value" else None))
    expected = numbers(given, of)
    assert sum(row.count for row in answer) == len(expected)
    for row in answer:
        low, high = (
            -np.inf if row.low is None else row.low,
            np.inf if row.high is None else row.high,
        )
        assert row.count == sum(low <= one < high for one in expected)
    if expected:
        assert answer[-1].cumulative == 1
        assert answer.mean == pytest.approx(statistics.fmean(expected), abs=1e-6)
        assert answer.quantiles["p50"] == pytest.approx(statistics.median(expected), abs=1e-6)
        assert answer.quantiles["p90"] == pytest.approx(np.quantile(expected, 0.9), abs=1e-6)
    assert repr(answer)


def test_time_from_one_element_to_another_by_segment() -> None:
    frame = {"customer": list("aaabb"), "touchpoint": ["x", "z", "y", "x", "y"],
             "at": [0, 5, 60, 0, 7200], "device": ["web"] * 3 + ["app"] * 2}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", channel="device"))
    answer = log.ask(Breakdown(Distribution("wait", start="x", end="y"), by="channel"))
    assert [(row.segment, row.low, row.high, row.count) for row in answer] == [
        ("app", 3600, 21_600, 1), ("web", 60, 600, 1)
    ]  # fmt: skip
    assert answer.answers["web"].quantiles["p50"] == 60
    assert "1 h" in repr(answer)


def test_what_cannot_be_distributed() -> None:
    wrong: list[dict[str, Any]] = [
        {"of": "speed"}, {"of": "wait", "start": "x"}, {"of": "length", "start": "x", "end": "y"},
        {"of": "wait", "edges": (3, 1)}, {"of": "wait", "edges": ()},
    ]  # fmt: skip
    for fields in wrong:
        with pytest.raises(ElementError):
            Distribution(**fields)
    log = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [0]}, Columns(at_unit="s"))
    assert "this log knows no value" in repr(log.ask(Distribution("value")))
    with pytest.raises(UnknownName):
        log.ask(Distribution("wait", start="x", end="nowhere"))
    assert len(log.ask(Distribution("wait"))) == 0
