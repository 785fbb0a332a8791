"""Effort and cost: whom a touchpoint, a channel or a key journey serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from attrs import field, frozen, validators
from scipy.special import ndtri, stdtrit

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.burdens import BURDENS, NO_COST, Burdens, find_burdens
from journeymap.analysis.measuring.clustered_errors import (
    Products,
    find_error,
    find_size,
    sum_products,
)
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.intervals import NORMAL_QUANTILE, wilson_bounds
from journeymap.analysis.measuring.occurrences import (
    choose_key_journeys,
    find_occurrences,
    mark_failed,
)
from journeymap.analysis.row_fields import Amount, Count, Field, Key, Mean, Seconds, Text
from journeymap.analysis.table.exact_amounts import SCALE
from journeymap.analysis.table.part import Ints, Part, Scope, require_times
from journeymap.analysis.where import check_names
from journeymap.model import Condition
from journeymap.model.conditions import is_condition
from journeymap.model.rules import as_length, of_type, positive_duration

__all__ = ["ChannelMove", "EffortAndCost", "EffortAndCostAnswer", "EffortAndCostRow"]

Served: TypeAlias = Literal["both", "the customer", "the company", "neither", "not sure"]
_ShareOfContacts: TypeAlias = Annotated[float, Field("share", of="contacts")]
_Effort: TypeAlias = Annotated[float, Field("bound", of="effort")]
_Cost: TypeAlias = Annotated[float, Field("bound", of="cost_mean")]
_Demand: TypeAlias = Annotated[float, Field("bound", of="demanded")]
_MANY = 30  # customers on a channel, and of an element that is judged at all
_PLACES = len(BURDENS)
_MINE, _ALL = _SIDES = ("mine", "all")  # the contacts of an element, and all contacts


@frozen
class EffortAndCostRow:
    """The contacts at an element: what they ask of the customer, and of the company.

    Attributes:
        element: The touchpoint, channel or key journey.
        contacts: Its contacts.
        customers: Its customers.
        effort: The burdens of a contact, on average, from 0 to 6: it failed, was repeated, came on
            another channel, asked the customer to identify themselves again, came too late, or
            should not have been.
        effort_low: Lower bound of its 95 % interval.
        effort_high: Upper bound of it.
        failed: The share of contacts that failed or were abandoned.
        repeated: The share that the customer had at the same touchpoint lately.
        switched: The share on another channel than the contact before.
        identified: The share at which the customer had to identify themselves again.
        waited: The share with too long a wait before.
        demanded: The share that only exists because something failed or took too long.
        demanded_low: Lower bound of its 95 % interval (Wilson 1927, of as many contacts as would be
            as sure if none were of one customer).
        demanded_high: Upper bound of it.
        wait_mean: The mean wait before, in seconds (None: there are none).
        ces: The mean answer to the Customer Effort Score (None: not asked).
        cost: The cost of all contacts whose cost is known (None: of none).
        cost_mean: The mean cost of a contact.
        cost_low: Lower bound of its 95 % interval.
        cost_high: Upper bound of it.
        serves: ``both``, ``the customer`` (at the company's cost), ``the company`` (at the
            customer's), ``neither``, or ``not sure``.
    """

    element: Key
    contacts: Count
    customers: Count
    effort: Mean
    effort_low: _Effort | None
    effort_high: _Effort | None
    failed: _ShareOfContacts
    repeated: _ShareOfContacts
    switched: _ShareOfContacts
    identified: _ShareOfContacts
    waited: _ShareOfContacts
    demanded: _ShareOfContacts
    demanded_low: _Demand
    demanded_high: _Demand
    wait_mean: Seconds | None
    ces: Mean | None
    cost: Amount | None
    cost_mean: Mean | None
    cost_low: _Cost | None
    cost_high: _Cost | None
    serves: Text


@frozen
class ChannelMove:
    """The difference between the best channel of an element and all of its contacts.

    Attributes:
        element: The element.
        channel: The channel on which a contact asks least of the customer.
        contacts: Its contacts on that channel.
        effort: The burdens of a contact there, less those on the other channels.
        effort_low: Lower bound of its interval; all hold together in 95 % of cases (Bonferroni).
        effort_high: Upper bound of it.
        cost: The mean cost of a contact there, less that on the other channels (None: unknown).
        cost_low: Lower bound of its 95 % interval.
        cost_high: Upper bound of it.
        total: What the contacts on the other channels would cost more, or less, in all.
    """

    element: str
    channel: str
    contacts: int
    effort: float
    effort_low: float
    effort_high: float
    cost: float | None
    cost_low: float | None
    cost_high: float | None
    total: float | None


@frozen(eq=False, repr=False)
class EffortAndCostAnswer(Answer[EffortAndCostRow]):
    """The elements, those of most effort first.

    Attributes:
        effort: The burdens of all contacts, on average.
        cost: The mean cost of all contacts whose cost is known.
        unknown: The share of contacts whose cost is not known.
        moves: What the best channel of each element would change, where one is better than chance.
    """

    Row = EffortAndCostRow
    effort: float | None = field(default=None, kw_only=True)
    cost: float | None = field(default=None, kw_only=True)
    unknown: float = field(default=0.0, kw_only=True)
    moves: tuple[ChannelMove, ...] = field(default=(), kw_only=True)

    def notes(self) -> list[str]:
        """Write what elements are measured by, and what the best channels would change.

        Returns:
            The sentences.
        """
        if self.effort is None:
            return []
        found = [
            f"{self.effort:.2g} burdens a contact, on average; an element serves the customer if "
            "it is below, and the company if a contact costs less than the average"
        ]
        if self.cost is not None and self.unknown:
            found.append(f"of {100 * self.unknown:.0f} % of the contacts the cost is not known")
        found += [
            f"{one.element} by {one.channel}: {one.effort:+.2g} burdens a contact "
            f"({one.effort_low:+.2g} to {one.effort_high:+.2g}), if those who come otherwise are "
            "like those who come so"
            for one in self.moves[:3]
        ]
        return found


@frozen(eq=False)
class _Sums:
    """Whole numbers of an element on a channel, and products from which errors follow.

    Contacts, their customers, each burden, waits and their microseconds, answers and their sum in
    ten-thousandths, contacts of known cost, and their cost in ten-thousandths.
    """

    numbers: dict[tuple[str, str], list[int]]
    customers: dict[str, int]
    all_contacts: list[int]
    products: dict[str, tuple[Products, Products, Products]]  # of effort, demand and cost
    # Of effort and cost, those of an element with itself and with all contacts, and of these.
    beside: dict[str, tuple[Products, Products]]
    whole: tuple[Products, Products]


@frozen
class EffortAndCost:
    """Find whom the journey serves: the customer, the company, both or neither.

    The effort of a contact is counted: whether it failed or was abandoned, repeats one at the same
    touchpoint, comes on another channel than the one before, asks the customer to identify
    themselves again, comes after too long a wait, or should not have been. Costs are those
    recorded, or the map's: of touchpoints, or else of channels, and of a department's hours.

    Attributes:
        by: ``touchpoint``, ``channel``, another level, or ``key_journey``.
        lately: Within which time a contact repeats or follows another.
        patience: The longest wait before a contact that is no burden.
        failure_demand: The condition of contacts that only exist because something failed or took
            too long (None: those that follow one that failed, at once and lately).
        identification: The condition of contacts at which customers identify themselves (None: not
            known).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": list("aaab"), "at": [0, 60, 120, 0],
    ...     "touchpoint": ["call", "call", "pay", "pay"], "cost": [5, 5, 1, 1],
    ...     "result": ["failed", None, None, None]},
    ...     Columns(at_unit="s", outcome="result", cost="cost"))
    >>> [(row.element, row.effort, row.cost_mean) for row in log.ask(EffortAndCost())]
    [('call', 1.5, 5.0), ('pay', 0.0, 1.0)]
    """

    by: str = field(default="touchpoint", validator=of_type(str))
    lately: timedelta = field(
        default=timedelta(days=7), converter=as_length, validator=positive_duration, kw_only=True
    )
    patience: timedelta = field(
        default=timedelta(days=7), converter=as_length, validator=positive_duration, kw_only=True
    )
    failure_demand: Condition | None = field(
        default=None, validator=validators.optional(is_condition), kw_only=True
    )
    identification: Condition | None = field(
        default=None, validator=validators.optional(is_condition), kw_only=True
    )

    def measure(self, part: Part) -> _Sums:
        """Sum the burdens and costs of each element on each channel."""
        require_times(part.scope, "EffortAndCost")
        numbers: dict[tuple[str, str], list[int]] = {}
        customers: dict[str, int] = {}
        products: dict[str, tuple[Products, Products, Products]] = {}
        beside: dict[str, tuple[Products, Products]] = {}
        if not len(part):
            return _Sums(numbers, customers, _added([]), products, beside, ({}, {}))
        found = self._burdens(part)
        channels: tuple[str | None, ...] = ("",)
        channel = np.zeros(len(part), dtype=np.int64)
        if part.knows("channel"):
            channels, channel = part.names("channel"), part.codes("channel").astype(np.int64)
        named = tuple(name or "" for name in channels)
        totals = _Totals.of(part, found)
        for name, rows in self._elements(part):
            customers[name] = len(distinct(part.customer[rows]))
            beside[name] = totals.beside(part, found, rows)
            products[name] = _products(part, found, rows, channel[rows], named)
            for code in distinct(channel[rows]).tolist():
                mine = rows[channel[rows] == code]
                numbers[name, channels[code] or ""] = _summed(part, found, mine)
        whole = _summed(part, found, np.arange(len(part)))
        return _Sums(numbers, customers, whole, products, beside, totals.products())

    def _burdens(self, part: Part) -> Burdens:
        for condition in (self.failure_demand, self.identification):
            if condition is not None:
                check_names(part, condition)
        return find_burdens(part, mark_failed(part), lately=self.lately, patience=self.patience,
                            failure_demand=self.failure_demand,
                            identification=self.identification)  # fmt: skip

    def _elements(self, part: Part) -> Iterator[tuple[str, Ints]]:
        """Give the elements with the places of their contacts."""
        if self.by == "key_journey":
            for span in choose_key_journeys(part.scope, None, "EffortAndCost"):
                found = find_occurrences(part, span)
                inside = np.zeros(len(part) + 1, dtype=np.int64)
                np.add.at(inside, found.begin, 1)
                np.add.at(inside, found.last + 1, -1)
                rows = np.flatnonzero(np.cumsum(inside)[:-1] > 0)
                if len(rows):
                    yield span.id, rows
            return
        names, codes = part.names(self.by), part.codes(self.by)
        for code in distinct(codes[codes > 0]).tolist():
            yield str(names[code]), np.flatnonzero(codes == code)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of an element, as the part numbers them."""
        for name, rows in self._elements(part) if len(part) else ():
            if name == row["element"]:
                return part.customer[rows]
        return np.zeros(0, dtype=np.int64)

    def merge(self, one: _Sums, other: _Sums) -> _Sums:
        """Sum two measurements."""
        numbers = dict(one.numbers)
        for key, sums in other.numbers.items():
            mine = numbers.get(key)
            numbers[key] = sums if mine is None else [
                a + b for a, b in zip(mine, sums, strict=True)
            ]  # fmt: skip
        names = sorted({*one.customers, *other.customers})
        nothing: tuple[Products, Products, Products] = ({}, {}, {})
        none: tuple[Products, Products] = ({}, {})
        return _Sums(
            numbers,
            {name: one.customers.get(name, 0) + other.customers.get(name, 0) for name in names},
            [a + b for a, b in zip(one.all_contacts, other.all_contacts, strict=True)],
            {name: _joined(one.products.get(name, nothing), other.products.get(name, nothing))
             for name in names},
            {name: _joined(one.beside.get(name, none), other.beside.get(name, none))
             for name in names},
            _joined(one.whole, other.whole),
        )  # fmt: skip

    def answer(self, measured: _Sums, scope: Scope) -> EffortAndCostAnswer:
        """Compute shares and means, and judge whom each element serves."""
        elements: dict[str, dict[str, _Mean]] = {}
        for (name, channel), sums in sorted(measured.numbers.items()):
            elements.setdefault(name, {})[channel] = _Mean(sums)
        whole = _Mean(measured.all_contacts)
        rows, moves = [], []
        compared = sum(max(0, len(_known(one)) - 1) for one in elements.values())
        for name, channels in elements.items():
            of_all = _Errors(measured.products[name], channels)
            mean, n = _Mean(_added(list(channels.values()))), measured.customers[name]
            rest = _Rest(mean, whole, measured.beside[name], measured.whole)
            rows.append(_row(name, mean, n, rest, of_all))
            moves += _best_channel(name, channels, of_all, compared)
        rows.sort(key=lambda row: (-row["effort"], row["element"]))
        moves.sort(key=lambda one: (one.effort * one.contacts, one.element))
        n = whole.contacts
        return EffortAndCostAnswer(
            pl.DataFrame(rows, schema=EffortAndCostAnswer.schema()),
            effort=whole.effort if n else None,
            cost=whole.cost, unknown=1 - whole.priced / n if n else 0.0, moves=tuple(moves),
        )  # fmt: skip


