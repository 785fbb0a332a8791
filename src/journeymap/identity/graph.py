"""Which identities are of one customer: evidence folded in the order of its time.

What comes out depends on what evidence there is, never on the order in which it arrived: each
piece is taken as if all had come in order of time (then source, batch and the identities
themselves). Most evidence can be added at once, whenever it comes; only where a limit was met
may a late piece change what others were allowed to do, and then the pieces that hang together
are folded again.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import TypeAlias

from journeymap.identity.rules import Namespace

__all__ = ["Entry", "Linker"]

_BEFORE_ALL = -(10**18)
_AFTER_ALL = 10**18
_WINDOWED = -1
Value: TypeAlias = int
"""A value of a namespace."""
Node: TypeAlias = int
"""A value, or one spell of it where its namespace has a window."""
Changed: TypeAlias = Callable[[Node, int], None]
"""Told that the customer whose eldest is a node, first met at a time, is not the same any more."""
Sides: TypeAlias = frozenset[tuple[int, int]]
_NONE: Sides = frozenset()


class Entry:
    """A piece of evidence: the values met together, the strongest first, from when to when."""

    __slots__ = ("batch", "dropped", "first", "last", "source", "values", "weight")

    def __init__(
        self, values: tuple[Value, ...], at: int, source: str, batch: str | None,
        weight: float | None,
    ) -> None:  # fmt: skip
        self.values, self.first, self.last = values, at, at
        self.source, self.batch, self.weight = source, batch, weight
        self.dropped: tuple[tuple[Value, str], ...] = ()


class Linker:
    """Values, their evidence, and the customers that arise: union by size, with path halving."""

    def __init__(self, changed: Changed) -> None:
        self.changed = changed
        self.spaces: list[Namespace] = []
        self.order: list[tuple[int, str]] = []  # the priority of each
        # A value: its rank (the place of its namespace), its text, its evidence.
        self.rank: list[int] = []
        self.text: list[str] = []
        self.entries: list[list[Entry]] = []
        self.shared: set[Value] = set()
        self.apart: dict[Value, Sides] = {}
        self._degree: list[int] = []
        self._met: dict[Value, dict[int, set[Value]]] = {}
        self._alone: list[Node] = []
        self._spells: dict[Value, list[tuple[int, int, Node]]] = {}
        # What hangs together, limits left aside: its group, with the time of its latest evidence,
        # whether a limit was met in it, and the values from which it is to be folded again.
        self._group_of: list[Value] = []
        self._latest: dict[Value, int] = {}
        self._contested: set[Value] = set()
        self._dirty: dict[Value, set[Value]] = {}
        # A node: its value, when it was first met, and the customer it belongs to.
        self.value_of: list[Value] = []
        self.seen: list[int] = []
        self.eldest: list[Node] = []
        self._parent: list[Node] = []
        self._size: list[int] = []
        self._following: list[Node] = []  # the members of a customer, in a ring
        self._counts: dict[int, list[int]] = {}  # by rank, where there is a limit
        self._limits: list[tuple[int, list[int], str]] = []
        self._sides: dict[Node, Sides] = {}

    def add_space(self, space: Namespace, order: tuple[int, str]) -> None:
        """One more namespace, and its priority."""
        if space.most is not None:
            counts = self._counts[len(self.spaces)] = [0] * len(self.value_of)
            self._limits.append((space.most, counts, space.name))
        self.spaces.append(space)
        self.order.append(order)

    def add_value(self, rank: int, text: str) -> Value:
        """A value that was never met before."""
        value = len(self.rank)
        self.rank.append(rank)
        self.text.append(text)
        self.entries.append([])
        self._degree.append(0)
        self._group_of.append(value)
        if self.spaces[rank].window is None:
            self._alone.append(self._node(value))
        else:
            self._alone.append(_WINDOWED)
            self._spells[value] = []
        return value

    # -- taking evidence in

    def add(self, entry: Entry) -> None:
        """Take in a piece of evidence that was not there."""
        for value in entry.values:
            self.entries[value].append(entry)
        if len(entry.values) > 1:
            self._meet(entry)
        linking = self._linking(entry)
        if not linking:
            return
        bridged = self._sighted(linking, entry.first)
        groups = set(map(self._group, linking))
        latest = _BEFORE_ALL
        for group in groups:
            latest = max(latest, self._latest.get(group, _BEFORE_ALL))
        group = self._joined(groups)
        self._latest[group] = max(latest, entry.first)
        if bridged or group in self._dirty:
            self._doubt(linking[0])
        elif latest < entry.first:
            if self._dropping(entry, linking):
                self._contested.add(group)
        elif group in self._contested or not self._united(self._nodes(linking, entry.first)):
            self._doubt(linking[0])

    def earlier(self, entry: Entry, at: int) -> None:
        """Evidence that is known already was met before that."""
        entry.first = at
        linking = self._linking(entry)
        if linking and (self._sighted(linking, at) or self._group(linking[0]) in self._contested):
            self._doubt(linking[0])

    def later(self, entry: Entry, at: int) -> None:
        """Evidence that is known already was met again after that."""
        entry.last = at
        linking = self._linking(entry)
        if self._sighted(linking, at):
            self._doubt(linking[0])

    def keep_apart(self, number: int, one: Iterable[Value], other: Iterable[Value]) -> None:
        """From now on, no customer has values of both sides."""
        for side, values in enumerate((one, other)):
            for value in values:
                self.apart[value] = self.apart.get(value, _NONE) | {(number, side)}
                if not self.entries[value]:
                    for node in self.nodes(value):
                        self._sides[node] = self.apart[value]
                elif value not in self.shared:
                    self._doubt(value)

    def _linking(self, entry: Entry) -> list[Value]:
        if self.shared.isdisjoint(entry.values):
            return list(entry.values)
        return [value for value in entry.values if value not in self.shared]

    def _doubt(self, value: Value) -> None:
        self._dirty.setdefault(self._group(value), set()).add(value)

    def _meet(self, entry: Entry) -> None:
        """Count with whom each value was met; one that was met with too many is shared."""
        more = len(entry.values) - 1
        for value in entry.values:
            self._degree[value] += more
            limit = self.spaces[self.rank[value]].shared
            if limit is None or self._degree[value] <= limit or value in self.shared:
                continue
            met = self._met.get(value)
            if met is None:  # counted exactly from here on
                met = self._met[value] = {}
                for known in self.entries[value]:
                    self._count(met, value, known)
            self._count(met, value, entry)
            if any(len(others) > limit for others in met.values()):
                self._share(value)

    def _count(self, met: dict[int, set[Value]], value: Value, entry: Entry) -> None:
        for other in entry.values:
            if other != value:
                met.setdefault(self.rank[other], set()).add(other)

    def _share(self, value: Value) -> None:
        """A value links nobody any more, nor ever did."""
        self.shared.add(value)
        self._met.pop(value, None)
        for node in self.nodes(value):
            elder = self.eldest[self.find(node)]
            self.changed(elder, self.seen[elder])
        for entry in self.entries[value]:
            for other in entry.values:
                if other not in self.shared:
                    self._doubt(other)

    # -- what hangs together

    def _group(self, value: Value) -> Value:
        group = self._group_of
        while group[value] != value:
            group[value] = value = group[group[value]]
        return value

    def _joined(self, groups: set[Value]) -> Value:
        kept = min(groups)
        if len(groups) == 1:
            return kept
        for other in groups:
            if other == kept:
                continue
            self._group_of[other] = kept
            latest = self._latest.pop(other, _BEFORE_ALL)
            self._latest[kept] = max(self._latest.get(kept, _BEFORE_ALL), latest)
            if other in self._contested:
                self._contested.discard(other)
                self._contested.add(kept)
            if other in self._dirty:
                self._dirty.setdefault(kept, set()).update(self._dirty.pop(other))
        return kept

    # -- spells: a value with a window may be another's after it was not met for that long

    def _sighted(self, values: list[Value], at: int) -> bool:
        """Values were met at a time; whether that joins two spells of one into one."""
        joins = False
        for value in values:
            node = self._alone[value]
            if node == _WINDOWED:
                near = self._near(value, at)
                if len(near) > 1:
                    joins = True
                    continue
                node = self._stretched(value, near, at)
            if at < self.seen[node]:
                self._seen_at(node, at)
        return joins

    def _near(self, value: Value, at: int) -> list[int]:
        window, spells = self._window(value), self._spells[value]
        after = bisect_right(spells, at, key=itemgetter(0))
        return [
            place for place in range(max(0, after - 1), min(len(spells), after + 1))
            if spells[place][0] - window <= at <= spells[place][1] + window
        ]  # fmt: skip

    def _stretched(self, value: Value, near: list[int], at: int) -> Node:
        spells = self._spells[value]
        if not near:
            node = self._node(value)
            insort(spells, (at, at, node))
            return node
        first, last, node = spells[near[0]]
        spells[near[0]] = (min(first, at), max(last, at), node)
        return node

    def _window(self, value: Value) -> int:
        window = self.spaces[self.rank[value]].window
        return 0 if window is None else int(window.total_seconds() * 1_000_000)

    def nodes(self, value: Value) -> list[Node]:
        """All nodes of a value, the first first."""
        node = self._alone[value]
        return [n for _, _, n in self._spells[value]] if node == _WINDOWED else [node]

    def spell(self, value: Value, at: int | None) -> Node:
        """The node of a value at a time: of the spell then, or the nearest (None: the last)."""
        node = self._alone[value]
        if node != _WINDOWED:
            return node
        spells = self._spells[value]
        if at is None:
            return spells[-1][2]
        after = bisect_right(spells, at, key=itemgetter(0))
        near = spells[max(0, after - 1) : after + 1]
        return min(near, key=lambda s: (max(s[0] - at, at - s[1], 0), s[0]))[2]

    def _nodes(self, values: Iterable[Value], at: int) -> list[Node]:
        alone = self._alone
        return [
            self.spell(value, at) if alone[value] == _WINDOWED else alone[value] for value in values
        ]

    # -- customers

    def _node(self, value: Value) -> Node:
        node = len(self._parent)
        self.value_of.append(value)
        self.seen.append(_AFTER_ALL)
        self.eldest.append(node)
        self._parent.append(node)
        self._size.append(1)
        self._following.append(node)
        rank = self.rank[value]
        for limited, counts in self._counts.items():
            counts.append(int(limited == rank))
        if value in self.apart:
            self._sides[node] = self.apart[value]
        return node

    def _fresh(self, node: Node) -> None:
        """A node by itself again, not met so far."""
        value = self.value_of[node]
        self._parent[node] = self._following[node] = self.eldest[node] = node
        self._size[node], self.seen[node] = 1, _AFTER_ALL
        for limited, counts in self._counts.items():
            counts[node] = int(limited == self.rank[value])
        self._sides.pop(node, None)
        if value in self.apart:
            self._sides[node] = self.apart[value]

    def find(self, node: Node) -> Node:
        """The node that stands for the customer of a node."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    def members(self, node: Node) -> Iterator[Node]:
        """All nodes of the customer of a node."""
        yield node
        other = self._following[node]
        while other != node:
            yield other
            other = self._following[other]

    def _age(self, node: Node) -> tuple[int, tuple[int, str], str]:
        """By which the elder of two nodes is told."""
        value = self.value_of[node]
        return self.seen[node], self.order[self.rank[value]], self.text[value]

    def _seen_at(self, node: Node, at: int) -> None:
        root = self.find(node)
        elder = self.eldest[root]
        if self._alone[self.value_of[node]] == _WINDOWED and self.seen[node] != _AFTER_ALL:
            self.changed(node, self.seen[node])  # it is named by when it was first met
        self.seen[node] = at
        if elder != node and self._age(node) < self._age(elder):
            self.changed(elder, self.seen[elder])
            self.eldest[root] = node

    def refused(self, roots: set[Node]) -> str | None:
        """Why these cannot be one customer, or None."""
        for most, counts, name in self._limits:
            number = 0
            for root in roots:
                number += counts[root]
            if number > most:
                return f"a customer has at most {most} of {name}"
        if self._sides:
            told = _NONE.union(*[self._sides.get(root, _NONE) for root in roots])
            if any((number, 1 - side) in told for number, side in told):
                return "they were split"
        return None

    def _united(self, nodes: list[Node]) -> bool:
        """Make nodes one customer; False where they cannot be."""
        roots = {self.find(node) for node in nodes}
        if len(roots) == 1:
            return True
        if self.refused(roots) is not None:
            return False
        kept = max(roots, key=self._size.__getitem__)
        for other in roots:
            if other != kept:
                self._take(kept, other)
        return True

    def _take(self, kept: Node, other: Node) -> None:
        mine, theirs = self.eldest[kept], self.eldest[other]
        if self._age(theirs) < self._age(mine):
            mine, theirs = theirs, mine
        self.changed(theirs, self.seen[theirs])
        self.eldest[kept] = mine
        self._parent[other] = kept
        self._size[kept] += self._size[other]
        ring = self._following
        ring[kept], ring[other] = ring[other], ring[kept]
        for counts in self._counts.values():
            counts[kept] += counts[other]
        if other in self._sides:
            self._sides[kept] = self._sides.get(kept, _NONE) | self._sides.pop(other)

    def _dropping(self, entry: Entry, linking: list[Value]) -> bool:
        """Let evidence unite what it can; whether anything had to be dropped."""
        values = list(linking)
        nodes = self._nodes(values, entry.first)
        dropped: list[tuple[Value, str]] = []
        while not self._united(nodes):
            reason = self.refused({self.find(node) for node in nodes}) or ""
            dropped.append((values.pop(), reason))
            nodes.pop()
        entry.dropped = tuple(dropped)
        return bool(dropped)

    def known(self, value: Value) -> bool:
        """Whether there is evidence of a value, and it may be of a customer."""
        return bool(self.entries[value]) and value not in self.shared

    def met(self, node: Node) -> bool:
        """Whether there is evidence of a node."""
        return self.seen[node] < _AFTER_ALL

    def taken(self, entry: Entry) -> list[Node]:
        """The nodes of a piece of evidence that were not dropped."""
        gone = {value for value, _ in entry.dropped}
        linking = [value for value in self._linking(entry) if value not in gone]
        return self._nodes(linking, entry.first)

    def joins(self, entries: Iterable[Entry]) -> list[bool]:
        """Of evidence in its order, which made one customer of several."""
        stands: dict[Node, Node] = {}

        def root(node: Node) -> Node:
            while stands.setdefault(node, node) != node:
                node = stands[node]
            return node

        told = []
        for entry in entries:
            roots = {root(node) for node in self.taken(entry)}
            told.append(len(roots) > 1)
            for other in roots:
                stands[other] = min(roots)
        return told

    # -- folding again

    def settle(self) -> None:
        """Fold again what late evidence, a shared value or a split has put in doubt."""
        while self._dirty:
            group, seeds = self._dirty.popitem()
            self._contested.discard(group)
            self._latest.pop(group, None)
            self.fold(self.around(seeds))

    def around(self, seeds: Iterable[Value]) -> list[Entry]:
        """All evidence that hangs together with some values, in its order."""
        open_ = [value for value in seeds if value not in self.shared]
        reached = set(open_)
        found: dict[int, Entry] = {}
        while open_:
            for entry in self.entries[open_.pop()]:
                if id(entry) in found:
                    continue
                found[id(entry)] = entry
                more = [v for v in entry.values if v not in reached and v not in self.shared]
                reached.update(more)
                open_ += more
        return sorted(found.values(), key=self._place)

    def _place(self, entry: Entry) -> tuple[object, ...]:
        """The place of a piece of evidence in the order of all."""
        named = [(self.spaces[self.rank[v]].name, self.text[v]) for v in entry.values]
        return entry.first, entry.source, entry.batch or "", named

    def fold(self, entries: list[Entry]) -> None:
        """Fold entries that hang together from nothing."""
        values = dict.fromkeys(v for entry in entries for v in entry.values)
        linking = [v for v in values if v not in self.shared]
        before = {n: self.eldest[self.find(n)] for v in linking for n in self.nodes(v)}
        names = {elder: self.seen[elder] for elder in before.values()}
        for value in linking:
            self._group_of[value] = value
        for value in values:
            if value in self._spells and value not in self.shared:
                self._spell_again(value)
            for node in self.nodes(value):
                self._fresh(node)
        for entry in entries:
            self._again(entry)
        for node, elder in before.items():
            now = self.eldest[self.find(node)]
            if now != elder or self.seen[now] != names[elder]:
                self.changed(elder, names[elder])

    def _again(self, entry: Entry) -> None:
        linking = self._linking(entry)
        entry.dropped = ()
        if not linking:
            return
        group = self._joined({self._group(value) for value in linking})
        self._latest[group] = entry.first
        for node in self._nodes(linking, entry.first):
            if entry.first < self.seen[node]:
                self.seen[node] = entry.first
                root = self.find(node)
                if self._age(node) < self._age(self.eldest[root]):
                    self.eldest[root] = node
        if self._dropping(entry, linking):
            self._contested.add(group)

    def _spell_again(self, value: Value) -> None:
        """The spells of a value with a window, told anew from all that is known of it."""
        window = self._window(value)
        spans: list[list[int]] = []
        for first, last in sorted((entry.first, entry.last) for entry in self.entries[value]):
            if spans and first <= spans[-1][1] + window:
                spans[-1][1] = max(spans[-1][1], last)
            else:
                spans.append([first, last])
        nodes = self.nodes(value)
        while len(nodes) < len(spans):
            nodes.append(self._node(value))
        for spare in nodes[len(spans) :]:
            self._fresh(spare)
        self._spells[value] = [
            (first, last, node) for (first, last), node in zip(spans, nodes, strict=False)
        ]
