"""Second rows of one source and id, in whichever pieces of a partitioned log they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from journeymap.adapters.tables.rows import Rows
from journeymap.analysis import Columns
from journeymap.analysis.table.checking import CheckedRows, row_texts
from journeymap.analysis.table.name_columns import clean_names, read_names
from journeymap.engines.folder import Folder, Manifest
from journeymap.engines.raw import read_array, write_array

__all__ = ["ROW", "find_duplicates", "ids_of", "keep", "slices"]

_BATCH_ROWS = 1 << 13  # rows of a batch, the least that is read to look at one row
ROW, _ID, _SOURCE = "journeymap row", "journeymap id", "journeymap source"


def ids_of(
    rows: Rows, taken: CheckedRows, columns: Columns, numbers: Any, partitions: int
) -> tuple[pl.DataFrame, Any]:
    """List the ids of accepted rows with their sources, by partition of the id."""
    frame = rows.frame.filter(pl.Series(taken.good))
    source = columns.source if columns.source in frame.columns else None
    blank = pl.repeat("", len(frame), eager=True, dtype=pl.String)
    found = pl.DataFrame(
        {
            _ID: clean_names(read_names(frame, str(columns.id))),
            _SOURCE: clean_names(read_names(frame, source)).fill_null("") if source else blank,
            ROW: numbers,
        }
    ).filter(pl.col(_ID).str.strip_chars().fill_null("") != "")
    where = (found[_ID].hash(seed=0) % partitions).to_numpy()
    order = np.argsort(where, kind="stable")
    return found[order], np.searchsorted(where[order], np.arange(partitions + 1))


def slices(
    folder: Folder, manifest: Manifest, number: int, name: str, bounds: str
) -> Iterator[tuple[Path, pl.DataFrame]]:
    """Read the rows of one partition from each chunk, in order of arrival."""
    for chunk in range(manifest.chunks):
        place = folder.chunk(chunk)
        begin, end = read_array(place / bounds, np.int64)[number : number + 2].tolist()
        if end > begin or not chunk:
            scan = pl.scan_ipc(place / name, glob=False).slice(begin, end - begin)
            yield place, scan.collect()


def keep(frame: pl.DataFrame, file: Path) -> None:
    """Write a frame in small batches, so that a slice can be read without the rest."""
    frame.write_ipc(file, compression="uncompressed", record_batch_size=_BATCH_ROWS)


def find_duplicates(
    folder: Folder, manifest: Manifest, scan: Callable[[int], pl.LazyFrame],
    pool: ThreadPoolExecutor,
) -> None:  # fmt: skip
    """Keep the numbers of second rows, and set them aside with where the first one is.

    ``scan`` reads the wanted columns of a source, by its number.
    """

    def work(number: int) -> pl.DataFrame:
        held = slices(folder, manifest, number, "ids.arrow", "id-bounds")
        ids = pl.concat([part for _, part in held])
        first = pl.col(ROW).first().over(_ID, _SOURCE)
        repeated = ids.with_columns(first.alias("first")).filter(pl.col(ROW) != pl.col("first"))
        return repeated.select(ROW, "first")

    found = pl.concat(pool.map(work, range(manifest.partitions))).sort(ROW)
    write_array(folder.path / "dropped", found[ROW].to_numpy().astype(np.int64))
    aside = folder.path / "rejected"
    if len(found):
        aside.mkdir(exist_ok=True)
        _rejected_duplicates(found, manifest, scan).write_ipc(aside / "duplicates.arrow")
    manifest.dropped = True
    folder.save(manifest)


def _rejected_duplicates(
    found: pl.DataFrame, manifest: Manifest, scan: Callable[[int], pl.LazyFrame]
) -> pl.DataFrame:
    """Return each duplicate with its file, line, reason and what it held."""
    starts = np.cumsum([0, *(source.rows for source in manifest.sources)])
    rows, firsts = found[ROW].to_numpy(), found["first"].to_numpy()
    which, others = (np.searchsorted(starts, r, side="right") - 1 for r in (rows, firsts))
    rejected = []
    for number in np.unique(which).tolist():
        name = manifest.sources[number].name
        mine = which == number
        lines = rows[mine] - starts[number]
        held = scan(number).with_row_index(ROW).filter(pl.col(ROW).is_in(lines.tolist()))
        texts = row_texts(held.drop(ROW).collect())
        for line, text, first, other in zip(
            lines.tolist(), texts, firsts[mine].tolist(), others[mine].tolist(), strict=True
        ):
            place = f"line {first - int(starts[other]) + 1}"
            beyond = "" if other == number else f" of {manifest.sources[other].name}"
            rejected.append((line + 1, f"a duplicate: the same id as {place}{beyond}", text, name))
    return pl.DataFrame(rejected, schema=["line", "reason", "row", "file"], orient="row")
