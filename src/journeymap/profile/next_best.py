"""The next best action: every offer weighed for a customer, and why the others lost.

Priority = propensity × context × value × lever, the product that is usual in decisioning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from attrs import field, frozen, validators

from journeymap.exceptions import UnknownName
from journeymap.interactions import Consent, Trait
from journeymap.model import ContactLimit, JourneyMap, Likely, NextSteps, Offer
from journeymap.model.offers import held_out
from journeymap.model.rules import of_type
from journeymap.profile.customer_conditions import Facts, count_contacts, holds
from journeymap.profile.rules import ProfileRules
from journeymap.tracking.fold_state import before, utc
from journeymap.tracking.state import State

__all__ = ["Candidate", "Choice", "NextBest"]


@frozen
class Candidate:
    """An offer, weighed for one customer.

    Attributes:
        offer: The offer's id.
        priority: ``propensity`` × ``context`` × ``value`` × ``lever``.
        propensity: The probability that it is taken (None: not known).
        context: The product of the weights that apply.
        value: Its value if it is taken.
        lever: The business's factor.
        lost: Why it is not the best (empty: it is): no consent to its purpose, not eligible, held
            out, a contact limit, no propensity, or a lower priority.
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
    """The best offer for a customer, and all that were weighed.

    Attributes:
        customer: The customer.
        best: The best offer (None: there is none).
        candidates: All offers, the best first.
    """

    customer: str
    best: Offer | None
    candidates: tuple[Candidate, ...]


@frozen
class NextBest:
    """Chooses among a map's offers.

    Attributes:
        map: The map.
        table: A table of next steps, from which propensities come (see `NextStep`).
        rules: Which traits count, and which purposes need the customer's consent (None: the latest
            traits, and every purpose does).

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

    map: JourneyMap = field(validator=of_type(JourneyMap))
    table: NextSteps | None = field(default=None, validator=validators.optional(of_type(NextSteps)))
    rules: ProfileRules | None = field(
        default=None, validator=validators.optional(of_type(ProfileRules)), kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        known = tuple(one.name for one in self.rules.purposes) if self.rules else ()
        for offer in self.map.offers.values() if known else ():
            if offer.purpose is not None and offer.purpose not in known:
                raise UnknownName("purpose", offer.purpose, known)

    def choose(self, state: State, now: datetime, facts: Iterable[Trait | Consent] = ()) -> Choice:
        """Weigh every offer for a customer at a time.

        Nothing is remembered: record an interaction at the offer's touchpoint when the customer is
        met with it, and contact limits count it.

        Args:
            state: The customer's state.
            now: The time.
            facts: What sources gave of the customer, such as ``live.facts(customer)``: offers may
                ask for consents and traits. Without a consent that is known, there is none.

        Returns:
            The best offer, and all candidates.

        Raises:
            InteractionError: The time has no zone.
        """
        now = utc(now, "NextBest", "now")
        steps = () if self.table is None else state.likely_next(self.table, top=None)
        known = Facts.of(facts, self.rules or ProfileRules(), now)
        weighed = [
            self._weighed(offer, state, now, steps, known) for offer in self.map.offers.values()
        ]
        places = {offer: place for place, offer in enumerate(self.map.offers)}
        weighed.sort(key=lambda one: (bool(one.lost), -one.priority, places[one.offer]))
        if not weighed or weighed[0].lost:
            return Choice(state.customer, None, tuple(weighed))
        best = weighed[0]
        rest = (one if one.lost else _with_reason(one, _reason(best, one)) for one in weighed[1:])
        return Choice(state.customer, self.map.offers[best.offer], (best, *rest))

    def _weighed(
        self, offer: Offer, state: State, now: datetime, steps: tuple[Likely, ...], facts: Facts
    ) -> Candidate:
        propensity = offer.propensity
        if propensity is None:
            propensity = next(
                (one.probability for one in steps if one.element == offer.leads_to), None
            )
        context = math.prod(w.factor for w in offer.weights if holds(state, w.when, now, facts))
        priority = (propensity or 0.0) * context * offer.value * offer.lever
        lost = self._consent_missing(offer, facts) or self._refused(offer, state, now, facts)
        if not lost and propensity is None:
            lost = "nothing says how likely it is taken"
        elif not lost and not priority:
            lost = "its priority is 0"
        return Candidate(offer.id, priority, propensity, context, offer.value, offer.lever, lost)

    def _consent_missing(self, offer: Offer, facts: Facts) -> str:
        purpose = offer.purpose
        if purpose is None or facts.consents.get(purpose, False):
            return ""
        if purpose in facts.consents:
            return f"the customer refused {purpose!r}"
        purposes = self.rules.purposes if self.rules is not None else ()
        needed = all(one.needs_consent for one in purposes if one.name == purpose)
        return f"no consent to {purpose!r} is known" if needed else ""

    def _refused(self, offer: Offer, state: State, now: datetime, facts: Facts) -> str:
        for condition in offer.eligible:
            if not holds(state, condition, now, facts):
                return f"not eligible: {condition}"
        if held_out(offer, state.assigned_id or state.customer):
            return f"held out, as {100 * offer.hold_out:g} % of the customers are"
        mine = (offer.touchpoint,) if offer.touchpoint else ()
        every = tuple(one.touchpoint for one in self.map.offers.values() if one.touchpoint)
        for limits, points in ((offer.limits, mine), (self.map.contact_limits, every)):
            for limit in limits:
                if _reached(limit, state, points, now):
                    return f"contact limit: {limit}"
        return ""


def _reached(limit: ContactLimit, state: State, points: tuple[str, ...], now: datetime) -> bool:
    return count_contacts(state, points, before(now, limit.within)) >= limit.at_most


def _reason(best: Candidate, one: Candidate) -> str:
    """Explain why a candidate lost against the best one."""
    more = "is more" if best.priority > one.priority else "is as much, and stands first"
    return f"{best.priority:.4g} of {best.offer!r} {more}"


def _with_reason(one: Candidate, why: str) -> Candidate:
    return Candidate(one.offer, one.priority, one.propensity, one.context, one.value, one.lever,
                     why)  # fmt: skip
