"""Any question by segment and over time: the same as asking each segment alone."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Interaction, Money, Score
from journeymap.analysis import (
    Breakdown,
    Columns,
    Compare,
    Dwell,
    Funnel,
    Log,
    Loops,
    Part,
    Retention,
    Satisfaction,
    Scope,
    Transitions,
    Trend,
    Variants,
    Where,
)
from journeymap.analysis.measuring.resampling import Resampling
from journeymap.analysis.question import merge_all, prepare_question
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from journeymap.model import Between, Count
from journeymap.testing import interactions
from tests.analysis.test_laws import QUESTIONS
from tests.factories import DAY, HOUR, T0
from tests.factories import JOURNEY as MAP

pytestmark = pytest.mark.slow

ASKED = [question for question in QUESTIONS if not isinstance(question, Resampling)]
OVER_TIME = [q for q in ASKED if "period" not in q.answer(
    q.measure(next(iter(Log.from_interactions([], map=MAP).parts()))),
    Log.from_interactions([], map=MAP).scope).frame.columns]  # fmt: skip
WHOLE = Interaction(
    "zoe", "a", T0, source="s", channel="web", department="sales", product="kettle", outcome="ok",
    emotion=0.5, emotion_after=0.1, score=Score("nps", 7, 0, 10), value=Money(Decimal(1), "EUR"),
)  # fmt: skip
happened = st.lists(
    interactions(customers=("ada", "ben", "cyd", "dan", "eve")), min_size=1, max_size=40
).map(lambda given: [WHOLE, *given])
"""So that every column is there."""
SPLIT: list[Any] = [
    Breakdown(Transitions(), "product"),
    Breakdown(Satisfaction(), "channel", attribute="each", smallest=40),
    Breakdown(Loops(), {"often": Count("a", 2), "web": Where(channel="web")}),
    Trend(Dwell("touchpoint"), "month"),
    Trend(Breakdown(Variants(top=3), "stage", attribute="mode"), "quarter"),
]
"""For other engines."""
LEVELS = ("channel", "department", "product", "stage", "outcome")


def views(log: Log, dice: Any) -> Log:
    """A log as it is looked at, in one of several ways."""
    chosen: Log = dice.choice([
        lambda: log,
        lambda: log.per("product"),
        lambda: log.sessions(30 * HOUR),
        lambda: log.where(avoid="c"),
        lambda: log.where(since=T0 + 30 * HOUR),
    ])()  # fmt: skip
    return chosen


@settings(max_examples=150)
@given(happened, st.sampled_from(ASKED), st.sampled_from(LEVELS),
       st.sampled_from(["first", "last", "each"]), st.randoms(use_true_random=False))  # fmt: skip
def test_a_segment_is_what_where_selects(
    given: list[Interaction], question: Any, by: str, attribute: Any, dice: Any
) -> None:
    log = views(Log.from_interactions(given, map=MAP), dice)
    found = log.ask(Breakdown(question, by, attribute=attribute))
    rows = []
    for name, answer in found.answers.items():
        if name is None:
            continue
        chosen = {
            "first": lambda name=name: log.where(start=name, by=by),
            "last": lambda name=name: log.where(end=name, by=by),
            "each": lambda name=name: log.where(columns={by: name}),
        }[attribute]()
        assert answer == chosen.ask(question)
        rows += [{"segment": name, **row} for row in answer.to_dicts()]
    assert [row for row in found.to_dicts() if row["segment"] is not None] == rows
    assert len(list(found)) == len(found)
    assert repr(found)


@settings(max_examples=100)
@given(happened, st.sampled_from(OVER_TIME), st.sampled_from(["day", "week", "month"]),
       st.booleans(), st.randoms(use_true_random=False))  # fmt: skip
def test_a_period_is_what_where_selects(
    given: list[Interaction], question: Any, every: Any, each: bool, dice: Any
) -> None:
    log = views(Log.from_interactions(given, map=MAP), dice)
    if each and log.scope.since is not None:
        return
    found = log.ask(Trend(question, every, attribute="each" if each else "first"))
    periods = list(dict.fromkeys(found.frame["period"].to_list()))
    assert periods == sorted(periods)
    assert set(found.answers) <= set(periods)
    for begin, answer in found.answers.items():
        since = datetime.fromisoformat(f"{begin}T00:00+00:00")
        until = since + {"day": DAY, "week": 7 * DAY, "month": 31 * DAY}[every]
        until = until.replace(day=1) if every == "month" else until
        if each:
            assert answer == log.where(since=since, until=until).ask(question)
        elif log.journeys == log.customers and log.interactions == len(given):
            who = [name for name, past in _pasts(given).items() if since <= past < until]
            assert answer == log.where(customer=who).ask(question)


def _pasts(given: list[Interaction]) -> dict[str, datetime]:
    """When each customer began."""
    begun: dict[str, datetime] = {}
    for one in given:
        begun[one.customer] = min(one.at, begun.get(one.customer, one.at))
    return begun


@settings(max_examples=60)
@given(happened, st.sampled_from(OVER_TIME), st.sampled_from(LEVELS))
def test_segments_and_periods_are_composed(
    given: list[Interaction], question: Any, by: str
) -> None:
    log = Log.from_interactions(given, map=MAP)
    by_segment = log.ask(
        Breakdown(Trend(question, "week", attribute="first"), by, attribute="first")
    )
    for name, answer in by_segment.answers.items():
        if name is not None:
            assert answer == log.where(start=name, by=by).ask(
                Trend(question, "week", attribute="first")
            )
    over_time = log.ask(
        Trend(Breakdown(question, by, attribute="first"), "week", attribute="first")
    )
    one = {
        (period, name): answer
        for period, some in over_time.answers.items()
        for name, answer in some.answers.items()
    }
    other = {
        (period, name): answer
        for name, some in by_segment.answers.items()
        for period, answer in some.answers.items()
    }
    assert one == other
    assert over_time.frame.columns[:3] == ["period", "complete", "segment"]


@settings(max_examples=60)
@given(happened, st.sampled_from(OVER_TIME), st.integers(0, 10**6))
def test_parts_merged_in_any_order(given: list[Interaction], question: Any, seed: int) -> None:
    log = Log.from_interactions(given, map=MAP)
    for asked in (
        Breakdown(question, "channel", attribute="mode", smallest=2),
        Breakdown(Trend(question, "week"), "stage"),
    ):
        ready = prepare_question(asked, log)
        pieces = [[ready.measure(part)] for part in log.parts(1)]
        while len(pieces) > 1:
            one, other = pieces.pop(seed % len(pieces)), pieces.pop(0)
            pieces.append(merge_all((ready,), one, other))
        assert ready.answer(pieces[0][0], log.scope) == log.ask(asked)


COLUMNS = Columns(at_unit="s", extra=["platform"], score="answer", score_kind="nps")


def visits(*rows: tuple[str, str, int, str | None]) -> Log:
    customer, touchpoint, at, platform = zip(*rows, strict=True)
    return Log.from_frame(
        {"customer": customer, "touchpoint": touchpoint, "at": at, "platform": platform,
         "answer": [None] * len(rows)}, COLUMNS,
    )  # fmt: skip


def test_the_value_of_a_journey() -> None:
    log = visits(
        ("a", "x", 0, None), ("a", "x", 1, "web"), ("a", "y", 2, "app"), ("a", "y", 3, "app"),
        ("b", "x", 0, "app"), ("b", "y", 1, "web"), ("c", "x", 0, None),
    )  # fmt: skip

    def found(**more: Any) -> list[tuple[Any, ...]]:
        answer = log.ask(Breakdown(Variants(), "platform", **more))
        return [(row.segment, row.path, row.count) for row in answer]

    long, short = ("x", "x", "y", "y"), ("x", "y")
    assert found() == [("app", short, 1), ("web", long, 1), (None, ("x",), 1)]
    assert found(attribute="last") == [("app", long, 1), ("web", short, 1), (None, ("x",), 1)]
    assert found(attribute="mode") == [("app", long, 1), ("app", short, 1), (None, ("x",), 1)]
    assert found(attribute="each") == [
        ("app", ("x",), 1), ("app", ("y", "y"), 1), ("web", ("x",), 1), ("web", ("y",), 1),
        (None, ("x",), 2),
    ]  # fmt: skip


def test_small_segments_are_put_together() -> None:
    log = visits(*((f"c{n}", "x", n, "abbcccd"[n]) for n in range(7)), ("z", "x", 9, None))
    answer = log.ask(Breakdown(Variants(), "platform", smallest=2))
    assert [(row.segment, row.count) for row in answer] == [
        ("b", 2), ("c", 3), ("(other)", 2), (None, 1)
    ]  # fmt: skip
    assert "2 segments of fewer than 2 journeys are in (other)" in repr(answer)
    shown = log.ask(Trend(Breakdown(Variants(), "platform", smallest=2), "day"))
    assert {row.segment for row in shown} == {"b", "c", "(other)", None}


def test_conditions_and_subsets_are_segments() -> None:
    log = visits(("a", "x", 0, "web"), ("a", "y", 1, "web"), ("b", "x", 0, "app"),
                 ("c", "z", 0, None))  # fmt: skip
    twice = log.ask(Breakdown(Variants(), Count("x", 1)))
    assert [(row.segment, row.count) for row in twice] == [("yes", 1), ("yes", 1), ("no", 1)]
    named = {"buyers": Where(contain="y"), "visitors": Where(touchpoint="x")}
    answer = log.ask(Breakdown(Variants(), named))
    assert [row.segment for row in answer] == ["buyers", "visitors", "(rest)"]
    each = log.ask(Breakdown(Transitions(), Where(touchpoint="x"), attribute="each"))
    assert {row.segment: row.n for row in each if row.source == "(start)"} == {"yes": 2, "no": 2}
    emotion = Breakdown(Variants(), {"angry": Between("emotion", at_most=0)})
    with pytest.raises(AnswerError, match="emotion"):
        log.ask(emotion)


def test_periods_without_anything_are_gaps_and_the_last_is_not_over() -> None:
    day = 86_400
    log = visits(("a", "x", 0, "web"), ("a", "y", 3 * day, "web"), ("b", "x", 3 * day + 5, "web"))
    answer = log.ask(Trend(Funnel(["x", "y"]), "day"))
    assert [(r.period, r.complete, r.step, r.count) for r in answer] == [
        ("1970-01-01", True, 1, 1), ("1970-01-01", True, 2, 1), ("1970-01-02", True, None, None),
        ("1970-01-03", True, None, None), ("1970-01-04", False, 1, 1), ("1970-01-04", False, 2, 0),
    ]  # fmt: skip
    assert "not complete: 1970-01-04" in repr(answer)
    part = log.where(since=datetime.fromisoformat("1970-01-01T12:00+00:00"))
    assert [(r.period, r.complete) for r in part.ask(Trend(Variants(), "day"))] == [
        ("1970-01-01", False), ("1970-01-02", True), ("1970-01-03", True), ("1970-01-04", False),
        ("1970-01-04", False),
    ]  # fmt: skip
    assert len(log.where(customer="nobody").ask(Trend(Variants(), "day"))) == 0


def test_satisfaction_counts_each_answer_in_its_own_period_and_segment() -> None:
    data = {"customer": ["a", "a"], "touchpoint": ["x", "x"], "at": [0, 40 * 86_400],
            "platform": ["web", "app"], "answer": [10, 0]}  # fmt: skip
    log = Log.from_frame(data, COLUMNS)
    trend = log.ask(Trend(Satisfaction(None), "month"))
    assert [(row.period, row.score) for row in trend] == [("1970-01-01", 100), ("1970-02-01", -100)]
    by = log.ask(Breakdown(Satisfaction(None), "platform"))
    assert [(row.segment, row.score, row.n) for row in by] == [("app", -100, 1), ("web", 100, 1)]
    csat = evolve(COLUMNS, score_kind="csat")
    shown = Log.from_frame(data | {"answer": [5, 1]}, csat).ask(
        Breakdown(Satisfaction(None), "platform")
    )
    assert "100.0 %" in repr(shown)  # a share is shown as one


def test_a_breakdown_is_compared() -> None:
    log = visits(*((f"c{n}", "x" if n % 3 else "y", n, "web" if n % 2 else "app")
                   for n in range(60)))  # fmt: skip
    a, b = Where(columns={"platform": "web"}), Where(columns={"platform": "app"})
    answer = log.ask(Compare(Breakdown(Variants(), "platform"), a, b))
    assert {row.what[0] for row in answer} == {"web", "app"}
    assert answer.a.row_class is answer.b.row_class


def test_a_segment_within_a_segment() -> None:
    log = visits(("a", "x", 0, "web"), ("b", "y", 0, "app"))
    answer = log.ask(Breakdown(Breakdown(Variants(), "touchpoint"), "platform"))
    assert [(row.segment, row.segment_2, row.count) for row in answer] == [
        ("app", "y", 1), ("web", "x", 1)
    ]  # fmt: skip


def test_rows_are_copied_and_pickled() -> None:
    given = [Interaction("c", "a", T0, channel="web"), Interaction("c", "b", T0 + DAY)]
    log = Log.from_interactions(given, map=MAP)
    for question in (Trend(Transitions(), "day"), Trend(Breakdown(Transitions(), "channel"))):
        [row, *_] = log.ask(question)
        assert pickle.loads(pickle.dumps(row)) == row  # noqa: S301
        assert copy.copy(row) == copy.deepcopy(row) == row


def test_what_cannot_be_asked() -> None:
    log = visits(("a", "x", 0, "web"))
    with pytest.raises(UnknownName, match="platform"):
        log.ask(Breakdown(Variants(), "plattform"))
    with pytest.raises(AnswerError, match="RetentionAnswer has a column 'period' already"):
        log.ask(Trend(Retention(), "week"))
    for wrong in (
        lambda: Breakdown(Variants, "platform"),
        lambda: Breakdown(Variants(), ""),
        lambda: Breakdown(Variants(), {}),
        lambda: Breakdown(Variants(), {"x": "y"}),
        lambda: Breakdown(Variants(), 3),
        lambda: Breakdown(Variants(), Count("x", 2), attribute="mode"),
        lambda: Breakdown(Variants(), "platform", attribute="middle"),  # type: ignore[arg-type]
        lambda: Breakdown(Variants(), "platform", smallest=0),
        lambda: Trend(Variants(), "fortnight"),  # type: ignore[arg-type]
        lambda: Trend(Compare(Variants(), Where(), Where()), "week"),
    ):
        with pytest.raises(ElementError):
            wrong()
    untimed = Log.from_frame({"customer": ["a"], "touchpoint": ["x"]}, Columns(at=None))
    with pytest.raises(AnswerError, match="no times"):
        untimed.ask(Trend(Variants(), "week"))


def test_a_shop_by_platform_and_by_week(ecom: Path) -> None:
    """What was counted independently."""
    columns = Columns(customer="user_id", touchpoint="event", at="timestamp", timezone="UTC",
                      extra=("platform",))  # fmt: skip
    log = Log.read(ecom, columns).sessions(timedelta(minutes=30))
    by = log.ask(Breakdown(Funnel(["cart", "purchase"]), by="platform"))
    found = {(row.segment, row.element): (row.n, row.share) for row in by}
    assert found["desktop", "purchase"] == (547, pytest.approx(0.382, abs=5e-4))
    assert found["mobile", "purchase"] == (348, pytest.approx(0.253, abs=5e-4))

    begin, end = datetime(2024, 5, 19, tzinfo=UTC), datetime(2024, 6, 8, tzinfo=UTC)
    answer = log.ask(Compare(Transitions(), Where(until=begin), Where(since=begin, until=end)))
    [bought] = [r for r in answer if r.what == ("payment_details", "purchase")
                and r.measure == "share"]  # fmt: skip
    [failed] = [r for r in answer if r.what == ("payment_details", "payment_error")
                and r.measure == "share"]  # fmt: skip
    assert (bought.a, bought.b) == pytest.approx((0.196, 0.069), abs=5e-4)
    assert (bought.n_a, bought.n_b) == (358, 175)
    assert (failed.a, failed.b) == pytest.approx((0, 0.114), abs=5e-4)
    assert failed.p_adjusted is not None
    assert failed.p_adjusted < 0.05
    weeks = {
        row.period: row.share for row in log.ask(Trend(Transitions(), every="week"))
        if (row.source, row.target) == ("payment_details", "payment_error")
    }  # fmt: skip
    assert list(weeks) == ["2024-05-20", "2024-05-27", "2024-06-03"]


def test_segments_that_share_a_name_are_one() -> None:
    log = visits(*((who, "x", at, name) for at, (who, name) in enumerate(
        zip("abcd", ["(other)", "(other)", "web", "app"], strict=True))))  # fmt: skip
    answer = log.ask(Breakdown(Variants(), "platform", smallest=2))
    assert [(row.segment, row.count) for row in answer] == [("(other)", 4)]
    for wrong in (
        {"(rest)": Where(touchpoint="x")},
        [("k", Where(touchpoint="x")), ("k", Where(touchpoint="y"))],
        ["platform", "segment"],
        [("k", Where(), 3)],
    ):
        with pytest.raises(ElementError):
            Breakdown(Variants(), wrong)
    given = (pair for pair in [("k", Where(touchpoint="x"))])
    assert hash(Breakdown(Variants(), given))
    assert Breakdown(Variants(), [("k", Where())]).by == (("k", Where()),)


def test_shares_of_a_segment_are_compared_by_their_own_n() -> None:
    rows = [(f"c{n}", name, 2 * n + place, "s") for n in range(60)
            for place, name in enumerate("ab" if n % 2 else "qr")]  # fmt: skip
    log = visits(*rows)
    odd = [f"c{n}" for n in range(60) if n % 2]
    even = [f"c{n}" for n in range(60) if not n % 2]
    found = log.ask(Compare(Breakdown(Transitions(waits=False), "platform"),
                            Where(customer=odd), Where(customer=even)))  # fmt: skip
    [pair] = [row for row in found if row.what == ("s", "a", "b")]
    assert (pair.a, pair.b, pair.n_b, pair.p) == (1, None, None, None)


def test_small_segments_are_the_same_on_both_sides() -> None:
    rows = [(f"c{n}", "x" if n % 3 else "y", n, "A" if n % 5 else "B") for n in range(100)]
    log = visits(*rows)
    halves = [Where(customer=[f"c{n}" for n in range(100) if n % 2 == side]) for side in (0, 1)]
    found = log.ask(Compare(Breakdown(Variants(), "platform", smallest=30), *halves))
    assert {row.what[0] for row in found} == {"A", "(other)"}
    assert all(row.difference is not None for row in found)
    with pytest.raises(ElementError, match="two names"):
        Compare(Variants(), Where(), Where(), names=("a",))  # type: ignore[arg-type]


@frozen
class _Busiest:
    """A question that answers a number."""

    def measure(self, part: Part) -> int:
        return len(part)

    def merge(self, one: int, other: int) -> int:
        return one + other

    def answer(self, measured: int, scope: Scope) -> int:
        return measured


def test_only_answers_of_rows_are_split() -> None:
    log = visits(("a", "x", 0, "web"))
    for asked in (Breakdown(_Busiest(), "platform"), Trend(_Busiest(), "day")):
        with pytest.raises(AnswerError, match="only questions whose answer is an Answer of rows"):
            log.ask(asked)


def test_the_ends_of_the_calendar() -> None:
    frame = {"customer": ["a"], "touchpoint": ["x"], "at": ["2026-01-01T00:00"]}
    log = Log.from_frame(frame, Columns(timezone="Asia/Tokyo"))
    assert log.where(since="0001-01-01", until="9999-12-31").interactions == 1
    assert log.where(started=("0001-01-01", "9999-12-31")).interactions == 1
    assert log.where(until="9999-12-31").ask(Trend(Variants(), "year"))[0].period == "2026-01-01"
    untimed = Log.from_frame({"customer": ["a"], "touchpoint": ["x"]}, Columns(at=None))
    answer = untimed.ask(Breakdown(Variants(), "touchpoint"))
    assert not answer.answers["x"].timed


def test_columns_of_ones_own_do_not_hide_those_of_the_log() -> None:
    frame = {"customer": ["a"], "touchpoint": ["x"], "when": [5], "at": ["noon"], "value": ["p"]}
    log = Log.from_frame(frame, Columns(at="when", at_unit="s", extra=["at", "value"]))
    [row] = log.to_polars().to_dicts()
    assert (row["at"].second, row["at_name"], row["value_name"]) == (5, "noon", "p")
