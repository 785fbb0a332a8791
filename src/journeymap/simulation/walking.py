"""Walks: customers who go from touchpoint to touchpoint by chance, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from attrs import Attribute, field, frozen

from journeymap.exceptions import ElementError, UnknownName
from journeymap.interactions import Interaction, Money, Score
from journeymap.model import JourneyMap
from journeymap.model.rules import as_tuple, identifier
from journeymap.model.scores import SCORE_KINDS
from journeymap.simulation.influences import Campaign, Friends, Habit

__all__ = ["Effect", "Simulation", "Walk"]


def _weights(value: Any) -> tuple[tuple[str, float], ...]:
    return tuple((str(name), float(weight)) for name, weight in dict(value).items())


@frozen(kw_only=True)
class Walk:
    """The behaviour of customers at one touchpoint.

    Attributes:
        touchpoint: The touchpoint.
        wait: The median time since the interaction before.
        spread: The sigma of its lognormal distribution.
        fails: The probability of failure.
        abandons: The probability of abandonment.
        feels: The mean emotion, from −1 to +1.
        onward: The probabilities of the next touchpoint; the rest to 1 never come again.
        after_failure: The same after an interaction that did not succeed (left out: the same).
        worth: The mean value of a success.
        asks: The kind of score that it ends with.
    """

    touchpoint: str = field(validator=identifier)
    wait: timedelta
    spread: float = 0.8
    fails: float = 0.0
    abandons: float = 0.0
    feels: float = 0.2
    onward: tuple[tuple[str, float], ...] = field(default=(), converter=_weights)
    after_failure: tuple[tuple[str, float], ...] = field(default=(), converter=_weights)
    worth: float | None = None
    asks: str | None = None

    @onward.validator
    @after_failure.validator
    def _check(self, attribute: Attribute[Any], value: tuple[tuple[str, float], ...]) -> None:
        if any(weight < 0 for _, weight in value) or sum(w for _, w in value) > 1 + 1e-9:
            raise ElementError("Walk", attribute.name, value, "chances sum to at most 1")


@frozen(kw_only=True)
class Effect:
    """A planted difference: for some, waits are longer, more fails, emotions are worse.

    It holds where every one of touchpoint, channel and product that is named agrees.

    Attributes:
        touchpoint: The touchpoint (None: any).
        channel: The channel (None: any).
        product: The product (None: any).
        wait: A factor on waits.
        fails: Added to the probability of failure.
        feels: Added to the emotion.
    """

    touchpoint: str | None = None
    channel: str | None = None
    product: str | None = None
    wait: float = 1.0
    fails: float = 0.0
    feels: float = 0.0


@frozen
class _Arrival:
    """A customer where they begin: by what name, when, and because of whom."""

    name: str
    key: str
    begin: datetime
    touchpoint: str | None = None
    referred_by: str | None = None


@frozen(kw_only=True)
class Simulation:
    """Customers who walk a map; iterate over it for their interactions.

    Attributes:
        map: The map.
        walks: The behaviour at each touchpoint.
        begin: The probabilities of the first touchpoint.
        effects: Planted differences.
        products: Products, and the probability that a customer wants each; drawn anew on every lap.
        channels: Channels, and the probability that a customer prefers each; a preferred channel is
            used in four of five contacts of a touchpoint that has it.
        customers: How many customers.
        seed: The seed of chance.
        start: The time after which customers begin, all in the first two thirds of the window.
        end: The time before which every interaction lies.
        currency: The currency of values.
        habit: Purchases beside the walk (None: there are none).
        campaigns: Messages beside the walk, and what they bring.
        friends: Customers who come because others invited them, beside those counted.
    """

    map: JourneyMap
    walks: tuple[Walk, ...] = field(converter=as_tuple)
    begin: tuple[tuple[str, float], ...] = field(converter=_weights)
    effects: tuple[Effect, ...] = field(default=(), converter=as_tuple)
    products: tuple[tuple[str, float], ...] = field(default=(), converter=_weights)
    channels: tuple[tuple[str, float], ...] = field(default=(), converter=_weights)
    customers: int = 1000
    seed: int = 7
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    end: datetime = datetime(2026, 7, 1, tzinfo=UTC)
    currency: str = "EUR"
    habit: Habit | None = None
    campaigns: tuple[Campaign, ...] = field(default=(), converter=as_tuple)
    friends: Friends | None = None

    def __attrs_post_init__(self) -> None:
        known = {walk.touchpoint for walk in self.walks}
        for name in known:
            self.map.touchpoints[name]
        for walk in self.walks:
            for name, _ in (*walk.onward, *walk.after_failure):
                if name not in known:
                    raise UnknownName("walk", name, tuple(known))
        for name in (self.friends.arrival, self.friends.invitation) if self.friends else ():
            if name not in known:
                raise UnknownName("walk", name, tuple(known))
        sold = [] if self.habit is None else [self.habit.touchpoint]
        for campaign in self.campaigns:
            sold += [campaign.touchpoint, campaign.purchase]
            for channel, _ in campaign.wins:
                self.map.channels[channel]
        for name in sold:
            self.map.touchpoints[name]

    def __iter__(self) -> Iterator[Interaction]:
        walks = {walk.touchpoint: walk for walk in self.walks}
        window = (self.end - self.start).total_seconds()
        for number in range(self.customers):
            # A seed of its own, so that a customer's journey does not depend on the others'.
            dice = random.Random(f"{self.seed}/{number}")
            begin = self.start + timedelta(seconds=dice.random() * window * 2 / 3)
            yield from self._family(_Arrival(f"{number + 1:05d}", f"{number + 1}", begin),
                                    dice, walks)  # fmt: skip

    def _family(
        self, arrival: _Arrival, dice: random.Random, walks: dict[str, Walk]
    ) -> Iterator[Interaction]:
        """Give a customer's interactions, and those of the friends whom they win."""
        made = list(self._journey(arrival, dice, walks))
        others = random.Random(f"{self.seed}/{arrival.key}/more")
        more = self._beside(arrival, others) if made else []
        yield from sorted([*made, *more], key=attrgetter("at")) if more else made
        won = [] if self.friends is None else list(self._won(self.friends, arrival, made, others))
        for friend in won:
            chance = random.Random(f"{self.seed}/{friend.key}")
            yield from self._family(friend, chance, walks)

    def _won(
        self, friends: Friends, arrival: _Arrival, made: list[Interaction], dice: random.Random
    ) -> Iterator[_Arrival]:
        asked = [one.at for one in made if one.touchpoint == friends.invitation]
        invited = [at for at in asked if dice.random() < friends.wins]
        for number, at in enumerate(invited, start=1):
            begin = at + dice.expovariate(1) * friends.within
            name, key = f"{arrival.name}-{number}", f"{arrival.key}-f{number}"
            if begin < self.end:
                yield _Arrival(name, key, begin, friends.arrival, f"customer-{arrival.name}")

    def _beside(self, arrival: _Arrival, dice: random.Random) -> list[Interaction]:
        """Give what a customer does beside their walk."""
        customer = f"customer-{arrival.name}"
        found: list[tuple[datetime, str, str | None, Money | None]] = []
        if self.habit is not None:
            for at, amount in self.habit.purchases(arrival.begin, self.end, dice):
                value = Money(f"{max(amount, 0.01):.2f}", self.currency)
                found.append((at, self.habit.touchpoint, None, value))
        for campaign in self.campaigns:
            for when, touchpoint, channel in campaign.contacts(arrival.begin, self.end, dice):
                found.append((when, touchpoint, channel, None))
        return [
            Interaction(
                customer, touchpoint, at.replace(microsecond=0), id=f"{arrival.key}-m{number}",
                source="simulation", channel=channel, value=value,
            )
            for number, (at, touchpoint, channel, value) in enumerate(found, start=1)
        ]  # fmt: skip

    def _journey(
        self, arrival: _Arrival, dice: random.Random, walks: dict[str, Walk]
    ) -> Iterator[Interaction]:
        now = arrival.begin
        product = _drawn(dice, self.products)
        liked = _drawn(dice, self.channels)
        where = arrival.touchpoint or _drawn(dice, self.begin)
        steps = 0
        while where is not None:
            walk = walks[where]
            channel = self._channel(where, liked, dice)
            effects = [e for e in self.effects if _holds(e, where, channel, product)]
            if steps:
                now += _wait(walk, effects, dice)
            if now >= self.end:
                return
            made = self._interaction(walk, effects, dice, now, (arrival, steps, channel, product))
            yield made
            steps += 1
            succeeded = made.outcome == "succeeded"
            where = _drawn(dice, walk.onward if succeeded else walk.after_failure or walk.onward)
            if where is not None and _new_lap(self.map, walk.touchpoint, where):
                product = _drawn(dice, self.products)

    def _channel(self, where: str, liked: str | None, dice: random.Random) -> str | None:
        channels = self.map.touchpoints[where].channels
        if liked in channels and dice.random() < 0.8:
            return liked
        return dice.choice(channels) if channels else None

    def _interaction(
        self,
        walk: Walk,
        effects: list[Effect],
        dice: random.Random,
        now: datetime,
        about: tuple[_Arrival, int, str | None, str | None],
    ) -> Interaction:
        arrival, step, channel, product = about
        luck = dice.random()
        fails = min(0.95, walk.fails + sum(effect.fails for effect in effects))
        outcome = "failed" if luck < fails else "succeeded"
        if fails <= luck < fails + walk.abandons:
            outcome = "abandoned"
        mood = walk.feels + sum(effect.feels for effect in effects)
        mood += dice.gauss(0, 0.22) - (0.0 if outcome == "succeeded" else 0.55)
        emotion = round(max(-1.0, min(1.0, mood)), 2)
        worth = walk.worth if outcome == "succeeded" else None
        return Interaction(
            f"customer-{arrival.name}",
            walk.touchpoint,
            now.replace(microsecond=0),
            id=f"{arrival.key}-{step + 1}",
            source="simulation",
            channel=channel,
            product=product,
            outcome=outcome,
            emotion=emotion,
            score=_score(walk.asks, emotion, dice),
            value=Money(f"{worth * dice.uniform(0.8, 1.2):.2f}", self.currency) if worth else None,
            referred_by=None if step else arrival.referred_by,
        )


