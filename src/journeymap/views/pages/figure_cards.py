"""Cards of metrics: the value, its target, the change, and the last periods as a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import fields, frozen

from journeymap.model.measures import is_time
from journeymap.views.text_fit import shown
from journeymap.views.wording import (
    MISSING,
    count_text,
    department_name,
    element_name,
    interval_text,
    keep_together,
    period_name,
    unit_text,
)

if TYPE_CHECKING:
    from journeymap.analysis import Overview, ScorecardRow

__all__ = ["Card", "make_cards", "metric_name"]

_ORDER = {"missed": 0, "not sure": 1, "met": 2}
_SIGNS = {"missed": "✕", "not sure": "?", "met": "✓"}
_PERIODS = 12
_WIDTH, _HEIGHT, _EDGE = 132.0, 34.0, 4.0


@frozen
class Card:
    """A metric in a period.

    Attributes:
        name: Its name.
        value: Its value with the unit.
        period: The period that the value is of.
        verdict: The verdict in a word, with its sign (empty: there is no target).
        tone: The class of the verdict.
        target: The target with the unit (empty: there is none).
        change: The change on the period before (empty: not known).
        line: The points of the line of the last periods, as SVG has them.
        dotted: The part of the line that leads to the period in progress.
        goal: The height of the target in the line (None: it is outside, or there is none).
        spoken: The line in words.
        facts: What else is to be known: names and texts.
    """

    name: str
    value: str
    period: str
    verdict: str
    tone: str
    target: str
    change: str
    line: str
    dotted: str
    goal: str | None
    spoken: str
    facts: tuple[tuple[str, str], ...]


def make_cards(overview: Overview, metrics: Iterable[str] | None = None) -> list[Card]:
    """Make a card for each metric with a value, missed ones first.

    Args:
        overview: The answers.
        metrics: The ids of the metrics (None: all).

    Returns:
        The cards: of the last complete period; of the whole log where there is none, and of times:
        what began lately and is not over is not counted, so that the latest times are too short.
    """
    answer = overview.periods or overview.scorecard
    if answer is None:
        return []
    chosen = None if metrics is None else set(metrics)
    rows: dict[str, list[ScorecardRow]] = {}
    for row in answer:
        if chosen is None or row.metric in chosen:
            rows.setdefault(row.metric, []).append(row)
    whole = {row.metric: row for row in overview.scorecard or ()}
    cards = []
    for metric, periods in rows.items():
        over = [row for row in periods if row.complete and row.value is not None]
        if metric in whole and (not over or _is_time(overview, metric)):
            over, periods = [whole[metric]], []
        row = (over or periods)[-1]
        if row.value is not None and not (row.note and not row.value):  # a sum of nothing
            cards.append((_ORDER.get(row.verdict or "", 3), _card(overview, row, periods)))
    return [card for _, card in sorted(cards, key=lambda one: one[0])]


def _is_time(overview: Overview, metric: str) -> bool:
    """Check whether a metric is a length of time; targets of processes and key journeys are."""
    known = overview.map.metrics.get(metric)
    return known is None or is_time(known.measure)


def metric_name(overview: Overview, row: ScorecardRow) -> str:
    """Name a metric, or the process or key journey whose target it is."""
    if row.metric in overview.map.metrics:
        return shown(overview.map.metrics[row.metric].name)
    kind, _, name = row.of.partition(" ")
    catalog = overview.map.processes if kind == "process" else overview.map.key_journeys
    return shown(f"{catalog[name].name} (median time)")


def _card(overview: Overview, row: ScorecardRow, periods: list[ScorecardRow]) -> Card:
    line, dotted, goal, spoken = _line(overview, row, periods[-_PERIODS:])
    verdict = f"{_SIGNS[row.verdict]} {row.verdict}" if row.verdict in _SIGNS else ""
    return Card(
        metric_name(overview, row),
        keep_together(unit_text(row.value, row.unit)),
        "the whole log" if row.period is None else period_name(row.period, overview.every),
        verdict,
        (row.verdict or "none").replace(" ", "-"),
        "" if row.target is None else keep_together(f"target {unit_text(row.target, row.unit)}"),
        keep_together(_change(row)),
        line, dotted, goal, spoken, _facts(overview, row),
    )  # fmt: skip


def _change(row: ScorecardRow) -> str:
    if row.change is None:
        return ""
    arrow = "▲" if row.change > 0 else "▼" if row.change < 0 else "="
    unit = "pp" if row.unit == "%" else row.unit  # a difference of shares is in points
    words = f"{arrow} {unit_text(abs(row.change), unit)} on the period before"
    if row.change_low is not None and row.change_high is not None:
        words += f" ({interval_text(row.change_low, row.change_high, unit=unit)})"
        if row.change_low <= 0 <= row.change_high:
            words += ", may be chance"
    return words


def _facts(overview: Overview, row: ScorecardRow) -> tuple[tuple[str, str], ...]:
    """List the definition, n, the interval and who shares the metric."""
    metric = overview.map.metrics.get(row.metric)
    kind, _, name = row.of.partition(" ")
    named = f"{kind.replace('_', ' ')} “{element_name(overview, name)}”"
    shared = ", ".join(department_name(overview, one) for one in row.departments)
    facts = [("What it is", "" if metric is None else shown(metric.description)),
             ("Measured at", named),
             ("Measured as", _describe(metric.measure) if metric and metric.measure else ""),
             ("Better", "" if metric is None else {"up": "higher"}.get(metric.direction, "lower")),
             ("Taken over", count_text(row.n)),
             ("95 % interval", interval_text(row.low, row.high, unit=row.unit)),
             ("Shared by", shared)]  # fmt: skip
    known = [(name, words) for name, words in facts if words not in ("", MISSING)]
    return tuple((keep_together(name), keep_together(words)) for name, words in known)


def _describe(measure: Any) -> str:
    """Write a measure as data, without what it leaves at its default."""
    given = [(one, getattr(measure, one.name)) for one in fields(type(measure))]
    parts = [f"{one.name}: {value}" for one, value in given if value not in (one.default, ())]
    return shown(", ".join([type(measure).__name__, *parts]))


def _line(
    overview: Overview, row: ScorecardRow, periods: list[ScorecardRow]
) -> tuple[str, str, str | None, str]:
    """Draw the last periods as a line; one in progress is at the dotted end."""
    values = [(place, one.value, one.complete) for place, one in enumerate(periods)
              if one.value is not None and one.period is not None]  # fmt: skip
    while len(values) > 1 and not values[0][2] and any(complete for *_, complete in values):
        del values[0]  # a first period of which a part is known is no beginning of a line
    if len(values) < 2:
        return "", "", None, ""
    low, high = min(value for _, value, _ in values), max(value for _, value, _ in values)
    near = row.target is not None and 2 * low - high <= row.target <= 2 * high - low
    if near and row.target is not None:  # farther away, it would press the line flat
        low, high = min(low, row.target), max(high, row.target)
    span = (high - low) or 1.0

    def height(value: float) -> float:
        return _HEIGHT - _EDGE - (value - low) / span * (_HEIGHT - 2 * _EDGE)

    step = (_WIDTH - 2 * _EDGE) / max(1, len(periods) - 1)
    points = [(f"{_EDGE + place * step:.1f},{height(value):.1f}", complete)
              for place, value, complete in values]  # fmt: skip
    solid = [point for point, complete in points if complete]
    running = [point for point, complete in points if not complete]
    dotted = " ".join([*solid[-1:], *running]) if running and solid else ""
    spoken = "; ".join(
        f"{period_name(one.period or '', overview.every)}: {unit_text(one.value, one.unit)}"
        f"{'' if one.complete else ' so far'}"
        for one in periods if one.value is not None
    )  # fmt: skip
    goal = f"{height(row.target):.1f}" if near and row.target is not None else None
    return " ".join(solid), dotted, goal, keep_together(spoken)
