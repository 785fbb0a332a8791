"""Funnels beyond plain steps: alternatives, optional steps, exclusions, windows, entry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import ElementError, Interaction
from journeymap.analysis import Columns, Funnel, FunnelTarget, Log
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import HOUR, MAP

DAY = 86_400


def log(*journeys: str) -> Log:
    """A log of journeys such as ``a b c``, one step a day; ``-`` is a day without any."""
    frame: dict[str, list[Any]] = {"customer": [], "touchpoint": [], "at": []}
    for number, steps in enumerate(journeys):
        for day, name in enumerate(steps.split()):
            if name != "-":
                frame["customer"].append(f"c{number}")
                frame["touchpoint"].append(name)
                frame["at"].append(day * DAY)
    return Log.from_frame(frame, Columns(at_unit="s"))


def counts(log: Log, steps: list[Any], **how: Any) -> list[int]:
    return [row.count for row in log.ask(Funnel(steps, **how))]


def test_a_step_may_have_alternatives() -> None:
    some = log("visit call buy", "visit chat buy", "visit buy")
    answer = some.ask(Funnel(["visit", ["call", "chat"], "buy"]))
    assert [(row.element, row.count) for row in answer] == [
        ("visit", 3), ("call / chat", 2), ("buy", 2),
    ]  # fmt: skip
    for order in ("strict", "any"):
        assert counts(some, ["visit", ["call", "chat"], "buy"], order=order) == (
            [3, 2, 2] if order == "strict" else [3, 3, 2]
        )


def test_a_step_may_be_optional() -> None:
    some = log("visit call buy", "visit buy", "visit")
    answer = some.ask(Funnel(["visit", FunnelTarget("call", optional=True), "buy"]))
    assert [(row.count, row.share_previous) for row in answer] == [
        (3, 1.0), (1, 1 / 3), (2, 2 / 3),
    ]  # fmt: skip


def test_nothing_unwanted_comes_between() -> None:
    some = log("visit mail buy", "visit buy mail", "visit mail visit buy", "mail visit call buy")
    assert counts(some, ["visit", FunnelTarget("buy", without=["mail"])]) == [4, 3]


def test_a_step_may_have_a_window_of_its_own() -> None:
    some = log("visit cart - - buy", "visit - - cart buy", "visit cart - - cart buy")
    day = timedelta(days=1)
    assert counts(some, ["visit", "cart", FunnelTarget("buy", within=day)]) == [3, 3, 2]
    assert counts(some, ["visit", FunnelTarget("cart", within=day), "buy"]) == [3, 2, 2]


def test_entry_is_chosen_and_the_window_runs_past_it() -> None:
    some = log("visit - - buy", "- - visit - buy", "- - - - visit")
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    until = begin + timedelta(days=1)
    assert counts(some, ["visit", "buy"], entered=(None, until)) == [1, 1]
    assert counts(some.where(until=until), ["visit", "buy"]) == [1, 0]  # cuts what came of it
    assert counts(some, ["visit", "buy"], entered=(until, None)) == [2, 1]
    for order in ("strict", "any"):
        assert counts(some, ["visit", "buy"], entered=(None, until), order=order) == [1, 1]


def test_those_still_inside_the_window_are_told_apart() -> None:
    some = log("visit - - buy", "visit", "- - visit", "- - - - visit")
    answer = some.ask(Funnel(["visit", "buy"], within=timedelta(days=3)))
    assert [(row.count, row.open) for row in answer] == [(4, 2), (1, 0)]
    assert [row.open for row in some.ask(Funnel(["visit", "buy"]))] == [0, 0]  # no window, no end
    own = ["visit", FunnelTarget("buy", within=timedelta(days=1))]
    assert [row.open for row in some.ask(Funnel(own))] == [1, 0]
    each = some.ask(Funnel(["visit", "buy"], within=timedelta(days=3), count="completions"))
    assert [row.open for row in each] == [2, 0]


def test_sessions_are_counted_as_journeys() -> None:
    some = log("visit buy - - - - visit - - - - visit buy")
    cut = some.sessions(timedelta(days=2))
    answer = cut.ask(Funnel(["visit", "buy"]))
    assert [(row.count, row.customers) for row in answer] == [(3, 1), (2, 1)]
    assert counts(some, ["visit", "buy"]) == [1, 1]


def test_what_a_wait_is_measured_from() -> None:
    some = log("visit visit - visit buy")
    last = some.ask(Funnel(["visit", "buy"]))
    first = some.ask(Funnel(["visit", "buy"], waits_from="first"))
    assert (last.waits_from, last.rows[1].wait_mean) == ("last", DAY)
    assert (first.waits_from, first.rows[1].wait_mean) == ("first", 4 * DAY)
    assert "waits run from the first of repeated first steps" in repr(first)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Funnel([FunnelTarget("a", optional=True), "b"]), "the first step is neither"),
        (lambda: Funnel(["a", FunnelTarget("b", optional=True)], order="any"), "sequential"),
        (lambda: Funnel(["a", ["a", "b"]], order="any"), "named once"),
        (lambda: Funnel([]), "at least one step"),
        (lambda: FunnelTarget([]), "at least"),
        (lambda: FunnelTarget("a", within=timedelta(0)), "above zero"),
        (lambda: Funnel(["a"], entered=(datetime(2026, 1, 1), None)), "with a zone"),
        (lambda: Funnel(["a"], entered="2026"), "two times"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_funnel(make: Any, message: str) -> None:
    with pytest.raises(ElementError, match=message):
        make()


TARGET = st.builds(
    FunnelTarget, st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
    optional=st.booleans(), within=st.none() | st.sampled_from([20 * HOUR, 90 * HOUR]),
    without=st.lists(st.sampled_from("abc"), max_size=1),
)  # fmt: skip


def furthest(
    mine: list[tuple[str, datetime]], steps: list[FunnelTarget], within: timedelta | None
) -> set[int]:
    """The steps that any attempt of one journey reaches, all ways tried."""
    found: set[int] = set()

    def walk(step: int, place: int, start: datetime) -> None:
        found.add(step)
        following = [step + 1]
        while following[-1] < len(steps) and steps[following[-1]].optional:
            following.append(following[-1] + 1)
        for then in following:
            if then >= len(steps):
                continue
            target = steps[then]
            for after in range(place + 1, len(mine)):
                name, at = mine[after]
                late = within is not None and at - start > within
                late |= target.within is not None and at - mine[place][1] > target.within
                between = {other for other, _ in mine[place + 1 : after]}
                if name in target.elements and not late and not between & set(target.without):
                    walk(then, after, start)

    for place, (name, at) in enumerate(mine):
        if name in steps[0].elements:
            walk(0, place, at)
    return found


@given(
    st.lists(interactions(), max_size=14), st.lists(TARGET, max_size=3),
    st.sampled_from("ab"), st.none() | st.sampled_from([30 * HOUR, 200 * HOUR]),
)  # fmt: skip
def test_targets_are_reached_as_all_ways_tried_say(
    given_: list[Interaction], rest: list[FunnelTarget], start: str, within: timedelta | None
) -> None:
    steps = [FunnelTarget(start), *rest]
    answer = Log.from_interactions(given_, map=MAP).ask(Funnel(steps, within=within))
    reached = [
        furthest([(one.touchpoint, one.at) for one in mine], steps, within)
        for mine in plain.journeys(given_).values()
    ]
    assert [row.count for row in answer] == [
        sum(step in found for found in reached) for step in range(len(steps))
    ]


def test_of_no_one_there_is_no_share() -> None:
    frame = {"customer": ["a", "b"], "touchpoint": ["x", "y"], "at": [0, 1]}
    log = Log.from_frame(frame, Columns(at_unit="s"))
    [_, step] = log.ask(Funnel(["x", "y"]))
    assert (step.share, step.n) == (0.0, 1)
    empty = log.where(customer="b").ask(Funnel(["x", "y"]))
    for row in empty:
        assert (row.n, row.share, row.low, row.high, row.share_previous) == (0, *[None] * 4)
