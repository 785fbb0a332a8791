"""The laws of stores, checked piece by piece: a state machine beside a plain model in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from attrs import evolve, frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from journeymap.adapters.checkpoints import Checkpoint
from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import (
    JournalEntry,
    Letter,
    Store,
    StoredEvidence,
    StoredState,
    Transaction,
)
from journeymap.exceptions import UnknownName
from journeymap.testing.trials import broken_law_named, trial_settings

__all__ = ["StoreClaim", "StorePiece", "check_store"]

StoreClaim: TypeAlias = Literal["keeps", "shared"]
"""What a store can do: *keeps* what was written when it is closed and opened again; is *shared*
by several who write at once."""
StorePiece: TypeAlias = Literal[
    "journal", "set_aside", "states", "checkpoints", "outbox", "evidence", "tombstones", "meta"
]  # fmt: skip
"""A piece of a store that can be written, and checked, before the others."""
PIECES: tuple[StorePiece, ...] = get_args(StorePiece)

_CUSTOMERS = ("ada", "ben", "cyd'; --", "Åse\u2028")
_NAMES = st.sampled_from(_CUSTOMERS)
_TEXTS = st.sampled_from(["{}", '{"a":"ü"}', "'; DROP TABLE x; --", "%s :name ?"])
_TIMES = st.integers(-(10**15), 4 * 10**15)
_LETTERS = tuple(f"letter {n}" for n in range(5))
_IDS = st.sampled_from(_LETTERS)


class _Stop(Exception):
    """Raised within a transaction to end it before its time, as a crash would."""


@frozen
class _Tried:
    """The store that is tried."""

    open: Callable[[], Store]
    clear: Callable[[], None]
    claims: frozenset[StoreClaim]


def check_store(
    open: Callable[[], Store],  # noqa: A002
    clear: Callable[[], None],
    *,
    claims: frozenset[StoreClaim] = frozenset({"keeps", "shared"}),
    pieces: tuple[StorePiece, ...] = PIECES,
    examples: int = 30,
) -> None:
    """Check the laws of a store, or of the pieces of it that are written so far.

    What a transaction wrote is there after it, and none of it when it raised, in any order of
    writing, reading, closing and crashing; a key is known once; equal letters come in one order;
    what was deleted is gone; with *shared*, of several who count at once no step is lost.
    Hypothesis looks for the shortest way to break one.

    Args:
        open: Opens the store.
        clear: Empties the store; called before each try, while no one has it open.
        claims: What the store can do.
        pieces: The pieces to check.
        examples: How many sequences of steps are tried.

    Raises:
        AssertionError: A law is broken; the message names it.
        UnknownName: There is no such piece.
    """
    for piece in pieces:
        if piece not in PIECES:
            raise UnknownName("piece of a store", piece, PIECES)
    tried = _Tried(open, clear, claims)
    bases: tuple[type, ...] = (*(_MACHINES[piece] for piece in pieces), _Machine)
    machine: type[RuleBasedStateMachine] = type("Machine", bases, {"tried": tried})
    with broken_law_named():
        run_state_machine_as_test(machine, settings=trial_settings(examples, steps=20))
    if "shared" in claims and "states" in pieces:
        clear()
        _count_at_once(open)


class _Machine(RuleBasedStateMachine):
    """A store that is written, closed, opened and compared."""

    tried: ClassVar[_Tried]

    def __init__(self) -> None:
        super().__init__()
        self.tried.clear()
        self.store = self.tried.open()

    def attempt(self, work: Callable[[Transaction], None], crash: bool) -> bool:
        """Run work in a transaction that may crash at its end; whether it was written."""

        def crashing(tx: Transaction) -> None:
            work(tx)
            if crash:
                raise _Stop

        try:
            self.store.run(crashing)
        except _Stop:
            return False
        return True

    @rule()
    def reopen(self) -> None:
        """Close the store and open it again."""
        if "keeps" in self.tried.claims:
            self.store.close()
            self.store = self.tried.open()

    @invariant()
    def compare(self) -> None:
        """Compare every piece with its model."""

        def work(tx: Transaction) -> None:
            for kind in type(self).__mro__:
                compared = vars(kind).get("compare_piece")
                if compared is not None:
                    compared(self, tx)

        self.store.read(work)

    def teardown(self) -> None:
        """Close the store."""
        self.store.close()


class _JournalMachine(_Machine):
    """The journal and its model."""

    def __init__(self) -> None:
        self.entries: dict[str, list[JournalEntry]] = {}
        self.archived: set[str | None] = set()
        self.numbers = 0
        super().__init__()

    @rule(name=_NAMES, at=_TIMES, text=_TEXTS, crash=st.booleans())
    def append(self, name: str, at: int, text: str, crash: bool) -> None:
        """Write an interaction."""
        number = len(self.entries.get(name, ())) + 1
        entry = JournalEntry(name, number, f"key {self.numbers}", at, at + 1, text)
        self.numbers += 1
        if self.attempt(lambda tx: tx.journal.append([entry]), crash):
            self.entries.setdefault(name, []).append(entry)

    @rule(names=st.sets(_NAMES), before=_TIMES, crash=st.booleans())
    def archive(self, names: set[str], before: int, crash: bool) -> None:
        """Pack interactions; they are read as before."""
        old = {one.key for name in names for one in self.entries.get(name, ()) if one.at < before}
        packed: list[int] = []

        def work(tx: Transaction) -> None:
            packed.append(tx.journal.archive(sorted(names), before))

        written = self.attempt(work, crash)
        _hold(packed == [len(old - self.archived)], "the number of packed interactions differs")
        if written:
            self.archived |= old

    @rule(name=_NAMES)
    def delete_journal(self, name: str) -> None:
        """Remove a customer's interactions."""
        self.store.run(lambda tx: tx.journal.delete([name]))
        self.entries.pop(name, None)

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the journal."""
        for name in _CUSTOMERS:
            mine = self.entries.get(name, [])
            _hold(tx.journal.history(name) == mine, "the journal differs")
            by_time = sorted(mine, key=lambda one: (one.at, one.number))
            for place in range(0, len(by_time), 2):
                begin = by_time[place]
                found = tx.journal.list_from(name, begin.at, begin.number, 2)
                _hold(found == by_time[place + 1 : place + 3], "the journal by time differs")
        keys = [one.key for held in self.entries.values() for one in held if one.key]
        known = tx.journal.find_keys([*keys, "no such key"])
        _hold(known == dict.fromkeys(keys, True), "known keys differ")
        _hold(tx.look_up([*keys, "none"], [])[0] == known, "the keys looked up differ")


class _SetAsideMachine(_Machine):
    """The interactions that were set aside, and their model."""

    def __init__(self) -> None:
        self.aside: list[SetAsideEntry] = []
        self.aside_numbers = 0
        super().__init__()

    @rule(name=_NAMES, text=_TEXTS, crash=st.booleans())
    def set_aside(self, name: str, text: str, crash: bool) -> None:
        """Set an interaction aside."""
        self.aside_numbers += 1
        entry = SetAsideEntry(name, f"aside {self.aside_numbers}", 7, "why", text)
        if self.attempt(lambda tx: tx.set_aside.add([entry]), crash):
            self.aside.append(entry)

    @rule()
    def remove_set_aside(self) -> None:
        """Remove the one that was set aside first."""
        keys = [one.key for one in self.aside[:1] if one.key]
        self.store.run(lambda tx: tx.set_aside.remove(keys))
        self.aside = self.aside[1:]

    @rule(old=_NAMES, new=_NAMES)
    def move_set_aside(self, old: str, new: str) -> None:
        """Put everything to another customer."""
        self.store.run(lambda tx: tx.set_aside.move(old, new))
        self.aside = [
            evolve(one, customer=new) if one.customer == old else one for one in self.aside
        ]

    @rule(name=_NAMES)
    def delete_set_aside(self, name: str) -> None:
        """Remove everything of a customer."""
        self.store.run(lambda tx: tx.set_aside.delete([name]))
        self.aside = [one for one in self.aside if one.customer != name]

    def compare_piece(self, tx: Transaction) -> None:
        """Compare what was set aside."""
        kept = sorted((one.customer, one.text) for one in self.aside)
        found = sorted((one.customer, one.text) for one in tx.set_aside.read())
        _hold(found == kept, "what was set aside differs")
        by_key = [tx.set_aside.find(one.key) for one in self.aside if one.key is not None]
        _hold(by_key == self.aside, "what was set aside is not found by its key")
        _hold(tx.set_aside.find("none") is None, "what was not set aside is found by a key")
        for name in _CUSTOMERS:
            mine = len([one for one in self.aside if one.customer == name])
            _hold(len(tx.set_aside.read(name)) == mine, "what was set aside of one differs")


class _StatesMachine(_Machine):
    """The states and their model."""

    def __init__(self) -> None:
        self.states: dict[str, StoredState] = {}
        super().__init__()

    @rule(name=_NAMES, at=_TIMES, text=_TEXTS, crash=st.booleans())
    def write_state(self, name: str, at: int, text: str, crash: bool) -> None:
        """Write a state, new or over the one that is there."""
        before = self.states.get(name)
        after = StoredState(name, (before.version if before else 0) + 1, "map", at, text)

        def work(tx: Transaction) -> None:
            (tx.states.update if before else tx.states.insert)([after])

        if self.attempt(work, crash):
            self.states[name] = after

    @rule(name=_NAMES)
    def delete_state(self, name: str) -> None:
        """Remove a state."""
        self.store.run(lambda tx: tx.states.delete([name]))
        self.states.pop(name, None)

    @rule(now=_TIMES)
    def list_due(self, now: int) -> None:
        """List the customers with a timer that is due."""
        due = sorted(one.customer for one in self.states.values() if (one.due or 0) <= now)
        found = self.store.read(lambda tx: tx.states.list_due(now, 100))
        _hold(sorted(found) == due, "the customers that are due differ")

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the states."""
        _hold(tx.states.read(list(self.states)) == self.states, "the states differ")
        versions = {name: one.version for name, one in self.states.items()}
        found = tx.states.lock_versions(["no one", *self.states])
        _hold(found == versions, "the versions differ")
        _hold(set(tx.states.list_customers("", 100)) == set(self.states), "the customers differ")


