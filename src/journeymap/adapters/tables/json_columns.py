"""JSON lines read by columns where that is safe; elsewhere they are read line by line."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence

import polars as pl

from journeymap.adapters.tables.line_blocks import has_long_line

__all__ = ["read_json_block"]


def read_json_block(block: bytes, names: Sequence[str]) -> pl.DataFrame | None:
    """Read some keys of a block of lines as texts; None where it has to be read line by line.

    That is where a line is blank or no object, where a key may come twice, escaped or within
    another value, and where a text has halves of characters.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    rows = block.count(b"\n")
    if block.count(b"\r") != block.count(b"\r\n") or b"\\ud" in block or b"\\uD" in block:
        return None
    if has_long_line(block):
        return None
    try:
        frame = pl.read_ndjson(io.BytesIO(block), schema=dict.fromkeys(names, pl.String))
    except pl.exceptions.PolarsError:
        return None
    if len(frame) != rows:
        return None
    if _has_escaped(block, names):
        return None
    nested = block.count(b"{") > rows or b"[" in block
    nulls = b"null" in block
    for name in names:
        key = re.escape(f'"{name}"'.encode())
        empty = len(re.findall(key + rb"\s*:\s*null", block)) if nulls else 0
        there = block.count(f'"{name}"'.encode()) - empty
        if frame[name].null_count() != rows - there:
            return None
        if empty and re.search(key + rb"[^\n]*" + key, block):  # twice in a line, once as null
            return None
        # Numbers are written anew, lists and mappings as texts: by other rules than ours.
        numbers = frame[name].str.contains(r"^-?[0-9.]+(?:[eE]|$)|^[0-9.]+$").any()
        odd = rb"\s*:\s*(?:-?[0-9.]*[eE]|-?[0-9]+\.0+\s*[,}]|-?[0-9.]{15}|-?0\.000|[\[{])"
        if (numbers or nested) and re.search(key + odd, block):
            return None
    return frame.select(names)


def _has_escaped(block: bytes, names: Sequence[str]) -> bool:
    """Check whether one of some keys may be written with escapes."""
    if not re.search(rb'\\[^"\\]*"\s*:', block):  # which is found many times faster
        return False
    texts = re.findall(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?', block)  # one after the other
    try:
        found = {json.loads(b'"' + key + b'"') for key, colon in texts if colon and b"\\" in key}
    except ValueError:
        return True
    return not found.isdisjoint(names)
