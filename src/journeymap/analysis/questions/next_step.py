"""The next step, learned from a log."""

from __future__ import annotations

import numpy as np
import polars as pl
from attrs import Attribute, field, frozen

from journeymap.analysis.answers import Answer
from journeymap.analysis.row_fields import Count, Key, N, PathKey, Seconds, Share
from journeymap.analysis.table.part import Ints, Part, Reading, Scope
from journeymap.exceptions import ElementError
from journeymap.model import NextSteps
from journeymap.model.next_steps import END, START
from journeymap.model.rules import of_type

__all__ = ["NextStep", "NextStepAnswer", "NextStepRow"]

Learned = dict[tuple[str, ...], dict[str, tuple[int, int, int]]]


@frozen
class NextStepRow:
    """An element that followed a path of elements.

    Attributes:
        path: The elements before; empty for anything, ``(start)`` for the beginning.
        element: The element that followed.
        count: How often it did.
        share: Its share of all that followed the path.
        n: How often the path was followed by anything.
        wait_mean: Mean wait, in seconds (None where it is not known).
    """

    path: PathKey
    element: Key
    count: Count
    share: Share
    n: N
    wait_mean: Seconds | None


@frozen(eq=False, repr=False)
class NextStepAnswer(Answer[NextStepRow]):
    """The steps that followed each path, the shortest paths first.

    Attributes:
        table: A table that predicts the next step.
    """

    Row = NextStepRow
    table: NextSteps = field(kw_only=True)


@frozen
class NextStep:
    """Learn which step follows which.

    The answer holds a ``table`` that predicts: for a trail of elements, or for a state of the
    tracker with ``state.likely_next(table)``. It is a plain value, and travels as JSON to where
    no log is.

    Attributes:
        by: The level at which interactions are read.
        memory: How many elements back are remembered, from 0 to 5.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": ["a", "a", "b", "b"], "touchpoint": ["x", "y", "x", "y"],
    ...                       "at": [0, 60, 0, 30]}, Columns(at_unit="s"))
    >>> [best] = log.ask(NextStep()).table.after(["x"], top=1)
    >>> best.element, best.wait, best.n
    ('y', 45.0, 2)
    """

    by: str = field(default="touchpoint", validator=of_type(str))
    memory: int = field(default=3)

    @memory.validator
    def _check(self, attribute: Attribute[int], value: int) -> None:
        if type(value) is not int or not 0 <= value <= 5:
            raise ElementError("NextStep", "memory", value, "a whole number from 0 to 5")

    def measure(self, part: Part) -> Learned:
        """Count the steps that follow each path in a part."""
        read = part.read(self.by)
        codes, place, waits = _stretched(read)
        names = [START, *map(str, read.names[1:]), END]
        learned: Learned = {}
        targets = np.flatnonzero(place > 0)
        context = np.zeros(len(codes), dtype=np.int64)  # the number of what came before
        for length in range(self.memory + 1):
            if length:  # one element further back, where the journey reaches so far
                targets = targets[place[targets] >= length]
                pairs = context[targets] * len(names) + codes[targets - length]
                _, context[targets] = np.unique(pairs, return_inverse=True)
            grams = context[targets] * len(names) + codes[targets]
            order = np.argsort(grams, kind="stable")
            fresh = np.flatnonzero(np.diff(grams[order], prepend=-1))
            if not len(fresh):
                continue
            counts = np.diff(np.append(fresh, len(order)))
            sums = np.add.reduceat(waits[targets[order]], fresh)
            for row, count, micros in zip(
                targets[order[fresh]].tolist(), counts.tolist(), sums.tolist(), strict=True
            ):
                last = tuple(names[code] for code in codes[row - length : row].tolist())
                name = names[codes[row]]
                timed = part.scope.timed and name != END and bool(last) and last[-1] != START
                found = (count, count, micros) if timed else (count, 0, 0)
                learned.setdefault(last, {})[name] = found
        return learned

    def merge(self, one: Learned, other: Learned) -> Learned:
        """Sum two measurements."""
        made = {last: dict(followers) for last, followers in one.items()}
        for last, followers in other.items():
            mine = made.setdefault(last, {})
            for name, sums in followers.items():
                a, b, c = mine.get(name, (0, 0, 0))
                mine[name] = (a + sums[0], b + sums[1], c + sums[2])
        return made

    def answer(self, measured: Learned, scope: Scope) -> NextStepAnswer:
        """Make the table, and its rows."""
        rows = []
        for path, followers in measured.items():
            n = sum(count for count, _, _ in followers.values())
            for name, (count, timed, micros) in followers.items():
                wait = micros / timed / 1e6 if timed else None
                rows.append((list(path), name, count, count / n, n, wait))
        rows.sort(key=lambda row: (len(row[0]), row[0], -row[2], row[1]))
        frame = pl.DataFrame(rows, schema=NextStepAnswer.schema(), orient="row")
        return NextStepAnswer(frame, table=NextSteps(self.by, self.memory, measured))


def _stretched(read: Reading) -> tuple[Ints, Ints, Ints]:
    """Put a mark before and after each journey; codes, places in the journey, and waits."""
    offsets = read.offsets
    journeys = len(offsets) - 1 if len(read.codes) else 0
    size = len(read.codes) + 2 * journeys
    codes, place, waits = (np.zeros(size, dtype=np.int64) for _ in range(3))
    if not journeys:
        return codes, place, waits
    begins = offsets[:-1] + 2 * np.arange(journeys)
    ends = offsets[1:] + 2 * np.arange(journeys) + 1
    inside = np.ones(size, dtype=bool)
    inside[begins] = inside[ends] = False
    codes[inside] = read.codes
    codes[ends] = len(read.names)
    place = np.arange(size) - np.repeat(begins, np.diff(offsets) + 2)
    if read.part.scope.timed:
        waits[inside] = np.where(read.first, 0, np.diff(read.at, prepend=0))
    return codes, place, waits
