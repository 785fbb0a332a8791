"""Texts in blocks of whole lines, for readers that look at many lines at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from journeymap.adapters.reading.guarded_files import MAX_LINE_CHARACTERS

__all__ = ["LineBlocks"]

BLOCK = 1 << 23
"""Bytes read at a time: a hundred thousand rows or so, few enough to be held several times."""
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
        while data and b"\n" not in data and (more := self._raw.read(BLOCK)):
            long = len(data) + len(more) > MAX_LINE_CHARACTERS
            data = data[:MAX_LINE_CHARACTERS] + b"x" + _line_end(more) if long else data + more
        if not self._begun:
            self._begun, data = True, data.removeprefix(_MARK)
        end = data.rfind(b"\n") + 1
        if not end or len(data) < BLOCK:
            end = len(data)
        self._block, self._rest = data[:end], data[end:]
        return bool(self._block)


def _line_end(more: bytes) -> bytes:
    """Return what follows the end of a line that is longer than any may be."""
    found = more.find(b"\n")
    return more[found:] if found >= 0 else b""
