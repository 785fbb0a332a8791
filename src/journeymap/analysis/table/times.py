"""Times as files write them, read to microseconds since 1970, never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from journeymap.adapters.reading.numbers import PLAIN, DecimalMark
from journeymap.adapters.reading.time_texts import (
    NO_ISO,
    TimeUnit,
    count_time,
    format_fault,
    names_clock,
    parse_time,
)
from journeymap.adapters.tables.calendar_bounds import mark_beyond
from journeymap.analysis.table.number_texts import plain_numbers
from journeymap.analysis.table.uniform_times import read_uniform
from journeymap.exceptions import ColumnsError
from journeymap.model.instants import micros as micros_of
from journeymap.model.local_times import ClockChange, place_local_time, start_of_day

__all__ = ["NO_TIME", "NO_TIME_GIVEN", "join_times", "read_times"]

Micros: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

NO_TIME = np.iinfo(np.int64).min
_MULTIPLY: dict[TimeUnit, int] = {"s": 1_000_000, "ms": 1000, "us": 1}
_ISO = (
    r"^\s*(?<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?<clock>\d\d:\d\d)(?::(?<s>[0-5]\d))?(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?[0-5]\d)?)?\s*$"
)
_BASIC = (
    r"^\s*(?<day>\d{8})(?:T(?<clock>\d{4})(?<s>[0-5]\d)?(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?[0-5]\d)?)?\s*$"
)
_SHORT = r"^\s*(\d{4}-\d\d-\d\d)[T ](\d)(:.*)$"
_NO_ZONE = "a time without a zone; name it with Columns(timezone=…)"
_NO_COUNT = "a number that is no time"
_NO_UNIT = "a number; say what it counts with Columns(at_unit='s', 'ms' or 'us')"
NO_TIME_GIVEN = "no time"
"""Why a row without a time is set aside."""
_BEYOND = "a time outside the years 1 to 9999; is at_unit right?"
_YEARS = (1902, 2099)  # in which polars knows the rules of all zones
_EXACT = 2**51  # microseconds, up to which floating point has all of them
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_DIRECTIVES = {
    "Y": r"(?<Y>\d{4})", "y": r"(?<y>\d\d)", "m": r"(?<m>1[0-2]|0[1-9]|[1-9])",
    "d": r"(?<d>3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])", "H": r"(?<H>2[0-3]|[0-1]\d|\d)",
    "M": r"(?<M>[0-5]\d|\d)", "S": r"(?<S>[0-5]\d|\d)", "f": r"(?<f>\d{1,6})",
}  # fmt: skip
"""The parts of times that are read by columns, as ``strptime`` has them."""


def read_times(
    column: pl.Series,
    timezone: str | None,
    unit: TimeUnit | None,
    *,
    formats: tuple[str, ...] = (),
    clock_change: ClockChange | None = None,
    decimal: DecimalMark | None = None,
) -> tuple[Micros, pl.Series]:
    """Read times in microseconds since 1970 UTC (NO_TIME where unreadable), with the reasons."""
    reader = _Reader(timezone, unit, formats, clock_change, decimal)
    micros, reasons = reader.read(column)
    beyond = (micros < _FIRST) | (micros > _LAST)
    beyond &= micros != NO_TIME
    if beyond.any():
        micros = np.where(beyond, NO_TIME, micros)
        far = pl.select(pl.when(pl.Series(beyond)).then(pl.lit(_BEYOND))).to_series()
        reasons = far.zip_with(pl.Series(beyond), reasons)
    return micros, reasons


def join_times(day: pl.Series, clock: pl.Series) -> pl.Series:
    """Join a column of days and one of times of day; where one is missing, so is the time."""
    days = day.cast(pl.Date) if isinstance(day.dtype, pl.Datetime) else day
    if isinstance(clock.dtype, pl.Duration):  # the time since midnight, as some libraries have it
        midnight = pl.lit(datetime(2000, 1, 1)).cast(pl.Datetime("us"))
        clock = pl.select((midnight + pl.lit(clock.cast(pl.Duration("us")))).dt.time()).to_series()
    texts = [one.cast(pl.String).str.strip_chars() for one in (days, clock)]
    missing = [(one.is_null() | (one == "")).fill_null(True) for one in texts]
    joined = pl.select(pl.concat_str([pl.lit(one) for one in texts], separator=" ")).to_series()
    return joined.zip_with(~(missing[0] | missing[1]), pl.Series([None], dtype=pl.String))


class _Reader:
    """Reads the times of one column, by what `Columns` names."""

    def __init__(
        self, timezone: str | None, unit: TimeUnit | None, formats: tuple[str, ...],
        clock_change: ClockChange | None, decimal: DecimalMark | None,
    ) -> None:  # fmt: skip
        self.timezone, self.unit, self.formats = timezone, unit, formats
        self.clock_change, self.decimal = clock_change, decimal

    def read(self, column: pl.Series) -> tuple[Micros, pl.Series]:
        """Read a column of any kind."""
        kind = column.dtype
        if kind in (pl.Categorical, pl.Enum) or (kind.is_numeric() and self.formats):
            column = _without_point(column).cast(pl.String)
        if column.dtype == pl.String:
            return self._from_text(column)
        if kind.is_numeric():
            return self._from_numbers(column)
        if kind == pl.Date or isinstance(kind, pl.Datetime):
            beyond = mark_beyond(column)
            if beyond.any():
                known = column.zip_with(~beyond, pl.Series([None], dtype=kind))
                micros, reasons = self.read(known)
                return micros, reasons.zip_with(~beyond, pl.Series([_BEYOND]))
        if kind == pl.Date:
            return self._place(column.cast(pl.Datetime("us")), _flags(len(column), True))
        if isinstance(column.dtype, pl.Datetime):
            zone = column.dtype.time_zone
            column = column.cast(pl.Datetime("us", zone))
            if zone is None:
                return self._place(column, _flags(len(column), False))
            reasons = pl.select(pl.when(column.is_null()).then(pl.lit(NO_TIME_GIVEN))).to_series()
            return _to_numpy(column.to_physical()), reasons
        return _reject_all(column, f"a column of {kind} holds no times")

    def _place(self, local: pl.Series, days: pl.Series) -> tuple[Micros, pl.Series]:
        """Put local times into the zone; a day begins when it does."""
        if self.timezone is None:
            return _reject_all(local, _NO_ZONE)
        beyond = mark_beyond(local)
        if beyond.any():
            known = local.zip_with(~beyond, pl.Series([None], dtype=local.dtype))
            micros, reasons = self._place(known, days)
            return micros, reasons.zip_with(~beyond, pl.Series([_BEYOND]))
        try:
            utc = local.dt.replace_time_zone(
                self.timezone, ambiguous="null", non_existent="null"
            ).dt.convert_time_zone("UTC")
        except pl.exceptions.PolarsError:
            message = f"timezone: {self.timezone!r} is no IANA zone that can be used"
            raise ColumnsError(message) from None
        micros = _to_numpy(utc.to_physical())
        reasons = pl.select(pl.when(local.is_null()).then(pl.lit(NO_TIME_GIVEN))).to_series()
        near = local.dt.year().is_between(*_YEARS).fill_null(True)
        lost = np.flatnonzero(((utc.is_null() & local.is_not_null()) | ~near).to_numpy())
        if not len(lost):
            return micros, reasons
        micros = micros.copy()
        because: list[str | None] = []
        place = cache(self._place_one)
        for row, one, day in zip(lost, local.gather(lost), days.gather(lost), strict=True):
            micros[row], reason = place(one, day)
            because.append(reason)
        return micros, reasons.scatter(lost, pl.Series(because, dtype=pl.String))

    def _place_one(self, local: datetime, day: bool) -> tuple[int, str | None]:
        zone = ZoneInfo(str(self.timezone))
        try:
            at = (
                start_of_day(local, zone)
                if day
                else place_local_time(local, zone, self.clock_change)
            )
            return micros_of(at), None
        except (ValueError, OverflowError) as error:
            return NO_TIME, str(error)

    def _from_numbers(self, column: pl.Series) -> tuple[Micros, pl.Series]:
        if column.dtype.is_float():
            column = column.fill_nan(None)
        if self.unit is None:
            return _reject_all(column, _NO_UNIT)
        if self.unit == "excel":
            # A day of a spreadsheet has no more than milliseconds; floating point adds the rest.
            ms = (column.cast(pl.Float64) * 86_400_000).round(0).cast(pl.Int64, strict=False)
            begin = pl.lit(datetime(1899, 12, 30)).cast(pl.Datetime("us"))
            fits = ms.is_between(-(10**14), 3 * 10**14).fill_null(False)
            ms = ms.zip_with(fits, pl.Series([None], dtype=pl.Int64))
            local = pl.select(begin + pl.duration(milliseconds=pl.lit(ms))).to_series()
            placed, why = self._place(local, _flags(len(local), False))
            read = local.is_not_null() | column.is_null()
            return placed, why.zip_with(read, pl.Series([_BEYOND]))
        numbers, scale = column, _MULTIPLY.get(self.unit, 1)
        if self.unit == "ns":
            micros = (column / 1000).floor() if column.dtype.is_float() else column // 1000
            numbers = micros.cast(pl.Int64, strict=False)
        if numbers.dtype.is_integer():
            wide = numbers.cast(pl.Int64, strict=False)
            limit = (2**63 - 1) // scale
            fits = wide.is_between(-limit, limit).fill_null(False)
            micros = (wide * scale).zip_with(fits, pl.Series([None], dtype=pl.Int64))
        else:
            micros = (column.cast(pl.Float64) * scale).round(0).cast(pl.Int64, strict=False)
        reasons = pl.select(
            pl.when(column.is_null())
            .then(pl.lit(NO_TIME_GIVEN))
            .when(micros.is_null())
            .then(pl.lit(_NO_COUNT))
        ).to_series()
        return _to_numpy(micros), reasons

    def _from_text(self, column: pl.Series) -> tuple[Micros, pl.Series]:
        if self.unit is not None and not self.formats:
            plain = plain_numbers(column, self.decimal)
            rows = np.flatnonzero(plain.is_not_null().to_numpy())
            if len(rows):
                return self._from_some_numbers(column, plain, rows)
        return self._from_words(column)

    def _from_some_numbers(
        self, column: pl.Series, plain: pl.Series, rows: Any
    ) -> tuple[Micros, pl.Series]:
        """Read the texts that are numbers, and then the others."""
        given = plain.gather(rows)
        whole = given.cast(pl.Int64, strict=False)
        others = column.zip_with(plain.is_null(), pl.Series([None], dtype=pl.String))
        micros, reasons = self._from_words(others)
        micros = micros.copy()
        # Whole numbers apart: as floating point, large ones would not be what they are.
        broken = whole.is_null().to_numpy()
        for some, numbers in ((~broken, whole), (broken, given.cast(pl.Float64))):
            places = rows[some]
            micros[places], because = self._from_numbers(numbers.filter(pl.Series(some)))
            reasons = reasons.scatter(places, because)
        if self.unit is not None and self.unit != "excel":
            for place in np.flatnonzero(broken)[np.abs(micros[rows[broken]]) > _EXACT].tolist():
                with suppress(OverflowError):  # which was found already
                    at = count_time(Decimal(given[place]), self.unit)
                    micros[rows[place]] = micros_of(at)
        return micros, reasons

    def _from_words(self, column: pl.Series) -> tuple[Micros, pl.Series]:
        if self.formats:
            local = _read_format(column, self.formats[0])
            for one in self.formats[1:]:
                local = _fill(local, _read_format(column, one))
        else:
            local = _read_as_iso(column)
        missing = column.is_null() | (column.str.strip_chars() == "")
        reason = format_fault(self.formats) if self.formats else NO_ISO
        unread = pl.when(local["local"].is_null()).then(pl.lit(reason))
        reasons = pl.select(
            pl.when(missing).then(pl.lit(NO_TIME_GIVEN)).otherwise(unread)
        ).to_series()
        shift = local["minutes"].fill_null(0) * 60_000_000
        micros = _to_numpy(local["local"].to_physical() - shift)
        naive = local["minutes"].is_null() & local["local"].is_not_null()
        return self._leftovers(column, reasons, reason, micros, local, naive)

    def _leftovers(
        self, column: pl.Series, reasons: pl.Series, reason: str, micros: Micros,
        local: pl.DataFrame, naive: pl.Series,
    ) -> tuple[Micros, pl.Series]:  # fmt: skip
        """Read numbers in a text column, the rarer forms, and place what names no zone."""
        rest = np.flatnonzero((reasons == reason).fill_null(False).to_numpy())
        if len(rest):
            micros = micros.copy()
            read, naives = cache(self._read_one), {}
            because: list[str | None] = []
            for row, text in zip(rest.tolist(), column.gather(rest).to_list(), strict=True):
                found = read(text)
                if isinstance(found, tuple):
                    naives[row] = found
                    because.append(None)
                elif isinstance(found, str):
                    because.append(found)
                    micros[row] = NO_TIME
                else:
                    because.append(None)
                    micros[row] = found
            reasons = reasons.scatter(rest, pl.Series(because, dtype=pl.String))
            if naives:
                local, naive = _scatter(local, naive, naives)
        if not naive.any():
            return micros, reasons
        rows = np.flatnonzero(naive.to_numpy())
        placed, why = self._place(local["local"].gather(rows), local["day"].gather(rows))
        micros = micros.copy()
        micros[rows] = placed
        return micros, reasons.scatter(rows, why)

    def _read_one(self, text: str) -> int | str | tuple[datetime, bool]:
        """Read one time: its microseconds, a local time and whether it is a day, or the reason."""
        if not self.formats and PLAIN.fullmatch(text.strip()):
            return _NO_UNIT if self.unit is None else _NO_COUNT
        try:
            made = parse_time(text, self.formats)
        except ValueError as error:
            return str(error)
        if not isinstance(made, datetime):
            return datetime(made.year, made.month, made.day), True
        if made.tzinfo is None:
            return made, False
        try:
            return micros_of(made)
        except OverflowError:
            return _BEYOND


_LOCAL: dict[str, Any] = {"local": pl.Datetime("us"), "minutes": pl.Int64, "day": pl.Boolean}


def _read_as_iso(column: pl.Series) -> pl.DataFrame:
    """Read ISO 8601 in the way that suits the column."""
    uniform = read_uniform(column)
    if uniform is not None:
        return uniform
    some = column.head(100).drop_nulls().str.contains(_BASIC)
    readers: list[Callable[[pl.Series], pl.DataFrame]] = [_read_iso, _read_basic]
    if some.sum() * 2 > len(some):
        readers.reverse()
    local = readers[0](column)
    if local["local"].null_count() > column.null_count():
        local = _fill(local, readers[1](column))
    return local


def _read_iso(column: pl.Series) -> pl.DataFrame:
    """Read the common form of ISO 8601: the local time, its offset in minutes, and mere days."""
    return _read_parts(column.str.extract_groups(_ISO).struct.unnest())


def _read_basic(column: pl.Series) -> pl.DataFrame:
    """Read the form without separators, and hours of one digit, as spreadsheets write them."""
    short = column.str.contains(_SHORT).fill_null(False)
    parts = column.str.extract_groups(_BASIC).struct.unnest()
    day, clock = pl.col("day").str, pl.col("clock").str
    whole = [day.slice(0, 4), day.slice(4, 2), day.slice(6, 2)]
    basic = _read_parts(
        parts.with_columns(
            day=pl.concat_str(whole, separator="-"),
            clock=pl.concat_str([clock.slice(0, 2), clock.slice(2, 2)], separator=":"),
        )
    )
    if not short.any():
        return basic
    return _fill(basic, _read_iso(column.str.replace(_SHORT, "${1}T0${2}${3}")))


def _read_parts(parts: pl.DataFrame) -> pl.DataFrame:
    clock = pl.col("clock").fill_null("00:00") + pl.lit(":") + pl.col("s").fill_null("00")
    fraction = pl.col("f").fill_null("0").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64)
    zone = pl.col("zone").str.replace("^(?:[Zz]|UTC|GMT)$", "+00:00")
    rest = zone.str.slice(3).str.replace(":", "").str.replace("^$", "0").cast(pl.Int64)
    minutes = zone.str.slice(1, 2).cast(pl.Int64) * 60 + rest
    whole = (pl.col("day") + pl.lit(" ") + clock).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"
    )
    read = parts.select(
        local=whole + pl.duration(microseconds=fraction),
        minutes=pl.when(zone.str.starts_with("-")).then(-minutes).otherwise(minutes),
        day=pl.col("clock").is_null(),
    )
    # An offset of a day or more is none, and a day alone has none that would mean anything.
    wrong = (pl.col("minutes").abs() >= 24 * 60) | (pl.col("day") & pl.col("minutes").is_not_null())
    wrong |= pl.col("local").dt.year() < 1
    return read.with_columns(local=pl.when(~wrong.fill_null(False)).then("local"))


def _read_format(column: pl.Series, format_: str) -> pl.DataFrame:
    """Read times of one format by columns, where it has but common parts; else none."""
    nothing = pl.DataFrame(schema=_LOCAL).clear(len(column))
    pattern = _pattern_of(format_)
    if pattern is None:
        return nothing
    parts = column.str.strip_chars().str.extract_groups(pattern).struct.unnest()

    def part(name: str, default: str) -> pl.Expr:
        found = pl.col(name) if name in parts.columns else pl.lit(default)
        return found.str.strip_chars().str.zfill(2)

    year = pl.col("Y") if "Y" in parts.columns else _century(pl.col("y"))
    text = pl.concat_str(
        [year, part("m", "01"), part("d", "01"), part("H", "00"), part("M", "00"), part("S", "00")],
        separator=" ",
    )
    fraction = pl.col("f") if "f" in parts.columns else pl.lit("0")
    text = pl.when(~text.str.starts_with("0000")).then(text)
    return parts.select(
        local=text.str.to_datetime("%Y %m %d %H %M %S", strict=False, time_unit="us")
        + pl.duration(microseconds=fraction.str.pad_end(6, "0").cast(pl.Int64)),
        minutes=pl.lit(None, dtype=pl.Int64),
        day=pl.lit(not names_clock(format_)),
    )


def _century(year: pl.Expr) -> pl.Expr:
    """Read a year of two digits as POSIX does: 69 to 99 are of 1900."""
    return pl.when(year.cast(pl.Int64) >= 69).then("19" + year).otherwise("20" + year)


@cache
def _pattern_of(format_: str) -> str | None:
    """Make the pattern of a format; None where it has parts that are not read by columns."""
    pieces = re.split(r"(%.)", format_)
    names = [piece[1] for piece in pieces[1::2]]
    known = all(name in _DIRECTIVES or name == "%" for name in names)
    twice = len({*names} - {"%"}) < len([name for name in names if name != "%"])
    if not known or twice or not ("Y" in names or "y" in names):
        return None
    made = [
        re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(piece)) if place % 2 == 0
        else "%" if piece == "%%" else _DIRECTIVES[piece[1]]
        for place, piece in enumerate(pieces)
    ]  # fmt: skip
    return f"^(?i:{''.join(made)})$"


def _fill(local: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Fill what was not read in one way by what was in another."""
    read = local["local"].is_not_null()
    return pl.DataFrame([local[name].zip_with(read, other[name]) for name in _LOCAL])


