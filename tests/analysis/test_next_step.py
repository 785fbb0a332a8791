"""What comes next: counted the plain way, blended by hand, and consulted live."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Interaction, NextSteps, StateError, Tracker
from journeymap.analysis import Columns, Log, NextStep
from journeymap.exceptions import AnswerError, ElementError, InteractionError
from journeymap.simulation import broadband, broadband_customers
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import JOURNEY

T0 = datetime(2026, 3, 1, tzinfo=UTC)


@given(
    st.lists(interactions(), max_size=40),
    st.sampled_from(["touchpoint", "stage", "department"]),
    st.integers(0, 8),
)
def test_counts(given_: list[Interaction], by: str, memory: int) -> None:
    table = Log.from_interactions(given_, map=JOURNEY).ask(NextStep(by, memory)).table
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    waits: Counter[tuple[tuple[str, ...], str]] = Counter()
    timed: Counter[tuple[tuple[str, ...], str]] = Counter()
    for mine in plain.elements(given_, plain.level(JOURNEY, by)).values():
        names = ["(start)", *(name for name, _, _ in mine), "(end)"]
        times = [None, *(at for _, at, _ in mine), None]
        for place in range(1, len(names)):
            for length in range(min(memory, place) + 1):
                last = tuple(names[place - length : place])
                found[last][names[place]] += 1
                before, at = times[place - 1], times[place]
                if before is not None and at is not None and last:
                    waits[last, names[place]] += (at - before) // timedelta(microseconds=1)
                    timed[last, names[place]] += 1
    assert table.contexts == {
        last: {name: (n, timed[last, name], waits[last, name]) for name, n in followers.items()}
        for last, followers in found.items()
    }
    assert NextSteps.from_json(table.to_json()) == table
    for last in [*found, ("never", "seen")]:
        chances = table.after(last)
        assert math.isclose(sum(one.probability for one in chances), 1) or not found
        assert all(one.probability > 0 for one in chances)


@given(
    st.lists(interactions(customers=("ada", "ben"), touchpoints=("a", "m")), max_size=20),
    st.lists(interactions(customers=("cyd",), touchpoints=("b", "m", "z")), max_size=20),
    st.integers(0, 8),
)
def test_parts_of_other_names(some: list[Interaction], more: list[Interaction], n: int) -> None:
    """Parts that know other elements are merged by name."""
    question = NextStep(memory=n)
    pieces = []
    for given_ in (some, more):
        [part] = Log.from_interactions(given_).parts(None)
        pieces.append(question.measure(part))
    whole = Log.from_interactions([*some, *more])
    [part] = whole.parts(None)
    first, second = pieces
    for merged in (question.merge(first, second), question.merge(second, first)):
        answer = question.answer(merged, whole.scope)
        assert answer == question.answer(question.measure(part), whole.scope)
        assert answer.table == whole.ask(question).table


def test_witten_and_bell_by_hand() -> None:
    """a→b twice, a→c once: n = 3 with 2 kinds, so a third of the weight is the shorter memory's."""
    table = NextSteps(
        "touchpoint",
        1,
        {
            (): {"b": (2, 0, 0), "c": (2, 0, 0)},
            ("a",): {"b": (2, 2, 6_000_000), "c": (1, 1, 0)},
        },
    )
    shorter = (2 + 2 * 0.5) / (4 + 2)
    [b, c] = table.after(["x", "a"])
    assert (b.element, b.wait, b.n) == ("b", 3.0, 3)
    assert math.isclose(b.probability, (2 + 2 * shorter) / (3 + 2))
    assert math.isclose(c.probability, (1 + 2 * (1 - shorter)) / (3 + 2))
    assert [one.probability for one in table.after(["never"])] == [0.5, 0.5]
    assert NextSteps("stage", 2, {}).after(["a"]) == ()
    assert repr(table) == "<NextSteps by touchpoint: 2 contexts of up to 1, 2 elements>"


def test_a_state_is_told_what_comes_next() -> None:
    log = Log.from_interactions(broadband_customers(300), map=broadband())
    table = log.ask(NextStep(memory=3)).table
    tracker = Tracker(broadband())
    state, _ = tracker.follow(
        None, [Interaction("new", n, T0) for n in ("order_placed", "credit_checked")]
    )
    [best, *_] = state.likely_next(table)
    assert best.element == "order_confirmed"
    assert best.probability > 0.8
    assert best.wait is not None
    assert 3600 < best.wait < 86_400
    [best] = state.likely_next(log.ask(NextStep("stage")).table, top=1)
    assert best.element == "order"
    with pytest.raises(ElementError, match="one by touchpoint, stage, phase"):
        state.likely_next(log.ask(NextStep("channel")).table)


