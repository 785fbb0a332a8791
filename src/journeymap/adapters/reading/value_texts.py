"""Values of programs as texts: what a file would hold in their place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from journeymap.adapters.reading.numbers import DecimalMark, number_text

__all__ = ["is_missing", "value_text"]


def is_missing(value: Any) -> bool:
    """Check for None, and for NaN, NaT and NA, which are not equal to themselves.

    Args:
        value: Any value.

    Returns:
        True if it stands for none.
    """
    if value is None or isinstance(value, (str, int)):
        return value is None
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # NA is neither equal nor unequal; an array has no one answer
        return type(value).__name__ == "NAType"


def value_text(value: Any, mark: DecimalMark | None = None, *, nested: bool = False) -> str | None:
    """Write a value as a file would hold it.

    Args:
        value: The value; those of numpy are taken for the numbers that they are.
        mark: What stands before the decimals of numbers (None: a point).
        nested: Whether lists and mappings are written as JSON.

    Returns:
        The text; None for what is missing, for bytes, and for lists and mappings that are not to
        be written.
    """
    if value is None or isinstance(value, str):
        return value
    if getattr(value, "ndim", 0) or getattr(getattr(value, "dtype", None), "kind", "") in _NUMPY:
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        listed = list(value) if isinstance(value, (set, frozenset)) else value
        return json.dumps(listed, ensure_ascii=False, default=str) if nested else None
    if isinstance(value, bytes) or is_missing(value):
        return None
    if isinstance(value, (int, float, Decimal)):
        return number_text(value, mark)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return str(value)


_NUMPY = frozenset("biuf")
"""Kinds of numpy's booleans and numbers."""
