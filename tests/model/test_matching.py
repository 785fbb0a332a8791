"""The matcher of expected and actual steps: optimal, and named well."""

from __future__ import annotations

import heapq
import itertools
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import ElementError, KeyJourney, Step
from journeymap.model import Plan, StepDeviation

names = st.sampled_from("abcde")
steps = st.lists(
    st.builds(
        Step, st.lists(names, min_size=1, max_size=2, unique=True),
        optional=st.booleans(), repeatable=st.booleans(),
    ), min_size=1, max_size=5,
)  # fmt: skip
walks = st.lists(names, max_size=7)


def least(plan: tuple[Step, ...], actual: tuple[str, ...]) -> int:
    """The least number of deviations, by searching every way of passing steps."""
    number = count()
    queue: list[tuple[int, int, tuple[int, int, bool]]] = [(0, 0, (0, 0, False))]
    done = set()
    while True:
        cost, _, here = heapq.heappop(queue)
        if here in done:
            continue
        done.add(here)
        i, j, met = here  # met: the step before i was fulfilled, so that it may repeat
        if i == len(plan) and j == len(actual):
            return cost
        ways = []
        if j < len(actual):
            ways.append((1, (i, j + 1, met)))
            if i < len(plan) and actual[j] in plan[i].one_of:
                ways.append((0, (i + 1, j + 1, True)))
            if met and plan[i - 1].repeatable and actual[j] in plan[i - 1].one_of:
                ways.append((0, (i, j + 1, True)))
        if i < len(plan):
            ways.append((0 if plan[i].optional else 1, (i + 1, j, False)))
        for more, there in ways:
            heapq.heappush(queue, (cost + more, next(number), there))


@given(steps, walks)
def test_the_match_has_the_fewest_deviations(plan: list[Step], walk: list[str]) -> None:
    actual = tuple(walk)
    match = Plan(tuple(plan)).match(actual)
    assert match.cost == least(tuple(plan), actual)
    kinds = [deviation.kind for deviation in match.deviations]
    assert match.cost == len(kinds) + kinds.count("out of order")
    met = [step for step in match.steps if step is not None]
    assert met == sorted(met)
    for place, step in enumerate(match.steps):
        assert step is None or actual[place] in plan[step].one_of
    for step in {step for step in met if met.count(step) > 1}:
        assert plan[step].repeatable
    passed = set(met) | {d.step for d in match.deviations if d.step is not None}
    assert all(step.optional or place in passed for place, step in enumerate(plan))
    unmet = {place for place, step in enumerate(match.steps) if step is None}
    assert unmet == {d.place for d in match.deviations if d.place is not None}


def told(plan: list[str | Step], actual: str) -> list[tuple[str, int | None, int | None]]:
    made = Plan.of(KeyJourney("k", "a", "e", steps=plan))
    assert made is not None
    return [(d.kind, d.step, d.place) for d in made.match(tuple(actual)).deviations]


def test_deviations_have_the_names_people_give_them() -> None:
    plan: list[str | Step] = ["a", "b", "c", "e"]
    assert told(plan, "abce") == []
    assert told(plan, "abe") == [("missing", 2, None)]
    assert told(plan, "abbce") == [("ad hoc", None, 2)]
    assert told(plan, "acbe") == [("out of order", 2, 1)]
    assert told(plan, "a") == [("missing", 1, None), ("missing", 2, None), ("missing", 3, None)]
    assert told(["b", "c"], "abce") == []  # start and end belong to the plan
    assert Plan.of(KeyJourney("k", "a", "e")) is None


def test_steps_may_be_optional_alternative_or_repeated() -> None:
    plan: list[str | Step] = [
        "a", Step(["b"], optional=True, repeatable=True), Step(["c", "d"]), "e",
    ]  # fmt: skip
    for walk in ("ace", "ade", "abde", "abbbce"):
        assert told(plan, walk) == [], walk
    assert told(plan, "abxbce") == [("ad hoc", None, 2)]
    assert told(plan, "acde") == [("ad hoc", None, 2)]


PLANS = [
    ["a", "b", "c", "d", "e"],
    ["a", Step(["b"], optional=True), "c", "e"],
    ["a", Step(["b"], repeatable=True), Step(["c", "d"]), "e"],
    ["a", "b", "c", "b", "e"],
    ["a", Step(["b"], optional=True), Step(["c"], optional=True, repeatable=True), "e"],
]


