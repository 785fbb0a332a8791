"""Reading and writing maps as YAML, JSON or TOML."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Literal, TypeAlias

import cattrs

from journeymap.documents.converter import document_converter
from journeymap.documents.faults import problems_of
from journeymap.documents.migrations import KEY, VERSION, migrate
from journeymap.documents.parsed import fault
from journeymap.documents.reading import SUFFIXES, TEXTS, located, parsed_text, text_of
from journeymap.exceptions import JourneyMapError, MapError, UnknownName
from journeymap.model import JourneyMap, Problem

__all__ = ["Format", "dump", "dumps", "load", "loads"]

Format: TypeAlias = Literal["yaml", "json", "toml"]


def load(path: str | os.PathLike[str]) -> JourneyMap:
    """Read a map from a file.

    Args:
        path: A file whose name ends in .yaml, .yml, .json or .toml.

    Returns:
        The map.

    Raises:
        DocumentError: The document cannot be read; every fault with line and column.
        MissingExtra: Its format needs a package that is not installed.
    """
    place = FilePath(path)
    format_ = _format_of(place)
    return _read(text_of(place), format_, str(place))


def loads(text: str, format: Format = "yaml") -> JourneyMap:  # noqa: A002
    """Read a map from a text.

    Args:
        text: The text.
        format: ``yaml``, ``json`` or ``toml``.

    Returns:
        The map.

    Raises:
        DocumentError: The document cannot be read; every fault with line and column.
        MissingExtra: Its format needs a package that is not installed.

    >>> loads('{"id": "shop", "stages": [{"id": "use", "phase": "own"}]}', format="json")
    <JourneyMap 'shop': 1 stages>
    >>> loads('{"id": "shop", "stages": [{"id": "use", "fase": "own"}]}', format="json")
    Traceback (most recent call last):
    ...
    journeymap.exceptions.DocumentError: the document cannot be read; 2 problems:
      - line 1, column 27: stages[0]: 'phase' is missing
      - line 1, column 49: stages[0].fase: unknown key 'fase'; did you mean 'phase'?
    """
    return _read(text, _known(format), None)


def dump(map: JourneyMap, path: str | os.PathLike[str]) -> None:  # noqa: A002
    """Write a map to a file.

    Args:
        map: The map.
        path: A file whose name ends in .yaml, .yml, .json or .toml.

    Raises:
        UnknownName: The suffix is none of these.
        MissingExtra: The format needs a package that is not installed.
    """
    place = FilePath(path)
    text = _written(map, _format_of(place))
    beside = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def dumps(map: JourneyMap, format: Format = "yaml") -> str:  # noqa: A002
    """Write a map as a text.

    Args:
        map: The map.
        format: ``yaml``, ``json`` or ``toml``.

    Returns:
        The text.

    Raises:
        UnknownName: There is no such format.
        MissingExtra: The format needs a package that is not installed.

    >>> from journeymap.model import Stage
    >>> shop = JourneyMap("shop", stages=[Stage("use", "own")])
    >>> loads(dumps(shop, format="json"), format="json") == shop
    True
    """
    return _written(map, _known(format))


def _written(journey: JourneyMap, format_: str) -> str:
    written: str = TEXTS[format_].write(plain(journey))
    return written


def plain(journey: JourneyMap) -> dict[str, Any]:
    """Convert a map to plain data, the version first: the content of a document."""
    return {KEY: VERSION, **_converter().unstructure(journey, JourneyMap)}


@cache
def _converter() -> cattrs.Converter:
    return document_converter()


def _known(format_: str) -> str:
    if format_ not in TEXTS:
        raise UnknownName("format", format_, tuple(TEXTS))
    return format_


def _format_of(path: FilePath) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnknownName("suffix of a map", suffix or path.name, tuple(SUFFIXES))
    return SUFFIXES[suffix]


def _read(text: str, format_: str, file: str | None) -> JourneyMap:
    parsed = parsed_text(text, format_, file)
    document = migrate(parsed.data, file)
    try:
        journey: JourneyMap = _converter().structure(document, JourneyMap)
    except MapError as error:
        raise located(error.problems, parsed, file) from None
    except (cattrs.BaseValidationError, JourneyMapError) as error:
        raise located(_problems(error), parsed, file) from None
    except RecursionError:
        raise fault(file, "the nesting is too deep", None, None) from None
    return journey


def _problems(error: BaseException) -> tuple[Problem, ...]:
    """Faults of the parts, or, where every part is sound, those of the map as a whole."""
    if isinstance(error, cattrs.BaseValidationError):
        whole = [e for e in error.exceptions if isinstance(e, MapError)]
        if len(error.exceptions) == len(whole) == 1:
            return whole[0].problems
    return problems_of(error)
