"""Names as small integers: code 0 is "none", code i the i-th name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import polars as pl

__all__ = ["Codes", "code_type", "dense", "recoded"]

Codes: TypeAlias = "np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]"


def code_type(size: int) -> type[np.unsignedinteger[Any]]:
    """The smallest unsigned integer that holds codes 0 … size − 1."""
    if size <= 2**8:
        return np.uint8
    return np.uint16 if size <= 2**16 else np.uint32


def dense(names: pl.Series) -> tuple[np.ndarray[Any, np.dtype[np.uint32]], pl.Series]:
    """Codes 0 … k − 1 in order of first appearance, and the distinct names.

    Rows are matched by a 64-bit hash and the match is verified, so that a collision costs time
    and never an answer.
    """
    column = names.alias("name")
    frame = pl.DataFrame([column.hash(seed=0).alias("hash"), column])
    distinct = frame.unique(subset="hash", keep="first", maintain_order=True).with_row_index("code")
    codes = _joined(frame, distinct, "hash")
    known = distinct["name"]
    if not (known.gather(codes) == column).all():
        distinct = frame.unique(subset="name", maintain_order=True).with_row_index("code")
        codes, known = _joined(frame, distinct, "name"), distinct["name"]
    return codes.to_numpy(), known


def _joined(frame: pl.DataFrame, distinct: pl.DataFrame, on: str) -> pl.Series:
    found = frame.select(on).join(
        distinct.select(on, "code"), on=on, how="left", maintain_order="left"
    )
    return found["code"].cast(pl.UInt32)


def recoded(names: pl.Series, first: Iterable[str] = ()) -> tuple[Codes, tuple[str | None, ...]]:
    """Codes with 0 for missing or blank; ``first`` names keep their places, others follow."""
    codes, met = dense(names.fill_null(""))
    order: dict[str | None, int] = {None: 0}
    for name in first:
        order.setdefault(name, len(order))
    table = np.zeros(len(met), dtype=np.int64)
    for place, name in enumerate(met.to_list()):
        if name.strip():
            table[place] = order.setdefault(name, len(order))
    return table.astype(code_type(len(order)))[codes], tuple(order)
