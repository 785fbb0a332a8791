"""The loop as it is walked: laps, time in each half, re-entry, and where customers leak."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.dormancy import positions, silences
from journeymap.analysis.measuring.intervals import wilson
from journeymap.analysis.measuring.quantiles import Spread, spread_of
from journeymap.analysis.measuring.tally import Tally, customers_of, exact_sum, tally
from journeymap.analysis.questions.positions import lap_starts
from journeymap.analysis.table.part import Ints, Part, Scope
from journeymap.exceptions import AnswerError
from journeymap.model.durations import span_text

__all__ = ["Loops", "LoopsAnswer", "StageLeak"]

_BUY, _OWN = 1, 2


@frozen
class StageLeak:
    """One stage of the loop.

    ``count`` is how often customers entered it and ``customers`` how many did (``n``); of them
    ``dormant`` went silent there for longer than the map allows, ``returned`` of whom came back
    later; ``leak_share`` is dormant out of n, with its 95 % interval ``low`` to ``high``. The
    last four are None when the map does not say when a customer is dormant.
    """

    element: str
    phase: str
    count: int
    customers: int
    dormant: int | None
    returned: int | None
    leak_share: float | None
    low: float | None
    high: float | None
    n: int


@frozen(eq=False, repr=False)
class LoopsAnswer(Answer[StageLeak]):
    """The leaks stage by stage, and the loop as a whole.

    ``journeys`` walked ``laps`` laps in all, ``lap_counts`` says how many walked how many;
    ``lap_time_mean``, ``_median`` and ``_p90`` are seconds over the ``lap_time_n`` laps that the
    next one ended; ``share_buy`` and ``share_own`` split the time between interactions;
    ``reentry_rate`` is the share of journeys that came back from own to buy, out of the
    ``reentry_n`` that reached own, with its interval.
    """

    Row = StageLeak
    journeys: int = field(default=0, kw_only=True)
    laps: int = field(default=0, kw_only=True)
    lap_counts: dict[int, int] = field(factory=dict, kw_only=True)
    lap_time_mean: float | None = field(default=None, kw_only=True)
    lap_time_median: float | None = field(default=None, kw_only=True)
    lap_time_p90: float | None = field(default=None, kw_only=True)
    lap_time_n: int = field(default=0, kw_only=True)
    share_buy: float | None = field(default=None, kw_only=True)
    share_own: float | None = field(default=None, kw_only=True)
    reentry_rate: float | None = field(default=None, kw_only=True)
    reentry_n: int = field(default=0, kw_only=True)
    reentry_low: float = field(default=0.0, kw_only=True)
    reentry_high: float = field(default=1.0, kw_only=True)

    def notes(self) -> list[str]:
        """The loop in two sentences."""
        told = [f"{self.journeys:,} journeys, {self.laps:,} laps"]
        if self.reentry_rate is not None:
            told.append(
                f"{100 * self.reentry_rate:.1f} % of {self.reentry_n:,} owners bought again"
            )
        if self.lap_time_median is not None:
            told.append(f"half of the laps took less than {span_text(self.lap_time_median)}")
        return told


@frozen(eq=False)
class _Walked:
    stages: Tally
    laps: Counter[int]
    lap_times: Spread
    lap_micros: int
    time: dict[int, int]
    owners: int
    reentered: int

    def merge(self, other: _Walked) -> _Walked:
        return _Walked(
            self.stages.merge(other.stages),
            self.laps + other.laps,
            self.lap_times.merge(other.lap_times),
            self.lap_micros + other.lap_micros,
            {phase: self.time[phase] + other.time[phase] for phase in self.time},
            self.owners + other.owners,
            self.reentered + other.reentered,
        )


@frozen
class Loops:
    """Laps, time per lap, the halves' shares of time, re-entry from own to buy, leaks per stage.

    The first lap begins with the first interaction; the next begins when a customer whose
    position lies in own enters a stage in buy. A customer is dormant in a stage after the silence
    that the map allows there, up to the log's last interaction. The log needs a map.
    """

    def measure(self, part: Part) -> _Walked:
        """Walk every journey of a part."""
        journey = part.scope.map
        if journey is None and part.scope.interactions:
            raise AnswerError("Loops", "the loop is the map's: read the log with map=…")
        read = part.read("stage")
        codes = read.codes.astype(np.int64)
        phase = np.array(journey.tables.phase if journey else (0,), dtype=np.int64)[codes]
        fresh = np.zeros(len(codes), dtype=bool) if journey is None else lap_starts(read, journey)
        turned = np.bincount(read.journey[fresh], minlength=part.journeys)
        owning = np.unique(read.journey[phase == _OWN])
        lengths = _lap_times(part, read.journey[fresh], read.at[fresh])
        gaps = np.where(read.first[1:], 0, read.at[1:] - read.at[:-1])
        numbers, counts = np.unique(turned + 1, return_counts=True)
        return _Walked(
            _stages(part, codes, read.first, read.customer),
            Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True))),
            spread_of(np.zeros(len(lengths), dtype=np.int64), lengths),
            exact_sum(lengths),
            {half: exact_sum(gaps[phase[:-1] == half]) for half in (_BUY, _OWN)},
            len(owning),
            int((turned > 0).sum()),
        )

    def merge(self, one: _Walked, other: _Walked) -> _Walked:
        """Add up."""
        return one.merge(other)

    def answer(self, measured: _Walked, scope: Scope) -> LoopsAnswer:
        """Rates, shares and the leaks in the map's order."""
        finished = measured.lap_times.total
        cell = np.zeros(1, dtype=np.int64)
        median, p90 = (float(q[0]) for q in measured.lap_times.quantiles(cell, (0.5, 0.9)))
        spent = sum(measured.time.values())
        low, high = wilson(measured.reentered, measured.owners)
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
    """Entries, customers and dormancies of each stage."""
    entered = first.copy()
    entered[1:] |= codes[1:] != codes[:-1]
    silent, back, who = _dormancies(part)
    made = tally(part.names("stage"), 1, np.unique(codes), {})
    made.sums["count"] = np.bincount(codes[entered], minlength=len(made.names))[made.keys]
    for name, found, people in (
        ("customers", codes, customer),
        ("dormant", silent, who),
        ("returned", silent[back], who[back]),
    ):
        made.sums[name] = customers_of(made, found, people)
    return made


