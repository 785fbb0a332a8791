from __future__ import annotations

import pickle
import time

import pytest

from journeymap import (
    Absence,
    At,
    Calendar,
    Channel,
    Count,
    Department,
    ElementError,
    Investment,
    JourneyMap,
    KeyJourney,
    MapError,
    Metric,
    Moment,
    Of,
    Persona,
    Process,
    Product,
    Stage,
    Touchpoint,
    UnknownName,
    Wait,
)
from journeymap.model import Catalog, Move
from journeymap.simulation import broadband
from tests.factories import DAY


def small() -> JourneyMap:
    return JourneyMap(
        "shop",
        stages=[Stage("choose", "buy"), Stage("use", "own"), Stage("renew", "own")],
        channels=[Channel("web")],
        departments=[Department("sales")],
        touchpoints=[Touchpoint("order_placed", "choose", department="sales", channels=["web"])],
    )


def test_ids_look_up_and_a_wrong_one_suggests_the_nearest() -> None:
    journey = small()
    assert journey.touchpoints["order_placed"].department == "sales"
    with pytest.raises(UnknownName) as caught:
        journey.touchpoints["order_place"]
    assert caught.value.nearest == "order_placed"
    assert caught.value.choices == ("order_placed",)
    assert isinstance(caught.value, KeyError)
    with pytest.raises(UnknownName, match="there are none"):
        journey.products["x"]


def test_catalogs_are_mappings_with_an_order() -> None:
    journey = small()
    assert list(journey.stages) == ["choose", "use", "renew"]
    assert journey.stages.index("use") == 1
    assert "use" in journey.stages
    assert "nope" not in journey.stages
    assert journey.stages != Catalog("stage", [])
    assert journey.stages != ["choose"]
    assert hash(journey.stages) == hash(small().stages)
    assert repr(journey.stages) == "<3 of kind stage: choose, use, renew>"


def test_the_loop_closes() -> None:
    loop = small().loop
    assert [loop.after(s) for s in ("choose", "use", "renew")] == ["use", "renew", "choose"]
    assert loop.before("choose") == "renew"
    assert loop.move("use", "renew") is Move.FORWARD
    assert loop.move("renew", "use") is Move.BACKWARD
    assert loop.move("use", "use") is Move.SAME
    assert loop.move("renew", "choose") is Move.NEW_LAP
    assert [s.id for s in loop.half("own")] == ["use", "renew"]  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="did you mean 'use'"):
        loop.after("uses")


def test_tables_hold_the_map_as_codes() -> None:
    tables = small().tables
    assert tables.stage == (0, 1)
    assert tables.department == (0, 1)
    assert tables.channel == (0, 1)
    assert tables.phase == (0, 1, 2, 2)
    assert tables.move[3][1] is Move.NEW_LAP
    assert tables.dormant_after == (None, None, None, None)


def test_dangling_references_are_all_named_at_once() -> None:
    with pytest.raises(MapError) as caught:
        JourneyMap(
            "shop",
            stages=[Stage("use", "own")],
            calendars=[Calendar("office")],
            departments=[
                Department("sales", calendar="ofice",
                           invests=[Investment("training", "t", stages=["uze"])]),
            ],
            processes=[Process("p", departments=["sails"], calendar="x")],
            personas=[Persona("pp", products=["q"])],
            products=[Product("r")],
            touchpoints=[
                Touchpoint("a", "usee", department="sale", process="pp", channels=["w"],
                           products=["s"]),
            ],
            metrics=[Metric("m", Of("phase", "rent")), Metric("n", Of("journey", "shopp"))],
            moments=[
                Moment("o", At("touchpoint", ["b"]), owner="nobody", metric="mm"),
                Moment("q", Count("c", 1)),
                Moment("r", Wait("d", DAY)),
                Moment("s", Absence("e", "f", DAY)),
            ],
            key_journeys=[KeyJourney("k", "g", "h", steps=["i"], owner="j")],
        )  # fmt: skip
    told = {problem.where: problem.message for problem in caught.value.problems}
    assert told["departments[0] 'sales'.calendar"].endswith("did you mean 'office'?")
    assert told["touchpoints[0] 'a'.stage"].endswith("did you mean 'use'?")
    assert told["touchpoints[0] 'a'.process"] == "there is no process 'pp'; did you mean 'p'?"
    assert len(caught.value.problems) == 23
    assert "23 problems" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems  # noqa: S301


