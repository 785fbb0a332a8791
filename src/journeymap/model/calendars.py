"""Working time: when a department or process is at work, and how much of a wait that was."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from attrs import Attribute, field, frozen
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, rrulestr

from journeymap.exceptions import CalendarError
from journeymap.model.local_times import is_zone
from journeymap.model.rules import as_tuple, each, identifier, of_type, text

__all__ = ["Calendar", "Hours"]

_WEEKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
_DAY = timedelta(days=1)
_ORIGIN = date(2000, 1, 3)  # the Monday to and from which rules count their steps
_EARLIEST = datetime(1900, 1, 1)
MAX_YEARS_AHEAD = 50
"""Years searched for enough working time: a calendar that opens less often is a mistake."""
_UNTIL = re.compile(r"(UNTIL=\d{8})T\d{6}Z?", re.IGNORECASE)
_NO_INTERVAL = re.compile(r"INTERVAL=0*(;|$)", re.IGNORECASE)
# What a rule must name so that the days it falls on do not depend on where it began.
_ENOUGH = {
    "DAILY": re.compile(""),
    "WEEKLY": re.compile("BYDAY"),
    "MONTHLY": re.compile("BYDAY|BYMONTHDAY"),
    "YEARLY": re.compile("BYYEARDAY|BYEASTER|BYMONTH=.*(BYDAY|BYMONTHDAY)"
                         "|(BYDAY|BYMONTHDAY)=.*BYMONTH="),
}  # fmt: skip
Span = tuple[datetime, datetime]


def _rule(owner: str, name: str, value: str, since: date) -> rrule:
    text_ = _UNTIL.sub(r"\1", value)  # whole days: the time of an end does not matter
    if _NO_INTERVAL.search(text_):
        raise CalendarError(owner, name, value, "an INTERVAL is a whole number from 1 up")
    try:
        rule = rrulestr(text_, dtstart=datetime.combine(since, time()))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise CalendarError(owner, name, value, f"not a recurrence rule (RRULE): {error}") from None
    steps = (YEARLY, MONTHLY, WEEKLY, DAILY)
    per_day = ("_byhour", "_byminute", "_bysecond")
    if not isinstance(rule, rrule) or getattr(rule, "_freq", None) not in steps:
        raise CalendarError(owner, name, value, "one rule of whole days (DAILY … YEARLY) is needed")
    if any(len(getattr(rule, part) or ()) > 1 for part in per_day):
        raise CalendarError(owner, name, value, "hours belong in 'opens' and 'closes'")
    return rule


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


@frozen
class Hours:
    """Opening hours on the days of a recurrence rule.

    Attributes:
        days: The days, as the text of an RRULE (RFC 5545), such as ``FREQ=WEEKLY;BYDAY=MO,TU``.
        opens: When they begin.
        closes: When they end; not later than ``opens`` means on the next day.
        since: The day from which the rule holds, and counts its steps (None: it holds from 1900 on;
            an ``INTERVAL`` counts from 3 January 2000, a Monday, in both directions, and a
            ``COUNT`` from that day on).
        instead: Whether these replace all other hours of their days, such as 24 December.

    Raises:
        CalendarError: The rule cannot be understood.

    >>> Hours(opens=time(9), closes=time(17)).days
    'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR'
    """

    days: str = field(default=_WEEKDAYS)
    opens: time = time(9)
    closes: time = time(17)
    since: date | None = None
    instead: bool = field(default=False, validator=of_type(bool), kw_only=True)

    @days.validator
    def _check_days(self, attribute: Attribute[str], value: str) -> None:
        text(self, attribute, value)
        _rule("Hours", "days", value, _ORIGIN)

    def __attrs_post_init__(self) -> None:
        for name in ("opens", "closes"):
            value = getattr(self, name)
            if not isinstance(value, time) or value.tzinfo is not None:
                raise CalendarError("Hours", name, value, "a wall-clock time like 09:00 is needed")
        if self.since is not None and (not _is_day(self.since) or self.since.year < 1900):
            raise CalendarError("Hours", "since", self.since, "a date from 1900 on is needed")


@frozen
class Calendar:
    """The working time of a department or process.

    Attributes:
        id: The calendar's id.
        zone: The IANA name of the zone of its hours.
        hours: The opening hours; overlapping ones count once.
        holidays: Dates on which no hours begin.
        holiday_rules: Recurrence rules (RRULE texts) of further such days.

    Raises:
        CalendarError: A rule, an hour or the zone cannot be understood.

    >>> office = Calendar("office", zone="Europe/Paris")
    >>> friday = datetime(2026, 3, 27, 16, tzinfo=ZoneInfo("Europe/Paris"))
    >>> monday = datetime(2026, 3, 30, 10, tzinfo=ZoneInfo("Europe/Paris"))
    >>> office.working_time(friday, monday)
    datetime.timedelta(seconds=7200)
    """

    id: str = field(validator=identifier)
    hours: tuple[Hours, ...] = field(default=(Hours(),), converter=as_tuple, validator=each(Hours))
    holidays: tuple[date, ...] = field(default=(), converter=as_tuple)
    holiday_rules: tuple[str, ...] = field(default=(), converter=as_tuple)
    zone: str = field(default="UTC", validator=of_type(str))

    @zone.validator
    def _check_zone(self, attribute: Attribute[str], value: str) -> None:
        if not is_zone(value):
            message = "an IANA zone such as 'Europe/Paris' is needed"
            raise CalendarError("Calendar", "zone", value, message)

    @holidays.validator
    def _check_holidays(self, attribute: Attribute[tuple[date, ...]], value: Any) -> None:
        for day in value:
            if not _is_day(day):
                raise CalendarError("Calendar", "holidays", day, "a date is needed")

    @holiday_rules.validator
    def _check_rules(self, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
        for rule in value:
            _rule("Calendar", "holiday_rules", rule, _ORIGIN)

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """Measure how much working time lies between two times, exactly.

        Daylight-saving changes count as they happen: a night shift across one is an hour shorter or
        longer.

        Args:
            start: The time from which to count.
            end: The time up to which to count.

        Returns:
            The working time; negative when the times run back.

        Raises:
            CalendarError: A time has no zone.
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

    def ahead(self, start: datetime, length: timedelta) -> datetime | None:
        """Find the time when so much working time will have passed.

        Args:
            start: The time from which to count.
            length: How much working time.

        Returns:
            The time; None if the calendar never has that much.

        Raises:
            CalendarError: The start has no zone.

        >>> office = Calendar("office", zone="Europe/Paris")
        >>> friday = datetime(2026, 3, 27, 16, tzinfo=ZoneInfo("Europe/Paris"))
        >>> str(office.ahead(friday, timedelta(hours=2)).astimezone(ZoneInfo("Europe/Paris")))
        '2026-03-30 10:00:00+02:00'
        """
        if start.tzinfo is None or start.utcoffset() is None:
            raise CalendarError("Calendar", "start", start, "a time with a zone is needed")
        start = start.astimezone(UTC)
        # What has to have passed of each year, counted from its beginning.
        target = length + _worked_by(self, start.year, start)
        for year in range(start.year, min(start.year + MAX_YEARS_AHEAD, 9999) + 1):
            begins, totals = _running(self, year)
            if target <= totals[-1]:
                place = bisect_left(totals, target) - 1
                return begins[place] + (target - totals[place])
            target -= totals[-1]
        return None

    def spans(self, year: int) -> tuple[Span, ...]:
        """List the stretches of working time in a calendar year of UTC, merged and in order.

        Args:
            year: The year.

        Returns:
            Pairs of begin and end, in UTC.
        """
        return _spans(self, year)


