"""Positions of all customers, at the end of the log or at any time before."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.dormancy import find_dormancies, mark_ends
from journeymap.analysis.measuring.last_known import (
    find_last_emotions,
    find_last_names,
    find_stages_reached,
)
from journeymap.analysis.moments_in_time import as_time, check_as_of, last_of
from journeymap.analysis.row_fields import Count, Flag, Instant, Key, Mean, Seconds, Text
from journeymap.analysis.table.part import Flags, Part, Scope, require_times
from journeymap.analysis.where import select_until
from journeymap.model import JourneyMap

__all__ = ["PositionRow", "Positions", "PositionsAnswer"]


@frozen
class PositionRow:
    """The position of one journey.

    Attributes:
        customer: The customer.
        product: The last product named.
        stage: The stage of the last interaction that has one.
        phase: The half of the loop it lies in: ``buy`` or ``own``.
        lap: How often the loop was begun, from 1.
        since: When the stage was last entered (None: it never was, or the log has no times).
        touchpoint: The last touchpoint.
        at: The time of the last interaction (None: the log has no times).
        channel: The last channel known.
        department: The last department known.
        emotion: The last emotion known, after an interaction or during it, from −1 to +1.
        dormant: Whether the customer has been silent for at least as long as the stage allows
            (None: the log has no times).
        silent: For how long the customer has been silent, in seconds (None: the log has no times).
        ended: Whether the last interaction is one with which a journey may end.
        count: How many interactions the journey has.
    """

    customer: Key
    product: Key | None
    stage: Text | None
    phase: Text | None
    lap: Count
    since: Instant | None
    touchpoint: Text
    at: Instant | None
    channel: Text | None
    department: Text | None
    emotion: Mean | None
    dormant: Flag | None
    silent: Seconds | None
    ended: Flag
    count: Count


@frozen(eq=False, repr=False)
class PositionsAnswer(Answer[PositionRow]):
    """One row per journey, in the order of the customers' names."""

    Row = PositionRow

    def notes(self) -> list[str]:
        """Write how many stand in each stage.

        Returns:
            One sentence.
        """
        stages = self.frame["stage"].drop_nulls().value_counts(sort=True).rows()
        counts = ", ".join(f"{count:,} in {name!r}" for name, count in stages[:5])
        asleep = f"; {self.frame['dormant'].sum():,} of {len(self):,} dormant" if self.timed else ""
        return [counts + asleep] if counts else []


@frozen
class Positions:
    """Find where each customer stands, as the tracker does.

    Of ``log.per("product")`` the answer is where each customer's journey with each product stands.

    Attributes:
        as_of: The time (None: the end of the log, or of a view that has one).

    Raises:
        AnswerError: The time has no zone.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": ["a", "a"], "touchpoint": ["x", "y"], "at": [0, 60]},
    ...                      Columns(at_unit="s"))
    >>> [(row.customer, row.touchpoint, row.count) for row in log.ask(Positions())]
    [('a', 'y', 2)]
    """

    as_of: datetime | None = field(default=None, converter=as_time, validator=check_as_of)

    def measure(self, part: Part) -> pl.DataFrame:
        """Find the position of each journey of a part."""
        if self.as_of is not None:
            require_times(part.scope, "Positions(as_of=…)")
            part = select_until(part, last_of(self.as_of))
        last, timed = part.offsets[1:] - 1, part.scope.timed
        position, since, lap = find_stages_reached(part)
        columns: dict[str, pl.Series] = {
            "customer": part.ids,
            "product": find_last_names(part, "product"),
            "stage": position,
            "phase": _phases(part.scope.map, position),
            "lap": pl.Series(lap),
            "since": since,
            "touchpoint": pl.Series(part.names("touchpoint"), dtype=pl.String).gather(
                part.touchpoints[last].astype(np.uint32)
            ),
            "at": pl.Series(part.at[last] if timed else [None] * len(last), dtype=pl.Int64),
            "channel": find_last_names(part, "channel"),
            "department": find_last_names(part, "department"),
            "emotion": find_last_emotions(part),
            "dormant": pl.Series(
                self._dormant(part)[last] if timed else [None] * len(last), dtype=pl.Boolean
            ),
            "silent": pl.Series((self._end(part.scope) - part.at[last]) / 1e6 if timed
                                else [None] * len(last), dtype=pl.Float64),
            "ended": pl.Series(mark_ends(part)[last]),
            "count": pl.Series(np.diff(part.offsets)),
        }  # fmt: skip
        made = pl.DataFrame([column.alias(name) for name, column in columns.items()])
        return made.cast(PositionsAnswer.schema())  # type: ignore[arg-type]

    def merge(self, one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
        """Put the rows together."""
        return pl.concat([one, other])

    def answer(self, measured: pl.DataFrame, scope: Scope) -> PositionsAnswer:
        """Sort the rows by customer and product."""
        return PositionsAnswer(measured.sort("customer", "product", "at", *measured.columns))

    def _end(self, scope: Scope) -> int:
        return scope.seen_until if self.as_of is None else last_of(self.as_of)

    def _dormant(self, part: Part) -> Flags:
        if part.scope.map is None:
            return np.zeros(len(part), dtype=bool)
        until = None
        if self.as_of is not None:
            until = last_of(self.as_of)
        return find_dormancies(part, until)[0]


def _phases(journey: JourneyMap | None, stages: pl.Series) -> pl.Series:
    halves = {s.id: s.phase.customer for s in journey.stages.values()} if journey else {}
    return stages.replace_strict(halves, default=None, return_dtype=pl.String)
