"""One self-contained page about a log, for executives, departments, analysts and the front line."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from journeymap.exceptions import require
from journeymap.views.findings import findings
from journeymap.views.flows import Flows
from journeymap.views.lanes_picture import lanes_scene
from journeymap.views.layers import LAYERS, layers_of
from journeymap.views.loop_picture import loop_scene
from journeymap.views.pages.analyst_page import (
    answer_tables,
    dwell_table,
    key_journeys_table,
    show_slices,
)
from journeymap.views.pages.department_pages import make_department_pages
from journeymap.views.pages.executive_page import (
    cohorts,
    lifecycle_table,
    losses_table,
    quadrants,
    revenue_table,
    stages_table,
    targets_table,
)
from journeymap.views.pages.figure_cards import make_cards
from journeymap.views.pages.front_line_page import make_front_line_page
from journeymap.views.pages.page_charts import draw_charts
from journeymap.views.pages.page_table import Definitions
from journeymap.views.plan_picture import plan_scene
from journeymap.views.svg import STYLE, svg
from journeymap.views.text_fit import shown
from journeymap.views.tokens import DARK, LIGHT, css_of
from journeymap.views.wording import department_name, keep_together

if TYPE_CHECKING:
    from journeymap.analysis import Overview
    from journeymap.profile import Customer, FrontLine

__all__ = ["report"]

MAX_DEPARTMENTS = 14
"""Rows and columns of the table of handoffs: more are not legible on A4."""
HEAT_LEVELS = 5
"""Shades of the table of handoffs: as many as the template's style sheet has."""
_EXECUTIVE_CARDS, _STEPS = 6, 16


@frozen
class _Cell:
    """A pair of departments in the matrix: what is shown, and how hot it is."""

    text: str
    heat: int


