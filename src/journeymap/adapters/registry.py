"""The registry of adapters: found by their entry points, loaded when they are asked for.

A package offers adapters by entry points of four groups; journeymap's own are offered so too.
Nothing is imported before it is asked for, and what breaks on import breaks nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, Literal, TypeAlias, TypeVar

from attrs import frozen

from journeymap.adapters.action import ActionFactory
from journeymap.adapters.source import Source
from journeymap.adapters.store import Store
from journeymap.adapters.view import View
from journeymap.exceptions import AdapterError, UnknownName

__all__ = [
    "Installed", "Registry", "actions", "installed", "sources", "stores", "views",
]  # fmt: skip

Kind: TypeAlias = Literal["source", "store", "action", "view"]
T = TypeVar("T")


@frozen
class Installed:
    """An adapter that is installed.

    Attributes:
        kind: ``source``, ``store``, ``action`` or ``view``.
        name: Its name.
        package: The package that offers it.
        target: The object that the package names.
        failure: Why it could not be loaded (None: it could).
    """

    kind: Kind
    name: str
    package: str
    target: str
    failure: str | None = None


class Registry(Mapping[str, T], Generic[T]):
    """The adapters of one kind, by name; each is imported when it is first looked up.

    Looking one up raises UnknownName, which suggests the nearest, or AdapterError for one that
    cannot be loaded.
    """

    def __init__(self, kind: Kind) -> None:
        """Begin without adapters beside those of the packages.

        Args:
            kind: ``source``, ``store``, ``action`` or ``view``.
        """
        self.kind = kind
        self._added: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name in self._added:
            return self._added[name]
        points = self._points()
        if name not in points:
            raise UnknownName(self.kind, name, tuple(self))
        return self._load(points[name])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._points(), *self._added}))

    def __len__(self) -> int:
        return len({*self._points(), *self._added})

    def __contains__(self, name: object) -> bool:
        return name in self._added or name in self._points()

    def add(self, name: str, adapter: T) -> None:
        """Offer an adapter under a name, in place of any other of that name.

        Args:
            name: The name.
            adapter: The adapter.
        """
        self._added[name] = adapter

    def installed(self) -> tuple[Installed, ...]:
        """List the adapters that packages offer, each loaded to see whether it can be.

        Returns:
            The adapters, those that cannot be loaded with the reason.
        """
        found = []
        for name, point in sorted(self._points().items()):
            package = (point.dist.name if point.dist is not None else None) or "(unknown)"
            failure = None
            try:
                self._load(point)
            except AdapterError as error:
                failure = error.message
            found.append(Installed(self.kind, name, package, point.value, failure))
        return tuple(found)

    def _points(self) -> dict[str, EntryPoint]:
        # Of two packages that offer one name, journeymap's own goes before, then the alphabet.
        found = sorted(entry_points(group=f"journeymap.{self.kind}s"), key=_rank)
        points: dict[str, EntryPoint] = {}
        for point in found:
            points.setdefault(point.name, point)
        return points

    def _load(self, point: EntryPoint) -> T:
        try:
            loaded: T = point.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module does
            message = f"{type(error).__name__}: {str(error)[:300]}"
            raise AdapterError(self.kind, point.name, message) from error
        return loaded

    def __repr__(self) -> str:
        return f"<Registry of {self.kind}s: {', '.join(self)}>"


sources: Registry[Callable[..., Source]] = Registry("source")
"""What makes a source, by name: ``sources["xes"]("log.xes.gz")``."""

stores: Registry[Callable[[str], Store]] = Registry("store")
"""What opens a store, by the scheme of its address: ``stores["sqlite"]("sqlite:///a.db")``."""

actions: Registry[ActionFactory] = Registry("action")
"""What makes an action, by name: ``actions["file"]("actions.jsonl")``."""

views: Registry[View] = Registry("view")
"""What draws, by name: ``views["map"](journey)``."""


def _rank(point: EntryPoint) -> tuple[bool, str]:
    name = (point.dist.name if point.dist is not None else None) or ""
    return name != "journeymap", name


def installed() -> tuple[Installed, ...]:
    """List every adapter that packages offer.

    Returns:
        The adapters, those that cannot be loaded with the reason.
    """
    return tuple(one for kind in (sources, stores, actions, views) for one in kind.installed())