class _OutboxMachine(_Machine):
    """The outbox and its model."""

    def __init__(self) -> None:
        self.letters: dict[str, Letter] = {}
        super().__init__()

    @rule(id_=_IDS, name=_NAMES, at=_TIMES, text=_TEXTS, crash=st.booleans())
    def post(self, id_: str, name: str, at: int, text: str, crash: bool) -> None:
        """Post a letter; one that is there stays unchanged."""
        letter = Letter(id_, name, text, next=at)
        if self.attempt(lambda tx: tx.outbox.post([letter]), crash):
            self.letters.setdefault(id_, letter)

    @rule(id_=_IDS, status=st.sampled_from(["done", "dead", "withdrawn", "waiting"]), at=_TIMES)
    def settle(self, id_: str, status: Any, at: int) -> None:
        """Write what became of a letter."""
        letter = self.letters.get(id_)
        if letter is not None:
            after = evolve(letter, status=status, next=at, attempts=letter.attempts + 1)
            self.store.run(lambda tx: tx.outbox.settle([after]))
            self.letters[id_] = after

    @rule(old=_NAMES, new=_NAMES)
    def move_letters(self, old: str, new: str) -> None:
        """Put all letters of one customer to another."""
        self.store.run(lambda tx: tx.outbox.move(old, new))
        self.letters = {
            key: evolve(one, customer=new) if one.customer == old else one
            for key, one in self.letters.items()
        }

    @rule(name=_NAMES)
    def delete_letters(self, name: str) -> None:
        """Remove all letters of a customer."""
        self.store.run(lambda tx: tx.outbox.delete([name]))
        self.letters = {i: one for i, one in self.letters.items() if one.customer != name}

    @rule(now=_TIMES)
    def read_waiting(self, now: int) -> None:
        """Read the letters that wait, in their order."""
        waiting = [
            one for one in self.letters.values() if one.status == "waiting" and one.next <= now
        ]
        waiting.sort(key=lambda one: (one.next, one.id))
        found = self.store.run(lambda tx: tx.outbox.claim_waiting(now, 100))
        _hold([one.next for one in found] == [one.next for one in waiting],
              "letters wait in another order")  # fmt: skip
        _hold({one.id for one in found} == {one.id for one in waiting}, "letters are missing")

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the outbox."""
        _hold(tx.outbox.read(list(self.letters)) == self.letters, "the letters differ")
        for name in _CUSTOMERS:
            mine = {one.id: one for one in self.letters.values() if one.customer == name}
            found = {one.id: one for one in tx.outbox.select(customer=name)}
            _hold(found == mine, "the outbox of a customer differs")
        dead = {one.id for one in self.letters.values() if one.status == "dead"}
        found_dead = {one.id for one in tx.outbox.select(status="dead")}
        _hold(found_dead == dead, "the dead letters differ")


class _EvidenceMachine(_Machine):
    """The evidence and its model."""

    def __init__(self) -> None:
        self.evidence: dict[int, StoredEvidence] = {}
        super().__init__()

    @rule(name=_NAMES, text=_TEXTS, crash=st.booleans())
    def add_evidence(self, name: str, text: str, crash: bool) -> None:
        """Write evidence, and put it to another customer."""
        row = StoredEvidence(max(self.evidence, default=0) + 1, name, None, text)

        def work(tx: Transaction) -> None:
            tx.evidence.add([row])
            tx.evidence.replace([evolve(row, customer="ada")])

        if self.attempt(work, crash):
            self.evidence[row.number] = evolve(row, customer="ada")

    @rule()
    def remove_evidence(self) -> None:
        """Remove the oldest evidence."""
        numbers = sorted(self.evidence)[:1]
        self.store.run(lambda tx: tx.evidence.remove(numbers))
        for number in numbers:
            del self.evidence[number]

    @rule(name=_NAMES)
    def delete_evidence(self, name: str) -> None:
        """Remove all evidence about a customer."""
        self.store.run(lambda tx: tx.evidence.delete([name]))
        self.evidence = {n: one for n, one in self.evidence.items() if one.customer != name}

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the evidence."""
        for name in _CUSTOMERS:
            mine = [one for one in self.evidence.values() if one.customer == name]
            _hold(tx.evidence.read_customer(name) == mine, "the evidence about a customer differs")
        every = [self.evidence[number] for number in sorted(self.evidence)]
        _hold(tx.evidence.read_after(0, 1000) == every, "the evidence differs")