def _dormancies(part: Part) -> tuple[Ints, Any, Ints]:
    """The stage of each silence longer than allowed, whether it ended, and whose it was."""
    silent, _ = silences(part)
    final = np.append(part.first[1:], True)[: len(part)]
    return positions(part)[silent], ~final[silent], part.customer[silent]


def _leaks(stages: Tally, scope: Scope) -> pl.DataFrame:
    place = {int(key): spot for spot, key in enumerate(stages.keys)}
    limits = scope.map.tables.dormant_after if scope.map else ()
    rows = []
    for code, stage in enumerate(scope.map.stages.values() if scope.map else (), 1):
        spot = place.get(code)
        count, customers, dormant, returned = (
            (0, 0, 0, 0)
            if spot is None
            else (
                int(stages.sums[name][spot])
                for name in ("count", "customers", "dormant", "returned")
            )
        )
        known = limits[code] is not None
        low, high = wilson(dormant, customers)
        rows.append(
            {
                "element": stage.id,
                "phase": stage.phase.customer,
                "count": count,
                "customers": customers,
                "dormant": dormant if known else None,
                "returned": returned if known else None,
                "leak_share": dormant / customers if known and customers else None,
                "low": low if known else None,
                "high": high if known else None,
                "n": customers,
            }
        )
    return pl.DataFrame(rows, schema=LoopsAnswer.schema())
