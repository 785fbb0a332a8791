"""Tables of pages: each column with its definition, columns without a value left out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from journeymap.views.text_fit import shown
from journeymap.views.wording import MISSING, count_text

__all__ = [
    "Cell",
    "Column",
    "Definitions",
    "PageTable",
    "count_customers",
    "define",
    "make_table",
]  # fmt: skip

_FIELD = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)
_MOST_NAMES = 50
_OWN_WORDS = {
    "low": "The interval that holds the true value 19 times out of 20.",
    "share": "As a share of the column “Of”, or else of all.",
    "in_time": "How often it was answered by its deadline.",
    "late": "How often it was answered after its deadline.",
    "median": "The median time to the answer.",
    "time_median": "The time that half of the completed ones do not exceed.",
    "time_p90": "The time that nine of ten of the completed ones do not exceed.",
    "dwell_median": "The length that half of the stays do not exceed.",
    "dwell_p90": "The length that nine of ten stays do not exceed.",
    "wait_median": "The wait that half of them do not exceed.",
    "wait_p90": "The wait that nine of ten of them do not exceed.",
    "time_lost": "How much too late, or the waits before what should not have been, in all.",
    "value": "The value, over the whole log.",
}
"""Definitions that stand better by themselves than in the documentation of a row."""


@frozen
class Column:
    """A column of a table.

    Attributes:
        title: Its title.
        about: What its numbers are, in words.
        numeric: Whether it holds numbers.
    """

    title: str
    about: str = ""
    numeric: bool = True


@frozen
class Cell:
    """A cell of a table.

    Attributes:
        text: What it shows.
        sort: What rows are sorted by (None: the text).
        tone: The class of its style: a verdict, a half of the loop.
        names: The customers behind it.
        more: How many of them are not named.
        swatch: A colour that stands before the text (empty: none does).
    """

    text: str
    sort: float | None = None
    tone: str = ""
    names: tuple[str, ...] = ()
    more: int = 0
    swatch: str = ""

    @property
    def order(self) -> str:
        """The number by which rows are sorted, as it is written into the page."""
        return "" if self.sort is None else f"{self.sort:.15g}"


@frozen
class PageTable:
    """A table of a page.

    Attributes:
        caption: What it shows.
        columns: Its columns.
        rows: Its rows, a cell for each column.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = field(default=())

    @property
    def numeric(self) -> bool:
        """Check whether most columns hold numbers."""
        return 2 * sum(column.numeric for column in self.columns) > len(self.columns)


class Definitions:
    """The definitions that a page shows on request, each once."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def id_of(self, text: str) -> str:
        """Give the id of a definition, and keep it."""
        return self.texts.setdefault(text, f"a{len(self.texts) + 1}")


def make_table(
    caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell | str]]
) -> PageTable | None:
    """Make a table without the columns in which no row has a value.

    Args:
        caption: What it shows.
        columns: Its columns.
        rows: Its rows, texts or cells.

    Returns:
        The table; None without any row.
    """
    made = [[_cell(one) for one in row] for row in rows]
    if not made:
        return None
    kept = [
        place for place in range(len(columns))
        if any(row[place].text not in (MISSING, "") or row[place].names for row in made)
    ]  # fmt: skip
    return PageTable(
        caption,
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in made),
    )


def _cell(given: Cell | str) -> Cell:
    return given if isinstance(given, Cell) else Cell(given)


def count_customers(answer: Any, row: Any, number: str, *, people: bool) -> Cell | str:
    """Write a count; with ``people``, it opens to the customers behind it.

    Args:
        answer: The answer.
        row: Its row.
        number: The field that counts.
        people: Whether customers are named.

    Returns:
        The cell.
    """
    count = getattr(row, number)
    if not people or not count:
        return count_text(count)
    names = answer.customers(row, number)
    few = tuple(shown(name) for name in names[:_MOST_NAMES])
    return Cell(count_text(count), names=few, more=max(0, len(names) - len(few)))


def define(row: Any, name: str) -> str:
    """Read the definition of a field out of the documentation of its row.

    Args:
        row: The class of the rows.
        name: The field.

    Returns:
        The definition in words; empty where Python runs without documentation.
    """
    if name in _OWN_WORDS:
        return _OWN_WORDS[name]
    found = dict(_FIELD.findall(inspect.cleandoc(row.__doc__ or "")))
    words = re.sub(r"\s*\((?:in [^()]*; )?None[^()]*\)", "", " ".join(found.get(name, "").split()))
    return re.sub(r"``|`|,? in seconds(?=[ ;,.(]|$)", "", words)
