"""The broadband company with truths planted for the questions of worth and why to find.

- *Value*: extras are booked by BG/NBD, for amounts that follow gamma-gamma (`EXTRAS`).
- *Effects of channels*: offers by mail win upgrades, those in the app half as many, and those on
  the web none; most upgrades come anyway (`UPGRADES`).
- *Causes of leaving*: the technician of fibre customers fails to come, and many of them are never
  seen again (`BOTTLENECK`).
- *Recommendation*: so many of a hundred invitations win a customer (`FRIENDS`).
- *Failure demand*: support is asked after failures, and by some who pay a bill and just have a
  question (`QUESTIONS`). A contact with it costs what its channel does (`COSTS`).
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from attrs import evolve

from journeymap.model import JourneyMap, Touchpoint
from journeymap.simulation.broadband import broadband, broadband_customers
from journeymap.simulation.influences import Campaign, Friends, Habit
from journeymap.simulation.walking import Simulation, Walk

__all__ = ["COSTS", "EXTRAS", "FRIENDS", "QUESTIONS", "UPGRADES", "planted_broadband"]

_DAY = timedelta(days=1)

EXTRAS = Habit(touchpoint="extra_booked", r=0.8, alpha=12.0, a=0.8, b=4.0, p=6.0, q=4.0, v=15.0)
"""Repeat purchases and their amounts, as times in weeks and amounts in EUR."""
UPGRADES = Campaign(
    touchpoint="offer_made", purchase="upgrade_booked",
    wins={"mail": 0.12, "app": 0.06, "web": 0.0},
    every=45 * _DAY, within=2 * _DAY, anyway=200 * _DAY,
)  # fmt: skip
"""Offers on three channels, and the upgrades that they win."""
FRIENDS = Friends(
    invitation="friend_invited", arrival="friend_told", wins=0.5, within=4 * _DAY
)  # fmt: skip
"""Customers who come because they were invited."""
QUESTIONS = 0.15
"""The probability that who has paid a bill asks support without a failure."""
COSTS = MappingProxyType({"phone": 6.0, "app": 0.5, "web": 1.0})
"""The costs of a contact on a channel, in EUR."""


def planted_broadband(customers: int = 5000, seed: int = 7) -> Simulation:
    """Simulate customers of the broadband company among whom more truths are planted.

    Args:
        customers: How many come by themselves; those whom they invite come on top.
        seed: The seed of chance: equal seeds give equal customers.

    Returns:
        The simulation; iterate over it for interactions.
    """
    plain = broadband_customers(customers, seed)
    return evolve(
        plain,
        map=_map(),
        walks=[_asking(walk) if walk.touchpoint == "bill_paid" else walk for walk in plain.walks],
        habit=EXTRAS,
        campaigns=[UPGRADES],
        friends=FRIENDS,
    )


def _map() -> JourneyMap:
    """Make the map with what is sold besides, and with costs."""
    sold = (
        Touchpoint(EXTRAS.touchpoint, "use", department="sales", channels=["app", "web"]),
        Touchpoint(UPGRADES.touchpoint, "use", department="marketing",
                   channels=["mail", "app", "web"]),
        Touchpoint(UPGRADES.purchase, "use", department="sales", channels=["app", "web"]),
    )  # fmt: skip
    journey = broadband().add(*sold)
    return journey.replace(*(evolve(journey.channels[channel], cost=cost)
                             for channel, cost in COSTS.items()))  # fmt: skip


def _asking(walk: Walk) -> Walk:
    """Let some who are done with a bill ask something, instead of waiting for the next one."""
    onward = dict(walk.onward)
    onward["bill_sent"] -= QUESTIONS
    onward["support_asked"] = QUESTIONS
    return evolve(walk, onward=onward)
