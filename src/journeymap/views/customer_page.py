"""One self-contained page about one customer: what is known, where they stand, their journey."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from journeymap.exceptions import require
from journeymap.profile import Customer
from journeymap.views.svg import svg
from journeymap.views.text_fit import shown
from journeymap.views.timeline import timeline_scene
from journeymap.views.tokens import DARK, LIGHT, css_of

__all__ = ["customer_page"]

_HIDDEN = "hidden"


def customer_page(customer: Customer, *, personal: bool = False) -> str:
    """Make a page about one customer, which opens from disk and asks no network.

    Args:
        customer: The view of the customer.
        personal: Whether identities, and traits that are personal, are shown.

    Returns:
        The page as HTML.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    require("views", "jinja2", "markupsafe")
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("journeymap.views"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    picture = svg(timeline_scene(customer), frame=False)
    page: str = environment.get_template("customer.html.jinja").render(
        title=shown(f"Customer {customer.id}"),
        picture=Markup(picture),  # noqa: S704  # the writer of SVG has escaped every text in it
        purpose=shown(customer.purpose or ""),
        light=css_of(LIGHT),
        dark=css_of(DARK),
        withheld=[shown(one) for one in customer.withheld],
        identities=[
            (shown(one.namespace), shown(one.value) if personal else _HIDDEN)
            for one in customer.identities
        ],
        traits=[_trait(customer, one, personal) for one in customer.traits],
        consents=[
            (shown(one.purpose), "given" if one.given else "not given", shown(one.source),
             f"{one.at:%d %b %Y}") for one in customer.consents
        ],
        moments=[
            (shown(one.moment), shown(one.owner or ""), shown(one.action),
             f"{one.due.astimezone(UTC):%d %b %Y, %H:%M} UTC") for one in customer.moments
        ],
        likely=[(shown(one.element), _percent(one.probability)) for one in customer.likely],
    )  # fmt: skip
    return page


def _percent(share: float) -> str:
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _trait(customer: Customer, one: Any, personal: bool) -> tuple[str, str, str, str]:
    hidden = one.name in customer.personal and not personal
    value = _HIDDEN if hidden else shown(str(one.value))
    return shown(one.name), value, shown(one.source), f"{one.at:%d %b %Y}"
