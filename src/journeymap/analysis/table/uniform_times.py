"""Columns of times that are all written alike, read digit by digit as arrays."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import numpy as np
import polars as pl

__all__ = ["read_uniform"]

Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

_SHAPE = re.compile(
    r"(?P<Y>\d{4})(?P<dash>-?)(?P<m>\d\d)(?P=dash)(?P<d>\d\d)"
    r"[T ](?P<H>\d\d)(?P<colon>:?)(?P<M>\d\d)(?P=colon)(?P<S>\d\d)(?:\.(?P<f>\d{1,6}))?"
    r"(?:(?P<utc>Z| ?UTC| ?GMT)|(?P<sign>[+-])(?P<oh>\d\d):?(?P<om>\d\d))?"
)
_NUMBERS = ("Y", "m", "d", "H", "M", "S", "f", "oh", "om")


def read_uniform(column: pl.Series) -> pl.DataFrame | None:
    """Read times of one form of ISO 8601: local time, offset in minutes, and no mere days.

    None where they are not all of the form that the first one has, or are no times.
    """
    if not len(column) or column.null_count():
        return None
    shape = _SHAPE.fullmatch(column[0])
    size = len(column[0])
    lengths = column.str.len_bytes()
    if shape is None or lengths.min() != size or lengths.max() != size:
        return None
    joined = column.str.join("").item().encode()
    data = np.frombuffer(joined, dtype=np.uint8).reshape(-1, size)
    found = {name: _number(data, *shape.span(name)) for name in _NUMBERS if shape[name]}
    if any(part is None for part in found.values()) or not _marks_fit(data, shape):
        return None
    micros = _micros(*(found[name] for name in "YmdHMS"))
    minutes = _minutes(data, shape, found)
    if micros is None or minutes is None:
        return None
    if "f" in found:
        micros += found["f"] * 10 ** (6 - len(shape["f"]))
    none = pl.repeat(None, len(data), dtype=pl.Int64, eager=True)
    return pl.DataFrame({
        "local": pl.Series(micros).cast(pl.Datetime("us")),
        "minutes": pl.Series(minutes) if len(minutes) else none,
        "day": pl.repeat(False, len(data), eager=True),
    })  # fmt: skip


def _number(data: Bytes, begin: int, end: int) -> Any:
    """Read digits as a number; None where something else stands there."""
    found = np.zeros(len(data), dtype=np.int64)
    for place in range(begin, end):
        digit = data[:, place] - 48  # what is below "0" wraps round to above 9
        if (digit > 9).any():
            return None
        found = found * 10 + digit
    return found


def _marks_fit(data: Bytes, shape: re.Match[str]) -> bool:
    """Check that all texts have what stands between the digits of the first one."""
    for place, mark in enumerate(shape.string.encode()):
        if 48 <= mark <= 57:
            continue
        fits = data[:, place] == mark
        if shape["sign"] is not None and place == shape.start("sign"):
            fits = (data[:, place] == ord("+")) | (data[:, place] == ord("-"))
        if not fits.all():
            return False
    return True


def _minutes(data: Bytes, shape: re.Match[str], found: dict[str, Any]) -> Any:
    """Read the offsets in minutes; an empty array where none is named."""
    if shape["utc"] is not None:
        return np.zeros(len(data), dtype=np.int64)
    if shape["sign"] is None:
        return np.zeros(0, dtype=np.int64)
    hours, rest = found["oh"], found["om"]
    if (hours > 23).any() or (rest > 59).any():
        return None
    minutes = hours * 60 + rest
    return np.where(data[:, shape.start("sign")] == ord("-"), -minutes, minutes)


def _micros(year: Any, month: Any, day: Any, hour: Any, minute: Any, second: Any) -> Any:
    """Count microseconds since 1970; None where there is no such time."""
    within = (year >= 1) & (month >= 1) & (month <= 12)
    within &= (hour < 24) & (minute < 60) & (second < 60)
    if not within.all():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    if (days.astype("datetime64[M]") != months).any():
        return None
    return (((days.astype(np.int64) * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
