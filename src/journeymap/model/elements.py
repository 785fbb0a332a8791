"""The elements a journey map is made of, layer by layer.

Each is a frozen value that names others by their id; `JourneyMap` resolves the names.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, get_args

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.measures import (
    TIME_UNITS,
    DeviationRate,
    Measure,
    is_measure,
    is_share,
    is_time,
)
from journeymap.model.rules import (
    as_tuple,
    each,
    finite,
    identifier,
    maybe_length,
    names,
    of_type,
    one_of,
    optional_identifier,
    positive_duration,
    text,
    to_number,
)
from journeymap.model.scores import ScoreName

__all__ = [
    "DEPARTMENTS",
    "Channel",
    "Department",
    "Investment",
    "KeyJourney",
    "Metric",
    "Need",
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
        """The customer's name of this half: ``buy`` or ``own``."""
        return self.value

    @property
    def enterprise(self) -> str:
        """The company's name of this half: ``acquire`` or ``serve``."""
        return "acquire" if self is Phase.BUY else "serve"


def _phase(value: Any) -> Phase:
    try:
        return Phase(value)
    except ValueError:
        choices = "'buy', 'own' ('acquire' and 'serve' are read as the same)"
        raise ElementError("Stage", "phase", value, f"one of {choices} is expected") from None


@frozen
class Named:
    """The id, the name and the words of an element.

    Attributes:
        id: The id by which it is looked up.
        name: The name to show (left out: made of the id).
        description: Words about it.
    """

    id: str = field(validator=identifier)
    name: str = field(default="", validator=text, kw_only=True)
    description: str = field(default="", validator=text, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            shown = self.id.replace("_", " ")
            object.__setattr__(self, "name", shown[:1].upper() + shown[1:])


@frozen
class Need:
    """Something that customers need, in a stage or as a kind of customer, and why.

    Attributes:
        id: The id by which it is named.
        words: The need, in the customer's words.
        why: The motive behind it.
        metrics: The metrics that show whether it is met.

    Raises:
        ElementError: A field has a value that it may not have.
    """

    id: str = field(validator=identifier)
    words: str = field(default="", validator=text)
    why: str = field(default="", validator=text, kw_only=True)
    metrics: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)


@frozen
class Stage(Named):
    """A step of the loop: what the customer does there (layer 1), and the company (layer 2).

    Attributes:
        phase: The half of the loop it lies in.
        customer_does: The customer's activity.
        company_does: The company's activity.
        dormant_after: How long a customer may be silent in it before going dormant (None: as long
            as the map allows).
        ends: Whether a journey may end in it: who falls silent there is done, and not dormant.
        optional: Whether customers may pass it by on their way: funnels do not count it as a loss.
        needs: What the customer needs there.

    >>> Stage("first_use", phase="own").name
    'First use'
    """

    phase: Phase = field(converter=_phase)
    customer_does: str = field(default="", validator=text, kw_only=True)
    company_does: str = field(default="", validator=text, kw_only=True)
    dormant_after: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    ends: bool = field(default=False, validator=of_type(bool), kw_only=True)
    optional: bool = field(default=False, validator=of_type(bool), kw_only=True)
    needs: tuple[Need, ...] = field(
        default=(), converter=as_tuple, validator=each(Need), kw_only=True
    )


