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
        self._readers: list[ValueReader] = []
        # By namespace its rank, and its values by their texts.
        self._spaces: dict[str, tuple[int, dict[str, Value]]] = {}
        for space in rules.namespaces:
            self._add_space(space)

    @property
    def values(self) -> Iterable[Value]:
        """All values."""
        return chain.from_iterable(values.values() for _, values in self._spaces.values())

    def __len__(self) -> int:
        return sum(len(values) for _, values in self._spaces.values())

    def find(self, identities: Iterable[Identity], *, add: bool = True) -> tuple[Value, ...]:
        """Find the values of identities that can name a customer, the most reliable first."""
        found: list[Value] = []
        last, in_order = -1, bool(self._rules.namespaces)
        for one in identities:
            space = self._spaces.get(one.namespace) or self._find_space(one, add=add)
            if space is None:
                continue
            rank, values = space
            value = values.get(one.value)
            if value is None:
                value = self._read(rank, values, one.value, add=add)
            if value is None or value in found:
                continue
            in_order &= last < rank
            last = rank
            found.append(value)
        if len(found) > 1 and not in_order:
            found.sort(key=self._graph.reliability)
        return tuple(found)

    def is_blocked(self, one: Identity) -> bool:
        """Check whether the value of an identity names no customer in its namespace."""
        space = self._spaces.get(one.namespace)
        if space is None or one.value in space[1]:
            return False
        return not self._readers[space[0]].read(one.value)

    def drop(self, value: Value) -> None:
        """Drop a value of which there is no evidence any more."""
        del self._spaces[self._graph.space_of(value).name][1][self._graph.text_of(value)]

    def _add_space(self, space: Namespace) -> tuple[int, dict[str, Value]]:
        rank = len(self._spaces)
        priority = (rank, "") if self._rules.namespaces else (0, space.name)
        self._graph.add_space(space, priority)
        self._readers.append(self._rules.reader(space))
        made = self._spaces[space.name] = (rank, {})
        return made

    def _find_space(self, one: Identity, *, add: bool) -> tuple[int, dict[str, Value]] | None:
        """Add a namespace where any is allowed."""
        if self._rules.namespaces or not add:
            return None
        return self._add_space(Namespace(one.namespace, shared=None))

    def _read(self, rank: int, values: dict[str, Value], given: str, *, add: bool) -> Value | None:
        text = self._readers[rank].read(given)
        if not text:
            return None
        value = None if text is given else values.get(text)
        if value is None and add:
            value = values[text] = self._graph.add_value(rank, text)
        return value
