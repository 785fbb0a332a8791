"""References of a map: every id that is mentioned is there, and no id is used twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import assert_never

from journeymap.exceptions import nearest
from journeymap.model.conditions import mentions
from journeymap.model.design import Design
from journeymap.model.measures import (
    AmountOf,
    DeviationRate,
    Dormancy,
    Frequency,
    Measure,
    Rating,
    Repurchase,
    RetentionAfter,
    ShareOf,
    TimeBetween,
    TimeIn,
)
from journeymap.model.problems import Problem

__all__ = ["find_unresolved"]

# (path within the document, kind referred to, id referred to)
Mention = tuple[tuple[str | int, ...], str, str]
_CATALOG = {
    "stage": "stages", "channel": "channels", "calendar": "calendars",
    "department": "departments", "process": "processes", "product": "products",
    "persona": "personas", "touchpoint": "touchpoints", "metric": "metrics",
    "key_journey": "key_journeys",
}  # fmt: skip
MAX_SUGGESTIONS = 20  # a suggestion costs a walk over all ids: the first few faults get one


def find_unresolved(journey: Design) -> tuple[Problem, ...]:
    """List every duplicate id and every dangling reference of a map, each with the nearest id."""
    problems = list(_find_duplicates(journey))
    for path, kind, name in _mentions(journey):
        known = _known(journey, kind)
        if name in known:
            continue
        near = nearest(name, known) if len(problems) < MAX_SUGGESTIONS else None
        hint = f"; did you mean {near!r}?" if near else ""
        message = f"there is no {kind.replace('_', ' ')} {name!r}{hint}"
        problems.append(Problem("error", _where(journey, path), message, path))
    return tuple(problems)


def _known(journey: Design, kind: str) -> Collection[str]:
    if kind == "phase":
        return ("buy", "own", "acquire", "serve")
    if kind == "journey":
        return (journey.id,)
    catalog: Collection[str] = getattr(journey, _CATALOG[kind])
    return catalog


def _where(journey: Design, path: tuple[str | int, ...]) -> str:
    catalog, place, *rest = path
    element = getattr(journey, str(catalog)).elements[place]
    tail = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)
    return f"{catalog}[{place}] {element.id!r}{tail}"


def _find_duplicates(journey: Design) -> Iterator[Problem]:
    for name, catalog in journey.catalogs.items():
        if len(set(catalog)) == len(catalog):
            continue
        seen: set[str] = set()
        for place, element in enumerate(catalog.elements):
            if element.id in seen:
                message = f"the id {element.id!r} is used twice among the {name.replace('_', ' ')}"
                yield Problem("error", f"{name}[{place}].id", message, (name, place, "id"))
            seen.add(element.id)


def _mentions(journey: Design) -> Iterator[Mention]:
    for i, department in enumerate(journey.departments.elements):
        if department.calendar is not None:
            yield ("departments", i, "calendar"), "calendar", department.calendar
        for j, invested in enumerate(department.invests):
            yield from _each(("departments", i, "invests", j, "stages"), "stage", invested.stages)
    for i, process in enumerate(journey.processes.elements):
        yield from _each(("processes", i, "departments"), "department", process.departments)
        if process.calendar is not None:
            yield ("processes", i, "calendar"), "calendar", process.calendar
    for catalog in ("stages", "personas"):
        for i, element in enumerate(getattr(journey, catalog).elements):
            for j, need in enumerate(element.needs):
                yield from _each((catalog, i, "needs", j, "metrics"), "metric", need.metrics)
    for i, persona in enumerate(journey.personas.elements):
        yield from _each(("personas", i, "products"), "product", persona.products)
    for i, point in enumerate(journey.touchpoints.elements):
        for kind in ("stage", "department", "process"):
            name = getattr(point, kind)
            if name is not None:
                yield ("touchpoints", i, kind), kind, name
        yield from _each(("touchpoints", i, "channels"), "channel", point.channels)
        yield from _each(("touchpoints", i, "products"), "product", point.products)
    for i, metric in enumerate(journey.metrics.elements):
        yield ("metrics", i, "of"), metric.of.kind, metric.of.id
        yield from _each(("metrics", i, "departments"), "department", metric.departments)
        for kind, name in _mentioned_by_measure(metric.measure):
            yield ("metrics", i, "measure"), kind, name
    yield from _mentioned_by_moments(journey)
    yield from _mentioned_by_key_journeys(journey)
    yield from _mentioned_by_offers(journey)


def _mentioned_by_measure(measure: Measure | None) -> Iterator[tuple[str, str]]:
    match measure:
        case TimeBetween():
            yield from (("touchpoint", name) for name in (measure.start, measure.end))
        case ShareOf():
            for condition in (measure.holds, *measure.among):
                yield from mentions(condition)
        case Frequency():
            for condition in measure.where:
                yield from mentions(condition)
        case Repurchase():
            yield "touchpoint", measure.touchpoint
        case Rating() | TimeIn() | AmountOf() | RetentionAfter() | Dormancy():
            return
        case DeviationRate() | None:
            return
        case _:
            assert_never(measure)


def _mentioned_by_moments(journey: Design) -> Iterator[Mention]:
    for i, moment in enumerate(journey.moments.elements):
        for kind, name in mentions(moment.when):
            yield ("moments", i, "when"), kind, name
        if moment.owner is not None:
            yield ("moments", i, "owner"), "department", moment.owner
        if moment.metric is not None:
            yield ("moments", i, "metric"), "metric", moment.metric


def _mentioned_by_key_journeys(journey: Design) -> Iterator[Mention]:
    for i, span in enumerate(journey.key_journeys.elements):
        yield ("key_journeys", i, "start"), "touchpoint", span.start
        yield ("key_journeys", i, "end"), "touchpoint", span.end
        for j, step in enumerate(span.steps):
            named = "one_of" if step.one_of else "all_of"
            place = ("key_journeys", i, "steps", j, named)
            yield from _each(place, "touchpoint", step.touchpoints)
        if span.owner is not None:
            yield ("key_journeys", i, "owner"), "department", span.owner


def _mentioned_by_offers(journey: Design) -> Iterator[Mention]:
    for i, offer in enumerate(journey.offers.elements):
        for field, kind in (("touchpoint", "touchpoint"), ("leads_to", "touchpoint"),
                            ("owner", "department")):  # fmt: skip
            name = getattr(offer, field)
            if name is not None:
                yield ("offers", i, field), kind, name
        for j, condition in enumerate(offer.eligible):
            for kind, name in mentions(condition):
                yield ("offers", i, "eligible", j), kind, name
        for j, weight in enumerate(offer.weights):
            for kind, name in mentions(weight.when):
                yield ("offers", i, "weights", j, "when"), kind, name


def _each(path: tuple[str | int, ...], kind: str, named: tuple[str, ...]) -> Iterator[Mention]:
    for place, name in enumerate(named):
        yield (*path, place), kind, name
