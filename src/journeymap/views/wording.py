"""Wording: numbers, shares, times, money and periods, as pages write them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from journeymap.model.durations import span_text
from journeymap.views.text_fit import shown

if TYPE_CHECKING:
    from journeymap.analysis import Overview
    from journeymap.model import JourneyMap

__all__ = [
    "MISSING",
    "count_text",
    "decimal_text",
    "department_name",
    "element_name",
    "interval_text",
    "keep_together",
    "money_text",
    "name_in_map",
    "number_text",
    "period_name",
    "plural_text",
    "share_text",
    "signed_text",
    "unit_text",
    "wait_text",
]  # fmt: skip

MISSING, _MINUS = "–", "−"
"""What stands where there is no value."""
_MANY_DAYS = 1000
_UNIT = re.compile(r"(?<=\d) (?=(%|[A-Z]{3}|d|h|min|s)(?![A-Za-z]))")
_TIMES = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "week": 604_800}
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip


def count_text(count: float | None) -> str:
    """Write a count, thousands apart."""
    return MISSING if count is None else f"{count:,.0f}"


def number_text(number: float | None) -> str:
    """Write any number: three figures, and whole above a thousand."""
    if number is None:
        return MISSING
    size = abs(number)
    if 0 < size < 0.001:
        return f"< {'' if number > 0 else _MINUS}0.001"
    if size >= 999.5:
        return _signed(f"{number:,.0f}")
    return _signed(f"{number:.3g}")


def _signed(written: str) -> str:
    """Write minus as a sign; nothing, rounded, has none."""
    if not any(one in "123456789" for one in written):
        written = written.removeprefix("-")
    return written.replace("-", _MINUS)


def decimal_text(number: float | None) -> str:
    """Write a small number with two decimals, so that those of a column can be compared."""
    return MISSING if number is None else f"{number:,.2f}"


def signed_text(number: float | None, decimals: int = 2) -> str:
    """Write a number with its sign: a change, or a mood."""
    return MISSING if number is None else f"{number:+,.{decimals}f}".replace("-", _MINUS)


def unit_text(number: float | None, unit: str) -> str:
    """Write a number with its unit; a time in its two largest units."""
    if number is None:
        return MISSING
    if unit in _TIMES:
        return f"{_MINUS if number < 0 else ''}{wait_text(abs(number) * _TIMES[unit])}"
    return f"{number_text(number)} {shown(unit)}".rstrip()


def share_text(share: float | None) -> str:
    """Write a share in percent: one decimal under ten."""
    if share is None:
        return MISSING
    if share == 0:
        return "0 %"
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return _signed(f"{100 * share:.1f} %" if abs(share) < 0.0995 else f"{100 * share:.0f} %")


def interval_text(
    low: float | None, high: float | None, *, share: bool = False, unit: str = ""
) -> str:
    """Write an interval; of a share, in percent; of times, in their units."""
    if low is None or high is None:
        return MISSING
    if unit in _TIMES:
        return f"{unit_text(low, unit)} to {unit_text(high, unit)}"
    if unit in ("%", "pp"):
        return f"{number_text(low)} to {number_text(high)} {unit}"
    if not share:
        return f"{number_text(low)} to {number_text(high)}"
    form = ".0f" if min(low, high) >= 0.0995 else ".1f"
    return f"{100 * low:{form}}–{100 * high:{form}} %"


def wait_text(seconds: float | None) -> str:
    """Write a length of time in its two largest units."""
    if seconds is None:
        return MISSING
    days = seconds / 86_400
    return f"{days:,.0f} d" if days >= _MANY_DAYS else span_text(seconds)


def keep_together(text: str) -> str:
    """Keep numbers and their units on one line."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def money_text(amount: float | None, currency: str | None) -> str:
    """Write an amount of money: no cents above a thousand."""
    if amount is None:
        return MISSING
    written = f"{amount:,.2f}" if abs(amount) < 1000 and amount % 1 else f"{amount:,.0f}"
    return f"{_signed(written)} {shown(currency or '')}".rstrip()


def period_name(first_day: str, every: str | None) -> str:
    """Name a period by its first day, in ISO 8601."""
    day = date.fromisoformat(first_day[:10])
    month = _MONTHS[day.month - 1]
    if every == "year":
        return str(day.year)
    if every == "quarter":
        return f"Q{(day.month + 2) // 3} {day.year}"
    if every == "month":
        return f"{month} {day.year}"
    named = f"{day.day} {month[:3]} {day.year}"
    return f"week of {named}" if every == "week" else named


def department_name(overview: Overview, department: str | None) -> str:
    """Name a department as the map does."""
    if department is None:
        return MISSING
    known = overview.map.departments
    return shown(known[department].name if department in known else department)


def element_name(overview: Overview, name: str) -> str:
    """Name a touchpoint, stage, moment or key journey as the map does."""
    return name_in_map(overview.map, name)


def name_in_map(journey: JourneyMap | None, name: str) -> str:
    """Name an element as a map does; without a map, as it was recorded."""
    if journey is not None:
        for known in (journey.touchpoints, journey.stages, journey.moments, journey.key_journeys,
                      journey.departments, journey.channels):  # fmt: skip
            if name in known:
                return shown(known[name].name)
    return shown(name)


def plural_text(count: int, one: str, several: str) -> str:
    """Write a count with its word."""
    return f"{count:,} {one if count == 1 else several}"
