"""Sources that are files: CSV, JSON lines, JSON documents, Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from journeymap.adapters.mapping.field_paths import Getter, getter
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.reading.guarded_files import opened
from journeymap.adapters.reading.text_rows import NotJson, Progress, csv_rows, decoded, json_rows
from journeymap.adapters.source import Broken
from journeymap.adapters.sources.row_source import Row, RowSource
from journeymap.exceptions import SourceError, require

__all__ = [
    "csv_source", "document_rows", "json_lines_source", "json_source", "parquet_rows",
    "parquet_source",
]  # fmt: skip

_SLICE = 20_000
_LARGEST = 64_000_000


def csv_source(
    path: str | os.PathLike[str],
    mapping: PayloadMapping,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> RowSource:
    """A CSV file, plain or .gz: each row is a payload of its columns' names."""
    read = partial(csv_rows, path, delimiter=delimiter, encoding=encoding, progress=progress)
    return RowSource(str(path), read, mapping)


def json_lines_source(
    path: str | os.PathLike[str],
    mapping: PayloadMapping,
    *,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> RowSource:
    """A file of one JSON object a line, plain or .gz."""
    read = partial(json_rows, path, encoding=encoding, progress=progress)
    return RowSource(str(path), read, mapping)


def json_source(path: str | os.PathLike[str], mapping: PayloadMapping) -> RowSource:
    """A whole JSON document of at most 64 MB, whose payloads lie where the mapping says.

    Larger exports come as JSON lines, which are read in constant memory.
    """
    where = mapping.rows or "$"
    read = partial(document_rows, path, getter(where), where)
    return RowSource(str(path), read, mapping)


def parquet_source(path: str | os.PathLike[str], mapping: PayloadMapping) -> RowSource:
    """A Parquet file; structures and lists within it are payloads as they would be in JSON."""
    require("analysis", "polars")
    return RowSource(str(path), partial(parquet_rows, Path(path)), mapping)


def document_rows(path: str | os.PathLike[str], rows: Getter, where: str) -> Iterator[Row | Broken]:
    """The payloads in a JSON document, which lie in the list at a place of it."""
    with opened(path) as file:
        text = file.text.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        message = f"a document of more than {_LARGEST:,} characters; export it as JSON lines"
        raise SourceError(str(path), message)
    whole = decoded(text, _LARGEST)
    if isinstance(whole, NotJson):
        raise SourceError(str(path), whole.reason)
    found = rows(whole, None)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise SourceError(str(path), f"there is no list of payloads at {where}")
    for place, one in enumerate(found, 1):
        if isinstance(one, dict):
            yield place, one
        else:
            yield Broken(place, "not a mapping of names to values", str(one)[:200])


def parquet_rows(path: Path) -> Iterator[Row | Broken]:
    """The rows of a Parquet file, some thousands at a time."""
    import polars as pl

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        frames = pl.scan_parquet(path, glob=False)
        place = 0
        while True:
            frame = frames.slice(place, _SLICE).collect()
            for row in frame.iter_rows(named=True):
                place += 1
                yield place, row
            if len(frame) < _SLICE:
                return
    except (pl.exceptions.PolarsError, OSError) as error:
        message = f"not a Parquet file: {str(error)[:200]}"
        raise SourceError(str(path), message) from None
