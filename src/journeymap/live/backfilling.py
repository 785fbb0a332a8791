"""Backfilling: the past of many customers, taken into a store at once from a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol, TypeAlias

from attrs import frozen

from journeymap.adapters.store import JournalEntry, Transaction, micros
from journeymap.exceptions import StateError
from journeymap.interactions import Interaction
from journeymap.live.forgetting_referrals import drop_forgotten_referrers, note_referrals
from journeymap.live.journal import journal_entry
from journeymap.live.log_lines import write_log
from journeymap.live.recording import Settings
from journeymap.live.states import States
from journeymap.tracking import State
from journeymap.tracking.followed_log import FollowableLog

__all__ = ["BackfillLog", "Backfilled", "backfill_store"]

_BATCH = 500  # customers in one transaction
_Past: TypeAlias = tuple[tuple[Interaction, ...], State]


class BackfillLog(FollowableLog, Protocol):
    """A log whose customers can be followed, and read back in the same order."""

    def histories(self) -> Iterable[tuple[Interaction, ...]]:
        """Read the interactions of each customer back."""
        ...


@frozen
class Backfilled:
    """The result of taking a log into a store.

    Attributes:
        customers: How many customers were taken in.
        interactions: How many interactions they had.
        known: How many customers the store had before; nothing of them was taken.
        left: How many customers were left out because they were forgotten after what the log has of
            them, or an interaction of theirs would have been set aside: record these one by one.
        examples: The first hundred of those left out, with the reason.
    """

    customers: int
    interactions: int
    known: int
    left: int
    examples: tuple[tuple[str, str], ...] = ()


def backfill_store(
    states: States, settings: Settings, log: BackfillLog, progress: Callable[[int], None] | None
) -> Backfilled:
    """Take the customers of a log into a store that does not know them, some at a time."""
    if log.map is None:
        raise StateError("the map says what follows: read the log with map=…")
    past = zip(log.histories(), states.tracker.follow_log(log), strict=True)
    customers = interactions = known = 0
    left: list[tuple[str, str]] = []
    while batch := list(islice(past, _BATCH)):
        work = _Backfilling(states, settings, batch)
        states.store.run(work.write)
        customers, interactions = customers + work.customers, interactions + work.interactions
        known, left = known + work.known, left + work.left
        if progress is not None:
            progress(customers)
    write_log("info", "took in %d customers from a log; %d were known", customers, known)
    return Backfilled(customers, interactions, known, len(left), tuple(left[:100]))


class _Backfilling:
    """Some customers on their way into the store; ``write`` may run again."""

    def __init__(self, states: States, settings: Settings, batch: Sequence[_Past]) -> None:
        self._states, self._settings, self._batch = states, settings, batch
        self.customers = self.interactions = self.known = 0
        self.left: list[tuple[str, str]] = []

    def write(self, tx: Transaction) -> None:
        """Write the journals and the states of those whom the store does not know."""
        self.customers = self.interactions = self.known = 0
        self.left = []
        names = [state.customer for _, state in self._batch]
        there, gone = tx.states.lock_versions(names, share=True), self._find_forgotten(tx, names)
        now = self._states.now()
        states: dict[str, State] = {}
        entries: list[JournalEntry] = []
        for past, state in self._batch:
            name = state.customer
            reasons = (self._settings.refusal(one, now) for one in past)
            reason = gone.get(name) or next(filter(None, reasons), "")
            if name in there or name in states:
                self.known += 1
            elif reason:
                self.left.append((name, reason))
            else:
                states[name] = state
                kept = drop_forgotten_referrers(tx, self._settings.marks, past)
                entries += (
                    journal_entry(one, number, micros(now) + number)
                    for number, one in enumerate(kept, 1)
                )
        tx.journal.append(entries)
        note_referrals(tx, (one for past, _ in self._batch for one in past))
        self._states.write(tx, states, {})
        self.customers, self.interactions = len(states), len(entries)

    def _find_forgotten(self, tx: Transaction, names: Sequence[str]) -> dict[str, str]:
        marks = {name: self._settings.marks.every_of_name(name) for name in names}
        found = tx.tombstones.find([mark for own in marks.values() for mark in own])
        reason = "its customer was forgotten"
        return {name: reason for name, own in marks.items() if not found.keys().isdisjoint(own)}
