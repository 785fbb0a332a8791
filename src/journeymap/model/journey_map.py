"""The journey map: the aggregate that holds every element and vouches for their references."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from attrs import evolve, field, fields, frozen, validators

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
from journeymap.model.problems import Problem
from journeymap.model.rules import identifier, positive, text
from journeymap.model.tables import Tables, compiled

if TYPE_CHECKING:
    from journeymap.model.changes import Change

__all__ = ["Element", "JourneyMap"]

Element: TypeAlias = (
    Stage | Channel | Calendar | Department | Process | Product | Persona | Touchpoint | Metric
    | Moment | KeyJourney
)  # fmt: skip


def _catalog(kind: str, element: type[Any]) -> Callable[[Any], Catalog[Any]]:
    def convert(value: Any) -> Catalog[Any]:
        if isinstance(value, Catalog):
            value = value.elements
        elements = tuple(value)
        for found in elements:
            if not isinstance(found, element):
                raise ElementError("JourneyMap", kind, found, f"a {element.__name__} is expected")
        return Catalog(kind, elements)

    return convert


def _of(kind: str, element: type[Any]) -> Any:
    return field(
        factory=partial(Catalog, kind),
        converter=_catalog(kind, element),
        kw_only=True,
        metadata={"element": element},
    )


@frozen
class JourneyMap:
    """A customer journey as designed: stages round the loop, and the five layers on them.

    A map that exists is consistent: every id it mentions is there, and no id is used twice
    within its kind. ``dormant_after`` is how long a customer may be silent anywhere before
    counting as dormant (a stage may have its own). Raises MapError with every problem at once.

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
    stages: Catalog[Stage] = _of("stage", Stage)
    channels: Catalog[Channel] = _of("channel", Channel)
    calendars: Catalog[Calendar] = _of("calendar", Calendar)
    departments: Catalog[Department] = _of("department", Department)
    processes: Catalog[Process] = _of("process", Process)
    products: Catalog[Product] = _of("product", Product)
    personas: Catalog[Persona] = _of("persona", Persona)
    touchpoints: Catalog[Touchpoint] = _of("touchpoint", Touchpoint)
    metrics: Catalog[Metric] = _of("metric", Metric)
    moments: Catalog[Moment] = _of("moment", Moment)
    key_journeys: Catalog[KeyJourney] = _of("key journey", KeyJourney)

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
        changed = self
        for element in elements:
            name, catalog = changed._place(element)
            changed = changed._with({name: (*catalog.elements, element)})
        return changed

    def replace(self, *elements: Element) -> JourneyMap:
        """A new map in which each of these takes the place of the element with the same id."""
        changed = self
        for element in elements:
            name, catalog = changed._place(element)
            rest = list(catalog.elements)
            rest[catalog.index(element.id)] = element
            changed = changed._with({name: rest})
        return changed

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
        for a in fields(JourneyMap):
            if "element" in a.metadata:
                yield a.name, getattr(self, a.name)

    def _with(self, catalogs: dict[str, Any]) -> JourneyMap:
        changed: JourneyMap = evolve(cast(Any, self), **catalogs)
        return changed

    def _place(self, element: Element) -> tuple[str, Catalog[Any]]:
        for a in fields(JourneyMap):
            if type(element) is a.metadata.get("element"):
                return a.name, getattr(self, a.name)
        kinds = tuple(a.metadata["element"].__name__ for a in fields(JourneyMap) if a.metadata)
        raise UnknownName("kind of element", type(element).__name__, kinds)
