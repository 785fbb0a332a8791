"""A part of a log as it is followed along the map, and the signals found in it, kind by kind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from attrs import evolve, field, frozen

from journeymap.analysis.measuring.occurrences import first_after
from journeymap.analysis.measuring.working_time import department_codes
from journeymap.analysis.moments_in_time import last_of
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.analysis.where import select_until
from journeymap.model import JourneyMap

__all__ = [
    "FollowedPart",
    "SignalBatch",
    "cut_up",
    "follow_part",
    "instants",
    "join_batches",
    "pick",
    "read_times",
    "truths",
    "whole_numbers",
]

_TIME = pl.Datetime("us", "UTC")


@frozen(eq=False)
class FollowedPart:
    """A part of a log that is followed up to a time.

    Attributes:
        part: The part; its scope has the time, as the end of all that was recorded.
        map: The map along which it is followed.
    """

    part: Part
    map: JourneyMap

    @property
    def until(self) -> int:
        """The time up to which the part is followed, in microseconds."""
        return self.part.scope.seen_until

    @cached_property
    def tie(self) -> Ints:
        """The number of each interaction among those of its journey at the same time."""
        size = len(self.part)
        rows = np.arange(size)
        begins = self.part.first.copy()
        begins[1:] |= self.part.at[1:] != self.part.at[:-1]
        return rows - np.maximum.accumulate(np.where(begins, rows, 0))

    @cached_property
    def stop(self) -> Ints:
        """Where the journey of each interaction ends."""
        return np.repeat(self.part.offsets[1:], np.diff(self.part.offsets))

    @cached_property
    def department(self) -> Ints:
        """The department that took each interaction, as a code (0: none)."""
        return department_codes(self.part)

    def last_until(self, rows: Ints, times: Ints) -> Ints:
        """Find the last interaction up to a time, in the journeys of some interactions."""
        return first_after(self.part, rows, self.stop[rows], times) - 1

    def names(self, level: str, codes: Ints) -> pl.Series:
        """Look up names by their codes; none for 0."""
        if not self.part.knows(level):
            return pl.Series([None] * len(codes), dtype=pl.String)
        names = pl.Series(self.part.names(level), dtype=pl.String)
        return names.gather(codes.astype(np.uint32))

    def touchpoints(self, rows: Ints) -> pl.Series:
        """Look up the touchpoints of some interactions."""
        return self.names("touchpoint", self.part.touchpoints[rows].astype(np.int64))


def follow_part(part: Part, journey: JourneyMap, as_of: datetime | None) -> FollowedPart:
    """Follow a part up to a time (None: up to the end of the log, as far as it is seen)."""
    if as_of is not None:
        last = last_of(as_of)
        part = select_until(part, last)
        part = evolve(part, scope=evolve(part.scope, recorded=last, until=None))
    return FollowedPart(part, journey)


@frozen(eq=False)
class SignalBatch:
    """Signals of one kind, in columns.

    Attributes:
        kind: The kind.
        rows: The interaction at which each was emitted, or the last one before it.
        at: When, in microseconds.
        tie: The number of the interaction among those at one time.
        rank: The place of the kind among all that is emitted at once.
        cells: What else is in it: a column, or one value for all.
        later: Whether they were emitted because time passed.
        order: The place of each among those of its kind that are emitted at once.
        then: The same, where the order is equal.
    """

    kind: str
    rows: Ints
    at: Ints
    tie: Ints
    rank: int
    cells: dict[str, Any]
    later: bool = field(default=False, kw_only=True)
    order: Ints | None = field(default=None, kw_only=True)
    then: Ints | None = field(default=None, kw_only=True)

    def frame(self, part: Part, columns: dict[str, Any]) -> pl.DataFrame:
        """Make the rows of these signals, with the columns that they have."""
        owners = part.owners[part.journey[self.rows]]
        made = {
            "customer": part.names_of(owners),
            "at": instants(self.at),
            "tie": pl.Series(self.tie, dtype=pl.Int64),
            "kind": self.kind,
            **self.cells,
        }
        size = len(self.rows)
        series = []
        for name, cell in made.items():
            if not isinstance(cell, pl.Series):
                if cell is None:
                    continue
                cell = pl.Series([cell], dtype=columns[name]).new_from_index(0, size)
            series.append(cell.alias(name))
        return pl.DataFrame(series)


def pick(words: tuple[str, ...], places: Ints) -> pl.Series:
    """Look up words by their places."""
    return pl.Series(words, dtype=pl.String).gather(places.astype(np.uint32))


def whole_numbers(numbers: Ints) -> pl.Series:
    """Make a column of whole numbers; none for those below 0."""
    found = pl.Series(numbers, dtype=pl.Int64)
    return found.set(found < 0, None)


def truths(marks: Flags) -> pl.Series:
    """Make a column of truths."""
    return pl.Series(marks, dtype=pl.Boolean)


def instants(times: Ints) -> pl.Series:
    """Convert microseconds to times in UTC."""
    return pl.Series(times, dtype=pl.Int64).cast(_TIME)


def join_batches(
    part: Part, batches: Iterable[SignalBatch], columns: dict[str, Any]
) -> pl.DataFrame:
    """Put signals together in the order in which they are emitted, journey by journey."""
    some = [one for one in batches if len(one.rows)]
    if not some:
        return pl.DataFrame(schema=columns)
    later = [np.full(len(one.rows), one.later) for one in some]
    rank = [np.full(len(one.rows), one.rank) for one in some]
    # What is emitted at an interaction goes by rank; what time brings about, by time first.
    time = [one.at if one.later else one.rows * 0 for one in some]
    order = [one.rows * 0 if one.order is None else one.order for one in some]
    then = [one.rows * 0 if one.then is None else one.then for one in some]
    rows = [one.rows for one in some]
    keys = [np.concatenate(key) for key in (then, order, rank, time, later, rows)]
    frame = pl.concat([one.frame(part, columns) for one in some], how="diagonal")
    ordered = frame[pl.Series(np.lexsort(keys), dtype=pl.UInt32)]
    return ordered.select(
        pl.col(name) if name in frame.columns else pl.lit(None, dtype=type_).alias(name)
        for name, type_ in columns.items()
    )


def read_times(micros: Any) -> list[Any]:
    """Convert microseconds, or a column of them, to times in UTC; None stays."""
    found = pl.Series(micros, dtype=pl.Int64).cast(pl.Datetime("us")).to_list()
    return [None if at is None else at.replace(tzinfo=UTC) for at in found]


def cut_up(values: list[Any], lengths: Ints) -> list[Any]:
    """Cut a list into tuples of some lengths."""
    ends = np.cumsum(lengths).tolist()
    return [tuple(values[end - length : end])
            for end, length in zip(ends, lengths.tolist(), strict=True)]  # fmt: skip
