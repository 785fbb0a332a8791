"""Identity resolution in a store: evidence is a journal of its own, and customers follow it.

Every process learns the same journal, so all come to the same customers. When two turn out to be
one, or one to be two, their interactions are regrouped in the transaction that brought the news.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from attrs import evolve

from journeymap.adapters.joining import JoiningStore
from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import StoredEvidence, Transaction, micros
from journeymap.adapters.stores.forks import call_at_fork
from journeymap.exceptions import ElementError, StoreError
from journeymap.identity import Identities, IdentityRules, LinkReport
from journeymap.identity.gathering import deduplicate_facts, explain_unresolved
from journeymap.identity.links import above_threshold
from journeymap.interactions import Consent, Evidence, Identity, Interaction, Record, Trait
from journeymap.interactions.codec import decoded, encoded, read_interaction
from journeymap.live.evidence import (
    Data,
    apply_evidence,
    encode_evidence,
    encode_record,
    encode_split,
    has_facts,
    is_split_data,
    learn_evidence,
    read_facts,
    read_identities,
)
from journeymap.live.forgetting import EVENTS, Forgetting, apply_event, read_events
from journeymap.live.forgetting_referrals import drop_forgotten_referrers
from journeymap.live.journal import aside_key, check_storable, text_with
from journeymap.live.kept_rules import KeptRules
from journeymap.live.normalizing import Normalizing
from journeymap.live.recording import Naming, Receipt, Recording, Settings
from journeymap.live.regrouping import Regrouping, current_id, owner_of_evidence
from journeymap.live.removed import FORGOTTEN, latest_of
from journeymap.live.repeated_facts import RepeatedFacts
from journeymap.live.states import States, Versioned

__all__ = ["IdentityResolution"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_PAGE = 10_000  # pieces of evidence read at a time: about 3 MB
_PATIENCE = 5.0  # seconds that a transaction of the application's waits for its turn
_TURN = 30.0  # seconds that one waits for another thread that learns or records
_REWRITES = "unsaid"  # the fact in which a store counts how often evidence was rewritten


class NamedWork(Protocol[T_co]):
    """Work on a store that puts interactions under the ids of today."""

    written: Versioned

    def write(self, tx: Transaction, named: Naming | None = None) -> T_co:
        """Do the work."""
        ...


class IdentityResolution:
    """The identities of a store, kept up with what other processes learn."""

    _forgotten: int | None

    def __init__(
        self, states: States, settings: Settings, rules: IdentityRules, *,
        accept_changes: bool = False,
    ) -> None:  # fmt: skip
        self.rules = rules
        self._kept = KeptRules(rules)
        self._normalizing = Normalizing(rules)
        self._states, self._settings = states, settings
        self._begin_anew()
        call_at_fork(self._begin_anew)
        states.store.run(self._kept.introduce)
        if not accept_changes:
            self.known()

    def _begin_anew(self) -> None:
        """Know nothing yet; a forked process may have caught its parent in the middle."""
        self._turn = threading.RLock()
        self._trying = False
        self._reset()

    def known(self) -> Identities:
        """Give the identities as of now."""
        with self._reading():
            return self._identities

    def current(self, customer: str) -> str:
        """Find the id of a customer today; a name that is no id of ours stays as it is."""
        with self._reading():
            return current_id(self._identities, customer)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Catch up, in turn with who learns."""
        with self._in_turn():
            self._states.store.read(self._catch_up)
            yield

    @contextmanager
    def _in_turn(self, seconds: float | None = None) -> Iterator[None]:
        """Wait for the turn, and not for ever: who has it may wait for what the caller holds."""
        if seconds is None:  # only where the application's transactions join can one hang
            seconds = _TURN if isinstance(self._states.store, JoiningStore) else -1.0
        if not self._turn.acquire(timeout=seconds):
            message = (
                "another thread of this process has been at work for long, or waits for what a "
                "transaction of this one holds; end it, and try again"
            )
            raise StoreError(self._states.store.address, message, passing=True)
        try:
            yield
        finally:
            self._turn.release()

    def record_within(self, store: JoiningStore, connection: Any, work: NamedWork[T]) -> T:
        """Write what is done under the ids of today, in a transaction of the application's."""
        with self._in_turn(_PATIENCE):
            return store.run_within(connection, lambda tx: work.write(tx, self._named))

    def write(self, work: NamedWork[T]) -> T:
        """Write what is done under the ids that customers have today, in turn with who learns.

        What a transaction has learned and not committed must not lead an interaction to a customer,
        and no customer may be merged away in between.
        """
        with self._in_turn():
            result = self._states.store.run(lambda tx: work.write(tx, self._named))
            self._states.cache(work.written)
            return result

    def _named(self, tx: Transaction, given: Sequence[Interaction]) -> tuple[Interaction, ...]:
        tx.meta.share()
        self._catch_up(tx)
        return tuple(
            one if (name := current_id(self._identities, one.customer)) == one.customer
            else evolve(one, customer=name) for one in given
        )  # fmt: skip

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """Read all traits and consents that sources gave of a customer."""
        name = self.current(customer)
        rows = self._states.store.read(lambda tx: tx.evidence.read_customer(name))
        return deduplicate_facts(fact for row in rows for fact in read_facts(row))

    def take(self, records: tuple[Record, ...]) -> tuple[Receipt, ...]:
        """Learn from records and record their interactions; see `Live.take`."""
        now = self._states.now()
        for one in records:
            if not isinstance(one, Record):
                raise ElementError("Live", "take", one, "a Record is expected")
            if one.interaction is not None:
                check_storable(one.interaction)
        written: Versioned = {}

        def work(tx: Transaction) -> tuple[Receipt, ...]:
            written.clear()
            self._begin(tx)
            known = self._without_forgotten(tx, records)
            pieces = [encode_record(one) for one in known if one is not None]
            written.update(self._learn(tx, pieces, now))
            owners = [
                None if one is None else self._identities.customer(*one.identities, at=one.at)
                for one in known
            ]
            happened = [
                (one.interaction, one.identities, name)
                for one, name in zip(known, owners, strict=True)
                if one is not None and one.interaction is not None
            ]
            self._set_aside(tx, [(i, by) for i, by, name in happened if name is None], now)
            mine = [(evolve(i, customer=n), by) for i, by, n in happened if n is not None]
            recording = Recording(
                self._states, self._settings, now, tuple(one for one, _ in mine),
                tuple(by for _, by in mine),
            )  # fmt: skip
            receipts = iter(recording.write(tx))
            written.update(recording.written)
            return tuple(
                Receipt("", None, set_aside=FORGOTTEN) if one is None
                else Receipt("", None, set_aside=self._reason(one.identities)) if name is None
                else next(receipts) if one.interaction is not None
                else Receipt(name, None)
                for one, name in zip(known, owners, strict=True)
            )  # fmt: skip

        return self._run(work, written)

    def _without_forgotten(self, tx: Transaction, records: Sequence[Record]) -> list[Record | None]:
        """Leave out identities of customers who were forgotten after the record's time.

        None stands for a record that names no one else.
        """
        left: list[Record | None] = []
        for record, gone in zip(records, self._find_forgotten(tx, records), strict=True):
            kept = tuple(one for one in record.identities if one not in gone)
            another = not gone or any(self._normalizing.normalize(one) is not None for one in kept)
            left.append(
                record if not gone else evolve(record, identities=kept) if another else None
            )
        return left

    def _find_forgotten(
        self, tx: Transaction, given: Sequence[Record | Evidence]
    ) -> list[set[Identity]]:
        """Find the identities of each whose customers were forgotten after its time."""
        marks = self._settings.marks
        marked = [
            [(one, marks.every_of_identity(read)) for one in each.identities
             if (read := self._normalizing.normalize(one)) is not None]
            for each in given
        ]  # fmt: skip
        wanted = dict.fromkeys(mark for pairs in marked for _, own in pairs for mark in own)
        found = tx.tombstones.find(list(wanted))
        return [
            {one for one, own in pairs if micros(each.at) <= latest_of(found, own)}
            for each, pairs in zip(given, marked, strict=True)
        ]

    def _reason(self, identities: Sequence[Identity]) -> str:
        return explain_unresolved(self._identities, identities)

    def _set_aside(
        self, tx: Transaction, given: Sequence[tuple[Interaction, Sequence[Identity]]],
        now: datetime,
    ) -> None:  # fmt: skip
        """Set aside, once, interactions that no identity resolves.

        They are recorded if they arrive again and resolve.
        """
        new = {aside_key(one, by): (one, by) for one, by in given}
        there = tx.journal.find_keys(list(new))
        kept = drop_forgotten_referrers(tx, self._settings.marks, [one for one, _ in new.values()])
        marks = {key: self._settings.marks.every_of_key(key) for key in new}
        gone = tx.tombstones.find([mark for own in marks.values() for mark in own])
        tx.set_aside.add(
            SetAsideEntry(one.customer, key, micros(now), self._reason(by), text_with(one, by))
            for (key, (_, by)), one in zip(new.items(), kept, strict=True)
            if key not in there and gone.keys().isdisjoint(marks[key])
        )  # fmt: skip

    def link(self, pairs: tuple[Evidence, ...], threshold: float, batch: str) -> LinkReport:
        """Learn probable links."""
        strong, report = above_threshold(pairs, threshold=threshold, batch=batch)

        def known(tx: Transaction) -> list[Data]:
            left = zip(strong, self._find_forgotten(tx, strong), strict=True)
            return [encode_evidence(pair) for pair, gone in left if not gone]

        self._learn_in_own_transaction(known)
        return report

    def split(
        self, customer: str, identities: tuple[Identity, ...], reason: str
    ) -> tuple[str, str]:
        """Rule that some identities belong to another customer."""
        known = self.known()
        ruling = known.rule_split(customer, identities, at=self._states.now(), reason=reason)
        self._learn_in_own_transaction(lambda tx: [encode_split(ruling)])
        known = self.known()
        one, other = (known.customer(*side) or "" for side in (ruling.other, ruling.one))
        return one, other

    def withdraw(self, batch: str) -> int:
        """Withdraw the evidence of a batch; how many pieces it was."""
        now = self._states.now()
        written: Versioned = {}

        def work(tx: Transaction) -> int:
            written.clear()
            self._begin(tx)

            def left(row: StoredEvidence) -> str | None:
                return None if row.batch == batch else row.text

            number, states = self._rewrite(tx, left, now)
            written.update(states)
            written.update(self.record_resolved(tx, tx.set_aside.read())[1])
            return number

        return self._run(work, written)

    def forget(self, customer: str) -> None:
        """Remove all evidence about a customer, and all that is kept under any of their ids."""
        now = self._states.now()
        written: Versioned = {}

        def work(tx: Transaction) -> None:
            written.clear()
            self._begin(tx)
            forgetting = Forgetting(tx, self._identities, self._settings.marks, customer)
            for one in forgetting.names:
                self._states.drop(one)
            written.update(self._regroup_changed(tx, forgetting.remove(now), now))
            self._forgotten = forgetting.note(self._number)

        self._run(work, written)

    def _regroup_changed(self, tx: Transaction, names: Iterable[str], now: datetime) -> Versioned:
        self._identities.settle()
        moved = dict.fromkeys([*self._changed, *names])
        self._changed.clear()
        return self._regrouping.regroup(tx, moved, now)

    # -- the journal of evidence

    def _reset(self) -> None:
        self._identities = Identities(self.rules)
        self._changed: dict[str, None] = {}
        self._watch()
        self._regrouping = Regrouping(self._states, self._settings.outgoing, self._identities)
        self._number = 0
        self._rewrites = ""
        self._forgotten = None  # none yet: what is left is read from its beginning
        self._unread: dict[int, datetime] = {}

    def _watch(self) -> None:
        """Note whom evidence moves, from now on."""
        self._changed.clear()
        self._identities.watch(lambda name: self._changed.setdefault(name))

    # -- changed rules: see `adopt_rules`

    @contextmanager
    def adopting(self) -> Iterator[tuple[str, ...] | None]:
        """Make the rules of this process the store's; what changed (None: nothing)."""
        with self._turn:
            changes = self._states.store.run(self._kept.adopt)
            self._kept.adopting = True
            self._reset()
            try:
                yield changes
                if changes is not None:
                    self._states.store.run(self._kept.finish)
            finally:
                self._kept.adopting = False
                self._reset()

    @property
    def identities(self) -> Identities:
        """The identities as learned so far."""
        return self._identities

    def learn_in_turn(self, work: Callable[[Transaction], T]) -> T:
        """Do work in a transaction in which no other process learns."""

        def whole(tx: Transaction) -> T:
            self._begin(tx)
            return work(tx)

        return self._run(whole, {})

    def keep(self, tx: Transaction, data: Data) -> bool:
        """Learn a piece of evidence, and write it if it is new."""
        if not apply_evidence(self._identities, data):
            return False
        self._number += 1
        owner = owner_of_evidence(self._identities, data) or ""
        tx.evidence.add([StoredEvidence(self._number, owner, data.get("batch"), encoded(data))])
        return True

    def regroup(self, tx: Transaction, names: Sequence[str]) -> int:
        """Regroup customers; how many have another history now."""
        return len(self._regrouping.regroup(tx, names, self._states.now()))

    def record_resolved(
        self, tx: Transaction, rows: Sequence[SetAsideEntry]
    ) -> tuple[int, Versioned]:
        """Record what was set aside because it led to no one, and leads to someone now.

        How many were followed, and the states that were written.
        """
        given: list[Interaction] = []
        named_by: list[Sequence[Identity]] = []
        kept: list[SetAsideEntry] = []
        for row in rows:
            data = decoded(row.text)
            by = read_identities(data.get("by", ()))
            one = read_interaction({**data, "customer": row.customer})
            name = self.find_owner(by, one.at) if by and row.due is None else None
            if name is not None:
                given.append(evolve(one, customer=name))
                named_by.append(by)
                kept.append(row)
        if not given:
            return 0, {}
        now, settings = self._states.now(), self._settings
        recording = Recording(self._states, settings, now, tuple(given), tuple(named_by))
        receipts = recording.write(tx)
        for row, one in zip(kept, given, strict=True):
            waits = settings.keep_aside(row, one, now)
            if waits is not None and row.key is not None:  # for another reason: until its time
                tx.set_aside.remove([row.key])
                tx.set_aside.add([waits])
        followed = sum(not one.duplicate and not one.set_aside for one in receipts)
        return followed, recording.written

    def find_owner(self, by: Sequence[Identity], at: datetime) -> str | None:
        """Find the customer to whom identities led at a time, as learned so far."""
        return self._identities.customer(*by, at=at)

    def _catch_up(self, tx: Transaction) -> None:
        """Learn what other processes have written; they have regrouped whom it moves."""
        try:
            facts = tx.meta.read()
            while self._learn_others(tx, facts):  # what was read meanwhile may belong together
                newer = tx.meta.read()
                if all(newer.get(name) == facts.get(name) for name in (_REWRITES, EVENTS)):
                    break
                self._reset()
                facts = newer
        except BaseException:
            self._reset()
            raise

    def _learn_others(self, tx: Transaction, facts: Mapping[str, str]) -> bool:
        """Learn up to what the facts know of; whether any evidence was read."""
        any_read = False
        self._kept.check(self._states.store.address, facts)
        rewrites = facts.get(_REWRITES, "")
        if rewrites != self._rewrites:
            self._reset()
            self._rewrites = rewrites
        events = read_events(facts)
        floor = max((one.after for one in events), default=0)  # no number is given twice
        latest = max((one.number for one in events), default=0)
        if self._forgotten is None:
            self._forgotten, events = latest, ()
        missed = [one for one in events if one.number > self._forgotten]
        if len(missed) < latest - self._forgotten:  # more were forgotten than are noted
            self._reset()
            self._rewrites, missed = rewrites, []
        self._forgotten = max(latest, self._forgotten or 0)
        self._identities.watch(None)  # they have regrouped whom it moves
        while True:
            rows = tx.evidence.read_after(self._number, _PAGE)
            any_read = any_read or bool(rows)
            for row in rows:
                while missed and missed[0].after < row.number:
                    apply_event(self._identities, self._settings.marks, missed.pop(0))
                data = decoded(row.text)
                learn_evidence(self._identities, data)
                self._notes_unread(data)
                self._number = row.number
            if len(rows) < _PAGE:
                break
        for event in missed:
            apply_event(self._identities, self._settings.marks, event)
        self._number = max(self._number, floor)
        self._watch()
        return any_read

    def _notes_unread(self, data: Data) -> bool:
        """Note evidence that has identities without a rule, or blocked; whether it is new.

        An earlier time is new as well: of customers who are merged, the earliest gives the name.
        """
        if is_split_data(data):
            return False
        identities = read_identities(data["identities"])
        spaces = {space.name for space in self.rules.namespaces}
        ruled = not spaces or all(one.namespace in spaces for one in identities)
        if ruled and not self._identities.blocked(identities):
            return False
        mark, at = hash((identities, data["source"])), datetime.fromisoformat(data["at"])
        if mark in self._unread and self._unread[mark] <= at:
            return False
        self._unread[mark] = at
        return True

    def _learn_in_own_transaction(self, pieces: Callable[[Transaction], Sequence[Data]]) -> None:
        """Learn evidence in a transaction of its own."""
        now = self._states.now()
        written: Versioned = {}

        def work(tx: Transaction) -> None:
            written.clear()
            self._begin(tx)
            written.update(self._learn(tx, pieces(tx), now))

        self._run(work, written)

    def _run(self, work: Callable[[Transaction], T], written: Versioned) -> T:
        """Do work that learns; forget what was learned and could not be written."""
        with self._in_turn():
            try:
                result = self._states.store.run(work)
            except BaseException:
                self._reset()
                raise
            finally:
                self._trying = False
            self._states.cache(written)
            return result

    def _learn(self, tx: Transaction, pieces: Sequence[Data], now: datetime) -> Versioned:
        """Learn, write what is new, and regroup whom it moves; the turn has begun."""
        before = self._number
        kept: list[StoredEvidence] = []
        repeated: list[Data] = []
        for data in pieces:
            # What these rules do not read is kept, with its earliest time: others may read it.
            if apply_evidence(self._identities, data) or self._notes_unread(data):
                kept.append(self._evidence_row(data))
            elif has_facts(data):
                repeated.append(data)
        self._identities.settle()
        kept = [evolve(row, customer=self._owner(decoded(row.text))) for row in kept]
        if repeated:
            keeping = RepeatedFacts(tx, kept)
            for data in repeated:
                keeping.keep(evolve(self._evidence_row(data), customer=self._owner(data)))
            kept = keeping.finish()
            self._number = max((row.number for row in kept), default=before)
        tx.evidence.add(kept)
        return self._regroup_changed(tx, (), now)

    def _evidence_row(self, data: Data) -> StoredEvidence:
        self._number += 1
        return StoredEvidence(self._number, "", data.get("batch"), encoded(data))

    def _owner(self, data: Data) -> str:
        return owner_of_evidence(self._identities, data) or ""

    def _begin(self, tx: Transaction) -> None:
        """Lock out other learners, and catch up; drop what another try had learned."""
        tx.meta.lock()
        if self._trying:
            self._reset()
        self._trying = True
        self._catch_up(tx)

    def _rewrite(
        self, tx: Transaction, left: Callable[[StoredEvidence], str | None], now: datetime
    ) -> tuple[int, Versioned]:
        """Rewrite all evidence (None: remove it), learn it anew and regroup whom that moves."""
        before = self._identities.customer_ids()
        gone: list[int] = []
        changed: list[StoredEvidence] = []
        after = 0
        while page := tx.evidence.read_after(after, _PAGE):
            for row in page:
                text = left(row)
                if text is None:
                    gone.append(row.number)
                elif text != row.text:
                    changed.append(evolve(row, text=text))
            after = page[-1].number
        tx.evidence.remove(gone)
        tx.evidence.replace(changed)
        tx.meta.set(_REWRITES, str(int(self._rewrites or 0) + 1))
        self._catch_up(tx)
        ids = self._identities.customer_ids()
        moved = dict.fromkeys(name for key, name in before.items() if ids.get(key) != name)
        moved |= dict.fromkeys(row.customer for row in changed)
        return len(gone), self._regrouping.regroup(tx, moved, now)
