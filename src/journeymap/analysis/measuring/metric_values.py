"""The values of metrics: sums that merge exactly, and what they give, with an interval."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TypeAlias, assert_never

import numpy as np
from attrs import frozen
from scipy.special import bdtr, stdtrit

from journeymap.analysis.measuring.clustered_levels import ClusteredLevels
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters, square_sum, whole_sum
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.intervals import (
    mean_interval,
    nps_interval,
    wilson_bounds,
    wilson_interval,
)
from journeymap.analysis.measuring.metric_units import Hits, Lengths, Ratings, Sums, Units
from journeymap.analysis.measuring.quantiles import Spread, spread_lengths
from journeymap.analysis.table.exact_amounts import FRACTION, SCALE, Amounts
from journeymap.analysis.table.part import Flags, Ints
from journeymap.model.scores import lowest_top_answer, summary_of

__all__ = ["Counted", "Rated", "Summed", "Timed", "Value", "Worth", "add_sums", "evaluate",
           "merge_worth", "sum_units", "sum_values"]  # fmt: skip


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
    """How often each answer was given, in ten-thousandths; the kind of the answers.

    ``points`` are what each answer adds to the number that is made of all.
    """

    counts: dict[int, int]
    kind: str
    points: Summed
    others: frozenset[str] = frozenset()


@frozen
class Timed:
    """Lengths of time, with their sums, and how they are spread over customers."""

    sums: Summed
    spread: Spread
    levels: ClusteredLevels


@frozen
class Summed:
    """Numbers: how many, their sum and that of their squares, and how customers share them."""

    n: int
    total: int
    squares: int
    clusters: Clusters

    @property
    def effect(self) -> float:
        """The design effect of their mean."""
        return self.clusters.effect(self.n, self.total, self.squares)


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
                owner = units.owner[mine]
                found[number] = Timed(sum_values(lengths, owner), spread,
                                      ClusteredLevels.of(owner, lengths))  # fmt: skip
            case Ratings():
                values, often = np.unique(units.value[mine], return_counts=True)
                answers = dict(zip(values.tolist(), often.tolist(), strict=True))
                points = sum_values(units.points[mine], units.owner[mine])
                found[number] = Rated(answers, units.kind, points, units.others)
            case Sums():
                inside = of_period == number if of_period is not None else mine[:0]
                owner = units.owner[inside] if len(units.of_unit) else units.owner[:0]
                found[number] = _sum_by_unit(units, mine, units.of_unit[inside], owner)
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


def _sum_by_unit(units: Sums, mine: Ints, counted: Ints, owner: Ints) -> Summed:
    """Sum by unit; where no units are counted, all of it is one."""
    parts = [units.value[mine]]
    if units.fraction is not None:
        parts.append(units.fraction[mine])
    if not len(units.of_unit):
        plain = units.fraction is None
        whole = whole_sum(parts[0]) if plain else Amounts(parts[0], parts[1]).total()
        return Summed(len(parts[0]), whole, 0, Clusters())
    people, first = np.unique(counted, return_index=True)
    spots = np.searchsorted(people, units.unit[mine])
    if units.fraction is None:
        sums = np.zeros(len(people), dtype=np.int64)
        np.add.at(sums, spots, parts[0])
        return sum_values(sums, owner[first])
    numbers = Amounts(parts[0], parts[1]).sums_by(spots, len(people)).totals()
    return Summed(len(numbers), sum(numbers), sum(one * one for one in numbers),
                  Clusters.of(owner[first], numbers))  # fmt: skip


def sum_values(values: Ints, owner: Ints) -> Summed:
    """Sum whole numbers, each with its customer."""
    return Summed(
        len(values), whole_sum(values), square_sum(values), Clusters.of(owner, values)
    )  # fmt: skip


def merge_worth(one: Worth, other: Worth) -> Worth:
    """Merge two sums of the same kind."""
    if isinstance(one, Counted) and isinstance(other, Counted):
        return Counted(one.n + other.n, one.hits + other.hits, one.clusters.merge(other.clusters))
    if isinstance(one, Rated) and isinstance(other, Rated):
        answers = {**one.counts, **other.counts}
        for answer in one.counts.keys() & other.counts.keys():
            answers[answer] = one.counts[answer] + other.counts[answer]
        points = add_sums(one.points, other.points)
        return Rated(answers, one.kind, points, one.others | other.others)
    if isinstance(one, Timed) and isinstance(other, Timed):
        return Timed(add_sums(one.sums, other.sums), one.spread.merge(other.spread),
                     one.levels.merge(other.levels))  # fmt: skip
    assert isinstance(one, Summed)  # noqa: S101  # one metric has one kind of sums
    assert isinstance(other, Summed)  # noqa: S101
    return add_sums(one, other)


def add_sums(one: Summed, other: Summed) -> Summed:
    """Sum those of two parts."""
    return Summed(one.n + other.n, one.total + other.total, one.squares + other.squares,
                  one.clusters.merge(other.clusters))  # fmt: skip


def evaluate(
    worth: Worth, statistic: str, scales: dict[str, tuple[float, float]]
) -> Value:  # fmt: skip
    """Give the number that sums make, with a 95 % interval.

    Shares have Wilson's (1927), means Student's, quantiles that of the order statistics (Hahn and
    Meeker 1991), NPS that of Rocks (2016), all by the spread between customers: of as many
    independent values as would be as sure (Kish 1965). A sum has none.
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
    effect = sums.effect
    free = sums.n - 1 if effect == 1 else sums.clusters.customers - 1
    half = float(stdtrit(free, 0.975)) * math.sqrt(effect * float(spread / scale**2) / sums.n)
    return Value(mean, sums.n, mean - half, mean + half)


def _quantile(worth: Timed, share: float) -> Value:
    """Give a quantile; its bounds are those order statistics that hold it 19 times out of 20.

    Of a few, there is none on one side or on both.
    """
    count = worth.sums.n
    n = max(1, round(count / worth.levels.effect(count, share)))
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
    return Value(value, count, low if rank_low >= 1 else None, high if rank_high <= n else None)


def _rate(worth: Rated, scales: dict[str, tuple[float, float]]) -> Value:
    values = [answer / SCALE for answer in worth.counts]
    weights = list(worth.counts.values())
    n = sum(weights)
    if not n:
        return Value(None, 0)
    pairs = list(zip(values, weights, strict=True))
    effect = worth.points.effect
    mean = math.fsum(v * w for v, w in pairs) / n
    summary = "mean" if worth.kind.startswith("emotion") else summary_of(worth.kind)
    if summary == "net promoter":
        up, down = sum(w for v, w in pairs if v >= 9), sum(w for v, w in pairs if v <= 6)
        bounds = nps_interval(up / effect, down / effect, n / effect)
        return Value(100 * (up - down) / n, n, *bounds)
    if summary == "top boxes":
        least = lowest_top_answer(*scales[worth.kind])
        top = sum(w for v, w in pairs if v >= least)
        if effect == 1:
            return Value(top / n, n, *wilson_interval(top, n))
        quantile = float(stdtrit(worth.points.clusters.customers - 1, 0.975))
        return Value(top / n, n, *wilson_bounds(top / n, n / effect, quantile))
    scale = scales.get(worth.kind, (-1.0, 1.0))  # an emotion has no other
    return Value(mean, n, *mean_interval(values, [one / effect for one in weights], scale))
