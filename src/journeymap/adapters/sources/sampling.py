"""The payloads of a file, whatever kind of file it is: to look at, before there is a mapping."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeymap.adapters.mapping.field_paths import getter
from journeymap.adapters.reading.text_rows import csv_rows, json_rows
from journeymap.adapters.source import Broken
from journeymap.adapters.sources.files import document_rows, parquet_rows
from journeymap.exceptions import UnknownName

__all__ = ["sampled"]

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")


def sampled(path: str | os.PathLike[str], rows: str = "$") -> Iterator[Any]:
    """The payloads of a CSV, JSON, JSON lines or Parquet file, by its suffix.

    ``rows`` is where in a JSON document the list of payloads lies. Raises UnknownName.
    """
    place = Path(path)
    suffixes = [suffix.lower() for suffix in place.suffixes if suffix.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    if kind not in _SUFFIXES:
        raise UnknownName("suffix of a file of payloads", kind or place.name, _SUFFIXES)
    if kind in (".csv", ".tsv"):
        found = csv_rows(place)
    elif kind == ".parquet":
        found = parquet_rows(place)
    elif kind == ".json":
        found = document_rows(place, getter(rows), rows)
    else:
        found = json_rows(place)
    for row in found:
        if not isinstance(row, Broken):
            yield row[1]
