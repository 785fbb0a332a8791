"""The one law: whatever arrives in whatever order, the fold says what the log says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.analysis import Deviations, KeyJourneys, Log, Loops, Positions
from journeymap.testing import interactions
from journeymap.tracking import (
    Deviated,
    KeyJourneyCompleted,
    KeyJourneyGivenUp,
    Signal,
    State,
    Tracker,
)
from tests.factories import BEGIN, HOUR, JOURNEY, arrived, folded

pytestmark = pytest.mark.slow

TRACKER = Tracker(JOURNEY, None)
single = interactions(touchpoints=("a", "b", "c", "elsewhere"))
arriving = st.lists(st.tuples(single, st.integers(0, 2)), max_size=30)


def once(sent: Iterable[Interaction]) -> list[Interaction]:
    """Every interaction once, in the order of first arrival."""
    return list({one.id: one for one in sent}.values())


def batch_position(state: State) -> dict[str, Any]:
    here = state.position
    assert here is not None
    return {name: getattr(here, name) for name in (
        "stage", "phase", "lap", "since", "touchpoint", "at", "channel", "department", "emotion",
        "dormant")} | {"customer": state.customer, "count": state.count}  # fmt: skip


@settings(max_examples=600)
@given(arriving, st.randoms(use_true_random=False), st.integers(0, 120))
def test_positions_and_laps(drawn: list[tuple[Interaction, int]], dice: Any, later: int) -> None:
    sent = arrived(drawn, dice)
    log = Log.from_interactions(sent, map=JOURNEY)
    as_of = max((one.at for one in sent), default=BEGIN).astimezone(UTC) + later * HOUR
    states, _ = folded(TRACKER, sent, as_of, dice)
    rows = log.ask(Positions(as_of)).to_dicts()
    for row in rows:
        assert row.pop("silent") == (as_of - row["at"]).total_seconds()
        assert not row.pop("ended")
        del row["product"]
    assert rows == [batch_position(states[name]) for name in sorted(states)]
    laps = Counter(state.position.lap for state in states.values() if state.position)
    assert log.ask(Loops()).lap_counts == dict(sorted(laps.items()))
    own = [
        (name, one.product, one.stage, one.lap, one.since, one.at, one.dormant)
        for name, state in sorted(states.items())
        for one in sorted(state.products.values(), key=lambda one: one.product)
    ]
    assert not own or own == [
        (row.customer, row.product, row.stage, row.lap, row.since, row.at, row.dormant)
        for row in log.per("product").ask(Positions(as_of))
    ]


@settings(max_examples=200)
@given(arriving, st.randoms(use_true_random=False))
def test_at_any_time_before(drawn: list[tuple[Interaction, int]], dice: Any) -> None:
    sent = arrived(drawn, dice)
    as_of = BEGIN + dice.randrange(0, 400) * HOUR
    states, _ = folded(TRACKER, [one for one in sent if one.at <= as_of], as_of)
    rows = Log.from_interactions(sent, map=JOURNEY).ask(Positions(as_of)).to_dicts()
    for row in rows:
        assert row.pop("silent") == (as_of - row["at"]).total_seconds()
        assert not row.pop("ended")
        del row["product"]
    assert rows == [batch_position(states[name]) for name in sorted(states)]


@settings(max_examples=600)
@given(arriving, st.randoms(use_true_random=False))
def test_deviations_and_key_journeys(drawn: list[tuple[Interaction, int]], dice: Any) -> None:
    sent = arrived(drawn, dice)
    log = Log.from_interactions(sent, map=JOURNEY)
    as_of = max((one.at for one in sent), default=BEGIN)
    states, held = folded(TRACKER, sent, as_of, dice)
    told = [signal for mine in held.values() for signal in mine.elements()]
    walked = Counter[tuple[str, str]]()
    for signal in told:
        if isinstance(signal, KeyJourneyCompleted):
            walked[signal.journey, "completed"] += 1
            walked[signal.journey, "succeeded"] += signal.succeeded
        elif isinstance(signal, KeyJourneyGivenUp):
            walked[signal.journey, "given_up"] += 1
    for state in states.values():
        walked.update((going.journey, "open") for going in state.key_journeys)
    for row in log.ask(KeyJourneys()):
        for what in ("completed", "succeeded", "given_up", "open"):
            assert walked[row.journey, what] == getattr(row, what), what
    assert live_deviations(states, told) == batch_deviations(log)


def batch_deviations(log: Log) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for row in log.ask(Deviations(currency="EUR")):
        step = None if row.kind == "failed" else row.step
        found[row.journey, row.kind, step, row.element, row.department] += row.count
    return found


def live_deviations(states: dict[str, State], told: list[Signal]) -> Counter[Any]:
    """Of what goes on, the log tells lateness, and failures of what is late."""
    going = {
        (state.customer, one.journey, one.begun, one.tie): one.late
        for state in states.values()
        for one in state.fold_state.slow.open
    }
    found: Counter[Any] = Counter()
    for signal in told:
        if not isinstance(signal, Deviated):
            continue
        late = going.get((signal.customer, signal.journey, signal.begun, signal.begun_tie))
        if late is None or (late and signal.deviation in ("late", "failed")):
            found[signal.journey, signal.deviation, signal.step, signal.element,
                  signal.department] += 1  # fmt: skip
    return found


@settings(max_examples=200)
@given(arriving, st.randoms(use_true_random=False))
def test_within_the_horizon_the_order_of_arrival_does_not_matter(
    drawn: list[tuple[Interaction, int]], dice: Any
) -> None:
    # Ties keep the order of arrival, so this law speaks of interactions at different times.
    apart = list({(one.customer, one.at): (one, n) for one, n in drawn}.values())
    sent = arrived(apart, dice)
    as_of = BEGIN + 500 * HOUR
    states, held = folded(TRACKER, sent, as_of, dice)
    in_order = sorted(once(sent), key=lambda one: one.at)
    assert (states, held) == folded(TRACKER, in_order, as_of)
    bounded = Tracker(JOURNEY, timedelta(hours=1000))
    assert held == folded(bounded, sent, as_of, dice)[1]
