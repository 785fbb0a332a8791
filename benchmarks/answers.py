"""Timing and comparing, alike for us and for every rival; needs nothing installed."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

STEPS = ("touchpoint 1", "touchpoint 2", "touchpoint 3")
"""The funnel that everyone is asked for."""
GAP = 12
"""The hours of silence at which a session ends."""


def timed(work: Callable[[], Any], times: int) -> tuple[list[float], Any]:
    """Seconds of each of some runs, after one that does not count, and the last result."""
    result = work()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return seconds, result


def digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """A short word that two equal answers share."""
    lines = sorted(json.dumps(row) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def tell(measured: dict[str, tuple[list[float], str]]) -> None:
    """Write what was measured to standard output, for the program that asked."""
    json.dump({name: {"seconds": s, "answer": a} for name, (s, a) in measured.items()}, sys.stdout)
