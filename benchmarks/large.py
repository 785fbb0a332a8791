"""A log larger than memory: partitioned once, then asked; time per interaction and peak memory."""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from generated import generated_folder

from journeymap import Department, JourneyMap, Stage, Touchpoint, Tracker
from journeymap.analysis import Dwell, Lifecycle, Transitions, Variants
from journeymap.engines import ParquetLog

QUESTIONS = (Transitions(waits=False), Transitions(), Variants(), Dwell("touchpoint"), Lifecycle())


JOURNEY = JourneyMap(
    "shop", dormant_after=timedelta(days=200),
    stages=[Stage(f"stage {n}", "buy" if n < 2 else "own") for n in range(5)],
    departments=[Department(f"department {n}") for n in range(5)],
    touchpoints=[
        Touchpoint(f"touchpoint {n}", f"stage {n % 5}", department=f"department {n // 5}")
        for n in range(25)
    ],
)  # fmt: skip


def followed(folder: Path) -> None:
    """Follow all customers: a state of each, one after the other."""
    log = ParquetLog.read(folder, map=JOURNEY)
    begin, customers, interactions = time.perf_counter(), 0, 0
    for state in Tracker(JOURNEY, timedelta(0)).follow_log(log):
        customers, interactions = customers + 1, interactions + state.count
    took = time.perf_counter() - begin
    assert (customers, interactions) == (log.customers, log.interactions)
    print(f"  {took:7.2f} s {1e9 * took / interactions:6.1f} ns an interaction  "
          f"follow_log: {customers:,} states")  # fmt: skip
    print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


def measured(folder: Path, *, ask: bool) -> None:
    """Partition, or ask of what is partitioned; each in a process of its own."""
    begin = time.perf_counter()
    log = ParquetLog.read(folder)
    took = time.perf_counter() - begin
    size = log.interactions
    if not ask:
        print(f"{size:,} interactions of {log.customers:,} customers in {folder.name}")
        print(f"  partitioned in {took:.1f} s: {1e9 * took / size:.0f} ns an interaction")
    else:
        for question in QUESTIONS:
            begin = time.perf_counter()
            log.ask(question)
            took = time.perf_counter() - begin
            print(f"  {took:7.2f} s {1e9 * took / size:6.1f} ns an interaction  {question}")
    print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


def main() -> None:
    """Ten million and a hundred million, unless asked otherwise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--measure", choices=["partition", "ask", "follow"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.measure:
        if options.measure == "follow":
            followed(options.folder)
        else:
            measured(options.folder, ask=options.measure == "ask")
        return
    for customers in options.customers:
        folder = generated_folder(Path("out/bench"), customers, max(1, customers // 500_000))
        shutil.rmtree(folder.with_name(folder.name + ".journeymap"), ignore_errors=True)
        for what in ("partition", "ask", "follow"):
            command = [sys.executable, __file__, "--measure", what, "--folder", str(folder)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
