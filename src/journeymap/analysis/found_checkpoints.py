"""Checkpoints of all customers of a log, from which a tracker goes on."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from journeymap.analysis.history import check_columns
from journeymap.analysis.measuring.fold_columns import find_checkpoints
from journeymap.analysis.measuring.followed_part import follow_part
from journeymap.analysis.moments_in_time import check_as_of
from journeymap.analysis.table.part import Part, Scope, require_times
from journeymap.exceptions import AnswerError
from journeymap.interactions.checkpoint import CheckpointRules, CustomerCheckpoint

__all__ = ["FindCheckpoints"]

Checkpoints = list[CustomerCheckpoint]


@frozen
class FindCheckpoints:
    """Find the last checkpoint of each customer, with the interactions since.

    Attributes:
        rules: Which checkpoints the tracker can go on from.
        as_of: The time up to which customers are followed (None: the end of the log).
    """

    rules: CheckpointRules
    as_of: datetime | None = field(default=None, validator=check_as_of)

    def measure(self, part: Part) -> Checkpoints:
        """Find the checkpoints of a part."""
        if part.scope.map is None:
            if not part.scope.interactions:
                return []
            raise AnswerError("checkpoints", "the map says what follows: read the log with map=…")
        require_times(part.scope, "checkpoints")
        check_columns(part)
        return list(find_checkpoints(follow_part(part, part.scope.map, self.as_of), self.rules))

    def merge(self, one: Checkpoints, other: Checkpoints) -> Checkpoints:
        """Put them together."""
        return [*one, *other]

    def answer(self, measured: Checkpoints, scope: Scope) -> Checkpoints:
        """Give them as they are."""
        return measured
