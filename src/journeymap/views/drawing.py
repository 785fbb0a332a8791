"""A map as a picture of its own."""

from __future__ import annotations

import os

from journeymap.model import JourneyMap
from journeymap.views.loop_picture import loop_scene
from journeymap.views.svg import write_svg

__all__ = ["draw"]


def draw(
    map: JourneyMap,  # noqa: A002
    path: str | os.PathLike[str] | None = None,
) -> str:
    """Draw a map as SVG; needs no extra.

    Args:
        map: The map.
        path: A file to write the picture to as well.

    Returns:
        The picture as SVG.

    >>> from journeymap.model import Stage
    >>> shop = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")])
    >>> draw(shop).startswith("<svg ")
    True
    """
    return write_svg(loop_scene(map), path)
