"""The catalogue: every key journey is whole, fits its own map and can be taken into another."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import journeymap as jm
from journeymap import templates
from journeymap.analysis import KeyJourneys, Log, Scorecard
from journeymap.cli import main
from journeymap.documents import dumps, loads
from journeymap.exceptions import ElementError, UnknownName
from journeymap.model import Of
from journeymap.simulation import broadband, broadband_customers
from journeymap.templates import Template

ALL = templates.names()
T0 = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_catalogue_is_large_enough() -> None:
    assert len(ALL) >= 30
    assert len(templates.industries()) >= 6
    for wanted in ("onboarding", "claim_submission", "product_delivery", "billing_issue",
                   "registration_and_setup", "technical_support", "contract_extension", "returns",
                   "complaint", "moving_house", "cancellation", "win_back"):  # fmt: skip
        assert wanted in ALL
    listed = [name for one in templates.industries() for name in templates.names(one)]
    assert listed == list(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_is_whole(name: str) -> None:
    """Steps, times, an owner, metrics with measures, moments with actions; nothing to mention."""
    one = templates.load(name)
    assert one.map.check() == ()
    assert one.map.name
    assert one.map.description
    span = one.key_journey
    assert len(span.steps) >= 4
    assert span.within is not None
    assert span.given_up_after is not None
    assert span.given_up_after > span.within
    assert span.owner in one.map.departments
    assert len(one.map.metrics) >= 3
    assert all(metric.measure is not None for metric in one.map.metrics.values())
    assert len(one.map.moments) >= 2
    for moment in one.map.moments.values():
        assert moment.action
        assert moment.deadline is not None
        assert moment.metric in one.map.metrics
    ids = [id_ for catalog in one.map.catalogs.values() for id_ in catalog]
    mine = [*one.touchpoints, name]
    assert all(ids.count(id_) == 1 for id_ in mine)  # a name means one thing


@pytest.mark.parametrize("name", ALL)
def test_each_is_taken_into_another_map(name: str) -> None:
    """Into a map without any of it, and into one with all of it; no new gap."""
    one = templates.load(name)
    plain = jm.JourneyMap(
        "plain", stages=[jm.Stage("get", "buy"), jm.Stage("have", "own")],
        departments=[jm.Department("shop")],
        touchpoints=[jm.Touchpoint("seen", "get", department="shop"),
                     jm.Touchpoint("used", "have", department="shop")],
    )  # fmt: skip
    made = one.add_to(plain)
    assert made.key_journeys[name].steps
    new = [str(p) for p in made.check() if p not in plain.check() and p.severity != "hint"]
    assert new == []
    assert {made.touchpoints[point].stage for point in one.touchpoints} <= {"get", "have"}
    assert set(one.map.moments) <= set(made.moments)
    with pytest.raises(ElementError, match="already"):
        one.add_to(made)


def test_touchpoints_stages_and_departments_are_mapped() -> None:
    one = templates.load("onboarding")
    base = broadband().remove(broadband().key_journeys["onboarding"])
    made = one.add_to(
        base, touchpoints={"technician_visited": "technician_came", "first_connected": "first_use"},
        stages={"connect": "receive"}, departments={"operations": "services"},
    )  # fmt: skip
    span = made.key_journeys["onboarding"]
    assert (span.start, span.end, span.owner) == ("order_placed", "first_use", "services")
    assert "technician_visited" not in made.touchpoints
    assert made.touchpoints["router_sent"].stage == "receive"
    assert made.touchpoints["line_tested"] == base.touchpoints["line_tested"]
    metric = made.metrics["technician_visited_well"]
    assert metric.of == jm.Of("touchpoint", "technician_came")
    assert "technician_came" in str(made.moments["technician_visited_failed"].when)
    log = Log.from_interactions(broadband_customers(200), map=made)
    found = {row.journey: row for row in log.ask(KeyJourneys())}
    assert found["onboarding"].completed > 0
    values = {row.metric: row.value for row in log.ask(Scorecard())}
    assert values["onboarding_in_time"] is not None


def test_a_moment_of_a_template_is_reached() -> None:
    one = templates.load("claim_submission")
    tracker = jm.Tracker(one.map)
    state, _ = tracker.fold(None, jm.Interaction("ann", "damage_reported", T0))
    _, signals = tracker.fold(
        state, jm.Interaction("ann", "claim_decided", T0 + timedelta(days=9), outcome="failed")
    )
    assert [s.moment for s in signals if isinstance(s, jm.MomentReached)] == [
        "claim_decided_failed"
    ]


def test_bad_input() -> None:
    with pytest.raises(UnknownName, match="did you mean 'onboarding'"):
        templates.load("onbording")
    with pytest.raises(UnknownName, match="insurance"):
        templates.names("insurances")
    one, base = templates.load("returns"), broadband()
    for given in (
        {"touchpoints": {"nothing": "bill_sent"}}, {"touchpoints": {"label_sent": "no"}},
        {"stages": {"own": "nowhere"}}, {"departments": {"customer_care": "x"}},
    ):  # fmt: skip
        with pytest.raises(UnknownName):
            one.add_to(base, **given)


def test_the_command_lists_and_writes(
    tmp_path: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["templates", "--industry", "retail"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(templates.names("retail"))
    assert any("retail" in line and "product_delivery" in line for line in lines)
    file = f"{tmp_path}/claim.yaml"
    assert main(["templates", "claim_submission", "-o", file]) == 0
    assert jm.load(file) == templates.load("claim_submission").map
    assert main(["templates", "claims"]) == 2
    assert "no template 'claims'" in capsys.readouterr().err


def test_the_line_of_pareto() -> None:
    """Two key journeys that overlap: each interaction counts once, the larger share comes first."""
    journey = jm.JourneyMap(
        "shop", stages=[jm.Stage("get", "buy"), jm.Stage("have", "own")],
        touchpoints=[jm.Touchpoint(name, "have") for name in "abcd"],
        key_journeys=[jm.KeyJourney("small", "c", "d"), jm.KeyJourney("large", "a", "c")],
    )  # fmt: skip
    names = "abcdbb"
    log = Log.from_interactions(
        [jm.Interaction("x", name, T0 + timedelta(hours=n)) for n, name in enumerate(names)],
        map=journey,
    )
    answer = log.ask(KeyJourneys())
    assert answer.covered == (("large", 3 / 6), ("small", 4 / 6))
    assert "large 50 %, small 67 %" in repr(answer)


SHOP = loads(
    """
