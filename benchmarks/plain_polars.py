"""The same questions in plain Polars, as one writes them who knows it well.

With ``tuned`` the windows are done without: a shift over the whole ordered frame, and a comparison
of neighbours, which only an ordered frame of whole customers allows.
"""

from __future__ import annotations

import sys
from typing import Any

import polars as pl
from answers import GAP, digest, tell, timed

file, times = sys.argv[1], int(sys.argv[2])
customer, touchpoint, at = pl.col("customer"), pl.col("touchpoint"), pl.col("at")


def read() -> pl.DataFrame:
    """Read and order; the sort keeps the order of arrival."""
    return pl.read_parquet(file).sort("customer", "at", maintain_order=True)


reading, frame = timed(read, times)
# Not counted: numbers instead of texts, so that its own questions are as fast as they can be.
frame = frame.with_columns(
    customer=customer.rle_id(), touchpoint=touchpoint.cast(pl.Categorical)
).with_columns(at=at.cast(pl.Int64))
tuned = len(sys.argv) > 3
same = customer == customer.shift(-1)
target = pl.when(same).then(touchpoint.shift(-1)) if tuned else touchpoint.shift(-1).over(customer)
later = at.shift(-1) if tuned else at.shift(-1).over(customer)


def transitions() -> Any:
    """A window of one row, and a group-by of pairs."""
    lazy = frame.lazy().select(touchpoint, target=target)
    return lazy.drop_nulls().group_by("touchpoint", "target").len().collect()


def waits() -> Any:
    """The same with the time between."""
    lazy = frame.lazy().select(touchpoint, target=target, wait=later - at)
    wait = pl.col("wait")
    told = (wait.mean(), wait.median().alias("median"), wait.quantile(0.9).alias("p90"))
    return lazy.drop_nulls("target").group_by("touchpoint", "target").agg(pl.len(), *told).collect()


def variants() -> Any:
    """The touchpoints of each customer as a list, and a group-by of lists."""
    codes = touchpoint.to_physical()
    lists = frame.lazy().group_by(customer, maintain_order=True).agg(codes)
    return lists.group_by("touchpoint").len().collect()


def durations() -> float:
    """From the first to the last of each customer."""
    lasted = frame.lazy().group_by(customer).agg(lasted=at.last() - at.first())
    return float(lasted.select(pl.col("lasted").median()).collect().item())


def steps() -> Any:
    """The place of each row among its customer's."""
    placed = frame.lazy().select(touchpoint, step=pl.int_range(pl.len()).over(customer) + 1)
    return placed.filter(pl.col("step") <= 10).group_by("step", "touchpoint").len().collect()


def sessions() -> int:
    """A session begins with a customer, or after silence."""
    gap = GAP * 3_600_000_000
    if tuned:
        begins = (customer != customer.shift(1)).fill_null(True) | (at - at.shift(1) > gap)
    else:
        begins = (at - at.shift(1).over(customer) > gap).fill_null(True)
    return int(frame.lazy().select(begins.sum()).collect().item())


counting, counts = timed(transitions, times)
waiting, waited = timed(waits, times)
finding, found = timed(variants, times)
lasting, lasted = timed(durations, times)
stepping, stepped = timed(steps, times)
cutting, cut = timed(sessions, times)
codes = frame.select(code=touchpoint.to_physical(), name=touchpoint.cast(pl.String)).unique()
name = dict(codes.iter_rows())
tell(
    {
        "read and order": (reading, f"{frame['customer'].n_unique()} {len(frame)}"),
        "transitions": (counting, digest(counts.iter_rows())),
        "transitions with waits": (
            waiting,
            digest((a, b, round(mean / 1e6)) for a, b, _, mean, _, _ in waited.iter_rows()),
        ),
        "variants": (
            finding, digest((*(name[code] for code in path), n) for path, n in found.iter_rows()),
        ),
        "durations": (lasting, str(lasted / 86_400e6)),
        "steps": (stepping, digest(stepped.iter_rows())),
        "sessions": (cutting, str(cut)),
    }
)  # fmt: skip
