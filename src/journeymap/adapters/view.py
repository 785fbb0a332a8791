"""The contract of views: draw one text, SVG or HTML, of a map, an answer or a customer.

Names are hostile: a view escapes them, and asks nothing of a network.
``journeymap.testing.check_view`` proves it.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["View"]


class View(Protocol):
    """Draws a subject of its own kind."""

    @property
    def media(self) -> str:
        """The media type of the text: ``image/svg+xml``, ``text/html``, or that of Vega-Lite."""
        ...

    def __call__(self, subject: Any) -> str:
        """Draw a subject."""
        ...
