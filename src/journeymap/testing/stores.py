"""The laws of stores, checked for any store: a stateful machine against a plain one in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from journeymap.adapters.store import Aside, Entry, Kept, Letter, Said, Store, Transaction

__all__ = ["StoreClaim", "check_store"]

StoreClaim: TypeAlias = Literal["keeps", "shared"]
"""What a store can do: *keeps* what was written when it is closed and opened again; is *shared*
by several who write at once."""

_NAMES = st.sampled_from(["ada", "ben", "cyd'; --", "Åse\u2028"])
_TEXTS = st.sampled_from(["{}", '{"a":"ü"}', "'; DROP TABLE x; --", "%s :name ?"])
_TIMES = st.integers(-(10**15), 4 * 10**15)
_IDS = st.sampled_from([f"letter {n}" for n in range(5)])


class _Stop(Exception):
    """Raised within a transaction to end it before its time, as a crash would."""


@frozen
class _Tried:
    """The store that is tried, and what it claims."""

    opened: Callable[[], Store]
    cleared: Callable[[], None]
    claims: frozenset[StoreClaim]


class _Plain:
    """What a store should hold."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = {}
        self.states: dict[str, Kept] = {}
        self.letters: dict[str, Letter] = {}
        self.asides: list[Aside] = []
        self.said: dict[int, Said] = {}
        self.notes: dict[str, str] = {}
        self.numbers = 0


def check_store(
    opened: Callable[[], Store],
    cleared: Callable[[], None],
    *,
    claims: frozenset[StoreClaim] = frozenset({"keeps", "shared"}),
    examples: int = 30,
) -> None:
    """Check the laws of a store; AssertionError names the one that is broken.

    ``opened`` opens the store, ``cleared`` empties it (it is called before each try, while nobody
    has it open). Laws: what a transaction wrote is there after it, and none of it when it raised,
    in any order of writing, reading, closing and crashing; a key is known once; equal letters
    come in one order; what was forgotten is gone; with *shared*, of several who count at once no
    step is lost. Hypothesis looks for the shortest way to break one.
    """
    tried = _Tried(opened, cleared, claims)
    machine: type[RuleBasedStateMachine] = type("Machine", (_Machine,), {"tried": tried})
    try:
        run_state_machine_as_test(machine, settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, database=None,
            print_blob=False, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ))  # fmt: skip
    except AssertionError as error:
        raise AssertionError(str(error).split("\n", maxsplit=1)[0]) from None
    if "shared" in claims:
        cleared()
        _counted(opened)


class _Machine(RuleBasedStateMachine):
    """A store and what it should hold."""

    tried: ClassVar[_Tried]

    def __init__(self) -> None:
        super().__init__()
        self.tried.cleared()
        self.store = self.tried.opened()
        self.plain = _Plain()

    @rule(name=_NAMES, at=_TIMES, text=_TEXTS, crash=st.booleans())
    def write(self, name: str, at: int, text: str, crash: bool) -> None:
        """An interaction and a state, together."""
        plain = self.plain
        number = len(plain.entries.get(name, ())) + 1
        entry = Entry(name, number, f"key {plain.numbers}", at, at + 1, text)
        before = plain.states.get(name)
        kept = Kept(name, (before.version if before else 0) + 1, "map", at, text)
        plain.numbers += 1

        def work(tx: Transaction) -> None:
            tx.append([entry])
            (tx.put if before else tx.insert)([kept])
            if crash:
                raise _Stop

        if _done(self.store, work):
            plain.entries.setdefault(name, []).append(entry)
            plain.states[name] = kept

    @rule(id_=_IDS, name=_NAMES, at=_TIMES, text=_TEXTS, crash=st.booleans())
    def post(self, id_: str, name: str, at: int, text: str, crash: bool) -> None:
        """A letter; one that is there stays as it is."""
        letter = Letter(id_, name, text, next=at)

        def work(tx: Transaction) -> None:
            tx.post([letter])
            if crash:
                raise _Stop

        if _done(self.store, work):
            self.plain.letters.setdefault(id_, letter)

    @rule(id_=_IDS, status=st.sampled_from(["done", "dead", "withdrawn", "waiting"]), at=_TIMES)
    def mark(self, id_: str, status: Any, at: int) -> None:
        """What became of a letter."""
        letter = self.plain.letters.get(id_)
        if letter is not None:
            after = evolve(letter, status=status, next=at, attempts=letter.attempts + 1)
            self.store.run(lambda tx: tx.mark([after]))
            self.plain.letters[id_] = after

    @rule(name=_NAMES, text=_TEXTS, crash=st.booleans())
    def say(self, name: str, text: str, crash: bool) -> None:
        """Evidence, which may be put to another customer later."""
        plain = self.plain
        row = Said(max(plain.said, default=0) + 1, name, None, text)

        def work(tx: Transaction) -> None:
            tx.say([row])
            tx.resay([evolve(row, customer="ada")])
            if crash:
                raise _Stop

        if _done(self.store, work):
            plain.said[row.number] = evolve(row, customer="ada")

    @rule(name=_NAMES, text=_TEXTS)
    def set_aside(self, name: str, text: str) -> None:
        """Something that is kept apart."""
        aside = Aside(name, None, 7, "why", text)
        self.store.run(lambda tx: tx.set_aside([aside]))
        self.plain.asides.append(aside)

    @rule(name=st.sampled_from(["a", "b"]), text=_TEXTS)
    def note(self, name: str, text: str) -> None:
        """Something about the store itself."""
        self.store.run(lambda tx: tx.note(name, text))
        self.plain.notes[name] = text

    @rule(name=_NAMES)
    def forget(self, name: str) -> None:
        """A customer leaves nothing."""
        plain = self.plain
        self.store.run(lambda tx: tx.forget(name))
        plain.entries.pop(name, None)
        plain.states.pop(name, None)
        plain.letters = {i: one for i, one in plain.letters.items() if one.customer != name}
        plain.asides = [one for one in plain.asides if one.customer != name]
        plain.said = {n: one for n, one in plain.said.items() if one.customer != name}

    @rule(old=_NAMES, new=_NAMES)
    def rename(self, old: str, new: str) -> None:
        """Letters and what was set aside go to another customer."""
        plain = self.plain
        self.store.run(lambda tx: tx.rename(old, new))
        plain.letters = {
            key: evolve(one, customer=new) if one.customer == old else one
            for key, one in plain.letters.items()
        }
        plain.asides = [
            evolve(one, customer=new) if one.customer == old else one for one in plain.asides
        ]

    @rule(name=_NAMES)
    def release(self, name: str) -> None:
        """Journal and state go, to be written anew; letters stay."""
        self.store.run(lambda tx: tx.release([name]))
        self.plain.entries.pop(name, None)
        self.plain.states.pop(name, None)

    @rule(now=_TIMES)
    def ask(self, now: int) -> None:
        """What is due, and in which order."""
        states, letters = self.plain.states.values(), self.plain.letters.values()
        due = sorted((one.due, one.customer) for one in states if (one.due or 0) <= now)
        found = self.store.read(lambda tx: tx.due(now, 100))
        _hold(sorted(found) == sorted(name for _, name in due), "what is due is not told")
        waiting = [one for one in letters if one.status == "waiting" and one.next <= now]
        waiting.sort(key=lambda one: (one.next, one.id))
        told = self.store.run(lambda tx: tx.waiting(now, 100))
        _hold([one.next for one in told] == [one.next for one in waiting],
              "letters wait in another order")  # fmt: skip
        _hold({one.id for one in told} == {one.id for one in waiting}, "letters are missing")

    @rule()
    def reopen(self) -> None:
        """Closed and opened again."""
        if "keeps" in self.tried.claims:
            self.store.close()
            self.store = self.tried.opened()

    @invariant()
    def holds_what_it_should(self) -> None:
        """Everything is there, and nothing else."""
        _same(self.store, self.plain)

    def teardown(self) -> None:
        """Let go of it."""
        self.store.close()


