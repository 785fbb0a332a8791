"""Attribution: which touches earn the credit of an outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
import polars as pl
from attrs import evolve, field, frozen, validators
from scipy.special import stdtrit

from journeymap.analysis.answers import Answer
from journeymap.analysis.measuring.amounts import choose_currency, read_amounts
from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.credit_rules import (
    MarkovChain,
    Path,
    Walked,
    credit_by_place,
    credit_by_set,
)
from journeymap.analysis.measuring.held_out import HeldOut
from journeymap.analysis.measuring.intervals import NORMAL_QUANTILE, wilson_bounds
from journeymap.analysis.measuring.learned_credit import (
    Floats,
    LearnedCredit,
    find_reason_against,
)
from journeymap.analysis.measuring.resampling import GROUPS, HALVES, assign_groups
from journeymap.analysis.measuring.sequences import group_sequences
from journeymap.analysis.measuring.touches import MAX_CUSTOMERS, Touches
from journeymap.analysis.row_fields import Amount, Count, Field, Key, N
from journeymap.analysis.table.exact_amounts import Amounts, AmountSums, split_amounts
from journeymap.analysis.table.part import Flags, Ints, Part, Scope, require_times
from journeymap.analysis.where import mark_outcome
from journeymap.exceptions import ElementError
from journeymap.model import Condition
from journeymap.model.conditions import is_condition
from journeymap.model.instants import micros_in
from journeymap.model.rules import as_length, maybe_length, of_type, one_of, positive_duration

__all__ = ["Attribution", "AttributionAnswer", "AttributionRow"]

Model: TypeAlias = Literal["first", "last", "linear", "position", "time-decay", "markov", "shapley",
                           "learned"]  # fmt: skip
Crediting: TypeAlias = Callable[[list[int]], dict[str, tuple[float, float]]]
_UNIT = 1_000_000_000  # parts of a conversion in which the credit of touches in time is counted
_STUDENT = float(stdtrit(GROUPS - 1, 0.975))
_FEW = 10  # conversions
_Share: TypeAlias = Annotated[float, Field("mean")]


@frozen
class AttributionRow:
    """One element, and the credit that it earns.

    Attributes:
        element: The element.
        conversions: The conversions that it earns, of all that were preceded by any touch.
        share: Their share.
        low: Lower bound of its 95 % interval, by resampling customers (None: there are too few, or
            a learned model is sure of nothing).
        high: Upper bound of it.
        value: The amounts that it earns (None: the conversions have none).
        touched: The conversions that were preceded by it.
        n: All conversions that were preceded by any touch; of the learned model, all.
    """

    element: Key
    conversions: Amount
    share: _Share
    low: Annotated[float, Field("bound", of="share")] | None
    high: Annotated[float, Field("bound", of="share")] | None
    value: Amount | None
    touched: Count
    n: N


@frozen(eq=False, repr=False)
class AttributionAnswer(Answer[AttributionRow]):
    """The elements, those that earn most first.

    Attributes:
        untouched: The conversions that nothing preceded, within the time that counts.
        lost: The paths that led to no conversion.
        anyway: Of the learned model, the conversions that would have come anyway (None: of another
            model).
        identifiable: Of the learned model, whether the data may show causes, as far as they can be
            asked (None: of another model).
        reason: Why not.
        sampled: Whether customers were left out, because there are too many to learn from.
        measured: The elements whose credit is that of a hold-out.
    """

    Row = AttributionRow
    anyway: Amount | None = field(default=None, kw_only=True)
    identifiable: bool | None = field(default=None, kw_only=True)
    reason: str = field(default="", kw_only=True)
    sampled: bool = field(default=False, kw_only=True)
    measured: tuple[str, ...] = field(default=(), kw_only=True)
    untouched: int = field(default=0, kw_only=True)
    lost: int = field(default=0, kw_only=True)

    def notes(self) -> list[str]:
        """Write what is left out, and what credit is not.

        Returns:
            The sentences.
        """
        found = ["credit is no proof of cause: whoever was about to convert meets touches, too"]
        if self.identifiable is not None:
            found = [f"not identifiable: {self.reason}"] if self.reason else [
                "no sign that touches only follow intent; only a hold-out can prove it"
            ]  # fmt: skip
        if self.measured:
            found.append(f"measured by a hold-out: {', '.join(self.measured)}")
        if self.anyway is not None:
            found.append(f"{self.anyway:,.0f} conversions would have come anyway")
        if self.sampled:
            found.append(f"learned from {MAX_CUSTOMERS:,} customers")
        if self.untouched:
            found.append(f"{self.untouched:,} conversions were preceded by no touch")
        return found


@frozen(eq=False)
class _Measured:
    """Of each path, the conversions, the times it led to none, and amounts, group by group."""

    paths: dict[Path, list[int]]
    decayed: dict[str, list[int]]  # credit of touches in time, and of amounts, group by group
    untouched: int
    currencies: frozenset[str]
    touches: Touches | None = None
    held_out: HeldOut | None = None


def _outcome(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        is_condition(instance, attribute, value)


@frozen
class Attribution:
    """Credit touches with an outcome.

    The touches of a conversion are the interactions of its journey since the one before, without
    those that are conversions themselves. Credit shows what went before; it is no proof of cause.

    Attributes:
        outcome: The touchpoint, or a condition, that is a conversion.
        model: ``first``, ``last``, ``linear``, ``position`` (40 % each the first and the last, 20 %
            those between), ``time-decay``, ``markov`` (the removal effect, Anderl et al. 2016),
            ``shapley`` (Shapley 1953), or ``learned``: by how much touches raise the rate of
            conversions (see `measuring.learned_credit`), and whether that can be known at all.
        by: The level of the elements that earn credit.
        lookback: How long before a conversion touches count (None: any time).
        order: How many touches back the Markov chain remembers, from 1 to 4.
        null_paths: Whether paths without a conversion count in the chain.
        half_life: The time in which a touch loses half of its weight, of ``time-decay``.
        currency: The currency that counts, when the log holds several.
        withheld: Of the learned model, the column that names, for customers who are held out, the
            element that is withheld from them (None: there is no hold-out). The credit of such an
            element is what it causes: the difference of the shares that convert.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> from journeymap.analysis import Columns, Log
    >>> log = Log.from_frame({"customer": list("aaaabcc"), "at": range(7),
    ...     "touchpoint": ["visit"] * 3 + ["buy"] + ["visit"] * 3,
    ...     "via": ["C1", "C2", "C3", None, "C1", "C2", "C3"]},
    ...     Columns(at_unit="s", channel="via"))
    >>> answer = log.ask(Attribution("buy"))
    >>> [(row.element, round(row.share, 3)) for row in answer]
    [('C2', 0.4), ('C3', 0.4), ('C1', 0.2)]
    """

    outcome: str | Condition = field(validator=_outcome)
    model: Model = field(default="markov", validator=one_of(*get_args(Model)))
    by: str = field(default="channel", validator=of_type(str), kw_only=True)
    lookback: timedelta | None = field(
        default=None, converter=maybe_length, validator=validators.optional(positive_duration),
        kw_only=True,
    )  # fmt: skip
    order: int = field(default=1, kw_only=True)
    null_paths: bool = field(default=True, validator=of_type(bool), kw_only=True)
    half_life: timedelta = field(
        default=timedelta(days=7), converter=as_length, validator=positive_duration, kw_only=True
    )
    currency: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )

    withheld: str | None = field(
        default=None, validator=validators.optional(of_type(str)), kw_only=True
    )

    @withheld.validator
    def _check_withheld(self, attribute: Any, value: Any) -> None:
        if value is not None and self.model != "learned":
            message = "only a learned model is calibrated by a hold-out"
            raise ElementError("Attribution", "withheld", value, message)

    @order.validator
    def _check_order(self, attribute: Any, value: Any) -> None:
        if type(value) is not int or not 1 <= value <= 4:
            message = "a whole number from 1 to 4 is expected"
            raise ElementError("Attribution", "order", value, message)

    def measure(self, part: Part) -> _Measured:
        """Find the paths, and what each led to."""
        if not len(part):
            return _Measured({}, {}, 0, frozenset())
        if self.lookback is not None or self.model == "time-decay":
            require_times(part.scope, "Attribution(lookback=…)")
        if self.model == "learned":
            return self._kept(part)
        names, codes = part.names(self.by), part.codes(self.by).astype(np.int64)
        walks, rows = self._touches(part)
        sizes = np.bincount(walks.path[rows], minlength=len(walks.end))
        some = sizes > 0
        amounts, met = self._amounts(part, walks.end)
        untouched = int((walks.converted & ~some).sum())
        offsets = np.append(0, np.cumsum(sizes[some]))
        which, models = group_sequences(codes[rows], offsets, names)
        group = assign_groups(part, GROUPS)[part.journey[walks.end]]
        converted = walks.converted
        paths: dict[Path, list[int]] = {}
        counts = np.zeros((len(models), 2, GROUPS), dtype=np.int64)
        mine = np.flatnonzero(some)
        for column, weight in enumerate((converted, ~converted)):
            np.add.at(counts[:, column], (which, group[mine]), weight[mine].astype(np.int64))
        worth = (
            amounts.where(converted)
            .select(mine)
            .sums_by(which * GROUPS + group[mine], len(models) * GROUPS)
        )
        counts = np.concatenate([counts, _by_group(worth)], axis=1)
        for place, model in enumerate(models.tolist()):
            path = tuple(str(names[code]) for code in
                         codes[rows[offsets[model] : offsets[model + 1]]].tolist())  # fmt: skip
            paths[path] = counts[place].ravel().tolist()
        decayed = {}
        if self.model == "time-decay":
            decayed = self._decay(part, walks, rows, names, group, amounts)
        return _Measured(paths, decayed, untouched, met)

    def _kept(self, part: Part) -> _Measured:
        """Keep touches and conversions one by one, of some customers."""
        require_times(part.scope, "Attribution(model='learned')")
        done = mark_outcome(part, self.outcome)
        amounts, met = self._amounts(part, np.arange(len(part)))
        held_out = None if self.withheld is None else HeldOut.of(part, self.withheld, done)
        return _Measured({}, {}, 0, met, Touches.of(part, self.by, done, amounts.floats), held_out)

    def _touches(self, part: Part) -> tuple[_Walks, Ints]:
        """Find the paths of a part, and the interactions that are touches."""
        done = mark_outcome(part, self.outcome)
        walks = _Walks.of(part, done)
        kept = ~done & (part.codes(self.by) > 0) & self._in_time(part, walks)
        return walks, np.flatnonzero(kept)

    def find_customers(self, part: Part, row: Mapping[str, Any], number: str) -> Ints | None:
        """Find the customers whose conversions a row counts, as the part numbers them."""
        if not len(part):
            return np.zeros(0, dtype=np.int64)
        walks, rows = self._touches(part)
        if number == "touched":
            names = np.array([name == row["element"] for name in part.names(self.by)], dtype=bool)
            rows = rows[names[part.codes(self.by)[rows]]]
        return part.customer[rows[walks.converted[walks.path[rows]]]]

    def _in_time(self, part: Part, walks: _Walks) -> Any:
        if self.lookback is None:
            return np.ones(len(part), dtype=bool)
        end = part.at[walks.end][walks.path]
        return end - part.at <= micros_in(self.lookback)

    def _amounts(self, part: Part, rows: Ints) -> tuple[Amounts, frozenset[str]]:
        found = read_amounts(part, self.currency)
        if found is None:
            return Amounts(np.zeros(len(rows), dtype=np.int64), None), frozenset()
        return found[0].select(rows), found[2]

    def _decay(
        self, part: Part, walks: _Walks, rows: Ints, names: tuple[str | None, ...], group: Ints,
        amounts: Amounts,
    ) -> dict[str, list[int]]:  # fmt: skip
        """Credit each touch of a conversion by how long before it was."""
        rows = rows[walks.converted[walks.path[rows]]]
        path = walks.path[rows]
        ago = (part.at[walks.end[path]] - part.at[rows]) / (micros_in(self.half_life))
        least = np.full(len(walks.end), np.inf)
        np.minimum.at(least, path, ago)
        weight = np.exp2(least[path] - ago)  # the nearest weighs 1, so that none is lost in nothing
        total = np.bincount(path, weight, minlength=len(walks.end))
        credit = np.rint(_UNIT * weight / total[path]).astype(np.int64)
        worth = Amounts(*split_amounts(amounts.floats[path] * weight / total[path]))
        sums = np.zeros((len(names), 1, GROUPS), dtype=np.int64)
        codes = part.codes(self.by)[rows].astype(np.int64)
        np.add.at(sums[:, 0], (codes, group[path]), credit)
        earned = worth.sums_by(codes * GROUPS + group[path], len(names) * GROUPS)
        sums = np.concatenate([sums, _by_group(earned)], axis=1)
        there = distinct(codes).tolist()
        return {str(names[code]): sums[code].ravel().tolist() for code in there}

    def merge(self, one: _Measured, other: _Measured) -> _Measured:
        """Sum path by path."""
        return _Measured(
            _added(one.paths, other.paths), _added(one.decayed, other.decayed),
            one.untouched + other.untouched, one.currencies | other.currencies,
            one.touches if other.touches is None else
            other.touches if one.touches is None else one.touches.merge(other.touches),
            one.held_out if other.held_out is None else
            other.held_out if one.held_out is None else one.held_out.merge(other.held_out),
        )  # fmt: skip

    def answer(self, measured: _Measured, scope: Scope) -> AttributionAnswer:
        """Credit elements, in all and in each half of the customers."""
        choose_currency("Attribution", self.currency, measured.currencies)
        if measured.touches is not None:
            return self._learned(
                measured.touches, scope, measured.held_out, paid=bool(measured.currencies)
            )
        paths = {path: _with_amounts(numbers) for path, numbers in measured.paths.items()}
        credit = self._crediting(measured, paths)
        whole = credit(list(range(GROUPS)))
        total = int(sum(int(numbers[0].sum()) for numbers in paths.values()))
        lost = int(sum(int(numbers[1].sum()) for numbers in paths.values()))
        if not total:
            empty = pl.DataFrame(schema=AttributionAnswer.schema())
            return AttributionAnswer(empty, untouched=measured.untouched, lost=lost)
        halves = [_shares(credit(list(half))) for half in HALVES]
        paid = bool(measured.currencies) and any(numbers[2].any() for numbers in paths.values())
        touched = dict.fromkeys(whole, 0)
        for path, numbers in paths.items():
            for name in set(path):
                touched[name] += int(numbers[0].sum())
        shares = _shares(whole)
        groups = np.sum([numbers[0] for numbers in paths.values()], axis=0)
        enough = int((groups > 0).sum()) >= GROUPS // 2
        rows = []
        for name, (conversions, value) in whole.items():
            share = shares[name]
            moved = [half.get(name, 0.0) - share for half in halves if half]
            error = _STUDENT * float(np.sqrt(np.mean(np.square(moved)))) if moved else 1.0
            low, high = _bounds(share, error, total)
            rows.append((
                name, conversions, share, low if enough else None, high if enough else None,
                value if paid else None, touched[name], total,
            ))  # fmt: skip
        rows.sort(key=lambda row: (-row[2], row[0]))
        frame = pl.DataFrame(rows, schema=AttributionAnswer.schema(), orient="row")
        return AttributionAnswer(frame, untouched=measured.untouched, lost=lost)

    def _learned(
        self, touches: Touches, scope: Scope, held_out: HeldOut | None, *, paid: bool
    ) -> AttributionAnswer:
        """Learn a model, in all and of each half of the customers, and ask what can be known."""
        touched, amounts = touches.learned_from(scope.seen_until)
        lookback = None if self.lookback is None else micros_in(self.lookback)
        credit = LearnedCredit.of(touched, lookback)
        shares = credit.shares if credit.shares is not None else np.zeros((0, len(touched.names)))
        halves = []
        if credit.memory is not None:
            some = [touched.of_groups(list(half)) for half in HALVES]
            halves = [
                _of_all(LearnedCredit.of(one, lookback, credit.memory).earned) for one in some
            ]
        scale = touches.conversions / max(1, len(touched.converted))
        value = shares.T @ amounts if len(shares) else np.zeros(len(touched.names))
        share = _of_all(credit.earned)
        error = _STUDENT * np.sqrt(np.mean([np.square(half - share) for half in halves], axis=0)
                                   ) if halves else share  # fmt: skip
        before, untouched = touched.count_before_conversions(lookback)
        rows = [
            (name, float(credit.earned[place]) * scale, float(share[place]),
             max(0.0, float(share[place] - error[place])) if error[place] else None,
             min(1.0, float(share[place] + error[place])) if error[place] else None,
             float(value[place]) * scale if paid else None, round(before[place] * scale),
             touches.conversions)
            for place, name in enumerate(touched.names)
            if credit.earned.any() or held_out is not None
        ]  # fmt: skip
        rows.sort(key=lambda row: (-row[2], row[0]))
        reason = find_reason_against(touched, credit)
        found = AttributionAnswer(
            pl.DataFrame(rows, schema=AttributionAnswer.schema(), orient="row"),
            untouched=round(untouched * scale),
            anyway=credit.anyway * scale, identifiable=not reason, reason=reason,
            sampled=touches.sampled,
        )  # fmt: skip
        if held_out is None:
            return found
        mean = float(amounts.mean()) if paid and len(amounts) else None
        return _calibrated(found, held_out, touches.conversions, mean)

    def _crediting(self, measured: _Measured, paths: Walked) -> Crediting:
        """Make what credits elements by the customers of some groups; all that were met."""
        if self.model == "markov":
            if not paths:
                return lambda groups: {}
            return MarkovChain(paths, self.order, null_paths=self.null_paths).credit
        if self.model == "time-decay":
            earned = {
                name: _with_amounts(numbers) / [[_UNIT], [1]]
                for name, numbers in measured.decayed.items()
            }
        elif self.model == "shapley":
            earned = credit_by_set(paths)
        else:
            earned = credit_by_place(paths, self.model)
        nothing = np.zeros((2, GROUPS))
        names = sorted({name for path in paths for name in path})

        def credit(groups: list[int]) -> dict[str, tuple[float, float]]:
            sums = {name: earned.get(name, nothing)[:, groups].sum(axis=1) for name in names}
            return {name: (float(one), float(other)) for name, (one, other) in sums.items()}

        return credit


@frozen(eq=False)
class _Walks:
    """The paths of a part: each interaction's, the last interaction of each, and how it ended."""

    path: Ints
    end: Ints
    converted: Flags

    @classmethod
    def of(cls, part: Part, done: Flags) -> _Walks:
        """Begin a path where a journey begins, and after each conversion."""
        fresh = part.first.copy()
        fresh[1:] |= done[:-1]
        path = np.cumsum(fresh) - 1
        begins = np.flatnonzero(fresh)
        end = np.append(begins[1:], len(part)) - 1
        return cls(path, end, done[end])


