"""Parquet files and frames in memory: anything that speaks Arrow, or a mapping of arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.adapters.reading.numbers import DecimalMark
from journeymap.adapters.reading.value_texts import is_missing, value_text
from journeymap.adapters.tables.rows import ColumnChoice, Rows, require_columns
from journeymap.exceptions import JourneyMapError, SourceError

__all__ = ["read_frame", "read_parquet"]


def read_parquet(path: str | os.PathLike[str], pick: ColumnChoice) -> Rows:
    """Read the wanted columns of a Parquet file."""
    place = Path(path)
    try:
        with place.open("rb") as file:  # a path would be taken for a pattern, where it holds a *
            there = list(pl.read_parquet_schema(file))
        wanted = pick(there)
        require_columns(wanted, there, place.name)
        frame = pl.read_parquet(place, columns=list(wanted), glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        if not place.exists():
            raise FileNotFoundError(f"there is no file {str(place)!r}") from None
        raise SourceError(str(place), f"not a Parquet file: {str(error)[:200]}") from None
    return _rows(frame.select(wanted), place.name)


def read_frame(
    frame: Any, pick: ColumnChoice, *, decimal: DecimalMark | None = None,
    nested: Sequence[str] = (), numbers: Sequence[str] = (),
) -> Rows:  # fmt: skip
    """Take the wanted columns of a frame: Polars, pandas, PyArrow, DuckDB, or a mapping.

    ``decimal`` is how numbers are written that stand among texts; of ``nested`` columns, lists and
    mappings are kept as JSON, and among other values of ``numbers``, to be refused.
    """
    library = type(frame).__module__.split(".")[0]
    name = f"the {library} {type(frame).__name__}"
    try:
        cells = _CellWriter(decimal, frozenset(nested), frozenset(numbers))
        made = _framed(frame, pick, library, cells)
    except JourneyMapError:
        raise
    except BaseException as error:  # whatever library the frame is of has errors of its own
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        message = f"cannot be read ({type(error).__name__}: {str(error)[:200]})"
        raise SourceError(name, message) from error
    if made is None:
        message = "a frame that speaks Arrow (__arrow_c_stream__) or a mapping of arrays is needed"
        raise SourceError(name, message)
    wanted = pick(made.columns)
    require_columns(wanted, made.columns, name)
    return _rows(cells.flat(made.select(wanted)), name)


def _framed(
    frame: Any, pick: ColumnChoice, library: str, cells: _CellWriter
) -> pl.DataFrame | None:
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, Mapping):
        wanted = pick(list(frame))
        require_columns(wanted, list(frame), "the mapping")
        return pl.DataFrame([_series(key, frame[key], cells) for key in wanted])
    if library == "pandas" and hasattr(frame, "dtypes"):
        wanted = pick([str(column) for column in frame.columns])
        named = [str(column) for column in frame.columns]
        require_columns(wanted, named, "the pandas DataFrame")
        twice = next((name for name in wanted if named.count(name) > 1), None)
        if twice is not None:
            raise SourceError("the pandas DataFrame", f"two columns are named {twice!r}")
        columns = [
            _series(key, frame[key].tolist(), cells)
            if str(frame[key].dtype) == "object"
            else pl.DataFrame(frame[[key]]).to_series()
            for key in wanted
        ]
        return pl.DataFrame(columns)
    if library == "pyarrow" and hasattr(frame, "column_names"):
        names = [str(name) for name in frame.column_names]
        kept = list(pick(names))  # others may be of any type
        require_columns(kept, names, "the pyarrow Table")
        return pl.DataFrame(frame.select(kept) if len(set(names)) == len(names) else frame)
    if library in ("duckdb", "_duckdb") and hasattr(frame, "project"):
        names = [str(name) for name in frame.columns]
        kept = list(pick(names))
        require_columns(kept, names, "the DuckDB relation")
        quoted = ['"' + name.replace('"', '""') + '"' for name in kept]
        return pl.DataFrame(frame.project(", ".join(quoted)) if quoted else frame)
    return pl.DataFrame(frame) if hasattr(frame, "__arrow_c_stream__") else None


def _series(name: str, values: Any, cells: _CellWriter) -> pl.Series:
    """Make a column of any values: of one type, unchanged; of several, as texts.

    Missing ones of any library are missing. Python's own times become texts, since one column may
    hold several zones.
    """
    plain = values.tolist() if str(getattr(values, "dtype", "")) == "object" else values
    if isinstance(plain, (list, tuple)):
        plain = [None if is_missing(value) else value for value in plain]
        kinds = {type(value) for value in plain if value is not None}
        numbers = bool not in kinds and all(issubclass(kind, _NUMBERS) for kind in kinds)
        if numbers and len(kinds) > 1 and not any(_is_long(value) for value in plain):
            return pl.Series(name, plain, dtype=pl.Float64, strict=False)
        if len(kinds) > 1 or any(issubclass(kind, datetime) for kind in kinds):
            return pl.Series(name, [cells.text(name, value) for value in plain], dtype=pl.String)
    made = pl.Series(name, plain)
    if made.dtype == pl.Object:
        return pl.Series(name, [cells.text(name, value) for value in plain], dtype=pl.String)
    return made


_NUMBERS = (int, float, np.integer, np.floating)


def _is_long(value: Any) -> bool:
    """Check for a whole number that a binary fraction would not keep."""
    return isinstance(value, (int, np.integer)) and abs(int(value)) > 2**53


@frozen
class _CellWriter:
    """Writes the values of a column of several types as a CSV file would hold them."""

    decimal: DecimalMark | None
    nested: frozenset[str]
    numbers: frozenset[str]

    def text(self, name: str, value: Any) -> str | None:
        """Write one value; a list, a mapping or bytes are no name and no number."""
        held = name in self.nested or name in self.numbers  # what is no number is refused later
        return value_text(value, self.decimal, nested=held)

    def flat(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Write the lists and mappings of columns that hold nothing else."""
        held = [name for name in frame.columns
                if name in self.nested and frame[name].dtype.is_nested()]  # fmt: skip
        return frame.with_columns(
            pl.Series(name, [self.text(name, one) for one in frame[name].to_list()], pl.String)
            for name in held
        )


def _rows(frame: pl.DataFrame, name: str) -> Rows:
    return Rows(frame, np.arange(1, len(frame) + 1, dtype=np.int64), (), name)
