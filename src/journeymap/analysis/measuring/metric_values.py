"""The values of metrics: sums that merge exactly, and what they give, with an interval."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TypeAlias, assert_never

import numpy as np
from attrs import frozen
from scipy.special import bdtr, stdtrit

from journeymap.analysis.measuring.clustered_shares import Clusters, share_interval
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.intervals import (
    mean_interval,
    nps_interval,
    wilson_interval,
)
from journeymap.analysis.measuring.metric_units import Hits, Lengths, Ratings, Sums, Units
from journeymap.analysis.measuring.quantiles import Spread, spread_lengths
from journeymap.analysis.table.exact_amounts import FRACTION, SCALE, Amounts
from journeymap.analysis.table.part import Flags, Ints
from journeymap.model.scores import lowest_top_answer, summary_of

__all__ = ["Counted", "Rated", "Summed", "Timed", "Value", "Worth", "evaluate", "merge_worth",
           "sum_units"]  # fmt: skip


@frozen
class Value:
    """A number with its interval (None: there is none), over ``n``."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


@frozen
class Counted:
    """Units, and how many of them are hits; and how they are spread over customers."""

    n: int
    hits: int
    clusters: Clusters


@frozen
class Rated:
    """How often each answer was given, in ten-thousandths; the kind of the answers."""

    counts: dict[int, int]
    kind: str
    others: frozenset[str] = frozenset()


@frozen
class Timed:
    """Lengths of time, with their sums."""

    sums: Summed
    spread: Spread


@frozen
class Summed:
    """Numbers: how many, their sum and that of their squares."""

    n: int
    total: int
    squares: int


Worth: TypeAlias = Counted | Rated | Timed | Summed


def sum_units(units: Units, period: Ints, of_period: Ints | None = None) -> dict[int, Worth]:
    """Sum what a metric counts, by the period of each row (and of each unit that is counted)."""
    found: dict[int, Worth] = {}
    periods = period if of_period is None else np.concatenate([period, of_period])
    for number in distinct(periods).tolist():
        mine = period == number
        match units:
            case Hits():
                found[number] = _count(units, mine)
            case Lengths():
                lengths = units.length[mine]
                spread = spread_lengths(np.zeros(len(lengths), dtype=np.int64), lengths)
                found[number] = Timed(_sum(lengths), spread)
            case Ratings():
                values, often = np.unique(units.value[mine], return_counts=True)
                answers = dict(zip(values.tolist(), often.tolist(), strict=True))
                found[number] = Rated(answers, units.kind, units.others)
            case Sums():
                inside = of_period == number if of_period is not None else mine[:0]
                found[number] = _sum_by_unit(units, mine, units.of_unit[inside])
            case _:
                assert_never(units)
    return found


def _count(units: Hits, mine: Flags) -> Counted:
    unit, owner = units.unit[mine], units.owner[mine]
    hits = distinct(unit[units.hit[mine]])
    if units.counts is not None:
        unit, owner = unit[units.counts[mine]], owner[units.counts[mine]]
    counted, first = np.unique(unit, return_index=True)
    hit = np.isin(counted, hits)
    return Counted(len(counted), int(hit.sum()), Clusters.of(owner[first], hit))


def _sum_by_unit(units: Sums, mine: Ints, counted: Ints) -> Summed:
    """Sum by unit; where no units are counted, all of it is one."""
    parts = [units.value[mine]]
    if units.fraction is not None:
        parts.append(units.fraction[mine])
    if not len(units.of_unit):
        whole = _exact(parts[0]) if units.fraction is None else Amounts(parts[0], parts[1]).total()
        return Summed(len(parts[0]), whole, 0)
    people = distinct(counted)
    spots = np.searchsorted(people, units.unit[mine])
    if units.fraction is None:
        sums = np.zeros(len(people), dtype=np.int64)
        np.add.at(sums, spots, parts[0])
        return _sum(sums)
    numbers = Amounts(parts[0], parts[1]).sums_by(spots, len(people)).totals()
    return Summed(len(numbers), sum(numbers), sum(one * one for one in numbers))


def _sum(values: Ints) -> Summed:
    return Summed(len(values), _exact(values), _squares(values))


def _exact(values: Ints) -> int:
    whole = values >> 24
    return (int(whole.sum()) << 24) + int((values - (whole << 24)).sum())


def _squares(values: Ints) -> int:
    """Sum squares exactly: in halves of 25 bits, four thousand at a time."""
    size = np.abs(values)
    if len(size) and int(size.max()) >= 1 << 50:
        return sum(one * one for one in map(int, size.tolist()))
    high, low = size >> 25, size & ((1 << 25) - 1)
    begins = np.arange(0, len(size), 4096)
    if not len(begins):
        return 0
    parts = (high * high, high * low, low * low)
    a, b, c = (sum(map(int, np.add.reduceat(part, begins).tolist())) for part in parts)
    return (a << 50) + (b << 26) + c


