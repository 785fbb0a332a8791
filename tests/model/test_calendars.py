from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Calendar, CalendarError, ElementError, Hours
from journeymap.model.calendars import _ORIGIN
from tests.factories import HOUR

PARIS = ZoneInfo("Europe/Paris")
OFFICE = Calendar("office", zone="Europe/Paris")
NIGHT = Calendar("night", [Hours("FREQ=DAILY", time(22), time(6))], zone="Europe/Paris")


def paris(*when: int) -> datetime:
    return datetime(*when, tzinfo=PARIS)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("calendar", "start", "end", "hours"),
    [
        (OFFICE, paris(2026, 3, 2, 9), paris(2026, 3, 2, 17), 8),
        (OFFICE, paris(2026, 3, 2, 0), paris(2026, 3, 9, 0), 40),
        (OFFICE, paris(2026, 3, 6, 16), paris(2026, 3, 9, 10), 2),
        (OFFICE, paris(2026, 3, 7, 9), paris(2026, 3, 8, 17), 0),
        (OFFICE, paris(2026, 3, 2, 10), paris(2026, 3, 2, 9), -1),
        # The spring change takes an hour of the night, the autumn one adds one.
        (NIGHT, paris(2026, 3, 28, 22), paris(2026, 3, 29, 6), 7),
        (NIGHT, paris(2026, 10, 24, 22), paris(2026, 10, 25, 6), 9),
        (NIGHT, paris(2025, 12, 31, 12), paris(2026, 1, 1, 12), 8),
        (Calendar("always", [Hours("FREQ=DAILY", time(0), time(0))]),
         datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), 366 * 24),
        # Overlapping hours count once.
        (Calendar("two", [Hours(opens=time(9), closes=time(12)),
                          Hours(opens=time(11), closes=time(13))]),
         datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC), 4),
        (Calendar("never", []), paris(2020, 1, 1), paris(2030, 1, 1), 0),
    ],
)  # fmt: skip
def test_working_time_known(
    calendar: Calendar, start: datetime, end: datetime, hours: float
) -> None:
    assert calendar.working_time(start, end) == hours * HOUR


def test_ten_years_of_office_hours() -> None:
    worked = OFFICE.working_time(paris(2016, 1, 1), paris(2026, 1, 1))
    day, count = date(2016, 1, 1), 0
    while day < date(2026, 1, 1):
        count += day.weekday() < 5
        day += timedelta(days=1)
    assert worked == count * 8 * HOUR


def test_holidays_and_holiday_rules_close() -> None:
    closed = Calendar("c", holidays=[date(2026, 3, 3)],
                      holiday_rules=["FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=4"])  # fmt: skip
    week = datetime(2026, 3, 2, tzinfo=UTC)
    assert closed.working_time(week, week + timedelta(days=7)) == 24 * HOUR


def test_a_rule_that_counts_keeps_its_anchor() -> None:
    fortnight = Calendar("f", [Hours("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", since=date(2026, 3, 2))])
    first = datetime(2026, 3, 2, tzinfo=UTC)
    week = timedelta(days=7)
    assert [fortnight.working_time(first + n * week, first + (n + 1) * week) // HOUR
            for n in range(4)] == [8, 0, 8, 0]  # fmt: skip


