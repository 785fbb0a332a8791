"""Matching what happened with what was expected, with the fewest deviations.

One matcher for the recorded past and for what is happening now.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import permutations

from attrs import evolve, frozen

from journeymap.model.design import Design
from journeymap.model.deviations import StepDeviationKind
from journeymap.model.elements import KeyJourney, Step

__all__ = ["Match", "Plan", "StepDeviation", "element_and_department", "may_start_again"]


@frozen
class StepDeviation:
    """One deviation of what happened from the steps that were expected.

    Attributes:
        kind: ``missing``, ``ad hoc`` or ``out of order``.
        step: The place of the step in the plan, from 0.
        place: The place of the interaction in what happened, from 0.
    """

    kind: StepDeviationKind
    step: int | None
    place: int | None


@frozen
class Match:
    """The best match of what happened with a plan.

    Attributes:
        cost: How many steps are missing and interactions unexpected; a step out of order counts
            twice.
        deviations: The deviations, in the order of the steps.
        steps: The place in the plan of the step that each interaction fulfils (None: of none).
    """

    cost: int
    deviations: tuple[StepDeviation, ...]
    steps: tuple[int | None, ...]


@frozen(cache_hash=True)
class Plan:
    """The steps that a key journey expects, from its start to its end.

    A step of all of several touchpoints is a group of steps, whose order does not matter.

    Attributes:
        steps: The steps.
        groups: Where groups begin and end in them.

    >>> plan = Plan.of(KeyJourney("order", "ask", "pay", steps=["ask", "agree", "pay"]))
    >>> [(d.kind, d.step, d.place) for d in plan.match(("ask", "pay", "agree")).deviations]
    [('out of order', 2, 1)]
    >>> plan.match(("ask", "wait", "agree", "pay")).cost
    1
    """

    steps: tuple[Step, ...]
    groups: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, journey: KeyJourney) -> Plan | None:
        """Make the plan of a key journey, start and end included.

        Args:
            journey: The key journey.

        Returns:
            The plan; None when the key journey names no steps.
        """
        steps = journey.steps
        if not steps:
            return None
        if journey.start not in steps[0].touchpoints:
            steps = (Step((journey.start,)), *steps)
        if journey.end not in steps[-1].touchpoints:
            steps = (*steps, Step((journey.end,)))
        single: list[Step] = []
        groups = []
        for step in steps:
            if step.all_of:
                groups.append((len(single), len(single) + len(step.all_of)))
                single += [evolve(step, one_of=(name,), all_of=()) for name in step.all_of]
            else:
                single.append(step)
        return cls(tuple(single), tuple(groups))

    @cached_property
    def orders(self) -> tuple[tuple[int, ...], ...]:
        """The places of the steps in every order that groups allow, the plan's own first."""
        whole = tuple(range(len(self.steps)))
        found = [whole]
        for begin, end in self.groups:
            found = [
                (*order[:begin], *(order[place] for place in some), *order[end:])
                for order in found
                for some in permutations(range(begin, end))
            ]
        return tuple(found)

    @cached_property
    def expected(self) -> frozenset[str]:
        """Every touchpoint that some step expects; any other is ad hoc, whatever follows."""
        return frozenset(name for step in self.steps for name in step.one_of)

    def next_after(self, actual: tuple[str, ...]) -> tuple[str, ...]:
        """List the touchpoints that may come next if the rest goes as planned.

        Of equally good ways to read what came so far, the one that is furthest on counts.

        Args:
            actual: The touchpoints so far.

        Returns:
            The touchpoints, in the order of the plan.

        >>> plan = Plan.of(KeyJourney("order", "ask", "pay", steps=["ask", "agree", "pay"]))
        >>> plan.next_after(("ask", "wait"))
        ('agree',)
        """
        plans = [tuple(self.steps[place] for place in order) for order in self.orders]
        passed = [_steps_passed(steps, actual) for steps in plans]
        best = min(cost for cost, _ in passed)
        furthest = max(reached for cost, reached in passed if cost == best)
        names: list[str] = []
        for steps, (cost, reached) in zip(plans, passed, strict=True):
            if (cost, reached) == (best, furthest):
                names += _following(steps, reached)
        ordered = [name for step in self.steps for name in step.one_of if name in names]
        return tuple(dict.fromkeys(ordered))

    def match(self, actual: tuple[str, ...]) -> Match:
        """Match touchpoints with the plan, with the fewest deviations.

        Weighted edit distance; of equally good matches, the one that keeps the earliest steps and
        interactions.

        Args:
            actual: The touchpoints.

        Returns:
            The match.
        """
        return _matched(self, actual)


def may_start_again(span: KeyJourney) -> bool:
    """Check whether the start of a key journey may come again within it.

    It may if it is the end as well, or if a step expects it again.
    """
    plan = Plan.of(span)
    if span.start == span.end:
        return True
    if plan is None:
        return False
    expecting = [step for step in plan.steps if span.start in step.one_of]
    return len(expecting) > 1 or any(step.repeatable for step in expecting)


