"""The kinds of scores: their usual scales, and how their answers are summarised."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

__all__ = ["SCORE_KINDS", "ScoreKind", "ScoreName", "Summary", "summary_of"]

ScoreName: TypeAlias = Literal["nps", "csat", "ces"]
"""The names of the kinds: what conditions and metrics may be about."""

Summary: TypeAlias = Literal["net promoter", "top boxes", "mean"]
"""How answers of one kind become one number: promoters less detractors, the share of the best
answers, or their mean."""


@frozen
class ScoreKind:
    """A kind of survey answer.

    Attributes:
        name: The name that documents, columns and conditions use.
        low: The lowest answer of its usual scale.
        high: The highest answer of its usual scale.
        summary: How its answers are summarised.
        fixed: Whether it is asked on its usual scale alone.
    """

    name: ScoreName
    low: float
    high: float
    summary: Summary
    fixed: bool = False


SCORE_KINDS: dict[str, ScoreKind] = {
    kind.name: kind
    for kind in (
        ScoreKind("nps", 0, 10, "net promoter", fixed=True),
        ScoreKind("csat", 1, 5, "top boxes"),
        ScoreKind("ces", 1, 7, "mean"),
    )
}
"""The kinds that journeymap knows; any other has the scale that it is given, and a mean."""


def summary_of(kind: str) -> Summary:
    """Find how answers of a kind are summarised."""
    known = SCORE_KINDS.get(kind)
    return "mean" if known is None else known.summary