def _scatter(
    local: pl.DataFrame, naive: pl.Series, found: dict[int, tuple[datetime, bool]]
) -> tuple[pl.DataFrame, pl.Series]:
    rows = np.array(list(found), dtype=np.int64)
    times = pl.Series([at for at, _ in found.values()], dtype=pl.Datetime("us"))
    days = pl.Series([day for _, day in found.values()], dtype=pl.Boolean)
    made = pl.DataFrame(
        [local["local"].scatter(rows, times), local["minutes"], local["day"].scatter(rows, days)]
    )
    return made, naive.scatter(rows, True)


def _without_point(column: pl.Series) -> pl.Series:
    """Write whole numbers without the point that a frame may have added."""
    return column.cast(pl.Int64, strict=False) if column.dtype.is_float() else column


def _flags(size: int, flag: bool) -> pl.Series:  # the value of each
    return pl.repeat(flag, size, eager=True)


def _reject_all(column: pl.Series, reason: str) -> tuple[Micros, pl.Series]:
    reasons = pl.select(
        pl.when(column.is_null()).then(pl.lit(NO_TIME_GIVEN)).otherwise(pl.lit(reason))
    )
    return np.full(len(column), NO_TIME), reasons.to_series()


def _to_numpy(micros: pl.Series) -> Micros:
    return micros.cast(pl.Int64).fill_null(NO_TIME).to_numpy()
