"""CSV, JSON lines and JSON documents, row by row, each with its line."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import evolve, frozen

from journeymap.adapters.reading.csv_records import CsvRecords, refuse_repeated
from journeymap.adapters.reading.guarded_files import (
    MAX_LINE_CHARACTERS,
    bounded_lines,
    open_text,
    shorten_row,
)
from journeymap.adapters.source import RejectedRow

__all__ = [
    "NotJson",
    "OpenRow",
    "Progress",
    "Row",
    "decode_json",
    "parse_json_row",
    "read_csv_rows",
    "read_json_line",
    "read_json_rows",
]  # fmt: skip

Row: TypeAlias = tuple[int, Mapping[str, Any]]
"""A row's line (from 1) and what it holds, by name."""


class OpenRow(tuple[int, Mapping[str, Any]]):
    """A row whose line has no end: if it is the last of a file, it may be written still."""

    __slots__ = ()


Progress: TypeAlias = Callable[[float], None]
_EVERY = 50_000  # rows between two reports of progress: several a second


def read_csv_rows(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: Sequence[str] | None = None,
    wanted: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[Row | RejectedRow]:
    """Read the rows of a CSV file, plain or .gz, as mappings; an empty field is missing.

    ``header`` names the columns of a file without one. Columns without a name, and those of one
    name, are left out; of the latter, one that is ``wanted`` is refused.
    """
    with open_text(path, encoding) as file:
        ends = _LineEnds(bounded_lines(file.text))
        rows = CsvRecords(iter(ends), str(path), delimiter, header)
        refuse_repeated(rows.header, wanted, str(path))
        often = Counter(rows.header)
        places = [
            (place, name) for place, name in enumerate(rows.header) if name and often[name] == 1
        ]
        for number, found in enumerate(rows):
            if isinstance(found, RejectedRow):
                yield found if ends.ended else evolve(found, unfinished=True)
            else:
                line, fields = found
                row = line, {name: fields[place] for place, name in places}
                yield row if ends.ended else OpenRow(row)
            if progress is not None and number % _EVERY == 0:
                progress(file.share)


class _LineEnds:
    """Lines, and whether the last one that was read has an end."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.ended = True

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.ended = line[-1:] in ("\r", "\n")
            yield line


def read_json_rows(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Row | RejectedRow]:
    """Read the rows of a file of one JSON object a line, plain or .gz."""
    with open_text(path, encoding) as file:
        for line, text in enumerate(bounded_lines(file.text), 1):
            found = parse_json_row(line, text)
            if found is not None:
                yield found
            if progress is not None and line % _EVERY == 0:
                progress(file.share)


def parse_json_row(line: int, text: str) -> Row | RejectedRow | None:
    """Read a line of JSON as a row; None where it is blank."""
    if not text.strip():
        return None
    row = read_json_line(text)
    if isinstance(row, str):
        return RejectedRow(line, row, shorten_row(text), unfinished=text[-1] not in "\r\n")
    return line, row


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


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_decode: Callable[[str], Any] = json.JSONDecoder(parse_constant=_no_number).decode
