"""Transitions: pairs of consecutive interactions, read at any level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import (
    Tally,
    add_lengths,
    count_customers,
    tally_cells,
    tally_customers,
)
from journeymap.analysis.measuring.working_time import measure_waits_between
from journeymap.analysis.row_fields import Count, Error, Key, N, Seconds, Share
from journeymap.analysis.table.coding import rank_names
from journeymap.analysis.table.part import Ints, Part, Reading, Scope, require_times
from journeymap.model.rules import of_type

__all__ = ["Transition", "Transitions", "TransitionsAnswer"]

START, END = "(start)", "(end)"
_flag = of_type(bool)


@frozen
class Transition:
    """One pair of consecutive elements.

    Attributes:
        source: Where it leads from: a name at the level asked for, or ``(start)``.
        target: Where it leads to: a name, or ``(end)``.
        count: How often it occurred.
        customers: How many customers it came with.
        share: Its share of all that left the source.
        n: How many left the source.
        wait_mean: Mean wait from one interaction to the next, in seconds (None at starts and
            ends).
        wait_median: Median wait, in seconds.
        wait_p90: Wait that nine of ten do not exceed, in seconds.
    """

    source: Key
    target: Key
    count: Count
    customers: Count
    share: Share
    n: N
    wait_mean: Seconds | None
    wait_median: Seconds | None
    wait_p90: Seconds | None


@frozen(eq=False, repr=False)
class TransitionsAnswer(Answer[Transition]):
    """The transitions of a log, the most frequent first.

    Attributes:
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
    """

    Row = Transition
    quantile_error: Error = field(default=0.0, kw_only=True)


@frozen
class Transitions:
    """Count pairs of consecutive interactions of one journey.

    Interactions without a name at the level are passed over. Journeys begin at ``(start)`` and
    end at ``(end)``.

    Attributes:
        by: The level at which interactions are read.
        waits: Whether waits are measured; without, the answer is faster.
        working_time: Whether a wait counts on the calendar of the department whose interaction
            ends it.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["x", "y", "x"],
    ...                       "at": [0, 60, 5]}, Columns(at_unit="s"))
    >>> [t] = [t for t in log.ask(Transitions()) if t.source == "x" and t.target == "y"]
    >>> t.count, t.share, t.wait_mean
    (1, 0.5, 60.0)
    """

    by: str = field(default="touchpoint", validator=of_type(str))
    waits: bool = field(default=True, validator=_flag, kw_only=True)
    working_time: bool = field(default=False, validator=_flag, kw_only=True)

    def measure(self, part: Part) -> Tally:
        """Count pairs, and the customers and waits of each."""
        read = part.read(self.by)
        size = len(read.names)
        codes: Any = read.codes.astype(np.int32 if size**2 < 1 << 31 else np.int64)
        begun, ends = read.offsets[:-1], read.offsets[1:] - 1
        leaving = codes * codes.dtype.type(size)
        leaving[:-1] += codes[1:]
        leaving[ends] = codes[ends] * codes.dtype.type(size)  # no name follows, but the end
        entering = tally_cells(read.names, 2, codes[begun], {"count": None})
        entering.sums["customers"] = entering.sums["count"]
        if not read.part.single:
            found = count_customers(entering, codes[begun], read.customer[begun])
            entering.sums["customers"] = found
        made = entering.merge(tally_customers(read.names, 2, leaving, read.people))
        if self.working_time:
            require_times(part.scope, "Transitions(working_time=True)")
        if not (self.waits and part.scope.timed):
            return made
        inner = np.flatnonzero(~read.last[:-1])
        return add_lengths(
            made, leaving[inner], measure_waits(read, inner, working=self.working_time)
        )

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count"):
            return None
        read = part.read(self.by)
        names = [START, *map(str, read.names[1:])]
        source, target = row["source"], row["target"]
        codes = read.codes.astype(np.int64)
        before = np.where(read.first, 0, np.append(0, codes[:-1])[: len(codes)])
        if source not in names or (target != END and target not in names[1:]):
            return read.customer[:0]
        if target == END:
            found: Ints = read.customer[read.last & (codes == names.index(source))]
            return found
        taken = (codes == names.index(target)) & (before == names.index(source))
        found = read.customer[taken]
        return found

    def merge(self, one: Tally, other: Tally) -> Tally:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: Tally, scope: Scope) -> TransitionsAnswer:
        """Return shares out of each source, and waits where there are two interactions."""
        sources, targets = measured.digits()
        counts = measured.sums["count"]
        totals = np.bincount(sources, counts, minlength=len(measured.names)).astype(np.int64)
        froms = [START, *map(str, measured.names[1:])]
        tos = [END, *map(str, measured.names[1:])]
        order = np.lexsort((rank_names(tos)[targets], rank_names(froms)[sources], -counts))
        columns: dict[str, Any] = {
            "count": counts,
            "customers": measured.sums["customers"],
            "share": counts / totals[sources],
            "n": totals[sources],
            **wait_columns(
                measured, "count", (sources > 0) & (targets > 0), on=self.waits and scope.timed
            ),
        }
        ordered = {
            "source": [froms[code] for code in sources[order].tolist()],
            "target": [tos[code] for code in targets[order].tolist()],
            **{name: column[order] for name, column in columns.items()},
        }
        frame = pl.DataFrame(ordered, schema=TransitionsAnswer.schema(), nan_to_null=True)
        error = 0.0 if measured.spread.exact else BOUND
        return TransitionsAnswer(frame, quantile_error=error)


def measure_waits(read: Reading, before: Ints, *, working: bool) -> Ints:
    """Measure the wait from each of some interactions to the one after it, in microseconds."""
    after = before + 1
    if read.rows is not None:
        before, after = read.rows[before], read.rows[after]
    return measure_waits_between(read.part, before, after, working=working)


def wait_columns(
    measured: Tally, count: str, real: Any, *, on: bool = True, name: str = "wait"
) -> dict[str, Any]:
    """Compute the mean, median and p90 of each cell in seconds, NaN where ``real`` is false."""
    labels = [f"{name}_mean", f"{name}_median", f"{name}_p90"]
    if not on:
        return {label: np.full(len(measured.keys), np.nan) for label in labels}
    found = [
        measured.mean_seconds(count),
        *measured.spread.quantiles(measured.keys, (0.5, 0.9)),
    ]
    return {
        label: np.where(real, column, np.nan) for label, column in zip(labels, found, strict=True)
    }
