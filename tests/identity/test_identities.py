"""Who is who: by example, against a plain twin, and whatever the order of arrival."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeymap import ElementError, Identity, JourneyMapError
from journeymap.exceptions import IdentityError
from journeymap.identity import (
    Identities,
    IdentityRules,
    Namespace,
    Split,
    evidence_from_links,
)
from journeymap.interactions import Evidence
from tests.factories import DAY, ids
from tests.identity.plain import resolved

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def at(days: float) -> datetime:
    return T0 + days * DAY


def met(text: str, days: float = 0, source: str = "s", batch: str | None = None) -> Evidence:
    return Evidence(ids(text), at(days), source, batch)


RULES = IdentityRules(
    [
        Namespace("u", most=1, shared=3),
        Namespace("e", most=2, shared=2),
        Namespace("p", shared=3, window=5 * DAY),
        Namespace("c", most=3, shared=None),
    ]
)
WORDS = st.sampled_from(
    [f"{space}{n}" for space, many in (("u", 5), ("e", 5), ("p", 4), ("c", 5)) for n in range(many)]
)
PIECES = st.builds(
    met,
    st.lists(WORDS, min_size=1, max_size=4, unique=True).map(" ".join),
    st.integers(0, 25),
    st.sampled_from(["s", "t"]),
    st.sampled_from([None, "guess"]),
)
SIDES = st.lists(WORDS, min_size=2, max_size=5, unique=True)
RULINGS = st.builds(
    lambda words, cut: Split(ids(" ".join(words[:cut])), ids(" ".join(words[cut:])), T0, "wrong"),
    SIDES,
    st.integers(1, 1),
)


def groups(who: Identities) -> set[frozenset[Any]]:
    """Every customer as the set of its identities, with the beginnings of their windows."""
    windowed = {space.name for space in who.rules.namespaces if space.window is not None}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    found: dict[str, set[Any]] = {name: set() for name in who.customers}
    for (namespace, value, first_met), customer in who.customer_ids().items():
        begin = epoch + timedelta(microseconds=first_met) if namespace in windowed else None
        if customer in found:
            found[customer].add(((namespace, value), begin))
    return set(map(frozenset, found.values()))


@given(
    st.lists(PIECES, max_size=25), st.lists(RULINGS, max_size=2), st.randoms(use_true_random=False)
)
def test_it_is_what_a_plain_twin_says_in_any_order(
    pieces: list[Evidence], rulings: list[Split], dice: Any
) -> None:
    expected = set(resolved(RULES, pieces, rulings).values())
    names = None
    for _ in range(3):
        who = Identities(RULES)
        steps: list[Any] = [*pieces, *rulings]
        dice.shuffle(steps)
        for step in steps:
            if isinstance(step, Split):
                who.apply_split(step)
            else:
                who.learn(step)
            if dice.random() < 0.3:
                who.settle()
        assert groups(who) == expected
        assert names is None or set(who.customers) == names
        names = set(who.customers)


@given(st.lists(PIECES, max_size=20), st.lists(RULINGS, max_size=1))
def test_what_is_withdrawn_never_was(pieces: list[Evidence], rulings: list[Split]) -> None:
    who = Identities(RULES)
    for ruling in rulings:
        who.apply_split(ruling)
    who.learn(pieces)
    who.withdraw("guess")
    assert groups(who) == set(
        resolved(RULES, [p for p in pieces if p.batch is None], rulings).values()
    )
    for ruling in rulings:
        who.withdraw_split(ruling)
    assert groups(who) == set(resolved(RULES, [p for p in pieces if p.batch is None]).values())


@given(st.lists(PIECES, max_size=20))
def test_what_is_kept_gives_the_same_again(pieces: list[Evidence]) -> None:
    who, again = Identities(RULES), Identities(RULES)
    who.learn(pieces)
    again.learn(who.evidence)
    assert groups(again) == groups(who)
    assert set(again.customers) == set(who.customers)


@given(st.lists(PIECES, max_size=20), st.lists(RULINGS, max_size=1))
def test_an_id_leads_on_and_each_change_is_told(
    pieces: list[Evidence], rulings: list[Split]
) -> None:
    """Whoever keeps things under ids hears of each id that stands for others than before."""
    told: set[str] = set()
    who = Identities(RULES)
    who.watch(told.add)
    plain = [p for p in pieces if not any(one.namespace == "p" for one in p.identities)]
    steps: list[Any] = [*plain, *rulings]
    for step in steps:
        before = {one: who.customer(one) for piece in plain for one in piece.identities}
        told.clear()
        if isinstance(step, Split):
            who.apply_split(step)
        else:
            who.learn(step)
        for one, name in before.items():
            now = who.customer(one)
            assert now == name or name is None or name in told
            if name is not None:
                with suppress(IdentityError):  # of what turned out to be shared
                    assert who.current(name) in set(who.customers)


def test_the_older_survives_and_the_other_leads_to_it() -> None:
    who = Identities(IdentityRules([Namespace("u"), Namespace("c")]))
    who.learn([met("u1", 5), met("c1", 2)])
    [web], [known] = ids("c1"), ids("u1")
    older, younger = who.customer(web), who.customer(known)
    assert older
    assert younger
    assert older != younger
    who.learn(met("u1 c1", 7))
    assert who.customer(known) == older == who.current(younger)
    assert who.identities_of(younger) == (known, web)


def test_at_a_limit_the_lowest_priority_goes() -> None:
    who = Identities(RULES)
    who.learn([met("u1 e1", 0), met("u2 e1", 1)])
    assert who.customer(*ids("u1")) == who.customer(*ids("e1")) != who.customer(*ids("u2"))
    [because] = [b for b in who.explain(who.customer(*ids("u2")) or "") if b.dropped]
    assert [(one.value, reason) for one, reason in because.dropped] == [
        ("1", "a customer has at most 1 of u")
    ]


def test_a_late_piece_decides_a_limit_as_if_it_had_come_in_time() -> None:
    who = Identities(RULES)
    who.learn(met("u1 e1", 3))
    who.learn(met("u2 e1", 2))  # earlier, though it came later: the address is u2's
    assert who.customer(*ids("e1")) == who.customer(*ids("u2"))


def test_a_shared_value_is_taken_back_from_all() -> None:
    who = Identities(RULES)
    who.learn([met("e1 p1", 0), met("e2 p1", 1), met("e3 p1", 1)])
    assert who.customer(*ids("e1")) == who.customer(*ids("e2"))
    who.learn(met("e4 p1", 2))
    assert who.customer(*ids("e1")) != who.customer(*ids("e2"))
    assert who.shared == tuple(ids("p1"))
    assert who.customer(*ids("p1")) is None
    assert who.explain(who.customer(*ids("e1")) or "")[0].dropped[0][1] == "it is shared by many"


def test_a_value_with_a_window_passes_to_another() -> None:
    who = Identities(RULES)
    who.learn([met("u1 p1", 0), met("p1", 4), met("u2 p1", 20)])
    [phone] = ids("p1")
    assert who.customer(phone, at=at(1)) == who.customer(*ids("u1"))
    assert who.customer(phone, at=at(21)) == who.customer(phone) == who.customer(*ids("u2"))
    who.learn([met("p1", 8), met("p1", 12), met("p1", 16)])  # it never was silent for long
    assert who.customer(phone, at=at(21)) == who.customer(*ids("u1"))


def test_blocked_values_are_nobody() -> None:
    rules = IdentityRules([Namespace("u", blocked=["kiosk"]), Namespace("e", form="folded")])
    who = Identities(rules)
    for nobody in ("NULL", "anonymous", "-1", "kiosk"):
        assert who.customer(Identity("u", nobody)) is None
        who.learn(Evidence([Identity("u", nobody), Identity("e", f"{nobody}@x")], T0, "s"))
    assert len(who) == 4
    assert who.customer(Identity("e", " NULL@X")) == who.customer(Identity("e", "null@x"))
    who.learn(met("z1"))  # a namespace that the rules do not know
    assert who.customer(*ids("z1")) is None


def test_it_is_explained() -> None:
    who = Identities(IdentityRules([Namespace("u"), Namespace("e"), Namespace("c")]))
    who.learn([met("u1 e1", 0, "crm"), met("e1 c1", 1, "shop"), met("u1 c1", 2, "web"),
               met("c1 c2", 3, "web"), met("u9", 4, "crm")])  # fmt: skip
    [u1], [c2] = ids("u1"), ids("c2")
    told = who.explain(who.customer(u1) or "")
    assert [(b.source, b.joined) for b in told] == [
        ("crm", True), ("shop", True), ("web", False), ("web", True),
    ]  # fmt: skip
    chain = who.path(u1, c2)
    assert [b.source for b in chain] == ["crm", "shop", "web"]
    assert chain[0].at == T0
    assert who.path(u1, *ids("u9")) == ()
    assert "hidden" in repr(told)
    assert "'1'" not in repr(told)


def test_a_split_is_not_redone_by_later_evidence() -> None:
    who = Identities(IdentityRules([Namespace("u"), Namespace("e"), Namespace("c")]))
    who.learn([met("u1 e1", 0), met("u2 e1", 1), met("u2 c2", 2)])
    customer = who.customer(*ids("u1")) or ""
    ruling = who.split(customer, ids("u2 c2"), at=at(3), reason="two sisters, one address")
    assert who.customer(*ids("u2")) == who.customer(*ids("c2")) != who.customer(*ids("u1"))
    who.learn([met("u1 u2", 4), met("e1 c2", 5), met("u1 c7 c2", 6)])
    assert who.customer(*ids("u2")) != who.customer(*ids("u1"))
    assert who.customer(*ids("e1")) == who.customer(*ids("u1"))
    who.withdraw_split(ruling)
    assert who.customer(*ids("u2")) == who.customer(*ids("u1"))


def test_probable_links_are_taken_and_withdrawn_together() -> None:
    who = Identities(IdentityRules([Namespace("r")]))
    who.learn([met("r1"), met("r2"), met("r3")])
    rows = [
        {"unique_id_l": 1, "unique_id_r": 2, "match_probability": 0.99},
        {"unique_id_l": 2, "unique_id_r": 3, "match_probability": 0.4},
    ]
    pairs = evidence_from_links(rows, namespace="r", at=T0, source="splink")
    linked = who.link(pairs, threshold=0.9, batch="run 1")
    assert (linked.taken, linked.weak) == (1, 1)
    assert who.customer(*ids("r1")) == who.customer(*ids("r2")) != who.customer(*ids("r3"))
    assert who.explain(who.customer(*ids("r1")) or "")[-1].weight == 0.99
    assert who.withdraw("run 1") == 1
    assert who.customer(*ids("r1")) != who.customer(*ids("r2"))


def test_forgetting_leaves_nothing() -> None:
    who = Identities(RULES)
    who.learn([met("u1 e1"), met("u2 e2")])
    customer = who.customer(*ids("u1")) or ""
    assert who.forget(customer) == tuple(ids("u1 e1"))
    assert who.customer(*ids("e1")) is None
    assert len(who) == 1
    with pytest.raises(IdentityError, match="no customer"):
        who.current(customer)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda w: w.current("c-77"), "no customer of this id"),
        (lambda w: w.current("c-"), "no customer of this id"),
        (lambda w: w.split(w.customer(*ids("u1")), ids("u1"), at=T0, reason="x"), "left"),
        (lambda w: w.split(w.customer(*ids("u1")), ids("e9"), at=T0, reason="x"), "not this"),
        (lambda w: w.link([], threshold=7, batch="b"), "between 0 and 1"),
        (lambda w: w.withdraw_split(Split(ids("u1"), ids("u2"), T0, "x")), "no such ruling"),
        (
            lambda w: list(evidence_from_links([{"a": 1}], namespace="r", at=T0, source="s")),
            "no column",
        ),
        (
            lambda w: list(
                evidence_from_links(
                    [{"unique_id_l": 1, "unique_id_r": 2, "match_probability": 2}],
                    namespace="r", at=T0, source="s",
                )
            ),
            "between 0 and 1",
        ),
        (lambda w: Evidence([], T0, "s"), "at least one identity"),
        (lambda w: Identity("email", "secret@\x00"), "not allowed"),
        (lambda w: Namespace("u", most=0), "from 1 up"),
        (lambda w: IdentityRules([Namespace("u"), Namespace("u")]), "named twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(wrong: Any, told: str) -> None:
    who = Identities(RULES)
    who.learn(met("u1"))
    with pytest.raises(JourneyMapError, match=told) as caught:
        wrong(who)
    assert "secret@" not in str(caught.value)


def test_errors_are_of_their_kind() -> None:
    assert issubclass(IdentityError, LookupError)
    assert issubclass(ElementError, ValueError)


def test_a_hub_neither_merges_nor_explodes() -> None:
    """One phone that a hundred thousand customers share, all else told: linear, nobody merged."""
    rules = IdentityRules([Namespace("u", most=1), Namespace("p", shared=None)])
    some = IdentityRules([Namespace("u"), Namespace("p", shared=50)])
    for one in (rules, some):
        who = Identities(one)
        for n in range(1, 20_001):
            who.learn(met(f"u{n} p1", n))
            if n % 100 == 0:
                who.customer(*ids(f"u{n}"))
        assert len(who) == 20_000


def test_withdrawing_something_else_changes_nothing() -> None:
    """A phone that was met again and again within its window stays one customer's."""
    who = Identities(RULES)
    who.learn([*(met("p1", n) for n in (0, 4, 8, 12)), met("u1 p1", 0), met("p1 c1", 12)])
    before = groups(who)
    who.withdraw("no such batch")
    assert groups(who) == before
    again = Identities(RULES)
    again.learn(who.evidence)
    assert groups(again) == before


