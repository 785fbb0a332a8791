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

from journeymap.adapters.mapping.applying import AppliedMapping
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.reading.guarded_files import (
    bounded_lines,
    open_text,
    reporting_damage,
    shorten_row,
    unpack,
)
from journeymap.adapters.reading.text_rows import read_json_line
from journeymap.adapters.source import Batch, Claim, RejectedRow
from journeymap.adapters.sources.row_source import BatchBuilder, Row, fingerprint
from journeymap.exceptions import SourceError

__all__ = ["MessageSource"]

_BATCH = 1000  # rows: enough for speed, few enough to be read again after a failure
_PASSED = frozenset({"SCHEMA", "ACTIVATE_VERSION", "LOG", "CATALOG", "SPEC", "TRACE", "CONTROL",
                     "CONNECTION_STATUS"})  # fmt: skip


@frozen
class MessageSource:
    """The RECORD messages of a Singer tap or an Airbyte connector.

    Rows of a stream without a mapping are set aside. A connector that reports an error, or a stream
    that is not complete, ends the reading with its message, after what came before it. A stream in
    a namespace is called ``NAMESPACE.STREAM``, or by its own name where that has but one namespace.
    The cursor holds the last STATE, which the tap
    is started with the next time (``state_of``), and how many lines of a file were read.

    Attributes:
        path: A file, plain or .gz; ``-`` is standard input, which can be read but once.
        streams: A mapping for each stream.
        input: What to read for ``-`` (None: standard input).
        batch: How many rows a batch holds.
    """

    path: str | os.PathLike[str]
    streams: Mapping[str, PayloadMapping] = field(repr=lambda streams: repr(list(streams)))
    input: BinaryIO | None = field(default=None, kw_only=True, repr=False)
    batch: int = field(default=_BATCH, kw_only=True, repr=False)

    @property
    def name(self) -> str:
        """The streams, joined."""
        return "+".join(self.streams)

    @property
    def timezone(self) -> str | None:
        """The zone that all mappings name (None: they name none, or several)."""
        zones = {mapping.timezone for mapping in self.streams.values()}
        return zones.pop() if len(zones) == 1 else None

    @property
    def claims(self) -> frozenset[Claim]:
        """The abilities of the source; standard input can only be read once."""
        if self.path == "-":
            return frozenset({"sets aside"})
        return frozenset({"repeats", "resumes", "sets aside"})

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """See `Source.read`."""
        done, last, state, spaces = self._begun(cursor)
        mapped = _Streams(self.streams, spaces)
        filling = BatchBuilder(None)
        line = seen = done  # the last line that was read, and the last that was not blank
        met = ""

        def mark() -> str:
            return fingerprint((seen, {"": met})) if met else last

        for line, text in self._lines(done, last):
            message = read_json_line(text)
            if isinstance(message, str):
                if text[-1] not in "\r\n":  # it may be written still: no cursor passes it
                    filling.add(RejectedRow(line, message, shorten_row(text), unfinished=True))
                    yield filling.batch(_cursor(seen, mark(), state, mapped))
                    return
                filling.add(RejectedRow(line, message, shorten_row(text)))
            elif (failure := _failure(message)) is not None:
                if filling.rows:
                    yield filling.batch(_cursor(seen, mark(), state, mapped))
                raise SourceError(str(self.path), failure, line)
            elif message.get("type") == "STATE":
                state = _state(state, message)
            elif (row := _row(line, message, mapped)) is not None:
                filling.add(row[1], mapped.mappings.get(row[0]))
            seen, met = line, text
            if filling.rows >= self.batch:
                yield filling.batch(_cursor(line, mark(), state, mapped))
        if filling.rows or line > done:
            yield filling.batch(_cursor(line, mark(), state, mapped))

    @staticmethod
    def state_of(cursor: str) -> Any:
        """Read the last STATE of a cursor, to start the tap with.

        Args:
            cursor: The cursor of a batch.

        Returns:
            The state (None: there was none).
        """
        return json.loads(cursor)["state"]

    def _lines(self, done: int, last: str) -> Iterator[tuple[int, str]]:
        line = 0
        with self._text() as text:
            for line, found in enumerate(bounded_lines(text), 1):
                if line == done and fingerprint((line, {"": found})) != last:
                    message = "what was read before is not there any more: begin anew"
                    raise SourceError(str(self.path), message)
                if line > done and found.strip():
                    yield line, found
        if line < done:
            raise SourceError(str(self.path), f"it has {line} lines; {done} were read before")

    @contextmanager
    def _text(self) -> Iterator[io.TextIOBase]:
        if self.path != "-":
            with open_text(self.path) as file:
                yield file.text
            return
        stream: Any = self.input or sys.stdin.buffer
        with reporting_damage("standard input"):
            if not isinstance(stream, io.BufferedReader):
                stream = io.BufferedReader(stream)
            raw = unpack(stream, "standard input")
            yield io.TextIOWrapper(raw, "utf-8", errors="surrogateescape", newline="")

    def _begun(self, cursor: str | None) -> tuple[int, str, Any, dict[str, str]]:
        if cursor is None:
            return 0, "", None, {}
        try:
            data = json.loads(cursor)
            lines, last, state = data["lines"], data["last"], data["state"]
            spaces = {str(name): str(space) for name, space in data.get("spaces", {}).items()}
            fits = isinstance(lines, int) and lines >= 0
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            fits = False
        if not fits:
            raise SourceError(str(self.path), "this is no cursor of such a source")
        return (0 if self.path == "-" else lines), last, state, spaces


