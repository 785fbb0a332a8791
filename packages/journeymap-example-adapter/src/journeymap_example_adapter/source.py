"""A source: notes of phone calls, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from journeymap.adapters.mapping import PayloadMapping, RecordRule
from journeymap.adapters.source import RejectedRow, Source
from journeymap.adapters.sources import Row, RowSource
from journeymap.exceptions import SourceError

__all__ = ["CallNotes"]

NOTES = PayloadMapping(
    "callnotes",
    [RecordRule("$.at", {"phone": "$.phone"}, "$.what", outcome="$.outcome", channel="phone")],
)


def CallNotes(path: str) -> Source:  # noqa: N802  # it is looked up like a class
    """Read the notes in a file: ``2026-03-01T09:00Z | +49 151 555 | asked for help | failed``."""
    return RowSource(path, lambda: _rows(Path(path)), NOTES)


def _rows(path: Path) -> Iterator[Row | RejectedRow]:
    try:
        with path.open(encoding="utf-8", errors="backslashreplace") as file:
            for line, text in enumerate(file, 1):
                fields = [field.strip() for field in text.rstrip("\n").split("|")]
                if len(fields) == 4:
                    yield line, dict(zip(("at", "phone", "what", "outcome"), fields, strict=True))
                else:
                    yield RejectedRow(
                        line, f"{len(fields)} fields where there should be 4", text[:200]
                    )
    except OSError as error:
        raise SourceError(str(path), str(error)) from None
