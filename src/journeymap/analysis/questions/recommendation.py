"""Recommendation: customers who win others, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from attrs import evolve, field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency, read_amounts
from journeymap.analysis.measuring.intervals import wilson_interval
from journeymap.analysis.measuring.mean_counts import count_for_each
from journeymap.analysis.measuring.referrals import Recommended, find_parents
from journeymap.analysis.row_fields import Amount, Count, Field, Key, Seconds
from journeymap.analysis.table.exact_amounts import AmountSums, amount_of
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, code_of, require_times
from journeymap.model.durations import span_text
from journeymap.model.instants import micros_in
from journeymap.model.rules import as_length, of_type, positive_duration

__all__ = [
    "Acquired",
    "Before",
    "Recommendation",
    "RecommendationAnswer",
    "Recommender",
]

_NONE = -1
_GrowthBound: TypeAlias = Annotated[float, Field("bound", of="growth")]
_Number: TypeAlias = Annotated[int, Field("amount")]  # behind which no customers are looked for


_DAY = 86_400_000_000  # microseconds


@frozen
class Recommender:
    """A customer who won others.

    Attributes:
        recommender: The customer.
        won: The customers whom they won.
        chain: Those whom these won, and so on, with those won directly.
        depth: How long the longest chain from them is.
        value: The amounts of the customers whom they won (None: the log has none).
        chain_value: The amounts of the whole chain.
        invitations: Their invitations.
        time: From their beginning to that of the first customer whom they won, in seconds (None:
            one of the two is not known).
    """

    recommender: Key
    won: Count
    chain: _Number
    depth: _Number
    value: Amount | None
    chain_value: Amount | None
    invitations: _Number
    time: Seconds | None


@frozen
class Acquired:
    """Customers who were recommended, or all others.

    Who recommended them must be known within a day of their beginning: later, only those who came
    back can be named, so that the time until then would count for them (Suissa 2008). Those who
    are named later count with the others.

    Attributes:
        group: ``recommended`` or ``others``.
        n: How many there are, of those who began in the time that is seen.
        known: Of how many it is known whether they were retained: they began twice the time of
            retention before the end.
        retained: How many of them came back later than that time, and before it had passed twice.
        share: Their share of those of whom it is known (None: there are none).
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
        value: The mean amount of those of whom it is known, within twice the time of retention
            (None: there are none, or the log has no amounts).
    """

    group: Literal["recommended", "others"]
    n: int
    known: int
    retained: int
    share: float | None
    low: float | None
    high: float | None
    value: float | None


@frozen
class Before:
    """A touchpoint at which recommenders were last, before a customer came whom they won.

    Attributes:
        touchpoint: The touchpoint.
        count: How often it was the last.
        share: Its share of all customers won by known recommenders.
        usual: Its share of the recommenders' interactions: what chance alone would give.
    """

    touchpoint: str
    count: int
    share: float
    usual: float


@frozen(eq=False, repr=False)
class RecommendationAnswer(Answer[Recommender]):
    """The recommenders, those whose chains are worth most first.

    Attributes:
        customer_count: All customers.
        recommended: Those who were recommended.
        recommenders: Those who won others.
        growth: The customers whom one customer wins within ``growth_time``, on average: at each
            age, of those who are followed then (Nelson 1988; None: there are no customers, or there
            is an age at which none is).
        growth_low: Lower bound of its 95 % interval, by the spread between customers (Lawless and
            Nadeau 1995; None: there are not two).
        growth_high: Upper bound of it.
        growth_time: The time from a customer's beginning for which a tenth of them are followed, in
            seconds.
        median_time: The median time from a recommender's beginning to that of the first customer
            whom they won, in seconds.
        invitations: Invitations.
        accepted: Customers won by who had invited before, at most as many as they invited.
        acquired: Recommended customers beside others.
        named_late: Customers of whom it was known more than a day after their beginning alone.
        before: Touchpoints before recommending, the most frequent first.
        strangers: Customers who were recommended by a customer whom the log does not know.
        refused: Recommendations by customers who came later, by the customer themselves, or that
            close a circle.
        currency: The currency of amounts.
    """

    Row = Recommender
    customer_count: int = field(default=0, kw_only=True)
    recommended: int = field(default=0, kw_only=True)
    recommenders: int = field(default=0, kw_only=True)
    growth: float | None = field(default=None, kw_only=True)
    growth_low: _GrowthBound | None = field(default=None, kw_only=True)
    growth_high: _GrowthBound | None = field(default=None, kw_only=True)
    growth_time: Amount | None = field(default=None, kw_only=True)
    median_time: float | None = field(default=None, kw_only=True)
    invitations: int = field(default=0, kw_only=True)
    accepted: int = field(default=0, kw_only=True)
    acquired: tuple[Acquired, ...] = field(default=(), kw_only=True)
    named_late: int = field(default=0, kw_only=True)
    before: tuple[Before, ...] = field(default=(), kw_only=True)
    strangers: int = field(default=0, kw_only=True)
    refused: int = field(default=0, kw_only=True)
    currency: str | None = field(default=None, kw_only=True)

    def notes(self) -> list[str]:
        """Write how the loop grows by itself, and how recommended customers do.

        Returns:
            The sentences.
        """
        if not self.recommended and not self.refused:
            return ["no interaction names who recommended (referred_by)"]
        found = [
            f"{self.recommended:,} of {self.customer_count:,} customers were recommended, by "
            f"{self.recommenders:,}"
        ]
        if self.growth is not None and self.growth_time is not None:
            time = span_text(self.growth_time)
            found[0] += f"; within {time} one customer wins {self.growth:.3g} others"
        if self.growth_low is not None and self.growth_high is not None:
            found[0] += f" ({self.growth_low:.2g}–{self.growth_high:.2g})"
        if self.invitations:
            found.append(f"{self.accepted:,} of {self.invitations:,} invitations won a customer")
        shown = [f"{100 * one.share:.0f} % of {one.known:,} {one.group}"
                 for one in self.acquired if one.share is not None]  # fmt: skip
        if len(shown) == 2:
            found.append(f"retained: {', '.join(shown)}; who is recommended may differ anyway")
            if self.named_late:
                found[-1] += (
                    f"; {self.named_late:,} who were named more than a day after they began count "
                    "with the others, as only who comes back can be"
                )
        if self.strangers:
            found.append(f"{self.strangers:,} were recommended by customers who are not known")
        if self.refused:
            found.append(
                f"{self.refused:,} recommendations are by who came later, or close a circle; they "
                "do not count"
            )
        return found


@frozen(eq=False)
class _Measured:
    """Customers: names, who recommended them, when they began, whether they were retained, amounts.

    Of recommenders, the touchpoints that they came to, with times.
    """

    names: tuple[str, ...]
    referrers: tuple[str | None, ...]
    first: Ints
    retained: Flags
    late: Flags  # who recommended them was named more than a day after they began
    value: AmountSums
    early: AmountSums  # within twice the time of retention
    invited: Ints
    asked: Ints  # when they first invited anybody
    steps: dict[str, tuple[tuple[int, str], ...]]
    currencies: frozenset[str]

    def in_order(self) -> _Measured:
        """Sort the customers by their names, so that those of one time are taken in one order."""
        order = np.argsort(np.array(self.names, dtype=object), kind="stable")
        ordered: _Measured = evolve(
            self, names=tuple(self.names[place] for place in order),
            referrers=tuple(self.referrers[place] for place in order), first=self.first[order],
            retained=self.retained[order], late=self.late[order], value=self.value.select(order),
            early=self.early.select(order), invited=self.invited[order], asked=self.asked[order],
        )  # fmt: skip
        return ordered


@frozen
class Recommendation:
    """Find who wins customers by recommending, and what that is worth.

    An interaction may name who recommended (``Columns(referred_by=…)``,
    ``Interaction(referred_by=…)``); the first one of a customer that does counts. One who
    recommended themselves, or was recommended by a customer who came by them, does not.

    Attributes:
        invitation: The touchpoint at which customers invite others (None: none is recorded).
        retained_after: A customer is retained who comes back later than that after their beginning,
            and before it has passed twice: so all have the same time for it.
        currency: The currency that counts, when the log holds several.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": list("abc"), "touchpoint": ["buy"] * 3, "at": [0, 1, 2],
    ...     "by": [None, "a", "b"]}, Columns(at_unit="s", referred_by="by"))
    >>> answer = log.ask(Recommendation())
    >>> [(row.recommender, row.won, row.chain, row.depth) for row in answer]
    [('a', 1, 2, 2), ('b', 1, 1, 1)]
    >>> round(answer.growth, 3), answer.growth_time
    (1.0, 1.0)
    """

    invitation: str | None = field(default=None, validator=validators.optional(of_type(str)))
    retained_after: timedelta = field(
        default=timedelta(days=90), converter=as_length, validator=positive_duration, kw_only=True
    )
    currency: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )

    def measure(self, part: Part) -> _Measured:
        """Collect the facts of each customer of a part."""
        require_times(part.scope, "Recommendation")
        none = np.zeros(0, dtype=np.int64)
        if not len(part):
            nothing = AmountSums.nothing(0)
            no = none.astype(bool)
            return _Measured((), (), none, no, no, nothing, nothing, none, none, {},
                             frozenset())  # fmt: skip
        begins = np.flatnonzero(np.append(True, part.owners[1:] != part.owners[:-1]))
        edges = np.append(part.offsets[begins], len(part))
        person = np.repeat(np.arange(len(begins)), np.diff(edges))
        found = Recommended.of(part)
        amounts = read_amounts(part, self.currency)
        limit = micros_in(self.retained_after)
        since = part.at - found.first[person]
        retained = np.zeros(len(begins), dtype=bool)
        retained[person[(since > limit) & (since <= 2 * limit)]] = True
        value = early = AmountSums.nothing(len(begins))
        if amounts is not None:
            rows = np.flatnonzero(since <= 2 * limit)
            value = amounts[0].sums_by(person, len(begins))
            early = amounts[0].select(rows).sums_by(person[rows], len(begins))
        rows = self._invitations(part)
        asked = np.full(len(begins), np.iinfo(np.int64).max)
        np.minimum.at(asked, person[rows], part.at[rows])
        return _Measured(
            found.names, found.referrers, found.first, retained,
            _named_late(part, person, found.first), value, early,
            np.bincount(person[rows], minlength=len(begins)), asked,
            dict(_steps(part, edges, found.names, set(part.names("referred_by")))),
            frozenset() if amounts is None else amounts[2],
        )  # fmt: skip

    def _invitations(self, part: Part) -> Any:
        if self.invitation is None:
            return np.zeros(0, dtype=np.int64)
        names = part.names("touchpoint")
        code = code_of(names, "touchpoint", self.invitation)
        return np.flatnonzero(part.touchpoints == code)

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Join the customers of two parts."""
        return _Measured(
            one.names + other.names, one.referrers + other.referrers,
            np.concatenate([one.first, other.first]),
            np.concatenate([one.retained, other.retained]),
            np.concatenate([one.late, other.late]),
            one.value.join(other.value), one.early.join(other.early),
            np.concatenate([one.invited, other.invited]),
            np.concatenate([one.asked, other.asked]), one.steps | other.steps,
            one.currencies | other.currencies,
        )  # fmt: skip

    def find_names(self, measured: _Measured, row: Mapping[str, Any], number: str) -> Iterator[str]:
        """Find the customers whom a recommender won.

        Args:
            measured: What was measured of the whole log.
            row: The row of the recommender.
            number: Its number: ``won``.

        Yields:
            Their names.
        """
        one = measured.in_order()
        parent, stranger, _ = find_parents(one.names, one.referrers, one.first)
        for name, by, place, unknown in zip(
            one.names, one.referrers, parent, stranger, strict=True
        ):
            if by == row["recommender"] and (unknown or place >= 0):
                yield name

    def answer(self, measured: _Measured, scope: Scope) -> RecommendationAnswer:
        """Follow the chains, and count."""
        currency = choose_currency("Recommendation", self.currency, measured.currencies)
        measured = measured.in_order()
        names, first, value = measured.names, measured.first, measured.value
        invited, asked = measured.invited, measured.asked
        parent, stranger, refused = find_parents(names, measured.referrers, first)
        strangers = int(stranger.sum())
        chains = _Chains.of(parent, value.totals())
        won = chains.won
        times = _first_times(parent, first)
        size = len(names)
        paid = currency is not None
        rows = [
            (names[one], int(won[one]), int(chains.size[one]), int(chains.depth[one]),
             amount_of(chains.direct[one]) if paid else None,
             amount_of(chains.value[one]) if paid else None, int(invited[one]),
             times[one] / 1e6 if times[one] >= 0 else None)
            for one in np.flatnonzero(won).tolist()
        ]  # fmt: skip
        rows.sort(key=lambda row: (-(row[5] or 0.0), -row[2], row[0]))
        frame = pl.DataFrame(rows, schema=RecommendationAnswer.schema(), orient="row")
        begin = _begin(scope)
        seen = np.flatnonzero((parent >= 0) & (first >= begin))
        grown = count_for_each(
            np.maximum(scope.seen_until - first, 0), parent[seen],
            first[seen] - first[parent[seen]], np.maximum(begin - first, 0),
        )  # fmt: skip
        known = [time / 1e6 for time in times if time >= 0]
        return RecommendationAnswer(
            frame, customer_count=size, recommended=int((parent >= 0).sum()) + strangers,
            recommenders=int((won > 0).sum()), growth=None if grown is None else grown.mean,
            growth_low=None if grown is None else grown.low,
            growth_high=None if grown is None else grown.high,
            growth_time=None if grown is None else grown.within / 1e6,
            median_time=float(np.median(known)) if known else None,
            invitations=int(invited.sum()), accepted=_accepted(parent, first, asked, invited),
            acquired=self._acquired((parent >= 0) | stranger, measured, scope, paid=paid)
            if size else (), named_late=int(measured.late.sum()),
            before=_before(parent, first, names, measured.steps),
            strangers=strangers, refused=refused, currency=currency,
        )  # fmt: skip

    def _acquired(
        self, named: Flags, measured: _Measured, scope: Scope, *, paid: bool
    ) -> tuple[Acquired, ...]:
        """Compare recommended customers with others, each in the same time from the beginning."""
        limit = micros_in(self.retained_after)
        groups: tuple[Literal["recommended", "others"], ...] = ("recommended", "others")
        here = measured.first >= _begin(scope)
        known = measured.first + 2 * limit < scope.seen_until
        found = []
        named &= ~measured.late
        for group, chosen in zip(groups, (named, ~named), strict=True):
            mine = chosen & here & known
            n, seen = int((chosen & here).sum()), int(mine.sum())
            kept = int((mine & measured.retained).sum())
            low, high = wilson_interval(kept, seen) if seen else (None, None)
            mean = amount_of(measured.early.select(mine).total()) / seen if seen and paid else None
            found.append(Acquired(group, n, seen, kept, kept / seen if seen else None, low, high,
                                  mean))  # fmt: skip
        return tuple(found)


