"""An analyst's everyday things: rows, files, tables and a glance at a log."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import journeymap as jm
from journeymap import Interaction, Money
from journeymap.analysis import Columns, Log, Retention, Transitions, Variants
from journeymap.testing import interactions
from tests.factories import JOURNEY, T0

many = st.lists(interactions(), min_size=1, max_size=30)
DATA = {"customer": list("aab"), "touchpoint": ["=cmd()", "y", "=cmd()"], "at": [0, 60, 5]}
SMALL = Log.from_frame(DATA, Columns(at_unit="s"))


@given(many)
def test_a_row_for_each_interaction_is_the_log_again(given_: list[Interaction]) -> None:
    log = Log.from_interactions(given_, map=JOURNEY)
    frame = log.to_polars()
    assert len(frame) == len(log) == len(given_)
    back = Log.from_frame(frame, Columns(), map=JOURNEY)
    assert back.ask(Transitions(), Variants()) == log.ask(Transitions(), Variants())
    for level in log.levels:
        counts = {name: n for name, n in frame[level].value_counts().rows() if name is not None}
        assert counts == log.describe().levels[level]


@given(many, st.sampled_from(["whole", "per", "sessions", "where"]))
def test_a_row_for_each_journey(given_: list[Interaction], how: str) -> None:
    given_ = [*given_, Interaction("zoe", "a", T0, product="kettle")]
    whole = Log.from_interactions(given_, map=JOURNEY)
    log = {
        "whole": lambda: whole, "per": lambda: whole.per("product"),
        "sessions": lambda: whole.sessions("30 h"), "where": lambda: whole.where(avoid="c"),
    }[how]()  # fmt: skip
    frame, told = log.journey_table(), log.describe()
    assert (len(frame), frame["interactions"].sum()) == (log.journeys, log.interactions)
    assert (told.journeys, told.interactions, told.first) == (log.journeys, len(log), log.first)
    assert (frame["end"] - frame["start"]).dt.total_seconds().to_list() == frame["length"].to_list()
    shown = {(row["first_touchpoint"], row["interactions"]) for row in frame.to_dicts()}
    assert shown == {(row.path[0], len(row.path)) for row in log.ask(Variants(top=None))}
    assert frame["stages"].min() >= 0  # type: ignore[operator]


def test_amounts_of_a_journey_are_kept_apart_by_currency() -> None:
    def paid(customer: str, amount: str | None, currency: str = "EUR") -> Interaction:
        value = None if amount is None else Money(Decimal(amount), currency)
        return Interaction(customer, "pay", T0, value=value)

    log = Log.from_interactions(
        [paid("a", "1.50"), paid("a", "2"), paid("a", "7", "USD"), paid("b", None)]
    )
    frame = log.journey_table()
    assert frame["value_EUR"].to_list() == [3.5, 0]
    assert frame["value_USD"].to_list() == [7, 0]
    assert log.to_polars()["value"].to_list() == [1.5, 2, 7, None]


def test_a_glance() -> None:
    log = Log.from_interactions(
        [Interaction("ada", name, datetime(2026, 3, 1, n, tzinfo=UTC)) for n, name in
         enumerate(["a", "b", "elsewhere"])], map=JOURNEY,
    )  # fmt: skip
    shown = repr(log.describe())
    assert shown.startswith("3 interactions of 1 customers in 1 journeys\nfrom 2026-03-01 00:00 to")
    assert "touchpoint: a 1, b 1, elsewhere 1" in shown
    assert "not on the map: elsewhere" in shown
    assert len(log) == 3
    assert log.where(customer="nobody")  # a log of nothing is a log
    assert repr(SMALL.sessions("30 s")) == "<Log of 3 interactions of 2 customers in 3 journeys>"


def test_rows_by_their_place() -> None:
    answer = SMALL.ask(Variants())
    assert answer[0] == answer.rows[0]
    assert answer[-1] == answer.rows[-1]
    assert answer[:1] == answer.rows[:1]
    with pytest.raises(IndexError, match="there is no row 2: the answer has 2"):
        answer[2]


def test_files_for_colleagues(tmp_path: Path) -> None:
    answer = SMALL.ask(Variants())
    assert answer.to_csv(tmp_path / "a.csv").splitlines()[0] == "path,count,customers,share,n"
    back = pl.read_csv(tmp_path / "a.csv")
    assert back["path"].to_list() == ["'=cmd()", "'=cmd() → y"]  # no formula in a spreadsheet
    answer.to_excel(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        names, sheet, texts = (
            book.read(f"xl/{part}.xml").decode()
            for part in ("workbook", "worksheets/sheet1", "sharedStrings")
        )
    assert 'name="Variants"' in names
    assert re.search('<c r="A2"[^>]* t="s">', sheet)  # a text,
    assert "<f>" not in sheet  # and no formula
    assert "<t>=cmd()</t>" in texts


def test_more_rows_on_request_and_no_column_of_dashes() -> None:
    log = Log.from_frame(
        {"customer": [f"c{n}" for n in range(50)], "touchpoint": [f"t{n}" for n in range(50)],
         "at": [0] * 50}, Columns(at_unit="s"),
    )  # fmt: skip
    answer = log.ask(Transitions())
    assert "… and 80 more rows; nothing in wait_mean, wait_median, wait_p90" in repr(answer)
    assert "wait_mean" not in repr(answer).splitlines()[1]
    assert "more rows" not in repr(answer.show(max_rows=100))
    assert answer.show(max_rows=100) == answer
    assert "white-space:nowrap" in answer._repr_html_()
    assert "nothing in" not in repr(log.where(customer="nobody").ask(Retention()))


def test_the_log_is_found_at_the_front_door_and_loaded_late() -> None:
    assert jm.Log is Log
    code = "import sys, journeymap; print('numpy' in sys.modules, journeymap.Log.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "Log"]
    with pytest.raises(AttributeError, match="has no attribute 'Logg'"):
        jm.Logg  # type: ignore[attr-defined]  # noqa: B018
