"""Touchpoints recorded under many names: one at reading, in the fold and in the single view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

import journeymap as jm
from journeymap.adapters.mapping import RecordRule
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.sources import iterable_source
from journeymap.analysis import Columns, Deviations, Log, Transitions, Variants
from journeymap.engines import ParquetLog
from journeymap.model.recorded_names import RecordedNames

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MOVIES = jm.JourneyMap(
    "movies",
    stages=[jm.Stage("choose", "buy"), jm.Stage("use", "own")],
    touchpoints=[
        jm.Touchpoint("movie", "choose", recorded_as=["/m/*", "film"]),
        jm.Touchpoint("/m/special", "choose"),
        jm.Touchpoint("watch", "use", recorded_as=["/play/*/*"]),
    ],
    key_journeys=[jm.KeyJourney("k", "movie", "watch", steps=["movie", "watch"])],
)
NAMES = ["/m/123", "/m/321", "film", "movie", "/m/special", "/play/1/2", "/play/1", "watch"]
MEANT = ["movie", "movie", "movie", "movie", "/m/special", "watch", "/play/1", "watch"]
PLAIN = jm.JourneyMap("movies", stages=MOVIES.stages.elements,
                      touchpoints=[jm.Touchpoint(point.id, point.stage)
                                   for point in MOVIES.touchpoints.values()],
                      key_journeys=MOVIES.key_journeys.elements)  # fmt: skip


def happened(names: list[str]) -> list[jm.Interaction]:
    return [jm.Interaction("ada", name, T0 + timedelta(hours=place))
            for place, name in enumerate(names)]  # fmt: skip


def test_names_are_resolved() -> None:
    assert [MOVIES.recorded_names.resolve(name) for name in NAMES] == MEANT
    first = RecordedNames.of({"/a/*": "one", "/a/b*": "two", "/a/x": "three"})
    assert [first.resolve(name) for name in ("/a/b", "/a/x", "b", "/a/(")] == [
        "one", "three", "b", "one",
    ]  # fmt: skip


@given(st.lists(st.sampled_from(range(len(NAMES))), min_size=1, max_size=12))
def test_the_past_and_the_fold_know_one_touchpoint(places: list[int]) -> None:
    recorded = happened([NAMES[place] for place in places])
    meant = happened([MEANT[place] for place in places])
    questions: list[Any] = [Transitions(), Variants(), Transitions("stage"), Deviations()]
    for question in questions:
        ours = Log.from_interactions(recorded, map=MOVIES).ask(question)
        assert ours == Log.from_interactions(meant, map=PLAIN).ask(question)
    ours_, signals = jm.Tracker(MOVIES).follow(None, recorded)
    theirs, others = jm.Tracker(PLAIN).follow(None, meant)
    assert signals == others
    assert ours_.position == theirs.position


def test_every_engine_and_the_single_view_know_them(tmp_path: Path) -> None:
    frame = pl.DataFrame({"customer": "ada", "touchpoint": NAMES, "at": range(len(NAMES))})
    frame.write_parquet(tmp_path / "a.parquet")
    how = Columns(at_unit="s")
    log = Log.from_frame(frame, how, map=MOVIES)
    [row] = log.ask(Variants())
    assert row.path == tuple(MEANT)
    [row] = ParquetLog.read(tmp_path / "a.parquet", how, map=MOVIES).ask(Variants())
    assert row.path == tuple(MEANT)
    assert log.unmapped == {"/play/1": 1}
    with jm.Live(MOVIES) as live:
        live.record_many(log.history("ada"))
        live.record_many(happened(NAMES))
        view = jm.Customer.of("ada", live, map=MOVIES)
        assert {one.touchpoint for one in view.journey} == set(MEANT)


def test_columns_and_mappings_rename_by_pattern() -> None:
    frame = {"customer": ["a"] * 3, "touchpoint": ["/m/1", "/m/2", "/x"], "at": [1, 2, 3]}
    log = Log.from_frame(frame, Columns(at_unit="s", rename={"/m/*": "/m"}))
    assert [one.touchpoint for one in log.history("a")] == ["/m", "/m", "/x"]
    mapping = PayloadMapping("m", [RecordRule("$.at", {"c": "$.customer"}, "$.touchpoint")])
    rows = [{"customer": "a", "touchpoint": name, "at": "2026-03-01T00:00Z"}
            for name in ("/m/1", "/x")]  # fmt: skip
    [batch] = iterable_source(rows, mapping.with_touchpoints({"/m/*": "/m"})).read()
    assert [one.interaction.touchpoint for one in batch.records if one.interaction] == ["/m", "/x"]


def test_a_document_names_them() -> None:
    text = jm.dumps(MOVIES, format="yaml")
    assert "recorded_as" in text
    assert jm.loads(text, format="yaml") == MOVIES
