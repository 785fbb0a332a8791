"""Following customers to the end of a log: who waits for whom."""

from __future__ import annotations

from datetime import datetime

import click

from journeymap.analysis import Log
from journeymap.cli.output import ShownProgress
from journeymap.exceptions import InteractionError
from journeymap.profile import FrontLine, NextBest

__all__ = ["MOST_FOLLOWED", "follow_customers"]

MOST_FOLLOWED = 1_000_000
"""Interactions of a log up to which a report follows every customer to its end."""


def follow_customers(log: Log, *, now: datetime | None = None) -> FrontLine | None:
    """Find what is owed to customers at the end of a log, or now.

    Args:
        log: The log.
        now: The time (None: the end of the log).

    Returns:
        What is owed; None where the map has neither moments with a deadline nor key journeys with
        a time; and, with a word to the terminal, of a log that is too long for it, or has names
        that no interaction may have.
    """
    journey = log.map
    if journey is None or log.last is None or not log.scope.timed:
        return None
    deadlines = any(one.deadline is not None for one in journey.moments.values())
    if not deadlines and not any(one.within for one in journey.key_journeys.values()):
        return None
    if log.interactions > MOST_FOLLOWED:
        click.echo(f"journeymap: more than {MOST_FOLLOWED:,} interactions: the page does not say "
                   "who waits for whom (in Python, FrontLine does)", err=True)  # fmt: skip
        return None
    offers = NextBest(journey) if journey.offers else None
    try:
        with ShownProgress("following") as progress:
            return FrontLine.of(
                journey, log.histories(), now or log.last, offers,
                lambda done: progress.share(done / log.customers),
            )  # fmt: skip
    except InteractionError as error:  # a log is read with names that no interaction may have
        click.echo(f"journeymap: {error}; the page does not say who waits for whom", err=True)
        return None
