"""Touches and conversions of some customers, kept one by one: what a model is learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.counts import mark_changes
from journeymap.analysis.measuring.learned_credit import Floats, Touched
from journeymap.analysis.measuring.resampling import GROUPS, hash_customers, keep_lowest
from journeymap.analysis.table.part import Flags, Ints, Part

__all__ = ["MAX_CUSTOMERS", "Touches"]

MAX_CUSTOMERS = 20_000
"""Customers that are learned from; of more, those whose hashed names are lowest."""


@frozen(eq=False)
class Touches:
    """The interactions of the customers whose hashed names are lowest, in order of the hashes.

    Attributes:
        names: The elements.
        hashes: The hash of each interaction's customer.
        at: Its time.
        element: Its element, as a place in the names; −1 for a conversion, −2 for none.
        amount: The amount of a conversion.
        conversions: The conversions of all customers.
        sampled: Whether customers were left out.
    """

    names: tuple[str, ...]
    hashes: Any
    at: Ints
    element: Ints
    amount: Floats
    conversions: int
    sampled: bool

    @classmethod
    def of(cls, part: Part, by: str, done: Flags, amount: Floats) -> Touches:
        """Keep what is learned from of a part."""
        names = tuple(map(str, part.names(by)[1:]))
        element = part.codes(by).astype(np.int64) - 1
        element = np.where(done, -1, np.where(element < 0, -2, element))
        hashes = hash_customers(part)[part.journey]
        kept = Touches(names, hashes, part.at, element, np.where(done, amount, 0.0),
                       int(done.sum()), sampled=False)  # fmt: skip
        return kept._lowest()

    def merge(self, other: Touches) -> Touches:
        """Keep the customers whose hashed names are lowest of two measurements."""
        names = tuple(sorted({*self.names, *other.names}))
        both = Touches(
            names, np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.at, other.at]),
            np.concatenate([self._recoded(names), other._recoded(names)]),
            np.concatenate([self.amount, other.amount]), self.conversions + other.conversions,
            sampled=self.sampled or other.sampled,
        )  # fmt: skip
        return both._lowest()

    def _recoded(self, names: tuple[str, ...]) -> Ints:
        table = np.array([*(names.index(name) for name in self.names), -2, -1], dtype=np.int64)
        found: Ints = table[self.element]
        return found

    def _lowest(self) -> Touches:
        order = np.argsort(self.at, kind="stable")
        places, left_out = keep_lowest(self.hashes[order], MAX_CUSTOMERS)
        kept = order[places]
        return Touches(
            self.names, self.hashes[kept], self.at[kept], self.element[kept], self.amount[kept],
            self.conversions, sampled=self.sampled or left_out,
        )  # fmt: skip

    def learned_from(self, end: int) -> tuple[Touched, Floats]:
        """Give the touches, conversions and times, and the amounts of the conversions.

        What came at the time of a conversion, but after it, is taken as a microsecond later.
        """
        known, first, person = np.unique(self.hashes, return_index=True, return_inverse=True)
        names = tuple(sorted(self.names))
        element = self._recoded(names)
        touch, conversion = element >= 0, element == -1
        at = self.at + _conversions_before(person, self.at, conversion)
        group = ((known >> np.uint64(32)) % np.uint64(GROUPS)).astype(np.int64)
        return Touched(
            names, person[touch], element[touch], at[touch], person[conversion],
            at[conversion], self.at[first], np.full(len(known), end), group,
        ), self.amount[conversion]  # fmt: skip


def _conversions_before(person: Ints, at: Ints, conversion: Flags) -> Ints:
    """Count the conversions at the same time of the same customer that came before each row."""
    fresh = mark_changes((person, at))
    before: Ints = np.cumsum(conversion) - conversion
    found: Ints = before - before[np.flatnonzero(fresh)][np.cumsum(fresh) - 1]
    return found
