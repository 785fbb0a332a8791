"""Names under which touchpoints are recorded: many addresses, one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

__all__ = ["RecordedNames"]


@frozen
class RecordedNames:
    """Patterns of recorded names, each with the name that is meant; ``*`` is any text.

    A name that is meant itself stays as it is. Of several patterns, the first counts.

    Attributes:
        meant: Names that stay as they are.
        exact: The name that is meant, of names without a pattern.
        patterns: The others.

    >>> names = RecordedNames.of({"/m/*": "movie page"})
    >>> names.resolve("/m/123"), names.resolve("/about")
    ('movie page', '/about')
    """

    meant: frozenset[str]
    exact: dict[str, str] = field(repr=False)
    patterns: tuple[tuple[tuple[str, ...], str], ...] = field(repr=False)

    @classmethod
    def of(cls, names: Mapping[str, str], meant: Iterable[str] = ()) -> RecordedNames:
        """Make the names of patterns.

        Args:
            names: The name that is meant, by pattern.
            meant: Names that stay as they are.

        Returns:
            The names.
        """
        exact = {pattern: name for pattern, name in names.items() if "*" not in pattern}
        patterns = tuple(
            (tuple(pattern.split("*")), name) for pattern, name in names.items() if "*" in pattern
        )
        return cls(frozenset(meant), exact, patterns)

    def __bool__(self) -> bool:
        return bool(self.exact or self.patterns)

    def resolve(self, name: str) -> str:
        """Find the name that is meant by a recorded one; without a pattern, it is itself.

        Args:
            name: The recorded name.

        Returns:
            The name that is meant.
        """
        if name in self.meant or not self:
            return name
        found = self.exact.get(name)
        if found is not None:
            return found
        return next((meant for pieces, meant in self.patterns if _fits(pieces, name)), name)


def _fits(pieces: tuple[str, ...], name: str) -> bool:
    """Check whether a name is these pieces with any text between them, in a time that grows evenly.

    Each piece is looked for where it comes first after the one before: what fits at all, fits so.
    """
    first, *inner, last = pieces
    end = len(name) - len(last)
    if end < len(first) or not name.startswith(first) or not name.endswith(last):
        return False
    place = len(first)
    for piece in inner:
        place = name.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return True