def test_an_id_used_twice_is_an_error() -> None:
    with pytest.raises(MapError, match="'web' is used twice among the channels"):
        JourneyMap("x", channels=[Channel("web"), Channel("web")])


def test_an_element_of_the_wrong_kind_is_an_error() -> None:
    with pytest.raises(ElementError, match="a Stage is expected"):
        JourneyMap("x", stages=[Channel("web")])  # type: ignore[list-item]


def test_editing_gives_a_new_valid_map() -> None:
    journey = small()
    more = journey.add(Touchpoint("paid", "use"), Channel("app"))
    assert list(more.touchpoints) == ["order_placed", "paid"]
    assert list(journey.touchpoints) == ["order_placed"]
    renamed = more.replace(Touchpoint("paid", "renew"))
    assert renamed.touchpoints["paid"].stage == "renew"
    assert list(renamed.remove(renamed.touchpoints["paid"]).touchpoints) == ["order_placed"]
    with pytest.raises(MapError, match="no stage 'uze'"):
        journey.add(Touchpoint("bad", "uze"))
    with pytest.raises(MapError, match="no channel 'web'"):
        journey.remove(journey.channels["web"])
    with pytest.raises(UnknownName):
        journey.replace(Channel("app"))
    with pytest.raises(UnknownName, match="kind of element"):
        journey.add("web")  # type: ignore[arg-type]


def test_ten_thousand_touchpoints_are_no_burden() -> None:
    stages = [Stage(f"s{i}", "buy" if i < 5 else "own") for i in range(10)]
    points = [Touchpoint(f"t{i}", f"s{i % 10}") for i in range(10_000)]
    begin = time.perf_counter()
    journey = JourneyMap("big", stages=stages, touchpoints=points)
    assert len(journey.tables.stage) == 10_001
    assert time.perf_counter() - begin < 5  # well under a second on an idle machine


def test_a_map_shows_itself() -> None:
    journey = small()
    assert repr(journey) == (
        "<JourneyMap 'shop': 3 stages, 1 channels, 1 departments, 1 touchpoints>"
    )
    assert repr(JourneyMap("x")) == "<JourneyMap 'x': empty>"
    assert "<svg" in (journey._repr_html_() or "")


def test_metrics_of_an_element() -> None:
    journey = broadband()
    assert [m.id for m in journey.metrics_of("phase", "own")] == ["nps", "churn"]
    assert journey.metrics_of("stage", "nope") == ()


def test_check_finds_what_a_colleague_would() -> None:
    journey = JourneyMap(
        "x",
        stages=[Stage("a", "buy"), Stage("b", "own"), Stage("c", "own")],
        departments=[Department("idle"), Department("busy")],
        processes=[Process("p", departments=["idle"]), Process("q")],
        touchpoints=[
            Touchpoint("one", "a"),
            Touchpoint("two", "b", department="busy", process="p"),
            Touchpoint("nowhere", department="busy"),
        ],
        metrics=[Metric("m", Of("touchpoint", "two"))],
        moments=[Moment("mm", At("outcome", ["failed"]))],
        key_journeys=[KeyJourney("k", "two", "one", steps=["two"]),
                      KeyJourney("back", "two", "two", steps=["nowhere"], within=DAY)],
    )  # fmt: skip
    told = [f"{p.severity}: {p.where}: {p.message}" for p in journey.check()]
    for wanted in (
        "warning: touchpoint 'one': no department owns it",
        "warning: touchpoint 'nowhere': it lies in no stage",
        "warning: touchpoint 'two': its department 'busy' has no part in its process 'p'",
        "warning: stage 'c': no touchpoint lies in it",
        "warning: stage 'a': nobody measures it: it has no metric",
        "warning: phase 'buy': it has no metric",
        "warning: department 'idle': it is on the map and owns no touchpoint",
        "warning: process 'q': no department carries it out",
        "warning: moment 'mm': no department owns it, so nobody will act",
        "warning: moment 'mm': it does not say what should be done",
        "warning: key journey 'k': its last step is not its end 'one'",
        "warning: key journey 'back': its first step is not its start 'two'",
        "hint: metric 'm': it has no target",
        "hint: key journey 'k': it does not say how long it should take",
    ):
        assert wanted in told
    assert told == sorted(told, key=lambda t: t.startswith("hint"))


