"""The journey map: the aggregate that holds every element and vouches for their references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from attrs import evolve, field, frozen, validators

from journeymap.exceptions import ElementError, MapError, UnknownName
from journeymap.model import display
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
from journeymap.model.problems import Problem
from journeymap.model.rules import closed, each, identifier, positive, text
from journeymap.model.tables import Tables, compiled

if TYPE_CHECKING:
    from journeymap.model.changes import Change

__all__ = ["Element", "JourneyMap"]

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
    found = elements.elements if isinstance(elements, Catalog) else closed(elements)
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
class JourneyMap:
    """A customer journey as designed: stages round the loop, and the five layers on them.

    A map that exists is consistent: every id it mentions is there, and no id is used twice
    within its kind. ``dormant_after`` is how long a customer may be silent anywhere before
    counting as dormant (a stage may have its own); ``contact_limits`` bound how often a customer
    is met with offers, whichever they are. Raises MapError with every problem at once.

    >>> journey = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")])
    >>> journey = journey.add(Touchpoint("order_placed", "choose"))
    >>> journey.touchpoints["order_placed"].stage
    'choose'
    >>> journey.loop.after("use")
    'choose'
    """

    id: str = field(validator=identifier)
    name: str = field(default="", validator=text, kw_only=True)
    description: str = field(default="", validator=text, kw_only=True)
    dormant_after: timedelta | None = field(
        default=None, validator=validators.optional(positive), kw_only=True
    )
    contact_limits: tuple[ContactLimit, ...] = field(
        default=(), converter=closed, validator=each(ContactLimit), kw_only=True
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

    def __attrs_post_init__(self) -> None:
        from journeymap.model.references import unresolved

        if not self.name:
            object.__setattr__(self, "name", self.id.replace("_", " ").capitalize())
        problems = unresolved(self)
        if problems:
            raise MapError(problems)

    @cached_property
    def loop(self) -> Loop:
        """The stages in their order round the loop: what follows what."""
        return Loop(self.stages.elements)

    @cached_property
    def tables(self) -> Tables:
        """The map compiled into small tables of codes."""
        return compiled(self)

    def metrics_of(self, kind: str, id: str) -> tuple[Metric, ...]:  # noqa: A002
        """The metrics bound to one element, such as ``metrics_of("stage", "use")``."""
        return tuple(m for m in self.metrics.values() if (m.of.kind, m.of.id) == (kind, id))

    def add(self, *elements: Element) -> JourneyMap:
        """A new map that has these elements too, each at the end of its kind."""
        more: dict[str, list[Element]] = {}
        for element in elements:
            name, catalog = self._place(element)
            more.setdefault(name, list(catalog.elements)).append(element)
        return self._with(more)

    def replace(self, *elements: Element) -> JourneyMap:
        """A new map in which each of these takes the place of the element with the same id."""
        changed: dict[str, list[Element]] = {}
        for element in elements:
            name, catalog = self._place(element)
            rest = changed.setdefault(name, list(catalog.elements))
            rest[catalog.index(element.id)] = element
        return self._with(changed)

    def remove(self, *elements: Element) -> JourneyMap:
        """A new map without these elements; raises MapError if something still refers to one."""
        gone: dict[str, set[str]] = {}
        for element in elements:
            name, catalog = self._place(element)
            gone.setdefault(name, set()).add(catalog[element.id].id)
        kept = {
            name: [e for e in getattr(self, name).elements if e.id not in ids]
            for name, ids in gone.items()
        }
        return self._with(kept)

    def check(self) -> tuple[Problem, ...]:
        """What a careful colleague would say about this map, the gravest first."""
        from journeymap.model.check import check

        return check(self)

    def diff(self, older: JourneyMap) -> tuple[Change, ...]:
        """What changed from an older map to this one, element by element, in words."""
        from journeymap.model.changes import diff

        return diff(older, self)

    def __repr__(self) -> str:
        counted = ", ".join(
            f"{len(catalog)} {name.replace('_', ' ')}"
            for name, catalog in self._catalogs()
            if catalog
        )
        return f"<JourneyMap {self.id!r}: {counted or 'empty'}>"

    def _repr_html_(self) -> str | None:
        return display.picture(self)

    def _catalogs(self) -> Iterable[tuple[str, Catalog[Any]]]:
        return ((name, getattr(self, name)) for name in CATALOGS)

    def _with(self, catalogs: Mapping[str, Any]) -> JourneyMap:
        changed: JourneyMap = evolve(cast(Any, self), **catalogs)
        return changed

    def _place(self, element: Element) -> tuple[str, Catalog[Any]]:
        for name, (_, kind) in CATALOGS.items():
            if type(element) is kind:
                return name, getattr(self, name)
        kinds = tuple(kind.__name__ for _, kind in CATALOGS.values())
        raise UnknownName("kind of element", type(element).__name__, kinds)