class _CheckpointsMachine(_Machine):
    """The states of the past, and their model."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, str], Checkpoint] = {}
        super().__init__()

    @rule(name=_NAMES, at=_TIMES, map=_IDS, text=_TEXTS, crash=st.booleans())
    def add_checkpoint(self, name: str, at: int, map: str, text: str, crash: bool) -> None:  # noqa: A002
        """Write a checkpoint, over the same one."""
        row = Checkpoint(name, at, map, 1, text)
        if self.attempt(lambda tx: tx.checkpoints.add([row]), crash):
            self.rows[name, at, map] = row

    @rule(name=_NAMES, ends=st.tuples(_TIMES, _TIMES), map=_IDS, crash=st.booleans())
    def drop_checkpoints(self, name: str, ends: tuple[int, int], map: str, crash: bool) -> None:  # noqa: A002
        """Remove those between two times, and those of other maps."""
        since, until = sorted(ends)
        if self.attempt(lambda tx: tx.checkpoints.drop(name, since, until, map), crash):
            gone = [
                key for key in self.rows
                if key[0] == name and key[1] >= since and (key[1] <= until or key[2] != map)
            ]  # fmt: skip
            for key in gone:
                del self.rows[key]

    @rule(name=_NAMES, after=_TIMES, laps=st.integers(-2, 2))
    def add_laps(self, name: str, after: int, laps: int) -> None:
        """Count laps in those after a time."""
        self.store.run(lambda tx: tx.checkpoints.add_laps(name, after, laps))
        for key, row in self.rows.items():
            if key[0] == name and key[1] > after:
                self.rows[key] = evolve(row, lap=row.lap + laps)

    @rule(name=_NAMES)
    def delete_checkpoints(self, name: str) -> None:
        """Remove all of a customer."""
        self.store.run(lambda tx: tx.checkpoints.delete([name]))
        self.rows = {key: row for key, row in self.rows.items() if key[0] != name}

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the last one before each, and at the end of time."""
        for name, at, mark in [*self.rows, *((n, 2**62, "letter 0") for n in _CUSTOMERS)]:
            before = [
                r for k, r in self.rows.items() if k[0] == name and k[2] == mark and k[1] < at
            ]
            last = max(before, key=lambda row: row.at, default=None)
            _hold(tx.checkpoints.find_before(name, at, mark) == last, "the checkpoints differ")


