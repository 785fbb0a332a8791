"""Signals: one small value for each kind of thing that the tracker reports.

>>> from datetime import UTC
>>> signal = StageEntered("ada", datetime(2026, 3, 1, tzinfo=UTC), 0, "use", "receive", "forward")
>>> print(signal)
ada entered stage 'use' from 'receive' (forward)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, ClassVar, Literal

from attrs import field, fields, frozen

from journeymap.model.deviations import DeviationKind

__all__ = [
    "CameBack",
    "Deviated",
    "Handoff",
    "KeyJourneyCompleted",
    "KeyJourneyGivenUp",
    "LapStarted",
    "MetricMetAgain",
    "MetricMissed",
    "MomentOverdue",
    "MomentReached",
    "Signal",
    "StageEntered",
    "TooLate",
    "WentDormant",
    "Withdrawn",
]

_OF_THE_MAP = ("owner", "action", "due", "department")
"""Fields that the map alone decides."""


@cache
def _reader(kind: Any, name: Literal["id", "key"]) -> Callable[[Signal], tuple[Any, ...]]:
    """Make what reads the fields of a kind of signal that its id, or its key, is made of."""
    left_out = {"handed_id", *(_OF_THE_MAP if name == "key" else ())}
    return attrgetter(*(one.name for one in fields(kind) if one.name not in left_out))


@frozen
class Signal:
    """Something about a customer that became true.

    Attributes:
        customer: The customer's name.
        at: When, in UTC.
        tie: The number, from 0, of the interaction among those at the same time.
        handed_id: The id under which it was handed out, where it is called otherwise since: its
            customer was merged, or the map has another action (None: its own).
    """

    kind: ClassVar[str] = "signal"
    customer: str
    at: datetime
    tie: int
    handed_id: str | None = field(default=None, kw_only=True, eq=False, repr=False)

    @property
    def id(self) -> str:
        """The idempotency key: the same whenever and wherever it is made, or handed out again.

        >>> from datetime import UTC
        >>> CameBack("ada", datetime(2026, 3, 1, tzinfo=UTC), 0, "use").id
        '635d3f30da2f98d6272d3f78ae4bf344'
        """
        return self._hashed("id") if self.handed_id is None else self.handed_id

    @property
    def key(self) -> str:
        """The key by which any version of the map recognises it, whoever should do whatever."""
        return self._hashed("key")

    def _hashed(self, name: Literal["id", "key"]) -> str:
        kind: Any = type(self)
        given = _reader(kind, name)(self)
        if isinstance(self, (MomentReached, MomentOverdue)) and self.about is None:
            given = given[:-1]  # ids stay what they were before moments were kept apart
        parts = [kind.__name__]
        for part in given:
            parts.append(getattr(part, name) if isinstance(part, Signal) else str(part))
        return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


@frozen
class StageEntered(Signal):
    """The customer entered a stage.

    Attributes:
        stage: The stage.
        source: The stage they came from (None: it is the first).
        move: ``forward``, ``backward`` or ``new lap``.
    """

    kind: ClassVar[str] = "stage entered"
    stage: str
    source: str | None
    move: str

    def __str__(self) -> str:
        origin = f" from {self.source!r} ({self.move})" if self.source else ""
        return f"{self.customer} entered stage {self.stage!r}{origin}"


@frozen
class LapStarted(Signal):
    """The customer began a lap round the loop.

    Attributes:
        lap: The lap, from 2: the first begins with the first interaction, without a signal.
    """

    kind: ClassVar[str] = "lap started"
    lap: int

    def __str__(self) -> str:
        return f"{self.customer} began lap {self.lap}"


@frozen
class Handoff(Signal):
    """The customer was handed from one department to another.

    Attributes:
        source: The department that handed over.
        target: The department that took over.
        back: Whether it had handed off last: a bounce-back.
    """

    kind: ClassVar[str] = "handoff"
    source: str
    target: str
    back: bool

    def __str__(self) -> str:
        back = " back" if self.back else ""
        return f"{self.customer} was handed{back} from {self.source!r} to {self.target!r}"


@frozen
class MomentReached(Signal):
    """A moment of truth was reached.

    Attributes:
        moment: The moment's id.
        touchpoint: The touchpoint of the interaction that reached it; of an absence, of the
            interaction before it.
        owner: The department that should act.
        action: What it should do.
        due: By when.
        begun: The time of that interaction.
        begun_tie: Its tie.
        about: The product, order … that it is about, empty for none (None: the moment keeps none
            apart).
    """

    kind: ClassVar[str] = "moment reached"
    moment: str
    touchpoint: str
    owner: str | None
    action: str
    due: datetime | None
    begun: datetime
    begun_tie: int
    about: str | None = None

    def __str__(self) -> str:
        todo = f": {self.owner or 'nobody'} should {self.action}" if self.action else ""
        return f"{self.customer} reached moment {self.moment!r}{todo}"


@frozen
class MomentOverdue(Signal):
    """The owner of a moment did not meet the customer by its deadline.

    Attributes:
        moment: The moment's id.
        owner: The department that should have acted.
        reached: When the moment was reached.
        begun: The time of the interaction that reached it.
        begun_tie: Its tie.
        about: The product, order … that it is about, empty for none (None: the moment keeps none
            apart).
    """

    kind: ClassVar[str] = "moment overdue"
    moment: str
    owner: str | None
    reached: datetime
    begun: datetime
    begun_tie: int
    about: str | None = None

    def __str__(self) -> str:
        return f"moment {self.moment!r} of {self.customer} is overdue"


@frozen
class Deviated(Signal):
    """A key journey departed from its plan.

    Attributes:
        journey: The key journey's id.
        deviation: ``missing``, ``ad hoc``, ``out of order``, ``failed`` or ``late``.
        step: The step of the plan, from 1 (None: no step expected it, or it is not known yet).
        element: The touchpoint; of a missing step, its alternatives.
        department: The department that took it, or should have.
        begun: When this occurrence began.
        begun_tie: Its tie.
        place: The place of the interaction in the occurrence, from 0 (None: there was none).
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
    """An occurrence of a key journey reached its end touchpoint.

    Attributes:
        journey: The key journey's id.
        begun: When the occurrence began.
        begun_tie: Its tie.
        succeeded: Whether its end neither failed nor was abandoned.
    """

    kind: ClassVar[str] = "key journey completed"
    journey: str
    begun: datetime
    begun_tie: int
    succeeded: bool

    def __str__(self) -> str:
        return f"{self.customer} completed {self.journey!r}"


