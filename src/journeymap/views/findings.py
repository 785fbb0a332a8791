"""Findings: what stands out in a log, in sentences to read first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeymap.model.durations import span_text

if TYPE_CHECKING:
    from journeymap.analysis import Overview
    from journeymap.views.flows import Flows

__all__ = ["findings"]

_ENOUGH = 30  # fewer than this is no finding


def findings(overview: Overview, flows: Flows) -> list[str]:
    """List the hottest stage, the greatest leak, the costliest handoff, the worst bounce-back."""
    return [
        finding
        for finding in (
            _hottest(overview, flows),
            _leak(overview),
            _slowest(overview),
            _dropping(overview),
            _bouncing(overview),
            _mood(overview),
        )
        if finding
    ]


def _hottest(overview: Overview, flows: Flows) -> str:
    enough = {
        name: flow.friction
        for name, flow in flows.stages.items()
        if flow.friction is not None and flow.customers >= _ENOUGH
    }
    name = max(enough, key=lambda stage: enough[stage], default="")
    if enough.get(name, 0.0) < 0.005:  # shown as 0 %
        return ""
    return (
        f"Most friction lies in “{overview.map.stages[name].name}”: "
        f"{100 * enough[name]:.0f} % of the moves out of it turn back or fall silent."
    )


def _leak(overview: Overview) -> str:
    rows = [row for row in overview.loops if row.dormant and row.n >= _ENOUGH]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row.leak_share or 0.0)
    return (
        f"“{overview.map.stages[worst.element].name}” leaks most: {worst.dormant:,} of "
        f"{worst.n:,} customers ({100 * (worst.leak_share or 0):.0f} %) fell silent there, "
        f"{worst.returned:,} of them came back."
    )


def _name(overview: Overview, department: str) -> str:
    known = overview.map.departments
    return known[department].name if department in known else department


def _slowest(overview: Overview) -> str:
    rows = [row for row in overview.handoffs or () if row.count >= _ENOUGH and row.wait_mean]
    if not rows:
        return ""
    total = sum((row.wait_mean or 0) * row.count for row in rows)
    worst = max(rows, key=lambda row: (row.wait_mean or 0) * row.count)
    cost = (worst.wait_mean or 0) * worst.count
    return (
        f"Customers wait longest, all taken together, between {_name(overview, worst.source)} and "
        f"{_name(overview, worst.target)}: {worst.count:,} handoffs of "
        f"{span_text(worst.wait_mean or 0)} on average, {100 * cost / total:.0f} % of all waiting "
        "between departments."
    )


def _dropping(overview: Overview) -> str:
    rows = [row for row in overview.handoffs or () if row.count >= _ENOUGH and row.dropped]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row.dropped)
    risk = ""
    if worst.value_at_risk and overview.handoffs is not None:
        risk = f"; they had been worth {worst.value_at_risk:,.0f} {overview.handoffs.currency}"
    return (
        f"Most journeys break off after {_name(overview, worst.source)} has handed over to "
        f"{_name(overview, worst.target)}: {worst.dropped:,} of {worst.count:,}{risk}."
    )


def _bouncing(overview: Overview) -> str:
    answer = overview.handoffs
    if answer is None or not answer.bounce_backs:
        return ""
    worst = max(answer, key=lambda row: row.bounced)
    return (
        f"{answer.bounce_backs:,} of {answer.total:,} handoffs go straight back to where they came "
        f"from, most often from {_name(overview, worst.source)} to "
        f"{_name(overview, worst.target)} ({worst.bounced:,})."
    )


def _mood(overview: Overview) -> str:
    rows = [row for row in overview.handoffs or () if row.emotion_n >= _ENOUGH]
    if not rows:
        return ""
    worst = min(rows, key=lambda row: row.emotion_change or 0.0)
    if (worst.emotion_change or 0.0) > -0.005:  # shown as 0.00
        return ""
    return (
        f"The mood falls most from {_name(overview, worst.source)} to "
        f"{_name(overview, worst.target)}: by {abs(worst.emotion_change or 0):.2f} on a scale "
        "from −1 to +1."
    )
