"""The journey map: the aggregate that holds every element and vouches for their references."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from attrs import evolve, frozen

from journeymap.exceptions import MapError, UnknownName
from journeymap.model import display
from journeymap.model.catalog import Catalog
from journeymap.model.changes import Change, diff
from journeymap.model.check import check
from journeymap.model.design import CATALOGS, Design, Element
from journeymap.model.elements import Metric
from journeymap.model.problems import Problem
from journeymap.model.references import unresolved
from journeymap.model.tables import Tables, compiled

__all__ = ["JourneyMap"]


@frozen
class JourneyMap(Design):
    """A customer journey as designed: stages round the loop, and the five layers on them.

    A map that exists is consistent: every id it mentions is there, and no id is used twice
    within its kind. ``dormant_after`` is how long a customer may be silent anywhere before
    counting as dormant (a stage may have its own); ``contact_limits`` bound how often a customer
    is met with offers, whichever they are. Raises MapError with every problem at once.

    >>> from journeymap.model import Stage, Touchpoint
    >>> journey = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")])
    >>> journey = journey.add(Touchpoint("order_placed", "choose"))
    >>> journey.touchpoints["order_placed"].stage
    'choose'
    >>> journey.loop.after("use")
    'choose'
    """

    def __attrs_post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.id.replace("_", " ").capitalize())
        problems = unresolved(self)
        if problems:
            raise MapError(problems)

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
        return check(self)

    def diff(self, older: JourneyMap) -> tuple[Change, ...]:
        """What changed from an older map to this one, element by element, in words."""
        return diff(older, self)

    def __repr__(self) -> str:
        counted = ", ".join(
            f"{len(catalog)} {name.replace('_', ' ')}"
            for name, catalog in self.catalogs.items()
            if catalog
        )
        return f"<JourneyMap {self.id!r}: {counted or 'empty'}>"

    def _repr_html_(self) -> str | None:
        return display.picture(self)

    def _with(self, catalogs: Mapping[str, Any]) -> JourneyMap:
        changed: JourneyMap = evolve(cast(Any, self), **catalogs)
        return changed

    def _place(self, element: Element) -> tuple[str, Catalog[Any]]:
        for name, (_, kind) in CATALOGS.items():
            if type(element) is kind:
                return name, getattr(self, name)
        kinds = tuple(kind.__name__ for _, kind in CATALOGS.values())
        raise UnknownName("kind of element", type(element).__name__, kinds)
