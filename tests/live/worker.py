"""A process that records, to be killed: ``python -m tests.live.worker STORE INPUT ACTIONS``,
or, with ``take`` for ACTIONS, one that learns who is who as it goes.

It sends all its input from the beginning, as whoever was interrupted would.
"""

from __future__ import annotations

import json
import os
import random
import sys
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from journeymap import Identity, IdentityRules, Interaction, Live, Namespace, Record, Signal
from journeymap.interactions.codec import interaction_data, read_interaction
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


def work(store: str, given: list[Interaction], actions: Path, *, after_kills: bool = False) -> None:
    """Record everything, let time pass, and carry out what is asked for.

    ``after_kills`` lets so much time pass in the end that what a killed process had in hand is
    free again; where others are still at work, that would take it out of their hands.
    """
    clock = lambda: END  # noqa: E731
    with actions.open("ab", buffering=0) as file, Live(broadband(), store, clock=clock) as live:

        def act(signal: Signal) -> None:
            os.write(file.fileno(), f"{signal.id}\n".encode())

        print("ready", flush=True)
        for begin in range(0, len(given), BATCH):
            batch = given[begin : begin + BATCH]
            live.record_many(batch)
            live.advance(batch[0].at)
            live.deliver(act, END)
        live.advance(END)
        live.deliver(act, END)
        if after_kills:
            live.deliver(act, END + timedelta(days=1))


RULES = IdentityRules([Namespace("user", most=1), Namespace("cookie")])


def records(given: list[Interaction]) -> list[Record]:
    """The same, of customers whom each device knows otherwise, and now and then as one."""
    made = []
    for one in given:
        chance = blake2b(f"{one.id}".encode(), digest_size=2).digest()[0]
        cookie = Identity("cookie", f"{one.customer} {chance % 3}")
        user = Identity("user", one.customer)
        known = ([cookie], [user], [user, cookie])[0 if chance % 5 else 1 + chance % 2]
        traits = {"seen": one.touchpoint} if chance % 7 == 0 else {}
        made.append(Record(known, one.at, "web", interaction=one, traits=traits))
    return made


def take(store: str, given: list[Interaction]) -> None:
    """Take everything as records: customers turn out to be one in between."""
    with Live(broadband(), store, identities=RULES) as live:
        print("ready", flush=True)
        told = records(given)
        for begin in range(0, len(told), BATCH):
            live.take(told[begin : begin + BATCH])


if __name__ == "__main__":
    if sys.argv[3] == "take":
        take(sys.argv[1], read(Path(sys.argv[2])))
    else:
        alone = sys.argv[4:] != ["several"]
        work(sys.argv[1], read(Path(sys.argv[2])), Path(sys.argv[3]), after_kills=alone)
    print("done", flush=True)
