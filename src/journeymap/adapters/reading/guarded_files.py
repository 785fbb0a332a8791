"""Files as streams of text that cannot exhaust the memory, whatever is in them."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

from journeymap.exceptions import SourceError

__all__ = ["LONGEST", "Opened", "bounded", "damaged", "opened", "unpacked"]

LONGEST = 8_000_000
"""Characters that one line may have; a longer one is set aside."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_FREELY = 64_000_000  # bytes that may come out of a packed file before their number is judged
_RATIO = 250  # real logs pack 5 to 50 times smaller


@frozen
class Opened:
    """A text file that is being read: the text, the file below it, and that file's size."""

    text: io.TextIOWrapper
    raw: BinaryIO
    size: int

    @property
    def share(self) -> float:
        """How much of it was read, from 0 to 1."""
        return min(1.0, self.raw.tell() / self.size)


class _Unpacking(io.RawIOBase):
    """What a gzip file holds, refused when it is out of all proportion."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        self._raw, self._name, self._out = raw, name, 0
        self._gzip = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._gzip.read(len(buffer))
        buffer[: len(data)] = data
        self._out += len(data)
        if self._out > _FREELY and self._out > _RATIO * max(1, self._raw.tell()):
            message = f"it unpacks to more than {_RATIO} times its size; no log does"
            raise SourceError(self._name, message)
        return len(data)


@contextmanager
def damaged(name: str) -> Iterator[None]:
    """Errors of a file that is cut short or no text, told as SourceError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeError) as error:
        raise SourceError(name, f"cut short or damaged: {error}") from None


def unpacked(raw: io.BufferedReader, name: str) -> io.BufferedReader:
    """The bytes of a file, unpacked when it is gzip, whatever it is called."""
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Unpacking(raw, name), 1 << 16)
    return raw


@contextmanager
def opened(path: str | os.PathLike[str], encoding: str | None = None) -> Iterator[Opened]:
    """A text file, plain or gzip, in its encoding: UTF-8 or what a mark says, unless given.

    Bytes that are no text in it stay, as lone surrogates. Raises SourceError.
    """
    place = Path(path)
    try:
        "a".encode(encoding or "utf-8")
    except LookupError:
        raise SourceError(str(place), f"there is no encoding {encoding!r}") from None
    if not place.is_file():
        raise FileNotFoundError(f"there is no file {str(place)!r}")
    with place.open("rb") as raw, damaged(str(place)):
        size = max(1, place.stat().st_size)
        stream = unpacked(raw, str(place))
        start = stream.peek(4)[:4]
        found = next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")
        text = io.TextIOWrapper(stream, encoding or found, errors="surrogateescape", newline="")
        yield Opened(text, raw, size)


def bounded(text: io.TextIOBase) -> Iterator[str]:
    """The lines of a text; of one that is too long only the first characters, and one more.

    So a line with more than ``LONGEST`` characters has ``LONGEST + 1``.
    """
    read = text.readline
    while True:
        line = read(LONGEST)
        if not line:
            return
        if len(line) == LONGEST and line[-1] not in "\r\n":
            rest = read(LONGEST)
            if rest:
                line += rest[0]
            while rest and rest[-1] not in "\r\n":
                rest = read(LONGEST)
        yield line
