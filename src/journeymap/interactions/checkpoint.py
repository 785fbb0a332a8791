"""Checkpoints: what is known of a customer at one time, and the interactions since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from attrs import frozen

from journeymap.interactions.interaction import Interaction
from journeymap.interactions.values import Score

__all__ = ["CheckpointRules", "CustomerCheckpoint", "OpenCheckpoint", "ProductCheckpoint"]


class ProductCheckpoint(NamedTuple):
    """A customer's journey with one product, as it stood.

    Attributes:
        product: The product.
        stage: The stage of the last interaction about it that has one.
        since: When the stage was entered.
        lap: How often this journey had begun the loop.
        at: The time of the last interaction about it.
        ended: Whether that was one with which a journey may end.
    """

    product: str
    stage: str | None
    since: datetime | None
    lap: int
    at: datetime
    ended: bool


class OpenCheckpoint(NamedTuple):
    """A key journey that was open.

    Attributes:
        journey: The key journey's id.
        begun: When it began.
        tie: The number of the interaction that began it, among those at that time.
        path: Its touchpoints so far, each with the department that took it.
    """

    journey: str
    begun: datetime
    tie: int
    path: tuple[tuple[str, str | None], ...]


class CustomerCheckpoint(NamedTuple):
    """A customer as known after some interactions, when no moment waited for anything.

    No absence and no answer was awaited, and no moment was cooling down.

    Attributes:
        customer: The customer's name.
        folded: How many interactions there were (0: nothing else is known).
        at: The time of the last.
        tie: Its number, from 0, among those at that time.
        stage: The stage of the last interaction that has one.
        since: When it was entered.
        lap: How often the loop had been begun, from 1.
        touchpoint: The last touchpoint.
        channel: The last channel known.
        department: The last department known.
        handed_by: The department that had handed the customer over last.
        emotion: The last emotion known.
        outcome: The outcome of the last interaction.
        process: The process of the last interaction.
        products: The journeys with each product, by name.
        trail: The last touchpoints, the latest at the end.
        values: The sums of values by currency.
        scores: The last answer to each kind of survey question.
        seen: The last times at touchpoints that conditions look back to.
        open: The key journeys that were open, in the order in which they began.
        recent: The interactions since, in order.
        until: The time up to which the customer is followed.
    """

    customer: str
    folded: int
    at: datetime | None
    tie: int
    stage: str | None
    since: datetime | None
    lap: int
    touchpoint: str | None
    channel: str | None
    department: str | None
    handed_by: str | None
    emotion: float | None
    outcome: str | None
    process: str | None
    products: tuple[ProductCheckpoint, ...]
    trail: tuple[str, ...]
    values: Mapping[str, Decimal]
    scores: Mapping[str, Score]
    seen: Mapping[str, tuple[datetime, ...]]
    open: tuple[OpenCheckpoint, ...]
    recent: tuple[Interaction, ...]
    until: datetime


@frozen
class CheckpointRules:
    """The rules by which a checkpoint is chosen, so that a tracker can go on from it.

    Attributes:
        horizon: How late interactions may come: what is younger than that follows one by one (None:
            all does).
        remembered: How many of its last times are kept of a touchpoint.
        trail: How many touchpoints the trail has at most.
        products: Of customers with more products, all interactions follow one by one.
    """

    horizon: timedelta | None
    remembered: Mapping[str, int]
    trail: int
    products: int
