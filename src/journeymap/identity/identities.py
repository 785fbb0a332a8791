"""Identities that belong to one customer, with the reasons, and how to undo them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from journeymap.exceptions import IdentityError
from journeymap.identity.entries import EvidenceEntry, Value
from journeymap.identity.learning import Ids, LearnedIdentities, Left
from journeymap.identity.links import IdentitySpan, Split, identity_of
from journeymap.interactions.values import Identity

__all__ = ["Identities"]


class Identities(LearnedIdentities):
    """Which identities belong to one customer; every answer can be explained and undone.

    The id of a customer is that of its oldest identity (the one first met), so the older customer
    survives when two are found to be one, and the other's id leads to it ever after. The result
    depends on the evidence alone, not on the order in which it arrives: where a limit decides,
    earlier evidence goes before later, by its time (then by source, batch and text). The links of
    a value that turns out to be shared by many are undone.

    Attributes:
        rules: The rules by which identities are linked.
        version: A number that grows with whatever may change an answer.

    >>> from datetime import UTC, datetime
    >>> from journeymap.interactions import Evidence, Identity
    >>> ada, web = Identity("email", "ada@example.org"), Identity("cookie", "x1")
    >>> then = datetime(2026, 3, 1, tzinfo=UTC)
    >>> identities = Identities()
    >>> identities.learn([Evidence([ada], then, "crm"), Evidence([web, ada], then, "shop")])
    >>> identities.customer(web) == identities.customer(ada)
    True
    """

    def split(
        self, customer: str, identities: Iterable[Identity], *, at: datetime, reason: str
    ) -> Split:
        """Rule that some identities of a customer belong to another, whatever evidence comes.

        Args:
            customer: Any id that the customer ever had.
            identities: The identities to split off.
            at: When it was ruled.
            reason: Why.

        Returns:
            The ruling.

        Raises:
            IdentityError: They are not of this customer, or are all that the customer has.
        """
        ruling = self.rule_split(customer, identities, at=at, reason=reason)
        self.apply_split(ruling)
        return ruling

    def rule_split(
        self, customer: str, identities: Iterable[Identity], *, at: datetime, reason: str
    ) -> Split:
        """Make a ruling as ``split`` does, without applying it.

        Args:
            customer: Any id that the customer ever had.
            identities: The identities to split off.
            at: When it was ruled.
            reason: Why.

        Returns:
            The ruling.

        Raises:
            IdentityError: They are not of this customer, or are all that the customer has.
        """
        mine = self.identities_of(customer)
        given = tuple(identities)
        away = self.normalize(given)
        strange = [one for one in given if not set(self.normalize([one])) & set(mine)]
        if strange or not away:
            message = f"{len(strange)} of the identities are not this customer's"
            raise IdentityError(customer, message if strange else "no identity to split off")
        left = tuple(one for one in mine if one not in away)
        if not left:
            raise IdentityError(customer, "nothing would be left of this customer")
        return Split(away, left, at, reason)

    def apply_split(self, ruling: Split) -> None:
        """Take in a ruling that was made elsewhere.

        Args:
            ruling: The ruling; one that is known changes nothing.
        """
        if ruling in self._splits:
            return
        self._version += 1
        self._splits.append(ruling)
        self._keep_apart(len(self._splits), ruling)

    def withdraw_split(self, ruling: Split) -> None:
        """Withdraw a ruling.

        Args:
            ruling: The ruling.

        Raises:
            IdentityError: There is no such ruling.
        """
        if ruling not in self._splits:
            raise IdentityError("", "there is no such ruling")
        self._splits.remove(ruling)
        self._relearn(lambda entry: entry.values)

    def withdraw(self, batch: str) -> int:
        """Withdraw all evidence of a batch, as if it had never been learned.

        Args:
            batch: The name of the batch.

        Returns:
            How many pieces were withdrawn.
        """
        return self._relearn(lambda entry: () if entry.batch == batch else entry.values)

    def forget(self, customer: str) -> tuple[Identity, ...]:
        """Remove the identities of a customer from all evidence and rulings.

        Evidence about others stays, also about those to whom an identity has passed.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The identities that were removed.

        Raises:
            IdentityError: There is no such customer.
        """
        gone = self.identities_of(customer)
        self.forget_spans(self.spans_of(customer))
        return gone

    def spans_of(self, customer: str) -> tuple[IdentitySpan, ...]:
        """List the identities of a customer, each with when it was theirs.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            Each identity with its first and last time.

        Raises:
            IdentityError: There is no such customer.
        """
        node, graph = self._node_of(customer), self._graph
        root = graph.find(node)
        return tuple(
            (identity_of(self._graph, value), *graph.span(node))
            for value in graph.values_of_customer(root)
            for node in graph.nodes(value) if graph.find(node) == root
        )  # fmt: skip

    def forget_spans(self, spans: Sequence[IdentitySpan]) -> None:
        """Remove identities from all evidence of some times, and from rulings.

        Args:
            spans: The identities, each with its first and last time.
        """
        gone: dict[Value, list[tuple[int, int]]] = {}
        for identity, first, last in spans:
            for value in self._table.find([identity], add=False):
                gone.setdefault(value, []).append((first, last))
        rulings = [ruling.without([one for one, _, _ in spans]) for ruling in self._splits]
        ruled = rulings != self._splits
        self._splits = [ruling for ruling in rulings if ruling is not None]

        def left(entry: EvidenceEntry) -> Sequence[Value]:
            at = entry.first  # a value with a window may be another customer's then
            return [v for v in entry.values if not any(f <= at <= t for f, t in gone.get(v, ()))]

        if ruled or not self._remove(tuple(gone), left):
            self._relearn(left)

    def _remove(self, gone: Sequence[Value], left: Left) -> bool:
        """Take some values out of all evidence; whether nothing but their group was touched."""
        graph = self._settled()
        entries = graph.entries_of(gone)
        if any(map(graph.may_share, entries)):
            return False
        group = {v for one in graph.connected_entries(gone) for v in one.values}
        before = self._ids_of(group)
        kept = []
        for entry in entries:
            values = left(entry)
            kept += [self._evidence(values, entry, at) for at in self._times(entry) if values]
        callback, self._callback = self._callback, None
        graph.remove(entries, group)
        self._version += 1
        self.learn(sorted(kept, key=lambda piece: piece.at))
        self._settled()
        self._callback = callback
        self._report_changes(before, self._ids_of(group))
        for value in (one for one in gone if not graph.evidence.has(one)):
            self._table.drop(value)
        return True

    def _report_changes(self, before: Ids, after: Ids) -> None:
        if self._callback is not None:
            for changed in dict.fromkeys(i for value, i in before.items() if after.get(value) != i):
                self._callback(changed)

    def _relearn(self, left: Left) -> int:
        """Learn everything anew, of each piece only the values left; how many lost any."""
        graph = self._settled()
        before = self.customer_ids() if self._callback is not None else {}
        kept, number = [], 0
        for entry in graph.evidence:
            values = left(entry)
            number += len(values) < len(entry.values)
            if values:
                kept += [self._evidence(values, entry, at) for at in self._times(entry)]
        callback, self._callback = self._callback, None
        self._version += 1
        self._begin()
        self.learn(sorted(kept, key=lambda piece: piece.at))
        for place, ruling in enumerate(self._splits, 1):
            self._keep_apart(place, ruling)
        self._settled()
        self._callback = callback
        if callback is not None:
            self._report_changes(before, self.customer_ids())
        return number
