"""Encoding: names become codes, rows are ordered once, the map fills in what it knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from attrs import evolve, fields

from journeymap.adapters.source import DroppedValue, RejectedRow
from journeymap.adapters.tables.rows import Rows
from journeymap.analysis.table.checking import LEVELS, CheckedRows
from journeymap.analysis.table.coding import CodedNames, Codes, code_type
from journeymap.analysis.table.columns import Columns
from journeymap.analysis.table.ordering import find_offsets, order_rows
from journeymap.analysis.table.part import Ints, Level, Scope
from journeymap.analysis.table.table import Table
from journeymap.exceptions import ElementError
from journeymap.identity.gathering import Readable
from journeymap.interactions import SCALES, Interaction, Score
from journeymap.interactions.values import name_of
from journeymap.model import JourneyMap
from journeymap.model.conditions import plain_text
from journeymap.model.instants import micros
from journeymap.model.scores import SCORE_KINDS, kind_on_scale

__all__ = [
    "KnownNames",
    "apply_map",
    "encode_rows",
    "narrow_numbers",
    "number_type",
    "rows_from_interactions",
    "rows_from_source",
]

KnownNames = dict[str, tuple[str, ...]]

_FIELDS = ("id", "source", "channel", "department", "process", "product", "outcome", "emotion",
           "emotion_after")  # fmt: skip
_TAKEN = {a.name for a in fields(Columns)} | {"stage", "phase"}
_CLASHING = {"customer", "touchpoint", "at", *_FIELDS, "score", "score_kind", "value", "currency",
             "duration", "cost", "referred_by", "stage", "phase"}  # fmt: skip


def encode_rows(taken: CheckedRows, journey: JourneyMap | None) -> Table:
    """Encode and order accepted rows."""
    ids = taken.customer.names
    order = order_rows(taken.customer.codes, taken.at, taken.order)
    known = tuple(journey.touchpoints) if journey else ()
    points, names = _rename_points(taken.touchpoint, journey).onto(known)

    def ordered(column: Any) -> Any:
        return column if order is None else column[order]

    owners = ordered(taken.customer.codes)
    offsets = find_offsets(owners)
    at = ordered(taken.at)
    touchpoints = ordered(points)
    recorded = {
        role: column.onto(_names_and_table(journey, role, 0)[0])
        for role, column in taken.names.items()
    }
    levels = _encode_levels(
        journey, names, touchpoints, {r: (ordered(c), n) for r, (c, n) in recorded.items()}
    )
    numbers = {
        role: narrow_numbers(role, ordered(column))
        for role, column in taken.numbers.items()
        if role != "value_fraction" or column.any()
    }
    first, last = (int(at.min()), int(at.max())) if len(at) else (0, 0)
    return Table(
        journey,
        Scope(
            journey,
            first,
            last,
            taken.scales,
            taken.zone,
            interactions=len(at),
            timed=taken.timed,
        ),
        ids,
        offsets,
        at,
        touchpoints,
        levels,
        numbers,
    )


def _rename_points(points: CodedNames, journey: JourneyMap | None) -> CodedNames:
    """Give touchpoints the map's names."""
    if journey is None or not journey.recorded_names:
        return points
    meant = [journey.recorded_names.resolve(name) for name in points.names.to_list()]
    return CodedNames(points.codes, pl.Series(meant, dtype=pl.String))


def apply_map(table: Table, journey: JourneyMap | None, known: KnownNames | None = None) -> Table:
    """Read a table that was made without a map as if it had been made with this one.

    ``known`` are the names of a larger log of which the table is a piece, by level, so that equal
    codes mean equal names in all the pieces.
    """
    larger = known or {}

    def first(role: str) -> tuple[str, ...]:
        designed = tuple(journey.touchpoints) if journey and role == "touchpoint" else ()
        return (*(designed or _names_and_table(journey, role, 0)[0]), *larger.get(role, ()))

    recorded_names = table.levels["touchpoint"].names
    if journey is not None and journey.recorded_names:
        resolve = journey.recorded_names.resolve
        recorded_names = tuple(None if name is None else resolve(name) for name in recorded_names)
        larger = {**larger, "touchpoint": tuple(map(resolve, larger.get("touchpoint", ())))}
    names, places = _recode_names(recorded_names, first("touchpoint"))
    touchpoints = places[table.touchpoints]
    recorded = {}
    for role, level in table.levels.items():
        if role != "touchpoint" and level.codes is not None:
            now, moved = _recode_names(level.names, first(role))
            recorded[role] = (moved[level.codes], now)
    levels = _encode_levels(journey, names, touchpoints, recorded)
    scope = evolve(table.scope, map=journey)
    return evolve(table, map=journey, scope=scope, touchpoints=touchpoints, levels=levels)


