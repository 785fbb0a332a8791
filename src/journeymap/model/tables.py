"""The map compiled once into small tables, which the fold and the questions both read.

Code 0 always means "none"; the element at place i of its catalog has code i + 1.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from journeymap.model.catalog import Catalog
from journeymap.model.design import Design
from journeymap.model.instants import MICROSECOND
from journeymap.model.loop import Move

__all__ = ["Tables", "compile_tables"]


@frozen
class Tables:
    """The meaning of each touchpoint, and of each move between stages, by code.

    Attributes:
        stage: The stage of each touchpoint.
        department: The department of each touchpoint.
        process: The process of each touchpoint.
        channel: The channel of each touchpoint that has exactly one.
        phase: The phase of each stage: 0 (none), 1 (buy) or 2 (own).
        move: ``move[a][b]`` is the meaning of entering stage b from stage a.
        dormant_after: The silence that each stage allows, in microseconds (None: any).
        ends: The touchpoints with which a journey may end.
    """

    stage: tuple[int, ...]
    department: tuple[int, ...]
    process: tuple[int, ...]
    channel: tuple[int, ...]
    phase: tuple[int, ...]
    move: tuple[tuple[Move, ...], ...]
    dormant_after: tuple[int | None, ...]
    ends: frozenset[str]


def compile_tables(journey: Design) -> Tables:
    """Compile a map; a map does this once, as ``journey.tables``."""
    points = journey.touchpoints.values()
    stages = journey.stages.elements
    loop = journey.loop
    default = journey.dormant_after
    limits = [default, *(stage.dormant_after or default for stage in stages)]
    inner = [tuple(loop.move(a.id, b.id) for b in stages) for a in stages]
    none = (Move.SAME, *(Move.FORWARD for _ in stages))
    only = [p.channels[0] if len(p.channels) == 1 else None for p in points]
    return Tables(
        stage=(0, *(_code(journey.stages, p.stage) for p in points)),
        department=(0, *(_code(journey.departments, p.department) for p in points)),
        process=(0, *(_code(journey.processes, p.process) for p in points)),
        channel=(0, *(_code(journey.channels, c) for c in only)),
        phase=(0, *(1 if stage.phase == "buy" else 2 for stage in stages)),
        move=(none, *((Move.SAME, *row) for row in inner)),
        dormant_after=tuple(
            None if limit is None else limit // MICROSECOND for limit in limits
        ),
        ends=frozenset(
            [point.id for point in points
             if point.ends or (point.stage is not None and journey.stages[point.stage].ends)]
            + [span.end for span in journey.key_journeys.values() if span.ends]
        ),
    )  # fmt: skip


def _code(catalog: Catalog[Any], name: str | None) -> int:
    return 0 if name is None else catalog.index(name) + 1
