"""Evidence as the graph holds it: numbered values that were met together, from when to when."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TypeAlias

__all__ = ["EvidenceEntry", "MetValues", "Node", "Value", "join_spans", "near_spans"]

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


class MetValues:
    """The values that one value was met with, by the ranks of their namespaces."""

    __slots__ = ("_by_rank", "_rank", "_value")

    def __init__(self, value: Value, rank: Sequence[int]) -> None:
        self._value, self._rank = value, rank
        self._by_rank: dict[int, set[Value]] = {}

    def add(self, entry: EvidenceEntry) -> int:
        """Add those of a piece of evidence; the number of the most met of one namespace."""
        for other in entry.values:
            if other != self._value:
                self._by_rank.setdefault(self._rank[other], set()).add(other)
        return max(map(len, self._by_rank.values()), default=0)


def join_spans(entries: Iterable[EvidenceEntry], length: int) -> list[list[int]]:
    """Join the times of evidence that lie no further apart than a length."""
    spans: list[list[int]] = []
    for first, last in sorted((entry.first, entry.last) for entry in entries):
        if spans and first <= spans[-1][1] + length:
            spans[-1][1] = max(spans[-1][1], last)
        else:
            spans.append([first, last])
    return spans


def near_spans(windows: Sequence[tuple[int, int, Node]], at: int, length: int) -> list[int]:
    """Find the places of the windows that lie no further from a time than a length."""
    after = bisect_right(windows, at, key=itemgetter(0))
    return [
        place for place in range(max(0, after - 1), min(len(windows), after + 1))
        if windows[place][0] - length <= at <= windows[place][1] + length
    ]  # fmt: skip
