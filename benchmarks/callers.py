"""Many callers at once: records a second and how long each waited, alone and in group commit.

Both ways are measured in one run, in turns, on the same stores, with the same interactions; then
the journal is compared with what was acknowledged. ``alone`` writes every call in a transaction of
its own, as it was before group commit.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from journeymap import Interaction, Live
from journeymap.live import AsyncLive
from journeymap.simulation import broadband

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STEPS = ("ad_seen", "order_placed", "parcel_sent", "parcel_delivered", "first_use")


@contextmanager
def postgres() -> Iterator[str | None]:
    """A throw-away PostgreSQL as it comes, every commit durable; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (found and str(found[-1])) or None
    if initdb is None:
        yield None
        return
    programs = Path(initdb).parent
    with tempfile.TemporaryDirectory(prefix="journeymap-pg-") as folder:
        root = os.geteuid() == 0
        if root:
            Path(folder).chmod(0o755)
            shutil.chown(folder, "postgres", "postgres")

        def run(program: str, *arguments: str) -> None:
            who = ["runuser", "-u", "postgres", "--"] if root else []
            command = [*who, str(programs / program), *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=folder)

        data = f"{folder}/data"
        run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses= -c max_connections=200"
        run("pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def sent(caller: int, calls: int, turn: int, customers: int) -> list[Interaction]:
    """What one caller sends, each to another customer."""
    return [
        Interaction(
            f"c{(caller * calls + n) * 7919 % customers:06}", STEPS[(n + turn) % len(STEPS)],
            BEGIN + timedelta(days=turn + 1, seconds=caller * calls + n), id=f"{turn}-{caller}-{n}",
        )
        for n in range(calls)
    ]  # fmt: skip


def in_threads(
    record: Callable[[Interaction], object], callers: int, calls: int, turn: int, customers: int
) -> tuple[float, list[float]]:
    """Let threads record; the seconds that all took, and each call."""
    waited: list[list[float]] = [[] for _ in range(callers)]
    gate = threading.Barrier(callers + 1)

    def work(caller: int) -> None:
        given = sent(caller, calls, turn, customers)
        gate.wait()
        for one in given:
            begun = time.perf_counter()
            record(one)
            waited[caller].append(time.perf_counter() - begun)

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun, [one for mine in waited for one in mine]


def in_tasks(
    live: Live, callers: int, calls: int, turn: int, customers: int
) -> tuple[float, list[float]]:
    """Let tasks of one event loop record."""
    waited: list[float] = []

    async def work(awaited: AsyncLive, caller: int) -> None:
        for one in sent(caller, calls, turn, customers):
            begun = time.perf_counter()
            await awaited.record(one)
            waited.append(time.perf_counter() - begun)

    async def everyone() -> float:
        awaited = AsyncLive(live)
        begun = time.perf_counter()
        await asyncio.gather(*(work(awaited, caller) for caller in range(callers)))
        return time.perf_counter() - begun

    return asyncio.run(everyone()), waited


def shown(name: str, took: float, waited: list[float]) -> float:
    """Print a row; records a second."""
    cuts = statistics.quantiles(waited, n=100)
    speed = len(waited) / took
    print(f"| {name} | {speed:,.0f} | {1000 * cuts[49]:.1f} | {1000 * cuts[98]:.1f} |"
          f" {cuts[98] / cuts[49]:.1f} |", flush=True)  # fmt: skip
    return speed


def measure(address: str, callers: int, calls: int, customers: int) -> None:
    """Measure a store with so many known customers."""
    acknowledged = 0
    with Live(broadband(), address) as live:
        for begin in range(0, customers, 1000):
            live.record_many(
                Interaction(f"c{n:06}", "ad_seen", BEGIN + timedelta(seconds=n), id=f"known-{n}")
                for n in range(begin, min(begin + 1000, customers))
            )
        ways = {
            "threads, alone": lambda turn: in_threads(
                lambda one: live._write((one,)), callers, calls, turn, customers
            ),
            "threads, group commit": lambda turn: in_threads(
                live.record, callers, calls, turn, customers
            ),
            "tasks, group commit": lambda turn: in_tasks(live, callers, calls, turn, customers),
        }
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(6):
            name = list(ways)[turn % 3]
            took, waited = ways[name](turn)
            acknowledged += len(waited)
            speeds[name].append(shown(name, took, waited))
        best = {name: max(found) for name, found in speeds.items()}
        print("ratio to alone:", {
            name: round(speed / best["threads, alone"], 1) for name, speed in best.items()
        })  # fmt: skip
        names = {one.customer for turn in range(6) for caller in range(callers)
                 for one in sent(caller, calls, turn, customers)}  # fmt: skip
        kept = sum(len(live.history(name)) - 1 for name in names)
        assert kept == acknowledged, (kept, acknowledged)


def main() -> None:
    """Measure SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=100)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--customers", type=int, default=2_000)
    given = parser.parse_args()
    print(f"{given.callers} callers at once, {given.customers:,} known customers\n")
    with tempfile.TemporaryDirectory() as folder, postgres() as database:
        for name, address in (("SQLite", f"sqlite:///{folder}/live.db"), ("PostgreSQL", database)):
            if address is not None:
                print(f"| {name} | records/s | median ms | p99 ms | p99/median |\n|-|-|-|-|-|")
                measure(address, given.callers, given.calls, given.customers)
                print()


if __name__ == "__main__":
    main()
