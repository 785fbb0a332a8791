"""Key journeys as they occurred: how many, how well, how long, with how much effort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import polars as pl
from attrs import astuple, field, fields, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.occurrences import (
    COMPLETED,
    GIVEN_UP,
    OPEN,
    Occurrences,
    choose_key_journeys,
    find_occurrences,
    mark_failed,
)
from journeymap.analysis.measuring.quantiles import BOUND, Spread, spread_lengths
from journeymap.analysis.measuring.tally import sum_exactly
from journeymap.analysis.row_fields import Bound, Count, Error, Field, Key, Mean, N, Seconds, Share
from journeymap.analysis.table.part import Ints, Part, Scope
from journeymap.model import KeyJourney
from journeymap.model.rules import of_type

__all__ = ["KeyJourneyRow", "KeyJourneys", "KeyJourneysAnswer"]

_key: Any = validators.optional(of_type(str))


@frozen
class KeyJourneyRow:
    """The occurrences of one key journey.

    Attributes:
        journey: The key journey's id.
        count: How many occurrences there were.
        customers: How many customers had one.
        completed: How many reached the end touchpoint.
        given_up: How many started again, exceeded their time or fell silent.
        open: How many are open at the end of the log.
        succeeded: How many were completed by an end that neither failed nor was abandoned.
        share: Their share of the occurrences that are over.
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many occurrences are over.
        time_mean: Mean time from start to end of the completed ones, in seconds.
        time_median: Its median, in seconds.
        time_p90: Time that nine of ten do not exceed, in seconds.
        effort: Mean number of interactions of the completed ones.
        share_interactions: The share of all interactions that belong to occurrences.
        share_customers: The share of all customers who had one.
    """

    journey: Key
    count: Count
    customers: Count
    completed: Count
    given_up: Count
    open: Count
    succeeded: Count
    share: Share | None
    low: Bound | None
    high: Bound | None
    n: N
    time_mean: Seconds | None
    time_median: Seconds | None
    time_p90: Seconds | None
    effort: Mean | None
    share_interactions: Annotated[float, Field("share")] | None
    share_customers: Annotated[float, Field("share")] | None


@frozen(eq=False, repr=False)
class KeyJourneysAnswer(Answer[KeyJourneyRow]):
    """The key journeys in the order of the map.

    Attributes:
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
        covered: The share of all interactions that belong to the first key journey, to the first
            two, and so on, beginning with those that cover most (an interaction of several
            counts once).
    """

    Row = KeyJourneyRow
    quantile_error: Error = field(default=0.0, kw_only=True)
    covered: tuple[tuple[str, float], ...] = field(default=(), kw_only=True)

    def notes(self) -> list[str]:
        """Write what share of all interactions the key journeys cover, and what is open.

        Returns:
            The sentences.
        """
        if not self.covered:
            return []
        shown = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.covered)
        found = [f"of all interactions, from the first on: {shown}"]
        waiting = int(self.frame["open"].sum())
        if waiting:
            found.append(
                f"{waiting:,} are open and not in the share: who succeeds is sooner over than who "
                "gives up, so that the latest look too good"
            )
        return found


@frozen(eq=False)
class _Sums:
    """Whole numbers by key journey, a row each, and the times of the completed by journey."""

    numbers: list[list[int]]
    times: Spread
    interactions: int
    customers: int
    covering: dict[int, int]  # how many interactions belong to which key journeys, a bit for each


@frozen
class KeyJourneys:
    """Count how often each key journey of the map occurs, and how it ends.

    An occurrence runs from the start touchpoint to the end one, or to where it is given up: it
    starts again, its ``given_up_after`` has passed, or the customer goes dormant.

    Attributes:
        journey: One key journey (None: all of the map).
    """

    journey: str | None = field(default=None, validator=_key)

    def measure(self, part: Part) -> _Sums:
        """Count the occurrences of a part."""
        spans = choose_key_journeys(part.scope, self.journey, "KeyJourneys")
        found = [find_occurrences(part, span) for span in spans]
        rows = [_numbers(part, one) for one in found]
        times = [_times(part, one) for one in found]
        cells = [np.full(len(lengths), place) for place, lengths in enumerate(times)]
        nothing = np.zeros(0, dtype=np.int64)
        return _Sums(
            rows,
            spread_lengths(np.concatenate([nothing, *cells]), np.concatenate([nothing, *times])),
            len(part),
            len(distinct(part.owners)),
            _covering(part, found),
        )

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count"):
            return None
        [span] = choose_key_journeys(part.scope, row["journey"], "KeyJourneys")
        return part.customer[find_occurrences(part, span).begin]

    def merge(self, one: _Sums, other: _Sums) -> _Sums:
        """Sum two measurements."""
        return _Sums(
            [
                [a + b for a, b in zip(*pair, strict=True)]
                for pair in zip(one.numbers, other.numbers, strict=True)
            ],
            one.times.merge(other.times),
            one.interactions + other.interactions,
            one.customers + other.customers,
            {bits: one.covering.get(bits, 0) + other.covering.get(bits, 0)
             for bits in sorted({*one.covering, *other.covering})},
        )  # fmt: skip

    def answer(self, measured: _Sums, scope: Scope) -> KeyJourneysAnswer:
        """Return shares, times and effort."""
        spans = choose_key_journeys(scope, self.journey, "KeyJourneys")
        median, p90 = measured.times.quantiles(np.arange(len(spans)), (0.5, 0.9))
        rows = [
            _row(span, dict(zip(_COLUMNS, numbers, strict=True)), measured, scope)
            | {"time_median": float(median[place]), "time_p90": float(p90[place])}
            for place, (span, numbers) in enumerate(zip(spans, measured.numbers, strict=True))
        ]
        frame = pl.DataFrame(rows, schema=KeyJourneysAnswer.schema()).with_columns(
            pl.col("time_median", "time_p90").fill_nan(None)
        )
        error = 0.0 if measured.times.exact else BOUND
        covered = tuple(_cumulated(spans, measured))
        return KeyJourneysAnswer(frame, quantile_error=error, covered=covered)


_CLUSTERS = tuple(f"clusters_{one.name}" for one in fields(Clusters))
_COLUMNS = ("count", "customers", "completed", "given_up", "open", "succeeded",
            "micros", "effort", "covered", *_CLUSTERS)  # fmt: skip


def _covering(part: Part, found: list[Occurrences]) -> dict[int, int]:
    """Count the interactions that belong to the same key journeys."""
    rows = np.arange(len(part))
    kinds = np.zeros(len(part), dtype=np.int64)
    patterns: list[int] = [0]  # of each kind, the key journeys as bits: there may be many
    for place, one in enumerate(found):
        edges = np.zeros(len(part) + 1, dtype=np.int64)
        np.add.at(edges, one.begin, 1)
        np.add.at(edges, one.last + 1, -1)
        inside = np.cumsum(edges)[rows] > 0
        both, kinds = np.unique(kinds * 2 + inside, return_inverse=True)
        patterns = [patterns[kind // 2] | (kind % 2) << place for kind in both.tolist()]
    counts = np.bincount(kinds, minlength=len(patterns)).tolist()
    return {bits: count for bits, count in zip(patterns, counts, strict=True) if bits and count}


def _cumulated(
    spans: Sequence[KeyJourney], measured: _Sums
) -> Iterator[tuple[str, float]]:  # fmt: skip
    """Give the shares of interactions covered, the key journey that adds most first."""
    left = dict(measured.covering)
    places = set(range(len(spans)))
    total = 0
    while left and places:
        adds = {place: sum(count for bits, count in left.items() if bits >> place & 1)
                for place in sorted(places)}  # fmt: skip
        best = max(adds, key=lambda place: (adds[place], -place))
        if not adds[best]:
            return
        total += adds[best]
        places.remove(best)
        left = {bits: count for bits, count in left.items() if not bits >> best & 1}
        yield spans[best].id, total / measured.interactions


def _numbers(part: Part, found: Occurrences) -> list[int]:
    completed = found.state == COMPLETED
    lengths = _times(part, found)
    steps = found.last - found.begin + 1
    over = found.state != OPEN
    succeeded = completed & ~mark_failed(part)[found.last]
    clusters = Clusters.of(part.customer[found.begin[over]], succeeded[over])
    return [
        len(found.begin),
        len(distinct(part.customer[found.begin])),
        int(completed.sum()),
        int((found.state == GIVEN_UP).sum()),
        int((found.state == OPEN).sum()),
        int(succeeded.sum()),
        sum_exactly(lengths),
        int(steps[completed].sum()),
        int(steps.sum()),
        *astuple(clusters),
    ]


def _times(part: Part, found: Occurrences) -> Ints:
    if not part.scope.timed:
        return np.zeros(0, dtype=np.int64)
    completed = found.state == COMPLETED
    lengths: Ints = part.at[found.last[completed]] - part.at[found.begin[completed]]
    return lengths


def _row(span: KeyJourney, sums: dict[str, int], measured: _Sums, scope: Scope) -> dict[str, Any]:
    completed, over = sums["completed"], sums["completed"] + sums["given_up"]
    clusters = Clusters(*(sums[name] for name in _CLUSTERS))
    low, high = share_interval(sums["succeeded"], over, clusters)
    names = ("count", "customers", "completed", "given_up", "open", "succeeded")
    return {
        "journey": span.id,
        **{name: sums[name] for name in names},
        "share": sums["succeeded"] / over if over else None,
        "low": low if over else None,
        "high": high if over else None,
        "n": over,
        "time_mean": sums["micros"] / 1e6 / completed if completed and scope.timed else None,
        "effort": sums["effort"] / completed if completed else None,
        "share_interactions": sums["covered"] / measured.interactions
        if measured.interactions
        else None,
        "share_customers": sums["customers"] / measured.customers if measured.customers else None,
    }
