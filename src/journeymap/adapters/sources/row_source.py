"""A source made of rows and a mapping: most sources are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any, TypeAlias

from attrs import field, frozen

from journeymap.adapters.mapping.applying import AppliedMapping, MappedPayload, row_text
from journeymap.adapters.mapping.mapping import PayloadMapping
from journeymap.adapters.reading.text_rows import OpenRow
from journeymap.adapters.source import Batch, Claim, DroppedValue, RejectedRow
from journeymap.exceptions import SourceError
from journeymap.interactions import Record

__all__ = ["ALL", "BatchBuilder", "Feed", "Row", "RowSource", "fingerprint"]

Row: TypeAlias = tuple[int, Mapping[str, Any]]
Feed: TypeAlias = Callable[[], Iterator[Row | RejectedRow]]
ALL: frozenset[Claim] = frozenset({"repeats", "resumes", "sets aside"})
_BATCH = 1000  # rows: enough for speed, few enough to be read again after a failure


@frozen
class RowSource:
    """Rows of any kind, each with its line, read by a mapping.

    A cursor counts rows and remembers the first and the last of them: rows that were read are
    passed over, and SourceError is raised where they are not the same any more. A last row that is
    cut short is not passed: it may be written still.

    Attributes:
        where: The place, as errors name it.
        rows: Gives the rows; called anew for each reading.
        mapping: The mapping of the rows.
        claims: What the source can do.
        batch: How many rows a batch holds.
        fleeting: Whether who gives a row may change it afterwards.

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
    fleeting: bool = field(default=False, repr=False, kw_only=True)

    @property
    def name(self) -> str:
        """The source that the mapping names."""
        return self.mapping.source

    @property
    def timezone(self) -> str | None:
        """The zone that the mapping names, in which periods are those of the source."""
        return self.mapping.timezone

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """See `Source.read`."""
        done, first, last, tail = (0, "", "", "") if cursor is None else self._begun(cursor)
        passed = 0
        earlier: Row | RejectedRow | None = None
        before: Row | RejectedRow | None = None
        filling = BatchBuilder(AppliedMapping(self.mapping), fleeting=self.fleeting)
        for row in self.rows():
            passed += 1
            if passed == 1:
                mark = fingerprint(row)
                if done and mark != first:
                    raise self._other()
                first = mark
            if passed == done and fingerprint(row) != last:
                raise self._other()
            if passed > done:
                if filling.rows >= self.batch:
                    yield filling.batch(_cursor(passed - 1, first, before))
                if not tail or passed > done + 1:
                    filling.add(row)
                elif fingerprint(row) != tail:
                    filling.add(row)
                    filling.add(_written_since(row))
            earlier, before = before, row
        if passed < done:
            raise SourceError(self.where, f"it has {passed} rows; {done} of it were read before")
        if filling.rows:
            tail = fingerprint(before) if isinstance(before, OpenRow) else ""
            if tail or (isinstance(before, RejectedRow) and before.unfinished):
                passed, before = passed - 1, earlier
            yield filling.batch(_cursor(passed, first, before, tail))

    def _other(self) -> SourceError:
        return SourceError(self.where, "what was read before is not there any more: begin anew")

    def _begun(self, cursor: str) -> tuple[int, str, str, str]:
        try:
            data = json.loads(cursor)
            done, first, last = data["rows"], data["first"], data["last"]
            tail = data.get("tail", "")
            fits = isinstance(done, int) and done >= 0
        except (ValueError, TypeError, KeyError, RecursionError):
            fits = False
        if not fits:
            raise SourceError(self.where, "this is no cursor of such a source")
        return done, first, last, tail


class BatchBuilder:
    """A batch that is being filled: of each row its records, or why there are none."""

    def __init__(self, mapped: AppliedMapping | None, *, fleeting: bool = False) -> None:
        self._mapped, self._fleeting = mapped, fleeting
        self._rows: list[tuple[Row | RejectedRow | MappedPayload, AppliedMapping | None]] = []

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self._rows)

    def add(self, row: Row | RejectedRow, mapped: AppliedMapping | None = None) -> None:
        """Add one row to the batch, read by ``mapped`` if it is given, else by the own mapping."""
        by = mapped or self._mapped
        if self._fleeting and by is not None and not isinstance(row, RejectedRow):
            line, payload = row
            if type(payload) is dict and not any(map(_is_changeable, payload.values())):
                row = line, dict(payload)
            else:
                self._rows.append((by.apply(payload, line), None))
                return
        self._rows.append((row, by))

    def batch(self, cursor: str) -> Batch:
        """Make a batch of the rows so far, and begin the next one."""
        records: list[Record] = []
        rejected: list[RejectedRow] = []
        dropped: list[DroppedValue] = []
        for made in self._apply():
            if isinstance(made, Record):
                records.append(made)
            else:
                records += made.records
                rejected += made.rejected
                dropped += made.dropped
        batch = Batch(tuple(records), tuple(rejected), self.rows, cursor, tuple(dropped))
        self._rows = []
        return batch

    def _apply(self) -> Iterator[Record | MappedPayload]:
        """Apply each mapping to all of its rows at once; what they give comes in their order."""
        read: dict[AppliedMapping, list[Row]] = {}
        for row, by in self._rows:
            if by is not None and isinstance(row, tuple):
                read.setdefault(by, []).append(row)
        made = {by: iter(by.apply_all(rows)) for by, rows in read.items()}
        for row, by in self._rows:
            if isinstance(row, MappedPayload):
                yield row
            elif isinstance(row, RejectedRow):
                yield MappedPayload(rejected=(row,))
            elif by is None:
                reason = RejectedRow(row[0], "no mapping", row_text(row[1]))
                yield MappedPayload(rejected=(reason,))
            else:
                yield next(made[by])


def _is_changeable(value: Any) -> bool:
    return not isinstance(value, (str, int, float, date, Decimal, type(None)))


def fingerprint(row: Row | RejectedRow) -> str:
    """Make a mark of a row and its line, by which it is recognised."""
    content = (row.line, row.held) if isinstance(row, RejectedRow) else (row[0], *row[1].items())
    text = repr(content)[:100_000]
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def _cursor(rows: int, first: str, last: Row | RejectedRow | None, tail: str = "") -> str:
    """Write a cursor; ``tail`` is the mark of a row after it that may be written still."""
    mark = "" if last is None else fingerprint(last)
    open_ = {"tail": tail} if tail else {}
    return json.dumps({"rows": rows, "first": first, "last": mark, **open_})


def _written_since(row: Row | RejectedRow) -> RejectedRow:
    """Reject what was read of a row before its line was written to the end."""
    line, held = (
        (row.line, row.held) if isinstance(row, RejectedRow) else (row[0], row_text(row[1]))
    )
    reason = "its line was still being written when it was read first: correct what was recorded"
    return RejectedRow(line, reason, held)
