"""Subsets of a log as values: which interactions, of which journeys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, evolve, field, fields, frozen, validators

from journeymap.analysis.measuring.part_conditions import mark_beginning, mark_matching
from journeymap.analysis.moments_in_time import (
    Lengths,
    Moments,
    TimeOrDay,
    as_time,
    begin_of,
    check_time,
    end_of,
    read_lengths,
    read_times,
)
from journeymap.analysis.table.part import Flags, Ints, Part, code_of, known_names, require_times
from journeymap.exceptions import ColumnsError, UnknownName, nearest
from journeymap.model import Condition
from journeymap.model.conditions import is_condition, mentions
from journeymap.model.instants import micros_in
from journeymap.model.rules import of_type

__all__ = [
    "LEVELS",
    "Where",
    "check_names",
    "choose_subset",
    "describe_subset",
    "mark_outcome",
    "select_until",
]

Names = str | Iterable[str] | None
Elements = str | Condition | Iterable[str | Condition] | None
LEVELS = ("touchpoint", "stage", "phase", "channel", "department", "process", "product",
           "outcome", "source")  # fmt: skip


def _several(given: Names) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (given,)  # what is no text either is found wrong by the validator
    return tuple(given)


def _elements(given: Elements) -> tuple[str | Condition, ...] | None:
    return (given,) if isinstance(given, Condition) else _several(given)  # type: ignore[arg-type]


def _columns(
    given: Mapping[str, Names] | Iterable[tuple[str, Names]],
) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    pairs: tuple[Any, ...] = tuple(given.items() if isinstance(given, Mapping) else given)
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ColumnsError(
            f"columns: names by column are expected, as {{'plan': 'gold'}}, not {given!r}"
        )
    return tuple((name, _several(names)) for name, names in pairs)


def _are_names(instance: Any, attribute: Attribute[Any], value: tuple[Any, ...] | None) -> None:
    wrong = [name for name in value or () if not isinstance(name, str)]
    if wrong:
        raise ColumnsError(f"{attribute.name}: a name or several are expected, not {wrong[0]!r}")


def _are_elements(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    for one in value or ():
        if isinstance(one, Condition):
            is_condition(instance, attribute, one)
        elif not isinstance(one, str):
            message = "a name, a condition, a sequence, or several of them are expected"
            raise ColumnsError(f"{attribute.name}: {message}, not {one!r}")


def _column_names(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    for name, names in value:
        if not isinstance(name, str) or not all(isinstance(one, str) for one in names or (None,)):
            message = f"columns: names by column are expected, not {{{name!r}: {names!r}}}"
            raise ColumnsError(message)


def _two_times(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tuple) or len(value) != 2:
        message = f"{attribute.name}: two times are expected, from and to (None: any)"
        raise ColumnsError(f"{message}, not {value!r}")
    for one in value:
        check_time(instance, attribute, one)


def _two_lengths(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    whole = isinstance(value, tuple) and len(value) == 2
    if not whole or not all(isinstance(one, timedelta | None) for one in value):
        message = f"{attribute.name}: two lengths of time, at least and at most, such as"
        raise ColumnsError(f"{message} ('1 h', None), are expected, not {value!r}")


@frozen(kw_only=True)
class Where:
    """A subset of a log as a value: `log.where` takes it, and `Compare` compares two.

    Journeys are chosen first, then the interactions of these journeys. A name that neither the log
    nor its map knows matches nothing; one that is nearly a known one is taken for mistyped.

    Times are a datetime with its zone, or a day, as a date or as ``"2026-03-01"``, in the zone of
    the log. ``since`` and ``until`` choose interactions, and cut through journeys; ``started``,
    ``ended`` and ``lasted`` choose whole ones.

    Attributes:
        since: The earliest time; a day from its beginning.
        until: The time before which interactions lie; a day is not among them.
        started: The times between which a journey starts, the second not among them; days are,
            both of them.
        ended: The times between which a journey has its last interaction, as ``started``.
        lasted: How long a journey lasts from its first interaction to its last, at least and at
            most.
        customer: Customers.
        touchpoint: Touchpoints.
        stage: Stages.
        phase: Phases.
        channel: Channels.
        department: Departments.
        process: Processes.
        product: Products.
        outcome: Outcomes.
        source: Sources.
        columns: Names by any other column.
        contain: Elements, conditions or sequences that a journey must all contain.
        start: Elements, conditions or sequences of which a journey starts with one.
        end: Elements, conditions or sequences of which a journey ends with one.
        avoid: Elements, conditions or sequences of which a journey has none.
        by: The level of these elements; a name within a condition or a sequence is a touchpoint.
        when: A condition that must hold of the interaction.

    Raises:
        ColumnsError: A field has a value that it may not have.

    >>> Where(channel="web", contain=["order_placed"]).channel
    ('web',)
    """

    since: TimeOrDay | None = field(default=None, converter=as_time, validator=check_time)
    until: TimeOrDay | None = field(default=None, converter=as_time, validator=check_time)
    started: Moments | None = field(default=None, converter=read_times, validator=_two_times)
    ended: Moments | None = field(default=None, converter=read_times, validator=_two_times)
    lasted: Lengths | None = field(default=None, converter=read_lengths, validator=_two_lengths)
    customer: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    touchpoint: tuple[str, ...] | None = field(
        default=None, converter=_several, validator=_are_names
    )
    stage: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    phase: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    channel: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    department: tuple[str, ...] | None = field(
        default=None, converter=_several, validator=_are_names
    )
    process: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    product: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    outcome: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    source: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    columns: tuple[tuple[str, tuple[str, ...] | None], ...] = field(
        default=(), converter=_columns, validator=_column_names
    )
    contain: tuple[str | Condition, ...] | None = field(
        default=None, converter=_elements, validator=_are_elements
    )
    start: tuple[str | Condition, ...] | None = field(
        default=None, converter=_elements, validator=_are_elements
    )
    end: tuple[str | Condition, ...] | None = field(
        default=None, converter=_elements, validator=_are_elements
    )
    avoid: tuple[str | Condition, ...] | None = field(
        default=None, converter=_elements, validator=_are_elements
    )
    by: str = field(default="touchpoint", validator=of_type(str))
    when: Condition | None = field(default=None, validator=validators.optional(is_condition))

    def apply(self, part: Part) -> Part:
        """Select the interactions of a part that belong to the subset."""
        keep = self.mark(part)
        return part if keep is None or keep.all() else _kept(part, keep)

    def mark(self, part: Part) -> Flags | None:
        """Mark the interactions of a part that belong to the subset; None if all do."""
        journeys = self._journeys(part)
        keep = self._interactions(part)
        if journeys is not None:
            chosen = journeys[part.journey]
            keep = chosen if keep is None else keep & chosen
        return keep

    def without_bounds(self) -> Where:
        """Make the same subset at any time."""
        return evolve(self, since=None, until=None)

    def bounds(self, zone: str) -> tuple[int | None, int | None]:
        """Find the bounds in time.

        Args:
            zone: The zone of days.

        Returns:
            ``since`` and ``until`` in microseconds since 1970 (None: unbounded).
        """
        since = None if self.since is None else begin_of(self.since, zone)
        return since, None if self.until is None else begin_of(self.until, zone)

    def _interactions(self, part: Part) -> Flags | None:
        keep: Flags | None = None
        asked = [(level, getattr(self, level)) for level in LEVELS]
        for level, wanted in [*asked, *self.columns]:
            if wanted is not None:
                mine = _among(part, level, wanted)[part.codes(level)]
                keep = mine if keep is None else keep & mine
        if self.when is not None:
            mine = _matching(part, self.when)
            keep = mine if keep is None else keep & mine
        since, until = self.bounds(part.scope.zone)
        if since is not None or until is not None:
            require_times(part.scope, "where(since=…, until=…)")
        if since is not None:
            keep = part.at >= since if keep is None else keep & (part.at >= since)
        if until is not None:
            keep = part.at < until if keep is None else keep & (part.at < until)
        return keep

    def _journeys(self, part: Part) -> Flags | None:
        keep: Flags | None = None
        if self.customer is not None:
            wanted = pl.Series(list(self.customer), dtype=pl.String)
            keep = part.ids.is_in(wanted.implode()).to_numpy()
        if (self.started, self.ended, self.lasted) != (None,) * 3:
            timely = self._timely(part)
            keep = timely if keep is None else keep & timely
        if (self.contain, self.start, self.end, self.avoid) == (None,) * 4:
            return keep
        keep = np.ones(part.journeys, dtype=bool) if keep is None else keep
        for one in self.contain or ():
            keep &= self._with_any(part, (one,))
        if self.avoid is not None:
            keep &= ~self._with_any(part, self.avoid)
        if self.start is not None:
            keep &= self._with_any(part, self.start, "start")
        if self.end is not None:
            keep &= self._with_any(part, self.end, "end")
        return keep

    def _with_any(self, part: Part, wanted: Iterable[str | Condition], edge: str = "") -> Flags:
        """Mark the journeys that have one of some elements, anywhere or at an edge."""
        found = np.zeros(part.journeys, dtype=bool)
        names = [one for one in wanted if isinstance(one, str)]
        if names:
            read = part.read(self.by)
            there = _among(part, self.by, names)[read.codes]
            if edge:
                there &= read.first if edge == "start" else read.last
            found |= _having(read.journey[there], part)
        for one in wanted:
            if isinstance(one, Condition):
                check_names(part, one)
                if edge == "start":
                    found |= mark_beginning(part, one)
                else:
                    marked = mark_matching(part, one)
                    rows = part.offsets[1:] - 1 if edge else slice(None)
                    found |= _having(part.journey[rows][marked[rows]], part)
        return found

    def _timely(self, part: Part) -> Flags:
        """Mark the journeys that start, end and last as they should."""
        require_times(part.scope, "where(started=…, ended=…, lasted=…)")
        first, last = part.at[part.offsets[:-1]], part.at[part.offsets[1:] - 1]
        keep = np.ones(part.journeys, dtype=bool)
        zone = part.scope.zone
        for times, bounds in ((first, self.started), (last, self.ended)):
            begin, end = bounds or (None, None)
            if begin is not None:
                keep &= times >= begin_of(begin, zone)
            if end is not None:
                keep &= times < end_of(end, zone)
        at_least, at_most = self.lasted or (None, None)
        if at_least is not None:
            keep &= last - first >= micros_in(at_least)
        if at_most is not None:
            keep &= last - first <= micros_in(at_most)
        return keep


def _matching(part: Part, condition: Condition) -> Flags:
    check_names(part, condition)
    return mark_matching(part, condition)


def mark_outcome(part: Part, outcome: str | Condition) -> Flags:
    """Mark the interactions that are an outcome: at a touchpoint, or of which a condition holds."""
    if isinstance(outcome, str):
        found: Flags = part.touchpoints == code_of(part.names("touchpoint"), "touchpoint", outcome)
        return found
    check_names(part, outcome)
    return mark_matching(part, outcome)


def check_names(part: Part, condition: Condition) -> None:
    """Raise UnknownName for a name of a condition that is mistyped."""
    for kind, name in mentions(condition):
        _among(part, kind, (name,))


def _among(part: Part, by: str, wanted: Iterable[str]) -> Flags:
    """Mark the names of a level that are wanted; raise UnknownName for one that is mistyped."""
    names = part.names(by)
    chosen = set(wanted)
    unknown = chosen.difference(names)
    if unknown:
        known = known_names(part, by)
        for name in sorted(unknown.difference(known)):
            near = nearest(name, known)
            if near is not None and _letters(near) != _letters(name):  # no other number of a row
                raise UnknownName(by, name, known)
    return np.array([name in chosen for name in names], dtype=bool)


def _letters(name: str) -> str:
    return "".join(letter for letter in name if not letter.isdigit())


def _having(journeys: Ints, part: Part) -> Flags:
    flags = np.zeros(part.journeys, dtype=bool)
    flags[journeys] = True
    return flags


def _kept(part: Part, keep: Flags) -> Part:
    """Keep the interactions marked, and the journeys that have any of them."""
    rows = np.flatnonzero(keep)
    offsets = np.searchsorted(rows, part.offsets)
    some = offsets[1:] > offsets[:-1]
    return part.select_rows(rows, np.append(offsets[:-1][some], len(rows)), part.owners[some])


def select_until(part: Part, last: int) -> Part:
    """Select the interactions of a part up to a time, in microseconds."""
    known = part.at <= last
    return part if known.all() else _kept(part, known)


def describe_subset(subset: Where) -> str:
    """Write what a subset selects, in a few words."""
    plain = Where()
    found = []
    for one in fields(Where):
        value = getattr(subset, one.name)
        if value == getattr(plain, one.name) or one.name in ("columns", "by"):
            continue
        if isinstance(value, tuple):
            dash = " to " if one.name in ("started", "ended", "lasted") else ", "
            value = dash.join("…" if part is None else str(part) for part in value)
        found.append(str(value) if one.name == "when" else f"{one.name} {value}")
    found += [f"{name} {', '.join(names or ())}" for name, names in subset.columns]
    return "; ".join(found) or "all"


def choose_subset(subset: object, words: Where) -> Where:
    """Return the subset that was given as a value; raise ColumnsError if words were given, too."""
    given = Where(when=subset) if isinstance(subset, Condition) else subset
    if not isinstance(given, Where):
        raise ColumnsError(f"where: a Where or its words, as channel='web', not {given!r}")
    if words != Where():
        raise ColumnsError("where: either a Where or its words are expected, not both")
    return given
