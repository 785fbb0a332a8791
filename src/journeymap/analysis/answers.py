"""Answers: typed rows that show themselves and travel to any frame."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import (
    Any,
    ClassVar,
    Generic,
    Literal,
    Self,
    TypeVar,
    assert_never,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

import attrs
import polars as pl
from attrs import evolve, fields, frozen

from journeymap.adapters.registry import views
from journeymap.adapters.tables.csv_writing import FORMULA, SIGNED_NUMBER
from journeymap.analysis.behind import (
    Asked,
    CustomersBehind,
    check_number,
    read_cells,
    row_keys,
)
from journeymap.analysis.row_fields import Field, FieldKind, fields_of
from journeymap.exceptions import AnswerError, require
from journeymap.model.durations import span_text

__all__ = ["Answer", "format_cell", "mark_answer"]

R = TypeVar("R")
MAX_ROWS_SHOWN = 20
"""Rows of an answer that a terminal or a notebook shows: about a screen."""
_UNTIMED = "the log has no times, only an order: of waits and delays nothing is known"
MAX_WIDTH = 100
"""Characters of a row in a terminal."""
_FRAME_TYPES = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean, date: pl.Date,
          datetime: pl.Datetime("us", "UTC")}  # fmt: skip


@frozen(eq=False, repr=False)
class Answer(Generic[R]):
    """Rows of one class, which describes what each field means and in which unit.

    Iterate over it for rows, or take ``to_dicts()``, ``to_polars()``, ``to_pandas()``; anything
    that speaks Arrow can read it directly. Two answers are equal when their rows are.

    Attributes:
        Row: The class of the rows.
        frame: The rows as a Polars frame.
        timed: Whether the log has times; without, waits and all that depends on them are missing.
        max_rows: How many rows a terminal or a notebook shows.
    """

    Row: ClassVar[type[Any]]
    frame: pl.DataFrame = attrs.field()
    timed: bool = attrs.field(default=True, kw_only=True)
    max_rows: int = attrs.field(default=MAX_ROWS_SHOWN, kw_only=True, eq=False)
    _asked: Asked = attrs.field(factory=Asked, init=False, eq=False)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Give the columns of the frame, from the fields of the row class.

        Returns:
            Polars types by name.
        """
        row: Any = cls.Row
        return dict(_schema_of(row))

    @property
    def row_class(self) -> type[Any]:
        """The class of the rows; that of segments and periods is made for the question asked."""
        return self.Row

    @property
    def question(self) -> Any:
        """The question that was asked (None: it is not known)."""
        return self._asked.question

    @property
    def rows(self) -> tuple[R, ...]:
        """The rows as objects."""
        return tuple(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Convert the rows to plain dictionaries.

        Returns:
            One dictionary for each row.
        """
        return self.frame.to_dicts()

    def to_polars(self) -> pl.DataFrame:
        """Convert the rows to a Polars frame.

        Returns:
            The frame.
        """
        return self.frame

    def to_pandas(self) -> Any:
        """Convert the rows to a pandas frame.

        Returns:
            The frame.

        Raises:
            MissingExtra: pandas is not installed.
        """
        require("all", "pandas")
        import pandas as pd

        return pd.DataFrame(self.frame.to_dict(as_series=False), columns=self.frame.columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the rows as CSV, with a header; a path of several names is joined by arrows.

        A text that a spreadsheet would take for a formula gets an apostrophe in front.

        Args:
            path: The file to write (None: none).

        Returns:
            The text.
        """
        text_ = pl.col(pl.String)
        formula = text_.str.contains(FORMULA) & ~text_.str.contains(SIGNED_NUMBER)
        safe = pl.when(formula).then("'" + text_).otherwise(text_)
        text = self._flat().with_columns(safe.name.keep()).write_csv()
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_excel(self, path: str | os.PathLike[str]) -> None:
        """Write the rows into an Excel workbook; names stay text, whatever they begin with.

        Args:
            path: The file to write.

        Raises:
            MissingExtra: The extra ``excel`` is not installed.
        """
        require("excel", "xlsxwriter")
        from xlsxwriter import Workbook

        plain = {"strings_to_formulas": False, "strings_to_urls": False,
                 "remove_timezone": True}  # fmt: skip
        with Workbook(os.fspath(path), plain) as book:
            self._flat().write_excel(book, type(self).__name__.removesuffix("Answer")[:31],
                                     autofit=True)  # fmt: skip

    def chart(self, *, dark: bool = False) -> Any:
        """Draw the answer as a chart, to be shown, changed and saved by Altair's own means.

        Args:
            dark: For a dark ground.

        Returns:
            The Altair chart; ``chart.save("file.png")`` writes PNG, SVG or HTML.

        Raises:
            MissingExtra: The extra ``views`` is not installed.
            AnswerError: Answers of this kind have no chart.
        """
        require("views", "altair")
        import altair as alt

        return alt.Chart.from_json(views["chart-dark" if dark else "chart"](self))

    def _flat(self) -> pl.DataFrame:
        lists = [name for name, kind in self.frame.schema.items() if kind == pl.List]
        return self.frame.with_columns(pl.col(name).list.join(" → ") for name in lists)

    def customers(self, row: R | dict[str, Any], number: str = "customers") -> tuple[str, ...]:
        """Find the customers behind a number of a row; the log is asked once more.

        Args:
            row: A row of this answer, such as ``answer[0]``.
            number: The field of the row that counts them, or something of theirs.

        Returns:
            Their names, in order; as many as the row's ``customers``.

        Raises:
            AnswerError: The answer was not given by a log.
            UnknownName: The row has no such number.
        """
        name = type(self).__name__
        if self._asked.log is None:
            raise AnswerError(name, "customers are found in an answer that a log has given")
        check_number(name, self.row_class, number)
        keys = row_keys(name, self, read_cells(name, row))
        found: tuple[str, ...] = self._asked.log.ask(
            CustomersBehind(self._asked.question, keys, number)
        )
        return found

    def asked_of(self, log: Any, question: Any) -> Self:
        """Make the same answer know which log gave it, to which question.

        Args:
            log: The log.
            question: The question.

        Returns:
            The answer.
        """
        made = evolve(self)
        object.__setattr__(made, "_asked", Asked(log, question))
        return made

    def show(self, max_rows: int) -> Self:
        """Make the same answer show more rows, or fewer, in a terminal or a notebook.

        Args:
            max_rows: How many at most.

        Returns:
            The answer.
        """
        shown = evolve(self, max_rows=max_rows)
        return shown.asked_of(self._asked.log, self._asked.question)

    def __len__(self) -> int:
        return len(self.frame)

    @overload
    def __getitem__(self, place: int) -> R: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[R, ...]: ...
    def __getitem__(self, place: int | slice) -> R | tuple[R, ...]:
        if isinstance(place, slice):
            return tuple(self._made(self.frame[place]))
        if not -len(self) <= place < len(self):
            raise IndexError(f"there is no row {place}: the answer has {len(self):,}")
        [row] = self._made(self.frame[place])
        return row

    def __iter__(self) -> Iterator[R]:
        return self._made(self.frame)

    def _made(self, frame: pl.DataFrame) -> Iterator[R]:
        row: Any = self.row_class
        return (
            row(*(tuple(cell) if isinstance(cell, list) else cell for cell in cells))
            for cells in frame.iter_rows()
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        same: bool = self.frame.equals(other.frame)
        return same

    def field_in(self, row: dict[str, Any], name: str) -> Field:
        """Find out what a field is, in one row; a bound is what it bounds.

        Args:
            row: The row as a dictionary.
            name: The name of the field.

        Returns:
            The kind of the field, by which it is formatted.
        """
        declared = fields_of(self.row_class)
        found = declared[name]
        return declared[found.of] if found.kind == "bound" and found.of else found

    def notes(self) -> list[str]:
        """Write what a reader should know beside the rows.

        Returns:
            One sentence each.
        """
        return []

    def __repr__(self) -> str:
        more = self._more()
        lines = _lines(self.text_rows()) + ([more] if more else [])
        return "\n".join([type(self).__name__, *self._all_notes(), *lines])

    def _repr_html_(self) -> str:
        head, *body = self.text_rows()
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        nowrap = ' style="white-space:nowrap"'  # a number and its unit stay on one line
        lines = "".join(
            "<tr>" + "".join(
                f"<td{nowrap if len(cell) < 25 else ''}>{html.escape(cell)}</td>" for cell in row
            ) + "</tr>"
            for row in body
        )  # fmt: skip
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._all_notes())
        more = self._more()
        rest = f"<p>{html.escape(more)}</p>" if more else ""
        return f"{notes}<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>{rest}"

    def _all_notes(self) -> list[str]:
        return [*self.notes(), *([] if self.timed else [_UNTIMED])]

    def _more(self) -> str:
        hidden = len(self) - self.max_rows
        rows = [f"… and {hidden:,} more rows"] if hidden > 0 else []
        empty = [f"nothing in {', '.join(self._empty)}"] if self._empty else []
        return "; ".join([*rows, *empty])

    def _columns(self) -> list[str]:
        """List the columns in the order in which they are shown."""
        return self.frame.columns

    @property
    def _empty(self) -> list[str]:
        """The columns in which there is nothing, which are not shown."""
        frame = self.frame
        return [
            name for name in frame.columns if len(frame) and frame[name].null_count() == len(frame)
        ]

    def text_rows(self) -> list[list[str]]:
        """Write the rows as the answer shows them: the names of the columns first.

        Returns:
            A list of texts for each row, up to ``max_rows``; columns without a value are left out.
        """
        empty = self._empty
        columns = [name for name in self._columns() if name not in empty]
        top = self.frame.select(columns).head(self.max_rows)
        rows = [
            [format_cell(self.field_in(row, name), row[name]) for name in top.columns]
            for row in self.frame.head(self.max_rows).to_dicts()
        ]
        return [list(top.columns), *rows]


def mark_answer(answer: Any, log: Any, question: Any, *, timed: bool) -> Any:
    """Note in an answer of rows which log gave it, and whether that has times."""
    if not isinstance(answer, Answer):
        return answer
    return evolve(answer, timed=timed).asked_of(log, question)


def format_cell(field: Field, cell: Any) -> str:
    """Format a cell as a person reads it: shares in percent, waits in days and hours."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, (list, tuple)):
        return (", " if field.kind == "text" else " → ").join(str(part) for part in cell)
    if isinstance(cell, float):
        return _format_number(field.kind, cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)


def _format_number(kind: FieldKind, number: float) -> str:
    match kind:
        case "seconds" | "total seconds":
            return span_text(number)
        case "share":
            return f"{100 * number:.1f} %"
        case "points":
            return f"{100 * number:+.1f} pp"
        case "chance":
            return "< 0.001" if number < 0.001 else f"{number:.3f}"
        case (
            "key" | "text" | "flag" | "instant" | "count" | "n" | "mean" | "amount" | "bound"
            | "error"
        ):  # fmt: skip
            return f"{number:,.3g}" if abs(number) < 1000 else f"{number:,.0f}"
        case _:
            assert_never(kind)


@cache
def _schema_of(row: Any) -> dict[str, Any]:
    hints = get_type_hints(row)
    return {a.name: _frame_type(hints[a.name]) for a in fields(row)}


def _frame_type(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return pl.List(pl.String)
    if get_origin(hint) is Literal:
        return pl.String
    options = [part for part in get_args(hint) if part is not type(None)]
    return _frame_type(options[0]) if options else _FRAME_TYPES[hint]


def _lines(shown: list[list[str]]) -> list[str]:
    """Lay a table out for a terminal: long names are cut, columns without room are named."""
    columns = [list(column) for column in zip(*shown, strict=True)]
    made: list[list[str]] = []
    width = 0
    for column in columns:
        room = min(36, max(len(cell) for cell in column))
        width += room + 2
        if width > MAX_WIDTH and made:
            break
        cells = [cell if len(cell) <= room else cell[: room - 1] + "…" for cell in column]
        right = all(cell[-1:].isdigit() or cell[-1:] in "%–" for cell in column[1:])
        made.append([cell.rjust(room) if right else cell.ljust(room) for cell in cells])
    lines = ["  ".join(row).rstrip() for row in zip(*made, strict=True)]
    hidden = [column[0] for column in columns[len(made) :]]
    return [*lines, f"and {', '.join(hidden)}"] if hidden else lines
