"""Sources that are files: CSV, JSON lines, JSON documents, Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from journeymap.adapters.mapped import Mapped
from journeymap.adapters.mapping import PayloadMapping
from journeymap.adapters.row_source import Row, RowSource
from journeymap.adapters.sourcing import Broken
from journeymap.adapters.streams import fingerprint, opened
from journeymap.adapters.text_rows import NotJson, Progress, csv_rows, decoded, json_rows
from journeymap.exceptions import SourceError, require

__all__ = ["csv_source", "json_lines_source", "json_source", "parquet_source"]

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
    return RowSource(str(path), read, mapping, mark=partial(fingerprint, path))


def json_lines_source(
    path: str | os.PathLike[str],
    mapping: PayloadMapping,
    *,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> RowSource:
    """A file of one JSON object a line, plain or .gz."""
    read = partial(json_rows, path, encoding=encoding, progress=progress)
    return RowSource(str(path), read, mapping, mark=partial(fingerprint, path))


def json_source(path: str | os.PathLike[str], mapping: PayloadMapping) -> RowSource:
    """A whole JSON document of at most 64 MB, whose payloads lie where the mapping says.

    Larger exports come as JSON lines, which are read in constant memory.
    """
    return RowSource(str(path), partial(_document, path, mapping), mapping,
                     mark=partial(fingerprint, path))  # fmt: skip


def parquet_source(path: str | os.PathLike[str], mapping: PayloadMapping) -> RowSource:
    """A Parquet file; structures and lists within it are payloads as they would be in JSON."""
    require("analysis", "polars")
    return RowSource(str(path), partial(_parquet, Path(path)), mapping)


def _document(path: str | os.PathLike[str], mapping: PayloadMapping) -> Iterator[Row | Broken]:
    with opened(path) as file:
        text = file.text.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        message = f"a document of more than {_LARGEST:,} characters; export it as JSON lines"
        raise SourceError(str(path), message)
    whole = decoded(text, _LARGEST)
    if isinstance(whole, NotJson):
        raise SourceError(str(path), whole.reason)
    payloads = Mapped(mapping).payloads(whole)
    if payloads is None:
        message = f"there is no list of payloads at {mapping.rows or '$'}"
        raise SourceError(str(path), message)
    yield from enumerate(payloads, 1)


def _parquet(path: Path) -> Iterator[Row | Broken]:
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
