"""The front line: which customers wait for whom, and how fast moments of truth are answered."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol

from attrs import evolve, field, frozen

from journeymap.exceptions import ElementError
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap, Moment, Plan
from journeymap.model.matching import element_and_department
from journeymap.profile.next_best import NextBest
from journeymap.tracking.fold_state import utc
from journeymap.tracking.signals import MomentReached
from journeymap.tracking.state import State
from journeymap.tracking.tracker import Tracker

__all__ = ["FrontLine", "MomentService", "Waiting", "find_unanswered", "follow_owed"]


@frozen
class Waiting:
    """One reason for which a customer waits for a department.

    Attributes:
        customer: The customer.
        why: ``moment``: a moment of truth without an answer; ``key journey``: one that takes longer
            than it should.
        name: The id of the moment or key journey.
        owner: The department that should act (None: the map names none).
        action: What it should do.
        since: Since when the customer waits.
        due: By when it should be done.
        late: Whether that is over.
        about: The product, order … that it is about (None: the moment keeps none apart).
        offer: The best offer for the customer now (None: there is none, or none was asked for).
        reason: Why it is the best.
    """

    customer: str
    why: Literal["moment", "key journey"]
    name: str
    owner: str | None
    action: str
    since: datetime
    due: datetime
    late: bool
    about: str | None = None
    offer: str | None = None
    reason: str = ""


@frozen
class MomentService:
    """How a moment of truth with a deadline was answered.

    A moment is answered when its owner takes an interaction of the customer after it.

    Attributes:
        moment: The moment's id.
        owner: The department that owns it.
        reached: How often it was reached.
        in_time: How often it was answered by its deadline.
        late: How often after it.
        missed: How often it was not answered, and the deadline is over.
        open: How often it is not answered yet, and the deadline is not over.
        median: The median time to the answer, of those answered (None: there is none).
    """

    moment: str
    owner: str | None
    reached: int
    in_time: int
    late: int
    missed: int
    open: int
    median: timedelta | None


@frozen
class _Owed:
    """A moment that was reached, and when its owner answered it (None: not so far)."""

    moment: MomentReached
    due: datetime
    answered: datetime | None = None


class FoundSignals(Protocol):
    """The signals of a log, as `journeymap.analysis.Signals` finds them."""

    @property
    def as_of(self) -> datetime | None:
        """The time up to which time passed."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that were asked for."""
        ...

    @property
    def followed(self) -> int:
        """How many customers were followed."""
        ...

    def of(self, kind: str) -> Any:
        """Select those of one kind, as a frame."""
        ...


