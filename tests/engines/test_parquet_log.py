"""A folder of Parquet files answers like the same rows in memory, and survives being killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from journeymap import Tracker
from journeymap.analysis import (
    Breakdown,
    Columns,
    Compare,
    Deviations,
    KeyJourneys,
    Log,
    Satisfaction,
    Scorecard,
    Transitions,
    Variants,
    Where,
)
from journeymap.engines import ParquetLog, parquet_log
from journeymap.exceptions import ColumnsError, SourceError, UnknownName
from tests.analysis.test_laws import QUESTIONS
from tests.analysis.test_scorecard import MEASURED
from tests.analysis.test_splitting import SPLIT
from tests.factories import JOURNEY

ROLES = ("channel", "department", "product", "outcome", "emotion", "source")
COLUMNS = Columns(
    **{role: role for role in ROLES}, id="id", value="value", currency="EUR", score="score",  # type: ignore[arg-type]
    score_kind="nps", extra=("plan",), timezone="Europe/Paris",
)  # fmt: skip


def frame(size: int = 4000, seed: int = 1) -> pl.DataFrame:
    """Rows in no order, some of them bad, with everything that a log can hold."""
    dice = np.random.default_rng(seed)

    def some(names: list[Any]) -> Any:
        return [names[place] for place in dice.integers(0, len(names), size)]

    begin = datetime(2026, 1, 1)
    hours = dice.integers(0, 4000, size).tolist()
    return pl.DataFrame(
        {
            "customer": some([f"c{n}" for n in range(300)] + [""]),
            "touchpoint": some(["a", "b", "c", "x", "Ü", "(start)"]),
            "at": [begin + timedelta(hours=hour) for hour in hours],
            "channel": some(["web", "phone", None]),
            "department": some(["sales", "care", None]),
            "product": some(["fibre", None]),
            "outcome": some(["succeeded", "failed", None]),
            "emotion": some([-1.0, 0.25, None, 3.0]),
            "source": some(["crm", "web"]),
            "id": [f"i{n}" for n in dice.integers(0, 3 * size, size)],
            "value": some([1.5, None, 20.0]),
            "score": some([3, 9, 10, None]),
            "plan": some(["gold", "blue"]),
        }
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return frame()


@pytest.fixture
def folder(rows: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files, read in many small pieces."""
    monkeypatch.setattr(parquet_log, "CHUNK", 700)
    monkeypatch.setattr(parquet_log, "PARTITION", 700)
    place = tmp_path / "rows"
    place.mkdir()
    for number, piece in enumerate((rows[:1500], rows[1500:1501], rows[1501:])):
        piece.write_parquet(place / f"{number}.parquet")
    return place


def same(folder: Path, rows: pl.DataFrame) -> None:
    large = ParquetLog.read(folder, COLUMNS, map=JOURNEY, workers=2)
    memory = Log.from_frame(rows, COLUMNS, map=JOURNEY)
    assert (large.customers, large.interactions) == (memory.customers, memory.interactions)
    assert (large.first, large.last, large.levels) == (memory.first, memory.last, memory.levels)
    assert large.unmapped == memory.unmapped
    assert len(large.rejected) == len(memory.rejected)
    assert large.ask(*QUESTIONS) == memory.ask(*QUESTIONS)


def test_every_state_is_that_of_the_memory(folder: Path, rows: pl.DataFrame) -> None:
    large = ParquetLog.read(folder, COLUMNS, map=JOURNEY)
    memory = Log.from_frame(rows, COLUMNS, map=JOURNEY)
    tracker = Tracker(JOURNEY, timedelta(days=3))
    want = {state.customer: state for state in tracker.follow_log(memory)}
    assert len(want) == memory.customers
    assert {state.customer: state for state in tracker.follow_log(large)} == want
    for log in (memory, large):
        assert next(tracker.follow_log(log)).customer in want  # the rest is not read


