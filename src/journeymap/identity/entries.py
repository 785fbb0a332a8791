"""Evidence as the graph holds it: numbered values that were met together, from when to when."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["EvidenceEntry", "Node", "Value"]

Value: TypeAlias = int
"""A value of a namespace, by its number."""
Node: TypeAlias = int
"""A value, or one time window of it where its namespace has windows, by its number."""


class EvidenceEntry:
    """A piece of evidence: values met together, most reliable first, from when to when."""

    __slots__ = ("batch", "dropped", "first", "last", "source", "values", "weight")

    def __init__(
        self, values: tuple[Value, ...], at: int, source: str, batch: str | None,
        weight: float | None,
    ) -> None:  # fmt: skip
        self.values, self.first, self.last = values, at, at
        self.source, self.batch, self.weight = source, batch, weight
        self.dropped: tuple[tuple[Value, str], ...] = ()
