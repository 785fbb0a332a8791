"""Documents of any kind: YAML, JSON or TOML into a class, with the place of every fault."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cattrs
from attrs import evolve

from journeymap.documents import json_text, toml_text, yaml_text
from journeymap.documents.converter import document_converter
from journeymap.documents.faults import problems_of
from journeymap.documents.parsed import MAX_CHARACTERS, Parsed, fault
from journeymap.exceptions import DocumentError, JourneyMapError, UnknownName
from journeymap.model import Problem

__all__ = ["SUFFIXES", "TEXTS", "located", "parsed_text", "read_document", "read_text", "text_of"]

T = TypeVar("T")
TEXTS: dict[str, Any] = {"yaml": yaml_text, "json": json_text, "toml": toml_text}
SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


def read_document(
    path: str | os.PathLike[str], kind: type[T], register: Callable[[cattrs.Converter], None]
) -> T:
    """Read a document of a file as a class; ``register`` teaches the converter that class."""
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnknownName("suffix of a document", suffix or place.name, tuple(SUFFIXES))
    return read_text(text_of(place), SUFFIXES[suffix], str(place), kind, register)


def read_text(
    text: str,
    format_: str,
    file: str | None,
    kind: type[T],
    register: Callable[[cattrs.Converter], None],
) -> T:
    """Read a document of a text as a class."""
    if format_ not in TEXTS:
        raise UnknownName("format", format_, tuple(TEXTS))
    parsed = parsed_text(text, format_, file)
    converter = document_converter()
    register(converter)
    try:
        made: T = converter.structure(parsed.data, kind)
    except (cattrs.BaseValidationError, JourneyMapError) as error:
        raise located(problems_of(error), parsed, file) from None
    except RecursionError:
        raise fault(file, "the nesting is too deep", None, None) from None
    return made


def text_of(place: Path) -> str:
    """Read the text of a file; raise DocumentError if it is none, or too long."""
    raw = place.read_bytes()
    if len(raw) > 4 * MAX_CHARACTERS:
        raise fault(str(place), f"larger than {MAX_CHARACTERS} characters", None, None)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise fault(str(place), "this is not UTF-8 text", line, None) from None


def parsed_text(text: str, format_: str, file: str | None) -> Parsed:
    """Parse a text to plain data, with the places of its values."""
    if not isinstance(text, str):
        raise fault(file, f"a text is expected, not {type(text).__name__}", None, None)
    if len(text) > MAX_CHARACTERS:
        raise fault(
            file, f"{len(text)} characters are too many; {MAX_CHARACTERS} at most", None, None
        )
    parsed: Parsed = TEXTS[format_].read(text, file)
    if not isinstance(parsed.data, dict):
        raise fault(file, "a document is a mapping that begins with its 'id'", 1, 1)
    return parsed


def located(problems: tuple[Problem, ...], parsed: Parsed, file: str | None) -> DocumentError:
    """Make the error of several problems, each with its line and column."""
    found = []
    for problem in problems:
        place = parsed.locate(problem.path)
        found.append(evolve(problem, line=place[0], column=place[1]) if place else problem)
    found.sort(key=lambda p: (p.line or 0, p.column or 0))
    return DocumentError(file, tuple(found))