def by_the_minute(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Working time counted minute by minute on the wall clock: slow and plainly right."""
    total, now = timedelta(0), start.astimezone(UTC)
    minute = timedelta(minutes=1)
    while now < end:
        local = now.astimezone(ZoneInfo(calendar.zone))
        for hours in calendar.hours:
            overnight = hours.closes <= hours.opens
            today = local.date().weekday() < 5
            yesterday = (local.date() - timedelta(days=1)).weekday() < 5
            clock = local.time()
            if overnight:
                open_ = (today and clock >= hours.opens) or (yesterday and clock < hours.closes)
            else:
                open_ = today and hours.opens <= clock < hours.closes
            if open_:
                total += minute
                break
        now += minute
    return total


@given(
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC"]),
    st.sampled_from([date(2026, 3, 6), date(2026, 3, 27), date(2026, 10, 23), date(2025, 12, 30)]),
    st.integers(0, 1440),
    st.integers(0, 4000),
    st.sampled_from([(time(9), time(17)), (time(22), time(6)), (time(0), time(0))]),
)
def test_working_time_is_what_the_clock_counts(
    zone: str, day: date, minute: int, length: int, hours: tuple[time, time]
) -> None:
    calendar = Calendar("c", [Hours(opens=hours[0], closes=hours[1])], zone=zone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    end = start + timedelta(minutes=length)
    assert calendar.working_time(start, end) == by_the_minute(calendar, start, end)


moments = st.datetimes(datetime(2019, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@given(moments, moments, moments)
def test_working_time_adds_up(a: datetime, b: datetime, c: datetime) -> None:
    assert OFFICE.working_time(a, b) + OFFICE.working_time(b, c) == OFFICE.working_time(a, c)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hours("nonsense"), "not a recurrence rule"),
        (lambda: Hours("FREQ=SECONDLY"), "whole days"),
        (lambda: Hours("FREQ=DAILY;BYHOUR=9,10"), "'opens' and 'closes'"),
        (lambda: Hours(opens="9"), "wall-clock time"),  # type: ignore[arg-type]
        (lambda: Hours(opens=time(9, tzinfo=UTC)), "wall-clock time"),
        (lambda: Calendar("c", zone="Mars/Base"), "IANA zone"),
        (lambda: Calendar("c", zone="../x"), "IANA zone"),
        (lambda: Calendar("c", holiday_rules=["x"]), "not a recurrence rule"),
        (lambda: OFFICE.working_time(datetime(2026, 1, 1), paris(2026, 1, 2)), "with a zone"),
    ],
)
def test_a_bad_calendar_says_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        make()


def test_spans_are_merged_and_in_order() -> None:
    spans = NIGHT.spans(2026)
    assert all(a < b for a, b in spans)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("rule", "since", "days"),
    [
        ("FREQ=WEEKLY", date(2000, 1, 3), [date(2026, 1, 5), date(2026, 1, 12)]),
        ("FREQ=MONTHLY", date(2020, 1, 15), [date(2026, 1, 15), date(2026, 2, 15)]),
        ("FREQ=YEARLY", date(2020, 7, 4), [date(2026, 7, 4)]),
        ("FREQ=YEARLY;BYMONTH=12", date(2020, 7, 3), [date(2026, 12, 3)]),
        (
            "FREQ=DAILY;UNTIL=20260102T000000Z",
            date(2026, 1, 1),
            [date(2026, 1, 1), date(2026, 1, 2)],
        ),
        ("FREQ=DAILY;COUNT=2", date(2026, 5, 1), [date(2026, 5, 1), date(2026, 5, 2)]),
    ],
)
def test_a_rule_takes_its_day_from_where_it_began(rule: str, since: date, days: list[date]) -> None:
    calendar = Calendar("c", [Hours(rule, since=since)])
    assert [begin.date() for begin, _ in calendar.spans(2026)][: len(days)] == days


def test_rules_without_end_or_days_are_no_endless_work() -> None:
    with pytest.raises(CalendarError, match="from 1 up"):
        Hours("FREQ=DAILY;INTERVAL=0")
    never = Calendar("n", [Hours("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30")])
    assert never.spans(2026) == ()
    edge = Calendar("e", [Hours("FREQ=DAILY", time(0), time(0))], zone="Asia/Tokyo")
    assert edge.spans(1) == ()
    assert edge.spans(9999)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Calendar("c", holidays=["2026-12-25"]),
        lambda: Calendar("c", holidays=[datetime(2026, 12, 25, tzinfo=UTC)]),
        lambda: Calendar("c", hours=["9-17"]),
        lambda: Hours(since="2020-01-01"),  # type: ignore[arg-type]
        lambda: Hours(since=date(1, 1, 1)),
    ],
)
def test_wrong_types_are_refused(make: Any) -> None:
    with pytest.raises(ElementError):
        make()


def test_the_rules_hold_before_2000_too() -> None:
    first, last = datetime(1999, 3, 1, tzinfo=UTC), datetime(1999, 3, 6, tzinfo=UTC)
    assert Calendar("office").working_time(first, last) == 40 * HOUR  # Monday to Friday
    assert Calendar("new", [Hours(since=date(1999, 3, 3))]).working_time(first, last) == 24 * HOUR
    closed = Calendar("closed", holiday_rules=["FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=2"])
    assert closed.working_time(first, last) == 32 * HOUR


@pytest.mark.parametrize("day", [date(2000, 1, 3) + timedelta(days=14 * n) for n in (-800, -1, 7)])
def test_a_rule_with_an_interval_counts_in_both_directions(day: date) -> None:
    begin = datetime.combine(day, time(), UTC)
    fortnight = Calendar("f", [Hours("FREQ=WEEKLY;INTERVAL=2")])
    worked = [fortnight.working_time(begin + n * 24 * HOUR, begin + (n + 1) * 24 * HOUR)
              for n in range(15)]  # fmt: skip
    assert worked == [8 * HOUR, *[0 * HOUR] * 13, 8 * HOUR]


RULES = [
    "FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,SA", "FREQ=DAILY;INTERVAL=5", "FREQ=MONTHLY",
    "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR", "FREQ=YEARLY", "FREQ=YEARLY;INTERVAL=4;BYMONTHDAY=29",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=WEEKLY;COUNT=9", "FREQ=DAILY",
    "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "FREQ=WEEKLY;UNTIL=20300101;BYDAY=WE",
    "FREQ=WEEKLY;BYDAY=SU,WE;WKST=SU;BYSETPOS=1",
    "freq=weekly;interval=2;byday=su,we;bysetpos=1;wkst=th",
    "FREQ=MONTHLY;BYMONTHDAY=1,31;BYSETPOS=1", "FREQ=YEARLY;BYDAY=MO,FR;BYSETPOS=-2",
    "FREQ=DAILY;INTERVAL=999999", "FREQ=YEARLY;INTERVAL=5000", "FREQ=WEEKLY;INTERVAL=99999999",
]  # fmt: skip


@given(st.sampled_from(RULES), st.integers(2001, 2500))
def test_after_2000_a_rule_that_holds_always_is_one_since_then(rule: str, year: int) -> None:
    always, since = Calendar("c", [Hours(rule)]), Calendar("c", [Hours(rule, since=_ORIGIN)])
    assert always.spans(year) == since.spans(year)


@given(st.sampled_from(RULES), st.integers(1900, 9998))
def test_every_rule_has_an_answer_in_every_year(rule: str, year: int) -> None:
    spans = Calendar("c", [Hours(rule)]).spans(year)
    assert all(begin < end for begin, end in spans)
    if "INTERVAL" not in rule.upper() and "COUNT" not in rule and "UNTIL" not in rule:
        assert spans


def test_some_days_have_other_hours() -> None:
    eve = Hours("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", time(9), time(12), instead=True)
    shop = Calendar("shop", [Hours(), eve], holidays=[date(2027, 12, 24)])
    for year, hours in ((1998, 3), (2025, 3), (2026, 3), (2027, 0)):  # 2027: closed
        day = datetime(year, 12, 24, tzinfo=UTC)
        assert shop.working_time(day, day + 24 * HOUR) == hours * HOUR
    day = datetime(2026, 12, 23, tzinfo=UTC)
    assert shop.working_time(day, day + 24 * HOUR) == 8 * HOUR
