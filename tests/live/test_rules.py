"""Rules for identities that change: refused by name, or regrouped by one call, whatever dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeymap import (
    Identity,
    IdentityRules,
    JourneyMap,
    Live,
    Namespace,
    Record,
    StoreError,
    Tracker,
)
from journeymap.live import adopting
from tests.factories import SHOP, ids
from tests.factories import happened as at
from tests.live.test_resolution import NOW, RECORDS, RULES, live_at, rec
from tests.live.test_resolution import SHOP as OTHER

USER = IdentityRules([Namespace("user", most=1)])
BOTH = IdentityRules([Namespace("user", most=1), Namespace("device")])


def records() -> list[Record]:
    """Ada by her name and by a tablet, which the first rules do not know; Ben by his name."""
    given = [
        ([Identity("user", "ada"), Identity("device", "t1")], "order", 0),
        ([Identity("user", "ada"), Identity("device", "t2")], "delivery", 1),
        ([Identity("device", "t1")], "call", 2),
        ([Identity("user", "ben")], "order", 3),
    ]
    return [
        Record(by, at(what, hour).at, "shop", interaction=at(what, hour, f"x{hour}"))
        for by, what, hour in given
    ]


def histories(live: Live) -> dict[str, list[str]]:
    identities = live.identities
    assert identities is not None
    found = {}
    for identity in (Identity("user", "ada"), Identity("user", "ben"), Identity("device", "t2")):
        name = identities.customer(identity)
        if name is not None:
            found[identity.value] = [one.touchpoint for one in live.history(name)]
    return found


def test_a_namespace_more(shared: str) -> None:
    with Live(SHOP, shared, identities=USER) as live:
        receipts = live.take(records())
        assert [bool(receipt.set_aside) for receipt in receipts] == [False, False, True, False]
    with pytest.raises(StoreError, match="other rules: namespace 'device' was added; open"):
        Live(SHOP, shared, identities=BOTH)
    with pytest.raises(StoreError, match=r"grouped by rules .namespaces: user."):
        Live(SHOP, shared)
    with Live(SHOP, shared, identities=USER) as live:  # nothing has changed
        assert histories(live) == {"ada": ["order", "delivery"], "ben": ["order"]}
    with Live(SHOP, shared, identities=BOTH, accept_changes=True) as live:
        with pytest.raises(StoreError, match="other rules"):
            live.take(records())
        with pytest.raises(StoreError, match="other rules"):
            live.record(at("order", 9))
        done = live.rebuild()
        assert done.rules == ("namespace 'device' was added",)
        assert done.resolved == 1
        whole = ["order", "delivery", "call"]
        assert histories(live) == {"ada": whole, "ben": ["order"], "t2": whole}
        assert live.set_aside() == ()
        assert all(receipt.duplicate for receipt in live.take(records()))
        assert live.rebuild().rules == ()
        identities = live.identities
        assert identities is not None
        live.forget(str(identities.customer(Identity("user", "ada"))))
        assert histories(live) == {"ben": ["order"]}
    with pytest.raises(StoreError, match="namespace 'device' was removed"):
        Live(SHOP, shared, identities=USER)


def test_a_namespace_less_and_back(shared: str) -> None:
    """What leads to nobody is set aside, and comes back with the rule."""
    with Live(SHOP, shared, identities=BOTH) as live:
        live.take(records())
        before = histories(live)
    with Live(SHOP, shared, identities=USER, accept_changes=True) as live:
        live.rebuild()
        assert len(live.set_aside()) == 1
        assert histories(live)["ada"] == ["order", "delivery"]
    with Live(SHOP, shared, identities=BOTH, accept_changes=True) as live:
        assert live.rebuild().resolved == 1
        assert histories(live) == before


@pytest.mark.parametrize(
    ("rules", "change"),
    [
        (IdentityRules([Namespace("user", most=2)]), "most changed from 1 to 2"),
        (IdentityRules([Namespace("user", most=1)], secret="x"), "the secret changed"),  # noqa: S106
        (IdentityRules([Namespace("user", most=1)], blocked=["ada"]), "the blocked words changed"),
        (
            IdentityRules([Namespace("user", most=1, window=timedelta(days=1))]),
            "window changed from None to 86400.0",
        ),
    ],
)
def test_changes_are_named(shared: str, rules: IdentityRules, change: str) -> None:
    Live(SHOP, shared, identities=USER).close()
    with pytest.raises(StoreError, match=change):
        Live(SHOP, shared, identities=rules)


def test_another_secret_gives_other_ids(shared: str) -> None:
    with Live(SHOP, shared, identities=USER) as live:
        live.take(records())
        before = live.store.read(lambda tx: tx.states.list_customers("", 9))
    secret = IdentityRules([Namespace("user", most=1)], secret="s3cret")  # noqa: S106
    with Live(SHOP, shared, identities=secret, accept_changes=True) as live:
        live.rebuild()
        after = live.store.read(lambda tx: tx.states.list_customers("", 9))
        assert not set(before) & set(after)
        assert histories(live) == {"ada": ["order", "delivery"], "ben": ["order"]}
        assert b"s3cret" not in repr(live.store.read(lambda tx: tx.meta.read())).encode()


def test_a_worker_with_the_old_rules_is_refused(shared: str) -> None:
    with Live(SHOP, shared, identities=USER) as old:
        old.take(records())
        with Live(SHOP, shared, identities=BOTH, accept_changes=True) as new:
            new.rebuild()
            for call in (
                lambda: old.take(records()),
                lambda: old.record(at("call", 9)),
                lambda: old.position("ada"),
            ):
                with pytest.raises(StoreError, match="namespace 'device' was removed"):
                    call()


def test_another_map_is_refused(shared: str) -> None:
    Live(SHOP, shared).close()
    other = OTHER.replace(OTHER.touchpoints["order"])
    with pytest.raises(StoreError, match="along the map 'shop', not 'elsewhere'"):
        Live(_renamed(other), shared)
    with Live(_renamed(other), shared, accept_changes=True) as live:
        live.rebuild()
    with pytest.raises(StoreError, match="along the map 'elsewhere', not 'shop'"):
        Live(SHOP, shared)


def _renamed(journey: JourneyMap) -> JourneyMap:
    return evolve(journey, id="elsewhere")


@settings(max_examples=60)
@example([rec("u1", 1), rec("e1", 1), rec("e1", 0, None), rec("e1 u1", 1)], 0, 1)
@example([rec("u1", 480), rec("u1", 0)], 0, 1)  # as dormancy is noticed, something happens
@example([rec("u1 c1 e2", 480), rec("e1 u1 e3", 0), rec("c1", 0)], 0, 1)
@given(st.lists(RECORDS, min_size=1, max_size=10), st.integers(0, 6), st.integers(1, 3))
def test_regrouped_is_as_taken_by_the_new_rules(
    taken: list[Record], dies_at: int, page: int
) -> None:
    """Interrupted anywhere and called again: all is as if the rules had been these ever since.

    But for the order of what happened at one time: that of arrival, and what had been set aside
    arrives when the rules let it.
    """
    taken = [
        one if one.interaction is None
        else evolve(one, interaction=evolve(
            one.interaction, id=str(number), at=one.at + timedelta(microseconds=number)))
        for number, one in enumerate(taken)
    ]  # fmt: skip
    fewer = IdentityRules([space for space in RULES.namespaces if space.name != "e"])
    kept = adopting._PAGE
    adopting._PAGE = page
    try:
        with live_at() as whole:
            whole.take(taken)
            first = Live(OTHER, identities=fewer, clock=whole._states.now)
            first.take(taken)
            with Live(OTHER, first.store, identities=RULES, accept_changes=True,
                      clock=whole._states.now) as live:  # fmt: skip
                plain, calls = live.store.run, [0]

                def dies(work: Any) -> Any:
                    calls[0] += 1
                    if calls[0] == dies_at + 2:
                        raise KeyboardInterrupt
                    return plain(work)

                resolution = live._resolution
                assert resolution is not None
                store = _Dying(live.store, dies)
                resolution._states.store = store
                for _ in range(2):
                    try:
                        live.rebuild()
                        break
                    except KeyboardInterrupt:
                        continue
                words = [f"{space}{n}" for space in "uec" for n in (1, 2, 3, 4)]
                for word in words:
                    mine, theirs = (
                        one.identities.customer(*ids(word))  # type: ignore[union-attr]
                        for one in (live, whole)
                    )
                    assert mine == theirs
                    if mine is not None:
                        got, want = live.history(mine), whole.history(mine)
                        assert sorted(map(str, got)) == sorted(map(str, want))
                        # One may have been followed for longer, under another name.
                        here, there = (
                            None if found is None else Tracker(OTHER).advance(found, NOW)[0]
                            for found in (live.state(mine), whole.state(mine))
                        )
                        assert (here and here.position) == (there and there.position)
                        assert (here and here.count) == (there and there.count)
                assert sorted(str(o) for o, _ in live.set_aside()) == sorted(
                    str(o) for o, _ in whole.set_aside()
                )
    finally:
        adopting._PAGE = kept


class _Dying:
    """A store whose process dies once, between two transactions."""

    def __init__(self, store: Any, run: Any) -> None:
        self._store, self.run = store, run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
