"""Flows: recorded journeys on the picture of a map, with leaks and friction by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from journeymap.model import JourneyMap, Move

if TYPE_CHECKING:
    from journeymap.analysis import Overview

__all__ = ["COLOURS", "Flows", "StageFlow", "friction_colour"]

COLOURS = ("#3f8f8a", "#8fae5d", "#e3b23c", "#e07a3f", "#c0392b")
_STEPS = (0.05, 0.12, 0.25, 0.45)


def friction_colour(share: float | None) -> str:
    """Five steps from calm to hot; the same in light and in dark."""
    if share is None:
        return COLOURS[0]
    return COLOURS[sum(share >= step for step in _STEPS)]


@frozen
class StageFlow:
    """One stage: its customers, how they stay, leak and turn back.

    ``friction`` is the share of moves out of the stage that go back or end in silence; ``stay``
    is the median time in it, in seconds.
    """

    customers: int
    leak_share: float | None
    leaks: int
    friction: float | None
    stay: float | None


@frozen
class Flows:
    """The moves between stages, and each stage's own figures.

    ``recommended`` is the share of customers who came by recommendation (None: not known).
    """

    stages: dict[str, StageFlow]
    moves: dict[tuple[str, str], int]
    share_buy: float | None
    share_own: float | None
    recommended: float | None = None

    @classmethod
    def of(cls, overview: Overview) -> Flows:
        """Read the flows out of an overview's answers."""
        journey = overview.map
        moves = {(row.source, row.target): row.count for row in overview.stages}
        stays = {row.element: row.dwell_median for row in overview.dwell or ()}
        stages = {}
        for row in overview.loops:
            stages[row.element] = StageFlow(
                row.customers,
                row.leak_share,
                row.dormant or 0,
                _friction(journey, moves, row.element, row.dormant or 0),
                stays.get(row.element),
            )
        inner = {pair: count for pair, count in moves.items()
                 if pair[0] in stages and pair[1] in stages}  # fmt: skip
        won, recommended = overview.recommendation, None
        if won is not None and won.customer_count:
            recommended = won.recommended / won.customer_count
        return cls(stages, inner, overview.loops.share_buy, overview.loops.share_own, recommended)


def _friction(
    journey: JourneyMap, moves: dict[tuple[str, str], int], stage: str, silent: int
) -> float | None:
    onward = back = 0
    for (source, target), count in moves.items():
        if source != stage or target == stage or target not in journey.stages:
            continue
        if journey.loop.move(source, target) is Move.BACKWARD:
            back += count
        else:
            onward += count
    total = onward + back + silent
    return (back + silent) / total if total else None
