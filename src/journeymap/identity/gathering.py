"""Customers known from many systems: records gathered, each for its customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Protocol

from attrs import evolve, field, frozen

from journeymap.exceptions import ElementError
from journeymap.identity.identities import Identities
from journeymap.identity.rules import IdentityRules
from journeymap.interactions.interaction import Interaction
from journeymap.interactions.records import Consent, Record, Trait
from journeymap.interactions.values import Identity

__all__ = [
    "UNRESOLVED",
    "Customers",
    "GatheredCustomers",
    "Readable",
    "SetAside",
    "deduplicate_facts",
    "explain_unresolved",
]

UNRESOLVED = "no customer: every identity is blocked, shared, or of a namespace without a rule"
"""Why an interaction is set aside that no identity leads to a customer."""


def explain_unresolved(identities: Identities, given: Sequence[Identity]) -> str:
    """Give the reason why no identity leads to a customer."""
    blocked = identities.blocked(given)
    if not blocked or len(blocked) < len(set(given)):
        return UNRESOLVED
    spaces = " and ".join(sorted({one.namespace for one in blocked}))
    cure = "if it is a name there, give the namespace placeholders=()"
    return f"no customer: the value of {spaces} stands for nobody; {cure}"


class _ReadRow(Protocol):
    @property
    def line(self) -> int: ...

    @property
    def reason(self) -> str: ...


class _DroppedValue(_ReadRow, Protocol):
    @property
    def role(self) -> str: ...

    @property
    def held(self) -> str: ...


class _Batch(Protocol):
    @property
    def records(self) -> Sequence[Record]: ...

    @property
    def rejected(self) -> Sequence[_ReadRow]: ...

    @property
    def dropped(self) -> Sequence[_DroppedValue]: ...

    @property
    def rows(self) -> int: ...

    @property
    def cursor(self) -> str: ...


class Readable(Protocol):
    """A source, as far as gathering reads it."""

    @property
    def name(self) -> str:
        """The system that is read."""
        ...

    def read(self, cursor: str | None = None) -> Iterator[_Batch]:
        """Read what comes after a cursor."""
        ...


@frozen
class SetAside:
    """A row that its source could not read, or a record that no identity resolves.

    Attributes:
        source: The source.
        row: The row in it, from 1.
        reason: Why it was set aside.
    """

    source: str
    row: int
    reason: str


@frozen
class GatheredCustomers:
    """The result of reading a source.

    Attributes:
        rows: How many rows were read.
        records: How many records they gave.
        interactions: How many of these had an interaction.
        duplicates: How many interactions were known already.
        set_aside: How many rows, and parts of rows, were set aside.
        cursor: Where to go on reading (None: nothing was read).
        dropped: How many values were left out of records that were kept.
        blocked: How often a value was blocked, as one that names no customer, by namespace and
            value.
    """

    rows: int
    records: int
    interactions: int
    duplicates: int
    set_aside: int
    cursor: str | None
    dropped: int = 0
    blocked: dict[tuple[str, str], int] = field(factory=dict)


class Customers:
    """Records of many sources, each for the customer whom it is about.

    The customer of an interaction is looked up anew whenever it is asked for: evidence that comes
    later, a split or a withdrawal moves it. Everything is kept in memory.

    Attributes:
        identities: Which identities belong to which customer.

    >>> from datetime import datetime
    >>> from journeymap.interactions import Identity
    >>> customers = Customers()
    >>> ada = Identity("email", "ada@example.org")
    >>> then = datetime(2026, 3, 1, tzinfo=UTC)
    >>> customers.take(Record([ada], then, "crm", traits={"plan": "fibre"}))
    1
    >>> customers.facts(customers.identities.customer(ada))[0].name
    'plan'
    """

    def __init__(self, rules: IdentityRules | None = None) -> None:
        """Begin without records.

        Args:
            rules: The rules by which identities are linked (None: any, without limits).
        """
        self.identities = Identities(rules)
        self._records: list[Record] = []
        self._ids: set[tuple[str, str]] = set()
        self._set_aside: list[SetAside] = []
        self._dropped: list[SetAside] = []
        self._blocked: Counter[tuple[str, str]] = Counter()
        self._grouped: tuple[int, dict[str, list[Record]], list[SetAside]] | None = None

    def take(self, records: Record | Iterable[Record]) -> int:
        """Take in records.

        An interaction of a source and id counts once; identities, traits and consents are
        learned from every record.

        Args:
            records: One record or several.

        Returns:
            How many of them are new.

        Raises:
            ElementError: Something other than a record was given.
        """
        new = 0
        for one in (records,) if isinstance(records, Record) else records:
            if not isinstance(one, Record):
                raise ElementError("Customers", "records", one, "a Record is expected")
            self.identities.learn(one.evidence)
            for blocked in self.identities.blocked(one.identities):
                self._blocked[blocked.namespace, blocked.value] += 1
            kept, happened = one, one.interaction
            if happened is not None and happened.id is not None:
                key = (happened.source or "", happened.id)
                if key in self._ids:
                    kept = evolve(one, interaction=None)
                self._ids.add(key)
            new += kept is one
            self._records.append(kept)
        self._grouped = None
        return new

    def read(self, source: Readable, cursor: str | None = None) -> GatheredCustomers:
        """Read a source to its end.

        Args:
            source: A source adapter.
            cursor: Where to go on (None: from the beginning).

        Returns:
            What was read; the rows that the source set aside are in ``set_aside``.

        Raises:
            ElementError: The object is no source.
            SourceError: The source cannot be read.
        """
        if not hasattr(source, "read"):
            raise ElementError("Customers", "source", source, "a source is expected")
        rows = records = happened = new = aside = 0
        before, dropped = self.blocked, len(self._dropped)
        for batch in source.read(cursor):
            self._set_aside += [
                SetAside(source.name, one.line, one.reason) for one in batch.rejected
            ]
            self._dropped += [SetAside(source.name, one.line, one.reason) for one in batch.dropped]
            new += self.take(batch.records)
            rows, cursor = rows + batch.rows, batch.cursor
            records += len(batch.records)
            happened += sum(one.interaction is not None for one in batch.records)
            aside += len(batch.rejected)
        blocked = dict(Counter(self.blocked) - Counter(before))
        return GatheredCustomers(rows, records, happened, records - new, aside, cursor,
                                 len(self._dropped) - dropped, blocked)  # fmt: skip

    @property
    def blocked(self) -> dict[tuple[str, str], int]:
        """How often a value was blocked, by namespace and value."""
        return dict(self._blocked)

    @property
    def dropped(self) -> tuple[SetAside, ...]:
        """The values that were left out of records that were kept, each with its reason."""
        return tuple(self._dropped)

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """Rows that no source could read, and records that lead to no customer."""
        return (*self._set_aside, *self._by_customer()[1])

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_customer()[0])

    def __len__(self) -> int:
        return len(self._by_customer()[0])

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """List a customer's interactions in the order of time.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The interactions, under the id of today.

        Raises:
            IdentityError: There is no such customer.
        """
        name = self.identities.current(customer)
        found = self._by_customer()[0].get(name, ())
        named = [self._rename(one, name) for one in found if one.interaction is not None]
        return tuple(sorted(named, key=lambda one: one.at.astimezone(UTC)))

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """List all traits and consents that sources gave of a customer.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The facts in the order in which they were taken in, each once.

        Raises:
            IdentityError: There is no such customer.
        """
        found = self._by_customer()[0].get(self.identities.current(customer), ())
        facts: list[Trait | Consent] = []
        for one in found:
            facts += one.dated_traits
            facts += one.dated_consents
        return deduplicate_facts(facts)

    def interactions(self) -> Iterator[Interaction]:
        """Give all interactions, each under its customer's id of today.

        Yields:
            The interactions, customer by customer.
        """
        for name, records in self._by_customer()[0].items():
            for one in records:
                if one.interaction is not None:
                    yield self._rename(one, name)

    def _rename(self, record: Record, customer: str) -> Interaction:
        """Put an interaction under the ids of today, also that of who recommended."""
        assert record.interaction is not None  # noqa: S101  # asked before
        one, by = record.interaction, record.interaction.referred_by
        if by is not None:  # a name that is no id of ours stays as it is
            by = self.identities.find_current(by) or by
        return evolve(one, customer=customer, referred_by=by)

    def _by_customer(self) -> tuple[dict[str, list[Record]], list[SetAside]]:
        self.identities.settle()
        version = self.identities.version
        if self._grouped is None or self._grouped[0] != version:
            found: dict[str, list[Record]] = {}
            unresolved = []
            for one in self._records:
                name = self.identities.customer(*one.identities, at=one.at)
                if name is None:
                    reason = explain_unresolved(self.identities, one.identities)
                    unresolved.append(SetAside(one.source, one.row, reason))
                else:
                    found.setdefault(name, []).append(one)
            self._grouped = (version, found, unresolved)
        return self._grouped[1:]


def deduplicate_facts(facts: Iterable[Trait | Consent]) -> tuple[Trait | Consent, ...]:
    """Remove facts that repeat another's content, source and time.

    Args:
        facts: Traits and consents.

    Returns:
        The facts in their order, each once.
    """
    return tuple({_content(fact): fact for fact in facts}.values())


def _content(fact: Trait | Consent) -> str:
    value = fact.value if isinstance(fact, Trait) else fact.given
    name = fact.name if isinstance(fact, Trait) else fact.purpose
    return repr((type(fact).__name__, name, value, fact.source, fact.at.astimezone(UTC)))
