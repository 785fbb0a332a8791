"""The records of CSV files: each is one row or is set aside as one, whatever its quotes are."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from journeymap.adapters.reading.guarded_files import MAX_LINE_CHARACTERS, shorten_row
from journeymap.adapters.source import RejectedRow
from journeymap.exceptions import SourceError

__all__ = ["CsvRecords", "find_delimiter", "refuse_repeated"]

_DELIMITERS = (",", ";", "\t", "|")
_FAR = 500  # lines in which a broken quote may still be closed; texts in a field are shorter


class CsvRecords:
    """The records of the lines of a CSV file: each its line and its fields, or rejected.

    Lines before the header that begin with ``#`` are comments, and so are later ones that are no
    row; ``sep=;`` names the delimiter. A record that is not CSV by RFC 4180 is read with quotes in
    texts escaped by a backslash; failing that it is set aside, with the lines up to the quote that
    closes it. Where none does, its first line is, and reading goes on from the next one.
    """

    def __init__(
        self, lines: Iterator[str], name: str, delimiter: str | None = None,
        header: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        # A limit of the whole process, and only ever raised: a text may well be long.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_CHARACTERS))
        skipped, first, delimiter = _skip_preamble(lines, delimiter)
        if not first.strip():
            raise SourceError(name, "the file has no header", 1)
        self.mark = delimiter or find_delimiter(first, name)
        if len(self.mark) != 1:
            raise SourceError(name, f"a delimiter is one character, not {self.mark!r}")
        if self.mark == " ":
            first, lines = f"{first.strip()}\n", (f"{line.strip()}\n" for line in lines)
        self._lines = _Lines(first, lines, skipped)
        self._reader = self._begin()
        if header is not None:
            self.header = list(header)
            return
        try:
            self.header = [column.strip() for column in next(self._reader)]
        except csv.Error as error:
            raise SourceError(name, f"the header is not CSV: {error}", skipped + 1) from None

    def __iter__(self) -> Iterator[tuple[int, list[str]] | RejectedRow]:
        width = len(self.header)
        while True:
            line = self._lines.begin()
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._set_aside_long(line) or self._mend(line, f"not CSV: {error}")
                self._reader = self._begin()
                continue
            long = self._set_aside_long(line)
            if long is not None:
                yield long
                self._reader = self._begin()
                continue
            if len(row) > width and not any(row[width:]):
                del row[width:]  # delimiters at the end, as spreadsheets write them
            if len(row) == width:
                yield line, (self._lines.has('\\"') and self._read_longer()) or row
            elif row and not row[0].startswith("#"):
                yield self._mend_width(line, row)

    @property
    def line(self) -> int:
        """How many lines were read."""
        return self._lines.read

    @property
    def pending(self) -> bool:
        """True if lines wait that were looked at already."""
        return self._lines.pending

    def skip(self, lines: int) -> None:
        """Count lines that were read in another way."""
        self._lines.read += lines

    def _begin(self, escape: str | None = None) -> Iterator[list[str]]:
        blanks = self.mark == " "
        return csv.reader(
            self._lines,
            delimiter=self.mark,
            strict=True,
            escapechar=escape,
            skipinitialspace=blanks,
        )

    def _set_aside_long(self, line: int) -> RejectedRow | None:
        """Set a record aside up to a line that was cut because it is too long, if it has one."""
        size = self._lines.find_long()
        if not size:
            return None
        reason = f"a line of more than {MAX_LINE_CHARACTERS:,} characters"
        return RejectedRow(line, reason, shorten_row("".join(self._lines.keep(size))))

    def _mend_width(self, line: int, row: list[str]) -> tuple[int, list[str]] | RejectedRow:
        escaped = self._read_escaped()
        if escaped is not None:
            self._reader = self._begin()
            return line, escaped
        reason = f"{len(row)} fields where the header has {len(self.header)}"
        return RejectedRow(line, reason, shorten_row(self.mark.join(row)))

    def _mend(self, line: int, reason: str) -> tuple[int, list[str]] | RejectedRow:
        escaped = self._read_escaped()
        if escaped is not None:
            return line, escaped
        size = self._lines.find_end(self.mark, len(self.header))
        return RejectedRow(line, reason, shorten_row("".join(self._lines.keep(size))))

    def _read_longer(self) -> list[str] | None:
        r"""Read a record in which ``\"`` may be meant as a quote, over more lines.

        It is where those lines are not records of their own.
        """
        size = self._lines.size
        longer = self._read_escaped()
        lines = list(self._lines.keep(self._lines.size))
        if longer is not None and len(lines) > size and not self._are_records(lines):
            self._reader = self._begin()
            return longer
        self._lines.keep(0)
        self._lines.take(size)
        return None

    def _are_records(self, lines: list[str]) -> bool:
        """Check whether lines are rows, the last of which may go on after them."""
        found: list[list[str]] = []
        try:
            found.extend(csv.reader(lines, delimiter=self.mark, strict=True))
        except csv.Error as error:
            if "unexpected end" not in str(error):
                return False
        return all(len(row) in (0, len(self.header)) for row in found)

    def _read_escaped(self) -> list[str] | None:
        r"""Read the record with ``\"`` for a quote; None where that gives no row."""
        size = self._lines.size
        if not self._lines.has('\\"'):
            return None
        self._lines.keep(0)
        try:
            row = next(self._begin("\\"), [])
        except csv.Error:
            row = []
        if len(row) == len(self.header):
            return row
        self._lines.keep(0)
        self._lines.take(size)
        return None


