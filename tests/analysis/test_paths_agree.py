"""What the questions about paths say of one log agrees: no insight contradicts another."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Interaction
from journeymap.analysis import Funnel, Log, Paths, Transitions, Variants
from journeymap.testing import interactions
from tests.analysis.test_scorecard import WHOLE
from tests.analysis.test_splitting import views
from tests.factories import JOURNEY

happened = st.lists(
    interactions(customers=("ada", "ben", "cyd", "dan")), min_size=1, max_size=40
).map(lambda given: [WHOLE, *given])
START, END = "(start)", "(end)"


@settings(max_examples=150)
@given(happened, st.sampled_from(["touchpoint", "stage", "department"]),
       st.randoms(use_true_random=False))  # fmt: skip
def test_transitions_variants_and_paths_count_the_same(
    given: list[Interaction], by: str, dice: Any
) -> None:
    log = views(Log.from_interactions(given, map=JOURNEY), dice)
    moves, variants, paths = log.ask(Transitions(by), Variants(by), Paths(by, steps=4))
    told: Counter[tuple[str, str]] = Counter()
    stepped: Counter[tuple[int, str, str]] = Counter()
    for row in variants:
        whole = (START, *row.path, END)
        for pair in pairwise(whole):
            told[pair] += row.count
        for step, (source, target) in enumerate(pairwise(whole[1:]), 1):
            if step < 4:
                stepped[step, source, target] += row.count
    assert {(row.source, row.target): row.count for row in moves} == told
    assert {(row.step, row.source, row.target): row.count for row in paths} == stepped
    begun = sum(row.count for row in moves if row.source == START)
    over = sum(row.count for row in moves if row.target == END)
    assert begun == over == sum(row.count for row in variants)


@settings(max_examples=100)
@given(happened, st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
       st.sampled_from(["sequential", "strict"]), st.randoms(use_true_random=False))  # fmt: skip
def test_a_funnel_counts_the_variants_that_pass_it(
    given: list[Interaction], steps: list[str], order: Any, dice: Any
) -> None:
    log = views(Log.from_interactions(given, map=JOURNEY), dice)
    known = {row.path[0] for row in log.ask(Variants())} | {
        name for row in log.ask(Variants()) for name in row.path
    }
    if not set(steps) <= known:
        return
    funnel, variants = log.ask(Funnel(steps, order=order), Variants())
    for place, row in enumerate(funnel, 1):
        passes = _subsequence if order == "sequential" else _stretch
        assert row.count == sum(one.count for one in variants if passes(steps[:place], one.path))


def _subsequence(steps: list[str], path: tuple[str, ...]) -> bool:
    rest = iter(path)
    return all(step in rest for step in steps)


def _stretch(steps: list[str], path: tuple[str, ...]) -> bool:
    size = len(steps)
    return any(path[n : n + size] == tuple(steps) for n in range(len(path) - size + 1))


@settings(max_examples=60)
@given(happened, st.integers(0, 3))
def test_the_most_frequent_are_those_of_all(given: list[Interaction], top: int) -> None:
    log = Log.from_interactions(given, map=JOURNEY)
    few, every = log.ask(Variants(top=top), Variants())
    assert list(few) == list(every)[:top]
    assert few.distinct == len(every)
    folded = log.ask(Variants(collapse=True))
    assert sum(row.count for row in folded) == sum(row.count for row in every)
