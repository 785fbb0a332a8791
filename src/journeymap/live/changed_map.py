"""Customers who are on their way when the map changes: which signals are still to be given.

A signal that a former version of the map has given is given by no other. One that it waited for,
and that by the new rules was due before, is owed: it is given next time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from attrs import evolve, frozen

from journeymap.adapters.store import Transaction
from journeymap.interactions import Interaction
from journeymap.live.map_mark import mark_map
from journeymap.model import JourneyMap
from journeymap.tracking import (
    Deviated,
    KeyJourneyGivenUp,
    MomentOverdue,
    MomentReached,
    Signal,
    State,
    Tracker,
    WentDormant,
    Withdrawn,
)
from journeymap.tracking.fold_state import FAR
from journeymap.tracking.state import Given

__all__ = ["FormerMap", "drop_given", "keep_version", "read_versions"]

_VERSIONS, _MOST_VERSIONS = "maps", 3
_MOST = 200  # of what was given to a customer at other times, that is kept
_ABOUT_MOMENTS = ("moment reached", "moment overdue")


def read_versions(notes: Mapping[str, str]) -> list[str]:
    """Read the documents of other versions of the map that are, or were, at work on a store."""
    found: list[str] = json.loads(notes.get(_VERSIONS, "[]"))
    return found


def keep_version(tx: Transaction, notes: Mapping[str, str], document: str) -> None:
    """Keep the document of a version of the map: states are folded along it."""
    others = read_versions(notes)
    if mark_map(document) not in map(mark_map, others):
        tx.meta.set(_VERSIONS, json.dumps([*others, document][-_MOST_VERSIONS:]))


@frozen(eq=False)
class FormerMap:
    """A former version of the map, beside the one of today.

    Attributes:
        tracker: Follows customers along the former version.
        changed: The kinds of signals whose time may be another one now, with the name of what they
            are about.
    """

    tracker: Tracker
    changed: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, former: JourneyMap, today: JourneyMap) -> FormerMap:
        """Compare a former version of the map with today's."""
        return cls(Tracker(former, None), frozenset(_changes(former, today)))

    def concerns(self, signals: Iterable[Signal], state: State) -> bool:
        """Check whether the time of any signal, or of what a state waits for, may be another."""
        waited = ((kind, name) for kind, name, _, _ in _waited(state))
        return not self.changed.isdisjoint([*map(_named, signals), *waited])

    def settle(
        self, state: State, signals: Sequence[Signal], past: Sequence[Interaction], until: datetime
    ) -> State:
        """Let a state owe what the former version waited for, and know what that gave.

        Args:
            state: The state by today's map.
            signals: What became true by today's map up to its clock.
            past: The customer's interactions, in order of time.
            until: The time up to which the former version has given every signal.

        Returns:
            The state.
        """
        old, first = self.tracker.follow(None, past)
        old, more = self.tracker.advance(old, until)
        emitted = {key for one in (*first, *more) if (key := _occurrence(one, old.fold_state.at))}
        waited = set(_waited(old)) - {*state.given}
        owed: list[Signal] = []
        for one in signals:
            key = _occurrence(one, state.fold_state.at)
            follows = isinstance(one, MomentOverdue) and any(
                isinstance(other, MomentReached) and _begun(other) == _begun(one) for other in owed
            )
            if _named(one) in self.changed and (key in waited or (follows and key not in emitted)):
                owed.append(one)
        awaited = set(_waited(state))
        awaited |= {("moment overdue", name, begun, tie) for kind, name, begun, tie in awaited
                    if kind == "moment reached"}  # fmt: skip
        given = sorted(awaited & emitted - {*state.given})
        return evolve(state, owed=(*state.owed, *owed), given=(*state.given, *given)[-_MOST:])


def drop_given(given: Sequence[Given], signals: Iterable[Signal], last: datetime) -> list[Signal]:
    """Drop the signals that a former version of the map has given, at another time.

    Args:
        given: What that was about.
        signals: The signals, and withdrawals of such.
        last: When the customer's last interaction was, before them.
    """
    if not given:
        return list(signals)
    return [
        one for one in signals
        if _occurrence(one.signal if isinstance(one, Withdrawn) else one, last) not in given
    ]  # fmt: skip


def _waited(state: State) -> Iterable[Given]:
    """List what a state waits for."""
    here, slow = state.fold_state, state.fold_state.slow
    if here.sleep < FAR:
        yield ("went dormant", "", here.at, 0)
    for pending in slow.pending:
        yield ("moment reached", pending.moment, pending.at, pending.tie)
    for awaited in slow.awaited:
        yield ("moment overdue", awaited.moment, awaited.begun, awaited.begun_tie)
    for one in slow.open:
        yield ("key journey given up", one.journey, one.begun, one.tie)
        if not one.late:
            yield ("deviation", one.journey, one.begun, one.tie)


def _occurrence(signal: Signal, last: datetime) -> Given | None:
    """Name what a signal of a timer is about; None of another, and of an earlier silence."""
    match signal:
        case MomentReached() | MomentOverdue():
            return (signal.kind, *_begun(signal))
        case KeyJourneyGivenUp():
            return (signal.kind, signal.journey, signal.begun, signal.begun_tie)
        case Deviated(deviation="late"):
            return (signal.kind, signal.journey, signal.begun, signal.begun_tie)
        case WentDormant() if signal.at >= last:
            return (signal.kind, "", last, 0)
        case _:
            return None


def _begun(signal: MomentReached | MomentOverdue) -> tuple[str, datetime, int]:
    return (signal.moment, signal.begun, signal.begun_tie)


def _named(signal: Signal) -> tuple[str, str]:
    """Name the kind of a signal and what it is about."""
    match signal:
        case MomentReached() | MomentOverdue():
            return signal.kind, signal.moment
        case Deviated() | KeyJourneyGivenUp():
            return signal.kind, signal.journey
        case _:
            return signal.kind, ""


def _changes(former: JourneyMap, today: JourneyMap) -> Iterable[tuple[str, str]]:
    """List what may come due at another time than before."""
    calendars = (former.calendars, [one.calendar for one in former.departments.values()]) != (
        today.calendars, [one.calendar for one in today.departments.values()],
    )  # fmt: skip
    for name in former.moments.keys() & today.moments.keys():
        old, new = former.moments[name], today.moments[name]
        if (old.when, old.cool_down, old.per) != (new.when, new.cool_down, new.per):
            yield from ((kind, name) for kind in _ABOUT_MOMENTS)
        elif calendars or (old.deadline, old.owner) != (new.deadline, new.owner):
            yield "moment overdue", name
    for name in former.key_journeys.keys() & today.key_journeys.keys():
        if former.key_journeys[name] != today.key_journeys[name]:
            yield "deviation", name
            yield "key journey given up", name
    if former.tables.dormant_after != today.tables.dormant_after or _stages(former) != _stages(
        today
    ):
        yield "went dormant", ""


def _stages(journey: JourneyMap) -> dict[str, str | None]:
    return {name: point.stage for name, point in journey.touchpoints.items()}
