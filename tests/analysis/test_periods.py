"""Retention, lifecycle and satisfaction: published cases, plain twins, formulas."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.analysis import (
    Columns,
    Deviations,
    Funnel,
    KeyJourneys,
    Lifecycle,
    Log,
    Loops,
    Paths,
    Retention,
    Satisfaction,
    Transitions,
)
from journeymap.analysis.measuring.intervals import nps_interval
from journeymap.analysis.measuring.periods import PERIODS, CalendarPeriods, read_every
from journeymap.exceptions import AnswerError, ColumnsError, ElementError, UnknownName
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import MAP

COLUMNS = Columns(customer="person", touchpoint="event", at="timestamp", timezone="UTC")
many = st.lists(interactions(), max_size=30)
every = st.sampled_from(PERIODS)


@pytest.fixture(scope="module")
def cases(data: Path) -> dict[str, Any]:
    known = json.loads((data / "definitions" / "posthog_cases.json").read_text())["cases"]
    return {case["id"]: case for case in known}


def logged(case: Any) -> Log:
    aliases = case.get("aliases", {})
    who = "group" if case.get("actor") == "group" else "person"
    events = case["events"]
    frame = {
        "person": [aliases.get(event[who], event[who]) for event in events],
        "event": [event["event"] for event in events],
        "timestamp": [event["timestamp"] for event in events],
    }
    return Log.from_frame(frame, COLUMNS)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("case", "question", "until"),
    [
        ("retention_day", Retention("$pageview", "$pageview", "day", cohorts="each"), "2020-06-21"),
        ("retention_month", Retention(every="month", cohorts="each"), "2020-12-01"),
        (
            "retention_week_sunday_start",
            Retention(every="week", week_starts="sunday", cohorts="each"),
            "2020-07-26",
        ),
    ],
)
def test_retention_as_published(
    cases: dict[str, Any], case: str, question: Retention, until: str
) -> None:
    known = cases[case]
    first = known["first_period"]
    log = logged(known).where(since=utc(f"{first}-01"[:10]), until=utc(until))
    answer = log.ask(question)
    assert answer.table() == [row for row in known["expected"] if row[0]]
    assert answer.rows[0].cohort == f"{first}-01"[:10]
    for row in answer:
        assert row.share == row.customers / row.n


def test_lifecycle_as_published(cases: dict[str, Any]) -> None:
    known = cases["lifecycle_group_day"]
    log = logged(known)
    answer = log.ask(Lifecycle("day"))
    assert [row.period for row in answer][:: len(answer) - 1] == ["2020-01-09", "2020-01-19"]
    for name, numbers in known["expected"].items():
        sign = -1 if name == "dormant" else 1
        assert [sign * getattr(row, name) for row in answer] == numbers, name
    # a window shows the same numbers: what came before it still counts
    window = log.where(since=utc("2020-01-13"), until=utc("2020-01-17")).ask(Lifecycle("day"))
    assert window.to_dicts() == answer.to_dicts()[4:8]


def pathed(case: Any, question: Paths) -> list[tuple[Any, ...]]:
    frame = {name: [event[name].rstrip("/") if name == "event" else event[name]
                    for event in case["events"]]
             for name in ("person", "event", "timestamp")}  # fmt: skip
    rows = [row for row in Log.from_frame(frame, COLUMNS).ask(question) if row.target != "(end)"]
    return [(f"{r.step}_{r.source}", f"{r.step + 1}_{r.target}", r.customers, r.wait_mean)
            for r in rows]  # fmt: skip


def test_paths_as_published(cases: dict[str, Any]) -> None:
    known = cases["paths_step_times"]
    wanted = [(a, b, n, ms / 1000) for a, b, n, ms in known["expected"]]
    assert pathed(known, Paths(steps=known["step_limit"])) == wanted
    known = cases["paths_event_order"]
    steps = ("step one", "step two", "step three", "step branch")
    known["events"] = [
        {"person": f"user {i}", "event": step, "timestamp": f"2021-05-01T00:0{minute}:00"}
        for i in range(50)
        for minute, step in enumerate(steps[: 4 - i % 2])
    ]
    wanted = [(a, b, n, ms / 1000) for a, b, n, ms in known["expected"]]
    assert pathed(known, Paths()) == wanted
    known = cases["paths_end_point"]
    found = pathed(known, Paths(steps=known["step_limit"], end=known["end_point"]))
    assert sorted(row[:3] for row in found) == sorted(tuple(row) for row in known["expected"])


@given(many, st.integers(2, 5), st.sampled_from([None, "a"]), st.sampled_from([None, "b"]))
def test_paths(given_: list[Interaction], steps: int, start: str | None, end: str | None) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Paths(steps=steps, start=start, end=end))
    wanted: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    for mine in plain.journeys(given_).values():
        names = [one.touchpoint for one in mine]
        if start is not None:
            if start not in names:
                continue
            mine = mine[names.index(start) :]
            names = names[names.index(start) :]
        if end is not None:
            if end not in names:
                continue
            stop = names.index(end) + 1
            mine = mine[max(0, stop - steps) : stop]
        for place, one in enumerate(mine[: steps - 1]):
            after = mine[place + 1] if place + 1 < len(mine) else None
            wait = (after.at - one.at).total_seconds() if after else -1.0
            key = (place + 1, one.touchpoint, after.touchpoint if after else "(end)")
            wanted[key].append(wait)
    assert {(r.step, r.source, r.target) for r in answer} == set(wanted)
    for row in answer:
        waits = wanted[row.step, row.source, row.target]
        assert row.count == row.customers == len(waits)
        there = sum(len(w) for (s, a, _), w in wanted.items() if (s, a) == (row.step, row.source))
        assert (row.n, row.share) == (there, len(waits) / there)
        if row.wait_mean is not None:
            assert row.wait_mean == pytest.approx(sum(waits) / len(waits))


LENGTHS = {"hour": 1, "6 hours": 6, "day": 24, "3 days": 72, "week": 168}


def numbered(given_: list[Interaction], every: str) -> Callable[[datetime], int]:
    """Number the periods of a length from the first interaction on, after the calendar."""
    count, unit = read_every(every)
    numbers = CalendarPeriods(unit, "monday", "UTC").number  # type: ignore[arg-type]
    earliest = min((one.at.timestamp() * 1e6 for one in given_), default=0)

    def number(at: datetime) -> int:
        here, begin = numbers(np.array([at.timestamp() * 1e6, earliest], dtype=np.int64)).tolist()
        return int((here - begin) // count)

    return number


@given(
    many, st.sampled_from([*PERIODS, "hour", "2 weeks", "5 days", "2 months"]), st.booleans(),
    st.booleans(), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "a", "c"]),
)  # fmt: skip
def test_retention(
    given_: list[Interaction], every: str, cumulative: bool, first: bool, start: str | None,
    back: str | None,
) -> None:  # fmt: skip
    kind: Any = "cumulative" if cumulative else "recurring"
    answer = Log.from_interactions(given_, map=MAP).ask(
        Retention(start, back, every, kind, cohorts="first" if first else "each")
    )
    number = numbered(given_, every)

    def passed(start: datetime, at: datetime) -> int:
        return number(at) - number(start)

    _check_retention(answer, given_, start, back, number, passed, cumulative, first)


def _check_retention(
    answer: Any, given_: list[Interaction], start: str | None, back: str | None,
    number: Callable[[datetime], int], passed: Callable[[datetime, datetime], int],
    cumulative: bool, first: bool,
) -> None:  # fmt: skip
    begun: dict[int, dict[str, datetime]] = defaultdict(dict)
    for one in sorted(given_, key=lambda one: one.at):
        if start in (None, one.touchpoint):
            known = any(one.customer in members for members in begun.values())
            if not (first and known):
                begun[number(one.at)].setdefault(one.customer, one.at)
    last = max((number(one.at) for one in given_), default=0)
    rows = iter(answer)
    for cohort in sorted(begun):
        members = begun[cohort]
        for place in range(last - cohort + 1):
            row = next(rows)
            came = {
                one.customer for one in given_ if one.customer in members
                and back in (None, one.touchpoint) and one.at >= members[one.customer]
                and (passed(members[one.customer], one.at) >= place if cumulative
                     else passed(members[one.customer], one.at) == place)
            }  # fmt: skip
            assert (row.period, row.customers, row.n) == (place, len(came), len(members))
    assert next(rows, None) is None


@given(many, st.sampled_from(list(LENGTHS)), st.booleans(), st.booleans())
def test_rolling_retention(
    given_: list[Interaction], every: str, cumulative: bool, first: bool
) -> None:
    kind: Any = "cumulative" if cumulative else "recurring"
    given_ = [one for one in given_ if one.touchpoint == "a"] + given_
    answer = Log.from_interactions(given_, map=MAP).ask(
        Retention("a", None, every, kind, cohorts="first" if first else "each", rolling=True)
    )
    number = numbered(given_, every)

    def passed(start: datetime, at: datetime) -> int:
        return (at - start) // timedelta(hours=LENGTHS[every])

    _check_retention(answer, given_, "a", None, number, passed, cumulative, first)


def retained(events: list[tuple[str, str]], question: Retention, until: str | None = None) -> Any:
    frame = {"customer": ["c"] * len(events), "touchpoint": [name for name, _ in events],
             "at": [at for _, at in events]}  # fmt: skip
    log = Log.from_frame(frame, Columns(timezone="UTC"))
    return log.ask(question) if until is None else log.where(until=utc(until)).ask(question)


def test_a_return_comes_after_its_start() -> None:
    question = Retention("signup", "visit", "month")
    events = [("visit", "2026-03-01"), ("signup", "2026-03-20")]
    assert [row.customers for row in retained(events, question)] == [0]
    assert [row.customers for row in retained([*events, ("visit", "2026-03-21")], question)] == [1]
    # one who starts in two periods is one customer, of the first
    again = [("signup", "2026-03-20"), ("signup", "2026-04-20"), ("visit", "2026-04-10")]
    assert [(row.cohort, row.customers) for row in retained(again, question)] == [
        ("2026-03-01", 0), ("2026-03-01", 1),
    ]  # fmt: skip


def test_the_period_in_progress_is_marked() -> None:
    events = [("signup", "2026-03-20"), ("visit", "2026-04-10")]
    question = Retention("signup", "visit", "month")
    assert [row.complete for row in retained(events, question)] == [True, False]
    whole = retained([*events, ("visit", "2026-05-09")], question, "2026-05-01")
    assert [row.complete for row in whole] == [True, True]
    question = Retention("signup", "visit", "24 hours", rolling=True, periods=4)
    rolled = retained([*events, ("visit", "2026-03-22 01:00")], question)
    assert [(row.period, row.customers) for row in rolled] == [(0, 0), (1, 0), (2, 1), (3, 0)]
    hours = retained([("signup", "2026-03-20 09:10"), ("visit", "2026-03-20 11:05")],
                     Retention("signup", "visit", "hour"))  # fmt: skip
    assert [(row.cohort, row.period, row.customers) for row in hours] == [
        ("2026-03-20T09:00+00:00", place, number) for place, number in enumerate([0, 0, 1])
    ]


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("Asia/Kolkata", "+05:30"), ("Asia/Kathmandu", "+05:45"), ("America/St_Johns", "-03:30"),
     ("Europe/Athens", "+02:00"), ("UTC", "+00:00")],
)  # fmt: skip
def test_hours_begin_with_the_full_hour_of_the_zone(zone: str, offset: str) -> None:
    calendar = CalendarPeriods("hour", "monday", zone)
    ten = datetime.fromisoformat(f"2026-01-20T10:00{offset}")
    moments = [int((ten + timedelta(minutes=past)).timestamp() * 1e6) for past in (-1, 0, 59, 60)]
    before, first, last, after = calendar.number(np.array(moments, dtype=np.int64)).tolist()
    assert (before + 1, first, last, after - 1) == (first,) * 4
    assert calendar.begin(first) == moments[1]
    assert calendar.label(first) == f"2026-01-20T10:00{offset}"


@given(many, every, st.integers(0, 300), st.integers(0, 300))
def test_lifecycle(given_: list[Interaction], every: Any, since: int, length: int) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=since)
    view = Log.from_interactions(given_).where(since=begin, until=begin + timedelta(hours=length))
    answer = view.ask(Lifecycle(every))
    calendar = CalendarPeriods(every, "monday", "UTC")
    active: dict[str, set[int]] = defaultdict(set)
    for one in given_:
        micros = np.array([one.at.timestamp() * 1e6], dtype=np.int64)
        active[one.customer].add(int(calendar.number(micros)[0]))
    for row in answer:
        first = date.fromisoformat(row.period)
        place = int(
            calendar.number(np.array([(first - date(1970, 1, 1)).days * 86_400_000_000]))[0]
        )
        new = sum(min(periods) == place for periods in active.values())
        here = sum(place in periods for periods in active.values())
        returning = sum({place, place - 1} <= periods for periods in active.values())
        gone = sum(place - 1 in p and place not in p for p in active.values())
        assert (row.customers, row.new, row.returning) == (here, new, returning)
        assert (row.resurrecting, row.dormant) == (here - new - returning, gone)
    if length == 0:
        assert len(answer) == 0


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), every, st.booleans())
def test_periods_are_those_of_the_calendar_in_the_zone(
    naive: datetime, every: Any, sunday: bool
) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    at = naive.replace(tzinfo=UTC)
    calendar = CalendarPeriods(every, "sunday" if sunday else "monday", "America/Sao_Paulo")
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    [number] = calendar.number(np.array([micros], dtype=np.int64)).tolist()
    day = at.astimezone(zone).date()
    assert calendar.start(number) <= day < calendar.start(number + 1)
    first = calendar.start(number)
    if every == "week":
        assert first.isoweekday() == (7 if sunday else 1)
    elif every != "day":
        assert first.day == 1
        assert first.month in {"month": range(1, 13), "quarter": (1, 4, 7, 10), "year": (1,)}[every]


def test_the_zone_of_the_log_is_that_of_its_times() -> None:
    frame = {"person": ["a", "a"], "event": ["x", "x"],
             "timestamp": ["2026-03-01T23:30:00Z", "2026-03-02T00:30:00Z"]}  # fmt: skip
    paris = Columns(customer="person", touchpoint="event", at="timestamp", timezone="Europe/Paris")
    assert len(Log.from_frame(frame, COLUMNS).ask(Lifecycle("day"))) == 2
    assert len(Log.from_frame(frame, paris).ask(Lifecycle("day"))) == 1


def test_dates_that_stand_for_no_date_break_nothing() -> None:
    for zone, at in (
        ("America/New_York", "0001-01-01T00:00:00Z"),
        ("Asia/Tokyo", "9999-12-31T23:59:59Z"),
    ):
        columns = Columns(customer="person", touchpoint="event", at="timestamp", timezone=zone)
        log = Log.from_frame({"person": ["a"], "event": ["x"], "timestamp": [at]}, columns)
        for every in PERIODS:
            assert [row.new for row in log.ask(Lifecycle(every))] == [1]  # type: ignore[arg-type]
            assert log.ask(Retention(every=every)).table() == [[1]]
    far = {"person": ["a", "a"], "event": ["x", "x"], "timestamp": ["2020-01-01", "9999-12-31"]}
    for question in (Lifecycle("day"), Retention(every="month")):
        with pytest.raises(AnswerError, match="choose a longer period"):
            Log.from_frame(far, COLUMNS).ask(question)


def test_satisfaction_needs_something_said() -> None:
    log = Log.from_frame({"person": ["a"], "event": ["x"], "timestamp": ["2020-01-01"]}, COLUMNS)
    with pytest.raises(AnswerError, match=r"Columns\(score=…"):
        log.ask(Satisfaction())
    assert len(Log.from_interactions([]).ask(Satisfaction())) == 0
    for scales, told in (
        ({"nps": (1, 5)}, "from 0 to 10"), ({"csat": (5, 1)}, "below its highest"),
        ({"emotion": (1, 7)}, "name another kind"),
    ):  # fmt: skip
        with pytest.raises(ColumnsError, match=told):
            Columns(scales=scales)


def test_a_log_of_nobody_knows_no_names() -> None:
    nobody = Log.from_interactions([])
    assert nobody.ask(Retention("a")).rows == ()
    questions: list[Any] = [Loops(), KeyJourneys(), Deviations(), Transitions(working_time=True)]
    for question in questions:
        assert len(nobody.ask(question)) == 0
    assert [row.count for row in nobody.ask(Funnel(["a", "b"]))] == [0, 0]


def test_what_is_no_retention() -> None:
    log = Log.from_frame({"person": ["a", "a"], "event": ["x", "x"],
                          "timestamp": ["1950-01-01", "2020-01-01"]}, COLUMNS)  # fmt: skip
    with pytest.raises(UnknownName, match="did you mean 'x'"):
        log.ask(Retention("xx"))
    with pytest.raises(ElementError, match="perhaps 'month'"):
        Retention(every="mont")
    with pytest.raises(ElementError, match="'day', 'week'"):
        Lifecycle("fortnight")  # type: ignore[arg-type]
    with pytest.raises(AnswerError, match="choose a longer period"):
        log.ask(Retention(every="day"))
    followed = log.ask(Retention(every="day", periods=7))
    assert max(row.period for row in followed) == 6
    with pytest.raises(ElementError, match="periods"):
        Retention(periods=0)


@given(many, st.sampled_from(["touchpoint", "stage", "department", None]))
def test_satisfaction(given_: list[Interaction], by: str | None) -> None:
    answer = Log.from_interactions(given_, map=MAP).ask(Satisfaction(by))
    read = plain.level(MAP, by) if by else lambda one: "(all)"
    told: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for one in given_:
        name = read(one)
        if name is None:
            continue
        for kind, value in (("emotion", one.emotion), ("emotion_after", one.emotion_after)):
            if value is not None:
                told[name, kind].append((value, one.customer))
        if one.score is not None:
            told[name, one.score.kind].append((one.score.value, one.customer))
    assert {(row.element, row.kind) for row in answer} == set(told)
    for row in answer:
        values = [value for value, _ in told[row.element, row.kind]]
        assert row.n == len(values)
        assert row.customers == len({who for _, who in told[row.element, row.kind]})
        assert row.mean == pytest.approx(sum(values) / len(values), abs=1e-4)
        if row.kind == "nps":
            wanted = 100 * (sum(v >= 9 for v in values) - sum(v <= 6 for v in values)) / row.n
        elif row.kind == "csat":
            wanted = sum(v >= 4 for v in values) / row.n
        else:
            wanted = row.mean
        assert row.score == pytest.approx(wanted)
        if row.low is not None and row.high is not None:
            assert row.low <= row.score <= row.high


def test_the_interval_of_nps_holds() -> None:
    """Of 20,000 simulated surveys of 40 customers, 95 % of the intervals hold the truth."""
    dice = np.random.default_rng(7)
    for up, down in ((0.5, 0.2), (0.1, 0.05), (0.85, 0.1)):
        answers = dice.multinomial(40, [up, down, 1 - up - down], size=20_000)
        bounds = np.array([nps_interval(int(p), int(d), 40) for p, d, _ in answers])
        truth = 100 * (up - down)
        held = ((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean()
        assert 0.93 < held < 0.985, (up, down, held)
