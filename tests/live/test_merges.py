"""Customers who merge while others record: what is not committed is seen by no one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from journeymap import (
    Evidence,
    Identity,
    IdentityRules,
    Interaction,
    Live,
    Namespace,
    Record,
    Signal,
    Withdrawn,
)
from journeymap.live.recording import Recording
from journeymap.live.regrouping import Regrouping
from tests.factories import DAY, HOUR, SHOP, T0, ids
from tests.factories import happened as at

RULES = IdentityRules([Namespace("user"), Namespace("phone")])
USER, PHONE = Identity("user", "ada"), Identity("phone", "555")


def begun(live: Live) -> tuple[str, str]:
    """Two customers with an interaction each; their ids."""
    for identity, hour in ((USER, 0), (PHONE, 1)):
        one = at("order", hour, identity.value)
        live.take([Record([identity], one.at, "shop", interaction=one)])
    identities = live.identities
    assert identities is not None
    names = identities.customer(USER), identities.customer(PHONE)
    assert names[0] is not None
    assert names[1] is not None
    return names[0], names[1]


def test_a_merge_that_fails_moves_nobody(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = threading.Event()

    def fails(self: Regrouping, tx: Any, names: Any, now: Any) -> Any:
        if not list(names):
            return {}
        entered.set()
        time.sleep(0.3)
        raise RuntimeError("the plug was pulled")

    with Live(SHOP, shared, identities=RULES) as live:
        user, phone = begun(live)
        monkeypatch.setattr(Regrouping, "regroup", fails)
        failed: list[BaseException] = []

        def merge() -> None:
            try:
                live.take([Record([USER, PHONE], at("call", 5).at, "crm")])
            except RuntimeError as error:
                failed.append(error)

        merging = threading.Thread(target=merge)
        merging.start()
        entered.wait(30)
        receipts = [live.record(at("call", 6 + n, phone)) for n in range(5)]
        seen = live.position(phone)
        merging.join()
        assert failed
        assert {receipt.customer for receipt in receipts} == {phone}
        assert seen is not None
        assert len(live.history(phone)) == 6
        assert len(live.history(user)) == 1


def test_nobody_is_merged_away_while_an_interaction_is_written(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = threading.Event()
    plain = Recording._accepted

    def slow(self: Recording, tx: Any, receipts: Any) -> Any:
        if any(one.touchpoint == "call" for one in self.given):
            entered.set()
            time.sleep(0.5)
        return plain(self, tx, receipts)

    with (
        Live(SHOP, shared, identities=RULES) as one,
        Live(SHOP, shared, identities=RULES) as other,
    ):
        user, phone = begun(one)
        monkeypatch.setattr(Recording, "_accepted", slow)
        recording = threading.Thread(target=lambda: one.record(at("call", 6, phone)))
        recording.start()
        entered.wait(30)
        other.take([Record([USER, PHONE], at("call", 5).at, "crm")])
        recording.join()
        assert len(other.history(user)) == len(one.history(phone)) == 3
        left = one.store.read(lambda tx: tx.states.list_customers("", 10))
        assert len(left) == 1


def test_many_merge_and_fail_and_record_at_once(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails in between, in the end the store is what the evidence says."""
    plain = Regrouping.regroup
    calls = [0]

    def sometimes(self: Regrouping, tx: Any, names: Any, now: Any) -> Any:
        names = list(names)
        calls[0] += bool(names)
        found = plain(self, tx, names, now)
        if names and calls[0] % 2:
            raise RuntimeError("the plug was pulled")
        return found

    with (
        Live(SHOP, shared, identities=RULES) as one,
        Live(SHOP, shared, identities=RULES) as other,
    ):
        pairs = [(Identity("user", f"u{n}"), Identity("phone", f"p{n}")) for n in range(6)]
        for pair in pairs:
            for identity in pair:
                first = at("order", 0, identity.value)
                one.take([Record([identity], first.at, "shop", interaction=first)])
        known = one.identities
        assert known is not None
        names = [str(known.customer(phone)) for _, phone in pairs]
        monkeypatch.setattr(Regrouping, "regroup", sometimes)

        def merge() -> None:
            for pair in pairs:
                for _ in range(2):  # the first one fails
                    try:
                        one.take([Record(pair, at("call", 5).at, "crm")])
                        break
                    except RuntimeError:
                        time.sleep(0.01)

        def record(live: Live, begin: int) -> None:
            for hour in range(begin, begin + 6):
                for name in names:
                    live.record(at("call", hour, name))

        work = [threading.Thread(target=merge)]
        work += [threading.Thread(target=record, args=(live, begin))
                 for live, begin in ((one, 10), (other, 20))]  # fmt: skip
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        for user, phone in pairs:
            for live in (one, other):
                identities = live.identities
                assert identities is not None
                mine = str(identities.customer(user))
                assert mine == identities.customer(phone)
                assert len(live.history(mine)) == 14
        assert len(one.store.read(lambda tx: tx.states.list_customers("", 99))) == len(pairs)


