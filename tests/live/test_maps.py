"""Maps that change under customers who are on their way: what is due is told, and told once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    At,
    Count,
    Department,
    IdentityRules,
    Interaction,
    KeyJourney,
    Live,
    Moment,
    Namespace,
    Record,
)
from journeymap.adapters.store import Transaction
from journeymap.adapters.stores.sql_journal import SqlJournal
from journeymap.documents import dumps
from journeymap.interactions import Identity
from journeymap.live.map_mark import mark_map
from journeymap.model import ContactLimit, JourneyMap, Offer, Persona
from journeymap.testing import interactions
from journeymap.tracking import Deviated, MomentReached, Signal, Tracker, Withdrawn
from tests.factories import DAY, HOUR, JOURNEY, SHOP, T0, arrived, count_told, folded
from tests.factories import happened as at

REWORDED = SHOP.replace(
    evolve(SHOP.stages["use"], description="In use.", customer_does="Uses it"),
    evolve(SHOP.moments["noted"], name="Written down"),
).add(Persona("family", goals=["all online"]))
"""The same map in other words."""
STRICTER = SHOP.add(Moment("busy", Count("call", 2), action="Listen"))
"""A map with one rule more."""


def reached(signals: tuple[Signal, ...]) -> Counter[tuple[str, str]]:
    return Counter((s.customer, s.moment) for s in signals if isinstance(s, MomentReached))


def delivered(live: Live, names: int) -> None:
    for number in range(names):
        live.record(at("delivery", 0, f"c{number}"))


@pytest.mark.parametrize("newer", [REWORDED, STRICTER], ids=["reworded", "stricter"])
@pytest.mark.parametrize("how", ["advance", "rebuild", "an old worker goes on", "a part was told"])
def test_a_changed_map_loses_nothing_that_is_due(shared: str, newer: JourneyMap, how: str) -> None:
    with Live(SHOP, shared) as old:
        delivered(old, 12)
        told: Counter[tuple[str, str]] = Counter()
        if how == "a part was told":
            for number in range(12, 15):
                old.record(at("delivery", -48, f"c{number}"))
            told += reached(old.advance(T0 + 6 * DAY))
            assert told.total() == 3
        with Live(newer, shared) as new:
            if how == "rebuild":
                new.rebuild()
            if how == "an old worker goes on":
                new.rebuild()
                old.record(at("call", 1, "c0"))
                old.record(at("call", 2, "c1"))
            told += reached(new.advance(T0 + 9 * DAY))
            told += reached(old.advance(T0 + 9 * DAY))
        assert set(told.values()) == {1}
        assert len(told) == (15 if how == "a part was told" else 12)


def test_time_that_was_let_pass_in_part_is_told_by_another_map(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first half is told, then the process dies; the other half comes with the next map."""
    from journeymap.live import live, recording

    monkeypatch.setattr(recording, "BATCH", 5)
    monkeypatch.setattr(live, "BATCH", 5)
    with Live(SHOP, shared) as old:
        delivered(old, 12)
        whole, calls = recording.Advancing.write, []

        def dies(work: Any, tx: Transaction) -> Any:
            calls.append(work)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return whole(work, tx)

        monkeypatch.setattr(recording.Advancing, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            old.advance(T0 + 9 * DAY)
    monkeypatch.setattr(recording.Advancing, "write", whole)
    with Live(STRICTER, shared) as new:
        new.rebuild()
        assert len(reached(new.advance(T0 + 9 * DAY))) == 7
        waiting = new.store.read(lambda tx: tx.outbox.select(status="waiting"))
        assert len(waiting) == 12


def test_new_rules_do_not_tell_the_past(shared: str) -> None:
    with Live(SHOP, shared) as old:
        old.record_many([at("order", 0), at("delivery", 1, "ben")])
        old.advance(T0 + 30 * DAY)
    newer = SHOP.add(Moment("no delivery", Absence("delivery", "order", DAY), action="Ask"))
    with Live(newer, shared) as new:
        new.rebuild()
        assert new.advance(T0 + 31 * DAY) == ()
        new.record(at("order", 32 * 24, "cyd"))
        assert [s.kind for s in new.advance(T0 + 34 * DAY)] == ["moment reached"]


@pytest.mark.parametrize("how", ["absence", "dormancy", "deadline", "key journey"])
def test_what_was_waited_for_is_told_when_its_time_is_made_shorter(shared: str, how: str) -> None:
    """Waited for since day 0 and for 7 days; from day 5 on, for 3 days only."""

    def limited(days: int) -> JourneyMap:
        length = days * DAY
        if how == "absence":
            return SHOP.replace(
                Moment("unused", Absence("first_use", "delivery", length), action="Call them")
            )
        if how == "deadline":
            failed = At("outcome", ["failed"])
            return SHOP.replace(Moment("failed", failed, action="Say sorry", deadline=length))
        if how == "dormancy":
            return evolve(SHOP, dormant_after=length, moments=())
        journey = KeyJourney("buying", start="delivery", end="order", within=length)
        return evolve(SHOP, key_journeys=[journey], moments=())

    now = [T0]
    with Live(limited(7), shared, clock=lambda: now[0]) as old:
        outcome = "failed" if how == "deadline" else None
        old.record_many([at("delivery", 0, f"c{n}", outcome=outcome) for n in range(3)])
        for day in range(1, 6):
            now[0] = T0 + day * DAY
            assert old.advance() == ()
    with Live(limited(3), shared, clock=lambda: now[0]) as new:
        new.rebuild()
        told: Counter[str] = Counter()
        for day in range(5, 30):
            now[0] = T0 + day * DAY
            told.update(f"{one.kind} {one.customer}" for one in new.advance())
        kind = {"absence": "moment reached", "dormancy": "went dormant",
                "deadline": "moment overdue", "key journey": "deviation"}[how]  # fmt: skip
        assert [told[f"{kind} c{n}"] for n in range(3)] == [1, 1, 1]


def test_what_is_due_is_told_when_customers_merge(shared: str) -> None:
    """Ada's alarm is due before Ben's last interaction, and nobody had told it yet."""
    rules = IdentityRules([Namespace("user"), Namespace("phone")])
    user, phone = Identity("user", "ada"), Identity("phone", "555")
    with Live(SHOP, shared, identities=rules) as live:
        first = at("delivery", 0, "x")
        live.take([Record([user], first.at, "shop", interaction=first)])
        later = at("call", 20 * 24, "y")
        live.take([Record([phone], later.at, "shop", interaction=later)])
        told = live.take([Record([user, phone], T0 + 20 * DAY, "crm")])
        after = live.advance(T0 + 21 * DAY)
        waiting = live.store.read(lambda tx: tx.outbox.select(status="waiting"))
        assert [one.text for one in waiting if "unused" in one.text], (told, after)


def test_two_versions_at_work_fold_only_what_is_new(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[int] = []
    plain = SqlJournal.history

    def counted(self: SqlJournal, customer: str, after: int = 0) -> Any:
        found = plain(self, customer, after)
        whole.append(len(found))
        return found

    with Live(SHOP, shared) as old, Live(STRICTER, shared) as new:
        old.record_many([at("call", hour / 10) for hour in range(50)])
        monkeypatch.setattr(SqlJournal, "history", counted)
        for hour in range(5, 25):
            (old if hour % 2 else new).record(at("call", hour))
        assert max(whole[1:]) <= 2, whole  # but for the first sight of it
        assert (
            new.position("ada")
            == Tracker(STRICTER, None).follow(None, new.history("ada"))[0].position
        )


def test_a_customer_who_was_forgotten_is_no_one_seen_before(shared: str) -> None:
    now = [T0 + 6 * HOUR]
    clock = lambda: now[0]  # noqa: E731
    with Live(SHOP, shared, clock=clock) as old, Live(STRICTER, shared, clock=clock) as new:
        old.record_many([at("call", hour) for hour in range(5)])
        assert new.state("ada") is not None
        old.forget("ada")
        now[0] += DAY
        old.record(at("order", 9))
        state = new.state("ada")
        assert state is not None
        assert (state.count, state.position and state.position.stage) == (1, "choose")


TRACKED = JOURNEY.add(
    Moment("n", Absence("a", "b", 9 * HOUR), action="y"),
    Moment("o", Absence("b", "c", 20 * HOUR), action="z"),
)
NEWER = TRACKED.add(Moment("extra", Count("c", 1), action="w")).replace(
    evolve(TRACKED.stages["use"], description="In use.")
)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(interactions(touchpoints=("a", "b", "c")), st.integers(0, 2)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_any_deployment_tells_everything_once(
    drawn: list[tuple[Interaction, int]], dice: Any
) -> None:
    """Workers of two versions in any turn, rebuilds in between: all that is due, once."""
    sent = arrived(drawn, dice)
    as_of = BEGIN + 600 * HOUR
    with Live(TRACKED, clock=lambda: as_of) as old:
        new = Live(NEWER, old.store, clock=lambda: as_of)
        told: Counter[Signal] = Counter()

        while sent:
            batch, sent = sent[: (size := dice.randrange(1, 5))], sent[size:]
            live = dice.choice([old, new])
            for receipt in live.record_many(batch):
                count_told(told, receipt.signals)
            if dice.random() < 0.3:
                count_told(
                    told, dice.choice([old, new]).advance(BEGIN + HOUR * dice.randrange(0, 450))
                )
            if dice.random() < 0.2:
                dice.choice([old, new]).rebuild()
        count_told(told, dice.choice([old, new]).advance(as_of))
        names = {signal.customer for signal in told}
        past = [one for name in names for one in old.history(name)]
        _, expected = folded(Tracker(TRACKED, None), past, as_of)
        mine = Counter({s: n for s, n in told.items() if getattr(s, "moment", "") != "extra"})
        assert +mine == sum(expected.values(), Counter())


def test_what_comes_before_the_time_that_another_version_let_pass_is_still_due() -> None:
    """The new version took ben's time to be over up to hour 122; then something came at 101."""
    with Live(TRACKED, clock=lambda: BEGIN + 600 * HOUR) as old:
        new = Live(NEWER, old.store, clock=lambda: BEGIN + 600 * HOUR)
        first, second = (
            Interaction("ben", "a", BEGIN + hour * HOUR, id=str(hour), source="s")
            for hour in (0, 101)
        )
        old.record(Interaction("ada", "a", BEGIN, id="x", source="s"))
        old.advance(BEGIN + 122 * HOUR)
        old.record(first)
        old.advance(BEGIN + 100 * HOUR)
        new.record(first)  # a duplicate: it reads the state, and keeps it
        old.record(second)
        late = [one for one in new.advance(BEGIN + 168 * HOUR) if isinstance(one, Deviated)
                and (one.journey, one.deviation) == ("ab", "late")]  # fmt: skip
        assert [one.at for one in late] == [BEGIN + 121 * HOUR]


def test_the_mark_is_of_what_tracking_reads() -> None:
    def mark(journey: JourneyMap) -> str:
        return mark_map(dumps(journey, format="json"))

    assert mark(SHOP) == mark(REWORDED)
    changed = [
        STRICTER,
        SHOP.replace(evolve(SHOP.stages["use"], dormant_after=DAY)),
        SHOP.replace(evolve(SHOP.moments["unused"], action="Write to them")),
        SHOP.replace(evolve(SHOP.touchpoints["call"], recorded_as=["phone_call"])),
        SHOP.add(Offer("router", touchpoint="call", limits=[ContactLimit(1, DAY)])),
        evolve(SHOP, id="other"),
    ]
    assert len({mark(SHOP), *map(mark, changed)}) == len(changed) + 1


def test_what_was_waited_for_is_told_after_several_changes(shared: str) -> None:
    now = [T0]

    def limited(days: int) -> JourneyMap:
        silent = Absence("first_use", "delivery", days * DAY)
        return SHOP.replace(Moment("unused", silent, action="Call them"))

    told: Counter[str] = Counter()
    for days, until in ((7, 5), (6, 6), (3, 30)):
        with Live(limited(days), shared, clock=lambda: now[0]) as live:
            live.rebuild()
            if days == 7:
                live.record(at("delivery", 0))
            while now[0] < T0 + until * DAY:
                told.update(one.kind for one in live.advance())
                now[0] += DAY
    assert told == {"moment reached": 1}


def test_a_new_rule_tells_no_past_of_those_who_wait_for_something_else(shared: str) -> None:
    now = [T0 + HOUR]
    with Live(SHOP, shared, clock=lambda: now[0]) as old:
        old.record(at("delivery", 0))
        now[0] = T0 + 5 * DAY
        assert old.advance() == ()
    newer = SHOP.add(Moment("not called", Absence("call", "delivery", DAY), action="Ask"))
    with Live(newer, shared, clock=lambda: now[0]) as new:
        new.rebuild()
        state = new.state("ada")
        assert state is not None
        assert state.clock <= now[0]
        assert new.advance() == ()
        now[0] = T0 + 9 * DAY
        assert reached(new.advance()) == {("ada", "unused"): 1}


@pytest.mark.parametrize("how", ["rebuild", "record", "advance"])
@pytest.mark.parametrize(
    ("what", "unit", "count"), [("delivery", 2 * DAY, 2), ("call", HOUR, 4)], ids=["due", "overdue"]
)
def test_of_several_that_wait_only_those_not_told_are_told(
    shared: str, how: str, what: str, unit: timedelta, count: int
) -> None:
    """One of a customer's two was told by the former map; the other one's time is to come."""
    now, told = [T0], Counter[str]()

    def open_live(journey: JourneyMap) -> Live:
        return Live(journey, shared, clock=lambda: now[0],
                    outgoing=["moment reached", "moment overdue"])  # fmt: skip

    def let_pass(live: Live, units: int) -> None:
        now[0] = T0 + units * unit
        live.advance()
        live.deliver(lambda one: told.update([one.id]))

    with open_live(SHOP) as live:
        for units in (0, 3):
            now[0] = T0 + units * unit
            outcome = "failed" if what == "call" else None
            live.record(Interaction("ada", what, now[0], id=str(units), outcome=outcome))
        let_pass(live, 5)
    with open_live(STRICTER) as live:
        if how == "rebuild":
            live.rebuild()
        if how == "record":
            live.record(Interaction("ada", "order", now[0], id="o"))
        for units in (5, 6, 8, 9):
            let_pass(live, units)
    assert sorted(told.values()) == [1] * count


def _watched(days: float, **more: Any) -> JourneyMap:
    """A map whose only moments are two absences after a delivery, told by the action's text."""
    moments = {
        "unused": Moment("unused", Absence("first_use", "delivery", days * DAY), **more),
        "unpaid": Moment("unpaid", Absence("call", "delivery", 3.5 * DAY), action="Remind"),
    }
    return evolve(SHOP, moments=moments.values(), key_journeys=[], dormant_after=None,
                  departments=[Department("support"), Department("sales")])  # fmt: skip


@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("let_pass", [False, True])
@pytest.mark.parametrize("before", ["nothing", "an order", "another moment"])
@pytest.mark.parametrize("deadline", [None, HOUR, 8 * HOUR])
def test_a_shorter_time_is_told_whatever_else_came(
    shared: str, deadline: timedelta | None, before: str, let_pass: bool, rebuilt: bool
) -> None:
    """Waited for 7 days, of which 4 have passed when 3 are enough."""
    now, told = [T0], Counter[tuple[str, str]]()
    more: dict[str, Any] = {"action": "Call", "owner": "support", "deadline": deadline}

    def told_by(live: Live) -> None:
        live.deliver(lambda one: told.update([(one.kind, getattr(one, "moment", ""))]))

    outgoing = ["moment reached", "moment overdue"]
    with Live(_watched(7, **more), shared, clock=lambda: now[0], outgoing=outgoing) as old:
        old.record(at("delivery", 0))
        if before != "another moment":
            now[0] = T0 + HOUR
            old.record(at("call", 1))
        now[0] = T0 + 4 * DAY
        if before == "an order":
            old.record(at("order", 95))
        if let_pass:
            old.advance()
        told_by(old)
    with Live(_watched(3, **more), shared, clock=lambda: now[0], outgoing=outgoing) as new:
        if rebuilt:
            new.rebuild()
        for day in (4, 5, 9, 20):
            now[0] = T0 + day * DAY
            new.advance()
            told_by(new)
    assert told[("moment reached", "unused")] == 1
    assert told[("moment overdue", "unused")] == (deadline is not None)
    assert told[("moment reached", "unpaid")] == (before == "another moment")


CHANGES: list[dict[str, Any]] = [
    {"action": "Write to them"}, {"owner": "sales"}, {"deadline": 8 * HOUR}, {"cool_down": HOUR},
]  # fmt: skip


@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_what_the_former_map_told_is_told_by_no_other_and_can_be_withdrawn(
    shared: str, change: dict[str, Any], rebuilt: bool
) -> None:
    """Ada has two deliveries, one alert was told; Ben's is told, and he had used it after all."""
    now, sent = [T0 + 5 * DAY], []
    old_map, new_map = _watched(7, action="Call"), _watched(7, **({"action": "Call"} | change))
    with Live(old_map, shared, clock=lambda: now[0]) as old:
        for name, hours in (("ada", 0), ("ada", 120), ("ben", 0), ("cyd", 0)):
            old.record(Interaction(name, "delivery", T0 + hours * HOUR, id=f"{name}{hours}"))
            old.record(at("call", hours + 0.5, name))
        now[0] = T0 + 8 * DAY
        old.advance()
        old.deliver({"unused": lambda one: sent.append(one) if one.customer != "cyd" else 1 / 0})
    first = [one.id for one in sent]
    with Live(new_map, shared, clock=lambda: now[0]) as new:
        if rebuilt:
            new.rebuild()
        for name in ("ben", "cyd"):
            new.record(Interaction(name, "first_use", T0 + 2 * DAY, id=f"{name} used"))
        now[0] = T0 + 13 * DAY
        new.advance()
        new.deliver({"unused": sent.append})
    ada = [one for one in sent if one.customer == "ada"]
    assert [(one.kind, one.begun) for one in ada if isinstance(one, MomentReached)] == [
        ("moment reached", T0), ("moment reached", T0 + 5 * DAY),
    ]  # fmt: skip
    ben = [one for one in sent if one.customer == "ben"]
    assert [one.kind for one in ben] == ["moment reached", "withdrawn"]
    assert isinstance(ben[1], Withdrawn)
    assert ben[1].signal.id == ben[0].id in first
    cyd = [one for one in sent if one.customer == "cyd"]  # tried, so that someone may know of it
    assert [one.kind for one in cyd] == ["withdrawn"]


def _timed(how: str, days: float) -> JourneyMap:
    """A map with one rule of a kind that takes so many days."""
    length = days * DAY
    if how == "absence":
        return _watched(days, action="Call")
    if how == "deadline":
        failed = Moment("failed", At("outcome", ["failed"]), action="Say sorry", deadline=length)
        return evolve(SHOP, moments=[failed], dormant_after=None)
    if how == "dormancy":
        return evolve(SHOP, dormant_after=length, moments=())
    late: Any = {"late": {"within": length}, "given up": {"given_up_after": length}}[how]
    journey = KeyJourney("buying", start="delivery", end="order", **late)
    return evolve(SHOP, key_journeys=[journey], moments=(), dormant_after=None)


@pytest.mark.parametrize("later", [(12,), (12, 12), (12, 20), (12, 7), (3,), (3, 7)])
@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("how", ["absence", "deadline", "dormancy", "late", "given up"])
def test_no_map_tells_again_what_another_told(
    how: str, rebuilt: bool, later: tuple[float, ...]
) -> None:
    """Told after 7 days by the first; the others would do it at other times, or again."""
    kind = {"absence": "moment reached", "deadline": "moment overdue",
            "dormancy": "went dormant", "late": "deviation",
            "given up": "key journey given up"}[how]  # fmt: skip
    now, emitted, sent = [T0], Counter[str](), Counter[str]()
    first = Live(_timed(how, 7), clock=lambda: now[0], outgoing=[kind])
    outcome = "failed" if how == "deadline" else None
    first.record(Interaction("ada", "delivery", T0, id="1", outcome=outcome))
    if how == "absence":
        first.record(Interaction("ada", "call", T0, id="2"))

    def let_pass(live: Live, until: int) -> None:
        while now[0] < T0 + until * DAY:
            now[0] += DAY
            emitted.update(one.kind for one in live.advance())
            live.deliver(lambda one: sent.update([one.kind]))

    let_pass(first, 9)
    for place, days in enumerate(later):
        journey = _timed(how, days).add(Persona(f"p{place}"))
        live = Live(journey, first.store, clock=lambda: now[0], outgoing=[kind])
        if rebuilt:
            live.rebuild()
        let_pass(live, 11 + 2 * place)
    if how != "dormancy":  # it is silent no longer
        emitted.update(one.kind for one in live.record(at("first_use", 400)).signals)
    let_pass(live, 60 if how != "dormancy" else 40)
    assert (emitted[kind], sent[kind]) == (1, 1)
    first.close()


@pytest.mark.parametrize("how", ["nothing", "its state is read", "a duplicate comes"])
def test_what_is_owed_is_told_though_it_was_read_before(how: str) -> None:
    now = [T0]
    first = at("delivery", 0)
    with Live(_watched(7, action="Call"), clock=lambda: now[0]) as old:
        old.record_many([first, Interaction("ada", "call", T0 + HOUR, id="c")])
        now[0] = T0 + 4 * DAY
        old.advance()
        new = Live(_watched(3, action="Call"), old.store, clock=lambda: now[0])
        if how == "its state is read":
            new.state("ada")
        if how == "a duplicate comes":
            new.record(Interaction("ada", "call", T0 + HOUR, id="c"))
        old.record(at("order", 95))
        new.rebuild()
        told = Counter[tuple[str, str]]()
        for day in (4, 5, 8, 20):
            now[0] = T0 + day * DAY
            told += reached(new.advance())
        assert told == {("ada", "unused"): 1}


@pytest.mark.parametrize("change", CHANGES[:3], ids=lambda change: next(iter(change)))
def test_what_is_owed_is_told_though_another_map_came(change: dict[str, Any]) -> None:
    now, sent = [T0], Counter[str]()
    base: dict[str, Any] = {"action": "Call"}
    with Live(_watched(7, **base), clock=lambda: now[0]) as old:
        old.record(Interaction("ada", "delivery", T0, id="d"))
        old.record(Interaction("ada", "call", T0, source="s", id="c"))
        now[0] = T0 + 4 * DAY
        old.advance()
        Live(_watched(3, **base), old.store, clock=lambda: now[0]).rebuild()
        third = Live(_watched(3, **(base | change)), old.store, clock=lambda: now[0])
        third.retract("s", "c")
        for day in (4, 5):
            now[0] = T0 + day * DAY
            third.advance()
            third.deliver(lambda one: sent.update([getattr(one, "moment", "")]))
        assert sent["unused"] == 1


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), min_size=1, max_size=14),
    st.sampled_from([2, 15]),
    st.randoms(use_true_random=False),
)
def test_any_deployment_of_another_time_tells_each_once(
    drawn: list[tuple[str, int]], hours: int, dice: Any
) -> None:
    """Workers of two versions in any turn, of which one waits for longer than the other."""
    newer = TRACKED.replace(Moment("n", Absence("a", "b", hours * HOUR), action="y"))
    now, told = [BEGIN], Counter[datetime]()
    given_: list[Interaction] = []
    with Live(TRACKED, clock=lambda: now[0]) as old:
        workers = [old]
        for touchpoint, pause in drawn:
            now[0] += pause * HOUR + timedelta(minutes=1)
            if len(workers) == 1 and dice.random() < 0.4:  # the new ones come; the old go on
                workers.append(Live(newer, old.store, clock=lambda: now[0]))
            if len(workers) == 2 and dice.random() < 0.2:
                workers[1].rebuild()
                workers = [workers[1], workers[1]]
            live = dice.choice(workers)
            signals = live.advance() if dice.random() < 0.6 else ()
            given_.append(Interaction("ada", touchpoint, now[0]))
            signals += live.record(given_[-1]).signals
            told.update(one.begun for one in signals if getattr(one, "moment", "") == "n"
                        and isinstance(one, MomentReached))  # fmt: skip
        now[0] += 100 * HOUR
        told.update(one.begun for one in workers[-1].advance() if getattr(one, "moment", "") == "n"
                    and isinstance(one, MomentReached))  # fmt: skip
    assert set(told.values()) <= {1}
    last = now[0] - 100 * HOUR
    for one in given_:
        if one.touchpoint == "b":
            came = [x.at - one.at for x in given_ if x.touchpoint == "a" and x.at > one.at]
            if min(came, default=last + 100 * HOUR - one.at) > max(hours, 9) * HOUR:
                assert told[one.at] == 1
            elif min(came) <= min(hours, 9) * HOUR:
                assert told[one.at] == 0
