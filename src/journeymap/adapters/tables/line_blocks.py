"""Texts in blocks of whole lines, for readers that look at many lines at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from journeymap.adapters.reading.guarded_files import MAX_LINE_CHARACTERS

__all__ = ["LineBlocks", "has_long_line"]

BLOCK = 1 << 23
"""Bytes read at a time: a hundred thousand rows or so, few enough to be held several times."""
_LONGEST = 4 * MAX_LINE_CHARACTERS  # bytes: no character has more than four
_MARK = b"\xef\xbb\xbf"


class LineBlocks:
    """The bytes of a text in UTF-8, in blocks of whole lines or line by line."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._begun = False
        self._rest = b""
        self._block = b""
        self._lines: list[bytes] | None = None  # of the block, once it is read line by line
        self._place = 0

    def lines(self) -> Iterator[str]:
        """Give the lines that were not read yet; bytes that are no text stay as surrogates."""
        while True:
            if self._lines is None:
                if not self._block and not self._load():
                    return
                self._lines, self._place = self._block.splitlines(keepends=True), 0
            if self._place == len(self._lines):
                self.drop()
                continue
            self._place += 1
            yield self._lines[self._place - 1].decode("utf-8", "surrogateescape")

    def unread(self) -> bytes:
        """Give what was not read yet of this block, or the next one; nothing at the end."""
        if self._lines is not None:
            self._block = b"".join(self._lines[self._place :])
            self._lines = None
        if not self._block:
            self._load()
        return self._block

    def drop(self) -> None:
        """Count the block as read."""
        self._block, self._lines = b"", None

    @property
    def spent(self) -> bool:
        """True if all lines of the block were given."""
        return self._lines is None or self._place == len(self._lines)

    def _load(self) -> bool:
        data = self._rest + self._raw.read(BLOCK)
        while data and not _find_end(data) and (more := self._raw.read(BLOCK)):
            data = _shorten(data + more)
        if not self._begun:
            self._begun, data = True, data.removeprefix(_MARK)
        end = _find_end(data)
        if not end or len(data) < BLOCK:
            end = len(data)
        self._block, self._rest = data[:end], data[end:]
        return bool(self._block)


def has_long_line(block: bytes) -> bool:
    """Check whether a line of a block may have more characters than a line may."""
    for place in range(MAX_LINE_CHARACTERS, len(block), MAX_LINE_CHARACTERS):
        begin, end = block.rfind(b"\n", 0, place), block.find(b"\n", place)
        if (len(block) if end < 0 else end) - begin > MAX_LINE_CHARACTERS:
            return True
    return False


def _find_end(data: bytes) -> int:
    """Find where the last whole line ends; 0 where none does.

    A carriage return at the very end may be half of an end of line.
    """
    return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1


def _shorten(data: bytes) -> bytes:
    """Cut the first line where it is longer than any may be; it stays too long, and ends."""
    ends = [place for end in (b"\n", b"\r") if (place := data.find(end)) >= 0]
    end = min(ends, default=len(data))
    return data if end <= _LONGEST else data[:_LONGEST] + b"x" + data[end:]
