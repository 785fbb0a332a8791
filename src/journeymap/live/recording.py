"""Recording: a batch of interactions, or time that passed, on the way into the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TypeAlias

from attrs import evolve, frozen

from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import JournalEntry, Letter, Store, Transaction, micros
from journeymap.identity.gathering import UNRESOLVED
from journeymap.interactions import Identity, Interaction
from journeymap.interactions.codec import read_interaction
from journeymap.live.changed_map import drop_given
from journeymap.live.evidence import read_identities
from journeymap.live.forgetting_referrals import drop_forgotten_referrers, note_referrals
from journeymap.live.journal import (
    aside_key,
    in_order,
    journal_entry,
    text_with,
)
from journeymap.live.late import LateArrivals
from journeymap.live.map_names import MapNames
from journeymap.live.outbox import letters_for, post_letters
from journeymap.live.removed import FORGOTTEN, Marks, latest_of
from journeymap.live.states import States, Versioned
from journeymap.tracking import Position, Signal, State, TooLate, Tracker, Withdrawn
from journeymap.tracking.fold_state import after, before
from journeymap.tracking.tracker import difference

__all__ = [
    "BATCH",
    "Advancing",
    "Naming",
    "Owner",
    "Receipt",
    "Recording",
    "Returning",
    "Settings",
    "misplaced",
    "signals_until",
]

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
"""Times before it are those of clocks that were never set: the years 1 and 1601, 1 January 1970."""

BATCH = 500
"""Customers whose timers are fired in one transaction: it holds their rows for well below 1 s."""
Signals: TypeAlias = tuple[Signal, ...]
Naming: TypeAlias = Callable[[Transaction, Sequence[Interaction]], tuple[Interaction, ...]]
"""Puts interactions under the ids that their customers have today."""
Owner: TypeAlias = Callable[[Sequence[Identity], datetime], str | None]
"""Finds the customer to whom identities led at a time (None: to no one)."""


@frozen
class Receipt:
    """The result of recording one interaction.

    Attributes:
        customer: The customer's id today (empty: no identity resolves).
        position: Where the customer stands now (None: not seen yet).
        signals: What the interaction made true, and withdrew. Of several that come late together,
            all that they change comes with the first.
        duplicate: Whether it had been recorded before; then it changed nothing.
        set_aside: Why it was kept apart and not followed (None: it was followed).
    """

    customer: str
    position: Position | None
    signals: Signals = ()
    duplicate: bool = False
    set_aside: str | None = None


@frozen
class Settings:
    """How `Live` records: the tolerance for times ahead of the clock, what goes out, the marks.

    ``names`` are those that an interaction may have (None: any).
    """

    tolerance: timedelta
    outgoing: frozenset[str]
    marks: Marks
    names: MapNames | None = None

    def refusal(self, one: Interaction, now: datetime) -> str:
        """Give the reason why an interaction is set aside; empty if it is not."""
        reason = misplaced(one.at, now, self)
        return reason or ("" if self.names is None else self.names.explain_unknown(one))

    def due(self, one: Interaction, now: datetime) -> int | None:
        """Give when an interaction that lies too far ahead is recorded; None if it does not."""
        early = one.at > after(now, self.tolerance)
        return micros(before(one.at, self.tolerance)) if early else None

    def keep_aside(
        self, entry: SetAsideEntry, one: Interaction, now: datetime
    ) -> SetAsideEntry | None:
        """Give the entry of an interaction that is still not to be recorded; None if it is."""
        reason = self.refusal(one, now)
        if not reason:
            return None
        return evolve(entry, customer=one.customer, reason=reason, due=self.due(one, now))


Receipts: TypeAlias = list[Receipt | None]


class Recording:
    """One batch on its way into the store; ``write`` may run again when others were in the way."""

    def __init__(
        self, states: States, settings: Settings, now: datetime, given: tuple[Interaction, ...],
        by: tuple[Sequence[Identity], ...] = (),
    ) -> None:  # fmt: skip
        self._states, self._settings = states, settings
        self.now, self.given, self.by = now, given, by
        self.written: Versioned = {}
        self._kept = given
        self._last: JournalEntry | None = None  # of those that were written
        self.receipts: tuple[Receipt, ...] = ()
        self._keys: dict[int, str] = {}  # of those without an id that had been set aside
        self._recorded_as: tuple[str, ...] = ()  # the customers' ids, before they are today's

    def write(self, tx: Transaction, named: Naming | None = None) -> tuple[Receipt, ...]:
        """Write the batch; a receipt for each interaction."""
        self._keys.clear()
        self._last = None
        if named is not None:
            tx.meta.share()
            if not self._recorded_as:  # not when it is done again
                self._recorded_as = tuple(one.customer for one in self.given)
            self.given = named(tx, self.given)
        receipts: Receipts = [None] * len(self.given)
        # Held first: what another process records of them is either there already, or waits; and
        # no one is forgotten or merged away in between.
        names = list(dict.fromkeys(one.customer for one in self.given))
        versions = tx.states.lock_versions(names, share=named is None)
        groups = self._accepted(tx, receipts)
        versions = {name: versions[name] for name in groups if name in versions}
        before = self._states.read(tx, versions)
        after: dict[str, State] = {}
        entries: list[JournalEntry] = []
        letters: list[Letter] = []
        arrived = micros(self.now)
        for name, places in groups.items():
            after[name], new, signals = self._follow(tx, before.get(name), places, receipts)
            entries += new
            letters += letters_for(signals, self._settings.outgoing, arrived)
        tx.journal.append(entries)
        note_referrals(tx, self._kept)
        self.written = self._states.write(tx, after, versions)
        if letters:
            post_letters(tx, letters)
        self._last = entries[-1] if entries else None
        self.receipts = tuple(self._receipt(tx, one) for one in receipts)
        return self.receipts

    def was_written(self, store: Store) -> bool:
        """Check whether the batch is in the store, where writing it was interrupted."""
        last = self._last
        if last is None:  # nothing came to its end; or nothing was to be written
            return False
        past = store.read(lambda tx: tx.journal.history(last.customer, last.number - 1))
        return last in past

    def _accepted(self, tx: Transaction, receipts: Receipts) -> dict[str, list[int]]:
        """Group the places of what is to be followed by customer; the rest gets its receipt."""
        keys = [aside_key(one, by) for one, by in zip(self.given, self._identities(), strict=True)]
        self._kept = drop_forgotten_referrers(tx, self._settings.marks, self.given)
        found, gone = self._look_up(tx, keys)
        known = {key for key, recorded in found.items() if recorded}
        aside = {key for key in found if key not in known}
        groups: dict[str, list[int]] = {}
        set_aside: list[SetAsideEntry] = []
        accepted_now: list[str] = []
        for place, (one, key) in enumerate(zip(self.given, keys, strict=True)):
            if place in gone:
                receipts[place] = Receipt(one.customer, None, set_aside=gone[place])
                continue
            if key in known:
                receipts[place] = Receipt(one.customer, None, duplicate=True)
                continue
            reason = self._settings.refusal(one, self.now)
            if reason:
                receipts[place] = Receipt(one.customer, None, set_aside=reason)
                if key not in aside:
                    set_aside.append(self._aside(place, key, reason))
                    aside.add(key)
                continue
            if key in aside:
                accepted_now.append(key)
                self._keys[place] = key
            if one.id is not None or key in aside:
                known.add(key)
            groups.setdefault(one.customer, []).append(place)
        if set_aside:
            tx.set_aside.add(set_aside)
        if accepted_now:
            tx.set_aside.remove(accepted_now)
        return groups

    def _identities(self) -> Sequence[Sequence[Identity]]:
        return self.by or ((),) * len(self.given)

    def _look_up(
        self, tx: Transaction, keys: Sequence[str]
    ) -> tuple[dict[str, bool], dict[int, str]]:
        """Find which keys are known; and what was retracted or forgotten, with its reason."""
        marks = self._settings.marks
        names = [marks.every_of_name(one.customer) for one in self.given]
        own = [marks.every_of_key(key) for key in keys]
        wanted = dict.fromkeys(chain.from_iterable((*names, *own)))
        known, found = tx.look_up(list(dict.fromkeys(keys)), list(wanted))
        gone: dict[int, str] = {}
        if not found:
            return known, gone
        for place, one in enumerate(self.given):
            if not found.keys().isdisjoint(own[place]):
                gone[place] = "it was retracted"
            elif micros(one.at) <= latest_of(found, names[place]):
                gone[place] = FORGOTTEN
        return known, gone

    def _aside(self, place: int, key: str, reason: str) -> SetAsideEntry:
        one, by = self._kept[place], self._identities()[place]
        due = self._settings.due(one, self.now)
        return SetAsideEntry(one.customer, key, micros(self.now), reason, text_with(one, by), due)

    def _follow(
        self, tx: Transaction, before: State | None, places: list[int], receipts: Receipts
    ) -> tuple[State, list[JournalEntry], list[Signal]]:
        """Fold what is one customer's; the state, what is to be written, and the signals."""
        states = self._states
        mine = [self._kept[place] for place in places]
        state, traced = states.tracker.trace(before, mine)
        late = {n for n, signals in enumerate(traced) if _is_late(signals)}
        count = 0 if before is None else before.count
        made = [self._entry(place, count + n) for n, place in enumerate(places, 1)]
        entries = made
        if late:
            # Something belongs into the past; what it changes comes with the first that is late.
            tx.journal.append(one for n, one in enumerate(made) if n not in late)
            entries = [made[n] for n in sorted(late)]
            arrivals = LateArrivals(tx, states.tracker, states.mark, state, [mine[n] for n in late])
            state = arrivals.state
            first = min(late)
            rest = [
                signal for signals in traced[first:] for signal in signals
                if not isinstance(signal, TooLate)
            ]  # fmt: skip
            news = tuple(difference(arrivals.old, [*rest, *arrivals.new]))
            traced = (*traced[:first], news, *[()] * (len(mine) - first - 1))
        if before is not None and (before.owed or before.given):
            last, given = before.fold_state.at, before.given
            traced = (_with_owed(before.owed, traced[0]), *traced[1:])
            traced = tuple(tuple(drop_given(given, signals, last)) for signals in traced)
            state = evolve(state, given=given)
        states.keep_checkpoint(tx, before, state, mine)
        for place, signals in zip(places, traced, strict=True):
            receipts[place] = Receipt(mine[0].customer, state.position, signals)
        return state, entries, [signal for signals in traced for signal in signals]

    def _entry(self, place: int, number: int) -> JournalEntry:
        by, key = self._identities()[place], self._keys.get(place)
        # A microsecond apart: customers who are merged keep the order of arrival of a batch.
        recorded_as = self._recorded_as[place] if self._recorded_as else None
        return journal_entry(
            self._kept[place], number, micros(self.now) + place, by, key, recorded_as
        )

    def _receipt(self, tx: Transaction, made: Receipt | None) -> Receipt:
        if made is not None and made.position is not None:
            return made
        assert made is not None  # noqa: S101  # each has been given one
        written = self.written.get(made.customer)
        state = self._states.one(tx, made.customer) if written is None else written[1]
        position = state.position if state is not None else None
        return Receipt(made.customer, position, (), made.duplicate, made.set_aside)


