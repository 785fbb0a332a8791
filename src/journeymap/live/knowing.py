"""Who is who, in a store: evidence is a journal of its own, and customers follow it.

Every process folds the same journal, so all come to the same customers. When two turn out to be
one, or one to be two, their interactions are told again under the names they now have, in the
transaction that brought the news.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, fields

from journeymap.adapters.storing import Entry, Letter, Said, Transaction, micros
from journeymap.exceptions import IdentityError
from journeymap.interactions import (
    Consent,
    Evidence,
    Identities,
    Identity,
    IdentityRules,
    Interaction,
    Linked,
    Record,
    Split,
    Trait,
)
from journeymap.interactions.texts import encoded
from journeymap.live.outbox import letters_of, post
from journeymap.tracking import Signal, State, Withdrawn
from journeymap.tracking.texts import read_signal, read_time, signal_text

if TYPE_CHECKING:
    from journeymap.live.following import Live, Receipt

__all__ = ["Knowing"]

T = TypeVar("T")
_PAGE = 10_000
_UNSAID = "unsaid"


class Knowing:
    """The identities of a store, kept up with what other processes learn."""

    def __init__(self, live: Live, rules: IdentityRules) -> None:
        self.live, self.rules = live, rules
        self._turn = threading.RLock()
        self._forget_all()
        self.known()

    def known(self) -> Identities:
        """Who is who, as of now."""
        with self._turn:
            self.live.store.read(self._catch_up)
            return self._who

    def current(self, customer: str) -> str:
        """The id of a customer today; a name that is no id of ours stays as it is."""
        with self._turn:
            self.live.store.read(self._catch_up)
            return self._current(customer)

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """What was ever said of a customer."""
        name = self.current(customer)
        rows = self.live.store.read(lambda tx: tx.said_of(name))
        return tuple(fact for row in rows for fact in _facts(json.loads(row.text)))

    def take(self, records: tuple[Record, ...]) -> tuple[Receipt, ...]:
        """Learn from records and record what happened; see `Live.take`."""
        from journeymap.live.following import Receipt, _fitting, _Recording

        now = self.live._clock()
        for one in records:
            if one.interaction is not None:
                _fitting(one.interaction)
        states: dict[str, tuple[int, State]] = {}

        def work(tx: Transaction) -> tuple[Receipt, ...]:
            states.clear()
            states.update(self._learn(tx, [_said(one) for one in records], now))
            named = [self._called(one.identities, one.at) for one in records]
            happened = [
                evolve(one.interaction, customer=name)
                for one, name in zip(records, named, strict=True)
                if one.interaction is not None and name is not None
            ]
            by = [one.identities for one, name in zip(records, named, strict=True)
                  if one.interaction is not None and name is not None]  # fmt: skip
            recording = _Recording(self.live, now, tuple(happened), tuple(by))
            made = iter(recording.done(tx))
            states.update(recording.states)
            return tuple(
                next(made) if one.interaction is not None and name is not None
                else Receipt(name or "", None, set_aside=None if name is not None else _NOBODY)
                for one, name in zip(records, named, strict=True)
            )  # fmt: skip

        return self._changing(work, states)

    def link(self, pairs: tuple[Evidence, ...], threshold: float, batch: str) -> Linked:
        """Learn probable links."""
        trial = Identities(self.rules)
        linked = trial.link(pairs, threshold=threshold, batch=batch)
        said = [
            _evidence(evolve(pair, batch=batch)) for pair in pairs
            if pair.weight is not None and pair.weight >= threshold
        ]  # fmt: skip
        self._told(said)
        return linked

    def split(
        self, customer: str, identities: tuple[Identity, ...], reason: str
    ) -> tuple[str, str]:
        """Rule that some identities are somebody else's."""
        trial = self.known()
        # The ruling is made on a copy: what is not written yet must not be known.
        copy = Identities(self.rules)
        copy.learn(trial.evidence)
        for ruling in trial.splits:
            copy.rule(ruling)
        ruling = copy.split(customer, identities, at=self.live._clock(), reason=reason)
        self._told([{"split": [_pairs(ruling.one), _pairs(ruling.other)], "reason": reason,
                     "at": ruling.at.isoformat()}])  # fmt: skip
        who = self.known()
        one, other = (who.customer(*side) or "" for side in (ruling.other, ruling.one))
        return one, other

    def withdraw(self, batch: str) -> int:
        """Take back what a batch said."""
        return self._unsay(lambda row: row.batch == batch)

    def forget(self, customer: str) -> None:
        """Remove what was said about a customer, and all that is kept under any of their ids."""
        try:
            mine = set(self.known().of(customer))
        except IdentityError:
            return
        names = {self._who.name_of(one) for one in mine} | {self.current(customer)}

        def work(tx: Transaction) -> None:
            for name in sorted(names):
                tx.forget(name)

        self.live.store.run(work)
        self._unsay(lambda row: not mine.isdisjoint(_identities(json.loads(row.text), self._who)))
        for name in names:
            self.live._cache.pop(name, None)

    # -- the journal of what was said

    def _forget_all(self) -> None:
        self._who = Identities(self.rules)
        self._changed: dict[str, None] = {}
        self._who.watched(lambda name: self._changed.setdefault(name))
        self._number = 0
        self._unsaid = ""
        self._trying = False

    def _catch_up(self, tx: Transaction) -> None:
        """Learn what other processes have written; they have moved whom it moves."""
        unsaid = tx.notes().get(_UNSAID, "")
        if unsaid != self._unsaid:
            self._forget_all()
            self._unsaid = unsaid
        while True:
            rows = tx.said(self._number, _PAGE)
            for row in rows:
                self._hear(json.loads(row.text))
                self._number = row.number
            if len(rows) < _PAGE:
                break
        self._who.settle()
        self._changed.clear()

    def _hear(self, told: dict[str, Any]) -> bool:
        if "split" in told:
            one, other = (_read_pairs(side) for side in told["split"])
            self._who.rule(Split(one, other, datetime.fromisoformat(told["at"]), told["reason"]))
            return True
        before = self._who.version
        self._who.learn(_read_evidence(told))
        return self._who.version != before

    def _told(self, said: Sequence[dict[str, Any]]) -> None:
        now = self.live._clock()
        states: dict[str, tuple[int, State]] = {}

        def work(tx: Transaction) -> None:
            states.clear()
            states.update(self._learn(tx, said, now))

        self._changing(work, states)

    def _changing(
        self, work: Callable[[Transaction], T], states: dict[str, tuple[int, State]]
    ) -> T:
        """Do work that learns; what was learned and could not be written is forgotten."""
        with self._turn:
            try:
                done = self.live.store.run(work)
            except BaseException:
                self._forget_all()
                raise
            self._trying = False
            self.live._remember(states)
            return done

    def _learn(
        self, tx: Transaction, said: Sequence[dict[str, Any]], now: datetime
    ) -> dict[str, tuple[int, State]]:
        """Learn, write down what is new, and tell again whom it moves."""
        self._begin(tx)
        kept = []
        for told in said:
            if self._hear(told) or told.get("traits") or told.get("consents"):
                self._number += 1
                kept.append((self._number, told))
        self._who.settle()
        moved = dict(self._changed)
        self._changed.clear()
        tx.say(
            Said(number, self._of(told) or "", told.get("batch"), encoded(told))
            for number, told in kept
        )
        return self._regroup(tx, moved, now)

    def _begin(self, tx: Transaction) -> None:
        """Alone, and knowing what is written; what another try had learned was not."""
        tx.alone()
        if self._trying:
            self._forget_all()
        self._trying = True
        self._catch_up(tx)

    def _unsay(self, gone: Callable[[Said], bool]) -> int:
        now = self.live._clock()
        states: dict[str, tuple[int, State]] = {}

        def work(tx: Transaction) -> int:
            states.clear()
            self._begin(tx)
            before = set(self._who.customers)
            rows, after = [], 0
            while page := tx.said(after, _PAGE):
                rows += [row for row in page if gone(row)]
                after = page[-1].number
            tx.unsay([row.number for row in rows])
            tx.note(_UNSAID, str(int(self._unsaid or 0) + 1))
            self._catch_up(tx)
            moved = dict.fromkeys(sorted(before - set(self._who.customers)))
            moved |= dict.fromkeys(sorted(row.customer for row in rows if row.customer))
            states.update(self._regroup(tx, moved, now))
            return len(rows)

        return self._changing(work, states)

    # -- whose it is

    def _called(self, identities: Iterable[Identity], at: datetime) -> str | None:
        return self._who.customer(*identities, at=at)

    def _of(self, told: dict[str, Any]) -> str | None:
        if "split" in told:
            return None
        one = _read_evidence(told)
        return self._called(one.identities, one.at)

    def _current(self, customer: str) -> str:
        try:
            return self._who.current(customer)
        except IdentityError:
            return customer

    def _regroup(
        self, tx: Transaction, names: Iterable[str], now: datetime
    ) -> dict[str, tuple[int, State]]:
        """Put every interaction of these customers under the name that it has now."""
        found = {name: tx.history(name) for name in names}
        found = {name: entries for name, entries in found.items() if entries}
        for name in names:
            rows = tx.said_of(name)
            tx.resay(
                evolve(row, customer=there) for row in rows
                if (there := self._of(json.loads(row.text)) or name) != name
            )  # fmt: skip
        if not any(self._owner(one) != name for name, held in found.items() for one in held):
            return {}
        targets = {self._owner(one) for held in found.values() for one in held}
        for name in targets - set(found):
            if entries := tx.history(name):
                found[name] = entries
        versions = tx.versions(sorted({*found, *targets}))
        before = self.live._states(tx, {n: v for n, v in versions.items() if n in found})
        clocks = [state.clock for state in before.values()]
        noted = tx.notes().get("advanced")
        clock = max([*clocks, *([read_time(noted)] if noted else [])])
        return self._again(tx, found, clock, now)

    def _owner(self, entry: Entry) -> str:
        told = json.loads(entry.text)
        if "by" not in told:
            return self._current(entry.customer)
        at = datetime.fromisoformat(told["at"])
        return self._called(_read_pairs(told["by"]), at) or entry.customer

    def _again(
        self, tx: Transaction, found: dict[str, list[Entry]], clock: datetime, now: datetime
    ) -> dict[str, tuple[int, State]]:
        from journeymap.live.following import _held, _read, in_order

        earlier = [
            signal for held in found.values()
            for signal in _held(self.live._whole, list(map(_read, held)), clock)
        ]  # fmt: skip
        groups: dict[str, list[Entry]] = {}
        entries = [one for held in found.values() for one in held]
        for entry in sorted(entries, key=lambda one: (one.arrived, one.customer, one.number)):
            name = self._owner(entry)
            groups.setdefault(name, []).append(_renamed(entry, name, groups.get(name, ())))
        tx.release(sorted(found))
        tx.append(one for held in groups.values() for one in held)
        states: dict[str, State] = {}
        true: list[Signal] = []
        for name, held in groups.items():
            past: list[Interaction] = in_order(map(_read, held))
            state, told = self.live._tracker.follow(None, past)
            states[name], more = self.live._tracker.advance(state, clock)
            true += [*told, *more]
        self._post(tx, earlier, true, micros(now))
        for name in found:
            self.live._cache.pop(name, None)
        return self.live._put(tx, states, {})

    def _post(self, tx: Transaction, earlier: list[Signal], true: list[Signal], now: int) -> None:
        """Letters follow their customers; what is not true any more is taken back."""
        held: dict[Signal, list[Signal]] = {}
        for signal in earlier:
            held.setdefault(_nameless(signal), []).append(signal)
        moved: list[tuple[Signal, Signal]] = []
        new: list[Signal] = []
        for signal in true:
            same = held.get(_nameless(signal))
            if not same:
                new.append(signal)
                continue
            mine = next((one for one in same if one == signal), same[0])
            same.remove(mine)
            if mine != signal:
                moved.append((mine, signal))
        self._move(tx, moved)
        gone = Counter(one for same in held.values() for one in same)
        news: list[Signal] = [
            Withdrawn(one.customer, one.at, one.tie, one) for one in earlier if gone[one]
        ]
        letters = letters_of([*news, *new], self.live._outgoing, now)
        if letters:
            post(tx, letters)

    def _move(self, tx: Transaction, moved: list[tuple[Signal, Signal]]) -> None:
        there = tx.letters([old.id for old, _ in moved])
        known = tx.letters([new.id for _, new in moved])
        made: list[Letter] = []
        for old, new in moved:
            letter = there.get(old.id)
            if letter is None or read_signal(letter.text) != old or letter.status == "withdrawn":
                continue
            made.append(evolve(letter, id=new.id, customer=new.customer, text=signal_text(new)))
            tx.mark([evolve(letter, status="withdrawn")])
        tx.post(one for one in made if one.id not in known)
        tx.mark(one for one in made if one.id in known)


