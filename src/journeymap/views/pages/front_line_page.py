"""The page of the front line: who waits for whom, what to do, and what to offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from journeymap.views.pages.page_table import Cell, Column, PageTable, make_table
from journeymap.views.svg import svg
from journeymap.views.text_fit import shown
from journeymap.views.timeline import timeline_scene
from journeymap.views.wording import (
    count_text,
    department_name,
    element_name,
    plural_text,
    wait_text,
)

if TYPE_CHECKING:
    from journeymap.analysis import Overview
    from journeymap.profile import Customer, FrontLine, Waiting

__all__ = ["FrontLinePage", "make_front_line_page"]

_ROWS, _TIMELINES = 100, 12


@frozen
class FrontLinePage:
    """The page of those who meet customers.

    Attributes:
        headline: How many wait.
        tables: Who waits; or, without names, for what.
        timelines: The journeys of those who wait, as SVG, by their names.
    """

    headline: str
    tables: list[PageTable]
    timelines: list[tuple[str, str]]


def make_front_line_page(
    overview: Overview, line: FrontLine | None, customers: Sequence[Customer], *, people: bool
) -> FrontLinePage | None:
    """Make the page of those who meet customers.

    Args:
        overview: The answers.
        line: What is owed (None: it was not asked for).
        customers: The views of customers whose journeys are drawn.
        people: Whether customers are named.

    Returns:
        The page; None where nothing was asked for.
    """
    if line is None:
        return None
    late = sum(one.late for one in line.waiting)
    people_waiting = len({one.customer for one in line.waiting})
    headline = (
        f"At {line.as_of:%d %b %Y, %H:%M} UTC, {people_waiting:,} of "
        f"{plural_text(line.customers, 'customer', 'customers')} wait for an answer or a step that "
        f"is due: {plural_text(len(line.waiting), 'wait', 'waits')}, {late:,} of them over time."
    )
    tables = [_summary(overview, line)]
    if people:
        tables.append(_people(overview, line))
    drawn = [(shown(one.id), svg(timeline_scene(one), frame=False, styled=False))
             for one in customers[:_TIMELINES]] if people else []  # fmt: skip
    return FrontLinePage(headline, [one for one in tables if one is not None], drawn)


def _summary(overview: Overview, line: FrontLine) -> PageTable | None:
    groups: dict[tuple[str, str | None, str], list[Waiting]] = {}
    for one in line.waiting:
        groups.setdefault((one.name, one.owner, _action(one)), []).append(one)
    columns = [
        Column("Waiting for", numeric=False),
        Column("By whom", numeric=False),
        Column("What to do", numeric=False),
        Column("In time", "Not due yet."),
        Column("Late", "Due, and not done."),
        Column("Since", "The median time since when they wait."),
        Column("Next due, UTC", "When the first is due that is not late.", numeric=False),
    ]
    rows = []
    for (name, owner, action), waits in sorted(groups.items(), key=lambda one: -len(one[1])):
        late = sum(one.late for one in waits)
        ages = sorted((line.as_of - one.since).total_seconds() for one in waits)
        median = ages[len(ages) // 2]
        due = min((one.due for one in waits if not one.late), default=None)
        rows.append((element_name(overview, name), department_name(overview, owner), action,
                     Cell(count_text(len(waits) - late), len(waits) - late),
                     Cell(count_text(late), late), Cell(wait_text(median), median),
                     Cell("–", 0) if due is None
                     else Cell(f"{due:%d %b %Y, %H:%M}", due.timestamp())))  # fmt: skip
    return make_table("What customers wait for.", columns, rows)


def _people(overview: Overview, line: FrontLine) -> PageTable | None:
    columns = [
        Column("Customer", numeric=False),
        Column("Since, UTC", numeric=False),
        Column("Why", numeric=False),
        Column("What to do", numeric=False),
        Column("By whom", numeric=False),
        Column("Until when, UTC", numeric=False),
        Column(
            "Next best offer",
            "The offer of the highest priority: how likely it is "
            "taken, what it is worth, and what the situation says.",
            numeric=False,
        ),
    ]
    rows = []
    for one in line.waiting[:_ROWS]:
        about = f" ({shown(one.about)})" if one.about else ""
        offers = overview.map.offers
        best = one.offer or ""
        named = offers[best].name if best in offers else best
        offer = f"{shown(named)}: {shown(one.reason)}" if best else "–"
        rows.append((Cell(shown(one.customer)),
                     Cell(f"{one.since:%d %b %Y, %H:%M}", one.since.timestamp()),
                     element_name(overview, one.name) + about, _action(one),
                     department_name(overview, one.owner),
                     Cell(f"{one.due:%d %b %Y, %H:%M}{' · late' if one.late else ''}",
                          one.due.timestamp(), "missed" if one.late else ""),
                     offer))  # fmt: skip
    more = len(line.waiting) - len(rows)
    rest = f" {more:,} older ones are left out." if more > 0 else ""
    return make_table(f"Who waits: what is due next, then what is late.{rest}", columns, rows)


def _action(one: Waiting) -> str:
    return shown(one.action) or "–"