@given(st.lists(PIECES, min_size=1, max_size=20), st.data())
def test_forgetting_one_takes_nothing_from_another(
    pieces: list[Evidence], data: st.DataObject
) -> None:
    who = Identities(RULES)
    who.learn(pieces)
    customers = sorted(who.customers)
    if not customers:
        return
    gone = data.draw(st.sampled_from(customers))
    others = {name: set(who.identities_of(name)) for name in customers if name != gone}
    forgotten = who.forget(gone)
    assert not [one for one in forgotten if one.namespace != "p" and who.customer(one)]
    # Every other identity is still known, and nobody was merged who was not.
    for name, identities in others.items():
        for one in identities:
            assert one in who.shared or who.customer(one) is not None, name


@settings(max_examples=300)
@given(st.lists(PIECES, min_size=1, max_size=25), st.lists(PIECES, max_size=6), st.data())
def test_forgetting_is_as_if_the_rest_alone_had_been_learned(
    pieces: list[Evidence], later: list[Evidence], data: st.DataObject
) -> None:
    """Done within the group of the customer, and equal to learning all the others anew."""
    who = Identities(RULES)
    who.learn(pieces)
    for _ in range(2):
        customers = sorted(who.customers)
        if not customers:
            return
        before, told = who.customer_ids(), set[str]()
        who.watch(told.add)
        gone = data.draw(st.sampled_from(customers))
        mine = who.forget(gone)
        who.watch(None)
        anew = Identities(RULES)
        anew.learn(sorted(who.evidence, key=lambda one: one.at))
        assert who.customer_ids() == anew.customer_ids()
        assert set(who.shared) == set(anew.shared)
        assert sorted(who.customers) == sorted(anew.customers)
        after = who.customer_ids()
        assert told >= {name for key, name in before.items() if after.get(key) != name}
        assert gone in told
        for one in mine:
            assert who.knows(one) == anew.knows(one)
        for piece in later:
            who.learn(piece)
            anew.learn(piece)
        assert who.customer_ids() == anew.customer_ids()


