"""A process that records, to be killed: ``python -m tests.live.worker STORE INPUT ACTIONS``.

It sends all its input from the beginning, as whoever was interrupted would.
"""

from __future__ import annotations

import json
import os
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from journeymap import Interaction, Live, Signal
from journeymap.interactions.texts import interaction_data, read_interaction
from journeymap.simulation import broadband, broadband_customers

END = datetime(2027, 6, 1, tzinfo=UTC)
BATCH = 7


def written(place: Path, customers: int, seed: int) -> None:
    """Interactions of some customers as they arrive: some late, some twice."""
    dice = random.Random(seed)
    simulated = list(broadband_customers(customers, seed))
    sent = [(one.at + timedelta(days=dice.expovariate(1)), one) for one in simulated]
    sent += [(at + timedelta(days=1), one) for at, one in sent if dice.random() < 0.1]
    sent.sort(key=lambda pair: pair[0])
    lines = (json.dumps(interaction_data(one)) for _, one in sent)
    place.write_text("\n".join(lines), encoding="utf-8")


def read(place: Path) -> list[Interaction]:
    lines = place.read_text(encoding="utf-8").splitlines()
    return [read_interaction(json.loads(line)) for line in lines]


def work(store: str, given: list[Interaction], actions: Path) -> None:
    """Record everything, let time pass, and carry out what is asked for."""
    with actions.open("ab", buffering=0) as file, Live(broadband(), store) as live:

        def act(signal: Signal) -> None:
            os.write(file.fileno(), f"{signal.id}\n".encode())

        print("ready", flush=True)
        for begin in range(0, len(given), BATCH):
            batch = given[begin : begin + BATCH]
            live.record_many(batch)
            live.advance(batch[0].at)
            live.deliver(act, END)
        live.advance(END)
        live.deliver(act, END + timedelta(days=1))  # what was leased when it was killed


if __name__ == "__main__":
    work(sys.argv[1], read(Path(sys.argv[2])), Path(sys.argv[3]))
    print("done", flush=True)
