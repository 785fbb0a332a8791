from __future__ import annotations

from itertools import islice

import pytest

from journeymap import ElementError, JourneyMap, Stage, Touchpoint, UnknownName
from journeymap.analysis import Handoffs, Log, Loops, Overview
from journeymap.simulation import BOTTLENECK, Simulation, Walk, broadband, broadband_customers
from journeymap.views.findings import findings
from journeymap.views.flows import Flows
from tests.factories import HOUR


@pytest.fixture(scope="module")
def log() -> Log:
    return Log.from_interactions(broadband_customers(2500), map=broadband())


def test_the_same_seed_gives_the_same_interactions() -> None:
    assert list(broadband_customers(30)) == list(broadband_customers(30))
    assert list(broadband_customers(30)) != list(broadband_customers(30, seed=8))
    # A customer's journey does not depend on how many others there are.
    some = list(broadband_customers(10))
    assert list(islice(broadband_customers(30), len(some))) == some


def test_the_planted_bottleneck_is_found(log: Log) -> None:
    waits = {(r.source, r.target): (r.wait_mean or 0) * r.count for r in log.ask(Handoffs())}
    assert max(waits, key=lambda pair: waits[pair]) == BOTTLENECK
    drops = {(r.source, r.target): r.dropped for r in log.ask(Handoffs())}
    assert max(drops, key=lambda pair: drops[pair]) == BOTTLENECK
    leaks = {row.element: row.leak_share or 0 for row in log.ask(Loops())}
    assert max(leaks, key=lambda stage: leaks[stage]) == "connect"


def test_the_report_names_the_bottleneck(log: Log) -> None:
    overview = Overview.of(log)
    told = " ".join(findings(overview, Flows.of(overview)))
    assert "between Distribution and Services" in told
    assert "after that from Distribution to Services" in told
    assert "who reach “Get connected” do nothing for 45 d" in told


def test_the_bottleneck_is_fibre_alone(log: Log) -> None:
    def waits(product: str) -> float:
        rows = log.where(product=product).ask(Handoffs())
        return next(r.wait_mean or 0 for r in rows if (r.source, r.target) == BOTTLENECK)

    assert waits("fibre") > 4 * waits("dsl")


def test_channels_differ(log: Log) -> None:
    def failures(channel: str) -> float:
        asked = log.where(channel=channel, touchpoint="support_asked")
        return asked.where(outcome="failed").interactions / asked.interactions

    assert failures("phone") > failures("app") + 0.05


def test_there_are_laps_and_all_departments(log: Log) -> None:
    answer = log.ask(Loops())
    assert answer.laps > answer.journeys
    assert max(answer.lap_counts) > 1
    pairs = {(row.source, row.target) for row in log.ask(Handoffs())}
    assert {name for pair in pairs for name in pair} == set(broadband().departments)


def tiny(**parts: object) -> Simulation:
    journey = JourneyMap("m", stages=[Stage("s", "buy")], touchpoints=[Touchpoint("a", "s")])
    walk = Walk(touchpoint="a", wait=HOUR, onward={"a": 0.9}, asks="nps", worth=5)
    return Simulation(map=journey, walks=[walk], begin={"a": 1}, customers=5)


def test_a_small_walk_of_ones_own() -> None:
    made = list(tiny())
    assert len({one.customer for one in made}) == 5
    assert all(one.at.tzinfo and one.channel is None for one in made)
    assert any(one.score for one in made)


def test_a_walk_that_leads_nowhere_is_named() -> None:
    journey = tiny().map
    with pytest.raises(UnknownName, match="no walk 'b'"):
        Simulation(map=journey, walks=[Walk(touchpoint="a", wait=HOUR, onward={"b": 1})], begin={})
    with pytest.raises(UnknownName, match="no touchpoint 'z'"):
        Simulation(map=journey, walks=[Walk(touchpoint="z", wait=HOUR)], begin={})
    with pytest.raises(ElementError, match="at most 1"):
        Walk(touchpoint="a", wait=HOUR, onward={"a": 1.2})
