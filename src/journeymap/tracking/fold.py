"""One interaction more, or time that passed: everything that affects where a customer stands.

There is no clock here and no file; a time is an argument.
"""

from __future__ import annotations

from datetime import datetime

from journeymap.interactions import Interaction
from journeymap.model import Move
from journeymap.tracking import key_journeys, moments
from journeymap.tracking.compiled_map import Point, Read
from journeymap.tracking.fold_state import (
    FAR,
    Awaited,
    Occurrence,
    Owned,
    Pending,
    Place,
    Rest,
    Standing,
    after,
)
from journeymap.tracking.signals import (
    CameBack,
    Handoff,
    LapStarted,
    Signal,
    StageEntered,
    WentDormant,
)

__all__ = ["TRAIL", "fire", "step"]

TRAIL = 6  # how many of the last touchpoints are remembered, for what is likely to come next
_make = tuple.__new__


def step(
    read: Read, before: Standing, one: Interaction, at: datetime, told: list[Signal]
) -> Standing:
    """Where a customer stands after an interaction that is not earlier than the last."""
    (last, tie, folded, stage, since, lap, _, channel, department, handed_by, emotion, _, _,
     dormant, _, _, owned, trail, rest) = before  # fmt: skip
    name = one.touchpoint
    point = read.points.get(name) or read.point(name)
    tie = tie + 1 if at == last else 0
    if dormant and stage is not None:
        told.append(CameBack(one.customer, at, tie, stage.id))
    entered = point.stage
    if entered is not None and (stage is None or entered.id != stage.id):
        stage, lap = _enter(stage, entered, lap, one.customer, at, tie, told)
        since = at
    who = one.department or point.department
    if who is not None:
        if department is not None and who != department:
            told.append(Handoff(one.customer, at, tie, department, who, who == handed_by))
            handed_by = department
        department = who
    channel = one.channel or point.channel or channel
    if one.emotion is not None or one.emotion_after is not None:
        emotion = one.emotion if one.emotion_after is None else one.emotion_after
    if one.product is not None:
        owned = _owning(owned, one.product, entered, at)
    if one.value is not None or one.score is not None:
        rest = _summed(rest, one)
    if not point.quiet or rest.busy or (one.score is not None and point.scored):
        rest = _rest(read, rest, point, one, at, tie, told)
    limit = stage.limit if stage is not None else None
    # Made as a plain tuple is: the named way costs three times as much.
    return _make(Standing, (
        at, tie, folded + 1, stage, since, lap, name, channel, department, handed_by, emotion,
        one.outcome, one.process or point.process, False,
        FAR if limit is None else after(at, limit), None, owned, (*trail[1 - TRAIL :], name), rest,
    ))  # fmt: skip


def _enter(
    stage: Place | None, entered: Place, lap: int, customer: str, at: datetime, tie: int,
    told: list[Signal],
) -> tuple[Place, int]:  # fmt: skip
    if stage is None:
        told.append(StageEntered(customer, at, tie, entered.id, None, Move.FORWARD.value))
        return entered, lap
    move = stage.moves[entered.id]
    told.append(StageEntered(customer, at, tie, entered.id, stage.id, move.value))
    if move is Move.NEW_LAP:
        lap += 1
        told.append(LapStarted(customer, at, tie, lap))
    return entered, lap


def _owning(
    owned: tuple[tuple[str, Owned], ...], product: str, entered: Place | None, at: datetime
) -> tuple[tuple[str, Owned], ...]:
    """Where the journeys with products stand after an interaction about one of them."""
    for spot, (name, before) in enumerate(owned):
        if name == product:
            stage, since, lap, _ = before
            if entered is not None and (stage is None or entered.id != stage.id):
                lap += stage is not None and stage.moves[entered.id] is Move.NEW_LAP
                stage, since = entered, at
            now = (name, _make(Owned, (stage, since, lap, at)))
            return (*owned[:spot], now, *owned[spot + 1 :])
    new = Owned(entered, at if entered is not None else None, 1, at)
    return (*owned, (product, new))