@pytest.mark.parametrize("steps", PLANS, ids=repr)
def test_what_no_step_expects_is_ad_hoc_whatever_follows(steps: list[Any]) -> None:
    """So it can be told at once: no continuation heals it."""
    plan = Plan.of(KeyJourney("k", "a", "e", steps=steps))
    assert plan is not None
    for length in range(3):
        for before in itertools.product("bcx", repeat=length):
            prefix = ("a", *before, "x")
            for more in range(4):
                for follows in itertools.product("bcdx", repeat=more):
                    for end in ((), ("e",)):
                        found = plan.match((*prefix, *follows, *end)).deviations
                        assert StepDeviation("ad hoc", None, length + 1) in found


@pytest.mark.parametrize("steps", PLANS, ids=repr)
def test_what_is_expected_next_costs_nothing(steps: list[Any]) -> None:
    plan = Plan.of(KeyJourney("k", "a", "e", steps=steps))
    assert plan is not None
    rests = [
        tuple(step.one_of[0] for step in plan.steps[place:]) for place in range(len(plan.steps))
    ]

    def least(prefix: tuple[str, ...]) -> int:
        """What the cheapest way to go on costs in all."""
        return min(plan.match((*prefix, *rest)).cost for rest in [*rests, ()])

    for length in range(4):
        for before in itertools.product("bcdex", repeat=length):
            prefix = ("a", *before)
            for name in plan.next_after(prefix):
                assert least((*prefix, name)) == least(prefix), (prefix, name)


def test_what_is_expected_next() -> None:
    plan = Plan.of(KeyJourney("k", "a", "e", steps=PLANS[4]))
    assert plan is not None
    assert plan.next_after(("a",)) == ("b", "c", "e")
    assert plan.next_after(("a", "b")) == ("c", "e")
    assert plan.next_after(("a", "c")) == ("c", "e")
    assert plan.next_after(("a", "x", "c")) == ("c", "e")


# -- steps of which all belong together, in any order


def test_steps_that_all_belong_come_in_any_order() -> None:
    both: list[str | Step] = ["a", Step(all_of=["b", "c"]), "e"]
    assert told(both, "abce") == told(both, "acbe") == []
    assert told(both, "abe") == [("missing", 2, None)]
    assert told(both, "ace") == [("missing", 1, None)]
    assert told(both, "ae") == [("missing", 1, None), ("missing", 2, None)]
    assert told(both, "abec") == [("out of order", 3, 2)]
    assert told(both, "acdbe") == [("ad hoc", None, 2)]
    plan = Plan.of(KeyJourney("k", "a", "e", steps=both))
    assert plan is not None
    assert [plan.next_after(tuple(walk)) for walk in ("a", "ab", "ac", "acb")] == [
        ("b", "c"), ("c",), ("b",), ("e",),
    ]  # fmt: skip


@given(
    st.lists(st.sampled_from("abcde"), min_size=2, max_size=3, unique=True), steps, walks,
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_group_costs_what_its_best_order_costs(
    group: list[str], rest: list[Step], walk: list[str], optional: bool, repeatable: bool
) -> None:
    half = len(rest) // 2
    whole = Step(all_of=group, optional=optional, repeatable=repeatable)
    made = Plan.of(KeyJourney("k", "x", "y", steps=[*rest[:half], whole, *rest[half:]]))
    assert made is not None
    match = made.match(("x", *walk, "y"))
    costs = []
    for order in itertools.permutations(group):
        single = [Step([name], optional=optional, repeatable=repeatable) for name in order]
        plan = Plan.of(KeyJourney("k", "x", "y", steps=[*rest[:half], *single, *rest[half:]]))
        assert plan is not None
        costs.append(plan.match(("x", *walk, "y")).cost)
    assert match.cost == min(costs)
    kinds = [deviation.kind for deviation in match.deviations]
    assert match.cost == len(kinds) + kinds.count("out of order")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step(), "at least one touchpoint"),
        (lambda: Step(["a"], all_of=["b", "c"]), "at least one touchpoint"),
        (lambda: Step(all_of=["a"]), "two to 5"),
        (lambda: Step(all_of="abcdef"), "list of names"),
        (lambda: KeyJourney("k", "a", "b", steps=[Step(all_of=list("abcde"))] * 2), "orders"),
    ],
)
def test_what_is_no_step(make: Any, message: str) -> None:
    with pytest.raises(ElementError, match=message):
        make()
