"""Forgetting a customer: every row that is kept about them."""

from __future__ import annotations

from journeymap.adapters.store import Transaction

__all__ = ["forget_customer"]


def forget_customer(tx: Transaction, customer: str) -> None:
    """Remove everything that is kept about a customer.

    Args:
        tx: The transaction.
        customer: The customer's name.
    """
    names = [customer]
    tx.journal.delete(names)
    tx.set_aside.delete(names)
    tx.states.delete(names)
    tx.outbox.delete(names)
    tx.evidence.delete(names)
