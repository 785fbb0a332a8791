"""A problem with a map or a document: how grave, where, and what would cure it."""

from __future__ import annotations

from typing import Literal

from attrs import evolve, frozen

__all__ = ["Problem"]


@frozen
class Problem:
    """One thing that is wrong, or that a careful colleague would mention.

    ``where`` names the element and field (``"touchpoint 'call'.department"``), ``path`` is the
    same place as keys and indexes of the document; ``line`` and ``column`` count from 1 and are
    known only when the map came from a text.

    >>> print(Problem("warning", "stage 'use'", "nobody measures it"))
    warning: stage 'use': nobody measures it
    """

    severity: Literal["error", "warning", "hint"]
    where: str
    message: str
    path: tuple[str | int, ...] = ()
    line: int | None = None
    column: int | None = None

    def at(self, line: int | None, column: int | None) -> Problem:
        """The same problem, with its place in a text."""
        return evolve(self, line=line, column=column)

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        if self.line is not None and self.column is not None:
            place = f"line {self.line}, column {self.column}: "
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{place}{kind}{self.where}: {self.message}"
