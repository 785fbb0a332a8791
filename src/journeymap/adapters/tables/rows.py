"""Rows for a log: columns, the line each row began on, and the rejected ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.adapters.source import DroppedValue, RejectedRow
from journeymap.exceptions import ColumnsError

__all__ = ["ColumnChoice", "Rows", "require_columns"]

ColumnChoice: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
"""Given the columns there are, the columns that are wanted."""


@frozen
class Rows:
    """The rows of a file or frame: columns, each row's line (from 1), what was left out, a name.

    Names that are ``exact`` were judged already, and stay as they are.
    """

    frame: pl.DataFrame = field(eq=False)
    lines: np.ndarray[Any, np.dtype[np.int64]] = field(eq=False, repr=False)
    rejected: tuple[RejectedRow, ...] = ()
    name: str = "the rows"
    dropped: tuple[DroppedValue, ...] = ()
    exact: bool = False


def require_columns(wanted: Iterable[str], there: Sequence[str], name: str) -> None:
    """Refuse columns that are not there, naming the nearest."""
    for column in wanted:
        if column not in there:
            raise ColumnsError(f"{name} has no column {column!r}", column, tuple(there))
