"""A source made of rows and a mapping: most sources are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

from attrs import field, frozen

from journeymap.adapters.mapping.applying import Mapped
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.source import Batch, Broken, Claim
from journeymap.exceptions import SourceError
from journeymap.interactions import Record

__all__ = ["ALL", "Feed", "Filling", "Row", "RowSource", "mark_of", "shown"]

Row: TypeAlias = tuple[int, Mapping[str, Any]]
Feed: TypeAlias = Callable[[], Iterator[Row | Broken]]
ALL: frozenset[Claim] = frozenset({"repeats", "resumes", "sets aside"})
_BATCH = 1000


@frozen
class RowSource:
    """Rows of anything, each its line and what it holds, read by a mapping.

    ``rows`` begins anew whenever it is called. A cursor counts rows and remembers the first and
    the last of them: what was read is read over again and left out, and where it is not what it
    was, SourceError says so. A last row that is cut short is not passed: it may be written still.

    >>> from journeymap.adapters.mapping.mapping import columns_mapping
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
    claims: frozenset[Claim] = field(default=ALL, repr=False, kw_only=True)
    batch: int = field(default=_BATCH, repr=False, kw_only=True)

    @property
    def name(self) -> str:
        """The source that the mapping names."""
        return self.mapping.source

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """The rows as batches of records; see `Source`."""
        done, first, last = (0, "", "") if cursor is None else self._begun(cursor)
        passed = 0
        earlier: Row | Broken | None = None
        before: Row | Broken | None = None
        filling = Filling(Mapped(self.mapping))
        for row in self.rows():
            passed += 1
            if passed == 1:
                mark = mark_of(row)
                if done and mark != first:
                    raise self._other()
                first = mark
            if passed == done and mark_of(row) != last:
                raise self._other()
            if passed > done:
                if filling.rows >= self.batch:
                    yield filling.batch(_cursor(passed - 1, first, before))
                filling.add(row)
            earlier, before = before, row
        if passed < done:
            raise SourceError(self.where, f"it has {passed} rows; {done} of it were read before")
        if filling.rows:
            if isinstance(before, Broken) and before.unfinished:
                passed, before = passed - 1, earlier
            yield filling.batch(_cursor(passed, first, before))

    def _other(self) -> SourceError:
        return SourceError(self.where, "what was read before is not there any more: begin anew")

    def _begun(self, cursor: str) -> tuple[int, str, str]:
        try:
            told = json.loads(cursor)
            done, first, last = told["rows"], told["first"], told["last"]
            fits = isinstance(done, int) and done >= 0
        except (ValueError, TypeError, KeyError, RecursionError):
            fits = False
        if not fits:
            raise SourceError(self.where, "this is no cursor of such a source")
        return done, first, last


class Filling:
    """A batch that is being filled: of each row its records, or why there are none."""

    def __init__(self, mapped: Mapped | None) -> None:
        self._mapped = mapped
        self.rows = 0
        self._records: list[Record] = []
        self._broken: list[Broken] = []

    def add(self, row: Row | Broken, mapped: Mapped | None = None) -> None:
        """One more row, read by a mapping of its own, if one is given."""
        self.rows += 1
        if isinstance(row, Broken):
            self._broken.append(row)
            return
        by = mapped or self._mapped
        made = "no mapping" if by is None else by.records(row[1], row[0])
        if isinstance(made, str):
            self._broken.append(Broken(row[0], made, shown(row[1])))
        else:
            self._records += made

    def batch(self, cursor: str) -> Batch:
        """What it holds, as a batch; then it is empty again."""
        made = Batch(tuple(self._records), tuple(self._broken), self.rows, cursor)
        self._records, self._broken, self.rows = [], [], 0
        return made


def mark_of(row: Row | Broken) -> str:
    """A mark of a row and its line, by which it is known again."""
    told = (row.line, row.held) if isinstance(row, Broken) else (row[0], *row[1].items())
    text = repr(told)[:100_000]
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def _cursor(rows: int, first: str, last: Row | Broken | None) -> str:
    mark = "" if last is None else mark_of(last)
    return json.dumps({"rows": rows, "first": first, "last": mark})


def shown(row: Any) -> str:
    """The beginning of a row that is set aside, as text."""
    try:
        text = json.dumps(row, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        text = repr(row)
    return text[:2000].encode("utf-8", "backslashreplace").decode()
