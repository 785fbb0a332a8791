"""Charts of answers: every kind has one, with the numbers of the rows, and no name does harm."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
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
    Signals,
    Transitions,
    Trend,
    Variants,
    Where,
)
from journeymap.analysis.answers import Answer
from journeymap.simulation import broadband, broadband_customers, planted_broadband
from journeymap.testing import interactions
from journeymap.views.charts.theme import crossing
from journeymap.views.text_fit import width_of
from journeymap.views.tokens import DARK, LIGHT, Tokens

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
    Signals(),
    Transitions(),
    Trend(Breakdown(Funnel(STEPS), by="product"), every="month"),
    Trend(Dwell(), every="quarter"),
    Trend(Satisfaction(), every="month"),
    Trend(Signals("moment reached"), every="month"),
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
def test_labels_are_not_cut_and_do_not_overlap(log: Log, question: Any, browser: Any) -> None:
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


def small(rows: Sequence[tuple[str, str, int, str | None]]) -> Log:
    """Customer, touchpoint, time in seconds and channel."""
    columns = zip(*rows, strict=True)
    frame = dict(zip(("customer", "touchpoint", "at", "via"), map(list, columns), strict=True))
    return Log.from_frame(frame, Columns(at_unit="s", channel="via"))


def spec_of(chart: Any) -> str:
    return json.dumps(chart.to_dict(), ensure_ascii=False)


def test_a_difference_is_named_as_it_is_counted() -> None:
    """The second less the first, in the colour of whichever has more."""
    rows = [(f"{via}{n}", step, n, via) for via, reached in (("phone", 20), ("web", 80))
            for n in range(100) for step in ("a", *(["b"] if n < reached else []))]  # fmt: skip
    log = small(rows)
    chart = log.ask(
        Compare(Funnel(["a", "b"]), Where(channel="phone"), Where(channel="web"))
    ).chart()
    row, *_ = [row for row in plotted(chart) if row.get("label") == "2. b"]
    assert row["value"] == pytest.approx(60)
    assert row["color"] == LIGHT.b
    assert "channel web less channel phone (pp)" in spec_of(chart)


def test_segments_share_one_unit_of_time() -> None:
    rows: list[tuple[str, str, int, str | None]] = []
    for n in range(20):
        rows += [(f"w{n}", "a", 0, "web"), (f"w{n}", "b", 720, "web")]
        rows += [(f"p{n}", "a", 0, "phone"), (f"p{n}", "b", 86_400 * 12, "phone")]
    chart = small(rows).ask(Breakdown(Dwell("touchpoint"), "channel")).chart()
    found = {row["segment"]: row["value"] for row in plotted(chart) if row["label"] == "a"}
    assert found["phone"] / found["web"] == pytest.approx(12 * 86_400 / 720, rel=0.05)
    assert '"title": "days"' in spec_of(chart)


def test_a_period_in_progress_alone_is_drawn() -> None:
    rows = [(f"c{n}", step, 86_400 * 40 + n, None) for n in range(30) for step in "ab"]
    chart = small(rows).ask(Trend(Funnel(["a", "b"]), "month")).chart()
    assert any(row.get("value") == 1 for row in plotted(chart))
    assert drawn(chart).count('stroke="' + LIGHT.buy.lower()) or "point" in spec_of(chart)


def test_periods_without_anything_are_no_bridge() -> None:
    """Of January, May and July, counts are zero in between, and the axis has every month."""
    day = 86_400
    rows = [(f"{at}-{n}", step, at * day + k, None) for at in (5, 125, 190) for n in range(20)
            for k, step in enumerate("ab")]  # fmt: skip
    chart = small(rows).ask(Trend(Transitions(), "month")).chart()
    line = {row["period"]: row["value"] for row in plotted(chart) if row.get("label") == "a → b"}
    assert sorted(line) == [f"1970-0{n}-01" for n in range(1, 8)]
    assert [line[f"1970-0{n}-01"] for n in (2, 3, 4, 6)] == [0, 0, 0, 0]
    shares = small(rows).ask(Trend(Funnel(["a", "b"]), "month")).chart()
    values = {row["period"]: row["value"] for row in plotted(shares) if "value" in row}
    assert values["1970-02-01"] is None


def test_periods_known_in_part_are_dashed_at_both_ends() -> None:
    day = 86_400
    rows = [(f"{at}-{n}", step, at * day + k, None) for at in range(20, 125, 3) for n in range(9)
            for k, step in enumerate("ab")]  # fmt: skip
    chart = small(rows).ask(Trend(Funnel(["a", "b"]), "month")).chart()
    spec = json.loads(chart.to_json())
    dashed = [one for one in spec["layer"] if "strokeDash" in one["mark"]]
    periods = [
        sorted({row["period"] for row in spec["datasets"][one["data"]["name"]]}) for one in dashed
    ]
    assert periods == [["1970-01-01", "1970-02-01"], ["1970-04-01", "1970-05-01"]]
    assert "a part is known" in spec["title"]["subtitle"]


def test_the_busiest_departments_are_drawn() -> None:
    rows: list[dict[str, Any]] = []
    for n in range(300):
        rows += [
            {"customer": f"b{n}", "at": k, "dept": d} for k, d in enumerate(("SALES", "SERVICE"))
        ]
    for a in range(15):
        for b in range(15):
            if a != b:
                rows += [
                    {"customer": f"x{a}-{b}", "at": k, "dept": f"d{d}"}
                    for k, d in enumerate((a, b))
                ]
    frame = {name: [row[name] for row in rows] for name in ("customer", "at", "dept")}
    frame["touchpoint"] = ["t"] * len(rows)
    log = Log.from_frame(frame, Columns(at_unit="s", department="dept"))
    chart = log.ask(Handoffs()).chart()
    assert any(row["source"] == "SALES" for row in plotted(chart))
    assert re.search(r"\d+ of 510 handoffs, among 14 of 17 departments", spec_of(chart))


def test_segments_without_a_name_and_named_none_are_two() -> None:
    rows = [(f"c{n}", step, n, None if n < 10 else "None") for n in range(30) for step in "ab"]
    chart = small(rows).ask(Breakdown(Transitions(), "channel")).chart()
    counts = {row["segment"]: row["value"] for row in plotted(chart) if row["label"] == "a → b"}
    assert counts == {"(none)": 10, "None": 20}


def test_what_is_left_out_is_written() -> None:
    rows = [(f"c{n}", step, n, f"v{n % 20:02d}") for n in range(400) for step in "ab"]
    chart = small(rows).ask(Breakdown(Transitions(), "channel")).chart()
    assert "6 of 20 segments" in spec_of(chart)
    weeks = [(f"c{n}", step, 86_400 * 7 * n + k * 86_400 * 8, None) for n in range(60)
             for k, step in enumerate("ab")]  # fmt: skip
    cohorts = small(weeks).ask(Retention("a", None, "week")).chart()
    assert "the last 36 of 60 cohorts" in spec_of(cohorts)


def test_nothing_is_compared_where_nothing_has_an_interval() -> None:
    log = small([("a", "x", 0, "web"), ("b", "x", 1, "phone")])
    question = Compare(Variants(), Where(channel="web"), Where(channel="phone"))
    assert "no rows that can be drawn" in spec_of(log.ask(question).chart())


def test_trends_by_segment_have_a_title(log: Log) -> None:
    chart = log.ask(Breakdown(Trend(Satisfaction(), "month"), "product")).chart()
    assert "How satisfied customers are, by segment" in spec_of(chart)


def test_a_scorecard_over_time_shows_the_last_whole_period(log: Log) -> None:
    chart = log.ask(Scorecard(every="month")).chart()
    assert "period of 2026-05-01; bar" in spec_of(chart)


def test_trends_of_rows_that_are_customers_count_them(log: Log) -> None:
    answer = log.ask(Trend(Positions(), every="month"))
    rows = plotted(answer.chart())
    last = answer.frame.filter(answer.frame["period"] == answer.frame["period"].max())
    assert rows[-1]["value"] == len(last)
    bins = log.ask(Trend(Distribution("wait"), every="quarter")).chart()
    assert "3600.0" not in spec_of(bins)


def test_small_amounts_are_not_rounded_away() -> None:
    frame = {"customer": list("abc"), "touchpoint": ["buy"] * 3, "at": [1, 2, 3],
             "paid": [0.3, 0.29, 0.2], "what": list("xyz")}  # fmt: skip
    columns = Columns(at_unit="s", value="paid", currency="EUR", product="what")
    log = Log.from_frame(frame, columns)
    assert {"0.30", "0.29", "0.20"} <= set(words_of(drawn(log.ask(Revenue("product")).chart())))
    for question in (Breakdown(Revenue("product"), "touchpoint"), Trend(Revenue("product"), "day")):
        assert '"title": "EUR"' in spec_of(log.ask(question).chart())


def test_the_cut_of_what_is_held_out(log: Log) -> None:
    answer = log.ask(LifetimeValue("extra_booked", holdout="120 days"))
    [place] = {row["week"] for row in plotted(answer.chart()) if "words" in row}
    assert answer.holdout is not None
    assert answer.weekly[-1][0] - place == pytest.approx(answer.holdout.weeks, abs=1)
    assert len(answer.weekly) <= 122


def test_long_labels_keep_their_ends_and_their_n() -> None:
    """What tells two long names apart may stand at their ends; n is never cut."""
    long = "Order placed via the web shop (checkout 2.0) and confirmed by "
    frame = {"customer": list("aabbbcc"), "at": range(7),
             "touchpoint": ["s", f"{long}e-mail", "s", f"{long}letter", "y", "s", "y"]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s"))
    labels = [row["label"] for row in plotted(log.ask(Transitions()).chart())]
    assert sum(label.endswith("by e-mail") for label in labels) == 1
    assert sum(label.endswith("by letter") for label in labels) == 1
    assert len(set(labels)) == len(labels)
    stays = [row["label"] for row in plotted(log.ask(Dwell("touchpoint")).chart())]
    assert all("  (n " in label and label.endswith(")") for label in stays)
    assert all(width_of(label, 12) <= 320 for label in (*labels, *stays))


def test_few_whole_numbers_have_a_tick_each() -> None:
    log = Log.from_frame({"customer": list("aabb"), "touchpoint": list("xyxy"), "at": range(4)},
                         Columns(at_unit="s"))  # fmt: skip
    drawn = json.loads(log.ask(Variants()).chart().to_json())
    assert {tuple(one["encoding"]["x"]["axis"]["values"]) for one in drawn["layer"]} == {(0, 1, 2)}


def test_a_segment_without_a_name_has_a_label() -> None:
    frame = {"customer": list("aabb"), "touchpoint": list("xyxy"), "at": range(4),
             "via": ["web", "web", None, None]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", channel="via"))
    chart = log.ask(Trend(Breakdown(Funnel(["x", "y"]), by="channel"), every="day")).chart()
    assert {row["label"] for row in plotted(chart) if "label" in row} == {"web", "(none)"}
