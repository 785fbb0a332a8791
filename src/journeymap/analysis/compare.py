"""Two subsets side by side: what differs between them, and whether that is more than chance.

Intervals come from the answers themselves, whatever the question is: customers are dealt into
twenty groups by their names, every answer is found again without each group in turn, and how much
it moves says how sure it is (the delete-a-group jackknife; Kott 2001, after Quenouille and Tukey).
So they hold for customers as the sample, also where one customer counts many times.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_origin, get_type_hints

import numpy as np
import polars as pl
from attrs import field, fields, frozen, validators
from scipy.special import stdtr, stdtrit

from journeymap.analysis.answers import Answer
from journeymap.analysis.part import Ints, Part, Scope
from journeymap.analysis.question import Question
from journeymap.analysis.sequences import hashed
from journeymap.analysis.subsets import Where
from journeymap.exceptions import AnswerError, ElementError
from journeymap.model.rules import one_of

__all__ = ["Compare", "CompareAnswer", "Difference"]

GROUPS = 20
_T = float(stdtrit(GROUPS - 1, 0.975))
_BYTES = tuple(str(number) for number in range(256))
_NO_MEASURES = {"low", "high", "p", "p_adjusted", "quantile_error", "time_lost", "value_at_stake",
                "value_at_risk", "reentry_low", "reentry_high"}  # fmt: skip
_KEYS = {"step", "period"}
Key = tuple[str, ...]


@frozen
class Difference:
    """One number of an answer, in both subsets.

    ``what`` names the row (its elements, step, period; empty for a number of the whole answer)
    and ``measure`` the number; ``a`` and ``b`` are its values, None where a subset has none (a
    share of what never came is 0); ``difference`` is b less a, with its 95 % interval ``low`` to
    ``high``. ``p`` is how likely so large a difference would be by chance alone, ``p_adjusted``
    the same when all that was compared is taken into account. ``n_a`` and ``n_b`` are what the
    numbers are taken over, where the answer says it.
    """

    what: tuple[str, ...]
    measure: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    n_a: int | None
    n_b: int | None


@frozen(eq=False, repr=False)
class CompareAnswer(Answer[Difference]):
    """The differences in the order of the answer compared; ``a`` and ``b`` are the two answers."""

    Row = Difference
    a: Any = field(default=None, kw_only=True)
    b: Any = field(default=None, kw_only=True)

    def notes(self) -> list[str]:
        """How many differ by more than chance."""
        clear = self.frame.filter(pl.col("p_adjusted") < 0.05)
        return [f"{len(clear)} of {len(self)} differ by more than chance (p_adjusted below 0.05)"]


@frozen
class Compare:
    """Any question asked of two subsets: its shares, means and medians side by side.

    ``a`` and ``b`` are ``Where`` values; they may share customers. ``correction`` is for
    comparing many numbers at once: ``holm`` (Holm 1979: no false alarm at all, 19 times out of
    20), ``fdr`` (Benjamini and Hochberg 1995: few false ones among the alarms) or ``none``.

    >>> from journeymap.analysis import Columns, Log, Variants, Where
    >>> log = Log.from_frame({"customer": list("abcd"), "touchpoint": list("xyxx"), "at": [1] * 4,
    ...                       "shop": ["n", "n", "s", "s"]}, Columns(at_unit="s", channel="shop"))
    >>> answer = log.ask(Compare(Variants(), Where(channel="n"), Where(channel="s")))
    >>> [(d.what, d.a, d.b, d.difference) for d in answer]
    [(('x',), 0.5, 1.0, 0.5), (('y',), 0.5, 0.0, -0.5)]
    """

    question: Question[Answer[Any]] = field()
    a: Where = field(validator=validators.instance_of(Where))
    b: Where = field(validator=validators.instance_of(Where))
    correction: Literal["holm", "fdr", "none"] = field(
        default="holm", validator=one_of("holm", "fdr", "none"), kw_only=True
    )

    @question.validator
    def _check(self, attribute: Any, value: Any) -> None:
        if isinstance(value, Compare) or not hasattr(value, "measure"):
            raise ElementError("Compare", "question", value, "a question is expected")

    def measure(self, part: Part) -> tuple[list[Any], list[Any]]:
        """Measure each group of customers apart, in both subsets."""
        return self._groups(part, self.a), self._groups(part, self.b)

    def merge(self, one: Any, other: Any) -> tuple[list[Any], list[Any]]:
        """Merge group by group."""
        a, b = (
            [self.question.merge(mine, theirs) for mine, theirs in zip(*pair, strict=True)]
            for pair in zip(one, other, strict=True)
        )
        return a, b

    def answer(self, measured: Any, scope: Scope) -> CompareAnswer:
        """Both answers, their differences, and how sure they are."""
        sides = [self._answers(groups, scope) for groups in measured]
        whole_a, whole_b = (whole for whole, _ in sides)
        if not isinstance(whole_a, Answer):
            message = "only questions whose answer is an Answer of rows can be compared"
            raise AnswerError("Compare", message)
        numbers = [[_Numbers.of(answer) for answer in (whole, *rest)] for whole, rest in sides]
        rows = [
            _difference(what, measure, numbers[0], numbers[1])
            for what, measure in dict.fromkeys([*numbers[0][0].values, *numbers[1][0].values])
        ]
        adjusted = _adjusted([row["p"] for row in rows], self.correction)
        for row, p in zip(rows, adjusted, strict=True):
            row["p_adjusted"] = p
        frame = pl.DataFrame(rows, schema=CompareAnswer.schema())
        return CompareAnswer(frame, a=whole_a, b=whole_b)

    def _groups(self, part: Part, subset: Where) -> list[Any]:
        mine = subset.of(part)
        dealt = dealt_into(mine, GROUPS)
        return [self.question.measure(_journeys(mine, dealt == group)) for group in range(GROUPS)]

    def _answers(self, groups: list[Any], scope: Scope) -> tuple[Any, list[Any]]:
        """The answer of all groups, and of all but each."""
        merge = self.question.merge
        before, after = [groups[0]], [groups[-1]]
        for group in groups[1:]:
            before.append(merge(before[-1], group))
        for group in groups[-2::-1]:
            after.append(merge(group, after[-1]))
        after = after[::-1]
        rest = [after[1], *(merge(before[k - 1], after[k + 1]) for k in range(1, GROUPS - 1)),
                before[-2]]  # fmt: skip
        answer = self.question.answer
        return answer(before[-1], scope), [answer(one, scope) for one in rest]


def dealt_into(part: Part, groups: int) -> Ints:
    """A group for each journey, by its customer's name: the same wherever the log lies."""
    text = "".join(part.ids.to_list()).encode()
    offsets = np.append(0, np.cumsum(part.ids.str.len_bytes().to_numpy())).astype(np.int64)
    codes = np.frombuffer(text, dtype=np.uint8)
    mixed = hashed(codes, offsets, _BYTES)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    found: Ints = ((mixed >> np.uint64(32)) % np.uint64(groups)).astype(np.int64)
    return found


