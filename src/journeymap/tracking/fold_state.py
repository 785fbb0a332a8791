"""The state that the fold carries from one interaction to the next, and the occasion of a step.

States are plain tuples, because one is made for every interaction; no mapping in them is ever
changed. The occasion is the one thing that changes during a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from attrs import field, frozen

from journeymap.exceptions import InteractionError
from journeymap.interactions import Interaction, Score
from journeymap.model import Move
from journeymap.tracking.signals import Signal

__all__ = [
    "FAR",
    "LONG_AGO",
    "AwaitedResponse",
    "CoolingMoment",
    "FoldState",
    "Occasion",
    "Occurrence",
    "PendingMoment",
    "ProductState",
    "Seen",
    "SlowState",
    "StageRules",
    "Test",
    "after",
    "before",
    "utc",
]

FAR = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NOTHING: Mapping[str, Any] = {}

Seen: TypeAlias = Mapping[str, tuple[datetime, ...]]
"""What conditions look back to: the customer's last times at touchpoints, and the sequences that
have begun (see `followed_sequences`)."""
Test: TypeAlias = Callable[[Interaction, datetime, Seen], bool]
"""A condition, asked of an interaction at its time."""


def utc(at: Any, who: str, name: str) -> datetime:
    """Convert a time to UTC; raise InteractionError for anything else, or without a zone."""
    if not isinstance(at, datetime):
        raise InteractionError(who, name, at, "a datetime is expected")
    if at.tzinfo is None or at.utcoffset() is None:
        message = "a time without a zone is a guess; name it, as with tzinfo=UTC"
        raise InteractionError(who, name, at, message)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        message = "in UTC it lies outside the years 1 to 9999"
        raise InteractionError(who, name, at, message) from None


def before(at: datetime, length: timedelta) -> datetime:
    """Subtract a length of time; give the beginning of time for one too long."""
    try:
        return at - length
    except OverflowError:
        return LONG_AGO


def after(at: datetime, length: timedelta | None) -> datetime:
    """Add a length of time; give the end of time for None, or one too long."""
    if length is None:
        return FAR
    try:
        return at + length
    except OverflowError:
        return FAR


class Occasion:
    """The customer, the time with its tie, and the signals so far, during a step.

    One occasion serves a whole walk along a customer's interactions; the fold sets ``at`` and
    ``tie`` at each step, and calls ``emit`` with what became true.
    """

    __slots__ = ("at", "customer", "emit", "signals", "tie")

    at: datetime
    tie: int
    customer: str
    signals: list[Signal]
    emit: Callable[[Signal], None]

    def redirect(self, signals: list[Signal]) -> list[Signal]:
        """Emit into another list from now on; give the one before."""
        earlier, self.signals, self.emit = self.signals, signals, signals.append
        return earlier


@frozen
class StageRules:
    """A stage as the fold needs it.

    ``moves`` is the meaning of entering each other stage from here; ``limit`` is how long silence
    is allowed (None: for ever).
    """

    id: str
    phase: str
    moves: dict[str, Move] = field(repr=False, eq=False)
    limit: timedelta | None = None


class ProductState(NamedTuple):
    """The state of the customer's journey with one product.

    ``ended``: its last interaction was one with which a journey may end.
    """

    stage: StageRules | None
    since: datetime | None
    lap: int
    at: datetime
    ended: bool = False


class Occurrence(NamedTuple):
    """An occurrence of a key journey that is open.

    ``path`` holds its touchpoints, each followed by the department that took it.
    """

    journey: str
    begun: datetime
    tie: int
    path: tuple[str | None, ...]
    late: bool

    @property
    def touchpoints(self) -> tuple[str, ...]:
        """The touchpoints alone."""
        return tuple(map(str, self.path[::2]))


class PendingMoment(NamedTuple):
    """A moment that waits for an absence after the interaction that began it.

    ``truths`` are those of its simple conditions, None where they are not known yet; ``about`` is
    the product, order … of that interaction, where the moment keeps them apart.
    """

    moment: str
    touchpoint: str
    at: datetime
    tie: int
    truths: tuple[bool | None, ...]
    about: str | None = None


class AwaitedResponse(NamedTuple):
    """A moment that was reached and whose owner should meet the customer by ``due``."""

    moment: str
    reached: datetime
    tie: int
    due: datetime
    begun: datetime
    begun_tie: int
    about: str | None = None


class CoolingMoment(NamedTuple):
    """A moment that was reached, and is not reached again before a time."""

    moment: str
    about: str | None
    until: datetime


class SlowState(NamedTuple):
    """The part of the state that changes seldom.

    ``busy``: something is open or awaited; ``timer``: when any of it comes due.
    """

    busy: bool = False
    timer: datetime = FAR
    values: Mapping[str, Decimal] = _NOTHING
    scores: Mapping[str, Score] = _NOTHING
    seen: Seen = _NOTHING
    open: tuple[Occurrence, ...] = ()
    pending: tuple[PendingMoment, ...] = ()
    awaited: tuple[AwaitedResponse, ...] = ()
    cooling: tuple[CoolingMoment, ...] = ()


class FoldState(NamedTuple):
    """Everything that the next step depends on.

    ``tie`` counts interactions at the same time; ``sleep`` is when the customer goes dormant
    unless something happens; ``fired`` is the time of the last timer since the last interaction.
    """

    at: datetime = LONG_AGO
    tie: int = 0
    folded: int = 0
    stage: StageRules | None = None
    since: datetime | None = None
    lap: int = 1
    touchpoint: str | None = None
    channel: str | None = None
    department: str | None = None
    handed_by: str | None = None
    emotion: float | None = None
    outcome: str | None = None
    process: str | None = None
    dormant: bool = False
    sleep: datetime = FAR
    fired: datetime | None = None
    products: tuple[tuple[str, ProductState], ...] = ()
    trail: tuple[str, ...] = ()
    slow: SlowState = SlowState()
