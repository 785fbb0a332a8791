"""Key journeys as they were walked: occurrences, deviations, working time."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import subprocess
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import journeymap as jm
from journeymap import Calendar, Department, Hours, Interaction, JourneyMap, KeyJourney, Step
from journeymap.analysis import (
    Columns,
    Deviations,
    Dwell,
    Handoffs,
    KeyJourneys,
    Log,
    Transitions,
)
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.model import Plan
from journeymap.testing import interactions
from tests.analysis import plain
from tests.analysis.test_known import PERMITS, RECEIPT
from tests.conftest import required
from tests.factories import HOUR, JOURNEY, SPANS

many = st.lists(interactions(touchpoints=("a", "b", "c")), max_size=30)


@given(many)
def test_key_journeys(given_: list[Interaction]) -> None:
    answer = Log.from_interactions(given_, map=JOURNEY).ask(KeyJourneys())
    assert [row.journey for row in answer] == [span.id for span in SPANS]
    end = max((one.at for one in given_), default=datetime(2026, 1, 1, tzinfo=UTC))
    for row, span in zip(answer, SPANS, strict=True):
        found = [
            one for mine in plain.journeys(given_).values()
            for one in plain.occurrences(mine, span, JOURNEY, end)
        ]  # fmt: skip
        done = [walk for walk, state, _ in found if state == "completed"]
        good = [walk for walk in done if walk[-1].outcome not in ("failed", "abandoned")]
        states = [state for _, state, _ in found]
        assert (row.count, row.completed) == (len(found), len(done))
        assert (row.given_up, row.open) == (states.count("given up"), states.count("open"))
        assert row.succeeded == len(good)
        assert row.customers == len({walk[0].customer for walk, _, _ in found})
        over = row.completed + row.given_up
        assert (row.n, row.share) == (over, len(good) / over if over else None)
        times = [(walk[-1].at - walk[0].at).total_seconds() for walk in done]
        assert row.time_mean == pytest.approx(sum(times) / len(times) if times else None)
        assert row.time_median == (pytest.approx(plain.quantile(times, 0.5)) if times else None)
        assert row.effort == (sum(map(len, done)) / len(done) if done else None)
        covered = sum(len(walk) for walk, _, _ in found)
        assert row.share_interactions == (covered / len(given_) if given_ else None)


@given(many)
def test_deviations(given_: list[Interaction]) -> None:
    answer = Log.from_interactions(given_, map=JOURNEY).ask(Deviations(currency="EUR"))
    for span in SPANS:
        wanted, looked = plain.deviations(given_, span, JOURNEY)
        rows = [row for row in answer if row.journey == span.id]
        assert {(r.kind, r.step, r.element, r.department) for r in rows} == set(wanted)
        for row in rows:
            count, among, lost, worth = wanted[row.kind, row.step, row.element, row.department]
            assert (row.count, row.occurrences, row.n) == (count, among, looked)
            assert row.share == among / looked
            assert row.time_lost == pytest.approx(lost)
            assert row.value_at_stake is None or row.value_at_stake == pytest.approx(worth)
        if looked and not rows:
            assert answer.fitting[span.id] == looked


def told(names: str, hours: list[float], journey: JourneyMap, **columns: Any) -> Log:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    frame = {
        "customer": ["ada"] * len(names),
        "touchpoint": list(names),
        "at": [monday + hour * HOUR for hour in hours],
        **columns,
    }
    roles: Any = {role: role for role in columns}
    return Log.from_frame(frame, Columns(**roles), map=journey)


def test_the_five_departures() -> None:
    log = told("acxbaca", [0, 1, 2, 30, 31, 32, 40], JOURNEY,
               outcome=[None, "failed", None, None, None, None, None])  # fmt: skip
    answer = log.ask(Deviations("ab"))
    rows = [(r.kind, r.step, r.element, r.department, r.count, r.time_lost) for r in answer]
    assert rows == [
        ("missing", 3, "b", "billing", 1, 0),
        ("ad hoc", None, "x", None, 1, 3600),
        ("failed", 2, "c", None, 1, 3600),
        ("late", None, "b", "billing", 1, 36_000),
    ]
    assert {row.n for row in answer} == {2}
    assert answer.fitting == {"ab": 0}
    assert answer.costs == {"ab": 2}


def test_a_key_journey_that_does_not_end_is_late_already() -> None:
    journey = JOURNEY.replace(KeyJourney("ab", "a", "b", within=20 * HOUR))
    [row] = told("acc", [0, 1, 25], journey).ask(Deviations("ab"))
    assert (row.kind, row.time_lost, row.n) == ("late", 5 * 3600, 1)
    assert told("acc", [0, 1, 15], journey).ask(Deviations("ab")).rows == ()
    [row] = told("acc", [0, 1, 50], journey).ask(Deviations("ab"))
    assert row.time_lost == 11 * 3600  # dormant 30 hours after the first hour


def test_moments_of_truth_are_named_where_they_look() -> None:
    moment = jm.Moment("unpaid", jm.Absence("b", after="a", within=9 * HOUR))
    log = told("acx", [0, 1, 140], JOURNEY.add(moment))
    found = {(r.kind, r.element): r.moments for r in log.ask(Deviations("ab"))}
    assert found["missing", "b"] == ("unpaid",)


def office(journey: JourneyMap) -> JourneyMap:
    calendar = Calendar("office", hours=[Hours(opens=time(9), closes=time(17))])
    return journey.add(calendar).replace(
        Department("billing", calendar="office"),
        KeyJourney("ab", "a", "b", steps=["a", "b"], within=10 * HOUR, owner="billing"),
    )


def test_waits_in_working_time_are_of_who_was_waited_for() -> None:
    """From Monday 08:00 to Tuesday 10:00 the office works nine hours; sales has no calendar."""
    log = told("aba", [8, 34, 60], office(JOURNEY))
    waits = {(r.source, r.target): r.wait_mean for r in log.ask(Transitions(working_time=True))}
    assert waits["a", "b"] == 9 * 3600
    assert waits["b", "a"] == 26 * 3600
    handed = {r.target: r.wait_mean for r in log.ask(Handoffs(working_time=True))}
    assert handed == {"billing": 9 * 3600, "sales": 26 * 3600}
    stays = {r.element: r.dwell_mean for r in log.ask(Dwell("touchpoint", working_time=True))}
    assert stays == {"a": 26 * 3600, "b": 10 * 3600}  # Tuesday 10:00 to Wednesday 12:00


def test_late_in_working_time_is_on_the_owners_calendar() -> None:
    log = told("ab", [8, 36], office(JOURNEY))
    [row] = log.ask(Deviations("ab"))
    assert (row.kind, row.time_lost) == ("late", 18 * 3600)
    [row] = log.ask(Deviations("ab", working_time=True))
    assert (row.kind, row.time_lost) == ("late", 3600)
    assert len(told("ab", [8, 35], office(JOURNEY)).ask(Deviations("ab", working_time=True))) == 0


@given(many, st.sampled_from(["UTC", "America/New_York"]))
def test_working_time_is_the_calendars(given_: list[Interaction], zone: str) -> None:
    calendar = Calendar(
        "office", zone=zone, hours=[Hours(), Hours("FREQ=DAILY", time(20), time(2))]
    )
    journey = JOURNEY.add(calendar).replace(
        *(Department(name, calendar="office") for name in ("sales", "billing"))
    )
    log = Log.from_interactions(given_, map=journey)
    department = plain.level(journey, "department")
    sums: dict[Any, list[float]] = {}
    for mine in plain.journeys(given_).values():
        for a, b in itertools.pairwise(mine):
            wait = b.at - a.at
            if department(b) in ("sales", "billing"):
                wait = calendar.working_time(a.at, b.at)
            sums.setdefault((a.touchpoint, b.touchpoint), []).append(wait.total_seconds())
    answer = [r for r in log.ask(Transitions(working_time=True)) if r.wait_mean is not None]
    assert {(r.source, r.target) for r in answer} == set(sums)
    for row in answer:
        waits = sums[row.source, row.target]
        assert row.wait_mean == pytest.approx(sum(waits) / len(waits))


def test_what_cannot_be_asked() -> None:
    log = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [1]}, Columns(at_unit="s"))
    for question in (KeyJourneys(), Deviations(), Transitions(working_time=True)):
        with pytest.raises(AnswerError, match="map="):
            log.ask(question)
    with pytest.raises(UnknownName, match="did you mean 'free'"):
        told("a", [1], JOURNEY).ask(Deviations("fre"))
    both = told("acb", [1, 2, 3], JOURNEY, value=[1, None, 2], currency=["EUR", None, "USD"])
    with pytest.raises(AnswerError, match="EUR and USD"):
        both.ask(Deviations())
    nobody = Log.from_interactions([], map=JOURNEY)
    assert len(nobody.ask(Deviations())) == 0
    assert [row.count for row in nobody.ask(KeyJourneys())] == [0] * 4


def aligned(plan: list[str], walks: list[list[str]]) -> list[int]:
    """What pm4py's alignments cost, from an environment of its own."""
    place = Path(__file__).parents[2] / ".venv-pm4py" / "bin" / "python"
    python = Path(os.environ.get("JOURNEYMAP_PM4PY", place))
    required(python.exists(), "an environment with pm4py (make .venv-pm4py/ready)")
    script = Path(__file__).parents[2] / "benchmarks" / "alignments.py"
    given_ = json.dumps({"plan": plan, "walks": walks})
    done = subprocess.run(
        [python, script], input=given_, capture_output=True, text=True, check=True
    )
    costs: list[int] = json.loads(done.stdout[done.stdout.rindex("[") :])
    return costs


