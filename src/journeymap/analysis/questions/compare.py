"""Two subsets compared: how they differ, and whether that is more than chance.

Intervals come from the answers themselves, whatever the question is: customers are assigned to
sixteen groups by their names, the question is answered again for fifteen halves of the groups that
balance each other, and the spread of those answers gives the interval (balanced half-samples,
McCarthy 1969; valid for medians too, Shao and Wu 1989). So the sample is one of customers, also
where one customer counts many times.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
import polars as pl
from attrs import fields, frozen
from scipy.special import ndtr, stdtr, stdtrit

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.intervals import NORMAL_QUANTILE, wilson_bounds
from journeymap.analysis.measuring.resampling import (
    GROUPS,
    HALVES,
    Resampled,
    Resampling,
)
from journeymap.analysis.question import (
    PreparedQuestion,
    Question,
    check_question,
    prepare_question,
)
from journeymap.analysis.row_fields import (
    Bound,
    Chance,
    Field,
    Key,
    Mean,
    N,
    PathKey,
    fields_of,
    is_compared,
)
from journeymap.analysis.where import Where, describe_subset
from journeymap.exceptions import AnswerError, ElementError
from journeymap.model.rules import one_of

if TYPE_CHECKING:
    from journeymap.analysis.askable import Askable

__all__ = ["Compare", "CompareAnswer", "Difference"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

What = tuple[str, ...]


@frozen
class Difference:
    """One number of an answer, in both subsets.

    Attributes:
        what: The row it stands in, by the row's keys; empty for a number of the whole answer.
        measure: The field that it is.
        a: Its value in the first subset (None: it has none; a share of nothing there is 0).
        b: Its value in the second.
        difference: b less a.
        low: Lower bound of its 95 % interval.
        high: Upper bound of it.
        p: The two-sided p-value: the probability of a difference at least as large if the
            subsets did not differ.
        p_adjusted: The same, when everything that was compared is taken into account.
        n_a: The ``n`` of the row in the first answer, where it has one.
        n_b: The ``n`` of the row in the second.
    """

    what: PathKey
    measure: Key
    a: Mean | None
    b: Mean | None
    difference: Mean | None
    low: Bound | None
    high: Bound | None
    p: Chance | None
    p_adjusted: Chance | None
    n_a: N | None
    n_b: N | None


@frozen(eq=False, repr=False)
class CompareAnswer(Answer[Difference]):
    """The differences, those first that are hardest to explain by chance.

    Attributes:
        a: The answer of the first subset.
        b: The answer of the second.
        names: The names of the subsets.
        cut: Whether a subset is bounded in time, and cuts through journeys.
    """

    Row = Difference
    a: Any = attrs.field(default=None, kw_only=True)
    b: Any = attrs.field(default=None, kw_only=True)
    names: tuple[str, str] = attrs.field(default=("a", "b"), kw_only=True)
    cut: bool = attrs.field(default=False, kw_only=True)

    def field_in(self, row: dict[str, Any], name: str) -> Field:
        """Find out what a field is in one row: values are what was measured, such as shares.

        Args:
            row: The row as a dictionary.
            name: The name of the field.

        Returns:
            The kind of the field.
        """
        if name in ("a", "b", "difference", "low", "high") and self.a is not None:
            declared = fields_of(self.a.row_class if row["what"] else type(self.a))
            found = declared.get(row["measure"], Field("mean"))
            is_share = found.kind == "share"
            return Field("points") if is_share and name not in ("a", "b") else found
        return super().field_in(row, name)

    def notes(self) -> list[str]:
        """Write which subsets are compared, and how many numbers differ by more than chance.

        Returns:
            One sentence each.
        """
        clear = self.frame.filter(pl.col("p_adjusted") < 0.05)
        sides = "a: {}; b: {}".format(*self.names)
        found = f"{len(clear)} of {len(self)} differ by more than chance (p_adjusted below 0.05)"
        if not len(self):
            found = "there is nothing to compare: no number is known of both"
        cut = "since and until cut through journeys; started=(…) compares whole ones"
        return [sides, found, *([cut] if self.cut else [])]


@frozen
class Compare:
    """Ask any question of two subsets, and compare its shares, means and medians.

    Attributes:
        question: The question.
        a: The first subset.
        b: The second; the two may share customers.
        correction: The correction for comparing many numbers at once: ``holm`` (Holm 1979: no
            false alarm at all, 19 times out of 20), ``fdr`` (Benjamini and Hochberg 1995: few
            false ones among the alarms) or ``none``. Numbers that cannot differ, and those that
            are the same as another, are not counted.
        names: The names of the subsets (None: made of what they select).

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log, Variants, Where
    >>> log = Log.from_frame({"customer": list("abcd"), "touchpoint": list("xyxx"), "at": [1] * 4,
    ...                       "shop": ["n", "n", "s", "s"]}, Columns(at_unit="s", channel="shop"))
    >>> answer = log.ask(Compare(Variants(), Where(channel="n"), Where(channel="s")))
    >>> [(d.what, d.a, d.b, d.difference) for d in answer]
    [(('x',), 0.5, 1.0, 0.5), (('y',), 0.5, 0.0, -0.5)]
    """

    question: Question[Answer[Any]] | PreparedQuestion[Answer[Any]] = attrs.field()
    a: Where = attrs.field()
    b: Where = attrs.field()
    correction: Literal["holm", "fdr", "none"] = attrs.field(
        default="holm", validator=one_of("holm", "fdr", "none"), kw_only=True
    )
    names: tuple[str, str] | None = attrs.field(default=None, kw_only=True)

    @question.validator
    def _check(self, attribute: Any, value: Any) -> None:
        check_question("Compare", value)

    @names.validator
    def _check_names(self, attribute: Any, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, tuple) or len(value) != 2 or not all(
            isinstance(one, str) for one in value
        ):  # fmt: skip
            message = "two names are expected, such as ('before', 'after')"
            raise ElementError("Compare", "names", value, message)

    @a.validator
    @b.validator
    def _check_subset(self, attribute: Any, value: Any) -> None:
        if not isinstance(value, Where):
            message = "a subset is expected, such as Where(channel='web')"
            raise ElementError("Compare", attribute.name, value, message)

    def ask_log(self, log: Askable) -> CompareAnswer:
        """Ask both subsets, each as the log that ``log.where`` gives."""
        views = [log.where(subset) for subset in (self.a, self.b)]
        whole = prepare_question(self.question, log)  # the segments are the same on both sides
        asked = [whole.of_view(view) if hasattr(whole, "of_view") else whole for view in views]
        a, b = (view.ask(Resampling(one)) for view, one in zip(views, asked, strict=True))
        if not isinstance(a.whole, Answer):
            message = "only questions whose answer is an Answer of rows can be compared"
            raise AnswerError("Compare", message)
        one, other = _Side.of(a), _Side.of(b)
        numbers = list(dict.fromkeys([*one.whole.values, *other.whole.values]))
        rows = [_difference(what, measure, one, other) for what, measure in numbers]
        kinds = [(*one.all_values(*number), *other.all_values(*number)) for number in numbers]
        places = {kind: place for place, kind in reversed(list(enumerate(kinds)))}
        counted = [place for place in places.values() if len(set(kinds[place])) > 1]
        adjusted = _adjust_p_values([rows[place]["p"] for place in counted], self.correction)
        by_place = dict(zip(counted, adjusted, strict=True))
        for row, kind in zip(rows, kinds, strict=True):
            row["p_adjusted"] = by_place.get(places[kind], row["p"])  # else nothing can differ
        rows.sort(key=lambda row: (row["p"] is None, row["p"] or 0.0))
        frame = pl.DataFrame(rows, schema=CompareAnswer.schema())
        return CompareAnswer(
            frame, a=a.whole, b=b.whole,
            names=self.names or (describe_subset(self.a), describe_subset(self.b)),
            cut=any(side.since is not None or side.until is not None for side in (self.a, self.b)),
        )  # fmt: skip


@frozen(eq=False)
class _Numbers:
    """The numbers of an answer by row and name, and what each row's are taken over."""

    row: dict[str, Field]
    values: dict[tuple[What, str], float]
    n: dict[What, int]
    likely: dict[What, int]
    people: dict[What, int]

    @classmethod
    def of(cls, answer: Any) -> _Numbers:
        row_fields = fields_of(answer.row_class)
        keys, measures = _keys_and_measures(answer.row_class)
        values: dict[tuple[What, str], float] = {}
        n: dict[What, int] = {}
        likely: dict[What, int] = {}
        people: dict[What, int] = {}
        for row in answer.to_dicts():
            what = tuple(part for key in keys for part in _words(row[key]))
            for measure in measures:
                if row[measure] is not None and is_compared(answer.field_in(row, measure)):
                    values[what, measure] = float(row[measure])
            if (some := row.get("customers", row.get("n"))) is not None:
                people[what] = some
            if row.get("n") is not None:
                n[what] = row["n"]
                likely[what[:-1]] = row["n"]
        for name, declared in fields_of(type(answer)).items():
            number = getattr(answer, name)
            if isinstance(number, float) and is_compared(declared):
                values[(), name] = number
        return cls(row_fields, values, n, likely, people)

    def value(self, what: What, measure: str) -> float | None:
        """Read a number; the share of an element that never came is 0, if others came."""
        found = self.values.get((what, measure))
        if found is None and what and self.is_share_of_n(what, measure) and self.over(what):
            return 0.0
        return found

    def is_share_of_n(self, what: What, measure: str) -> bool:
        """Check whether a number is a share out of the n of its row."""
        declared = self.row.get(measure) if what else None
        return declared is not None and (declared.kind, declared.of) == ("share", "n")

    def counted(self, what: What) -> int | None:
        """Find how many customers, or else units, a row has (None: not known)."""
        return self.people.get(what)

    def over(self, what: What) -> int | None:
        """Find the n of a row, or the one it would have."""
        if what in self.n:
            return self.n[what]
        return self.likely.get(what[:-1], self.likely.get(()))


