"""Logs whose order is known and whose times are not: counts as ever, no wait made up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from journeymap.analysis import (
    Columns,
    Compare,
    Deviations,
    Dwell,
    Funnel,
    FunnelTarget,
    Handoffs,
    KeyJourneys,
    Lifecycle,
    Lift,
    Log,
    Loops,
    NextStep,
    Overview,
    Part,
    Paths,
    Positions,
    Question,
    Retention,
    Satisfaction,
    Scope,
    Transitions,
    Variants,
    Where,
)
from journeymap.cli import main
from journeymap.engines import ParquetLog
from journeymap.exceptions import AnswerError, ColumnsError
from journeymap.model import Absence, At, Count, Offer, Wait
from journeymap.views import report
from tests.factories import JOURNEY as PLAIN

JOURNEY = PLAIN.add(Offer("more", touchpoint="c", hold_out=0.5))

ORDERED: list[Question[Any]] = [
    Transitions(),
    Transitions("department"),
    Variants(),
    Variants("stage", collapse=True),
    Funnel(["a", "b"]),
    Funnel(["a", "b"], order="strict", count="completions"),
    Funnel(["a", "b", "c"], order="any"),
    Funnel(["a", "b", "c"], order="any", count="completions"),
    Funnel(["a", FunnelTarget("b", optional=True), FunnelTarget("c", without=["b"])]),
    Funnel(["a", "b"], waits_from="first"),
    Loops(),
    Handoffs(),
    Satisfaction("stage"),
    Paths(steps=3),
    NextStep(memory=2),
    KeyJourneys(),
    Deviations(),
    Positions(),
    Lift("more", goal="b"),
]
"""Questions that the order of interactions answers."""

OF_TIME = {
    "wait_mean", "wait_median", "wait_p90", "time_mean", "time_median", "time_p90", "time_lost",
    "at", "since", "silent", "dormant", "returned", "open", "leak_share", "low", "high",
}  # fmt: skip
"""Columns that only times could fill, or silence; bounds are those of a share of silence."""

WHO = {"customer": "who", "touchpoint": "what", "department": "team", "emotion": "felt"}


def frame_of(rows: list[tuple[str, str, str | None]]) -> pl.DataFrame:
    who, what, team = zip(*rows, strict=True) if rows else ((), (), ())
    return pl.DataFrame(
        {
            "who": pl.Series(who, dtype=pl.String),
            "what": pl.Series(what, dtype=pl.String),
            "team": pl.Series(team, dtype=pl.String),
            "felt": [0.5] * len(rows),
            "turn": range(len(rows)),
        }
    )


def columns(**more: Any) -> Columns:
    return Columns(**{**WHO, **more})


rows = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cy"]),
        st.sampled_from(["a", "b", "c", "x"]),
        st.sampled_from(["sales", "care", None]),
    ),
    max_size=25,
)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_answers_as_times_would(
    drawn: list[tuple[str, str, str | None]], dice: Any
) -> None:
    """A log with times a microsecond apart knows no silence: but for times it answers the same."""
    frame = frame_of(drawn)
    timed = Log.from_frame(frame, columns(at="turn", at_unit="us"), map=JOURNEY)
    arrived = Log.from_frame(frame, columns(at=None), map=JOURNEY)
    mixed = frame.sample(fraction=1, shuffle=True, seed=dice.randrange(1000))
    turned = Log.from_frame(mixed, columns(at=None, order="turn"), map=JOURNEY)
    for question in ORDERED:
        want, got, same = (log.ask(question) for log in (timed, arrived, turned))
        assert got == same, question
        assert not got.timed
        if isinstance(question, NextStep):
            assert [n.element for n in got.table.after(["a"])] == [
                n.element for n in want.table.after(["a"])
            ]
        for name in want.frame.columns:
            if name in OF_TIME and got.frame[name].null_count() == len(got):
                continue
            assert got.frame[name].equals(want.frame[name]), (question, name)
        waits = [name for name in got.frame.columns if name in OF_TIME - {"low", "high", "open"}]
        assert got.frame.select(waits).null_count().row(0) == (len(got),) * len(waits)


REFUSED: list[tuple[str, Callable[[Log], object]]] = [
    ("Dwell", lambda log: log.ask(Dwell())),
    ("Retention", lambda log: log.ask(Retention())),
    ("Lifecycle", lambda log: log.ask(Lifecycle("day"))),
    ("Funnel", lambda log: log.ask(Funnel(["a", "b"], within=timedelta(1)))),
    (
        "Funnel",
        lambda log: log.ask(Funnel(["a", FunnelTarget("b", within=timedelta(1))])),
    ),
    (
        "Funnel",
        lambda log: log.ask(Funnel(["a"], entered=(datetime(2026, 1, 1, tzinfo=UTC), None))),
    ),
    ("Positions", lambda log: log.ask(Positions(datetime(2026, 1, 1, tzinfo=UTC)))),
    ("Lift", lambda log: log.ask(Lift("more", goal="b", within=timedelta(1)))),
    ("Transitions", lambda log: log.ask(Transitions(working_time=True))),
    ("Handoffs", lambda log: log.ask(Handoffs(working_time=True))),
    ("Deviations", lambda log: log.ask(Deviations(working_time=True))),
    ("where", lambda log: log.where(since=datetime(2026, 1, 1, tzinfo=UTC)).customers),
    ("sessions", lambda log: log.sessions(timedelta(1)).journeys),
    ("times", lambda log: log.where(Wait("a", timedelta(1))).customers),
    ("times", lambda log: log.where(Count("a", 1, timedelta(1))).customers),
    ("times", lambda log: log.where(Absence("b", after="a", within=timedelta(1))).customers),
    (
        "Dwell",
        lambda log: log.ask(Compare(Dwell(), Where(customer="ann"), Where(customer="bob"))),
    ),
    ("history", lambda log: log.history("ann")),
    ("known_as", lambda log: log.known_as({"ann": "bob"})),
    ("times", lambda log: log.ask(OwnQuestion())),
]

SOME = frame_of([("ann", "a", "sales"), ("bob", "a", "care"), ("ann", "b", "care")])


@frozen
class OwnQuestion:
    """A question of a user, who has not thought of logs without times."""

    def measure(self, part: Part) -> int:
        return int(part.at.sum())

    def merge(self, one: int, other: int) -> int:
        return one + other

    def answer(self, measured: int, scope: Scope) -> int:
        return measured


@pytest.mark.parametrize(("what", "asked"), REFUSED)
def test_questions_of_time_say_so(what: str, asked: Callable[[Log], object]) -> None:
    log = Log.from_frame(SOME, columns(at=None), map=JOURNEY)
    with pytest.raises(
        AnswerError, match=r"order of its interactions, but no times|not known"
    ) as e:
        asked(log)
    assert str(e.value).startswith(what)


def test_what_needs_no_time_is_not_refused() -> None:
    log = Log.from_frame(SOME, columns(at=None))
    assert (log.first, log.last, log.customers, log.interactions) == (None, None, 2, 3)
    assert log.where(At("touchpoint", ["a"])).interactions == 2
    assert log.where(Count("a", 1)).interactions == 3
    assert log.per("department").journeys == 3
    assert log.known_as({"ann": "eve"}).customers == 2
    assert log.sketch().dormant_after is None
    assert "no times" in repr(log.ask(Transitions()))
    assert "no times" in log.ask(Transitions())._repr_html_()


def test_every_reader_reads_an_order(tmp_path: Path) -> None:
    turned = SOME.sort("turn", descending=True)
    chosen = columns(at=None, order="turn")
    want = Log.from_frame(SOME, columns(at=None)).ask(Transitions(), Variants())
    turned.write_csv(tmp_path / "log.csv")
    turned.write_ndjson(tmp_path / "log.jsonl")
    turned.write_parquet(tmp_path / "log.parquet")
    logs = [Log.read(tmp_path / f"log.{kind}", chosen) for kind in ("csv", "jsonl", "parquet")]
    for log in [*logs, ParquetLog.read(tmp_path / "log.parquet", chosen)]:
        assert log.ask(Transitions(), Variants()) == want
        assert (log.first, log.last) == (None, None)
    arrived = tmp_path / "arrived.parquet"
    SOME.write_parquet(arrived)
    assert ParquetLog.read(arrived, columns(at=None)).ask(Transitions(), Variants()) == want


def test_a_row_without_its_turn_is_set_aside() -> None:
    turns = SOME.with_columns(turn=pl.Series(["1", "", "2"]))
    log = Log.from_frame(turns, columns(at=None, order="turn"))
    assert [(one.line, one.reason) for one in log.rejected] == [
        (2, "order: a number or a time is expected")
    ]


def test_an_end_needs_a_beginning() -> None:
    with pytest.raises(ColumnsError, match="an end needs a beginning"):
        columns(at=None, end="over")


def xes_of(*traces: list[str], time: str = "") -> str:
    events = [
        "".join(f'<event><string key="concept:name" value="{name}"/>{time}</event>' for name in one)
        for one in traces
    ]
    return "<log>" + "".join(f"<trace>{one}</trace>" for one in events) + "</log>"


def test_xes_without_times_is_read_by_its_order(tmp_path: Path) -> None:
    file = tmp_path / "log.xes"
    file.write_text(xes_of(["a", "b", "a"], ["b"]), encoding="utf-8")
    log = Log.read(file)
    assert [one.path for one in log.ask(Variants())] == [("a", "b", "a"), ("b",)]
    assert log.first is None
    assert not log.rejected
    assert Log.read(file, Columns(at=None)).ask(Variants()) == log.ask(Variants())


def test_xes_with_some_times_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "log.xes"
    at = '<date key="time:timestamp" value="2026-03-01T09:00:00Z"/>'
    file.write_text(
        xes_of(["a"], time=at).replace("</trace>", "</trace>" + "<trace><event></event></trace>"),
        encoding="utf-8",
    )
    log = Log.read(file)
    assert log.first == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert len(log.rejected) == 1


def test_the_report_says_that_there_are_no_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log.from_frame(SOME, columns(at=None))
    overview = Overview.of(log)
    assert overview.dwell is None
    page = report(overview)
    assert "The log has no times" in page
    assert "Times are UTC" not in page
    assert "1970" not in page
    file = tmp_path / "log.jsonl"
    SOME.write_ndjson(file)
    names = ["--customer", "who", "--touchpoint", "what"]
    out = tmp_path / "page.html"
    assert main(["report", str(file), *names, "--untimed", "-o", str(out)]) == 0
    assert "The log has no times" in out.read_text(encoding="utf-8")
    assert main(["report", str(file), *names, "--untimed", "--at", "turn"]) == 2
    assert "--untimed" in capsys.readouterr().err