def _named_late(part: Part, person: Ints, first: Ints) -> Flags:
    """Mark whom an interaction more than a day after their beginning is the first to name."""
    if not part.records("referred_by"):
        return np.zeros(len(first), dtype=bool)
    rows = np.flatnonzero(part.codes("referred_by"))
    named = np.full(len(first), np.iinfo(np.int64).max)
    np.minimum.at(named, person[rows], part.at[rows])
    known = named < np.iinfo(np.int64).max
    return known & (np.where(known, named, first) - first > _DAY)


def _begin(scope: Scope) -> int:
    """Find from when on customers and their beginnings are seen."""
    return scope.first if scope.since is None else max(scope.first, scope.since)


def _steps(
    part: Part, edges: Ints, names: tuple[str, ...], wanted: set[str | None]
) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:  # fmt: skip
    """List the touchpoints of those who recommended anybody, in the order of time."""
    points = part.names("touchpoint")
    for begin, end, name in zip(edges[:-1].tolist(), edges[1:].tolist(), names, strict=True):
        if name in wanted:
            mine = zip(part.at[begin:end].tolist(), part.touchpoints[begin:end].tolist(),
                       strict=True)  # fmt: skip
            yield (
                name,
                tuple((at, str(points[code])) for at, code in sorted(mine, key=itemgetter(0))),
            )


