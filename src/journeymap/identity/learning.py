"""Evidence of identities, learned piece by piece, and the customers that follow from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter
from typing import TypeAlias

from journeymap.exceptions import ElementError, IdentityError
from journeymap.identity.entries import EvidenceEntry, Node, Value
from journeymap.identity.evidence_columns import EvidenceColumns
from journeymap.identity.evidence_table import key_of
from journeymap.identity.graph import EvidenceGraph
from journeymap.identity.links import (
    EvidenceLink,
    LinkReport,
    Split,
    above_threshold,
    find_chain,
    identity_of,
    make_link,
    mark_joining,
)
from journeymap.identity.rules import IdentityRules
from journeymap.identity.value_table import ValueTable
from journeymap.interactions.records import Evidence
from journeymap.interactions.values import Identity
from journeymap.model.instants import EPOCH, MICROSECOND

__all__ = ["Ids", "LearnedIdentities", "Left"]

_SHARE = 20
_first = attrgetter("first")
Ids: TypeAlias = dict[tuple[str, str, int], str]
Left: TypeAlias = Callable[[EvidenceEntry], Sequence[Value]]


class LearnedIdentities:
    """Evidence that was learned, and the answers that follow from it; see `Identities`.

    Evidence waits in columns until something is asked, or someone watches.
    """

    _least_at_once = 1

    def __init__(self, rules: IdentityRules | None = None) -> None:
        """Begin without any evidence.

        Args:
            rules: The rules (None: any namespace, without limits).

        Raises:
            ElementError: ``rules`` is something else.
        """
        if rules is not None and not isinstance(rules, IdentityRules):
            raise ElementError("Identities", "rules", rules, "IdentityRules are expected")
        self.rules = rules or IdentityRules()
        self._version = 0
        self._callback: Callable[[str], None] | None = None
        self._splits: list[Split] = []
        self._key = blake2b(self.rules.secret.encode(), digest_size=32).digest()
        self._begin()

    def _begin(self) -> None:
        self._graph = EvidenceGraph(self._report)
        self._table = ValueTable(self.rules, self._graph)
        self._waiting = EvidenceColumns()
        self._value_by_id: dict[str, Value] = {}
        self._hashed = 0

    @property
    def version(self) -> int:
        """A number that grows with whatever may change an answer."""
        if len(self._waiting):
            self._learn_waiting()
        return self._version

    # -- learning

    def learn(self, evidence: Evidence | Iterable[Evidence]) -> None:
        """Take in evidence, one piece or many; what is known already changes nothing.

        Args:
            evidence: The evidence, in any order.

        Raises:
            ElementError: Something else was given.
        """
        for piece in (evidence,) if isinstance(evidence, (Evidence, Identity)) else evidence:
            if not isinstance(piece, Evidence):
                raise ElementError("Identities", "evidence", piece, "Evidence is expected")
            values = self._table.find(piece.identities)
            if not values:
                continue
            at = (piece.at - EPOCH) // MICROSECOND
            if self._callback is None:
                self._waiting.append(values, at, piece.source, piece.batch, piece.weight)
            else:
                self._learn_piece(
                    EvidenceEntry(values, at, piece.source, piece.batch, piece.weight)
                )

    def _settled(self) -> EvidenceGraph:
        """Learn the evidence that waits; give the graph, with nothing in it in doubt."""
        if len(self._waiting):
            self._learn_waiting()
        self._graph.settle()
        return self._graph

    def _learn_waiting(self) -> None:
        """Learn the evidence that waits; where that is interrupted, it does so the next time."""
        waiting = self._waiting
        rows: Sequence[int] = range(len(waiting))
        if len(rows) >= self._least_at_once and len(rows) * _SHARE >= len(self._graph.values):
            rows = self._graph.add_columns(waiting)
            self._version += 1
        for row in rows:
            self._learn_piece(waiting.entry(row))
        self._waiting = EvidenceColumns()

    def _learn_piece(self, piece: EvidenceEntry) -> None:
        """Take in one piece."""
        graph = self._graph
        graph.unpack(piece.values)
        known = graph.evidence.of_key(key_of(piece))
        if known:
            window = self._window(piece.values)
            place = bisect_right(known, piece.first, key=_first)
            for entry in known[max(0, place - 1) : place + 1]:
                if window is None or entry.first - window <= piece.first <= entry.last + window:
                    self._confirm(entry, piece, windowed=window is not None)
                    return
        graph.add(piece)
        self._version += 1

    def _confirm(self, entry: EvidenceEntry, piece: EvidenceEntry, *, windowed: bool) -> None:
        """Note that known evidence came again."""
        at, weight = piece.first, piece.weight
        stronger = entry.weight is not None and (weight is None or weight > entry.weight)
        if stronger:
            entry.weight = weight
        if at < entry.first:
            self._graph.move_earlier(entry, at)
        elif at > entry.last and windowed:
            self._graph.extend(entry, at)
        elif not stronger:
            return
        self._version += 1

    def link(self, pairs: Iterable[Evidence], *, threshold: float, batch: str) -> LinkReport:
        """Take in the links of an estimate that are probable enough, under one batch's name.

        Args:
            pairs: Evidence with weights; see `evidence_from_links` for tables of pairs.
            threshold: The least weight to take, from 0 to 1.
            batch: The name under which they may be withdrawn.

        Returns:
            How many were taken, and how many were too weak.

        Raises:
            ElementError: The threshold lies outside 0 to 1.
        """
        strong, report = above_threshold(pairs, threshold=threshold, batch=batch)
        self.learn(strong)
        return report

    # -- asking

    def customer(self, *identities: Identity, at: datetime | None = None) -> str | None:
        """Find the customer known by one of some identities, the most reliable first.

        Args:
            *identities: The identities.
            at: When they were used: an identity with a window passes from one customer to
                another (None: as last known).

        Returns:
            The customer's id; None if none of them leads to a customer.
        """
        graph = self._settled()
        when = None if at is None else (at - EPOCH) // MICROSECOND
        for value in self._table.find(identities, add=False):
            if graph.names_customer(value):
                return self._id(graph.representative(graph.node_at(value, when)))
        return None

    def current(self, customer: str) -> str:
        """Find the id of a customer today.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The id.

        Raises:
            IdentityError: There is no such customer.
        """
        node = self._node_of(customer)
        return self._id(self._graph.representative(node))

    def find_current(self, named: str | Identity) -> str | None:
        """Find the customer of today by an id or an identity.

        Args:
            named: Any id that the customer ever had, or an identity.

        Returns:
            The id; None where it leads to no customer.
        """
        if isinstance(named, Identity):
            return self.customer(named)
        try:
            return self.current(named)
        except IdentityError:
            return None

    def identities_of(self, customer: str) -> tuple[Identity, ...]:
        """List all identities of a customer, the most reliable first.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The identities, normalized.

        Raises:
            IdentityError: There is no such customer.
        """
        node, graph = self._node_of(customer), self._graph
        values = graph.values_of_customer(node)
        return tuple(identity_of(graph, value) for value in sorted(values, key=graph.reliability))

    @property
    def identities(self) -> Iterator[Identity]:
        """All identities of which there is evidence, in the order in which they were met."""
        graph = self._settled()
        return (identity_of(graph, v) for v in graph.values if graph.evidence.has(v))

    def owners_beside(self, customer: str) -> set[str | None]:
        """List the customers whom evidence with a customer's identities is about.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            Their ids; None stands for evidence that leads to no one.

        Raises:
            IdentityError: There is no such customer.
        """
        node = self._node_of(customer)
        entries = self._graph.entries_of(self._graph.values_of_customer(node))
        pieces = (self._evidence(one.values, one, one.first) for one in entries)
        return {self.customer(*piece.identities, at=piece.at) for piece in pieces}

    def normalize(self, identities: Iterable[Identity]) -> tuple[Identity, ...]:
        """Bring identities into the form in which they are compared.

        Args:
            identities: The identities.

        Returns:
            Those that can name a customer; blocked ones are left out.
        """
        return tuple(
            identity_of(self._graph, value) for value in self._table.find(identities, add=False)
        )

    def blocked(self, identities: Iterable[Identity]) -> tuple[Identity, ...]:
        """List the identities whose value names no customer in their namespace.

        Args:
            identities: The identities.

        Returns:
            Those that are blocked.
        """
        return tuple(one for one in identities if self._table.is_blocked(one))

    def knows(self, identity: Identity, at: datetime | None = None) -> bool:
        """Check whether there is evidence of an identity, also of one that many share.

        Args:
            identity: The identity.
            at: When it was used: one with a window is known near then (None: at any time).

        Returns:
            Whether there is.
        """
        graph = self._settled()
        when = None if at is None else (at - EPOCH) // MICROSECOND
        return any(
            graph.evidence.has(value) and (when is None or self._was_met(value, when))
            for value in self._table.find([identity], add=False)
        )

    def _was_met(self, value: Value, at: int) -> bool:
        """Check whether a time lies in, or near, one of a value's windows."""
        window = self._graph.space_of(value).window
        if window is None:
            return True
        near = window // MICROSECOND
        spans = map(self._graph.span, self._graph.nodes(value))
        return any(first - near <= at <= last + near for first, last in spans)

    def first_id(self, identity: Identity) -> str:
        """Give the id of a customer of whom this identity is the oldest.

        Args:
            identity: An identity that was met.

        Returns:
            The id.

        Raises:
            IdentityError: The identity was never met.
        """
        found = self._table.find([identity], add=False)
        if not found:
            raise IdentityError("", f"no such {identity.namespace} was ever met")
        return self._hash(found[0])

    @property
    def customers(self) -> Iterator[str]:
        """The ids of all customers, by the order of arrival of their oldest identity."""
        return map(self._id, self._settled().representatives())

    def __len__(self) -> int:
        return sum(1 for _ in self._settled().representatives())

    @property
    def shared(self) -> tuple[Identity, ...]:
        """The identities that were met with too many others to be one customer's own."""
        graph = self._settled()
        return tuple(identity_of(graph, value) for value in graph.shared)

    def explain(self, customer: str) -> tuple[EvidenceLink, ...]:
        """List the evidence that makes a customer one, in the order of its time.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The links; those with ``joined`` suffice to make the customer one.

        Raises:
            IdentityError: There is no such customer.
        """
        node, graph = self._node_of(customer), self._graph
        entries = graph.connected_entries([graph.value_of(node)])
        joining = mark_joining(graph, entries)
        root = graph.find(node)
        return tuple(
            make_link(graph, entry, joined)
            for entry, joined in zip(entries, joining, strict=True)
            if any(graph.find(n) == root for n in graph.linked_nodes(entry))
        )

    def path(self, one: Identity, other: Identity) -> tuple[EvidenceLink, ...]:
        """Find the chain of evidence from one identity to another of the same customer.

        Args:
            one: Where the chain begins.
            other: Where it ends.

        Returns:
            The links in order; none where the two are not of one customer.
        """
        mine, theirs = self.customer(one), self.customer(other)
        if mine is None or mine != theirs:
            return ()
        [begin], [end] = self.normalize([one]), self.normalize([other])
        return find_chain([link for link in self.explain(mine) if link.joined], begin, end)

    # -- as data

    @property
    def evidence(self) -> Iterator[Evidence]:
        """All evidence that is kept: learning it gives the same customers again."""
        for entry in self._settled().evidence:
            for at in self._times(entry):
                yield self._evidence(entry.values, entry, at)

    @property
    def splits(self) -> tuple[Split, ...]:
        """All rulings that are kept."""
        return tuple(self._splits)

    def customer_ids(self) -> dict[tuple[str, str, int], str]:
        """Give the customer of every identity.

        Returns:
            Customers' ids by namespace, value, and when the value was first met (of a value with
            a window: in that window), in microseconds since 1970.
        """
        self._settled()
        return self._ids_of(self._table.values)

    def watch(self, callback: Callable[[str], None] | None) -> None:
        """Call a function with every customer id that now refers to a different customer.

        Args:
            callback: The function (None: no more).
        """
        self._settled()
        self._callback = callback

    def settle(self) -> None:
        """Do now what the next question would need: fold again what late evidence put in doubt."""
        self._settled()

    def __repr__(self) -> str:
        kept = len(self._settled().evidence)
        return f"<Identities: {len(self._table):,} identities, {kept:,} pieces of evidence>"

    def _ids_of(self, values: Iterable[Value]) -> Ids:
        graph = self._graph
        return {
            (graph.space_of(value).name, graph.text_of(value), graph.first_met(node)):
                self._id(graph.representative(node))
            for value in values for node in graph.nodes(value)
            if not graph.is_shared(value) and graph.evidence.has(value)
        }  # fmt: skip

    def _times(self, entry: EvidenceEntry) -> list[int]:
        """List the times of a piece that matter: never further apart than its window."""
        window = self._window(entry.values)
        if window is None or entry.last == entry.first:
            return [entry.first]
        return [*range(entry.first, entry.last, window), entry.last]

    def _keep_apart(self, number: int, ruling: Split) -> None:
        self._settled().keep_apart(
            number, self._table.find(ruling.one), self._table.find(ruling.other)
        )

    def _window(self, values: tuple[Value, ...]) -> int | None:
        """Return how long evidence of values lasts: as long as the shortest of their windows."""
        windows = (self._graph.space_of(value).window for value in values)
        bound = [window for window in windows if window is not None]
        return min(bound) // MICROSECOND if bound else None

    def _evidence(self, values: Iterable[Value], entry: EvidenceEntry, at: int) -> Evidence:
        identities = [identity_of(self._graph, value) for value in values]
        when = EPOCH + at * MICROSECOND
        return Evidence(identities, when, entry.source, entry.batch, entry.weight)

    def _id(self, node: Node, first_met: int | None = None) -> str:
        first_met = self._graph.first_met(node) if first_met is None else first_met
        name = self._hash(value := self._graph.value_of(node))
        windowed = self._graph.space_of(value).window is not None
        return f"{name}-{first_met}" if windowed else name

    def _hash(self, value: Value) -> str:
        one = identity_of(self._graph, value)
        text = f"{one.namespace}\x1f{one.value}".encode()
        return "c-" + blake2b(text, key=self._key, digest_size=10).hexdigest()

    def _report(self, node: Node, first_met: int) -> None:
        if self._callback is not None:
            self._callback(self._id(node, first_met))

    def _node_of(self, customer: str) -> Node:
        graph = self._settled()
        for value in graph.values[self._hashed :]:
            self._value_by_id[self._hash(value)] = value
        self._hashed = len(graph.values)
        name, _, window = str(customer).removeprefix("c-").partition("-")
        found = self._value_by_id.get(f"c-{name}")
        known = found is not None and graph.evidence.has(found)
        if found is None or not known or not (window.lstrip("-").isdigit() or not window):
            raise IdentityError(customer, "there is no customer of this id")
        if graph.is_shared(found):
            message = "the identity of this customer turned out to be shared by many"
            raise IdentityError(customer, message)
        return graph.node_at(found, int(window) if window else None)
