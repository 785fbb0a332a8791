"""The single view: the same from a log, a live store, gathered records, and all of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from journeymap import (
    At,
    Channel,
    Consent,
    Customer,
    Customers,
    Department,
    ElementError,
    Identity,
    IdentityError,
    IdentityRules,
    Interaction,
    InteractionError,
    JourneyMap,
    Live,
    Moment,
    Namespace,
    ProfileRules,
    Purpose,
    Record,
    Stage,
    Touchpoint,
    Trait,
    TraitRule,
    UnknownName,
)
from journeymap.analysis import Log, NextStep
from journeymap.testing import interactions
from journeymap.views import customer_page, draw_customer
from tests.factories import at

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=30)
SHOP = JourneyMap(
    "shop",
    dormant_after=timedelta(days=9),
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    departments=[Department("sales"), Department("support")],
    channels=[Channel("web"), Channel("phone")],
    touchpoints=[Touchpoint("a", "choose", department="sales"), Touchpoint("b", "choose"),
                 Touchpoint("c", "use", department="support", channels=["phone"])],
    moments=[Moment("lost", At("outcome", ["failed"]), owner="support", action="call",
                    deadline=timedelta(days=400))],
)  # fmt: skip
ADA = Identity("user", "ada")


def bare(view: Customer) -> Customer:
    """A view without what a log does not keep."""
    return evolve(view, journey=tuple(evolve(one, id=None, extra=()) for one in view.journey))


@given(st.lists(interactions(customers=("ada",)), min_size=1, max_size=12), st.integers(0, 500))
def test_it_is_the_same_whoever_recorded(taken: list[Interaction], hours: int) -> None:
    taken = sorted(taken, key=lambda one: one.at)
    with Live(SHOP, clock=lambda: NOW) as live:
        live.record_many(taken)
        log = Log.from_interactions(taken, map=SHOP)
        table = log.ask(NextStep()).table
        as_of = T0 + timedelta(hours=hours)
        for when in (None, as_of):
            if when is not None and not any(one.at <= when for one in taken):
                continue
            expected = Customer.of("ada", live, likely=table, as_of=when)
            assert bare(Customer.of("ada", log, likely=table, as_of=when)) == bare(expected)
            both = Customer.of("ada", live, log, likely=table, as_of=when)
            assert both == expected
            assert bare(Customer.of("ada", log, live, likely=table, as_of=when)) == bare(expected)
            assert json.loads(expected.to_json())["id"] == "ada"
            assert expected.position == (live.position("ada", when) if when else expected.position)


def record(days: float, source: str = "crm", **more: Any) -> Record:
    return Record([ADA], T0 + timedelta(days=days), source, **more)


def gathered(*records: Record) -> tuple[Customers, str]:
    customers = Customers(IdentityRules([Namespace("user"), Namespace("email")]))
    customers.take(records)
    return customers, customers.identities.customer(ADA) or ""


PROFILE = ProfileRules(
    [TraitRule("plan", "trusted", trusted=["billing", "crm"], personal=False),
     TraitRule("born", "first"), TraitRule("income", purposes=["credit"])],
    purposes=[Purpose("marketing"), Purpose("credit", needs_consent=False)],
)  # fmt: skip


def test_traits_by_rule_with_their_source_and_time() -> None:
    customers, name = gathered(
        record(1, "billing", traits={"plan": "fibre", "city": "Rome"}),
        record(3, "web", traits={"plan": "none", "city": "Pisa", "born": 1980}),
        record(2, "crm", traits={"plan": "mobile", "born": 1979}),
    )
    view = Customer.of(name, customers, rules=PROFILE)
    told = {one.name: (one.value, one.source) for one in view.traits}
    assert told == {"plan": ("fibre", "billing"), "city": ("Pisa", "web"), "born": (1979, "crm")}
    assert view.traits[0].at == T0 + timedelta(days=2)
    assert view.personal == ("born", "city")
    before = Customer.of(name, customers, rules=PROFILE, as_of=T0 + timedelta(days=2))
    assert {one.name: one.value for one in before.traits}["city"] == "Rome"


TRAITS = st.builds(Trait, st.just("plan"), st.sampled_from([1, "x", None, [2]]),
                   st.sampled_from(["a", "b"]),
                   st.integers(0, 3).map(lambda n: T0 + timedelta(days=n)))  # fmt: skip


@given(st.lists(TRAITS, min_size=1, max_size=6), st.sampled_from(["latest", "first", "trusted"]),
       st.randoms(use_true_random=False))  # fmt: skip
def test_which_trait_counts_does_not_depend_on_the_order(
    traits: list[Trait], keep: Any, dice: Any
) -> None:
    rule = TraitRule("plan", keep, trusted=["b"] if keep == "trusted" else ())
    chosen = rule.choose_value(traits)
    dice.shuffle(traits)
    assert rule.choose_value(traits) == chosen
    if keep == "trusted" and any(one.source == "b" for one in traits):
        assert chosen.source == "b"
    if keep == "first":
        assert chosen.at == min(one.at for one in traits)


def test_a_purpose_without_consent_withholds_everything() -> None:
    happened = Interaction("x", "c", T0 + timedelta(days=1), outcome="failed")
    secret = record(1, "web", traits={"name": "Lovelace", "income": 9}, interaction=happened)
    customers, name = gathered(secret, record(2, "web", consents={"marketing": False}))
    refused = Customer.of(name, customers, map=SHOP, rules=PROFILE, purpose="marketing")
    assert refused.withheld
    page = customer_page(refused, personal=True)
    for told in (repr(refused), refused.to_json(), page, draw_customer(refused)):
        assert "Lovelace" not in told
        assert not re.search(r"\bada\b", told)
        assert "support" not in told
    assert refused.consents == (Consent("marketing", False, "web", T0 + timedelta(days=2)),)
    customers.take(record(3, "web", consents={"marketing": True}))
    given_ = Customer.of(name, customers, map=SHOP, rules=PROFILE, purpose="marketing")
    assert given_.position is not None
    assert given_.withheld == ("trait income",)  # for another purpose alone
    assert [one.moment for one in given_.moments] == ["lost"]
    credit = Customer.of(name, customers, map=SHOP, rules=PROFILE, purpose="credit")
    assert "income" in {one.name for one in credit.traits}
    with pytest.raises(UnknownName, match="did you mean 'marketing'"):
        Customer.of(name, customers, rules=PROFILE, purpose="marketting")


def test_personal_values_are_hidden() -> None:
    customers, name = gathered(record(1, traits={"name": "Lovelace", "plan": "fibre"}))
    view = Customer.of(name, customers, rules=PROFILE)
    for told in (repr(view), repr(view.traits), repr(view.identities), draw_customer(view),
                 repr(record(1, traits={"name": "Lovelace"}, interaction=Interaction(
                     "Lovelace", "a", T0))), customer_page(view)):  # fmt: skip
        assert "Lovelace" not in told
        assert "'ada'" not in told
    assert "fibre" in customer_page(view)  # the rule says that a plan is not personal
    assert "Lovelace" in customer_page(view, personal=True)
    assert view.to_dict()["traits"]["name"]["value"] == "Lovelace"


def test_nobody_and_wrong_rules() -> None:
    customers, name = gathered(record(1))
    with pytest.raises(IdentityError, match="c-nobody: nothing is known"):
        Customer.of("c-nobody", customers)
    with pytest.raises(IdentityError, match=r"^nothing is known"):
        Customer.of("ada@example.org", customers)  # no id of ours: it may be an address
    with pytest.raises(IdentityError, match="nothing is known"):
        Customer.of("zoe", Log.from_interactions([], map=SHOP))
    with pytest.raises(ElementError, match="only with it"):
        TraitRule("plan", trusted=["crm"])
    with pytest.raises(UnknownName, match="purpose"):
        ProfileRules([TraitRule("plan", purposes=["x"])])
    empty = Customer.of(name, customers)
    assert empty.position is None
    assert "nothing happened" in draw_customer(empty)


def test_hostile_names_stay_names() -> None:
    wrong = '"><script>alert(1)</script>'
    happened = [
        Interaction("x", f"{wrong}{n}", T0 + timedelta(hours=n), channel=f"{wrong}{n % 12}",
                    department=f"{n % 11}{wrong}", outcome=wrong, emotion=(n % 21 - 10) / 10)
        for n in range(120)
    ]  # fmt: skip
    customers, name = gathered(
        *(record(1, wrong, interaction=one, traits={wrong: wrong}) for one in happened)
    )
    view = Customer.of(name, customers, map=SHOP)
    for told in (draw_customer(view), customer_page(view, personal=True)):
        assert "<script>" not in told
    assert "the latest 80 of 120" in draw_customer(view)
    assert (view._repr_html_() or "").startswith("<svg")


def test_consent_of_today_decides_whatever_time_is_looked_at() -> None:
    customers, name = gathered(
        record(1, consents={"marketing": True}), record(5, consents={"marketing": False})
    )
    then = T0 + timedelta(days=2)
    view = Customer.of(name, customers, rules=PROFILE, purpose="marketing", as_of=then)
    assert view.withheld
    assert view.consents[0].given  # as it was then


def test_those_who_know_them_by_former_names_are_asked_too() -> None:
    happened = Interaction("x", "a", T0 + timedelta(days=1))
    mail = Identity("email", "ada@example.org")
    customers, name = gathered(
        record(1, interaction=happened), Record([mail], T0 + timedelta(days=2), "web")
    )
    former = customers.identities.customer(mail) or ""
    with Live(SHOP, clock=lambda: NOW) as old:
        old.record(Interaction(former, "c", T0 + timedelta(days=3)))
        customers.take(Record([ADA, mail], T0 + timedelta(days=4), "crm"))
        view = Customer.of(name, customers, old)
        assert [one.touchpoint for one in view.journey] == ["a", "c"]
        assert Customer.of(former, old, customers).id == name
        with Live(SHOP, clock=lambda: NOW, identities=IdentityRules()) as plain:
            plain.record(Interaction("ada", "a", T0))
            assert len(Customer.of("ada", plain).journey) == 1


@pytest.mark.parametrize("value", [{1, 2}, b"x", float("nan"), "\ud800", object()])
def test_a_trait_that_no_journal_can_keep_is_refused(value: object) -> None:
    with pytest.raises(InteractionError, match="trait 'secret'") as caught:
        record(1, traits={"secret": value})
    assert repr(value) not in str(caught.value)
    kept = record(1, traits={"born": date(1980, 1, 2), "spent": Decimal("9.90")})
    assert kept.traits == (("born", "1980-01-02"), ("spent", "9.90"))


def test_times_are_compared_by_what_they_are() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    early = datetime(2026, 10, 25, 2, 50, tzinfo=berlin)
    late = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=berlin)  # twenty minutes later
    traits = [Trait("plan", "new", "crm", late), Trait("plan", "old", "crm", early)]
    assert TraitRule("plan").choose_value(traits).value == "new"
    happened = [Interaction("x", "a", at) for at in (early, late)]
    customers, name = gathered(*(record(1, interaction=one) for one in happened))
    assert "20 min later" in draw_customer(Customer.of(name, customers))


def test_interactions_that_differ_in_what_both_carry_are_two() -> None:
    """What only one of them carries does not part them."""
    one = at("order", 0, extra={"number": 1, "clerk": "bob"})
    same, other = at("order", 0, extra={"number": "1"}), at("order", 0, extra={"number": "2"})
    log = Log.from_interactions([same])
    assert len(Customer.of("ada", log, Log.from_interactions([one])).journey) == 1
    assert len(Customer.of("ada", log, Log.from_interactions([other])).journey) == 2
    assert len(Customer.of("ada", log, Log.from_interactions([at("order", 0)])).journey) == 1
