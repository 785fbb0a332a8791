"""The next best action: every offer weighed for a customer, and why the others lost.

Priority = propensity × context × value × lever, the product that is usual in decisioning.
"""

from __future__ import annotations

import math
from datetime import datetime

from attrs import field, frozen, validators

from journeymap.model import ContactLimit, JourneyMap, Likely, NextSteps, Offer
from journeymap.model.offers import held_out
from journeymap.profile.customer_conditions import contacts, holds
from journeymap.tracking.fold_state import before, utc
from journeymap.tracking.state import State

__all__ = ["Candidate", "Choice", "NextBest"]


@frozen
class Candidate:
    """An offer, weighed for one customer.

    ``priority`` is ``propensity`` × ``context`` × ``value`` × ``lever``; ``lost`` says why it is
    not the one (empty: it is): not eligible, held out, a contact limit, no propensity, or a lower
    priority.
    """

    offer: str
    priority: float
    propensity: float | None
    context: float
    value: float
    lever: float
    lost: str = ""


@frozen
class Choice:
    """The best offer for a customer (None: there is none), and all that were weighed."""

    customer: str
    best: Offer | None
    candidates: tuple[Candidate, ...]


@frozen
class NextBest:
    """Chooses among a map's offers; ``table`` (see `NextStep`) says how likely each is taken.

    >>> from datetime import UTC
    >>> from journeymap.interactions import Interaction
    >>> from journeymap.model import Stage, Touchpoint
    >>> from journeymap.tracking.tracker import Tracker
    >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
    ...                   touchpoints=[Touchpoint("call", "use")],
    ...                   offers=[Offer("router", propensity=0.1, value=30),
    ...                           Offer("call_back", propensity=0.9, value=5)])
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> state, _ = Tracker(shop).fold(None, Interaction("ada", "call", now))
    >>> choice = NextBest(shop).choose(state, now)
    >>> choice.best.id, [candidate.lost for candidate in choice.candidates]
    ('call_back', ['', "4.5 of 'call_back' is more"])
    """

    map: JourneyMap = field(validator=validators.instance_of(JourneyMap))
    table: NextSteps | None = field(
        default=None, validator=validators.optional(validators.instance_of(NextSteps))
    )

    def choose(self, state: State, now: datetime) -> Choice:
        """Weigh every offer for a customer at a time, the best first.

        Nothing is remembered of it: record an interaction at the offer's touchpoint when the
        customer is met with it, and contact limits count it.
        """
        now = utc(now, "NextBest", "now")
        steps = () if self.table is None else state.likely_next(self.table, top=None)
        weighed = [self._weighed(offer, state, now, steps) for offer in self.map.offers.values()]
        places = {offer: place for place, offer in enumerate(self.map.offers)}
        weighed.sort(key=lambda one: (bool(one.lost), -one.priority, places[one.offer]))
        if not weighed or weighed[0].lost:
            return Choice(state.customer, None, tuple(weighed))
        best = weighed[0]
        rest = (one if one.lost else _lost(one, _told(best, one)) for one in weighed[1:])
        return Choice(state.customer, self.map.offers[best.offer], (best, *rest))

    def _weighed(
        self, offer: Offer, state: State, now: datetime, steps: tuple[Likely, ...]
    ) -> Candidate:
        propensity = offer.propensity
        if propensity is None:
            propensity = next(
                (one.probability for one in steps if one.element == offer.leads_to), None
            )
        context = math.prod(w.factor for w in offer.weights if holds(state, w.when, now))
        priority = (propensity or 0.0) * context * offer.value * offer.lever
        lost = self._refused(offer, state, now)
        if not lost and propensity is None:
            lost = "nothing says how likely it is taken"
        elif not lost and not priority:
            lost = "its priority is 0"
        return Candidate(offer.id, priority, propensity, context, offer.value, offer.lever, lost)

    def _refused(self, offer: Offer, state: State, now: datetime) -> str:
        for condition in offer.eligible:
            if not holds(state, condition, now):
                return f"not eligible: {condition}"
        if held_out(offer, state.customer):
            return f"held out, as {100 * offer.hold_out:g} % of the customers are"
        mine = (offer.touchpoint,) if offer.touchpoint else ()
        every = tuple(one.touchpoint for one in self.map.offers.values() if one.touchpoint)
        for limits, points in ((offer.limits, mine), (self.map.contact_limits, every)):
            for limit in limits:
                if _reached(limit, state, points, now):
                    return f"contact limit: {limit}"
        return ""


def _reached(limit: ContactLimit, state: State, points: tuple[str, ...], now: datetime) -> bool:
    return contacts(state, points, before(now, limit.within)) >= limit.at_most


def _told(best: Candidate, one: Candidate) -> str:
    more = "is more" if best.priority > one.priority else "is as much, and stands first"
    return f"{best.priority:.4g} of {best.offer!r} {more}"


def _lost(one: Candidate, why: str) -> Candidate:
    return Candidate(one.offer, one.priority, one.propensity, one.context, one.value, one.lever,
                     why)  # fmt: skip