@frozen(eq=False)
class _Chains:
    """Of each customer: those won, the whole chain, its depth, and the exact amounts of both."""

    won: Ints
    size: Ints
    depth: Ints
    direct: list[int]
    value: list[int]

    @classmethod
    def of(cls, parent: Ints, value: list[int]) -> _Chains:
        """Sum chains from their ends."""
        count = len(parent)
        won = np.bincount(parent[parent >= 0], minlength=count)
        size, depth = (np.zeros(count, dtype=np.int64) for _ in range(2))
        direct, total = [0] * count, [0] * count
        waiting = won.copy()
        ready = np.flatnonzero(waiting == 0).tolist()
        while ready:
            one = ready.pop()
            above = int(parent[one])
            if above == _NONE:
                continue
            size[above] += size[one] + 1
            depth[above] = max(depth[above], depth[one] + 1)
            direct[above] += value[one]
            total[above] += total[one] + value[one]
            waiting[above] -= 1
            if not waiting[above]:
                ready.append(above)
        return cls(won, size, depth, direct, total)


def _accepted(parent: Ints, first: Ints, asked: Ints, invited: Ints) -> int:
    """Count the customers whom those won who had invited before; an invitation wins one at most."""
    won = np.flatnonzero(parent >= 0)
    won = won[asked[parent[won]] <= first[won]]
    return int(np.minimum(np.bincount(parent[won], minlength=len(parent)), invited).sum())


