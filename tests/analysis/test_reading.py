"""Files as they really are: every row is accepted, or set aside with its line and its reason."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import (
    AnswerError,
    Between,
    ColumnsError,
    ElementError,
    Interaction,
    JourneyMap,
    Money,
    Score,
    SourceError,
    Stage,
    Touchpoint,
    UnknownName,
)
from journeymap.adapters.tables.csv_writing import write_csv
from journeymap.analysis import Columns, Handoffs, Log, Loops, Satisfaction, Transitions, Variants
from journeymap.analysis.table.times import NO_TIME, read_times
from journeymap.testing import interactions

AWARE = "2026-03-01T10:00:00+01:00"


def write(place: Path, text: str, encoding: str = "utf-8") -> Path:
    place.write_bytes(text.encode(encoding))
    return place


def paths(log: Log) -> dict[tuple[str, ...], int]:
    return {row.path: row.count for row in log.ask(Variants(top=None))}


def reasons(log: Log) -> list[tuple[int, str]]:
    return [(found.line, found.reason) for found in log.rejected]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_is_seen_in_the_header(tmp_path: Path, delimiter: str) -> None:
    rows = ["customer,touchpoint,at", f"c1,a,{AWARE}", f'"c,2","say ""hi""",{AWARE}']
    text = "\n".join(rows).replace(",", delimiter).replace(f'"c{delimiter}2"', '"c,2"')
    log = Log.read(write(tmp_path / "log.csv", text))
    assert paths(log) == {("a",): 1, ('say "hi"',): 1}
    assert set(log.customer_ids) == {"c1", "c,2"}


def test_a_delimiter_may_be_given(tmp_path: Path) -> None:
    file = write(tmp_path / "log.txt", f"customer^touchpoint^at\nc^a^{AWARE}\n")
    assert Log.read(file, delimiter="^").customers == 1
    with pytest.raises(SourceError, match="one character"):
        Log.read(file, delimiter="^^")


@pytest.mark.parametrize(
    ("encoding", "given_"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("latin-1", "latin-1")],
)
def test_encodings(tmp_path: Path, encoding: str, given_: str | None) -> None:
    text = f"customer,touchpoint,at\r\nJosé,café,{AWARE}\r\n"
    log = Log.read(write(tmp_path / "log.csv", text, encoding), encoding=given_)
    assert paths(log) == {("café",): 1}
    assert list(log.customer_ids) == ["José"]


def test_bytes_that_are_no_text_are_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(
        b"customer,touchpoint,at\nc,a," + AWARE.encode() + b"\nd,caf\xe9," + AWARE.encode()
    )
    log = Log.read(file)
    assert (log.interactions, reasons(log)) == (1, [(3, "not text in this encoding")])
    with pytest.raises(SourceError, match="no encoding 'klingon'"):
        Log.read(file, encoding="klingon")


def test_what_a_file_says_is_what_it_is(tmp_path: Path) -> None:
    rows = [f"{name},{name or 'a'},{AWARE}" for name in ("NA", "null", "None", "nan", "")]
    log = Log.read(write(tmp_path / "log.csv", "\n".join(["customer,touchpoint,at", *rows])))
    assert set(log.customer_ids) == {"NA", "null", "None", "nan"}
    assert reasons(log) == [(6, "no customer")]


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    text = f"""customer,touchpoint,at
c1,a,{AWARE}

c1,"a
b",{AWARE}
,a,{AWARE}
c2,,{AWARE}
c2,a,
c2,a,yesterday
c2,a
c2,a,{AWARE},more
c2,a,2026-03-01 10:00:00
c2,a,1767225600
   ,a,{AWARE}
c3,a,2026-02-30T10:00:00Z
c3,a,2026-02-03T10:00:00+99:00
"""
    log = Log.read(write(tmp_path / "log.csv", text))
    assert (log.interactions, len(log.rejected)) == (2, 11)
    assert reasons(log) == [
        (6, "no customer"),
        (7, "no touchpoint"),
        (8, "no time"),
        (9, "not a time of ISO 8601"),
        (10, "2 fields where the header has 3"),
        (11, "4 fields where the header has 3"),
        (12, "a time without a zone; name it with Columns(timezone=…)"),
        (13, "a number; say what it counts with Columns(at_unit='s', 'ms' or 'us')"),
        (14, "no customer"),
        (15, "not a time of ISO 8601"),
        (16, "not a time of ISO 8601"),
    ]
    assert log.rejected.reasons.total() == 11
    assert log.rejected.reasons["no customer"] == 2
    assert '"customer": "c2"' in log.rejected[3].row
    assert "11 rows set aside: 3 × not a time" in repr(log.rejected)
    assert len(log.rejected[2:4]) == 2
    assert repr(log) == "<Log of 2 interactions of 1 customers, 11 rows set aside>"
    with pytest.raises(SourceError, match=r"log\.csv, line 6: no customer") as caught:
        Log.read(tmp_path / "log.csv", strict=True)
    assert caught.value.line == 6


