"""Checkpoints: states of the past, from which what comes late is folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import frozen

__all__ = ["Checkpoint", "Checkpoints"]


@frozen
class Checkpoint:
    """A state of the past: of a customer, after everything up to a time.

    Attributes:
        customer: The customer's name.
        at: The time, that of the last interaction in it.
        map: A mark of the map along which it was folded.
        lap: How often the customer had begun the loop by then.
        text: What the fold carries, as JSON.
    """

    customer: str
    at: int
    map: str
    lap: int
    text: str


class Checkpoints(Protocol):
    """The checkpoints of the customers."""

    def add(self, rows: Iterable[Checkpoint]) -> None:
        """Write checkpoints, over those of the same customer, time and map.

        Args:
            rows: The checkpoints.
        """
        ...

    def find_before(self, customer: str, at: int, map: str) -> Checkpoint | None:  # noqa: A002
        """Read the last checkpoint before a time.

        Args:
            customer: The customer's name.
            at: The time.
            map: The mark of the map.

        Returns:
            The checkpoint (None: there is none).
        """
        ...

    def drop(self, customer: str, since: int, until: int, map: str) -> None:  # noqa: A002
        """Remove the checkpoints from a time on: up to another, or of another map all.

        Args:
            customer: The customer's name.
            since: The first time.
            until: The last time.
            map: The mark of the map.
        """
        ...

    def add_laps(self, customer: str, after: int, laps: int) -> None:
        """Count laps in the checkpoints after a time.

        Args:
            customer: The customer's name.
            after: The time.
            laps: How many to add; below 0, to take away.
        """
        ...

    def delete(self, customers: Sequence[str]) -> None:
        """Remove all checkpoints of some customers.

        Args:
            customers: The customers' names.
        """
        ...
