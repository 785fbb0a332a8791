"""The folder that a partitioned log lies in: what it was made from, and how far it has come."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cattrs
import polars as pl
from attrs import asdict, define, field, frozen
from cattrs.errors import ClassValidationError

from journeymap.analysis import Columns
from journeymap.exceptions import SourceError

__all__ = ["Folder", "Manifest", "SourceFile", "columns_data"]

VERSION = 1
_NAME = "journeymap.json"
_READ = cattrs.Converter(forbid_extra_keys=True)


@frozen
class SourceFile:
    """A file that a log is made from, recognised by its size and time."""

    name: str
    size: int
    changed: int
    rows: int


@define
class Manifest:
    """The state of a partitioned log, written anew whenever a piece of work is done.

    A piece of a source is ``chunk`` rows, and ``chunks`` of them are done; ``ready`` are the
    partitions put in order, each with its numbers of customers and interactions and its first and
    last time; ``dropped``: duplicates were looked for across chunks; ``numbers`` are the columns of
    numbers.
    """

    version: int
    sources: list[SourceFile]
    columns: dict[str, Any]
    probe: int
    chunk: int
    partitions: int
    rows: int
    numbers: list[str] = field(factory=list)
    chunks: int = 0
    dropped: bool = False
    ready: dict[str, list[int]] = field(factory=dict)

    @property
    def complete(self) -> bool:
        """True if every partition is ready to answer."""
        return len(self.ready) == self.partitions


def columns_data(columns: Columns) -> dict[str, Any]:
    """How the columns are read, as plain data that can be compared."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(columns)))
    return data


def polars_probe() -> int:
    """Compute a number that differs between hash functions of polars.

    By which customers are spread.
    """
    return int(pl.Series(["journeymap", "Jürgen", ""]).hash(seed=0).to_numpy().sum()) % 2**53


@frozen
class Folder:
    """A folder of ours: its manifest, its chunks and its partitions. Enter it to work in it."""

    path: Path

    @property
    def manifest_path(self) -> Path:
        """Where the manifest lies."""
        return self.path / _NAME

    def manifest(self) -> Manifest | None:
        """Read the manifest; None where nothing has been begun."""
        if not self.manifest_path.exists():
            there = self.path.iterdir() if self.path.exists() else ()
            if any(found.name not in ("lock", "journeymap.new") for found in there):
                message = "it holds other files and no partitioned log; choose an empty folder"
                raise SourceError(str(self.path), message)
            return None
        try:
            data = json.loads(self.manifest_path.read_text(encoding="utf-8"))
            found = _READ.structure(data, Manifest)
        except (ValueError, ClassValidationError, OSError) as error:
            message = f"its {_NAME} cannot be read ({type(error).__name__}); remove the folder"
            raise SourceError(str(self.path), message) from None
        if found.version != VERSION:
            message = f"it was written by version {found.version} of the format; remove the folder"
            raise SourceError(str(self.path), message)
        return found

    def save(self, manifest: Manifest) -> None:
        """Write the manifest so that there is always a whole one."""
        spare = self.manifest_path.with_suffix(".new")
        with spare.open("w", encoding="utf-8") as file:
            json.dump(asdict(manifest), file)
            file.flush()
            os.fsync(file.fileno())
        spare.replace(self.manifest_path)

    def chunk(self, number: int) -> Path:
        """Name the folder of a piece of the sources."""
        return self.chunks / f"{number:06}"

    def partition(self, number: int) -> Path:
        """Name the folder of a partition that is in order."""
        return self.path / "parts" / f"{number:06}"

    def fresh(self, place: Path) -> Path:
        """Make an empty folder to write into before it gets its name."""
        spare = place.with_name(place.name + ".new")
        shutil.rmtree(spare, ignore_errors=True)
        spare.mkdir(parents=True)
        return spare

    def name(self, spare: Path, place: Path) -> None:
        """Give a finished folder its name; what was left there half done gives way."""
        shutil.rmtree(place, ignore_errors=True)
        spare.rename(place)

    @property
    def names(self) -> Path:
        """Where all names lie when all is done."""
        return self.path / "names.arrow"

    @property
    def chunks(self) -> Path:
        """Where the pieces lie that only the making needs."""
        return self.path / "chunks"

    def tidy(self) -> None:
        """Remove what only the making needed."""
        shutil.rmtree(self.chunks, ignore_errors=True)


@define
class Lock:
    """One maker at a time; the lock falls with the process that holds it."""

    folder: Folder
    _file: Any = None

    def __enter__(self) -> Self:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder.path / "lock").open("w")
        with suppress(ImportError):  # where there is no fcntl, makers are not kept apart
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._file.close()
                message = "another process is making this partitioned log; wait for it"
                raise SourceError(str(self.folder.path), message) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
