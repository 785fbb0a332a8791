"""The tracker: a fold without I/O and without a clock.

``(state, interaction) -> (state, signals)``: everything that affects a customer's state goes
through here, so it runs inside anything, and gives the same answer live and over the past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError, InteractionError, StateError
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap
from journeymap.tracking.codec import read_time, recent_of, standing_of, state_data, state_text
from journeymap.tracking.compiled_map import Read, read
from journeymap.tracking.fold import fire, step
from journeymap.tracking.fold_state import LONG_AGO, Standing, before, utc
from journeymap.tracking.signals import Signal, TooLate, Withdrawn
from journeymap.tracking.state import Entry, State

__all__ = ["Tracker", "difference"]

Signals = tuple[Signal, ...]
_NONE = timedelta(0)


def _a_horizon(instance: object, attribute: Attribute[timedelta | None], value: object) -> None:
    if value is not None and (not isinstance(value, timedelta) or value < timedelta(0)):
        raise ElementError("Tracker", "horizon", value, "a length of time is expected")


@frozen(eq=False)
class Tracker:
    """Follows customers along a map, one interaction after the other.

    ``horizon`` is how late an interaction may come: within it, the state and the signals are as
    if all had come in order, and signals that are no longer true are withdrawn; beyond it, the
    state stays and `TooLate` says so. None means any lateness, and keeps all the past; with a
    horizon of zero nothing of the past is kept, and what is sent again is not recognised.

    >>> from journeymap.model import Stage, Touchpoint
    >>> journey = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")],
    ...                      touchpoints=[Touchpoint("order", "choose"), Touchpoint("open", "use")])
    >>> tracker = Tracker(journey)
    >>> order = Interaction("ada", "order", datetime(2026, 3, 1, tzinfo=UTC))
    >>> state, signals = tracker.fold(None, order)
    >>> state.position.stage, [signal.kind for signal in signals]
    ('choose', ['stage entered'])
    """

    map: JourneyMap = field(validator=validators.instance_of(JourneyMap))
    horizon: timedelta | None = field(
        default=timedelta(hours=1),
        validator=_a_horizon,  # type: ignore[arg-type]
    )
    _read: Read = field(init=False, repr=False)

    @_read.default
    def _made_ready(self) -> Read:
        return read(self.map)

    def fold(self, state: State | None, interaction: Interaction) -> tuple[State, Signals]:
        """The state after one more interaction, and what it makes true.

        Whatever came due before it is told first. A second interaction of the same source and id
        changes nothing. Raises InteractionError for another customer's interaction.
        """
        return self.follow(state, (interaction,))

    def follow(
        self, state: State | None, interactions: Iterable[Interaction]
    ) -> tuple[State, Signals]:
        """The state after several interactions of one customer, in their order of arrival.

        The same as folding them one by one, with less to do for each.
        """
        walk = _Walk(self._read, self.horizon, state)
        for one in interactions:
            walk.take(one)
        return walk.done()

    def trace(
        self, state: State | None, interactions: Iterable[Interaction]
    ) -> tuple[State, tuple[Signals, ...]]:
        """As ``follow``, with what each of the interactions made true."""
        walk = _Walk(self._read, self.horizon, state)
        marks = [0]
        for one in interactions:
            walk.take(one)
            marks.append(len(walk.told))
        after, told = walk.done()
        return after, tuple(told[a:b] for a, b in pairwise(marks))

    def advance(self, state: State, now: datetime) -> tuple[State, Signals]:
        """The state at a time, with everything that came due by then told in order of time.

        A ``now`` before the state's clock changes nothing.
        """
        walk = _Walk(self._read, self.horizon, state)
        walk.advance(utc(now, "Tracker", "now"))
        return walk.done()

    def to_json(self, state: State) -> str:
        """A state as one line of JSON, for a store or another process."""
        return state_text(state)

    def from_json(self, text: str) -> State:
        """The state again.

        Raises StateError for a text that is no state, or of a version not known, or of another
        map than this tracker's.
        """
        data = state_data(text)
        walk = _Walk(self._read, self.horizon, None)
        try:
            walk.customer = data["customer"]
            walk.standing = standing_of(data["base"], self._read)
            recent, clock = recent_of(data), read_time(data["clock"])
            for one in recent:
                walk.take(one)
            walk.advance(clock)
            return walk.done()[0]
        except StateError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise StateError("this is not a state that journeymap has written") from None


class _Walk:
    """A state while it is being changed."""

    __slots__ = (
        "clock", "customer", "entries", "horizon", "keeps", "known", "read", "standing", "told",
    )  # fmt: skip

    def __init__(self, read: Read, horizon: timedelta | None, state: State | None) -> None:
        self.read, self.horizon = read, horizon
        self.keeps = horizon is None or horizon > _NONE
        self.told: list[Signal] = []
        if state is None:
            self.customer: str | None = None
            self.standing, self.clock = Standing(), LONG_AGO
            self.entries: list[Entry] = []
        else:
            if state._read is not read and state._read.map != read.map:
                message = f"a state along the map {state._read.map.id!r}, which is another"
                raise StateError(message)
            self.customer = state.customer
            self.standing, self.clock = state.standing, state.clock
            self.entries = list(state.recent)
        self.known = {(e[0].source, e[0].id) for e in self.entries}

    def take(self, one: Interaction) -> None:
        """One interaction, wherever it belongs."""
        if one.customer != self.customer:
            if self.customer is not None:
                message = f"this state is that of {self.customer!r}"
                raise InteractionError("Interaction", "customer", one.customer, message)
            self.customer = one.customer
        at = one.at if one.at.tzinfo is UTC else utc(one.at, "Interaction", "at")
        if self.keeps and one.id is not None:
            key = (one.source, one.id)
            if key in self.known:
                return
            self.known.add(key)
        here = self.standing
        if at < here.at or (here.fired is not None and at <= here.fired):
            self._late(one, at)
            return
        self.standing = self._stepped(here, one, at, self.told)
        if at >= self.clock:
            self.clock = at
        else:
            self.standing = fire(self.read, self.standing, one.customer, self.clock, self.told)
        if self.keeps:
            self.entries.append((one, here))

    def advance(self, now: datetime) -> None:
        """Time that passed."""
        if now <= self.clock:
            return
        self.clock = now
        self.standing = fire(self.read, self.standing, self.customer or "", now, self.told)

    def done(self) -> tuple[State, Signals]:
        """The state as a value."""
        if self.customer is None:
            raise InteractionError("Interaction", "customer", None, "there is no interaction")
        self._forget()
        state = State(self.customer, self.standing, self.clock, tuple(self.entries),
                      read=self.read)  # fmt: skip
        return state, tuple(self.told)

    def _stepped(
        self, standing: Standing, one: Interaction, at: datetime, told: list[Signal]
    ) -> Standing:
        if at >= standing.sleep or at > standing.rest.timer:
            standing = fire(self.read, standing, one.customer, at, told)
        return step(self.read, standing, one, at, told)

    def _late(self, one: Interaction, at: datetime) -> None:
        """Take everything back to where it belongs, and tell what that changes."""
        place = self._place(at)
        if place is None:
            self.told.append(
                TooLate(one.customer, at, 0, one.touchpoint, one.source, one.id)
            )  # fmt: skip
            return
        base = self.entries[place][1]
        earlier = [entry[0] for entry in self.entries[place:]]
        spot = sum(other.at <= at for other in earlier)
        _, given, _ = self._retold(base, earlier)
        whole = [*earlier[:spot], one, *earlier[spot:]]
        entries, true, self.standing = self._retold(base, whole)
        self.entries[place:] = entries
        self.told += difference(given, true)

    def _retold(
        self, standing: Standing, given: list[Interaction]
    ) -> tuple[list[Entry], list[Signal], Standing]:
        """Some interactions in their order, all that they and the time since make true."""
        entries: list[Entry] = []
        told: list[Signal] = []
        for one in given:
            entries.append((one, standing))
            standing = self._stepped(standing, one, one.at.astimezone(UTC), told)
        return entries, told, fire(self.read, standing, self.customer or "", self.clock, told)

    def _place(self, at: datetime) -> int | None:
        """The first entry to be folded again; None if that is no longer known."""
        if self.horizon is not None and at < before(self.clock, self.horizon):
            return None
        place = sum(entry[0].at <= at for entry in self.entries)
        place = min(place, len(self.entries) - 1)
        while place > 0 and not _in_order(self.entries[place][1], at):
            place -= 1
        return place if self.entries and _in_order(self.entries[place][1], at) else None

    def _forget(self) -> None:
        """Let go of what is older than the horizon; the last moment is always kept."""
        if self.horizon is None or len(self.entries) < 2:
            return
        cut = min(before(self.clock, self.horizon), self.standing.at)
        entries = self.entries
        old = 0
        while (
            old + 1 < len(entries) and entries[old][0].at < cut
            and _settled(entries[old + 1][1], cut)
        ):  # fmt: skip
            old += 1
        if old:
            del entries[:old]


def _in_order(here: Standing, at: datetime) -> bool:
    return here.at <= at and (here.fired is None or at > here.fired)


def _settled(here: Standing, cut: datetime) -> bool:
    """Whether all that may still come belongs after a standing."""
    return here.fired is None or here.fired < cut


def difference(given: list[Signal], true: list[Signal]) -> list[Signal]:
    """What was told and does not hold, withdrawn; then what holds and was not told."""
    left, new = Counter(given), []
    for signal in true:
        if left[signal]:
            left[signal] -= 1
        else:
            new.append(signal)
    gone: list[Signal] = []
    for signal in reversed(given):
        if left[signal]:
            left[signal] -= 1
            gone.append(Withdrawn(signal.customer, signal.at, signal.tie, signal))
    return [*reversed(gone), *new]
