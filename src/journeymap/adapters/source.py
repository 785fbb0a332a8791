"""What a source is: it reads what happened, in batches, each with a cursor to go on from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, TypeAlias

from attrs import field, frozen

from journeymap.interactions import Record

__all__ = ["Batch", "Broken", "Claim", "Source"]

Claim: TypeAlias = Literal["repeats", "resumes", "sets aside"]
"""What a source can do, beyond reading once: reading again gives the same; a cursor goes on
where it was given; rows it cannot read are set aside (otherwise they end the reading)."""


@frozen
class Broken:
    """A row that says nothing we can use: its line (from 1), why, and what it held.

    ``unfinished`` says that it is the last of a file and has no end: it may be written still.
    """

    line: int
    reason: str
    held: str = field(default="", repr=False)
    unfinished: bool = field(default=False, repr=False)


@frozen
class Batch:
    """Some rows of a source, each accounted for.

    ``rows`` were read: each gave one record or several (its number is ``record.row``), or is in
    ``broken``. With ``cursor``, ``read`` goes on after this batch.
    """

    records: tuple[Record, ...]
    broken: tuple[Broken, ...]
    rows: int
    cursor: str


class Source(Protocol):
    """Reads what happened.

    ``name`` says where from, as records and errors name it; ``claims`` are what it can do.
    """

    @property
    def name(self) -> str:
        """The system it reads, such as ``shopify``."""
        ...

    @property
    def claims(self) -> frozenset[Claim]:
        """What it can do, and is tested for."""
        ...

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """Everything, or what comes after a cursor; raises SourceError where it cannot be read."""
        ...
