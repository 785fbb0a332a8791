"""Two subsets side by side: the numbers, and whether the intervals hold what they promise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from journeymap.analysis import (
    Columns,
    Compare,
    Deviations,
    Dwell,
    Funnel,
    Handoffs,
    KeyJourneys,
    Lifecycle,
    Log,
    Loops,
    Retention,
    Satisfaction,
    Transitions,
    Variants,
    Where,
)
from journeymap.analysis.answers import format_cell
from journeymap.analysis.measuring.resampling import assign_groups
from journeymap.analysis.questions.compare import _adjust_p_values
from journeymap.analysis.row_fields import Field
from journeymap.exceptions import AnswerError, ElementError
from tests.factories import JOURNEY, columns_of

COLUMNS = Columns(at_unit="us", channel="channel")
A, B = Where(channel="a"), Where(channel="b")


def simulated(seed: int, size: int, scale: float, share: tuple[float, float]) -> Log:
    """In each of 20 elements, customers of both channels stay and then move on, or do not.

    Half of them come twice and are alike both times, so that one customer counts for two.
    """
    dice = np.random.default_rng(seed)
    data: dict[str, list[Any]] = {"customer": [], "touchpoint": [], "at": [], "channel": []}
    for element in range(20):
        for who in range(2 * size):
            side = who % 2
            own = dice.gamma(2.0, 0.5)  # how slow this customer is
            for visit in range(1 + who // 2 % 2):
                begin = visit * 10**13
                length = own * dice.exponential(3600e6) * (scale if side else 1.0)
                to = f"on {element}" if dice.random() < share[side] else f"off {element}"
                data["customer"] += [f"{element}-{who}"] * 2
                data["touchpoint"] += [f"at {element}", to]
                data["at"] += [begin, begin + 1 + int(length)]
                data["channel"] += ["b" if side else "a"] * 2
    return Log.from_frame(data, COLUMNS)


def truths(scale: float, share: tuple[float, float]) -> dict[str, float]:
    """What the simulated customers are in the long run."""
    dice = np.random.default_rng(0)
    once, twice = dice.gamma(2.0, 0.5, (2, 400_000))
    waits = np.concatenate([once, twice, twice]) * dice.exponential(3600, 1_200_000)
    return {
        "wait_mean": 3600 * (scale - 1),
        "wait_median": float(np.median(waits)) * (scale - 1),
        "share": share[1] - share[0],
    }


@pytest.mark.parametrize(
    ("size", "scale", "share"), [(150, 1.0, (0.3, 0.3)), (150, 1.5, (0.1, 0.05))]
)
def test_intervals_hold_the_truth_19_times_out_of_20(
    size: int, scale: float, share: tuple[float, float]
) -> None:
    wanted = truths(scale, share)
    held: dict[str, list[bool]] = {"wait_mean": [], "wait_median": [], "share": []}
    for seed in range(10):
        log = simulated(seed, size, scale, share)
        waits = log.ask(Compare(Dwell("touchpoint"), A, B))
        moves = log.ask(Compare(Transitions(waits=False), A, B))
        for row in waits:
            name = row.measure.replace("dwell", "wait")
            if name in wanted and row.what[0].startswith("at") and row.low is not None:
                assert row.high is not None
                held[name].append(row.low <= wanted[name] <= row.high)
        for row in moves:
            if row.what[-1].startswith("on") and row.what[0].startswith("at"):
                assert row.low is not None
                assert row.high is not None
                held["share"].append(row.low <= wanted["share"] <= row.high)
    for name, found in held.items():
        assert len(found) == 200, name
        assert 0.9 <= sum(found) / len(found) <= 0.995, (name, sum(found))


def test_chance_alone_rarely_raises_an_alarm() -> None:
    """Many comparisons of what does not differ: the correction keeps alarms rare."""
    alarms = raw = 0
    for seed in range(10):
        log = simulated(seed, 60, 1.0, (0.3, 0.3))
        answer = log.ask(Compare(Transitions(waits=False), A, B))
        alarms += any(row.p_adjusted is not None and row.p_adjusted < 0.05 for row in answer)
        raw += any(row.p is not None and row.p < 0.05 for row in answer)
    assert alarms <= 3
    assert raw >= 5  # without a correction there would be one nearly every time


def test_a_real_difference_is_found() -> None:
    log = simulated(3, 200, 3.0, (0.2, 0.6))
    waits = log.ask(Compare(Dwell("touchpoint"), A, B))
    means = [row for row in waits if row.measure == "dwell_mean" and row.what[0].startswith("at")]
    found = [row.p_adjusted is not None and row.p_adjusted < 0.05 for row in means]
    assert sum(found) >= len(found) - 1  # twenty, each at a level of a thousandth or less
    assert all(row.low is not None and row.low > 0 for row in means)
    assert "differ by more than chance" in repr(waits)


def test_the_values_are_those_of_the_subsets() -> None:
    log = simulated(5, 30, 1.0, (0.5, 0.5))
    question = Transitions()
    compared = log.ask(Compare(question, A, B))
    assert compared.a == log.where(A).ask(question)
    assert compared.b == log.where(B).ask(question)
    alone = {(r.source, r.target): r for r in log.where(B).ask(question)}
    for row in compared:
        if row.measure == "share" and (row.what[0], row.what[1]) in alone:
            twin = alone[row.what[0], row.what[1]]
            assert (row.b, row.n_b) == (twin.share, twin.n)
        if row.a is not None and row.b is not None:
            assert row.difference == row.b - row.a


def shop(seed: int, size: int = 3000, customers: int = 200) -> Log:
    """Customers of two channels who do not differ, over sixty days, at the map's touchpoints."""
    dice = np.random.default_rng(seed)
    who = dice.integers(0, customers, size)
    frame = {
        "customer": [f"c{n}" for n in who],
        "touchpoint": np.array(["a", "b", "c"])[dice.integers(0, 3, size)],
        "at": 1_750_000_000_000_000 + dice.integers(0, 60 * 86_400, size) * 1_000_000,
        "channel": np.array(["a", "b"])[who % 2],
        "team": np.array(["sales", "care"])[dice.integers(0, 2, size)],
        "answer": dice.integers(0, 11, size),
    }
    columns = Columns(at_unit="us", channel="channel", department="team", score="answer",
                      score_kind="nps")  # fmt: skip
    return Log.from_frame(frame, columns, map=JOURNEY)