def test_bad_input() -> None:
    with pytest.raises(ElementError, match="from 0 to 8"):
        NextStep(memory=9)
    wrong = ((1, "[]"), (1, '[["a", -1, 0, 0]]'), (-1, '[["a", 1, 0, 0]]'), ("Infinity", "[]"))
    texts = [f'{{"by": "x", "memory": {n}, "contexts": [[[], {told}]]}}' for n, told in wrong]
    for text in ("", "[]", '{"by": "x", "memory": 1, "contexts": [[1]]}', *texts):
        with pytest.raises(StateError, match="this is not a table of next steps"):
            NextSteps.from_json(text)
    for wrong_more in ('"weights": [[[], [["b", 1.0]]]]', '"weights": [[[], [["a", NaN]]]]',
                       '"waits": [["a", [["b", [[1, 0]]]]]]'):  # fmt: skip
        text = f'{{"by": "x", "memory": 1, "contexts": [[[], [["a", 1, 0, 0]]]], {wrong_more}}}'
        with pytest.raises(StateError, match="this is not a table of next steps"):
            NextSteps.from_json(text)
    table = NextSteps("touchpoint", 0, {(): {"a": (1, 0, 0)}})
    with pytest.raises(ElementError, match="a wait is not below zero"):
        table.after([], waited=timedelta(seconds=-1))
    for half_life in ("", "soon", timedelta(0), 3):
        with pytest.raises(ElementError, match="half_life"):
            NextStep(half_life=half_life)  # type: ignore[arg-type]


@given(
    st.dictionaries(st.integers(0, 60), st.integers(1, 9), min_size=1, max_size=4),
    st.integers(0, 2**31), st.integers(0, 2**31),
)  # fmt: skip
def test_waiting(counts: dict[int, int], one: int, other: int) -> None:
    """The longer nothing comes, the more probable is the end, and nothing changes at first."""
    followers = {"b": (3, 3, 9), "c": (2, 2, 4), "(end)": (2, 0, 0)}
    contexts = {(): followers, ("a",): followers}
    table = NextSteps("touchpoint", 1, contexts, waits={"a": {"b": counts, "c": {2: 5}}})
    sooner, later = sorted((one, other))
    ends = []
    for wait in (0, sooner, later):
        found = table.after(["a"], waited=timedelta(microseconds=wait))
        assert math.isclose(sum(likely.probability for likely in found), 1)
        ends += [likely.probability for likely in found if likely.element == "(end)"]
    assert ends[0] - 1e-12 <= ends[1] <= ends[2] + 1e-12
    asked = {likely.element: likely.probability for likely in table.after(["a"])}
    at_once = table.after(["a"], waited=timedelta(0))
    assert {x.element: x.probability for x in at_once} == pytest.approx(asked)
    assert NextSteps.from_json(table.to_json()) == table


def test_what_used_to_come_sooner_is_less_probable() -> None:
    """After x comes y within a minute or z after a day; an hour later it is z, or nothing."""
    rows = [(f"c{n}", "x", 0) for n in range(30)]
    rows += [(f"c{n}", "y" if n < 20 else "z", 60 if n < 20 else 86_400) for n in range(27)]
    log = _log(rows)
    table = log.ask(NextStep(memory=1)).table
    assert [one.element for one in table.after(["x"])][:3] == ["y", "z", "(end)"]
    later = {one.element: one for one in table.after(["x"], waited=timedelta(hours=1))}
    before = {one.element: one.probability for one in table.after(["x"])}
    left = before | {"y": before["y"] * 0.5 / 20.5}  # half a longer wait is counted
    for name in ("y", "z", "(end)"):
        assert later[name].probability == pytest.approx(left[name] / sum(left.values()))
    assert later["z"].wait == pytest.approx(86_400 - 3600, rel=0.3)  # its class is half an octave
    tracker = Tracker(JOURNEY)
    state, _ = tracker.fold(None, Interaction("new", "x", T0))
    asked = state.likely_next(table, top=1, now=T0 + timedelta(hours=1))
    assert asked == table.after(["x"], top=1, begun=True, waited=timedelta(hours=1))
    assert state.likely_next(table, now=T0 - timedelta(days=1)) == table.after(
        ["x"], top=3, begun=True, waited=timedelta(0)
    )
    with pytest.raises(InteractionError, match="without a zone"):
        state.likely_next(table, now=datetime(2026, 3, 2))


def _log(rows: list[tuple[str, str, int]]) -> Log:
    customers, names, times = zip(*rows, strict=True)
    data = {"customer": customers, "touchpoint": names, "at": times}
    return Log.from_frame(data, Columns(at_unit="s"))


