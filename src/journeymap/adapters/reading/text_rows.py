"""CSV, JSON lines and JSON documents, row by row, each with its line."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from journeymap.adapters.reading.guarded_files import (
    MAX_LINE_CHARACTERS,
    TextFile,
    bounded_lines,
    open_text,
)
from journeymap.adapters.source import RejectedRow
from journeymap.exceptions import SourceError

__all__ = [
    "CsvRows",
    "NotJson",
    "Progress",
    "Row",
    "decode_json",
    "read_csv_rows",
    "read_json_line",
    "read_json_rows",
    "shorten_row",
]  # fmt: skip

_DELIMITERS = (",", ";", "\t", "|")
Row: TypeAlias = tuple[int, Mapping[str, Any]]
"""A row's line (from 1) and what it holds, by name."""
Progress: TypeAlias = Callable[[float], None]
_EVERY = 50_000  # rows between two reports of progress: several a second


class CsvRows:
    """The records of an open CSV file: each its line and its fields, or rejected.

    A quote that is never closed would swallow the rows after it: the line with the quote is
    rejected, and reading goes on from the next one.
    """

    def __init__(self, file: TextFile, name: str, delimiter: str | None = None) -> None:
        first = next(bounded_lines(file.text), "")
        if not first.strip():
            raise SourceError(name, "the file has no header", 1)
        mark = delimiter or max(_DELIMITERS, key=_outside_quotes(first).count)
        if len(mark) != 1:
            raise SourceError(name, f"a delimiter is one character, not {mark!r}")
        self._mark = mark
        self._lines = _Lines(first, bounded_lines(file.text))
        self._reader = csv.reader(self._lines, delimiter=mark, strict=True)
        try:
            self.header = _header(next(self._reader), name)
        except csv.Error as error:
            raise SourceError(name, f"the header is not CSV: {error}", 1) from None

    def __iter__(self) -> Iterator[tuple[int, list[str]] | RejectedRow]:
        lines, width = self._lines, len(self.header)
        while True:
            line = lines.begin()
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RejectedRow(line, f"not CSV: {error}", shorten_row(lines.reread()))
                self._reader = csv.reader(lines, delimiter=self._mark, strict=True)
                continue
            if len(row) == width:
                yield line, row
            elif row:
                reason = f"{len(row)} fields where the header has {width}"
                yield RejectedRow(line, reason, shorten_row(self._mark.join(row)))


def read_csv_rows(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Row | RejectedRow]:
    """Read the rows of a CSV file, plain or .gz, as mappings; an empty field is missing."""
    with open_text(path, encoding) as file:
        rows = CsvRows(file, str(path), delimiter)
        names = rows.header
        for number, found in enumerate(rows):
            if isinstance(found, RejectedRow):
                yield found
            else:
                yield found[0], dict(zip(names, found[1], strict=True))
            if progress is not None and number % _EVERY == 0:
                progress(file.share)


def read_json_rows(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Row | RejectedRow]:
    """Read the rows of a file of one JSON object a line, plain or .gz."""
    with open_text(path, encoding) as file:
        for line, text in enumerate(bounded_lines(file.text), 1):
            if not text.strip():
                continue
            row = read_json_line(text)
            if isinstance(row, str):
                yield RejectedRow(line, row, shorten_row(text), unfinished=text[-1] not in "\r\n")
            else:
                yield line, row
            if progress is not None and line % _EVERY == 0:
                progress(file.share)


@frozen
class NotJson:
    """Why a text is no JSON."""

    reason: str


def read_json_line(text: str) -> dict[str, Any] | str:
    """Read the object in a line of JSON; a text is the reason why there is none."""
    row = decode_json(text)
    if isinstance(row, NotJson):
        return row.reason
    return row if isinstance(row, dict) else "not a JSON object"


def decode_json(text: str, longest: int = MAX_LINE_CHARACTERS) -> Any:
    """Decode a text of JSON, or give `NotJson`."""
    if len(text) > longest:
        return NotJson(f"a line of more than {longest:,} characters")
    try:
        return _decode(text)
    except (ValueError, RecursionError) as error:
        return NotJson(f"not JSON: {error}")


def shorten_row(text: str) -> str:
    """Keep the beginning of a rejected row, as text that can be kept whatever its bytes were."""
    return text[:200].encode("utf-8", "backslashreplace").decode()


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_decode: Callable[[str], Any] = json.JSONDecoder(parse_constant=_no_number).decode


class _Lines:
    """The lines of a file for a CSV reader, which can go back to just after a record's first."""

    def __init__(self, first: str, rest: Iterator[str]) -> None:
        self._waiting = deque([first])
        self._rest = rest
        self._record: list[str] = []
        self._line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._rest)
        self._record.append(line)
        self._line += 1
        return line

    def begin(self) -> int:
        """Begin a record; the number of its first line."""
        self._record.clear()
        return self._line + 1

    def reread(self) -> str:
        """Hand out the record's lines once more, but for the first, which is the answer.

        No line is read more than twice: the next quote ends what an open one has swallowed.
        """
        first, *others = self._record
        self._waiting.extendleft(reversed(others))
        self._line -= len(others)
        return first


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _header(row: list[str], name: str) -> list[str]:
    row[0] = row[0].removeprefix("\ufeff")
    column, often = Counter(row).most_common(1)[0]
    if often > 1:
        raise SourceError(name, f"two columns are named {column!r}", 1)
    return row
