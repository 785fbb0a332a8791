"""Distributions: how waits, stays, journeys and their values are spread."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer, format_cell
from journeymap.analysis.measuring.amounts import choose_currency, read_amounts
from journeymap.analysis.measuring.quantiles import BOUND, Spread, spread_lengths
from journeymap.analysis.measuring.tally import sum_exactly
from journeymap.analysis.measuring.working_time import measure_waits_between
from journeymap.analysis.row_fields import Count, Error, Field, N, Share
from journeymap.analysis.table.exact_amounts import FRACTION, SCALE, AmountSums, Floats
from journeymap.analysis.table.part import Ints, Part, Scope, code_of, require_times
from journeymap.exceptions import ElementError
from journeymap.model.rules import of_type, one_of

__all__ = ["Distribution", "DistributionAnswer", "DistributionBin"]

Of = Literal["wait", "length", "interactions", "value"]
Edge: TypeAlias = Annotated[float, Field("key")]
_DAY = 86_400.0
_EDGES: dict[str, tuple[float, ...]] = {
    "time": (0, 1, 10, 60, 600, 3600, 6 * 3600, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY,
             365 * _DAY),
    "interactions": (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100),
    "value": (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000),
}  # fmt: skip
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
_text: Any = validators.optional(of_type(str))


@frozen
class DistributionBin:
    """One bin of a histogram.

    Attributes:
        low: Its lower edge, which belongs to it (None: there is none): seconds, interactions, or
            an amount.
        high: Its upper edge, which does not (None: there is none).
        count: How many lie in it.
        share: Their share.
        cumulative: The share of all up to its upper edge.
        n: How many there are.
    """

    low: Edge | None
    high: Edge | None
    count: Count
    share: Share
    cumulative: Share
    n: N


@frozen(eq=False, repr=False)
class DistributionAnswer(Answer[DistributionBin]):
    """The bins in order, from the first to the last that holds anything.

    Attributes:
        of: What is distributed.
        unit: ``seconds``, ``interactions``, or a currency.
        mean: The mean (None: there is nothing).
        quantiles: The 10th, 25th, 50th, 75th and 90th percentile, by name (``p10`` …).
        quantile_error: How far, relatively, quantiles are from exact at most.
    """

    Row = DistributionBin
    of: str = field(default="", kw_only=True)
    unit: str = field(default="", kw_only=True)
    mean: float | None = field(default=None, kw_only=True)
    quantiles: dict[str, float] = field(factory=dict, kw_only=True)
    quantile_error: Error = field(default=0.0, kw_only=True)

    def notes(self) -> list[str]:
        """Write the mean and the median, or that there is nothing.

        Returns:
            One sentence.
        """
        if self.mean is None:
            return [f"this log knows no {self.of}"]
        kind = Field("seconds" if self.unit == "seconds" else "mean")
        mean, median = (format_cell(kind, one) for one in (self.mean, self.quantiles["p50"]))
        unit = "" if self.unit == "seconds" else f" {self.unit}"
        return [f"mean {mean}{unit}, median {median}{unit}"]

    def field_in(self, row: dict[str, Any], name: str) -> Field:
        """Find out what a field is, in one row: edges are times, or numbers.

        Args:
            row: The row as a dictionary.
            name: The name of the field.

        Returns:
            The kind of the field.
        """
        if name in ("low", "high"):
            return Field("seconds" if self.unit == "seconds" else "mean")
        return super().field_in(row, name)


@frozen(eq=False)
class _Measured:
    """Counts by bin, the exact sum in small units, and how the numbers spread."""

    counts: Ints
    total: int
    spread: Spread | None
    values: tuple[Floats, ...]
    currencies: frozenset[str]


@frozen
class Distribution:
    """Show how something is distributed: a histogram, with the mean and quantiles.

    Attributes:
        of: ``wait`` (from one interaction to the next, or from ``start`` to the next ``end``),
            ``length`` (of a journey, from its first interaction to its last), ``interactions`` (of
            a journey) or ``value`` (of a journey, amounts below zero taken off).
        start: The element from which a wait runs.
        end: The element with which it ends.
        by: The level of these elements.
        edges: The edges of the bins, rising: seconds, interactions, amounts (None: usual ones).
        currency: The currency of values, when the log holds several.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x", "y", "y"],
    ...                       "at": [0, 5, 700]}, Columns(at_unit="s"))
    >>> answer = log.ask(Distribution("wait"))
    >>> [(row.low, row.high, row.count) for row in answer if row.count], answer.mean
    ([(1.0, 10.0, 1), (600.0, 3600.0, 1)], 350.0)
    """

    of: Of = field(validator=one_of("wait", "length", "interactions", "value"))
    start: str | None = field(default=None, validator=_text, kw_only=True)
    end: str | None = field(default=None, validator=_text, kw_only=True)
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)
    edges: tuple[float, ...] | None = field(default=None, kw_only=True)
    currency: str | None = field(default=None, validator=_text, kw_only=True)

    @edges.validator
    def _check_edges(self, attribute: Any, value: Any) -> None:
        if value is None:
            return
        numbers = isinstance(value, tuple) and len(value) > 0 and all(
            isinstance(one, int | float) and math.isfinite(one) for one in value
        )  # fmt: skip
        if not numbers or list(value) != sorted(set(value)):
            raise ElementError("Distribution", "edges", value, "rising numbers are expected")

    def __attrs_post_init__(self) -> None:
        if (self.start is None) != (self.end is None):
            message = "a start and an end go together"
            raise ElementError("Distribution", "end", self.end, message)
        if self.start is not None and self.of != "wait":
            message = "a start and an end are those of a wait"
            raise ElementError("Distribution", "start", self.start, message)

    def measure(self, part: Part) -> _Measured:
        """Count the bins of a part."""
        if self.of == "value":
            return self._measure_values(part)
        values = self._lengths(part)
        edges = np.array(self._edges) * self._scale
        counts = np.bincount(
            np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1
        ).astype(np.int64)  # fmt: skip
        spread = spread_lengths(np.zeros(len(values), dtype=np.int64), values)
        return _Measured(counts, sum_exactly(values), spread, (), frozenset())

    def _measure_values(self, part: Part) -> _Measured:
        """Count the journeys of a part by their values."""
        sums, currencies = AmountSums.nothing(0), frozenset[str]()
        found = read_amounts(part, self.currency)
        if found is not None:
            amounts, there, currencies = found
            some = np.zeros(part.journeys, dtype=bool)
            some[part.journey[there]] = True
            mine = amounts.select(there)
            sums = mine.sums_by(part.journey[there], part.journeys).select(some)
        values, edges = sums.floats, np.array(self._edges)
        bins = np.searchsorted(edges, values, side="right")
        counts = np.bincount(bins, minlength=len(edges) + 1).astype(np.int64)
        return _Measured(counts, sums.total(), None, (values,), currencies)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum two measurements."""
        spread = None
        if one.spread is not None and other.spread is not None:
            spread = one.spread.merge(other.spread)
        return _Measured(
            one.counts + other.counts, one.total + other.total, spread, one.values + other.values,
            one.currencies | other.currencies,
        )  # fmt: skip

    def answer(self, measured: _Measured, scope: Scope) -> DistributionAnswer:
        """Give shares of each bin, the mean and quantiles."""
        n = int(measured.counts.sum())
        edges = self._edges
        lows, highs = (None, *edges), (*edges, None)
        filled = np.flatnonzero(measured.counts).tolist()
        shown = range(filled[0], filled[-1] + 1) if filled else range(0)
        rising = np.cumsum(measured.counts)
        rows = [
            (lows[place], highs[place], int(measured.counts[place]),
             int(measured.counts[place]) / n, int(rising[place]) / n, n)
            for place in shown
        ]  # fmt: skip
        unit = {"interactions": "interactions", "value": ""}.get(self.of, "seconds")
        if self.of == "value":
            unit = choose_currency("Distribution", self.currency, measured.currencies) or ""
        exact = measured.spread is None or measured.spread.exact
        return DistributionAnswer(
            pl.DataFrame(rows, schema=DistributionAnswer.schema(), orient="row"),
            of=self.of, unit=unit, mean=measured.total / (n * self._scale) if n else None,
            quantiles=self._quantiles(measured) if n else {},
            quantile_error=0.0 if exact else BOUND,
        )  # fmt: skip

    @property
    def _edges(self) -> tuple[float, ...]:
        kind = self.of if self.of in ("interactions", "value") else "time"
        return tuple(map(float, _EDGES[kind] if self.edges is None else self.edges))

    @property
    def _scale(self) -> int:
        return SCALE * FRACTION if self.of == "value" else 1_000_000

    def _quantiles(self, measured: _Measured) -> dict[str, float]:
        if measured.spread is None:
            numbers = np.quantile(np.concatenate(measured.values), _SHARES).tolist()
        else:
            cells = np.zeros(1, dtype=np.int64)
            numbers = [float(one[0]) for one in measured.spread.quantiles(cells, _SHARES)]
        return {f"p{round(100 * share)}": number
                for share, number in zip(_SHARES, numbers, strict=True)}  # fmt: skip

    def _lengths(self, part: Part) -> Ints:
        """Find the numbers of a part, in millionths."""
        if self.of == "interactions":
            return np.diff(part.offsets).astype(np.int64) * 1_000_000
        require_times(part.scope, "Distribution")
        if self.of == "length":
            return part.at[part.offsets[1:] - 1] - part.at[part.offsets[:-1]]
        return self._waits(part)

    def _waits(self, part: Part) -> Ints:
        if self.start is None or self.end is None:
            inner = np.flatnonzero(~part.first)
            return measure_waits_between(part, inner - 1, inner, working=False)
        read = part.read(self.by)
        starts = np.flatnonzero(read.codes == code_of(read.names, self.by, self.start))
        ends = np.flatnonzero(read.codes == code_of(read.names, self.by, self.end))
        place = np.append(ends, len(read.codes))[np.searchsorted(ends, starts, side="right")]
        following = np.append(read.journey, -1)[place] == read.journey[starts]
        before, after = starts[following], place[following]
        if read.rows is not None:
            before, after = read.rows[before], read.rows[after]
        return measure_waits_between(part, before, after, working=False)
