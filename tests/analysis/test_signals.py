"""The signals of a log are those that the tracker emits, one by one and in their order."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from attrs import asdict, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Calendar,
    Condition,
    Count,
    Department,
    Hours,
    Interaction,
    JourneyMap,
    JourneyMapError,
    KeyJourney,
    Moment,
    Money,
    Not,
    Persona,
    Product,
    Sequence,
    Wait,
)
from journeymap.analysis import (
    Columns,
    Deviations,
    KeyJourneys,
    Log,
    Loops,
    Positions,
    Signals,
)
from journeymap.analysis.questions.found_signals import SIGNAL_KINDS
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.simulation import broadband, broadband_customers
from journeymap.testing import interactions, maps
from journeymap.tracking import Signal, Tracker
from tests.factories import BEGIN, HOUR, JOURNEY, MAP, T0, at


def emitted(journey: JourneyMap, log: Log, until: datetime) -> list[dict[str, Any]]:
    """What the tracker emits of each customer of a log, and of the time until then."""
    tracker = Tracker(journey, horizon=timedelta(0))
    found: list[dict[str, Any]] = []
    for history in sorted(log.histories(), key=lambda mine: mine[0].customer):
        mine = [one for one in history if one.at <= until]
        if mine:
            state, signals = tracker.follow(None, mine)
            _, later = tracker.advance(state, until)
            found += [plain(signal) for signal in (*signals, *later)]
    return found


def plain(signal: Signal) -> dict[str, Any]:
    cells = {"kind": signal.kind, **asdict(signal, recurse=False)}
    return {name: cell for name, cell in cells.items() if cell is not None}


def answered(log: Log, question: Signals) -> list[dict[str, Any]]:
    """The signals of a log, as the tracker's; when a moment was answered is in the log's alone."""
    rows = log.ask(question).frame.drop("answered").to_dicts()
    return [{name: cell for name, cell in row.items() if cell is not None} for row in rows]


def check(journey: JourneyMap, log: Log, until: datetime | None = None) -> int:
    last = max(one.at for mine in log.histories() for one in mine)
    want = emitted(journey, log, until or last)
    got = answered(log, Signals(as_of=until))
    assert got == want
    return len(want)


hours = st.integers(1, 90).map(lambda count: count * HOUR)
maybe_hours = st.none() | hours
point = st.sampled_from(["a", "b", "c"])
simple: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from([
        At("touchpoint", ["a"]), At("touchpoint", ["b", "c"]), At("stage", ["use", "buy"]),
        At("channel", ["web"]), At("outcome", ["failed"]), At("department", ["sales"]),
    ]),
    st.builds(Between, st.just("nps"), at_least=st.integers(0, 10)),
    st.builds(Between, st.just("emotion"), at_most=st.sampled_from([-0.5, 0.25])),
    st.builds(Between, st.just("value"), st.integers(0, 500), currency=st.just("EUR")),
    st.builds(Count, point, st.integers(1, 3), maybe_hours),
    st.builds(Wait, point, hours),
    st.builds(Absence, point, point, hours),
    st.builds(Absence, point, point, hours),
    st.builds(lambda one, two, within, first: Sequence(one, two, within=within, occurrence=first),
              point, point, maybe_hours, st.sampled_from(["any", "first"])),
    st.builds(lambda one, two, far: Sequence(one, Not(far), two), point, point, point),
)  # fmt: skip
conditions = st.recursive(
    simple,
    lambda inner: (
        st.builds(All, st.lists(inner, min_size=1, max_size=3))
        | st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3))
        | st.builds(Not, inner)
    ),
    max_leaves=4,
)
moments = st.builds(
    Moment, st.uuids().map(str), conditions, owner=st.sampled_from([None, "sales", "billing"]),
    deadline=maybe_hours, per=st.sampled_from([None, None, "product", "order"]),
    cool_down=maybe_hours,
)  # fmt: skip
OFFICE = JOURNEY.add(
    Calendar("office", [Hours("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", time(9), time(17))])
).replace(Department("billing", calendar="office"))


@st.composite
def followed(draw: st.DrawFn) -> tuple[JourneyMap, list[Interaction], int]:
    """A map whose limits are often just met, or one of any kind; interactions, and hours later."""
    few = draw(st.lists(moments, max_size=3, unique_by=lambda one: one.id))
    journey = draw(maps()) if draw(st.integers(0, 9)) == 0 else OFFICE.add(*few)
    points = (*journey.touchpoints, "elsewhere")
    departments = (*journey.departments, "nowhere")
    single = interactions(customers=("ada", "ben"), touchpoints=points, departments=departments)
    ordered = st.builds(
        lambda one, order, at: evolve(one, at=at, extra=(("order", order),) if order else ()),
        single, st.sampled_from(["", "", "1", "2"]),
        st.integers(0, 120).map(lambda count: BEGIN + count * HOUR),
    )  # fmt: skip
    return journey, draw(st.lists(ordered, min_size=1, max_size=25)), draw(st.integers(0, 200))


@pytest.mark.slow
@settings(max_examples=500)
@given(followed())
def test_signals_are_the_trackers(drawn: tuple[JourneyMap, list[Interaction], int]) -> None:
    journey, given_, later = drawn
    log = Log.from_interactions(given_, map=journey)
    check(journey, log)
    check(journey, log, BEGIN + later * HOUR)


def test_signals_of_the_broadband_company() -> None:
    journey = broadband()
    log = Log.from_interactions(broadband_customers(400), map=journey)
    assert check(journey, log) > 5_000
    every = log.ask(Signals()).frame
    for kind in SIGNAL_KINDS:
        assert log.ask(Signals(kind)).frame.equals(every.filter(pl.col("kind") == kind))
        assert len(log.ask(Signals()).of(kind)) == len(log.ask(Signals(kind)))


MISSED = At("outcome", ["failed"])
HELP = MAP.add(Moment("help", MISSED, owner="sales", action="Call back", deadline=4 * HOUR))


def test_a_moment_knows_when_it_was_answered() -> None:
    happened = [at("c", 0, outcome="failed"), at("a", 3), at("c", 9, outcome="failed"),
                at("c", 30)]  # fmt: skip
    log = Log.from_interactions(happened, map=HELP)
    rows = log.ask(Signals("moment reached")).of("moment reached").to_dicts()
    assert [(row["due"] - T0, row["answered"]) for row in rows] == [
        (4 * HOUR, T0 + 3 * HOUR), (13 * HOUR, None)]  # fmt: skip
    [overdue] = log.ask(Signals("moment overdue"))
    assert (overdue.at, overdue.reached, overdue.owner) == (T0 + 13 * HOUR, T0 + 9 * HOUR, "sales")


def test_what_is_emitted_at_one_time_keeps_its_order() -> None:
    few = [Moment(name, MISSED) for name in ("z", "y", "x")]
    log = Log.from_interactions([at("a", 0, outcome="failed")] * 2, map=MAP.add(*few))
    reached = [(row.tie, row.moment) for row in log.ask(Signals("moment reached"))]
    assert reached == [(tie, name) for tie in (0, 1) for name in ("z", "y", "x")]


def test_each_journey_of_a_view_is_followed_alone() -> None:
    happened = [at("a", 0, product="tv"), at("c", 1, product="tea"), at("b", 2, product="tv")]
    log = Log.from_interactions(happened, map=MAP).per("product")
    assert [(row.stage, row.source) for row in log.ask(Signals("stage entered"))] == [
        ("want", None), ("buy", "want"), ("use", None)]  # fmt: skip


def test_columns_that_a_log_does_not_have_meet_no_condition() -> None:
    asks: tuple[Condition, ...] = (
        Between("nps", 9),
        Between("value", 1, currency="EUR"),
        At("channel", ["web"]),
    )
    few = [Moment(f"m{n}", one, per="order") for n, one in enumerate(asks)]
    frame = {"customer": ["ada"], "touchpoint": ["c"], "at": [0]}
    log = Log.from_frame(frame, Columns(at_unit="s"), map=MAP.add(*few))
    assert len(log.ask(Signals("moment reached"))) == 0


def test_signals_need_a_map_times_and_known_kinds() -> None:
    frame = {"customer": ["ada"], "touchpoint": ["c"], "at": [0]}
    with pytest.raises(AnswerError, match="read the log with map"):
        Log.from_frame(frame, Columns(at_unit="s")).ask(Signals())
    with pytest.raises(AnswerError, match="no times"):
        Log.from_frame(frame, Columns(at=None), map=MAP).ask(Signals())
    with pytest.raises(UnknownName, match="moment reached"):
        Signals("moment reachd")
    with pytest.raises(UnknownName, match="handoff"):
        Log.from_interactions([at("a", 0)], map=MAP).ask(Signals()).of("hand off")
    with pytest.raises(AnswerError, match="a time with a zone"):
        Signals(as_of=datetime(2026, 3, 1))
    assert len(Log.from_interactions([]).ask(Signals())) == 0


def test_a_bound_between_two_numbers_is_not_met_by_the_lower() -> None:
    few = [Moment("tiny", Between("value", 1e-231, currency="EUR")),
           Moment("low", Between("emotion", at_most=0.49999)),
           Moment("high", Between("emotion", 0.50001))]  # fmt: skip
    happened = [at("a", 0, value=Money(Decimal(0), "EUR"), emotion=0.5)]
    log = Log.from_interactions(happened, map=MAP.add(*few))
    assert check(MAP.add(*few), log) == 1


@pytest.mark.parametrize("when", [
    Sequence(At("outcome", ["failed"]), "b"), Sequence("a", At("product", ["tv"])),
    Sequence("a", Not(Between("nps", 9)), "b"), Sequence(Count("a", 1), "b"),
])  # fmt: skip
def test_steps_may_ask_for_what_a_log_does_not_have(when: Condition) -> None:
    journey = MAP.add(Product("tv"), Moment("s", when))
    check(journey, Log.from_interactions([at("a", 0), at("b", 1)], map=journey))


def test_what_keeps_apart_is_what_interactions_carry() -> None:
    wait = Absence("c", "a", 5 * HOUR)
    fans = Persona("fan", products=["tv"])
    journey = MAP.add(Product("tv"), Product("tea"), fans, Moment("s", wait, per="persona"))
    bought = [at("a", 0, product="tv"), at("c", 1, product="tea"), at("c", 7)]
    check(journey, Log.from_interactions(bought, map=journey))
    frame = {"customer": ["ada"] * 3, "touchpoint": ["a", "c", "b"], "at": [0, 3600, 36000]}
    for names, per in ((["extra.foo"], "foo"), (["foo"], "foo"), (["extra.foo"], "extra.foo"),
                       (["foo", "extra.foo"], "foo"), (["extra.value"], "value")):  # fmt: skip
        kept = {name: list("121" if place else "122") for place, name in enumerate(names)}
        keyed = MAP.add(Moment("s", wait, per=per))
        log = Log.from_frame({**frame, **kept}, Columns(at_unit="s", extra=names), map=keyed)
        check(keyed, log)


LONG = [timedelta(days=days) for days in (1_200_000, 3_000_000, 106_751_000, 200_000_000)]


@pytest.mark.parametrize("length", [*LONG, timedelta.max])
def test_lengths_may_be_longer_than_all_years(length: timedelta) -> None:
    journey = evolve(MAP, dormant_after=length).add(
        Moment("due", At("touchpoint", ["a"]), owner="sales", deadline=length, cool_down=length),
        Moment("absent", Absence("c", "a", length)),
        Moment("in_time", Sequence("a", "b", within=length)),
        Moment("waited", Wait("a", length)),
        KeyJourney("k", "a", "b", within=length, given_up_after=length),
    )
    for begun in (datetime(1000, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)):
        happened = [evolve(at("a", 0), at=begun), evolve(at("c", 0), at=begun + 9 * HOUR),
                    evolve(at("b", 0), at=datetime(4500, 1, 1, tzinfo=UTC))]  # fmt: skip
        log = Log.from_interactions(happened, map=journey)
        check(journey, log)
        check(journey, log, datetime(9000, 1, 1, tzinfo=UTC))
        log.ask(Deviations(), KeyJourneys(), Loops(), Positions())


def test_times_may_be_the_first_and_the_last() -> None:
    log = Log.from_interactions([at("a", 0)], map=MAP)
    for zone in (UTC, timezone(-9 * HOUR), timezone(9 * HOUR)):
        first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
        assert len(log.ask(Signals(as_of=first))) == len(log.ask(Positions(first))) == 0
        assert len(log.ask(Signals("stage entered", as_of=last))) == 1
        assert log.ask(Positions(last))[0].dormant
    begun = Log.from_interactions([evolve(at("a", 0), at=datetime(1, 1, 1, tzinfo=UTC))], map=MAP)
    assert begun.ask(Signals(as_of=datetime.min.replace(tzinfo=timezone(9 * HOUR)))).followed == 0
    before = T0 - 9 * HOUR
    assert log.ask(Signals(as_of=before)).as_of == before
    end = Log.from_interactions([evolve(at("a", 0), at=datetime.max.replace(tzinfo=UTC))], map=MAP)
    assert end.last is not None
    assert len(end.ask(Signals(as_of=end.last))) == 1


@pytest.mark.parametrize("kinds", [3, True, [], b"handoff", [3]])
def test_kinds_are_named(kinds: Any) -> None:
    with pytest.raises(JourneyMapError, match="kind"):
        Signals(kinds)
