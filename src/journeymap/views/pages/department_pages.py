"""The pages of departments: what each makes customers wait for, owes them, and does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from journeymap.views.pages.figure_cards import Card, make_cards
from journeymap.views.pages.page_table import (
    Cell,
    Column,
    PageTable,
    count_customers,
    define,
    make_table,
)
from journeymap.views.wording import (
    count_text,
    decimal_text,
    department_name,
    element_name,
    interval_text,
    money_text,
    number_text,
    plural_text,
    share_text,
    signed_text,
    wait_text,
)

if TYPE_CHECKING:
    from journeymap.analysis import EffortAndCostRow, HandoffRow, Overview
    from journeymap.profile import FrontLine

__all__ = ["DepartmentPage", "make_department_pages"]

MAX_DEPARTMENTS = 14
"""Departments that have a page of their own: the busiest."""
_ALL_ROWS, _MOST_ROWS = 28, 5  # of one table on the pages of all departments, and of one


@frozen
class DepartmentPage:
    """The page of one department.

    Attributes:
        id: The department's id.
        name: Its name.
        headline: What stands out there, in a sentence (empty: nothing does).
        tables: Metrics, moments, handoffs, touchpoints and deviations.
    """

    id: str
    name: str
    headline: str
    tables: list[PageTable]


def make_department_pages(
    overview: Overview, line: FrontLine | None, *, people: bool
) -> tuple[list[DepartmentPage], int]:
    """Make a page for each department of which anything is known.

    Args:
        overview: The answers.
        line: What is owed to customers (None: it was not asked for).
        people: Whether customers are named.

    Returns:
        The pages in the order of the map, and how many departments were left out.
    """
    busy: dict[str, int] = dict.fromkeys(overview.map.departments, 0)
    for row in overview.handoffs or ():
        for name in (row.source, row.target):
            busy[name] = busy.get(name, 0) + row.count
    largest = sorted(busy, key=lambda name: -busy[name])[:MAX_DEPARTMENTS]
    rows = max(2, min(_MOST_ROWS, _ALL_ROWS // max(1, len(largest))))
    made = [_page(overview, line, name, rows, people) for name in busy if name in largest]
    return [one for one in made if one.tables], len(busy) - len(largest)


def _page(
    overview: Overview, line: FrontLine | None, id_: str, rows: int, people: bool
) -> DepartmentPage:
    entering = [row for row in overview.handoffs or () if row.target == id_]
    leaving = [row for row in overview.handoffs or () if row.source == id_]
    metrics = [row.metric for row in overview.scorecard or () if id_ in row.departments]
    name = department_name(overview, id_)
    tables = [
        _metrics(make_cards(overview, metrics)),
        _moments(overview, line, id_),
        _handoffs(overview, name, (entering, leaving), rows, people),
        _touchpoints(overview, id_, 2 * rows),
        _deviations(overview, id_, rows, people),
    ]
    return DepartmentPage(
        id_, name, _headline(overview, line, id_, entering),
        [table for table in tables if table is not None],
    )  # fmt: skip


def _headline(
    overview: Overview, line: FrontLine | None, department: str, entering: list[HandoffRow]
) -> str:
    """Write what weighs most: moments that are not answered in time, or waiting."""
    served = [one for one in (line.moments if line else ()) if one.owner == department]
    over = sum(one.in_time + one.late + one.missed for one in served)
    if over:
        in_time = sum(one.in_time for one in served)
        moments = plural_text(over, "moment", "moments")
        return (f"{share_text(in_time / over)} of the answers that it owed to {moments} of truth "
                "came in time.")  # fmt: skip
    waits = [row for row in entering if row.wait_mean and row.count]
    if not waits:
        return ""
    worst = max(waits, key=lambda row: (row.wait_mean or 0) * row.count)
    source = department_name(overview, worst.source)
    return (f"Customers who come from {source} wait {wait_text(worst.wait_mean)} on average "
            f"({worst.count:,} handoffs).")  # fmt: skip


def _metrics(cards: list[Card]) -> PageTable | None:
    columns = [Column(title, numeric=title == "Value") for title in
               ("Metric", "Value", "Of", "Target", "Verdict", "Change")]  # fmt: skip
    return make_table("The metrics that it shares.", columns, [
        (one.name, one.value, one.period, one.target.removeprefix("target "),
         Cell(one.verdict, tone=one.tone), one.change) for one in cards
    ])  # fmt: skip


def _moments(overview: Overview, line: FrontLine | None, department: str) -> PageTable | None:
    served = [one for one in (line.moments if line else ()) if one.owner == department]
    if line is None or not served:
        return None
    kind: Any = type(served[0])
    columns = [
        Column("Moment of truth", numeric=False),
        Column("What to do", numeric=False),
        *(
            Column(title, define(kind, name))
            for title, name in (
                ("Reached", "reached"),
                ("In time", "in_time"),
                ("Late", "late"),
                ("Never", "missed"),
                ("Still open", "open"),
                ("Median answer", "median"),
            )
        ),
    ]
    rows = [
        (element_name(overview, one.moment), overview.map.moments[one.moment].action or "–",
         count_text(one.reached), count_text(one.in_time),
         count_text(one.late), count_text(one.missed),
         count_text(one.open),
         wait_text(None if one.median is None else one.median.total_seconds()))
        for one in served
    ]  # fmt: skip
    return make_table("Moments of truth that it owes an answer to.", columns, rows)


def _handoffs(
    overview: Overview,
    name: str,
    sides: tuple[list[HandoffRow], list[HandoffRow]],
    most: int,
    people: bool,
) -> PageTable | None:
    """List the handoffs to a department and from it, those of most waiting first."""
    if overview.handoffs is None or not any(sides):
        return None
    kind, currency = overview.handoffs.Row, overview.handoffs.currency
    columns = [Column("Handoff", numeric=False), *(Column(title, define(kind, field))
               for title, field in (("Count", "count"), ("Mean wait", "wait_mean"),
                                    ("Median", "wait_median"), ("p90", "wait_p90"),
                                    ("Bounced", "bounced"), ("Ended", "dropped"),
                                    ("Mood", "emotion_change"),
                                    ("Value at risk", "value_at_risk")))]  # fmt: skip
    few: list[HandoffRow] = []
    for side in sides:
        few += sorted(side, key=lambda row: -(row.wait_mean or 0) * row.count)[:most]
    caption = f"Handoffs to {name}, for which customers wait; and from it, after which they do."
    return make_table(_with_rest(caption, sum(map(len, sides)) - len(few)), columns, [
        (" → ".join(department_name(overview, one) for one in (row.source, row.target)),
         count_text(row.count), wait_text(row.wait_mean), wait_text(row.wait_median),
         wait_text(row.wait_p90), count_text(row.bounced),
         count_customers(overview.handoffs, row, "dropped", people=people),
         signed_text(row.emotion_change), money_text(row.value_at_risk or None, currency))
        for row in few
    ])  # fmt: skip


def _with_rest(caption: str, rest: int) -> str:
    return caption if rest <= 0 else f"{caption} {rest:,} smaller ones are left out."


def _touchpoints(overview: Overview, department: str, most: int) -> PageTable | None:
    """List the touchpoints that the department takes, by the map."""
    if overview.effort is None:
        return None
    points = overview.map.touchpoints
    mine = [row for row in overview.effort
            if row.element in points and points[row.element].department == department]  # fmt: skip
    feelings = {(row.element, row.kind): row for row in overview.satisfaction or ()}
    kind = overview.effort.Row
    columns = [
        Column("Touchpoint", numeric=False),
        *(
            Column(title, define(kind, name))
            for title, name in (
                ("Contacts", "contacts"),
                ("Customers", "customers"),
                ("Effort", "effort"),
                ("Failed", "failed"),
                ("Too long a wait", "waited"),
                ("Failure demand", "demanded"),
                ("Cost each", "cost_mean"),
            )
        ),
        Column("Mood", "The mean emotion, from −1 to +1."),
        Column("NPS", "The share of promoters less that of detractors, in points."),
    ]
    mine.sort(key=lambda row: -row.contacts)

    def cells(row: EffortAndCostRow) -> tuple[Cell | str, ...]:
        mood, nps = (feelings.get((row.element, one)) for one in ("emotion", "nps"))
        return (
            element_name(overview, row.element),
            count_text(row.contacts),
            count_text(row.customers),
            decimal_text(row.effort),
            share_text(row.failed),
            share_text(row.waited),
            share_text(row.demanded),
            number_text(row.cost_mean),
            signed_text(mood.score if mood else None),
            signed_text(nps.score if nps else None, 0),
        )

    caption = _with_rest("Its touchpoints.", len(mine) - most)
    return make_table(caption, columns, [cells(row) for row in mine[:most]])


def _deviations(overview: Overview, department: str, most: int, people: bool) -> PageTable | None:
    answer = overview.deviations
    mine = [row for row in answer or () if row.department == department]
    if answer is None or not mine:
        return None
    kind = answer.Row
    columns = [Column("Key journey", numeric=False), Column("Deviation", numeric=False),
               *(Column(title, define(kind, name)) for title, name in (
                   ("Count", "count"), ("Customers", "customers"), ("Share", "share"),
                   ("95 % interval", "low"), ("Of", "n"),
                   ("Time lost", "time_lost"), ("Value at stake", "value_at_stake")))]  # fmt: skip
    mine.sort(key=lambda row: (-(row.value_at_stake or 0.0), -row.count))
    caption = _with_rest("Where key journeys depart from their plans.", len(mine) - most)
    return make_table(caption, columns, [
        (element_name(overview, row.journey),
         f"{row.kind.capitalize()}: {element_name(overview, row.element)}",
         count_text(row.count),
         count_customers(answer, row, "customers", people=people),
         share_text(row.share), interval_text(row.low, row.high, share=True), count_text(row.n),
         wait_text(row.time_lost or None),
         money_text(row.value_at_stake or None, answer.currency))
        for row in mine[:most]
    ])  # fmt: skip
