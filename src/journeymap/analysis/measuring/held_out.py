"""Hold-outs: customers from whom an element is withheld, beside those from whom nothing is."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.intervals import newcombe_interval
from journeymap.analysis.table.part import Flags, Part

__all__ = ["HeldOut"]

_LEAST = 30  # customers from whom an element is withheld, and of the others


@frozen
class HeldOut:
    """Customers, those who converted, and conversions, by the element that is withheld from them.

    The empty name stands for customers from whom nothing is withheld.
    """

    counts: dict[str, tuple[int, int, int]]

    @classmethod
    def of(cls, part: Part, level: str, done: Flags) -> HeldOut:
        """Count the customers of a part by what is withheld from them."""
        owner, place = np.unique(part.customer, return_inverse=True)
        conversions = np.bincount(place, done, len(owner)).astype(np.int64)
        names, codes = part.names(level), part.codes(level).astype(np.int64)
        rows = np.flatnonzero(codes)[::-1]  # so that the first of a customer is kept
        withheld = np.zeros(len(owner), dtype=np.int64)
        withheld[place[rows]] = codes[rows]
        found = {}
        for code in distinct(withheld).tolist():
            mine = conversions[withheld == code]
            found[names[code] or ""] = (len(mine), int((mine > 0).sum()), int(mine.sum()))
        return cls(found)

    def merge(self, other: HeldOut) -> HeldOut:
        """Sum two measurements."""
        found = dict(self.counts)
        for name, more in other.counts.items():
            one, two, three = found.get(name, (0, 0, 0))
            found[name] = (one + more[0], two + more[1], three + more[2])
        return HeldOut(found)

    def caused(self, element: str) -> tuple[float, float, float] | None:
        """Compute the conversions that an element causes, with a 95 % interval (Newcombe 1998).

        The difference of the shares that convert, for all customers from whom it is not withheld;
        None where too few are held out.
        """
        held, m, _ = self.counts.get(element, (0, 0, 0))
        n, hits, conversions = self.counts.get("", (0, 0, 0))
        if held < _LEAST or n < _LEAST or not hits:
            return None
        met = sum(one[0] for name, one in self.counts.items() if name != element)
        each = met * conversions / hits
        low, high = newcombe_interval(hits, n, m, held)
        return (hits / n - m / held) * each, low * each, high * each
