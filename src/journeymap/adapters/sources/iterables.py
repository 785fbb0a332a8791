"""Sources that are in the program: any iterable of mappings or of Arrow batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.source import Claim, RejectedRow
from journeymap.adapters.sources.row_source import Row, RowSource
from journeymap.exceptions import require

__all__ = ["iterable_source"]


def iterable_source(items: Iterable[Any], mapping: PayloadMapping) -> RowSource:
    """Make a source of mappings, lists of mappings, Arrow batches or tables, in any mixture.

    So a dlt resource works, a frame by itself, a generator of webhook payloads, a list. An iterator
    can be read only once.

    Args:
        items: The payloads.
        mapping: The mapping of the payloads.

    Returns:
        The source.

    >>> from journeymap.adapters.mapping.mapping import columns_mapping
    >>> calls = columns_mapping("calls", at="when", identities={"phone": "nr"})
    >>> source = iterable_source([{"when": "2026-03-01T09:00:00Z", "nr": "555"}, 7], calls)
    >>> [batch] = source.read()
    >>> len(batch.records), batch.rejected[0].reason
    (1, 'neither a mapping nor an Arrow batch')
    """
    if isinstance(items, Mapping) or _is_arrow(items):
        items = [items]
    repeatable = iter(items) is not items
    claims: frozenset[Claim] = frozenset({"sets aside"})
    if repeatable:
        claims |= frozenset[Claim]({"repeats", "resumes"})
    # An iterator may give one object again and again, and change it in between.
    return RowSource("the items", lambda: _rows(items), mapping, claims=claims,
                     fleeting=not repeatable)  # fmt: skip


def _is_arrow(item: Any) -> bool:
    return hasattr(item, "__arrow_c_array__") or hasattr(item, "__arrow_c_stream__")


def _rows(items: Iterable[Any]) -> Iterator[Row | RejectedRow]:
    place = 0
    for item in items:
        for one in _several(item):
            place += 1
            if isinstance(one, Mapping):
                yield place, one
            else:
                yield RejectedRow(place, "neither a mapping nor an Arrow batch", repr(one)[:200])


def _several(item: Any) -> Iterable[Any]:
    if isinstance(item, Mapping):
        return (item,)
    if isinstance(item, (list, tuple)):
        return item
    if _is_arrow(item):
        require("analysis", "polars")
        import polars as pl

        from journeymap.adapters.tables.calendar_bounds import iterate_rows

        return iterate_rows(pl.DataFrame(item))
    return (item,)
