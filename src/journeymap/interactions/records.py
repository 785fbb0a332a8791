"""What a source says: who it was about, what happened, what is known of them, what they allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import InteractionError
from journeymap.interactions.codec import is_plain
from journeymap.interactions.interaction import Interaction, aware_time
from journeymap.interactions.values import HIDDEN, Identity
from journeymap.model.rules import as_tuple, each, identifier

__all__ = ["Consent", "Evidence", "Record", "Trait"]


def _some(instance: Any, attribute: Attribute[Any], value: tuple[Any, ...]) -> None:
    if not value:
        message = "at least one identity is needed to know whom it is about"
        raise InteractionError(type(instance).__name__, attribute.name, value, message)


def _once(given: Iterable[Identity]) -> tuple[Identity, ...]:
    return tuple(dict.fromkeys(as_tuple(given)))


def _traits(
    given: Mapping[str, Any] | Iterable[tuple[str, Any]],
) -> tuple[tuple[str, Any], ...]:
    return tuple((name, _kept(name, value)) for name, value in dict(given).items())


def _kept(name: str, value: Any) -> Any:
    """A value as JSON can hold it; times and exact numbers become texts."""
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
    """What happened, without the name of whoever it was."""
    return "None" if interaction is None else f"({interaction.touchpoint!r})"


@frozen
class Trait:
    """Something known of a customer: a name, a plan, a postal code; from whom and since when.

    The value is personal unless the rules say otherwise: it is not shown by ``repr``.
    """

    name: str = field(validator=identifier)
    value: Any = field(repr=lambda _: repr(HIDDEN))
    source: str = field(validator=identifier)
    at: datetime = field(validator=aware_time)


@frozen
class Consent:
    """Whether a customer allows a purpose, as they said at a time."""

    purpose: str = field(validator=identifier)
    given: bool = field(validator=validators.instance_of(bool))
    source: str = field(validator=identifier)
    at: datetime = field(validator=aware_time)


@frozen
class Evidence:
    """A claim that some identities are of one customer, by a source, at a time.

    ``batch`` names evidence that may be withdrawn together; ``weight`` is how probable the claim
    is, where that was estimated (None: the source knows it).
    """

    identities: tuple[Identity, ...] = field(converter=_once, validator=[each(Identity), _some])
    at: datetime = field(validator=aware_time)
    source: str = field(validator=identifier)
    batch: str | None = field(default=None, validator=validators.optional(identifier))
    weight: float | None = None


@frozen
class Record:
    """One thing a source says.

    ``identities`` are the names by which the source knows the customer, the surest first;
    ``interaction`` is what happened, under whatever name of the customer (None: nothing did, as
    when an address was entered); ``traits`` and ``consents`` (purpose and whether it is given)
    are what is known since. ``row`` is its place in the source, from 1.

    >>> from datetime import UTC
    >>> ada = Identity("email", "ada@example.org")
    >>> record = Record([ada], datetime(2026, 3, 1, tzinfo=UTC), "crm", traits={"plan": "fibre"})
    >>> record.dated_traits[0].name, record.dated_traits[0].source
    ('plan', 'crm')
    """

    identities: tuple[Identity, ...] = field(converter=_once, validator=[each(Identity), _some])
    at: datetime = field(validator=aware_time)
    source: str = field(validator=identifier)
    id: str | None = field(default=None, validator=validators.optional(identifier), kw_only=True)
    interaction: Interaction | None = field(
        default=None,
        validator=validators.optional(validators.instance_of(Interaction)),
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
        """Its traits, with their source and time."""
        return tuple(Trait(name, value, self.source, self.at) for name, value in self.traits)

    @property
    def dated_consents(self) -> tuple[Consent, ...]:
        """Its consents, with their source and time."""
        return tuple(Consent(name, given, self.source, self.at) for name, given in self.consents)
