"""A question measured for each segment or period of a log, all in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any, Protocol, TypeAlias

from attrs import evolve, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.splitting import (
    Key,
    SegmentSize,
    Splitter,
    measure_sizes,
    split_part,
)
from journeymap.analysis.question import Question
from journeymap.analysis.table.part import Part, Scope
from journeymap.exceptions import AnswerError

__all__ = ["Keys", "SegmentSizes", "SplitQuestion", "Splitting", "merge_keys"]

Keys: TypeAlias = tuple[Key, ...]
ROWS = 1 << 20
"""Interactions in a part that is split: enough that small segments are measured fast, too."""


class Splitting(Splitter, Protocol):
    """A splitter that knows how its segments are shown."""

    def show(self, journeys: Mapping[Key, int]) -> Splitting:
        """Choose the segments to show alone, by the journeys that each holds."""
        ...

    def within(self, number: int) -> Splitting:
        """Name the columns of what is within so many others of its kind."""
        ...

    def shown_as(self, key: Key) -> Key:
        """Return the segment in which one is shown."""
        ...

    def order(self, keys: set[Key], scope: Scope) -> list[Key]:
        """Order segments; those that are shown though there is nothing in them are added."""
        ...

    def narrow(self, key: Any, scope: Scope) -> Scope:
        """Narrow the bounds of a scope to those of a segment."""
        ...

    def answer(self, parts: dict[Key, Any], nothing: Any, scope: Scope) -> Any:
        """Put the answers of the segments together."""
        ...


Sizes: TypeAlias = dict[Keys, SegmentSize]


@frozen
class SegmentSizes:
    """How much each segment holds."""

    splitters: tuple[Splitting, ...]
    rows_in_a_part: int = ROWS

    def measure(self, part: Part) -> Sizes:
        """Measure each segment."""
        if not len(part):
            return {}
        *outer, last = self.splitters
        found: Sizes = {}
        for keys, sub in _segments(part, tuple(outer)):
            found |= {(*keys, key): size for key, size in measure_sizes(last, sub)}
        return found

    def merge(self, one: Sizes, other: Sizes) -> Sizes:
        """Sum two measurements."""
        made = {**one, **other}
        for keys in one.keys() & other.keys():
            made[keys] = one[keys].merge(other[keys])
        return made

    def answer(self, measured: Sizes, scope: Scope) -> Sizes:
        """Give the sizes."""
        return measured


@frozen(eq=False)
class SplitMeasured:
    """The measurements of each segment, and of none."""

    nothing: Any
    segments: dict[Keys, Any]


@frozen(eq=False)
class SplitQuestion:
    """A question of each segment; what they hold is known."""

    splitters: tuple[Splitting, ...]
    question: Question[Any]
    sizes: Sizes
    rows_in_a_part: int = ROWS

    def measure(self, part: Part) -> SplitMeasured:
        """Measure each segment of a part."""
        nothing = self.question.measure(part.between(0, 0))
        found = {}
        if len(part):
            for keys, sub in _segments(part, self.splitters):
                mine = evolve(sub, scope=self.scope_of(keys, part.scope))
                found[keys] = self.question.measure(mine)
        return SplitMeasured(nothing, found)

    def merge(self, one: SplitMeasured, other: SplitMeasured) -> SplitMeasured:
        """Merge segment by segment."""
        merge = self.question.merge
        made = {**one.segments, **other.segments}
        for keys in one.segments.keys() & other.segments.keys():
            made[keys] = merge(one.segments[keys], other.segments[keys])
        return SplitMeasured(merge(one.nothing, other.nothing), made)

    def answer(self, measured: SplitMeasured, scope: Scope) -> Any:
        """Answer segment by segment."""
        return self._answer(measured, scope, ())

    def _answer(self, measured: SplitMeasured, scope: Scope, prefix: Keys) -> Any:
        depth = len(prefix)
        narrow = self.scope_of(prefix, scope)
        if depth == len(self.splitters):
            return self._ask(measured.segments[prefix], narrow)
        splitter = self.splitters[depth]
        there = {keys[depth] for keys in measured.segments if keys[:depth] == prefix}
        parts = {
            key: self._answer(measured, scope, (*prefix, key)) if key in there else None
            for key in splitter.order(there, narrow)
        }
        nothing = self._answer_nothing(measured, scope, depth + 1)
        return splitter.answer(parts, nothing, narrow)

    def _answer_nothing(self, measured: SplitMeasured, scope: Scope, depth: int) -> Any:
        """Answer of nothing, from which rows have their fields."""
        if depth == len(self.splitters):
            return self._ask(measured.nothing, scope)
        inner = self._answer_nothing(measured, scope, depth + 1)
        return self.splitters[depth].answer({}, inner, scope)

    def _ask(self, measured: Any, scope: Scope) -> Answer[Any]:
        answer = self.question.answer(measured, scope)
        if not isinstance(answer, Answer):
            message = "only questions whose answer is an Answer of rows can be split"
            raise AnswerError(type(self.question).__name__, message)
        return evolve(answer, timed=scope.timed)

    def of_view(self, log: Any) -> SplitQuestion:
        """Make the question of a view of the log, with the same segments."""
        return evolve(self, sizes=log.ask(SegmentSizes(self.splitters)))

    def scope_of(self, prefix: Keys, scope: Scope) -> Scope:
        """Make the scope of a segment, as that of a log that holds nothing else."""
        if not prefix:
            return scope
        whole = len(prefix) == len(self.splitters)
        found = [self.sizes[prefix]] if whole and prefix in self.sizes else [
            size for keys, size in self.sizes.items() if keys[: len(prefix)] == prefix
        ]  # fmt: skip
        made = evolve(scope, recorded=scope.end, opened=scope.begin)
        if found:
            size = reduce(SegmentSize.merge, found)
            made = evolve(made, first=size.first, last=size.last, interactions=size.interactions)
        for splitter, key in zip(self.splitters, prefix, strict=False):
            made = splitter.narrow(key, made)
        return made


def _segments(part: Part, splitters: tuple[Splitting, ...]) -> Iterator[tuple[Keys, Part]]:
    """Split a part by one splitter after the other."""
    if not splitters:
        yield (), part
        return
    first, *others = splitters
    for key, sub in split_part(first, part):
        for keys, inner in _segments(sub, tuple(others)):
            yield (key, *keys), inner


def merge_keys(sizes: Sizes, depth: int, shown_as: Callable[[Key], Key]) -> Sizes:
    """Put the segments together that are shown as one."""
    made: Sizes = {}
    for keys, size in sizes.items():
        merged = (*keys[:depth], shown_as(keys[depth]), *keys[depth + 1 :])
        made[merged] = made[merged].merge(size) if merged in made else size
    return made
