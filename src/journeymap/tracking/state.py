"""A customer's state: where they stand, what goes on, and what is awaited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from journeymap.exceptions import ElementError
from journeymap.interactions import Interaction, Money, Score
from journeymap.model import Likely, NextSteps
from journeymap.tracking.compiled_map import Read
from journeymap.tracking.fold_state import FAR, LONG_AGO, Occurrence, Standing, after
from journeymap.tracking.moments import next_absence

__all__ = ["Going", "OwnPosition", "Position", "State", "Timer"]

_DESIGNED = ("touchpoint", "stage", "phase", "department", "process")

Entry = tuple[Interaction, Standing]
"""An interaction, and where the customer stood before it."""


def _interactions(entries: tuple[Entry, ...]) -> tuple[Interaction, ...]:
    return tuple(one for one, _ in entries)


@frozen
class Position:
    """Where a customer stands.

    ``stage`` (and its ``phase``) is that of the last interaction that has one, ``since`` when it
    was last entered, ``lap`` how often the customer has begun the loop; ``touchpoint``,
    ``channel``, ``department`` and ``emotion`` are the last ones known, ``at`` is the time of the
    last interaction; ``dormant`` says that nothing was heard for longer than the stage allows.
    """

    stage: str | None
    phase: str | None
    lap: int
    since: datetime | None
    touchpoint: str
    at: datetime
    channel: str | None = None
    department: str | None = None
    emotion: float | None = None
    dormant: bool = False


@frozen
class OwnPosition:
    """Where the customer's journey with one product or service stands."""

    product: str
    stage: str | None
    phase: str | None
    lap: int
    since: datetime | None
    at: datetime
    dormant: bool = False


@frozen
class Going:
    """A key journey that goes on: its touchpoints so far and those expected next.

    It is late after ``due`` (None: it may take any time).
    """

    journey: str
    begun: datetime
    path: tuple[str, ...]
    expected: tuple[str, ...]
    due: datetime | None
    late: bool


@frozen
class Timer:
    """What comes due, if nothing happens before: ``went dormant``, ``moment reached`` …"""

    at: datetime
    what: str
    name: str


@frozen(repr=False)
class State:
    """Everything the tracker knows about a customer.

    Give it back to the tracker with the next interaction; it is a value, and it never changes.
    ``count`` interactions were folded in; ``clock`` is the time up to which it is true.
    """

    customer: str
    standing: Standing
    clock: datetime
    recent: tuple[Entry, ...] = field(default=(), eq=_interactions)
    _read: Read = field(kw_only=True, eq=False)

    @property
    def count(self) -> int:
        """How many interactions were folded in."""
        return self.standing.folded

    @property
    def position(self) -> Position | None:
        """Where the customer stands; None before the first interaction."""
        here = self.standing
        if here.touchpoint is None:
            return None
        stage, phase = (here.stage.id, here.stage.phase) if here.stage else (None, None)
        return Position(stage, phase, here.lap, here.since, here.touchpoint, here.at, here.channel,
                        here.department, here.emotion, here.dormant)  # fmt: skip

    @property
    def products(self) -> Mapping[str, OwnPosition]:
        """Where the customer's journey with each product or service stands."""
        return {
            name: OwnPosition(
                name,
                one.stage.id if one.stage else None,
                one.stage.phase if one.stage else None,
                one.lap,
                one.since,
                one.at,
                _silent(one.at, one.stage.limit if one.stage else None, self.clock),
            )
            for name, one in self.standing.owned
        }

    @property
    def scores(self) -> Mapping[str, Score]:
        """The last score of each kind."""
        return dict(self.standing.rest.scores)

    @property
    def value(self) -> tuple[Money, ...]:
        """What all interactions were worth, in each currency."""
        return tuple(Money(total, name) for name, total in self.standing.rest.values.items())

    @property
    def trail(self) -> tuple[str, ...]:
        """The last touchpoints, the latest at the end."""
        return self.standing.trail

    @property
    def outcome(self) -> str | None:
        """What came of the last interaction."""
        return self.standing.outcome

    @property
    def process(self) -> str | None:
        """The process that the last interaction was part of."""
        return self.standing.process

    def times(self, touchpoint: str) -> tuple[datetime, ...]:
        """When the customer was last at a touchpoint: as often as the map's conditions, offers and
        contact limits look back to it (not at all, where none does)."""
        return self.standing.rest.seen.get(touchpoint, ())

    def likely_next(self, table: NextSteps, *, top: int | None = 3) -> tuple[Likely, ...]:
        """What the customer is likely to do next, by a table that `NextStep` learned.

        A table by touchpoint, or by what the map says of touchpoints: stage, phase, department or
        process. Raises ElementError for one by anything else.
        """
        if table.by not in _DESIGNED:
            message = f"one by {', '.join(_DESIGNED)} is expected"
            raise ElementError("State", "likely_next", table.by, message)
        trail = [self._designed(name, table.by) for name in self.trail]
        known = [name for name in trail if name is not None]
        return table.after(known, top=top, begun=len(self.trail) == self.count)

    def _designed(self, touchpoint: str, by: str) -> str | None:
        point = self._read.point(touchpoint)
        if by in ("stage", "phase"):
            stage = point.stage
            return None if stage is None else stage.id if by == "stage" else stage.phase
        return {"touchpoint": point.name, "department": point.department,
                "process": point.process}[by]  # fmt: skip

    @property
    def key_journeys(self) -> tuple[Going, ...]:
        """The key journeys that go on, with what is expected next."""
        return tuple(self._going(one) for one in self.standing.rest.open)

    @property
    def timers(self) -> tuple[Timer, ...]:
        """What comes due if nothing happens before, the first first."""
        return tuple(sorted(self._timers(), key=lambda timer: timer.at))

    @property
    def due(self) -> datetime | None:
        """When to call ``advance`` at the latest to be told in time; None: nothing is armed."""
        here = self.standing
        # What is over after its last moment is told a moment later.
        first = min(here.sleep, after(here.rest.timer, timedelta(microseconds=1)))
        return first if first < FAR else None

    def _going(self, one: Occurrence) -> Going:
        span = self._read.spans[one.journey]
        path = one.touchpoints
        expected = (span.of.end,) if span.plan is None else span.plan.next_after(path)
        due = None if span.of.within is None else after(one.begun, span.of.within)
        return Going(one.journey, one.begun, path, expected, due, one.late)

    def _timers(self) -> list[Timer]:
        here, found = self.standing, []
        if here.sleep < FAR and here.stage is not None:
            found.append(Timer(here.sleep, "went dormant", here.stage.id))
        for pending in here.rest.pending:
            at = next_absence(self._read, (pending,))
            found.append(Timer(at, "moment reached", pending.moment))
        for awaited in here.rest.awaited:
            found.append(Timer(awaited.due, "moment overdue", awaited.moment))
        for one in here.rest.open:
            span = self._read.spans[one.journey].of
            if span.within is not None and not one.late:
                found.append(Timer(after(one.begun, span.within), "deviation", one.journey))
            if span.given_up_after is not None:
                at = after(one.begun, span.given_up_after)
                found.append(Timer(at, "key journey given up", one.journey))
        return found

    def __repr__(self) -> str:
        here = self.position
        where = f"in {here.stage!r}, lap {here.lap}" if here else "not seen yet"
        return f"<State of {self.customer!r}: {where}, {self.count} interactions>"


def _silent(at: datetime, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and now > LONG_AGO and now - at >= limit
