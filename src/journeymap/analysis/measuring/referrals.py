"""Recommenders: the first name that an interaction of a customer gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from journeymap.analysis.table.part import Flags, Ints, Part

__all__ = ["find_parents", "find_referrers"]


def find_referrers(part: Part) -> dict[int, str]:
    """Find who recommended the customers of a part, as the part numbers them.

    Args:
        part: The part.

    Returns:
        The name of who recommended, by the number of the customer; those without one are left out.
    """
    if not len(part) or not part.records("referred_by"):
        return {}
    names, codes = part.names("referred_by"), part.codes("referred_by")
    rows = np.flatnonzero(codes)
    times = part.at[rows] if part.scope.timed else rows
    rows = rows[np.lexsort((times, part.customer[rows]))][::-1]  # so that the first is kept
    owners = part.customer[rows].tolist()
    return {
        owner: str(names[code]) for owner, code in zip(owners, codes[rows].tolist(), strict=True)
    }


def find_parents(
    names: Sequence[str], referrers: Sequence[str | None], first: Ints
) -> tuple[Ints, Flags, int]:
    """Find who won whom, as places in the names.

    A recommendation does not count by whom the customer came before, nor one that closes a circle.

    Args:
        names: The customers.
        referrers: The name of who recommended each (None: no one did).
        first: When each began.

    Returns:
        The place of who won each (−1: no one), marks for those who were won by a customer who is
        not among the names, and how many recommendations do not count.
    """
    place_of = {name: place for place, name in enumerate(names)}
    parent = np.full(len(names), -1, dtype=np.int64)
    stranger = np.zeros(len(names), dtype=bool)
    refused = 0
    won = np.array([place for place, by in enumerate(referrers) if by is not None], dtype=np.int64)
    for one in won[np.argsort(first[won], kind="stable")].tolist():
        by = str(referrers[one])
        if by not in place_of:
            stranger[one] = True
            continue
        above = place_of[by]
        early = bool(first[above] <= first[one])
        while early and above not in (-1, one):
            above = int(parent[above])
        if early and above == -1:
            parent[one] = place_of[by]
        else:
            refused += 1
    return parent, stranger, refused
