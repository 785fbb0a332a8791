"""Names as small integers: code 0 is "none", code i the i-th name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from attrs import frozen

__all__ = ["CodedNames", "Codes", "code_type", "encode_names", "rank_names"]

Codes: TypeAlias = "np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]"


def code_type(size: int) -> type[np.unsignedinteger[Any]]:
    """Find the smallest unsigned integer type that holds codes 0 … size − 1."""
    if size <= 2**8:
        return np.uint8
    return np.uint16 if size <= 2**16 else np.uint32


def rank_names(names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Find the place of each name in alphabetical order."""
    places = np.empty(len(names), dtype=np.int64)
    places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return places


@frozen(eq=False)
class CodedNames:
    """A column of names: a code for each row, and the distinct names in order of appearance."""

    codes: np.ndarray[Any, np.dtype[np.uint32]]
    names: pl.Series

    def among(
        self, wanted: Callable[[pl.Series], pl.Series]
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return rows whose name satisfies a condition, which looks at each distinct name once."""
        flags = wanted(self.names).to_numpy()
        return flags[self.codes] if flags.any() else np.zeros(len(self.codes), dtype=bool)

    def blank(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mark rows without a name."""
        return self.among(lambda names: names.str.strip_chars() == "")

    def only(self, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> CodedNames:
        """Keep some rows, coded anew where names are no longer met."""
        codes = self.codes[keep]
        met, places = np.unique(codes, return_inverse=True)
        if len(met) == len(self.names):
            return CodedNames(codes, self.names)
        return CodedNames(places.astype(np.uint32), self.names.gather(met))

    def onto(self, first: Iterable[str] = ()) -> tuple[Codes, tuple[str | None, ...]]:
        """Recode with 0 for missing or blank; ``first`` names keep their places."""
        order: dict[str | None, int] = {None: 0}
        for name in first:
            order.setdefault(name, len(order))
        table = np.zeros(len(self.names), dtype=np.int64)
        for place, name in enumerate(self.names.to_list()):
            if name.strip():
                table[place] = order.setdefault(name, len(order))
        return table.astype(code_type(len(order)))[self.codes], tuple(order)


def encode_names(column: pl.Series) -> CodedNames:
    """Encode a column of texts in the order of their appearance; missing ones are blank."""
    column = column.fill_null("").alias("name")
    codes = column.cast(pl.Categorical(pl.Categories.random())).to_physical().cast(pl.UInt32)
    found = codes.to_numpy()
    highest = np.maximum.accumulate(found)  # rises where a name appears for the first time
    first = np.flatnonzero(np.diff(highest, prepend=np.int64(-1)) > 0)
    if not np.array_equal(found[first], np.arange(len(first))):  # should polars count otherwise
        _, first, found = np.unique(found, return_index=True, return_inverse=True)
    return CodedNames(found.astype(np.uint32, copy=False), column.gather(first))
