"""What comes late is put where it belongs, and costs what its lateness costs."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import ElementError, Interaction, Live, Signal, Tracker
from journeymap.adapters.stores.sql_tables import SqlJournal
from journeymap.tracking.fold import MAX_PRODUCTS
from tests.factories import JOURNEY, SHOP, T0, count_told, folded

MINUTE = timedelta(minutes=1)
NAMES = ("order", "delivery", "first_use", "call")


def sent(number: int, step: timedelta = MINUTE) -> list[Interaction]:
    return [Interaction("ada", NAMES[n % 4], T0 + n * step, id=str(n)) for n in range(number)]


@pytest.mark.parametrize("late", ["a microsecond", "pairs swapped", "shuffled by minutes"])
def test_a_little_late_reads_no_history(
    store: str, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    given = sent(200)
    if late == "a microsecond":
        given.append(Interaction("ada", "call", given[-1].at - timedelta(microseconds=1), id="x"))
    elif late == "pairs swapped":
        given = [one for a, b in zip(given[::2], given[1::2], strict=True) for one in (b, a)]
    else:
        dice = random.Random(1)
        given.sort(key=lambda one: one.at + dice.random() * 8 * MINUTE)
    read: list[str] = []
    plain = SqlJournal.history

    def counted(self: SqlJournal, customer: str, after: int = 0) -> Any:
        read.append(customer)
        return plain(self, customer, after)

    with Live(SHOP, store) as live:
        monkeypatch.setattr(SqlJournal, "history", counted)
        told: Counter[Signal] = Counter()
        for one in given:
            count_told(told, live.record(one).signals)
        assert read == []
        end = max(one.at for one in given)
        _, expected = folded(Tracker(SHOP, None), given, end)
        assert +told == sum(expected.values(), Counter())
        state, _ = Tracker(SHOP, None).follow(None, given)
        assert live.position("ada") == state.position


def test_a_state_stays_small(store: str) -> None:
    """Thousands within the horizon, or of products: what is kept does not grow with them."""
    many = [
        Interaction("ada", "call", T0 + n * timedelta(milliseconds=1), id=str(n), product=f"p{n}")
        for n in range(1000)
    ]
    with Live(SHOP, store) as live:
        live.record_many(many[:500])
        sizes = [len(live.store.read(lambda tx: tx.states.read(["ada"]))["ada"].text)]
        live.record_many(many[500:])
        sizes.append(len(live.store.read(lambda tx: tx.states.read(["ada"]))["ada"].text))
        assert sizes[1] < 1.1 * sizes[0] < 50_000
        state = live.state("ada")
        assert state is not None
        assert list(state.products) == [f"p{n}" for n in range(1000 - MAX_PRODUCTS, 1000)]
        assert state.count == 1000


@settings(max_examples=150)
@given(
    st.lists(st.integers(0, 40), max_size=25),
    st.integers(1, 6),
    st.sampled_from([0, 3, 10, 60]),
    st.randoms(use_true_random=False),
)
def test_a_tracker_that_remembers_few_is_right_or_says_too_late(
    minutes: list[int], remember: int, horizon: int, dice: Any
) -> None:
    """Where nothing came too late, state and signals are those of the right order."""
    given = [
        Interaction("ada", dice.choice("abc"), T0 + minute * MINUTE, id=str(n))
        for n, minute in enumerate(minutes)
    ]
    if not given:
        return
    tracker = Tracker(JOURNEY, horizon * MINUTE, remember=remember)
    state, told = tracker.follow(None, given)
    assert tracker.from_json(tracker.to_json(state)) == state
    late = [one for one in told if one.kind == "too late"]
    if late:
        return
    whole, expected = Tracker(JOURNEY, None).follow(None, given)

    def held(signals: tuple[Signal, ...]) -> Counter[Signal]:
        found: Counter[Signal] = Counter()
        count_told(found, signals)
        return +found

    assert held(told) == held(expected)
    assert state.position == whole.position
    times = Counter(one.at for one in given)
    assert len(state.recent) <= remember + max(times.values())


def test_remember_is_a_number() -> None:
    with pytest.raises(ElementError, match="remember"):
        Tracker(SHOP, remember=0)
