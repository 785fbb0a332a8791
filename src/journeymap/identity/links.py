"""Links between identities: probable ones from outside, and how a customer came to be one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from journeymap.exceptions import ElementError, IdentityError
from journeymap.identity.entries import EvidenceEntry, Node, Value
from journeymap.identity.graph import EvidenceGraph
from journeymap.interactions.interaction import aware_time
from journeymap.interactions.records import Evidence
from journeymap.interactions.values import Identity
from journeymap.model.instants import EPOCH, MICROSECOND
from journeymap.model.rules import as_tuple, each, identifier

__all__ = [
    "EvidenceLink",
    "IdentitySpan",
    "LinkReport",
    "Split",
    "above_threshold",
    "evidence_from_links",
    "find_chain",
    "identity_of",
    "make_link",
    "mark_joining",
]


@frozen
class EvidenceLink:
    """One link in the chain of evidence about a customer.

    Attributes:
        identities: The identities that the source knew as one customer.
        at: When it did so first.
        source: The source.
        batch: The batch that it came with, if any.
        weight: How probable the link is, from 0 to 1, where that was estimated.
        joined: Whether it made one customer of several; what did not, confirms.
        dropped: Identities that it also named and that could not belong, each with the reason.
    """

    identities: tuple[Identity, ...]
    at: datetime
    source: str
    batch: str | None
    weight: float | None
    joined: bool
    dropped: tuple[tuple[Identity, str], ...] = ()


IdentitySpan: TypeAlias = tuple[Identity, int, int]
"""An identity, and from when to when it was a customer's, in microseconds since 1970."""


def identity_of(graph: EvidenceGraph, value: Value) -> Identity:
    """Give the identity of a value."""
    return Identity(graph.space_of(value).name, graph.text_of(value))


def make_link(graph: EvidenceGraph, entry: EvidenceEntry, joined: bool) -> EvidenceLink:
    """Make the link of a piece of evidence, with what it named in vain."""
    gone = dict(entry.dropped)
    gone |= dict.fromkeys(filter(graph.is_shared, entry.values), "it is shared by many")
    return EvidenceLink(
        tuple(identity_of(graph, value) for value in entry.values if value not in gone),
        EPOCH + entry.first * MICROSECOND, entry.source, entry.batch, entry.weight, joined,
        tuple((identity_of(graph, value), reason) for value, reason in gone.items()),
    )  # fmt: skip


def mark_joining(graph: EvidenceGraph, entries: Iterable[EvidenceEntry]) -> list[bool]:
    """Mark, of evidence in its order, the pieces that made one customer of several."""
    stands: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        while stands.setdefault(node, node) != node:
            node = stands[node]
        return node

    joining = []
    for entry in entries:
        roots = {root(node) for node in graph.linked_nodes(entry)}
        joining.append(len(roots) > 1)
        for other in roots:
            stands[other] = min(roots)
    return joining


def find_chain(
    links: Sequence[EvidenceLink], begin: Identity, end: Identity
) -> tuple[EvidenceLink, ...]:  # fmt: skip
    """Find the links that lead from one identity to another, in their order; none if none do."""
    reached: dict[Identity, tuple[Identity, EvidenceLink] | None] = {begin: None}
    waiting = [begin]
    while waiting:
        here = waiting.pop(0)
        for link in links:
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


@frozen
class Split:
    """A ruling that the identities of one side are not the customer of those of the other.

    Attributes:
        one: The identities of one side.
        other: The identities of the other side.
        at: When it was ruled.
        reason: Why.

    Raises:
        ElementError: A side holds something other than identities, or there is no reason.
    """

    one: tuple[Identity, ...] = field(converter=as_tuple, validator=each(Identity))
    other: tuple[Identity, ...] = field(converter=as_tuple, validator=each(Identity))
    at: datetime = field(validator=aware_time)
    reason: str = field(validator=identifier)

    def without(self, gone: Sequence[Identity]) -> Split | None:
        """Leave out some identities.

        Args:
            gone: The identities.

        Returns:
            The ruling about the others; None where one of its sides is empty then.
        """
        one, other = (
            [identity for identity in side if identity not in gone]
            for side in (self.one, self.other)
        )
        return Split(one, other, self.at, self.reason) if one and other else None


