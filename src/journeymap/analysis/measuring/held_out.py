"""Hold-outs: customers from whom an element is withheld, beside those from whom nothing is."""

from __future__ import annotations

from math import sqrt

import numpy as np
from attrs import frozen
from scipy.special import stdtrit

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.intervals import newcombe_interval
from journeymap.analysis.table.part import Flags, Part

__all__ = ["HeldOut"]

_LEAST = 30  # customers from whom an element is withheld, and of the others
_Counts = tuple[int, int, int, int]


@frozen
class HeldOut:
    """Customers, by the element that is withheld from them.

    How many there are, how many converted, and the sums of their conversions and of the squares of
    these. The empty name stands for customers from whom nothing is withheld.
    """

    counts: dict[str, _Counts]

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
            found[names[code] or ""] = (
                len(mine), int((mine > 0).sum()), int(mine.sum()), int((mine**2).sum())
            )  # fmt: skip
        return cls(found)

    def merge(self, other: HeldOut) -> HeldOut:
        """Sum two measurements."""
        found = dict(self.counts)
        for name, more in other.counts.items():
            mine = found.get(name, (0, 0, 0, 0))
            found[name] = (mine[0] + more[0], mine[1] + more[1], mine[2] + more[2],
                           mine[3] + more[3])  # fmt: skip
        return HeldOut(found)

    def caused(self, element: str) -> tuple[float, float, float] | None:
        """Compute the conversions that an element causes, with a 95 % interval.

        The difference of the means of conversions of a customer, for all customers from whom it is
        not withheld; None where too few are held out. Where each converts once at most the interval
        is Newcombe's (1998), of shares; else Welch's (1947), of means.
        """
        held, others = self.counts.get(element, (0,) * 4), self.counts.get("", (0,) * 4)
        if held[0] < _LEAST or others[0] < _LEAST or not others[1]:
            return None
        met = sum(one[0] for name, one in self.counts.items() if name != element)
        caused = others[2] / others[0] - held[2] / held[0]
        if held[1] == held[3] and others[1] == others[3]:
            low, high = newcombe_interval(others[1], others[0], held[1], held[0])
        else:
            error = _welch_error(held, others)
            low, high = caused - error, caused + error
        return caused * met, low * met, high * met


def _welch_error(one: _Counts, other: _Counts) -> float:
    """Compute by how much the difference of two means may be wrong, 19 times out of 20."""
    spreads, freedoms = [], []
    for count, _, total, squares in (one, other):
        # Of few, none of whom may have converted: no less than if conversions came by chance.
        variance = max((squares - total**2 / count) / (count - 1), (total + 1) / count)
        spreads.append(variance / count)
        freedoms.append((variance / count) ** 2 / (count - 1))
    return float(stdtrit(sum(spreads) ** 2 / sum(freedoms), 0.975)) * sqrt(sum(spreads))
