"""Sequences: journeys that contain them, interactions that complete them, live and in a log."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Count,
    ElementError,
    HasTrait,
    Interaction,
    Metric,
    Moment,
    Not,
    Of,
    Offer,
    Sequence,
    ShareOf,
    Tracker,
    Wait,
    dumps,
    loads,
)
from journeymap.analysis import Breakdown, Columns, Funnel, Log, Scorecard, Variants
from journeymap.exceptions import AnswerError, ColumnsError, DocumentError, UnknownName
from journeymap.model.conditions import Occurrence
from journeymap.testing import interactions
from journeymap.tracking import MomentReached
from tests.analysis import plain
from tests.factories import DAY, HOUR, MAP, SHOP, T0, at, happened

pytestmark = pytest.mark.slow

many = st.lists(interactions(touchpoints=("a", "b", "c")), max_size=14)
angry = Between("emotion", at_most=-0.2)
plain_steps: st.SearchStrategy[Any] = st.sampled_from(["a", "b", "c", angry, AnyOf(["a", "b"])])
lengths = st.none() | st.sampled_from([timedelta(hours=n) for n in (1, 20, 100)])


@st.composite
def sequences(draw: st.DrawFn, *, live: bool = False) -> Sequence:
    consecutive = draw(st.booleans())
    step = plain_steps if consecutive else plain_steps | plain_steps.map(Not)
    steps = [*draw(st.lists(step, max_size=3)), draw(plain_steps)]
    if not live and not consecutive:
        steps += draw(st.lists(plain_steps.map(Not), max_size=1))
    occurrences: tuple[Occurrence, ...] = ("any", "first") if live else ("any", "first", "last")
    occurrence = draw(st.sampled_from(occurrences))
    within = draw(lengths)
    return Sequence(*steps, within=within, occurrence=occurrence, consecutive=consecutive)


def holds(condition: Condition, one: Interaction) -> bool:
    match condition:
        case At():
            return one.touchpoint in condition.values
        case Between():
            return one.emotion is not None and one.emotion <= float(str(condition.at_most))
        case AnyOf():
            return any(holds(inner, one) for inner in condition.conditions)
        case _:
            raise AssertionError(condition)


def runs(sequence: Sequence, mine: list[Interaction]) -> dict[int, list[int]]:
    """The places at which a run ends, with where the runs that end there begin: by trying all."""
    points, gaps = sequence.points, sequence.gaps
    firsts = [place for place, one in enumerate(mine) if holds(points[0], one)]
    may = {"any": firsts, "first": firsts[:1], "last": firsts[-1:]}[sequence.occurrence]

    def free(gap: int, low: int, high: int) -> bool:
        return not any(holds(bad, mine[n]) for n in range(low, high) for bad in gaps[gap])

    found: dict[int, list[int]] = {}
    for places in combinations(range(len(mine)), len(points)):
        steps = list(pairwise(places))
        if (
            places[0] in may
            and all(holds(point, mine[n]) for point, n in zip(points, places, strict=True))
            and free(0, 0, places[0])
            and all(free(k, low + 1, high) for k, (low, high) in enumerate(steps, 1))
            and (not sequence.consecutive or all(high == low + 1 for low, high in steps))
            and (sequence.within is None
                 or mine[places[-1]].at - mine[places[0]].at <= sequence.within)
        ):  # fmt: skip
            found.setdefault(places[-1], []).append(places[0])
    return found


def completing(sequence: Sequence, mine: list[Interaction], end: Any) -> list[int]:
    """The places of the interactions of which a sequence holds."""
    found, gap = [], sequence.gaps[-1]
    for last, begins in runs(sequence, mine).items():
        begun = max(begins)
        if gap:
            due = None if sequence.within is None else mine[begun].at + sequence.within
            later = [one for one in mine[last + 1 :] if due is None or one.at <= due]
            if any(holds(bad, one) for one in later for bad in gap):
                continue
            if due is not None and end <= due:
                continue
        found.append(last)
    return found


def kept(log: Log) -> Counter[tuple[str, ...]]:
    return Counter({row.path: row.count for row in log.ask(Variants(top=None))})


def chosen(sent: list[Interaction], keep: Any) -> Counter[tuple[str, ...]]:
    found = (plain.journeys(sent)).values()
    return Counter(tuple(one.touchpoint for one in mine) for mine in found if keep(mine))


@settings(max_examples=200)
@given(many, sequences(), sequences())
def test_a_log_finds_what_trying_all_finds(
    sent: list[Interaction], one: Sequence, other: Sequence
) -> None:
    log = Log.from_interactions(sent, map=MAP)
    end = max((each.at for each in sent), default=T0)

    def has(sequence: Sequence, mine: list[Interaction]) -> bool:
        return bool(completing(sequence, mine, end))

    assert kept(log.where(contain=[one, other])) == chosen(
        sent, lambda mine: has(one, mine) and has(other, mine)
    )
    assert kept(log.where(avoid=[one, "c"])) == chosen(
        sent, lambda mine: not has(one, mine) and all(each.touchpoint != "c" for each in mine)
    )
    assert kept(log.where(end=one)) == chosen(
        sent, lambda mine: len(mine) - 1 in completing(one, mine, end)
    )
    found = Log.from_interactions(sent).where(one)
    rows = sum(len(completing(one, mine, end)) for mine in plain.journeys(sent).values())
    assert len(found) == rows
    parts = log.ask(Breakdown(Funnel(["a"]), by={"one": one, "other": other}))
    sizes = {row.segment: row.count for row in parts}
    for name, mine in (("one", lambda m: has(one, m)),
                       ("other", lambda m: has(other, m) and not has(one, m))):  # fmt: skip
        met = chosen(sent, lambda m, mine=mine: mine(m) and any(e.touchpoint == "a" for e in m))
        assert sizes.get(name, 0) == met.total()


@given(many, sequences())
def test_a_journey_starts_with_a_sequence_whose_first_step_it_starts_with(
    sent: list[Interaction], sequence: Sequence
) -> None:
    if sequence.gaps[-1]:
        sequence = Sequence("a", "b", within=sequence.within, occurrence=sequence.occurrence)
    log = Log.from_interactions(sent, map=MAP)

    def starts(mine: list[Interaction]) -> bool:
        return any(0 in begins for begins in runs(sequence, mine).values())

    assert kept(log.where(start=sequence)) == chosen(sent, starts)
    assert kept(log.where(start=Not(sequence))) == chosen(sent, lambda mine: not starts(mine))
    either, both = AnyOf([sequence, "c"]), All([sequence, "a"])
    assert kept(log.where(start=either)) == chosen(
        sent, lambda mine: starts(mine) or mine[0].touchpoint == "c"
    )
    assert kept(log.where(start=both)) == chosen(
        sent, lambda mine: starts(mine) and mine[0].touchpoint == "a"
    )


@settings(max_examples=200)
@given(many, sequences(live=True), sequences(live=True), st.randoms(use_true_random=False))
def test_a_moment_is_reached_where_the_log_says_so(
    sent: list[Interaction], one: Sequence, other: Sequence, dice: Any
) -> None:
    conditions: list[Condition] = [
        one, All([one, Not(other)]), AnyOf([one, other]), Not(one), All([one, Wait("a", HOUR)]),
    ]  # fmt: skip
    moments = [Moment(f"m{n}", when) for n, when in enumerate(conditions)]
    journey = evolve(MAP, moments=moments)
    tracker = Tracker(journey, timedelta(days=100))
    for when, moment in zip(conditions, moments, strict=True):
        marked = Log.from_interactions(sent, map=journey).where(when)
        expected = Counter(
            (name, each.at) for name in marked.customer_ids for each in read_back(marked, name)
        )
        reached: Counter[Any] = Counter()
        for name, mine in plain.journeys(sent).items():
            state, signals = tracker.follow(None, mine)
            assert tracker.from_json(tracker.to_json(state)) == state
            reached.update(
                (name, signal.at) for signal in signals
                if isinstance(signal, MomentReached) and signal.moment == moment.id
            )  # fmt: skip
        assert reached == expected


def read_back(log: Log, name: str) -> list[Interaction]:
    frame = log.where(customer=name).to_polars()
    return [Interaction(name, "x", at) for at in frame["at"]]


@settings(max_examples=200)
@given(many, sequences(live=True), st.randoms(use_true_random=False))
def test_what_comes_late_changes_nothing_but_the_order(
    sent: list[Interaction], sequence: Sequence, dice: Any
) -> None:
    journey = evolve(MAP, moments=[Moment("m", sequence, per="product")])
    tracker = Tracker(journey, timedelta(days=100))
    for mine in plain.journeys(sent).values():
        mine = list({one.at: one for one in mine}.values())
        state, _ = tracker.follow(None, mine)
        shuffled = dice.sample(mine, len(mine))
        late = None
        for each in shuffled:
            late, _ = tracker.follow(late, [each])
            late = tracker.from_json(tracker.to_json(late))
        assert late == state


def test_each_product_has_a_sequence_of_its_own() -> None:
    moment = Moment("back", Sequence("order", "call"), per="product")
    tracker = Tracker(SHOP.add(moment))
    sent = [at("order", 0, product="kettle"), at("call", 1, product="toaster"),
            at("call", 2, product="kettle")]  # fmt: skip
    state, signals = tracker.follow(None, sent)
    found = [one for one in signals if isinstance(one, MomentReached) and one.moment == "back"]
    assert [(one.about, one.at) for one in found] == [("kettle", T0 + 2 * HOUR)]
    explained = str(tracker.explain(state, "back"))
    assert "1 of 2 steps had come before this one" in explained


def test_what_is_awaited_after_a_sequence_is_an_absence_beside_it() -> None:
    left = Moment("left", All([Sequence("order", "call"), Absence("delivery", "call", DAY)]))
    tracker = Tracker(SHOP.add(left))
    for sent, expected in (([at("order", 0), at("call", 1)], 1), ([at("call", 1)], 0)):
        state, signals = tracker.follow(None, sent)
        _, later = tracker.advance(state, T0 + 9 * DAY)
        met = [one for one in (*signals, *later) if isinstance(one, MomentReached)]
        assert sum(one.moment == "left" for one in met) == expected


def test_the_shop_answers_as_counted_by_hand(ecom: Path) -> None:
    columns = Columns(customer="user_id", touchpoint="event", at="timestamp", timezone="UTC",
                      extra=("platform",))  # fmt: skip
    log = Log.read(ecom, columns).sessions(timedelta(minutes=30))
    assert log.where(contain="cart").journeys == 1022
    bought = Sequence("cart", "shipping_details", "purchase")
    assert log.where(contain=bought).journeys == 173
    rows = log.where(contain="cart").ask(Breakdown(Funnel(["cart"]), by="platform"))
    carts = {row.segment: row.count for row in rows}
    then = log.where(contain=Sequence("cart", "purchase"))
    rows = then.ask(Breakdown(Funnel(["cart"]), by="platform"))
    for platform, size, share in (("desktop", 547, 0.382), ("mobile", 348, 0.253)):
        assert carts[platform] == size
        bought_there = next(row.count for row in rows if row.segment == platform)
        assert round(bought_there / size, 3) == share


def test_a_metric_asks_for_a_sequence() -> None:
    share = ShareOf(
        Sequence("order", Not("call"), "delivery"),
        of="journeys",
    )
    quiet = Metric("quiet", Of("touchpoint", "delivery"), measure=share, target=0.5)
    log = Log.from_interactions(
        [happened(what, hour, who) for who, what, hour in (
            ("ada", "order", 0), ("ada", "delivery", 2),
            ("ben", "order", 0), ("ben", "call", 1), ("ben", "delivery", 2),
        )],
        map=SHOP.add(quiet),
    )  # fmt: skip
    [row] = [row for row in log.ask(Scorecard()) if row.metric == "quiet"]
    assert (row.value, row.n) == (0.5, 2)


def test_it_is_written_and_read() -> None:
    sequences = [
        Sequence("order", "call"),
        Sequence("order", Not("call"), Between("emotion", at_most=0), within="7 days"),
        Sequence("order", AnyOf(["call", At("stage", ["use"])]), occurrence="first"),
        Sequence("order", "order", consecutive=True),
        Sequence("order", Not(Not("call")), "call"),
    ]
    for sequence in sequences:
        journey = SHOP.add(Moment("s", sequence))
        assert loads(dumps(journey)) == journey
    text = dumps(SHOP.add(Moment("s", sequences[1])))
    assert "within: 7 days" in text
    words = str(sequences[1])
    assert words == "'order', then no 'call', then emotion is at most 0 (within 7 days)"
    assert str(sequences[3]) == "'order', directly then 'order'"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{steps: order}", "a list of steps"),
        ("{steps: [order], withn: 7 days}", "'within'"),
        ("[{not: order}]", "at least one step"),
        ("{steps: [order], occurrence: frist}", "'first'"),
        ("[order, {absence: {touchpoint: call, after: order, within: 1 day}}]", "looks back"),
        ("[order, {not: call}]", "write an absence"),
        ("[ordr, call]", "'order'"),
    ],
)
def test_a_faulty_sequence_of_a_document_is_named(written: str, message: str) -> None:
    document = dumps(SHOP.add(Moment("s", Sequence("order", "call"))))
    text = document.replace("sequence:\n        - order\n        - call", f"sequence: {written}")
    assert text != document
    try:
        problems = "; ".join(map(str, loads(text).check()))
    except DocumentError as error:
        problems = str(error)
    assert message in problems


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequence(), "at least one"),
        (lambda: Sequence(Not("a")), "at least one step"),
        (lambda: Sequence("a", 5), "a condition is expected"),  # type: ignore[arg-type]
        (lambda: Sequence("a", Sequence("b")), "about one interaction"),
        (lambda: Sequence("a", Not("b"), "c", consecutive=True), "leave out"),
        (lambda: Sequence("a", within="soon"), "soon"),
        (lambda: Sequence("a", occurrence="frist"), "'first'"),  # type: ignore[arg-type]
        (lambda: Moment("m", Sequence("a", Not("b"))), "write an absence"),
        (lambda: Moment("m", Sequence("a", "b", occurrence="last")), "when a journey is over"),
        (lambda: Moment("m", Sequence(HasTrait("plan", "gold"), "b")), "in an offer"),
        (lambda: Offer("o", eligible=[Sequence("a", "b")]), "in a moment or a log"),
        (lambda: ShareOf(Sequence(HasTrait("plan", "gold"), "b")), "in an offer"),
    ],
)
def test_a_faulty_sequence_says_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(ElementError) as caught:
        make()
    assert message in str(caught.value)


def test_a_mistyped_name_in_a_condition_names_the_nearest() -> None:
    log = Log.from_interactions([at("order", 0), at("call", 1)], map=SHOP)
    for subset in (Sequence("ordr", "call"), Sequence("order", Not("cal"), "call"),
                   Not("ordr"), Count("ordr", 1)):  # fmt: skip
        with pytest.raises(UnknownName, match=r"'(order|call)'"):
            log.where(contain=subset).ask(Variants())
        with pytest.raises(UnknownName, match=r"'(order|call)'"):
            log.where(subset).ask(Variants())
    with pytest.raises(ColumnsError, match="a condition, a sequence"):
        log.where(contain=5)  # type: ignore[arg-type]


def test_a_log_without_times_follows_the_order() -> None:
    frame = {"customer": ["x", "x", "y", "y"], "touchpoint": ["a", "b", "b", "a"]}
    log = Log.from_frame(frame, Columns(at=None))
    assert log.where(contain=Sequence("a", "b")).customers == 1
    with pytest.raises(AnswerError, match="no times"):
        log.where(contain=Sequence("a", "b", within=HOUR)).ask(Variants())


def test_a_trait_is_a_step_in_a_log() -> None:
    frame = {"customer": ["x", "x", "y", "y"], "touchpoint": ["a", "b"] * 2,
             "at": [1, 2, 3, 4], "plan": ["gold", "gold", "tin", "gold"]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", extra=["plan"]))
    assert log.where(contain=Sequence(HasTrait("plan", "tin"), "b")).customers == 1


def test_what_may_still_come_after_a_view_ends_is_open() -> None:
    sent = [happened("a", 0), happened("b", 24), happened("c", 72), happened("a", 2400, "zoe")]
    log = Log.from_interactions(sent, map=MAP)
    calm = Sequence("a", "b", Not("c"), within="10 days")
    silent = Absence("c", "b", timedelta(days=10))
    for view in (log, log.where(until=T0 + 2 * DAY)):
        assert view.where(contain=calm).customers == 0
        assert view.where(silent).interactions == 0
    assert log.where(until=T0 + 2 * DAY, contain=calm).customers == 0


def test_a_mistyped_name_of_a_segment_names_the_nearest() -> None:
    log = Log.from_interactions([at("order", 0)], map=SHOP)
    with pytest.raises(UnknownName, match="'order'"):
        log.ask(Breakdown(Funnel(["order"]), by={"some": Sequence("ordr", "call")}))