class _Streams:
    """The mappings of streams, and the namespace in which each plain name was met."""

    def __init__(self, streams: Mapping[str, PayloadMapping], spaces: dict[str, str]) -> None:
        self.mappings = {name: AppliedMapping(mapping) for name, mapping in streams.items()}
        self.spaces = spaces

    def find(self, stream: str, namespace: str) -> tuple[str, str]:
        """Find the name of a stream's mapping; or why there is none."""
        whole = f"{namespace}.{stream}" if namespace else stream
        if whole in self.mappings:
            return whole, ""
        if stream not in self.mappings:
            return "", f"no mapping for stream {whole[:80]!r}"
        first = self.spaces.setdefault(stream, namespace)
        if first != namespace:
            message = f"the stream {stream[:80]!r} is in the namespaces {first!r} and {namespace!r}"
            return "", f"{message}: map them as NAMESPACE.STREAM"
        return stream, ""


def _failure(message: dict[str, Any]) -> str | None:
    """Read the error that a connector reports, or that a stream is not complete."""
    trace = message.get("trace")
    if message.get("type") != "TRACE" or not isinstance(trace, dict):
        return None
    error, status = trace.get("error"), trace.get("stream_status")
    if trace.get("type") == "ERROR":
        reported = error.get("message") if isinstance(error, dict) else None
        return f"the connector failed: {str(reported or 'without a message')[:500]}"
    if isinstance(status, dict) and status.get("status") == "INCOMPLETE":
        descriptor = status.get("stream_descriptor")
        name = descriptor.get("name") if isinstance(descriptor, dict) else None
        return f"the stream {str(name)[:80]!r} is not complete"
    return None


def _row(
    line: int, message: dict[str, Any], mapped: _Streams
) -> tuple[str, Row | RejectedRow] | None:
    kind = message.get("type")
    if isinstance(kind, str) and kind in _PASSED:
        return None
    if kind != "RECORD":
        return "", RejectedRow(line, f"a message of type {str(kind)[:40]!r}", str(message)[:200])
    record = message.get("record")
    if "stream" not in message and isinstance(record, dict) and "data" in record:  # Airbyte
        stream, payload, space = record.get("stream"), record.get("data"), record.get("namespace")
    else:
        stream, payload, space = message.get("stream"), record, None
    if not isinstance(stream, str):
        reason = f"no mapping for stream {str(stream)[:80]!r}"
        return "", RejectedRow(line, reason, str(payload)[:200])
    name, reason = mapped.find(stream, space if isinstance(space, str) else "")
    if reason:
        return "", RejectedRow(line, reason, str(payload)[:200])
    if not isinstance(payload, dict):
        return "", RejectedRow(line, "a record that holds nothing", str(payload)[:200])
    return name, (line, payload)


_AIRBYTE_STATES = ("STREAM", "GLOBAL", "LEGACY")


def _state(before: Any, message: dict[str, Any]) -> Any:
    """Keep Airbyte's states of single streams together; of others, the last counts.

    In the form in which a tap is started with it: a list of messages, or what an old one holds.
    """
    state = message.get("state", message.get("value"))
    if not isinstance(state, dict) or state.get("type") not in _AIRBYTE_STATES:
        return state
    if state["type"] == "LEGACY":
        return state.get("data")
    if state["type"] == "GLOBAL":
        return [state]
    kept = before if isinstance(before, list) else []
    return [*(one for one in kept if _stream_of(one) != _stream_of(state)), state]


def _stream_of(state: Any) -> Any:
    stream = state.get("stream") if isinstance(state, dict) else None
    return stream.get("stream_descriptor") if isinstance(stream, dict) else None


def _cursor(line: int, last: str, state: Any, mapped: _Streams) -> str:
    data = {"lines": line, "last": last, "state": state}
    return json.dumps(data if not mapped.spaces else {**data, "spaces": mapped.spaces})
