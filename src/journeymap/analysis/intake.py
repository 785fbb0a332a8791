"""Rows become interactions: every row is accepted, or set aside with its line and its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.adapters.rows import Rows
from journeymap.analysis.columns import Columns
from journeymap.analysis.times import Micros, read_times
from journeymap.exceptions import ColumnsError, SourceError

__all__ = ["Intake", "Rejected", "Rejection", "intake"]

SCALE = 10_000  # emotions, scores and amounts are kept to a ten-thousandth, and sum exactly
_MOST = 9e11
LEVELS = ("source", "channel", "department", "process", "product", "outcome")


@frozen
class Rejection:
    """A row that was set aside: its line in the file (or row in the frame, from 1), and why."""

    line: int
    reason: str
    row: str = field(default="", repr=False)


@frozen(eq=False, repr=False)
class Rejected(Sequence[Rejection]):
    """The rows set aside, in the order of their lines; ``reasons`` counts them by reason."""

    _frame: pl.DataFrame

    @property
    def reasons(self) -> Counter[str]:
        """How many rows were set aside for each reason, the most first."""
        counted = self._frame["reason"].value_counts(sort=True)
        return Counter(
            dict(zip(counted["reason"].to_list(), counted["count"].to_list(), strict=True))
        )

    def __len__(self) -> int:
        return len(self._frame)

    @overload
    def __getitem__(self, place: int) -> Rejection: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Rejection]: ...
    def __getitem__(self, place: int | slice) -> Rejection | Sequence[Rejection]:
        if isinstance(place, slice):
            return Rejected(self._frame[place])
        return Rejection(*self._frame.row(place))

    def __iter__(self) -> Iterator[Rejection]:
        return (Rejection(*row) for row in self._frame.iter_rows())

    def __repr__(self) -> str:
        told = "; ".join(f"{count} × {why}" for why, count in self.reasons.most_common(5))
        return f"<{len(self)} rows set aside{': ' if told else ''}{told}>"


@frozen(eq=False)
class Intake:
    """Accepted rows as columns in order of arrival, and the rejected."""

    customer: pl.Series
    touchpoint: pl.Series
    at: Micros
    names: dict[str, pl.Series]
    numbers: dict[str, Micros]
    rejected: Rejected
    scales: dict[str, tuple[float, float]]


@frozen(eq=False)
class _Checked:
    """The reasons found so far; the first one found for a row stands."""

    reasons: list[pl.Series]

    def find(self, wrong: pl.Series, reason: str | pl.Series) -> None:
        text = pl.lit(reason) if isinstance(reason, str) else reason
        found = pl.select(pl.when(wrong).then(text)).to_series()
        self.take(found)

    def take(self, found: pl.Series) -> None:
        if found.null_count() < len(found):
            before = self.reasons[0]
            self.reasons[0] = before.zip_with(before.is_not_null(), found.cast(pl.String))


def intake(rows: Rows, columns: Columns, *, strict: bool = False) -> Intake:
    """Check every row; ``strict`` raises SourceError at the first that would be set aside."""
    frame = rows.frame
    checked = _Checked([pl.Series([None] * len(frame), dtype=pl.String)])
    customer = _name(frame, columns.customer)
    touchpoint = _name(frame, columns.touchpoint)
    checked.find(_blank(customer), "no customer")
    checked.find(_blank(touchpoint), "no touchpoint")
    at, reasons = read_times(frame[columns.at], columns.timezone, columns.at_unit)
    checked.take(reasons)
    names = _names(frame, columns)
    numbers = _numbers(frame, columns, names, checked)
    if columns.id is not None:
        _duplicates(_name(frame, columns.id), names.get("source"), rows, checked)
    good = checked.reasons[0].is_null()
    rejected = _rejected(rows, checked.reasons[0])
    if strict and len(rejected):
        first = min(rejected, key=lambda found: found.line)
        raise SourceError(rows.name, first.reason, first.line)
    if not good.all():
        keep = good.to_numpy()
        customer, touchpoint, at = customer.filter(good), touchpoint.filter(good), at[keep]
        names = {role: column.filter(good) for role, column in names.items()}
        numbers = {role: column[keep] for role, column in numbers.items()}
    scales = {kind: (low, high) for kind, low, high in columns.scales}
    return Intake(customer, touchpoint, at, names, numbers, rejected, scales)


def _name(frame: pl.DataFrame, column: str) -> pl.Series:
    """A column as names: whole numbers lose the point that a frame may have given them."""
    found = frame[column]
    kind = found.dtype
    if kind == pl.String:
        return found
    if kind.is_float():
        whole = found.cast(pl.Int64, strict=False)
        same = (whole.cast(pl.Float64) == found).fill_null(value=True)
        return (whole if same.all() else found).cast(pl.String)
    if kind.is_nested() or kind == pl.Binary:
        raise ColumnsError(f"column {column!r} holds {kind}, not names", None, ())
    return found.cast(pl.String)


def _blank(names: pl.Series) -> pl.Series:
    return names.is_null() | (names.str.strip_chars() == "")


def _names(frame: pl.DataFrame, columns: Columns) -> dict[str, pl.Series]:
    names = {}
    for role in (*LEVELS, "score_kind", "currency"):
        column = getattr(columns, role)
        if column is None:
            continue
        if column in frame.columns:
            names[role] = _name(frame, column)
        else:  # a word that stands for every row
            names[role] = pl.Series([column], dtype=pl.String).new_from_index(0, len(frame))
    for column in columns.extra:
        names[column] = _name(frame, column)
    return names


def _numbers(
    frame: pl.DataFrame, columns: Columns, names: dict[str, pl.Series], checked: _Checked
) -> dict[str, Micros]:
    numbers: dict[str, Micros] = {}
    for role in ("emotion", "emotion_after"):
        column = getattr(columns, role)
        if column is not None:
            numbers[role] = _fixed(frame[column], role, -1, 1, checked)
    if columns.value is not None:
        numbers["value"] = _fixed(frame[columns.value], "value", -_MOST, _MOST, checked)
        lacking = pl.Series(numbers["value"] != NONE) & _blank(names["currency"])
        checked.find(lacking, "a value without a currency")
    if columns.duration is not None:
        numbers["duration"] = _fixed(frame[columns.duration], "duration", 0, 3e9, checked)
    if columns.score is not None:
        numbers["score"] = _scores(frame[columns.score], names["score_kind"], columns, checked)
    return numbers


NONE = np.iinfo(np.int64).min


def _fixed(column: pl.Series, role: str, low: float, high: float, checked: _Checked) -> Micros:
    """Numbers in ten-thousandths, NONE where missing; others are reasons to set a row aside."""
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        missing = text.is_null() | (text == "")
        number = text.cast(pl.Float64, strict=False)
    else:
        number = column.cast(pl.Float64, strict=False)
        missing = column.is_null() | number.is_nan().fill_null(value=True)
    inside = (number.is_between(low, high) & number.is_not_nan()).fill_null(value=False)
    shown = "" if low < -1e9 else f" from {low:g} to {high:g}"
    checked.find(~missing & ~inside, f"{role}: a number{shown} is expected")
    kept = number.zip_with(inside & ~missing, pl.Series([None], dtype=pl.Float64))
    return (kept * SCALE).round(0).cast(pl.Int64).fill_null(NONE).to_numpy()


def _scores(column: pl.Series, kinds: pl.Series, columns: Columns, checked: _Checked) -> Micros:
    scores = _fixed(column, "score", -_MOST, _MOST, checked)
    given = pl.Series(scores != NONE)
    known = [kind for kind, _, _ in columns.scales]
    checked.find(given & ~kinds.is_in(known).fill_null(value=False),
                 f"score_kind: one of {', '.join(known)} is expected")  # fmt: skip
    for kind, low, high in columns.scales:
        of_kind = given & (kinds == kind).fill_null(value=False)
        outside = of_kind & pl.Series((scores < low * SCALE) | (scores > high * SCALE))
        checked.find(outside, f"score: {kind} lies between {low:g} and {high:g}")
    return scores


def _duplicates(ids: pl.Series, sources: pl.Series | None, rows: Rows, checked: _Checked) -> None:
    """A second row of the same source and id is set aside, naming the line of the first."""
    frame = pl.DataFrame(
        {
            "id": ids,
            "source": sources
            if sources is not None
            else pl.Series([None] * len(ids), dtype=pl.String),
            "line": rows.lines,
            "good": checked.reasons[0].is_null() & ~_blank(ids),
        }
    )
    first = pl.col("line").filter("good").first().over("id", "source")
    found = frame.select(
        pl.when(pl.col("good") & (pl.col("line") != first)).then(
            pl.lit("a duplicate: the same id as line ") + first.cast(pl.String)
        )
    ).to_series()
    checked.take(found)


def _rejected(rows: Rows, reasons: pl.Series) -> Rejected:
    bad = reasons.is_not_null()
    where = np.flatnonzero(bad.to_numpy())
    held = [
        json.dumps(row, ensure_ascii=False, default=str)
        for row in rows.frame.filter(bad).iter_rows(named=True)
    ]
    columns = {
        "line": [*rows.lines[where].tolist(), *(b.line for b in rows.broken)],
        "reason": [*reasons.filter(bad).to_list(), *(b.reason for b in rows.broken)],
        "row": [*held, *(b.held for b in rows.broken)],
    }
    kinds = {"line": pl.Int64, "reason": pl.String, "row": pl.String}
    return Rejected(pl.DataFrame(columns, schema=kinds).sort("line", maintain_order=True))
