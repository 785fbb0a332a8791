"""Points in time as whole microseconds since 1970 UTC, the form in which they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["EPOCH", "FIRST_MICROS", "LAST_MICROS", "MICROSECOND", "instant", "micros", "micros_in"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The instant from which microseconds are counted."""
MICROSECOND = timedelta(microseconds=1)
"""The unit: a time divided by it is exact."""


def micros(at: datetime) -> int:
    """Convert a time with a zone to microseconds since 1970 UTC.

    Args:
        at: The time.

    Returns:
        The microseconds.
    """
    # In UTC: times of one zone are subtracted by the clock on the wall, which is set twice a year.
    return (at.astimezone(UTC) - EPOCH) // MICROSECOND


FIRST_MICROS, LAST_MICROS = (
    micros(one.replace(tzinfo=UTC)) for one in (datetime.min, datetime.max)
)
"""The first and the last microsecond of the years 1 to 9999."""


def instant(number: int) -> datetime:
    """Convert microseconds since 1970 to the time in UTC."""
    return EPOCH + number * MICROSECOND


_LONGEST = 4 * 10**17
"""Microseconds in more years than there are; with any time, they are a number of 64 bits."""


def micros_in(length: timedelta) -> int:
    """Convert a length of time to microseconds; one longer than all years is cut.

    Args:
        length: The length of time.

    Returns:
        The microseconds.

    >>> micros_in(timedelta(seconds=2)), micros_in(timedelta.max)
    (2000000, 400000000000000000)
    """
    return min(length // MICROSECOND, _LONGEST)
