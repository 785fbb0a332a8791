"""Live: each interaction is recorded as it happens, and answered with what it makes true."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from journeymap.adapters.joining import JoiningStore
from journeymap.adapters.store import Store, Transaction
from journeymap.adapters.stores.open_store import open_store
from journeymap.exceptions import ElementError, StoreError, UnknownName
from journeymap.identity import Identities, IdentityRules, LinkReport
from journeymap.interactions import Evidence, Identity, Interaction, Record
from journeymap.live.choosing import Choosing
from journeymap.live.correcting import Correcting
from journeymap.live.forgetting import forget_customer, time_to_forget
from journeymap.live.forgetting_referrals import forget_referrals
from journeymap.live.group_commit import GroupCommit, WrittenAnywayError
from journeymap.live.handlers import Breaker
from journeymap.live.journal import (
    check_name,
    check_storable,
    check_type,
    journal_key,
    note_advance,
)
from journeymap.live.kept_rules import check_rules_given
from journeymap.live.log_lines import write_log
from journeymap.live.maintenance import StoreMaintenance
from journeymap.live.map_names import MapNames
from journeymap.live.recording import BATCH, Advancing, Receipt, Recording, Returning, Settings
from journeymap.live.removed import Marks
from journeymap.live.resolution import IdentityResolution
from journeymap.live.signal_delivery import SignalDelivery
from journeymap.live.states import States
from journeymap.live.statistics import Counters
from journeymap.live.store_reading import StoreReading
from journeymap.model import JourneyMap
from journeymap.model.rules import as_length, fault_in_text
from journeymap.profile import Choice, NextBest
from journeymap.tracking import Signal
from journeymap.tracking.fold_state import utc

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["Live"]

_OUTGOING = ("moment reached", "moment overdue", "metric missed", "metric met again")


class Live(StoreReading, StoreMaintenance, SignalDelivery):
    """Follows customers along a map as things happen, with nothing lost when the process dies.

    An interaction, the state it leads to and the signals that ask for an action are written
    together. An interaction that comes late is put where it belongs, however late it is. Close it
    when done, or use it in a ``with`` statement.

    >>> from journeymap.model import Stage, Touchpoint
    >>> shop = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")],
    ...                   touchpoints=[Touchpoint("order", "choose"), Touchpoint("open", "use")])
    >>> order = Interaction("ada", "order", datetime(2026, 3, 1, tzinfo=UTC), source="shop", id="1")
    >>> with Live(shop, store="memory") as live:
    ...     first, again = live.record(order), live.record(order)
    >>> first.position.stage, again.duplicate
    ('choose', True)
    """

    def __init__(
        self,
        map: JourneyMap,  # noqa: A002
        store: str | os.PathLike[str] | Store | Engine = "memory",
        *,
        tolerance: str | timedelta = timedelta(minutes=5),
        outgoing: Sequence[str] = _OUTGOING,
        identities: IdentityRules | None = None,
        accept_changes: bool = False,
        strict: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open a store, and make it ready for a map.

        Args:
            map: The map along which customers are followed.
            store: An address (see `open_store`), an engine of SQLAlchemy's, or a store.
            tolerance: How far an interaction may lie in the future; beyond, it is set aside.
            outgoing: The kinds of signals that wait in the outbox until an action has taken
                them. A moment without an action asks for nothing.
            identities: The rules by which ``take`` learns which identities belong together.
            accept_changes: Whether a store is opened that was written along another map, or whose
                customers were grouped by other rules: call ``rebuild`` then.
            strict: Whether interactions are set aside whose touchpoint, channel or outcome the map
                does not know. Otherwise they are followed, and counted (``stats().unknown``).
            clock: Gives the time, with its zone.

        Raises:
            ElementError: An argument is of another type.
            UnknownName: A kind of signal, or the address of the store, is not known.
            StoreError: The store cannot be opened, or was written along another map (a new version
                of the same one is none) or by other rules.
            AdapterError: The package of the store cannot be loaded.
        """
        tolerance = as_length(tolerance)
        _check_arguments(map, tolerance, outgoing, identities)
        self._marks = Marks(identities)
        self._names = MapNames(map)
        names = self._names if strict else None
        self._settings = Settings(tolerance, frozenset(outgoing), self._marks, names)
        self._breakers: dict[str, Breaker] = {}
        self._counters = Counters()
        self._store = open_store(store)
        joins = isinstance(self._store, JoiningStore)
        self._group = GroupCommit(self._write, concurrent=joins)
        try:
            self._store.run(self._marks.introduce)
            self._states = States(map, self._store, clock, accept_changes=accept_changes)
            if identities is None:
                check_rules_given(self._store.address, self._store.read(lambda tx: tx.meta.read()))
            self._resolution = None if identities is None else IdentityResolution(
                self._states, self._settings, identities, accept_changes=accept_changes
            )  # fmt: skip
        except BaseException:
            if self._store is not store:
                self._store.close()
            raise

    @property
    def map(self) -> JourneyMap:
        """The map along which customers are followed."""
        return self._states.tracker.map

    @property
    def store(self) -> Store:
        """The store in which everything is kept."""
        return self._store

    def record(self, interaction: Interaction) -> Receipt:
        """Record an interaction; when this returns, it will not be lost.

        Args:
            interaction: What happened.

        Returns:
            Where the customer stands now, and what became true.

        Raises:
            ElementError: It is no Interaction.
            InteractionError: Its customer or its id is too long for a store.
            StoreError: The store failed; nothing was written.
        """
        return self.record_many((interaction,))[0]

    def record_many(self, interactions: Iterable[Interaction]) -> tuple[Receipt, ...]:
        """Record several interactions together: all are written, or none.

        What other threads record meanwhile may be written in the same transaction.

        Args:
            interactions: The interactions, in order of arrival.

        Returns:
            A receipt for each.

        Raises:
            ElementError: One is no Interaction; nothing was written.
            InteractionError: A customer or an id is too long for a store; nothing was written.
            StoreError: The store failed; nothing was written.
        """
        given = tuple(interactions)
        for one in given:
            check_storable(one)
        receipts = self._group.record(given)
        self._count(receipts, given)
        return receipts

    def _count(self, receipts: tuple[Receipt, ...], given: Iterable[Interaction | None]) -> None:
        """Count what came of interactions, and those at touchpoints that the map does not know."""
        unknown = sum(
            not (receipt.duplicate or receipt.set_aside or one is None
                 or self._names.knows_touchpoint(one.touchpoint))
            for receipt, one in zip(receipts, given, strict=True)
        )  # fmt: skip
        self._counters.add(receipts, unknown)

    def record_within(
        self, connection: Any, interactions: Iterable[Interaction]
    ) -> tuple[Receipt, ...]:
        """Record interactions in a transaction of the application's: with its rows, or not at all.

        Nothing is committed here. Until the transaction ends, others who record the same customers
        wait, and so does whoever is merged or forgotten: keep it short.

        Args:
            connection: A SQLAlchemy connection to the store's database, in a transaction; of a
                session, ``session.connection()``.
            interactions: The interactions, in order of arrival.

        Returns:
            A receipt for each; it holds if the transaction is committed.

        Raises:
            ElementError: One is no Interaction, or the store is none that can join: a `SqlStore`
                can.
            InteractionError: A customer or an id is too long for a store.
            StoreError: The store failed; the transaction can go on without the interactions.
        """
        given = tuple(interactions)
        for one in given:
            check_storable(one)
        store = self._store
        if not isinstance(store, JoiningStore):
            message = "this store has a database of its own; a SqlStore joins yours"
            raise ElementError("Live", "store", store.address, message)
        apart = self._states.apart()
        work = Recording(apart, self._settings, apart.now(), given)
        if self._resolution is None:
            receipts = store.run_within(connection, work.write)
        else:
            receipts = self._resolution.record_within(store, connection, work)
        self._count(receipts, given)
        return receipts

    def _write(self, given: tuple[Interaction, ...]) -> tuple[Receipt, ...]:
        work = Recording(self._states, self._settings, self._states.now(), given)
        try:
            if self._resolution is not None:
                return self._resolution.write(work)
            receipts = self._store.run(work.write)
            self._states.cache(work.written)
        except StoreError:
            raise
        except BaseException as error:
            if work.was_written(self._store):
                raise WrittenAnywayError(work.receipts, error) from error
            raise
        return receipts

    def choose(self, offers: NextBest, customer: str, *, channel: str | None = None) -> Choice:
        """Choose the best offer for a customer now, and record that they are met with it.

        In one transaction: however many processes choose at once, contact limits hold. The contact
        is an interaction at the offer's touchpoint, with the source ``journeymap``; of an offer
        without a touchpoint, and where there is no best one, nothing is recorded.

        Args:
            offers: What chooses.
            customer: The customer's name, or any id that they ever had.
            channel: The channel of the contact.

        Returns:
            The choice.

        Raises:
            ElementError: An argument is of another type, or there is no such customer.
            InteractionError: A character of the name is not allowed.
            StoreError: The store failed; nothing was written.
        """
        check_type("offers", offers, NextBest, "a NextBest is expected")
        name = self._current_id(customer)
        choosing = Choosing(self._states, self._settings, offers, name, channel)
        if self._resolution is None:
            choice = self._store.run(choosing.write)
            self._states.cache(choosing.written)
        else:
            choice = self._resolution.write(choosing)
        self._count(tuple(r for _, r in choosing.recorded), [one for one, _ in choosing.recorded])
        return choice

    def advance(self, now: datetime | None = None) -> tuple[Signal, ...]:
        """Fire every timer that came due: absences, deadlines, dormancy.

        Args:
            now: Up to when time has passed (None: the clock's). A time further ahead of the clock
                than the tolerance counts as the clock's: nothing comes due before its time.

        Returns:
            The signals, in order of time; those too of interactions that had been set aside because
            they were too early, and whose time has come.

        Raises:
            InteractionError: The time has no zone.
            StoreError: The store failed; call again to go on.
        """
        found = [signal for some in self.advance_in_slices(now) for signal in some]
        return tuple(sorted(found, key=lambda signal: signal.at))

    def advance_in_slices(self, now: datetime | None = None) -> Iterator[tuple[Signal, ...]]:
        """Fire every timer that came due, some customers at a time; see ``advance``.

        Each slice is written before it is given: whoever stops goes on with the next call. The
        signals that ask for an action wait in the outbox either way.

        Args:
            now: Up to when time has passed (None: the clock's).

        Yields:
            The signals of a slice; of its customers, those whose timers are due first.

        Raises:
            InteractionError: The time has no zone.
            StoreError: The store failed; call again to go on.
        """
        clock = self._states.now()
        at = clock if now is None else utc(now, "Live", "now")
        if at > clock + self._settings.tolerance:
            write_log("warning", "advance was asked for %s ahead of the clock", at - clock)
            at = clock
        yield from self._return(clock)
        while True:
            work = Advancing(self._states, self._settings, at)
            found = self._store.run(work.write)
            self._states.cache(work.written)
            if len(work.written) < BATCH:
                self._store.run(lambda tx: note_advance(tx, at))  # when all of it was emitted
                yield tuple(found)
                return
            yield tuple(found)

    def _return(self, clock: datetime) -> Iterator[tuple[Signal, ...]]:
        """Record what was set aside as too early, and is not any more."""
        resolution = self._resolution
        owner = None if resolution is None else resolution.find_owner
        while True:
            work = Returning(self._states, self._settings, clock, owner)
            if resolution is None:
                signals = self._store.run(work.write)
                self._states.cache(work.written)
            else:
                signals = resolution.write(work)
            self._count(tuple(r for _, r in work.recorded), [one for one, _ in work.recorded])
            if signals:
                yield tuple(signals)
            if work.count < BATCH:
                return

    def take(self, records: Iterable[Record]) -> tuple[Receipt, ...]:
        """Record what sources give: identities, traits and consents, and interactions.

        Everything is written together, or nothing. Customers who turn out to be one are followed
        as one, and signals that do not hold any more are withdrawn.

        Args:
            records: The records, in order of arrival.

        Returns:
            A receipt for each record.

        Raises:
            ElementError: There are no rules for identities, or something else was given.
            StoreError: The store failed; nothing was written.
        """
        given = tuple(records)
        receipts = self._identity_resolution.take(given)
        self._count(receipts, [one.interaction for one in given])
        return receipts

    def retract(self, source: str | None, id: str) -> Receipt:  # noqa: A002
        """Remove an interaction that never happened; journal, state and signals follow.

        It does not come back when its source is read once more.

        Args:
            source: The interaction's source.
            id: Its id.

        Returns:
            Where the customer stands without it, and the signals that are withdrawn or true now.

        Raises:
            ElementError: There is no such interaction.
            StoreError: The store failed; nothing was written.
        """
        for name, given in (("source", source or "-"), ("id", id)):
            check_type(name, given, str, "a text is expected")
            fault = fault_in_text(given)
            if fault is not None:
                raise ElementError("Live", name, given, fault)
        return self._correct(f"{source or ''}\x1f{id}", None)

    def correct(self, interaction: Interaction) -> Receipt:
        """Replace the interaction with the same source and id; journal, state and signals follow.

        Its customer and its place in the order of arrival stay.

        Args:
            interaction: What happened in truth.

        Returns:
            Where the customer stands with it, and the signals that are withdrawn or true now.

        Raises:
            ElementError: There is no such interaction, or its time cannot be.
            StoreError: The store failed; nothing was written.
        """
        check_storable(interaction)
        key = journal_key(interaction)
        if key is None:
            raise ElementError("Live", "id", None, "an interaction is found by its id")
        return self._correct(key, interaction)

    def _correct(self, key: str, instead: Interaction | None) -> Receipt:
        resolution = self._resolution
        owner = None if resolution is None else resolution.find_owner
        work = Correcting(self._states, self._settings, self._marks, key, instead, owner)
        if resolution is None:
            receipt = self._store.run(work.write)
            self._states.cache(work.written)
        else:
            receipt = resolution.write(work)
        if work.dropped:
            self._states.drop(work.dropped)
        return receipt

    def withdraw(self, batch: str) -> int:
        """Withdraw all evidence of a batch, as if it had never been given.

        An interaction is taken back with ``retract``.

        Args:
            batch: The name under which probable links were learned.

        Returns:
            How many pieces of evidence were withdrawn.

        Raises:
            ElementError: There are no rules for identities.
            StoreError: The store failed; nothing was written.
        """
        return self._identity_resolution.withdraw(batch)

    def link(self, pairs: Iterable[Evidence], *, threshold: float, batch: str) -> LinkReport:
        """Learn probable links; see `Identities.link`.

        Args:
            pairs: Evidence with weights.
            threshold: The least weight to take, from 0 to 1.
            batch: The name under which they may be withdrawn.

        Returns:
            How many were taken, and how many were too weak.

        Raises:
            ElementError: There are no rules for identities, or the threshold lies outside 0 to 1.
            StoreError: The store failed; nothing was written.
        """
        return self._identity_resolution.link(tuple(pairs), threshold, batch)

    def split(
        self, customer: str, identities: Iterable[Identity], *, reason: str
    ) -> tuple[str, str]:
        """Rule for good that some identities of a customer belong to another; journals follow.

        Args:
            customer: Any id that the customer ever had.
            identities: The identities to split off.
            reason: Why.

        Returns:
            The ids of the two customers: of the one that keeps the rest, and of the other.

        Raises:
            ElementError: There are no rules for identities.
            IdentityError: They are not of this customer, or are all that the customer has.
            StoreError: The store failed; nothing was written.
        """
        return self._identity_resolution.split(customer, tuple(identities), reason)

    @property
    def identities(self) -> Identities | None:
        """Which identities belong together, as of now (None: there are no rules for identities)."""
        return None if self._resolution is None else self._resolution.known()

    def forget(self, customer: str) -> None:
        """Remove every trace of a customer, under any of their names.

        What happened before now does not come back when sources are read once more: a mark is
        kept, which holds no name. What happens from now on is recorded, as of someone new. In
        PostgreSQL the bytes stay in the files until ``scrub`` is called.

        Args:
            customer: The customer's name, or any id that they ever had.

        Raises:
            ElementError: The customer is no text.
            InteractionError: A character of the name is not allowed.
            StoreError: The store failed, or something is left in its files: ``scrub()`` again.
        """
        self._states.drop(check_name(customer))
        if self._resolution is not None:
            self._resolution.forget(customer)
        else:
            now = self._states.now()

            def forget(tx: Transaction) -> None:
                tx.meta.lock()
                until = time_to_forget(tx, [customer], now)
                self._marks.keep(tx, {self._marks.of_name(customer): until})
                forget_customer(tx, customer)
                forget_referrals(tx, lambda by: by == customer)

            self._store.run(forget)
        if not self._store.scrub_blocks:
            self._store.scrub()

    def scrub(self) -> None:
        """Make sure that nothing of those who were forgotten is left in the store's files.

        In PostgreSQL the tables are written anew, and locked meanwhile: call it when it is quiet.

        Raises:
            StoreError: Something is left: another process is reading it, or the tables belong to
                another role.
        """
        self._store.scrub()

    def close(self) -> None:
        """Close the store."""
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

    @property
    def _identity_resolution(self) -> IdentityResolution:
        if self._resolution is None:
            message = "rules are needed to know customers by their identities: identities=…"
            raise ElementError("Live", "identities", None, message)
        return self._resolution


def _check_arguments(
    map: object, tolerance: timedelta, outgoing: Sequence[str], identities: object  # noqa: A002
) -> None:  # fmt: skip
    check_type("map", map, JourneyMap, "a JourneyMap is expected")
    check_type("tolerance", tolerance, timedelta, "a length of time is expected")
    if tolerance < timedelta(0):
        message = "a length of time is expected, not below 0"
        raise ElementError("Live", "tolerance", tolerance, message)
    kinds = tuple(kind.kind for kind in Signal.__subclasses__())
    for kind in outgoing:
        if kind not in kinds:
            raise UnknownName("kind of signal", kind, kinds)
    if identities is not None:
        check_type("identities", identities, IdentityRules, "IdentityRules are expected")