@given(st.lists(st.lists(st.sampled_from(["", "c", "a", AWARE, "x,y", '"', "é"]), max_size=4)))
def test_accepted_and_rejected_are_all_rows(rows: list[list[str]]) -> None:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "log.csv"
        with place.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["customer", "touchpoint", "at"])
            writer.writerows(rows)
        log = Log.read(place)
    assert log.interactions + len(log.rejected) == sum(bool(row) for row in rows)


def test_csv_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no header"):
        Log.read(write(tmp_path / "a.csv", ""))
    with pytest.raises(SourceError, match="two columns are named 'at'"):
        Log.read(write(tmp_path / "b.csv", "customer,touchpoint,at,at\n"))
    with pytest.raises(ColumnsError, match="no column 'touchpoint'; did you mean 'touchpoints'"):
        Log.read(write(tmp_path / "c.csv", "customer,touchpoints,at\n"))
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        Log.read(tmp_path / "none.csv")
    with pytest.raises(UnknownName, match=r"did you mean '\.csv'"):
        Log.read(write(tmp_path / "d.cvs", ""))
    with pytest.raises(UnknownName, match="did you mean 'jsonl'"):
        Log.read(tmp_path / "c.csv", format="jsonll")
    with pytest.raises(SourceError, match="'json' needs more than a file"):
        Log.read(tmp_path / "c.csv", format="json")
    huge = f'customer,touchpoint,at\nc,"{"x" * 200_000}",{AWARE}\nd,a,{AWARE}\n'
    log = Log.read(write(tmp_path / "e.csv", huge))
    assert log.interactions == 1
    assert log.rejected[0].reason == "touchpoint: a text of 200000 characters; 10000 at most"


def test_zipped_files(tmp_path: Path) -> None:
    whole = gzip.compress(f"customer,touchpoint,at\nc,a,{AWARE}\n".encode() * 1)
    (tmp_path / "log.csv.gz").write_bytes(whole)
    assert Log.read(tmp_path / "log.csv.gz").interactions == 1
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-12])
    with pytest.raises(SourceError, match="cut short or damaged"):
        Log.read(tmp_path / "cut.csv.gz")


def test_json_lines(tmp_path: Path) -> None:
    text = f"""{{"customer": 7, "touchpoint": "a", "at": "{AWARE}", "note": [1]}}

{{"customer": "7", "touchpoint": "b", "at": "{AWARE}"}}
[1]
{{"customer":
{{"customer": null, "touchpoint": "b", "at": "{AWARE}"}}
{{"customer": true, "touchpoint": "b", "at": "{AWARE}", "note": {{"x": "y"}}}}
"""
    log = Log.read(write(tmp_path / "log.jsonl", text), Columns(extra=["note"]))
    assert paths(log) == {("a", "b"): 1, ("b",): 1}
    assert [line for line, _ in reasons(log)] == [4, 5, 6]
    assert [why.split(":")[0] for _, why in reasons(log)] == [
        "not a JSON object", "not JSON", "no customer",
    ]  # fmt: skip
    assert {row.source for row in log.ask(Transitions("note"))} == {"(start)", "[1]", '{"x": "y"}'}
    empty = Log.read(write(tmp_path / "empty.ndjson", "\n"))
    assert (empty.interactions, len(empty.rejected)) == (0, 0)
    with pytest.raises(ColumnsError, match="no column 'channel'"):
        Log.read(tmp_path / "log.jsonl", Columns(channel="channel"))


def test_progress_is_told_while_reading(tmp_path: Path) -> None:
    lines = [f"c,a,{AWARE}"] * 60_000
    seen: list[float] = []
    log = Log.read(write(tmp_path / "log.csv", "\n".join(["customer,touchpoint,at", *lines])),
                   progress=seen.append)  # fmt: skip
    assert log.interactions == 60_000
    assert seen
    assert all(0 < share <= 1 for share in seen)
    text = "\n".join([f'{{"customer": "c", "touchpoint": "a", "at": "{AWARE}"}}'] * 60_000)
    Log.read(write(tmp_path / "log.jsonl", text), progress=seen.append)
    assert len(seen) == 3
    assert seen[-1] == 1.0


