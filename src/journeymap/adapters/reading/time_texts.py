"""Times as texts, in the forms of ISO 8601 and in formats that are named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any, Literal, TypeAlias

from attrs import Attribute

from journeymap.exceptions import ElementError
from journeymap.model.instants import EPOCH

__all__ = [
    "NO_ISO",
    "TimeUnit",
    "count_time",
    "format_fault",
    "names_clock",
    "parse_time",
    "readable_formats",
]

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns", "days", "excel"]
"""What a number counts, since 1970 UTC; ``excel`` counts days since 1899-12-30 by a local clock."""

NO_ISO = "not a time of ISO 8601"
"""Why a text is no time."""
_EXCEL_BEGIN = datetime(1899, 12, 30)
_IN_MICROS: dict[str, Decimal] = {
    "s": Decimal(1_000_000), "ms": Decimal(1000), "us": Decimal(1), "ns": Decimal("0.001"),
    "days": Decimal(86_400_000_000), "excel": Decimal(86_400_000_000),
}  # fmt: skip
_SHORT = re.compile(r"^(\d{4}-\d\d-\d\d[ T])(\d:)")  # what spreadsheets make of an hour
_ZONE = re.compile(r"(?:\s*(?:UTC|GMT|[Zz])|\s+(?P<offset>[+-]\d\d(?::?\d\d)?))$")
_KNOWN = "aAwdbBmyYHIMSpfzZjUWcxXGuV%"  # what every strptime reads
_DIRECTIVE = re.compile(r"%-?(%|[A-Za-z])")
_CLOCK = re.compile(r"%(?:%|[HIMSfTRXcsp])")


def parse_time(text: str, formats: Sequence[str] = ()) -> datetime | date:
    """Read a time; a text without a time of day gives a date.

    Args:
        text: The text.
        formats: The formats that it may have, as ``strptime`` has them (none: ISO 8601).

    Returns:
        The time, with its zone where the text names one.

    Raises:
        ValueError: It is no time, or has none of the formats.
    """
    text = text.strip()
    for one in formats:
        try:
            made = datetime.strptime(text, one)
        except ValueError:
            continue
        return made if names_clock(one) else made.date()
    if formats:
        raise ValueError(format_fault(formats))
    try:
        found = _ZONE.search(text)
        if found is not None:
            text = text[: found.start()] + (found["offset"] or "+00:00")
        if len(text) <= 10 and ":" not in text and "T" not in text:
            return date.fromisoformat(text)
        return datetime.fromisoformat(_SHORT.sub(r"\g<1>0\2", text))
    except ValueError:
        raise ValueError(NO_ISO) from None


def format_fault(formats: Sequence[str]) -> str:
    """Name the formats that a text does not have."""
    return f"no time that can be read as {' or '.join(formats)}"


def names_clock(format_: str) -> bool:
    """Check whether a format has a time of day."""
    return any(found != "%%" for found in _CLOCK.findall(format_))


def readable_formats(instance: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    """Require formats that give whole times; raise ElementError for any other.

    One that names no year would give the year 1900; a zone's name is passed over by ``strptime``.
    """
    for one in value:
        named = set(_DIRECTIVE.findall(one))
        message = ""
        unknown = sorted(named - set(_KNOWN))
        if unknown:
            message = f"%{unknown[0]} is not read"
        elif "Z" in named:
            message = "names of zones are not read: use %z for offsets, or name the timezone"
        elif not named & {"Y", "y", "G", "c", "x"}:
            message = "it has no year, such as %Y"
        if message:
            raise ElementError(type(instance).__name__, attribute.name, one, message)


def count_time(count: Decimal, unit: TimeUnit) -> datetime:
    """Find the time that a number counts; of ``excel``, one without a zone.

    Args:
        count: The number.
        unit: What it counts.

    Returns:
        The time.

    Raises:
        OverflowError: It lies outside the years 1 to 9999.
    """
    # What is finer than a microsecond is cut off, as it is of texts.
    way = ROUND_FLOOR if unit == "ns" else ROUND_HALF_EVEN
    since = timedelta(microseconds=int((count * _IN_MICROS[unit]).to_integral_value(way)))
    if unit == "excel":
        # A day of a spreadsheet has no more than milliseconds; floating point adds the rest.
        seconds = round(since.total_seconds(), 3)
        return _EXCEL_BEGIN + timedelta(seconds=seconds)
    return (EPOCH + since).astimezone(UTC)