ASKED: list[Any] = [
    Transitions(), Variants(), Funnel(["a", "b", "c"]), Handoffs(), Loops(),
    Retention(every="week"), Retention(every="week", cohorts="first"), Satisfaction(),
    KeyJourneys(), Deviations(), Dwell("touchpoint"),
]  # fmt: skip


@pytest.mark.parametrize("question", ASKED, ids=lambda q: type(q).__name__)
def test_the_answers_are_those_of_the_subsets(question: Any) -> None:
    log = shop(2)
    middle = datetime.fromtimestamp(1_750_000_000 + 30 * 86_400, UTC)
    late = log.where(since=middle)
    for whole, one, other in (
        (log, A, B),
        (log, Where(until=middle), Where(since=middle)),
        (late, Where(touchpoint=["a", "b"]), Where()),
    ):
        compared = whole.ask(Compare(question, one, other))
        assert compared.a == whole.where(one).ask(question)
        assert compared.b == whole.where(other).ask(question)
        for row in compared:
            assert (row.low is None) == (row.high is None)
            if row.low is not None and row.high is not None and row.difference is not None:
                assert row.low - 1e-9 <= row.difference <= row.high + 1e-9
                assert row.p is not None
    assert {row.difference for row in log.ask(Compare(question, A, A))} <= {0.0, None}


