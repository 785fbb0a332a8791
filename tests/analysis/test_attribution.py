"""Attribution: published answers, plain twins, and data without an answer."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import chain, combinations
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import At, Interaction, Money, Sequence
from journeymap.analysis import Attribution, Breakdown, Columns, Compare, Log, Trend, Where
from journeymap.analysis.measuring import credit_rules
from journeymap.analysis.measuring.credit_rules import (
    MarkovChain,
    credit_by_place,
    credit_by_set,
    shapley,
)
from journeymap.analysis.questions.attribution import Model
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from tests.factories import DAY, HOUR, T0, columns_of

pytestmark = pytest.mark.slow

MODELS: tuple[Model, ...] = tuple(one for one in get_args(Model) if one != "learned")
names = st.sampled_from("ABCD")
walks = st.dictionaries(
    st.lists(names, min_size=1, max_size=5).map(tuple),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99)),
    min_size=1, max_size=8,
)  # fmt: skip


def grouped(walked: Any) -> dict[tuple[str, ...], Any]:
    """The numbers of paths, all in one group."""
    return {path: np.array(numbers, dtype=float)[:, None] for path, numbers in walked.items()}


def log_of(*journeys: str, gap: Any = HOUR) -> Log:
    """Journeys as ``A B $``: channels in order, ``$`` a purchase of ten euros."""
    sent = []
    for number, words in enumerate(journeys):
        for place, word in enumerate(words.split()):
            paid = Money(10, "EUR") if word == "$" else None
            sent.append(Interaction(f"{number:03}", "buy" if word == "$" else "visit",
                                    T0 + place * gap, value=paid,
                                    channel="shop" if word == "$" else word))  # fmt: skip
    return Log.from_interactions(sent)


def shares(log: Log, *given_: Any, **more: Any) -> dict[str, float]:
    return {row.element: row.share for row in log.ask(Attribution("buy", *given_, **more))}


def test_the_published_chain() -> None:
    """Three paths of which one converts: effects of 0.5, 1 and 1."""
    log = log_of("C1 C2 C3 $", "C1", "C2 C3")
    assert shares(log) == pytest.approx({"C1": 0.2, "C2": 0.4, "C3": 0.4})
    answer = log.ask(Attribution("buy"))
    assert (answer.lost, answer.untouched, answer[0].n) == (2, 0, 1)
    assert answer[0].low is None  # one customer
    assert sum(row.value or 0 for row in answer) == pytest.approx(10)


def test_rules_of_place() -> None:
    log = log_of("A B C D $", "A $", "B A $")
    assert shares(log, "first") == pytest.approx({"A": 2 / 3, "B": 1 / 3, "C": 0, "D": 0})
    assert shares(log, "last") == pytest.approx({"A": 2 / 3, "B": 0, "C": 0, "D": 1 / 3})
    assert shares(log, "linear") == pytest.approx(
        {"A": 1.75 / 3, "B": 0.75 / 3, "C": 0.25 / 3, "D": 0.25 / 3}
    )
    assert shares(log, "position") == pytest.approx(
        {"A": 1.9 / 3, "B": 0.6 / 3, "C": 0.1 / 3, "D": 0.4 / 3}
    )


def test_a_touch_loses_half_of_its_weight_in_its_half_life() -> None:
    log = log_of("A B $", gap=7 * DAY)
    found = shares(log, "time-decay", half_life="7 days")
    assert found == pytest.approx({"A": 1 / 3, "B": 2 / 3})
    old = log_of("A A A $", gap=400 * DAY)
    assert shares(old, "time-decay", half_life="1 h") == {"A": 1.0}


def test_what_is_a_touch() -> None:
    log = log_of("A B $ C $", "$", "D $", gap=DAY)
    answer = log.ask(Attribution("buy", "linear"))
    assert {row.element: row.conversions for row in answer} == {"A": 0.5, "B": 0.5, "C": 1, "D": 1}
    assert answer.untouched == 1
    assert answer.notes()[1] == "1 conversions were preceded by no touch"
    near = log.ask(Attribution("buy", "linear", lookback="1 day"))
    assert {row.element: row.conversions for row in near} == {"B": 1, "C": 1, "D": 1}
    condition = log.ask(Attribution(At("touchpoint", ["buy"]), "linear"))
    assert condition == answer
    again = log.ask(Attribution(Sequence("buy", "buy"), "last"))
    assert (again[0].element, again[0].conversions) == ("C", 1.0)


@settings(max_examples=200)
@given(walks, st.sampled_from(["first", "last", "linear", "position"]))
def test_places_beside_a_plain_twin(walked: Any, rule: str) -> None:
    found = credit_by_place(grouped(walked), rule)
    expected: dict[str, float] = defaultdict(float)
    for path, (conversions, _, _) in walked.items():
        for place, name in enumerate(path):
            size, edge = len(path), place in (0, len(path) - 1)
            expected[name] += conversions * {
                "first": float(place == 0),
                "last": float(place == size - 1),
                "linear": 1 / size,
                "position": 1.0 if size == 1 else 0.5 if size == 2
                else 0.4 if edge else 0.2 / (size - 2),
            }[rule]  # fmt: skip
    assert {name: one[0, 0] for name, one in found.items()} == pytest.approx(dict(expected))


@given(walks, st.integers(1, 3), st.booleans())
def test_a_large_chain_is_walked_to_the_same_credit(
    walked: Any, order: int, null_paths: bool
) -> None:
    chain = MarkovChain(grouped(walked), order, null_paths=null_paths)
    solved = {name: one for name, (one, _) in chain.credit([0]).items()}
    for steps, dense in ((2000, 0), (0, 0)):  # walked to the end; and solved, as it takes long
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(credit_rules, "_SOLVED", 0)
            patched.setattr(credit_rules, "_STEPS", steps)
            patched.setattr(credit_rules, "_DENSE", dense)
            found = {name: one for name, (one, _) in chain.credit([0]).items()}
        assert found == pytest.approx(solved, rel=1e-9, abs=1e-9)


@settings(max_examples=200)
@given(walks, st.integers(1, 3), st.booleans())
def test_a_chain_beside_walking_it(walked: Any, order: int, null_paths: bool) -> None:
    """The exact solution beside many steps through the chain, state by state."""
    found = MarkovChain(grouped(walked), order, null_paths=null_paths).credit([0])
    total = sum(conversions for conversions, _, _ in walked.values())
    if not total:
        assert all(credit == (0.0, 0.0) for credit in found.values())
        return
    assert sum(one for one, _ in found.values()) == pytest.approx(total)
    moves: dict[Any, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for path, (conversions, lost, _) in walked.items():
        lost = lost if null_paths else 0
        states = [(), *(path[max(0, n - order + 1) : n + 1] for n in range(len(path)))]
        for one, other in zip(states, [*states[1:], None], strict=True):
            if other is not None:
                moves[one][other] += conversions + lost
        moves[states[-1]]["won"] += conversions
        moves[states[-1]]["lost"] += lost

    def reach(without: str | None) -> float:
        weights, won = {(): 1.0}, 0.0
        for _ in range(3000):
            after: dict[Any, float] = defaultdict(float)
            for state, weight in weights.items():
                total_out = sum(moves[state].values())
                for to, count in moves[state].items() if total_out else ():
                    part = weight * count / total_out
                    if to == "won":
                        won += part
                    elif to != "lost" and (without is None or to[-1] != without):
                        after[to] += part
            weights = {state: weight for state, weight in after.items() if weight > 1e-14}
        return won

    whole = reach(None)
    effects = {name: 1 - reach(name) / whole for name in found}
    together = sum(effects.values())
    for name, (one, _) in found.items():
        assert one == pytest.approx(total * effects[name] / together, abs=1e-6)


@settings(max_examples=100)
@given(walks)
def test_the_value_of_shapley_is_the_sum_over_all_sets(walked: Any) -> None:
    players = sorted(set(chain(*walked)))
    worth = {}
    for size in range(len(players) + 1):
        for chosen in combinations(players, size):
            members = frozenset(chosen)
            worth[members] = float(sum(
                conversions for path, (conversions, _, _) in walked.items()
                if set(path) <= members
            ))  # fmt: skip
    found = {name: one[0, 0] for name, one in credit_by_set(grouped(walked)).items()}
    assert found == pytest.approx(shapley(worth, players), abs=1e-9)


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from("AB$"), max_size=6).map(" ".join), min_size=1, max_size=9),
       st.sampled_from(MODELS))  # fmt: skip
def test_credit_adds_up(journeys: list[str], model: Any) -> None:
    log = log_of(*journeys)
    if not any("$" in journey for journey in journeys):
        return
    answer = log.ask(Attribution("buy", model))
    bought = sum(journey.count("$") for journey in journeys)
    assert sum(row.conversions for row in answer) == pytest.approx(bought - answer.untouched)
    for row in answer:
        assert row.n == bought - answer.untouched
        assert 0 <= row.share <= 1
        if row.low is not None and row.high is not None:
            assert row.low <= row.share <= row.high


def test_intervals_narrow_with_customers() -> None:
    dice = np.random.default_rng(3)

    def made(size: int) -> Log:
        return log_of(*(
            " ".join([*dice.choice(list("ABC"), 2), *("$" if dice.random() < 0.4 else "")])
            for _ in range(size)
        ))  # fmt: skip

    widths = []
    for size in (200, 3200):
        [first, *_] = made(size).ask(Attribution("buy", "linear"))
        assert first.low is not None
        assert first.high is not None
        widths.append(first.high - first.low)
    assert widths[1] < widths[0] / 2


def test_whose_conversions_they_are() -> None:
    log = log_of("A $", "B A $", "A", "$")
    answer = log.ask(Attribution("buy", "linear"))
    rows = {row.element: row for row in answer}
    assert answer.customers(rows["B"], "n") == answer.customers(rows["A"], "n") == ("000", "001")
    assert answer.customers(rows["B"], "touched") == ("001",)
    assert (rows["A"].touched, rows["B"].touched) == (2, 1)


def test_by_segment_over_time_and_compared() -> None:
    log = log_of(*["A B $", "B $", "A", "C A $"] * 6)
    by = log.ask(Breakdown(Attribution("buy", "last"), "channel"))
    alone = log.where(start="B", by="channel").ask(Attribution("buy", "last"))
    assert [(row.element, row.share) for row in by if row.segment == "B"] == [
        (row.element, row.share) for row in alone
    ]  # fmt: skip
    assert log.ask(Trend(Attribution("buy"), "month"))[0].period == "2026-03-01"
    compared = log.ask(Compare(Attribution("buy", "last"), Where(start="A", by="channel"),
                               Where(start="B", by="channel")))  # fmt: skip
    assert {row.measure for row in compared} == {"share"}


def test_what_cannot_be_asked() -> None:
    log = log_of("A B", "A")
    with pytest.raises(UnknownName, match="'buy'"):
        log.ask(Attribution("buy"))
    with pytest.raises(UnknownName, match="'visit'"):
        log.ask(Attribution(At("touchpoint", ["visitt"])))
    assert len(log_of("$", "$").ask(Attribution("buy"))) == 0
    assert log_of("$", "A").ask(Attribution("buy")).untouched == 1
    assert shares(log_of("A $")) == {"A": 1.0}
    faults: list[dict[str, Any]] = [
        {"model": "markow"}, {"order": 0}, {"order": True}, {"lookback": "0 days"},
        {"half_life": "soon"}, {"null_paths": 1}, {"outcome": 5},
    ]  # fmt: skip
    for wrong in faults:
        with pytest.raises(ElementError):
            Attribution(**{"outcome": "buy", **wrong})
    frame = {"customer": ["a", "a"], "touchpoint": ["x", "buy"], "channel": ["A", "A"]}
    untimed = Log.from_frame(frame, Columns(at=None, channel="channel"))
    assert shares(untimed) == {"A": 1.0}
    with pytest.raises(AnswerError, match="no times"):
        untimed.ask(Attribution("buy", lookback="1 day"))
    mixed = Log.from_interactions([
        Interaction("a", "visit", T0, channel="A"),
        Interaction("a", "buy", T0 + HOUR, value=Money(1, "EUR")),
        Interaction("b", "buy", T0 + HOUR, value=Money(1, "USD")),
    ])  # fmt: skip
    with pytest.raises(AnswerError, match="never added"):
        mixed.ask(Attribution("buy"))
    assert mixed.ask(Attribution("buy", currency="EUR"))[0].value == 1.0


def test_nothing_has_no_sign() -> None:
    log = Log.from_frame(
        {"customer": ["a", "a", "b"], "touchpoint": ["v", "refund", "v"], "at": [0, 1, 2],
         "via": ["web", None, "app"], "v": [None, -5, None]},
        Columns(at_unit="s", channel="via", value="v", currency="EUR"),
    )  # fmt: skip
    for model in ("markov", "last", "linear", "shapley", "time-decay"):
        for row in log.ask(Attribution("refund", model)):
            assert row.value in (-5.0, 0.0)
            assert str(row.value) != "-0.0"


@pytest.mark.parametrize("model", ["linear", "last", "markov", "shapley"])
def test_a_channel_without_any_conversion_may_have_some(model: Any) -> None:
    """A rare channel that converts as others do: none of its few conversions is no proof."""
    held, nothing = 0, 0
    for seed in range(40):
        dice, rows = random.Random(seed), list[tuple[Any, ...]]()
        for n in range(600):
            via = "rare" if n < 12 else "ab"[n % 2]
            rows.append((f"c{n}", "visit", n, via))
            if dice.random() < 0.1:
                rows.append((f"c{n}", "buy", n + 0.5, None))
        frame = columns_of("customer touchpoint at via", rows)
        log = Log.from_frame(frame, Columns(at_unit="s", channel="via"))
        found = {row.element: row for row in log.ask(Attribution("buy", model))}
        rare = found["rare"]
        assert rare.low is not None
        assert rare.high is not None
        assert rare.low <= rare.share <= rare.high
        nothing += rare.share == 0
        held += rare.low <= 0.02 <= rare.high
    assert nothing >= 5
    assert held >= 38
    only = [row for row in rows if row[3] in (None, "a")]
    frame = columns_of("customer touchpoint at via", only)
    [one] = Log.from_frame(frame, Columns(at_unit="s", channel="via")).ask(
        Attribution("buy", model)
    )
    assert (one.share, one.high) == (1, 1)
    assert one.low is not None
    assert one.low < 1
