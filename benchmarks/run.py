"""One table: journeymap beside its peers, on the same input, the answers compared first."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from generated import generated

from journeymap.analysis.measuring.quantiles import BOUND

HERE = Path(__file__).parent


def run(python: str, script: str, file: Path, times: int, *more: str) -> Any:
    """What one program measured."""
    command = [python, str(HERE / script), str(file), str(times), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr}")
    if done.stderr and more:
        print(done.stderr.strip() + "\n")
    return json.loads(done.stdout[done.stdout.index("{") :])


PEERS = {
    "pm4py": ("peer_pm4py.py", ".venv-pm4py"),
    "Retentioneering": ("peer_retentioneering.py", ".venv-retentioneering"),
    "Polars": ("plain_polars.py", None),
    "Polars, tuned": ("plain_polars.py", None),
    "DuckDB": ("plain_duckdb.py", None),
}


def main() -> None:
    """Measure in turn, ours and theirs and ours again, and print medians and their ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--environments", type=Path, default=Path())
    options = parser.parse_args()
    file = generated(Path("out/bench"), options.customers)
    ours = run(sys.executable, "ours.py", file, options.times)
    theirs = {}
    for name, (script, place) in PEERS.items():
        python = sys.executable if place is None else options.environments / place / "bin/python"
        more = ("tuned",) if name.endswith("tuned") else ()
        theirs[name] = run(str(python), script, file, options.times, *more)
    again = run(sys.executable, "ours.py", file, options.times, "memory")
    print(f"{ours['read and order']['answer'].split()[1]} interactions of {options.customers}")
    print(f"| {'what':22} | journeymap | {' | '.join(f'{name:>22}' for name in PEERS)} |")
    print(f"|{'-' * 24}|-----------:|{'|'.join('-' * 23 + ':' for _ in PEERS)}|")
    for name, mine in ours.items():
        a = median(mine["seconds"] + again[name]["seconds"])
        cells = [told(one.get(name), mine["answer"], a) for one in theirs.values()]
        print(f"| {name:22} | {1000 * a:7.1f} ms | {' | '.join(cells)} |")


def equal(theirs: str, ours: str) -> bool:
    """The same answer; of a number, within what we state of quantiles of many lengths."""
    try:
        return abs(float(theirs) - float(ours)) <= BOUND * abs(float(theirs))
    except ValueError:
        return theirs == ours


def told(measured: Any, answer: str, ours: float) -> str:
    """What a rival took, and how many times as long; nothing where the answers differ."""
    if measured is None:
        return f"{'–':>22}"
    if not equal(measured["answer"], answer):
        return f"{'DIFFERS':>22}"
    took = median(measured["seconds"])
    return f"{1000 * took:9.1f} ms {took / ours:7.1f}×"


if __name__ == "__main__":
    main()