def element_and_department(
    journey: Design, span: KeyJourney, step: int | None
) -> tuple[str, str | None]:
    """Find the element and the department of a deviation without an interaction.

    Of a missing step (a place in the plan), the alternatives and the department that should have
    taken the first; of lateness (None), the end touchpoint and the owner of the key journey.
    """
    if step is None:
        return span.end, span.owner or journey.touchpoints[span.end].department
    plan = Plan.of(span)
    names = plan.steps[step].one_of if plan is not None else (span.end,)
    return " / ".join(names), journey.touchpoints[names[0]].department


@lru_cache(maxsize=1 << 16)
def _matched(plan: Plan, actual: tuple[str, ...]) -> Match:
    best: tuple[Match, tuple[int, ...]] | None = None
    for order in plan.orders:
        found = _match_in_order(tuple(plan.steps[place] for place in order), actual)
        if best is None or found.cost < best[0].cost:
            best = found, order
        if not found.cost:
            break
    assert best is not None  # noqa: S101  # there is always the plan's own order
    found, order = best
    if order == plan.orders[0]:
        return found
    deviations = [
        one if one.step is None else evolve(one, step=order[one.step]) for one in found.deviations
    ]
    last = len(order)
    deviations.sort(key=lambda one: last if one.step is None else one.step)
    steps = tuple(None if step is None else order[step] for step in found.steps)
    return Match(found.cost, tuple(deviations), steps)


def _match_in_order(steps: tuple[Step, ...], actual: tuple[str, ...]) -> Match:
    costs = _costs(steps, actual)
    found: list[int | None] = [None] * len(actual)
    missing: list[int] = []
    i = j = 0
    while i < len(steps) or j < len(actual):
        here = costs[i][j]
        if j < len(actual):
            name = actual[j]
            if i < len(steps) and name in steps[i].one_of and here == costs[i + 1][j + 1]:
                found[j] = i
                i, j = i + 1, j + 1
                continue
            if _repeats(steps, i, name) and here == costs[i][j + 1]:
                found[j] = i - 1
                j += 1
                continue
            free = i < len(steps) and steps[i].optional and here == costs[i + 1][j]
            if not free and here == 1 + costs[i][j + 1]:
                j += 1
                continue
        if not steps[i].optional:
            missing.append(i)
        i += 1
    return Match(costs[0][0], _name_deviations(steps, actual, found, missing), tuple(found))


def _costs(steps: tuple[Step, ...], actual: tuple[str, ...]) -> list[list[int]]:
    """Return the least cost of the rest, for each number of steps passed and interactions seen."""
    size = len(actual)
    after = list(range(size, -1, -1))
    if steps and steps[-1].repeatable:
        for j in range(size - 1, -1, -1):
            after[j] = after[j + 1] + (actual[j] not in steps[-1].one_of)
    rows = [after]
    for i in range(len(steps) - 1, -1, -1):
        step, skipped = steps[i], 0 if steps[i].optional else 1
        below = rows[-1]
        row = [skipped + below[size]] * (size + 1)
        for j in range(size - 1, -1, -1):
            name = actual[j]
            cost = min(1 + row[j + 1], skipped + below[j])
            if name in step.one_of:
                cost = min(cost, below[j + 1])
            if _repeats(steps, i, name):
                cost = min(cost, row[j + 1])
            row[j] = cost
        rows.append(row)
    return rows[::-1]


def _following(steps: tuple[Step, ...], reached: int) -> Iterator[str]:
    """List the touchpoints that may come next after so many steps."""
    if reached and steps[reached - 1].repeatable:
        yield from steps[reached - 1].one_of
    for step in steps[reached:]:
        yield from step.one_of
        if not step.optional:
            break


def _steps_passed(steps: tuple[Step, ...], actual: tuple[str, ...]) -> tuple[int, int]:
    """Return the cost of the cheapest reading of what came so far, and how many steps it passed."""
    row = [0]
    for step in steps:
        row.append(row[-1] + (0 if step.optional else 1))
    for name in actual:
        below = row
        row = [below[0] + 1]
        for i, step in enumerate(steps, 1):
            cost = min(below[i] + 1, row[-1] + (0 if step.optional else 1))
            if name in step.one_of:
                cost = min(cost, below[i - 1])
            if _repeats(steps, i, name):
                cost = min(cost, below[i])
            row.append(cost)
    best = min(row)
    reached = max(i for i, cost in enumerate(row) if cost == best)
    while reached and steps[reached - 1].optional and row[reached - 1] == best:
        reached -= 1
    return best, reached


def _repeats(steps: tuple[Step, ...], i: int, name: str) -> bool:
    """Check whether a touchpoint repeats the step before the i-th."""
    return i > 0 and steps[i - 1].repeatable and name in steps[i - 1].one_of


def _name_deviations(
    steps: tuple[Step, ...], actual: tuple[str, ...], found: list[int | None], missing: list[int]
) -> tuple[StepDeviation, ...]:
    """Deviations in the order of the steps; a missing step that came elsewhere is out of order."""
    loose = [place for place, step in enumerate(found) if step is None]
    made = []
    for step in missing:
        place = next((p for p in loose if actual[p] in steps[step].one_of), None)
        if place is None:
            made.append(StepDeviation("missing", step, None))
        else:
            loose.remove(place)
            made.append(StepDeviation("out of order", step, place))
    return (*made, *(StepDeviation("ad hoc", None, place) for place in loose))
