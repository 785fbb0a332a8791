"""The look of charts: colours, type and axes, from the tokens."""

from __future__ import annotations

from typing import Any

import altair as alt

from journeymap.views.tokens import CHART_FONT, Tokens

__all__ = ["PERIODS", "WIDTH", "config_of", "crossing", "sequential"]

WIDTH = 560
"""The width of what is plotted, in pixels."""


PERIODS = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=12)
"""The axis of periods."""


def sequential(tokens: Tokens) -> list[str]:
    """Give the ends of a scale of one hue, from little to much."""
    return [tokens.panel, tokens.buy]


def crossing(tokens: Tokens) -> float:
    """Find from which share of the scale on text in the colour of the paper is read better."""
    low, high = sequential(tokens)

    def gains(share: float) -> bool:
        ground = [a + share * (b - a) for a, b in zip(_rgb(low), _rgb(high), strict=True)]
        return _contrast(ground, _rgb(tokens.paper)) > _contrast(ground, _rgb(tokens.ink))

    return next((step / 100 for step in range(101) if gains(step / 100)), 1.0)


def _rgb(color: str) -> list[float]:
    return [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def _contrast(one: list[float], other: list[float]) -> float:
    """Compute the contrast of two colours (WCAG 2)."""

    def light(color: list[float]) -> float:
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                 for part in color]  # fmt: skip
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def config_of(tokens: Tokens) -> dict[str, Any]:
    """Make the configuration of a chart.

    Args:
        tokens: The colours.

    Returns:
        The configuration, as Vega-Lite has it.
    """
    text = {"font": CHART_FONT, "color": tokens.ink_2, "fontSize": 12}
    axis = {
        "labelFont": CHART_FONT, "titleFont": CHART_FONT, "labelColor": tokens.ink_2,
        "titleColor": tokens.ink_2, "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "gridColor": tokens.line,
        "domainColor": tokens.ink_3, "tickColor": tokens.line,
        "labelLimit": 320, "titlePadding": 8, "labelPadding": 6,
    }  # fmt: skip
    legend = {
        "labelFont": CHART_FONT, "titleFont": CHART_FONT, "labelColor": tokens.ink,
        "titleColor": tokens.ink_2,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 260,
        "orient": "top", "symbolStrokeWidth": 3,
    }  # fmt: skip
    return {
        "background": tokens.paper,
        "font": CHART_FONT,
        "padding": 16,
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"labelOverlap": "greedy", "labelSeparation": 8},
        "axisY": {"domain": False, "ticks": False},
        "legend": legend,
        "header": {"labelFont": CHART_FONT, "titleFont": CHART_FONT, "labelColor": tokens.ink,
                   "titleColor": tokens.ink_2, "labelFontSize": 13, "labelLimit": 320},
        "text": text,
        "title": {
            "font": CHART_FONT, "subtitleFont": CHART_FONT, "anchor": "start", "frame": "group",
            "color": tokens.ink, "subtitleColor": tokens.ink_2, "fontSize": 16,
            "subtitleFontSize": 13, "subtitlePadding": 6, "offset": 14, "fontWeight": 600,
        },
        "bar": {"color": tokens.buy},
        "rule": {"color": tokens.ink},
        "line": {"color": tokens.buy, "strokeWidth": 2.5},
        "range": {"category": list(tokens.segments)},
    }  # fmt: skip