def _walks(seed: int, *, drifting: bool) -> list[tuple[str, str, int]]:
    """Journeys of 400 days: after a comes b or c, and on the last hundred days mostly c."""
    chance = random.Random(seed)
    rows = []
    for number in range(600):
        day = chance.random() * 400
        share = 0.9 if drifting and day > 300 else 0.3
        for place, name in enumerate("ac" if chance.random() < share else "ab"):
            rows.append((f"c{number}", name, int(day * 86_400) + place * 60))
    return rows


def test_later_journeys_weigh_more_where_that_helps() -> None:
    """What changes is forgotten in each of twenty worlds; what does not, in two at most."""
    chosen = [_log(_walks(seed, drifting=True)).ask(NextStep(half_life="chosen"))
              for seed in range(20)]  # fmt: skip
    assert all(answer.half_life is not None for answer in chosen)
    assert all(answer.table.after(["a"], top=1)[0].element == "c" for answer in chosen)
    assert "weighs half as much" in repr(chosen[0])
    steady = [_log(_walks(seed, drifting=False)).ask(NextStep(half_life="chosen"))
              for seed in range(20)]  # fmt: skip
    assert sum(answer.half_life is not None for answer in steady) <= 2
    assert all(answer.table.memory == 1 for answer in steady)
    plain = _log(_walks(1, drifting=True)).ask(NextStep())
    assert plain.table.after(["a"], top=1)[0].element == "b"


def test_a_half_life_by_hand() -> None:
    """Of two journeys a week apart, the earlier weighs half."""
    rows = [("one", "a", 0), ("one", "b", 60), ("two", "a", 604_800), ("two", "c", 604_860)]
    answer = _log(rows).ask(NextStep(memory=1, half_life=timedelta(days=7)))
    assert answer.half_life is not None
    assert abs(answer.half_life - timedelta(days=7)) < timedelta(minutes=1)
    assert answer.table.weights is not None
    weights = answer.table.weights["a",]
    assert weights["c"] == pytest.approx(1)
    assert weights["b"] == pytest.approx(0.5, abs=0.01)
    assert answer.table.contexts["a",] == {"b": (1, 1, 60_000_000), "c": (1, 1, 60_000_000)}
    assert NextSteps.from_json(answer.table.to_json()) == answer.table
    untimed = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "at": [1]},
                             Columns(at=None, order="at"))  # fmt: skip
    with pytest.raises(AnswerError, match="no times"):
        untimed.ask(NextStep(half_life="chosen"))


def test_half_lives_that_are_short_or_few() -> None:
    """A day in a log of years weighs a day; all journeys in two bursts can be chosen from, too."""
    rows = [(f"c{day}", name, day * 86_400 + place) for day in range(1280)
            for place, name in enumerate("ab" if day < 1275 else "ac")]  # fmt: skip
    answer = _log(rows).ask(NextStep(memory=1, half_life="1 day"))
    assert answer.table.weights is not None
    weights = answer.table.weights["a",]
    assert weights["c"] / weights["b"] == pytest.approx((2**5 - 1), rel=0.05)
    assert answer.half_life is not None
    assert abs(answer.half_life - timedelta(days=1)) < timedelta(seconds=1)
    rows = [(f"c{n}", name, (0 if n < 120 else 129_600) + place * 60)
            for n in range(200) for place, name in enumerate("abc")]  # fmt: skip
    assert _log([*rows, ("c0", "z", 128 * 86_400)]).ask(NextStep(half_life="chosen")).table.memory
    rows = [(f"c{n}", "a" if n < 1000 else "b", n * 3600) for n in range(2000)]
    none = _log(rows).ask(NextStep(memory=0, half_life="chosen"))
    assert none.half_life is not None
    assert none.table.memory == 0
    assert none.table.after([], waited="3 days") == none.table.after([], waited=timedelta(days=3))
    for wrong in ("soon", 5):
        with pytest.raises(ElementError, match="length of time"):
            none.table.after([], waited=wrong)  # type: ignore[arg-type]


def test_a_level_that_the_last_interaction_lacks() -> None:
    """What is at no stage neither waits nor shortens a wait that is measured between stages."""
    rows = [(f"c{n}", name, at * 86_400) for n in range(40)
            for name, at in (("a", 0), ("nothing", 10), ("b", 11))]  # fmt: skip
    customers, names, times = zip(*rows, strict=True)
    data = {"customer": customers, "touchpoint": names, "at": times}
    table = Log.from_frame(data, Columns(at_unit="s"), map=JOURNEY).ask(NextStep("stage")).table
    tracker, begin = Tracker(JOURNEY), datetime(2026, 3, 1, tzinfo=UTC)
    state, _ = tracker.follow(
        None,
        [Interaction("x", "a", begin), Interaction("x", "nothing", begin + timedelta(days=10))],
    )
    now = begin + timedelta(days=12)
    assert state.likely_next(table, now=now) == state.likely_next(table)
