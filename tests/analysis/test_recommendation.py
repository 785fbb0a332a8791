"""Recommendation: chains counted the plain way, merges that are followed, circles, strangers."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import (
    Customers,
    Identity,
    IdentityRules,
    Interaction,
    Live,
    Namespace,
    Record,
)
from journeymap.adapters.mapping import PayloadMapping, RecordRule
from journeymap.adapters.mapping.applying import AppliedMapping
from journeymap.analysis import Columns, Log, Overview, Recommendation, RecommendationAnswer
from journeymap.analysis.measuring.mean_counts import count_for_each
from journeymap.analysis.table import table
from journeymap.exceptions import AnswerError, ElementError, InteractionError
from journeymap.interactions.codec import interaction_data, read_interaction
from journeymap.live import open_store
from journeymap.views import report
from tests.factories import JOURNEY, columns_of

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
names = st.sampled_from("abcdefg")


def _log(rows: list[tuple[str, int, str | None, int]]) -> Log:
    customers, days, by, amounts = zip(*rows, strict=True)
    data = {"customer": customers, "touchpoint": ["buy"] * len(rows),
            "at": [T0 + day * DAY for day in days], "by": by, "amount": amounts}  # fmt: skip
    return Log.from_frame(data, Columns(referred_by="by", value="amount", currency="EUR"))


@given(st.dictionaries(names, st.tuples(st.integers(0, 30), st.none() | names, st.integers(1, 9)),
                       min_size=1))  # fmt: skip
def test_chains(people: dict[str, tuple[int, str | None, int]]) -> None:
    """Everyone who came by somebody, and by those, counted by walking down."""
    log = _log([(name, day, by, amount) for name, (day, by, amount) in people.items()] +
               [("z", 0, "a", 0)])  # fmt: skip
    answer = log.ask(Recommendation())
    everyone = people | {"z": (0, "a", 0)}
    parents = {name: by for name, (_, by, _) in everyone.items() if by in everyone}
    circles = {name for name in parents if _closes(name, parents)}
    late = {name for name, by in parents.items() if everyone[by or ""][0] > everyone[name][0]}
    if not circles and not late:
        below = {name: _below(name, parents) for name in everyone}
        assert {row.recommender: (row.won, row.chain) for row in answer} == {
            name: (sum(by == name for by in parents.values()), len(mine))
            for name, mine in below.items() if mine
        }  # fmt: skip
        for row in answer:
            mine = below[row.recommender]
            assert row.chain_value == sum(everyone[one][2] for one in mine)
        assert answer.refused == 0
    else:  # a forest all the same: no one is above themselves
        assert answer.refused >= len(late)
        assert sum(row.won for row in answer) == len(parents) - answer.refused
    assert answer.growth == pytest.approx(_grown(everyone, answer))
    assert answer.strangers == sum(
        by is not None and by not in everyone for _, by, _ in everyone.values()
    )


def _grown(people: dict[str, tuple[int, str | None, int]], answer: RecommendationAnswer) -> float:
    """At each age, the share of those followed for so long who won somebody then."""
    end = max(day for day, _, _ in people.values())
    followed = {name: end - day for name, (day, _, _) in people.items()}
    least = max(min(2, len(people)), math.ceil(len(people) / 10))
    within = sorted(followed.values(), reverse=True)[least - 1]
    assert answer.growth_time == within * 86_400
    won = [people[child][0] - people[row.recommender][0]
           for row in answer for child in answer.customers(row, "won")]  # fmt: skip
    return sum(1 / sum(age <= one for one in followed.values()) for age in won if age <= within)


def _closes(name: str, parents: dict[str, str]) -> bool:
    at: str | None = parents.get(name)
    for _ in range(20):
        if at == name:
            return True
        at = parents.get(str(at))
    return False


def _below(name: str, parents: dict[str, str]) -> set[str]:
    mine = {one for one, by in parents.items() if by == name}
    return mine.union(*(_below(one, parents) for one in mine)) if mine else mine


def test_an_answer_by_hand() -> None:
    rows: list[tuple[str, int, str | None, int]] = [
        ("ann", 0, None, 10), ("ann", 200, None, 5), ("bob", 20, "ann", 30), ("bob", 150, None, 0),
        ("cyd", 40, "bob", 7), ("dan", 10, None, 1), ("eve", 300, "nobody", 2),
    ]  # fmt: skip
    answer = _log(rows).ask(Recommendation())
    ann, bob = answer
    assert (ann.recommender, ann.won, ann.chain, ann.depth) == ("ann", 1, 2, 2)
    assert (ann.value, ann.chain_value, ann.time) == (30, 37, 20 * 86_400)
    assert (bob.won, bob.chain_value, bob.time) == (1, 7, 20 * 86_400)
    assert (answer.customer_count, answer.recommended, answer.recommenders) == (5, 3, 2)
    # Won at 20 days: by two of the four who are followed for so long, none of them for 300.
    assert (answer.growth, answer.growth_time) == (0.5, 290 * 86_400)
    own = [1 / 4 - 2 / 16, 1 / 4 - 2 / 16, -2 / 16, -2 / 16, 0]
    error = (sum(one**2 for one in own) * 5 / 4) ** 0.5
    ratio = math.exp(2.7764 * error / 0.5)
    assert answer.growth_low == pytest.approx(0.5 / ratio, rel=1e-3)
    assert answer.growth_high == pytest.approx(0.5 * ratio, rel=1e-3)
    assert answer.median_time == 20 * 86_400
    assert answer.strangers == 1
    recommended, others = answer.acquired
    assert (recommended.n, recommended.known, recommended.retained) == (3, 2, 1)
    assert (others.n, others.known, others.retained, others.share) == (2, 2, 0, 0.0)
    assert (recommended.value, others.value) == ((30 + 7) / 2, (10 + 1) / 2)
    assert answer.customers(ann, "won") == ("bob",)
    assert "within 290 d one customer wins 0.5 others" in repr(answer)


def test_invitations_and_what_comes_before() -> None:
    rows = [
        ("ann", "buy", 0, None), ("ann", "delivered", 3, None), ("ann", "invited", 4, None),
        ("ann", "invited", 5, None), ("bob", "buy", 6, "ann"), ("ann", "called", 9, None),
    ]  # fmt: skip
    customers, points, days, by = zip(*rows, strict=True)
    log = Log.from_frame({"customer": customers, "touchpoint": points, "by": by,
                          "at": [T0 + day * DAY for day in days]},
                         Columns(referred_by="by"))  # fmt: skip
    answer = log.ask(Recommendation("invited"))
    assert (answer.invitations, answer.accepted) == (2, 1)
    [before] = answer.before
    assert (before.touchpoint, before.count, before.share) == ("invited", 1, 1.0)
    assert before.usual == pytest.approx(2 / 5)
    assert "1 of 2 invitations won a customer" in repr(answer)
    assert log.ask(Recommendation()).currency is None
    renamed = log.known_as({"ann": "p1", "bob": "p2"})
    assert [row.recommender for row in renamed.ask(Recommendation())] == ["p1"]
    assert "ann" not in repr(renamed.to_polars().to_dicts())
    late = _log([("b", 1, None, 1), ("a", 0, "b", 1)]).ask(Recommendation())
    assert (late.refused, late.recommended, len(late)) == (1, 0, 0)


def test_circles_and_themselves_do_not_count() -> None:
    answer = _log([("a", 1, "b", 1), ("b", 1, "a", 1), ("c", 2, "c", 1)]).ask(Recommendation())
    assert answer.refused == 2
    [row] = answer
    assert (row.recommender, row.won) == ("b", 1)
    assert "close a circle" in repr(answer)
    assert answer.acquired[0].n == answer.recommended == 1
    assert answer.customers(row, "won") == ("a",)


def test_an_interaction_keeps_who_recommended() -> None:
    for by in ("ann", Identity("email", "ann@example.org")):
        one = Interaction("bob", "buy", T0, referred_by=by)
        assert read_interaction(interaction_data(one)) == one
        assert "ann@example.org" not in repr(one)
    for wrong in ("", "a\nb", 3, "x" * 600):
        with pytest.raises((ElementError, InteractionError)):
            Interaction("bob", "buy", T0, referred_by=wrong)  # type: ignore[arg-type]
    log = Log.from_interactions([Interaction("bob", "buy", T0, referred_by="ann")])
    assert log.history("bob")[0].referred_by == "ann"
    assert log.where(referred_by="ann").interactions == 1


def test_gathered_records_follow_merges() -> None:
    """Who recommended is known by an email, and is one with somebody else in the end."""
    mapping = PayloadMapping("shop", [RecordRule(
        "$.at", {"email": "$.mail"}, "buy", referred_by={"email": "$.friend"},
    )])  # fmt: skip
    customers = Customers()
    payloads = [
        {"at": "2026-03-01T00:00:00Z", "mail": "ann@example.org"},
        {"at": "2026-03-02T00:00:00Z", "mail": "bob@example.org", "friend": "ann@example.org"},
        {"at": "2026-03-03T00:00:00Z", "mail": "cyd@example.org", "friend": "annie@example.org"},
        {"at": "2026-03-04T00:00:00Z", "mail": "dan@example.org", "friend": ""},
    ]
    for payload in payloads:
        customers.take(AppliedMapping(mapping).apply(payload, 1).records)
    before = Log.from_interactions(customers.interactions()).ask(Recommendation())
    assert [(row.won, before.strangers) for row in before] == [(1, 1)]
    both = Identity("email", "ann@example.org"), Identity("email", "annie@example.org")
    customers.take(Record(both, T0, "crm"))
    after = Log.from_interactions(customers.interactions()).ask(Recommendation())
    assert [(row.won, after.strangers) for row in after] == [(2, 0)]
    ann = customers.identities.customer(both[0])
    assert ann is not None
    assert next(iter(after)).recommender == ann
    bob = customers.identities.customer(Identity("email", "bob@example.org"))
    assert bob is not None
    assert customers.history(bob)[0].referred_by == ann


def test_live_follows_merges(tmp_path: Path) -> None:
    """An id by which somebody recommended leads to the customer whom it is part of today."""
    rules = IdentityRules([Namespace("email"), Namespace("card")])
    with Live(JOURNEY, open_store(f"sqlite:///{tmp_path}/live.db"), identities=rules) as live:
        card, mail = Identity("card", "7"), Identity("email", "ann@example.org")
        live.take([Record([card], T0, "pos", interaction=Interaction("?", "visit", T0))])
        assert live.identities is not None
        known = live.identities.customer(card)
        live.record(Interaction("bob", "visit", T0 + DAY, referred_by=known))
        live.record(Interaction("cyd", "visit", T0 + 2 * DAY, referred_by=card))
        live.take([Record([mail, card], T0, "crm")])
        for identities in (live.identities, None):
            log = Log.from_store(live.store, map=JOURNEY, identities=identities)
            [row] = log.ask(Recommendation())
            assert row.recommender == live.identities.customer(mail)
            assert row.won == 2


def test_bad_input() -> None:
    silent = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [T0]})
    assert "names who recommended" in repr(silent.ask(Recommendation()))
    empty = Log.from_frame({"customer": [], "touchpoint": [], "at": []}).ask(Recommendation())
    assert (len(empty), empty.growth) == (0, None)
    two = Log.from_frame(
        {"customer": ["a", "b"], "touchpoint": ["x", "x"], "at": [T0, T0], "by": [None, "a"],
         "amount": [1, 2], "money": ["EUR", "USD"]},
        Columns(referred_by="by", value="amount", currency="money"))  # fmt: skip
    with pytest.raises(AnswerError, match="never added"):
        two.ask(Recommendation())
    assert next(iter(two.ask(Recommendation(currency="USD")))).value == 2


@pytest.mark.parametrize("identified", [False, True])
def test_who_is_forgotten_is_forgotten_by_those_they_won(
    tmp_path: Path, identified: bool
) -> None:  # fmt: skip
    """No interaction of others names them any more, in no row of the file; the rest stays."""
    rules = IdentityRules([Namespace("email")]) if identified else None
    mail = Identity("email", "ann@example.org")
    with Live(JOURNEY, f"sqlite:///{tmp_path}/live.db", identities=rules) as live:
        if live.identities is not None:
            live.take([Record([mail], T0, "crm", interaction=Interaction("?", "visit", T0))])
            ann = live.identities.customer(mail) or ""
        else:
            live.record(Interaction("ann@example.org", "visit", T0))
            ann = "ann@example.org"
        live.record(Interaction("bob", "visit", T0 + DAY, referred_by=ann))
        live.record(Interaction("bob", "visit", T0 + 2 * DAY, referred_by="dan"))
        if identified:
            live.record(Interaction("cyd", "visit", T0 + DAY, referred_by=mail))
        live.forget(ann)
        live.record(Interaction("bob", "visit", T0 + 3 * DAY))
        found = [one.referred_by for one in Log.from_store(live.store, map=JOURNEY).history("bob")]
        assert found == [None, "dan", None]
        state = live.state("bob")
        assert state is not None
        assert state.count == 3
    for file in tmp_path.iterdir():
        assert ann.encode() not in file.read_bytes()
        assert b"ann@example.org" not in file.read_bytes()


def test_the_loop_shows_what_comes_in_by_recommendation() -> None:
    happened = [Interaction(name, "a", T0 + n * DAY, referred_by=by)
                for n, (name, by) in enumerate([("ann", None), ("bob", "ann"), ("cyd", None),
                                                ("dan", "bob")])]  # fmt: skip
    page = report(Overview.of(Log.from_interactions(happened, map=JOURNEY)))
    assert "50 % came by recommendation" in page
    plain = [Interaction("ann", "a", T0)]
    assert "recommendation" not in report(Overview.of(Log.from_interactions(plain, map=JOURNEY)))


def test_one_customer_has_no_interval() -> None:
    log = Log.from_frame({"customer": ["a"], "touchpoint": ["buy"], "at": [0], "by": ["zed"]},
                         Columns(at_unit="s", referred_by="by"))  # fmt: skip
    answer = log.ask(Recommendation())
    assert (answer.growth, answer.growth_low, answer.growth_high) == (0.0, None, None)
    assert answer.notes()[0].endswith("one customer wins 0 others")


@pytest.mark.parametrize("true", [0.6, 1.0, 1.6])
def test_growth_is_that_of_customers_who_had_the_time(true: float) -> None:
    """Worlds that grow, cut at a day: most customers have only just come."""
    inside = []
    for seed in range(30):
        dice = np.random.default_rng(seed)
        rows: list[tuple[str, int, str | None]] = [(f"c{n}", 0, None) for n in range(30)]
        for name, day, _ in rows:  # which grows meanwhile
            for at in day + dice.integers(10, 40, dice.poisson(true)):
                if at <= 150:
                    rows.append((f"c{len(rows)}", int(at), name))
        names, days, by = zip(*rows, strict=True)
        frame = {"customer": [*names, "last"], "touchpoint": ["buy"] * (len(rows) + 1),
                 "at": [86_400 * day for day in (*days, 150)], "by": [*by, None]}  # fmt: skip
        answer = Log.from_frame(frame, Columns(at_unit="s", referred_by="by")).ask(Recommendation())
        assert answer.growth_low is not None
        assert answer.growth_high is not None
        inside.append(answer.growth_low <= true <= answer.growth_high)
    assert sum(inside) >= 25  # of small worlds, those that die out hold fewer parents


def test_who_came_later_is_retained_no_less() -> None:
    """All behave alike: those who were recommended came a year later, that is all."""
    dice = np.random.default_rng(2)
    rows: list[tuple[str, float, str | None]] = []
    for n in range(800):
        day = float(dice.uniform(0, 200) if n < 400 else dice.uniform(300, 600))
        by = None if n < 400 else f"c{dice.integers(0, 400)}"
        while day < 730:
            rows.append((f"c{n}", day, by))
            day, by = day + float(dice.exponential(200)), None
    names, days, by_ = zip(*rows, strict=True)
    log = Log.from_frame(
        {"customer": names, "touchpoint": ["buy"] * len(rows), "by": by_, "paid": [10] * len(rows),
         "at": [int(86_400 * day) for day in days]},
        Columns(at_unit="s", referred_by="by", value="paid", currency="EUR"),
    )  # fmt: skip
    recommended, others = log.ask(Recommendation()).acquired
    for one, other in ((recommended, others), (others, recommended)):
        assert one.low is not None
        assert other.high is not None
        assert one.low < other.high
    assert recommended.value == pytest.approx(others.value, rel=0.05)


def test_who_was_won_is_found_across_the_parts_of_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom a recommendation does not count of is not among them, wherever the recommender is."""
    monkeypatch.setattr(table, "ROWS_IN_A_PART", 4)
    size = 40
    dice = random.Random(5)
    data: dict[str, list[Any]] = {
        "customer": [f"c{n:02}" for n in range(size)],
        "touchpoint": ["buy"] * size,
        "at": [dice.randrange(30) for _ in range(size)],
        "by": [f"c{dice.randrange(size):02}" if dice.random() < 0.6 else None for _ in range(size)],
    }
    log = Log.from_frame(data, Columns(at_unit="s", referred_by="by"))
    answer = log.ask(Recommendation())
    assert answer.refused
    won = [answer.customers(row, "won") for row in answer]
    assert [len(names) for names in won] == [row.won for row in answer]
    by = dict(zip(data["customer"], data["by"], strict=True))
    for row, names in zip(answer, won, strict=True):
        assert {by[name] for name in names} == {row.recommender}


