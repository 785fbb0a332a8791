"""CSV and JSON lines, read row by row: every row is accepted or kept with its line and reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from attrs import define, field

from journeymap.adapters.reading.csv_records import CsvRecords, refuse_repeated
from journeymap.adapters.reading.guarded_files import open_text
from journeymap.adapters.reading.numbers import DecimalMark
from journeymap.adapters.reading.text_rows import Row, parse_json_row
from journeymap.adapters.reading.value_texts import value_text
from journeymap.adapters.source import RejectedRow
from journeymap.adapters.tables.csv_columns import read_block
from journeymap.adapters.tables.json_columns import read_json_block
from journeymap.adapters.tables.line_blocks import LineBlocks
from journeymap.adapters.tables.rows import ColumnChoice, Rows, require_columns

__all__ = ["first_keys", "read_csv", "read_json_lines", "read_rows"]

_CHUNK = 50_000  # rows turned into columns at a time, about 50 MB of Python objects
Progress = Callable[[float], None]


@define
class _ColumnChunks:
    """Columns that grow chunk by chunk, so that a row of Python objects never lives long."""

    columns: Sequence[str]
    chunks: list[pl.DataFrame] = field(factory=list)
    lines: list[np.ndarray[Any, np.dtype[np.int64]]] = field(factory=list)
    rejected: list[RejectedRow] = field(factory=list)
    _rows: list[Sequence[str | None]] = field(factory=list)
    _at: list[int] = field(factory=list)

    def add(self, row: Sequence[str | None], line: int) -> bool:
        """Take one row; answers whether a chunk was full and has been put away."""
        self._rows.append(row)
        self._at.append(line)
        if len(self._rows) < _CHUNK:
            return False
        self.put_away()
        return True

    def put_away(self) -> None:
        try:
            self._keep(self._rows, self._at)
        except UnicodeEncodeError:  # somewhere a byte that is no text: look row by row
            good = [_is_text(row) for row in self._rows]
            for row, line, ok in zip(self._rows, self._at, good, strict=True):
                if not ok:
                    self.rejected.append(
                        RejectedRow(line, "not text in this encoding", ascii(row)[:200])
                    )
            keep = [i for i, ok in enumerate(good) if ok]
            self._keep([self._rows[i] for i in keep], [self._at[i] for i in keep])
        self._rows, self._at = [], []

    def _keep(self, rows: list[Sequence[str | None]], at: list[int]) -> None:
        turned = zip(*rows, strict=True) if rows else ((),) * len(self.columns)
        data = [
            pl.Series(name, values, dtype=pl.String)
            for name, values in zip(self.columns, turned, strict=True)
        ]
        self.chunks.append(pl.DataFrame(data))
        self.lines.append(np.array(at, dtype=np.int64))

    def add_frame(self, frame: pl.DataFrame, after: int) -> None:
        """Take the rows of a frame, one a line, after so many lines."""
        self.put_away()
        self.chunks.append(frame.rename(dict(zip(frame.columns, self.columns, strict=True))))
        self.lines.append(np.arange(after + 1, after + 1 + len(frame), dtype=np.int64))

    def rows(self, name: str) -> Rows:
        self.put_away()
        frame = pl.concat(self.chunks)
        return Rows(frame, np.concatenate(self.lines), tuple(self.rejected), name)


def read_csv(
    path: str | os.PathLike[str],
    pick: ColumnChoice,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Read the wanted columns of a CSV file, plain or .gz.

    The delimiter is the one of ``, ; tab |`` that the header holds most of, or blanks, unless
    given; the encoding is UTF-8 or by a byte-order mark, unless given; ``header`` names the columns
    of a file without one. A row with too few or too many fields is rejected; blank lines are none.
    """
    place = Path(path)
    with open_text(place, encoding) as file:
        blocks = LineBlocks(file.utf8())
        records = CsvRecords(blocks.lines(), str(place), delimiter, header)
        wanted = pick(records.header)
        require_columns(wanted, records.header, place.name)
        refuse_repeated(records.header, wanted, str(place))
        picks = [records.header.index(name) for name in wanted]
        pile = _ColumnChunks(wanted)
        while records.pending or blocks.unread():
            block = b"" if records.pending else blocks.unread()
            frame = read_block(block, records.mark, len(records.header), picks) if block else None
            if frame is not None:
                pile.add_frame(frame, records.line)
                records.skip(len(frame))
                blocks.drop()
            else:
                _read_records(records, blocks, picks, pile)
            if progress is not None:
                progress(file.share)
        return pile.rows(place.name)


