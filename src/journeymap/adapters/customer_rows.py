"""Rows of a store that belong to customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["CustomerRows", "MovableRows"]


class CustomerRows(Protocol):
    """Rows that belong to customers."""

    def delete(self, customers: Sequence[str]) -> None:
        """Remove all rows of some customers.

        Args:
            customers: The customers' names.
        """
        ...


class MovableRows(CustomerRows, Protocol):
    """Rows that follow a customer who gets another id."""

    def move(self, old: str, new: str) -> None:
        """Put all rows of one customer to another.

        Args:
            old: The one's name.
            new: The other's name.
        """
        ...
