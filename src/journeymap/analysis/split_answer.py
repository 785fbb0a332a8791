"""Answers by segment or period: the columns that name it, and then the question's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_type_hints

import attrs
import polars as pl
from attrs import fields, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.behind import read_cells
from journeymap.analysis.row_fields import Field, fields_of
from journeymap.analysis.table.part import LogView
from journeymap.exceptions import AnswerError

__all__ = ["SplitAnswer", "join_answers"]


_PLACE = "\x00place"  # no column of an answer has this name


@frozen(eq=False, repr=False)
class SplitAnswer(Answer[Any]):
    """The rows of one answer for each segment or period.

    Attributes:
        answers: The answers themselves, by segment or period as it is shown.
    """

    answers: Mapping[str | None, Any] = attrs.field(factory=dict, kw_only=True)
    _names: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    _nothing: Answer[Any] = attrs.field(default=None, kw_only=True)
    _views: Mapping[str | None, LogView] = attrs.field(factory=dict, kw_only=True)

    @property
    def row_class(self) -> type[Any]:
        """The class of the rows."""
        own: Any = type(self).Row
        inner: Any = self._nothing.row_class
        return _row_class(own, inner, self._names)

    def customers(self, row: Any, number: str = "customers") -> tuple[str, ...]:
        """Find the customers behind a number of a row; see `Answer.customers`.

        Args:
            row: A row of this answer.
            number: The field of the row that counts them.

        Returns:
            Their names, in order.

        Raises:
            AnswerError: The answer was not given by a log, or the row holds nothing.
            UnknownName: The row has no such number.
        """
        name = type(self).__name__
        cells = read_cells(name, row)
        key = cells.get(self._names[0], _PLACE)
        known = isinstance(key, str | None) and key in self.answers
        if self._asked.log is None or not known:
            message = "customers are found in a row of an answer that a log has given"
            raise AnswerError(name, message)
        view = self._asked.log.through(self._views[key])
        inner = {one: cell for one, cell in cells.items() if one not in self._names}
        asked = self.answers[key].asked_of(view, self._asked.question.question)
        found: tuple[str, ...] = asked.customers(inner, number)
        return found

    def field_in(self, row: dict[str, Any], name: str) -> Field:
        """Find out what a field is, in one row.

        Args:
            row: The row as a dictionary.
            name: The name of the field.

        Returns:
            The kind of the field, by which it is formatted.
        """
        if name in self._names or name not in fields_of(self._nothing.row_class):
            return fields_of(self.row_class)[name]
        return self._nothing.field_in(row, name)


def join_answers(
    kind: type[SplitAnswer],
    parts: Sequence[tuple[dict[str, Any], Answer[Any] | None, LogView]],
    nothing: Answer[Any], names: tuple[str, ...], *, gaps: bool = False,
) -> Any:  # fmt: skip
    """Put answers under one another, each row with the cells that name its segment or period.

    The cells stand in columns of the names. With ``gaps``, one that has no rows, or is None, has
    a row without anything else.
    """
    schema = kind.schema()
    taken = next((name for name in names if name in nothing.frame.columns), None)
    if taken is not None:
        asker = kind.__name__.removesuffix("Answer")
        raise AnswerError(asker, f"{type(nothing).__name__} has a column {taken!r} already")
    columns = [*zip(names, schema.values(), strict=True), *nothing.frame.schema.items()]
    place = pl.Series("", [], dtype=pl.Int64).alias(_PLACE)
    frames = [pl.DataFrame(schema=columns).with_columns(place)]
    empty = [spot for spot, (_, part, _) in enumerate(parts) if part is None or not len(part)]
    if gaps and empty:
        cells = {
            shown: pl.Series([parts[spot][0][name] for spot in empty], dtype=schema[name])
            for name, shown in zip(schema, names, strict=True)
        }
        nulls = nothing.frame.clear(len(empty))
        made = pl.DataFrame({**cells, **nulls.to_dict()}, schema=columns)
        frames.append(made.with_columns(pl.Series(_PLACE, empty, dtype=pl.Int64)))
    for spot, (named, part, _) in enumerate(parts):
        if part is None or not len(part):
            continue
        keys = [
            pl.lit(named[name], dtype=schema[name]).alias(shown)
            for name, shown in zip(schema, names, strict=True)
        ]
        frames.append(part.frame.select(*keys, pl.all(), pl.lit(spot).alias(_PLACE)))
    joined = pl.concat(frames, how="vertical_relaxed").sort(_PLACE, maintain_order=True)
    key = next(iter(schema))
    found = {cells[key]: part for cells, part, _ in parts if part is not None}
    views = {cells[key]: view for cells, _, view in parts}
    return kind(joined.drop(_PLACE), answers=found, names=names, nothing=nothing, views=views)


@cache
def _row_class(keys: Any, inner: Any, names: tuple[str, ...]) -> type[Any]:
    """Make the class of rows that have the fields of two others."""
    own, hints = (get_type_hints(kind, include_extras=True) for kind in (keys, inner))
    made = {
        new: attrs.field(type=own[a.name]) for a, new in zip(fields(keys), names, strict=True)
    }  # fmt: skip
    made |= {a.name: attrs.field(type=hints[a.name]) for a in fields(inner)}
    body = {"__reduce__": _reduce_row, "_made_of": (keys, inner, names)}
    name = f"{inner.__name__}By{keys.__name__}"
    return attrs.make_class(name, made, class_body=body, frozen=True, slots=True)


def _reduce_row(row: Any) -> tuple[Any, ...]:
    """Pickle or copy a row by what its class is made of: the class itself has no module."""
    return _restore_row, (_made_of(type(row)), *(getattr(row, a.name) for a in fields(type(row))))


def _restore_row(made_of: Any, *values: Any) -> Any:
    return _class_of(made_of)(*values)


def _made_of(kind: Any) -> Any:
    if not hasattr(kind, "_made_of"):
        return kind
    keys, inner, names = kind._made_of
    return keys, _made_of(inner), names


def _class_of(made_of: Any) -> Any:
    if not isinstance(made_of, tuple):
        return made_of
    keys, inner, names = made_of
    return _row_class(keys, _class_of(inner), names)
