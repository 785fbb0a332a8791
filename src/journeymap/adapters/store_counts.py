"""How much a store holds, as its operator asks."""

from __future__ import annotations

from attrs import frozen

__all__ = ["StoreCounts"]


@frozen
class StoreCounts:
    """How much a store holds.

    Attributes:
        interactions: Interactions in the journal, without those in its archive.
        archived: Interactions in its archive.
        customers: States.
        due: States with a timer that is due.
        waiting: Letters that wait.
        oldest: When the letter that waits longest could have been handed out (None: none waits).
        dead: Letters that were given up.
        set_aside: Interactions that were set aside.
        evidence: Pieces of evidence.
        size: The bytes that it takes.
    """

    interactions: int
    archived: int
    customers: int
    due: int
    waiting: int
    oldest: int | None
    dead: int
    set_aside: int
    evidence: int
    size: int
