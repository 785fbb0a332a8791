"""The order of a log: by customer, then time, then arrival; paid once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from journeymap.analysis.table.number_order import order_numbers

__all__ = ["find_offsets", "order_rows"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def order_rows(journeys: np.ndarray[Any, Any], at: Ints, turns: Ints | None = None) -> Ints | None:
    """Find the order of rows by journey, time and arrival; None when they are in order already.

    ``turns`` order those of the same time before their arrival does: by the first of two numbers
    of each row, and then the second.

    Times are counted in whole seconds or milliseconds where they are that.
    """
    if turns is not None:
        first = np.lexsort((turns[:, 1], turns[:, 0]))
        rest = order_rows(journeys[first], at[first])
        return first if rest is None else first[rest]
    if len(at) < 2 or _in_order(journeys, at):
        return None
    if not (at[1:] < at[:-1]).any():
        found: Ints = order_numbers(journeys.astype(np.int64, copy=False))
        return found
    since = at - at.min()
    unit = next(unit for unit in (1_000_000, 1000, 1) if unit == 1 or not (since % unit).any())
    order: Ints = order_numbers(journeys.astype(np.int64, copy=False), since // unit)
    return order


def _in_order(journeys: np.ndarray[Any, Any], at: Ints) -> bool:
    if (journeys[1:] < journeys[:-1]).any():
        return False
    return bool(((journeys[1:] > journeys[:-1]) | (at[1:] >= at[:-1])).all())


def find_offsets(owners: np.ndarray[Any, Any]) -> Ints:
    """Find where each owner's rows begin, the rows of one lying together, and the end."""
    fresh = np.ones(len(owners), dtype=bool)
    fresh[1:] = owners[1:] != owners[:-1]
    return np.append(np.flatnonzero(fresh), len(owners))
