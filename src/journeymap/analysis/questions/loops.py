"""The loop as it is walked: laps, time in each half, re-entry, and leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.dormancy import (
    NEVER,
    find_dormancies,
    mark_last,
    stage_codes,
)
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.analysis.measuring.last_known import mark_lap_starts
from journeymap.analysis.measuring.quantiles import Spread, spread_lengths
from journeymap.analysis.measuring.tally import Tally, count_customers, sum_exactly, tally_cells
from journeymap.analysis.row_fields import Bound, Count, Field, Key, N, Seconds, Share
from journeymap.analysis.table.part import Flags, Ints, Part, Scope
from journeymap.exceptions import AnswerError
from journeymap.model.durations import span_text

__all__ = ["Loops", "LoopsAnswer", "StageLeak"]

_BUY, _OWN = 1, 2
LeakBound = Annotated[float, Field("bound", of="leak_share")]


@frozen
class StageLeak:
    """One stage of the loop, and the customers who went dormant in it.

    Attributes:
        element: The stage.
        phase: The half of the loop it lies in: ``buy`` or ``own``.
        count: How often customers entered it.
        customers: How many customers did.
        dormant: How many went dormant there (None: the map has no ``dormant_after``, or the log no
            times).
        returned: How many of those came back later.
        open: How many more may still: their silence was not over when the log ended.
        leak_share: The share of its customers who went dormant there.
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many customers were there.
    """

    element: Key
    phase: Key
    count: Count
    customers: Count
    dormant: Count | None
    returned: Count | None
    open: Count | None
    leak_share: Share | None
    low: LeakBound | None
    high: LeakBound | None
    n: N


@frozen(eq=False, repr=False)
class LoopsAnswer(Answer[StageLeak]):
    """The leaks stage by stage, and the loop as a whole.

    Attributes:
        journeys: How many journeys there are.
        laps: How many laps they walked.
        lap_counts: How many journeys walked how many laps.
        lap_time_mean: Mean time of the laps that the next one ended, in seconds.
        lap_time_median: Their median, in seconds.
        lap_time_p90: Time that nine of ten do not exceed, in seconds.
        lap_time_n: How many laps those are.
        share_buy: The share of the time between interactions that was spent in buy.
        share_own: The share that was spent in own.
        reentry_rate: The share of the journeys in own that came back to buy.
        reentry_n: How many journeys reached own.
        reentry_low: Lower bound of its 95 % interval (Wilson 1927).
        reentry_high: Upper bound of it.
    """

    Row = StageLeak
    journeys: int = field(default=0, kw_only=True)
    laps: int = field(default=0, kw_only=True)
    lap_counts: dict[int, int] = field(factory=dict, kw_only=True)
    lap_time_mean: Seconds | None = field(default=None, kw_only=True)
    lap_time_median: Seconds | None = field(default=None, kw_only=True)
    lap_time_p90: Seconds | None = field(default=None, kw_only=True)
    lap_time_n: int = field(default=0, kw_only=True)
    share_buy: Share | None = field(default=None, kw_only=True)
    share_own: Share | None = field(default=None, kw_only=True)
    reentry_rate: Share | None = field(default=None, kw_only=True)
    reentry_n: int = field(default=0, kw_only=True)
    reentry_low: Bound = field(default=0.0, kw_only=True)
    reentry_high: Bound = field(default=1.0, kw_only=True)

    def notes(self) -> list[str]:
        """Write the loop in two sentences.

        Returns:
            The sentences.
        """
        notes = [f"{self.journeys:,} journeys, {self.laps:,} laps"]
        if self.reentry_rate is not None:
            share = f"{100 * self.reentry_rate:.1f} % of {self.reentry_n:,}"
            notes.append(f"{share} customers who own came back to buy")
        if self.lap_time_median is not None:
            notes.append(f"half of the laps took less than {span_text(self.lap_time_median)}")
        return notes


@frozen(eq=False)
class _Measured:
    stages: Tally
    laps: Counter[int]
    lap_times: Spread
    lap_micros: int
    time: dict[int, int]
    owners: int
    reentered: int
    clusters: Clusters

    def merge(self, other: _Measured) -> _Measured:
        return _Measured(
            self.stages.merge(other.stages),
            self.laps + other.laps,
            self.lap_times.merge(other.lap_times),
            self.lap_micros + other.lap_micros,
            {phase: self.time[phase] + other.time[phase] for phase in self.time},
            self.owners + other.owners,
            self.reentered + other.reentered,
            self.clusters.merge(other.clusters),
        )


@frozen
class Loops:
    """Measure laps, the time of a lap, the halves' shares of time, re-entry and leaks.

    The first lap begins with the first interaction; the next begins when a customer whose
    position lies in own enters a stage in buy. A customer is dormant in a stage after the silence
    that the map allows there, up to the end of the log, or of a view that has one; where many
    silences are still ``open``, the share of those who leak is not yet what it will be. The log
    needs a map.
    """

    def measure(self, part: Part) -> _Measured:
        """Walk the loop with every journey of a part."""
        journey = part.scope.map
        if journey is None and part.scope.interactions:
            raise AnswerError("Loops", "the loop is the map's: read the log with map=…")
        read = part.read("stage")
        codes = read.codes.astype(np.int64)
        phase = np.array(journey.tables.phase if journey else (0,), dtype=np.int64)[codes]
        fresh = (
            np.zeros(len(codes), dtype=bool) if journey is None else mark_lap_starts(read, journey)
        )
        turned = np.bincount(read.journey[fresh], minlength=part.journeys)
        owning = distinct(read.journey[phase == _OWN])
        lengths, gaps = (np.zeros(size, dtype=np.int64) for size in (0, len(codes[1:])))
        if part.scope.timed:
            lengths = _lap_times(part, read.journey[fresh], read.at[fresh])
            gaps = np.where(read.first[1:], 0, read.at[1:] - read.at[:-1])
        numbers, counts = np.unique(turned + 1, return_counts=True)
        return _Measured(
            _stages(part, codes, read.first, read.customer),
            Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True))),
            spread_lengths(np.zeros(len(lengths), dtype=np.int64), lengths),
            sum_exactly(lengths),
            {half: sum_exactly(gaps[phase[:-1] == half]) for half in (_BUY, _OWN)},
            len(owning),
            int((turned > 0).sum()),
            Clusters.of(part.owners[owning], (turned > 0)[owning]),
        )

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        names = part.names("stage")
        code = names.index(row["element"]) if row["element"] in names else -1
        if number in ("customers", "n"):
            read = part.read("stage")
            found: Ints = read.customer[read.codes == code]
            return found
        if number in ("dormant", "open"):
            silent, who = _dormancies(part)[:2] if number == "dormant" else _open(part)
            lost: Ints = who[silent == code]
            return lost
        return None

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum two measurements."""
        return one.merge(other)

    def answer(self, measured: _Measured, scope: Scope) -> LoopsAnswer:
        """Rates, shares and the leaks in the map's order."""
        finished = measured.lap_times.total
        cell = np.zeros(1, dtype=np.int64)
        median, p90 = (float(q[0]) for q in measured.lap_times.quantiles(cell, (0.5, 0.9)))
        spent = sum(measured.time.values())
        low, high = share_interval(measured.reentered, measured.owners, measured.clusters)
        return LoopsAnswer(
            _leaks(measured.stages, scope),
            journeys=measured.laps.total(),
            laps=sum(number * count for number, count in measured.laps.items()),
            lap_counts=dict(sorted(measured.laps.items())),
            lap_time_mean=measured.lap_micros / 1e6 / finished if finished else None,
            lap_time_median=median if finished else None,
            lap_time_p90=p90 if finished else None,
            lap_time_n=finished,
            share_buy=measured.time[_BUY] / spent if spent else None,
            share_own=measured.time[_OWN] / spent if spent else None,
            reentry_rate=measured.reentered / measured.owners if measured.owners else None,
            reentry_n=measured.owners,
            reentry_low=low,
            reentry_high=high,
        )