id: shop
stages: [{id: order, phase: buy}, {id: own, phase: own}]
touchpoints: [{id: delivery, stage: own}, {id: use, stage: own}]
""",
    format="yaml",
)
SMALL = """
id: t
stages: [{id: a, phase: buy}, {id: b, phase: own}]
touchpoints: [{id: x, stage: b}, {id: failed, stage: b}]
key_journeys: [{id: kj, start: x, end: failed, within: 7 days, steps: [x, failed]}]
"""


def test_a_template_may_have_no_metrics() -> None:
    taken = Template("kj", "mine", loads(SMALL, format="yaml")).add_to(SHOP)
    assert set(taken.key_journeys) == {"kj"}


def test_only_touchpoints_are_renamed() -> None:
    """An outcome that is called like a touchpoint stays an outcome."""
    text = SMALL + "moments: [{id: bad, when: {touchpoint: x, outcome: failed}, action: Call}]"
    points = {"failed": "use", "x": "delivery"}
    taken = Template("kj", "mine", loads(text, format="yaml")).add_to(SHOP, touchpoints=points)
    asked = json.loads(dumps(taken, format="json"))["moments"][0]["when"]
    assert asked == {"all": [{"touchpoint": "delivery"}, {"outcome": "failed"}]}
    assert (taken.key_journeys["kj"].start, taken.key_journeys["kj"].end) == ("delivery", "use")


def test_what_belongs_to_a_stage_follows_it() -> None:
    text = SMALL + "metrics: [{id: m, of: {stage: b}, kind: nps}]"
    taken = Template("kj", "mine", loads(text, format="yaml")).add_to(SHOP)
    assert taken.metrics["m"].of == Of("stage", "own")
