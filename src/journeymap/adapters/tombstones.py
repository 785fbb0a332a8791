"""Tombstones: marks of what was removed for good, so that it does not come back unnoticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

__all__ = ["Tombstones"]


class Tombstones(Protocol):
    """Marks, each with the time up to which what it stands for stays removed."""

    def find(self, marks: Sequence[str]) -> dict[str, int]:
        """Look marks up.

        Args:
            marks: The marks.

        Returns:
            The time of each that is there.
        """
        ...

    def set(self, marks: Mapping[str, int]) -> None:
        """Write marks, over those that are there.

        Args:
            marks: The time of each.
        """
        ...

    def remove(self, marks: Sequence[str]) -> None:
        """Remove marks.

        Args:
            marks: The marks.
        """
        ...
