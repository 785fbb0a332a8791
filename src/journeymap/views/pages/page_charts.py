"""Charts of answers as pictures of a page, for light and for dark grounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from journeymap.exceptions import require
from journeymap.views.text_fit import shown
from journeymap.views.tokens import DARK, LIGHT, Tokens

if TYPE_CHECKING:
    from journeymap.analysis import Overview

__all__ = ["ChartImage", "draw_charts"]


@frozen
class ChartImage:
    """A chart as a picture that carries its own data.

    Attributes:
        title: What it shows.
        light: The address of the picture, which holds all of it.
        dark: The same for dark grounds.
    """

    title: str
    light: str
    dark: str


def draw_charts(overview: Overview, *, people: bool) -> Iterator[ChartImage]:
    """Draw the charts of the answers that have rows.

    Args:
        overview: The answers.
        people: Whether customers are named.

    Yields:
        A picture for each.

    Raises:
        MissingExtra: altair or vl-convert is not installed.
    """
    require("views", "altair", "vl_convert")
    asked = [one for place, one in enumerate(overview.asked)
             if people or place not in overview.naming]  # fmt: skip
    answers = (
        overview.scorecard, overview.funnel, overview.retention, overview.lifecycle,
        overview.key_journeys, overview.deviations, overview.handoffs, overview.satisfaction,
        overview.effort, overview.revenue, overview.dwell, *asked,
    )  # fmt: skip
    for answer in answers:
        if answer is not None and len(answer):
            light, title = _drawn(answer, LIGHT)
            dark, _ = _drawn(answer, DARK)
            yield ChartImage(title, light, dark)


def _drawn(answer: Any, tokens: Tokens) -> tuple[str, str]:
    """Draw a chart; the address that holds it, and its title."""
    import vl_convert

    from journeymap.views.charts.drawing_charts import draw_chart

    chart = draw_chart(answer, tokens)
    picture = vl_convert.vegalite_to_svg(chart.to_json(indent=None))
    heading = getattr(chart.title, "text", chart.title)
    title = heading if isinstance(heading, str) else ""
    if isinstance(heading, list):
        title = " ".join(map(str, heading))
    title = title or type(answer).__name__.removesuffix("Answer")
    return f"data:image/svg+xml,{quote(picture, safe=_PLAIN)}", shown(title)


_PLAIN = " !$&()*+,-./:;=?@[]^_`{|}~'"
"""Signs that stay as they are in the address, where quotes and brackets of tags may not."""
