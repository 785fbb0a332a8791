"""Questions that ask another one for each segment or period, and how they are prepared."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from journeymap.analysis.measuring.split_question import (
    SegmentSizes,
    SplitQuestion,
    Splitting,
    merge_keys,
)
from journeymap.analysis.measuring.splitting import Key

if TYPE_CHECKING:
    from journeymap.analysis.askable import Askable

__all__ = ["SplittingQuestion", "prepare_split"]


class SplittingQuestion(Protocol):
    """A question that asks another one for each segment or period."""

    @property
    def question(self) -> Any:
        """The question that is asked."""
        ...

    def splitting(self, question: Any) -> Splitting:
        """Make what splits a part for a question."""
        ...


def prepare_split(question: SplittingQuestion, log: Askable) -> SplitQuestion:
    """Find what segments there are and what they hold; make the question that is measured."""
    asked: list[Any] = []
    inner: Any = question
    while hasattr(inner, "splitting"):
        asked.append(inner)
        inner = inner.question
    kinds = [type(one) for one in asked]
    splitters: list[Splitting] = [
        one.splitting(inner).within(kinds[:depth].count(type(one)))
        for depth, one in enumerate(asked)
    ]
    sizes = log.ask(SegmentSizes(tuple(splitters)))
    for depth, splitter in enumerate(splitters):
        journeys: Counter[Key] = Counter()
        for keys, size in sizes.items():
            journeys[keys[depth]] += size.journeys
        splitters[depth] = splitter.show(journeys)
        sizes = merge_keys(sizes, depth, splitters[depth].shown_as)
    return SplitQuestion(tuple(splitters), inner, sizes)