def test_every_answer_is_that_of_the_memory(folder: Path, rows: pl.DataFrame) -> None:
    same(folder, rows)
    large = ParquetLog.read(folder, COLUMNS, map=JOURNEY)
    memory = Log.from_frame(rows, COLUMNS, map=JOURNEY)
    since = datetime(2026, 2, 1, tzinfo=UTC)
    for one, other in (
        (large.where(channel="web", since=since), memory.where(channel="web", since=since)),
        (large.per("product"), memory.per("product")),
        (large.sessions(timedelta(hours=50)), memory.sessions(timedelta(hours=50))),
        (large.where(Where(customer=["c1", "c2"])), memory.where(customer=["c2", "c1"])),
    ):
        assert (one.journeys, one.interactions) == (other.journeys, other.interactions)
        assert one.ask(*QUESTIONS[:12]) == other.ask(*QUESTIONS[:12])
    compare = Compare(
        Transitions(), Where(columns={"plan": "gold"}), Where(columns={"plan": "blue"})
    )
    assert large.ask(compare) == memory.ask(compare)
    for split in SPLIT:
        assert large.ask(split) == memory.ask(split)
    large = ParquetLog.read(folder, COLUMNS, map=MEASURED)
    memory = Log.from_frame(rows, COLUMNS, map=MEASURED)
    for asked in (Scorecard("month"), Transitions(), Satisfaction(), Deviations(currency="EUR")):
        here: Any = memory.ask(asked)
        there: Any = large.ask(asked)
        number = "n" if isinstance(asked, Scorecard) else "customers"
        row = next(row for row in here if getattr(row, number))
        assert there.customers(row, number) == here.customers(row, number) != ()
    scored = Breakdown(Scorecard("quarter"), "channel")
    for question in (Scorecard("month"), Scorecard(last="20 days")):
        assert large.ask(question) == memory.ask(question)
    assert large.ask(scored) == memory.ask(scored)
    assert large.to_polars().equals(memory.to_polars())
    assert large.journey_table().equals(memory.journey_table())
    assert large.describe() == memory.describe()
    with pytest.raises(UnknownName, match="did you mean 'plan'"):
        large.ask(Variants(by="plann"))


def test_no_row_is_lost_and_each_says_where_it_was(folder: Path, rows: pl.DataFrame) -> None:
    large = ParquetLog.read(folder, COLUMNS)
    assert large.interactions + len(large.rejected) == len(rows)
    memory = Log.from_frame(rows, COLUMNS)

    def kinds(log: Any) -> dict[str, int]:
        counted: dict[str, int] = {}
        for one in log.rejected:
            kind = one.reason.split(" as line")[0]
            counted[kind] = counted.get(kind, 0) + 1
        return counted

    assert kinds(large) == kinds(memory)
    assert kinds(large)["a duplicate: the same id"] > 100
    starts = {"0.parquet": 0, "1.parquet": 1500, "2.parquet": 1501}
    mine = sorted(starts[one.file] + one.line for one in large.rejected)
    assert mine == [one.line for one in memory.rejected]
    beyond = [one for one in large.rejected if " of 0.parquet" in one.reason]
    assert beyond
    assert {one.file for one in beyond} <= {"1.parquet", "2.parquet"}


