"""Whole numbers put in order by counting them, which takes no comparison.

Sorting by comparison takes a time that depends on the processor by a factor of seven; counting how
many there are of each, and putting each in its place, does not (Seward 1954). SciPy does it when a
sparse matrix is turned from rows to columns, and keeps equal ones in the order in which they were.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["group_by_code", "group_stretches", "order_numbers", "sort_numbers"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_FEW = 1 << 14  # so few are sorted as fast by comparison
_DIGIT = 18  # bits by which numbers are put in order at once, at most
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
    from scipy import sparse  # reading a log alone does without it

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
    digits, width = _digits(numbers)
    if len(numbers) < _FEW or digits > _MAX_DIGITS:
        numbers.sort()
        return numbers
    for place in range(digits):  # the last digit first; each keeps the order of those before it
        numbers, _ = group_by_code(_digit(numbers, place, width), 1 << width, numbers)
    return numbers


def order_numbers(*columns: Any) -> Any:
    """Find the order of rows by several whole numbers of each, none negative, the first first.

    Args:
        *columns: The numbers. Rows in which all are equal stay in the order in which they are.

    Returns:
        The places of the rows, in order.
    """
    size = len(columns[0])
    if size < _FEW or size >= 1 << 31:
        return np.lexsort(columns[::-1])
    order: Any = None
    for numbers in columns[::-1]:
        digits, width = _digits(numbers)
        for place in range(digits):
            codes = _digit(numbers, place, width)
            before = np.arange(size, dtype=np.int32) if order is None else order
            codes = codes if order is None else codes[order]
            order, _ = group_by_code(codes, 1 << width, before)
    return np.arange(size) if order is None else order.astype(np.int64)


def _digits(numbers: Any) -> tuple[int, int]:
    """Find how many digits the numbers have, and their bits."""
    bits = int(numbers.max()).bit_length() if len(numbers) else 0
    digits = -(-bits // _DIGIT)
    return digits, -(-bits // max(digits, 1))


def _digit(numbers: Any, place: int, width: int) -> Any:
    kind = numbers.dtype.type
    return (numbers >> kind(place * width)) & kind((1 << width) - 1)
