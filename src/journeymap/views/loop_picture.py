"""The picture of a map: the infinity loop with its stages, and the real flow of customers on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from attrs import evolve, frozen

from journeymap.model import JourneyMap, Move, Phase, Stage
from journeymap.model.durations import span_text
from journeymap.views.flows import COLOURS, Flows, StageFlow, friction_colour
from journeymap.views.lanes_outside import SideLane, SideMove, lay_lanes
from journeymap.views.layers import layer_shapes
from journeymap.views.lemniscate import Curve, Spot, spots
from journeymap.views.scene import Box, Dot, Path, Scene, Shape, Words
from journeymap.views.text_fit import width_of, wrapped
from journeymap.views.tints import Tints, tint_legend

__all__ = ["loop_scene"]

_WIDTH = 1200.0
_CURVE = Curve(600, 352, 366, 276)
_TRACK = 30.0
_NODE = 15.0
_LABEL = 165.0
_BOLD = 1.2
"""How much wider a bold text is than a plain one: names are bold."""
MAX_CHORDS = 6
"""Moves drawn beside the loop, the most frequent: more hide the loop."""
_FRICTION = "Friction: share of moves out of a stage that turn back or fall silent"


@frozen
class _Placed:
    stage: Stage
    number: int
    spot: Spot


@frozen
class _Label:
    x: float
    y: float
    lines: tuple[tuple[str, str, float], ...]  # role, text, size
    anchor: Literal["start", "middle", "end"]

    @property
    def height(self) -> float:
        return sum(size * 1.28 for _, _, size in self.lines)

    @property
    def sides(self) -> tuple[float, float]:
        room = max(
            (
                width_of(text, size) * (_BOLD if role == "name" else 1)
                for role, text, size in self.lines
            ),
            default=0.0,
        )
        shift = {"start": 0.0, "middle": room / 2, "end": room}[self.anchor]
        return self.x - shift, self.x - shift + room


def loop_scene(
    journey: JourneyMap,
    flows: Flows | None = None,
    *,
    standalone: bool = True,
    tints: Tints | None = None,
) -> Scene:
    """Draw a map, with ``flows`` the real customers on it.

    A ``standalone`` picture has a heading above the loop and the five layers below it. With
    ``tints`` moves are coloured by the difference of two subsets, and not by friction.
    """
    placed = _placed(journey)
    shapes: list[Shape] = _tracks(placed, flows, tints)
    lanes = _lanes(journey, placed, flows)
    shapes += _draw_lanes(journey, lanes, flows, tints)
    if flows and placed:
        shapes += _leaks(placed, flows, lanes)
    shapes += _lobes(flows)
    shapes += _nodes(journey, placed, flows)
    labels, highest, lowest = _labels(placed, flows, lanes)
    shapes += labels
    bottom = max(540.0, lowest + 12)
    if flows and tints is None:
        shapes += _legend(bottom)
        bottom += 80
    elif tints is not None:
        shapes += tint_legend(tints, 24, bottom + 10)
        bottom += 84
    if standalone:
        below, bottom = layer_shapes(journey, bottom + 8, _WIDTH)
        shapes += below
    top = min(highest, 190.0) - 14
    if standalone:
        top -= 84
        shapes += _heading(journey, top)
    title = f"{journey.name}: the loop"
    return Scene(_WIDTH, bottom + 16 - top, title, _describe(journey, flows), tuple(shapes), top)


def _placed(journey: JourneyMap) -> list[_Placed]:
    found: list[_Placed] = []
    for phase in ("buy", "own"):
        half = [stage for stage in journey.stages.values() if stage.phase == phase]
        for stage, spot in zip(half, spots(_CURVE, phase, len(half)), strict=True):
            found.append(_Placed(stage, journey.stages.index(stage.id) + 1, spot))
    return found


def _heading(journey: JourneyMap, top: float) -> list[Shape]:
    shapes: list[Shape] = [
        Words(24, top + 40, wrapped(journey.name, 24, 1150 / _BOLD, 1), "name", 24),
    ]
    if journey.description:
        words = wrapped(journey.description, 13, 1150, 1)
        shapes.append(Words(24, top + 64, words, "soft", 13))
    return shapes


def _lobes(flows: Flows | None) -> list[Shape]:
    shapes: list[Shape] = []
    for phase, x in ((Phase.BUY, 386.0), (Phase.OWN, 814.0)):
        shapes.append(Words(x, 348, (phase.customer.upper(),), f"lobe {phase}", 30, "middle"))
        words = [f"the company {phase.enterprise}s"]
        share = (flows.share_buy, flows.share_own)[phase is Phase.OWN] if flows else None
        if share is not None:
            words.append(f"{100 * share:.0f} % of the time")
        if phase is Phase.BUY and flows is not None and flows.recommended is not None:
            words.append(f"{100 * flows.recommended:.0f} % came by recommendation")
        shapes.append(Words(x, 370, tuple(words), "soft halo", 12.5, "middle"))
    return shapes


def _tracks(placed: list[_Placed], flows: Flows | None, tints: Tints | None) -> list[Shape]:
    """Draw the loop itself, and on it each stage's way to the next one."""
    if not placed:
        return [Path(_CURVE.between(0, math.tau), "track", _TRACK)]
    shapes: list[Shape] = [Path(_CURVE.between(0, math.tau), "track", _TRACK)]
    most = max([*flows.moves.values(), 1]) if flows else 1
    ways = list(zip(placed, [*placed[1:], placed[0]], strict=True))
    chevrons: list[Shape] = []
    for one, other in ways:
        start, end = one.spot.angle, other.spot.angle
        if end <= start:
            end += math.tau
        points = _CURVE.between(start, end)
        if flows is None:
            shapes.append(Path(points, one.stage.phase.customer, 5))
        else:
            shapes.append(_flow(one, other, points, flows, most, tints))
        chevrons += _chevron(start, end)
    return shapes + chevrons


