"""Checks of a map: gaps, orphans, and steps that run against the loop."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from journeymap.model.design import Design
from journeymap.model.elements import Phase
from journeymap.model.loop import Move
from journeymap.model.problems import Problem

__all__ = ["find_problems"]

_ORDER = {"error": 0, "warning": 1, "hint": 2}


def find_problems(journey: Design) -> tuple[Problem, ...]:
    """List everything worth mentioning, the gravest first, within a kind in the map's order."""
    found = [
        *_loop(journey),
        *_touchpoints(journey),
        *_departments(journey),
        *_metrics(journey),
        *_needs(journey),
        *_moments(journey),
        *_key_journeys(journey),
        *_offers(journey),
    ]
    return tuple(sorted(found, key=lambda problem: _ORDER[problem.severity]))


def _loop(journey: Design) -> Iterator[Problem]:
    if not journey.stages:
        yield Problem("error", "stages", "the map has no stage, so there is no loop to follow")
        return
    for phase in Phase:
        if not journey.loop.half(phase):
            message = (
                f"no stage lies in {phase.customer} ({phase.enterprise}): this is no loop; "
                "the customer must be able to buy and to own"
            )
            yield Problem("error", "stages", message)
    phases = [stage.phase for stage in journey.stages.values()]
    turns = sum(a is not b for a, b in zip(phases, [*phases[1:], phases[0]], strict=True))
    if turns > 2:
        message = f"buy and own alternate {turns} times round the loop; each should be one stretch"
        yield Problem("warning", "stages", message)
    used = {point.stage for point in journey.touchpoints.values()}
    for stage in journey.stages.values():
        where = f"stage {stage.id!r}"
        if stage.id not in used:
            yield Problem("warning", where, "no touchpoint lies in it")
        for name, activity in (("customer", stage.customer_does), ("company", stage.company_does)):
            if not activity:
                message = f"it does not say what the {name} does there"
                yield Problem("hint", where, message)
    if journey.dormant_after is None:
        message = "nothing says when a silent customer is dormant, so leaks cannot be told"
        yield Problem("hint", "dormant_after", message)


def _touchpoints(journey: Design) -> Iterator[Problem]:
    for point in journey.touchpoints.values():
        where = f"touchpoint {point.id!r}"
        if point.stage is None:
            yield Problem("warning", where, "it lies in no stage")
        if point.department is None:
            yield Problem("warning", where, "no department owns it")
        if point.process is not None and point.department is not None:
            shared = journey.processes[point.process].departments
            if shared and point.department not in shared:
                message = (
                    f"its department {point.department!r} has no part in its process "
                    f"{point.process!r}"
                )
                yield Problem("warning", where, message)
        if not point.channels:
            yield Problem("hint", where, "no channel leads to it")


def _departments(journey: Design) -> Iterator[Problem]:
    busy = {point.department for point in journey.touchpoints.values()}
    for department in journey.departments.values():
        if department.id not in busy:
            message = "it is on the map and owns no touchpoint"
            yield Problem("warning", f"department {department.id!r}", message)
    carried = {point.process for point in journey.touchpoints.values()}
    for process in journey.processes.values():
        if process.id not in carried:
            message = "no touchpoint is part of it"
            yield Problem("hint", f"process {process.id!r}", message)
        if not process.departments:
            message = "no department carries it out"
            yield Problem("warning", f"process {process.id!r}", message)


def _metrics(journey: Design) -> Iterator[Problem]:
    bound = {(metric.of.kind, metric.of.id) for metric in journey.metrics.values()}
    stages = {name for kind, name in bound if kind == "stage"}
    stages |= {
        journey.touchpoints[name].stage or "" for kind, name in bound if kind == "touchpoint"
    }
    phases = {str(Phase(name)) for kind, name in bound if kind == "phase"}
    phases |= {journey.stages[name].phase for name in stages if name}
    for stage in journey.stages.values():
        if stage.id not in stages:
            yield Problem("warning", f"stage {stage.id!r}", "nobody measures it: it has no metric")
    for phase in Phase:
        if journey.loop.half(phase) and phase not in phases:
            yield Problem("warning", f"phase {phase.value!r}", "it has no metric")
    for metric in journey.metrics.values():
        if metric.target is None:
            yield Problem("hint", f"metric {metric.id!r}", "it has no target")
        if metric.measure is None:
            message = "it does not say how it is measured, so no scorecard can"
            yield Problem("hint", f"metric {metric.id!r}", message)


def _needs(journey: Design) -> Iterator[Problem]:
    """Check needs, where the map names any."""
    held = [(f"stage {stage.id!r}", stage.needs) for stage in journey.stages.values()]
    owned = [(f"persona {one.id!r}", one.needs) for one in journey.personas.values()]
    if not any(needs for _, needs in (*held, *owned)):
        return
    for where, needs in held:
        if not needs:
            yield Problem("hint", where, "it does not say what the customer needs there")
    for where, needs in (*held, *owned):
        for need in needs:
            if not any(journey.metrics[name].measure for name in need.metrics):
                yield Problem("hint", where, f"nobody measures its need {need.id!r}")


def _moments(journey: Design) -> Iterator[Problem]:
    for moment in journey.moments.values():
        where = f"moment {moment.id!r}"
        if moment.owner is None:
            yield Problem("warning", where, "no department owns it, so nobody will act")
        if not moment.action:
            yield Problem("warning", where, "it does not say what should be done")
        if moment.deadline is None:
            yield Problem("hint", where, "it has no deadline")
        if moment.metric is None:
            yield Problem("hint", where, "it does not say which metric it should move")


def _key_journeys(journey: Design) -> Iterator[Problem]:
    for span in journey.key_journeys.values():
        where = f"key journey {span.id!r}"
        steps = span.steps
        if steps and span.start not in steps[0].touchpoints:
            yield Problem("warning", where, f"its first step is not its start {span.start!r}")
        if steps and span.end not in steps[-1].touchpoints:
            yield Problem("warning", where, f"its last step is not its end {span.end!r}")
        main = [span.start, *(step.touchpoints[0] for step in steps), span.end]
        placed = [(name, journey.touchpoints[name].stage) for name in main]
        known = [(name, stage) for name, stage in placed if stage is not None]
        for (before, a), (after, b) in itertools.pairwise(known):
            if journey.loop.move(a, b) is Move.BACKWARD:
                message = f"the step from {before!r} ({a}) to {after!r} ({b}) runs against the loop"
                yield Problem("warning", where, message)
        if span.within is None:
            yield Problem("hint", where, "it does not say how long it should take")
        elif span.given_up_after is not None and span.given_up_after < span.within:
            message = "it is given up before its time, so it can never be late"
            yield Problem("warning", where, message)


def _offers(journey: Design) -> Iterator[Problem]:
    for offer in journey.offers.values():
        where = f"offer {offer.id!r}"
        if offer.propensity is None and offer.leads_to is None:
            message = "it has no propensity and leads to nothing: nobody knows who takes it"
            yield Problem("warning", where, message)
        if not offer.eligible:
            yield Problem("hint", where, "everybody is eligible for it")
        if not offer.hold_out:
            yield Problem("hint", where, "nobody is held out, so its lift cannot be measured")
        if offer.touchpoint is None:
            yield Problem("hint", where, "it does not say where it is made, so no contact counts")
