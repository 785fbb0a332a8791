"""Interactions corrected and retracted, customers who stay forgotten."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Count,
    ElementError,
    Identity,
    IdentityRules,
    Interaction,
    Live,
    Moment,
    Namespace,
    Record,
    Signal,
    StoreError,
    Tracker,
    Withdrawn,
)
from journeymap.live.recording import Recording
from journeymap.live.removed import FORGOTTEN
from journeymap.testing import interactions
from tests.factories import DAY, HOUR, JOURNEY, SHOP, T0, arrived, count_told, folded
from tests.factories import happened as at

RULES = IdentityRules([Namespace("user"), Namespace("phone", form="digits")])
USER, PHONE = Identity("user", "ada"), Identity("phone", "555-01")


def test_what_never_happened_is_retracted(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0 + DAY) as live:
        wrong = at("call", 1, outcome="failed")
        live.record_many([at("order", 0), wrong, at("delivery", 2)])
        sent: list[Signal] = []
        live.deliver(sent.append)
        receipt = live.retract("web", str(wrong.id))
        assert [s.kind for s in receipt.signals if isinstance(s, Withdrawn)]
        assert [one.touchpoint for one in live.history("ada")] == ["order", "delivery"]
        live.deliver(sent.append)
        assert [s.kind for s in sent] == ["moment reached", "withdrawn"]
        assert live.record(wrong).set_aside == "it was retracted"
        assert live.record(at("call", 5)).position is not None
        assert len(live.history("ada")) == 3
        with pytest.raises(ElementError, match="no interaction of source 'web' has it"):
            live.retract("web", str(wrong.id))


def test_the_only_one_is_retracted(store: str) -> None:
    with Live(SHOP, store) as live:
        live.record(at("order", 0))
        assert live.retract("web", str(at("order", 0).id)).position is None
        assert live.position("ada") is None
        assert live.export("ada")["state"] is None
        assert live.record(at("call", 1)).position is not None


def test_what_happened_otherwise_is_corrected(store: str) -> None:
    with Live(SHOP, store, clock=lambda: T0 + DAY) as live:
        live.record_many([at("order", 0), at("call", 1, outcome="failed"), at("delivery", 2)])
        right = evolve(at("call", 1), at=T0 + 3 * HOUR, touchpoint="first_use", customer="x")
        receipt = live.correct(right)
        assert receipt.position is not None
        assert (receipt.customer, receipt.position.touchpoint) == ("ada", "first_use")
        past = live.history("ada")
        state, _ = Tracker(SHOP, None).follow(None, past)
        assert live.position("ada") == state.position
        assert [one.touchpoint for one in past] == ["order", "first_use", "delivery"]
        assert live.record(at("call", 1)).duplicate
        with pytest.raises(ElementError, match="it lies in the future"):
            live.correct(evolve(right, at=T0 + 9 * DAY))
        with pytest.raises(ElementError, match="found by its id"):
            live.correct(Interaction("ada", "call", T0))
        assert live.history("ada") == past


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(interactions(touchpoints=("a", "b", "c")), st.just(0)), min_size=1, max_size=15
    ),
    st.randoms(use_true_random=False),
)
def test_corrected_is_as_if_it_had_been_so(drawn: list[tuple[Interaction, int]], dice: Any) -> None:
    """Whatever is corrected and retracted in between: signals and states are those of the rest."""
    sent = arrived(drawn, dice)
    as_of = datetime(2026, 3, 1, tzinfo=UTC) + 600 * HOUR
    with Live(JOURNEY, clock=lambda: as_of) as live:
        told: Counter[Signal] = Counter()

        there: dict[str, Interaction] = {}
        for one in sent:
            count_told(told, live.record(one).signals)
            there[str(one.id)] = one
            if dice.random() < 0.3:
                name = dice.choice(list(there))
                count_told(told, live.retract("web", name).signals)
                del there[name]
            elif dice.random() < 0.3:
                name = dice.choice(list(there))
                there[name] = evolve(
                    there[name],
                    touchpoint=dice.choice("abc"),
                    at=there[name].at + dice.random() * DAY,
                )
                count_told(told, live.correct(there[name]).signals)
            if dice.random() < 0.2:
                count_told(told, live.advance(as_of - 300 * HOUR))
        count_told(told, live.advance(as_of))
        states, expected = folded(Tracker(JOURNEY, None), list(there.values()), as_of)
        assert +told == sum(expected.values(), Counter())
        for name, state in states.items():
            assert live.position(name) == state.position


def taken(*identities: Identity, hours: float, **more: Any) -> Record:
    one = at("order", hours, identities[0].value)
    return Record(identities, one.at, "shop", interaction=one, **more)


def test_the_forgotten_stay_forgotten(shared: str) -> None:
    """The sources are read again from their beginning; then the customer comes as someone new."""
    now = [T0 + DAY]
    given = [
        taken(USER, hours=0, traits={"name": "Ada Lovelace"}),
        taken(USER, PHONE, hours=1),
        taken(Identity("phone", "(555) 01"), hours=2),
        taken(Identity("user", "ben"), hours=3),
    ]
    with Live(SHOP, shared, identities=RULES, clock=lambda: now[0]) as live:
        live.take(given)
        identities = live.identities
        assert identities is not None
        ada = str(identities.customer(USER))
        live.forget(ada)
        for _ in range(2):
            receipts = live.take(given)
            assert [r.set_aside for r in receipts[:3]] == [
                "its customer was forgotten after it happened"
            ] * 3
            assert receipts[3].duplicate
        assert live.record(at("call", 5, ada)).set_aside is not None
        assert live.set_aside() == ()
        assert len(live.store.read(lambda tx: tx.states.list_customers("", 9))) == 1
        assert live.stats().evidence == 1
    now[0] += DAY
    with Live(SHOP, shared, identities=RULES, clock=lambda: now[0]) as live:
        assert all(r.set_aside for r in live.take(given[:3]))
        [new] = live.take([taken(PHONE, hours=30)])
        assert new.position is not None
        assert len(live.history(new.customer)) == 1


def test_what_is_anothers_too_stays(store: str) -> None:
    """A record that names someone else as well is theirs alone, when it is read again."""
    shared = Identity("phone", "777")
    with Live(SHOP, store, identities=RULES, clock=lambda: T0 + DAY) as live:
        live.take([taken(USER, hours=0)])
        identities = live.identities
        assert identities is not None
        live.forget(str(identities.customer(USER)))
        [receipt] = live.take([taken(USER, shared, hours=1)])
        assert receipt.position is not None
        identities = live.identities
        assert identities is not None
        assert identities.customer(USER) is None
        assert identities.customer(shared) == receipt.customer


def test_marks_hold_no_names(shared: str) -> None:
    user = Identity("user", "lovelace")  # no mark, written in digits and a to f, holds it by chance
    with Live(SHOP, shared, identities=RULES) as live:
        live.take([taken(user, hours=0)])
        identities = live.identities
        assert identities is not None
        live.forget(str(identities.customer(user)))
        held = live.store.read(lambda tx: (tx.meta.read(), tx.count(0)))
        assert user.value not in repr(held).replace("namespaces", "")


def test_a_correction_reaches_workers_of_another_map(shared: str) -> None:
    stricter = SHOP.add(Moment("busy", Count("call", 2), action="Listen"))
    with Live(SHOP, shared) as old, Live(stricter, shared) as new:
        new.record_many([at("order", 0), at("delivery", 1)])
        old.retract("web", str(at("delivery", 1).id))
        new.record(at("order", 2))
        state = new.state("ada")
        assert state is not None
        assert (state.count, state.position and state.position.stage) == (2, "choose")
        whole, _ = Tracker(stricter, None).follow(None, new.history("ada"))
        assert state.position == whole.position


def test_what_was_set_aside_is_retracted_and_corrected(store: str) -> None:
    now = [T0]
    with Live(SHOP, store, clock=lambda: now[0]) as live:
        early = [Interaction("ada", "call", T0 + DAY, source="s", id=str(n)) for n in range(2)]
        live.record_many(early)
        assert live.retract("s", "0").position is None
        right = live.correct(evolve(early[1], at=T0))
        assert right.position is not None
        assert live.set_aside() == ()
        now[0] += 2 * DAY
        live.advance()
        assert live.record(early[0]).set_aside == "it was retracted"
        assert len(live.history("ada")) == 1


def test_an_identity_without_a_rule_brings_no_one_back(store: str) -> None:
    badge = Identity("badge", "7")
    with Live(SHOP, store, identities=RULES, clock=lambda: T0 + DAY) as live:
        given = taken(USER, badge, hours=0, traits={"name": "ADA LOVELACE"})
        live.take([given])
        identities = live.identities
        assert identities is not None
        live.forget(str(identities.customer(USER)))
        [receipt] = live.take([given])
        assert receipt.set_aside == "its customer was forgotten after it happened"
        assert live.set_aside() == ()
        assert live.stats().evidence == 0


def test_what_is_being_recorded_is_forgotten_too(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = threading.Event()
    plain = Recording._accepted

    def slow(self: Recording, tx: Any, receipts: Any) -> Any:
        entered.set()
        time.sleep(0.4)
        return plain(self, tx, receipts)

    with Live(SHOP, shared) as one, Live(SHOP, shared) as other:
        for customer in ("ada", "ben"):  # one who is known, and one who is new
            if customer == "ada":
                one.record(at("order", 0, customer))
            monkeypatch.setattr(Recording, "_accepted", slow)
            entered.clear()
            recording = threading.Thread(target=lambda c=customer: one.record(at("call", 1, c)))
            recording.start()
            entered.wait(20)
            other.forget(customer)
            recording.join()
            monkeypatch.setattr(Recording, "_accepted", plain)
            assert other.history(customer) == ()
            assert other.position(customer) is None


def _told(user: str, number: float) -> Record:
    then = T0 + number * HOUR
    order = Interaction("?", "order", then, source="s", id=str(number))
    return Record([Identity("user", user)], then, "s", interaction=order)


@pytest.mark.parametrize(("before", "after"), [("", "new"), ("old", "new"), ("old", "")])
def test_who_was_forgotten_stays_so_when_the_secret_changes(
    shared: str, before: str, after: str
) -> None:
    rules = [IdentityRules([Namespace("user")], secret=one) for one in (before, after)]
    given = [_told("ada", 1), _told("ben", 2), _told("ben", 3)]
    with Live(SHOP, shared, identities=rules[0]) as live:
        customer = live.take(given)[0].customer
        live.forget(customer)
        live.retract("s", "3")
    newer = evolve(rules[1], former_secrets=[before])
    for _ in range(2):
        with Live(SHOP, shared, identities=newer, accept_changes=True) as live:
            live.rebuild()
            aside = [one.set_aside for one in live.take(given)]
            assert aside == [FORGOTTEN, None, "it was retracted"]
            assert live.stats().interactions == 1


def test_who_was_forgotten_before_there_was_a_secret_stays_so(shared: str) -> None:
    with Live(SHOP, shared) as live:
        live.record(at("order", 1))
        live.forget("ada")
    rules = IdentityRules([Namespace("user")], secret="pepper")  # noqa: S106
    with Live(SHOP, shared, identities=rules) as live:
        assert live.record(at("order", 1)).set_aside == FORGOTTEN


def test_a_lost_secret_is_said(shared: str, caplog: pytest.LogCaptureFixture) -> None:
    rules = [IdentityRules([Namespace("user")], secret=one) for one in ("old", "new")]
    with Live(SHOP, shared, identities=rules[0]) as live:
        live.forget(live.take([_told("ada", 1)])[0].customer)
    with pytest.raises(StoreError, match="former_secrets"):
        Live(SHOP, shared, identities=rules[1])
    caplog.clear()
    Live(SHOP, shared, identities=rules[1], accept_changes=True).close()
    assert "former_secrets" in caplog.text


@pytest.mark.parametrize("identities", [None, IdentityRules([Namespace("user")])])
def test_what_was_recorded_ahead_of_the_clock_is_forgotten_too(
    store: str, identities: IdentityRules | None
) -> None:
    now = [T0]
    with Live(SHOP, store, identities=identities, clock=lambda: now[0]) as live:
        if identities is None:
            given = [at("order", -1), at("call", 1 / 60)]
            assert [one.set_aside for one in live.record_many(given)] == [None, None]
            live.forget("ada")
            now[0] += DAY
            assert [one.set_aside for one in live.record_many(given)] == [FORGOTTEN] * 2
            return
        ahead = [_told("ada", -1), _told("ada", 1 / 60)]
        live.forget(live.take(ahead)[0].customer)
        now[0] += DAY
        assert [one.set_aside for one in live.take(ahead)] == [FORGOTTEN] * 2


def test_marks_of_an_older_store_are_found_after_new_ones_are_kept(shared: str) -> None:
    """A store that does not know yet by which secrets its marks were made."""
    rules = IdentityRules([Namespace("user")], secret="old")  # noqa: S106
    given = [_told("ada", 1), _told("ben", 2)]
    with Live(SHOP, shared, identities=rules) as live:
        live.forget(live.take(given[:1])[0].customer)
        forget_fact(live)
    newer = IdentityRules([Namespace("user")], secret="new", former_secrets=["old"])  # noqa: S106
    for _ in range(2):
        with Live(SHOP, shared, identities=newer, accept_changes=True) as live:
            live.rebuild()
            assert live.take(given[:1])[0].set_aside == FORGOTTEN
            live.forget(live.take([_told("ben", 3)])[0].customer)


def forget_fact(live: Live) -> None:
    """Remove the fact, as a store of before has none."""
    live.store.run(
        lambda tx: tx.meta.db.write(  # type: ignore[attr-defined]
            "DELETE FROM journeymap_notes WHERE name = :name", [{"name": "secrets of marks"}]
        )
    )


@pytest.mark.parametrize("history", ["merged", "delivered", "corrected", "withdrawn", "alone"])
def test_who_was_split_off_takes_along_what_is_about_them(history: str, store: str) -> None:
    """Also withdrawn letters under former ids: so nothing is left when they are forgotten."""
    rules = IdentityRules([Namespace("u"), Namespace("e")])
    one, other = Identity("u", "1"), Identity("e", "x")

    def happened(who: Identity, hours: int, touchpoint: str, **more: Any) -> Record:
        what = Interaction("?", touchpoint, T0 + hours * HOUR, source="s", id=str(hours), **more)
        return Record([who], what.at, "s", interaction=what)

    with Live(SHOP, store, identities=rules, clock=lambda: T0 + 99 * HOUR) as live:
        if history != "alone":
            live.take([happened(one, 0, "order"), happened(one, 3, "call", outcome="failed")])
        live.take([happened(other, 1, "call", outcome="failed")])
        if history in ("delivered", "withdrawn", "alone"):
            live.deliver(lambda signal: None)
        if history == "withdrawn":
            [name] = [who for who in live.customers() if live.history(who)[0].id == "1"]
            live.correct(evolve(live.history(name)[0], outcome="succeeded"))
            live.deliver(lambda signal: None)
        live.take([Record([one, other], T0 + 2 * HOUR, "crm")])
        if history == "corrected":
            [name] = live.customers()
            mine = next(found for found in live.history(name) if found.id == "1")
            live.correct(evolve(mine, outcome="succeeded"))
        [name] = live.customers()
        keep, left = live.split(name, [other], reason="two people")
        if live.history(keep) and live.history(keep)[0].id == "1":
            keep, left = left, keep
        theirs = {_time_of(letter) for letter in live.export(keep)["outbox"]}
        assert theirs <= {(T0 + 3 * HOUR).isoformat()}
        live.forget(left)
        assert {_time_of(letter) for letter in live.export(keep)["outbox"]} == theirs
        kept = live.store.read(lambda tx: tx.outbox.select())
        assert not [letter for letter in kept if (T0 + HOUR).isoformat() in letter.text]


def _time_of(letter: dict[str, Any]) -> str:
    signal = letter.get("signal", letter)
    return str(signal.get("signal", signal).get("at", signal["at"]))


def test_a_receipt_names_who_stands_where(store: str) -> None:
    """Also of what was retracted before it was followed, and of what is no one's."""
    now = [T0]
    rules = IdentityRules([Namespace("u", blocked=["x"])])
    with Live(SHOP, store, identities=rules, clock=lambda: now[0]) as live:
        for number, value in enumerate(("1", "1", "x")):
            one = Interaction("?", "call", T0 + (DAY if number == 1 else 0 * DAY), source="s",
                              id=str(number))  # fmt: skip
            live.take([Record([Identity("u", value)], one.at, "s", interaction=one)])
        receipt = live.retract("s", "1")
        assert [receipt.customer] == list(live.customers())
        assert receipt.position is not None
        receipt = live.retract("s", "2")
        assert (receipt.customer, receipt.position) == ("", None)