def _flow(one: _Placed, other: _Placed, points: tuple[tuple[float, float], ...], flows: Flows,
          most: int, tints: Tints | None) -> Path:  # fmt: skip
    count = flows.moves.get((one.stage.id, other.stage.id), 0)
    own = flows.stages.get(one.stage.id)
    friction = own.friction if own else None
    width = 2 + (_TRACK - 4) * math.sqrt(count / most) if count else 1.0
    tip = f"{one.stage.name} → {other.stage.name}: {count:,} moves"
    if tints is not None:
        what = (one.stage.id, other.stage.id)
        return Path(points, "flow", width, tints.color(what), tip=f"{tip}; {tints.words(what)}")
    if friction is not None:
        tip += (
            f"; {100 * friction:.0f} % of what leaves {one.stage.name} turns back or falls silent"
        )
    return Path(points, "flow", width, friction_colour(friction), tip=tip)


def _chevron(start: float, end: float) -> list[Shape]:
    middle = (start + end) / 2
    (ax, ay), (bx, by) = _CURVE.at(middle - 0.012), _CURVE.at(middle + 0.012)
    length = math.hypot(bx - ax, by - ay) or 1.0
    ux, uy = (bx - ax) / length, (by - ay) / length
    x, y = _CURVE.at(middle)
    size = 5.0
    points = tuple(
        (x - ux * size * back - uy * size * side, y - uy * size * back + ux * size * side)
        for back, side in ((1, -1), (-0.4, 0), (1, 1))
    )
    return [Path(points, "chevron", 2.0)]


def _lanes(journey: JourneyMap, placed: list[_Placed], flows: Flows | None) -> tuple[SideLane, ...]:
    """Lay the moves that skip stages or turn back, the most frequent ones, outside the loop."""
    if flows is None or not placed:
        return ()
    at = {one.stage.id: one.spot.angle for one in placed}
    after = {a.stage.id: b.stage.id for a, b in
             zip(placed, [*placed[1:], placed[0]], strict=True)}  # fmt: skip
    others = [
        (count, source, target)
        for (source, target), count in flows.moves.items()
        if source != target and after[source] != target
    ]
    total = max(sum(flows.moves.values()), 1)
    most = max(flows.moves.values(), default=1)
    moves = []
    for count, source, target in sorted(others, reverse=True)[:MAX_CHORDS]:
        if count / total < 0.005:
            continue
        start, end = at[source], at[target]
        if not _turns_back(journey, source, target) and end < start:
            end += math.tau
        width = 1.2 + 6 * math.sqrt(count / most)
        moves.append(SideMove((source, target), start, end, width))
    return lay_lanes(moves, _TRACK / 2 + 5)


def _turns_back(journey: JourneyMap, source: str, target: str) -> bool:
    return journey.loop.move(source, target) is Move.BACKWARD


def _draw_lanes(
    journey: JourneyMap, lanes: tuple[SideLane, ...], flows: Flows | None, tints: Tints | None
) -> Iterator[Shape]:  # fmt: skip
    """Draw the lanes, each with its arrow."""
    if flows is None:
        return
    for lane in lanes:
        source, target = lane.move.key
        backward = _turns_back(journey, source, target)
        names = [journey.stages[one].name for one in (source, target)]
        tip = f"{' → '.join(names)}: {flows.moves[source, target]:,} moves"
        points = lane.points(_CURVE, _NODE + 4)
        width = lane.move.width
        color = None
        if tints is not None:
            color, tip = tints.color((source, target)), f"{tip}; {tints.words((source, target))}"
        yield Path(points, "back" if backward else "chord", width, color, tip=tip)
        yield _head(points, "back-head" if backward else "chord-head", width, color)