def _summed(rest: Rest, one: Interaction) -> Rest:
    """Values added up, and the last score of each kind."""
    values, scores = rest.values, rest.scores
    if one.value is not None:
        currency = one.value.currency
        values = {**values, currency: values.get(currency, 0) + one.value.amount}
    if one.score is not None:
        scores = {**scores, one.score.kind: one.score}
    return _make(Rest, (rest.busy, rest.timer, values, scores, *rest[4:]))


def _rest(
    read: Read, rest: Rest, point: Point, one: Interaction, at: datetime, tie: int,
    told: list[Signal],
) -> Rest:  # fmt: skip
    """Key journeys and moments."""
    busy, timer, values, scores, seen, open_, pending, awaited = rest
    turned = False
    if open_ or point.begins:
        open_, turned = key_journeys.walked(read, point, one, at, tie, open_, told)
    if pending or awaited or point.watches or point.aheads or one.score is not None:
        pending, awaited = moments.came(read, rest, point, one, at, tie, told)
    if point.remembered:
        seen = {**seen, point.name: (*seen.get(point.name, ()), at)[-point.remembered :]}
    if turned or pending is not rest.pending or awaited is not rest.awaited:
        busy = bool(open_ or pending or awaited)
        timer = _timer(read, open_, pending, awaited) if busy else FAR
    return _make(Rest, (busy, timer, values, scores, seen, open_, pending, awaited))


def fire(
    read: Read, standing: Standing, customer: str, now: datetime, told: list[Signal]
) -> Standing:
    """Where a customer stands at a time, everything that came due by then told in its order.

    A customer is dormant at the end of their silence; everything else is over after its last
    moment, for what comes in that very moment comes in time.
    """
    while True:
        rest = standing.rest
        if standing.sleep <= min(now, rest.timer) and standing.sleep < FAR:
            standing = _asleep(read, standing, customer, told)
        elif rest.timer < now:
            at, tie = rest.timer, standing.tie
            rest = _overrun(read, rest, customer, at, tie, told)
            standing = standing._replace(rest=_timed(read, rest), fired=at)
        else:
            return standing


def _asleep(read: Read, standing: Standing, customer: str, told: list[Signal]) -> Standing:
    at, tie, rest, stage = standing.sleep, standing.tie, standing.rest, standing.stage
    assert stage is not None  # noqa: S101  # without a stage, silence has no limit
    if rest.open:
        going = key_journeys.closed_all(read, rest.open, customer, at, tie, told)
        rest = _timed(read, rest._replace(open=going))
    told.append(WentDormant(customer, at, tie, stage.id))
    return standing._replace(rest=rest, dormant=True, sleep=FAR, fired=at)


def _overrun(
    read: Read, rest: Rest, customer: str, at: datetime, tie: int, told: list[Signal]
) -> Rest:
    """Everything that is over at one time: what is given up then is not late any more."""
    for one in rest.open:
        span = read.spans[one.journey].of
        if after(one.begun, span.given_up_after) == at:
            gone = key_journeys.expired(read, rest.open, one, customer, at, tie, told)
            rest = rest._replace(open=gone)
        elif not one.late and after(one.begun, span.within) == at:
            slow = key_journeys.late(read, rest.open, one, customer, at, tie, told)
            rest = rest._replace(open=slow)
    if rest.pending:
        rest = moments.missed(read, rest, customer, at, told)
    if rest.awaited:
        rest = moments.overdue(read, rest, customer, at, told)
    return rest


def _timed(read: Read, rest: Rest) -> Rest:
    """The rest with its next time."""
    open_, pending, awaited = rest.open, rest.pending, rest.awaited
    return rest._replace(
        busy=bool(open_ or pending or awaited), timer=_timer(read, open_, pending, awaited)
    )


def _timer(
    read: Read, open_: tuple[Occurrence, ...], pending: tuple[Pending, ...],
    awaited: tuple[Awaited, ...],
) -> datetime:  # fmt: skip
    """When something comes due next."""
    earliest = moments.next_absence(read, pending) if pending else FAR
    for one in awaited:
        if one.due < earliest:
            earliest = one.due
    for journey, begun, _, _, late in open_:
        span = read.spans[journey].of
        if span.given_up_after is not None:
            earliest = min(earliest, after(begun, span.given_up_after))
        if not late and span.within is not None:
            earliest = min(earliest, after(begun, span.within))
    return earliest