def _lap_times(part: Part, journeys: Ints, at: Ints) -> Ints:
    """From the start of each lap to the start of the next one in the same journey."""
    before = np.append(-1, journeys[:-1])
    begun = part.at[part.offsets[:-1]][journeys] if len(journeys) else at
    since = np.where(before == journeys, np.append(0, at[:-1]), begun)
    return at - since


def _stages(part: Part, codes: Ints, first: Any, customer: Ints) -> Tally:
    """Return entries, customers and dormancies of each stage."""
    entered = first.copy()
    entered[1:] |= codes[1:] != codes[:-1]
    silent, who, back = _dormancies(part)
    made = tally_cells(part.names("stage"), 1, distinct(codes), {})
    made.sums["count"] = np.bincount(codes[entered], minlength=len(made.names))[made.keys]
    for name, found, people in (
        ("customers", codes, customer),
        ("dormant", silent, who),
        ("returned", silent[back], who[back]),
        ("open", *_open(part)),
    ):
        made.sums[name] = count_customers(made, found, people)
    return made


def _dormancies(part: Part) -> tuple[Ints, Ints, Flags]:
    """Find the stage and the customer of each dormancy, and whether the customer came back."""
    silent, _ = find_dormancies(part)
    return stage_codes(part)[silent], part.customer[silent], ~mark_last(part)[silent]


def _open(part: Part) -> tuple[Ints, Ints]:
    """Find the stage and the customer of each silence that is not over, but of the dormant."""
    silent, limit = find_dormancies(part)
    waits = mark_last(part) & ~silent & (limit != NEVER)
    stages, width = stage_codes(part), len(part.names("stage"))
    cells = part.customer.astype(np.int64) * width + stages
    waits &= ~np.isin(cells, cells[silent])
    return stages[waits], part.customer[waits]


def _leaks(stages: Tally, scope: Scope) -> pl.DataFrame:
    place = {int(key): spot for spot, key in enumerate(stages.keys)}
    limits = scope.map.tables.dormant_after if scope.map else ()
    rows = []
    for code, stage in enumerate(scope.map.stages.values() if scope.map else (), 1):
        spot = place.get(code)
        count, customers, dormant, returned, undecided = (
            0 if spot is None else int(stages.sums[name][spot])
            for name in ("count", "customers", "dormant", "returned", "open")
        )
        known = limits[code] is not None and scope.timed
        low, high = wilson_interval(dormant, customers)
        rows.append(
            {
                "element": stage.id,
                "phase": stage.phase.customer,
                "count": count,
                "customers": customers,
                "dormant": dormant if known else None,
                "returned": returned if known else None,
                "open": undecided if known else None,
                "leak_share": dormant / customers if known and customers else None,
                "low": low if known and customers else None,
                "high": high if known and customers else None,
                "n": customers,
            }
        )
    return pl.DataFrame(rows, schema=LoopsAnswer.schema())
