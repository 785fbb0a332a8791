"""Identities that belong to one customer, with the reasons, and how to undo them."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter

from journeymap.exceptions import ElementError, IdentityError
from journeymap.identity.graph import EvidenceEntry, EvidenceGraph, Node, Value
from journeymap.identity.links import EvidenceLink, LinkReport, Split, above_threshold
from journeymap.identity.rules import IdentityRules, Namespace, ValueReader
from journeymap.interactions.records import Evidence
from journeymap.interactions.values import Identity
from journeymap.model.instants import EPOCH, MICROSECOND

__all__ = ["Identities"]

_first = attrgetter("first")


class Identities:
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
    >>> from journeymap.interactions import Identity
    >>> ada, web = Identity("email", "ada@example.org"), Identity("cookie", "x1")
    >>> then = datetime(2026, 3, 1, tzinfo=UTC)
    >>> identities = Identities()
    >>> identities.learn([Evidence([ada], then, "crm"), Evidence([web, ada], then, "shop")])
    >>> identities.customer(web) == identities.customer(ada)
    True
    """

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
        self.version = 0
        self._callback: Callable[[str], None] | None = None
        self._splits: list[Split] = []
        self._begin()

    def _begin(self) -> None:
        self._graph = EvidenceGraph(self._report)
        self._ranks: dict[str, int] = {}
        self._readers: list[ValueReader] = []
        self._values: dict[tuple[str, str], Value] = {}
        self._known: dict[tuple[tuple[Value, ...], str, str | None], list[EvidenceEntry]] = {}
        self._value_by_id: dict[str, Value] = {}
        for space in self.rules.namespaces:
            self._add_space(space)

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
            self.version += self._learn_piece(piece)

    def _learn_piece(self, piece: Evidence) -> bool:
        """Take in one piece; whether anything was new."""
        values = self._usable(piece.identities)
        if not values:
            return False
        at = (piece.at - EPOCH) // MICROSECOND
        key = (values, piece.source, piece.batch)
        known = self._known.get(key)
        if known is not None:
            window = self._window(values)
            place = bisect_right(known, at, key=_first)
            for entry in known[max(0, place - 1) : place + 1]:
                if window is None or entry.first - window <= at <= entry.last + window:
                    return self._confirm(entry, piece.weight, at, windowed=window is not None)
        entry = EvidenceEntry(values, at, piece.source, piece.batch, piece.weight)
        insort(self._known.setdefault(key, []), entry, key=_first)
        self._graph.add(entry)
        return True

    def _confirm(
        self, entry: EvidenceEntry, weight: float | None, at: int, *, windowed: bool
    ) -> bool:
        """Note that known evidence came again; whether that changed anything."""
        stronger = weight is not None and entry.weight is not None and weight > entry.weight
        if stronger:
            entry.weight = weight
        if at < entry.first:
            self._graph.move_earlier(entry, at)
        elif at > entry.last and windowed:
            self._graph.extend(entry, at)
        else:
            return stronger
        return True

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
        graph = self._graph
        graph.settle()
        when = None if at is None else (at - EPOCH) // MICROSECOND
        for value in self._usable(identities, add=False):
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
        return self._id(self._graph.representative(self._node_of(customer)))

    def identities_of(self, customer: str) -> tuple[Identity, ...]:
        """List all identities of a customer, the most reliable first.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The identities, normalized.

        Raises:
            IdentityError: There is no such customer.
        """
        graph = self._graph
        values = graph.values_of_customer(self._node_of(customer))
        return tuple(self._identity(value) for value in sorted(values, key=graph.reliability))

    def normalize(self, identities: Iterable[Identity]) -> tuple[Identity, ...]:
        """Bring identities into the form in which they are compared.

        Args:
            identities: The identities.

        Returns:
            Those that can name a customer; blocked ones are left out.
        """
        return tuple(self._identity(value) for value in self._usable(identities, add=False))

    def blocked(self, identities: Iterable[Identity]) -> tuple[Identity, ...]:
        """List the identities whose value names no customer in their namespace.

        Args:
            identities: The identities.

        Returns:
            Those that are blocked.
        """
        found = []
        for one in identities:
            known = (one.namespace, one.value) in self._values
            rank = None if known else self._ranks.get(one.namespace)
            if rank is not None and not self._readers[rank].read(one.value):
                found.append(one)
        return tuple(found)

    def knows(self, identity: Identity) -> bool:
        """Check whether there is evidence of an identity, also of one that many share.

        Args:
            identity: The identity.

        Returns:
            Whether there is.
        """
        return any(self._graph.has_evidence(v) for v in self._usable([identity], add=False))

    def first_id(self, identity: Identity) -> str:
        """Give the id of a customer of whom this identity is the oldest.

        Args:
            identity: An identity that was met.

        Returns:
            The id.

        Raises:
            IdentityError: The identity was never met.
        """
        found = self._usable([identity], add=False)
        if not found:
            raise IdentityError("", f"no such {identity.namespace} was ever met")
        return self._hash(found[0])

    @property
    def customers(self) -> Iterator[str]:
        """The ids of all customers, by the order of arrival of their oldest identity."""
        self._graph.settle()
        return map(self._id, self._graph.representatives())

    def __len__(self) -> int:
        return sum(1 for _ in self.customers)

    @property
    def shared(self) -> tuple[Identity, ...]:
        """The identities that were met with too many others to be one customer's own."""
        return tuple(self._identity(value) for value in self._graph.shared)

    def explain(self, customer: str) -> tuple[EvidenceLink, ...]:
        """List the evidence that makes a customer one, in the order of its time.

        Args:
            customer: Any id that the customer ever had.

        Returns:
            The links; those with ``joined`` suffice to make the customer one.

        Raises:
            IdentityError: There is no such customer.
        """
        graph = self._graph
        node = self._node_of(customer)
        entries = graph.connected_entries([graph.value_of(node)])
        joining = graph.mark_joining(entries)
        root = graph.find(node)
        return tuple(
            self._link(entry, joined)
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
        chain = [link for link in self.explain(mine) if link.joined]
        [begin], [end] = self.normalize([one]), self.normalize([other])
        reached: dict[Identity, tuple[Identity, EvidenceLink] | None] = {begin: None}
        waiting = [begin]
        while waiting:
            here = waiting.pop(0)
            for link in chain:
                if here in link.identities:
                    for there in link.identities:
                        if there not in reached:
                            reached[there] = (here, link)
                            waiting.append(there)
        steps = []
        step = reached.get(end)
        while step is not None:
            steps.append(step[1])
            step = reached[step[0]]
        return tuple(steps[::-1])

    # -- undoing

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
        ruling = Split(away, left, at, reason)
        self.apply_split(ruling)
        return ruling

    def apply_split(self, ruling: Split) -> None:
        """Take in a ruling that was made elsewhere.

        Args:
            ruling: The ruling; one that is known changes nothing.
        """
        if ruling in self._splits:
            return
        self.version += 1
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
        graph, root = self._graph, self._graph.find(self._node_of(customer))
        rulings = (ruling.without(gone) for ruling in self._splits)
        self._splits = [ruling for ruling in rulings if ruling is not None]

        def left(entry: EvidenceEntry) -> Sequence[Value]:
            # A value with a window may be another customer's at that time.
            return [value for value in entry.values
                    if graph.is_shared(value)
                    or graph.find(graph.node_at(value, entry.first)) != root]  # fmt: skip

        self._relearn(left)
        return gone

    # -- as data

    @property
    def evidence(self) -> Iterator[Evidence]:
        """All evidence that is kept: learning it gives the same customers again."""
        for entries in self._known.values():
            for entry in entries:
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
        graph = self._graph
        graph.settle()
        return {
            (*key, graph.first_met(node)): self._id(graph.representative(node))
            for key, value in self._values.items()
            for node in graph.nodes(value)
            if not graph.is_shared(value)
        }

    def watch(self, callback: Callable[[str], None] | None) -> None:
        """Call a function with every customer id that now refers to a different customer.

        Args:
            callback: The function (None: no more).
        """
        self._callback = callback

    def settle(self) -> None:
        """Do now what the next question would need: fold again what late evidence put in doubt."""
        self._graph.settle()

    def __repr__(self) -> str:
        kept = sum(map(len, self._known.values()))
        return f"<Identities: {len(self._values):,} identities, {kept:,} pieces of evidence>"

    # -- within

    def _relearn(self, left: Callable[[EvidenceEntry], Sequence[Value]]) -> int:
        """Learn everything anew, of each piece only the values left; how many lost any."""
        self._graph.settle()
        before = self.customer_ids() if self._callback is not None else {}
        kept, number = [], 0
        for entries in self._known.values():
            for entry in entries:
                values = left(entry)
                number += len(values) < len(entry.values)
                if values:
                    kept += [self._evidence(values, entry, at) for at in self._times(entry)]
        callback, self._callback = self._callback, None
        self.version += 1
        self._begin()
        self.learn(sorted(kept, key=lambda piece: piece.at))
        for place, ruling in enumerate(self._splits, 1):
            self._keep_apart(place, ruling)
        self._graph.settle()
        self._callback = callback
        if callback is not None:
            after = self.customer_ids()
            for changed in dict.fromkeys(old for value, old in before.items()
                                         if after.get(value) != old):  # fmt: skip
                callback(changed)
        return number

    def _times(self, entry: EvidenceEntry) -> list[int]:
        """List the times of a piece that matter: never further apart than its window."""
        window = self._window(entry.values)
        if window is None or entry.last == entry.first:
            return [entry.first]
        return [*range(entry.first, entry.last, window), entry.last]

    def _keep_apart(self, number: int, ruling: Split) -> None:
        self._graph.keep_apart(number, self._usable(ruling.one), self._usable(ruling.other))

    def _add_space(self, space: Namespace) -> int:
        rank = self._ranks[space.name] = len(self._ranks)
        priority = (rank, "") if self.rules.namespaces else (0, space.name)
        self._graph.add_space(space, priority)
        self._readers.append(self.rules.reader(space))
        return rank

    def _usable(self, identities: Iterable[Identity], *, add: bool = True) -> tuple[Value, ...]:
        """Return the values of identities that can name a customer, the most reliable first."""
        found: list[Value] = []
        for one in identities:
            value = self._values.get((one.namespace, one.value))
            if value is None:
                value = self._value(one, add=add)
                if value is None:
                    continue
            if value not in found:
                found.append(value)
        if len(found) > 1 and (not self.rules.namespaces or not self._graph.in_priority(found)):
            found.sort(key=self._graph.reliability)
        return tuple(found)

    def _value(self, one: Identity, *, add: bool) -> Value | None:
        rank = self._ranks.get(one.namespace)
        if rank is None:
            if self.rules.namespaces or not add:
                return None
            rank = self._add_space(Namespace(one.namespace, shared=None))
        text = self._readers[rank].read(one.value)
        if not text:
            return None
        key = (one.namespace, text)
        value = self._values.get(key)
        if value is None and add:
            value = self._values[key] = self._graph.add_value(rank, text)
        return value

    def _window(self, values: tuple[Value, ...]) -> int | None:
        """Return how long evidence of values lasts: as long as the shortest of their windows."""
        windows = (self._graph.space_of(value).window for value in values)
        bound = [window for window in windows if window is not None]
        return min(bound) // MICROSECOND if bound else None

    def _identity(self, value: Value) -> Identity:
        return Identity(self._graph.space_of(value).name, self._graph.text_of(value))

    def _evidence(self, values: Iterable[Value], entry: EvidenceEntry, at: int) -> Evidence:
        identities = [self._identity(value) for value in values]
        when = EPOCH + at * MICROSECOND
        return Evidence(identities, when, entry.source, entry.batch, entry.weight)

    def _link(self, entry: EvidenceEntry, joined: bool) -> EvidenceLink:
        gone = dict(entry.dropped)
        shared = filter(self._graph.is_shared, entry.values)
        gone |= dict.fromkeys(shared, "it is shared by many")
        return EvidenceLink(
            tuple(self._identity(value) for value in entry.values if value not in gone),
            EPOCH + entry.first * MICROSECOND, entry.source, entry.batch, entry.weight, joined,
            tuple((self._identity(value), reason) for value, reason in gone.items()),
        )  # fmt: skip

    def _id(self, node: Node) -> str:
        return self._id_at(node, self._graph.first_met(node))

    def _id_at(self, node: Node, first_met: int) -> str:
        value = self._graph.value_of(node)
        name = self._hash(value)
        windowed = self._graph.space_of(value).window is not None
        return f"{name}-{first_met}" if windowed else name

    def _hash(self, value: Value) -> str:
        one = self._identity(value)
        text = f"{one.namespace}\x1f{one.value}".encode()
        key = blake2b(self.rules.secret.encode(), digest_size=32).digest()
        return "c-" + blake2b(text, key=key, digest_size=10).hexdigest()

    def _report(self, node: Node, first_met: int) -> None:
        if self._callback is not None:
            self._callback(self._id_at(node, first_met))

    def _node_of(self, customer: str) -> Node:
        graph = self._graph
        graph.settle()
        for value in graph.values[len(self._value_by_id) :]:
            self._value_by_id[self._hash(value)] = value
        name, _, window = str(customer).removeprefix("c-").partition("-")
        found = self._value_by_id.get(f"c-{name}")
        known = found is not None and graph.has_evidence(found)
        if found is None or not known or not (window.lstrip("-").isdigit() or not window):
            raise IdentityError(customer, "there is no customer of this id")
        if graph.is_shared(found):
            message = "the identity of this customer turned out to be shared by many"
            raise IdentityError(customer, message)
        return graph.node_at(found, int(window) if window else None)
