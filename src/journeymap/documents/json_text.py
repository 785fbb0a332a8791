"""JSON to plain data and back, refusing what JSON parsers usually let pass."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import Any, NoReturn

from journeymap.documents.parsed import Parsed, Path, Place, fault
from journeymap.exceptions import DocumentError

__all__ = ["read", "write"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|NaN|-?Infinity', re.DOTALL)
_COLON = re.compile(r"[ \t\r\n]*:")
_SPACE = re.compile(r"[ \t\r\n]*")


def read(text: str, file: str | None) -> Parsed:
    """Parse; duplicate keys, NaN and numbers of absurd length are errors."""

    def constant(name: str) -> NoReturn:
        raise fault(file, f"{name} is no number of JSON", *_place_of_constant(text))

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            twice, line, column = _find_second_key(text)
            raise fault(file, f"the key {twice!r} stands twice in one mapping", line, column)
        return made

    try:
        data = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        raise fault(file, error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise fault(file, "the nesting is too deep", None, None) from None
    except ValueError:  # the interpreter's own bound on the digits of a number
        raise fault(file, "a number has too many digits", None, None) from None
    places = cache(lambda: _Places(text))  # made only when there is a fault to place
    return Parsed(data, lambda path: places().locate(path))


def write(data: Any) -> str:
    """Write indented JSON, keys in their order, all of Unicode as it is."""
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _place_of_constant(text: str) -> tuple[int | None, int | None]:
    """Find the line and column of the first number that JSON does not have."""
    for token in _TOKEN.finditer(text):
        if token.group()[0] in "NI-":
            return _place_at(text, token.start())
    return None, None


def _find_second_key(text: str) -> tuple[str, int | None, int | None]:
    """Find the first key that its mapping has already, and its line and column."""
    open_: list[set[str] | None] = []
    for token in _TOKEN.finditer(text):
        what = token.group()
        if what in "{[":
            open_.append(set() if what == "{" else None)
        elif what in "}]":
            open_.pop()
        elif what[0] == '"' and open_ and open_[-1] is not None and _COLON.match(text, token.end()):
            key = json.loads(what)
            if key in open_[-1]:
                return key, *_place_at(text, token.start())
            open_[-1].add(key)
    return "", None, None


def _place_at(text: str, spot: int) -> tuple[int, int]:
    return text.count("\n", 0, spot) + 1, spot - text.rfind("\n", 0, spot)


class _Places:
    """Where the values of a JSON text begin; each list or mapping is walked through once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder()
        self._known: dict[int, dict[str | int, int]] = {}
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def locate(self, path: Path) -> Place:
        """Find the line and column of a value, or of the nearest one around it that is there."""
        spot = self._skip(0)
        for step in path:
            if spot not in self._known:
                self._known[spot] = dict(self._inside(spot))
            if step not in self._known[spot]:
                break
            spot = self._known[spot][step]
        line = bisect_right(self._lines, spot)
        return line, spot - self._lines[line - 1] + 1

    def _inside(self, spot: int) -> Iterator[tuple[str | int, int]]:
        """Walk the members or items of the value that begins here, each with where it begins."""
        text, opening = self._text, self._text[spot : spot + 1]
        if opening not in ("{", "["):
            return
        place = 0
        spot = self._skip(spot + 1)
        while text[spot] not in "]}":
            key: str | int = place
            if opening == "{":
                key, spot = self._decoder.raw_decode(text, spot)
                spot = self._skip(self._skip(spot) + 1)
            yield key, spot
            place += 1
            spot = self._skip(self._decoder.raw_decode(text, spot)[1])
            spot = self._skip(spot + 1) if text[spot] == "," else spot

    def _skip(self, spot: int) -> int:
        found = _SPACE.match(self._text, spot)
        return found.end() if found else spot
