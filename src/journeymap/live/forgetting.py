"""Forgetting a customer: every row that is kept about them, and what other processes know.

It costs what the customer's own rows cost, and those of whoever shares evidence with them. Other
processes forget them by an event among the facts of the store, which holds marks and no names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from journeymap.adapters.store import StoredEvidence, Transaction, micros
from journeymap.exceptions import IdentityError
from journeymap.identity import Identities
from journeymap.identity.links import IdentitySpan
from journeymap.interactions import Identity
from journeymap.interactions.codec import encoded
from journeymap.live.evidence import is_split_data
from journeymap.live.forgetting_referrals import forget_referrals
from journeymap.live.regrouping import current_id, owner_of_evidence
from journeymap.live.removed import Marks

__all__ = [
    "EVENTS",
    "Forgetting",
    "apply_event",
    "forget_customer",
    "read_events",
    "time_to_forget",
]

EVENTS = "forgotten"
"""The fact of a store that lists who was forgotten last, as marks."""
_FACTS = ("traits", "consents")
MAX_EVENTS = 8
"""Events that are kept; a process that missed more reads the evidence from its beginning."""


def forget_customer(tx: Transaction, customer: str) -> None:
    """Remove everything that is kept about a customer.

    Args:
        tx: The transaction.
        customer: The customer's name.
    """
    tx.meta.lock()
    names = [customer]
    tx.states.lock_versions(names)  # what is being recorded of them is waited for
    tx.journal.delete(names)
    tx.set_aside.delete(names)
    tx.states.delete(names)
    tx.checkpoints.delete(names)
    tx.outbox.delete(names)
    tx.evidence.delete(names)


def time_to_forget(tx: Transaction, names: Sequence[str], now: datetime) -> int:
    """Find up to when a customer is forgotten: to now, or to what was recorded ahead of it."""
    until, many = micros(now), 100
    for name in names:
        while found := tx.journal.list_from(name, until + 1, 0, many):
            until = found[-1].at
            if len(found) < many:
                break
    return until


@frozen
class _Event:
    """A customer was forgotten: the event's number, after which evidence, and who, as marks.

    A mark stands for an identity, from one time to another.
    """

    number: int
    after: int
    spans: tuple[tuple[str, int, int], ...]


class Forgetting:
    """A customer who is being forgotten, with all identities.

    Attributes:
        names: The ids that the customer has and had.
    """

    def __init__(self, tx: Transaction, known: Identities, marks: Marks, customer: str) -> None:
        self._tx, self._known, self._marks = tx, known, marks
        try:
            self._mine = known.identities_of(customer)
        except IdentityError:  # no one of ours, by these rules
            self._mine = ()
        self._name = current_id(known, customer)
        firsts = map(known.first_id, self._mine)
        self.names = tuple(dict.fromkeys((self._name, customer, *firsts)))
        self._spans: tuple[IdentitySpan, ...] = ()
        self._gone = frozenset((one.namespace, one.value) for one in self._mine)

    def remove(self, now: datetime) -> list[str]:
        """Remove everything; the customers about whom there is other evidence now."""
        forget_referrals(self._tx, self._is_named)  # while the identities are known
        if self._mine:
            self._strip_set_aside()
        changed = self._rewrite() if self._mine else []
        marks = [*map(self._marks.of_name, self.names), *map(self._marks.of_identity, self._mine)]
        until = time_to_forget(self._tx, self.names, now)
        for name in self.names:
            forget_customer(self._tx, name)
        self._marks.keep(self._tx, dict.fromkeys(marks, until))
        return changed

    def note(self, after: int) -> int:
        """Write the event for other processes; give its number."""
        events = read_events(self._tx.meta.read())
        number = max((one.number for one in events), default=0) + 1
        spans = tuple((self._marks.of_identity(one), f, t) for one, f, t in self._spans)
        kept = [*events, _Event(number, after, spans)][-MAX_EVENTS:]
        text = json.dumps([[e.number, e.after, *e.spans] for e in kept])
        self._tx.meta.set(EVENTS, text)
        return number

    def _rewrite(self) -> list[str]:
        """Take the identities out of all evidence, in the store and here."""
        tx, known = self._tx, self._known
        # Rulings are of no customer; nor is what leads to no one.
        owners = {"", *self.names, *(one or "" for one in known.owners_beside(self._name))}
        gone: list[int] = []
        left: list[StoredEvidence] = []
        rows = [row for name in sorted(owners) for row in tx.evidence.read_customer(name)]
        for row in rows:
            text = self._without_identities(row.text)
            if text is not None and row.customer in self.names:
                text = self._about_others(text)
            if text is None:
                gone.append(row.number)
            elif text != row.text or not row.customer or row.customer in self.names:
                left.append(evolve(row, text=text))
        self._spans = known.spans_of(self._name)
        known.forget_spans(self._spans)
        known.settle()
        tx.evidence.remove(gone)
        made = [
            evolve(row, customer=owner_of_evidence(known, json.loads(row.text)) or "")
            for row in left
        ]
        before = {row.number: row for row in rows}
        changed = [row for row in made if row != before[row.number]]
        tx.evidence.replace(changed)
        return [row.customer for row in changed if row.customer]

    def _strip_set_aside(self) -> None:
        named = [
            (row, json.loads(row.text)) for row in self._tx.set_aside.read()
            if row.key is not None and '"by":' in row.text
        ]  # fmt: skip
        found = [(row, data) for row, data in named if any(map(self._among, data.get("by", ())))]
        self._tx.set_aside.remove([str(row.key) for row, _ in found])
        for row, data in found:  # it may be another's, too
            by = [pair for pair in data["by"] if not self._among(pair)]
            if by:
                text = encoded({**data, "by": by})
                self._tx.set_aside.add([evolve(row, text=text)])

    def _without_identities(self, text: str) -> str | None:
        """Write evidence without the identities, where they are the customer's.

        None where nothing is left.
        """
        data = json.loads(text)
        if is_split_data(data):
            data["split"] = [[p for p in side if not self._among(p)] for side in data["split"]]
            return encoded(data) if all(data["split"]) else None
        at = datetime.fromisoformat(data["at"])
        kept = [
            pair for pair in data["identities"]
            if not self._among(pair)
            or self._known.customer(Identity(*pair), at=at) not in (self._name, None)
        ]  # fmt: skip
        if len(kept) == len(data["identities"]):
            return text
        data["identities"] = kept
        return encoded(data) if kept else None

    def _about_others(self, text: str) -> str | None:
        """Write evidence about the customer as it is about others, without its facts."""
        data = json.loads(text)
        read = [pair for pair in data["identities"] if self._known.normalize([Identity(*pair)])]
        data = {**data, "identities": read}
        return encoded({name: data[name] for name in data if name not in _FACTS}) if read else None

    def _is_named(self, by: Any) -> bool:
        return self._among(by) if isinstance(by, list) else by in self.names

    def _among(self, pair: Sequence[str]) -> bool:
        normalized = self._known.normalize([Identity(*pair)])
        return any((one.namespace, one.value) in self._gone for one in normalized)


def read_events(facts: Mapping[str, str]) -> tuple[_Event, ...]:
    """Read who was forgotten last, as marks."""
    rows = json.loads(facts.get(EVENTS, "[]"))
    return tuple(_Event(row[0], row[1], tuple(map(tuple, row[2:]))) for row in rows)


def apply_event(known: Identities, marks: Marks, event: _Event) -> None:
    """Forget a customer here whom another process has forgotten."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for mark, first, last in event.spans:
        spans.setdefault(mark, []).append((first, last))
    found: list[IdentitySpan] = []
    for identity in known.identities:
        mine = spans.pop(marks.of_identity(identity), ())
        found += [(identity, *span) for span in mine]
        if not spans:
            break
    if found:
        known.forget_spans(found)
