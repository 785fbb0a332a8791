"""The table under a log: interactions in encoded columns, ordered by customer and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.analysis.question import Question, merge_parts
from journeymap.analysis.table.coding import Codes
from journeymap.analysis.table.part import Ints, Level, LogView, Part, Scope
from journeymap.model import JourneyMap

__all__ = ["ROWS_IN_A_PART", "Table"]

ROWS_IN_A_PART = 1 << 17
"""Interactions in a part: few enough for its columns to fit the processor's cache."""


@frozen(eq=False)
class Table:
    """Interactions in encoded columns, those of one customer together, in order of time.

    Attributes:
        map: The map by which the levels were filled in, if there is one.
        scope: The map, times, zone and counts of the whole table.
        ids: The customers' names; the customer at place i owns the i-th stretch of rows.
        offsets: The row where each customer begins, and the number of rows.
        at: Times in microseconds since 1970 UTC; zeros where the log has none (``scope.timed``).
        touchpoints: A code for each row into ``levels["touchpoint"].names``.
        levels: The ways to read the rows, by name.
        numbers: Numbers by role, in ten-thousandths, the smallest integer where missing; of
            amounts, ``value_fraction`` is what is left below a ten-thousandth, if anything is.
    """

    map: JourneyMap | None
    scope: Scope
    ids: pl.Series
    offsets: Ints
    at: Ints
    touchpoints: Codes
    levels: dict[str, Level]
    numbers: dict[str, Ints]

    def __len__(self) -> int:
        return len(self.at)

    @property
    def readable(self) -> tuple[str, ...]:
        """The levels at which there is something to read."""
        return tuple(name for name, level in self.levels.items() if level.readable)

    def parts(
        self,
        rows: int | None = ROWS_IN_A_PART,
        scope: Scope | None = None,
        views: tuple[LogView, ...] = (),
    ) -> Iterator[Part]:
        """Cut the table into parts of whole customers; an empty table gives one empty part.

        Args:
            rows: About how many interactions a part holds (None: all in one part).
            scope: The scope of the parts, if not the table's own.
            views: The views through which the parts are seen.

        Yields:
            The parts in the order of the rows.
        """
        scope = scope or self.scope
        reached = begin = 0
        ends = self.offsets[1:]
        while reached < len(self.at):
            place = int(np.searchsorted(ends, reached + (rows or len(self.at))))
            place = min(place, len(ends) - 1)
            reached = int(ends[place])
            yield self._part(scope, begin, place + 1).through(views)
            begin = place + 1
        if not begin:
            yield self._part(scope, 0, 0).through(views)

    def measure(
        self, questions: tuple[Question[Any], ...], scope: Scope, views: tuple[LogView, ...]
    ) -> list[Any]:
        """Measure several questions in one pass; one merged measurement of each."""
        rows = max([ROWS_IN_A_PART, *(getattr(q, "rows_in_a_part", 0) for q in questions)])
        parts = self.parts(rows, scope, views)
        found = ([question.measure(part) for question in questions] for part in parts)
        return merge_parts(questions, found)

    def between(self, begin: int, end: int) -> Part:
        """Select the customers from one place to before another.

        Args:
            begin: The place of the first.
            end: The place behind the last.

        Returns:
            The part of these customers.
        """
        return self._part(self.scope, begin, end)

    def _part(self, scope: Scope, begin: int, end: int) -> Part:
        first, last = int(self.offsets[begin]), int(self.offsets[end])
        span = slice(first, last)
        return Part(
            scope,
            self.offsets[begin : end + 1] - first,
            self.at[span],
            self.touchpoints[span],
            np.arange(begin, end, dtype=np.uint32),
            self.ids,
            self.levels,
            self.numbers,
            span,
        )
