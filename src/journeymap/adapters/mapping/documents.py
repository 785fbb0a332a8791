"""Payload mappings as documents: read, written, and those that come with journeymap."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import cattrs

from journeymap.adapters.mapping.mapping import PayloadMapping, Pick, picked
from journeymap.documents.reading import read_document, read_text
from journeymap.exceptions import ElementError, UnknownName

__all__ = ["builtin_mappings", "load_mapping", "loads_mapping"]

_PLACE = files("journeymap.adapters.mapping") / "builtin"


def load_mapping(name: str | os.PathLike[str]) -> PayloadMapping:
    """A mapping from a file (.yaml, .yml, .json, .toml), or one of the built-in by its name.

    Raises DocumentError, which names file, line and column of every fault at once; UnknownName
    for a name that is neither.

    >>> load_mapping("stripe").source
    'stripe'
    """
    if isinstance(name, str) and not Path(name).suffix:
        return _builtin(name)
    if not Path(name).is_file():
        raise FileNotFoundError(f"there is no file {str(name)!r}")
    return read_document(name, PayloadMapping, _register)


def loads_mapping(text: str, format: str = "toml") -> PayloadMapping:  # noqa: A002
    """A mapping from a text."""
    return read_text(text, format, None, PayloadMapping, _register)


def builtin_mappings() -> tuple[str, ...]:
    """The names of the mappings that come with journeymap."""
    return tuple(sorted(one.name.removesuffix(".toml") for one in _PLACE.iterdir()
                        if one.name.endswith(".toml")))  # fmt: skip


@cache
def _builtin(name: str) -> PayloadMapping:
    known = builtin_mappings()
    if name not in known:
        raise UnknownName("payload mapping", name, known)
    return loads_mapping((_PLACE / f"{name}.toml").read_text(encoding="utf-8"))


def _register(converter: cattrs.Converter) -> None:
    whole = converter.get_structure_hook(Pick)

    def pick(value: Any, _: Any) -> Pick:
        if isinstance(value, dict):
            path = value.get("path")
            given = {**value, "path": [path]} if isinstance(path, str) else value
            made: Pick = whole(given, Pick)
            return made
        if isinstance(value, list) and not all(isinstance(one, str) for one in value):
            raise ElementError("document", "", value, "a list of paths is expected")
        if not isinstance(value, (str, list)):
            message = "a path such as $.email, a list of paths, or a plain word is expected"
            raise ElementError("document", "", value, message)
        short: Pick = picked(value)
        return short

    converter.register_structure_hook(Pick, pick)
