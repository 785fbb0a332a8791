"""The contract of sources: read records in batches, each with a cursor to go on from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, TypeAlias

from attrs import field, frozen

from journeymap.interactions import Record

__all__ = ["NO_CURRENCY", "Batch", "Claim", "DroppedValue", "RejectedRow", "Source"]

Claim: TypeAlias = Literal["repeats", "resumes", "sets aside"]
"""What a source can do, beyond reading once: reading again gives the same; a cursor goes on
where it was given; rows it cannot read are set aside (otherwise they end the reading)."""


NO_CURRENCY = "value: no currency is named, and none is guessed"
"""Why an amount is dropped."""


@frozen
class RejectedRow:
    """A row that cannot be used.

    Attributes:
        line: Its line, from 1.
        reason: Why it cannot be used.
        held: The beginning of what it holds.
        unfinished: Whether it is the last of a file and has no end: it may be written still.
        part: Which part of the row it is, such as ``refunds[1]``, where it is not the whole.
    """

    line: int
    reason: str
    held: str = field(default="", repr=False)
    unfinished: bool = field(default=False, repr=False)
    part: str = field(default="", repr=False, kw_only=True)


@frozen
class DroppedValue:
    """A value that was left out of a record, which is kept without it.

    Attributes:
        line: The line of its row, from 1.
        role: What it was to be, such as the ``value`` of an interaction.
        reason: Why it was left out.
        held: What it was.
    """

    line: int
    role: str
    reason: str
    held: str = field(default="", repr=False)


@frozen
class Batch:
    """Some rows of a source, each accounted for.

    Attributes:
        records: The records that they gave; ``record.row`` is the row.
        rejected: The rows that gave none, and parts of others, each with the reason.
        rows: How many rows were read.
        cursor: Where to go on after this batch.
        dropped: Values that were left out of the records, each with the reason.
    """

    records: tuple[Record, ...]
    rejected: tuple[RejectedRow, ...]
    rows: int
    cursor: str
    dropped: tuple[DroppedValue, ...] = ()


class Source(Protocol):
    """Reads records of one system."""

    @property
    def name(self) -> str:
        """The system, such as ``shopify``, as records and errors name it."""
        ...

    @property
    def claims(self) -> frozenset[Claim]:
        """The abilities of the source that it is tested for."""
        ...

    def read(self, cursor: str | None = None) -> Iterator[Batch]:
        """Read everything, or what comes after a cursor.

        Args:
            cursor: The cursor of a batch (None: from the beginning).

        Yields:
            The batches.

        Raises:
            SourceError: The source cannot be read.
        """
        ...
