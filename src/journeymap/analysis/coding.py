"""Names as small integers: code 0 is "none", code i the i-th name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from attrs import frozen

__all__ = ["Coded", "Codes", "code_type", "coded", "ranks"]

Codes: TypeAlias = "np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]"


def code_type(size: int) -> type[np.unsignedinteger[Any]]:
    """The smallest unsigned integer that holds codes 0 … size − 1."""
    if size <= 2**8:
        return np.uint8
    return np.uint16 if size <= 2**16 else np.uint32


def ranks(names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The place of each name in alphabetical order."""
    places = np.empty(len(names), dtype=np.int64)
    places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return places


@frozen(eq=False)
class Coded:
    """A column of names: a code for each row, and the distinct names in order of appearance."""

    codes: np.ndarray[Any, np.dtype[np.uint32]]
    names: pl.Series

    def among(
        self, wanted: Callable[[pl.Series], pl.Series]
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows whose name satisfies a condition, which looks at each distinct name once."""
        flags = wanted(self.names).to_numpy()
        return flags[self.codes] if flags.any() else np.zeros(len(self.codes), dtype=bool)

    def blank(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows without a name."""
        return self.among(lambda names: names.str.strip_chars() == "")

    def only(self, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> Coded:
        """The rows to keep, coded anew where names are no longer met."""
        codes = self.codes[keep]
        met, places = np.unique(codes, return_inverse=True)
        if len(met) == len(self.names):
            return Coded(codes, self.names)
        return Coded(places.astype(np.uint32), self.names.gather(met))

    def onto(self, first: Iterable[str] = ()) -> tuple[Codes, tuple[str | None, ...]]:
        """Codes with 0 for missing or blank; ``first`` names keep their places, others follow."""
        order: dict[str | None, int] = {None: 0}
        for name in first:
            order.setdefault(name, len(order))
        table = np.zeros(len(self.names), dtype=np.int64)
        for place, name in enumerate(self.names.to_list()):
            if name.strip():
                table[place] = order.setdefault(name, len(order))
        return table.astype(code_type(len(order)))[self.codes], tuple(order)


def coded(column: pl.Series) -> Coded:
    """Code a column of texts; what is missing becomes the blank name.

    Rows are matched by a 64-bit hash and the match is verified name by name, so that a collision
    costs time and never an answer.
    """
    column = column.fill_null("").alias("name")
    frame = pl.DataFrame([column.hash(seed=0).alias("hash"), column])
    distinct = frame.unique(subset="hash", keep="first", maintain_order=True).with_row_index("code")
    codes = _joined(frame, distinct, "hash")
    if not (distinct["name"].gather(codes) == column).all():
        distinct = frame.unique(subset="name", maintain_order=True).with_row_index("code")
        codes = _joined(frame, distinct, "name")
    return Coded(codes.to_numpy(), distinct["name"])


def _joined(frame: pl.DataFrame, distinct: pl.DataFrame, on: str) -> pl.Series:
    found = frame.select(on).join(
        distinct.select(on, "code"), on=on, how="left", maintain_order="left"
    )
    return found["code"].cast(pl.UInt32)
