"""Following customers to the end of a log: who waits for whom."""

from __future__ import annotations

from datetime import datetime

import click

from journeymap.analysis import Log, Signals
from journeymap.cli.output import ShownProgress
from journeymap.exceptions import InteractionError
from journeymap.profile import FrontLine, NextBest

__all__ = ["follow_customers"]

_OFFERED = 1000
"""For how many waits an offer is chosen: many more than a page names."""


def follow_customers(log: Log, *, now: datetime | None = None) -> FrontLine | None:
    """Find what is owed to customers at the end of a log, or now.

    Args:
        log: The log.
        now: The time (None: the end of the log).

    Returns:
        What is owed; None where the map has neither moments with a deadline nor key journeys with
        a time; and, with a word to the terminal, of a log with names that no interaction may
        have.
    """
    journey = log.map
    if journey is None or log.last is None or not log.scope.timed:
        return None
    deadlines = any(one.deadline is not None for one in journey.moments.values())
    if not deadlines and not any(one.within for one in journey.key_journeys.values()):
        return None
    offers = NextBest(journey) if journey.offers else None
    as_of = now or log.last
    try:
        with ShownProgress("following"):
            signals = log.ask(Signals(FrontLine.SIGNALS, as_of=as_of))
            return FrontLine.of_signals(journey, signals, log.histories, offers, _OFFERED)
    except InteractionError as error:  # a log is read with names that no interaction may have
        click.echo(f"journeymap: {error}; the page does not say who waits for whom", err=True)
        return None
