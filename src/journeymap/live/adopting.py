"""Changed rules for identities, applied to the customers who are known already."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from attrs import evolve, frozen

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.set_aside import SetAsideEntry
from journeymap.adapters.store import StoredEvidence, Transaction
from journeymap.interactions import Evidence
from journeymap.live.evidence import encode_evidence, read_identities
from journeymap.live.log_lines import write_log
from journeymap.live.regrouping import owner_of_evidence
from journeymap.live.resolution import IdentityResolution

__all__ = ["Adopted", "adopt_rules"]

_PAGE = 100  # customers in one transaction: their histories are read, and their rows held
_PIECES = 1000  # pieces of evidence, or interactions set aside, in one transaction


@frozen
class Adopted:
    """The result of applying changed rules.

    Attributes:
        changes: What changed in the rules.
        regrouped: How many customers have another history now.
        resolved: How many interactions had led to no one, and do now.
    """

    changes: tuple[str, ...]
    regrouped: int
    resolved: int


def adopt_rules(
    resolution: IdentityResolution, progress: Callable[[int], None] | None
) -> Adopted | None:
    """Group all customers by the rules of this process; None where the store has them already.

    Every step is a transaction: what was interrupted goes on when it is called again, and until
    then the store is refused.
    """
    with resolution.adopting() as changes:
        if changes is None:
            return None
        resolution.learn_in_turn(lambda tx: _learn_unresolved(resolution, tx))
        for step in (_customers(resolution, _learn_histories), _evidence(resolution)):
            deque(step, maxlen=0)
        regrouped = sum(_customers(resolution, _regroup, progress))
        resolved = sum(_unresolved(resolution))
    write_log("info", "regrouped by changed rules: %d customers have another history", regrouped)
    return Adopted(changes, regrouped, resolved)


def _customers(
    resolution: IdentityResolution,
    work: Callable[[IdentityResolution, Transaction, list[str]], int],
    progress: Callable[[int], None] | None = None,
) -> Iterator[int]:
    """Do work on all customers, some in each transaction; what it counts."""
    done = 0
    for names, count in customer_pages(
        resolution.learn_in_turn, _PAGE, lambda tx, names: work(resolution, tx, names)
    ):
        done += len(names)
        if progress is not None:
            progress(done)
        yield count


def _learn_histories(resolution: IdentityResolution, tx: Transaction, names: list[str]) -> int:
    """Learn from the identities of interactions, some of which the old rules may have ignored."""
    texts = (entry.text for name in names for entry in tx.journal.history(name))
    return sum(_learn(resolution, tx, text) for text in texts)


def _learn_unresolved(resolution: IdentityResolution, tx: Transaction) -> int:
    return sum(_learn(resolution, tx, row.text) for row in tx.set_aside.read())


def _learn(resolution: IdentityResolution, tx: Transaction, text: str) -> bool:
    """Learn from the identities that an interaction was recorded with; whether that is new."""
    data = json.loads(text)
    if not data.get("by"):
        return False
    at = datetime.fromisoformat(data["at"])
    piece = Evidence(read_identities(data["by"]), at, data.get("source") or "")
    return resolution.keep(tx, encode_evidence(piece))


def _regroup(resolution: IdentityResolution, tx: Transaction, names: list[str]) -> int:
    return sum(resolution.regroup(tx, [name]) for name in names)  # each with its own clock


def _evidence(resolution: IdentityResolution) -> Iterator[int]:
    """Put evidence to the customers whom it is about now."""
    after = 0
    while True:

        def page(tx: Transaction, after: int = after) -> list[StoredEvidence]:
            rows = tx.evidence.read_after(after, _PIECES)
            owners = [owner_of_evidence(resolution.identities, json.loads(r.text)) for r in rows]
            tx.evidence.replace(
                evolve(row, customer=owner or "")
                for row, owner in zip(rows, owners, strict=True)
                if row.customer != (owner or "")
            )
            return rows

        rows = resolution.learn_in_turn(page)
        if not rows:
            return
        after = rows[-1].number
        yield len(rows)


def _unresolved(resolution: IdentityResolution) -> Iterator[int]:
    """Record what was set aside because it led to no one, and leads to someone now."""
    rows = resolution.learn_in_turn(lambda tx: tx.set_aside.read())
    for begin in range(0, len(rows), _PIECES):
        some = rows[begin : begin + _PIECES]
        yield resolution.learn_in_turn(lambda tx, some=some: _record(resolution, tx, some))  # type: ignore[misc]


def _record(
    resolution: IdentityResolution, tx: Transaction, rows: Sequence[SetAsideEntry]
) -> int:  # fmt: skip
    return resolution.record_resolved(tx, rows)[0]
