"""Working time: when a department or process is at work, and how much of a wait that was."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import Attribute, field, frozen, validators
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, rrulestr

from journeymap.exceptions import CalendarError
from journeymap.model.rules import closed, identifier, text

__all__ = ["Calendar", "Hours"]

_WEEKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
_DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


def _rule(owner: str, name: str, value: str, since: date) -> rrule:
    try:
        rule = rrulestr(value, dtstart=datetime.combine(since, time()))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise CalendarError(owner, name, value, f"not a recurrence rule (RRULE): {error}") from None
    steps = (YEARLY, MONTHLY, WEEKLY, DAILY)
    per_day = ("_byhour", "_byminute", "_bysecond")
    if not isinstance(rule, rrule) or getattr(rule, "_freq", None) not in steps:
        raise CalendarError(owner, name, value, "one rule of whole days (DAILY … YEARLY) is needed")
    if any(len(getattr(rule, part) or ()) > 1 for part in per_day):
        raise CalendarError(owner, name, value, "hours belong in 'opens' and 'closes'")
    return rule


@frozen
class Hours:
    """Opening hours on the days of a recurrence rule.

    ``days`` is an RRULE text of whole days; ``opens`` and ``closes`` are local wall-clock times,
    and hours that close at or before they open run past midnight. ``since`` anchors rules that
    count (``INTERVAL=2``).

    >>> Hours(opens=time(9), closes=time(17)).days
    'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR'
    """

    days: str = field(default=_WEEKDAYS)
    opens: time = time(9)
    closes: time = time(17)
    since: date = date(2000, 1, 3)

    @days.validator
    def _check_days(self, attribute: Attribute[str], value: str) -> None:
        text(self, attribute, value)
        _rule("Hours", "days", value, date(2000, 1, 3))

    def __attrs_post_init__(self) -> None:
        for name in ("opens", "closes"):
            value = getattr(self, name)
            if not isinstance(value, time) or value.tzinfo is not None:
                raise CalendarError("Hours", name, value, "a wall-clock time like 09:00 is needed")


@frozen
class Calendar:
    """The working time of a department or process.

    ``hours`` say when it is open, ``holidays`` are dates and ``holiday_rules`` RRULE texts of
    days on which no hours begin, ``zone`` is the IANA name of the zone the hours are told in.

    >>> office = Calendar("office", zone="Europe/Paris")
    >>> friday = datetime(2026, 3, 27, 16, tzinfo=ZoneInfo("Europe/Paris"))
    >>> monday = datetime(2026, 3, 30, 10, tzinfo=ZoneInfo("Europe/Paris"))
    >>> office.working_time(friday, monday)
    datetime.timedelta(seconds=7200)
    """

    id: str = field(validator=identifier)
    hours: tuple[Hours, ...] = field(default=(Hours(),), converter=closed)
    holidays: tuple[date, ...] = field(default=(), converter=closed)
    holiday_rules: tuple[str, ...] = field(default=(), converter=closed)
    zone: str = field(default="UTC", validator=validators.instance_of(str))

    @zone.validator
    def _check_zone(self, attribute: Attribute[str], value: str) -> None:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise CalendarError(
                "Calendar", "zone", value, "an IANA zone such as 'Europe/Paris' is needed"
            ) from None

    @holiday_rules.validator
    def _check_rules(self, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
        for rule in value:
            _rule("Calendar", "holiday_rules", rule, date(2000, 1, 3))

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """How much working time lies between two moments, exactly; negative when they run back.

        Both times must be aware. Daylight-saving changes count as they happen: a night shift
        over the spring change is an hour shorter.
        """
        for name, value in (("start", start), ("end", end)):
            if value.tzinfo is None or value.utcoffset() is None:
                raise CalendarError("Calendar", name, value, "a time with a zone is needed")
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end < start:
            return -self.working_time(end, start)
        total = timedelta(0)
        for year in range(start.year, end.year + 1):
            total += _worked_by(self, year, end) - _worked_by(self, year, start)
        return total

    def spans(self, year: int) -> tuple[Span, ...]:
        """The stretches of working time in a calendar year of UTC, merged, in order."""
        return _spans(self, year)


@lru_cache(maxsize=4096)
def _spans(calendar: Calendar, year: int) -> tuple[Span, ...]:
    lower = datetime(year, 1, 1, tzinfo=UTC)
    upper = datetime(min(year + 1, 9999), 1, 1, tzinfo=UTC)
    closed_on = set(calendar.holidays)
    for text_ in calendar.holiday_rules:
        closed_on.update(_days(text_, date(2000, 1, 3), year))
    raw = []
    for hours in calendar.hours:
        for day in _days(hours.days, hours.since, year):
            if day not in closed_on:
                raw.append(_opening(hours, day, ZoneInfo(calendar.zone)))
    merged: list[Span] = []
    for begin, end in sorted(raw):
        begin, end = max(begin, lower), min(end, upper)
        if begin >= end:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return tuple(merged)


def _days(rule_text: str, since: date, year: int) -> list[date]:
    """The days of a rule that can touch a year of UTC: two days of the neighbours are enough."""
    first = datetime(year, 1, 1) - 2 * _DAY if year > 1 else datetime(1, 1, 1)
    last = datetime(year, 12, 31) + 2 * _DAY if year < 9999 else datetime(9999, 12, 31)
    counted = "INTERVAL" in rule_text.upper() or "COUNT" in rule_text.upper()
    # A rule that does not count from its anchor may begin where we look: years of it are not run.
    anchor = since if counted else max(since, first.date())
    rule = _rule("Hours", "days", rule_text, anchor)
    return [found.date() for found in rule.between(first, last, inc=True)]


def _opening(hours: Hours, day: date, zone: ZoneInfo) -> Span:
    overnight = hours.closes <= hours.opens
    closing = day + _DAY if overnight and day < date.max else day
    begin = datetime.combine(day, hours.opens, tzinfo=zone).astimezone(UTC)
    end = datetime.combine(closing, hours.closes, tzinfo=zone).astimezone(UTC)
    return begin, end


@lru_cache(maxsize=4096)
def _running(calendar: Calendar, year: int) -> tuple[list[datetime], list[timedelta]]:
    begins, totals = [], [timedelta(0)]
    for begin, end in _spans(calendar, year):
        begins.append(begin)
        totals.append(totals[-1] + (end - begin))
    return begins, totals


def _worked_by(calendar: Calendar, year: int, moment: datetime) -> timedelta:
    """Working time of a year that has passed at a moment."""
    if moment.year < year:
        return timedelta(0)
    begins, totals = _running(calendar, year)
    if moment.year > year:
        return totals[-1]
    place = bisect_right(begins, moment)
    if place == 0:
        return timedelta(0)
    begin, end = _spans(calendar, year)[place - 1]
    return totals[place - 1] + (min(moment, end) - begin)