def _not_negative(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    finite(instance, attribute, value)
    if value < 0:
        message = "a cost is not below zero"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def _cost() -> Any:
    return field(default=None, converter=to_number, validator=validators.optional(_not_negative),
                 kw_only=True)  # fmt: skip


@frozen
class Channel(Named):
    """A way in which customer and company meet.

    Attributes:
        kind: ``digital``, ``phone``, ``shop``, ``mail``, ``machine`` or ``other``.
        cost: What an interaction on it costs the company, in its own currency (None: not known).
    """

    kind: Literal["digital", "phone", "shop", "mail", "machine", "other"] = field(
        default="other",
        validator=one_of("digital", "phone", "shop", "mail", "machine", "other"),
        kw_only=True,
    )
    cost: float | None = _cost()


def _maybe_day(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        message = "a day is expected, such as date(2026, 3, 1)"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


@frozen
class Investment:
    """Something that a department invests in the journey.

    Attributes:
        kind: ``systems``, ``training``, ``education`` or ``advocacy``.
        what: What it is.
        stages: The stages it goes into (none: all of them).
        amount: Its cost a year, in the company's own currency (None: not known).
        since: The day since which it works (None: not known).

    Raises:
        ElementError: A field has a value that it may not have.
    """

    kind: Literal["systems", "training", "education", "advocacy"] = field(
        validator=one_of("systems", "training", "education", "advocacy")
    )
    what: str = field(validator=identifier)
    stages: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    amount: float | None = field(
        default=None, converter=to_number, validator=validators.optional(finite), kw_only=True
    )
    since: date | None = field(default=None, validator=_maybe_day, kw_only=True)


@frozen
class Department(Named):
    """A part of the company that owns touchpoints (layer 3).

    Attributes:
        calendar: The calendar of its working time (None: always).
        invests: What it invests in the journey.
        hourly_cost: What an hour of its work costs the company, in its own currency (None: not
            known).
    """

    calendar: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    invests: tuple[Investment, ...] = field(
        default=(), converter=as_tuple, validator=each(Investment), kw_only=True
    )
    hourly_cost: float | None = _cost()


@frozen
class Process(Named):
    """A business process (layer 4) that one or more departments carry out.

    Attributes:
        departments: The departments.
        calendar: The calendar of its working time (None: always).
        target: How long it should take, from its first to its last interaction with a customer.
    """

    departments: tuple[str, ...] = field(
        default=(), converter=as_tuple, validator=names, kw_only=True
    )
    target: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    calendar: str | None = field(default=None, validator=optional_identifier, kw_only=True)


@frozen
class Product(Named):
    """A product or a service that the customer buys and owns.

    Attributes:
        kind: ``product`` or ``service``.
    """

    kind: Literal["product", "service"] = field(
        default="product", validator=one_of("product", "service"), kw_only=True
    )


@frozen
class Persona(Named):
    """A kind of customer for whom the map is drawn.

    Attributes:
        goals: What they want to achieve.
        pains: What gets in their way.
        products: The products they use, by which a log knows them where no column names them.
        needs: What they need.
    """

    goals: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    pains: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    products: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    needs: tuple[Need, ...] = field(
        default=(), converter=as_tuple, validator=each(Need), kw_only=True
    )


@frozen
class Touchpoint(Named):
    """A point of contact of customer and company.

    Attributes:
        stage: The stage it lies in (None: it leaves customers where they are).
        department: The department that owns it.
        process: The process it is part of.
        channels: The channels on which it can happen.
        products: The products it is about.
        recorded_as: Other names under which it is recorded; ``*`` is any text, as in ``/m/*``.
        ends: Whether a journey may end with it: who falls silent there is done, and not dormant.
        cost: What an interaction at it costs the company, in its own currency, whatever the
            channel (None: what the channel costs).
    """

    stage: str | None = field(default=None, validator=optional_identifier)
    department: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    process: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    channels: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    products: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    recorded_as: tuple[str, ...] = field(
        default=(), converter=as_tuple, validator=names, kw_only=True
    )
    ends: bool = field(default=False, validator=of_type(bool), kw_only=True)
    cost: float | None = _cost()


OfKind = Literal[
    "journey", "phase", "stage", "touchpoint", "channel", "department", "process", "product",
    "persona", "key_journey",
]  # fmt: skip


@frozen
class Of:
    """The element that a metric belongs to.

    Attributes:
        kind: The kind of element, such as ``stage``.
        id: The element's id.

    Raises:
        ElementError: There is no such kind.
    """

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


MetricKind = Literal[ScoreName, "emotion", "time", "share", "count", "money", "other"]


@frozen
class Metric(Named):
    """A number that the company watches (layer 5), bound to an element of any layer.

    Attributes:
        of: The element.
        kind: What it is about, such as ``nps`` or ``time``.
        unit: The unit of its target and of its values: of times ``s``, ``min``, ``h``, ``d`` or
            ``week`` (none: seconds), of shares ``%`` (none: from 0 to 1).
        direction: Which way is better: ``up`` or ``down``.
        target: The value that it should reach (None: it has none).
        measure: How it is computed (None: it is not).
        departments: The departments that share it (none: those of the element).

    Raises:
        ElementError: A field has a value that it may not have.
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
    measure: Measure | None = field(default=None, validator=is_measure, kw_only=True)
    departments: tuple[str, ...] = field(
        default=(), converter=as_tuple, validator=names, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        Named.__attrs_post_init__(self)
        if isinstance(self.measure, DeviationRate) and self.of.kind != "key_journey":
            message = "deviations are those of a key journey: bind the metric to one"
            raise ElementError("Metric", "of", self.of.kind, message)
        if is_time(self.measure) and self.unit not in TIME_UNITS:
            units = ", ".join(repr(unit) for unit in TIME_UNITS)
            raise ElementError("Metric", "unit", self.unit, f"a time is in one of {units}")

    @property
    def scale(self) -> float:
        """The factor by which a value in seconds, or from 0 to 1, is in the metric's unit."""
        if is_time(self.measure):
            return 1 / TIME_UNITS[self.unit]
        return 100.0 if is_share(self.measure) and self.unit == "%" else 1.0


MAX_CONCURRENT = 5
"""Touchpoints of one step that come in any order: all of their orders are tried."""
MAX_ORDERS = 720
"""Orders in which the steps of a key journey may come."""


@frozen
class Step:
    """An expected step of a key journey: one touchpoint, one of several, or all of several.

    Attributes:
        one_of: The touchpoints of which each fulfils it.
        all_of: The touchpoints that all belong to it, in any order; lacking one is a deviation.
        optional: Whether it may be left out.
        repeatable: Whether it may come several times.

    Raises:
        ElementError: It names no touchpoint, or both alternatives and parts.

    >>> Step(all_of=["sign", "pay"]).touchpoints
    ('sign', 'pay')
    """

    one_of: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names)
    all_of: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    optional: bool = field(default=False, validator=of_type(bool), kw_only=True)
    repeatable: bool = field(default=False, validator=of_type(bool), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if bool(self.one_of) == bool(self.all_of):
            message = "a step names at least one touchpoint: by one_of, or all of several by all_of"
            raise ElementError("Step", "one_of", self.one_of, message)
        if len(self.all_of) == 1 or len(self.all_of) > MAX_CONCURRENT:
            message = f"two to {MAX_CONCURRENT} touchpoints are expected"
            raise ElementError("Step", "all_of", self.all_of, message)

    @property
    def touchpoints(self) -> tuple[str, ...]:
        """The touchpoints that it names."""
        return self.one_of or self.all_of


def _few_orders(instance: Any, attribute: Attribute[Any], value: tuple[Step, ...]) -> None:
    orders = math.prod(math.factorial(len(step.all_of)) for step in value)
    if orders > MAX_ORDERS:
        message = f"its steps may come in {orders} orders; {MAX_ORDERS} at most are tried"
        raise ElementError("KeyJourney", attribute.name, value, message)


def _steps(value: Any) -> tuple[Step, ...]:
    return tuple(Step((step,)) if isinstance(step, str) else step for step in as_tuple(value))


@frozen
class KeyJourney(Named):
    """A named span of the map, with its expected steps and time.

    Attributes:
        start: The touchpoint with which it begins.
        end: The touchpoint with which it ends.
        steps: The steps that are expected (none: any are fine).
        within: How long it should take; longer is late (None: any time).
        given_up_after: How long until it counts as given up (None: never).
        owner: The department that answers for it.
        ends: Whether a journey may end with its end, as `Touchpoint.ends`.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> KeyJourney("onboarding", "delivered", "first_use").steps
    ()
    """

    start: str = field(validator=identifier)
    end: str = field(validator=identifier)
    steps: tuple[Step, ...] = field(
        default=(), converter=_steps, validator=[each(Step), _few_orders], kw_only=True
    )
    within: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    given_up_after: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    owner: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    ends: bool = field(default=False, validator=of_type(bool), kw_only=True)


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
