"""Charts of one answer each: lifecycle, distribution, satisfaction, scorecard, effort, people."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from journeymap.analysis import (
    DistributionAnswer,
    EffortAndCostAnswer,
    InvestmentsAnswer,
    LifecycleAnswer,
    PositionsAnswer,
    RecommendationAnswer,
    SatisfactionAnswer,
    ScorecardAnswer,
    SignalsAnswer,
)
from journeymap.model.durations import span_text
from journeymap.views.charts.figures import join_keys, make_unique
from journeymap.views.charts.theme import PERIODS, WIDTH
from journeymap.views.tokens import Tokens
from journeymap.views.wording import number_text

__all__ = [
    "draw_distribution", "draw_effort", "draw_investments", "draw_lifecycle", "draw_positions",
    "draw_recommendation", "draw_satisfaction", "draw_scorecard", "write_bin",
]  # fmt: skip

_KINDS = ("nps", "csat", "ces", "emotion")
_TALL = 360  # pixels of a chart of points
_MOST = 16  # elements of a kind of score that are shown
_KIND_WORDS = {"nps": "NPS (−100 to 100)", "csat": "CSAT (top two boxes)",
               "ces": "CES (effort, mean)", "emotion": "Emotion (−1 to 1)"}  # fmt: skip


def draw_lifecycle(answer: LifecycleAnswer, tokens: Tokens) -> Any:
    """Draw those who are new, return and come back above zero, and those who fall silent below."""
    names = ("returning", "resurrecting", "new", "dormant")
    words = {"returning": "returning", "resurrecting": "back after a pause", "new": "new",
             "dormant": "gone dormant"}  # fmt: skip
    frame = answer.frame.drop("customers").unpivot(
        names, index="period", variable_name="which", value_name="customers"
    ).with_columns(
        signed=pl.when(pl.col("which") == "dormant").then(-pl.col("customers"))
        .otherwise(pl.col("customers")),
        which=pl.col("which").replace_strict(words),
        rank=pl.col("which").replace_strict({name: rank for rank, name in enumerate(names)}),
    )  # fmt: skip
    periods = answer.frame["period"].to_list()
    shown = [words[name] for name in names]
    colors = [tokens.own, tokens.segments[3], tokens.buy, tokens.bad]
    chart = alt.Chart(frame).mark_bar().encode(
        x=alt.X("period:O", sort=periods, title=None,
                axis=PERIODS),
        y=alt.Y("signed:Q", title="customers", axis=alt.Axis(format=",.0f")),
        color=alt.Color("which:N", sort=shown, title=None,
                        scale=alt.Scale(domain=shown, range=colors)),
        order="rank:Q",
        tooltip=["period:O", "which:N", alt.Tooltip("customers:Q", format=",.0f")],
    )  # fmt: skip
    zero = alt.Chart(pl.DataFrame({"at": [0]})).mark_rule(color=tokens.ink).encode(y="at:Q")
    return alt.layer(chart, zero).properties(
        title=alt.TitleParams("Customers who come, stay, come back and fall silent"),
        width=WIDTH, height=300,
    )  # fmt: skip


def draw_distribution(answer: DistributionAnswer, tokens: Tokens) -> Any:
    """Draw how often numbers lie within each bin, with the median and the 90th percentile."""
    labels = make_unique([
        write_bin(row["low"], row["high"], answer.unit) for row in answer.frame.to_dicts()
    ])  # fmt: skip
    frame = answer.frame.select(label=pl.Series(labels, dtype=pl.String), count=pl.col("count"),
                                share=pl.col("share"))  # fmt: skip
    base = alt.Chart(frame)
    x = alt.X("label:N", sort=labels, title=None,
              axis=alt.Axis(labelAngle=-40, labelOverlap=False))  # fmt: skip
    bars = base.mark_bar(color=tokens.buy).encode(
        x=x, y=alt.Y("share:Q", title="share", axis=alt.Axis(format=".0%")),
        tooltip=["label:N", alt.Tooltip("count:Q", format=",.0f"),
                 alt.Tooltip("share:Q", format=".1%")],
    )  # fmt: skip
    words = base.mark_text(dy=-8, color=tokens.ink, fontSize=12).encode(
        x=x, y="share:Q", text=alt.Text("share:Q", format=".0%")
    )  # fmt: skip
    n = int(answer.frame["n"][0]) if len(answer) else 0
    named = {"median": "median", "p50": "median", "p90": "90th percentile"}
    about = [f"n = {n:,}"]
    about += [
        f"{named[name]} {_write_number(value, answer.unit)}"
        for name, value in answer.quantiles.items()
        if name in named
    ]
    title = {"wait": "How long customers wait", "length": "How long journeys last",
             "interactions": "How many interactions journeys have",
             "value": "What journeys are worth"}.get(answer.of, answer.of)  # fmt: skip
    return alt.layer(bars, words).properties(
        title=alt.TitleParams(title, subtitle="; ".join(about)), width=WIDTH, height=260
    )


def write_bin(low: float | None, high: float | None, unit: str) -> str:
    """Write the edges of a bin."""
    if low is None and high is None:
        return "all"
    if low is None:
        return f"below {_write_number(high or 0.0, unit)}"
    if high is None:
        return f"from {_write_number(low, unit)}"
    return f"{_write_number(low, unit)} – {_write_number(high, unit)}"


def _write_number(number: float, unit: str) -> str:
    return span_text(number) if unit == "seconds" else f"{number:,.4g} {unit}".strip()


def draw_satisfaction(answer: SatisfactionAnswer, tokens: Tokens) -> Any:
    """Draw the scores of each kind by element, good and bad from the middle, with n."""
    made = []
    for kind in dict.fromkeys([*_KINDS, *answer.frame["kind"].to_list()]):
        frame = answer.frame.filter(pl.col("kind") == kind)
        if not len(frame):
            continue
        signed = kind in ("nps", "emotion")
        frame = frame.select(
            label=pl.Series(_sized(frame), dtype=pl.String),
            score=pl.col("score"), low=pl.col("low"), high=pl.col("high"),
        ).sort("score", descending=kind != "ces")  # fmt: skip
        cut = ""
        if len(frame) > _MOST:  # the best and the worst
            cut = f"the {_MOST // 2} best and worst of {len(frame)}"
            frame = pl.concat([frame.head(_MOST // 2), frame.tail(_MOST // 2)])
        share = kind == "csat"
        pattern = ".0%" if share else (",.0f" if kind == "nps" else ",.2~f")
        color: Any = alt.value(tokens.buy)
        if signed:
            color = alt.condition("0 > datum.score", alt.value(tokens.bad), alt.value(tokens.good))
        domain = {"nps": [-100, 100], "csat": [0, 1], "emotion": [-1, 1]}.get(kind)
        x = alt.X("score:Q", title=None, axis=alt.Axis(format=pattern, tickCount=5),
                  scale=alt.Scale(domain=domain) if domain else alt.Scale(zero=True))  # fmt: skip
        y = alt.Y("label:N", sort=frame["label"].to_list(), title=None)
        base = alt.Chart(frame)
        made.append(alt.layer(
            base.mark_bar(height=16).encode(
                x=x, y=y, color=color, tooltip=["label:N", alt.Tooltip("score:Q", format=pattern)]),
            base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y=y),
        ).properties(
            title=alt.TitleParams(_KIND_WORDS.get(kind, kind), subtitle=cut, fontSize=13),
            width=WIDTH, height=alt.Step(26),
        ))  # fmt: skip
    return alt.vconcat(*made, spacing=24).properties(
        title=alt.TitleParams("How satisfied customers are")
    )  # fmt: skip


def _sized(frame: pl.DataFrame) -> list[str]:
    rows = zip(frame["element"].to_list(), frame["n"].to_list(), strict=True)
    return make_unique(
        [f"{'all' if element is None else element}  (n {n:,})" for element, n in rows]
    )


def draw_scorecard(answer: ScorecardAnswer, tokens: Tokens) -> Any:
    """Draw the metrics of the last period as bullets: value, interval and target."""
    known = answer.frame.drop_nulls("value")
    done = known.filter(pl.col("complete").fill_null(value=True))
    known = done if len(done) else known
    period: Any = known["period"].max()
    frame = known.filter(pl.col("period").eq_missing(period))
    about = "bar: value, line: interval, tick: target"
    if period is not None:
        about = f"period of {period}{'' if len(done) else ', in progress'}; {about}"
    if not len(frame):
        return None
    colors = {"met": tokens.good, "missed": tokens.bad, "not sure": tokens.watch}
    made = []
    for row in frame.to_dicts():
        one = pl.DataFrame([{
            "label": row["metric"], "value": row["value"], "low": row["low"], "high": row["high"],
            "target": row["target"],
            "words": f"{number_text(row['value'])} {row['unit']}".strip()
            + (f", {row['verdict']}" if row["verdict"] else "") + f"  (n {row['n']:,})",
        }], schema={"label": pl.String, "value": pl.Float64, "low": pl.Float64,
                    "high": pl.Float64, "target": pl.Float64, "words": pl.String})  # fmt: skip
        y = alt.Y("label:N", title=None, axis=alt.Axis(minExtent=190, maxExtent=190))
        numbers = [
            row[name] for name in ("value", "high", "low", "target") if row[name] is not None
        ]
        domain = [min(0.0, *numbers), max(0.0, *numbers) * 1.08 or 1.0]
        x = alt.X("value:Q", title=None, scale=alt.Scale(domain=domain, nice=False), axis=None)
        base = alt.Chart(one)
        color = colors.get(row["verdict"] or "", tokens.ink_3)
        made.append(alt.layer(
            base.mark_bar(height=14, color=color).encode(x=x, y=y),
            base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y=y),
            base.mark_tick(color=tokens.ink, thickness=3, size=26).encode(x="target:Q", y=y),
            base.mark_text(align="left", color=tokens.ink, fontSize=12).encode(
                x=alt.value(WIDTH - 210), y=y, text="words:N"),
        ).properties(width=WIDTH - 220, height=30))  # fmt: skip
    return alt.vconcat(*made, spacing=4).properties(
        title=alt.TitleParams("The metrics of the map",
                              subtitle=about)
    )  # fmt: skip


def draw_investments(answer: InvestmentsAnswer, tokens: Tokens) -> Any:
    """Draw how metrics changed since investments, those of one unit on one axis."""
    frame = answer.frame.drop_nulls("change")
    made = []
    for unit in dict.fromkeys(frame["unit"].to_list()):
        rows = frame.filter(pl.col("unit").eq_missing(unit)).head(15)
        plotted = rows.select(
            label=pl.Series(join_keys(rows, ("department", "what", "metric"), sized=False),
                            dtype=pl.String),
            value=pl.col("change"), low=pl.col("change_low"), high=pl.col("change_high"),
        )  # fmt: skip
        y = alt.Y("label:N", sort=plotted["label"].to_list(), title=None)
        base = alt.Chart(plotted)
        x = alt.X("value:Q", title=f"change ({unit or 'no unit'})",
                  axis=alt.Axis(format="+,.3~r", tickCount=6))  # fmt: skip
        made.append(alt.layer(
            base.mark_bar(color=tokens.buy, height=16).encode(
                x=x, y=y, tooltip=["label:N", "value:Q", "low:Q", "high:Q"]),
            base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y=y),
        ).properties(width=WIDTH, height=alt.Step(26)))  # fmt: skip
    if not made:
        return None
    return alt.vconcat(*made, spacing=20).properties(
        title=alt.TitleParams("How metrics changed since investments",
                              subtitle="change is no proof of cause")
    )  # fmt: skip


def draw_effort(answer: EffortAndCostAnswer, tokens: Tokens) -> Any:
    """Draw what a contact asks of the customer beside what it costs the company."""
    priced = bool(answer.frame["cost_mean"].count())
    served = {"both": "serves both", "the customer": "serves the customer",
             "the company": "serves the company", "neither": "serves neither",
             "not sure": "not sure"}  # fmt: skip
    frame = answer.frame.select(
        element=pl.col("element"), effort=pl.col("effort"), low=pl.col("effort_low"),
        high=pl.col("effort_high"), cost=pl.col("cost_mean"), contacts=pl.col("contacts"),
        serves=pl.col("serves").replace_strict(served, default="not sure"),
    )  # fmt: skip
    shown = list(served.values())
    colors = [tokens.good, tokens.segments[0], tokens.watch, tokens.bad, tokens.ink_3]
    color = alt.Color("serves:N", sort=shown, title=None,
                      scale=alt.Scale(domain=shown, range=colors))  # fmt: skip
    words = "Whom each contact serves" if priced else "How much each contact asks of the customer"
    title = alt.TitleParams(words, subtitle=f"{frame['contacts'].sum():,} contacts")
    tips = ["element:N", "serves:N", "effort:Q", "cost:Q", "contacts:Q"]
    if not priced:
        y = alt.Y("element:N", sort=frame["element"].to_list(), title=None)
        base = alt.Chart(frame.head(20))
        return alt.layer(
            base.mark_bar(height=16, color=tokens.buy).encode(
                x=alt.X("effort:Q", title="burdens a contact", axis=alt.Axis(tickCount=6)), y=y,
                tooltip=tips),
            base.mark_rule(color=tokens.ink).encode(x="low:Q", x2="high:Q", y=y),
        ).properties(title=title, width=WIDTH, height=alt.Step(26))  # fmt: skip
    frame = _apart(frame.drop_nulls("cost"))
    base = alt.Chart(frame)
    most = float(frame["cost"].max() or 0) * 1.3 or 1.0  # type: ignore[arg-type]
    x = alt.X("cost:Q", title="cost of a contact", scale=alt.Scale(domain=[0, most]))
    y = alt.Y("effort:Q", title="burdens a contact")
    means = alt.Chart(pl.DataFrame({"cost": [answer.cost], "effort": [answer.effort]}))
    return alt.layer(
        means.mark_rule(color=tokens.ink_3, strokeDash=[3, 3]).encode(x="cost:Q"),
        means.mark_rule(color=tokens.ink_3, strokeDash=[3, 3]).encode(y="effort:Q"),
        base.mark_rule(color=tokens.ink_3, clip=True).encode(x=x, y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, opacity=1).encode(
            x=x, y=y, color=color, tooltip=tips,
            size=alt.Size("contacts:Q", legend=None, scale=alt.Scale(range=[50, 400]))),
        base.mark_text(align="left", dx=12, fontSize=12, color=tokens.ink).encode(
            x=x, y=y, text="shown:N"),
    ).properties(title=title, width=WIDTH, height=_TALL)  # fmt: skip


def _apart(frame: pl.DataFrame) -> pl.DataFrame:
    """Name the elements whose names have room, those of most contacts first."""
    wide = float(frame["cost"].max() or 1) * 1.3  # type: ignore[arg-type]
    high = float(frame["high"].max() or frame["effort"].max() or 1)  # type: ignore[arg-type]
    taken: list[tuple[float, float, float]] = []
    shown: dict[str, str] = {}
    for row in frame.sort("contacts", descending=True).to_dicts():
        left, y = row["cost"] / wide * WIDTH, row["effort"] / high * _TALL
        right = left + 16 + 7 * len(row["element"])
        if all(right < one or left > other or abs(y - at) > 16 for one, other, at in taken):
            taken.append((left, right, y))
            shown[row["element"]] = row["element"]
    return frame.with_columns(shown=pl.col("element").replace_strict(shown, default=""))


def draw_positions(answer: PositionsAnswer, tokens: Tokens) -> Any:
    """Draw how many customers stand at each stage, and how many of them are dormant."""
    frame = (
        answer.frame.with_columns(
            stage=pl.col("stage").fill_null("(no stage)"),
            state=pl.when("dormant").then(pl.lit("dormant")).otherwise(pl.lit("active")),
        )
        .group_by("stage", "state", maintain_order=True)
        .len("customers")
        .sort("stage", "state")
    )
    names = ["active", "dormant"]
    chart: Any = alt.Chart(frame).mark_bar(height=18).encode(
        x=alt.X("customers:Q", title="customers", axis=alt.Axis(format=",.0f", tickCount=6)),
        y=alt.Y("stage:N", sort="-x", title=None),
        color=alt.Color("state:N", sort=names, title=None,
                        scale=alt.Scale(domain=names, range=[tokens.own, tokens.ink_3])),
        tooltip=["stage:N", "state:N", alt.Tooltip("customers:Q", format=",.0f")],
    ).properties(title=alt.TitleParams("Where customers stand", subtitle=f"n = {len(answer):,}"),
                 width=WIDTH, height=alt.Step(28))  # fmt: skip
    return chart


def draw_signals(answer: SignalsAnswer, tokens: Tokens) -> Any:
    """Draw how many signals of each kind there are."""
    frame = answer.frame["kind"].value_counts(name="signals").sort("signals", "kind")
    chart: Any = alt.Chart(frame).mark_bar(height=18, color=tokens.own).encode(
        x=alt.X("signals:Q", title="signals", axis=alt.Axis(format=",.0f", tickCount=6)),
        y=alt.Y("kind:N", sort="-x", title=None),
        tooltip=["kind:N", alt.Tooltip("signals:Q", format=",.0f")],
    ).properties(title=alt.TitleParams("What became true", subtitle=f"n = {len(answer):,}"),
                 width=WIDTH, height=alt.Step(28))  # fmt: skip
    return chart


def draw_recommendation(answer: RecommendationAnswer, tokens: Tokens) -> Any:
    """Draw how many who were recommended were retained, beside all others."""
    frame = pl.DataFrame(
        [{"group": f"{one.group}  (n {one.known:,})", "share": one.share, "low": one.low,
          "high": one.high} for one in answer.acquired if one.share is not None],
        schema={"group": pl.String, "share": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )  # fmt: skip
    y = alt.Y("group:N", sort=frame["group"].to_list(), title=None)
    base = alt.Chart(frame)
    grown = ""
    if answer.growth is not None and answer.growth_time is not None:
        within = span_text(answer.growth_time)
        grown = f"within {within} one customer wins {answer.growth:.3g} others"
    return alt.layer(
        base.mark_bar(height=18, color=tokens.own).encode(
            x=alt.X("share:Q", title="retained", axis=alt.Axis(format=".0%"),
                    scale=alt.Scale(domain=[0, 1])), y=y),
        base.mark_rule(color=tokens.ink, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y=y),
    ).properties(title=alt.TitleParams("Recommended customers beside others", subtitle=grown),
                 width=WIDTH, height=alt.Step(30))  # fmt: skip
