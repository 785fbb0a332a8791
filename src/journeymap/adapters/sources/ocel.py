"""OCEL 2.0 and 1.0, as SQLite, JSON or XML: events of many objects, read along one type."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from functools import partial
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field

from journeymap.adapters.mapping.mapping import PayloadMapping, RecordRule
from journeymap.adapters.reading.guarded_files import reporting_damage, unpack
from journeymap.adapters.reading.xml_events import read_xml_events
from journeymap.adapters.source import RejectedRow
from journeymap.adapters.sources.row_source import Row, RowSource
from journeymap.exceptions import SourceError, UnknownName, require

__all__ = ["OCEL", "ocel_source", "read_ocel_rows"]

OCEL = PayloadMapping(
    "ocel",
    [RecordRule("$.time", {"object": "$.object"}, "$.activity", id="$.row")],
    about="An object of the chosen type is the customer",
    timezone="UTC",
)
_GONE = "\x00gone"
MAX_VALUE_BYTES = 64_000_000  # bytes without a whole token of JSON: one gigantic value
MAX_TEXT_CHARACTERS = 1_000_000  # of one text in XML, for which nothing longer is known


@define
class _Event:
    """An event: its id, type, time, attributes, and the objects it is about."""

    id: str
    kind: str
    time: Any
    attributes: dict[str, Any] = field(factory=dict)
    objects: list[tuple[str, str]] = field(factory=list)
    line: int = 0


class _Reader(Protocol):
    """One format: its objects by id with their type, which is tied to which, its events."""

    def objects(self) -> tuple[dict[str, str], dict[str, list[str]]]: ...

    def events(self) -> Iterator[_Event]: ...


def ocel_source(
    path: str | os.PathLike[str],
    customer: str,
    mapping: PayloadMapping = OCEL,
    *,
    follow: bool = False,
) -> RowSource:
    """Make a source of an OCEL log, 2.0 or 1.0, along the objects of one type.

    Rows hold ``event`` and ``object`` (their ids), ``activity``, ``time``, ``qualifier``, and the
    event's attributes by name. An event of several such objects is a row for each. Events of no
    such object, and relations to objects that are not there, are set aside. The ids of all objects
    are held in memory.

    Args:
        path: The file: SQLite, JSON or XML.
        customer: The type of object that is the customer.
        mapping: The mapping of the rows.
        follow: Whether an event of no such object counts for those that its own objects are related
            to.

    Returns:
        The source; reading it raises UnknownName for a type that the log does not have.
    """
    return RowSource(str(path), partial(read_ocel_rows, path, customer, follow=follow), mapping)


def read_ocel_rows(
    path: str | os.PathLike[str], customer: str, *, follow: bool = False
) -> Iterator[Row | RejectedRow]:
    """Read the rows of an OCEL log along the objects of one type."""
    reading = _open_reader(Path(path))
    kinds, ties = reading.objects()
    for one, tied in [(one, tuple(tied)) for one, tied in ties.items()] if follow else ():
        for other in tied:
            ties.setdefault(other, []).append(one)
    if customer not in kinds.values():
        raise UnknownName("type of object", customer, tuple(sorted(set(kinds.values()))))
    line = 0
    for event in reading.events():
        if event.kind == _GONE:
            line += 1
            yield RejectedRow(
                line, "an object is tied to an event that is not there", event.id[:200]
            )
            continue
        mine: dict[str, str] = {}
        for id_, how in event.objects:  # tied twice to one object, it still happened once
            if kinds.get(id_) == customer:
                mine.setdefault(id_, how)
        found = list(mine.items())
        if not found and follow:
            others = dict.fromkeys(
                other for id_, _ in event.objects for other in ties.get(id_, ())
                if kinds.get(other) == customer
            )  # fmt: skip
            found = [(other, "") for other in others]
        lost = list(dict.fromkeys(id_ for id_, _ in event.objects if id_ not in kinds))
        for id_ in lost:
            line += 1
            yield RejectedRow(line, "an event is tied to an object that is not there",
                         f"{event.id} → {id_}"[:200])  # fmt: skip
        if not found and not lost:
            line += 1
            yield RejectedRow(line, f"an event of no {customer}", event.id[:200])
        for id_, how in found:
            line += 1
            yield line, {
                **event.attributes, "event": event.id, "row": f"{event.id} {id_}",
                "activity": event.kind, "time": event.time, "object": id_, "qualifier": how,
            }  # fmt: skip


def _open_reader(path: Path) -> _Reader:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    with path.open("rb") as raw, reporting_damage(str(path)):
        start = unpack(raw, str(path)).read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"SQLite format 3"):
        found = _Sqlite(path)
        return _OldSqlite(path) if found.is_old else found
    if start.startswith(b"<"):
        return _OldXml(path) if _is_old_xml(path) else _Xml(path)
    if start.startswith(b"{"):
        return _Json(path)
    raise SourceError(str(path), "an OCEL log is SQLite, JSON or XML; this is none of them")


class _Xml:
    def __init__(self, path: Path) -> None:
        self.path = path

    def objects(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        kinds: dict[str, str] = {}
        ties: dict[str, list[str]] = {}
        here = None
        within: list[str] = []
        for kind, tag, attributes, _ in read_xml_events(self.path):
            if kind == "start":
                if tag == "object" and within[-1:] == ["objects"] and len(within) == 2:
                    here = attributes.get("id", "")
                    kinds[here] = attributes.get("type", "")
                elif tag in ("relationship", "relobj") and here is not None:
                    ties.setdefault(here, []).append(attributes.get("object-id", ""))
                within.append(tag)
            elif kind == "end":
                within.pop()
                if tag == "object" and len(within) == 2:
                    here = None
        return kinds, ties

    def events(self) -> Iterator[_Event]:
        event: _Event | None = None
        name: str | None = None
        for kind, tag, given, line in read_xml_events(self.path):
            if kind == "start" and tag == "event":
                event = _Event(given.get("id", ""), given.get("type", ""), given.get("time"))
                event.line = line
            elif event is None:
                continue
            elif kind == "start" and tag == "attribute":
                name = given.get("name", "")
            elif kind == "start" and tag in ("relationship", "relobj", "object"):
                tied = given.get("object-id", "")
                event.objects.append((tied, given.get("qualifier", "")))
            elif kind == "text" and name is not None:
                before = event.attributes.get(name, "")
                if len(before) < MAX_TEXT_CHARACTERS:
                    event.attributes[name] = before + tag
            elif kind == "end" and tag == "attribute":
                name = None
            elif kind == "end" and tag == "event":
                yield event
                event = None


def _is_old_xml(path: Path) -> bool:
    """Check for OCEL 1.0, which writes what an event is in elements and not in attributes."""
    for kind, tag, attributes, _ in read_xml_events(path):
        if kind == "start" and tag in ("event", "object"):
            return "id" not in attributes
    return False


class _OldXml:
    """OCEL 1.0: ``<event><string key="id" value="e1"/>…<list key="omap">…</event>``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def objects(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        found = self._elements("object")
        return {one.id: str(one.attributes.get("type", "")) for one in found}, {}

    def events(self) -> Iterator[_Event]:
        for one in self._elements("event"):
            one.kind = str(one.attributes.pop("activity", ""))
            one.time = one.attributes.pop("timestamp", None)
            yield one

    def _elements(self, wanted: str) -> Iterator[_Event]:
        """Read the events, or the objects: id, values, and the objects tied to it."""
        here: _Event | None = None
        lists: list[str] = []
        for kind, tag, given, line in read_xml_events(self.path):
            if kind == "start" and tag == wanted:
                here = _Event("", "", None, line=line)
            elif here is None:
                continue
            elif tag == "list":
                lists = [*lists, given.get("key", "")] if kind == "start" else lists[:-1]
            elif kind == "end" and tag == wanted:
                yield here
                here = None
            elif kind == "start" and "value" in given:
                key, value = given.get("key", ""), given["value"]
                if lists[-1:] == ["omap"]:
                    here.objects.append((value, ""))
                elif key == "id" and not lists:
                    here.id = value
                else:
                    here.attributes[key] = value


class _BoundedFile:
    """A file whose reading is stopped when one thing in it takes too much."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self._name, self.silent = stream, name, 0

    def read(self, size: int = -1) -> bytes:
        self.silent += max(size, 0)
        if self.silent > MAX_VALUE_BYTES:
            raise SourceError(self._name, "a single value of many megabytes")
        data: bytes = self._stream.read(size)
        return data


class _Json:
    def __init__(self, path: Path) -> None:
        require("ocel", "ijson")
        self.path = path

    def objects(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        kinds: dict[str, str] = {}
        ties: dict[str, list[str]] = {}
        for id_, one in self._members("ocel:objects"):
            kinds[id_] = str(one.get("ocel:type"))
        for one in self._items("objects"):
            id_ = str(one.get("id"))
            kinds[id_] = str(one.get("type"))
            tied = [str(other.get("objectId")) for other in _mappings(one.get("relationships"))]
            if tied:
                ties[id_] = tied
        return kinds, ties

    def events(self) -> Iterator[_Event]:
        for id_, one in self._members("ocel:events"):
            values, tied = one.get("ocel:vmap"), one.get("ocel:omap")
            yield _Event(id_, str(one.get("ocel:activity")), one.get("ocel:timestamp"),
                         values if isinstance(values, dict) else {},
                         [(str(other), "") for other in tied] if isinstance(tied, list) else [],
                         )  # fmt: skip
        for one in self._items("events"):
            attributes = {
                str(a.get("name")): a.get("value") for a in _mappings(one.get("attributes"))
            }
            tied = [
                (str(other.get("objectId")), str(other.get("qualifier", "")))
                for other in _mappings(one.get("relationships"))
            ]
            yield _Event(str(one.get("id")), str(one.get("type")), one.get("time"),
                         attributes, tied)  # fmt: skip

    def _items(self, name: str) -> Iterator[dict[str, Any]]:
        """Read the mappings of a list."""
        for _, one in self._values(f"{name}.item", None):
            yield one

    def _members(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read the mappings of a mapping, each with its key."""
        yield from self._values(None, name)

    def _values(self, item: str | None, within: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read the mappings at a prefix, or those within one."""
        import ijson

        with self.path.open("rb") as raw, reporting_damage(str(self.path)):
            stream = unpack(raw, str(self.path))
            if stream.peek(3)[:3] == b"\xef\xbb\xbf":
                stream.read(3)
            counted = _BoundedFile(stream, str(self.path))
            builder: Any = None
            depth, key = 0, ""
            try:
                for prefix, event, value in ijson.parse(counted, use_float=True):
                    counted.silent = 0
                    if builder is None:
                        if event == "map_key" and prefix == within:
                            key = str(value)
                        wanted = item if within is None else f"{within}.{key}"
                        if prefix != wanted or event != "start_map":
                            continue
                        builder = ijson.ObjectBuilder()
                    builder.event(event, value)
                    depth += event in ("start_map", "start_array")
                    depth -= event in ("end_map", "end_array")
                    if not depth:
                        yield key, builder.value
                        builder = None
            except (ijson.JSONError, ValueError, RecursionError) as error:
                if isinstance(error, SourceError):
                    raise
                message = f"not JSON: {str(error)[:200]}"
                raise SourceError(str(self.path), message) from None


def _mappings(given: Any) -> list[dict[str, Any]]:
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_old(self) -> bool:
        """True of OCEL 1.0, whose tables are EVENTS, OBJECTS and RELATIONS."""
        named = "SELECT count(*) FROM sqlite_master WHERE upper(name) IN ('EVENTS', 'RELATIONS')"
        [(count,)] = self._rows(named)
        return bool(count == 2)

    def objects(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        kinds = {str(id_): str(kind) for id_, kind in self._rows(
            "SELECT ocel_id, ocel_type FROM object")}  # fmt: skip
        ties: dict[str, list[str]] = {}
        for one, other in self._rows("SELECT ocel_source_id, ocel_target_id FROM object_object"):
            ties.setdefault(str(one), []).append(str(other))
        return kinds, ties

    def events(self) -> Iterator[_Event]:
        lost = (
            "SELECT r.ocel_event_id, r.ocel_object_id FROM event_object r"
            " LEFT JOIN event e ON e.ocel_id = r.ocel_event_id WHERE e.ocel_id IS NULL"
        )
        for id_, tied in self._rows(lost):
            yield _Event(str(id_), _GONE, None, {}, [(str(tied), "")])
        tables = list(self._rows("SELECT ocel_type, ocel_type_map FROM event_map_type"))
        queries = []
        for kind, table in tables:
            quoted = '"event_' + str(table).replace('"', '""') + '"'
            query = (
                f"SELECT g.rowid AS ocel_place, e.*, r.ocel_object_id, r.ocel_qualifier"  # noqa: S608
                f" FROM {quoted} e LEFT JOIN event g ON g.ocel_id = e.ocel_id"
                " LEFT JOIN event_object r ON r.ocel_event_id = e.ocel_id"
                " ORDER BY g.rowid, e.ocel_id, r.rowid"
            )
            queries.append(self._events_of(str(kind), query))
        # In the order of the log, which has a table for each type.
        for _, event in merge(*queries, key=itemgetter(0)):
            yield event

    def _events_of(self, kind: str, query: str) -> Iterator[tuple[int, _Event]]:
        event: _Event | None = None
        place = 0
        for row in self._rows(query, named=True):
            values = dict(row)
            here = values.pop("ocel_place", None)
            id_, tied = str(values.pop("ocel_id", "")), values.pop("ocel_object_id", None)
            how = str(values.pop("ocel_qualifier", None) or "")
            if event is None or event.id != id_:
                if event is not None:
                    yield place, event
                place = 0 if here is None else int(here)
                event = _Event(id_, kind, values.pop("ocel_time", None), values)
            if tied is not None:
                event.objects.append((str(tied), how))
        if event is not None:
            yield place, event

    def _rows(self, query: str, *, named: bool = False) -> Iterator[Any]:
        try:
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise SourceError(str(self.path), str(error)) from None
        try:
            views = "SELECT count(*) FROM sqlite_master WHERE type <> 'table' AND type <> 'index'"
            if connection.execute(views).fetchone()[0]:
                message = "a database with views or triggers is refused: they could run on for ever"
                raise SourceError(str(self.path), message)
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            if named:
                connection.row_factory = sqlite3.Row
            yield from connection.execute(query)
        except sqlite3.Error as error:
            raise SourceError(str(self.path), f"not an OCEL 2.0 database: {error}") from None
        finally:
            connection.close()


class _OldSqlite(_Sqlite):
    """OCEL 1.0, as it is written to databases: EVENTS, OBJECTS and RELATIONS."""

    def objects(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        rows = self._rows('SELECT "ocel:oid", "ocel:type" FROM OBJECTS')
        return {str(id_): str(kind) for id_, kind in rows}, {}

    def events(self) -> Iterator[_Event]:
        query = (
            'SELECT e.*, r."ocel:oid" AS ocel_object_id FROM EVENTS e'
            ' LEFT JOIN RELATIONS r ON r."ocel:eid" = e."ocel:eid" ORDER BY e.rowid, r.rowid'
        )
        event: _Event | None = None
        for row in self._rows(query, named=True):
            values = dict(row)
            id_, tied = str(values.pop("ocel:eid", "")), values.pop("ocel_object_id", None)
            if event is None or event.id != id_:
                if event is not None:
                    yield event
                kind = str(values.pop("ocel:activity", ""))
                event = _Event(id_, kind, values.pop("ocel:timestamp", None), values)
            if tied is not None:
                event.objects.append((str(tied), ""))
        if event is not None:
            yield event
