"""The fold: everything that affects where a customer stands lives in this file and two beside it.

There is no clock here and no file; a time is an argument. A *step* takes the state before an
interaction, and the interaction, to the state after it. What it does, and in which order:

1. **Time first.** Before a step, ``fire`` lets time pass up to the interaction (see below), so
   that whatever came due before is emitted before.
2. **Tie.** Interactions at one time keep the order of arrival: ``tie`` counts them, and a signal
   is distinguished by it from another at the same time.
3. **Coming back.** A customer who was dormant is active again (`CameBack`).
4. **Stage and lap.** A touchpoint in another stage enters it (`StageEntered`); from own into buy
   that begins a lap (`LapStarted`). A touchpoint without a stage leaves the customer where they
   were.
5. **Handoff.** Another department than the last one takes the customer (`Handoff`); it is a
   bounce-back if that department handed off last.
6. **The slow part**: values and scores are summed up; then key journeys are advanced
   (``key_journeys``), moments reached, resolved and answered (``moments``), and touchpoints
   and steps of sequences remembered for conditions that look back. Key journeys come before
   moments, and both see what was remembered before this interaction, not the interaction itself.
7. **Timers.** ``sleep`` is when silence ends in dormancy; ``slow.timer`` is when the first of
   the open occurrences, pending moments and awaited responses comes due.

*Firing* lets time pass. Silence is over at its end: at exactly ``sleep`` the customer is dormant.
Every other limit is inclusive: an interaction at exactly the limit is in time. At one time dormancy
goes first, then the open occurrences in the order in which they began (each expires or becomes
late, never both), then absences, then deadlines; no signal is emitted twice.
"""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter

from journeymap.interactions import Interaction
from journeymap.model import Move
from journeymap.tracking import key_journeys, moments
from journeymap.tracking.compiled_map import CompiledMap, TouchpointRules
from journeymap.tracking.fold_state import (
    FAR,
    AwaitedResponse,
    FoldState,
    Occasion,
    Occurrence,
    PendingMoment,
    ProductState,
    Seen,
    SlowState,
    StageRules,
    after,
)
from journeymap.tracking.interaction_conditions import follow_apart, remember_apart
from journeymap.tracking.signals import (
    CameBack,
    Handoff,
    LapStarted,
    StageEntered,
    WentDormant,
)

__all__ = ["MAX_PRODUCTS", "TRAIL", "fire", "step", "with_timer"]

MAX_PRODUCTS = 256
"""Products whose journeys are followed for one customer: a state must not grow without end."""
TRAIL = 8
"""The last touchpoints that are remembered: as many as the longest memory of `NextStep`."""
_make = tuple.__new__  # a named tuple made by name costs three times as much


def step(
    compiled: CompiledMap, before: FoldState, one: Interaction, at: datetime, occasion: Occasion
) -> FoldState:
    """Fold one interaction that is not earlier than the last; ``at`` is its time in UTC."""
    # Unpacked by place: read by name, the whole step takes 5 % longer (measured).
    (last, tie, folded, stage, since, lap, _, channel, department, handed_by, emotion, _, _,
     dormant, _, _, products, trail, slow) = before  # fmt: skip
    rules = compiled.touchpoints.get(one.touchpoint) or compiled.touchpoint(one.touchpoint)
    name = rules.name
    tie = tie + 1 if at == last else 0
    occasion.at, occasion.tie = at, tie
    if dormant and stage is not None:
        occasion.emit(CameBack(one.customer, at, tie, stage.id))
    entered = rules.stage
    if entered is not None and (stage is None or entered.id != stage.id):
        lap = _enter(stage, entered, lap, occasion)
        stage, since = entered, at
    taken_by = one.department or rules.department
    if taken_by is not None:
        if department is not None and taken_by != department:
            back = taken_by == handed_by
            occasion.emit(Handoff(one.customer, at, tie, department, taken_by, back))
            handed_by = department
        department = taken_by
    channel = one.channel or rules.channel or channel
    if one.emotion is not None or one.emotion_after is not None:
        emotion = one.emotion if one.emotion_after is None else one.emotion_after
    if one.product is not None:
        products = _update_product(products, one.product, entered, at, rules.ends)
    if one.value is not None or one.score is not None:
        slow = _add_values(slow, one)
    if slow.cooling:
        slow = slow._replace(cooling=tuple(c for c in slow.cooling if c.until > at))
    if not rules.quiet or slow.busy or (one.score is not None and rules.score_tests):
        slow = _update_slow(compiled, slow, rules, one, occasion)
    # A silence with which a journey ends is no dormancy, but gives up what is open.
    limit = None if stage is None or (rules.ends and not slow.open) else stage.limit
    return _make(FoldState, (
        at, tie, folded + 1, stage, since, lap, name, channel, department, handed_by, emotion,
        one.outcome, one.process or rules.process, False,
        FAR if limit is None else after(at, limit), None, products, (*trail[1 - TRAIL :], name),
        slow,
    ))  # fmt: skip


