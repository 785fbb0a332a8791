"""How long a file takes to be read and ordered: `Log.read`, Polars and DuckDB, in one run."""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from journeymap.analysis import Columns, Log

FORMS = {
    "common": "%Y-%m-%dT%H:%M:%SZ",
    "no separators": "%Y%m%dT%H%M%SZ",
    "local, in a zone": "%Y-%m-%d %H:%M:%S",
}


def make(rows: int, form: str) -> pl.DataFrame:
    """Make rows in no order, about five of each customer, ten days apart at most."""
    dice = np.random.default_rng(1)
    # No hour of a change of clocks: between 8 and 16 h UTC.
    days, seconds = dice.integers(20_000, 20_300, rows), dice.integers(28_800, 57_600, rows)
    at = pl.Series((days * 86_400 + seconds) * 1_000_000).cast(pl.Datetime("us"))
    return pl.DataFrame({
        "customer": [f"customer-{number}" for number in dice.integers(0, rows // 5, rows)],
        "touchpoint": dice.choice(["visit", "order", "pay", "call", "return"], rows),
        "at": at.dt.strftime(FORMS[form]), "channel": dice.choice(["web", "app"], rows),
        "note": ["ten letters"] * rows,
    })  # fmt: skip


def ours(file: Path, zone: str | None) -> tuple[int, int]:
    """Read and order by journeymap."""
    log = Log.read(file, Columns(channel="channel", timezone=zone))
    return log.interactions, log.customers


def from_database(connection: sqlite3.Connection) -> tuple[int, int]:
    """Read a table of a database by Polars, and order it by journeymap."""
    log = Log.from_frame(pl.read_database("SELECT * FROM log", connection),
                         Columns(channel="channel"))  # fmt: skip
    return log.interactions, log.customers


def by_polars(file: Path, form: str) -> tuple[int, int]:
    """Read, convert the times, and sort by Polars."""
    names = ["customer", "touchpoint", "at", "channel"]
    if file.suffix == ".csv":
        frame = pl.read_csv(file, columns=names, infer_schema=False)
    else:
        frame = pl.read_ndjson(file, schema=dict.fromkeys(names, pl.String))
    at = pl.col("at").str.to_datetime(FORMS[form].removesuffix("Z"), exact=False, time_unit="us")
    frame = frame.with_columns(at).sort("customer", "at", maintain_order=True)
    return len(frame), frame["customer"].n_unique()


def by_duckdb(file: Path) -> tuple[int, int]:
    """Read, convert the times, and sort by DuckDB."""
    if file.suffix == ".csv":
        plain = """replace(replace("at", 'Z', ''), 'T', ' ')"""
        at, reader = f"strptime({plain}, '%Y-%m-%d %H:%M:%S')", "read_csv(?, all_varchar=true)"
    else:
        at, reader = '"at"', "read_json_auto(?)"  # which reads times by itself
    query = (
        f'SELECT customer, touchpoint, {at} AS "at", channel FROM {reader} ORDER BY customer, "at"'
    )
    answer: Any = duckdb.sql(query, params=[str(file)])
    found = pl.DataFrame(answer.to_arrow_table())
    return len(found), found["customer"].n_unique()


def median(work: Callable[[], Any], times: int) -> float:
    """Measure a piece of work several times, after one that does not count."""
    work()
    lengths = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        lengths.append(time.perf_counter() - begin)
    return statistics.median(lengths)


def main() -> None:
    """Measure, and print a row for each kind of file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    print("| file | journeymap | Polars | DuckDB |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, form in (("csv", "common"), ("csv", "no separators"),
                             ("csv", "local, in a zone"), ("jsonl", "common")):  # fmt: skip
            file = Path(folder) / f"log.{suffix}"
            frame = make(options.rows, form)
            if suffix == "csv":
                frame.write_csv(file)
            else:
                frame.write_ndjson(file)
            zone = None if form.startswith(("common", "no")) else "Europe/Paris"
            works: list[Callable[[], tuple[int, int]]] = [
                lambda file=file, zone=zone: ours(file, zone),  # type: ignore[misc]
                lambda file=file, form=form: by_polars(file, form),  # type: ignore[misc]
            ]
            if form == "common":
                works.append(lambda file=file: by_duckdb(file))  # type: ignore[misc]
            answers = {work() for work in works}
            if len(answers) > 1:
                raise SystemExit(f"{suffix}, {form}: the answers differ: {answers}")
            took = [median(work, options.times) for work in works]
            cells = [f"{1000 * took[0]:,.0f} ms"]
            cells += [f"{1000 * one:,.0f} ms {one / took[0]:.1f}×" for one in took[1:]]
            cells += ["–"] * (3 - len(cells))
            name = {"csv": "CSV", "jsonl": "JSON lines"}[suffix]
            print(f"| {name}, times {form} | {' | '.join(cells)} |", flush=True)
    connection = sqlite3.connect(":memory:")
    rows = make(options.rows, "common").drop("note")
    connection.execute(f"CREATE TABLE log ({', '.join(rows.columns)})")
    connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", rows.iter_rows())
    took_ = median(lambda: from_database(connection), options.times)
    print(f"| SQLite, `Log.from_frame(pl.read_database(…))` | {1000 * took_:,.0f} ms | – | – |")


if __name__ == "__main__":
    main()
