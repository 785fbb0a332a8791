"""A real local Spark answers every question as the memory does."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeymap import Not, Persona, Product, Sequence, Tracker, analysis
from journeymap.analysis import (
    Breakdown,
    Columns,
    Funnel,
    Log,
    Rfm,
    Scorecard,
    Variants,
)
from journeymap.engines import SparkLog
from journeymap.exceptions import AnswerError, ColumnsError, SourceError, UnknownName
from tests.analysis.test_laws import QUESTIONS
from tests.analysis.test_scorecard import MEASURED
from tests.analysis.test_splitting import SPLIT
from tests.conftest import required
from tests.engines.test_parquet_log import COLUMNS, frame
from tests.factories import JOURNEY


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    required(shutil.which("java"), "Java 17")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the pandas there is, which we do not use
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3",
            "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "500",
        }  # fmt: skip
        builder = SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return frame(3000, seed=5).with_columns(pl.col("at").dt.replace_time_zone("UTC"))


@pytest.fixture(scope="module")
def cluster(spark: Any, rows: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> SparkLog:
    place = tmp_path_factory.mktemp("rows") / "log.parquet"
    rows.write_parquet(place)
    return SparkLog.from_frame(spark.read.parquet(str(place)), COLUMNS, map=JOURNEY, partitions=3)


pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


def test_every_state_is_that_of_the_memory(cluster: SparkLog, rows: pl.DataFrame) -> None:
    memory = Log.from_frame(rows, COLUMNS, map=JOURNEY)
    for horizon in (timedelta(0), timedelta(days=3)):
        tracker = Tracker(JOURNEY, horizon)
        want = {state.customer: state for state in tracker.follow_log(memory)}
        assert len(want) == memory.customers
        assert {state.customer: state for state in tracker.follow_log(cluster)} == want


def test_every_answer_is_that_of_the_memory(cluster: SparkLog, rows: pl.DataFrame) -> None:
    memory = Log.from_frame(rows, COLUMNS, map=JOURNEY)
    assert (cluster.customers, cluster.interactions) == (memory.customers, memory.interactions)
    assert (cluster.first, cluster.last, cluster.levels) == (
        memory.first,
        memory.last,
        memory.levels,
    )
    assert cluster.unmapped == memory.unmapped
    answers = cluster.ask(*QUESTIONS)
    for question, one, other in zip(QUESTIONS, answers, memory.ask(*QUESTIONS), strict=True):
        assert one == other, question
    for question in SPLIT:
        assert cluster.ask(question) == memory.ask(question)
    assert cluster.describe() == memory.describe()
    for question in (Variants(top=None), Funnel(["a", "b"]), Rfm("a", currency="EUR")):
        here: Any = memory.ask(question)
        there: Any = cluster.ask(question)
        assert there.customers(there[0]) == here.customers(here[0]) != ()
    view, twin = cluster.per("product"), memory.per("product")
    assert view.journeys == twin.journeys
    assert view.ask(Variants(top=None)) == twin.ask(Variants(top=None))


def test_metrics_are_those_of_the_memory(spark: Any, rows: pl.DataFrame, tmp_path: Path) -> None:
    rows.write_parquet(tmp_path / "log.parquet")
    frame = spark.read.parquet(str(tmp_path / "log.parquet"))
    journey = MEASURED.add(Product("fibre"), Persona("reader", products=["fibre"]))
    measured = SparkLog.from_frame(frame, COLUMNS, map=journey, partitions=3)
    twin = Log.from_frame(rows, COLUMNS, map=journey)
    assert measured.levels == twin.levels
    by_persona = Breakdown(Funnel(["a"]), "persona")
    assert measured.ask(by_persona) == twin.ask(by_persona)
    for question in (Scorecard("month"), Scorecard(last="20 days")):
        assert measured.ask(question) == twin.ask(question)
    called = Sequence("a", Not("b"), "c", within="9 days")
    funnel = Breakdown(Funnel(["a", "c"]), by=called)
    assert measured.where(avoid=called).ask(funnel) == twin.where(avoid=called).ask(funnel)
    assert measured.to_polars().equals(twin.to_polars())


def test_no_row_is_lost(cluster: SparkLog, rows: pl.DataFrame) -> None:
    reasons = cluster.rejected_reasons
    assert cluster.interactions + reasons.total() == len(rows)
    memory = Log.from_frame(rows, COLUMNS).rejected.reasons
    assert reasons == memory  # one file of one row group: lines are those of the frame
    assert sorted(one.line for one in cluster.rejected) == sorted(
        one.line for one in Log.from_frame(rows, COLUMNS).rejected
    )


def test_a_step_that_no_part_knows_is_named(cluster: SparkLog) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        cluster.ask(Funnel(["a", "bb"]))


def test_columns_that_are_not_there(cluster: SparkLog) -> None:
    with pytest.raises(ColumnsError, match="custmer"):
        SparkLog.from_frame(cluster.frame, Columns(customer="custmer"))


def test_the_cell_of_the_docs_shows_the_same_everywhere(
    cluster: SparkLog, rows: pl.DataFrame
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    cell = text.split("```python\n")[1].split("```")[0]
    shown = []
    for log in (cluster, Log.from_frame(rows, COLUMNS, map=JOURNEY)):
        names: dict[str, Any] = {**vars(analysis), "log": log, "datetime": datetime, "UTC": UTC}
        exec(cell, names)  # noqa: S102  # our own docs
        shown.append([names[name] for name in ("transitions", "funnel", "web", "compared")])
    assert shown[0] == shown[1]


def test_any_names_and_kinds_of_columns(spark: Any, tmp_path: Any) -> None:
    """Dots and backticks in names, customers that are numbers, ids that come twice."""
    rows = pl.DataFrame(
        {"customer.id": [0.0, -0.0, 1.5, 1.5, 2.0], "cust`omer point": list("abaab"),
         "arrival": [1, 2, 3, 4, 5], "duplicate": ["x", "y", "z", "z", None]}
    )  # fmt: skip
    columns = Columns(customer="customer.id", touchpoint="cust`omer point", at="arrival",
                      at_unit="s", id="duplicate")  # fmt: skip
    rows.write_parquet(tmp_path / "log.parquet")
    cluster = SparkLog.from_frame(spark.read.parquet(str(tmp_path / "log.parquet")), columns)
    memory = Log.from_frame(rows, columns)
    assert (cluster.customers, cluster.interactions) == (memory.customers, memory.interactions)
    assert cluster.ask(Variants(top=None)) == memory.ask(Variants(top=None))
    assert [one.reason for one in cluster.rejected] == [one.reason for one in memory.rejected]


def test_what_is_no_frame_or_holds_no_names(spark: Any) -> None:
    with pytest.raises(SourceError, match="a Spark DataFrame is expected"):
        SparkLog.from_frame(pl.DataFrame({"customer": []}))  # type: ignore[arg-type]
    nested = spark.sql("select array('a') customer, 'x' touchpoint, timestamp '2026-01-01' at")
    with pytest.raises(ColumnsError, match="'customer' holds a array"):
        SparkLog.from_frame(nested)


def test_nobody(spark: Any, rows: pl.DataFrame, tmp_path: Any) -> None:
    rows.clear().write_parquet(tmp_path / "none.parquet")
    nothing = spark.read.parquet(str(tmp_path / "none.parquet"))
    log = SparkLog.from_frame(nothing, COLUMNS, map=JOURNEY)
    assert (log.customers, log.first) == (0, None)
    assert len(log.ask(Variants())) == 0


def test_an_order_without_times_is_that_of_the_memory(spark: Any, rows: pl.DataFrame) -> None:
    turned = rows.drop("at", "id").with_row_index("turn")
    chosen = Columns(at=None, order="turn", department="department")
    memory = Log.from_frame(turned, chosen, map=JOURNEY)
    records = [tuple(row) for row in turned.select(chosen.named()).rows()]
    cluster = SparkLog.from_frame(
        spark.createDataFrame(records, list(chosen.named())), chosen, map=JOURNEY, partitions=3
    )
    questions = (Variants(), Funnel(["a", "b"]))
    assert cluster.ask(*questions) == memory.ask(*questions)
    assert (cluster.first, cluster.interactions) == (None, memory.interactions)
    with pytest.raises(AnswerError, match="no times"):
        cluster.ask(analysis.Dwell())
