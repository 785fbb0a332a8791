"""Actions that come with journeymap: a file of JSON lines, and a logger."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from journeymap.adapters.action import AskedSignal
from journeymap.adapters.reading.text_rows import read_json_line

__all__ = ["FileAction", "LogAction"]


class FileAction:
    """Writes each signal once as a line of JSON.

    Signals that the file holds already are not written again, also after a restart; a line that a
    crash cut short stays unchanged, and its signal is written anew.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file, and read which signals it holds.

        Args:
            path: The file.
        """
        self._path = Path(path)
        self._done: set[str] = set()
        if self._path.exists():
            with self._path.open("rb+") as file:
                data = file.read()
                if data and not data.endswith(b"\n"):
                    file.write(b"\n")
            for line in data.decode("utf-8", "replace").split("\n"):
                row = read_json_line(line)
                if isinstance(row, dict):
                    self._done.add(str(row.get("id")))

    def __call__(self, signal: AskedSignal) -> None:
        """Write a signal, unless it was written before."""
        if signal.id in self._done:
            return
        line = {"id": signal.id, "kind": signal.kind, "customer": signal.customer,
                "at": signal.at.isoformat()}  # fmt: skip
        for name in ("moment", "action", "owner", "touchpoint", "stage"):
            value = getattr(signal, name, None)
            if isinstance(value, str) and value:
                line[name] = value
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._done.add(signal.id)


class LogAction:
    """Logs each signal once, by its kind and id, without the name of its customer."""

    def __init__(self, name: str) -> None:
        """Name a logger.

        Args:
            name: The name of the logger.
        """
        self._logger = logging.getLogger(name)
        self._done: set[str] = set()

    def __call__(self, signal: AskedSignal) -> None:
        """Log a signal, unless this action logged it before."""
        if signal.id not in self._done:
            self._done.add(signal.id)
            self._logger.info("%s: %s", signal.kind, signal.id)
