"""Repeated facts: a source that gives the same traits again and again is kept once.

Of equal facts that follow one another, only the times are kept in between, so that every view of
the past stays what it was, whatever comes late or is merged. Of a long row of them, the latest are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from attrs import evolve

from journeymap.adapters.store import StoredEvidence, Transaction
from journeymap.interactions.codec import encoded
from journeymap.live.evidence import AGAIN, Data, is_split_data

__all__ = ["RepeatedFacts"]

_REPEAT = "repeat"  # marks evidence that was kept for its facts alone
MAX_TIMES = 100
"""Times of equal facts that are kept between the first and the last."""


class RepeatedFacts:
    """Facts whose evidence is known already, on their way into the store."""

    def __init__(self, tx: Transaction, kept: Iterable[StoredEvidence]) -> None:
        self._tx = tx
        self._added = {row.number: row for row in kept}
        self._added_of: dict[str, list[StoredEvidence]] = {}
        for row in self._added.values():
            self._added_of.setdefault(row.customer, []).append(row)
        self._known: dict[str, dict[int, StoredEvidence]] = {}
        self._replaced: dict[int, StoredEvidence] = {}

    def keep(self, row: StoredEvidence) -> None:
        """Keep facts, in the place of those that they repeat if there are any."""
        data = json.loads(row.text)
        known = self._evidence_of(row.customer)
        found = _find_repeated(known.values(), data) if row.customer else None
        times = []
        if found is not None:
            last = json.loads(found.text)
            times = [*last.get(AGAIN, ()), last["at"]][-MAX_TIMES:]
        more = {AGAIN: times} if times else {}
        made = evolve(found or row, text=encoded({**data, **more, _REPEAT: True}))
        known[made.number] = made
        if found is None or found.number in self._added:
            self._added[made.number] = made
        else:
            self._replaced[made.number] = made

    def finish(self) -> list[StoredEvidence]:
        """Write what takes another's place; give all that is new."""
        self._tx.evidence.replace(self._replaced.values())
        return [self._added[number] for number in sorted(self._added)]

    def _evidence_of(self, customer: str) -> dict[int, StoredEvidence]:
        """Give the evidence about a customer, with what is new in it."""
        if customer not in self._known:
            rows = self._tx.evidence.read_customer(customer) if customer else []
            mine = self._added_of.get(customer, ())
            self._known[customer] = {row.number: row for row in (*rows, *mine)}
        return self._known[customer]


def _find_repeated(rows: Iterable[StoredEvidence], data: Data) -> StoredEvidence | None:
    """Find the row of the customer's that a repeated fact takes the place of; None if none."""
    names, at = _names(data), _time(data)
    near: list[tuple[datetime, int, StoredEvidence, Data]] = []
    for row in rows:
        other = json.loads(row.text)
        if not is_split_data(other) and names & _names(other):
            near.append((_time(other), row.number, row, other))
    near.sort(key=lambda one: one[:2])
    before = [one for one in near if one[0] <= at]
    if len(before) < 2 or len(before) < len(near):  # it is not the last word
        return None
    (_, _, _, earlier), (_, _, row, last) = before[-2:]
    same = _content(earlier) == _content(last) == _content(data)
    return row if same and last.get(_REPEAT) else None


def _names(data: Data) -> set[tuple[str, str]]:
    return {(kind, pair[0]) for kind in ("traits", "consents") for pair in data.get(kind, ())}


def _time(data: Data) -> datetime:
    return datetime.fromisoformat(data["at"]).astimezone(UTC)


def _content(data: Data) -> str:
    """Write what is claimed, whenever it was."""
    return encoded(
        {name: data[name] for name in sorted(data) if name not in ("at", AGAIN, _REPEAT)}
    )
