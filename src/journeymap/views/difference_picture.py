"""Two subsets in one picture: where more of the one or of the other go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import evolve

from journeymap.exceptions import JourneyMapError
from journeymap.model import JourneyMap
from journeymap.views.flow_picture import flow_scene
from journeymap.views.flows import Flows
from journeymap.views.loop_picture import loop_scene
from journeymap.views.scene import Box, Scene, Shape, Words
from journeymap.views.svg import write_svg
from journeymap.views.text_fit import wrapped
from journeymap.views.tints import Tints, tint_legend
from journeymap.views.wording import name_in_map

if TYPE_CHECKING:
    from journeymap.analysis import CompareAnswer

__all__ = ["PictureError", "difference_scene", "draw_difference"]

_CELL, _HIGH, _LEFT, _TOP = 118.0, 46.0, 190.0, 150.0
MAX_ELEMENTS = 14
"""Rows and columns of a matrix: those with most handoffs."""


class PictureError(JourneyMapError):
    """An answer that has no such picture.

    Attributes:
        answer: What kind of answer it is.
        reason: What is expected.
    """

    def __init__(self, answer: str, reason: str) -> None:
        super().__init__(f"{answer}: {reason}")
        self.answer, self.reason = answer, reason


def difference_scene(
    answer: CompareAnswer,
    map: JourneyMap | None = None,  # noqa: A002
    *,
    strongest: int = 6,
) -> Scene:
    """Lay out the difference of two subsets.

    Args:
        answer: The answer to `Compare` of `Paths`, `Handoffs`, or `Transitions` of stages.
        map: The map, for names (None: names as recorded); the loop needs it.
        strongest: How many elements a flow shows at each step.

    Returns:
        The picture of both together, in which only what differs beyond chance is coloured: a
        flow, a matrix, or the loop.

    Raises:
        PictureError: The comparison is of another question, or the loop has no map.
    """
    tints, kind = Tints.of(answer), type(answer.a).__name__
    if kind == "PathsAnswer":
        return flow_scene(_both(answer), map, strongest=strongest, tints=tints)
    if kind == "HandoffsAnswer":
        return _matrix(answer, tints, map)
    if kind != "TransitionsAnswer":
        raise PictureError(kind, "compare Paths, Handoffs, or Transitions of stages")
    stages = set() if map is None else set(map.stages)
    moves = {(row.source, row.target): row.count for row in _both(answer)
             if row.source in stages and row.target in stages}  # fmt: skip
    if map is None or not moves:
        raise PictureError(kind, "the loop needs map=, and Transitions of its stages")
    flows = Flows({}, moves, None, None)
    scene = loop_scene(map, flows, standalone=False, tints=tints)
    words = f"Where {tints.names[0]} and {tints.names[1]} move differently from stage to stage"
    heading = Words(24, scene.top - 22, wrapped(words, 20, 1150 / 1.2, 1), "name", 20)
    return evolve(scene, top=scene.top - 60, height=scene.height + 60,
                  title=words, shapes=(heading, *scene.shapes))  # fmt: skip


def draw_difference(
    answer: CompareAnswer,
    map: JourneyMap | None = None,  # noqa: A002
    path: str | os.PathLike[str] | None = None,
    *,
    strongest: int = 6,
) -> str:
    """Draw the difference of two subsets as SVG; see `difference_scene`.

    Args:
        answer: The answer to `Compare` of `Paths`, `Handoffs`, or `Transitions` of stages.
        map: The map, for names; the loop needs it.
        path: A file to write the picture to as well.
        strongest: How many elements a flow shows at each step.

    Returns:
        The picture.

    Raises:
        PictureError: The comparison is of another question, or the loop has no map.

    >>> from journeymap.analysis import Columns, Compare, Log, Paths, Where
    >>> log = Log.from_frame({"customer": ["a", "a", "b"], "touchpoint": ["x", "y", "x"],
    ...                       "at": [0, 60, 90], "channel": ["web", "web", "app"]},
    ...                      Columns(at_unit="s", channel="channel"))
    >>> answer = log.ask(Compare(Paths(), Where(channel="web"), Where(channel="app")))
    >>> draw_difference(answer).startswith("<svg ")
    True
    """
    return write_svg(difference_scene(answer, map, strongest=strongest), path)


def _both(answer: CompareAnswer) -> Any:
    """Sum the counts of both subsets."""
    import polars as pl

    keys = [name for name in ("step", "source", "target") if name in answer.a.frame.columns]
    frame = pl.concat([answer.a.frame, answer.b.frame], how="vertical_relaxed")
    names = [name for name in frame.columns if name not in keys]
    others = [pl.col(name).sum() if name in ("count", "customers") else pl.col(name).first()
              for name in names]  # fmt: skip
    summed = frame.group_by(keys, maintain_order=True).agg(others).select(frame.columns)
    return type(answer.a)(summed.sort("count", *keys, descending=[True, *([False] * len(keys))]))


def _matrix(answer: CompareAnswer, tints: Tints, journey: JourneyMap | None) -> Scene:
    """Lay out the handoffs as a matrix, with the shares of both subsets in each cell."""
    busy: dict[str, int] = {}
    rows = list(_both(answer))
    for row in rows:
        for name in (row.source, row.target):
            busy[name] = busy.get(name, 0) + row.count
    names = sorted(sorted(busy, key=lambda name: (-busy[name], name))[:MAX_ELEMENTS])
    if journey is not None:
        order = {name: place for place, name in enumerate(journey.departments)}
        names.sort(key=lambda name: order.get(name, len(order)))

    shapes: list[Shape] = [
        Words(24, 40, ("Handoffs: where the shares differ",), "name", 20),
        Words(24, 64, ("From the department on the left to the one on top; each share is of all "
                       "handoffs of the left one",), "soft", 13),
    ]  # fmt: skip
    for place, name in enumerate(names):
        x, y = _LEFT + place * _CELL, _TOP + place * _HIGH
        named = name_in_map(journey, name)
        lines = wrapped(named, 12, (_CELL - 12) / 1.2, 3)
        top = _TOP - 12 - 15 * (len(lines) - 1)
        shapes.append(Words(x + _CELL / 2, top, lines, "stop-name", 12, "middle"))
        beside = wrapped(named, 12, 150 / 1.2, 1)
        shapes.append(Words(_LEFT - 10, y + 28, beside, "stop-name", 12, "end"))
    for row in rows:
        if row.source not in names or row.target not in names:
            continue
        x = _LEFT + names.index(row.target) * _CELL
        y = _TOP + names.index(row.source) * _HIGH
        what = (row.source, row.target)
        one, other = tints.shares.get(what, (0.0, 0.0))
        side = tints.side(what)
        words = f"{100 * one:.0f} % | {100 * other:.0f} %"
        ends = " → ".join(name_in_map(journey, name) for name in what)
        tip = f"{ends}: {tints.words(what)}"
        shapes += [Box(x + 2, y + 2, _CELL - 4, _HIGH - 4, f"differs {side}", tip=tip),
                   Words(x + _CELL / 2, y + 28, (words,), "plain", 13, "middle")]  # fmt: skip
    bottom = _TOP + len(names) * _HIGH + 22
    shapes += tint_legend(tints, 24, bottom)
    width = max(_LEFT + len(names) * _CELL + 24, 720.0)
    return Scene(width, bottom + 84, "Handoffs of two subsets", _describe(tints), tuple(shapes))


def _describe(tints: Tints) -> str:
    found = [f"{' to '.join(what)}: {tints.words(what)}" for what in list(tints.sides)[:20]]
    return "; ".join(found) + "." if found else "Nothing differs beyond chance."
