"""Effort and cost: counted the plain way, planted shares found, and whom it serves."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import journeymap as jm
from journeymap.analysis import Breakdown, Columns, Compare, EffortAndCost, Log, Transitions, Where
from journeymap.analysis.measuring.clustered_errors import find_error, sum_products
from journeymap.analysis.questions.effort_and_cost import _joined, _Mean, _Rest
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from journeymap.testing import interactions
from tests.factories import JOURNEY, T0, columns_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAY_S = 86_400


@given(st.lists(interactions(durations=(HOUR,)), max_size=30))
@example(
    [jm.Interaction("ben", "a", T0, duration=HOUR), jm.Interaction("ben", "a", T0 + 73 * HOUR)]
)
@example(
    [jm.Interaction("ben", "a", T0, duration=HOUR), jm.Interaction("ben", "a", T0 + 49 * HOUR)]
)
def test_counts(given_: list[jm.Interaction]) -> None:
    """Each burden of each contact, one after the other."""
    answer = Log.from_interactions(given_, map=JOURNEY).ask(
        EffortAndCost(lately="2 days", patience="3 days")
    )
    found: dict[str, list[list[bool]]] = defaultdict(list)
    for customer in {one.customer for one in given_}:
        mine = sorted((one for one in given_ if one.customer == customer), key=lambda one: one.at)
        for place, one in enumerate(mine):
            before = mine[place - 1] if place else None
            waited = one.at - _end(before) if before is not None else None
            near = waited is not None and waited <= 2 * DAY
            same = [x for x in mine[:place] if x.touchpoint == one.touchpoint]
            channels = [_channel(x) for x in (before, one) if x is not None]
            found[one.touchpoint].append([
                one.outcome in ("failed", "abandoned"),
                bool(same) and one.at - _end(same[-1]) <= 2 * DAY,
                near and None not in channels and channels[0] != channels[1],
                False,
                waited is not None and waited > 3 * DAY,
                near and before is not None and before.outcome in ("failed", "abandoned"),
            ])  # fmt: skip
    kinds = ("failed", "repeated", "switched", "identified", "waited", "demanded")
    assert {row.element for row in answer} == set(found)
    for row in answer:
        marks = found[row.element]
        assert row.contacts == len(marks)
        assert row.effort == pytest.approx(sum(map(sum, marks)) / len(marks))
        for place, kind in enumerate(kinds):
            share = sum(mark[place] for mark in marks) / len(marks)
            assert getattr(row, kind) == pytest.approx(share), kind


def _end(one: jm.Interaction) -> datetime:
    """Find the time from which the next contact is waited for."""
    return one.at + (one.duration or timedelta())


def _channel(one: jm.Interaction) -> str | None:
    if one.channel is not None:
        return one.channel
    point = JOURNEY.touchpoints.get(one.touchpoint)
    return point.channels[0] if point is not None and len(point.channels) == 1 else None


def _map() -> jm.JourneyMap:
    return jm.JourneyMap(
        "shop", stages=[jm.Stage("get", "buy"), jm.Stage("have", "own")],
        channels=[jm.Channel("phone", cost=6), jm.Channel("web", cost=0.5)],
        departments=[jm.Department("care", hourly_cost=40), jm.Department("shop")],
        touchpoints=[jm.Touchpoint("call", "have", department="care", channels=["phone", "web"]),
                     jm.Touchpoint("visit", "have", department="shop", cost=9),
                     jm.Touchpoint("other", "have")],
        key_journeys=[jm.KeyJourney("help", "call", "visit")],
    )  # fmt: skip


def test_costs_are_those_recorded_or_the_maps() -> None:
    happened = [
        jm.Interaction("a", "call", T0, channel="phone"),
        jm.Interaction("a", "call", T0 + HOUR, channel="web", duration=HOUR / 2),
        jm.Interaction("a", "call", T0 + 2 * HOUR, channel="web", cost=3.25),
        jm.Interaction("a", "visit", T0 + 3 * HOUR, channel="phone"),
        jm.Interaction("a", "other", T0 + 4 * HOUR),
    ]
    log = Log.from_interactions(happened, map=_map())
    answer = log.ask(EffortAndCost())
    cost = {row.element: row.cost for row in answer}
    assert cost == {"call": pytest.approx(6 + 0.5 + 20 + 3.25), "visit": 9.0, "other": None}
    assert answer.unknown == pytest.approx(1 / 5)
    assert "of 20 % of the contacts the cost is not known" in repr(answer)
    assert [one.cost for one in log.history("a")] == [None, None, 3.25, None, None]
    [help_] = log.ask(EffortAndCost("key_journey"))
    assert (help_.element, help_.contacts) == ("help", 4)  # each call begins it anew
    assert {row.element for row in log.ask(EffortAndCost("channel"))} == {"phone", "web"}


def _simulated(seed: int) -> tuple[Log, dict[str, float]]:
    """Calls of which some only follow a failed delivery; the truth is counted on the way."""
    chance, rows = random.Random(seed), []
    calls = demanded = identified = 0
    for number in range(4000):
        at, name = T0 + chance.random() * 100 * DAY, f"c{number}"
        broken = chance.random() < 0.2
        rows.append((name, "delivery", at, "courier", "failed" if broken else "succeeded", 4.0))
        if chance.random() < (0.9 if broken else 0.15):
            calls += 1
            demanded += broken
            channel = "phone" if chance.random() < 0.7 else "web"
            rows.append((name, "call", at + DAY, channel, "succeeded",
                         8.0 if channel == "phone" else 1.0))  # fmt: skip
            for _ in range(2 if channel == "phone" and chance.random() < 0.3 else 1):
                rows.append((name, "identified", at + DAY + HOUR, channel, "succeeded", 0.5))
            identified += rows[-2][1] == "identified"
        if chance.random() < 0.5:
            rows.append((name, "advice", at + 30 * DAY, "shop", "succeeded", 20.0))
    fields = ("customer", "touchpoint", "at", "via", "result", "cost")
    data: dict[str, Any] = dict(zip(fields, zip(*rows, strict=True), strict=True))
    columns = Columns(channel="via", outcome="result", cost="cost")
    log = Log.from_frame({name: list(one) for name, one in data.items()}, columns)
    return log, {"demanded": demanded / calls, "identified": identified / calls}


@pytest.mark.parametrize("seed", range(5))
def test_planted_shares_are_found(seed: int) -> None:
    log, truth = _simulated(seed)
    rule = jm.Sequence(jm.At("outcome", ["failed"]), "call", within="3 days")
    question = EffortAndCost(
        failure_demand=rule, identification=jm.At("touchpoint", ["identified"]), patience="60 days"
    )
    found = {row.element: row for row in log.ask(question)}
    call = found["call"]
    assert call.demanded == pytest.approx(truth["demanded"], abs=0.02)
    assert call.demanded_low <= truth["demanded"] <= call.demanded_high
    again = found["identified"]
    share = truth["identified"] / (1 + truth["identified"])
    assert again.identified == pytest.approx(share, abs=0.02)


def test_whom_it_serves_and_the_best_channel() -> None:
    """Cheap and easy, dear and easy, cheap and hard, dear and hard; and too few to be judged."""
    chance, rows = random.Random(3), []
    kinds = {"app": (1, 0.05), "advice": (30, 0.05), "form": (1, 0.6), "hotline": (30, 0.6)}
    for number in range(2000):
        for place, (name, (cost, hard)) in enumerate(kinds.items()):
            result = "failed" if chance.random() < hard else "succeeded"
            rows.append((f"c{number}", name, T0 + place * 20 * DAY, "x", result,
                         cost + chance.random()))  # fmt: skip
        channel = "chat" if number % 2 else "phone"
        rows.append((f"c{number}", "help", T0 + 90 * DAY, channel,
                     "failed" if chance.random() < (0.1 if channel == "chat" else 0.3) else "",
                     3.0 if channel == "chat" else 10.0))  # fmt: skip
    rows += [(f"c{number}", "rare", T0 + 120 * DAY, "x", "succeeded", 1.0) for number in range(9)]
    fields = ("customer", "touchpoint", "at", "via", "result", "cost")
    data = {name: list(one) for name, one in zip(fields, zip(*rows, strict=True), strict=True)}
    columns = Columns(channel="via", outcome="result", cost="cost")
    answer = Log.from_frame(data, columns).ask(EffortAndCost(patience="300 days"))
    served = {row.element: row.serves for row in answer}
    assert served["app"] == "both"
    assert served["advice"] == "the customer"
    assert served["form"] == "the company"
    assert served["hotline"] == "neither"
    assert served["rare"] == "not sure"
    [move] = [one for one in answer.moves if one.element == "help"]
    assert (move.channel, move.contacts) == ("chat", 1000)
    assert move.effort_low < -0.2 < move.effort_high
    assert move.cost == pytest.approx(-7)
    assert move.total == pytest.approx(-7000)
    assert "help by chat" in repr(answer)


def test_no_channel_is_best_by_chance() -> None:
    """Of channels that do not differ, one is said to be better in few of a hundred worlds."""
    found = 0
    for seed in range(100):
        chance = random.Random(seed)
        rows = [(f"c{n}", "help", T0, chance.choice("abc"),
                 "failed" if chance.random() < 0.3 else "") for n in range(300)]  # fmt: skip
        fields = ("customer", "touchpoint", "at", "via", "result")
        data = {name: list(one) for name, one in zip(fields, zip(*rows, strict=True), strict=True)}
        log = Log.from_frame(data, Columns(channel="via", outcome="result"))
        found += len(log.ask(EffortAndCost()).moves)
    assert found <= 10


@pytest.mark.filterwarnings("error")
def test_bad_input() -> None:
    log, _ = _simulated(1)
    with pytest.raises(UnknownName):
        log.ask(EffortAndCost("chanel"))
    with pytest.raises(UnknownName):
        log.ask(EffortAndCost(failure_demand=jm.At("touchpoint", ["cal"])))
    with pytest.raises(ElementError):
        EffortAndCost(lately="soon")
    with pytest.raises(AnswerError, match="map"):
        log.ask(EffortAndCost("key_journey"))
    with pytest.raises(AnswerError, match="no times"):
        Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "turn": [1]},
                       Columns(at=None, order="turn")).ask(EffortAndCost())  # fmt: skip
    empty = Log.from_frame({"customer": [], "touchpoint": [], "at": []}).ask(EffortAndCost())
    assert (len(empty), empty.effort, empty.cost) == (0, None, None)
    one = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [T0]}).ask(EffortAndCost())
    assert (one[0].effort, one[0].effort_low, one[0].cost) == (0, None, None)
    assert one[0].serves == "not sure"
    bad = Log.from_frame({"customer": ["a", "b", "c"], "touchpoint": ["x"] * 3, "at": [T0] * 3,
                          "cost": ["1,5", "-2", "3"]}, Columns(cost="cost"))  # fmt: skip
    assert bad.ask(EffortAndCost())[0].cost == 3
    assert len(bad.rejected) == 2 or len(bad.dropped) == 2
    for cost in (-1, float("nan"), "3", True, 1e12):
        with pytest.raises(jm.InteractionError):
            jm.Interaction("a", "x", T0, cost=cost)  # type: ignore[arg-type]
    for wrong in (-1, "much"):
        with pytest.raises(ElementError):
            jm.Channel("web", cost=wrong)  # type: ignore[arg-type]


def test_segments_and_comparisons() -> None:
    log, _ = _simulated(2)
    split = log.ask(Breakdown(EffortAndCost(), "channel", attribute="first"))
    assert split
    assert log.ask(Compare(EffortAndCost(), Where(channel="phone"), Where(channel="web")))
    answer = log.ask(EffortAndCost())
    row = next(one for one in answer if one.element == "call")
    assert len(answer.customers(row)) == row.customers


def test_waits_run_from_the_end_of_what_took_long() -> None:
    log = Log.from_frame(
        {"customer": ["a"] * 3 + ["b"] * 2, "at": [0, 6 * DAY_S + 60, 9 * DAY_S, 0, 60],
         "touchpoint": ["repair", "survey", "repair", "repair", "survey"],
         "took": [6 * DAY_S, 0, 60, 3600, None]},
        Columns(at_unit="s", duration="took"),
    )  # fmt: skip
    found = {row.element: row for row in log.ask(EffortAndCost(patience="2 days", lately="7 days"))}
    assert found["survey"].wait_mean == 30.0  # one minute, and none where they overlap
    assert found["survey"].waited == 0
    assert found["repair"].repeated == 1 / 3  # three days after the end of the first
    waits = {(row.source, row.target): row.wait_mean for row in log.ask(Transitions())}
    assert waits["repair", "survey"] == 30.0
    assert log.sessions("1 hour").journeys == 3


def test_equal_costs_are_judged_alike() -> None:
    """Rounding is no difference: eleven cents are eleven cents, however many there are."""
    size = 90
    log = Log.from_frame(
        {"customer": [f"c{n}" for n in range(size)], "touchpoint": ["x"] * 37 + ["y"] * 53,
         "at": list(range(size)), "cost": [0.11] * size,
         "end": ["failed" if (n >= 37 and n % 3) or n % 7 == 0 else None for n in range(size)]},
        Columns(at_unit="s", cost="cost", outcome="end"),
    )  # fmt: skip
    answer = log.ask(EffortAndCost())
    assert {(row.cost_mean, row.serves) for row in answer} == {(0.11, "not sure")}
    assert answer.cost == 0.11


def test_the_average_is_that_of_all_contacts() -> None:
    """Also of those that have no name at the level."""
    log = Log.from_frame(
        {"customer": list("abcd"), "touchpoint": ["x"] * 4, "at": [0, 1, 2, 3],
         "via": ["web", "web", "app", None], "end": [None] * 3 + ["failed"], "cost": [1, 1, 1, 9]},
        Columns(at_unit="s", channel="via", outcome="end", cost="cost"),
    )  # fmt: skip
    for level in ("touchpoint", "channel"):
        answer = log.ask(EffortAndCost(level))
        assert (answer.effort, answer.cost, answer.unknown) == (0.25, 3.0, 0.0)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.booleans(),
                       st.integers(0, 10**13)), min_size=1, max_size=40),
    st.integers(1, 3), st.integers(0, 40),
)  # fmt: skip
def test_errors_are_those_of_customers(
    rows: list[tuple[int, int, bool, int]], side: int, cut: int
) -> None:
    """What each customer adds to a difference of ratios, squared; of parts as of the whole."""
    names = ("", "web", "phone", "app")

    def products(some: list[tuple[int, int, bool, int]]) -> Any:
        made = np.array(some, dtype=np.int64).reshape(-1, 4)
        customer, group, known, total = made.T
        return sum_products(customer, group, names, known, total * known)

    some = [row for row in rows if row[0] * 7 < cut]
    rest = [row for row in rows if row[0] * 7 >= cut]
    whole = products(rows)
    joined = _joined((products(some), {}, {}), (products(rest), {}, {}))[0]
    assert joined == whole
    sides = ({names[place] for place in range(side)}, {names[place] for place in range(side, 4)})
    weights: dict[str, tuple[Fraction, Fraction]] = {}
    added: dict[int, Fraction] = defaultdict(Fraction)
    for sign, chosen in zip((1, -1), sides, strict=True):
        mine = [row for row in rows if names[row[1]] in chosen and row[2]]
        if mine:
            ratio = Fraction(sum(row[3] for row in mine), len(mine))
            each = Fraction(sign, len(mine))
            weights |= dict.fromkeys(chosen, (each, -ratio * each))
            for customer, _, _, total in mine:
                added[customer] += each * (total - ratio)
    expected = float(sum(one**2 for one in added.values())) ** 0.5
    assert find_error(whole, weights) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_intervals_are_of_customers_and_not_of_contacts() -> None:
    """Half of the customers fail nearly always, and come fifteen times: that is no large sample."""
    held = judged = moved = 0
    for seed in range(40):
        chance, rows = random.Random(seed), []
        for number in range(80):  # half by each channel; nothing differs between them
            often, at = chance.choice([0.05, 0.95]), 0
            channel, cost = ("web", "phone")[number % 2], chance.choice([1, 20])
            for _ in range(15):
                at += 40 * DAY_S
                failed = "failed" if chance.random() < often else None
                rows.append((f"c{number}", "help", at, channel, cost, failed))
        frame = pl.DataFrame(rows, orient="row", infer_schema_length=None, schema=[
            "customer", "touchpoint", "at", "via", "cost", "end"])  # fmt: skip
        log = Log.from_frame(frame, Columns(at_unit="s", channel="via", cost="cost", outcome="end"))
        for row in log.ask(EffortAndCost("channel", patience="100 days")):
            assert row.effort_low is not None
            assert row.cost_low is not None
            held += row.effort_low <= 0.5 <= 2 * row.effort - row.effort_low
            held += row.cost_low <= 10.5 <= 2 * (row.cost_mean or 0) - row.cost_low
            judged += row.serves != "not sure"
        moved += bool(log.ask(EffortAndCost(patience="100 days")).moves)
    assert held >= 0.89 * 160
    assert judged <= 4
    assert moved <= 4


def test_the_costs_of_one_customer_may_be_as_large_as_any() -> None:
    size = 20_000
    log = Log.from_frame(
        {"customer": ["a"] * size + ["b"], "touchpoint": ["x"] * (size + 1),
         "at": list(range(size + 1)), "cost": [1e9] * (size + 1)},
        Columns(at_unit="s", cost="cost"),
    )  # fmt: skip
    [row] = log.ask(EffortAndCost())
    assert (row.cost_mean, row.cost_low, row.cost_high) == (1e9, 1e9, 1e9)
    customer = np.zeros(3_000_000, dtype=np.int64)
    total = np.full(len(customer), 10**13)
    one = np.ones(len(customer), dtype=np.int64)
    [found] = sum_products(customer, customer, ("",), one, total).values()
    n, whole = len(customer), len(customer) * 10**13
    assert found == (n * n, n * whole, n * whole, whole * whole)


@pytest.mark.parametrize("shared", [False, True])
def test_what_it_is_compared_with_is_not_known_for_sure_either(shared: bool) -> None:
    """The same cost always, beside one that varies round it: neither is cheaper."""
    judged, plain_errors = 0, []
    for seed in range(40):
        dice = random.Random(seed)
        rows = [("A", f"c{n}", 5.0) for n in range(200)]
        rows += [("B", f"{'c' if shared else 'd'}{n}", dice.choice([1.0, 9.0])) for n in range(200)]
        log = Log.from_frame(
            {"customer": [who for _, who, _ in rows], "touchpoint": [what for what, _, _ in rows],
             "at": list(range(400)), "cost": [cost for _, _, cost in rows],
             "outcome": ["failed" if what == "B" and dice.random() < 0.5 else None
                         for what, _, _ in rows]},
            Columns(at_unit="s", cost="cost", outcome="outcome"),
        )  # fmt: skip
        [row] = [one for one in log.ask(EffortAndCost()) if one.element == "A"]
        judged += row.serves != "not sure"
        [part] = log.parts(None)
        measured = EffortAndCost().measure(part)
        [mine] = [_Mean(sums) for (name, _), sums in measured.numbers.items() if name == "A"]
        rest = _Rest(mine, _Mean(measured.all_contacts), measured.beside["A"], measured.whole)
        costs = np.array([cost for what, _, cost in rows if what == "B"])
        plain_errors.append((rest.cost_error, (costs - costs.mean()).std() / 200**0.5))
    assert judged <= 5  # 2 of 40 are expected
    for found, expected in plain_errors:
        assert found == pytest.approx(expected)


def test_one_customer_is_no_sample() -> None:
    rows = {"customer": ["a"] * 60, "touchpoint": ["x", "y"] * 30, "at": list(range(60)),
            "cost": [1, 9] * 30, "end": ["failed", None] * 30}  # fmt: skip
    answer = Log.from_frame(rows, Columns(at_unit="s", cost="cost", outcome="end")).ask(
        EffortAndCost()
    )
    assert {row.serves for row in answer} == {"not sure"}
    assert {(row.effort_low, row.cost_low) for row in answer} == {(None, None)}
    assert all(row.demanded_low < 0.1 and row.demanded_high > 0.7
               for row in answer if row.element == "x")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("few", [2, 4, 30])
def test_intervals_of_few_customers_hold_the_truth(few: int) -> None:
    answers = []
    for seed in range(120):
        dice, rows = np.random.default_rng(seed), []
        for n in range(60):
            day, fails = float(dice.uniform(0, 300)), float(dice.beta(2, 3))
            for turn in range(1 + int(dice.poisson(4))):
                rare = n < few and (turn == 0 or dice.random() < 0.5)
                cost = round(float(dice.gamma(4, 2.5 * (1 + fails))), 2)
                rows.append((f"c{n}", "rare" if rare else "usual", int(day * DAY_S),
                             "failed" if dice.random() < fails else None, cost))  # fmt: skip
                day += float(dice.exponential(20))
        frame = columns_of("customer touchpoint at res cost", rows)
        log = Log.from_frame(frame, Columns(at_unit="s", outcome="res", cost="cost"))
        answers += [row for row in log.ask(EffortAndCost()) if row.element == "rare"]
    contacts = sum(row.contacts for row in answers)
    effort = sum(row.effort * row.contacts for row in answers) / contacts
    cost = sum(row.cost or 0 for row in answers) / contacts
    held = [row.effort_low <= effort <= row.effort_high for row in answers
            if row.effort_low is not None and row.effort_high is not None]  # fmt: skip
    priced = [row.cost_low <= cost <= row.cost_high for row in answers
              if row.cost_low is not None and row.cost_high is not None]  # fmt: skip
    assert np.mean(held) >= 0.9
    assert np.mean(priced) >= 0.88
    assert len(priced) == len(answers)
    assert all(row.cost_low is None or row.cost_low >= 0 for row in answers)
