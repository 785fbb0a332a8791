"""The states of a log are those of following each customer, whatever of it is counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings

from journeymap import (
    Absence,
    All,
    At,
    Count,
    Interaction,
    JourneyMap,
    KeyJourney,
    Moment,
    Product,
    Sequence,
    Tracker,
)
from journeymap.analysis import Columns, Log
from journeymap.exceptions import AnswerError, StateError
from journeymap.simulation import broadband, broadband_customers
from journeymap.tracking import State
from journeymap.tracking.fold import MAX_PRODUCTS
from tests.analysis.test_signals import followed
from tests.factories import BEGIN, HOUR, MAP, T0, at

HORIZONS = [timedelta(0), timedelta(minutes=15), 5 * HOUR, None]


def one_by_one(tracker: Tracker, log: Log, until: datetime | None = None) -> dict[str, State]:
    """The states of following every history to the end of the log, or to a time."""
    assert log.last is not None
    clock, found = until or log.last, {}
    for history in log.histories():
        mine = [one for one in history if one.at <= clock]
        if mine:
            state, _ = tracker.follow(None, mine)
            found[state.customer] = tracker.advance(state, clock)[0]
    return found


def known(state: State) -> tuple[Any, ...]:
    """All that a state knows, with what its recent interactions were folded onto."""
    return (
        state,
        state.position,
        state.products,
        state.key_journeys,
        state.timers,
        state.due,
        state.value,
        list(state.fold_state.slow.seen),
        [base for _, base in state.recent],
    )


def check(journey: JourneyMap, log: Log, until: datetime | None = None) -> None:
    for horizon in HORIZONS:
        for most in (None, 3):
            tracker = Tracker(journey, horizon, remember=most)
            want = one_by_one(tracker, log, until)
            found = list(tracker.follow_log(log, as_of=until))
            assert len(found) == len(want)
            for state in found:
                assert known(state) == known(want[state.customer])
                again = tracker.from_json(tracker.to_json(state))
                assert known(again) == known(state)


@pytest.mark.slow
@settings(max_examples=100)
@given(followed())
def test_states_are_those_of_following(
    drawn: tuple[JourneyMap, list[Interaction], int]
) -> None:  # fmt: skip
    journey, given_, later = drawn
    log = Log.from_interactions(given_, map=journey)
    check(journey, log)
    check(journey, log, BEGIN + later * HOUR)


@settings(max_examples=25)
@given(followed())
def test_some_states_are_those_of_following(
    drawn: tuple[JourneyMap, list[Interaction], int]
) -> None:  # fmt: skip
    check(drawn[0], Log.from_interactions(drawn[1], map=drawn[0]))


def test_states_of_the_broadband_company() -> None:
    journey = broadband()
    log = Log.from_interactions(broadband_customers(300), map=journey)
    check(journey, log)
    assert log.first is not None
    assert log.last is not None
    check(journey, log, log.first + (log.last - log.first) / 2)


def test_what_is_open_or_awaited_goes_on() -> None:
    """A state of a log, and what comes after it, tell what the fold would have told."""
    journey = broadband()
    interactions = sorted(broadband_customers(120), key=lambda one: one.at)
    half = len(interactions) // 2
    tracker, told = Tracker(journey, timedelta(0)), [0, 0]
    log = Log.from_interactions(interactions[:half], map=journey)
    columns = {state.customer: state for state in tracker.follow_log(log)}
    plain = one_by_one(tracker, log)
    later: dict[str, list[Interaction]] = {}
    for one in interactions[half:]:
        later.setdefault(one.customer, []).append(one)
    for name in columns:
        found = []
        for place, states in enumerate((columns, plain)):
            state, signals = (
                tracker.follow(states[name], later.get(name, []))
                if name in later
                else (states[name], ())
            )
            state, more = tracker.advance(state, interactions[-1].at + timedelta(days=400))
            found.append((state, [*signals, *more]))
            told[place] += len(signals) + len(more)
        assert found[0] == found[1]
    assert told[0] == told[1] > 500


def many(count: int, of: str) -> list[Interaction]:
    return [at("abc"[n % 3], n, **{of: f"{of} {n}"}) for n in range(count)]


@pytest.mark.parametrize(("journey", "happened"), [
    (MAP.add(Moment("late", Absence("c", "a", 3 * HOUR), owner="sales", deadline=50 * HOUR,
                    cool_down=90 * HOUR)),
     [at("c", 0), at("c", 10), at("a", 11), at("c", 20), at("b", 300)]),
    (MAP.add(Moment("often", Count("c", 3))), [at("c", n) for n in range(7)]),
    (MAP.add(Moment("steps", Sequence("a", "b", "c"))), [at("a", 0), at("c", 1), at("b", 2)]),
    (MAP.add(Moment("each", All([Count("c", 2), At("stage", ["use"])]), per="product"),
             Product("tv")), [at("c", 0, product="tv"), at("c", 1), at("c", 2, product="tv")]),
    (MAP.add(KeyJourney("long", "a", "c", within=5 * HOUR), KeyJourney("own", "b", "b")),
     [at("a", 0), at("b", 1), at("b", 3), at("b", 9)]),
    (MAP, [at("a", 0), at("a", 0), at("b", 0), at("c", 0)]),
])  # fmt: skip
def test_what_the_fold_carries(journey: JourneyMap, happened: list[Interaction]) -> None:
    both = [*happened, *(evolve(one, customer="ben") for one in happened[:2])]
    log = Log.from_interactions(both, map=journey)
    for until in (None, T0 + HOUR, T0 + 9 * HOUR, T0 + 1000 * HOUR):
        check(journey, log, until)


def test_of_very_many_products_the_fold_decides() -> None:
    names = [f"product {n}" for n in range(MAX_PRODUCTS + 5)]
    journey = MAP.add(*(Product(name) for name in names))
    log = Log.from_interactions(many(len(names), "product"), map=journey)
    tracker = Tracker(journey, timedelta(0))
    [state] = tracker.follow_log(log)
    assert known(state) == known(one_by_one(tracker, log)["ada"])
    assert len(state.products) == MAX_PRODUCTS


def test_each_journey_of_a_view_has_its_state() -> None:
    log = Log.from_interactions([at("a", 0), at("c", 1), at("c", 90)], map=MAP)
    tracker = Tracker(MAP, timedelta(0))
    counts = [state.count for state in tracker.follow_log(log.sessions(5 * HOUR))]
    assert counts == [2, 1]


def names_of(states: Iterable[State]) -> list[str]:
    return [state.customer for state in states]


def test_logs_that_cannot_be_followed() -> None:
    log = Log.from_interactions([at("a", 0)], map=MAP)
    with pytest.raises(StateError, match="another"):
        names_of(Tracker(broadband()).follow_log(log))
    with pytest.raises(AnswerError, match="map="):
        names_of(Tracker(MAP).follow_log(Log.from_interactions([at("a", 0)])))
    with pytest.raises(AnswerError, match="zone"):
        names_of(Tracker(MAP).follow_log(log, as_of=datetime(2026, 3, 1)))
    frame = {"customer": ["ada"], "touchpoint": ["c"], "at": [0]}
    with pytest.raises(AnswerError, match="no times"):
        names_of(Tracker(MAP).follow_log(Log.from_frame(frame, Columns(at=None), map=MAP)))
    assert names_of(Tracker(MAP).follow_log(Log.from_interactions([], map=MAP))) == []
    assert names_of(Tracker(MAP).follow_log(log, as_of=T0 - HOUR)) == []
