"""Columns of other types than one expects, and formats that would misread: named, never guessed."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeymap import Interaction, JourneyMap, Stage, Touchpoint, Tracker
from journeymap.adapters.mapping import loads_mapping
from journeymap.adapters.reading.numbers import read_decimal
from journeymap.analysis import (
    Breakdown,
    Columns,
    Log,
    Retention,
    Satisfaction,
    Transitions,
    Trend,
)
from journeymap.engines import ParquetLog
from journeymap.exceptions import ColumnsError, ElementError, JourneyMapError
from journeymap.model.recorded_names import RecordedNames
from journeymap.testing import given
from tests.factories import SHOP, T0

PLAIN: dict[str, list[Any]] = {
    "customer": ["1"], "touchpoint": ["a"], "at": ["2026-03-01T10:00Z"]
}  # fmt: skip


@pytest.mark.parametrize(
    "text", ["%d/%m/%Y %H:%M %Z", "%d/%m %H:%M", "%H:%M", "%%Y %H:%M", "%m-%d", "%F %T"]
)
def test_formats_that_would_misread_are_refused(text: str) -> None:
    """A zone's name is passed over by Python, and a year that is missing is 1900."""
    with pytest.raises(ElementError, match=r"no year|zones|%F is not read"):
        Columns(at_format=text, timezone="Europe/Paris")
    mapping = f"""
        [[records]]
        identities = {{user = "$.u"}}
        touchpoint = "$.t"
        at = {{path = "$.at", format = "{text}"}}
    """
    with pytest.raises(JourneyMapError, match=r"no year|zones|%F is not read"):
        loads_mapping(mapping)


@pytest.mark.parametrize(
    "text", ["%d/%m/%Y", "%y%m%d %H%M", "%G-W%V-%u", "%Y %z", "%c", "%-d.%m.%Y"]
)
def test_formats_of_whole_times_are_taken(text: str) -> None:
    assert Columns(at_format=text).at_format == (text,)


LENGTH = pl.Series([dt.timedelta(hours=1)])
DAY = pl.Series([dt.date(2026, 1, 1)])


