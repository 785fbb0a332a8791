"""The views that come with journeymap, as the registry offers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from journeymap.model.display import paint_with

__all__ = [
    "Registered", "chart_view", "customer_view", "dark_chart_view", "map_view", "report_view",
]  # fmt: skip

# It is not seen, and no tag begins with it: a chart, and the names in it, may go into a script.
_JOINER = "\N{WORD JOINER}"


@frozen
class Registered:
    """A view: what it draws of a subject, as text of a media type."""

    media: str
    draws: Callable[[Any], str]

    def __call__(self, subject: Any) -> str:
        """Draw a subject."""
        return self.draws(subject)


def _map(subject: Any) -> str:
    from journeymap.views.drawing import draw

    return draw(subject)


def _report(subject: Any) -> str:
    from journeymap.views.report import report

    return report(subject)


def _customer(subject: Any) -> str:
    from journeymap.views.customer_page import customer_page

    return customer_page(subject)


def _timeline(subject: Any) -> str:
    from journeymap.views.timeline import draw_customer

    return draw_customer(subject)


def _chart(subject: Any) -> str:
    return _chart_text(subject, dark=False)


def _dark_chart(subject: Any) -> str:
    return _chart_text(subject, dark=True)


def _chart_text(subject: Any, *, dark: bool) -> str:
    from journeymap.views.charts.drawing_charts import draw_chart
    from journeymap.views.tokens import DARK, LIGHT

    text: str = draw_chart(subject, DARK if dark else LIGHT).to_json(indent=None)
    return text.replace("<", f"<{_JOINER}")


chart_view = Registered("application/vnd.vegalite.v6+json", _chart)
"""An answer as a chart, in Vega-Lite."""

dark_chart_view = Registered("application/vnd.vegalite.v6+json", _dark_chart)
"""An answer as a chart for a dark ground."""

map_view = Registered("image/svg+xml", _map)
"""A `JourneyMap` as a picture."""

report_view = Registered("text/html", _report)
"""An `Overview` of a log as a page."""

customer_view = Registered("text/html", _customer)
"""A `Customer` as a page, without personal values."""

paint_with("JourneyMap", _map)
paint_with("Customer", _timeline)
