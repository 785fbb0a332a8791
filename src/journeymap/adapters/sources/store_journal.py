"""The journal of a live store, read customer by customer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import JournalEntry, Transaction
from journeymap.identity import Identities
from journeymap.interactions import Identity, Interaction
from journeymap.interactions.codec import decoded, read_interaction
from journeymap.model.offers import ASSIGNED_ID

__all__ = ["read_journal"]

_PAGE = 500  # customers whose histories are read in one transaction


def read_journal(
    tx: Transaction, since: int | None = None, identities: Identities | None = None
) -> Iterator[Interaction]:
    """Read all interactions of a store, or those that were recorded from a time on.

    All is read in one transaction: customers who are merged meanwhile are neither missed nor
    read twice.

    Who recommended is named by the id of today: by the identities, or else by what the journal
    knows, the ids and identities under which interactions were recorded.

    Args:
        tx: The transaction.
        since: The time, in microseconds since 1970 (None: any).
        identities: Those of the live store (None: it has none, or they are not at hand).

    Yields:
        The interactions, those of a customer together in the order of their arrival.
    """
    current: dict[Any, str] = {}
    waiting: list[Interaction] = []
    for _, held in customer_pages(lambda work: work(tx), _PAGE, _read):
        for entries, assigned in held:
            for one in entries:
                data = decoded(one.text)
                for name in (data["customer"], assigned, *map(tuple, data.get("by", ()))):
                    current[name] = one.customer
                if since is None or one.arrived >= since:
                    made = _interaction(data, one.customer, assigned)
                    if waiting or made.referred_by is not None:
                        waiting.append(made)
                    else:
                        yield made
    for made in waiting:
        by = made.referred_by
        if by is not None:
            key = (by.namespace, by.value) if isinstance(by, Identity) else by
            by = (identities.find_current(by) if identities else None) or current.get(key, by)
        yield evolve(made, referred_by=by)


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


def _interaction(data: dict[str, Any], customer: str, assigned: str | None) -> Interaction:
    one = read_interaction({**data, "customer": customer})
    return one if assigned is None else evolve(one, extra=(*one.extra, (ASSIGNED_ID, assigned)))
