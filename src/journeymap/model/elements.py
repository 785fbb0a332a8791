"""The elements a journey map is made of, layer by layer.

Each is a frozen value that names others by their id; `JourneyMap` resolves the names.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal, get_args

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.rules import (
    as_tuple,
    each,
    finite,
    identifier,
    names,
    one_of,
    positive_duration,
    text,
    to_number,
)

__all__ = [
    "DEPARTMENTS",
    "Channel",
    "Department",
    "Investment",
    "KeyJourney",
    "Metric",
    "Of",
    "Persona",
    "Phase",
    "Process",
    "Product",
    "Stage",
    "Step",
    "Touchpoint",
]

_length = validators.optional(positive_duration)
_reference = validators.optional(identifier)


class Phase(StrEnum):
    """The half of the loop a stage lies in; the enterprise reads the same fact in its own words.

    >>> Phase("buy").enterprise, Phase("serve").customer
    ('acquire', 'own')
    """

    BUY = "buy"
    OWN = "own"

    @classmethod
    def _missing_(cls, value: object) -> Phase | None:
        return {"acquire": cls.BUY, "serve": cls.OWN}.get(value) if isinstance(value, str) else None

    @property
    def customer(self) -> str:
        """What the customer does in this half: ``buy`` or ``own``."""
        return self.value

    @property
    def enterprise(self) -> str:
        """What the company does in this half: ``acquire`` or ``serve``."""
        return "acquire" if self is Phase.BUY else "serve"


def _phase(value: Any) -> Phase:
    try:
        return Phase(value)
    except ValueError:
        choices = "'buy', 'own' ('acquire' and 'serve' are read as the same)"
        raise ElementError("Stage", "phase", value, f"one of {choices} is expected") from None


@frozen
class Named:
    """What every element has: an id to look it up by, a name to show, and words about it."""

    id: str = field(validator=identifier)
    name: str = field(default="", validator=text, kw_only=True)
    description: str = field(default="", validator=text, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            shown = self.id.replace("_", " ")
            object.__setattr__(self, "name", shown[:1].upper() + shown[1:])


@frozen
class Stage(Named):
    """A step of the loop: what the customer does there (layer 1) and the company (layer 2).

    ``dormant_after`` is how long a customer may be silent here before counting as dormant; it
    overrides the map's own.

    >>> Stage("first_use", phase="own").name
    'First use'
    """

    phase: Phase = field(converter=_phase)
    customer_does: str = field(default="", validator=text, kw_only=True)
    company_does: str = field(default="", validator=text, kw_only=True)
    dormant_after: timedelta | None = field(default=None, validator=_length, kw_only=True)


@frozen
class Channel(Named):
    """A way customer and company meet: ``kind`` is digital, phone, shop, mail, machine or other."""

    kind: Literal["digital", "phone", "shop", "mail", "machine", "other"] = field(
        default="other",
        validator=one_of("digital", "phone", "shop", "mail", "machine", "other"),
        kw_only=True,
    )


@frozen
class Investment:
    """What a department puts into the journey, and into which stages (none named: all of it).

    ``amount`` is what it costs a year in the company's own currency, when it is known.
    """

    kind: Literal["systems", "training", "education", "advocacy"] = field(
        validator=one_of("systems", "training", "education", "advocacy")
    )
    what: str = field(validator=identifier)
    stages: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    amount: float | None = field(
        default=None, converter=to_number, validator=validators.optional(finite), kw_only=True
    )


@frozen
class Department(Named):
    """A part of the company that owns touchpoints (layer 3), and what it invests in the journey."""

    calendar: str | None = field(default=None, validator=_reference, kw_only=True)
    invests: tuple[Investment, ...] = field(
        default=(), converter=as_tuple, validator=each(Investment), kw_only=True
    )


@frozen
class Process(Named):
    """A business process (layer 4) that one or more departments carry out.

    ``target`` is how long it should take: in working time of ``calendar`` when there is one.
    """

    departments: tuple[str, ...] = field(
        default=(), converter=as_tuple, validator=names, kw_only=True
    )
    target: timedelta | None = field(default=None, validator=_length, kw_only=True)
    calendar: str | None = field(default=None, validator=_reference, kw_only=True)


@frozen
class Product(Named):
    """What the customer buys and owns: a product or a service."""

    kind: Literal["product", "service"] = field(
        default="product", validator=one_of("product", "service"), kw_only=True
    )


@frozen
class Persona(Named):
    """A kind of customer the map is drawn for."""

    goals: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    pains: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    products: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)


@frozen
class Touchpoint(Named):
    """A point of contact of customer and company.

    It lies in one ``stage``, is owned by one ``department``, is part of one ``process`` and is
    reached through ``channels``; what recorded interactions leave open is read from here.
    """

    stage: str | None = field(default=None, validator=_reference)
    department: str | None = field(default=None, validator=_reference, kw_only=True)
    process: str | None = field(default=None, validator=_reference, kw_only=True)
    channels: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    products: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)


OfKind = Literal[
    "journey", "phase", "stage", "touchpoint", "channel", "department", "process", "product",
    "persona", "key_journey",
]  # fmt: skip


@frozen
class Of:
    """What a metric belongs to: the ``kind`` of element and its ``id``."""

    kind: OfKind = field(
        validator=one_of(
            "journey",
            "phase",
            "stage",
            "touchpoint",
            "channel",
            "department",
            "process",
            "product",
            "persona",
            "key_journey",
        )
    )
    id: str = field(validator=identifier)


def _an_of(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, Of):
        message = "what it belongs to is expected, such as Of('stage', 'use')"
        raise ElementError("Metric", "of", value, message)


MetricKind = Literal[
    "nps", "csat", "ces", "emotion", "time", "share", "count", "money", "other"
]  # fmt: skip


@frozen
class Metric(Named):
    """What is measured (layer 5), bound to an element of any layer.

    ``direction`` says which way is better; ``target`` is told in ``unit``.
    """

    of: Of = field(validator=_an_of)
    kind: MetricKind = field(
        default="other",
        validator=one_of(*get_args(MetricKind)),
        kw_only=True,
    )
    unit: str = field(default="", validator=text, kw_only=True)
    direction: Literal["up", "down"] = field(
        default="up", validator=one_of("up", "down"), kw_only=True
    )
    target: float | None = field(
        default=None, converter=to_number, validator=validators.optional(finite), kw_only=True
    )


@frozen
class Step:
    """An expected step of a key journey: one touchpoint, or one of several alternatives."""

    one_of: tuple[str, ...] = field(converter=as_tuple, validator=names)
    optional: bool = field(default=False, validator=validators.instance_of(bool), kw_only=True)
    repeatable: bool = field(default=False, validator=validators.instance_of(bool), kw_only=True)

    @one_of.validator
    def _check(self, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
        if not value:
            raise ElementError("Step", "one_of", value, "a step names at least one touchpoint")


def _steps(value: Any) -> tuple[Step, ...]:
    return tuple(Step((step,)) if isinstance(step, str) else step for step in as_tuple(value))


@frozen
class KeyJourney(Named):
    """A named span of the map, with its expected steps and time.

    ``start`` and ``end`` are touchpoints; ``steps`` are what is expected from start to end, both
    included (a text is short for one touchpoint); ``within`` is how long it should take, and
    ``given_up_after`` how long after its start it counts as given up when the end has not come
    (it is also given up when it starts again, and when the customer goes dormant).

    >>> KeyJourney("onboarding", "delivered", "first_use").steps
    ()
    """

    start: str = field(validator=identifier)
    end: str = field(validator=identifier)
    steps: tuple[Step, ...] = field(
        default=(), converter=_steps, validator=each(Step), kw_only=True
    )
    within: timedelta | None = field(default=None, validator=_length, kw_only=True)
    given_up_after: timedelta | None = field(default=None, validator=_length, kw_only=True)
    owner: str | None = field(default=None, validator=_reference, kw_only=True)


DEPARTMENTS: tuple[Department, ...] = (
    Department("marketing", description="Makes the company known and wanted."),
    Department("sales", description="Turns interest into an order."),
    Department("finance", description="Checks credit, bills, collects and refunds."),
    Department("distribution", description="Brings the product to the customer."),
    Department("operations", description="Makes the product and keeps the service running."),
    Department("services", description="Installs, maintains and repairs."),
    Department("support", description="Answers technical questions and solves problems."),
    Department("customer_care", description="Keeps the relation: contracts, complaints, loyalty."),
)
"""The eight departments of customer engagement, ready to use in a map."""
