"""Recommenders: the first name that an interaction of a customer gives."""

from __future__ import annotations

import numpy as np

from journeymap.analysis.table.part import Part

__all__ = ["find_referrers"]


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
