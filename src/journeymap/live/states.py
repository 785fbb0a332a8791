"""The customers' states: read, cached, brought to this version of the map, written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import datetime, timedelta
from secrets import randbits
from typing import TypeAlias

from attrs import evolve

from journeymap.adapters.store import Store, StoredState, Transaction, micros
from journeymap.adapters.stores.forks import call_at_fork
from journeymap.documents import dumps, loads
from journeymap.exceptions import StoreError
from journeymap.interactions import Interaction
from journeymap.live.changed_map import FormerMap, keep_version, read_versions
from journeymap.live.journal import advanced_to, in_order, read_entry
from journeymap.live.late import checkpoint_of
from journeymap.live.map_mark import mark_map
from journeymap.model import JourneyMap
from journeymap.tracking import Signal, State, TooLate, Tracker
from journeymap.tracking.codec import assigned_in, given_in, owed_in, read_time, state_data
from journeymap.tracking.fold_state import utc

__all__ = ["States", "Versioned"]

MAX_CACHED = 10_000
"""States kept in memory, those used last."""
HORIZON, REMEMBERED = timedelta(minutes=15), 32
"""How late an interaction may come without the customer's journal being read, and before how many
others: a state keeps so many."""
MAX_WRITES_BETWEEN = 10_000
"""Versions between two writes of one state: more means that it was begun anew at random."""

Versioned: TypeAlias = dict[str, tuple[int, State]]
"""States by customer, each with the version under which it was written."""


class States:
    """The states of a store, as one process sees them.

    Attributes:
        store: Where they are kept.
        tracker: Folds what comes in order, and what comes a little late; what comes later is found
            in the journal.
        whole_tracker: Folds a whole past, whatever its order of arrival.
        mark: A mark of this version of the map.
    """

    def __init__(
        self, journey: JourneyMap, store: Store, clock: Callable[[], datetime], *,
        accept_changes: bool = False,
    ) -> None:  # fmt: skip
        self.store, self._accept_changes = store, accept_changes
        self.tracker = Tracker(journey, HORIZON, remember=REMEMBERED)
        self.whole_tracker = Tracker(journey, None)
        self._document = dumps(journey, format="json")
        self.mark = mark_map(self._document)
        self._clock = clock
        self._cache: Versioned = {}
        self._former: dict[str, FormerMap] = {}
        self._turn = threading.Lock()
        call_at_fork(self._begin_anew)
        store.run(self._introduce)

    def _begin_anew(self) -> None:
        self._turn = threading.Lock()

    def apart(self) -> States:
        """Make a copy that shares no cache: what it reads may never be committed."""
        made = copy(self)
        made._cache = {}
        return made

    def now(self) -> datetime:
        """Read the clock, in UTC."""
        return utc(self._clock(), "Live", "clock")

    def one(self, tx: Transaction, customer: str) -> State | None:
        """Read the state of one customer."""
        return self.read(tx, tx.states.lock_versions([customer])).get(customer)

    def read(self, tx: Transaction, versions: Mapping[str, int]) -> dict[str, State]:
        """Read the states of some customers, folded along this version of the map."""
        found: dict[str, State] = {}
        for name, version in versions.items():
            cached = self._cache.get(name)
            if cached is not None and cached[0] == version:
                found[name] = cached[1]
                self._keep(name, cached)
        missing = [name for name in versions if name not in found]
        for name, stored in tx.states.read(missing).items() if missing else ():
            found[name] = self.decode(tx, stored)
            if not found[name].owed:  # or another version that goes on may give it meanwhile
                self._keep(name, (stored.version, found[name]))
        return found

    def outdated(self, stored: StoredState) -> bool:
        """Check whether a state was folded along another version of the map."""
        return stored.map != self.mark

    def decode(self, tx: Transaction, stored: StoredState) -> State:
        """Read a stored state; fold it along this version of the map if it is outdated.

        Signals of the past are not emitted again. Time is over up to where it was last let pass for
        everyone; but where something was due before that and was not emitted, only up to the
        customer's own clock, so that it still comes due. What the former version still waited for,
        and what by this one was due before, is owed: it is emitted next time.
        """
        if not self.outdated(stored):
            return self.tracker.from_json(stored.text)
        clock = read_time(state_data(stored.text)["clock"])
        state, signals = self._follow_on(tx, stored, clock)
        past: list[Interaction] | None = None
        if state is None:
            past = in_order(map(read_entry, tx.journal.history(stored.customer)))
            state, signals = self.tracker.follow(None, past)
            state = evolve(state, assigned_id=assigned_in(stored.text))
        advanced = advanced_to(tx)
        until = clock
        if advanced is not None and (stored.due is None or stored.due > micros(advanced)):
            until = max(clock, advanced)
        state, more = self.tracker.advance(state, until)
        state = evolve(state, owed=owed_in(stored.text), given=given_in(stored.text))
        former = self._former_map(tx, stored)
        if former is None or not former.changed:
            return state
        if past is None:
            if not former.concerns((*signals, *more), state):
                return state  # two versions at work: neither folds everything at every turn
            past = in_order(map(read_entry, tx.journal.history(stored.customer)))
        return former.settle(state, (*signals, *more), past, until)

    def _former_map(self, tx: Transaction, stored: StoredState) -> FormerMap | None:
        """Find the version of the map along which a state was folded, if it is kept."""
        if stored.map not in self._former:
            notes = tx.meta.read()
            known = [notes["map"]] if "map" in notes else []
            for document in (*known, *read_versions(notes)):
                former = FormerMap.of(loads(document, format="json"), self.tracker.map)
                self._former[mark_map(document)] = former
        return self._former.get(stored.map)

    def _follow_on(
        self, tx: Transaction, stored: StoredState, clock: datetime
    ) -> tuple[State | None, tuple[Signal, ...]]:
        """Fold what came since this process last saw a customer; None if it has to begin anew.

        It has, too, where this process let more time pass for the customer than the store has: what
        came in that time waits for what is still to be emitted.
        """
        version, state = self._cache.get(stored.customer, (0, None))
        if (
            state is None
            or state.clock > clock
            or not 0 < stored.version - version < MAX_WRITES_BETWEEN
        ):
            return None, ()
        newer = in_order(map(read_entry, tx.journal.history(stored.customer, state.count)))
        if not newer:
            return state, ()
        state, signals = self.tracker.follow(state, newer)
        late = any(isinstance(one, TooLate) for one in signals)
        return (None, ()) if late else (state, signals)

    def write(
        self, tx: Transaction, states: Mapping[str, State], versions: Mapping[str, int]
    ) -> Versioned:
        """Write states, and give them with their new versions.

        The version of a new customer begins at random, so that one that was forgotten is not
        taken for what it was.
        """
        made = {
            name: (versions[name] + 1 if name in versions else randbits(52), state)
            for name, state in states.items()
        }
        rows = [
            StoredState(name, version, self.mark,
                        None if state.due is None else micros(state.due),
                        self.tracker.to_json(state))
            for name, (version, state) in made.items()
        ]  # fmt: skip
        tx.states.insert(one for one in rows if one.customer not in versions)
        tx.states.update(one for one in rows if one.customer in versions)
        return made

    def keep_checkpoint(
        self, tx: Transaction, before: State | None, after: State, given: Iterable[Interaction]
    ) -> None:
        """Write the checkpoint that is due, if one is; remove one that is not right any more."""
        if before is not None and before.recent:
            base = before.recent[0][1].at
            if any(one.at <= base for one in given):  # at the very time of the last checkpoint
                tx.checkpoints.drop(before.customer, micros(base), micros(base), self.mark)
        made = checkpoint_of(before, after, self.mark)
        if made is not None:
            tx.checkpoints.add([made])

    def cache(self, states: Versioned) -> None:
        """Keep states in memory, once the transaction that wrote them has ended."""
        for name, versioned in states.items():
            self._keep(name, versioned)

    def _keep(self, name: str, versioned: tuple[int, State]) -> None:
        """Keep a state as the one used last; the one not used for longest gives way."""
        with self._turn:
            self._cache.pop(name, None)
            self._cache[name] = versioned
            if len(self._cache) > MAX_CACHED:
                del self._cache[next(iter(self._cache))]

    def drop(self, customer: str) -> None:
        """Remove a customer from the cache."""
        self._cache.pop(customer, None)

    def write_map(self, tx: Transaction) -> None:
        """Write this version of the map as the store's."""
        notes = tx.meta.read()
        if "map" in notes:
            keep_version(tx, notes, notes["map"])
        tx.meta.set("map", self._document)

    def _introduce(self, tx: Transaction) -> None:
        notes = tx.meta.read()
        kept = notes.get("map")
        if kept is None:
            self.write_map(tx)
            return
        other = json.loads(kept)["id"]
        if other != self.tracker.map.id and not self._accept_changes:
            message = (
                f"its customers are followed along the map {other!r}, not {self.tracker.map.id!r};"
                " to change that, open it with accept_changes=True, and call rebuild()"
            )
            raise StoreError(self.store.address, message)
        if mark_map(kept) != self.mark:  # others may go on with that one
            keep_version(tx, notes, self._document)
