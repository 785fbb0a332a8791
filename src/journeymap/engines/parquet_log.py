"""A log larger than memory: a folder of Parquet files, put in order once, answered part by part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from attrs import evolve, frozen

from journeymap.analysis import Columns, Question
from journeymap.analysis.askable import Askable, LogSize, make_scope
from journeymap.analysis.history import read_histories
from journeymap.analysis.question import merge_parts
from journeymap.analysis.table.checking import LEVELS, Dropped, Rejected
from journeymap.analysis.table.coding import code_type
from journeymap.analysis.table.encoding import apply_map, number_type
from journeymap.analysis.table.guessing import guess_columns
from journeymap.analysis.table.part import Level, LogView, Scope
from journeymap.analysis.table.table import Table
from journeymap.engines.folder import (
    VERSION,
    Folder,
    Lock,
    Manifest,
    SourceFile,
    columns_data,
    polars_probe,
)
from journeymap.engines.partitioning import in_order, partition
from journeymap.engines.raw import read_array
from journeymap.engines.vocabulary import Vocabulary
from journeymap.exceptions import AnswerError, SourceError
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap

__all__ = ["ParquetLog"]

CHUNK = 1 << 21  # rows read at a time
PARTITION = 1 << 20  # rows in a partition, about


@frozen(eq=False, repr=False)
class ParquetLog(Askable):
    """Recorded interactions of any number, in a folder of Parquet files.

    Make one with ``ParquetLog.read``. It answers every question as ``Log`` does, on all cores, and
    holds no more than a few partitions in memory at a time.

    Attributes:
        map: The map by which interactions are read.
        folder: The folder of the ordered files.
        workers: How many partitions are read at once.
    """

    map: JourneyMap | None
    folder: Path
    workers: int
    _scope: Scope
    _counted: LogSize
    _manifest: Manifest
    _names: dict[str, tuple[str, ...]]
    _views: tuple[LogView, ...] = ()

    @classmethod
    def read(
        cls,
        source: str | os.PathLike[str],
        columns: Columns | None = None,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        into: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        progress: bool | None = None,
    ) -> ParquetLog:
        """Read a Parquet file, or all of a folder and its folders in the order of their names.

        Files and folders whose names begin with ``_`` or ``.`` are passed over. The rows may be in
        any
        order: they are spread by customer and put in order once. Work that was interrupted goes on
        where it stopped; a folder that is complete is opened at once, with any map. Sources that
        have changed since, or other columns, are refused until the folder is removed.

        Args:
            source: The file or folder.
            columns: Which column is which (None: guessed by well-known names).
            map: The map by which interactions are read.
            into: The folder of the ordered files, which takes about as much room as the rows (None:
                beside the source, its name with ``.journeymap``).
            workers: How many pieces are read at once (None: one per core).
            progress: Whether progress is shown (None: in a terminal or notebook).

        Returns:
            The log.

        Raises:
            SourceError: A file cannot be read, or has changed since the folder was made.
            ColumnsError: A column that was named is missing, or holds something else.
            FileNotFoundError: There is no such file or folder.
        """
        place = Path(source).absolute()
        chosen = _guess(place) if columns is None else columns
        folder = Folder(Path(into) if into else place.with_name(place.name + ".journeymap"))
        cores = workers or os.cpu_count() or 1
        root = place if place.is_dir() else place.parent
        wanted = _begun(place, chosen)
        manifest = folder.manifest()
        if manifest is None or not manifest.complete:
            with Lock(folder):
                manifest = _same(folder, folder.manifest(), wanted)
                folder.save(manifest)
                partition(root, folder, manifest, chosen, cores, progress)
        elif folder.chunks.exists():  # it was interrupted when all was done but the tidying
            with Lock(folder):
                folder.tidy()
        manifest = _same(folder, manifest, wanted)
        names = Vocabulary.read([folder.names]).names()
        facts = np.array(list(manifest.ready.values()), dtype=np.int64).reshape(-1, 4)
        some = facts[facts[:, 1] > 0]
        first, last = (int(some[:, 2].min()), int(some[:, 3].max())) if len(some) else (0, 0)
        people, count = int(facts[:, 0].sum()), int(facts[:, 1].sum())
        counted = LogSize(people, people, count, first, last)
        scope = make_scope(map, chosen, counted)
        return cls(map, folder.path, cores, scope, counted, manifest, names)

    @property
    def levels(self) -> tuple[str, ...]:
        """The values that ``by=`` can have for this log."""
        return self._empty.readable

    @cached_property
    def rejected(self) -> Rejected:
        """The rows that could not be read, each with its file, line and reason."""
        return Rejected(self._kept_aside("rejected"))

    @cached_property
    def dropped(self) -> Dropped:
        """The values that were left out of interactions that were kept, as in `Log.dropped`."""
        return Dropped(self._kept_aside("dropped-values"))

    def _kept_aside(self, what: str) -> pl.DataFrame:
        files = sorted((self.folder / what).glob("*.arrow"))
        frames = [pl.scan_ipc(file, glob=False).collect() for file in files]
        places = {source.name: place for place, source in enumerate(self._manifest.sources)}
        file = pl.col("file").replace_strict(places, return_dtype=pl.Int64)
        return pl.concat([pl.DataFrame(schema=_SCHEMA), *frames]).sort(file, "line")

    def __repr__(self) -> str:
        return (
            f"<ParquetLog of {self.interactions:,} interactions of {self.customers:,} customers "
            f"in {self._manifest.partitions} partitions>"
        )

    @property
    def _whole_scope(self) -> tuple[Scope, LogSize]:
        return self._scope, self._counted

    @cached_property
    def _scope_and_size(self) -> tuple[Scope, LogSize]:
        return self._measure_size()

    def _with_view(self, view: LogView) -> Self:
        return evolve(self, views=(*self._views, view))

    def _measure(self, questions: tuple[Question[Any], ...], scope: Scope) -> list[Any]:
        return merge_parts(questions, self._measure_pieces(questions, scope, 2 * self.workers))

    def _measure_each(self, question: Question[Any], scope: Scope) -> Iterator[Any]:
        for [found] in self._measure_pieces((question,), scope, self.workers):
            yield found

    def _measure_pieces(
        self, questions: tuple[Question[Any], ...], scope: Scope, ahead: int
    ) -> Iterator[list[Any]]:
        """Measure questions partition by partition, some of them at once."""

        def work(number: int) -> list[Any]:
            return self._piece(number).measure(questions, scope, self._views)

        with ThreadPoolExecutor(self.workers) as pool:
            yield from in_order(pool, work, range(self._manifest.partitions), ahead)

    def histories(self) -> Iterator[tuple[Interaction, ...]]:
        """Read the interactions of every customer back, one customer after the other.

        Yields:
            The interactions of a customer, in order of time; as those of `Log.histories`.

        Raises:
            AnswerError: The log is a view, or it has no times.
        """
        if self._views:
            message = "histories are read from the whole log, not from a part that where() shows"
            raise AnswerError("histories", message)
        for number in range(self._manifest.partitions):
            yield from read_histories(self._piece(number))

    @cached_property
    def _empty(self) -> Table:
        """A table of the same names and columns without interactions."""
        no_ids = pl.Series([], dtype=pl.String)
        start = np.zeros(1, dtype=np.int64)
        return self._table(lambda name, kind: np.zeros(0, dtype=kind), no_ids, start)

    def _piece(self, number: int) -> Table:
        """Open one partition as a table, its columns mapped into memory."""
        place = Folder(self.folder).partition(number)
        try:
            ids = pl.scan_ipc(place / "customers.arrow", glob=False).collect()["customer"]
            offsets = read_array(place / "offsets", np.int64)
            return self._table(lambda name, kind: read_array(place / name, kind), ids, offsets)
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            message = f"partition {number} cannot be read ({str(error)[:200]}); remove the folder"
            raise SourceError(str(self.folder), message) from None

    def _table(self, column: Callable[[str, Any], Any], ids: pl.Series, offsets: Any) -> Table:
        manifest = self._manifest
        levels = {role: Level((None,)) for role in ("stage", "phase", *LEVELS)}
        for place, (role, names) in enumerate(self._names.items()):
            kind = code_type(len(names) + 1)
            levels[role] = Level((None, *names), column(f"name-{place}", kind))
        numbers = {
            role: column(f"number-{place}", number_type(role))
            for place, role in enumerate(manifest.numbers)
        }
        touchpoints = levels["touchpoint"].codes
        assert touchpoints is not None  # noqa: S101  # every log has touchpoints
        scope = evolve(self._scope, map=None)
        table = Table(
            None, scope, ids, offsets, column("at", np.int64), touchpoints, levels, numbers
        )
        return table if self.map is None else apply_map(table, self.map)


_SCHEMA = {"line": pl.Int64, "reason": pl.String, "row": pl.String, "file": pl.String}


def _guess(place: Path) -> Columns:
    """Guess which column is which, by the names in the first file."""
    files = sorted(_inside(place)) if place.is_dir() else [place]
    try:
        names = list(pl.read_parquet_schema(files[0])) if files else []
    except (pl.exceptions.PolarsError, OSError):  # the error comes when it is read
        names = []
    return guess_columns(names)


def _begun(place: Path, columns: Columns) -> Manifest:
    """Make the manifest of the work to do."""
    files = sorted(_inside(place)) if place.is_dir() else [place]
    root = place if place.is_dir() else place.parent
    if not place.exists():
        raise FileNotFoundError(f"there is no file or folder {str(place)!r}")
    if not files:
        raise SourceError(str(place), "the folder holds no .parquet file")
    sources = []
    for file in files:
        try:
            rows = int(pl.scan_parquet(file, glob=False).select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(str(file), f"not a Parquet file: {str(error)[:200]}") from None
        about = file.stat()
        sources.append(
            SourceFile(file.relative_to(root).as_posix(), about.st_size, about.st_mtime_ns, rows)
        )
    total = sum(source.rows for source in sources)
    described = columns_data(columns)
    partitions = max(1, -(-total // PARTITION))
    return Manifest(VERSION, sources, described, polars_probe(), CHUNK, partitions, total)


def _inside(place: Path) -> Iterator[Path]:
    """List the Parquet files of a folder and its folders, but for hidden ones."""
    for file in place.rglob("*.parquet"):
        if not any(part.startswith(("_", ".")) for part in file.relative_to(place).parts):
            yield file


def _same(folder: Folder, found: Manifest | None, wanted: Manifest) -> Manifest:
    """Check that work begun is the same work; raise SourceError if not."""
    if found is None:
        return wanted
    for part, reason in (
        ("sources", "the source files have changed since it was made"),
        ("columns", "it was made with other Columns"),
        ("probe", "it was made by another version of polars, and is not complete"),
    ):
        other = getattr(found, part) != getattr(wanted, part)
        if other and not (part == "probe" and found.complete):
            raise SourceError(str(folder.path), f"{reason}; remove the folder, or name another")
    return found
