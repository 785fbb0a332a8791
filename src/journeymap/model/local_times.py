"""Local times: what instant a clock of a zone means, also where it shows a time twice or never."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["ClockChange", "is_zone", "place_local_time", "start_of_day"]

ClockChange: TypeAlias = Literal["earlier", "later"]
"""Which instant is meant by a time that the clocks show twice or never when they change."""


def is_zone(name: str) -> bool:
    """Check whether a name is that of an IANA zone.

    Args:
        name: The name, such as ``Europe/Paris``.

    Returns:
        True if there is such a zone.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def place_local_time(local: datetime, zone: ZoneInfo, clock_change: ClockChange | None) -> datetime:
    """Find the instant of a local time.

    Args:
        local: The time that a clock shows, without a zone.
        zone: The zone of the clock.
        clock_change: Which instant is meant where the clocks change (None: neither).

    Returns:
        The time in its zone; in UTC where the clocks change, since times of a zone that its clock
        shows twice are equal to none of another zone.

    Raises:
        ValueError: The clocks show this time twice, or never, and neither is meant.
    """
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    shown = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    twice = shown == local.replace(fold=0)
    if clock_change is None:
        often = "show this time twice" if twice else "never show this time"
        raise ValueError(f"the clocks of {zone.key} {often}")
    if twice == (clock_change == "earlier"):  # a gap turns them round
        return first.astimezone(UTC)
    return second.astimezone(UTC)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Find the first instant of a day, also where the clocks never show its midnight.

    Args:
        day: The day.
        zone: The zone of the calendar.

    Returns:
        Its first time.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)  # the first, if there are two
    if midnight.utcoffset() == midnight.replace(fold=1).utcoffset():
        return midnight
    return midnight.astimezone(UTC)
