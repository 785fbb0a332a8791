"""Errors of ratios whose rows come in clusters: the contacts of a customer are alike.

What is summed is whole numbers, so that the sums of parts are those of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from journeymap.analysis.table.part import Ints

__all__ = ["Products", "find_error", "find_size", "sum_products"]

Products: TypeAlias = dict[tuple[str, str], tuple[int, int, int, int]]
"""For two groups, sums over customers of products: of the counts of both, of the count of one and
the total of the other, the other way round, and of both totals."""
_BITS = 20
_MASK = (1 << _BITS) - 1


def sum_products(
    customer: Ints, group: Ints, names: tuple[str, ...], count: Ints, total: Ints
) -> Products:
    """Sum products of counts and totals over customers, for each group and each two of them.

    Args:
        customer: The customer of each row, as a number.
        group: The group of each row, as a place in the names.
        names: The groups.
        count: What each row counts: 1, or 0 where its number is not known.
        total: The number of each row, a whole one from 0 up.
    """
    if not len(customer):
        return {}
    key = customer.astype(np.int64) * len(names) + group
    order = np.argsort(key, kind="stable")
    key = key[order]
    begins = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    counts, totals = (
        [np.add.reduceat(limb, begins) for limb in _limbs(column[order].astype(np.int64))]
        for column in (count, total)
    )
    owner, place = np.divmod(key[begins], len(names))
    found: Products = {}
    for shift in range(len(names)):
        one = np.arange(len(owner) - shift)
        one = one[owner[one] == owner[one + shift]]
        if not len(one):
            break
        _add_pairs(found, names, place, (counts, totals), one, one + shift)
    return found


def _add_pairs(
    found: Products, names: tuple[str, ...], place: Ints, sums_: tuple[list[Ints], list[Ints]],
    one: Ints, other: Ints,
) -> None:  # fmt: skip
    pair = place[one] * len(names) + place[other]
    order = np.argsort(pair, kind="stable")
    pair, one, other = pair[order], one[order], other[order]
    begins = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
    sums = [
        _exact_sums([limb[one] for limb in a], [limb[other] for limb in b], begins)
        for a in sums_
        for b in sums_
    ]
    for number, both in enumerate(pair[begins].tolist()):
        a, b = divmod(both, len(names))
        nn, ns, sn, ss = (column[number] for column in sums)
        first, second = names[a], names[b]
        if first > second:  # the same way round in every part
            first, second, ns, sn = second, first, sn, ns
        had = found.get((first, second), (0, 0, 0, 0))  # of customers with others between
        found[first, second] = (had[0] + nn, had[1] + ns, had[2] + sn, had[3] + ss)


def _exact_sums(one: list[Ints], other: list[Ints], begins: Ints) -> list[int]:
    """Sum products by group without overflow: in limbs, of which products are small.

    A limb is a sum of a customer's limbs: it is carried over where it has become large.
    """
    sums = [0] * len(begins)
    for i, a in enumerate(_carried(one)):
        for j, b in enumerate(_carried(other)):
            part = np.add.reduceat(a * b, begins).tolist()
            sums = [had + (more << (_BITS * (i + j))) for had, more in zip(sums, part, strict=True)]
    return sums


def _limbs(numbers: Ints) -> list[Ints]:
    """Divide numbers into parts of so many bits, the lowest first."""
    found = [numbers & _MASK]
    while (numbers := numbers >> _BITS).any():
        found.append(numbers & _MASK)
    return found


def _carried(limbs: list[Ints]) -> list[Ints]:
    """Carry over what a limb has beyond its bits."""
    found, carry = [], np.zeros(1, dtype=np.int64)
    for limb in limbs:
        whole = limb + carry
        found.append(whole & _MASK)
        carry = whole >> _BITS
    while carry.any():
        found.append(carry & _MASK)
        carry = carry >> _BITS
    return found


def find_error(products: Products, weights: Mapping[str, tuple[Fraction, Fraction]]) -> float:
    """Find the standard error of a difference of ratios, by the spread between customers.

    For each customer, what they add to it is squared (Taylor linearization; Cochran 1977).

    Args:
        products: Those of each two groups.
        weights: How each group enters: what its total is multiplied by, and its count.
    """
    kinds = list(dict.fromkeys(weights.values()))
    place = {group: kinds.index(weight) for group, weight in weights.items()}
    sums: dict[tuple[int, int], list[int]] = {}  # of groups that enter alike, together
    for (one, other), products_ in products.items():
        if one in place and other in place:
            times = 1 if one == other else 2
            mine = sums.setdefault((place[one], place[other]), [0, 0, 0, 0])
            for number, product in enumerate(products_):
                mine[number] += times * product
    variance = Fraction(0)
    for (first, second), (nn, ns, sn, ss) in sums.items():
        (a, b), (c, d) = kinds[first], kinds[second]
        variance += b * d * nn + b * c * ns + a * d * sn + a * c * ss
    return math.sqrt(max(variance, Fraction(0)))


def find_size(share: float, n: int, error: float, squares: int) -> float:
    """Find how many independent rows would give as sure a share.

    Args:
        share: The share.
        n: The rows.
        error: Its standard error by customers.
        squares: The sum of the squares of the customers' rows.
    """
    if not n:
        return 0.0
    least = n * n / squares if squares else float(n)  # as if all rows of a customer were one
    if not 0 < share < 1 or not error:
        return least
    return min(float(n), max(share * (1 - share) / error**2, 1.0))
