"""The order of a log: by customer, then time, then arrival; paid once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["ordering"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def ordering(journeys: np.ndarray[Any, Any], at: Ints) -> Ints | None:
    """Row numbers in order of journey, time and arrival; None when the rows are in order already.

    Journey and time are packed into one integer where they fit, because sorting integers is the
    fastest sort there is; otherwise the rank of the time is packed instead of the time.
    """
    if len(at) < 2:
        return None
    wide = journeys.astype(np.int64)
    if _in_order(journeys, at):
        return None
    bits = int(at.max() - at.min()).bit_length()
    if bits + int(wide.max()).bit_length() <= 63:
        return _sorted_stably((wide << bits) | (at - at.min()))
    by_time = _sorted_stably(at)
    bits = (len(at) - 1).bit_length()
    key = np.sort((wide[by_time] << bits) | np.arange(len(at)))
    order: Ints = by_time[key & ((1 << bits) - 1)]
    return order


def _in_order(journeys: np.ndarray[Any, Any], at: Ints) -> bool:
    if (journeys[1:] < journeys[:-1]).any():
        return False
    return bool(((journeys[1:] > journeys[:-1]) | (at[1:] >= at[:-1])).all())


def _sorted_stably(key: Ints) -> Ints:
    """A fast argsort, its ties then put back into order of arrival."""
    order = np.argsort(key)
    ordered = key[order]
    tied = np.empty(len(key) + 1, dtype=bool)
    tied[0] = tied[-1] = False
    tied[1:-1] = ordered[1:] == ordered[:-1]
    if tied.any():
        members = np.flatnonzero(tied[1:] | tied[:-1])
        order[members] = order[members][np.lexsort((order[members], ordered[members]))]
    return order
