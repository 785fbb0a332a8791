"""A recording process is killed at random moments, and its input sent again.

A few times here; `make torture` sets JOURNEYMAP_KILLS to a few hundred.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from journeymap import Live
from journeymap.simulation import broadband
from tests.live import worker

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("JOURNEYMAP_KILLS", "6"))
ROOT = Path(__file__).resolve().parents[2]


def told(store: str) -> dict[str, Any]:
    """Everything that is kept, customer by customer."""
    with Live(broadband(), store) as live:
        names = live.store.run(lambda tx: tx.states.list_customers("", 10_000))
        return {name: live.export(name) for name in names}


def run_until_killed(arguments: list[str], wait: float | None) -> bool:
    """Whether it came to its end before it was killed (None: it is left alone)."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.live.worker", *arguments],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.stdout.read().strip() == "done"


def tortured(store: str, kills: int, folder: Path, seed: int) -> None:
    """Kill, send again, compare; with new stores until it was killed so often."""
    dice = random.Random(seed)
    given = folder / "given.jsonl"
    worker.written(given, 40, seed)
    begun = time.perf_counter()
    worker.work(f"sqlite:///{folder}/undisturbed.db", worker.read(given), folder / "calm.txt")
    length = time.perf_counter() - begun
    expected = told(f"sqlite:///{folder}/undisturbed.db")
    assert sum(len(one["interactions"]) for one in expected.values()) > 500
    calm = Counter((folder / "calm.txt").read_text().split())
    assert set(calm.values()) == {1}
    before = kills
    while kills:
        address = store.format(kills=kills)
        taken = folder / f"taken{kills}.txt"
        arguments = [address, str(given), str(taken)]
        while not run_until_killed(arguments, dice.random() * length if kills else None):
            kills -= 1
        assert told(address) == expected
        often = Counter(taken.read_text().split())
        assert set(often) == set(calm), "every action is carried out, and no other"
        if kills == before:  # it was never killed in time: this machine is quicker than the clock
            length /= 2
        before = kills


def test_killed_on_sqlite(tmp_path: Path) -> None:
    tortured(f"sqlite:///{tmp_path}/killed{{kills}}.db", KILLS, tmp_path, 1)


def test_killed_on_postgresql(postgres: str, tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for kills in range(1, KILLS // 4 + 2):
            connection.execute(text(f"CREATE DATABASE killed{kills}"))
    engine.dispose()
    address = postgres.replace("/postgres?", "/killed{kills}?")
    tortured(address, KILLS // 4 + 1, tmp_path, 2)


def test_several_processes_at_once(shared: str, tmp_path: Path) -> None:
    """All record the same input, let time pass and carry out: it is as if one had."""
    given = tmp_path / "given.jsonl"
    worker.written(given, 25, 3)
    worker.work(f"sqlite:///{tmp_path}/alone.db", worker.read(given), tmp_path / "calm.txt")
    command = [sys.executable, "-m", "tests.live.worker", shared, str(given)]
    running = [
        subprocess.Popen([*command, str(tmp_path / f"{n}.txt"), "several"], text=True, cwd=ROOT,
                         stdout=subprocess.PIPE)
        for n in range(3)
    ]  # fmt: skip
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert out.split() == ["ready", "done"]
    expected, found = told(f"sqlite:///{tmp_path}/alone.db"), told(shared)
    for everything in (expected, found):
        for one in everything.values():
            del one["state"]["clock"]  # who let time pass first is chance
    assert found == expected
    taken = [one for n in range(3) for one in (tmp_path / f"{n}.txt").read_text().split()]
    assert sorted(taken) == sorted((tmp_path / "calm.txt").read_text().split())


def known(store: str) -> dict[str, Any]:
    """Who is who, and what is kept of each, in whatever order it arrived."""
    with Live(broadband(), store, identities=worker.RULES) as live:
        assert live.identities is not None
        return {
            name: (live.identities.identities_of(name), live.position(name),
                   sorted(map(repr, live.history(name))), sorted(map(repr, live.facts(name))))
            for name in live.identities.customers
        }  # fmt: skip


def test_killed_while_customers_turn_out_to_be_one(shared: str, tmp_path: Path) -> None:
    given = tmp_path / "given.jsonl"
    worker.written(given, 25, 5)
    begun = time.perf_counter()
    worker.take(f"sqlite:///{tmp_path}/undisturbed.db", worker.read(given))
    length = time.perf_counter() - begun
    expected = known(f"sqlite:///{tmp_path}/undisturbed.db")
    assert any(len(identities) > 3 for identities, *_ in expected.values())
    dice = random.Random(5)
    kills = max(3, KILLS // 4)
    arguments = [shared, str(given), "take"]
    for _ in range(kills):
        run_until_killed(arguments, dice.random() * length)
    assert run_until_killed(arguments, None)
    assert known(shared) == expected


def test_several_processes_learn_who_is_who_at_once(shared: str, tmp_path: Path) -> None:
    given = tmp_path / "given.jsonl"
    worker.written(given, 20, 6)
    worker.take(f"sqlite:///{tmp_path}/alone.db", worker.read(given))
    command = [sys.executable, "-m", "tests.live.worker", shared, str(given), "take"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
               for _ in range(3)]  # fmt: skip
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert out.split() == ["ready", "done"]
    assert known(shared) == known(f"sqlite:///{tmp_path}/alone.db")
