"""Resampling of customers, from which the variance of any answer is estimated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np
from attrs import frozen

from journeymap.analysis.measuring.sequences import hash_sequences
from journeymap.analysis.question import Question
from journeymap.analysis.table.part import Ints, Part, Scope

__all__ = ["GROUPS", "HALVES", "Resampled", "Resampling", "assign_groups", "hash_customers",
           "keep_lowest"]  # fmt: skip

GROUPS = 16
"""Groups of customers: a power of two, few enough that each question is measured quickly."""
HALVES = tuple(
    tuple(group for group in range(GROUPS) if (group & half).bit_count() % 2 == 0)
    for half in range(1, GROUPS)
)
"""The groups of each half, from the rows of a Hadamard matrix: two groups share 7 of 15 halves."""
_BYTES = tuple(str(number) for number in range(256))


@frozen
class Resampled:
    """An answer, the answers of each half of the groups, and which groups have customers."""

    whole: Any
    halves: tuple[Any, ...]
    there: tuple[bool, ...]


@frozen
class Resampling:
    """A question asked of sixteen groups of customers apart, and answered of halves of them."""

    question: Question[Any]

    def measure(self, part: Part) -> tuple[list[bool], list[Any]]:
        """Measure each group."""
        dealt = assign_groups(part, GROUPS)
        groups = [_Group(group).apply(part, dealt) for group in range(GROUPS)]
        there = [len(group) > 0 for group in groups]
        return there, [self.question.measure(group) for group in groups]

    def merge(self, one: Any, other: Any) -> tuple[list[bool], list[Any]]:
        """Merge group by group."""
        merge = self.question.merge
        there = [a or b for a, b in zip(one[0], other[0], strict=True)]
        return there, [merge(a, b) for a, b in zip(one[1], other[1], strict=True)]

    def answer(self, measured: Any, scope: Scope) -> Resampled:
        """Answer for all groups, and for each half of them."""
        there, groups = measured
        answer = self.question.answer
        briefly = getattr(self.question, "answer_briefly", answer)

        def together(chosen: Iterable[int]) -> Any:
            return reduce(self.question.merge, (groups[group] for group in chosen))

        halves = tuple(briefly(together(half), scope) for half in HALVES)
        return Resampled(answer(together(range(GROUPS)), scope), halves, tuple(there))


@frozen
class _Group:
    """A view of the customers of one group."""

    number: int

    def apply(self, part: Part, dealt: Ints | None = None) -> Part:
        """Select the journeys of the group's customers."""
        chosen = (assign_groups(part, GROUPS) if dealt is None else dealt) == self.number
        lengths = np.diff(part.offsets)
        rows = np.flatnonzero(np.repeat(chosen, lengths))
        offsets = np.append(0, np.cumsum(lengths[chosen]))
        return part.select_rows(rows, offsets, part.owners[chosen]).marked_seen(part, self)

    def without_bounds(self) -> _Group:
        """Return the group unchanged: it has no bounds in time."""
        return self


def assign_groups(part: Part, groups: int) -> Ints:
    """Assign each journey to a group by its customer's name, the same in every engine."""
    found: Ints = ((hash_customers(part) >> np.uint64(32)) % np.uint64(groups)).astype(np.int64)
    return found


def hash_customers(part: Part) -> Any:
    """Hash the customer's name of each journey to 64 bits, the same in every engine."""
    text = "".join(part.ids.to_list()).encode()
    offsets = np.append(0, np.cumsum(part.ids.str.len_bytes().to_numpy())).astype(np.int64)
    mixed = hash_sequences(np.frombuffer(text, dtype=np.uint8), offsets, _BYTES)
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58_476D_1CE4_E5B9)


def keep_lowest(hashes: Any, most: int) -> tuple[Ints, bool]:
    """Keep the rows of so many customers at most, those whose hashes are lowest.

    The same customers are kept whichever parts they came in, and in whatever order.

    Args:
        hashes: The hash of each row's customer.
        most: How many customers are kept.

    Returns:
        The places of the rows, in order of the hashes, and whether any were left out.
    """
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    number = np.cumsum(np.diff(ordered, prepend=ordered[:1]) > 0)
    kept: Ints = order[number < most]
    return kept, len(kept) < len(order)
