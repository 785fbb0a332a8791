"""The journey map: the aggregate that holds every element and vouches for their references."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from attrs import evolve, frozen

from journeymap.exceptions import MapError, UnknownName
from journeymap.model import display
from journeymap.model.catalog import Catalog
from journeymap.model.changes import Change, find_changes
from journeymap.model.check import find_problems
from journeymap.model.design import CATALOGS, Design, Element
from journeymap.model.elements import Metric, Phase, Touchpoint
from journeymap.model.problems import Problem
from journeymap.model.recorded_names import RecordedNames
from journeymap.model.references import find_unresolved
from journeymap.model.tables import Tables, compile_tables

__all__ = ["JourneyMap"]


@frozen
class JourneyMap(Design):
    """A customer journey as designed: stages round the loop, and the five layers on them.

    A map that exists is consistent: every id it mentions is there, and no id is used twice within
    its kind.

    Attributes:
        id: The map's id.
        name: The name to show (left out: made of the id).
        description: Words about it.
        dormant_after: How long a customer may be silent before counting as dormant (None: for ever;
            a stage may have its own).
        contact_limits: How often a customer is met with offers at most, whichever they are.
        stages: The stages, in their order round the loop.
        channels: The channels.
        calendars: The calendars of working time.
        departments: The departments.
        processes: The business processes.
        products: The products and services.
        personas: The kinds of customers.
        touchpoints: The points of contact.
        metrics: The measures.
        moments: The moments of truth.
        key_journeys: The named spans of the map.
        offers: What can be offered to customers.

    Raises:
        MapError: Ids are missing or used twice; every problem at once.
        ElementError: A field has a value that it may not have.

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
        problems = find_unresolved(self)
        if problems:
            raise MapError(problems)

    @cached_property
    def tables(self) -> Tables:
        """The map compiled into small tables of codes."""
        return compile_tables(self)

    @cached_property
    def recorded_names(self) -> RecordedNames:
        """The names under which touchpoints are recorded."""
        names: dict[str, str] = {}
        for point in self.touchpoints.elements:
            for pattern in point.recorded_as:
                names.setdefault(pattern, point.id)
        return RecordedNames.of(names, self.touchpoints)

    def departments_of(self, metric: Metric) -> tuple[str, ...]:
        """List the departments that share a metric: those named, or those of its element.

        Args:
            metric: The metric.

        Returns:
            The departments, in the map's order; none where no department does it.
        """
        if metric.departments:
            return metric.departments
        kind, name = metric.of.kind, metric.of.id
        found: set[str | None] = set()
        if kind == "department":
            found = {name}
        elif kind == "process":
            found = set(self.processes[name].departments)
        elif kind == "key_journey":
            found = {self.key_journeys[name].owner}
        else:
            found = {point.department for point in self.touchpoints.values()
                     if self._is_at(point, kind, name)}  # fmt: skip
        return tuple(one for one in self.departments if one in found)

    def _is_at(self, point: Touchpoint, kind: str, name: str) -> bool:
        if kind == "phase":
            return point.stage is not None and self.stages[point.stage].phase is Phase(name)
        held = {
            "journey": (self.id,), "stage": (point.stage,), "touchpoint": (point.id,),
            "channel": point.channels, "product": point.products,
        }.get(kind, ())  # fmt: skip
        return name in held

    def metrics_of(self, kind: str, id: str) -> tuple[Metric, ...]:  # noqa: A002
        """List the metrics bound to one element.

        Args:
            kind: The kind of element, such as ``stage``.
            id: The element's id.

        Returns:
            The metrics, in the map's order.
        """
        return tuple(m for m in self.metrics.values() if (m.of.kind, m.of.id) == (kind, id))

    def add(self, *elements: Element) -> JourneyMap:
        """Make a new map that has some elements too, each at the end of its kind.

        Args:
            *elements: The elements.

        Returns:
            The new map.

        Raises:
            MapError: The new map would not be consistent.
            UnknownName: Something is no element of a map.
        """
        more: dict[str, list[Element]] = {}
        for element in elements:
            name, catalog = self._place(element)
            more.setdefault(name, list(catalog.elements)).append(element)
        return self._with(more)

    def replace(self, *elements: Element) -> JourneyMap:
        """Make a new map in which elements take the place of those with the same ids.

        Args:
            *elements: The elements.

        Returns:
            The new map.

        Raises:
            MapError: The new map would not be consistent.
            UnknownName: There is no element of that id.
        """
        changed: dict[str, list[Element]] = {}
        for element in elements:
            name, catalog = self._place(element)
            rest = changed.setdefault(name, list(catalog.elements))
            rest[catalog.index(element.id)] = element
        return self._with(changed)

    def remove(self, *elements: Element) -> JourneyMap:
        """Make a new map without some elements.

        Args:
            *elements: The elements.

        Returns:
            The new map.

        Raises:
            MapError: Something still refers to one of them.
            UnknownName: There is no element of that id.
        """
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
        """Look for gaps, orphans, and steps that run against the loop.

        Returns:
            The problems, the gravest first.
        """
        return find_problems(self)

    def diff(self, older: JourneyMap) -> tuple[Change, ...]:
        """List the changes from an older map to this one, element by element, in words.

        Args:
            older: The older map.

        Returns:
            The changes; none when the two are equal.
        """
        return find_changes(older, self)

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
