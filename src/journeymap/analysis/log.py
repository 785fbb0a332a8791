"""The log: recorded interactions of many customers, ordered once, asked often."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from attrs import evolve, frozen

from journeymap.adapters.sources.xes import xes_rows
from journeymap.adapters.tables.frames import read_frame, read_parquet
from journeymap.adapters.tables.rows import Rows
from journeymap.adapters.tables.text_files import read_csv, read_json_lines, read_rows
from journeymap.analysis.askable import Askable, Counted
from journeymap.analysis.question import Question, merged
from journeymap.analysis.table.checking import Rejected
from journeymap.analysis.table.coding import Codes
from journeymap.analysis.table.columns import XES_COLUMNS, Columns
from journeymap.analysis.table.part import Ints, Level, Part, Scope, View
from journeymap.exceptions import SourceError, UnknownName
from journeymap.identity.gathering import Readable
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap

__all__ = ["Log"]

_PART = 1 << 17  # interactions in a part: its columns then fit the processor's cache
_SUFFIXES: dict[str, str] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".xes": "xes",
}  # fmt: skip


@frozen(eq=False, repr=False)
class Log(Askable):
    """Recorded interactions, encoded in columns and ordered by customer and time.

    Make one with ``Log.read`` (a file), ``Log.from_frame`` or ``Log.from_interactions``, and ask
    it questions with ``log.ask``. Counts: ``log.customers``, ``log.journeys``,
    ``log.interactions``; what could not be read is in ``log.rejected``; touchpoints that the map
    does not know are counted in ``log.unmapped``.
    """

    map: JourneyMap | None
    rejected: Rejected
    _scope: Scope
    _ids: pl.Series
    _offsets: Ints
    _at: Ints
    _touchpoints: Codes
    _levels: dict[str, Level]
    _numbers: dict[str, Ints]
    _views: tuple[View, ...] = ()

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        columns: Columns | None = None,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        strict: bool = False,
        format: str | None = None,  # noqa: A002
        delimiter: str | None = None,
        encoding: str | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Log:
        """Read a file: CSV, JSON lines, XES (all also .gz) or Parquet, by suffix or ``format``.

        ``format`` may also name any source that is installed and needs nothing but the file.
        Of XES, the columns are those of the standard extensions unless they are named.
        A row that cannot be read is set aside in ``log.rejected`` with its line and reason;
        ``strict`` raises SourceError instead. ``progress`` is called with the share read so far.
        """
        place = Path(path)
        suffixes = [suffix.lower() for suffix in place.suffixes if suffix.lower() != ".gz"]
        kind = format or _SUFFIXES.get(suffixes[-1] if suffixes else "")
        if kind is None:
            raise UnknownName("suffix of a log", "".join(suffixes) or place.name, tuple(_SUFFIXES))
        if not place.is_file():
            raise FileNotFoundError(f"there is no file {str(place)!r}")
        chosen = columns or (XES_COLUMNS if kind == "xes" else Columns())
        if kind == "parquet":
            rows = read_parquet(place, chosen.wanted)
        elif kind == "csv":
            rows = read_csv(
                place, chosen.wanted, delimiter=delimiter, encoding=encoding, progress=progress
            )
        elif kind == "jsonl":
            rows = read_json_lines(place, chosen.wanted, encoding=encoding, progress=progress)
        elif kind == "xes":
            rows = read_rows(xes_rows(place), chosen.wanted, place.name)
        else:
            return cls.from_source(_source(kind, place), map=map)
        return cls.from_rows(rows, chosen, map=map, strict=strict)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        columns: Columns | None = None,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        strict: bool = False,
    ) -> Log:
        """Take a frame: anything with ``__arrow_c_stream__``, or a mapping of arrays.

        Lines in ``log.rejected`` are then rows of the frame, from 1.
        """
        chosen = columns or Columns()
        return cls.from_rows(read_frame(frame, chosen.wanted), chosen, map=map, strict=strict)

    @classmethod
    def from_interactions(
        cls,
        interactions: Iterable[Interaction],
        *,
        map: JourneyMap | None = None,  # noqa: A002
    ) -> Log:
        """Take interactions; a second one of the same source and id is set aside."""
        from journeymap.analysis.table.encoding import interaction_rows

        rows, columns = interaction_rows(interactions)
        return cls.from_rows(rows, columns, map=map)

    @classmethod
    def from_rows(
        cls,
        rows: Rows,
        columns: Columns,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        strict: bool = False,
    ) -> Log:
        """Take what a source adapter read."""
        from journeymap.analysis.table.checking import intake
        from journeymap.analysis.table.encoding import built

        return built(cls, intake(rows, columns, strict=strict), map)

    @property
    def customer_ids(self) -> pl.Series:
        """The customers, by the names that the log knows them by."""
        if not self._views:
            return self._ids
        found = [part.ids.unique(maintain_order=True) for part in self.parts()]
        return pl.concat(found) if found else self._ids.clear()

    @property
    def levels(self) -> tuple[str, ...]:
        """What ``by=`` can be for this log."""
        return tuple(name for name, level in self._levels.items() if _readable(level))

    def parts(self, rows: int | None = _PART) -> Iterator[Part]:
        """The log in parts of about so many interactions (None: one), each of whole customers."""
        return self._parts(self.scope, rows)

    def _parts(self, scope: Scope, rows: int | None) -> Iterator[Part]:
        reached = begin = 0
        ends = self._offsets[1:]
        while reached < len(self._at):
            place = int(np.searchsorted(ends, reached + (rows or len(self._at))))
            place = min(place, len(ends) - 1)
            reached = int(ends[place])
            yield self._part(scope, begin, place + 1)
            begin = place + 1
        if not begin:
            yield self._part(scope, 0, 0)

    def _part(self, scope: Scope, begin: int, end: int) -> Part:
        first, last = int(self._offsets[begin]), int(self._offsets[end])
        span = slice(first, last)
        part = Part(
            scope,
            self._offsets[begin : end + 1] - first,
            self._at[span],
            self._touchpoints[span],
            np.arange(begin, end, dtype=np.uint32),
            self._ids,
            self._levels,
            self._numbers,
            span,
        )
        return part.seen(self._views)

    def _measured(self, questions: tuple[Question[Any], ...], scope: Scope) -> list[Any]:
        measured: list[Any] = []
        for part in self._parts(scope, _PART):
            found = [question.measure(part) for question in questions]
            measured = merged(questions, measured, found) if measured else found
        return measured

    @property
    def _everything(self) -> tuple[Scope, Counted]:
        scope, people = self._scope, len(self._ids)
        return scope, Counted(people, people, len(self._at), scope.first, scope.last)

    @cached_property
    def _told(self) -> tuple[Scope, Counted]:
        return self._tell()

    def _seen(self, view: View) -> Self:
        return evolve(self, views=(*self._views, view))

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """A customer's interactions in order, as far as the log keeps them: ids, and what was
        carried as ``extra``, are not. Nobody of that name: none.
        """
        from journeymap.analysis.history import history

        return history(self, customer)

    def known_as(self, names: Mapping[str, str] | Callable[[str], str | None]) -> Log:
        """The log with its customers under other names: those of one name become one customer.

        ``names`` answers the new name of an old one (none: as it was). Interactions at the same
        time then keep the order of their old names' first appearance.

        >>> from datetime import UTC, datetime
        >>> then = datetime(2026, 3, 1, tzinfo=UTC)
        >>> log = Log.from_interactions([Interaction(who, "paid", then) for who in ("a", "b")])
        >>> log.known_as({"a": "ada", "b": "ada"}).customers
        1
        """
        from journeymap.analysis.table.renaming import renamed

        return renamed(self, names if callable(names) else names.get)

    @classmethod
    def from_source(
        cls,
        source: Readable,
        *,
        map: JourneyMap | None = None,  # noqa: A002
    ) -> Log:
        """Read a source adapter to its end; customers are called by their surest identity.

        What it sets aside is in ``log.rejected``. For customers of several names, see
        `journeymap.interactions.Customers`.
        """
        if not hasattr(source, "read"):
            raise SourceError(repr(source)[:80], "a source is expected, which can be read")
        from journeymap.analysis.table.checking import intake
        from journeymap.analysis.table.encoding import built, source_rows

        rows, columns = source_rows(source)
        return built(cls, intake(rows, columns, strict=False), map)

    def sketch(self, id: str = "sketch") -> JourneyMap:  # noqa: A002
        """Draft a map from this log, good enough to save and edit."""
        from journeymap.analysis.sketching import sketched

        return sketched(self, id)

    def __repr__(self) -> str:
        aside = f", {len(self.rejected)} rows set aside" if len(self.rejected) else ""
        return f"<Log of {self.interactions:,} interactions of {self.customers:,} customers{aside}>"


def _source(name: str, place: Path) -> Readable:
    """The source of a name that is installed, on a file."""
    from inspect import signature

    from journeymap.adapters.registry import sources

    if name not in sources:
        raise UnknownName("format", name, tuple(sources))
    made = sources[name]
    try:
        signature(made).bind(os.fspath(place))
    except TypeError:
        message = f"the source {name!r} needs more than a file; make it, and use Log.from_source"
        raise SourceError(str(place), message) from None
    return made(os.fspath(place))


def _readable(level: Level) -> bool:
    return level.codes is not None or level.table is not None
