"""The contents of a log, at a glance."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Part, Scope

__all__ = ["CountLevels", "LogDescription"]

MAX_NAMES = 5
"""Names of a level that are shown."""


@frozen(repr=False)
class LogDescription:
    """The contents of a log.

    Attributes:
        customers: How many customers.
        journeys: How many journeys.
        interactions: How many interactions.
        first: The time of the first (None: there is none, or no times).
        last: The time of the last.
        levels: Of each level, how many interactions have each name.
        unmapped: Touchpoints that the map does not know, with their interactions.
    """

    customers: int
    journeys: int
    interactions: int
    first: datetime | None
    last: datetime | None
    levels: dict[str, dict[str, int]]
    unmapped: dict[str, int]

    def __repr__(self) -> str:
        lines = [
            f"{self.interactions:,} interactions of {self.customers:,} customers in"
            f" {self.journeys:,} journeys"
        ]
        if self.first is not None and self.last is not None:
            lines.append(f"from {self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC")
        for level, names in self.levels.items():
            most = [f"{name} {count:,}" for name, count in list(names.items())[:MAX_NAMES]]
            more = len(names) - MAX_NAMES
            rest = f", and {more:,} more" if more > 0 else ""
            lines.append(f"{level}: {', '.join(most) or 'none'}{rest}")
        if self.unmapped:
            lines.append(f"not on the map: {', '.join(self.unmapped)}")
        return "\n".join(lines)


@frozen
class CountLevels:
    """How many interactions have each name of each level."""

    levels: tuple[str, ...]

    def measure(self, part: Part) -> dict[str, dict[str, int]]:
        """Count the names of a part."""
        found: dict[str, dict[str, int]] = {}
        for level in self.levels:
            names = part.names(level)
            codes = part.touchpoints if level == "touchpoint" else part.codes(level)
            answers = part.number("score") if level == "score_kind" else None
            if answers is not None:  # one kind for all interactions is that of the answers
                codes = codes[answers != np.iinfo(answers.dtype).min]
            counts = np.bincount(codes, minlength=len(names)).tolist()
            found[level] = {str(n): c for n, c in zip(names, counts, strict=True) if c and n}
        return found

    def merge(
        self, one: dict[str, dict[str, int]], other: dict[str, dict[str, int]]
    ) -> dict[str, dict[str, int]]:
        """Sum two measurements."""
        return {
            level: {
                name: one[level].get(name, 0) + other[level].get(name, 0)
                for name in {**one[level], **other[level]}
            }
            for level in one
        }

    def answer(
        self, measured: dict[str, dict[str, int]], scope: Scope
    ) -> dict[str, dict[str, int]]:
        """Sort the names of each level by how often they came."""
        return {
            level: dict(sorted(names.items(), key=lambda pair: (-pair[1], pair[0])))
            for level, names in measured.items()
        }