def test_costs_are_those_of_alignments(data: Path) -> None:
    dice = random.Random(5)
    plan = ["a", "b", "c", "b", "d"]
    walks = [dice.choices("abcde", k=dice.randrange(1, 9)) for _ in range(300)]
    made = Plan(tuple(Step((name,)) for name in plan))
    assert [made.match(tuple(walk)).cost for walk in walks] == aligned(plan, walks)


def test_the_permits_cost_what_alignments_cost(data: Path) -> None:
    permits = jm.load(PERMITS)
    [span] = permits.key_journeys.values()
    names = [step.one_of[0] for step in span.steps if not step.optional]
    straight = permits.replace(jm.KeyJourney(span.id, span.start, span.end, steps=names))
    log = Log.read(data / "receipt" / "receipt.csv", RECEIPT, map=straight)
    answer = log.ask(Deviations())
    frame = _journeys(data)
    walks = [
        [one.touchpoint for one in walk]
        for mine in frame.values()
        for walk, state, _ in plain.occurrences(
            mine, straight.key_journeys[span.id], straight, log.last or datetime.now(UTC)
        )
        if state != "open"
    ]
    assert len(walks) > 1000
    assert answer.costs == {span.id: sum(aligned(names, walks))}


def _journeys(data: Path) -> plain.Journeys:
    with (data / "receipt" / "receipt.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return plain.journeys(
        Interaction(r["case:concept:name"], r["concept:name"],
                    datetime.fromisoformat(r["time:timestamp"]))
        for r in rows
    )  # fmt: skip
