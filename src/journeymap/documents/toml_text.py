"""TOML to plain data and back, with the line of every statement known."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from journeymap.documents.parsed import Parsed, Path, Place, fault
from journeymap.exceptions import require

__all__ = ["read", "write"]

_CHAIN = re.compile(
    r"""(?:^|[{,])[ \t\[]*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){64}""", re.MULTILINE
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
    return Parsed(data, _Places(text).locate)


def write(data: Any) -> str:
    """Write TOML; reading needs nothing, writing needs the extra."""
    require("toml", "tomli_w")
    import tomli_w

    return tomli_w.dumps(data)


class _Places:
    """The lines of a text's statements, read off it only when they are asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[Path, int] | None = None

    def locate(self, path: Path) -> Place:
        """Find the line of the statement that holds a path, or of the nearest around it."""
        if self._found is None:
            self._found = {}
            for line, statement in _statements(self._text):
                for length in range(1, len(statement) + 1):
                    self._found.setdefault(statement[:length], line)
        for length in range(len(path), 0, -1):
            if path[:length] in self._found:
                return self._found[path[:length]], 1
        return 1, 1


def _statements(text: str) -> list[tuple[int, Path]]:
    """Return each statement's first line and path; tables of an array are counted as they come."""
    found: list[tuple[int, Path]] = []
    counts: dict[Path, int] = {}
    table: Path = ()
    held: list[str] = []
    begun = depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun = begun if held else number
        held.append(line)
        depth += line.count("[") - line.count("]")
        if depth > 0 and len(held) % 64:
            continue  # most likely within a list over several lines
        pending = "\n".join(held)
        try:
            made = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # a value over several lines: read on
        is_array = pending.lstrip().startswith("[[")
        keys = _only_keys(made)
        if pending.lstrip().startswith("["):
            table = _resolve_table(keys, counts, is_array=is_array)
            found.append((begun, table))
        else:
            found.append((begun, (*table, *keys)))
        held, depth = [], 0
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


def _resolve_table(keys: tuple[str, ...], counts: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for place, key in enumerate(keys):
        path = (*path, key)
        if is_array and place == len(keys) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
