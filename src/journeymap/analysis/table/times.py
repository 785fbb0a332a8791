"""Times as files write them, read to microseconds since 1970, never guessed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from journeymap.exceptions import ColumnsError

__all__ = ["NO_TIME", "read_times"]

Micros: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

NO_TIME = np.iinfo(np.int64).min
_UNIT = {"s": 1_000_000, "ms": 1000, "us": 1}
_ISO = (
    r"^\s*(?<day>\d{4}-\d\d-\d\d)(?:[T ](?<clock>\d\d:\d\d)(?::(?<s>\d\d))?(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?<zone>[Zz]|[+-]\d\d(?::?[0-5]\d)?)?\s*$"
)
_NAIVE = "a time without a zone; name it with Columns(timezone=…)"
_NUMBER = "a number; say what it counts with Columns(at_unit='s', 'ms' or 'us')"
_NO = "no time"
_BEYOND = "a time outside the years 1 to 9999; is at_unit right?"
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


def read_times(
    column: pl.Series, timezone: str | None, unit: Literal["s", "ms", "us"] | None
) -> tuple[Micros, pl.Series]:
    """Read times in microseconds since 1970 UTC (NO_TIME where unreadable), with the reasons."""
    micros, reasons = _read(column, timezone, unit)
    beyond = (micros < _FIRST) | (micros > _LAST)
    beyond &= micros != NO_TIME
    if beyond.any():
        micros = np.where(beyond, NO_TIME, micros)
        far = pl.select(pl.when(pl.Series(beyond)).then(pl.lit(_BEYOND))).to_series()
        reasons = far.zip_with(pl.Series(beyond), reasons)
    return micros, reasons


def _read(
    column: pl.Series, timezone: str | None, unit: Literal["s", "ms", "us"] | None
) -> tuple[Micros, pl.Series]:
    kind = column.dtype
    if kind == pl.String or kind in (pl.Categorical, pl.Enum):
        return _from_text(column.cast(pl.String), timezone, unit)
    if kind.is_numeric():
        return _from_numbers(column, unit)
    if kind == pl.Date:
        column = column.cast(pl.Datetime("us"))
    if isinstance(column.dtype, pl.Datetime):
        zone = column.dtype.time_zone
        return _from_datetimes(column.cast(pl.Datetime("us", zone)), zone, timezone)
    return _reject_all(column, f"a column of {kind} holds no times")


def _reject_all(column: pl.Series, reason: str) -> tuple[Micros, pl.Series]:
    reasons = pl.select(pl.when(column.is_null()).then(pl.lit(_NO)).otherwise(pl.lit(reason)))
    return np.full(len(column), NO_TIME), reasons.to_series()


def _from_datetimes(
    column: pl.Series, zone: str | None, timezone: str | None
) -> tuple[Micros, pl.Series]:
    if zone is None:
        if timezone is None:
            return _reject_all(column, _NAIVE)
        return _place_in_zone(column, timezone)
    reasons = pl.select(pl.when(column.is_null()).then(pl.lit(_NO))).to_series()
    return _to_numpy(column.to_physical()), reasons


def _place_in_zone(naive: pl.Series, timezone: str) -> tuple[Micros, pl.Series]:
    """Put naive times into a zone; those its clock shows twice or never are rejected."""
    try:
        utc = naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    except pl.exceptions.PolarsError:
        raise ColumnsError(f"timezone: {timezone!r} is no IANA zone that can be used") from None
    micros = utc.dt.convert_time_zone("UTC").to_physical()
    lost = micros.is_null() & naive.is_not_null()
    reasons = pl.select(
        pl.when(lost)
        .then(pl.lit(f"the clocks of {timezone} show this time twice or never"))
        .when(naive.is_null())
        .then(pl.lit(_NO))
    ).to_series()
    return _to_numpy(micros), reasons


def _from_numbers(column: pl.Series, unit: str | None) -> tuple[Micros, pl.Series]:
    if unit is None:
        return _reject_all(column, _NUMBER)
    scale = _UNIT[unit]
    if column.dtype.is_integer():
        wide = column.cast(pl.Int64, strict=False)
        limit = (2**63 - 1) // scale
        fits = wide.is_between(-limit, limit)
        micros = (wide * scale).zip_with(fits.fill_null(False), pl.Series([None], dtype=pl.Int64))
    else:
        scaled = (column.cast(pl.Float64) * scale).round(0)
        micros = scaled.cast(pl.Int64, strict=False)
    reasons = pl.select(
        pl.when(column.is_null())
        .then(pl.lit(_NO))
        .when(micros.is_null())
        .then(pl.lit("a number that is no time"))
    ).to_series()
    return _to_numpy(micros), reasons


def _from_text(
    column: pl.Series, timezone: str | None, unit: Literal["s", "ms", "us"] | None
) -> tuple[Micros, pl.Series]:
    parts = column.str.extract_groups(_ISO).struct.unnest()
    clock = pl.col("clock").fill_null("00:00") + pl.lit(":") + pl.col("s").fill_null("00")
    read = parts.select(
        local=(pl.col("day") + pl.lit(" ") + clock).str.to_datetime(
            "%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"
        )
        + pl.duration(
            microseconds=pl.col("f")
            .fill_null("0")
            .str.pad_end(6, "0")
            .str.slice(0, 6)
            .cast(pl.Int64)
        ),
        zone=pl.col("zone").str.replace("^[Zz]$", "+00:00"),
    ).with_columns(
        minutes=pl.col("zone").str.slice(1, 2).cast(pl.Int64) * 60
        + pl.col("zone").str.slice(3).str.replace(":", "").str.replace("^$", "0").cast(pl.Int64),
        west=pl.col("zone").str.starts_with("-"),
    )
    shift = pl.when("west").then(-pl.col("minutes")).otherwise(pl.col("minutes")) * 60_000_000
    aware = read.select(
        pl.when(pl.col("minutes") < 24 * 60).then(
            pl.col("local").cast(pl.Int64, strict=False) - shift
        )
    ).to_series()
    naive = read["zone"].is_null() & read["local"].is_not_null()
    reason = _NAIVE if timezone is None else None
    micros = _to_numpy(aware)
    reasons = pl.select(
        pl.when(column.is_null() | (column.str.strip_chars() == ""))
        .then(pl.lit(_NO))
        .when(naive)
        .then(pl.lit(reason, dtype=pl.String))
        .when(aware.is_null())
        .then(pl.lit("not a time of ISO 8601"))
    ).to_series()
    if timezone is not None and naive.any():
        placed, why = _place_in_zone(
            read["local"].zip_with(naive, pl.Series([None], dtype=pl.Datetime("us"))), timezone
        )
        chosen = naive.to_numpy()
        micros = np.where(chosen, placed, micros)
        reasons = why.zip_with(naive, reasons)
    return _read_leftovers(column, micros, reasons, timezone, unit)


def _read_leftovers(
    column: pl.Series,
    micros: Micros,
    reasons: pl.Series,
    timezone: str | None,
    unit: Literal["s", "ms", "us"] | None,
) -> tuple[Micros, pl.Series]:
    """Return numbers in a text column, and the rarer forms of ISO 8601."""
    rest = (reasons == "not a time of ISO 8601").fill_null(False)
    if not rest.any():
        return micros, reasons
    where = np.flatnonzero(rest.to_numpy())
    texts = column.gather(where)
    numbers = texts.str.strip_chars().cast(pl.Float64, strict=False)
    whole = texts.str.strip_chars().cast(pl.Int64, strict=False)
    counted, why = _from_numbers(whole if not whole.is_null().any() else numbers, unit)
    found, because = counted.copy(), why.to_list()
    for place in np.flatnonzero(numbers.is_null().to_numpy()):
        found[place], because[place] = _read_uncommon(str(texts[int(place)]), timezone)
    micros = micros.copy()
    micros[where] = found
    return micros, reasons.scatter(where, pl.Series(because, dtype=pl.String))


def _read_uncommon(text: str, timezone: str | None) -> tuple[int, str | None]:
    try:
        made = datetime.fromisoformat(text.strip())
    except ValueError:
        return NO_TIME, "not a time of ISO 8601"
    frame = pl.Series([made.replace(tzinfo=None)], dtype=pl.Datetime("us"))
    offset = made.utcoffset()
    if offset is not None:
        return int(frame.to_physical()[0] - round(offset.total_seconds() * 1e6)), None
    micros, reasons = _from_datetimes(frame, None, timezone)
    return int(micros[0]), reasons[0]


def _to_numpy(micros: pl.Series) -> Micros:
    return micros.cast(pl.Int64).fill_null(NO_TIME).to_numpy()
