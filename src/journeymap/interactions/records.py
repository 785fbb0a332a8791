"""Records of sources: identities, an interaction, traits and consents of one customer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from attrs import Attribute, field, fields, frozen, validators

from journeymap.exceptions import InteractionError
from journeymap.interactions.codec import is_plain
from journeymap.interactions.interaction import Interaction, aware_time
from journeymap.interactions.values import HIDDEN, Identity
from journeymap.model.rules import (
    as_tuple,
    each,
    identifier,
    is_plain_name,
    is_repeated_name,
    of_type,
    optional_identifier,
    repeated_name,
)

__all__ = ["ALWAYS", "Consent", "Evidence", "Record", "Trait", "build_record", "make_record"]


ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of what a source knows without a date, as who is who: before all that is dated."""


def _some(instance: Any, attribute: Attribute[Any], value: tuple[Any, ...]) -> None:
    if not value:
        message = "at least one identity is needed to know whom it is about"
        raise InteractionError(type(instance).__name__, attribute.name, value, message)


def _probable(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 <= value <= 1):
        message = "a number from 0 to 1 is expected"
        raise InteractionError(type(instance).__name__, attribute.name, value, message)


def _once(given: Iterable[Identity]) -> tuple[Identity, ...]:
    return tuple(dict.fromkeys(as_tuple(given)))


def _traits(
    given: Mapping[str, Any] | Iterable[tuple[str, Any]],
) -> tuple[tuple[str, Any], ...]:
    return tuple((name, _kept(name, value)) for name, value in dict(given).items())


def _kept(name: str, value: Any) -> Any:
    """Convert a value to one that JSON can hold; times and exact numbers become texts."""
    if isinstance(value, date):
        value = value.isoformat()
    elif isinstance(value, Decimal):
        value = str(value)
    if not is_plain(value):
        message = f"trait {name!r} is kept in a journal, so it must be what JSON can hold"
        raise InteractionError("Record", "traits", HIDDEN, message)
    return value


def _consents(
    given: Mapping[str, bool] | Iterable[tuple[str, bool]],
) -> tuple[tuple[str, bool], ...]:
    return tuple(dict(given).items())


def _happened(interaction: Interaction | None) -> str:
    """Show an interaction without the name of its customer."""
    return "None" if interaction is None else f"({interaction.touchpoint!r})"


@frozen
class Trait:
    """A fact about a customer: a name, a plan, a postal code.

    The value is personal unless the rules have it otherwise: it is not shown by ``repr``.

    Attributes:
        name: The name of the fact.
        value: Its value.
        source: The source that gave it.
        at: Since when.
    """

    name: str = field(validator=identifier)
    value: Any = field(repr=lambda _: repr(HIDDEN))
    source: str = field(validator=repeated_name)
    at: datetime = field(validator=aware_time)


@frozen
class Consent:
    """A customer's consent to a purpose, given or refused.

    Attributes:
        purpose: The purpose.
        given: Whether it was given.
        source: The source that recorded it.
        at: When.
    """

    purpose: str = field(validator=identifier)
    given: bool = field(validator=of_type(bool))
    source: str = field(validator=repeated_name)
    at: datetime = field(validator=aware_time)


@frozen
class Evidence:
    """A claim that some identities belong to one customer.

    Attributes:
        identities: The identities.
        at: When the source knew so.
        source: The source.
        batch: The name of what may be withdrawn together with it.
        weight: How probable the claim is, from 0 to 1 (None: the source knows it).

    Raises:
        InteractionError: A field has a value that it may not have.
    """

    identities: tuple[Identity, ...] = field(converter=_once, validator=[each(Identity), _some])
    at: datetime = field(validator=aware_time)
    source: str = field(validator=repeated_name)
    batch: str | None = field(default=None, validator=optional_identifier)
    weight: float | None = field(default=None, validator=_probable)


@frozen
class Record:
    """One thing that a source gives.

    Attributes:
        identities: The identities by which the source knows the customer, most reliable first.
        at: When it happened, or since when it is known.
        source: The source.
        id: The source's id of it.
        interaction: What happened, under whatever name of the customer (None: nothing did).
        traits: Facts about the customer, by name.
        consents: Whether purposes are allowed, by name.
        row: Its place in the source, from 1.

    Raises:
        InteractionError: A field has a value that it may not have.

    >>> from datetime import UTC
    >>> ada = Identity("email", "ada@example.org")
    >>> record = Record([ada], datetime(2026, 3, 1, tzinfo=UTC), "crm", traits={"plan": "fibre"})
    >>> record.dated_traits[0].name, record.dated_traits[0].source
    ('plan', 'crm')
    """

    identities: tuple[Identity, ...] = field(converter=_once, validator=[each(Identity), _some])
    at: datetime = field(validator=aware_time)
    source: str = field(validator=repeated_name)
    id: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    interaction: Interaction | None = field(
        default=None,
        validator=validators.optional(of_type(Interaction)),
        kw_only=True,
        repr=_happened,
    )
    traits: tuple[tuple[str, Any], ...] = field(
        default=(), converter=_traits, kw_only=True, repr=False
    )
    consents: tuple[tuple[str, bool], ...] = field(default=(), converter=_consents, kw_only=True)
    row: int = field(default=0, eq=False, kw_only=True)

    @property
    def evidence(self) -> Evidence:
        """The claim that its identities are of one customer."""
        return Evidence(self.identities, self.at, self.source)

    @property
    def dated_traits(self) -> tuple[Trait, ...]:
        """The traits, with their source and time."""
        return tuple(Trait(name, value, self.source, self.at) for name, value in self.traits)

    @property
    def dated_consents(self) -> tuple[Consent, ...]:
        """The consents, with their source and time."""
        return tuple(Consent(name, given, self.source, self.at) for name, given in self.consents)


_new = object.__new__
_identities, _at, _source, _id, _interaction, _traits_of, _consents_of, _row = (
    getattr(Record, one.name).__set__ for one in fields(Record)
)


def build_record(
    identities: list[Identity], at: datetime, source: str, id: str | None,  # noqa: A002
    interaction: Interaction | None, row: int,
) -> Record:  # fmt: skip
    """Make a record without traits and consents, of texts from outside.

    Args:
        identities: The identities, at least one.
        at: When it happened, with its zone.
        source: The source.
        id: The source's id of it.
        interaction: What happened.
        row: Its place in the source, from 1.

    Returns:
        The record: the same as ``Record`` makes of them.

    Raises:
        InteractionError: A text is none that a record may have.
    """
    plain = is_repeated_name(source) and (id is None or is_plain_name(id))
    if not plain or len(identities) != 1 or at.utcoffset() is None:
        return Record(identities, at, source, id=id, interaction=interaction, row=row)
    return make_record(tuple(identities), at, source, id, interaction, row)


def make_record(
    identities: tuple[Identity, ...], at: datetime, source: str, id: str | None,  # noqa: A002
    interaction: Interaction | None, row: int,
) -> Record:  # fmt: skip
    """Make a record of values that were checked already; nothing is checked again.

    Args:
        identities: The identities, each once.
        at: When it happened, with its zone.
        source: The source.
        id: The source's id of it.
        interaction: What happened.
        row: Its place in the source, from 1.

    Returns:
        The record: the same as ``Record`` makes of these values.
    """
    made = _new(Record)
    _identities(made, identities)
    _at(made, at)
    _source(made, source)
    _id(made, id)
    _interaction(made, interaction)
    _traits_of(made, ())
    _consents_of(made, ())
    _row(made, row)
    return made
