"""Shares of what a customer has several of: intervals hold the truth, and parts add up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import journeymap as jm
from journeymap.analysis import (
    Breakdown,
    Columns,
    Deviations,
    Funnel,
    KeyJourneys,
    Lift,
    Log,
    Loops,
    Scorecard,
    Trend,
)
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.model.offers import held_out
from tests.factories import columns_of

SHOP = jm.JourneyMap(
    "shop",
    stages=[jm.Stage("use", "own")],
    touchpoints=[jm.Touchpoint("ask", "use"), jm.Touchpoint("done", "use")],
    key_journeys=[jm.KeyJourney("help", "ask", "done", given_up_after="12 h")],
    offers=[jm.Offer("call", touchpoint="ask", leads_to="done", value=1, hold_out=0.5)],
    metrics=[jm.Metric("ok", jm.Of("touchpoint", "done"), unit="%", target=50,
                       measure=jm.ShareOf(jm.At("outcome", ["succeeded"])))],
)  # fmt: skip


def _log(seed: int, people: int = 60, each: int = 20, *, done: bool = True) -> Log:
    """Customers who mostly succeed, and customers who mostly fail; half of all cases succeed."""
    dice = np.random.default_rng(seed)
    rows: list[tuple[str, str, int, str | None, str]] = []
    for n in range(people):
        share = dice.beta(0.5, 0.5)
        for order in range(each):
            well, name = dice.random() < share, f"{seed} {n}"
            rows.append((name, "ask", order * 86_400, None, f"{order}"))
            if well or done:
                outcome = "succeeded" if well else "failed"
                rows.append((name, "done", order * 86_400 + 60, outcome, f"{order}"))
    names = ("customer", "touchpoint", "at", "outcome", "order")
    frame = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return Log.from_frame(frame, Columns(at_unit="s", outcome="outcome", extra=["order"]), map=SHOP)


def _asked(what: str, seed: int) -> Any:
    if what == "key journeys":
        return _log(seed).ask(KeyJourneys())[0]
    if what == "scorecard":
        return _log(seed).ask(Scorecard(metric="ok"))[0]
    log = _log(seed, done=False)
    if what == "per order":
        return log.per("order").ask(Funnel(["ask", "done"]))[1]
    return log.ask(Funnel(["ask", "done"], count="completions"))[1]


@pytest.mark.parametrize("what", ["key journeys", "scorecard", "per order", "completions"])
def test_intervals_are_of_customers(what: str) -> None:
    inside = 0
    for seed in range(40):
        row = _asked(what, seed)
        scale = 100 if what == "scorecard" else 1
        assert row.high - row.low > 0.15 * scale
        inside += row.low <= 0.5 * scale <= row.high
    assert inside >= 35


def test_a_lift_of_orders_is_of_customers() -> None:
    inside = 0
    for seed in range(40):
        answer = _log(seed, done=False).per("order").ask(Lift("call"))
        assert answer.low is not None
        assert answer.high is not None
        inside += answer.low <= 0 <= answer.high
    assert inside >= 36


units = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60)


@given(units)
def test_the_error_is_that_of_customers_counted_by_hand(
    given_: list[tuple[int, bool]],
) -> None:
    who, hit = (np.array(column) for column in zip(*given_, strict=True))
    n, hits = len(given_), int(hit.sum())
    clusters = Clusters.of(who, hit)
    low, high = share_interval(hits, n, clusters)
    assert 0 <= low <= hits / n <= high <= 1
    assert low <= wilson_interval(hits, n)[0] + 1e-12
    people = {int(one): hit[who == one] for one in set(who.tolist())}
    if len(people) == n:
        assert (low, high) == wilson_interval(hits, n)
    errors = [(mine.sum() - hits / n * len(mine)) ** 2 for mine in people.values()]
    spread = clusters.squares - 2 * hits / n * clusters.mixed + (hits / n) ** 2 * clusters.units
    assert spread == pytest.approx(math.fsum(errors), abs=1e-9)
    first = np.isin(who, who[:1])  # parts hold whole customers
    parts = Clusters.of(who[first], hit[first]).merge(Clusters.of(who[~first], hit[~first]))
    assert parts == clusters


def test_a_period_is_not_over_while_a_funnel_goes_on() -> None:
    """Of those who began in the last month, some have time left."""
    dice, rows = np.random.default_rng(0), []
    end = 300 * 86_400
    for n in range(3000):
        at = int(dice.uniform(0, end))
        rows.append((f"c{n}", "ask", at))
        done = at + int(dice.exponential(15) * 86_400)
        if dice.random() < 0.6 and done < end:
            rows.append((f"c{n}", "done", done))
    names, points, times = zip(*rows, strict=True)
    log = Log.from_frame({"customer": names, "touchpoint": points, "at": times},
                         Columns(at_unit="s"))  # fmt: skip
    months = [row for row in log.ask(Trend(Funnel(["ask", "done"], within="30 days"), "month"))
              if row.step == 2]  # fmt: skip
    whole = [row for row in months if row.complete]
    split = Trend(Breakdown(Funnel(["ask", "done"], within="30 days"), "touchpoint"), "month")
    inner = {row.period: row.complete for row in log.ask(split)}
    assert inner == {row.period: row.complete for row in months}
    assert len(months) - 2 == len(whole) == 8
    true = 0.6 * (1 - math.exp(-2))
    assert sum(row.low <= true <= row.high for row in whole) >= 7


def test_parts_in_which_no_one_came_far_count_as_well() -> None:
    log = _log(3, done=False)
    few = [*(f"3 {n}" for n in range(0, 60, 6))]
    question = Funnel(["ask", "done"], count="completions")
    whole = log.where(customer=few).ask(question)
    pieces = [question.measure(part) for part in log.where(customer=few).parts(20)]
    merged = pieces[0]
    for one in pieces[1:]:
        merged = question.merge(merged, one)
    assert len(pieces) > 5
    assert question.answer(merged, log.scope) == whole


def test_customers_who_do_not_differ_at_all_are_as_many_units() -> None:
    who = np.repeat(np.arange(60), 20)
    hit = np.tile(np.arange(20) < 10, 60)
    one = share_interval(600, 1200, Clusters.of(who, hit))
    hit[hit.argmin()] = True
    other = share_interval(601, 1200, Clusters.of(who, hit))
    assert one == pytest.approx(other, abs=0.01)


LOOP = jm.JourneyMap(
    "loop", stages=[jm.Stage("b", "buy"), jm.Stage("o", "own")],
    touchpoints=[*(jm.Touchpoint(one, "o") for one in ("ask", "check", "solved")),
                 jm.Touchpoint("shop", "b")],
    key_journeys=[jm.KeyJourney("help", "ask", "solved", steps=["ask", "check", "solved"])],
)  # fmt: skip


@pytest.mark.slow
def test_deviations_and_loops_go_by_customers() -> None:
    """Customers of whom most steps are left out, and who buy again, and customers of whom few."""
    deviations = loops = 0
    for seed in range(40):
        dice, rows = np.random.default_rng(seed), list[tuple[str, str, int]]()
        for n in range(60):
            share, at = dice.beta(0.8, 0.8), dice.uniform(0, 1e5)
            for _ in range(int(dice.integers(1, 20))):
                checked = ["check"] if dice.random() > share else []
                for point in ("ask", *checked, "solved"):
                    rows.append((f"c{n}", point, int(at)))
                    at += dice.exponential(3600) + 1
                if dice.random() < share:
                    rows.append((f"c{n}", "shop", int(at)))
                at += 10 * 86_400
        log = Log.from_frame(columns_of("customer touchpoint at", rows), Columns(at_unit="s"),
                             map=LOOP)  # fmt: skip
        [missing] = [row for row in log.ask(Deviations()) if row.kind == "missing"]
        deviations += missing.low <= 0.5 <= missing.high
        found = log.sessions("2 days").ask(Loops())
        assert found.reentry_low is not None
        assert found.reentry_high is not None
        loops += found.reentry_low <= 0.5 <= found.reentry_high
    assert deviations >= 36
    assert loops >= 36


def test_a_lift_within_a_time_counts_whose_time_is_over() -> None:
    """Customers who come all the time; of the last of them it is not known yet what they do."""
    inside = 0
    for seed in range(20):
        dice, rows = np.random.default_rng(seed), list[tuple[str, str, int]]()
        for n in range(1500):
            name, begin = f"{seed}-{n}", dice.uniform(0, 60)
            rows.append((name, "ask", int(begin * 86_400)))
            share = 0.2 if held_out(SHOP.offers["call"], name) else 0.4
            bought = begin + dice.uniform(0, 30)
            if dice.random() < share and bought <= 60:
                rows.append((name, "done", int(bought * 86_400)))
        log = Log.from_frame(columns_of("customer touchpoint at", rows), Columns(at_unit="s"),
                             map=SHOP)  # fmt: skip
        answer = log.ask(Lift("call", within="30 days"))
        assert answer.low is not None
        assert answer.high is not None
        inside += answer.low <= 0.2 <= answer.high
        assert sum(row.n for row in answer) < 1000
    assert inside >= 17
