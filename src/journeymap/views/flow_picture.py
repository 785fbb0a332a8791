"""The flow of journeys step by step: who goes from where to where, others and ends included."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from journeymap.exceptions import ElementError
from journeymap.model import JourneyMap
from journeymap.views.scene import Box, Path, Point, Scene, Shape, Words
from journeymap.views.svg import write_svg
from journeymap.views.text_fit import wrapped
from journeymap.views.tints import Tints, tint_legend
from journeymap.views.wording import name_in_map

if TYPE_CHECKING:
    from journeymap.analysis import PathsAnswer

__all__ = ["draw_flow", "flow_scene"]

OTHERS, END = "(others)", "(end)"
_MARGIN, _TOP, _GAP = 24.0, 118.0, 12.0
_BOX, _BETWEEN, _LOW, _TALL = 156.0, 64.0, 40.0, 430.0
_SEEN = 0.5  # pixels of a band that can be seen
_BOLD = 1.2  # how much wider a bold text is than a plain one
_Node = tuple[int, str]  # the step, and the element at it


@frozen
class _Placed:
    """A node with its box, and how many journeys are at it."""

    name: str
    count: int
    x: float
    y: float
    height: float


@frozen
class _Flow:
    """Journeys at each step, and from node to node; small ones are put together."""

    nodes: Mapping[_Node, int]
    moves: Mapping[tuple[_Node, _Node], int]
    steps: int = field(init=False)

    @steps.default
    def _count_steps(self) -> int:
        return max((step for step, _ in self.nodes), default=0)

    def column(self, step: int) -> list[str]:
        """List the names at a step: the greatest first, others and ends last."""
        names = [name for at, name in self.nodes if at == step]
        return sorted(names, key=lambda name: (name == END, name == OTHERS,
                                               -self.nodes[step, name], name))  # fmt: skip


def flow_scene(
    answer: PathsAnswer,
    journey: JourneyMap | None = None,
    *,
    strongest: int = 6,
    heading: bool = True,
    tints: Tints | None = None,
) -> Scene:
    """Lay out the flow of journeys.

    Args:
        answer: The paths.
        journey: The map, for names and for the half of the loop (None: names as recorded).
        strongest: How many elements are shown at each step; all others are one.
        heading: Whether the picture has a title of its own.
        tints: The differences of two subsets, by which bands are coloured (None: by their half).

    Returns:
        The picture; bands are as thick as journeys are many, and add up at every step; boxes of few
        journeys are higher, so that they can be read.

    Raises:
        ElementError: ``strongest`` is not from 1 up.
    """
    if type(strongest) is not int or strongest < 1:
        message = "a whole number from 1 up is expected"
        raise ElementError("flow_scene", "strongest", strongest, message)
    flow = _gathered(answer, strongest)
    whole = sum(count for (step, _), count in flow.nodes.items() if step == 1)
    width = max(1200.0, 2 * _MARGIN + flow.steps * (_BOX + _BETWEEN) - _BETWEEN)
    placed = _place(flow, whole, width)
    top = 0.0 if heading else 78.0
    shapes: list[Shape] = (
        []
        if not heading
        else [
            Words(_MARGIN, 40, wrapped(_heading(tints), 20, 1100 / _BOLD, 1), "name", 20),
            Words(
                _MARGIN,
                64,
                (f"{whole:,} journeys; bands are as thick as they are many",),
                "soft",
                13,
            ),
        ]
    )
    shapes += [Words(_left(step, flow.steps, width), 100, (f"step {step}",), "soft", 13)
               for step in range(1, flow.steps + 1)]  # fmt: skip
    shapes += _bands(flow, placed, journey, whole, tints)
    for node in placed.values():
        shapes += _box(node, journey, whole)
    bottom = max((node.y + node.height for node in placed.values()), default=_TOP)
    if tints is not None:
        shapes += tint_legend(tints, _MARGIN, bottom + 24)
        bottom += 84
    return Scene(width, bottom + _MARGIN - top, "Flow of journeys", _describe(flow), tuple(shapes),
                 top)  # fmt: skip


def _heading(tints: Tints | None) -> str:
    if tints is None:
        return "The ways that customers take, step by step"
    return f"Where {tints.names[0]} and {tints.names[1]} go different ways, step by step"


def _left(step: int, steps: int, width: float) -> float:
    """Give the left edge of a step's boxes."""
    room = (width - 2 * _MARGIN - _BOX) / max(1, steps - 1)
    return _MARGIN + (step - 1) * room


def _gathered(answer: PathsAnswer, strongest: int) -> _Flow:
    """Count nodes and moves, with the small elements of each step together."""
    rows = [(row.step, row.source, row.target, row.count) for row in answer]
    sizes: dict[_Node, int] = {}
    for step, source, target, count in rows:
        if step == 1:
            sizes[1, source] = sizes.get((1, source), 0) + count
        sizes[step + 1, target] = sizes.get((step + 1, target), 0) + count
    kept: set[_Node] = set()
    for step in {at for at, _ in sizes}:
        names = [name for at, name in sizes if at == step and name != END]
        names.sort(key=lambda name, at=step: (-sizes[at, name], name))  # type: ignore[misc]
        shown = names if len(names) <= strongest + 1 else names[:strongest]
        kept |= {(step, name) for name in [*shown, END]}
    nodes: dict[_Node, int] = {}
    moves: dict[tuple[_Node, _Node], int] = {}
    for (step, name), count in sizes.items():
        node = (step, name) if (step, name) in kept else (step, OTHERS)
        nodes[node] = nodes.get(node, 0) + count
    for step, source, target, count in rows:
        one = (step, source) if (step, source) in kept else (step, OTHERS)
        other = (step + 1, target) if (step + 1, target) in kept else (step + 1, OTHERS)
        moves[one, other] = moves.get((one, other), 0) + count
    return _Flow(nodes, moves)


