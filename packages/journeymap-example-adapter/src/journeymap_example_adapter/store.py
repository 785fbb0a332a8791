"""A store: everything in a folder, opened by ``folder:///path``."""

from __future__ import annotations

from pathlib import Path

from journeymap.adapters.store import Store
from journeymap.adapters.stores import SqliteStore

__all__ = ["folder_store"]


def folder_store(address: str) -> Store:
    """Open the store in a folder, which is made when it is missing."""
    folder = Path(address.removeprefix("folder://"))
    folder.mkdir(parents=True, exist_ok=True)
    return SqliteStore(folder / "journeys.db")
