"""Live and who is who: customers follow the evidence, in any order, in every process."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    At,
    Customer,
    Customers,
    ElementError,
    Evidence,
    Identities,
    Identity,
    IdentityError,
    IdentityRules,
    Interaction,
    JourneyMap,
    Live,
    Moment,
    Namespace,
    ProfileRules,
    Purpose,
    Record,
    Stage,
    Touchpoint,
    Tracker,
)
from journeymap.live.journal import in_order
from journeymap.live.regrouping import owner_of_evidence
from journeymap.live.states import States
from tests.factories import ids
from tests.identity.test_identities import groups

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=60)
SHOP = JourneyMap(
    "shop",
    dormant_after=timedelta(days=20),
    stages=[Stage("choose", "buy"), Stage("use", "own")],
    touchpoints=[Touchpoint(*pair) for pair in (("order", "choose"), ("open", "use"),
                                                ("call", "use"))],
    moments=[Moment("failed_call", At("outcome", ["failed"]), action="ring back")],
)  # fmt: skip
RULES = IdentityRules(
    [Namespace("u", most=1), Namespace("e", most=2, shared=3), Namespace("c", shared=3)]
)


def rec(text: str, hours: float = 0, touchpoint: str | None = "order", **more: Any) -> Record:
    at = T0 + timedelta(hours=hours)
    outcome = more.pop("outcome", None)
    happened = None
    if touchpoint is not None:
        happened = Interaction("?", touchpoint, at, outcome=outcome, source="s")
    return Record(ids(text), at, "s", interaction=happened, **more)


def live_at(store: Any = "memory") -> Live:
    return Live(SHOP, store, identities=RULES, clock=lambda: NOW)


WORDS = st.sampled_from([f"{space}{n}" for space in "uec" for n in (1, 2, 3, 4)])
RECORDS = st.builds(
    rec,
    st.lists(WORDS, min_size=1, max_size=3, unique=True).map(" ".join),
    st.integers(0, 500),
    st.sampled_from(["order", "open", "call", None]),
    outcome=st.sampled_from([None, "failed"]),
)


def told(live: Live, customers: Customers) -> None:
    """The store tells of every customer what folding the gathered records tells."""
    assert live.identities is not None
    tracker = Tracker(SHOP, None)
    for name in customers:
        expected = customers.history(name)
        found = live.history(name)
        assert sorted(map(repr, found)) == sorted(map(repr, expected))
        if expected:
            state = live.state(name)
            assert state is not None
            again, _ = tracker.follow(None, in_order(found))
            again, _ = tracker.advance(again, state.clock)
            assert state.position == again.position
            assert state.count == len(expected)


def outgoing(live: Live) -> set[tuple[str, str, str]]:
    """What waits in the outbox, net of what was withdrawn."""
    taken: dict[str, tuple[str, str, str]] = {}
    live.deliver(lambda s: taken.update({s.id: (s.customer, s.kind, str(s.at))}), NOW)
    return {one for one in taken.values() if one[1] != "withdrawn"}


@given(st.lists(RECORDS, max_size=14), st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_whatever_the_batches_it_is_as_gathered(records: list[Record], sizes: list[int]) -> None:
    with live_at() as live:
        customers = Customers(RULES)
        customers.take(records)
        place = turn = 0
        while place < len(records):
            size = sizes[turn % len(sizes)]
            live.take(records[place : place + size])
            place, turn = place + size, turn + 1
        told(live, customers)
        # The outbox holds just the failures, each once and under the name it now has.
        expected = {
            (name, "moment reached", str(one.at))
            for name in customers
            for one in customers.history(name)
            if one.outcome == "failed"
        }
        assert outgoing(live) == expected


@settings(max_examples=30)
@given(st.lists(RECORDS, min_size=1, max_size=10), st.data())
def test_two_processes_on_one_store_know_the_same(
    records: list[Record], data: st.DataObject
) -> None:

    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "journey.db"
        with live_at(address) as second, live_at(address) as first:
            both = (first, second)
            for one in records:
                both[data.draw(st.integers(0, 1))].take([one])
            customers = Customers(RULES)
            customers.take(records)
            for live in both:
                told(live, customers)
            with live_at(address) as again:
                told(again, customers)


def test_two_become_one_and_the_journey_with_them(store: str) -> None:
    with live_at(store) as live:
        web, known = live.take([rec("c1", 1, "order"), rec("u1", 5, "open")])
        assert web.customer != known.customer
        [both] = live.take([rec("u1 c1", 6, "call", outcome="failed")])
        assert both.customer == web.customer  # the older survives
        past = in_order(live.history(known.customer))
        assert [one.touchpoint for one in past] == ["order", "open", "call"]
        position = live.position(known.customer)
        assert position is not None
        assert position.stage == "use"
        assert live.position(web.customer) == position
        assert live.export(known.customer)["customer"] == web.customer


def test_what_was_asked_for_is_not_asked_again(store: str) -> None:
    done: list[str] = []
    with live_at(store) as live:
        live.take([rec("c1", 1), rec("u1", 5, "call", outcome="failed")])
        live.deliver(lambda signal: done.append(signal.id), NOW)
        assert len(done) == 1
        live.take([rec("u2", 3, "call", outcome="failed")])  # waits
        live.take([rec("u1 c1", 6, None)])
        live.deliver(lambda signal: done.append(signal.id), NOW)
        assert len(done) == 2  # u2's; u1's moment only has another name now


def test_a_split_parts_the_journeys_for_good(store: str) -> None:
    with live_at(store) as live:
        live.take(
            [rec("u1 e1", 1), rec("e1 c2", 3, "call", outcome="failed"), rec("c2", 9, "open")]
        )
        customer = live.identities.customer(*ids("u1")) or ""  # type: ignore[union-attr]
        assert len(live.history(customer)) == 3
        stays, leaves = live.split(customer, ids("c2"), reason="a shared tablet")
        assert [one.touchpoint for one in live.history(stays)] == ["order", "call"]
        assert [one.touchpoint for one in live.history(leaves)] == ["open"]
        live.take([rec("u1 c2", 12, None)])
        assert live.identities.customer(*ids("c2")) == leaves  # type: ignore[union-attr]
        with pytest.raises(IdentityError, match="not this customer's"):
            live.split(stays, ids("u9"), reason="no")


def test_a_batch_of_probable_links_is_taken_back(store: str) -> None:
    with live_at(store) as live:
        one, other = live.take([rec("u1", 1), rec("c5", 2, "open")])
        pair = Evidence(ids("u1 c5"), T0, "splink", weight=0.95)
        linked = live.link([pair], threshold=0.9, batch="run-1")
        assert linked.taken == 1
        assert len(live.history(one.customer)) == 2
        assert live.position(other.customer) == live.position(one.customer)
        assert live.withdraw("run-1") == 1
        assert len(live.history(one.customer)) == len(live.history(other.customer)) == 1


def test_forgetting_takes_every_name(store: str, tmp_path: Path) -> None:
    with live_at(store) as live:
        live.take([rec("u77lovelace", 1), rec("c1", 2, "open"), rec("u77lovelace c1", 3, None,
                   traits={"name": "lovelace"}), rec("u2", 4)])  # fmt: skip
        customer = live.identities.customer(*ids("c1")) or ""  # type: ignore[union-attr]
        assert [fact.name for fact in live.facts(customer)] == ["name"]  # type: ignore[union-attr]
        live.forget(customer)
        assert live.identities.customer(*ids("c1")) is None  # type: ignore[union-attr]
        assert live.history(customer) == ()
        assert live.facts(customer) == ()
        left = live.identities.customer(*ids("u2")) or ""  # type: ignore[union-attr]
        assert len(live.history(left)) == 1
        for file in tmp_path.iterdir():
            assert b"lovelace" not in file.read_bytes(), file


def test_records_of_nobody_are_set_aside() -> None:
    with live_at() as live:
        [receipt] = live.take([Record([Identity("u", "anonymous")], T0, "s",
                                      interaction=Interaction("?", "order", T0))])  # fmt: skip
        assert receipt.set_aside is not None
        [(kept, reason)] = live.set_aside()
        assert (kept.touchpoint, reason) == ("order", receipt.set_aside)
        with Live(SHOP) as plain, pytest.raises(ElementError, match="identities="):
            plain.take([rec("u1")])


def test_what_failed_was_not_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    with live_at() as live:
        live.take([rec("u1", 1), rec("c1", 2)])
        broken = [rec("u1 c1", 3, "order")]
        with monkeypatch.context() as patched:
            patched.setattr(States, "write", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                live.take(broken)
        who = live.identities
        assert who is not None
        assert who.customer(*ids("u1")) != who.customer(*ids("c1"))
        live.take(broken)
        assert len(live.history(live.identities.customer(*ids("c1")) or "")) == 3  # type: ignore[union-attr]


def test_a_chain_reaction_moves_whoever_it_moves(store: str) -> None:
    """What a withdrawn link had kept away comes, and pushes out what came instead."""
    rules = IdentityRules([Namespace("u", most=1), Namespace("e", most=2)])
    customers = Customers(rules)
    pair = Evidence(ids("u1 e1"), T0, "sp", weight=0.9)
    records = [rec("u2 e1", 1, None), rec("u2 e2", 2, None), rec("u2 e3", 3, None),
               rec("e3", 4, "open"), rec("u2", 5)]  # fmt: skip
    with Live(SHOP, store, identities=rules, clock=lambda: NOW) as live:
        live.link([pair], threshold=0.5, batch="b")
        customers.identities.link([pair], threshold=0.5, batch="b")
        live.take(records)
        customers.take(records)
        live.withdraw("b")
        customers.identities.withdraw("b")
        told(live, customers)


def test_forgetting_keeps_what_is_others(store: str, tmp_path: Path) -> None:
    profile = ProfileRules(purposes=[Purpose("marketing")])
    with live_at(store) as live:
        live.take([
            rec("u2", 0, None, consents={"marketing": True}), rec("u1 elovelace", 1),
            rec("u2 elovelace", 2, "open", consents={"marketing": False}),
        ])  # fmt: skip
        who = live.identities
        assert who is not None
        live.forget(who.customer(*ids("u1")) or "")
        left = live.identities.customer(*ids("u2")) or ""  # type: ignore[union-attr]
        assert len(live.history(left)) == 1
        assert Customer.of(left, live, rules=profile, purpose="marketing").withheld
        for file in tmp_path.iterdir():
            assert b"lovelace" not in file.read_bytes(), file


def test_what_was_set_aside_follows_a_merge(store: str) -> None:
    with live_at(store) as live:
        live.take([rec("u1", 1), rec("c1", 24 * 365)])
        live.take([rec("u1 c1", 2, None)])
        customer = live.identities.customer(*ids("u1")) or ""  # type: ignore[union-attr]
        assert len(live.export(customer)["set_aside"]) == 1
        live.forget(customer)
        assert live.set_aside() == ()


def test_recording_under_a_former_id(store: str) -> None:
    with live_at(store) as live:
        live.take([rec("c1", 1), rec("u1", 5)])
        former = live.identities.customer(*ids("u1")) or ""  # type: ignore[union-attr]
        live.take([rec("c1 u1", 6, None)])
        receipt = live.record(Interaction(former, "open", T0 + timedelta(days=1)))
        assert receipt.customer != former
        assert len(live.history(former)) == 3


@settings(max_examples=40)
@given(st.lists(RECORDS, min_size=1, max_size=10), st.data())
def test_after_forgetting_all_processes_know_the_same(
    records: list[Record], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "journey.db"
        with live_at(address) as other, live_at(address) as one:
            one.take(records)
            assert other.identities is not None
            names = sorted(other.identities.customers)
            if names:
                gone = data.draw(st.sampled_from(names))
                other.forget(gone)
                with live_at(address) as again:
                    for live in (one, other, again):
                        who = live.identities
                        assert who is not None
                        assert groups(who) == groups(again.identities or who)
                        for name in who.customers:
                            state = live.state(name)
                            assert (state.count if state else 0) == len(live.history(name))
                    again.close()
            one.close()
            other.close()


@settings(max_examples=60)
@given(
    st.lists(st.lists(RECORDS, min_size=1, max_size=6), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_who_reads_seldom_forgets_as_well(rounds: list[list[Record]], dice: Any) -> None:
    """Whoever reads at every round, now and then, at the end, or anew: all know the same."""
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "journey.db"
        with live_at(address) as one, live_at(address) as often, live_at(address) as seldom:
            for records in rounds:
                dice.choice([one, often]).take(records)
                assert one.identities is not None
                names = sorted(one.identities.customers)
                if names and dice.random() < 0.8:
                    gone = dice.choice(names)
                    dice.choice([one, often]).forget(gone)
                    assert one.history(gone) == often.history(gone) == ()
                if dice.random() < 0.1:
                    assert seldom.identities is not None
            with live_at(address) as anew:
                assert anew.identities is not None
                for live in (one, often, seldom):
                    who = live.identities
                    assert who is not None
                    assert groups(who) == groups(anew.identities)
                    assert set(who.shared) == set(anew.identities.shared)
                names = anew.store.read(lambda tx: tx.states.list_customers("", 999))
                assert set(names) <= set(anew.identities.customers)
                for row in anew.store.read(lambda tx: tx.evidence.read_after(0, 999)):
                    owner = owner_of_evidence(anew.identities, json.loads(row.text))
                    assert row.customer == (owner or "")


def test_what_is_nobodys_any_more_is_set_aside(store: str) -> None:
    with live_at(store) as live:
        live.take([rec("u1 e1", 1), rec("e1", 2, "call", outcome="failed")])
        customer = live.identities.customer(*ids("u1")) or ""  # type: ignore[union-attr]
        assert len(live.history(customer)) == 2
        live.take([rec(f"u{n} e1", n, None) for n in (2, 3, 4)])  # shared by more than three
        assert [one.touchpoint for one in live.history(customer)] == ["order"]
        assert [one.touchpoint for one, _ in live.set_aside()] == ["call"]
        assert outgoing(live) == set()  # nobody is rung back


def test_what_another_try_had_learned_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store may do the work again: what was learned in a try that was undone never was."""
    other = Identities(RULES)
    with live_at() as live:
        live.take([rec("u1", 1)])
        real = live.store.run
        tries: list[int] = []

        def twice(work: Any) -> Any:
            def undone(tx: Any) -> Any:
                work(tx)
                raise ZeroDivisionError

            if not tries:
                tries.append(1)
                with pytest.raises(ZeroDivisionError):
                    real(undone)
            return real(work)

        monkeypatch.setattr(type(live.store), "run", lambda _, work: twice(work))
        live.take([rec("u1 c1", 2), rec("u2 c2", 3, None)])
        other.learn(one.evidence for one in (rec("u1", 1), rec("u1 c1", 2), rec("u2 c2", 3)))
        assert live.identities is not None
        assert groups(live.identities) == groups(other)
        assert len(live.facts(live.identities.customer(*ids("u1")) or "")) == 0
        assert live.store.read(lambda tx: len(tx.evidence.read_after(0, 99))) == 3
