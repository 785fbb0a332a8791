"""Facts about a store itself, and the one lock that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Meta"]


class Meta(Protocol):
    """Facts about the store itself, and its one lock."""

    def read(self) -> Mapping[str, str]:
        """Read all facts.

        Returns:
            The facts by name.
        """
        ...

    def set(self, name: str, text: str) -> None:
        """Write a fact.

        Args:
            name: Its name.
            text: Its text.
        """
        ...

    def lock(self) -> None:
        """Let no other process past this call, or past ``share``, until the transaction ends."""

    def share(self) -> None:
        """Hold up, until the transaction ends, whoever calls ``lock``; others may share."""
