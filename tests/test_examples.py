from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PERMITS = Path(__file__).parents[1] / "examples" / "permits" / "permits.py"


def test_the_permits_example_runs(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PERMITS), str(data / "receipt" / "receipt.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "5,440 handoffs, 439 of them bounce-backs" in done.stdout
    assert "116 distinct journeys" in done.stdout
    assert "</html>" in (tmp_path / "permits.html").read_text()
