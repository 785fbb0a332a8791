"""The loop: what follows what, and what a move from one stage to another means."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from attrs import field, frozen

from journeymap.exceptions import UnknownName
from journeymap.model.elements import Phase, Stage

__all__ = ["Loop", "Move"]


class Move(StrEnum):
    """The meaning of entering a stage, seen from the stage the customer came from."""

    SAME = "same"
    FORWARD = "forward"
    BACKWARD = "backward"
    NEW_LAP = "new lap"


@frozen
class Loop:
    """The stages round the loop, and which follows which.

    Attributes:
        stages: The stages, in order.

    >>> loop = Loop((Stage("choose", "buy"), Stage("use", "own"), Stage("renew", "own")))
    >>> loop.after("renew"), loop.before("choose")
    ('choose', 'renew')
    >>> loop.move("choose", "use").value, loop.move("renew", "choose").value
    ('forward', 'new lap')
    """

    stages: tuple[Stage, ...] = field(repr=lambda stages: " → ".join(s.id for s in stages))

    def after(self, stage: str) -> str:
        """Find the stage that follows another; the last leads to the first.

        Args:
            stage: The stage's id.

        Returns:
            The id of the next stage.
        """
        return self.stages[(self._place(stage) + 1) % len(self.stages)].id

    def before(self, stage: str) -> str:
        """Find the stage that leads to another; the first is reached from the last.

        Args:
            stage: The stage's id.

        Returns:
            The id of the stage before.
        """
        return self.stages[self._place(stage) - 1].id

    def move(self, source: str, target: str) -> Move:
        """Find the meaning of entering a stage.

        A customer whose position lies in ``own`` and who enters a stage in ``buy`` begins a new
        lap; otherwise a later stage is forward and an earlier one backward.

        Args:
            source: The stage of the customer's position.
            target: The stage that is entered.

        Returns:
            The meaning.
        """
        a, b = self._place(source), self._place(target)
        if self.stages[a].phase is Phase.OWN and self.stages[b].phase is Phase.BUY:
            return Move.NEW_LAP
        if a == b:
            return Move.SAME
        return Move.FORWARD if b > a else Move.BACKWARD

    def half(self, phase: Phase) -> tuple[Stage, ...]:
        """List the stages of one half of the loop.

        Args:
            phase: The half.

        Returns:
            Its stages, in order.
        """
        return tuple(stage for stage in self.stages if stage.phase == phase)

    def _place(self, stage: str) -> int:
        try:
            return self._places[stage]
        except KeyError:
            raise UnknownName("stage", stage, tuple(self._places)) from None

    @cached_property
    def _places(self) -> dict[str, int]:
        return {stage.id: place for place, stage in enumerate(self.stages)}
