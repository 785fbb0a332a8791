"""Charts of answers: every kind has one, with the numbers of the rows, and no name does harm."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings

from journeymap import Dormancy
from journeymap.adapters.registry import views
from journeymap.analysis import (
    Attribution,
    Breakdown,
    Columns,
    Compare,
    Deviations,
    Distribution,
    Drivers,
    Dwell,
    EffortAndCost,
    Funnel,
    Handoffs,
    KeyJourneys,
    Lifecycle,
    LifetimeValue,
    Log,
    Loops,
    NextStep,
    Paths,
    Positions,
    Recommendation,
    RemainingTime,
    Retention,
    Revenue,
    Rfm,
    Satisfaction,
    Scorecard,
    Transitions,
    Trend,
    Variants,
    Where,
)
from journeymap.analysis.answers import Answer
from journeymap.simulation import broadband, broadband_customers, planted_broadband
from journeymap.testing import interactions
from journeymap.views.charts.theme import crossing
from journeymap.views.tokens import DARK, LIGHT, Tokens
from tests.views.test_views import browser  # noqa: F401  # the fixture

pytestmark = pytest.mark.slow

STEPS = ["order_placed", "parcel_delivered", "first_use"]
QUESTIONS: list[Any] = [
    Attribution("upgrade_booked", "linear"),
    Breakdown(Funnel(STEPS), by="product"),
    Breakdown(Retention("order_placed", None, "quarter"), by="product"),
    Breakdown(Satisfaction(), by="product"),
    Compare(Funnel(STEPS), Where(product="fibre"), Where(product="dsl")),
    Deviations(),
    Distribution("wait"),
    Distribution("length"),
    Distribution("interactions"),
    Drivers("complaint_made"),
    Dwell(),
    EffortAndCost(),
    EffortAndCost("channel"),
    Funnel(STEPS),
    Handoffs(),
    KeyJourneys(),
    Lifecycle(),
    LifetimeValue("extra_booked", spend="gamma-gamma", holdout="120 days"),
    Loops(),
    NextStep(),
    Paths(),
    Positions(),
    Recommendation("friend_invited"),
    RemainingTime(),
    Retention("order_placed"),
    Revenue("product"),
    Rfm("extra_booked"),
    Satisfaction(),
    Scorecard(),
    Transitions(),
    Trend(Breakdown(Funnel(STEPS), by="product"), every="month"),
    Trend(Dwell(), every="quarter"),
    Trend(Satisfaction(), every="month"),
    Trend(Transitions("department"), every="month"),
    Variants("stage", collapse=True),
]


QUICK: list[Any] = [Transitions(), Satisfaction(), Lifecycle("day"), Distribution("wait")]


@pytest.fixture(scope="module")
def log() -> Log:
    planted = planted_broadband(1200)
    return Log.from_interactions(planted, map=planted.map)


def plotted(chart: Any) -> list[dict[str, Any]]:
    """All rows that a chart carries."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def drawn(chart: Any) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def words_of(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture)


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_every_answer_has_its_chart(log: Log, question: Any) -> None:
    answer = log.ask(question)
    assert len(answer)
    picture = drawn(answer.chart())
    words = words_of(picture)
    assert len(words) > 3
    for word in words:
        assert word not in ("null", "undefined", "NaN", "None"), words
        assert "e+" not in word
    assert answer.chart().to_json() == answer.chart().to_json()
    assert LIGHT.paper.lower() in picture.lower()
    assert DARK.paper.lower() in drawn(answer.chart(dark=True)).lower()


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_labels_are_not_cut_and_do_not_overlap(log: Log, question: Any, browser: Any) -> None:  # noqa: F811
    picture = drawn(log.ask(question).chart())
    page = browser.new_page(viewport={"width": 1800, "height": 1400})
    page.set_content(f"<body style='margin:0'>{picture}")
    width, height = page.evaluate(
        "(() => { const b = document.querySelector('svg').getBoundingClientRect();"
        " return [b.width, b.height] })()"
    )
    boxes = page.evaluate(
        "[...document.querySelectorAll('text')].filter(t => t.textContent.trim()"
        " && getComputedStyle(t).opacity !== '0').map(t => { const b = t.getBoundingClientRect();"
        " return [b.x, b.y, b.x + b.width, b.y + b.height, t.textContent,"
        " /rotate/.test(t.getAttribute('transform'))] })"
    )
    page.close()
    assert len(boxes) > 3
    for place, (left, upper, right, lower, words, turned) in enumerate(boxes):
        assert left >= -1, words
        assert right <= width + 1, words
        assert upper >= -1, words
        assert lower <= height + 1, words
        for one, two, three, four, other, also in boxes[:place]:
            apart = right <= one + 1 or three <= left + 1 or lower <= two + 5 or four <= upper + 5
            assert apart or (turned and also), (words, other)  # boxes of what is turned do overlap


