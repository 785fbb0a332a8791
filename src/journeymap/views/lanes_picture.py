"""The map as designers draw it, from data: stages across, a lane for each department."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from attrs import field, frozen

from journeymap.model import JourneyMap, Touchpoint
from journeymap.model.conditions import mentions
from journeymap.model.durations import span_text
from journeymap.views.scene import Box, Dot, Path, Point, Scene, Shape, Words
from journeymap.views.svg import write_svg
from journeymap.views.text_fit import wrapped
from journeymap.views.wording import wait_text

if TYPE_CHECKING:
    from journeymap.analysis import Overview

__all__ = ["draw_lanes", "lanes_scene"]

MAX_TOUCHPOINTS = 60
"""Touchpoints of a picture: the most frequent."""
_LEFT, _SLOT, _MARGIN = 150.0, 104.0, 24.0
_ROOM = _SLOT - 10
_HEAD, _STAGE, _MOOD, _LANE, _BAR = 84.0, 58.0, 96.0, 118.0, 62.0
_MIN_RADIUS, _MAX_RADIUS = 5.0, 19.0
_ROUND = 14.0  # the radius of a way's corners
_BOLD = 1.2  # how much wider a bold text is than a plain one


@frozen
class _Point:
    """A touchpoint at its place, with what the log knows of it."""

    touchpoint: Touchpoint
    slot: int
    lane: int
    count: int
    wait: float | None
    mood: tuple[float, float, float] | None
    deviations: int
    cost: str

    @property
    def x(self) -> float:
        return _LEFT + (self.slot + 0.5) * _SLOT


_Bar: TypeAlias = tuple[_Point, float, tuple[str, ...]]  # its touchpoint, its length, its words


@frozen
class _Plan:
    """The places of everything."""

    journey: JourneyMap
    points: tuple[_Point, ...]
    lanes: tuple[str | None, ...]
    hidden: int
    lanes_top: float = field(init=False)
    lanes_end: float = field(init=False)

    @lanes_top.default
    def _place_lanes(self) -> float:
        mood = _MOOD + 22 if any(one.mood for one in self.points) else 0
        return _HEAD + _STAGE + mood

    @lanes_end.default
    def _end_lanes(self) -> float:
        return self.lanes_top + _LANE * len(self.lanes)

    @property
    def right(self) -> float:
        return _LEFT + _SLOT * len(self.points)

    def y(self, point: _Point) -> float:
        return self.lanes_top + _LANE * point.lane + 32


def lanes_scene(overview: Overview) -> Scene:
    """Lay out the map with its touchpoints in lanes.

    Args:
        overview: The answers.

    Returns:
        The picture: stages from left to right, a lane for each department, touchpoints as large as
        they are frequent, the strongest way out of each, the mean emotion above with its 95 %
        interval, and below the mean wait before each touchpoint and where key journeys deviate.
    """
    plan = _planned(overview)
    shapes = [*_heading(overview, plan), *_stages(plan), *_mood(plan), *_lanes(plan),
              *_ways(overview, plan), *_nodes(plan)]  # fmt: skip
    top = plan.lanes_end + 16
    for title, role, values in _rows(plan):
        shapes += _bars(plan, title, role, values, top)
        top += _BAR + 64
    legend, bottom = _moments(plan, top + 6)
    return Scene(max(plan.right, 620.0) + _MARGIN, bottom + 16, f"{overview.map.name}: the lanes",
                 _describe(plan), (*shapes, *legend))  # fmt: skip


def draw_lanes(overview: Overview, path: str | os.PathLike[str] | None = None) -> str:
    """Draw the map as designers do, from data, as SVG.

    Args:
        overview: The answers; see `Overview`.
        path: A file to write the picture to as well.

    Returns:
        The picture; see `docs/charts.md`.

    >>> from journeymap.analysis import Columns, Log, Overview
    >>> log = Log.from_frame({"customer": ["a", "a"], "touchpoint": ["x", "y"], "at": [0, 60]},
    ...                      Columns(at_unit="s"))
    >>> draw_lanes(Overview.of(log)).startswith("<svg ")
    True
    """
    return write_svg(lanes_scene(overview), path)


def _planned(overview: Overview) -> _Plan:
    """Give each touchpoint its slot, by stage and then as in the map, and its lane."""
    journey = overview.map
    counts: dict[str, int] = {}
    waits: dict[str, tuple[float, int]] = {}
    for row in overview.touchpoints:
        if row.source in journey.touchpoints:
            counts[row.source] = counts.get(row.source, 0) + row.count
        if row.wait_mean is not None:
            total, n = waits.get(row.target, (0.0, 0))
            waits[row.target] = (total + row.wait_mean * row.count, n + row.count)
    moods = {row.element: (row.score, row.low or row.score, row.high or row.score)
             for row in overview.satisfaction or () if row.kind == "emotion"}  # fmt: skip
    strayed = _deviations(overview)
    kept = sorted(counts, key=lambda name: (-counts[name], name))[:MAX_TOUCHPOINTS]
    order = {stage: place for place, stage in enumerate(journey.stages)}
    chosen = sorted(
        (one for one in journey.touchpoints.values() if one.id in kept),
        key=lambda one: order.get(one.stage or "", len(order)),
    )
    owners = {one.department for one in chosen}
    lanes: list[str | None] = [name for name in journey.departments if name in owners]
    lanes += [None] if None in owners or not lanes else []
    points = tuple(
        _Point(one, slot, lanes.index(one.department), counts[one.id], _mean(waits.get(one.id)),
               moods.get(one.id), *strayed.get(one.id, (0, "")))
        for slot, one in enumerate(chosen)
    )  # fmt: skip
    return _Plan(journey, points, tuple(lanes), len(counts) - len(chosen))


def _mean(summed: tuple[float, int] | None) -> float | None:
    return None if summed is None or not summed[1] else summed[0] / summed[1]


def _deviations(overview: Overview) -> dict[str, tuple[int, str]]:
    """Count the deviations at each touchpoint, with the value at stake, or else the time lost.

    A customer may be concerned by several of them: the greatest value is the least there is.
    """
    answer = overview.deviations
    sums: dict[str, tuple[int, float, float]] = {}
    for row in answer or ():
        count, value, lost = sums.get(row.element, (0, 0.0, 0.0))
        sums[row.element] = (count + row.count, max(value, row.value_at_stake or 0),
                             lost + (row.time_lost or 0))  # fmt: skip
    made = {}
    for name, (count, value, lost) in sums.items():
        cost = f"≥ {value:,.0f} {answer.currency or ''}" if answer is not None and value else ""
        made[name] = (count, cost or (f"{wait_text(lost)} lost" if lost else ""))
    return made


def _heading(overview: Overview, plan: _Plan) -> list[Shape]:
    words = (f"{overview.interactions:,} interactions of {overview.customers:,} customers; circles "
             "are as large as touchpoints are frequent")  # fmt: skip
    if plan.hidden:
        words += f"; {plan.hidden} less frequent touchpoints are left out"
    room = max(plan.right, 620.0) - 2 * _MARGIN
    return [Words(_MARGIN, 40, wrapped(overview.map.name, 20, room / _BOLD, 1), "name", 20),
            Words(_MARGIN, 62, wrapped(words, 13, room, 1), "soft", 13)]  # fmt: skip


def _stages(plan: _Plan) -> Iterator[Shape]:
    """Draw the heading of each stage over its touchpoints."""
    begin = 0
    for slot, point in enumerate(plan.points):
        stage = point.touchpoint.stage
        last = slot + 1 == len(plan.points) or plan.points[slot + 1].touchpoint.stage != stage
        if not last:
            continue
        x, width = _LEFT + begin * _SLOT, (slot + 1 - begin) * _SLOT
        known = plan.journey.stages[stage] if stage else None
        role = known.phase.customer if known else "rest"
        yield Box(x + 3, _HEAD, width - 6, _STAGE - 10, f"stop {role}")
        lines = wrapped(known.name if known else "in no stage", 12, (width - 22) / _BOLD, 3)
        middle = _HEAD + (_STAGE - 10) / 2 + 4 - 7.5 * (len(lines) - 1)
        yield Words(x + width / 2, middle, lines, "stop-name", 12, "middle")
        begin = slot + 1


def _mood(plan: _Plan) -> Iterator[Shape]:
    """Draw the mean emotion as a curve, with its interval as a band."""
    felt = [(one.x, one.mood) for one in plan.points if one.mood is not None]
    if not felt:
        return
    top = _HEAD + _STAGE + 8

    def y(mood: float) -> float:
        return top + (1 - mood) / 2 * _MOOD

    yield Words(_MARGIN, top + 12, ("Mean emotion",), "soft", 12)
    for height, words in ((1, "+1"), (0, "0"), (-1, "−1")):
        yield Box(_LEFT, y(height), plan.right - _LEFT, 1, "rule")
        yield Words(_LEFT - 8, y(height) + 4, (words,), "soft", 12, "end")
    upper = [(x, y(high)) for x, (_, _, high) in felt]
    lower = [(x, y(low)) for x, (_, low, _) in reversed(felt)]
    if len(felt) > 1:
        yield Path((*upper, *lower), "mood-band", filled=True)
        yield Path(tuple((x, y(mood)) for x, (mood, _, _) in felt), "mood", 2)
    for x, (mood, low, high) in felt:
        tip = f"{mood:+.2f} (95 % interval {low:+.2f} to {high:+.2f})"
        yield Dot(x, y(mood), 3.5, "mood-dot", tip=tip)


def _lanes(plan: _Plan) -> Iterator[Shape]:
    for place, department in enumerate(plan.lanes):
        top = plan.lanes_top + place * _LANE
        yield Box(_MARGIN, top + 2, plan.right - _MARGIN, _LANE - 4, "lane")
        name = "no department" if department is None else plan.journey.departments[department].name
        if department is None and len(plan.lanes) == 1:
            continue
        lines = wrapped(name, 13, (_LEFT - _MARGIN - 20) / _BOLD, 4)
        yield Words(_MARGIN + 10, top + 26, lines, "stop-name", 13)


def _ways(overview: Overview, plan: _Plan) -> Iterator[Shape]:
    """Draw the strongest way out of each touchpoint, to another one."""
    at = {one.touchpoint.id: one for one in plan.points}
    best: dict[str, tuple[int, str]] = {}
    for row in overview.touchpoints:
        if row.source in at and row.target in at and row.source != row.target:
            best[row.source] = max(best.get(row.source, (0, "")), (row.count, row.target))
    most = max((count for count, _ in best.values()), default=1)
    for source, (count, target) in sorted(best.items()):
        one, other = at[source], at[target]
        tip = f"{one.touchpoint.name} → {other.touchpoint.name}: {count:,}"
        width = 1 + 7 * math.sqrt(count / most)
        yield Path(_route(plan, one, other), "way", width, curved=True, tip=tip)


def _route(plan: _Plan, one: _Point, other: _Point) -> tuple[Point, ...]:
    """Lead along a lane, and between two slots to the other lane: there no words stand.

    Each four points are a straight piece, or a round corner.
    """
    start, end = (one.x, plan.y(one)), (other.x, plan.y(other))
    if one.lane == other.lane:
        return (start, start, end, end)
    right = 1 if other.x > one.x else -1
    down = 1 if end[1] > start[1] else -1
    across = other.x - right * _SLOT / 2  # beside the slot of the other one
    corners = ((across, start[1]), (across, end[1]))
    before = (across - right * _ROUND, start[1])
    return (
        start, start, before, before,
        before, corners[0], corners[0], (across, start[1] + down * _ROUND),
        (across, end[1] - down * _ROUND), corners[1], corners[1],
        (across + right * _ROUND, end[1]), (across + right * _ROUND, end[1]),
        (across + right * _ROUND, end[1]), end, end,
    )  # fmt: skip


def _nodes(plan: _Plan) -> Iterator[Shape]:
    most = max((one.count for one in plan.points), default=1)
    numbers = _numbers(plan)
    for one in plan.points:
        y, point = plan.y(one), one.touchpoint
        role = plan.journey.stages[point.stage].phase.customer if point.stage else "rest"
        radius = max(_MIN_RADIUS, _MAX_RADIUS * math.sqrt(one.count / most))
        yield Dot(one.x, y, radius, f"touch {role}", tip=f"{point.name}: {one.count:,}")
        lines = wrapped(point.name, 12, _ROOM / _BOLD, 3)
        yield Words(one.x, y + 36, lines, "stop-name halo", 12, "middle")
        yield Words(one.x, y + 37 + 15 * len(lines), (f"{one.count:,}",), "soft halo", 12, "middle")
        for place, number in enumerate(numbers.get(point.id, ())[:2]):
            yield from _diamond(one.x + 26 - 52 * place, y - 17, str(number))


def _diamond(x: float, y: float, number: str) -> list[Shape]:
    points = ((x, y - 11), (x + 11, y), (x, y + 11), (x - 11, y))
    return [Path(points, "moment", filled=True), Words(x, y + 4, (number,), "in-moment", 12,
                                                       "middle")]  # fmt: skip


def _numbers(plan: _Plan) -> dict[str, list[int]]:
    """Give the numbers of the moments of truth at each touchpoint that their conditions name."""
    found: dict[str, list[int]] = {}
    for number, moment in enumerate(plan.journey.moments.values(), 1):
        for kind, name in mentions(moment.when):
            if kind == "touchpoint":
                found.setdefault(name, []).append(number)
    return {name: sorted(set(numbers)) for name, numbers in found.items()}


def _rows(plan: _Plan) -> Iterator[tuple[str, str, list[_Bar]]]:
    """Give the rows of bars that have any."""
    waits: list[_Bar] = [(one, one.wait, (span_text(one.wait),)) for one in plan.points if one.wait]
    if waits:
        yield "Mean wait before", "wait", waits
    strayed: list[_Bar] = [
        (one, float(one.deviations), (f"{one.deviations:,}", *([one.cost] if one.cost else [])))
        for one in plan.points if one.deviations
    ]  # fmt: skip
    if strayed:
        yield "Deviations of key journeys", "stray", strayed


def _bars(
    plan: _Plan, title: str, role: str, values: list[_Bar], top: float
) -> Iterator[Shape]:  # fmt: skip
    """Draw a row of bars on one scale, each with what it is."""
    most = max(value for _, value, _ in values)
    base = top + 16 + _BAR
    yield Words(_MARGIN, top + 18, wrapped(title, 12, _LEFT - _MARGIN - 8, 3), "soft", 12)
    yield Box(_LEFT, base, plan.right - _LEFT, 1, "rule")
    for point, value, words in values:
        height = max(1.0, _BAR * value / most)
        yield Box(point.x - 11, base - height, 22, height, role)
        lines = tuple(line for one in words for line in wrapped(one, 12, _ROOM, 2))
        yield Words(point.x, base + 16, lines[:3], "soft", 12, "middle")


def _moments(plan: _Plan, top: float) -> tuple[list[Shape], float]:
    """List the moments of truth whose numbers stand at touchpoints."""
    shown = {number for numbers in _numbers(plan).values() for number in numbers}
    shapes: list[Shape] = []
    for number, moment in enumerate(plan.journey.moments.values(), 1):
        if number not in shown:
            continue
        owner = plan.journey.departments[moment.owner].name if moment.owner else ""
        words = ": ".join(one for one in (moment.name, owner, moment.action) if one)
        shapes += _diamond(_MARGIN + 12, top + 8, str(number))
        room = max(plan.right, 620.0) - _MARGIN - 60
        shapes.append(Words(_MARGIN + 32, top + 12, wrapped(words, 12, room, 1), "soft", 12))
        top += 28
    return shapes, top


def _describe(plan: _Plan) -> str:
    named = "; ".join(f"{one.touchpoint.name}, {one.count:,}" for one in plan.points[:40])
    return f"Touchpoints in the order of the stages: {named}." if named else "No touchpoints."
