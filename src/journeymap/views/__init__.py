"""Views: pictures of maps and customers, and pages about logs and customers."""

from journeymap.views import registered  # noqa: F401  # by it maps show themselves
from journeymap.views.customer_page import customer_page
from journeymap.views.difference_picture import PictureError, draw_difference
from journeymap.views.drawing import draw
from journeymap.views.flow_picture import draw_flow
from journeymap.views.lanes_picture import draw_lanes
from journeymap.views.plan_picture import draw_plan
from journeymap.views.report import report
from journeymap.views.timeline import draw_customer

__all__ = [
    "PictureError", "customer_page", "draw", "draw_customer", "draw_difference", "draw_flow",
    "draw_lanes", "draw_plan", "report",
]  # fmt: skip
