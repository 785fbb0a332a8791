"""Interactions that were set aside, as a store keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import frozen

from journeymap.adapters.customer_rows import MovableRows

__all__ = ["SetAsideEntries", "SetAsideEntry"]


@frozen
class SetAsideEntry:
    """An interaction that was set aside.

    Attributes:
        customer: The customer's id when the entry was last regrouped.
        key: Source and id, as of a `JournalEntry`.
        arrived: When it was recorded.
        reason: Why it was set aside.
        text: The interaction as JSON.
        due: When it may be recorded (None: it has no such time).
    """

    customer: str
    key: str | None
    arrived: int
    reason: str
    text: str
    due: int | None = None


class SetAsideEntries(MovableRows, Protocol):
    """The interactions that were set aside."""

    def add(self, entries: Iterable[SetAsideEntry]) -> None:
        """Keep interactions with their reasons.

        Args:
            entries: The interactions.
        """
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Remove interactions that are in the journal now.

        Args:
            keys: Their keys.
        """
        ...

    def find(self, key: str) -> SetAsideEntry | None:
        """Read the interaction with a key.

        Args:
            key: The key.

        Returns:
            The interaction (None: there is none).
        """
        ...

    def list_due(self, now: int, limit: int) -> list[SetAsideEntry]:
        """Read interactions that may be recorded now.

        Args:
            now: The time.
            limit: How many to read at most.

        Returns:
            The interactions, those that are due first at the beginning.
        """
        ...

    def read(self, customer: str | None = None) -> list[SetAsideEntry]:
        """Read what was set aside.

        Args:
            customer: One customer's name (None: all).

        Returns:
            The interactions, in order of arrival.
        """
        ...
