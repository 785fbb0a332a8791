"""Times as an analyst writes them: a time with its zone, or a day in the zone of the log."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from attrs import Attribute

from journeymap.exceptions import AnswerError, ColumnsError
from journeymap.model.instants import LAST_MICROS, micros
from journeymap.model.local_times import start_of_day
from journeymap.model.rules import maybe_length

__all__ = [
    "GivenLengths",
    "GivenTime",
    "GivenTimes",
    "Lengths",
    "Moments",
    "TimeOrDay",
    "as_time",
    "begin_of",
    "check_as_of",
    "check_time",
    "end_of",
    "last_of",
    "read_lengths",
    "read_times",
]

TimeOrDay: TypeAlias = datetime | date
Moments: TypeAlias = tuple[TimeOrDay | None, TimeOrDay | None]
Lengths: TypeAlias = tuple[timedelta | None, timedelta | None]
GivenTime: TypeAlias = str | TimeOrDay | None
GivenTimes: TypeAlias = tuple[GivenTime, GivenTime] | None
GivenLength: TypeAlias = str | timedelta | None
GivenLengths: TypeAlias = tuple[GivenLength, GivenLength] | None


def as_time(value: GivenTime) -> TimeOrDay | None:
    """Read a time or a day that is written as text; what cannot be read is left as it is."""
    if not isinstance(value, str):
        return value
    for kind in (date, datetime):
        try:
            return kind.fromisoformat(value)
        except ValueError:
            continue
    unread: Any = value  # the validator raises the error, which names the field
    found: TimeOrDay = unread
    return found


def read_times(value: GivenTimes) -> Moments | None:
    """Read two times; see `as_time`."""
    found: Any = tuple(map(as_time, value)) if isinstance(value, tuple | list) else value
    read: Moments | None = found
    return read


def read_lengths(value: GivenLengths) -> Lengths | None:
    """Read two lengths of time."""
    found: Any = tuple(map(maybe_length, value)) if isinstance(value, tuple | list) else value
    read: Lengths | None = found
    return read


def check_time(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a time with a zone, or a day."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return
    if not isinstance(value, datetime):
        message = f"{attribute.name}: a datetime, or a day such as '2026-03-01', is expected, not"
        raise ColumnsError(f"{message} {value!r}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise ColumnsError(f"{attribute.name}: a time without a zone is a guess; name it")


def check_as_of(instance: object, attribute: Attribute[datetime | None], value: object) -> None:
    """Require a time with a zone, or none."""
    if value is None:
        return
    if not isinstance(value, datetime) or value.tzinfo is None or value.utcoffset() is None:
        message = f"{attribute.name}: a time with a zone is expected, not {value!r}"
        raise AnswerError(type(instance).__name__, message)


def begin_of(moment: TimeOrDay, zone: str) -> int:
    """Find where a time or a day begins, in microseconds since 1970."""
    try:
        return micros(
            moment if isinstance(moment, datetime) else start_of_day(moment, ZoneInfo(zone))
        )  # fmt: skip
    except OverflowError:  # in UTC it lies outside the calendar
        return -(2**62) if moment.year < 5000 else 2**62


def last_of(as_of: datetime) -> int:
    """Find the microseconds of a time with a zone; of one after all years, where they end."""
    return min(begin_of(as_of, "UTC"), LAST_MICROS)


def end_of(moment: TimeOrDay, zone: str) -> int:
    """Find where a day is over; of a time, the time itself."""
    if isinstance(moment, datetime) or moment == date.max:
        return begin_of(moment, zone)
    return begin_of(moment + timedelta(days=1), zone)
