"""Revenue: what was earned where, and what was given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency, read_amounts
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.row_fields import Amount, Count, Field, Key, Mean
from journeymap.analysis.table.exact_amounts import Amounts, amount_of
from journeymap.analysis.table.part import Ints, Part, Scope
from journeymap.model.rules import of_type

__all__ = ["Revenue", "RevenueAnswer", "RevenueRow"]

_maybe_text: Any = validators.optional(of_type(str))
_EVERYTHING = "(all)"
_UNNAMED = "(none)"


@frozen
class RevenueRow:
    """The amounts at one element.

    Attributes:
        element: The element; ``(none)`` for interactions without a name at the level.
        revenue: The sum of the amounts above zero.
        given_back: The sum of those below zero, as a positive number: refunds and credits.
        net: Revenue less what was given back.
        share: Its share of the net revenue of all (None: that is not above zero).
        purchases: How many amounts were above zero.
        customers: How many customers had one.
        mean: The mean of the amounts above zero (None: there are none).
        per_customer: Net revenue for each of these customers.
    """

    element: Key
    revenue: Amount
    given_back: Amount
    net: Amount
    share: Annotated[float, Field("mean")] | None
    purchases: Count
    customers: Count
    mean: Mean | None
    per_customer: Mean | None


@frozen(eq=False, repr=False)
class RevenueAnswer(Answer[RevenueRow]):
    """The elements, those of the highest net revenue first.

    Attributes:
        currency: The currency (None: the log has no amounts).
    """

    Row = RevenueRow
    currency: str | None = field(default=None, kw_only=True)

    def notes(self) -> list[str]:
        """Write that there are no amounts, where there are none.

        Returns:
            The sentence.
        """
        return [] if len(self) else ["the log has no amounts (Columns(value=…, currency=…))"]


@frozen
class Revenue:
    """Sum what was earned at each touchpoint, channel, product or any other element.

    An amount counts once, where it was recorded; sums are exact.

    Attributes:
        by: The level of the elements (None: all interactions together).
        currency: The currency that counts, when the log holds several.

    Raises:
        ElementError: A field has a value that it may not have.
        AnswerError: The log has several currencies, and none is chosen.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": list("aab"), "touchpoint": ["buy", "return", "buy"],
    ...     "at": [0, 1, 2], "paid": [30, -10, 20]},
    ...     Columns(at_unit="s", value="paid", currency="EUR"))
    >>> [(row.element, row.net, row.per_customer) for row in log.ask(Revenue())]
    [('buy', 50.0, 25.0), ('return', -10.0, None)]
    """

    by: str | None = field(default="touchpoint", validator=_maybe_text)
    currency: str | None = field(default=None, validator=_maybe_text, kw_only=True)

    def measure(self, part: Part) -> tuple[dict[str, list[int]], frozenset[str]]:
        """Sum the amounts of each element of a part."""
        if not len(part):
            return {}, frozenset()
        found = read_amounts(part, self.currency)
        if found is None:
            return {}, frozenset()
        amounts, there, met = found
        sums = {}
        for name, rows in self._elements(part, np.flatnonzero(there)):
            mine = amounts.select(rows)
            earned = _is_positive(mine)
            sums[name] = [
                mine.where(earned).total(), mine.where(~earned).total(), int(earned.sum()),
                len(distinct(part.customer[rows[earned]])),
            ]  # fmt: skip
        return sums, met

    def _elements(self, part: Part, rows: Ints) -> list[tuple[str, Ints]]:
        """Give the elements with the places of their amounts."""
        if self.by is None:
            return [(_EVERYTHING, rows)]
        names, codes = part.names(self.by), part.codes(self.by)[rows]
        found: dict[str, list[int]] = {}
        for code in distinct(codes).tolist():  # what has no name is shown under one that may be one
            found.setdefault(names[code] or _UNNAMED, []).append(code)
        return [(name, rows[np.isin(codes, of_name)]) for name, of_name in found.items()]

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints:
        """Find the customers who paid at an element, as the part numbers them."""
        found = read_amounts(part, self.currency) if len(part) else None
        if found is None:
            return np.zeros(0, dtype=np.int64)
        amounts, there, _ = found
        for name, rows in self._elements(part, np.flatnonzero(there)):
            if name == row["element"]:
                paid: Ints = part.customer[rows[_is_positive(amounts.select(rows))]]
                return paid
        return np.zeros(0, dtype=np.int64)

    def merge(self, one: Any, other: Any) -> tuple[dict[str, list[int]], frozenset[str]]:
        """Sum two measurements."""
        sums = dict(one[0])
        for name, more in other[0].items():
            mine = sums.get(name, [0, 0, 0, 0])
            sums[name] = [a + b for a, b in zip(mine, more, strict=True)]
        return sums, one[1] | other[1]

    def answer(
        self, measured: tuple[dict[str, list[int]], frozenset[str]], scope: Scope
    ) -> RevenueAnswer:
        """Compute shares and means."""
        currency = choose_currency("Revenue", self.currency, measured[1])
        whole = sum(earned + back for earned, back, _, _ in measured[0].values())
        rows = []
        for name, (earned, back, purchases, customers) in measured[0].items():
            net = earned + back
            rows.append((
                name, amount_of(earned), amount_of(-back), amount_of(net),
                net / whole if whole > 0 else None, purchases, customers,
                amount_of(earned) / purchases if purchases else None,
                amount_of(net) / customers if customers else None,
            ))  # fmt: skip
        rows.sort(key=lambda row: (-row[3], row[0]))
        frame = pl.DataFrame(rows, schema=RevenueAnswer.schema(), orient="row")
        return RevenueAnswer(frame, currency=currency)


def _is_positive(amounts: Amounts) -> Any:
    """Mark the amounts above zero."""
    return (amounts.whole > 0) | ((amounts.whole == 0) & (amounts.fractions > 0))