def _recode_names(
    names: tuple[str | None, ...], known: tuple[str, ...]
) -> tuple[tuple[str | None, ...], Codes]:
    """Put the known names first; also the table from the old codes to the new."""
    order: dict[str | None, int] = {None: 0}
    for name in (*known, *names):
        order.setdefault(name, len(order))
    table = np.array([order[name] for name in names], dtype=code_type(len(order)))
    return tuple(order), table


def _encode_levels(
    journey: JourneyMap | None,
    touchpoint_names: tuple[str | None, ...],
    touchpoints: Codes,
    recorded: dict[str, tuple[Codes, tuple[str | None, ...]]],
) -> dict[str, Level]:
    size = len(touchpoint_names)
    levels = {"touchpoint": Level(touchpoint_names, touchpoints)}
    if journey is None:
        levels |= {"stage": Level((None,)), "phase": Level((None,))}
    else:
        tables = journey.tables
        stage = _table(tables.stage, size, len(journey.stages))
        phase = np.array(tables.phase, dtype=np.uint8)[stage]
        levels["stage"] = Level((None, *journey.stages), table=stage)
        levels["phase"] = Level((None, "buy", "own"), table=phase)
    for role in LEVELS:
        known, table = _names_and_table(journey, role, size)
        if role not in recorded:
            levels[role] = Level((None, *known), table=table)
            continue
        codes, names = recorded[role]
        if table is not None:  # the map fills what the column leaves open
            codes = np.where(codes == 0, table[touchpoints], codes).astype(code_type(len(names)))
        levels[role] = Level(names, codes)
    for extra, (codes, names) in recorded.items():
        levels.setdefault(extra, Level(names, codes))
    if journey is not None and "persona" not in levels and levels["product"].readable:
        levels |= _personas(journey, levels["product"].names)
    return levels


def _personas(journey: JourneyMap, products: tuple[str | None, ...]) -> dict[str, Level]:
    """Know personas by the products that the map names of them; of several, the first."""
    places = {
        product: place
        for place, persona in reversed(list(enumerate(journey.personas.values(), 1)))
        for product in persona.products
    }
    if not places:
        return {}
    table = np.array([places.get(str(name), 0) for name in products],
                     dtype=code_type(len(journey.personas) + 1))  # fmt: skip
    table[0] = 0
    return {"persona": Level((None, *journey.personas), table=table, of="product")}


def _names_and_table(
    journey: JourneyMap | None, role: str, size: int
) -> tuple[tuple[str, ...], Codes | None]:
    if journey is None:
        return (), None
    if role == "department":
        known, codes = tuple(journey.departments), journey.tables.department
    elif role == "process":
        known, codes = tuple(journey.processes), journey.tables.process
    elif role == "channel":
        known, codes = tuple(journey.channels), journey.tables.channel
    else:
        return (tuple(journey.products) if role == "product" else ()), None
    return known, _table(codes, size, len(known)) if size and any(codes) else None


def _table(codes: tuple[int, ...], size: int, names: int) -> Codes:
    """Extend a map's table by the touchpoints that the map does not know."""
    table = np.zeros(size, dtype=code_type(names + 1))
    table[: len(codes)] = codes
    return table


def number_type(role: str) -> type[np.signedinteger[Any]]:
    """Find the type that holds the numbers of a role: emotions fit in two bytes."""
    return np.int16 if role in ("emotion", "emotion_after") else np.int64


def narrow_numbers(role: str, column: Ints) -> Any:
    """Convert numbers to their type; a missing one stays the smallest number there is."""
    kind = number_type(role)
    if kind is np.int64:
        return column
    return np.where(column == np.iinfo(np.int64).min, np.iinfo(kind).min, column).astype(kind)


def _instant(at: datetime) -> int:
    """Convert a time to microseconds; one that lies outside of all years, to one far outside."""
    try:
        return micros(at)
    except OverflowError:
        return -(2**62) if at.year == 1 else 2**62


def _is_taken(name: str) -> bool:
    return name in _TAKEN or name.startswith("extra.")


def carried_name(column: str) -> str:
    """Give the name under which interactions carried what stands in an extra column."""
    own = column.removeprefix("extra.")
    return own if own != column and _is_taken(own) else column


