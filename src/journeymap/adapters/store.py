"""What a store is: it keeps the journal, the states and what is to be carried out.

A store knows texts and numbers alone, nothing of journeys, so that anyone can write one.
Times are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeVar

from attrs import frozen

__all__ = ["Aside", "Entry", "Kept", "Letter", "Said", "Store", "Transaction", "micros"]

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """A time as a store keeps it."""
    return (at.astimezone(UTC) - _EPOCH) // _MICRO


@frozen
class Entry:
    """An interaction in the journal: the customer's ``number``-th to arrive, from 1.

    ``key`` is its source and id, by which it is recognised when it comes again (None: never).
    """

    customer: str
    number: int
    key: str | None
    at: int
    arrived: int
    text: str


@frozen
class Kept:
    """A customer's state as it is kept.

    ``version`` is another whenever it is written, also after the customer was forgotten; ``map``
    tells which version of the map it is told in; ``due`` is when something of it comes due (None:
    never).
    """

    customer: str
    version: int
    map: str
    due: int | None
    text: str


@frozen
class Letter:
    """A signal that asks for an action, kept until the action has taken it.

    ``id`` is the signal's; ``status`` is ``waiting``, ``done``, ``dead`` (given up, with its
    ``reason``) or ``withdrawn``; it was tried so many ``attempts`` and is due again at ``next``.
    """

    id: str
    customer: str
    text: str
    status: Literal["waiting", "done", "dead", "withdrawn"] = "waiting"
    attempts: int = 0
    next: int = 0
    reason: str = ""


@frozen
class Aside:
    """An interaction that was set aside, and why; ``key`` as in `Entry`."""

    customer: str
    key: str | None
    arrived: int
    reason: str
    text: str


@frozen
class Said:
    """What a source said about a customer, in the order in which it arrived, from 1.

    ``batch`` names what may be withdrawn together.
    """

    number: int
    customer: str
    batch: str | None
    text: str


class Transaction(Protocol):
    """All that is done through it is written together, or not at all."""

    def known(self, keys: Sequence[str]) -> dict[str, bool]:
        """Which of these keys the journal has (True), and which were set aside (False)."""
        ...

    def versions(self, customers: Sequence[str]) -> dict[str, int]:
        """The versions of the customers' states that are kept; no other process may change them
        before the transaction ends."""
        ...

    def states(self, customers: Sequence[str]) -> dict[str, Kept]:
        """The states that are kept of some customers."""
        ...

    def insert(self, states: Iterable[Kept]) -> None:
        """Keep states of customers of whom nothing was kept."""
        ...

    def put(self, states: Iterable[Kept]) -> None:
        """Keep states in place of what was kept of these customers."""
        ...

    def append(self, entries: Iterable[Entry]) -> None:
        """Write interactions into the journal."""
        ...

    def history(self, customer: str) -> list[Entry]:
        """A customer's interactions in the order of their arrival."""
        ...

    def due(self, now: int, limit: int) -> list[str]:
        """Customers of whom something is due, the first first."""
        ...

    def customers(self, after: str, limit: int) -> list[str]:
        """The customers kept, in the order of their names, after a name."""
        ...

    def post(self, letters: Iterable[Letter]) -> None:
        """Put letters into the outbox; one that is there already is left as it is."""
        ...

    def letters(self, ids: Sequence[str]) -> dict[str, Letter]:
        """The letters with these ids."""
        ...

    def waiting(self, now: int, limit: int) -> list[Letter]:
        """Letters that wait and whose time has come, in the order in which they are due."""
        ...

    def mark(self, letters: Iterable[Letter]) -> None:
        """Write what became of letters."""
        ...

    def dead(self) -> list[Letter]:
        """The letters that were given up."""
        ...

    def set_aside(self, asides: Iterable[Aside]) -> None:
        """Keep what was set aside."""
        ...

    def readmit(self, keys: Sequence[str]) -> None:
        """Forget that these were set aside: they are in the journal now."""
        ...

    def asides(self, customer: str | None) -> list[Aside]:
        """What was set aside, of one customer or of all (None)."""
        ...

    def outbox(self, customer: str) -> list[Letter]:
        """All letters about a customer."""
        ...

    def release(self, customers: Sequence[str]) -> None:
        """Remove the journal and the states of customers, to be written anew under other names."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Put letters, and what was set aside, to another customer."""
        ...

    def alone(self) -> None:
        """Until the transaction ends, no other process gets past this."""
        ...

    def said(self, after: int, limit: int) -> list[Said]:
        """What sources said, after a number, in order."""
        ...

    def said_of(self, customer: str) -> list[Said]:
        """What sources said about a customer, in order."""
        ...

    def say(self, rows: Iterable[Said]) -> None:
        """Keep what sources said."""
        ...

    def resay(self, rows: Iterable[Said]) -> None:
        """Put these in place of what is kept under their numbers."""
        ...

    def unsay(self, numbers: Sequence[int]) -> None:
        """Remove what is kept under these numbers."""
        ...

    def notes(self) -> Mapping[str, str]:
        """What is kept about the store itself."""
        ...

    def note(self, name: str, text: str) -> None:
        """Keep something about the store itself."""
        ...

    def forget(self, customer: str) -> None:
        """Remove everything about a customer."""
        ...


class Store(Protocol):
    """Where the journal, the states and the outbox are kept.

    Several processes may use one store at once, also for the same customer.
    """

    @property
    def address(self) -> str:
        """Where it is, as errors name it: without a password."""
        ...

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Do some work in one transaction.

        It is done again from its beginning when another process was in the way; nothing is
        written when it raises. Raises StoreError when the store fails.
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some work that writes nothing, and waits for nobody who writes."""
        ...

    def scrub(self) -> None:
        """Make sure that nothing of what was removed is left in the store's files."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
