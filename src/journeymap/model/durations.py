"""Lengths of time as people write them: ``7 days``, ``1 h 30 min``, ``PT90S``, ``1:30:00``.

>>> duration("1 h 30 min")
datetime.timedelta(seconds=5400)
>>> duration_text(timedelta(days=7, hours=2))
'7 days 2 h'
"""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["PATTERN", "duration", "duration_text", "span_text"]

_UNITS = {"day": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1000,
          "us": 1}  # fmt: skip
_NAMES = {
    "w": "week", "week": "week", "weeks": "week",
    "d": "day", "day": "day", "days": "day",
    "h": "h", "hour": "h", "hours": "h",
    "m": "min", "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "s": "s", "sec": "s", "second": "s", "seconds": "s",
    "ms": "ms", "us": "us",
}  # fmt: skip
_PART = re.compile(r"(\d{1,9})\s*([a-z]+)\s*", re.ASCII)
_ISO = re.compile(
    r"P(?:(\d{1,9})W)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6}))?S)?)?",
    re.ASCII,
)
_CLOCK = re.compile(  # the groups of _ISO, of which weeks are never written here
    r"()(?:(\d{1,9})\s*days?,?\s*)?(\d{1,9}):([0-5]\d):([0-5]\d)(?:\.(\d{1,6})\d*)?", re.ASCII
)
_UNIT = "|".join(
    "".join(f"[{letter}{letter.upper()}]" for letter in name)
    for name in sorted(_NAMES, key=len, reverse=True)
)
_INNER = (
    r"(P(?=.*\d)(\d{1,9}W)?(\d{1,9}D)?"
    r"(T(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}(\.\d{1,6})?S)?)?"
    r"|(\d{1,9}\s*days?,?\s*)?\d{1,9}:[0-5]\d:[0-5]\d(\.\d+)?"
    rf"|(\d{{1,9}}\s*({_UNIT})\s*)+)"
)
# Digits and blanks of ASCII alone, also where a language lets these letters stand for more.
_INNER = _INNER.replace(r"\d", "[0-9]").replace(r"\s", r"[\t-\r ]")
PATTERN = rf"^\s*{_INNER}\s*$"
"""What ``duration`` reads, as a regular expression of any language."""


def duration(text: str) -> timedelta:
    """Read a length of time; raises ValueError with the cure when it is not one.

    Weeks, days, hours, minutes and seconds may be combined; ISO 8601 durations and
    hours, minutes and seconds with colons are read too. Months and years are refused, because their
    length depends on when they begin.

    >>> duration("P1DT12H") == duration("36 hours")
    True
    """
    found = _ISO.fullmatch(text.strip()) or _CLOCK.fullmatch(text.strip())
    if found and any(found.groups()):
        weeks, days, hours, minutes, seconds = (int(g or 0) for g in found.groups()[:5])
        fraction = int((found.group(6) or "0").ljust(6, "0"))
        micros = fraction + 1_000_000 * (seconds + 60 * (minutes + 60 * hours))
        return _checked(micros + (days + 7 * weeks) * _UNITS["day"], text)
    total, rest = 0, text.strip().lower()
    while rest:
        part = _PART.match(rest)
        unit = _NAMES.get(part.group(2)) if part else None
        if part is None or unit is None:
            raise ValueError(
                f"{text!r} is no length of time; write '7 days', '1 h 30 min' or 'P7D'"
                + (" (months and years vary: say days)" if re.search("month|year", rest) else "")
            )
        total += int(part.group(1)) * (7 * _UNITS["day"] if unit == "week" else _UNITS[unit])
        rest = rest[part.end() :]
    if not text.strip():
        raise ValueError("an empty text is no length of time; write '7 days' or 'P7D'")
    return _checked(total, text)


def duration_text(value: timedelta) -> str:
    """Write a length of time so that ``duration`` reads the same one back."""
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    parts = []
    for unit, size in _UNITS.items():
        number, micros = divmod(micros, size)
        if number:
            plural = "s" if unit == "day" and number > 1 else ""
            parts.append(f"{number} {unit}{plural}")
    return " ".join(parts) or "0 s"


def span_text(seconds: float) -> str:
    """Write a length of time in its two largest units: ``3 d 4 h``.

    >>> span_text(93_600), span_text(0.25)
    ('1 d 2 h', '0.25 s')
    """
    if abs(seconds) < 60:
        return f"{seconds:.3g} s"
    left = round(abs(timedelta(seconds=seconds)).total_seconds())
    days, rest = divmod(left, 86_400)
    hours, minutes, secs = rest // 3600, rest % 3600 // 60, rest % 60
    sign = "-" if seconds < 0 else ""
    if days >= 100:
        return f"{sign}{days} d"
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (secs, "s")]
    first = next(i for i, (number, _) in enumerate(parts) if number)
    shown = [f"{number} {unit}" for number, unit in parts[first : first + 2] if number]
    return sign + " ".join(shown)


def _checked(micros: int, text: str) -> timedelta:
    try:
        return timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar") from None
