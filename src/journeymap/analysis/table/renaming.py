"""A table whose customers have other names, as when several turn out to be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from attrs import evolve

from journeymap.analysis.table.ordering import find_offsets, order_rows
from journeymap.analysis.table.part import Level
from journeymap.analysis.table.table import Table
from journeymap.exceptions import AnswerError

__all__ = ["rename_customers"]

_RECOMMENDER = "referred_by"


def _renamed(
    level: Level, name: Callable[[str], str | None], ordered: Callable[[Any], Any]
) -> Level:  # fmt: skip
    """Give those who recommended the names that customers have now."""
    if level.codes is None:
        return level
    codes: dict[str, int] = {}
    table = np.zeros(len(level.names), dtype=level.codes.dtype)
    for place, old in enumerate(level.names):
        if old is not None:
            table[place] = codes.setdefault(name(old) or old, len(codes) + 1)
    return Level((None, *codes), ordered(table[level.codes]))


def rename_customers(table: Table, name: Callable[[str], str | None]) -> Table:
    """Give each customer the name that ``name`` returns (None: unchanged)."""
    codes: dict[str, int] = {}
    names = [name(old) or old for old in table.ids.to_list()]
    strange = next((one for one in names if not isinstance(one, str)), None)
    if strange is not None:
        raise AnswerError("known_as", f"a customer's name is a text, not {strange!r}")
    owner = np.array([codes.setdefault(one, len(codes)) for one in names], dtype=np.uint32)
    if len(codes) < len(names) and not table.scope.timed:
        message = "which interactions of two customers came first is not known without times"
        raise AnswerError("known_as", message)
    ids = pl.Series(table.ids.name, list(codes), dtype=pl.String)
    owners = np.repeat(owner, np.diff(table.offsets))
    order = order_rows(owners, table.at)

    def ordered(column: Any) -> Any:
        return column if column is None or order is None else column[order]

    return evolve(
        table,
        ids=ids,
        offsets=find_offsets(ordered(owners)),
        at=ordered(table.at),
        touchpoints=ordered(table.touchpoints),
        levels={
            kind: evolve(level, codes=ordered(level.codes))
            if kind != _RECOMMENDER
            else _renamed(level, name, ordered)
            for kind, level in table.levels.items()
        },
        numbers={k: ordered(v) for k, v in table.numbers.items()},
    )
