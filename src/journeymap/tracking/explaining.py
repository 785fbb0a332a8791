"""Explaining a moment: each of its conditions, asked of the customer's last interaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

from attrs import frozen

from journeymap.exceptions import StateError
from journeymap.interactions import Interaction
from journeymap.model import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Consented,
    Count,
    HasTrait,
    Moment,
    Not,
    Sequence,
    Wait,
)
from journeymap.model.conditions import Condition, SimpleCondition, leaves
from journeymap.model.durations import duration_text
from journeymap.tracking.compiled_map import CompiledMap
from journeymap.tracking.fold_state import FoldState, Seen, SlowState, after
from journeymap.tracking.followed_sequences import describe_progress
from journeymap.tracking.interaction_conditions import about_of, compile_leaf, seen_apart
from journeymap.tracking.lanes import Lane
from journeymap.tracking.signals import MomentReached
from journeymap.tracking.state import State

__all__ = ["ExplainedCondition", "Explanation", "explain_moment"]


@frozen
class ExplainedCondition:
    """A simple condition of a moment, asked of an interaction.

    Attributes:
        condition: The condition in words.
        holds: Whether it holds (None: that is not known yet).
        found: What was found instead of, or as, what it asks for.
    """

    condition: str
    holds: bool | None
    found: str

    def __str__(self) -> str:
        mark = {True: "yes", False: "no", None: "not known yet"}[self.holds]
        return f"{mark}: {self.condition} ({self.found})"


@frozen
class Explanation:
    """Why a customer's last interaction reached a moment, or did not.

    Attributes:
        customer: The customer's name.
        moment: The moment's id.
        touchpoint: The touchpoint of the interaction.
        at: Its time.
        reached: Whether it reached the moment.
        conditions: The simple conditions, in their order in the moment.
        notes: What else decides: what is awaited, and until when it cools down.
    """

    customer: str
    moment: str
    touchpoint: str
    at: datetime
    reached: bool
    conditions: tuple[ExplainedCondition, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = (
            f"{self.customer} {'reached' if self.reached else 'did not reach'} {self.moment!r}"
            f" at {self.touchpoint!r}, {self.at.isoformat()}"
        )
        return "\n".join((head, *(f"  {one}" for one in (*self.conditions, *self.notes))))


def explain_moment(compiled: CompiledMap, state: State, moment: Moment) -> Explanation:
    """Ask every condition of a moment of the last interaction that a state holds.

    What was awaited from there on is asked of the time that has passed since.
    """
    if not state.recent:
        raise StateError("this state keeps no interaction to explain: its horizon is zero")
    one, before = state.recent[-1]
    at, slow = one.at.astimezone(UTC), before.slow
    lane = Lane(compiled, state.customer, before)
    lane.take(one)
    fixed = compiled.fixed_names(one.touchpoint)
    about = None if moment.per is None else about_of(one, moment.per, fixed)
    waiting = [each.at for each in lane.state.slow.pending
               if each.moment == moment.id and each.about == about]  # fmt: skip
    lane.advance(state.clock)
    reached = [
        signal.at for signal in lane.signals
        if isinstance(signal, MomentReached) and signal.moment == moment.id and signal.at >= at
        and signal.about == about
    ]  # fmt: skip
    cooling = _cooling(moment, about, slow, at)
    found = tuple(
        _explained_absence(leaf, compiled.fixed_names(one.touchpoint), waiting, state.clock)
        if isinstance(leaf, Absence) else _explained(compiled, moment, leaf, one, before)
        for leaf in leaves(moment.when)
    )  # fmt: skip
    notes = [*_waiting(compiled, moment, state)]
    if reached and reached[0] > at:
        notes.append(f"it was reached as time passed, at {reached[0].isoformat()}")
    elif cooling is not None and not reached:
        notes.append(f"it was reached a short while before: not again until {cooling.isoformat()}")
    elif not reached and _truth(moment.when, iter(found)):
        notes.append("it held before this interaction already, so it is not reached again")
    return Explanation(
        state.customer,
        moment.id,
        compiled.touchpoint(one.touchpoint).name,
        at,
        bool(reached),
        found,
        tuple(notes),
    )


def _truth(condition: Condition, found: Iterator[ExplainedCondition]) -> bool:
    """Work out a tree of conditions from what its simple ones gave, in their order."""
    match condition:
        case All() | AnyOf():  # every one is worked out, so that each takes its own
            truths = [_truth(inner, found) for inner in condition.conditions]
            return all(truths) if isinstance(condition, All) else any(truths)
        case Not():
            return not _truth(condition.condition, found)
        case _:
            return bool(next(found).holds)


def _explained_absence(
    leaf: Absence, fixed: Mapping[str, Any], waiting: list[datetime], clock: datetime
) -> ExplainedCondition:
    """Ask for an absence: whether it is awaited, has come true, or was not asked for."""
    if not waiting:
        there = fixed["touchpoint"] == leaf.touchpoint
        found = "it is there" if there else f"it is awaited after {leaf.after!r} alone"
        return ExplainedCondition(str(leaf), False, found)
    until = after(min(waiting), leaf.within)
    if clock > until:
        return ExplainedCondition(str(leaf), True, f"nothing came until {until.isoformat()}")
    found = f"it is awaited since {min(waiting).isoformat()}, until {until.isoformat()}"
    return ExplainedCondition(str(leaf), None, found)


def _cooling(moment: Moment, about: str | None, slow: SlowState, at: datetime) -> datetime | None:
    mine = (c.until for c in slow.cooling if (c.moment, c.about) == (moment.id, about))
    return next((until for until in mine if until > at), None)


def _waiting(compiled: CompiledMap, moment: Moment, state: State) -> list[str]:
    slow = state.fold_state.slow
    found = []
    for each in slow.pending:
        if each.moment == moment.id:
            about = f" of {each.about!r}" if each.about else ""
            ends = min(
                after(each.at, leaf.within)
                for leaf in leaves(moment.when) if isinstance(leaf, Absence)
            )  # fmt: skip
            found.append(f"it waits{about} since {each.at.isoformat()}, until {ends.isoformat()}")
    found += [
        f"{moment.owner!r} should have met the customer by {each.due.isoformat()}"
        for each in slow.awaited if each.moment == moment.id
    ]  # fmt: skip
    return found


def _explained(
    compiled: CompiledMap, moment: Moment, leaf: SimpleCondition, one: Interaction,
    before: FoldState,
) -> ExplainedCondition:  # fmt: skip
    """Ask one condition, and describe what it found."""
    at, fixed = one.at.astimezone(UTC), compiled.fixed_names(one.touchpoint)
    seen: Seen = before.slow.seen
    if moment.per is not None:
        seen = seen_apart(seen, moment, one, fixed)
    test = compile_leaf(leaf, fixed)
    holds: bool | None = test if isinstance(test, bool) else test(one, at, seen)
    match leaf:
        case At():
            name = fixed.get(leaf.what)
            value = name if leaf.what in _DESIGNED else getattr(one, leaf.what) or name
            found = f"it is {value!r}" if value is not None else f"it has no {leaf.what}"
        case Between():
            found = _number(leaf, one)
        case Count():
            times = [t for t in seen.get(leaf.touchpoint, ())
                     if leaf.within is None or at - t <= leaf.within]  # fmt: skip
            here = fixed["touchpoint"] == leaf.touchpoint
            found = f"{len(times) + here} times" + (", this one counted" if here else "")
        case Wait():
            times = list(seen.get(leaf.since, ()))
            found = f"{duration_text(at - times[-1])} after" if times else "it was never there"
        case Sequence():
            found = describe_progress(leaf, seen)
        case Absence() | Consented() | HasTrait():
            found = "a moment does not ask for it"
        case _:
            assert_never(leaf)
    return ExplainedCondition(str(leaf), holds, found)


_DESIGNED = ("touchpoint", "stage", "phase")


def _number(leaf: Between, one: Interaction) -> str:
    if leaf.what == "value":
        return f"it is {one.value}" if one.value is not None else "it has no value"
    if leaf.what in ("emotion", "emotion_after"):
        number = getattr(one, leaf.what)
    else:
        same = one.score is not None and one.score.kind == leaf.what
        number = one.score.value if same and one.score is not None else None
    return f"it is {number:g}" if number is not None else f"it has no {leaf.what}"