def _with_owed(owed: Signals, signals: Signals) -> Signals:
    """Put first what the last version of the map left to be given, unless it is withdrawn."""
    withdrawn = [one.signal.key for one in signals if isinstance(one, Withdrawn)]
    kept, keys = [one for one in owed if one.key not in withdrawn], {one.key for one in owed}
    rest = [one for one in signals if not (isinstance(one, Withdrawn) and one.signal.key in keys)]
    return (*kept, *rest)


def _is_late(signals: Signals) -> bool:
    return any(isinstance(signal, TooLate) for signal in signals)


def misplaced(at: datetime, now: datetime, settings: Settings) -> str:
    """Give the reason why nothing can have happened at a time; empty if it can."""
    if at > after(now, settings.tolerance):
        return f"it lies in the future: at {at.isoformat()}, recorded at {now.isoformat()}"
    if at < EARLIEST:
        return f"it lies at {at.isoformat()}, where a clock stands that was never set"
    return ""


class Returning:
    """Interactions that were too early when they arrived, and whose time has come."""

    def __init__(
        self, states: States, settings: Settings, now: datetime, owner: Owner | None = None
    ) -> None:
        self._states, self._settings, self.now, self._owner = states, settings, now, owner
        self.written: Versioned = {}
        self.count = 0
        self.recorded: list[tuple[Interaction, Receipt]] = []

    def write(self, tx: Transaction, named: Naming | None = None) -> list[Signal]:
        """Record some of them; give the signals."""
        self.recorded = []
        due = tx.set_aside.list_due(micros(self.now), BATCH)
        self.written, self.count = {}, len(due)
        if not due:
            return []
        if named is not None:
            named(tx, ())  # what the identities are as of now
        due, given, by = self._owned(tx, due)
        recording = Recording(self._states, self._settings, self.now, given, by)
        receipts = recording.write(tx, named)
        tx.set_aside.remove([one.key for one in due if one.key is not None])
        for entry, one in zip(due, recording.given, strict=True):
            waits = self._settings.keep_aside(entry, one, self.now)
            if waits is not None:  # too early still, by this process's tolerance; or not known
                tx.set_aside.add([waits])
        self.written = recording.written
        self.recorded = [(one, receipt) for one, receipt in zip(given, receipts, strict=True)
                         if not receipt.set_aside]  # fmt: skip
        return [signal for receipt in receipts for signal in receipt.signals]

    def _owned(
        self, tx: Transaction, due: list[SetAsideEntry]
    ) -> tuple[list[SetAsideEntry], tuple[Interaction, ...], tuple[Sequence[Identity], ...]]:
        """Read interactions for the customers whose they are now; who leads to none waits on."""
        kept: list[SetAsideEntry] = []
        given: list[Interaction] = []
        named_by: list[Sequence[Identity]] = []
        for entry in due:
            data = json.loads(entry.text)
            by, name = read_identities(data.get("by", ())), entry.customer
            if not by and self._owner is not None:  # whom that id leads to now
                name = data["customer"]
            one = read_interaction({**data, "customer": name})
            if by and self._owner is not None:
                owner = self._owner(by, one.at)
                if owner is None:
                    tx.set_aside.remove([] if entry.key is None else [entry.key])
                    tx.set_aside.add([evolve(entry, reason=UNRESOLVED, due=None)])
                    continue
                one = evolve(one, customer=owner)
            kept.append(entry)
            given.append(one)
            named_by.append(by)
        return kept, tuple(given), tuple(named_by)