@settings(max_examples=15)
@given(interactions().map(lambda one: one))
def test_a_single_interaction_can_be_drawn(one: Any) -> None:
    log = Log.from_interactions([one])
    for question in QUICK:
        assert drawn(log.ask(question).chart())


def test_an_answer_without_rows_says_so() -> None:
    log = Log.from_interactions([])
    for question in [
        *QUICK,
        Breakdown(Dwell("touchpoint"), "channel"),
        Trend(Transitions(), "day"),
    ]:
        assert words_of(drawn(log.ask(question).chart())) == [
            "The answer has no rows that can be drawn."
        ]


def test_no_name_becomes_a_script() -> None:
    hostile = ["</script><script>alert(1)</script>", "<!--<script>", "\"'&<b>x", "]]>", "{{x}}"]
    log = Log.from_frame(
        {"customer": list("abcde") * 2, "touchpoint": hostile * 2, "at": list(range(10)),
         "outcome": ["failed"] * 10, "via": [*hostile[1:], hostile[0]] * 2},
        Columns(at_unit="s", outcome="outcome", channel="via"),
    )  # fmt: skip
    questions: list[Any] = [
        Transitions(), Funnel(hostile[:2]), Breakdown(Transitions(), "channel"), EffortAndCost(),
        Trend(Dwell("touchpoint"), "day"),
    ]  # fmt: skip
    for question in questions:
        chart = log.ask(question).chart()
        assert "<script>alert" not in chart.to_html()
        assert "<!--" not in chart.to_html().replace("<!DOCTYPE", "")
        assert "<script>alert" not in drawn(chart)


def test_bars_are_as_long_as_the_numbers(log: Log) -> None:
    answer = log.ask(Funnel(STEPS))
    rows = plotted(answer.chart())
    assert [row["value"] for row in rows] == answer.frame["share"].to_list()
    assert [row["label"] for row in rows] == [f"{n}. {name}" for n, name in enumerate(STEPS, 1)]
    assert [row["low"] for row in rows] == answer.frame["low"].to_list()
    waits = plotted(log.ask(Dwell()).chart())
    days = [row["value"] for row in waits]
    assert days == sorted(days, reverse=True)
    dwell = {row.element: row for row in log.ask(Dwell())}
    for row in waits:
        median = dwell[row["label"].split("  (n ")[0]].dwell_median
        assert median is not None
        assert row["value"] == pytest.approx(median / 86_400)


def test_the_greatest_are_shown_and_it_says_of_how_many(log: Log) -> None:
    answer = log.ask(Transitions())
    chart = answer.chart()
    rows = plotted(chart)
    counts = sorted(answer.frame["count"].to_list(), reverse=True)
    assert [row["value"] for row in rows] == counts[:15]
    assert f"the 15 greatest of {len(answer)}" in json.dumps(chart.to_dict()["title"])


def test_those_who_fall_silent_are_below_zero(log: Log) -> None:
    answer = log.ask(Lifecycle())
    rows = [row for row in plotted(answer.chart()) if "which" in row]
    for row in rows:
        assert (row["signed"] <= 0) is (row["which"] == "gone dormant") or row["signed"] == 0
    silent = [-row["signed"] for row in rows if row["which"] == "gone dormant"]
    assert silent == answer.frame["dormant"].to_list()


