"""Tokens: the colours and sizes that pictures, charts and pages share, for light and for dark."""

from __future__ import annotations

from attrs import frozen

__all__ = ["CHART_FONT", "DARK", "LIGHT", "Tokens", "css_of"]

CHART_FONT = 'Arial, "Helvetica Neue", Helvetica, sans-serif'
"""The family of text in charts: of the same width wherever they are laid out, and shown."""


@frozen
class Tokens:
    """The colours of one ground.

    Attributes:
        ink: Text.
        ink_2: Secondary text.
        ink_3: Axes, and what does not differ.
        paper: The ground.
        panel: Cards.
        line: Rules.
        buy: The half of the loop in which customers buy; single series.
        own: The half in which they own.
        good: The verdict that all is well.
        watch: The verdict that it is not sure.
        bad: The verdict that it is not well; losses.
        a: The first of two that are compared.
        b: The second.
        segments: Categories, in order.
    """

    ink: str
    ink_2: str
    ink_3: str
    paper: str
    panel: str
    line: str
    buy: str
    own: str
    good: str
    watch: str
    bad: str
    a: str
    b: str
    segments: tuple[str, ...]


LIGHT = Tokens(
    ink="#16202C", ink_2="#4B5A6B", ink_3="#667585", paper="#FFFFFF", panel="#F5F7F9",
    line="#DDE3E9", buy="#2B6CA8", own="#1B7A63", good="#2E7D4F", watch="#96610F", bad="#B5382E",
    a="#2F6DB5", b="#BA5226",
    segments=("#0072B2", "#D55E00", "#00805D", "#B5628F", "#A8760A", "#16202C", "#667585"),
)  # fmt: skip
"""Colours on white."""

DARK = Tokens(
    ink="#EAF0F6", ink_2="#A9B7C6", ink_3="#728296", paper="#0F151C", panel="#17202A",
    line="#2A3644", buy="#6FB0E8", own="#5CC8A8", good="#6CC08B", watch="#E0B252", bad="#EE7A6E",
    a="#7DB3F0", b="#F09A70",
    segments=("#56B4E9", "#E69F00", "#2FC79B", "#E79AC4", "#F0E442", "#EAF0F6", "#728296"),
)  # fmt: skip
"""Colours on a dark ground."""


def css_of(tokens: Tokens) -> str:
    """Write the colours that pages and pictures use as custom properties of CSS.

    Args:
        tokens: The colours.

    Returns:
        The declarations, without braces.
    """
    named = {
        "ink": tokens.ink, "soft": tokens.ink_2, "faint": tokens.ink_3, "paper": tokens.paper,
        "card": tokens.panel, "line": tokens.line, "track": tokens.line, "buy": tokens.buy,
        "own": tokens.own, "leak": tokens.bad, "node": tokens.paper, "a": tokens.a, "b": tokens.b,
    }  # fmt: skip
    return ";".join(f"--{name}:{color}" for name, color in named.items())
