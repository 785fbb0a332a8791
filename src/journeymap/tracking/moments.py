"""Moments of truth as they are reached, awaited and missed."""

from __future__ import annotations

from datetime import datetime

from journeymap.interactions import Interaction
from journeymap.model import Moment
from journeymap.model.conditions import Absence, leaves, verdict
from journeymap.tracking.compiled_map import Point, Read
from journeymap.tracking.fold_state import FAR, Awaited, Pending, Rest, after
from journeymap.tracking.signals import MomentOverdue, MomentReached, Signal

__all__ = ["came", "due_of", "missed", "next_absence", "overdue", "reached"]


def due_of(read: Read, moment: Moment, at: datetime) -> datetime | None:
    """By when the owner of a moment should act: in working time, where the owner has a calendar."""
    if moment.deadline is None:
        return None
    calendar = read.calendars.get(moment.owner or "")
    if calendar is not None:
        return calendar.ahead(at, moment.deadline)
    due = after(at, moment.deadline)
    return due if due < FAR else None


def reached(
    read: Read, moment: Moment, touchpoint: str, customer: str, when: tuple[datetime, int],
    begun: tuple[datetime, int], told: list[Signal],
) -> tuple[Awaited, ...]:  # fmt: skip
    """Tell that a moment was reached; what is awaited of its owner then."""
    due = due_of(read, moment, when[0])
    told.append(MomentReached(customer, *when, moment.id, touchpoint, moment.owner,
                              moment.action, due, *begun))  # fmt: skip
    return () if due is None else (Awaited(moment.id, *when, due, *begun),)


def came(
    read: Read, rest: Rest, point: Point, one: Interaction, at: datetime, tie: int,
    told: list[Signal],
) -> tuple[tuple[Pending, ...], tuple[Awaited, ...]]:  # fmt: skip
    """The moments that wait after an interaction; those that it makes are told."""
    awaited, pending, when = rest.awaited, rest.pending, (at, tie)
    who = one.department or point.department
    if who is not None and any(read.owners[waits.moment] == who for waits in awaited):
        awaited = tuple(waits for waits in awaited if read.owners[waits.moment] != who)
    if pending:
        pending, more = _resolved(read, pending, point.name, one.customer, at, tie, told)
        awaited = (*awaited, *more) if more else awaited
    watches = point.watches if one.score is None else (*point.watches, *point.scored)
    for watch in watches:
        if watch.test is True or (watch.test and watch.test(one, at, rest.seen)):
            awaited += reached(read, watch.moment, point.name, one.customer, when, when, told)
    for ahead in point.aheads:
        truths = tuple(
            test if test is None or isinstance(test, bool) else test(one, at, rest.seen)
            for test in ahead.tests
        )
        held = verdict(ahead.moment.when, truths)
        if held:
            awaited += reached(read, ahead.moment, point.name, one.customer, when, when, told)
        elif held is None:
            pending += (Pending(ahead.moment.id, point.name, at, tie, truths),)
    return pending, awaited


def _resolved(
    read: Read, pending: tuple[Pending, ...], name: str, customer: str, at: datetime, tie: int,
    told: list[Signal],
) -> tuple[tuple[Pending, ...], tuple[Awaited, ...]]:  # fmt: skip
    """What came in time is no absence any more."""
    left: list[Pending] = []
    awaited: tuple[Awaited, ...] = ()
    if name not in read.looked_for_at_all or not any(
        name in read.looked_for[one.moment] for one in pending
    ):
        return pending, awaited
    for one in pending:
        moment = read.map.moments[one.moment]
        truths = tuple(
            False if truth is None and isinstance(leaf, Absence) and leaf.touchpoint == name
            else truth
            for truth, leaf in zip(one.truths, leaves(moment.when), strict=True)
        )  # fmt: skip
        held = verdict(moment.when, truths)
        if held:
            awaited += reached(read, moment, one.touchpoint, customer, (at, tie),
                               (one.at, one.tie), told)  # fmt: skip
        elif held is None:
            left.append(one._replace(truths=truths))
    return tuple(left), awaited


def missed(read: Read, rest: Rest, customer: str, now: datetime, told: list[Signal]) -> Rest:
    """The absences that are certain at a time, which is when the first of them came due."""
    left: list[Pending] = []
    awaited = rest.awaited
    for one in rest.pending:
        moment = read.map.moments[one.moment]
        truths = tuple(
            True if truth is None and isinstance(leaf, Absence)
            and after(one.at, leaf.within) == now else truth
            for truth, leaf in zip(one.truths, leaves(moment.when), strict=True)
        )  # fmt: skip
        held = verdict(moment.when, truths)
        if held:
            awaited += reached(read, moment, one.touchpoint, customer, (now, one.tie),
                               (one.at, one.tie), told)  # fmt: skip
        elif held is None:
            left.append(one._replace(truths=truths))
    return rest._replace(pending=tuple(left), awaited=awaited)


def next_absence(read: Read, pending: tuple[Pending, ...]) -> datetime:
    """When the next absence is certain."""
    return min(
        (
            after(one.at, leaf.within)
            for one in pending
            for truth, leaf in zip(
                one.truths, leaves(read.map.moments[one.moment].when), strict=True
            )
            if truth is None and isinstance(leaf, Absence)
        ),
        default=FAR,
    )


def overdue(read: Read, rest: Rest, customer: str, now: datetime, told: list[Signal]) -> Rest:
    """The moments whose owner did not meet the customer in time."""
    for one in rest.awaited:
        if one.due == now:
            owner = read.map.moments[one.moment].owner
            told.append(MomentOverdue(customer, now, one.tie, one.moment, owner, one.reached,
                                      one.begun, one.begun_tie))  # fmt: skip
    return rest._replace(awaited=tuple(one for one in rest.awaited if one.due != now))