def test_a_letter_in_hand_is_not_handed_out_again_after_a_merge(shared: str) -> None:
    """The action works on it while its customer becomes another, and another again."""
    clock = [T0 + DAY]
    rules = IdentityRules()
    calls: list[str] = []
    with Live(SHOP, shared, identities=rules, clock=lambda: clock[0]) as live:

        def seen(names: str, hours: float, **more: Any) -> Record:
            return Record(ids(names), T0 + hours * HOUR, "s", **more)

        failed = at("call", 5, "?", outcome="failed")
        live.take([seen("u17", 5, interaction=failed)])

        def work(signal: Signal) -> None:
            calls.append(signal.id)
            if len(calls) == 1:
                live.take([seen("e18", 1, interaction=at("order", 1, "?"))])
                live.take([seen("e18 u17", 6)])
                live.take([seen("c19", 0, interaction=at("order", 0, "?"))])
                live.take([seen("c19 e18", 7)])

        done = live.deliver(work)
        assert (done.done, len(calls)) == (1, 1)
        clock[0] += timedelta(hours=1)  # any lease is over
        assert live.deliver(work).done == 0
        assert len(calls) == 1
        letters = live.store.read(lambda tx: tx.outbox.select(status="done"))
        assert len(letters) == 1
        assert live.identities is not None
        assert letters[0].customer == live.identities.customer(*ids("u17"))


def test_a_withdrawn_link_gives_back_what_was_recorded_by_name(store: str) -> None:
    """Interactions without identities belong to whom their customer's id leads to."""
    with Live(SHOP, store, identities=RULES, clock=lambda: T0 + 9 * DAY) as live:
        mine, theirs = begun(live)
        live.record(at("call", 2, mine))
        live.record(at("delivery", 3, theirs))
        pair = Evidence([USER, PHONE], T0, "splink", weight=0.9)
        for _ in range(2):  # twice: it is not forgotten on the way back
            live.link([pair], threshold=0.5, batch="b")
            assert len(live.history(mine)) == 4
            live.withdraw("b")
            assert [one.touchpoint for one in live.history(mine)] == ["order", "call"]
            assert [one.touchpoint for one in live.history(theirs)] == ["order", "delivery"]
        assert {one.customer for one in live.history(theirs)} == {theirs}


@pytest.mark.parametrize("together", [True, False])
def test_a_batch_keeps_its_order_when_customers_merge(together: bool) -> None:
    """At the same time, what came first in the batch came first."""
    for number in range(6):  # by chance, the order of their ids is that of arrival half the time
        user, phone = Identity("user", f"x{number}"), Identity("phone", f"x{number}")
        sent = [
            Record([user], T0, "s", interaction=evolve(at("order", 0), id=None)),
            Record([phone], T0, "s", interaction=evolve(at("delivery", 0), id=None)),
            Record([user, phone], T0, "crm"),
        ]
        with Live(SHOP, "memory", identities=RULES, clock=lambda: T0) as live:
            for batch in [sent] if together else [sent[:2], sent[2:]]:
                live.take(batch)
            known = live.identities
            assert known is not None
            history = live.history(known.customer(user) or "")
            assert [one.touchpoint for one in history] == ["order", "delivery"]


