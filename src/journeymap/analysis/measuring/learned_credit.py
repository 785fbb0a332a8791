"""Credit learned from when conversions come: a model of their rate, shared out by Shapley's value.

The rate of conversions at a time is that without touches, times a factor for each touch since the
last conversion, by how long ago it was. Without touches it may be any other at any time since the
last conversion, or since the customer was first there: who buys by habit meets more touches the
longer it is since the last purchase, and none of them is why the next one is due. It is learned by
comparing the moments of conversions with moments drawn by chance from all the time in which
customers might have converted: a logistic regression (Prentice and Breslow 1978).
Of a conversion, an element earns its Shapley value in the
game in which a set of elements is worth the rate with their touches alone; the multilinear
extension of Owen (1972) gives it exactly, however many elements there are. The rest would have come
anyway.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from journeymap.analysis.table.part import Ints
from journeymap.model.instants import MICROSECOND

__all__ = ["LearnedCredit", "Touched", "find_reason_against"]

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

_MEMORIES = tuple(timedelta(hours=one) // MICROSECOND for one in (3, 8, 24, 48, 96, 192, 384, 720))
"""Times in which the effect of a touch falls to a third that are tried."""
_SURE = 1.96  # standard errors above nothing that an effect must be
_COMPARED, _MOST = 6, 60_000  # moments drawn for each conversion, and in all
_RIDGE = 0.1
_PHASES_AFTER, _PHASES_FIRST = 12, 6  # since the last conversion, and since the beginning
_LEAST = 30  # conversions from which anything is learned
_BURSTS = (1, 3, 7, 14, 30, 90)  # days in which more touches may follow than by chance
_BURST, _BURST_SURE = 1.05, 3.3  # times as many, and standard errors above nothing
_BRIEFEST = timedelta(days=1) // MICROSECOND
_ANYWAY = 0.03  # of the conversions, at least, that would have come anyway, or of the time
_FADED = 0.05  # of a touch: less has no effect
_HOURS = timedelta(hours=8) // MICROSECOND
_SURER = 2.58  # standard errors that conversions must be more after touches than before
_NEAR = 2  # times the memory, before a touch and after it, in which conversions are compared
_AT_ONCE, _OFTEN = 0.1, 0.25  # conversions for each touch, within hours and at all
_SEED = 20_26


@frozen(eq=False)
class Touched:
    """Touches, conversions and the time in which customers might convert.

    Attributes:
        names: The elements.
        person: The customer of each touch, as a number; touches are ordered by customer and time.
        element: The element of each touch, as a place in the names.
        at: Its time.
        converted: The customer of each conversion.
        converted_at: Its time.
        begin: When each customer was first there.
        end: When each was last to be seen: the end of the log.
        group: The group of each customer, of those that are resampled.
    """

    names: tuple[str, ...]
    person: Ints
    element: Ints
    at: Ints
    converted: Ints
    converted_at: Ints
    begin: Ints
    end: Ints
    group: Ints

    def count_before_conversions(self, lookback: int | None) -> tuple[list[int], int]:
        """Count the conversions before which each element was met, and before which none was."""
        found = np.zeros(len(self.names), dtype=np.int64)
        until = _next_conversion(self)
        near = until < np.iinfo(np.int64).max
        if lookback is not None:
            near &= until - self.at <= lookback
        keys = np.unique(np.column_stack([self.person, until, self.element])[near], axis=0)
        np.add.at(found, keys[:, 2], 1)
        counts: list[int] = found.tolist()
        met = np.unique(keys[:, :2], axis=0)
        return counts, len(np.unique(np.column_stack([self.converted, self.converted_at]), axis=0)
                           ) - len(met)  # fmt: skip

    def of_groups(self, groups: list[int]) -> Touched:
        """Select the customers of some groups."""
        kept = np.isin(self.group, groups)
        touches, conversions = kept[self.person], kept[self.converted]
        number = np.cumsum(kept) - 1
        return Touched(
            self.names, number[self.person[touches]], self.element[touches], self.at[touches],
            number[self.converted[conversions]], self.converted_at[conversions],
            self.begin[kept], self.end[kept], self.group[kept],
        )  # fmt: skip


@frozen(eq=False)
class LearnedCredit:
    """The conversions that each element earns, and how many would have come anyway.

    Attributes:
        earned: The conversions that each element earns.
        anyway: Those that would have come anyway.
        memory: The time in which the effect of a touch falls to a third, in microseconds (None:
            nothing was learned).
        shares: What each element earns of each conversion.
    """

    earned: Floats
    anyway: float
    memory: int | None = None
    shares: Floats | None = None
    effects: Floats | None = None  # on the logarithm of the rate, of each element
    bare: float = 1.0  # the share of the time in which no touch has any effect

    @classmethod
    def of(
        cls, touched: Touched, lookback: int | None, memory: int | None = None
    ) -> LearnedCredit:  # fmt: skip
        """Learn the model, with the best memory if none is given, and share out the conversions."""
        size = len(touched.names)
        if len(touched.converted) < _LEAST or not size:
            return cls(np.zeros(size), float(len(touched.converted)))
        person, at = _drawn_moments(touched)
        y = np.r_[np.ones(len(touched.converted)), np.zeros(len(person))]
        anyway = _phases_without_touches(
            touched, np.r_[touched.converted, person], np.r_[touched.converted_at, at]
        )
        best: tuple[float, Floats, Floats, int] | None = None
        for tried in _MEMORIES if memory is None else (memory,):
            if lookback is not None and tried > lookback and best is not None:
                break
            x = np.concatenate([
                _doses(touched, *moments, tried, lookback)
                for moments in ((touched.converted, touched.converted_at), (person, at))
            ])  # fmt: skip
            beta, likelihood = _fit_sure(x, anyway, y)
            if best is None or likelihood > best[0] + 1e-9:
                best = likelihood, beta, x, tried
        assert best is not None  # noqa: S101  # there is a memory at least
        converted, drawn = np.split(best[2], [len(touched.converted)])
        factors = np.exp(converted * best[1])
        shares = _shapley(factors)
        earned = shares.sum(axis=0)
        rest = max(0.0, len(touched.converted) - float(earned.sum()))
        bare = float((drawn.sum(axis=1) < _FADED).mean())
        return cls(earned, rest, best[3], shares, best[1], bare)


def find_reason_against(touched: Touched, credit: LearnedCredit) -> str:
    """Find why the data cannot show what touches cause, without a hold-out; nothing if they may.

    Whoever is about to convert meets touches in bursts, for hours or for weeks: after a touch more
    come than by chance, for so active a customer at that time of the year. Who comes to
    buy may meet a single one, on the way: no touch that causes conversions does so every fourth
    time, nor every tenth time within hours. Who is more active, or in a busy season, meets more
    touches and converts more often, as much before a touch as after it. And where all conversions
    come soon after touches, there is nothing to compare with.
    """
    if len(touched.converted) < _LEAST:
        return f"there are {len(touched.converted)} conversions: too few to learn from"
    if len(touched.at) < _LEAST:
        few = f"are {len(touched.at)} touches: too few" if len(touched.at) else "is no touch"
        return f"there {few} to learn from"
    if _come_in_bursts(touched):
        return (
            "touches come in bursts, as when customers look for what they are about to buy; "
            "whether they cause conversions or follow the intent, only a hold-out can show"
        )
    met = np.maximum(np.bincount(touched.element, minlength=len(touched.names)), 1)
    soonest = credit.memory is not None and credit.memory <= _HOURS
    if np.any(credit.earned / met > (_AT_ONCE if soonest else _OFTEN)):
        return (
            "a touch is followed by a conversion so often as when customers meet it on the way to "
            "buy; whether it causes conversions or follows the intent, only a hold-out can show"
        )
    if credit.effects is not None and not _converts_more_after(touched, credit):
        return (
            "conversions do not come surely more often after a touch than before it, as where "
            "active customers, or a busy season, have more of both; whether touches cause any, "
            "only a hold-out can show"
        )
    total = credit.anyway + float(credit.earned.sum())
    nothing = not credit.earned.any() and credit.bare < _ANYWAY
    if nothing or credit.anyway < _ANYWAY * total:
        return "hardly anything is converted without touches, so that there is no comparison"
    return ""


def _converts_more_after(touched: Touched, credit: LearnedCredit) -> bool:
    """Check whether conversions come surely more often after the touches that earn any than before.

    What raises both for a while, in a customer or in all, does so on both sides of a touch (Lewis,
    Rao and Reiley 2011). The spread is that between customers.
    """
    earning = (credit.effects > 0)[touched.element] if credit.effects is not None else None
    if earning is None or not earning.any():
        return True
    person, at = touched.person[earning], touched.at[earning]
    before, left = at - touched.begin[person], touched.end[person] - at
    room = np.sort(np.minimum(before, left))
    # As long as the effect lasts, or as long as half of the touches have on both sides.
    near = min(_NEAR * (credit.memory or 0), max(int(room[len(room) // 2]), 1))
    whole = (before >= near) & (left >= near)
    person, at = person[whole], at[whole]
    order = np.lexsort((touched.converted_at, touched.converted))
    mine, times = touched.converted[order], touched.converted_at[order]
    after = _search(mine, times, person, at + near) - _search(mine, times, person, at)
    earlier = _search(mine, times, person, at - 1) - _search(mine, times, person, at - near - 1)
    more = np.bincount(person, weights=after - earlier, minlength=1)
    return bool(more.sum() > _SURER * np.sqrt((more**2).sum()))


def _come_in_bursts(touched: Touched) -> bool:
    """Check whether more touches follow a touch than if each came by chance.

    By chance a customer's touches, however many, are spread as those of all customers are who are
    there at the time. The spread is that between customers.
    """
    person, at = touched.person, touched.at
    mine = np.bincount(person, minlength=len(touched.begin))
    times = np.sort(at)
    there = np.searchsorted(np.sort(touched.begin), times, side="right")
    there -= np.searchsorted(np.sort(touched.end), times, side="left")
    risen = np.r_[0.0, np.cumsum(1 / np.maximum(there, 1))]

    def rise(begin: Ints, end: Ints) -> Floats:
        upto: Floats = risen[np.searchsorted(times, end, side="right")]
        before: Floats = risen[np.searchsorted(times, begin, side="right")]
        return upto - before

    whole = np.maximum(rise(touched.begin - 1, touched.end)[person], 1e-12)
    longest = int((touched.end - touched.begin).max()) // 4
    for days in _BURSTS:
        length = timedelta(days=days) // MICROSECOND
        until = np.minimum(at + length, touched.end[person])
        follow = _search(person, at, person, until) - _search(person, at, person, at)
        chance = (mine[person] - 1) * rise(at, until) / whole
        more = np.bincount(person, follow - chance, len(mine))
        sure = more.sum() > _BURST_SURE * np.sqrt((more**2).sum())
        if sure and follow.sum() > _BURST * chance.sum() and length <= max(longest, _BRIEFEST):
            return True
    return False


def _next_conversion(touched: Touched) -> Ints:
    """Find the time of the customer's conversion at each touch or next; a far one for none."""
    far = np.iinfo(np.int64).max
    found = np.full(len(touched.at), far)
    order = np.lexsort((touched.converted_at, touched.converted))
    person, at = touched.converted[order], touched.converted_at[order]
    spot = _search(person, at, touched.person, touched.at - 1)
    there = spot < len(person)
    there[there] = person[spot[there]] == touched.person[there]
    found[there] = at[spot[there]]
    return found