_SIGNS = np.array([[1 if group in half else -1 for group in range(GROUPS)] for half in HALVES])
_FEWEST = 2  # degrees of freedom
_USUAL = 6.0  # of sixteen groups that are alike: as many seem to make the variance


@frozen(eq=False)
class _Side:
    """The numbers of one subset, whole and of each half."""

    whole: _Numbers
    halves: list[_Numbers]
    degrees_of_freedom: int

    @classmethod
    def of(cls, found: Resampled) -> _Side:
        numbers = [_Numbers.of(answer) for answer in found.halves]
        return cls(_Numbers.of(found.whole), numbers, sum(found.there) - 1)

    def all_values(self, what: What, measure: str) -> tuple[float | None, ...]:
        """Collect a number of the whole and of each half."""
        return tuple(one.value(what, measure) for one in (self.whole, *self.halves))

    def moved(self, what: What, measure: str) -> Floats | None:
        """Compute how far a number is from the whole in each half.

        So that squares sum to its variance.

        None where some half lacks the number.
        """
        whole = self.whole.value(what, measure)
        values = [half.value(what, measure) for half in self.halves]
        if whole is None or self.degrees_of_freedom < 1 or any(value is None for value in values):
            return None
        return (np.array(values, dtype=float) - whole) / math.sqrt(len(values))

    def free(self, moved: Floats, what: What) -> float | None:
        """Compute the degrees of freedom of a variance; None where hardly anyone has the number.

        They are no more than there are of what is counted. What each group of customers adds to
        the halves is found again: where few of them make the variance, less is known of it
        (Satterthwaite 1946). Sixteen groups measure that roughly, so the mean of it and of the
        usual number is used.
        """
        counted = self.whole.counted(what)
        most = float(self.degrees_of_freedom if counted is None else min(
            self.degrees_of_freedom, counted - 1))  # fmt: skip
        if most < _FEWEST:
            return None
        squares = (_SIGNS.T @ moved) ** 2
        if not squares.any():
            return most
        groups = float(squares.sum() ** 2 / (squares**2).sum())
        return min(most, 3 * (groups + _USUAL) / 2 - 2)


