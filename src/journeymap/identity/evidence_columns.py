"""Evidence as columns: numbered values and times in flat arrays, a few bytes for each piece."""

from __future__ import annotations

from array import array

from journeymap.identity.entries import EvidenceEntry, Value

__all__ = ["NO_WEIGHT", "EvidenceColumns"]

NO_WEIGHT = -1.0


class EvidenceColumns:
    """Pieces of evidence, each a row: its values, its time, where it is from, and its weight.

    Attributes:
        values: The values of all rows, one row after the other.
        ends: Where each row ends in ``values``; before the first row, 0.
        first: When each was met first, in microseconds since 1970.
        origin: The number of each row's source and batch.
        weights: How probable each is (-1: its source knows it).
        origins: The sources and batches by their numbers.
    """

    __slots__ = ("_numbers", "ends", "first", "origin", "origins", "values", "weights")

    def __init__(self) -> None:
        self.values = array("i")
        self.ends = array("q", [0])
        self.first = array("q")
        self.origin = array("i")
        self.weights = array("d")
        self.origins: list[tuple[str, str | None]] = []
        self._numbers: dict[tuple[str, str | None], int] = {}

    def append(
        self, values: tuple[Value, ...], at: int, source: str, batch: str | None,
        weight: float | None,
    ) -> None:  # fmt: skip
        """Append a piece."""
        number = self._numbers.get((source, batch))
        if number is None:
            number = self.number_of((source, batch))
        self.values.extend(values)
        self.ends.append(len(self.values))
        self.first.append(at)
        self.origin.append(number)
        self.weights.append(NO_WEIGHT if weight is None else weight)

    def number_of(self, origin: tuple[str, str | None]) -> int:
        """Give the number of a source and batch, a new one where it was not met."""
        number = self._numbers.setdefault(origin, len(self.origins))
        if number == len(self.origins):
            self.origins.append(origin)
        return number

    def extend(self, other: EvidenceColumns) -> None:
        """Append all rows of other columns."""
        before = len(self.values)
        number = [self.number_of(origin) for origin in other.origins]
        self.values.extend(other.values)
        self.ends.extend(other.ends[1:] if not before else [before + end for end in other.ends[1:]])
        self.first.extend(other.first)
        self.origin.extend([number[origin] for origin in other.origin])
        self.weights.extend(other.weights)

    def entry(self, row: int) -> EvidenceEntry:
        """Make the piece of a row."""
        ends, weight = self.ends, self.weights[row]
        return EvidenceEntry(
            tuple(self.values[ends[row] : ends[row + 1]]), self.first[row],
            *self.origins[self.origin[row]], None if weight == NO_WEIGHT else weight,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.first)
