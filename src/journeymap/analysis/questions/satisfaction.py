"""Satisfaction: NPS, CSAT, CES and emotion, element by element."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl
from attrs import field, frozen, validators

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.counts import Counts, count_combinations, distinct
from journeymap.analysis.measuring.element_order import element_order
from journeymap.analysis.measuring.metric_units import find_points
from journeymap.analysis.measuring.metric_values import (
    Rated,
    Summed,
    add_sums,
    evaluate,
    sum_values,
)
from journeymap.analysis.row_fields import Count, Field, Key, Mean, N, Text
from journeymap.analysis.table.exact_amounts import SCALE
from journeymap.analysis.table.part import Flags, Ints, Part, Scope
from journeymap.exceptions import AnswerError
from journeymap.model.rules import of_type
from journeymap.model.scores import lowest_top_answer, show_number, summary_of

__all__ = ["Satisfaction", "SatisfactionAnswer", "SatisfactionRow"]

_text: Any = validators.optional(of_type(str))
_EVERYTHING = "(all)"
_FEELINGS = ("emotion", "emotion_after")
ScoreBound = Annotated[float, Field("bound", of="score")]


@frozen
class SatisfactionRow:
    """The answers of one kind at one element.

    Attributes:
        element: The element.
        kind: ``nps``, ``csat``, ``ces``, another kind of score, ``emotion`` or
            ``emotion_after``.
        score: Of NPS, the share of promoters (9–10) less that of detractors (0–6), in points
            from −100 to 100; of CSAT, the share of the top two answers (of a scale of two or
            three, the top one; of more than eleven, as from 0 to 100, the top quarter); of
            others, the mean on its scale.
        low: Lower bound of its 95 % interval, by the spread between customers (None for a mean of
            one answer).
        high: Upper bound of it.
        n: How many answers there are.
        customers: How many customers gave one.
        mean: The mean answer.
        meaning: What the score is, with its scale: ``share of 4 to 5, on 1 to 5``.
    """

    element: Key
    kind: Key
    score: Mean
    low: ScoreBound | None
    high: ScoreBound | None
    n: N
    customers: Count
    mean: Mean
    meaning: Text


@frozen(eq=False, repr=False)
class SatisfactionAnswer(Answer[SatisfactionRow]):
    """Elements in the order of the map, unknown ones by name."""

    Row = SatisfactionRow

    def field_in(self, row: dict[str, Any], name: str) -> Field:
        """Find out what a field is in one row: of CSAT, a share; of others, points.

        Args:
            row: The row as a dictionary.
            name: The name of the field.

        Returns:
            The kind of the field.
        """
        kind = row["kind"]  # None: a period without any answer
        if name in ("score", "low", "high") and kind and summary_of(kind) == "top boxes":
            return Field("share")
        return super().field_in(row, name)


@frozen(eq=False)
class _Answers:
    """How often each answer was given, and how answers are spread over customers, by element."""

    counts: Counts
    points: dict[str | None, Summed]

    def merge(self, other: _Answers) -> _Answers:
        points = {**self.points, **other.points}
        for name in self.points.keys() & other.points.keys():
            points[name] = add_sums(self.points[name], other.points[name])
        return _Answers(self.counts.merge(other.counts), points)


@frozen
class Satisfaction:
    """Summarise NPS, CSAT, CES and emotion.

    NPS after Reichheld (2003), its interval the adjusted Wald of Rocks (2016); the interval of
    CSAT is Wilson's (1927), that of a mean Student's; of as many independent answers as would be as
    sure, where customers gave several (Kish 1965).

    Attributes:
        by: The level of the elements (None: all interactions together).

    >>> from journeymap.analysis import Log, Columns
    >>> frame = {"customer": ["a", "b", "c"], "touchpoint": ["call"] * 3, "at": [1, 2, 3],
    ...          "answer": [10, 9, 3]}
    >>> log = Log.from_frame(frame, Columns(at_unit="s", score="answer", score_kind="nps"))
    >>> [(row.element, row.kind, round(row.score, 1), row.n) for row in log.ask(Satisfaction())]
    [('call', 'nps', 33.3, 3)]
    """

    default_attribute: ClassVar[str] = "each"
    by: str | None = field(default="touchpoint", validator=_text)

    def measure(self, part: Part) -> dict[str, _Answers]:
        """Count each answer of each kind by element, and the customers who gave one."""
        if len(part) and all(part.number(role) is None for role in ("score", *_FEELINGS)):
            message = (
                "this log knows no scores and no emotions; name their columns with "
                "Columns(score=…, score_kind=…) or Columns(emotion=…)"
            )
            raise AnswerError("Satisfaction", message)
        if self.by is None:
            names: tuple[str | None, ...] = (None, _EVERYTHING)
            codes = np.ones(len(part), dtype=np.int64)
        else:
            names, codes = part.names(self.by), part.codes(self.by).astype(np.int64)
        made = {}
        for kind, values, there in _answers(part):
            there = there & (codes > 0)
            mine, who = codes[there], part.customer[there].astype(np.int64)
            people = count_combinations(names, (mine, who))
            places = np.full(len(people.count), -1)  # no answer: a customer who gave one
            keys = np.concatenate([mine, people.keys[0]])
            answers = np.concatenate([values[there] - _lowest(kind, part.scope), places])
            points = find_points(part.scope, kind, values[there])
            made[kind] = _Answers(
                count_combinations(names, (keys, answers)),
                {names[code]: sum_values(points[mine == code], who[mine == code])
                 for code in distinct(mine).tolist()},
            )  # fmt: skip
        return made

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers of a row, as the part numbers them."""
        mine = np.ones(len(part), dtype=bool)
        if self.by is not None:
            names = np.array([name == row["element"] for name in part.names(self.by)], dtype=bool)
            mine = names[part.codes(self.by)]
        given = [there for kind, _, there in _answers(part) if kind == row["kind"]]
        answered = mine & (given[0] if given else np.zeros(len(part), dtype=bool))
        found: Ints = part.customer[answered]
        return found

    def merge(self, one: dict[str, _Answers], other: dict[str, _Answers]) -> dict[str, _Answers]:
        """Sum two measurements."""
        made = {**one, **other}
        for kind in one.keys() & other.keys():
            made[kind] = one[kind].merge(other[kind])
        return made

    def answer(self, measured: dict[str, _Answers], scope: Scope) -> SatisfactionAnswer:
        """Summarise the answers of each kind, with intervals."""
        rows = [row for kind, given in measured.items() for row in _rows(kind, given, scope)]
        kinds = {kind: place for place, kind in enumerate((*sorted(scope.scales), *_FEELINGS))}
        place = element_order(self.by, scope)
        rows.sort(key=lambda row: (place(row[0]), kinds[row[1]]))
        schema = SatisfactionAnswer.schema()
        return SatisfactionAnswer(pl.DataFrame(rows, schema=schema, orient="row"))


