"""The log: recorded interactions of many customers, ordered once, asked often."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import polars as pl
from attrs import evolve, field, frozen

from journeymap.adapters.sources.store_journal import read_journal
from journeymap.adapters.sources.xes import read_xes_rows
from journeymap.adapters.store import Store, Transaction
from journeymap.adapters.stores.open_store import check_store_file, open_store
from journeymap.adapters.tables.frames import read_frame, read_parquet
from journeymap.adapters.tables.rows import Rows
from journeymap.adapters.tables.text_files import (
    first_keys,
    read_csv,
    read_json_lines,
    read_rows,
)
from journeymap.analysis.askable import Askable, LogSize
from journeymap.analysis.history import read_histories, read_history
from journeymap.analysis.question import Question
from journeymap.analysis.sketching import draft_map
from journeymap.analysis.table.checking import Dropped, Rejected, check_rows
from journeymap.analysis.table.columns import Columns, complete_xes, lacks_times
from journeymap.analysis.table.encoding import encode_rows, rows_from_interactions, rows_from_source
from journeymap.analysis.table.guessing import (
    ColumnGuess,
    describe_guess,
    guess_columns,
    list_guessed,
)
from journeymap.analysis.table.part import LogView, Part, Scope
from journeymap.analysis.table.renaming import rename_customers
from journeymap.analysis.table.table import ROWS_IN_A_PART, Table
from journeymap.exceptions import (
    AnswerError,
    ColumnsError,
    ElementError,
    SourceError,
    UnknownName,
)
from journeymap.identity import Identities
from journeymap.identity.gathering import Readable
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap
from journeymap.model.instants import MICROSECOND, micros
from journeymap.model.rules import as_length

__all__ = ["Log"]

_FORMATS: dict[str, str] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".xes": "xes",
}  # fmt: skip


@frozen(eq=False, repr=False)
class Log(Askable):
    """Recorded interactions, encoded in columns and ordered by customer and time.

    Make one with ``Log.read`` (a file), ``Log.from_frame``, ``Log.from_interactions`` or
    ``Log.from_source``, and ask it questions with ``log.ask``.

    Attributes:
        table: The encoded columns, for engines and questions of your own.
        rejected: The rows that could not be read, each with its line and reason.
        dropped: Values that were left out of interactions that were kept, such as an amount
            without a currency, each with its line and reason.
        guessed: The columns that were guessed by their names, by what they are.

    >>> from datetime import UTC, datetime
    >>> paid = Interaction("ada", "paid", datetime(2026, 3, 1, tzinfo=UTC))
    >>> Log.from_interactions([paid])
    <Log of 1 interactions of 1 customers>
    """

    table: Table
    rejected: Rejected
    dropped: Dropped = field(factory=Dropped.none)
    guessed: tuple[tuple[str, str], ...] = ()
    _views: tuple[LogView, ...] = ()

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
        header: Sequence[str] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Log:
        """Read a file: CSV, JSON lines, XES (all also .gz) or Parquet.

        A row that cannot be read is set aside in ``log.rejected`` with its line and reason.

        Args:
            path: The file.
            columns: Which column is what (None: guessed by well-known names, see ``log.guessed``;
                an XES log of which no event has a time is read by its order).
            map: The map by which interactions are read; without one, touchpoints are the names
                that occur.
            strict: Raise SourceError at the first row that would be set aside.
            format: ``csv``, ``jsonl``, ``parquet``, ``xes``, or the name of an installed source
                that needs nothing but the file (None: by the file's suffix).
            delimiter: What separates the fields of a CSV file, a blank for any number of blanks
                (None: detected).
            encoding: The encoding of a text file (None: UTF-8); a byte-order mark overrules it.
            header: The names of the columns of a CSV file without a header.
            progress: Called with the share of the file read so far, from 0 to 1.

        Returns:
            The log.

        Raises:
            UnknownName: The suffix or the format is not known.
            FileNotFoundError: There is no such file.
            ColumnsError: A column that was named is missing, or holds something else.
            SourceError: The file cannot be read.
        """
        place = Path(path)
        kind = format or _format_of(place)
        if not place.is_file():
            raise FileNotFoundError(f"there is no file {str(place)!r}")
        _check_given(columns, map)
        choice = _choose(kind, place, columns, encoding)
        if kind == "csv":
            rows = read_csv(place, choice.wanted, delimiter=delimiter, encoding=encoding,
                            header=header, progress=progress)  # fmt: skip
        elif kind in ("jsonl", "parquet", "xes"):
            rows = _read_keyed(kind, place, choice, encoding, progress)
        else:
            return cls.from_source(_source(kind, place), map=map)
        chosen = choice.columns
        if kind == "xes" and lacks_times(rows.frame, chosen):
            chosen = evolve(chosen, at=None, end=None)
        made = cls.from_rows(rows, chosen, map=map, strict=strict)
        return made if columns is not None else evolve(made, guessed=list_guessed(chosen))

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        columns: Columns | None = None,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        strict: bool = False,
    ) -> Log:
        """Take a frame: pandas, Polars, PyArrow, DuckDB, or a mapping of arrays.

        Args:
            frame: Anything with ``__arrow_c_stream__``, or a mapping of names to arrays.
            columns: Which column is what (None: guessed by well-known names; see ``log.guessed``).
            map: The map by which interactions are read.
            strict: Raise SourceError at the first row that would be set aside.

        Returns:
            The log; lines in ``log.rejected`` are rows of the frame, from 1.

        Raises:
            ColumnsError: A column that was named is missing, or holds something else.
            SourceError: The object is no frame.
        """
        _check_given(columns, map)
        choice = ColumnGuess(columns)
        known = columns or Columns()
        rows = read_frame(frame, choice.wanted, decimal=known.decimal, nested=known.extra,
                          numbers=known.numbers)  # fmt: skip
        made = cls.from_rows(rows, choice.columns, map=map, strict=strict)
        return made if columns is not None else evolve(made, guessed=list_guessed(choice.columns))

    @classmethod
    def from_interactions(
        cls,
        interactions: Iterable[Interaction],
        *,
        map: JourneyMap | None = None,  # noqa: A002
        calendar_zone: str | None = None,
    ) -> Log:
        """Take interactions; a second one of the same source and id is set aside.

        Args:
            interactions: The interactions, in order of arrival.
            map: The map by which they are read.
            calendar_zone: The zone of calendar periods in answers (None: UTC).

        Returns:
            The log.

        Raises:
            ColumnsError: There is no such zone.
        """
        rows, columns = rows_from_interactions(interactions, calendar_zone)
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
        """Take rows that an adapter has read.

        Args:
            rows: A frame with the line of each row, and the rows that could not be read.
            columns: Which column is what.
            map: The map by which interactions are read.
            strict: Raise SourceError at the first row that would be set aside.

        Returns:
            The log.

        Raises:
            ColumnsError: A column that was named is missing, or holds something else.
        """
        checked = check_rows(rows, columns, strict=strict)
        return cls(encode_rows(checked, map), checked.rejected, checked.dropped)

    @property
    def map(self) -> JourneyMap | None:
        """The map by which interactions are read, if there is one."""
        return self.table.map

    @property
    def customer_ids(self) -> pl.Series:
        """The names of the customers who have at least one interaction."""
        if not self._views:
            return self.table.ids
        found = [part.ids.unique(maintain_order=True) for part in self.parts()]
        return pl.concat(found) if found else self.table.ids.clear()

    @property
    def levels(self) -> tuple[str, ...]:
        """The values that ``by=`` can have for this log."""
        return self.table.readable

    def parts(self, rows: int | None = ROWS_IN_A_PART) -> Iterator[Part]:
        """Cut the log into parts of whole customers, as questions measure them.

        Args:
            rows: About how many interactions a part holds (None: all in one part).

        Yields:
            The parts; of an empty log, one empty part.
        """
        return self.table.parts(rows, self.scope, self._views)

    def _measure(self, questions: tuple[Question[Any], ...], scope: Scope) -> list[Any]:
        return self.table.measure(questions, scope, self._views)

    def _measure_each(self, question: Question[Any], scope: Scope) -> Iterator[Any]:
        return map(question.measure, self.table.parts(scope=scope, views=self._views))

    @property
    def _whole_scope(self) -> tuple[Scope, LogSize]:
        scope, customers = self.table.scope, len(self.table.ids)
        rows = len(self.table)
        return scope, LogSize(customers, customers, rows, scope.first, scope.last)

    @cached_property
    def _scope_and_size(self) -> tuple[Scope, LogSize]:
        return self._measure_size()

    def _with_view(self, view: LogView) -> Self:
        return evolve(self, views=(*self._views, view))

    def history(self, customer: str) -> tuple[Interaction, ...]:
        """Read one customer's interactions back, in order of time.

        Their ids are not part of them; the columns kept as ``extra`` are texts.

        Args:
            customer: The customer's name in this log.

        Returns:
            The interactions; none for a name that the log does not have.

        Raises:
            AnswerError: The log is a view, it has no times, or the name is no text.
        """
        if self._views:
            message = "a history is read from the whole log, not from a part that where() shows"
            raise AnswerError("history", message)
        return read_history(self.table, customer)

    def histories(
        self, customers: Iterable[str] | None = None
    ) -> Iterator[tuple[Interaction, ...]]:
        """Read the interactions of every customer back, one customer after the other.

        Args:
            customers: The names of those to read (None: all); whom the log does not have is left
                out.

        Yields:
            The interactions of a customer, in order of time; as those of `history`.

        Raises:
            AnswerError: The log is a view, it has no times, or a name is no text.

        >>> from datetime import UTC, datetime
        >>> then = datetime(2026, 3, 1, tzinfo=UTC)
        >>> log = Log.from_interactions([Interaction(who, "paid", then) for who in ("a", "b")])
        >>> [[one.touchpoint for one in history] for history in log.histories()]
        [['paid'], ['paid']]
        """
        if self._views:
            message = "histories are read from the whole log, not from a part that where() shows"
            raise AnswerError("histories", message)
        return read_histories(self.table, customers)

    def known_as(self, names: Mapping[str, str] | Callable[[str], str | None]) -> Log:
        """Give customers other names; those who get one name become one customer.

        Interactions at the same time then keep the order of their old names' first appearance.

        Args:
            names: The new name of an old one, as a mapping or a function (none: unchanged).

        Returns:
            A new log.

        Raises:
            AnswerError: The log is a view, a new name is no text, or customers would be joined in
                a log without times.

        >>> from datetime import UTC, datetime
        >>> then = datetime(2026, 3, 1, tzinfo=UTC)
        >>> log = Log.from_interactions([Interaction(who, "paid", then) for who in ("a", "b")])
        >>> log.known_as({"a": "ada", "b": "ada"}).customers
        1
        """
        if self._views:
            message = "customers are renamed in the whole log, not in a part that where() shows"
            raise AnswerError("known_as", message)
        return evolve(
            self, table=rename_customers(self.table, names if callable(names) else names.get)
        )

    @classmethod
    def from_source(
        cls,
        source: Readable,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        calendar_zone: str | None = None,
    ) -> Log:
        """Read a source adapter to its end; customers are named by their most reliable identity.

        For customers of several names, see `journeymap.identity.Customers`.

        Args:
            source: A source adapter, such as ``xes_source(path)``.
            map: The map by which interactions are read.
            calendar_zone: The zone of calendar periods in answers (None: the source's, or UTC).

        Returns:
            The log; the rows that the source set aside are in ``log.rejected``.

        Raises:
            SourceError: The object is no source, or cannot be read.
        """
        if not hasattr(source, "read"):
            raise SourceError(repr(source)[:80], "a source is expected, which can be read")
        rows, columns = rows_from_source(source, calendar_zone)
        return cls.from_rows(rows, columns, map=map)

    @classmethod
    def from_store(
        cls,
        store: Store | str,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        since: datetime | None = None,
        lag: timedelta | str = timedelta(minutes=1),
        identities: Identities | None = None,
        calendar_zone: str | None = None,
    ) -> Log:
        """Take the interactions of a live store, under the ids that their customers have today.

        Args:
            store: The store, such as ``live.store``; or its address, which is opened and closed.
            map: The map by which interactions are read.
            since: The time from which on they were recorded (None: all).
            lag: How long recording takes at most: what was recorded so long before ``since`` is
                read too, as it may have been committed after. Who reads again and again with the
                time of the last reading misses nothing that was recorded, and gets what lies in the
                lag twice; what was corrected, retracted or forgotten is seen by reading all anew.
            identities: ``live.identities``, by which customers who recommended are found, whatever
                became of their ids (None: as far as the journal knows).
            calendar_zone: The zone of calendar periods in answers (None: UTC).

        Returns:
            The log.

        Raises:
            StoreError: The store failed, or there is no such file.
            UnknownName: No store has such an address.
            ColumnsError: The time has no zone, or the lag is no length of time.
        """
        if isinstance(store, str):
            check_store_file(store)
            opened = open_store(store)
            try:
                return cls.from_store(
                    opened, map=map, since=since, lag=lag, identities=identities,
                    calendar_zone=calendar_zone,
                )  # fmt: skip
            finally:
                opened.close()
        if since is not None and since.tzinfo is None:
            raise ColumnsError("since: a time without a zone is a guess; name it")
        length: object = as_length(lag)
        if not isinstance(length, timedelta) or length < timedelta(0):
            raise ColumnsError(f"lag: {lag!r} is no length of time; such as '1 minute' is expected")
        begin = None if since is None else micros(since) - length // MICROSECOND

        def read(tx: Transaction) -> Log:
            interactions = read_journal(tx, begin, identities)
            return cls.from_interactions(interactions, map=map, calendar_zone=calendar_zone)

        return store.read(read)

    def sketch(self, id: str = "sketch") -> JourneyMap:  # noqa: A002
        """Draft a map from this log, good enough to save and edit.

        Args:
            id: The id of the map.

        Returns:
            A map whose stages come from where touchpoints lie in journeys.

        Raises:
            ElementError: The id is none that a map may have.
        """
        [part] = self.parts(None)
        return draft_map(part, id)

    def __repr__(self) -> str:
        aside = f", {len(self.rejected)} rows set aside" if len(self.rejected) else ""
        people = f"{self.customers:,} customers"
        if self.journeys != self.customers:
            people = f"{people} in {self.journeys:,} journeys"
        guess = describe_guess(self.guessed)
        return f"<Log of {self.interactions:,} interactions of {people}{aside}{guess}>"


def _check_given(columns: object, journey: object) -> None:
    """Raise for columns and a map that are none."""
    if columns is not None and not isinstance(columns, Columns):
        message = (
            f"Columns(…) is expected, such as Columns(customer='user_id'), not {columns!r:.80}"
        )
        raise ColumnsError(message)
    if journey is not None and not isinstance(journey, JourneyMap):
        message = "a JourneyMap is expected, such as journeymap.load('map.yaml')"
        raise ElementError("Log", "map", journey, message)


def _choose(
    kind: str, place: Path, columns: Columns | None, encoding: str | None
) -> ColumnGuess:  # fmt: skip
    """Choose the columns where it is known which there are; others when the file is read."""
    if kind == "xes":
        return ColumnGuess(complete_xes(columns), department=columns is None)
    if kind == "jsonl" and columns is None:  # one object may lack what others have
        return ColumnGuess(guess_columns(first_keys(place, encoding)))
    return ColumnGuess(columns)


def _read_keyed(
    kind: str, place: Path, choice: ColumnGuess, encoding: str | None,
    progress: Callable[[float], None] | None,
) -> Rows:  # fmt: skip
    """Read a file whose rows name their columns themselves."""
    if kind == "parquet":
        return read_parquet(place, choice.wanted)
    if kind == "xes":
        return read_rows(read_xes_rows(place), choice.wanted, place.name)
    known = choice.columns
    return read_json_lines(
        place, choice.wanted, encoding=encoding, nested=(*known.extra, *known.numbers),
        decimal=known.decimal, progress=progress,
    )  # fmt: skip


def _format_of(place: Path) -> str:
    suffixes = [suffix.lower() for suffix in place.suffixes if suffix.lower() != ".gz"]
    kind = _FORMATS.get(suffixes[-1] if suffixes else "")
    if kind is None:
        raise UnknownName("suffix of a log", "".join(suffixes) or place.name, tuple(_FORMATS))
    return kind


def _source(name: str, place: Path) -> Readable:
    """Make the installed source of a name, on a file."""
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
