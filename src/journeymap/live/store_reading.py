"""Questions that `Live` answers from its store: positions, histories, who stands where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from attrs import evolve

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import Store, StoredState, Transaction, micros
from journeymap.interactions import Consent, Interaction, Trait
from journeymap.interactions.codec import read_interaction
from journeymap.live.dry_run import DryRun, dry_run
from journeymap.live.exporting import export_customer
from journeymap.live.journal import check_name, check_type, in_order, read_entry
from journeymap.live.resolution import IdentityResolution
from journeymap.live.states import States
from journeymap.live.statistics import Counters, Stats, make_stats
from journeymap.model import JourneyMap
from journeymap.tracking import Position, State
from journeymap.tracking.codec import position_in
from journeymap.tracking.fold_state import utc

__all__ = ["StoreReading"]

_PAGE = 1000  # customers read at once


class StoreReading:
    """The part of `Live` that reads, and writes nothing."""

    _store: Store
    _states: States
    _resolution: IdentityResolution | None
    _counters: Counters

    def stats(self) -> Stats:
        """Count what the store holds and what this process has done, for metrics.

        That it answers is a health check of the store.

        Returns:
            The statistics.

        Raises:
            StoreError: The store failed.
        """
        now = micros(self._states.now())
        return make_stats(self._store.read(lambda tx: tx.count(now)), self._counters)

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """Read all traits and consents that sources gave of a customer.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The facts in the order of their arrival; none without rules for identities.

        Raises:
            StoreError: The store failed.
        """
        return () if self._resolution is None else self._resolution.facts(customer)

    def position(self, customer: str, as_of: datetime | None = None) -> Position | None:
        """Find where a customer stands, or stood at a time.

        Args:
            customer: The customer's name, or any id that they ever had.
            as_of: The time (None: the state as last recorded or advanced, without the timers that
                came due since).

        Returns:
            The position; None of a customer who was not seen by then.

        Raises:
            ElementError: The customer is no text.
            InteractionError: The time has no zone, or a character of the name is not allowed.
            StoreError: The store failed.
        """
        state = self.state(customer, as_of)
        return None if state is None else state.position

    def state(self, customer: str, as_of: datetime | None = None) -> State | None:
        """Read everything that the tracker knows about a customer, now or at a time.

        Args:
            customer: The customer's name, or any id that they ever had.
            as_of: The time (None: the state as last recorded or advanced, without the timers that
                came due since).

        Returns:
            The state; None of a customer who was not seen by then.

        Raises:
            ElementError: The customer is no text.
            InteractionError: The time has no zone, or a character of the name is not allowed.
            StoreError: The store failed.
        """
        if as_of is None:
            name = self._current_id(customer)
            return self._store.read(lambda tx: self._states.one(tx, name))
        as_of = utc(as_of, "Live", "as_of")
        past = [one for one in self.history(customer) if one.at <= as_of]
        if not past:
            return None
        tracker = self._states.whole_tracker
        state, _ = tracker.follow(None, in_order(past))
        now = self.state(customer)
        assigned = None if now is None else now.assigned_id
        return evolve(tracker.advance(state, as_of)[0], assigned_id=assigned)

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """Read a customer's interactions in the order of their arrival.

        Args:
            customer: The customer's name, or any id that they ever had.

        Returns:
            The interactions.

        Raises:
            ElementError: The customer is no text.
            InteractionError: A character of the name is not allowed.
            StoreError: The store failed.
        """
        name = self._current_id(customer)
        return tuple(map(read_entry, self._store.read(lambda tx: tx.journal.history(name))))

    def set_aside(self) -> tuple[tuple[Interaction, str], ...]:
        """List the interactions that were set aside.

        Returns:
            Each interaction with its reason.

        Raises:
            StoreError: The store failed.
        """
        found = self._store.read(lambda tx: tx.set_aside.read())
        return tuple((read_interaction(json.loads(one.text)), one.reason) for one in found)

    def export(self, customer: str) -> dict[str, Any]:
        """Collect all that is known about a customer, as plain data.

        Args:
            customer: The customer's name, or any id that they ever had.

        Returns:
            The state, interactions, outbox, what was set aside, and the evidence.

        Raises:
            ElementError: The customer is no text.
            InteractionError: A character of the name is not allowed.
            StoreError: The store failed.
        """
        name = self._current_id(customer)
        return self._store.read(lambda tx: export_customer(tx, name))

    def customers(self, stage: str | None = None) -> Iterator[str]:
        """List the customers, or those who stand in a stage, as last recorded or advanced.

        Args:
            stage: The stage (None: any).

        Returns:
            Their names in order, read a thousand at a time.

        Raises:
            UnknownName: The map has no such stage.
            StoreError: The store failed.
        """
        wanted = None if stage is None else self._states.tracker.map.stages[stage].id
        found = self._stages(self._store.read)
        return (name for name, here in found if stage is None or here == wanted)

    def stage_counts(self) -> dict[str | None, int]:
        """Count the customers who stand in each stage, as last recorded or advanced.

        Returns:
            The numbers by stage, in the map's order (None: at touchpoints without a stage).

        Raises:
            StoreError: The store failed.
        """
        found = self._store.read(
            lambda tx: Counter(here for _, here in self._stages(lambda work: work(tx)))
        )
        stages = self._states.tracker.map.stages
        return {stage: found[stage] for stage in (*stages, None) if stage or found[stage]}

    def _stages(self, run: Callable[[Any], Any]) -> Iterator[tuple[str, str | None]]:
        """Give every customer with the stage of today's map."""

        def stages(tx: Transaction, names: list[str]) -> list[tuple[str, str | None]]:
            stored = tx.states.read(names)
            there = [name for name in names if name in stored]  # who was not forgotten meanwhile
            return [(name, self._stage_in(tx, stored[name])) for name in there]

        for _, found in customer_pages(run, _PAGE, stages):
            yield from found

    def _stage_in(self, tx: Transaction, stored: StoredState) -> str | None:
        if not self._states.outdated(stored):
            return position_in(stored.text)[0]
        here = self._states.decode(tx, stored).position
        return None if here is None else here.stage

    def dry_run(self, newer: JourneyMap, progress: Callable[[int], None] | None = None) -> DryRun:
        """Try another version of the map on the whole journal; nothing is written.

        Args:
            newer: The other version.
            progress: Called with the number of customers done so far.

        Returns:
            Which signals would be given more, and which would not, with examples.

        Raises:
            ElementError: It is no map.
            StoreError: The store failed.
        """
        check_type("newer", newer, JourneyMap, "a JourneyMap is expected")
        return dry_run(self._states, newer, progress)

    def _current_id(self, customer: str) -> str:
        """Return the id of a customer today."""
        name = check_name(customer)
        return name if self._resolution is None else self._resolution.current(name)
