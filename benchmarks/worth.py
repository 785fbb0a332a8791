"""How long lifetime value and attribution take of many customers, beside lifetimes (MIT).

Lifetimes is given the histories, which we find in the log first; its parameters are compared with
ours before anything is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from journeymap.analysis import Attribution, Columns, LifetimeValue, Log

PLANTED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
WEEKS = 78


def shoppers(customers: int) -> Log:
    """Customers who buy and leave as BG/NBD has it, over one of three channels at a time."""
    dice = np.random.default_rng(3)
    rate = dice.gamma(PLANTED["r"], 1 / PLANTED["alpha"], customers)
    leave = dice.beta(PLANTED["a"], PLANTED["b"], customers)
    now = dice.integers(0, 12 * 7, customers).astype(float)
    who, days = [np.arange(customers)], [now.copy()]
    there = np.arange(customers)
    while len(there):
        now[there] += 7 * dice.exponential(1 / np.maximum(rate[there], 1e-12))
        there = there[now[there] <= 7 * WEEKS]
        who.append(there)
        days.append(now[there])
        there = there[dice.random(len(there)) >= leave[there]]
    people, at = np.concatenate(who), np.concatenate(days)
    channels = pl.Series(["web", "shop", "app"]).gather(
        pl.Series(dice.integers(0, 3, len(people)), dtype=pl.UInt32)
    )
    visit = pl.DataFrame({"customer": people, "at": at - 0.5, "channel": channels})
    bought = visit.with_columns(pl.col("at") + 0.5, touchpoint=pl.lit("buy"))
    frame = pl.concat([visit.with_columns(touchpoint=pl.lit("visit")), bought])
    frame = frame.with_columns((pl.col("at") * 86_400 + 86_400).cast(pl.Int64))
    return Log.from_frame(frame, Columns(at_unit="s", channel="channel"))


def beside(peer: str, answer: Any) -> float:
    """Seconds that lifetimes takes to fit the same histories; its parameters are ours."""
    frame = answer.per_customer().select("frequency", "recency", "T")
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        np.savetxt(file, frame.to_numpy().T, delimiter=",")
        file.flush()
        script = str(Path(__file__).with_name("peer_lifetimes.py"))
        done = subprocess.run([peer, script, file.name], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    for name, value in answer.parameters.items():
        assert abs(found[name] / value - 1) < 5e-3, (name, found[name], value)
    return found["took"]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--peer", default=".venv-lifetimes/bin/python")
    given = parser.parse_args()
    log = shoppers(given.customers)
    bought = log.interactions // 2
    print(f"{given.customers:,} customers, {bought:,} purchases; planted {PLANTED}\n")
    print("| question | time | lifetimes | found |\n|---|---:|---:|---|")
    asked: list[Any] = [LifetimeValue("buy"), LifetimeValue("buy", "pareto-nbd"),
                        Attribution("buy", "linear"), Attribution("buy", "markov")]  # fmt: skip
    for question in asked:
        begun = time.perf_counter()
        answer = log.ask(question)
        took = time.perf_counter() - begun
        found = answer.parameters if isinstance(question, LifetimeValue) else {
            row.element: row.share for row in answer
        }  # fmt: skip
        theirs = f"{beside(given.peer, answer):.1f} s" if question == asked[0] else "–"
        shown = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        name = f"{type(question).__name__} {question.model}"
        print(f"| {name} | {took:.1f} s | {theirs} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
