"""The names of a partitioned log and their codes: grown chunk by chunk, kept apart from the rest.

What a chunk adds is kept with the chunk, so that no name is written twice; when all is done they
lie together in one file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from attrs import define, field

__all__ = ["Vocabulary"]

_SCHEMA = {"role": pl.String, "name": pl.String}


@define
class Vocabulary:
    """Codes by role and name, from 1 in the order of arrival; blank names have code 0."""

    codes: dict[str, dict[str, int]] = field(factory=dict)

    @classmethod
    def read(cls, files: Iterable[Path]) -> Vocabulary:
        """Read files, in their order."""
        made = cls()
        for file in files:
            with file.open("rb") as opened:
                for role, name in pl.read_ipc(opened).iter_rows():
                    known = made.codes.setdefault(role, {})
                    if name is not None:
                        known[name] = len(known) + 1
        return made

    def take(self, role: str, names: pl.Series) -> tuple[Any, list[str]]:
        """Code distinct names; their codes, and those that are new."""
        known = self.codes.setdefault(role, {})
        table = np.zeros(len(names), dtype=np.uint32)
        added = []
        for place, name in enumerate(names.to_list()):
            if name.strip():
                if name not in known:
                    known[name] = len(known) + 1
                    added.append(name)
                table[place] = known[name]
        return table, added

    @staticmethod
    def write(file: Path, names: dict[str, list[str]]) -> None:
        """Keep names by role; a role without any is kept too."""
        rows: list[tuple[str, str | None]] = []
        for role, mine in names.items():
            rows += [(role, name) for name in mine] or [(role, None)]
        pl.DataFrame(rows, schema=_SCHEMA, orient="row").write_ipc(file, compression="zstd")

    def names(self) -> dict[str, tuple[str, ...]]:
        """List the names of each role in the order of their codes."""
        return {role: tuple(known) for role, known in self.codes.items()}
