"""Views: pictures of maps and customers, and pages about logs and customers."""

from journeymap.views.customer_page import customer_page
from journeymap.views.drawing import draw
from journeymap.views.flow_picture import draw_flow
from journeymap.views.report import report
from journeymap.views.timeline import draw_customer

__all__ = ["customer_page", "draw", "draw_customer", "draw_flow", "report"]
