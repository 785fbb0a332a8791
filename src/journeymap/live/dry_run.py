"""A dry run: another version of the map, tried on the journal without writing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from attrs import frozen

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import Transaction
from journeymap.live.journal import advanced_to, read_entry
from journeymap.live.recording import signals_until
from journeymap.live.states import States
from journeymap.model import Change, JourneyMap
from journeymap.tracking import (
    Deviated,
    KeyJourneyCompleted,
    KeyJourneyGivenUp,
    MomentOverdue,
    MomentReached,
    Signal,
    State,
    Tracker,
)

__all__ = ["DryRun", "SignalChange", "dry_run"]

_PAGE = 200  # customers whose histories are read at once
MAX_EXAMPLES = 1000


@frozen
class SignalChange:
    """How many signals of one kind and name another version of the map gives more, and fewer.

    Attributes:
        kind: The kind of signal, such as ``moment reached``.
        name: The moment or key journey it is about (empty: none).
        gained: How many are given that were not.
        lost: How many are not given that were.
    """

    kind: str
    name: str
    gained: int
    lost: int


@frozen
class DryRun:
    """The difference that another version of the map would make, over the whole journal.

    Attributes:
        changes: What changed in the map.
        customers: How many customers were tried.
        differing: How many of them have other signals.
        signals: The differences, by kind and name.
        gained: The first thousand signals that would be given.
        lost: The first thousand that would not.
    """

    changes: tuple[Change, ...]
    customers: int
    differing: int
    signals: tuple[SignalChange, ...]
    gained: tuple[Signal, ...]
    lost: tuple[Signal, ...]

    def __str__(self) -> str:
        head = f"{self.differing} of {self.customers} customers would have other signals"
        lines = (
            f"  {one.kind}{f' {one.name!r}' if one.name else ''}: +{one.gained} -{one.lost}"
            for one in self.signals
        )
        return "\n".join((head, *lines))


def dry_run(states: States, newer: JourneyMap, progress: Callable[[int], None] | None) -> DryRun:
    """Fold every history along two versions of the map, up to where each customer's time stands."""
    older, trackers = states.tracker.map, (states.whole_tracker, Tracker(newer, None))
    gained: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    examples: tuple[list[Signal], list[Signal]] = ([], [])
    customers = differing = 0

    def fold(tx: Transaction, names: list[str]) -> list[tuple[Counter[Signal], Counter[Signal]]]:
        kept, advanced = states.read(tx, tx.states.lock_versions(names)), advanced_to(tx)
        there = [name for name in names if name in kept]  # who was not forgotten meanwhile
        return [_both(tx, trackers, name, _time_of(kept[name], advanced)) for name in there]

    for _, found in customer_pages(states.store.read, _PAGE, fold):
        customers += len(found)
        for old, new in found:
            more, fewer = new - old, old - new
            differing += bool(more or fewer)
            for signals, counts, some in ((more, gained, examples[0]), (fewer, lost, examples[1])):
                counts.update(map(_name, signals.elements()))
                some += list(signals.elements())[: MAX_EXAMPLES - len(some)]
        if progress is not None:
            progress(customers)
    rows = tuple(SignalChange(*key, gained[key], lost[key]) for key in sorted({*gained, *lost}))
    return DryRun(
        newer.diff(older), customers, differing, rows, tuple(examples[0]), tuple(examples[1])
    )


def _time_of(state: State, advanced: datetime | None) -> datetime:
    """Find up to when a customer's time has passed: for everyone, where nothing was due."""
    if advanced is None or (state.due is not None and state.due <= advanced):
        return state.clock
    return max(state.clock, advanced)


def _both(
    tx: Transaction, trackers: tuple[Tracker, Tracker], name: str, clock: datetime
) -> tuple[Counter[Signal], Counter[Signal]]:  # fmt: skip
    past = list(map(read_entry, tx.journal.history(name)))
    old, new = (Counter(signals_until(tracker, past, clock)) for tracker in trackers)
    return old, new


def _name(signal: Signal) -> tuple[str, str]:
    if isinstance(signal, (MomentReached, MomentOverdue)):
        return signal.kind, signal.moment
    if isinstance(signal, Deviated | KeyJourneyCompleted | KeyJourneyGivenUp):
        return signal.kind, signal.journey
    return signal.kind, ""
