"""States of all customers of a log, most of whose interactions were counted by columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Protocol

from journeymap.exceptions import StateError
from journeymap.interactions.checkpoint import (
    CheckpointRules,
    CustomerCheckpoint,
    OpenCheckpoint,
    ProductCheckpoint,
)
from journeymap.model import JourneyMap
from journeymap.tracking.compiled_map import CompiledMap
from journeymap.tracking.fold import with_timer
from journeymap.tracking.fold_state import (
    FAR,
    FoldState,
    Occurrence,
    ProductState,
    SlowState,
    after,
)

__all__ = ["FollowableLog", "restore_fold_state"]


class FollowableLog(Protocol):
    """A log whose customers can be followed, such as `journeymap.analysis.Log`."""

    @property
    def map(self) -> JourneyMap | None:
        """The map by which its interactions are read."""
        ...

    def checkpoints(
        self, rules: CheckpointRules, as_of: datetime | None = None
    ) -> Iterator[CustomerCheckpoint]:  # fmt: skip
        """Find the last checkpoint of each customer."""
        ...


def restore_fold_state(compiled: CompiledMap, known: CustomerCheckpoint) -> FoldState:
    """Make what the fold carries at a checkpoint."""
    if not known.folded or known.at is None or known.touchpoint is None:
        return _NOTHING
    try:
        stage = None if known.stage is None else compiled.stages[known.stage]
        products = tuple(_restore_product(compiled, one) for one in known.products)
        open_ = tuple(_restore_open(compiled, one, known.at) for one in known.open)
    except KeyError as error:
        message = f"a log along another map: {compiled.map.id!r} has no {error.args[0]!r}"
        raise StateError(message) from None
    ends = compiled.touchpoint(known.touchpoint).ends and not open_
    limit = None if stage is None or ends else stage.limit
    slow = _NOTHING.slow
    if known.values or known.scores or known.seen or open_:
        slow = with_timer(compiled, SlowState(
            values=known.values, scores=known.scores, seen=known.seen, open=open_,
        ))  # fmt: skip
    return _make(FoldState, (
        known.at, known.tie, known.folded, stage, known.since, known.lap, known.touchpoint,
        known.channel, known.department, known.handed_by, known.emotion, known.outcome,
        known.process, False,
        FAR if limit is None else after(known.at, limit),
        None, products, known.trail, slow,
    ))  # fmt: skip


_NOTHING = FoldState()
_make = tuple.__new__


def _restore_product(compiled: CompiledMap, one: ProductCheckpoint) -> tuple[str, ProductState]:
    stage = None if one.stage is None else compiled.stages[one.stage]
    return one.product, ProductState(stage, one.since, one.lap, one.at, one.ended)


def _restore_open(compiled: CompiledMap, one: OpenCheckpoint, at: datetime) -> Occurrence:
    within = compiled.key_journeys[one.journey].journey.within
    late = within is not None and at > after(one.begun, within)
    return Occurrence(one.journey, one.begun, one.tie, tuple(chain.from_iterable(one.path)), late)
