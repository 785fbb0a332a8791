"""What comes next: counted the plain way, blended by hand, and consulted live."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction, NextSteps, StateError, Tracker
from journeymap.analysis import Log, NextStep
from journeymap.exceptions import ElementError
from journeymap.simulation import broadband, broadband_customers
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import JOURNEY

T0 = datetime(2026, 3, 1, tzinfo=UTC)


@given(
    st.lists(interactions(), max_size=40),
    st.sampled_from(["touchpoint", "stage", "department"]),
    st.integers(0, 4),
)
def test_counts(given_: list[Interaction], by: str, memory: int) -> None:
    table = Log.from_interactions(given_, map=JOURNEY).ask(NextStep(by, memory)).table
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    waits: Counter[tuple[tuple[str, ...], str]] = Counter()
    timed: Counter[tuple[tuple[str, ...], str]] = Counter()
    for mine in plain.elements(given_, plain.level(JOURNEY, by)).values():
        names = ["(start)", *(name for name, _, _ in mine), "(end)"]
        times = [None, *(at for _, at, _ in mine), None]
        for place in range(1, len(names)):
            for length in range(min(memory, place) + 1):
                last = tuple(names[place - length : place])
                found[last][names[place]] += 1
                before, at = times[place - 1], times[place]
                if before is not None and at is not None and last:
                    waits[last, names[place]] += (at - before) // timedelta(microseconds=1)
                    timed[last, names[place]] += 1
    assert table.contexts == {
        last: {name: (n, timed[last, name], waits[last, name]) for name, n in followers.items()}
        for last, followers in found.items()
    }
    assert NextSteps.from_json(table.to_json()) == table
    for last in [*found, ("never", "seen")]:
        chances = table.after(last)
        assert math.isclose(sum(one.probability for one in chances), 1) or not found
        assert all(one.probability > 0 for one in chances)


def test_witten_and_bell_by_hand() -> None:
    """a→b twice, a→c once: n = 3 with 2 kinds, so a third of the weight is the shorter memory's."""
    table = NextSteps(
        "touchpoint",
        1,
        {
            (): {"b": (2, 0, 0), "c": (2, 0, 0)},
            ("a",): {"b": (2, 2, 6_000_000), "c": (1, 1, 0)},
        },
    )
    shorter = (2 + 2 * 0.5) / (4 + 2)
    [b, c] = table.after(["x", "a"])
    assert (b.element, b.wait, b.n) == ("b", 3.0, 3)
    assert math.isclose(b.probability, (2 + 2 * shorter) / (3 + 2))
    assert math.isclose(c.probability, (1 + 2 * (1 - shorter)) / (3 + 2))
    assert [one.probability for one in table.after(["never"])] == [0.5, 0.5]
    assert NextSteps("stage", 2, {}).after(["a"]) == ()
    assert repr(table) == "<NextSteps by touchpoint: 2 contexts of up to 1, 2 elements>"


def test_a_state_is_told_what_comes_next() -> None:
    log = Log.from_interactions(broadband_customers(300), map=broadband())
    table = log.ask(NextStep(memory=3)).table
    tracker = Tracker(broadband())
    state, _ = tracker.follow(
        None, [Interaction("new", n, T0) for n in ("order_placed", "credit_checked")]
    )
    [best, *_] = state.likely_next(table)
    assert best.element == "order_confirmed"
    assert best.probability > 0.8
    assert best.wait is not None
    assert 3600 < best.wait < 86_400
    [best] = state.likely_next(log.ask(NextStep("stage")).table, top=1)
    assert best.element == "order"
    with pytest.raises(ElementError, match="one by touchpoint, stage, phase"):
        state.likely_next(log.ask(NextStep("channel")).table)


def test_bad_input() -> None:
    with pytest.raises(ElementError, match="from 0 to 5"):
        NextStep(memory=6)
    wrong = ((1, "[]"), (1, '[["a", -1, 0, 0]]'), (-1, '[["a", 1, 0, 0]]'), ("Infinity", "[]"))
    texts = [f'{{"by": "x", "memory": {n}, "contexts": [[[], {told}]]}}' for n, told in wrong]
    for text in ("", "[]", '{"by": "x", "memory": 1, "contexts": [[1]]}', *texts):
        with pytest.raises(StateError, match="this is not a table of next steps"):
            NextSteps.from_json(text)
