"""How long customers stay: from entering an element to leaving it."""

from __future__ import annotations

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.element_order import element_places
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import Tally, customers_of, tally
from journeymap.analysis.measuring.working_time import departments_of, working_lengths
from journeymap.analysis.questions.transitions import waits_of
from journeymap.analysis.table.part import Part, Scope

__all__ = ["Dwell", "DwellAnswer", "Stay"]


@frozen
class Stay:
    """The stays in one element.

    ``count`` is how many stays began, ``customers`` how many of them; ``n`` is how many stays
    were left again, over which ``dwell_mean``, ``dwell_median`` and ``dwell_p90`` are taken, in
    seconds; ``open`` stays were not left within the log.
    """

    element: str
    count: int
    customers: int
    n: int
    open: int
    dwell_mean: float | None
    dwell_median: float | None
    dwell_p90: float | None


@frozen(eq=False, repr=False)
class DwellAnswer(Answer[Stay]):
    """The stays of a log, element by element in the order of the map, unknown ones by name.

    ``quantile_error`` bounds how far, relatively, medians and p90 are from exact.
    """

    Row = Stay
    quantile_error: float = field(default=0.0, kw_only=True)


@frozen
class Dwell:
    """Time from entering an element to leaving it, read at ``by``.

    A stay begins with the first of consecutive interactions in one element and ends with the
    first one in another; what lies after a journey's last change of element is open. With
    ``working_time`` a stay counts on the calendar of the department that it began with.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x", "x", "y"],
    ...                       "at": [0, 60, 90]}, Columns(at_unit="s"))
    >>> [(s.element, s.dwell_mean, s.open) for s in log.ask(Dwell("touchpoint"))]
    [('x', 90.0, 0), ('y', None, 1)]
    """

    by: str = "stage"
    working_time: bool = field(default=False, validator=validators.instance_of(bool), kw_only=True)

    def measure(self, part: Part) -> Tally:
        """Fold consecutive interactions into stays, and time those that end."""
        read = part.read(self.by)
        fresh = read.first.copy()
        fresh[1:] |= read.codes[1:] != read.codes[:-1]
        codes, at = read.codes[fresh].astype(np.int64), read.at[fresh]
        first = read.first[fresh]
        left = np.append(~first[1:], False)[: len(first)]
        ends = np.append(at[1:], 0)[: len(at)]
        stays = (ends - at)[left]
        if self.working_time:
            rows = np.flatnonzero(fresh)[left]
            rows = rows if read.rows is None else read.rows[rows]
            stays = working_lengths(part, departments_of(part)[rows], at[left], ends[left])
        lengths = (codes[left], stays)
        made = tally(read.names, 1, codes, {"count": None, "left": left.astype(np.int64)}, lengths)
        made.sums["customers"] = customers_of(made, codes, read.customer[fresh])
        return made

    def merge(self, one: Tally, other: Tally) -> Tally:
        """Add up."""
        return one.merge(other)

    def answer(self, measured: Tally, scope: Scope) -> DwellAnswer:
        """Means and quantiles over the stays that ended."""
        counts, left = measured.sums["count"], measured.sums["left"]
        columns = {
            "element": [str(measured.names[code]) for code in measured.keys],
            "count": counts,
            "customers": measured.sums["customers"],
            "n": left,
            "open": counts - left,
        }
        columns |= waits_of(measured, "left", left > 0, name="dwell")
        frame = pl.DataFrame(columns, schema=DwellAnswer.schema(), nan_to_null=True)
        place = element_places(self.by, scope)
        names = frame["element"].to_list()
        frame = frame[sorted(range(len(names)), key=lambda row: place(names[row]))]
        error = 0.0 if measured.spread.exact else BOUND
        return DwellAnswer(frame, quantile_error=error)