@frozen
class KeyJourneyGivenUp(Signal):
    """An occurrence of a key journey ended before its end touchpoint.

    Attributes:
        journey: The key journey's id.
        begun: When the occurrence began.
        begun_tie: Its tie.
        why: ``started again``, ``out of time`` or ``dormant``.
    """

    kind: ClassVar[str] = "key journey given up"
    journey: str
    begun: datetime
    begun_tie: int
    why: Literal["started again", "out of time", "dormant"]

    def __str__(self) -> str:
        return f"{self.customer} gave up {self.journey!r} ({self.why})"


@frozen
class MetricMissed(Signal):
    """A metric of the map misses its target: its interval lies beyond it.

    It is about no single customer: ``customer`` is empty.

    Attributes:
        metric: The metric's id.
        of: The element that it belongs to, such as ``stage order``.
        departments: The departments that share it.
        value: Its value, in ``unit``.
        target: The value that it should reach.
        unit: The unit of both.
        n: How much it is taken over.
    """

    kind: ClassVar[str] = "metric missed"
    metric: str
    of: str
    departments: tuple[str, ...]
    value: float
    target: float
    unit: str
    n: int

    def __str__(self) -> str:
        return f"metric {self.metric!r} is missed: {_beside_target(self)}"


@frozen
class MetricMetAgain(Signal):
    """A metric of the map that was missed meets its target again.

    It is about no single customer: ``customer`` is empty.

    Attributes:
        metric: The metric's id.
        of: The element that it belongs to, such as ``stage order``.
        departments: The departments that share it.
        value: Its value, in ``unit``.
        target: The value that it should reach.
        unit: The unit of both.
        n: How much it is taken over.
        missed: Since when it had been missed.
    """

    kind: ClassVar[str] = "metric met again"
    metric: str
    of: str
    departments: tuple[str, ...]
    value: float
    target: float
    unit: str
    n: int
    missed: datetime

    def __str__(self) -> str:
        return f"metric {self.metric!r} is met again: {_beside_target(self)}"


def _beside_target(signal: MetricMissed | MetricMetAgain) -> str:
    unit = f" {signal.unit}" if signal.unit else ""
    return f"{signal.value:.4g}{unit}, target {signal.target:.4g}{unit} (n {signal.n:,})"


@frozen
class WentDormant(Signal):
    """The customer was silent for as long as their stage allows.

    Attributes:
        stage: The stage.
    """

    kind: ClassVar[str] = "went dormant"
    stage: str

    def __str__(self) -> str:
        return f"{self.customer} went dormant in stage {self.stage!r}"


@frozen
class CameBack(Signal):
    """The customer was dormant and is active again.

    Attributes:
        stage: The stage they had been in.
    """

    kind: ClassVar[str] = "came back"
    stage: str

    def __str__(self) -> str:
        return f"{self.customer} came back (was in stage {self.stage!r})"


@frozen
class Withdrawn(Signal):
    """A signal given earlier does not hold after all: something arrived late.

    Attributes:
        signal: The signal.
    """

    kind: ClassVar[str] = "withdrawn"
    signal: Signal

    def __str__(self) -> str:
        return f"not after all: {self.signal}"


@frozen
class TooLate(Signal):
    """An interaction came later than the horizon allows; the state is unchanged.

    It is to be folded in again from what was kept of the past, as `Live` does.

    Attributes:
        touchpoint: The interaction's touchpoint.
        source: Its source.
        interaction: Its id.
    """

    kind: ClassVar[str] = "too late"
    touchpoint: str
    source: str | None
    interaction: str | None

    def __str__(self) -> str:
        return f"an interaction of {self.customer} at {self.touchpoint!r} came too late"
