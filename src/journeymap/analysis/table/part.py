"""A part of a log: some whole journeys, as the columns a question measures."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
import polars as pl
from attrs import evolve, field, frozen

from journeymap.analysis.table.coding import Codes
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.model import JourneyMap
from journeymap.model.design import CATALOGS

__all__ = ["Level", "LogView", "Part", "Reading", "Scope", "code_of", "known_names",
           "require_times"]  # fmt: skip

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

_PLAIN = {"phase": ("buy", "own"), "outcome": ("succeeded", "failed", "abandoned")}
_CURE = {
    "stage": "give the log a map (map=…)",
    "phase": "give the log a map (map=…)",
}


@frozen(eq=False)
class Level:
    """One way to read interactions: names, and a code for each interaction (0: none).

    ``codes`` are those recorded; ``table`` is looked up by touchpoint where nothing was recorded,
    or by what is recorded at the level ``of``.
    """

    names: tuple[str | None, ...]
    codes: Codes | None = None
    table: Codes | None = None
    of: str | None = None

    @property
    def readable(self) -> bool:
        """True if interactions can be read at this level at all."""
        return self.codes is not None or self.table is not None


@frozen(eq=False)
class Scope:
    """The facts about the whole log that a question may know beside a part of it.

    Attributes:
        map: The map.
        first: The first time, in microseconds since 1970 UTC.
        last: The last time.
        scales: The lowest and highest answer by kind of score.
        zone: The zone of calendar periods.
        since: The earliest time that ``where`` selects (None: any).
        until: The time before which ``where`` selects (None: any).
        interactions: How many interactions there are.
        recorded: The last time of the whole log, where only some of it is seen.
        opened: The first time of the whole log, where only some of it is seen.
        timed: Whether times are known, and not only the order of interactions.
    """

    map: JourneyMap | None
    first: int
    last: int
    scales: dict[str, tuple[float, float]] = field(factory=dict)
    zone: str = "UTC"
    since: int | None = None
    until: int | None = None
    interactions: int = 0
    recorded: int | None = None
    timed: bool = True
    opened: int | None = None

    @property
    def begin(self) -> int:
        """The first time of all that was recorded, whatever of it is seen."""
        return self.first if self.opened is None else self.opened

    @property
    def end(self) -> int:
        """The last time of all that was recorded, whatever of it is seen."""
        return self.last if self.recorded is None else self.recorded

    @property
    def seen_until(self) -> int:
        """The last time that is seen: of all that was recorded, before ``until``."""
        return self.end if self.until is None else min(self.end, self.until - 1)


def require_times(scope: Scope, what: str) -> None:
    """Raise AnswerError where a log knows the order of its interactions and no times."""
    if not scope.timed:
        raise AnswerError(what, "this log knows the order of its interactions, but no times")


class LogView(Protocol):
    """A way to look at the parts of a log: some of its interactions, or other journeys."""

    def apply(self, part: Part) -> Part:
        """Show a part through the view."""
        ...

    def without_bounds(self) -> LogView:
        """Make the same view without bounds in time."""
        ...


def known_names(part: Part, by: str) -> tuple[str, ...]:
    """List the names that a level may have: those of the log, of the map, and the plain ones."""
    names = [name for name in part.names(by) if name is not None]
    catalog = next((name for name, (kind, _) in CATALOGS.items() if kind == by), None)
    if part.scope.map is not None and catalog is not None:
        names += getattr(part.scope.map, catalog)
    return tuple(dict.fromkeys([*names, *_PLAIN.get(by, ())]))


def code_of(names: tuple[str | None, ...], by: str, name: str) -> int:
    """Find the code of a name that a question asks for; raise UnknownName for an unknown one.

    Where nothing has a name, it is one that nothing has: -1.
    """
    if name in names:
        return names.index(name)
    known = tuple(one for one in names if one is not None)
    if known:
        raise UnknownName(by, name, known)
    return -1


@frozen(eq=False)
class Reading:
    """The interactions of a part that have a name at one level, in order.

    Attributes:
        names: The names; a code is a place in them.
        codes: The code of each interaction.
        first: Marks where journeys begin.
        part: The part.
        rows: The places in the part (None: all of them).
    """

    names: tuple[str | None, ...]
    codes: Codes
    first: Flags
    part: Part = field(repr=False)
    rows: Ints | None = None

    @cached_property
    def at(self) -> Ints:
        """Times in microseconds since 1970 UTC; AnswerError where the log has none."""
        return self.part.at if self.rows is None else self.part.at[self.rows]

    @cached_property
    def journey(self) -> Ints:
        """Each one's journey in the part."""
        return self.part.journey if self.rows is None else self.part.journey[self.rows]

    @cached_property
    def customer(self) -> Ints:
        """Each one's customer, as a number that is unique in the part."""
        return self.part.customer if self.rows is None else self.part.owners[self.journey]

    @property
    def people(self) -> Ints:
        """Where each customer that has any such interaction begins, and the end."""
        if self.part.single:
            return self.offsets
        owners = self.customer[self.offsets[:-1]]
        fresh = np.append(True, owners[1:] != owners[:-1])[: len(owners)]
        return np.append(self.offsets[:-1][fresh], len(self.codes))

    @cached_property
    def ends(self) -> Ints:
        """When each one ended, in microseconds; when it began, if that is unknown."""
        return self.part.ends if self.rows is None else self.part.ends[self.rows]

    @cached_property
    def last(self) -> Flags:
        """Where journeys end."""
        flags = np.zeros(len(self.first), dtype=bool)
        flags[self.offsets[1:] - 1] = True
        return flags

    @cached_property
    def offsets(self) -> Ints:
        """Where each journey that has any such interaction begins, and the end."""
        if self.rows is None:
            return self.part.offsets
        return np.append(np.flatnonzero(self.first), len(self.first))


