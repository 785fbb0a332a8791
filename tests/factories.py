"""Maps, interactions and identities that several tests share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from attrs import evolve

from journeymap import (
    Absence,
    At,
    Channel,
    Department,
    Identity,
    Interaction,
    JourneyMap,
    KeyJourney,
    Moment,
    Stage,
    Step,
    Touchpoint,
)
from journeymap.tracking import Signal, State, Tracker, Withdrawn

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday."""
ZONES = (UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kolkata"))
MAP = JourneyMap(
    "m",
    dormant_after=100 * HOUR,
    stages=[
        Stage("want", "buy"),
        Stage("buy", "buy"),
        Stage("use", "own", dormant_after=30 * HOUR),
    ],
    channels=[Channel("web")],
    departments=[Department("sales"), Department("billing")],
    touchpoints=[
        Touchpoint("a", "want", department="sales", channels=["web"]),
        Touchpoint("b", "buy", department="billing"),
        Touchpoint("c", "use"),
    ],
)
"""Three stages round the loop, with the touchpoints a, b and c."""
SPANS = [
    KeyJourney("ab", "a", "b", steps=["a", "c", "b"], within=20 * HOUR, owner="billing"),
    KeyJourney("free", "a", "c", within=50 * HOUR, given_up_after=90 * HOUR),
    KeyJourney("loop", "b", "b", steps=["b", Step(["a", "c"], optional=True), "b"]),
    KeyJourney("again", "a", "c", given_up_after=30 * HOUR,
               steps=[Step(["a"], repeatable=True), Step(["b"], repeatable=True), "c"]),
]  # fmt: skip  # fmt: skip
JOURNEY = MAP.add(*SPANS)
"""The same map with key journeys of several kinds."""
SHOP = JourneyMap(
    "shop",
    dormant_after=90 * DAY,
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    touchpoints=[
        Touchpoint("order", "choose"),
        Touchpoint("delivery", "use"),
        Touchpoint("first_use", "use"),
        Touchpoint("call", "use"),
    ],
    moments=[
        Moment("unused", Absence("first_use", "delivery", 7 * DAY), action="Call them"),
        Moment("failed", At("outcome", ("failed",)), action="Say sorry", deadline=4 * HOUR),
        Moment("noted", At("outcome", ("abandoned",))),
    ],
)
"""A shop that asks for actions."""


def at(touchpoint: str, hours: float, /, **more: Any) -> Interaction:
    return Interaction("ada", touchpoint, T0 + hours * HOUR, **more)


def happened(touchpoint: str, hours: float, customer: str = "ada", /, **more: Any) -> Interaction:
    name = f"{customer}-{touchpoint}-{hours}"
    return Interaction(
        customer, touchpoint, T0 + hours * HOUR, **{"id": name, "source": "web", **more}
    )


def ids(text: str) -> list[Identity]:
    """``u1 e2`` as identities: the letter is the namespace."""
    return [Identity(word[0], word[1:]) for word in text.split()]


def arrived(drawn: list[tuple[Interaction, int]], dice: Any) -> list[Interaction]:
    """Interactions with ids, in zones of their own, some sent again, in any order."""
    sent = []
    for number, (one, again) in enumerate(drawn):
        at = one.at.astimezone(dice.choice(ZONES))
        sent += [evolve(one, at=at, id=str(number), source="web")] * (1 + again)
    dice.shuffle(sent)
    return sent


def folded(
    tracker: Tracker, sent: Iterable[Interaction], as_of: datetime, dice: Any = None
) -> tuple[dict[str, State], dict[str, Counter[Signal]]]:
    """The state of every customer, and the signals that are not withdrawn."""
    states: dict[str, State] = {}
    held: dict[str, Counter[Signal]] = defaultdict(Counter)

    def take(signals: tuple[Signal, ...]) -> None:
        for signal in signals:
            if isinstance(signal, Withdrawn):
                assert held[signal.customer][signal.signal] > 0
                held[signal.customer][signal.signal] -= 1
            else:
                held[signal.customer][signal] += 1

    for one in sent:
        state, signals = tracker.fold(states.get(one.customer), one)
        states[one.customer] = state
        take(signals)
        if dice is not None and dice.random() < 0.2:  # a scheduler wakes up now and then
            now = BEGIN + HOUR * dice.randrange(0, 450)
            states[one.customer], signals = tracker.advance(state, min(now, as_of))
            take(signals)
    for name, state in states.items():
        states[name], signals = tracker.advance(state, as_of)
        take(signals)
    return states, {name: +counted for name, counted in held.items()}


def count_told(told: Counter[Signal], signals: Iterable[Signal]) -> None:
    """Count signals, and take away those that are withdrawn."""
    for signal in signals:
        if isinstance(signal, Withdrawn):
            told[signal.signal] -= 1
        else:
            told[signal] += 1


def columns_of(names: str, rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """The columns of some rows, by names with blanks between."""
    return dict(zip(names.split(), map(list, zip(*rows, strict=True)), strict=True))
