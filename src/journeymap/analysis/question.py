"""The contract of questions: measure a part, merge two measurements, answer."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from journeymap.analysis.table.part import Part, Scope

__all__ = ["Question", "merge_all"]

A_co = TypeVar("A_co", covariant=True)


class Question(Protocol[A_co]):
    """An analysis asked of a log: three pure functions, so that any engine can answer it.

    ``measure`` looks at some whole journeys; ``merge`` joins two measurements, in any order and
    grouping, without changing either; ``answer`` makes the typed result. A log without
    interactions is measured as one empty part, so ``answer`` always has a measurement.
    """

    def measure(self, part: Part) -> Any:
        """Measure one part."""
        ...

    def merge(self, one: Any, other: Any) -> Any:
        """Merge the measurements of two parts."""
        ...

    def answer(self, measured: Any, scope: Scope) -> A_co:
        """Turn a measurement of everything into an answer."""
        ...


def merge_all(questions: tuple[Question[Any], ...], one: list[Any], other: list[Any]) -> list[Any]:
    """Merge two measurements, question by question."""
    return [q.merge(a, b) for q, a, b in zip(questions, one, other, strict=True)]
