"""The values of namespaces by their texts, read as the rules have it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from journeymap.identity.entries import Value
from journeymap.identity.graph import EvidenceGraph
from journeymap.identity.rules import IdentityRules, Namespace, ValueReader
from journeymap.interactions.values import Identity

__all__ = ["ValueTable"]


class ValueTable:
    """Finds the values of identities in a graph, and adds those that are new."""

    def __init__(self, rules: IdentityRules, graph: EvidenceGraph) -> None:
        self._rules, self._graph = rules, graph
        self._ranks: dict[str, int] = {}
        self._readers: list[ValueReader] = []
        self._values: dict[str, dict[str, Value]] = {}  # by namespace and text
        for space in rules.namespaces:
            self._add_space(space)

    @property
    def values(self) -> Iterable[Value]:
        """All values."""
        return chain.from_iterable(values.values() for values in self._values.values())

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def find(self, identities: Iterable[Identity], *, add: bool = True) -> tuple[Value, ...]:
        """Find the values of identities that can name a customer, the most reliable first."""
        found: list[Value] = []
        for one in identities:
            known = self._values.get(one.namespace)
            value = None if known is None else known.get(one.value)
            if value is None:
                value = self._read(one, add=add)
            if value is not None and value not in found:
                found.append(value)
        if len(found) > 1 and not (self._rules.namespaces and self._graph.in_priority(found)):
            found.sort(key=self._graph.reliability)
        return tuple(found)

    def is_blocked(self, one: Identity) -> bool:
        """Check whether the value of an identity names no customer in its namespace."""
        known = one.value in self._values.get(one.namespace, ())
        rank = None if known else self._ranks.get(one.namespace)
        return rank is not None and not self._readers[rank].read(one.value)

    def drop(self, value: Value) -> None:
        """Drop a value of which there is no evidence any more."""
        del self._values[self._graph.space_of(value).name][self._graph.text_of(value)]

    def _add_space(self, space: Namespace) -> int:
        rank = self._ranks[space.name] = len(self._ranks)
        priority = (rank, "") if self._rules.namespaces else (0, space.name)
        self._graph.add_space(space, priority)
        self._readers.append(self._rules.reader(space))
        self._values[space.name] = {}
        return rank

    def _read(self, one: Identity, *, add: bool) -> Value | None:
        rank = self._ranks.get(one.namespace)
        if rank is None:
            if self._rules.namespaces or not add:
                return None
            rank = self._add_space(Namespace(one.namespace, shared=None))
        text = self._readers[rank].read(one.value)
        if not text:
            return None
        known = self._values[one.namespace]
        value = known.get(text)
        if value is None and add:
            value = known[text] = self._graph.add_value(rank, text)
        return value
