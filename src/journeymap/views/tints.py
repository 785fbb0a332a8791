"""Tints: in which of two subsets a part of a picture is more frequent, beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from journeymap.views.scene import Box, Shape, Words
from journeymap.views.text_fit import wrapped

if TYPE_CHECKING:
    from journeymap.analysis import CompareAnswer

__all__ = ["Tints", "tint_legend"]

_CHANCE = 0.05


@frozen
class Tints:
    """The differences between two subsets, by what they are differences of.

    Attributes:
        names: The names of the subsets.
        sides: The subset, ``a`` or ``b``, in which something is more frequent beyond chance.
        shares: The shares in both.
        sizes: How many journeys, moves or handoffs each subset has.
    """

    names: tuple[str, str]
    sides: Mapping[tuple[str, ...], str]
    shares: Mapping[tuple[str, ...], tuple[float, float]]
    sizes: tuple[int, int]

    @classmethod
    def of(cls, answer: CompareAnswer) -> Tints:
        """Read the shares out of a comparison; less than 5 % chance makes a difference.

        Args:
            answer: The comparison.

        Returns:
            The tints.
        """
        sides, shares = {}, {}
        for row in answer:
            if row.measure != "share":
                continue
            what = tuple(row.what)
            shares[what] = (row.a or 0.0, row.b or 0.0)
            if row.p_adjusted is not None and row.p_adjusted < _CHANCE and row.difference:
                sides[what] = "b" if row.difference > 0 else "a"
        return cls(answer.names, sides, shares, (_size(answer.a), _size(answer.b)))

    def side(self, what: tuple[str, ...]) -> str:
        """Give the subset in which it is more frequent; ``same`` where that may be chance."""
        return self.sides.get(what, "same")

    def color(self, what: tuple[str, ...]) -> str:
        """Give the colour of that subset."""
        return {"a": "var(--a)", "b": "var(--b)"}.get(self.side(what), "var(--faint)")

    def words(self, what: tuple[str, ...]) -> str:
        """Write the shares in both subsets."""
        if what not in self.shares:
            return ""
        one, other = self.shares[what]
        return f"{self.names[0]} {100 * one:.0f} %, {self.names[1]} {100 * other:.0f} %"


def _size(answer: Any) -> int:
    """Count what is compared: of paths, their first step."""
    return sum(row.count for row in answer if getattr(row, "step", 1) == 1)


def tint_legend(tints: Tints, x: float, y: float) -> list[Shape]:
    """Explain the colours, one below the other."""
    shapes: list[Shape] = []
    named = zip(tints.names, tints.sizes, strict=True)
    words = (*(f"more frequent: {name} (of {size:,})" for name, size in named),
             "no difference beyond chance")  # fmt: skip
    for place, (color, text) in enumerate(zip(("var(--a)", "var(--b)", "var(--faint)"), words,
                                              strict=True)):  # fmt: skip
        top = y + 22 * place
        shapes += [Box(x, top, 15, 15, "swatch", color),
                   Words(x + 22, top + 13, wrapped(text, 14, 1100, 1), "soft", 14)]  # fmt: skip
    return shapes
