"""Truths of value, channels, leaving, recommendation and failure demand, and who finds them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from attrs import evolve

from journeymap import AnyOf, At, Dormancy, ElementError, Sequence, UnknownName
from journeymap.analysis import (
    Attribution,
    Drivers,
    EffortAndCost,
    LifetimeValue,
    Log,
    Recommendation,
    Revenue,
)
from journeymap.simulation import (
    COSTS,
    EXTRAS,
    FRIENDS,
    QUESTIONS,
    UPGRADES,
    Campaign,
    Friends,
    Habit,
    Simulation,
    broadband,
    planted_broadband,
)
from tests.factories import DAY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def planted() -> Simulation:
    return planted_broadband(3000)


@pytest.fixture(scope="module")
def log(planted: Simulation) -> Log:
    return Log.from_interactions(planted, map=planted.map)


@pytest.fixture(scope="module")
def walks(log: Log) -> Log:
    """What customers do beside their walks left out."""
    return log.where(touchpoint=list(broadband().touchpoints))


def test_value_is_found(log: Log) -> None:
    fit = log.ask(LifetimeValue(EXTRAS.touchpoint, spend="gamma-gamma"))
    for name in ("r", "alpha", "a", "b", "p", "q", "v"):
        low, high = fit.intervals[name]
        assert low <= getattr(EXTRAS, name) <= high
    mean = EXTRAS.p * EXTRAS.v / (EXTRAS.q - 1)
    assert fit[0].spend == pytest.approx(mean, rel=0.05)


def test_what_was_held_out_comes_as_expected(log: Log) -> None:
    held = log.ask(LifetimeValue(EXTRAS.touchpoint, holdout="180 days")).holdout
    assert held is not None
    assert held.expected == pytest.approx(held.purchases, rel=0.05)


def test_revenue_is_that_of_what_is_sold(log: Log, planted: Simulation) -> None:
    paid = [one.value for one in planted if one.touchpoint == EXTRAS.touchpoint and one.value]
    found = {row.element: row for row in log.ask(Revenue("touchpoint"))}
    assert found[EXTRAS.touchpoint].net == pytest.approx(sum(float(one.amount) for one in paid))


def test_effects_of_channels_are_found(log: Log) -> None:
    offers = log.where(touchpoint=[UPGRADES.touchpoint, UPGRADES.purchase])
    messages = {name: offers.where(channel=name).interactions for name, _ in UPGRADES.wins}
    brought = {name: chance * messages[name] for name, chance in UPGRADES.wins}
    answer = offers.ask(Attribution(UPGRADES.purchase, "learned", by="channel"))
    found = {row.element: row for row in answer}
    assert answer.identifiable
    for name, truth in brought.items():
        assert found[name].share == pytest.approx(truth / sum(brought.values()), abs=0.05)
    rules = {row.element: row for row in offers.ask(Attribution(UPGRADES.purchase, "linear"))}
    assert rules["web"].share > 0.2  # which wins nothing
    bought = offers.where(touchpoint=UPGRADES.purchase).interactions
    assert answer.anyway == pytest.approx(bought - sum(brought.values()), rel=0.1)


def test_the_cause_of_leaving_is_found(walks: Log) -> None:
    answer = walks.ask(Drivers(Dormancy()))
    assert answer[0].driver == "failing at technician_came"
    assert answer[0].low > 1.2


def test_recommendation_is_found(log: Log, planted: Simulation) -> None:
    answer = log.ask(Recommendation(FRIENDS.invitation))
    came = {one.customer for one in planted if one.referred_by is not None}
    assert answer.recommended == len(came) > 100
    assert answer.strangers == answer.refused == 0
    assert answer.accepted / answer.invitations == pytest.approx(FRIENDS.wins, abs=0.05)
    begun: dict[str, datetime] = {}
    for one in planted:
        begun[one.customer] = min(begun.get(one.customer, one.at), one.at)
    end, time = max(one.at for one in planted), timedelta(seconds=answer.growth_time or 0)
    early = {name for name, at in begun.items() if end - at >= time}
    won = {(one.customer, str(one.referred_by)) for one in planted if one.referred_by is not None}
    mine = [by for child, by in won if by in early and begun[child] - begun[by] <= time]
    assert len(early) > 300
    assert answer.growth == pytest.approx(len(mine) / len(early), abs=0.04)  # two errors of these
    assert answer.before[0].touchpoint == FRIENDS.invitation


def test_failure_demand_is_found(walks: Log, planted: Simulation) -> None:
    """Those who pay and just ask are told from those whom a failure sends."""
    named = set(broadband().touchpoints)
    steps = [one for one in planted if one.touchpoint in named]
    asked = [(one, before) for before, one in pairwise(steps)
             if one.touchpoint == "support_asked" and before.customer == one.customer]  # fmt: skip
    question = [one for one, before in asked
                if before.touchpoint == "bill_paid" and before.outcome == "succeeded"]  # fmt: skip
    assert len(question) / len(asked) > QUESTIONS
    truth = 1 - len(question) / len(asked)
    rule = Sequence(
        AnyOf((At("outcome", ["failed"]), At("touchpoint", ["line_failed"]))),
        "support_asked", within="10 days",
    )  # fmt: skip
    found = {row.element: row for row in walks.ask(EffortAndCost(failure_demand=rule))}
    row = found["support_asked"]
    assert row.demanded == pytest.approx(truth, abs=0.02)
    assert row.demanded_low <= truth <= row.demanded_high
    costs = sum(COSTS.get(one.channel or "", 0) for one in planted
                if one.touchpoint == "support_asked")  # fmt: skip
    assert row.cost == pytest.approx(costs)


def test_the_same_seed_gives_the_same_customers(planted: Simulation) -> None:
    few = list(planted_broadband(20))
    assert list(planted_broadband(20)) == few
    assert len({one.id for one in planted}) == sum(1 for _ in planted)
    of_one = [one for one in planted if one.customer == few[0].customer]
    assert all(a.at <= b.at for a, b in pairwise(of_one))
    assert max(one.at for one in planted) < planted.end
    assert planted.end - planted.start > 500 * DAY


@pytest.mark.parametrize(
    "make",
    [
        lambda: Campaign(touchpoint="a", purchase="b", wins={"web": 0.1}, every=0 * DAY,
                         within=DAY, anyway=DAY),
        lambda: Campaign(touchpoint="a", purchase="b", wins={"web": 1.5}, every=DAY, within=DAY,
                         anyway=DAY),
        lambda: Habit(touchpoint="a", r=0.001, alpha=1, a=1, b=1, p=1, q=1, v=1),
        lambda: Friends(invitation="a", arrival="a", wins=1.0, within=DAY),
        lambda: Friends(invitation="a", arrival="b", wins=-1, within=DAY),
        lambda: evolve(planted_broadband(1), habit=evolve(EXTRAS, touchpoint="extra_boked")),
        lambda: evolve(planted_broadband(1), friends=evolve(FRIENDS, arrival="nowhere")),
        lambda: evolve(planted_broadband(1), campaigns=[evolve(UPGRADES, wins={"wb": 0.1})]),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises((ElementError, UnknownName)):
        make()
