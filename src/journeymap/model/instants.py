"""Points in time as whole microseconds since 1970 UTC, the form in which they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["EPOCH", "MICROSECOND", "instant", "micros"]

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


def instant(number: int) -> datetime:
    """Convert microseconds since 1970 to the time in UTC."""
    return EPOCH + number * MICROSECOND