FRAME = pl.DataFrame(
    {
        "who": ["a", "a", "b"],
        "what": ["x", "y", "x"],
        "when": [datetime(2026, 1, 1, h, tzinfo=UTC) for h in (1, 2, 3)],
    }
)
NAMED = Columns(customer="who", touchpoint="what", at="when")


@pytest.mark.parametrize(
    "make",
    [
        lambda: FRAME,
        lambda: FRAME.lazy(),
        lambda: FRAME.to_arrow(),
        lambda: pd.DataFrame(FRAME.to_dict(as_series=False)),
        lambda: FRAME.to_dict(as_series=False),
        lambda: pa.RecordBatchReader.from_batches(
            FRAME.to_arrow().schema, FRAME.to_arrow().to_batches()
        ),
        lambda: duckdb.from_arrow(FRAME.to_arrow()),
        lambda: FRAME.with_columns(pl.col("who").cast(pl.Categorical)),
    ],
    ids=["polars", "lazy", "pyarrow", "pandas", "mapping", "reader", "duckdb", "categories"],
)
def test_anything_that_speaks_arrow(make: Any) -> None:
    assert paths(Log.from_frame(make(), NAMED)) == {("x", "y"): 1, ("x",): 1}


def test_what_is_no_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="__arrow_c_stream__"):
        Log.from_frame([1, 2], NAMED)
    with pytest.raises(ColumnsError, match="did you mean 'who'"):
        Log.from_frame(FRAME, Columns(customer="whom", touchpoint="what", at="when"))
    with pytest.raises(ColumnsError, match="holds List"):
        Log.from_frame({"customer": [["a"]], "touchpoint": ["x"], "at": [1]}, Columns(at_unit="s"))
    with pytest.raises(SourceError, match="not a Parquet file"):
        Log.read(write(tmp_path / "log.parquet", "no"))


def test_parquet(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "log.parquet")
    assert paths(Log.read(tmp_path / "log.parquet", NAMED)) == {("x", "y"): 1, ("x",): 1}


def test_numbers_may_be_names() -> None:
    frame = {"customer": [1, 2, None], "touchpoint": [3.0, 4.0, 5.0], "at": [1, 2, 3]}
    log = Log.from_frame(frame, Columns(at_unit="s"))
    assert list(log.customer_ids) == ["1", "2"]
    assert paths(log) == {("3",): 1, ("4",): 1}
    halves = Log.from_frame(
        {"customer": [1.5], "touchpoint": ["a"], "at": [1]}, Columns(at_unit="s")
    )
    assert list(halves.customer_ids) == ["1.5"]


def times(values: list[Any], zone: str | None = None, unit: Any = None) -> list[Any]:
    micros, why = read_times(pl.Series(values, strict=False), zone, unit)
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        reason if reason is not None else begin + timedelta(microseconds=int(one))
        for one, reason in zip(micros, why.to_list(), strict=True)
    ]


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01 13:00:00+01:00", NOON),
        ("2026-03-01T07:00-0500", NOON),
        ("2026-03-01T12:00+00", NOON),
        ("2026-03-01T12:00:00.25Z", NOON + timedelta(milliseconds=250)),
        ("2026-03-01 12:00:00,123456789 Z", NOON + timedelta(microseconds=123456)),
        ("20260301T120000Z", NOON),
        ("2026-W09-7T12:00:00Z", NOON),
        (" 2026-03-01T12:00:00z ", NOON),
        ("2026-03-01T24:00:01Z", "not a time of ISO 8601"),
        ("1 March 2026", "not a time of ISO 8601"),
        ("03/01/2026", "not a time of ISO 8601"),
    ],
)
def test_times_of_iso_8601(text: str, when: Any) -> None:
    assert times([text, text]) == [when, when]


def test_naive_times_need_a_zone() -> None:
    paris = "Europe/Paris"
    assert times(["2026-03-01 13:00", "2026-03-01", "20260301T1300"], paris) == [
        NOON, datetime(2026, 2, 28, 23, tzinfo=UTC), NOON,
    ]  # fmt: skip
    twice = "the clocks of Europe/Paris show this time twice"
    never = "the clocks of Europe/Paris never show this time"
    assert times(["2026-03-29 02:30", "2026-10-25 02:30"], paris) == [never, twice]
    naive = datetime(2026, 3, 1, 13)
    assert times([naive, None], paris) == [NOON, "no time"]
    assert times([naive])[0].startswith("a time without a zone")
    assert times([date(2026, 3, 2)], "UTC") == [datetime(2026, 3, 2, tzinfo=UTC)]
    # A zone that is named in the text counts, whatever the columns say.
    assert times(["2026-03-01T12:00Z", "2026-03-01 13:00"], paris) == [NOON, NOON]


