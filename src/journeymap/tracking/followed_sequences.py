"""Sequences of a moment as the fold follows them, from one interaction to the next.

Of each sequence some times are kept beside the customer's last times at touchpoints: first whether
it may not begin any more (the end of time), then, for each number of steps, the time at which the
latest run of so many steps began (the beginning of time: there is none). One run for each number of
steps is enough: whatever interrupts one interrupts all that are as far, and the latest of them has
the most time left.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

from attrs import field, frozen

from journeymap.interactions import Interaction
from journeymap.model import Sequence
from journeymap.tracking.fold_state import FAR, LONG_AGO, Seen, Test

__all__ = ["FollowedSequence", "describe_progress", "name_sequence"]


def name_sequence(sequence: Sequence) -> str:
    """Name what is kept of a sequence; no touchpoint has such a name."""
    return f"\x1e{blake2b(repr(sequence).encode(), digest_size=9).hexdigest()}"


@frozen(eq=False)
class FollowedSequence:
    """A sequence as interactions at one touchpoint advance, interrupt or complete it.

    ``points`` and ``gaps`` are those of the sequence as tests, the gap after the last left out.
    """

    sequence: Sequence
    points: tuple[Test | bool, ...]
    gaps: tuple[Test | bool, ...]
    name: str = field(init=False)

    @name.default
    def _make_name(self) -> str:
        return name_sequence(self.sequence)

    @property
    def is_moved(self) -> bool:
        """Check whether an interaction here may change what is kept."""
        moving = (*self.points[:-1], *self.gaps)
        if self.sequence.occurrence == "first":
            moving += self.points[:1]
        return self.sequence.consecutive or any(test is not False for test in moving)

    @property
    def completion(self) -> Test | bool:
        """The test whether an interaction here completes the sequence."""
        last, before, within = self.points[-1], len(self.points) - 1, self.sequence.within
        if last is False:
            return False

        def test(one: Interaction, at: datetime, seen: Seen) -> bool:
            kept = seen.get(self.name)
            if not before:
                return (kept is None or kept[0] != FAR) and _holds(last, one, at, seen)
            if kept is None or kept[before] == LONG_AGO or not _holds(last, one, at, seen):
                return False
            return within is None or at - kept[before] <= within

        return test

    def follow(self, seen: Seen, before: Seen, one: Interaction, at: datetime) -> Seen:
        """Keep what holds after an interaction; ``before`` is what conditions look back to."""
        steps = self.advance(one, at, before)
        if steps == seen.get(self.name, ()):
            return seen
        if steps:
            return {**seen, self.name: steps}
        return {name: times for name, times in seen.items() if name != self.name}

    def advance(self, one: Interaction, at: datetime, seen: Seen) -> tuple[datetime, ...]:
        """Find what to keep after an interaction; nothing if no run has begun."""
        size = len(self.points)
        kept = seen.get(self.name) or (LONG_AGO,) * size
        found = list(kept)
        for place in range(size - 1, 0, -1):
            begun = kept[place - 1] if place > 1 else at if kept[0] != FAR else LONG_AGO
            if begun != LONG_AGO and _holds(self.points[place - 1], one, at, seen):
                found[place] = begun
            elif kept[place] != LONG_AGO and (
                self.sequence.consecutive or _holds(self.gaps[place], one, at, seen)
            ):
                found[place] = LONG_AGO
        begins = self.sequence.occurrence == "first" and _holds(self.points[0], one, at, seen)
        if begins or _holds(self.gaps[0], one, at, seen):
            found[0] = FAR
        return tuple(found) if any(time != LONG_AGO for time in found) else ()


def describe_progress(sequence: Sequence, seen: Seen) -> str:
    """Write how far a sequence had come before an interaction."""
    kept, size = seen.get(name_sequence(sequence), ()), len(sequence.points)
    for place in range(len(kept) - 1, 0, -1):
        if kept[place] != LONG_AGO:
            begun = kept[place].isoformat()
            return f"{place} of {size} steps had come before this one, since {begun}"
    if kept and kept[0] == FAR:
        return "it could not begin any more"
    return f"none of {size} steps had come before this one"


def _holds(test: Test | bool, one: Interaction, at: datetime, seen: Seen) -> bool:
    return test if isinstance(test, bool) else test(one, at, seen)