def rows_from_interactions(
    interactions: Iterable[Interaction], zone: str | None = None
) -> tuple[Rows, Columns]:
    """Convert interactions to rows, with the columns that describe them."""
    taken = list(interactions)
    given: list[Any] = taken
    for one in given:
        if not isinstance(one, Interaction):
            raise ElementError("Log", "interactions", one, "an Interaction is expected")
    extras = sorted({name for one in taken for name, _ in one.extra})
    # What is carried under the name of a column of ours is kept beside it.
    apart = {name for name in extras if name in _CLASHING or name.startswith("extra.")}
    keys = {name: f"extra.{name}" if name in apart else name for name in extras}
    data: dict[str, Any] = {
        "customer": [one.customer for one in taken],
        "touchpoint": [one.touchpoint for one in taken],
        "at": pl.Series([_instant(one.at) for one in taken], dtype=pl.Int64),
    }
    named: dict[str, Any] = {}
    for role in _FIELDS:
        found = [getattr(one, role) for one in taken]
        if any(value is not None for value in found) or role == "emotion":
            numbers = role in ("emotion", "emotion_after")
            data[role] = pl.Series(found, dtype=pl.Float64) if numbers else found
            named[role] = role
    if any(one.score for one in taken):
        kinds = _name_kinds(taken)
        data["score"] = [one.score.value if one.score else None for one in taken]
        data["score_kind"] = [kinds[_scale_of(one.score)] if one.score else None for one in taken]
        scales = {name: (low, high) for (_, low, high), name in kinds.items()}
        named |= {"score": "score", "score_kind": "score_kind", "scales": {**SCALES, **scales}}
    if any(one.value for one in taken):
        data["value"] = [str(one.value.amount) if one.value else None for one in taken]
        data["currency"] = [one.value.currency if one.value else None for one in taken]
        named |= {"value": "value", "currency": "currency"}
    if any(one.referred_by is not None for one in taken):
        data["referred_by"] = [name_of(one.referred_by) for one in taken]
        named["referred_by"] = "referred_by"
    if any(one.duration is not None for one in taken):
        data["duration"] = [
            None if one.duration is None else one.duration.total_seconds() for one in taken
        ]
        named["duration"] = "duration"
    if any(one.cost is not None for one in taken):
        data["cost"] = pl.Series([one.cost for one in taken], dtype=pl.Float64)
        named["cost"] = "cost"
    for name in extras:
        found = [dict(one.extra).get(name) for one in taken]
        data[keys[name]] = [None if value is None else plain_text(value) for value in found]
    frame = pl.DataFrame(data)
    columns = Columns(extra=tuple(keys.values()), at_unit="us", calendar_zone=zone, **named)
    lines = np.arange(1, len(frame) + 1)
    return Rows(frame, lines, (), "the interactions", exact=True), columns


def rows_from_source(source: Readable, zone: str | None = None) -> tuple[Rows, Columns]:
    """Read a source as rows; its own row numbers are their lines, and its zone that of periods."""
    taken: list[Interaction] = []
    lines: list[int] = []
    rejected: list[RejectedRow] = []
    dropped: list[DroppedValue] = []
    for batch in source.read():
        rejected += [RejectedRow(one.line, one.reason) for one in batch.rejected]
        dropped += [DroppedValue(one.line, one.role, one.reason, one.held) for one in batch.dropped]
        for record in batch.records:
            if record.interaction is not None:
                taken.append(record.interaction)
                lines.append(record.row)
    rows, columns = rows_from_interactions(taken, zone or getattr(source, "timezone", None))
    found = evolve(rows, lines=np.array(lines, dtype=np.int64), rejected=tuple(rejected),
                   dropped=tuple(dropped))  # fmt: skip
    return found, columns


def _scale_of(score: Score) -> tuple[str, float, float]:
    return score.kind, score.low, score.high


def _name_kinds(taken: list[Interaction]) -> dict[tuple[str, float, float], str]:
    """Name the kinds of scores: one that was asked on several scales is several kinds."""
    met = dict.fromkeys(_scale_of(one.score) for one in taken if one.score is not None)
    often = Counter(kind for kind, _, _ in met)

    def name(kind: str, low: float, high: float) -> str:
        known = SCORE_KINDS.get(kind)
        usual = known is not None and (low, high) == (known.low, known.high)
        apart = often[kind] > 1 or (known is not None and known.fixed)
        return kind_on_scale(kind, low, high) if apart and not usual else kind

    return {scale: name(*scale) for scale in met}
