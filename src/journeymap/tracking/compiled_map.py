"""The map made ready for the fold: what each touchpoint means, in one lookup."""

from __future__ import annotations

from datetime import timedelta

from attrs import field, frozen

from journeymap.model import Calendar, JourneyMap, KeyJourney, Moment, Plan
from journeymap.model.conditions import (
    Absence,
    All,
    AnyOf,
    Between,
    Condition,
    Count,
    leaves,
    touchpoints_of,
)
from journeymap.model.matching import answerable, may_start_again
from journeymap.tracking.fold_state import Place
from journeymap.tracking.interaction_conditions import Test, judge, looked_back, simple

__all__ = ["Ahead", "Point", "Read", "Span", "Watch", "read"]


_MOST = 20_000


@frozen(eq=False)
class Watch:
    """A moment, tested at one touchpoint (True: every interaction there makes it)."""

    moment: Moment
    test: Test | bool


@frozen(eq=False)
class Ahead:
    """A moment that turns on an absence after one touchpoint: its simple conditions as tests.

    None stands for an absence that an interaction here begins.
    """

    moment: Moment
    tests: tuple[Test | bool | None, ...]


@frozen(eq=False)
class Span:
    """A key journey as the fold follows it."""

    of: KeyJourney
    plan: Plan | None
    again: bool
    element: str
    owner: str | None


@frozen(eq=False)
class Point:
    """What an interaction at one touchpoint means.

    ``turns`` says that a key journey begins or ends here; ``scored`` are the moments that only an
    interaction with a score can make; ``quiet`` says that nothing but scores, values and what
    goes on already has to be looked at.
    """

    name: str
    stage: Place | None
    department: str | None
    process: str | None
    channel: str | None
    watches: tuple[Watch, ...] = ()
    scored: tuple[Watch, ...] = ()
    aheads: tuple[Ahead, ...] = ()
    begins: tuple[Span, ...] = ()
    remembered: int = 0
    turns: bool = False
    quiet: bool = field(init=False)

    @quiet.default
    def _is_quiet(self) -> bool:
        return not (self.watches or self.aheads or self.begins or self.remembered)


@frozen(eq=False)
class Read:
    """A whole map."""

    map: JourneyMap
    places: dict[str, Place]
    points: dict[str, Point]
    spans: dict[str, Span]
    calendars: dict[str, Calendar]
    looked_for: dict[str, frozenset[str]]
    remembered: dict[str, int]
    owners: dict[str, str | None] = field(init=False)
    looked_for_at_all: frozenset[str] = field(init=False)

    @owners.default
    def _of_moments(self) -> dict[str, str | None]:
        return {moment.id: moment.owner for moment in self.map.moments.values()}

    @looked_for_at_all.default
    def _anywhere(self) -> frozenset[str]:
        return frozenset().union(*self.looked_for.values())

    def point(self, name: str) -> Point:
        """What a touchpoint means; one that the map does not know means itself alone."""
        found = self.points.get(name)
        return found if found is not None else self._made(name)

    def _made(self, name: str) -> Point:
        journey = self.map
        designed = journey.touchpoints.get(name)
        stage = self.places[designed.stage] if designed and designed.stage else None
        channels = designed.channels if designed else ()
        fixed = {
            "touchpoint": name,
            "stage": stage.id if stage else None,
            "phase": stage.phase if stage else None,
            "department": designed.department if designed else None,
            "process": designed.process if designed else None,
            "channel": channels[0] if len(channels) == 1 else None,
        }
        watches, aheads = _watched(journey, name, fixed)
        begins = tuple(span for span in self.spans.values() if span.of.start == name)
        remembered = self.remembered.get(name, 0)
        made = Point(name, stage, fixed["department"], fixed["process"], fixed["channel"],
                     tuple(w for w in watches if not _needs_score(w.moment.when)),
                     tuple(w for w in watches if _needs_score(w.moment.when)),
                     aheads, begins, remembered,
                     any(name in (s.of.start, s.of.end) for s in self.spans.values()))  # fmt: skip
        if designed or len(self.points) < _MOST:  # of names from outside there may be no end
            self.points[name] = made
        return made


def _watched(
    journey: JourneyMap, name: str, fixed: dict[str, str | None]
) -> tuple[tuple[Watch, ...], tuple[Ahead, ...]]:
    watches, aheads = [], []
    for moment in journey.moments.values():
        simples = tuple(leaves(moment.when))
        if any(isinstance(leaf, Absence) and leaf.after == name for leaf in simples):
            tests = tuple(
                None if isinstance(leaf, Absence) and leaf.after == name else simple(leaf, fixed)
                for leaf in simples
            )
            aheads.append(Ahead(moment, tests))
            continue
        test = judge(moment.when, fixed)
        if all(isinstance(leaf, Count) for leaf in simples):
            test = _rising(moment.when, fixed)
        if test is not False:
            watches.append(Watch(moment, test))
    return tuple(watches), tuple(aheads)


def _rising(condition: Condition, fixed: dict[str, str | None]) -> Test | bool:
    """A condition of counts alone is met by the interaction that completes it, and not again by
    every one that follows while it holds."""
    if fixed["touchpoint"] not in touchpoints_of(condition):
        return False
    with_it = judge(condition, fixed)
    without = judge(condition, {**fixed, "touchpoint": None})
    if isinstance(without, bool):
        return with_it if not without else False
    if isinstance(with_it, bool):
        return (lambda one, at, seen: not without(one, at, seen)) if with_it else False
    return lambda one, at, seen: with_it(one, at, seen) and not without(one, at, seen)


def _needs_score(condition: Condition) -> bool:
    if isinstance(condition, All):
        return any(map(_needs_score, condition.conditions))
    if isinstance(condition, AnyOf):
        return all(map(_needs_score, condition.conditions))
    return isinstance(condition, Between) and condition.what in ("nps", "csat", "ces")


def read(journey: JourneyMap) -> Read:
    """Make a map ready, once for all trackers of it."""
    known = _READY.get(id(journey))
    if known is None or known.map is not journey:
        known = _made_ready(journey)
        if len(_READY) >= _KEPT:
            _READY.pop(next(iter(_READY)))
        _READY[id(journey)] = known  # it holds the map, so that its id stays its own
    return known


_KEPT = 16
_READY: dict[int, Read] = {}


def _made_ready(journey: JourneyMap) -> Read:
    limits = journey.tables.dormant_after[1:]
    places: dict[str, Place] = {}
    for stage, limit in zip(journey.stages.values(), limits, strict=True):
        length = None if limit is None else timedelta(microseconds=limit)
        places[stage.id] = Place(stage.id, stage.phase.customer, {}, length)
    names = list(places)
    for place, moves in zip(places.values(), journey.tables.move[1:], strict=True):
        place.moves.update(zip(names, moves[1:], strict=True))
    spans = {}
    for span in journey.key_journeys.values():
        what, who = answerable(journey, span, None)
        spans[span.id] = Span(span, Plan.of(span), may_start_again(span), what, who)
    calendars = {
        department.id: journey.calendars[department.calendar]
        for department in journey.departments.values()
        if department.calendar is not None
    }
    looked_for = {
        moment.id: frozenset(
            leaf.touchpoint for leaf in leaves(moment.when) if isinstance(leaf, Absence)
        )
        for moment in journey.moments.values()
    }
    made = Read(journey, places, {}, spans, calendars, looked_for, looked_back(journey))
    for name in journey.touchpoints:
        made.point(name)
    return made