def test_steps_against_the_loop_are_reported() -> None:
    journey = small().add(
        Touchpoint("used", "use"), Touchpoint("renewed", "renew"),
        KeyJourney("k", "renewed", "used", steps=["renewed", "used"], within=DAY),
    )  # fmt: skip
    told = [problem.message for problem in journey.check()]
    assert any("from 'renewed' (renew) to 'used' (use) runs against the loop" in t for t in told)
    # Over the end of the loop into the next lap is no step back.
    onward = small().add(
        Touchpoint("renewed", "renew"), KeyJourney("k", "renewed", "order_placed", within=DAY)
    )
    assert not any("against" in problem.message for problem in onward.check())


def test_a_loop_of_one_phase_is_an_error_and_alternation_a_warning() -> None:
    assert [p.severity for p in JourneyMap("x").check()] == ["error"]
    lonely = JourneyMap("x", stages=[Stage("a", "buy")])
    assert "no stage lies in own (serve)" in str(lonely.check()[0])
    mixed = JourneyMap(
        "x", stages=[Stage(n, p) for n, p in zip("abcd", ("buy", "own", "buy", "own"), strict=True)]
    )
    assert any("alternate 4 times" in problem.message for problem in mixed.check())


def test_the_demo_map_leaves_little_to_say() -> None:
    graver = [p.where for p in broadband().check() if p.severity != "hint"]
    assert graver == ["key journey 'outage'"]  # needing help does run against the loop


def test_diff_tells_every_change_in_words() -> None:
    old = small()
    new = JourneyMap(
        "shop",
        name="Our shop",
        dormant_after=30 * DAY,
        stages=[Stage("use", "own"), Stage("choose", "buy", customer_does="looks")],
        channels=[Channel("web"), Channel("app")],
        departments=[Department("sales")],
        touchpoints=[Touchpoint("order_placed", "choose", channels=["app"])],
    )
    assert [str(change) for change in new.diff(old)] == [
        "the map: name changed from 'Shop' to 'Our shop'",
        "the map: dormant after changed from nothing to 30 days",
        "stage 'renew' was removed",
        "stage 'choose': customer does changed from nothing to 'looks'",
        "stage 'choose' was moved from place 1 to place 2",
        "channel 'app' was added",
        "touchpoint 'order_placed': department changed from 'sales' to nothing",
        "touchpoint 'order_placed': channels gained 'app' and lost 'web'",
    ]
    assert new.diff(new) == ()


def test_diff_tells_values_of_all_kinds() -> None:
    old = small().add(
        Metric("m", Of("stage", "use"), target=1), Moment("o", Count("order_placed", 2))
    )
    new = small().add(
        Metric("m", Of("stage", "renew"), target=2.5), Moment("o", Count("order_placed", 3))
    )
    told = [str(change) for change in new.diff(old)]
    assert "metric 'm': target changed from 1 to 2.5" in told
    assert any(
        t.startswith("moment 'o': when changed from 'order_placed' at least 2") for t in told
    )


def test_elements_that_need_each_other_are_added_together() -> None:
    more = small().add(Touchpoint("t", "new"), Stage("new", "own"))
    assert more.touchpoints["t"].stage == "new"
    many = [Touchpoint(f"t{i}", "use") for i in range(3000)]
    assert len(small().add(*many).touchpoints) == 3001


def test_one_moved_element_is_one_change() -> None:
    names = [f"c{i}" for i in range(10)]
    old = JourneyMap("x", channels=[Channel(name) for name in names])
    new = JourneyMap("x", channels=[Channel(name) for name in [names[-1], *names[:-1]]])
    assert [str(change) for change in new.diff(old)] == [
        "channel 'c9' was moved from place 10 to place 1"
    ]


def test_a_name_that_is_no_text_is_told_all_the_same() -> None:
    with pytest.raises(UnknownName, match="there is no stage 'None'"):
        small().stages[None]  # type: ignore[index]
