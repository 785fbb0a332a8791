"""Customers of much new evidence at once, by columns: where no limit is met, order is nothing.

Evidence of values that were never met before, none of which has a window or a ruling, makes
customers that do not depend on the order in which it is taken: unless one of them would have
more of a namespace than it may. All such groups are found here; the evidence of the others is
left to the graph, which takes it piece by piece.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from journeymap.identity.entries import Value
from journeymap.identity.evidence_columns import NO_WEIGHT, EvidenceColumns
from journeymap.identity.rules import Namespace

__all__ = ["GroupArrays", "Grouped", "Limits", "chain_places", "group_evidence"]

Ints = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]


@frozen
class Limits:
    """The limits of the namespaces, by their ranks (0: there is none).

    Attributes:
        most: How many values of it a customer has at most.
        shared: With how many values of one namespace a value of it is met at most.
        order: The place of the namespace in the order of reliability.
    """

    most: Sequence[int]
    shared: Sequence[int]
    order: Sequence[int]

    @classmethod
    def of(cls, spaces: Sequence[Namespace], priorities: Sequence[tuple[int, str]]) -> Limits:
        """Take the limits from namespaces and their priorities."""
        order = sorted(range(len(spaces)), key=priorities.__getitem__)
        return cls(
            [space.most or 0 for space in spaces], [space.shared or 0 for space in spaces],
            sorted(range(len(spaces)), key=order.__getitem__),
        )  # fmt: skip


@frozen
class Grouped:
    """The groups of evidence taken as a whole, and what is left of it.

    Attributes:
        columns: The evidence of the groups, each piece once.
        left: The rows that are to be taken piece by piece, in the order of their time.
        shared: The values that were met with too many others.
        degree: With how many others each value was met, with repetitions; by value.
        members: The values of the groups, group by group, the oldest first.
        first_met: When each member was first met.
        begins: Where each group begins in ``members``.
        latest: The time of each group's latest evidence.
    """

    columns: EvidenceColumns
    left: list[int]
    shared: list[Value]
    degree: Ints
    members: Ints
    first_met: Ints
    begins: Ints
    latest: Ints


class _Rows:
    """Rows of evidence as flat columns: the places of each lie between its bounds."""

    def __init__(self, values: Ints, lengths: Ints, rows: Ints, first: Ints) -> None:
        self.values, self.lengths, self.first = values, lengths, first
        self.rows = rows  # their numbers in the columns they are from
        self.begins = np.cumsum(lengths, dtype=np.int32) - lengths
        self.row_of = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)

    def having(self, marked: Flags) -> Flags:
        """Mark the rows that have a marked place."""
        found = np.zeros(len(self.rows), bool)
        found[self.row_of[marked]] = True
        return found

    def select(self, chosen: Flags) -> _Rows:
        """Keep some rows."""
        if chosen.all():
            return self
        places = chosen[self.row_of]
        return _Rows(self.values[places], self.lengths[chosen], self.rows[chosen],
                     self.first[chosen])  # fmt: skip


def group_evidence(
    columns: EvidenceColumns, rank: array[int], texts: Sequence[str], limits: Limits, *,
    met: Iterable[Value], shared: Iterable[Value],
) -> Grouped:  # fmt: skip
    """Group evidence by the customers it is about.

    Args:
        columns: The evidence.
        rank: The rank of each value's namespace.
        texts: The text of each value.
        limits: The limits of the namespaces.
        met: The values of which there is evidence, or for which another rule holds.
        shared: The values known to be shared.
    """
    ranks = np.array(rank)
    common, number = _mark(shared, len(ranks)), len(ranks)
    known = _mark(met, number) & ~common
    every = _read(columns)
    apart = every.having(known[every.values])  # with a window, repetition matters
    careful = known | _mark(every.values[apart[every.row_of]], number) & ~common
    once, weights = _once(columns, every.select(~apart))
    limit = np.array(limits.shared, np.int64)[ranks]
    limit[careful | common] = 0
    new_shared, watched = _find_shared(once, ranks, limit)
    gone = common | new_shared
    label, present = _components(once, ~gone[once.values], number)
    refused = _refused(label, present, careful | watched, ranks, limits.most)
    doubtful = refused[label] & ~gone
    left = apart | every.having(doubtful[every.values]) | ~every.having(~gone[every.values])
    taken = every.rows[left][np.argsort(every.first[left], kind="stable")].tolist()
    del every  # what is large is not kept beside what is made of it
    plain = once.having(~gone[once.values]) & ~once.having(doubtful[once.values])
    rows, weights = once.select(plain), weights[plain]
    del once
    members, first_met, begins = _members(
        label, present & ~doubtful, _first_met(rows, number),
        np.array(limits.order, np.int64)[ranks], texts,
    )  # fmt: skip
    latest = np.full(number, np.iinfo(np.int64).min)
    np.maximum.at(latest, label[rows.values], rows.first[rows.row_of])
    return Grouped(
        columns=_columns(columns, rows, weights),
        left=taken,
        shared=np.flatnonzero(new_shared).tolist(), degree=_degree(rows, number),
        members=members, first_met=first_met, begins=begins,
        latest=latest[label[members[begins]]],
    )  # fmt: skip


@frozen
class GroupArrays:
    """The arrays of a graph that hold its groups and customers; see `EvidenceGraph`."""

    single_node: array[int]
    degree: array[int]
    group_parent: array[int]
    latest: array[int]
    first_met: array[int]
    oldest: array[int]
    parent: array[int]
    size: array[int]
    next_member: array[int]
    counts: tuple[array[int], ...]

    def write(self, found: Grouped) -> None:
        """Make every group found one customer, named after its oldest member."""
        members, begins = found.members, found.begins
        _view(self.degree)[:] += found.degree
        if not len(members):
            return
        lengths = np.diff(begins, append=len(members))
        nodes = _view(self.single_node)[members]
        roots = nodes[begins]
        _view(self.parent)[nodes] = np.repeat(roots, lengths)
        _view(self.first_met)[nodes] = found.first_met
        _view(self.oldest)[roots] = roots
        _view(self.size)[roots] = lengths
        following = np.roll(nodes, -1)
        following[begins + lengths - 1] = roots
        _view(self.next_member)[nodes] = following
        for counts in map(_view, self.counts):
            counts[roots] = np.add.reduceat(counts[nodes], begins)
        groups = members[begins]
        _view(self.group_parent)[members] = np.repeat(groups, lengths)
        _view(self.latest)[groups] = found.latest


def _view(places: array[int]) -> Ints:
    return np.frombuffer(places, places.typecode)


def _mark(values: Iterable[Value] | Ints, number: int) -> Flags:
    found = np.zeros(number, bool)
    found[values if isinstance(values, np.ndarray) else list(values)] = True
    return found


def _read(columns: EvidenceColumns) -> _Rows:
    lengths = np.diff(np.array(columns.ends)).astype(np.int32)
    rows = np.arange(len(columns), dtype=np.int32)
    return _Rows(np.array(columns.values), lengths, rows, np.array(columns.first))


def _columns(origin: EvidenceColumns, rows: _Rows, weights: NDArray[np.float64]) -> EvidenceColumns:
    """Make columns of the rows that are kept."""
    made = EvidenceColumns()
    for one in origin.origins:
        made.number_of(one)
    made.values.frombytes(rows.values.tobytes())
    made.ends.frombytes(np.cumsum(rows.lengths, dtype=np.int64).tobytes())
    made.first.frombytes(rows.first.tobytes())
    made.origin.frombytes(np.array(origin.origin)[rows.rows].tobytes())
    made.weights.frombytes(weights.tobytes())
    return made


def _once(columns: EvidenceColumns, rows: _Rows) -> tuple[_Rows, NDArray[np.float64]]:
    """Make one row of those of equal contents, with the first of their times and most weight."""
    origin, weight = np.array(columns.origin)[rows.rows], np.array(columns.weights)[rows.rows]
    kept, first, weights = [], [], []
    for width in np.unique(rows.lengths).tolist():
        mine = np.flatnonzero(rows.lengths == width)
        table = [rows.values[rows.begins[mine] + place] for place in range(width)]
        table.append(origin[mine])
        order = np.lexsort(table)
        changes = np.zeros(len(mine), bool)
        changes[:1] = True
        for column in table:
            changes[1:] |= np.diff(column[order]) != 0
        begins = np.flatnonzero(changes)
        mine = mine[order]
        kept.append(np.minimum.reduceat(mine, begins))
        first.append(np.minimum.reduceat(rows.first[mine], begins))
        least = np.minimum.reduceat(weight[mine], begins)
        most = np.maximum.reduceat(weight[mine], begins)
        weights.append(np.where(least == NO_WEIGHT, NO_WEIGHT, most))
    if not kept:
        return rows, weight
    order = np.argsort(np.concatenate(kept))
    chosen = np.zeros(len(rows.rows), bool)
    chosen[np.concatenate(kept)] = True
    del table
    found = rows.select(chosen)
    found.first = np.concatenate(first)[order]
    return found, np.concatenate(weights)[order]


def chain_places(values: array[int], first: int, latest: array[int]) -> array[int]:
    """Chain the places of each value, of which the latest so far is known.

    Args:
        values: The values, place by place.
        first: The number of the first place.
        latest: For each value, its latest place; brought up to date.

    Returns:
        For each place, the one before it of the same value.
    """
    given = np.asarray(values)
    order = np.argsort(given, kind="stable").astype(np.int32)
    ordered = given[order]
    fresh = np.ones(len(order) + 1, bool)
    fresh[1:-1] = ordered[1:] != ordered[:-1]
    before = np.empty(len(order), np.int32)
    before[order[1:]] = order[:-1] + np.int32(first)
    known = np.frombuffer(latest, np.int32)
    begun, ended = order[fresh[:-1]], order[fresh[1:]]
    before[begun] = known[given[begun]]
    known[given[ended]] = ended + np.int32(first)
    return array("i", before.tobytes())


def _degree(rows: _Rows, number: int) -> Ints:
    """Count with how many others each value was met, with repetitions."""
    others = np.repeat(rows.lengths - 1, rows.lengths)
    return np.bincount(rows.values, weights=others, minlength=number).astype(np.int64)


def _find_shared(rows: _Rows, ranks: Ints, limit: Ints) -> tuple[Flags, Flags]:
    """Find the values that were met with too many of one namespace, and those that may be later.

    A limit of 0 is none.
    """
    number = len(ranks)
    watched = (limit > 0) & (_degree(rows, number) > limit)
    places = np.flatnonzero(watched[rows.values])
    within = rows.row_of[places]
    repeats = rows.lengths[within]
    ends = np.cumsum(repeats)
    step = np.arange(repeats.sum()) - np.repeat(ends - repeats, repeats)
    other = np.repeat(rows.begins[within], repeats) + step
    beside = other != np.repeat(places, repeats)
    owner = np.repeat(rows.values[places], repeats)[beside].astype(np.int64)
    pairs = np.unique(owner * number + rows.values[other[beside]])
    owners, spaces = pairs // number, ranks[pairs % number]
    width = int(ranks.max(initial=0)) + 1
    cells, counts = np.unique(owners * width + spaces, return_counts=True)
    shared = np.zeros(number, bool)
    shared[(cells // width)[counts > limit[cells // width]]] = True
    return shared, watched & ~shared


def _components(rows: _Rows, linking: Flags, number: int) -> tuple[Ints, Flags]:
    """Label the values that rows connect with the least value of each group, and mark them.

    In each round a group joins the least of those that it is connected with.
    """
    places = np.flatnonzero(linking)
    within, values = rows.row_of[places], rows.values[places]
    begins = np.ones(len(places), bool)
    begins[1:] = within[1:] != within[:-1]
    one = values[begins][np.cumsum(begins) - 1][~begins]
    other = values[~begins]
    label = np.arange(number, dtype=np.int32)
    while len(one):
        here, there = label[one], label[other]
        joins = here != there
        one, other, here, there = one[joins], other[joins], here[joins], there[joins]
        np.minimum.at(label, np.maximum(here, there), np.minimum(here, there))
        while True:
            further = label[label]
            if np.array_equal(further, label):
                break
            label = further
    present = np.zeros(number, bool)
    present[values] = True
    return label, present


def _refused(
    label: Ints, present: Flags, careful: Flags, ranks: Ints, most: Sequence[int]
) -> Flags:
    """Mark the labels of groups in which order may matter."""
    refused = np.zeros(len(label), bool)
    refused[label[careful & present]] = True
    for rank, limit in enumerate(most):
        if limit:
            mine = label[present & (ranks == rank)]
            refused |= np.bincount(mine, minlength=len(label)) > limit
    return refused


def _first_met(rows: _Rows, number: int) -> Ints:
    first_met = np.full(number, np.iinfo(np.int64).max)
    np.minimum.at(first_met, rows.values, rows.first[rows.row_of])
    return first_met


def _members(
    label: Ints, chosen: Flags, first_met: Ints, order: Ints, texts: Sequence[str]
) -> tuple[Ints, Ints, Ints]:
    """List the members of each group, its oldest first; when each was met; where each begins."""
    members = np.flatnonzero(chosen)
    sort = np.lexsort((order[members], first_met[members], label[members]))
    members = members[sort]
    keys = [column[members] for column in (label, first_met, order)]
    same = np.ones(max(0, len(members) - 1), bool)
    for key in keys:
        same &= np.diff(key) == 0
    begins = np.flatnonzero(np.diff(label[members], prepend=-1) != 0)
    for begin in begins[np.isin(begins, np.flatnonzero(same))].tolist():
        end = begin + 1
        while end < len(members) and same[end - 1]:
            end += 1
        members[begin:end] = sorted(members[begin:end].tolist(), key=texts.__getitem__)
    return members, first_met[members], begins
