"""The example services, with two workers each, under real requests: all is kept, once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import journeymap as jm
from tests.conftest import required
from tests.live.conftest import database, postgres, shared  # noqa: F401  # fixtures

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOP = jm.load(EXAMPLES / "shop.yaml")
CUSTOMERS, PATIENCE = 40, 30.0
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running(name: str, command: list[str], store: str, folder: Path) -> Iterator[Any]:
    """Run a process of a service; its output is in a file."""
    environment = {
        **os.environ, "JOURNEY_STORE": store, "JOURNEY_CALLS": str(folder / "calls.txt"),
        "PYTHONPATH": str(EXAMPLES / name), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    with (folder / "out.txt").open("a") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=EXAMPLES / name, env=environment,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ask(url: str, data: Any = None) -> tuple[int, Any]:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(  # noqa: S310
        url, body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith("{") else text
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(holds: Any) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.1)


def is_up(url: str) -> bool:
    try:
        return ask(f"{url}/health")[0] == 200
    except OSError:
        return False


def sent(number: int) -> list[dict[str, Any]]:
    steps = [("product_seen", None), ("order_placed", "succeeded"), ("help_asked", "failed")]
    return [
        {"customer": f"c{number}", "touchpoint": name, "outcome": outcome,
         "at": (BEGIN + timedelta(minutes=10 * n)).isoformat(), "id": f"{number}-{n}"}
        for n, (name, outcome) in enumerate(steps)
    ]  # fmt: skip


def tried(url: str, store: str, folder: Path) -> None:
    """Send everything twice, from twenty at once; then look at all that came of it."""
    until(lambda: is_up(url))
    requests = [one for n in range(CUSTOMERS) for one in sent(n)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda one: ask(f"{url}/interactions", one), [*requests, *requests])
        )
    assert {status for status, _ in answers} == {200}
    assert sum(answer["duplicate"] for _, answer in answers) == len(requests)
    assert ask(f"{url}/customers/c7")[1]["stage"] == "use"
    assert ask(f"{url}/customers/nobody")[0] == 404
    assert ask(f"{url}/interactions", {"customer": "x"})[0] == 422
    late = {**sent(0)[0], "at": "2999-01-01T00:00:00+00:00", "id": "z"}
    assert ask(f"{url}/interactions", late)[0] == 422
    until(lambda: len(calls(folder)) >= CUSTOMERS)
    time.sleep(0.5)
    found = Counter(calls(folder))
    assert set(found) == {f"c{n}" for n in range(CUSTOMERS)}
    assert set(found.values()) == {1}, "no one is called back twice"
    with jm.Live(SHOP, store) as live:
        assert live.stats().interactions == len(requests)
        assert live.stage_counts() == {"choose": 0, "order": 0, "use": CUSTOMERS}


def calls(folder: Path) -> list[str]:
    file = folder / "calls.txt"
    return [line.split()[1] for line in file.read_text().splitlines()] if file.exists() else []


def ends(process: Any) -> None:
    """Ask a process to end: it does, soon, and by itself."""
    process.send_signal(signal.SIGTERM)
    process.wait(15)


def test_the_fastapi_service(shared: str, tmp_path: Path) -> None:  # noqa: F811
    required(find_spec("fastapi") and find_spec("uvicorn"), "FastAPI and uvicorn")
    port = free_port()
    command = [
        "uvicorn",
        "app:app",
        "--workers",
        "2",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    with running("fastapi_app", command, shared, tmp_path) as process:
        tried(f"http://127.0.0.1:{port}", shared, tmp_path)
        text = ask(f"http://127.0.0.1:{port}/metrics")[1]
        assert f"journeymap_interactions {3 * CUSTOMERS}\n" in text
        assert "journeymap_letters_waiting 0\n" in text
        ends(process)
    assert "Traceback" not in (tmp_path / "out.txt").read_text()


def test_the_django_service(shared: str, tmp_path: Path) -> None:  # noqa: F811
    required(find_spec("django") and find_spec("gunicorn"), "Django and gunicorn")
    port = free_port()
    command = ["gunicorn", "--preload", "--workers", "2", "--threads", "4", "--bind",
               f"127.0.0.1:{port}", "wsgi:application"]  # fmt: skip
    with (
        running("django_app", command, shared, tmp_path) as process,
        running("django_app", ["manage", "carry_out"], shared, tmp_path) as worker,
    ):
        tried(f"http://127.0.0.1:{port}", shared, tmp_path)
        ends(worker)
        assert worker.returncode == 0
        ends(process)
    assert "Traceback" not in (tmp_path / "out.txt").read_text()
