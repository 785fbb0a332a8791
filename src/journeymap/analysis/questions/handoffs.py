"""Handoffs: one department hands a customer to another, and the cost of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency, cumulative_value
from journeymap.analysis.measuring.dormancy import NEVER, find_dormancies, mark_ends
from journeymap.analysis.measuring.quantiles import BOUND
from journeymap.analysis.measuring.tally import Tally, add_lengths, count_customers, tally_cells
from journeymap.analysis.questions.transitions import measure_waits, wait_columns
from journeymap.analysis.row_fields import Amount, Count, Error, Field, Key, Mean, N, Seconds, Share
from journeymap.analysis.table.exact_amounts import SCALE, AmountSums, amount_of
from journeymap.analysis.table.part import Flags, Ints, Part, Reading, Scope, require_times
from journeymap.model.rules import of_type

__all__ = ["HandoffRow", "Handoffs", "HandoffsAnswer"]

_AT_RISK = ("at_risk_high", "at_risk_low", "at_risk_fraction")


@frozen
class HandoffRow:
    """The handoffs from one department to another.

    Attributes:
        source: The department that handed over.
        target: The department that took over.
        count: How many handoffs there were.
        customers: How many customers they happened to.
        share: Their share of all handoffs of the source.
        n: How many handoffs the source made.
        wait_mean: Mean wait between the two interactions, in seconds.
        wait_median: Median wait, in seconds.
        wait_p90: Wait that nine of ten do not exceed, in seconds.
        bounced: How many handed the customer back to the department that handed off last
            (A→B→A).
        dropped: How many journeys ended with the interaction that the handoff led to, without
            its having succeeded.
        open: How many may go on yet: nothing came after that interaction, and the silence is not
            as long as the map's ``dormant_after``.
        drop_share: Their share of the handoffs.
        emotion_change: Mean change of emotion from before to after.
        emotion_n: Over how many handoffs.
        score_change: Mean change of scores of one kind, as a share of their scale.
        score_n: Over how many handoffs.
        value_at_risk: The value of the dropped journeys, in the log's currency.
    """

    source: Key
    target: Key
    count: Count
    customers: Count
    share: Share
    n: N
    wait_mean: Seconds | None
    wait_median: Seconds | None
    wait_p90: Seconds | None
    bounced: Count
    dropped: Count
    open: Count
    drop_share: Annotated[float, Field("share", of="count")]
    emotion_change: Mean | None
    emotion_n: Count
    score_change: Mean | None
    score_n: Count
    value_at_risk: Amount | None


@frozen(eq=False, repr=False)
class HandoffsAnswer(Answer[HandoffRow]):
    """The handoffs of a log, the most frequent first.

    Attributes:
        currency: The currency of the value at risk.
        quantile_error: How far, relatively, medians and p90 are from exact at most: 0 up to
            100,000 lengths of time, 1/256 beyond.
    """

    Row = HandoffRow
    currency: str | None = field(default=None, kw_only=True)
    quantile_error: Error = field(default=0.0, kw_only=True)

    @property
    def total(self) -> int:
        """The number of all handoffs."""
        return int(self.frame["count"].sum())

    @property
    def bounce_backs(self) -> int:
        """The number of handoffs that led back to the department that handed off last."""
        return int(self.frame["bounced"].sum())

    def notes(self) -> list[str]:
        """Write the sums over all pairs.

        Returns:
            One sentence.
        """
        return [f"{self.total:,} handoffs, {self.bounce_backs:,} of them bounce-backs"]


@frozen
class Handoffs:
    """Count handoffs: two consecutive interactions of one journey taken by different departments.

    Interactions without a department are passed over. A handoff is a bounce-back when it leads to
    the department that handed off last. It is dropped when the journey ends with the interaction
    that it led to, without its having succeeded, and the customer was silent from then to the end
    of the log for as long as the map's ``dormant_after``, where it has one; until then it is open,
    and in a log without times it stays so. A wait runs from the end of an interaction, where its
    duration is known.

    Attributes:
        by: The level at which handoffs are read.
        currency: The currency of the value at risk, when the log holds several.
        working_time: Whether waits count on the calendar of the department that took over.

    >>> from journeymap.analysis import Log, Columns
    >>> log = Log.from_frame({"customer": ["a"] * 3, "touchpoint": ["x"] * 3, "at": [0, 60, 90],
    ...                       "team": ["sales", "support", "sales"]},
    ...                      Columns(at_unit="s", department="team"))
    >>> answer = log.ask(Handoffs())
    >>> answer.total, answer.bounce_backs
    (2, 1)
    """

    by: str = field(default="department", validator=of_type(str))
    currency: str | None = None
    working_time: bool = field(default=False, validator=of_type(bool), kw_only=True)

    def measure(self, part: Part) -> _Measured:
        """Count handoffs, and what went with each."""
        read = part.read(self.by)
        size = len(read.names)
        codes = read.codes.astype(np.int64)
        change = np.flatnonzero(~read.first[1:] & (codes[1:] != codes[:-1]))
        pairs = codes[change] * size + codes[change + 1]
        marks = _mark(part, read, codes, change)
        dropped = marks["dropped"]
        columns: dict[str, Ints | None] = {"count": None}
        columns |= {name: mark.astype(np.int64) for name, mark in marks.items()}
        columns |= _changes(part, read, change)
        worth, currencies = cumulative_value(part, self.currency)
        value = worth if worth is None or read.rows is None else worth.select(read.rows)
        if value is not None:
            risked = value.select(change + 1).where(dropped)
            columns |= dict(zip(_AT_RISK, risked.parts, strict=True))
        if self.working_time:
            require_times(part.scope, "Handoffs(working_time=True)")
        made = tally_cells(read.names, 2, pairs, columns)
        if part.scope.timed:
            waits = measure_waits(read, change, working=self.working_time)
            made = add_lengths(made, pairs, waits)
        who = read.customer[change]
        made.sums["customers"] = count_customers(made, pairs, who)
        return _Measured(made, currencies)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        if number not in ("customers", "count", "bounced", "dropped", "open"):
            return None
        read = part.read(self.by)
        codes = read.codes.astype(np.int64)
        before, after = (
            np.array([name == row[one] for name in read.names], dtype=bool)[codes]
            for one in ("source", "target")
        )
        change = np.flatnonzero(~read.first[1:] & (codes[1:] != codes[:-1]))
        mine = before[change] & after[change + 1]
        if number not in ("customers", "count"):
            mine &= _mark(part, read, codes, change)[number]
        found: Ints = read.customer[change[mine]]
        return found

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum two measurements."""
        return _Measured(one.tally.merge(other.tally), one.currencies | other.currencies)

    def answer(self, measured: _Measured, scope: Scope) -> HandoffsAnswer:
        """Return shares, means and value at risk; refused when currencies would be mixed."""
        currency = choose_currency("Handoffs", self.currency, measured.currencies)
        found = measured.tally
        sources, targets = found.digits()
        sums = found.sums
        counts = sums["count"]
        totals = np.bincount(sources, counts, minlength=len(found.names)).astype(np.int64)
        columns: dict[str, Any] = {
            "source": [str(found.names[code]) for code in sources],
            "target": [str(found.names[code]) for code in targets],
            "count": counts,
            "customers": sums["customers"],
            "share": counts / np.maximum(totals[sources], 1),
            "n": totals[sources],
            **wait_columns(found, "count", counts > 0, on=scope.timed),
            "bounced": sums["bounced"],
            "dropped": sums["dropped"],
            "open": sums["open"],
            "drop_share": sums["dropped"] / np.maximum(counts, 1),
            "emotion_change": _mean(sums, "emotion"),
            "emotion_n": sums["emotion_n"],
            "score_change": _mean(sums, "score"),
            "score_n": sums["score_n"],
            "value_at_risk": _value_at_risk(sums, len(counts)),
        }
        frame = pl.DataFrame(columns, schema=HandoffsAnswer.schema(), nan_to_null=True)
        ordered = frame.sort("count", "source", "target", descending=[True, False, False])
        return HandoffsAnswer(
            ordered,
            currency=currency,
            quantile_error=0.0 if found.spread.exact else BOUND,
        )


