"""The same questions in plain DuckDB, as one writes them who knows it well."""

from __future__ import annotations

import sys
from typing import Any

import duckdb
from answers import GAP, digest, tell, timed

file, times = sys.argv[1], int(sys.argv[2])
db = duckdb.connect()


def read() -> None:
    """Read and order."""
    db.execute(
        'create or replace table log as select customer, touchpoint, "at" as moment '
        "from read_parquet($1) order by customer, moment",
        [file],
    )


def ask(query: str) -> list[Any]:
    """Rows of a query."""
    return db.execute(query).fetchall()


reading, _ = timed(read, times)
# Not counted: numbers instead of texts, so that its own questions are as fast as they can be.
db.execute("create type point as enum (select distinct touchpoint from log order by 1)")
db.execute("""
    create table coded as select dense_rank() over (order by customer)::integer customer,
    touchpoint::point touchpoint, epoch_us(moment) as moment from log
    order by customer, moment
""")
window = "over (partition by customer order by moment)"
transitions = f"""
    select touchpoint, target, count(*) from
    (select touchpoint, lead(touchpoint) {window} target from coded)
    where target is not null group by all
"""
waits = f"""
    select touchpoint, target, count(*), avg(wait), median(wait), quantile_cont(wait, 0.9) from
    (select touchpoint, lead(touchpoint) {window} target, lead(moment) {window} - moment wait
    from coded)
    where target is not null group by all
"""
variants = """
    select path, count(*) from
    (select list(touchpoint order by moment) path from coded group by customer) group by path
"""
durations = """
    select median(lasted) from
    (select max(moment) - min(moment) lasted from coded group by customer)
"""
steps = f"""
    select step, touchpoint, count(*) from
    (select touchpoint, row_number() {window} step from coded) where step <= 10 group by all
"""
sessions = f"""
    select count(*) from (select moment - lag(moment) {window} gap from coded)
    where gap is null or gap > {GAP} * 3600000000::bigint
"""
counting, counts = timed(lambda: ask(transitions), times)
waiting, waited = timed(lambda: ask(waits), times)
finding, found = timed(lambda: ask(variants), times)
lasting, lasted = timed(lambda: ask(durations), times)
stepping, stepped = timed(lambda: ask(steps), times)
cutting, cut = timed(lambda: ask(sessions), times)
[(people, rows)] = ask("select count(distinct customer), count(*) from coded")
tell(
    {
        "read and order": (reading, f"{people} {rows}"),
        "transitions": (counting, digest(counts)),
        "transitions with waits": (
            waiting, digest((a, b, round(mean / 1e6)) for a, b, _, mean, _, _ in waited),
        ),
        "variants": (finding, digest((*path, n) for path, n in found)),
        "durations": (lasting, str(lasted[0][0] / 86_400e6)),
        "steps": (stepping, digest(stepped)),
        "sessions": (cutting, str(cut[0][0])),
    }
)  # fmt: skip
