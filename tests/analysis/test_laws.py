"""Parts and merges: any split of the customers, merged in any order, gives the whole's answer."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Dormancy, Interaction
from journeymap.analysis import (
    Attribution,
    Columns,
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
    Part,
    Paths,
    Positions,
    Question,
    Recommendation,
    RemainingTime,
    Retention,
    Revenue,
    Rfm,
    Satisfaction,
    Scope,
    Signals,
    Transitions,
    Variants,
)
from journeymap.analysis.measuring import quantiles, tally
from journeymap.analysis.measuring.resampling import Resampling
from journeymap.analysis.questions import variants
from journeymap.engines.wire import WireError
from journeymap.testing import check_question, interactions
from tests.factories import HOUR
from tests.factories import JOURNEY as MAP

pytestmark = pytest.mark.slow

QUESTIONS: list[Question[Any]] = [
    Transitions(),
    Transitions("department", waits=False),
    Variants(top=None),
    Variants("stage", top=2, collapse=True),
    Dwell(),
    Dwell("touchpoint"),
    Funnel(["a", "b"]),
    Funnel(["a", "b"], order="strict", within=30 * HOUR),
    Funnel(["a", "b", "c"], order="any", count="completions", within=99 * HOUR),
    Loops(),
    Handoffs(),
    Lifecycle("day"),
    Attribution("c"),
    Drivers("c"),
    Revenue("touchpoint", currency="EUR"),
    Revenue(None, currency="EUR"),
    EffortAndCost(),
    EffortAndCost("channel", lately="9 h"),
    Recommendation("b", currency="EUR"),
    Drivers("c", lead="2 h"),
    Drivers(Dormancy(), silent="30 h"),
    Attribution("c", "time-decay", by="department", lookback="90 h", currency="EUR"),
    Rfm("a", classes=3, currency="EUR"),
    LifetimeValue("a"),
    LifetimeValue("a", covariate="channel", holdout="1 day"),
    LifetimeValue("a", "pareto-nbd", spend="gamma-gamma", currency="EUR", holdout="3 days"),
    Retention("a", None, "day", "cumulative"),
    Retention(every="week", cohorts="first", week_starts="sunday"),
    Satisfaction(),
    Satisfaction(None),
    Distribution("wait"),
    Distribution("wait", start="a", end="b"),
    Distribution("length", edges=(0, 3600, 90_000)),
    Distribution("interactions"),
    Distribution("value", currency="EUR"),
    Paths("touchpoint", 4),
    Paths("department", 3, end="sales"),
    KeyJourneys(),
    Deviations(currency="EUR"),
    Deviations("ab", working_time=True),
    Positions(),
    Positions(datetime(2026, 3, 9, tzinfo=UTC)),
    Signals(),
    Signals("handoff", as_of=datetime(2026, 3, 9, tzinfo=UTC)),
    NextStep(),
    NextStep(memory=2, half_life="chosen"),
    RemainingTime(memory=2),
    NextStep("department", 1),
    Resampling(Transitions("stage")),
    Resampling(Retention("a", every="week", cohorts="first")),
]
many = st.lists(
    interactions(customers=("ada", "ben", "cyd", "dan", "eve")), min_size=1, max_size=40
)


def whole_and_parts(log: Log, question: Question[Any], seed: int) -> tuple[Any, Any]:
    """The answer of the log in one part, and of its smallest parts merged in some order."""
    [whole] = list(log.parts(None))
    pieces = [question.measure(part) for part in log.parts(1)]
    dice = random.Random(seed)
    while len(pieces) > 1:
        one = pieces.pop(dice.randrange(len(pieces)))
        other = pieces.pop(dice.randrange(len(pieces)))
        pieces.append(question.merge(one, other))
    return (
        question.answer(question.measure(whole), log.scope),
        question.answer(pieces[0], log.scope),
    )


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_the_laws_of_questions(question: Question[Any]) -> None:
    tries = settings().max_examples
    check_question(
        question, map=MAP, examples=tries // 4 if isinstance(question, Resampling) else tries
    )


@frozen
class _Broken:
    """A question that breaks one law at a time."""

    law: str

    def measure(self, part: Part) -> Any:
        found = {"count": len(part), "first": part.journeys}
        return iter(()) if self.law == "sent" else found

    def merge(self, one: Any, other: Any) -> Any:
        if self.law == "kept":
            one["count"] += other["count"]
            return one
        return {"count": one["count"] + other["count"], "first": max(one["first"], other["first"])}

    def answer(self, measured: Any, scope: Scope) -> int:
        if self.law == "sent":
            return 0
        found: int = measured["first"] if self.law == "whole" else measured["count"]
        return found


@pytest.mark.parametrize(
    ("law", "told"),
    [("kept", "merging changes"), ("whole", "another answer than the whole")],
)
def test_broken_laws_are_named(law: str, told: str) -> None:
    check_question(_Broken("none"))
    with pytest.raises(AssertionError, match=told):
        check_question(_Broken(law))
    with pytest.raises(WireError, match="tuple_iterator cannot be sent"):
        check_question(_Broken("sent"))


@given(given_=many)
def test_one_pass_answers_like_several(given_: list[Interaction]) -> None:
    log = Log.from_interactions(given_, map=MAP)
    together = log.ask(*QUESTIONS)
    assert list(together) == [log.ask(question) for question in QUESTIONS]


def random_log(seed: int, customers: int, **columns: Any) -> Log:
    dice = np.random.default_rng(seed)
    size = customers * 10
    frame = {
        "customer": dice.integers(0, customers, size),
        "touchpoint": np.array(["a", "b", "c", "d"])[dice.integers(0, 4, size)],
        "at": dice.integers(0, 10**12, size),
        **columns,
    }
    return Log.from_frame(frame, Columns(at_unit="us"))


def test_a_large_log_in_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sketches overflow into buckets, the pending pieces are joined on the way."""
    for module in (quantiles, variants):
        monkeypatch.setattr(module, "_PENDING", 5000)
    monkeypatch.setattr(quantiles, "MAX_EXACT", 2000)
    log = random_log(1, 1500)
    for question in (
        Transitions(),
        Variants(top=None),
        Dwell("touchpoint"),
        Handoffs("touchpoint"),
    ):
        whole, merged = whole_and_parts(log, question, 1)
        assert whole == merged


