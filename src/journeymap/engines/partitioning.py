"""A log larger than memory, put in order once: spread by customer, then partition by partition.

Pieces of the sources are read, checked and spread; then every partition is put in order. Each
step is finished under another name before it gets its own, so that work that was killed goes on
where it stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from attrs import frozen

from journeymap.adapters.tables.rows import Rows, require_columns
from journeymap.analysis import Columns
from journeymap.analysis.table.checking import check_rows
from journeymap.analysis.table.coding import CodedNames, code_type, encode_names
from journeymap.analysis.table.encoding import narrow_numbers
from journeymap.analysis.table.ordering import find_offsets, order_rows
from journeymap.engines.duplicates import ROW, find_duplicates, ids_of, keep, slices
from journeymap.engines.folder import Folder, Manifest
from journeymap.engines.progress import Progress
from journeymap.engines.raw import read_array, write_array
from journeymap.engines.vocabulary import Vocabulary
from journeymap.exceptions import SourceError

__all__ = ["in_order", "partition"]

T = TypeVar("T")
U = TypeVar("U")


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], U], items: Iterable[T], ahead: int
) -> Iterator[U]:
    """Do work on each item, in order, with no more than ``ahead`` of them under way."""
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
    """Some rows of one source: their place in it, and in the log.

    ``elsewhere`` are the columns that any of the sources has: one that this file lacks is empty.
    """

    number: int
    file: Path
    name: str
    offset: int
    rows: int
    first: int
    elsewhere: tuple[str, ...]


def _columns_of(file: Path) -> list[str]:
    try:
        with file.open("rb") as stream:
            return list(pl.read_parquet_schema(stream))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(str(file), f"not a Parquet file: {str(error)[:200]}") from None


def pieces(folder: Path, manifest: Manifest) -> list[Piece]:
    """Cut the sources into pieces, in order of arrival."""
    found: list[Piece] = []
    first = 0
    names: dict[str, None] = {}
    for source in manifest.sources:
        names |= dict.fromkeys(_columns_of(folder / source.name))
    everywhere = tuple(names)
    for source in manifest.sources:
        for offset in range(0, max(source.rows, 1), manifest.chunk):  # of no rows, one empty
            rows = min(manifest.chunk, source.rows - offset)
            file = folder / source.name
            found.append(Piece(len(found), file, source.name, offset, rows, first, everywhere))
            first += rows
    return found


def partition(
    sources: Path, folder: Folder, manifest: Manifest, columns: Columns, workers: int,
    shown: bool | None,
) -> None:  # fmt: skip
    """Do what is still to be done, and save the manifest after every step."""
    every = pieces(sources, manifest)
    todo = every[manifest.chunks :]
    known = Vocabulary.read(folder.chunk(n) / "names.arrow" for n in range(manifest.chunks))
    with ThreadPoolExecutor(workers) as pool:
        with Progress("spreading by customer", manifest.rows, shown=shown) as progress:
            progress.step(manifest.rows - sum(piece.rows for piece in todo))
            spread = partial(
                _spread, columns=columns, folder=folder, partitions=manifest.partitions
            )
            read = in_order(pool, spread, todo, workers)
            for piece, one in zip(todo, read, strict=True):
                _store(folder, manifest, piece, one, known)
                progress.step(piece.rows)
        names = known.names()
        Vocabulary.write(folder.names, {role: list(mine) for role, mine in names.items()})
        if columns.id is not None and not manifest.dropped:
            there = every[0].elsewhere
            find_duplicates(
                folder, manifest,
                lambda number: _scan(sources / manifest.sources[number].name, there, columns), pool,
            )  # fmt: skip
        rest = [n for n in range(manifest.partitions) if str(n) not in manifest.ready]
        with Progress("putting in order", manifest.partitions, shown=shown) as progress:
            progress.step(manifest.partitions - len(rest))
            ordered = partial(_put_in_order, folder=folder, manifest=manifest, known=names)
            made = in_order(pool, ordered, rest, workers)
            for number, facts in zip(rest, made, strict=True):
                manifest.ready[str(number)] = facts
                folder.save(manifest)
                progress.step()
    folder.tidy()


_TURN = "journeymap turn"  # what orders interactions of one time


@frozen(eq=False)
class _Spread:
    """A piece that was read, checked and kept in a folder without its name yet.

    With the names it met, which have no codes in the whole log yet, and the rows set aside.
    """

    place: Path
    names: dict[str, pl.Series]
    numbers: list[str]
    rejected: pl.DataFrame
    dropped: pl.DataFrame


def _spread(piece: Piece, columns: Columns, folder: Folder, partitions: int) -> _Spread:
    rows = _read(piece, columns)
    taken = check_rows(rows, columns, coder=_uncoded)
    customers = taken.customer.names.gather(taken.customer.codes)
    spots = (customers.hash(seed=0) % partitions).to_numpy().astype(np.uint16)
    order = np.argsort(spots, kind="stable")
    names = {"touchpoint": taken.touchpoint, **taken.names}
    data: dict[str, Any] = {
        "customer": customers.gather(order),
        "at": taken.at[order],
        **{f"name {role}": column.codes[order] for role, column in names.items()},
        **{f"number {role}": column[order] for role, column in taken.numbers.items()},
        **({} if taken.order is None else {_TURN: taken.order[order]}),
    }
    place = folder.fresh(folder.chunk(piece.number))
    if columns.id is not None:
        numbers = np.flatnonzero(taken.good) + piece.first
        data[ROW] = numbers[order]
        ids, id_bounds = ids_of(rows, taken, columns, numbers, partitions)
        keep(ids, place / "ids.arrow")
        write_array(place / "id-bounds", id_bounds.astype(np.int64))
    keep(pl.DataFrame(data), place / "rows.arrow")
    bounds = np.searchsorted(spots[order], np.arange(partitions + 1))
    write_array(place / "bounds", bounds.astype(np.int64))
    file = pl.lit(piece.name).alias("file")
    rejected, dropped = (
        found.to_polars().with_columns(file) for found in (taken.rejected, taken.dropped)
    )
    met = {role: column.names for role, column in names.items()}
    return _Spread(place, met, list(taken.numbers), rejected, dropped)


def _uncoded(customers: pl.Series) -> CodedNames:
    """Give every row a customer of its own: rows are spread by name, without codes."""
    return CodedNames(np.arange(len(customers), dtype=np.uint32), customers.fill_null(""))


def _read(piece: Piece, columns: Columns) -> Rows:
    try:
        require_columns(columns.wanted(piece.elsewhere), piece.elsewhere, piece.name)
        scan = _scan(piece.file, piece.elsewhere, columns)
        frame = scan.slice(piece.offset, piece.rows).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(str(piece.file), f"not a Parquet file: {str(error)[:200]}") from None
    lines = np.arange(piece.offset + 1, piece.offset + 1 + len(frame), dtype=np.int64)
    return Rows(frame, lines, (), piece.name)


def _scan(file: Path, elsewhere: tuple[str, ...], columns: Columns) -> pl.LazyFrame:
    """Scan the wanted columns of a file; one that it lacks, and another has, is empty."""
    there, wanted = _columns_of(file), columns.wanted(elsewhere)
    lacking = [pl.lit(None, dtype=pl.String).alias(one) for one in wanted if one not in there]
    return pl.scan_parquet(file, glob=False).with_columns(lacking).select(wanted)


def _store(
    folder: Folder, manifest: Manifest, piece: Piece, one: _Spread, known: Vocabulary
) -> None:
    """Give names their codes in the whole log, in the order of arrival, and the piece its name."""
    added = {}
    for place, (role, names) in enumerate(one.names.items()):
        table, added[role] = known.take(role, names)
        write_array(one.place / f"codes-{place}", table)
    Vocabulary.write(one.place / "names.arrow", added)
    manifest.numbers = one.numbers
    folder.name(one.place, folder.chunk(piece.number))
    for what, found in (("rejected", one.rejected), ("dropped-values", one.dropped)):
        if len(found):
            aside = folder.path / what
            aside.mkdir(exist_ok=True)
            found.write_ipc(aside / f"{piece.number:06}.arrow", compression="zstd")
    manifest.chunks = piece.number + 1
    folder.save(manifest)


def _put_in_order(
    number: int, folder: Folder, manifest: Manifest, known: dict[str, tuple[str, ...]]
) -> list[int]:
    """Sort one partition by customer, time and arrival; its sizes, first and last time."""
    rows = []
    for place, part in slices(folder, manifest, number, "rows.arrow", "bounds"):
        for role_number, role in enumerate(known):
            table = read_array(place / f"codes-{role_number}", np.uint32)
            codes = part[f"name {role}"].to_numpy()
            now = table[codes] if len(table) else codes
            part = part.with_columns(pl.Series(f"name {role}", now, dtype=pl.UInt32))
        rows.append(part)
    frame = pl.concat(rows).rechunk()
    if manifest.dropped:
        gone = read_array(folder.path / "dropped", np.int64)
        frame = frame.filter(~pl.Series(np.isin(frame[ROW].to_numpy(), gone)))
    customer = encode_names(frame["customer"])
    at = frame["at"].to_numpy()
    turns = frame[_TURN].to_numpy() if _TURN in frame.columns else None
    order = order_rows(customer.codes, at, turns)
    owners = customer.codes if order is None else customer.codes[order]
    spare = folder.fresh(folder.partition(number))

    def write(name: str, values: Any) -> None:
        write_array(spare / name, values if order is None else values[order])

    write("at", at)
    for place_, (role, names) in enumerate(known.items()):
        codes = frame[f"name {role}"].to_numpy()
        write(f"name-{place_}", codes.astype(code_type(len(names) + 1)))
    for place_, role in enumerate(manifest.numbers):
        write(f"number-{place_}", narrow_numbers(role, frame[f"number {role}"].to_numpy()))
    pl.DataFrame({"customer": customer.names}).write_ipc(spare / "customers.arrow")
    write_array(spare / "offsets", find_offsets(owners))
    folder.name(spare, folder.partition(number))
    first, last = (int(at.min()), int(at.max())) if len(at) else (0, 0)
    return [len(customer.names), len(at), first, last]
