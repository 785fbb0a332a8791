"""A first draft of a map from what was recorded, for people to correct."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.table.part import Part
from journeymap.exceptions import ElementError
from journeymap.model import Channel, Department, JourneyMap, Phase, Stage, Touchpoint
from journeymap.model.durations import duration_text

__all__ = ["draft_map"]

MAX_STAGES = 5
"""Stages of a draft: as many as an analyst can rename at a glance."""


def draft_map(part: Part, name: str) -> JourneyMap:
    """Draft a map of a whole log given as one part.

    Stages come from where touchpoints lie in journeys, departments and channels from what was
    recorded. Names that no map may hold, such as control characters, are left out and counted in
    the description.
    """
    names = part.names("touchpoint")
    codes = part.codes("touchpoint").astype(np.int64)
    counts = np.bincount(codes, minlength=len(names))
    met = np.flatnonzero(counts)
    where = _places(part, codes, counts)
    usable = [int(code) for code in met[np.argsort(where[met], kind="stable")]
              if _allowed(str(names[code]))]  # fmt: skip
    groups = _grouped([float(where[code]) for code in usable])
    stages, points = [], []
    begun = 0
    ends = _ends(part, codes, counts)
    for number, size in enumerate(groups, 1):
        inside = usable[begun : begun + size]
        begun += size
        busiest = max(inside, key=lambda code: int(counts[code]))
        stage = Stage(
            f"stage_{number}",
            Phase.BUY if number <= (len(groups) + 1) // 2 else Phase.OWN,
            name=f"Around {str(names[busiest])[:200]}",
            description="Drafted from the log: give it a name, and say what happens here.",
        )
        stages.append(stage)
        points += [
            _touchpoint(part, code, str(names[code]), stage.id, codes, ends=code in ends)
            for code in inside
        ]
    left_out = len(met) - len(usable)
    customers = len(distinct(part.owners))
    silence = _silence(part)
    note = f" {left_out} names could not be kept." if left_out else ""
    return JourneyMap(
        name,
        description=f"Drafted from {len(part):,} interactions of {customers:,} customers.{note}"
        + _guesses(silence, [point for point in points if point.ends]),
        dormant_after=silence,
        stages=stages,
        channels=[Channel(found) for found in _recorded(part, "channel")],
        departments=[Department(found) for found in _recorded(part, "department")],
        touchpoints=points,
    )


def _places(part: Any, codes: Any, counts: Any) -> Any:
    """Return where each touchpoint comes among those it is met with, from 0 (first) to 1 (last).

    That is the share of the others that come before it, where both are in a journey: what ends a
    journey that was broken off is not late for that.
    """
    size = len(counts)
    _, first = np.unique(part.journey.astype(np.int64) * size + codes, return_index=True)
    first = np.sort(first)  # of each touchpoint in a journey, its first interaction
    journey = part.journey[first]
    met = np.bincount(journey, minlength=part.journeys)
    before = np.arange(len(first)) - (np.cumsum(met) - met)[journey]
    others = np.bincount(codes[first], met[journey] - 1, minlength=size)
    earlier = np.bincount(codes[first], before, minlength=size)
    return np.where(others > 0, earlier / np.maximum(others, 1), 0.5)


def _grouped(places: list[float]) -> list[int]:
    """Return how many touchpoints go into each stage: cut where the widest gaps are."""
    wanted = min(MAX_STAGES, len(places))
    if wanted < 2:
        return [len(places)] if places else []
    gaps = np.diff(places)
    cuts = np.sort(np.argsort(-gaps, kind="stable")[: wanted - 1]) + 1
    return [int(size) for size in np.diff([0, *cuts, len(places)])]


def _touchpoint(
    part: Any, code: int, name: str, stage: str, codes: Any, *, ends: bool
) -> Touchpoint:  # fmt: skip
    rows = np.flatnonzero(codes == code)
    return Touchpoint(
        name,
        stage,
        name=name,
        department=next(iter(_recorded(part, "department", rows)), None),
        channels=_recorded(part, "channel", rows),
        ends=ends,
    )


def _ends(part: Part, codes: Any, counts: Any) -> set[int]:
    """Find touchpoints after which, nearly always, a journey is over: one of twenty ends there."""
    last = np.bincount(codes[part.offsets[1:] - 1], minlength=len(counts)) if len(codes) else counts
    first = np.bincount(codes[part.offsets[:-1]], minlength=len(counts)) if len(codes) else counts
    final = (last >= 0.9 * counts) & (last >= 0.05 * part.journeys) & (first < 0.5 * counts)
    return set(np.flatnonzero(final & (counts > 0)).tolist())


def _guesses(silence: timedelta | None, ends: list[Touchpoint]) -> str:
    """Write what is guessed, for whoever reads the map or its report."""
    made = ["stages and halves"]
    if silence is not None:
        made.append(f"dormant after {duration_text(silence)}")
    if ends:
        made.append(f"journeys end with {' or '.join(point.name for point in ends)}")
    return f" Guessed: {'; '.join(made)}."


def _recorded(part: Any, level: str, rows: Any = None) -> tuple[str, ...]:
    """List the names met at a level, the most frequent first; none when the log lacks it."""
    if not part.knows(level):
        return ()
    codes, names = part.codes(level), part.names(level)
    counts = np.bincount(codes if rows is None else codes[rows], minlength=len(names))
    ordered = np.argsort(-counts, kind="stable")
    found = [str(names[c]) for c in ordered if counts[c] and names[c] is not None]
    return tuple(name for name in found if _allowed(name))


def _silence(part: Any) -> timedelta | None:
    """Dormant after a silence from which few came back, in whole days.

    Of each customer the longest wait counts: it is one that was ended. Nineteen of twenty do not
    exceed it.
    """
    if not part.scope.timed:
        return None
    inner = np.flatnonzero(~part.first[1:]) + 1
    waits = part.at[inner] - part.at[inner - 1]
    if not len(waits):
        return None
    longest = np.zeros(int(part.customer.max()) + 1, dtype=np.int64)
    np.maximum.at(longest, part.customer[inner].astype(np.int64), waits)
    known = longest[distinct(part.customer[inner])]
    return timedelta(days=int(np.ceil(np.quantile(known, 0.95) / 86_400e6)) or 1)


def _allowed(name: str) -> bool:
    try:
        Touchpoint(name)
    except ElementError:
        return False
    return True
