"""A document as plain data, with the way back from any value to its line and column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from journeymap.exceptions import DocumentError
from journeymap.model import Problem

__all__ = ["MAX_CHARACTERS", "Parsed", "Path", "fault"]

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]

MAX_CHARACTERS = 4_000_000
"""Characters a document may have: ten thousand touchpoints fit several times."""

MAX_NESTING = 64
"""Levels of nesting a document may have; a map needs fewer than ten."""


@frozen
class Parsed:
    """Plain data, and ``locate``: the line and column (from 1) of a path, where it is known.

    A path that is not there itself is located at the nearest part of it that is.
    """

    data: Any
    locate: Callable[[Path], Place | None]


def fault(file: str | None, message: str, line: int | None, column: int | None) -> DocumentError:
    """Make the error of a text that is not even a document of its format."""
    return DocumentError(file, (Problem("error", "document", message, (), line, column),))
