"""Every error of journeymap, under one root, with its data as attributes.

>>> error = UnknownName("touchpoint", "order_place", ("order_placed", "paid"))
>>> error.nearest
'order_placed'
>>> print(error)
there is no touchpoint 'order_place'; did you mean 'order_placed'? (known: 'order_placed', 'paid')
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from journeymap.model.problems import Problem

__all__ = [
    "AdapterError",
    "AnswerError",
    "CalendarError",
    "ColumnsError",
    "DocumentError",
    "ElementError",
    "IdentityError",
    "InteractionError",
    "JourneyMapError",
    "MapError",
    "MissingExtra",
    "SourceError",
    "StateError",
    "StoreError",
    "UnknownName",
    "listed",
    "nearest",
    "require",
]

_SHOWN = 12
_READ = 200_000


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like ``name``, or None when none is close.

    >>> nearest("chanel", ["channel", "stage"])
    'channel'
    """
    pool = list(choices)
    if sum(map(len, pool)) > _READ:  # too much to compare: those alone that begin alike
        start = name[:1].casefold()
        pool = [c for c in pool if c[:1].casefold() == start and abs(len(c) - len(name)) < 4]
        pool = pool[:200]
    folded = {choice.casefold(): choice for choice in reversed(pool)}
    found = difflib.get_close_matches(name[:200].casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listed(choices: Iterable[str]) -> str:
    """Choices as an error shows them: quoted, and cut after a dozen."""
    pool = list(choices)
    more = f" … and {len(pool) - _SHOWN} more" if len(pool) > _SHOWN else ""
    return ", ".join(repr(choice) for choice in pool[:_SHOWN]) + more


class JourneyMapError(Exception):
    """The root: catch this to catch everything journeymap raises on purpose."""


@define(eq=False)
class UnknownName(JourneyMapError, KeyError):
    """A name was looked up that does not exist.

    Fields: ``kind`` (what was looked for), ``name``, ``choices`` (what exists), ``nearest``.
    """

    kind: str
    name: str = field(converter=str)  # a name that is no text is shown as one
    choices: tuple[str, ...] = ()

    @property
    def nearest(self) -> str | None:
        """The existing name that looks most like the one asked for."""
        return nearest(self.name, self.choices)

    def __str__(self) -> str:
        near = self.nearest
        hint = f"; did you mean {near!r}?" if near else ""
        known = f" (known: {listed(self.choices)})" if self.choices else " (there are none)"
        return f"there is no {self.kind} {self.name!r}{hint}{known}"


@define(eq=False)
class ElementError(JourneyMapError, ValueError):
    """A value of the model or of an interaction cannot be what was asked for.

    Fields: ``element`` (class name), ``field``, ``value`` (as given), ``message`` (the cure).
    """

    element: str
    field: str
    value: object
    message: str

    def __str__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return f"{self.element}.{self.field}: {self.message} (got {shown})"


class CalendarError(ElementError):
    """A calendar's rule, hours or zone cannot be understood."""


class InteractionError(ElementError):
    """An interaction breaks a rule of the house, such as a time without a zone."""


@define(eq=False)
class MapError(JourneyMapError, ValueError):
    """A map cannot be built; ``problems`` holds every reason at once."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return _several("this map cannot be built", [str(p) for p in self.problems])


@define(eq=False)
class DocumentError(JourneyMapError, ValueError):
    """A document cannot be read; ``problems`` holds every place at fault.

    Fields: ``file`` (its name, or None for a text), ``problems`` (each with line and column).
    """

    file: str | None
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        name = self.file or "the document"
        return _several(f"{name} cannot be read", [str(p) for p in self.problems])


@define(eq=False)
class MissingExtra(JourneyMapError, ImportError):
    """A part of journeymap needs a package that is not installed.

    Fields: ``package`` (what is missing), ``extra`` (the extra that brings it).
    """

    package: str
    extra: str

    def __str__(self) -> str:
        return f"this needs {self.package}: pip install 'journeymap[{self.extra}]'"


@define(eq=False)
class ColumnsError(JourneyMapError, ValueError):
    """The columns named do not fit the data.

    Fields: ``message``, ``column`` (the name at fault), ``choices`` (columns there are).
    """

    message: str
    column: str | None = None
    choices: tuple[str, ...] = field(default=())

    @property
    def nearest(self) -> str | None:
        """The column that looks most like the one named."""
        return nearest(self.column, self.choices) if self.column else None

    def __str__(self) -> str:
        near = self.nearest
        hint = f"; did you mean {near!r}?" if near else ""
        known = f" (columns: {listed(self.choices)})" if self.choices else ""
        return f"{self.message}{hint}{known}"


@define(eq=False)
class SourceError(JourneyMapError, ValueError):
    """A file or a source cannot be read at all, or not strictly.

    Fields: ``file``, ``message``, ``line`` (1 is the first; None when it is not one line).
    """

    file: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line is not None else self.file
        return f"{place}: {self.message}"


@define(eq=False)
class AnswerError(JourneyMapError, ValueError):
    """A question cannot be asked of this log.

    Fields: ``question``, ``message`` (what is missing and how to give it).
    """

    question: str
    message: str

    def __str__(self) -> str:
        return f"{self.question}: {self.message}"


@define(eq=False)
class StateError(JourneyMapError, ValueError):
    """A state or signal cannot be read: it was written by something else, or does not fit the map.

    Fields: ``message``.
    """

    message: str

    def __str__(self) -> str:
        return self.message


@define(eq=False)
class IdentityError(JourneyMapError, LookupError):
    """Something was asked of identities or of a customer that cannot be.

    Fields: ``customer`` (the id, or what stands for it), ``message``.
    """

    customer: str
    message: str

    def __str__(self) -> str:
        # Whatever is no id of ours may be a name or an address.
        shown = f"{self.customer}: " if str(self.customer).startswith("c-") else ""
        return f"{shown}{self.message}"


@define(eq=False)
class AdapterError(JourneyMapError, ImportError):
    """An adapter that is installed cannot be loaded; the others can.

    Fields: ``kind`` (source, store, action, view), ``adapter`` (its name), ``message`` (why).
    """

    kind: str
    adapter: str
    message: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.adapter!r} cannot be loaded: {self.message}"


@define(eq=False)
class StoreError(JourneyMapError, OSError):
    """A store cannot do its work; nothing of what was asked has been written.

    Fields: ``store`` (its address, without a password), ``message``; ``passing`` says that the
    same call may succeed when the cause is gone (a lock, a full disk, a lost connection).
    """

    store: str
    message: str
    passing: bool = False

    def __str__(self) -> str:
        return f"{self.store}: {self.message}"


def require(extra: str, *packages: str) -> None:
    """Make sure that packages can be imported; raises MissingExtra, which names the install."""
    for package in packages:
        try:
            import_module(package)
        except ImportError:
            raise MissingExtra(package, extra) from None


def _several(head: str, lines: list[str]) -> str:
    if len(lines) == 1:
        return f"{head}: {lines[0]}"
    shown = [f"  - {line}" for line in lines[:_SHOWN]]
    if len(lines) > _SHOWN:
        shown.append(f"  … and {len(lines) - _SHOWN} more")
    return "\n".join([f"{head}; {len(lines)} problems:", *shown])