def test_numbers_are_times_only_when_said_so() -> None:
    seconds = int(NOON.timestamp())
    assert times([seconds, None], unit="s") == [NOON, "no time"]
    assert times([seconds + 0.5], unit="s") == [NOON + timedelta(seconds=0.5)]
    assert times([str(seconds * 1000), "x"], unit="ms") == [NOON, "not a time of ISO 8601"]
    assert times([str(seconds + 0.5)], unit="s") == [NOON + timedelta(seconds=0.5)]
    assert times([2**62], unit="s") == ["a number that is no time"]
    assert times([float("nan")], unit="s") == ["no time"]
    assert times([seconds])[0].startswith("a number; say what it counts")
    assert times([True])[0] == "a column of Boolean holds no times"
    assert NO_TIME < 0


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()))
def test_every_time_that_python_writes_is_read(when: datetime) -> None:
    offset = when.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        return  # offsets of seconds are no ISO 8601
    text = when.isoformat()
    assert times([text]) == [datetime.fromisoformat(text)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Columns(timezone="Mars"), "no IANA zone"),
        (lambda: Columns(at_unit="days"), "'s', 'ms', 'us'"),  # type: ignore[arg-type]
        (lambda: Columns(clock_change="first"), "'earlier', 'later'"),  # type: ignore[arg-type]
        (lambda: Columns(decimal=";"), "'.', ','"),  # type: ignore[arg-type]
        (lambda: Columns(calendar_zone="Mars"), "calendar_zone: 'Mars' is no IANA zone"),
        (lambda: Columns(score="nps"), "say its kind"),
        (lambda: Columns(value="amount"), "say its currency"),
    ],
)
def test_columns_say_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(ColumnsError, match=message):
        make()


