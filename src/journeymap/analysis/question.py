"""The contract of questions: measure a part, merge two measurements, answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from journeymap.analysis.table.part import Part, Scope
from journeymap.exceptions import ElementError

__all__ = ["PreparedQuestion", "Question", "check_question", "merge_all", "prepare_question"]

A_co = TypeVar("A_co", covariant=True)


class Question(Protocol[A_co]):
    """An analysis asked of a log: three pure functions, so that any engine can answer it.

    ``measure`` looks at some whole journeys; ``merge`` joins two measurements, in any order and
    grouping, without changing either; ``answer`` makes the typed result. A log without
    interactions is measured as one empty part, so ``answer`` always has a measurement.

    A question may have ``rows_in_a_part``, a number of interactions that a part should have at
    least, ``default_attribute``, how `Breakdown` and `Trend` split it where that is left open:
    ``first`` (journeys by their first value) or ``each`` (each interaction alone), and
    ``answer_briefly``, which answers without intervals, for where only the numbers are used.
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


class PreparedQuestion(Protocol[A_co]):
    """A question that must know something of the log before it is measured."""

    def prepared(self, log: Any) -> Question[A_co]:
        """Make the question that is measured."""
        ...


def check_question(asker: str, value: Any) -> None:
    """Raise ElementError for what is no question that can be split."""
    if isinstance(value, type) or not (hasattr(value, "measure") or hasattr(value, "prepared")):
        message = "a question is expected, such as Transitions()"
        raise ElementError(asker, "question", value, message)


def prepare_question(question: Any, log: Any) -> Any:
    """Give the question as it is measured, where it must know something of the log first."""
    prepare = getattr(question, "prepared", None)
    return question if prepare is None else prepare(log)


def merge_parts(questions: tuple[Question[Any], ...], found: Iterable[list[Any]]) -> list[Any]:
    """Merge the measurements of parts, in their order: each with one of as many parts.

    So what was merged from many parts is copied a few times, not with every further part.
    """
    waiting: list[tuple[int, list[Any]]] = []  # of how many parts, each of more than the next
    for one in found:
        parts, merged = 1, one
        while waiting and waiting[-1][0] <= parts:
            number, before = waiting.pop()
            parts, merged = parts + number, merge_all(questions, before, merged)
        waiting.append((parts, merged))
    if not waiting:
        return []
    _, merged = waiting.pop()
    while waiting:
        merged = merge_all(questions, waiting.pop()[1], merged)
    return merged


def merge_all(questions: tuple[Question[Any], ...], one: list[Any], other: list[Any]) -> list[Any]:
    """Merge two measurements, question by question."""
    return [q.merge(a, b) for q, a, b in zip(questions, one, other, strict=True)]
