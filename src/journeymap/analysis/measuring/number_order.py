"""Whole numbers put in order by counting them, which takes no comparison.

Sorting by comparison takes a time that depends on the processor by a factor of seven; counting how
many there are of each, and putting each in its place, does not (Seward 1954). SciPy does it when a
sparse matrix is turned from rows to columns, and keeps equal ones in the order in which they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from journeymap.analysis.table.part import Ints

__all__ = ["group_by_code", "group_stretches", "sort_numbers"]

_FEW = 1 << 14  # so few are sorted as fast by comparison
_DIGIT = 16  # bits by which numbers are put in order at once
_MAX_DIGITS = 3


def group_by_code(codes: Ints, size: int, values: Any) -> tuple[Any, Ints]:
    """Put values together by code, those of one code in the order in which they were.

    Args:
        codes: The code of each, from 0.
        size: How many codes there are.
        values: Numbers.

    Returns:
        The values, code by code; and where each code begins among them, and their number.
    """
    columns = _turn(codes, size, np.array([0, len(codes)]), values)
    return columns.data, columns.indptr


def group_stretches(codes: Ints, size: int, bounds: Ints) -> tuple[Ints, Ints]:
    """Put rows together by code, each as the number of the stretch of rows in which it lies.

    Args:
        codes: The code of each row, from 0.
        size: How many codes there are.
        bounds: Where each stretch begins, and the number of rows.

    Returns:
        The stretches, in order within each code; and where each code begins among them, and the
        number of rows.
    """
    columns = _turn(codes, size, bounds, np.ones(len(codes), dtype=np.int8))
    return columns.indices, columns.indptr


def _turn(codes: Ints, size: int, bounds: Ints, values: Any) -> Any:
    """Turn a matrix of stretches by codes from rows to columns."""
    shape = (len(bounds) - 1, size)
    places, ends = (one.astype(np.int32, copy=False) for one in (codes, bounds))
    return sparse.csr_array((values, places, ends), shape=shape).tocsc()


def sort_numbers(numbers: Any) -> Any:
    """Sort whole numbers, none of them negative; the array that is given may be sorted itself.

    Args:
        numbers: The numbers, in 32 or 64 bits.

    Returns:
        The numbers in order.
    """
    bits = int(numbers.max()).bit_length() if len(numbers) else 0
    digits = -(-bits // _DIGIT)
    if len(numbers) < _FEW or digits > _MAX_DIGITS:
        numbers.sort()
        return numbers
    width = -(-bits // max(digits, 1))
    kind = numbers.dtype.type
    for digit in range(digits):  # the last digit first; each keeps the order of those before it
        codes = (numbers >> kind(digit * width)) & kind((1 << width) - 1)
        numbers, _ = group_by_code(codes, 1 << width, numbers)
    return numbers