def _place(flow: _Flow, whole: int, width: float) -> dict[_Node, _Placed]:
    """Give every node its box, as high as its journeys are many."""
    scale = _TALL / max(1, whole)
    found: dict[_Node, _Placed] = {}
    for step in range(1, flow.steps + 1):
        y = _TOP
        for name in flow.column(step):
            count = flow.nodes[step, name]
            height = max(_LOW, count * scale)
            x = _left(step, flow.steps, width)
            found[step, name] = _Placed(name, count, x, y, height)
            y += height + _GAP
    return found


def _bands(
    flow: _Flow,
    placed: dict[_Node, _Placed],
    journey: JourneyMap | None,
    whole: int,
    tints: Tints | None,
) -> list[Shape]:
    """Draw a band for each move, as thick at both ends as its journeys are many."""
    scale = _TALL / max(1, whole)
    order = {node: place for place, node in enumerate(placed)}
    leaving = {node: _first(one, one.count * scale) for node, one in placed.items()}
    coming = dict(leaving)
    shapes: list[Shape] = []
    moves = sorted(flow.moves.items(), key=lambda one: (order[one[0][0]], order[one[0][1]]))
    for (source, target), count in moves:
        thick = count * scale
        start, end = leaving[source], coming[target]
        leaving[source] += thick
        coming[target] += thick
        if thick < _SEEN:
            continue
        one, other = placed[source], placed[target]
        points = _ribbon((one.x + _BOX, start), (other.x, end), thick)
        share = 100 * count / one.count
        names = [name_in_map(journey, node.name) for node in (one, other)]
        tip = f"{' → '.join(names)}: {count:,} journeys, {share:.0f} %"
        role = "rest" if other.name in (OTHERS, END) else _half(one.name, journey)
        if tints is not None:
            what = (str(source[0]), one.name, other.name)
            role, words = tints.side(what), tints.words(what)
            tip = f"{' → '.join(names)}: {words}" if words else tip
        shapes.append(Path(points, f"band {role}", 0.6, filled=True, curved=True, tip=tip))
    return shapes


def _first(node: _Placed, thick: float) -> float:
    """Give where bands begin at a box, in whose middle they lie."""
    return node.y + (node.height - thick) / 2


def _ribbon(start: Point, end: Point, thick: float) -> tuple[Point, ...]:
    """Give the outline of a band that leaves and arrives level."""
    (ax, ay), (bx, by) = start, end
    middle = (ax + bx) / 2
    upper = ((ax, ay), (middle, ay), (middle, by), (bx, by))
    return (*upper, *((x, y + thick) for x, y in reversed(upper)))


def _box(node: _Placed, journey: JourneyMap | None, whole: int) -> list[Shape]:
    share = 100 * node.count / max(1, whole)
    name = {END: "ends here", OTHERS: "others"}.get(node.name) or name_in_map(journey, node.name)
    middle = node.y + node.height / 2
    role = "rest" if node.name in (OTHERS, END) else _half(node.name, journey)
    return [
        Box(node.x, node.y, _BOX, node.height, f"stop {role}", tip=f"{name}: {node.count:,}"),
        Words(node.x + 10, middle - 3, wrapped(name, 13, (_BOX - 20) / _BOLD, 1), "stop-name", 13),
        Words(node.x + 10, middle + 14, (f"{node.count:,} · {share:.0f} %",), "soft", 12),
    ]


def _half(name: str, journey: JourneyMap | None) -> str:
    """Find the half of the loop in which an element lies: buy, unless it is of own."""
    if journey is None:
        return "buy"
    stage = journey.touchpoints[name].stage if name in journey.touchpoints else name
    if stage is None or stage not in journey.stages:
        return "buy"
    return journey.stages[stage].phase.customer


def _describe(flow: _Flow) -> str:
    greatest = sorted(flow.moves.items(), key=lambda one: (-one[1], one[0]))[:8]
    words = [f"step {source[0]}: {source[1]} to {target[1]}, {count:,} journeys"
             for (source, target), count in greatest]  # fmt: skip
    return f"The greatest flows: {'; '.join(words)}." if words else "No journeys."


def draw_flow(
    answer: PathsAnswer,
    map: JourneyMap | None = None,  # noqa: A002
    path: str | os.PathLike[str] | None = None,
    *,
    strongest: int = 6,
) -> str:
    """Draw the flow of journeys as SVG; needs no extra.

    Args:
        answer: The answer to `Paths`.
        map: The map, for names and colours (None: names as recorded).
        path: A file to write the picture to as well.
        strongest: How many elements are shown at each step; all others are one.

    Returns:
        The picture.

    Raises:
        ElementError: ``strongest`` is not from 1 up.

    >>> from journeymap.analysis import Columns, Log, Paths
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["x", "y", "x"],
    ...                       "at": [0, 60, 90]}, Columns(at_unit="s"))
    >>> draw_flow(log.ask(Paths(steps=2))).startswith("<svg ")
    True
    """
    return write_svg(flow_scene(answer, map, strongest=strongest), path)
