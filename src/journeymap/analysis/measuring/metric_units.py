"""The units that a metric counts: waits, ratings, shares and amounts, each with its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, assert_never

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.amounts import read_amounts
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.dormancy import find_dormancies
from journeymap.analysis.measuring.occurrences import (
    COMPLETED,
    choose_key_journeys,
    find_occurrences,
)
from journeymap.analysis.measuring.part_conditions import mark_matching
from journeymap.analysis.measuring.working_time import (
    department_codes,
    measure_on_calendar,
    measure_waits_between,
    measure_working_time,
)
from journeymap.analysis.questions.deviations import Deviations
from journeymap.analysis.table.exact_amounts import SCALE
from journeymap.analysis.table.part import Flags, Ints, Part, Scope
from journeymap.exceptions import AnswerError
from journeymap.model import (
    Absence,
    AmountOf,
    Calendar,
    DeviationRate,
    Dormancy,
    Frequency,
    Metric,
    Rating,
    Repurchase,
    RetentionAfter,
    ShareOf,
    TimeBetween,
    TimeIn,
)
from journeymap.model.conditions import Condition, leaves
from journeymap.model.instants import micros_in
from journeymap.model.scores import lowest_top_answer, plain_kind, summary_of

__all__ = ["Hits", "Lengths", "Ratings", "Sums", "Units", "find_points", "find_units"]


@frozen(eq=False)
class Lengths:
    """Lengths of time in microseconds, each with the time at which it began, and its customer.

    ``delay`` is how long after that it was known.
    """

    at: Ints
    length: Ints
    owner: Ints
    delay: Ints


@frozen(eq=False)
class Hits:
    """Rows of units: a unit counts if one of its rows does, and is a hit if one of them is.

    ``delay`` is how long after its time a hit was known, where it may come at any time.
    """

    at: Ints
    unit: Ints
    hit: Flags
    owner: Ints
    counts: Flags | None = None  # None: all do
    delay: Ints | None = None


@frozen(eq=False)
class Ratings:
    """Answers in ten-thousandths, the kind that they are of, and other scales that were asked.

    ``points`` are what each adds to the number that is made of all: 1 or −1 of a promoter or
    detractor, 1 of a top box, or else the answer.
    """

    at: Ints
    value: Ints
    points: Ints
    owner: Ints
    kind: str
    others: frozenset[str] = frozenset()


@frozen(eq=False)
class Sums:
    """Numbers that rows add to units; the units ``of`` are counted, with a time each.

    ``owner`` is the customer of each of these; of each row, where no units are counted.

    Of amounts, ``fraction`` is what is left below a ten-thousandth (None: they are plain numbers).
    """

    at: Ints
    unit: Ints
    value: Ints
    of_at: Ints
    of_unit: Ints
    owner: Ints
    fraction: Ints | None = None


Units: TypeAlias = Lengths | Hits | Ratings | Sums


def find_units(part: Part, metric: Metric, *, settled: bool = False) -> Units:
    """Find what a metric counts in a part; raise AnswerError where the log does not know it.

    ``settled``: of dormancy, those alone whose silence may be over, had they been silent at once.
    """
    match metric.measure:
        case Rating():
            return _ratings(part, metric, metric.measure)
        case TimeBetween():
            return _times_between(part, metric, metric.measure)
        case TimeIn():
            return _times_in(part, metric, metric.measure)
        case ShareOf():
            return _share(part, metric, metric.measure)
        case Frequency():
            return _frequency(part, metric, metric.measure)
        case AmountOf():
            return _amounts(part, metric, metric.measure)
        case RetentionAfter():
            return _retention(part, metric, metric.measure)
        case Repurchase():
            return _repurchase(part, metric, metric.measure)
        case Dormancy():
            return _dormancy(part, metric, settled=settled)
        case DeviationRate():
            [span] = choose_key_journeys(part.scope, metric.of.id, "Scorecard")
            begin, departed = Deviations().mark_departed(part, span)
            return Hits(part.at[begin], begin, departed, part.customer[begin])
        case None:
            raise AnswerError("Scorecard", "it has no measure")
        case _:
            assert_never(metric.measure)


def _at_element(part: Part, metric: Metric) -> Flags:
    """Mark the interactions at the metric's element."""
    kind, name = metric.of.kind, metric.of.id
    if kind == "journey":
        return np.ones(len(part), dtype=bool)
    if kind == "key_journey":
        [span] = choose_key_journeys(part.scope, name, "Scorecard")
        found = find_occurrences(part, span)
        edges = np.zeros(len(part) + 1, dtype=np.int64)
        np.add.at(edges, found.begin, 1)
        np.add.at(edges, found.last + 1, -1)
        return np.cumsum(edges[:-1]) > 0
    if kind == "persona" and not _knows_persona(part, name):
        raise AnswerError("Scorecard", f"the persona {name!r} names no products to know it by")
    return _named(part, kind, (_PHASES.get(name, name),) if kind == "phase" else (name,))


