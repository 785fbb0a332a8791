"""Conditions of moments of truth, asked of a whole part at once as the fold asks them.

At each interaction they look back only; what looks ahead, an absence, is found apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.part_conditions import (
    find_following,
    mark_counted,
    mark_matching,
    mark_named,
    rows_at,
)
from journeymap.analysis.measuring.sequence_steps import mark_completing
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.model import (
    Absence,
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Consented,
    Count,
    HasTrait,
    Moment,
    Not,
    Sequence,
)
from journeymap.model.conditions import SimpleCondition, leaves, touchpoints_of, verdict
from journeymap.model.instants import micros_in
from journeymap.model.scores import SCORE_KINDS

__all__ = ["Awaiting", "find_awaiting", "mark_reaching"]


def mark_reaching(part: Part, moment: Moment) -> Flags:
    """Mark the interactions that reach a moment at once."""
    when = moment.when
    found = _hold(part, when)
    if all(isinstance(leaf, Count) for leaf in leaves(when)):
        # The interaction that completes it meets it, and not every one while it holds.
        before = [
            mark_counted(part, leaf, before=True)
            for leaf in leaves(when)
            if isinstance(leaf, Count)
        ]
        found = (
            found
            & ~judge(when, iter(before))
            & mark_named(part, "touchpoint", touchpoints_of(when))
        )
    return found & ~mark_named(part, "touchpoint", beginnings(moment))


def _hold(part: Part, condition: Condition) -> Flags:
    """Mark where a condition holds, looking back alone."""
    return judge(condition, iter([_mark(part, leaf) for leaf in leaves(condition)]))


def beginnings(moment: Moment) -> tuple[str, ...]:
    """List the touchpoints after which a moment waits for an absence."""
    found = [leaf.after for leaf in leaves(moment.when) if isinstance(leaf, Absence)]
    return tuple(dict.fromkeys(found))


def judge(condition: Condition, marks: Iterator[Flags]) -> Flags:
    """Judge a condition by the marks of its simple conditions, from left to right."""
    if isinstance(condition, Not):
        return ~judge(condition.condition, marks)
    if isinstance(condition, All | AnyOf):
        join = np.logical_and if isinstance(condition, All) else np.logical_or
        joined: Flags = join.reduce([judge(inner, marks) for inner in condition.conditions])
        return joined
    return next(marks)


@frozen(eq=False)
class Awaiting:
    """Interactions after which a moment turns on an absence, and what becomes of each.

    Attributes:
        rows: The interactions.
        reached: Whether the moment is reached.
        by: The interaction that decides it (−1: none does, but time).
        at: The time that decides it (of an interaction, 0).
    """

    rows: Ints
    reached: Flags
    by: Ints
    at: Ints


def find_awaiting(part: Part, moment: Moment) -> Iterator[Awaiting]:
    """Find what becomes of all that waits for an absence."""
    simple = tuple(leaves(moment.when))
    for name in beginnings(moment):
        rows = rows_at(part, name)
        if not len(rows):
            continue
        awaited = [
            place for place, leaf in enumerate(simple)
            if isinstance(leaf, Absence) and leaf.after == name
        ]  # fmt: skip
        marks = [_mark(part, leaf)[rows] for leaf in simple]
        chosen = [leaf for leaf in map(simple.__getitem__, awaited) if isinstance(leaf, Absence)]
        followers = [find_following(part, rows, leaf) for leaf in chosen]
        limits = [part.at[rows] + micros_in(leaf.within) for leaf in chosen]
        if len(awaited) == 1:
            yield _decide(moment.when, rows, marks, awaited[0], followers[0], limits[0])
        else:
            yield _decide_one_by_one(part, moment.when, rows, marks, awaited, followers, limits)


def _decide(
    when: Condition, rows: Ints, marks: list[Flags], place: int, followers: Ints, limit: Ints
) -> Awaiting:
    """Decide by one absence: what comes in time, or does not."""
    size = len(rows)
    absent, present = (
        judge(when, iter([*marks[:place], np.full(size, truth), *marks[place + 1 :]]))
        for truth in (True, False)
    )
    settled = absent == present
    by = np.where(settled, rows, followers)
    return Awaiting(rows, np.where(by >= 0, present, absent), by, np.where(by >= 0, 0, limit))


def _decide_one_by_one(
    part: Part, when: Condition, rows: Ints, marks: list[Flags], awaited: list[int],
    followers: list[Ints], limits: list[Ints],
) -> Awaiting:  # fmt: skip
    """Decide by several absences, in the order in which each is settled."""
    reached, by = np.zeros(len(rows), dtype=bool), rows.copy()
    at = np.zeros(len(rows), dtype=np.int64)
    for one in range(len(rows)):
        truths: list[bool | None] = [bool(mark[one]) for mark in marks]
        for place in awaited:
            truths[place] = None
        held = verdict(when, truths)
        # What comes at a time comes before that time is over.
        events = sorted(
            (int(part.at[found[one]]), 0, int(found[one]), place) if found[one] >= 0
            else (int(limit[one]), 1, -1, place)
            for place, found, limit in zip(awaited, followers, limits, strict=True)
        )  # fmt: skip
        while held is None:
            time, timer, row, _ = events[0]
            for event in events:
                if event[:3] == (time, timer, row):
                    truths[event[3]] = bool(timer)
            events = [event for event in events if event[:3] != (time, timer, row)]
            held = verdict(when, truths)
            by[one], at[one] = (-1, time) if timer else (row, 0)
        reached[one] = held
    return Awaiting(rows, reached, by, at)


def _mark(part: Part, leaf: SimpleCondition) -> Flags:
    """Mark where a simple condition holds; of what the log does not know, nowhere."""
    match leaf:
        case Absence() | Consented() | HasTrait():
            known = False
        case At():
            known = part.knows(leaf.what)
        case Between():
            role = "score" if leaf.what in SCORE_KINDS else leaf.what
            known = part.number(role) is not None
        case Sequence():
            points = [_hold(part, point) for point in leaf.points]
            gaps = [_hold(part, AnyOf(gap)) if gap else None for gap in leaf.gaps]
            return mark_completing(part, leaf, points, gaps)[0]
        case _:
            known = True
    return mark_matching(part, leaf) if known else np.zeros(len(part), dtype=bool)
