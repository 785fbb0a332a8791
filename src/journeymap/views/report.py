"""One self-contained page about a log: the loop with real figures, handoffs, journeys, funnel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import frozen

from journeymap.exceptions import require
from journeymap.model.durations import span_text
from journeymap.views.findings import findings
from journeymap.views.flow_picture import flow_scene
from journeymap.views.flows import Flows, friction_colour
from journeymap.views.layers import LAYERS, layers_of
from journeymap.views.loop_picture import loop_scene
from journeymap.views.svg import svg
from journeymap.views.text_fit import shown
from journeymap.views.tokens import DARK, LIGHT, css_of

if TYPE_CHECKING:
    from journeymap.analysis import HandoffsAnswer, Overview, ScorecardRow

__all__ = ["report"]

_UNIT = re.compile(r"(?<=\d) (?=(%|[A-Z]{3}|d|h|min|s)(?![A-Za-z]))")
MAX_DEPARTMENTS = 14
"""Rows and columns of the table of handoffs: more are not legible on A4."""
HEAT_LEVELS = 5
"""Shades of the table of handoffs: as many as the template's style sheet has."""


@frozen
class _Cell:
    """A pair of departments in the matrix: what is shown, how hot it is, and the whole story."""

    text: str
    heat: int
    tip: str


