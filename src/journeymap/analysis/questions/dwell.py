"""Dwell: the time from entering an element to leaving it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.element_order import element_order
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import Tally, count_customers, tally_cells
from journeymap.analysis.measuring.working_time import department_codes, measure_working_time
from journeymap.analysis.questions.transitions import wait_columns
from journeymap.analysis.row_fields import Count, Error, Key, N, Seconds
from journeymap.analysis.table.part import Flags, Ints, Part, Reading, Scope, require_times
from journeymap.model.rules import of_type

__all__ = ["Dwell", "DwellAnswer", "DwellRow"]


@frozen
class DwellRow:
    """The stays in one element.

    Attributes:
        element: The element.
        count: How many stays began.
        customers: How many customers had any.
        n: How many stays ended within the log.
        open: How many did not.
        dwell_mean: Mean length of the stays that ended, in seconds.
        dwell_median: Their median, in seconds.
        dwell_p90: Length that nine of ten do not exceed, in seconds.
    """

    element: Key
    count: Count
    customers: Count
    n: N
    open: Count
    dwell_mean: Seconds | None
    dwell_median: Seconds | None
    dwell_p90: Seconds | None


@frozen(eq=False, repr=False)
class DwellAnswer(Answer[DwellRow]):
    """The stays of a log, element by element in the order of the map, unknown ones by name.

    Attributes:
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
    """

    Row = DwellRow
    quantile_error: Error = field(default=0.0, kw_only=True)


def _end_with_durations(read: Reading, fresh: Flags, left: Flags, ends: Ints) -> tuple[Flags, Ints]:
    """End stays with their last interaction, where its duration is known."""
    over = np.append(np.flatnonzero(fresh)[1:], len(fresh)) - 1 if len(fresh) else fresh
    known = read.ends[over] > read.at[over]
    return left | known, np.where(known, read.ends[over], ends)


@frozen
class Dwell:
    """Measure the time from entering an element to leaving it.

    A stay begins with the first of consecutive interactions in one element and ends with the
    first one in another; the time after a journey's last change of element is open. At other
    elements than stages and phases, in which a customer remains until the next one, a stay ends
    when its last interaction does, where the duration of that is known.

    Attributes:
        by: The level at which interactions are read.
        working_time: Whether a stay counts on the calendar of the department that it began with.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x", "x", "y"],
    ...                       "at": [0, 60, 90]}, Columns(at_unit="s"))
    >>> [(s.element, s.dwell_mean, s.open) for s in log.ask(Dwell("touchpoint"))]
    [('x', 90.0, 0), ('y', None, 1)]
    """

    by: str = field(default="stage", validator=of_type(str))
    working_time: bool = field(default=False, validator=of_type(bool), kw_only=True)

    def measure(self, part: Part) -> Tally:
        """Fold consecutive interactions into stays, and time those that end."""
        require_times(part.scope, "Dwell")
        read = part.read(self.by)
        fresh = read.first.copy()
        fresh[1:] |= read.codes[1:] != read.codes[:-1]
        codes, at = read.codes[fresh].astype(np.int64), read.at[fresh]
        first = read.first[fresh]
        left = np.append(~first[1:], False)[: len(first)]
        ends = np.append(at[1:], 0)[: len(at)]
        if self.by not in ("stage", "phase"):
            left, ends = _end_with_durations(read, fresh, left, ends)
        stays = (ends - at)[left]
        if self.working_time:
            rows = np.flatnonzero(fresh)[left]
            rows = rows if read.rows is None else read.rows[rows]
            stays = measure_working_time(part, department_codes(part)[rows], at[left], ends[left])
        lengths = (codes[left], stays)
        made = tally_cells(
            read.names, 1, codes, {"count": None, "left": left.astype(np.int64)}, lengths
        )
        made.sums["customers"] = count_customers(made, codes, read.customer[fresh])
        return made

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count"):
            return None
        read = part.read(self.by)
        mine = np.array([name == row["element"] for name in read.names], dtype=bool)
        found: Ints = read.customer[mine[read.codes]]
        return found

    def merge(self, one: Tally, other: Tally) -> Tally:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: Tally, scope: Scope) -> DwellAnswer:
        """Return means and quantiles over the stays that ended."""
        counts, left = measured.sums["count"], measured.sums["left"]
        columns = {
            "element": [str(measured.names[code]) for code in measured.keys],
            "count": counts,
            "customers": measured.sums["customers"],
            "n": left,
            "open": counts - left,
        }
        columns |= wait_columns(measured, "left", left > 0, name="dwell")
        frame = pl.DataFrame(columns, schema=DwellAnswer.schema(), nan_to_null=True)
        place = element_order(self.by, scope)
        names = frame["element"].to_list()
        frame = frame[sorted(range(len(names)), key=lambda row: place(names[row]))]
        error = 0.0 if measured.spread.exact else BOUND
        return DwellAnswer(frame, quantile_error=error)