@pytest.mark.parametrize("values", [LENGTH, pl.Series([[1]]), pl.Series([b"x"])])
@pytest.mark.parametrize("where", ["extra", "customer", "channel", "order"])
def test_what_is_no_name_is_no_name(values: pl.Series, where: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(PLAIN).with_columns(values.alias("odd"))
    columns = Columns(extra=("odd",)) if where == "extra" else Columns(**{where: "odd"})  # type: ignore[arg-type]
    if where == "extra" and values.dtype.is_nested():
        return  # kept as JSON
    with pytest.raises(ColumnsError, match="'odd' holds"):
        Log.from_frame(frame, columns)
    frame.write_parquet(tmp_path / "a.parquet")
    for read in (Log.read, ParquetLog.read):
        with pytest.raises(ColumnsError, match="'odd' holds"):
            read(tmp_path / "a.parquet", columns)


@pytest.mark.parametrize("values", [DAY, LENGTH, pl.Series([True]), pl.Series([dt.time(1)])])
@pytest.mark.parametrize("role", ["value", "cost", "score", "emotion", "duration"])
def test_what_is_no_number_is_no_number(values: pl.Series, role: str) -> None:
    """A day is no 20,454 euros."""
    frame = pl.DataFrame(PLAIN).with_columns(values.alias("odd"))
    more: dict[str, Any] = {"value": {"currency": "EUR"}, "score": {"score_kind": "nps"}}
    columns = Columns(**{role: "odd", **more.get(role, {})})
    if role == "duration" and values is LENGTH:
        assert Log.from_frame(frame, columns).interactions == 1
        return
    with pytest.raises(ColumnsError, match="not numbers"):
        Log.from_frame(frame, columns)


def test_columns_that_are_not_wanted_may_be_anything() -> None:
    duckdb = pytest.importorskip("duckdb")
    pa = pytest.importorskip("pyarrow")
    found = duckdb.sql(
        "select '1' customer, 'a' touchpoint, '2026-01-01T00:00Z' as \"at\", interval 1 day as q"
    )
    assert Log.from_frame(found).interactions == 1
    for frame in (found, pa.table(PLAIN)):
        with pytest.raises(JourneyMapError, match=r"no column 'nope' .*'customer'"):
            Log.from_frame(frame, Columns(customer="nope"))
    month = pa.array([pa.MonthDayNano([1, 2, 3])])
    assert Log.from_frame(pa.table({**PLAIN, "odd": month})).interactions == 1


def test_no_one_is_called_infinite() -> None:
    log = Log.from_frame({"customer": [float("inf"), float("-inf"), 1.0], "touchpoint": ["a"] * 3,
                          "at": ["2026-03-01T10:00Z"] * 3})  # fmt: skip
    assert log.interactions == 1
    assert log.rejected.reasons == {"no customer": 2}


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2009", "\u202f", "'", "’"])
def test_groups_of_digits_are_parted_by_any_blank(space: str) -> None:
    columns = Columns(value="v", currency="EUR", decimal=",")
    log = Log.from_frame({**PLAIN, "v": [f"1{space}234,50"]}, columns)
    assert log.to_polars()["value"].to_list() == [1234.5]


def test_patterns_of_names_are_quick_whatever_they_are() -> None:
    names = RecordedNames.of({"*a" * 30 + "*b": "x", "/m/*/end": "movie", "*": "other"})
    assert names.resolve("a" * 5000) == "other"
    assert names.resolve("/m/1/end") == "movie"
    assert names.resolve("/m/end") == "other"
    overlapping = RecordedNames.of({"ab*ba": "x"})
    assert overlapping.resolve("aba") == "aba"
    assert overlapping.resolve("abba") == "x"
    journey = JourneyMap(
        "s", stages=[Stage("use", "own")],
        touchpoints=[Touchpoint("x", "use", recorded_as=["*a*a*a*a*a*a*ab"])],
    )  # fmt: skip
    state, _ = Tracker(journey).fold(None, Interaction("c", "a" * 400, T0))
    assert state.position is not None
    assert state.position.touchpoint == "a" * 400


def test_a_period_without_an_answer_is_shown() -> None:
    frame = {"customer": ["1", "1", "2"], "touchpoint": ["a"] * 3, "s": [9, None, 3],
             "at": ["2026-01-01T10:00Z", "2026-03-01T10:00Z", "2026-03-05T10:00Z"]}  # fmt: skip
    log = Log.from_frame(frame, Columns(score="s", score_kind="nps"))
    for question in (Trend(Satisfaction(), every="month"),
                     Trend(Breakdown(Satisfaction(), by="touchpoint"), every="month")):  # fmt: skip
        answer = log.ask(question)
        assert "2026-02-01" in repr(answer)
        assert "2026-02-01" in answer._repr_html_()


def test_names_in_csv_are_no_formulas() -> None:
    frame = {"customer": ["1"] * 3, "touchpoint": ["=1+1", "@x", "b"], "at": [1, 2, 3]}
    text = Log.from_frame(frame, Columns(at_unit="s")).ask(Transitions()).to_csv()
    assert "'=1+1,'@x" in text
    assert "'@x,b," in text
    phones = {"customer": ["1", "1"], "touchpoint": ["+49 30 12", "-5"], "at": [1, 2]}
    text = Log.from_frame(phones, Columns(at_unit="s")).ask(Transitions()).to_csv()
    assert "+49 30 12,-5," in text  # numbers with a sign are no formulas


def test_a_length_that_is_none_is_refused() -> None:
    for wrong in ("3 moons", None, 3):
        with pytest.raises(ElementError, match="a length of time"):
            given(SHOP).wait(wrong)  # type: ignore[arg-type]


def test_the_place_of_a_path_that_is_none_is_named() -> None:
    mapping = 'id = "m"\n[[records]]\nidentities = {u = "$.u"}\ntouchpoint = "$.t"\nat = "at"\n'
    with pytest.raises(
        JourneyMapError, match=r"line 5, column 1: records\[0\]\.at: 'at' is looked"
    ):
        loads_mapping(mapping)


def test_a_header_of_tabs_may_have_commas(tmp_path: Path) -> None:
    place = tmp_path / "a.tsv"
    place.write_text("customer\ttouchpoint\tat\tcomment, if any, here, yes\n1\ta\t2026-03-01Z\tx\n")
    assert Log.read(place, Columns(timezone="UTC")).interactions == 1


def test_serial_days_beyond_the_calendar_are_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    days = ["46082.5", "2958466", "3000000", "-800000", "1e300", ""]
    file.write_text("customer,touchpoint,at\n" + "".join(f"a,x,{day}\n" for day in days))
    log = Log.read(file, Columns(at_unit="excel", timezone="UTC"))
    beyond = "a time outside the years 1 to 9999; is at_unit right?"
    assert log.interactions == 1
    assert [one.reason for one in log.rejected] == [beyond] * 4 + ["no time"]
    far = pl.Series([253_402_300_800_000_000, 0]).cast(pl.Datetime("us"))
    frame = pl.DataFrame({"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": far})
    log = Log.from_frame(frame, Columns(timezone="UTC"))
    assert (log.interactions, [one.reason for one in log.rejected]) == (1, [beyond])


@pytest.mark.parametrize(("mark", "texts"), [
    (".", {".5": "0.5", "5.": "5.0", "-.25": "-0.25", "1,234.5": "1234.5"}),
    (",", {",5": "0.5", "-,25": "-0.25", "1.234,5": "1234.5"}),
])  # fmt: skip
def test_decimals_without_a_whole_part(mark: Any, texts: dict[str, str]) -> None:
    met = [*texts, "", mark, "+", f"{mark}{mark}5"]
    data = {"customer": ["a"] * len(met), "touchpoint": ["x"] * len(met),
            "at": list(range(len(met))), "v": met}  # fmt: skip
    columns = Columns(at_unit="s", value="v", currency="EUR", decimal=mark)
    log = Log.from_frame(data, columns)
    found = [one.value.amount for one in log.history("a") if one.value is not None]
    assert found == [Decimal(one) for one in texts.values()]
    assert len(log.rejected) == 3
    for text, number in texts.items():
        assert read_decimal(text, mark) == Decimal(number)


def test_whole_and_broken_emotions_after() -> None:
    felt = [
        Interaction("a", "x", datetime(2026, 3, n + 1, tzinfo=UTC), emotion_after=one)
        for n, one in enumerate([1, 0.5, None])
    ]
    log = Log.from_interactions(felt)
    assert [one.emotion_after for one in log.history("a")] == [1.0, 0.5, None]


def test_what_came_first_on_a_day_is_no_return() -> None:
    data = {"customer": list("aabb"), "touchpoint": ["call", "order", "order", "call"],
            "at": ["2026-03-01"] * 4}  # fmt: skip
    log = Log.from_frame(data, Columns(timezone="UTC"))
    [row] = log.ask(Retention("order", "call", every="day"))
    assert (row.customers, row.n) == (1, 2)


def test_duplicates_are_one_reason() -> None:
    data = {"id": [str(n // 2) for n in range(60)], "customer": ["a"] * 60,
            "touchpoint": ["x"] * 60, "at": [1] * 60}  # fmt: skip
    log = Log.from_frame(data, Columns(at_unit="s", id="id"))
    assert log.rejected.reasons == {"a duplicate: the same id again": 30}
    assert log.rejected[0].reason == "a duplicate: the same id as line 1"


def test_a_sketch_keeps_an_order_that_never_varies() -> None:
    """Who gives up after the cart makes it no later than the order."""
    rows = []
    for n in range(100):
        steps = ["visit", *(["cart"] if n < 70 else [])]
        steps += ["order", "delivery", "use", "use"] if n < 35 else []
        rows += [(f"c{n}", step, 86_400 * k + n) for k, step in enumerate(steps)]
    customers, points, times = zip(*rows, strict=True)
    data = {"customer": customers, "touchpoint": points, "at": times}
    drafted = Log.from_frame(data, Columns(at_unit="s")).sketch()
    assert list(drafted.touchpoints) == ["visit", "cart", "order", "delivery", "use"]
    stages = [point.stage for point in drafted.touchpoints.values()]
    assert stages == sorted(str(stage) for stage in stages)


def test_journeys_per_order_are_the_same_from_any_door() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    some = [Interaction("a", "x", at, id=str(n), extra={"order": str(n % 2)}) for n in range(4)]
    data = {"customer": ["a"] * 4, "touchpoint": ["x"] * 4, "at": [0] * 4,
            "order": [str(n % 2) for n in range(4)]}  # fmt: skip
    logs = [Log.from_interactions(some),
            Log.from_frame(data, Columns(at_unit="s", extra=["order"]))]  # fmt: skip
    one, other = (log.per("order").ask(Transitions()).frame for log in logs)
    assert one.equals(other)
    assert logs[0].history("a")[0].extra == (("order", "0"),)
