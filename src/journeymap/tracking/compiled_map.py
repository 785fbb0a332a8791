"""The map compiled for the fold: the meaning of each touchpoint, in one lookup."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from journeymap.model import Calendar, JourneyMap, KeyJourney, Moment, Plan
from journeymap.model.conditions import (
    Absence,
    Condition,
    Count,
    Sequence,
    leaves,
    needs_score,
    touchpoints_of,
)
from journeymap.model.instants import MICROSECOND
from journeymap.model.matching import element_and_department, may_start_again
from journeymap.tracking.fold_state import StageRules, Test
from journeymap.tracking.followed_sequences import FollowedSequence
from journeymap.tracking.interaction_conditions import (
    Fixed,
    compile_condition,
    compile_leaf,
    follow_sequences,
    keep_apart,
    remembered_times,
    times_apart,
)

__all__ = [
    "AbsenceTest",
    "CompiledMap",
    "KeyJourneyRules",
    "MomentTest",
    "TouchpointRules",
    "compile_map",
]

MAX_UNKNOWN_TOUCHPOINTS = 20_000
"""Touchpoints that the map does not know and whose rules are kept: there may be no end of names."""
MAX_COMPILED_MAPS = 16
"""Maps whose compiled form is kept: an application follows few maps at once."""


@frozen(eq=False)
class MomentTest:
    """A moment, tested at one touchpoint (True: every interaction there reaches it)."""

    moment: Moment
    test: Test | bool


@frozen(eq=False)
class AbsenceTest:
    """A moment that turns on an absence after one touchpoint: its simple conditions as tests.

    None stands for an absence that an interaction here begins.
    """

    moment: Moment
    tests: tuple[Test | bool | None, ...]


@frozen(eq=False)
class KeyJourneyRules:
    """A key journey as the fold follows it.

    ``restarts``: its start touchpoint may come again within it; ``element`` and ``owner`` are named
    when it is late.
    """

    journey: KeyJourney
    plan: Plan | None
    restarts: bool
    element: str
    owner: str | None


@frozen(eq=False)
class TouchpointRules:
    """The meaning of an interaction at one touchpoint.

    ``turns``: a key journey begins or ends here; ``ends``: a journey may end here;
    ``score_tests``: moments that only an interaction with a score can reach; ``quiet``: nothing but
    scores, values and open things has to be looked at; ``sequences``: those that an interaction
    here advances or interrupts; ``fixed``: what the map has for the
    touchpoint, by level.
    """

    name: str
    stage: StageRules | None
    department: str | None
    process: str | None
    channel: str | None
    tests: tuple[MomentTest, ...] = ()
    score_tests: tuple[MomentTest, ...] = ()
    absence_tests: tuple[AbsenceTest, ...] = ()
    begins: tuple[KeyJourneyRules, ...] = ()
    remembered: int = 0
    remembered_apart: tuple[tuple[str, int], ...] = ()
    sequences: tuple[tuple[FollowedSequence, Moment | None], ...] = ()
    turns: bool = False
    ends: bool = False
    fixed: Fixed = field(factory=dict)
    quiet: bool = field(init=False)

    @quiet.default
    def _is_quiet(self) -> bool:
        return not (
            self.tests or self.absence_tests or self.begins or self.remembered
            or self.remembered_apart or self.sequences
        )  # fmt: skip


@frozen(eq=False)
class CompiledMap:
    """A whole map, compiled.

    ``awaited_by`` are, for each moment, the touchpoints whose absence it waits for; ``remembered``
    is how many of its last times are kept of a touchpoint, and ``remembered_apart`` how many for
    each product, order … that a moment keeps apart; ``looks_back_apart``: they do so, or follow
    sequences.
    """

    map: JourneyMap
    stages: dict[str, StageRules]
    touchpoints: dict[str, TouchpointRules]
    key_journeys: dict[str, KeyJourneyRules]
    calendars: dict[str, Calendar]
    awaited_by: dict[str, frozenset[str]]
    remembered: dict[str, int]
    remembered_apart: dict[str, dict[str, int]]
    moment_owners: dict[str, str | None] = field(init=False)
    awaited_anywhere: frozenset[str] = field(init=False)
    looks_back_apart: bool = field(init=False)

    @moment_owners.default
    def _find_owners(self) -> dict[str, str | None]:
        return {moment.id: moment.owner for moment in self.map.moments.values()}

    @awaited_anywhere.default
    def _join_awaited(self) -> frozenset[str]:
        return frozenset().union(*self.awaited_by.values())

    @looks_back_apart.default
    def _find_looking_back(self) -> bool:
        moments = self.map.moments.values()
        steps = any(isinstance(leaf, Sequence) for one in moments for leaf in leaves(one.when))
        return steps or bool(self.remembered_apart)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.map,)

    def touchpoint(self, name: str) -> TouchpointRules:
        """Give the rules of a touchpoint; one that the map does not know has none but its name."""
        found = self.touchpoints.get(name)
        return found if found is not None else self._compile_touchpoint(name)

    def fixed_names(self, name: str) -> dict[str, str | None]:
        """Give what the map has for a touchpoint: its stage, phase, department and others."""
        name = self.map.recorded_names.resolve(name)
        designed = self.map.touchpoints.get(name)
        stage = self.stages[designed.stage] if designed and designed.stage else None
        channels = designed.channels if designed else ()
        return {
            "touchpoint": name,
            "stage": stage.id if stage else None,
            "phase": stage.phase if stage else None,
            "department": designed.department if designed else None,
            "process": designed.process if designed else None,
            "channel": channels[0] if len(channels) == 1 else None,
        }

    def _compile_touchpoint(self, name: str) -> TouchpointRules:
        journey = self.map
        meant = journey.recorded_names.resolve(name)
        if meant != name:
            found = self.touchpoint(meant)
            if len(self.touchpoints) < MAX_UNKNOWN_TOUCHPOINTS:
                self.touchpoints[name] = found
            return found
        designed = journey.touchpoints.get(name)
        stage = self.stages[designed.stage] if designed and designed.stage else None
        fixed = self.fixed_names(name)
        tests, absence_tests = _compile_moments(journey, name, fixed)
        every = self.key_journeys.values()
        rules = TouchpointRules(
            name, stage, fixed["department"], fixed["process"], fixed["channel"],
            tuple(one for one in tests if not needs_score(one.moment.when)),
            tuple(one for one in tests if needs_score(one.moment.when)),
            absence_tests, tuple(one for one in every if one.journey.start == name),
            self.remembered.get(name, 0), tuple(self.remembered_apart.get(name, {}).items()),
            follow_sequences(journey, fixed),
            any(name in (one.journey.start, one.journey.end) for one in every),
            name in journey.tables.ends, fixed,
        )  # fmt: skip
        if designed or len(self.touchpoints) < MAX_UNKNOWN_TOUCHPOINTS:
            self.touchpoints[name] = rules
        return rules


def _compile_moments(
    journey: JourneyMap, name: str, fixed: dict[str, str | None]
) -> tuple[tuple[MomentTest, ...], tuple[AbsenceTest, ...]]:
    tests, absence_tests = [], []
    for moment in journey.moments.values():
        simple = tuple(leaves(moment.when))
        if any(isinstance(leaf, Absence) and leaf.after == name for leaf in simple):
            inner = tuple(
                None if isinstance(leaf, Absence) and leaf.after == name
                else keep_apart(compile_leaf(leaf, fixed), moment, fixed)
                for leaf in simple
            )  # fmt: skip
            absence_tests.append(AbsenceTest(moment, inner))
            continue
        test = compile_condition(moment.when, fixed)
        if all(isinstance(leaf, Count) for leaf in simple):
            test = _compile_completion(moment.when, fixed)
        if test is not False:
            tests.append(MomentTest(moment, keep_apart(test, moment, fixed)))
    return tuple(tests), tuple(absence_tests)


def _compile_completion(condition: Condition, fixed: dict[str, str | None]) -> Test | bool:
    """Compile a condition of counts alone.

    The interaction that completes it meets it, and not every one that follows while it holds.
    """
    if fixed["touchpoint"] not in touchpoints_of(condition):
        return False
    with_it = compile_condition(condition, fixed)
    without = compile_condition(condition, {**fixed, "touchpoint": None})
    if isinstance(without, bool):
        return with_it if not without else False
    if isinstance(with_it, bool):
        return (lambda one, at, seen: not without(one, at, seen)) if with_it else False
    return lambda one, at, seen: with_it(one, at, seen) and not without(one, at, seen)


def compile_map(journey: JourneyMap) -> CompiledMap:
    """Compile a map, once for all trackers of it."""
    known = _COMPILED.get(id(journey))
    if known is None or known.map is not journey:
        known = _compile(journey)
        if len(_COMPILED) >= MAX_COMPILED_MAPS:
            _COMPILED.pop(next(iter(_COMPILED)))
        _COMPILED[id(journey)] = known  # it holds the map, so that its id stays its own
    return known


_COMPILED: dict[int, CompiledMap] = {}


def _restore(journey: JourneyMap) -> CompiledMap:
    """Compile a map that was pickled or copied, unless an equal one is compiled already."""
    known = next((one for one in list(_COMPILED.values()) if one.map == journey), None)
    return compile_map(journey) if known is None else known


def _compile(journey: JourneyMap) -> CompiledMap:
    limits = journey.tables.dormant_after[1:]
    stages: dict[str, StageRules] = {}
    for stage, limit in zip(journey.stages.values(), limits, strict=True):
        length = None if limit is None else limit * MICROSECOND
        stages[stage.id] = StageRules(stage.id, stage.phase.customer, {}, length)
    names = list(stages)
    for rules, moves in zip(stages.values(), journey.tables.move[1:], strict=True):
        rules.moves.update(zip(names, moves[1:], strict=True))
    key_journeys = {}
    for each in journey.key_journeys.values():
        element, owner = element_and_department(journey, each, None)
        restarts = may_start_again(each)
        key_journeys[each.id] = KeyJourneyRules(each, Plan.of(each), restarts, element, owner)
    calendars = {
        department.id: journey.calendars[department.calendar]
        for department in journey.departments.values()
        if department.calendar is not None
    }
    awaited_by = {
        moment.id: frozenset(
            leaf.touchpoint for leaf in leaves(moment.when) if isinstance(leaf, Absence)
        )
        for moment in journey.moments.values()
    }
    made = CompiledMap(
        journey, stages, {}, key_journeys, calendars, awaited_by, remembered_times(journey),
        times_apart(journey),
    )  # fmt: skip
    for name in journey.touchpoints:
        made.touchpoint(name)
    return made
