"""An action: a file for each reminder, named by the signal's id, so that none comes twice."""

from __future__ import annotations

from pathlib import Path

from journeymap.adapters.action import AskedSignal

__all__ = ["Reminders"]


class Reminders:
    """Writes reminders into a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, signal: AskedSignal) -> None:
        """Write one, unless it is there."""
        try:
            with (self._folder / f"{signal.id}.txt").open("x", encoding="utf-8") as file:
                file.write(f"{signal.kind}: {getattr(signal, 'action', '')}\n")
        except FileExistsError:
            return
