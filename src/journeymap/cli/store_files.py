"""Store files: a command looks into a live store, and makes none."""

from __future__ import annotations

from pathlib import Path

from journeymap.exceptions import StoreError

__all__ = ["check_store_file"]


def check_store_file(address: str) -> None:
    """Check that the file of a SQLite address is there.

    Args:
        address: The address of a store.

    Raises:
        StoreError: There is no such file.
    """
    _, sign, path = address.partition("sqlite:///")
    if sign and not Path(path.partition("?")[0]).exists():
        raise StoreError(address, "there is no such file; an application makes a store, not this")
