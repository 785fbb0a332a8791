"""Exporting all that a store keeps about a customer, as plain data."""

from __future__ import annotations

import json
from typing import Any

from journeymap.adapters.store import Transaction

__all__ = ["export_customer"]


def export_customer(tx: Transaction, customer: str) -> dict[str, Any]:
    """Collect everything that is kept about a customer.

    Args:
        tx: The transaction.
        customer: The customer's name.

    Returns:
        The state, interactions, outbox (by the times of the signals), what was set aside, and the
        evidence.
    """
    stored = tx.states.read([customer]).get(customer)
    letters = [
        {"signal": json.loads(one.text), "status": one.status, "reason": one.reason}
        for one in sorted(tx.outbox.select(customer=customer), key=lambda one: one.id)
    ]
    letters.sort(key=lambda letter: str(letter["signal"]["at"]))
    return {
        "customer": customer,
        "state": None if stored is None else json.loads(stored.text),
        "interactions": [json.loads(one.text) for one in tx.journal.history(customer)],
        "outbox": letters,
        "set_aside": [
            {"interaction": json.loads(one.text), "reason": one.reason}
            for one in tx.set_aside.read(customer)
        ],
        "evidence": [json.loads(one.text) for one in tx.evidence.read_customer(customer)],
    }
