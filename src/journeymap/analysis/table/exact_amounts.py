"""Exact amounts: whole ten-thousandths, and what is left, so that many small ones add up.

An amount is kept to 15 significant digits and at most 14 decimals, as two whole numbers. These add
up exactly in any order, so that parts of a log have the sums of the whole.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

__all__ = ["FRACTION", "NO_NUMBER", "SCALE", "Amounts", "amount_of", "split_amounts", "split_bound"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

SCALE = 10_000
"""Emotions, scores and amounts are kept to a ten-thousandth, and sum exactly."""
FRACTION = 10**10
"""Into so many parts a ten-thousandth of an amount is divided."""
NO_NUMBER = int(np.iinfo(np.int64).min)
"""Stands where there is no number."""


@frozen(eq=False)
class Amounts:
    """Amounts of rows: ten-thousandths, and the parts of one that are left (None: nowhere any)."""

    whole: Ints
    fraction: Ints | None

    def select(self, rows: Any) -> Amounts:
        """Take the amounts of some rows."""
        return Amounts(self.whole[rows], None if self.fraction is None else self.fraction[rows])

    def where(self, there: Any) -> Amounts:
        """Put 0 where a condition does not hold."""
        return Amounts(
            np.where(there, self.whole, 0),
            None if self.fraction is None else np.where(there, self.fraction, 0),
        )

    @property
    def fractions(self) -> Ints:
        """The parts that are left, 0 where there is none."""
        return np.zeros(len(self.whole), dtype=np.int64) if self.fraction is None else self.fraction

    def total(self) -> int:
        """Sum the amounts exactly, in parts of a ten-thousandth."""
        return int(self.whole.sum()) * FRACTION + int(self.fractions.sum())


def split_amounts(numbers: Any) -> tuple[Ints, Ints]:
    """Split numbers into ten-thousandths and parts of one; NaN gives no number and 0."""
    missing = np.isnan(numbers)
    given = np.where(missing, 0.0, numbers)
    scaled = given * SCALE
    whole = np.floor(scaled)
    # The digits that a person sees: a number has 15, and those before the point count too.
    size = np.floor(np.log10(np.maximum(np.abs(given), 1.0))).astype(np.int64)
    grain = 10.0 ** np.clip(size, 0, 10)
    left = np.round((scaled - whole) * FRACTION / grain) * grain
    carry = left >= FRACTION
    whole = np.where(size >= 10, np.round(scaled), whole + carry)
    left = np.where(carry | (size >= 10), 0, left)
    return (
        np.where(missing, NO_NUMBER, whole.astype(np.int64)),
        np.where(missing, 0, left).astype(np.int64),
    )


def split_bound(bound: float, *, least: bool = False) -> tuple[int, int]:
    """Split a bound of amounts as they are split: ten-thousandths, and parts of one.

    What lies between two amounts is rounded up where it is the least (it may be all parts of one).
    """
    most = 9 * 10**17
    scaled = max(Decimal(-most), min(Decimal(most), Decimal(repr(bound)) * SCALE))
    whole = int(scaled.to_integral_value("ROUND_FLOOR"))
    parts = (scaled - whole) * FRACTION
    return whole, int(parts.to_integral_value("ROUND_CEILING" if least else "ROUND_FLOOR"))


def amount_of(total: int) -> float:
    """Convert a sum, in parts of a ten-thousandth, to an amount of 15 significant digits."""
    return float(f"{Decimal(total) / (SCALE * FRACTION):.15g}")