def _knows_persona(part: Part, name: str) -> bool:
    """Check whether a persona is known: by a column of personas, or by products of its own."""
    if part.records("persona"):
        return True
    journey = part.scope.map
    return part.knows("persona") and journey is not None and bool(journey.personas[name].products)


_PHASES = {"acquire": "buy", "serve": "own"}


def _named(part: Part, level: str, names: tuple[str, ...]) -> Flags:
    wanted = np.array([name in names for name in part.names(level)], dtype=bool)
    codes: Any = part.touchpoints if level == "touchpoint" else part.codes(level)
    found: Flags = wanted[codes]
    return found


def _about(part: Part, metric: Metric) -> Flags:
    """Mark the interactions that may begin a time: of products, channels and personas, theirs."""
    narrow = metric.of.kind in ("product", "channel", "persona")
    return _at_element(part, metric) if narrow else np.ones(len(part), dtype=bool)


def _ratings(part: Part, metric: Metric, measure: Rating) -> Ratings:
    feeling = measure.what in ("emotion", "emotion_after")
    column = part.number(measure.what if feeling else "score")
    if column is None or (not feeling and measure.what not in part.scope.scales):
        raise AnswerError("Scorecard", f"this log knows no {measure.what}")
    there = (column != np.iinfo(column.dtype).min) & _at_element(part, metric)
    if not feeling:
        there &= _named(part, "score_kind", (measure.what,))
    others: set[str] = set()
    if not feeling:
        names = part.names("score_kind")
        kinds = distinct(part.codes("score_kind")[_at_element(part, metric)]).tolist()
        others = {name for name in map(names.__getitem__, kinds) if name is not None
                  and name != measure.what and plain_kind(name) == measure.what}  # fmt: skip
    value = column[there].astype(np.int64)
    return Ratings(
        part.at[there], value, find_points(part.scope, measure.what, value), part.customer[there],
        measure.what, frozenset(others),
    )  # fmt: skip


def find_points(scope: Scope, kind: str, value: Ints) -> Ints:
    """Find what answers add to the number that is made of all."""
    summary = "mean" if kind.startswith("emotion") else summary_of(kind)
    if summary == "net promoter":
        return (value >= 9 * SCALE).astype(np.int64) - (value <= 6 * SCALE)
    if summary == "top boxes":
        return (value >= lowest_top_answer(*scope.scales[kind]) * SCALE).astype(np.int64)
    return value


def _times_between(part: Part, metric: Metric, measure: TimeBetween) -> Lengths | Hits:
    starts = np.flatnonzero(
        _named(part, "touchpoint", (measure.start,)) & _about(part, metric)
    )  # fmt: skip
    rows = np.flatnonzero(_named(part, "touchpoint", (measure.end,)))
    place = np.append(rows, len(part))[np.searchsorted(rows, starts, side="right")]
    come = place < part.offsets[1:][part.journey[starts]]
    before, after = starts[come], place[come]
    waits = measure_waits_between(part, before, after, working=measure.working_time)
    if measure.within is None:
        return Lengths(part.at[before], waits, part.customer[before],
                       part.at[after] - part.at[before])  # fmt: skip
    limit = micros_in(measure.within)
    in_time = np.zeros(len(starts), dtype=bool)
    in_time[come] = waits <= limit
    # Also what came at once counts only when its time is over: else the last days look too good.
    known = _passed(part, starts, measure) >= limit
    rows = starts[known]
    return Hits(part.at[rows], rows, in_time[known], part.customer[rows])


