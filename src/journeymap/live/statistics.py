"""Statistics of a store and of this process, for metrics and health checks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from journeymap.adapters.store_counts import StoreCounts
from journeymap.adapters.stores.forks import call_at_fork
from journeymap.live.log_lines import write_log
from journeymap.live.recording import Receipt
from journeymap.model.instants import instant

__all__ = ["Counters", "Stats", "make_stats"]


@frozen
class Stats:
    """How much a store holds, and what this process has done since it opened it.

    Attributes:
        interactions: Interactions in the journal.
        archived: Those of them that are packed (see ``archive``).
        customers: Customers who are followed.
        timers_due: Customers with a timer that is due: more than a few, and ``advance`` lags.
        waiting: Letters that wait for an action.
        oldest: Since when the one waits that waits longest (None: none does).
        dead: Letters that were given up.
        set_aside: Interactions that were set aside.
        evidence: Pieces of evidence of who is who.
        size: The bytes that the store takes (0: not known).
        recorded: Interactions that this process recorded, also within transactions of the
            application that were rolled back.
        duplicates: Interactions that it found to be recorded before.
        put_aside: Interactions that it set aside.
        unknown: Interactions that it recorded, at touchpoints that the map does not know.
    """

    interactions: int
    archived: int
    customers: int
    timers_due: int
    waiting: int
    oldest: datetime | None
    dead: int
    set_aside: int
    evidence: int
    size: int
    recorded: int = 0
    duplicates: int = 0
    put_aside: int = 0
    unknown: int = 0


class Counters:
    """Counts of what this process has recorded."""

    def __init__(self) -> None:
        self._begin_anew()
        call_at_fork(self._begin_anew)
        self.recorded = self.duplicates = self.put_aside = self.unknown = 0

    def _begin_anew(self) -> None:
        self._turn = threading.Lock()

    def add(self, receipts: Sequence[Receipt], unknown: int = 0) -> None:
        """Count what came of some interactions; ``unknown`` are at touchpoints of no map."""
        duplicates = sum(one.duplicate for one in receipts)
        aside = sum(one.set_aside is not None for one in receipts)
        if aside:
            write_log("info", "set aside %d of %d interactions", aside, len(receipts))
        with self._turn:
            self.recorded += len(receipts) - duplicates - aside
            self.duplicates += duplicates
            self.put_aside += aside
            self.unknown += unknown


def make_stats(counts: StoreCounts, here: Counters) -> Stats:
    """Make the statistics of a store and a process."""
    return Stats(
        counts.interactions + counts.archived, counts.archived, counts.customers, counts.due,
        counts.waiting,
        None if counts.oldest is None else instant(counts.oldest), counts.dead, counts.set_aside,
        counts.evidence, counts.size, here.recorded, here.duplicates, here.put_aside, here.unknown,
    )  # fmt: skip
