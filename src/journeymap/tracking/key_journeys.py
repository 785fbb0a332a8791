"""Key journeys in the fold: begun, advanced, deviated from, completed or given up."""

from __future__ import annotations

from typing import Literal

from journeymap.interactions import Interaction
from journeymap.model.deviations import DeviationKind
from journeymap.model.matching import element_and_department
from journeymap.tracking.compiled_map import CompiledMap, KeyJourneyRules, TouchpointRules
from journeymap.tracking.fold_state import Occasion, Occurrence
from journeymap.tracking.signals import Deviated, KeyJourneyCompleted, KeyJourneyGivenUp

__all__ = ["advance_occurrences", "expire", "give_up_all", "mark_late"]

Open = tuple[Occurrence, ...]
_UNSUCCESSFUL = ("failed", "abandoned")
_make = tuple.__new__  # a named tuple made by name costs three times as much


def advance_occurrences(
    compiled: CompiledMap, rules: TouchpointRules, one: Interaction, occasion: Occasion, open_: Open
) -> tuple[Open, bool]:
    """Advance open occurrences by an interaction; whether any began or ended."""
    taken_by = one.department or rules.department
    if not rules.turns:
        journeys = compiled.key_journeys
        same = [record_step(journeys[o[0]], o, one, rules.name, taken_by, occasion) for o in open_]
        return tuple(same), False
    left: list[Occurrence] = []
    starting = list(rules.begins)
    for occurrence in open_:
        journey = compiled.key_journeys[occurrence.journey]
        if rules.name == journey.journey.end:
            done = record_step(journey, occurrence, one, rules.name, taken_by, occasion)
            _emit_final_deviations(compiled, journey, done, occasion)
            succeeded = one.outcome not in _UNSUCCESSFUL
            occasion.emit(KeyJourneyCompleted(occasion.customer, occasion.at, occasion.tie,
                                              done.journey, done.begun, done.tie,
                                              succeeded))  # fmt: skip
        elif journey in starting and not journey.restarts:
            _give_up(compiled, occurrence, "started again", occasion)
            continue
        else:
            left.append(record_step(journey, occurrence, one, rules.name, taken_by, occasion))
        if journey in starting:
            starting.remove(journey)
    for journey in starting:
        begun = Occurrence(journey.journey.id, occasion.at, occasion.tie, (), late=False)
        left.append(record_step(journey, begun, one, rules.name, taken_by, occasion))
    return tuple(left), True


def record_step(
    journey: KeyJourneyRules, before: Occurrence, one: Interaction, touchpoint: str,
    taken_by: str | None, occasion: Occasion,
) -> Occurrence:  # fmt: skip
    """Add an interaction to an occurrence; emit what no later one can heal."""
    name, begun, tie, path, late = before
    if one.outcome in _UNSUCCESSFUL:
        _emit_deviation(occasion, before, "failed", None, touchpoint, taken_by, len(path) // 2)
    if journey.plan is not None and touchpoint not in journey.plan.expected:
        _emit_deviation(occasion, before, "ad hoc", None, touchpoint, taken_by, len(path) // 2)
    return _make(Occurrence, (name, begun, tie, (*path, touchpoint, taken_by), late))


def _emit_deviation(
    occasion: Occasion, occurrence: Occurrence, kind: DeviationKind, step: int | None,
    element: str, department: str | None, place: int | None,
) -> None:  # fmt: skip
    occasion.emit(Deviated(occasion.customer, occasion.at, occasion.tie, occurrence.journey, kind,
                           step, element, department, occurrence.begun, occurrence.tie,
                           place))  # fmt: skip


def _emit_final_deviations(
    compiled: CompiledMap, journey: KeyJourneyRules, over: Occurrence, occasion: Occasion
) -> None:
    """Emit the deviations that can only be judged once the occurrence has ended."""
    if journey.plan is None:
        return
    for deviation in journey.plan.match(over.touchpoints).deviations:
        kind, place = deviation.kind, deviation.place
        step = None if deviation.step is None else deviation.step + 1
        if place is None:
            element, department = element_and_department(
                compiled.map, journey.journey, deviation.step
            )
        else:
            element, department = over.touchpoints[place], over.path[2 * place + 1]
            if kind == "ad hoc" and element not in journey.plan.expected:
                continue  # emitted when it happened
        _emit_deviation(occasion, over, kind, step, element, department, place)


def _give_up(
    compiled: CompiledMap, occurrence: Occurrence,
    why: Literal["started again", "out of time", "dormant"], occasion: Occasion,
) -> None:  # fmt: skip
    journey = compiled.key_journeys[occurrence.journey]
    _emit_final_deviations(compiled, journey, occurrence, occasion)
    occasion.emit(KeyJourneyGivenUp(occasion.customer, occasion.at, occasion.tie,
                                    occurrence.journey, occurrence.begun, occurrence.tie,
                                    why))  # fmt: skip


def expire(compiled: CompiledMap, open_: Open, mine: Occurrence, occasion: Occasion) -> Open:
    """Give up an occurrence because its time limit has passed."""
    _give_up(compiled, mine, "out of time", occasion)
    return tuple(one for one in open_ if one is not mine)


def give_up_all(compiled: CompiledMap, open_: Open, occasion: Occasion) -> Open:
    """Give up every open occurrence because the customer went dormant."""
    for one in open_:
        _give_up(compiled, one, "dormant", occasion)
    return ()


def mark_late(compiled: CompiledMap, open_: Open, mine: Occurrence, occasion: Occasion) -> Open:
    """Mark an occurrence as late: it takes longer than it should, and stays open."""
    journey = compiled.key_journeys[mine.journey]
    _emit_deviation(occasion, mine, "late", None, journey.element, journey.owner, None)
    return tuple(one._replace(late=True) if one is mine else one for one in open_)
