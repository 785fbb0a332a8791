"""What an offer brings: those who may get it, beside those who are held out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.intervals import newcombe, wilson
from journeymap.analysis.measuring.part_conditions import holding
from journeymap.analysis.table.part import Flags, Ints, Part, Scope
from journeymap.exceptions import AnswerError, UnknownName
from journeymap.model import All, Offer
from journeymap.model.offers import held_out
from journeymap.model.rules import positive_duration

__all__ = ["Lift", "LiftAnswer", "Lifted"]

_GROUPS = ("offered", "held out")


@frozen
class Lifted:
    """One group of customers.

    ``group`` is ``offered`` (they might get the offer) or ``held out``; of ``n`` who were
    eligible, ``met`` met the offer and ``count`` came to the goal: a ``share``, with its 95 %
    interval ``low`` to ``high``.
    """

    group: str
    n: int
    met: int
    count: int
    share: float
    low: float
    high: float


@frozen(eq=False, repr=False)
class LiftAnswer(Answer[Lifted]):
    """Both groups; ``difference`` is the share of the offered less that of the held out.

    Its 95 % interval is ``low`` to ``high`` (Newcombe 1998, method 10); ``lift`` is the
    difference relative to the share of the held out (None where that is 0, or a group is empty).
    """

    Row = Lifted
    offer: str = field(default="", kw_only=True)
    goal: str = field(default="", kw_only=True)
    difference: float | None = field(default=None, kw_only=True)
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)
    lift: float | None = field(default=None, kw_only=True)

    def notes(self) -> list[str]:
        """The difference in one sentence."""
        if self.difference is None or self.low is None or self.high is None:
            return [f"the lift of {self.offer!r} cannot be told: one group is empty"]
        bounds = f"{100 * self.low:+.1f} to {100 * self.high:+.1f}"
        return [f"{self.offer!r}: {100 * self.difference:+.1f} points at {self.goal!r} ({bounds})"]


@frozen
class Lift:
    """What an ``offer`` of the map brings, by the customers who are held out from it.

    Customers count from their first interaction of which all conditions of ``eligible`` hold
    (from their first one, where there are none): do they come to ``goal`` (the touchpoint it
    leads to, unless another is named) after it, ``within`` a time? They belong to the group they
    were dealt to, whether they met the offer or not, so nothing but the offer differs. The
    conditions are asked of single interactions here, and not, as `NextBest` does, of all that is
    known of a customer: one on a total value finds no interaction.
    """

    offer: str = field(validator=validators.instance_of(str))
    goal: str | None = field(
        default=None, validator=validators.optional(validators.instance_of(str)), kw_only=True
    )
    within: timedelta | None = field(
        default=None, validator=validators.optional(positive_duration), kw_only=True
    )

    def measure(self, part: Part) -> tuple[tuple[int, int, int], ...]:
        """Customers, those who met it, and those who came to the goal, of each group."""
        if part.scope.map is None and not part.scope.interactions:
            return ((0, 0, 0), (0, 0, 0))
        offer, goal = self._asked(part.scope)
        begun = _first(part, holding(part, All(offer.eligible)) if offer.eligible else None)
        some = begun >= 0
        reached = self._after(part, begun, goal)
        met = self._after(part, begun, offer.touchpoint)
        out = np.array([held_out(offer, name) for name in part.ids.to_list()], dtype=bool)
        return tuple(
            (int((some & g).sum()), int((met & some & g).sum()), int((reached & some & g).sum()))
            for g in (~out, out)
        )

    def merge(self, one: Any, other: Any) -> Any:
        """Add up."""
        return tuple(
            tuple(a + b for a, b in zip(*pair, strict=True))
            for pair in zip(one, other, strict=True)
        )

    def answer(self, measured: tuple[tuple[int, int, int], ...], scope: Scope) -> LiftAnswer:
        """Shares and their difference."""
        rows = [
            (name, n, met, hits, hits / n if n else 0.0, *wilson(hits, n))
            for name, (n, met, hits) in zip(_GROUPS, measured, strict=True)
        ]
        frame = pl.DataFrame(rows, schema=LiftAnswer.schema(), orient="row")
        if scope.map is None:
            return LiftAnswer(frame, offer=self.offer, goal=self.goal or "")
        _, goal = self._asked(scope)
        (n, _, hits), (m, _, others) = measured
        if not n or not m:
            return LiftAnswer(frame, offer=self.offer, goal=goal)
        low, high = newcombe(hits, n, others, m)
        difference = hits / n - others / m
        lift = difference / (others / m) if others else None
        return LiftAnswer(frame, offer=self.offer, goal=goal, difference=difference, low=low,
                          high=high, lift=lift)  # fmt: skip

    def _asked(self, scope: Scope) -> tuple[Offer, str]:
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
        """Which journeys come to a touchpoint after they began to count, and in time."""
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
            good &= gap <= self.within // timedelta(microseconds=1)
        flags[journey[good]] = True
        return flags


def _first(part: Part, marked: Flags | None) -> Ints:
    """The first marked row of each journey (None: the first of all); −1 where there is none."""
    if marked is None:
        return part.offsets[:-1].copy()
    found = np.full(part.journeys, -1, dtype=np.int64)
    rows = np.flatnonzero(marked)[::-1]
    found[part.journey[rows]] = rows
    return found