def _passed(part: Part, rows: Ints, measure: TimeBetween) -> Ints:
    """Measure how long what was awaited from some interactions has not come."""
    end = np.maximum(part.scope.seen_until, part.ends[rows])
    journey = part.scope.map
    if not measure.working_time or journey is None:
        return end - part.ends[rows]
    department = journey.touchpoints[measure.end].department
    names = part.names("department") if part.knows("department") else ()
    code = names.index(department) if department in names else 0
    return measure_working_time(part, np.full(len(rows), code), part.ends[rows], end)


def _times_in(part: Part, metric: Metric, measure: TimeIn) -> Lengths | Hits:
    begins, ends = _stays(part, metric)
    lengths = _elapsed(part, metric, measure, begins, part.at[ends])
    if measure.within is None:
        return Lengths(part.at[begins], lengths, part.customer[begins],
                       part.at[ends] - part.at[begins])  # fmt: skip
    limit = micros_in(measure.within)
    # A short stay counts only when a long one would: else the last days look too good.
    seen = part.scope.seen_until
    known = _elapsed(part, metric, measure, begins, np.full(len(begins), seen)) >= limit
    open_ = _open_stays(part, metric)
    over = open_[_elapsed(part, metric, measure, open_, np.full(len(open_), seen)) > limit]
    rows = np.concatenate([begins[known], over])
    hit = np.concatenate([(lengths <= limit)[known], np.zeros(len(over), dtype=bool)])
    return Hits(part.at[rows], rows, hit, part.customer[rows])


def _elapsed(part: Part, metric: Metric, measure: TimeIn, begins: Ints, until: Ints) -> Ints:
    """Measure how long it is from some interactions to times, as the measure counts time."""
    since = part.at[begins]
    if not measure.working_time:
        return until - since
    calendar = _calendar_of(part, metric)
    if calendar is not None:
        return measure_on_calendar(part, calendar, since, until)
    return measure_working_time(part, department_codes(part)[begins], since, until)


def _calendar_of(part: Part, metric: Metric) -> Calendar | None:
    """Find the calendar of the process that a metric belongs to, if it has one."""
    journey = part.scope.map
    if journey is None or metric.of.kind != "process":
        return None
    name = journey.processes[metric.of.id].calendar
    return None if name is None else journey.calendars[name]


def _stays(part: Part, metric: Metric) -> tuple[Ints, Ints]:
    """Find where each stay in the element begins and ends; one that has not ended is left out."""
    kind = metric.of.kind
    if kind == "key_journey":
        [span] = choose_key_journeys(part.scope, metric.of.id, "Scorecard")
        found = find_occurrences(part, span)
        done = found.state == COMPLETED
        return found.begin[done], found.last[done]
    inside = _at_element(part, metric)
    if kind in ("process", "journey", "persona"):  # from its first interaction to its last
        rows = np.flatnonzero(inside)
        journey = part.journey[rows]
        first = np.append(True, journey[1:] != journey[:-1])[: len(rows)]
        last = np.append(journey[1:] != journey[:-1], True)[: len(rows)]
        begins, ends = rows[first], rows[last]
        several = ends > begins  # of one interaction alone, no time is known
        return begins[several], ends[several]
    begins, over = _runs(part, metric)
    ended = over >= 0
    return begins[ended], over[ended]


def _open_stays(part: Part, metric: Metric) -> Ints:
    """Find where stays begin that have not ended, of elements that journeys stay in."""
    if metric.of.kind == "key_journey":  # those given up did not end either
        [span] = choose_key_journeys(part.scope, metric.of.id, "Scorecard")
        found = find_occurrences(part, span)
        unended: Ints = found.begin[found.state != COMPLETED]
        return unended
    if metric.of.kind in ("process", "journey", "persona"):
        return np.zeros(0, dtype=np.int64)
    begins, over = _runs(part, metric)
    return begins[over < 0]


