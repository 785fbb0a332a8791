"""Ends that are no leaks: where a journey may end, silence is neither dormancy nor friction."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import journeymap as jm
from journeymap import Interaction, JourneyMap, Tracker
from journeymap.analysis import Columns, Funnel, Handoffs, KeyJourneys, Log, Loops, Positions
from journeymap.testing import interactions
from journeymap.tracking import KeyJourneyCompleted, KeyJourneyGivenUp, WentDormant
from tests.factories import DAY, HOUR, JOURNEY, T0

BY_TOUCHPOINT = JOURNEY.replace(evolve(JOURNEY.touchpoints["b"], ends=True))
BY_STAGE = JOURNEY.replace(evolve(JOURNEY.stages["use"], ends=True))
BY_SPAN = JOURNEY.replace(evolve(JOURNEY.key_journeys["ab"], ends=True))


def test_three_ways_to_say_it() -> None:
    assert BY_TOUCHPOINT.tables.ends == BY_SPAN.tables.ends == {"b"}
    assert BY_STAGE.tables.ends == {"c"}
    assert JOURNEY.tables.ends == frozenset()
    text = jm.dumps(BY_STAGE, format="yaml")
    assert "ends: true" in text
    assert jm.loads(text, format="yaml") == BY_STAGE


@settings(max_examples=100)
@given(
    st.lists(interactions(customers=("ada", "ben", "cyd")), min_size=1, max_size=30),
    st.sampled_from([JOURNEY, BY_TOUCHPOINT, BY_STAGE, BY_SPAN]),
)
def test_live_and_past_agree(given: list[Interaction], journey: JourneyMap) -> None:
    log = Log.from_interactions(given, map=journey)
    end = max(one.at for one in given)
    went: Counter[str] = Counter()
    over: Counter[tuple[str, str]] = Counter()
    tracker = Tracker(journey, None)
    for row in log.ask(Positions()):
        mine = sorted((one for one in given if one.customer == row.customer), key=lambda o: o.at)
        state, signals = tracker.follow(None, mine)
        state, more = tracker.advance(state, end)
        assert state.position is not None
        assert row.dormant == state.position.dormant
        assert tracker.from_json(tracker.to_json(state)) == state
        if row.touchpoint in journey.tables.ends:
            assert not row.dormant
        for stage in {one.stage for one in (*signals, *more) if isinstance(one, WentDormant)}:
            went[stage] += 1
        over.update((one.kind, one.journey) for one in (*signals, *more)
                    if isinstance(one, KeyJourneyCompleted | KeyJourneyGivenUp))  # fmt: skip
        owned = {name: one.dormant for name, one in state.products.items()}
        if owned:
            per = log.where(customer=row.customer).per("product")
            found = {one.product: one.dormant for one in _until(per, end)}
            assert found == owned
    leaks = {row.element: row.dormant for row in log.ask(Loops())}
    assert leaks == {name: went[name] for name in journey.stages}
    for span in log.ask(KeyJourneys()):
        assert span.completed == over["key journey completed", span.journey]
        assert span.given_up == over["key journey given up", span.journey]


def _until(log: Log, end: Any) -> Any:
    return log.ask(Positions(end))


def test_a_closed_case_is_neither_a_leak_nor_dropped() -> None:
    journey = JourneyMap(
        "desk", dormant_after=2 * DAY,
        stages=[jm.Stage("ask", "buy"), jm.Stage("solve", "own")],
        departments=[jm.Department("front"), jm.Department("back")],
        touchpoints=[jm.Touchpoint("asked", "ask", department="front"),
                     jm.Touchpoint("closed", "solve", department="back", ends=True)],
    )  # fmt: skip
    given = [
        Interaction(f"c{n}", name, T0 + n * HOUR + hour * HOUR)
        for n in range(20)
        for hour, name in enumerate(["asked", "closed"])
    ]
    given.append(Interaction("late", "asked", T0 + 90 * DAY))
    log = Log.from_interactions(given, map=journey)
    assert [row.dormant for row in log.ask(Loops())] == [0, 0]
    [handoff] = log.ask(Handoffs())
    assert (handoff.count, handoff.dropped, handoff.open) == (20, 0, 0)
    plain = journey.replace(evolve(journey.touchpoints["closed"], ends=False))
    before = Log.from_interactions(given, map=plain)
    assert [row.dormant for row in before.ask(Loops())] == [0, 20]
    [handoff] = before.ask(Handoffs())
    assert handoff.dropped == 20


def test_a_sketch_proposes_ends_and_a_silence() -> None:
    day = 86_400
    data: dict[str, list[Any]] = {"customer": [], "touchpoint": [], "at": []}
    for n in range(40):
        for touchpoint, at in (("opened", 0), ("answered", 3600), ("answered", 9 * day + n),
                               ("closed", 9 * day + 7200)):  # fmt: skip
            data["customer"].append(f"c{n}")
            data["touchpoint"].append(touchpoint)
            data["at"].append(n * 50 + at)
    draft = Log.from_frame(data, Columns(at_unit="s")).sketch()
    assert draft.tables.ends == {"closed"}
    assert draft.dormant_after == 9 * DAY  # and not a day, though most waits are hours
    assert "Guessed: stages and halves; dormant after 9 days; journeys end with closed." in (
        draft.description
    )


def test_a_view_is_as_old_as_its_log() -> None:
    """Whoever is silent when the log ends is so in every view of it, until the view ends."""
    journey = evolve(JOURNEY, dormant_after=10 * DAY)
    sent = [Interaction("ada", "a", T0), Interaction("ben", "b", T0),
            Interaction("ben", "b", T0 + 30 * DAY)]  # fmt: skip
    log = Log.from_interactions(sent, map=journey)
    for view in (log.where(customer="ada"), log.where(touchpoint="a"), log):
        positions = {row.customer: bool(row.dormant) for row in view.ask(Positions())}
        table = view.journey_table()
        assert positions["ada"]
        assert dict(zip(table["customer"], table["dormant"], strict=True)) == positions
        still = sum((row.dormant or 0) - (row.returned or 0) for row in view.ask(Loops()))
        assert still == sum(positions.values())
        assert [row.given_up for row in view.ask(KeyJourneys("ab"))] == [1]
    early = log.where(until=T0 + 5 * DAY)
    assert not any(row.dormant for row in early.ask(Positions()))
    assert not any(row.dormant for row in early.ask(Loops()))
    assert early.journey_table()["dormant"].to_list() == [False, False]
    awaited = Funnel(["b", "c"], within=10 * DAY)  # a view that ends may not see what comes
    assert [row.open for row in log.where(customer="ada").ask(Funnel(["a", "b"], within=10 * DAY))
            if row.step == 1] == [0]  # fmt: skip
    assert [row.open for row in early.ask(awaited) if row.step == 1] == [1]
