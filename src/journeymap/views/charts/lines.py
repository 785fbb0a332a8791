"""Lines over time: trends with bands, and repeat purchases beside what a model expects."""

from __future__ import annotations

from datetime import date
from typing import Any

import altair as alt
import polars as pl
from attrs import evolve, frozen

from journeymap.analysis import (
    BreakdownAnswer,
    DistributionAnswer,
    FunnelAnswer,
    LifetimeValueAnswer,
    PositionsAnswer,
    RecommendationAnswer,
    SatisfactionAnswer,
    SignalsAnswer,
    TrendAnswer,
)
from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.segments import attribute_of
from journeymap.analysis.row_fields import fields_of
from journeymap.views.charts.bars import bars_of
from journeymap.views.charts.figures import Unit, currency_of, label_rows, scale_of
from journeymap.views.charts.others import write_bin
from journeymap.views.charts.theme import PERIODS, WIDTH
from journeymap.views.tokens import Tokens

__all__ = ["MainNumber", "draw_cumulative", "draw_trend", "main_number"]

_MAX_LINES = 6
_STEPS = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
_BANDS = 2  # lines up to which intervals are drawn


@frozen
class MainNumber:
    """The number of an answer that is followed over time.

    Attributes:
        keys: The fields that name a row.
        value: The field.
        unit: What it is.
        low: The field that is the lower bound of its interval.
        high: The upper bound of it.
        title: What it is, in words.
        currency: The currency of amounts.
    """

    keys: tuple[str, ...]
    value: str
    unit: Unit
    low: str | None
    high: str | None
    title: str
    currency: str | None = None


_UNITS: dict[str, Unit] = {"share": "share", "seconds": "seconds", "total seconds": "seconds",
                           "amount": "amount", "count": "count", "mean": "number", "n": "count",
                           "points": "share"}  # fmt: skip


def main_number(answer: Answer[Any]) -> MainNumber:
    """Find the number that is followed: that of the bars, or else the first share or mean."""
    bars = bars_of(answer)
    if bars is not None:
        high = bars.high if bars.low else None
        return MainNumber(bars.keys, bars.value, bars.unit, bars.low, high, bars.title)
    declared = fields_of(answer.row_class)
    keys = tuple(name for name, one in declared.items() if one.kind == "key")
    for kinds in (("share",), ("mean",), ("seconds", "amount"), ("count", "n")):
        for name, one in declared.items():
            if one.kind in kinds and answer.frame[name].count():
                bounds = [other for other, two in declared.items()
                          if two.kind == "bound" and two.of == name]  # fmt: skip
                low, high = bounds if len(bounds) == 2 else (None, None)
                words = name.replace("_", " ").capitalize()
                return MainNumber(keys, name, _UNITS[one.kind], low, high, words)
    return MainNumber(keys, next(iter(declared)), "count", None, None, "Nothing")


def draw_trend(answer: TrendAnswer, tokens: Tokens) -> Any:
    """Draw a number over periods, one line for each row; the period in progress is dashed.

    Scores of different kinds have axes of their own.
    """
    frame, main = _over_time(answer)
    if not len(frame):
        return None
    if "kind" not in frame.columns:
        return _lines(answer, frame, main, tokens)
    kinds = list(dict.fromkeys(frame["kind"].to_list()))
    drawn = [
        _lines(answer, frame.filter(pl.col("kind") == kind),
               evolve(main, title=kind.upper() if kind != "emotion" else "Emotion"), tokens)
        for kind in kinds
    ]  # fmt: skip
    if len(drawn) == 1:
        return drawn[0]
    return alt.vconcat(*drawn, spacing=28).resolve_scale(color="independent").properties(
        title=alt.TitleParams("How satisfied customers are")
    )  # fmt: skip


