"""What was set aside: whose it is when it is recorded, and when it comes back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Evidence, Identity, IdentityRules, Interaction, Live, Namespace, Record
from tests.factories import DAY, HOUR, SHOP, T0

RULES = IdentityRules([Namespace("user", most=1), Namespace("tel", shared=3)])
USER, TEL = Identity("user", "ada-1"), Identity("tel", "555")


def call(at: datetime, touchpoint: str = "call") -> Interaction:
    return Interaction("?", touchpoint, at, source="pbx", id="1")


def linked(*numbers: int) -> list[Evidence]:
    users = [Identity("user", f"user-{n}") for n in numbers] or [USER]
    return [Evidence([user, TEL], T0, "splink", weight=0.9) for user in users]


def test_what_no_touchpoint_is_known_for_does_not_wait(store: str) -> None:
    """A clock a second fast, and a name that the map does not know: only a time has its time."""
    with Live(SHOP, store, strict=True, clock=lambda: T0) as live:
        soon = T0 + timedelta(seconds=1)
        live.record_many(
            Interaction(f"c{n}", "unheard", soon, source="web", id=str(n)) for n in range(500)
        )
        assert live.advance() == ()
        assert len(live.set_aside()) == 500


@pytest.mark.parametrize("how", ["split", "withdraw", "stays"])
def test_what_came_too_early_is_of_whom_it_leads_to_then(store: str, how: str) -> None:
    now = [T0]
    with Live(SHOP, store, identities=RULES, clock=lambda: now[0]) as live:
        live.take([Record([USER], T0, "crm"), Record([TEL], T0, "pbx")])
        live.link(linked(), threshold=0.5, batch="b")
        live.take([Record([TEL], T0 + HOUR, "pbx", interaction=call(T0 + HOUR))])
        known = live.identities
        assert known is not None
        if how == "withdraw":
            live.withdraw("b")
        elif how == "split":
            live.split(known.customer(USER) or "", [TEL], reason="another")
        now[0] = T0 + 2 * HOUR
        live.advance()
        known = live.identities
        assert known is not None
        mine, theirs = (live.history(known.customer(one) or "") for one in (USER, TEL))
        assert len(theirs) == 1
        assert len(mine) == (1 if how == "stays" else 0)
        assert live.set_aside() == ()


def test_what_leads_to_no_one_when_its_time_comes_stays_aside() -> None:
    now = [T0]
    with Live(SHOP, identities=RULES, clock=lambda: now[0]) as live:
        live.take([Record([TEL], T0 + HOUR, "pbx", interaction=call(T0 + HOUR))])
        live.link(linked(2, 3, 4, 5), threshold=0.5, batch="r")  # the telephone is shared now
        now[0] = T0 + 2 * HOUR
        live.advance()
        [(_, reason)] = live.set_aside()
        assert reason.startswith("no customer")
        assert list(live.customers()) == []
        live.withdraw("r")
        assert live.set_aside() == ()
        assert len(live.history(next(iter(live.customers())))) == 1


def test_a_withdrawn_batch_gives_back_what_it_set_aside(store: str) -> None:
    with Live(SHOP, store, identities=RULES, clock=lambda: T0 + 9 * DAY) as live:
        live.take([Record([USER, TEL], T0, "crm"), Record([TEL], T0, "web", interaction=call(T0))])
        known = live.identities
        assert known is not None
        ada = known.customer(USER) or ""
        live.link(linked(2, 3, 4), threshold=0.5, batch="r")
        assert (len(live.history(ada)), len(live.set_aside())) == (0, 1)
        live.withdraw("r")
        assert (len(live.history(ada)), len(live.set_aside())) == (1, 0)
        state = live.state(ada)
        assert state is not None
        assert state.count == 1


def test_a_correction_of_what_was_set_aside_keeps_its_customer(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0) as live:
        early = Interaction("ada", "call", T0 + HOUR, source="pbx", id="1")
        live.record(early)
        receipt = live.correct(Interaction("zoe", "order", T0, source="pbx", id="1"))
        assert (receipt.customer, list(live.customers())) == ("ada", ["ada"])


def test_a_correction_follows_the_identities_of_what_was_set_aside(store: str) -> None:
    with Live(SHOP, store, identities=RULES, clock=lambda: T0) as live:
        live.take([Record([USER], T0, "crm"),
                   Record([USER], T0 + HOUR, "pbx", interaction=call(T0 + HOUR))])  # fmt: skip
        receipt = live.correct(call(T0, "order"))
        known = live.identities
        assert known is not None
        ada = known.customer(USER) or ""
        assert (receipt.customer, list(live.customers())) == (ada, [ada])
        assert [one.touchpoint for one in live.history(ada)] == ["order"]


def test_a_correction_of_what_leads_to_no_one_stays_aside() -> None:
    rules = IdentityRules([Namespace("user")])
    nobody = Identity("user", "anonymous")
    with Live(SHOP, identities=rules, clock=lambda: T0) as live:
        live.take([Record([nobody], T0, "pbx", interaction=call(T0))])
        receipt = live.correct(call(T0, "order"))
        assert receipt.set_aside is not None
        [(one, _)] = live.set_aside()
        assert (one.touchpoint, list(live.customers())) == ("order", [])


def test_what_was_retracted_does_not_come_back(store: str) -> None:
    """Also where no identity of it leads to anyone."""
    rules = IdentityRules([Namespace("user")])
    record = Record([Identity("user", "anonymous")], T0, "pbx", interaction=call(T0))
    with Live(SHOP, store, identities=rules, clock=lambda: T0) as live:
        live.take([record])
        live.retract("pbx", "1")
        live.take([record])
        assert live.set_aside() == ()


def test_any_tolerance_is_a_length_of_time() -> None:
    with Live(SHOP, tolerance=timedelta.max, clock=lambda: T0) as live:
        assert live.record(Interaction("ada", "call", T0 + 9999 * DAY)).set_aside is None


def test_what_led_to_no_one_and_lies_ahead_comes_back_in_its_time(store: str) -> None:
    now = [T0]
    with Live(SHOP, store, identities=RULES, clock=lambda: now[0]) as live:
        live.take([Record([TEL], T0, "pbx")])
        live.link(linked(2, 3, 4, 5), threshold=0.5, batch="r")
        live.take([Record([TEL], T0, "pbx", interaction=call(T0 + HOUR))])
        live.withdraw("r")
        [(_, reason)] = live.set_aside()
        assert "in the future" in reason
        now[0] = T0 + DAY
        live.advance()
        assert live.set_aside() == ()
        [customer] = live.customers()
        assert len(live.history(customer)) == 1


@pytest.mark.parametrize("when", ["before", "while one", "too early", "corrected"])
def test_a_withdrawn_link_gives_back_what_an_id_named(store: str, when: str) -> None:
    now = [T0 + (0 if when == "too early" else 9) * DAY]
    with Live(SHOP, store, identities=RULES, clock=lambda: now[0]) as live:
        live.take([Record([USER], T0, "crm"), Record([TEL], T0, "crm")])
        known = live.identities
        assert known is not None
        mine, theirs = (known.customer(one) or "" for one in (USER, TEL))
        given = [Interaction(mine, "call", T0 + HOUR, source="s", id="1"),
                 Interaction(theirs, "order", T0 + HOUR, source="s", id="2")]  # fmt: skip
        if when != "while one":
            live.record_many(given)
        live.link(linked(), threshold=0.5, batch="b")
        if when == "while one":
            live.record_many(given)
        if when == "corrected":
            for one in live.history(mine):
                live.correct(evolve(one, at=one.at + HOUR))
        live.withdraw("b")
        now[0] = T0 + 9 * DAY
        live.advance()
        found = [[one.touchpoint for one in live.history(name)] for name in (mine, theirs)]
        assert found == [["call"], ["order"]]


USERS = [Identity("user", f"user-{n}") for n in range(3)]
TELEPHONES = [Identity("tel", f"55{n}") for n in range(2)]
STEPS = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 1), st.integers(-2, 3)),
    st.tuples(st.just("link"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.just(0), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_each_interaction_is_of_whom_it_leads_to_today(steps: list[tuple[str, int, int]]) -> None:
    """Calls, early or late, links that come and go, and time that passes, in any order."""
    now, batches = [T0], dict[tuple[int, int], str]()
    calls = list[tuple[Identity, str]]()
    rules = IdentityRules([Namespace("user", most=1), Namespace("tel", shared=2)])
    with Live(SHOP, identities=rules, clock=lambda: now[0]) as live:
        live.take([Record([one], T0, "crm") for one in (*USERS, *TELEPHONES)])
        for step, (what, number, other) in enumerate(steps):
            tel, key = TELEPHONES[number], f"{step}"
            if what == "call":
                at = T0 + other * HOUR
                made = Interaction("?", "call", at, source="pbx", id=key)
                live.take([Record([tel], at, "pbx", interaction=made)])
                calls.append((tel, key))
            elif what == "link" and (number, other) in batches:
                live.withdraw(batches.pop((number, other)))
            elif what == "link":
                batches[number, other] = key
                found = Evidence([USERS[other], tel], T0, "splink", weight=0.9)
                live.link([found], threshold=0.5, batch=key)
            elif what == "wait":
                now[0] += HOUR
                live.advance()
        now[0] += DAY
        live.advance()
        known = live.identities
        assert known is not None
        owners = {key: known.customer(tel) for tel, key in calls}
        held = {one.id: who for who in live.customers() for one in live.history(who)}
        assert held == {key: who for key, who in owners.items() if who is not None}
        assert len(live.set_aside()) == len(owners) - len(held)
