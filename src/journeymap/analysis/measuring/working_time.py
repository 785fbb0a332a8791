"""Lengths of time counted in working time, on the calendars of departments and processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Ints, Part
from journeymap.exceptions import AnswerError
from journeymap.model import Calendar
from journeymap.model.instants import EPOCH, micros

__all__ = [
    "WorkingClock",
    "department_clocks",
    "department_codes",
    "measure_on_calendar",
    "measure_waits_between",
    "measure_working_time",
]

MAX_YEARS = 300
"""Years of a log whose working time is counted: more come of a wrong time in it."""
_GRID = 36  # bits: a cell of the grid is about 19 hours, so few openings lie in one


@frozen(eq=False)
class WorkingClock:
    """The working time of one calendar over some years.

    ``begins`` and ``lengths`` are its openings in microseconds, ``passed`` the time before each;
    ``first`` is, for each cell of a grid over the years, the last opening that began before it.
    """

    begins: Ints
    lengths: Ints
    passed: Ints
    first: Ints
    origin: int

    def at(self, moments: Ints) -> Ints:
        """Find the working time that has passed at some times, in microseconds."""
        place = self.first[(moments - self.origin) >> _GRID]
        later = self.begins[place + 1] <= moments
        while later.any():
            place = place + later
            later = self.begins[place + 1] <= moments
        into = moments - self.begins[place]
        found: Ints = self.passed[place] + np.minimum(into, self.lengths[place])
        return found


@lru_cache(maxsize=256)
def _clock(calendar: Calendar, first: int, last: int) -> WorkingClock:
    """Make the clock of a calendar from one year to another, both included."""
    spans = [span for year in range(first, last + 1) for span in calendar.spans(year)]
    origin = micros(datetime(first, 1, 1, tzinfo=UTC))
    end = micros(datetime(last, 12, 31, tzinfo=UTC)) + 86_400_000_000
    # An opening of no length before the first, and one that never comes after the last.
    begins = np.array([origin, *(micros(b) for b, _ in spans), np.iinfo(np.int64).max])
    lengths = np.array([0, *(micros(e) - micros(b) for b, e in spans), 0])
    passed = np.append(0, np.cumsum(lengths))[:-1]
    cells = origin + (np.arange(((end - origin) >> _GRID) + 1) << _GRID)
    first_of = np.searchsorted(begins, cells, side="right") - 1
    return WorkingClock(begins, lengths, passed, first_of, origin)


def department_clocks(part: Part) -> list[WorkingClock | None]:
    """Make a clock for each department code; None where a department has no calendar."""
    journey = part.scope.map
    if journey is None and not part.scope.interactions:
        return []
    if journey is None:
        raise AnswerError("working_time", "the calendars are the map's: read the log with map=…")
    years = _years(part)
    clocks: list[WorkingClock | None] = []
    for name in part.names("department"):
        department = journey.departments.get(name) if name is not None else None
        calendar = department.calendar if department is not None else None
        clocks.append(None if calendar is None else _clock(journey.calendars[calendar], *years))
    return clocks


def _years(part: Part) -> tuple[int, int]:
    """Find the first and the last year of a log; raise AnswerError where they are too many."""
    first, last = (
        (EPOCH + timedelta(microseconds=at)).year for at in (part.scope.first, part.scope.end)
    )
    if last - first > MAX_YEARS:
        message = (
            f"the log reaches from {first} to {last}, and working time is told over at most "
            f"{MAX_YEARS} years; bound it with log.where(since=…, until=…)"
        )
        raise AnswerError("working_time", message)
    return first, last


def measure_on_calendar(part: Part, calendar: Calendar, begins: Ints, ends: Ints) -> Ints:
    """Measure the working time of a calendar between pairs of times, in microseconds."""
    clock = _clock(calendar, *_years(part))
    found: Ints = clock.at(ends) - clock.at(begins)
    return found


def measure_working_time(part: Part, departments: Ints, begins: Ints, ends: Ints) -> Ints:
    """Measure the working time of departments between pairs of times, in microseconds."""
    lengths = ends - begins
    for code, clock in enumerate(department_clocks(part)):
        if clock is None:
            continue
        mine = np.flatnonzero(departments == code)
        if len(mine):
            lengths[mine] = clock.at(ends[mine]) - clock.at(begins[mine])
    return lengths


def department_codes(part: Part) -> Ints:
    """Find the department that took each interaction, as a code; 0 where none did."""
    if not part.knows("department"):
        return np.zeros(len(part), dtype=np.int64)
    return part.codes("department").astype(np.int64)


def find_waits(part: Part) -> Ints:
    """Find the wait before each interaction, in microseconds; −1 where a journey begins."""
    found = np.empty(len(part), dtype=np.int64)
    later, ends = part.at[1:], part.ends[:-1]
    np.subtract(later, ends if part.ends is part.at else np.minimum(ends, later), out=found[1:])
    found[part.offsets[:-1]] = -1
    return found


def measure_waits_between(part: Part, before: Ints, after: Ints, *, working: bool) -> Ints:
    """Measure the waits between rows, in microseconds.

    From the end of the earlier one to the beginning of the later one; none where they overlap. In
    working time, on the calendar of the department that took the later one.
    """
    ends = part.at[after]
    begins = np.minimum(part.ends[before], ends)
    if not working:
        return ends - begins
    return measure_working_time(part, department_codes(part)[after], begins, ends)
