"""Failing steps: touchpoints that are errors by their name, who meets them, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from attrs import evolve, frozen

from journeymap.analysis.measuring.clustered_shares import find_independent
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.intervals import wilson_bounds
from journeymap.analysis.table.part import Flags, Ints, Part

__all__ = ["FailingStep", "SegmentRate", "find_failing_steps"]

_ERROR = re.compile(
    r"\b(bugs?|errors?|fail(ed|s|ure|ures)?|timed[ -]?out|timeout|crash(ed)?|"
    r"(payment|card|order|transaction|purchase)s? (was |were )?declined)\b"
)
_HEALED = re.compile(r"\b(no|not|without|zero|never|resolved|fixed|solved|cleared|recovered|"
                     r"handled|corrected|debug)\b")  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SURE = 3.5  # standard errors: several levels and values are compared
_MOST = 3
_ENOUGH = 1000  # interactions of a segment that is compared
_MAX_VALUES = 12  # values of a level that is compared
_NEVER = frozenset({"touchpoint", "stage", "phase", "source", "outcome", "department", "process",
                    "referred_by", "score_kind", "currency"})  # fmt: skip


@frozen
class SegmentRate:
    """The interactions of a segment that are an error.

    Attributes:
        segment: The segment.
        rate: Their share of its interactions.
        n: Its interactions.
        size: How many independent interactions would be as sure (Kish 1965): those of one customer
            are alike.
    """

    segment: str
    rate: float
    n: int
    size: float


@frozen
class FailingStep:
    """A touchpoint whose name is that of an error.

    Attributes:
        touchpoint: The touchpoint.
        count: How often customers met it.
        customers: How many customers did.
        share: Their share of all customers.
        level: The level at which segments differ most, beyond chance (None: at none).
        highest: The segment in which it is most frequent.
        lowest: The one in which it is least.
    """

    touchpoint: str
    count: int
    customers: int
    share: float
    level: str | None = None
    highest: SegmentRate | None = None
    lowest: SegmentRate | None = None


def find_failing_steps(part: Part) -> tuple[FailingStep, ...]:
    """Find the errors of a log given as one part; of one whose outcomes are known, none.

    Args:
        part: The log.

    Returns:
        The steps, those that most customers met first; at most three.
    """
    if not len(part) or part.records("outcome"):
        return ()
    names, codes = part.names("touchpoint"), part.codes("touchpoint").astype(np.int64)
    everyone = len(distinct(part.customer))
    found = []
    for code in distinct(codes).tolist():
        name = names[code]
        if name is None or not _is_error(name):
            continue
        rows = np.flatnonzero(codes == code)
        people = len(distinct(part.customer[rows]))
        step = FailingStep(name, len(rows), people, people / everyone)
        found.append(_with_segments(step, part, rows))
    found.sort(key=lambda one: (-one.customers, one.touchpoint))
    return tuple(found[:_MOST])


def _is_error(name: str) -> bool:
    """Check whether a name is that of an error, and not of one that was healed."""
    words = re.sub(r"[_\-./:]+", " ", _CAMEL.sub(" ", name)).lower()
    return bool(_ERROR.search(words)) and not _HEALED.search(words)


def _with_segments(step: FailingStep, part: Part, rows: Ints) -> FailingStep:
    """Add the two segments that differ most beyond chance."""
    for level, rates in _rates(part, rows):
        high = max(rates, key=lambda one: one.rate)
        low = min(rates, key=lambda one: one.rate)
        above = wilson_bounds(high.rate, high.size, _SURE)[0]
        below = wilson_bounds(low.rate, low.size, _SURE)[1]
        known = step.highest.rate - step.lowest.rate if step.highest and step.lowest else 0.0
        if above > below and high.rate - low.rate > known:
            step = evolve(step, level=level, highest=high, lowest=low)
    return step


def _rates(part: Part, rows: Ints) -> Iterator[tuple[str, list[SegmentRate]]]:
    """Give the rates of the segments at each level of few values."""
    hit = np.zeros(len(part), dtype=bool)
    hit[rows] = True
    alike = len(part) / _count_independent(part.customer, hit, 1.0)
    for level in part.recorded_levels:
        if level in _NEVER:
            continue
        names = part.names(level)
        if not 1 < len(names) - 1 <= _MAX_VALUES:
            continue
        codes = part.codes(level).astype(np.int64)
        sizes = np.bincount(codes, minlength=len(names))
        met = np.bincount(codes[rows], minlength=len(names))
        rates = []
        for code in range(1, len(names)):
            if sizes[code] >= _ENOUGH:
                mine, n = codes == code, int(sizes[code])
                size = _count_independent(part.customer[mine], hit[mine], alike)
                rates.append(SegmentRate(str(names[code]), met[code] / n, n, size))
        if len(rates) > 1:
            yield level, rates


def _count_independent(customer: Ints, hit: Flags, alike: float) -> float:
    """Find how many independent interactions would give as sure a rate.

    Where none is an error, those of a customer are as much alike as those of the whole log.
    """
    n, hits, clusters = len(hit), int(hit.sum()), Clusters.of(customer, hit)
    if clusters.customers < 2:
        return 1.0  # a single customer shows nothing of others
    return find_independent(hits, n, clusters) if 0 < hits < n else n / alike
