"""Forgetting takes a customer out of what others hold, in every store and wherever it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import evolve

from journeymap import Evidence, Identity, IdentityRules, Interaction, Live, Namespace, Record
from journeymap.analysis import Log
from tests.factories import DAY, HOUR, JOURNEY, T0

ANN = "ann@example.org"


def test_no_one_names_them_any_more(store: str) -> None:
    """In the journal, its archive, what is set aside and states; others and journeys stay."""
    now = [T0 + 10 * DAY]
    with Live(JOURNEY, store, clock=lambda: now[0]) as live:
        live.record(Interaction(ANN, "a", T0))
        bobs = [
            Interaction("bob", "a", T0 + DAY, id="1", source="w", referred_by=ANN),
            Interaction("bob", "b", T0 + 2 * DAY, id="2", source="w", referred_by="dan"),
            Interaction("bob", "a", T0 + 8 * DAY, id="3", source="w", referred_by=ANN),
        ]
        live.record_many(bobs)
        live.archive(T0 + 5 * DAY)
        ahead = Interaction("cyd", "a", T0 + 11 * DAY, id="4", source="w", referred_by=ANN)
        assert live.record(ahead).set_aside is not None
        live.correct(Interaction("bob", "c", T0 + 8 * DAY, id="3", source="w", referred_by=ANN))
        live.forget(ANN)
        found = Log.from_store(live.store, map=JOURNEY).history("bob")
        assert [one.referred_by for one in found] == [None, "dan", None]
        assert ANN not in repr(live.export("bob"))
        now[0] = T0 + 12 * DAY
        live.advance(now[0])
        late = Interaction("bob", "b", T0 + DAY + HOUR, id="5", source="w")
        live.record(late)
        assert ANN not in repr(live.export("cyd"))
        assert ANN not in repr(live.state("bob"))
        state = live.state("bob")
        assert state is not None
        assert state.count == 4
    with Live(JOURNEY, "memory", clock=lambda: now[0]) as fresh:  # as if they had never been named
        fresh.record_many([bobs[0], late, bobs[1]])
        fresh.record(Interaction("bob", "c", T0 + 8 * DAY, id="3", source="w"))
        fresh.advance(now[0])
        same = fresh.state("bob")
        assert same is not None
        assert (state.position, state.trail) == (same.position, same.trail)


def test_no_one_names_them_again(store: str) -> None:
    """The same source is read once more, or corrects what it gave: they stay forgotten."""

    def bought(who: str, number: str, at: datetime = T0, **more: Any) -> Interaction:
        return Interaction(who, "a", at, source="w", id=number, **more)

    now = [T0 + DAY]
    with Live(JOURNEY, store, clock=lambda: now[0]) as live:
        live.record_many([bought(ANN, "1"), bought("bob", "2", referred_by=ANN)])
        live.forget(ANN)
        live.record_many([
            bought("cyd", "3", referred_by=ANN), bought("cyd", "4", referred_by="dan"),
            bought("cyd", "5", T0 + 2 * DAY, referred_by=ANN),  # set aside: too early
        ])  # fmt: skip
        live.correct(bought("bob", "2", referred_by=ANN))
        assert [one.referred_by for one in live.history("cyd")] == [None, "dan"]
        assert [one.referred_by for one in live.history("bob")] == [None]
        now[0] += 2 * DAY
        live.advance()
        live.record(bought("eve", "6", now[0], referred_by=ANN))  # another of that name, later
        assert [one.referred_by for one in live.history("cyd")] == [None, "dan", ANN]
        assert [one.referred_by for one in live.history("eve")] == [ANN]


def test_no_identity_of_theirs_comes_back(store: str) -> None:
    """By links read once more, and by who recommended others."""
    mail, crm, web = (Identity(*one) for one in (("mail", ANN), ("crm", "8"), ("web", "9")))
    rules = IdentityRules([Namespace("mail"), Namespace("crm"), Namespace("web")])

    def came(number: str, who: Identity, at: datetime = T0, **more: Any) -> Record:
        one = Interaction("?", "a", at, id=number, source="s", **more)
        return Record([who], source="s", at=at, interaction=one)

    now = [T0 + DAY]
    pairs = [Evidence((mail, crm), T0, "splink", weight=0.9),
             Evidence((crm, web), T0, "splink", weight=0.9)]  # fmt: skip
    with Live(JOURNEY, store, identities=rules, clock=lambda: now[0]) as live:
        customer = live.take([came("1", mail)])[0].customer
        live.link(pairs[:1], threshold=0.5, batch="b")
        live.forget(customer)
        live.link(pairs, threshold=0.5, batch="b")
        assert live.identities is not None
        assert list(live.identities.identities) == []
        other = live.take([came("2", web, referred_by=mail)])[0].customer
        assert live.history(other)[0].referred_by is None
        now[0] += 3 * DAY
        again = live.take([came("3", mail, now[0]), came("4", crm, now[0])])
        assert len({receipt.customer for receipt in again}) == 2
        live.link([evolve(pairs[0], at=now[0])], threshold=0.5, batch="c")  # what is known since
        assert live.take([came("5", crm, now[0])])[0].customer == live.take(
            [came("6", mail, now[0])])[0].customer  # fmt: skip
