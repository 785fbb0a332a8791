"""The order of a log: by customer, then time, then arrival; paid once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["find_offsets", "order_rows"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def order_rows(journeys: np.ndarray[Any, Any], at: Ints, turns: Ints | None = None) -> Ints | None:
    """Find the order of rows by journey, time and arrival; None when they are in order already.

    ``turns`` order those of the same time before their arrival does: by the first of two numbers
    of each row, and then the second.

    Journey and time are packed into one integer, because sorting integers is the fastest sort there
    is. Where 64 bits do not hold both, the lowest of the time are left out, and the few rows that
    are then alike are put in order afterwards, with those that arrived at the same time.
    """
    if turns is not None:
        first = np.lexsort((turns[:, 1], turns[:, 0]))
        rest = order_rows(journeys[first], at[first])
        return first if rest is None else first[rest]
    if len(at) < 2 or _in_order(journeys, at):
        return None
    since = (at - at.min()).astype(np.uint64)
    bits = int(since.max()).bit_length()
    left_out = max(0, bits + int(journeys.max()).bit_length() - 64)
    key = journeys.astype(np.uint64)
    key <<= np.uint64(bits - left_out)
    key |= since >> np.uint64(left_out)
    order = np.argsort(key)
    ordered = key[order]
    tied = np.zeros(len(key) + 1, dtype=bool)
    np.equal(ordered[1:], ordered[:-1], out=tied[1:-1])
    if tied.any():
        members = np.flatnonzero(tied[1:] | tied[:-1])
        rows = order[members]
        order[members] = rows[np.lexsort((rows, at[rows], ordered[members]))]
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