class _TombstonesMachine(_Machine):
    """The marks of what was removed, and their model."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        super().__init__()

    @rule(marks=st.dictionaries(_IDS, _TIMES, max_size=3), crash=st.booleans())
    def set_marks(self, marks: dict[str, int], crash: bool) -> None:
        """Write marks, over those that are there."""
        if self.attempt(lambda tx: tx.tombstones.set(marks), crash):
            self.marks |= marks

    @rule(mark=_IDS)
    def remove_mark(self, mark: str) -> None:
        """Remove a mark."""
        self.store.run(lambda tx: tx.tombstones.remove([mark]))
        self.marks.pop(mark, None)

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the marks."""
        found = tx.tombstones.find(["none", *_LETTERS])
        _hold(found == self.marks, "the marks differ")
        _hold(tx.look_up([], _LETTERS) == ({}, self.marks), "the marks looked up differ")


class _MetaMachine(_Machine):
    """The facts about the store, and their model."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        super().__init__()

    @rule(name=st.sampled_from(["a", "b"]), text=_TEXTS, crash=st.booleans())
    def set_fact(self, name: str, text: str, crash: bool) -> None:
        """Write a fact under the lock."""

        def work(tx: Transaction) -> None:
            tx.meta.lock()
            tx.meta.set(name, text)

        if self.attempt(work, crash):
            self.facts[name] = text

    def compare_piece(self, tx: Transaction) -> None:
        """Compare the facts."""
        facts = tx.meta.read()
        held = all(facts.get(name) == text for name, text in self.facts.items())
        _hold(held, "the facts differ")


_MACHINES: dict[StorePiece, type[_Machine]] = {
    "journal": _JournalMachine,
    "set_aside": _SetAsideMachine,
    "states": _StatesMachine,
    "checkpoints": _CheckpointsMachine,
    "outbox": _OutboxMachine,
    "evidence": _EvidenceMachine,
    "tombstones": _TombstonesMachine,
    "meta": _MetaMachine,
}


def _count_at_once(open_store: Callable[[], Store]) -> None:
    """Let several count in one state at once: no step may be lost."""
    many, each = 3, 15
    stores = [open_store() for _ in range(many)]
    stores[0].run(lambda tx: tx.states.insert([StoredState("shared", 0, "map", None, "0")]))
    wrong: list[BaseException] = []

    def count(store: Store) -> None:
        def work(tx: Transaction) -> None:
            version = tx.states.lock_versions(["shared"])["shared"]
            stored = tx.states.read(["shared"])["shared"]
            text = str(int(stored.text) + 1)
            tx.states.update([evolve(stored, version=version + 1, text=text)])

        try:
            for _ in range(each):
                store.run(work)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=count, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = stores[0].read(lambda tx: tx.states.read(["shared"])["shared"].text)
    for store in stores:
        store.close()
    _hold(not wrong, f"a writer failed while others wrote: {wrong[:1]}")
    _hold(total == str(many * each), f"of {many * each} steps counted at once, {total} are there")


def _hold(held: object, law: str) -> None:
    if not held:
        raise AssertionError(law)
