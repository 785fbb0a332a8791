"""CSV read by columns where that is safe, and record by record where it is not: the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from journeymap.adapters.tables.line_blocks import has_long_line

__all__ = ["read_block"]

_QUOTE, _LINE, _RETURN = ord('"'), ord("\n"), ord("\r")


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
    if has_long_line(block) or block.startswith(b"\xef\xbb\xbf"):  # a mark that is no text
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
    lengths = np.diff(ends, prepend=-1)
    blank = (lengths <= 1) | ((lengths == 2) & (data[ends - 1] == _RETURN))
    if not (counts == width - 1).all() or blank.any():
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
