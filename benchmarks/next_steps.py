"""How long `NextStep` takes to learn from a large log, beside `Transitions`, in one run.

What follows one element is compared with the transitions first. Run it with
``python -m benchmarks.next_steps``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import polars as pl

from journeymap.analysis import Log, NextStep, Transitions
from journeymap.simulation import broadband, broadband_customers


def copied(customers: int, copies: int) -> Log:
    """Simulated customers of the broadband company, so many times, each time with other names."""
    one = Log.from_interactions(broadband_customers(customers), map=broadband()).to_polars()
    plain = one.select("customer", "touchpoint", "at")
    return Log.from_frame(pl.concat(
        plain.with_columns(customer=pl.lit(f"{number:04}-") + pl.col("customer"))
        for number in range(copies)
    ))  # fmt: skip


def checked(log: Log) -> None:
    """Compare what followed each element with the transitions."""
    pairs = {(row.source, row.target): row.count for row in log.ask(Transitions())}
    steps = {(row.path[0], row.element): row.count
             for row in log.ask(NextStep(memory=1)) if row.path}  # fmt: skip
    assert steps == pairs


def measured(log: Log, questions: list[Any], times: int) -> list[float]:
    """The medians of several runs, in turns, for the machine is not ours alone."""
    found: list[list[float]] = [[] for _ in questions]
    for turn in range(times + 1):
        for question, mine in zip(questions, found, strict=True):
            begun = time.perf_counter()
            log.ask(question)
            if turn:  # the first does not count
                mine.append(time.perf_counter() - begun)
    return [statistics.median(mine) for mine in found]


def main() -> None:
    """A table for the docs."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=10_000)
    options.add_argument("--copies", type=int, default=27)
    options.add_argument("--times", type=int, default=5)
    asked = options.parse_args()
    log = copied(asked.customers, asked.copies)
    checked(log)
    questions = [Transitions(), NextStep(), NextStep(memory=5), NextStep(memory=8)]
    first, *_ = seconds = measured(log, questions, asked.times)
    print(f"{log.interactions:,} interactions\n\n| question | ms | ratio |\n|---|---:|---:|")
    for question, mine in zip(questions, seconds, strict=True):
        print(f"| `{question}` | {1000 * mine:,.0f} | {mine / first:.1f} |")


if __name__ == "__main__":
    main()