def _lines(answer: TrendAnswer, frame: pl.DataFrame, main: MainNumber, tokens: Tokens) -> Any:
    kept = _largest(frame, main)
    number = frame["label"].n_unique()
    cut = "" if len(kept) == number else f"the {len(kept)} greatest of {number:,}"
    periods = _periods(answer)
    frame = _filled(frame.filter(pl.col("label").is_in(kept)), answer, periods, main)
    unit = scale_of(main.unit, frame["value"], main.currency)
    numbers = [name for name in ("value", "low", "high") if name in frame.columns]
    frame = frame.with_columns(pl.col(name) / unit.factor for name in numbers)
    x = alt.X("period:O", title=_period_words(answer), axis=PERIODS,
              scale=alt.Scale(domain=periods))  # fmt: skip
    y = alt.Y("value:Q", title=unit.words or None, scale=alt.Scale(zero=main.unit != "number"),
              axis=alt.Axis(format=unit.format, tickMinStep=unit.step))  # fmt: skip
    colors = list(tokens.segments)[: len(kept)] if len(kept) > 1 else [tokens.buy]
    color = alt.Color("label:N", sort=kept, title=None,
                      scale=alt.Scale(domain=kept, range=colors),
                      legend=alt.Legend(columns=3) if len(kept) > 1 else None)  # fmt: skip
    whole, *parted = _parted(frame)
    layers: list[Any] = []
    if "low" in frame.columns and len(kept) <= _BANDS:
        layers.append(alt.Chart(frame).mark_area(opacity=0.16).encode(
            x=x, y=alt.Y("low:Q"), y2="high:Q", color=color))  # fmt: skip
    tips = [alt.Tooltip("label:N"), alt.Tooltip("period:O"),
            *(alt.Tooltip(f"{name}:Q", format=unit.format) for name in numbers)]  # fmt: skip
    layers.append(alt.Chart(whole).mark_line(point={"size": 36}).encode(
        x=x, y=y, color=color, tooltip=tips))  # fmt: skip
    for some in parted:
        if not some["complete"].all():
            layers.append(alt.Chart(some).mark_line(strokeDash=[5, 4], point={"size": 36}).encode(
                x=x, y=y, color=color, tooltip=tips))  # fmt: skip
    begun, ended = (not some["complete"].all() for some in parted)
    several = frame.filter(~pl.col("complete"))["period"].n_unique() > 1
    words = "dashed: periods of which a part is known" if begun or (ended and several) else (
        "dashed: the period in progress" if ended else ""
    )  # fmt: skip
    about = [cut, words]
    return alt.layer(*layers).properties(
        title=alt.TitleParams(main.title, subtitle="; ".join(one for one in about if one)),
        width=WIDTH, height=280,
    )  # fmt: skip


