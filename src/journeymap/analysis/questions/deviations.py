"""Deviations: where occurrences of key journeys depart from the plan, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency, cumulative_value
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.counts import distinct, mark_changes
from journeymap.analysis.measuring.matched_occurrences import (
    Events,
    MatchedOccurrences,
    join_events,
    late_events,
)
from journeymap.analysis.measuring.occurrences import (
    COMPLETED,
    OPEN,
    Occurrences,
    choose_key_journeys,
    find_occurrences,
)
from journeymap.analysis.measuring.tally import sum_exactly
from journeymap.analysis.measuring.working_time import (
    department_codes,
    measure_waits_between,
    measure_working_time,
)
from journeymap.analysis.row_fields import (
    Amount,
    Bound,
    Count,
    Field,
    Key,
    N,
    NumberKey,
    PathKey,
    Share,
    TotalSeconds,
)
from journeymap.analysis.table.exact_amounts import AmountSums, amount_of
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, require_times
from journeymap.model import JourneyMap, KeyJourney, Plan
from journeymap.model.conditions import touchpoints_of
from journeymap.model.deviations import DEVIATION_KINDS, DeviationKind
from journeymap.model.instants import micros_in
from journeymap.model.matching import element_and_department
from journeymap.model.rules import of_type

__all__ = ["Deviation", "Deviations", "DeviationsAnswer"]

_key: Any = validators.optional(of_type(str))


@frozen
class Deviation:
    """One way in which a key journey departs from its plan.

    Attributes:
        journey: The key journey's id.
        kind: ``missing``, ``ad hoc``, ``out of order``, ``failed`` or ``late``.
        step: The step of the plan, from 1 (None: no step expected it).
        element: The touchpoint; of a missing step, its alternatives.
        department: The department that took it; of a missing step, the one that should have; of
            a late one, the owner of the key journey.
        moments: The moments of truth that look at the touchpoint.
        count: How often it happened.
        customers: To how many customers.
        occurrences: In how many occurrences.
        share: Their share of the occurrences looked at.
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many occurrences were looked at.
        time_lost: How much too late, or the waits before interactions that should not have
            been, in seconds and in all (a missing step costs none; None: the log has no times).
        value_at_stake: The value of the journeys by the end of these occurrences, in the log's
            currency.
    """

    journey: Key
    kind: Annotated[DeviationKind, Field("key")]
    step: NumberKey | None
    element: Key
    department: Key | None
    moments: PathKey
    count: Count
    customers: Count
    occurrences: Count
    share: Share
    low: Bound
    high: Bound
    n: N
    time_lost: TotalSeconds | None
    value_at_stake: Amount | None


@frozen(eq=False, repr=False)
class DeviationsAnswer(Answer[Deviation]):
    """Key journey by key journey, the most frequent deviations first.

    Attributes:
        currency: The currency of the value at stake.
        fitting: How many occurrences of each key journey went wholly as planned.
        costs: How many deviations all matches of each key journey have, where a step out of
            order counts twice.
        passed: In how many occurrences each step of the plan was taken; of a key journey without
            steps, how many began, and how many were completed.
    """

    Row = Deviation
    currency: str | None = field(default=None, kw_only=True)
    fitting: dict[str, int] = field(factory=dict, kw_only=True)
    costs: dict[str, int] = field(factory=dict, kw_only=True)
    passed: dict[str, tuple[int, ...]] = field(factory=dict, kw_only=True)


Cell = tuple[str, str, int, str, str]  # journey, kind, step from 1 (0: none), element, department


@frozen(eq=False)
class _Measured:
    """Sums of each cell, and of each key journey.

    Of a cell: count, customers, occurrences, microseconds, value, and how these occurrences are
    spread over customers. Of a key journey: how many were looked at, how many fit, what the matches
    cost, and how all are spread (see `Clusters`).
    """

    cells: dict[Cell, list[int]]
    journeys: dict[str, list[int]]
    passed: dict[str, list[int]]
    currencies: frozenset[str]


@frozen
class Deviations:
    """Match what happened with what the key journeys expect, and list each deviation.

    Every occurrence that is over (see `KeyJourneys`) is matched with the fewest deviations there
    can be; an open one counts once it is late: then its lateness and its
    failures are listed.

    Attributes:
        journey: One key journey (None: all of the map).
        working_time: Whether times are those of the calendar of the department that took the
            interaction, and, for lateness, of the owner of the key journey.
        currency: The currency that counts, when the log holds several.
    """

    journey: str | None = field(default=None, validator=_key)
    working_time: bool = field(default=False, validator=of_type(bool), kw_only=True)
    currency: str | None = field(default=None, validator=_key, kw_only=True)

    def measure(self, part: Part) -> _Measured:
        """Match every occurrence of a part, each distinct sequence once."""
        cells: dict[Cell, list[int]] = {}
        journeys: dict[str, list[int]] = {}
        passed: dict[str, list[int]] = {}
        worth, met = cumulative_value(part, self.currency)
        for span in choose_key_journeys(part.scope, self.journey, "Deviations"):
            found, matched, events = self._match(part, span)
            plan = Plan.of(span)
            passed[span.id] = matched.passed(0 if plan is None else len(plan.steps))
            for cell, sums in self._sums(part, span, found, events, worth):
                cells[cell] = sums
            strayed = distinct(events[0])
            owners = part.customer[found.begin]
            spread = Clusters.of(owners, np.zeros(len(owners), dtype=bool))
            journeys[span.id] = [len(owners), len(owners) - len(strayed), matched.cost,
                                 spread.customers, spread.units]  # fmt: skip
        return _Measured(cells, journeys, passed, met)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum two measurements."""
        return _Measured(
            _added(one.cells, other.cells),
            _added(one.journeys, other.journeys),
            _added(one.passed, other.passed),
            one.currencies | other.currencies,
        )

    def answer(self, measured: _Measured, scope: Scope) -> DeviationsAnswer:
        """Return shares of the occurrences, time and value."""
        places = {
            span.id: i
            for i, span in enumerate(choose_key_journeys(scope, self.journey, "Deviations"))
        }
        currency = choose_currency("Deviations", self.currency, measured.currencies)
        watched = _moments(scope.map)
        rows = []
        for cell, sums in measured.cells.items():
            journey, kind, step, element, department = cell
            n, _, _, people, units = measured.journeys[journey]
            count, customers, among, micros, value, mixed, hits = sums
            spread = Clusters(people, units, mixed, hits)
            names = element.split(" / ") if kind == "missing" else (element,)
            moments = {one for name in names for one in watched.get(name, ())}
            rows.append((
                journey, kind, step or None, element, department or None, sorted(moments),
                count, customers, among, among / n, *share_interval(among, n, spread), n,
                micros / 1e6 if scope.timed else None,
                None if currency is None else amount_of(value),
            ))  # fmt: skip
        rows.sort(
            key=lambda r: (
                places[r[0]],
                -r[6],
                DEVIATION_KINDS.index(r[1]),
                r[2] or 0,
                r[3],
                r[4] or "",
            )
        )
        return DeviationsAnswer(
            pl.DataFrame(rows, schema=DeviationsAnswer.schema(), orient="row"),
            currency=currency,
            fitting={name: sums[1] for name, sums in measured.journeys.items()},
            costs={name: sums[2] for name, sums in measured.journeys.items()},
            passed={name: tuple(counts) for name, counts in measured.passed.items()},
        )

    def _match(
        self, part: Part, span: KeyJourney
    ) -> tuple[Occurrences, MatchedOccurrences, Events]:
        """Match the occurrences that count; give them with all that departs from the plan."""
        found = find_occurrences(part, span)
        lost = self._lateness(part, span, found)
        keep = (found.state != OPEN) | (lost > 0)
        found = found.select(keep)
        matched = MatchedOccurrences.of(part, Plan.of(span), found)
        return found, matched, join_events(
            [*matched.deviations(), late_events(lost[keep]), matched.failures(part)]
        )  # fmt: skip

    def mark_departed(self, part: Part, span: KeyJourney) -> tuple[Ints, Flags]:
        """Find where the occurrences that count begin, and mark those that depart from the plan.

        Args:
            part: The part.
            span: The key journey.

        Returns:
            The row of each one's first interaction, and whether it departed.
        """
        found, _, events = self._match(part, span)
        departed = np.zeros(len(found.begin), dtype=bool)
        departed[distinct(events[0])] = True
        return found.begin, departed

    def find_rows(self, part: Part) -> Iterator[tuple[tuple[str, str, str], Ints]]:
        """Find the interactions from which each deviation is known.

        Args:
            part: The part.

        Yields:
            The key journey, the kind and the element; and rows. Deviations are known where the
            occurrence is completed, or else with what comes next.
        """
        for span in choose_key_journeys(part.scope, self.journey, "Deviations"):
            found, _, events = self._match(part, span)
            which = events[0]
            known = found.last[which] + (found.state[which] != COMPLETED)
            journey = np.append(part.journey, -1)
            there = journey[known] == journey[found.begin[which]]
            for (name, kind, _, element, _), mine in _split_by_cell(part, span, events):
                yield (name, kind, element), known[mine[there[mine]]]

    def _lateness(self, part: Part, span: KeyJourney, found: Occurrences) -> Ints:
        """Measure how much too late each occurrence was, in microseconds (0: in time)."""
        if self.working_time:
            require_times(part.scope, "Deviations(working_time=True)")
        if span.within is None or not len(found.begin) or not part.scope.timed:
            return np.zeros(len(found.begin), dtype=np.int64)
        begun = part.at[found.begin]
        took = found.over - begun
        if self.working_time:
            owner = np.full(len(begun), _owner(part, span))
            took = measure_working_time(part, owner, begun, found.over)
        late: Ints = np.maximum(took - micros_in(span.within), 0)
        return late

    def _sums(
        self,
        part: Part,
        span: KeyJourney,
        found: Occurrences,
        events: Events,
        worth: AmountSums | None,
    ) -> Iterator[tuple[Cell, list[int]]]:  # fmt: skip
        """Sum each kind of deviation."""
        which, kind, _, row, lost = events
        owners = part.customer[found.begin]
        waits = np.zeros(len(which), dtype=np.int64)
        late = kind == DEVIATION_KINDS.index("late")
        waits[late] = lost[late]
        if part.scope.timed:
            after = np.flatnonzero((row >= 0) & (row > found.begin[which]))
            rows = row[after]
            waits[after] = measure_waits_between(part, rows - 1, rows, working=self.working_time)
        for cell, mine in _split_by_cell(part, span, events):
            inside = distinct(which[mine])
            value = 0 if worth is None else worth.select(found.last[inside]).total()
            customers = len(distinct(owners[inside]))
            hit = np.zeros(len(owners), dtype=bool)
            hit[inside] = True
            spread = Clusters.of(owners, hit)
            yield cell, [len(mine), customers, len(inside), sum_exactly(waits[mine]), value,
                         spread.mixed, spread.squares]  # fmt: skip

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number == "n":
            return None
        cell = (row["journey"], row["kind"], row["step"] or 0, row["element"],
                row["department"] or "")  # fmt: skip
        people = np.zeros(0, dtype=np.int64)
        for span in choose_key_journeys(part.scope, row["journey"], "Deviations"):
            found, _, events = self._match(part, span)
            for name, mine in _split_by_cell(part, span, events):
                if name == cell:
                    people = part.customer[found.begin[distinct(events[0][mine])]]
        return people


