"""Calendar periods: the day, week, month, quarter or year of a time, in a zone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from attrs import frozen
from dateutil.relativedelta import relativedelta

from journeymap.analysis.table.part import Ints, Scope
from journeymap.exceptions import AnswerError, nearest
from journeymap.model.instants import instant, micros
from journeymap.model.local_times import start_of_day

__all__ = [
    "LENGTHS",
    "PERIODS",
    "WEEK_STARTS",
    "CalendarPeriods",
    "MovingWindow",
    "Period",
    "WeekStart",
    "read_every",
]

Period = Literal["day", "week", "month", "quarter", "year"]
WeekStart = Literal["monday", "sunday"]
PERIODS = ("day", "week", "month", "quarter", "year")
WEEK_STARTS = ("monday", "sunday")
_UNITS = ("hour", *PERIODS)
LENGTHS = {"hour": 3_600_000_000, "day": 86_400_000_000, "week": 604_800_000_000}
"""The units that have a length of their own, in microseconds."""
_EVERY = re.compile(r"(?:(\d{1,4}) )?(hour|day|week|month|quarter|year)(s?)")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
MAX_ROWS = 1_000_000  # of an answer by periods: more come of a wrong time in the log
_EPOCH = date(1970, 1, 1)  # a Thursday
# A day inside the years 1 to 9999, so that every zone and every period stays within them.
_RANGE = (-62_135_510_400_000_000, 253_402_214_400_000_000)
_LEAST = (date.min - _EPOCH).days
_SHIFT = {"monday": 3, "sunday": 4}
_DAY = 86_400_000_000


def read_every(text: Any) -> tuple[int, str]:
    """Read a length of periods, such as ``week`` or ``2 weeks``: how many, of which unit.

    Args:
        text: The length.

    Returns:
        The number, and the unit.

    Raises:
        ValueError: It is none.
    """
    found = _EVERY.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[1] or 1) < 1 or (found[3] and not found[1]):
        near = nearest(str(text), _UNITS)
        hint = f", perhaps {near!r}" if near else ""
        expected = ", ".join(map(repr, _UNITS))
        raise ValueError(f"one of {expected} or several, such as '2 weeks', is expected{hint}")
    return int(found[1] or 1), found[2]


@cache
def _past_the_hour(zone: str) -> int:
    """Return by how many microseconds a zone's clock is ahead of full hours of UTC.

    Its offset in January 2026 counts for all times, so that every hour is one hour long.
    """
    offset = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1) % LENGTHS["hour"]


@frozen
class MovingWindow:
    """Windows of one length, one behind the other: 0 is the one that ends at a time, -1 before it.

    Attributes:
        length: The length, in microseconds.
        end: The end, in microseconds since 1970; it is not part of the window.
        zone: The zone in which a window is named.
    """

    length: int
    end: int
    zone: str

    def number(self, at: Ints) -> Ints:
        """Return the number of the window of each time."""
        found: Ints = (at - self.end) // self.length + 1
        return found

    def label(self, number: int) -> str:
        """Name a window by its first instant, in ISO 8601."""
        first = instant(self.begin(number)).astimezone(ZoneInfo(self.zone))
        return first.isoformat(timespec="minutes")

    def begin(self, number: int) -> int:
        """Find the first instant of a window, in microseconds since 1970."""
        return self.end + (number - 1) * self.length


@frozen
class CalendarPeriods:
    """Periods of one kind in one zone, each a whole number that counts on by one."""

    every: Period | Literal["hour"]
    week_starts: WeekStart
    zone: str

    def number(self, at: Ints) -> Ints:
        """Return the number of the period of each time, given in microseconds since 1970."""
        if self.every == "hour":
            return (np.clip(at, *_RANGE) + _past_the_hour(self.zone)) // LENGTHS["hour"]
        if self.every in ("day", "week"):
            days = self._days(at)
            return days if self.every == "day" else (days + _SHIFT[self.week_starts]) // 7
        local = self._local(at).dt
        months = (local.year().cast(pl.Int64) - 1970) * 12 + local.month().cast(pl.Int64) - 1
        found: Ints = months.to_numpy() // _MONTHS[self.every]
        return found

    def label(self, number: int) -> str:
        """Name a period by its first day, an hour by its local time, in ISO 8601."""
        if self.every == "hour":
            at = instant(self.begin(number)).astimezone(ZoneInfo(self.zone))
            return at.isoformat(timespec="minutes")
        return self.start(number).isoformat()

    def begin(self, number: int) -> int:
        """Find the first instant of a period, in microseconds since 1970."""
        if self.every == "hour":
            return number * LENGTHS["hour"] - _past_the_hour(self.zone)
        return micros(start_of_day(self.start(number), ZoneInfo(self.zone)))

    def end(self, number: int) -> int:
        """Find where the next period begins; beyond the calendar, never."""
        try:
            return self.begin(number + 1)
        except (OverflowError, ValueError):
            return 2**62

    def is_seen_from(self, number: int, first: int) -> bool:
        """Check whether a log that begins at a time holds a period from its begin on.

        The first interaction may come a little later: up to a day, or a tenth of the period.
        """
        begin = self.begin(number)
        return first - begin <= max((self.end(number) - begin) // 10, LENGTHS["day"])

    def start(self, number: int) -> date:
        """Find the first day of a period."""
        if self.every == "hour":
            return _EPOCH + timedelta(days=number // 24)
        if self.every == "day":
            return _EPOCH + timedelta(days=number)
        if self.every == "week":
            return _EPOCH + timedelta(days=max(7 * number - _SHIFT[self.week_starts], _LEAST))
        return _EPOCH + relativedelta(months=number * _MONTHS[self.every])

    def check_size(self, question: str, scope: Scope, rows: int) -> None:
        """Raise AnswerError for more rows than anyone could look at."""
        if rows > MAX_ROWS:
            span = self.span(scope)
            message = (
                f"from {self.start(span.start)} to {self.start(span.stop - 1)} it would have "
                f"{rows:,} rows; choose a longer period, or a time with log.where(since=…)"
            )
            raise AnswerError(question, message)

    def span(self, scope: Scope) -> range:
        """List the periods that a log covers, or that lie between its bounds."""
        if not scope.interactions and (scope.since is None or scope.until is None):
            return range(0)
        first = scope.first if scope.since is None else scope.since
        last = scope.last if scope.until is None else scope.until - 1
        if last < first:
            return range(0)
        begin, end = self.number(np.array([first, last], dtype=np.int64)).tolist()
        return range(begin, end + 1)

    def _days(self, at: Ints) -> Ints:
        at = np.clip(at, *_RANGE)
        if self.zone == "UTC":
            return at // _DAY
        return self._local(at).dt.date().to_physical().cast(pl.Int64).to_numpy()

    def _local(self, at: Ints) -> pl.Series:
        return pl.Series(np.clip(at, *_RANGE), dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(
            self.zone
        )
