"""Points in time as whole microseconds since 1970 UTC, the form in which they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["EPOCH", "MICROSECOND"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The instant from which microseconds are counted."""
MICROSECOND = timedelta(microseconds=1)
"""The unit: a time divided by it is exact."""