def _owner(part: Part, span: KeyJourney) -> int:
    """Find the department on whose calendar lateness counts, as a code.

    The owner, or the department that takes the end touchpoint by the map.
    """
    assert part.scope.map is not None  # noqa: S101  # choose_key_journeys() has raised without a map
    _, name = element_and_department(part.scope.map, span, None)
    return part.names("department").index(name)


def _split_by_cell(part: Part, span: KeyJourney, events: Events) -> Iterator[tuple[Cell, Ints]]:
    """Give the cells of the answer, each with the places of its events."""
    which, kind, step, row, _ = events
    taken = row >= 0
    element = np.where(taken, part.touchpoints[row], 0).astype(np.int64)
    department = np.where(taken, department_codes(part)[row], 0)
    keys = (kind, step, element, department)
    order = np.lexsort((which, *keys[::-1]))
    begins = np.flatnonzero(mark_changes(tuple(key[order] for key in keys)))
    for mine in np.split(order, begins[1:]) if len(order) else ():
        yield _cell(part, span, *(int(key[int(mine[0])]) for key in keys)), mine


def _cell(
    part: Part, span: KeyJourney, kind: int, step: int, element: int, department: int
) -> Cell:
    journey = part.scope.map
    assert journey is not None  # noqa: S101  # choose_key_journeys() has raised without a map
    what = str(part.names("touchpoint")[element] or "")
    who = str(part.names("department")[department] or "")
    if DEVIATION_KINDS[kind] in ("late", "missing"):
        what, owner = element_and_department(journey, span, step - 1 if step else None)
        who = owner or ""
    return span.id, DEVIATION_KINDS[kind], step, what, who


def _moments(journey: JourneyMap | None) -> dict[str, list[str]]:
    """List the moments of truth whose condition looks at each touchpoint."""
    found: dict[str, list[str]] = {}
    for moment in journey.moments.values() if journey else ():
        for name in touchpoints_of(moment.when):
            found.setdefault(name, []).append(moment.id)
    return found


def _added(one: dict[Any, list[int]], other: dict[Any, list[int]]) -> dict[Any, list[int]]:
    made = dict(one)
    for cell, sums in other.items():
        mine = made.get(cell)
        made[cell] = sums if mine is None else [a + b for a, b in zip(mine, sums, strict=True)]
    return made
