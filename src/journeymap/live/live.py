"""Live: each interaction is recorded as it happens, and told what it makes true."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from secrets import randbits
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from journeymap.adapters.store import (
    Aside,
    Entry,
    Kept,
    Letter,
    Store,
    Transaction,
    micros,
)
from journeymap.documents import dumps
from journeymap.exceptions import ElementError, InteractionError, UnknownName
from journeymap.identity import Identities, IdentityRules, Linked
from journeymap.interactions import Consent, Evidence, Identity, Interaction, Record, Trait
from journeymap.interactions.codec import (
    encoded,
    interaction_data,
    interaction_text,
    read_interaction,
)
from journeymap.live.open_store import opened
from journeymap.live.outbox import Actions, Delivered, delivered, letters_of, post
from journeymap.live.rebuilding import Rebuilt, rebuilt
from journeymap.live.resolution import Knowing
from journeymap.model import JourneyMap
from journeymap.model.rules import clean
from journeymap.tracking import Position, Signal, State, TooLate, Tracker
from journeymap.tracking.codec import read_time, state_data
from journeymap.tracking.fold_state import LONG_AGO, utc
from journeymap.tracking.tracker import difference

__all__ = ["Live", "Receipt"]

_REMEMBERED = 20_000
_BATCH = 500
_ADVANCED = "advanced"
_LONGEST = 500  # bytes of a customer's name: more, no database keeps in an index
_OUTGOING = ("moment reached", "moment overdue")
Signals = tuple[Signal, ...]


@frozen
class Receipt:
    """What came of recording one interaction.

    ``position`` is where the customer stands now, ``signals`` what it made true (of several that
    come late together, all that they change comes with the first). A ``duplicate``
    had been recorded before, and changed nothing; ``set_aside`` is the reason why an interaction
    was kept apart and not followed (None: it was).
    """

    customer: str
    position: Position | None
    signals: Signals = ()
    duplicate: bool = False
    set_aside: str | None = None


class Live:
    """Customers followed along a map as things happen, with nothing lost when the process dies.

    ``store`` is an address (see ``opened``) or a store. An interaction, the state it leads to and
    the signals that ask for an action are written together. An interaction that comes late is
    put where it belongs, however late it is. One from the future by more than ``tolerance`` is
    set aside. ``outgoing`` are the kinds of signals that wait in the outbox until an action has
    taken them (a moment without an action asks for nothing). With rules for ``identities``,
    customers are known by them, and ``take`` learns who is who. ``clock`` tells the time.

    >>> from journeymap.model import Stage, Touchpoint
    >>> shop = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")],
    ...                   touchpoints=[Touchpoint("order", "choose"), Touchpoint("open", "use")])
    >>> live = Live(shop, store="memory")
    >>> order = Interaction("ada", "order", datetime(2026, 3, 1, tzinfo=UTC), source="shop", id="1")
    >>> live.record(order).position.stage
    'choose'
    >>> live.record(order).duplicate
    True
    """

    def __init__(
        self,
        journey: JourneyMap,
        store: str | os.PathLike[str] | Store = "memory",
        *,
        tolerance: timedelta = timedelta(minutes=5),
        outgoing: Sequence[str] = _OUTGOING,
        identities: IdentityRules | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        _expected("journey", journey, JourneyMap, "a JourneyMap is expected")
        _expected("tolerance", tolerance, timedelta, "a length of time is expected")
        if tolerance < timedelta(0):
            raise ElementError("Live", "tolerance", tolerance, "a length of time is expected")
        kinds = tuple(kind.kind for kind in Signal.__subclasses__())
        for kind in outgoing:
            if kind not in kinds:
                raise UnknownName("kind of signal", kind, kinds)
        self._tracker = Tracker(journey, timedelta(0))  # what comes late is told by the journal
        self._whole = Tracker(journey, None)
        document = dumps(journey, format="json")
        self._mark = blake2b(document.encode(), digest_size=12).hexdigest()
        self._tolerance, self._outgoing = tolerance, frozenset(outgoing)
        if identities is not None:
            _expected("identities", identities, IdentityRules, "IdentityRules are expected")
        self._told_time = clock
        self._cache: dict[str, tuple[int, State]] = {}
        self._store = opened(store)
        self._store.run(lambda tx: self._introduce(tx, document))
        self._who = None if identities is None else Knowing(self, identities)

    @property
    def map(self) -> JourneyMap:
        """The map that customers are followed along."""
        return self._tracker.map

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        return self._store

    def record(self, interaction: Interaction) -> Receipt:
        """Record an interaction; when this returns, it will not be lost.

        Raises StoreError, with nothing written, when the store fails.
        """
        return self.record_many((interaction,))[0]

    def record_many(self, interactions: Iterable[Interaction]) -> tuple[Receipt, ...]:
        """Record several together: all are written, or none."""
        given = tuple(interactions)
        for one in given:
            _fitting(one)
        now = self._clock()
        work = _Recording(self, now, given)
        receipts = self._store.run(work.done)
        self._remember(work.states)
        return receipts

    def advance(self, now: datetime | None = None) -> tuple[Signal, ...]:
        """Tell everything that came due by a time (None: the clock's), in order of time."""
        at = self._clock() if now is None else utc(now, "Live", "now")
        self._store.run(lambda tx: _note_time(tx, at))
        told: list[Signal] = []
        while True:
            work = _Advancing(self, at)
            found = self._store.run(work.done)
            self._remember(work.states)
            told += found
            if len(work.states) < _BATCH:
                return tuple(sorted(told, key=lambda signal: signal.at))

    def take(self, records: Iterable[Record]) -> tuple[Receipt, ...]:
        """Record what sources say: who is who, what is known of them, and what happened.

        All is written together, or nothing; one receipt for each record, in order. What turns out
        to be of one customer is told as one, and what is no longer true is withdrawn. Raises
        ElementError without rules for identities.
        """
        return self._knowing.take(tuple(records))

    def take_back(self, batch: str) -> int:
        """Withdraw all that a batch of probable links said; answers how many pieces."""
        return self._knowing.withdraw(batch)

    def link(self, pairs: Iterable[Evidence], *, threshold: float, batch: str) -> Linked:
        """Learn probable links; see `Identities.link`. They are withdrawn with ``take_back``."""
        return self._knowing.link(tuple(pairs), threshold, batch)

    def split(
        self, customer: str, identities: Iterable[Identity], *, reason: str
    ) -> tuple[str, str]:
        """Rule that some identities of a customer are somebody else's, for good.

        Answers the ids of both. Journal and states follow. Raises IdentityError.
        """
        return self._knowing.split(customer, tuple(identities), reason)

    @property
    def identities(self) -> Identities | None:
        """Who is who, as far as this store knows (None: without rules for identities)."""
        return None if self._who is None else self._who.known()

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """What was ever said of a customer: traits, and what they allow."""
        return () if self._who is None else self._who.facts(customer)

    @property
    def _knowing(self) -> Knowing:
        if self._who is None:
            message = "rules are needed to know customers by their identities: identities=…"
            raise ElementError("Live", "identities", None, message)
        return self._who

    def _called(self, customer: str) -> str:
        """The id of a customer today."""
        name = _named(customer)
        return name if self._who is None else self._who.current(name)

    def position(self, customer: str, as_of: datetime | None = None) -> Position | None:
        """Where a customer stands, or stood at a time; None of one who was not seen by then."""
        state = self.state(customer, as_of)
        return None if state is None else state.position

    def state(self, customer: str, as_of: datetime | None = None) -> State | None:
        """Everything the tracker knows about a customer, now or at a time."""
        if as_of is None:
            name = self._called(customer)
            return self._store.read(lambda tx: self._state(tx, name))
        as_of = utc(as_of, "Live", "as_of")
        past = [one for one in self.history(customer) if one.at <= as_of]
        if not past:
            return None
        state, _ = self._whole.follow(None, in_order(past))
        return self._whole.advance(state, as_of)[0]

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """A customer's interactions in the order of their arrival."""
        name = self._called(customer)
        return tuple(map(_read, self._store.read(lambda tx: tx.history(name))))

    def deliver(self, actions: Actions, now: datetime | None = None) -> Delivered:
        """Hand what waits in the outbox to actions; see `delivered`."""
        return delivered(self._store, actions, self._clock() if now is None else now)

    def dead_letters(self) -> tuple[tuple[str, str], ...]:
        """The signals that no action would take, each as its text with the last reason."""
        return tuple((one.text, one.reason) for one in self._store.read(lambda tx: tx.dead()))

    def set_aside(self) -> tuple[tuple[Interaction, str], ...]:
        """The interactions that were set aside, each with its reason."""
        found = self._store.read(lambda tx: tx.asides(None))
        return tuple((read_interaction(json.loads(one.text)), one.reason) for one in found)

    def forget(self, customer: str) -> None:
        """Remove every trace of a customer: journal, state, outbox, what was set aside, and what
        is known of them under any of their names.

        Raises StoreError if the removed is still in the store's files: ``store.scrub()`` again.
        """
        self._cache.pop(_named(customer), None)
        if self._who is not None:
            self._who.forget(customer)
        else:
            self._store.run(lambda tx: tx.forget(customer))
        self._store.scrub()

    def export(self, customer: str) -> dict[str, Any]:
        """All that is known about a customer, as plain data."""

        customer = self._called(customer)

        def work(tx: Transaction) -> dict[str, Any]:
            kept = tx.states([customer]).get(customer)
            return {
                "customer": customer,
                "state": None if kept is None else json.loads(kept.text),
                "interactions": [json.loads(one.text) for one in tx.history(customer)],
                "outbox": [
                    {"signal": json.loads(one.text), "status": one.status, "reason": one.reason}
                    for one in tx.outbox(customer)
                ],
                "set_aside": [
                    {"interaction": json.loads(one.text), "reason": one.reason}
                    for one in tx.asides(customer)
                ],
                "said": [json.loads(one.text) for one in tx.said_of(customer)],
            }

        return self._store.read(work)

    def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """Apply this version of the map to every customer; says what that changed.

        States are told again from the journal. Nothing of the past is carried out again: the
        outbox stays as it is. It can be interrupted, and goes on where it was.
        """
        return rebuilt(self, progress)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def __repr__(self) -> str:
        return f"<Live along {self.map.id!r}, kept in {self._store.address}>"

    def _clock(self) -> datetime:
        return utc(self._told_time(), "Live", "clock")

    def _introduce(self, tx: Transaction, document: str) -> None:
        if "map" not in tx.notes():
            tx.note("map", document)

    def _state(self, tx: Transaction, customer: str) -> State | None:
        return self._states(tx, tx.versions([customer])).get(customer)

    def _states(self, tx: Transaction, versions: Mapping[str, int]) -> dict[str, State]:
        """The states of some customers, told along this version of the map."""
        found: dict[str, State] = {}
        for name, version in versions.items():
            known = self._cache.get(name)
            if known is not None and known[0] == version:
                found[name] = known[1]
        missing = [name for name in versions if name not in found]
        for name, kept in tx.states(missing).items() if missing else ():
            found[name] = self._read_state(tx, kept)
            self._cache[name] = (kept.version, found[name])
        return found

    def _read_state(self, tx: Transaction, kept: Kept) -> State:
        if kept.map == self._mark:
            return self._tracker.from_json(kept.text)
        # Told again from the journal, up to where time was last let pass for anybody: the past of
        # one customer is over as that of another is.
        clock = read_time(state_data(kept.text)["clock"])
        noted = tx.notes().get(_ADVANCED)
        clock = clock if noted is None else max(clock, read_time(noted))
        state, _ = self._tracker.follow(None, in_order(map(_read, tx.history(kept.customer))))
        return self._tracker.advance(state, clock)[0]

    def _put(
        self, tx: Transaction, states: dict[str, State], versions: Mapping[str, int]
    ) -> dict[str, tuple[int, State]]:
        """Keep states; they, with the versions they have now.

        A new customer's begins at random: one that was forgotten is not taken for what it was.
        """
        made = {
            name: (versions[name] + 1 if name in versions else randbits(52), state)
            for name, state in states.items()
        }
        kept = [
            Kept(name, version, self._mark,
                 None if state.due is None else micros(state.due), self._tracker.to_json(state))
            for name, (version, state) in made.items()
        ]  # fmt: skip
        tx.insert(one for one in kept if one.customer not in versions)
        tx.put(one for one in kept if one.customer in versions)
        return made

    def _remember(self, states: dict[str, tuple[int, State]]) -> None:
        if len(self._cache) > _REMEMBERED:
            self._cache.clear()
        self._cache.update(states)


class _Recording:
    """One batch on its way into the store; ``done`` may run again when others were in the way."""

    def __init__(
        self, live: Live, now: datetime, given: tuple[Interaction, ...],
        by: tuple[Sequence[Identity], ...] = (),
    ) -> None:  # fmt: skip
        self.live, self.now, self.given, self.by = live, now, given, by
        self.states: dict[str, tuple[int, State]] = {}

    def done(self, tx: Transaction) -> tuple[Receipt, ...]:
        """Write everything; what came of each."""
        live = self.live
        if live._who is not None and not self.by:
            self.given = live._who.named(tx, self.given)
        receipts: list[Receipt | None] = [None] * len(self.given)
        groups = self._accepted(tx, receipts)
        versions = tx.versions(list(groups))
        before = live._states(tx, versions)
        after: dict[str, State] = {}
        entries: list[Entry] = []
        letters: list[Letter] = []
        arrived = micros(self.now)
        for name, places in groups.items():
            mine = [self.given[place] for place in places]
            state, told = self._followed(tx, before.get(name), mine)
            after[name] = state
            count, here = state.count - len(mine), state.position
            for number, (place, one, signals) in enumerate(zip(places, mine, told, strict=True), 1):
                receipts[place] = Receipt(name, here, signals)
                by = self.by[place] if self.by else ()
                entries.append(_entry(one, count + number, arrived, by))
                letters += letters_of(signals, live._outgoing, arrived)
        tx.append(entries)
        self.states = live._put(tx, after, versions)
        if letters:
            post(tx, letters)
        return tuple(self._receipt(tx, place, one) for place, one in enumerate(receipts))

    def _accepted(self, tx: Transaction, receipts: list[Receipt | None]) -> dict[str, list[int]]:
        """The places of what is to be followed, by customer; the rest has its receipt."""
        limit = self.now + self.live._tolerance
        keys = {place: key for place, one in enumerate(self.given) if (key := _key(one))}
        found = tx.known(list(set(keys.values()))) if keys else {}
        known = {key for key, recorded in found.items() if recorded}
        aside = {key for key in found if key not in known}
        groups: dict[str, list[int]] = {}
        asides: list[Aside] = []
        readmitted: list[str] = []
        for place, one in enumerate(self.given):
            key = keys.get(place)
            if key is not None and key in known:
                receipts[place] = Receipt(one.customer, None, duplicate=True)
                continue
            if one.at > limit:
                when = f"at {one.at.isoformat()}, told at {self.now.isoformat()}"
                reason = f"it lies in the future: {when}"
                receipts[place] = Receipt(one.customer, None, set_aside=reason)
                if key is None or key not in aside:
                    text = interaction_text(one)
                    asides.append(Aside(one.customer, key, micros(self.now), reason, text))
                    aside.add(key or "")
                continue
            if key is not None:
                known.add(key)
                if key in aside:
                    readmitted.append(key)
            groups.setdefault(one.customer, []).append(place)
        if asides:
            tx.set_aside(asides)
        if readmitted:
            tx.readmit(readmitted)
        return groups

    def _followed(
        self, tx: Transaction, before: State | None, mine: list[Interaction]
    ) -> tuple[State, tuple[Signals, ...]]:
        state, told = self.live._tracker.trace(before, mine)
        if not any(isinstance(signal, TooLate) for signals in told for signal in signals):
            return state, told
        # Something belongs into the past: it is all told again, and what differs is the news. It
        # comes with the first that is late: what each alone would have changed, nobody asks.
        place = next(
            place for place, signals in enumerate(told)
            if any(isinstance(signal, TooLate) for signal in signals)
        )  # fmt: skip
        name, clock = mine[0].customer, before.clock if before is not None else None
        past = [*map(_read, tx.history(name)), *mine[:place]]
        earlier = _held(self.live._whole, past, _latest(clock, mine[:place]))
        clock = _latest(clock, mine)
        everything = in_order([*past, *mine[place:]])
        news = difference(earlier, _held(self.live._whole, everything, clock))
        state, _ = self.live._tracker.follow(None, everything)
        assert state.count == len(everything)  # noqa: S101  # none of them is late now
        rest: list[Signals] = [()] * (len(mine) - place - 1)
        return self.live._tracker.advance(state, clock)[0], (*told[:place], tuple(news), *rest)

    def _receipt(self, tx: Transaction, place: int, made: Receipt | None) -> Receipt:
        if made is not None and made.position is not None:
            return made
        assert made is not None  # noqa: S101  # each has been given one
        state = self.states.get(made.customer)
        if state is None:
            found = self.live._state(tx, made.customer)
            position = found.position if found is not None else None
        else:
            position = state[1].position
        return Receipt(made.customer, position, (), made.duplicate, made.set_aside)


class _Advancing:
    """Time passing for those of whom something is due."""

    def __init__(self, live: Live, now: datetime) -> None:
        self.live, self.now = live, now
        self.states: dict[str, tuple[int, State]] = {}

    def done(self, tx: Transaction) -> list[Signal]:
        """Write everything; what came due."""
        live = self.live
        names = tx.due(micros(self.now), _BATCH)
        if not names:
            self.states = {}
            return []
        versions = tx.versions(names)
        after: dict[str, State] = {}
        found: list[Signal] = []
        for name, state in live._states(tx, versions).items():
            after[name], told = live._tracker.advance(state, self.now)
            found += told
        self.states = live._put(tx, after, versions)
        letters = letters_of(found, live._outgoing, micros(live._clock()))
        if letters:
            post(tx, letters)
        return found


def _held(tracker: Tracker, past: Sequence[Interaction], clock: datetime) -> list[Signal]:
    """All that is true of some interactions at a time."""
    if not past:
        return []
    state, told = tracker.follow(None, in_order(past))
    _, more = tracker.advance(state, clock)
    return [*told, *more]


def _latest(clock: datetime | None, given: Iterable[Interaction]) -> datetime:
    times = [one.at.astimezone(UTC) for one in given]
    return max(times if clock is None else [clock, *times], default=LONG_AGO)


def _entry(one: Interaction, number: int, arrived: int, by: Sequence[Identity]) -> Entry:
    data = interaction_data(one)
    if by:  # by whom it was known: read when who is who changes
        data["by"] = [[identity.namespace, identity.value] for identity in by]
    text = encoded(data)
    return Entry(one.customer, number, _key(one), micros(one.at), arrived, text)


def _key(one: Interaction) -> str | None:
    return None if one.id is None else f"{one.source or ''}\x1f{one.id}"


def _read(entry: Entry) -> Interaction:
    return read_interaction(json.loads(entry.text))


def in_order(interactions: Iterable[Interaction]) -> list[Interaction]:
    """Interactions in order of time, in UTC: two of one zone are compared by the clock on the
    wall, which is set back once a year. Ties keep the order of arrival."""
    return sorted(interactions, key=lambda one: one.at.astimezone(UTC))


def _note_time(tx: Transaction, at: datetime) -> None:
    """Up to when time was let pass: a new version of the map begins there."""
    noted = tx.notes().get(_ADVANCED)
    if noted is None or read_time(noted) < at:
        tx.note(_ADVANCED, at.isoformat())


def _named(customer: str) -> str:
    """The name of a customer, as an interaction may have it."""
    _expected("customer", customer, str, "a text is expected")
    wrong = clean(customer)
    if wrong is not None:
        raise InteractionError("Live", "customer", customer, wrong)
    return customer


def _expected(name: str, value: object, kind: type, message: str) -> None:
    if not isinstance(value, kind):
        raise ElementError("Live", name, value, message)


def _fitting(one: Interaction) -> None:
    """What every store can hold."""
    _expected("record", one, Interaction, "an Interaction is expected")
    if one.at.tzinfo is not UTC:
        utc(one.at, "Interaction", "at")
    for name, text, most in (("customer", one.customer, _LONGEST), ("id", _key(one), 2 * _LONGEST)):
        if text is not None and len(text) > most // 4 and len(text.encode()) > most:
            message = f"a store keeps at most {most} bytes of it (with the source, of an id)"
            raise InteractionError("Interaction", name, text[:40], message)
