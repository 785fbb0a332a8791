"""Which chart an answer has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt
import polars as pl

from journeymap.analysis import (
    BreakdownAnswer,
    CompareAnswer,
    DistributionAnswer,
    DriversAnswer,
    EffortAndCostAnswer,
    HandoffsAnswer,
    InvestmentsAnswer,
    LifecycleAnswer,
    LifetimeValueAnswer,
    PositionsAnswer,
    RecommendationAnswer,
    RetentionAnswer,
    RfmAnswer,
    SatisfactionAnswer,
    ScorecardAnswer,
    SignalsAnswer,
    TrendAnswer,
)
from journeymap.analysis.answers import Answer
from journeymap.exceptions import AnswerError
from journeymap.views.charts.bars import Bars, bars_of, draw_bars, draw_grouped_bars
from journeymap.views.charts.differences import draw_compare, draw_drivers
from journeymap.views.charts.figures import make_unique
from journeymap.views.charts.grids import draw_handoffs, draw_retention, draw_rfm
from journeymap.views.charts.lines import draw_cumulative, draw_trend
from journeymap.views.charts.others import (
    draw_distribution,
    draw_effort,
    draw_investments,
    draw_lifecycle,
    draw_positions,
    draw_recommendation,
    draw_satisfaction,
    draw_scorecard,
    draw_signals,
)
from journeymap.views.charts.theme import WIDTH, config_of
from journeymap.views.tokens import Tokens

__all__ = ["draw_chart"]

_MAX_SEGMENTS = 6
_DRAWN: dict[type[Any], Callable[[Any, Tokens], Any]] = {
    CompareAnswer: draw_compare,
    DistributionAnswer: draw_distribution,
    DriversAnswer: draw_drivers,
    EffortAndCostAnswer: draw_effort,
    HandoffsAnswer: draw_handoffs,
    InvestmentsAnswer: draw_investments,
    LifecycleAnswer: draw_lifecycle,
    LifetimeValueAnswer: draw_cumulative,
    PositionsAnswer: draw_positions,
    RecommendationAnswer: draw_recommendation,
    RetentionAnswer: draw_retention,
    RfmAnswer: draw_rfm,
    SatisfactionAnswer: draw_satisfaction,
    ScorecardAnswer: draw_scorecard,
    SignalsAnswer: draw_signals,
    TrendAnswer: draw_trend,
}


def draw_chart(answer: Answer[Any], tokens: Tokens) -> Any:
    """Draw the chart of an answer.

    Args:
        answer: The answer.
        tokens: The colours.

    Returns:
        The Altair chart, which carries its data.

    Raises:
        AnswerError: The answer is of a kind that has no chart.
    """
    return _drawn(answer, tokens).configure(**config_of(tokens))


def _drawn(answer: Answer[Any], tokens: Tokens) -> Any:
    if not len(answer):
        return _nothing(tokens)
    if isinstance(answer, BreakdownAnswer):
        return _by_segment(answer, tokens)
    draw = _DRAWN.get(type(answer))
    if draw is not None:
        drawn = draw(answer, tokens)
        return _nothing(tokens) if drawn is None else drawn
    bars = bars_of(answer)
    if bars is None:
        raise AnswerError(type(answer).__name__, "there is no chart for answers of this kind")
    if not answer.frame[bars.value].count():
        return _nothing(tokens)
    return draw_bars(answer, bars, tokens)


def _by_segment(answer: BreakdownAnswer, tokens: Tokens) -> Any:
    """Draw segments side by side: bars together, and other charts one beside the other."""
    some = [(name, one) for name, one in answer.answers.items() if len(one)]
    named = make_unique(["(none)" if name is None else name for name, _ in some])
    answers = dict(zip(named, [one for _, one in some], strict=True))
    shown = dict(list(answers.items())[:_MAX_SEGMENTS])
    if not shown:
        return _nothing(tokens)
    fewer = len(answers) - len(shown)
    cut = f"{len(shown)} of {len(answers)} segments" if fewer else ""
    bars = _bars_of_all(list(shown.values()))
    if bars is not None:
        return draw_grouped_bars(shown, bars, tokens, cut)
    charts, title = [], ""
    for name, one in shown.items():
        chart = _drawn(one, tokens)
        own = chart.title if isinstance(chart.title, alt.TitleParams) else alt.TitleParams("")
        title = title or str(own.text)
        about = own.subtitle if isinstance(own.subtitle, str) else ""
        charts.append(chart.properties(title=alt.TitleParams(name, subtitle=about, fontSize=14)))
    heading = f"{title}, by segment" if title else "By segment"
    made = alt.concat(*charts, columns=2, spacing=32).properties(
        title=alt.TitleParams(heading, subtitle=cut)
    ).resolve_scale(color="independent")  # fmt: skip
    lines = all(isinstance(one, TrendAnswer) for one in shown.values())
    if lines and not any(isinstance(one, alt.VConcatChart) for one in charts):
        return made.resolve_scale(color="independent", y="shared")  # one height, one number
    return made


def _bars_of_all(answers: list[Answer[Any]]) -> Bars | None:
    """Find what the bars of several answers are: the first that has its own numbers decides."""
    found = [bars_of(one) for one in answers]
    usual = [one for one in found if one is not None and one.value != "count"]
    return next(iter(usual), found[0])


def _nothing(tokens: Tokens) -> Any:
    """Draw that there is nothing to draw."""
    words = pl.DataFrame({"words": ["The answer has no rows that can be drawn."]})
    return alt.Chart(words).mark_text(color=tokens.ink_2, fontSize=14, align="left").encode(
        text="words:N", x=alt.value(0), y=alt.value(20)
    ).properties(width=WIDTH, height=40)  # fmt: skip
