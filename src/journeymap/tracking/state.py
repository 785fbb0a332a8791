"""A customer's state: where they stand, what is open, and what is awaited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from journeymap.exceptions import ElementError
from journeymap.interactions import Interaction, Money, Score
from journeymap.model import Likely, NextSteps, Remaining, RemainingTimes
from journeymap.model.instants import MICROSECOND
from journeymap.tracking.compiled_map import CompiledMap
from journeymap.tracking.fold_state import FAR, LONG_AGO, FoldState, Occurrence, after, utc
from journeymap.tracking.moments import next_absence
from journeymap.tracking.signals import Signal

__all__ = ["Given", "OpenKeyJourney", "Position", "ProductPosition", "State", "Timer"]

_DESIGNED = ("touchpoint", "stage", "phase", "department", "process")

Entry = tuple[Interaction, FoldState]
"""An interaction, and the state before it."""

Given = tuple[str, str, datetime, int]
"""A kind of signal, its moment or key journey, and when the interaction that began it was, with its
tie."""


def _interactions(entries: tuple[Entry, ...]) -> tuple[Interaction, ...]:
    return tuple(one for one, _ in entries)


@frozen
class Position:
    """Where a customer stands.

    Attributes:
        stage: The stage of the last interaction that has one.
        phase: The half of the loop it lies in: ``buy`` or ``own``.
        lap: How often the customer has begun the loop, from 1.
        since: When the stage was last entered.
        touchpoint: The last touchpoint.
        at: The time of the last interaction.
        channel: The last channel known.
        department: The last department known.
        emotion: The last emotion known, from −1 to +1.
        dormant: Whether the customer has been silent for at least as long as the stage allows.
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
class ProductPosition:
    """Where the customer's journey with one product or service stands.

    Attributes:
        product: The product.
        stage: The stage of the last interaction about it that has one.
        phase: The half of the loop it lies in.
        lap: How often this journey has begun the loop, from 1.
        since: When the stage was last entered.
        at: The time of the last interaction about it.
        dormant: Whether it has been silent for at least as long as the stage allows.
    """

    product: str
    stage: str | None
    phase: str | None
    lap: int
    since: datetime | None
    at: datetime
    dormant: bool = False


@frozen
class OpenKeyJourney:
    """A key journey that a customer is on.

    Attributes:
        journey: The key journey's id.
        begun: When this occurrence began.
        path: The touchpoints so far.
        expected: The touchpoints that may come next.
        due: After when it is late (None: never).
        late: Whether it is.
    """

    journey: str
    begun: datetime
    path: tuple[str, ...]
    expected: tuple[str, ...]
    due: datetime | None
    late: bool


@frozen
class Timer:
    """Something that comes due if nothing happens before.

    Attributes:
        at: When.
        what: The kind of signal: ``went dormant``, ``moment reached`` …
        name: The stage, moment or key journey.
    """

    at: datetime
    what: str
    name: str


