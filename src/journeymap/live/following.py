"""Live: each interaction is recorded as it happens, and told what it makes true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from journeymap.adapters.storing import Aside, Entry, Kept, Letter, Store, Transaction
from journeymap.documents import dumps
from journeymap.exceptions import ElementError, InteractionError, UnknownName
from journeymap.interactions import Interaction
from journeymap.interactions.texts import interaction_text, read_interaction
from journeymap.live.outbox import Actions, Delivered, delivered, letters_of, post
from journeymap.live.rebuilding import Rebuilt, rebuilt
from journeymap.live.stores import opened
from journeymap.model import JourneyMap
from journeymap.tracking import Position, Signal, State, TooLate, Tracker
from journeymap.tracking.tracker import difference

__all__ = ["Live", "Receipt"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_REMEMBERED = 20_000
_BATCH = 500
_OUTGOING = ("moment reached", "moment overdue")
Signals = tuple[Signal, ...]


@frozen
class Receipt:
    """What came of recording one interaction.

    ``position`` is where the customer stands now, ``signals`` what it made true. A ``duplicate``
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
    taken them (a moment without an action asks for nothing). ``clock`` tells the time.

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
        store: str | Store = "memory",
        *,
        tolerance: timedelta = timedelta(minutes=5),
        outgoing: Sequence[str] = _OUTGOING,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
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
        self._tolerance, self._outgoing, self._clock = tolerance, frozenset(outgoing), clock
        self._cache: dict[str, tuple[int, State]] = {}
        self._store = opened(store)
        self._store.run(lambda tx: self._introduce(tx, document))

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
        now = self._clock()
        work = _Recording(self, now, given)
        receipts = self._store.run(work.done)
        self._remember(work.states)
        return receipts

    def advance(self, now: datetime | None = None) -> tuple[Signal, ...]:
        """Tell everything that came due by a time (None: the clock's), in order of time."""
        at = self._clock() if now is None else now
        told: list[Signal] = []
        while True:
            work = _Advancing(self, at)
            found = self._store.run(work.done)
            self._remember(work.states)
            told += found
            if len(work.states) < _BATCH:
                return tuple(sorted(told, key=lambda signal: signal.at))

    def position(self, customer: str, as_of: datetime | None = None) -> Position | None:
        """Where a customer stands, or stood at a time; None of one who was not seen by then."""
        state = self.state(customer, as_of)
        return None if state is None else state.position

    def state(self, customer: str, as_of: datetime | None = None) -> State | None:
        """Everything the tracker knows about a customer, now or at a time."""
        if as_of is None:
            return self._store.run(lambda tx: self._state(tx, customer))
        past = [one for one in self.history(customer) if one.at <= as_of]
        if not past:
            return None
        state, _ = self._whole.follow(None, sorted(past, key=lambda one: one.at))
        return self._whole.advance(state, as_of)[0]

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """A customer's interactions in the order of their arrival."""
        return tuple(map(_read, self._store.run(lambda tx: tx.history(customer))))

    def deliver(self, actions: Actions, now: datetime | None = None) -> Delivered:
        """Hand what waits in the outbox to actions; see `delivered`."""
        return delivered(self._store, actions, self._clock() if now is None else now)

    def dead_letters(self) -> tuple[tuple[str, str], ...]:
        """The signals that no action would take, each as its text with the last reason."""
        return tuple((one.text, one.reason) for one in self._store.run(lambda tx: tx.dead()))

    def set_aside(self) -> tuple[tuple[Interaction, str], ...]:
        """The interactions that were set aside, each with its reason."""
        found = self._store.run(lambda tx: tx.asides(None))
        return tuple((read_interaction(json.loads(one.text)), one.reason) for one in found)

    def forget(self, customer: str) -> None:
        """Remove every trace of a customer: journal, state, outbox, and what was set aside.

        Raises StoreError if the removed is still in the store's files: ``store.scrub()`` again.
        """
        self._cache.pop(customer, None)
        self._store.run(lambda tx: tx.forget(customer))
        self._store.scrub()

    def export(self, customer: str) -> dict[str, Any]:
        """All that is known about a customer, as plain data."""

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
            }

        return self._store.run(work)

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
        return self._retold(tx, kept.customer, json.loads(kept.text)["clock"])

    def _retold(self, tx: Transaction, customer: str, clock: str) -> State:
        """A state told again from the journal."""
        past = sorted(map(_read, tx.history(customer)), key=lambda one: one.at)
        state, _ = self._tracker.follow(None, past)
        return self._tracker.advance(state, datetime.fromisoformat(clock))[0]

    def _put(self, tx: Transaction, states: dict[str, State], versions: dict[str, int]) -> None:
        tx.put(
            Kept(name, versions.get(name, 0) + 1, self._mark,
                 None if state.due is None else _micros(state.due), self._tracker.to_json(state))
            for name, state in states.items()
        )  # fmt: skip

    def _remember(self, states: dict[str, tuple[int, State]]) -> None:
        if len(self._cache) > _REMEMBERED:
            self._cache.clear()
        self._cache.update(states)


