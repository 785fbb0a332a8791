"""Rows a second of each source, and a million identities: `make bench-sources`.

Each source reads the same simulated interactions; a gigabyte is streamed with ``--gigabyte``, and
its peak memory told.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from journeymap import Evidence, Identities, Identity, IdentityRules, Interaction, Live, Namespace
from journeymap.adapters.mapping import RecordRule, columns_mapping
from journeymap.adapters.source import Source
from journeymap.adapters.sources import (
    MessageSource,
    SqlSource,
    csv_source,
    duckdb_source,
    iterable_source,
    json_lines_source,
    ocel_source,
    parquet_source,
    xes_source,
)
from journeymap.simulation import broadband, broadband_customers

FIELDS = ("id", "customer", "touchpoint", "at", "channel", "product", "outcome")
RULE = RecordRule("$.at", {"customer": "$.customer"}, "$.touchpoint", id="$.id",
                  channel="$.channel", product="$.product", outcome="$.outcome")  # fmt: skip
MAPPING = columns_mapping(
    "benchmark", at="at", identities={"customer": "customer"}, touchpoint="touchpoint", rule=RULE
)


def plain(one: Interaction) -> dict[str, str | None]:
    row = {name: getattr(one, name) for name in FIELDS}
    return {**row, "at": one.at.isoformat()}


def written(folder: Path, rows: list[dict[str, str | None]]) -> dict[str, Source]:
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "a.jsonl").write_text("".join(lines))
    with gzip.open(folder / "a.jsonl.gz", "wt") as file:
        file.writelines(lines)
    pl.DataFrame(rows).write_parquet(folder / "a.parquet")
    messages = (json.dumps({"type": "RECORD", "stream": "s", "record": row}) + "\n" for row in rows)
    (folder / "m.jsonl").write_text("".join(messages))
    _sqlite(folder / "a.db", rows)
    _xes(folder / "a.xes", rows)
    _ocel(folder / "o.json", rows)
    return {
        "CSV": csv_source(folder / "a.csv", MAPPING),
        "JSON lines": json_lines_source(folder / "a.jsonl", MAPPING),
        "JSON lines .gz": json_lines_source(folder / "a.jsonl.gz", MAPPING),
        "Parquet": parquet_source(folder / "a.parquet", MAPPING),
        "iterable": iterable_source(rows, MAPPING),
        "Singer": MessageSource(folder / "m.jsonl", {"s": MAPPING}),
        "SQL (SQLite)": SqlSource(f"sqlite:///{folder / 'a.db'}", "t", MAPPING, cursor="n"),
        "DuckDB": duckdb_source(":memory:", f"FROM '{folder / 'a.parquet'}'", MAPPING),
        "XES": xes_source(folder / "a.xes"),
        "OCEL (JSON)": ocel_source(folder / "o.json", "customer"),
    }


def _sqlite(path: Path, rows: list[dict[str, str | None]]) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE t (n INTEGER PRIMARY KEY, {', '.join(FIELDS)})")
        named = ", ".join(f":{name}" for name in FIELDS)
        connection.executemany(f"INSERT INTO t VALUES (NULL, {named})", rows)
    connection.close()


def _xes(path: Path, rows: list[dict[str, str | None]]) -> None:
    with path.open("w") as file:
        file.write("<log>")
        trace = None
        for row in rows:
            if row["customer"] != trace:
                file.write("</trace>" if trace else "")
                trace = row["customer"]
                file.write(f'<trace><string key="concept:name" value="{trace}"/>')
            file.write(f'<event><string key="concept:name" value="{row["touchpoint"]}"/>'
                       f'<date key="time:timestamp" value="{row["at"]}"/>'
                       f'<string key="channel" value="{row["channel"]}"/></event>')  # fmt: skip
        file.write("</trace></log>")


def _ocel(path: Path, rows: list[dict[str, str | None]]) -> None:
    objects = [{"id": name, "type": "customer"} for name in {row["customer"] for row in rows}]
    events = [
        {"id": row["id"], "type": row["touchpoint"], "time": row["at"],
         "relationships": [{"objectId": row["customer"], "qualifier": ""}]}
        for row in rows
    ]  # fmt: skip
    path.write_text(json.dumps({"objects": objects, "events": events}))


def sources(number: int) -> None:
    rows = [plain(one) for one in broadband_customers(number)]
    with tempfile.TemporaryDirectory() as folder:
        made = written(Path(folder), rows)
        answers = set()
        for name, source in made.items():
            begun = time.perf_counter()
            read = sum(len(batch.records) for batch in source.read())
            took = time.perf_counter() - begun
            answers.add(read)
            print(f"{name:<16} {len(rows) / took:>10,.0f} rows a second")
        assert answers == {len(rows)}, answers


def gigabyte() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "big.jsonl"
        row = json.dumps(plain(next(iter(broadband_customers(1)))) | {"more": "x" * 700}) + "\n"
        with file.open("w") as out:
            for _ in range(1_000_000_000 // len(row)):
                out.write(row)
        begun, rows = time.perf_counter(), 0
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for batch in json_lines_source(file, MAPPING).read():
            rows += batch.rows
        took = time.perf_counter() - begun
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"{file.stat().st_size / 1e9:.2f} GB, {rows:,} rows in {took:.0f} s, "
              f"{grown:.0f} MB more memory at its peak")  # fmt: skip


def evidence(number: int) -> Iterator[Evidence]:
    """Cookies and addresses, users and addresses, and one phone that many share; in any order."""
    dice = random.Random(1)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    web, crm, till = number * 2 // 5, number * 3 // 10, number // 10
    order = list(range(web + crm + till))
    dice.shuffle(order)
    for place in order:
        at = begin + timedelta(seconds=dice.randrange(10**7))
        if place < web:
            mail = Identity("email", f"a{place * 5 // 8}@x.org")
            yield Evidence([Identity("cookie", f"k{place}"), mail], at, "web")
        elif place < web + crm:
            n = place - web
            both = [Identity("user", f"u{n}"), Identity("email", f"a{n}@x.org")]
            yield Evidence(both, at, "crm")
        else:
            n = place - web - crm
            yield Evidence([Identity("user", f"u{n}"), Identity("phone", "555")], at, "till")


def identities(number: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    who = Identities(IdentityRules([
        Namespace("user", most=1), Namespace("email", most=5, form="folded"),
        Namespace("phone", most=3), Namespace("cookie", most=50),
    ]))  # fmt: skip
    making = time.perf_counter()
    for _ in evidence(number):
        pass
    begun = time.perf_counter()
    who.learn(evidence(number))
    who.settle()
    took = time.perf_counter() - begun - (begun - making)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{who!r}: {len(who):,} customers in {took:.1f} s, {grown:.0f} MB "
          f"({begun - making:.1f} s more to make the evidence)")  # fmt: skip


def live(number: int) -> None:
    journey = broadband()
    rows = [plain(one) for one in broadband_customers(number)]
    rules = IdentityRules([Namespace("customer")])
    with tempfile.TemporaryDirectory() as folder:
        followed = Live(journey, Path(folder) / "a.db", identities=rules)
        begun = time.perf_counter()
        for batch in iterable_source(rows, MAPPING).read():
            followed.take(batch.records)
        print(f"Live.take        {len(rows) / (time.perf_counter() - begun):>10,.0f} rows a second")
        followed.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=6000)
    parser.add_argument("--identities", type=int, default=1_000_000)
    parser.add_argument("--gigabyte", action="store_true")
    options = parser.parse_args()
    sources(options.customers)
    live(options.customers // 4)
    identities(options.identities)
    if options.gigabyte:
        gigabyte()


if __name__ == "__main__":
    main()