def _done(store: Store, work: Callable[[Transaction], None]) -> bool:
    try:
        store.run(work)
    except _Stop:
        return False
    return True


def _same(store: Store, plain: _Plain) -> None:
    def work(tx: Transaction) -> None:
        for name in ("ada", "ben", "cyd'; --", "Åse\u2028"):
            _hold(tx.history(name) == plain.entries.get(name, []), "the journal differs")
            outbox = {one.id: one for one in plain.letters.values() if one.customer == name}
            _hold({one.id: one for one in tx.outbox(name)} == outbox, "the outbox differs")
            said = [one for one in plain.said.values() if one.customer == name]
            _hold(tx.said_of(name) == said, "what was said of a customer differs")
        _hold(tx.states(list(plain.states)) == plain.states, "the states differ")
        versions = {name: one.version for name, one in plain.states.items()}
        _hold(tx.versions(["nobody", *plain.states]) == versions, "the versions differ")
        _hold(set(tx.customers("", 100)) == set(plain.states), "the customers differ")
        _hold(tx.letters(list(plain.letters)) == plain.letters, "the letters differ")
        kept = sorted((one.customer, one.text) for one in plain.asides)
        told = sorted((one.customer, one.text) for one in tx.asides(None))
        _hold(told == kept, "what was set aside differs")
        said = [plain.said[number] for number in sorted(plain.said)]
        _hold(tx.said(0, 1000) == said, "what was said differs")
        notes = tx.notes()
        _hold(all(notes.get(name) == text for name, text in plain.notes.items()), "notes differ")
        keys = [one.key for held in plain.entries.values() for one in held if one.key]
        _hold(tx.known([*keys, "no such key"]) == dict.fromkeys(keys, True), "known keys differ")

    store.read(work)


def _counted(opened: Callable[[], Store]) -> None:
    """Several count in one note at once: no step is lost."""
    many, each = 3, 15
    stores = [opened() for _ in range(many)]
    stores[0].run(lambda tx: tx.insert([Kept("shared", 0, "map", None, "0")]))
    wrong: list[BaseException] = []

    def count(store: Store) -> None:
        def work(tx: Transaction) -> None:
            version = tx.versions(["shared"])["shared"]
            kept = tx.states(["shared"])["shared"]
            tx.put([evolve(kept, version=version + 1, text=str(int(kept.text) + 1))])

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
    total = stores[0].read(lambda tx: tx.states(["shared"])["shared"].text)
    for store in stores:
        store.close()
    _hold(not wrong, f"a writer failed while others wrote: {wrong[:1]}")
    _hold(total == str(many * each), f"of {many * each} steps counted at once, {total} are there")


def _hold(held: object, law: str) -> None:
    if not held:
        raise AssertionError(law)
