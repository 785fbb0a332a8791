"""A log larger than memory, put in order once: spread by customer, then partition by partition.

Pieces of the sources are read, checked and spread; then every partition is put in order. Each
step is finished under another name before it gets its own, so that work that was killed goes on
where it stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.adapters.rows import Rows, need
from journeymap.analysis import Columns
from journeymap.analysis.building import narrow
from journeymap.analysis.coding import code_type, coded
from journeymap.analysis.intake import Intake, Rejected, as_names, intake
from journeymap.analysis.ordering import ordering
from journeymap.engines.folder import Folder, Manifest
from journeymap.engines.progress import Progress
from journeymap.engines.raw import read_array, write_array
from journeymap.exceptions import SourceError

__all__ = ["in_order", "partition"]

CHUNK = 1 << 20  # rows read at a time
_ROW, _ID, _SOURCE = "journeymap row", "journeymap id", "journeymap source"
T = TypeVar("T")
U = TypeVar("U")
Bounds = "np.ndarray[Any, np.dtype[np.int64]]"


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], U], items: Iterable[T], ahead: int
) -> Iterator[U]:
    """What work makes of each item, in order, with no more than ``ahead`` of them under way."""
    waiting: deque[Future[U]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


@frozen
class Piece:
    """Some rows of one source: their place in it, and in the log."""

    number: int
    file: Path
    offset: int
    rows: int
    first: int


def pieces(folder: Path, manifest: Manifest) -> list[Piece]:
    """The sources in pieces, in order of arrival."""
    found: list[Piece] = []
    first = 0
    for source in manifest.sources:
        for offset in range(0, max(source.rows, 1), CHUNK):  # of no rows, one empty piece
            rows = min(CHUNK, source.rows - offset)
            found.append(Piece(len(found), folder / source.name, offset, rows, first))
            first += rows
    return found


def partition(
    sources: Path, folder: Folder, manifest: Manifest, columns: Columns, workers: int,
    shown: bool | None,
) -> None:  # fmt: skip
    """Do what is still to be done, and save the manifest after every step."""
    todo = [piece for piece in pieces(sources, manifest) if piece.number not in manifest.chunks]
    with ThreadPoolExecutor(workers) as pool:
        with Progress("spreading by customer", manifest.rows, shown=shown) as progress:
            progress.step(manifest.rows - sum(piece.rows for piece in todo))
            read = in_order(pool, lambda piece: _spread(piece, columns, manifest), todo, workers)
            for piece, one in zip(todo, read, strict=True):
                _store(folder, manifest, piece, one)
                progress.step(piece.rows)
        if columns.id is not None and not manifest.dropped:
            _find_duplicates(folder, manifest)
        rest = [n for n in range(manifest.partitions) if str(n) not in manifest.ready]
        with Progress("putting in order", manifest.partitions, shown=shown) as progress:
            progress.step(manifest.partitions - len(rest))
            made = in_order(pool, lambda n: _put_in_order(folder, manifest, n), rest, workers)
            for number, facts in zip(rest, made, strict=True):
                manifest.ready[str(number)] = facts
                folder.save(manifest)
                progress.step()
    folder.tidy()


@frozen(eq=False)
class _Spread:
    """A piece read and checked: accepted rows sorted by partition, where each begins."""

    frame: pl.DataFrame
    names: dict[str, pl.Series]
    bounds: Any
    ids: pl.DataFrame | None
    rejected: pl.DataFrame


def _spread(piece: Piece, columns: Columns, manifest: Manifest) -> _Spread:
    rows = _read(piece, columns)
    taken = intake(rows, columns)
    where = (taken.customer.names.hash(seed=0) % manifest.partitions).to_numpy()
    spots = where[taken.customer.codes].astype(np.uint32)
    order = np.argsort(spots, kind="stable")
    names = {"touchpoint": taken.touchpoint, **taken.names}
    data: dict[str, Any] = {
        "customer": taken.customer.names.gather(taken.customer.codes[order]),
        "at": taken.at[order],
        **{f"name {role}": column.codes[order] for role, column in names.items()},
        **{f"number {role}": column[order] for role, column in taken.numbers.items()},
    }
    ids = None
    if columns.id is not None:
        numbers = np.flatnonzero(taken.good) + piece.first
        data[_ROW] = numbers[order]
        ids = _ids(rows, taken, columns, numbers)
    bounds = np.searchsorted(spots[order], np.arange(manifest.partitions + 1))
    rejected = _told(taken.rejected, piece)
    return _Spread(
        pl.DataFrame(data), {role: column.names for role, column in names.items()}, bounds, ids,
        rejected,
    )  # fmt: skip


def _read(piece: Piece, columns: Columns) -> Rows:
    try:
        there = list(pl.read_parquet_schema(piece.file))
        wanted = columns.wanted(there)
        need(wanted, there, piece.file.name)
        scan = pl.scan_parquet(piece.file).select(wanted)
        frame = scan.slice(piece.offset, piece.rows).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(str(piece.file), f"not a Parquet file: {str(error)[:200]}") from None
    lines = np.arange(piece.offset + 1, piece.offset + 1 + len(frame), dtype=np.int64)
    return Rows(frame, lines, (), piece.file.name)


def _ids(rows: Rows, taken: Intake, columns: Columns, numbers: Any) -> pl.DataFrame:
    """Which accepted row has which id, of which source."""
    frame = rows.frame.filter(pl.Series(taken.good))
    source = columns.source if columns.source in frame.columns else None
    return pl.DataFrame(
        {
            _ID: as_names(frame, str(columns.id)),
            _SOURCE: as_names(frame, source)
            if source
            else pl.Series([""]).new_from_index(0, len(frame)),
            _ROW: numbers,
        }
    ).filter(pl.col(_ID).str.strip_chars().fill_null("") != "")


def _told(rejected: Rejected, piece: Piece) -> pl.DataFrame:
    return rejected.to_polars().with_columns(pl.lit(piece.file.name).alias("file"))


def _store(folder: Folder, manifest: Manifest, piece: Piece, one: _Spread) -> None:
    """Give names their codes in the whole log, in the order of arrival, and keep the piece."""
    frame = one.frame
    for role, names in one.names.items():
        known = manifest.names.setdefault(role, [])
        place = {name: code for code, name in enumerate(known, 1)}
        table = np.zeros(len(names), dtype=np.uint32)
        for spot, name in enumerate(names.to_list()):
            if name.strip():
                if name not in place:
                    known.append(name)
                    place[name] = len(known)
                table[spot] = place[name]
        column = f"name {role}"
        codes = table[frame[column].to_numpy()] if len(table) else frame[column].to_numpy()
        frame = frame.with_columns(pl.Series(column, codes, dtype=pl.UInt32))
    manifest.numbers = [c.removeprefix("number ") for c in frame.columns if c.startswith("number ")]
    place_ = folder.chunk(piece.number)
    spare = folder.fresh(place_)
    frame.write_ipc(spare / "rows.arrow", compression="uncompressed")
    write_array(spare / "bounds", one.bounds.astype(np.int64))
    if one.ids is not None:
        one.ids.write_ipc(spare / "ids.arrow", compression="uncompressed")
    folder.name(spare, place_)
    if len(one.rejected):
        aside = folder.path / "rejected"
        aside.mkdir(exist_ok=True)
        one.rejected.write_ipc(aside / f"{piece.number:06}.arrow", compression="zstd")
    manifest.chunks.append(piece.number)
    folder.save(manifest)


def _find_duplicates(folder: Folder, manifest: Manifest) -> None:
    """Second rows of one source and id, in whichever pieces they lie: kept as row numbers."""
    files = [folder.chunk(number) / "ids.arrow" for number in sorted(manifest.chunks)]
    dropped: list[pl.DataFrame] = []
    for part in range(manifest.partitions):
        mine = pl.col(_ID).hash(seed=0) % manifest.partitions == part
        ids = pl.concat([pl.read_ipc(file).filter(mine) for file in files])
        first = pl.col(_ROW).first().over(_ID, _SOURCE)
        dropped.append(
            ids.with_columns(first.alias("first")).filter(pl.col(_ROW) != pl.col("first"))
        )
    found = pl.concat(dropped).sort(_ROW) if dropped else pl.DataFrame()
    write_array(folder.path / "dropped", found[_ROW].to_numpy().astype(np.int64))
    if len(found):
        starts = np.cumsum([0, *(source.rows for source in manifest.sources)])
        names = np.array([source.name for source in manifest.sources])

        def place(column: str) -> tuple[Any, Any]:
            rows = found[column].to_numpy()
            which = np.searchsorted(starts, rows, side="right") - 1
            return rows - starts[which] + 1, names[which]

        lines, files_ = place(_ROW)
        firsts, others = place("first")
        reasons = [
            f"a duplicate: the same id as line {line}" + (f" of {other}" if other != mine else "")
            for line, other, mine in zip(firsts.tolist(), others, files_, strict=True)
        ]
        aside = folder.path / "rejected"
        aside.mkdir(exist_ok=True)
        pl.DataFrame(
            {"line": lines, "reason": reasons, "row": found[_ID], "file": files_.tolist()}
        ).write_ipc(aside / "duplicates.arrow")
    manifest.dropped = True
    folder.save(manifest)


def _put_in_order(folder: Folder, manifest: Manifest, number: int) -> list[int]:
    """One partition by customer, time and arrival; its customers, interactions, first and last."""
    rows = []
    for chunk in sorted(manifest.chunks):
        place = folder.chunk(chunk)
        bounds = read_array(place / "bounds", np.int64)
        begin, end = int(bounds[number]), int(bounds[number + 1])
        if end > begin:
            rows.append(pl.scan_ipc(place / "rows.arrow").slice(begin, end - begin))
    if not rows:
        rows.append(pl.scan_ipc(folder.chunk(min(manifest.chunks)) / "rows.arrow").head(0))
    frame = pl.concat(rows).collect().rechunk()
    if manifest.dropped:
        gone = read_array(folder.path / "dropped", np.int64)
        frame = frame.filter(~pl.Series(np.isin(frame[_ROW].to_numpy(), gone)))
    customer = coded(frame["customer"])
    at = frame["at"].to_numpy()
    order = ordering(customer.codes, at)
    owners = customer.codes if order is None else customer.codes[order]
    spare = folder.fresh(folder.partition(number))

    def keep(name: str, values: Any) -> None:
        write_array(spare / name, values if order is None else values[order])

    keep("at", at)
    for place_, (role, names) in enumerate(manifest.names.items()):
        codes = frame[f"name {role}"].to_numpy()
        keep(f"name-{place_}", codes.astype(code_type(len(names) + 1)))
    for place_, role in enumerate(manifest.numbers):
        keep(f"number-{place_}", narrow(role, frame[f"number {role}"].to_numpy()))
    pl.DataFrame({"customer": customer.names}).write_ipc(spare / "customers.arrow")
    fresh = np.flatnonzero(np.diff(owners)) + 1
    begin_ = np.zeros(1 if len(owners) else 0, dtype=np.int64)
    offsets = np.concatenate([begin_, fresh, [len(owners)]])
    write_array(spare / "offsets", offsets.astype(np.int64))
    folder.name(spare, folder.partition(number))
    first, last = (int(at.min()), int(at.max())) if len(at) else (0, 0)
    return [len(customer.names), len(at), first, last]
