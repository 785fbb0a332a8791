"""Slices: the answers of a page for each segment and period, from which its readers choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
from attrs import frozen

from journeymap.analysis.log import Log
from journeymap.analysis.measuring.periods import Period
from journeymap.analysis.measuring.segments import SegmentSplitter
from journeymap.analysis.questions.breakdown import Breakdown
from journeymap.analysis.questions.funnel import Funnel, FunnelAnswer
from journeymap.analysis.questions.paths import Paths, PathsAnswer
from journeymap.analysis.questions.retention import Retention, RetentionAnswer
from journeymap.analysis.questions.trend import Trend

__all__ = ["Slice", "choose_period", "make_slices"]

MAX_SEGMENTS = 6
"""Segments of which a page holds slices: the largest."""
MAX_PERIODS = 4
_NOT_KNOWN = "(not known)"
"""Periods of which it does: the latest."""
_PERIODS: tuple[tuple[Period, int], ...] = (
    ("year", 5 * 365), ("quarter", 2 * 365), ("month", 120), ("week", 28), ("day", 4),
)  # fmt: skip


@frozen(eq=False)
class Slice:
    """The answers for one segment and period.

    Journeys belong to segments as in `Breakdown`, by their first value, and to the period in which
    they began, as in `Trend`.

    Attributes:
        segment: The segment (None: all of them).
        period: The first day of the period, in ISO 8601 (None: all of the log).
        journeys: How many journeys there are.
        paths: Their first steps.
        funnel: The steps to the purchase (None: the map has none).
        retention: Who came back (None: a period has one cohort only, or it was not asked for).
    """

    segment: str | None
    period: str | None
    journeys: int
    paths: PathsAnswer
    funnel: FunnelAnswer | None
    retention: RetentionAnswer | None = None


def choose_period(first: datetime | None, last: datetime | None) -> Period | None:
    """Choose the length of periods by the length of a log.

    Args:
        first: When it begins (None: it has no times).
        last: When it ends.

    Returns:
        The longest period of which there are several; None for a log too short for that.
    """
    if first is None or last is None:
        return None
    days = (last - first).days
    return next((period for period, least in _PERIODS if days >= least), None)


def make_slices(
    log: Log,
    by: str | None,
    every: Period | None,
    funnel: Funnel | None,
    retention: Retention | None = None,
) -> tuple[Slice, ...]:
    """Ask for the first steps and the funnel of each segment and period, in one pass.

    Args:
        log: The log.
        by: The level of the segments (None: there are none).
        every: The length of a period (None: there are none).
        funnel: The steps to the purchase (None: there are none).
        retention: Who came back, asked of each segment (None: it is not asked).

    Returns:
        All together first; then the periods, the segments, and the periods of each segment.
    """
    smallest = None if by is None else _smallest_shown(log, by)
    asked: list[Any] = [Paths(), *([] if funnel is None else [funnel])]
    ways: list[tuple[bool, bool, Any]] = [(False, False, lambda one: one)]
    if every is not None:
        ways.append((False, True, lambda one: Trend(one, every)))
    if by is not None:
        ways.append((True, False, lambda one: Breakdown(one, by, smallest=smallest)))
        if every is not None:
            ways.append(
                (True, True, lambda one: Breakdown(Trend(one, every), by, smallest=smallest))
            )
    if len(ways) == 1:
        return ()
    cohorts = [] if retention is None else [retention]
    plan = [(segmented, dated, split, [*asked, *([] if dated else cohorts)])
            for segmented, dated, split in ways]  # fmt: skip
    answers = iter(log.ask(*(split(one) for _, _, split, some in plan for one in some)))
    found: dict[tuple[str | None, str | None], list[Any]] = {}
    for segmented, dated, _, some in plan:
        for _ in some:
            for key, answer in _parts(next(answers), segmented, dated):
                found.setdefault(key, []).append(answer)
    made = [
        _slice(key, given, len(asked)) for key, given in found.items() if len(given) >= len(asked)
    ]
    return tuple(_few(made))


def _parts(
    answer: Any, segmented: bool, dated: bool
) -> Iterator[tuple[tuple[str | None, str | None], Any]]:
    """Give the answers of segments and periods, each with its key."""
    by_segment: dict[str | None, Any] = {None: answer}
    if segmented:
        unknown = _NOT_KNOWN
        while unknown in answer.answers:  # a segment has this very name
            unknown += "*"
        by_segment = {unknown if name is None else name: one
                      for name, one in answer.answers.items()}  # fmt: skip
    for segment, one in by_segment.items():
        by_period = one.answers if dated else {None: one}
        for period, inner in by_period.items():
            yield (segment, period), inner


def _smallest_shown(log: Log, by: str) -> int:
    """Count the journeys of the smallest segment that is shown alone."""
    counts: Counter[Any] = Counter()
    for part in log.parts():
        found = SegmentSplitter(by, "first").codes(part)
        journeys = np.bincount(found.codes, minlength=len(found.keys)).tolist()
        for name, count in zip(found.keys, journeys, strict=False):
            counts[name] += count
    counts.pop(None, None)
    largest = counts.most_common(MAX_SEGMENTS)
    return max(1, largest[-1][1]) if largest else 1


def _slice(key: tuple[str | None, str | None], given: list[Any], known: int) -> Slice:
    paths: PathsAnswer = given[0]
    journeys = sum(row.count for row in paths if row.step == 1)
    funnel = given[1] if known > 1 else None
    return Slice(*key, journeys, paths, funnel, given[known] if len(given) > known else None)


def _few(slices: list[Slice]) -> list[Slice]:
    """Keep the largest segments and the latest periods, and what has any journey."""
    sizes = {one.segment: one.journeys for one in slices if one.period is None and one.segment}
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MAX_SEGMENTS]
    latest = sorted({one.period for one in slices if one.period})[-MAX_PERIODS:]
    return [
        one for one in slices
        if (one.segment is None or one.segment in largest)
        and (one.period is None or one.period in latest) and one.journeys
    ]  # fmt: skip
