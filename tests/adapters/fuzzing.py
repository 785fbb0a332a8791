"""Feeds anything to every parser: nothing but JourneyMapError may come out.

By itself it runs under atheris, guided by coverage, until it is stopped:
``python -m tests.adapters.fuzzing xes -max_total_time=600``; tests feed it from Hypothesis.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from journeymap.adapters.mapping import AppliedMapping, load_mapping, loads_mapping, propose_mapping
from journeymap.adapters.mapping.field_paths import make_getter
from journeymap.adapters.reading.text_rows import NotJson, decode_json
from journeymap.adapters.sources import (
    MessageSource,
    csv_source,
    json_lines_source,
    json_source,
    ocel_source,
    parquet_source,
    sample_payloads,
    xes_source,
)
from journeymap.exceptions import JourneyMapError

__all__ = ["TARGETS"]

SURVEY = load_mapping("survey")
_FOLDER = tempfile.TemporaryDirectory()
_FILE = Path(_FOLDER.name) / "input"


def _read(source: Any) -> None:
    rows = 0
    for batch in source.read():
        rows += batch.rows
        assert len({r.row for r in batch.records}) + len(batch.rejected) == batch.rows
        for record in batch.records:
            repr(record)
    assert rows >= 0


def _file(make: Callable[[Path], Any]) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        _FILE.write_bytes(data)
        _read(make(_FILE))

    return feed


def _payload(data: bytes) -> None:
    """A JSON value as a payload of every mapping there is."""
    value = decode_json(data.decode("utf-8", "surrogateescape"))
    if isinstance(value, NotJson):
        return
    for mapped in MAPPED:
        mapped.records(value, 1)


def _mapping(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for format_ in ("toml", "json"):
        try:
            mapping = loads_mapping(text, format_)
        except JourneyMapError:
            continue
        AppliedMapping(mapping).records({"a": 1}, 1)


def _path(data: bytes) -> None:
    make_getter(data.decode("utf-8", "replace"))({"a": [1, {"b": 2}]}, ({"c": 3},) * 9)


def _proposal(data: bytes) -> None:
    file = _FILE.with_suffix(".jsonl")
    file.write_bytes(data)
    propose_mapping(islice(_objects(file), 50), "fuzzed")


def _objects(file: Path) -> Iterator[Any]:
    yield from sample_payloads(file)


MAPPED = [
    AppliedMapping(load_mapping(name))
    for name in ("segment", "ga4", "shopify", "stripe", "survey", "zendesk_audits", "cloudevents")
]
TARGETS: dict[str, Callable[[bytes], None]] = {
    "csv": _file(lambda file: csv_source(file, SURVEY)),
    "jsonl": _file(lambda file: json_lines_source(file, SURVEY)),
    "json": _file(lambda file: json_source(file, SURVEY)),
    "parquet": _file(lambda file: parquet_source(file, SURVEY)),
    "xes": _file(xes_source),
    "ocel": _file(lambda file: ocel_source(file, "Invoice")),
    "singer": _file(lambda file: MessageSource(file, {"s": SURVEY})),
    "payload": _payload,
    "mapping": _mapping,
    "path": _path,
    "proposal": _proposal,
}


def main(arguments: list[str]) -> None:
    """Fuzz one target under atheris."""
    import atheris

    name = arguments.pop(1)

    def one(data: bytes) -> None:
        try:
            TARGETS[name](data)
        except JourneyMapError:
            return

    atheris.instrument_all()
    atheris.Setup(arguments, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
