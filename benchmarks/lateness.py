"""What comes late, beside the same interactions in order: one customer, in one run.

Each way ends in the same state, which is checked. Run it with ``python -m benchmarks.lateness``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from journeymap import At, Interaction, JourneyMap, Live, Moment, Stage, Touchpoint, Tracker

DAY = timedelta(days=1)
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
NAMES = ("order", "delivery", "first_use", "call")
SHOP = JourneyMap(
    "shop",
    dormant_after=90 * DAY,
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    touchpoints=[Touchpoint("order", "choose"), *(Touchpoint(name, "use") for name in NAMES[1:])],
    moments=[Moment("failed", At("outcome", ("failed",)), deadline=timedelta(hours=4))],
)


def in_order(number: int) -> list[Interaction]:
    return [
        Interaction("ada", NAMES[n % 4], BEGIN + n * timedelta(hours=8), id=str(n))
        for n in range(number)
    ]


def ways(given: list[Interaction]) -> dict[str, list[Interaction]]:
    dice = random.Random(1)
    return {
        "in order": given,
        "newest first": given[::-1],
        "in any order": dice.sample(given, len(given)),
        "up to a day late": sorted(given, key=lambda one: one.at + dice.random() * DAY),
    }


@contextmanager
def opened(store: str) -> Iterator[Live]:
    with TemporaryDirectory() as folder:
        address = store if store == "memory" else f"sqlite:///{Path(folder) / 'late.db'}"
        with Live(SHOP, address) as live:
            yield live


def measured(given: list[Interaction], store: str) -> float:
    with opened(store) as live:
        begun = time.perf_counter()
        for one in given:
            live.record(one)
        took = time.perf_counter() - begun
        state = live.state("ada")
    whole, _ = Tracker(SHOP, None).follow(None, given)
    assert state is not None
    assert state.fold_state == Tracker(SHOP, None).advance(whole, state.clock)[0].fold_state
    return took


def one_late(size: int, times: int) -> float:
    """Milliseconds for one interaction that is a day late, of a customer who has so many."""
    given = in_order(size)
    with opened("memory") as live:
        for begin in range(0, size, 100):
            live.record_many(given[begin : begin + 100])
        at = given[-1].at - DAY
        begun = time.perf_counter()
        for n in range(times):
            live.record(Interaction("ada", "call", at + n * timedelta(minutes=1), id=f"late {n}"))
        return (time.perf_counter() - begun) / times * 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--number", type=int, default=1000)
    options.add_argument("--times", type=int, default=3)
    asked = options.parse_args()
    given = in_order(asked.number)
    print(f"| {asked.number:,} interactions of one customer | memory | ratio | SQLite | ratio |")
    print("|---|---:|---:|---:|---:|")
    first: dict[str, float] = {}
    for name, sent in ways(given).items():
        row = ""
        for store in ("memory", "sqlite"):
            took = min(measured(sent, store) for _ in range(asked.times))
            base = first.setdefault(store, took)
            row += f" {took:.2f} s | {took / base:.1f} |"
        print(f"| {name} |{row}")
    print("\n| one interaction, a day late, of a customer who has | milliseconds |")
    print("|---|---:|")
    for size in (1_000, 10_000, 100_000):
        print(f"| {size:,} interactions | {one_late(size, 20):.2f} |")


if __name__ == "__main__":
    main()