@frozen(eq=False)
class _Measured:
    tally: Tally
    currencies: frozenset[str]


def _mark(part: Part, read: Reading, codes: Ints, change: Ints) -> dict[str, Flags]:
    """Mark the handoffs that bounced back, and those after which journeys ended, or may go on."""
    ended = _ends(part, read)[change + 1] & ~_succeeded(part, read)[change + 1]
    silent = _is_silent(part, read)[change + 1]
    done = mark_ends(part) if read.rows is None else mark_ends(part)[read.rows]
    ended &= ~done[change + 1]  # where a journey may end, none was lost
    return {"bounced": _bounced(codes, change, read), "dropped": ended & silent,
            "open": ended & ~silent}  # fmt: skip


def _bounced(codes: Ints, change: Ints, read: Reading) -> Any:
    """Mark handoffs that lead back to where the one before, in the same journey, began."""
    journey = read.journey[change]
    bounced = np.zeros(len(change), dtype=bool)
    bounced[1:] = (journey[1:] == journey[:-1]) & (codes[change + 1][1:] == codes[change][:-1])
    return bounced


def _ends(part: Part, read: Reading) -> Any:
    """Mark interactions after which nothing at all comes in their journey."""
    last = np.zeros(len(part), dtype=bool)
    last[part.offsets[1:] - 1] = True
    return last if read.rows is None else last[read.rows]