def _runs(part: Part, metric: Metric) -> tuple[Ints, Ints]:
    """Find where each stay in the element begins, and what comes after it (−1: nothing yet)."""
    inside = _at_element(part, metric)
    read = part.read(metric.of.kind)
    mine = inside if read.rows is None else inside[read.rows]
    fresh = read.first.copy()
    fresh[1:] |= read.codes[1:] != read.codes[:-1]
    starts = np.flatnonzero(fresh)
    left = np.append(~read.first[starts[1:]], False)[: len(starts)]
    ends = np.where(left, np.append(starts[1:], 0)[: len(starts)], -1)
    begins, over = starts[mine[starts]], ends[mine[starts]]
    if read.rows is None:
        return begins, over
    return read.rows[begins], np.where(over < 0, -1, read.rows[np.maximum(over, 0)])


def _all(part: Part, conditions: tuple[Condition, ...]) -> Flags:
    found = np.ones(len(part), dtype=bool)
    for condition in conditions:
        found &= mark_matching(part, condition)
    return found


def _share(part: Part, metric: Metric, measure: ShareOf) -> Hits:
    among = _at_element(part, metric) & _all(part, measure.among)
    among &= ~_undecided(part, measure.holds)
    holds = mark_matching(part, measure.holds)
    if measure.of == "interactions":
        rows = np.flatnonzero(among)
        return Hits(part.at[rows], rows, holds[rows], part.customer[rows])
    units = (part.journey if measure.of == "journeys" else part.customer).astype(np.int64)
    counted = np.zeros(int(units.max()) + 1 if len(units) else 0, dtype=bool)
    counted[units[among]] = True
    rows = np.flatnonzero((among | holds) & counted[units])
    return Hits(part.at[rows], units[rows], holds[rows], part.customer[rows], among[rows])


def _undecided(part: Part, condition: Condition) -> Flags:
    """Mark what begins an absence whose time is not over, whether something came already or not."""
    found = np.zeros(len(part), dtype=bool)
    for leaf in leaves(condition):
        if isinstance(leaf, Absence):
            within = micros_in(leaf.within)
            begun = _named(part, "touchpoint", (leaf.after,))
            found |= begun & (part.scope.seen_until - part.at <= within)
    return found


def _frequency(part: Part, metric: Metric, measure: Frequency) -> Sums:
    rows = np.flatnonzero(_at_element(part, metric) & _all(part, measure.where))
    ones = np.ones(len(rows), dtype=np.int64)
    if measure.per in ("day", "week", "month"):
        none = np.zeros(0, dtype=np.int64)
        return Sums(part.at[rows], rows * 0, ones, none, none, part.customer[rows])
    unit = (part.journey if measure.per == "journey" else part.customer).astype(np.int64)
    return Sums(part.at[rows], unit[rows], ones, part.at, unit, part.customer)


def _amounts(part: Part, metric: Metric, measure: AmountOf) -> Sums:
    found = read_amounts(part, measure.currency)
    if found is None:
        raise AnswerError("Scorecard", "this log knows no amounts")
    amounts, there, _ = found
    value, fraction = amounts.whole, amounts.fractions
    if measure.what == "revenue":
        there = there & ((value > 0) | ((value == 0) & (fraction > 0)))
    elif measure.what == "cost":
        there, value, fraction = there & (value < 0), -value, -fraction
    rows = np.flatnonzero(there & _at_element(part, metric))
    none, owner = np.zeros(0, dtype=np.int64), part.customer
    at, value, fraction = part.at[rows], value[rows], fraction[rows]
    if measure.per == "total":
        return Sums(at, rows * 0, value, none, none, owner[rows], fraction)
    if measure.per == "interaction":
        return Sums(at, rows, value, at, rows, owner[rows], fraction)
    unit = (part.journey if measure.per == "journey" else part.customer).astype(np.int64)
    return Sums(at, unit[rows], value, part.at, unit, owner, fraction)


