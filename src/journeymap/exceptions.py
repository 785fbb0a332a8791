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

MAX_CHOICES_SHOWN = 12
"""Choices, and problems, that a message lists: what fits on a screen."""
_MAX_COMPARED = 200_000  # characters of choices compared in full: about a tenth of a second


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like ``name``, or None when none is close.

    Args:
        name: The name that was asked for.
        choices: The names there are.

    Returns:
        The choice, or None.

    >>> nearest("chanel", ["channel", "stage"])
    'channel'
    """
    pool = list(choices)
    if sum(map(len, pool)) > _MAX_COMPARED:  # too much to compare: those alone that begin alike
        start = name[:1].casefold()
        pool = [c for c in pool if c[:1].casefold() == start and abs(len(c) - len(name)) < 4]
        pool = pool[:200]
    folded = {choice.casefold(): choice for choice in reversed(pool)}
    found = difflib.get_close_matches(name[:200].casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listed(choices: Iterable[str]) -> str:
    """Quote choices as an error shows them, cut after a dozen.

    Args:
        choices: The names there are.

    Returns:
        The names in quotes, with commas between them.
    """
    pool = list(choices)
    more = f" … and {len(pool) - MAX_CHOICES_SHOWN} more" if len(pool) > MAX_CHOICES_SHOWN else ""
    return ", ".join(repr(choice) for choice in pool[:MAX_CHOICES_SHOWN]) + more


class JourneyMapError(Exception):
    """The root: catch this to catch everything journeymap raises on purpose.

    A notebook shows it as its message, without the calls that led to it.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


@define(eq=False)
class UnknownName(JourneyMapError, KeyError):
    """A name was looked up that does not exist.

    Attributes:
        kind: What was looked for.
        name: The name.
        choices: The names that exist.
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

    Attributes:
        element: The class.
        field: The field.
        value: The value as given.
        message: What is wrong, and what would be right.
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
    """A calendar's rule, hours or zone cannot be understood.

    Attributes:
        element: The class.
        field: The field.
        value: The value as given.
        message: What is wrong, and what would be right.
    """


class InteractionError(ElementError):
    """An interaction breaks a rule, such as having a time without a zone.

    Attributes:
        element: The class.
        field: The field.
        value: The value as given.
        message: What is wrong, and what would be right.
    """


@define(eq=False)
class MapError(JourneyMapError, ValueError):
    """A map cannot be built.

    Attributes:
        problems: Every reason at once.
    """

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return _several("this map cannot be built", [str(p) for p in self.problems])


@define(eq=False)
class DocumentError(JourneyMapError, ValueError):
    """A document cannot be read.

    Attributes:
        file: The name of the file (None: the document was a text).
        problems: Every place at fault, with line and column.
    """

    file: str | None
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        name = self.file or "the document"
        return _several(f"{name} cannot be read", [str(p) for p in self.problems])


@define(eq=False)
class MissingExtra(JourneyMapError, ImportError):
    """A part of journeymap needs a package that is not installed.

    Attributes:
        package: The package that is missing.
        extra: The extra that installs it.
    """

    package: str
    extra: str

    def __str__(self) -> str:
        return f"this needs {self.package}: pip install 'journeymap[{self.extra}]'"


@define(eq=False)
class ColumnsError(JourneyMapError, ValueError):
    """The columns named do not fit the data.

    Attributes:
        message: What is wrong.
        column: The name at fault, if it is one.
        choices: The columns there are.
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

    Attributes:
        file: The file or source.
        message: What is wrong.
        line: The line, from 1 (None: it is not one line).
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

    Attributes:
        question: The question.
        message: What is missing, and how to give it.
    """

    question: str
    message: str

    def __str__(self) -> str:
        return f"{self.question}: {self.message}"


@define(eq=False)
class StateError(JourneyMapError, ValueError):
    """A state or signal cannot be read: something else wrote it, or it does not fit the map.

    Attributes:
        message: What is wrong.
    """

    message: str

    def __str__(self) -> str:
        return self.message


@define(eq=False)
class IdentityError(JourneyMapError, LookupError):
    """There is no such customer, or their identities cannot be what was asked for.

    Attributes:
        customer: The id, or what stands for it.
        message: What is wrong.
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

    Attributes:
        kind: ``source``, ``store``, ``action`` or ``view``.
        adapter: Its name.
        message: Why.
    """

    kind: str
    adapter: str
    message: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.adapter!r} cannot be loaded: {self.message}"


@define(eq=False)
class StoreError(JourneyMapError, OSError):
    """A store cannot do its work; nothing of what was asked has been written.

    Attributes:
        store: The store's address, without a password.
        message: What is wrong.
        passing: Whether the same call may succeed when the cause is gone: a lock, a full disk, a
            lost connection.
    """

    store: str
    message: str
    passing: bool = False

    def __str__(self) -> str:
        return f"{self.store}: {self.message}"


def require(extra: str, *packages: str) -> None:
    """Make sure that the packages of an extra can be imported.

    Args:
        extra: The extra that installs them.
        *packages: The names they are imported by.

    Raises:
        MissingExtra: One of them cannot be imported; the error names the command that installs it.
    """
    for package in packages:
        try:
            import_module(package)
        except ImportError:
            raise MissingExtra(package, extra) from None


def _several(head: str, lines: list[str]) -> str:
    if len(lines) == 1:
        return f"{head}: {lines[0]}"
    shown = [f"  - {line}" for line in lines[:MAX_CHOICES_SHOWN]]
    if len(lines) > MAX_CHOICES_SHOWN:
        shown.append(f"  … and {len(lines) - MAX_CHOICES_SHOWN} more")
    return "\n".join([f"{head}; {len(lines)} problems:", *shown])
