"""Joining a transaction that the application has begun, for stores in its own database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from journeymap.adapters.store import Transaction

__all__ = ["JoiningStore"]

T = TypeVar("T")


@runtime_checkable
class JoiningStore(Protocol):
    """A store that can work within a transaction of the application's."""

    def run_within(self, connection: Any, work: Callable[[Transaction], T]) -> T:
        """Do some work in a transaction that has begun; it is not committed here.

        Args:
            connection: The connection on which it has begun.
            work: What to do; nothing of it is written when it raises, and the transaction goes on.

        Returns:
            What the work returned.

        Raises:
            StoreError: The store failed; nothing of the work was written.
            ElementError: It is no connection to the store's database.
        """
        ...
