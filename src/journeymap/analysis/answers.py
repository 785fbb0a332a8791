"""What an answer is: typed rows that show themselves and travel to any frame."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

import polars as pl
from attrs import field, fields, frozen

from journeymap.exceptions import require
from journeymap.model.durations import span_text

__all__ = ["Answer", "told"]

R = TypeVar("R")
_SHOWN = 20
_WIDE = 100
_KINDS = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean, date: pl.Date,
          datetime: pl.Datetime("us", "UTC")}  # fmt: skip


@frozen(eq=False, repr=False)
class Answer(Generic[R]):
    """Rows of one class; ``Row`` says what each field means and in which unit.

    Iterate over it for rows, or take ``to_dicts()``, ``to_polars()``, ``to_pandas()``; anything
    that speaks Arrow can read it directly. Two answers are equal when their rows are.
    """

    Row: ClassVar[type[Any]]
    frame: pl.DataFrame = field()

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The columns, from the fields of the row class."""
        hints = get_type_hints(cls.Row)
        return {a.name: _kind(hints[a.name]) for a in fields(cls.Row)}

    @property
    def rows(self) -> tuple[R, ...]:
        """The rows as objects."""
        return tuple(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain dictionaries."""
        return self.frame.to_dicts()

    def to_polars(self) -> pl.DataFrame:
        """The rows as a Polars frame."""
        return self.frame

    def to_pandas(self) -> Any:
        """The rows as a pandas frame."""
        require("all", "pandas")
        import pandas as pd

        return pd.DataFrame(self.frame.to_dict(as_series=False), columns=self.frame.columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[R]:
        row: Any = self.Row
        return (
            row(*(tuple(cell) if isinstance(cell, list) else cell for cell in cells))
            for cells in self.frame.iter_rows()
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        same: bool = self.frame.equals(other.frame)
        return same

    def cell(self, row: dict[str, Any], name: str) -> str:
        """A cell of a row as a person reads it."""
        return told(name, row[name])

    def notes(self) -> list[str]:
        """What a reader should know beside the rows."""
        return []

    def __repr__(self) -> str:
        more = self._more()
        lines = _lines(self._shown()) + ([more] if more else [])
        return "\n".join([type(self).__name__, *self.notes(), *lines])

    def _repr_html_(self) -> str:
        head, *body = self._shown()
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        lines = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in body
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes())
        more = self._more()
        rest = f"<p>{html.escape(more)}</p>" if more else ""
        return f"{notes}<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>{rest}"

    def _more(self) -> str:
        hidden = len(self) - _SHOWN
        return f"… and {hidden:,} more rows" if hidden > 0 else ""

    def _shown(self) -> list[list[str]]:
        top = self.frame.head(_SHOWN)
        rows = [[self.cell(row, name) for name in row] for row in top.to_dicts()]
        return [list(self.frame.columns), *rows]


def told(column: str, cell: Any) -> str:
    """A cell as a person reads it: shares in percent, waits in days and hours."""
    if cell is None:
        return "–"
    if isinstance(cell, (list, tuple)):
        return " → ".join(str(part) for part in cell)
    if isinstance(cell, float):
        if math.isnan(cell):
            return "–"
        if column.startswith(("wait", "dwell", "lap_time", "time_")):
            return span_text(cell)
        if column.startswith(("share", "drop_share", "leak_share", "low", "high")):
            return f"{100 * cell:.1f} %"
        return f"{cell:,.3g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)


def _kind(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return pl.List(pl.String)
    if get_origin(hint) is Literal:
        return pl.String
    options = [part for part in get_args(hint) if part is not type(None)]
    return _kind(options[0]) if options else _KINDS[hint]


def _lines(shown: list[list[str]]) -> list[str]:
    """A table that fits a terminal: long names are cut, and columns that find no room are named."""
    columns = [list(column) for column in zip(*shown, strict=True)]
    made: list[list[str]] = []
    width = 0
    for column in columns:
        room = min(36, max(len(cell) for cell in column))
        width += room + 2
        if width > _WIDE and made:
            break
        cells = [cell if len(cell) <= room else cell[: room - 1] + "…" for cell in column]
        right = all(cell[-1:].isdigit() or cell[-1:] in "%–" for cell in column[1:])
        made.append([cell.rjust(room) if right else cell.ljust(room) for cell in cells])
    lines = ["  ".join(row).rstrip() for row in zip(*made, strict=True)]
    hidden = [column[0] for column in columns[len(made) :]]
    return [*lines, f"and {', '.join(hidden)}"] if hidden else lines