def _products(
    part: Part, found: Burdens, rows: Ints, channel: Ints, names: tuple[str, ...]
) -> tuple[Products, Products, Products]:
    """Sum what errors follow from: of the burdens, of those that should not be, and of costs."""
    marks, cost, customer = found.marks[rows], found.cost[rows], part.customer[rows]
    every, known = np.ones(len(rows), dtype=np.int64), cost != NO_COST
    burdens, demanded = marks.sum(axis=1), marks[:, -1].astype(np.int64)
    return (
        sum_products(customer, channel, names, every, burdens),
        sum_products(customer, channel, names, every, demanded),
        sum_products(customer, channel, names, known.astype(np.int64), np.where(known, cost, 0)),
    )


@frozen(eq=False)
class _Totals:
    """Of each customer the number of all contacts, their burdens, priced ones and their cost."""

    customer: Ints
    columns: tuple[Ints, Ints, Ints, Ints]

    @classmethod
    def of(cls, part: Part, found: Burdens) -> _Totals:
        """Sum the contacts of each customer of a part."""
        begins = np.flatnonzero(np.append(True, part.customer[1:] != part.customer[:-1]))
        columns = tuple(np.add.reduceat(one, begins) for one in _counted(found, slice(None)))
        return cls(part.customer[begins].astype(np.int64), columns)  # type: ignore[arg-type]

    def beside(self, part: Part, found: Burdens, rows: Ints) -> tuple[Products, Products]:
        """Sum products of some contacts with all contacts of the same customers."""
        customer = part.customer[rows].astype(np.int64)
        others = np.flatnonzero(np.isin(self.customer, customer))
        who = np.concatenate([customer, self.customer[others]])
        group = np.repeat(np.arange(2), [len(rows), len(others)])
        both = zip(_counted(found, rows), self.columns, strict=True)
        joined = [np.concatenate([mine, whole[others]]) for mine, whole in both]
        made = (sum_products(who, group, _SIDES, *joined[:2]),
                sum_products(who, group, _SIDES, *joined[2:]))  # fmt: skip
        for products in made:  # those of all contacts are summed for all customers
            products.pop((_ALL, _ALL), None)
        return made

    def products(self) -> tuple[Products, Products]:
        """Sum products of all contacts with all contacts."""
        group = np.zeros(len(self.customer), dtype=np.int64)
        effort, burdens, priced, cost = self.columns
        return (sum_products(self.customer, group, (_ALL,), effort, burdens),
                sum_products(self.customer, group, (_ALL,), priced, cost))  # fmt: skip