@pytest.mark.parametrize("answered", [False, True])
def test_a_signal_keeps_its_id_when_its_customer_is_merged(shared: str, answered: bool) -> None:
    """By which a receiver knows that it has the ticket already, or which one to close."""
    now, tickets, calls = [T0 + DAY], dict[str, str](), Counter[str]()

    def receive(signal: Signal) -> None:
        if isinstance(signal, Withdrawn):
            del tickets[signal.signal.id]
            return
        tickets[signal.id] = signal.customer
        calls[signal.id] += 1
        if not answered and calls[signal.id] == 1:
            raise TimeoutError("the answer is lost")

    with Live(SHOP, shared, identities=IdentityRules(), clock=lambda: now[0]) as live:
        live.take([Record(ids("e1"), T0, "s", interaction=at("order", 0, "?"))])
        failed = Interaction("?", "call", T0 + 5 * HOUR, outcome="failed", source="s", id="1")
        live.take([Record(ids("u2"), T0 + 5 * HOUR, "s", id="1", interaction=failed)])
        live.deliver(receive)
        live.take([Record(ids("e1 u2"), T0 + 6 * HOUR, "s")])
        now[0] += HOUR
        live.deliver(receive)
        assert len(tickets) == 1
        assert list(calls.values()) == [1 if answered else 2]
        live.retract("s", "1")
        live.deliver(receive)
        assert tickets == {}


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1)])
def test_two_interactions_of_one_time_ask_for_one_action(shared: str, apart: timedelta) -> None:
    """A page view of the same second is counted before the complaint once they are one's."""
    sent: list[Signal] = []
    with Live(SHOP, shared, identities=IdentityRules(), clock=lambda: T0 + 3 * DAY,
              outgoing=["moment reached", "moment overdue"]) as live:  # fmt: skip
        view = Interaction("?", "order", T0 - apart, source="web", id="v")
        live.take([Record(ids("c1"), view.at, "web", id="v", interaction=view)])
        failed = Interaction("?", "call", T0, outcome="failed", source="s", id="1")
        live.take([Record(ids("u2"), T0, "s", id="1", interaction=failed)])
        live.advance()
        live.deliver(sent.append)
        live.take([Record(ids("c1 u2"), T0 + HOUR, "s")])
        live.deliver(sent.append)
        live.retract("web", "v")
        live.deliver(sent.append)
    about = [one for one in sent if getattr(one, "moment", "") == "failed"]
    assert [one.kind for one in about] == ["moment reached", "moment overdue"]
    assert not any(isinstance(one, Withdrawn) for one in sent)


def test_no_name_of_the_forgotten_stays_with_who_was_split_off(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Live(SHOP, f"sqlite:///{path}", identities=IdentityRules(),
              clock=lambda: T0 + 9 * DAY) as live:  # fmt: skip
        live.take([Record(ids("u1"), T0, "s", interaction=at("order", 0, "?"))])
        failed = at("call", 1, "?", outcome="failed")
        live.take([Record(ids("c2"), failed.at, "s", interaction=failed)])
        live.take([Record(ids("u1 c2"), T0 + 2 * HOUR, "s")])
        assert live.identities is not None
        ada = str(live.identities.customer(*ids("u1")))
        live.split(ada, ids("c2"), reason="her sister's tablet")
        other = str(live.identities.customer(*ids("c2")))
        live.forget(ada)
        assert ada not in str(live.export(other))
    assert ada.encode() not in path.read_bytes()


def test_no_two_signals_go_out_under_one_id() -> None:
    """A letter that was moved, and one that comes to stand where it was."""
    one, other = ids("u1"), ids("u2")
    sent: dict[str, Signal] = {}

    def failed(who: Any, number: str) -> Record:
        happened = Interaction("?", "call", T0, outcome="failed", source="s", id=number)
        return Record(who, T0, "s", id=number, interaction=happened)

    with Live(SHOP, identities=IdentityRules(), clock=lambda: T0 + DAY) as live:
        live.take([Record(other, T0 - DAY, "s"), failed(one, "1")])
        live.deliver(lambda signal: sent.update({signal.id: signal}))
        pair = Evidence([*one, *other], T0 - HOUR, "ml", weight=0.9)
        live.link([pair], threshold=0.5, batch="b")
        live.withdraw("b")
        live.take([failed(other, "2")])
        live.deliver(lambda signal: sent.update({signal.id: signal}))
        assert len(sent) == 2


def test_each_of_several_of_one_time_is_withdrawn() -> None:
    """Two complaints of one second, each of whose customers is merged, then retracted."""
    open_ = set[str]()

    def receive(signal: Signal) -> None:
        if isinstance(signal, Withdrawn):
            open_.remove(signal.signal.id)
        else:
            open_.add(signal.id)

    with Live(SHOP, identities=IdentityRules(), clock=lambda: T0 + 3 * HOUR) as live:
        live.take([Record(ids("e1"), T0 - DAY, "s")])
        for name in ("u2", "u3"):
            happened = Interaction("?", "call", T0, outcome="failed", source="s", id=name)
            live.take([Record(ids(name), T0, "s", id=name, interaction=happened)])
        live.deliver(receive)
        assert len(open_) == 2
        for name in ("u2", "u3"):
            live.take([Record(ids(f"e1 {name}"), T0 + HOUR, "s")])
            live.retract("s", name)
        live.deliver(receive)
        assert open_ == set()
