"""Who stands where, time in slices, and another version of the map tried on the journal."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import ElementError, Live, Moment, UnknownName
from journeymap.live import recording
from journeymap.model import Absence, At, Count, JourneyMap
from journeymap.testing import interactions
from journeymap.tracking import MomentReached, Tracker
from tests.factories import DAY, HOUR, JOURNEY, SHOP, T0, arrived, folded
from tests.factories import happened as at

STRICTER = SHOP.add(Moment("busy", Count("call", 2), action="Listen"))


def test_who_stands_where(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journeymap.live.store_reading._PAGE", 3)
    with Live(SHOP, store) as live:
        assert list(live.customers()) == []
        live.record_many(at("order", n, f"b{n}") for n in range(5))
        live.record_many(at("delivery", n, f"a{n}") for n in range(4))
        live.record(at("a stranger", 1, "nobody"))
        assert list(live.customers("use")) == [f"a{n}" for n in range(4)]
        assert list(live.customers())[-2:] == ["b4", "nobody"]
        assert live.stage_counts() == {"choose": 5, "use": 4, None: 1}
        with pytest.raises(UnknownName, match="choose"):
            live.customers("chose")


def test_stages_are_those_of_todays_map(shared: str) -> None:
    with Live(SHOP, shared) as live:
        live.record_many(at("order", n, f"b{n}") for n in range(3))
    moved = SHOP.replace(evolve(SHOP.touchpoints["order"], stage="use"))
    with Live(moved, shared) as live:
        assert live.stage_counts() == {"choose": 0, "use": 3}
        assert list(live.customers("use")) == ["b0", "b1", "b2"]


def test_time_passes_in_slices(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "BATCH", 4)
    monkeypatch.setattr("journeymap.live.live.BATCH", 4)
    now = [T0 + HOUR]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        live.record_many(at("delivery", 0, f"c{n}") for n in range(10))
        now[0] = T0 + 30 * DAY
        slices = live.advance_in_slices()
        first = next(slices)
        assert len([one for one in first if isinstance(one, MomentReached)]) == 4
        live.record(at("call", 600, "c9"))  # recording goes on meanwhile
        rest = [one for some in slices for one in some]
        assert len({one.customer for one in (*first, *rest)}) == 9
        assert live.advance() == ()


def test_who_stops_between_slices_loses_nothing(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "BATCH", 3)
    monkeypatch.setattr("journeymap.live.live.BATCH", 3)
    now = [T0 + HOUR]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        live.record_many(at("delivery", 0, f"c{n}") for n in range(8))
        now[0] = T0 + 30 * DAY
        next(live.advance_in_slices())
        live.advance()
        taken: list[Any] = []
        live.deliver(taken.append)
        assert sorted(one.customer for one in taken) == [f"c{n}" for n in range(8)]


def test_a_dry_run_names_what_would_differ(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0 + 30 * DAY) as live:
        live.record_many(at("call", n, f"c{n % 3}") for n in range(7))
        before = {name: live.state(name) for name in live.customers()}
        seen: list[int] = []
        run = live.dry_run(STRICTER, seen.append)
        assert [(one.kind, one.name, one.gained, one.lost) for one in run.signals] == [
            ("moment reached", "busy", 3, 0)
        ]
        assert (run.customers, run.differing, len(run.gained), run.lost) == (3, 3, 3, ())
        assert "moment 'busy' was added" in " ".join(map(str, run.changes))
        assert "moment reached 'busy': +3 -0" in str(run)
        assert seen == [3]
        assert {name: live.state(name) for name in live.customers()} == before
        assert live.dry_run(SHOP).differing == 0
        with pytest.raises(ElementError, match="JourneyMap"):
            live.dry_run("shop")  # type: ignore[arg-type]


def test_a_dry_run_knows_the_time_that_passed_for_everyone(store: str) -> None:
    newer = JOURNEY.add(Moment("silent", Absence("b", "a", 10 * HOUR)))
    with Live(JOURNEY, store, clock=lambda: T0 + DAY) as live:
        live.record(at("a", 0))
        live.advance()
        assert [one.name for one in live.dry_run(newer).signals] == ["silent"]


NEWER = JOURNEY.add(
    Moment("silent", Absence("c", "a", 15 * HOUR)), Moment("bad", At("outcome", ["failed"]))
)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(interactions(touchpoints=("a", "b", "c")), st.integers(0, 1)), max_size=14),
    st.sampled_from([(JOURNEY, NEWER), (NEWER, JOURNEY)]),
    st.randoms(use_true_random=False),
)
def test_a_dry_run_is_the_difference_of_two_folds(
    drawn: Any, maps: tuple[JourneyMap, JourneyMap], dice: Any
) -> None:
    sent = arrived(drawn, dice)
    now = T0 + 400 * DAY
    with Live(maps[0], clock=lambda: now) as live:
        live.record_many(sent)
        live.advance(now)
        run = live.dry_run(maps[1])
        clocks = {name: live.state(name) for name in live.customers()}
        assert all(state and state.clock <= now for state in clocks.values())
    gained: Counter[Any] = Counter()
    lost: Counter[Any] = Counter()
    for name, state in clocks.items():
        assert state is not None
        mine = [one for one in sent if one.customer == name]
        [old, new] = [
            folded(Tracker(each, None), mine, now)[1].get(name, Counter()) for each in maps
        ]
        gained += new - old
        lost += old - new
    assert (Counter(run.gained), Counter(run.lost)) == (gained, lost)
    assert sum(one.gained for one in run.signals) == gained.total()