@frozen(eq=False)
class Part:
    """Some whole journeys of a log, for a question to measure.

    All journeys of a customer are in one part, next to each other.

    Attributes:
        scope: Facts about the whole log.
        offsets: Where each journey begins, and the end.
        touchpoints: The code of each interaction's touchpoint.
        owners: The customer of each journey, as a number that is unique in the part.
    """

    scope: Scope
    offsets: Ints
    _at: Ints = field(repr=False)
    touchpoints: Codes
    owners: Ints
    _ids: pl.Series = field(repr=False)
    _levels: dict[str, Level] = field(repr=False)
    _numbers: dict[str, Ints] = field(repr=False)
    _span: slice = field(repr=False)
    _rows: Ints | None = field(default=None, repr=False)
    _seen: tuple[LogView, ...] = field(default=(), repr=False)
    _origin: Part | None = field(default=None, repr=False)
    _readings: dict[str, Reading] = field(factory=dict, repr=False, init=False)

    def __len__(self) -> int:
        return len(self.touchpoints)

    @property
    def at(self) -> Ints:
        """Times in microseconds since 1970 UTC; AnswerError where the log has none."""
        require_times(self.scope, "times")
        return self._at

    @property
    def journeys(self) -> int:
        """How many journeys the part holds."""
        return len(self.offsets) - 1

    @property
    def single(self) -> bool:
        """True if every journey is of another customer."""
        return bool((self.owners[1:] != self.owners[:-1]).all())

    @cached_property
    def first(self) -> Flags:
        """Marks the interactions that begin a journey."""
        flags = np.zeros(len(self), dtype=bool)
        flags[self.offsets[:-1]] = True
        return flags

    @cached_property
    def journey(self) -> Ints:
        """The journey of each interaction, counted within the part."""
        return np.repeat(np.arange(self.journeys), np.diff(self.offsets))

    @cached_property
    def customer(self) -> Ints:
        """The customer of each interaction, as a number that is unique in the part."""
        return np.repeat(self.owners, np.diff(self.offsets))

    @cached_property
    def ids(self) -> pl.Series:
        """The customer of each journey, by the name that the log knows them by."""
        return self.names_of(self.owners)

    def names_of(self, owners: Ints) -> pl.Series:
        """Look up the names of customers.

        Args:
            owners: Their numbers in the part.

        Returns:
            The names by which the log knows them.
        """
        return self._ids.gather(owners.astype(np.uint32))

    @cached_property
    def unbounded(self) -> Part:
        """The part as it would be without the bounds in time that ``where`` has set."""
        if self._origin is None or not any(view != view.without_bounds() for view in self._seen):
            return self
        return self._origin.through(tuple(view.without_bounds() for view in self._seen))

    def sees(self, kind: type[LogView]) -> bool:
        """Check whether the part is seen through a view of a kind.

        Args:
            kind: The class of the view.

        Returns:
            Whether it is.
        """
        return any(isinstance(view, kind) for view in self._seen)

    def through(self, views: tuple[LogView, ...]) -> Part:
        """Show the part through views, one after the other.

        Args:
            views: The views.

        Returns:
            The part as it is seen.
        """
        part = self
        for view in views:
            part = view.apply(part)
        return evolve(part, origin=self, seen=views) if views else part

    def marked_seen(self, part: Part, view: LogView) -> Part:
        """Note that a part is seen through one more view.

        Args:
            part: The part before the view.
            view: The view.

        Returns:
            This part, which knows where it comes from.
        """
        return evolve(self, origin=part._origin or part, seen=(*part._seen, view))

    def select_rows(self, rows: Ints, offsets: Ints, owners: Ints) -> Part:
        """Select interactions.

        Args:
            rows: Their places, in order.
            offsets: Where each journey begins among them, and the end.
            owners: The customer of each journey.

        Returns:
            The part of these interactions.
        """
        return Part(
            self.scope, offsets, self._at[rows], self.touchpoints[rows], owners, self._ids,
            self._levels, self._numbers, self._span,
            rows if self._rows is None else self._rows[rows],
        )  # fmt: skip

    def between(self, begin: int, end: int) -> Part:
        """Select the journeys from one place to before another.

        Args:
            begin: The place of the first.
            end: The place behind the last.

        Returns:
            The part of these journeys; it shares this part's columns.
        """
        first, last = int(self.offsets[begin]), int(self.offsets[end])
        span, rows = self._span, self._rows
        if rows is None:
            span = slice(span.start + first, span.start + last)
        else:
            rows = rows[first:last]
        return Part(
            self.scope, self.offsets[begin : end + 1] - first, self._at[first:last],
            self.touchpoints[first:last], self.owners[begin:end], self._ids, self._levels,
            self._numbers, span, rows,
        )  # fmt: skip

    def names(self, by: str) -> tuple[str | None, ...]:
        """List the names of a level.

        Args:
            by: The level.

        Returns:
            The names; a code is a place in them, and the place 0 is None.

        Raises:
            UnknownName: There is no such level.
        """
        return self._level(by).names

    def codes(self, by: str) -> Codes:
        """Find the code of each interaction at a level.

        Args:
            by: The level.

        Returns:
            The codes; 0 where an interaction has no name there.

        Raises:
            AnswerError: The log knows no names at that level.
            UnknownName: There is no such level.
        """
        level = self._level(by)
        if level.codes is not None:
            codes = level.codes[self._span]
            return codes if self._rows is None else codes[self._rows]
        if level.table is None and not len(self):
            return np.zeros(0, dtype=np.uint8)
        if level.table is None:
            cure = _CURE.get(by, f"name its column with Columns({by}=…), or give the log a map")
            raise AnswerError(f"by={by!r}", f"this log knows no {by} of its interactions; {cure}")
        if level.of is not None:
            return level.table[self.codes(level.of)]
        return level.table[self.touchpoints]

    @property
    def recorded_levels(self) -> tuple[str, ...]:
        """The levels at which names were recorded, in order."""
        return tuple(sorted(name for name, one in self._levels.items() if one.codes is not None))

    def knows(self, by: str) -> bool:
        """Check whether interactions can be read at a level.

        Args:
            by: The level.

        Returns:
            Whether they can.
        """
        level = self._levels.get(by)
        return level is not None and level.readable

    def records(self, by: str) -> bool:
        """Check whether names at a level were recorded, and not only found by a map.

        Args:
            by: The level.

        Returns:
            Whether they were.
        """
        level = self._levels.get(by)
        return level is not None and level.codes is not None

    def number(self, role: str) -> Ints | None:
        """Read a number of each interaction.

        Args:
            role: Such as ``emotion``, ``value`` or ``score``.

        Returns:
            Numbers in ten-thousandths, the smallest integer where missing; None if the log has
            none.
        """
        found = self._numbers.get(role)
        if found is None:
            return None
        return found[self._span] if self._rows is None else found[self._span][self._rows]

    @cached_property
    def ends(self) -> Ints:
        """When each interaction ended, in microseconds; when it began, if that is unknown."""
        took = self.number("duration")
        if took is None:
            return self.at
        known = took != np.iinfo(took.dtype).min
        return np.where(known, self.at + took * 100, self.at)  # of ten-thousandths of a second

    def read(self, by: str) -> Reading:
        """Read the interactions that have a name at a level.

        Args:
            by: The level.

        Returns:
            The interactions; those without a name are passed over.

        Raises:
            AnswerError: The log knows no names at that level.
            UnknownName: There is no such level.
        """
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
            return Reading(names, codes, self.first, self)
        rows = np.flatnonzero(codes)
        journey = self.journey[rows]
        first = np.ones(len(rows), dtype=bool)
        first[1:] = journey[1:] != journey[:-1]
        return Reading(names, codes[rows], first, self, rows)