def report(
    overview: Overview,
    *,
    title: str | None = None,
    note: str = "",
    front_line: FrontLine | None = None,
    customers: Sequence[Customer] = (),
    people: bool = False,
    charts: bool = False,
) -> str:
    """Make the report of a log, which opens from disk and asks no network.

    It has a part for each kind of reader. Without script it shows all of them below one another.

    Args:
        overview: The answers that the report shows, all of one log.
        title: The page's title (None: made of the map's name).
        note: Words at the top, for what a reader must know first: for example that data is
            simulated.
        front_line: What is owed to customers now (None: the page has no part about that).
        customers: Views of customers whose journeys are drawn, with ``people`` alone.
        people: Whether the page may name customers.
        charts: Whether the answers are drawn as charts, too.

    Returns:
        The page as HTML.

    Raises:
        MissingExtra: jinja2 is not installed; or what draws charts.
    """
    require("views", "jinja2", "markupsafe")
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(loader=PackageLoader("journeymap.views"), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters["picture"] = Markup  # the writer of SVG has escaped every text in it
    lines = environment.get_template("report.js").render().splitlines()
    script = "\n".join(line for one in lines if (line := one.strip()) and line[:2] != "//")
    departments, hidden = make_department_pages(overview, front_line, people=people)
    page: str = environment.get_template("report.html.jinja").render(
        title=shown(title or overview.map.name),
        note=shown(note),
        departments=departments,
        hidden_departments=hidden,
        charts=list(draw_charts(overview, people=people)) if charts else [],
        drawn=_pictures(overview) if charts else [],
        line=make_front_line_page(overview, front_line, customers, people=people),
        light=css_of(LIGHT),
        dark=css_of(DARK),
        pictures=STYLE.strip(),
        definitions=Definitions(),
        script=script,
        allowed=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **_for_executives(overview, people=people),
        **_for_analysts(overview, people=people),
    )
    return page


def _pictures(overview: Overview) -> list[str]:
    """Draw the lanes, and the plan of each key journey with what happened."""
    scenes = [lanes_scene(overview)]
    if overview.deviations is not None:
        scenes += [plan_scene(overview.deviations, overview.map, journey)
                   for journey in overview.map.key_journeys]  # fmt: skip
    return [svg(scene, frame=False, styled=False) for scene in scenes]


def _for_executives(overview: Overview, *, people: bool) -> dict[str, Any]:
    """Make what executives are shown, and what stands at the top."""
    flows = Flows.of(overview)
    tables = (losses_table(overview), revenue_table(overview), lifecycle_table(overview))
    return {
        "description": shown(overview.map.description),
        "figures": _figures(overview),
        "findings": [keep_together(shown(text)) for text in findings(overview, flows)],
        "cards": make_cards(overview)[:_EXECUTIVE_CARDS],
        "picture": svg(
            loop_scene(overview.map, flows, standalone=False), frame=False, styled=False
        ),
        "stages": stages_table(overview, flows, people=people),
        "executive": [table for table in tables if table is not None],
        "cohorts": cohorts(overview.retention, overview.every),
        "quadrants": quadrants(overview),
        "targets": targets_table(overview),
        "timed": overview.touchpoints.timed,
        "looped": _is_loop(overview),
        "drafted": overview.drafted,
        "quantile_error": overview.touchpoints.quantile_error,
    }


def _for_analysts(overview: Overview, *, people: bool) -> dict[str, Any]:
    """Make what analysts are shown, and the matrix of handoffs."""
    asked = list(answer_tables(overview, people=people))
    tables = (key_journeys_table(overview), dwell_table(overview),
              *(one for one in asked if not isinstance(one, str)))  # fmt: skip
    return {
        "matrix": _matrix(overview),
        "slices": show_slices(overview),
        "by": shown(overview.by or ""),
        "every": overview.every,
        "journeys": _journeys(overview),
        "withheld": [one for one in asked if isinstance(one, str)],
        "partial": overview.partial,
        "tables": [table for table in tables if table is not None],
        "layers": LAYERS,
        "layer_rows": _layer_rows(overview),
        "rejected": [(shown(why), f"{n:,}") for why, n in overview.rejected.most_common(20)],
        "dropped": [(shown(why), f"{n:,}") for why, n in overview.dropped.most_common(20)],
        "unmapped": [(shown(name), f"{n:,}") for name, n in _top(overview.unmapped)],
    }


def _figures(overview: Overview) -> list[tuple[str, str]]:
    loops = overview.loops
    aside = overview.rejected.total()
    made = [
        ("customers", f"{overview.customers:,}"),
        ("interactions", f"{overview.interactions:,}"),
        ("from – to", _span(overview)),
        ("rows read", "–" if overview.partial else f"{overview.interactions + aside:,}"),
        ("rows set aside", f"{aside:,}"),
    ]
    if _is_loop(overview):
        made.insert(3, ("laps round the loop", f"{loops.laps:,}"))
        if loops.reentry_rate is not None:
            made.insert(4, ("come round once more", f"{100 * loops.reentry_rate:.0f} %"))
    return made


def _is_loop(overview: Overview) -> bool:
    """Check whether customers went round a loop of two halves that is not guessed."""
    halves = {stage.phase for stage in overview.map.stages.values()}
    return not overview.drafted and len(halves) == 2 and overview.loops.laps > overview.customers


def _span(overview: Overview) -> str:
    if overview.first is None or overview.last is None:
        return "not known" if overview.interactions else "–"
    return f"{overview.first.date()} – {overview.last.date()}"


def _layer_rows(overview: Overview) -> list[dict[str, Any]]:
    """Lay out the five layers; a draft has none."""
    rows = layers_of(overview.map)
    if not any(cell for one in rows for cell in one.cells):
        return []
    return [
        {
            "number": one.number,
            "name": shown(one.stage.name),
            "phase": one.stage.phase.customer,
            "cells": [[shown(text) for text in cell] for cell in one.cells],
        }
        for one in rows
    ]


def _matrix(overview: Overview) -> dict[str, Any] | None:
    """Lay out the handoffs as a matrix: counts, and heat by all the waiting between the two."""
    answer = overview.handoffs
    if answer is None or not len(answer):
        return None
    busy: dict[str, int] = {}
    for row in answer:
        for name in (row.source, row.target):
            busy[name] = busy.get(name, 0) + row.count
    chosen = set(sorted(busy, key=lambda name: (-busy[name], name))[:MAX_DEPARTMENTS])
    order = [name for name in overview.map.departments if name in chosen]
    order += sorted(chosen - set(order))
    waiting = {(r.source, r.target): (r.wait_mean or 0.0) * r.count for r in answer}
    most = max(waiting.values()) or 1.0
    cells = {(row.source, row.target): _cell(row, waiting, most) for row in answer}
    return {
        "names": [department_name(overview, name) for name in order],
        "rows": [
            (department_name(overview, source), [cells.get((source, target)) for target in order])
            for source in order
        ],
        "hidden": len(busy) - len(order),
    }


def _cell(row: Any, waiting: dict[tuple[str, str], float], most: float) -> _Cell:
    share = waiting[row.source, row.target] / most
    heat = min(HEAT_LEVELS, int(share * HEAT_LEVELS) + 1) if share > 0.01 else 0
    return _Cell(f"{row.count:,}", heat)


def _journeys(overview: Overview) -> list[dict[str, Any]]:
    points, stages = overview.map.touchpoints, overview.map.stages
    most = max((row.share for row in overview.variants), default=0.0) or 1.0
    made = []
    for row in overview.variants:
        steps = []
        for name in row.path:
            stage = points[name].stage if name in points else None
            phase = stages[stage].phase.customer if stage else "none"
            steps.append((shown(points[name].name if name in points else name), phase))
        made.append(
            {
                "steps": steps[:_STEPS],
                "more": max(0, len(steps) - _STEPS),
                "count": f"{row.count:,}",
                "percent": f"{100 * row.share:.1f} %",
                "width": f"{100 * row.share / most:.1f}",
            }
        )
    return made


def _top(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
