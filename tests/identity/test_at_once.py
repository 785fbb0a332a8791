"""Evidence learned at once is evidence learned piece by piece: every answer is the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap.exceptions import IdentityError
from journeymap.identity import Identities, IdentityRules, Namespace, Split
from journeymap.identity.graph import EvidenceGraph
from journeymap.identity.learning import LearnedIdentities
from journeymap.interactions import Evidence
from tests.factories import ids
from tests.identity.test_identities import PIECES, RULES, RULINGS, at, met

PLAIN = IdentityRules(
    [Namespace("u", most=2, shared=3), Namespace("e", most=3, shared=3), Namespace("p", shared=2)]
)
STEPS = st.lists(
    st.one_of(
        st.lists(PIECES, max_size=12),
        RULINGS,
        st.just("ask"),
        st.tuples(st.sampled_from(["withdraw", "forget"]), st.integers(0, 9)),
    ),
    max_size=6,
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn in bulk from the first piece on."""
    monkeypatch.setattr(LearnedIdentities, "_least_at_once", 1)


def piece_by_piece(rules: IdentityRules) -> Identities:
    """Identities that are watched learn each piece as it comes."""
    who = Identities(rules)
    who.watch(lambda name: None)
    return who


def answers(who: Identities) -> dict[str, Any]:
    """All that can be asked."""
    customers = sorted(who.customers)
    return {
        "ids": who.customer_ids(),
        "number": len(who),
        "shared": set(who.shared),
        "evidence": Counter(who.evidence),
        "identities": set(who.identities),
        "of": {name: who.identities_of(name) for name in customers},
        "spans": {name: sorted(map(repr, who.spans_of(name))) for name in customers},
        "beside": {name: who.owners_beside(name) for name in customers},
        "links": {name: links(who, name) for name in customers},
    }


def links(who: Identities, name: str) -> Counter[Any]:
    """What makes a customer one; of pieces of one time, any may be the one that joined."""
    return Counter(
        (frozenset(one.identities), one.at, one.source, one.batch, one.dropped)
        for one in who.explain(name)
    )


def take(who: Identities, step: Any) -> None:
    if isinstance(step, Split):
        who.apply_split(step)
    elif isinstance(step, list):
        who.learn(step)
    elif step == "ask":
        answers(who)
    elif step[0] == "withdraw":
        who.withdraw("guess")
    else:
        names = sorted(who.customers)
        if names:
            who.forget(names[step[1] % len(names)])


@pytest.mark.parametrize("rules", [RULES, PLAIN, IdentityRules()])
@given(steps=STEPS)
def test_every_answer_is_the_same(rules: IdentityRules, steps: list[Any]) -> None:
    who, other = Identities(rules), piece_by_piece(rules)
    for step in steps:
        take(who, step)
        take(other, step)
    assert answers(who) == answers(other)


@given(pieces=st.lists(PIECES, max_size=15), name=st.sampled_from(["u0", "e1", "p1"]))
def test_a_shared_value_links_no_one_whenever_it_is_met(pieces: list[Evidence], name: str) -> None:
    who, other = Identities(PLAIN), piece_by_piece(PLAIN)
    crowd = [met(f"{name} u{n + 10}", n) for n in range(5)]
    for one in (who, other):
        one.learn(crowd)
        one.settle()
        one.learn(pieces)
    assert answers(who) == answers(other)


def crowd(number: int) -> Iterator[Evidence]:
    """Evidence of many, with a value that half of them share and some who have too many."""
    dice = random.Random(7)
    for _ in range(number):
        n = dice.randrange(number // 2)
        words = dice.choice([f"u{n} e{n}", f"e{n} p{n // 9}", f"u{n} p1", f"u{n // 40} e{n}"])
        yield met(words, dice.random() * 90, dice.choice("st"))


def test_thousands_of_pieces_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LearnedIdentities, "_least_at_once", 1000)
    given = list(crowd(6000))
    who, other = Identities(PLAIN), piece_by_piece(PLAIN)
    who.learn(given)
    other.learn(given)
    assert answers(who) == answers(other)
    late = list(crowd(3000))
    who.learn(late)
    other.learn(late)
    assert answers(who) == answers(other)


def test_what_came_before_an_error_is_kept() -> None:
    def broken() -> Iterator[Evidence]:
        yield met("u1 e1")
        raise OSError("the file ended")

    who = Identities(PLAIN)
    with pytest.raises(OSError, match="the file ended"):
        who.learn(broken())
    assert len(who) == 1


def test_one_may_ask_while_evidence_comes() -> None:
    who = Identities(PLAIN)
    found = []

    def asking() -> Iterator[Evidence]:
        for n in range(1, 5):
            yield met(f"u{n} e{n}")
            found.append(len(who))

    who.learn(asking())
    assert found == [1, 2, 3, 4]
    assert len(who) == 4


def test_an_interrupted_piece_is_learned_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LearnedIdentities, "_least_at_once", 10**9)
    learn_piece = LearnedIdentities._learn_piece
    left = [3]

    def interrupted(self: LearnedIdentities, piece: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        learn_piece(self, piece)

    who = Identities(PLAIN)
    who.learn(met(f"u{n} e{n}", n) for n in range(1, 7))
    monkeypatch.setattr(LearnedIdentities, "_learn_piece", interrupted)
    with pytest.raises(KeyboardInterrupt):
        who.settle()
    assert len(who) == 6


def test_without_numpy_every_piece_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "journeymap.identity.evidence_groups", None)
    who = Identities(PLAIN)
    who.learn([met("u1 e1"), met("e1 e2", 1)])
    assert who.customer(*ids("e2")) == who.customer(*ids("u1"))


def test_a_name_that_was_never_given_leads_nowhere() -> None:
    who = Identities(PLAIN)
    who.learn([met("u1 e1")])
    with pytest.raises(IdentityError):
        who.current("c-0")
    assert who.customer(*ids("u1"), at=at(3)) == next(iter(who.customers))


def test_a_version_is_asked_for_without_folding_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever learns and asks whether anything was new does not fold a group at every piece."""
    folded = []
    refold = EvidenceGraph._refold

    def counted(self: EvidenceGraph, entries: Any) -> None:
        folded.append(len(entries))
        refold(self, entries)

    monkeypatch.setattr(EvidenceGraph, "_refold", counted)
    who = piece_by_piece(IdentityRules([Namespace("u", most=1, shared=None), Namespace("c")]))
    versions = []
    for n in range(50, 0, -1):
        who.learn(met(f"u{n} c1", n))
        versions.append(who.version)
    assert len(set(versions)) == 50
    assert len(folded) <= 1
