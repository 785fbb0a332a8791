"""What an answer is to its user: rows, frames, tables; and maps drafted from logs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import journeymap as jm
from journeymap import ContactLimit, IdentityRules, JourneyMapError, Tracker
from journeymap.analysis import (
    Columns,
    Funnel,
    Handoffs,
    Log,
    Loops,
    NextStep,
    Overview,
    Paths,
    Retention,
    Transitions,
    TransitionsAnswer,
    Variants,
)
from journeymap.simulation import broadband, broadband_customers


@pytest.fixture(scope="module")
def log() -> Log:
    return Log.from_interactions(broadband_customers(300), map=broadband())


def test_answers_travel_to_every_frame(log: Log) -> None:
    answer = log.ask(Transitions("department"))
    dicts = answer.to_dicts()
    assert len(answer) == len(dicts) == len(answer.rows)
    assert answer.rows[0].source == dicts[0]["source"]
    assert answer.to_polars().to_dicts() == dicts
    pandas = answer.to_pandas()
    assert isinstance(pandas, pd.DataFrame)
    assert pandas["count"].to_list() == [row["count"] for row in dicts]
    assert pa.table(answer).to_pylist() == dicts
    assert pl.DataFrame(answer).equals(answer.to_polars())
    assert answer == log.ask(Transitions("department"))
    assert answer != log.ask(Transitions("stage"))
    assert answer != dicts
    assert isinstance(answer, TransitionsAnswer)


def test_the_text_fits_a_terminal(log: Log) -> None:
    for question in (Transitions(), Handoffs(), Loops(), Variants(), Funnel(["order_placed"])):
        answer: Any = log.ask(question)
        lines = repr(answer).splitlines()
        assert max(len(line) for line in lines) <= 120
        assert lines[0] == type(answer).__name__
    assert "and 6 more rows" not in repr(log.ask(Loops()))
    assert "more rows" in repr(log.ask(Transitions()))
    assert "value_at_risk" in repr(log.ask(Handoffs())).splitlines()[-2]


def test_the_table_escapes_what_it_shows() -> None:
    frame = {"customer": ["c"], "touchpoint": ["<script>alert(1)</script>"], "at": [1]}
    answer = Log.from_frame(frame, Columns(at_unit="s")).ask(Transitions())
    assert "<script>" not in answer._repr_html_()
    assert "&lt;script&gt;" in answer._repr_html_()
    variants = Log.from_frame(frame, Columns(at_unit="s")).ask(Variants())
    assert "1 distinct journeys" in variants._repr_html_()


def test_a_large_table_says_what_it_leaves_out(log: Log) -> None:
    assert "more rows" in log.ask(Transitions())._repr_html_()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Funnel([]), "at least one step"),
        (lambda: Funnel("abc"), "not one text"),
        (lambda: Funnel(["a", "a"], order="any"), "named once"),
        (lambda: Funnel(["a"], order="sequental"), "perhaps 'sequential'"),  # type: ignore[arg-type]
        (lambda: Funnel(["a"], count="people"), "'customers'"),  # type: ignore[arg-type]
        (lambda: Variants(top=-1), "whole number"),
        (lambda: Variants(top=True), "whole number"),
    ],
)
def test_a_bad_question_says_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(jm.ElementError, match=message):
        make()


def test_an_unknown_step_names_the_nearest(log: Log) -> None:
    with pytest.raises(jm.UnknownName, match="did you mean 'order_placed'"):
        log.ask(Funnel(["order_place"]))


def test_the_funnel_tells_waits_and_intervals(log: Log) -> None:
    first, second = log.ask(Funnel(["order_placed", "order_confirmed"]))
    assert (first.share, first.wait_mean) == (1, None)
    assert second.share is not None
    assert (second.low or 0) < second.share < (second.high or 0)
    assert second.share == second.share_previous == second.count / first.count
    assert second.wait_mean is not None
    assert timedelta(hours=1) < timedelta(seconds=second.wait_mean) < timedelta(days=9)


def test_top_keeps_the_first_and_breaks_ties_by_name(log: Log) -> None:
    every = log.ask(Variants(top=None)).to_dicts()
    for top in (0, 1, 5, 10**6):
        assert log.ask(Variants(top=top)).to_dicts() == every[:top]


def test_a_sketch_is_good_enough_to_save_and_edit(data: Any) -> None:
    columns = Columns(
        customer="case:concept:name",
        touchpoint="concept:name",
        at="time:timestamp",
        department="org:group",
        channel="case:channel",
    )
    log = Log.read(data / "receipt" / "receipt.csv", columns)
    journey = log.sketch("permits")
    assert jm.loads(jm.dumps(journey)) == journey
    assert len(journey.touchpoints) == 27
    assert journey.touchpoints["Confirmation of receipt"].stage == "stage_1"
    assert journey.touchpoints["T15 Print document X request unlicensed"].stage == "stage_5"
    assert journey.touchpoints["T08 Draft and send request for advice"].department == "Group 1"
    assert set(journey.channels) == {"Internet", "Desk", "Post", "e-mail", "Intern"}
    assert journey.dormant_after is not None
    assert [stage.phase for stage in journey.stages.values()] == ["buy"] * 3 + ["own"] * 2
    assert not [problem for problem in journey.check() if problem.severity == "error"]


def test_sketches_of_small_and_strange_logs() -> None:
    def sketch(touchpoints: list[str]) -> jm.JourneyMap:
        size = len(touchpoints)
        frame = {"customer": ["c"] * size, "touchpoint": touchpoints, "at": list(range(size))}
        return Log.from_frame(frame, Columns(at_unit="s")).sketch()

    assert len(sketch([]).stages) == 0
    assert len(sketch(["a"]).stages) == 1
    strange = sketch(["a", "b\x00", "c\x07"])
    assert list(strange.touchpoints) == ["a"]  # the others are no names, and their rows set aside


def test_an_overview_of_a_log_without_a_map_uses_its_sketch(data: Any) -> None:
    columns = Columns(customer="case:concept:name", touchpoint="concept:name",
                      at="time:timestamp", department="org:group")  # fmt: skip
    log = Log.read(data / "receipt" / "receipt.csv", columns)
    overview = Overview.of(log)
    assert overview.map.id == "sketch"
    assert overview.handoffs is not None
    assert overview.handoffs.total == 5440
    again = Log.read(data / "receipt" / "receipt.csv", columns, map=overview.map)
    assert Overview.of(again).stages == overview.stages
    assert Overview.of(again).handoffs == overview.handoffs


def test_an_overview_chooses_the_main_currency() -> None:
    frame = {
        "customer": ["c"] * 3, "touchpoint": ["a"] * 3, "at": [1, 2, 3], "v": [1, 2, 3],
        "cur": ["USD", "EUR", "EUR"], "dep": ["x", "y", "x"],
    }  # fmt: skip
    columns = Columns(at_unit="s", value="v", currency="cur", department="dep")
    overview = Overview.of(Log.from_frame(frame, columns))
    assert overview.handoffs is not None
    assert overview.handoffs.currency == "EUR"
    empty = Log.from_frame({"customer": [], "touchpoint": [], "at": []}, Columns(at_unit="s"))
    assert Overview.of(empty).handoffs is None
    worthless = Log.from_frame({**frame, "v": [None] * 3, "cur": [None] * 3}, columns)
    assert Overview.of(worthless).handoffs is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Paths(by=3),  # type: ignore[arg-type]
        lambda: Retention(by=3),  # type: ignore[arg-type]
        lambda: NextStep(by=3),  # type: ignore[arg-type]
        lambda: Funnel(["a"], within=3),  # type: ignore[arg-type]
        lambda: Variants(collapse=3),  # type: ignore[arg-type]
        lambda: Handoffs(working_time=3),  # type: ignore[arg-type]
        lambda: Columns(customer=3),  # type: ignore[arg-type]
        lambda: IdentityRules(secret=3),  # type: ignore[arg-type]
        lambda: ContactLimit("x", timedelta(1)),  # type: ignore[arg-type]
        lambda: Tracker(5),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_is_refused_by_an_error_of_ours(make: Callable[[], object]) -> None:
    with pytest.raises(JourneyMapError, match="is expected"):
        make()


@settings(max_examples=200)
@given(
    st.lists(st.text("ab", min_size=1, max_size=90), max_size=30, unique=True),
    st.lists(st.integers(1, 3), min_size=30, max_size=30),
)
def test_sequences_are_ordered_as_their_names(texts: list[str], counts: list[int]) -> None:
    """The most frequent first, equal ones by their names, however far they are alike."""
    names = {"a": "touchpoint 10", "b": "touchpoint 9"}
    rows = [(text, count) for text, count in zip(texts, counts, strict=False)]
    customers, points, at = list[str](), list[str](), list[int]()
    for number, (text, count) in enumerate(rows):
        for turn in range(count):
            customers += [f"{number}-{turn}"] * len(text)
            points += [names[letter] for letter in text]
            at += range(len(text))
    log = Log.from_frame({"customer": customers, "touchpoint": points, "at": at},
                         Columns(at_unit="s"))  # fmt: skip
    found = [(row.count, row.path) for row in log.ask(Variants())]
    expected = [(count, tuple(names[letter] for letter in text)) for text, count in rows]
    assert found == sorted(expected, key=lambda one: (-one[0], one[1]))
