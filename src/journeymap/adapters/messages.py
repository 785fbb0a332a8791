"""Singer and Airbyte messages: what taps and connectors write, from a file or standard input."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from attrs import field, frozen

from journeymap.adapters.mapped import Mapped
from journeymap.adapters.mapping import PayloadMapping
from journeymap.adapters.row_source import Row, mapped_batch
from journeymap.adapters.sourcing import Batch, Broken, Claim
from journeymap.adapters.streams import bounded, damaged, fingerprint, opened, unpacked
from journeymap.adapters.text_rows import held, json_line
from journeymap.exceptions import SourceError

__all__ = ["MessageSource"]

_BATCH = 1000
_PASSED = frozenset({"SCHEMA", "ACTIVATE_VERSION", "LOG", "CATALOG", "SPEC", "TRACE", "CONTROL",
                     "CONNECTION_STATUS", "BATCH"})  # fmt: skip


@frozen
class MessageSource:
    """The RECORD messages of a Singer tap or an Airbyte connector, one mapping for each stream.

    ``path`` is a file, plain or .gz; ``-`` is standard input, which can be read but once. Rows of
    a stream without a mapping are set aside. The cursor holds the last STATE, which the tap is
    started with the next time (``state_of``), and how many lines were read, where it is a file.
    """

    path: str | os.PathLike[str]
    streams: Mapping[str, PayloadMapping] = field(repr=lambda streams: repr(list(streams)))
    input: BinaryIO | None = field(default=None, kw_only=True, repr=False)
    batch: int = field(default=_BATCH, kw_only=True, repr=False)

    @property
    def name(self) -> str:
        """The streams that it reads."""
        return "+".join(self.streams)

    @property
    def claims(self) -> frozenset[Claim]:
        """What it can do: of standard input, only what is read once."""
        if self.path == "-":
            return frozenset({"sets aside"})
        return frozenset({"repeats", "resumes", "sets aside"})

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """The records after a cursor; see `Source`."""
        mark = "" if self.path == "-" else fingerprint(self.path)
        done, state = self._begun(cursor, mark)
        mapped = {stream: Mapped(mapping) for stream, mapping in self.streams.items()}
        piece: list[tuple[str, Row | Broken]] = []
        line = 0
        for line, message in self._messages(done):
            if isinstance(message, Broken):
                piece.append(("", message))
            elif message.get("type") == "STATE":
                state = message.get("state", message.get("value"))
            elif (row := _row(line, message, mapped)) is not None:
                piece.append(row)
            if len(piece) >= self.batch:
                yield _batch(piece, mapped, _cursor(line, mark, state))
                piece = []
        if piece or line > done:
            yield _batch(piece, mapped, _cursor(line, mark, state))

    @staticmethod
    def state_of(cursor: str) -> Any:
        """The last STATE that a cursor holds, to start the tap with (None: there was none)."""
        return json.loads(cursor)["state"]

    def _messages(self, done: int) -> Iterator[tuple[int, dict[str, Any] | Broken]]:
        line = 0
        with self._text() as text:
            for line, found in enumerate(bounded(text), 1):
                if line <= done or not found.strip():
                    continue
                message = json_line(found)
                if isinstance(message, str):
                    yield line, Broken(line, message, held(found))
                else:
                    yield line, message
        if line < done:
            raise SourceError(str(self.path), f"it has {line} lines; {done} were read before")

    @contextmanager
    def _text(self) -> Iterator[io.TextIOBase]:
        if self.path != "-":
            with opened(self.path) as file:
                yield file.text
            return
        stream: Any = self.input or sys.stdin.buffer
        with damaged("standard input"):
            if not isinstance(stream, io.BufferedReader):
                stream = io.BufferedReader(stream)
            raw = unpacked(stream, "standard input")
            yield io.TextIOWrapper(raw, "utf-8", errors="surrogateescape", newline="")

    def _begun(self, cursor: str | None, mark: str) -> tuple[int, Any]:
        if cursor is None:
            return 0, None
        try:
            told = json.loads(cursor)
            lines, state, marked = int(told["lines"]), told["state"], told["mark"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise SourceError(str(self.path), "this is no cursor of such a source") from None
        if marked != mark:
            raise SourceError(str(self.path), "this cursor is of something else")
        return (0 if self.path == "-" else lines), state


def _row(
    line: int, message: dict[str, Any], mapped: Mapping[str, Mapped]
) -> tuple[str, Row | Broken] | None:
    kind = message.get("type")
    if isinstance(kind, str) and kind in _PASSED:
        return None
    if kind != "RECORD":
        return "", Broken(line, f"a message of type {str(kind)[:40]!r}", str(message)[:200])
    record = message.get("record")
    if isinstance(record, dict) and "stream" in record and "data" in record:  # Airbyte
        stream, payload = record.get("stream"), record.get("data")
    else:
        stream, payload = message.get("stream"), record
    if not isinstance(stream, str) or stream not in mapped:
        return "", Broken(line, f"no mapping for stream {str(stream)[:80]!r}", str(payload)[:200])
    if not isinstance(payload, dict):
        return "", Broken(line, "a record that holds nothing", str(payload)[:200])
    return stream, (line, payload)


def _batch(
    piece: list[tuple[str, Row | Broken]], mapped: Mapping[str, Mapped], cursor: str
) -> Batch:
    parts = [mapped_batch([row], mapped.get(stream), cursor) for stream, row in piece]
    return Batch(
        tuple(record for part in parts for record in part.records),
        tuple(broken for part in parts for broken in part.broken),
        len(piece),
        cursor,
    )


def _cursor(line: int, mark: str, state: Any) -> str:
    return json.dumps({"lines": line, "mark": mark, "state": state})
