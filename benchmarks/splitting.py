"""How much a question costs by segment and over time, beside the question alone.

The answers are compared first: each segment with the log that ``where`` shows of it.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import polars as pl

from journeymap.analysis import (
    Breakdown,
    Columns,
    Dwell,
    Funnel,
    Log,
    Paths,
    Transitions,
    Trend,
    Variants,
)

ASKED = (
    Transitions(waits=False), Transitions(), Variants(), Funnel(["t1", "t2", "t3"]),
    Dwell("touchpoint"), Paths(),
)  # fmt: skip


def made(rows: int, segments: int) -> Log:
    """A log of 24 touchpoints, eleven interactions a customer, each in one segment."""
    dice = np.random.default_rng(1)
    who = np.sort(dice.integers(0, rows // 11, rows))
    points = pl.Series([f"t{n}" for n in range(24)])
    names = pl.Series([f"s{n}" for n in range(segments)])
    frame = pl.DataFrame({
        "customer": who,
        "touchpoint": points.gather(dice.integers(0, 24, rows).astype(np.uint32)),
        "at": np.arange(rows) * 1000,
        "segment": names.gather((who * 7919 % segments).astype(np.uint32)),
    })  # fmt: skip
    return Log.from_frame(frame, Columns(at_unit="ms", channel="segment"))


def best(log: Log, question: Any, times: int) -> float:
    """Seconds, the best of several."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        log.ask(question)
        found.append(time.perf_counter() - begun)
    return min(found)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=11_000_000)
    parser.add_argument("--segments", type=int, default=50)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    log = made(given.rows, given.segments)
    print(f"{given.rows:,} interactions, {given.segments} segments\n")
    print("| question | alone | by segment | each | by day |\n|---|---:|---:|---:|---:|")
    for question in ASKED:
        split = log.ask(Breakdown(question, "channel"))
        for name in ("s0", "s1"):
            shown = log.where(start=name, by="channel").ask(question)
            assert split.answers[name] == shown, (question, name)
        alone = best(log, question, given.times)
        cells = [
            best(log, asked, given.times) / alone
            for asked in (
                Breakdown(question, "channel"), Breakdown(question, "channel", attribute="each"),
                Trend(question, "day"),
            )
        ]  # fmt: skip
        ratios = " | ".join(f"{ratio:.1f} ×" for ratio in cells)
        print(f"| `{type(question).__name__}` | {1000 * alone:,.0f} ms | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
