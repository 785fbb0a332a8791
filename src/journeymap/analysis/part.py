"""A part of a log: some whole journeys, as the columns a question measures."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from attrs import field, frozen

from journeymap.analysis.coding import Codes
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.model import JourneyMap

__all__ = ["Level", "Part", "Reading", "Scope"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

_CURE = {
    "stage": "give the log a map (map=…)",
    "phase": "give the log a map (map=…)",
}


@frozen(eq=False)
class Level:
    """One way to read interactions: names, and a code for each interaction (0: none).

    ``codes`` are those recorded; ``table`` is looked up by touchpoint where nothing was recorded.
    """

    names: tuple[str | None, ...]
    codes: Codes | None = None
    table: Codes | None = None


@frozen(eq=False)
class Scope:
    """What a question may know beyond its part: the map, and the whole log's first and last time.

    Times are microseconds since 1970 UTC; ``scales`` are lowest and highest answer by kind of
    score.
    """

    map: JourneyMap | None
    first: int
    last: int
    scales: dict[str, tuple[float, float]] = field(factory=dict)


@frozen(eq=False)
class Reading:
    """The interactions of a part that have a name at one level, in order.

    ``codes`` index ``names``; ``at`` are microseconds since 1970; ``first`` and ``last`` mark
    where journeys begin and end; ``rows`` are their places in the part (None: all of them).
    """

    names: tuple[str | None, ...]
    codes: Codes
    at: Ints
    first: Flags
    part: Part = field(repr=False)
    rows: Ints | None = None

    @cached_property
    def journey(self) -> Ints:
        """Each one's journey in the part."""
        return self.part.journey if self.rows is None else self.part.journey[self.rows]

    @cached_property
    def customer(self) -> Ints:
        """Each one's customer, as a number that is the same in all parts."""
        return self.part.customer if self.rows is None else self.part.customer[self.rows]

    @cached_property
    def last(self) -> Flags:
        """Where journeys end."""
        flags = np.zeros(len(self.first), dtype=bool)
        flags[self.offsets[1:] - 1] = True
        return flags

    @cached_property
    def offsets(self) -> Ints:
        """Where each journey that has any such interaction begins, and the end."""
        if self.rows is None and self.part.at is self.at:
            return self.part.offsets
        return np.append(np.flatnonzero(self.first), len(self.first))


@frozen(eq=False)
class Part:
    """Some whole journeys of a log, for a question to measure.

    ``offsets`` mark where each journey begins, and the end; ``at`` are microseconds since 1970;
    ``owners`` is the customer of each journey, as a number that is the same in all parts.
    """

    scope: Scope
    offsets: Ints
    at: Ints
    touchpoints: Codes
    owners: Ints
    _levels: dict[str, Level] = field(repr=False)
    _numbers: dict[str, Ints] = field(repr=False)
    _span: slice = field(repr=False)
    _readings: dict[str, Reading] = field(factory=dict, repr=False, init=False)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def journeys(self) -> int:
        """How many journeys the part holds."""
        return len(self.offsets) - 1

    @property
    def single(self) -> bool:
        """Whether every journey is of another customer."""
        return bool((self.owners[1:] != self.owners[:-1]).all())

    @cached_property
    def first(self) -> Flags:
        """Marks the interactions that begin a journey."""
        flags = np.zeros(len(self.at), dtype=bool)
        flags[self.offsets[:-1]] = True
        return flags

    @cached_property
    def journey(self) -> Ints:
        """The journey of each interaction, counted within the part."""
        return np.repeat(np.arange(self.journeys), np.diff(self.offsets))

    @cached_property
    def customer(self) -> Ints:
        """The customer of each interaction, as a number that is the same in all parts."""
        return np.repeat(self.owners, np.diff(self.offsets))

    def names(self, by: str) -> tuple[str | None, ...]:
        """The names of a level; a code is a place in them, and the place 0 is None."""
        return self._level(by).names

    def codes(self, by: str) -> Codes:
        """The code of each interaction at a level; 0 where it has no name there."""
        level = self._level(by)
        if level.codes is not None:
            return level.codes[self._span]
        if level.table is None:
            cure = _CURE.get(by, f"name its column with Columns({by}=…), or give the log a map")
            raise AnswerError(f"by={by!r}", f"this log knows no {by} of its interactions; {cure}")
        return level.table[self.touchpoints]

    def knows(self, by: str) -> bool:
        """Whether interactions can be read at a level at all."""
        level = self._levels.get(by)
        return level is not None and (level.codes is not None or level.table is not None)

    def number(self, role: str) -> Ints | None:
        """A number of each interaction in ten-thousandths (NONE where missing), or None."""
        found = self._numbers.get(role)
        return None if found is None else found[self._span]

    def read(self, by: str) -> Reading:
        """The interactions that have a name at a level; those without are passed over."""
        if by not in self._readings:
            self._readings[by] = self._read(by)
        return self._readings[by]

    def _level(self, by: str) -> Level:
        try:
            return self._levels[by]
        except KeyError:
            raise UnknownName("level", by, tuple(self._levels)) from None

    def _read(self, by: str) -> Reading:
        names, codes = self.names(by), self.codes(by)
        if codes.all():
            return Reading(names, codes, self.at, self.first, self)
        rows = np.flatnonzero(codes)
        journey = self.journey[rows]
        first = np.ones(len(rows), dtype=bool)
        first[1:] = journey[1:] != journey[:-1]
        return Reading(names, codes[rows], self.at[rows], first, self, rows)
