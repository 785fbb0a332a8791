"""Late interactions: folded from the last checkpoint before it, to where it makes no difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve

from journeymap.adapters.checkpoints import Checkpoint
from journeymap.adapters.store import JournalEntry, Transaction, micros
from journeymap.interactions import Interaction
from journeymap.interactions.codec import decoded
from journeymap.live.journal import in_order, read_entry
from journeymap.model import Move
from journeymap.model.instants import instant
from journeymap.tracking import LapStarted, Signal, State, Tracker
from journeymap.tracking.codec import fold_state_text, read_fold_state
from journeymap.tracking.fold import MAX_PRODUCTS
from journeymap.tracking.fold_state import FAR, FoldState
from journeymap.tracking.lanes import Lane, LateChange, agree

__all__ = ["SPACING", "LateArrivals", "checkpoint_of"]

SPACING = 32
"""Interactions of a customer from one checkpoint to the next."""
_MANY = 64  # entries read at once


def checkpoint_of(before: State | None, after: State, mark: str) -> Checkpoint | None:
    """Make the checkpoint that is due after a state was written; None if none is.

    It holds nothing of what the state itself may still put into its order.
    """
    counted = 0 if before is None else before.count
    if counted // SPACING == after.count // SPACING or not after.recent:
        return None
    first, base = after.recent[0]
    return _made(after.customer, base, first.at, mark)


def _made(customer: str, state: FoldState, following: datetime, mark: str) -> Checkpoint | None:
    if state.fired is not None or state.folded < 1 or state.at >= following:
        return None
    return Checkpoint(customer, micros(state.at), mark, state.lap, fold_state_text(state))


class LateArrivals:
    """Interactions of one customer that belong before what the state still holds.

    Attributes:
        state: The state; with them, once they are placed.
        old: The signals without them, where they make a difference.
        new: The signals with them.
    """

    def __init__(
        self, tx: Transaction, tracker: Tracker, mark: str, state: State,
        late: Sequence[Interaction],
    ) -> None:  # fmt: skip
        self._tx, self._tracker, self._mark = tx, tracker, mark
        self.state, self._late = state, in_order(late)
        self.old: list[Signal] = []
        self.new: list[Signal] = []
        self._here: FoldState | None = None  # where the last were placed
        # Which product was dropped depends on all of the past, so it is folded to its end.
        self._whole = len(state.fold_state.products) + len(self._late) >= MAX_PRODUCTS
        while self._late:
            self._place()

    def _place(self) -> None:
        """Place the first, and those that follow before it makes no difference any more."""
        first = self._late[0].at.astimezone(UTC)
        base = self._base(first)
        walk = _Walk(self._tx, self.state, base, self._late, self._mark, whole=self._whole)
        self._late = walk.late
        change = LateChange(base.at, walk.old.state, walk.new.state)
        self.old += walk.old.signals
        self.new += walk.new.signals
        here = micros(walk.new.state.at)
        until = here if walk.agreed and not change.of_products else micros(FAR)
        name = self.state.customer
        self._tx.checkpoints.drop(name, micros(first), until, self._mark)
        self._tx.checkpoints.add(walk.checkpoints)
        if not walk.agreed:
            self._here = None
            self._fold_on(walk, change)
            return
        self._here = walk.new.state
        if change.laps:
            self._tx.checkpoints.add_laps(name, here, change.laps)
            self._count_laps(walk, change)
        entries = tuple((one, change.apply(state)) for one, state in self.state.recent)
        state = change.apply(self.state.fold_state)
        self.state = evolve(self.state, fold_state=state, recent=entries)

    def _base(self, at: datetime) -> FoldState:
        if self._whole:
            return FoldState()
        found = self._tx.checkpoints.find_before(self.state.customer, micros(at), self._mark)
        here = self._here
        if here is not None and here.at < at and (found is None or found.at < micros(here.at)):
            return here
        if found is None:
            return FoldState()
        state = read_fold_state(decoded(found.text), self.state.compiled)
        return state._replace(lap=found.lap)

    def _fold_on(self, walk: _Walk, change: LateChange) -> None:
        """Make the state anew: what came late reaches into what it holds."""
        old = self.state
        name, clock = old.customer, old.clock
        if walk.start is None:  # it holds nothing of the past
            base = change.complete(old.fold_state)
        else:
            base = LateChange(change.begun, *walk.start).complete(old.recent[0][1])
        self.state = self._tracker.fold_on(name, base, walk.tail, clock, old.assigned_id)

    def _count_laps(self, walk: _Walk, change: LateChange) -> None:
        """Withdraw the laps that began after, and emit them by their new numbers."""
        name, compiled = self.state.customer, self.state.compiled
        here = change.old
        stage, lap, last, tie = here.stage, here.lap, here.at, here.tie
        for entry in walk.rest:
            at = instant(entry.at)
            tie, last = (tie + 1 if at == last else 0), at
            data: Any = decoded(entry.text)
            entered = compiled.touchpoint(data["touchpoint"]).stage
            if entered is None or (stage is not None and stage.id == entered.id):
                continue
            if stage is not None and stage.moves[entered.id] is Move.NEW_LAP:
                lap += 1
                self.old.append(LapStarted(name, at, tie, lap))
                self.new.append(LapStarted(name, at, tie, lap + change.laps))
            stage = entered


class _Walk:
    """The past from a state on, folded without and with what came late.

    Attributes:
        old: The fold without.
        new: The fold with it.
        late: What is left to be placed.
        agreed: Whether they agree before the end.
        rest: The entries that were not folded any more.
        start: What both carried before the first interaction that the customer's state holds.
        tail: The interactions from there on.
        checkpoints: Those that were made on the way.
    """

    def __init__(
        self, tx: Transaction, state: State, base: FoldState, late: list[Interaction], mark: str,
        *, whole: bool,
    ) -> None:  # fmt: skip
        self._state, self._mark, self._whole = state, mark, whole
        self._edge = state.recent[0][1].at if state.recent else state.fold_state.at
        self.new = Lane(state.compiled, state.customer, base)
        self.old = self.new.branch()
        self.late = list(late)
        self.agreed = False
        self.start: tuple[FoldState, FoldState] | None = None
        self.tail: list[Interaction] = []
        self.checkpoints: list[Checkpoint] = []
        self._folded = base.folded
        self.rest = _entries(tx, state.customer, base.at)
        self._apart = False
        self._follow()

    def _follow(self) -> None:
        for entry in self.rest:
            at = instant(entry.at)
            while self.late and self.late[0].at < at:
                self._take_late()
            if self._agrees(at):
                self.agreed = True
                self.rest = _from(entry, self.rest)
                return
            self._keep(at)
            one = read_entry(entry)
            if self.start is None and self._is_held(one):
                self.start = self._without, self.new.state
            if self.start is not None:
                self.tail.append(one)
            self._take(one)
        while self.late:
            self._take_late()
        for lane in (self.old, self.new):
            lane.advance(self._state.clock)

    def _is_held(self, one: Interaction) -> bool:
        """Check whether an interaction is the first that the state holds."""
        if not self._state.recent:
            return False
        first, before = self._state.recent[0]
        here = self._without
        return (here.at, here.tie) == (before.at, before.tie) and one == first

    @property
    def _without(self) -> FoldState:
        return self.old.state if self._apart else self.new.state

    def _take(self, one: Interaction) -> None:
        self.new.take(one)
        if self._apart:
            self.old.take(one)

    def _take_late(self) -> None:
        if not self._apart:
            self.old, self.new = self.new.branch(), self.new.branch()
            self._apart = True
        one = self.late.pop(0)
        if self.start is not None:
            self.tail.append(one)
        self.new.take(one)

    def _agrees(self, at: datetime) -> bool:
        here = self.new.state
        return (
            self._apart
            and not self._whole
            and here.at < at
            and here.at <= self._edge
            and agree(self.old.state, here, self._state.fold_state)
        )

    def _keep(self, at: datetime) -> None:
        """Make a checkpoint after so many interactions."""
        here = self.new.state
        if here.folded - self._folded < SPACING or here.at >= self._edge:
            return
        made = _made(self._state.customer, here, at, self._mark)
        if made is not None:
            self.checkpoints.append(made)
            self._folded = here.folded


def _entries(tx: Transaction, customer: str, at: datetime) -> Iterator[JournalEntry]:
    """Read a customer's entries after a time, in the order in which they happened."""
    time, number, many = micros(at) + 1, 0, max(1, SPACING // 2)
    while True:
        found = tx.journal.list_from(customer, time, number, many)
        yield from found
        if len(found) < many:
            return
        time, number, many = found[-1].at, found[-1].number, _MANY


def _from(first: JournalEntry, rest: Iterator[JournalEntry]) -> Iterator[JournalEntry]:
    yield first
    yield from rest
