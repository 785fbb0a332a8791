"""Findings: what stands out in a log, in sentences to read first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeymap.model.durations import span_text
from journeymap.views.wording import department_name, element_name, share_text

if TYPE_CHECKING:
    from journeymap.analysis import HandoffRow, Overview
    from journeymap.views.flows import Flows

__all__ = ["findings"]

_ENOUGH = 30  # fewer than this is no finding
_MOST = 5


def findings(overview: Overview, flows: Flows) -> list[str]:
    """List what costs customers most: errors, silence, waits, broken journeys, mood.

    Of a drafted map nothing counts that is guessed: its stages, its halves, and what silence is.
    """
    found = _errors(overview)
    if not overview.drafted:
        found += [_leak(overview), _hottest(overview, flows)]
    found += [_slowest(overview), _dropping(overview), _mood(overview), _bouncing(overview)]
    return [finding for finding in found if finding][:_MOST]


def _errors(overview: Overview) -> list[str]:
    """Name the errors that customers meet, and for whom they are more frequent."""
    found = []
    for one in overview.failing:
        if one.customers < _ENOUGH:
            continue
        words = (
            f"{share_text(one.share)} of the customers met "
            f"“{element_name(overview, one.touchpoint)}”, "
            f"{one.count:,} times in all"
        )
        if one.highest is not None and one.lowest is not None:
            words += (
                f"; it is {_thousandth(one.highest.rate)} of a thousand interactions where "
                f"{one.level} is “{one.highest.segment}”, and {_thousandth(one.lowest.rate)} where "
                f"it is “{one.lowest.segment}”"
            )
        found.append(f"{words}.")
    return found


def _thousandth(share: float) -> str:
    return f"{1000 * share:.2g}" if share < 0.1 else f"{1000 * share:.0f}"


def _hottest(overview: Overview, flows: Flows) -> str:
    enough = {
        name: flow.friction
        for name, flow in flows.stages.items()
        if flow.friction is not None and flow.customers >= _ENOUGH
    }
    name = max(enough, key=lambda stage: enough[stage], default="")
    if len(enough) < 2 or enough.get(name, 0.0) < 0.005:  # shown as 0 %
        return ""
    stage = overview.map.stages[name].name
    return (
        f"Of the stages that {_ENOUGH} customers or more reach, most friction lies in “{stage}”: "
        f"{share_text(enough[name])} of the moves out of it turn back or end in silence."
    )


def _leak(overview: Overview) -> str:
    rows = [row for row in overview.loops if row.dormant and row.n >= _ENOUGH]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row.leak_share or 0.0)
    stage = overview.map.stages[worst.element]
    silence = stage.dormant_after or overview.map.dormant_after
    if silence is None:
        return ""
    others = f", {worst.returned:,} of whom came back later" if worst.returned else ""
    more = f"; {worst.open:,} more were silent for less when the log ended" if worst.open else ""
    return (
        f"{share_text(worst.leak_share or 0)} of the customers who reach “{stage.name}” do nothing "
        f"for {span_text(silence.total_seconds())} after it ({worst.dormant:,} of {worst.n:,})"
        f"{others}{more}."
    )


def _ends(overview: Overview, row: HandoffRow) -> tuple[str, str]:
    return department_name(overview, row.source), department_name(overview, row.target)


def _slowest(overview: Overview) -> str:
    rows = [row for row in overview.handoffs or () if row.wait_mean]
    if not rows:
        return ""
    total = sum((row.wait_mean or 0) * row.count for row in rows)
    worst = max(rows, key=lambda row: (row.wait_mean or 0) * row.count)
    cost = (worst.wait_mean or 0) * worst.count
    if worst.count < _ENOUGH:
        return ""
    source, target = _ends(overview, worst)
    return (
        f"Customers wait longest, all taken together, between {source} and "
        f"{target}: {worst.count:,} handoffs of "
        f"{span_text(worst.wait_mean or 0)} on average, {100 * cost / total:.0f} % of all waiting "
        "between departments."
    )


def _dropping(overview: Overview) -> str:
    rows = [row for row in overview.handoffs or () if row.dropped]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row.dropped)
    if worst.count < _ENOUGH or any(
        row.dropped == worst.dropped and row is not worst for row in rows
    ):  # too few, or none is alone the worst
        return ""
    risk = ""
    if worst.value_at_risk and overview.handoffs is not None:
        risk = f"; they had been worth {worst.value_at_risk:,.0f} {overview.handoffs.currency}"
    source, target = _ends(overview, worst)
    return (
        f"After no other handoff do so many journeys break off as after that from "
        f"{source} to {target}: "
        f"{worst.dropped:,} of {worst.count:,}{risk}."
    )


def _bouncing(overview: Overview) -> str:
    answer = overview.handoffs
    if answer is None or not answer.bounce_backs:
        return ""
    worst = max(answer, key=lambda row: row.bounced)
    if answer.total < _ENOUGH:
        return ""
    found = (
        f"{answer.bounce_backs:,} of {answer.total:,} handoffs go straight back to where they came "
        "from"
    )
    if worst.bounced < _ENOUGH or [row.bounced for row in answer].count(worst.bounced) > 1:
        return f"{found}."  # too few, or none is alone the most frequent
    source, target = _ends(overview, worst)
    return f"{found}, most often from {source} to {target} ({worst.bounced:,})."


def _mood(overview: Overview) -> str:
    rows = [row for row in overview.handoffs or () if row.emotion_n >= _ENOUGH]
    if not rows:
        return ""
    worst = min(rows, key=lambda row: row.emotion_change or 0.0)
    if (worst.emotion_change or 0.0) > -0.005:  # shown as 0.00
        return ""
    source, target = _ends(overview, worst)
    return (
        f"The mood falls from {source} to "
        f"{target}: by {abs(worst.emotion_change or 0):.2f} on a scale "
        "from −1 to +1."
    )
