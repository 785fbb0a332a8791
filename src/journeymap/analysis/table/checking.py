"""Rows become interactions: every row is accepted, or set aside with its line and its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import polars as pl
from attrs import define, field, frozen

from journeymap.adapters.reading.numbers import DecimalMark
from journeymap.adapters.source import NO_CURRENCY
from journeymap.adapters.tables.calendar_bounds import iterate_rows
from journeymap.adapters.tables.rows import Rows
from journeymap.analysis.table.coding import CodedNames, encode_names
from journeymap.analysis.table.columns import Columns
from journeymap.analysis.table.exact_amounts import NO_NUMBER, SCALE, split_amounts
from journeymap.analysis.table.name_columns import (
    clean_names,
    encode_clean,
    find_long_keys,
    holds_names,
    name_faults,
    read_names,
)
from journeymap.analysis.table.number_texts import plain_lengths, plain_numbers
from journeymap.analysis.table.part import Flags
from journeymap.analysis.table.times import (
    NO_TIME,
    NO_TIME_GIVEN,
    Micros,
    join_times,
    read_times,
)
from journeymap.exceptions import ColumnsError, SourceError
from journeymap.interactions.interaction import MAX_COST
from journeymap.interactions.values import MAX_AMOUNT
from journeymap.model.recorded_names import RecordedNames
from journeymap.model.scores import show_number

__all__ = ["CheckedRows", "Dropped", "Rejected", "Rejection", "check_rows", "row_texts"]

LEVELS = ("source", "channel", "department", "process", "product", "outcome", "referred_by")


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
        """How many rows were set aside for each reason, the most first.

        Duplicates are one reason, whichever line each repeats.
        """
        alike = self._frame["reason"].str.replace(r"^(a duplicate: .*) as line \d+$", "$1 again")
        counted = alike.value_counts(sort=True)
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
    """Accepted rows as columns in order of arrival, and the rejected; ``good`` marks them.

    Where no times are known (not ``timed``), all of them are 0, and ``order`` or arrival decides.
    """

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
    order: Micros | None = None
    timed: bool = True


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

    def take_some(self, found: pl.Series | None) -> None:
        if found is not None:
            self.take(found)

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
    customers = read_names(frame, columns.customer)
    customer = coder(customers) if rows.exact else encode_clean(customers, coder, "customer")
    checked.find(customer.blank(), "no customer")
    if not rows.exact:
        checked.take_some(name_faults("customer", customer))
    touchpoint = _encode_column(rows, columns.touchpoint, "touchpoint", checked, columns.rename)
    checked.find(touchpoint.blank(), "no touchpoint")
    at = _read_moments(frame, columns, checked)
    order = None if columns.order is None else _read_order(frame[columns.order], columns, checked)
    names = _read_name_columns(rows, columns, checked)
    numbers = _read_number_columns(frame, columns, names, checked)
    if columns.end is not None:
        numbers["duration"] = _read_lengths(_read_times(frame[columns.end], columns), at, checked)
    lacking = _drop_amounts(numbers, names)
    if columns.id is not None:
        ids, sources = _encode_column(rows, columns.id, "id", checked), names.get("source")
        checked.take_some(find_long_keys(ids, sources))
        _find_duplicates(ids, sources, rows, checked)
    good = checked.good()
    rejected = _collect_rejected(rows, checked)
    dropped = _collect_dropped(rows, lacking & good, good)
    if strict and len(rejected):
        first = rejected[0]
        raise SourceError(rows.name, first.reason, first.line)
    if checked.reasons is not None:
        customer, touchpoint, at = customer.only(good), touchpoint.only(good), at[good]
        order = None if order is None else order[good]
        names = {role: column.only(good) for role, column in names.items()}
        numbers = {role: column[good] for role, column in numbers.items()}
    return CheckedRows(
        customer,
        touchpoint,
        at,
        names,
        numbers,
        rejected,
        dropped,
        columns.ranges,
        columns.zone,
        good,
        order,
        columns.at is not None,
    )


def _read_times(column: pl.Series, columns: Columns) -> tuple[Micros, pl.Series]:
    return read_times(
        column, columns.timezone, columns.at_unit, formats=columns.at_format,
        clock_change=columns.clock_change, decimal=columns.decimal,
    )  # fmt: skip


def _read_lengths(ends: tuple[Micros, pl.Series], at: Micros, checked: _Reasons) -> Micros:
    """Read durations in ten-thousandths of a second from the times at which things ended."""
    over, reasons = ends
    missing = (reasons == NO_TIME_GIVEN).fill_null(False)
    wrong = pl.select(pl.when(~missing).then(pl.lit("end: ") + pl.lit(reasons))).to_series()
    checked.take(wrong)
    known = (over != NO_TIME) & (at != NO_TIME)
    lengths = np.where(known, over - np.where(known, at, 0), 0) // 100
    checked.find(known & (lengths < 0), "end: it ends before it begins")
    checked.find(known & (lengths > 3e13), "end: it ends more than 95 years after it begins")
    return np.where(known, lengths, NO_NUMBER)


def _read_moments(frame: pl.DataFrame, columns: Columns, checked: _Reasons) -> Micros:
    """Read when interactions were; 0 where only their order is known."""
    if columns.at is None:
        return np.zeros(len(frame), dtype=np.int64)
    if isinstance(columns.at, str):
        column = frame[columns.at]
    else:
        day, clock = columns.at
        column = join_times(frame[day], frame[clock])
    at, reasons = _read_times(column, columns)
    checked.take(reasons)
    return at


def _read_order(column: pl.Series, columns: Columns, checked: _Reasons) -> Micros:
    """Read what orders interactions of one time: a number, or the microseconds of a time.

    Two numbers for each row: the whole part, and the millionths beside it. What they are depends on
    the row alone, so that it is the same in whatever part of a log the row is read.
    """
    rest = pl.zeros(len(column), dtype=pl.Int64, eager=True)
    if isinstance(column.dtype, pl.Date | pl.Datetime):  # of times without a zone, as clocks show
        found = pl.Series(read_times(column, "UTC", None)[0]).replace(NO_TIME, None)
    elif column.dtype.is_integer():
        found = column.cast(pl.Int64, strict=False)
    else:
        if not holds_names(column.dtype):
            raise ColumnsError(f"order: column {column.name!r} holds {column.dtype}, not numbers")
        text = plain_numbers(column.cast(pl.String, strict=False), columns.decimal)
        found = text.cast(pl.Int64, strict=False)
        if found.null_count() > text.null_count():
            broken = text.cast(pl.Float64).set(found.is_not_null(), None)
            whole = broken.floor()
            found = found.fill_null(whole.cast(pl.Int64, strict=False))
            rest = ((broken - whole) * 1e6).round(0).cast(pl.Int64, strict=False).fill_null(0)
        if text.null_count():
            others = column.zip_with(text.is_null(), pl.Series([None], dtype=column.dtype))
            times, _ = read_times(others, "UTC", None)
            found = found.fill_null(pl.Series(times).replace(NO_TIME, None))
    checked.find(found.is_null().to_numpy(), "order: a number or a time is expected")
    return np.column_stack([found.fill_null(0).to_numpy(), rest.to_numpy()])


def _encode_column(
    rows: Rows, column: str, role: str, checked: _Reasons,
    rename: tuple[tuple[str, str], ...] = (),
) -> CodedNames:  # fmt: skip
    names = read_names(rows.frame, column)
    if rename:
        resolve = RecordedNames.of(dict(rename)).resolve
        met = names.unique().drop_nulls().to_list()
        clean = clean_names(pl.Series(met, dtype=pl.String)).to_list()
        moved = {name: resolve(one) for name, one in zip(met, clean, strict=True)}
        names = names.replace(moved) if moved else names
    coded = encode_names(names) if rows.exact else encode_clean(names, encode_names, role)
    if not rows.exact:
        checked.take_some(name_faults(role, coded))
    return coded


def _read_name_columns(rows: Rows, columns: Columns, checked: _Reasons) -> dict[str, CodedNames]:
    names, frame = {}, rows.frame
    for role in (*LEVELS, "score_kind", "currency"):
        column = getattr(columns, role)
        if column is None:
            continue
        if column in frame.columns:
            names[role] = _encode_column(rows, column, role, checked)
        else:  # a word that stands for every row
            names[role] = CodedNames(np.zeros(len(frame), dtype=np.uint32), pl.Series([column]))
    for column in columns.extra:
        names[column] = _encode_column(rows, column, column, checked)
    return names


def _read_number_columns(
    frame: pl.DataFrame, columns: Columns, names: dict[str, CodedNames], checked: _Reasons
) -> dict[str, Micros]:
    numbers: dict[str, Micros] = {}
    for role in ("emotion", "emotion_after"):
        column = getattr(columns, role)
        if column is not None:
            numbers[role] = _read_numbers(frame[column], role, -1, 1, checked, columns.decimal)
    if columns.value is not None:
        given = _read_floats(
            frame[columns.value], "value", -float(MAX_AMOUNT), float(MAX_AMOUNT), checked,
            columns.decimal,
        )  # fmt: skip
        numbers["value"], numbers["value_fraction"] = split_amounts(given)
    if columns.duration is not None:
        numbers["duration"] = _read_numbers(
            frame[columns.duration], "duration", 0, 3e9, checked, columns.decimal
        )
    if columns.cost is not None:
        numbers["cost"] = _read_numbers(
            frame[columns.cost], "cost", 0, MAX_COST, checked, columns.decimal
        )
    if columns.score is not None:
        numbers["score"] = _read_scores(frame[columns.score], names["score_kind"], columns, checked)
    return numbers


def _drop_amounts(numbers: dict[str, Micros], names: dict[str, CodedNames]) -> Flags:
    """Leave out amounts without a currency, and mark their rows."""
    if "value" not in numbers:
        return np.zeros(1, dtype=bool)
    lacking: Flags = (numbers["value"] != NO_NUMBER) & names["currency"].blank()
    if lacking.any():
        numbers["value"] = np.where(lacking, NO_NUMBER, numbers["value"])
        numbers["value_fraction"] = np.where(lacking, 0, numbers["value_fraction"])
    return lacking


def _read_numbers(
    column: pl.Series, role: str, low: float, high: float, checked: _Reasons,
    decimal: DecimalMark | None,
) -> Micros:  # fmt: skip
    """Read numbers in ten-thousandths, NO_NUMBER where missing; reject others."""
    scaled = np.round(_read_floats(column, role, low, high, checked, decimal) * SCALE)
    missing = np.isnan(scaled)
    return np.where(missing, NO_NUMBER, np.where(missing, 0, scaled).astype(np.int64))


def _read_floats(
    column: pl.Series, role: str, low: float, high: float, checked: _Reasons,
    decimal: DecimalMark | None,
) -> Any:  # fmt: skip
    """Read numbers, NaN where missing; reject those outside of bounds, and others."""
    if isinstance(column.dtype, pl.Duration) and role == "duration":
        column = column.dt.total_microseconds() / 1e6
    kind = column.dtype
    if kind in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    elif not (kind.is_numeric() or kind in (pl.String, pl.Null)):
        raise ColumnsError(f"{role}: column {column.name!r} holds {kind}, not numbers")
    if column.dtype == pl.String:
        missing = column.is_null() | (column.str.strip_chars() == "")
        read = plain_lengths if role == "duration" else plain_numbers
        number = read(column, decimal).cast(pl.Float64, strict=False)
    else:
        number = column.cast(pl.Float64, strict=False)
        missing = column.is_null() | number.is_nan().fill_null(value=True)
    closed: Any = "none" if role == "value" else "both"
    between = number.is_between(low, high, closed=closed)
    inside = (between & number.is_not_nan()).fill_null(value=False)
    shown = f" from {low:g} to {high:g}"
    checked.find((~missing & ~inside).to_numpy(), f"{role}: a number{shown} is expected")
    kept = number.zip_with(inside & ~missing, pl.Series([None], dtype=pl.Float64))
    return kept.fill_null(float("nan")).to_numpy()


def _read_scores(
    column: pl.Series, kinds: CodedNames, columns: Columns, checked: _Reasons
) -> Micros:
    scores = _read_numbers(
        column, "score", -float(MAX_AMOUNT), float(MAX_AMOUNT), checked, columns.decimal
    )
    given = scores != NO_NUMBER
    known = [kind for kind, _, _ in columns.scales]
    unknown = kinds.among(lambda names: ~names.is_in(known))
    checked.find(given & unknown, f"score_kind: one of {', '.join(known)} is expected")
    for kind, low, high in columns.scales:
        outside = (scores < low * SCALE) | (scores > high * SCALE)
        of_kind = kinds.among(lambda names, kind=kind: names == kind)  # type: ignore[misc]
        bounds = f"{show_number(low)} and {show_number(high)}"
        checked.find(given & of_kind & outside, f"score: {kind} lies between {bounds}")
    return scores


def _find_duplicates(
    ids: CodedNames, sources: CodedNames | None, rows: Rows, checked: _Reasons
) -> None:
    """Reject further rows of a source and id, naming the line of the first."""
    frame = pl.DataFrame(
        {
            "id": ids.codes,
            "source": np.zeros(len(ids.codes)) if sources is None else sources.codes,
            "line": rows.lines,
            "row": np.arange(len(rows.lines)),
            "good": checked.good() & ~ids.blank(),
        }
    )
    line, row = (
        pl.col(name).filter("good").first().over("id", "source") for name in ("line", "row")
    )
    found = frame.select(
        pl.when(pl.col("good") & (pl.col("row") != row)).then(
            pl.lit("a duplicate: the same id as line ") + line.cast(pl.String)
        )
    ).to_series()
    checked.take(found)


def _collect_dropped(rows: Rows, lacking: Flags, good: Flags) -> Dropped:
    held, lines = [], []
    if lacking.any():
        lines = rows.lines[lacking].tolist()
        held = row_texts(rows.frame.filter(lacking))
    aside = set(rows.lines[~good].tolist()) if rows.dropped else set()
    left = [one for one in rows.dropped if one.line not in aside]
    columns = {
        "line": [*lines, *(one.line for one in left)],
        "reason": [*([NO_CURRENCY] * len(lines)), *(one.reason for one in left)],
        "row": [*held, *(one.held for one in left)],
    }
    return Dropped(pl.DataFrame(columns, schema=_REJECTED).sort("line", maintain_order=True))


def row_texts(frame: pl.DataFrame) -> list[str]:
    """Write each row of a frame as JSON, to be kept as what was set aside."""
    return [json.dumps(row, ensure_ascii=False, default=str) for row in iterate_rows(frame)]


_REJECTED = {"line": pl.Int64, "reason": pl.String, "row": pl.String}


def _collect_rejected(rows: Rows, checked: _Reasons) -> Rejected:
    bad = ~checked.good()
    reasons = checked.reasons.drop_nulls().to_list() if checked.reasons is not None else []
    held = row_texts(rows.frame.filter(bad))
    columns = {
        "line": [*rows.lines[bad].tolist(), *(b.line for b in rows.rejected)],
        "reason": [*reasons, *(b.reason for b in rows.rejected)],
        "row": [*held, *(b.held for b in rows.rejected)],
    }
    return Rejected(pl.DataFrame(columns, schema=_REJECTED).sort("line", maintain_order=True))
