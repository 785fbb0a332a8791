"""How a value of the model shows itself where pictures can be shown.

The model draws nothing itself: the views that are installed register their painters here, and are
loaded when a notebook asks for the first picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any

__all__ = ["paint_with", "picture"]

_painters: dict[str, Callable[[Any], str]] = {}


def paint_with(kind: str, painter: Callable[[Any], str]) -> None:
    """Let ``painter`` make the HTML of every value of a class, given by its name."""
    _painters[kind] = painter


def picture(value: object) -> str | None:
    """Make the HTML of a value, or None when no view has registered a painter for it."""
    _load_views()
    painter = _painters.get(type(value).__name__)
    return painter(value) if painter else None


@cache
def _load_views() -> None:
    """Load the views that journeymap comes with; what they need is loaded when they draw."""
    for entry in entry_points(group="journeymap.views"):
        if entry.value.startswith("journeymap.views."):
            entry.load()