def test_forgetting_costs_what_the_customer_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    who = Identities(RULES)
    who.learn(met(f"u{n} e{n}", n) for n in range(11, 211))

    def fails(*_: object) -> None:
        raise AssertionError("all evidence was learned anew")

    monkeypatch.setattr(Identities, "_relearn", fails)
    who.forget(who.customer(*ids("u50")) or "")
    assert who.customer(*ids("e50")) is None
    assert len(who) == 199


def test_forgetting_keeps_the_rulings_about_others() -> None:
    who = Identities(IdentityRules([Namespace("u"), Namespace("e"), Namespace("c")]))
    who.learn([met("u1 e1", 0), met("u1 c2", 1)])
    who.split(who.customer(*ids("u1")) or "", ids("c2"), at=at(3), reason="x")
    who.split(who.customer(*ids("u1")) or "", ids("e1"), at=at(4), reason="y")
    who.forget(who.customer(*ids("e1")) or "")
    who.learn(met("u1 c2", 5))
    assert who.customer(*ids("u1")) != who.customer(*ids("c2"))


@pytest.mark.parametrize(
    ("space", "value"),
    [
        (Namespace("p", form="digits"), "-1"),
        (Namespace("p", form="digits"), "00000000-0000-0000-0000-000000000000"),
        (Namespace("p", form="digits", blocked=["+49 000"]), "+49 000"),
        (Namespace("p", form="folded", blocked=["Kiosk@Shop"]), "KIOSK@shop"),
    ],
)
def test_blocked_values_are_blocked_in_any_form(space: Namespace, value: str) -> None:
    who = Identities(IdentityRules([Namespace("u"), space]))
    who.learn(Evidence([Identity("u", f"user{n}"), Identity("p", value)], T0, "s") for n in (1, 2))
    assert len(who) == 2


