"""Event logs as tools write them: XES of one line and of pairs, OCEL of both versions."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeymap.adapters.sources import ocel_source, xes_source
from journeymap.analysis import Columns, Log, Transitions, Variants
from journeymap.engines import ParquetLog
from journeymap.exceptions import ColumnsError

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def event(name: str, hour: int, transition: str | None = None, **more: str) -> str:
    values = {"concept:name": name, **more}
    if transition is not None:
        values["lifecycle:transition"] = transition
    text = "".join(f'<string key="{key}" value="{value}"/>' for key, value in values.items())
    at = (T0 + timedelta(hours=hour)).isoformat()
    return f'<event>{text}<date key="time:timestamp" value="{at}"/></event>'


def trace(name: str | None, *events: str) -> str:
    named = "" if name is None else f'<string key="concept:name" value="{name}"/>'
    return f"<trace>{named}{''.join(events)}</trace>"


def write(folder: Path, *traces: str) -> Path:
    file = folder / "log.xes"
    file.write_text(f"<log>{''.join(traces)}</log>")
    return file


def test_duplicates_on_one_line_are_seen(tmp_path: Path) -> None:
    same = event("a", 1, **{"identity:id": "e1"})
    file = write(tmp_path, trace("c", same, same, event("b", 2, **{"identity:id": "e2"})))
    for log in (Log.from_source(xes_source(file)), Log.read(file, Columns(id="identity:id"))):
        assert (log.interactions, len(log.rejected)) == (2, 1)
        assert log.rejected[0].reason == "a duplicate: the same id as line 1"


def test_start_and_completion_are_one_interaction(tmp_path: Path) -> None:
    file = write(tmp_path, trace(
        "c", event("a", 0, "start"), event("b", 1, "START"), event("a", 2, "complete"),
        event("b", 3, "complete"), event("c", 4, "complete"), event("d", 5, "start"),
        event("a", 6, "start"), event("a", 7, "complete"),
    ))  # fmt: skip
    for log in (Log.from_source(xes_source(file)), Log.read(file)):
        found = [(one.touchpoint, one.at, one.duration) for one in log.history("c")]
        assert found == [
            ("a", T0, timedelta(hours=2)), ("b", T0 + timedelta(hours=1), timedelta(hours=2)),
            ("c", T0 + timedelta(hours=4), None), ("d", T0 + timedelta(hours=5), None),
            ("a", T0 + timedelta(hours=6), timedelta(hours=1)),
        ]  # fmt: skip
    waits = {(row.source, row.target): row.wait_mean for row in log.ask(Transitions())}
    assert waits["a", "b"] == 0  # they overlap
    assert waits["b", "c"] == 3600


def test_traces_without_names_are_told_apart(tmp_path: Path) -> None:
    file = write(tmp_path, trace(None, event("a", 1)), trace("x", event("a", 2)),
                 trace(None, event("a", 3)))  # fmt: skip
    log = Log.read(file)
    assert set(log.customer_ids) == {"trace 1", "x", "trace 3"}


def test_events_without_a_time_are_set_aside_by_both_readers(tmp_path: Path) -> None:
    untimed = '<event><string key="concept:name" value="a"/></event>'
    file = write(tmp_path, trace("c", untimed, event("b", 1)))
    for log in (Log.read(file), Log.from_source(xes_source(file))):
        assert (log.interactions, [one.reason for one in log.rejected]) == (1, ["no time"])


def test_columns_are_named_beside_the_standard_ones(tmp_path: Path) -> None:
    file = write(tmp_path, trace("c", event("a", 1, **{"org:group": "care"})))
    log = Log.read(file, Columns(department="org:group"))
    assert log.history("c")[0].department == "care"


# -- OCEL 1.0


EVENTS = [("e1", "place", 1, ["o1"]), ("e2", "pack", 2, ["o1", "i1"]), ("e3", "send", 2, ["o1"]),
          ("e4", "place", 2, ["o2"])]  # fmt: skip
OBJECTS = {"o1": "order", "o2": "order", "i1": "item"}


def at(hour: int) -> str:
    return (T0 + timedelta(hours=hour)).isoformat()


def old_json(file: Path) -> None:
    file.write_text(json.dumps({
        "ocel:global-log": {"ocel:version": "1.0"},
        "ocel:events": {
            name: {"ocel:activity": what, "ocel:timestamp": at(hour), "ocel:omap": tied,
                   "ocel:vmap": {"cost": 5}}
            for name, what, hour, tied in EVENTS
        },
        "ocel:objects": {name: {"ocel:type": kind, "ocel:ovmap": {}}
                         for name, kind in OBJECTS.items()},
    }))  # fmt: skip


def old_xml(file: Path) -> None:
    events = "".join(
        f'<event><string key="id" value="{name}"/><string key="activity" value="{what}"/>'
        f'<date key="timestamp" value="{at(hour)}"/><list key="omap">'
        + "".join(f'<string key="object-id" value="{one}"/>' for one in tied)
        + '</list><list key="vmap"><float key="cost" value="5"/></list></event>'
        for name, what, hour, tied in EVENTS
    )
    objects = "".join(
        f'<object><string key="id" value="{name}"/><string key="type" value="{kind}"/>'
        '<list key="ovmap"/></object>' for name, kind in OBJECTS.items()
    )  # fmt: skip
    file.write_text(f"<log><events>{events}</events><objects>{objects}</objects></log>")


def old_sqlite(file: Path) -> None:
    with sqlite3.connect(file) as base:
        base.execute('CREATE TABLE EVENTS ("ocel:eid", "ocel:activity", "ocel:timestamp", cost)')
        base.execute('CREATE TABLE OBJECTS ("ocel:oid", "ocel:type")')
        base.execute('CREATE TABLE RELATIONS ("ocel:eid", "ocel:oid")')
        for name, what, hour, tied in EVENTS:
            base.execute("INSERT INTO EVENTS VALUES (?, ?, ?, 5)", (name, what, at(hour)))
            base.executemany("INSERT INTO RELATIONS VALUES (?, ?)", [(name, one) for one in tied])
        base.executemany("INSERT INTO OBJECTS VALUES (?, ?)", OBJECTS.items())
    base.close()


def new_sqlite(file: Path) -> None:
    """OCEL 2.0, with the types in another order than their events."""
    with sqlite3.connect(file) as base:
        base.execute("CREATE TABLE event (ocel_id, ocel_type)")
        base.execute("CREATE TABLE object (ocel_id, ocel_type)")
        base.execute("CREATE TABLE event_map_type (ocel_type, ocel_type_map)")
        base.execute("CREATE TABLE event_object (ocel_event_id, ocel_object_id, ocel_qualifier)")
        base.execute("CREATE TABLE object_object (ocel_source_id, ocel_target_id)")
        for kind in ("send", "pack", "place"):
            base.execute(f"CREATE TABLE event_{kind} (ocel_id, ocel_time, cost)")
            base.execute("INSERT INTO event_map_type VALUES (?, ?)", (kind, kind))
        for name, what, hour, tied in EVENTS:
            base.execute("INSERT INTO event VALUES (?, ?)", (name, what))
            base.execute(f"INSERT INTO event_{what} VALUES (?, ?, 5)", (name, at(hour)))  # noqa: S608
            rows = [(name, one) for one in tied]
            base.executemany("INSERT INTO event_object VALUES (?, ?, '')", rows)
        base.executemany("INSERT INTO object VALUES (?, ?)", OBJECTS.items())
    base.close()


@pytest.mark.parametrize("made", [old_json, old_xml, old_sqlite, new_sqlite])
def test_ocel_is_read_in_the_order_of_the_log(made: Any, tmp_path: Path) -> None:
    file = tmp_path / "log"
    made(file)
    log = Log.from_source(ocel_source(file, "order"))
    assert {row.path: row.count for row in log.ask(Variants())} == {
        ("place", "pack", "send"): 1, ("place",): 1,
    }  # fmt: skip
    items = Log.from_source(ocel_source(file, "item"))
    assert (items.interactions, len(items.rejected)) == (1, 3)


# -- folders that grew


def test_older_files_may_lack_a_column(tmp_path: Path) -> None:
    old = pl.DataFrame({"customer": ["a"], "touchpoint": ["x"], "at": [1]})
    old.write_parquet(tmp_path / "1.parquet")
    old.with_columns(channel=pl.lit("web"), at=pl.lit(2)).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(ColumnsError, match="did you mean 'channel'"):
        ParquetLog.read(
            tmp_path, Columns(at_unit="s", channel="chanel"), into=tmp_path.parent / "other"
        )
    log = ParquetLog.read(tmp_path, Columns(at_unit="s", channel="channel"))
    assert {row.path for row in log.ask(Variants("channel"))} == {("web",)}
    assert log.interactions == 2
