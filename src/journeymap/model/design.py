"""The elements of a map by kind: what checks, tables and pictures read of a map."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeAlias

from attrs import field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.calendars import Calendar
from journeymap.model.catalog import Catalog
from journeymap.model.elements import (
    Channel,
    Department,
    KeyJourney,
    Metric,
    Persona,
    Process,
    Product,
    Stage,
    Touchpoint,
)
from journeymap.model.loop import Loop
from journeymap.model.moments import Moment
from journeymap.model.offers import ContactLimit, Offer
from journeymap.model.rules import (
    as_tuple,
    each,
    identifier,
    maybe_length,
    positive_duration,
    text,
)

__all__ = ["CATALOGS", "Design", "Element"]

Element: TypeAlias = (
    Stage | Channel | Calendar | Department | Process | Product | Persona | Touchpoint | Metric
    | Moment | KeyJourney | Offer
)  # fmt: skip


CATALOGS: dict[str, tuple[str, type[Any]]] = {
    "stages": ("stage", Stage),
    "channels": ("channel", Channel),
    "calendars": ("calendar", Calendar),
    "departments": ("department", Department),
    "processes": ("process", Process),
    "products": ("product", Product),
    "personas": ("persona", Persona),
    "touchpoints": ("touchpoint", Touchpoint),
    "metrics": ("metric", Metric),
    "moments": ("moment", Moment),
    "key_journeys": ("key journey", KeyJourney),
    "offers": ("offer", Offer),
}
"""Each catalog of a map: what an element of it is called, and its class."""


def _catalog(name: str, elements: Iterable[Any]) -> Catalog[Any]:
    kind, element = CATALOGS[name]
    found = elements.elements if isinstance(elements, Catalog) else as_tuple(elements)
    for one in found:
        if not isinstance(one, element):
            raise ElementError("JourneyMap", name, one, f"a {element.__name__} is expected")
    return Catalog(kind, found)


# One converter each, so that type checkers know what a map may be given.
def _stages(given: Iterable[Stage]) -> Catalog[Stage]:
    return _catalog("stages", given)


def _channels(given: Iterable[Channel]) -> Catalog[Channel]:
    return _catalog("channels", given)


def _calendars(given: Iterable[Calendar]) -> Catalog[Calendar]:
    return _catalog("calendars", given)


def _departments(given: Iterable[Department]) -> Catalog[Department]:
    return _catalog("departments", given)


def _processes(given: Iterable[Process]) -> Catalog[Process]:
    return _catalog("processes", given)


def _products(given: Iterable[Product]) -> Catalog[Product]:
    return _catalog("products", given)


def _personas(given: Iterable[Persona]) -> Catalog[Persona]:
    return _catalog("personas", given)


def _touchpoints(given: Iterable[Touchpoint]) -> Catalog[Touchpoint]:
    return _catalog("touchpoints", given)


def _metrics(given: Iterable[Metric]) -> Catalog[Metric]:
    return _catalog("metrics", given)


def _moments(given: Iterable[Moment]) -> Catalog[Moment]:
    return _catalog("moments", given)


def _key_journeys(given: Iterable[KeyJourney]) -> Catalog[KeyJourney]:
    return _catalog("key_journeys", given)


def _offers(given: Iterable[Offer]) -> Catalog[Offer]:
    return _catalog("offers", given)


@frozen
class Design:
    """The elements of a map, by kind; `JourneyMap` adds that their references hold."""

    id: str = field(validator=identifier)
    name: str = field(default="", validator=text, kw_only=True)
    description: str = field(default="", validator=text, kw_only=True)
    dormant_after: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )
    contact_limits: tuple[ContactLimit, ...] = field(
        default=(), converter=as_tuple, validator=each(ContactLimit), kw_only=True
    )
    stages: Catalog[Stage] = field(default=(), converter=_stages, kw_only=True)
    channels: Catalog[Channel] = field(default=(), converter=_channels, kw_only=True)
    calendars: Catalog[Calendar] = field(default=(), converter=_calendars, kw_only=True)
    departments: Catalog[Department] = field(default=(), converter=_departments, kw_only=True)
    processes: Catalog[Process] = field(default=(), converter=_processes, kw_only=True)
    products: Catalog[Product] = field(default=(), converter=_products, kw_only=True)
    personas: Catalog[Persona] = field(default=(), converter=_personas, kw_only=True)
    touchpoints: Catalog[Touchpoint] = field(default=(), converter=_touchpoints, kw_only=True)
    metrics: Catalog[Metric] = field(default=(), converter=_metrics, kw_only=True)
    moments: Catalog[Moment] = field(default=(), converter=_moments, kw_only=True)
    key_journeys: Catalog[KeyJourney] = field(default=(), converter=_key_journeys, kw_only=True)
    offers: Catalog[Offer] = field(default=(), converter=_offers, kw_only=True)

    @cached_property
    def loop(self) -> Loop:
        """The stages in their order round the loop: what follows what."""
        return Loop(self.stages.elements)

    @property
    def catalogs(self) -> dict[str, Catalog[Any]]:
        """Every catalog by the name of its field."""
        return {name: getattr(self, name) for name in CATALOGS}
