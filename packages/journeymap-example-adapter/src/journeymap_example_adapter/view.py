"""A view: the stages of a map as an HTML list."""

from __future__ import annotations

from html import escape

from journeymap import JourneyMap

__all__ = ["stage_list"]


class StageList:
    """Draws a `JourneyMap` as a list of its stages."""

    media = "text/html"

    def __call__(self, subject: JourneyMap) -> str:
        """Make the list; names are escaped."""
        items = "".join(f"<li>{escape(stage.name)}</li>" for stage in subject.stages.values())
        return f"<ol title='{escape(subject.name, quote=True)}'>{items}</ol>"


stage_list = StageList()
