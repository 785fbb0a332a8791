"""The evidence graph: evidence folded in the order of its time into customers.

The result depends on the evidence alone, never on the order in which it arrived: each piece is
taken as if all had come in order of time (then source, batch and the identities themselves).

Three structures work together:

1. *Nodes and customers.* A value of a namespace is one node, or, where the namespace has a
   window, one node for each time window in which it was met. A union-find (union by size, path
   halving) joins nodes to customers; the representative of a customer is its oldest node.
2. *Groups.* Values that are connected by evidence at all, limits left aside, form a group. As long
   as no limit was met in a group, evidence can be added in any order: a union commutes.
3. *Dirty groups.* Where a limit was met, a late piece may change what others were allowed to
   join; where a value turns out to be shared, links vanish. Such groups are marked, and folded
   again from nothing by ``settle`` before the next question.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TypeAlias

from journeymap.identity.entries import (
    EvidenceEntry,
    MetValues,
    Node,
    Value,
    join_spans,
    near_spans,
)
from journeymap.identity.evidence_columns import EvidenceColumns
from journeymap.identity.evidence_table import EvidenceTable
from journeymap.identity.rules import Namespace
from journeymap.model.instants import MICROSECOND

__all__ = ["EvidenceGraph"]

_BEFORE_ALL = -(10**18)
_AFTER_ALL = 10**18
_WINDOWED = -1
ChangeCallback: TypeAlias = Callable[[Node, int], None]
"""Called with the former representative of a customer, and when that was first met."""
Sides: TypeAlias = frozenset[tuple[int, int]]
_NO_SIDES: Sides = frozenset()


class EvidenceGraph:
    """Values, the evidence about them, and the customers that follow from it."""

    def __init__(self, on_change: ChangeCallback) -> None:
        self._on_change = on_change
        self._spaces: list[Namespace] = []
        self._priorities: list[tuple[int, str]] = []  # of each namespace
        self.evidence = EvidenceTable()
        # A value: its rank (the place of its namespace), its text, how many it was met with.
        self._rank = array("i")
        self._text: list[str] = []
        self._shared: set[Value] = set()
        self._value_sides: dict[Value, Sides] = {}
        self._degree = array("i")
        self._met: dict[Value, MetValues] = {}
        self._single_node = array("i")
        self._windows: dict[Value, list[tuple[int, int, Node]]] = {}
        # Groups: the parent of each value, and for a group the time of its latest evidence,
        # whether a limit was met in it, and the values from which it is to be folded again.
        self._group_parent = array("i")
        self._latest = array("q")
        self._contested: set[Value] = set()
        self._dirty: dict[Value, set[Value]] = {}
        # A node: its value, when it was first met, and the customer it belongs to.
        self._value_of = array("i")
        self._first_met = array("q")
        self._oldest = array("i")
        self._parent = array("i")
        self._size = array("i")
        self._next_member = array("i")  # the members of a customer, in a ring
        self._counts: dict[int, array[int]] = {}  # by rank, where there is a limit
        self._limits: list[tuple[int, array[int], str]] = []
        self._sides: dict[Node, Sides] = {}

    # -- namespaces and values

    def add_space(self, space: Namespace, priority: tuple[int, str]) -> None:
        """Add a namespace with its priority."""
        if space.most is not None:
            counts = self._counts[len(self._spaces)] = array("i", [0]) * len(self._value_of)
            self._limits.append((space.most, counts, space.name))
        self._spaces.append(space)
        self._priorities.append(priority)

    def add_value(self, rank: int, text: str) -> Value:
        """Add a value that was never met before."""
        self._rank.append(rank)
        self._text.append(text)
        return len(self._text) - 1

    def admit_values(self) -> None:
        """Give every value that was added a group and, without a window, a customer of its own."""
        new = range(len(self._single_node), len(self._text))
        if not new:
            return
        self._degree += array("i", [0]) * len(new)
        self._group_parent.extend(new)
        self._latest += array("q", [_BEFORE_ALL]) * len(new)
        if all(space.window is None for space in self._spaces):
            self._single_node.extend(self._add_nodes(new))
            return
        for value in new:
            if self.space_of(value).window is None:
                self._single_node.extend(self._add_nodes([value]))
            else:
                self._single_node.append(_WINDOWED)
                self._windows[value] = []

    def space_of(self, value: Value) -> Namespace:
        """Give the namespace of a value."""
        return self._spaces[self._rank[value]]

    def text_of(self, value: Value) -> str:
        """Give the text of a value."""
        return self._text[value]

    def reliability(self, value: Value) -> tuple[tuple[int, str], str]:
        """Give a key that sorts values, the most reliable first."""
        return self._priorities[self._rank[value]], self._text[value]

    @property
    def values(self) -> range:
        """All values, in the order in which they were met."""
        return range(len(self._text))

    @property
    def shared(self) -> tuple[Value, ...]:
        """The values that were met with too many others to be one customer's own."""
        return tuple(sorted(self._shared))

    def is_shared(self, value: Value) -> bool:
        """Check whether a value was met with too many others to be one customer's own."""
        return value in self._shared

    def names_customer(self, value: Value) -> bool:
        """Check whether there is evidence of a value, and it is not shared."""
        return value not in self._shared and self.evidence.has(value)

    # -- taking evidence in

    def add(self, entry: EvidenceEntry) -> None:
        """Take in a piece of evidence that was not there; nothing of its values is packed."""
        self.evidence.add(entry)
        if len(entry.values) > 1:
            self._count_met(entry)
        linking = self._unshared(entry)
        if not linking:
            return
        bridged = self._record_sighting(linking, entry.first)
        groups = set(map(self._group, linking))
        latest = max(map(self._latest.__getitem__, groups))
        group = self._join_groups(groups)
        self._latest[group] = max(latest, entry.first)
        if bridged or group in self._dirty:
            self._mark_dirty(linking[0])
        elif latest < entry.first:
            if self._unite_dropping(entry, linking):
                self._contested.add(group)
        elif group in self._contested or not self._unite(self._nodes_at(linking, entry.first)):
            self._mark_dirty(linking[0])

    def add_columns(self, columns: EvidenceColumns) -> Sequence[int]:
        """Take in much evidence at once; list the rows that are to be added piece by piece.

        Without numpy these are all of them.
        """
        try:
            from journeymap.identity.evidence_groups import GroupArrays, Limits, group_evidence
        except ModuleNotFoundError:
            return range(len(columns))
        self.admit_values()
        found = group_evidence(
            columns, self._rank, self._text, Limits.of(self._spaces, self._priorities),
            met=[*self.evidence.values, *self._windows, *self._value_sides], shared=self._shared,
        )  # fmt: skip
        GroupArrays(
            self._single_node, self._degree, self._group_parent, self._latest, self._first_met,
            self._oldest, self._parent, self._size, self._next_member, tuple(self._counts.values()),
        ).write(found)  # fmt: skip
        self._shared.update(found.shared)
        self.evidence.pack(found.columns)
        return found.left

    def move_earlier(self, entry: EvidenceEntry, at: int) -> None:
        """Note that evidence was met before it was known to be."""
        entry.first = at
        linking = self._unshared(entry)
        joins = self._record_sighting(linking, at)
        if linking and (joins or self._group(linking[0]) in self._contested):
            self._mark_dirty(linking[0])

    def extend(self, entry: EvidenceEntry, at: int) -> None:
        """Note that evidence was met again later."""
        entry.last = at
        linking = self._unshared(entry)
        if self._record_sighting(linking, at):
            self._mark_dirty(linking[0])

    def keep_apart(self, number: int, one: Iterable[Value], other: Iterable[Value]) -> None:
        """Let no customer have values of both sides from now on; ``number`` names the split."""
        self.admit_values()
        for side, values in enumerate((one, other)):
            for value in values:
                self._value_sides[value] = self._value_sides.get(value, _NO_SIDES) | {
                    (number, side)
                }
                if not self.evidence.has(value):
                    for node in self.nodes(value):
                        self._sides[node] = self._value_sides[value]
                elif value not in self._shared:
                    self._mark_dirty(value)

    def may_share(self, entry: EvidenceEntry) -> bool:
        """Check whether a value of some evidence is shared, or is watched because it may be."""
        return any(value in self._shared or value in self._met for value in entry.values)

    def entries_of(self, values: Iterable[Value]) -> list[EvidenceEntry]:
        """List all evidence of some values, each piece once."""
        return list({id(one): one for value in values for one in self._of_value(value)}.values())

    def unpack(self, values: Iterable[Value]) -> None:
        """Make ready to add evidence of some values; what has none but shared is never packed."""
        self.admit_values()
        linking = [value for value in values if value not in self._shared]
        self.evidence.unpack(linking, self._shared)

    def _of_value(self, value: Value) -> Sequence[EvidenceEntry]:
        return self.evidence.of_value(value, self._shared)

    def remove(self, entries: Sequence[EvidenceEntry], group: Iterable[Value]) -> None:
        """Take evidence out, none of it shared, and fold again what it was connected with."""
        for entry in entries:
            self.evidence.remove(entry)
            for value in entry.values:
                self._degree[value] -= len(entry.values) - 1
        waiting = {value for value in group if value not in self._shared}
        for value in waiting:
            self._contested.discard(value)
            self._latest[value] = _BEFORE_ALL
            self._group_parent[value] = value
            for node in self.nodes(value):
                self._reset_node(node)
            if value in self._windows and not self.evidence.has(value):
                self._windows[value] = []
        while waiting:
            part = self.connected_entries([waiting.pop()])
            waiting.difference_update(value for entry in part for value in entry.values)
            self._refold(part)

    def _unshared(self, entry: EvidenceEntry) -> list[Value]:
        """Return the values of a piece of evidence that can link."""
        if self._shared.isdisjoint(entry.values):
            return list(entry.values)
        return [value for value in entry.values if value not in self._shared]

    def _mark_dirty(self, value: Value) -> None:
        self._dirty.setdefault(self._group(value), set()).add(value)

    def _count_met(self, entry: EvidenceEntry) -> None:
        """Count the values each was met with; one met with too many becomes shared."""
        more = len(entry.values) - 1
        for value in entry.values:
            self._degree[value] += more
            limit = self.space_of(value).shared
            if limit is None or self._degree[value] <= limit or value in self._shared:
                continue
            met = self._met.get(value)
            if met is None:  # counted exactly from here on
                met = self._met[value] = MetValues(value, self._rank)
                for known in self._of_value(value):
                    met.add(known)
            if met.add(entry) > limit:
                self._share(value)

    def _share(self, value: Value) -> None:
        """Mark a value as shared and undo every link it made."""
        self._shared.add(value)
        self._met.pop(value, None)
        for node in self.nodes(value):
            representative = self.representative(node)
            self._on_change(representative, self._first_met[representative])
        for entry in self._of_value(value):
            for other in entry.values:
                if other not in self._shared:
                    self._mark_dirty(other)

    # -- groups: values connected by evidence, limits left aside

    def _group(self, value: Value) -> Value:
        group = self._group_parent
        while group[value] != value:
            group[value] = value = group[group[value]]
        return value

    def _join_groups(self, groups: set[Value]) -> Value:
        kept = min(groups)
        if len(groups) == 1:
            return kept
        for other in groups:
            if other == kept:
                continue
            self._group_parent[other] = kept
            self._latest[kept] = max(self._latest[kept], self._latest[other])
            self._latest[other] = _BEFORE_ALL
            if other in self._contested:
                self._contested.discard(other)
                self._contested.add(kept)
            if other in self._dirty:
                self._dirty.setdefault(kept, set()).update(self._dirty.pop(other))
        return kept

    # -- windows: a value may pass to another customer after it was not met for that long

    def _record_sighting(self, values: list[Value], at: int) -> bool:
        """Note that values were met at a time; whether that joins two windows of one value."""
        joins = False
        for value in values:
            node = self._single_node[value]
            if node == _WINDOWED:
                near = near_spans(self._windows[value], at, self._window_length(value))
                if len(near) > 1:
                    joins = True
                    continue
                node = self._extend_window(value, near, at)
            if at < self._first_met[node]:
                self._set_first_met(node, at)
        return joins

    def _extend_window(self, value: Value, near: list[int], at: int) -> Node:
        windows = self._windows[value]
        if not near:
            [node] = self._add_nodes([value])
            insort(windows, (at, at, node))
            return node
        first, last, node = windows[near[0]]
        windows[near[0]] = (min(first, at), max(last, at), node)
        return node

    def _window_length(self, value: Value) -> int:
        window = self.space_of(value).window
        return 0 if window is None else window // MICROSECOND

    def nodes(self, value: Value) -> list[Node]:
        """List all nodes of a value, the earliest first."""
        node = self._single_node[value]
        return [n for _, _, n in self._windows[value]] if node == _WINDOWED else [node]

    def node_at(self, value: Value, at: int | None) -> Node:
        """Find the node of a value: of the window at a time, or the nearest (None: the last)."""
        node = self._single_node[value]
        if node != _WINDOWED:
            return node
        windows = self._windows[value]
        if at is None:
            return windows[-1][2]
        after = bisect_right(windows, at, key=itemgetter(0))
        near = windows[max(0, after - 1) : after + 1]
        return min(near, key=lambda w: (max(w[0] - at, at - w[1], 0), w[0]))[2]

    def _nodes_at(self, values: Iterable[Value], at: int) -> list[Node]:
        return [self.node_at(value, at) for value in values]

    # -- customers

    def _add_nodes(self, values: Sequence[Value]) -> Sequence[Node]:
        """Add a node for each of some values, each by itself and not met so far."""
        number = len(values)
        nodes = range(len(self._parent), len(self._parent) + number)
        self._value_of.extend(values)
        for places in (self._oldest, self._parent, self._next_member):
            places.extend(nodes)
        self._first_met += array("q", [_AFTER_ALL]) * number
        self._size += array("i", [1]) * number
        for counts in self._counts.values():
            counts += array("i", [0]) * number
        for node, value in zip(nodes, values, strict=True):
            limited = self._counts.get(self._rank[value])
            if limited is not None:
                limited[node] = 1
        sides = self._value_sides
        if sides:
            given = zip(nodes, values, strict=True)
            self._sides.update((node, sides[value]) for node, value in given if value in sides)
        return nodes

    def _reset_node(self, node: Node) -> None:
        """Put a node by itself again, not met so far."""
        value = self._value_of[node]
        self._parent[node] = self._next_member[node] = self._oldest[node] = node
        self._size[node], self._first_met[node] = 1, _AFTER_ALL
        for limited, counts in self._counts.items():
            counts[node] = int(limited == self._rank[value])
        self._sides.pop(node, None)
        if value in self._value_sides:
            self._sides[node] = self._value_sides[value]

    def find(self, node: Node) -> Node:
        """Find the root of a node's customer: equal for two nodes of one customer."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    def representative(self, node: Node) -> Node:
        """Find the oldest node of a node's customer, after which the customer is named."""
        return self._oldest[self.find(node)]

    def first_met(self, node: Node) -> int:
        """Give when a node was first met, in microseconds since 1970."""
        return self._first_met[node]

    def value_of(self, node: Node) -> Value:
        """Give the value of a node."""
        return self._value_of[node]

    def span(self, node: Node) -> tuple[int, int]:
        """Give from when to when a node stands for its value."""
        windows = self._windows.get(self._value_of[node], ())
        return next(((a, b) for a, b, n in windows if n == node), (_BEFORE_ALL, _AFTER_ALL))

    def values_of_customer(self, node: Node) -> set[Value]:
        """Collect all values of a node's customer."""
        found = [node]
        while (other := self._next_member[found[-1]]) != node:
            found.append(other)
        return {self._value_of[member] for member in found}

    def representatives(self) -> Iterator[Node]:
        """Give the representative of every customer, in the order in which values were met."""
        first_met, oldest, parent = self._first_met, self._oldest, self._parent
        for value, single in enumerate(self._single_node):
            if value in self._shared:
                continue
            for node in (single,) if single != _WINDOWED else self.nodes(value):
                if first_met[node] == _AFTER_ALL:
                    continue
                root = parent[node]
                if oldest[root if parent[root] == root else self.find(root)] == node:
                    yield node

    def _age(self, node: Node) -> tuple[int, tuple[int, str], str]:
        """Return the key by which the older of two nodes is found."""
        value = self._value_of[node]
        return self._first_met[node], self._priorities[self._rank[value]], self._text[value]

    def _set_first_met(self, node: Node, at: int) -> None:
        root = self.find(node)
        oldest = self._oldest[root]
        windowed = self._single_node[self._value_of[node]] == _WINDOWED
        if windowed and self._first_met[node] != _AFTER_ALL:
            self._on_change(node, self._first_met[node])  # it is named by when it was first met
        self._first_met[node] = at
        if oldest != node and self._age(node) < self._age(oldest):
            self._on_change(oldest, self._first_met[oldest])
            self._oldest[root] = node

    def _refusal(self, roots: set[Node]) -> str | None:
        """Why customers cannot be one, or None."""
        for most, counts, name in self._limits:
            number = 0
            for root in roots:
                number += counts[root]
            if number > most:
                return f"a customer has at most {most} of {name}"
        if self._sides:
            sides = _NO_SIDES.union(*[self._sides.get(root, _NO_SIDES) for root in roots])
            if any((number, 1 - side) in sides for number, side in sides):
                return "they were split"
        return None

    def _unite(self, nodes: list[Node]) -> bool:
        """Make nodes one customer; False where they cannot be."""
        roots = {self.find(node) for node in nodes}
        if len(roots) == 1:
            return True
        if self._refusal(roots) is not None:
            return False
        kept = max(roots, key=self._size.__getitem__)
        for other in roots:
            if other != kept:
                self._absorb(kept, other)
        return True

    def _absorb(self, kept: Node, other: Node) -> None:
        older, younger = self._oldest[kept], self._oldest[other]
        if self._age(younger) < self._age(older):
            older, younger = younger, older
        self._on_change(younger, self._first_met[younger])
        self._oldest[kept] = older
        self._parent[other] = kept
        self._size[kept] += self._size[other]
        ring = self._next_member
        ring[kept], ring[other] = ring[other], ring[kept]
        for counts in self._counts.values():
            counts[kept] += counts[other]
        if other in self._sides:
            self._sides[kept] = self._sides.get(kept, _NO_SIDES) | self._sides.pop(other)

    def _unite_dropping(self, entry: EvidenceEntry, linking: list[Value]) -> bool:
        """Unite what evidence can, dropping the least reliable; whether anything was dropped."""
        values = list(linking)
        nodes = self._nodes_at(values, entry.first)
        dropped: list[tuple[Value, str]] = []
        while not self._unite(nodes):
            reason = self._refusal({self.find(node) for node in nodes}) or ""
            dropped.append((values.pop(), reason))
            nodes.pop()
        entry.dropped = tuple(dropped)
        return bool(dropped)

    # -- explaining

    def linked_nodes(self, entry: EvidenceEntry) -> list[Node]:
        """List the nodes that a piece of evidence links: neither shared nor dropped."""
        gone = {value for value, _ in entry.dropped}
        linking = [value for value in self._unshared(entry) if value not in gone]
        return self._nodes_at(linking, entry.first)

    def connected_entries(self, seeds: Iterable[Value]) -> list[EvidenceEntry]:
        """Collect all evidence connected with some values, in the order of its time."""
        return sorted(self.evidence.connected(seeds, self._shared), key=self._order_key)

    def _order_key(self, entry: EvidenceEntry) -> tuple[object, ...]:
        """Return the key that sorts evidence by time, source, batch and identities."""
        named = [(self.space_of(v).name, self._text[v]) for v in entry.values]
        return entry.first, entry.source, entry.batch or "", named

    # -- folding again

    def settle(self) -> None:
        """Fold again what late evidence, a shared value or a split has put in doubt."""
        while self._dirty:
            group, seeds = self._dirty.popitem()
            self._contested.discard(group)
            self._latest[group] = _BEFORE_ALL
            self._refold(self.connected_entries(seeds))

    def _refold(self, entries: list[EvidenceEntry]) -> None:
        """Fold connected entries from nothing, and report every representative that changed."""
        values = dict.fromkeys(v for entry in entries for v in entry.values)
        linking = [v for v in values if v not in self._shared]
        before = {n: self.representative(n) for v in linking for n in self.nodes(v)}
        times = {oldest: self._first_met[oldest] for oldest in before.values()}
        for value in linking:
            self._group_parent[value] = value
        for value in values:
            if value in self._windows and value not in self._shared:
                self._rebuild_windows(value)
            for node in self.nodes(value):
                self._reset_node(node)
        for entry in entries:
            self._refold_entry(entry)
        for node, oldest in before.items():
            now = self.representative(node)
            if now != oldest or self._first_met[now] != times[oldest]:
                self._on_change(oldest, times[oldest])

    def _refold_entry(self, entry: EvidenceEntry) -> None:
        linking = self._unshared(entry)
        entry.dropped = ()
        if not linking:
            return
        group = self._join_groups({self._group(value) for value in linking})
        self._latest[group] = entry.first
        for node in self._nodes_at(linking, entry.first):
            if entry.first < self._first_met[node]:
                self._first_met[node] = entry.first
                root = self.find(node)
                if self._age(node) < self._age(self._oldest[root]):
                    self._oldest[root] = node
        if self._unite_dropping(entry, linking):
            self._contested.add(group)

    def _rebuild_windows(self, value: Value) -> None:
        """Find the windows of a value anew from all evidence about it."""
        length = self._window_length(value)
        spans = join_spans(self._of_value(value), length)
        nodes = self.nodes(value)
        while len(nodes) < len(spans):
            nodes.extend(self._add_nodes([value]))
        for spare in nodes[len(spans) :]:
            self._reset_node(spare)
        self._windows[value] = [
            (first, last, node) for (first, last), node in zip(spans, nodes, strict=False)
        ]
