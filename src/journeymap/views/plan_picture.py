"""A key journey's plan, and how customers really went: passed, left out, or done otherwise."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import frozen

from journeymap.exceptions import UnknownName
from journeymap.model import JourneyMap, KeyJourney, Plan
from journeymap.model.durations import span_text
from journeymap.views.scene import Box, Dot, Path, Scene, Shape, Words
from journeymap.views.svg import write_svg
from journeymap.views.text_fit import wrapped
from journeymap.views.wording import name_in_map, wait_text

if TYPE_CHECKING:
    from journeymap.analysis import Deviation, DeviationsAnswer

__all__ = ["draw_plan", "plan_scene"]

_MARGIN, _LEFT, _BOX, _BETWEEN, _HIGH, _TOP = 24.0, 44.0, 148.0, 62.0, 64.0, 172.0
_BOLD = 1.2  # how much wider a bold text is than a plain one
_MOST_OTHERS = 8


@frozen
class _Stop:
    """A step of the plan at its place.

    ``passed`` of the occurrences had it, those of ``missing`` did not; ``strays`` are what else
    was not as planned there.
    """

    name: str
    x: float
    passed: int
    missing: tuple[Deviation, ...]
    strays: tuple[Deviation, ...]


def plan_scene(answer: DeviationsAnswer, map: JourneyMap, journey: str) -> Scene:  # noqa: A002
    """Lay out a key journey's plan, with the real ways over it.

    Args:
        answer: The answer to `Deviations`.
        map: The map.
        journey: The key journey's id.

    Returns:
        The picture: the steps from left to right; the stream is as thick as occurrences had a step,
        and passes over it, in red, as often as it was left out; below each step what was out of
        order, failed or late there; and below all what was done besides.

    Raises:
        UnknownName: The map has no such key journey.
    """
    if journey not in map.key_journeys:
        raise UnknownName("key journey", journey, tuple(map.key_journeys))
    span = map.key_journeys[journey]
    rows = [row for row in answer if row.journey == journey]
    whole = max((row.n for row in rows), default=0) or answer.fitting.get(journey, 0)
    stops = _stops(map, span, rows, answer.passed.get(journey, ()))
    shapes: list[Shape] = [*_heading(answer, span, whole), *_streams(stops, whole)]
    lowest = _TOP + _HIGH
    for stop in stops:
        made, end = _stop(stop, whole, map, answer.currency or "")
        shapes += made
        lowest = max(lowest, end)
    others, bottom = _others(answer, map, span, rows, lowest + 34)
    width = max(2 * _LEFT + len(stops) * (_BOX + _BETWEEN) - _BETWEEN, 820.0)
    return Scene(width, bottom + _MARGIN, f"{span.name}: the plan and what happened",
                 _describe(stops, whole), (*shapes, *others))  # fmt: skip


def draw_plan(
    answer: DeviationsAnswer,
    map: JourneyMap,  # noqa: A002
    journey: str,
    path: str | os.PathLike[str] | None = None,
) -> str:
    """Draw a key journey's plan and what really happened, as SVG.

    Args:
        answer: The answer to `Deviations`.
        map: The map.
        journey: The key journey's id.
        path: A file to write the picture to as well.

    Returns:
        The picture; see `plan_scene`.

    Raises:
        UnknownName: The map has no such key journey.
    """
    return write_svg(plan_scene(answer, map, journey), path)


def _stops(
    journey: JourneyMap, span: KeyJourney, rows: list[Deviation], passed: tuple[int, ...]
) -> list[_Stop]:
    """Put the start, the steps and the end side by side; without steps, the start and the end."""
    plan = Plan.of(span)
    if plan is None:
        names = [name_in_map(journey, name) for name in (span.start, span.end)]
    else:
        names = ["/".join(name_in_map(journey, name) for name in step.touchpoints)
                 for step in plan.steps]  # fmt: skip
    stops = []
    for place, name in enumerate(names, 1):
        mine = [row for row in rows if row.step == place]
        missing = tuple(row for row in mine if row.kind == "missing")
        strays = [row for row in mine if row.kind != "missing"]
        if place == len(names):  # of the whole key journey
            strays += [row for row in rows if row.step is None and row.kind == "late"]
        x = _LEFT + (place - 1) * (_BOX + _BETWEEN)
        ordered = sorted(strays, key=lambda row: -row.count)
        taken = passed[place - 1] if passed else 0
        stops.append(_Stop(name, x, taken, missing, tuple(ordered)))
    return stops


def _heading(answer: DeviationsAnswer, span: KeyJourney, whole: int) -> list[Shape]:
    fitting = answer.fitting.get(span.id, 0)
    share = f" ({100 * fitting / whole:.0f} %)" if whole else ""
    words = f"{whole:,} occurrences are over, or late; {fitting:,}{share} went wholly as planned"
    limit = (
        "" if span.within is None else f"; planned within {span_text(span.within.total_seconds())}"
    )
    return [Words(_MARGIN, 40, wrapped(f"{span.name}: the plan and what happened", 20, 640, 1),
                  "name", 20), Words(_MARGIN, 64, (words + limit,), "soft", 13)]  # fmt: skip


def _streams(stops: list[_Stop], whole: int) -> Iterator[Shape]:
    """Draw the stream through the steps, and the arcs over those left out."""
    middle = _TOP + _HIGH / 2
    for one, other in pairwise(stops):
        thick = 2 + 22 * min(one.passed, other.passed) / max(1, whole)
        yield Path(((one.x + _BOX, middle), (other.x, middle)), "stream", thick)
    for stop in stops:
        if not stop.missing:
            continue
        left, right = stop.x - _BETWEEN / 2, stop.x + _BOX + _BETWEEN / 2
        points = ((left, middle), (left + 6, _TOP - 70), (right - 6, _TOP - 70), (right, middle))
        thick = 1.5 + 12 * (whole - stop.passed) / max(1, whole)
        tip = f"{stop.name} was left out {sum(one.count for one in stop.missing):,} times"
        yield Path(points, "skip", thick, curved=True, tip=tip)


def _stop(stop: _Stop, whole: int, journey: JourneyMap, currency: str) -> tuple[list[Shape], float]:
    """Draw a step, and what happened at it; with the lowest end of it."""
    middle = stop.x + _BOX / 2
    share = f" · {100 * stop.passed / whole:.0f} %" if whole else ""
    shapes: list[Shape] = [
        Box(stop.x, _TOP, _BOX, _HIGH, "stop own", tip=f"{stop.name}: {stop.passed:,}"),
        Words(middle, _TOP + 25, wrapped(stop.name, 13, (_BOX - 16) / _BOLD, 2), "stop-name", 13,
              "middle"),
        Words(middle, _TOP + _HIGH - 6, (f"{stop.passed:,}{share}",), "soft", 12, "middle"),
    ]  # fmt: skip
    if stop.missing:
        words = [f"left out {sum(one.count for one in stop.missing):,} ×"]
        words += _cost(stop.missing, currency)
        top = _TOP - 56 - 15 * (len(words) - 1)
        shapes.append(Words(middle, top, tuple(words), "loss halo", 12, "middle"))
    y = _TOP + _HIGH + 22
    for row in stop.strays[:3]:
        element = "" if row.kind in ("late", "failed") else f": {name_in_map(journey, row.element)}"
        words = [f"{row.kind} {row.count:,} ×{element}", *_cost((row,), currency)]
        lines = tuple(line for one in words for line in wrapped(one, 12, _BOX - 14, 2))
        shapes += [Dot(stop.x + 3, y - 4, 3, "notch"),
                   Words(stop.x + 12, y, lines, "loss", 12)]  # fmt: skip
        y += 15 * len(lines) + 8
    return shapes, y


def _cost(rows: tuple[Deviation, ...], currency: str) -> list[str]:
    """Write what deviations cost: the value at stake, or else the time lost."""
    value = sum(row.value_at_stake or 0.0 for row in rows)
    if value:
        return [f"{value:,.0f} {currency} at stake".replace("  ", " ")]
    lost = sum(row.time_lost or 0.0 for row in rows)
    return [f"{wait_text(lost)} lost"] if lost else []


def _others(
    answer: DeviationsAnswer, journey: JourneyMap, span: KeyJourney, rows: list[Deviation],
    top: float,
) -> tuple[list[Shape], float]:  # fmt: skip
    """List what was done besides the plan, the most frequent first."""
    others = [row for row in rows if row.step is None and row.kind != "late"]
    if not others:
        return [], top
    others.sort(key=lambda row: (-row.count, row.element))
    met = Counter((row.kind, row.element) for row in others)
    most = others[0].count
    more = len(others) - _MOST_OTHERS
    title = "Done besides the plan" + (f"; {more} rarer ones are left out" if more > 0 else "")
    shapes: list[Shape] = [Words(_MARGIN, top, (title,), "stop-name", 13)]
    for row in others[:_MOST_OTHERS]:
        top += 24
        name = name_in_map(journey, row.element) + ("" if row.kind == "ad hoc" else f": {row.kind}")
        if met[row.kind, row.element] > 1 and row.department is not None:  # once for each of them
            name += f" ({row.department})"
        width = 240 * row.count / most
        words = ", ".join([f"{row.count:,} ×", *_cost((row,), answer.currency or "")])
        shapes += [Words(_MARGIN, top, wrapped(name, 12, 246, 1), "soft", 12),
                   Box(_MARGIN + 260, top - 11, max(2.0, width), 14, "stray"),
                   Words(_MARGIN + 270 + width, top, (words,), "soft", 12)]  # fmt: skip
    return shapes, top


def _describe(stops: list[_Stop], whole: int) -> str:
    named = "; ".join(f"{one.name}, {one.passed:,} of {whole:,}" for one in stops)
    return f"The steps and how many occurrences had each: {named}."
