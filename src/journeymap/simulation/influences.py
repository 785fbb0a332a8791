"""Habits, campaigns and friends: reasons for simulated customers to act beside their walks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.rules import identifier, positive_duration

__all__ = ["Campaign", "Friends", "Habit"]

_WEEK = timedelta(weeks=1)


def _chances(value: Any) -> tuple[tuple[str, float], ...]:
    return tuple((str(name), float(chance)) for name, chance in dict(value).items())


def _positive(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value < 1e6:
        message = "a number from 0.01 up is expected"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def _chance(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        message = "a probability from 0 to 1 is expected"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def _chance_of_channel(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    _chance(instance, attribute, value[1])


@frozen(kw_only=True)
class Habit:
    """Purchases that follow BG/NBD, with amounts that follow gamma-gamma: times are in weeks.

    Attributes:
        touchpoint: The touchpoint of the purchases; a customer's first is where they begin.
        r: The shape of the rates of purchases.
        alpha: Their scale.
        a: The first parameter of the chance to leave at a purchase.
        b: The second.
        p: The shape of a customer's amounts.
        q: The shape of their rates.
        v: Their scale; amounts are ``p * v / (q - 1)`` on average.
    """

    touchpoint: str = field(validator=identifier)
    r: float = field(validator=_positive)
    alpha: float = field(validator=_positive)
    a: float = field(validator=_positive)
    b: float = field(validator=_positive)
    p: float = field(validator=_positive)
    q: float = field(validator=_positive)
    v: float = field(validator=_positive)

    def purchases(
        self, begin: datetime, end: datetime, dice: Random
    ) -> Iterator[tuple[datetime, float]]:
        """Give the times and amounts of a customer's purchases.

        Args:
            begin: The time of the first.
            end: The time before which they lie.
            dice: The source of chance.

        Returns:
            Each purchase.
        """
        rate = dice.gammavariate(self.r, 1 / self.alpha)
        leaves = dice.betavariate(self.a, self.b)
        spend = 1 / max(dice.gammavariate(self.q, 1 / self.v), 1e-9)
        now = begin
        while now < end:
            yield now, dice.gammavariate(self.p, spend)
            if now > begin and dice.random() < leaves:
                return
            now += min(dice.expovariate(max(rate, 1e-9)), 10_000) * _WEEK


@frozen(kw_only=True)
class Campaign:
    """Messages on several channels, some of which bring a purchase that would not come otherwise.

    Attributes:
        touchpoint: The touchpoint of the messages.
        purchase: The touchpoint of the purchases, which come on no channel.
        wins: The probability that a message brings one, for each channel.
        every: The mean time between two messages on a channel.
        within: The mean time from a message to its purchase.
        anyway: The mean time between two purchases that come without a message.
    """

    touchpoint: str = field(validator=identifier)
    purchase: str = field(validator=identifier)
    wins: tuple[tuple[str, float], ...] = field(
        converter=_chances, validator=validators.deep_iterable(_chance_of_channel)
    )
    every: timedelta = field(validator=positive_duration)
    within: timedelta = field(validator=positive_duration)
    anyway: timedelta = field(validator=positive_duration)

    def contacts(
        self, begin: datetime, end: datetime, dice: Random
    ) -> Iterator[tuple[datetime, str, str | None]]:
        """Give the times, touchpoints and channels of a customer's messages and purchases.

        Args:
            begin: The time after which they come.
            end: The time before which they lie.
            dice: The source of chance.

        Returns:
            Each message and purchase, in no order.
        """
        for at in _by_chance(begin, end, self.anyway, dice):
            yield at, self.purchase, None
        for channel, chance in self.wins:
            for at in _by_chance(begin, end, self.every, dice):
                yield at, self.touchpoint, channel
                bought = at + dice.expovariate(1) * self.within
                if dice.random() < chance and bought < end:
                    yield bought, self.purchase, None


@frozen(kw_only=True)
class Friends:
    """Customers who come because another one invited them.

    Attributes:
        invitation: The touchpoint at which customers invite a friend.
        arrival: The touchpoint at which that friend begins.
        wins: The probability that an invitation wins a customer.
        within: The mean time until they begin.
    """

    invitation: str = field(validator=identifier)
    arrival: str = field(validator=identifier)
    wins: float = field(validator=_chance)
    within: timedelta = field(validator=positive_duration)

    @arrival.validator
    def _check(self, attribute: Attribute[Any], value: str) -> None:
        if value == self.invitation:
            message = "friends do not begin by inviting: their numbers would have no end"
            raise ElementError("Friends", "arrival", value, message)


def _by_chance(
    begin: datetime, end: datetime, gap: timedelta, dice: Random
) -> Iterator[datetime]:  # fmt: skip
    """Give times with so long a gap between them, on average."""
    now = begin + dice.expovariate(1) * gap
    while now < end:
        yield now
        now += dice.expovariate(1) * gap