def _keys_and_measures(row: Any) -> tuple[list[str], list[str]]:
    """List the fields that name a row, and those that can be compared."""
    declared = fields_of(row)
    keys = [name for name, field in declared.items() if field.kind == "key"]
    measures = [name for name, field in declared.items() if is_compared(field)]
    if not measures:
        raise AnswerError("Compare", f"{row.__name__} has no shares, means or medians to compare")
    return keys, measures


def _words(cell: Any) -> tuple[str, ...]:
    if isinstance(cell, (list, tuple)):
        return tuple(str(one) for one in cell)
    return ("" if cell is None else str(cell),)


def _difference(what: What, measure: str, a: _Side, b: _Side) -> dict[str, Any]:
    first, second = (side.whole.value(what, measure) for side in (a, b))
    row: dict[str, Any] = dict.fromkeys(one.name for one in fields(Difference))
    row |= {"what": list(what), "measure": measure, "a": first, "b": second}
    row |= {"n_a": a.whole.over(what), "n_b": b.whole.over(what)}
    if first is None or second is None:
        return row
    row["difference"] = difference = _subtract(second, first)
    one_moved, other_moved = a.moved(what, measure), b.moved(what, measure)
    if one_moved is None or other_moved is None:
        return row  # too few customers for an interval
    free = a.free(one_moved, what), b.free(other_moved, what)
    share = a.whole.is_share_of_n(what, measure) and row["n_a"] and row["n_b"]
    if None in free and not share:
        return row  # hardly anyone has it
    moves = (one_moved, other_moved)
    covariance = np.array([[float(one @ other) for other in moves] for one in moves])
    degrees_of_freedom = _welch_degrees_of_freedom(covariance, *(one or 3.0 for one in free))
    t_quantile = float(stdtrit(degrees_of_freedom, 0.975))
    if share:
        return row | _share_difference(
            first, second, covariance, (row["n_a"], row["n_b"]), t_quantile
        )
    standard_error = math.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0))
    if standard_error == 0 and first != second:
        return row  # all customers of each side are alike, which says nothing of chance
    row |= {
        "low": difference - t_quantile * standard_error,
        "high": difference + t_quantile * standard_error,
    }
    row["p"] = _p_value(difference, standard_error, degrees_of_freedom)
    return row


