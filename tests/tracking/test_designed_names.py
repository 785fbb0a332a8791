"""Moments per department, channel or process: what the map says counts where nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    At,
    Channel,
    Count,
    Interaction,
    JourneyMap,
    Moment,
    Stage,
    Touchpoint,
    Tracker,
)
from journeymap.analysis import Log, Signals
from journeymap.model import Absence, Department, Process, Sequence
from journeymap.tracking import MomentReached

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
VALUES = {
    "department": ("support", "care"),
    "channel": ("phone", "web"),
    "process": ("help", "buy"),
}


def journey(per: Any) -> JourneyMap:
    moments = [
        Moment("twice", Count("call", 2), per=per, action="Call back"),
        Moment("failed", At("outcome", ["failed"]), per=per, action="Sorry", cool_down="1 day"),
        Moment("silent", Absence("visit", after="call", within="2 h"), per=per, action="Ask"),
        Moment("both", Sequence("call", "visit"), per=per, action="Thank"),
    ]
    return JourneyMap(
        "shop", stages=[Stage("use", "own")],
        departments=[Department("support"), Department("care")],
        channels=[Channel("phone"), Channel("web")], processes=[Process("help"), Process("buy")],
        touchpoints=[Touchpoint("call", "use", department="support", process="help",
                                channels=["phone"]), Touchpoint("visit", "use")],
        moments=moments,
    )  # fmt: skip


@pytest.mark.parametrize("per", VALUES)
@settings(max_examples=60)
@given(data=st.data())
def test_live_is_batch_by_what_the_map_says(per: str, data: st.DataObject) -> None:
    given_ = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["call", "visit"]), st.sampled_from([None, *VALUES[per]]),
                st.sampled_from([None, "failed"]), st.integers(1, 3),
            ),
            min_size=1, max_size=8,
        )
    )  # fmt: skip
    past, at = [], T0
    for touchpoint, name, outcome, hours in given_:
        at += hours * HOUR
        recorded: Any = {per: name, "outcome": outcome}
        past.append(Interaction("ada", touchpoint, at, **recorded))
    tracker = Tracker(journey(per))
    state, told = tracker.follow(None, past)
    _, more = tracker.advance(state, at)
    reached = [one for one in (*told, *more) if isinstance(one, MomentReached)]
    log = Log.from_interactions(past, map=journey(per))
    assert sorted((one.moment, one.at, one.about) for one in reached) == sorted(
        (row.moment, row.at, row.about) for row in log.ask(Signals("moment reached"))
    )
