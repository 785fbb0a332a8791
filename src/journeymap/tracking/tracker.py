"""The tracker: a fold without I/O and without a clock.

``(state, interaction) -> (state, signals)``: everything that affects a customer's state goes
through here, so it runs inside anything, and gives the same answer live and over the past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from attrs import Attribute, evolve, field, frozen

from journeymap.exceptions import ElementError, InteractionError, StateError
from journeymap.interactions import Interaction
from journeymap.interactions.checkpoint import CheckpointRules
from journeymap.model import JourneyMap
from journeymap.model.rules import maybe_length, of_type
from journeymap.tracking.codec import (
    given_in,
    owed_in,
    read_fold_state,
    read_recent,
    read_time,
    state_data,
    state_text,
)
from journeymap.tracking.compiled_map import CompiledMap, compile_map
from journeymap.tracking.explaining import Explanation, explain_moment
from journeymap.tracking.fold import MAX_PRODUCTS, TRAIL, fire, step
from journeymap.tracking.fold_state import LONG_AGO, FoldState, Occasion, before, utc
from journeymap.tracking.followed_log import FollowableLog, restore_fold_state
from journeymap.tracking.signals import Signal, TooLate, Withdrawn
from journeymap.tracking.state import Entry, State

__all__ = ["Tracker", "difference"]

Signals = tuple[Signal, ...]
_NONE = timedelta(0)


def _is_horizon(instance: object, attribute: Attribute[timedelta | None], value: object) -> None:
    if value is not None and (not isinstance(value, timedelta) or value < timedelta(0)):
        raise ElementError("Tracker", "horizon", value, "a length of time is expected")


def _is_number(instance: object, attribute: Attribute[int | None], value: object) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise ElementError("Tracker", "remember", value, "a whole number from 1 up is expected")


@frozen
class Tracker:
    """Follows customers along a map, one interaction after the other.

    Attributes:
        map: The map.
        horizon: How late an interaction may come (None: any lateness, and all the past is
            kept). Within it, the state and the signals are as if all had come in order, and
            signals that are no longer true are withdrawn; beyond it, the state stays and
            `TooLate` is emitted. With zero nothing of the past is kept, and a second delivery
            is not recognised.
        remember: How many interactions within the horizon are kept at most, and a few more at one
            time (None: all); what belongs before them comes too late.

    Raises:
        ElementError: The horizon is no length of time, or the number none from 1 up.

    >>> from journeymap.model import Stage, Touchpoint
    >>> journey = JourneyMap("shop", stages=[Stage("choose", "buy"), Stage("use", "own")],
    ...                      touchpoints=[Touchpoint("order", "choose"), Touchpoint("open", "use")])
    >>> tracker = Tracker(journey)
    >>> order = Interaction("ada", "order", datetime(2026, 3, 1, tzinfo=UTC))
    >>> state, signals = tracker.fold(None, order)
    >>> state.position.stage, [signal.kind for signal in signals]
    ('choose', ['stage entered'])
    """

    map: JourneyMap = field(validator=of_type(JourneyMap))
    horizon: timedelta | None = field(
        default=timedelta(hours=1),
        converter=maybe_length,
        validator=_is_horizon,  # type: ignore[arg-type]
    )
    remember: int | None = field(default=None, validator=_is_number, kw_only=True)
    _compiled: CompiledMap = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_compiled", compile_map(self.map))

    def fold(self, state: State | None, interaction: Interaction) -> tuple[State, Signals]:
        """Fold one interaction into a customer's state.

        Timers that came due before it fire first. A second interaction of the same source and id
        changes nothing.

        Args:
            state: The state before (None: a customer not seen so far).
            interaction: What happened.

        Returns:
            The state after it, and what became true.

        Raises:
            InteractionError: It is another customer's interaction, or its time has no zone.
            StateError: The state is one along another map.
        """
        return self.follow(state, (interaction,))

    def follow(
        self, state: State | None, interactions: Iterable[Interaction]
    ) -> tuple[State, Signals]:
        """Fold several interactions of one customer, in their order of arrival.

        The same as folding them one by one, with less to do for each.

        Args:
            state: The state before (None: a customer not seen so far).
            interactions: What happened.

        Returns:
            The state after them, and what became true.

        Raises:
            InteractionError: There is none, or one is another customer's.
            StateError: The state is one along another map.
        """
        walk = _Walk(self, self._compiled, state)
        for one in interactions:
            walk.take(one)
        return walk.result()

    def trace(
        self, state: State | None, interactions: Iterable[Interaction]
    ) -> tuple[State, tuple[Signals, ...]]:
        """Fold several interactions, and keep apart what each of them made true.

        Args:
            state: The state before (None: a customer not seen so far).
            interactions: What happened.

        Returns:
            The state after them, and the signals of each.

        Raises:
            InteractionError: There is none, or one is another customer's.
            StateError: The state is one along another map.
        """
        walk = _Walk(self, self._compiled, state)
        marks = [0]
        for one in interactions:
            walk.take(one)
            marks.append(len(walk.signals))
        after, signals = walk.result()
        return after, tuple(signals[a:b] for a, b in pairwise(marks))

    def advance(self, state: State, now: datetime) -> tuple[State, Signals]:
        """Let time pass, and fire every timer that came due.

        Args:
            state: The state before.
            now: The time; one before the state's clock changes nothing.

        Returns:
            The state at that time, and what became true, in order of time.

        Raises:
            InteractionError: The time has no zone.
            StateError: The state is one along another map.
        """
        walk = _Walk(self, self._compiled, state)
        walk.advance(utc(now, "Tracker", "now"))
        return walk.result()

    def follow_log(self, log: FollowableLog, *, as_of: datetime | None = None) -> Iterator[State]:
        """Follow all customers of a log, most of whose interactions are counted by columns.

        The states are those of following each customer's history and letting time pass up to the
        end of the log. Only what is open or awaited at that time, or came within the horizon, is
        folded interaction by interaction; of a map with sequences, or with moments that count by
        product, order …, everything is.

        Args:
            log: The log, such as `journeymap.analysis.Log` or `journeymap.engines.ParquetLog`, read
                with the map of this tracker.
            as_of: The time up to which time passes (None: the end of the log).

        Yields:
            The state of each customer; of a view of journeys, as ``log.sessions(…)``, of each
            journey.

        Raises:
            StateError: The log was read with another map.
            AnswerError: The log has no times; or the time has no zone.
        """
        if log.map is not None and log.map != self.map:
            message = f"the log was read with the map {log.map.id!r}, which is another"
            raise StateError(message)
        compiled = self._compiled
        rules = CheckpointRules(
            None if compiled.looks_back_apart else self.horizon, compiled.remembered, TRAIL,
            MAX_PRODUCTS,
        )  # fmt: skip
        for known in log.checkpoints(rules, as_of):
            base, until = restore_fold_state(compiled, known), known.until
            if known.recent or base.sleep <= until or base.slow.timer < until:
                yield self.fold_on(known.customer, base, known.recent, until)
            else:
                yield State(known.customer, base, until, compiled=compiled)

    def explain(self, state: State, moment: str) -> Explanation:
        """Explain why the customer's last interaction reached a moment, or did not.

        Args:
            state: The state after it.
            moment: The moment's id.

        Returns:
            Each condition of the moment, with what was found.

        Raises:
            UnknownName: There is no such moment.
            StateError: The state is one along another map, or keeps no interaction.

        >>> from journeymap.model import At, Moment, Stage, Touchpoint
        >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
        ...                   touchpoints=[Touchpoint("call", "use")],
        ...                   moments=[Moment("failed", At("outcome", ["failed"]))])
        >>> call = Interaction("ada", "call", datetime(2026, 3, 1, tzinfo=UTC), outcome="succeeded")
        >>> state, _ = Tracker(shop).fold(None, call)
        >>> print(Tracker(shop).explain(state, "failed"))
        ada did not reach 'failed' at 'call', 2026-03-01T00:00:00+00:00
          no: outcome is 'failed' (it is 'succeeded')
        """
        _Walk(self, self._compiled, state)  # whether it is one along this map
        return explain_moment(self._compiled, state, self.map.moments[moment])

    def fold_on(
        self, customer: str, base: FoldState, recent: Iterable[Interaction], clock: datetime,
        assigned_id: str | None = None,
    ) -> State:  # fmt: skip
        """Make the state of a customer from what the fold carried once, and what came since.

        Args:
            customer: The customer's name.
            base: What the fold carried.
            recent: The interactions since, in order of time.
            clock: The time up to which the state is true.
            assigned_id: The id by which hold-outs are decided (None: the customer's name).

        Returns:
            The state.
        """
        walk = _Walk(self, self._compiled, None)
        walk.customer, walk.assigned_id, walk.clock = customer, assigned_id, clock
        # All of them belong after the base, also one at the very time when a timer fired.
        entries, _, walk.fold_state = walk.refold(base, recent)
        if walk.keeps:
            walk.entries = entries
        return walk.result()[0]

    def to_json(self, state: State) -> str:
        """Write a state as one line of JSON, for a store or another process.

        Args:
            state: The state.

        Returns:
            The text.
        """
        return state_text(state)

    def from_json(self, text: str) -> State:
        """Read a state.

        Args:
            text: What ``to_json`` wrote.

        Returns:
            The state.

        Raises:
            StateError: The text is no state, or of a version that is not known, or of another
                map than this tracker's.
        """
        data = state_data(text)
        try:
            base = read_fold_state(data["base"], self._compiled)
            state = self.fold_on(
                data["customer"], base, read_recent(data), read_time(data["clock"]),
                data.get("assigned"),
            )  # fmt: skip
            if "owed" not in data and "given" not in data:
                return state
            return evolve(state, owed=owed_in(text), given=given_in(text))
        except StateError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise StateError("this is not a state that journeymap has written") from None


class _Walk(Occasion):
    """A state while it is being changed; its customer is empty until there is one."""

    __slots__ = (
        "assigned_id",
        "clock",
        "compiled",
        "entries",
        "fold_state",
        "horizon",
        "keeps",
        "known",
        "most",
    )

    def __init__(self, tracker: Tracker, compiled: CompiledMap, state: State | None) -> None:
        # Everything here is done for every single fold: no call that can be saved is made.
        self.compiled, self.horizon, self.most = compiled, tracker.horizon, tracker.remember
        horizon = tracker.horizon
        self.keeps = horizon is None or horizon > _NONE
        self.signals: list[Signal] = []
        self.emit = self.signals.append
        if state is None:
            self.customer, self.fold_state, self.clock = "", FoldState(), LONG_AGO
            self.entries, self.known, self.assigned_id = [], set(), None
            return
        if state.compiled is not compiled and state.compiled.map != compiled.map:
            message = f"a state along the map {state.compiled.map.id!r}, which is another"
            raise StateError(message)
        self.customer, self.fold_state, self.clock = state.customer, state.fold_state, state.clock
        self.entries, self.assigned_id = list(state.recent), state.assigned_id
        self.known = {(e[0].source, e[0].id) for e in state.recent} if state.recent else set()

    def take(self, one: Interaction) -> None:
        """Fold one interaction, wherever it belongs."""
        if one.customer != self.customer:
            if self.customer:
                message = f"this state is that of {self.customer!r}"
                raise InteractionError("Interaction", "customer", one.customer, message)
            self.customer = one.customer
        at = one.at if one.at.tzinfo is UTC else utc(one.at, "Interaction", "at")
        if self.keeps and one.id is not None:
            key = (one.source, one.id)
            if key in self.known:
                return
            self.known.add(key)
        here = self.fold_state
        if at < here.at or (here.fired is not None and at <= here.fired):
            self._take_late(one, at)
            return
        if at >= here.sleep or at > here.slow.timer:
            here = fire(self.compiled, here, at, self)
        self.fold_state = step(self.compiled, here, one, at, self)
        if at >= self.clock:
            self.clock = at
        else:
            self.fold_state = fire(self.compiled, self.fold_state, self.clock, self)
        if self.keeps:
            self.entries.append((one, here))

    def advance(self, now: datetime) -> None:
        """Let time pass."""
        if now <= self.clock:
            return
        self.clock = now
        self.fold_state = fire(self.compiled, self.fold_state, now, self)

    def result(self) -> tuple[State, Signals]:
        """Give the state as a value, and the signals."""
        if not self.customer:
            raise InteractionError("Interaction", "customer", None, "there is no interaction")
        self._drop_old_entries()
        state = State(self.customer, self.fold_state, self.clock, tuple(self.entries),
                      compiled=self.compiled, assigned_id=self.assigned_id)  # fmt: skip
        return state, tuple(self.signals)

    def _take_late(self, one: Interaction, at: datetime) -> None:
        """Fold again from where a late interaction belongs, and emit the difference."""
        place = self._entry_before(at)
        if place is None:
            self.emit(TooLate(one.customer, at, 0, one.touchpoint, one.source, one.id))
            return
        base = self.entries[place][1]
        earlier = [entry[0] for entry in self.entries[place:]]
        spot = sum(other.at <= at for other in earlier)
        _, given, _ = self.refold(base, earlier)
        whole = [*earlier[:spot], one, *earlier[spot:]]
        entries, true, self.fold_state = self.refold(base, whole)
        self.entries[place:] = entries
        self.signals += difference(given, true)

    def refold(
        self, state: FoldState, given: Iterable[Interaction]
    ) -> tuple[list[Entry], list[Signal], FoldState]:
        """Fold interactions in their order; the signals of them and of the time since."""
        entries: list[Entry] = []
        signals: list[Signal] = []
        kept = self.redirect(signals)
        for one in given:
            at = one.at.astimezone(UTC)
            if at >= state.sleep or at > state.slow.timer:
                state = fire(self.compiled, state, at, self)
            entries.append((one, state))
            state = step(self.compiled, state, one, at, self)
        state = fire(self.compiled, state, self.clock, self)
        self.redirect(kept)
        return entries, signals, state

    def _entry_before(self, at: datetime) -> int | None:
        """Return the first entry to be folded again; None if that is no longer known."""
        if self.horizon is not None and at < before(self.clock, self.horizon):
            return None
        place = sum(entry[0].at <= at for entry in self.entries)
        place = min(place, len(self.entries) - 1)
        while place > 0 and not _precedes(self.entries[place][1], at):
            place -= 1
        return place if self.entries and _precedes(self.entries[place][1], at) else None

    def _drop_old_entries(self) -> None:
        """Drop what is older than the horizon; the last moment is always kept."""
        if self.horizon is None or len(self.entries) < 2:
            return
        cut, entries = before(self.clock, self.horizon), self.entries
        if self.most is not None and len(entries) > self.most:
            cut = max(cut, entries[-self.most][0].at.astimezone(UTC))
        cut = min(cut, self.fold_state.at)
        old = 0
        while (
            old + 1 < len(entries) and entries[old][0].at < cut
            and _settled(entries[old + 1][1], cut)
        ):  # fmt: skip
            old += 1
        if old:
            del entries[:old]


def _precedes(state: FoldState, at: datetime) -> bool:
    """Check whether an interaction at a time belongs after a state."""
    return state.at <= at and (state.fired is None or at > state.fired)


def _settled(state: FoldState, cut: datetime) -> bool:
    """Check whether all that may still come belongs after a state."""
    return state.fired is None or state.fired < cut


def difference(given: list[Signal], true: list[Signal]) -> list[Signal]:
    """Withdraw the signals given that do not hold, then add those that hold and were not given."""
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
