"""Samples: the payloads of a file of any kind, to look at before there is a mapping."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeymap.adapters.mapping.field_paths import make_getter
from journeymap.adapters.reading.text_rows import read_csv_rows, read_json_rows
from journeymap.adapters.source import RejectedRow
from journeymap.adapters.sources.files import read_document_rows, read_parquet_rows
from journeymap.exceptions import UnknownName

__all__ = ["sample_payloads"]

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")


def sample_payloads(path: str | os.PathLike[str], rows: str = "$") -> Iterator[Any]:
    """Read the payloads of a CSV, JSON, JSON lines or Parquet file, by its suffix.

    Args:
        path: The file.
        rows: The path of the list of payloads in a JSON document.

    Yields:
        The payloads.

    Raises:
        UnknownName: The suffix is none of these.
    """
    place = Path(path)
    suffixes = [suffix.lower() for suffix in place.suffixes if suffix.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    if kind not in _SUFFIXES:
        raise UnknownName("suffix of a file of payloads", kind or place.name, _SUFFIXES)
    if kind in (".csv", ".tsv"):
        found = read_csv_rows(place)
    elif kind == ".parquet":
        found = read_parquet_rows(place)
    elif kind == ".json":
        found = read_document_rows(place, make_getter(rows), rows)
    else:
        found = read_json_rows(place)
    for row in found:
        if not isinstance(row, RejectedRow):
            yield row[1]