@lru_cache(maxsize=4096)
def _spans(calendar: Calendar, year: int) -> tuple[Span, ...]:
    lower = datetime(year, 1, 1, tzinfo=UTC)
    upper = (
        datetime(year + 1, 1, 1, tzinfo=UTC) if year < 9999 else datetime.max.replace(tzinfo=UTC)
    )
    closed_on = set(calendar.holidays)
    for text_ in calendar.holiday_rules:
        closed_on.update(_days(text_, None, year))
    raw: list[Span] = []
    taken = set(closed_on)
    zone = ZoneInfo(calendar.zone)
    for hours in calendar.hours:
        if hours.instead:
            days = [day for day in _days(hours.days, hours.since, year) if day not in closed_on]
            raw += [_opening(hours, day, zone) for day in days]
            taken.update(days)
    for hours in calendar.hours:
        if not hours.instead:
            days = [day for day in _days(hours.days, hours.since, year) if day not in taken]
            raw += [_opening(hours, day, zone) for day in days]
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


def _days(rule_text: str, since: date | None, year: int) -> list[date]:
    """List the days of a rule that can touch a year of UTC, two days of the neighbours included."""
    first = datetime(year, 1, 1) - 2 * _DAY if year > 1 else datetime(1, 1, 1)
    if since is None and first < _EARLIEST:
        first = _EARLIEST
    last = datetime(year, 12, 31) + 2 * _DAY if year < 9999 else datetime(9999, 12, 31)
    rule = _rule("Hours", "days", rule_text, since or _ORIGIN)
    if _same_wherever_begun(rule_text):
        start = first.date() if since is None else max(since, first.date())
        rule = rule.replace(dtstart=datetime.combine(start, time()))
    elif since is None:
        rule = rule.replace(dtstart=datetime.combine(_anchor(rule, first.date()), time()))
    if _reaches_beyond(rule_text, last):  # so that a rule that gives no day ends too
        rule = rule.replace(until=last)
    return [found.date() for found in rule.between(first, last, inc=True)]