@frozen(repr=False)
class State:
    """Everything that the tracker knows about a customer.

    Give it back to the tracker with the next interaction; it is a value, and never changes.

    Attributes:
        customer: The customer's name.
        fold_state: What the fold carries, for the tracker alone.
        clock: The time up to which the state is true.
        recent: The interactions within the horizon, for the tracker alone.
        compiled: The compiled map, for the tracker alone.
        assigned_id: The id by which hold-outs are decided, that under which the customer was first
            recorded; it stays when customers are merged (None: the customer's id).
        owed: The signals that are true by this version of the map, and were given by none: `Live`
            gives them next time.
        given: What former versions of the map have given signals of, at other times than this one
            would: it gives none of these.
    """

    customer: str
    fold_state: FoldState
    clock: datetime
    recent: tuple[Entry, ...] = field(default=(), eq=_interactions)
    compiled: CompiledMap = field(kw_only=True, eq=False)
    assigned_id: str | None = field(default=None, kw_only=True, eq=False)
    owed: tuple[Signal, ...] = field(default=(), kw_only=True, eq=False)
    given: tuple[Given, ...] = field(default=(), kw_only=True, eq=False)

    @property
    def count(self) -> int:
        """How many interactions were folded in."""
        return self.fold_state.folded

    @property
    def position(self) -> Position | None:
        """The customer's position; None before the first interaction."""
        here = self.fold_state
        if here.touchpoint is None:
            return None
        stage, phase = (here.stage.id, here.stage.phase) if here.stage else (None, None)
        return Position(stage, phase, here.lap, here.since, here.touchpoint, here.at, here.channel,
                        here.department, here.emotion, here.dormant)  # fmt: skip

    @property
    def products(self) -> Mapping[str, ProductPosition]:
        """The positions of the customer's journeys with each product or service, up to 256.

        Of more, those are kept about which something happened last.
        """
        return {
            name: ProductPosition(
                name,
                one.stage.id if one.stage else None,
                one.stage.phase if one.stage else None,
                one.lap,
                one.since,
                one.at,
                _is_silent(
                    one.at, None if one.stage is None or one.ended else one.stage.limit, self.clock
                ),
            )
            for name, one in self.fold_state.products
        }

    @property
    def scores(self) -> Mapping[str, Score]:
        """The last score of each kind."""
        return dict(self.fold_state.slow.scores)

    @property
    def value(self) -> tuple[Money, ...]:
        """The value of all interactions, summed by currency."""
        return tuple(Money(total, name) for name, total in self.fold_state.slow.values.items())

    @property
    def trail(self) -> tuple[str, ...]:
        """The last touchpoints, the latest at the end."""
        return self.fold_state.trail

    @property
    def outcome(self) -> str | None:
        """The outcome of the last interaction."""
        return self.fold_state.outcome

    @property
    def process(self) -> str | None:
        """The process that the last interaction was part of."""
        return self.fold_state.process

    def times(self, touchpoint: str) -> tuple[datetime, ...]:
        """List when the customer was last at a touchpoint.

        Args:
            touchpoint: The touchpoint's id.

        Returns:
            As many times as the map's conditions, offers and contact limits look back to it
            (none, where they do not).
        """
        return self.fold_state.slow.seen.get(touchpoint, ())

    def likely_next(
        self, table: NextSteps, *, top: int | None = 3, now: datetime | None = None
    ) -> tuple[Likely, ...]:
        """Predict the customer's next step by a table that `NextStep` learned.

        Args:
            table: A table by touchpoint, or by what the map has for touchpoints: stage, phase,
                department or process.
            top: How many steps to give at most (None: all).
            now: The time of asking; the longer nothing has come, the less probable is what comes
                soon (None: that is not considered).

        Returns:
            The steps, the most probable first.

        Raises:
            ElementError: The table is by anything else.
            InteractionError: ``now`` has no zone.
        """
        trail, at = self._trail_by(table.by, "likely_next")
        now = None if now is None else utc(now, self.customer, "now")
        waited = None if now is None or at is None else max(timedelta(0), now - at)
        return table.after(trail, top=top, begun=len(self.trail) == self.count, waited=waited)

    def remaining_time(
        self, table: RemainingTimes, *, now: datetime | None = None
    ) -> Remaining | None:
        """Predict how long the customer's journey goes on, by a table of `RemainingTime`.

        When the journey began is not part of a state: a table that distinguishes that is asked
        without it.

        Args:
            table: A table by touchpoint, or by what the map has for touchpoints.
            now: The time of asking (None: that of the last interaction).

        Returns:
            The time from then on; None where nothing is known.

        Raises:
            ElementError: The table is by anything else.
            InteractionError: ``now`` has no zone.
        """
        trail, at = self._trail_by(table.by, "remaining_time")
        now = None if now is None else utc(now, self.customer, "now")
        if now is not None:
            now = None if at is None else max(at, now)
        whole = len(self.trail) == self.count
        return table.after(trail, at=at, now=now, whole=whole)

    def _trail_by(self, by: str, asked: str) -> tuple[list[str], datetime | None]:
        """Give the trail at a level, and the time of its latest if no interaction came later."""
        if by not in _DESIGNED:
            message = f"one by {', '.join(_DESIGNED)} is expected"
            raise ElementError("State", asked, by, message)
        trail = [self._designed(name, by) for name in self.trail]
        known = [name for name in trail if name is not None]
        return known, self.fold_state.at if trail and trail[-1] is not None else None

    def _designed(self, touchpoint: str, by: str) -> str | None:
        rules = self.compiled.touchpoint(touchpoint)
        if by in ("stage", "phase"):
            stage = rules.stage
            return None if stage is None else stage.id if by == "stage" else stage.phase
        return {"touchpoint": rules.name, "department": rules.department,
                "process": rules.process}[by]  # fmt: skip

    @property
    def key_journeys(self) -> tuple[OpenKeyJourney, ...]:
        """The key journeys that are open, with the touchpoints expected next."""
        return tuple(self._open(one) for one in self.fold_state.slow.open)

    @property
    def timers(self) -> tuple[Timer, ...]:
        """The timers, the first first."""
        return tuple(sorted(self._timers(), key=lambda timer: timer.at))

    @property
    def due(self) -> datetime | None:
        """When to call ``advance`` at the latest to fire timers in time; None: there is none."""
        here = self.fold_state
        # Other limits are inclusive, so their timers fire one microsecond later.
        first = min([here.sleep, after(here.slow.timer, MICROSECOND),
                     *(one.at for one in self.owed)])  # fmt: skip
        return first if first < FAR else None

    def _open(self, one: Occurrence) -> OpenKeyJourney:
        rules = self.compiled.key_journeys[one.journey]
        path, journey = one.touchpoints, rules.journey
        expected = (journey.end,) if rules.plan is None else rules.plan.next_after(path)
        due = None if journey.within is None else after(one.begun, journey.within)
        return OpenKeyJourney(one.journey, one.begun, path, expected, due, one.late)

    def _timers(self) -> list[Timer]:
        here, found = self.fold_state, []
        if here.sleep < FAR and here.stage is not None:
            found.append(Timer(here.sleep, "went dormant", here.stage.id))
        for pending in here.slow.pending:
            at = next_absence(self.compiled, (pending,))
            found.append(Timer(at, "moment reached", pending.moment))
        for awaited in here.slow.awaited:
            found.append(Timer(awaited.due, "moment overdue", awaited.moment))
        for one in here.slow.open:
            journey = self.compiled.key_journeys[one.journey].journey
            if journey.within is not None and not one.late:
                found.append(Timer(after(one.begun, journey.within), "deviation", one.journey))
            if journey.given_up_after is not None:
                at = after(one.begun, journey.given_up_after)
                found.append(Timer(at, "key journey given up", one.journey))
        return found

    def __repr__(self) -> str:
        here = self.position
        where = f"in {here.stage!r}, lap {here.lap}" if here else "not seen yet"
        return f"<State of {self.customer!r}: {where}, {self.count} interactions>"


def _is_silent(at: datetime, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and now > LONG_AGO and now - at >= limit
