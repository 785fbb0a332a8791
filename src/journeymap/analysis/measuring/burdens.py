"""The burdens of a contact: what makes it hard for the customer, and what it costs the company."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.part_conditions import mark_matching
from journeymap.analysis.measuring.working_time import find_waits, measure_waits_between
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.model import Condition
from journeymap.model.instants import micros_in

__all__ = ["BURDENS", "NO_COST", "Burdens", "find_burdens"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
BURDENS = ("failed", "repeated", "switched", "identified", "waited", "demanded")
"""What makes a contact hard, in the order of `Burdens.marks`."""
NO_COST = np.iinfo(np.int64).min


@frozen(eq=False)
class Burdens:
    """The burdens of each interaction of a part.

    Attributes:
        marks: A column for each of `BURDENS`: the contact failed; the customer was at the same
            touchpoint lately; the channel is another than that of the contact before; the
            customer had to identify themselves again; the wait before was too long; and it only
            exists because something failed or took too long.
        wait: The wait before, in microseconds (−1: there is none).
        cost: The cost, in ten-thousandths (`NO_COST`: not known).
    """

    marks: Flags
    wait: Ints
    cost: Ints


def find_burdens(
    part: Part, failed: Flags, *, lately: timedelta, patience: timedelta,
    failure_demand: Condition | None, identification: Condition | None,
) -> Burdens:  # fmt: skip
    """Find the burdens of each interaction of a part."""
    size = len(part)
    wait = find_waits(part)
    recent = (wait >= 0) & (wait <= micros_in(lately))
    switched = np.zeros(size, dtype=bool)
    if part.knows("channel"):
        channel = part.codes("channel").astype(np.int64)
        before = np.append(0, channel[:-1])[:size]
        switched = recent & (channel > 0) & (before > 0) & (channel != before)
    late = wait > micros_in(patience)
    if failure_demand is None:  # what follows a failure at once
        demanded = recent & np.append(False, failed[:-1])[:size]
    else:
        demanded = mark_matching(part, failure_demand)
    identified = np.zeros(size, dtype=bool)
    if identification is not None:
        identified = _after_the_first(part, mark_matching(part, identification))
    marks = np.column_stack(
        [failed, _repeated(part, micros_in(lately)), switched, identified, late, demanded]
    )
    return Burdens(marks, wait, _costs(part))


def _repeated(part: Part, lately: int) -> Flags:
    """Mark the contacts of customers who were at the same touchpoint lately."""
    order = np.lexsort((np.arange(len(part)), part.touchpoints, part.journey))
    same = np.zeros(len(part), dtype=bool)
    if len(order):
        one, other = order[:-1], order[1:]
        near = measure_waits_between(part, one, other, working=False) <= lately
        alike = part.journey[one] == part.journey[other]
        alike &= part.touchpoints[one] == part.touchpoints[other]
        same[other[near & alike]] = True
    return same


def _after_the_first(part: Part, marked: Flags) -> Flags:
    """Mark all but the first of the marked interactions of each journey."""
    rows = np.flatnonzero(marked)
    journey = part.journey[rows]
    found = np.zeros(len(part), dtype=bool)
    found[rows[1:][journey[1:] == journey[:-1]]] = True
    return found


def _costs(part: Part) -> Ints:
    """Find what each interaction costs: as recorded, or by the map, with the hours it took."""
    recorded = part.number("cost")
    cost = np.full(len(part), NO_COST, dtype=np.int64)
    if recorded is not None:
        cost = np.where(recorded == np.iinfo(recorded.dtype).min, NO_COST, recorded)
    journey = part.scope.map
    if journey is None or not len(part):
        return cost
    by_map = _looked_up(
        part, "touchpoint", {one.id: one.cost for one in journey.touchpoints.values()}
    )
    if part.knows("channel"):
        channel = {one.id: one.cost for one in journey.channels.values()}
        by_map = np.where(np.isnan(by_map), _looked_up(part, "channel", channel), by_map)
    hours = part.number("duration")
    if hours is not None and part.knows("department"):
        rates = {one.id: one.hourly_cost for one in journey.departments.values()}
        took = np.where(hours == np.iinfo(hours.dtype).min, 0, hours) / 10_000 / 3600
        work = _looked_up(part, "department", rates) * took
        worked = ~np.isnan(work) & (hours != np.iinfo(hours.dtype).min)
        by_map = np.where(worked, np.nan_to_num(by_map) + work, by_map)
    scaled = np.rint(np.nan_to_num(by_map) * 10_000).astype(np.int64)
    return np.where((cost == NO_COST) & ~np.isnan(by_map), scaled, cost)


def _looked_up(part: Part, level: str, known: dict[str, float | None]) -> Floats:
    costs = [known.get(str(name)) for name in part.names(level)]
    table = np.array([np.nan if cost is None else cost for cost in costs], dtype=np.float64)
    found: Floats = table[part.codes(level)]
    return found
