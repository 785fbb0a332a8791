"""CSV and JSON lines, read row by row: every row is accepted or kept with its line and reason."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from attrs import define, field

from journeymap.adapters.rows import Broken, Pick, Rows, need
from journeymap.exceptions import SourceError

__all__ = ["read_csv", "read_json_lines"]

_CHUNK = 50_000
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DELIMITERS = (",", ";", "\t", "|")
Progress = Callable[[float], None]


@define
class _Pile:
    """Columns that grow chunk by chunk, so that a row of Python objects never lives long."""

    columns: Sequence[str]
    chunks: list[pl.DataFrame] = field(factory=list)
    lines: list[np.ndarray[Any, np.dtype[np.int64]]] = field(factory=list)
    broken: list[Broken] = field(factory=list)
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
                    self.broken.append(Broken(line, "not text in this encoding", ascii(row)[:200]))
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

    def rows(self, name: str) -> Rows:
        self.put_away()
        frame = pl.concat(self.chunks)
        return Rows(frame, np.concatenate(self.lines), tuple(self.broken), name)


def read_csv(
    path: str | os.PathLike[str],
    pick: Pick,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Read the wanted columns of a CSV file, plain or .gz.

    The delimiter is the one of ``, ; tab |`` that the header holds most of, unless given; the
    encoding is UTF-8 or what a byte-order mark says, unless given. A row with too few or too
    many fields is broken; blank lines are no rows.
    """
    place = Path(path)
    with _opened(place, encoding) as (text, raw, size):
        header_line = text.readline()
        if not header_line.strip():
            raise SourceError(str(place), "the file has no header", 1)
        mark = delimiter or max(_DELIMITERS, key=_outside_quotes(header_line).count)
        if len(mark) != 1:
            raise SourceError(str(place), f"a delimiter is one character, not {mark!r}")
        lines = _Lines(header_line, text)
        reader = csv.reader(lines, delimiter=mark, strict=True)
        try:
            header = _header(next(reader), place)
        except csv.Error as error:
            raise SourceError(str(place), f"the header is not CSV: {error}", 1) from None
        wanted = pick(header)
        need(wanted, header, place.name)
        picks = [header.index(name) for name in wanted]
        pile = _Pile(wanted)
        while True:
            line = lines.begin()
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                # A quote that is never closed would swallow the rows after it: set the line with
                # the quote aside and read on from the next one.
                held = lines.again()
                pile.broken.append(Broken(line, f"not CSV: {error}", _held(held)))
                reader = csv.reader(lines, delimiter=mark, strict=True)
                continue
            if not row:
                continue
            if len(row) != len(header):
                reason = f"{len(row)} fields where the header has {len(header)}"
                pile.broken.append(Broken(line, reason, _held(mark.join(row))))
                continue
            if pile.add([row[i] for i in picks], line) and progress:
                progress(raw.tell() / size)
        return pile.rows(place.name)


def read_json_lines(
    path: str | os.PathLike[str],
    pick: Pick,
    *,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Read the wanted keys of a file of one JSON object a line, plain or .gz.

    A key that a row lacks is missing there; one that no row has is an error. A line that is no
    JSON object is a broken row; blank lines are no rows.
    """
    place = Path(path)
    met: dict[str, None] = {}
    wanted: Sequence[str] = pick(())
    with _opened(place, encoding) as (text, raw, size):
        pile = _Pile(wanted)
        for line, found in enumerate(text, 1):
            if not found.strip():
                continue
            try:
                row = json.loads(found)
            except (ValueError, RecursionError) as error:
                pile.broken.append(Broken(line, f"not JSON: {error}", _held(found)))
                continue
            if not isinstance(row, dict):
                pile.broken.append(Broken(line, "not a JSON object", _held(found)))
                continue
            if not met:
                pile.columns = wanted = pick(tuple(row))
            met.update(dict.fromkeys(row))
            if pile.add([_scalar(row.get(name)) for name in wanted], line) and progress:
                progress(raw.tell() / size)
        if met:
            need(wanted, tuple(met), place.name)
        return pile.rows(place.name)


@contextmanager
def _opened(
    path: Path, encoding: str | None
) -> Iterator[tuple[io.TextIOWrapper, io.BufferedReader, int]]:
    """A text file, plain or gzip, in its encoding; with its raw file and size."""
    try:
        "a".encode(encoding or "utf-8")
    except LookupError:
        raise SourceError(str(path), f"there is no encoding {encoding!r}") from None
    with path.open("rb") as raw:
        size = max(1, path.stat().st_size)
        zipped = raw.peek(2)[:2] == b"\x1f\x8b"
        stream: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
        try:
            start = stream.peek(4)[:4]
            found = next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")
            text = io.TextIOWrapper(stream, encoding or found, errors="surrogateescape", newline="")
            yield text, raw, size
        except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeError) as error:
            raise SourceError(str(path), f"cut short or damaged: {error}") from None


class _Lines:
    """The lines of a file for a CSV reader, which can go back to just after a record's first."""

    def __init__(self, first: str, rest: io.TextIOWrapper) -> None:
        self._waiting = deque([first])
        self._rest = rest
        self._record: list[str] = []
        self._line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._rest)
        self._record.append(line)
        self._line += 1
        return line

    def begin(self) -> int:
        """A record begins: the number of its first line."""
        self._record.clear()
        return self._line + 1

    def again(self) -> str:
        """Hand out the record's lines once more, but for the first, which is the answer.

        No line is read more than twice: the next quote ends what an open one has swallowed.
        """
        first, *others = self._record
        self._waiting.extendleft(reversed(others))
        self._line -= len(others)
        return first


def _held(text: str) -> str:
    """The beginning of a broken row, as text that can be kept whatever its bytes were."""
    return text[:200].encode("utf-8", "backslashreplace").decode()


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _header(row: list[str], place: Path) -> list[str]:
    row[0] = row[0].removeprefix("\ufeff")
    name, often = Counter(row).most_common(1)[0]
    if often > 1:
        raise SourceError(str(place), f"two columns are named {name!r}", 1)
    return row


def _is_text(row: Sequence[str | None]) -> bool:
    try:
        "".join(cell or "" for cell in row).encode()
    except UnicodeEncodeError:
        return False
    return True


def _scalar(value: Any) -> str | None:
    """A JSON value as the text a CSV file would hold."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
