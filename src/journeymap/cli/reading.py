"""Options of a log, and the log that they give."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
from attrs import evolve, fields, frozen

from journeymap.adapters.reading.csv_records import find_delimiter
from journeymap.analysis import Columns, Log
from journeymap.analysis.table.guessing import guess_columns
from journeymap.analysis.where import LEVELS
from journeymap.cli.defaults import Defaults, read_defaults
from journeymap.cli.kept_options import drop_value, keep_value, kept_option, kept_values
from journeymap.cli.output import ShownProgress
from journeymap.documents import load
from journeymap.exceptions import ColumnsError, SourceError, UnknownName
from journeymap.model import JourneyMap

__all__ = ["LogFile", "log_file", "reading_options"]

_GUESSED = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")

_ROLES = (
    ("customer", "who it was"), ("touchpoint", "what was touched"), ("at", "when"),
    ("id", "the interaction's id"), ("source", "the system it comes from"),
    ("channel", "the channel"), ("department", "the department"), ("process", "the process"),
    ("product", "the product"), ("outcome", "what came of it"), ("emotion", "from -1 to 1"),
    ("emotion-after", "the same, afterwards"), ("score", "an answer to a survey"),
    ("score-kind", "nps, csat or ces"), ("value", "an amount"), ("currency", "its currency"),
    ("duration", "how long it took"), ("end", "when it ended"), ("cost", "what it cost"),
    ("referred-by", "who recommended"), ("order", "the order, where there are no times"),
    ("timezone", "the zone of times without one"), ("calendar-zone", "the zone of periods"),
    ("clock-change", "how to read times that come twice"), ("at-unit", "s, ms or us"),
    ("at-format", "as strptime has it"), ("decimal", "the decimal sign"),
)  # fmt: skip


@frozen
class LogFile:
    """A log's file, and how it is read.

    Attributes:
        file: The file, or the address of a live store.
        map: The map's file (None: none).
        columns: Which column is what, as it was given.
        delimiter: What parts the cells of CSV.
        encoding: The encoding.
        strict: Whether the first row that cannot be read is an error.
        defaults: The defaults beside the log.
    """

    file: str
    map: Path | None
    columns: dict[str, Any]
    delimiter: str | None
    encoding: str | None
    strict: bool
    defaults: Defaults

    def log(self, *, mapped: bool = True) -> Log:
        """Read the log; ``mapped``: with its map, if there is one.

        Raises:
            SourceError: No row could be read.
        """
        file = self.map or self.defaults.map
        if self.is_store:
            return self._recorded(load(file) if mapped and file else None)
        columns = self._columns()
        with ShownProgress("reading") as progress:
            log = Log.read(
                self.file,
                columns,
                map=load(file) if mapped and file else None,
                strict=self.strict,
                delimiter=self.delimiter or self.defaults.delimiter,
                encoding=self.encoding or self.defaults.encoding,
                progress=progress.share,
            )
        if not log.interactions:
            reasons = log.rejected.reasons.most_common(3)
            why = "; ".join(f"{reason}: {count}" for reason, count in reasons)
            raise SourceError(str(self.file), f"no row could be read ({why or 'there is none'})")
        return log

    @property
    def name(self) -> str:
        """The name of the file without its suffixes, or of the store."""
        return Path(self.file).name.split(".")[0]

    @property
    def is_store(self) -> bool:
        """Check whether it is the address of a live store."""
        return "://" in self.file

    def keeping(self, *levels: str | None) -> LogFile:
        """Keep the columns that segments or subsets are made by, if they are none of the levels.

        Args:
            *levels: Levels or columns (None: none is named).

        Returns:
            The same file, read with these columns.
        """
        if self.is_store:
            return self
        extra = tuple(self.columns.get("extra", self.defaults.columns.get("extra", ())))
        wanted = [one for one in levels if one and one not in (*LEVELS, *extra)]
        if wanted and self.file.lower().endswith(_GUESSED):
            names = self._names()
            wanted = [one for one in wanted if one in names]
        if not wanted:
            return self
        return evolve(self, columns={**self.columns, "extra": (*extra, *dict.fromkeys(wanted))})

    def _recorded(self, journey: JourneyMap | None) -> Log:
        """Read what a live store has recorded."""
        if self.columns:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in self.columns)
            raise click.UsageError(f"{names}: a store knows its columns")
        return Log.from_store(self.file, map=journey)

    def _columns(self) -> Columns | None:
        """Put together which column is what; roles that none has are guessed (None: all)."""
        given = {**self.defaults.columns, **self.columns}
        known = {one.name for one in fields(Columns)}
        for name in given:
            if name not in known:
                raise UnknownName("column", name, tuple(sorted(known)))
        if not given:
            return None
        try:
            columns = Columns(**given)
            named = {"customer", "touchpoint", "at"} & set(given)
            if named or not self.file.lower().endswith(_GUESSED):
                return columns
            return evolve(guess_columns(self._names()), **given)
        except TypeError as error:
            raise ColumnsError(f"a setting of another kind ({error})") from None

    def _names(self) -> list[str]:
        """List the columns of the file, by its first row."""
        place = Path(self.file)
        if place.suffix.lower() == ".parquet":
            return pl.scan_parquet(place).collect_schema().names()
        encoding = self.encoding or self.defaults.encoding or "utf-8-sig"
        try:
            packed = place.suffix.lower() == ".gz"
            with (gzip.open if packed else open)(
                place, "rt", encoding=encoding, newline=""
            ) as file:
                head = file.readline()
        except (LookupError, UnicodeError, gzip.BadGzipFile, EOFError):
            return []  # reading will say what is wrong
        sign = self.delimiter or self.defaults.delimiter or find_delimiter(head, self.file)
        return next(csv.reader([head], delimiter=sign), [])


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument LOG and the options of reading it: see `log_file`.

    Args:
        command: The command.

    Returns:
        The command with the options.
    """
    columns = [
        kept_option(f"--{role}", metavar="COLUMN", help=f"Column or setting: {words}.")
        for role, words in _ROLES
    ]
    options = [
        kept_option("--map", type=click.Path(path_type=Path), metavar="MAP",
                help="The map."),
        kept_option("--store", metavar="ADDRESS", help="A live store in the place of LOG."),
        *columns,
        kept_option("--extra", multiple=True, metavar="COLUMN",
                help="A column to keep, as a level of its own; may be repeated."),
        kept_option("--untimed", is_flag=True, help="The rows have no times, only order."),
        kept_option("--delimiter", metavar="SIGN", help="What parts the cells of CSV."),
        kept_option("--encoding", metavar="NAME", help="The encoding of the file."),
        kept_option("--strict", is_flag=True, help="Fail at the first unreadable row."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    file = click.argument("file", required=False, metavar="LOG", expose_value=False,
                          callback=keep_value)  # fmt: skip
    return click.pass_context(file(command))


def warn_of_rejected(log: Log) -> None:
    """Write on the terminal, beside the output, why rows of a log were set aside."""
    reasons = log.rejected.reasons
    if reasons:
        number = sum(reasons.values())
        why = "; ".join(f"{reason}: {count:,}" for reason, count in reasons.most_common(3))
        click.echo(f"journeymap: {number:,} rows were set aside ({why})", err=True)


def take_question(context: click.Context) -> str:
    """Take the only argument for a question, where a store is read in the place of LOG.

    Raises:
        click.UsageError: There is none.
    """
    given = kept_values(context)
    store = given["store"] or read_defaults(Path()).store
    if not store or given["file"] is None:
        raise click.UsageError("QUESTION is missing, such as Transitions")
    drop_value(context, "file")
    question: str = given["file"]
    return question


def log_file(context: click.Context) -> LogFile:
    """Put together what the options of `reading_options` were given.

    Args:
        context: The context of the command.

    Returns:
        The file, and how it is read.

    Raises:
        ColumnsError: Rows without times have a column of times.
    """
    given = kept_values(context)
    columns = {role.replace("-", "_"): given[role.replace("-", "_")] for role, _ in _ROLES}
    columns = {name: value for name, value in columns.items() if value is not None}
    if given["extra"]:
        columns["extra"] = given["extra"]
    if given["untimed"]:
        if "at" in columns:
            raise ColumnsError("at: rows that are --untimed have no column of times")
        columns["at"] = None
    if given["store"] and given["file"]:
        raise click.UsageError(f"--store and {given['file']}: only one of them is read")
    file: str | None = given["store"] or given["file"] or read_defaults(Path()).store
    if file is None:
        raise click.UsageError("LOG is missing: a file, or the address of a live store")
    folder = Path() if "://" in file else Path(file).parent
    return LogFile(file, given["map"], columns, given["delimiter"], given["encoding"],
                   given["strict"], read_defaults(folder))  # fmt: skip
