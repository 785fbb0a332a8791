"""A problem with a map or a document: how grave, where, and what would cure it."""

from __future__ import annotations

from typing import Literal

from attrs import evolve, frozen

__all__ = ["Problem"]


@frozen
class Problem:
    """One thing that is wrong with a map, or worth mentioning.

    Attributes:
        severity: ``error``, ``warning`` or ``hint``.
        where: The element and field, as in ``touchpoint 'call'.department``.
        message: What is wrong.
        path: The same place as keys and indexes of the document.
        line: The line, from 1 (None: the map came from no text).
        column: The column, from 1.

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
        """Give the problem its place in a text.

        Args:
            line: The line, from 1.
            column: The column, from 1.

        Returns:
            A new problem.
        """
        return evolve(self, line=line, column=column)

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        if self.line is not None and self.column is not None:
            place = f"line {self.line}, column {self.column}: "
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{place}{kind}{self.where}: {self.message}"
