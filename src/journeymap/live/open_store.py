"""Which store an address names."""

from __future__ import annotations

import os

from journeymap.adapters.store import Store
from journeymap.adapters.stores.sqlalchemy import SqlStore
from journeymap.adapters.stores.sqlite import SqliteStore, sqlite_store
from journeymap.exceptions import UnknownName, nearest

__all__ = ["opened"]


def opened(store: str | os.PathLike[str] | Store) -> Store:
    """The store at an address; a store is taken as it is.

    A path is that of a SQLite file. ``memory`` keeps everything in memory, ``sqlite:///file.db`` in
    one file (four slashes begin an absolute path); the stores of other packages are found by the
    scheme they are registered with, and any other URL is SQLAlchemy's. Raises UnknownName,
    StoreError, AdapterError.
    """
    if isinstance(store, os.PathLike):
        return SqliteStore(store)
    if not isinstance(store, str):
        return store
    if store == "memory" or store.startswith("sqlite"):
        return sqlite_store(store)
    from journeymap.adapters.registry import stores  # only who needs it looks at what is installed

    scheme = store.partition("://")[0].partition("+")[0]
    if scheme in stores:
        return stores[scheme](store)
    near = nearest(scheme, stores)
    if near is not None:
        raise UnknownName("store", scheme, tuple(stores))
    if "://" not in store:
        known = [f"{name}://…" for name in stores if name != "memory"]
        raise UnknownName("store", store, ("memory", *known))
    return SqlStore(store)
