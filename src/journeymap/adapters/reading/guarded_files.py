"""Files as streams of text that cannot exhaust the memory, whatever is in them."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from attrs import frozen

from journeymap.exceptions import SourceError

__all__ = [
    "MAX_LINE_CHARACTERS",
    "TextFile",
    "bounded_lines",
    "open_text",
    "reporting_damage",
    "shorten_row",
    "unpack",
]

MAX_LINE_CHARACTERS = 8_000_000
"""Characters that one line may have; a longer one is set aside."""

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
MAX_UNJUDGED_BYTES = (
    64_000_000  # bytes that may come out of a packed file before their number is judged
)
MAX_RATIO = 250  # real logs pack 5 to 50 times smaller


@frozen
class TextFile:
    """A text file that is being read: the text, the file below it, and that file's size."""

    text: io.TextIOWrapper
    raw: BinaryIO
    size: int

    @property
    def share(self) -> float:
        """How much of it was read, from 0 to 1."""
        return min(1.0, self.raw.tell() / self.size)

    def utf8(self) -> BinaryIO:
        """Give the text as bytes of UTF-8; bytes that are no text stay as they are."""
        if self.text.encoding.lower() in ("utf-8", "utf-8-sig"):
            found: Any = self.text.buffer
            return cast("BinaryIO", found)
        return io.BufferedReader(_Recoding(self.text), 1 << 16)


class _Recoding(io.RawIOBase):
    """A text as bytes of UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._left = text, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._text.read(1 << 15).encode("utf-8", "surrogateescape")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _Unpacking(io.RawIOBase):
    """The content of a gzip file, refused when it is out of all proportion."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        self._raw, self._name, self._out = raw, name, 0
        self._gzip = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._gzip.read(len(buffer))
        buffer[: len(data)] = data
        self._out += len(data)
        if self._out > MAX_UNJUDGED_BYTES and self._out > MAX_RATIO * max(1, self._raw.tell()):
            message = f"it unpacks to more than {MAX_RATIO} times its size; no log does"
            raise SourceError(self._name, message)
        return len(data)


@contextmanager
def reporting_damage(name: str) -> Iterator[None]:
    """Report a file that is cut short or no text as SourceError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeError) as error:
        raise SourceError(name, f"cut short or damaged: {error}") from None


def unpack(raw: io.BufferedReader, name: str) -> io.BufferedReader:
    """Unpack the bytes of a file when it is gzip, whatever its name."""
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Unpacking(raw, name), 1 << 16)
    return raw


@contextmanager
def open_text(path: str | os.PathLike[str], encoding: str | None = None) -> Iterator[TextFile]:
    """Open a text file, plain or gzip, by its byte-order mark, as an encoding given, or as UTF-8.

    Bytes that are no text in it stay, as lone surrogates. Raises SourceError.
    """
    place = Path(path)
    try:
        "a".encode(encoding or "utf-8")
    except LookupError:
        raise SourceError(str(place), f"there is no encoding {encoding!r}") from None
    if not place.is_file():
        raise FileNotFoundError(f"there is no file {str(place)!r}")
    with place.open("rb") as raw, reporting_damage(str(place)):
        size = max(1, place.stat().st_size)
        stream = unpack(raw, str(place))
        start = stream.peek(4)[:4]
        marked = next((name for mark, name in _BOMS if start.startswith(mark)), None)
        chosen = marked or encoding or "utf-8"  # the mark knows best
        text = io.TextIOWrapper(stream, chosen, errors="surrogateescape", newline="")
        yield TextFile(text, raw, size)


def bounded_lines(text: io.TextIOBase) -> Iterator[str]:
    """Read the lines of a text; of one that is too long, only the first characters and one more.

    So a line of more than ``MAX_LINE_CHARACTERS`` has ``MAX_LINE_CHARACTERS + 1``.
    """
    read = text.readline
    while True:
        line = read(MAX_LINE_CHARACTERS)
        if not line:
            return
        if len(line) == MAX_LINE_CHARACTERS and line[-1] not in "\r\n":
            rest = read(MAX_LINE_CHARACTERS)
            if rest:
                line += rest[0]
            while rest and rest[-1] not in "\r\n":
                rest = read(MAX_LINE_CHARACTERS)
        yield line


def shorten_row(text: str) -> str:
    """Keep the beginning of a rejected row, as text that can be kept whatever its bytes were."""
    return text[:200].encode("utf-8", "backslashreplace").decode()
