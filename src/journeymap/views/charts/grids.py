"""Grids of cells: cohorts by period, handoffs as a matrix, classes of customers."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from journeymap.analysis import HandoffsAnswer, RetentionAnswer, RfmAnswer
from journeymap.views.charts.figures import scale_of
from journeymap.views.charts.theme import crossing, sequential
from journeymap.views.tokens import Tokens

__all__ = ["draw_handoffs", "draw_retention", "draw_rfm"]

_CELL = 44
_NARROW = 400  # pixels that a title needs
_MAX_COHORTS = 36
_MAX_DEPARTMENTS = 14


def draw_retention(answer: RetentionAnswer, tokens: Tokens) -> Any:
    """Draw the share of each cohort that came back, period by period; cohorts with their size."""
    cohorts = list(dict.fromkeys(answer.frame["cohort"].to_list()))[-_MAX_COHORTS:]
    kept = answer.frame.filter(pl.col("cohort").is_in(cohorts))
    frame = kept.select(
        label=pl.Series(_sized(kept), dtype=pl.String),
        period=pl.col("period"),
        share=pl.col("share"), low=pl.col("low"), high=pl.col("high"), complete=pl.col("complete"),
    )  # fmt: skip
    labels = list(dict.fromkeys(frame["label"].to_list()))
    x = alt.X("period:O", title="periods since the first one",
              axis=alt.Axis(labelAngle=0, orient="top", ticks=False, domain=False))  # fmt: skip
    number = answer.frame["cohort"].n_unique()
    about = [f"{number} cohorts" if number == len(cohorts) else
             f"the last {len(cohorts)} of {number} cohorts"]  # fmt: skip
    if not frame["complete"].all():
        about.append("pale: the period is in progress")
    return _cells(
        frame, x, alt.Y("label:N", sort=labels, title=None), "share", ".0%", tokens,
        alt.TitleParams("Who comes back", subtitle="; ".join(about)),
        opacity=alt.condition("datum.complete", alt.value(1), alt.value(0.5)),
    )  # fmt: skip


def _sized(frame: pl.DataFrame) -> list[str]:
    """Write each cohort with its size."""
    rows = zip(frame["cohort"].to_list(), frame["n"].to_list(), strict=True)
    return [f"{cohort}  (n {n:,})" for cohort, n in rows]


def draw_handoffs(answer: HandoffsAnswer, tokens: Tokens) -> Any:
    """Draw from which department to which customers are handed, and how long they wait."""
    waits = bool(answer.frame["wait_mean"].count())
    frame = answer.frame
    busy = pl.concat([frame.select(name=pl.col(side), count=pl.col("count"))
                      for side in ("source", "target")])  # fmt: skip
    names = busy.group_by("name").sum().sort("count", "name", descending=[True, False])["name"]
    often = names.head(_MAX_DEPARTMENTS).to_list()
    frame = frame.filter(pl.col("source").is_in(often) & pl.col("target").is_in(often))
    total, drawn = answer.frame["count"].sum(), frame["count"].sum()
    about = f"{drawn:,} handoffs"
    if drawn < total:
        about = f"{drawn:,} of {total:,} handoffs, among {len(often)} of {len(names)} departments"
    unit = scale_of("seconds", frame["wait_mean"]) if waits else scale_of("count", frame["count"])
    value = (pl.col("wait_mean") / unit.factor) if waits else pl.col("count").cast(pl.Float64)
    frame = frame.select("source", "target", "count", value=value,
                         dropped=pl.col("drop_share"))  # fmt: skip
    title = "How long customers wait between departments" if waits else "Handoffs"
    words = f"color: mean wait in {unit.words}; " if waits else ""
    order = sorted(often)
    return _cells(
        frame.drop_nulls("value"),
        alt.X("target:N", sort=order, title="to",
              axis=alt.Axis(labelAngle=-40, orient="bottom", labelLimit=120, labelOverlap=False)),
        alt.Y("source:N", sort=order, title="from"), "value", unit.format, tokens,
        alt.TitleParams(title, subtitle=f"{words}{about}"),
    )  # fmt: skip


def draw_rfm(answer: RfmAnswer, tokens: Tokens) -> Any:
    """Draw how many customers are of each class of recency and frequency."""
    frame = answer.frame.select("recency", "frequency", value=pl.col("customers").cast(pl.Float64))
    return _cells(
        frame, alt.X("frequency:O", title="frequency (class, the most frequent at the right)",
                     axis=alt.Axis(labelAngle=0)),
        alt.Y("recency:O", sort="descending", title="recency (class, the latest on top)"), "value",
        ",.0f", tokens,
        alt.TitleParams("Customers by recency and frequency",
                        subtitle=f"n = {int(frame['value'].sum()):,} customers"),
    )  # fmt: skip


def _cells(
    frame: pl.DataFrame, x: alt.X, y: alt.Y, value: str, pattern: str, tokens: Tokens,
    title: alt.TitleParams, opacity: Any = alt.Undefined,
) -> Any:  # fmt: skip
    """Draw cells coloured by a number, with the number in them."""
    most = float(frame[value].max() or 0) or 1.0  # type: ignore[arg-type]
    names = [name for name in frame.columns if name not in ("complete", value)]
    base = alt.Chart(frame)
    cells = base.mark_rect(stroke=tokens.paper, strokeWidth=2).encode(
        x=x, y=y, opacity=opacity,
        color=alt.Color(f"{value}:Q", legend=None, scale=alt.Scale(
            domain=[0, most], range=sequential(tokens), interpolate="rgb")),
        tooltip=[*names, alt.Tooltip(f"{value}:Q", format=pattern)],
    )  # fmt: skip
    words = base.mark_text(fontSize=12).encode(
        x=x, y=y, text=alt.Text(f"{value}:Q", format=pattern),
        color=alt.condition(
            f"datum['{value}'] > {most * crossing(tokens)} && datum.complete !== false",
            alt.value(tokens.paper), alt.value(tokens.ink)),
    )  # fmt: skip
    columns = frame[str(x.shorthand).split(":")[0]].n_unique()
    return alt.layer(cells, words).properties(
        title=title, width=max(_CELL * columns, _NARROW), height=alt.Step(30)
    )