def test_the_period_in_progress_is_dashed(log: Log) -> None:
    answer = log.ask(Trend(Satisfaction(), every="month"))
    assert not answer.frame["complete"].all()
    spec = json.dumps(answer.chart().to_dict())
    assert "strokeDash" in spec
    assert "dashed: the period in progress" in spec
    done = json.dumps(log.where(until="2026-03-01").ask(Trend(Dwell(), "month")).chart()
                      .to_dict())  # fmt: skip
    assert ("dashed" in done) is ("strokeDash" in done)


def test_scores_of_different_kinds_have_axes_of_their_own(log: Log) -> None:
    for question in (Satisfaction(), Trend(Satisfaction(), every="month")):
        answer = log.ask(question)
        spec = answer.chart().to_dict()
        assert len(spec["vconcat"]) == answer.frame["kind"].n_unique() == 4


def test_purchases_beside_the_model(log: Log) -> None:
    answer = log.ask(LifetimeValue("extra_booked", holdout="120 days"))
    last = answer.weekly[-1]
    assert last[0] <= 78
    made = [row["purchases"] for row in plotted(answer.chart()) if row.get("which") == "made"]
    assert made == sorted(made)
    assert made[-1] == last[1]
    assert answer.holdout is not None
    whole = answer[0].purchases + answer.holdout.purchases
    assert 0.97 * whole <= last[1] <= whole  # the last days are no whole week
    assert last[2] == pytest.approx(whole, rel=0.1)


def test_only_what_differs_beyond_chance_is_coloured(log: Log) -> None:
    answer = log.ask(Compare(Funnel(STEPS), Where(product="fibre"), Where(product="dsl")))
    rows = [row for row in plotted(answer.chart()) if "sure" in row]
    assert {row["color"] for row in rows if not row["sure"]} <= {LIGHT.ink_3}
    assert {row["color"] for row in rows if row["sure"]} <= {LIGHT.a, LIGHT.b}
    assert any(row["sure"] for row in rows)


def test_a_chart_can_be_changed_and_saved(log: Log, tmp_path: Any) -> None:
    chart = log.ask(Funnel(STEPS)).chart().properties(width=300)
    for kind in ("png", "svg", "html", "json"):
        chart.save(tmp_path / f"chart.{kind}")
        assert (tmp_path / f"chart.{kind}").stat().st_size > 1000


def test_a_view_of_another_package_draws(log: Log) -> None:
    """Whoever offers the view ``chart`` draws all charts."""

    class Plain:
        media = "application/vnd.vegalite.v6+json"

        def __call__(self, subject: Answer[Any]) -> str:
            return json.dumps({"mark": "bar", "data": {"values": subject.to_dicts()}})

    views.add("chart", Plain())
    try:
        assert log.ask(Funnel(STEPS)).chart().to_dict()["mark"] == "bar"
    finally:
        views._added.pop("chart")


def _light(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]  # fmt: skip
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((_light(one), _light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.fixture(params=["light", "dark"])
def tokens(request: pytest.FixtureRequest) -> Tokens:
    return LIGHT if request.param == "light" else DARK


def test_text_and_marks_stand_out(tokens: Tokens) -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    for text in (tokens.ink, tokens.ink_2, tokens.good, tokens.bad, tokens.watch):
        assert contrast(text, tokens.paper) >= 4.5
    marks = (tokens.buy, tokens.own, tokens.a, tokens.b, tokens.ink_3, *tokens.segments)
    for mark in marks:
        assert contrast(mark, tokens.paper) >= 3, mark
    assert len(set(tokens.segments)) == len(tokens.segments)
    share = crossing(tokens)
    low, high = ([int(color[place : place + 2], 16) for place in (1, 3, 5)]
                 for color in (tokens.panel, tokens.buy))  # fmt: skip
    for step in range(101):
        mixed = [round(a + step / 100 * (b - a)) for a, b in zip(low, high, strict=True)]
        ground = "#" + "".join(f"{part:02x}" for part in mixed)
        words = tokens.paper if step / 100 > share else tokens.ink
        assert contrast(words, ground) >= 3.9, step


def test_dormancy_is_named_in_words() -> None:
    log = Log.from_interactions(broadband_customers(1500), map=broadband())
    chart = log.ask(Drivers(Dormancy())).chart()
    assert "Who is likelier to go silent" in json.dumps(chart.to_dict())
