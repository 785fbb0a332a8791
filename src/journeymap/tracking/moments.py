"""Moments of truth in the fold: reached, pending, answered and overdue."""

from __future__ import annotations

from datetime import datetime

from journeymap.interactions import Interaction
from journeymap.model import Moment
from journeymap.model.conditions import Absence, leaves, verdict
from journeymap.tracking.compiled_map import CompiledMap, TouchpointRules
from journeymap.tracking.fold_state import (
    FAR,
    AwaitedResponse,
    Occasion,
    PendingMoment,
    SlowState,
    after,
)
from journeymap.tracking.signals import MomentOverdue, MomentReached

__all__ = ["confirm_absences", "drop_overdue", "next_absence", "reach_moments"]


def _deadline(compiled: CompiledMap, moment: Moment, at: datetime) -> datetime | None:
    """Return when the owner should have acted: in working time, where the owner has a calendar."""
    if moment.deadline is None:
        return None
    calendar = compiled.calendars.get(moment.owner or "")
    if calendar is not None:
        return calendar.ahead(at, moment.deadline)
    due = after(at, moment.deadline)
    return due if due < FAR else None


def _reach(
    compiled: CompiledMap, moment: Moment, touchpoint: str, begun: tuple[datetime, int],
    tie: int, occasion: Occasion,
) -> tuple[AwaitedResponse, ...]:  # fmt: skip
    """Emit that a moment was reached; give the response that is awaited, if any."""
    at = occasion.at
    due = _deadline(compiled, moment, at)
    occasion.emit(MomentReached(occasion.customer, at, tie, moment.id, touchpoint, moment.owner,
                                moment.action, due, *begun))  # fmt: skip
    return () if due is None else (AwaitedResponse(moment.id, at, tie, due, *begun),)


def reach_moments(
    compiled: CompiledMap, slow: SlowState, rules: TouchpointRules, one: Interaction,
    occasion: Occasion,
) -> tuple[tuple[PendingMoment, ...], tuple[AwaitedResponse, ...]]:  # fmt: skip
    """Answer, resolve and reach moments by an interaction; what is pending and awaited then."""
    awaited, pending = slow.awaited, slow.pending
    here = (occasion.at, occasion.tie)
    taken_by = one.department or rules.department
    owners = compiled.moment_owners
    if taken_by is not None and any(owners[waits.moment] == taken_by for waits in awaited):
        awaited = tuple(waits for waits in awaited if owners[waits.moment] != taken_by)
    if pending:
        pending, more = drop_resolved(compiled, pending, rules.name, occasion)
        awaited = (*awaited, *more) if more else awaited
    tests = rules.tests if one.score is None else (*rules.tests, *rules.score_tests)
    for each in tests:
        if each.test is True or (each.test and each.test(one, occasion.at, slow.seen)):
            awaited += _reach(compiled, each.moment, rules.name, here, here[1], occasion)
    for absence in rules.absence_tests:
        truths = tuple(
            test if test is None or isinstance(test, bool) else test(one, occasion.at, slow.seen)
            for test in absence.tests
        )
        held = verdict(absence.moment.when, truths)
        if held:
            awaited += _reach(compiled, absence.moment, rules.name, here, here[1], occasion)
        elif held is None:
            pending += (PendingMoment(absence.moment.id, rules.name, *here, truths),)
    return pending, awaited


def drop_resolved(
    compiled: CompiledMap, pending: tuple[PendingMoment, ...], name: str, occasion: Occasion
) -> tuple[tuple[PendingMoment, ...], tuple[AwaitedResponse, ...]]:
    """Settle the absences that a touchpoint has ended: it came in time."""
    if name not in compiled.awaited_anywhere or not any(
        name in compiled.awaited_by[one.moment] for one in pending
    ):
        return pending, ()
    left: list[PendingMoment] = []
    awaited: tuple[AwaitedResponse, ...] = ()
    for one in pending:
        moment = compiled.map.moments[one.moment]
        truths = tuple(
            False if truth is None and isinstance(leaf, Absence) and leaf.touchpoint == name
            else truth
            for truth, leaf in zip(one.truths, leaves(moment.when), strict=True)
        )  # fmt: skip
        held = verdict(moment.when, truths)
        if held:
            here = (one.at, one.tie)
            awaited += _reach(compiled, moment, one.touchpoint, here, occasion.tie, occasion)
        elif held is None:
            left.append(one._replace(truths=truths))
    return tuple(left), awaited


def confirm_absences(compiled: CompiledMap, slow: SlowState, occasion: Occasion) -> SlowState:
    """Settle the absences whose time is over: nothing came."""
    now = occasion.at
    left: list[PendingMoment] = []
    awaited = slow.awaited
    for one in slow.pending:
        moment = compiled.map.moments[one.moment]
        truths = tuple(
            True if truth is None and isinstance(leaf, Absence)
            and after(one.at, leaf.within) == now else truth
            for truth, leaf in zip(one.truths, leaves(moment.when), strict=True)
        )  # fmt: skip
        held = verdict(moment.when, truths)
        if held:
            here = (one.at, one.tie)
            awaited += _reach(compiled, moment, one.touchpoint, here, one.tie, occasion)
        elif held is None:
            left.append(one._replace(truths=truths))
    return slow._replace(pending=tuple(left), awaited=awaited)


def next_absence(compiled: CompiledMap, pending: tuple[PendingMoment, ...]) -> datetime:
    """Find when the next absence is certain."""
    return min(
        (
            after(one.at, leaf.within)
            for one in pending
            for truth, leaf in zip(
                one.truths, leaves(compiled.map.moments[one.moment].when), strict=True
            )
            if truth is None and isinstance(leaf, Absence)
        ),
        default=FAR,
    )


def drop_overdue(compiled: CompiledMap, slow: SlowState, occasion: Occasion) -> SlowState:
    """Emit the moments whose owner did not meet the customer in time."""
    now = occasion.at
    for one in slow.awaited:
        if one.due == now:
            owner = compiled.map.moments[one.moment].owner
            occasion.emit(MomentOverdue(occasion.customer, now, one.tie, one.moment, owner,
                                        one.reached, one.begun, one.begun_tie))  # fmt: skip
    return slow._replace(awaited=tuple(one for one in slow.awaited if one.due != now))
