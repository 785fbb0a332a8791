"""Documents of older versions, brought up to date one version at a time.

Each migration changes the plain data of a document in place, from the version it is listed
under to the next. A document that names no version is read as the current one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from journeymap.documents.parsed import fault

__all__ = ["VERSION", "migrate"]

VERSION = 2
KEY = "journeymap"


def _one_to_two(document: dict[str, Any]) -> None:
    """Version 1 knew one channel a touchpoint, and called both activities of a stage `does`."""
    for point in _mappings(document.get("touchpoints")):
        if "channel" in point and "channels" not in point:
            channel = point.pop("channel")
            point["channels"] = [channel] if channel is not None else []
    for stage in _mappings(document.get("stages")):
        does = stage.get("does")
        if isinstance(does, dict):
            del stage["does"]
            for who in ("customer", "company"):
                if who in does:
                    stage[f"{who}_does"] = does.pop(who)
            if does:  # what version 1 did not know either is reported where it stood
                stage["does"] = does


_MIGRATIONS: dict[int, Callable[[dict[str, Any]], None]] = {1: _one_to_two}


def migrate(document: dict[str, Any], file: str | None) -> dict[str, Any]:
    """Bring a document to the current version; take its version key and its schema's link out."""
    if isinstance(document.get("$schema"), str):
        del document["$schema"]
    version = document.pop(KEY, VERSION)
    if isinstance(version, float) and version.is_integer():
        version = int(version)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        message = f"'{KEY}' is the version of the document, a whole number (now {VERSION})"
        raise fault(file, f"{message}, not {version!r}", None, None)
    if version > VERSION:
        message = f"version {version} is newer than this journeymap reads ({VERSION}): upgrade it"
        raise fault(file, message, None, None)
    for step in range(version, VERSION):
        _MIGRATIONS[step](document)
    return document


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
