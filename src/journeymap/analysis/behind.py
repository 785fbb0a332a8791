"""From a number to the people behind it: the customers who are counted in a row of an answer.

A question may find them itself, of a part (``find_customers``) or of all that was measured
(``find_names``). Any other is asked of some customers, and of
half of them, and so on, where the number is not 0 yet; so the customers found are those counted,
whatever the question is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from attrs import asdict, evolve, frozen, has

from journeymap.analysis.row_fields import fields_of
from journeymap.analysis.table.part import Ints, Part, Scope
from journeymap.exceptions import AnswerError, UnknownName

__all__ = ["Asked", "CustomersBehind", "check_number", "read_cells", "row_keys"]

Keys: TypeAlias = tuple[tuple[str, Any], ...]


def read_cells(asker: str, row: Any) -> dict[str, Any]:
    """Read the cells of a row, given as an object or a mapping."""
    if isinstance(row, dict):
        return row
    if has(type(row)):
        return asdict(row, recurse=False)
    raise AnswerError(asker, f"a row of this answer is expected, not {row!r}")


def row_keys(asker: str, answer: Any, row: dict[str, Any]) -> Keys:
    """List the cells that name a row; raise AnswerError for one that is not in the answer."""
    names = [name for name, field in fields_of(answer.row_class).items() if field.kind == "key"]
    missing = next((name for name in names if name not in row), None)
    if missing is not None:
        raise AnswerError(asker, f"a row of this answer is expected: it has a {missing!r}")
    keys = tuple((name, row[name]) for name in names)
    plain = [tuple(cell) if isinstance(cell, list) else cell for _, cell in keys]
    there = zip(*(answer.frame[name].to_list() for name in names), strict=True)
    if not names and len(answer.frame):  # its only row is of all
        return keys
    if not any([tuple(c) if isinstance(c, list) else c for c in cells] == plain for cells in there):
        raise AnswerError(asker, f"there is no such row: {dict(keys)!r}")
    return keys


def countable_numbers(kind: Any) -> tuple[str, ...]:
    """List the numbers of a row that count something."""
    return tuple(name for name, field in fields_of(kind).items() if field.kind in ("count", "n"))


class Asked:
    """The log that gave an answer, and the question; a copy in another process has neither."""

    __slots__ = ("log", "question")

    def __init__(self, log: Any = None, question: Any = None) -> None:
        self.log, self.question = log, question

    def __reduce__(self) -> tuple[Any, ...]:
        return Asked, ()


@frozen
class CustomersBehind:
    """The names of the customers who are counted in one number of one row."""

    question: Any
    keys: Keys
    number: str

    def measure(self, part: Part) -> Any:
        """Find them in a part; or measure it, where they can be found of the whole alone."""
        if hasattr(self.question, "find_names"):
            return self.question.measure(part)
        find = getattr(self.question, "find_customers", None)
        owners = None if find is None else find(part, dict(self.keys), self.number)
        if owners is not None:
            whole = part.unbounded  # some are counted by what they did before
            first = np.append(True, whole.owners[1:] != whole.owners[:-1])[: whole.journeys]
            names = whole.ids.filter(pl.Series(first & np.isin(whole.owners, np.unique(owners))))
        elif not len(part):
            return frozenset()
        else:
            starts = np.flatnonzero(np.append(True, part.owners[1:] != part.owners[:-1]))
            edges = np.append(starts, part.journeys)
            found = list(self._search(part, edges, 0, len(starts)))
            names = part.ids.gather(np.array(starts[found], dtype=np.uint32))
        return frozenset(names.to_list())

    def merge(self, one: Any, other: Any) -> Any:
        """Join those of two parts."""
        if hasattr(self.question, "find_names"):
            return self.question.merge(one, other)
        return one | other

    def answer(self, measured: Any, scope: Scope) -> tuple[str, ...]:
        """Sort the names."""
        if hasattr(self.question, "find_names"):
            measured = self.question.find_names(measured, dict(self.keys), self.number)
        return tuple(sorted(measured))

    def _search(self, part: Part, edges: Ints, begin: int, end: int) -> Iterator[int]:
        """Find the places of the customers, from one place to another, who are counted."""
        sub = part.between(int(edges[begin]), int(edges[end]))
        number = self._value(sub)
        if not number:
            return
        if end - begin == 1 or (self.number == "customers" and number == end - begin):
            yield from range(begin, end)
            return
        middle = (begin + end) // 2
        yield from self._search(part, edges, begin, middle)
        yield from self._search(part, edges, middle, end)

    def _value(self, part: Part) -> int:
        """Read the number of the row in the answer of some customers."""
        question = self.question
        if getattr(question, "top", None) is not None:
            question = evolve(question, top=None)  # the most frequent of all are not those of some
        frame: pl.DataFrame = question.answer(question.measure(part), part.scope).frame
        plain = [(name, cell) for name, cell in self.keys if not isinstance(cell, tuple | list)]
        found = frame
        for name, cell in plain:
            found = found.filter(pl.col(name).eq_missing(pl.lit(cell)))
        for name, cell in self.keys:
            if isinstance(cell, tuple | list):
                same = [list(cell) == one for one in found[name].to_list()]
                found = found.filter(pl.Series(same, dtype=pl.Boolean))
        return int(found[self.number].sum() or 0)


def check_number(asker: str, kind: Any, number: str) -> None:
    """Raise an error for a number behind which there are no customers."""
    known = countable_numbers(kind)
    if number not in known:
        if not known:
            raise AnswerError(asker, "its rows count nothing")
        raise UnknownName("number that counts", number, known)