def _anchor(rule: rrule, first: date) -> date:
    """Return a day, whole steps away from the origin, from which a rule gives all days wanted."""
    freq, steps = getattr(rule, "_freq", None), getattr(rule, "_interval", 1)
    if getattr(rule, "_count", None) is not None:
        return _ORIGIN
    if freq in (MONTHLY, YEARLY):
        months = steps if freq == MONTHLY else 12 * steps
        passed = 12 * (first.year - _ORIGIN.year) + first.month - 1 - (first.day < _ORIGIN.day)
        place = 12 * _ORIGIN.year + passed // months * months
        return date(place // 12, place % 12 + 1, _ORIGIN.day) if place >= 12 else _ORIGIN
    days = steps if freq == DAILY else 7 * steps
    # A step more: BYSETPOS would choose among a part of the week in which a rule begins.
    place = _ORIGIN.toordinal() + ((first - _ORIGIN).days // days - 1) * days
    return date.fromordinal(place) if place > 0 else _ORIGIN


def _reaches_beyond(rule_text: str, last: datetime) -> bool:
    """Check whether neither a count nor an end of its own stops a rule by a day."""
    text_ = rule_text.upper()
    until = re.search(r"UNTIL=(\d{8})", text_)
    return "COUNT=" not in text_ and (until is None or until[1] > f"{last.date():%Y%m%d}".zfill(8))


def _same_wherever_begun(rule_text: str) -> bool:
    """Check whether a rule gives the same days wherever it begins: no years need running."""
    text_ = rule_text.upper()
    if "INTERVAL" in text_ or "COUNT" in text_ or "BYSETPOS" in text_:
        return False
    found = re.search(r"FREQ=(\w+)", text_)
    return found is not None and _ENOUGH[found[1]].search(text_) is not None


def _opening(hours: Hours, day: date, zone: ZoneInfo) -> Span:
    overnight = hours.closes <= hours.opens
    closing = day + _DAY if overnight and day < date.max else day
    return _utc(day, hours.opens, zone), _utc(closing, hours.closes, zone)


def _utc(day: date, clock: time, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, clock, tzinfo=zone)
    try:
        return local.astimezone(UTC)
    except OverflowError:  # the first and the last day there are
        return local.replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _running(calendar: Calendar, year: int) -> tuple[list[datetime], list[timedelta]]:
    begins, totals = [], [timedelta(0)]
    for begin, end in _spans(calendar, year):
        begins.append(begin)
        totals.append(totals[-1] + (end - begin))
    return begins, totals


def _worked_by(calendar: Calendar, year: int, at: datetime) -> timedelta:
    """Measure the working time of a year that has passed at a time."""
    if at.year < year:
        return timedelta(0)
    begins, totals = _running(calendar, year)
    if at.year > year:
        return totals[-1]
    place = bisect_right(begins, at)
    if place == 0:
        return timedelta(0)
    begin, end = _spans(calendar, year)[place - 1]
    return totals[place - 1] + (min(at, end) - begin)