def test_it_is_made_once_and_takes_any_map(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ParquetLog.read(folder, COLUMNS, progress=True)
    told = capsys.readouterr().err
    assert "spreading by customer: 100 %" in told
    assert "putting in order: 100 %" in told
    again = ParquetLog.read(folder, COLUMNS, map=JOURNEY, progress=True)
    assert capsys.readouterr().err == ""
    assert again.ask(Variants(top=None)) == made.ask(Variants(top=None))
    assert [row.journey for row in again.ask(KeyJourneys())] == list(JOURNEY.key_journeys)
    assert repr(made).startswith("<ParquetLog of ")
    assert not (made.folder / "chunks").exists()


class Stop(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("step", range(1, 14))
def test_interrupted_work_goes_on(
    folder: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Stopped at any saving of the manifest, before or after it is written."""
    from journeymap.engines.folder import Folder

    saved = 0
    real = Folder.save

    def save(self: Folder, manifest: Any) -> None:
        nonlocal saved
        saved += 1
        if saved == step and step % 2:
            raise Stop
        real(self, manifest)
        if saved == step:
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "save", save)
        with pytest.raises(Stop):
            ParquetLog.read(folder, COLUMNS, workers=1)
    same(folder, rows)


def test_interrupted_tidying_is_done_later(
    folder: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    from journeymap.engines.folder import Folder

    def stop(self: Folder) -> None:
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "tidy", stop)
        with pytest.raises(Stop):
            ParquetLog.read(folder, COLUMNS)
    made = folder.with_name("rows.journeymap")
    assert (made / "chunks").exists()
    same(folder, rows)
    assert not (made / "chunks").exists()


def test_names_of_files_are_no_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "logs [2026] *"
    (place / "year=2025").mkdir(parents=True)
    (place / "_delta_log").mkdir()
    rows = frame(90)
    for name, piece in (
        ("log[1].parquet", rows[:20]), ("log1.parquet", rows[20:50]), ("l*.parquet", rows[50:60]),
        ("year=2025/b.parquet", rows[60:]), ("_delta_log/0.checkpoint.parquet", rows),
        (".hidden.parquet", rows),
    ):  # fmt: skip
        piece.write_parquet(place / name)
    large = ParquetLog.read(place, COLUMNS, into=tmp_path / "into [1]")
    assert large.interactions + len(large.rejected) == 90
    assert sorted({one.file for one in large.rejected})[-1] == "year=2025/b.parquet"
    assert len(large.ask(Variants(top=None))) > 0
    one = Log.read(place / "log[1].parquet", COLUMNS)
    assert one.interactions + len(one.rejected) == 20
    monkeypatch.chdir(place)
    assert ParquetLog.read(".", COLUMNS, into=tmp_path / "into [1]").interactions > 0


def test_what_was_set_aside_is_kept_whole_and_in_order(folder: Path) -> None:
    rejected = ParquetLog.read(folder, COLUMNS).rejected
    places = [(one.file, one.line) for one in rejected]
    assert places == sorted(places)
    for one in rejected:
        assert {"customer", "touchpoint", "at", "id"} <= set(json.loads(one.row))


def test_every_row_may_have_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order for every interaction: the names are not written anew with every step."""
    monkeypatch.setattr(parquet_log, "CHUNK", 500)
    monkeypatch.setattr(parquet_log, "PARTITION", 500)
    size = 5000
    rows = pl.DataFrame({"at": range(size)}).with_columns(
        customer=pl.lit("c") + (pl.col("at") % 99).cast(pl.String),
        touchpoint=pl.lit("x"),
        order=pl.lit("order ") + pl.col("at").cast(pl.String),
    )
    rows.write_parquet(tmp_path / "log.parquet")
    log = ParquetLog.read(tmp_path / "log.parquet", Columns(at_unit="s", extra=("order",)))
    assert log.per("order").journeys == size
    assert (log.folder / "journeymap.json").stat().st_size < 3000


KILLED = """
import sys
from journeymap.engines import ParquetLog, parquet_log
parquet_log.CHUNK = parquet_log.PARTITION = 2000
from tests.engines.test_parquet_log import COLUMNS
ParquetLog.read(sys.argv[1], COLUMNS)
"""


def test_killed_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL at some moments; afterwards it answers as though nothing had happened."""
    monkeypatch.setattr(parquet_log, "CHUNK", 2000)
    monkeypatch.setattr(parquet_log, "PARTITION", 2000)
    rows = frame(40_000, seed=2)
    place = tmp_path / "rows"
    place.mkdir()
    rows.write_parquet(place / "all.parquet")
    made = tmp_path / "rows.journeymap"
    command = [sys.executable, "-c", KILLED, str(place)]
    for kind, number in (("chunks", 3), ("chunks", 11), ("parts", 2), ("parts", 13)):
        with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
            while process.poll() is None and len(list((made / kind).glob("*"))) < number:
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, "it was to be killed in the middle"
    large = ParquetLog.read(place, COLUMNS, map=JOURNEY)
    memory = Log.from_frame(rows, COLUMNS, map=JOURNEY)
    assert large.ask(*QUESTIONS[:6]) == memory.ask(*QUESTIONS[:6])
    assert large.interactions + len(large.rejected) == len(rows)


def test_one_file_and_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    frame(50).write_parquet(file)
    assert ParquetLog.read(file, COLUMNS).interactions > 0
    assert (tmp_path / "log.parquet.journeymap").is_dir()
    frame(50).clear().write_parquet(tmp_path / "none.parquet")
    empty = ParquetLog.read(tmp_path / "none.parquet", COLUMNS, map=JOURNEY, into=tmp_path / "n")
    nobody = Log.from_interactions([], map=JOURNEY)
    assert (empty.customers, empty.first) == (0, None)
    for question in QUESTIONS[:12]:
        assert len(empty.ask(question)) == len(nobody.ask(question))


def test_what_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ParquetLog.read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no \.parquet file"):
        ParquetLog.read(tmp_path / "empty")
    with pytest.raises(ColumnsError, match="custmer"):
        ParquetLog.read(folder, Columns(customer="custmer"), into=tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("precious")
    with pytest.raises(SourceError, match="other files"):
        ParquetLog.read(folder, COLUMNS, into=tmp_path / "b")
    assert (tmp_path / "b" / "thesis.txt").read_text() == "precious"
    (folder / "9.parquet").write_text("not a table")
    with pytest.raises(SourceError, match="not a Parquet file"):
        ParquetLog.read(folder, COLUMNS, into=tmp_path / "c")


def test_what_was_made_of_something_else_is_refused(folder: Path, rows: pl.DataFrame) -> None:
    made = ParquetLog.read(folder, COLUMNS)
    with pytest.raises(SourceError, match="other Columns"):
        ParquetLog.read(folder, Columns(timezone="UTC"))
    manifest = made.folder / "journeymap.json"
    good = manifest.read_text()
    for wrong, told in (
        ("{", "cannot be read"),
        (json.dumps({"a": 1}), "cannot be read"),
        (good.replace('"version": 1', '"version": 9'), "version 9"),
    ):
        manifest.write_text(wrong)
        with pytest.raises(SourceError, match=told):
            ParquetLog.read(folder, COLUMNS)
    manifest.write_text(good)
    shutil.rmtree(made.folder / "parts" / "000002")
    with pytest.raises(SourceError, match="partition 2 cannot be read"):
        ParquetLog.read(folder, COLUMNS).ask(Variants())
    os.utime(folder / "0.parquet", ns=(1, 1))
    with pytest.raises(SourceError, match="have changed"):
        ParquetLog.read(folder, COLUMNS)


def test_two_makers_are_kept_apart(folder: Path, tmp_path: Path) -> None:
    from journeymap.engines.folder import Folder, Lock

    with Lock(Folder(tmp_path / "into")), pytest.raises(SourceError, match="another process"):
        ParquetLog.read(folder, COLUMNS, into=tmp_path / "into")
    assert ParquetLog.read(folder, COLUMNS, into=tmp_path / "into").interactions > 0


def test_a_duplicate_in_a_file_without_a_wanted_column(tmp_path: Path) -> None:
    """Which was an error, and again at every attempt; it is set aside as any other."""
    frame = pl.DataFrame({"customer": "a", "touchpoint": "t", "at": [5], "id": "1",
                          "channel": "web", "day": pl.Series([None], dtype=pl.Date)})  # fmt: skip
    frame.write_parquet(tmp_path / "0.parquet")
    frame.drop("channel").write_parquet(tmp_path / "1.parquet")
    far = pl.Series("day", [2**31 - 1], dtype=pl.Int32).cast(pl.Date)
    frame.with_columns(far).write_parquet(tmp_path / "2.parquet")
    log = ParquetLog.read(tmp_path, Columns(at_unit="s", id="id", channel="channel",
                                            extra=("day",)))  # fmt: skip
    assert log.interactions == 1
    assert [(one.file, one.line) for one in log.rejected] == [("1.parquet", 1), ("2.parquet", 1)]
