"""How long a report of a large log takes, step by step: `make bench-report`.

Simulated customers of the broadband company, as often as asked for, each time with other names.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import polars as pl

from journeymap import NextBest
from journeymap.analysis import Columns, Log, Overview, Signals
from journeymap.profile import FrontLine
from journeymap.simulation import broadband, broadband_customers
from journeymap.views import report

COLUMNS = Columns(channel="channel", product="product", outcome="outcome", emotion="emotion",
                  score="score", score_kind="score_kind", value="value",
                  currency="currency")  # fmt: skip
NAMES = ("customer", "at", "touchpoint", "channel", "product", "outcome", "emotion", "score",
         "score_kind", "value", "currency")  # fmt: skip


def written(folder: Path, customers: int, copies: int) -> Path:
    """Write the log as Parquet."""
    one = Log.from_interactions(broadband_customers(customers), map=broadband()).to_polars()
    plain = one.select(name for name in NAMES if name in one.columns)
    frames = [plain.with_columns(customer=pl.lit(f"{number:04}-") + pl.col("customer"))
              for number in range(copies)]  # fmt: skip
    file = folder / "log.parquet"
    pl.concat(frames).write_parquet(file)
    return file


def main() -> None:
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--copies", type=int, default=29)
    asked = parser.parse_args()
    journey = broadband()
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder), asked.customers, asked.copies)
        begun = last = time.perf_counter()

        def show(what: str) -> None:
            nonlocal last
            now = time.perf_counter()
            print(f"| {what} | {now - last:.1f} s |", flush=True)
            last = now

        log = Log.read(file, COLUMNS, map=journey)
        print(log)
        show("read and order")
        signals = log.ask(Signals(FrontLine.SIGNALS))
        show(f"find {len(signals):,} signals of moments and key journeys")
        offers = NextBest(journey) if journey.offers else None
        line = FrontLine.of_signals(journey, signals, log.histories, offers, 1000)
        show(f"list {len(line.waiting):,} waits")
        overview = Overview.of(log)
        show("ask all questions of the report")
        page = report(overview, front_line=line)
        show(f"write the page ({len(page) / 1000:,.0f} kB)")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"| all | {last - begun:.1f} s, {most:.1f} GB at most |")


if __name__ == "__main__":
    main()