def test_recommendations_that_do_not_count_are_said() -> None:
    data = {"customer": ["a", "b"], "touchpoint": ["buy"] * 2, "at": [0, 1], "by": ["a", "b"]}
    answer = Log.from_frame(data, Columns(at_unit="s", referred_by="by")).ask(Recommendation())
    assert answer.refused == 2
    assert not any("no interaction names" in note for note in answer.notes())
    assert any("do not count" in note for note in answer.notes())


def test_who_was_there_before_a_view_recommends_in_it() -> None:
    data = {
        "customer": ["ada", "ada", "ben", "cyd"], "touchpoint": ["buy"] * 4,
        "at": [0, 200, 150, 160], "by": [None, None, "ada", None],
    }  # fmt: skip
    log = Log.from_frame(data, Columns(at_unit="s", referred_by="by"))
    for view in (log, log.where(since="1970-01-01T00:01:40Z")):
        answer = view.ask(Recommendation())
        assert [(row.recommender, row.won) for row in answer] == [("ada", 1)]
        assert answer.refused == 0


def test_a_view_knows_what_it_cannot_see() -> None:
    """Everybody comes back every hundred days; half were recommended, a while ago."""
    day = 86_400
    rows = [(f"c{n}", "buy", (n % 300 + turn * 100) * day, f"c{n - 1}" if n % 2 > turn else "")
            for n in range(600) for turn in range(10) if n % 300 + turn * 100 < 1000]  # fmt: skip
    frame = columns_of("customer touchpoint at by", rows)
    log = Log.from_frame(frame, Columns(at_unit="s", referred_by="by"))
    for since in (None, 100, 200):
        view = log if since is None else log.where(since=datetime.fromtimestamp(since * day, UTC))
        answer = view.ask(Recommendation())
        assert answer.growth is not None
        assert answer.growth_low is not None
        assert answer.growth_high is not None
        assert answer.growth_low <= 0.5 <= answer.growth_high
        assert [one.share for one in answer.acquired] == [1, 1]
        began = 300 if since is None else 300 - since
        assert [one.n for one in answer.acquired] == [began, began]
    late = log.where(since=datetime.fromtimestamp(500 * day, UTC)).ask(Recommendation())
    assert late.growth is None  # of no one the beginning is seen
    assert [one.known for one in late.acquired] == [0, 0]


