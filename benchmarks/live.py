"""How fast customers are followed: the fold alone, and with a store, beside what else there is.

``make bench-live`` runs it. Every ratio is of two measurements of one run, on the same input, and
where two do the same, their answers are compared first.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from journeymap import Interaction, JourneyMap, Live, Tracker
from journeymap.adapters.stores import SqliteStore
from journeymap.adapters.stores import sqlite as sqlite_store
from journeymap.adapters.stores.sql_tables import TABLES
from journeymap.analysis import Log, Signals
from journeymap.simulation import broadband, broadband_customers
from journeymap.tracking import StageEntered

Journeys = dict[str, list[Interaction]]


def timed(work: Callable[[], Any], times: int) -> tuple[float, Any]:
    """The median of several runs, after one to warm up; and what it gave."""
    given = work()
    lengths = []
    for _ in range(times):
        gc.collect()
        begun = time.perf_counter()
        given = work()
        lengths.append(time.perf_counter() - begun)
    return statistics.median(lengths), given


def stages_of(journey: JourneyMap, journeys: Journeys) -> dict[str, list[str]]:
    """The stages that the tracker says each customer entered."""
    tracker = Tracker(journey)
    return {
        name: [s.stage for s in tracker.follow(None, mine)[1] if isinstance(s, StageEntered)]
        for name, mine in journeys.items()
    }


def with_transitions(journey: JourneyMap, journeys: Journeys) -> dict[str, list[str]]:
    """The stage changes alone, with the package transitions: one machine, a model a customer."""
    from transitions import Machine

    stages = list(journey.stages)
    table = [
        {"trigger": f"to_stage_{target}", "source": stages, "dest": target} for target in stages
    ]
    machine = Machine(states=[*stages, "nowhere"], transitions=table, initial="nowhere",
                      auto_transitions=False)  # fmt: skip
    for target in stages:
        machine.add_transition(f"to_stage_{target}", "nowhere", target)
    points = {name: point.stage for name, point in journey.touchpoints.items()}

    class Customer:
        state: str

    entered: dict[str, list[str]] = {}
    for name, mine in journeys.items():
        model: Any = Customer()
        machine.add_model(model)
        found = entered[name] = []
        for one in mine:
            stage = points[one.touchpoint]
            if stage is not None and model.state != stage:
                model.trigger(f"to_stage_{stage}")
                found.append(model.state)
        machine.remove_model(model)
    return entered


def with_statemachine(journey: JourneyMap, journeys: Journeys) -> dict[str, list[str]]:
    """The stage changes alone, with the package python-statemachine."""
    from statemachine import State, StateMachine

    stages = list(journey.stages)
    states = {"nowhere": State(initial=True), **{name: State() for name in stages}}
    events: dict[str, Any] = {}
    for target in stages:
        into = None
        for source in ("nowhere", *stages):
            if source != target:
                way = states[source].to(states[target])
                into = way if into is None else into | way
        events[f"enter_{target}"] = into
    machine: Any = type("Loop", (StateMachine,), {**states, **events})
    points = {name: point.stage for name, point in journey.touchpoints.items()}
    entered: dict[str, list[str]] = {}
    for name, mine in journeys.items():
        model = machine()
        found = entered[name] = []
        here = None
        for one in mine:
            stage = points[one.touchpoint]
            if stage is not None and here != stage:
                model.send(f"enter_{stage}")
                here = stage
                found.append(here)
    return entered


def states_at_once(tracker: Tracker, log: Log) -> int:
    """Count the states that `follow_log` finds."""
    return sum(1 for _ in tracker.follow_log(log))


def fold(customers: int, times: int) -> None:
    """The fold alone."""
    given = list(broadband_customers(customers))
    whole = broadband()
    plain = evolve(whole, moments=(), key_journeys=(), offers=())
    journeys: Journeys = {}
    for one in given:
        journeys.setdefault(one.customer, []).append(one)
    arrived = sorted(given, key=lambda one: one.at)
    gc.freeze()

    def following(journey: JourneyMap) -> Callable[[], object]:
        tracker = Tracker(journey)
        return lambda: [tracker.follow(None, mine)[0].count for mine in journeys.values()]

    def folding(journey: JourneyMap) -> Callable[[], object]:
        tracker = Tracker(journey)

        def run() -> int:
            states: dict[str, Any] = {}
            for one in arrived:
                states[one.customer], _ = tracker.fold(states.get(one.customer), one)
            return len(states)

        return run

    count = len(given)
    print(f"\nThe fold: {count:,} interactions of {customers:,} customers, already built\n")
    print("| | interactions a second |\n|---|---:|")
    for name, work in (
        ("follow, the whole map (4 moments, 2 key journeys)", following(whole)),
        ("follow, a map of stages, departments and products", following(plain)),
        ("fold one by one, as they arrive, the whole map", folding(whole)),
        ("fold one by one, the plain map", folding(plain)),
    ):
        seconds, _ = timed(work, times)
        print(f"| {name} | {count / seconds:,.0f} |", flush=True)
    for name, journey in (("whole", whole), ("plain", plain)):
        log = Log.from_interactions(given, map=journey)
        seconds, found = timed(lambda log=log: log.ask(Signals()), times)  # type: ignore[misc]
        tracker = Tracker(journey, timedelta(0))
        states, followed = {}, 0
        assert log.last is not None
        for history in log.histories():
            state, signals = tracker.follow(None, history)
            states[state.customer], more = tracker.advance(state, log.last)
            followed += len(signals) + len(more)
        assert followed == len(found), "the same signals"
        assert {one.customer: one for one in tracker.follow_log(log)} == states, "the same states"
        del states
        print(
            f"| `Signals` of a log at once, the {name} map | {count / seconds:,.0f} |", flush=True
        )
        for what, minutes in (("", 0), (", a horizon of 15 minutes", 15)):
            of = Tracker(journey, timedelta(minutes=minutes))
            seconds, _ = timed(partial(states_at_once, of, log), times)
            print(f"| `follow_log`, all states, the {name} map{what} | {count / seconds:,.0f} |",
                  flush=True)  # fmt: skip
    some = dict(list(journeys.items())[: max(50, customers // 20)])
    few = sum(map(len, some.values()))
    expected = stages_of(plain, some)
    ours, _ = timed(lambda: stages_of(plain, some), times)
    print(f"\nStage changes of {few:,} interactions, the same ones found by all three\n")
    print("| | a second | journeymap is faster by |\n|---|---:|---:|")
    print(f"| journeymap (all that a plain map tells) | {few / ours:,.0f} | |")
    for name, rival in (("transitions", with_transitions),
                        ("python-statemachine", with_statemachine)):  # fmt: skip
        seconds, found = timed(lambda rival=rival: rival(plain, some), 1)  # type: ignore[misc]
        assert found == expected, name
        print(f"| {name}, stage changes alone | {few / seconds:,.0f} | {seconds / ours:.0f} × |")


Written = list[list[tuple[str, list[dict[str, Any]]]]]
"""The rows that each transaction wrote, by statement."""


@contextmanager
def watched(written: Written) -> Iterator[None]:
    """Note every row that is written, so that the same can be written without journeymap."""
    write, run = sqlite_store.SqliteConnection.write, SqliteStore.run

    def writing(self: Any, statement: str, many: Any) -> None:
        written[-1].append((statement, [dict(one) for one in many]))
        write(self, statement, many)

    def running(self: Any, work: Any) -> Any:
        written.append([])
        return run(self, work)

    sqlite_store.SqliteConnection.write, SqliteStore.run = writing, running  # type: ignore[method-assign]
    try:
        yield
    finally:
        sqlite_store.SqliteConnection.write, SqliteStore.run = write, run  # type: ignore[method-assign]


def bare(path: Path, written: Written) -> float:
    """Insert and commit the same rows with sqlite3 alone; seconds."""
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA journal_mode = WAL")
    for setting in sqlite_store.SETTINGS:
        made.execute(f"PRAGMA {setting}")
    for statement in TABLES:
        made.execute(statement)
    begun = time.perf_counter()
    for transaction in written:
        made.execute("BEGIN IMMEDIATE")
        for statement, rows in transaction:
            made.executemany(statement, rows)
        made.execute("COMMIT")
    seconds = time.perf_counter() - begun
    made.close()
    return seconds


def content(path: Path) -> list[Any]:
    """Everything in a database, but when it arrived and the versions, which begin at random."""
    connection = sqlite3.connect(path)
    found = [
        *connection.execute("SELECT customer, map, due, state FROM journeymap_states"
                            " ORDER BY customer"),
        *connection.execute("SELECT customer, number, dedupe, at, interaction FROM"
                            " journeymap_journal ORDER BY customer, number"),
        *connection.execute("SELECT id, customer, signal FROM journeymap_outbox ORDER BY id"),
    ]  # fmt: skip
    connection.close()
    return found


def recorded(path: Path, given: list[Interaction], batch: int) -> float:
    """Seconds to record in batches."""
    following = Live(broadband(), f"sqlite:///{path}")
    begun = time.perf_counter()
    for begin in range(0, len(given), batch):
        following.record_many(given[begin : begin + batch])
    seconds = time.perf_counter() - begun
    following.close()
    return seconds


def live(customers: int, singles: int, times: int) -> None:
    """With a store in SQLite, every commit durable."""
    given = sorted(broadband_customers(customers), key=lambda one: one.at)
    print(f"\nLive on SQLite: {len(given):,} interactions, each commit durable\n")
    print("| | interactions a second | bare sqlite3, the same rows | ratio |\n|---|---:|---:|---:|")
    for name, batch, some in (("in batches of 1,000", 1000, given),
                              ("one by one", 1, given[:singles])):  # fmt: skip
        ours, theirs = [], []
        with TemporaryDirectory(dir=Path.cwd()) as folder:
            written: Written = []
            with watched(written):
                recorded(Path(folder, "watched.db"), some, batch)
            for turn in range(times):  # in turns, for the machine is not ours alone
                ours.append(recorded(Path(folder, f"{turn}.db"), some, batch))
                theirs.append(bare(Path(folder, f"bare{turn}.db"), written))
            assert content(Path(folder, "0.db")) == content(Path(folder, "bare0.db"))
        mine, other = statistics.median(ours), statistics.median(theirs)
        speeds = f"{len(some) / mine:,.0f} | {len(some) / other:,.0f}"
        print(f"| {name} | {speeds} | {mine / other:.2f} |", flush=True)


def past(customers: int) -> None:
    """A store filled from a log, and rebuilt for another version of the map."""
    journey = broadband()
    given = list(broadband_customers(customers))
    log = Log.from_interactions(given, map=journey)
    newer = evolve(journey, dormant_after=timedelta(days=200))
    print(f"\nA store on SQLite: {len(given):,} interactions of {customers:,} customers\n")
    print("| | seconds | interactions a second |\n|---|---:|---:|")
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        address = f"sqlite:///{folder}/past.db"
        with Live(journey, address) as live_:
            begun = time.perf_counter()
            assert live_.backfill(log).interactions == len(given)
            took = time.perf_counter() - begun
        print(f"| `backfill`, from a log | {took:.1f} | {len(given) / took:,.0f} |", flush=True)
        with Live(newer, address) as live_:
            begun = time.perf_counter()
            assert live_.rebuild().customers == customers
            took = time.perf_counter() - begun
        print(f"| `rebuild`, another version of the map | {took:.1f} | {len(given) / took:,.0f} |")


def memory(customers: int, horizon: timedelta) -> None:
    """How much the states of many customers take, five interactions each."""
    tracker = Tracker(broadband(), horizon)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    names = ("site_visited", "order_placed", "credit_checked", "order_confirmed", "parcel_sent")
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    states = {}
    for number in range(customers):
        name = f"customer-{number:07d}"
        mine = [
            Interaction(name, point, begin + timedelta(hours=7 * place, seconds=number),
                        id=f"{number}-{place}", source="web", product="fibre")
            for place, point in enumerate(names)
        ]  # fmt: skip
        states[name], _ = tracker.follow(None, mine)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    each = (after - before) * 1024 / customers
    print(f"\nMemory: {len(states):,} states, horizon {horizon}: {each:,.0f} bytes each")


def main() -> None:
    """Everything, as tables for the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--singles", type=int, default=5000)
    parser.add_argument("--states", type=int, default=1_000_000)
    parser.add_argument("--past", type=int, default=58_000, help="customers of a store at once")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--memory", type=float, help="measure this alone, with so many hours")
    asked = parser.parse_args()
    if asked.memory is not None:
        memory(asked.states, timedelta(hours=asked.memory))
        return
    for hours in ("0", "1"):  # each in a process of its own: memory is not given back
        command = [sys.executable, __file__, "--states", str(asked.states), "--memory", hours]
        subprocess.run(command, check=True)
    fold(asked.customers, asked.times)
    live(asked.customers // 4, asked.singles, asked.times)
    past(asked.past)


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
