"""Lanes, plans and differences: labels apart, numbers those of the answers, nothing escapes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import journeymap as jm
from journeymap import UnknownName
from journeymap.analysis import (
    Columns,
    Compare,
    Deviations,
    Funnel,
    Handoffs,
    KeyJourneys,
    Log,
    Overview,
    Paths,
    Transitions,
    Where,
)
from journeymap.simulation import broadband, broadband_customers
from journeymap.views import PictureError, draw_difference, draw_lanes, draw_plan
from journeymap.views.lanes_picture import lanes_scene
from journeymap.views.scene import Box, Path, Words
from journeymap.views.tints import Tints
from tests.factories import HOUR

pytestmark = pytest.mark.slow
EVIL = '</text><script>alert(1)</script>&"'


@pytest.fixture(scope="module")
def log() -> Log:
    return Log.from_interactions(broadband_customers(1200), map=broadband())


def compared(log: Log, question: Any) -> Any:
    a, b = Where(contain="complaint_made"), Where(avoid="complaint_made")
    return log.ask(Compare(question, a, b, names=("complained", "did not")))


def long_names(names: str) -> tuple[jm.JourneyMap, Log]:
    """A map of long names, with a key journey, moments, and customers who stray."""
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    departments = [jm.Department(f"d{n}", name=f"{names} {n}") for n in range(3)]
    stages = [jm.Stage(f"s{n}", "buy" if n < 2 else "own", name=f"{n} {names}") for n in range(4)]
    points = [jm.Touchpoint(f"p{n}", f"s{n // 2}", department=f"d{n % 3}", name=f"{names} {n}")
              for n in range(8)]  # fmt: skip
    journey = jm.JourneyMap(
        "long", name=names, departments=departments, stages=stages, touchpoints=points,
        moments=[jm.Moment("m", jm.Absence("p3", "p2", timedelta(days=1)), owner="d0",
                           action=names, name=names)],
        key_journeys=[jm.KeyJourney("k", "p0", "p5", within="2 d", name=names,
                                    steps=[jm.Step([f"p{n}"]) for n in (0, 1, 2, 4, 5)])],
    )  # fmt: skip
    happened = [
        jm.Interaction(f"c{who}", f"p{(step * (1 + who % 3)) % 8}", begin + 9 * step * HOUR,
                       emotion=((who * step) % 21 - 10) / 10,
                       outcome=("failed", "succeeded")[step % 2], value=jm.Money(99_999, "EUR"))
        for who in range(40) for step in range(12)
    ]  # fmt: skip
    return journey, Log.from_interactions(happened, map=journey)


def pictures(journey: jm.JourneyMap, log: Log) -> dict[str, str]:
    a, b = Where(contain="p4"), Where(avoid="p4")
    names = (journey.name, f"not {journey.name}")
    return {
        "lanes": draw_lanes(Overview.of(log)),
        "plan": draw_plan(log.ask(Deviations()), journey, "k"),
        **{
            type(one).__name__: draw_difference(log.ask(Compare(one, a, b, names=names)), journey)
            for one in (Paths(), Transitions("stage"), Handoffs())
        },
    }


@pytest.mark.parametrize("names", ["web", "a rather long name of it all", "Donaudampfschiff" * 3])
def test_labels_never_overlap_nor_leave_the_picture(names: str, browser: Any) -> None:
    for kind, picture in pictures(*long_names(names)).items():
        page = browser.new_page(viewport={"width": 1600, "height": 1400})
        page.set_content(f"<body style='margin:0'>{picture}")
        width, top, bottom = page.evaluate(
            "(() => { const v = document.querySelector('svg').viewBox.baseVal;"
            " return [v.width, v.y, v.y + v.height] })()"
        )
        boxes = page.evaluate(
            "[...document.querySelectorAll('text')].map(t => { const b = t.getBBox();"
            " return [b.x, b.y, b.x + b.width, b.y + b.height, t.textContent] })"
        )
        page.close()
        assert len(boxes) > 9, kind
        for place, (left, upper, right, lower, words) in enumerate(boxes):
            assert left >= 0, (kind, words)
            assert right <= width, (kind, words)
            assert upper >= top, (kind, words)
            assert lower <= bottom, (kind, words)
            for other in boxes[:place]:
                apart = right <= other[0] + 1 or other[2] <= left + 1
                apart |= lower <= other[1] + 4 or other[3] <= upper + 4
                assert apart, (kind, words, other[4])


@pytest.mark.parametrize("names", ["web", "a rather long name of it all", "Donaudampfschiff" * 3])
def test_no_way_crosses_the_words(names: str, browser: Any) -> None:
    _, log = long_names(names)
    broad = Log.from_interactions(broadband_customers(300), map=broadband())
    for picture in (draw_lanes(Overview.of(log)), draw_lanes(Overview.of(broad))):
        page = browser.new_page(viewport={"width": 1600, "height": 1400})
        page.set_content(f"<body style='margin:0'>{picture}")
        ways, crossed = page.evaluate(
            """(() => {
            const boxes = [...document.querySelectorAll('text:not(.in-moment)')].map(
                t => [t.getBBox(), t.textContent]);
            const ways = [...document.querySelectorAll('path.way')], found = [];
            for (const path of ways)
                for (let at = 0; at <= path.getTotalLength(); at += 2) {
                    const p = path.getPointAtLength(at);
                    for (const [b, words] of boxes)
                        if (p.x > b.x && p.x < b.x + b.width && p.y > b.y && p.y < b.y + b.height)
                            found.push(words);
                }
            return [ways.length, found] })()"""
        )
        page.close()
        assert ways > 5
        assert crossed == []


def test_hostile_names_are_shown_and_not_run() -> None:
    for picture in pictures(*long_names(EVIL)).values():
        assert "<script" not in picture
        ElementTree.fromstring(picture)  # noqa: S314  # our own text


def test_the_same_data_give_the_same_picture(log: Log) -> None:
    assert draw_lanes(Overview.of(log)) == draw_lanes(Overview.of(log))


def test_lanes_hold_the_figures_of_the_log(log: Log) -> None:
    overview = Overview.of(log)
    scene = lanes_scene(overview)
    words = {line for one in scene.shapes if isinstance(one, Words) for line in one.lines}
    counts = dict(log.to_polars()["touchpoint"].value_counts().rows())
    assert {f"{count:,}" for count in counts.values()} <= words
    lanes = [one for one in scene.shapes if isinstance(one, Box) and one.role == "lane"]
    assert len(lanes) == len(overview.map.departments)
    assert "Mean wait before" in words
    waits = [one for one in scene.shapes if isinstance(one, Box) and one.role == "wait"]
    assert max(one.height for one in waits) == 62.0


def test_lanes_without_times_emotions_and_departments() -> None:
    frame = {"customer": ["a", "a", "b"], "touchpoint": ["x", "y", "x"], "n": [1, 2, 1]}
    log = Log.from_frame(frame, Columns(at=None, order="n"))
    picture = draw_lanes(Overview.of(log))
    assert "Mean emotion" not in picture
    assert "Mean wait" not in picture
    assert "no department" not in picture
    empty = Log.from_frame({"customer": [], "touchpoint": [], "at": []}, Columns(at_unit="s"))
    assert draw_lanes(Overview.of(empty)).startswith("<svg ")


def test_many_touchpoints_are_left_out_and_that_is_written() -> None:
    frame = {"customer": ["a"] * 70, "touchpoint": [f"t{n}" for n in range(70)],
             "at": list(range(70))}  # fmt: skip
    assert "10 less frequent touchpoints are left out" in draw_lanes(
        Overview.of(Log.from_frame(frame, Columns(at_unit="s")))
    )


def test_a_plan_holds_the_figures_of_the_answer(log: Log) -> None:
    answer = log.ask(Deviations())
    assert log.map is not None
    picture = draw_plan(answer, log.map, "onboarding")
    rows = [row for row in answer if row.journey == "onboarding"]
    whole = rows[0].n
    assert f"{whole:,} occurrences are over, or late; {answer.fitting['onboarding']:,}" in picture
    for row in rows:
        if row.kind == "missing":
            assert f"left out {row.count:,} ×" in picture
        if row.kind in ("failed", "late") and row.step is not None:
            assert f"{row.kind} {row.count:,} ×" in picture
    taken = answer.passed["onboarding"]
    [span] = log.ask(KeyJourneys("onboarding"))
    assert taken[-1] == span.completed  # and not what is open and late, or left a step out
    assert taken[0] == whole
    assert all(f"{count:,} · {round(100 * count / whole)} %" in picture for count in taken)
    with pytest.raises(UnknownName, match="onboarding"):
        draw_plan(answer, log.map, "onbording")


def test_only_what_differs_is_coloured(log: Log) -> None:
    answer = compared(log, Handoffs())
    picture = draw_difference(answer, log.map)
    tints = Tints.of(answer)
    differing = {tuple(row.what): "b" if row.difference > 0 else "a" for row in answer
                 if row.measure == "share" and row.p_adjusted < 0.05}  # fmt: skip
    assert dict(tints.sides) == differing != {}
    for side in "ab":
        found = len(re.findall(f'class="differs {side}"', picture))
        assert found == sum(one == side for one in differing.values())
    same = log.ask(Compare(Handoffs(), Where(), Where(), names=("one", "two")))
    assert Tints.of(same).sides == {}


def test_a_loop_and_a_flow_are_coloured_alike(log: Log) -> None:
    assert log.map is not None
    answer = compared(log, Transitions("stage"))
    moves = [what for what in Tints.of(answer).sides if set(what) <= set(log.map.stages)]
    picture = draw_difference(answer, log.map)
    assert moves
    assert "var(--a)" in picture
    assert "Where complained and did not move differently" in picture
    flow = draw_difference(compared(log, Paths("stage")), log.map, strongest=3)
    assert "Where complained and did not go different ways" in flow


def test_a_comparison_of_something_else_has_no_such_picture(log: Log) -> None:
    with pytest.raises(PictureError, match="compare Paths, Handoffs, or Transitions"):
        draw_difference(compared(log, Funnel(["site_visited", "order_placed"])))
    with pytest.raises(PictureError, match="the loop needs map="):
        draw_difference(compared(log, Transitions("stage")))
    with pytest.raises(PictureError, match="Transitions of its stages"):
        draw_difference(compared(log, Transitions("touchpoint")), log.map)


def test_arcs_pass_over_what_was_left_out(log: Log) -> None:
    from journeymap.views.plan_picture import plan_scene

    assert log.map is not None
    answer = log.ask(Deviations())
    scene = plan_scene(answer, log.map, "onboarding")
    arcs = [one for one in scene.shapes if isinstance(one, Path) and one.role == "skip"]
    missing = [row for row in answer if row.journey == "onboarding" and row.kind == "missing"]
    assert len(arcs) == len({row.step for row in missing})
    widths = {arc.tip: arc.width for arc in arcs}
    most = max(missing, key=lambda row: row.occurrences)
    assert log.map.touchpoints[most.element].name in max(widths, key=lambda tip: widths[tip])
