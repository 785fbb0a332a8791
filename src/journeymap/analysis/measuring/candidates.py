"""Candidates for drivers: facts that become true at some interaction of a journey, and stay so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from journeymap.adapters.reading.numbers import PLAIN
from journeymap.analysis.measuring.working_time import find_waits
from journeymap.analysis.table.coding import Codes
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.model.durations import span_text

__all__ = ["NEVER", "WAITS", "Candidate", "find_candidates", "first_rows"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Candidate: TypeAlias = tuple[str, str, str]
"""The kind of a candidate, its element, and the words that describe it."""
WAITS = (60, 600, 3600, 4 * 3600, *(days * 86_400 for days in (1, 2, 3, 5, 7, 14, 30, 90)))
"""Waits, in seconds, that are tried: lengths that a department can be asked to keep."""
NEVER = np.iinfo(np.int64).max
"""The row of what never becomes true."""
_ANY = ("touchpoint", "channel", "department")  # levels that a journey comes to
_NOT_COLUMNS = {*_ANY, "stage", "phase", "process", "outcome", "score_kind", "currency",
                "referred_by"}  # fmt: skip
_FEW = 11  # numbers of a column, from where on they are compared with thresholds
_MISSING = np.iinfo(np.int64).min


def find_candidates(
    part: Part, left_out: Flags, failed: Flags
) -> Iterator[tuple[Candidate, Ints]]:  # fmt: skip
    """Find the candidates of a part, each with the row at which it becomes true, by journey.

    Args:
        part: The part.
        left_out: Marks the interactions that are outcomes themselves.
        failed: Marks the interactions that failed.

    Yields:
        A candidate, and for each journey the first row at which it holds (`NEVER`: at none).
    """
    rows = np.flatnonzero(~left_out)
    for level in _ANY:
        if part.knows(level):
            yield from _elements(part, level, rows)
    if part.knows("department"):
        yield from _handoffs(part, rows)
    yield from _columns(part)
    yield from _troubles(part, rows, failed)


def _elements(part: Part, level: str, rows: Ints) -> Iterator[tuple[Candidate, Ints]]:
    """Find where journeys come to an element, come to it again, and after which wait."""
    names, codes = part.names(level), part.codes(level)[rows]
    waits = None
    if part.scope.timed and level == "touchpoint":
        waits = find_waits(part)[rows] // 1_000_000
    words = {"touchpoint": "coming to", "channel": "by", "department": "dealing with"}[level]
    for mine, name in _by_code(codes, names):
        yield (level, name, f"{words} {name}"), first_rows(part, rows[mine])
        if level != "touchpoint":
            continue
        journey = part.journey[rows[mine]]
        repeated = mine[1:][journey[1:] == journey[:-1]]
        if len(repeated):
            key = ("repeat", name, f"{name} more than once")
            yield key, first_rows(part, rows[repeated])
        if waits is not None:
            for limit in WAITS:
                late = mine[waits[mine] > limit]
                if not len(late):
                    break
                key = ("wait", name, f"waiting over {span_text(limit)} for {name}")
                yield key, first_rows(part, rows[late])


def _handoffs(part: Part, rows: Ints) -> Iterator[tuple[Candidate, Ints]]:
    """Find where one department hands a journey to another."""
    names = part.names("department")
    codes = part.codes("department")[rows].astype(np.int64)
    rows, codes = rows[codes > 0], codes[codes > 0]
    journey = part.journey[rows]
    moved = np.flatnonzero((journey[1:] == journey[:-1]) & (codes[1:] != codes[:-1])) + 1
    pairs = codes[moved - 1] * len(names) + codes[moved]
    for mine, pair in _groups(pairs):
        source, target = names[pair // len(names)], names[pair % len(names)]
        key = ("handoff", f"{source} to {target}", f"being handed from {source} to {target}")
        yield key, first_rows(part, rows[moved[mine]])


def _columns(part: Part) -> Iterator[tuple[Candidate, Ints]]:
    """Find the values that columns have where journeys begin."""
    begins = part.offsets[:-1]
    for level in part.recorded_levels:
        if level in _NOT_COLUMNS or not part.knows(level):
            continue
        names, codes = part.names(level), part.codes(level)[begins]
        numbers = _read_numbers(names)
        if numbers is not None:
            for limit in _find_thresholds(numbers):
                mine = np.flatnonzero(numbers[codes] > limit)
                yield ("column", level, f"{level} over {limit:.12g}"), _begun(part, mine)
        for mine, name in _by_code(codes, names):
            yield ("column", level, f"{level} is {name}"), _begun(part, mine)


def _begun(part: Part, journeys: Ints) -> Ints:
    found = np.full(part.journeys, NEVER, dtype=np.int64)
    found[journeys] = part.offsets[:-1][journeys]
    return found


def _read_numbers(names: tuple[str | None, ...]) -> Floats | None:
    """Read the values of a column as numbers; None where they are names, or only a few."""
    if len(names) <= _FEW:
        return None
    if any(name is not None and PLAIN.fullmatch(name) is None for name in names):
        return None
    found = np.array([np.nan if name is None else float(name) for name in names])
    return found if np.isfinite(found[1:]).all() else None


def _find_thresholds(numbers: Floats) -> list[float]:
    """Choose round numbers near the tenths of a column's values, the same in every part.

    How round follows from the tenths: one value that is far out, such as 999999, changes none.
    """
    known = numbers[~np.isnan(numbers)]
    tenths = np.quantile(known, np.arange(1, 10) / 10)
    spread = float(tenths[-1] - tenths[0]) / 0.8
    step = 10.0 ** np.floor(np.log10(spread / 10)) if spread > 0 else 1.0
    return sorted({float(f"{np.floor(one / step) * step:.12g}") for one in tenths.tolist()})


def _troubles(part: Part, rows: Ints, failed: Flags) -> Iterator[tuple[Candidate, Ints]]:
    """Find where touchpoints fail, and where customers are unhappy at them."""
    emotion = part.number("emotion")
    bad = {"failure": failed}
    if emotion is not None:
        bad["emotion"] = (emotion < 0) & (emotion != np.iinfo(emotion.dtype).min)
    words = {"failure": "failing at", "emotion": "being unhappy at"}
    for kind, marked in bad.items():
        mine = rows[marked[rows]]
        for chosen, name in _by_code(part.touchpoints[mine], part.names("touchpoint")):
            yield (kind, name, f"{words[kind]} {name}"), first_rows(part, mine[chosen])


def _by_code(codes: Codes, names: tuple[str | None, ...]) -> Iterator[tuple[Ints, str]]:
    for mine, code in _groups(codes):
        name = names[code]
        if name is not None:
            yield mine, name


def _groups(codes: Codes | Ints) -> Iterator[tuple[Ints, int]]:
    """Give the places of each code, in order."""
    order = np.argsort(codes, kind="stable")
    begins = np.flatnonzero(np.diff(codes[order].astype(np.int64), prepend=_MISSING))
    for mine in np.split(order, begins[1:]) if len(order) else ():
        yield mine, int(codes[mine[0]])


def first_rows(part: Part, rows: Ints) -> Ints:
    """Find the first of some rows in each journey; `NEVER` for none."""
    found = np.full(part.journeys, NEVER, dtype=np.int64)
    np.minimum.at(found, part.journey[rows], rows)
    return found