def test_counts_of_those_who_are_followed_from_some_age_on() -> None:
    """By hand: at age 2 two of three are followed, at age 5 all that are left."""
    followed, since = np.array([3, 6, 9]), np.array([0, 0, 4])
    found = count_for_each(followed, np.array([0, 2]), np.array([2, 5]), since)
    assert found is not None
    assert found.mean == pytest.approx(1 / 2 + 1 / 2)
    assert found.within == 6
    assert count_for_each(followed, np.array([2]), np.array([5]), np.array([1, 4, 4])) is None
    plain = count_for_each(followed, np.array([0, 2]), np.array([2, 5]))
    assert plain == count_for_each(followed, np.array([0, 2]), np.array([2, 5]), since * 0)


def test_intervals_hold_the_truth_in_views() -> None:
    """Customers who come at any time and win half a customer each, on average, soon or late."""
    inside = 0
    for seed in range(40):
        dice = np.random.default_rng(seed)
        rows: list[tuple[str, str, float, str | None]] = []
        begins = dice.uniform(0, 1000, 300).tolist()
        for n, begin in enumerate(begins):
            rows.append((f"c{n}", "buy", begin, None))
            rows += [(f"c{n}", "buy", begin + gap, None) for gap in np.arange(20, 600, 20).tolist()]
            for k in range(int(dice.poisson(0.5))):
                rows.append(
                    (f"c{n} friend {k}", "buy", begin + float(dice.uniform(0, 200)), f"c{n}")
                )
        kept = [(who, what, int(day * 86_400), by) for who, what, day, by in rows if day < 1000]
        frame = columns_of("customer touchpoint at by", kept)
        log = Log.from_frame(frame, Columns(at_unit="s", referred_by="by"))
        view = log.where(since=datetime.fromtimestamp(500 * 86_400, UTC))
        answer = view.ask(Recommendation())
        assert answer.growth_low is not None
        assert answer.growth_high is not None
        # Friends win none: of all customers two in three may.
        share = 300 / log.customers
        inside += answer.growth_low <= 0.5 * share <= answer.growth_high
    assert inside >= 34
