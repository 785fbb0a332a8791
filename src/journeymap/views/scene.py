"""Scenes: pictures as plain values, shapes with a role, which a writer turns into SVG.

Roles (``track``, ``flow``, ``label`` …) name the meaning of a shape; the writer knows how each role
looks in light and in dark. ``colour`` is set only where colour carries data.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

__all__ = ["Box", "Dot", "Path", "Scene", "Shape", "Words"]

Point: TypeAlias = tuple[float, float]


@frozen
class Path:
    """A line through points, as wide as ``width``; ``filled`` closes it into an area.

    ``curved``: of each four points, the middle two bend the line between the others.
    """

    points: tuple[Point, ...]
    role: str
    width: float = 1.0
    colour: str | None = None
    filled: bool = False
    curved: bool = False
    tip: str = ""


@frozen
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    role: str
    colour: str | None = None
    tip: str = ""


@frozen
class Box:
    """A rectangle with round corners."""

    x: float
    y: float
    width: float
    height: float
    role: str
    colour: str | None = None
    tip: str = ""


@frozen
class Words:
    """Lines of text, the first one's baseline at ``y``."""

    x: float
    y: float
    lines: tuple[str, ...]
    role: str
    size: float = 12.0
    anchor: Literal["start", "middle", "end"] = "start"
    leading: float = 1.25


Shape: TypeAlias = Path | Dot | Box | Words


@frozen
class Scene:
    """A whole picture, with a title and a description for those who cannot see it.

    It shows what lies between ``top`` and ``top + height``.
    """

    width: float
    height: float
    title: str
    description: str
    shapes: tuple[Shape, ...]
    top: float = 0.0
