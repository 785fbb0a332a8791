"""Recommenders: the first name that an interaction of a customer gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Flags, Ints, Part

__all__ = ["Recommended", "find_parents", "find_referrers"]


@frozen(eq=False)
class Recommended:
    """Customers, with who recommended each, and when each began.

    Attributes:
        names: Their names.
        referrers: The name of who recommended each (None: no one did).
        first: When each came first, also before a view begins.
    """

    names: tuple[str, ...]
    referrers: tuple[str | None, ...]
    first: Ints

    @classmethod
    def of(cls, part: Part) -> Recommended:
        """Find those of a part; no one is recommended where that is not recorded."""
        if not len(part):
            return cls((), (), np.zeros(0, dtype=np.int64))
        begins = np.flatnonzero(np.append(True, part.owners[1:] != part.owners[:-1]))
        owners = part.owners[begins]
        known = find_referrers(part)
        return cls(
            tuple(part.ids.gather(begins.astype(np.uint32)).to_list()),
            tuple(known.get(owner) for owner in owners.tolist()),
            _find_beginnings(part.unbounded, owners),
        )

    def merge(self, other: Recommended) -> Recommended:
        """Join those of two parts."""
        return Recommended(
            self.names + other.names, self.referrers + other.referrers,
            np.concatenate([self.first, other.first]),
        )  # fmt: skip

    def links(self) -> Iterator[tuple[str, str]]:
        """List who was won by whom.

        Yields:
            The name of each who was won, and of who won them.
        """
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        names = [self.names[place] for place in order]
        referrers = [self.referrers[place] for place in order]
        parent, _, _ = find_parents(names, referrers, self.first[order])
        for name, above in zip(names, parent.tolist(), strict=True):
            if above >= 0:
                yield name, names[above]


def _find_beginnings(whole: Part, owners: Ints) -> Ints:
    """Find when customers came first, also before a view begins."""
    starts = np.flatnonzero(np.append(True, whole.owners[1:] != whole.owners[:-1]))
    times = np.minimum.reduceat(whole.at, whole.offsets[starts])
    found = dict(zip(whole.owners[starts].tolist(), times.tolist(), strict=True))
    return np.array([found[owner] for owner in owners.tolist()], dtype=np.int64)


def find_referrers(part: Part) -> dict[int, str]:
    """Find who recommended the customers of a part, as the part numbers them.

    Args:
        part: The part.

    Returns:
        The name of who recommended, by the number of the customer; those without one are left out.
    """
    if not len(part) or not part.records("referred_by"):
        return {}
    names, codes = part.names("referred_by"), part.codes("referred_by")
    rows = np.flatnonzero(codes)
    times = part.at[rows] if part.scope.timed else rows
    rows = rows[np.lexsort((times, part.customer[rows]))][::-1]  # so that the first is kept
    owners = part.customer[rows].tolist()
    return {
        owner: str(names[code]) for owner, code in zip(owners, codes[rows].tolist(), strict=True)
    }


def find_parents(
    names: Sequence[str], referrers: Sequence[str | None], first: Ints
) -> tuple[Ints, Flags, int]:
    """Find who won whom, as places in the names.

    A recommendation does not count by whom the customer came before, nor one that closes a circle.

    Args:
        names: The customers.
        referrers: The name of who recommended each (None: no one did).
        first: When each began.

    Returns:
        The place of who won each (−1: no one), marks for those who were won by a customer who is
        not among the names, and how many recommendations do not count.
    """
    place_of = {name: place for place, name in enumerate(names)}
    parent = np.full(len(names), -1, dtype=np.int64)
    stranger = np.zeros(len(names), dtype=bool)
    refused = 0
    won = np.array([place for place, by in enumerate(referrers) if by is not None], dtype=np.int64)
    for one in won[np.argsort(first[won], kind="stable")].tolist():
        by = str(referrers[one])
        if by not in place_of:
            stranger[one] = True
            continue
        above = place_of[by]
        early = bool(first[above] <= first[one])
        while early and above not in (-1, one):
            above = int(parent[above])
        if early and above == -1:
            parent[one] = place_of[by]
        else:
            refused += 1
    return parent, stranger, refused
