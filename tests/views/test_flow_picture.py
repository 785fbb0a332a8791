"""The flow of journeys: sums that hold, labels that can be read, names that do no harm."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import ElementError, Interaction
from journeymap.analysis import Columns, Log, Paths
from journeymap.simulation import broadband, broadband_customers
from journeymap.testing import interactions
from journeymap.views import draw_flow
from journeymap.views.flow_picture import OTHERS, _gathered, flow_scene
from journeymap.views.scene import Box, Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def log() -> Log:
    return Log.from_interactions(broadband_customers(600), map=broadband())


@settings(max_examples=60)
@given(st.lists(interactions(customers=("ada", "ben", "cyd", "dan")), min_size=1, max_size=40),
       st.integers(1, 3), st.integers(2, 5))  # fmt: skip
def test_nobody_is_lost(sent: list[Interaction], strongest: int, steps: int) -> None:
    """Who is at a node came in, and goes out; the first step has everyone."""
    log = Log.from_interactions(sent)
    flow = _gathered(log.ask(Paths(steps=steps)), strongest)
    firsts = [count for (step, _), count in flow.nodes.items() if step == 1]
    assert sum(firsts) == log.journeys
    for node, count in flow.nodes.items():
        came = sum(many for (_, target), many in flow.moves.items() if target == node)
        left = sum(many for (source, _), many in flow.moves.items() if source == node)
        assert node[0] == 1 or came == count
        assert node[1] == "(end)" or node[0] == flow.steps or left == count
    for step in range(1, flow.steps + 1):
        assert len(flow.column(step)) <= strongest + 2


def test_small_elements_are_others(log: Log) -> None:
    flow = _gathered(log.ask(Paths(steps=5)), 3)
    assert (5, OTHERS) in flow.nodes
    names = flow.column(5)
    assert names[-2:] == [OTHERS, "(end)"]
    shown = [flow.nodes[5, name] for name in names[:3]]
    assert shown == sorted(shown, reverse=True)


def test_boxes_are_as_high_as_their_numbers(log: Log) -> None:
    scene = flow_scene(log.ask(Paths(steps=3)), strongest=3)
    high = [(int(re.sub(r"\D", "", shape.tip)), shape.height) for shape in scene.shapes
            if isinstance(shape, Box) and shape.height > 40]  # fmt: skip
    assert len(high) > 3
    for count, height in high:
        assert height / count == pytest.approx(430 / 600)
    bands = [shape for shape in scene.shapes if isinstance(shape, Path)]
    for band in bands:
        thick = band.points[-1][1] - band.points[0][1]
        many = re.search(r": ([\d,]+) journeys", band.tip)
        assert many is not None
        assert thick == pytest.approx(int(many[1].replace(",", "")) * 430 / 600)


@pytest.mark.parametrize(("by", "steps", "strongest"),
                         [("touchpoint", 5, 6), ("stage", 7, 4), ("touchpoint", 9, 8)])  # fmt: skip
def test_labels_lie_in_their_boxes(
    log: Log, browser: Any, by: str, steps: int, strongest: int
) -> None:  # fmt: skip
    picture = draw_flow(log.ask(Paths(by, steps)), broadband(), strongest=strongest)
    page = browser.new_page(viewport={"width": 2400, "height": 1400})
    page.set_content(f"<body style='margin:0'>{picture}")
    boxes = page.evaluate(
        "[...document.querySelectorAll('rect.stop')].map(r => { const b = r.getBBox();"
        " return [b.x, b.y, b.x + b.width, b.y + b.height] })"
    )
    words = page.evaluate(
        "[...document.querySelectorAll('text.stop-name, text.soft')].map(t => {"
        " const b = t.getBBox();"
        " return [b.x, b.y, b.x + b.width, b.y + b.height, t.textContent] })"
    )
    page.close()
    inside = [word for word in words if re.search(r"%$|[A-Za-z]", word[4]) and word[1] > 110]
    assert len(inside) == 2 * len(boxes)
    for left, upper, right, lower, text in inside:
        assert any(a <= left and right <= c and b <= upper + 2 and lower <= d + 3
                   for a, b, c, d in boxes), text  # fmt: skip
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or (
                other[3] <= one[1])  # fmt: skip


def test_the_same_answer_gives_the_same_picture(log: Log) -> None:
    answer = log.ask(Paths())
    assert draw_flow(answer, broadband()) == draw_flow(answer, broadband())
    assert "Ad seen" in draw_flow(answer, broadband())
    assert "ad_seen" in draw_flow(answer)


def test_no_name_becomes_markup(tmp_path: Any) -> None:
    hostile = ["</svg><script>alert(1)</script>", "<b>x", "\"'&amp;", "\x00]]>"]
    frame = {"customer": ["a"] * 4, "touchpoint": hostile, "at": [1, 2, 3, 4]}
    log = Log.from_frame(frame, Columns(at_unit="s"))
    picture = draw_flow(log.ask(Paths()), None, tmp_path / "flow.svg")
    assert "<script" not in picture
    ElementTree.fromstring(picture)  # noqa: S314  # we made it
    assert (tmp_path / "flow.svg").read_text(encoding="utf-8") == picture


def test_nothing_and_wrong_numbers() -> None:
    nothing = Log.from_interactions([]).ask(Paths())
    assert "0 journeys" in draw_flow(nothing)
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ElementError, match="from 1 up"):
            draw_flow(nothing, strongest=wrong)  # type: ignore[arg-type]
