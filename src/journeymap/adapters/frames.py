"""Parquet files and frames in memory: anything that speaks Arrow, or a mapping of arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from journeymap.adapters.rows import Pick, Rows, need
from journeymap.exceptions import SourceError

__all__ = ["read_frame", "read_parquet"]


def read_parquet(path: str | os.PathLike[str], pick: Pick) -> Rows:
    """Read the wanted columns of a Parquet file."""
    place = Path(path)
    try:
        there = list(pl.read_parquet_schema(place))
        wanted = pick(there)
        need(wanted, there, place.name)
        frame = pl.read_parquet(place, columns=list(wanted))
    except (pl.exceptions.PolarsError, OSError) as error:
        if not place.exists():
            raise FileNotFoundError(f"there is no file {str(place)!r}") from None
        raise SourceError(str(place), f"not a Parquet file: {str(error)[:200]}") from None
    return _rows(frame.select(wanted), place.name)


def read_frame(frame: Any, pick: Pick) -> Rows:
    """Take the wanted columns of a frame: Polars, pandas, PyArrow, DuckDB, or a mapping."""
    name = f"the {type(frame).__module__.split('.')[0]} {type(frame).__name__}"
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        made = frame
    elif isinstance(frame, Mapping):
        wanted = pick(list(frame))
        need(wanted, list(frame), "the mapping")
        made = pl.DataFrame({key: frame[key] for key in wanted}, strict=False)
    elif hasattr(frame, "__arrow_c_stream__"):
        made = pl.DataFrame(frame)
    else:
        message = "a frame that speaks Arrow (__arrow_c_stream__) or a mapping of arrays is needed"
        raise SourceError(name, message)
    wanted = pick(made.columns)
    need(wanted, made.columns, name)
    return _rows(made.select(wanted), name)


def _rows(frame: pl.DataFrame, name: str) -> Rows:
    return Rows(frame, np.arange(1, len(frame) + 1, dtype=np.int64), (), name)
