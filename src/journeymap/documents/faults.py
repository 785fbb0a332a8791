"""The errors of a conversion, unfolded into problems with a path each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from cattrs import BaseValidationError, ForbiddenExtraKeysError
from cattrs.errors import AttributeValidationNote, IterableValidationNote

from journeymap.documents.parsed import Path
from journeymap.exceptions import ElementError, JourneyMapError, nearest
from journeymap.model import Problem

__all__ = ["problems_of"]

_MAX_SUGGESTIONS = 20  # unknown keys of one mapping for which the nearest known one is looked for


def problems_of(error: BaseException) -> tuple[Problem, ...]:
    """Return every single fault in what a converter raised, each with its path in the document."""
    return tuple(_unfolded(error, ()))


def _unfolded(error: BaseException, path: Path) -> Iterator[Problem]:
    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _unfolded(inner, (*path, *_step(inner)))
    elif isinstance(error, ForbiddenExtraKeysError):
        for place, key in enumerate(sorted(error.extra_fields)):
            yield _unknown_key(error.cl, key, (*path, key), suggest=place < _MAX_SUGGESTIONS)
    elif isinstance(error, KeyError) and not isinstance(error, JourneyMapError):
        missing = str(error.args[0])
        yield _problem((*path[:-1],) if path and path[-1] == missing else path,
                       f"{missing!r} is missing")  # fmt: skip
    elif isinstance(error, ElementError):
        known = error.element not in ("document", "Condition", "Of") and error.field
        yield _problem((*path, error.field) if known else path, error.message)
    elif isinstance(error, JourneyMapError):
        yield _problem(path, str(error))
    else:
        raise error


def _step(error: BaseException) -> Path:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,) if isinstance(note.index, int) else (str(note.index),)
    return ()


def _unknown_key(cls: Any, key: str, path: Path, *, suggest: bool) -> Problem:
    known = [a.name for a in attrs.fields(cls) if a.init] if attrs.has(cls) else []
    near = nearest(key, known) if suggest else None
    hint = f"; did you mean {near!r}?" if near else f" (known: {', '.join(known)})"
    return _problem(path, f"unknown key {key!r}{hint}")


def _problem(path: Path, message: str) -> Problem:
    where = ""
    for step in path:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else str(step)
    return Problem("error", where or "document", message, path)