def test_what_was_never_met_is_nobody() -> None:
    who = Identities(RULES)
    who.learn(met("u1 p1"))
    customer = who.customer(*ids("u1")) or ""
    for strange in ("p1 p7", "null", "p7"):
        with pytest.raises(IdentityError, match="not this customer's"):
            who.split(customer, ids(strange), at=T0, reason="typo")
    who.apply_split(Split(ids("c5"), ids("p9"), T0, "before they were met"))
    for nobody in ids("p7 p9 c5"):
        assert who.customer(nobody) is None
        assert who.customer(nobody, at=T0) is None
    with pytest.raises(IdentityError, match="ever met"):
        who.first_id(Identity("u", "null"))


def test_of_estimates_of_the_same_the_surest_counts() -> None:
    for weights in ([0.9, 0.99], [0.99, 0.9]):
        who = Identities(RULES)
        who.learn(Evidence(ids("u1 c1"), T0, "s", "b", weight) for weight in weights)
        assert who.explain(who.customer(*ids("u1")) or "")[0].weight == 0.99


def test_many_spells_are_quick() -> None:
    phone = Namespace("p", shared=None, window=timedelta(seconds=1))
    who = Identities(IdentityRules([Namespace("u", shared=None), phone]))
    who.learn(met("u1 p1", n / 100) for n in range(1, 20_001))
    assert len(who) == 1


