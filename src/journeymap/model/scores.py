"""The kinds of scores: their usual scales, and how their answers are summarised."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from attrs import frozen

__all__ = [
    "SCORE_KINDS",
    "ScoreKind",
    "ScoreName",
    "Summary",
    "kind_on_scale",
    "lowest_top_answer",
    "plain_kind",
    "show_number",
    "summary_of",
]

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


_ON_SCALE = re.compile(r"(.+) \((\S+) to (\S+)\)")
_FEW = 11
"""Answers of a scale that are ticked one by one; of more, as from 0 to 100, one is pointed at."""


def summary_of(kind: str) -> Summary:
    """Find how answers of a kind are summarised."""
    plain = plain_kind(kind)
    known = SCORE_KINDS.get(plain)
    if known is None or (known.fixed and plain != kind):
        return "mean"
    return known.summary


def kind_on_scale(kind: str, low: float, high: float) -> str:
    """Name a kind that was asked on a scale beside another: ``csat (0 to 1)``."""
    return f"{kind} ({show_number(low)} to {show_number(high)})"


def show_number(number: float) -> str:
    """Write a number with all its digits, a whole one without decimals."""
    return repr(float(number)).removesuffix(".0")


def plain_kind(kind: str) -> str:
    """Find the kind of which `kind_on_scale` made a name; any other is itself."""
    found = _ON_SCALE.fullmatch(kind)
    return kind if found is None else found[1]


def lowest_top_answer(low: float, high: float) -> float:
    """Find the lowest answer that counts as a top box.

    The top two answers count; of a scale of two or three, the top one; of one of more than eleven,
    as from 0 to 100, the top quarter, as the top two of 1 to 5 are.
    """
    answers = high - low + 1
    if answers > _FEW:
        return low + 0.75 * (high - low)
    return high - 1 if answers >= 4 else high
