"""Archiving: old interactions take less room in the store, and are read as before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import Store, Transaction, micros
from journeymap.live.log_lines import write_log

__all__ = ["archive_interactions"]

_BATCH = 50  # customers in one transaction: whoever records waits, for some milliseconds


def archive_interactions(
    store: Store, before: datetime, progress: Callable[[int], None] | None
) -> int:
    """Pack the interactions of all customers that happened before a time; how many they were."""
    until = micros(before)

    def work(tx: Transaction, names: list[str]) -> int:
        tx.meta.lock()  # no key is looked up here, and written there, in between
        return tx.journal.archive(names, until)

    customers = packed = 0
    for names, count in customer_pages(store.run, _BATCH, work):
        customers, packed = customers + len(names), packed + count
        if progress is not None:
            progress(customers)
    write_log("info", "archived %d interactions of %d customers", packed, customers)
    return packed