def _search(persons: Ints, times: Ints, person: Ints, at: Ints) -> Ints:
    """Find the first place after a time of each customer, in pairs that are ordered."""
    joined = np.lexsort((np.r_[np.zeros(len(times)), np.ones(len(at))], np.r_[times, at],
                         np.r_[persons, person]))  # fmt: skip
    known = joined < len(persons)
    before = np.cumsum(known)
    spot = np.empty(len(person), dtype=np.int64)
    asked = joined[~known] - len(persons)
    spot[asked] = before[~known]
    return spot


def _drawn_moments(touched: Touched) -> tuple[Ints, Ints]:
    """Draw moments by chance from the time in which customers might convert."""
    length = np.maximum(touched.end - touched.begin, 1).astype(np.float64)
    edges = np.cumsum(length)
    count = min(_MOST, _COMPARED * len(touched.converted) + 2000)
    spots = np.sort(np.random.default_rng(_SEED).random(count)) * edges[-1]
    person = np.minimum(np.searchsorted(edges, spots, side="right"), len(edges) - 1)
    inside = spots - np.r_[0.0, edges[:-1]][person]
    return person, touched.begin[person] + inside.astype(np.int64)


def _doses(
    touched: Touched, person: Ints, at: Ints, memory: int, lookback: int | None
) -> Floats:  # fmt: skip
    """Sum the touches of each element since the last conversion, each fading with its age."""
    found = np.zeros((len(person), len(touched.names)))
    if not len(touched.person):
        return found
    since = _last_conversion(touched, person, at)
    place = _search(touched.person, touched.at, person, at) - 1
    oldest = 6 * memory if lookback is None else min(lookback, 6 * memory)
    alive = np.arange(len(person))
    while len(alive):
        row = place[alive]
        good = (row >= 0) & (touched.person[row] == person[alive])
        good &= (touched.at[row] > since[alive]) & (at[alive] - touched.at[row] <= oldest)
        alive, row = alive[good], row[good]
        ago = (at[alive] - touched.at[row]) / memory
        found[alive, touched.element[row]] += np.exp(-ago)
        place[alive] -= 1
    return found