@frozen
class LinkReport:
    """The result of taking in probable links.

    Attributes:
        taken: How many were probable enough; a live store leaves those out that name a customer
            who was forgotten after their time.
        weak: How many were below the threshold, or had no weight.
    """

    taken: int
    weak: int


def evidence_from_links(
    rows: Iterable[Mapping[str, Any]],
    *,
    namespace: str | Mapping[str, str],
    at: datetime,
    source: str,
    left: str = "unique_id_l",
    right: str = "unique_id_r",
    weight: str = "match_probability",
    datasets: tuple[str, str] = ("source_dataset_l", "source_dataset_r"),
) -> Iterator[Evidence]:
    """Read pairs with a probability each as evidence: Splink's predictions, or any other table.

    Args:
        rows: The pairs, as mappings.
        namespace: The namespace of the identities in both columns; or that of each data set.
        at: When the estimate was made.
        source: Who made it.
        left: The column of one identity.
        right: The column of the other.
        weight: The column of the probability, from 0 to 1.
        datasets: The columns of the data sets that the identities are from, where there are any.
            Of one namespace, identities of several data sets are kept apart as ``DATASET:ID``.

    Yields:
        One piece of evidence for each pair.

    Raises:
        IdentityError: A row lacks a column, its weight is no number from 0 to 1, or its data set
            has no namespace.

    >>> from datetime import UTC
    >>> rows = [{"unique_id_l": 1, "unique_id_r": 2, "match_probability": 0.97}]
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> [pair] = evidence_from_links(rows, namespace="record", at=now, source="splink")
    >>> pair.weight
    0.97
    """
    for place, row in enumerate(rows, 1):
        try:
            pair = (row[left], row[right])
            probability = float(row[weight])
        except KeyError as error:
            message = f"row {place} has no column {error.args[0]!r}"
            raise IdentityError(source, message) from None
        except (TypeError, ValueError):
            raise IdentityError(
                source, f"row {place}: {weight!r} is {row[weight]!r}, which is no number"
            ) from None
        if not 0 <= probability <= 1:
            raise IdentityError(
                source,
                f"row {place}: {weight!r} is {row[weight]!r}; a number between 0 and 1 is expected",
            )
        of = [row.get(column) for column in datasets]
        named = [
            _identity(namespace, dataset, value, f"{source}: row {place}")
            for dataset, value in zip(of, pair, strict=True)
        ]
        yield Evidence(named, at, source, weight=probability)


def _identity(
    namespace: str | Mapping[str, str], dataset: object, value: object, where: str
) -> Identity:
    if isinstance(namespace, str):
        return Identity(namespace, str(value) if dataset is None else f"{dataset}:{value}")
    space = namespace.get(str(dataset))
    if space is None:
        known = ", ".join(map(repr, namespace))
        message = f"the data set {dataset!r} has no namespace (known: {known})"
        raise IdentityError(where, message)
    return Identity(space, str(value))


def above_threshold(
    pairs: Iterable[Evidence], *, threshold: float, batch: str
) -> tuple[list[Evidence], LinkReport]:
    """Select the links that are probable enough, as evidence of a batch.

    Args:
        pairs: Evidence with weights.
        threshold: The least weight to take, from 0 to 1.
        batch: The name under which they may be withdrawn together.

    Returns:
        The evidence taken, and how many were taken and too weak.

    Raises:
        ElementError: The threshold lies outside 0 to 1, or a pair is no evidence.
    """
    if not 0 <= threshold <= 1:
        raise ElementError(
            "Identities", "threshold", threshold, "a number between 0 and 1 is expected"
        )
    strong, weak = [], 0
    for pair in pairs:
        if not isinstance(pair, Evidence):
            raise ElementError("Identities", "pairs", pair, "Evidence with a weight is expected")
        if pair.weight is not None and pair.weight >= threshold:
            strong.append(evolve(pair, batch=batch))
        else:
            weak += 1
    return strong, LinkReport(len(strong), weak)