def _journeys(part: Part, chosen: Any) -> Part:
    lengths = np.diff(part.offsets)
    rows = np.flatnonzero(np.repeat(chosen, lengths))
    offsets = np.append(0, np.cumsum(lengths[chosen]))
    return part.taken(rows, offsets, part.owners[chosen])


@frozen(eq=False)
class _Numbers:
    """The numbers of an answer by row and name, and what each row's are taken over."""

    values: dict[tuple[Key, str], float]
    n: dict[Key, int]
    likely: dict[str, int]

    @classmethod
    def of(cls, answer: Any) -> _Numbers:
        keys, measures = _columns(type(answer).Row)
        values: dict[tuple[Key, str], float] = {}
        n: dict[Key, int] = {}
        likely: dict[str, int] = {}
        for row in answer.to_dicts():
            what = tuple(part for key in keys for part in _words(row[key]))
            for measure in measures:
                if row[measure] is not None:
                    values[what, measure] = float(row[measure])
            if row.get("n") is not None:
                n[what] = row["n"]
                likely[what[0] if len(keys) > 1 else ""] = row["n"]
        for one in fields(type(answer)):
            number = getattr(answer, one.name)
            if isinstance(number, float) and one.name not in _NO_MEASURES:
                values[(), one.name] = number
        return cls(values, n, likely)

    def value(self, what: Key, measure: str) -> float | None:
        """A number; a share of what never came is 0 where there was anything at all."""
        found = self.values.get((what, measure))
        if found is None and _is_share(measure) and what and self.over(what) is not None:
            return 0.0
        return found

    def over(self, what: Key) -> int | None:
        """What a row is, or would be, taken over."""
        if what in self.n:
            return self.n[what]
        return self.likely.get(what[0] if what else "", self.likely.get(""))


def _columns(row: Any) -> tuple[list[str], list[str]]:
    """Which fields name a row, and which are numbers to compare."""
    hints = get_type_hints(row)
    kinds = {one.name: hints[one.name] for one in fields(row)}
    keys = [
        name for name, kind in kinds.items()
        if name in _KEYS or kind in (str, str | None) or get_origin(kind) in (tuple, Literal)
    ]  # fmt: skip
    numbers = [
        name for name, kind in kinds.items()
        if kind in (float, float | None) and name not in _NO_MEASURES
    ]  # fmt: skip
    if not numbers:
        raise AnswerError("Compare", f"{row.__name__} has no shares, means or medians to compare")
    return keys, numbers


