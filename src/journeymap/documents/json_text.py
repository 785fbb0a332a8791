"""JSON to plain data and back, refusing what JSON parsers usually let pass."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from journeymap.documents.parsed import Parsed, Path, Place, fault

__all__ = ["read", "write"]

_SPACE = re.compile(r"[ \t\r\n]*")


def read(text: str, file: str | None) -> Parsed:
    """Parse; duplicate keys, NaN and numbers of absurd length are errors."""

    def constant(name: str) -> NoReturn:
        raise fault(file, f"{name} is no number of JSON", None, None)

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            keys = [key for key, _ in found]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise fault(file, f"the key {twice!r} stands twice in one mapping", None, None)
        return made

    try:
        data = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise fault(file, error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise fault(file, "the nesting is too deep", None, None) from None
    except ValueError:  # the interpreter's own bound on the digits of a number
        raise fault(file, "a number has too many digits", None, None) from None
    return Parsed(data, lambda path: _locate(text, path))


def write(data: Any) -> str:
    """Write indented JSON, keys in their order, all of Unicode as it is."""
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _locate(text: str, path: Path) -> Place:
    """Walk down the text along a path, skipping the values beside it."""
    decoder = json.JSONDecoder()
    spot = _skip(text, 0)
    for step in path:
        found = (
            _member(decoder, text, spot, step)
            if isinstance(step, str)
            else _item(decoder, text, spot, step)
        )
        if found is None:
            break
        spot = found
    return text.count("\n", 0, spot) + 1, spot - text.rfind("\n", 0, spot)


def _skip(text: str, spot: int) -> int:
    return _SPACE.match(text, spot).end()  # type: ignore[union-attr]  # it matches nothing too


def _member(decoder: json.JSONDecoder, text: str, spot: int, key: str) -> int | None:
    if text[spot : spot + 1] != "{":
        return None
    spot = _skip(text, spot + 1)
    while text[spot] == '"':
        name, spot = decoder.raw_decode(text, spot)
        value = _skip(text, _skip(text, spot) + 1)
        if name == key:
            return value
        spot = _skip(text, _skip(text, decoder.raw_decode(text, value)[1]) + 1)
    return None


def _item(decoder: json.JSONDecoder, text: str, spot: int, place: int) -> int | None:
    if text[spot : spot + 1] != "[":
        return None
    spot = _skip(text, spot + 1)
    for _ in range(place):
        spot = _skip(text, _skip(text, decoder.raw_decode(text, spot)[1]) + 1)
    return spot
