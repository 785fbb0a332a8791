"""The journal of a live store, read customer by customer."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import JournalEntry, Store, Transaction
from journeymap.interactions import Interaction
from journeymap.interactions.codec import decoded, read_interaction
from journeymap.model.offers import ASSIGNED_ID

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
    for _, held in customer_pages(store.read, _PAGE, _read):
        for entries, assigned in held:
            for one in entries:
                if since is None or one.arrived >= since:
                    yield _interaction(one, assigned)


def _read(tx: Transaction, names: list[str]) -> list[tuple[list[JournalEntry], str | None]]:
    """Read the histories of customers, with the ids by which hold-outs are decided."""
    states = tx.states.read(names)
    return [
        (tx.journal.history(name), _assigned_in(states[name].text) if name in states else None)
        for name in names
    ]


def _assigned_in(state: str) -> str | None:
    found: str | None = decoded(state).get("assigned") if '"assigned":' in state else None
    return found


def _interaction(entry: JournalEntry, assigned: str | None) -> Interaction:
    one = read_interaction({**decoded(entry.text), "customer": entry.customer})
    return one if assigned is None else evolve(one, extra=(*one.extra, (ASSIGNED_ID, assigned)))
