"""The log: recorded interactions of many customers, ordered once, asked often."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import numpy as np
import polars as pl
from attrs import field, frozen

from journeymap.adapters.frames import read_frame, read_parquet
from journeymap.adapters.rows import Rows
from journeymap.adapters.text_files import read_csv, read_json_lines
from journeymap.analysis.coding import Codes
from journeymap.analysis.columns import Columns
from journeymap.analysis.intake import Rejected
from journeymap.analysis.part import Ints, Level, Part, Scope
from journeymap.analysis.question import Question
from journeymap.exceptions import UnknownName
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap

__all__ = ["Log"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

_PART = 1 << 17  # interactions in a part: its columns then fit the processor's cache
Format = Literal["csv", "jsonl", "parquet"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


@frozen(eq=False, repr=False)
class Log:
    """Recorded interactions, encoded in columns and ordered by customer and time.

    Make one with ``Log.read`` (a file), ``Log.from_frame`` or ``Log.from_interactions``, and ask
    it questions with ``log.ask``. Counts: ``log.customers``, ``log.journeys``,
    ``log.interactions``; what could not be read is in ``log.rejected``; touchpoints that the map
    does not know are counted in ``log.unmapped``.
    """

    map: JourneyMap | None
    rejected: Rejected
    scope: Scope = field(repr=False)
    customer_ids: pl.Series = field(repr=False)
    _owners: Ints = field(repr=False)
    _offsets: Ints = field(repr=False)
    _at: Ints = field(repr=False)
    _touchpoints: Codes = field(repr=False)
    _levels: dict[str, Level] = field(repr=False)
    _numbers: dict[str, Ints] = field(repr=False)

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        columns: Columns | None = None,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        strict: bool = False,
        format: Format | None = None,  # noqa: A002
        delimiter: str | None = None,
        encoding: str | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Log:
        """Read a file: CSV, JSON lines (both also .gz) or Parquet, by suffix or ``format``.

        A row that cannot be read is set aside in ``log.rejected`` with its line and reason;
        ``strict`` raises SourceError instead. ``progress`` is called with the share read so far.
        """
        place = Path(path)
        suffixes = [suffix.lower() for suffix in place.suffixes if suffix.lower() != ".gz"]
        kind = format or _SUFFIXES.get(suffixes[-1] if suffixes else "")
        if kind not in ("csv", "jsonl", "parquet"):
            if format is not None:
                raise UnknownName("format", str(format), ("csv", "jsonl", "parquet"))
            raise UnknownName("suffix of a log", "".join(suffixes) or place.name, tuple(_SUFFIXES))
        if not place.is_file():
            raise FileNotFoundError(f"there is no file {str(place)!r}")
        chosen = columns or Columns()
        if kind == "parquet":
            rows = read_parquet(place, chosen.wanted)
        elif kind == "csv":
            rows = read_csv(
                place, chosen.wanted, delimiter=delimiter, encoding=encoding, progress=progress
            )
        else:
            rows = read_json_lines(place, chosen.wanted, encoding=encoding, progress=progress)
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
        from journeymap.analysis.building import interaction_rows

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
        from journeymap.analysis.building import built
        from journeymap.analysis.intake import intake

        return built(cls, intake(rows, columns, strict=strict), map)

    @property
    def customers(self) -> int:
        """How many customers have at least one interaction."""
        return len(self.customer_ids)

    @property
    def journeys(self) -> int:
        """How many journeys; the same as customers unless the log was split."""
        return len(self._offsets) - 1

    @property
    def interactions(self) -> int:
        """How many interactions were accepted."""
        return len(self._at)

    @property
    def first(self) -> datetime | None:
        """When the first interaction was; None for an empty log."""
        return _moment(self.scope.first) if self.interactions else None

    @property
    def last(self) -> datetime | None:
        """When the last interaction was; None for an empty log."""
        return _moment(self.scope.last) if self.interactions else None

    @property
    def levels(self) -> tuple[str, ...]:
        """What ``by=`` can be for this log."""
        return tuple(name for name, level in self._levels.items() if _readable(level))

    @cached_property
    def unmapped(self) -> dict[str, int]:
        """Touchpoints that the map does not know, and how many interactions each has."""
        if self.map is None:
            return {}
        names = self._levels["touchpoint"].names
        counts = np.bincount(self._touchpoints, minlength=len(names))
        known = len(self.map.touchpoints) + 1
        return {str(name): int(n) for name, n in zip(names[known:], counts[known:], strict=True)
                if n}  # fmt: skip

    def parts(self, rows: int = _PART) -> Iterator[Part]:
        """The log in parts of about so many interactions, each of whole customers."""
        edges = [0]
        fresh = np.append(np.flatnonzero(np.diff(self._owners)) + 1, self.journeys)
        ends = self._offsets[fresh] if self.journeys else fresh
        reached = 0
        while reached < self.interactions:
            place = int(np.searchsorted(ends, reached + rows))
            place = min(place, len(ends) - 1)
            reached = int(ends[place])
            edges.append(int(fresh[place]))
        for begin, end in zip(edges, edges[1:] or [0], strict=False):
            yield self._part(begin, end)

    @overload
    def ask(self, question: Question[A], /) -> A: ...
    @overload
    def ask(self, one: Question[A], two: Question[B], /) -> tuple[A, B]: ...
    @overload
    def ask(self, one: Question[A], two: Question[B], three: Question[C], /) -> tuple[A, B, C]: ...
    @overload
    def ask(self, *questions: Question[Any]) -> Any: ...
    def ask(self, *questions: Question[Any]) -> Any:
        """Answer one question, or several from one pass over the log."""
        measured: list[Any] = []
        for part in self.parts():
            found = [question.measure(part) for question in questions]
            measured = (
                [q.merge(a, b) for q, a, b in zip(questions, measured, found, strict=True)]
                if measured
                else found
            )
        answers = tuple(
            question.answer(found, self.scope)
            for question, found in zip(questions, measured, strict=True)
        )
        return answers[0] if len(answers) == 1 else answers

    def where(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        customer: str | Iterable[str] | None = None,
        touchpoint: str | Iterable[str] | None = None,
        stage: str | Iterable[str] | None = None,
        phase: str | Iterable[str] | None = None,
        channel: str | Iterable[str] | None = None,
        department: str | Iterable[str] | None = None,
        process: str | Iterable[str] | None = None,
        product: str | Iterable[str] | None = None,
        outcome: str | Iterable[str] | None = None,
        source: str | Iterable[str] | None = None,
    ) -> Log:
        """The log of the interactions that match: one name or several a level, ``since`` ≤ at <
        ``until``. A name that the log does not have matches nothing."""
        from journeymap.analysis.filtering import filtered

        levels = {"touchpoint": touchpoint, "stage": stage, "phase": phase, "channel": channel,
                  "department": department, "process": process, "product": product,
                  "outcome": outcome, "source": source}  # fmt: skip
        asked = {level: names for level, names in levels.items() if names is not None}
        return filtered(self, asked, customer, since, until)

    def sketch(self, id: str = "sketch") -> JourneyMap:  # noqa: A002
        """Draft a map from this log, good enough to save and edit."""
        from journeymap.analysis.sketching import sketched

        return sketched(self, id)

    def __repr__(self) -> str:
        aside = f", {len(self.rejected)} rows set aside" if len(self.rejected) else ""
        return f"<Log of {self.interactions:,} interactions of {self.customers:,} customers{aside}>"

    def _part(self, begin: int, end: int) -> Part:
        first, last = int(self._offsets[begin]), int(self._offsets[end])
        span = slice(first, last)
        return Part(
            self.scope,
            self._offsets[begin : end + 1] - first,
            self._at[span],
            self._touchpoints[span],
            self._owners[begin:end],
            self._levels,
            self._numbers,
            span,
        )


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _readable(level: Level) -> bool:
    return level.codes is not None or level.table is not None