def _subtract(one: float, other: float) -> float:
    """Subtract two numbers; what arithmetic alone leaves between them is nothing."""
    return 0.0 if math.isclose(one, other, rel_tol=1e-12) else one - other


def _welch_degrees_of_freedom(covariance: Any, a: float, b: float) -> float:
    """Compute the degrees of freedom of a difference, by those of each side (Welch 1947)."""
    one, other = float(covariance[0, 0]), float(covariance[1, 1])
    if one + other == 0:
        return min(a, b)
    return (one + other) ** 2 / (one * one / a + other * other / b)


def _share_difference(
    a: float, b: float, covariance: Any, over: tuple[int, int], t_quantile: float
) -> dict[str, float | None]:
    """Compute the interval of a difference of shares.

    Wilson's of each, over as many customers as the halves show them to be worth, joined as in
    Newcombe (1998), with their correlation.
    """
    sizes = [
        _effective_sample_size(p, float(covariance[i, i]), over[i]) for i, p in enumerate((a, b))
    ]
    scale = math.sqrt(covariance[0, 0] * covariance[1, 1])
    correlation = float(covariance[0, 1]) / scale if scale > 0 else 0.0
    (low_a, high_a), (low_b, high_b) = (
        wilson_bounds(p, n, t_quantile) for p, n in zip((a, b), sizes, strict=True)
    )
    down, up = (b - low_b, high_a - a), (high_b - b, a - low_a)
    pooled = (a * sizes[0] + b * sizes[1]) / sum(sizes)
    expected = [pooled * (1 - pooled) / size for size in sizes]
    variance = sum(expected) - 2 * correlation * math.sqrt(expected[0] * expected[1])
    standard_error = math.sqrt(max(variance, 0.0)) * t_quantile / NORMAL_QUANTILE
    return {
        "low": b - a - _combine_deviations(*down, correlation),
        "high": b - a + _combine_deviations(*up, correlation),
        "p": _p_value(b - a, standard_error, math.inf),
    }


def _effective_sample_size(share: float, variance: float, n: int) -> float:
    """Compute the effective sample size of a share."""
    if variance <= 0 or not 0 < share < 1:
        return float(n)
    return max(1.0, min(float(n), share * (1 - share) / variance))


def _combine_deviations(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(one * one + other * other - 2 * correlation * one * other, 0.0))


def _p_value(difference: float, standard_error: float, degrees_of_freedom: float) -> float:
    if standard_error == 0:
        return 1.0 if difference == 0 else 0.0
    far = -abs(difference) / standard_error
    return 2 * float(
        ndtr(far) if math.isinf(degrees_of_freedom) else stdtr(degrees_of_freedom, far)
    )


def _adjust_p_values(chances: list[float | None], correction: str) -> list[float | None]:
    """Adjust probabilities for being looked at together."""
    known = [(p, place) for place, p in enumerate(chances) if p is not None]
    known.sort()
    made: list[float | None] = [None] * len(chances)
    size = len(known)
    if correction == "holm":
        highest = 0.0
        for rank, (p, place) in enumerate(known):
            highest = max(highest, min(1.0, p * (size - rank)))
            made[place] = highest
    elif correction == "fdr":
        lowest = 1.0
        for rank, (p, place) in reversed(list(enumerate(known, 1))):
            lowest = min(lowest, p * size / rank)
            made[place] = lowest
    else:
        for p, place in known:
            made[place] = p
    return made