def test_numbers_are_checked_row_by_row() -> None:
    size = 9
    frame = {
        "customer": ["c"] * size,
        "touchpoint": ["a"] * size,
        "at": list(range(size)),
        "feels": ["0.5", "", None, "2", "nan", "x", "-1", "0", "0"],
        "answer": [9, 10, None, 1, 1, 1, 11, 5, 5],
        "kind": ["nps"] * 7 + ["csat", "joy"],
        "euros": [1.5, None, 2.0, 1, 1, 1, 1, 1, 1],
        "money": ["EUR", None, "", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR"],
    }
    columns = Columns(at_unit="s", emotion="feels", score="answer", score_kind="kind",
                      value="euros", currency="money")  # fmt: skip
    log = Log.from_frame(frame, columns)
    assert reasons(log) == [
        (4, "emotion: a number from -1 to 1 is expected"),
        (5, "emotion: a number from -1 to 1 is expected"),
        (6, "emotion: a number from -1 to 1 is expected"),
        (7, "score: nps lies between 0 and 10"),
        (9, "score_kind: one of ces, csat, nps is expected"),
    ]


def test_words_may_stand_for_a_whole_column() -> None:
    frame = {"customer": ["c"], "touchpoint": ["a"], "at": [1], "v": [5], "s": [9]}
    columns = Columns(at_unit="s", value="v", currency="EUR", score="s", score_kind="nps")
    log = Log.from_frame(frame, columns)
    assert log.interactions == 1
    with pytest.raises(ColumnsError, match="no column 'euros'"):
        Log.from_frame(frame, Columns(at_unit="s", value="v", currency="euros"))
    with pytest.raises(ColumnsError, match="no column 'joy'"):
        Log.from_frame(frame, Columns(at_unit="s", score="s", score_kind="joy"))


def test_duplicates_are_recognised_by_source_and_id() -> None:
    frame: dict[str, list[Any]] = {
        "customer": ["c", "c", "", "c", "c", "c"],
        "touchpoint": ["a"] * 6,
        "at": [1, 2, 3, 4, 5, 6],
        "id": ["1", "2", "2", "1", None, None],
        "from": ["web", "web", "web", "shop", "web", "web"],
    }
    columns = Columns(at_unit="s", id="id", source="from")
    assert reasons(Log.from_frame(frame, columns)) == [(3, "no customer")]
    again = {name: [*column, column[1]] for name, column in frame.items()}
    assert reasons(Log.from_frame(again, columns))[-1] == (7, "a duplicate: the same id as line 2")
    unnamed = Log.from_frame(again, Columns(at_unit="s", id="id"))
    assert [line for line, _ in reasons(unnamed)] == [3, 4, 7]


@given(st.lists(interactions(), max_size=20))
def test_interactions_written_as_csv_are_read_back(given_: list[Interaction]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "log.csv"
        assert write_csv(given_, place) == len(given_)
        columns = Columns(
            channel="channel", department="department", outcome="outcome", emotion="emotion",
            score="score", score_kind="score_kind", value="value", currency="currency",
        )  # fmt: skip
        read = Log.read(place, columns)
    direct = Log.from_interactions(given_)
    assert len(read.rejected) == 0
    for question in (Transitions(), Variants(top=None)):
        assert read.ask(question) == direct.ask(question)
    if any(one.department for one in given_):
        ours, theirs = read.ask(Handoffs()).to_polars(), direct.ask(Handoffs()).to_polars()
        shared = [name for name in ours.columns if name != "value_at_risk"]
        assert ours.select(shared).equals(theirs.select(shared))


def test_what_we_write_starts_no_formula(tmp_path: Path) -> None:
    bad = Interaction("=cmd()", "+a", datetime(2026, 1, 1, tzinfo=UTC), channel="@x")
    counted: list[int] = []
    write_csv([bad] * 20_000, tmp_path / "log.csv", progress=counted.append)
    assert counted == [20_000]
    line = (tmp_path / "log.csv").read_text().splitlines()[1]
    assert line.startswith(",'=cmd(),'+a,2026-01-01T00:00:00+00:00,,'@x")


@pytest.mark.parametrize(
    ("low", "high", "answers", "share", "meaning"),
    [
        (0, 1, [1, *[0] * 9], 0.1, "share of 1, on 0 to 1"),
        (1, 3, [3, 2, 1], 1 / 3, "share of 3, on 1 to 3"),
        (1, 5, [5, 4, 3, 2], 0.5, "share of 4 to 5, on 1 to 5"),
        (1, 7, [7, 6, 5, 1], 0.5, "share of 6 to 7, on 1 to 7"),
        (1, 10, [10, 9, 8, 1], 0.5, "share of 9 to 10, on 1 to 10"),
        (0, 100, [100, 95, 80, 60, 20, 0], 0.5, "share of 75 to 100, on 0 to 100"),
    ],
)
def test_top_boxes_are_those_of_their_scale(
    low: float, high: float, answers: list[float], share: float, meaning: str
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given_ = [Interaction("c", "a", now, score=Score("csat", one, low, high)) for one in answers]
    [row] = Log.from_interactions(given_).ask(Satisfaction())
    assert row.score == pytest.approx(share)
    assert row.meaning == meaning


def test_scores_of_two_scales_are_asked_apart() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given_ = [Interaction("c", "a", now, score=Score("csat", 1, 0, 1)),
              Interaction("c", "a", now, score=Score("csat", 4)),
              Interaction("c", "a", now, score=Score("nps", 50, 0, 100)),
              Interaction("c", "a", now, score=Score("own", 1, 0, 1)),
              Interaction("c", "a", now, score=Score("own", 1, 0, 2)),
              Interaction("c", "a", now, score=Score("pts", 5, 0, 1_000_000)),
              Interaction("c", "a", now, score=Score("pts", 1_000_001, 0, 1_000_001))]  # fmt: skip
    for order in (given_, given_[::-1]):
        log = Log.from_interactions(order)
        found = {row.kind: (row.score, row.n, row.meaning) for row in log.ask(Satisfaction())}
        assert found == {
            "csat": (1, 1, "share of 4 to 5, on 1 to 5"),
            "csat (0 to 1)": (1, 1, "share of 1, on 0 to 1"),
            "nps (0 to 100)": (50, 1, "mean, on 0 to 100"),
            "own (0 to 1)": (1, 1, "mean, on 0 to 1"),
            "own (0 to 2)": (1, 1, "mean, on 0 to 2"),
            "pts (0 to 1000000)": (5, 1, "mean, on 0 to 1000000"),
            "pts (0 to 1000001)": (1_000_001, 1, "mean, on 0 to 1000001"),
        }
        assert log.history("c") == tuple(order)
        low = log.where(Between("csat", at_most=1))
        assert low.interactions == 1  # a condition is about the kind, on whatever scale


@pytest.mark.parametrize(
    ("kind", "scales"),
    [("csat", None), ("csat", {"csat": (1, 10)}), ("effort", {"effort": (0, 4)})],
)
def test_every_kind_of_score_that_columns_take_is_read_back(
    kind: str, scales: dict[str, tuple[float, float]] | None
) -> None:
    columns = Columns(at_unit="s", score="score", score_kind="kind", scales=scales)
    rows = {"customer": ["c", "c"], "touchpoint": ["a", "a"], "at": [1, 2], "score": [2, 4],
            "kind": [kind, kind]}  # fmt: skip
    log = Log.from_frame(rows, columns)
    history = list(log.history("c"))
    assert [one.score and (one.score.kind, one.score.value) for one in history] == [
        (kind, 2), (kind, 4)
    ]  # fmt: skip
    again = Log.from_interactions(history)
    assert again.ask(Satisfaction()) == log.ask(Satisfaction())


def test_currencies_are_never_added() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given_ = [
        Interaction("c", "a", now, department="x", value=Money(1, "EUR")),
        Interaction("c", "a", now, department="y", value=Money(2, "USD")),
    ]
    log = Log.from_interactions(given_)
    with pytest.raises(AnswerError, match=r"EUR and USD.*Handoffs\(currency='EUR'\)"):
        log.ask(Handoffs())
    answer = log.ask(Handoffs(currency="USD"))
    assert (answer.currency, answer.rows[0].value_at_risk) == ("USD", 2)


def test_what_interactions_carry_is_kept() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given_ = [
        Interaction("c", "a", now, duration=timedelta(minutes=2), extra={"agent": "ann"}),
        Interaction("c", "b", now, extra={"customer": "not me", "agent": "bob"}),
    ]
    log = Log.from_interactions(given_)
    assert log.levels == ("touchpoint", "agent", "extra.customer")
    assert {row.target for row in log.ask(Transitions("agent"))} == {"ann", "bob", "(end)"}


def shop() -> JourneyMap:
    return JourneyMap("s", stages=[Stage("x", "buy")], touchpoints=[Touchpoint("a", "x")])


def test_the_map_fills_what_columns_leave_open_and_unmapped_is_counted() -> None:
    frame = {"customer": ["c"] * 4, "touchpoint": ["a", "fax", "a", "fax"], "at": [1, 2, 3, 4]}
    log = Log.from_frame(frame, Columns(at_unit="s"), map=shop())
    assert log.unmapped == {"fax": 2}
    assert {row.source for row in log.ask(Transitions("stage"))} == {"(start)", "x"}
    assert Log.from_frame(frame, Columns(at_unit="s")).unmapped == {}


def test_an_unknown_level_names_the_nearest_and_a_missing_one_its_cure() -> None:
    frame = {"customer": ["c"], "touchpoint": ["a"], "at": [1]}
    log = Log.from_frame(frame, Columns(at_unit="s"))
    with pytest.raises(UnknownName, match="did you mean 'channel'"):
        log.ask(Transitions("chanel"))
    with pytest.raises(AnswerError, match=r"Columns\(department=…\)"):
        log.ask(Handoffs())
    with pytest.raises(AnswerError, match="map=…"):
        log.ask(Transitions("stage"))
    with pytest.raises(AnswerError, match="map=…"):
        log.ask(Loops())


def test_filters() -> None:
    frame = {
        "customer": ["c", "c", "d", "e"],
        "touchpoint": ["a", "b", "a", "b"],
        "at": [0, 3600, 7200, 9000],
        "channel": ["web", None, "shop", "web"],
    }
    log = Log.from_frame(frame, Columns(at_unit="s", channel="channel"), map=shop())
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    assert log.where(channel="web").customers == 2
    assert log.where(channel="web", touchpoint=["a"]).interactions == 1
    assert log.where(stage="x").interactions == 2
    assert log.where(customer=["d", "nobody"]).customers == 1
    hour = timedelta(hours=1)
    middle = log.where(since=begin + hour, until=begin + 2 * hour)
    assert (middle.interactions, middle.first) == (1, begin + hour)
    assert log.where(channel="fax").ask(Transitions()).to_dicts() == []
    assert log.where(customer="c").ask(Variants()).rows[0].path == ("a", "b")
    with pytest.raises(ColumnsError, match="without a zone"):
        log.where(since=datetime(2026, 1, 1))


def test_a_long_log_is_ordered_by_rank() -> None:
    """Times so fine and long that customer and time no longer pack into one integer."""
    dice = np.random.default_rng(5)
    frame = {
        "customer": dice.integers(0, 50, 3000),
        "touchpoint": dice.integers(0, 9, 3000),
        "at": np.append(dice.integers(-6 * 10**16, 25 * 10**16, 2000), dice.integers(0, 5, 1000)),
    }
    packed = {**frame, "at": np.argsort(np.argsort(frame["at"], kind="stable"), kind="stable")}
    one = Log.from_frame(frame, Columns(at_unit="us"))
    other = Log.from_frame(packed, Columns(at_unit="us"))
    assert paths(one) == paths(other)


def test_rows_already_in_order_are_left_as_they_are() -> None:
    frame = {"customer": ["a", "a", "b"], "touchpoint": ["x", "y", "x"], "at": [1, 1, 0]}
    assert paths(Log.from_frame(frame, Columns(at_unit="s"))) == {("x", "y"): 1, ("x",): 1}


def test_a_broken_row_may_hold_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(b"customer,touchpoint,at\na,\xff\nb,y," + AWARE.encode())
    log = Log.read(file)
    assert (log.interactions, reasons(log)) == (1, [(2, "2 fields where the header has 3")])
    assert "\\udcff" in log.rejected[0].row
    file = tmp_path / "log.jsonl"
    file.write_bytes(b'{"customer": "\xff\n["\xff"]\n')
    assert len(Log.read(file).rejected) == 2


@pytest.mark.parametrize("good", ["c,a,{},n", 'c,"a\nb",{},"n, m"'])
@pytest.mark.parametrize("bad", ['a,x,{},"oops', 'a,"x,{},n', 'a,x,{},"oops"s'])
def test_a_quote_that_is_never_closed_swallows_its_own_line_alone(
    tmp_path: Path, good: str, bad: str
) -> None:
    rows = [good] * 3 + [bad] + [good] * 500
    text = "\n".join(["customer,touchpoint,at,note", *rows]).format(*[AWARE] * 999)
    log = Log.read(write(tmp_path / "log.csv", text))
    lines = 1 + good.count("\n")
    if bad.count('"') % 2 and good.count('"'):
        # The open quote meets the next row's, so where it was meant to close is anyone's guess;
        # but no row is lost that cannot be seen, and reading goes on.
        assert log.interactions > 490
        assert log.rejected[0].line == 2 + 3 * lines
    else:
        assert (log.interactions, len(log.rejected)) == (503, 1)
        assert log.rejected[0].line == 2 + 3 * lines
        assert log.rejected[0].row.startswith("a,")


def test_a_field_too_long_costs_its_lines_alone(tmp_path: Path) -> None:
    long = "\n".join(["x" * 1000] * 200)
    text = f'customer,touchpoint,at,n\na,x,{AWARE},"{long}\n"\nc,x,{AWARE},n\n'
    log = Log.read(write(tmp_path / "log.csv", text))
    assert log.interactions == 2


@pytest.mark.parametrize(
    ("value", "unit"),
    [(1_700_000_000_000, "s"), (-(9 * 10**18), "us"), ("9999-12-31T23:59:59-12:00", None),
     ("0001-01-01T00:00:00+12:00", None)],
)  # fmt: skip
def test_times_beyond_the_calendar_are_set_aside(value: Any, unit: Any) -> None:
    frame = {"customer": ["c"], "touchpoint": ["a"], "at": [value]}
    log = Log.from_frame(frame, Columns(at_unit=unit))
    assert log.interactions == 0
    assert "outside the years 1 to 9999" in log.rejected[0].reason


def test_mixtures_in_a_pandas_column_are_read_value_by_value() -> None:
    from zoneinfo import ZoneInfo

    york = datetime(2026, 1, 1, 12, tzinfo=ZoneInfo("America/New_York"))
    naive = datetime(2026, 1, 1, 12)
    for order in ([york, naive], [naive, york]):
        frame = pd.DataFrame(
            {"customer": ["a", 1], "touchpoint": ["x", "y"], "junk": [[], {}],
             "at": pd.Series(order, dtype=object)}
        )  # fmt: skip
        for some in (frame, {name: frame[name].tolist() for name in frame.columns}):
            log = Log.from_frame(some)
            assert reasons(log) == [
                (order.index(naive) + 1, "a time without a zone; name it with Columns(timezone=…)")
            ]
            assert log.first == york


def test_errors_of_other_libraries_do_not_come_through() -> None:
    twice = pa.table([pa.array(["a"])] * 4, names=["customer", "customer", "touchpoint", "at"])
    uneven = {"customer": ["a", "b"], "touchpoint": ["x"], "at": [1]}
    for bad in (twice, uneven):
        with pytest.raises(SourceError, match="cannot be read"):
            Log.from_frame(bad, Columns(at_unit="s"))
    listed = {"customer": ["a"], "touchpoint": ["x"], "at": [1], "v": [[1]]}
    with pytest.raises(ColumnsError, match="not numbers"):
        Log.from_frame(listed, Columns(at_unit="s", value="v", currency="EUR"))


def test_missing_numbers_are_no_customers() -> None:
    frame = {"customer": [1.5, float("nan"), None], "touchpoint": ["x"] * 3, "at": [1, 2, 3]}
    log = Log.from_frame(frame, Columns(at_unit="s"))
    assert list(log.customer_ids) == ["1.5"]
    large = {"customer": [2.0**63], "touchpoint": ["x"], "at": [1]}
    assert Log.from_frame(large, Columns(at_unit="s")).customers == 1


def test_an_extra_column_never_hides_a_level() -> None:
    with pytest.raises(ColumnsError, match="'department' is a level of its own"):
        Columns(extra=["department"])
    one = Interaction("c", "a", datetime(2026, 1, 1, tzinfo=UTC), extra={"channel": "z"})
    assert Log.from_interactions([one]).levels == ("touchpoint", "extra.channel")


def test_reserved_names_and_wrong_zones_are_told() -> None:
    frame = {"customer": ["c"], "touchpoint": ["(start)"], "at": [1]}
    assert "journeys begin or end" in reasons(Log.from_frame(frame, Columns(at_unit="s")))[0][1]
    naive = {"customer": ["c"], "touchpoint": ["a"], "at": ["2026-01-01"]}
    with pytest.raises(ColumnsError, match="zone"):
        Log.from_frame(naive, Columns(timezone="localtime"))
    with pytest.raises(SourceError, match="no encoding 'hex'"):
        Log.read(Path(__file__).with_name("none.csv").parents[2] / "docs" / "shop.csv",
                 encoding="hex")  # fmt: skip


def test_filters_say_what_is_wrong() -> None:
    log = Log.from_frame({"customer": ["c"], "touchpoint": ["a"], "at": [1]}, Columns(at_unit="s"))
    with pytest.raises(ColumnsError, match="a name or several"):
        log.where(touchpoint=5)  # type: ignore[arg-type]
    with pytest.raises(ColumnsError, match="a name or several"):
        log.where(customer=5)  # type: ignore[arg-type]
    with pytest.raises(ColumnsError, match="a datetime, or a day such as '2026-03-01', is exp"):
        log.where(since="yesterday")
    with pytest.raises(ColumnsError, match="a time without a zone"):
        log.where(until="2026-01-01T10:00")
    with pytest.raises(ColumnsError, match="two times are expected"):
        log.where(started="2026-01-01")  # type: ignore[arg-type]
    with pytest.raises(ColumnsError, match="lasted: two lengths of time"):
        log.where(lasted=("long", None))


def test_a_currency_that_is_not_there_is_named() -> None:
    frame = {"customer": ["c"] * 2, "touchpoint": ["a"] * 2, "at": [1, 2], "d": ["x", "y"],
             "v": [1, 2]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", department="d", value="v", currency="EUR"))
    with pytest.raises(UnknownName, match="did you mean 'EUR'"):
        log.ask(Handoffs(currency="EURO"))


def test_phone_numbers_are_written_as_they_are(tmp_path: Path) -> None:
    given_ = [Interaction(name, "a", datetime(2026, 1, 1, tzinfo=UTC)) for name in ("+49 12", "-5")]
    write_csv(given_, tmp_path / "log.csv")
    assert list(Log.read(tmp_path / "log.csv").customer_ids) == ["+49 12", "-5"]


def test_what_is_no_column_and_no_map_is_refused_by_name() -> None:
    frame = {"customer": ["a"], "touchpoint": ["x"], "at": ["2026-03-01T00:00:00Z"]}
    with pytest.raises(ColumnsError, match="name of a column is expected"):
        Columns(customer="")
    with pytest.raises(ColumnsError, match="mapping of names is expected"):
        Columns(rename=["x"])
    with pytest.raises(ColumnsError, match=r"Columns\(…\) is expected"):
        Log.from_frame(frame, {"customer": "x"})  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="JourneyMap is expected"):
        Log.from_frame(frame, map="map.yaml")  # type: ignore[arg-type]


def test_lengths_are_no_times() -> None:
    lengths = pl.Series("at", [timedelta(days=20_000), timedelta(0)], dtype=pl.Duration("us"))
    frame = pl.DataFrame({"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": lengths})
    for unit in ("us", "ms", "ns"):
        log = Log.from_frame(frame.with_columns(pl.col("at").cast(pl.Duration(unit))))
        assert len(log.rejected) == 2
        assert "holds no times" in log.rejected[0].reason
