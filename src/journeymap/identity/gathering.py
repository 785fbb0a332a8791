"""The customers known from many systems: records gathered, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Protocol

from attrs import evolve, frozen

from journeymap.exceptions import ElementError
from journeymap.identity.identities import Identities
from journeymap.identity.rules import IdentityRules
from journeymap.interactions.interaction import Interaction
from journeymap.interactions.records import Consent, Record, Trait

__all__ = ["Aside", "Customers", "Gathered", "distinct"]


class _Broken(Protocol):
    @property
    def line(self) -> int: ...

    @property
    def reason(self) -> str: ...


class _Batch(Protocol):
    @property
    def records(self) -> Sequence[Record]: ...

    @property
    def broken(self) -> Sequence[_Broken]: ...

    @property
    def rows(self) -> int: ...

    @property
    def cursor(self) -> str: ...


class Readable(Protocol):
    """A source, as far as it matters here."""

    @property
    def name(self) -> str:
        """The system that it reads."""
        ...

    def read(self, cursor: str | None = None) -> Iterator[_Batch]:
        """What comes after a cursor."""
        ...


@frozen
class Aside:
    """A row of a source, or an interaction, that is nobody's journey: where, and why."""

    source: str
    row: int
    reason: str


@frozen
class Gathered:
    """What came of reading a source; ``cursor`` is where to go on (None: nothing was read)."""

    rows: int
    records: int
    interactions: int
    duplicates: int
    set_aside: int
    cursor: str | None


class Customers:
    """Records of many sources, each told to the customer whom it is about.

    Whose an interaction is, is asked anew whenever it is wanted: evidence that comes later, a
    split or a withdrawal moves it. All is kept in memory.

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
        self.identities = Identities(rules)
        self._records: list[Record] = []
        self._ids: set[tuple[str, str]] = set()
        self._aside: list[Aside] = []
        self._sorted: tuple[int, dict[str, list[Record]], list[Aside]] | None = None

    def take(self, records: Record | Iterable[Record]) -> int:
        """Take in records; answers how many are new.

        An interaction of a source and id counts once; who is who, and what is known, is learned
        from every record.
        """
        new = 0
        for one in (records,) if isinstance(records, Record) else records:
            if not isinstance(one, Record):
                raise ElementError("Customers", "records", one, "a Record is expected")
            self.identities.learn(one.evidence)
            kept, happened = one, one.interaction
            if happened is not None and happened.id is not None:
                key = (happened.source or "", happened.id)
                if key in self._ids:
                    kept = evolve(one, interaction=None)
                self._ids.add(key)
            new += kept is one
            self._records.append(kept)
        self._sorted = None
        return new

    def read(self, source: Readable, cursor: str | None = None) -> Gathered:
        """Read a source to its end, from a cursor on; what it sets aside is in ``set_aside``."""
        if not hasattr(source, "read"):
            raise ElementError("Customers", "source", source, "a source is expected")
        rows = records = happened = new = aside = 0
        for batch in source.read(cursor):
            self._aside += [Aside(source.name, one.line, one.reason) for one in batch.broken]
            new += self.take(batch.records)
            rows, cursor = rows + batch.rows, batch.cursor
            records += len(batch.records)
            happened += sum(one.interaction is not None for one in batch.records)
            aside += len(batch.broken)
        return Gathered(rows, records, happened, records - new, aside, cursor)

    @property
    def set_aside(self) -> tuple[Aside, ...]:
        """Rows that no source could read, and records of nobody: their values are all shared."""
        return (*self._aside, *self._by_customer()[1])

    def __iter__(self) -> Iterator[str]:
        """The ids of all customers."""
        return iter(self._by_customer()[0])

    def __len__(self) -> int:
        return len(self._by_customer()[0])

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """A customer's interactions, by any id they ever had, in the order of time."""
        name = self.identities.current(customer)
        found = self._by_customer()[0].get(name, ())
        named = [_named(one, name) for one in found if one.interaction is not None]
        return tuple(sorted(named, key=lambda one: one.at.astimezone(UTC)))

    def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """What was ever said of a customer: traits, and what they allow."""
        found = self._by_customer()[0].get(self.identities.current(customer), ())
        facts: list[Trait | Consent] = []
        for one in found:
            facts += one.facts
            facts += one.said
        return distinct(facts)

    def interactions(self) -> Iterator[Interaction]:
        """All interactions, each under its customer's id."""
        for name, records in self._by_customer()[0].items():
            for one in records:
                if one.interaction is not None:
                    yield _named(one, name)

    def _by_customer(self) -> tuple[dict[str, list[Record]], list[Aside]]:
        self.identities.settle()
        version = self.identities.version
        if self._sorted is None or self._sorted[0] != version:
            found: dict[str, list[Record]] = {}
            nobody = []
            for one in self._records:
                name = self.identities.customer(*one.identities, at=one.at)
                if name is None:
                    reason = "it names nobody: its identities are blocked, or shared by many"
                    nobody.append(Aside(one.source, one.row, reason))
                else:
                    found.setdefault(name, []).append(one)
            self._sorted = (version, found, nobody)
        return self._sorted[1:]


def distinct(facts: Iterable[Trait | Consent]) -> tuple[Trait | Consent, ...]:
    """Facts without those that say the same of the same time, in their order."""
    return tuple({_content(fact): fact for fact in facts}.values())


def _content(fact: Trait | Consent) -> str:
    value = fact.value if isinstance(fact, Trait) else fact.given
    name = fact.name if isinstance(fact, Trait) else fact.purpose
    return repr((type(fact).__name__, name, value, fact.source, fact.at.astimezone(UTC)))


def _named(record: Record, customer: str) -> Interaction:
    assert record.interaction is not None  # noqa: S101  # asked before
    return evolve(record.interaction, customer=customer)
