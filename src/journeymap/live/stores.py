"""Which store an address names."""

from __future__ import annotations

import os

from journeymap.adapters.sql_store import SqlStore
from journeymap.adapters.sqlite_store import SqliteStore
from journeymap.adapters.storing import Store
from journeymap.exceptions import UnknownName

__all__ = ["opened"]


def opened(store: str | os.PathLike[str] | Store) -> Store:
    """The store at an address; a store is taken as it is.

    A path is that of a SQLite file. ``memory`` keeps everything in memory, ``sqlite:///file.db`` in
    one file (four slashes begin an absolute path), any other URL is SQLAlchemy's. Raises
    UnknownName, StoreError.
    """
    if isinstance(store, os.PathLike):
        return SqliteStore(store)
    if not isinstance(store, str):
        return store
    if store in ("memory", "sqlite://", "sqlite:///:memory:"):
        return SqliteStore(":memory:")
    if store.startswith("sqlite:///"):
        return SqliteStore(store.removeprefix("sqlite:///"))
    if store.startswith("sqlite"):
        raise UnknownName("store", store, ("sqlite:///…",))
    if "://" not in store:
        raise UnknownName("store", store, ("memory", "sqlite:///…", "postgresql+psycopg://…"))
    return SqlStore(store)
