from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from journeymap import Tracker
from journeymap.interactions.codec import interaction_data
from journeymap.simulation import broadband, broadband_customers
from journeymap.tracking.codec import read_signal
from tests.conftest import required

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
PERMITS = EXAMPLES / "permits" / "permits.py"


def run(name: str, *arguments: str, cwd: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_permits_example_runs(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PERMITS), str(data / "receipt" / "receipt.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "5,440 handoffs, 439 of them bounce-backs" in done.stdout
    assert "116 distinct journeys" in done.stdout
    assert "</html>" in (tmp_path / "permits.html").read_text()


def test_the_request_handler_runs(tmp_path: Path) -> None:
    told = run("request_handler.py", cwd=tmp_path)
    assert "support is asked: ada reached moment 'help_failed': support should call_back" in told
    assert "later: moment 'help_failed' of ada is overdue" in told
    assert told.count('"again": true') == 1


def test_the_asyncio_loop_runs(tmp_path: Path) -> None:
    told = run("asyncio_loop.py", cwd=tmp_path)
    assert "637 interactions recorded, 47 actions carried out" in told


def test_the_spark_stream_tells_what_the_tracker_does(tmp_path: Path) -> None:
    """Two batches, the second after Spark was stopped: it goes on where it was."""
    required(shutil.which("java"), "Java 17")
    given = list(broadband_customers(40))
    (tmp_path / "in").mkdir()
    half = len(given) // 2
    for number, some in enumerate((given[:half], given[half:])):
        lines = "\n".join(json.dumps(interaction_data(one)) for one in some)
        (tmp_path / "in" / f"{number}.jsonl").write_text(lines)
        run("spark_stream.py", str(tmp_path), cwd=tmp_path)
    told: Counter[object] = Counter()
    for file in (tmp_path / "out").glob("*.json"):
        for line in file.read_text().splitlines():
            told[read_signal(json.loads(line)["signal"])] += 1
    tracker, expected = Tracker(broadband()), Counter[object]()
    for name in {one.customer for one in given}:
        _, signals = tracker.follow(None, [one for one in given if one.customer == name])
        expected.update(signals)
    assert told == expected


def test_five_systems_become_one_view(tmp_path: Path) -> None:
    """The known truth comes out: who is who, the planted trouble, NPS by stage, live as batch."""
    told = run("five_systems/five_systems.py", "5000", str(tmp_path), cwd=tmp_path)
    found = re.search(r"([\d,]+) customers of 5,000; precision ([\d.]+), recall ([\d.]+)", told)
    assert found is not None
    assert float(found[2]) == 1
    assert float(found[3]) > 0.98  # who only ever wrote from another address stays unknown
    assert "shared by many: ga_client" in told
    assert "most waiting: distribution → services" in told
    first, second = re.findall(r"NPS by stage: (.*)", told)
    assert first == second
    assert "live and in batch, the same position: 500 of 500" in told
    assert "withheld, no consent to marketing" in told
    page = (tmp_path / "customer.html").read_text(encoding="utf-8")
    assert "hidden" in page
    assert "@example.org" not in page
