"""CSV read by columns where that is safe, and record by record where it is not: the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from journeymap.adapters.reading.guarded_files import MAX_LINE_CHARACTERS

__all__ = ["CsvBlocks", "read_block"]

BLOCK = 1 << 23
"""Bytes read at a time: a hundred thousand rows or so, few enough to be held several times."""
_QUOTE, _LINE, _RETURN = ord('"'), ord("\n"), ord("\r")


class CsvBlocks:
    """The bytes of a CSV file, in blocks of whole lines or line by line."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
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
        end = data.rfind(b"\n") + 1
        if not end or len(data) < BLOCK:
            end = len(data)
        self._block, self._rest = data[:end], data[end:]
        return bool(self._block)


def _line_end(more: bytes) -> bytes:
    """Return what follows the end of a line that is longer than any may be."""
    found = more.find(b"\n")
    return more[found:] if found >= 0 else b""


def read_block(block: bytes, mark: str, width: int, places: Sequence[int]) -> pl.DataFrame | None:
    """Read some columns of a block; None where it has to be read record by record.

    That is where a line has too few or too many fields, a text within quotes has quotes or ends of
    lines, a quote follows a backslash, or the bytes are no UTF-8. Columns are named after places.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    if len(mark) != 1 or not mark.isascii() or mark == " " or b"\0" in block:
        return None
    if block.count(b"\r") != block.count(b"\r\n") or b'\\"' in block:
        return None
    data = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(data == _LINE)
    marks = np.flatnonzero(data == ord(mark))
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes):
        outside = _marks_outside(data, marks, quotes, ends, ord(mark))
        if outside is None:
            return None
        marks = outside
    # Each line has as many delimiters as the header: counted by where the lines end.
    counts = np.diff(np.searchsorted(marks, ends), prepend=0)
    if not (counts == width - 1).all() or (np.diff(ends, prepend=-1) <= 1).any():
        return None
    try:
        frame = pl.read_csv(
            block, has_header=False, columns=sorted(set(places)), separator=mark,
            quote_char='"' if len(quotes) else None, infer_schema=False, empty_string_is_null=False,
        )  # fmt: skip
    except pl.exceptions.PolarsError:
        return None
    return frame.select(pl.col(f"column_{place}").alias(str(place)) for place in places)


def _marks_outside(data: Any, marks: Any, quotes: Any, ends: Any, mark: int) -> Any:
    """Find the delimiters outside of quotes; None where quotes do not enclose whole fields."""
    if len(quotes) % 2:
        return None
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, data[opening - 1], _LINE)
    after = data[closing + 1]
    opened = (before == mark) | (before == _LINE)
    closed = (after == mark) | (after == _LINE) | (after == _RETURN)
    same = np.searchsorted(ends, opening) == np.searchsorted(ends, closing)
    if not (opened & closed & same).all():
        return None
    inside = np.searchsorted(quotes, marks) % 2 == 1
    return marks[~inside]
