"""Defaults: what stands in a ``journeymap.toml`` beside a log, so that it is typed once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from attrs import field, fields, frozen

from journeymap.exceptions import DocumentError, ElementError, UnknownName
from journeymap.model import Problem

__all__ = ["FILE", "Defaults", "read_defaults"]

FILE = "journeymap.toml"
"""The name of the file."""


@frozen
class Defaults:
    """The defaults of one folder.

    Attributes:
        map: The map's file (None: none is named).
        title: The title of reports.
        note: What readers of reports must know first.
        store: The address of a live store.
        delimiter: What parts the cells of CSV.
        encoding: The encoding of the log.
        columns: Which column is what, as `Columns` has it.
    """

    map: Path | None = None
    title: str | None = None
    note: str = ""
    store: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    columns: dict[str, Any] = field(factory=dict)


def read_defaults(folder: Path) -> Defaults:
    """Read the defaults of a folder; without a file there are none.

    Args:
        folder: The folder, such as that of the log.

    Returns:
        The defaults; the map's file is sought beside them.

    Raises:
        DocumentError: The file is no TOML.
        UnknownName: It has a key that is not known.
        ElementError: A key has a value of another kind.
    """
    file = folder / FILE
    if not file.is_file():
        return Defaults()
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DocumentError(str(file), (Problem("error", "document", str(error)),)) from None
    known = tuple(one.name for one in fields(Defaults))
    for key, value in found.items():
        if key not in known:
            raise UnknownName(f"key in {file}", key, known)
        if not isinstance(value, dict if key == "columns" else str):
            wanted = "a table" if key == "columns" else "a text"
            raise ElementError(str(file), key, value, f"{wanted} is expected")
    if "map" in found:
        found["map"] = folder / found["map"]
    return Defaults(**found)
