"""What a person sees: pictures of maps, and pages about logs."""

from journeymap.views.drawing import draw
from journeymap.views.report import report

__all__ = ["draw", "report"]
