"""Regrouping: when customers turn out to be one, or two, their journeys are folded again.

Interactions move to the customers who own them now, states are folded anew, letters follow their
customers, and signals that do not hold any more are withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import evolve, frozen

from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import JournalEntry, StoredEvidence, Transaction, micros
from journeymap.exceptions import IdentityError
from journeymap.identity import Identities
from journeymap.identity.gathering import UNRESOLVED
from journeymap.interactions import Identity, Interaction
from journeymap.interactions.codec import decoded, encoded
from journeymap.live.changed_map import drop_given
from journeymap.live.evidence import Data, is_split_data, read_evidence, read_identities
from journeymap.live.journal import aside_key, in_order, read_entry
from journeymap.live.outbox import letters_for, move_letters, post_letters
from journeymap.live.pairing import anonymous, pair_signals
from journeymap.live.recording import signals_until
from journeymap.live.states import States, Versioned
from journeymap.tracking import Signal, State, Withdrawn
from journeymap.tracking.codec import read_signal, signal_text

__all__ = ["Regrouping", "current_id", "owner_of_evidence"]


def current_id(identities: Identities, customer: str) -> str:
    """Find the id of a customer today; a name that is no id of ours stays as it is."""
    try:
        return identities.current(customer)
    except IdentityError:
        return customer


def owner_of_evidence(identities: Identities, data: Data) -> str | None:
    """Find the customer whom stored evidence is about; None of a split, or if there is none."""
    if is_split_data(data):
        return None
    piece = read_evidence(data)
    return identities.customer(*piece.identities, at=piece.at)


@frozen
class Regrouping:
    """Puts the interactions of some customers under the names that they have now."""

    states: States
    outgoing: frozenset[str]
    identities: Identities

    def regroup(self, tx: Transaction, names: Iterable[str], now: datetime) -> Versioned:
        """Regroup customers and everyone whom that touches; the states that were written."""
        names = sorted(set(names))
        found = self._collect(tx, names)
        for name in names:
            current = current_id(self.identities, name)
            if current != name:
                tx.outbox.move(name, current)
                tx.set_aside.move(name, current)
        found = {name: entries for name, entries in found.items() if entries}
        moves = any(self._owner(one) != name for name, held in found.items() for one in held)
        if not moves and not any(
            self._names_forgotten(one) for held in found.values() for one in held
        ):
            return {}
        before = self.states.read(tx, tx.states.lock_versions(sorted(found)))
        return self._refold_customer(tx, found, before, now)

    def _collect(self, tx: Transaction, names: list[str]) -> dict[str, list[JournalEntry]]:
        """Return the journals of customers and of those to whom their interactions belong now."""
        found: dict[str, list[JournalEntry]] = {}
        waiting = names
        while waiting:
            tx.states.lock_versions(waiting)  # held first: what is read now stays
            more: set[str] = set()
            for name in waiting:
                found[name] = tx.journal.history(name)
                more.update(owner for one in found[name] if (owner := self._owner(one)))
                self._move_evidence(tx, name)
            waiting = sorted(more - set(found))
        return found

    def _move_evidence(self, tx: Transaction, name: str) -> None:
        moved: list[StoredEvidence] = []
        for row in tx.evidence.read_customer(name):
            owner = owner_of_evidence(self.identities, decoded(row.text)) or ""
            if owner != name:
                moved.append(evolve(row, customer=owner))
        tx.evidence.replace(moved)

    def _names_forgotten(self, entry: JournalEntry) -> bool:
        """Check whether the entry still carries an identity that is no longer known."""
        data = decoded(entry.text)
        at = datetime.fromisoformat(data["at"])
        return any(self._is_forgotten(Identity(*pair), at) for pair in data.get("by", ()))

    def _is_forgotten(self, identity: Identity, at: datetime) -> bool:
        """Check whether an identity is no longer known; of a namespace without a rule, none is."""
        spaces = [space.name for space in self.identities.rules.namespaces]
        ruled = not spaces or identity.namespace in spaces
        return ruled and not self.identities.knows(identity, at=at)

    def _owner(self, entry: JournalEntry) -> str | None:
        """Return the customer of an entry today; None if its identities turned out to be shared.

        One that was recorded by a customer's id belongs to whom that id leads to, also after it
        lay with another for a while.
        """
        data = decoded(entry.text)
        if "by" not in data:
            name = self.identities.find_current(data.get("as", entry.customer))
            return current_id(self.identities, entry.customer) if name is None else name
        at = datetime.fromisoformat(data["at"])
        return self.identities.customer(*read_identities(data["by"]), at=at)

    def _refold_customer(
        self, tx: Transaction, found: dict[str, list[JournalEntry]], before: dict[str, State],
        now: datetime,
    ) -> Versioned:  # fmt: skip
        """Rewrite journals under the names of today, and fold the customers again.

        The signals of each customer up to its own clock were emitted; whatever else is true is new.
        """
        whole, tracker = self.states.whole_tracker, self.states.tracker
        clock = max(state.clock for state in before.values())
        earlier = [
            signal for name, held in found.items()
            for signal in signals_until(whole, list(map(read_entry, held)), before[name].clock)
            if signal.key not in {one.key for one in before[name].owed}
        ]  # fmt: skip
        given = tuple(dict.fromkeys(key for state in before.values() for key in state.given))
        earlier = drop_given(given, earlier, clock)
        groups: dict[str, list[JournalEntry]] = {}
        first: dict[str, list[tuple[int, int, str]]] = {}
        unresolved: list[SetAsideEntry] = []
        entries = [one for held in found.values() for one in held]
        for entry in sorted(entries, key=lambda one: (one.arrived, one.customer, one.number)):
            name = self._owner(entry)
            if name is None:
                by = read_identities(decoded(entry.text).get("by", ()))
                key = entry.key or aside_key(read_entry(entry), by)
                unresolved.append(
                    SetAsideEntry(entry.customer, key, entry.arrived, UNRESOLVED, entry.text)
                )
                continue
            named = _renamed(entry, name, groups.get(name, ()))
            groups.setdefault(name, []).append(self._without_forgotten(named))
            first.setdefault(name, []).append((entry.arrived, entry.at, entry.customer))
        tx.states.delete(sorted(found))
        tx.checkpoints.delete(sorted(found))
        tx.journal.delete(sorted(found))
        tx.journal.append(one for held in groups.values() for one in held)
        tx.set_aside.add(unresolved)
        owners = {name: min(held)[2] for name, held in first.items()}  # who was recorded first
        states: dict[str, State] = {}
        true: list[Signal] = []
        for name, held in groups.items():
            past: list[Interaction] = in_order(map(read_entry, held))
            state, signals = tracker.follow(None, past)
            state, more = tracker.advance(state, clock)
            assigned = self._assigned_id(name, owners, before)
            states[name] = evolve(state, assigned_id=assigned, given=given)
            true += drop_given(given, [*signals, *more], state.fold_state.at)
        self._post_changes(tx, earlier, true, micros(now))
        if set(groups) - set(found):  # someone is a customer of their own now
            _part_letters(tx, sorted({*found, *groups}), groups, true)
        for name in found:
            self.states.drop(name)
        return self.states.write(tx, states, {})

    def _assigned_id(
        self, name: str, owners: dict[str, str], before: dict[str, State]
    ) -> str | None:
        """Find the id by which a customer's hold-outs are decided; None for the customer's own.

        That of whoever was recorded first stays when customers are merged; of one who is split off,
        it is their own.
        """
        old = owners[name]
        assigned = before[old].assigned_id or old
        others = [other for other, owner in owners.items() if owner == old and other != name]
        anothers = self._is_anothers(assigned, name) or (others and old != name)
        return None if assigned == name or anothers else assigned

    def _is_anothers(self, id_: str, name: str) -> bool:
        """Check whether an id leads to another customer today."""
        try:
            return self.identities.current(id_) != name
        except IdentityError:
            return False

    def _without_forgotten(self, entry: JournalEntry) -> JournalEntry:
        """Return the entry without identities that were forgotten."""
        data = decoded(entry.text)
        if "by" not in data:
            return entry
        at = datetime.fromisoformat(data["at"])
        by = [pair for pair in data["by"] if not self._is_forgotten(Identity(*pair), at)]
        return entry if by == data["by"] else evolve(entry, text=encoded({**data, "by": by}))

    def _post_changes(
        self, tx: Transaction, earlier: list[Signal], true: list[Signal], now: int
    ) -> None:
        """Let letters follow their customers, and withdraw signals that do not hold any more."""
        paired = pair_signals(earlier, true)
        move_letters(tx, paired.moved)
        letters = letters_for(paired.news, self.outgoing, now)
        if letters:
            post_letters(tx, letters)


def _part_letters(
    tx: Transaction, names: list[str], groups: dict[str, list[JournalEntry]], true: list[Signal]
) -> None:
    """Give letters to whom they are about, where customers turn out to be several.

    Those withdrawn by the signal, or where that is not true any more, by who did anything at its
    time; else by the name in them.
    """
    owners: dict[Signal, set[str]] = {}
    for signal in true:
        owners.setdefault(anonymous(signal), set()).add(signal.customer)
    at: dict[int, set[str]] = {}
    for name, held in groups.items():
        for entry in held:
            at.setdefault(entry.at, set()).add(name)
    for name in names:
        for letter in tx.outbox.select(customer=name):
            signal = read_signal(letter.text)
            about = signal.signal if isinstance(signal, Withdrawn) else signal
            found = set[str]()
            if letter.status == "withdrawn":
                found = owners.get(anonymous(about)) or at.get(micros(about.at)) or set()
            if len(found) != 1 and about.customer in groups:
                found = {about.customer}
            if len(found) == 1 and found != {name, about.customer}:
                [owner] = found
                tx.outbox.settle([evolve(letter, customer=owner, text=_named(signal, owner))])


def _named(signal: Signal, customer: str) -> str:
    """Write a signal as one of a customer, so that no one else's name stays in it."""
    handed = signal.id
    if isinstance(signal, Withdrawn):
        inner = evolve(signal.signal, customer=customer, handed_id=signal.signal.id)
        signal = evolve(signal, signal=inner)
    return signal_text(evolve(signal, customer=customer, handed_id=handed))


def _renamed(entry: JournalEntry, name: str, before: Sequence[JournalEntry]) -> JournalEntry:
    text = entry.text
    if entry.customer != name:
        data = {**decoded(text), "customer": name}
        if "by" not in data:  # whose it was: what made two customers one may be withdrawn
            data.setdefault("as", entry.customer)
        text = encoded(data)
    return evolve(entry, customer=name, number=len(before) + 1, text=text)
