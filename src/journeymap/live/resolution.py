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

from journeymap.adapters.store import Aside, Entry, Letter, Said, Transaction, micros
from journeymap.exceptions import ElementError, IdentityError
from journeymap.identity import Identities, IdentityRules, Linked, Split
from journeymap.identity.gathering import distinct
from journeymap.identity.identities import probable
from journeymap.interactions import Consent, Evidence, Identity, Interaction, Record, Trait
from journeymap.interactions.codec import encoded, interaction_text
from journeymap.live.outbox import letters_of, post
from journeymap.tracking import Signal, State, Withdrawn
from journeymap.tracking.codec import read_signal, read_time, signal_text

if TYPE_CHECKING:
    from journeymap.live.live import Live, Receipt

__all__ = ["Knowing"]

T = TypeVar("T")
_PAGE = 10_000
_UNSAID = "unsaid"


class Knowing:
    """The identities of a store, kept up with what other processes learn."""

    def __init__(self, live: Live, rules: IdentityRules) -> None:
        self.live, self.rules = live, rules
        self._turn = threading.RLock()
        self._trying = False
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

    def named(self, tx: Transaction, given: Sequence[Interaction]) -> tuple[Interaction, ...]:
        """Interactions under the ids that their customers have today."""
        self._catch_up(tx)
        return tuple(
            one if (name := self._current(one.customer)) == one.customer
            else evolve(one, customer=name) for one in given
        )  # fmt: skip

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """What was ever said of a customer."""
        name = self.current(customer)
        rows = self.live.store.read(lambda tx: tx.said_of(name))
        return distinct(fact for row in rows for fact in _facts(json.loads(row.text)))

    def take(self, records: tuple[Record, ...]) -> tuple[Receipt, ...]:
        """Learn from records and record what happened; see `Live.take`."""
        from journeymap.live.live import Receipt, _fitting, _Recording

        now = self.live._clock()
        for one in records:
            if not isinstance(one, Record):
                raise ElementError("Live", "take", one, "a Record is expected")
            if one.interaction is not None:
                _fitting(one.interaction)
        states: dict[str, tuple[int, State]] = {}

        def work(tx: Transaction) -> tuple[Receipt, ...]:
            states.clear()
            states.update(self._learn(tx, [_said(one) for one in records], now))
            whose = [self._called(one.identities, one.at) for one in records]
            happened = [
                (one.interaction, one.identities, name)
                for one, name in zip(records, whose, strict=True) if one.interaction is not None
            ]  # fmt: skip
            self._set_aside(tx, [one for one, _, name in happened if name is None], now)
            mine = [(evolve(i, customer=n), by) for i, by, n in happened if n is not None]
            recording = _Recording(
                self.live, now, tuple(one for one, _ in mine), tuple(by for _, by in mine)
            )
            made = iter(recording.done(tx))
            states.update(recording.states)
            return tuple(
                Receipt("", None, set_aside=_NOBODY) if name is None
                else next(made) if one.interaction is not None
                else Receipt(name, None)
                for one, name in zip(records, whose, strict=True)
            )  # fmt: skip

        return self._changing(work, states)

    def _set_aside(self, tx: Transaction, given: Sequence[Interaction], now: datetime) -> None:
        """Keep what is nobody's, once; it is taken in when it comes again and is somebody's."""
        from journeymap.live.live import _key

        keys = [_key(one) for one in given]
        there = tx.known([key for key in keys if key is not None])
        tx.set_aside(
            Aside(one.customer, key, micros(now), _NOBODY, interaction_text(one))
            for one, key in zip(given, keys, strict=True) if key is None or key not in there
        )  # fmt: skip

    def link(self, pairs: tuple[Evidence, ...], threshold: float, batch: str) -> Linked:
        """Learn probable links."""
        strong, linked = probable(pairs, threshold=threshold, batch=batch)
        self._told([_evidence(pair) for pair in strong])
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
        now = self.live._clock()
        states: dict[str, tuple[int, State]] = {}

        def work(tx: Transaction) -> int:
            states.clear()
            self._begin(tx)

            def left(row: Said) -> str | None:
                return None if row.batch == batch else row.text

            number, told = self._rewrite(tx, left, now)
            states.update(told)
            return number

        return self._changing(work, states)

    def forget(self, customer: str) -> None:
        """Remove what was said about a customer, and all that is kept under any of their ids."""
        now = self.live._clock()
        states: dict[str, tuple[int, State]] = {}

        def work(tx: Transaction) -> None:
            states.clear()
            self._begin(tx)
            try:
                mine = self._who.of(customer)
            except IdentityError:
                tx.forget(customer)
                return
            name = self._current(customer)
            for one in (name, customer, *(self._who.name_of(identity) for identity in mine)):
                self.live._cache.pop(one, None)
                tx.forget(one)
            left = frozenset((one.namespace, one.value) for one in mine)

            def stripped(row: Said) -> str | None:
                return self._stripped(row.text, name, left)

            states.update(self._rewrite(tx, stripped, now)[1])

        self._changing(work, states)

    def _stripped(self, text: str, name: str, gone: frozenset[tuple[str, str]]) -> str | None:
        """What was said without some identities, where they are of a customer; None: nothing."""
        told = json.loads(text)
        if "split" in told:
            told["split"] = [[p for p in side if not self._is(p, gone)] for side in told["split"]]
            return encoded(told) if all(told["split"]) else None
        at = datetime.fromisoformat(told["at"])
        kept = [pair for pair in told["identities"]
                if not self._is(pair, gone)
                or self._called((Identity(*pair),), at) not in (name, None)]  # fmt: skip
        if len(kept) == len(told["identities"]):
            return text
        told["identities"] = kept
        return encoded(told) if kept else None

    def _is(self, pair: Sequence[str], some: frozenset[tuple[str, str]]) -> bool:
        formed = self._who.formed([Identity(*pair)])
        return any((one.namespace, one.value) in some for one in formed)

    # -- the journal of what was said

    def _forget_all(self) -> None:
        self._who = Identities(self.rules)
        self._changed: dict[str, None] = {}
        self._who.watched(lambda name: self._changed.setdefault(name))
        self._number = 0
        self._unsaid = ""

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
            finally:
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

    def _rewrite(
        self, tx: Transaction, left: Callable[[Said], str | None], now: datetime
    ) -> tuple[int, dict[str, tuple[int, State]]]:
        """Put what is left in place of what was said (None: nothing), and tell it all again."""
        before = self._who.ids()
        gone: list[int] = []
        changed: list[Said] = []
        after = 0
        while page := tx.said(after, _PAGE):
            for row in page:
                text = left(row)
                if text is None:
                    gone.append(row.number)
                elif text != row.text:
                    changed.append(evolve(row, text=text))
            after = page[-1].number
        tx.unsay(gone)
        tx.resay(changed)
        tx.note(_UNSAID, str(int(self._unsaid or 0) + 1))
        self._catch_up(tx)
        ids = self._who.ids()
        moved = dict.fromkeys(name for key, name in before.items() if ids.get(key) != name)
        moved |= dict.fromkeys(row.customer for row in changed)
        return len(gone), self._regroup(tx, moved, now)

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
        found: dict[str, list[Entry]] = {}
        open_ = sorted(set(names))
        while open_:
            tx.versions(open_)  # held first: what is read now stays
            more: set[str] = set()
            for name in open_:
                found[name] = tx.history(name)
                more.update(owner for one in found[name] if (owner := self._owner(one)))
                self._resaid(tx, name)
            open_ = sorted(more - set(found))
        for name in names:
            now_called = self._current(name)
            if now_called != name:
                tx.rename(name, now_called)
        found = {name: entries for name, entries in found.items() if entries}
        moves = any(self._owner(one) != name for name, held in found.items() for one in held)
        if not moves and not any(self._stale(one) for held in found.values() for one in held):
            return {}
        versions = tx.versions(sorted(found))
        before = self.live._states(tx, versions)
        clocks = [state.clock for state in before.values()]
        noted = tx.notes().get("advanced")
        clock = max([*clocks, *([read_time(noted)] if noted else [])])
        return self._again(tx, found, clock, now)

    def _resaid(self, tx: Transaction, name: str) -> None:
        tx.resay(
            evolve(row, customer=there) for row in tx.said_of(name)
            if (there := self._of(json.loads(row.text)) or name) != name
        )  # fmt: skip

    def _stale(self, entry: Entry) -> bool:
        """Whether it still names somebody who is nobody any more."""
        named = json.loads(entry.text).get("by", ())
        return any(not self._who.knows(Identity(*pair)) for pair in named)

    def _owner(self, entry: Entry) -> str | None:
        """Whose it is; None: what it was known by turned out to be nobody's own."""
        told = json.loads(entry.text)
        if "by" not in told:
            return self._current(entry.customer)
        at = datetime.fromisoformat(told["at"])
        return self._called(_read_pairs(told["by"]), at)

    def _again(
        self, tx: Transaction, found: dict[str, list[Entry]], clock: datetime, now: datetime
    ) -> dict[str, tuple[int, State]]:
        from journeymap.live.live import _held, _read, in_order

        earlier = [
            signal for held in found.values()
            for signal in _held(self.live._whole, list(map(_read, held)), clock)
        ]  # fmt: skip
        groups: dict[str, list[Entry]] = {}
        asides: list[Aside] = []
        entries = [one for held in found.values() for one in held]
        for entry in sorted(entries, key=lambda one: (one.arrived, one.customer, one.number)):
            name = self._owner(entry)
            if name is None:
                asides.append(Aside(entry.customer, entry.key, entry.arrived, _NOBODY, entry.text))
                continue
            named = _renamed(entry, name, groups.get(name, ()))
            groups.setdefault(name, []).append(self._fresh(named))
        tx.release(sorted(found))
        tx.append(one for held in groups.values() for one in held)
        tx.set_aside(asides)
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

    def _fresh(self, entry: Entry) -> Entry:
        """An entry that names nobody who was forgotten."""
        told = json.loads(entry.text)
        if "by" not in told:
            return entry
        by = [pair for pair in told["by"] if self._who.knows(Identity(*pair))]
        return entry if by == told["by"] else evolve(entry, text=encoded({**told, "by": by}))

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
