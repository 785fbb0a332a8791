"""Personas as a level: those of a column, or those that the map knows by their products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from attrs import evolve

from journeymap import Frequency, Interaction, Metric, Of, Persona, Product
from journeymap.analysis import Breakdown, Columns, Funnel, Log, Scorecard, Transitions, Where
from journeymap.engines import ParquetLog
from journeymap.exceptions import UnknownName
from tests.factories import HOUR, SHOP, T0

MAP = SHOP.add(
    *(Product(name) for name in ("fibre", "dsl", "mobile")),
    Persona("family", products=["fibre"]),
    Persona("student", products=["mobile", "dsl", "fibre"]),
    Metric("visits", Of("persona", "student"), measure=Frequency()),
)  # fmt: skip
ROWS = [("ada", "order", "fibre"), ("ada", "call", None), ("ben", "order", "dsl"),
        ("ben", "delivery", "mobile"), ("cyd", "order", None),
        ("dan", "order", "kettle")]  # fmt: skip
COLUMNS = Columns(at_unit="s", product="product")
FRAME = pl.DataFrame(
    [(who, what, product, place) for place, (who, what, product) in enumerate(ROWS)],
    schema=["customer", "touchpoint", "product", "at"], orient="row",
)  # fmt: skip


def segments(log: Any, attribute: Any = None) -> dict[str | None, int]:
    asked = Breakdown(Funnel(["order"]), by="persona", attribute=attribute)
    return {row.segment: row.count for row in log.ask(asked)}


def test_a_persona_is_known_by_its_products(tmp_path: Path) -> None:
    log = Log.from_frame(FRAME, COLUMNS, map=MAP)
    assert segments(log) == {"family": 1, "student": 1, None: 2}
    assert "persona" in log.levels
    assert log.where(persona="student").interactions == 2
    assert log.where(Where(columns={"persona": "family"})).customers == 1
    moves = [(one.source, one.target) for one in log.ask(Transitions("persona"))]
    assert ("student", "student") in moves
    [visits] = [row for row in log.ask(Scorecard()) if row.metric == "visits"]
    assert visits.value == 2 / 4
    with pytest.raises(UnknownName, match="'family'"):
        log.where(persona="familly").ask(Transitions())
    FRAME.write_parquet(tmp_path / "a.parquet")
    large = ParquetLog.read(tmp_path / "a.parquet", COLUMNS, map=MAP, progress=False)
    assert segments(large) == segments(log)
    assert large.levels == log.levels
    frame = log.to_polars()
    assert frame.filter(customer="ada")["persona"].to_list() == ["family", None]


def test_a_column_of_personas_goes_before(tmp_path: Path) -> None:
    frame = FRAME.with_columns(persona=pl.lit("student"))
    columns = Columns(at_unit="s", product="product", extra=["persona"])
    log = Log.from_frame(frame, columns, map=MAP)
    assert segments(log) == {"student": 4}
    [visits] = [row for row in log.ask(Scorecard()) if row.metric == "visits"]
    assert visits.value == 6 / 4
    sent = [Interaction("eve", "order", T0 + n * HOUR, extra={"persona": "guest"}) for n in (0, 1)]
    assert segments(Log.from_interactions(sent, map=MAP)) == {"guest": 1}


def test_without_products_there_are_no_personas() -> None:
    log = Log.from_frame(FRAME, COLUMNS, map=SHOP.add(Persona("family")))
    assert "persona" not in log.levels
    with pytest.raises(UnknownName, match="level 'persona'"):
        segments(log)
    mixed = evolve(MAP, personas=[Persona("family", products=["fibre"]), Persona("student")])
    [visits] = [row for row in Log.from_frame(FRAME, COLUMNS, map=mixed).ask(Scorecard())
                if row.metric == "visits"]  # fmt: skip
    assert (visits.value, visits.note) == (
        None, "the persona 'student' names no products to know it by")  # fmt: skip
    untold = Log.from_frame(FRAME, Columns(at_unit="s"), map=MAP)
    assert "persona" not in untold.levels
    other = Log.from_frame(FRAME, COLUMNS, map=MAP)
    assert segments(other.sessions("1 h")) == segments(other)
