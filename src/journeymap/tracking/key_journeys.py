"""Key journeys followed as they are walked: begun, departed from, completed or given up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from journeymap.interactions import Interaction
from journeymap.model.matching import answerable
from journeymap.tracking.compiled_map import Point, Read, Span
from journeymap.tracking.fold_state import Occurrence
from journeymap.tracking.signals import (
    Deviated,
    KeyJourneyCompleted,
    KeyJourneyGivenUp,
    Signal,
)

__all__ = ["closed_all", "expired", "late", "walked"]

Open = tuple[Occurrence, ...]
_BAD = ("failed", "abandoned")
_make = tuple.__new__  # the named way costs three times as much


def walked(
    read: Read, point: Point, one: Interaction, at: datetime, tie: int, open_: Open,
    told: list[Signal],
) -> tuple[Open, bool]:  # fmt: skip
    """The occurrences that go on after an interaction, and whether any began or ended."""
    who = one.department or point.department
    if not point.turns:
        when = (at, tie)
        spans = read.spans
        on = [_on(spans[o[0]], o, one, who, when, told) for o in open_]
        return tuple(on), False
    going: list[Occurrence] = []
    started = list(point.begins)
    for occurrence in open_:
        span = read.spans[occurrence.journey]
        if point.name == span.of.end:
            done = _on(span, occurrence, one, who, (at, tie), told)
            _departures(read, span, done, one.customer, at, tie, told)
            fine = one.outcome not in _BAD
            told.append(KeyJourneyCompleted(one.customer, at, tie, occurrence.journey, done.begun,
                                            done.tie, fine))  # fmt: skip
        elif span in started and not span.again:
            _give_up(read, occurrence, one.customer, at, tie, "started again", told)
            continue
        else:
            going.append(_on(span, occurrence, one, who, (at, tie), told))
        if span in started:
            started.remove(span)
    for span in started:
        begun = Occurrence(span.of.id, at, tie, (), late=False)
        going.append(_on(span, begun, one, who, (at, tie), told))
    return tuple(going), True


def _on(
    span: Span, before: Occurrence, one: Interaction, who: str | None, when: tuple[datetime, int],
    told: list[Signal],
) -> Occurrence:  # fmt: skip
    """One interaction more, and what is certainly wrong with it: no later one can heal that."""
    journey, begun, tie, path, is_late = before
    name = one.touchpoint
    if one.outcome in _BAD:
        told.append(Deviated(one.customer, *when, journey, "failed", None, name, who,
                             begun, tie, len(path) // 2))  # fmt: skip
    if span.plan is not None and name not in span.plan.expected:
        told.append(Deviated(one.customer, *when, journey, "ad hoc", None, name, who,
                             begun, tie, len(path) // 2))  # fmt: skip
    return _make(Occurrence, (journey, begun, tie, (*path, name, who), is_late))


def _departures(
    read: Read, span: Span, over: Occurrence, customer: str, at: datetime, tie: int,
    told: list[Signal],
) -> None:  # fmt: skip
    """What only the whole occurrence tells."""
    if span.plan is None:
        return
    for departure in span.plan.match(over.touchpoints).departures:
        kind, place = departure.kind, departure.place
        step = None if departure.step is None else departure.step + 1
        if place is None:
            element, who = answerable(read.map, span.of, departure.step)
        else:
            element, who = over.touchpoints[place], over.path[2 * place + 1]
            if kind == "ad hoc" and element not in span.plan.expected:
                continue  # told when it happened
        told.append(Deviated(customer, at, tie, over.journey, kind, step, element, who,
                             over.begun, over.tie, place))  # fmt: skip


def _give_up(
    read: Read, occurrence: Occurrence, customer: str, at: datetime, tie: int, why: Any,
    told: list[Signal],
) -> None:  # fmt: skip
    _departures(read, read.spans[occurrence.journey], occurrence, customer, at, tie, told)
    told.append(KeyJourneyGivenUp(customer, at, tie, occurrence.journey, occurrence.begun,
                                   occurrence.tie, why))  # fmt: skip


def expired(
    read: Read, open_: Open, mine: Occurrence, customer: str, at: datetime, tie: int,
    told: list[Signal],
) -> Open:  # fmt: skip
    """Its time ran out."""
    _give_up(read, mine, customer, at, tie, "out of time", told)
    return tuple(one for one in open_ if one is not mine)


def closed_all(
    read: Read, open_: Open, customer: str, at: datetime, tie: int, told: list[Signal]
) -> Open:
    """The customer went dormant: nothing goes on."""
    for one in open_:
        _give_up(read, one, customer, at, tie, "dormant", told)
    return ()


def late(
    read: Read, open_: Open, mine: Occurrence, customer: str, at: datetime, tie: int,
    told: list[Signal],
) -> Open:  # fmt: skip
    """It takes longer than it should, and goes on."""
    span = read.spans[mine.journey]
    told.append(Deviated(customer, at, tie, mine.journey, "late", None, span.element, span.owner,
                         mine.begun, mine.tie))  # fmt: skip
    return tuple(one._replace(late=True) if one is mine else one for one in open_)