def _words(cell: Any) -> tuple[str, ...]:
    if isinstance(cell, (list, tuple)):
        return tuple(str(one) for one in cell)
    return () if cell is None else (str(cell),)


def _is_share(measure: str) -> bool:
    return "share" in measure or measure.endswith("_rate")


def _difference(what: Key, measure: str, a: list[_Numbers], b: list[_Numbers]) -> dict[str, Any]:
    whole = [side[0].value(what, measure) for side in (a, b)]
    row: dict[str, Any] = dict.fromkeys(one.name for one in fields(Difference))
    row |= {"what": list(what), "measure": measure, "a": whole[0], "b": whole[1]}
    row |= {"n_a": a[0].over(what), "n_b": b[0].over(what)}
    if whole[0] is None or whole[1] is None:
        return row
    first, second = whole[0], whole[1]
    row["difference"] = second - first
    moved = [[one.value(what, measure) for one in side[1:]] for side in (a, b)]
    if any(value is None for side in moved for value in side):
        return row  # without some group nothing is left to tell: too few customers
    apart = np.array(moved, dtype=float)
    apart -= apart.mean(axis=1, keepdims=True)
    covariance = (GROUPS - 1) / GROUPS * (apart @ apart.T)
    if _is_share(measure) and 0 <= min(first, second) <= max(first, second) <= 1:
        row |= _of_shares(first, second, covariance, row["n_a"], row["n_b"])
        return row
    spread = math.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0))
    half = _T * spread
    row |= {"low": row["difference"] - half, "high": row["difference"] + half}
    row["p"] = _chance(row["difference"], spread)
    return row


def _of_shares(
    a: float, b: float, covariance: Any, n_a: int | None, n_b: int | None
) -> dict[str, float | None]:
    """The interval of a difference of shares: Wilson's of each, over as many customers as the
    jackknife says they are worth, joined as Newcombe (1998) does, with their correlation."""
    if not n_a or not n_b:
        return {}
    sizes = [_worth(p, float(covariance[i, i]), n) for i, (p, n) in enumerate(((a, n_a), (b, n_b)))]
    scale = math.sqrt(covariance[0, 0] * covariance[1, 1])
    together = float(covariance[0, 1]) / scale if scale > 0 else 0.0
    (low_a, high_a), (low_b, high_b) = (_wilson(p, n) for p, n in zip((a, b), sizes, strict=True))
    down, up = (b - low_b, high_a - a), (high_b - b, a - low_a)
    pooled = (a * sizes[0] + b * sizes[1]) / sum(sizes)
    expected = [pooled * (1 - pooled) / size for size in sizes]
    variance = sum(expected) - 2 * together * math.sqrt(expected[0] * expected[1])
    return {
        "low": b - a - _joined(*down, together),
        "high": b - a + _joined(*up, together),
        "p": _chance(b - a, math.sqrt(max(variance, 0.0))),
    }


def _worth(share: float, variance: float, n: int) -> float:
    """Of how many independent customers a share is as sure."""
    if variance <= 0 or not 0 < share < 1:
        return float(n)
    return max(1.0, min(float(n), share * (1 - share) / variance))


def _wilson(share: float, n: float) -> tuple[float, float]:
    z2 = _T * _T
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _T / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _joined(one: float, other: float, together: float) -> float:
    return math.sqrt(max(one * one + other * other - 2 * together * one * other, 0.0))


def _chance(difference: float, spread: float) -> float:
    if spread == 0:
        return 1.0 if difference == 0 else 0.0
    return 2 * float(stdtr(GROUPS - 1, -abs(difference) / spread))


def _adjusted(chances: list[float | None], correction: str) -> list[float | None]:
    """The chances when all of them are looked at together."""
    told = [(p, place) for place, p in enumerate(chances) if p is not None]
    told.sort()
    made: list[float | None] = [None] * len(chances)
    size = len(told)
    if correction == "holm":
        highest = 0.0
        for rank, (p, place) in enumerate(told):
            highest = max(highest, min(1.0, p * (size - rank)))
            made[place] = highest
    elif correction == "fdr":
        lowest = 1.0
        for rank, (p, place) in reversed(list(enumerate(told, 1))):
            lowest = min(lowest, p * size / rank)
            made[place] = lowest
    else:
        for p, place in told:
            made[place] = p
    return made
