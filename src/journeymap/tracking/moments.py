"""Moments of truth in the fold: reached, pending, answered and overdue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

from journeymap.interactions import Interaction
from journeymap.model import Moment
from journeymap.model.conditions import Absence, leaves, verdict
from journeymap.tracking.compiled_map import CompiledMap, TouchpointRules
from journeymap.tracking.fold_state import (
    FAR,
    AwaitedResponse,
    CoolingMoment,
    Occasion,
    PendingMoment,
    SlowState,
    after,
)
from journeymap.tracking.interaction_conditions import about_of
from journeymap.tracking.signals import MomentOverdue, MomentReached

__all__ = ["confirm_absences", "drop_overdue", "next_absence", "reach_moments"]

MAX_COOLING = 256
"""Moments of one customer that are kept from being reached again: those for the longest."""
Truths: TypeAlias = tuple[bool | None, ...]


def _deadline(compiled: CompiledMap, moment: Moment, at: datetime) -> datetime | None:
    """Return when the owner should have acted: in working time, where the owner has a calendar."""
    if moment.deadline is None:
        return None
    calendar = compiled.calendars.get(moment.owner or "")
    if calendar is not None:
        return calendar.ahead(at, moment.deadline)
    due = after(at, moment.deadline)
    return due if due < FAR else None


class _Reaching:
    """The moments that are reached on an occasion, with the responses that are awaited then."""

    __slots__ = ("awaited", "compiled", "cooling", "occasion")

    def __init__(self, compiled: CompiledMap, slow: SlowState, occasion: Occasion) -> None:
        self.compiled, self.occasion = compiled, occasion
        self.awaited, self.cooling = slow.awaited, slow.cooling

    def reach(
        self, moment: Moment, touchpoint: str, begun: tuple[datetime, int], tie: int,
        about: str | None,
    ) -> None:  # fmt: skip
        """Emit that a moment was reached, unless it was so a short while before."""
        occasion = self.occasion
        at = occasion.at
        if moment.cool_down is not None and not self._cool_down(moment, moment.cool_down, about):
            return
        due = _deadline(self.compiled, moment, at)
        occasion.emit(MomentReached(occasion.customer, at, tie, moment.id, touchpoint,
                                    moment.owner, moment.action, due, *begun, about))  # fmt: skip
        if due is not None:
            self.awaited += (AwaitedResponse(moment.id, at, tie, due, *begun, about),)

    def settle(self, one: PendingMoment, moment: Moment, truths: Truths, tie: int) -> bool:
        """Reach a pending moment if it holds now; whether it is still pending."""
        held = verdict(moment.when, truths)
        if held:
            self.reach(moment, one.touchpoint, (one.at, one.tie), tie, one.about)
        return held is None

    def _cool_down(self, moment: Moment, length: timedelta, about: str | None) -> bool:
        """Note that a moment is reached, and check whether it may be."""
        at = self.occasion.at
        left = tuple(one for one in self.cooling if one.until > at)  # a timer may have passed
        if any((one.moment, one.about) == (moment.id, about) for one in left):
            return False
        made = CoolingMoment(moment.id, about, after(at, length))
        if len(left) >= MAX_COOLING:
            first = min(left, key=lambda one: one.until)
            left = tuple(one for one in left if one is not first)
        self.cooling = (*left, made)
        return True


def reach_moments(
    compiled: CompiledMap, slow: SlowState, rules: TouchpointRules, one: Interaction,
    occasion: Occasion,
) -> tuple[
    tuple[PendingMoment, ...], tuple[AwaitedResponse, ...], tuple[CoolingMoment, ...]
]:  # fmt: skip
    """Answer, resolve and reach moments by an interaction; what is pending and awaited then."""
    pending = slow.pending
    reaching = _Reaching(compiled, slow, occasion)
    here = (occasion.at, occasion.tie)
    taken_by = one.department or rules.department
    owners = compiled.moment_owners
    if taken_by is not None and any(owners[waits.moment] == taken_by for waits in slow.awaited):
        reaching.awaited = tuple(
            waits for waits in slow.awaited if owners[waits.moment] != taken_by
        )
    if pending:
        pending = _drop_resolved(reaching, pending, rules, one)
    tests = rules.tests if one.score is None else (*rules.tests, *rules.score_tests)
    for each in tests:
        if each.test is True or (each.test and each.test(one, occasion.at, slow.seen)):
            reaching.reach(each.moment, rules.name, here, here[1], _about(each.moment, one, rules))
    for absence in rules.absence_tests:
        truths = tuple(
            test if test is None or isinstance(test, bool) else test(one, occasion.at, slow.seen)
            for test in absence.tests
        )
        waits = PendingMoment(absence.moment.id, rules.name, *here, truths,
                              _about(absence.moment, one, rules))  # fmt: skip
        if reaching.settle(waits, absence.moment, truths, here[1]):
            pending += (waits,)
    return pending, reaching.awaited, reaching.cooling


def _about(moment: Moment, one: Interaction, rules: TouchpointRules) -> str | None:
    return None if moment.per is None else about_of(one, moment.per, rules.fixed)


def _drop_resolved(
    reaching: _Reaching, pending: tuple[PendingMoment, ...], rules: TouchpointRules, by: Interaction
) -> tuple[PendingMoment, ...]:
    """Settle the absences that a touchpoint has ended: it came in time."""
    compiled, name = reaching.compiled, rules.name
    if name not in compiled.awaited_anywhere or not any(
        name in compiled.awaited_by[one.moment] for one in pending
    ):
        return pending
    left: list[PendingMoment] = []
    for one in pending:
        moment = compiled.map.moments[one.moment]
        if one.about != _about(moment, by, rules):  # another product, order …
            left.append(one)
            continue
        truths = tuple(
            False if truth is None and isinstance(leaf, Absence) and leaf.touchpoint == name
            else truth
            for truth, leaf in zip(one.truths, leaves(moment.when), strict=True)
        )  # fmt: skip
        if reaching.settle(one, moment, truths, reaching.occasion.tie):
            left.append(one._replace(truths=truths))
    return tuple(left)


def confirm_absences(compiled: CompiledMap, slow: SlowState, occasion: Occasion) -> SlowState:
    """Settle the absences whose time is over: nothing came."""
    now = occasion.at
    left: list[PendingMoment] = []
    reaching = _Reaching(compiled, slow, occasion)
    for one in slow.pending:
        moment = compiled.map.moments[one.moment]
        truths = tuple(
            True if truth is None and isinstance(leaf, Absence)
            and after(one.at, leaf.within) == now else truth
            for truth, leaf in zip(one.truths, leaves(moment.when), strict=True)
        )  # fmt: skip
        if reaching.settle(one, moment, truths, one.tie):
            left.append(one._replace(truths=truths))
    return slow._replace(pending=tuple(left), awaited=reaching.awaited, cooling=reaching.cooling)


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
            occasion.emit(
                MomentOverdue(occasion.customer, now, one.tie, one.moment, owner, one.reached,
                              one.begun, one.begun_tie, one.about)
            )  # fmt: skip
    return slow._replace(awaited=tuple(one for one in slow.awaited if one.due != now))