def test_quantiles_stay_within_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    log = random_log(2, 1000)
    exact = {(r.source, r.target): r for r in log.ask(Transitions())}
    monkeypatch.setattr(quantiles, "MAX_EXACT", 100)
    answer = log.ask(Transitions())
    assert answer.quantile_error == quantiles.BOUND
    assert max(row.count for row in answer) > 100
    for row in answer:
        twin = exact[row.source, row.target]
        if row.wait_median is not None and twin.wait_median is not None:
            for one, other in ((row.wait_median, twin.wait_median), (row.wait_p90, twin.wait_p90)):
                assert one == pytest.approx(other, rel=quantiles.BOUND * 1.01)
        assert row.wait_mean == twin.wait_mean


def test_waits_of_nothing_are_nothing_in_buckets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MAX_EXACT", 0)
    frame = {"customer": ["a"] * 3, "touchpoint": ["x"] * 3, "at": [5, 5, 5]}
    [row] = [r for r in Log.from_frame(frame, Columns(at_unit="s")).ask(Transitions())
             if r.wait_mean is not None]  # fmt: skip
    assert (row.count, row.wait_mean, row.wait_median) == (2, 0, 0)


def test_many_names_take_the_sparse_way(monkeypatch: pytest.MonkeyPatch) -> None:
    log = random_log(3, 200)
    dense = log.ask(Transitions(), Dwell("touchpoint"), Handoffs("touchpoint"))
    monkeypatch.setattr(tally, "_MAX_DENSE", 0)
    assert log.ask(Transitions(), Dwell("touchpoint"), Handoffs("touchpoint")) == dense


