"""Bars with intervals, alone or side by side for segments."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
from attrs import evolve, frozen

from journeymap.analysis import (
    AttributionAnswer,
    DeviationsAnswer,
    DwellAnswer,
    FunnelAnswer,
    InvestmentsAnswer,
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
from journeymap.views.charts.figures import Unit, cut_rows, join_keys, scale_of, write_count
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
    InvestmentsAnswer: Bars("Change of metrics since investments", ("department", "what", "metric"),
                            "change", "number", "change_low", "change_high"),
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
        # A log without times has no waits to show.
        return evolve(found, value="count", unit="count", low=None, high=None)
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
    frame, cut = _plotted(answer, bars)
    unit = scale_of(bars.unit, answer.frame[bars.value], getattr(answer, "currency", None))
    labels = frame["label"].to_list()
    y = alt.Y("label:N", sort=labels, title=None)
    axis = alt.Axis(format=unit.format, tickCount=6)
    scale = alt.Scale(zero=True, nice=True)
    base = alt.Chart(frame)
    layers: list[Any] = [
        base.mark_bar(color=getattr(tokens, bars.color), height=16).encode(
            x=alt.X("value:Q", title=unit.words or None, axis=axis, scale=scale), y=y,
            tooltip=_tooltip(frame, unit.format),
        )
    ]  # fmt: skip
    if "high" in frame.columns:
        layers.append(base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(
            x="low:Q", x2="high:Q", y=y))  # fmt: skip
    layers.append(base.mark_text(align="left", dx=6, color=tokens.ink, fontSize=12).encode(
        x=alt.X("end:Q"), y=y, text=alt.Text("value:Q", format=unit.format)))  # fmt: skip
    about = [one for one in (write_count(answer), cut) if one]
    return alt.layer(*layers).properties(
        title=alt.TitleParams(bars.title, subtitle="; ".join(about)),
        width=WIDTH, height=alt.Step(_HEIGHT),
    )  # fmt: skip


def draw_grouped_bars(answers: dict[str, Answer[Any]], bars: Bars, tokens: Tokens) -> Any:
    """Draw the bars of several segments side by side."""
    parts = [
        _plotted(answer, bars, sized=False)[0].with_columns(pl.lit(name).alias("segment"))
        for name, answer in answers.items()
    ]
    frame = pl.concat(parts, how="diagonal")
    unit = scale_of(bars.unit, frame["value"], None)
    unit = evolve(unit, factor=1.0, words=_words(bars, answers))
    names = list(answers)
    labels = list(dict.fromkeys(frame["label"].to_list()))
    y = alt.Y("label:N", sort=labels, title=None)
    offset = alt.YOffset("segment:N", sort=names)
    color = alt.Color(
        "segment:N",
        sort=names,
        title=None,
        scale=alt.Scale(domain=names, range=list(tokens.segments[: len(names)])),
    )
    base = alt.Chart(frame)
    layers: list[Any] = [
        base.mark_bar().encode(
            x=alt.X("value:Q", title=unit.words or None, axis=alt.Axis(format=unit.format)),
            y=y, yOffset=offset, color=color, tooltip=_tooltip(frame, unit.format),
        )
    ]  # fmt: skip
    if "high" in frame.columns:
        layers.append(base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(
            x="low:Q", x2="high:Q", y=y, yOffset=offset))  # fmt: skip
    sizes = [f"{name} {count}" for name, answer in answers.items()
             if (count := write_count(answer).removeprefix("n = "))]  # fmt: skip
    return alt.layer(*layers).properties(
        title=alt.TitleParams(bars.title, subtitle=f"n: {', '.join(sizes)}" if sizes else ""),
        width=WIDTH, height=alt.Step(max(12, 30 // max(1, len(names)))),
    )  # fmt: skip


def _words(bars: Bars, answers: dict[str, Answer[Any]]) -> str:
    together = pl.concat([answer.frame[bars.value].cast(pl.Float64) for answer in answers.values()])
    return scale_of(bars.unit, together).words


def _plotted(
    answer: Answer[Any], bars: Bars, *, sized: bool = True
) -> tuple[pl.DataFrame, str]:  # fmt: skip
    """Give label, value, bounds and where the number stands, of the rows that are shown."""
    frame = answer.frame.filter(pl.col(bars.value).is_not_null())
    unit = scale_of(bars.unit, frame[bars.value])
    frame, cut = cut_rows(frame, None if bars.ordered else bars.rank or bars.value)
    sized = sized and bars.unit in ("share", "seconds")
    labels = join_keys(frame, bars.keys, sized=sized)
    columns: dict[str, Any] = {"label": pl.Series(labels, dtype=pl.String),
               "value": pl.col(bars.value) / unit.factor}  # fmt: skip
    if bars.low or bars.high:
        columns["low"] = pl.col(bars.low or bars.value) / unit.factor
        columns["high"] = pl.col(bars.high or bars.value) / unit.factor
    made = frame.select(**columns)
    if not bars.ordered:
        made = made.sort("value", descending=True, maintain_order=True)
    ends = [name for name in ("value", "high") if name in made.columns]
    return made.with_columns(end=pl.max_horizontal(*ends, pl.lit(0.0))), cut


def _tooltip(frame: pl.DataFrame, pattern: str) -> list[alt.Tooltip]:
    numbers = [name for name in ("value", "low", "high") if name in frame.columns]
    names = ["label", *(["segment"] if "segment" in frame.columns else [])]
    return [*(alt.Tooltip(f"{name}:N") for name in names),
            *(alt.Tooltip(f"{name}:Q", format=pattern) for name in numbers)]  # fmt: skip