def _newcomers(part: Part, choose: Callable[[Part], Ints]) -> tuple[Ints, Ints]:
    """Find each customer who has chosen rows, the first of them all in the part; and its time.

    Who had one before a view begins is not new in it.
    """
    rows, whole = choose(part), part.unbounded
    owner = part.customer.astype(np.int64)
    before = whole.customer.astype(np.int64)
    size = max([0, *(int(one.max()) + 1 for one in (owner, before) if len(one))])
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, owner[rows], part.at[rows])
    ever = first
    if whole is not part:
        earlier = choose(whole)
        ever = np.full(size, np.iinfo(np.int64).max)
        np.minimum.at(ever, before[earlier], whole.at[earlier])
    mine = distinct(owner[rows])
    mine = mine[ever[mine] == first[mine]]
    return mine, first[mine]


def _earliest(part: Part, mine: Ints, rows: Ints) -> Ints:
    """Find the earliest of some rows of each customer; the largest number for none."""
    found = np.full(len(mine), np.iinfo(np.int64).max)
    place = np.searchsorted(mine, part.customer[rows])
    np.minimum.at(found, place, part.at[rows])
    return found


def _retention(part: Part, metric: Metric, measure: RetentionAfter) -> Hits:
    mine, first = _newcomers(part, lambda one: np.flatnonzero(_at_element(one, metric)))
    after = micros_in(measure.after)
    rows = np.flatnonzero(np.isin(part.customer, mine))
    rows = rows[part.at[rows] - first[np.searchsorted(mine, part.customer[rows])] >= after]
    back = _earliest(part, mine, rows)
    known = part.scope.seen_until - first >= after
    hit = back < np.iinfo(np.int64).max
    return Hits(first[known], mine[known], hit[known], mine[known],
                delay=(back - first)[known & hit])  # fmt: skip


def _repurchase(part: Part, metric: Metric, measure: Repurchase) -> Hits:
    def bought_in(one: Part) -> Ints:
        there = _named(one, "touchpoint", (measure.touchpoint,)) & _about(one, metric)
        rows: Ints = np.flatnonzero(there)
        return rows

    mine, first = _newcomers(part, bought_in)
    rows = bought_in(part)
    rows = rows[np.isin(part.customer[rows], mine)]
    begun = first[np.searchsorted(mine, part.customer[rows])]
    second = _earliest(part, mine, rows[part.at[rows] > begun])
    bought = second < np.iinfo(np.int64).max
    if measure.within is None:
        return Hits(first, mine, bought, mine, delay=(second - first)[bought])
    limit = micros_in(measure.within)
    in_time = bought & (np.where(bought, second, first) - first <= limit)
    known = part.scope.seen_until - first >= limit
    return Hits(first[known], mine[known], in_time[known], mine[known])


def _dormancy(part: Part, metric: Metric, *, settled: bool) -> Hits:
    if part.scope.map is None or not any(part.scope.map.tables.dormant_after):
        raise AnswerError("Scorecard", "the map does not say when a customer is dormant")
    asleep, limit = find_dormancies(part, part.scope.seen_until)
    last = np.zeros(len(part), dtype=bool)
    last[part.offsets[1:] - 1] = True
    mine = _at_element(part, metric)
    if settled:
        first = np.full(part.journeys, len(part))
        rows = np.flatnonzero(mine)
        np.minimum.at(first, part.journey[rows], rows)
        begun = first[first < len(part)]
        over = np.zeros(part.journeys, dtype=bool)
        over[part.journey[begun]] = part.scope.seen_until - part.at[begun] >= limit[begun]
        mine &= over[part.journey]
    there = np.zeros(part.journeys, dtype=bool)
    there[part.journey[mine]] = True
    gone = asleep & last & there[part.journey]
    rows = np.flatnonzero(mine | gone)
    return Hits(part.at[rows], part.journey[rows], gone[rows], part.customer[rows], mine[rows])
