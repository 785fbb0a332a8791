"""Hold-outs: the side of a customer stays, whoever they turn out to be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Identity, IdentityRules, Live, Namespace, NextBest, Offer, Record
from journeymap.analysis import Lift, Log
from tests.factories import HOUR, SHOP, T0, ids
from tests.factories import happened as at

HALF = Offer("router", propensity=0.5, leads_to="call", hold_out=0.5)
OFFERING = SHOP.add(HALF)
RULES = IdentityRules([Namespace("u"), Namespace("e")])


def record(names: str, hours: float, *, happened: bool = True, seen: float | None = None) -> Record:
    """``u1 e1`` did something at an hour, or was only seen then."""
    then = T0 + (hours if seen is None else seen) * HOUR
    [first, *_] = names.split()
    one = at("order", hours, "?", id=f"{names} {hours}") if happened else None
    return Record(ids(names), then, first, interaction=one)


def is_held(live: Live, identity: str) -> bool:
    assert live.identities is not None
    [name] = [live.identities.customer(one) for one in ids(identity)]
    assert name is not None
    state = live.state(name)
    assert state is not None
    choice = NextBest(OFFERING).choose(state, T0 + 1000 * HOUR)
    past = live.state(name, T0 + 900 * HOUR)
    assert past is not None
    assert past.assigned_id == state.assigned_id
    return choice.best is None


def test_merged_customers_keep_the_side_of_whoever_was_recorded_first(store: str) -> None:
    with Live(OFFERING, store, identities=RULES) as live:
        live.take(record(f"e{n}", 5) for n in range(11, 51))  # recorded first, although met later
        live.take(record(f"u{n}", 1) for n in range(11, 51))
        sides = [is_held(live, f"e{n}") for n in range(11, 51)]
        others = [is_held(live, f"u{n}") for n in range(11, 51)]
        assert 0 < sum(sides) < 40
        assert sides != others
        live.take(record(f"u{n} e{n}", 6, happened=False) for n in range(11, 51))
        assert live.identities is not None
        assert live.identities.customer(ids("u13")[0]) == live.identities.customer(ids("e13")[0])
        for n in range(11, 51):
            assert is_held(live, f"u{n}") == is_held(live, f"e{n}") == sides[n - 11]


def test_a_side_outlives_all_that_may_happen(shared: str) -> None:
    with Live(OFFERING, shared, identities=RULES) as live:
        live.take([record("e1", 5), record("u1", 1), record("u2", 2)])
        [side, other] = [is_held(live, name) for name in ("e1", "u2")]
        live.take([record("u1 e1", 6, happened=False)])
        live.take([record("u1 u9", 7, seen=-100)])  # an older identity: another id
        live.take([record("u1 e1", -300)])  # late
        assert is_held(live, "u1") == side
        live.correct(at("order", 8, "?", id="u1 1", source="web"))
        assert is_held(live, "u1") == side
    again = OFFERING.add(Offer("more", leads_to="order"))
    with Live(again, shared, identities=RULES) as live:
        live.rebuild()
        assert (is_held(live, "u1"), is_held(live, "u2")) == (side, other)


@settings(max_examples=40)
@given(st.permutations([f"{kind}{n}" for kind in "ue" for n in range(21, 25)]), st.randoms())
def test_of_those_split_off_each_has_a_side_of_their_own(order: list[str], dice: Any) -> None:
    with Live(OFFERING, "memory", identities=RULES) as live:
        live.take(record(name, place) for place, name in enumerate(order))
        own = {name: is_held(live, name) for name in order}
        live.take([record(f"u{n} e{n}", 20, happened=False) for n in range(21, 25)])
        for n in range(21, 25):
            first = min(f"u{n}", f"e{n}", key=order.index)
            assert is_held(live, f"u{n}") == is_held(live, f"e{n}") == own[first]
        assert live.identities is not None
        name = live.identities.customer(Identity("u", "21"))
        assert name is not None
        live.split(name, ids(dice.choice(["u21", "e21"])), reason="two people")
        assert (is_held(live, "u21"), is_held(live, "e21")) == (own["u21"], own["e21"])


def test_no_id_of_the_forgotten_is_kept_for_a_side(store: str) -> None:
    """Whoever was split off keeps none of the other's ids."""
    with Live(OFFERING, store, identities=RULES) as live:
        live.take([record("u31 e31", 5)])
        assert live.identities is not None
        name = str(live.identities.customer(ids("u31")[0]))
        older = live.identities.first_id(ids("e31")[0])
        live.split(name, ids("e31"), reason="two people")
        for one in live.customers():
            state = live.state(one)
            assert state is not None
            assert state.assigned_id in (None, one)
            assert older in (one, name) or state.assigned_id != older


def test_lift_knows_the_sides_of_a_live_store(store: str) -> None:
    with Live(OFFERING, store, identities=RULES) as live:
        live.take(record(f"e{n}", 5) for n in range(11, 71))
        live.take(record(f"u{n}", 1) for n in range(11, 71))
        live.take(record(f"u{n} e{n}", 6, happened=False) for n in range(11, 71))
        held = sum(is_held(live, f"u{n}") for n in range(11, 71))
        log = Log.from_store(live.store, map=OFFERING)
    rows = {row["group"]: row["n"] for row in log.ask(Lift("router")).to_dicts()}
    assert rows == {"offered": 60 - held, "held out": held}
    known = log.ask(Lift("router", within=timedelta(microseconds=1))).to_dicts()
    assert known[0]["n"] == 60 - held
