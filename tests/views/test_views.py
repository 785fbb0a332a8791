"""Pictures and pages: nothing overlaps, nothing escapes, nothing is asked of a network."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import journeymap as jm
from journeymap.analysis import Columns, Log, Overview
from journeymap.simulation import broadband, broadband_customers
from journeymap.testing import maps
from journeymap.views import customer_page, draw, report
from journeymap.views.findings import findings
from journeymap.views.flows import COLOURS, Flows, friction_colour
from journeymap.views.lanes_outside import SideMove, lay_lanes
from journeymap.views.lemniscate import Curve, spots
from journeymap.views.loop_picture import loop_scene
from journeymap.views.scene import Words
from journeymap.views.svg import svg
from journeymap.views.text_fit import shown, width_of, wrapped
from journeymap.views.timeline import timeline_scene

EVIL = "</title></svg><script>alert('x')</script>&\"'\x00\x1b"


def evil_map() -> jm.JourneyMap:
    text = EVIL.replace("\x00", "").replace("\x1b", "")
    stages = [jm.Stage(f"{text}{i}", "buy" if i < 2 else "own", name=text, customer_does=text)
              for i in range(4)]  # fmt: skip
    return jm.JourneyMap(
        text,
        description=text,
        stages=stages,
        departments=[jm.Department(text)],
        touchpoints=[jm.Touchpoint(text, stages[0].id, department=text)],
        metrics=[jm.Metric(text, jm.Of("stage", stages[0].id), unit=text, target=1)],
    )


@pytest.fixture(scope="module")
def overview() -> Overview:
    return Overview.of(Log.from_interactions(broadband_customers(600), map=broadband()))


@given(maps())
@settings(max_examples=40)
def test_every_map_can_be_drawn(journey: jm.JourneyMap) -> None:
    picture = draw(journey)
    assert picture == draw(journey)
    root = ElementTree.fromstring(picture)  # noqa: S314  # our own text
    assert root.tag.endswith("svg")
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert "the loop" in (title.text or "")


def test_hostile_names_are_shown_and_not_run() -> None:
    picture = draw(evil_map())
    assert "<script" not in picture
    root = ElementTree.fromstring(picture)  # noqa: S314
    assert "alert('x')" in "".join(root.itertext())


def test_a_hostile_log_is_shown_and_not_run() -> None:
    frame = {
        "customer": ["c", "c", "d"],
        "touchpoint": [EVIL, "a", EVIL],
        "at": [1, 2, 3],
        "team": [EVIL, "b", EVIL],
    }
    log = Log.from_frame(frame, Columns(at_unit="s", department="team"), map=evil_map())
    page = report(Overview.of(log), title=EVIL, note=EVIL)
    assert page.count("<script") == 1  # its own, by the sum of its text
    assert EVIL not in page
    assert "\x00" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page


def test_one_map_fills_the_notebook_cell() -> None:
    assert (broadband()._repr_html_() or "").startswith("<svg ")


def test_draw_writes_a_file(tmp_path: Path) -> None:
    place = tmp_path / "map.svg"
    assert draw(broadband(), place) == place.read_text(encoding="utf-8")


def test_a_map_without_stages_is_an_empty_loop() -> None:
    assert "track" in draw(jm.JourneyMap("x"))


def labels(journey: jm.JourneyMap, flows: Flows | None = None) -> Iterator[tuple[Any, ...]]:
    for shape in loop_scene(journey, flows).shapes:
        if isinstance(shape, Words) and shape.role in ("name", "soft", "loss"):
            room = max(width_of(line, shape.size) for line in shape.lines)
            left = shape.x - {"start": 0, "middle": room / 2, "end": room}[shape.anchor]
            yield left, shape.y - shape.size * 0.8, left + room, shape.y, shape.lines


@pytest.mark.parametrize("per_half", [1, 2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("name", ["Short", "A rather long name of a stage", "Donaudampfschiff" * 2])
def test_labels_never_overlap_nor_leave_the_picture(per_half: int, name: str) -> None:
    stages = [
        jm.Stage(f"{name} {i}", "buy" if i < per_half else "own", customer_does="does " * 9)
        for i in range(2 * per_half)
    ]
    boxes = list(labels(jm.JourneyMap("x", description="A heading.", stages=stages)))
    for place, (left, top, right, bottom, lines) in enumerate(boxes):
        assert left >= 0, lines
        assert right <= 1200, lines
        for other_left, other_top, other_right, other_bottom, others in boxes[:place]:
            apart = right < other_left or other_right < left
            apart |= bottom < other_top or other_bottom < top
            assert apart, (lines, others)


def test_the_curve_is_a_lemniscate() -> None:
    curve = Curve(0, 0, 100, 50)
    assert curve.at(0) == pytest.approx((100, 0))
    assert curve.at(3.141592653589793) == pytest.approx((-100, 0))
    assert curve.at(3.141592653589793 / 2) == pytest.approx((0, 0), abs=1e-9)
    for lobe, sign in (("buy", -1), ("own", 1)):
        places = spots(curve, lobe, 5)
        assert all(spot.x * sign > 0 for spot in places)
        assert places[2].x == pytest.approx(100 * sign, rel=0.01)
        assert all(abs(s.out_x**2 + s.out_y**2 - 1) < 1e-9 for s in places)
    assert spots(curve, "buy", 1)[0].x == pytest.approx(-100, rel=0.01)
    assert spots(curve, "own", 0) == []


def test_text_is_broken_and_cut_to_fit() -> None:
    assert wrapped("one two three", 10, 40, 5) == ("one two", "three")
    assert wrapped("one two three four", 10, 40, 1) == ("one tw…",)
    assert wrapped("", 10, 40, 2) == ()
    assert all(width_of(line, 10) <= 60 for line in wrapped("x" * 99 + " 漢字かな" * 9, 10, 60, 4))
    assert shown("a\x00b\ud800") == "a b "


def test_friction_has_five_colours() -> None:
    shares = (0.01, 0.05, 0.2, 0.3, 0.9)
    assert tuple(friction_colour(share) for share in shares) == COLOURS
    assert friction_colour(None) == COLOURS[0]


def test_the_flows_are_the_answers_figures(overview: Overview) -> None:
    flows = Flows.of(overview)
    picture = svg(loop_scene(overview.map, flows))
    moves = {(row.source, row.target): row.count for row in overview.stages}
    assert f"Notice a need → Compare offers: {moves['notice', 'compare']:,} moves" in picture
    connect = next(row for row in overview.loops if row.element == "connect")
    assert f"{connect.dormant:,} customers fell silent in Get connected" in picture
    onward = sum(
        n for (s, t), n in moves.items() if s == "connect" and t not in ("connect", "(end)")
    )
    assert connect.dormant is not None
    assert flows.stages["connect"].friction == connect.dormant / (onward + connect.dormant)


def test_the_report_shows_what_was_asked(overview: Overview) -> None:
    page = report(overview, note="Simulated.")
    for words in (
        f"<b>{overview.customers:,}</b>",
        "Simulated.",
        "What stands out",
        "Handoffs between departments",
        "The most common journeys",
        "none was set aside",
        "Value at risk",
    ):
        assert words in page, words
    assert len(page.encode()) < 2_000_000
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)


def test_a_report_on_next_to_nothing() -> None:
    for touchpoints in ([], ["a"]):
        size = len(touchpoints)
        frame = {"customer": ["c"] * size, "touchpoint": touchpoints, "at": list(range(size))}
        page = report(Overview.of(Log.from_frame(frame, Columns(at_unit="s"))))
        assert "</html>" in page


def test_a_report_tells_what_was_set_aside() -> None:
    frame = {"customer": ["c", None], "touchpoint": ["a", "b"], "at": [1, 2]}
    overview = Overview.of(Log.from_frame(frame, Columns(at_unit="s"), map=broadband()))
    page = report(overview)
    assert "no customer" in page
    assert "Touchpoints that the map does not know" in page


def test_findings_speak_only_of_enough() -> None:
    few = Overview.of(Log.from_interactions(broadband_customers(5), map=broadband()))
    assert all("go straight back" in told for told in findings(few, Flows.of(few)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820, 390])
def test_the_page_in_a_real_browser(
    overview: Overview, browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(overview), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert said == []
    assert asked == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 21, 28)"
    assert dark is (scheme == "dark")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the loop"
    # What cannot be seen whole can be reached and scrolled with the keyboard.
    hidden = "[...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 &&"
    hidden += " getComputedStyle(e).overflowX === 'auto' && e.tabIndex < 0).length"
    assert page.evaluate(hidden) == 0
    page.close()


def test_labels_measured_by_a_real_browser(overview: Overview, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 1100})
    picture = svg(loop_scene(overview.map, Flows.of(overview)))
    page.set_content(f"<body style='margin:0'>{picture}")
    boxes = page.evaluate(
        "[...document.querySelectorAll('text')].map(t => { const b = t.getBBox();"
        " return [b.x, b.y, b.x + b.width, b.y + b.height, t.textContent] })"
    )
    arrows = page.evaluate(
        "[...document.querySelectorAll('.leak-head')].map(p => { const b = p.getBBox();"
        " return [b.x, b.y, b.x + b.width, b.y + b.height] })"
    )
    assert len(arrows) == len(overview.map.stages)
    for left, upper, right, lower in arrows:
        for a, b, c, d, words in boxes:
            assert right <= a or c <= left or lower <= b or d <= upper, words
    top, bottom = page.evaluate(
        "(() => { const v = document.querySelector('svg').viewBox.baseVal;"
        " return [v.y, v.y + v.height] })()"
    )
    for place, (left, upper, right, lower, words) in enumerate(boxes):
        assert left >= 0, words
        assert right <= 1200, words
        assert upper >= top, words
        assert lower <= bottom, words
        for other in boxes[:place]:
            apart = right <= other[0] + 1 or other[2] <= left + 1
            apart |= lower <= other[1] + 5 or other[3] <= upper + 5
            assert apart, (words, other[4])
    page.close()


def wandering(halves: tuple[int, int], seed: int) -> Log:
    """Customers who go anywhere from anywhere."""
    dice = random.Random(seed)
    stages = [jm.Stage(f"s{n}", "buy" if n < halves[0] else "own", name=f"Stage of some name {n}",
                       dormant_after=timedelta(seconds=5)) for n in range(sum(halves))]  # fmt: skip
    points = [jm.Touchpoint(f"p{n}", f"s{n}") for n in range(len(stages))]
    journey = jm.JourneyMap("wandering", stages=stages, touchpoints=points)
    steps = [(f"c{who}", f"p{dice.randrange(len(stages))}", 100 * who + at)
             for who in range(60) for at in range(20)]  # fmt: skip
    frame = dict(zip(("customer", "touchpoint", "at"), map(list, zip(*steps, strict=True)),
                     strict=True))  # fmt: skip
    return Log.from_frame(frame, Columns(at_unit="s"), map=journey)


@pytest.mark.parametrize("halves", [(1, 1), (2, 1), (3, 3), (4, 5), (5, 2), (6, 6)])
def test_no_flow_crosses_the_words(halves: tuple[int, int], browser: Any) -> None:
    overview = Overview.of(wandering(halves, sum(halves)))
    picture = svg(loop_scene(overview.map, Flows.of(overview), standalone=False))
    page = browser.new_page(viewport={"width": 1300, "height": 1100})
    page.set_content(f"<body style='margin:0'>{picture}")
    crossed = page.evaluate(
        """(() => {
        const boxes = [...document.querySelectorAll('text')].filter(t => !/number/.test(
            t.className.baseVal)).map(t => [t.getBBox(), t.textContent]);
        const found = [];
        for (const path of document.querySelectorAll('path.chord, path.back, path.flow')) {
            const length = path.getTotalLength();
            for (let at = 0; at <= length; at += 2) {
                const p = path.getPointAtLength(at);
                for (const [b, words] of boxes)
                    if (p.x > b.x && p.x < b.x + b.width && p.y > b.y && p.y < b.y + b.height)
                        found.push([path.className.baseVal, words]);
            }
        }
        return found })()"""
    )
    lanes = page.evaluate("document.querySelectorAll('path.chord, path.back').length")
    boxes = page.evaluate(
        "[...document.querySelectorAll('text')].map(t => { const b = t.getBBox();"
        " return [b.x, b.x + b.width, t.textContent] })"
    )
    page.close()
    assert crossed == []
    assert lanes >= (6 if sum(halves) > 4 else 0)
    for left, right, words in boxes:
        assert left >= 0, words
        assert right <= 1200, words


def test_lanes_of_one_place_lie_apart() -> None:
    moves = [SideMove((str(a), str(b)), float(a), float(b), 1.0 + a) for a in range(4)
             for b in range(4) if a != b]  # fmt: skip
    lanes = lay_lanes(moves, 20.0)
    for place, lane in enumerate(lanes):
        assert lane.distance - lane.move.width / 2 >= 20
        for other in lanes[:place]:
            low, high = lane.move.span
            begin, end = other.move.span
            if begin < high and low < end:
                gap = abs(lane.distance - other.distance)
                assert gap >= (lane.move.width + other.move.width) / 2


def test_a_limit_of_silence_is_needed_for_leaks() -> None:
    journey = jm.JourneyMap(
        "x", stages=[jm.Stage("a", "buy"), jm.Stage("b", "own", dormant_after=timedelta(days=1))],
        touchpoints=[jm.Touchpoint("p", "a"), jm.Touchpoint("q", "b")],
    )  # fmt: skip
    frame = {"customer": ["c", "c"], "touchpoint": ["p", "q"], "at": [1, 2]}
    rows = Overview.of(Log.from_frame(frame, Columns(at_unit="s"), map=journey)).loops.rows
    assert [row.dormant for row in rows] == [None, 0]


def traveller(names: str) -> jm.Customer:
    """A customer of many long names."""
    begin = datetime(2026, 9, 28, 22, 30, tzinfo=UTC)
    happened = [
        jm.Interaction("c-1234567890", f"{names} touchpoint {n % 9}", begin + timedelta(days=n * n),
                       channel=f"{names} {n % 10}", department=f"{n % 11} {names}",
                       outcome=("failed", "succeeded", None)[n % 3], emotion=(n % 21 - 10) / 10,
                       score=jm.Score("nps", n % 11), value=jm.Money(10**n % 10**9, "EUR"))
        for n in range(30)
    ]  # fmt: skip
    return jm.Customer.of("c-1234567890", Log.from_interactions(happened))


@pytest.mark.parametrize("names", ["web", "a rather long name of it all", "Donaudampfschiff" * 2])
def test_labels_of_a_timeline_never_overlap(names: str, browser: Any, tmp_path: Path) -> None:
    scene = timeline_scene(traveller(names))
    page = browser.new_page(viewport={"width": 1400, "height": 1100})
    page.set_content(f"<body style='margin:0'>{svg(scene)}")
    boxes = page.evaluate(
        "[...document.querySelectorAll('text')].map(t => { const b = t.getBBox();"
        " return [b.x, b.y, b.x + b.width, b.y + b.height, t.textContent] })"
    )
    assert len(boxes) > 90
    for place, (left, upper, right, lower, words) in enumerate(boxes):
        assert left >= 0, words
        assert right <= scene.width, words
        assert lower <= scene.top + scene.height, words
        for other in boxes[:place]:
            apart = right <= other[0] + 1 or other[2] <= left + 1
            apart |= lower <= other[1] + 4 or other[3] <= upper + 4
            assert apart, (words, other[4])
    page.close()
    file = tmp_path / "customer.html"
    file.write_text(customer_page(traveller(names)), encoding="utf-8")
    for width in (1440, 390):
        page = browser.new_page(viewport={"width": width, "height": 900})
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(file.as_uri())
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_the_report_names_what_was_left_out() -> None:
    frame = {"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": [1, 2], "sum": [5, 6],
             "money": ["EUR", ""]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", value="sum", currency="money"))
    page = report(Overview.of(log))
    assert "Values left out of rows that were kept" in page
    assert "no currency is named" in page


def test_findings_do_not_speak_of_what_is_nothing() -> None:
    """Stages of which all move on, and a mood that stays, are no finding."""
    frame = {
        "customer": [f"c{n}" for n in range(40) for _ in "ab"],
        "touchpoint": ["first", "second"] * 40, "at": list(range(80)), "emotion": [0.5] * 80,
        "department": ["Sales", "Support"] * 40,
    }  # fmt: skip
    columns = Columns(at_unit="s", emotion="emotion", department="department")
    drafted = Log.from_frame(frame, columns).sketch()
    seen = Overview.of(Log.from_frame(frame, columns, map=drafted))
    assert not [told for told in findings(seen, Flows.of(seen)) if "friction" in told]
    assert not [told for told in findings(seen, Flows.of(seen)) if "mood" in told]


@pytest.mark.parametrize("per_half", [1, 3, 5])
def test_bold_names_stay_within_the_picture(per_half: int, browser: Any) -> None:
    stages = [jm.Stage(f"Around Order placed {n}", "buy" if n < per_half else "own")
              for n in range(2 * per_half)]  # fmt: skip
    page = browser.new_page(viewport={"width": 1200, "height": 1100})
    picture = svg(loop_scene(jm.JourneyMap("x", stages=stages), standalone=False))
    page.set_content(f"<body style='margin:0'>{picture}")
    boxes = page.evaluate(
        "[...document.querySelectorAll('text.name')].map(t => { const b = t.getBBox();"
        " return [b.x, b.x + b.width, t.textContent] })"
    )
    assert boxes
    for left, right, words in boxes:
        assert left >= 0, words
        assert right <= 1200, words
    page.close()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Beschwerden", ("Beschwer-", "den")),
        ("ab", ("ab",)),
        ("a/b/c/d/e/f/g/h/i/j", None),
        ("日本語のとても長い名前です", ("日本語のと", "ても長い名", "前です")),
    ],
)
def test_long_words_are_broken_with_a_hyphen(text: str, lines: tuple[str, ...] | None) -> None:
    found = wrapped(text, 12, 70, 4)
    assert found == (lines or found)
    assert "".join(found).replace("-", "") == text
    assert all(width_of(line, 12) <= 75 for line in found)
    assert all(len(line) > 1 for line in found)