@pytest.mark.parametrize(
    "question",
    [Funnel(["a", "b", "c"]), Handoffs(), Loops(), KeyJourneys(), Satisfaction()],
    ids=lambda q: type(q).__name__,
)
def test_what_does_not_differ_raises_no_alarm(question: Any) -> None:
    """Whatever a share is out of; with the correction, an alarm in one log of twenty at most."""
    alarms = 0
    for seed in range(20):
        answer = shop(seed, size=800, customers=100).ask(Compare(question, A, B))
        alarms += any(row.p_adjusted is not None and row.p_adjusted < 0.05 for row in answer)
    assert alarms <= 4


def test_shares_of_the_whole_answer_have_intervals() -> None:
    answer = shop(1).ask(Compare(Loops(), A, B))
    sure = {row.measure for row in answer if row.what == () and row.low is not None}
    assert {"share_buy", "reentry_rate", "lap_time_mean"} <= sure


def test_a_handful_of_customers_proves_nothing() -> None:
    frame = {"customer": list("aabbccdd"), "touchpoint": ["x", "y"] * 4,
             "channel": list("aaaabbbb"), "at": [0, 60, 0, 60, 0, 61, 0, 61]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", channel="channel"))
    rows = [row for row in log.ask(Compare(Dwell("touchpoint"), A, B)) if row.what == ("x",)]
    assert {row.difference for row in rows} == {1.0}
    assert {(row.low, row.high, row.p) for row in rows} == {(None, None, None)}
    alone = log.ask(Compare(Transitions(), A, Where(channel="nobody")))
    assert {row.p for row in alone} == {None}
    dice = np.random.default_rng(4)
    false = 0
    for _ in range(200):  # three customers a side, answers of few values, often all alike
        people = {"customer": list("abcdef"), "touchpoint": ["x"] * 6, "at": [1] * 6,
                  "channel": list("aaabbb"), "answer": dice.integers(1, 4, 6)}  # fmt: skip
        columns = Columns(at_unit="s", channel="channel", score="answer", score_kind="ces")
        tiny = Log.from_frame(people, columns)
        [row] = [r for r in tiny.ask(Compare(Satisfaction(), A, B)) if r.measure == "score"]
        false += row.p is not None and row.p < 0.05
    assert false <= 20


def test_numbers_are_told_as_what_they_are() -> None:
    told = repr(shop(1).ask(Compare(Satisfaction(), A, B)))
    assert "%" not in told.split("differ by more than chance")[1]
    assert " %" in repr(shop(1).ask(Compare(Variants(), A, B)))
    assert "h" in repr(shop(1).ask(Compare(Dwell("touchpoint"), A, B)))


def test_customers_are_dealt_alike_wherever_they_lie() -> None:
    names = ["ada", "Jürgen", "x", "", "c1", "c2"] * 2
    log = Log.from_frame(
        {"customer": names, "touchpoint": names, "at": range(12)}, Columns(at_unit="s")
    )
    [part] = log.parts(None)
    dealt = dict(zip(part.ids.to_list(), assign_groups(part, 16).tolist(), strict=True))
    for piece in log.parts(1):
        assert assign_groups(piece, 16).tolist() == [dealt[piece.ids[0]]]
    size = 10_000
    people = [f"c{n}" for n in range(size)]
    frame = {"customer": people, "touchpoint": ["x"] * size, "at": [1] * size}
    many = Log.from_frame(frame, Columns(at_unit="s"))
    [part] = many.parts(None)
    counts = np.bincount(assign_groups(part, 16), minlength=16)
    assert counts.min() > 500
    assert counts.max() < 750


def test_corrections_as_published() -> None:
    """The p values of Benjamini and Hochberg (1995), of which theirs keeps four, Holm's three."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    fdr, holm = _adjust_p_values([*p], "fdr"), _adjust_p_values([*p], "holm")
    assert sum(one is not None and one <= 0.05 for one in fdr) == 4
    assert sum(one is not None and one <= 0.05 for one in holm) == 3
    assert holm[:3] == pytest.approx([0.0015, 0.0056, 0.0247])
    assert _adjust_p_values([0.2, None, 0.01], "none") == [0.2, None, 0.01]


def test_what_cannot_be_compared() -> None:
    log = simulated(1, 2, 1.0, (0.5, 0.5))
    with pytest.raises(AnswerError, match="no shares, means or medians"):
        log.ask(Compare(Lifecycle(), A, B))
    for wrong in (Variants, Compare(Variants(), A, B), "variants"):
        with pytest.raises(ElementError, match="a question is expected"):
            Compare(wrong, A, B)  # type: ignore[arg-type]
    with pytest.raises(ElementError, match=r"a subset is expected, such as Where"):
        Compare(Variants(), "a", B)  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="holm"):
        Compare(Variants(), A, B, correction="bonferroni")  # type: ignore[arg-type]


def test_findings_come_first_under_names() -> None:
    log = simulated(3, 200, 1.0, (0.2, 0.6))
    asked = Compare(Funnel(["at 1", "on 1"]), A, B)
    answer = log.ask(asked)
    assert answer.names == ("channel a", "channel b")
    assert answer[0].what == ("2", "on 1")
    shares = {row.measure: row for row in answer if row.what == ("2", "on 1")}
    assert shares["share"].p_adjusted == shares["share_previous"].p_adjusted  # counted once
    first = next(row for row in answer if row.what == ("1", "at 1") and row.measure == "share")
    assert (first.difference, first.p_adjusted) == (0, 1)  # it cannot differ
    shown = repr(answer)
    assert "a: channel a; b: channel b" in shown
    assert "pp" in shown
    assert format_cell(Field("chance"), 0.0004) == "< 0.001"
    assert "cut through journeys" not in shown
    named = log.ask(Compare(Variants(), Where(until="2026-01-01"), Where(), names=("old", "all")))
    assert "a: old; b: all" in repr(named)
    assert "since and until cut through journeys; started=(…) compares whole ones" in repr(named)


def test_what_arithmetic_leaves_is_no_difference() -> None:
    data = {"customer": list("aabbccdd"), "touchpoint": ["x", "y"] * 4,
            "at": [0, 100_001, 5, 100_006, 0, 100_001, 7, 100_008],
            "channel": list("aabbaabb")}  # fmt: skip
    answer = Log.from_frame(data, COLUMNS).ask(Compare(Transitions(), A, B))
    assert {row.difference for row in answer if row.measure.startswith("wait")} == {0.0}


@pytest.mark.slow
def test_no_false_alarm_of_what_few_customers_do() -> None:
    """Sides by lot; steps that some ten customers take: one log in twenty gives an alarm."""
    alarms = dict.fromkeys(("transitions", "dwell", "funnel"), 0)
    for seed in range(60):
        dice, rows = np.random.default_rng(seed), []
        for n in range(400):
            side, at = "AB"[int(dice.integers(2))], float(dice.uniform(0, 1e6))
            rare = [f"k{k}" for k in range(8) if dice.random() < 0.03]
            for point in ("ask", *rare, "end"):
                rows.append((f"c{n}", point, int(at), side))
                at += float(dice.lognormal(8, 1.2))
        log = Log.from_frame(columns_of("customer touchpoint at side", rows),
                             Columns(at_unit="s", extra=("side",)))  # fmt: skip
        sides = Where(columns={"side": "A"}), Where(columns={"side": "B"})
        asked: list[Any] = [Transitions(), Dwell("touchpoint"), Funnel(["ask", "k1", "end"])]
        for name, question in zip(alarms, asked, strict=True):
            answer: Any = log.ask(Compare(question, *sides))
            found = [row.p_adjusted for row in answer if row.p_adjusted is not None]
            alarms[name] += min(found, default=1.0) < 0.05
            assert min(found, default=1.0) > 1e-6  # of so few, nothing is as sure as that
    assert max(alarms.values()) <= 8, alarms
