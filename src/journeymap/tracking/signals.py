"""What the tracker reports: one small value for each kind of thing that came true.

>>> from datetime import UTC
>>> signal = StageEntered("ada", datetime(2026, 3, 1, tzinfo=UTC), 0, "use", "receive", "forward")
>>> print(signal)
ada entered stage 'use' from 'receive' (forward)
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import ClassVar, Literal

from attrs import astuple, frozen

from journeymap.model.deviations import DeviationKind

__all__ = [
    "CameBack",
    "Deviated",
    "Handoff",
    "KeyJourneyCompleted",
    "KeyJourneyGivenUp",
    "LapStarted",
    "MomentOverdue",
    "MomentReached",
    "Signal",
    "StageEntered",
    "TooLate",
    "WentDormant",
    "Withdrawn",
]


@frozen
class Signal:
    """Something about a ``customer`` that came true ``at`` a time (UTC).

    ``tie`` tells interactions of one customer at the same time apart: it counts them from 0.
    """

    kind: ClassVar[str] = "signal"
    customer: str
    at: datetime
    tie: int

    @property
    def id(self) -> str:
        """The same for the same signal, whenever and wherever it is told: an idempotency key.

        >>> from datetime import UTC
        >>> CameBack("ada", datetime(2026, 3, 1, tzinfo=UTC), 0, "use").id
        '635d3f30da2f98d6272d3f78ae4bf344'
        """
        told = [type(self).__name__]
        for part in astuple(self, recurse=False):
            told.append(part.id if isinstance(part, Signal) else str(part))
        return blake2b("\x1f".join(told).encode(), digest_size=16).hexdigest()


@frozen
class StageEntered(Signal):
    """The customer entered a stage; ``source`` is the stage they came from (None: the first).

    ``move`` is ``forward``, ``backward`` or ``new lap``.
    """

    kind: ClassVar[str] = "stage entered"
    stage: str
    source: str | None
    move: str

    def __str__(self) -> str:
        came = f" from {self.source!r} ({self.move})" if self.source else ""
        return f"{self.customer} entered stage {self.stage!r}{came}"


@frozen
class LapStarted(Signal):
    """The customer began a lap round the loop, counted from 1 (the first is not told)."""

    kind: ClassVar[str] = "lap started"
    lap: int

    def __str__(self) -> str:
        return f"{self.customer} began lap {self.lap}"


@frozen
class Handoff(Signal):
    """The customer was handed from one department to another; ``back`` if to where they were."""

    kind: ClassVar[str] = "handoff"
    source: str
    target: str
    back: bool

    def __str__(self) -> str:
        back = " back" if self.back else ""
        return f"{self.customer} was handed{back} from {self.source!r} to {self.target!r}"


@frozen
class MomentReached(Signal):
    """A moment of truth.

    ``touchpoint`` is that of the interaction that made it, ``begun`` its time (``begun_tie`` as
    ``tie``): of the one before the absence, where something failed to happen. ``owner`` should
    carry out ``action`` by ``due``.
    """

    kind: ClassVar[str] = "moment reached"
    moment: str
    touchpoint: str
    owner: str | None
    action: str
    due: datetime | None
    begun: datetime
    begun_tie: int

    def __str__(self) -> str:
        todo = f": {self.owner or 'nobody'} should {self.action}" if self.action else ""
        return f"{self.customer} reached moment {self.moment!r}{todo}"


@frozen
class MomentOverdue(Signal):
    """The owner of a moment did not meet the customer by its deadline; ``reached`` says when."""

    kind: ClassVar[str] = "moment overdue"
    moment: str
    owner: str | None
    reached: datetime
    begun: datetime
    begun_tie: int

    def __str__(self) -> str:
        return f"moment {self.moment!r} of {self.customer} is overdue"


@frozen
class Deviated(Signal):
    """A key journey departed from its plan, in one of five ways.

    ``deviation`` is ``missing``, ``ad hoc``, ``out of order``, ``failed`` or ``late``; ``step``
    is the step of the plan, from 1 (None: no step expected it, or, of a failure, not known yet);
    ``element`` is the touchpoint and ``department`` who took it, as in `Deviations`; ``begun`` is
    when this occurrence of the key journey began (``begun_tie`` as ``tie``), ``place`` where in
    it this was, from 0.
    """

    kind: ClassVar[str] = "deviation"
    journey: str
    deviation: DeviationKind
    step: int | None
    element: str
    department: str | None
    begun: datetime
    begun_tie: int
    place: int | None = None

    def __str__(self) -> str:
        return f"{self.customer}, {self.journey!r}: {self.element!r} is {self.deviation}"


@frozen
class KeyJourneyCompleted(Signal):
    """An occurrence of a key journey reached its end touchpoint; ``succeeded`` says how."""

    kind: ClassVar[str] = "key journey completed"
    journey: str
    begun: datetime
    begun_tie: int
    succeeded: bool

    def __str__(self) -> str:
        return f"{self.customer} completed {self.journey!r}"


@frozen
class KeyJourneyGivenUp(Signal):
    """An occurrence of a key journey ended before its end.

    ``why`` is ``started again``, ``out of time`` or ``dormant``.
    """

    kind: ClassVar[str] = "key journey given up"
    journey: str
    begun: datetime
    begun_tie: int
    why: Literal["started again", "out of time", "dormant"]

    def __str__(self) -> str:
        return f"{self.customer} gave up {self.journey!r} ({self.why})"


@frozen
class WentDormant(Signal):
    """Nothing was heard of the customer for as long as their stage allows."""

    kind: ClassVar[str] = "went dormant"
    stage: str

    def __str__(self) -> str:
        return f"{self.customer} went dormant in stage {self.stage!r}"


@frozen
class CameBack(Signal):
    """The customer was dormant and is active again; ``stage`` is where they had been."""

    kind: ClassVar[str] = "came back"
    stage: str

    def __str__(self) -> str:
        return f"{self.customer} came back (was in stage {self.stage!r})"


@frozen
class Withdrawn(Signal):
    """A signal given earlier is not true after all: something was heard of late."""

    kind: ClassVar[str] = "withdrawn"
    signal: Signal

    def __str__(self) -> str:
        return f"not after all: {self.signal}"


@frozen
class TooLate(Signal):
    """An interaction came later than the horizon allows; the state is as it was.

    ``source`` and ``interaction`` (its id) say which. It is to be folded in again from what was
    kept of the past, as `Live` does.
    """

    kind: ClassVar[str] = "too late"
    touchpoint: str
    source: str | None
    interaction: str | None

    def __str__(self) -> str:
        return f"an interaction of {self.customer} at {self.touchpoint!r} came too late"