@given(st.text(max_size=8))
@example("ΐ̈ͅ")
@example("ẞﬃ İ")
@example("Ｎ／Ａ")
def test_normalized_twice_is_the_same_as_once(text: str) -> None:
    for form in ("exact", "folded", "digits"):
        space = Namespace("x", form=form)
        once = space.normalize(text)
        assert space.normalize(once) == once
        reader = IdentityRules().reader(space)
        assert reader.read(reader.read(text)) == reader.read(text)


def test_links_of_two_data_sets_keep_their_ids_apart() -> None:
    then = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        {"source_dataset_l": "crm", "unique_id_l": 1, "source_dataset_r": "shop", "unique_id_r": 1,
         "match_probability": 0.9},
        {"source_dataset_l": "crm", "unique_id_l": 2, "source_dataset_r": "shop", "unique_id_r": 3,
         "match_probability": 0.9},
    ]  # fmt: skip
    same = Identities()
    report = same.link(evidence_from_links(rows, namespace="record", at=then, source="splink"),
                       threshold=0.5, batch="b")  # fmt: skip
    assert report.taken == 2
    assert len(same) == 2
    assert same.customer(Identity("record", "crm:1")) == same.customer(Identity("record", "shop:1"))
    assert same.customer(Identity("record", "crm:1")) != same.customer(Identity("record", "crm:2"))
    spaces = {"crm": "contact", "shop": "account"}
    [one, _] = evidence_from_links(rows, namespace=spaces, at=then, source="splink")
    assert one.identities == (Identity("contact", "1"), Identity("account", "1"))
    with pytest.raises(IdentityError, match="the data set 'shop' has no namespace"):
        list(evidence_from_links(rows, namespace={"crm": "c"}, at=then, source="splink"))
