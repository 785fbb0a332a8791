"""Where each journey of a part stands at its end: its stage and lap, and what was known last."""

from __future__ import annotations

import numpy as np
import polars as pl

from journeymap.analysis.table.exact_amounts import NO_NUMBER, SCALE
from journeymap.analysis.table.part import Flags, Ints, Part, Reading
from journeymap.model import JourneyMap, Move

__all__ = ["find_last_emotions", "find_last_names", "find_stages_reached", "mark_lap_starts"]


def mark_lap_starts(read: Reading, journey: JourneyMap) -> Flags:
    """Return which interactions, read by stage, begin a lap anew."""
    moves = journey.tables.move
    fresh = np.array([[move is Move.NEW_LAP for move in row] for row in moves], dtype=bool)
    codes = read.codes.astype(np.int64)
    found = np.zeros(len(codes), dtype=bool)
    found[1:] = fresh[codes[:-1], codes[1:]] & ~read.first[1:]
    return found


def find_stages_reached(part: Part) -> tuple[pl.Series, pl.Series, Ints]:
    """Find the stage of each journey, since when, and its lap."""
    count = part.journeys
    names = pl.Series(part.names("stage"), dtype=pl.String)
    code, since, lap = np.zeros(count, dtype=np.int64), np.full(count, NO_NUMBER), np.ones(count)
    if part.scope.map is not None and len(part):
        read = part.read("stage")
        entered = read.first.copy()
        entered[1:] |= read.codes[1:] != read.codes[:-1]
        code[read.journey] = read.codes  # of several the last stays
        if part.scope.timed:
            since[read.journey[entered]] = read.at[entered]
        starts = mark_lap_starts(read, part.scope.map)
        lap += np.bincount(read.journey[starts], minlength=count)
    stages = names.gather(code.astype(np.uint32))
    return stages, _known(since), lap.astype(np.int64)


def _known(numbers: Ints) -> pl.Series:
    return pl.Series(numbers).replace(NO_NUMBER, None)


def find_last_names(part: Part, level: str) -> pl.Series:
    """Find the last name that each journey has at a level."""
    if not part.knows(level) or not len(part):
        return pl.Series([None] * part.journeys, dtype=pl.String)
    names = pl.Series(part.names(level), dtype=pl.String)
    found = np.zeros(part.journeys, dtype=np.uint32)
    read = part.read(level)
    found[read.journey] = read.codes
    return names.gather(found)


def find_last_emotions(part: Part) -> pl.Series:
    """Find the last emotion known of each journey."""
    found = np.full(part.journeys, NO_NUMBER)
    columns = [part.number("emotion"), part.number("emotion_after")]
    felt = np.full(len(part), NO_NUMBER)
    for column in columns:
        if column is not None:
            there = column != np.iinfo(column.dtype).min
            felt[there] = column[there]
    some = felt != NO_NUMBER
    found[part.journey[some]] = felt[some]
    # Divided here: 0.03 is the number that was given, and not its neighbour.
    return pl.Series(np.where(found == NO_NUMBER, np.nan, found / SCALE)).fill_nan(None)
