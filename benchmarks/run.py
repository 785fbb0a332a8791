"""One table: journeymap beside its peer, on the same input, the answers compared first."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from generated import generated

HERE = Path(__file__).parent


def run(python: str, script: str, file: Path, times: int) -> Any:
    """What one program measured."""
    command = [python, str(HERE / script), str(file), str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def main() -> None:
    """Measure in turn, ours and theirs and ours again, and print medians and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", required=True, help="the Python of the peers' environment")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    file = generated(Path("out/bench"), options.customers)
    ours = run(sys.executable, "ours.py", file, options.times)
    theirs = run(options.peers, "peer_pm4py.py", file, options.times)
    again = run(sys.executable, "ours.py", file, options.times)
    print(f"{ours['read and order']['answer'].split()[1]} interactions of {options.customers}")
    print(f"| {'what':24} | journeymap | pm4py      | ratio  | answers |")
    print(f"|{'-' * 26}|-----------:|-----------:|-------:|---------|")
    for name, mine in ours.items():
        a = median(mine["seconds"] + again[name]["seconds"])
        b = median(theirs[name]["seconds"])
        same = "equal" if mine["answer"] == theirs[name]["answer"] else "DIFFER"
        print(f"| {name:24} | {1000 * a:7.1f} ms | {1000 * b:7.1f} ms | {b / a:5.1f}× | {same:7} |")


if __name__ == "__main__":
    main()
