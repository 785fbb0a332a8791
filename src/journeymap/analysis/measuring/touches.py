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
        journey: The number of its journey, among those of the customer.
        at: Its time.
        element: Its element, as a place in the names; −1 for a conversion, −2 for none.
        amount: The amount of a conversion.
        conversions: The conversions of all customers.
        sampled: Whether customers were left out.
    """

    names: tuple[str, ...]
    hashes: Any
    journey: Ints
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
        begins = np.flatnonzero(mark_changes((part.owners,)))
        number = np.arange(part.journeys) - np.repeat(
            begins, np.diff(begins, append=part.journeys)
        )  # fmt: skip
        kept = Touches(
            names, hashes, number[part.journey], part.at, element, np.where(done, amount, 0.0),
            int(done.sum()), sampled=False,
        )  # fmt: skip
        return kept._lowest()

    def merge(self, other: Touches) -> Touches:
        """Keep the customers whose hashed names are lowest of two measurements."""
        names = tuple(sorted({*self.names, *other.names}))
        both = Touches(
            names, np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.journey, other.journey]),
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
            self.names, self.hashes[kept], self.journey[kept], self.at[kept],
            self.element[kept], self.amount[kept], self.conversions,
            sampled=self.sampled or left_out,
        )  # fmt: skip

    def learned_from(self, end: int) -> tuple[Touched, Floats]:
        """Give the touches, conversions and times, and the amounts of the conversions.

        Each journey is followed apart: to the next of its customer, or to the end. What came at
        the time of a conversion, but after it, is taken as a microsecond later.
        """
        order = np.lexsort((np.arange(len(self.at)), self.journey, self.hashes))
        hashes, times = self.hashes[order], self.at[order]
        fresh = mark_changes((hashes, self.journey[order]))[: len(order)]
        person, first = np.cumsum(fresh) - 1, np.flatnonzero(fresh)
        names = tuple(sorted(self.names))
        element = self._recoded(names)[order]
        touch, conversion = element >= 0, element == -1
        at = times + _conversions_before(person, times, conversion)
        known = hashes[first]
        until = _ends(known, times[first], times[np.append(first[1:], len(times)) - 1], end)
        group = ((known >> np.uint64(32)) % np.uint64(GROUPS)).astype(np.int64)
        return Touched(
            names, person[touch], element[touch], at[touch], person[conversion],
            at[conversion], times[first], until, group,
        ), self.amount[order][conversion]  # fmt: skip


def _ends(owner: Any, first: Ints, last: Ints, end: int) -> Ints:
    """Find to when each journey is followed: to the next of its customer that begins after it."""
    found = np.full(len(first), end)
    order = np.lexsort((first, owner))
    same = owner[order][1:] == owner[order][:-1]
    follows = same & (first[order][1:] >= last[order][:-1])
    found[order[:-1][follows]] = first[order[1:][follows]]
    return found


def _conversions_before(person: Ints, at: Ints, conversion: Flags) -> Ints:
    """Count the conversions at the same time of the same customer that came before each row."""
    fresh = mark_changes((person, at))
    before: Ints = np.cumsum(conversion) - conversion
    found: Ints = before - before[np.flatnonzero(fresh)][np.cumsum(fresh) - 1]
    return found
