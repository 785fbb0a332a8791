"""From a number to the people behind it: their number is the row's, in every question."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.analysis import (
    Breakdown,
    Compare,
    Deviations,
    Funnel,
    Lifecycle,
    Log,
    Part,
    Retention,
    Satisfaction,
    Scope,
    Scorecard,
    Transitions,
    Trend,
    Variants,
    Where,
)
from journeymap.analysis.behind import CustomersBehind, read_cells, row_keys
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.testing import interactions
from tests.analysis.test_scorecard import MEASURED, WHOLE
from tests.analysis.test_splitting import ASKED, views
from tests.factories import DAY, HOUR, JOURNEY, T0

pytestmark = pytest.mark.slow

happened = st.lists(
    interactions(customers=("ada", "ben", "cyd", "dan", "eve")), min_size=1, max_size=30
).map(lambda given: [WHOLE, *given])


@settings(max_examples=120)
@given(happened, st.sampled_from(ASKED), st.randoms(use_true_random=False))
def test_as_many_customers_as_the_row_counts(
    given: list[Interaction], question: Any, dice: Any
) -> None:
    log = views(Log.from_interactions(given, map=JOURNEY), dice)
    answer = log.ask(question)
    if "customers" not in answer.frame.columns or not len(answer):
        return
    row = dice.choice(list(answer))
    people = answer.customers(row)
    assert len(people) == row.customers
    assert list(people) == sorted(set(people))
    if people and type(question) in (Transitions, Variants, Funnel):
        again = log.where(customer=people).ask(question)
        same = [one for one in again if _named(one) == _named(row)]
        assert [one.customers for one in same] == [row.customers]  # they alone make it


@frozen
class Unaided:
    """A question that does not find its customers itself."""

    question: Any

    def measure(self, part: Part) -> Any:
        return self.question.measure(part)

    def answer(self, measured: Any, scope: Scope) -> Any:
        return self.question.answer(measured, scope)


@settings(max_examples=150)
@given(
    happened,
    st.sampled_from([
        Satisfaction(), Satisfaction(None), Variants(), Variants("stage", collapse=True),
        Deviations(currency="EUR"), Transitions(), Scorecard(), Scorecard("week"),
        Scorecard(last="60 h"),
    ]),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_those_found_are_those_found_by_trying(
    given: list[Interaction], question: Any, dice: Any
) -> None:
    log = views(Log.from_interactions(given, map=MEASURED), dice)
    answer = log.ask(question)
    number = "n" if isinstance(question, Scorecard) else "customers"
    rows = [row for row in answer if getattr(row, number)]
    for row in dice.sample(rows, min(3, len(rows))):
        keys = row_keys("test", answer, read_cells("test", row))
        found = log.ask(CustomersBehind(Unaided(question), keys, number))
        assert answer.customers(row, number) == found


def _named(row: Any) -> Any:
    return getattr(row, "path", None) or (
        getattr(row, "source", ""), getattr(row, "target", ""), getattr(row, "step", "")
    )  # fmt: skip


@settings(max_examples=60)
@given(
    happened,
    st.sampled_from([Transitions(), Variants(), Funnel(["a", "b"])]),
    st.sampled_from(["channel", "stage", "product"]),
    st.randoms(use_true_random=False),
)
def test_within_segments_and_periods(
    given: list[Interaction], question: Any, by: str, dice: Any
) -> None:
    log = Log.from_interactions(given, map=JOURNEY)
    for asked in (Breakdown(question, by), Trend(question, "week"),
                  Trend(Breakdown(question, by), "month")):  # fmt: skip
        answer = log.ask(asked)
        rows = [row for row in answer if row.customers is not None]
        row = dice.choice(rows)
        assert len(answer.customers(row)) == row.customers


def test_who_was_there_before_is_not_new() -> None:
    """Behind a bound in time, what happened before it is known."""
    given = [evolve(WHOLE, customer=who, touchpoint="a", at=T0 + day * DAY) for who, day in
             (("x", 0), ("x", 3), ("y", 3), ("z", 0))]  # fmt: skip
    log = Log.from_interactions(given, map=JOURNEY).where(since=T0 + DAY)
    answer = log.ask(Lifecycle("day"))
    by = {row.period: row for row in answer}
    third = by["2026-03-05"]
    assert (answer.customers(third, "new"), answer.customers(third, "resurrecting")) == (
        ("y",), ("x",)
    )  # fmt: skip
    kept = log.ask(Retention(every="day", cohorts="first"))
    assert kept.customers(kept[0]) == kept.customers(kept[0], "n") == ("y",)


@settings(max_examples=100)
@given(happened, st.booleans(), st.randoms(use_true_random=False))
def test_every_number_of_a_lifecycle(given: list[Interaction], bound: bool, dice: Any) -> None:
    log = Log.from_interactions(given, map=JOURNEY)
    log = log.where(since=T0 + 20 * HOUR) if bound else log
    answer = log.ask(Lifecycle("day"))
    for row in list(answer)[:3]:
        for number in ("new", "returning", "resurrecting", "dormant"):
            assert len(answer.customers(row, number)) == getattr(row, number)


def test_those_who_left_and_those_who_are_new() -> None:
    given = [evolve(WHOLE, customer=name, touchpoint=touchpoint) for name, touchpoint in
             (("a", "a"), ("b", "a"), ("b", "b"), ("c", "c"))]  # fmt: skip
    log = Log.from_interactions(given, map=MEASURED)
    funnel = log.ask(Funnel(["a", "b"]))
    assert set(funnel.customers(funnel[0])) - set(funnel.customers(funnel[1])) == {"a"}
    answer = log.ask(Lifecycle("month"))
    assert answer.customers(answer[0], "new") == ("a", "b", "c")
    assert answer.customers(answer[0].__class__(*answer.frame.row(0)), "returning") == ()
    scored = log.ask(Scorecard())
    visits = next(row for row in scored if row.metric == "visits")
    assert scored.customers(visits, "n") == ("a", "b", "c")
    assert scored.customers({"metric": "visits", "period": None}, "n") == ("a", "b", "c")
    top = log.ask(Variants(top=1))
    assert len(top.customers(top[0])) == top[0].customers


def test_what_has_no_one_behind_it() -> None:
    log = Log.from_interactions([WHOLE], map=JOURNEY)
    answer = log.ask(Transitions())
    with pytest.raises(UnknownName, match="did you mean 'customers'"):
        answer.customers(answer[0], "customer")
    with pytest.raises(AnswerError, match="that a log has given"):
        evolve(answer).customers(answer[0])
    trend = log.ask(Trend(Transitions(), "day"))
    with pytest.raises(AnswerError, match="that a log has given"):
        trend.customers({"period": "2020-01-01"})
    for wrong in ({"source": "a"}, {}, None, "a", {"source": "nope", "target": "b"}):
        with pytest.raises(AnswerError):
            answer.customers(wrong)  # type: ignore[arg-type]
        with pytest.raises(AnswerError):
            trend.customers(wrong)
    with pytest.raises(AnswerError):
        answer.customers(log.ask(Variants())[0])  # type: ignore[arg-type]
    copied = pickle.loads(pickle.dumps(answer))  # noqa: S301
    assert copied == answer
    with pytest.raises(AnswerError, match="that a log has given"):
        copied.customers(answer[0])
    compared = log.ask(Compare(Variants(), Where(), Where()))
    with pytest.raises(UnknownName):
        compared.customers(compared[0])