def _is_silent(part: Part, read: Reading) -> Any:
    """Mark interactions from which to the log's end the map would take a customer for dormant."""
    if part.scope.map is None:
        return np.ones(len(read.codes), dtype=bool)
    _, limits = find_dormancies(part)
    silent = limits == NEVER
    if part.scope.timed:
        silent |= part.scope.seen_until - part.at >= limits
    return silent if read.rows is None else silent[read.rows]


def _succeeded(part: Part, read: Reading) -> Any:
    if not part.knows("outcome"):
        return np.zeros(len(read.codes), dtype=bool)
    won = np.array([name == "succeeded" for name in part.names("outcome")])[part.codes("outcome")]
    return won if read.rows is None else won[read.rows]


def _changes(part: Part, read: Reading, change: Ints) -> dict[str, Ints | None]:
    """Measure the change of emotion, and of score as a share of its scale, over each handoff."""
    columns: dict[str, Ints | None] = {}
    for role in ("emotion", "score"):
        column = part.number(role)
        if column is None:
            nothing = np.zeros(len(change), dtype=np.int64)
            columns |= {role: nothing, f"{role}_n": nothing}
            continue
        known = column != np.iinfo(column.dtype).min
        values = column.astype(np.int64)
        kinds = np.zeros(len(column), dtype=np.int64)
        if role == "score":
            kinds = part.codes("score_kind").astype(np.int64)
            values = _of_scale(values, kinds, part)
        if read.rows is not None:
            known, values, kinds = known[read.rows], values[read.rows], kinds[read.rows]
        both = known[change] & known[change + 1] & (kinds[change] == kinds[change + 1])
        columns[role] = np.where(both, values[change + 1] - values[change], 0)
        columns[f"{role}_n"] = both.astype(np.int64)
    return columns


def _of_scale(values: Ints, kinds: Ints, part: Part) -> Ints:
    """Scores as ten-thousandths of their scale."""
    made = values.copy()
    for code, name in enumerate(part.names("score_kind")):
        if name in part.scope.scales:
            low, high = part.scope.scales[name]
            mine = kinds == code
            made[mine] = np.round((values[mine] - low * SCALE) / (high - low))
    return made


def _value_at_risk(sums: dict[str, Ints], size: int) -> list[float | None]:
    if _AT_RISK[0] not in sums:
        return [None] * size
    exact = AmountSums(np.stack([sums[name] for name in _AT_RISK]))
    return [amount_of(total) for total in exact.totals()]


def _mean(sums: dict[str, Ints], role: str) -> Any:
    n = sums[f"{role}_n"]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, sums[role] / SCALE / n, np.nan)
