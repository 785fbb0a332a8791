"""Sources that are files: CSV, JSON lines, JSON documents, Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from journeymap.adapters.mapping.field_paths import Getter, make_getter
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.reading.guarded_files import open_text
from journeymap.adapters.reading.text_rows import (
    NotJson,
    Progress,
    decode_json,
    read_csv_rows,
    read_json_rows,
)
from journeymap.adapters.source import RejectedRow
from journeymap.adapters.sources.row_source import Row, RowSource
from journeymap.exceptions import SourceError, require

__all__ = [
    "csv_source",
    "json_lines_source",
    "json_source",
    "parquet_source",
    "read_document_rows",
    "read_parquet_rows",
]  # fmt: skip

_SLICE = 20_000  # rows of a Parquet file held as Python objects at a time
MAX_DOCUMENT_CHARACTERS = 64_000_000  # held as a whole, ten times that in memory


def csv_source(
    path: str | os.PathLike[str],
    mapping: PayloadMapping,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> RowSource:
    """Make a source of a CSV file; each row is a payload by the names of its columns.

    Args:
        path: The file, plain or .gz.
        mapping: The mapping of its rows.
        delimiter: What separates fields, a blank for any number of blanks (None: detected).
        encoding: The encoding (None: UTF-8); a byte-order mark overrules it.
        header: The names of the columns of a file without a header.
        progress: Called with the share of the file read so far.

    Returns:
        The source.
    """
    read = partial(
        read_csv_rows, path, delimiter=delimiter, encoding=encoding, header=header,
        wanted=mapping.names, progress=progress,
    )  # fmt: skip
    return RowSource(str(path), read, mapping)


def json_lines_source(
    path: str | os.PathLike[str],
    mapping: PayloadMapping,
    *,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> RowSource:
    """Make a source of a file with one JSON object a line.

    Args:
        path: The file, plain or .gz.
        mapping: The mapping of its objects.
        encoding: The encoding (None: UTF-8, or by a byte-order mark).
        progress: Called with the share of the file read so far.

    Returns:
        The source.
    """
    read = partial(read_json_rows, path, encoding=encoding, progress=progress)
    return RowSource(str(path), read, mapping)


def json_source(path: str | os.PathLike[str], mapping: PayloadMapping) -> RowSource:
    """Make a source of a JSON document of at most 64 million characters.

    Args:
        path: The file, plain or .gz.
        mapping: The mapping, whose ``rows`` name the list of payloads.

    Returns:
        The source.
    """
    where = mapping.rows or "$"
    read = partial(read_document_rows, path, make_getter(where), where)
    return RowSource(str(path), read, mapping)


def parquet_source(path: str | os.PathLike[str], mapping: PayloadMapping) -> RowSource:
    """Make a source of a Parquet file; structures and lists within it are payloads as in JSON.

    Args:
        path: The file.
        mapping: The mapping of its rows.

    Returns:
        The source.
    """
    require("analysis", "polars")
    return RowSource(str(path), partial(read_parquet_rows, Path(path)), mapping)


def read_document_rows(
    path: str | os.PathLike[str], rows: Getter, where: str
) -> Iterator[Row | RejectedRow]:
    """Read the payloads of the list at a place of a JSON document."""
    with open_text(path) as file:
        text = file.text.read(MAX_DOCUMENT_CHARACTERS + 1)
    if len(text) > MAX_DOCUMENT_CHARACTERS:
        size = f"{MAX_DOCUMENT_CHARACTERS:,}"
        message = f"a document of more than {size} characters; export it as JSON lines"
        raise SourceError(str(path), message)
    whole = decode_json(text, MAX_DOCUMENT_CHARACTERS)
    if isinstance(whole, NotJson):
        raise SourceError(str(path), whole.reason)
    found = rows(whole, ())
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise SourceError(str(path), f"there is no list of payloads at {where}")
    for place, one in enumerate(found, 1):
        if isinstance(one, dict):
            yield place, one
        else:
            yield RejectedRow(place, "not a mapping of names to values", str(one)[:200])


def read_parquet_rows(path: Path) -> Iterator[Row | RejectedRow]:
    """Read the rows of a Parquet file, some thousands at a time."""
    import polars as pl

    from journeymap.adapters.tables.calendar_bounds import iterate_rows

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        frames = pl.scan_parquet(path, glob=False)
        place = 0
        while True:
            frame = frames.slice(place, _SLICE).collect()
            for row in iterate_rows(frame):
                place += 1
                yield place, row
            if len(frame) < _SLICE:
                return
    except (pl.exceptions.PolarsError, OSError) as error:
        message = f"not a Parquet file: {str(error)[:200]}"
        raise SourceError(str(path), message) from None
