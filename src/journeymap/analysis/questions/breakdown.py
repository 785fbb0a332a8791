"""Any question for each segment: by platform, by persona, by whether a condition holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import evolve, field, frozen

from journeymap.analysis.measuring.element_order import element_order
from journeymap.analysis.measuring.segments import (
    OTHER,
    REST,
    Attribute,
    Named,
    SegmentSplitter,
    attribute_of,
)
from journeymap.analysis.measuring.splitting import Key, SegmentCodes
from journeymap.analysis.question import Question, check_question
from journeymap.analysis.row_fields import Key as KeyField
from journeymap.analysis.split_answer import SplitAnswer, join_answers
from journeymap.analysis.splitting_questions import prepare_split
from journeymap.analysis.table.part import Part, Scope
from journeymap.analysis.where import Where
from journeymap.exceptions import ElementError
from journeymap.model import Condition
from journeymap.model.rules import one_of

if TYPE_CHECKING:
    from journeymap.analysis.askable import Askable

__all__ = ["Breakdown", "BreakdownAnswer", "Segment"]

YES, NO = "yes", "no"


@frozen
class Segment:
    """The cell that names a segment.

    Attributes:
        segment: Its name; None where no value is known, ``(other)`` of those too small to be shown
            alone, ``(rest)`` of what is in none of the subsets that were named.
    """

    segment: KeyField | None


@frozen(eq=False, repr=False)
class BreakdownAnswer(SplitAnswer):
    """The segments in the order of the map, unknown ones by name; each with the question's rows.

    Attributes:
        other: How many segments are put together as ``(other)``.
        smallest: Fewer journeys than that make a segment small.
    """

    Row = Segment
    other: int = attrs.field(default=0, kw_only=True)
    smallest: int | None = attrs.field(default=None, kw_only=True)

    def notes(self) -> list[str]:
        """Write which segments are put together.

        Returns:
            At most one sentence.
        """
        if not self.other:
            return []
        return [f"{self.other:,} segments of fewer than {self.smallest:,} journeys are in {OTHER}"]


def _by(value: Any) -> Any:
    if isinstance(value, Condition | Where):
        return ((YES, value),)
    pairs = value.items() if isinstance(value, Mapping) else value
    if isinstance(value, str) or not isinstance(pairs, Iterable):
        return value
    return tuple(tuple(one) if isinstance(one, list) else one for one in pairs)


@frozen
class Breakdown:
    """Ask any question for each segment, in one pass.

    Attributes:
        question: The question; a `Trend` or another breakdown may be one.
        by: A level or column, a condition or a `Where` (segments ``yes`` and ``no``), or several
            of them by name: a journey is in the first that it fulfils, or in ``(rest)``.
        attribute: Which value of its own a journey counts by: its ``first``, its ``last``, or the
            most frequent one (``mode``, of several the earliest); or whether ``each`` interaction
            counts by its own, and journeys are cut (None: the question's own way, ``each`` for
            `Satisfaction`, ``first`` for the others).
        smallest: How many journeys a segment has at least; smaller ones are put together as
            ``(other)`` (None: all are shown).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Funnel, Log
    >>> log = Log.from_frame(
    ...     {"customer": ["a", "a", "b"], "touchpoint": ["cart", "buy", "cart"], "at": [1, 2, 3],
    ...      "platform": ["web", "web", "app"]},
    ...     Columns(at_unit="s", extra=["platform"]))
    >>> answer = log.ask(Breakdown(Funnel(["cart", "buy"]), by="platform"))
    >>> [(row.segment, row.step, row.count) for row in answer]
    [('app', 1, 1), ('app', 2, 0), ('web', 1, 1), ('web', 2, 1)]
    """

    question: Any = field()
    by: str | Named = field(converter=_by)
    attribute: Attribute | None = field(
        default=None, validator=attrs.validators.optional(one_of("first", "last", "mode", "each")),
        kw_only=True,
    )  # fmt: skip
    smallest: int | None = field(default=None, kw_only=True)

    @question.validator
    def _check_question(self, attribute: Any, value: Any) -> None:
        check_question("Breakdown", value)

    @by.validator
    def _check_by(self, attribute: Any, value: Any) -> None:
        message = "a level, a condition, a Where, or several of these by name are expected"
        if isinstance(value, str):
            if not value:
                raise ElementError("Breakdown", "by", value, message)
            return
        if not isinstance(value, tuple) or not value:
            raise ElementError("Breakdown", "by", value, message)
        for pair in value:
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ElementError("Breakdown", "by", pair, message)
            if not isinstance(pair[0], str) or not isinstance(pair[1], Condition | Where):
                raise ElementError("Breakdown", "by", pair, message)
        names = [name for name, _ in value]
        wrong = next((name for name in names if name in (OTHER, REST) or names.count(name) > 1), "")
        if wrong:
            message = "each segment has a name of its own, which is neither (other) nor (rest)"
            raise ElementError("Breakdown", "by", wrong, message)
        if self.attribute in ("last", "mode"):
            message = "of conditions, a journey has no last and no most frequent: 'each' or None"
            raise ElementError("Breakdown", "attribute", self.attribute, message)

    @smallest.validator
    def _check_smallest(self, attribute: Any, value: Any) -> None:
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int) or value < 1
        ):
            message = "a whole number from 1 up is expected"
            raise ElementError("Breakdown", "smallest", value, message)

    def prepared(self, log: Askable) -> Question[BreakdownAnswer]:
        """Make the question that is measured."""
        return prepare_split(self, log)

    def splitting(self, question: Question[Any]) -> Segments:
        """Make what splits a part for a question."""
        single = not isinstance(self.by, str) and self.by[0][0] == YES and len(self.by) == 1
        splitter = SegmentSplitter(self.by, self.attribute or attribute_of(question))
        if single:
            splitter = evolve(splitter, rest=NO)
        return Segments(splitter, self.smallest)


@frozen
class Segments:
    """Splits by segment, and puts the answers together."""

    splitter: SegmentSplitter
    smallest: int | None = None
    other: int = 0
    column: str = "segment"

    def codes(self, part: Part) -> SegmentCodes:
        """Find the segment of each journey or interaction of a part."""
        return self.splitter.codes(part)

    def view(self, key: Any) -> Any:
        """Make the view that shows one segment alone."""
        return self.splitter.view(key)

    def order(self, keys: set[Key], scope: Scope) -> list[Key]:
        """Order segments as the map does; those that are named by us are last."""
        by = self.splitter.by
        place = element_order(by if isinstance(by, str) else None, scope)
        named = {} if isinstance(by, str) else {name: n for n, (name, _) in enumerate(by)}

        def rank(key: Key) -> tuple[int, int, tuple[int, str]]:
            last = (
                3 if key is None else 2 if key == OTHER else 1 if key == self.splitter.rest else 0
            )
            return last, named.get(str(key), 0), place(str(key))

        return sorted(keys, key=rank)

    def narrow(self, key: Any, scope: Scope) -> Scope:
        """Return the scope: a segment has no bounds in time."""
        return scope

    def show(self, journeys: Mapping[Key, int]) -> Segments:
        """Put segments together that hold too few journeys."""
        if self.smallest is None:
            return self
        small = {key for key, n in journeys.items() if key is not None and n < self.smallest}
        shown = frozenset(str(key) for key in journeys if key is not None and key not in small)
        return evolve(self, splitter=evolve(self.splitter, shown=shown), other=len(small))

    def within(self, number: int) -> Segments:
        """Name the column of segments within segments."""
        return evolve(self, column=f"segment_{number + 1}") if number else self

    def shown_as(self, key: Key) -> Key:
        """Return the segment in which one is shown."""
        shown = self.splitter.shown
        return key if key is None or shown is None or key in shown else OTHER

    def answer(self, parts: dict[Key, Any], nothing: Any, scope: Scope) -> BreakdownAnswer:
        """Put the answers of the segments together."""
        named = [({"segment": key}, part, self.view(key)) for key, part in parts.items()]
        made: BreakdownAnswer = join_answers(BreakdownAnswer, named, nothing, (self.column,))
        return evolve(made, other=self.other, smallest=self.smallest)
