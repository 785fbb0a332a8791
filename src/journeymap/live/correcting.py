"""Correcting: an interaction is replaced or retracted, and the customer folded again."""

from __future__ import annotations

import json
from datetime import datetime

from attrs import evolve

from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import JournalEntry, Transaction, micros
from journeymap.exceptions import ElementError
from journeymap.identity.gathering import UNRESOLVED
from journeymap.interactions import Interaction
from journeymap.live.changed_map import drop_given
from journeymap.live.evidence import read_identities
from journeymap.live.forgetting_referrals import drop_forgotten_referrers, note_referrals
from journeymap.live.journal import in_order, read_entry, text_with
from journeymap.live.outbox import letters_for, move_letters, post_letters
from journeymap.live.pairing import pair_signals
from journeymap.live.recording import (
    Naming,
    Owner,
    Receipt,
    Recording,
    Settings,
    misplaced,
    signals_until,
)
from journeymap.live.removed import RETRACTED, Marks
from journeymap.live.states import States, Versioned
from journeymap.tracking import Position, Signal
from journeymap.tracking.tracker import difference

__all__ = ["Correcting"]


class Correcting:
    """A correction on its way into the store; without an interaction, a retraction."""

    def __init__(
        self, states: States, settings: Settings, marks: Marks, key: str,
        instead: Interaction | None = None, owner: Owner | None = None,
    ) -> None:  # fmt: skip
        self._owner = owner
        self._states, self._settings, self._marks = states, settings, marks
        self._key, self._instead = key, instead
        self.written: Versioned = {}
        self.dropped = ""

    def write(self, tx: Transaction, named: Naming | None = None) -> Receipt:
        """Rewrite the customer's journal, fold it again, and give what changed."""
        self.written, self.dropped = {}, ""
        if named is not None:
            named(tx, ())  # what the identities are as of now
        if self._instead is not None:
            [self._instead] = drop_forgotten_referrers(tx, self._marks, [self._instead])
        if tx.journal.find_keys([self._key]).get(self._key) is False:
            return self._correct_set_aside(tx)
        customer = self._find(tx).customer
        versions = tx.states.lock_versions([customer], share=True)
        entry = self._find(tx)  # held now: it may have moved, or been begun anew
        if entry.customer != customer or customer not in versions:
            return self.write(tx, named)
        held = tx.journal.history(customer)
        before = self._states.read(tx, versions)[customer]
        after = [self._corrected(one) if one.key == self._key else one for one in held]
        left = [one for one in after if one is not None]
        earlier = signals_until(
            self._states.whole_tracker, list(map(read_entry, held)), before.clock
        )
        owed, last = {one.key for one in before.owed}, before.fold_state.at
        earlier = [one for one in drop_given(before.given, earlier, last) if one.key not in owed]
        tx.journal.delete([customer])
        tx.checkpoints.delete([customer])
        tx.journal.append(evolve(one, number=n) for n, one in enumerate(left, 1))
        if self._instead is not None:
            note_referrals(tx, [self._instead])
        if self._instead is None:
            self._marks.keep(tx, {self._marks.of_key(self._key): RETRACTED})
        true: tuple[Signal, ...] = ()
        position: Position | None = None
        if not left:
            tx.states.delete([customer])
            self.dropped = customer
        else:
            tracker = self._states.tracker
            state, first = tracker.follow(None, in_order(map(read_entry, left)))
            state, more = tracker.advance(state, before.clock)
            true = tuple(drop_given(before.given, [*first, *more], state.fold_state.at))
            position = state.position
            state = evolve(state, assigned_id=before.assigned_id, given=before.given)
            tx.states.delete([customer])  # begun anew: no one goes on from what it was
            self.written = self._states.write(tx, {customer: state}, {})
        paired = pair_signals(earlier, true)  # a place at one time is nothing that letters tell
        move_letters(tx, paired.moved)
        letters = letters_for(paired.news, self._settings.outgoing, micros(self._states.now()))
        if letters:
            post_letters(tx, letters)
        return Receipt(customer, position, tuple(difference(earlier, list(true))))

    def _correct_set_aside(self, tx: Transaction) -> Receipt:
        """Remove an interaction from those set aside; what it is to be is recorded.

        Its customer stays: whoever its identities lead to, or the one it was recorded for.
        """
        entry = tx.set_aside.find(self._key)
        if entry is None:  # another process has recorded it just now
            return self.write(tx)
        tx.set_aside.remove([self._key])
        customer = entry.customer
        if self._instead is None:
            self._marks.keep(tx, {self._marks.of_key(self._key): RETRACTED})
            return self._removed(tx, entry)
        by = read_identities(json.loads(entry.text).get("by", ()))
        if by and self._owner is not None:
            owner = self._owner(by, self._instead.at)
            if owner is None:
                text = text_with(evolve(self._instead, customer=customer), by)
                tx.set_aside.add([evolve(entry, reason=UNRESOLVED, text=text, due=None)])
                return Receipt("", None, set_aside=UNRESOLVED)
            customer = owner
        mine = evolve(self._instead, customer=customer)
        recording = Recording(self._states, self._settings, self._states.now(), (mine,), (by,))
        [receipt] = recording.write(tx)
        self.written = recording.written
        return receipt

    def _removed(self, tx: Transaction, entry: SetAsideEntry) -> Receipt:
        """Make the receipt of what was set aside: with whose it would be, and where they stand."""
        data, customer = json.loads(entry.text), entry.customer
        by = read_identities(data.get("by", ()))
        if by and self._owner is not None:
            customer = self._owner(by, datetime.fromisoformat(data["at"])) or ""
        state = self._states.one(tx, customer) if customer else None
        return Receipt(customer, None if state is None else state.position)

    def _find(self, tx: Transaction) -> JournalEntry:
        entry = tx.journal.find(self._key)
        if entry is None:
            source, _, id_ = self._key.partition("\x1f")
            message = f"no interaction of source {source or None!r} has it"
            raise ElementError("Live", "id", id_, message)
        return entry

    def _corrected(self, entry: JournalEntry) -> JournalEntry | None:
        if self._instead is None:
            return None
        reason = misplaced(self._instead.at, self._states.now(), self._settings)
        if reason:
            raise ElementError("Live", "at", self._instead.at, reason)
        reason = self._settings.refusal(self._instead, self._states.now())
        if reason:
            raise ElementError("Live", "correct", self._instead.touchpoint, reason)
        data = json.loads(entry.text)
        mine = evolve(self._instead, customer=entry.customer)
        text = text_with(mine, read_identities(data.get("by", ())), data.get("as"))
        return evolve(entry, at=micros(mine.at), text=text)