def _counted(found: Burdens, rows: Ints | slice) -> tuple[Ints, Ints, Ints, Ints]:
    """Give what each contact counts, its burdens, whether its cost is known, and the cost."""
    cost = found.cost[rows]
    known = cost != NO_COST
    burdens: Ints = found.marks[rows].sum(axis=1)
    return (np.ones(len(cost), dtype=np.int64), burdens, known.astype(np.int64),
            np.where(known, cost, 0))  # fmt: skip


def _joined(one: tuple[Products, ...], other: tuple[Products, ...]) -> Any:
    """Sum products of two parts."""
    return tuple(
        {key: _plus(mine.get(key), theirs.get(key)) for key in sorted({*mine, *theirs})}
        for mine, theirs in zip(one, other, strict=True)
    )


def _plus(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _summed(part: Part, found: Burdens, rows: Ints) -> list[int]:
    """Sum the numbers of some contacts."""
    marks = found.marks[rows]
    wait = found.wait[rows]
    wait = wait[wait >= 0]
    cost = found.cost[rows]
    cost = cost[cost != NO_COST]
    answers = np.zeros(0, dtype=np.int64)
    score = part.number("score")
    if score is not None:
        names, codes = part.names("score_kind"), part.codes("score_kind")[rows]
        asked = np.array([name == "ces" for name in names], dtype=bool)[codes]
        answers = score[rows][asked & (score[rows] != np.iinfo(score.dtype).min)]
    return [
        len(rows), len(distinct(part.customer[rows])), *marks.sum(axis=0).tolist(), len(wait),
        sum(wait.tolist()), len(answers), int(answers.sum()), len(cost), sum(cost.tolist()),
    ]  # fmt: skip


class _Mean:
    """The means of some contacts, as fractions: rounded numbers may differ where nothing does."""

    def __init__(self, sums: list[int]) -> None:
        self.sums = sums
        self.contacts, self.customers, *rest = sums
        self.marks = rest[:_PLACES]
        self.waits, self.waited, self.answers, self.answered, self.priced, cost = rest[_PLACES:]
        n, burdens = max(1, self.contacts), sum(self.marks)
        self.exact_effort = Fraction(burdens, n)
        self.effort = burdens / n
        self.demanded = Fraction(self.marks[-1], n)
        self.total = cost / SCALE
        self.exact_cost = Fraction(cost, SCALE * self.priced) if self.priced else None
        self.cost = cost / (SCALE * self.priced) if self.priced else None


class _Errors:
    """The standard errors of an element's means, and of differences between its channels."""

    def __init__(
        self, products: tuple[Products, Products, Products], channels: dict[str, _Mean]
    ) -> None:
        self._products, self._channels = products, channels
        self.channels = list(channels)

    def effort(self, *sides: list[str]) -> float:
        """Find the error of the effort on some channels, or of the difference to it on others."""
        return self._error(0, sides, lambda mean: mean.contacts, lambda mean: mean.exact_effort)

    def demanded(self, channels: list[str]) -> float:
        """Find the error of the share of contacts that should not be."""
        return self._error(1, (channels,), lambda mean: mean.contacts, lambda mean: mean.demanded)

    def cost(self, *sides: list[str]) -> float:
        """Find the error of the mean cost on some channels, or of the difference to others."""
        found = self._error(
            2, sides, lambda mean: mean.priced, lambda mean: (mean.exact_cost or 0) * SCALE
        )
        return found / SCALE

    def squares(self) -> int:
        """Sum the squares of the customers' contacts."""
        return sum(nn if one == other else 2 * nn
                   for (one, other), (nn, *_) in self._products[1].items())  # fmt: skip

    def _error(
        self, place: int, sides: tuple[list[str], ...], count: Callable[[_Mean], int],
        ratio: Callable[[_Mean], Fraction | int],
    ) -> float:  # fmt: skip
        weights: dict[str, tuple[Fraction, Fraction]] = {}
        for sign, side in zip((1, -1), sides, strict=False):
            mean = _Mean(_added([self._channels[one] for one in side]))
            n = count(mean)
            if n:
                each = Fraction(sign, n)
                weights |= dict.fromkeys(side, (each, -ratio(mean) * each))
        return find_error(self._products[place], weights)


class _Rest:
    """The contacts that are not at an element, and how sure its difference from them is."""

    def __init__(
        self, mine: _Mean, whole: _Mean, beside: tuple[Products, Products],
        all_: tuple[Products, Products],
    ) -> None:  # fmt: skip
        rest = _Mean([all_ - own for all_, own in zip(whole.sums, mine.sums, strict=True)])
        self.effort, self.cost = rest.exact_effort, rest.exact_cost
        products = [one | other for one, other in zip(beside, all_, strict=True)]
        efforts = (mine.exact_effort, rest.exact_effort)
        costs = ((mine.exact_cost or 0) * SCALE, (rest.exact_cost or 0) * SCALE)
        self.effort_error = _difference(products[0], (mine.contacts, rest.contacts), efforts)
        self.cost_error = _difference(products[1], (mine.priced, rest.priced), costs) / SCALE
        self.any = rest.contacts > 0


def _difference(
    products: Products, counts: tuple[int, int], means: tuple[Fraction | int, Fraction | int]
) -> float:
    """Find the error of a mean less that of the rest, which is all but what is in it."""
    mine, rest = (Fraction(1, count) if count else Fraction(0) for count in counts)
    return find_error(products, {
        _MINE: (mine + rest, -means[0] * mine - means[1] * rest),
        _ALL: (-rest, means[1] * rest),
    })  # fmt: skip


def _added(means: list[_Mean]) -> list[int]:
    if not means:
        return [0] * (_PLACES + 8)
    return [sum(column) for column in zip(*(one.sums for one in means), strict=True)]


def _row(name: str, mean: _Mean, customers: int, rest: _Rest, errors: _Errors) -> dict[str, Any]:
    n, every = mean.contacts, errors.channels
    # The customers are a sample, of which the mean is known: n - 1 are free.
    free = (customers / max(1, customers - 1)) ** 0.5
    effort_error, cost_error = errors.effort(every) * free, errors.cost(every) * free
    share = mean.marks[-1] / n
    size = find_size(share, n, errors.demanded(every) * free, errors.squares())
    low, high = wilson_bounds(share, size, NORMAL_QUANTILE)
    # The spread is that of a sample of so many, too (Student 1908).
    quantile = float(stdtrit(max(1, customers - 1), 0.975))
    half, cost_half = quantile * effort_error, quantile * cost_error
    sure, priced = customers >= 2 and effort_error > 0, mean.cost is not None and customers >= 2
    row: dict[str, Any] = {
        "element": name, "contacts": n, "customers": customers, "effort": mean.effort,
        "effort_low": max(0.0, mean.effort - half) if sure else None,
        "effort_high": mean.effort + half if sure else None,
        "demanded_low": low, "demanded_high": high,
        "wait_mean": mean.waited / mean.waits / 1e6 if mean.waits else None,
        "ces": mean.answered / SCALE / mean.answers if mean.answers else None,
        "cost": mean.total if mean.priced else None, "cost_mean": mean.cost,
        "cost_low": _lowest(mean.cost, cost_half) if priced and mean.cost is not None else None,
        "cost_high": mean.cost + cost_half if priced and mean.cost is not None else None,
        "serves": _serves(mean, rest, customers, free),
    }  # fmt: skip
    return row | {kind: count / n for kind, count in zip(BURDENS, mean.marks, strict=True)}


def _lowest(cost: float, half: float) -> float:
    """Give the lower bound of a cost; of one that is not below zero, none that is."""
    return max(0.0, cost - half) if cost >= 0 else cost - half


def _serves(mean: _Mean, rest: _Rest, customers: int, free: float) -> Served:
    """Judge whom an element serves, against all other contacts."""
    mine, others = mean.exact_cost, rest.cost
    if customers < _MANY or not rest.any or mine is None or others is None:
        return "not sure"
    easy, cheap = rest.effort - mean.exact_effort, others - mine
    if (abs(easy) <= NORMAL_QUANTILE * free * rest.effort_error
            or abs(cheap) <= NORMAL_QUANTILE * free * rest.cost_error):  # fmt: skip
        return "not sure"
    if easy > 0:
        return "both" if cheap > 0 else "the customer"
    return "the company" if cheap > 0 else "neither"


def _known(channels: dict[str, _Mean]) -> dict[str, _Mean]:
    """Choose the channels that many customers took."""
    return {one: mean for one, mean in channels.items() if one and mean.customers >= _MANY}


def _best_channel(
    name: str, channels: dict[str, _Mean], errors: _Errors, compared: int
) -> list[ChannelMove]:
    """Find the channel of least effort, where it is better than the others by more than chance."""
    known = _known(channels)
    if len(known) < 2:
        return []
    best = min(known, key=lambda one: (known[one].effort, one))
    mine, rest = known[best], [one for one in known if one != best]
    others = _Mean(_added([known[one] for one in rest]))
    effort = float(mine.exact_effort - others.exact_effort)
    # The best channel of each element is chosen: all comparisons are allowed for (Bonferroni).
    quantile = float(-ndtri(0.025 / compared))
    half = quantile * errors.effort([best], rest)
    if effort + half >= 0:
        return []
    cost = cost_half = None
    if mine.exact_cost is not None and others.exact_cost is not None:
        cost = float(mine.exact_cost - others.exact_cost)
        cost_half = NORMAL_QUANTILE * errors.cost([best], rest)
    return [ChannelMove(
        name, best, mine.contacts, effort, effort - half, effort + half, cost,
        None if cost is None or cost_half is None else cost - cost_half,
        None if cost is None or cost_half is None else cost + cost_half,
        None if cost is None else cost * others.contacts,
    )]  # fmt: skip