def _outer(lanes: tuple[SideLane, ...], angle: float) -> float:
    """Find how far outside the track lanes reach at an angle of the loop."""
    reach = max((lane.edge for lane in lanes if lane.passes(angle)), default=0.0)
    return max(0.0, reach - _TRACK / 2)


def _head(
    points: tuple[tuple[float, float], ...], role: str, width: float, color: str | None = None
) -> Path:
    (ax, ay), (bx, by) = points[-3], points[-1]
    length = math.hypot(bx - ax, by - ay) or 1.0
    ux, uy = (bx - ax) / length, (by - ay) / length
    size = 5 + width * 0.6
    corners = (
        (bx + ux * size, by + uy * size),
        (bx - uy * size * 0.8, by + ux * size * 0.8),
        (bx + uy * size * 0.8, by - ux * size * 0.8),
    )
    return Path(corners, role, 0.5, color, filled=True)


def _leaks(placed: list[_Placed], flows: Flows, lanes: tuple[SideLane, ...]) -> list[Shape]:
    """Return where customers fall silent: a stroke outward, as wide as their number."""
    most = max([flow.leaks for flow in flows.stages.values()] + [1])
    shapes: list[Shape] = []
    for one in placed:
        flow = flows.stages.get(one.stage.id)
        if flow is None or not flow.leaks:
            continue
        spot = one.spot
        width = 2 + 10 * flow.leaks / most
        reach = 30 + _outer(lanes, spot.angle)
        begin = (spot.x + spot.out_x * _NODE, spot.y + spot.out_y * _NODE)
        end = (spot.x + spot.out_x * reach, spot.y + spot.out_y * reach)
        tip = f"{flow.leaks:,} customers fell silent in {one.stage.name}"
        shapes.append(Path((begin, end), "leak", width, tip=tip))
        shapes.append(_head((begin, begin, end), "leak-head", width))
    return shapes


def _nodes(journey: JourneyMap, placed: list[_Placed], flows: Flows | None) -> list[Shape]:
    shapes: list[Shape] = []
    for one in placed:
        tip = _tip(journey, one.stage, flows.stages.get(one.stage.id) if flows else None)
        shapes.append(
            Dot(one.spot.x, one.spot.y, _NODE, f"node {one.stage.phase.customer}", tip=tip)
        )
        shapes.append(Words(one.spot.x, one.spot.y + 5, (str(one.number),), "number", 14, "middle"))
    return shapes


def _tip(journey: JourneyMap, stage: Stage, flow: StageFlow | None) -> str:
    points = [p for p in journey.touchpoints.values() if p.stage == stage.id]
    lines = [stage.name]
    if stage.customer_does:
        lines.append(f"Customer: {stage.customer_does}")
    if stage.company_does:
        lines.append(f"Company: {stage.company_does}")
    lines.append(f"Touchpoints: {', '.join(p.name for p in points[:12]) or 'none'}")
    if flow:
        lines.append(f"{flow.customers:,} customers, {flow.leaks:,} fell silent here")
    return "\n".join(lines)


def _labels(
    placed: list[_Placed], flows: Flows | None, lanes: tuple[SideLane, ...]
) -> tuple[list[Shape], float, float]:
    """Return names beside the loop, pushed apart where they would overlap."""
    shapes: list[Shape] = []
    highest, lowest = _CURVE.y, 0.0
    for upper in (True, False):
        mine = [one for one in placed if (one.spot.out_y < 0) is upper]
        settled: list[_Label] = []
        for one in sorted(mine, key=lambda one: abs(one.spot.out_y)):
            label = _label(one, flows, lanes, upper=upper)
            settled.append(_clear(label, settled, upper=upper))
            shapes += _leader(one, label, settled[-1], upper=upper)
        for label in settled:
            baseline = label.y
            for role, text, size in label.lines:
                baseline += size * 0.98
                shapes.append(Words(label.x, baseline, (text,), role, size, label.anchor))
                baseline += size * 0.30
            highest, lowest = min(highest, label.y), max(lowest, label.y + label.height)
    return shapes, highest, lowest