Row = tuple[str, str, float, float | None, float | None, int, int, float, str]


def _answers(part: Part) -> Iterator[tuple[str, Ints, Flags]]:
    """Kinds of answer, all answers as ten-thousandths, and which are of that kind."""
    for feeling in _FEELINGS:
        column = part.number(feeling)
        if column is not None:
            yield feeling, column.astype(np.int64), column != np.iinfo(column.dtype).min
    scores = part.number("score")
    if scores is None:
        return
    given = scores != np.iinfo(scores.dtype).min
    kinds = part.codes("score_kind")
    for code, kind in enumerate(part.names("score_kind")):
        if kind in part.scope.scales:
            yield kind, scores, given & (kinds == code)


def _lowest(kind: str, scope: Scope) -> int:
    return round((-1.0 if kind in _FEELINGS else scope.scales[kind][0]) * SCALE)


def _rows(kind: str, measured: _Answers, scope: Scope) -> Iterator[Row]:
    low, high = (-1.0, 1.0) if kind in _FEELINGS else scope.scales[kind]
    counts, meaning = measured.counts, _explain(kind, low, high)
    codes, answers = counts.keys
    for code in distinct(codes).tolist():
        mine = codes == code
        customers = int(counts.count[mine & (answers < 0)].sum())
        given = mine & (answers >= 0)
        values = (answers[given] + _lowest(kind, scope)).tolist()
        often = dict(zip(values, counts.count[given].tolist(), strict=True))
        name = counts.names[code]
        found = evaluate(Rated(often, kind, measured.points[name]), "mean", scope.scales)
        mean = math.fsum(v / SCALE * w for v, w in often.items()) / found.n
        score = mean if found.value is None else found.value
        yield (str(name), kind, score, found.low, found.high, found.n, customers, mean, meaning)


def _explain(kind: str, low: float, high: float) -> str:
    """Write what a score of a kind is, with its scale."""
    summary, lowest, highest = summary_of(kind), show_number(low), show_number(high)
    if summary == "net promoter":
        return "share of 9 to 10 less share of 0 to 6"
    if summary == "top boxes":
        least = lowest_top_answer(low, high)
        counted = f"{show_number(least)} to {highest}" if least < high else highest
        return f"share of {counted}, on {lowest} to {highest}"
    return f"mean, on {lowest} to {highest}"
