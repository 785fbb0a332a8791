"""Intervals round "no difference": drivers and comparisons."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from journeymap.analysis import CompareAnswer, DriversAnswer
from journeymap.views.charts.figures import (
    choose_time_unit,
    currency_of,
    cut_rows,
    make_unique,
)
from journeymap.views.charts.theme import WIDTH
from journeymap.views.tokens import Tokens

__all__ = ["draw_compare", "draw_drivers"]

_SURE = 0.05
_MAX_MEASURES = 3


def draw_drivers(answer: DriversAnswer, tokens: Tokens) -> Any:
    """Draw how many times as likely the outcome is, with its interval, beside once."""
    frame, cut = cut_rows(answer.frame, None)
    frame = frame.select(label=pl.col("driver"), value=pl.col("ratio"), low=pl.col("low"),
                         high=pl.col("high"), customers=pl.col("customers"))  # fmt: skip
    ends = [1.0, *frame["low"].to_list(), *frame["high"].to_list()]
    low, high = min(ends) / 1.2, max(ends) * 1.2
    ticks = [size * step for size in (0.01, 0.1, 1, 10, 100) for step in (1, 2, 5)]
    axis = alt.Axis(format=",.2~f", values=[tick for tick in ticks if low <= tick <= high])
    x = alt.X("value:Q", title="times as likely (1: no difference)", axis=axis,
              scale=alt.Scale(type="log", nice=False, domain=[low, high]))  # fmt: skip
    about = [f"n = {answer.n:,} customers, {answer.outcomes:,} with the outcome", cut]
    return _layers(
        frame, x, 1.0, pl.col("value") > 1, (tokens.b, tokens.a), tokens,
        alt.TitleParams(f"Who is likelier to {answer.outcome}",
                        subtitle="; ".join(one for one in about if one)),
    )  # fmt: skip


def draw_compare(answer: CompareAnswer, tokens: Tokens) -> Any:
    """Draw the differences of each measure with their intervals (None: none has one)."""
    frame = answer.frame.drop_nulls(("difference", "low", "high"))
    every = list(dict.fromkeys(frame["measure"].to_list()))
    measures = every[:_MAX_MEASURES]
    fewer = f"{len(measures)} of {len(every)} measures" if len(every) > len(measures) else ""
    one, other = answer.names
    made = []
    for measure in measures:
        rows, cut = cut_rows(frame.filter(pl.col("measure") == measure), "difference")
        kinds = {answer.field_in(row, "difference").kind for row in rows.to_dicts()}
        factor, unit = 1.0, ""
        if kinds <= {"share", "points"}:
            factor, unit = 0.01, " (pp)"
        elif kinds & {"seconds", "total seconds"}:
            factor, words = choose_time_unit(rows["difference"])
            unit = f" ({words})"
        elif kinds <= {"amount"} and currency_of(answer.a):
            unit = f" ({currency_of(answer.a)})"
        plotted = rows.select(
            label=pl.Series(_write_what(rows), dtype=pl.String),
            value=pl.col("difference") / factor, low=pl.col("low") / factor,
            high=pl.col("high") / factor, sure=pl.col("p_adjusted") < _SURE,
        )  # fmt: skip
        axis = alt.Axis(format="+,.3~r", tickCount=6)
        x = alt.X("value:Q", title=f"{other} less {one}{unit}", axis=axis)
        words = f"{measure.replace('_', ' ').capitalize()}: {other} beside {one}"
        about = [part for part in ("grey: no more than chance", cut, fewer) if part]
        made.append(_layers(
            plotted, x, 0.0, pl.col("value") > 0, (tokens.b, tokens.a), tokens,
            alt.TitleParams(words, subtitle="; ".join(about)),
        ))  # fmt: skip
    if not made:
        return None
    return made[0] if len(made) == 1 else alt.vconcat(*made, spacing=28)


def _write_what(frame: pl.DataFrame) -> list[str]:
    """Write what is compared; a step is written before its element."""
    found = []
    for keys in frame["what"].to_list():
        first, *rest = [str(key) for key in keys] or [""]
        found.append(f"{first}. {' → '.join(rest)}" if first.isdigit() and rest
                     else " → ".join([first, *rest]))  # fmt: skip
    return make_unique(found)


def _layers(
    frame: pl.DataFrame, x: alt.X, nothing: float, above: pl.Expr, colors: tuple[str, str],
    tokens: Tokens, title: alt.TitleParams,
) -> Any:  # fmt: skip
    """Draw points with intervals round a line of no difference."""
    up, down = colors
    color = pl.when(above).then(pl.lit(up)).otherwise(pl.lit(down))
    if "sure" in frame.columns:
        color = pl.when(pl.col("sure").fill_null(value=False)).then(color).otherwise(
            pl.lit(tokens.ink_3))  # fmt: skip
    frame = frame.with_columns(color=color)
    labels = frame["label"].to_list()
    y = alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(grid=True, gridDash=[1, 3]))
    ends = alt.Color("color:N", scale=None)
    base = alt.Chart(frame)
    line = alt.Chart(pl.DataFrame({"at": [nothing]})).mark_rule(
        color=tokens.ink, strokeWidth=1.5
    ).encode(x="at:Q")  # fmt: skip
    numbers = [name for name in ("value", "low", "high", "customers") if name in frame.columns]
    tips = [alt.Tooltip("label:N"), *(alt.Tooltip(f"{name}:Q") for name in numbers)]
    return alt.layer(
        line,
        base.mark_rule(strokeWidth=2.5).encode(x="low:Q", x2="high:Q", y=y, color=ends),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y, color=ends, tooltip=tips),
    ).properties(title=title, width=WIDTH, height=alt.Step(28))  # fmt: skip
