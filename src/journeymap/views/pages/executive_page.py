"""The page of an executive: what comes back, what it is worth, and where money is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import frozen

from journeymap.model.measures import grows_with_time
from journeymap.views.flows import Flows, friction_colour
from journeymap.views.pages.figure_cards import metric_name
from journeymap.views.pages.page_table import (
    Cell,
    Column,
    PageTable,
    count_customers,
    define,
    make_table,
)
from journeymap.views.text_fit import shown
from journeymap.views.wording import (
    count_text,
    decimal_text,
    department_name,
    element_name,
    interval_text,
    money_text,
    number_text,
    period_name,
    share_text,
    unit_text,
    wait_text,
)

if TYPE_CHECKING:
    from journeymap.analysis import Overview, RetentionAnswer, RetentionRow, ScorecardRow

__all__ = [
    "Cohorts", "cohorts", "lifecycle_table", "losses_table", "quadrants", "revenue_table",
    "stages_table", "targets_table",
]  # fmt: skip

_COHORTS, _MOST_COHORTS, _FOLLOWED, _PERIODS, _ROWS = 6, 36, 9, 8, 8
_SHADES = 5
_SERVES = (
    ("both", "Little effort, little cost"), ("the company", "Much effort, little cost"),
    ("the customer", "Little effort, much cost"), ("neither", "Much effort, much cost"),
)  # fmt: skip


@frozen
class Cohorts:
    """A table of who came back.

    Attributes:
        periods: The numbers of the periods.
        rows: Of each cohort its name, its size, and for each period the share, the shade and the
            95 % interval (None: not yet).
        unit: The length of a period.
    """

    periods: tuple[int, ...]
    rows: tuple[tuple[str, str, tuple[tuple[str, int, str] | None, ...]], ...]
    unit: str


def cohorts(
    answer: RetentionAnswer | None, every: str | None, most: int | None = _COHORTS
) -> Cohorts | None:
    """Lay out the latest cohorts, each as far as it was followed.

    Args:
        answer: Who came back (None: it is not known).
        every: The length of a period.
        most: How many cohorts there are at most (None: the latest 36).

    Returns:
        The table; None where there is nothing to follow.
    """
    if answer is None:
        return None
    by_cohort: dict[str, list[RetentionRow]] = {}
    for row in answer:
        by_cohort.setdefault(row.cohort, []).append(row)
    chosen = list(by_cohort.items())[-(most or _MOST_COHORTS) :]
    periods = sorted({row.period for _, rows in chosen for row in rows if row.period})[:_FOLLOWED]
    if not periods:
        return None
    made = []
    most_back = max(row.share for _, rows in chosen for row in rows if row.period in periods)
    for cohort, rows in chosen:
        found = {row.period: row for row in rows}
        cells = tuple(_cohort_cell(found.get(period), most_back) for period in periods)
        made.append((period_name(cohort, every), count_text(rows[0].n), cells))
    return Cohorts(tuple(periods), tuple(made), every or "period")


def _cohort_cell(row: RetentionRow | None, most: float) -> tuple[str, int, str] | None:
    if row is None:
        return None
    shade = min(_SHADES, int(row.share / most * _SHADES) + 1) if row.share > 0 else 0
    share = share_text(row.share) + ("" if row.complete else " …")
    return share, shade, interval_text(row.low, row.high, share=True)


def revenue_table(overview: Overview) -> PageTable | None:
    """List where most is earned."""
    answer = overview.revenue
    if answer is None:
        return None
    kind, currency = answer.Row, answer.currency
    columns = [Column("Touchpoint", numeric=False), Column("Net revenue", define(kind, "net")),
               Column("Share", "Its share of the net revenue of all."),
               Column("Given back", define(kind, "given_back")),
               Column("Purchases", define(kind, "purchases")),
               Column("Customers", define(kind, "customers")),
               Column("Per customer", define(kind, "per_customer"))]  # fmt: skip
    rows = [
        (element_name(overview, row.element), money_text(row.net, currency),
         share_text(row.share),
         money_text(row.given_back or None, currency),
         count_text(row.purchases),
         count_text(row.customers),
         money_text(row.per_customer, currency))
        for row in answer
    ]  # fmt: skip
    others = [one for one in overview.currencies if one != currency]
    left = (
        f" Amounts in {', '.join(map(shown, others))} are left out here and below."
        if others
        else ""
    )
    return make_table(f"Where customers pay, net of what was given back.{left}", columns, rows)


def losses_table(overview: Overview) -> PageTable | None:
    """List what costs most: in money, where it is known, and else in time."""
    found = sorted(_losses(overview), key=lambda one: (-one[3], -one[4], one[0]))
    money = any(one[3] for one in found)
    caption = (
        "Where money is at stake: the value of the customers concerned. A customer may stand in "
        "several rows, so they do not add up." if money
        else "Where time is lost, all customers together; no amounts are known to be at stake."
    )  # fmt: skip
    columns = [Column("Where", numeric=False), Column("What happens", numeric=False),
               Column("How often"), Column("Value at stake"), Column("Time lost")]  # fmt: skip
    currency = None if overview.handoffs is None else overview.handoffs.currency
    currency = currency or (overview.revenue.currency if overview.revenue else None)
    rows = [
        (where, what, count_text(count),
         money_text(value or None, currency),
         wait_text(lost or None))
        for where, what, count, value, lost in found[:_ROWS]
    ]  # fmt: skip
    return make_table(caption, columns, rows)


def _losses(overview: Overview) -> Iterator[tuple[str, str, int, float, float]]:
    for row in overview.handoffs or ():
        names = [department_name(overview, one) for one in (row.source, row.target)]
        if row.dropped and row.value_at_risk:
            yield (" → ".join(names), "Journeys break off after the handoff", row.dropped,
                   row.value_at_risk, 0.0)  # fmt: skip
        if row.wait_mean:
            yield (" → ".join(names), "Customers wait", row.count, 0.0, row.wait_mean * row.count)
    for one in overview.deviations or ():
        element = element_name(overview, one.element)
        yield (element_name(overview, one.journey), f"{one.kind.capitalize()}: {element}",
               one.count, one.value_at_stake or 0.0, one.time_lost or 0.0)  # fmt: skip


def quadrants(overview: Overview) -> list[dict[str, Any]]:
    """Sort the touchpoints by whom they serve; without costs there are none to sort."""
    answer = overview.effort
    if answer is None or answer.cost is None:
        return []
    found = []
    for serves, words in _SERVES:
        rows = [row for row in answer if row.serves == serves]
        rows.sort(key=lambda row: -row.contacts)
        found.append({
            "serves": {"neither": "Serves neither"}.get(serves, f"Serves {serves}"),
            "words": words,
            "rows": [
                (element_name(overview, row.element), count_text(row.contacts),
                 decimal_text(row.effort), number_text(row.cost_mean)) for row in rows[:_ROWS]
            ],
            "more": max(0, len(rows) - _ROWS),
        })  # fmt: skip
    return found if any(one["rows"] for one in found) else []


def lifecycle_table(overview: Overview) -> PageTable | None:
    """List who is new, returns or falls silent, in the latest periods."""
    answer = overview.lifecycle
    if answer is None:
        return None
    kind = answer.Row
    names = ("customers", "new", "returning", "resurrecting", "dormant")
    columns = [Column(str(overview.every).capitalize(), numeric=False),
               *(Column(name.capitalize(), define(kind, name)) for name in names)]  # fmt: skip
    rows: list[tuple[Cell | str, ...]] = [
        (Cell(period_name(row.period, overview.every), place),
         *(count_text(getattr(row, name)) for name in names))
        for place, row in enumerate(answer[-_PERIODS:])
    ]  # fmt: skip
    caption = "Customers period by period; the last one may not be over."
    return make_table(caption, columns, rows)


def stages_table(overview: Overview, flows: Flows, *, people: bool) -> PageTable | None:
    """List the stages as the loop shows them."""
    kind = overview.loops.Row
    stays = "Median length of the stays that ended."
    friction = "The share of the moves out of the stage that turn back or end in silence."
    columns = [Column("Stage", numeric=False), Column("Customers", define(kind, "customers")),
               Column("Median stay", stays), Column("Went silent", define(kind, "dormant")),
               Column("Still open", define(kind, "open")),
               Column("Share", define(kind, "leak_share")),
               Column("95 % interval", define(kind, "low")),
               Column("Friction", friction)]  # fmt: skip
    stages = {stage.id: stage for stage in overview.map.stages.values()}
    places = {name: place for place, name in enumerate(stages, 1)}
    rows = []
    for row in overview.loops:
        stage, flow = stages[row.element], flows.stages[row.element]
        rows.append((
            Cell(f"{places[row.element]} {shown(stage.name)}", tone=stage.phase.customer),
            count_text(row.customers), wait_text(flow.stay),
            count_customers(overview.loops, row, "dormant", people=people),
            count_customers(overview.loops, row, "open", people=people),
            share_text(row.leak_share), interval_text(row.low, row.high, share=True),
            Cell(share_text(flow.friction), swatch=friction_colour(flow.friction)),
        ))  # fmt: skip
    return make_table("Stage by stage, as the picture shows them.", columns, rows)


def targets_table(overview: Overview) -> PageTable | None:
    """List the metrics beside their targets, those that are missed first."""
    answer = overview.scorecard
    if answer is None:
        return None
    kind, order = answer.Row, {"missed": 0, "not sure": 1, "met": 2}
    columns = [Column("Metric", numeric=False), Column("Value", define(kind, "value")),
               Column("Target", define(kind, "target")),
               Column("Verdict", define(kind, "verdict"), numeric=False),
               Column("95 % interval", define(kind, "low")),
               Column("Over", define(kind, "n"))]  # fmt: skip
    rows = [
        (metric_name(overview, row),
         unit_text(None if _counts_nothing(row) else row.value, row.unit),
         unit_text(row.target, row.unit), _verdict(row, _judged_by(overview, row)),
         interval_text(row.low, row.high, unit=row.unit), count_text(row.n or None))
        for row in sorted(answer, key=lambda row: 3 if _judged_by(overview, row)
                          else order.get(row.verdict or "", 3))
    ]  # fmt: skip
    return make_table("“Not sure”: the interval spans the target.", columns, rows)


def _counts_nothing(row: ScorecardRow) -> bool:
    """Check whether a value of nothing is one because nothing was recorded."""
    return bool(row.note) and not row.value


def _judged_by(overview: Overview, row: ScorecardRow) -> str:
    """Name the period by which a metric is judged that grows with the log; nothing of others."""
    metric = overview.map.metrics.get(row.metric)
    periods = overview.periods or ()
    if metric is None or not grows_with_time(metric.measure):
        return ""
    judged = any(one.metric == row.metric and one.verdict for one in periods)
    return f"judged by {overview.every}, above" if judged else ""


def _verdict(row: ScorecardRow, judged_by: str) -> Cell:
    """Write the verdict, or why there is none."""
    verdict = None if judged_by or _counts_nothing(row) else row.verdict
    none = "no target" if row.target is None else "not judged yet" if row.n else "nothing counted"
    words = verdict or row.note or judged_by or none
    return Cell(words, tone=(verdict or "none").replace(" ", "-"))