def test_colliding_hashes_cost_time_and_never_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    log = random_log(4, 50)
    right = log.ask(Variants(top=None))
    monkeypatch.setattr(
        variants,
        "hash_sequences",
        lambda codes, offsets, names: np.zeros(len(offsets) - 1, np.uint64),
    )
    assert log.ask(Variants(top=None)) == right
    monkeypatch.setattr(
        variants, "hash_sequences",
        lambda codes, offsets, names: np.diff(offsets).astype(np.uint64) % np.uint64(3),
    )  # fmt: skip
    assert log.ask(Variants(top=None)) == right


def test_parts_with_other_names_merge() -> None:
    """As they come from files that were encoded apart."""
    one = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x", "y", "x"], "at": [1, 2, 3]},
                         Columns(at_unit="s"))  # fmt: skip
    other = Log.from_frame({"customer": ["b"] * 3, "touchpoint": ["z", "x", "y"], "at": [1, 3, 5]},
                           Columns(at_unit="s"))  # fmt: skip
    both = Log.from_frame(
        {"customer": ["a"] * 3 + ["b"] * 3, "touchpoint": list("xyxzxy"), "at": [1, 2, 3, 1, 3, 5]},
        Columns(at_unit="s"),
    )
    questions: list[Question[Any]] = [
        Transitions(), Variants(), Dwell("touchpoint"), Handoffs("touchpoint"),
    ]  # fmt: skip
    for question in questions:
        measured = [question.measure(part) for log in (one, other) for part in log.parts()]
        merged = question.answer(question.merge(*measured), both.scope)
        whole = both.ask(question)
        assert sorted(map(repr, merged)) == sorted(map(repr, whole))


def test_a_log_of_nobody_answers_with_nothing() -> None:
    log = Log.from_interactions([], map=MAP)
    assert (log.customers, log.journeys, log.interactions, log.first) == (0, 0, 0, None)
    for question in QUESTIONS:
        answer = log.ask(question)
        answer = answer.whole if isinstance(question, Resampling) else answer
        assert sum(row.get("count", 0) for row in answer.to_dicts()) == 0


def test_ties_keep_the_order_of_arrival() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    names = ["d", "b", "a", "c"] * 50
    given_ = [Interaction(c, n, now) for n in names for c in ("ada", "ben")]
    [row] = log_rows(given_)
    assert row.path == tuple(names)
    assert row.count == 2


def log_rows(given_: list[Interaction]) -> list[Any]:
    return list(Log.from_interactions(given_).ask(Variants(top=None)))


def test_a_customer_counts_once_for_a_sequence_taken_twice() -> None:
    """A log may hold several journeys of one customer, next to each other."""
    frame = {"customer": list("aaaabb"), "touchpoint": list("xyxyxx"), "at": [1, 2, 99, 100, 1, 2]}
    split = Log.from_frame(frame, Columns(at_unit="s")).sessions(timedelta(seconds=9))
    counted = {row.path: (row.count, row.customers) for row in split.ask(Variants())}
    assert counted == {("x", "y"): (2, 1), ("x", "x"): (1, 1)}
    pairs = {(r.source, r.target): (r.count, r.customers) for r in split.ask(Transitions())}
    assert pairs["x", "y"] == (2, 1)
    assert pairs["(start)", "x"] == (3, 2)
    assert [len(list(split.parts(rows))) for rows in (1, 99)] == [2, 1]


def test_large_amounts_sum_exactly() -> None:
    """Beyond what a float can hold, nothing is lost among hundreds of billions."""
    size = 40
    frame = {
        "customer": [f"c{n:02}" for n in range(size) for _ in range(2)],
        "touchpoint": ["x"] * 2 * size,
        "at": [1, 2] * size,
        "d": ["sales", "support"] * size,
        "v": ["899999999999.9999", None] * size,
    }
    columns = Columns(at_unit="s", department="d", value="v", currency="EUR")
    log = Log.from_frame(frame, columns)
    question = Handoffs()
    [row] = log.ask(question)
    assert row.value_at_risk == float(f"{size * (9 * 10**15 - 1) / 10**4:.15g}")
    pieces = reduce(question.merge, [question.measure(part) for part in log.parts(1)])
    assert question.answer(pieces, log.scope)[0] == row