_NOBODY = "it names nobody: its identities are blocked, or shared by many"


def _renamed(entry: Entry, name: str, before: Sequence[Entry]) -> Entry:
    text = entry.text
    if entry.customer != name:
        text = encoded({**json.loads(text), "customer": name})
    return evolve(entry, customer=name, number=len(before) + 1, text=text)


def _nameless(signal: Signal) -> Signal:
    """A signal without the name of its customer: what it says."""
    changed: Any = {
        a.name: _nameless(value)
        for a in fields(type(signal))
        if isinstance(value := getattr(signal, a.name), Signal)
    }
    return evolve(signal, customer="", **changed)


def _said(record: Record) -> dict[str, Any]:
    told = _evidence(record.evidence)
    if record.traits:
        told["traits"] = [list(pair) for pair in record.traits]
    if record.consents:
        told["consents"] = [list(pair) for pair in record.consents]
    return told


def _evidence(piece: Evidence) -> dict[str, Any]:
    told: dict[str, Any] = {"identities": _pairs(piece.identities), "at": piece.at.isoformat(),
                            "source": piece.source}  # fmt: skip
    if piece.batch is not None:
        told["batch"] = piece.batch
    if piece.weight is not None:
        told["weight"] = piece.weight
    return told


def _read_evidence(told: dict[str, Any]) -> Evidence:
    return Evidence(_read_pairs(told["identities"]), datetime.fromisoformat(told["at"]),
                    told["source"], told.get("batch"), told.get("weight"))  # fmt: skip


def _identities(told: dict[str, Any], who: Identities) -> list[Identity]:
    sides = told["split"] if "split" in told else [told["identities"]]
    return [one for side in sides for one in who.formed(_read_pairs(side))]


def _facts(told: dict[str, Any]) -> list[Trait | Consent]:
    if "split" in told:
        return []
    at, source = datetime.fromisoformat(told["at"]), told["source"]
    facts: list[Trait | Consent] = [
        Trait(name, value, source, at) for name, value in told.get("traits", ())
    ]
    facts += [Consent(name, given, source, at) for name, given in told.get("consents", ())]
    return facts


def _pairs(identities: Iterable[Identity]) -> list[list[str]]:
    return [[one.namespace, one.value] for one in identities]


def _read_pairs(pairs: Iterable[Sequence[str]]) -> tuple[Identity, ...]:
    return tuple(Identity(*pair) for pair in pairs)