class _Recording:
    """One batch on its way into the store; ``done`` may run again when others were in the way."""

    def __init__(self, live: Live, now: datetime, given: tuple[Interaction, ...]) -> None:
        self.live, self.now, self.given = live, now, given
        self.states: dict[str, tuple[int, State]] = {}

    def done(self, tx: Transaction) -> tuple[Receipt, ...]:
        """Write everything; what came of each."""
        live = self.live
        receipts: list[Receipt | None] = [None] * len(self.given)
        groups = self._accepted(tx, receipts)
        versions = tx.versions(list(groups))
        before = live._states(tx, versions)
        after: dict[str, State] = {}
        entries: list[Entry] = []
        letters: list[Letter] = []
        arrived = _micros(self.now)
        for name, places in groups.items():
            mine = [self.given[place] for place in places]
            state, told = self._followed(tx, before.get(name), mine)
            after[name] = state
            count, here = state.count - len(mine), state.position
            for number, (place, one, signals) in enumerate(zip(places, mine, told, strict=True), 1):
                receipts[place] = Receipt(name, here, signals)
                entries.append(_entry(one, count + number, arrived))
                letters += letters_of(signals, live._outgoing, arrived)
        tx.append(entries)
        live._put(tx, after, versions)
        if letters:
            post(tx, letters)
        self.states = {n: (versions.get(n, 0) + 1, state) for n, state in after.items()}
        return tuple(self._receipt(tx, place, one) for place, one in enumerate(receipts))

    def _accepted(self, tx: Transaction, receipts: list[Receipt | None]) -> dict[str, list[int]]:
        """The places of what is to be followed, by customer; the rest has its receipt."""
        limit = self.now + self.live._tolerance
        keys = {place: key for place, one in enumerate(self.given) if (key := _key(one))}
        known = tx.known(list(set(keys.values()))) if keys else set()
        groups: dict[str, list[int]] = {}
        asides: list[Aside] = []
        for place, one in enumerate(self.given):
            key = keys.get(place)
            if key is not None and key in known:
                receipts[place] = Receipt(one.customer, None, duplicate=True)
                continue
            if one.at > limit:
                when = f"at {one.at.isoformat()}, told at {self.now.isoformat()}"
                reason = f"it lies in the future: {when}"
                receipts[place] = Receipt(one.customer, None, set_aside=reason)
                asides.append(Aside(one.customer, _micros(self.now), reason, interaction_text(one)))
                continue
            if key is not None:
                known.add(key)
            groups.setdefault(one.customer, []).append(place)
        if asides:
            tx.set_aside(asides)
        return groups

    def _followed(
        self, tx: Transaction, before: State | None, mine: list[Interaction]
    ) -> tuple[State, tuple[Signals, ...]]:
        state, told = self.live._tracker.trace(before, mine)
        if not any(isinstance(signal, TooLate) for signals in told for signal in signals):
            return state, told
        # Something belongs into the past: it is all told again, and what differs is the news.
        whole = self.live._whole
        past = [_read(one) for one in tx.history(mine[0].customer)]
        clock = before.clock if before is not None else None
        news: list[Signals] = []
        earlier = _held(whole, past, clock)
        for one in mine:
            past.append(one)
            clock = max(clock, one.at.astimezone(UTC)) if clock else one.at.astimezone(UTC)
            now = _held(whole, past, clock)
            news.append(tuple(difference(earlier, now)))
            earlier = now
        assert clock is not None  # noqa: S101  # there is at least one interaction
        state, _ = self.live._tracker.follow(None, sorted(past, key=lambda one: one.at))
        return self.live._tracker.advance(state, clock)[0], tuple(news)

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
        names = tx.due(_micros(self.now), _BATCH)
        if not names:
            self.states = {}
            return []
        versions = tx.versions(names)
        after: dict[str, State] = {}
        found: list[Signal] = []
        for name, state in live._states(tx, versions).items():
            after[name], told = live._tracker.advance(state, self.now)
            found += told
        live._put(tx, after, versions)
        letters = letters_of(found, live._outgoing, _micros(live._clock()))
        if letters:
            post(tx, letters)
        self.states = {n: (versions.get(n, 0) + 1, state) for n, state in after.items()}
        return found


def _held(tracker: Tracker, past: Sequence[Interaction], clock: datetime | None) -> list[Signal]:
    """All that is true of some interactions at a time."""
    if not past:
        return []
    state, told = tracker.follow(None, sorted(past, key=lambda one: one.at))
    more: Signals = ()
    if clock is not None:
        _, more = tracker.advance(state, clock)
    return [*told, *more]


def _entry(one: Interaction, number: int, arrived: int) -> Entry:
    return Entry(one.customer, number, _key(one), _micros(one.at), arrived, interaction_text(one))


def _key(one: Interaction) -> str | None:
    return None if one.id is None else f"{one.source or ''}\x1f{one.id}"


def _read(entry: Entry) -> Interaction:
    return read_interaction(json.loads(entry.text))


def _micros(at: datetime) -> int:
    if at.tzinfo is None or at.utcoffset() is None:
        message = "a time without a zone is a guess; name it, as with tzinfo=UTC"
        raise InteractionError("Live", "now", at, message)
    return (at.astimezone(UTC) - _EPOCH) // _MICRO