def _enter(stage: StageRules | None, entered: StageRules, lap: int, occasion: Occasion) -> int:
    """Enter a stage; the lap after that."""
    customer, at, tie = occasion.customer, occasion.at, occasion.tie
    if stage is None:
        forward = Move.FORWARD.value
        occasion.emit(StageEntered(customer, at, tie, entered.id, None, forward))
        return lap
    move = stage.moves[entered.id]
    occasion.emit(StageEntered(customer, at, tie, entered.id, stage.id, move.value))
    if move is Move.NEW_LAP:
        lap += 1
        occasion.emit(LapStarted(customer, at, tie, lap))
    return lap


def _update_product(
    products: tuple[tuple[str, ProductState], ...], product: str, entered: StageRules | None,
    at: datetime, ended: bool,
) -> tuple[tuple[str, ProductState], ...]:  # fmt: skip
    """Follow the journey with one product, as step 4 does for the whole."""
    for place, (name, state) in enumerate(products):
        if name == product:
            stage, since, lap, _, _ = state
            if entered is not None and (stage is None or entered.id != stage.id):
                lap += stage is not None and stage.moves[entered.id] is Move.NEW_LAP
                stage, since = entered, at
            now = (name, _make(ProductState, (stage, since, lap, at, ended)))
            return (*products[:place], now, *products[place + 1 :])
    new = ProductState(entered, at if entered is not None else None, 1, at, ended)
    if len(products) >= MAX_PRODUCTS:  # the one that nothing was heard of for longest is dropped
        oldest = min(products, key=lambda one: one[1].at)
        products = tuple(one for one in products if one is not oldest)
    return tuple(sorted((*products, (product, new)), key=itemgetter(0)))


def _add_values(slow: SlowState, one: Interaction) -> SlowState:
    """Sum values by currency, and keep the last score of each kind."""
    values, scores = slow.values, slow.scores
    if one.value is not None:
        currency = one.value.currency
        values = {**values, currency: values.get(currency, 0) + one.value.amount}
    if one.score is not None:
        scores = {**scores, one.score.kind: one.score}
    return _make(SlowState, (slow.busy, slow.timer, values, scores, *slow[4:]))


def _update_slow(
    compiled: CompiledMap, slow: SlowState, rules: TouchpointRules, one: Interaction,
    occasion: Occasion,
) -> SlowState:  # fmt: skip
    """Advance key journeys, then reach, resolve and answer moments, then remember."""
    busy, timer, values, scores, seen, open_, pending, awaited, cooling = slow
    turned = False
    if open_ or rules.begins:
        open_, turned = key_journeys.advance_occurrences(compiled, rules, one, occasion, open_)
    if pending or awaited or rules.tests or rules.absence_tests or one.score is not None:
        pending, awaited, cooling = moments.reach_moments(compiled, slow, rules, one, occasion)
    if rules.remembered:
        name, at = rules.name, occasion.at
        seen = {**seen, name: (*seen.get(name, ()), at)[-rules.remembered :]}
    for per, count in rules.remembered_apart:
        seen = remember_apart(seen, rules.name, per, count, one, occasion.at, rules.fixed)
    seen = _follow_sequences(seen, slow.seen, rules, one, occasion.at) if rules.sequences else seen
    if turned or pending is not slow.pending or awaited is not slow.awaited:
        busy = bool(open_ or pending or awaited)
        timer = _next_timer(compiled, open_, pending, awaited) if busy else FAR
    return _make(SlowState, (busy, timer, values, scores, seen, open_, pending, awaited, cooling))