def _read_records(
    records: CsvRecords, blocks: LineBlocks, picks: Sequence[int], pile: _ColumnChunks
) -> None:
    """Read records until one ends where a block does."""
    for row in records:
        if isinstance(row, RejectedRow):
            pile.rejected.append(row)
        else:
            pile.add([row[1][i] for i in picks], row[0])
        if blocks.spent and not records.pending:
            return


def read_json_lines(
    path: str | os.PathLike[str],
    pick: ColumnChoice,
    *,
    encoding: str | None = None,
    nested: Sequence[str] = (),
    decimal: DecimalMark | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Read the wanted keys of a file of one JSON object a line, plain or .gz.

    Of ``nested`` keys, lists and mappings are kept as JSON; ``decimal`` is how numbers are written
    that stand among texts.

    A key that a row lacks is missing there; one that no row has is an error. A line that is no
    JSON object is a rejected row; blank lines are no rows.
    """
    with open_text(path, encoding) as file:
        blocks = LineBlocks(file.utf8())
        table = _KeyedRows(pick, nested, decimal)
        line = 0
        while block := blocks.unread():
            plain = table.met and decimal is None
            frame = read_json_block(block, table.wanted) if plain else None
            if frame is not None:
                table.add_frame(frame, line)
                line += len(frame)
                blocks.drop()
                if progress is not None:
                    progress(file.share)
                continue
            first = not table.met
            for text in blocks.lines():
                line += 1
                found = parse_json_row(line, text)
                if found is not None:
                    table.add(found)
                if blocks.spent or (first and table.met):
                    break  # what keys there are is known: the rest may be read by columns
            if progress is not None:
                progress(file.share)
        return table.rows(Path(path).name)


def first_keys(
    path: str | os.PathLike[str], encoding: str | None = None, rows: int = 1000
) -> tuple[str, ...]:
    """List the keys of the first objects of a file of one JSON object a line."""
    found: dict[str, None] = {}
    with open_text(path, encoding) as file:
        blocks = LineBlocks(file.utf8())
        if blocks.unread():
            for line, text in enumerate(blocks.lines(), 1):
                row = parse_json_row(line, text)
                if isinstance(row, tuple):
                    found.update(dict.fromkeys(row[1]))
                if blocks.spent or line >= rows:
                    break
    return tuple(found)


class _KeyedRows:
    """Rows that are mappings, read at the wanted names of the first of them."""

    def __init__(
        self, pick: ColumnChoice, nested: Sequence[str] = (), decimal: DecimalMark | None = None
    ) -> None:
        self._pick, self._nested, self._decimal = pick, frozenset(nested), decimal
        self.met: dict[str, None] = {}
        self.wanted: Sequence[str] = pick(())
        self._pile = _ColumnChunks(self.wanted)

    def add(self, found: Row | RejectedRow) -> None:
        """Take one row."""
        if isinstance(found, RejectedRow):
            self._pile.rejected.append(found)
            return
        line, row = found
        if not self.met:
            self._pile.columns = self.wanted = self._pick(tuple(row))
        self.met.update(dict.fromkeys(row))
        nested, mark = self._nested, self._decimal
        self._pile.add(
            [value_text(row.get(key), mark, nested=key in nested) for key in self.wanted], line
        )

    def add_frame(self, frame: pl.DataFrame, after: int) -> None:
        """Take the rows of a frame, one a line, after so many lines."""
        self.met.update(
            (name, None) for name in self.wanted if frame[name].null_count() < len(frame)
        )
        self._pile.add_frame(frame, after)

    def rows(self, name: str) -> Rows:
        """Finish the rows; refuse a wanted name that none of them has."""
        if self.met:
            require_columns(self.wanted, tuple(self.met), name)
        return self._pile.rows(name)


def read_rows(rows: Iterable[Row | RejectedRow], pick: ColumnChoice, name: str) -> Rows:
    """Read the wanted names of rows that are mappings."""
    table = _KeyedRows(pick)
    for found in rows:
        table.add(found)
    return table.rows(name)


def _is_text(row: Sequence[str | None]) -> bool:
    try:
        "".join(cell or "" for cell in row).encode()
    except UnicodeEncodeError:
        return False
    return True
