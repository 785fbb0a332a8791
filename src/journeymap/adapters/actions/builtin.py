"""What an action is: it carries out what a signal asks for, once however often it is asked."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from journeymap.adapters.reading.text_rows import json_line

__all__ = ["ActionFactory", "Asked", "FileAction", "LogAction"]


class Asked(Protocol):
    """What an action is told: a signal, as the tracker makes them."""

    @property
    def id(self) -> str:
        """The same whenever the same is asked: whoever acted on it once, is done."""
        ...

    @property
    def kind(self) -> str:
        """What it tells, such as ``moment reached``."""
        ...

    @property
    def customer(self) -> str:
        """Of whom."""
        ...

    @property
    def at(self) -> datetime:
        """When it became true."""
        ...


ActionFactory: TypeAlias = Callable[[str], Callable[[Any], None]]
"""Makes an action from one text: a file, an address, whatever the action asks for."""


class FileAction:
    """Writes each signal once as a line of JSON: id, kind, customer, time, and what it is about.

    What the file holds already is not written again, also after a restart; a line that a crash
    cut short is left as it is, and its signal written anew.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._done: set[str] = set()
        if self._path.exists():
            with self._path.open("rb+") as file:
                data = file.read()
                if data and not data.endswith(b"\n"):
                    file.write(b"\n")
            for line in data.decode("utf-8", "replace").split("\n"):
                row = json_line(line)
                if isinstance(row, dict):
                    self._done.add(str(row.get("id")))

    def __call__(self, signal: Asked) -> None:
        """Write a signal, unless it was written before."""
        if signal.id in self._done:
            return
        told = {"id": signal.id, "kind": signal.kind, "customer": signal.customer,
                "at": signal.at.isoformat()}  # fmt: skip
        for name in ("moment", "action", "owner", "touchpoint", "stage"):
            value = getattr(signal, name, None)
            if isinstance(value, str) and value:
                told[name] = value
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._done.add(signal.id)


class LogAction:
    """Tells each signal once to the logger of this name, by its kind and id; no name of anybody."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._done: set[str] = set()

    def __call__(self, signal: Asked) -> None:
        """Tell a signal, unless it was told before by this action."""
        if signal.id not in self._done:
            self._done.add(signal.id)
            self._logger.info("%s: %s", signal.kind, signal.id)
