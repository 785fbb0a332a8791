"""The views that come with journeymap, as the registry offers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

__all__ = ["Registered", "customer_view", "map_view", "report_view"]


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


map_view = Registered("image/svg+xml", _map)
"""A `JourneyMap` as a picture."""

report_view = Registered("text/html", _report)
"""An `Overview` of a log as a page."""

customer_view = Registered("text/html", _customer)
"""A `Customer` as a page, without personal values."""
