"""Measurements as bytes and back, to cross a cluster.

Plain data, times, arrays, frames, and attrs classes and named tuples of any module; nothing that
could run code. A class is looked up by its name among modules that are loaded, and must be one of
these.
"""

from __future__ import annotations

import io
import json
import struct
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import polars as pl

from journeymap.exceptions import JourneyMapError

__all__ = ["WireError", "pack", "unpack"]


@attrs.define(eq=False)
class WireError(JourneyMapError):
    """Something cannot be sent from one process to another."""

    what: str

    def __str__(self) -> str:
        return f"{self.what} cannot be sent; measure in plain data, arrays, or attrs classes"


_PLAIN = (type(None), bool, int, float, str)
_WRITTEN: dict[Any, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    timedelta: (lambda length: [length.days, length.seconds, length.microseconds],
                lambda parts: timedelta(*parts)),
    Decimal: (str, Decimal),
}  # fmt: skip
_READ = {kind.__name__: read for kind, (_, read) in _WRITTEN.items()}
_BUILT_IN = {"tuple": tuple, "set": set, "frozenset": frozenset}


def pack(value: Any) -> bytes:
    """Write a measurement as bytes.

    >>> unpack(pack({"a": (1, 2.5), "b": frozenset({"x"})}))
    {'a': (1, 2.5), 'b': frozenset({'x'})}
    """
    blobs: list[bytes] = []
    head = json.dumps(_encode(value, blobs)).encode()
    sizes = struct.pack(f"<{len(blobs) + 2}q", len(head), len(blobs), *map(len, blobs))
    return b"".join([sizes, head, *blobs])


def unpack(data: bytes) -> Any:
    """Read a measurement."""
    head, count = struct.unpack_from("<2q", data)
    sizes = struct.unpack_from(f"<{count}q", data, 16)
    place = 16 + 8 * count
    tree = json.loads(data[place : place + head])
    place += head
    blobs = []
    for size in sizes:
        blobs.append(data[place : place + size])
        place += size
    return _made(tree, blobs)


def _encode(value: Any, blobs: list[bytes]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [_encode(one, blobs) for one in value]
    if kind is tuple:
        return {"is": "tuple", "of": [_encode(one, blobs) for one in value]}
    if kind in (set, frozenset):  # in one order, whatever order they were built in
        inside = sorted((_encode(one, blobs) for one in value), key=json.dumps)
        return {"is": kind.__name__, "of": inside}
    if kind in (dict, Counter):
        pairs = [[_encode(key, blobs), _encode(one, blobs)] for key, one in value.items()]
        return {"is": "dict" if kind is dict else "counter", "of": pairs}
    if kind is np.ndarray:
        file = io.BytesIO()
        np.save(file, value, allow_pickle=False)
        blobs.append(file.getvalue())
        return {"is": "array", "of": len(blobs) - 1}
    if isinstance(value, np.generic):
        return _encode(value.item(), blobs)
    if kind in _WRITTEN:
        write, _ = _WRITTEN[kind]
        return {"is": kind.__name__, "of": write(value)}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        inner = [_encode(one, blobs) for one in value]
        return {"is": "named", "class": [kind.__module__, kind.__qualname__], "of": inner}
    if isinstance(value, pl.DataFrame):
        blobs.append(_as_ipc(pl.read_ipc(_as_ipc(value))))  # read once, equal frames are told alike
        return {"is": "frame", "of": len(blobs) - 1}
    if attrs.has(kind):
        parts = [
            [field.alias, _encode(getattr(value, field.name), blobs)]
            for field in attrs.fields(kind)
            if field.init
        ]
        return {"is": "object", "class": [kind.__module__, kind.__qualname__], "of": parts}
    raise WireError(f"a {kind.__module__}.{kind.__qualname__}")


def _as_ipc(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_ipc(file)
    return file.getvalue()


def _made(tree: Any, blobs: list[bytes]) -> Any:
    if isinstance(tree, list):
        return [_made(one, blobs) for one in tree]
    if not isinstance(tree, dict):
        return tree
    kind, inner = tree["is"], tree["of"]
    if kind == "array":
        return np.load(io.BytesIO(blobs[inner]), allow_pickle=False)
    if kind == "frame":
        return pl.read_ipc(blobs[inner])
    if kind in _BUILT_IN:
        return _BUILT_IN[kind](_made(one, blobs) for one in inner)
    if kind in ("dict", "counter"):
        pairs = [(_made(key, blobs), _made(one, blobs)) for key, one in inner]
        return dict(pairs) if kind == "dict" else Counter(dict(pairs))
    if kind in _READ:
        return _READ[kind](inner)
    if kind == "named":
        return _class(*tree["class"])(*(_made(one, blobs) for one in inner))
    return _class(*tree["class"])(**{name: _made(one, blobs) for name, one in inner})


def _class(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    named = isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")
    if not (isinstance(found, type) and (named or attrs.has(found))):
        raise WireError(f"a {module}.{name}")
    return found
