"""Lift: the customers who may get an offer, beside those who are held out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from attrs import astuple, field, fields, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.clustered_shares import share_interval
from journeymap.analysis.measuring.clusters import Clusters
from journeymap.analysis.measuring.intervals import join_intervals
from journeymap.analysis.measuring.part_conditions import mark_matching
from journeymap.analysis.row_fields import Bound, Count, Key, Mean, N, Share
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, require_times
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.model import All, Offer
from journeymap.model.instants import micros_in
from journeymap.model.offers import ASSIGNED_ID, held_out
from journeymap.model.rules import (
    maybe_length,
    of_type,
    positive_duration,
)

__all__ = ["Lift", "LiftAnswer", "LiftRow"]

_NUMBERS = 3 + len(fields(Clusters))  # of each group: the eligible, those who met it, the hits
_GROUPS = ("offered", "held out")


@frozen
class LiftRow:
    """One group of customers.

    Attributes:
        group: ``offered`` (they might get the offer) or ``held out``.
        n: How many were eligible.
        met: How many met the offer.
        count: How many came to the goal.
        share: Their share of the eligible (None: there are none).
        low: Lower bound of its 95 % interval (Wilson 1927).
        high: Upper bound of it.
    """

    group: Key
    n: N
    met: Count
    count: Count
    share: Share | None
    low: Bound | None
    high: Bound | None


@frozen(eq=False, repr=False)
class LiftAnswer(Answer[LiftRow]):
    """Both groups, and the difference between them.

    Attributes:
        offer: The offer.
        goal: The touchpoint that counts.
        difference: The share of the offered less that of the held out (None: a group is empty).
        low: Lower bound of its 95 % interval (Newcombe 1998, method 10), by the spread between
            customers.
        high: Upper bound of it.
        lift: The difference relative to the share of the held out (None where that is 0).
    """

    Row = LiftRow
    offer: str = field(default="", kw_only=True)
    goal: str = field(default="", kw_only=True)
    difference: Mean | None = field(default=None, kw_only=True)
    low: Bound | None = field(default=None, kw_only=True)
    high: Bound | None = field(default=None, kw_only=True)
    lift: Mean | None = field(default=None, kw_only=True)

    def notes(self) -> list[str]:
        """Write the difference in one sentence.

        Returns:
            The sentence.
        """
        if self.difference is None or self.low is None or self.high is None:
            return [f"the lift of {self.offer!r} is not known: one group is empty"]
        bounds = f"{100 * self.low:+.1f} to {100 * self.high:+.1f}"
        return [f"{self.offer!r}: {100 * self.difference:+.1f} points at {self.goal!r} ({bounds})"]


@frozen
class Lift:
    """Measure the lift of an offer, against the customers who are held out from it.

    Customers count from their first interaction of which all conditions of ``eligible`` hold
    (from their first one, where there are none). They belong to the group they were assigned to,
    whether they met the offer or not, so nothing but the offer differs. The conditions are asked
    of single interactions here, and not, as `NextBest` does, of all that is known of a customer:
    one on a total value finds no interaction.

    Attributes:
        offer: The offer's id.
        goal: The touchpoint that counts (None: the one that the offer leads to).
        within: The most time from becoming eligible to the goal (None: any); customers count who
            became eligible so long before the end.
    """

    offer: str = field(validator=of_type(str))
    goal: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )
    within: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )

    def measure(self, part: Part) -> tuple[tuple[int, ...], ...]:
        """Count the eligible, those who met the offer, and those who came to the goal, by group."""
        if part.scope.map is None and not part.scope.interactions:
            return ((0,) * _NUMBERS, (0,) * _NUMBERS)
        offer, goal = self._offer_and_goal(part.scope)
        begun = _first(part, mark_matching(part, All(offer.eligible)) if offer.eligible else None)
        some = begun >= 0
        if self.within is not None:  # of the others it is not known yet, whoever came already
            require_times(part.scope, "Lift(within=…)")
            since = part.at[np.maximum(begun, 0)] if len(part) else begun
            some &= part.scope.seen_until - since >= micros_in(self.within)
        reached = self._after(part, begun, goal)
        met = self._after(part, begun, offer.touchpoint)
        out = np.array([held_out(offer, name) for name in _assigned_ids(part)], dtype=bool)
        return tuple(
            (int((some & g).sum()), int((met & some & g).sum()), int((reached & some & g).sum()),
             *astuple(Clusters.of(part.owners[some & g], reached[some & g])))
            for g in (~out, out)
        )  # fmt: skip

    def merge(self, one: Any, other: Any) -> Any:
        """Sum two measurements."""
        return tuple(
            tuple(a + b for a, b in zip(*pair, strict=True))
            for pair in zip(one, other, strict=True)
        )

    def answer(self, measured: tuple[tuple[int, ...], ...], scope: Scope) -> LiftAnswer:
        """Compute the shares and their difference."""
        rows = [
            (
                name,
                n,
                met,
                hits,
                hits / n if n else None,
                *(share_interval(hits, n, Clusters(*clusters)) if n else (None, None)),
            )
            for name, (n, met, hits, *clusters) in zip(_GROUPS, measured, strict=True)
        ]
        frame = pl.DataFrame(rows, schema=LiftAnswer.schema(), orient="row")
        if scope.map is None:
            return LiftAnswer(frame, offer=self.offer, goal=self.goal or "")
        _, goal = self._offer_and_goal(scope)
        (n, _, hits, *clusters), (m, _, others, *other_clusters) = measured
        if not n or not m:
            return LiftAnswer(frame, offer=self.offer, goal=goal)
        low, high = join_intervals(
            hits / n, share_interval(hits, n, Clusters(*clusters)),
            others / m, share_interval(others, m, Clusters(*other_clusters)),
        )  # fmt: skip
        difference = hits / n - others / m
        lift = difference / (others / m) if others else None
        return LiftAnswer(frame, offer=self.offer, goal=goal, difference=difference, low=low,
                          high=high, lift=lift)  # fmt: skip

    def _offer_and_goal(self, scope: Scope) -> tuple[Offer, str]:
        if scope.map is None:
            raise AnswerError("Lift", "offers are the map's: read the log with map=…")
        offers = scope.map.offers
        if self.offer not in offers:
            raise UnknownName("offer", self.offer, tuple(offers))
        offer = offers[self.offer]
        goal = self.goal or offer.leads_to
        if goal is None:
            message = f"the offer {self.offer!r} leads to nothing; name a goal, as with goal='paid'"
            raise AnswerError("Lift", message)
        if goal not in scope.map.touchpoints:
            raise UnknownName("touchpoint", goal, tuple(scope.map.touchpoints))
        return offer, goal

    def _after(self, part: Part, begun: Ints, touchpoint: str | None) -> Flags:
        """Return which journeys come to a touchpoint after they began to count, and in time."""
        flags = np.zeros(part.journeys, dtype=bool)
        names = part.names("touchpoint")
        if touchpoint not in names:
            return flags
        rows = np.flatnonzero(part.touchpoints == names.index(touchpoint))
        journey = part.journey[rows]
        start = begun[journey]
        good = (start >= 0) & (rows > start)
        if self.within is not None:
            gap = part.at[rows] - part.at[np.maximum(start, 0)]
            good &= gap <= micros_in(self.within)
        flags[journey[good]] = True
        return flags


def _assigned_ids(part: Part) -> list[str]:
    """List the id by which each customer's hold-outs are decided: a live store may keep another."""
    own: list[str] = part.ids.to_list()
    if not part.knows(ASSIGNED_ID):
        return own
    names, codes = part.names(ASSIGNED_ID), part.codes(ASSIGNED_ID)
    return [names[codes[begin]] or mine for begin, mine in zip(part.offsets[:-1], own, strict=True)]


def _first(part: Part, marked: Flags | None) -> Ints:
    """Find the first marked row of each journey (None: the first of all); −1 for none."""
    if marked is None:
        return part.offsets[:-1].copy()
    found = np.full(part.journeys, -1, dtype=np.int64)
    rows = np.flatnonzero(marked)[::-1]
    found[part.journey[rows]] = rows
    return found