def merge_worth(one: Worth, other: Worth) -> Worth:
    """Merge two sums of the same kind."""
    if isinstance(one, Counted) and isinstance(other, Counted):
        return Counted(one.n + other.n, one.hits + other.hits, one.clusters.merge(other.clusters))
    if isinstance(one, Rated) and isinstance(other, Rated):
        answers = {**one.counts, **other.counts}
        for answer in one.counts.keys() & other.counts.keys():
            answers[answer] = one.counts[answer] + other.counts[answer]
        return Rated(answers, one.kind, one.others | other.others)
    if isinstance(one, Timed) and isinstance(other, Timed):
        return Timed(_added(one.sums, other.sums), one.spread.merge(other.spread))
    assert isinstance(one, Summed)  # noqa: S101  # one metric has one kind of sums
    assert isinstance(other, Summed)  # noqa: S101
    return _added(one, other)


def _added(one: Summed, other: Summed) -> Summed:
    return Summed(one.n + other.n, one.total + other.total, one.squares + other.squares)


def evaluate(
    worth: Worth, statistic: str, scales: dict[str, tuple[float, float]]
) -> Value:  # fmt: skip
    """Give the number that sums make, with a 95 % interval.

    Shares have Wilson's (1927), by the spread between customers; means Student's, quantiles that of
    the order statistics (Hahn and Meeker 1991), NPS that of Rocks (2016); a sum has none.
    """
    match worth:
        case Counted():
            if not worth.n:
                return Value(None, 0)
            bounds = share_interval(worth.hits, worth.n, worth.clusters)
            return Value(worth.hits / worth.n, worth.n, *bounds)
        case Rated():
            return _rate(worth, scales)
        case Timed():
            if statistic == "mean" or not worth.sums.n:
                return _mean(worth.sums, 1e6)
            return _quantile(worth, {"median": 0.5, "p90": 0.9}[statistic])
        case Summed():
            if statistic == "total":
                return Value(worth.total / (SCALE * FRACTION), worth.n)
            return _mean(worth, SCALE * FRACTION if statistic == "amount" else 1)
        case _:
            assert_never(worth)


def _mean(sums: Summed, scale: float) -> Value:
    if not sums.n:
        return Value(None, 0)
    mean = sums.total / sums.n / scale
    if sums.n < 2:
        return Value(mean, sums.n)
    spread = Fraction(sums.n * sums.squares - sums.total**2, sums.n * (sums.n - 1))
    if not spread:
        return Value(mean, sums.n)  # all are alike, which says nothing of chance
    half = float(stdtrit(sums.n - 1, 0.975)) * math.sqrt(float(spread / scale**2) / sums.n)
    return Value(mean, sums.n, mean - half, mean + half)


def _quantile(worth: Timed, share: float) -> Value:
    """Give a quantile; its bounds are those order statistics that hold it 19 times out of 20.

    Of a few, there is none on one side or on both.
    """
    n = worth.sums.n
    half = int(4 * math.sqrt(n * share * (1 - share))) + 2
    middle = int(n * share)
    ranks = np.arange(max(0, middle - half), min(n, middle + half) + 1)
    below = bdtr(ranks, n, share)  # the chance that so many or fewer lie below the quantile
    few = ranks[below <= 0.025]
    many = ranks[below >= 0.975]
    rank_low = int(few[-1]) + 1 if len(few) else 0
    rank_high = int(many[0]) + 1 if len(many) else n + 1
    wanted = (
        share,
        *((rank - 1) / max(n - 1, 1) for rank in (max(rank_low, 1), min(rank_high, n))),
    )
    cells = np.zeros(1, dtype=np.int64)
    value, low, high = (float(found[0]) for found in worth.spread.quantiles(cells, wanted))
    return Value(value, n, low if rank_low >= 1 else None, high if rank_high <= n else None)


def _rate(worth: Rated, scales: dict[str, tuple[float, float]]) -> Value:
    values = [answer / SCALE for answer in worth.counts]
    weights = list(worth.counts.values())
    n = sum(weights)
    if not n:
        return Value(None, 0)
    pairs = list(zip(values, weights, strict=True))
    mean = math.fsum(v * w for v, w in pairs) / n
    summary = "mean" if worth.kind.startswith("emotion") else summary_of(worth.kind)
    if summary == "net promoter":
        up, down = sum(w for v, w in pairs if v >= 9), sum(w for v, w in pairs if v <= 6)
        return Value(100 * (up - down) / n, n, *nps_interval(up, down, n))
    if summary == "top boxes":
        least = lowest_top_answer(*scales[worth.kind])
        top = sum(w for v, w in pairs if v >= least)
        return Value(top / n, n, *wilson_interval(top, n))
    scale = scales.get(worth.kind, (-1.0, 1.0))  # an emotion has no other
    return Value(mean, n, *mean_interval(values, weights, scale))