def _parted(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Part complete periods, and those before and after them with the nearest complete one."""
    whole = frame.filter(pl.col("complete"))
    first = whole.select(pl.col("period").min()).item()
    early = ~pl.col("complete") & (pl.col("period") < first if first is not None else False)
    late = ~pl.col("complete") & ~early
    groups = whole.group_by("label", maintain_order=True)
    return (
        whole,
        pl.concat([frame.filter(early), groups.first().select(frame.columns)]),
        pl.concat([groups.last().select(frame.columns), frame.filter(late)]),
    )


def _period_words(answer: TrendAnswer) -> str | None:
    """Write what a period holds, where that is not what happened in it."""
    if answer.question is None:
        return None
    attribute = answer.question.attribute or attribute_of(answer.question.question)
    return "period in which journeys began" if attribute == "first" else None


def _periods(answer: TrendAnswer) -> list[str]:
    """List all periods from the first to the last, also those in which nothing happened."""
    met = sorted({str(period) for period in answer.frame["period"].to_list()})
    every = None if answer.question is None else answer.question.every
    if every not in _STEPS or len(met) < 2:
        return met
    first, last = date.fromisoformat(met[0]), date.fromisoformat(met[-1])
    found = pl.date_range(first, last, interval=_STEPS[every], eager=True)
    return sorted({*met, *(day.isoformat() for day in found.to_list())})


def _filled(
    frame: pl.DataFrame, answer: TrendAnswer, periods: list[str], main: MainNumber
) -> pl.DataFrame:
    """Add the periods in which a line has no row: nothing happened, or nothing is known of it."""
    done = {str(period): complete for period, complete
            in answer.frame.select("period", "complete").iter_rows()}  # fmt: skip
    grid = pl.DataFrame({
        "label": [label for label in frame["label"].unique(maintain_order=True) for _ in periods],
        "period": periods * frame["label"].n_unique(),
    }).with_columns(
        complete=pl.col("period").replace_strict(done, default=True, return_dtype=pl.Boolean)
    )  # fmt: skip
    made = grid.join(frame.drop("complete"), on=["label", "period"], how="left",
                     maintain_order="left")  # fmt: skip
    if main.unit in ("count", "amount") and not main.low:
        made = made.with_columns(pl.col("value").fill_null(0.0))
    return made.select([*frame.columns])


_COUNTED: dict[type[Any], str] = {
    PositionsAnswer: "Customers",
    RecommendationAnswer: "Customers who won others",
    SignalsAnswer: "Signals",
}
"""Answers whose rows are single customers or signals, which are counted."""


def _over_time(answer: TrendAnswer) -> tuple[pl.DataFrame, MainNumber]:
    """Give period, whether it is complete, label, value and bounds of every row."""
    inner = next((one for one in answer.answers.values() if len(one)), None)
    segments: tuple[str, ...] = ()
    if isinstance(inner, BreakdownAnswer):
        segments = (inner.frame.columns[0],)
        inner = next((one for one in inner.answers.values() if len(one)), None)
    frame = answer.frame
    if inner is None:
        return pl.DataFrame(), MainNumber((), "value", "count", None, None, "Nothing")
    words = next((words for kind, words in _COUNTED.items() if isinstance(inner, kind)), None)
    if words is not None:
        counted = frame.group_by("period", "complete", *segments, maintain_order=True).len("value")
        main = MainNumber((), "value", "count", None, None, words)
        frame = counted
    else:
        main = main_number(inner)
    if isinstance(inner, FunnelAnswer):  # everyone is at the first step
        frame = frame.filter(pl.col("step") > 1)
        if frame["element"].n_unique() == 1:
            main = evolve(main, title=f"How many reach {frame['element'][0]}")
    keys = (*segments, *(key for key in main.keys if frame[key].n_unique() > 1))
    columns: dict[str, Any] = {
        "period": pl.col("period").cast(pl.String), "complete": pl.col("complete"),
        "label": label_rows(frame, keys) if keys else pl.lit(main.title),
        "value": pl.col(main.value).cast(pl.Float64),
        "weight": pl.col(next(name for name in ("count", "n", "customers", main.value)
                               if name in frame.columns)).cast(pl.Float64),
    }  # fmt: skip
    if isinstance(inner, DistributionAnswer):
        columns["label"] = pl.Series(
            [write_bin(low, high, inner.unit) for low, high in
             frame.select("low", "high").iter_rows()], dtype=pl.String)  # fmt: skip
    if isinstance(inner, SatisfactionAnswer):
        columns |= {"kind": pl.col("kind")}
        columns["label"] = label_rows(
            frame, tuple(key for key in keys if key != "kind") or ("kind",)
        )
    if main.low and main.high:
        columns |= {"low": pl.col(main.low), "high": pl.col(main.high)}
    main = evolve(main, currency=currency_of(inner))
    return frame.select(**columns).filter(pl.col("value").is_not_null()), main


def _largest(frame: pl.DataFrame, main: MainNumber) -> list[str]:
    """Choose the labels of most weight, in the order in which they come."""
    order = list(dict.fromkeys(frame["label"].to_list()))
    by = "value" if main.unit in ("count", "amount") else "weight"
    sums = dict(frame.group_by("label").agg(pl.col(by).abs().sum()).iter_rows())
    kept = set(sorted(order, key=lambda label: -(sums[label] or 0.0))[:_MAX_LINES])
    return [label for label in order if label in kept]


def draw_cumulative(answer: LifetimeValueAnswer, tokens: Tokens) -> Any:
    """Draw the repeat purchases up to each week, beside those that the model expects."""
    rows = [
        {"week": week, "purchases": number, "which": which}
        for week, made, expected in answer.weekly
        for which, number in (("made", float(made)), ("expected by the model", expected))
    ]
    schema = {"week": pl.Int64, "purchases": pl.Float64, "which": pl.String}
    frame = pl.DataFrame(rows, schema=schema)
    names = ["made", "expected by the model"]
    color = alt.Color("which:N", sort=names, title=None,
                      scale=alt.Scale(domain=names, range=[tokens.ink, tokens.buy]))  # fmt: skip
    dash = alt.StrokeDash("which:N", sort=names, legend=None,
                          scale=alt.Scale(domain=names, range=[[1, 0], [6, 4]]))  # fmt: skip
    layers: list[Any] = [
        alt.Chart(frame).mark_line().encode(
            x=alt.X("week:Q", title="weeks since the first purchase of all",
                    axis=alt.Axis(format="d")),
            y=alt.Y("purchases:Q", title="repeat purchases so far", axis=alt.Axis(format=",.0f")),
            color=color, strokeDash=dash,
            tooltip=["which:N", "week:Q", alt.Tooltip("purchases:Q", format=",.0f")],
        )
    ]  # fmt: skip
    held = answer.holdout
    if held is not None and answer.weekly:
        cut = answer.customer_values["T"].max()  # of the first customer: from then to the cut
        place = pl.DataFrame({"week": [cut], "words": ["held out from here"]})
        layers.append(alt.Chart(place).mark_rule(color=tokens.ink_3, strokeDash=[2, 3]).encode(
            x="week:Q"))  # fmt: skip
        layers.append(alt.Chart(place).mark_text(
            align="left", dx=6, color=tokens.ink_2, fontSize=12, y=10).encode(
            x="week:Q", text="words:N"))  # fmt: skip
    n = answer[0].n if len(answer) else 0
    return alt.layer(*layers).properties(
        title=alt.TitleParams("Repeat purchases, and what the model expects",
                              subtitle=f"n = {n:,} customers"),
        width=WIDTH, height=280,
    )  # fmt: skip
