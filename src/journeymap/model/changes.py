"""Changes between two maps, element by element, in words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from attrs import fields, frozen

from journeymap.model.catalog import Catalog
from journeymap.model.design import Design
from journeymap.model.durations import duration_text
from journeymap.model.scores import show_number

__all__ = ["Change", "find_changes"]


@frozen
class Change:
    """One difference between two maps.

    Attributes:
        kind: ``added``, ``removed``, ``changed`` or ``moved``.
        where: The element, as in ``touchpoint 'call'``, or ``the map``.
        field: The field that changed.
        before: Its value before; of a move, the place, from 1.
        after: Its value now; of a move, the place.

    >>> print(Change("added", "channel 'web'"))
    channel 'web' was added
    """

    kind: Literal["added", "removed", "changed", "moved"]
    where: str
    field: str | None = None
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.kind == "moved":
            return f"{self.where} was moved from place {self.before} to place {self.after}"
        if self.kind != "changed" or self.field is None:
            return f"{self.where} was {self.kind}"
        name = self.field.replace("_", " ")
        if isinstance(self.before, tuple) and isinstance(self.after, tuple):
            gone = [_value_text(v) for v in self.before if v not in self.after]
            come = [_value_text(v) for v in self.after if v not in self.before]
            parts = [f"gained {', '.join(come)}"] if come else []
            parts += [f"lost {', '.join(gone)}"] if gone else []
            return f"{self.where}: {name} {' and '.join(parts) or 'has a new order'}"
        before, after = _value_text(self.before), _value_text(self.after)
        return f"{self.where}: {name} changed from {before} to {after}"


def find_changes(older: Design, newer: Design) -> tuple[Change, ...]:
    """List every change from an older map to a newer one; none when the two are equal."""
    found: list[Change] = []
    for a in fields(type(newer)):
        before, after = getattr(older, a.name), getattr(newer, a.name)
        if isinstance(after, Catalog):
            found += _elements(before, after)
        elif before != after:
            found.append(Change("changed", "the map", a.name, before, after))
    return tuple(found)


def _elements(before: Catalog[Any], after: Catalog[Any]) -> Iterator[Change]:
    kind = after.kind
    for name in before:
        if name not in after:
            yield Change("removed", f"{kind} {name!r}")
    for name, element in after.items():
        where = f"{kind} {name!r}"
        if name not in before:
            yield Change("added", where)
            continue
        old = before[name]
        for a in fields(type(element)):
            was, now = getattr(old, a.name), getattr(element, a.name)
            if was != now:
                yield Change("changed", where, a.name, was, now)
    kept = [name for name in before if name in after]
    order = {name: place for place, name in enumerate(name for name in after if name in before)}
    staying = _in_order([order[name] for name in kept])
    for place, name in enumerate(kept):
        if order[name] not in staying:
            yield Change("moved", f"{kind} {name!r}", None, place + 1, order[name] + 1)


def _in_order(places: list[int]) -> set[int]:
    """Find the most places that are still in order, so that the fewest elements count as moved."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for place in places:
        spot = bisect_left(ends, place)
        before[place] = ends[spot - 1] if spot else None
        ends[spot : spot + 1] = [place]
    staying: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        staying.add(last)
        last = before[last]
    return staying


def _value_text(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "nothing"
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, str):
        return repr(str(value))
    return show_number(value) if isinstance(value, float) else str(value)