def _label(
    one: _Placed, flows: Flows | None, lanes: tuple[SideLane, ...], *, upper: bool
) -> _Label:  # fmt: skip
    spot = one.spot
    beside = abs(spot.out_x) > 0.9  # at the far end of a lobe, where the room is narrow
    room = _LABEL / _BOLD if beside else _LABEL
    lines = [("name", text, 16.0) for text in wrapped(one.stage.name, 16, room, 2)]
    flow = flows.stages.get(one.stage.id) if flows else None
    if flow is not None:
        lines.append(("soft", f"{flow.customers:,} customers", 13.5))
        if flow.stay is not None:
            lines.append(("soft", f"stay {span_text(flow.stay)}", 13.5))
        if flow.leak_share:
            lines.append(("loss", f"{100 * flow.leak_share:.0f} % fall silent", 13.5))
    elif one.stage.customer_does:
        lines += [
            ("soft", text, 12.5) for text in wrapped(one.stage.customer_does, 12.5, _LABEL, 3)
        ]
    reach = (52 if flow is not None and flow.leaks else 26) + _outer(lanes, spot.angle)
    if beside:
        label = _Label(spot.x + spot.out_x * reach, 0, tuple(lines),
                       "start" if spot.out_x > 0 else "end")  # fmt: skip
        top = spot.y - label.height / 2
    else:
        label = _Label(spot.x, 0, tuple(lines), "middle")
        top = spot.y - reach - label.height if upper else spot.y + reach - 4
    left, right = label.sides
    shift = max(12 - left, 0) - max(right - (_WIDTH - 12), 0)
    return _off_track(evolve(label, x=label.x + shift, y=top), lanes, -4 if upper else 4)


def _off_track(label: _Label, lanes: tuple[SideLane, ...], step: float) -> _Label:
    """Move a label outward until neither the loop nor a lane runs through it."""
    left, right = label.sides
    lines = [(_TRACK / 2 + 3, _CURVE.between(0, math.tau))]
    lines += [(lane.move.width / 2 + 4, lane.points(_CURVE, _NODE + 4)) for lane in lanes]
    spots = [
        (near, y) for near, points in lines for x, y in points if left - near < x < right + near
    ]
    while any(label.y - near < y < label.y + label.height + near for near, y in spots):
        label = evolve(label, y=label.y + step)
    return label


def _clear(label: _Label, settled: list[_Label], *, upper: bool) -> _Label:
    left, right = label.sides
    moved = True
    while moved:
        moved = False
        for other in settled:
            a, b = other.sides
            apart = right + 10 < a or b + 10 < left
            over = label.y < other.y + other.height + 4 and other.y < label.y + label.height + 4
            if not apart and over:
                top = other.y - label.height - 6 if upper else other.y + other.height + 6
                label = evolve(label, y=top)
                moved = True
    return label


def _leader(one: _Placed, wanted: _Label, found: _Label, *, upper: bool) -> list[Shape]:
    """Draw a thin line to a label that had to move away from its stage."""
    if abs(found.y - wanted.y) < 8:
        return []
    edge = found.y + found.height if upper else found.y
    start = (one.spot.x + one.spot.out_x * 18, one.spot.y + one.spot.out_y * 18)
    return [Path((start, (found.x, edge)), "leader", 1.2)]


def _legend(top: float) -> list[Shape]:
    """Explain colours, and then lines, in two rows."""
    size = 14.0
    shapes: list[Shape] = [Words(24, top + 18, (_FRICTION,), "soft", size)]
    labels = ("under 5 %", "5–12 %", "12–25 %", "25–45 %", "45 % and more")
    for place, (colour, words) in enumerate(zip(COLOURS, labels, strict=True)):
        x = 24 + place * 128
        shapes.append(Box(x, top + 30, 15, 15, "swatch", colour))
        shapes.append(Words(x + 22, top + 43, (words,), "soft", size))
    notes = (
        (24, "flow", "width: how many move on"),
        (280, "chord", "grey: skipping stages"),
        (520, "back", "dashed: turning back"),
        (750, "leak", "outward: falling silent"),
    )
    for x, role, note in notes:
        points = ((x, top + 63), (x + 28, top + 63))
        paint = COLOURS[0] if role == "flow" else None
        shapes.append(Path(points, role, 6 if role in ("flow", "leak") else 3, paint))
        shapes.append(Words(x + 38, top + 68, (note,), "soft", size))
    return shapes


def _describe(journey: JourneyMap, flows: Flows | None) -> str:
    stages = []
    for stage in journey.stages.values():
        flow = flows.stages.get(stage.id) if flows else None
        extra = ""
        if flow:
            leak = f", {100 * flow.leak_share:.0f} % fall silent" if flow.leak_share else ""
            extra = f" ({flow.customers:,} customers{leak})"
        stages.append(f"{stage.name}{extra}")
    return "The stages round the loop: " + ", ".join(stages) + "."