def refuse_repeated(header: Sequence[str], wanted: Sequence[str], name: str) -> None:
    """Refuse a column that is wanted and there twice."""
    often = Counter(header)
    for column in wanted:
        if often[column] > 1:
            raise SourceError(name, f"two columns are named {column!r}", 1)


def _skip_preamble(lines: Iterator[str], delimiter: str | None) -> tuple[int, str, str | None]:
    """Skip what stands before the header: how many lines, the next one, and the delimiter."""
    skipped = 0
    first = next(lines, "").removeprefix("\ufeff")
    while first and (skipped < 1000):
        given = first.strip()
        if given.lower().startswith("sep=") and len(given) == 5:
            delimiter = delimiter or given[4]
        elif given and not _is_comment(given, delimiter):
            break
        skipped += 1
        first = next(lines, "")
    return skipped, first, delimiter


def _is_comment(line: str, delimiter: str | None) -> bool:
    """Check for a line of words behind a ``#``: a header of such a name has several columns."""
    return line.startswith("#") and max(map(line.count, delimiter or _DELIMITERS)) < 2


def find_delimiter(line: str, name: str) -> str:
    """Find the delimiter that a header holds most of, outside of quotes; of ``.tsv``, tabs if any.

    Args:
        line: The header.
        name: The name of the file.

    Returns:
        The delimiter; a blank for a header that has none of the usual ones.
    """
    outside = "".join(line.split('"')[::2])
    if "\t" in outside and ".tsv" in name.lower():
        return "\t"
    most = max(_DELIMITERS, key=outside.count)
    return " " if most not in outside and " " in outside.strip() else most


class _Lines:
    """The lines of a file for a CSV reader, which can go back to where the record began."""

    def __init__(self, first: str, rest: Iterator[str], read: int) -> None:
        self._waiting = deque([first])
        self._rest = rest
        self._record: list[str] = []
        self.read = read

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._rest)
        self._record.append(line)
        self.read += 1
        return line

    @property
    def pending(self) -> bool:
        """True if lines wait to be read again."""
        return bool(self._waiting)

    @property
    def size(self) -> int:
        """How many lines of the record were read."""
        return len(self._record)

    def begin(self) -> int:
        """Begin a record; the number of its first line."""
        self._record.clear()
        return self.read + 1

    def has(self, part: str) -> bool:
        """Check whether the record holds a text."""
        return any(part in line for line in self._record)

    def find_long(self) -> int:
        """Find the first line that is too long; its place in the record from 1, or 0."""
        places = (n for n, line in enumerate(self._record, 1) if len(line) > MAX_LINE_CHARACTERS)
        return next(places, 0)

    def take(self, size: int) -> None:
        """Read so many lines more."""
        for _ in range(size):
            next(self)

    def keep(self, size: int) -> list[str]:
        """Keep the first lines of the record, and go back to those after them."""
        others = self._record[size:]
        self._waiting.extendleft(reversed(others))
        self.read -= len(others)
        del self._record[size:]
        return self._record

    def find_end(self, mark: str, width: int) -> int:
        """Find how many lines a record with broken quotes has; the first one, where none ends it.

        A quote closes a text where a delimiter or the end of a line follows, and what it closes has
        as many fields as a row, and an even number of quotes.
        """
        quoted, fields, quotes = False, 1, 0
        for place in range(_FAR):
            if place == len(self._record) and next(self, None) is None:
                break
            line = self._record[place].rstrip("\r\n")
            quotes += line.count('"')
            quoted, more = _walk(line, mark, quoted)
            fields += more
            if not quoted:
                return place + 1 if fields == width and quotes % 2 == 0 else 1
        return 1


def _walk(line: str, mark: str, quoted: bool) -> tuple[bool, int]:  # a state
    """Walk over a line; whether it ends within quotes, and how many delimiters are outside."""
    place, fields, begins = 0, 0, not quoted
    while True:
        if quoted:
            found = line.find('"', place)
            if found < 0:
                return True, fields
            after = line[found + 1 : found + 2]
            quoted = after not in ("", mark)
            place = found + (2 if after == '"' else 1)
        elif begins and line[place : place + 1] == '"':
            quoted, begins, place = True, False, place + 1
        else:
            found = line.find(mark, place)
            if found < 0:
                return False, fields
            fields, place, begins = fields + 1, found + 1, True
