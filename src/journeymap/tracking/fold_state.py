"""Where a customer stands, as the fold carries it from one interaction to the next.

Plain tuples, because one is made for every interaction; no mapping in them is ever changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from attrs import field, frozen

from journeymap.exceptions import InteractionError
from journeymap.interactions import Score
from journeymap.model import Move

__all__ = ["FAR", "LONG_AGO", "Awaited", "Occurrence", "Owned", "Pending", "Place", "Rest",
           "Standing", "after", "before", "utc"]  # fmt: skip

FAR = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NOTHING: Mapping[str, Any] = {}


def utc(at: Any, who: str, name: str) -> datetime:
    """A time in UTC; raises InteractionError for what is none, or has no zone."""
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
    """The time a length of time before; the beginning of time for one too long."""
    try:
        return at - length
    except OverflowError:
        return LONG_AGO


def after(at: datetime, length: timedelta | None) -> datetime:
    """The time when a length of time has passed; the end of time for none, or one too long."""
    if length is None:
        return FAR
    try:
        return at + length
    except OverflowError:
        return FAR


@frozen(eq=False)
class Place:
    """A stage as the fold needs it: what entering each other one means, and how long silence is
    allowed in it (None: for ever)."""

    id: str
    phase: str
    moves: dict[str, Move] = field(repr=False)
    limit: timedelta | None = None


class Owned(NamedTuple):
    """Where the customer's journey with one product stands."""

    stage: Place | None
    since: datetime | None
    lap: int
    at: datetime


class Occurrence(NamedTuple):
    """A key journey that goes on.

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


class Pending(NamedTuple):
    """A moment that waits for what may fail to happen after the interaction that began it.

    ``truths`` are those of its simple conditions, None where it is not known yet.
    """

    moment: str
    touchpoint: str
    at: datetime
    tie: int
    truths: tuple[bool | None, ...]


class Awaited(NamedTuple):
    """A moment that was reached and whose owner should meet the customer by ``due``."""

    moment: str
    reached: datetime
    tie: int
    due: datetime
    begun: datetime
    begun_tie: int


class Rest(NamedTuple):
    """What changes seldom.

    ``busy`` says that something goes on or is awaited, ``timer`` is when any of it comes due.
    """

    busy: bool = False
    timer: datetime = FAR
    values: Mapping[str, Decimal] = _NOTHING
    scores: Mapping[str, Score] = _NOTHING
    seen: Mapping[str, tuple[datetime, ...]] = _NOTHING
    open: tuple[Occurrence, ...] = ()
    pending: tuple[Pending, ...] = ()
    awaited: tuple[Awaited, ...] = ()


class Standing(NamedTuple):
    """Everything the next interaction depends on.

    ``tie`` counts interactions at the same time; ``sleep`` is when the customer goes dormant
    unless something is heard; ``fired`` is the time of the last timer since the last interaction.
    """

    at: datetime = LONG_AGO
    tie: int = 0
    folded: int = 0
    stage: Place | None = None
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
    owned: tuple[tuple[str, Owned], ...] = ()
    trail: tuple[str, ...] = ()
    rest: Rest = Rest()
