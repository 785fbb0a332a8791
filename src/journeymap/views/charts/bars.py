"""Bars with intervals, alone or side by side for segments."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import polars as pl
from attrs import evolve, frozen

from journeymap.analysis import (
    AttributionAnswer,
    DeviationsAnswer,
    DwellAnswer,
    FunnelAnswer,
    KeyJourneysAnswer,
    LiftAnswer,
    LoopsAnswer,
    NextStepAnswer,
    PathsAnswer,
    RemainingTimeAnswer,
    RevenueAnswer,
    TransitionsAnswer,
    VariantsAnswer,
)
from journeymap.analysis.answers import Answer
from journeymap.views.charts.figures import (
    MAX_ROWS,
    Scale,
    Unit,
    currency_of,
    cut_rows,
    join_keys,
    label_rows,
    scale_of,
    write_count,
)
from journeymap.views.charts.theme import WIDTH
from journeymap.views.tokens import Tokens

__all__ = ["Bars", "bars_of", "draw_bars", "draw_grouped_bars"]

_HEIGHT = 26


@frozen
class Bars:
    """The bars of an answer: what they show, and how long they are.

    Attributes:
        title: What they show.
        keys: The fields that name a row.
        value: The field that is the length.
        unit: What it is.
        low: The field that is the lower bound of its interval.
        high: The upper bound of it.
        ordered: Whether rows keep their order; otherwise the greatest is first.
        color: The token.
        rank: The field by which the rows that are shown are chosen (None: the length).
    """

    title: str
    keys: tuple[str, ...]
    value: str
    unit: Unit
    low: str | None = None
    high: str | None = None
    ordered: bool = False
    color: str = "buy"
    rank: str | None = None


_BARS: dict[type[Any], Bars] = {
    FunnelAnswer: Bars("How many reach each step", ("step", "element"), "share", "share",
                       "low", "high", ordered=True),
    LoopsAnswer: Bars("Where customers go dormant", ("element",), "leak_share", "share", "low",
                      "high", ordered=True, color="bad"),
    KeyJourneysAnswer: Bars("Key journeys that are completed", ("journey",), "share", "share",
                            "low", "high", ordered=True, color="own"),
    DwellAnswer: Bars("How long customers stay: median, and up to the 90th percentile",
                      ("element",), "dwell_median", "seconds", None, "dwell_p90"),
    TransitionsAnswer: Bars("What follows what", ("source", "target"), "count", "count"),
    VariantsAnswer: Bars("The ways that customers take", ("path",), "customers", "count"),
    PathsAnswer: Bars("Which ways customers take, step by step", ("step", "source", "target"),
                      "count", "count", ordered=True),
    AttributionAnswer: Bars("What earns the credit", ("element",), "share", "share", "low",
                            "high"),
    RevenueAnswer: Bars("Net revenue", ("element",), "net", "amount"),
    NextStepAnswer: Bars("What comes next", ("path", "element"), "share", "share",
                         rank="count"),
    LiftAnswer: Bars("How many reach the goal", ("group",), "share", "share", "low", "high",
                     ordered=True),
    RemainingTimeAnswer: Bars("How long it takes from here: median, and where 80 % lie",
                              ("element",), "median", "seconds", "low", "high"),
}  # fmt: skip


def bars_of(answer: Answer[Any]) -> Bars | None:
    """Find what the bars of an answer are (None: bars do not show it)."""
    if isinstance(answer, DeviationsAnswer):
        return _deviations(answer)
    found = _BARS.get(type(answer))
    if found is None:
        return None
    frame = answer.frame
    if len(frame) and not frame[found.value].count() and "count" in frame.columns:
        return evolve(found, title=f"{found.title}: not known; how many there are", value="count",
                      unit="count", low=None, high=None)  # fmt: skip
    return found


def _deviations(answer: DeviationsAnswer) -> Bars:
    """Show deviations by the money at stake, or else by the time lost, or by how many there are."""
    keys = ("journey", "element", "kind")
    if answer.frame["value_at_stake"].count():
        title = "Value at stake where key journeys depart from their plan"
        return Bars(title, keys, "value_at_stake", "amount", color="bad")
    if answer.frame["time_lost"].count():
        title = "Time lost where key journeys depart from their plan"
        return Bars(title, keys, "time_lost", "seconds", color="bad")
    return Bars("Where key journeys depart from their plan", keys, "share", "share", "low", "high",
                color="bad")  # fmt: skip


def draw_bars(answer: Answer[Any], bars: Bars, tokens: Tokens) -> Any:
    """Draw the bars of an answer, each with its interval and its number."""
    frame = answer.frame.filter(pl.col(bars.value).is_not_null())
    unit = scale_of(bars.unit, frame[bars.value], currency_of(answer))
    frame, cut = cut_rows(frame, None if bars.ordered else bars.rank or bars.value)
    labels = join_keys(frame, bars.keys, sized=bars.unit in ("share", "seconds"))
    plotted = _measured(frame, bars, unit, pl.Series(labels, dtype=pl.String))
    if not bars.ordered:
        plotted = plotted.sort("value", descending=True, maintain_order=True)
    y = alt.Y("label:N", sort=plotted["label"].to_list(), title=None)
    axis = _axis(plotted, unit)
    base = alt.Chart(plotted)
    layers: list[Any] = [
        base.mark_bar(color=getattr(tokens, bars.color), height=16).encode(
            x=alt.X("value:Q", axis=axis), y=y,
            tooltip=_tooltip(plotted, unit.format),
        )
    ]  # fmt: skip
    if "high" in plotted.columns:
        layers.append(base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(
            x=alt.X("low:Q", axis=axis), x2="high:Q", y=y))  # fmt: skip
    layers.append(base.mark_text(align="left", dx=6, color=tokens.ink, fontSize=12).encode(
        x=alt.X("end:Q", axis=axis), y=y,
        text=alt.Text("value:Q", format=unit.format)))  # fmt: skip
    about = [one for one in (write_count(answer), cut) if one]
    return alt.layer(*layers).properties(
        title=alt.TitleParams(bars.title, subtitle="; ".join(about)),
        width=WIDTH, height=alt.Step(_HEIGHT),
    )  # fmt: skip


def draw_grouped_bars(
    answers: dict[str, Answer[Any]], bars: Bars, tokens: Tokens, cut: str
) -> Any:  # fmt: skip
    """Draw the bars of several segments side by side; ``cut`` names how many segments there are."""
    names = list(answers)
    frame = pl.concat([
        answer.frame.filter(pl.col(bars.value).is_not_null()).with_columns(
            pl.lit(name).alias("segment name")
        )
        for name, answer in answers.items()
    ])  # fmt: skip
    frame = frame.with_columns(label_rows(frame, bars.keys).alias("label"))
    order, fewer = _greatest(frame, bars)
    frame = frame.filter(pl.col("label").is_in(order))
    unit = scale_of(bars.unit, frame[bars.value], currency_of(next(iter(answers.values()))))
    plotted = _measured(frame, bars, unit, frame["label"]).with_columns(
        segment=frame["segment name"]
    )
    y = alt.Y("label:N", sort=order, title=None)
    offset = alt.YOffset("segment:N", sort=names)
    scale = alt.Scale(domain=names, range=list(tokens.segments[: len(names)]))
    axis = _axis(plotted, unit)
    base = alt.Chart(plotted)
    layers: list[Any] = [
        base.mark_bar().encode(
            x=alt.X("value:Q", axis=axis),
            y=y, yOffset=offset, tooltip=_tooltip(plotted, unit.format),
            color=alt.Color("segment:N", sort=names, title=None, scale=scale),
        )
    ]  # fmt: skip
    if "high" in plotted.columns:
        layers.append(base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(
            x=alt.X("low:Q", axis=axis), x2="high:Q", y=y, yOffset=offset))  # fmt: skip
    sizes = [f"{name} {_write_sizes(answer)}" for name, answer in answers.items()
             if _write_sizes(answer)]  # fmt: skip
    about = [f"n: {', '.join(sizes)}" if sizes else "", fewer, cut]
    return alt.layer(*layers).properties(
        title=alt.TitleParams(bars.title, subtitle="; ".join(one for one in about if one)),
        width=WIDTH, height=alt.Step(max(12, 30 // max(1, len(names)))),
    )  # fmt: skip


def _write_sizes(answer: Answer[Any]) -> str:
    """Write the n of a segment, or between which numbers it lies."""
    if "n" not in answer.frame.columns:
        return ""
    low: Any = answer.frame["n"].min()
    high: Any = answer.frame["n"].max()
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _greatest(frame: pl.DataFrame, bars: Bars) -> tuple[list[str], str]:
    """Choose the labels that are shown of all segments, in order, and write what is left out."""
    order = list(dict.fromkeys(frame["label"].to_list()))
    if not bars.ordered:
        rank = pl.col(bars.rank or bars.value).abs().max()
        sizes = dict(frame.group_by("label").agg(rank).iter_rows())
        order.sort(key=lambda label: -sizes[label])
    fewer = f"the {MAX_ROWS} {'first' if bars.ordered else 'greatest'} of {len(order):,}"
    return order[:MAX_ROWS], fewer if len(order) > MAX_ROWS else ""


def _measured(frame: pl.DataFrame, bars: Bars, unit: Scale, labels: pl.Series) -> pl.DataFrame:
    """Give label, value, bounds and where the number stands."""
    columns: dict[str, Any] = {"label": labels, "value": pl.col(bars.value) / unit.factor}
    if bars.low or bars.high:
        columns["low"] = pl.col(bars.low or bars.value) / unit.factor
        columns["high"] = pl.col(bars.high or bars.value) / unit.factor
    made = frame.select(**columns)
    ends = [name for name in ("value", "high") if name in made.columns]
    return made.with_columns(end=pl.max_horizontal(*ends, pl.lit(0.0)))


def _axis(plotted: pl.DataFrame, unit: Scale) -> alt.Axis:
    """Make the axis of numbers, the same for each layer: few whole numbers have a tick each.

    Of several axes the ticks of one would be lost, and a least step is not kept by itself.
    """
    highest: Any = plotted["end"].max()
    ticks: Any = alt.Undefined
    if unit.step and highest is not None and highest <= 6 * unit.step:
        ticks = [one * unit.step for one in range(math.ceil(highest / unit.step) + 1)]
    return alt.Axis(format=unit.format, tickCount=6, tickMinStep=unit.step,
                    title=unit.words or None, values=ticks)  # fmt: skip


def _tooltip(frame: pl.DataFrame, pattern: str) -> list[alt.Tooltip]:
    numbers = [name for name in ("value", "low", "high") if name in frame.columns]
    names = ["label", *(["segment"] if "segment" in frame.columns else [])]
    return [*(alt.Tooltip(f"{name}:N") for name in names),
            *(alt.Tooltip(f"{name}:Q", format=pattern) for name in numbers)]  # fmt: skip
