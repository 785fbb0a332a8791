"""Forgetting a customer: every row that is kept about them."""

from __future__ import annotations

from collections.abc import Mapping

from journeymap.adapters.store import Transaction

__all__ = ["forget_customer"]


def forget_customer(
    tx: Transaction, customer: str, marks: Mapping[str, int] | None = None
) -> None:  # fmt: skip
    """Remove everything that is kept about a customer.

    Args:
        tx: The transaction.
        customer: The customer's name.
        marks: The marks to keep instead.
    """
    tx.meta.lock()
    tx.tombstones.set(marks or {})
    names = [customer]
    tx.states.lock_versions(names)  # what is being recorded of them is waited for
    tx.journal.delete(names)
    tx.set_aside.delete(names)
    tx.states.delete(names)
    tx.checkpoints.delete(names)
    tx.outbox.delete(names)
    tx.evidence.delete(names)
