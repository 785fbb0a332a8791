"""Exact amounts: whole ten-thousandths, and what is left, so that many small ones add up.

An amount is kept to 15 significant digits and at most 14 decimals, as two whole numbers. These add
up exactly in any order, so that parts of a log have the sums of the whole.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

__all__ = [
    "FRACTION",
    "NO_NUMBER",
    "SCALE",
    "AmountSums",
    "Amounts",
    "amount_of",
    "split_amounts",
    "split_bound",
]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

SCALE = 10_000
"""Emotions, scores and amounts are kept to a ten-thousandth, and sum exactly."""
FRACTION = 10**10
"""Into so many parts a ten-thousandth of an amount is divided."""
_BITS = 32
_MASK = (1 << _BITS) - 1
_FEW = 2**53 // FRACTION
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
        return self.sums_by(np.zeros(len(self.whole), dtype=np.int64), 1).totals()[0]

    @property
    def floats(self) -> Floats:
        """The amounts as numbers, in their currency."""
        return AmountSums(self.limbs()).floats

    def sums_by(self, group: Ints, size: int) -> AmountSums:
        """Sum the amounts of each group, given as numbers below ``size``."""
        return AmountSums(self.limbs()).sums_by(group, size)

    def limbs(self) -> Ints:
        """Divide each amount into three numbers, of which many can be added."""
        return np.stack([self.whole >> _BITS, self.whole & _MASK, self.fractions])


@frozen(eq=False)
class AmountSums:
    """Exact sums of amounts, however large: three whole numbers each.

    Attributes:
        parts: A column for each sum: multiples of 2^32 ten-thousandths, the ten-thousandths that
            are left, and parts of one. None of the three reaches 64 bits before billions of
            amounts are added.
    """

    parts: Ints

    @classmethod
    def nothing(cls, size: int) -> AmountSums:
        """Make sums of no amounts."""
        return cls(np.zeros((3, size), dtype=np.int64))

    def select(self, places: Any) -> AmountSums:
        """Take some of the sums."""
        return AmountSums(self.parts[:, places])

    def where(self, there: Any) -> AmountSums:
        """Put 0 where a condition does not hold."""
        return AmountSums(np.where(there, self.parts, 0))

    def join(self, other: AmountSums) -> AmountSums:
        """Put the sums of others after these."""
        return AmountSums(np.concatenate([self.parts, other.parts], axis=1))

    def sums_by(self, group: Ints, size: int) -> AmountSums:
        """Sum these sums by group, given as numbers below ``size``."""
        parts = np.zeros((3, size), dtype=np.int64)
        for place in range(3):
            np.add.at(parts[place], group, self.parts[place])
        return AmountSums(parts)

    def totals(self) -> list[int]:
        """Give the sums exactly, in parts of a ten-thousandth."""
        return [
            ((high << _BITS) + low) * FRACTION + left for high, low, left in self.parts.T.tolist()
        ]

    def total(self) -> int:
        """Sum them all exactly, in parts of a ten-thousandth."""
        return sum(self.totals())

    @property
    def floats(self) -> Floats:
        """The sums as numbers, in their currency."""
        high, low, left = self.parts
        carried = low + left // FRACTION
        left = left % FRACTION
        whole = high * float(1 << _BITS) + carried
        found: Floats = np.where(
            np.abs(whole) < _FEW,  # then all of it is a whole number that a float can hold
            (whole * FRACTION + left) / (SCALE * FRACTION),
            whole / SCALE + left / (SCALE * FRACTION),
        )
        return found


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
