"""XES event logs (IEEE 1849), plain or .gz: an event a row, its trace's attributes beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial

from journeymap.adapters.mapping.mapping import PayloadMapping, RecordRule
from journeymap.adapters.reading.xml_events import read_xml_events
from journeymap.adapters.source import RejectedRow
from journeymap.adapters.sources.row_source import Row, RowSource
from journeymap.exceptions import SourceError

__all__ = ["XES", "read_xes_rows", "xes_source"]

XES = PayloadMapping(
    "xes",
    [
        RecordRule(
            "$.time:timestamp",
            {"case": "$.case:concept:name"},
            "$.concept:name",
            department=["$.org:group", "$.org:role"],
            id="$.identity:id",
            end="$.time:end",
            extra={"resource": "$.org:resource", "transition": "$.lifecycle:transition"},
        )
    ],
    about="The standard extensions: concept, time, organizational, lifecycle, identity",
)
_VALUES = frozenset({"string", "date", "int", "float", "boolean", "id"})
_NESTS = _VALUES | {"list", "container", "values"}
_MAX_HELD = 10_000  # events of a trace held back until its attributes are read
_KEYS = re.compile(r"'([^']+)'|\"([^\"]+)\"|(\S+)")


def xes_source(path: str | os.PathLike[str], mapping: PayloadMapping = XES) -> RowSource:
    """Make a source of an XES log: each trace is a customer's, unless the mapping has it otherwise.

    Rows hold ``case:KEY`` (of the trace) and ``KEY`` (of the event), values of nested attributes as
    ``KEY/INNER``, and ``classifier:NAME`` for each classifier of the log. A trace without a name is
    called after its place. The start of an activity and its completion in the same trace are one
    row, from ``time:timestamp`` to ``time:end``.

    Args:
        path: The file, plain or .gz.
        mapping: The mapping of the rows.

    Returns:
        The source.
    """
    return RowSource(str(path), partial(read_xes_rows, path), mapping)


def read_xes_rows(path: str | os.PathLike[str]) -> Iterator[Row | RejectedRow]:
    """Read the events of an XES log as rows."""
    return _XesReader(str(path)).rows(path)


class _XesReader:
    """Where in the log the reading stands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.classifiers: dict[str, list[str]] = {}
        self.trace: dict[str, str] | None = None
        self.event: dict[str, str] | None = None
        self.held: list[tuple[int, dict[str, str]]] = []
        self.keys: list[str] = []  # of the attributes that are open
        self.aside = 0  # depth within what is no trace: extensions, globals
        self.line = 0
        self.flushed = False
        self.traces = 0

    def rows(self, path: str | os.PathLike[str]) -> Iterator[Row | RejectedRow]:
        first = True
        for kind, tag, attributes, line in read_xml_events(path):
            if first and tag != "log":
                raise SourceError(self.name, f"an XES log begins with <log>, not <{tag}>", line)
            first = False
            if kind == "start":
                rejected = self.start(tag, attributes, line)
                if rejected is not None:
                    yield rejected
            elif kind == "end":
                yield from self.end(tag)

    def start(self, tag: str, attributes: dict[str, str], line: int) -> RejectedRow | None:
        if self.aside or tag in ("extension", "global", "classifier"):
            self.aside += 1
            if tag == "classifier" and self.aside == 1:
                keys = [a or b or c for a, b, c in _KEYS.findall(attributes.get("keys", ""))]
                self.classifiers[attributes.get("name", "")] = keys
        elif tag == "trace":
            self.trace, self.held, self.flushed = {}, [], False
            self.traces += 1
        elif tag == "event":
            self.event, self.line = {}, line
        elif tag in _NESTS:
            return self.attribute(tag, attributes, line)
        return None

    def attribute(self, tag: str, attributes: dict[str, str], line: int) -> RejectedRow | None:
        self.keys.append(attributes.get("key", "") if tag != "values" else "")
        key = "/".join(key for key in self.keys if key)
        value = attributes.get("value")
        if tag not in _VALUES or value is None:
            return None
        if self.event is not None:
            self.event[key] = value
        elif self.trace is not None:
            if self.flushed:
                reason = (
                    f"attribute {key!r} of a trace comes after more than {_MAX_HELD} of its events"
                )
                return RejectedRow(line, reason, value[:200])
            self.trace[f"case:{key}"] = value
        return None

    def end(self, tag: str) -> Iterator[Row | RejectedRow]:
        if self.aside:
            self.aside -= 1
        elif tag == "event" and self.event is not None:
            event, self.event = self.event, None
            for name, keys in self.classifiers.items():
                if all(key in event for key in keys):
                    event[f"classifier:{name}"] = "+".join(event[key] for key in keys)
            if self.trace is None:
                yield RejectedRow(self.line, "an event outside of any trace", str(event)[:200])
                return
            self.held.append((self.line, event))
            if len(self.held) >= _MAX_HELD:
                yield from self.whole()
                self.flushed = True
        elif tag == "trace" and self.trace is not None:
            yield from self.whole()
            self.trace = None
        elif tag in _NESTS and self.keys:
            self.keys.pop()

    def whole(self) -> Iterator[Row]:
        """Give the events that are held, with the attributes of their trace."""
        trace = dict(self.trace or {})
        trace.setdefault("case:concept:name", f"trace {self.traces}")
        for line, event in _join_pairs(self.held):
            yield line, {**trace, "time:timestamp": "", "time:end": "", **event}
        self.held = []


def _join_pairs(events: list[tuple[int, dict[str, str]]]) -> list[tuple[int, dict[str, str]]]:
    """Join the start of each activity with its completion, the first with the first."""
    made: list[tuple[int, dict[str, str]]] = []
    open_: dict[tuple[str | None, str | None], list[int]] = {}
    for line, event in events:
        key = event.get("concept:name"), event.get("concept:instance")
        what = event.get("lifecycle:transition", "").lower()
        begun = open_.get(key)
        if what == "complete" and begun:
            place = begun.pop(0)
            start = made[place][1]
            end = event.get("time:timestamp", "")
            begin = start.get("time:timestamp", "")
            joined = {**start, **event, "time:timestamp": begin, "time:end": end}
            made[place] = (made[place][0], joined)
            continue
        if what == "start":
            open_.setdefault(key, []).append(len(made))
        made.append((line, event))
    return made
