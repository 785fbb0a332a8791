"""Payload mappings as documents: read, written, and those that come with journeymap."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import cattrs
from attrs import evolve

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
    _register_texts(converter)
    whole = converter.get_structure_hook(Pick)

    def pick(value: Any, _: Any) -> Pick:
        if isinstance(value, dict):
            own = {name: one for name, one in value.items() if name != "otherwise"}
            made: Pick = whole(own, Pick)
            others = converter.structure(value.get("otherwise", []), list[Pick])
            return evolve(made, otherwise=tuple(others))
        if isinstance(value, list) and value:
            first, *rest = converter.structure(value, list[Pick])
            several: Pick = as_pick(value if _all_texts(value) else [first, *rest])
            return several
        if not isinstance(value, str):
            message = "a path such as $.email, a plain word, or a list of these is expected"
            raise ElementError("document", "", value, message)
        short: Pick = as_pick(value)
        return short

    converter.register_structure_hook(Pick, pick)


def _register_texts(converter: cattrs.Converter) -> None:
    def texts(value: Any, _: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list):
            raise ElementError("document", "", value, "a text or a list of texts is expected")
        return tuple(converter.structure(given, list[str]))

    def conditions(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            message = 'paths with their values are expected, as in { "$.type" = "paid" }'
            raise ElementError("document", "", value, message)
        return value

    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], texts)
    converter.register_structure_hook_func(
        lambda kind: kind == dict[str, tuple[str, ...]], conditions
    )


def _all_texts(values: list[Any]) -> bool:
    return all(isinstance(one, str) for one in values)
