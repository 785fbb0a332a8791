"""A log as tables: one row for each interaction, one row for each journey."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.dormancy import find_dormancies
from journeymap.analysis.table.exact_amounts import FRACTION, NO_NUMBER, SCALE
from journeymap.analysis.table.part import Ints, Part, Scope

__all__ = ["InteractionTable", "JourneyTable"]

_FIXED = ("customer", "at", "duration", "emotion", "emotion_after", "score", "value")
_TIME = pl.Datetime("us", "UTC")


@frozen
class InteractionTable:
    """One row for each interaction, with all that the log knows of it."""

    levels: tuple[str, ...]

    def measure(self, part: Part) -> pl.DataFrame:
        """Make the rows of a part."""
        lengths = np.diff(part.offsets).astype(np.uint32)
        columns: dict[str, pl.Series] = {
            "customer": part.ids.gather(np.repeat(np.arange(part.journeys), lengths)),
            "at": _times(part, np.arange(len(part))),
        }
        for level in ("touchpoint", *(one for one in self.levels if one != "touchpoint")):
            name = f"{level}_name" if level in _FIXED else level
            columns[name] = _names(part, level, np.arange(len(part)))
        for role in ("duration", "emotion", "emotion_after", "score", "value", "cost"):
            found = _numbers(part, role)
            if found is not None:
                columns.setdefault(role, found)
        return pl.DataFrame([column.alias(name) for name, column in columns.items()])

    def merge(self, one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
        """Put the rows together."""
        return pl.concat([one, other], how="diagonal")

    def answer(self, measured: pl.DataFrame, scope: Scope) -> pl.DataFrame:
        """Sort the rows by customer and time; those of one time keep their order."""
        return measured.sort("customer", "at", maintain_order=True)


@frozen
class JourneyTable:
    """One row for each journey."""

    def measure(self, part: Part) -> pl.DataFrame:
        """Make the rows of a part."""
        first, last = part.offsets[:-1], part.offsets[1:] - 1
        start, end = _times(part, first), _times(part, last)
        columns: dict[str, pl.Series] = {
            "customer": part.ids,
            "start": start,
            "end": end,
            "length": (end - start).dt.total_microseconds().cast(pl.Float64) / 1e6,
            "interactions": pl.Series(np.diff(part.offsets), dtype=pl.Int64),
            "first_touchpoint": _names(part, "touchpoint", first),
            "last_touchpoint": _names(part, "touchpoint", last),
        }
        if part.scope.map is not None:
            read = part.read("stage")
            seen = np.zeros(part.journeys, dtype=np.uint32)
            seen[read.journey] = read.codes
            names = pl.Series(part.names("stage"), dtype=pl.String)
            cells = distinct(read.journey * len(names) + read.codes) // len(names)
            columns["stages"] = pl.Series(
                np.bincount(cells, minlength=part.journeys), dtype=pl.Int64
            )
            columns["last_stage"] = names.gather(seen)
            dormant = find_dormancies(part, part.scope.seen_until)[0]
            columns["dormant"] = pl.Series(dormant[last] if part.scope.timed else
                                           [None] * len(last), dtype=pl.Boolean)  # fmt: skip
        value = _numbers(part, "value")
        if value is not None:
            columns |= _values(part, value)
        return pl.DataFrame([column.alias(name) for name, column in columns.items()])

    def merge(self, one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
        """Put the rows together."""
        return pl.concat([one, other], how="diagonal")

    def answer(self, measured: pl.DataFrame, scope: Scope) -> pl.DataFrame:
        """Sort the rows by customer and start; what there is in no currency is 0."""
        values = [name for name in measured.columns if name.startswith("value_")]
        named = [name for name in measured.columns if name not in values]
        filled = measured.select(*named, *(pl.col(name).fill_null(0.0) for name in sorted(values)))
        return filled.sort("customer", "start", "end", maintain_order=True)


def _times(part: Part, rows: Ints) -> pl.Series:
    if not part.scope.timed:
        return pl.Series([None] * len(rows), dtype=_TIME)
    return (
        pl.Series(part.at[rows], dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )


def _names(part: Part, level: str, rows: Ints) -> pl.Series:
    names = pl.Series(part.names(level), dtype=pl.String)
    codes: Any = part.touchpoints if level == "touchpoint" else part.codes(level)
    return names.gather(codes[rows].astype(np.uint32))


def _numbers(part: Part, role: str) -> pl.Series | None:
    found = part.number(role)
    if found is None:
        return None
    missing = (found == np.iinfo(found.dtype).min) | (found == NO_NUMBER)
    exact = found / SCALE
    left = part.number("value_fraction") if role == "value" else None
    if left is not None:
        exact = exact + left / (SCALE * FRACTION)
    return pl.Series(np.where(missing, np.nan, exact)).fill_nan(None)


def _values(part: Part, value: pl.Series) -> dict[str, pl.Series]:
    """Sum the amounts of each journey, currency by currency."""
    names, codes = part.names("currency"), part.codes("currency")
    amounts = value.fill_null(0.0).to_numpy()
    found = {}
    for code, name in enumerate(names):
        if name is not None:
            mine = np.where(codes == code, amounts, 0.0)
            total = np.bincount(part.journey, mine, minlength=part.journeys)
            found[f"value_{name}"] = pl.Series(total, dtype=pl.Float64)
    return found
