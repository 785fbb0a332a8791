"""TOML to plain data and back, with the line of every statement known."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from journeymap.documents.parsed import Parsed, Path, Place, fault
from journeymap.exceptions import require

__all__ = ["read", "write"]

_CHAIN = re.compile(
    r"""(?:^|[{,])[\s\[]*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){64}""", re.MULTILINE
)
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def read(text: str, file: str | None) -> Parsed:
    """Parse; a key of absurd length is refused before it costs time."""
    chain = _CHAIN.search(text)
    if chain:
        line = text.count("\n", 0, chain.start()) + 1
        raise fault(file, "a key is dotted more than 64 times", line, 1)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _PLACE.search(message)
        line_, column = (int(found[1]), int(found[2])) if found else (None, None)
        message = _PLACE.sub("", message)
        raise fault(file, f"this is not TOML: {message}", line_, column) from None
    except RecursionError:
        raise fault(file, "the nesting is too deep", None, None) from None
    except ValueError:
        raise fault(file, "a number has too many digits", None, None) from None
    return Parsed(data, lambda path: _locate(text, path))


def write(data: Any) -> str:
    """Write TOML; reading needs nothing, writing needs the extra."""
    require("toml", "tomli_w")
    import tomli_w

    return tomli_w.dumps(data)


def _locate(text: str, path: Path) -> Place:
    """The line of the statement that holds a path: the last one whose own path begins it."""
    best, length = (1, 1), 0
    for line, statement in _statements(text):
        shared = 0
        for a, b in zip(statement, path, strict=False):
            if a != b:
                break
            shared += 1
        if shared > length or (shared == length == len(path) and length and shared):
            best, length = (line, 1), shared
    return best


def _statements(text: str) -> list[tuple[int, Path]]:
    """Each statement's first line and path; tables of an array are counted as they come."""
    found: list[tuple[int, Path]] = []
    counts: dict[Path, int] = {}
    table: Path = ()
    pending, begun = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        begun = begun if pending else number
        pending += line + "\n"
        if not pending.strip() or pending.lstrip().startswith("#"):
            pending = ""
            continue
        try:
            made = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # a value over several lines: read on
        is_array = pending.lstrip().startswith("[[")
        keys = _only_keys(made)
        if pending.lstrip().startswith("["):
            table = _resolved(keys, counts, is_array=is_array)
            found.append((begun, table))
        else:
            found.append((begun, (*table, *keys)))
        pending = ""
    return found


def _only_keys(made: dict[str, Any]) -> tuple[str, ...]:
    keys = []
    value: Any = made
    while isinstance(value, dict) and len(value) == 1:
        key, value = next(iter(value.items()))
        keys.append(key)
        if isinstance(value, list):
            value = value[0] if len(value) == 1 and value[0] == {} else None
    return tuple(keys)


def _resolved(keys: tuple[str, ...], counts: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for place, key in enumerate(keys):
        path = (*path, key)
        if is_array and place == len(keys) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