def report(overview: Overview, *, title: str | None = None, note: str = "") -> str:
    """Make the report of a log, which opens from disk and asks no network.

    Args:
        overview: The answers that the report shows, all of one log.
        title: The page's title (None: made of the map's name).
        note: Words at the top, for what a reader must know first: for example that data is
            simulated.

    Returns:
        The page as HTML.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    require("views", "jinja2", "markupsafe")
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("journeymap.views"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    flows = Flows.of(overview)
    picture = svg(loop_scene(overview.map, flows, standalone=False), frame=False)
    page: str = environment.get_template("report.html.jinja").render(
        title=shown(title or overview.map.name),
        note=shown(note),
        description=shown(overview.map.description),
        picture=Markup(picture),  # noqa: S704  # the writer of SVG has escaped every text in it
        flow=Markup(_flow(overview)),  # noqa: S704  # the writer of SVG has escaped it, too
        figures=_figures(overview),
        findings=[_together(shown(text)) for text in findings(overview, flows)],
        stages=_stages(overview, flows),
        layers=LAYERS,
        layer_rows=_layer_rows(overview),
        targets=_targets(overview),
        funnel=_funnel(overview),
        matrix=_matrix(overview),
        handoffs=_handoffs(overview),
        journeys=_journeys(overview),
        rejected=[(shown(why), f"{n:,}") for why, n in overview.rejected.most_common(20)],
        dropped=[(shown(why), f"{n:,}") for why, n in overview.dropped.most_common(20)],
        unmapped=[(shown(name), f"{n:,}") for name, n in _top(overview.unmapped)],
        quantile_error=overview.touchpoints.quantile_error,
        timed=overview.touchpoints.timed,
        looped=_is_loop(overview),
        drafted=overview.drafted,
        light=css_of(LIGHT),
        dark=css_of(DARK),
    )
    return page


def _flow(overview: Overview) -> str:
    """Draw the ways that customers take, if any took one."""
    if overview.paths is None or not len(overview.paths):
        return ""
    journey = None if overview.drafted else overview.map  # halves that are guessed are no colour
    scene = flow_scene(overview.paths, journey, strongest=5, heading=False)
    return svg(scene, frame=False)


def _together(text: str) -> str:
    """Keep numbers and their units on one line."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def _figures(overview: Overview) -> list[tuple[str, str]]:
    loops = overview.loops
    aside = overview.rejected.total()
    made = [
        ("customers", f"{overview.customers:,}"),
        ("interactions", f"{overview.interactions:,}"),
        ("from – to", _span(overview)),
        ("rows read", f"{overview.interactions + aside:,}"),
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


def _wait(seconds: float | None) -> str:
    return "–" if seconds is None else span_text(seconds)


def _stages(overview: Overview, flows: Flows) -> list[dict[str, Any]]:
    made = []
    for number, stage in enumerate(overview.map.stages.values(), 1):
        flow = flows.stages[stage.id]
        made.append(
            {
                "number": number,
                "name": shown(stage.name),
                "phase": stage.phase.customer,
                "customers": f"{flow.customers:,}",
                "stay": "–" if flow.stay is None else span_text(flow.stay),
                "leak": "–" if flow.leak_share is None else f"{100 * flow.leak_share:.1f} %",
                "friction": "–" if flow.friction is None else f"{100 * flow.friction:.0f} %",
                "colour": friction_colour(flow.friction),
            }
        )
    return made


def _layer_rows(overview: Overview) -> list[dict[str, Any]]:
    return [
        {
            "number": one.number,
            "name": shown(one.stage.name),
            "phase": one.stage.phase.customer,
            "cells": [[shown(text) for text in cell] for cell in one.cells],
        }
        for one in layers_of(overview.map)
    ]


def _targets(overview: Overview) -> list[dict[str, Any]]:
    """List the metrics beside their targets, those that are missed first."""
    answer = overview.scorecard
    if answer is None:
        return []
    order = {"missed": 0, "not sure": 1, "met": 2}
    rows = sorted(answer, key=lambda row: order.get(row.verdict or "", 3))
    return [
        {
            "name": shown(_metric(overview, row)),
            "value": "–" if row.value is None else _in_unit(row.value, row.unit),
            "target": "–" if row.target is None else _in_unit(row.target, row.unit),
            "verdict": row.verdict or row.note or "no target",
            "class": (row.verdict or "none").replace(" ", "-"),
            "interval": "–" if row.low is None or row.high is None
            else f"{_rounded(row.low)} to {_rounded(row.high)}",
            "n": f"{row.n:,}" if row.n else "–",
            "departments": ", ".join(_department(overview, name) for name in row.departments),
        }
        for row in rows
    ]  # fmt: skip


def _metric(overview: Overview, row: ScorecardRow) -> str:
    """Name a metric, or the process or key journey whose target it is."""
    if row.metric in overview.map.metrics:
        return overview.map.metrics[row.metric].name
    kind, _, name = row.of.partition(" ")
    catalog = overview.map.processes if kind == "process" else overview.map.key_journeys
    return f"{catalog[name].name} (median time)"


def _in_unit(number: float, unit: str) -> str:
    return f"{_rounded(number)} {shown(unit)}".rstrip()


def _rounded(number: float) -> str:
    return f"{number:,.3g}" if abs(number) < 1000 else f"{number:,.0f}"


def _funnel(overview: Overview) -> list[dict[str, Any]]:
    if overview.funnel is None:
        return []
    stages = overview.map.stages
    return [
        {
            "name": shown(stages[row.element].name),
            "phase": stages[row.element].phase.customer,
            "count": f"{row.count:,}",
            "percent": f"{100 * row.share:.0f} %",
            "width": f"{max(100 * row.share, 0.5):.1f}",
            "step": f"{100 * row.share_previous:.0f} %",
        }
        for row in overview.funnel
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
        "names": [_department(overview, name) for name in order],
        "rows": [
            (_department(overview, source), [cells.get((source, target)) for target in order])
            for source in order
        ],
        "hidden": len(busy) - len(order),
    }


def _cell(row: Any, waiting: dict[tuple[str, str], float], most: float) -> _Cell:
    share = waiting[row.source, row.target] / most
    heat = min(HEAT_LEVELS, int(share * HEAT_LEVELS) + 1) if share > 0.01 else 0
    tip = (
        f"{row.count:,} handoffs; mean wait {_wait(row.wait_mean)}, "
        f"median {_wait(row.wait_median)}; {row.bounced:,} bounced back; "
        f"{row.dropped:,} journeys ended there"
    )
    return _Cell(f"{row.count:,}", heat, tip)


def _handoffs(overview: Overview) -> list[dict[str, str]]:
    """List the handoffs that cost most waiting altogether."""
    answer: HandoffsAnswer | None = overview.handoffs
    if answer is None:
        return []
    rows = sorted(answer, key=lambda row: -(row.wait_mean or 0) * row.count)[:8]
    return [
        {
            "name": f"{_department(overview, row.source)} → {_department(overview, row.target)}",
            "count": f"{row.count:,}",
            "mean": _wait(row.wait_mean),
            "median": _wait(row.wait_median),
            "p90": _wait(row.wait_p90),
            "bounced": f"{100 * row.bounced / row.count:.0f} %",
            "dropped": f"{100 * row.drop_share:.1f} %",
            "emotion": "–" if row.emotion_change is None else f"{row.emotion_change:+.2f}",
            "risk": "–"
            if row.value_at_risk is None
            else f"{row.value_at_risk:,.0f} {answer.currency or ''}".strip(),
        }
        for row in rows
    ]


def _department(overview: Overview, name: str) -> str:
    known = overview.map.departments
    return shown(known[name].name if name in known else name)


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
                "steps": steps,
                "count": f"{row.count:,}",
                "percent": f"{100 * row.share:.1f} %",
                "width": f"{100 * row.share / most:.1f}",
            }
        )
    return made


def _top(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
