"""A source made of rows and a mapping: most sources are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from journeymap.adapters.mapped import Mapped
from journeymap.adapters.mapping import PayloadMapping
from journeymap.adapters.sourcing import Batch, Broken, Claim
from journeymap.exceptions import SourceError
from journeymap.interactions import Record

__all__ = ["ALL", "Feed", "Row", "RowSource", "mapped_batch", "shown"]

Row: TypeAlias = tuple[int, Mapping[str, Any]]
Feed: TypeAlias = Callable[[], Iterator[Row | Broken]]
ALL: frozenset[Claim] = frozenset({"repeats", "resumes", "sets aside"})
_BATCH = 1000


@frozen
class RowSource:
    """Rows of anything, each its line and what it holds, read by a mapping.

    ``rows`` begins anew whenever it is called; ``mark`` tells what is read from another thing of
    the same name, so that a cursor is not used on the wrong one. A cursor counts rows: what was
    read is read over again, and left out.

    >>> from journeymap.adapters.mapping import columns_mapping
    >>> calls = columns_mapping("calls", at="when", identities={"phone": "nr"}, touchpoint="what")
    >>> row = {"when": "2026-03-01T09:00:00Z", "nr": "555", "what": "called"}
    >>> source = RowSource("calls", lambda: iter([(1, row)]), calls)
    >>> [batch] = source.read()
    >>> batch.records[0].interaction.touchpoint
    'called'
    """

    where: str
    rows: Feed = field(repr=False)
    mapping: PayloadMapping = field(repr=lambda mapping: repr(mapping.id))
    mark: Callable[[], str] = field(default=str, repr=False, kw_only=True)
    claims: frozenset[Claim] = field(default=ALL, repr=False, kw_only=True)
    batch: int = field(default=_BATCH, repr=False, kw_only=True)

    @property
    def name(self) -> str:
        """The source that the mapping names."""
        return self.mapping.source

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """The rows as batches of records; see `Source`."""
        mark = self.mark()
        done = 0 if cursor is None else self._done(cursor, mark)
        mapped = Mapped(self.mapping)
        for piece in self._pieces(done):
            done += len(piece)
            yield mapped_batch(piece, mapped, json.dumps({"rows": done, "mark": mark}))

    def _pieces(self, done: int) -> Iterator[list[Row | Broken]]:
        piece: list[Row | Broken] = []
        passed = 0
        for row in self.rows():
            passed += 1
            if passed <= done:
                continue
            piece.append(row)
            if len(piece) == self.batch:
                yield piece
                piece = []
        if passed < done:
            raise SourceError(self.where, f"it has {passed} rows; {done} of it were read before")
        if piece:
            yield piece

    def _done(self, cursor: str, mark: str) -> int:
        try:
            told = json.loads(cursor)
            done, marked = told["rows"], told["mark"]
            fits = isinstance(done, int) and done >= 0
        except (ValueError, TypeError, KeyError, RecursionError):
            fits, marked, done = False, mark, 0
        if not fits:
            raise SourceError(self.where, "this is no cursor of such a source")
        if marked != mark:
            raise SourceError(self.where, "this cursor is of something else of the same name")
        return int(done)


def mapped_batch(piece: list[Row | Broken], mapped: Mapped | None, cursor: str) -> Batch:
    """Rows as a batch: each has become records, or is broken."""
    records: list[Record] = []
    broken: list[Broken] = []
    for row in piece:
        if isinstance(row, Broken):
            broken.append(row)
            continue
        made = "no mapping" if mapped is None else mapped.records(row[1], row[0])
        if isinstance(made, str):
            broken.append(Broken(row[0], made, shown(row[1])))
        else:
            records += made
    return Batch(tuple(records), tuple(broken), len(piece), cursor)


def shown(row: Any) -> str:
    """The beginning of a row that is set aside, as text."""
    try:
        text = json.dumps(row, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        text = repr(row)
    return text[:2000].encode("utf-8", "backslashreplace").decode()