class Advancing:
    """Time passing for the customers who have a timer that is due, so many at a time."""

    def __init__(self, states: States, settings: Settings, now: datetime) -> None:
        self._states, self._settings, self.now = states, settings, now
        self.written: Versioned = {}

    def write(self, tx: Transaction) -> list[Signal]:
        """Fire the timers that are due first; give the signals."""
        names = tx.states.list_due(micros(self.now), BATCH)
        if not names:
            self.written = {}
            return []
        versions = tx.states.lock_versions(names)
        after: dict[str, State] = {}
        found: list[Signal] = []
        for name, state in self._states.read(tx, versions).items():
            moved, fired = self._states.tracker.advance(state, self.now)
            after[name] = evolve(moved, given=state.given)
            found += [*state.owed, *drop_given(state.given, fired, state.fold_state.at)]
        self.written = self._states.write(tx, after, versions)
        letters = letters_for(found, self._settings.outgoing, micros(self._states.now()))
        if letters:
            post_letters(tx, letters)
        return found


def signals_until(tracker: Tracker, past: Sequence[Interaction], clock: datetime) -> list[Signal]:
    """List every signal that some interactions make true up to a time."""
    if not past:
        return []
    state, signals = tracker.follow(None, in_order(past))
    _, more = tracker.advance(state, clock)
    return [*signals, *more]
