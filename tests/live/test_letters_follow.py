"""Whoever goes by the ids of signals holds, after any corrections, just what is true."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    At,
    Interaction,
    KeyJourney,
    Live,
    Moment,
    Signal,
    Tracker,
    Withdrawn,
)
from journeymap.live.recording import signals_until
from journeymap.tracking import Deviated
from tests.factories import DAY, HOUR, MAP, T0

KINDS = ("stage entered", "lap started", "handoff", "went dormant", "came back", "deviation",
         "key journey completed", "key journey given up", "moment reached",
         "moment overdue")  # fmt: skip
FAILED = At("outcome", ["failed"])
WHOLE = MAP.add(
    KeyJourney("k", "a", "c", within=30 * HOUR, given_up_after=90 * HOUR),
    KeyJourney("l", "b", "b"),
    Moment("failed", FAILED, owner="sales", action="Call", deadline=40 * HOUR),
    Moment("gone", Absence("c", "a", 20 * HOUR), action="Ask", cool_down=50 * HOUR),
)


class Receiver:
    """An application that goes by the ids of signals."""

    def __init__(self) -> None:
        self.held: dict[str, Signal] = {}

    def __call__(self, signal: Signal) -> None:
        if isinstance(signal, Withdrawn):
            del self.held[signal.signal.id]
        else:
            assert signal.id not in self.held, "two signals under one id"
            self.held[signal.id] = signal


def about(signal: Signal) -> tuple[Any, ...]:
    """What a signal says, but for its place among those of one time."""
    names = ("customer", "at", "kind", "stage", "lap", "source", "target", "moment", "journey",
             "deviation", "element", "begun", "reached")  # fmt: skip
    return tuple(str(getattr(signal, name, "")) for name in names)


def happen(dice: Random, number: int) -> Interaction:
    """One of few interactions that may come, on one of few days."""
    return Interaction(
        "ada", dice.choice("abc"), T0 + dice.randrange(4) * DAY, id=f"i{number}", source="s",
        outcome=dice.choice([None, "failed"]), department=dice.choice([None, "sales", "care"]),
    )  # fmt: skip


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_what_is_held_is_what_is_true(dice: Random) -> None:
    clock, receiver = T0 + 20 * DAY, Receiver()
    with Live(WHOLE, "memory", clock=lambda: clock, outgoing=KINDS) as live:
        there: set[int] = set()
        for number in range(dice.randrange(4, 14)):
            turn = dice.random()
            if turn < 0.45 or not there:
                live.record(happen(dice, number))
                there.add(number)
            elif turn < 0.7:
                live.correct(happen(dice, dice.choice(sorted(there))))
            elif turn < 0.8:
                gone = dice.choice(sorted(there))
                live.retract("s", f"i{gone}")
                there.remove(gone)
            elif turn < 0.9:
                live.advance()
            else:
                live.deliver(receiver)
        live.advance()
        live.deliver(receiver)
        true = signals_until(Tracker(WHOLE, None), live.history("ada"), clock)
        held = Counter(map(about, receiver.held.values()))
        wanted = [one for one in true if getattr(one, "action", "x")]
        assert held == Counter(map(about, wanted))


def test_letters_that_left_one_place_have_ids_of_their_own() -> None:
    """A source that gives days: complaints that change their place at one time, again and again."""
    receiver = Receiver()
    shop = MAP.add(Moment("failed", FAILED, action="Open a ticket"))

    def call(name: str, **more: Any) -> Interaction:
        return Interaction("bob", "c", more.pop("at", T0), source="s", id=name, **more)

    with Live(shop, "memory", clock=lambda: T0 + 9 * HOUR) as live:
        live.record_many([call("a", at=T0 - DAY), call("b", at=T0 - DAY)])
        live.record(call("F", outcome="failed"))
        for one in (call("a"), call("b"), call("b", at=T0 - DAY), call("a", outcome="failed")):
            live.correct(one)
        live.record(call("G", outcome="failed"))
        live.deliver(receiver)
        assert len(receiver.held) == 3
        live.retract("s", "G")
        live.deliver(receiver)
        assert len(receiver.held) == 2


def test_a_letter_that_moved_twice_is_withdrawn() -> None:
    journey = MAP.add(KeyJourney("kj", "a", "c"))
    sent: list[Signal] = []

    def be(point: str, name: str, hours: float = 0, **more: Any) -> Interaction:
        return Interaction("bob", point, T0 + hours * HOUR, source="s", id=name, **more)

    with Live(journey, "memory", clock=lambda: T0, outgoing=["deviation"]) as live:
        live.record_many([be("b", "1", -5), be("b", "2"), be("a", "3", outcome="failed")])
        live.correct(be("b", "2", -24))
        live.correct(be("b", "1"))
        gone = live.retract("s", "3").signals
        assert any(isinstance(one, Withdrawn) and isinstance(one.signal, Deviated) for one in gone)
        live.deliver(sent.append)
    assert sent == []


def test_how_long_a_letter_waits_is_counted_from_its_posting(store: str) -> None:
    now = [T0]
    with Live(WHOLE, store, clock=lambda: now[0]) as live:
        old = Interaction("ada", "b", T0 - 400 * DAY, id="1", source="s", outcome="failed")
        live.record(old)
        now[0] += 3 * HOUR
        live.record(evolve(old, customer="ben", id="2"))
        waits = live.stats().oldest
        assert waits is not None
        assert abs(waits - T0) < HOUR / 100


@pytest.mark.parametrize("wrong", [5, object(), b"memory"])
def test_a_store_is_an_address_an_engine_or_a_store(wrong: Any, tmp_path: Any) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import create_async_engine

    from journeymap.adapters.stores import SqlStore
    from journeymap.exceptions import ElementError

    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    with Live(MAP, engine) as live:
        live.record(Interaction("ada", "a", T0, id="1", source="s"))
    with Live(MAP, engine) as live:
        assert len(live.history("ada")) == 1
    engine.dispose()
    with pytest.raises(ElementError, match="engine"):
        Live(MAP, wrong)
    refused: list[Any] = [wrong, create_async_engine("postgresql+psycopg://nobody@localhost/x")]
    for given_ in refused:
        with pytest.raises(ElementError, match="create_engine"):
            SqlStore(given_)
