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
    LifecycleAnswer,
    LifetimeValueAnswer,
    PositionsAnswer,
    RecommendationAnswer,
    RetentionAnswer,
    RfmAnswer,
    SatisfactionAnswer,
    ScorecardAnswer,
    TrendAnswer,
)
from journeymap.analysis.answers import Answer
from journeymap.exceptions import AnswerError
from journeymap.views.charts.bars import bars_of, draw_bars, draw_grouped_bars
from journeymap.views.charts.differences import draw_compare, draw_drivers
from journeymap.views.charts.grids import draw_handoffs, draw_retention, draw_rfm
from journeymap.views.charts.lines import draw_cumulative, draw_trend
from journeymap.views.charts.others import (
    draw_distribution,
    draw_effort,
    draw_lifecycle,
    draw_positions,
    draw_recommendation,
    draw_satisfaction,
    draw_scorecard,
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
    LifecycleAnswer: draw_lifecycle,
    LifetimeValueAnswer: draw_cumulative,
    PositionsAnswer: draw_positions,
    RecommendationAnswer: draw_recommendation,
    RetentionAnswer: draw_retention,
    RfmAnswer: draw_rfm,
    SatisfactionAnswer: draw_satisfaction,
    ScorecardAnswer: draw_scorecard,
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
        return draw(answer, tokens)
    bars = bars_of(answer)
    if bars is None:
        raise AnswerError(type(answer).__name__, "there is no chart for answers of this kind")
    if not answer.frame[bars.value].count():
        return _nothing(tokens)
    return draw_bars(answer, bars, tokens)


def _by_segment(answer: BreakdownAnswer, tokens: Tokens) -> Any:
    """Draw segments side by side: bars together, and other charts one beside the other."""
    answers = {str(name): one for name, one in answer.answers.items() if len(one)}
    shown = dict(list(answers.items())[:_MAX_SEGMENTS])
    if not shown:
        return _nothing(tokens)
    bars = bars_of(next(iter(shown.values())))
    if bars is not None:
        return draw_grouped_bars(shown, bars, tokens)
    charts = []
    title = ""
    for name, one in shown.items():
        chart = _drawn(one, tokens)
        title = str(chart.title.text)
        charts.append(chart.properties(title=alt.TitleParams(name, fontSize=14)))
    cut = len(answers) - len(shown)
    words = f"{cut} more segments are not shown" if cut else ""
    return alt.concat(*charts, columns=2, spacing=32).properties(
        title=alt.TitleParams(f"{title}, by segment", subtitle=words)
    ).resolve_scale(color="independent")  # fmt: skip


def _nothing(tokens: Tokens) -> Any:
    """Draw that there is nothing to draw."""
    words = pl.DataFrame({"words": ["The answer has no rows that can be drawn."]})
    return alt.Chart(words).mark_text(color=tokens.ink_2, fontSize=14, align="left").encode(
        text="words:N", x=alt.value(0), y=alt.value(20)
    ).properties(width=WIDTH, height=40)  # fmt: skip
