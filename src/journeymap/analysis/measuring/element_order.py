"""The order in which answers name elements, the same whatever engine has met them first."""

from __future__ import annotations

from collections.abc import Callable

from journeymap.analysis.table.part import Scope
from journeymap.model.design import CATALOGS

__all__ = ["element_order"]


def element_order(by: str | None, scope: Scope) -> Callable[[str], tuple[int, str]]:
    """Make a key that sorts names in the order of the map, unknown ones after it by name."""
    known: tuple[str, ...] = ("buy", "own") if by == "phase" else ()
    catalog = next((name for name, (kind, _) in CATALOGS.items() if kind == by), None)
    if scope.map is not None and catalog is not None:
        known = tuple(getattr(scope.map, catalog))
    places = {name: place for place, name in enumerate(known)}
    last = len(places)
    return lambda name: (places.get(name, last), name)