def _drawn(dice: random.Random, chances: tuple[tuple[str, float], ...]) -> str | None:
    left = dice.random()
    for name, chance in chances:
        left -= chance
        if left < 0:
            return name
    return None


def _holds(effect: Effect, where: str, channel: str | None, product: str | None) -> bool:
    return (
        effect.touchpoint in (None, where)
        and effect.channel in (None, channel)
        and effect.product in (None, product)
    )


def _wait(walk: Walk, effects: list[Effect], dice: random.Random) -> timedelta:
    factor = math.prod(effect.wait for effect in effects)
    seconds = walk.wait.total_seconds() * factor * dice.lognormvariate(0, walk.spread)
    return timedelta(seconds=min(max(1.0, seconds), 3e8))


def _new_lap(journey: JourneyMap, source: str, target: str) -> bool:
    a, b = journey.touchpoints[source].stage, journey.touchpoints[target].stage
    return a is not None and b is not None and journey.loop.move(a, b) == "new lap"


def _score(kind: str | None, emotion: float, dice: random.Random) -> Score | None:
    """Four of ten answer; those who feel better answer higher."""
    if kind is None or dice.random() > 0.4:
        return None
    low, high = SCORE_KINDS[kind].low, SCORE_KINDS[kind].high
    middle = (emotion + 1) / 2 * (high - low) + low + dice.gauss(0, 0.12 * (high - low))
    return Score(kind, max(low, min(high, round(middle))))
