"""Subsets of a log as values: which interactions, of which journeys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, evolve, field, frozen, validators

from journeymap.analysis.measuring.part_conditions import mark_matching
from journeymap.analysis.table.part import Flags, Ints, Part, require_times
from journeymap.exceptions import ColumnsError
from journeymap.model import Condition
from journeymap.model.conditions import is_condition
from journeymap.model.instants import micros
from journeymap.model.rules import of_type

__all__ = ["Where", "choose_subset"]

Names = str | Iterable[str] | None
LEVELS = ("touchpoint", "stage", "phase", "channel", "department", "process", "product",
           "outcome", "source")  # fmt: skip


def _several(given: Names) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (given,)  # what is no text either is found wrong by the validator
    return tuple(given)


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


def _column_names(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    for name, names in value:
        if not isinstance(name, str) or not all(isinstance(one, str) for one in names or (None,)):
            message = f"columns: names by column are expected, not {{{name!r}: {names!r}}}"
            raise ColumnsError(message)


def _is_time(instance: Any, attribute: Attribute[Any], value: datetime | None) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        raise ColumnsError(f"{attribute.name}: a datetime is expected, not {value!r}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise ColumnsError(f"{attribute.name}: a time without a zone is a guess; name it")


@frozen(kw_only=True)
class Where:
    """A subset of a log as a value: `log.where` takes it, and `Compare` compares two.

    Journeys are chosen first, then the interactions of these journeys. A name that the log does not
    have matches nothing.

    Attributes:
        since: The earliest time.
        until: The time before which interactions lie.
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
        contain: Elements that a journey must all contain.
        start: Elements of which a journey starts with one.
        end: Elements of which a journey ends with one.
        avoid: Elements of which a journey has none.
        by: The level of these elements.
        when: A condition that must hold of the interaction.

    Raises:
        ColumnsError: A field has a value that it may not have.

    >>> Where(channel="web", contain=["order_placed"]).channel
    ('web',)
    """

    since: datetime | None = field(default=None, validator=_is_time)
    until: datetime | None = field(default=None, validator=_is_time)
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
    contain: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    start: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    end: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
    avoid: tuple[str, ...] | None = field(default=None, converter=_several, validator=_are_names)
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

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """``since`` and ``until`` in microseconds since 1970."""
        return _maybe_micros(self.since), _maybe_micros(self.until)

    def _interactions(self, part: Part) -> Flags | None:
        keep: Flags | None = None
        asked = [(level, getattr(self, level)) for level in LEVELS]
        for level, wanted in [*asked, *self.columns]:
            if wanted is not None:
                mine = _among(part.names(level), wanted)[part.codes(level)]
                keep = mine if keep is None else keep & mine
        if self.when is not None:
            mine = mark_matching(part, self.when)
            keep = mine if keep is None else keep & mine
        since, until = self.bounds
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
        if (self.contain, self.start, self.end, self.avoid) == (None,) * 4:
            return keep
        keep = np.ones(part.journeys, dtype=bool) if keep is None else keep
        read = part.read(self.by)
        journey = read.journey
        for name in self.contain or ():
            keep &= _having(journey[_among(read.names, (name,))[read.codes]], part)
        if self.avoid is not None:
            keep &= ~_having(journey[_among(read.names, self.avoid)[read.codes]], part)
        if self.start is not None:
            keep &= _having(journey[read.first & _among(read.names, self.start)[read.codes]], part)
        if self.end is not None:
            keep &= _having(journey[read.last & _among(read.names, self.end)[read.codes]], part)
        return keep


def _among(names: tuple[str | None, ...], wanted: Iterable[str]) -> Flags:
    chosen = set(wanted)
    return np.array([name in chosen for name in names], dtype=bool)


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


def _maybe_micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def choose_subset(subset: object, words: Where) -> Where:
    """Return the subset that was given as a value; raise ColumnsError if words were given, too."""
    given = Where(when=subset) if isinstance(subset, Condition) else subset
    if not isinstance(given, Where):
        raise ColumnsError(f"where: a Where or its words, as channel='web', not {given!r}")
    if words != Where():
        raise ColumnsError("where: either a Where or its words are expected, not both")
    return given
