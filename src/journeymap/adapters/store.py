"""The contract of stores: keep the journal, the states, the outbox and the evidence.

A store knows texts and numbers alone, nothing of journeys, so that anyone can write one. It is
written piece by piece: a `Transaction` offers one small object for each thing that is kept, and
`journeymap.testing.check_store` checks them one by one. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeVar

from attrs import frozen

from journeymap.adapters.checkpoints import Checkpoints
from journeymap.adapters.customer_rows import CustomerRows, MovableRows
from journeymap.adapters.meta import Meta
from journeymap.adapters.set_aside import SetAsideEntries
from journeymap.adapters.store_counts import StoreCounts
from journeymap.adapters.tombstones import Tombstones
from journeymap.model.instants import micros

__all__ = [
    "EvidenceRows",
    "Journal",
    "JournalEntry",
    "Letter",
    "LetterStatus",
    "Outbox",
    "StateRows",
    "Store",
    "StoredEvidence",
    "StoredState",
    "Transaction",
    "micros",
]

T = TypeVar("T")
LetterStatus = Literal["waiting", "done", "dead", "withdrawn"]


@frozen
class JournalEntry:
    """An interaction in the journal.

    Attributes:
        customer: The customer's name.
        number: The entry's place among the customer's, in order of arrival, from 1.
        key: Source and id, by which a second delivery is recognised (None: never).
        at: When it happened.
        arrived: When it was recorded.
        text: The interaction as JSON.
    """

    customer: str
    number: int
    key: str | None
    at: int
    arrived: int
    text: str


@frozen
class StoredState:
    """A customer's state.

    Attributes:
        customer: The customer's name.
        version: A number that changes at every write, also after the customer was forgotten.
        map: A mark of the map along which the state was folded.
        due: When a timer of the state comes due (None: never).
        text: The state as JSON.
    """

    customer: str
    version: int
    map: str
    due: int | None
    text: str


@frozen
class Letter:
    """A signal that asks for an action, kept until the action has taken it.

    Attributes:
        id: The key by which the signal is recognised (``signal.key``).
        customer: The customer's name.
        text: The signal as JSON.
        status: ``waiting``, ``done``, ``dead`` (given up, with its reason) or ``withdrawn``.
        attempts: How often an action was tried.
        next: When it may be handed out; of a settled one, when it was settled.
        reason: Why the last attempt failed; ``in hand`` while an action works on the letter.
        kind: The kind of signal, by which actions are found (empty: not known yet).
        moment: The moment's id, if the signal is about one.
        action: The text of its action.
        tried: When an action was first tried (None: never).
        posted: Since when it waits, a microsecond apart in the order of those posted at once (None:
            not known).
    """

    id: str
    customer: str
    text: str
    status: LetterStatus = "waiting"
    attempts: int = 0
    next: int = 0
    reason: str = ""
    kind: str = ""
    moment: str = ""
    action: str = ""
    tried: int | None = None
    posted: int | None = None


@frozen
class StoredEvidence:
    """A piece of evidence that a source gave about a customer.

    Attributes:
        number: Its place in the order of arrival, from 1.
        customer: The customer's name (empty: none yet).
        batch: The name of what may be withdrawn together with it.
        text: The evidence as JSON.
    """

    number: int
    customer: str
    batch: str | None
    text: str


class Journal(CustomerRows, Protocol):
    """The interactions that were recorded."""

    def find_keys(self, keys: Sequence[str]) -> dict[str, bool]:
        """Look keys up.

        Args:
            keys: Keys of interactions.

        Returns:
            True for a key that the journal has, False for one that was set aside; others are left
            out.
        """
        ...

    def append(self, entries: Iterable[JournalEntry]) -> None:
        """Write interactions.

        Args:
            entries: The interactions.
        """
        ...

    def find(self, key: str) -> JournalEntry | None:
        """Read the interaction with a key.

        Args:
            key: The key.

        Returns:
            The interaction (None: the journal has none).
        """
        ...

    def history(self, customer: str, after: int = 0) -> list[JournalEntry]:
        """Read a customer's interactions.

        Args:
            customer: The customer's name.
            after: The number after which to begin.

        Returns:
            The interactions, in the order of their arrival.
        """
        ...

    def archive(self, customers: Sequence[str], before: int) -> int:
        """Pack old interactions, so that they take less room; they are read as before.

        Args:
            customers: The customers' names.
            before: The time before which an interaction is old.

        Returns:
            How many were packed.
        """
        ...

    def list_from(self, customer: str, at: int, number: int, limit: int) -> list[JournalEntry]:
        """Read a customer's interactions in the order in which they happened.

        Args:
            customer: The customer's name.
            at: The time at which to begin.
            number: Of those at that very time, the number after which to begin.
            limit: How many to read at most.

        Returns:
            The interactions by time; those of one time in the order of their arrival.
        """
        ...


class StateRows(CustomerRows, Protocol):
    """The states of the customers."""

    def lock_versions(self, customers: Sequence[str], *, share: bool = False) -> dict[str, int]:
        """Read the versions of states, held until the transaction ends.

        No other process may change these states before that.

        Args:
            customers: The customers' names.
            share: Whether to do what `Meta.share` does first.

        Returns:
            The versions by customer; one without a state is left out.
        """
        ...

    def read(self, customers: Sequence[str]) -> dict[str, StoredState]:
        """Read the states of some customers.

        Args:
            customers: The customers' names.

        Returns:
            The states by customer; one without a state is left out.
        """
        ...

    def insert(self, states: Iterable[StoredState]) -> None:
        """Write states of customers who have none.

        Args:
            states: The states.
        """
        ...

    def update(self, states: Iterable[StoredState]) -> None:
        """Write states over those that are there.

        Args:
            states: The states.
        """
        ...

    def list_due(self, now: int, limit: int) -> list[str]:
        """List customers with a timer that is due.

        Args:
            now: The time.
            limit: How many to list at most.

        Returns:
            Their names, the earliest timer first.
        """
        ...

    def list_customers(self, after: str, limit: int) -> list[str]:
        """List the customers in the order of their names.

        Args:
            after: The name after which to begin.
            limit: How many to list at most.

        Returns:
            Their names.
        """
        ...


class Outbox(MovableRows, Protocol):
    """The letters that wait for an action, and what became of the others."""

    def post(self, letters: Iterable[Letter]) -> None:
        """Put letters into the outbox; one whose id is there already is left as it is.

        Args:
            letters: The letters.
        """
        ...

    def read(self, ids: Sequence[str]) -> dict[str, Letter]:
        """Read letters by their ids.

        Args:
            ids: The ids.

        Returns:
            The letters by id; those that are not there are left out.
        """
        ...

    def claim_waiting(
        self, now: int, limit: int, names: Sequence[str] | None = None
    ) -> list[Letter]:
        """Read waiting letters whose time has come.

        No other process may take them before the transaction ends.

        Args:
            now: The time.
            limit: How many to read at most.
            names: Kinds, moments or actions of which a letter has one (None: any letter); those
                whose kind is not known are read too.

        Returns:
            The letters, in order of time and id.
        """
        ...

    def count_unclaimed(self, names: Sequence[str]) -> int:
        """Count the waiting letters that have none of some names.

        Args:
            names: Kinds, moments or actions.

        Returns:
            How many there are.
        """
        ...

    def prune(self, before: int) -> int:
        """Remove letters that were taken or withdrawn before a time.

        Args:
            before: The time.

        Returns:
            How many were removed.
        """
        ...

    def settle(self, letters: Iterable[Letter]) -> None:
        """Write letters over those with the same ids.

        Args:
            letters: The letters.
        """
        ...

    def select(
        self, *, customer: str | None = None, status: LetterStatus | None = None
    ) -> list[Letter]:
        """Read letters of one customer, of one status, or both.

        Args:
            customer: The customer's name (None: any).
            status: The status (None: any).

        Returns:
            The letters, in order of time and id.
        """
        ...


class EvidenceRows(CustomerRows, Protocol):
    """The evidence of who is who, and the traits and consents that came with it."""

    def add(self, rows: Iterable[StoredEvidence]) -> None:
        """Write new evidence.

        Args:
            rows: The evidence.
        """
        ...

    def read_after(self, number: int, limit: int) -> list[StoredEvidence]:
        """Read evidence after a number.

        Args:
            number: The number.
            limit: How much to read at most.

        Returns:
            The evidence, in order.
        """
        ...

    def read_customer(self, customer: str) -> list[StoredEvidence]:
        """Read the evidence about one customer.

        Args:
            customer: The customer's name.

        Returns:
            The evidence, in order.
        """
        ...

    def replace(self, rows: Iterable[StoredEvidence]) -> None:
        """Write evidence over that with the same numbers.

        Args:
            rows: The evidence.
        """
        ...

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove evidence by its numbers.

        Args:
            numbers: The numbers.
        """
        ...


