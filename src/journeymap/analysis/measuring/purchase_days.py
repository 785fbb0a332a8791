"""Purchase days: the days on which each customer purchased, with the amounts of each."""

from __future__ import annotations

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.analysis.measuring.amounts import read_amounts
from journeymap.analysis.measuring.periods import CalendarPeriods
from journeymap.analysis.table.exact_amounts import NO_NUMBER, AmountSums
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, code_of

__all__ = ["PurchaseDays", "last_day"]


def last_day(scope: Scope) -> int:
    """Return the day on which the log ends, or a view that has an end, as a number."""
    calendar = CalendarPeriods("day", "monday", scope.zone)
    return int(calendar.number(np.array([scope.seen_until], dtype=np.int64))[0])


@frozen(eq=False)
class PurchaseDays:
    """The days of a part, customer by customer; purchases on one day are one.

    Attributes:
        owner: The customer of each day, as the part numbers them.
        day: The day, as a number that counts on by one.
        amount: What was paid on it.
        known: Whether any amount of it is known, in whatever currency.
        currencies: The currencies of all amounts.
    """

    owner: Ints
    day: Ints
    amount: AmountSums
    known: Flags
    currencies: frozenset[str]

    @classmethod
    def of(
        cls, part: Part, purchase: str, by: str, currency: str | None, *, paid: bool
    ) -> PurchaseDays:
        """Find the days on which an element was met; ``paid``: with the amounts."""
        nothing, none = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        if not len(part):
            return cls(nothing, nothing, AmountSums.nothing(0), none, frozenset())
        rows = np.flatnonzero(part.codes(by) == code_of(part.names(by), by, purchase))
        found = read_amounts(part, currency) if paid else None
        met = frozenset[str]() if found is None else found[2]
        if not len(rows):
            return cls(nothing, nothing, AmountSums.nothing(0), none, met)
        calendar = CalendarPeriods("day", "monday", part.scope.zone)
        day, owner = calendar.number(part.at[rows]), part.customer[rows].astype(np.int64)
        order = np.lexsort((day, owner))
        day, owner = day[order], owner[order]
        fresh = np.append(True, (owner[1:] != owner[:-1]) | (day[1:] != day[:-1]))
        begins = np.flatnonzero(fresh)
        sums = AmountSums.nothing(len(begins))
        known = np.zeros(len(begins), dtype=bool)
        given = part.number("value")
        if found is not None and given is not None:
            place = np.cumsum(fresh) - 1
            sums = found[0].select(rows[order]).sums_by(place, len(begins))
            known[place[given[rows[order]] != NO_NUMBER]] = True
        return cls(owner[begins], day[begins], sums, known, met)

    @property
    def fresh(self) -> Flags:
        """Mark the first day of each customer."""
        return np.append(True, self.owner[1:] != self.owner[:-1])[: len(self.owner)]

    def first_names(self, part: Part, purchase: str, by: str, level: str) -> tuple[str | None, ...]:
        """Find the names at a level of each customer's first purchase, in the order of numbers."""
        rows = np.flatnonzero(part.codes(by) == code_of(part.names(by), by, purchase))
        owner = part.customer[rows].astype(np.int64)
        rows = rows[np.lexsort((part.at[rows], owner))]
        owner = part.customer[rows]
        first = rows[np.append(True, owner[1:] != owner[:-1])[: len(rows)]]
        names = part.names(level)
        return tuple(names[code] for code in part.codes(level)[first].tolist())

    def names(self, part: Part, owners: Ints) -> tuple[str, ...]:
        """Give the names of some customers, in the order of their numbers."""
        heads = np.append(True, part.owners[1:] != part.owners[:-1])[: part.journeys]
        return tuple(part.ids.filter(pl.Series(heads & np.isin(part.owners, owners))).to_list())