@frozen(repr=False)
class FrontLine:
    """Everything that departments owe their customers at one time.

    Attributes:
        as_of: The time.
        customers: How many customers were followed.
        moments: The moments with a deadline, in the order of the map.
        waiting: Who waits: what is due next first, then what is late, the latest first.
        SIGNALS: The kinds of signals of a log by which ``of_signals`` finds it.
    """

    SIGNALS: ClassVar[tuple[str, ...]] = (
        "moment reached", "deviation", "key journey completed", "key journey given up",
    )  # fmt: skip

    as_of: datetime
    customers: int = 0
    moments: tuple[MomentService, ...] = ()
    waiting: tuple[Waiting, ...] = field(default=())

    @classmethod
    def of(
        cls,
        map: JourneyMap,  # noqa: A002
        histories: Iterable[Iterable[Interaction]],
        as_of: datetime,
        offers: NextBest | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> FrontLine:
        """Follow every customer to a time, and list what is owed then.

        Args:
            map: The map with the moments of truth and the key journeys.
            histories: The interactions of each customer, such as ``log.histories()``; later ones
                than the time do not count, and what came twice counts once.
            as_of: The time.
            offers: What chooses the best offer for those who wait (None: none is chosen).
            progress: A function that is called with how many customers were followed so far.

        Returns:
            What is owed.

        Raises:
            ElementError: The time has no zone.

        >>> from journeymap.model import At, Department, Moment, Stage, Touchpoint
        >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
        ...     departments=[Department("support")], touchpoints=[Touchpoint("call", "use")],
        ...     moments=[Moment("failed", At("outcome", ["failed"]), owner="support",
        ...                     action="call back", deadline=timedelta(hours=4))])
        >>> from datetime import UTC
        >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
        >>> call = Interaction("ada", "call", nine, outcome="failed")
        >>> line = FrontLine.of(shop, [[call]], nine + timedelta(hours=5))
        >>> [(one.customer, one.action, one.late) for one in line.waiting]
        [('ada', 'call back', True)]
        """
        if getattr(as_of, "tzinfo", None) is None:
            raise ElementError("FrontLine", "as_of", as_of, "a time with a zone is expected")
        now, tracker = utc(as_of, "FrontLine", "as_of"), Tracker(map, horizon=timedelta(0))
        owed: list[_Owed] = []
        waiting: list[Waiting] = []
        followed = 0
        for history in histories:
            known = _in_order(one for one in history if one.at <= now)
            if not known:
                continue
            state, mine = follow_owed(tracker, known, now)
            owed += mine
            waiting += _with_offers([*find_unanswered(mine, now), *_stuck(map, state)],
                                    state, now, offers)  # fmt: skip
            followed += 1
            if progress is not None:
                progress(followed)
        return cls(now, followed, _all_served(map, owed, now), _by_urgency(waiting, now))

    @classmethod
    def of_signals(
        cls,
        map: JourneyMap,  # noqa: A002
        signals: FoundSignals,
        histories: Callable[[Iterable[str]], Iterable[Iterable[Interaction]]],
        offers: NextBest | None = None,
        offered: int | None = None,
    ) -> FrontLine:
        """List what is owed at a time, by the signals of a log that were found all at once.

        The same as following every customer, many times faster: followed are only those who get an
        offer.

        Args:
            map: The map of the log.
            signals: The answer of the log to ``Signals(FrontLine.SIGNALS, as_of=…)``; its time is
                that of what is owed.
            histories: What reads the interactions of some customers, such as ``log.histories``.
            offers: What chooses the best offer for those who wait (None: none is chosen).
            offered: For how many waits, the most urgent first (None: for all).

        Returns:
            What is owed.

        Raises:
            ElementError: The signals are not all that are needed, or of an empty log.
        """
        if signals.as_of is None or not set(cls.SIGNALS) <= set(signals.kinds):
            message = "the answer to Signals(FrontLine.SIGNALS) of a log is expected"
            raise ElementError("FrontLine", "signals", signals.kinds, message)
        now = utc(signals.as_of, "FrontLine", "as_of")
        owed = list(_found_owed(signals))
        waiting = list(find_unanswered(owed, now))
        late = _found_late(signals)
        for history in histories(list(late)) if late else ():
            known = _in_order(one for one in history if one.at <= now)
            if not known:
                continue
            for name, begun, tie, due in late[known[0].customer]:
                path = _path_from(map, known, begun, tie)
                waiting.append(_stuck_in(map, known[0].customer, name, path, begun, due))
        ordered = _by_urgency(waiting, now)
        if offers is not None:
            ordered = _with_best(map, ordered, histories, now, offers, offered)
        return cls(now, signals.followed, _all_served(map, owed, now), ordered)

    def __repr__(self) -> str:
        late = sum(one.late for one in self.waiting)
        return (
            f"<FrontLine at {self.as_of:%Y-%m-%d %H:%M} UTC: {len(self.waiting):,} waits of "
            f"{self.customers:,} customers, {late:,} of them late>"
        )


def _by_urgency(waiting: list[Waiting], now: datetime) -> tuple[Waiting, ...]:
    """Order what is due next first, then what is late, the latest first."""
    by_name = sorted(waiting, key=lambda one: (one.customer, one.name, one.about or ""))
    return tuple(sorted(by_name, key=lambda one: (one.late, abs(one.due - now))))


def _found_owed(signals: FoundSignals) -> Iterator[_Owed]:
    """Give the moments with a deadline that were found, with when each was answered."""
    found = signals.of("moment reached")
    names = ("customer", "at", "tie", "moment", "touchpoint", "owner", "action", "due", "begun",
             "begun_tie", "about")  # fmt: skip
    columns = zip(*(found[name] for name in names), strict=True)
    for one, answered in zip(columns, found["answered"], strict=True):
        if one[7] is not None:
            yield _Owed(MomentReached(*one), one[7], answered)


def _found_late(signals: FoundSignals) -> dict[str, list[tuple[str, datetime, int, datetime]]]:
    """Give the key journeys that take longer than they should: name, begun, tie and when due."""
    mark = ("customer", "journey", "begun", "begun_tie")
    over: set[tuple[Any, ...]] = set()
    for kind in ("key journey completed", "key journey given up"):
        ended = signals.of(kind)
        over.update(zip(*(ended[name] for name in mark), strict=True))
    deviations = signals.of("deviation")
    late = deviations.filter(deviations["deviation"] == "late")
    found: dict[str, list[tuple[str, datetime, int, datetime]]] = {}
    for one in zip(*(late[name] for name in (*mark, "at")), strict=True):
        if one[:4] not in over:
            found.setdefault(one[0], []).append(one[1:])
    return found


def _path_from(
    journey: JourneyMap, history: list[Interaction], begun: datetime, tie: int
) -> tuple[str, ...]:
    """List the touchpoints from the interaction on with which a key journey began."""
    times = [one.at for one in history]
    resolve = journey.recorded_names.resolve
    return tuple(resolve(one.touchpoint) for one in history[bisect_left(times, begun) + tie :])


def _with_best(
    journey: JourneyMap, waiting: tuple[Waiting, ...],
    histories: Callable[[Iterable[str]], Iterable[Iterable[Interaction]]], now: datetime,
    offers: NextBest, offered: int | None,
) -> tuple[Waiting, ...]:  # fmt: skip
    """Add the best offer for the most urgent of those who wait."""
    first = waiting[:offered]
    mine: dict[str, list[int]] = {}
    for place, one in enumerate(first):
        mine.setdefault(one.customer, []).append(place)
    tracker, made = Tracker(journey, horizon=timedelta(0)), list(first)
    for history in histories(list(mine)):
        known = _in_order(one for one in history if one.at <= now)
        if not known:
            continue
        state, _ = tracker.advance(tracker.follow(None, known)[0], now)
        places = mine[state.customer]
        better = _with_offers([first[place] for place in places], state, now, offers)
        for place, one in zip(places, better, strict=True):
            made[place] = one
    return (*made, *waiting[len(first) :])


def _in_order(history: Iterable[Interaction]) -> list[Interaction]:
    """Order the interactions of a customer by time, each once; ties keep their order."""
    known: set[tuple[str | None, str]] = set()
    kept = []
    for one in sorted(history, key=lambda one: one.at.astimezone(UTC)):
        if one.id is not None:
            if (one.source, one.id) in known:
                continue
            known.add((one.source, one.id))
        kept.append(one)
    return kept


def follow_owed(
    tracker: Tracker, history: list[Interaction], now: datetime
) -> tuple[State, list[_Owed]]:
    """Follow one customer, and find when each moment was answered: by its owner, after it."""
    state, traced = tracker.trace(None, history)
    names, points = tracker.map.recorded_names, tracker.map.touchpoints
    open_: list[_Owed] = []
    done: list[_Owed] = []
    for one, signals in zip(history, traced, strict=True):
        reached = list(_owed(signals))
        before = [owed for owed in reached if owed.moment.at < one.at]
        open_ += before  # an absence became certain before this interaction
        point = points.get(names.resolve(one.touchpoint))
        taken_by = one.department or (None if point is None else point.department)
        if taken_by is not None:
            done += [evolve(o, answered=one.at) for o in open_ if o.moment.owner == taken_by]
            open_ = [owed for owed in open_ if owed.moment.owner != taken_by]
        open_ += [owed for owed in reached if owed.moment.at >= one.at]
    state, later = tracker.advance(state, now)
    return state, [*done, *open_, *_owed(later)]


def _owed(signals: Iterable[object]) -> Iterator[_Owed]:
    for one in signals:
        if isinstance(one, MomentReached) and one.due is not None:
            yield _Owed(one, one.due)


def find_unanswered(owed: Iterable[_Owed], now: datetime) -> Iterator[Waiting]:
    """List the moments that no owner has answered."""
    for one in owed:
        if one.answered is None:
            moment = one.moment
            yield Waiting(moment.customer, "moment", moment.moment, moment.owner, moment.action,
                          moment.at, one.due, one.due < now, moment.about)  # fmt: skip


def _stuck(journey: JourneyMap, state: State) -> Iterator[Waiting]:
    """List the key journeys that take longer than they should."""
    for one in state.key_journeys:
        if one.due is not None and one.late:
            yield _stuck_in(journey, state.customer, one.journey, one.path, one.begun, one.due)


def _stuck_in(
    journey: JourneyMap, customer: str, name: str, path: tuple[str, ...], begun: datetime,
    due: datetime,
) -> Waiting:  # fmt: skip
    """Describe the wait of a customer who is on a key journey for too long."""
    span = journey.key_journeys[name]
    plan = Plan.of(span)
    expected = (span.end,) if plan is None else plan.next_after(path)
    points: Mapping[str, object] = journey.touchpoints
    awaited = [journey.touchpoints[one].name for one in expected if one in points]
    action = f"see to it that “{'” or “'.join(awaited)}” follows" if awaited else ""
    _, owner = element_and_department(journey, span, None)
    return Waiting(customer, "key journey", name, owner, action, begun, due, late=True)


def _with_offers(
    waiting: list[Waiting], state: State, now: datetime, offers: NextBest | None
) -> list[Waiting]:
    """Add the best offer for the customer, and why it is the best."""
    if not waiting or offers is None:
        return waiting
    choice = offers.choose(state, now)
    if choice.best is None:
        return waiting
    best, *others = choice.candidates
    reason = f"worth {best.priority:,.3g} weighed by how likely it is taken"
    beaten = [one for one in others if f"of {best.offer!r} is " in one.lost]
    if beaten:
        reason += f"; next comes {beaten[0].offer} with {beaten[0].priority:,.3g}"
    return [evolve(one, offer=choice.best.id, reason=reason) for one in waiting]


def _all_served(journey: JourneyMap, owed: list[_Owed], now: datetime) -> tuple[MomentService, ...]:
    """Sum up the moments with a deadline, in the order of the map."""
    by_moment: dict[str, list[_Owed]] = {
        name: [] for name, moment in journey.moments.items() if moment.deadline is not None
    }
    for one in owed:
        by_moment[one.moment.moment].append(one)
    return tuple(
        _served(journey.moments[name], mine, now) for name, mine in by_moment.items()
    )  # fmt: skip


def _served(moment: Moment, owed: list[_Owed], now: datetime) -> MomentService:
    times = sorted(o.answered - o.moment.at for o in owed if o.answered is not None)
    answered = [one for one in owed if one.answered is not None]
    in_time = sum(one.answered <= one.due for one in answered if one.answered is not None)
    missed = sum(one.answered is None and one.due < now for one in owed)
    half = len(times) // 2
    median = (times[half] + times[-half - 1]) / 2 if times else None
    late, still_open = len(answered) - in_time, len(owed) - len(answered) - missed
    return MomentService(moment.id, moment.owner, len(owed), in_time, late, missed, still_open,
                         median)  # fmt: skip
