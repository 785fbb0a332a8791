"""Elements looked up by id; a wrong id suggests the nearest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from journeymap.exceptions import UnknownName

__all__ = ["Catalog"]


class _Named(Protocol):
    @property
    def id(self) -> str: ...


E = TypeVar("E", bound=_Named)


class Catalog(Mapping[str, E]):
    """The elements of one kind, in their order, looked up by id.

    A read-only mapping of id to element; two catalogs are equal when they hold equal elements in
    the same order.

    Attributes:
        kind: What an element is called.
        elements: The elements.

    >>> from journeymap.model.elements import Channel
    >>> channels = Catalog("channel", [Channel("web"), Channel("shop")])
    >>> channels["web"].name
    'Web'
    >>> channels["weeb"]
    Traceback (most recent call last):
    ...
    journeymap.exceptions.UnknownName: there is no channel 'weeb'; did you mean 'web'? ...
    """

    __slots__ = ("_places", "elements", "kind")

    def __init__(self, kind: str, elements: Iterable[E] = ()) -> None:
        """Hold elements.

        Args:
            kind: What an element is called.
            elements: The elements, in order.
        """
        self.kind: str = kind
        self.elements: tuple[E, ...] = tuple(elements)
        self._places = {e.id: place for place, e in reversed(list(enumerate(self.elements)))}

    def __getitem__(self, name: str) -> E:
        return self.elements[self.index(name)]

    def __iter__(self) -> Iterator[str]:
        return (e.id for e in self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Catalog):
            return NotImplemented
        return self.kind == other.kind and self.elements == other.elements

    def __hash__(self) -> int:
        return hash((self.kind, self.elements))

    def __repr__(self) -> str:
        return f"<{len(self)} of kind {self.kind}: {', '.join(list(self)[:8])}>"

    def index(self, name: str) -> int:
        """Find the place of an id in the catalog's order.

        Args:
            name: The id.

        Returns:
            The place, from 0.

        Raises:
            UnknownName: There is no such element.
        """
        try:
            return self._places[name]
        except KeyError:
            raise UnknownName(self.kind, name, tuple(self)) from None
