"""Addresses of stores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from journeymap.adapters.store import Store
from journeymap.adapters.stores.sqlalchemy import SqlStore
from journeymap.adapters.stores.sqlite import SqliteStore, sqlite_store
from journeymap.exceptions import ElementError, StoreError, UnknownName, nearest

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["check_store_file", "open_store"]


def open_store(store: str | os.PathLike[str] | Store | Engine) -> Store:
    """Open the store at an address; a store is taken unchanged.

    Args:
        store: A path (of a SQLite file), ``memory``, ``sqlite:///file.db`` (four slashes begin
            an absolute path), an address with the scheme of a registered store, any other URL of
            SQLAlchemy's, or an engine of SQLAlchemy's, which stays its owner's.

    Returns:
        The store.

    Raises:
        ElementError: It is none of these.
        UnknownName: No store has such an address.
        StoreError: The store cannot be opened.
        AdapterError: The package of the store cannot be loaded.
    """
    if isinstance(store, os.PathLike):
        return SqliteStore(store)
    if not isinstance(store, str):
        given: Any = store
        if hasattr(given, "run"):
            return cast(Store, given)
        if hasattr(given, "connect"):
            return SqlStore(given)
        message = "a path, an address, an engine of SQLAlchemy's or a store is expected"
        raise ElementError("Live", "store", store, message)
    if store == "memory" or store.startswith("sqlite"):
        return sqlite_store(store)
    from journeymap.adapters.registry import stores  # loads the metadata of all packages

    scheme = store.partition("://")[0].partition("+")[0]
    if scheme in stores:
        return stores[scheme](store)
    near = nearest(scheme, stores)
    if near is not None:
        raise UnknownName("store", scheme, tuple(stores))
    if "://" not in store:
        known = [f"{name}://…" for name in stores if name != "memory"]
        _, sign, host = store.rpartition("@")  # a password may stand before it
        raise UnknownName("store", f"…@{host}" if sign else store, ("memory", *known))
    return SqlStore(store)


def check_store_file(address: str) -> None:
    """Check that the file of a SQLite address is there: whoever only reads makes no store.

    Args:
        address: The address of a store.

    Raises:
        StoreError: There is no such file.
    """
    _, sign, path = address.partition("sqlite:///")
    if sign and "?" in path:
        raise StoreError(address, "the address of a SQLite file has no options")
    if sign and not Path(path).exists():
        raise StoreError(address, "there is no such file; an application makes a store, not this")
    if sign and not Path(path).stat().st_size:
        raise StoreError(address, "the file is empty: an application makes a store, not this")
