"""The pictures of the gallery, drawn when the documentation is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journeymap.analysis import (
    Compare,
    Deviations,
    Distribution,
    Drivers,
    EffortAndCost,
    Funnel,
    Handoffs,
    Lifecycle,
    LifetimeValue,
    Log,
    Overview,
    Paths,
    Retention,
    Satisfaction,
    Scorecard,
    Trend,
    Variants,
    Where,
)
from journeymap.profile import Customer
from journeymap.simulation import broadband, broadband_customers, planted_broadband
from journeymap.views import draw_customer, draw_difference, draw_flow, draw_lanes, draw_plan
from journeymap.views.flows import Flows
from journeymap.views.loop_picture import loop_scene
from journeymap.views.svg import svg

__all__ = ["draw_gallery"]

_STEPS = ["site_visited", "order_placed", "parcel_delivered", "first_use"]
_PLAIN: dict[str, Any] = {
    "funnel": Funnel(_STEPS),
    "retention": Retention("order_placed", None, "quarter"),
    "lifecycle": Lifecycle(),
    "trend": Trend(Funnel(["order_placed", "first_use"]), every="month"),
    "handoffs": Handoffs(),
    "distribution": Distribution("wait"),
    "satisfaction": Satisfaction(),
    "variants": Variants("stage", collapse=True),
    "deviations": Deviations(),
    "drivers": Drivers("complaint_made"),
    "compare": Compare(Funnel(_STEPS), Where(product="fibre"), Where(product="dsl")),
    "scorecard": Scorecard(),
}
_PLANTED: dict[str, Any] = {
    "effort": EffortAndCost(),
    "value": LifetimeValue("extra_booked", holdout="180 days"),
}


def draw_gallery(folder: Path) -> None:
    """Draw one chart of each kind into a folder, as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = Log.from_interactions(broadband_customers(2000), map=broadband())
    planted = planted_broadband(1000)
    overview = Overview.of(plain)
    loop = svg(loop_scene(overview.map, Flows.of(overview), standalone=False))
    (folder / "loop.svg").write_text(loop, encoding="utf-8")
    draw_flow(plain.ask(Paths()), plain.map, folder / "flow.svg")
    draw_lanes(overview, folder / "lanes.svg")
    one = draw_customer(Customer.of("customer-00001", plain))
    (folder / "customer.svg").write_text(one, encoding="utf-8")
    draw_plan(plain.ask(Deviations()), overview.map, "onboarding", folder / "plan.svg")
    complained = plain.ask(
        Compare(Handoffs(), Where(contain="complaint_made"), Where(avoid="complaint_made"),
                names=("complained", "never complained"))
    )  # fmt: skip
    draw_difference(complained, overview.map, folder / "difference.svg")
    for log, questions in (
        (plain, _PLAIN),
        (Log.from_interactions(planted, map=planted.map), _PLANTED),
    ):
        for name, question in questions.items():
            log.ask(question).chart().save(folder / f"{name}.svg")
