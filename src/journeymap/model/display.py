"""How a value of the model shows itself where pictures can be shown.

The model draws nothing itself: a view registers its painter here, and notebooks ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["paint_with", "picture"]

_painters: dict[type, Callable[[Any], str]] = {}


def paint_with(kind: type, painter: Callable[[Any], str]) -> None:
    """Let ``painter`` make the HTML of every value of this type."""
    _painters[kind] = painter


def picture(value: object) -> str | None:
    """Make the HTML of a value, or None when no view has registered a painter for it."""
    painter = _painters.get(type(value))
    return painter(value) if painter else None