def _last_conversion(touched: Touched, person: Ints, at: Ints) -> Ints:
    """Find the time of the last conversion before some moments; a far one for none."""
    order = np.lexsort((touched.converted_at, touched.converted))
    mine, times = touched.converted[order], touched.converted_at[order]
    spot = _search(mine, times, person, at - 1) - 1
    since = np.full(len(person), np.iinfo(np.int64).min)
    there = spot >= 0
    there[there] = mine[spot[there]] == person[there]
    since[there] = times[spot[there]]
    return since


def _phases_without_touches(touched: Touched, person: Ints, at: Ints) -> Floats:
    """Divide moments by how long the last conversion is ago, or the customer's beginning.

    A column for each phase, but for the first.
    """
    since = _last_conversion(touched, person, at)
    repeated = since > np.iinfo(np.int64).min
    columns = []
    for which, ago, most in (
        (repeated, at - np.where(repeated, since, at), _PHASES_AFTER),
        (~repeated, at - touched.begin[person], _PHASES_FIRST),
    ):
        if not which.any():
            continue
        edges = np.unique(np.quantile(ago[which], np.arange(1, most) / most))
        phase = np.searchsorted(edges, ago, side="left")
        columns += [which & (phase == number) for number in range(len(edges) + 1)]
    return np.column_stack(columns)[:, 1:].astype(np.float64)


