"""The permits in a few lines of Python: python permits.py receipt.csv."""

from __future__ import annotations

import sys
from pathlib import Path

import journeymap as jm
from journeymap.analysis import Columns, Handoffs, Log, Overview, Variants
from journeymap.views import report

COLUMNS = Columns(
    customer="case:concept:name",
    touchpoint="concept:name",
    at="time:timestamp",
    department="org:group",
    channel="case:channel",
)


def main(file: str, page: str = "permits.html") -> None:
    """Ask the log two questions and write the report."""
    journey = jm.load(Path(__file__).with_name("permits.yaml"))
    log = Log.read(file, COLUMNS, map=journey)
    print(log)
    print(*log.ask(Handoffs(), Variants(top=5)), sep="\n\n")
    Path(page).write_text(report(Overview.of(log)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
