"""Moments of truth: reached, awaited, overdue; conditions live and in the log."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Calendar,
    Channel,
    Condition,
    Count,
    Department,
    Hours,
    Interaction,
    InteractionError,
    JourneyMap,
    Moment,
    Money,
    Not,
    Product,
    Score,
    Stage,
    Touchpoint,
    Wait,
    tracking,
)
from journeymap.analysis import Log
from journeymap.exceptions import AnswerError
from journeymap.model.conditions import leaves
from journeymap.testing import interactions
from journeymap.tracking import (
    LapStarted,
    MomentOverdue,
    MomentReached,
    Signal,
    State,
    Tracker,
    Withdrawn,
    codec,
)
from journeymap.tracking.codec import read_signal, signal_text
from tests.factories import DAY, HOUR, JOURNEY, T0, arrived, at, folded

OFFICE = Calendar("office", [Hours(opens=time(9), closes=time(17))])
SHOP = JourneyMap(
    "shop",
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    channels=[Channel("web")],
    products=[Product("fibre")],
    calendars=[OFFICE],
    departments=[Department("care", calendar="office"), Department("sales")],
    touchpoints=[
        Touchpoint("order", "choose", department="sales"),
        Touchpoint("delivery", "use"),
        Touchpoint("first_use", "use"),
        Touchpoint("call", "use", department="care"),
    ],
)


def watched(when: Condition, **more: Any) -> Tracker:
    return Tracker(SHOP.add(Moment("it", when, **more)), None)


def reached(tracker: Tracker, *given_: Interaction, until: float = 10_000) -> list[float]:
    """The hours at which the moment was reached."""
    state, told = tracker.follow(None, given_)
    _, more = tracker.advance(state, T0 + until * HOUR)
    signals = [s for s in (*told, *more) if isinstance(s, MomentReached)]
    return [(signal.at - T0) / HOUR for signal in signals]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (At("outcome", ("failed",)), [1]),
        (At("department", ("care",)), [1, 5]),
        (At("channel", ("web",)), [0]),
        (At("product", ("fibre",)), [3]),
        (At("stage", ("use",)), [1, 3, 5]),
        (At("phase", ("buy",)), [0]),
        (Between("emotion", at_most=-0.5), [1]),
        (Between("value", at_least=0.07, currency="EUR"), [3]),
        (Between("nps", at_least=9), [5]),
        (Count("call", 2), [5]),
        (Count("call", 2, 3 * HOUR), []),
        (Wait("call", 2 * HOUR), [3, 5]),
        (Absence("first_use", "delivery", 7 * DAY), [3 + 168]),
        (Absence("call", "delivery", 2 * HOUR), []),
        (Not(Absence("call", "delivery", 2 * HOUR)), [0, 1, 5, 5]),
        (All((Count("call", 2), At("product", ("fibre",)))), []),
        (AnyOf((At("product", ("fibre",)), Between("nps", at_least=9))), [3, 5]),
    ],
    ids=str,
)
def test_conditions(when: Condition, expected: list[float]) -> None:
    given_ = [
        at("order", 0, channel="web"),
        at("call", 1, outcome="failed", emotion=-0.5),
        at("delivery", 3, product="fibre", value=Money("0.07", "EUR")),
        at("call", 5, score=Score("nps", 9)),
    ]
    assert sorted(reached(watched(when), *given_)) == expected


def test_counts_alone_make_a_moment_once() -> None:
    calls = [at("call", n) for n in range(5)]
    assert reached(watched(Count("call", 3)), *calls, at("order", 6)) == [2]
    later = [at("call", n) for n in (0, 1, 2, 50, 51, 52)]
    assert reached(watched(Count("call", 3, 10 * HOUR)), *later) == [2, 52]


def test_a_deadline_is_met_by_the_owner_alone() -> None:
    tracker = watched(At("outcome", ("failed",)), owner="sales", action="Call", deadline=4 * HOUR)
    state, [*_, made] = tracker.fold(None, at("call", 0, outcome="failed"))
    assert isinstance(made, MomentReached)
    assert (made.owner, made.action, made.due) == ("sales", "Call", T0 + 4 * HOUR)
    assert [timer.what for timer in state.timers] == ["moment overdue"]
    state, _ = tracker.fold(state, at("call", 1))  # taken by care
    met, told = tracker.fold(state, at("order", 4))
    assert not any(isinstance(s, MomentOverdue) for s in told)
    assert not met.timers
    _, told = tracker.advance(state, T0 + 5 * HOUR)
    assert [s.at for s in told if isinstance(s, MomentOverdue)] == [T0 + 4 * HOUR]


def test_a_deadline_in_working_time() -> None:
    tracker = watched(At("outcome", ("failed",)), owner="care", deadline=4 * HOUR)
    _, [*_, made] = tracker.fold(None, at("order", 6, outcome="failed"))  # Monday 15:00
    assert isinstance(made, MomentReached)
    assert made.due == T0 + DAY + 2 * HOUR  # Tuesday 11:00
    friday = 4 * 24 + 7
    _, [*_, made] = tracker.fold(None, at("order", friday, outcome="failed"))
    assert isinstance(made, MomentReached)
    assert made.due == T0 + 7 * DAY + 3 * HOUR


def test_what_comes_late_takes_back_what_was_told() -> None:
    tracker = watched(Absence("first_use", "delivery", 7 * DAY))
    state, _ = tracker.fold(None, at("delivery", 0))
    state, [made] = tracker.advance(state, T0 + 8 * DAY)
    assert isinstance(made, MomentReached)
    state, told = tracker.fold(state, at("first_use", 24))
    assert told == (Withdrawn("ada", made.at, made.tie, made),)
    assert not state.timers


def test_beyond_the_horizon_it_is_said() -> None:
    tracker = Tracker(SHOP, HOUR)
    state, _ = tracker.follow(None, [at("order", 0), at("delivery", 10)])
    after, [told] = tracker.fold(state, at("call", 5, id="7", source="crm"))
    assert told.kind == "too late"
    assert after == state
    with pytest.raises(InteractionError, match="this state is that of 'ada'"):
        tracker.fold(state, Interaction("ben", "order", T0))
    with pytest.raises(InteractionError, match="without a zone"):
        tracker.advance(state, datetime(2026, 3, 2))


POINTS = ("a", "b", "c")
_lengths = st.integers(1, 200).map(lambda n: n * HOUR)
_point = st.sampled_from(POINTS)
_simple: st.SearchStrategy[Condition] = st.one_of(
    st.builds(At, st.just("touchpoint"), st.lists(_point, min_size=1, max_size=2, unique=True)),
    st.builds(At, st.just("outcome"), st.just(["failed"])),
    st.builds(At, st.just("department"), st.just(["sales"])),
    st.builds(At, st.just("stage"), st.sampled_from([["want"], ["use"]])),
    st.builds(Between, st.just("emotion"), at_most=st.integers(-9, 9).map(lambda n: n / 10)),
    st.builds(Between, st.just("value"), st.integers(0, 400), currency=st.just("EUR")),
    st.builds(Between, st.just("nps"), st.integers(0, 10)),
    st.builds(Count, _point, st.integers(1, 4), st.none() | _lengths),
    st.builds(Wait, _point, _lengths),
    st.builds(Absence, _point, _point, _lengths),
)
_conditions: st.SearchStrategy[Condition] = st.recursive(
    _simple,
    lambda inner: (
        st.builds(All, st.lists(inner, min_size=1, max_size=3))
        | st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3))
        | st.builds(Not, inner)
    ),
    max_leaves=5,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.lists(st.tuples(interactions(touchpoints=POINTS), st.integers(0, 1)), max_size=25),
    _conditions,
    st.randoms(use_true_random=False),
)
def test_the_log_finds_what_the_tracker_tells(
    drawn: list[tuple[Interaction, int]], when: Condition, dice: Any
) -> None:
    assume(not all(isinstance(leaf, Count) for leaf in leaves(when)))
    journey = JOURNEY.add(Moment("it", when))
    sent = arrived(drawn, dice)
    log = Log.from_interactions(sent, map=journey)
    as_of = max((one.at for one in sent), default=T0)
    try:
        some = log.where(when)
        found = Counter(
            (customer, name)
            for part in some.parts(None)
            for customer, name in zip(
                part.ids.gather(part.journey.astype("uint32")).to_list(),
                [part.names("touchpoint")[code] for code in part.touchpoints.tolist()],
                strict=True,
            )
        )
    except AnswerError:
        assume(False)
    _, held = folded(Tracker(journey, None), sent, as_of, dice)
    told = Counter(
        (s.customer, s.touchpoint)
        for mine in held.values()
        for s in mine.elements()
        if isinstance(s, MomentReached)
    )
    assert told == found


@given(
    st.lists(st.tuples(interactions(touchpoints=POINTS), st.integers(0, 1)), min_size=1),
    st.lists(_conditions, max_size=3),
    st.randoms(use_true_random=False),
    st.sampled_from([timedelta(0), 20 * HOUR, None]),
)
def test_states_survive_being_written(
    drawn: list[tuple[Interaction, int]],
    when: list[Condition],
    dice: Any,
    horizon: timedelta | None,
) -> None:
    journey = JOURNEY.add(*(Moment(f"m{n}", one, owner="sales", deadline=9 * HOUR)
                            for n, one in enumerate(when)))  # fmt: skip
    tracker = Tracker(journey, horizon)
    states: dict[str, State] = {}
    written: dict[str, State] = {}
    for one in arrived(drawn, dice):
        told: list[tuple[Signal, ...]] = []
        for kept in (states, written):
            kept[one.customer], signals = tracker.fold(kept.get(one.customer), one)
            told.append(signals)
        assert told[0] == told[1]
        name = one.customer
        if dice.random() < 0.3:
            now = states[name].clock + dice.randrange(0, 90) * HOUR
            states[name], first = tracker.advance(states[name], now)
            written[name], second = tracker.advance(written[name], now)
            assert first == second
        written[name] = tracker.from_json(tracker.to_json(written[name]))
        assert written == {**states, name: states[name]}


def test_signals_of_every_kind_have_a_form_as_text() -> None:
    offered = [one for one in vars(tracking).values() if isinstance(one, type)]
    kinds = [kind for kind in offered if issubclass(kind, Signal) and kind is not Signal]
    assert len(kinds) == 14
    for kind in kinds:
        values: dict[str, Any] = {}
        for one in attrs.fields(kind):
            hint = str(one.type)
            values[one.name] = (
                T0 if "datetime" in hint
                else LapStarted("ada", T0, 0, 2) if hint == "Signal"
                else ("sales", "support") if "tuple" in hint
                else 2 if "int" in hint else "text"
            )  # fmt: skip
        signal = kind(**values)
        assert read_signal(signal_text(signal)) == signal


def test_a_field_of_a_signal_without_a_form_as_text_is_refused() -> None:
    for hint in (timedelta, tuple[int, ...], list[datetime]):
        with pytest.raises(TypeError, match="has no form as text"):
            codec._pair(hint)
    assert codec._pair(datetime | None)[0](T0) == T0.isoformat()
