"""Rows become interactions: every row is accepted, or set aside with its line and its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import polars as pl
from attrs import define, field, frozen

from journeymap.adapters.source import NO_CURRENCY
from journeymap.adapters.tables.rows import Rows
from journeymap.analysis.table.coding import CodedNames, encode_names
from journeymap.analysis.table.columns import Columns
from journeymap.analysis.table.part import Flags
from journeymap.analysis.table.times import Micros, read_times
from journeymap.exceptions import ColumnsError, SourceError
from journeymap.interactions.interaction import (
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    TOO_LONG_KEY,
    TOO_LONG_NAME,
)
from journeymap.interactions.values import MAX_AMOUNT

__all__ = ["CheckedRows", "Dropped", "Rejected", "Rejection", "check_rows", "read_names"]

SCALE = 10_000  # emotions, scores and amounts are kept to a ten-thousandth, and sum exactly
NONE = np.iinfo(np.int64).min
LEVELS = ("source", "channel", "department", "process", "product", "outcome")


@frozen
class Rejection:
    """A row that was set aside.

    Attributes:
        line: Its line in the file, or row in the frame, from 1.
        reason: Why it was set aside.
        row: What it holds, as JSON.
        file: The file, where a log was read from several.
    """

    line: int
    reason: str
    row: str = field(default="", repr=False)
    file: str = ""


@frozen(eq=False, repr=False)
class Rejected(Sequence[Rejection]):
    """The rows that were set aside, in the order of their lines."""

    _frame: pl.DataFrame

    @property
    def reasons(self) -> Counter[str]:
        """How many rows were set aside for each reason, the most first."""
        counted = self._frame["reason"].value_counts(sort=True)
        return Counter(
            dict(zip(counted["reason"].to_list(), counted["count"].to_list(), strict=True))
        )

    def to_polars(self) -> pl.DataFrame:
        """Convert the rows to a Polars frame.

        Returns:
            The frame.
        """
        return self._frame

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
        reasons = "; ".join(f"{count} × {why}" for why, count in self.reasons.most_common(5))
        return f"<{len(self)} rows set aside{': ' if reasons else ''}{reasons}>"


class Dropped(Rejected):
    """The values that were left out of interactions that were kept, in the order of their lines."""

    @classmethod
    def none(cls) -> Dropped:
        """Make the dropped values of rows that keep all of theirs.

        Returns:
            None of them.
        """
        return cls(pl.DataFrame(schema=_REJECTED))

    def __repr__(self) -> str:
        reasons = "; ".join(f"{count} × {why}" for why, count in self.reasons.most_common(5))
        return f"<{len(self)} values dropped{': ' if reasons else ''}{reasons}>"


@frozen(eq=False)
class CheckedRows:
    """Accepted rows as columns in order of arrival, and the rejected; ``good`` marks them."""

    customer: CodedNames
    touchpoint: CodedNames
    at: Micros
    names: dict[str, CodedNames]
    numbers: dict[str, Micros]
    rejected: Rejected
    dropped: Dropped
    scales: dict[str, tuple[float, float]]
    zone: str
    good: Flags


@define(eq=False)
class _Reasons:
    """The reasons found so far; the first one found for a row stands."""

    size: int
    reasons: pl.Series | None = None

    def find(self, wrong: Flags, reason: str) -> None:
        if wrong.any():
            self.take(pl.select(pl.when(pl.Series(wrong)).then(pl.lit(reason))).to_series())

    def take(self, found: pl.Series) -> None:
        if self.reasons is None:
            self.reasons = found if found.null_count() < self.size else None
        elif found.null_count() < self.size:
            self.reasons = self.reasons.zip_with(self.reasons.is_not_null(), found)

    def good(self) -> Flags:
        if self.reasons is None:
            return np.ones(self.size, dtype=bool)
        return self.reasons.is_null().to_numpy()


def check_rows(
    rows: Rows,
    columns: Columns,
    *,
    strict: bool = False,
    coder: Callable[[pl.Series], CodedNames] = encode_names,
) -> CheckedRows:
    """Check every row; ``strict`` raises SourceError at the first that would be set aside.

    ``coder`` gives customers their codes, for whom there are better ways than the usual one.
    """
    frame = rows.frame
    checked = _Reasons(len(frame))
    customer = coder(read_names(frame, columns.customer))
    touchpoint = _encode_column(frame, columns.touchpoint)
    checked.find(customer.blank(), "no customer")
    long = customer.among(lambda names: names.str.len_bytes() > MAX_NAME_BYTES)
    checked.find(long, f"customer: {TOO_LONG_NAME}")
    checked.find(touchpoint.blank(), "no touchpoint")
    reserved = touchpoint.among(lambda names: names.is_in(["(start)", "(end)"]))
    checked.find(reserved, "a touchpoint named like where journeys begin or end")
    at, reasons = read_times(frame[columns.at], columns.timezone, columns.at_unit)
    checked.take(reasons)
    names = _read_name_columns(frame, columns)
    numbers = _read_number_columns(frame, columns, names, checked)
    lacking = _drop_amounts(numbers, names)
    if columns.id is not None:
        ids, sources = _encode_column(frame, columns.id), names.get("source")
        checked.find(_find_long_keys(ids, sources), f"id: {TOO_LONG_KEY}")
        _find_duplicates(ids, sources, rows, checked)
    good = checked.good()
    rejected = _collect_rejected(rows, checked)
    dropped = _collect_dropped(rows, lacking & good)
    if strict and len(rejected):
        first = rejected[0]
        raise SourceError(rows.name, first.reason, first.line)
    if checked.reasons is not None:
        customer, touchpoint, at = customer.only(good), touchpoint.only(good), at[good]
        names = {role: column.only(good) for role, column in names.items()}
        numbers = {role: column[good] for role, column in numbers.items()}
    zone = columns.timezone or "UTC"
    return CheckedRows(
        customer, touchpoint, at, names, numbers, rejected, dropped, columns.ranges, zone, good
    )


def _encode_column(frame: pl.DataFrame, column: str) -> CodedNames:
    return encode_names(read_names(frame, column))


def read_names(frame: pl.DataFrame, column: str) -> pl.Series:
    """Read a column as names: whole numbers lose the point that a frame may have added."""
    found = frame[column]
    kind = found.dtype
    if kind.is_float():
        found = found.fill_nan(None)
        whole = found.cast(pl.Int64, strict=False)
        same = (whole.cast(pl.Float64) == found).fill_null(value=False)
        found = whole.cast(pl.String).zip_with(same, found.cast(pl.String))
    if kind.is_nested() or kind == pl.Binary:
        raise ColumnsError(f"column {column!r} holds {kind}, not names", None, ())
    return found.cast(pl.String)


def _read_name_columns(frame: pl.DataFrame, columns: Columns) -> dict[str, CodedNames]:
    names = {}
    for role in (*LEVELS, "score_kind", "currency"):
        column = getattr(columns, role)
        if column is None:
            continue
        if column in frame.columns:
            names[role] = _encode_column(frame, column)
        else:  # a word that stands for every row
            names[role] = CodedNames(np.zeros(len(frame), dtype=np.uint32), pl.Series([column]))
    for column in columns.extra:
        names[column] = _encode_column(frame, column)
    return names


def _read_number_columns(
    frame: pl.DataFrame, columns: Columns, names: dict[str, CodedNames], checked: _Reasons
) -> dict[str, Micros]:
    numbers: dict[str, Micros] = {}
    for role in ("emotion", "emotion_after"):
        column = getattr(columns, role)
        if column is not None:
            numbers[role] = _read_numbers(frame[column], role, -1, 1, checked)
    if columns.value is not None:
        numbers["value"] = _read_numbers(
            frame[columns.value], "value", -float(MAX_AMOUNT), float(MAX_AMOUNT), checked
        )
    if columns.duration is not None:
        numbers["duration"] = _read_numbers(frame[columns.duration], "duration", 0, 3e9, checked)
    if columns.score is not None:
        numbers["score"] = _read_scores(frame[columns.score], names["score_kind"], columns, checked)
    return numbers


def _drop_amounts(numbers: dict[str, Micros], names: dict[str, CodedNames]) -> Flags:
    """Leave out amounts without a currency, and mark their rows."""
    if "value" not in numbers:
        return np.zeros(1, dtype=bool)
    lacking: Flags = (numbers["value"] != NONE) & names["currency"].blank()
    if lacking.any():
        numbers["value"] = np.where(lacking, NONE, numbers["value"])
    return lacking


def _read_numbers(
    column: pl.Series, role: str, low: float, high: float, checked: _Reasons
) -> Micros:
    """Read numbers in ten-thousandths, NONE where missing; reject others."""
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise ColumnsError(f"{role}: column {column.name!r} holds {column.dtype}, not numbers")
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        missing = text.is_null() | (text == "")
        number = text.cast(pl.Float64, strict=False)
    else:
        number = column.cast(pl.Float64, strict=False)
        missing = column.is_null() | number.is_nan().fill_null(value=True)
    inside = (number.is_between(low, high) & number.is_not_nan()).fill_null(value=False)
    shown = f" from {low:g} to {high:g}"
    checked.find((~missing & ~inside).to_numpy(), f"{role}: a number{shown} is expected")
    kept = number.zip_with(inside & ~missing, pl.Series([None], dtype=pl.Float64))
    return (kept * SCALE).round(0).cast(pl.Int64).fill_null(NONE).to_numpy()


def _read_scores(
    column: pl.Series, kinds: CodedNames, columns: Columns, checked: _Reasons
) -> Micros:
    scores = _read_numbers(column, "score", -float(MAX_AMOUNT), float(MAX_AMOUNT), checked)
    given = scores != NONE
    known = [kind for kind, _, _ in columns.scales]
    unknown = kinds.among(lambda names: ~names.is_in(known))
    checked.find(given & unknown, f"score_kind: one of {', '.join(known)} is expected")
    for kind, low, high in columns.scales:
        outside = (scores < low * SCALE) | (scores > high * SCALE)
        of_kind = kinds.among(lambda names, kind=kind: names == kind)  # type: ignore[misc]
        checked.find(given & of_kind & outside, f"score: {kind} lies between {low:g} and {high:g}")
    return scores


def _find_long_keys(ids: CodedNames, sources: CodedNames | None) -> Flags:
    sizes = ids.names.str.len_bytes().to_numpy()[ids.codes].astype(np.int64) + 1
    if sources is not None:
        sizes += sources.names.str.len_bytes().to_numpy()[sources.codes]
    long: Flags = sizes > MAX_KEY_BYTES
    return long & ~ids.blank()


def _find_duplicates(
    ids: CodedNames, sources: CodedNames | None, rows: Rows, checked: _Reasons
) -> None:
    """Reject further rows of a source and id, naming the line of the first."""
    frame = pl.DataFrame(
        {
            "id": ids.codes,
            "source": np.zeros(len(ids.codes)) if sources is None else sources.codes,
            "line": rows.lines,
            "good": checked.good() & ~ids.blank(),
        }
    )
    first = pl.col("line").filter("good").first().over("id", "source")
    found = frame.select(
        pl.when(pl.col("good") & (pl.col("line") != first)).then(
            pl.lit("a duplicate: the same id as line ") + first.cast(pl.String)
        )
    ).to_series()
    checked.take(found)


def _collect_dropped(rows: Rows, lacking: Flags) -> Dropped:
    held, lines = [], []
    if lacking.any():
        lines = rows.lines[lacking].tolist()
        held = [_row_text(row) for row in rows.frame.filter(lacking).iter_rows(named=True)]
    columns = {
        "line": [*lines, *(one.line for one in rows.dropped)],
        "reason": [*([NO_CURRENCY] * len(lines)), *(one.reason for one in rows.dropped)],
        "row": [*held, *(one.held for one in rows.dropped)],
    }
    return Dropped(pl.DataFrame(columns, schema=_REJECTED).sort("line", maintain_order=True))


def _row_text(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)


_REJECTED = {"line": pl.Int64, "reason": pl.String, "row": pl.String}


def _collect_rejected(rows: Rows, checked: _Reasons) -> Rejected:
    bad = ~checked.good()
    reasons = checked.reasons.drop_nulls().to_list() if checked.reasons is not None else []
    held = [_row_text(row) for row in rows.frame.filter(bad).iter_rows(named=True)]
    columns = {
        "line": [*rows.lines[bad].tolist(), *(b.line for b in rows.rejected)],
        "reason": [*reasons, *(b.reason for b in rows.rejected)],
        "row": [*held, *(b.held for b in rows.rejected)],
    }
    return Rejected(pl.DataFrame(columns, schema=_REJECTED).sort("line", maintain_order=True))