def _fit_sure(x: Floats, anyway: Floats, y: Floats) -> tuple[Floats, float]:
    """Fit the effects that are surely above nothing; the others are 0. Give the likelihood, too."""
    kept = np.arange(x.shape[1])
    fixed = np.column_stack([np.ones(len(x)), anyway])
    while True:
        whole = np.column_stack([fixed, x[:, kept]])
        beta, inverse = _fit(whole, y, fixed.shape[1])
        effects = beta[fixed.shape[1] :]
        ratio = effects / np.sqrt(np.diag(inverse)[fixed.shape[1] :])
        if not len(kept) or ratio.min() > _SURE:
            break
        kept = np.delete(kept, int(np.argmin(ratio)))
    found = np.zeros(x.shape[1])
    found[kept] = effects
    eta = whole @ beta
    return found, float(y @ eta - np.logaddexp(0, eta).sum())


def _fit(x: Floats, y: Floats, fixed: int) -> tuple[Floats, Floats]:
    """Fit a logistic regression by Newton's method, with a ridge on all but the first columns."""
    beta = np.zeros(x.shape[1])
    ridge = np.full(x.shape[1], _RIDGE)
    ridge[:fixed] = 1e-3
    ridge[0] = 1e-9
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (y - p) - ridge * beta
        information = (x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(information, gradient)
        beta = beta + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-7:
            break
    return beta, np.linalg.inv(information)


def _shapley(factors: Floats) -> Floats:
    """Share out what a product of factors is above one, as parts of the product."""
    more = factors - 1.0
    nodes, weights = np.polynomial.legendre.leggauss(max(1, (factors.shape[1] + 1) // 2))
    nodes, weights = (nodes + 1) / 2, weights / 2
    total = np.zeros_like(factors)
    for t, w in zip(nodes, weights, strict=True):
        each = np.maximum(1 + t * more, 1e-12)
        total += w * np.prod(each, axis=1, keepdims=True) / each
    found: Floats = more * total / np.prod(factors, axis=1, keepdims=True)
    return found
