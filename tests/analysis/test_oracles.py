"""Every question against its plain twin, on interactions that Hypothesis thinks of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.analysis import Dwell, Funnel, Handoffs, Log, Loops, Transitions, Variants
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import HOUR, MAP

LENGTHS = (timedelta(0), timedelta(hours=1), timedelta(hours=90))
many = st.lists(interactions(durations=LENGTHS), max_size=30)
levels = st.sampled_from(["touchpoint", "stage", "phase", "department", "channel"])


def close(one: float | None, other: float | None) -> bool:
    return (one is None) == (other is None) and one == pytest.approx(other, abs=1e-6)


@given(many, levels)
def test_transitions(given_: list[Interaction], by: str) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Transitions(by))
    wanted = plain.transitions(given_, plain.level(MAP, by))
    assert {(row.source, row.target) for row in answer} == set(wanted)
    for row in answer:
        for name, value in wanted[row.source, row.target].items():
            assert close(getattr(row, name), value), name


@given(many, levels, st.booleans())
def test_variants(given_: list[Interaction], by: str, collapse: bool) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Variants(by, None, collapse=collapse))
    wanted = plain.variants(given_, plain.level(MAP, by), collapse=collapse)
    assert {row.path: row.count for row in answer} == wanted
    assert [row.count for row in answer] == sorted(wanted.values(), reverse=True)
    assert answer.distinct == len(wanted)


@given(many, levels)
def test_dwell(given_: list[Interaction], by: str) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Dwell(by))
    wanted = plain.dwell(given_, plain.level(MAP, by), state=by in ("stage", "phase"))
    assert {row.element for row in answer} == set(wanted)
    for row in answer:
        count, customers, lengths = wanted[row.element]
        assert (row.count, row.customers, row.n, row.open) == (
            count, customers, len(lengths), count - len(lengths),
        )  # fmt: skip
        assert close(row.dwell_mean, sum(lengths) / len(lengths) if lengths else None)
        assert close(row.dwell_median, plain.quantile(lengths, 0.5) if lengths else None)


steps = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3)
within = st.none() | st.integers(0, 300).map(lambda n: n * HOUR)


def named(given_: list[Interaction]) -> dict[str, list[tuple[str, Any]]]:
    return {
        customer: [(one.touchpoint, one.at) for one in mine]
        for customer, mine in plain.journeys(given_).items()
    }


@given(many, steps, within, st.sampled_from(["sequential", "strict", "any"]))
def test_funnel_of_customers(
    given_: list[Interaction], steps: list[str], within: timedelta | None, order: Any
) -> None:
    if order == "any":
        steps = sorted(set(steps))
    question = Funnel(steps, order=order, within=within)
    answer = Log.from_interactions(given_, map=MAP).ask(question)
    best = [plain.funnel_customers(m, steps, within, order) for m in named(given_).values()]
    wanted = [sum(b >= k for b in best) for k in range(1, len(steps) + 1)]
    assert [row.count for row in answer] == wanted
    assert [row.customers for row in answer] == wanted


@given(many, steps, within)
def test_funnel_of_completions(
    given_: list[Interaction], steps: list[str], within: timedelta | None
) -> None:
    question = Funnel(steps, within=within, count="completions")
    answer = Log.from_interactions(given_, map=MAP).ask(question)
    far = [n for m in named(given_).values() for n in plain.funnel_completions(m, steps, within)]
    assert [row.count for row in answer] == [
        sum(n >= k for n in far) for k in range(1, len(steps) + 1)
    ]


@given(many, steps, within)
def test_funnel_of_completions_in_any_order(
    given_: list[Interaction], steps: list[str], within: timedelta | None
) -> None:
    steps = sorted(set(steps))
    question = Funnel(steps, order="any", within=within, count="completions")
    answer = Log.from_interactions(given_, map=MAP).ask(question)
    far = [n for m in named(given_).values() for n in plain.funnel_sets(m, steps, within)]
    assert [row.count for row in answer] == [
        sum(n >= k for n in far) for k in range(1, len(steps) + 1)
    ]


@given(many)
def test_handoffs(given_: list[Interaction]) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Handoffs())
    wanted = plain.handoffs(given_, plain.level(MAP, "department"), MAP)
    assert {(row.source, row.target): row.count for row in answer} == {
        pair: row["count"] for pair, row in wanted.items()
    }
    valued = any(one.value for one in given_)
    for row in answer:
        twin = wanted[row.source, row.target]
        assert (row.bounced, row.dropped) == (twin["bounced"], twin["dropped"])
        assert row.open == twin["open"]
        assert close(row.wait_mean, twin["wait"] / twin["count"])
        assert (row.emotion_n, row.score_n) == (twin["emotion_n"], twin["score_n"])
        if row.emotion_n:
            assert close(row.emotion_change, twin["emotion"] / twin["emotion_n"])
        if row.score_n:
            assert close(row.score_change, twin["score"] / twin["score_n"])
        assert close(row.value_at_risk, twin["risk"] if valued else None)


@given(many)
def test_loops(given_: list[Interaction]) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Loops())
    twin = plain.loops(given_, MAP)
    assert answer.lap_counts == dict(twin["laps"])
    assert answer.lap_time_n == len(twin["times"])
    if twin["times"]:
        assert close(answer.lap_time_mean, sum(twin["times"]) / len(twin["times"]))
        assert close(answer.lap_time_median, plain.quantile(twin["times"], 0.5))
    spent = sum(twin["spent"].values())
    assert close(answer.share_buy, twin["spent"]["buy"] / spent if spent else None)
    assert (answer.reentry_n, answer.reentry_rate) == (
        twin["owners"], twin["back"] / twin["owners"] if twin["owners"] else None,
    )  # fmt: skip
    for row in answer:
        assert row.dormant == len(twin["silent"][row.element])
        assert row.returned == len(twin["returned"][row.element])
        assert row.open == len(twin["open"].get(row.element, ()))
