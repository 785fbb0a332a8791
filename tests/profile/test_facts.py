"""Offers ask for consents and traits, and never go to whom a purpose is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import (
    Consented,
    ElementError,
    HasTrait,
    Moment,
    NextBest,
    Not,
    Offer,
    ProfileRules,
    Purpose,
    TraitRule,
    Weight,
    dumps,
    loads,
)
from journeymap.analysis import Columns, Log, Transitions
from journeymap.documents import schema
from journeymap.exceptions import AnswerError, DocumentError, UnknownName
from journeymap.interactions import Consent, Trait
from journeymap.tracking import Tracker
from tests.factories import DAY, HOUR, SHOP, T0
from tests.factories import happened as at

OFFERING = SHOP.add(
    Offer("router", propensity=0.5, value=9, purpose="marketing"),
    Offer("gift", propensity=0.5, eligible=[HasTrait("segment", ["gold", "silver"])]),
    Offer("letter", propensity=0.1, weights=[Weight(Consented("post"), 3)]),
)
STATE = Tracker(OFFERING).fold(None, at("order", 0))[0]


def lost(facts: Any, rules: ProfileRules | None = None, hours: float = 100) -> dict[str, str]:
    choice = NextBest(OFFERING, rules=rules).choose(STATE, T0 + hours * HOUR, facts)
    return {one.offer: one.lost for one in choice.candidates}


def consent(purpose: str, given: bool, hours: float) -> Consent:
    return Consent(purpose, given, "crm", T0 + hours * HOUR)


def test_a_purpose_needs_consent_and_says_so() -> None:
    assert lost([])["router"] == "no consent to 'marketing' is known"
    assert lost([consent("marketing", True, 1)])["router"] == ""
    refused = [consent("marketing", True, 1), consent("marketing", False, 2)]
    assert lost(refused)["router"] == "the customer refused 'marketing'"
    assert lost(refused[::-1])["router"] == "the customer refused 'marketing'"
    assert lost(refused, hours=1.5)["router"] == ""  # before it was refused
    free = ProfileRules(purposes=[Purpose("marketing", needs_consent=False)])
    assert lost([], free)["router"] == ""
    assert lost(refused, free)["router"] == "the customer refused 'marketing'"
    with pytest.raises(UnknownName, match="marketing"):
        NextBest(OFFERING, rules=ProfileRules(purposes=[Purpose("service")]))


def test_traits_and_consents_in_conditions() -> None:
    assert lost([])["gift"] == "not eligible: trait 'segment' is 'gold' or 'silver'"
    gold, wood = (
        Trait("segment", value, source, T0 + n * HOUR)
        for n, (value, source) in enumerate([("gold", "billing"), ("wood", "web")])
    )
    assert lost([gold])["gift"] != lost([gold, wood])["gift"]
    assert "not eligible" in lost([gold, wood])["gift"]
    trusted = ProfileRules(
        [TraitRule("segment", "trusted", trusted=["billing"])], purposes=[Purpose("marketing")]
    )
    assert "not eligible" not in lost([gold, wood], trusted)["gift"]
    choice = NextBest(OFFERING).choose(STATE, T0 + DAY, [consent("post", True, 1)])
    assert {one.offer: one.context for one in choice.candidates}["letter"] == 3


@pytest.mark.parametrize(("wanted", "kept"), [(True, "true"), (5, "5"), (5.0, "5"), ("x", "x")])
def test_traits_are_compared_as_texts(wanted: Any, kept: str) -> None:
    condition = HasTrait("t", [wanted])
    assert condition.values == (kept,)
    again = loads(dumps(SHOP.add(Offer("o", eligible=[condition])), format="yaml"), format="yaml")
    assert again.offers["o"].eligible == (condition,)
    offering = SHOP.add(Offer("o", propensity=1, eligible=[condition]))
    state, _ = Tracker(offering).fold(None, at("order", 0))
    choice = NextBest(offering).choose(state, T0 + DAY, [Trait("t", wanted, "crm", T0)])
    assert choice.best is not None


def test_documents_write_them_plainly() -> None:
    text = """
id: shop
stages: [{id: use, phase: own}]
offers:
  - id: a
    purpose: marketing
    eligible: [{consent: post, trait: {segment: gold}}, {trait: segment is gold or silver}]
  - id: b
    eligible: [{not: {trait: {vip: true}}}, {trait: {age: [18, 19]}}]
"""
    journey = loads(text, format="yaml")
    [both, sentence] = journey.offers["a"].eligible
    assert str(both) == "consent to 'post' and trait 'segment' is 'gold'"
    assert sentence == HasTrait("segment", ["gold", "silver"])
    assert journey.offers["b"].eligible == (
        Not(HasTrait("vip", True)), HasTrait("age", [18, 19]),
    )  # fmt: skip
    for format_ in ("yaml", "json"):
        assert loads(dumps(journey, format=format_), format=format_) == journey
    for wrong in ("{trait: gold}", "{trait: {a: b, c: d}}", "{trait: {a: {b: c}}}", "{consent: }"):
        with pytest.raises(DocumentError):
            loads(text.replace("{trait: segment is gold or silver}", wrong), format="yaml")
    assert "consent" in schema()["$defs"]["Condition"]["properties"]


def test_a_moment_is_asked_of_interactions_alone() -> None:
    for fact in (Consented("post"), HasTrait("segment", "gold")):
        with pytest.raises(ElementError, match="in an offer"):
            Moment("m", Not(fact))


def test_a_log_asks_its_columns() -> None:
    rows = [
        {"who": "ada", "what": "order", "at": "2026-03-01T09:00:00Z", "segment": "gold"},
        {"who": "ben", "what": "order", "at": "2026-03-01T09:00:00Z", "segment": "wood"},
    ]
    frame = {name: [row[name] for row in rows] for name in rows[0]}
    log = Log.from_frame(
        frame, Columns(customer="who", touchpoint="what", at="at", extra=["segment"]), map=SHOP
    )
    assert log.where(HasTrait("segment", "gold")).interactions == 1
    with pytest.raises(UnknownName, match="vip"):
        log.where(HasTrait("vip", True)).ask(Transitions())
    with pytest.raises(AnswerError, match="no consents"):
        log.where(Consented("post")).ask(Transitions())


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=6),
    st.randoms(use_true_random=False),
)
def test_nothing_is_offered_where_the_last_word_is_no(given_: Any, dice: Any) -> None:
    facts = [consent("marketing", yes, hour) for yes, hour in given_]
    dice.shuffle(facts)
    last = max((hour for _, hour in given_), default=None)
    agreed = last is not None and all(yes for yes, hour in given_ if hour == last)
    assert (lost(facts)["router"] == "") is agreed
