"""Other journeys than one per customer: per name at a level, or per session."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from attrs import Attribute, evolve, field, frozen

from journeymap.analysis.measuring.working_time import find_waits
from journeymap.analysis.table.part import Ints, Part, require_times
from journeymap.exceptions import ElementError
from journeymap.model.instants import micros_in
from journeymap.model.rules import as_length, of_type

__all__ = ["Per", "Sessions"]


@frozen
class Per:
    """One journey per journey and name at a level, such as one per customer and product.

    Interactions without a name at that level are passed over.
    """

    by: str = field(validator=of_type(str))

    def apply(self, part: Part) -> Part:
        """Split a part."""
        read = part.read(self.by)
        codes = read.codes.astype(np.int64)
        order = _grouped(read.journey, codes)
        journey, code = read.journey[order], codes[order]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (journey[1:] != journey[:-1]) | (code[1:] != code[:-1])
        begins = np.flatnonzero(fresh)
        rows = order if read.rows is None else read.rows[order]
        return part.select_rows(rows, np.append(begins, len(rows)), part.owners[journey[begins]])

    def without_bounds(self) -> Per:
        """Itself: it has no bounds in time."""
        return self


def _gap(instance: object, attribute: Attribute[timedelta], value: object) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        message = "a length of time above zero is expected, such as '30 min'"
        raise ElementError("Sessions", "gap", value, message)


@frozen
class Sessions:
    """Journeys cut where nothing happens for longer than ``gap``."""

    gap: timedelta = field(converter=as_length, validator=_gap)

    def apply(self, part: Part) -> Part:
        """Split a part."""
        require_times(part.scope, "sessions")
        fresh = find_waits(part) > micros_in(self.gap)
        fresh[part.offsets[:-1]] = True
        begins = np.flatnonzero(fresh)
        sessions = np.add.reduceat(fresh, part.offsets[:-1], dtype=np.int64)
        owners = np.repeat(part.owners, sessions)
        return evolve(part, offsets=np.append(begins, len(part)), owners=owners)

    def without_bounds(self) -> Sessions:
        """Itself: it has no bounds in time."""
        return self


def _grouped(journey: Ints, codes: Ints) -> Ints:
    """Sort rows by journey and code, keeping their order: as one packed integer, if it fits."""
    if not len(codes):
        return codes
    parts = [int(column.max()).bit_length() for column in (journey, codes)]
    row = (len(codes) - 1).bit_length()
    if sum(parts) + row > 63:
        return np.lexsort((codes, journey))
    key = ((journey << parts[1]) | codes) << row
    key |= np.arange(len(codes))
    key.sort()
    order: Ints = key & ((1 << row) - 1)
    return order
