"""Columns that are guessed by their names, in every reader and engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeymap.analysis import Columns, Log, Transitions
from journeymap.engines import ParquetLog
from journeymap.exceptions import ColumnsError

EXPORTS = {
    "mixpanel": ("distinct_id", "event", "time"),
    "amplitude": ("user_id", "event_type", "event_time"),
    "segment": ("userId", "event", "timestamp"),
    "analytics": ("user_pseudo_id", "event_name", "event_timestamp"),
    "snowplow": ("domain_userid", "event_name", "collector_tstamp"),
    "celonis": ("_CASE_KEY", "ACTIVITY_EN", "EVENTTIME"),
    "disco": ("Case ID", "Activity", "Complete Timestamp"),
    "xes": ("case:concept:name", "concept:name", "time:timestamp"),
}
ROWS = [("ada", "order", "2026-03-01T09:00:00Z"), ("ada", "pay", "2026-03-01T10:00:00Z")]


@pytest.mark.parametrize("export", EXPORTS)
def test_known_exports_need_no_columns(export: str, tmp_path: Path) -> None:
    names = EXPORTS[export]
    frame = pl.DataFrame(
        {name: [row[place] for row in ROWS] for place, name in enumerate(names)}
    )  # fmt: skip
    frame = frame.with_columns(pl.lit("web").alias("platform"))
    frame.write_csv(tmp_path / "a.csv")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_parquet(tmp_path / "a.parquet")
    expected = Log.from_frame(frame, Columns(customer=names[0], touchpoint=names[1], at=names[2]))
    logs: list[Any] = [Log.read(tmp_path / f"a.{kind}") for kind in ("csv", "jsonl", "parquet")]
    logs += [Log.from_frame(frame), Log.from_frame(frame.to_dict(as_series=False))]
    for log in logs:
        assert log.ask(Transitions()) == expected.ask(Transitions())
        guessed = {role: name for role, name in log.guessed if role != "at_unit"}
        assert guessed == dict(zip(("customer", "touchpoint", "at"), names, strict=True))
        assert f"columns guessed: customer={names[0]!r}, touchpoint={names[1]!r}" in repr(log)
    large = ParquetLog.read(tmp_path / "a.parquet", progress=False)
    assert large.ask(Transitions()) == expected.ask(Transitions())


def test_the_group_of_an_event_log_is_the_department() -> None:
    frame = {"case:concept:name": ["a", "a"], "concept:name": ["x", "y"],
             "org:group": ["one", "two"],
             "time:timestamp": ["2026-03-01T09:00:00Z"] * 2}  # fmt: skip
    log = Log.from_frame(frame)
    assert ("department", "org:group") in log.guessed
    assert "department" in log.levels


def test_what_is_named_or_plain_is_not_guessed() -> None:
    frame = {"customer": ["a"], "touchpoint": ["x"], "at": ["2026-03-01T09:00:00Z"],
             "user_id": ["b"], "event": ["y"], "timestamp": ["z"]}  # fmt: skip
    assert Log.from_frame(frame).guessed == ()
    assert "guessed" not in repr(Log.from_frame(frame))
    assert Log.from_frame(frame).interactions == 1
    named = Columns(customer="user_id", touchpoint="event")
    assert Log.from_frame(frame, named).guessed == ()
    assert list(Log.from_frame(frame).where(customer="a").guessed) == []


def test_what_cannot_be_guessed_is_refused_as_before() -> None:
    with pytest.raises(ColumnsError, match="'customer'"):
        Log.from_frame({"who": ["a"], "what": ["x"], "when": ["2026-03-01T09:00:00Z"]})
    with pytest.raises(ColumnsError, match="did you mean 'customers'"):
        Log.from_frame({"customers": ["a"], "event": ["x"], "at": ["2026-03-01T09:00:00Z"]})


def test_numbers_of_known_exports_have_their_unit() -> None:
    second = 1_772_355_600
    mixpanel = {"distinct_id": ["a"], "event": ["x"], "time": [second]}
    analytics = {"user_pseudo_id": ["a"], "event_name": ["x"],
                 "event_timestamp": [second * 10**6]}  # fmt: skip
    for frame in (mixpanel, analytics):
        log = Log.from_frame(frame)
        assert log.interactions == 1
        assert log.first == datetime(2026, 3, 1, 9, tzinfo=UTC)
        assert "at_unit" in dict(log.guessed)


def test_the_name_of_an_event_goes_before_its_kind() -> None:
    frame = {"domain_userid": ["a"], "event": ["unstruct"], "event_name": ["add_to_cart"],
             "collector_tstamp": ["2026-03-01T09:00:00Z"]}  # fmt: skip
    assert dict(Log.from_frame(frame).guessed)["touchpoint"] == "event_name"


def test_one_object_may_lack_what_others_have(tmp_path: Path) -> None:
    place = tmp_path / "a.jsonl"
    place.write_text(
        '{"user_id": "a", "event": "x"}\n'
        '{"user_id": "b", "event": "y", "timestamp": "2026-03-01T09:00:00Z", "org:group": "one"}\n'
    )
    log = Log.read(place)
    assert (log.interactions, len(log.rejected)) == (1, 1)
    assert dict(log.guessed)["department"] == "org:group"
