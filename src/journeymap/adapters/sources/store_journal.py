"""The journal of a live store, read customer by customer."""

from __future__ import annotations

import json
from collections.abc import Iterator

from journeymap.adapters.store import JournalEntry, Store
from journeymap.interactions import Interaction
from journeymap.interactions.codec import read_interaction

__all__ = ["read_journal"]

_PAGE = 500  # customers whose histories are read in one transaction


def read_journal(store: Store, since: int | None = None) -> Iterator[Interaction]:
    """Read all interactions of a store, or those that were recorded from a time on.

    Args:
        store: The store.
        since: The time, in microseconds since 1970 (None: any).

    Yields:
        The interactions, those of a customer together in the order of their arrival.
    """
    after = ""
    while True:
        names = store.read(lambda tx, after=after: tx.states.list_customers(after, _PAGE))  # type: ignore[misc]
        if not names:
            return
        for held in store.read(lambda tx, names=names: [tx.journal.history(n) for n in names]):  # type: ignore[misc]
            yield from (_interaction(one) for one in held if since is None or one.arrived >= since)
        after = names[-1]


def _interaction(entry: JournalEntry) -> Interaction:
    return read_interaction({**json.loads(entry.text), "customer": entry.customer})