def _by_group(sums: AmountSums) -> Ints:
    """Arrange sums by group as the columns of what they are of."""
    found: Ints = sums.parts.reshape(3, -1, GROUPS).transpose(1, 0, 2)
    return found


def _with_amounts(numbers: list[int]) -> Floats:
    """Read the counts of groups, and in a last row the amounts, in their currency."""
    columns = np.array(numbers, dtype=np.int64).reshape(-1, GROUPS)
    return np.vstack([columns[:-3], AmountSums(columns[-3:]).floats])


def _bounds(share: float, error: float, total: int) -> tuple[float, float]:
    """Bound a share; one of hardly any conversions, or of nearly all, as any share of so many.

    Where a part of the customers has none, no resampling of them moves it.
    """
    low, high = max(0.0, share - error), min(1.0, share + error)
    if _FEW <= share * total <= total - _FEW:
        return low, high
    least, most = wilson_bounds(share, total, NORMAL_QUANTILE)
    return min(low, least), max(high, most)


def _shares(credits_: dict[str, tuple[float, float]]) -> dict[str, float]:
    total = sum(conversions for conversions, _ in credits_.values())
    if not total:
        return {}
    return {name: conversions / total for name, (conversions, _) in credits_.items()}


def _calibrated(
    answer: AttributionAnswer, held_out: HeldOut, conversions: int, mean: float | None
) -> AttributionAnswer:
    """Put what a hold-out measured in the place of what was learned.

    ``mean`` is the amount of a conversion: what one is worth that nothing was learned of.
    """
    caused = {row.element: held_out.caused(row.element) for row in answer}
    earned = {
        row.element: row.conversions if (known := caused[row.element]) is None
        else max(0.0, known[0]) for row in answer
    }  # fmt: skip
    total = sum(earned.values())
    rows = []
    for row in answer:
        mine, known = earned[row.element], caused[row.element]
        share = mine / total if total else 0.0
        low, high, value = row.low, row.high, row.value
        if known is not None:
            low, high = (min(1.0, max(0.0, bound / total)) if total else 0.0 for bound in known[1:])
            each = value / row.conversions if value is not None and row.conversions else mean
            value = None if each is None else each * mine
        rows.append((row.element, mine, share, low, high, value, row.touched, row.n))
    rows.sort(key=lambda row: (-row[2], row[0]))
    measured = tuple(sorted(name for name, known in caused.items() if known is not None))
    all_ = bool(measured) and all(caused[name] is not None for name, one in earned.items() if one)
    if not any(row.conversions for row in answer):  # nothing is known but what was measured
        rows = [row for row in rows if row[0] in measured]
    return evolve(
        answer, frame=pl.DataFrame(rows, schema=AttributionAnswer.schema(), orient="row"),
        anyway=max(0.0, conversions - total), measured=measured,
        identifiable=answer.identifiable or all_, reason="" if all_ else answer.reason,
    )  # fmt: skip


def _of_all(earned: Any) -> Any:
    """Divide what elements earn by what they earn together."""
    total = earned.sum()
    return earned / total if total > 0 else np.zeros(len(earned))


def _added(one: dict[Any, list[int]], other: dict[Any, list[int]]) -> dict[Any, list[int]]:
    made = dict(one)
    for key, numbers in other.items():
        mine = made.get(key)
        made[key] = numbers if mine is None else [
            a + b for a, b in zip(mine, numbers, strict=True)
        ]  # fmt: skip
    return made
