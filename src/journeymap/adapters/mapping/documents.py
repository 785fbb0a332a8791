"""Payload mappings as documents: read, written, and those that come with journeymap."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import cattrs

from journeymap.adapters.mapping.mapping import PayloadMapping, Pick, as_pick
from journeymap.documents.reading import read_document, read_text
from journeymap.exceptions import ElementError, UnknownName

__all__ = ["builtin_mappings", "load_mapping", "loads_mapping"]

_PLACE = files("journeymap.adapters.mapping") / "builtin"


def load_mapping(name: str | os.PathLike[str]) -> PayloadMapping:
    """Read a payload mapping from a file, or take one that comes with journeymap.

    Args:
        name: A file (.yaml, .yml, .json, .toml), or the name of a built-in mapping.

    Returns:
        The mapping.

    Raises:
        DocumentError: The document cannot be read; every fault with line and column.
        UnknownName: There is no built-in mapping of that name.
        FileNotFoundError: There is no such file.

    >>> load_mapping("stripe").source
    'stripe'
    """
    if isinstance(name, str) and not Path(name).suffix:
        return _builtin(name)
    if not Path(name).is_file():
        raise FileNotFoundError(f"there is no file {str(name)!r}")
    return read_document(name, PayloadMapping, _register)


def loads_mapping(text: str, format: str = "toml") -> PayloadMapping:  # noqa: A002
    """Read a payload mapping from a text.

    Args:
        text: The text.
        format: ``toml``, ``yaml`` or ``json``.

    Returns:
        The mapping.

    Raises:
        DocumentError: The document cannot be read; every fault with line and column.
    """
    return read_text(text, format, None, PayloadMapping, _register)


def builtin_mappings() -> tuple[str, ...]:
    """List the mappings that come with journeymap.

    Returns:
        Their names.
    """
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
        short: Pick = as_pick(value)
        return short

    converter.register_structure_hook(Pick, pick)
