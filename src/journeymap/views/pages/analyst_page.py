"""The page of an analyst: flow and funnel by segment and period, and what was asked besides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import frozen

from journeymap.views.flow_picture import flow_scene
from journeymap.views.pages.executive_page import Cohorts, cohorts
from journeymap.views.pages.page_table import Cell, Column, PageTable, define, make_table
from journeymap.views.svg import svg
from journeymap.views.text_fit import shown
from journeymap.views.wording import (
    MISSING,
    count_text,
    element_name,
    interval_text,
    period_name,
    share_text,
    wait_text,
)

if TYPE_CHECKING:
    from journeymap.analysis import FunnelAnswer, Overview, PathsAnswer
    from journeymap.analysis.answers import Answer

__all__ = [
    "FunnelBar", "ShownSlice", "answer_tables", "dwell_table", "funnel_bars", "key_journeys_table",
    "show_slices",
]  # fmt: skip

_STRONGEST = 4
_ROWS = 50


@frozen
class FunnelBar:
    """A step of the funnel as a bar.

    Attributes:
        name: The stage.
        phase: The half of the loop.
        count: How many reach it.
        percent: Their share of those at the first step.
        width: The width of the bar in percent.
        step: The share of the step before.
        interval: The 95 % interval of the share.
    """

    name: str
    phase: str
    count: str
    percent: str
    width: str
    step: str
    interval: str


@frozen
class ShownSlice:
    """One choice of segment and period.

    Attributes:
        segment: The segment (empty: all).
        period: The period as it is named (empty: the whole log).
        journeys: How many journeys there are.
        flow: The flow as SVG (empty: there is none).
        funnel: The funnel.
        cohorts: Who came back (None: not of a period, which has one cohort).
    """

    segment: str
    period: str
    journeys: str
    flow: str
    funnel: list[FunnelBar]
    cohorts: Cohorts | None


def show_slices(overview: Overview) -> list[ShownSlice]:
    """Draw the flow and the funnel of all together, and of each segment and period.

    Args:
        overview: The answers.

    Returns:
        All together first.
    """
    paths = overview.paths
    journeys = sum(row.count for row in paths or () if row.step == 1)
    whole = ShownSlice("", "", count_text(journeys), _flow(overview, paths),
                       funnel_bars(overview, overview.funnel),
                       cohorts(overview.retention, overview.every, None))  # fmt: skip
    rest = [
        ShownSlice(
            shown(one.segment or ""),
            "" if one.period is None else period_name(one.period, overview.every),
            count_text(one.journeys), _flow(overview, one.paths),
            funnel_bars(overview, one.funnel),
            cohorts(one.retention, overview.every, None),
        ) for one in overview.slices if one.segment is not None or one.period is not None
    ]  # fmt: skip
    return [whole, *rest]


def _flow(overview: Overview, paths: PathsAnswer | None) -> str:
    """Draw the ways that customers take, if any took one."""
    if paths is None or not len(paths):
        return ""
    journey = None if overview.drafted else overview.map  # halves that are guessed are no colour
    return svg(
        flow_scene(paths, journey, strongest=_STRONGEST, heading=False), frame=False, styled=False
    )


def funnel_bars(overview: Overview, answer: FunnelAnswer | None) -> list[FunnelBar]:
    """Lay out a funnel as bars.

    Args:
        overview: The answers, for names.
        answer: The funnel (None: there is none).

    Returns:
        A bar for each step.
    """
    stages = overview.map.stages
    return [
        FunnelBar(
            shown(stages[row.element].name), stages[row.element].phase.customer,
            count_text(row.count), _percent(row.share), f"{max(100 * (row.share or 0), 0.5):.1f}",
            _percent(row.share_previous), interval_text(row.low, row.high, share=True),
        ) for row in answer or ()
    ]  # fmt: skip


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.0f} %"


def dwell_table(overview: Overview) -> PageTable | None:
    """List how long customers stay in each stage."""
    answer = overview.dwell
    if answer is None:
        return None
    kind = answer.Row
    named = [(title, f"dwell_{title.lower()}") for title in ("Mean", "Median", "p90")]
    columns = [Column("Stage", numeric=False), Column("Stays", define(kind, "count")),
               *(Column(title, define(kind, name)) for title, name in named)]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [element_name(overview, row.element), count_text(row.count),
         *(wait_text(getattr(row, name)) for _, name in named)]
        for row in answer
    ]  # fmt: skip
    return make_table("How long customers stay in a stage.", columns, rows)


def key_journeys_table(overview: Overview) -> PageTable | None:
    """List how the key journeys go."""
    answer = overview.key_journeys
    if answer is None:
        return None
    kind = answer.Row
    columns = [Column("Key journey", numeric=False), *(Column(title, define(kind, name))
               for title, name in (("Begun", "count"), ("Completed", "completed"),
                                   ("Given up", "given_up"), ("Open", "open"),
                                   ("Success", "share"), ("95 % interval", "low"), ("Of", "n"),
                                   ("Median time", "time_median"), ("p90", "time_p90"),
                                   ("Steps", "effort")))]  # fmt: skip
    rows = [
        (element_name(overview, row.journey), count_text(row.count),
         count_text(row.completed),
         count_text(row.given_up), count_text(row.open),
         share_text(row.share), interval_text(row.low, row.high, share=True),
         count_text(row.n), wait_text(row.time_median),
         wait_text(row.time_p90),
         "–" if row.effort is None else f"{row.effort:.1f}")
        for row in answer
    ]  # fmt: skip
    return make_table("How the key journeys go.", columns, rows)


def answer_tables(overview: Overview, *, people: bool) -> Iterator[PageTable | str]:
    """Lay out the answers to further questions, as they show themselves.

    Args:
        overview: The answers.
        people: Whether customers are named.

    Yields:
        A table for each, whose notes are its caption; words in the place of one that names
        customers and may not.
    """
    for place, answer in enumerate(overview.asked):
        if place in overview.naming and not people:
            named = type(answer.question).__name__
            yield f"The answer to {named} names customers; it is shown with people=True alone."
            continue
        header, *rows = answer.show(_ROWS).text_rows()
        columns = [Column(name, define(answer.row_class, name), numeric=_numeric(answer, name))
                   for name in header]  # fmt: skip
        title = type(answer.question).__name__ if answer.question is not None else "Answer"
        more = len(answer) - len(rows)
        rest = f" {more:,} more rows." if more > 0 else ""
        caption = ". ".join([title, *answer.notes()]) + "." + rest
        table = make_table(shown(caption), columns, [[shown(text) for text in row] for row in rows])
        if table is not None:
            yield table


def _numeric(answer: Answer[Any], name: str) -> bool:
    return name in answer.frame.columns and answer.frame.schema[name].is_numeric()