def _follow_sequences(
    seen: Seen, before: Seen, rules: TouchpointRules, one: Interaction, at: datetime
) -> Seen:
    """Advance the sequences, by what was remembered before this interaction."""
    for sequence, moment in rules.sequences:
        if moment is None:
            seen = sequence.follow(seen, before, one, at)
        else:
            seen = follow_apart(seen, before, sequence, moment, one, at, rules.fixed)
    return seen


def fire(compiled: CompiledMap, state: FoldState, now: datetime, occasion: Occasion) -> FoldState:
    """Let time pass up to ``now``, and emit everything that comes due in its order."""
    while True:
        slow = state.slow
        if state.sleep <= min(now, slow.timer) and state.sleep < FAR:
            state = _go_dormant(compiled, state, occasion)
        elif slow.timer < now:
            occasion.at, occasion.tie = slow.timer, state.tie
            slow = _fire_timers(compiled, slow, occasion)
            state = state._replace(slow=with_timer(compiled, slow), fired=occasion.at)
        else:
            return state


def _go_dormant(compiled: CompiledMap, state: FoldState, occasion: Occasion) -> FoldState:
    slow, stage = state.slow, state.stage
    assert stage is not None  # noqa: S101  # without a stage, silence has no limit
    occasion.at, occasion.tie = state.sleep, state.tie
    if slow.open:
        left = key_journeys.give_up_all(compiled, slow.open, occasion)
        slow = with_timer(compiled, slow._replace(open=left))
    dormant = state.touchpoint not in compiled.map.tables.ends
    if dormant:
        occasion.emit(WentDormant(occasion.customer, occasion.at, occasion.tie, stage.id))
    return state._replace(slow=slow, dormant=dormant, sleep=FAR, fired=occasion.at)


def _fire_timers(compiled: CompiledMap, slow: SlowState, occasion: Occasion) -> SlowState:
    """Fire every timer of one time: an occurrence given up then is not late any more."""
    for one in slow.open:
        journey = compiled.key_journeys[one.journey].journey
        if after(one.begun, journey.given_up_after) == occasion.at:
            slow = slow._replace(open=key_journeys.expire(compiled, slow.open, one, occasion))
        elif not one.late and after(one.begun, journey.within) == occasion.at:
            slow = slow._replace(open=key_journeys.mark_late(compiled, slow.open, one, occasion))
    if slow.pending:
        slow = moments.confirm_absences(compiled, slow, occasion)
    if slow.awaited:
        slow = moments.drop_overdue(compiled, slow, occasion)
    return slow


def with_timer(compiled: CompiledMap, slow: SlowState) -> SlowState:
    """Return the slow state with its next timer."""
    open_, pending, awaited = slow.open, slow.pending, slow.awaited
    timer = _next_timer(compiled, open_, pending, awaited)
    return slow._replace(busy=bool(open_ or pending or awaited), timer=timer)


def _next_timer(
    compiled: CompiledMap, open_: tuple[Occurrence, ...], pending: tuple[PendingMoment, ...],
    awaited: tuple[AwaitedResponse, ...],
) -> datetime:  # fmt: skip
    earliest = moments.next_absence(compiled, pending) if pending else FAR
    for one in awaited:
        if one.due < earliest:
            earliest = one.due
    for name, begun, _, _, late in open_:
        journey = compiled.key_journeys[name].journey
        if journey.given_up_after is not None:
            earliest = min(earliest, after(begun, journey.given_up_after))
        if not late and journey.within is not None:
            earliest = min(earliest, after(begun, journey.within))
    return earliest
