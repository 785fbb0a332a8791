"""How far long work has come, shown where someone looks on, and quiet otherwise."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

__all__ = ["Progress"]

_EVERY = 0.2  # seconds between two updates


class Progress:
    """A line on standard error that counts up; ``shown`` None asks whether anyone looks on."""

    def __init__(self, what: str, total: int, *, shown: bool | None = None) -> None:
        watched = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._shown = watched if shown is None else shown
        self._what, self._total, self._done, self._last = what, total, 0, 0.0

    def __enter__(self) -> Self:
        self._show()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._last = 0.0
            self._show()
            print(file=sys.stderr)

    def step(self, by: int = 1) -> None:
        """So much more is done."""
        self._done += by
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if self._shown and now - self._last > _EVERY:
            self._last = now
            share = 100 * self._done // max(self._total, 1)
            print(f"\r{self._what}: {share} %", end="", file=sys.stderr, flush=True)
