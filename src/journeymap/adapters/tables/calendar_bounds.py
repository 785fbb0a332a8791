"""Times of frames that lie outside the years 1 to 9999, which Python and Polars cannot show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl
from polars import selectors

__all__ = ["iterate_rows", "mark_beyond", "spell_times"]

_DAYS = (-719_162, 2_932_896)  # from 1970 to the first day and to the last
_IN_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_SIZE = 10_000  # rows turned into Python objects at a time


def mark_beyond(column: pl.Series) -> pl.Series:
    """Mark the times and days of a column that lie outside the years 1 to 9999."""
    unit = 1 if column.dtype == pl.Date else _IN_A_DAY[str(getattr(column.dtype, "time_unit", ""))]
    first, last = _DAYS
    # Of nanoseconds, more years than a number holds.
    low, high = max(first * unit, -(2**63)), min((last + 1) * unit - 1, 2**63 - 1)
    physical = column.to_physical().cast(pl.Int64)
    return ~physical.is_between(low, high).fill_null(True)


def iterate_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame; a time outside the years 1 to 9999 is a text.

    Yields:
        The cells by column, in the order of the rows.
    """
    for begin in range(0, len(frame), _SIZE):
        some = frame[begin : begin + _SIZE]
        beyond = {
            column.name: marks
            for column in some.select(selectors.temporal() - selectors.time())
            if (marks := _mark_unwritten(column)).any()
        }
        if not beyond:
            yield from some.iter_rows(named=True)
            continue
        known = some.with_columns(
            some[name].zip_with(~marks, pl.Series([None], dtype=some[name].dtype))
            for name, marks in beyond.items()
        )
        texts = {name: spell_times(some[name]) for name in beyond}
        for place, row in enumerate(known.iter_rows(named=True)):
            far = {name: texts[name][place] for name, marks in beyond.items() if marks[place]}
            yield row | far


def _mark_unwritten(column: pl.Series) -> pl.Series:
    """Mark the times, days and lengths that Python does not have, also by the local calendar."""
    kind = column.dtype
    if kind == pl.Duration:
        most = timedelta.max // timedelta(days=1) * _IN_A_DAY[str(getattr(kind, "time_unit", ""))]
        most = min(most, 2**63 - 1)
        return ~column.to_physical().is_between(-most, most).fill_null(True)
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        within = pl.Series([None], dtype=kind)
        near = column.zip_with(~mark_beyond(column), within)
        return mark_beyond(column) | mark_beyond(near.dt.replace_time_zone(None))
    return mark_beyond(column)


def spell_times(column: pl.Series) -> pl.Series:
    """Write times as counts, where no calendar holds them."""
    unit = "days" if column.dtype == pl.Date else str(getattr(column.dtype, "time_unit", ""))
    since = "" if column.dtype == pl.Duration else " after 1970"
    return column.to_physical().cast(pl.String) + f" {unit}{since}"
