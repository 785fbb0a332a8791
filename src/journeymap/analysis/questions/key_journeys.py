"""The key journeys of the map as they were walked: how many, how well, how long, how much work."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.intervals import wilson
from journeymap.analysis.measuring.occurrences import (
    COMPLETED,
    GIVEN_UP,
    OPEN,
    Occurrences,
    chosen,
    occurrences,
)
from journeymap.analysis.measuring.quantiles import BOUND, Spread, spread_of
from journeymap.analysis.measuring.tally import exact_sum
from journeymap.analysis.table.part import Flags, Ints, Part, Scope
from journeymap.model import KeyJourney

__all__ = ["KeyJourneys", "KeyJourneysAnswer", "Walked"]

_key: Any = validators.optional(validators.instance_of(str))


@frozen
class Walked:
    """One key journey.

    ``count`` occurrences of ``customers``: ``completed`` ones reached the end touchpoint,
    ``given_up`` ones started again, ran out of time or fell silent, ``open`` ones go on.
    ``succeeded`` ones were completed by an end that neither failed nor was abandoned; ``share``
    is succeeded out of the ``n`` that are over, with its 95 % interval ``low`` to ``high``.
    Times are seconds from start to end of the completed; ``effort`` is the mean number of
    interactions it took. ``share_interactions`` and ``share_customers`` are out of the whole log.
    """

    journey: str
    count: int
    customers: int
    completed: int
    given_up: int
    open: int
    succeeded: int
    share: float | None
    low: float | None
    high: float | None
    n: int
    time_mean: float | None
    time_median: float | None
    time_p90: float | None
    effort: float | None
    share_interactions: float | None
    share_customers: float | None


@frozen(eq=False, repr=False)
class KeyJourneysAnswer(Answer[Walked]):
    """The key journeys in the order of the map.

    ``quantile_error`` bounds how far, relatively, medians and p90 are from exact.
    """

    Row = Walked
    quantile_error: float = field(default=0.0, kw_only=True)


@frozen(eq=False)
class _Sums:
    """Whole numbers by key journey, a row each, and the times of the completed by journey."""

    numbers: list[list[int]]
    times: Spread
    interactions: int
    customers: int


@frozen
class KeyJourneys:
    """How often each key journey of the map is walked, and how it ends.

    An occurrence runs from the start touchpoint to the end one, or to where it is given up: it
    starts again, its ``given_up_after`` runs out, or the customer goes dormant. ``journey``
    chooses one key journey (None: all of the map).
    """

    journey: str | None = field(default=None, validator=_key)

    def measure(self, part: Part) -> _Sums:
        """Count what happened in a part."""
        spans = chosen(part.scope, self.journey, "KeyJourneys")
        found = [occurrences(part, span) for span in spans]
        rows = [_numbers(part, one) for one in found]
        times = [_times(part, one) for one in found]
        cells = [np.full(len(lengths), place) for place, lengths in enumerate(times)]
        nothing = np.zeros(0, dtype=np.int64)
        return _Sums(
            rows,
            spread_of(np.concatenate([nothing, *cells]), np.concatenate([nothing, *times])),
            len(part),
            len(np.unique(part.owners)),
        )

    def merge(self, one: _Sums, other: _Sums) -> _Sums:
        """Add up."""
        return _Sums(
            [
                [a + b for a, b in zip(*pair, strict=True)]
                for pair in zip(one.numbers, other.numbers, strict=True)
            ],
            one.times.merge(other.times),
            one.interactions + other.interactions,
            one.customers + other.customers,
        )

    def answer(self, measured: _Sums, scope: Scope) -> KeyJourneysAnswer:
        """Shares, times and effort."""
        spans = chosen(scope, self.journey, "KeyJourneys")
        median, p90 = measured.times.quantiles(np.arange(len(spans)), (0.5, 0.9))
        rows = [
            _row(span, dict(zip(_COLUMNS, numbers, strict=True)), measured)
            | {"time_median": float(median[place]), "time_p90": float(p90[place])}
            for place, (span, numbers) in enumerate(zip(spans, measured.numbers, strict=True))
        ]
        frame = pl.DataFrame(rows, schema=KeyJourneysAnswer.schema()).with_columns(
            pl.col("time_median", "time_p90").fill_nan(None)
        )
        error = 0.0 if measured.times.exact else BOUND
        return KeyJourneysAnswer(frame, quantile_error=error)


_COLUMNS = ("count", "customers", "completed", "given_up", "open", "succeeded",
            "micros", "effort", "covered")  # fmt: skip


def _numbers(part: Part, found: Occurrences) -> list[int]:
    completed = found.state == COMPLETED
    last = found.last[completed]
    lengths = _times(part, found)
    steps = found.last - found.begin + 1
    return [
        len(found.begin),
        len(np.unique(part.customer[found.begin])),
        int(completed.sum()),
        int((found.state == GIVEN_UP).sum()),
        int((found.state == OPEN).sum()),
        int((~failed(part)[last]).sum()),
        exact_sum(lengths),
        int(steps[completed].sum()),
        int(steps.sum()),
    ]


def failed(part: Part) -> Flags:
    """Which interactions failed or were abandoned."""
    if not part.knows("outcome"):
        return np.zeros(len(part), dtype=bool)
    bad = np.array([name in ("failed", "abandoned") for name in part.names("outcome")])
    return bad[part.codes("outcome")]


def _times(part: Part, found: Occurrences) -> Ints:
    completed = found.state == COMPLETED
    lengths: Ints = part.at[found.last[completed]] - part.at[found.begin[completed]]
    return lengths


def _row(span: KeyJourney, sums: dict[str, int], measured: _Sums) -> dict[str, Any]:
    completed, over = sums["completed"], sums["completed"] + sums["given_up"]
    low, high = wilson(sums["succeeded"], over)
    names = ("count", "customers", "completed", "given_up", "open", "succeeded")
    return {
        "journey": span.id,
        **{name: sums[name] for name in names},
        "share": sums["succeeded"] / over if over else None,
        "low": low if over else None,
        "high": high if over else None,
        "n": over,
        "time_mean": sums["micros"] / 1e6 / completed if completed else None,
        "effort": sums["effort"] / completed if completed else None,
        "share_interactions": sums["covered"] / measured.interactions
        if measured.interactions
        else None,
        "share_customers": sums["customers"] / measured.customers if measured.customers else None,
    }
