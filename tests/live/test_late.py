"""What comes late is put where it belongs, and costs what its lateness costs."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    Between,
    Count,
    ElementError,
    Interaction,
    JourneyMap,
    Live,
    Moment,
    Money,
    Score,
    Signal,
    Tracker,
    Withdrawn,
)
from journeymap.adapters.stores.sql_journal import SqlJournal
from journeymap.tracking.fold import MAX_PRODUCTS
from tests.factories import HOUR, JOURNEY, SHOP, T0, count_told, folded
from tests.factories import happened as at

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
        assert set(state.products) == {f"p{n}" for n in range(1000 - MAX_PRODUCTS, 1000)}
        assert state.count == 1000


def test_one_late_and_one_later_in_a_batch_ask_for_nothing_false(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0 + 30 * 24 * HOUR) as live:
        live.record_many([at("delivery", 0), at("call", 72)])
        receipts = live.record_many([at("first_use", 24), at("call", 240)])
        assert [one.kind for receipt in receipts for one in receipt.signals] == []
        assert live.store.read(lambda tx: tx.outbox.select()) == []


@pytest.mark.parametrize("first", [250, 255, 256, 300])
def test_more_products_than_are_followed_and_late_ones(first: int) -> None:
    days = 24 * HOUR
    sent = [
        Interaction("ada", "call", T0 + n * days, id=str(n), product=f"p{n % first:03}")
        for n in range(first + 3)
    ]
    late = [
        Interaction("ada", "order", T0 + n * days / 2, id=f"l{n}", product=f"q{n}")
        for n in range(1, 4)
    ]
    with Live(SHOP, clock=lambda: T0 + 900 * days) as live:
        for one in sent:
            live.record(one)
        live.record_many(late[:2])
        live.record(late[2])
        whole, _ = Tracker(SHOP, None).follow(None, [*sent, *late])
        state = live.state("ada")
        assert state is not None
        assert state.fold_state == Tracker(SHOP, None).advance(whole, state.clock)[0].fold_state


@pytest.mark.parametrize("products", [250, 400])
def test_several_late_ones_at_once_of_a_customer_with_many_products(
    store: str, products: int
) -> None:
    """The first makes a difference for a short time only, and stands nowhere but in the batch."""
    given = [at("call", n, product=f"k{n}") for n in range(products)]
    late = [at("call", 50.5, outcome="failed"), at("order", 200.5, product="k10")]
    with Live(SHOP, store, clock=lambda: T0 + 60 * 24 * HOUR) as live:
        live.record_many(given)
        live.record_many(late)
        live.record(at("call", 600))
        whole, _ = Tracker(SHOP, None).follow(None, [*given, *late, at("call", 600)])
        state = live.state("ada")
        assert state is not None
        assert state.fold_state == Tracker(SHOP, None).advance(whole, state.clock)[0].fold_state


RICH = JOURNEY.add(
    Moment("silent", Absence("c", "b", 15 * HOUR), action="Call"),
    Moment("often", Count("a", 3, within=40 * HOUR), action="Ask", deadline=6 * HOUR),
    Moment(
        "angry",
        Between("emotion", at_most=-0.5),
        owner="sales",
        deadline=3 * HOUR,
        cool_down=9 * HOUR,
    ),
    Moment("unused", Absence("c", "a", 12 * HOUR), per="product", cool_down=30 * HOUR),
    Moment("back", Count("b", 2, within=60 * HOUR), per="product"),
)
"""A map on which nearly everything that comes late makes a difference."""
ENDING = RICH.replace(evolve(RICH.touchpoints["b"], ends=True))


def happenings(dice: Any, number: int, hours: int) -> list[Interaction]:
    def maybe(share: float, value: Any) -> Any:
        return value if dice.random() < share else None

    return [
        Interaction(
            "ada", dice.choice("abc"), T0 + dice.randrange(hours * 4) * HOUR / 4, id=str(n),
            product=maybe(0.4, dice.choice(["p", "q", "r", f"only {n}"])),
            department=maybe(0.3, dice.choice(["sales", "billing"])),
            emotion=maybe(0.3, dice.choice([-0.8, 0.5])), outcome=maybe(0.3, "failed"),
            value=maybe(0.3, Money(Decimal(dice.randrange(5)), dice.choice(["EUR", "USD"]))),
            score=maybe(0.2, Score("nps", dice.randrange(11), 0, 10)),
        )
        for n in range(number)
    ]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=80)
@given(
    st.integers(2, 90),
    st.sampled_from([20, 300, 3000]),
    st.sampled_from([3, 6, 32]),
    st.sampled_from([0, 5, 60]),
    st.sampled_from([RICH, ENDING]),
    st.randoms(use_true_random=False),
)
def test_however_late_it_is_as_if_in_order(
    number: int, hours: int, spacing: int, lateness: int, journey: JourneyMap, dice: Any
) -> None:
    """Folded from checkpoints, and only to where it makes no difference: state and signals."""
    sent = happenings(dice, number, hours)
    if lateness:
        sent.sort(key=lambda one: one.at + dice.random() * lateness * HOUR)
    now = T0 + (hours + 200) * HOUR
    told: Counter[Signal] = Counter()
    with (
        mock.patch("journeymap.live.late.SPACING", spacing),
        Live(journey, "memory", clock=lambda: now) as live,
    ):
        place = 0
        while place < len(sent):
            some = sent[place : place + dice.choice([1, 1, 1, 2, 7])]
            place += len(some)
            for receipt in live.record_many(some):
                for signal in receipt.signals:
                    assert not isinstance(signal, Withdrawn) or told[signal.signal] > 0
                    count_told(told, [signal])
            if dice.random() < 0.1:
                count_told(told, live.advance(T0 + dice.randrange(hours) * HOUR))
            whole, _ = Tracker(journey, None).follow(None, sent[:place])
            state = live.state("ada")
            assert state is not None
            expected = Tracker(journey, None).advance(whole, state.clock)[0]
            assert state.fold_state == expected.fold_state
        count_told(told, live.advance(now))
        _, true = folded(Tracker(journey, None), sent, now)
        assert +told == sum(true.values(), Counter())
        waiting = live.store.read(lambda tx: tx.outbox.select(status="waiting"))
        asked = [
            one
            for one in true.get("ada", ())
            if getattr(one, "action", "") or one.kind == "moment overdue"
        ]
        assert sorted(one.id for one in waiting) == sorted(one.key for one in asked)


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