def _first_times(parent: Ints, first: Ints) -> Ints:
    """Measure from each one's beginning to that of the first whom they won; −1 where unknown."""
    found = np.full(len(parent), np.iinfo(np.int64).max)
    children = np.flatnonzero(parent >= 0)
    np.minimum.at(found, parent[children], first[children])
    return np.where(found < np.iinfo(np.int64).max, np.maximum(-1, found - first), -1)


def _before(
    parent: Ints, first: Ints, names: Sequence[str],
    steps: Mapping[str, tuple[tuple[int, str], ...]],
) -> tuple[Before, ...]:  # fmt: skip
    """Count at which touchpoints recommenders were last before the customers came."""
    last: dict[str, int] = {}
    usual: dict[str, int] = {}
    for one in np.unique(parent[parent >= 0]).tolist():
        for _, name in steps.get(names[one], ()):
            usual[name] = usual.get(name, 0) + 1
    for child in np.flatnonzero(parent >= 0).tolist():
        earlier = [name for at, name in steps.get(names[int(parent[child])], ())
                   if at <= first[child]]  # fmt: skip
        if earlier:
            last[earlier[-1]] = last.get(earlier[-1], 0) + 1
    total, all_ = sum(last.values()), sum(usual.values())
    return tuple(
        Before(name, count, count / total, usual[name] / all_)
        for name, count in sorted(last.items(), key=lambda pair: (-pair[1], pair[0]))
    )
