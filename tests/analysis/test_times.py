"""Times and numbers mean the same, whichever door they come in by."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.adapters.mapping import Pick, RecordRule, columns_mapping
from journeymap.adapters.mapping.applying import AppliedMapping
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.tables.calendar_bounds import iterate_rows
from journeymap.analysis import Columns, Lifecycle, Log
from journeymap.analysis.table.times import NO_TIME, read_times
from journeymap.exceptions import SourceError
from journeymap.model.instants import instant

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
SAO_PAULO, PARIS = "America/Sao_Paulo", "Europe/Paris"


def columns(values: list[Any], zone: str | None = None, unit: Any = None, **how: Any) -> list[Any]:
    """Times as a log reads them: instants, or None for what is set aside."""
    micros, reasons = read_times(pl.Series(values, strict=False), zone, unit, **how)
    assert [one == NO_TIME for one in micros.tolist()] == [one is not None for one in reasons]
    return [None if one == NO_TIME else instant(one) for one in micros.tolist()]


def mapped(values: list[Any], zone: str | None = None, unit: Any = None, **how: Any) -> list[Any]:
    """Times as a mapping reads them."""
    pick = Pick(["$.at"], unit=unit, format=how.get("formats", ()), decimal=how.get("decimal"))
    rule = RecordRule(pick, {"u": "$.u"}, "t")
    made = AppliedMapping(
        PayloadMapping("m", [rule], timezone=zone, clock_change=how.get("clock_change"))
    )
    found = [made.apply({"at": one, "u": "1"}, 1) for one in values]
    return [one.records[0].at.astimezone(UTC) if one.records else None for one in found]


DIGITS = "0123456789"
TEXTS = st.one_of(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28)).map(str),
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(
        lambda at: at.strftime("%Y%m%dT%H%M%S")
    ),
    st.from_regex(
        r" ?(20[12][0-9]-?[01][0-9]-?[0-3][0-9])([T ][0-2]?[0-9](:?[0-5][0-9])?(:?[0-5][0-9])?"
        r"([.,][0-9]{1,9})?)?( ?(Z|z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?))? ?",
        fullmatch=True,
    ),
    st.from_regex(r"20[12][0-9]-?W[0-5][0-9]-?[1-7](T[0-2][0-9]:[0-5][0-9]Z?)?", fullmatch=True),
    st.from_regex(r"[+-]?[0-9]{1,12}(\.[0-9]{1,3})?", fullmatch=True),
    st.text(DIGITS + "-:TZ+. ", max_size=24),
)


@given(TEXTS, st.sampled_from([None, "UTC", PARIS, SAO_PAULO]), st.sampled_from([None, "s", "ms"]))
@example("20260301", None, None)
@example("100000000000.001", None, "s")
@example("-50000000000.000001", None, "s")
@example("1e20", None, "s")
@example("20260301", "UTC", None)
@example("2026-03-01T10", "UTC", None)
@example("2026-03-01+01:00", "UTC", None)
@example("2026-03-01 9:05 UTC", None, None)
@example("2017-10-15", SAO_PAULO, None)
@example("2017-10-15 00:30", SAO_PAULO, None)
@example("2018-02-17 23:30", SAO_PAULO, None)
def test_a_log_and_a_mapping_read_the_same_times(
    text: str, zone: str | None, unit: str | None
) -> None:
    assert columns([text], zone, unit) == mapped([text], zone, unit)


@given(
    st.lists(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28)), min_size=1, max_size=5),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["", "Z", "+05:30", "-23:59", " UTC", "GMT", "+0100"]),
    st.sampled_from(["T", " "]),
    st.sampled_from([None, (1, "13"), (2, "31"), (2, "00"), (3, "24"), (4, "60"), (5, "60"),
                     (0, "0000"), (2, "3a"), (1, "/1")]),
)  # fmt: skip
def test_times_written_alike_are_read_alike(
    ats: list[datetime], digits: str, zone: str, between: str, wrong: tuple[int, str] | None
) -> None:
    texts = [at.isoformat(between, digits) + zone for at in ats]
    if wrong is not None:
        begin = (0, 5, 8, 11, 14, 17)[wrong[0]]
        texts[-1] = texts[-1][:begin] + wrong[1] + texts[-1][begin + len(wrong[1]) :]
    texts += [text.replace("-", "", 2).replace(":", "") for text in texts[:1] if "+" not in zone]
    assert columns(texts, "UTC") == mapped(texts, "UTC")
    apart = [columns([text], "UTC")[0] for text in texts]
    assert columns([*texts, ""], "UTC")[:-1] == columns(texts, "UTC") == apart


FORMATS = [
    "%Y/%m/%d %H:%M:%S.%f", "%Y%m%d", "%m/%d/%Y", "%d.%m.%y %H:%M", "%d %b %Y", "%Y-%m-%d %H:%M %z",
    "%H:%M %d/%m/%Y", "%Y%%%m%%%d", "%d%m%Y%H%M%S",
]  # fmt: skip


@given(
    st.sampled_from(FORMATS), st.sampled_from(FORMATS),
    st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
    st.text("0123456789 /.:", max_size=12),
)  # fmt: skip
def test_formats_are_read_as_strptime_reads_them(
    format_: str, other: str, at: datetime, noise: str
) -> None:
    values = [at.strftime(format_), f" {at.strftime(other)} ", noise, "2026-03-01T09:00Z"]
    found = columns(values, "UTC", formats=(format_, other))
    assert found == mapped(values, "UTC", formats=(format_, other))
    assert found[0] is not None
    assert found[1] is not None


@pytest.mark.parametrize(
    ("values", "how", "when"),
    [
        (["2014/10/22 11:15:41.000"], {"formats": ("%Y/%m/%d %H:%M:%S.%f",)},
         datetime(2014, 10, 22, 11, 15, 41, tzinfo=UTC)),
        (["19970101"], {"formats": ("%Y%m%d",)}, datetime(1997, 1, 1, tzinfo=UTC)),
        ([19970101], {"formats": ("%Y%m%d",)}, datetime(1997, 1, 1, tzinfo=UTC)),
        ([19970101.0], {"formats": ("%Y%m%d",)}, datetime(1997, 1, 1, tzinfo=UTC)),
        (["08/03/2014"], {"formats": ("%d/%m/%Y",)}, datetime(2014, 3, 8, tzinfo=UTC)),
        (["08/03/2014"], {"formats": ("%m/%d/%Y",)}, datetime(2014, 8, 3, tzinfo=UTC)),
        ([1772355600000000000], {"unit": "ns"}, NINE),
        (["1772355600000000000"], {"unit": "ns"}, NINE),
        ([46082.375], {"unit": "excel"}, NINE),
        (["46082,375"], {"unit": "excel", "decimal": ","}, NINE),
        ([46082.4583333333], {"unit": "excel"}, datetime(2026, 3, 1, 11, tzinfo=UTC)),
        (["2026-03-01 09:00:00 UTC"], {"zone": None}, NINE),
        (["2026-03-01T09:00:00GMT"], {"zone": None}, NINE),
        (["1.772.355.600,0"], {"unit": "s", "decimal": ","}, NINE),
    ],
)  # fmt: skip
def test_times_in_the_forms_that_people_have(
    values: list[Any], how: dict[str, Any], when: datetime
) -> None:
    given_ = {"zone": "UTC", **how}
    assert columns(values, **given_) == mapped(values, **given_) == [when]


def test_day_and_time_of_day_in_two_columns(tmp_path: Path) -> None:
    frame = pl.DataFrame({
        "customer": ["a", "b", "c", "d"], "touchpoint": "t",
        "day": ["2026-03-01", "2026-03-02", None, "2026-03-03"],
        "clock": ["10:00", "9:05", "10:00", ""],
    })  # fmt: skip
    how = Columns(at=("day", "clock"), timezone=PARIS)
    frame.write_csv(tmp_path / "log.csv")
    for log in (Log.from_frame(frame, how), Log.read(tmp_path / "log.csv", how)):
        assert log.history("a")[0].at == NINE
        assert log.history("b")[0].at == datetime(2026, 3, 2, 8, 5, tzinfo=UTC)
        assert [one.reason for one in log.rejected] == ["no time", "no time"]
    typed = pl.DataFrame({
        "customer": ["a", "b"], "touchpoint": "t", "day": [date(2026, 3, 1), None],
        "clock": [time(10), time(11)],
    })  # fmt: skip
    log = Log.from_frame(typed, how)
    assert log.history("a")[0].at == NINE
    assert len(log.rejected) == 1


@pytest.mark.parametrize("kind", ["text", "datetime", "pandas"])
def test_local_times_that_clocks_show_twice_or_never(kind: str) -> None:
    texts = ["2017-10-15 00:30", "2018-02-17 23:30", "2026-03-01 06:00"]
    values: Any = texts
    if kind != "text":
        values = [datetime.fromisoformat(one) for one in texts]
    if kind == "pandas":
        values = pd.Series(pd.to_datetime(texts))
    frame = {"customer": ["a", "b", "c"], "touchpoint": ["t"] * 3, "at": values}
    made: Any = pd.DataFrame(frame) if kind == "pandas" else frame
    log = Log.from_frame(made, Columns(timezone=SAO_PAULO))
    assert [one.reason for one in log.rejected] == [
        f"the clocks of {SAO_PAULO} never show this time",
        f"the clocks of {SAO_PAULO} show this time twice",
    ]
    for which, hours in (("earlier", (2, 1)), ("later", (3, 2))):
        log = Log.from_frame(made, Columns(timezone=SAO_PAULO, clock_change=which))  # type: ignore[arg-type]
        assert log.history("a")[0].at == datetime(2017, 10, 15, hours[0], 30, tzinfo=UTC)
        assert log.history("b")[0].at == datetime(2018, 2, 18, hours[1], 30, tzinfo=UTC)


def test_a_day_without_midnight_is_that_day() -> None:
    first = datetime(2017, 10, 15, 3, tzinfo=UTC)
    for values in (["2017-10-15"], [date(2017, 10, 15)], pl.Series([date(2017, 10, 15)])):
        frame = {"customer": ["a"], "touchpoint": ["t"], "at": values}
        log = Log.from_frame(frame, Columns(timezone=SAO_PAULO))
        assert log.history("a")[0].at == first


def test_an_aware_time_in_a_gap_breaks_nothing() -> None:
    zone = ZoneInfo(SAO_PAULO)
    at = [datetime(2017, 10, 15, tzinfo=zone), datetime(2017, 10, 16, tzinfo=zone)]
    log = Log.from_interactions([Interaction("a", "t", one) for one in at])
    assert [one.at for one in log.history("a")] == [one.astimezone(UTC) for one in at]
    frame = {"customer": ["a", "a"], "touchpoint": ["t", "t"], "at": at}
    assert [one.at for one in Log.from_frame(frame).history("a")] == [
        one.astimezone(UTC) for one in at
    ]


def test_periods_have_a_zone_of_their_own() -> None:
    frame = {"customer": ["a"], "touchpoint": ["t"], "at": ["2026-03-31T22:30:00Z"]}

    def month(log: Log) -> str:
        [row] = log.ask(Lifecycle("month"))
        return row.period

    assert month(Log.from_frame(frame)) == "2026-03-01"
    assert month(Log.from_frame(frame, Columns(calendar_zone=PARIS))) == "2026-04-01"
    local = {**frame, "at": ["2026-03-31T18:30:00"]}
    how = Columns(timezone="America/New_York", calendar_zone=PARIS)
    assert month(Log.from_frame(local, how)) == "2026-04-01"
    happened = [Interaction("a", "t", datetime(2026, 3, 31, 22, 30, tzinfo=UTC))]
    assert month(Log.from_interactions(happened, calendar_zone=PARIS)) == "2026-04-01"
    from journeymap.adapters.sources import iterable_source

    mapping = columns_mapping("s", at="at", identities={"u": "customer"}, touchpoint="touchpoint",
                              timezone=PARIS)  # fmt: skip
    rows = [{name: values[0] for name, values in frame.items()}]
    assert month(Log.from_source(iterable_source(rows, mapping))) == "2026-04-01"
    assert month(Log.from_source(iterable_source(rows, mapping), calendar_zone="UTC")) == (
        "2026-03-01"
    )


def test_decimal_comma_of_numbers() -> None:
    frame = {"customer": ["a"] * 3, "touchpoint": ["t"] * 3, "at": [1, 2, 3],
             "sum": ["1.234,56", "0,5", "1,2,3"], "took": ["90,5", "", "1"]}  # fmt: skip
    how = Columns(at_unit="s", value="sum", currency="EUR", duration="took", decimal=",")
    log = Log.from_frame(frame, how)
    first, second = log.history("a")
    assert first.value is not None
    assert second.value is not None
    assert (first.value.amount, second.value.amount) == (Decimal("1234.56"), Decimal("0.5"))
    assert first.duration == timedelta(seconds=90.5)
    assert len(log.rejected) == 1


# -- columns as people have them


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5, 3], [1, None, 3], [1, float("nan"), 3], [1, "2", 3], [pd.NA, 1, 2.5],
        [None, float("nan"), pd.NA, 1], [pd.NaT, 1, 2],
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["mapping", "pandas"])
def test_mixed_columns_are_read(values: list[Any], kind: str) -> None:
    size = len(values)
    data = {"customer": ["a"] * size, "touchpoint": ["t"] * size, "at": values}
    frame: Any = data if kind == "mapping" else pd.DataFrame(data, dtype=object)
    log = Log.from_frame(frame, Columns(at_unit="s"))
    good = [one for one in values if isinstance(one, (int, float, str)) and one == one]
    assert log.interactions == len(good)
    assert {one.reason for one in log.rejected} <= {"no time"}
    assert [one.at.timestamp() for one in log.history("a")] == sorted(map(float, good))
    named: Any = {**data, "customer": values, "at": list(range(size))}
    frame = named if kind == "mapping" else pd.DataFrame(named, dtype=object)
    log = Log.from_frame(frame, Columns(at_unit="s"))
    assert set(log.customer_ids) == {f"{float(one):g}" for one in good}
    assert {one.reason for one in log.rejected} <= {"no customer"}


# -- ties


@pytest.mark.parametrize("ordered", [[3, 2, 1], ["30", "20", "9"], [3.5, 2.0, 1.0],
                                     [NINE + timedelta(minutes=m) for m in (3, 2, 1)]])  # fmt: skip
def test_a_column_orders_what_happened_at_once(ordered: list[Any], tmp_path: Path) -> None:
    frame = pl.DataFrame({"customer": "a", "touchpoint": ["third", "second", "first"], "at": 5,
                          "turn": ordered})  # fmt: skip
    how = Columns(at_unit="s", order="turn")
    log = Log.from_frame(frame, how)
    assert [one.touchpoint for one in log.history("a")] == ["first", "second", "third"]
    from journeymap.analysis import Variants
    from journeymap.engines import ParquetLog

    frame.write_parquet(tmp_path / "a.parquet")
    [row] = ParquetLog.read(tmp_path / "a.parquet", how).ask(Variants())
    assert row.path == ("first", "second", "third")


@settings(max_examples=40)
@given(st.lists(st.sampled_from(
    [1, 2, 3, 2.5, 1.5, 10**15, 10**15 + 1, -4, "2026-01-01", "2026-01-01T00:00:00.5Z", "007"]
), min_size=1, max_size=8), st.integers(1, 8))  # fmt: skip
def test_what_orders_is_read_row_by_row(turns: list[Any], cut: int) -> None:
    """So a journey is in one order, whatever else is in a file, and in whichever file it is."""
    from journeymap.analysis import Variants
    from journeymap.engines import ParquetLog

    names = [f"t{place}" for place in range(len(turns))]
    columns = {"customer": ["a"] * len(turns), "touchpoint": names, "at": [5] * len(turns)}
    frame = pl.DataFrame({**columns, "turn": [str(one) for one in turns]})
    how = Columns(at_unit="s", order="turn")
    [whole] = Log.from_frame(frame, how).ask(Variants())
    with TemporaryDirectory() as folder:
        for number, begin in enumerate(range(0, len(frame), cut)):
            some: Any = turns[begin : begin + cut]
            kept = {type(one) for one in some} in ({int}, {float})
            turn = pl.Series("turn", some if kept else [str(one) for one in some])
            part = frame[begin : begin + cut].with_columns(turn)
            part.write_parquet(Path(folder, f"{number}.parquet"))
        [row] = ParquetLog.read(folder, how).ask(Variants())
    assert row.path == whole.path


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1_772_355_600_000_000, 2**63 - 1]).cast(pl.Datetime("us", "UTC")),
        pl.Series([1_772_355_600_000_000, -(2**63) + 1]).cast(pl.Datetime("us")),
        pl.Series([1_772_355_600_000_000, 253_402_300_800_000_000]).cast(pl.Datetime("us")),
        pl.Series([1_772_355_600_000, 2**63 - 1]).cast(pl.Datetime("ms", "Europe/Paris")),
        pl.Series([20_000, 2**31 - 1], dtype=pl.Int32).cast(pl.Date),
        pl.Series([20_000, 2_932_897], dtype=pl.Int32).cast(pl.Date),
    ],
)
def test_times_beyond_the_calendar_cost_their_own_row(column: pl.Series, tmp_path: Path) -> None:
    """Some databases write infinity as the largest number; no reader loses more by it."""
    from journeymap.adapters.sources import iterable_source, parquet_source
    from journeymap.engines import ParquetLog

    frame = pl.DataFrame({"customer": ["a", "b"], "touchpoint": "t", "at": column})
    frame.write_parquet(tmp_path / "a.parquet")
    how = Columns(timezone="Europe/Paris")
    mapping = columns_mapping(
        "m", at="at", identities={"c": "customer"}, touchpoint="touchpoint",
        timezone="Europe/Paris",
    )  # fmt: skip
    for log in (
        Log.from_frame(frame, how), Log.read(tmp_path / "a.parquet", how),
        ParquetLog.read(tmp_path / "a.parquet", how),
        Log.from_source(parquet_source(tmp_path / "a.parquet", mapping)),
        Log.from_source(iterable_source([frame], mapping)),
    ):  # fmt: skip
        assert log.interactions == 1
        [aside] = log.rejected
        assert (aside.line, "time" in aside.reason) == (2, True)
    ordered = Log.from_frame({"customer": ["a", "b"], "touchpoint": ["t", "t"], "at": [1, 1],
                              "turn": column}, Columns(at_unit="s", order="turn"))  # fmt: skip
    assert [(one.line, one.reason) for one in ordered.rejected] == [
        (2, "order: a number or a time is expected")
    ]


def test_rows_are_kept_whole_whatever_their_times_are() -> None:
    """Also where the local calendar alone has no such day, and of lengths that are too long."""
    last = pl.Series([0, 253_402_300_799_000_000]).cast(pl.Datetime("us", "UTC"))
    first = pl.Series([0, -62_135_596_800_000_000]).cast(pl.Datetime("us", "UTC"))
    long = pl.Series([1, 2**62]).cast(pl.Duration("ms"))
    for column in (last.dt.convert_time_zone("Asia/Tokyo"), long,
                   first.dt.convert_time_zone("America/New_York")):  # fmt: skip
        frame = pl.DataFrame({"customer": ["a", None], "touchpoint": "x", "at": 5, "x": column})
        made = list(iterate_rows(frame))
        assert len(made) == 2
        assert made[1]["x"].startswith(("2534", "-6213", "4611"))
    zoned = pl.DataFrame({"customer": ["a", None], "touchpoint": "x",
                          "at": last.dt.convert_time_zone("Asia/Tokyo")})  # fmt: skip
    assert [one.reason for one in Log.from_frame(zoned).rejected] == ["no customer"]


def test_an_order_needs_no_zone() -> None:
    """Two times of the hour that comes twice are in order as they stand."""
    turns = [datetime(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 2, 10)]
    log = Log.from_frame(
        {"customer": ["a", "a"], "touchpoint": ["second", "first"], "at": [date(2024, 10, 27)] * 2,
         "turn": turns}, Columns(order="turn", timezone="Europe/Berlin"),
    )  # fmt: skip
    assert [one.touchpoint for one in log.history("a")] == ["first", "second"]


def test_no_number_is_no_time() -> None:
    """As a missing end is, whatever holds the numbers; what is too large is no time."""
    given_ = {"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": [5, 5]}
    for end in ([65.0, float("nan")], np.array([65.0, np.nan]), pl.Series([65.0, None])):
        log = Log.from_frame({**given_, "end": end}, Columns(end="end", at_unit="s"))
        assert (log.interactions, len(log.rejected)) == (2, 0)
    for unit in ("ns", "us", "s"):
        log = Log.from_frame({**given_, "end": np.array([np.inf, 1e300])},
                             Columns(end="end", at_unit=unit))  # fmt: skip
        assert {one.reason for one in log.rejected} == {"end: a number that is no time"}


def test_nanoseconds_are_cut_off_alike(tmp_path: Path) -> None:
    from journeymap.adapters.sources import csv_source

    times = ["1772355600123456789", "1772355600123456789.5", "1e18", "100000000000000000000", "-1"]
    file = tmp_path / "a.csv"
    lines = (f"{name},t,{at}" for name, at in zip("abcde", times, strict=True))
    file.write_text("\n".join(["customer,touchpoint,at", *lines]))
    rule = RecordRule(Pick(["$.at"], unit="ns"), {"c": "$.customer"}, "$.touchpoint")
    log = Log.read(file, Columns(at_unit="ns"))
    other = Log.from_source(csv_source(file, PayloadMapping("m", [rule])))
    for name, micros in {"a": 1_772_355_600_123_456, "c": 10**15, "d": 10**17, "e": -1}.items():
        assert [one.at for one in log.history(name)] == [instant(micros)]
        assert [one.at for one in other.history(name)] == [instant(micros)]
    assert log.interactions == other.interactions == 5


def test_a_frame_with_a_wanted_column_twice_is_refused() -> None:
    frame = pd.DataFrame([["a", "t", 1, 2]], columns=["customer", "touchpoint", "at", "at"])
    with pytest.raises(SourceError, match="two columns are named 'at'"):
        Log.from_frame(frame, Columns(at_unit="s"))


def test_values_of_programs_are_read_alike_in_frames_and_mappings() -> None:
    values: list[Any] = [True, np.bool_(True), 3, np.int64(3), 1.5, np.float32(1.5), 10**400,
                         Decimal("1.500"), timedelta(seconds=90), "x", np.array([1]), {"a"}, b"x",
                         float("nan"), pd.NA, None]  # fmt: skip
    frame = {"customer": ["a"] * len(values), "touchpoint": values, "at": range(len(values))}
    log = Log.from_frame(frame, Columns(at_unit="s", decimal=","))
    names = [one.touchpoint for one in log.history("a")]
    assert names == ["true", "true", "3", "3", "1,5", "1,5", str(10**400),
                     "1,500", "90.0", "x"]  # fmt: skip
    rule = RecordRule(Pick(["$.at"], unit="s"), {"c": "$.c"}, "$.touchpoint")
    mapping = AppliedMapping(PayloadMapping("m", [rule]))
    found = [mapping.apply({"c": "a", "touchpoint": value, "at": 0}, 1) for value in values]
    made = [one.interaction.touchpoint
            for each in found for one in each.records if one.interaction]  # fmt: skip
    assert made == [name.replace(",", ".") for name in names]


def test_a_decimal_is_a_number_whatever_texts_have_as_their_mark() -> None:
    frame = {"customer": ["a", "a"], "touchpoint": ["t", "t"], "at": [1, 2],
             "value": [Decimal("1.500"), "2,5"], "currency": ["EUR", "EUR"]}  # fmt: skip
    how = Columns(at_unit="s", decimal=",", value="value", currency="currency")
    log = Log.from_frame(frame, how)
    found = [one.value.amount for one in log.history("a") if one.value]
    assert found == [Decimal("1.5"), Decimal("2.5")]


@pytest.mark.parametrize("tags", [[["é"], ["b"]], [["é"], "b"]])
def test_lists_are_kept_as_json_in_any_frame_and_file(tags: list[Any], tmp_path: Path) -> None:
    frame = {"customer": ["a", "a"], "touchpoint": ["t", "t"], "at": [1, 2], "tags": tags}
    how = Columns(at_unit="s", extra=["tags"])
    file = tmp_path / "a.jsonl"
    rows = [dict(zip(frame, row, strict=True)) for row in zip(*frame.values(), strict=True)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted = ['["é"]', tags[1] if isinstance(tags[1], str) else '["b"]']
    for log in (Log.from_frame(frame, how), Log.read(file, how)):
        assert log.table.levels["tags"].names[1:] == tuple(wanted)
