"""RFM: customers by how lately, how often and for how much they bought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.behind import check_number, read_cells, row_keys
from journeymap.analysis.measuring.amounts import choose_currency
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.analysis.measuring.purchase_days import PurchaseDays, last_day
from journeymap.analysis.row_fields import Amount, Bound, Count, Mean, N, NumberKey, Share
from journeymap.analysis.table.exact_amounts import AmountSums, amount_of
from journeymap.analysis.table.part import Ints, Part, Scope, require_times
from journeymap.exceptions import AnswerError, ElementError
from journeymap.model.rules import of_type

__all__ = ["Rfm", "RfmAnswer", "RfmCell"]

_text: Any = validators.optional(of_type(str))


@frozen
class RfmCell:
    """The customers who bought equally lately and equally often.

    Attributes:
        recency: How lately they bought, from 1 to the number of classes (the latest).
        frequency: How often, from 1 to the number of classes (the most often).
        customers: How many customers they are.
        share: Their share of all who bought.
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        n: How many customers bought.
        days: The mean number of days since their last purchase.
        purchases: The mean number of days on which they bought.
        spent: The mean of what they spent (None: the log has no amounts).
        total: The sum of it.
    """

    recency: NumberKey
    frequency: NumberKey
    customers: Count
    share: Share
    low: Bound
    high: Bound
    n: N
    days: Mean
    purchases: Mean
    spent: Mean | None
    total: Amount | None


@frozen(eq=False, repr=False)
class RfmAnswer(Answer[RfmCell]):
    """The classes of customers, the latest and most frequent first.

    Attributes:
        customer_classes: The frame of ``per_customer()``.
    """

    Row = RfmCell
    customer_classes: pl.DataFrame = field(factory=pl.DataFrame, kw_only=True, repr=False)

    def customers(
        self, row: RfmCell | dict[str, Any], number: str = "customers"
    ) -> tuple[str, ...]:  # fmt: skip
        """Find the customers of a class.

        Args:
            row: A row of this answer, such as ``answer[0]``.
            number: ``customers``; behind the others are those of all classes.

        Returns:
            Their names, in order.

        Raises:
            AnswerError: It is no row of this answer.
            UnknownName: The row has no such number.
        """
        check_number("RfmAnswer", RfmCell, number)
        cells = dict(row_keys("RfmAnswer", self, read_cells("RfmAnswer", row)))
        chosen = self.customer_classes
        if number == "customers":
            chosen = chosen.filter(**cells)
        return tuple(chosen["customer"].to_list())

    def per_customer(self) -> pl.DataFrame:
        """Give the numbers and the classes of each customer.

        Returns:
            A frame: customer, days since the last purchase, purchases (days on which they bought),
            spent, and the classes recency, frequency and monetary (null without amounts).
        """
        return self.customer_classes


@frozen(eq=False)
class _Measured:
    names: tuple[str, ...]
    last: Ints
    days: Ints
    spent: AmountSums
    currencies: frozenset[str]


@frozen
class Rfm:
    """Class customers by the recency, frequency and amount of their purchases.

    Customers of equal numbers are of one class; a class is how many of the others have lower
    numbers, in equal parts. Purchases on one day are one.

    Attributes:
        purchase: The element that is a purchase.
        classes: How many classes each number has, from 2 to 10.
        currency: The currency that counts, when the log holds several.
        by: The level of the element.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": list("aaab"), "touchpoint": ["buy"] * 4,
    ...     "at": [86_400 * day for day in (0, 3, 9, 1)]}, Columns(at_unit="s"))
    >>> [(row.recency, row.frequency, row.customers) for row in log.ask(Rfm("buy", classes=2))]
    [(2, 2, 1), (1, 1, 1)]
    """

    purchase: str = field(validator=of_type(str))
    classes: int = field(default=5, kw_only=True)
    currency: str | None = field(default=None, validator=_text, kw_only=True)
    by: str = field(default="touchpoint", validator=of_type(str), kw_only=True)

    @classes.validator
    def _check(self, attribute: Attribute[int], value: int) -> None:
        if type(value) is not int or not 2 <= value <= 10:
            raise ElementError("Rfm", "classes", value, "a whole number from 2 to 10 is expected")

    def measure(self, part: Part) -> _Measured:
        """Find each customer's last purchase, purchase days and sum of amounts."""
        require_times(part.scope, "Rfm")
        days = PurchaseDays.of(part, self.purchase, self.by, self.currency, paid=True)
        starts = np.flatnonzero(days.fresh)
        ends = np.append(starts[1:], len(days.day))
        spent = days.amount.sums_by(np.cumsum(days.fresh) - 1, len(starts))
        last = days.day[ends[: len(starts)] - 1]
        names = days.names(part, days.owner[starts])
        return _Measured(names, last, ends[: len(starts)] - starts, spent, days.currencies)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Refuse: whose class is which depends on all customers; the answer itself knows it."""
        message = "classes are made of all customers: ask each segment, or use per_customer()"
        raise AnswerError("Rfm", message)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Put the customers of two parts side by side."""
        return _Measured(
            one.names + other.names,
            np.concatenate([one.last, other.last]),
            np.concatenate([one.days, other.days]),
            one.spent.join(other.spent),
            one.currencies | other.currencies,
        )

    def answer(self, measured: _Measured, scope: Scope) -> RfmAnswer:
        """Class the customers, and sum up each class."""
        paid = choose_currency("Rfm", self.currency, measured.currencies) is not None
        given = pl.Series("customer", measured.names, pl.String)
        order = given.arg_sort().to_numpy()
        ago = last_day(scope) - measured.last[order]
        often, exact = measured.days[order], measured.spent.select(order)
        spent = exact.floats
        recency, frequency = self._classes(-ago), self._classes(often)
        frame = pl.DataFrame({
            "customer": given.gather(pl.Series(order, dtype=pl.UInt32)), "days": ago,
            "purchases": often, "spent": spent, "recency": recency,
            "frequency": frequency, "monetary": self._classes(spent),
        })  # fmt: skip
        if not paid:
            frame = frame.with_columns(pl.lit(None).alias("spent"), pl.lit(None).alias("monetary"))
        rows, n = [], len(frame)
        for late in range(self.classes, 0, -1):
            for much in range(self.classes, 0, -1):
                mine = (recency == late) & (frequency == much)
                count = int(mine.sum())
                if count:
                    total = amount_of(exact.select(mine).total())
                    rows.append((
                        late, much, count, count / n, *wilson_interval(count, n), n,
                        float(ago[mine].sum()) / count, float(often[mine].sum()) / count,
                        total / count if paid else None, total if paid else None,
                    ))  # fmt: skip
        schema = RfmAnswer.schema()
        return RfmAnswer(pl.DataFrame(rows, schema=schema, orient="row"), customer_classes=frame)

    def _classes(self, numbers: Any) -> Ints:
        """Class numbers by the share of lower ones: equal ones alike, from 1 up."""
        if not len(numbers):
            return np.zeros(0, dtype=np.int64)
        below = np.searchsorted(np.sort(numbers), numbers, side="left")
        found: Ints = 1 + below * self.classes // len(numbers)
        return found