class Transaction(Protocol):
    """One transaction: all that is done through it is written together, or not at all."""

    @property
    def journal(self) -> Journal:
        """The interactions that were recorded."""
        ...

    @property
    def set_aside(self) -> SetAsideEntries:
        """The interactions that were set aside."""
        ...

    @property
    def states(self) -> StateRows:
        """The states of the customers."""
        ...

    @property
    def checkpoints(self) -> Checkpoints:
        """States of the past."""
        ...

    @property
    def outbox(self) -> Outbox:
        """The letters."""
        ...

    @property
    def evidence(self) -> EvidenceRows:
        """The evidence of who is who."""
        ...

    @property
    def meta(self) -> Meta:
        """Facts about the store itself."""
        ...

    @property
    def tombstones(self) -> Tombstones:
        """The marks of what was removed for good."""
        ...

    def look_up(
        self, keys: Sequence[str], marks: Sequence[str]
    ) -> tuple[dict[str, bool], dict[str, int]]:
        """Look keys of interactions and marks up, in one query where that is possible.

        Args:
            keys: The keys.
            marks: The marks.

        Returns:
            What `Journal.find_keys` gives, and what `Tombstones.find` gives.
        """
        ...

    def count(self, now: int) -> StoreCounts:
        """Count what the store holds.

        Args:
            now: The time.

        Returns:
            The counts.
        """
        ...


class Store(Protocol):
    """A store of the journal, the states, the outbox, the evidence and the entries set aside.

    Several processes may use one store at once, also for the same customer.
    """

    @property
    def address(self) -> str:
        """The store's address as errors name it: without a password."""
        ...

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Do some work in one transaction.

        The work is done again from its beginning when another process was in the way.

        Args:
            work: What to do; nothing is written when it raises.

        Returns:
            What the work returned.

        Raises:
            StoreError: The store failed; nothing was written.
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some work that writes nothing, and waits for no writer.

        Args:
            work: What to do.

        Returns:
            What the work returned.

        Raises:
            StoreError: The store failed.
        """
        ...

    @property
    def scrub_blocks(self) -> bool:
        """Check whether scrubbing holds others up: then it is not done at every removal."""
        ...

    def scrub(self) -> None:
        """Make sure that nothing that was removed is left in the store's files.

        Raises:
            StoreError: Something is left; call again.
        """
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
